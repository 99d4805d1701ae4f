package api

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/moby/moby/api/types"
)

// streamContext ends with the request or with the daemon.
func (s *Server) streamContext(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// Streams of the multiplexed format (Docker API, "Attach to a container", "Stream format").
const (
	streamStdout = 1
	streamStderr = 2
)

// muxWriter writes one stream of the multiplexed format: a header of 8 bytes before each piece.
type muxWriter struct {
	mu     *sync.Mutex // shared by the streams of one connection
	w      io.Writer
	stream byte
	buf    *[]byte
}

// newMux makes the writers for stdout and stderr over one connection.
func newMux(w io.Writer) (stdout, stderr io.Writer) {
	mu, buf := new(sync.Mutex), new([]byte)
	return muxWriter{mu, w, streamStdout, buf}, muxWriter{mu, w, streamStderr, buf}
}

func (m muxWriter) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := append((*m.buf)[:0], m.stream, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
	b = append(b, p...) // one write: one packet, and no torn header when the client goes
	*m.buf = b[:0]
	n, err := m.w.Write(b)
	return max(0, n-8), err
}

// hijack takes the connection over for a raw stream, and answers as the client asked: "101 UPGRADED" to an Upgrade
// header, else 200, with more headers if there are any.
func hijack(w http.ResponseWriter, r *http.Request, tty bool, more http.Header) (net.Conn, io.Reader, error) {
	contentType := types.MediaTypeRawStream
	if !tty && atLeast(r, "1.42") {
		contentType = types.MediaTypeMultiplexedStream
	}
	if r.ContentLength > 0 { // some clients send the options as a body, too: it is no input
		if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			return nil, nil, badRequest(fmt.Errorf("reading the request's body: %w", err))
		}
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("taking over the connection: %w", err)
	}
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + types.MediaTypeRawStream + "\r\n"
	if _, upgrade := r.Header["Upgrade"]; upgrade {
		head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: " + contentType + "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
	}
	var answer strings.Builder
	answer.WriteString(head)
	_ = more.Write(&answer) // a Builder takes everything
	answer.WriteString("\r\n")
	_, _ = io.WriteString(conn, answer.String()) // a client that has gone is noticed as any other
	var in io.Reader = conn
	if n := rw.Reader.Buffered(); n > 0 {
		b, _ := rw.Reader.Peek(n)
		in = io.MultiReader(strings.NewReader(string(b)), conn)
	}
	return conn, in, nil
}
