// Command notices writes the copyright file of the packages: our licence, and those of the modules that are linked into
// a binary or compiled into the userland that it embeds.
//
//	notices BINARY >copyright
package main

import (
	"bufio"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: notices BINARY")
		os.Exit(2)
	}
	w := bufio.NewWriter(os.Stdout)
	err := write(w, os.Args[1])
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

type module struct{ Path, Version, Dir string }

func write(w io.Writer, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	names := []string{}
	for _, d := range info.Deps {
		names = append(names, d.Path)
	}
	userland, err := userlandModules()
	if err != nil {
		return err
	}
	names = append(names, userland...)
	slices.Sort(names)
	names = slices.Compact(names)

	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Sockerless is licensed under the Apache License 2.0.\n\n%s\n", licence)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	modules := []module{{"The Go standard library", info.GoVersion, strings.TrimSpace(string(goroot))}}
	for _, name := range names {
		out, err := exec.Command("go", "list", "-m", "-json", name).Output()
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
		var m module
		if err := json.Unmarshal(out, &m); err != nil {
			return err
		}
		modules = append(modules, m)
	}
	for _, m := range modules {
		fmt.Fprintf(w, "%s\n%s %s\n\n", strings.Repeat("-", 80), m.Path, m.Version)
		texts, err := licences(m.Dir)
		if err != nil {
			return err
		}
		if len(texts) == 0 {
			return fmt.Errorf("no licence found in module %s", m.Path)
		}
		for _, text := range texts {
			fmt.Fprintf(w, "%s\n", text)
		}
	}
	return nil
}

// userlandModules lists the modules of the busybox, whose WebAssembly has no build information that could be read.
func userlandModules() ([]string, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./sandbox/userland/busybox")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the userland's modules: %w", err)
	}
	return strings.Fields(string(out)), nil
}

// licences reads the licence and notice files at the top of a module.
func licences(dir string) ([]string, error) {
	var texts []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := strings.ToUpper(strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())))
		if e.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(b))
	}
	return texts, nil
}
