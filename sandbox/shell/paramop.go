package shell

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// slice is ${name:offset:length}.
func (sh *shell) slice(p *syntax.ParamExp, v paramValue) (paramValue, error) {
	off, length := int64(0), int64(-1)
	var err error
	if p.Slice.Offset != nil {
		if off, err = sh.arith(p.Slice.Offset); err != nil {
			return v, err
		}
	}
	if p.Slice.Length != nil {
		if length, err = sh.arith(p.Slice.Length); err != nil {
			return v, err
		}
	}
	hasLen := p.Slice.Length != nil
	if !v.many {
		from, to, ok := sliceRange(off, length, hasLen, int64(utf8.RuneCountInString(v.str)), true)
		if !ok {
			return v, shellError(p.Param.Value + ": substring expression < 0")
		}
		r := []rune(v.str)
		if len(r) != len(v.str) {
			v.str = string(r[from:to])
		} else {
			v.str = v.str[from:to]
		}
		return v, nil
	}
	list := v.list
	if name := p.Param.Value; name == "@" || name == "*" {
		list = append([]string{sh.arg0}, list...)
		if off == 0 && p.Slice.Offset == nil {
			off = 1
		}
	} else if _, arr, _ := sh.lookup(name); arr.kind == indexed && arr.arr != nil && arr.arr.keys != nil {
		if off < 0 {
			off += int64(arr.arr.end())
		}
		n, _ := arr.arr.find(int(off))
		off = int64(n)
	}
	from, to, ok := sliceRange(off, length, hasLen, int64(len(list)), false)
	if !ok {
		return v, shellError(p.Param.Value + ": substring expression < 0")
	}
	v.list = list[from:to]
	return v, nil
}

func sliceRange(off, length int64, hasLen bool, n int64, fromEnd bool) (from, to int64, ok bool) {
	if off < 0 {
		if off += n; off < 0 {
			return 0, 0, true
		}
	}
	from, to = min(off, n), n
	if hasLen {
		if length < 0 {
			if !fromEnd {
				return 0, 0, false
			}
			if to = n + length; to < from {
				return 0, 0, false
			}
		} else if length < n-from {
			to = from + length
		}
	}
	return from, to, true
}

// replace is ${name/pattern/with} and its // # and % forms.
func (sh *shell) replace(r *syntax.Replace, v *paramValue) error {
	src, err := sh.expandTo(r.Orig, patternMode, false)
	if err != nil {
		return err
	}
	with, err := sh.expandString(r.With)
	if err != nil {
		return err
	}
	anchor := byte(0)
	if !r.All && src != "" && (src[0] == '#' || src[0] == '%') {
		anchor, src = src[0], src[1:]
	}
	pat := sh.pattern(src)
	if src == "" && anchor == 0 {
		return nil
	}
	var fail error
	v.each(func(s string) string {
		switch anchor {
		case '#':
			if n, ok := pat.prefix(s, true); ok {
				return with + s[n:]
			}
			return s
		case '%':
			if n, ok := pat.suffix(s, true); ok {
				return s[:n] + with
			}
			return s
		}
		if pat.plain && pat.ext == nil {
			if r.All {
				if len(s)+strings.Count(s, pat.literal)*len(with) > maxValue {
					fail = errTooLong
					return ""
				}
				return strings.ReplaceAll(s, pat.literal, with)
			}
			return strings.Replace(s, pat.literal, with, 1)
		}
		var b strings.Builder
		for i := 0; i < len(s) && fail == nil; {
			n, ok := pat.prefix(s[i:], true)
			if ok && n > 0 {
				b.WriteString(with)
				if b.Len() > maxValue {
					fail = errTooLong
				}
				i += n
				if !r.All {
					b.WriteString(s[i:])
					return b.String()
				}
				continue
			}
			_, size := nextRune(s[i:])
			b.WriteString(s[i : i+size])
			if i += size; i%256 == 0 && sh.task.Checkpoint() != nil {
				fail = errDying
			}
		}
		return b.String()
	})
	return fail
}

// changeCase is ${name^pattern} and its ^^ , ,, forms.
func (x *expander) changeCase(p *syntax.ParamExp, v *paramValue) error {
	var pat *pattern
	if p.Exp.Word != nil {
		var err error
		if pat, err = x.sh.expandPattern(p.Exp.Word); err != nil {
			return err
		}
		if pat.plain && pat.literal == "" {
			pat = nil
		}
	}
	op := p.Exp.Op
	conv := unicode.ToLower
	if op == syntax.UpperFirst || op == syntax.UpperAll {
		conv = unicode.ToUpper
	}
	all := op == syntax.UpperAll || op == syntax.LowerAll
	v.each(func(s string) string {
		var b strings.Builder
		for i := 0; i < len(s); {
			r, n := nextRune(s[i:])
			if (i == 0 || all) && (pat == nil || pat.match(s[i:i+n])) {
				b.WriteRune(conv(r))
			} else {
				b.WriteString(s[i : i+n])
			}
			i += n
		}
		return b.String()
	})
	return nil
}

// transform is ${name@op}.
func (sh *shell) transform(p *syntax.ParamExp, name string, v *paramValue) error {
	op := ""
	if p.Exp.Word != nil {
		op = p.Exp.Word.Lit()
	}
	switch op {
	case "Q":
		v.each(func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" })
	case "U":
		v.each(strings.ToUpper)
	case "L":
		v.each(strings.ToLower)
	case "u":
		v.each(func(s string) string {
			r, n := utf8.DecodeRuneInString(s)
			if n == 0 {
				return s
			}
			return string(unicode.ToUpper(r)) + s[n:]
		})
	case "E":
		v.each(unescapeANSI)
	case "P":
		v.each(sh.prompt)
	case "a":
		_, vr, _ := sh.lookup(name)
		v.many, v.str = false, vr.letters()
	case "A":
		_, vr, _ := sh.lookup(name)
		v.many, v.str = false, sh.declaration(name, &vr)
	default:
		return shellError("bad substitution")
	}
	return nil
}

// maxRegexp bounds a regular expression, in bytes.
const maxRegexp = 32 << 10

// regexp compiles an extended regular expression, remembering some. POSIX wants the longest match.
func (sh *shell) regexp(src string) (*regexp.Regexp, error) {
	if re := sh.regexps[src]; re != nil {
		return re, nil
	}
	if len(src) > maxRegexp {
		return nil, shellError("regular expression too long")
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, shellError("invalid regular expression: " + src)
	}
	re.Longest()
	if len(sh.regexps) >= 64 || sh.regexps == nil {
		sh.regexps = make(map[string]*regexp.Regexp, 8)
	}
	sh.regexps[src] = re
	return re, nil
}
