package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/sockerless/sockerless/daemon"
)

func TestLogsKeepBothStreamsWithTimesTailAndSince(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sh", "-c", "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done; printf unended"})
	e.wait(id)
	read := func(o client.ContainerLogsOptions) (string, string) {
		t.Helper()
		r, err := e.ContainerLogs(e.ctx, id, o)
		must(t, err)
		defer r.Close()
		var out, errs bytes.Buffer
		_, err = stdcopy.StdCopy(&out, &errs, r)
		must(t, err)
		return out.String(), errs.String()
	}
	out, errs := read(client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if out != "out1\nout2\nout3\nout4\nout5\nunended" || errs != "err1\nerr2\nerr3\nerr4\nerr5\n" {
		t.Errorf("got %q %q", out, errs)
	}
	if out, errs = read(client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "2"}); out != "unended" || errs != "err5\n" {
		t.Errorf("tail: got %q %q", out, errs)
	}
	out, _ = read(client.ContainerLogsOptions{ShowStdout: true, Timestamps: true, Tail: "1"})
	stamp, line, _ := strings.Cut(out, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil || line != "unended" || time.Since(at) > patience {
		t.Errorf("timestamps: got %q (%v)", out, err)
	}
	if out, _ = read(client.ContainerLogsOptions{ShowStdout: true, Since: fmt.Sprint(time.Now().Add(time.Hour).Unix())}); out != "" {
		t.Errorf("since the future: got %q", out)
	}
	if out, _ = read(client.ContainerLogsOptions{ShowStdout: true, Until: "1"}); out != "" {
		t.Errorf("until the past: got %q", out)
	}
}

func TestFollowedLogsComeAsTheyAreWrittenAndEndWithTheContainer(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sh", "-c", "echo before; while [ ! -e /go ]; do sleep 0.02; done; echo after"})
	e.printed(id, "before")
	r, err := e.ContainerLogs(e.ctx, id, client.ContainerLogsOptions{ShowStdout: true, Follow: true})
	must(t, err)
	defer r.Close()
	pr, pw := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(pw, io.Discard, r)
		pw.CloseWithError(err)
	}()
	lines := bufio.NewScanner(pr)
	if !lines.Scan() || lines.Text() != "before" {
		t.Errorf("got %q", lines.Text())
	}
	e.exec(id, []string{"touch", "/go"})
	if !lines.Scan() || lines.Text() != "after" {
		t.Errorf("got %q", lines.Text())
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("then %q, %v", lines.Text(), lines.Err())
	}
}

func TestAttachingShowsTheLogFirstWhenAsked(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sh", "-c", "echo early; while [ ! -e /go ]; do sleep 0.02; done; echo late"})
	e.printed(id, "early")
	conn, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Logs: true, Stream: true, Stdout: true})
	must(t, err)
	defer conn.Close()
	e.exec(id, []string{"touch", "/go"})
	var out bytes.Buffer
	_, err = stdcopy.StdCopy(&out, io.Discard, conn.Reader)
	must(t, err)
	if out.String() != "early\nlate\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestHundredMegabytesGoThroughAttachAndLogsWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100 MB")
	}
	t.Parallel()
	e := shared(t)
	const size = 100 << 20
	id := e.create([]string{"sh", "-c", "yes 'a line of thirty-one characters' | head -c " + fmt.Sprint(size)})
	conn, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	must(t, err)
	defer conn.Close()
	e.begin(id)
	attached := &lineCount{}
	_, err = stdcopy.StdCopy(attached, io.Discard, conn.Reader)
	must(t, err)
	e.wait(id)
	r, err := e.ContainerLogs(e.ctx, id, client.ContainerLogsOptions{ShowStdout: true})
	must(t, err)
	defer r.Close()
	logged := &lineCount{}
	_, err = stdcopy.StdCopy(logged, io.Discard, r)
	must(t, err)
	for name, c := range map[string]*lineCount{"attach": attached, "logs": logged} {
		if c.bytes != size || c.lines != size/32 {
			t.Errorf("%s gave %d bytes, %d lines of %d, %d", name, c.bytes, c.lines, size, size/32)
		}
	}
}

type lineCount struct{ bytes, lines int }

func (c *lineCount) Write(p []byte) (int, error) {
	c.bytes += len(p)
	c.lines += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

func TestTwoClientsAttachedSeeTheSame(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"sh", "-c", "seq 1 5000"})
	var outs [2]bytes.Buffer
	done := make(chan error, 2)
	for i := range outs {
		conn, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Stream: true, Stdout: true})
		must(t, err)
		defer conn.Close()
		go func() {
			_, err := stdcopy.StdCopy(&outs[i], io.Discard, conn.Reader)
			done <- err
		}()
	}
	e.begin(id)
	for range outs {
		must(t, <-done)
	}
	if !strings.HasSuffix(outs[0].String(), "\n4999\n5000\n") || outs[0].String() != outs[1].String() {
		t.Errorf("got %d and %d bytes", outs[0].Len(), outs[1].Len())
	}
}

// A client that goes away in mid-stream must leave nothing behind in the daemon.
func TestClientsThatHangUpLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	b := boot(t)
	e := b.connect(t)
	id := e.launch([]string{"sh", "-c", "while :; do echo tick; sleep 0.01; done"})
	quiet := e.launch([]string{"sleep", "1000"}, withStdin, withConfig(func(c *container.Config) { c.StdinOnce = false }))
	e.exec(quiet, []string{"dd", "if=/dev/zero", "of=/big", "bs=1M", "count=64"})
	e.printed(id, "tick")
	asked := make(chan struct{}, 100)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		asked <- struct{}{}
		<-r.Context().Done() // it never answers
	}))
	defer registry.Close()
	goroutines := func() int {
		info, err := e.Info(e.ctx, client.InfoOptions{})
		must(t, err)
		return info.Info.NGoroutines
	}
	base := goroutines()
	listeners := func() int {
		info, err := e.Info(e.ctx, client.InfoOptions{})
		must(t, err)
		return info.Info.NEventsListener
	}
	own := listeners() // of the daemon itself
	for range 5 {
		ctx, cancel := context.WithCancel(e.ctx)
		follow, err := e.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, Follow: true})
		must(t, err)
		_, err = io.ReadFull(follow, make([]byte, 13))
		must(t, err)
		idle, err := e.ContainerLogs(ctx, quiet, client.ContainerLogsOptions{ShowStdout: true, Follow: true})
		must(t, err)
		conn, err := e.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdout: true})
		must(t, err)
		_, err = io.ReadFull(conn.Reader, make([]byte, 13))
		must(t, err)
		stdin, err := e.ContainerAttach(ctx, quiet, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true})
		must(t, err)
		_, err = stdin.Conn.Write([]byte("nobody reads this"))
		must(t, err)
		x, err := e.ExecCreate(ctx, quiet, client.ExecCreateOptions{Cmd: []string{"sh", "-c", "yes | head -c 100000000"}, AttachStdout: true})
		must(t, err)
		xconn, err := e.ExecAttach(ctx, x.ID, client.ExecAttachOptions{})
		must(t, err)
		_, err = io.ReadFull(xconn.Reader, make([]byte, 100))
		must(t, err)
		ev := e.Events(ctx, client.EventsListOptions{})
		stats, err := e.ContainerStats(ctx, id, client.ContainerStatsOptions{Stream: true})
		must(t, err)
		tar, err := e.CopyFromContainer(ctx, quiet, client.CopyFromContainerOptions{SourcePath: "/big"})
		must(t, err)
		_, err = io.ReadFull(tar.Content, make([]byte, 1000))
		must(t, err)
		waiting := e.ContainerWait(ctx, quiet, client.ContainerWaitOptions{})
		put, writer := io.Pipe()
		go func() {
			_, _ = e.CopyToContainer(ctx, quiet, client.CopyToContainerOptions{DestinationPath: "/", Content: put})
		}()
		_, err = writer.Write(make([]byte, 100))
		must(t, err)

		pulling := make(chan struct{})
		go func() {
			defer close(pulling)
			if r, err := e.ImagePull(ctx, registry.Listener.Addr().String()+"/slow/image", client.ImagePullOptions{}); err == nil {
				_ = r.Wait(ctx)
				r.Close()
			}
		}()
		<-asked

		cancel()
		<-pulling
		conn.Close()
		stdin.Close()
		xconn.Close()
		follow.Close()
		idle.Close()
		stats.Body.Close()
		tar.Content.Close()
		writer.CloseWithError(io.ErrUnexpectedEOF)
		<-ev.Err
		<-waiting.Error
	}
	eventually(t, "the goroutines of the streams end", func() bool { return goroutines() <= base+2 })
	eventually(t, "the programs that wrote to nobody end", func() bool {
		top, err := e.ContainerTop(e.ctx, quiet, client.ContainerTopOptions{})
		must(t, err)
		return len(top.Processes) == 1
	})
	eventually(t, "the listeners to events end", func() bool { return listeners() <= own })
	if !e.state(id).Running || !e.state(quiet).Running {
		t.Error("a hung up client took its container with it")
	}
}

func TestClientThatDoesNotReadKeepsNobodyFromKillingTheContainer(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"yes", strings.Repeat("x", 1000)})
	conn, err := e.ContainerAttach(e.ctx, id, client.ContainerAttachOptions{Stream: true, Stdout: true})
	must(t, err)
	defer conn.Close()
	e.begin(id)
	_, err = io.ReadFull(conn.Reader, make([]byte, 1<<20))
	must(t, err)
	check(t, e.exec(id, []string{"echo", "answers"}), "answers\n", 0)
	_, err = e.ContainerStop(e.ctx, id, stopAfter(0))
	must(t, err)
	if code := e.wait(id); code != 137 {
		t.Errorf("exit code %d", code)
	}
}

func TestManyContainersAtOnceKeepTheirOutputsApart(t *testing.T) {
	t.Parallel()
	e := start(t, daemon.Config{})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 3 {
				want := fmt.Sprintf("%d-%d\n500\n", i, j)
				check(t, e.sh(fmt.Sprintf("echo %d-%d; seq 1 500 | sort -rn | head -1", i, j)), want, 0)
			}
		})
	}
	wg.Wait()
	list, err := e.ContainerList(e.ctx, client.ContainerListOptions{})
	must(t, err)
	if len(list.Items) != 0 {
		t.Errorf("%d containers still run", len(list.Items))
	}
}
