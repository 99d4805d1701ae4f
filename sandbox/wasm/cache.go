package wasm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
)

const (
	// defaultCacheBytes bounds the compiled code on disk: some 15 programs like
	// the busybox, or hundreds of usual ones.
	defaultCacheBytes = 512 << 20
	// maxCacheAge is how long an entry is kept that nobody has used.
	maxCacheAge = 30 * 24 * time.Hour
	// maxWriteAge is after what time a file that was being written has been left
	// by a process that crashed.
	maxWriteAge = time.Hour
	// maxVersionAge is after what time without a new entry another version is
	// taken to be gone. Until then it may be in use: by an older daemon, or by
	// tests, whose wazero has no version.
	maxVersionAge = 7 * 24 * time.Hour
)

// diskCache bounds wazero's directory of compiled code, which only grows by
// itself: a subdirectory for each version of wazero and architecture, in it a
// file for each module, written under another name, synced and renamed. Files
// are only unlinked here, which is safe at any moment: a process that is
// reading one goes on, and what is missing is compiled anew.
type diskCache struct {
	dir     string
	current string // subdirectory of the wazero in use
	bytes   int64
}

// openCache makes the directory and returns wazero's cache over it.
func openCache(dir string, bytes int64) (*diskCache, wazero.CompilationCache, error) {
	if bytes <= 0 {
		bytes = defaultCacheBytes
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, nil, err
	}
	c := &diskCache{dir: dir, bytes: bytes}
	if c.current, err = subdirectory(dir); err != nil {
		return nil, nil, err
	}
	return c, cache, nil
}

// subdirectory finds the name that wazero gives to its subdirectory, which
// holds its version, by letting it make one in an empty place.
func subdirectory(dir string) (string, error) {
	scratch, err := os.MkdirTemp(dir, ".probe-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	if _, err := wazero.NewCompilationCacheWithDir(scratch); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(scratch)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("the cache has %d subdirectories", len(entries))
	}
	return entries[0].Name(), nil
}

// trim removes what other versions have left, what has not been used for long
// and, beyond the limit of size, what has not been used for longest.
func (c *diskCache) trim(now time.Time) error {
	dirs, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		old := strings.HasPrefix(d.Name(), "wazero-") && d.Name() != c.current && age(d, now) > maxVersionAge
		if old || strings.HasPrefix(d.Name(), ".probe-") && age(d, now) > maxWriteAge {
			err = errors.Join(err, os.RemoveAll(filepath.Join(c.dir, d.Name())))
		}
	}
	type entry struct {
		name string
		size int64
		used time.Time
	}
	var entries []entry
	total := int64(0)
	dir := filepath.Join(c.dir, c.current)
	files, rerr := os.ReadDir(dir)
	err = errors.Join(err, rerr)
	remove := func(name string) { err = errors.Join(err, ignoreMissing(os.Remove(filepath.Join(dir, name)))) }
	for _, f := range files {
		info, ierr := f.Info()
		switch {
		case ierr != nil: // another process has removed it
		case strings.HasSuffix(f.Name(), ".tmp"):
			if now.Sub(info.ModTime()) > maxWriteAge {
				remove(f.Name())
			}
		case now.Sub(lastUse(info)) > maxCacheAge:
			remove(f.Name())
		default:
			entries = append(entries, entry{f.Name(), info.Size(), lastUse(info)})
			total += info.Size()
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return a.used.Compare(b.used) })
	for _, e := range entries {
		if total <= c.bytes {
			break
		}
		remove(e.name)
		total -= e.size
	}
	return err
}

// purge removes all entries: one of them is damaged, and which is not told.
func (c *diskCache) purge() error {
	files, err := filepath.Glob(filepath.Join(c.dir, "wazero-*", "*"))
	for _, f := range files {
		err = errors.Join(err, ignoreMissing(os.Remove(f)))
	}
	return err
}

func age(d fs.DirEntry, now time.Time) time.Duration {
	info, err := d.Info()
	if err != nil {
		return 0
	}
	return now.Sub(info.ModTime())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
