// Package archive holds tar and the compressors.
package archive

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// bufferSize is that of streams, in bytes.
const bufferSize = 128 << 10

var (
	errMagic = errors.New("invalid magic")
	errCRC   = errors.New("corrupted data")
)

// Gzip compresses files.
func Gzip(c *applet.Context) int {
	o := c.Getopt("cfkdtnqvV123456789", "stdout=c", "to-stdout=c", "force=f", "decompress=d", "uncompress=d", "test=t", "quiet=q", "fast=1", "best=9", "no-name=n", "keep=k", "verbose=v")
	if o.Has("dt") {
		return expandFiles(c, o, nil)
	}
	level := 6
	if x := o.Last("123456789"); x != 0 {
		level = int(x - '0')
	}
	// The library's 9 takes three times as long as its 8, which makes less than busybox's 9 does.
	level = min(level, 8)
	return compressFiles(c, o, formatNamed("gzip"), level)
}

// Gunzip decompresses files.
func Gunzip(c *applet.Context) int {
	o := c.Getopt("cfkdtnqv", "stdout=c", "to-stdout=c", "force=f", "test=t", "no-name=n", "keep=k", "quiet=q", "decompress=d", "verbose=v")
	return expandFiles(c, o, nil)
}

// Zcat decompresses to standard output.
func Zcat(c *applet.Context) int {
	o := c.Getopt("cfkdtnqv", "stdout=c")
	o.Order = append(o.Order, 'c', 'a')
	return expandFiles(c, o, nil)
}

// Bzip2 compresses files.
func Bzip2(c *applet.Context) int { return squeeze(c, "bzip2", 9) }

// Xz compresses files; busybox's only decompresses.
func Xz(c *applet.Context) int { return squeeze(c, "xz", 6) }

// Lzma compresses files; busybox's only decompresses.
func Lzma(c *applet.Context) int { return squeeze(c, "lzma", 6) }

// squeeze compresses, or with -d decompresses, files of a format.
func squeeze(c *applet.Context, name string, level int) int {
	o := c.Getopt("cfkdtqvz0123456789", "stdout=c", "to-stdout=c", "force=f", "decompress=d", "uncompress=d", "compress=z", "test=t", "quiet=q", "fast=1", "best=9", "keep=k", "verbose=v")
	f := formatNamed(name)
	if o.Has("dt") {
		return expandFiles(c, o, f)
	}
	if x := o.Last("0123456789"); x != 0 {
		level = int(x - '0')
	}
	if name == "bzip2" {
		level = max(level, 1)
	}
	return compressFiles(c, o, f, level)
}

// Bunzip2 decompresses files.
func Bunzip2(c *applet.Context) int { return expandOptions(c, "bzip2", false) }

// Bzcat decompresses to standard output.
func Bzcat(c *applet.Context) int { return expandOptions(c, "bzip2", true) }

// Unxz decompresses files.
func Unxz(c *applet.Context) int { return expandOptions(c, "xz", false) }

// Xzcat decompresses to standard output.
func Xzcat(c *applet.Context) int { return expandOptions(c, "xz", true) }

// Unlzma decompresses files.
func Unlzma(c *applet.Context) int { return expandOptions(c, "lzma", false) }

// Lzcat decompresses to standard output.
func Lzcat(c *applet.Context) int { return expandOptions(c, "lzma", true) }

// Uncompress decompresses what compress(1) wrote.
func Uncompress(c *applet.Context) int {
	return expandFiles(c, c.Getopt("cf"), formatNamed("compress"))
}

func expandOptions(c *applet.Context, name string, toStdout bool) int {
	o := c.Getopt("cfkdtqv", "stdout=c", "to-stdout=c", "force=f", "test=t", "keep=k", "quiet=q", "decompress=d", "verbose=v")
	if toStdout {
		o.Order = append(o.Order, 'c')
	}
	return expandFiles(c, o, formatNamed(name))
}

// compressFiles puts every file through the compressor of a format.
func compressFiles(c *applet.Context, o *applet.Options, f *format, level int) int {
	if x := o.Has("c") || len(c.Args) == 0; x && sys.Isatty(1) && !o.Has("f") {
		c.Fatalf("compressed data not written to terminal, use -f to force it")
	}
	return eachFile(c, o, func(in io.Reader, out io.Writer) error {
		w, err := f.writer(out, level)
		if err != nil {
			return err
		}
		if _, err := io.CopyBuffer(w, in, make([]byte, bufferSize)); err != nil {
			return err
		}
		return w.Close()
	}, func(name string) (string, bool) {
		return name + f.suffixes[0].from, true
	})
}

// expandFiles decompresses every file, by its format, or by what its first bytes say with f nil.
func expandFiles(c *applet.Context, o *applet.Options, f *format) int {
	return eachFile(c, o, func(in io.Reader, out io.Writer) error {
		b := bufio.NewReaderSize(in, bufferSize)
		var r io.Reader
		var err error
		switch {
		case f == nil:
			r, err = decompressed(b, o.Has("f") && o.Has("c"))
			if err == errMagic && o.Has("a") {
				err = errors.New("no gzip/bzip2/xz magic")
			}
		default:
			if f.name == "gzip" || f.name == "compress" {
				// gunzip reads compress's too.
				if g := sniffed(b); g != nil && g.name == "compress" {
					f = g
				}
			}
			r, err = f.reader(b)
		}
		if err != nil {
			return corrupted(err)
		}
		_, err = io.CopyBuffer(out, r, make([]byte, bufferSize))
		return corrupted(err)
	}, func(name string) (string, bool) {
		suffixes := formatNamed("gzip").suffixes
		if f != nil {
			suffixes = f.suffixes
		}
		for _, s := range suffixes {
			if stem, ok := strings.CutSuffix(name, s.from); ok && stem != "" {
				return stem + s.to, true
			}
		}
		c.Errorf("%s: unknown suffix - ignored", name)
		return "", false
	})
}

// corrupted gives the errors of the decompressors busybox's words.
func corrupted(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("unexpected end of file")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("crc error")
	case errors.Is(err, gzip.ErrHeader):
		return errMagic
	case err == errMagic:
		return err
	}
	if _, ok := err.(abi.Errno); ok {
		return err
	}
	if text := err.Error(); text == "bad lzma header" || text == "no gzip/bzip2/xz magic" || strings.HasPrefix(text, "compressed with ") {
		return err
	}
	return errCRC
}

// decompressed finds out by the first bytes how a stream is compressed. With plain, one that is not passes as it is.
func decompressed(b *bufio.Reader, plain bool) (io.Reader, error) {
	if f := sniffed(b); f != nil {
		return f.reader(b)
	}
	if plain {
		return b, nil
	}
	return nil, errMagic
}

// eachFile puts every operand through a filter into a file of the new name, which takes its place; standard input
// goes to standard output.
func eachFile(c *applet.Context, o *applet.Options, filter func(io.Reader, io.Writer) error, rename func(string) (string, bool)) int {
	code := 0
	for _, name := range c.Operands() {
		if name == "-" {
			if err := filter(sys.FD(0), target(c, o, nil)); err != nil {
				c.Errorf("%s", applet.Strerror(err))
				code = 1
			}
			continue
		}
		if !oneFile(c, o, name, filter, rename) {
			code = 1
		}
	}
	return code
}

// target is where the output goes: nowhere with -t, standard output without a file.
func target(c *applet.Context, o *applet.Options, file io.Writer) io.Writer {
	switch {
	case o.Has("t"):
		return io.Discard
	case file == nil:
		return &c.Out
	}
	return file
}

func oneFile(c *applet.Context, o *applet.Options, name string, filter func(io.Reader, io.Writer) error, rename func(string) (string, bool)) bool {
	in, ok := c.FOpen(name)
	if !ok {
		return false
	}
	defer sys.Close(in)
	st, err := sys.Fstat(in)
	if err != nil {
		c.Perror(name, err)
		return false
	}
	if o.Has("ct") {
		if err := filter(sys.FD(in), target(c, o, nil)); err != nil {
			c.Errorf("%s", applet.Strerror(err))
			return false
		}
		return true
	}
	if st.Mode&abi.S_IFMT == abi.S_IFDIR {
		if c.Name == "bzip2" {
			c.Errorf("read error: %s", abi.EISDIR.Strerror())
			return false
		}
		c.Errorf("%s: is a directory - ignored", name)
		return false
	}
	newName, ok := rename(name)
	if !ok {
		return false
	}
	flags := abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC | abi.O_CLOEXEC
	if !o.Has("f") {
		flags |= abi.O_EXCL
	}
	out, err := sys.Open(newName, flags, st.Mode&0o777)
	if err != nil {
		c.Errorf("can't open '%s': %s", newName, applet.Strerror(err))
		return false
	}
	w := bufio.NewWriterSize(sys.FD(out), bufferSize)
	err = filter(sys.FD(in), w)
	if flushErr := w.Flush(); err == nil {
		err = flushErr
	}
	sys.Chown(newName, int(st.UID), int(st.GID), 0)
	sys.Fchmod(out, st.Mode&abi.PermMask)
	sys.Close(out)
	if c.Name != "bzip2" { // busybox's bzip2 leaves the time alone
		sys.Utimens(newName, st.Atim, st.Mtim, 0)
	}
	if err != nil {
		c.Errorf("%s", applet.Strerror(err))
		sys.Unlink(newName)
		return false
	}
	if !o.Has("k") {
		if err := sys.Unlink(name); err != nil {
			c.Perror(name, err)
			return false
		}
	}
	return true
}
