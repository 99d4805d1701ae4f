package api

import (
	"bytes"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
)

func TestVersionsCompareAsNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"1.24", "1.24", 0}, {"1.9", "1.24", -1}, {"1.100", "1.56", 1}, {"1", "1.0", 0}, {"2.0", "1.56", 1}} {
		got := compareVersions(c.a, c.b)
		if (got < 0) != (c.want < 0) || (got > 0) != (c.want > 0) {
			t.Errorf("compareVersions(%s, %s) = %d, want the sign of %d", c.a, c.b, got, c.want)
		}
	}
}

func TestVersionsOutsideTheRangeAreRefusedInDockersWords(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"1.23":   "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
		"1.1000": "client version 1.1000 is too new. Maximum supported API version is " + Version,
	} {
		if err := checkVersion(v); err == nil || err.Error() != want || statusOf(err) != 400 {
			t.Errorf("checkVersion(%s) = %v", v, err)
		}
	}
}

func TestFiltersAreReadInBothForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string][]string{
		`{"label":["a","b"]}`:                   {"label": {"a", "b"}},
		`{"label":{"a":true}}`:                  {"label": {"a"}},
		`{"label":{"a":false},"id":{"x":true}}`: {"id": {"x"}},
		``:                                      nil,
	} {
		r := httptest.NewRequest("GET", "/?filters="+url.QueryEscape(text), nil)
		r.ParseForm()
		if got, err := filtersParam(r); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("filters %s = %v, %v; want %v", text, got, err, want)
		}
	}
	r := httptest.NewRequest("GET", "/?filters="+url.QueryEscape(`{"a"`), nil)
	r.ParseForm()
	if _, err := filtersParam(r); err == nil || statusOf(err) != 400 {
		t.Errorf("broken filters: %v", err)
	}
}

func TestTimesAreSecondsWithAFraction(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"":                      {},
		"0":                     {},
		"1700000000":            time.Unix(1700000000, 0),
		"1700000000.5":          time.Unix(1700000000, 500000000),
		"1700000000.000000001":  time.Unix(1700000000, 1),
		"1700000000.0000000019": time.Unix(1700000000, 1),
	} {
		r := httptest.NewRequest("GET", "/?since="+url.QueryEscape(text), nil)
		r.ParseForm()
		if got, err := timeParam(r, "since"); err != nil || !got.Equal(want) {
			t.Errorf("time %q = %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"yesterday":            `invalid timestamp "yesterday": invalid seconds "yesterday": invalid syntax`,
		"1.x":                  `invalid timestamp "1.x": invalid nanoseconds: invalid character 'x' at position 0`,
		"2023-11-14T22:13:20Z": `invalid timestamp "2023-11-14T22:13:20Z": invalid seconds "2023-11-14T22:13:20Z": invalid syntax`,
	} {
		r := httptest.NewRequest("GET", "/?since="+text, nil)
		r.ParseForm()
		if _, err := timeParam(r, "since"); err == nil || statusOf(err) != 400 || err.Error() != want {
			t.Errorf("broken time %s: %v", text, err)
		}
	}
}

func TestMultiplexedStreamsAreTakenApartByDockersOwnReader(t *testing.T) {
	t.Parallel()
	var wire, stdout, stderr bytes.Buffer
	out, errw := newMux(&wire)
	out.Write([]byte("one\n"))
	errw.Write([]byte("two\n"))
	out.Write([]byte("three\n"))
	if _, err := stdcopy.StdCopy(&stdout, &stderr, &wire); err != nil {
		t.Fatal(err)
	}
	if stdout.String() != "one\nthree\n" || stderr.String() != "two\n" {
		t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}
}
