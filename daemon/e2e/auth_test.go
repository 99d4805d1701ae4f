package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// authRegistry is a registry that asks for credentials in one of the two ways that there are: user "me", password
// "secret".
func authRegistry(t *testing.T, token bool) (address string) {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		good := user == "me" && password == "secret"
		unauthorized := func(challenge string) {
			w.Header().Set("WWW-Authenticate", challenge)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
		}
		switch {
		case r.URL.Path == "/token" && r.Method == http.MethodPost:
			w.WriteHeader(http.StatusNotFound) // no OAuth2 here
		case r.URL.Path == "/token":
			if !good {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, `{"details":"incorrect username or password"}`)
				return
			}
			fmt.Fprint(w, `{"token":"`+base64.StdEncoding.EncodeToString([]byte("good"))+`"}`)
		case token && r.Header.Get("Authorization") != "Bearer "+base64.StdEncoding.EncodeToString([]byte("good")):
			unauthorized(`Bearer realm="` + server.URL + `/token",service="test"`)
		case !token && !good:
			unauthorized(`Basic realm="test"`)
		default:
			fmt.Fprint(w, "{}")
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestLoginAsksTheRegistry(t *testing.T) {
	t.Parallel()
	e := shared(t)
	body := func(address, password string) string {
		return fmt.Sprintf(`{"username":"me","password":%q,"serveraddress":%q}`, password, address)
	}
	for _, token := range []bool{false, true} {
		address := authRegistry(t, token)
		got := e.request("POST", "/auth", body(address, "secret"))
		if got.status != 200 || got.body != `{"IdentityToken":"","Status":"Login Succeeded"}`+"\n" && got.body != `{"Status":"Login Succeeded"}`+"\n" {
			t.Errorf("token %v: %d %s", token, got.status, got.body)
		}
		if got := e.request("POST", "/auth", body("http://"+address+"/v1/", "secret")); got.status != 200 {
			t.Errorf("an address with scheme and path: %d %s", got.status, got.body)
		}
		got = e.request("POST", "/auth", body(address, "wrong"))
		if got.status != map[bool]int{false: 500, true: 401}[token] || !strings.Contains(strings.ToLower(got.message()), "unauthorized") {
			t.Errorf("token %v, wrong password: %d %s", token, got.status, got.body)
		}
	}
	if got := e.request("POST", "/auth", body("127.0.0.1:1", "x")); got.status != 500 || !strings.Contains(got.message(), "connection refused") {
		t.Errorf("nobody there: %d %s", got.status, got.body)
	}
	if got := e.request("POST", "/auth", body("not a host", "x")); got.status != 400 {
		t.Errorf("no address: %d %s", got.status, got.body)
	}
}

func TestLoginAnswersAsDockerd(t *testing.T) {
	t.Parallel()
	theirs, ours := answering(t), shared(t)
	for _, token := range []bool{false, true} {
		for _, password := range []string{"secret", "wrong", ""} {
			body := fmt.Sprintf(`{"username":"me","password":%q,"serveraddress":%q}`, password, authRegistry(t, token))
			us, them := ours.request("POST", differVersion+"/auth", body), theirs.request("POST", differVersion+"/auth", body)
			if a, b := strings.ReplaceAll(us.message(), "https:", "http:"), them.message(); !(us.status == them.status || us.status == 401 && them.status == 500) || !sameLogin(a, b) {
				t.Errorf("token %v, password %q:\nours    %d %s\ndockerd %d %s", token, password, us.status, us.body, them.status, them.body)
			}
		}
	}
}

// sameLogin compares errors of logins, whose addresses differ.
func sameLogin(a, b string) bool {
	_, a, _ = strings.Cut(a, "/v2/")
	_, b, _ = strings.Cut(b, "/v2/")
	// What the token server answers is shown as it is by later dockerds.
	b = strings.NewReplacer(`{"details":"`, "", `"}`, "").Replace(b)
	return a == b
}
