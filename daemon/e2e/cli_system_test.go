package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/daemon"
)

// ownCLI is the docker CLI with a daemon and a configuration of its own.
func ownCLI(t *testing.T, cfg daemon.Config) cli {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("left out: the docker CLI is not on PATH")
	}
	return cli{t, start(t, cfg)}
}

func TestDockerSystemCommands(t *testing.T) {
	t.Parallel()
	d := ownCLI(t, daemon.Config{})
	ok := func(stdout string, args ...string) {
		t.Helper()
		got := d.run(args...)
		if got.code != 0 || stdout != "*" && got.stdout != stdout {
			t.Errorf("docker %s: got %s, want stdout %q", strings.Join(args, " "), got, stdout)
		}
	}
	ok("linux sockerless inactive\n", "info", "--format", "{{.OSType}} {{.DefaultRuntime}} {{.Swarm.LocalNodeState}}")
	ok("*", "system", "info")
	ok("1.24 linux\n", "version", "--format", "{{.Server.MinAPIVersion}} {{.Server.Os}}")
	ok("*", "version")
	ok("", "plugin", "ls", "-q")
	ok("*", "context", "ls")
	ok("0\n", "run", "--rm", "alpine", "sh", "-c", "echo $?")
	ok("*", "create", "--name", "system-old", "alpine", "true")
	ok("*", "volume", "create", "system-kept")
	prune := d.run("system", "prune", "-f", "--filter", "label=nope")
	if prune.code != 1 || !strings.Contains(prune.stderr, "networks is not supported") && !strings.Contains(prune.stderr, "not supported") {
		t.Errorf("system prune, whose parts about networks and images are not there yet: %s", prune)
	}
	got := d.run("container", "prune", "-f")
	if got.code != 0 || !strings.Contains(got.stdout, "Total reclaimed space: 0B") {
		t.Errorf("container prune: %s", got)
	}
	ok("", "ps", "-aq")
	ok("Total reclaimed space: 0B\n", "volume", "prune", "-f")
	ok("system-kept\n", "volume", "ls", "-q")
	got = d.run("volume", "prune", "-af")
	if got.code != 0 || !strings.Contains(got.stdout, "system-kept") {
		t.Errorf("volume prune -a: %s", got)
	}
	ok("Total reclaimed space: 0B\n", "builder", "prune", "-f")
	until := fmt.Sprint(time.Now().Unix() + 1) // the CLI sends whole seconds
	events := d.run("system", "events", "--since", "1h", "--until", until, "--filter", "type=container", "--filter", "event=create", "--filter", "event=destroy", "--format", "{{.Action}} {{.Actor.Attributes.name}}")
	if events.code != 0 || !strings.HasSuffix(events.stdout, "create system-old\ndestroy system-old\n") {
		t.Errorf("events: %s", events)
	}
	got = d.run("events", "--since", "1h", "--until", until, "--format", "json")
	for sc := bufio.NewScanner(strings.NewReader(got.stdout)); sc.Scan(); {
		if !json.Valid(sc.Bytes()) {
			t.Errorf("an event is %s", sc.Text())
		}
	}
	address := authRegistry(t, true)
	login := d.command("login", "-u", "me", "--password-stdin", address)
	login.Stdin = strings.NewReader("secret")
	if got := finish(t, login); got.code != 0 || !strings.Contains(got.stdout, "Login Succeeded") {
		t.Errorf("login: %s", got)
	}
	login = d.command("login", "-u", "me", "--password-stdin", address)
	login.Stdin = strings.NewReader("wrong")
	if got := finish(t, login); got.code != 1 || !strings.Contains(got.stderr, "unauthorized: incorrect username or password") {
		t.Errorf("login with a wrong password: %s", got)
	}
	ok("Removing login credentials for "+address+"\n", "logout", address)
	got = d.run("--context", "no-such", "ps")
	if got.code == 0 {
		t.Errorf("a context that there is not: %s", got)
	}
}

func TestDockerCommandsThatAreNotSupportedSaySo(t *testing.T) {
	t.Parallel()
	d := ownCLI(t, daemon.Config{})
	d.run("create", "--name", "not-yet", "alpine", "true")
	tar := filepath.Join(t.TempDir(), "x.tar")
	must(t, os.WriteFile(tar, []byte("x"), 0o600))
	d.run("volume", "create", "plain")
	const (
		missing  = "is not supported by Sockerless"
		notSwarm = "This node is not a swarm manager."
	)
	for _, c := range []struct{ line, want string }{
		{"image load -i " + tar, missing},
		{"image save -o " + tar + " alpine", missing},
		{"image push x/y", missing},
		{"image import " + tar, missing},
		{"image prune -f", missing},
		{"search x", missing},
		{"network ls", missing},
		{"network create x", missing},
		{"network inspect x", missing},
		{"network rm x", missing},
		{"network connect x not-yet", missing},
		{"network disconnect x not-yet", missing},
		{"checkpoint create not-yet x", "experimental features"},
		{"plugin install --grant-all-permissions x", missing},
		{"plugin inspect x", `plugin "x" not found`},
		{"plugin enable x", `plugin "x" not found`},
		{"plugin disable x", `plugin "x" not found`},
		{"plugin rm x", `plugin "x" not found`},
		{"plugin set x a=b", `plugin "x" not found`},
		{"swarm init", missing},
		{"swarm join --token x 127.0.0.1:1", missing},
		{"swarm leave", "This node is not part of a swarm"},
		{"swarm update --autolock", notSwarm},
		{"swarm unlock-key", notSwarm},
		{"swarm join-token worker", notSwarm},
		{"swarm ca", notSwarm},
		{"node ls", notSwarm},
		{"node inspect self", notSwarm},
		{"node rm x", notSwarm},
		{"node update --role worker x", notSwarm},
		{"service ls", notSwarm},
		{"service create alpine", notSwarm},
		{"service inspect x", notSwarm},
		{"service rm x", notSwarm},
		{"service logs x", notSwarm},
		{"service update x", notSwarm},
		{"service scale x=1", notSwarm},
		{"stack ls", notSwarm},
		{"stack rm x", notSwarm},
		{"secret ls", notSwarm},
		{"secret create x " + tar, notSwarm},
		{"secret inspect x", notSwarm},
		{"secret rm x", notSwarm},
		{"config ls", notSwarm},
		{"config create x " + tar, notSwarm},
		{"config inspect x", notSwarm},
		{"config rm x", notSwarm},
		{"volume update --availability drain plain", "an only update cluster volumes"},
		{"volume create --opt type=nfs --opt device=:/x --opt o=addr=127.0.0.1 not-yet", missing},
		{"volume create -d ghost not-yet", `plugin "ghost" not found`},
	} {
		got := d.run(words(c.line)...)
		if got.code == 0 || !strings.Contains(got.stderr, c.want) {
			t.Errorf("docker %s: %s, want %q", c.line, got, c.want)
		}
	}
}

func TestEveryDockerCommandIsInTheMapping(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("left out: the docker CLI is not on PATH")
	}
	doc, err := os.ReadFile("../../docs/docker_api_mapping.md")
	must(t, err)
	groups := []string{"builder", "checkpoint", "config", "container", "context", "image", "manifest", "network", "node", "plugin", "secret", "service",
		"stack", "swarm", "system", "trust", "volume"}
	names := commands(t)
	if len(names) < 40 {
		t.Fatalf("the CLI has %v", names)
	}
	for _, name := range names {
		list := []string{name}
		if slices.Contains(groups, name) {
			for _, sub := range commands(t, name) {
				list = append(list, name+" "+sub)
			}
		}
		for _, command := range list {
			if !strings.Contains(string(doc), "`docker "+command+"`") {
				t.Errorf("docker %s is not in the mapping", command)
			}
		}
	}
}

var commandLine = regexp.MustCompile(`^  ([a-z][a-z-]*) `) // a plugin's name has an asterisk

// commands are those that the CLI's help lists.
func commands(t *testing.T, group ...string) []string {
	t.Helper()
	cmd := exec.Command("docker", append(group, "--help")...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///no/such/socket") // without a daemon all are listed
	out, err := cmd.Output()
	must(t, err)
	var list []string
	in := false
	for line := range strings.Lines(string(out)) {
		if strings.HasSuffix(strings.TrimSpace(line), "Commands:") {
			in = true
		} else if line != "\n" && line[0] != ' ' {
			in = false
		}
		if m := commandLine.FindStringSubmatch(line); in && m != nil {
			list = append(list, m[1])
		}
	}
	return list
}
