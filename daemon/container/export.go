package container

import (
	"context"
	"fmt"
	"io"

	"github.com/moby/moby/api/types/events"
)

// Export writes a tar of a container's filesystem, without what is mounted in it. begin gives the writer: an error after
// that can only break the archive off.
func (m *Manager) Export(ctx context.Context, ref string, begin func() (io.Writer, error)) error {
	c, box, err := m.files(ref)
	if err != nil {
		return err
	}
	defer m.release(c)
	w, err := begin()
	if err != nil {
		return err
	}
	if err := box.Export(ctx, w); err != nil {
		return fmt.Errorf("exporting container %s: %w", ref, err)
	}
	m.emit(c, events.ActionExport)
	return nil
}
