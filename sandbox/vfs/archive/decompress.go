package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Decompress returns what a stream holds, told by its first bytes: gzip, bzip2, xz, zstd or nothing of the kind, which is
// taken as it is.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	br := bufio.NewReader(r)
	magic, err := br.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch has := func(s string) bool { return bytes.HasPrefix(magic, []byte(s)) }; {
	case has("\x1f\x8b\x08"):
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, err
		}
		return z, nil
	case has("BZh"):
		return io.NopCloser(bzip2.NewReader(br)), nil
	case has("\x28\xb5\x2f\xfd"), len(magic) >= 4 && magic[0]&0xf0 == 0x50 && string(magic[1:4]) == "\x2a\x4d\x18":
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case has("\xfd7zXZ\x00"):
		z, err := xz.ReaderConfig{DictCap: 1 << 20, SingleStream: false}.NewReader(br)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(z), nil
	}
	return io.NopCloser(br), nil
}
