package tmpfs_test

import (
	"testing"

	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
	"github.com/sockerless/sockerless/sandbox/vfs/vfstest"
)

func TestFilesHaveHoles(t *testing.T) {
	t.Parallel()
	charged := int64(0)
	ctx := mount(tmpfs.Options{Charge: func(delta int64) bool { charged += delta; return true }})
	vfstest.Holes(t, ctx, "f")
	if err := ctx.Unlink(ctx.Cwd, "f"); err != nil || charged != 0 {
		t.Errorf("%d bytes are charged for nothing, %v", charged, err)
	}
}

func TestFilesWithoutNames(t *testing.T) {
	t.Parallel()
	charged := int64(0)
	ctx := mount(tmpfs.Options{Inodes: 2, Charge: func(delta int64) bool { charged += delta; return true }})
	vfstest.Unnamed(t, ctx, "/")
	if charged != 0 {
		t.Errorf("%d bytes are charged for nothing", charged)
	}
}
