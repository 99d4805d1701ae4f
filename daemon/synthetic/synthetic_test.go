package synthetic

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sockerless/sockerless/daemon/container"
	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
)

func open(t *testing.T, cfg *sandbox.Config) (Runtime, container.Sandbox) {
	t.Helper()
	rt, err := sandbox.NewRuntime(t.Context(), sandbox.RuntimeConfig{CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	box, err := Runtime{rt}.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		box.Close()
		rt.Close()
	})
	return Runtime{rt}, box
}

func TestProgramsEndAtOnceWithSuccess(t *testing.T) {
	t.Parallel()
	volume := t.TempDir()
	_, box := open(t, &sandbox.Config{Upper: filepath.Join(t.TempDir(), "rw"), Mounts: []sandbox.Mount{{Type: sandbox.Bind, Source: volume, Target: "/v"}}})
	p, err := box.Start(&sandbox.ProcessConfig{Argv: []string{"whatever"}, Dir: "/v/work/here", MakeDir: true})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if code := p.Status().ShellCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if info, err := os.Stat(filepath.Join(volume, "work", "here")); err != nil || !info.IsDir() {
		t.Errorf("working directory: %v", err)
	}
	if err := box.Signal(15); err != nil || len(box.Tasks()) != 0 {
		t.Errorf("signal: %v, tasks %v", err, box.Tasks())
	}
}

func TestCopiedFilesAreFoundAgain(t *testing.T) {
	t.Parallel()
	upper := filepath.Join(t.TempDir(), "rw")
	rt, box := open(t, &sandbox.Config{Upper: upper})
	var in bytes.Buffer
	w := tar.NewWriter(&in)
	for _, h := range []tar.Header{{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "d/f", Typeflag: tar.TypeReg, Size: 7, Mode: 0o644}} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "content"[:h.Size])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := box.WriteArchive(t.Context(), "/", &in, sandbox.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := box.Stat("/nope"); !errors.Is(err, abi.ENOENT) {
		t.Errorf("missing: %v", err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	box, err := rt.Open(&sandbox.Config{Upper: upper})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	var out bytes.Buffer
	if err := box.ReadArchive(t.Context(), "/d", "d", &out); err != nil {
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
	if want := []string{"d/", "d/f"}; !slices.Equal(names, want) {
		t.Errorf("archive has %q", names)
	}
}
