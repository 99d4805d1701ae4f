package hostfs

import (
	"container/list"
	"sync"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// maxDirs is how many directories of a filesystem are kept open besides those in use.
const maxDirs = 64

// dirCache keeps directories of the host open, so that a name costs one system call and not one for each directory
// above it. An open directory pins its inode number, which makes the number a safe key.
type dirCache struct {
	mu     sync.Mutex
	root   *openDir
	open   map[fileID]*openDir
	idle   list.List // of *openDir, the longest unused last
	closed bool
}

// openDir is an open directory with those who use it.
type openDir struct {
	id     fileID
	handle *hostDir
	users  int
	elem   *list.Element // in idle while users is 0
}

func (c *dirCache) init(root *hostDir) {
	c.root = &openDir{handle: root}
	c.open = make(map[fileID]*openDir)
}

// acquire returns the open directory of a node; release it.
func (c *dirCache) acquire(n *node) (*openDir, error) {
	c.mu.Lock()
	d, err := c.findLocked(n)
	c.mu.Unlock()
	if d != nil || err != nil {
		return d, err
	}

	handle, err := n.openDir()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d, err := c.findLocked(n); d != nil || err != nil { // somebody else was faster
		handle.close()
		return d, err
	}
	d = &openDir{id: n.id, handle: handle, users: 1}
	c.open[n.id] = d
	return d, nil
}

// find returns a directory that is open already, nil when it isn't; release it.
func (c *dirCache) find(n *node) *openDir {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, _ := c.findLocked(n)
	return d
}

// findLocked is find with c.mu held: EIO when the filesystem is closed.
func (c *dirCache) findLocked(n *node) (*openDir, error) {
	if c.closed {
		return nil, abi.EIO
	}
	d := c.open[n.id]
	if n.parent == nil {
		d = c.root
	}
	if d == nil {
		return nil, nil
	}
	d.users++
	if d.elem != nil {
		c.idle.Remove(d.elem)
		d.elem = nil
	}
	return d, nil
}

func (c *dirCache) release(d *openDir) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.users--; d.users > 0 {
		return
	}
	switch {
	case c.closed:
		d.handle.close()
	case d != c.root:
		d.elem = c.idle.PushFront(d)
		if c.idle.Len() > maxDirs {
			c.drop(c.idle.Back().Value.(*openDir))
		}
	}
}

// drop closes an idle directory; c.mu is held.
func (c *dirCache) drop(d *openDir) {
	c.idle.Remove(d.elem)
	delete(c.open, d.id)
	d.handle.close()
}

// forget closes a directory that was removed, if it is idle.
func (c *dirCache) forget(id fileID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.open[id]; d != nil && d.elem != nil {
		c.drop(d)
	}
}

func (c *dirCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	for c.idle.Len() > 0 {
		c.drop(c.idle.Back().Value.(*openDir))
	}
	if c.root.users == 0 {
		c.root.handle.close()
	}
}
