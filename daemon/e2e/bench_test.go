package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// beside runs a benchmark on our daemon, the real binary, and on dockerd where that can run. There it tells too how
// many times as long it took.
func beside(b *testing.B, f func(b *testing.B, e *engine)) {
	var ours float64 // nanoseconds an operation
	b.Run("sockerless", func(b *testing.B) {
		e := boot(b).connect(b)
		e.ctx = b.Context()     // as long as it takes
		e.run([]string{"true"}) // the userland is compiled
		f(b, e)
		ours = perOperation(b)
	})
	b.Run("dockerd", func(b *testing.B) {
		e := dockerd(b)
		e.ctx = b.Context()
		f(b, e)
		if ours > 0 {
			b.ReportMetric(perOperation(b)/ours, "times-sockerless")
		}
	})
}

func perOperation(b *testing.B) float64 { return float64(b.Elapsed().Nanoseconds()) / float64(b.N) }

// BenchmarkContainerLife is create, start, wait and remove through the API.
func BenchmarkContainerLife(b *testing.B) {
	beside(b, func(b *testing.B, e *engine) {
		for b.Loop() {
			created, err := e.ContainerCreate(e.ctx, client.ContainerCreateOptions{Config: &container.Config{Image: "alpine", Cmd: []string{"true"}}, HostConfig: noNetwork()})
			must(b, err)
			waiting := e.ContainerWait(e.ctx, created.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
			e.begin(created.ID)
			e.waitFor(waiting)
			_, err = e.ContainerRemove(e.ctx, created.ID, client.ContainerRemoveOptions{})
			must(b, err)
		}
	})
}

// BenchmarkExec is a command in a container that runs, with its output and exit code.
func BenchmarkExec(b *testing.B) {
	beside(b, func(b *testing.B, e *engine) {
		id := e.launch([]string{"sleep", "100000"})
		for b.Loop() {
			if r := e.exec(id, []string{"echo", "hi"}); r.stdout != "hi\n" {
				b.Fatalf("got %s", r)
			}
		}
	})
}

// BenchmarkCommand is one userland command started by a shell, without the API.
func BenchmarkCommand(b *testing.B) {
	beside(b, func(b *testing.B, e *engine) {
		id := e.launch([]string{"sleep", "100000"})
		b.ResetTimer()
		// The shell's start is in it once.
		if r := e.exec(id, []string{"sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do /bin/true; i=$((i+1)); done", b.N)}); r.code != 0 {
			b.Fatalf("got %s", r)
		}
	})
}

// BenchmarkShellLoop is a shell that runs 1,000 external commands with output.
func BenchmarkShellLoop(b *testing.B) {
	beside(b, func(b *testing.B, e *engine) {
		id := e.launch([]string{"sleep", "100000"})
		for b.Loop() {
			if r := e.exec(id, []string{"sh", "-c", "for i in $(seq 1000); do expr $i + 1 >/dev/null; done"}); r.code != 0 {
				b.Fatalf("got %s", r)
			}
		}
	})
}

// BenchmarkPipe is a gigabyte through a pipe between two programs.
func BenchmarkPipe(b *testing.B) {
	beside(b, func(b *testing.B, e *engine) {
		id := e.launch([]string{"sleep", "100000"})
		b.SetBytes(1000 << 20)
		for b.Loop() {
			if r := e.exec(id, []string{"sh", "-c", "dd if=/dev/zero bs=1M count=1000 2>/dev/null | cat >/dev/null"}); r.code != 0 {
				b.Fatalf("got %s", r)
			}
		}
	})
}

// BenchmarkIdleContainer is what the daemon grows by for a container that sleeps, in bytes of resident memory.
func BenchmarkIdleContainer(b *testing.B) {
	const count = 200
	p := boot(b)
	e := p.connect(b)
	e.ctx = b.Context()
	e.run([]string{"true"})
	sleep := func() { e.launch([]string{"sleep", "100000"}) }
	for range 20 { // what the first ones need for all
		sleep()
	}
	before := residentMemory(b, p.cmd.Process.Pid)
	for b.Loop() {
		for range count {
			sleep()
		}
	}
	grown := residentMemory(b, p.cmd.Process.Pid) - before
	b.ReportMetric(float64(grown)/float64(count*b.N), "bytes/container")
}

// residentMemory is the memory that a process takes, in bytes: its proportional set size (proc_pid_smaps(5)). The
// resident set size counts the pages of a program's template, which containers share, for each anew.
func residentMemory(t testing.TB, pid int) int64 {
	t.Helper()
	rollup, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		t.Skipf("not measured: %v", err)
	}
	_, rest, _ := strings.Cut(string(rollup), "Pss:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	must(t, err)
	return kib << 10
}

// BenchmarkDaemonStart is the binary's start up to the answer to the first GET /_ping, with the programs compiled.
func BenchmarkDaemonStart(b *testing.B) {
	dir := shortDir(b)
	first := bootIn(b, dir)
	first.connect(b).run([]string{"true"})
	first.kill(syscall.SIGTERM)
	for b.Loop() {
		p := launchBinary(b, dir, nil, "-H", "unix://"+filepath.Join(dir, "s"))
		ping(b, filepath.Join(dir, "s"))
		b.StopTimer()
		p.kill(syscall.SIGTERM)
		b.StartTimer()
	}
}

// ping asks on a socket until it is answered.
func ping(t testing.TB, path string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	defer c.CloseIdleConnections()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		resp, err := c.Get("http://sockerless/_ping")
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// BenchmarkLives is create, start, wait and remove by eight clients at once.
func BenchmarkLives(b *testing.B) {
	beside(b, func(b *testing.B, e *engine) {
		b.SetParallelism(4) // for each of the two CPUs that CI has
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				created, err := e.ContainerCreate(e.ctx, client.ContainerCreateOptions{Config: &container.Config{Image: "alpine", Cmd: []string{"true"}}, HostConfig: noNetwork()})
				must(b, err)
				waiting := e.ContainerWait(e.ctx, created.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
				e.begin(created.ID)
				e.waitFor(waiting)
				_, err = e.ContainerRemove(e.ctx, created.ID, client.ContainerRemoveOptions{})
				must(b, err)
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lives/s")
	})
}

// BenchmarkList is GET /containers/json with 1,000 containers.
func BenchmarkList(b *testing.B) {
	e := boot(b).connect(b)
	e.ctx = b.Context()
	for range 1000 {
		_, err := e.ContainerCreate(e.ctx, client.ContainerCreateOptions{Config: &container.Config{Image: "alpine", Cmd: []string{"true"}}, HostConfig: noNetwork()})
		must(b, err)
	}
	for b.Loop() {
		list, err := e.ContainerList(e.ctx, client.ContainerListOptions{All: true})
		must(b, err)
		if len(list.Items) != 1000 {
			b.Fatalf("%d containers", len(list.Items))
		}
	}
}

// BenchmarkAttach is what a container writes, as fast as it can, to an attached client.
func BenchmarkAttach(b *testing.B) {
	const size = 256 << 20
	beside(b, func(b *testing.B, e *engine) {
		b.SetBytes(size)
		for b.Loop() {
			created, err := e.ContainerCreate(e.ctx, client.ContainerCreateOptions{Config: &container.Config{
				Image: "alpine", Cmd: []string{"dd", "if=/dev/zero", "bs=64k", fmt.Sprintf("count=%d", size>>16)},
			}, HostConfig: &container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}}})
			must(b, err)
			conn, err := e.ContainerAttach(e.ctx, created.ID, client.ContainerAttachOptions{Stream: true, Stdout: true})
			must(b, err)
			e.begin(created.ID)
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn.Reader}, make([]byte, 1<<20)); err != nil || n < size {
				b.Fatalf("%d bytes, %v", n, err)
			}
			conn.Close()
			_, err = e.ContainerRemove(e.ctx, created.ID, client.ContainerRemoveOptions{Force: true})
			must(b, err)
		}
	})
}

// BenchmarkFollowLogs is a log of lines of 100 bytes, read by docker logs -f.
func BenchmarkFollowLogs(b *testing.B) {
	const lines = 500_000
	for _, driver := range []string{"json-file", "local"} {
		b.Run(driver, func(b *testing.B) {
			beside(b, func(b *testing.B, e *engine) {
				id := e.launch([]string{"sh", "-c", fmt.Sprintf("yes %s | head -n %d", strings.Repeat("x", 99), lines)},
					logged(driver, "max-size", "500m", "max-file", "1", "compress", "false"))
				e.wait(id)
				b.SetBytes(lines * 100)
				for b.Loop() {
					r, err := e.ContainerLogs(e.ctx, id, client.ContainerLogsOptions{ShowStdout: true, Follow: true})
					must(b, err)
					if n, err := io.Copy(io.Discard, r); err != nil || n < lines*100 {
						b.Fatalf("%d bytes, %v", n, err)
					}
					r.Close()
				}
			})
		})
	}
}
