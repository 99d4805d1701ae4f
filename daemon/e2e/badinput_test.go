package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// footprint is what a daemon holds while nothing goes on.
type footprint struct {
	fds, goroutines int
	files           int // in its directory
}

// footprint asks a daemon that runs in a process of its own, with its files in dir.
func (e *engine) footprint(dir string) footprint {
	e.t.Helper()
	_ = e.Close() // idle connections count
	r, err := e.Info(e.ctx, client.InfoOptions{})
	must(e.t, err)
	f := footprint{fds: r.Info.NFd, goroutines: r.Info.NGoroutines}
	must(e.t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			f.files++
		}
		return nil // files come and go
	}))
	return f
}

// leavesNothing runs something against a daemon and compares what the daemon holds before and after.
func (e *engine) leavesNothing(dir string, something func()) {
	e.t.Helper()
	something() // what is made once and kept: caches, pools
	settled := e.footprint(dir)
	eventually(e.t, "the daemon has settled", func() bool {
		time.Sleep(20 * time.Millisecond)
		last := settled
		settled = e.footprint(dir)
		return settled == last
	})
	for range 3 {
		something()
	}
	var now footprint
	eventually(e.t, fmt.Sprintf("the daemon holds no more than before (%+v); now %+v", settled, now), func() bool {
		now = e.footprint(dir)
		return now.fds <= settled.fds && now.goroutines <= settled.goroutines && now.files <= settled.files
	})
}

// raw sends bytes to a daemon and reads until it closes the connection, or has been quiet for a while.
func (e *engine) raw(data string, quiet time.Duration) string {
	e.t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(e.host, "unix://"))
	must(e.t, err)
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, data) }()
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(quiet))
		n, err := conn.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

// Requests that no client library makes, and the status lines that dockerd gives them.
var rawRequests = []struct{ name, data, status string }{
	{"HTTP/1.0", "GET /_ping HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
	{"no host", "GET /_ping HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request: missing required Host header"},
	{"unknown version", "GET /_ping HTTP/9.9\r\nHost: d\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported: unsupported protocol version"},
	{"unknown method", "FROB /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 Not Found"},
	{"negative length", "POST /volumes/create HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
	{"two lengths", "POST /volumes/create HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400 Bad Request"},
	{"unknown encoding", "POST /volumes/create HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 Not Implemented"},
	{"garbage for a chunk", "POST /volumes/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "HTTP/1.1 400 Bad Request"},
	{"NUL in the path", "GET /\x00 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 Bad Request"},
	{"NUL in a header", "GET /_ping HTTP/1.1\r\nHost: d\r\nX: a\x00b\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 Bad Request"},
	{"absolute address", "GET http://x/_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
	{"CONNECT", "CONNECT x:1 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", "HTTP/1.1 301 Moved Permanently"},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK"},
	{"a path that leads out", "GET /containers/%2e%2e%2fx/json HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", "HTTP/1.1 301 Moved Permanently"},
	{"a huge header", "GET /_ping HTTP/1.1\r\nHost: d\r\nX: " + strings.Repeat("a", 2<<20) + "\r\n\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
}

func TestRawRequestsAreAnsweredAsDockerdDoes(t *testing.T) {
	t.Parallel()
	engines := map[string]*engine{"ours": shared(t)}
	if host, err := peer(); err == nil {
		if e := dial(t, host); e.request("GET", "/_ping", "").header.Get("Api-Version") == "1.56" {
			engines["dockerd"] = e
		}
	}
	for name, e := range engines {
		for _, c := range rawRequests {
			got, _, _ := strings.Cut(e.raw(c.data, 10*time.Second), "\r\n")
			if got != c.status && got != "" { // a connection that is reset loses the answer
				t.Errorf("%s, %s: %q, want %q", name, c.name, got, c.status)
			}
		}
		pipelined := e.raw("GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /nope HTTP/1.1\r\nHost: d\r\n\r\nGET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", 10*time.Second)
		r := bufio.NewReader(strings.NewReader(pipelined))
		for _, want := range []int{200, 404, 200} {
			resp, err := http.ReadResponse(r, nil)
			must(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode != want {
				t.Errorf("%s: pipelined requests: %d, want %d", name, resp.StatusCode, want)
			}
		}
	}
}

func TestHTTP2WithoutTLSIsSpoken(t *testing.T) {
	t.Parallel()
	e := shared(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	c := &http.Client{Transport: &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(e.host, "unix://"))
	}}}
	defer c.CloseIdleConnections()
	resp, err := c.Get("http://docker/containers/json")
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("%s, HTTP/%d", resp.Status, resp.ProtoMajor)
	}
	// A stream needs a connection of its own, which HTTP/2 has not.
	id := e.launch([]string{"sleep", "1000"})
	resp, err = c.Post("http://docker/containers/"+id+"/attach?stream=1&stdout=1", "", nil)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("attach: %s", resp.Status)
	}
}

// goType are the names that Go's decoder tells of.
var goType = regexp.MustCompile(`of type [\w.]+`)

// Bodies that are no JSON, or not the JSON that is wanted.
var badBodies = []struct{ name, body, contentType, message string }{
	{"unfinished", `{"Name":`, "application/json", "invalid JSON: unexpected EOF"},
	{"no JSON", `hello`, "application/json", "invalid JSON: invalid character 'h' looking for beginning of value"},
	{"an array", `[]`, "application/json", "invalid JSON: json: cannot unmarshal array into Go value of type"},
	{"garbage behind", `{} {}`, "application/json", "unexpected content after JSON"},
	{"spaces", `   `, "application/json", "invalid JSON: got EOF while reading request body"},
	{"deep", strings.Repeat(`{"a":`, 20000), "application/json", "invalid JSON: "},
	{"another type", `{}`, "text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'"},
	{"no type", `{}`, " ", "malformed Content-Type header (): mime: no media type"},
	{"broken type", `{}`, "application/json;;", "malformed Content-Type header (application/json;;): mime: invalid media parameter"},
	{"broken UTF-16", `{"Name":"\ud800"`, "application/json", "invalid JSON: unexpected EOF"},
}

func TestBadBodiesAreRefusedAsDockerdDoes(t *testing.T) {
	t.Parallel()
	ours := shared(t)
	id := ours.launch([]string{"sleep", "1000"})
	var theirs *engine
	if host, err := peer(); err == nil {
		if e := dial(t, host); e.request("GET", "/_ping", "").header.Get("Api-Version") == "1.56" {
			theirs = e
		}
	}
	paths := []string{"/containers/create", "/containers/" + id + "/update", "/containers/" + id + "/exec", "/exec/x/start",
		"/volumes/create", "/services/create", "/secrets/create", "/configs/create", "/swarm/init"}
	for _, path := range paths {
		for _, b := range badBodies {
			got := ours.request("POST", path, b.body, "Content-Type", b.contentType)
			if got.status != 400 || !strings.HasPrefix(got.message(), b.message) {
				t.Errorf("%s, %s: %d %s, want %q", path, b.name, got.status, clip(got.body), b.message)
			}
			if theirs == nil {
				continue
			}
			them := theirs.request("POST", path, b.body, "Content-Type", b.contentType)
			if a, z := goType.ReplaceAllString(got.message(), "TYPE"), goType.ReplaceAllString(them.message(), "TYPE"); got.status != them.status || a != z && b.name != "spaces" {
				t.Errorf("%s, %s:\nours    %d %s\ndockerd %d %s", path, b.name, got.status, clip(got.body), them.status, clip(them.body))
			}
		}
	}
	huge := ours.request("POST", "/volumes/create", `{"Name":"`+strings.Repeat("a", 9<<20)+`"}`)
	if huge.status != 413 || huge.message() != "invalid JSON: http: request body too large" {
		t.Errorf("a body of 9 MB: %d %s", huge.status, clip(huge.body))
	}
}

func TestClientsThatMisbehaveLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	p := bootIn(t, dir)
	e := p.connect(t)
	id := e.launch([]string{"sh", "-c", "yes | head -c 3000000; exec sleep 1000"})
	path := strings.TrimPrefix(e.host, "unix://")
	e.leavesNothing(dir, func() {
		var conns []net.Conn
		for _, start := range []string{
			"", "GET /_pi", "GET /_ping HTTP/1.1\r\nHost:",
			"POST /volumes/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
			"POST /volumes/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
			"GET /events HTTP/1.1\r\nHost: d\r\n\r\n",
			"GET /containers/" + id + "/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n", // never read
			"GET /containers/" + id + "/stats HTTP/1.1\r\nHost: d\r\n\r\n",
			"POST /containers/" + id + "/attach?stream=1&logs=1&stdout=1&stdin=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
			"POST /containers/" + id + "/wait HTTP/1.1\r\nHost: d\r\n\r\n",
			"PUT /containers/" + id + "/archive?path=/tmp HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 600),
			"GET /containers/" + id + "/archive?path=/bin HTTP/1.1\r\nHost: d\r\n\r\n",
			"POST /images/create?fromImage=127.0.0.1:1/x HTTP/1.1\r\nHost: d\r\n\r\n",
			"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n",
		} {
			conn, err := net.Dial("unix", path)
			must(t, err)
			_, err = io.WriteString(conn, start)
			must(t, err)
			conns = append(conns, conn)
		}
		// The daemon answers others meanwhile.
		if got := e.exec(id, []string{"echo", "alive"}); got.stdout != "alive\n" {
			t.Errorf("got %s", got)
		}
		for _, conn := range conns {
			conn.Close()
		}
		for i := range 50 {
			_ = e.raw(fmt.Sprintf("GET /containers/%d/json HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n", i), patience)
		}
		check(t, e.run([]string{"true"}), "", 0)
	})
}

func TestABodyOfAttachIsNoInput(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"cat"}, withStdin)
	conn, err := net.Dial("unix", strings.TrimPrefix(e.host, "unix://"))
	must(t, err)
	defer conn.Close()
	body := `{"stdin":true}`
	_, err = fmt.Fprintf(conn, "POST /containers/%s/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n%sinput\n", id, len(body), body)
	must(t, err)
	must(t, conn.(*net.UnixConn).CloseWrite())
	got, err := io.ReadAll(conn)
	must(t, err)
	if _, stream, _ := strings.Cut(string(got), "\r\n\r\n"); !strings.HasSuffix(stream, "\x00\x06input\n") || strings.Contains(stream, "stdin") {
		t.Errorf("got %q", got)
	}
}
