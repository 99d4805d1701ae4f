package hostfs

import (
	"testing"

	"github.com/sockerless/sockerless/sandbox/vfs/vfstest"
)

func TestFilesHaveHoles(t *testing.T) {
	t.Parallel()
	vfstest.Holes(t, mount(t, t.TempDir(), Options{}, nil), "/f")
}

func TestFilesWithoutNames(t *testing.T) {
	t.Parallel()
	vfstest.Unnamed(t, mount(t, t.TempDir(), Options{}, nil), "/")
	vfstest.Unnamed(t, volume(t, t.TempDir()), "/")
}
