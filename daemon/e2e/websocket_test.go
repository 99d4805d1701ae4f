package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// dialWS opens a websocket of a daemon.
func (e *engine) dialWS(path string, header http.Header) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(e.ctx, "ws://docker"+path, &websocket.DialOptions{HTTPHeader: header, HTTPClient: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(e.host, "unix://"))
		},
	}}})
}

func TestWebsocketsCarryBothWaysInTheFramesOfTheirVersion(t *testing.T) {
	t.Parallel()
	e := shared(t)
	for version, want := range map[string]websocket.MessageType{"/v1.27": websocket.MessageText, "/v1.41": websocket.MessageBinary, "": websocket.MessageBinary} {
		id := e.create([]string{"sh", "-c", "read x; echo got $x; echo err >&2; read y; exit 3"}, withStdin)
		conn, _, err := e.dialWS(version+"/containers/"+id+"/attach/ws?stream=1&stdin=1&stdout=1&stderr=1", nil)
		must(t, err)
		defer conn.CloseNow()
		e.begin(id)
		must(t, conn.Write(e.ctx, websocket.MessageText, []byte("hel"))) // either kind is taken, in any pieces
		must(t, conn.Write(e.ctx, websocket.MessageBinary, []byte("lo\n")))
		var got strings.Builder
		for strings.Count(got.String(), "\n") < 2 {
			kind, b, err := conn.Read(e.ctx)
			must(t, err)
			if kind != want {
				t.Errorf("%s: a message of kind %v", version, kind)
			}
			got.Write(b)
		}
		if got.String() != "got hello\nerr\n" {
			t.Errorf("%s: got %q", version, got.String())
		}
		must(t, conn.Write(e.ctx, websocket.MessageText, []byte("end\n")))
		if _, _, err := conn.Read(e.ctx); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("%s: after the end %v", version, err)
		}
		if code := e.wait(id); code != 3 {
			t.Errorf("exit code %d", code)
		}
	}
}

func TestWebsocketsAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.create([]string{"true"})
	if a := e.request("GET", "/containers/ghost/attach/ws?stream=1", ""); a.status != 404 || a.message() != "No such container: ghost" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.request("GET", "/containers/"+id+"/attach/ws?stream=1&detachKeys=frob", ""); a.status != 400 || a.message() != "Invalid detach keys (frob) provided" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := e.request("GET", "/containers/"+id+"/attach/ws?stream=1&stdout=1", ""); a.status != 426 {
		t.Errorf("no websocket: %d %s", a.status, a.body)
	}
	_, resp, err := e.dialWS("/containers/"+id+"/attach/ws?stream=1&stdout=1", http.Header{"Origin": {"http://elsewhere.example"}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a page from elsewhere: %v", err)
	}
}

func TestDetachKeysLeaveAWebsocketAndTheContainerRuns(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"cat"}, withTTY)
	conn, _, err := e.dialWS("/containers/"+id+"/attach/ws?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x,q", nil)
	must(t, err)
	defer conn.CloseNow()
	must(t, conn.Write(e.ctx, websocket.MessageBinary, []byte{24, 'q'}))
	for err == nil {
		_, _, err = conn.Read(e.ctx)
	}
	if websocket.CloseStatus(err) != websocket.StatusNormalClosure && err != io.EOF {
		t.Errorf("got %v", err)
	}
	if !e.state(id).Running {
		t.Error("the container has ended")
	}
}
