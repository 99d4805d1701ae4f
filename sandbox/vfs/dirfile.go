package vfs

import "github.com/sockerless/sockerless/sandbox/abi"

// dirStream is the state of an open directory: a listing taken at the first read, so that a program which removes
// entries while it reads sees each once. lseek to 0 (rewinddir) takes a new one.
type dirStream struct {
	path    Path
	inode   Inode
	entries []Dirent
	taken   bool
	pos     int
}

// dirFile is the File of an open directory: it can only be listed.
type dirFile struct{}

func (dirFile) Read([]byte, int64) (int, error)  { return 0, abi.EISDIR }
func (dirFile) Write([]byte, int64) (int, error) { return 0, abi.EISDIR }
func (dirFile) Ready() Events                    { return abi.POLLIN }
func (dirFile) Queue() *WaitQueue                { return nil }
func (dirFile) Close() error                     { return nil }

// ReadDir calls emit for each entry from the position on, "." and ".." first, until emit returns false; that entry
// is given again next time. next is the position after the entry (d_off). ENOTDIR when the file is no directory.
func (o *OpenFile) ReadDir(emit func(e Dirent, next int64) bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	d := o.dir
	if d == nil {
		return abi.ENOTDIR
	}
	if !d.taken {
		if err := d.take(); err != nil {
			return err
		}
	}
	o.note(abi.IN_ACCESS)
	for d.pos < len(d.entries) {
		if !emit(d.entries[d.pos], int64(d.pos+1)) {
			return nil
		}
		d.pos++
	}
	return nil
}

func (d *dirStream) take() error {
	list, err := d.inode.ReadDir()
	if err != nil {
		return err
	}
	self, err := d.inode.Stat()
	if err != nil {
		return err
	}
	parent := self.Ino
	if up := d.path.Dentry.Parent(); up != nil {
		if st, err := up.Inode().Stat(); err == nil {
			parent = st.Ino
		}
	}
	d.entries = make([]Dirent, 0, len(list)+2)
	d.entries = append(d.entries, Dirent{".", self.Ino, abi.DT_DIR}, Dirent{"..", parent, abi.DT_DIR})
	d.entries = append(d.entries, list...)
	d.taken = true
	return nil
}

func (d *dirStream) seek(off int64, whence int) (int64, error) {
	if whence == abi.SEEK_CUR {
		off += int64(d.pos)
	} else if whence != abi.SEEK_SET {
		return 0, abi.EINVAL
	}
	if off < 0 {
		return 0, abi.EINVAL
	}
	if off == 0 {
		d.taken, d.entries = false, nil
	}
	d.pos = int(off)
	return off, nil
}
