package shell

import "strings"

// echo writes its arguments. Escapes are resolved with -e only, as in busybox and bash.
func echo(sh *shell, args []string) int {
	newline, escapes := true, false
	i := 1
options:
	for ; i < len(args) && len(args[i]) > 1 && args[i][0] == '-'; i++ {
		if strings.Trim(args[i][1:], "neE") != "" {
			break options
		}
		for _, c := range args[i][1:] {
			switch c {
			case 'n':
				newline = false
			case 'e':
				escapes = true
			case 'E':
				escapes = false
			}
		}
	}
	s := strings.Join(args[i:], " ")
	if escapes {
		var stop bool
		if s, stop = unescapeEcho(s); stop {
			return sh.print(s)
		}
	}
	if newline {
		s += "\n"
	}
	return sh.print(s)
}

// unescapeEcho resolves the escapes of echo -e and of printf's %b; stop tells of a \c.
func unescapeEcho(s string) (out string, stop bool) {
	if !strings.Contains(s, "\\") {
		return s, false
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if s[i] == 'c' {
			return b.String(), true
		}
		if s[i] == 'u' || s[i] == 'U' {
			if v, n := parseDigits(s[i+1:], 16, map[byte]int{'u': 4, 'U': 8}[s[i]]); n > 0 {
				b.WriteRune(rune(v))
				i += n
				continue
			}
		}
		if s[i] == '0' { // \0NNN
			v, n := parseDigits(s[i+1:], 8, 3)
			b.WriteByte(byte(v))
			i += n
			continue
		}
		c, used := escape(s[i:])
		if used == 0 {
			b.WriteByte('\\')
			b.WriteByte(s[i])
			continue
		}
		b.WriteByte(c)
		i += used - 1
	}
	return b.String(), false
}
