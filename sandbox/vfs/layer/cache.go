package layer

import "sync"

// Cache shares open layers: one for each path, closed when its last user is gone. The zero value is ready for use.
type Cache struct {
	mu     sync.Mutex
	layers map[string]*cached
}

type cached struct {
	once  sync.Once
	layer *Layer
	err   error
}

// Open opens a layer as the function Open does, or adds a user to one that is open.
func (c *Cache) Open(tarPath string) (*Layer, error) {
	for {
		c.mu.Lock()
		e := c.layers[tarPath]
		if e == nil {
			e = new(cached)
			if c.layers == nil {
				c.layers = make(map[string]*cached)
			}
			c.layers[tarPath] = e
		}
		c.mu.Unlock()

		first := false
		e.once.Do(func() { // without the lock: an index may have to be made
			first = true
			if e.layer, e.err = Open(tarPath); e.err == nil {
				e.layer.cache = c
			}
		})
		c.mu.Lock()
		switch {
		case e.err != nil:
			if c.layers[tarPath] == e {
				delete(c.layers, tarPath)
			}
			c.mu.Unlock()
			return nil, e.err
		case first:
			c.mu.Unlock()
			return e.layer, nil
		case c.layers[tarPath] == e:
			e.layer.refs.Add(1)
			c.mu.Unlock()
			return e.layer, nil
		}
		c.mu.Unlock() // its last user went meanwhile
	}
}

// drop takes a user from a layer.
func (c *Cache) drop(l *Layer) error {
	c.mu.Lock()
	if l.refs.Add(-1) != 0 {
		c.mu.Unlock()
		return nil
	}
	delete(c.layers, l.path)
	c.mu.Unlock()
	return l.tar.Close()
}
