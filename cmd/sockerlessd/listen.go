package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// host is an address to listen on.
type host struct {
	proto string // "unix", "tcp" or "fd"
	addr  string
}

// parseHost reads a --host value, and refuses a TCP address that would give the daemon away.
func parseHost(text string, c *config) (host, error) {
	proto, addr, ok := strings.Cut(text, "://")
	if !ok {
		return host{}, fmt.Errorf("invalid host %q: want unix://PATH, fd:// or tcp://HOST:PORT", text)
	}
	switch proto {
	case "unix":
		if addr == "" {
			addr = strings.TrimPrefix(defaultHost, "unix://")
		}
		return host{proto, addr}, nil
	case "fd":
		return host{proto, addr}, nil
	case "tcp":
		name, _, err := net.SplitHostPort(addr)
		if err != nil {
			return host{}, fmt.Errorf("invalid host %q: %w", text, err)
		}
		ip := net.ParseIP(name)
		if name == "localhost" || ip != nil && ip.IsLoopback() || c.TLSVerify || c.InsecureTCP {
			return host{proto, addr}, nil
		}
		return host{}, fmt.Errorf("refusing to listen on %s: whoever can reach it would control the daemon; use a loopback address, --tlsverify, or --insecure-tcp if you mean it", text)
	}
	return host{}, fmt.Errorf("invalid host %q: unknown protocol %q (want unix, fd or tcp)", text, proto)
}

// listen opens the listeners of all hosts, or none.
func listen(c *config) (list []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range list {
				l.Close()
			}
		}
	}()
	for _, text := range c.Hosts {
		h, err := parseHost(text, c)
		if err != nil {
			return list, err
		}
		ls, err := listenHost(h, c)
		if err != nil {
			return list, err
		}
		list = append(list, ls...)
	}
	return list, nil
}

func listenHost(h host, c *config) ([]net.Listener, error) {
	switch h.proto {
	case "unix":
		l, err := listenUnix(h.addr, c.Group)
		return []net.Listener{l}, err
	case "fd":
		return inherited(h.addr)
	}
	l, err := net.Listen("tcp", h.addr)
	if err != nil {
		return nil, fmt.Errorf("listening on tcp://%s: %w", h.addr, err)
	}
	if c.TLS || c.TLSVerify {
		conf, err := tlsConfig(c)
		if err != nil {
			l.Close()
			return nil, err
		}
		l = tls.NewListener(l, conf)
	}
	return []net.Listener{l}, nil
}

// inherited returns the sockets that systemd handed over (sd_listen_fds(3)); addr is "" or "*" for all, or a number.
func inherited(addr string) ([]net.Listener, error) {
	all, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("taking over sockets from systemd: %w", err)
	}
	var list []net.Listener
	for i, l := range all {
		if l != nil && (addr == "" || addr == "*" || addr == strconv.Itoa(i+3)) {
			list = append(list, l)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no sockets found via socket activation (fd://%s): make sure the service was started by systemd", addr)
	}
	return list, nil
}

// listenUnix listens on a unix socket. One that a daemon answers on is not taken away; a dead one is.
func listenUnix(path, group string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) { return nil, fmt.Errorf("listening on unix://%s: %w", path, err) }
	gid := -1
	if group != "" {
		var err error
		if gid, err = lookupGroup(group); err != nil {
			return fail(err)
		}
	}
	if st, err := os.Lstat(path); err == nil {
		if st.Mode()&fs.ModeSocket == 0 {
			return fail(errors.New("the file exists and is not a socket"))
		}
		conn, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			conn.Close()
			return fail(errors.New("another daemon answers there; stop it, or choose another socket with --host"))
		}
		if errors.Is(err, syscall.EACCES) {
			return fail(err)
		}
		if err := os.Remove(path); err != nil {
			return fail(err)
		}
	}
	// The socket appears with the rights that it keeps: nobody else can slip in before the chmod.
	var l net.Listener
	var err error
	withUmask(0o177, func() { l, err = net.Listen("unix", path) })
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fail(fmt.Errorf("%w; as an ordinary user choose a socket that you can write, as --host unix://$XDG_RUNTIME_DIR/sockerless.sock", err))
		}
		return fail(err)
	}
	if gid >= 0 {
		if err := errors.Join(os.Chown(path, -1, gid), os.Chmod(path, 0o660)); err != nil {
			l.Close()
			return fail(err)
		}
	}
	return l, nil
}

func lookupGroup(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		if gid, aerr := strconv.Atoi(name); aerr == nil {
			return gid, nil
		}
		return 0, fmt.Errorf("group %s not found: create it, or name another with --group", name)
	}
	return strconv.Atoi(g.Gid)
}

func tlsConfig(c *config) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("loading the TLS certificate: %w", err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if !c.TLSVerify {
		return conf, nil
	}
	pem, err := os.ReadFile(c.TLSCACert)
	if err != nil {
		return nil, fmt.Errorf("loading the CA certificate: %w", err)
	}
	conf.ClientCAs = x509.NewCertPool()
	if !conf.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate found in %s", c.TLSCACert)
	}
	conf.ClientAuth = tls.RequireAndVerifyClientCert
	return conf, nil
}
