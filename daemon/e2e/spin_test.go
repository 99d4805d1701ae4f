package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// loopForever is a WASI command whose _start is (loop br 0).
var loopForever = []byte{
	0, 'a', 's', 'm', 1, 0, 0, 0,
	1, 4, 1, 0x60, 0, 0, // type section: () -> ()
	3, 2, 1, 0, // function section
	5, 3, 1, 0, 1, // memory section: one page
	7, 19, 2, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0, 6, '_', 's', 't', 'a', 'r', 't', 0, 0, // exports
	10, 9, 1, 7, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x0b, // code: loop; br 0; end; end
}

// Three programs that never stop computing, on as many processors or fewer, and everything else still answers.
func TestProgramsThatNeverStopComputingLeaveTheDaemonAnswering(t *testing.T) {
	t.Parallel()
	p := boot(t)
	e := p.connect(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "spin"), loopForever, 0o755))
	spinners := []string{
		e.launch([]string{"/bin/spin"}, binds(filepath.Join(dir, "spin")+":/bin/spin:ro")),
		e.launch([]string{"sh", "-c", "while :; do :; done"}),
		e.launch([]string{"awk", "BEGIN{for(;;);}"}),
	}
	for range max(0, runtime.NumCPU()-2) {
		spinners = append(spinners, e.launch([]string{"awk", "BEGIN{for(;;);}"}))
	}
	// Collect garbage between: a collection waits for every goroutine.
	var slowest time.Duration
	var slow string
	step := func(name string, f func() error) {
		t.Helper()
		before := time.Now()
		if err := f(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(before); d > slowest {
			slowest, slow = d, name
		}
	}
	for range 3 {
		step("ping", func() error { _, err := e.Ping(e.ctx, client.PingOptions{}); return err })
		step("info", func() error { _, err := e.Info(e.ctx, client.InfoOptions{}); return err })
		step("list", func() error { _, err := e.ContainerList(e.ctx, client.ContainerListOptions{All: true}); return err })
		step("images", func() error { _, err := e.ImageList(e.ctx, client.ImageListOptions{}); return err })
		step("run", func() error { check(t, e.sh("seq 3 | tail -1"), "3\n", 0); return nil })
		for _, id := range spinners {
			step("inspect", func() error { _, err := e.ContainerInspect(e.ctx, id, client.ContainerInspectOptions{}); return err })
			step("top", func() error { _, err := e.ContainerTop(e.ctx, id, client.ContainerTopOptions{}); return err })
			step("exec", func() error { check(t, e.exec(id, []string{"echo", "in"}), "in\n", 0); return nil })
			step("logs", func() error { e.logs(id); return nil })
			step("cp", func() error {
				r, err := e.CopyFromContainer(e.ctx, id, client.CopyFromContainerOptions{SourcePath: "/etc/passwd"})
				if err == nil {
					r.Content.Close()
				}
				return err
			})
			step("stats", func() error {
				r, err := e.ContainerStats(e.ctx, id, client.ContainerStatsOptions{})
				if err == nil {
					r.Body.Close()
				}
				return err
			})
			step("pause", func() error { _, err := e.ContainerPause(e.ctx, id, client.ContainerPauseOptions{}); return err })
			step("unpause", func() error { _, err := e.ContainerUnpause(e.ctx, id, client.ContainerUnpauseOptions{}); return err })
		}
	}
	t.Logf("the slowest call beside %d busy containers on %d processors was %s: %v", len(spinners), runtime.NumCPU(), slow, slowest)
	for i, id := range spinners {
		if i == 1 {
			zero := 0
			step("stop", func() error {
				_, err := e.ContainerStop(e.ctx, id, client.ContainerStopOptions{Timeout: &zero})
				return err
			})
		} else {
			step("kill", func() error { _, err := e.ContainerKill(e.ctx, id, client.ContainerKillOptions{}); return err })
		}
		if code := e.wait(id); code != 137 {
			t.Errorf("spinner %d ended with %d, want 137", i, code)
		}
	}
}

func TestMemoryLimitEndsAContainerWith137AndOOMKilled(t *testing.T) {
	t.Parallel()
	e := shared(t)
	limit := withHost(func(h *container.HostConfig) { h.Memory = 64 << 20 })
	id := e.launch([]string{"awk", `BEGIN{x="0123456789abcdef"; for(;;) x=x x}`}, limit)
	if code := e.wait(id); code != 137 {
		t.Errorf("exit code %d, want 137", code)
	}
	if st := e.state(id); !st.OOMKilled {
		t.Errorf("not OOMKilled: %+v", st)
	}
	check(t, e.sh("echo small programs run", limit), "small programs run\n", 0)
}

func TestPidsLimitBoundsAForkBomb(t *testing.T) {
	t.Parallel()
	e := shared(t)
	limit := int64(20)
	pids := withHost(func(h *container.HostConfig) { h.PidsLimit = &limit })
	got := e.sh("for i in $(seq 50); do sleep 1000 & done; echo not reached", pids)
	if got.code == 0 || got.stdout != "" {
		t.Errorf("got %s", got)
	}
	id := e.launch([]string{"sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1000"}, pids)
	r, err := e.ContainerTop(e.ctx, id, client.ContainerTopOptions{})
	must(t, err)
	if len(r.Processes) > int(limit) {
		t.Errorf("%d processes of %d allowed", len(r.Processes), limit)
	}
	_, err = e.ContainerKill(e.ctx, id, client.ContainerKillOptions{})
	must(t, err)
	e.wait(id)
}

func TestTmpfsAndReadOnlyRootHold(t *testing.T) {
	t.Parallel()
	e := shared(t)
	ro := withHost(func(h *container.HostConfig) {
		h.ReadonlyRootfs, h.Tmpfs = true, map[string]string{"/scratch": "size=1m,mode=700"}
	})
	check(t, e.sh(`touch /file 2>&1; echo x >/scratch/file && cat /scratch/file; stat -c %a /scratch; touch /dev/shm/ok && echo shm
dd if=/dev/zero of=/scratch/big bs=1k count=2000 2>&1 | grep -o 'No space left on device'`, ro),
		"touch: /file: Read-only file system\nx\n700\nshm\nNo space left on device\n", 0)
	id := e.launch([]string{"sh", "-c", "echo x >/scratch/file"}, withHost(func(h *container.HostConfig) { h.Tmpfs = map[string]string{"/scratch": ""} }))
	e.wait(id)
	_, err := e.CopyFromContainer(e.ctx, id, client.CopyFromContainerOptions{SourcePath: "/scratch/file"})
	if err == nil {
		t.Error("a tmpfs outlived its container's run")
	}
}
