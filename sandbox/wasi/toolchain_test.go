package wasi_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// wazeroProgram reads a program that wazero's module carries for its own tests: compilers that are not on this machine
// made them.
func wazeroProgram(t *testing.T, path string) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "imports/wasi_snapshot_preview1", path))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestProgramsOfOtherToolchainsRun(t *testing.T) {
	t.Parallel()
	for _, toolchain := range []string{"cargo-wasi", "tinygo", "zig", "zig-cc"} {
		t.Run(toolchain, func(t *testing.T) {
			t.Parallel()
			cat := wazeroProgram(t, "example/testdata/"+toolchain+"/cat.wasm")
			program := wazeroProgram(t, "testdata/"+toolchain+"/wasi.wasm")
			// Only C's readdir tells of . and ..
			dots := toolchain == "zig-cc"
			run := func(name, dir string, args ...string) []string {
				b := guesttest.New(t, kernel.Limits{})
				b.Image("/bin/cat", cat)
				b.Image("/bin/wasi", program)
				b.Write("/tmp/greeting", 0o644, []byte("greet filesystem\n"))
				for _, d := range []string{"/tmp/dir", "/tmp/dir/a-", "/tmp/dir/ab-"} {
					if err := b.Root.Mkdir(b.Root.Cwd, d, 0o755); err != nil {
						t.Fatal(err)
					}
				}
				b.Write("/tmp/dir/-", 0o644, nil)
				stdout, stderr, status := b.Run(guesttest.Options{Dir: dir}, append([]string{"/bin/" + name}, args...)...)
				if status != 0 || stderr != "" {
					t.Errorf("%s %q: status %#x, stderr %q", name, args, uint32(status), stderr)
				}
				return slices.Sorted(strings.Lines(stdout))
			}
			expect := func(got []string, want ...string) {
				t.Helper()
				for i := range want {
					want[i] += "\n"
				}
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			}
			with := func(names ...string) []string {
				if dots {
					names = append(names, "./.", "./..")
				}
				return names
			}
			expect(run("cat", "/", "/tmp/greeting"), "greet filesystem")
			here := ""
			if toolchain == "zig" { // its working directory is descriptor 3, whatever that is
				here = "tmp/dir/"
			}
			expect(run("wasi", "/tmp/dir", "ls", here+"."), with("./-", "./a-", "./ab-")...)
			expect(run("wasi", "/tmp/dir", "ls", here+"./a-"), with()...)
			if toolchain != "tinygo" { // it waits for EBADF, where Linux says ENOTDIR
				expect(run("wasi", "/tmp/dir", "ls", here+"-"), "ENOTDIR")
			}
			expect(run("wasi", "/", "stat"), "stdin isatty: false", "stdout isatty: false", "stderr isatty: false", "/ isatty: false")
			switch toolchain {
			case "zig":
				expect(run("wasi", "/tmp", "preopen"), "0: stdin", "1: stdout", "2: stderr", "3: /", "4: .")
			case "zig-cc":
				expect(run("wasi", "/tmp", "open-rdonly"), "OK")
				expect(run("wasi", "/tmp", "open-wronly"), "OK")
				expect(run("wasi", "/", "sleepmillis", "1"), "OK")
				expect(run("wasi", "/", "poll"), "STDIN")
			}
		})
	}
}
