package overlay

import (
	"testing"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs/vfstest"
)

func TestFilesHaveHoles(t *testing.T) {
	t.Parallel()
	_, ctx := mustOpen(t, nil, t.TempDir(), Options{})
	vfstest.Holes(t, ctx, "/f")
}

func TestFilesWithoutNames(t *testing.T) {
	t.Parallel()
	_, ctx := mustOpen(t, nil, t.TempDir(), Options{})
	vfstest.Unnamed(t, ctx, "/")
}

// What got its name late is there after a restart, and what got none is not.
func TestAFileThatWasNamedLateSurvives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, ctx := mustOpen(t, nil, dir, Options{})
	for _, size := range []int{10, 100 << 10} {
		name := map[int]string{10: "small", 100 << 10: "large"}[size]
		o, err := ctx.Open(ctx.Cwd, "/", abi.O_RDWR|abi.O_TMPFILE, 0o600)
		must(t, err)
		_, err = o.Write(make([]byte, size/2))
		must(t, err)
		must(t, ctx.Link(o.Path, ctx.Cwd, name))
		_, err = o.Write(make([]byte, size/2))
		must(t, err)
		must(t, o.Release())
	}
	must(t, f.Close())
	_, ctx = mustOpen(t, nil, dir, Options{})
	for name, size := range map[string]int{"/small": 10, "/large": 100 << 10} {
		if got := len(read(t, ctx, name)); got != size {
			t.Errorf("%s has %d bytes, want %d", name, got, size)
		}
	}
}

func TestTheRootIsNoOlderThanTheContainer(t *testing.T) {
	t.Parallel()
	_, ctx := mustOpen(t, nil, t.TempDir(), Options{})
	if st := stat(t, ctx, "/"); st.Mtim.Sec < 1e9 {
		t.Errorf("the root was changed at %d", st.Mtim.Sec)
	}
}
