package container

import (
	"net/netip"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// Bridge is the default network.
type Bridge interface {
	// Join gives a container's stack an address, which leave gives back.
	Join(stack *vnet.Stack) (addr netip.Addr, leave func(), err error)
}

// connect gives a sandbox the network of its mode; leave ends it. The address is not valid where it has none.
func (m *Manager) connect(cfg *sandbox.Config, def *definition) (addr netip.Addr, leave func(), err error) {
	mode := def.HostConfig.NetworkMode
	switch {
	case mode.IsHost():
		cfg.Net = vnet.NewHostStack()
	case mode.IsNone() || m.bridge == nil:
		cfg.Net = vnet.NewStack(vnet.StackConfig{})
	default:
		cfg.Net = vnet.NewStack(vnet.StackConfig{})
		return m.bridge.Join(cfg.Net)
	}
	return netip.Addr{}, func() {}, nil
}
