package host

import (
	"strings"
	"unsafe"

	"github.com/sockerless/sockerless/sandbox/userland/regex"
)

// Regexp stands in for that of package regexp: goawk gets the expressions of grep and sed.
type Regexp struct {
	re   *regex.Regexp
	text string
	out  []byte // for Substitute
}

// Compile reads an extended regular expression, in the group (?s:…) that goawk puts every expression in, or not.
func Compile(text string) (*Regexp, error) {
	if inner, ok := strings.CutPrefix(text, "(?s:"); ok {
		text = strings.TrimSuffix(inner, ")")
	}
	re, err := regex.Compile(text, regex.Flags{Extended: true, Escapes: true})
	if err != nil {
		return nil, err
	}
	return &Regexp{re: re, text: text}, nil
}

// MustCompile is Compile for what was compiled before.
func MustCompile(text string) *Regexp {
	re, err := Compile(text)
	if err != nil {
		panic(err)
	}
	return re
}

// QuoteMeta returns an expression for the text itself.
func QuoteMeta(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte(`\.+*?()|[]{}^$`, text[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// bytesOf returns the bytes of a string, to read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func (r *Regexp) String() string { return r.text }

// MatchString reports whether s has a match.
func (r *Regexp) MatchString(s string) bool { return r.re.Test(bytesOf(s)) }

// FindIndex returns where the first match begins and ends, or nil.
func (r *Regexp) FindIndex(b []byte) []int {
	m, s := make([]int, 2), r.re.On(b)
	if !s.Find(m, 0) {
		return nil
	}
	return m
}

// FindStringIndex is FindIndex for a string.
func (r *Regexp) FindStringIndex(s string) []int { return r.FindIndex(bytesOf(s)) }

// FindStringSubmatch returns the first match and its groups, or nil.
func (r *Regexp) FindStringSubmatch(s string) []string {
	m := r.re.Match(bytesOf(s), 0)
	if m == nil {
		return nil
	}
	parts := make([]string, len(m)/2)
	for i := range parts {
		if m[2*i] >= 0 {
			parts[i] = s[m[2*i]:m[2*i+1]]
		}
	}
	return parts
}

// FindAllStringIndex returns where all matches begin and end; n is -1.
func (r *Regexp) FindAllStringIndex(s string, _ int) [][]int {
	var list [][]int
	var m [2]int
	for it := r.re.All(bytesOf(s)); it.Next(m[:]); {
		list = append(list, []int{m[0], m[1]})
	}
	return list
}

// Split returns what is between the matches; n is -1. An empty match at the beginning or the end splits nothing off.
func (r *Regexp) Split(s string, _ int) []string {
	if s == "" {
		return []string{""}
	}
	var parts []string
	var m [2]int
	start, end := 0, 0
	for it := r.re.All(bytesOf(s)); it.Next(m[:]); {
		if m[1] == 0 {
			continue
		}
		end = m[0]
		parts = append(parts, s[start:end])
		start = m[1]
	}
	if end != len(s) {
		parts = append(parts, s[start:])
	}
	return parts
}

// ReplaceAllStringFunc replaces each match by what f makes of it.
func (r *Regexp) ReplaceAllStringFunc(s string, f func(string) string) string {
	var m [2]int
	var out []byte
	done := 0
	for it := r.re.All(bytesOf(s)); it.Next(m[:]); {
		out = append(append(out, s[done:m[0]]...), f(s[m[0]:m[1]])...)
		done = m[1]
	}
	if out == nil {
		return s
	}
	return string(append(out, s[done:]...))
}

// Substitute is awk's sub and gsub of a replacement without backslashes; with others ok is false.
func (r *Regexp) Substitute(in, replacement string, global bool) (out string, count int, ok bool) {
	if strings.IndexByte(replacement, '\\') >= 0 {
		return "", 0, false
	}
	plain := strings.IndexByte(replacement, '&') < 0
	var m [2]int
	r.out = r.out[:0]
	done := 0
	for it := r.re.All(bytesOf(in)); it.Next(m[:]); {
		r.out = append(r.out, in[done:m[0]]...)
		if plain {
			r.out = append(r.out, replacement...)
		} else {
			for i := range len(replacement) {
				if replacement[i] == '&' {
					r.out = append(r.out, in[m[0]:m[1]]...)
				} else {
					r.out = append(r.out, replacement[i])
				}
			}
		}
		done = m[1]
		if count++; !global {
			break
		}
	}
	if count == 0 {
		return in, 0, true
	}
	r.out = append(r.out, in[done:]...)
	return string(r.out), count, true
}
