package api

import (
	"context"
	"io"
	"net/http"

	"github.com/coder/websocket"

	"github.com/sockerless/sockerless/daemon/container"
)

// attachWebsocket answers GET /containers/{id}/attach/ws: the container's streams as messages, never multiplexed. Unlike
// with dockerd, a browser is let in only by pages of the daemon's own host.
func (s *Server) attachWebsocket(w http.ResponseWriter, r *http.Request) error {
	opts := container.AttachOptions{
		Stdin: true, Stdout: true, Stderr: true, Stream: boolParam(r, "stream"), Logs: boolParam(r, "logs"),
		DetachKeys: r.Form.Get("detachKeys"),
	}
	if atLeast(r, "1.42") {
		opts.Stdin, opts.Stdout, opts.Stderr = boolParam(r, "stdin"), boolParam(r, "stdout"), boolParam(r, "stderr")
	}
	kind := websocket.MessageText
	if atLeast(r, "1.28") {
		kind = websocket.MessageBinary
	}
	var conn *websocket.Conn
	answered := false
	ctx, cancel := s.streamContext(r)
	defer cancel()
	err := s.backend.Containers.Attach(ctx, name(r), opts, func() (container.AttachStreams, error) {
		answered = true
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return container.AttachStreams{}, err // the client has been told
		}
		conn = c
		conn.SetReadLimit(-1) // messages are not kept whole
		stream := &socket{ctx: ctx, conn: conn, kind: kind}
		st := container.AttachStreams{Out: stream, Err: stream}
		if opts.Stdin {
			st.In = stream
		} else { // somebody must answer pings and see the end
			gone := conn.CloseRead(ctx)
			st.Hangup = func() { <-gone.Done() }
		}
		return st, nil
	})
	if conn != nil {
		if err != nil && ctx.Err() == nil {
			s.log.Debug("websocket ended", "container", name(r), "error", err)
		}
		conn.Close(websocket.StatusNormalClosure, "") // fails when the client has gone first
		return nil
	}
	if answered {
		return nil
	}
	return err
}

// socket is a connection's messages, of either kind, as a stream of bytes. One goroutine may read, others write.
type socket struct {
	ctx  context.Context
	conn *websocket.Conn
	kind websocket.MessageType // of what is written
	r    io.Reader             // of the message that is being read; nil between messages
}

func (s *socket) Read(p []byte) (int, error) {
	for {
		if s.r == nil {
			_, r, err := s.conn.Reader(s.ctx)
			if err != nil {
				return 0, err
			}
			s.r = r
		}
		n, err := s.r.Read(p)
		if err == io.EOF {
			s.r, err = nil, nil
			if n == 0 {
				continue
			}
		}
		return n, err
	}
}

func (s *socket) Write(p []byte) (int, error) {
	if err := s.conn.Write(s.ctx, s.kind, p); err != nil {
		return 0, err
	}
	return len(p), nil
}
