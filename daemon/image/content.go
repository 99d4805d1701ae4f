package image

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
)

// content is the directory of blobs and layers.
type content struct{ dir string }

const (
	blobDir  = "blobs/sha256"
	layerDir = "layers/sha256"
	tempDir  = "tmp"
)

// maxConfig bounds configurations and manifests, in bytes: they are kept in memory. Real ones have some ten KiB;
// the distribution specification asks registries to take manifests of 4 MiB.
const maxConfig = 4 << 20

// prepare makes the directories and empties the temporary one.
func (c content) prepare() error {
	if err := os.RemoveAll(filepath.Join(c.dir, tempDir)); err != nil {
		return err
	}
	for _, d := range []string{blobDir, layerDir, tempDir} {
		if err := os.MkdirAll(filepath.Join(c.dir, d), 0o700); err != nil {
			return err
		}
	}
	return nil
}

func (c content) blobPath(d digest.Digest) string {
	return filepath.Join(c.dir, blobDir, d.Encoded())
}

func (c content) layerPath(diffID digest.Digest) string {
	return filepath.Join(c.dir, layerDir, diffID.Encoded()+".tar")
}

// image puts an image together from its configuration and record, and checks that its layers are there.
func (c content) image(id digest.Digest, r record) (*Image, error) {
	raw, err := c.blob(id)
	if err != nil {
		return nil, err
	}
	cfg, err := parseConfig(raw)
	if err != nil {
		return nil, err
	}
	if len(r.LayerSizes) != len(cfg.RootFS.DiffIDs) {
		return nil, fmt.Errorf("the record has %d layers, the configuration %d", len(r.LayerSizes), len(cfg.RootFS.DiffIDs))
	}
	img := &Image{
		ID:         id,
		Config:     cfg.Config,
		Platform:   cfg.Platform,
		History:    cfg.History,
		Author:     cfg.Author,
		Comment:    cfg.Comment,
		Parent:     r.Parent,
		LastTagged: r.LastTagged,
		Manifest:   r.Manifest,
	}
	if cfg.Created != nil {
		img.Created = cfg.Created.UTC()
	}
	for i, diffID := range cfg.RootFS.DiffIDs {
		l := Layer{diffID, r.LayerSizes[i], c.layerPath(diffID)}
		info, err := os.Stat(l.Path)
		if err != nil {
			return nil, err
		}
		if info.Size() != l.Size {
			return nil, fmt.Errorf("layer %s has %d bytes, it should have %d", diffID, info.Size(), l.Size)
		}
		img.Layers = append(img.Layers, l)
		img.Size += l.Size
	}
	return img, nil
}

// parseConfig decodes a configuration and checks what the store relies on.
func parseConfig(raw []byte) (*config, error) {
	var cfg config
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return nil, fmt.Errorf("decoding the image's configuration: %w", err)
	}
	if cfg.RootFS.Type != "" && cfg.RootFS.Type != "layers" {
		return nil, fmt.Errorf("the image's root file system is of the unknown type %q", cfg.RootFS.Type)
	}
	for _, d := range cfg.RootFS.DiffIDs {
		if err := checkDigest(d); err != nil {
			return nil, fmt.Errorf("diff ID in the image's configuration: %w", err)
		}
	}
	return &cfg, nil
}

// checkDigest accepts sha256 only, which is what content is named by; a digest becomes part of a path.
func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("%q: %w", d, err)
	}
	if d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("%q: only sha256 digests are supported", d)
	}
	return nil
}

// blob reads a configuration or manifest.
func (c content) blob(d digest.Digest) ([]byte, error) {
	if err := checkDigest(d); err != nil {
		return nil, err
	}
	return os.ReadFile(c.blobPath(d))
}

// putBlob stores a configuration or manifest.
func (c content) putBlob(raw []byte) (digest.Digest, error) {
	d := digest.FromBytes(raw)
	if info, err := os.Stat(c.blobPath(d)); err == nil && info.Size() == int64(len(raw)) {
		return d, nil
	}
	f, err := os.CreateTemp(filepath.Join(c.dir, tempDir), "blob-")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err := finish(f, err, c.blobPath(d)); err != nil {
		return "", err
	}
	return d, nil
}

func (c content) removeBlob(d digest.Digest) error {
	if err := os.Remove(c.blobPath(d)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// layer tells whether a layer is there, and its size in bytes.
func (c content) layer(diffID digest.Digest) (size int64, found bool) {
	info, err := os.Stat(c.layerPath(diffID))
	if err != nil {
		return 0, false
	}
	return info.Size(), true
}

// removeLayer removes a layer and what lies beside it, and tells whether it was there.
func (c content) removeLayer(diffID digest.Digest) (bool, error) {
	beside, err := filepath.Glob(filepath.Join(c.dir, layerDir, diffID.Encoded()+".*"))
	if err != nil {
		return false, err
	}
	for _, path := range beside {
		if err := os.RemoveAll(path); err != nil {
			return true, err
		}
	}
	return len(beside) > 0, nil
}

// layerWriter takes a layer's uncompressed tar. Either commit or abort ends it.
type layerWriter struct {
	c    content
	f    *os.File
	hash hash.Hash
	size int64
}

func (c content) newLayer() (*layerWriter, error) {
	f, err := os.CreateTemp(filepath.Join(c.dir, tempDir), "layer-")
	if err != nil {
		return nil, err
	}
	return &layerWriter{c: c, f: f, hash: sha256.New()}, nil
}

func (w *layerWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	return n, err
}

// digest is that of what was written so far.
func (w *layerWriter) digest() digest.Digest { return digest.NewDigest(digest.SHA256, w.hash) }

// commit gives the layer its name, which must be the digest of what was written.
func (w *layerWriter) commit(diffID digest.Digest) error {
	if got := w.digest(); got != diffID {
		w.abort()
		return fmt.Errorf("layer has the diff ID %s, the configuration says %s", got, diffID)
	}
	if err := finish(w.f, nil, w.c.layerPath(diffID)); err != nil {
		os.Remove(w.f.Name())
		return err
	}
	return nil
}

func (w *layerWriter) abort() {
	w.f.Close()
	os.Remove(w.f.Name())
}

// finish brings a temporary file to the disk and to its name; err is that of writing it.
func finish(f *os.File, err error, path string) error {
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// sync brings the names to the disk, before a record relies on them.
func (c content) sync() error {
	return errors.Join(syncDir(filepath.Join(c.dir, blobDir)), syncDir(filepath.Join(c.dir, layerDir)))
}

// copyContext is io.Copy that ends with ctx.
func copyContext(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, contextReader{ctx, r}, make([]byte, 256<<10))
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
