package shell

import (
	"go/parser"
	gotoken "go/token"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hostPackages are the ways to the host's files, processes, users, environment and network.
var hostPackages = []string{"os", "os/exec", "os/user", "os/signal", "io/ioutil", "path/filepath", "syscall", "net", "plugin", "unsafe",
	"golang.org/x/sys/unix", "golang.org/x/term", "mvdan.cc/sh/v3/interp", "mvdan.cc/sh/v3/expand"}

func TestPackageImportsNoWayToTheHost(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), e.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			if name, _ := strconv.Unquote(spec.Path.Value); slices.Contains(hostPackages, name) {
				t.Errorf("%s imports %s", e.Name(), name)
			}
		}
	}
	// The parser that it uses must not have one either.
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, "mvdan.cc/sh/v3/syntax").Output()
	if err != nil {
		t.Skipf("go list does not run here: %v", err)
	}
	for _, name := range strings.Fields(string(out)) {
		if slices.Contains(hostPackages, name) {
			t.Errorf("mvdan.cc/sh/v3/syntax imports %s", name)
		}
	}
}
