//go:build unix

package image

import (
	"errors"
	"os"
)

// syncDir brings a directory's entries to the disk (fsync(2): a file's own fsync does not do that).
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
