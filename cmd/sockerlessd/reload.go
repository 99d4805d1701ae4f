package main

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	sddaemon "github.com/coreos/go-systemd/v22/daemon"

	"github.com/sockerless/sockerless/daemon"
)

// reloadable are the keys of the configuration that take effect without a restart.
var reloadable = map[string]bool{"log-level": true, "debug": true, "image-fallback": true}

// reloader reads the configuration again on SIGHUP. One with an error changes nothing.
type reloader struct {
	cfg    *config
	read   func() (*config, error)
	daemon *daemon.Daemon
	level  *slog.LevelVar
	log    *slog.Logger
}

func (r reloader) run(ctx context.Context) {
	for range hangups(ctx) {
		notify(r.log, sddaemon.SdNotifyReloading+"\n"+sddaemon.SdNotifyMonotonicUsec())
		if err := r.reload(); err != nil {
			r.log.Error("the configuration has not been reloaded, the old one holds", "error", err)
		}
		notify(r.log, sddaemon.SdNotifyReady)
	}
}

func (r *reloader) reload() error {
	cfg, err := r.read()
	if err != nil {
		return err
	}
	changed, later := differences(r.cfg, cfg)
	r.level.Set(cfg.level())
	r.daemon.Reload(daemonConfig(cfg, r.log))
	r.cfg.LogLevel, r.cfg.Debug, r.cfg.ImageFallback = cfg.LogLevel, cfg.Debug, cfg.ImageFallback
	r.log.Info("configuration reloaded", "changed", strings.Join(changed, ", "))
	if len(later) > 0 {
		r.log.Warn("these take effect when the daemon is restarted", "keys", strings.Join(later, ", "))
	}
	return nil
}

// differences names the keys that differ: those that take effect now, and the others.
func differences(old, new *config) (now, later []string) {
	a, b := reflect.ValueOf(*old), reflect.ValueOf(*new)
	for i := range a.NumField() {
		key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
		switch {
		case reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
		case reloadable[key]:
			now = append(now, fmt.Sprintf("%s=%v", key, b.Field(i).Interface()))
		default:
			later = append(later, key)
		}
	}
	return now, later
}
