// Command build builds the busybox, for the sandbox (the default) or natively for tests:
//
//	go run ./sandbox/userland/build -o sandbox/userland/embedded/busybox.wasm
//	go run ./sandbox/userland/build -native -o /tmp/busybox
//
// It needs nothing but the Go toolchain. goawk runs programs through os/exec, which does not exist on wasip1; the
// busybox is therefore built with a copy of that module whose imports of os, os/exec and syscall are replaced by
// sandbox/userland/awk/host; that of regexp too, for the expressions of grep and sed, which are faster. What is not where it is expected ends the build.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	module = "github.com/benhoyt/goawk"
	pkg    = "github.com/sockerless/sockerless/sandbox/userland"
	host   = ` "` + pkg + `/awk/host"`
	// patched is where the copy is. The path gets into the busybox, whose bytes are to depend on the source alone.
	patched = "./sandbox/userland/.goawk"
)

// imports lists, by file of goawk, the import lines that are replaced.
var imports = map[string][]string{
	"interp/interp.go":              {"os", "regexp"},
	"interp/vm.go":                  {"os"},
	"interp/io.go":                  {"os", "os/exec", "regexp"},
	"interp/iostream.go":            {"os/exec", "syscall"},
	"internal/compiler/compiler.go": {"regexp"},
	"parser/parser.go":              {"regexp"},
}

// lines lists, by file of goawk, lines that are replaced: fields are split into the slice of the last record, and sub and
// gsub make no strings of what they replace.
var lines = map[string]map[string]string{
	"interp/io.go": {
		"p.fields = strings.Fields(p.line)":            "p.fields = os.Fields(p.fields[:0], p.line)",
		"p.fields = strings.Split(p.line, p.fieldSep)": "p.fields = os.Split(p.fields[:0], p.line, p.fieldSep)",
	},
	"interp/functions.go": {
		"	count := 0\n	out = re.ReplaceAllStringFunc(in,": "	if s, n, ok := re.Substitute(in, repl, global); ok {\n		return s, n, nil\n	}\n	count := 0\n	out = re.ReplaceAllStringFunc(in,",
	},
}

func main() {
	out := flag.String("o", "busybox.wasm", "`file` to write")
	native := flag.Bool("native", false, "build for the machine this runs on")
	flag.Parse()
	if err := build(*out, *native); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func build(out string, native bool) error {
	work, err := os.MkdirTemp("", "busybox-build")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	root, err := goOutput("list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	if err := patchedCopy(filepath.Join(root, patched)); err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if name == "go.mod" {
			text = fmt.Appendf(text, "\nreplace %s => %s\n", module, patched)
		}
		if err := os.WriteFile(filepath.Join(work, name), text, 0o644); err != nil {
			return err
		}
	}
	args := []string{"build", "-modfile=" + filepath.Join(work, "go.mod"), "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", "-o", out} // without the id, which depends on work, the same source gives the same bytes
	env := append(os.Environ(), "CGO_ENABLED=0")
	if !native {
		args = append(args, "-buildmode=c-shared")
		env = append(env, "GOOS=wasip1", "GOARCH=wasm")
	}
	cmd := exec.Command("go", append(args, pkg+"/busybox")...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, os.Stdout, os.Stderr
	return cmd.Run()
}

// patchedCopy copies goawk's source and replaces the imports.
func patchedCopy(dir string) error {
	if _, err := goOutput("mod", "download", module); err != nil {
		return err
	}
	source, err := goOutput("list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return err
	}
	for _, part := range []string{"go.mod", "interp", "parser", "lexer", "internal"} {
		err := filepath.WalkDir(filepath.Join(source, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(source, path)
			if err != nil {
				return err
			}
			if text, err = replaceImports(filepath.ToSlash(rel), text); err != nil {
				return err
			}
			target := filepath.Join(dir, rel)
			return replaceFile(target, text)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// replaceFile writes a file that another build may be reading.
func replaceFile(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone when all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// replaceImports replaces the imports and lines of a file.
func replaceImports(file string, text []byte) ([]byte, error) {
	for _, name := range imports[file] {
		line := "\t\"" + name + "\"\n"
		if strings.Count(string(text), line) != 1 {
			return nil, fmt.Errorf("%s %s: no import of %q to replace", module, file, name)
		}
		text = []byte(strings.Replace(string(text), line, "\t"+filepath.Base(name)+host+"\n", 1))
	}
	for from, to := range lines[file] {
		if strings.Count(string(text), from) != 1 {
			return nil, fmt.Errorf("%s %s: no %q to replace", module, file, from)
		}
		text = []byte(strings.Replace(string(text), from, to, 1))
	}
	return text, nil
}

func goOutput(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
