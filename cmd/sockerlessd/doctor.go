package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"github.com/spf13/cobra"
)

// socketGroup is the group whose members may use the system's socket.
const socketGroup = "sockerless"

func newDoctorCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Tell which engine a plain docker command reaches, what is missing, and how to mend it",
		Long:  "Tell which engine a plain docker command reaches, from whom its socket is, what is missing, and how to mend it.\nThe exit code is 0 when it is Sockerless.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := doctor{w: stdout, root: "/", env: os.Getenv, ask: askEngine, unit: unitState}
			if !d.examine(cmd.Context()) {
				return exitCode(1)
			}
			return nil
		},
	}
}

// doctor looks at what lies between the docker CLI and the daemon.
type doctor struct {
	w    io.Writer
	root string // where the host's files are
	env  func(string) string
	ask  func(ctx context.Context, host string) (engine, error)
	unit func(ctx context.Context, name string) string // "active", "inactive", …; "" when unknown
}

// engine is what answers on a socket.
type engine struct{ name, version string }

func (d *doctor) say(kind, format string, args ...any) {
	fmt.Fprintf(d.w, "%-7s %s\n", kind, fmt.Sprintf(format, args...))
}

// fix says how to mend what was just told.
func (d *doctor) fix(format string, args ...any) {
	fmt.Fprintf(d.w, "        -> %s\n", fmt.Sprintf(format, args...))
}

// examine reports whether a plain docker reaches Sockerless.
func (d *doctor) examine(ctx context.Context) bool {
	if _, err := exec.LookPath("docker"); err != nil {
		d.say("missing", "there is no docker command on PATH")
		d.fix("install a docker CLI (Debian: docker-cli or docker.io; Docker's packages: docker-ce-cli)")
	}
	host, why := d.target()
	found := d.engineAt(ctx, host, why)
	d.units(ctx)
	return found
}

// target is where a plain docker goes, and why, in the CLI's order.
func (d *doctor) target() (host, why string) {
	if h := d.env("DOCKER_HOST"); h != "" {
		return h, "DOCKER_HOST says so"
	}
	name, why := d.env("DOCKER_CONTEXT"), "DOCKER_CONTEXT names it"
	if name == "" {
		name, why = currentContext(), "it is the current docker context"
	}
	if name != "" && name != "default" {
		host, err := contextHost(name)
		if err == nil {
			return host, fmt.Sprintf("context %q: %s", name, why)
		}
		d.say("broken", "docker context %q cannot be read: %v", name, err)
		d.fix("docker context use default")
	}
	return "unix:///var/run/docker.sock", "it is the docker CLI's default"
}

// engineAt tells who answers at an address.
func (d *doctor) engineAt(ctx context.Context, host, why string) bool {
	e, err := d.ask(ctx, host)
	path, unix := strings.CutPrefix(host, "unix://")
	owner := ""
	if unix {
		owner = d.owner(path)
	}
	switch {
	case err == nil && strings.Contains(e.name, "Sockerless"):
		d.say("ok", "a plain docker reaches Sockerless %s at %s (%s)%s", e.version, host, why, owner)
		return true
	case err == nil:
		d.say("other", "a plain docker reaches %s %s at %s (%s)%s", e.name, e.version, host, why, owner)
		d.fix("to use Sockerless beside it: sockerlessd context install, then docker --context %s ps", contextName)
		if strings.HasPrefix(why, "DOCKER_HOST") {
			d.fix("or: unset DOCKER_HOST")
		}
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EACCES):
		d.say("denied", "you may not use %s (%s)%s", host, why, owner)
		d.membership()
	case unix && errors.Is(err, fs.ErrNotExist):
		d.say("missing", "nothing is at %s, where a plain docker goes (%s)", host, why)
		if d.exists(systemSocket) {
			d.fix("sudo systemctl restart sockerless.socket, or: sockerlessd context install --use")
		} else {
			d.fix("sudo systemctl enable --now sockerless.socket")
			d.fix("or without root: systemctl --user enable --now sockerless.socket && sockerlessd context install --user --use")
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		d.say("dead", "nobody listens on %s (%s)%s", host, why, owner)
		d.fix("start the engine that made it, or remove the file and: sudo systemctl restart sockerless.socket")
	default:
		d.say("broken", "%s does not answer (%s)%s: %v", host, why, owner, err)
		d.fix("journalctl -u sockerless.service tells why")
	}
	return false
}

// owner tells from whom a socket is.
func (d *doctor) owner(path string) string {
	full := filepath.Join(d.root, path)
	if to, err := os.Readlink(full); err == nil {
		if to == dockerSocketLink {
			return ", a link that sockerless.socket made"
		}
		return ", a link to " + to
	}
	st, err := os.Stat(full)
	if err != nil {
		return ""
	}
	uid, gid, ok := fileOwner(st)
	if !ok {
		return ""
	}
	name, group := strconv.Itoa(uid), strconv.Itoa(gid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf(", a socket of %s:%s, mode %04o", name, group, st.Mode().Perm())
}

// membership tells how to get into the group of the socket.
func (d *doctor) membership() {
	g, err := user.LookupGroup(socketGroup)
	if err != nil {
		d.say("missing", "there is no group %s, whose members may use the socket", socketGroup)
		d.fix("sudo systemd-sysusers, then sudo systemctl restart sockerless.socket")
		return
	}
	me, err := user.Current()
	if err != nil {
		return
	}
	gid, _ := strconv.Atoi(g.Gid)
	ids, _ := me.GroupIds()
	switch session, _ := os.Getgroups(); {
	case slices.Contains(session, gid):
		d.fix("you are in group %s: look at the socket's own group and mode", socketGroup)
	case slices.Contains(ids, g.Gid):
		d.fix("you are in group %s, but this session began before: log in again, or newgrp %s", socketGroup, socketGroup)
	default:
		d.fix("sudo usermod -aG %s %s, then log in again", socketGroup, me.Username)
		d.fix("or use a daemon of your own: systemctl --user enable --now sockerless.socket && sockerlessd context install --user --use")
	}
}

// units tells what systemd runs.
func (d *doctor) units(ctx context.Context) {
	for _, name := range []string{"sockerless.socket", "sockerless.service", "docker.socket", "docker.service", "podman.socket"} {
		state := d.unit(ctx, name)
		switch {
		case state == "" || state == "inactive" && !strings.HasPrefix(name, "sockerless"):
		case state == "failed":
			d.say("failed", "%s has failed", name)
			d.fix("journalctl -u %s tells why; then sudo systemctl restart %s", name, name)
		default:
			d.say("unit", "%s is %s", name, state)
		}
	}
	for _, path := range []string{systemSocket, userSocket()} {
		if d.exists(path) {
			d.say("socket", "%s%s", path, d.owner(path))
		}
	}
}

func (d *doctor) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(d.root, path))
	return err == nil
}

// userSocket is that of the user's own daemon, as the user unit has it.
func userSocket() string {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = fmt.Sprintf("/run/user/%d", os.Geteuid())
	}
	return filepath.Join(dir, "sockerless.sock")
}

// askEngine asks who answers at an address.
func askEngine(ctx context.Context, host string) (engine, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if path, ok := strings.CutPrefix(host, "unix://"); ok { // for the plain error
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err != nil {
			return engine{}, err
		}
		conn.Close()
	}
	c, err := client.New(client.WithHost(host))
	if err != nil {
		return engine{}, err
	}
	defer c.Close()
	v, err := c.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return engine{}, err
	}
	name := v.Platform.Name
	if name == "" {
		name = "an engine without a name"
		if len(v.Components) > 0 {
			name = v.Components[0].Name
		}
	}
	return engine{name, v.Version}, nil
}

// unitState asks systemd for a unit's state.
func unitState(ctx context.Context, name string) string {
	if ctx == nil {
		ctx = context.Background()
	}
	out, err := exec.CommandContext(ctx, "systemctl", "is-active", name).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return ""
	}
	return strings.TrimSpace(string(out))
}
