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

// serve runs the daemon until SIGTERM or SIGINT. A second signal ends it at once.
func serve(ctx context.Context, cfg *config, stderr io.Writer) error {
	if ctx == nil {
		ctx = context.Background()
	}
	log := newLogger(cfg.LogLevel, stderr)
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
	srv := &http.Server{Handler: d.Handler(), ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		log.Info("API listen on", "address", l.Addr().String())
		go func() { failed <- srv.Serve(l) }()
	}
	notify(log, sddaemon.SdNotifyReady)
	go watchdog(ctx, d, log)
	log.Info("Daemon has completed initialization", "version", daemon.Version(), "data-root", cfg.DataRoot)

	select {
	case <-ctx.Done():
		stop() // from here on a signal ends the process
	case err = <-failed:
	}
	notify(log, sddaemon.SdNotifyStopping)
	log.Info("Stopping")
	for _, l := range listeners {
		closeListener(l)
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

func newLogger(level string, w io.Writer) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}

// notify tells systemd of a change of state (sd_notify(3)); without systemd it does nothing.
func notify(log *slog.Logger, state string) {
	if _, err := sddaemon.SdNotify(false, state); err != nil {
		log.Warn("cannot notify systemd", "state", state, "error", err)
	}
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
