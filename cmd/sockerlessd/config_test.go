package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// loadArgs parses a command line and, when file is not empty, a configuration file with that text.
func loadArgs(t *testing.T, file string, args ...string) (*config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daemon.json")
	if file != "" {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config-file", path)
	}
	o := newOptions()
	f := pflag.NewFlagSet("sockerlessd", pflag.ContinueOnError)
	o.install(f)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	return o.load(f)
}

func TestConfigurationIsRefusedWithAReason(t *testing.T) {
	t.Setenv("SOCKERLESS_SYNTHETIC", "")
	for _, c := range []struct {
		name, file string
		args       []string
		want       string
	}{
		{"unknown key", `{"dta-root": "/x", "aaa": 1}`, nil, "the following directives don't match any configuration option: aaa, dta-root"},
		{"key given twice", `{"data-root": "/x"}`, []string{"--data-root", "/y"}, `the following directives are specified both as a flag and in the configuration file: data-root: (from flag: /y, from file: "/x")`},
		{"hosts given twice", `{"hosts": ["unix:///x"]}`, []string{"-H", "unix:///y"}, "hosts: (from flag: [unix:///y]"},
		{"no JSON", `{`, nil, "unexpected end of JSON input"},
		{"wrong type", `{"debug": "yes"}`, nil, "cannot unmarshal string"},
		{"log level", "", []string{"-l", "loud"}, "invalid logging level: loud"},
		{"image fallback", "", []string{"--image-fallback", "perhaps"}, "invalid image-fallback: perhaps"},
		{"log driver", "", []string{"--log-driver", "ghost"}, "failed to set log opts: error looking up logging plugin ghost: plugin \"ghost\" not found"},
		{"log option", `{"log-opts": {"frob": "1"}}`, nil, "unknown log opt 'frob' for json-file log driver"},
		{"protocol", "", []string{"-H", "ftp://x"}, `unknown protocol "ftp"`},
		{"no protocol", "", []string{"-H", "/run/x.sock"}, "want unix://PATH"},
		{"open TCP", "", []string{"-H", "tcp://0.0.0.0:2375"}, "refusing to listen on tcp://0.0.0.0:2375"},
		{"TLS alone does not tell who connects", "", []string{"-H", "tcp://0.0.0.0:2376", "--tls", "--tlscert", "c", "--tlskey", "k"}, "refusing"},
		{"TLS without certificate", "", []string{"--tls"}, "TLS needs --tlscert and --tlskey"},
		{"missing file", "", []string{"--config-file", "/nonexistent/daemon.json"}, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadArgs(t, c.file, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestConfigurationMergesFileFlagsAndEnvironment(t *testing.T) {
	t.Setenv("SOCKERLESS_SYNTHETIC", "1")
	cfg, err := loadArgs(t, `{"hosts": ["tcp://127.0.0.1:0"], "log-level": "warn"}`, "--data-root", "/y")
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Hosts) != 1 || cfg.Hosts[0] != "tcp://127.0.0.1:0" || cfg.LogLevel != "warn" || cfg.DataRoot != "/y" || !cfg.Synthetic {
		t.Errorf("configuration = %+v", cfg)
	}
	t.Setenv("SOCKERLESS_SYNTHETIC", "0")
	if cfg, err = loadArgs(t, ""); err != nil || cfg.Synthetic || cfg.Hosts[0] != defaultHost {
		t.Errorf("defaults = %+v, %v", cfg, err)
	}
	t.Setenv("SOCKERLESS_SYNTHETIC", "perhaps")
	if _, err = loadArgs(t, ""); err == nil {
		t.Error("SOCKERLESS_SYNTHETIC=perhaps was accepted")
	}
}

func TestEveryFlagIsAKeyOfTheFile(t *testing.T) {
	o := newOptions()
	f := pflag.NewFlagSet("sockerlessd", pflag.ContinueOnError)
	o.install(f)
	f.VisitAll(func(fl *pflag.Flag) {
		if fl.Name == "config-file" || fl.Name == "validate" {
			return
		}
		value := `"x"`
		switch fl.Value.Type() {
		case "bool":
			value = "false"
		case "stringToString":
			value = `{"max-size": "1m"}`
		case "stringArray":
			value = `["unix:///x"]`
		}
		_, err := loadArgs(t, `{"`+fileKey(fl.Name)+`": `+value+`}`)
		if err != nil && strings.Contains(err.Error(), "don't match") {
			t.Errorf("--%s: %v", fl.Name, err)
		}
	})
}
