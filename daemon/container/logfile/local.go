package logfile

import (
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Local is the format of dockerd's local driver: records of a length (4 bytes, big endian), a protobuf message
// (logdriver.LogEntry: source=1, time_nano=2, line=3, partial=4, partial_log_metadata=5 of last=1, id=2, ordinal=3,
// attrs=6 of key=1, value=2), and the length again, so that a file can be read from its end, too.
var Local Format = localFormat{}

type localFormat struct{}

// Sizes of a record's frame, and the longest message that is believed: no entry comes near it.
const (
	lengthSize = 4
	frameSize  = 2 * lengthSize
	maxMessage = 64 << 20
)

func (localFormat) attrs(attrs map[string]string) (b []byte) {
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		var a []byte
		a = appendBytes(a, 1, k)
		a = appendBytes(a, 2, attrs[k])
		b = appendBytes(b, 6, a)
	}
	return b
}

// appendBytes appends a field of text, unless it is empty.
func appendBytes[T string | []byte](b []byte, field protowire.Number, v T) []byte {
	if len(v) == 0 {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(v)))
	return append(b, v...)
}

func appendVarint(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func (localFormat) encode(b []byte, e *Entry, attrs []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = appendBytes(b, 1, e.Stream.String())
	b = appendVarint(b, 2, uint64(e.Time.UnixNano()))
	line := e.Line
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	b = appendBytes(b, 3, line)
	if p := e.Partial; p.Ordinal > 0 {
		b = appendVarint(b, 4, 1)
		var m []byte
		m = appendVarint(m, 1, protowire.EncodeBool(p.Last))
		m = appendBytes(m, 2, p.ID)
		m = appendVarint(m, 3, uint64(p.Ordinal))
		b = appendBytes(b, 5, m)
	}
	b = append(b, attrs...)
	n := uint32(len(b) - start - lengthSize)
	binary.BigEndian.PutUint32(b[start:], n)
	return binary.BigEndian.AppendUint32(b, n)
}

func (localFormat) next(buf []byte) (n int, ok bool) {
	if len(buf) < lengthSize {
		return 0, false
	}
	n = int(binary.BigEndian.Uint32(buf)) + frameSize
	return n, len(buf) >= n
}

func (localFormat) decode(record []byte, e *Entry, d *decoder) bool {
	if len(record) < frameSize {
		return false
	}
	*e = Entry{Line: d.line[:0]}
	whole := true
	err := eachField(record[lengthSize:len(record)-lengthSize], func(field protowire.Number, text []byte, n uint64) error {
		switch field {
		case 1:
			if string(text) == Stderr.String() {
				e.Stream = Stderr
			}
		case 2:
			e.Time = time.Unix(0, int64(n)).UTC()
		case 3:
			e.Line = append(e.Line, text...)
		case 4:
			whole = n == 0
		case 5:
			return eachField(text, func(field protowire.Number, text []byte, n uint64) error {
				switch field {
				case 1:
					e.Partial.Last = n != 0
				case 2:
					e.Partial.ID = string(text)
				case 3:
					e.Partial.Ordinal = int(n)
				}
				return nil
			})
		case 6:
			var k, v string
			err := eachField(text, func(field protowire.Number, text []byte, _ uint64) error {
				if field == 1 {
					k = string(text)
				} else if field == 2 {
					v = string(text)
				}
				return nil
			})
			if e.Attrs == nil {
				e.Attrs = map[string]string{}
			}
			e.Attrs[k] = v
			return err
		}
		return nil
	})
	if whole || e.Partial.Last {
		e.Line = append(e.Line, '\n')
	}
	d.line = e.Line
	return err == nil
}

var errMessage = errors.New("bad protobuf message")

// eachField goes over a message's fields of the types that there are.
func eachField(b []byte, visit func(field protowire.Number, text []byte, n uint64) error) error {
	for len(b) > 0 {
		field, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errMessage
		}
		b = b[n:]
		var text []byte
		var number uint64
		switch typ {
		case protowire.BytesType:
			text, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(field, typ, b)
		}
		if n < 0 {
			return errMessage
		}
		b = b[n:]
		if err := visit(field, text, number); err != nil {
			return err
		}
	}
	return nil
}

var errFrame = errors.New("the log is damaged: a record's two lengths differ")

// last steps back from size over n records.
func (localFormat) last(f io.ReaderAt, size int64, n int) (at int64, found int, err error) {
	for at = size; at > 0 && found < n; found++ {
		start, err := before(f, at)
		if err != nil {
			return 0, 0, err
		}
		at = start
	}
	return at, found, nil
}

// before is where the record begins that ends at an offset.
func before(f io.ReaderAt, end int64) (int64, error) {
	n, err := lengthAt(f, end-lengthSize)
	if err != nil {
		return 0, err
	}
	start := end - n - frameSize
	if start < 0 {
		return 0, errFrame
	}
	if m, err := lengthAt(f, start); err != nil {
		return 0, err
	} else if m != n {
		return 0, errFrame
	}
	return start, nil
}

func lengthAt(f io.ReaderAt, at int64) (int64, error) {
	var b [lengthSize]byte
	if at < 0 {
		return 0, errFrame
	}
	if _, err := f.ReadAt(b[:], at); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > maxMessage {
		return 0, errFrame
	}
	return int64(n), nil
}

// mend cuts off a last record that is not whole.
func (localFormat) mend(f file, size int64) (int64, error) {
	if _, err := before(f, size); err == nil {
		return size, nil
	}
	end := int64(0)
	for end < size {
		n, err := lengthAt(f, end)
		if err != nil || end+n+frameSize > size {
			break
		}
		if m, err := lengthAt(f, end+n+lengthSize); err != nil || m != n {
			break
		}
		end += n + frameSize
	}
	return end, f.Truncate(end)
}
