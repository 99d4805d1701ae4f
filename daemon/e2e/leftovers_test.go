package e2e

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// leftovers are what a daemon holds. A client that has gone must leave none behind.
type leftovers struct {
	goroutines, listeners int
	fds                   []string // on sockets, pipes and files that nothing else keeps open: layers are shared
	files                 []string // under the data root
}

// holds counts what a daemon of its own process holds.
func (p *process) holds(e *engine) leftovers {
	p.t.Helper()
	info, err := e.Info(e.ctx, client.InfoOptions{})
	must(p.t, err)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	must(p.t, err)
	l := leftovers{goroutines: info.Info.NGoroutines, listeners: info.Info.NEventsListener}
	for _, fd := range fds {
		to, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "fd", fd.Name()))
		if strings.HasPrefix(to, "socket:") || strings.HasPrefix(to, "pipe:") || strings.HasPrefix(to, p.dir) && !strings.HasSuffix(to, ".tar") {
			l.fds = append(l.fds, to)
		}
	}
	must(p.t, filepath.WalkDir(filepath.Join(p.dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !d.IsDir() {
			l.files = append(l.files, path)
		}
		return err
	}))
	return l
}

// leavesNothing runs f and waits until the daemon holds no more than before it. What is opened once and kept, such as
// connections of clients, has to be there before.
func (p *process) leavesNothing(e *engine, f func()) {
	p.t.Helper()
	before := p.holds(e)
	f()
	var after leftovers
	defer func() {
		if p.t.Failed() {
			p.t.Logf("before %d %q\nafter %d %q", before.goroutines, before.fds, after.goroutines, after.fds)
		}
	}()
	eventually(p.t, "what clients have left behind goes", func() bool {
		after = p.holds(e)
		return after.goroutines <= before.goroutines+2 && len(after.fds) <= len(before.fds)+1 && after.listeners <= before.listeners && len(after.files) <= len(before.files)
	})
}

// A client may vanish whatever it is doing: each of these sends something, reads the beginning of the answer if there is
// one, and closes the connection.
func TestClientsThatVanishAtAnyStepLeaveNothingBehind(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("needs /proc")
	}
	t.Parallel()
	p := boot(t)
	e := p.connect(t)
	id := e.launch([]string{"cat"}, withStdin, withConfig(noStdinOnce))
	once := e.launch([]string{"sleep", "1000"}, withStdin)
	e.exec(id, []string{"dd", "if=/dev/zero", "of=/big", "bs=1M", "count=8"})
	post := func(path, body string, headers ...string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", path, len(body), strings.Join(append(headers, ""), "\r\n"), body)
	}
	get := func(path string, headers ...string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: d\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
	}
	upgrade := []string{"Connection: Upgrade", "Upgrade: tcp"}
	ws := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="}
	exec := func(body string) string {
		a := e.request("POST", "/containers/"+id+"/exec", body)
		return "/exec/" + strings.Split(a.body, `"`)[3] + "/start"
	}
	for _, c := range []struct {
		name, request string
		answered      bool
		halfClose     bool
	}{
		{name: "nothing sent"},
		{name: "half a request line", request: "POST /contai"},
		{name: "half the header", request: "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Le"},
		{name: "half a body", request: "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"Image\":"},
		{name: "half an archive", request: "PUT /containers/" + id + "/archive?path=/tmp HTTP/1.1\r\nHost: d\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 300)},
		{name: "half a commit", request: "POST /commit?container=" + id + " HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"},
		{name: "attach, output only", request: post("/containers/"+id+"/attach?stream=1&stdout=1", "", upgrade...), answered: true},
		{name: "attach, no upgrade", request: post("/containers/"+id+"/attach?stream=1&stdout=1&stderr=1", ""), answered: true},
		{name: "attach with input", request: post("/containers/"+id+"/attach?stream=1&stdin=1&stdout=1", "", upgrade...), answered: true},
		{name: "attach with half an input", request: post("/containers/"+once+"/attach?stream=1&stdin=1&stdout=1", "", upgrade...), answered: true, halfClose: true},
		{name: "attach without reading the answer", request: post("/containers/"+id+"/attach?stream=1&stdin=1&stdout=1", "", upgrade...)},
		{name: "websocket", request: get("/containers/"+id+"/attach/ws?stream=1&stdin=1&stdout=1", ws...), answered: true},
		{name: "websocket, output only", request: get("/containers/"+id+"/attach/ws?stream=1&stdout=1", ws...), answered: true},
		{name: "exec with input", request: post(exec(`{"Cmd":["cat"],"AttachStdin":true,"AttachStdout":true}`), `{}`, upgrade...), answered: true},
		{name: "exec that writes", request: post(exec(`{"Cmd":["yes"],"AttachStdout":true}`), `{}`, upgrade...), answered: true},
		{name: "logs", request: get("/containers/" + id + "/logs?follow=1&stdout=1"), answered: true},
		{name: "archive that nobody reads", request: get("/containers/" + id + "/archive?path=/big"), answered: true},
		{name: "export that nobody reads", request: get("/containers/" + id + "/export"), answered: true},
		{name: "events", request: get("/events"), answered: true},
		{name: "wait", request: post("/containers/"+id+"/wait", ""), answered: true},
		{name: "stats", request: get("/containers/" + id + "/stats"), answered: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.t, e.t = t, t
			p.leavesNothing(e, func() {
				for range 3 {
					conn, err := net.Dial("unix", strings.TrimPrefix(e.host, "unix://"))
					must(t, err)
					_, err = conn.Write([]byte(c.request))
					must(t, err)
					if c.answered {
						resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
						must(t, err)
						if resp.StatusCode >= 300 {
							if strings.HasPrefix(c.name, "exec") && resp.StatusCode == http.StatusConflict {
								conn.Close() // the first of the three has started it
								continue
							}
							t.Fatalf("status %s", resp.Status)
						}
					}
					if c.halfClose {
						must(t, conn.(*net.UnixConn).CloseWrite())
					}
					conn.Close()
				}
			})
		})
	}
	p.t, e.t = t, t
	if !e.state(id).Running || !e.state(once).Running {
		t.Error("a client that vanished took its container with it")
	}
}

// hijack opens a stream by hand; the connection is at its first byte.
func (e *engine) hijack(path, body string, upgrade bool) (io.ReadCloser, *http.Response) {
	e.t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(e.host, "unix://"))
	must(e.t, err)
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, len(body))
	if upgrade {
		head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
	}
	_, err = io.WriteString(conn, head+"\r\n"+body)
	must(e.t, err)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	must(e.t, err)
	return struct {
		io.Reader
		io.Closer
	}{r, conn}, resp
}
