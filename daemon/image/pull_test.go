package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/klauspost/compress/zstd"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// testRegistry is a registry on a loopback address, whose answers a test can change.
type testRegistry struct {
	*httptest.Server
	t    testing.TB
	host string

	mu       sync.Mutex
	override func(w http.ResponseWriter, r *http.Request) bool // true if it answered
	gets     map[string]int                                    // GET requests of blobs by digest
}

func newRegistry(t testing.TB) *testRegistry {
	t.Helper()
	reg := &testRegistry{t: t, gets: map[string]int{}}
	backend := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	reg.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reg.mu.Lock()
		override := reg.override
		if _, d, ok := strings.Cut(r.URL.Path, "/blobs/"); ok && r.Method == http.MethodGet {
			reg.gets[d]++
		}
		reg.mu.Unlock()
		if override != nil && override(w, r) {
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(reg.Close)
	reg.host = strings.TrimPrefix(reg.URL, "http://")
	return reg
}

func (reg *testRegistry) answer(f func(w http.ResponseWriter, r *http.Request) bool) {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	reg.override = f
}

// send puts content into the registry.
func (reg *testRegistry) send(method, path, mediaType string, body []byte) {
	reg.t.Helper()
	req, err := http.NewRequest(method, reg.URL+path, bytes.NewReader(body))
	if err != nil {
		reg.t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := reg.Client().Do(req)
	if err != nil {
		reg.t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		reg.t.Fatalf("%s %s: %s %s", method, path, resp.Status, answer)
	}
}

func (reg *testRegistry) blob(repo, mediaType string, body []byte) ocispec.Descriptor {
	reg.t.Helper()
	d := digest.FromBytes(body)
	reg.send(http.MethodPost, "/v2/"+repo+"/blobs/uploads/?digest="+d.String(), "application/octet-stream", body)
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(body))}
}

func (reg *testRegistry) manifest(repo, tag, mediaType string, v any) ocispec.Descriptor {
	reg.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		reg.t.Fatal(err)
	}
	d := digest.FromBytes(raw)
	if tag == "" {
		tag = d.String()
	}
	reg.send(http.MethodPut, "/v2/"+repo+"/manifests/"+tag, mediaType, raw)
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(raw))}
}

type compression func(testing.TB, []byte) (mediaType string, body []byte)

func plain(_ testing.TB, b []byte) (string, []byte) { return ocispec.MediaTypeImageLayer, b }

func gzipped(t testing.TB, b []byte) (string, []byte) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return ocispec.MediaTypeImageLayerGzip, out.Bytes()
}

func zstded(t testing.TB, b []byte) (string, []byte) {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return ocispec.MediaTypeImageLayerZstd, w.EncodeAll(b, nil)
}

// pushed is an image in a registry.
type pushed struct {
	id       digest.Digest
	desc     ocispec.Descriptor
	manifest ocispec.Manifest
	diffIDs  []digest.Digest
}

func (reg *testRegistry) image(repo, tag string, platform ocispec.Platform, c compression, layers ...[]byte) pushed {
	reg.t.Helper()
	cfg := configOf(day, platform, nil, layers)
	raw, err := json.Marshal(cfg)
	if err != nil {
		reg.t.Fatal(err)
	}
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	m.Config = reg.blob(repo, ocispec.MediaTypeImageConfig, raw)
	for _, l := range layers {
		mediaType, body := c(reg.t, l)
		m.Layers = append(m.Layers, reg.blob(repo, mediaType, body))
	}
	desc := reg.manifest(repo, tag, m.MediaType, m)
	desc.Platform = &platform
	return pushed{m.Config.Digest, desc, m, cfg.RootFS.DiffIDs}
}

func (reg *testRegistry) index(repo, tag string, images ...pushed) ocispec.Descriptor {
	reg.t.Helper()
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, i := range images {
		index.Manifests = append(index.Manifests, i.desc)
	}
	return reg.manifest(repo, tag, index.MediaType, index)
}

func (f *fixture) pull(t testing.TB, ref, platform string) (*talk, error) {
	t.Helper()
	k := &talk{}
	err := f.Pull(t.Context(), ref, platform, registry.AuthConfig{}, k.hear)
	return k, err
}

var (
	amd64 = ocispec.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	wasm  = ocispec.Platform{OS: "wasip1", Architecture: "wasm"}
)

func TestPullBringsAnImageAndSaysSoAsDockerDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]compression{"gzip": gzipped, "zstd": zstded, "uncompressed": plain} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg, f := newRegistry(t), newFixture(t, Options{})
			first, second := tarOf(t, "a", "first"), tarOf(t, "b", strings.Repeat("second", 300_000))
			img := reg.image("team/app", "v1", amd64, c, first, second)
			ref := reg.host + "/team/app:v1"
			k, err := f.pull(t, ref, "")
			if err != nil {
				t.Fatal(err)
			}
			a, b := short(img.manifest.Layers[0].Digest.Encoded()), short(img.manifest.Layers[1].Digest.Encoded())
			lines := k.lines()
			for _, want := range []string{
				"v1: Pulling from team/app", a + ": Pulling fs layer", b + ": Downloading", b + ": Verifying Checksum",
				b + ": Download complete", b + ": Extracting", b + ": Pull complete", a + ": Pull complete",
				"Digest: " + img.desc.Digest.String(), "Status: Downloaded newer image for " + ref,
			} {
				if !slices.Contains(lines, want) {
					t.Errorf("no %q in %q", want, lines)
				}
			}
			if lines[0] != "v1: Pulling from team/app" || lines[len(lines)-1] != "Status: Downloaded newer image for "+ref {
				t.Errorf("order: %q", lines)
			}
			got, err := f.Get(ref)
			if err != nil {
				t.Fatal(err)
			}
			if got.ID != img.id || got.Size != int64(len(first)+len(second)) || len(got.Layers) != 2 || got.Layers[1].DiffID != img.diffIDs[1] {
				t.Errorf("image %+v", got)
			}
			if want := []string{reg.host + "/team/app@" + img.desc.Digest.String()}; !slices.Equal(got.RepoDigests, want) {
				t.Errorf("digests %q, want %q", got.RepoDigests, want)
			}
			if events := f.takeEvents(); !slices.Equal(events, []string{"pull " + ref + " name=" + reg.host + "/team/app"}) {
				t.Errorf("events %q", events)
			}

			// Again there is nothing to do, nor after a restart; by digest it is the same.
			f.reopen(t, Options{})
			if k, err = f.pull(t, ref, ""); err != nil || !k.has("Status: Image is up to date for "+ref) || k.has(a+": ") {
				t.Errorf("second pull: %v, %q", err, k.lines())
			}
			if _, err = f.pull(t, reg.host+"/team/app@"+img.desc.Digest.String(), ""); err != nil {
				t.Error(err)
			}
			reg.mu.Lock()
			for d, n := range reg.gets {
				if n != 1 {
					t.Errorf("blob %s was fetched %d times", d, n)
				}
			}
			reg.mu.Unlock()

			// The digests go with the last tag, without events of their own.
			f.takeEvents()
			want := "untagged " + ref + ", untagged " + reg.host + "/team/app@" + img.desc.Digest.String() + ", deleted " + short(img.id.Encoded())
			if got := removed(t, f, ref, false); !strings.HasPrefix(got, want) {
				t.Errorf("Remove: %s, want %s", got, want)
			}
			if events := f.takeEvents(); len(events) != 2 {
				t.Errorf("events %q", events)
			}
			if got := f.files(t); len(got) != 0 {
				t.Errorf("left %q", got)
			}
		})
	}
}

func TestPullChoosesThePlatform(t *testing.T) {
	t.Parallel()
	reg := newRegistry(t)
	x := reg.image("multi", "x", amd64, gzipped, tarOf(t, "a", "amd64"))
	a := reg.image("multi", "a", arm64, gzipped, tarOf(t, "a", "arm64"))
	w := reg.image("multi", "w", wasm, gzipped, tarOf(t, "a", "wasm"))
	all := reg.index("multi", "all", x, a, w)
	reg.index("multi", "native", a, x)
	reg.index("multi", "arm", a)
	for _, c := range []struct {
		tag, platform string
		want          digest.Digest
		err           string
	}{
		{tag: "all", want: w.id},
		{tag: "native", want: x.id},
		{tag: "all", platform: "linux/amd64", want: x.id},
		{tag: "all", platform: "linux/x86_64", want: x.id},
		{tag: "all", platform: "linux/arm64", want: a.id},
		{tag: "all", platform: "arm64", want: a.id},
		{tag: "all", platform: "linux/arm64/v8", want: a.id},
		{tag: "all", platform: "linux", want: x.id},
		{tag: "a", want: a.id},
		{tag: "all", platform: "linux/s390x", err: "no matching manifest for linux/s390x in the manifest list entries"},
		{tag: "arm", err: "no matching manifest for linux/amd64 in the manifest list entries"},
		{tag: "x", platform: "linux/arm64", err: "image with reference " + reg.host + "/multi:x was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)"},
	} {
		f := newFixture(t, Options{})
		k, err := f.pull(t, reg.host+"/multi:"+c.tag, c.platform)
		if c.err != "" {
			if !errdefs.IsNotFound(err) || err.Error() != c.err {
				t.Errorf("%s for %q: %v, want %s", c.tag, c.platform, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s for %q: %v", c.tag, c.platform, err)
			continue
		}
		img, err := f.Get(reg.host + "/multi:" + c.tag)
		if err != nil || img.ID != c.want {
			t.Errorf("%s for %q: %v, %v", c.tag, c.platform, img.Platform, err)
		}
		if c.tag == "all" && (!k.has("Digest: "+all.Digest.String()) || !slices.Contains(img.RepoDigests, reg.host+"/multi@"+all.Digest.String())) {
			t.Errorf("the index's digest is not told: %q %q", k.lines(), img.RepoDigests)
		}
	}
	f := newFixture(t, Options{})
	for _, platform := range []string{"bogus/x/y/z", "linux/", "lin ux"} {
		if _, err := f.pull(t, "x", platform); !errdefs.IsInvalidArgument(err) {
			t.Errorf("platform %q: %v", platform, err)
		}
	}
}

func TestNewerImageTakesTheName(t *testing.T) {
	t.Parallel()
	reg, f := newRegistry(t), newFixture(t, Options{})
	base := tarOf(t, "base", "base")
	one := reg.image("app", "latest", amd64, gzipped, base, tarOf(t, "a", "one"))
	if _, err := f.pull(t, reg.host+"/app", ""); err != nil {
		t.Fatal(err)
	}
	two := reg.image("app", "latest", amd64, gzipped, base, tarOf(t, "a", "two"))
	k, err := f.pull(t, reg.host+"/app", "")
	if err != nil || !k.has("Status: Downloaded newer image") || !k.has(short(one.manifest.Layers[0].Digest.Encoded())+": Already exists") {
		t.Errorf("%v, %q", err, k.lines())
	}
	if img, err := f.Get(reg.host + "/app"); err != nil || img.ID != two.id {
		t.Errorf("name leads to %v, %v", img, err)
	}
	if img, err := f.Get(one.id.String()); err != nil || len(img.RepoTags) != 0 || len(img.RepoDigests) != 1 {
		t.Errorf("the older image: %+v, %v", img, err)
	}
}

func TestPullRefusesWhatIsNotAsTheManifestSays(t *testing.T) {
	t.Parallel()
	layer := tarOf(t, "a", strings.Repeat("a", 100_000))
	for name, c := range map[string]struct {
		spoil func(t *testing.T, reg *testRegistry, img pushed)
		want  string
	}{
		"another layer under the digest": {func(t *testing.T, reg *testRegistry, img pushed) {
			_, other := gzipped(t, tarOf(t, "a", strings.Repeat("b", 100_000)))
			reg.answer(serve(img.manifest.Layers[0].Digest, other))
		}, "layer " /* digest or size */},
		"a layer that goes on": {func(t *testing.T, reg *testRegistry, img pushed) {
			_, body := gzipped(t, layer)
			reg.answer(serve(img.manifest.Layers[0].Digest, append(body, make([]byte, 1<<20)...)))
		}, "layer "},
		"another configuration under the digest": {func(t *testing.T, reg *testRegistry, img pushed) {
			reg.answer(serve(img.manifest.Config.Digest, []byte("{}")))
		}, "configuration"},
		"a configuration with another diff ID": {func(t *testing.T, reg *testRegistry, img pushed) {
			cfg := configOf(day, amd64, nil, [][]byte{[]byte("something else")})
			raw, _ := json.Marshal(cfg)
			m := img.manifest
			m.Config = reg.blob("app", ocispec.MediaTypeImageConfig, raw)
			reg.manifest("app", "latest", m.MediaType, m)
		}, "has the diff ID"},
		"fewer diff IDs than layers": {func(t *testing.T, reg *testRegistry, img pushed) {
			m := img.manifest
			m.Layers = append(m.Layers, m.Layers[0])
			reg.manifest("app", "latest", m.MediaType, m)
		}, "the manifest has 2 layers, the configuration 1 diff IDs"},
		"a digest with a path in it": {func(t *testing.T, reg *testRegistry, img pushed) {
			raw, _ := json.Marshal(map[string]any{"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:../../../../etc/passwd"}}})
			m := img.manifest
			m.Config = reg.blob("app", ocispec.MediaTypeImageConfig, raw)
			reg.manifest("app", "latest", m.MediaType, m)
		}, "diff ID in the image's configuration"},
		"no image": {func(t *testing.T, reg *testRegistry, img pushed) {
			m := img.manifest
			m.Config.MediaType = "application/vnd.cncf.helm.config.v1+json"
			reg.manifest("app", "latest", m.MediaType, m)
		}, "unsupported media type application/vnd.cncf.helm.config.v1+json"},
		"a connection cut off in a layer": {func(t *testing.T, reg *testRegistry, img pushed) {
			_, body := gzipped(t, layer)
			reg.answer(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, img.manifest.Layers[0].Digest.String()) {
					return false
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
				w.Write(body[:len(body)/2])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			})
		}, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg, f := newRegistry(t), newFixture(t, Options{})
			good := tarOf(t, "good", "good")
			reg.image("other", "latest", amd64, gzipped, good)
			img := reg.image("app", "latest", amd64, gzipped, layer)
			c.spoil(t, reg, img)
			if _, err := f.pull(t, reg.host+"/other", ""); err != nil {
				t.Fatal(err)
			}
			before := f.files(t)
			_, err := f.pull(t, reg.host+"/app", "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
			if _, err := f.Get(reg.host + "/app"); !errdefs.IsNotFound(err) {
				t.Errorf("the image is there: %v", err)
			}
			if got := f.files(t); !slices.Equal(got, before) {
				t.Errorf("left %q, before there was %q", got, before)
			}
			// What failed does not stand in the way of the next attempt.
			reg.answer(nil)
			reg.image("app", "latest", amd64, gzipped, layer)
			if _, err := f.pull(t, reg.host+"/app", ""); err != nil {
				t.Errorf("next attempt: %v", err)
			}
		})
	}
}

func serve(d digest.Digest, body []byte) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, d.String()) {
			return false
		}
		w.Write(body)
		return true
	}
}

func TestPullErrorsAreWordedAsDockerd(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
			return true
		}
	}
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request) bool
		want   string // HOST is the registry
		kind   func(error) bool
	}{
		"denied": {answer(403, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`),
			"pull access denied for HOST/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", errdefs.IsNotFound},
		"manifest unknown": {answer(404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`),
			"manifest for HOST/app:v1 not found: manifest unknown: manifest unknown", errdefs.IsNotFound},
		"name unknown": {answer(404, `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}`),
			"repository HOST/app not found: name unknown: repository name not known to registry", errdefs.IsNotFound},
		"not found without words": {answer(404, ""),
			"manifest for HOST/app:v1 not found: manifest unknown: manifest unknown", errdefs.IsNotFound},
		"unauthorized": {answer(401, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`),
			"unauthorized: authentication required", errdefs.IsUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg, f := newRegistry(t), newFixture(t, Options{})
			mustSeed(t, f)
			reg.answer(c.answer)
			_, err := f.pull(t, reg.host+"/app:v1", "")
			if want := strings.ReplaceAll(c.want, "HOST", reg.host); err == nil || err.Error() != want || !c.kind(err) {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

func TestPullSendsTheCredentials(t *testing.T) {
	t.Parallel()
	reg, f := newRegistry(t), newFixture(t, Options{})
	reg.image("app", "latest", amd64, gzipped, tarOf(t, "a", "a"))
	reg.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if user, password, ok := r.BasicAuth(); ok && user == "me" && password == "secret" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	if _, err := f.pull(t, reg.host+"/app", ""); !errdefs.IsUnauthorized(err) {
		t.Errorf("without credentials: %v", err)
	}
	if err := f.Pull(t.Context(), reg.host+"/app", "", registry.AuthConfig{Username: "me", Password: "secret"}, nil); err != nil {
		t.Errorf("with credentials: %v", err)
	}
}

func TestPlainHTTPIsForLoopbackOnly(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	f := newFixture(t, Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Scheme == "http" {
			asked.Add(1)
		}
		return nil, errors.New("no TLS here")
	})})
	_, err := f.pull(t, "192.168.7.7:5000/app", "")
	if err == nil || !strings.Contains(err.Error(), "192.168.7.7:5000 is asked for plain HTTP") || asked.Load() != 0 {
		t.Errorf("%d plain requests, error %v", asked.Load(), err)
	}
}

func TestConcurrentPullsShareTheWork(t *testing.T) {
	t.Parallel()
	reg, f := newRegistry(t), newFixture(t, Options{})
	img := reg.image("app", "latest", amd64, gzipped, tarOf(t, "a", "a"), tarOf(t, "b", "b"))
	entered, release := make(chan struct{}, 10), make(chan struct{})
	reg.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, img.manifest.Layers[0].Digest.String()) {
			entered <- struct{}{}
			<-release
		}
		return false
	})
	const pullers = 5
	var wg sync.WaitGroup
	for i := range pullers {
		wg.Go(func() {
			k := &talk{}
			err := f.Pull(context.Background(), reg.host+"/app", "", registry.AuthConfig{}, k.hear)
			if err != nil || !k.has("Status: Downloaded newer image") || !k.has("Digest: ") {
				t.Errorf("puller %d: %v, %q", i, err, k.lines())
			}
		})
	}
	<-entered
	f.waitForListeners(t, pullers)
	close(release)
	wg.Wait()
	reg.mu.Lock()
	defer reg.mu.Unlock()
	for d, n := range reg.gets {
		if n != 1 {
			t.Errorf("blob %s was fetched %d times", d, n)
		}
	}
}

// waitForListeners returns when so many callers share the one pull that runs.
func (f *fixture) waitForListeners(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		f.flights.mu.Lock()
		got := 0
		for _, fl := range f.flights.running {
			fl.mu.Lock()
			got += len(fl.listeners)
			fl.mu.Unlock()
		}
		f.flights.mu.Unlock()
		if got == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d callers wait, want %d", got, n)
		}
	}
}

func TestPullGoesOnUntilTheLastCallerLeaves(t *testing.T) {
	t.Parallel()
	reg, f := newRegistry(t), newFixture(t, Options{})
	img := reg.image("app", "latest", amd64, gzipped, tarOf(t, "a", "a"))
	entered := make(chan struct{}, 10)
	gone := make(chan struct{}, 10)
	reg.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, img.manifest.Layers[0].Digest.String()) {
			return false
		}
		w.Header().Set("Content-Length", "100000")
		w.(http.Flusher).Flush()
		entered <- struct{}{}
		<-r.Context().Done()
		gone <- struct{}{}
		return true
	})
	pull := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		go func() { done <- f.Pull(ctx, reg.host+"/app", "", registry.AuthConfig{}, nil) }()
		return done
	}
	first, leaveFirst := context.WithCancel(t.Context())
	second, leaveSecond := context.WithCancel(t.Context())
	defer leaveSecond()
	a := pull(first)
	<-entered
	b := pull(second)
	f.waitForListeners(t, 2)
	leaveFirst()
	if err := <-a; !errors.Is(err, context.Canceled) {
		t.Errorf("first: %v", err)
	}
	f.waitForListeners(t, 1)
	leaveSecond()
	if err := <-b; !errors.Is(err, context.Canceled) {
		t.Errorf("second: %v", err)
	}
	<-gone
	if got := f.files(t); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

func TestSlowListenerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	var f flights
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := make(chan error, 1)
	work := func(_ context.Context, progress Progress) error {
		<-stuck
		for i := range int64(1000) {
			progress(jsonstream.Message{ID: "a", Status: "Downloading", Progress: &jsonstream.Progress{Current: i}})
		}
		return nil
	}
	var got int
	go func() {
		slow <- f.do(context.Background(), "k", func(jsonstream.Message) {
			got++
			<-release
		}, func(ctx context.Context, progress Progress) error {
			progress(jsonstream.Message{ID: "a", Status: "Pulling fs layer"})
			once.Do(func() { close(stuck) })
			return work(ctx, progress)
		})
	}()
	<-stuck
	if err := f.do(t.Context(), "k", func(jsonstream.Message) {}, work); err != nil {
		t.Error(err)
	}
	close(release)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	if got == 0 || got > 10 {
		t.Errorf("the slow one was told %d times", got)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// offline is a network without a way out.
var offline = roundTripper(func(r *http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}}
})

// hub lets a test registry stand for Docker Hub.
func (reg *testRegistry) hub() http.RoundTripper {
	return roundTripper(func(asked *http.Request) (*http.Response, error) {
		r := asked.Clone(asked.Context())
		r.URL.Scheme, r.URL.Host = "http", reg.host
		resp, err := http.DefaultTransport.RoundTrip(r)
		if resp != nil {
			resp.Request = asked
		}
		return resp, err
	})
}
