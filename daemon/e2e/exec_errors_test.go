package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
)

// execID is that of the exec of a request.
func (e *engine) execID(id, body string) string {
	e.t.Helper()
	var created struct{ ID string }
	a := e.request("POST", "/containers/"+id+"/exec", body)
	if err := json.Unmarshal([]byte(a.body), &created); err != nil || a.status != http.StatusCreated {
		e.t.Fatalf("exec %s: %d %s", body, a.status, a.body)
	}
	return created.ID
}

// What can't be started is told in the stream of its standard output, in dockerd's words, and by the exit code; to a client
// that has detached, in the answer.
func TestExecThatCannotBeStartedIsToldAsDockerdTells(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"sleep", "1000"})
	const oci, start = "OCI runtime exec failed: exec failed: ", "unable to start container process: "
	for _, c := range []struct {
		body, text string
		code       int
	}{
		{`{"Cmd":["nope"]}`, oci + start + `exec: "nope": executable file not found in $PATH: unknown`, 127},
		{`{"Cmd":["/nope"]}`, oci + start + `exec: "/nope": stat /nope: no such file or directory: unknown`, 127},
		{`{"Cmd":["/etc/passwd"]}`, oci + start + `exec: "/etc/passwd": permission denied: unknown`, 126},
		{`{"Cmd":["/etc"]}`, oci + start + `exec: "/etc": permission denied: unknown`, 126},
		{`{"Cmd":["true"],"User":"ghost"}`, "unable to find user ghost: no matching entries in passwd file", 126},
		{`{"Cmd":["true"],"User":"0:ghost"}`, "unable to find group ghost: no matching entries in group file", 126},
		{`{"Cmd":["true"],"WorkingDir":"/nope"}`, oci + start + `chdir to cwd ("/nope") set in config.json failed: no such file or directory: unknown`, 127},
		{`{"Cmd":["true"],"WorkingDir":"rel"}`, oci + "Cwd must be an absolute path: unknown", 128},
	} {
		body := strings.TrimSuffix(c.body, "}") + `,"AttachStdout":true,"AttachStderr":true}`
		x := e.execID(id, body)
		a := e.request("POST", "/exec/"+x+"/start", `{}`)
		var out, errs bytes.Buffer
		_, err := stdcopy.StdCopy(&out, &errs, strings.NewReader(a.body))
		must(t, err)
		if a.status != 200 || out.String() != c.text+"\r\n" || errs.Len() != 0 {
			t.Errorf("%s: %d stdout %q, stderr %q\nwant %q", c.body, a.status, out.String(), errs.String(), c.text)
		}
		var state container.ExecInspectResponse
		must(t, json.Unmarshal([]byte(e.request("GET", "/exec/"+x+"/json", "").body), &state))
		if state.ExitCode == nil || *state.ExitCode != c.code || state.Running || state.CanRemove || state.Pid != 0 {
			t.Errorf("%s: %+v, want exit code %d", c.body, state, c.code)
		}
		if a := e.request("POST", "/exec/"+x+"/start", `{}`); a.status != http.StatusConflict || a.message() != "exec command "+x+" has already run" {
			t.Errorf("again: %d %s", a.status, a.body)
		}
		if a := e.request("POST", "/exec/"+x+"/resize?h=1&w=1", ""); a.status != 400 || a.message() != "exec process is not started" {
			t.Errorf("resize: %d %s", a.status, a.body)
		}
		if a := e.request("POST", "/exec/"+e.execID(id, c.body)+"/start", `{"Detach":true}`); a.status/100 == 2 || a.message() != c.text {
			t.Errorf("%s detached: %d %s", c.body, a.status, a.body)
		}
		// Without framing for who says that it is a terminal.
		if a := e.request("POST", "/exec/"+e.execID(id, body)+"/start", `{"Tty":true}`); a.body != c.text+"\r\n" {
			t.Errorf("%s tty: %q", c.body, a.body)
		}
	}
	if x := e.inspect(id).ExecIDs; len(x) != 0 {
		t.Errorf("execs of the container: %v", x)
	}
}

func TestStreamsAreAnsweredWithTheHeadOfTheirVersion(t *testing.T) {
	t.Parallel()
	e := shared(t)
	plain, tty := e.launch([]string{"cat"}, withStdin), e.launch([]string{"cat"}, withTTY)
	const raw, mux = "application/vnd.docker.raw-stream", "application/vnd.docker.multiplexed-stream"
	for _, c := range []struct {
		id, version string
		upgrade     bool
		status      int
		contentType string
	}{
		{plain, "/v1.41", true, 101, raw}, {plain, "/v1.42", true, 101, mux}, {plain, "", true, 101, mux}, {tty, "", true, 101, raw},
		{plain, "/v1.41", false, 200, raw}, {plain, "", false, 200, raw}, {tty, "", false, 200, raw},
	} {
		conn, resp := e.hijack(c.version+"/containers/"+c.id+"/attach?stream=1&stdin=1&stdout=1", "", c.upgrade)
		conn.Close()
		if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != c.contentType || c.upgrade && resp.Header.Get("Upgrade") != "tcp" {
			t.Errorf("%+v: %s %v", c, resp.Status, resp.Header)
		}
		if c.id == plain {
			continue
		}
		x := e.execID(c.id, `{"Cmd":["true"],"Tty":true,"AttachStdout":true}`)
		conn, resp = e.hijack(c.version+"/exec/"+x+"/start", `{"Tty":true}`, c.upgrade)
		_, err := io.ReadAll(conn)
		must(t, err)
		conn.Close()
		if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != raw || resp.Header.Get("Api-Version") == "" {
			t.Errorf("exec %+v: %s %v", c, resp.Status, resp.Header)
		}
	}
}

func TestSizesOfTerminalsAreChecked(t *testing.T) {
	t.Parallel()
	e := shared(t)
	id := e.launch([]string{"cat"}, withTTY)
	created := e.create([]string{"true"})
	for query, want := range map[string]string{
		"h=x&w=1":           `invalid resize height "x": invalid syntax`,
		"w=1":               `invalid resize height "": invalid syntax`,
		"h=1":               `invalid resize width "": invalid syntax`,
		"h=%2b1&w=1":        `invalid resize height "+1": invalid syntax`,
		"h=-1&w=1":          `invalid resize height "-1": value out of range`,
		"h=1&w=99999999999": `invalid resize width "99999999999": value out of range`,
		"h=0&w=0":           "", "h=70000&w=70000": "", "h=24&w=80": "",
	} {
		a := e.request("POST", "/containers/"+id+"/resize?"+query, "")
		if a.message() != want || (want == "") != (a.status == 200) {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
		if a := e.request("POST", "/containers/"+created+"/resize?"+query, ""); want == "" && (a.status != 409 || a.message() != "container "+created+" is not running") {
			t.Errorf("%s, not running: %d %s", query, a.status, a.body)
		}
	}
}
