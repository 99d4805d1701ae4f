package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/pflag"

	containers "github.com/sockerless/sockerless/daemon/container"
	imagestore "github.com/sockerless/sockerless/daemon/image"
)

// config is what the daemon is told by flags and the configuration file. The JSON names are the flags' names, in
// dockerd's words; hosts is the plural that dockerd uses in the file.
type config struct {
	Hosts         []string          `json:"hosts,omitempty"`
	DataRoot      string            `json:"data-root,omitempty"`
	ExecRoot      string            `json:"exec-root,omitempty"`
	Group         string            `json:"group,omitempty"`
	LogLevel      string            `json:"log-level,omitempty"`
	LogDriver     string            `json:"log-driver,omitempty"`
	LogOpts       map[string]string `json:"log-opts,omitempty"`
	Debug         bool              `json:"debug,omitempty"`
	Synthetic     bool              `json:"synthetic,omitempty"`
	ImageFallback string            `json:"image-fallback,omitempty"`
	InsecureTCP   bool              `json:"insecure-tcp,omitempty"`
	TLS           bool              `json:"tls,omitempty"`
	TLSVerify     bool              `json:"tlsverify,omitempty"`
	TLSCACert     string            `json:"tlscacert,omitempty"`
	TLSCert       string            `json:"tlscert,omitempty"`
	TLSKey        string            `json:"tlskey,omitempty"`
	IdleExit      duration          `json:"idle-exit,omitempty"`
}

// duration is a time.Duration that JSON and flags write as "90s".
type duration time.Duration

func (d duration) String() string               { return time.Duration(d).String() }
func (d duration) Type() string                 { return "duration" }
func (d duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *duration) UnmarshalText(text []byte) error { return d.Set(string(text)) }

func (d *duration) Set(text string) error {
	v, err := time.ParseDuration(text)
	if err == nil && v < 0 {
		err = errors.New("a time cannot be negative")
	}
	*d = duration(v)
	return err
}

// level is that of the log.
func (c *config) level() (l slog.Level) {
	if err := l.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return slog.LevelInfo
	}
	return l
}

// fileKey gives the key of the configuration file for a flag.
func fileKey(flag string) string {
	switch flag {
	case "host", "log-opt":
		return flag + "s"
	}
	return flag
}

// options are the command line.
type options struct {
	config
	configFile string
	validate   bool
}

const defaultHost = "unix:///var/run/sockerless.sock"

// defaultConfigFile is the system's for the system's daemon (ConfigurationDirectory= in systemd.exec(5)) and for root, a
// user's own for theirs.
func defaultConfigFile() string {
	if dir := os.Getenv("CONFIGURATION_DIRECTORY"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "daemon.json")
	}
	if dir, err := os.UserConfigDir(); err == nil && os.Geteuid() != 0 {
		return filepath.Join(dir, "sockerless", "daemon.json")
	}
	return "/etc/sockerless/daemon.json"
}

func newOptions() *options { return &options{} }

// defaultDataRoot is where an ordinary user, or root, keeps the state: what systemd has made for the service
// (StateDirectory= in systemd.exec(5)) before all.
func defaultDataRoot() string {
	if dir := os.Getenv("STATE_DIRECTORY"); filepath.IsAbs(dir) {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/lib/sockerless"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sockerless")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "/var/lib/sockerless"
	}
	return filepath.Join(home, ".local", "share", "sockerless")
}

// defaultExecRoot is where what does not outlive the daemon is kept.
func defaultExecRoot() string {
	if dir := os.Getenv("RUNTIME_DIRECTORY"); filepath.IsAbs(dir) {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/run/sockerless"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sockerless")
	}
	return filepath.Join(os.TempDir(), "sockerless-"+strconv.Itoa(os.Geteuid()))
}

func (o *options) install(f *pflag.FlagSet) {
	f.StringArrayVarP(&o.Hosts, "host", "H", nil, "Socket(s) to listen on: unix://PATH, fd://, tcp://HOST:PORT (default \""+defaultHost+"\")")
	f.StringVar(&o.DataRoot, "data-root", defaultDataRoot(), "Root directory of persistent state")
	f.StringVar(&o.ExecRoot, "exec-root", defaultExecRoot(), "Root directory for execution state files")
	f.StringVarP(&o.Group, "group", "G", "", "Group that may use the unix socket (mode 0660)")
	f.StringVar(&o.configFile, "config-file", defaultConfigFile(), "Daemon configuration file (JSON)")
	f.StringVarP(&o.LogLevel, "log-level", "l", "info", `Set the logging level ("debug"|"info"|"warn"|"error")`)
	f.StringVar(&o.LogDriver, "log-driver", "json-file", "Default driver for container logs (\"json-file\"|\"local\"|\"none\")")
	f.StringToStringVar(&o.LogOpts, "log-opt", nil, "Default log driver options for containers")
	f.BoolVarP(&o.Debug, "debug", "D", false, "Enable debug mode")
	f.BoolVar(&o.Synthetic, "synthetic", false, "Run no programs: containers are bookkeeping that exits 0 at once (or SOCKERLESS_SYNTHETIC=1)")
	f.StringVar(&o.ImageFallback, "image-fallback", "auto", `When the embedded image answers for alpine, busybox, debian and ubuntu ("auto"|"never"|"always")`)
	f.BoolVar(&o.InsecureTCP, "insecure-tcp", false, "Allow tcp:// on other addresses than loopback without TLS: whoever reaches it controls the daemon")
	f.BoolVar(&o.TLS, "tls", false, "Use TLS; implied by --tlsverify")
	f.BoolVar(&o.TLSVerify, "tlsverify", false, "Use TLS and verify the remote")
	f.StringVar(&o.TLSCACert, "tlscacert", "", "Trust certs signed only by this CA")
	f.StringVar(&o.TLSCert, "tlscert", "", "Path to TLS certificate file")
	f.StringVar(&o.TLSKey, "tlskey", "", "Path to TLS key file")
	f.Var(&o.IdleExit, "idle-exit", "End when nothing has run and nobody has been connected for this long; systemd starts it again at the next connection (0: never)")
	f.BoolVar(&o.validate, "validate", false, "Validate daemon configuration and exit")
	f.SortFlags = true
}

// load merges the configuration file and the environment with the flags, and checks the result.
func (o *options) load(f *pflag.FlagSet) (*config, error) {
	cfg := o.config
	if err := o.mergeFile(&cfg, f); err != nil {
		return nil, err
	}
	if v := os.Getenv("SOCKERLESS_SYNTHETIC"); v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return nil, fmt.Errorf("SOCKERLESS_SYNTHETIC=%s: want 1 or 0", v)
		}
		cfg.Synthetic = cfg.Synthetic || on
	}
	if len(cfg.Hosts) == 0 {
		cfg.Hosts = []string{defaultHost}
		if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) { // systemd hands sockets over (sd_listen_fds(3))
			cfg.Hosts = []string{"fd://"}
		}
	}
	if cfg.Debug {
		cfg.LogLevel = "debug"
	}
	return &cfg, cfg.check()
}

// mergeFile reads the configuration file over the flags' defaults. A key that is given both ways is an error, as it is
// to dockerd: nobody could tell which holds.
func (o *options) mergeFile(cfg *config, f *pflag.FlagSet) error {
	b, err := os.ReadFile(o.configFile)
	if errors.Is(err, fs.ErrNotExist) && !f.Changed("config-file") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unable to configure the daemon: %w", err)
	}
	fail := func(err error) error {
		return fmt.Errorf("unable to configure the daemon with file %s: %w", o.configFile, err)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	keys := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &keys); err != nil {
		return fail(err)
	}
	var twice []string
	f.VisitAll(func(fl *pflag.Flag) {
		key := fileKey(fl.Name)
		if v, ok := keys[key]; ok && fl.Changed {
			twice = append(twice, fmt.Sprintf("%s: (from flag: %s, from file: %s)", key, fl.Value, v))
		}
	})
	if len(twice) > 0 {
		return fail(errors.New("the following directives are specified both as a flag and in the configuration file: " + strings.Join(twice, ", ")))
	}
	var known map[string]json.RawMessage
	full, err := json.Marshal(knownConfig)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(full, &known); err != nil {
		return err
	}
	var unknown []string
	for key := range keys {
		if _, ok := known[key]; !ok {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fail(errors.New("the following directives don't match any configuration option: " + strings.Join(unknown, ", ")))
	}
	if err := json.Unmarshal(b, cfg); err != nil {
		return fail(err)
	}
	return nil
}

// knownConfig has every field set, so that its JSON names every key.
var knownConfig = config{Hosts: []string{""}, DataRoot: "x", ExecRoot: "x", Group: "x", LogLevel: "x", LogDriver: "x", LogOpts: map[string]string{"": ""}, Debug: true, Synthetic: true,
	ImageFallback: "x", InsecureTCP: true, TLS: true, TLSVerify: true, TLSCACert: "x", TLSCert: "x", TLSKey: "x", IdleExit: 1}

// logConfig is what containers log with that name no driver.
func (c *config) logConfig() container.LogConfig {
	return container.LogConfig{Type: c.LogDriver, Config: c.LogOpts}
}

func (c *config) check() error {
	if err := containers.CheckLogConfig(c.logConfig()); err != nil {
		return fmt.Errorf("failed to set log opts: %w", err)
	}
	switch c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		return fmt.Errorf("invalid logging level: %s (want debug, info, warn or error)", c.LogLevel)
	}
	switch imagestore.Fallback(c.ImageFallback) {
	case imagestore.FallbackAuto, imagestore.FallbackNever, imagestore.FallbackAlways:
	default:
		return fmt.Errorf("invalid image-fallback: %s (want auto, never or always)", c.ImageFallback)
	}
	if (c.TLS || c.TLSVerify) && (c.TLSCert == "" || c.TLSKey == "") {
		return errors.New("TLS needs --tlscert and --tlskey")
	}
	if c.TLSVerify && c.TLSCACert == "" {
		return errors.New("--tlsverify needs --tlscacert")
	}
	for _, h := range c.Hosts {
		if _, err := parseHost(h, c); err != nil {
			return err
		}
	}
	return nil
}
