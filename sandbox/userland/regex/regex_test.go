package regex

import (
	"bytes"
	"reflect"
	"testing"
)

func TestMatchFindsLeftmostLongest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		flags         Flags
		want          []int
	}{
		{"a|ab", "xab", Flags{Extended: true}, []int{1, 3}},
		{`\(a*\)b`, "aab", Flags{}, []int{0, 3, 0, 2}},
		{`\(.\)\1`, "abccd", Flags{}, []int{2, 4, 2, 3}},
		{"a+", "aa+", Flags{}, []int{1, 3}},
		{"*a", "x*a", Flags{}, []int{1, 3}},
		{`a\{2,3\}`, "aaaa", Flags{}, []int{0, 3}},
		{"[]x]", "a]", Flags{}, []int{1, 2}},
		{"[^[:space:]]+", " ab ", Flags{Extended: true}, []int{1, 3}},
		{"FOO", "a foo", Flags{IgnoreCase: true}, []int{2, 5}},
		{"foo", "foobar foo", Flags{Word: true}, []int{7, 10}},
		{"o*", "foo", Flags{Line: true}, nil},
		{"a.c", "abc a.c", Flags{Fixed: true}, []int{4, 7}},
		{`\<b`, "ab b", Flags{}, []int{3, 4}},
		{"^b", "a\nb", Flags{Multiline: true}, []int{2, 3}},
		{"^b", "a\nb", Flags{}, nil},
		{"b{,2}", "abbb", Flags{Extended: true}, []int{0, 0}},
		{"{x}", "{x}", Flags{Extended: true}, []int{0, 3}},
	} {
		re, err := Compile(c.pattern, c.flags)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		if got := re.Match([]byte(c.text), 0); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q in %q = %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
}

func TestWrongPatternsGiveTheLibrarysErrors(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]error{
		"[a": errBracket, `\(a`: errParen, `a\)`: errParenEnd, `\1`: errBackref, "a\\": errEscape, "[b-a]": errRange, "[[:nox:]]": errClass, `a\{2`: errBrace,
	} {
		if _, err := Compile(pattern, Flags{}); err != want {
			t.Errorf("%q: %v, want %v", pattern, err, want)
		}
	}
}

func TestNextLineFindsEveryLineThatMatches(t *testing.T) {
	t.Parallel()
	block := bytes.Repeat([]byte("x5\n15\n\nabc\n5a5"), 3000)
	for _, pattern := range []string{"[0-9]5$", "^$", "[^a]5", "^a.*c$", "b*", "^[^1]*$", "5a5x1*5"} {
		re, err := Compile(pattern, Flags{})
		if err != nil {
			t.Fatal(err)
		}
		if !re.CanSkip() {
			t.Errorf("%q cannot skip", pattern)
			continue
		}
		want := 0
		for line := range bytes.SplitSeq(block, []byte{'\n'}) {
			if re.Test(line) {
				want++
			}
		}
		got := 0
		for rest := block; ; {
			at := re.NextLine(rest)
			if at < 0 {
				break
			}
			start := bytes.LastIndexByte(rest[:at], '\n') + 1
			line, after, more := bytes.Cut(rest[start:], []byte{'\n'})
			if re.Test(line) {
				got++
			}
			if rest = after; !more {
				break
			}
		}
		if got != want {
			t.Errorf("%q: %d lines, want %d", pattern, got, want)
		}
	}
}
