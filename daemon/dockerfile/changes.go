// Package dockerfile applies Dockerfile instructions to image configurations.
package dockerfile

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/network"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// changeCommands are the instructions that change nothing but the configuration.
var changeCommands = []string{"cmd", "entrypoint", "healthcheck", "env", "expose", "label", "onbuild", "stopsignal", "user", "volume", "workdir"}

// Apply applies the changes of docker commit and docker import to a configuration, which is not to be used after an error.
// The errors are dockerd's; all are the caller's fault.
func Apply(c *dockerspec.DockerOCIImageConfig, changes []string) error {
	if len(changes) == 0 {
		return nil
	}
	file, err := parser.Parse(strings.NewReader(strings.Join(changes, "\n")))
	if err != nil {
		return err
	}
	var list []instructions.Command
	for _, n := range file.AST.Children {
		if !slices.Contains(changeCommands, strings.ToLower(n.Value)) {
			return fmt.Errorf("%s is not a valid change command", n.Value)
		}
		cmd, err := instructions.ParseCommand(n)
		if err != nil {
			return err
		}
		list = append(list, cmd)
	}
	a := applier{config: c, lex: shell.NewLex(file.EscapeToken)}
	for _, cmd := range list {
		if err := a.apply(cmd); err != nil {
			return err
		}
	}
	return nil
}

type applier struct {
	config *dockerspec.DockerOCIImageConfig
	lex    *shell.Lex
	cmdSet bool // by a CMD of these changes
}

// expand replaces variables in a word by the values that the configuration has for them.
func (a *applier) expand(word string) (string, error) {
	word, _, err := a.lex.ProcessWord(word, shell.EnvsFromSlice(a.config.Env))
	return word, err
}

func (a *applier) apply(cmd instructions.Command) error {
	if x, ok := cmd.(instructions.SupportsSingleWordExpansion); ok {
		if err := x.Expand(a.expand); err != nil {
			return err
		}
	}
	c := a.config
	switch cmd := cmd.(type) {
	case *instructions.CmdCommand:
		c.Cmd = a.commandLine(cmd.ShellDependantCmdLine)
		a.cmdSet = true
	case *instructions.EntrypointCommand:
		c.Entrypoint = a.commandLine(cmd.ShellDependantCmdLine)
		if !a.cmdSet { // it was meant for another entry point
			c.Cmd = nil
		}
	case *instructions.HealthCheckCommand:
		c.Healthcheck = cmd.Health
	case *instructions.EnvCommand:
		for _, e := range cmd.Env {
			a.setEnv(e.Key, e.Value)
		}
	case *instructions.LabelCommand:
		for _, l := range cmd.Labels {
			if c.Labels == nil {
				c.Labels = map[string]string{}
			}
			c.Labels[l.Key] = l.Value
		}
	case *instructions.ExposeCommand:
		return a.expose(cmd.Ports)
	case *instructions.OnbuildCommand:
		return a.onBuild(cmd.Expression)
	case *instructions.StopSignalCommand:
		if _, ok := abi.ParseSignal(cmd.Signal); !ok {
			return fmt.Errorf("invalid signal: %s", cmd.Signal)
		}
		c.StopSignal = cmd.Signal
	case *instructions.UserCommand:
		c.User = cmd.User
	case *instructions.VolumeCommand:
		for _, v := range cmd.Volumes {
			if v == "" {
				return errors.New("VOLUME specified can not be an empty string")
			}
			if c.Volumes == nil {
				c.Volumes = map[string]struct{}{}
			}
			c.Volumes[v] = struct{}{}
		}
	case *instructions.WorkdirCommand:
		if cmd.Path == "" {
			return errors.New("cannot normalize nothing")
		}
		dir := cmd.Path
		if !path.IsAbs(dir) {
			dir = path.Join("/", c.WorkingDir, dir)
		}
		c.WorkingDir = path.Clean(dir)
	default:
		return fmt.Errorf("unsupported command type: %T", cmd)
	}
	return nil
}

// commandLine puts the shell before a command in shell form.
func (a *applier) commandLine(line instructions.ShellDependantCmdLine) []string {
	if !line.PrependShell {
		return line.CmdLine
	}
	sh := a.config.Shell
	if len(sh) == 0 {
		sh = []string{"/bin/sh", "-c"}
	}
	return slices.Concat(sh, line.CmdLine)
}

func (a *applier) setEnv(key, value string) {
	c := a.config
	for i, e := range c.Env {
		if k, _, _ := strings.Cut(e, "="); k == key {
			c.Env[i] = key + "=" + value
			return
		}
	}
	c.Env = append(c.Env, key+"="+value)
}

// expose adds ports, such as 80, 53/udp and 8000-8010.
func (a *applier) expose(ports []string) error {
	for _, word := range ports {
		word, err := a.expand(word)
		if err != nil {
			return err
		}
		list, err := network.ParsePortRange(word)
		if err != nil {
			return fmt.Errorf("invalid containerPort: %s: %w", word, err)
		}
		if a.config.ExposedPorts == nil {
			a.config.ExposedPorts = map[string]struct{}{}
		}
		for p := range list.All() {
			a.config.ExposedPorts[p.String()] = struct{}{}
		}
	}
	return nil
}

func (a *applier) onBuild(expression string) error {
	word, _, _ := strings.Cut(strings.TrimSpace(expression), " ")
	switch word = strings.ToUpper(word); word {
	case "ONBUILD":
		return errors.New("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
	case "MAINTAINER", "FROM":
		return fmt.Errorf("%s isn't allowed as an ONBUILD trigger", word)
	}
	a.config.OnBuild = append(a.config.OnBuild, expression)
	return nil
}
