package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sockerless/sockerless/daemon"
)

// update writes dockerd's answers to the files in testdata that ours are compared with.
var update = flag.Bool("update", false, "write what the CLI prints with a real dockerd to testdata")

// cliSuite is a list of command lines for the docker CLI. What they print with us is in testdata/NAME.golden, as a real
// dockerd makes the CLI print it; where one runs, the file is compared with that, too.
func cliSuite(t *testing.T, name string, lines []string) {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("left out: the docker CLI is not on PATH")
	}
	path := filepath.Join("testdata", name+".golden")
	if !testing.Short() {
		t.Run("dockerd", func(t *testing.T) {
			t.Parallel()
			got := transcript(cli{t, dockerd(t)}, lines)
			for i := range got {
				got[i] = laterWords.Replace(got[i])
			}
			if *update {
				must(t, os.WriteFile(path, []byte(strings.Join(got, "")), 0o644))
				return
			}
			compareTranscript(t, path, got)
		})
	}
	t.Run("sockerless", func(t *testing.T) {
		t.Parallel()
		compareTranscript(t, path, transcript(cli{t, start(t, daemon.Config{})}, lines))
	})
}

// transcript runs the lines and writes down, without what is never the same, how each ended. A line that begins with
// "!" is not written down.
func transcript(c cli, lines []string) (list []string) {
	for _, line := range lines {
		quiet := strings.HasPrefix(line, "!")
		got := c.run(words(strings.TrimPrefix(line, "!"))...)
		if !quiet {
			list = append(list, fmt.Sprintf("$ docker %s\n%s", strings.ReplaceAll(line, "\u00a0", "_"), steady(got)))
		}
	}
	return list
}

// laterWords gives the texts of Debian's dockerd the words that later ones, which we follow, have for them.
var laterWords = strings.NewReplacer(
	"runc create failed: unable to start container process: exec:", "runc create failed: unable to start container process: error during container init: exec:",
	"daemon: failed to create shim task", "daemon: failed to create task for container: failed to create shim task",
	"invalid restart policy 'sometimes'", "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
	"Invalid signal: FROB", "cannot kill container: cli-e: invalid signal: FROB",
	"You cannot remove a running container ID. Stop the container before attempting removal or force remove",
	`cannot remove container "cli-e": container is running: stop the container before removing or force remove`,
)

var steadying = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[0-9a-f]{64}`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "SHORT"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`(Less than a second|About a minute|\d+ (second|minute)s?)( ago)?`), "A MOMENT"},
	{regexp.MustCompile(`[^ "]*/volumes/`), "volumes/"},
	{regexp.MustCompile(`See 'docker [a-z ]*--help'`), "See --help"},
}

func steady(r result) string {
	var b strings.Builder
	for _, s := range []struct{ mark, text string }{{"", r.stdout}, {"! ", r.stderr}} {
		for _, x := range steadying {
			s.text = x.find.ReplaceAllString(s.text, x.with)
		}
		for line := range strings.Lines(s.text) {
			b.WriteString(s.mark + strings.TrimRight(line, " \n") + "\n")
		}
	}
	if r.code != 0 {
		fmt.Fprintf(&b, "[%d]\n", r.code)
	}
	return b.String()
}

func compareTranscript(t *testing.T, path string, got []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	want := strings.SplitAfter(string(b), "\n")
	for _, step := range got {
		// The next step begins where the file has its command.
		end := 1
		for end < len(want) && !strings.HasPrefix(want[end], "$ docker ") {
			end++
		}
		if expected := strings.Join(want[:min(end, len(want))], ""); !strings.EqualFold(expected, step) {
			t.Errorf("got\n%swant\n%s", step, expected)
		}
		want = want[min(end, len(want)):]
	}
	if rest := strings.Join(want, ""); rest != "" {
		t.Errorf("never asked: %s", rest)
	}
}

func TestDockerContainerCommands(t *testing.T) {
	t.Parallel()
	env := filepath.Join(t.TempDir(), "env")
	must(t, os.WriteFile(env, []byte("FROM_FILE=1\n"), 0o600))
	must(t, os.Rename(env, "/tmp/e2e-env")) // one name on both
	t.Cleanup(func() { os.Remove("/tmp/e2e-env") })
	cliSuite(t, "cli-container", []string{
		"run --network none --rm alpine echo hi",
		"run --network none --rm alpine sh -c exit\u00a03",
		"run --network none --rm -e A=1 -e B --env-file /tmp/e2e-env alpine sh -c echo\u00a0$A$FROM_FILE",
		"run --network none --rm -w /new/dir alpine pwd",
		"run --network none --rm -u nobody alpine id -un",
		"run --network none --rm -u 12:1234 --group-add 56 alpine id",
		"run --network none --rm -u ghost alpine true",
		"run --network none --rm -h box alpine hostname",
		"run --network none --rm --entrypoint cat alpine /etc/no-such",
		"run --network none --rm --read-only alpine touch /f",
		"run --network none --rm --tmpfs /t:size=1m alpine sh -c df\u00a0-k\u00a0/t|tail\u00a0-n1|tr\u00a0-s\u00a0'\u00a0'|cut\u00a0-d'\u00a0'\u00a0-f2",
		"run --network none --rm --add-host db:10.1.2.3 alpine sh -c grep\u00a0db\u00a0/etc/hosts",
		"run --network none --rm --ulimit nofile=100:200 alpine sh -c ulimit\u00a0-n",
		"run --network none --rm alpine no-such-program",
		"run --network none --rm alpine /etc/passwd",
		"run --network none --name not/valid alpine true",
		"run --network none --rm --restart always alpine true",
		"create --network none --name cli-c -l tier=front -l x alpine sleep 1000",
		"create --network none --name cli-c alpine true",
		"container create --network none --name cli-d --stop-signal SIGINT --stop-timeout 3 alpine sh -c echo\u00a0out;echo\u00a0err>&2;exit\u00a04",
		"ps",
		"ps -a --format {{.Names}}|{{.Image}}|{{.Command}}|{{.State}}",
		"ps -a --filter name=cli-c --format {{.Names}}",
		"ps -a --filter label=tier=front --format {{.Names}}",
		"ps -a --filter status=created --format {{.Names}}",
		"ps -a --filter frob=x",
		"ps -n 1 --format {{.Names}}",
		"ps -aq --no-trunc",
		"start cli-c",
		"start cli-c",
		"start -a cli-d",
		"start ghost",
		"container ls --format {{.Names}}\u00a0{{.State}}",
		"wait cli-d",
		"logs cli-d",
		"logs ghost",
		"inspect -f {{.State.Status}}\u00a0{{.State.ExitCode}}\u00a0{{.Config.StopSignal}} cli-d",
		"inspect --type container -f {{.Name}}\u00a0{{.HostConfig.NetworkMode}} cli-c cli-d",
		"inspect ghost",
		"container inspect ghost",
		"exec cli-c echo in",
		"exec -e B=2 -w /tmp -u nobody cli-c sh -c echo\u00a0$B;pwd;id\u00a0-un",
		"exec -d cli-c touch /tmp/detached",
		"exec cli-c false",
		"exec ghost true",
		"exec cli-d true",
		"top cli-c -o args",
		"container top ghost",
		"port cli-c",
		"port cli-c 80",
		"diff cli-d",
		"diff ghost",
		"stats --no-stream --format {{.Name}} cli-c",
		"stats --no-stream ghost",
		"rename cli-c cli-e",
		"rename cli-e cli-d",
		"rename ghost x",
		"pause cli-e",
		"pause cli-e",
		"exec cli-e true",
		"ps --format {{.Names}}\u00a0{{.State}}",
		"unpause cli-e",
		"unpause cli-e",
		"update --restart on-failure:3 cli-e",
		"inspect -f {{.HostConfig.RestartPolicy.Name}}\u00a0{{.HostConfig.RestartPolicy.MaximumRetryCount}} cli-e",
		"update --restart sometimes cli-e",
		"update ghost --memory 10m",
		"restart -t 0 cli-e",
		"restart ghost",
		"kill -s FROB cli-e",
		"rm cli-e",
		"kill cli-e",
		"kill cli-e",
		"wait cli-e",
		"stop cli-e",
		"stop ghost",
		"rm cli-e cli-d",
		"rm cli-e",
		"rm -f cli-e",
		"run --network none -d --name cli-f alpine sleep 1000",
		"rm -f cli-f",
		"!run --network none --name cli-g alpine true",
		"container prune -f --filter label=nope",
		"container prune -f --filter frob=x",
		"cp /no/such cli-g:/",
		"cp cli-g:/no/such /tmp",
		"rm -v cli-g",
	})
}

func TestDockerVolumeCommands(t *testing.T) {
	t.Parallel()
	cliSuite(t, "cli-volume", []string{
		"volume create cli-v1 --label a=b --label c",
		"volume create --driver local --opt type=tmpfs --opt device=tmpfs --opt o=size=1m cli-v2",
		"volume create cli-v1",
		"volume create a/b",
		"volume create x",
		"volume create --opt frob=1 cli-v3",
		"volume create --opt type=tmpfs cli-v3",
		"volume ls --filter name=cli-v --format {{.Name}}|{{.Driver}}|{{.Scope}}",
		"volume ls -q --filter label=a=b",
		"volume ls -q --filter label=a=c",
		"volume ls -q --filter name=cli-v --filter dangling=true",
		"volume ls -q --filter driver=ghost",
		"volume ls --filter frob=x",
		"volume ls --filter dangling=x",
		"volume inspect cli-v1",
		"volume inspect cli-v2",
		"volume inspect -f {{.Name}}\u00a0{{json\u00a0.Labels}} cli-v1 cli-v2",
		"volume inspect ghost",
		"run --network none --rm -v cli-v1:/v alpine touch /v/file",
		"run --network none --rm -v cli-v1:/v:ro alpine touch /v/file2",
		"run --network none --rm --mount source=cli-v1,target=/m,readonly alpine ls /m",
		"run --network none --rm --mount type=volume,target=/m alpine ls /m",
		"run --network none --rm --mount type=tmpfs,target=/m,tmpfs-size=1m alpine ls /m",
		"run --network none --rm --mount type=bind,source=/no/such,target=/m alpine ls /m",
		"run --network none --rm -v cli-v1:relative alpine true",
		"run --network none --rm -v cli-v1:/v:frob alpine true",
		"!create --network none --name cli-vuser -v cli-v1:/v alpine true",
		"volume rm cli-v1",
		"volume ls -q --filter name=cli-v --filter dangling=false",
		"create --network none --name cli-vfrom --volumes-from cli-vuser:ro alpine true",
		"inspect -f {{(index\u00a0.Mounts\u00a00).Name}}\u00a0{{(index\u00a0.Mounts\u00a00).RW}} cli-vfrom",
		"!rm cli-vuser cli-vfrom",
		"volume rm cli-v1 ghost",
		"volume rm -f ghost",
		"volume rm cli-v2",
		"volume prune -f --filter label=nope",
		"volume prune -f --filter frob=x",
	})
}
