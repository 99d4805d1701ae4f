package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sddaemon "github.com/coreos/go-systemd/v22/daemon"

	"github.com/sockerless/sockerless/daemon"
)

// connCounter counts the open connections of listeners, streams that the API has taken over included.
type connCounter struct {
	n       atomic.Int64
	changed chan struct{} // of capacity 1
}

func newConnCounter() *connCounter { return &connCounter{changed: make(chan struct{}, 1)} }

func (c *connCounter) count(l net.Listener) net.Listener { return countedListener{l, c} }

func (c *connCounter) add(delta int64) {
	c.n.Add(delta)
	c.poke()
}

// poke makes the watcher look.
func (c *connCounter) poke() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

type countedListener struct {
	net.Listener
	counter *connCounter
}

func (l countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.counter.add(1)
	done := sync.OnceFunc(func() { l.counter.add(-1) })
	if u, ok := conn.(*net.UnixConn); ok { // its CloseWrite is what half-closed streams need
		return countedUnixConn{u, done}, nil
	}
	return countedConn{conn, done}, nil
}

type countedUnixConn struct {
	*net.UnixConn
	done func()
}

func (c countedUnixConn) Close() error {
	c.done()
	return c.UnixConn.Close()
}

type countedConn struct {
	net.Conn
	done func()
}

func (c countedConn) Close() error {
	c.done()
	return c.Conn.Close()
}

// watcher tells systemd what goes on, and ends the daemon when nobody needs it. It looks after events and when connections
// come and go, not by the clock.
type watcher struct {
	daemon    *daemon.Daemon
	conns     *connCounter
	addresses []string
	idleExit  time.Duration // 0: never
	log       *slog.Logger
}

// run closes idle when the daemon may end.
func (w watcher) run(ctx context.Context, idle chan<- struct{}) {
	w.daemon.Watch(w.conns.poke)
	told := ""
	var alone <-chan time.Time
	for {
		s, err := w.daemon.Summary(ctx)
		if err != nil {
			w.log.Warn("cannot tell how many containers run", "error", err)
		}
		if text := status(s, w.addresses); err == nil && text != told {
			notify(w.log, "STATUS="+text)
			told = text
		}
		if needed := w.idleExit == 0 || err != nil || s.Running > 0 || w.conns.n.Load() > 0; needed {
			alone = nil
		} else if alone == nil {
			alone = time.After(w.idleExit)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.conns.changed:
		case <-alone:
			if w.conns.n.Load() == 0 {
				close(idle)
				return
			}
			alone = nil
		}
	}
}

// status is the line that systemctl status shows.
func status(s daemon.Summary, addresses []string) string {
	return fmt.Sprintf("%d of %d containers running, %d images; API on %s", s.Running, s.Containers, s.Images, strings.Join(addresses, ", "))
}

// watchdog tells systemd that the daemon lives, as long as it can still tell of its containers
// (systemd.service(5), WatchdogSec=).
func watchdog(ctx context.Context, d *daemon.Daemon, log *slog.Logger) {
	interval, err := sddaemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.Healthy(ctx); err != nil {
			log.Error("not healthy: the watchdog is not fed", "error", err)
			continue
		}
		notify(log, sddaemon.SdNotifyWatchdog)
	}
}
