package api

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/moby/moby/api/types/common"
	containertypes "github.com/moby/moby/api/types/container"

	"github.com/sockerless/sockerless/daemon/container"
)

func (s *Server) execRoutes() {
	s.handle("POST", "/containers/{name:.+}/exec", s.createExec)
	s.handle("POST", "/exec/{id}/start", s.startExec)
	s.handle("POST", "/exec/{id}/resize", s.resizeExec)
	s.handle("GET", "/exec/{id}/json", s.inspectExec)
}

// createExec answers POST /containers/{id}/exec.
func (s *Server) createExec(w http.ResponseWriter, r *http.Request) error {
	var req containertypes.ExecCreateRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	if !atLeast(r, "1.42") {
		req.ConsoleSize = nil
	}
	if len(req.Cmd) == 0 {
		return badRequest(errors.New("No exec command specified"))
	}
	id, err := s.backend.Containers.ExecCreate(r.Context(), name(r), &req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, common.IDResponse{ID: id})
}

// startExec answers POST /exec/{id}/start: a stream, unless detached.
func (s *Server) startExec(w http.ResponseWriter, r *http.Request) error {
	var req containertypes.ExecStartRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	if !req.Tty || !atLeast(r, "1.42") {
		req.ConsoleSize = nil
	}
	opts := container.ExecStartOptions{Detach: req.Detach, ConsoleSize: req.ConsoleSize}
	var conn net.Conn
	var stdout io.Writer
	ctx, cancel := s.streamContext(r)
	defer cancel()
	err := s.backend.Containers.ExecStart(ctx, mux.Vars(r)["id"], opts, func() (container.AttachStreams, error) {
		c, in, err := hijack(w, r, req.Tty, w.Header())
		if err != nil {
			return container.AttachStreams{}, err
		}
		conn = c
		st := container.AttachStreams{In: in, Out: conn, Err: conn, Hangup: hangup(conn)}
		if !req.Tty {
			st.Out, st.Err = newMux(conn)
		}
		stdout = st.Out
		return st, nil
	})
	if conn == nil {
		if err == nil {
			w.WriteHeader(http.StatusOK)
		}
		return err
	}
	if err != nil {
		fmt.Fprintf(stdout, "%v\r\n", err) // there is no other way any more
	}
	s.endStream(conn, err)
	return nil
}

// resizeExec answers POST /exec/{id}/resize.
func (s *Server) resizeExec(w http.ResponseWriter, r *http.Request) error {
	height, width, err := sizeParams(r)
	if err != nil {
		return err
	}
	if err := s.backend.Containers.ExecResize(r.Context(), mux.Vars(r)["id"], height, width); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// inspectExec answers GET /exec/{id}/json.
func (s *Server) inspectExec(w http.ResponseWriter, r *http.Request) error {
	x, err := s.backend.Containers.ExecInspect(r.Context(), mux.Vars(r)["id"])
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, x)
}
