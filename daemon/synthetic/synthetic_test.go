package synthetic

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
)

func archive(t *testing.T, entries ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		data := h.Uname // stands for the content
		h.Uname, h.Mode = "", 0o755
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(data))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			io.WriteString(w, data)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestProgramsEndAtOnceWithSuccess(t *testing.T) {
	t.Parallel()
	box, err := Runtime{}.Open(&sandbox.Config{Upper: filepath.Join(t.TempDir(), "rw")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := box.Start(&sandbox.ProcessConfig{Argv: []string{"whatever"}})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if code := p.Status().ShellCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestCopiedFilesAreFoundAgain(t *testing.T) {
	t.Parallel()
	upper := filepath.Join(t.TempDir(), "rw")
	box, _ := Runtime{}.Open(&sandbox.Config{Upper: upper})
	if st, err := box.Stat("/"); err != nil || !st.Mode.IsDir() {
		t.Errorf("root of an empty container: %+v, %v", st, err)
	}
	in := archive(t, tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "d/f", Typeflag: tar.TypeReg, Uname: "content"},
		tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "d/f"})
	if err := box.WriteArchive(t.Context(), "/opt/x", in, sandbox.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	box, _ = Runtime{}.Open(&sandbox.Config{Upper: upper})
	if st, err := box.Stat("/opt/x/l"); err != nil || st.LinkTarget != "/opt/x/d/f" {
		t.Errorf("link: %+v, %v", st, err)
	}
	if _, err := box.Stat("/nope"); !errors.Is(err, abi.ENOENT) {
		t.Errorf("missing: %v", err)
	}
	var out bytes.Buffer
	if err := box.ReadArchive(t.Context(), "/opt/x", "x", &out); err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
	if want := []string{"x/", "x/d/", "x/d/f", "x/l"}; !slices.Equal(names, want) {
		t.Errorf("archive has %q", names)
	}
	if err := (Runtime{}).Remove(upper); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(upper); !errors.Is(err, fs.ErrNotExist) {
		t.Error("files are left")
	}
}

func TestArchivesDoNotLeadOutOfTheContainer(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	upper, outside := filepath.Join(root, "rw"), filepath.Join(root, "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	box, _ := Runtime{}.Open(&sandbox.Config{Upper: upper})
	for _, in := range []*bytes.Buffer{
		archive(t, tar.Header{Name: "../../outside/evil", Typeflag: tar.TypeReg, Uname: "x"}),
		archive(t, tar.Header{Name: "/l", Typeflag: tar.TypeSymlink, Linkname: outside}, tar.Header{Name: "l/evil", Typeflag: tar.TypeReg, Uname: "x"}),
		archive(t, tar.Header{Name: "up", Typeflag: tar.TypeSymlink, Linkname: "../outside"}, tar.Header{Name: "up/evil", Typeflag: tar.TypeReg, Uname: "x"}),
		archive(t, tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "../../../../etc/passwd"}),
		archive(t, tar.Header{Name: "dev", Typeflag: tar.TypeChar}),
	} {
		_ = box.WriteArchive(t.Context(), "/", in, sandbox.WriteOptions{}) // refused, or kept inside
	}
	if files, _ := os.ReadDir(outside); len(files) != 0 {
		t.Errorf("outside has %v", files)
	}
	if _, err := os.Lstat(filepath.Join(upper, "hard")); err == nil {
		t.Error("there is a hardlink outwards")
	}
}
