package archive

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	bzip2writer "github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/gzip"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// format is a way of compression.
type format struct {
	name     string
	suffixes []suffix
	magic    string
	reader   func(*bufio.Reader) (io.Reader, error)
	writer   func(w io.Writer, level int) (io.WriteCloser, error)
}

// suffix is the end of a compressed file's name, and what stands there when it has been decompressed.
type suffix struct{ from, to string }

// formats returns what the compressors know; a function, so that the template of the process holds none of it.
func formats() []*format {
	return []*format{
		{"gzip", []suffix{{".gz", ""}, {".tgz", ".tar"}, {".z", ""}, {".Z", ""}}, "\x1f\x8b", gzipReader, gzipWriter},
		{"bzip2", []suffix{{".bz2", ""}}, "BZh", bzip2Reader, bzip2Writer},
		{"xz", []suffix{{".xz", ""}}, "\xfd7zXZ\x00", xzReader, xzWriter},
		{"lzma", []suffix{{".lzma", ""}}, "", lzmaReader, lzmaWriter},
		{"compress", []suffix{{".Z", ""}}, "\x1f\x9d", compressReader, nil},
	}
}

func formatNamed(name string) *format {
	for _, f := range formats() {
		if f.name == name {
			return f
		}
	}
	panic("no format " + name)
}

func gzipReader(b *bufio.Reader) (io.Reader, error) {
	r, err := gzip.NewReader(b)
	return r, corrupted(err)
}

func gzipWriter(w io.Writer, level int) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, level) }

// bzip2Reader tells an empty or foreign stream before any of it is read.
func bzip2Reader(b *bufio.Reader) (io.Reader, error) {
	if magic, _ := b.Peek(3); string(magic) != "BZh" {
		return nil, errMagic
	}
	return bzip2.NewReader(b), nil
}

func bzip2Writer(w io.Writer, level int) (io.WriteCloser, error) {
	return bzip2writer.NewWriter(w, &bzip2writer.WriterConfig{Level: level})
}

func xzReader(b *bufio.Reader) (io.Reader, error) {
	if magic, _ := b.Peek(6); string(magic) != "\xfd7zXZ\x00" {
		return nil, errMagic
	}
	return xz.NewReader(b)
}

// dictionaries are the sizes of the dictionary by level, those of xz(1), but for the highest: a sandbox's memory is small.
var dictionaries = [10]int{256 << 10, 1 << 20, 2 << 20, 4 << 20, 4 << 20, 8 << 20, 8 << 20, 16 << 20, 16 << 20, 16 << 20}

func xzWriter(w io.Writer, level int) (io.WriteCloser, error) {
	return xz.WriterConfig{DictCap: dictionaries[level], CheckSum: xz.CRC64}.NewWriter(w)
}

func lzmaReader(b *bufio.Reader) (io.Reader, error) {
	header, err := b.Peek(lzma.HeaderLen)
	if err != nil || !lzma.ValidHeader(header) {
		return nil, errors.New("bad lzma header")
	}
	return lzma.NewReader(b)
}

func lzmaWriter(w io.Writer, level int) (io.WriteCloser, error) {
	return lzma.WriterConfig{DictCap: dictionaries[level]}.NewWriter(w)
}

// sniffed finds out by the first bytes how a stream is compressed; nil when it is not.
func sniffed(b *bufio.Reader) *format {
	magic, _ := b.Peek(lzma.HeaderLen)
	for _, f := range formats() {
		if f.magic != "" && strings.HasPrefix(string(magic), f.magic) {
			return f
		}
	}
	// A stream of the old lzma format begins with its properties: 0x5d, and a dictionary that is a power of two.
	if len(magic) == lzma.HeaderLen && magic[0] == 0x5d {
		dict := binary.LittleEndian.Uint32(magic[1:])
		if dict >= 1<<12 && dict&(dict-1) == 0 && lzma.ValidHeader(magic) {
			return formatNamed("lzma")
		}
	}
	return nil
}
