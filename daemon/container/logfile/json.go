package logfile

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// JSON is the format of dockerd's json-file driver: an object a line,
// {"log":"…\n","stream":"stdout","attrs":{…},"time":"2006-01-02T15:04:05.999999999Z"}.
var JSON Format = jsonFormat{}

type jsonFormat struct{}

func (jsonFormat) attrs(attrs map[string]string) []byte {
	if len(attrs) == 0 {
		return nil
	}
	b, _ := json.Marshal(attrs) // a map of strings always can be
	return append([]byte(`,"attrs":`), b...)
}

func (jsonFormat) encode(b []byte, e *Entry, attrs []byte) []byte {
	b = append(b, `{"log":`...)
	b = appendString(b, e.Line)
	b = append(b, `,"stream":"`...)
	b = append(b, e.Stream.String()...)
	b = append(b, '"')
	b = append(b, attrs...)
	b = append(b, `,"time":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"', '}', '\n')
}

func (jsonFormat) next(buf []byte) (n int, ok bool) {
	i := bytes.IndexByte(buf, '\n')
	return i + 1, i >= 0
}

func (f jsonFormat) decode(record []byte, e *Entry, d *decoder) bool {
	if f.decodeOwn(record, e, d) {
		return true
	}
	var v struct {
		Log    string            `json:"log"`
		Stream string            `json:"stream"`
		Attrs  map[string]string `json:"attrs"`
		Time   time.Time         `json:"time"`
	}
	if json.Unmarshal(record, &v) != nil {
		return false
	}
	*e = Entry{Time: v.Time, Line: []byte(v.Log), Attrs: v.Attrs}
	if v.Stream == Stderr.String() {
		e.Stream = Stderr
	}
	return true
}

// decodeOwn is decode for records as encode makes them, many times as fast as the general one.
func (jsonFormat) decodeOwn(b []byte, e *Entry, d *decoder) bool {
	b, ok := bytes.CutPrefix(b, []byte(`{"log":"`))
	if !ok {
		return false
	}
	line := d.line[:0]
	for {
		i := bytes.IndexAny(b, `"\`)
		if i < 0 {
			return false
		}
		line = append(line, b[:i]...)
		if b[i] == '"' {
			b = b[i:]
			break
		}
		if b = b[i+1:]; len(b) == 0 {
			return false
		}
		switch b[0] {
		case 'n':
			line = append(line, '\n')
		case 'r':
			line = append(line, '\r')
		case 't':
			line = append(line, '\t')
		case '"', '\\', '/':
			line = append(line, b[0])
		case 'u':
			if len(b) < 5 {
				return false
			}
			r, err := strconv.ParseUint(string(b[1:5]), 16, 16)
			if err != nil || r >= 0xd800 && r < 0xe000 { // surrogates come in pairs
				return false
			}
			line = utf8.AppendRune(line, rune(r))
			b = b[4:]
		default:
			return false
		}
		b = b[1:]
	}
	d.line = line
	*e = Entry{Line: line}
	switch {
	case bytes.HasPrefix(b, []byte(`","stream":"stdout"`)):
	case bytes.HasPrefix(b, []byte(`","stream":"stderr"`)):
		e.Stream = Stderr
	default:
		return false
	}
	b = b[len(`","stream":"stdout"`):]
	if len(d.attrs) > 0 && bytes.HasPrefix(b, d.attrs) {
		b, e.Attrs = b[len(d.attrs):], d.attrMap
	}
	if b, ok = bytes.CutPrefix(b, []byte(`,"time":"`)); !ok {
		return false
	}
	if b, ok = bytes.CutSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte(`"}`)); !ok {
		return false
	}
	var err error
	e.Time, err = time.Parse(time.RFC3339Nano, string(b))
	return err == nil
}

// last looks back from size for n lines.
func (jsonFormat) last(f io.ReaderAt, size int64, n int) (at int64, found int, err error) {
	block := make([]byte, 32<<10)
	at = size
	end := size - 1 // the newline there ends the last line, it doesn't begin one
	for pos := size; pos > 0; {
		from := max(pos-int64(len(block)), 0)
		b := block[:pos-from]
		if _, err := f.ReadAt(b, from); err != nil && err != io.EOF {
			return 0, 0, err
		}
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] == '\n' && from+int64(i) != end {
				at = from + int64(i) + 1
				if found++; found == n {
					return at, found, nil
				}
			}
		}
		pos = from
	}
	if size > 0 {
		at = 0
		found++
	}
	return at, found, nil
}

// mend ends the last line.
func (jsonFormat) mend(f file, size int64) (int64, error) {
	var last [1]byte
	if _, err := f.ReadAt(last[:], size-1); err != nil && err != io.EOF {
		return size, err
	}
	if last[0] == '\n' {
		return size, nil
	}
	n, err := f.Write([]byte{'\n'})
	return size + int64(n), err
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string with dockerd's escapes.
func appendString(b, s []byte) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, `\u00`...)
				b = append(b, hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
			start = i + n
		case r == '\u2028' || r == '\u2029': // JavaScript takes them for line ends
			b = append(b, s[start:i]...)
			b = append(b, `\u202`...)
			b = append(b, hexDigits[r&15])
			start = i + n
		}
		i += n
	}
	return append(append(b, s[start:]...), '"')
}
