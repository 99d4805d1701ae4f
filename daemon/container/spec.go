package container

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/docker/go-units"
	types "github.com/moby/moby/api/types/container"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/abi"
)

// sandboxRef is a container's sandbox while somebody uses it: the running program, or a copy of files.
type sandboxRef struct {
	mu    sync.Mutex
	box   Sandbox
	leave func() // ends its network
	refs  int
}

// acquire opens the container's sandbox, or shares the one that is open. Each acquire needs a release.
func (m *Manager) acquire(c *container) (Sandbox, error) {
	r := c.box
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refs == 0 {
		cfg, leave, err := m.sandboxConfig(c)
		if err != nil {
			return nil, err
		}
		box, err := m.runtime.Open(cfg)
		if err != nil {
			leave()
			return nil, fmt.Errorf("opening the sandbox: %w", err)
		}
		r.box, r.leave = box, leave
		c.mu.Lock()
		c.state.Opened = true // stored with the next change of state
		c.mu.Unlock()
	}
	r.refs++
	return r.box, nil
}

// open returns the sandbox if somebody uses it, otherwise nil.
func (r *sandboxRef) open() Sandbox {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.box
}

// release takes acquire back; the last one closes the sandbox.
func (m *Manager) release(c *container) {
	r := c.box
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refs--; r.refs > 0 {
		return
	}
	if err := r.box.Close(); err != nil {
		m.log.Warn("closing a sandbox", "container", c.id, "error", err)
	}
	r.leave()
	r.box, r.leave = nil, nil
}

// sandboxConfig is the container as a sandbox, on its network until leave is called.
func (m *Manager) sandboxConfig(c *container) (_ *sandbox.Config, leave func(), _ error) {
	def, st := c.snapshot()
	img, found := m.images.ByID(def.ImageID)
	if !found {
		return nil, nil, notFound("No such image: %s", def.Config.Image)
	}
	cfg := &sandbox.Config{
		ID: c.id, Hostname: def.Config.Hostname, Domainname: def.Config.Domainname,
		Upper: m.upper(c.id), Volatile: def.HostConfig.AutoRemove, ReadOnly: def.HostConfig.ReadonlyRootfs, ShmSize: def.HostConfig.ShmSize,
		Limits: limitsOf(&def.HostConfig.Resources),
	}
	for _, l := range img.Layers {
		cfg.Layers = append(cfg.Layers, l.Path)
	}
	if size := def.HostConfig.StorageOpt["size"]; size != "" {
		n, err := units.RAMInBytes(size)
		if err != nil {
			return nil, nil, invalid("invalid size of the writable layer: %s", size)
		}
		cfg.SizeLimit = n
	}
	var err error
	if cfg.Mounts, err = m.sandboxMounts(c.id, &def, !st.Opened); err != nil {
		return nil, nil, err
	}
	addr, leave, err := m.connect(cfg, &def)
	if err != nil {
		return nil, nil, err
	}
	cfg.Files = networkFiles(&def, addr)
	for _, mnt := range cfg.Mounts {
		delete(cfg.Files, mnt.Target)
	}
	return cfg, leave, nil
}

func limitsOf(r *types.Resources) sandbox.Limits {
	l := sandbox.Limits{Memory: r.Memory}
	if r.PidsLimit != nil && *r.PidsLimit > 0 {
		l.Pids = *r.PidsLimit
	}
	return l
}

// networkFiles are the files that dockerd writes for a container.
func networkFiles(def *definition, addr netip.Addr) map[string][]byte {
	name := def.Config.Hostname
	var hosts strings.Builder
	hosts.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n")
	for _, extra := range def.HostConfig.ExtraHosts {
		if host, ip, ok := strings.Cut(extra, ":"); ok {
			if ip == "host-gateway" {
				ip = "127.0.0.1"
			}
			fmt.Fprintf(&hosts, "%s\t%s\n", ip, host)
		}
	}
	full := name
	if def.Config.Domainname != "" {
		full = name + "." + def.Config.Domainname + " " + name
	}
	own := "127.0.0.1"
	if addr.IsValid() {
		own = addr.String()
	}
	fmt.Fprintf(&hosts, "%s\t%s\n", own, full)
	return map[string][]byte{
		"/etc/hostname":    []byte(name + "\n"),
		"/etc/hosts":       []byte(hosts.String()),
		"/etc/resolv.conf": resolvConf(def.HostConfig),
	}
}

// resolvConf is made from the container's DNS options, and the host's file where they are silent.
func resolvConf(h *types.HostConfig) []byte {
	var b strings.Builder
	given := map[string]bool{"nameserver": len(h.DNS) > 0, "search": len(h.DNSSearch) > 0, "options": len(h.DNSOptions) > 0}
	if host, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		for line := range strings.Lines(string(host)) {
			if words := strings.Fields(line); len(words) > 1 && !given[words[0]] && words[0][0] != '#' {
				b.WriteString(strings.Join(words, " ") + "\n")
			}
		}
	}
	for _, ip := range h.DNS {
		fmt.Fprintf(&b, "nameserver %s\n", ip)
	}
	if given["search"] && !slices.Equal(h.DNSSearch, []string{"."}) {
		fmt.Fprintf(&b, "search %s\n", strings.Join(h.DNSSearch, " "))
	}
	if given["options"] {
		fmt.Fprintf(&b, "options %s\n", strings.Join(h.DNSOptions, " "))
	}
	return []byte(b.String())
}

// defaultPath is PATH in containers whose image sets none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// processConfig is the container's program.
func processConfig(def *definition, s *streams) *sandbox.ProcessConfig {
	c := def.Config
	p := &sandbox.ProcessConfig{
		Argv: append(slices.Clone(c.Entrypoint), c.Cmd...), Env: environment(c, c.Tty, nil),
		Dir: c.WorkingDir, MakeDir: true, User: c.User, Groups: def.HostConfig.GroupAdd,
		TTY: c.Tty, Stdin: c.OpenStdin, Rlimits: rlimits(def.HostConfig.Ulimits),
	}
	if size := def.HostConfig.ConsoleSize; c.Tty {
		p.Size = abi.Winsize{Row: uint16(size[0]), Col: uint16(size[1])}
	}
	p.Stdout = s.out[0]
	if !c.Tty {
		p.Stderr = s.out[1]
	}
	return p
}

// environment is what dockerd gives a program: defaults, the container's variables, and those of an exec. HOME is up to
// the sandbox, which knows /etc/passwd.
func environment(c *types.Config, tty bool, more []string) []string {
	env := []string{"PATH=" + defaultPath, "HOSTNAME=" + c.Hostname}
	if tty {
		env = append(env, "TERM=xterm")
	}
	return setVariables(setVariables(env, c.Env), more)
}

// setVariables sets variables of env: "NAME=value" replaces or adds one, "NAME" removes it.
func setVariables(env, changes []string) []string {
	for _, v := range changes {
		name, _, set := strings.Cut(v, "=")
		i := slices.IndexFunc(env, func(old string) bool { n, _, _ := strings.Cut(old, "="); return n == name })
		switch {
		case i >= 0 && set:
			env[i] = v
		case i >= 0:
			env = slices.Delete(env, i, i+1)
		case set:
			env = append(env, v)
		}
	}
	return env
}

// rlimitNumbers are the limits that --ulimit may name.
var rlimitNumbers = map[string]int{
	"cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8, "locks": 10,
	"sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
}

func rlimits(list []*types.Ulimit) map[int]abi.Rlimit {
	if len(list) == 0 {
		return nil
	}
	limits := make(map[int]abi.Rlimit, len(list))
	for _, u := range list {
		limits[rlimitNumbers[u.Name]] = abi.Rlimit{Cur: uint64(u.Soft), Max: uint64(u.Hard)} // -1 is RLIM_INFINITY
	}
	return limits
}

// command is the program and arguments that inspect shows.
func command(c *types.Config) (string, []string) {
	argv := append(slices.Clone(c.Entrypoint), c.Cmd...)
	if len(argv) == 0 {
		return "", []string{}
	}
	return argv[0], argv[1:]
}

// labelsOf copies labels; never nil.
func labelsOf(c *types.Config) map[string]string {
	labels := maps.Clone(c.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	return labels
}
