package wasm

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestTheCacheDropsWhatIsOldOrTooMuch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, cache, err := openCache(dir, 250)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close(t.Context())
	now := time.Now()
	for name, used := range map[string]time.Duration{
		c.current + "/fresh":             0,
		c.current + "/yesterday":         24 * time.Hour,
		c.current + "/lastweek":          7 * 24 * time.Hour,
		c.current + "/lastyear":          365 * 24 * time.Hour,
		c.current + "/fresh.1.tmp":       time.Minute,
		c.current + "/crashed.1.tmp":     2 * time.Hour,
		"wazero-v0.0.1-amd64-linux/gone": 0,
		"wazero-v0.0.2-amd64-linux/used": 365 * 24 * time.Hour,
		"elsewhere/kept":                 365 * 24 * time.Hour,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-used), now.Add(-used)); err != nil {
			t.Fatal(err)
		}
	}
	lastMonth := now.Add(-30 * 24 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "wazero-v0.0.1-amd64-linux"), lastMonth, lastMonth); err != nil {
		t.Fatal(err)
	}
	if err := c.trim(now); err != nil {
		t.Fatal(err)
	}
	left := func() []string {
		files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range files {
			files[i] = filepath.Base(f)
		}
		slices.Sort(files)
		return files
	}
	if got, want := left(), []string{"fresh", "fresh.1.tmp", "kept", "used", "yesterday"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if err := c.purge(); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), []string{"kept"}; !slices.Equal(got, want) {
		t.Errorf("left after a purge %q, want %q", got, want)
	}
}

func TestALoadTrimsTheCache(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := newEngine(t, Config{CacheDir: dir, CacheBytes: 1})
	old := filepath.Join(dir, "wazero-v0.0.1-amd64-linux")
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	lastYear := time.Now().Add(-365 * 24 * time.Hour)
	if err := os.Chtimes(old, lastYear, lastYear); err != nil {
		t.Fatal(err)
	}
	load(t, e, command(nil, nil))
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the directory of another version: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(files) != 0 {
		t.Errorf("%q in a cache of 1 byte", files)
	}
}
