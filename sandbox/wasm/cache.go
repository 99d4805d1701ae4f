package wasm

// Key identifies a module by its bytes.
type Key [32]byte

// Key returns the identity of the module's bytes, for Engine.Loaded.
func (m *Module) Key() Key { return m.key }

// Loaded returns the module of that key if it is still kept, else nil; it counts as a Load of it.
func (e *Engine) Loaded(key Key) *Module {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.modules[digest(key)]
	if l == nil || l.place == nil {
		return nil
	}
	e.recent.MoveToFront(l.place)
	return l.module
}
