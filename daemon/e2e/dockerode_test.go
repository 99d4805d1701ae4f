package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockerless/sockerless/daemon"
)

func TestDockerodeDrivesTheDaemon(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("left out: installs a package")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("left out: %v", err)
		}
	}
	dir := installDockerode(t)
	e := start(t, daemon.Config{})
	cmd := exec.CommandContext(e.ctx, "node", "test.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DOCKER_SOCKET="+strings.TrimPrefix(e.host, "unix://"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// installDockerode returns a directory with the script and its packages, which are fetched once for a version of
// package.json: no packages are kept in the repository.
func installDockerode(t *testing.T) string {
	t.Helper()
	want, err := os.ReadFile("dockerode/package.json")
	must(t, err)
	script, err := os.ReadFile("dockerode/test.mjs")
	must(t, err)
	dir := filepath.Join(suite.cache, "dockerode")
	must(t, os.MkdirAll(dir, 0o755))
	have, _ := os.ReadFile(filepath.Join(dir, "package.json"))
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "dockerode")); err != nil || string(have) != string(want) {
		must(t, os.WriteFile(filepath.Join(dir, "package.json"), want, 0o644))
		cmd := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--omit=optional")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			os.Remove(filepath.Join(dir, "package.json"))
			t.Skipf("left out: npm cannot fetch dockerode: %v: %s", err, lastLine(string(out)))
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "test.mjs"), script, 0o644))
	return dir
}
