package host

import (
	"strings"
	"unicode/utf8"
)

// Fields appends the fields of a record, which white space of ASCII divides, as in busybox.
func Fields(fields []string, s string) []string {
	start := -1
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == ' ' || c >= '\t' && c <= '\r' {
			if start >= 0 {
				fields = append(fields, s[start:i])
				start = -1
			}
		} else if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		fields = append(fields, s[start:])
	}
	return fields
}

// Split appends the parts of a record that a separator of one character divides; without one each character is a part.
func Split(fields []string, s, separator string) []string {
	for separator == "" && s != "" {
		_, size := utf8.DecodeRuneInString(s)
		fields, s = append(fields, s[:size]), s[size:]
	}
	for separator != "" {
		i := strings.Index(s, separator)
		if i < 0 {
			return append(fields, s)
		}
		fields, s = append(fields, s[:i]), s[i+len(separator):]
	}
	return fields
}
