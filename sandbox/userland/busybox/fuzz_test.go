package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// With -random.n=5000 -random.seed=7 other and more scripts are made than in CI.
var (
	randomCount = flag.Int("random.n", 250, "number of random scripts to compare with busybox")
	randomSeed  = flag.Uint64("random.seed", 1, "seed of the random scripts")
)

// TestRandomScriptsPrintWhatBusyboxPrints makes scripts of filters with random options on random input.
func TestRandomScriptsPrintWhatBusyboxPrints(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(reference); err != nil {
		t.Skip("no native busybox to compare with: install busybox-static")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the applets run natively on linux/amd64 alone")
	}
	theirs, ours := links(t, reference, applet.Names()), links(t, build(t), applet.Names())
	theirHelp, ourHelp := helpTexts(t, theirs), helpTexts(t, ours)
	g := generator{rand.New(rand.NewPCG(*randomSeed, 0))}
	for range *randomCount {
		text := g.script()
		if want, got := script(t, theirs, theirHelp, text), script(t, ours, ourHelp, text); got != want {
			t.Errorf("%s\n--- busybox\n%s\n--- ours\n%s", text, want, got)
		}
	}
}

// generator makes scripts.
type generator struct{ *rand.Rand }

func (g generator) of(list ...string) string { return list[g.IntN(len(list))] }

// some returns each of the words with a chance of one in four.
func (g generator) some(words ...string) string {
	var b strings.Builder
	for _, w := range words {
		if g.IntN(4) == 0 {
			b.WriteString(" " + w)
		}
	}
	return b.String()
}

func (g generator) n(max int) string { return fmt.Sprint(1 + g.IntN(max)) }

// rangeList is a list as cut takes it.
func (g generator) rangeList() string {
	var parts []string
	for range 1 + g.IntN(3) {
		a, b := 1+g.IntN(9), 1+g.IntN(9)
		parts = append(parts, g.of(fmt.Sprint(a), fmt.Sprintf("%d-", a), fmt.Sprintf("-%d", a), fmt.Sprintf("%d-%d", min(a, b), max(a, b))))
	}
	return strings.Join(parts, ",")
}

// input is a few lines of words, numbers, blanks and tabs.
func (g generator) input() string {
	var b strings.Builder
	for range g.IntN(12) {
		for range g.IntN(5) {
			b.WriteString(g.of("a", "b", "Ab", "aB", "foo", "bar", "x1", "x10", "x9", "007", "-3", "12", "3.5", "0", ":", ",", "z"))
			b.WriteString(g.of(" ", " ", "  ", "\\t", ":", ","))
		}
		b.WriteString(g.of("\\n", "\\n", "\\n", "\\n\\n"))
	}
	return b.String() + g.of("", "", "end")
}

func (g generator) script() string {
	return fmt.Sprintf("printf -- '%s' > f; printf -- '%s' > g; %s; echo \" $?\"", g.input(), g.input(), g.command())
}

func (g generator) set() string {
	return g.of("a-z", "A-Z", "0-9", "ab", "[:alpha:]", "[:digit:]", "[:space:]", "[:upper:]", "[:lower:]", "xyz", "\\n", " ", ":,", "[:punct:]", "[:alnum:]", "a-", "\\t")
}

func (g generator) command() string {
	switch g.IntN(18) {
	case 0:
		return "cut " + g.of("-c", "-b") + g.rangeList() + " f"
	case 1:
		return "cut -d" + g.of(":", "' '", ",", "a") + " -f" + g.of(g.n(4), g.n(4)+"-", "-"+g.n(4)) + g.some("-s") + " f"
	case 2:
		return "tr" + g.some("-c", "-s") + " '" + g.set() + "' '" + g.set() + "' < f"
	case 3:
		return "tr " + g.of("-d", "-s", "-cd", "-cs") + " '" + g.set() + "' < f"
	case 4:
		return "sort" + g.some("-n", "-r", "-f", "-b", "-u") + g.of("", "", " -k"+g.n(3), " -k"+g.n(3)+","+g.n(3), " -k"+g.n(3)+"n", " -t: -k2", " -t, -k"+g.n(2)+"r") + " f"
	case 5:
		return "sort f | uniq" + g.some("-c", "-d", "-u", "-i") + g.of("", "", " -f1", " -s2", " -w3")
	case 6:
		return g.of("head", "tail") + " " + g.of("-n", "-c") + " " + g.of("", "", "-", "+") + fmt.Sprint(g.IntN(9)) + g.of(" f", " f g", " -q f g", " < f")
	case 7:
		return "sed" + g.some("-n") + " '" + g.sed() + "' f"
	case 8:
		return "od" + g.of("", " -An", " -Ad", " -Ax") + g.of("", " -c", " -tx1", " -to2", " -td1", " -x", " -b", " -tu2", " -tx4", " -a") + g.of("", " -N"+g.n(20), " -j"+g.n(9), " -v") + " f"
	case 9:
		return "expr " + g.of(
			fmt.Sprintf("%d %s %d", g.IntN(20)-10, g.of("+", "-", "'*'", "/", "%", "'<'", "'>='", "=", "'|'", "'&'"), g.IntN(8)-3),
			"foobar : '"+g.of("foo", "f.*b", "\\(o*\\)", "fo\\(.\\)", "x", ".*")+"'",
			"length "+g.of("a", "foo", "''"), "substr foobar "+g.n(7)+" "+g.n(7), "index foobar "+g.of("b", "xo", "q"), "'(' 1 + 2 ')' '*' 3", "1 +", "a '<' b", "''", "0")
	case 10:
		return "test " + g.of(
			fmt.Sprintf("%d %s %d", g.IntN(5), g.of("-eq", "-ne", "-lt", "-gt", "-le", "-ge"), g.IntN(5)),
			g.of("-n", "-z")+" "+g.of("''", "a"), g.of("a", "b")+" "+g.of("=", "!=", "'<'", "'>'")+" "+g.of("a", "b"), g.of("-f", "-d", "-e", "-s", "-r", "-h")+" "+g.of("f", ".", "nox"),
			"! "+g.of("a", "''"), "a "+g.of("-a", "-o")+" ''", "'(' a ')'", "x -eq 1", "1 -eq", "", "-f f -a -d . -o ''")
	case 11:
		return "printf '" + g.of("%d", "%5d", "%-5d|", "%05d", "%+d", "%x", "%#x", "%o", "%c", "%s", "%8s", "%-8s|", "%.2s", "%b", "%e", "%.3f", "%g", "%u", "%X", "%%", "%5.1f", "% d") + g.of("\\n", " ", "\\t|\\n") + "' " +
			g.of("12", "-7", "0x1f", "010", "'\"'\"'a'", "foo", "3.75", "''", "1 2 3", "a\\\\tb", "12abc", "99999999999")
	case 12:
		return "seq" + g.of("", " -w", " -s,") + " " + g.of(g.n(12), g.n(5)+" "+g.n(12), fmt.Sprintf("%d %d %d", g.IntN(9), 1+g.IntN(3), g.IntN(12)), g.n(9)+" -"+g.n(3)+" 1", "1 .5 3", "x", "", "1 0.25 2")
	case 13:
		return "fold" + g.of("", " -s", " -b", " -bs") + " -w" + g.n(12) + " f"
	case 14:
		return g.of("expand", "expand -i", "unexpand -a") + g.of("", " -t"+g.n(9)) + " f"
	case 15:
		return "paste" + g.of("", " -s") + g.of("", " -d,", " -d:-") + g.of(" f", " f f", " f f f")
	case 16:
		return "grep " + g.of("-c", "-n", "-v", "-i", "-o", "-w", "-x", "-l", "-q", "-h", "-E", "-F", "-m2", "-A1", "-B1", "-nv") + " '" +
			g.of("a", "foo", "^a", "b$", "x1", "[0-9]", "[[:upper:]]", "a.*b", "x9*", ".", "^$", "\\(a\\)", "fo\\{2\\}") + "' " + g.of("f", "f g")
	}
	return g.of("wc", "wc -l", "wc -w", "wc -c", "wc -L", "tac", "rev", "nl", "nl -ba", "cat -n", "cat -A", "cat -b", "strings -n2", "md5sum", "sha1sum", "base64", "xxd", "xxd -p", "hexdump -C", "sum", "cmp g") + " f | sed '/^[-+][-+][-+] /s/\\t.*//'"
}

// sed makes a script of a few commands.
func (g generator) sed() string {
	var commands []string
	for range 1 + g.IntN(3) {
		addr := g.of("", "", "", g.n(5), "$", "/a/", "/^$/", g.n(3)+","+g.n(6), "/foo/,/b/", g.n(4)+"!", "$!", "/x/!")
		commands = append(commands, addr+g.of(
			"p", "d", "=", "N", "n", "h", "H", "g", "P", "q", "x",
			"s/"+g.of("a", "[0-9]*", "o", "b*", "\\(.\\)\\(.\\)", "^", "$", "x1*", " ", ".")+"/"+g.of("X", "&&", "", "[&]", "\\n", "-")+"/"+g.of("", "g", "2", "p", "gp", "I"),
			"y/abc/xyz/", "i\\"+"\nins", "c\\"+"\nchg"))
	}
	return strings.Join(commands, "\n")
}
