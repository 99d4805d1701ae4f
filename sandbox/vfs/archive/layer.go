package archive

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// whiteout begins the names that stand for deletions in a layer (OCI image-spec, "Whiteouts").
const whiteout = ".wh."

// Difference is a path in which a tree differs from what is below it.
type Difference struct {
	Path    string // absolute
	Deleted bool
}

// WriteLayer archives what makes a tree out of what is below it, as an image layer: files with all their data, directories
// with their attributes only, a whiteout for each deletion. The differences are sorted by path, and name what is new in a
// directory one by one.
func WriteLayer(ctx context.Context, w io.Writer, v *vfs.Context, list []Difference) error {
	tw := newTreeWriter(ctx, w, v, WriteOptions{})
	for _, d := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := strings.TrimPrefix(d.Path, "/")
		if d.Deleted {
			hdr := &tar.Header{
				Format: tar.FormatPAX, Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0),
				Name: path.Join(path.Dir(name), whiteout+path.Base(name)),
			}
			if err := tw.tar.WriteHeader(hdr); err != nil {
				return fmt.Errorf("archive %s: %w", name, err)
			}
			continue
		}
		p, err := v.Walk(v.Root, d.Path, false)
		if err == abi.ENOENT {
			continue // removed meanwhile
		}
		if err != nil {
			return fmt.Errorf("archive %s: %w", name, err)
		}
		if _, err := tw.entry(p, name); err != nil {
			return err
		}
	}
	return tw.tar.Close()
}
