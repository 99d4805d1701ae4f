package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// fragment is a part of a sparse file that has data.
type fragment struct{ off, size int64 }

var errSparse = errors.New("not understood")

const blockSize = 512

// isSparse reports whether an entry's data is that of a sparse file: GNU's old format, or 0.x and 1.0 in PAX records.
func isSparse(h *tar.Header) bool {
	return h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != ""
}

// sparseMap reads where an entry's data belongs. archive/tar parses the map too, but keeps it to itself; so it is read
// again from the blocks between the end of the entry before (start) and the data, where the window stands.
func (w *window) sparseMap(h *tar.Header, start int64) ([]fragment, error) {
	raw := make([]byte, w.pos-start)
	if _, err := w.file.ReadAt(raw, start); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for len(raw) >= blockSize && strings.IndexByte("xgLK", raw[156]) >= 0 { // headers that describe the next one
		size, err := strconv.ParseInt(string(bytes.Trim(raw[124:136], " \x00")), 8, 64)
		skip := blockSize + (size+blockSize-1)&^(blockSize-1)
		if err != nil || skip < blockSize || skip > int64(len(raw)) {
			return nil, errSparse
		}
		raw = raw[skip:]
	}
	if len(raw) < blockSize {
		return nil, errSparse
	}
	var out []fragment
	var err error
	switch {
	case h.Typeflag == tar.TypeGNUSparse:
		out, err = oldSparse(raw)
	case h.PAXRecords["GNU.sparse.major"] == "1":
		lines := strings.Split(string(raw[blockSize:]), "\n")
		n, perr := strconv.Atoi(lines[0])
		if perr != nil || n < 0 || len(lines) < 1+2*n {
			return nil, errSparse
		}
		out, err = pairs(lines[1 : 1+2*n])
	default:
		out, err = pairs(strings.Split(h.PAXRecords["GNU.sparse.map"], ","))
	}
	if err != nil {
		return nil, err
	}
	end := int64(0)
	for _, f := range out {
		if f.off < end || f.size < 0 || f.off > h.Size-f.size {
			return nil, errSparse
		}
		end = f.off + f.size
	}
	if out == nil {
		out = []fragment{} // all hole
	}
	return out, nil
}

// pairs reads offsets and sizes in decimal.
func pairs(fields []string) ([]fragment, error) {
	if len(fields) == 1 && fields[0] == "" {
		return nil, nil
	}
	if len(fields)%2 != 0 {
		return nil, errSparse
	}
	var out []fragment
	for i := 0; i < len(fields); i += 2 {
		off, err := strconv.ParseInt(fields[i], 10, 64)
		size, err2 := strconv.ParseInt(fields[i+1], 10, 64)
		if err != nil || err2 != nil {
			return nil, errSparse
		}
		out = append(out, fragment{off, size})
	}
	return out, nil
}

// oldSparse reads GNU's old format: four fragments in the header, 21 in each block that follows it.
func oldSparse(raw []byte) ([]fragment, error) {
	var out []fragment
	take := func(table []byte) error {
		for ; len(table) >= 24 && table[0] != 0; table = table[24:] {
			off, err := number(table[:12])
			size, err2 := number(table[12:24])
			if err != nil || err2 != nil {
				return errSparse
			}
			out = append(out, fragment{off, size})
		}
		return nil
	}
	err := take(raw[386:482])
	more := raw[482] != 0
	for raw = raw[blockSize:]; err == nil && more; raw = raw[blockSize:] {
		if len(raw) < blockSize {
			return nil, errSparse
		}
		err = take(raw[:504])
		more = raw[504] != 0
	}
	return out, err
}

// number reads a numeric field: octal, or base 256 when the first bit is set.
func number(field []byte) (int64, error) {
	if field[0]&0x80 == 0 {
		s := string(bytes.Trim(field, " \x00"))
		if s == "" {
			return 0, nil
		}
		return strconv.ParseInt(s, 8, 64)
	}
	n := int64(field[0] & 0x7f)
	for _, b := range field[1:] {
		if n > 1<<54 {
			return 0, errSparse
		}
		n = n<<8 | int64(b)
	}
	return n, nil
}
