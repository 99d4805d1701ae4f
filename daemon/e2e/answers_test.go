package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/daemon"
)

// record is the address of a dockerd whose answers are written into testdata/answers.
//
// It was made with dockerd 29 (API 1.56), runc 1.3, DOCKER_MIN_API_VERSION=1.24 and
//
//	dockerd --bridge=none --iptables=false --storage-driver=vfs --feature containerd-snapshotter=false
//
// and an image alpine of Debian's static busybox (see busyboxImage).
var record = flag.String("record", "", "write testdata/answers from the dockerd at this `address`")

// A file in testdata/answers is a list of requests, that build on each other, and of what dockerd answered:
//
//	POST /containers/a/rename?name=b {"the":"body"} | Keys.Of.The answer.that.count
//	< 204
//	> 501 {"message":"…"}
//
// The version is 1.56 unless the path has one. The line that begins with ">" is there where our answer is another one; a
// comment before the request says why. "SLEEP 100ms" waits.
func TestAnswersAreThoseRecordedFromDockerd(t *testing.T) {
	files, err := filepath.Glob("testdata/answers/*.txt")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no recorded answers")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			must(t, err)
			steps := parseAnswers(string(text))
			if *record != "" {
				must(t, os.WriteFile(file, []byte(recordAnswers(dial(t, *record), steps)), 0o644))
				return
			}
			t.Parallel()
			e := start(t, daemon.Config{})
			for _, s := range steps {
				if s.request == "" {
					continue
				}
				want := s.theirs
				if s.ours != "" {
					want = s.ours
				}
				if got := s.ask(e); got != want && !toBlame(got, want) {
					t.Errorf("line %d: %s%s", s.line, s.request, difference(got, want))
				}
			}
		})
	}
}

// toBlame reports that dockerd takes the blame for an error that we, in the same words, give to the client.
func toBlame(ours, theirs string) bool {
	text, internal := strings.CutPrefix(theirs, "500 ")
	return internal && (ours == "400 "+text || ours == "409 "+text)
}

// step is a request with its answers, or a line that is none.
type step struct {
	line         int
	request      string // "" for a comment
	theirs, ours string
	text         string
}

func parseAnswers(text string) (steps []*step) {
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		last := func() *step { return steps[len(steps)-1] }
		switch {
		case strings.HasPrefix(line, "< "):
			last().theirs = line[2:]
		case strings.HasPrefix(line, "> "):
			last().ours = line[2:]
		case line == "" || line[0] == '#':
			steps = append(steps, &step{line: i + 1, text: line})
		default:
			steps = append(steps, &step{line: i + 1, request: line, text: line})
		}
	}
	return steps
}

func recordAnswers(e *engine, steps []*step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintln(&b, s.text)
		if s.request == "" {
			continue
		}
		if answer := s.ask(e); answer != "" {
			fmt.Fprintln(&b, "<", answer)
		}
		if s.ours != "" {
			fmt.Fprintln(&b, ">", s.ours)
		}
	}
	return b.String()
}

// ask makes the request and returns the answer in the form of the files.
func (s *step) ask(e *engine) string {
	method, rest, _ := strings.Cut(s.request, " ")
	if method == "SLEEP" {
		d, err := time.ParseDuration(rest)
		must(e.t, err)
		time.Sleep(d)
		return ""
	}
	rest, keys, _ := strings.Cut(rest, " | ")
	path, body, _ := strings.Cut(rest, " ")
	if !strings.HasPrefix(path, "/v1.") {
		path = "/v1.56" + path
	}
	a := e.request(method, path, body)
	var v any
	if json.Unmarshal([]byte(a.body), &v) != nil {
		return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, anonymousText(strings.TrimSpace(a.body))))
	}
	v = normalize("", v)
	if keys != "" {
		picked := map[string]any{}
		for _, key := range strings.Fields(keys) {
			picked[key] = pick(v, strings.Split(key, "."))
		}
		v = picked
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	must(e.t, enc.Encode(v))
	return fmt.Sprintf("%d %s", a.status, strings.TrimSpace(b.String()))
}

// pick follows keys in an answer; in a list, of its first element.
func pick(v any, keys []string) any {
	for _, k := range keys {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, ok := v.(map[string]any)
		if !ok {
			return "none"
		}
		if v, ok = m[k]; !ok {
			return "none"
		}
	}
	return v
}

// hostly are keys of what a container has on its host, which is not the same host.
var hostly = regexp.MustCompile(`^(GraphDriver|Storage|LogPath|HostnamePath|HostsPath|ResolvConfPath|AppArmorProfile|Driver|Runtime|SandboxID|SandboxKey|ImageManifestDescriptor|MaskedPaths|ReadonlyPaths|NetworkID|EndpointID|SizeRootFs|GwPriority|CgroupnsMode|org\.opencontainers\..*)$`)

var (
	anyTime  = regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z`)
	anyID    = regexp.MustCompile(`[0-9a-f]{64}`)
	shortHex = regexp.MustCompile(`^[0-9a-f]{12}$`)
	madeUp   = regexp.MustCompile(`^/?[a-z]+_[a-z]+[0-9]?$`)
	cpus     = regexp.MustCompile(`to \d+\.00, as there are only \d+ CPUs|available: [0-9-]+`)
	ago      = regexp.MustCompile(`(Less than a second|\d+ seconds?|About a minute)( ago)?`)
)

func anonymousText(s string) string {
	s = cpus.ReplaceAllString(s, "CPUS")
	return ago.ReplaceAllString(anyID.ReplaceAllString(anyTime.ReplaceAllString(s, "TIME"), "ID"), "AGO")
}

// normalize takes out of an answer what is never the same.
func normalize(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if hostly.MatchString(k) {
				delete(v, k)
				continue
			}
			v[k] = normalize(k, x)
		}
		return v
	case []any:
		for i, x := range v {
			v[i] = normalize(key, x)
		}
		return v
	case string:
		switch {
		case shortHex.MatchString(v):
			return "SHORT"
		case key == "Name" && madeUp.MatchString(v), key == "Names" && madeUp.MatchString(v):
			return "MADE UP"
		case key == "Source" && strings.Contains(v, "/volumes/"):
			return "VOLUME"
		}
		return anonymousText(v)
	case float64:
		if (key == "Pid" || key == "Created") && v != 0 {
			return 1
		}
	}
	return v
}

// difference shows where two answers differ.
func difference(got, want string) string {
	a, b := map[string]string{}, map[string]string{}
	flatten(got, a)
	flatten(want, b)
	var s strings.Builder
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if !reflect.DeepEqual(a[k], b[k]) {
			fmt.Fprintf(&s, "\n   %s: %s, want %s", k, clipEmpty(a[k]), clipEmpty(b[k]))
		}
	}
	return s.String()
}

func clipEmpty(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func flatten(answer string, into map[string]string) {
	status, body, _ := strings.Cut(answer, " ")
	into["status"] = status
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		into["body"] = body
		return
	}
	flattenValue("", v, into)
}

func flattenValue(path string, v any, into map[string]string) {
	if m, ok := v.(map[string]any); ok && len(m) > 0 {
		for k, x := range m {
			flattenValue(path+"."+k, x, into)
		}
		return
	}
	b, _ := json.Marshal(v)
	into[path] = string(b)
}
