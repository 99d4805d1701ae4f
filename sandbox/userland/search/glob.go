package search

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Glob matches a shell pattern as fnmatch(3) does; a slash and a leading period are nothing special.
func Glob(pattern, name string, fold bool) bool {
	for pattern != "" {
		switch pattern[0] {
		case '*':
			for pattern != "" && pattern[0] == '*' {
				pattern = pattern[1:]
			}
			if pattern == "" {
				return true
			}
			for {
				if Glob(pattern, name, fold) {
					return true
				}
				if name == "" {
					return false
				}
				_, size := utf8.DecodeRuneInString(name)
				name = name[size:]
			}
		case '?':
			if name == "" {
				return false
			}
			_, size := utf8.DecodeRuneInString(name)
			pattern, name = pattern[1:], name[size:]
			continue
		case '[':
			if name == "" {
				return false
			}
			r, size := utf8.DecodeRuneInString(name)
			if rest, matched, ok := globSet(pattern, r, fold); ok {
				if !matched {
					return false
				}
				pattern, name = rest, name[size:]
				continue
			}
		case '\\':
			if len(pattern) > 1 {
				pattern = pattern[1:]
			}
		}
		if name == "" {
			return false
		}
		p, psize := utf8.DecodeRuneInString(pattern)
		n, nsize := utf8.DecodeRuneInString(name)
		if p != n && !(fold && unicode.ToLower(p) == unicode.ToLower(n)) {
			return false
		}
		pattern, name = pattern[psize:], name[nsize:]
	}
	return name == ""
}

// globSet matches a bracket expression; ok is false when it has no end and stands for itself.
func globSet(pattern string, r rune, fold bool) (rest string, matched, ok bool) {
	s := pattern[1:]
	negated := s != "" && (s[0] == '!' || s[0] == '^')
	if negated {
		s = s[1:]
	}
	in := func(lo, hi rune) bool {
		return r >= lo && r <= hi || fold && (unicode.ToLower(r) >= lo && unicode.ToLower(r) <= hi || unicode.ToUpper(r) >= lo && unicode.ToUpper(r) <= hi)
	}
	for first := true; ; first = false {
		if s == "" {
			return "", false, false
		}
		if s[0] == ']' && !first {
			return s[1:], matched != negated, true
		}
		if strings.HasPrefix(s, "[:") {
			if end := strings.Index(s, ":]"); end > 0 {
				matched = matched || inClass(s[2:end], r)
				s = s[end+2:]
				continue
			}
		}
		if s[0] == '\\' && len(s) > 1 {
			s = s[1:]
		}
		lo, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		hi := lo
		if len(s) > 1 && s[0] == '-' && s[1] != ']' {
			hi, size = utf8.DecodeRuneInString(s[1:])
			s = s[1+size:]
		}
		matched = matched || in(lo, hi)
	}
}

func inClass(name string, r rune) bool {
	switch name {
	case "alpha":
		return unicode.IsLetter(r)
	case "digit":
		return r >= '0' && r <= '9'
	case "alnum":
		return unicode.IsLetter(r) || r >= '0' && r <= '9'
	case "upper":
		return unicode.IsUpper(r)
	case "lower":
		return unicode.IsLower(r)
	case "space":
		return r == ' ' || r >= '\t' && r <= '\r'
	case "blank":
		return r == ' ' || r == '\t'
	case "punct":
		return r > ' ' && r < 0x7f && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	case "xdigit":
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
	}
	return false
}
