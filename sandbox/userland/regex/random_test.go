package regex

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// randomPattern makes an extended expression that means the same to package regexp.
func randomPattern(r *rand.Rand, depth int) string {
	atoms := []string{"a", "b", "c", "ab", "é", ".", "[ab]", "[^a]", "[b-dé]", "x", "^", "$"}
	if depth > 0 && r.IntN(3) > 0 {
		sub := func() string { return randomPattern(r, depth-1) }
		switch r.IntN(5) {
		case 0:
			return "(" + sub() + ")"
		case 1:
			return sub() + "|" + sub()
		case 2:
			return "(" + sub() + ")" + []string{"*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}"}[r.IntN(7)]
		default:
			return sub() + sub()
		}
	}
	atom := atoms[r.IntN(len(atoms))]
	if r.IntN(4) == 0 && atom != "^" && atom != "$" && atom != "ab" {
		atom += []string{"*", "+", "?"}[r.IntN(3)]
	}
	return atom
}

func randomText(r *rand.Rand, letters []string) string {
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// all returns all matches, as package regexp's FindAllSubmatchIndex does.
func all(re *Regexp, text []byte) [][]int {
	var list [][]int
	m := make([]int, 2+2*re.Groups())
	for it := re.All(text); it.Next(m); {
		list = append(list, slices.Clone(m))
	}
	return list
}

func TestRandomExpressionsMatchWhatPackageRegexpMatches(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	for range 6000 {
		pattern, flags, modes := randomPattern(r, 4), Flags{Extended: true}, "s"
		if r.IntN(4) == 0 {
			flags.IgnoreCase, modes = true, modes+"i"
		}
		if r.IntN(4) == 0 {
			flags.Multiline, modes = true, modes+"m"
		}
		want, err := regexp.Compile("(?" + modes + ")" + pattern)
		if err != nil {
			continue
		}
		want.Longest()
		re, err := Compile(pattern, flags)
		if err != nil {
			t.Fatalf("%q: %v", pattern, err)
		}
		for range 5 {
			text := []byte(randomText(r, []string{"a", "a", "b", "A", "c", "é", "É", "d", "x", "\n"}))
			if got, want := all(re, text), want.FindAllSubmatchIndex(text, -1); !reflect.DeepEqual(got, want) {
				t.Fatalf("%q (%s) in %q = %v, want %v", pattern, modes, text, got, want)
			}
			if got, want := re.Test(text), want.Match(text); got != want {
				t.Fatalf("%q (%s) in %q: %v, want %v", pattern, modes, text, got, want)
			}
		}
	}
}

func TestAFullCacheOfStatesChangesNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		pattern := randomPattern(r, 4) + "[ab].{3,5}" + randomPattern(r, 3)
		want, err := regexp.Compile("(?s)" + pattern)
		if err != nil {
			continue
		}
		want.Longest()
		re, err := Compile(pattern, Flags{Extended: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			text := []byte(randomText(r, []string{"a", "b", "c", "é"}) + randomText(r, []string{"a", "b", "x"}))
			if r.IntN(2) == 0 && re.text != nil {
				re.text.search.reset()
				re.text.reverse.reset()
			}
			if got, want := re.Match(text, 0), want.FindSubmatchIndex(text); !reflect.DeepEqual(got, want) {
				t.Fatalf("%q in %q = %v, want %v", pattern, text, got, want)
			}
		}
	}
}

// TestRandomExpressionsMatchWhatBusyboxMatches compares with grep -o of the native busybox, whose C library has
// another matcher. Bytes past ASCII are left out: natively each is a character.
func TestRandomExpressionsMatchWhatBusyboxMatches(t *testing.T) {
	t.Parallel()
	const busybox = "/bin/busybox"
	if _, err := os.Stat(busybox); err != nil {
		t.Skip("there is no busybox to compare with: ", err)
	}
	r := rand.New(rand.NewPCG(11, 12))
	for range 150 {
		pattern := strings.ReplaceAll(randomPattern(r, 3), "é", "e")
		if r.IntN(3) == 0 {
			// Of simple groups: with others the C library's matcher errs.
			pattern = []string{`([ab])`, `(a|ab)`, `([a-d]+)`, `(^[ab])`, `(x.)`}[r.IntN(5)] + randomPattern(r, 0) + `.*\1`
			pattern = strings.ReplaceAll(pattern, "é", "e")
		}
		var text []byte
		for range 50 {
			text = append(append(text, strings.ReplaceAll(randomText(r, []string{"a", "a", "b", "c", "é", "d", "x"}), "é", "e")...), '\n')
		}
		re, err := Compile(pattern, Flags{Extended: true})
		if err != nil {
			t.Fatalf("%q: %v", pattern, err)
		}
		var want, got bytes.Buffer
		cmd := exec.Command(busybox, "grep", "-E", "--", pattern)
		cmd.Stdin, cmd.Stdout = bytes.NewReader(text), &want
		cmd.Run() // exit code 1 without a match
		for line := range bytes.Lines(text) {
			if re.Test(bytes.TrimSuffix(line, []byte{'\n'})) {
				got.Write(line)
			}
		}
		if got.String() != want.String() {
			t.Errorf("%q in %q:\n%q, want\n%q", pattern, text, got.String(), want.String())
		}
	}
}

func TestLongMatchesTakeLinearTime(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("a"), 1<<20)
	for _, pattern := range []string{"(a*)*b", "a.*a.*a.*b", "(a|aa)+$", "a[^x]*x|b"} {
		re, err := Compile(pattern, Flags{Extended: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := re.Match(text, 0) != nil, pattern == "(a|aa)+$"; got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}

func TestTextThatIsNotUTF8IsReadByBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          []int
	}{
		{"^..$", "\xe9\xff", []int{0, 2}},
		{"[^a]", "a\xff", []int{1, 2}},
		{"é", "\xff é", []int{2, 4}},
		{"\xff", "é\xff", []int{2, 3}},
		{"^.$", "é", []int{0, 2}},
		{"[é-ö]", "\xffö", []int{1, 3}},
	} {
		re, err := Compile(c.pattern, Flags{})
		if err != nil {
			t.Fatal(err)
		}
		if got := re.Match([]byte(c.text), 0); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q in %q = %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
}
