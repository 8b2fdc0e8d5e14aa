package static_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gupscope/static"
	"gupscope/static/needs"
)

func serve(t *testing.T, path, accept, match string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept-Encoding", accept)
	r.Header.Set("If-None-Match", match)
	w := httptest.NewRecorder()
	static.Serve(w, r)
	return w.Result()
}

// What is built is sent in the form that the client takes, to be kept for ever; embed.js is asked for again.
func TestServe(t *testing.T) {
	needs.Assets(t)
	wasm := static.URL("gupscope.wasm")
	for accept, encoding := range map[string]string{"gzip, deflate, br": "br", "gzip": "gzip", "": "", "br;q=0, gzip": "gzip"} {
		r := serve(t, wasm, accept, "")
		if got := r.Header.Get("Content-Encoding"); r.StatusCode != 200 || got != encoding {
			t.Errorf("Accept-Encoding %q: got %d, %q, want %q", accept, r.StatusCode, got, encoding)
		}
		if !strings.Contains(r.Header.Get("Cache-Control"), "immutable") || r.Header.Get("Content-Type") != "application/wasm" {
			t.Errorf("headers: %v", r.Header)
		}
		if again := serve(t, wasm, accept, r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("Accept-Encoding %q, with its ETag: got %d, want 304", accept, again.StatusCode)
		}
	}
	if got := serve(t, "/static/embed.js", "br", "").Header.Get("Cache-Control"); strings.Contains(got, "immutable") {
		t.Errorf("embed.js keeps its name, so it must be asked for again; Cache-Control: %s", got)
	}
	for _, path := range []string{"/static/keep", "/static/", "/static/nothing.js", "/static/built/" + wasm[8:], "/x/embed.js"} {
		if r := serve(t, path, "", ""); r.StatusCode != 404 {
			t.Errorf("%s: got %d, want 404", path, r.StatusCode)
		}
	}
}
