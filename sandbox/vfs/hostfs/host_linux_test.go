package hostfs

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAppendingWorksWithoutTheCallForIt(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(name, []byte("one"), 0o644))
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	n, err := appendAnew(int(f.Fd()), []byte("two"))
	b, _ := os.ReadFile(name)
	if err != nil || n != 3 || string(b) != "onetwo" {
		t.Errorf("wrote %d, %v; the file holds %q", n, err, b)
	}
}
