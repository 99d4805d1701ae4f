package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
)

const goProgram = `package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "sleep" {
		fmt.Println("sleeping")
		time.Sleep(time.Hour)
	}
	fmt.Println(strings.Join(os.Args[1:], "|"), os.Getenv("A"))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println("line", in.Text())
	}
	if err := os.WriteFile("/tmp/from-go", []byte("written"), 0o600); err != nil {
		fmt.Println(err)
	}
	list, err := filepath.Glob("/etc/pass*")
	fmt.Println(list, err)
	_, err = os.ReadFile("/no/such")
	fmt.Println(err)
	fmt.Fprintln(os.Stderr, "to stderr")
	os.Exit(7)
}
`

const cProgram = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <dirent.h>
#include <unistd.h>

int main(int argc, char **argv) {
	printf("%s %s\n", argc > 1 ? argv[1] : "-", getenv("A"));
	char line[100];
	while (fgets(line, sizeof line, stdin)) printf("line %s", line);
	FILE *f = fopen("/tmp/from-c", "w");
	if (!f) perror("open");
	else { fputs("written", f); fclose(f); }
	if (!fopen("/no/such", "r")) printf("%s\n", strerror(errno));
	DIR *d = opendir("/etc");
	int found = 0;
	for (struct dirent *e; d && (e = readdir(d));) found += !strcmp(e->d_name, "passwd");
	printf("found %d\n", found);
	fprintf(stderr, "to stderr\n");
	return 7;
}
`

// buildGo compiles the Go program for WASI.
func buildGo(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(goProgram), 0o600))
	cmd := exec.Command("go", "build", "-o", "prog.wasm", "main.go")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return filepath.Join(dir, "prog.wasm")
}

func buildC(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("left out: clang is not on PATH")
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "main.c"), []byte(cProgram), 0o600))
	cmd := exec.Command("clang", "--target=wasm32-wasi", "-O1", "-o", "prog.wasm", "main.c")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("left out: clang cannot build for wasm32-wasi here (wasi-libc, libclang-rt-dev-wasm32): %s", out)
	}
	return filepath.Join(dir, "prog.wasm")
}

func TestProgramsBuiltForWASIRunAsContainers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		build func(testing.TB) string
		want  string
	}{
		{"Go", buildGo, "arg on\nline one\nline two\n[/etc/passwd] <nil>\nopen /no/such: No such file or directory\n"}, // its errno texts are WASI's
		{"C", buildC, "arg on\nline one\nline two\nNo such file or directory\nfound 1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := shared(t)
			path := c.build(t)
			must(t, os.Chmod(path, 0o755))
			env := withConfig(func(c *container.Config) { c.Env = []string{"A=on"} })
			input := "one\ntwo\n"
			want := result{c.want, "to stderr\n", 7}
			// As the container's program, from a bind mount.
			if got := e.feed(strings.NewReader(input), []string{"/prog", "arg"}, env, binds(path+":/prog:ro")); got != want {
				t.Errorf("bind mounted: got %s\nwant %s", got, want)
			}
			// From the shell, in a pipe, after docker cp; what it wrote is there.
			program, err := os.ReadFile(path)
			must(t, err)
			id := e.launch([]string{"sleep", "1000"}, env)
			e.put(id, "/usr/local/bin", pack(t, []entry{{name: "prog", typ: '0', mode: 0o755, data: program}}))
			got := e.exec(id, []string{"sh", "-c", `printf 'one\ntwo\n' | prog arg | cat; cat /tmp/from-*; printf 'one\ntwo\n' | prog arg >/dev/null 2>&1; echo " $?"`})
			if got.stdout != want.stdout+"written 7\n" {
				t.Errorf("copied in: got %s", got)
			}
		})
	}
}

func TestWASIProgramsTakeSignals(t *testing.T) {
	t.Parallel()
	e := shared(t)
	path := buildGo(t)
	must(t, os.Chmod(path, 0o755))
	id := e.launch([]string{"/prog", "sleep"}, binds(path+":/prog:ro"))
	e.printed(id, "sleeping")
	_, err := e.ContainerStop(e.ctx, id, stopAfter(0))
	must(t, err)
	if code := e.wait(id); code != 137 {
		t.Errorf("exit code %d", code)
	}
}

func TestFilesThatAreNoProgramsGiveExecFormatError(t *testing.T) {
	t.Parallel()
	e := shared(t)
	elf, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		elf = append([]byte("\x7fELF\x02\x01\x01"), bytes.Repeat([]byte{0}, 100)...)
	}
	id := e.create([]string{"/elf"})
	e.put(id, "/", pack(t, []entry{{name: "elf", typ: '0', mode: 0o755, data: elf[:4096]}, {name: "rubbish", typ: '0', mode: 0o755, data: []byte("\x00\x01\x02rubbish")}}))
	if err := e.tryStart(id); err == nil || !strings.Contains(err.Error(), "exec format error") {
		t.Errorf("got %v", err)
	}
	if st := e.state(id); st.ExitCode != 126 && st.ExitCode != 128 {
		t.Errorf("exit code %d", st.ExitCode)
	}
	bad := e.create([]string{"/bad"})
	e.put(bad, "/", pack(t, []entry{{name: "bad", typ: '0', mode: 0o755, data: []byte("\x00asm\x01\x00\x00\x00\xff\xff\xff")}}))
	if err := e.tryStart(bad); err == nil {
		e.wait(bad)
		if st := e.state(bad); st.ExitCode == 0 {
			t.Errorf("a broken module exits %d", st.ExitCode)
		}
	}
}
