package image

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

const (
	// maxDownloads is how many layers of an image are fetched at a time; dockerd's default.
	maxDownloads = 3
	// progressStep is how many bytes pass between two messages of one layer.
	progressStep = 512 << 10
)

// layers brings the layers here that are missing and returns all their sizes, uncompressed, in bytes.
func (p *puller) layers(ctx context.Context, descs []ocispec.Descriptor, diffIDs []digest.Digest) ([]int64, error) {
	for i, desc := range descs {
		if _, found := p.s.content.layer(diffIDs[i]); !found {
			p.layerStatus(desc, "Pulling fs layer", 0)
		}
	}
	sizes := make([]int64, len(descs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxDownloads)
	for i, desc := range descs {
		group.Go(func() (err error) {
			sizes[i], err = p.layer(ctx, desc, diffIDs[i])
			return err
		})
	}
	return sizes, group.Wait()
}

// layer brings one layer here unless it is here, by this or another pull.
func (p *puller) layer(ctx context.Context, desc ocispec.Descriptor, diffID digest.Digest) (size int64, err error) {
	unlock, err := p.s.layers.lock(ctx, diffID.String())
	if err != nil {
		return 0, err
	}
	defer unlock()
	if size, found := p.s.content.layer(diffID); found {
		p.layerStatus(desc, "Already exists", 0)
		return size, nil
	}
	w, err := p.s.content.newLayer()
	if err != nil {
		return 0, err
	}
	if err := p.download(ctx, w, desc); err != nil {
		w.abort()
		return 0, fmt.Errorf("layer %s: %w", desc.Digest, err)
	}
	p.layerStatus(desc, "Download complete", 0)
	p.layerStatus(desc, "Extracting", desc.Size)
	if err := w.commit(diffID); err != nil {
		return 0, err
	}
	p.layerStatus(desc, "Pull complete", 0)
	return w.size, nil
}

// download streams a blob through its decompression into w, and checks size and digest of what came.
func (p *puller) download(ctx context.Context, w io.Writer, desc ocispec.Descriptor) error {
	body, err := p.blob(ctx, desc)
	if err != nil {
		return err
	}
	defer body.Close()
	counted := &countingReader{r: body, limit: desc.Size, report: func(n int64) {
		p.progress(jsonstream.Message{Status: "Downloading", ID: short(desc.Digest.Encoded()),
			Progress: &jsonstream.Progress{Current: n, Total: desc.Size}})
	}}
	tar, closeTar, err := decompress(counted)
	if err != nil {
		return err
	}
	defer closeTar()
	if _, err := copyContext(ctx, w, tar); err != nil {
		return err
	}
	// What is behind the compressed stream belongs to the blob, too: its digest is checked at its end.
	p.layerStatus(desc, "Verifying Checksum", 0)
	if _, err := copyContext(ctx, io.Discard, counted); err != nil {
		return err
	}
	if counted.n != desc.Size {
		return fmt.Errorf("the blob has %d bytes, the manifest says %d", counted.n, desc.Size)
	}
	return nil
}

// layerStatus tells of a layer, with current of its size in bytes if current is not 0.
func (p *puller) layerStatus(desc ocispec.Descriptor, status string, current int64) {
	progress := &jsonstream.Progress{}
	if current > 0 {
		progress.Current, progress.Total = current, desc.Size
	}
	p.progress(jsonstream.Message{Status: status, ID: short(desc.Digest.Encoded()), Progress: progress})
}

// countingReader counts what is read, reports it every progressStep, and ends with an error past limit.
type countingReader struct {
	r              io.Reader
	n, told, limit int64
	report         func(n int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.n > c.limit {
		return n, fmt.Errorf("the blob has more than the %d bytes the manifest says", c.limit)
	}
	if c.n-c.told >= progressStep || n > 0 && c.n == c.limit {
		c.told = c.n
		c.report(c.n)
	}
	return n, err
}

// decompress looks at the first bytes, as media types are not always right: gzip, zstd, or a tar as it is.
func decompress(r io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, fmt.Errorf("gzip: %w", err)
		}
		return z, func() { z.Close() }, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, nil, fmt.Errorf("zstd: %w", err)
		}
		return z, z.Close, nil
	default:
		return buffered, func() {}, nil
	}
}
