package tmpfs_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/sockerless/sockerless/sandbox/vfs"
	"github.com/sockerless/sockerless/sandbox/vfs/tmpfs"
	"github.com/sockerless/sockerless/sandbox/vfs/vfstest"
)

func TestTmpfsBehavesAsTheHost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			host := t.TempDir() + "/r"
			if err := os.Mkdir(host, 0o700); err != nil {
				t.Fatal(err)
			}
			own := vfs.Owner{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
			fs := tmpfs.New(tmpfs.Options{UID: own.UID, GID: own.GID, Mode: 0o755})
			if _, err := fs.Root().Inode().Mkdir("r", 0o700, own); err != nil {
				t.Fatal(err)
			}
			d := vfstest.NewDiffer(t, fs, host, seed)
			for i := range 1500 {
				d.Step()
				if i%100 == 99 {
					d.Compare()
				}
			}
		})
	}
}
