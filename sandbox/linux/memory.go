package linux

import (
	"bytes"
	"encoding/binary"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// Memory is a program's memory.
type Memory interface {
	// Slice returns the n bytes at addr, to read and to write, until the system call is over: EFAULT. No bytes are at
	// every address, NULL too.
	Slice(addr, n uint64) ([]byte, error)
}

var le = binary.LittleEndian

// get reads a structure: EFAULT.
func get[T any](m Memory, addr uint64, v *T) error {
	dst := abi.Bytes(v)
	src, err := m.Slice(addr, uint64(len(dst)))
	if err == nil {
		copy(dst, src)
	}
	return err
}

// put writes a structure: EFAULT.
func put[T any](m Memory, addr uint64, v *T) error {
	src := abi.Bytes(v)
	dst, err := m.Slice(addr, uint64(len(src)))
	if err == nil {
		copy(dst, src)
	}
	return err
}

// putOpt is put unless addr is NULL.
func putOpt[T any](m Memory, addr uint64, v *T) error {
	if addr == 0 {
		return nil
	}
	return put(m, addr, v)
}

// cstring reads a string that a zero byte ends: EFAULT, or tooLong when it has max bytes or more.
func cstring(m Memory, addr uint64, max int, tooLong error) (string, error) {
	const page = 4096
	var long []byte
	for {
		// By pages, as the string may end just before the memory does.
		b, err := m.Slice(addr, page-addr%page)
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			if len(long)+i >= max {
				return "", tooLong
			}
			if long == nil {
				return string(b[:i]), nil
			}
			return string(append(long, b[:i]...)), nil
		}
		if long = append(long, b...); len(long) >= max {
			return "", tooLong
		}
		addr += uint64(len(b))
	}
}

// path reads a path: EFAULT, ENAMETOOLONG.
func path(m Memory, addr uint64) (string, error) {
	return cstring(m, addr, abi.PATH_MAX, abi.ENAMETOOLONG)
}

// stringArray reads a NULL-ended array of strings, as argv: EFAULT, E2BIG.
func stringArray(m Memory, addr uint64) ([]string, error) {
	var list []string
	for size := 0; ; addr += 8 {
		var p uint64
		if err := get(m, addr, &p); err != nil {
			return nil, err
		}
		if p == 0 {
			return list, nil
		}
		s, err := cstring(m, p, abi.ARG_STRLN, abi.E2BIG)
		if err != nil {
			return nil, err
		}
		if size += len(s) + 9; size > abi.ARG_MAX {
			return nil, abi.E2BIG
		}
		list = append(list, s)
	}
}
