package main

import (
	"strings"
	"testing"
)

func TestReplaceImportsFailsWhenAnImportIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := replaceImports("interp/io.go", []byte("package interp\n\nimport (\n\t\"os\"\n)\n")); err == nil || !strings.Contains(err.Error(), "os/exec") {
		t.Errorf("error %v, want one that names os/exec", err)
	}
}

func TestReplaceImportsKeepsTheNames(t *testing.T) {
	t.Parallel()
	got, err := replaceImports("interp/iostream.go", []byte("import (\n\t\"os/exec\"\n\t\"syscall\"\n)\n"))
	want := "import (\n\texec" + host + "\n\tsyscall" + host + "\n)\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}
