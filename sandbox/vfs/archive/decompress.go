package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrXZ is the answer to an archive compressed with xz, for which there is no decoder here.
var ErrXZ = errors.New("xz-compressed archives are not supported; use gzip, bzip2 or zstd")

// Decompress returns what a stream holds, told by its first bytes: gzip, bzip2, zstd or nothing of the kind, which is
// taken as it is. ErrXZ.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReader(r)
	magic, err := br.Peek(6)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	switch has := func(s string) bool { return bytes.HasPrefix(magic, []byte(s)) }; {
	case has("\x1f\x8b\x08"):
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		return z, nil
	case has("BZh"):
		return io.NopCloser(bzip2.NewReader(br)), nil
	case has("\x28\xb5\x2f\xfd"), len(magic) >= 4 && magic[0]&0xf0 == 0x50 && string(magic[1:4]) == "\x2a\x4d\x18":
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		return z.IOReadCloser(), nil
	case has("\xfd7zXZ\x00"):
		return nil, ErrXZ
	}
	return io.NopCloser(br), nil
}
