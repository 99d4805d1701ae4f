package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	sddaemon "github.com/coreos/go-systemd/v22/daemon"

	"github.com/sockerless/sockerless/daemon"
	imagestore "github.com/sockerless/sockerless/daemon/image"
)

// stopTimeout is how long running containers have to end when the daemon stops (dockerd's --shutdown-timeout).
const stopTimeout = 15 * time.Second

// serve runs the daemon until SIGTERM or SIGINT, or until nobody has needed it for --idle-exit. A second signal ends it
// at once. SIGHUP reads the configuration file again by way of reload.
func serve(ctx context.Context, cfg *config, reload func() (*config, error), stderr io.Writer) error {
	if ctx == nil {
		ctx = context.Background()
	}
	level := &slog.LevelVar{}
	level.Set(cfg.level())
	log := newLogger(level, stderr)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	d, err := daemon.New(ctx, daemonConfig(cfg, log))
	if err != nil {
		return err
	}
	listeners, err := listen(cfg)
	if err != nil {
		d.Close()
		return err
	}
	conns := newConnCounter()
	srv := d.HTTPServer()
	failed := make(chan error, len(listeners))
	var addresses []string
	for _, l := range listeners {
		addresses = append(addresses, l.Addr().String())
		log.Info("API listen on", "address", l.Addr().String())
		go func() { failed <- srv.Serve(conns.count(l)) }()
	}
	notify(log, sddaemon.SdNotifyReady)
	go watchdog(ctx, d, log)
	go reloader{cfg: cfg, read: reload, daemon: d, level: level, log: log}.run(ctx)
	idle := make(chan struct{})
	go watcher{daemon: d, conns: conns, addresses: addresses, idleExit: time.Duration(cfg.IdleExit), log: log}.run(ctx, idle)
	log.Info("Daemon has completed initialization", "version", daemon.Version(), "data-root", cfg.DataRoot)

	select {
	case <-ctx.Done():
		stop() // from here on a signal ends the process
	case <-idle:
		log.Info("Nothing has run and nobody has been connected: ending until the socket is used again", "idle-exit", cfg.IdleExit.String())
	case err = <-failed:
		failed <- err // counted below
	}
	notify(log, sddaemon.SdNotifyStopping+"\nSTATUS=Stopping the containers")
	log.Info("Stopping")
	for _, l := range listeners {
		closeListener(l)
	}
	// What has been accepted is known to the server when Serve has returned, and not before: Shutdown would forget it.
	for range listeners {
		<-failed
	}
	end, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	d.Shutdown(end)
	if serr := srv.Shutdown(end); serr != nil {
		srv.Close()
	}
	cerr := d.Close()
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return cerr
}

// closeListener closes a listener; a socket that systemd owns keeps its file.
func closeListener(l net.Listener) {
	if u, ok := l.(*net.UnixListener); ok && os.Getenv("LISTEN_FDS") != "" {
		u.SetUnlinkOnClose(false)
	}
	l.Close()
}

func daemonConfig(cfg *config, log *slog.Logger) daemon.Config {
	return daemon.Config{
		DataRoot: cfg.DataRoot, ExecRoot: cfg.ExecRoot, Synthetic: cfg.Synthetic,
		ImageFallback: imagestore.Fallback(cfg.ImageFallback), Debug: cfg.LogLevel == "debug", Log: log,
		LogConfig: cfg.logConfig(),
	}
}

// notify tells systemd of a change of state (sd_notify(3)); without systemd it does nothing.
func notify(log *slog.Logger, state string) {
	if _, err := sddaemon.SdNotify(false, state); err != nil {
		log.Warn("cannot notify systemd", "state", state, "error", err)
	}
}
