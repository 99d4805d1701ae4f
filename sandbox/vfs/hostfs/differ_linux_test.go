package hostfs

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sockerless/sockerless/sandbox/vfs/vfstest"
)

// Random operations must end in a volume as they do on Linux, whoever the daemon is. (A bind refuses set-id bits.)
func TestHostfsBehavesAsLinux(t *testing.T) {
	t.Parallel()
	steps := 1500
	if testing.Short() {
		steps = 200
	}
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			host, dir := filepath.Join(base, "host"), filepath.Join(base, "sandbox")
			for _, d := range []string{host, filepath.Join(host, "r"), dir, filepath.Join(dir, "r")} {
				must(t, os.Mkdir(d, 0o755))
			}
			o, err := OpenOwners(filepath.Join(base, "meta"))
			must(t, err)
			t.Cleanup(func() { o.Close() })
			id := ids{uint32(os.Geteuid()), uint32(os.Getegid()), os.Geteuid() == 0}
			opts := Options{Owners: o, UID: id.uid, GID: id.gid}
			if seed&1 != 0 {
				id.root = false // what root may do is kept beside the volume
			}
			fs, err := open(dir, opts, id)
			must(t, err)
			t.Cleanup(func() { fs.Close() })
			d := vfstest.NewDiffer(t, fs.Filesystem(), filepath.Join(host, "r"), seed)
			for i := range steps {
				d.Step()
				if i%100 == 99 {
					d.Compare()
				}
			}
		})
	}
}
