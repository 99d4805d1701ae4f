package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

func TestContainerRunsACommandAndItsOutputAndExitCodeComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		stdout       string
		stderr       string
		code         int
	}{
		{"success", "echo hello", "hello\n", "", 0},
		{"both streams", "echo out; echo err >&2", "out\n", "err\n", 0},
		{"failure", "exit 3", "", "", 3},
		{"false", "false", "", "", 1},
		{"not found in the shell", "no-such-command", "", "sh: no-such-command: not found\n", 127},
		{"not executable", "/etc/passwd", "", "sh: /etc/passwd: Permission denied\n", 126},
		{"a child killed", "sh -c 'kill -KILL $$; exit 9' & wait $!; exit $?", "", "Killed\n", 137},
		{"a child terminated", "sh -c 'kill -TERM $$; exit 9' & wait $!; exit $?", "", "Terminated\n", 143},
		{"the first process is not killed from within", "kill -KILL $$; kill -TERM $$; exit 9", "", "", 9}, // pid_namespaces(7)
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := shared(t).sh(c.script)
			if want := (result{c.stdout, c.stderr, c.code}); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

func TestProgramsThatCannotBeStartedGive127And126(t *testing.T) {
	t.Parallel()
	e := shared(t)
	for _, c := range []struct {
		cmd  string
		want string
		code int
	}{
		{"no-such-program", `exec: "no-such-program": executable file not found in $PATH: unknown`, 127},
		{"/no/such/program", `exec: "/no/such/program": stat /no/such/program: no such file or directory: unknown`, 127},
		{"/etc/passwd", `exec: "/etc/passwd": permission denied: unknown`, 126},
		{"/etc", `exec: "/etc": permission denied: unknown`, 126},
	} {
		id := e.create([]string{c.cmd})
		_, err := e.ContainerStart(e.ctx, id, client.ContainerStartOptions{})
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("starting %s: error %v, want …%s", c.cmd, err, c.want)
		}
		st := e.state(id)
		if st.ExitCode != c.code || st.Status != "created" && st.Status != "exited" || st.Error == "" {
			t.Errorf("starting %s left exit code %d, status %s, error %q", c.cmd, st.ExitCode, st.Status, st.Error)
		}
	}
}

func TestEnvironmentWorkdirUserEntrypointAndHostnameAreGiven(t *testing.T) {
	t.Parallel()
	e := shared(t)
	check(t, e.sh("echo $A $B; pwd", withConfig(func(c *container.Config) {
		c.Env, c.WorkingDir = []string{"A=1", "B=two words"}, "/var/new/dir"
	})), "1 two words\n/var/new/dir\n", 0)
	check(t, e.sh("id -u; id -g; id -un", withConfig(func(c *container.Config) { c.User = "nobody" })), "65534\n65534\nnobody\n", 0)
	check(t, e.sh("id -u; id -g; touch /etc/mine", withConfig(func(c *container.Config) { c.User = "1000:2000" })), "1000\n2000\n", 1)
	check(t, e.run([]string{"a", "b c"}, withConfig(func(c *container.Config) { c.Entrypoint = []string{"printf", "%s|"} })), "a|b c|", 0)
	check(t, e.run([]string{"hostname"}, withConfig(func(c *container.Config) { c.Hostname = "wasm" })), "wasm\n", 0)
	id := e.create([]string{"sh", "-c", "hostname; cat /etc/hostname; grep -c $(hostname) /etc/hosts; echo $HOME"})
	e.begin(id)
	e.wait(id)
	out, _ := e.logs(id)
	if want := id[:12] + "\n" + id[:12] + "\n1\n/root\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestUnknownUserIsRefusedInDockersWords(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"}, withConfig(func(c *container.Config) { c.User = "ghost" }))
	_, err := e.ContainerStart(e.ctx, id, client.ContainerStartOptions{})
	if err == nil || !strings.Contains(err.Error(), "unable to find user ghost: no matching entries in passwd file") {
		t.Errorf("got %v", err)
	}
}

func TestStandardInputIsPipedToTheProgram(t *testing.T) {
	t.Parallel()
	e := shared(t)
	check(t, e.feed(strings.NewReader("hi\n"), []string{"cat"}), "hi\n", 0)
	check(t, e.feed(strings.NewReader("b\na\n"), []string{"sort"}), "a\nb\n", 0)
	check(t, e.feed(strings.NewReader("echo from stdin; exit 4\n"), []string{"sh"}), "from stdin\n", 4)
	big := strings.Repeat("0123456789abcde\n", 1<<18) // 4 MiB
	check(t, e.feed(strings.NewReader(big), []string{"sh", "-c", "wc -c | tr -d ' '"}), "4194304\n", 0)
	if got := e.feed(strings.NewReader(big), []string{"cat"}); got.stdout != big {
		t.Errorf("cat gave %d bytes of %d back", len(got.stdout), len(big))
	}
}

func TestContainerGoesThroughItsStates(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"sleep", "1000"})
	status := func(want string) {
		t.Helper()
		if st := e.state(id); string(st.Status) != want || st.Running != (want == "running" || want == "paused") {
			t.Errorf("status %q (running %v), want %q", st.Status, st.Running, want)
		}
	}
	status("created")
	e.begin(id)
	status("running")
	started := e.state(id).StartedAt
	if _, err := e.ContainerPause(e.ctx, id, client.ContainerPauseOptions{}); err != nil {
		t.Error(err)
	}
	status("paused")
	if _, err := e.ContainerUnpause(e.ctx, id, client.ContainerUnpauseOptions{}); err != nil {
		t.Error(err)
	}
	status("running")
	zero := 0
	if _, err := e.ContainerRestart(e.ctx, id, client.ContainerRestartOptions{Timeout: &zero}); err != nil {
		t.Error(err)
	}
	status("running")
	if e.state(id).StartedAt == started {
		t.Error("the restart did not start it anew")
	}
	if _, err := e.ContainerKill(e.ctx, id, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		t.Error(err)
	}
	if code := e.wait(id); code != 137 {
		t.Errorf("exit code %d after kill, want 137", code)
	}
	status("exited")
	if _, err := e.ContainerRemove(e.ctx, id, client.ContainerRemoveOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := e.ContainerInspect(e.ctx, id, client.ContainerInspectOptions{}); !errdefs.IsNotFound(err) {
		t.Errorf("inspecting a removed container: %v", err)
	}
}

func TestStopSendsTheStopSignalAndKillsAfterTheTimeout(t *testing.T) {
	t.Parallel()
	e := shared(t)
	stop := func(id string, seconds int) int {
		t.Helper()
		_, err := e.ContainerStop(e.ctx, id, client.ContainerStopOptions{Timeout: &seconds})
		must(t, err)
		if st := e.state(id); st.Running {
			t.Errorf("still %s after stop", st.Status)
		}
		return e.state(id).ExitCode
	}
	polite := e.launch([]string{"sh", "-c", "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"})
	e.printed(polite, "ready")
	if code := stop(polite, 60); code != 5 {
		t.Errorf("a trap that exits 5 gave %d", code)
	}
	usr1 := e.launch([]string{"sh", "-c", "trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done"},
		withConfig(func(c *container.Config) { c.StopSignal = "SIGUSR1" }))
	e.printed(usr1, "ready")
	if code := stop(usr1, 60); code != 6 {
		t.Errorf("StopSignal USR1 gave %d", code)
	}
	for name, script := range map[string]string{
		"trap":  "trap '' TERM; echo ready; while :; do sleep 1; done",
		"sleep": "trap '' TERM; echo ready; exec sleep 1000",
		"spin":  "trap '' TERM; echo ready; while :; do :; done",
	} {
		stubborn := e.launch([]string{"sh", "-c", script})
		e.printed(stubborn, "ready")
		before := time.Now()
		if code := stop(stubborn, 1); code != 137 {
			t.Errorf("%s: ignoring SIGTERM gave %d, want 137", name, code)
		}
		if time.Since(before) < time.Second {
			t.Errorf("%s: was killed before the timeout", name)
		}
	}
}

func TestWaitKnowsItsConditions(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"sh", "-c", "exit 7"}, withHost(func(h *container.HostConfig) { h.AutoRemove = true }))
	removed := e.ContainerWait(e.ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	next := e.ContainerWait(e.ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if code := e.wait(id); code != 0 {
		t.Errorf("not-running of a created container gave %d, want 0 at once", code)
	}
	e.begin(id)
	if code := e.waitFor(next); code != 7 {
		t.Errorf("next-exit gave %d", code)
	}
	if code := e.waitFor(removed); code != 7 {
		t.Errorf("removed gave %d", code)
	}
	if _, err := e.ContainerInspect(e.ctx, id, client.ContainerInspectOptions{}); !errdefs.IsNotFound(err) {
		t.Errorf("--rm left the container: %v", err)
	}
}

func TestListShowsWhatIsThereAndFilters(t *testing.T) {
	t.Parallel()
	e := shared(t)
	label := withConfig(func(c *container.Config) { c.Labels = map[string]string{"test": "list", "n": "1"} })
	up := e.launch([]string{"sleep", "1000"}, label, named("list-up"))
	down := e.create([]string{"true"}, label, named("list-down"))
	ids := func(all bool, filters ...string) (ids []string) {
		t.Helper()
		f := client.Filters{}.Add("label", "test=list")
		for i := 0; i < len(filters); i += 2 {
			f = f.Add(filters[i], filters[i+1])
		}
		list, err := e.ContainerList(e.ctx, client.ContainerListOptions{All: all, Filters: f})
		must(t, err)
		for _, c := range list.Items {
			ids = append(ids, c.ID)
		}
		return ids
	}
	for _, c := range []struct {
		all     bool
		filters []string
		want    []string
	}{
		{false, nil, []string{up}},
		{true, nil, []string{down, up}},
		{true, []string{"status", "created"}, []string{down}},
		{true, []string{"name", "list-up"}, []string{up}},
		{true, []string{"id", down[:20]}, []string{down}},
		{true, []string{"ancestor", "alpine"}, []string{down, up}},
		{true, []string{"label", "n=2"}, nil},
	} {
		if got := ids(c.all, c.filters...); !slices.Equal(got, c.want) {
			t.Errorf("all %v, filters %v: got %v, want %v", c.all, c.filters, got, c.want)
		}
	}
	list, err := e.ContainerList(e.ctx, client.ContainerListOptions{Filters: client.Filters{}.Add("label", "test=list"), Size: true})
	must(t, err)
	c := list.Items[0]
	if c.Names[0] != "/list-up" || c.Image != "alpine" || c.Command != "sleep 1000" || c.State != "running" || !strings.HasPrefix(c.Status, "Up ") {
		t.Errorf("got %+v", c)
	}
}

func TestRenameGivesTheNewNameAndKeepsItUnique(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"}, named("rename-before"))
	e.create([]string{"true"}, named("rename-taken"))
	_, err := e.ContainerRename(e.ctx, "rename-before", client.ContainerRenameOptions{NewName: "rename-after"})
	must(t, err)
	if got := e.inspect("rename-after"); got.ID != id || got.Name != "/rename-after" {
		t.Errorf("got %s %s", got.ID, got.Name)
	}
	if _, err := e.ContainerInspect(e.ctx, "rename-before", client.ContainerInspectOptions{}); !errdefs.IsNotFound(err) {
		t.Errorf("the old name still leads somewhere: %v", err)
	}
	_, err = e.ContainerRename(e.ctx, id, client.ContainerRenameOptions{NewName: "rename-taken"})
	if !errdefs.IsConflict(err) || !strings.Contains(err.Error(), `The container name "/rename-taken" is already in use by container`) {
		t.Errorf("got %v", err)
	}
}

func TestTopShowsTheProcesses(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sh", "-c", "sleep 1000 & echo ready; wait"})
	e.printed(id, "ready")
	eventually(t, "top shows the shell and its sleep", func() bool {
		top, err := e.ContainerTop(e.ctx, id, client.ContainerTopOptions{})
		must(t, err)
		command := slices.Index(top.Titles, "CMD")
		if command < 0 || len(top.Processes) != 2 {
			t.Fatalf("got %v %v", top.Titles, top.Processes)
		}
		return strings.HasPrefix(top.Processes[0][command], "sh -c sleep") && top.Processes[1][command] == "sleep 1000"
	})
}

func TestStatsTellWhatAContainerUses(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sh", "-c", "echo ready; while :; do :; done"}, withHost(func(h *container.HostConfig) { h.Memory = 256 << 20 }))
	e.printed(id, "ready")
	r, err := e.ContainerStats(e.ctx, id, client.ContainerStatsOptions{})
	must(t, err)
	var once container.StatsResponse
	must(t, json.NewDecoder(r.Body).Decode(&once))
	r.Body.Close()
	if once.ID != id || once.PidsStats.Current != 1 || once.MemoryStats.Limit != 256<<20 {
		t.Errorf("got %+v", once)
	}
	r, err = e.ContainerStats(e.ctx, id, client.ContainerStatsOptions{Stream: true})
	must(t, err)
	defer r.Body.Close()
	dec := json.NewDecoder(r.Body)
	var first, second container.StatsResponse
	must(t, dec.Decode(&first))
	must(t, dec.Decode(&second))
	if second.CPUStats.CPUUsage.TotalUsage <= first.CPUStats.CPUUsage.TotalUsage {
		t.Errorf("a busy loop used no processor: %d, then %d ns", first.CPUStats.CPUUsage.TotalUsage, second.CPUStats.CPUUsage.TotalUsage)
	}
}

func TestInitReapsOrphansPassesSignalsOnAndEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	e := shared(t)
	withInit := withHost(func(h *container.HostConfig) { yes := true; h.Init = &yes })
	check(t, e.sh("exit 7", withInit), "", 7)
	check(t, e.sh("kill -TERM $$", withInit), "", 143)
	check(t, e.sh("echo $$", withInit), "2\n", 0)
	// The grandchild ends as an orphan, and no zombie of it stays.
	check(t, e.sh("(sleep 0.05 & exec true); sleep 0.3; ps -o stat | grep -c Z || true", withInit), "0\n", 0)
	id := e.launch([]string{"sh", "-c", "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.05; done"}, withInit)
	e.printed(id, "ready")
	_, err := e.ContainerKill(e.ctx, id, client.ContainerKillOptions{Signal: "USR1"})
	must(t, err)
	if code := e.wait(id); code != 5 {
		t.Errorf("exit code %d, want that of the trap", code)
	}
	id = e.launch([]string{"sleep", "1000"}, withInit)
	_, err = e.ContainerStop(e.ctx, id, client.ContainerStopOptions{})
	must(t, err)
	if code := e.state(id).ExitCode; code != 143 {
		t.Errorf("stopping a program that has no handler gave %d, want 143", code)
	}
	id = e.launch([]string{"sh", "-c", "read line </dev/tty; sleep 1000"}, withInit, withTTY)
	conn, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true})
	must(t, err)
	defer conn.Close()
	if _, err := conn.Conn.Write([]byte("in the foreground\r\x03")); err != nil {
		t.Fatal(err)
	}
	if code := e.wait(id); code != 130 {
		t.Errorf("^C ended it with %d, want 130", code)
	}
}
