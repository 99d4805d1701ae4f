package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/docker/go-units"
	types "github.com/moby/moby/api/types/container"

	"github.com/sockerless/sockerless/daemon/container/logfile"
)

// Names of log drivers.
const (
	logJSONFile = "json-file"
	logLocal    = "local"
	logNone     = "none"
)

// LogDrivers are the names of the log drivers that keep something, sorted.
func LogDrivers() []string { return []string{logJSONFile, logLocal} }

// LogDriver is the driver of containers that name none.
func (m *Manager) LogDriver() string { return m.logDefaults.Type }

// logDriver keeps what one container writes. Its methods must not block for long: the program waits for them.
type logDriver interface {
	// Begin tells that a program starts, whose entries get the attributes.
	Begin(attrs map[string]string)
	Write(p []byte, stream logfile.Stream) error
	// End tells that the program has ended: what was begun is written, and readers that follow come to an end.
	End() error
	// Read reads what is kept. The error is errNoReading when the driver can't.
	Read(logfile.ReadOptions) (logReader, error)
	// Remove deletes the log with its container.
	Remove() error
}

// logReader goes over a log. It must be closed.
type logReader interface {
	// Next returns the next entry, valid until the next call. The error is io.EOF at the end, or that of ctx.
	Next(ctx context.Context) (LogEntry, error)
	// Buffered reports whether Next is sure not to wait.
	Buffered() bool
	Close() error
}

// fileLog is the driver of logs in files.
type fileLog struct{ *logfile.Log }

func (l fileLog) Read(opts logfile.ReadOptions) (logReader, error) { return l.Log.Read(opts) }

// openLog makes a container's driver, nil for none; nothing is opened before something is written. The errors are those
// of the options' values, which dockerd tells at the start.
func (m *Manager) openLog(id string, cfg *types.LogConfig) (logDriver, error) {
	opts := logfile.Options{Format: logfile.JSON}
	path := m.logPath(id)
	var err error
	switch cfg.Type {
	case logNone:
		return nil, nil
	case logLocal:
		path = filepath.Join(m.dir(id), "local-logs", "container.log")
		err = localOptions(cfg.Config, &opts)
	default:
		err = jsonFileOptions(cfg.Config, &opts)
	}
	if err != nil {
		return nil, err
	}
	return fileLog{logfile.New(path, opts)}, nil
}

func jsonFileOptions(options map[string]string, to *logfile.Options) (err error) {
	to.MaxFiles = 1
	if v, ok := options["max-size"]; ok {
		if to.MaxSize, err = units.FromHumanSize(v); err != nil {
			return err
		}
		if to.MaxSize <= 0 {
			return errors.New("max-size must be a positive number")
		}
	}
	if v, ok := options["max-file"]; ok {
		if to.MaxFiles, err = strconv.Atoi(v); err != nil {
			return err
		}
		if to.MaxFiles < 1 {
			return errors.New("max-file cannot be less than 1")
		}
	}
	if v, ok := options["compress"]; ok {
		if to.Compress, err = strconv.ParseBool(v); err != nil {
			return err
		}
		if to.Compress && (to.MaxFiles == 1 || to.MaxSize == 0) {
			return errors.New("compress cannot be true when max-file is less than 2 or max-size is not set")
		}
	}
	return nil
}

func localOptions(options map[string]string, to *logfile.Options) (err error) {
	*to = logfile.Options{Format: logfile.Local, MaxSize: 20 << 20, MaxFiles: 5, Compress: true}
	if v, ok := options["max-size"]; ok {
		if to.MaxSize, err = units.FromHumanSize(v); err != nil {
			return fmt.Errorf("invalid value for max-size: %s: %w", v, err)
		}
	}
	if v, ok := options["max-file"]; ok {
		if to.MaxFiles, err = strconv.Atoi(v); err != nil {
			return fmt.Errorf("invalid value for max-file: %s: %w", v, err)
		}
	}
	if v, ok := options["compress"]; ok {
		if to.Compress, err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("invalid boolean value for compress: %w", err)
		}
	}
	if to.MaxFiles < 0 {
		return errors.New("max-file must not be negative")
	}
	if to.Compress && to.MaxFiles <= 1 {
		return errors.New("compression cannot be enabled when max file count is 1")
	}
	return nil
}

// CheckLogConfig refuses drivers and options that there are not, as dockerd does at creation and for its own defaults.
func CheckLogConfig(cfg types.LogConfig) error {
	if cfg.Type == logNone {
		return nil
	}
	mode := types.LogMode(cfg.Config["mode"])
	switch mode {
	case "", types.LogModeBlocking, types.LogModeNonBlock:
	default:
		return invalid("logger: logging mode not supported: %s", mode)
	}
	if size, ok := cfg.Config["max-buffer-size"]; ok {
		if mode != types.LogModeNonBlock {
			return invalid("logger: max-buffer-size option is only supported with 'mode=%s'", types.LogModeNonBlock)
		}
		if _, err := units.RAMInBytes(size); err != nil {
			return invalid("error parsing option max-buffer-size: %v", err)
		}
	}
	unknown := ""
	switch cfg.Type {
	case logJSONFile:
		unknown = "unknown log opt '%s' for json-file log driver"
	case logLocal:
		unknown = "unknown log opt '%s' for log driver local"
	default:
		return invalid("error looking up logging plugin %s: plugin %q not found", cfg.Type, cfg.Type)
	}
	for key := range cfg.Config {
		switch key {
		case "mode", "max-buffer-size": // writing a file never waits for anybody, so that both modes are the same
		case "max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag":
		default:
			return invalid(unknown, key)
		}
	}
	return nil
}

// mergeLogConfig fills in the daemon's defaults and checks the result.
func (m *Manager) mergeLogConfig(cfg *types.LogConfig) error {
	if cfg.Type == "" {
		cfg.Type = m.logDefaults.Type
	}
	if cfg.Config == nil {
		cfg.Config = map[string]string{}
	}
	if cfg.Type == m.logDefaults.Type {
		for k, v := range m.logDefaults.Config {
			if _, ok := cfg.Config[k]; !ok {
				cfg.Config[k] = v
			}
		}
	}
	return CheckLogConfig(*cfg)
}

// LogInfo is what the template of the option tag may use, by dockerd's names.
type LogInfo struct {
	Config              map[string]string
	ContainerID         string
	ContainerName       string
	ContainerEntrypoint string
	ContainerArgs       []string
	ContainerImageID    string
	ContainerImageName  string
	ContainerCreated    time.Time
	ContainerEnv        []string
	ContainerLabels     map[string]string
	LogPath             string
	DaemonName          string
}

// Command is the command line.
func (i *LogInfo) Command() string {
	return strings.Join(append([]string{i.ContainerEntrypoint}, i.ContainerArgs...), " ")
}

// ID is the container's, short.
func (i *LogInfo) ID() string { return shortID(i.ContainerID) }

// FullID is the container's ID.
func (i *LogInfo) FullID() string { return i.ContainerID }

// Name is the container's.
func (i *LogInfo) Name() string { return strings.TrimPrefix(i.ContainerName, "/") }

// ImageID is the image's ID, short.
func (i *LogInfo) ImageID() string {
	return shortID(strings.TrimPrefix(i.ContainerImageID, "sha256:"))
}

// ImageFullID is the image's ID.
func (i *LogInfo) ImageFullID() string { return i.ContainerImageID }

// ImageName is the image's name, as the container was created with it.
func (i *LogInfo) ImageName() string { return i.ContainerImageName }

// Hostname is the host's name.
func (i *LogInfo) Hostname() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("logger: can not resolve hostname: %w", err)
	}
	return name, nil
}

// logAttrs are what the options labels, env and tag add to each entry; nil for nothing.
func (m *Manager) logAttrs(id string, def *definition) (map[string]string, error) {
	options := def.HostConfig.LogConfig.Config
	attrs := map[string]string{}
	variables := map[string]string{}
	for _, e := range def.Config.Env {
		if k, v, ok := strings.Cut(e, "="); ok {
			variables[k] = v
		}
	}
	if err := chooseAttrs(attrs, options, "labels", def.Config.Labels); err != nil {
		return nil, err
	}
	if err := chooseAttrs(attrs, options, "env", variables); err != nil {
		return nil, err
	}
	if options["tag"] != "" {
		command := slices.Concat(def.Config.Entrypoint, def.Config.Cmd)
		info := &LogInfo{
			Config: options, ContainerID: id, ContainerName: "/" + def.Name, ContainerImageID: def.ImageID.String(),
			ContainerImageName: def.Config.Image, ContainerCreated: def.Created, ContainerEnv: def.Config.Env,
			ContainerLabels: def.Config.Labels, LogPath: m.logPath(id), DaemonName: "docker",
		}
		if len(command) > 0 {
			info.ContainerEntrypoint, info.ContainerArgs = command[0], command[1:]
		}
		tag, err := template.New("log-tag").Funcs(tagFunctions).Parse(options["tag"])
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := tag.Execute(&b, info); err != nil {
			return nil, err
		}
		if b.Len() > 0 {
			attrs["tag"] = b.String()
		}
	}
	if len(attrs) == 0 {
		return nil, nil
	}
	return attrs, nil
}

// chooseAttrs adds the values that an option names, or matches with its regular expression.
func chooseAttrs(to, options map[string]string, option string, values map[string]string) error {
	for _, k := range strings.Split(options[option], ",") {
		if v, ok := values[k]; ok {
			to[k] = v
		}
	}
	pattern := options[option+"-regex"]
	if pattern == "" {
		return nil
	}
	match, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	for k, v := range values {
		if match.MatchString(k) {
			to[k] = v
		}
	}
	return nil
}

// tagFunctions are the functions that dockerd's templates have.
var tagFunctions = template.FuncMap{
	"json": func(v any) (string, error) {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		err := enc.Encode(v)
		return strings.TrimSpace(b.String()), err
	},
	"split": strings.Split,
	"join":  strings.Join,
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"title": func(s string) string {
		start := true
		return strings.Map(func(r rune) rune {
			if start {
				r = unicode.ToTitle(r)
			}
			start = !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '\''
			return r
		}, s)
	},
	"pad": func(s string, before, after int) string {
		if s == "" {
			return s
		}
		return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
	},
	"truncate": func(s string, n int) string {
		if n < 0 || len(s) < n {
			return s
		}
		return s[:n]
	},
}
