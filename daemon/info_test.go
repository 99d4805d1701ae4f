package daemon

import "testing"

func TestCredentialsOfProxiesAreHidden(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "",
		"http://proxy:3128":            "http://proxy:3128",
		"http://me:secret@proxy:3128/": "http://xxxxx:xxxxx@proxy:3128/",
		"http://me@proxy":              "http://xxxxx:xxxxx@proxy",
		"no URL: %zz":                  "no URL: %zz",
	} {
		if got := maskCredentials(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
