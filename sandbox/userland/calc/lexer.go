package calc

import "strings"

// Kinds of tokens.
const (
	tokEnd = iota
	tokNewline
	tokNumber
	tokName
	tokString
	tokOperator
)

// token is a word of bc's language.
type token struct {
	kind int
	text string
	at   int // where it begins in the line
}

// lexer makes tokens of lines, which it asks for when it needs them.
type lexer struct {
	next func() (string, bool) // the next line, with its newline
	line string
	pos  int
	done bool
}

// syntaxError ends the reading of a statement.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

func (l *lexer) fill() bool {
	for l.pos >= len(l.line) {
		if l.done {
			return false
		}
		line, ok := l.next()
		if !ok {
			l.done = true
			return false
		}
		l.line, l.pos = line, 0
	}
	return true
}

// rest is what is left of the line.
func (l *lexer) rest(from int) string {
	return strings.TrimSuffix(l.line[min(from, len(l.line)):], "\n")
}

var operators = []string{
	"++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "==", "!=", "<=", ">=", "&&", "||",
	"+", "-", "*", "/", "%", "^", "=", "<", ">", "!", "(", ")", "[", "]", "{", "}", ",", ";", ".",
}

func (l *lexer) token() token {
	for {
		if !l.fill() {
			return token{kind: tokEnd}
		}
		start := l.pos
		rest := l.line[start:]
		x := rest[0]
		switch {
		case x == '\n':
			l.pos++
			return token{tokNewline, "\n", start}
		case x == ' ' || x == '\t' || x == '\r' || x == '\f':
			l.pos++
			continue
		case strings.HasPrefix(rest, "\\\n"):
			l.pos += 2
			continue
		case x == '#':
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.line)
			}
			continue
		case strings.HasPrefix(rest, "/*"):
			l.pos += 2
			for {
				if i := strings.Index(l.line[l.pos:], "*/"); i >= 0 {
					l.pos += i + 2
					break
				}
				l.pos = len(l.line)
				if !l.fill() {
					panic(syntaxError("comment end could not be found"))
				}
			}
			continue
		case x == '"':
			var text strings.Builder
			for l.pos++; ; {
				if i := strings.IndexByte(l.line[l.pos:], '"'); i >= 0 {
					text.WriteString(l.line[l.pos : l.pos+i])
					l.pos += i + 1
					return token{tokString, text.String(), start}
				}
				text.WriteString(l.line[l.pos:])
				l.pos = len(l.line)
				if !l.fill() {
					panic(syntaxError("string end could not be found"))
				}
			}
		case isDigit(x) || x == '.' && len(rest) > 1 && isDigit(rest[1]):
			return token{tokNumber, l.number(), start}
		case x >= 'a' && x <= 'z':
			n := 1
			for n < len(rest) && (rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= '0' && rest[n] <= '9' || rest[n] == '_') {
				n++
			}
			l.pos += n
			return token{tokName, rest[:n], start}
		}
		for _, op := range operators {
			if strings.HasPrefix(rest, op) {
				l.pos += len(op)
				return token{tokOperator, op, start}
			}
		}
		l.pos++
		panic(syntaxError("bad character '" + rest[:1] + "'"))
	}
}

func isDigit(x byte) bool { return x >= '0' && x <= '9' || x >= 'A' && x <= 'F' }

// number reads digits, one point among them, and continuations of the line.
func (l *lexer) number() string {
	var text strings.Builder
	point := false
	for {
		rest := l.line[l.pos:]
		switch {
		case strings.HasPrefix(rest, "\\\n"):
			l.pos += 2
			if !l.fill() {
				return text.String()
			}
			continue
		case rest != "" && isDigit(rest[0]):
		case rest != "" && rest[0] == '.' && !point:
			point = true
		default:
			return text.String()
		}
		text.WriteByte(rest[0])
		l.pos++
	}
}
