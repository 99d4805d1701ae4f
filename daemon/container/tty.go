package container

// TTY reports whether a container has a terminal: its output is not multiplexed then.
func (m *Manager) TTY(ref string) (bool, error) {
	c, err := m.get(ref)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.def.Config.Tty, nil
}
