package container

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"
	types "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

const (
	// RuntimeName is the name of the one OCI runtime, as HostConfig.Runtime shows it.
	RuntimeName = "sockerless"

	defaultShmSize = 64 << 20
	// maxHostname is the longest host name in bytes (HOST_NAME_MAX, gethostname(2)).
	maxHostname = 64
)

// checkHost refuses a HostConfig that can't be granted, completes it with the defaults that dockerd shows, and returns
// warnings of what has no effect here.
func checkHost(c *types.Config, h *types.HostConfig) (warnings []string, err error) {
	if h.RestartPolicy.Name == "" && h.RestartPolicy.MaximumRetryCount != 0 {
		return nil, invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'")
	}
	if err := types.ValidateRestartPolicy(h.RestartPolicy); err != nil {
		return nil, err
	}
	if h.AutoRemove && !h.RestartPolicy.IsNone() {
		return nil, invalid("can't create 'AutoRemove' container with restart policy")
	}
	for _, check := range []func(*types.HostConfig) error{checkExtraHosts, checkPorts, checkModes, checkCapabilities, checkSecurity} {
		if err := check(h); err != nil {
			return nil, err
		}
	}
	for key := range h.Annotations {
		if key == "" {
			return nil, invalid("invalid Annotations: the empty string is not permitted as an annotation key")
		}
	}
	if err := checkResources(&h.Resources, false); err != nil {
		return nil, err
	}
	if h.OomScoreAdj < -1000 || h.OomScoreAdj > 1000 {
		return nil, invalid("Invalid value %d, range for oom score adj is [-1000, 1000]", h.OomScoreAdj)
	}
	if err := checkSupported(c, h); err != nil {
		return nil, err
	}
	warnings = hostWarnings(h)
	completeHost(h)
	return warnings, nil
}

// checkExtraHosts checks the entries of --add-host: NAME:ADDRESS, where the address may be host-gateway.
func checkExtraHosts(h *types.HostConfig) error {
	for _, extra := range h.ExtraHosts {
		name, address, ok := strings.Cut(extra, ":")
		if !ok || name == "" {
			return invalid("bad format for add-host: %q", extra)
		}
		if address == "host-gateway" {
			continue
		}
		if _, err := netip.ParseAddr(strings.Trim(address, "[]")); err != nil {
			return invalid("invalid IP address in add-host: %q", address)
		}
	}
	return nil
}

// checkPorts checks the host's side of published ports: a port or a range of them.
func checkPorts(h *types.HostConfig) error {
	for _, bindings := range h.PortBindings {
		for _, b := range bindings {
			first, last, isRange := strings.Cut(b.HostPort, "-")
			if !isRange {
				last = first
			}
			if b.HostPort == "" {
				continue
			}
			from, err := strconv.ParseUint(first, 10, 16)
			if err != nil {
				return invalid("invalid port specification: %q", b.HostPort)
			}
			if to, err := strconv.ParseUint(last, 10, 16); err != nil || to < from {
				return invalid("invalid port specification: %q", b.HostPort)
			}
		}
	}
	return nil
}

// checkModes refuses modes of namespaces that don't exist.
func checkModes(h *types.HostConfig) error {
	switch {
	case !h.IpcMode.Valid():
		return invalid("invalid IPC mode: %s", h.IpcMode)
	case !h.PidMode.Valid():
		return invalid("invalid PID mode: %s", h.PidMode)
	case !h.UTSMode.Valid():
		return invalid("invalid UTS mode: %s", h.UTSMode)
	case !h.UsernsMode.Valid():
		return invalid("invalid userns mode: %s", h.UsernsMode)
	case !h.CgroupnsMode.Valid():
		return invalid("invalid cgroup namespace mode: %s", h.CgroupnsMode)
	case h.NetworkMode == "container:":
		return invalid("invalid network mode: invalid container format container:<name|id>")
	case h.Isolation != "" && !h.Isolation.IsDefault():
		return invalid("invalid isolation (%s): linux only supports 'default'", h.Isolation)
	case h.ShmSize < 0:
		return invalid("SHM size can not be less than 0")
	}
	return nil
}

// capabilities are those of Linux (capabilities(7)).
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
	SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
	AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
	CHECKPOINT_RESTORE`)

func checkCapabilities(h *types.HostConfig) error {
	for _, list := range []struct {
		name string
		caps []string
	}{{"CapAdd", h.CapAdd}, {"CapDrop", h.CapDrop}} {
		for _, c := range list.caps {
			name := strings.TrimPrefix(strings.ToUpper(c), "CAP_")
			if name != "ALL" && !slices.Contains(capabilities, name) {
				return invalid("invalid %s: unknown capability: %q", list.name, "CAP_"+name)
			}
		}
	}
	return nil
}

// checkSecurity reads the security options: those that dockerd knows.
func checkSecurity(h *types.HostConfig) error {
	for _, option := range h.SecurityOpt {
		if option == "no-new-privileges" || option == "disable" {
			continue
		}
		separator := "="
		if !strings.Contains(option, "=") {
			separator = ":" // how it was written until Docker 1.11
		}
		name, value, ok := strings.Cut(option, separator)
		if !ok {
			return invalid("invalid --security-opt 1: %q", option)
		}
		switch name {
		case "label", "apparmor", "seccomp":
			continue
		case "no-new-privileges":
			if _, err := strconv.ParseBool(value); err == nil {
				continue
			}
		case "writable-cgroups":
			if _, err := strconv.ParseBool(value); err == nil {
				continue
			}
		}
		return invalid("invalid --security-opt 2: %q", option)
	}
	return nil
}

// noNewPrivileges reports whether the security options, which checkSecurity has seen, ask for it.
func noNewPrivileges(options []string) bool {
	on := false
	for _, o := range options {
		if value, ok := strings.CutPrefix(o, "no-new-privileges"); ok {
			set, err := strconv.ParseBool(strings.TrimLeft(value, "=:"))
			on = err != nil || set // alone, it is on
		}
	}
	return on
}

// checkSupported refuses what there isn't, by its name.
func checkSupported(c *types.Config, h *types.HostConfig) error {
	unsupported := func(format string, args ...any) error {
		return errdefs.ErrNotImplemented.WithMessage(fmt.Sprintf(format, args...))
	}
	switch {
	case len(h.PortBindings) > 0, h.PublishAllPorts && len(c.ExposedPorts) > 0:
		return unsupported("publishing ports is not supported yet")
	case len(h.Links) > 0:
		return unsupported("links are not supported")
	case h.NetworkMode.IsContainer():
		return unsupported("joining another container's network is not supported yet")
	case h.PidMode != "":
		return unsupported("PID mode %q is not supported: each container has its own processes", h.PidMode)
	case h.UTSMode != "":
		return unsupported("UTS mode %q is not supported: each container has its own host name", h.UTSMode)
	case h.IpcMode.IsHost(), h.IpcMode.IsContainer():
		return unsupported("IPC mode %q is not supported: each container has its own /dev/shm", h.IpcMode)
	case len(h.Sysctls) > 0:
		return unsupported("sysctls are not supported")
	case len(h.DeviceRequests) > 0:
		return invalid("could not select device driver %q with capabilities: %v", h.DeviceRequests[0].Driver, h.DeviceRequests[0].Capabilities)
	case len(h.Devices) > 0, len(h.DeviceCgroupRules) > 0:
		return unsupported("devices of the host are not supported")
	case h.Umask != nil:
		return unsupported("setting the umask of a container is not supported")
	}
	for name, value := range h.StorageOpt {
		if name != "size" {
			return invalid("Storage opt %s not supported", name)
		}
		if _, err := units.RAMInBytes(value); err != nil {
			return invalid("invalid size of the writable layer: %v", err)
		}
	}
	switch h.Runtime {
	case "", RuntimeName, "runc", "io.containerd.runc.v2":
		return nil
	}
	return invalid("unknown or invalid runtime name: %s", h.Runtime)
}

// completeHost fills in dockerd's defaults.
func completeHost(h *types.HostConfig) {
	h.Runtime = RuntimeName
	if h.RestartPolicy.Name == "" {
		h.RestartPolicy.Name = types.RestartPolicyDisabled
	}
	if h.NetworkMode == "" || h.NetworkMode.IsDefault() {
		h.NetworkMode = network.NetworkBridge
	}
	if h.IpcMode == "" {
		h.IpcMode = types.IPCModePrivate
	}
	if h.CgroupnsMode == "" {
		h.CgroupnsMode = types.CgroupnsModePrivate
	}
	if h.ShmSize == 0 {
		h.ShmSize = defaultShmSize
	}
	if h.Memory > 0 && h.MemorySwap == 0 {
		h.MemorySwap = 2 * h.Memory
	}
	if h.PidsLimit != nil && *h.PidsLimit <= 0 {
		h.PidsLimit = nil
	}
}

// hostWarnings tells what was asked for and has no effect; never nil.
func hostWarnings(h *types.HostConfig) []string {
	warnings := []string{}
	for _, w := range []struct {
		asked bool
		text  string
	}{
		{h.Privileged, "Privileged mode has no effect: programs run in a WebAssembly sandbox and get no privileges on the host."},
		{len(h.CapAdd) > 0, "Added capabilities have no effect in a WebAssembly sandbox."},
		{len(h.CapDrop) > 0, "Dropped capabilities have no effect inside the sandbox yet. On the host, programs have none."},
		{slices.ContainsFunc(h.SecurityOpt, func(o string) bool { return !strings.HasPrefix(o, "no-new-privileges") }),
			"Security profiles have no effect: programs run in a WebAssembly sandbox."},
		{h.CgroupParent != "", "A cgroup parent has no effect: there are no cgroups."},
		{h.OomScoreAdj != 0, "OOM score adjustment has no effect: the program that passes the memory limit is ended."},
	} {
		if w.asked {
			warnings = append(warnings, w.text)
		}
	}
	return append(warnings, limitWarnings(&h.Resources)...)
}
