package api

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

const mappingDoc = "../../docs/docker_api_mapping.md"

// endpoint is a row of the mapping of endpoints.
type endpoint struct {
	options []string
	row     string
}

var (
	quoted    = regexp.MustCompile("`([^`]+)`")
	variable  = regexp.MustCompile(`\{[^}]*\}`)
	operation = regexp.MustCompile("^\\| `([A-Z]+ /[^`]*)` \\|([^|]*)\\|")
)

// plain is a path whose variables have no names.
func plain(path string) string { return variable.ReplaceAllString(path, "{}") }

// mapped reads the endpoints of the document.
func mapped(t *testing.T) map[string]endpoint {
	t.Helper()
	text, err := os.ReadFile(mappingDoc)
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]endpoint{}
	for line := range strings.Lines(string(text)) {
		m := operation.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		e := endpoint{row: line}
		for _, o := range quoted.FindAllStringSubmatch(m[2], -1) {
			e.options = append(e.options, o[1])
		}
		if _, twice := list[plain(m[1])]; twice {
			t.Errorf("%s is in the mapping twice", m[1])
		}
		list[plain(m[1])] = e
	}
	return list
}

// swagger reads the operations, and their query parameters, of the file in moby's module.
func swagger(t *testing.T) map[string][]string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/moby/api").Output()
	if err != nil {
		t.Skipf("left out: go list: %v", err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "swagger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path := regexp.MustCompile(`^  (/\S*):$`)
	method := regexp.MustCompile(`^    (get|post|put|delete|head|options|patch):$`)
	name := regexp.MustCompile(`^ {6,8}- name: "?([\w-]+)"?$`)
	query := regexp.MustCompile(`^ +in: "?query"?$`)
	list := map[string][]string{}
	var inPaths bool
	var at, op, parameter string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := sc.Text()
		switch {
		case line == "paths:":
			inPaths = true
		case !inPaths:
		case line != "" && line[0] != ' ' && line[0] != '#':
			return list
		case path.MatchString(line):
			at = path.FindStringSubmatch(line)[1]
		case method.MatchString(line):
			op = strings.ToUpper(method.FindStringSubmatch(line)[1]) + " " + plain(at)
			list[op] = nil
		case name.MatchString(line):
			parameter = name.FindStringSubmatch(line)[1]
		case query.MatchString(line):
			list[op] = append(list[op], parameter)
		}
	}
	return list
}

// routes lists what the server has.
func routes(t *testing.T, s *Server) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := s.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil || strings.HasPrefix(path, "/v{") {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			return err
		}
		list[methods[0]+" "+plain(path)] = variable.ReplaceAllString(path, "x")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// nobody is a System that has a version and nothing else.
type nobody struct{ System }

func (nobody) Version() string { return "0" }

// status is what a route answers when nothing is behind it; 0 when it asks there.
func status(s *Server, op, path string) (code int) {
	defer func() { _ = recover() }()
	method, _, _ := strings.Cut(op, " ")
	r := httptest.NewRequest(method, path, strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}

func TestEveryEndpointIsInTheMapping(t *testing.T) {
	t.Parallel()
	s := New(context.Background(), Backend{System: nobody{}}, slog.New(slog.DiscardHandler))
	doc, moby, ours := mapped(t), swagger(t), routes(t, s)
	if len(moby) < 100 {
		t.Fatalf("%d operations in swagger.yaml: it is not read rightly", len(moby))
	}
	for op, parameters := range moby {
		e, ok := doc[op]
		if !ok {
			t.Errorf("%s is not in the mapping", op)
			continue
		}
		if _, ok := ours[op]; !ok {
			t.Errorf("%s has no route", op)
		}
		for _, p := range parameters {
			if !slices.Contains(e.options, p) {
				t.Errorf("%s: the mapping lacks the parameter %s", op, p)
			}
		}
	}
	for op, path := range ours {
		e, ok := doc[op]
		if !ok {
			t.Errorf("the route %s is not in the mapping", op)
			continue
		}
		says := strings.Contains(e.row, "| not yet") || strings.Contains(e.row, "| not supported")
		if is := status(s, op, path) == http.StatusNotImplemented; says != is {
			t.Errorf("%s: answers 501: %v, which the mapping says: %v", op, is, says)
		}
	}
	for op := range doc {
		if _, ok := ours[op]; !ok {
			t.Errorf("%s of the mapping has no route", op)
		}
	}
}

func TestEveryTestThatTheMappingNamesIsThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(mappingDoc)
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, pattern := range []string{"*_test.go", "../*/*_test.go", "../../cmd/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(b)
		}
	}
	found := 0
	for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
		if name := m[1]; strings.HasPrefix(name, "Test") {
			found++
			if !strings.Contains(sources.String(), "\nfunc "+name+"(t *testing.T) {") {
				t.Errorf("the mapping names %s, which there is not", name)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d tests are named: the mapping is not read rightly", found)
	}
}

func TestEveryRowOfTheMappingHasATest(t *testing.T) {
	t.Parallel()
	for op, e := range mapped(t) {
		if !strings.Contains(e.row, "`Test") {
			t.Errorf("%s: no test", op)
		}
	}
}
