package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"gupscope/static/needs"
	"gupscope/web"
	"gupscope/web/computed"
	"gupscope/web/link"
	"gupscope/web/room"
	"gupscope/web/shortlink"
	"gupscope/web/stream"
)

// site is a server as gupscope serve has it.
func site(t *testing.T) (*httptest.Server, *web.Metrics) {
	t.Helper()
	nc, stop, err := stream.Embed(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	rooms, err := room.Open(t.Context(), nc, 1, "model")
	if err != nil {
		t.Fatal(err)
	}
	links, err := shortlink.Open(t.Context(), nc, 1, shortlink.Most)
	if err != nil {
		t.Fatal(err)
	}
	store, err := computed.Open(t.Context(), nc, 1)
	if err != nil {
		t.Fatal(err)
	}
	m := web.NewMetrics(rooms)
	s := httptest.NewServer(web.New(t.Context(), &web.Site{Rooms: rooms, Links: links, Computed: store, Metrics: m}))
	t.Cleanup(func() { rooms.Close(); s.Close() })
	return s, m
}

type answer struct {
	code   int
	header http.Header
	body   string
}

func get(t *testing.T, url string) answer {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, r)
}

func post(t *testing.T, url, contentType, body string) answer {
	t.Helper()
	return sendTo(t, http.MethodPost, url, contentType, body)
}

func sendTo(t *testing.T, method, url, contentType, body string) answer {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, r)
}

func read(t *testing.T, r *http.Response) answer {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r.StatusCode, r.Header, string(b)}
}

func TestPages(t *testing.T) {
	s, _ := site(t)
	own := link.Link{Text: "GUP mine\n\nmm A { buf = anon 1 rw \"a\" }\n\nP0 on cpu0 in A { store(buf, \"b\") }\n"}
	for _, c := range []struct {
		path string
		code int
		kind string
		has  string
	}{
		{"/", 200, "text/html", `class="verdict sometimes"`},
		{"/s/gup-fast-vs-reclaim", 200, "text/html", "gup-fast-vs-reclaim"},
		{"/s/gup-fast-vs-reclaim?k=v4.6", 200, "text/html", "v4.6"},
		{"/s/gup-fast-vs-reclaim?do=0", 200, "text/html", `value="1"`},
		{"/s/gup-fast-vs-reclaim?check=1", 200, "text/html", `class="verdict sometimes"`},
		{"/s/gup-fast-vs-reclaim?c=zwei", 400, "text/html", "is not a number"},
		{"/s/gup-fast-vs-reclaim?r=zzz", 200, "text/html", "is damaged at character 1"},
		{"/s/gup-fast-vs-reclaim?k=v9.9", 200, "text/html", "unknown kernel v9.9"},
		{"/s/no-such-race", 404, "text/html", "no scenario of this name in the gallery: no-such-race"},
		{"/l/0123456789", 404, "text/html", "no link of this name"},
		{"/nowhere", 404, "text/html", "no page at this address"},
		{"/gallery", 200, "text/html", "gup-fast-vs-reclaim"},
		{"/docs", 200, "text/html", "What is kept, and where"},
		{"/docs/scenarios", 200, "text/html", "expect"},
		{"/embed/gup-fast-vs-reclaim", 200, "text/html", "data-full"},
		{"/embed/gup-fast-vs-reclaim.svg?theme=dark", 200, "image/svg+xml", "<svg"},
		{"/embed/gup-fast-vs-reclaim.txt", 200, "text/plain", "CPU0"},
		{own.Embed(), 200, "text/html", "mine"},
		{strings.Replace(own.Embed(), "/embed?", "/embed.svg?", 1), 200, "image/svg+xml", "<svg"},
		{"/embed?x=1.abc", 400, "text/html", "cut off"},
		{"/embed?x=1." + strings.Repeat("a", 7<<10), 414, "text/html", "6144 is the limit. Open the text in the playground, make a short link"},
		{"/embed/nonsense", 404, "text/html", `nonsense. <a href="/gallery" target="_blank" rel="noopener">All scenarios</a></p></main></body>`},
		{"/room/0123456789012345678901", 200, "text/html", "Joining"},
		{"/healthz", 200, "text/plain", "ok"},
		{"/static/../web.go", 404, "text/plain", "not found"},
	} {
		a := get(t, s.URL+c.path)
		if a.code != c.code || !strings.HasPrefix(a.header.Get("Content-Type"), c.kind) || !strings.Contains(a.body, c.has) {
			t.Errorf("%.60s: got %d, %s, %.300q; want %d, %s, …%s…", c.path, a.code, a.header.Get("Content-Type"), a.body, c.code, c.kind, c.has)
		}
	}
}

// The policy allows the WASM and what the server has itself, and nothing more; only embeds may be framed.
// Who asks for the head of a page alone gets it.
func TestHead(t *testing.T) {
	s, _ := site(t)
	for _, at := range []string{"/", "/gallery", "/s/gup-fast-vs-reclaim", "/embed/gup-fast-vs-reclaim", "/healthz", "/favicon.ico"} {
		r, err := http.Head(s.URL + at)
		if err != nil {
			t.Fatal(err)
		}
		if a := read(t, r); a.code != http.StatusOK || a.body != "" {
			t.Errorf("HEAD %s answers %d, with %d bytes", at, a.code, len(a.body))
		}
	}
}

func TestPolicy(t *testing.T) {
	s, _ := site(t)
	for path, frames := range map[string]string{"/": "'none'", "/nowhere": "'none'", "/embed/gup-fast-vs-reclaim": "*", "/embed/nonsense": "*", "/embed/gup-fast-vs-reclaim.svg": "*"} {
		header := get(t, s.URL+path).header
		if got := header.Get("Set-Cookie"); got != "" {
			t.Errorf("%s sets the cookie %s", path, got)
		}
		policy := header.Get("Content-Security-Policy")
		if strings.Contains(strings.ReplaceAll(policy, "'wasm-unsafe-eval'", ""), "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.HasSuffix(policy, "frame-ancestors "+frames) {
			t.Errorf("%s: %s", path, policy)
		}
	}
}

// A page that has not changed is not sent again.
func TestETag(t *testing.T) {
	s, _ := site(t)
	r, err := http.NewRequest("GET", s.URL+"/s/gup-fast-vs-reclaim", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("If-None-Match", get(t, r.URL.String()).header.Get("ETag"))
	a, err := http.DefaultClient.Do(r)
	if err != nil || a.StatusCode != http.StatusNotModified {
		t.Errorf("got %v, %v, want 304", a.StatusCode, err)
	}
}

// What is shared comes back by its short address; what is none is refused in words.
func TestShare(t *testing.T) {
	s, _ := site(t)
	share := func(body string) answer { return post(t, s.URL+"/api/share", "application/json", body) }
	quoted := func(address string) string {
		b, _ := json.Marshal(map[string]string{"address": address})
		return string(b)
	}
	own := link.Link{Text: "GUP mine\n\nmm A { buf = anon 1 rw \"a\" }\n\nP0 on cpu0 in A { store(buf, \"b\") }\n"}
	a := share(quoted(own.Address()))
	var made struct{ Address string }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.code != http.StatusCreated || !strings.HasPrefix(made.Address, "/l/") {
		t.Fatalf("sharing: got %d, %s", a.code, a.body)
	}
	if b := get(t, s.URL+made.Address); b.code != 200 || !strings.Contains(b.body, "mine") {
		t.Errorf("%s: got %d", made.Address, b.code)
	}
	if b := get(t, s.URL+"/embed"+made.Address+".txt"); b.code != 200 {
		t.Errorf("the embed of %s: got %d", made.Address, b.code)
	}
	if b := share(quoted(made.Address)); b.code != http.StatusCreated || b.body != a.body {
		t.Errorf("sharing what was shared: got %d, %s", b.code, b.body)
	}
	// With a secret it is another link, which who has the secret takes back: then its address says so.
	secret := func(address string) string {
		b, _ := json.Marshal(map[string]string{"address": address, "secret": "0123456789abcdef"})
		return string(b)
	}
	var mine struct{ Address string }
	if err := json.Unmarshal([]byte(share(secret(made.Address)).body), &mine); err != nil || mine.Address == made.Address {
		t.Fatalf("shared with a secret: %v, %s", err, mine.Address)
	}
	for _, c := range []struct {
		address, body string
		code          int
	}{
		{made.Address, secret(""), http.StatusForbidden},
		{mine.Address, `{"secret": "another"}`, http.StatusForbidden},
		{mine.Address, `{}`, http.StatusBadRequest},
		{"/l/0123456789", secret(""), http.StatusNotFound},
		{mine.Address, secret(""), http.StatusOK},
		{mine.Address, secret(""), http.StatusGone},
	} {
		if a := sendTo(t, http.MethodDelete, s.URL+c.address, "application/json", c.body); a.code != c.code {
			t.Errorf("taking %s back with %s: got %d, %s, want %d", c.address, c.body, a.code, a.body, c.code)
		}
	}
	for _, path := range []string{mine.Address, "/embed" + mine.Address, "/oembed?url=" + url.QueryEscape(s.URL+mine.Address)} {
		if a := get(t, s.URL+path); a.code != http.StatusGone || !strings.Contains(a.body, "was taken back") {
			t.Errorf("%s, which was taken back: got %d", path, a.code)
		}
	}
	for body, want := range map[string]string{
		`hello`:                              "must be JSON",
		`{}`:                                 "must be JSON",
		quoted("/#1.abc"):                    "cut off",
		quoted("/docs"):                      "does not hold a run",
		quoted("/l/0123456789"):              "no link of this name",
		quoted(strings.Repeat("x", 300<<10)): "too large",
	} {
		if b := share(body); b.code < 400 || b.code >= 500 || !strings.Contains(b.body, want) {
			t.Errorf("%.40s: got %d, %s, want …%s…", body, b.code, b.body, want)
		}
	}
	if b := post(t, s.URL+"/api/share", "text/plain", quoted(own.Address())); b.code != 400 {
		t.Errorf("a form of another site: got %d", b.code)
	}
}

// shared stores what a link names on the server, and returns the short address.
func shared(t *testing.T, s *httptest.Server, l link.Link) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"address": l.Address()})
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Address string }
	if err := json.Unmarshal([]byte(post(t, s.URL+"/api/share", "application/json", string(body)).body), &made); err != nil {
		t.Fatal(err)
	}
	return made.Address
}

// A program that finds an address of ours somewhere learns how to show the run there, under its own title.
func TestOEmbed(t *testing.T) {
	s, _ := site(t)
	own := link.Link{Text: "GUP mine\n\"Mine & yours.\"\n\nmm A { buf = anon 1 rw \"a\" }\n\nP0 on cpu0 in A { store(buf, \"b\") }\n"}
	made := shared(t, s, own)
	if b := get(t, s.URL+made).body; !strings.Contains(b, `<meta property="og:title" content="mine · gupscope"`) || !strings.Contains(b, "Mine &amp; yours.") {
		t.Errorf("%s is not shown by its own title and sentence", made)
	}
	const gallery = "/s/gup-fast-vs-reclaim?k=v6.12&r=0x3&c=2"
	for address, want := range map[string]struct{ title, frame string }{
		gallery:       {"gup-fast-vs-reclaim · gupscope", "/embed/gup-fast-vs-reclaim?k=v6.12&amp;r=0x3&amp;c=2"},
		"/":           {"gup-fast-vs-reclaim-clean · gupscope", "/embed/gup-fast-vs-reclaim-clean"},
		made:          {"mine · gupscope", "/embed" + made},
		own.Address(): {"mine · gupscope", own.Embed()},
	} {
		a := get(t, s.URL+"/oembed?format=json&maxwidth=500&url="+url.QueryEscape(s.URL+address))
		var is struct {
			Version, Type, Title, HTML string
			Width, Height              int
		}
		if err := json.Unmarshal([]byte(a.body), &is); err != nil || a.code != 200 || is.Version != "1.0" || is.Type != "rich" || is.Title != want.title ||
			is.Width != 500 || is.Height != 600 || !strings.Contains(is.HTML, `<iframe src="`+s.URL+want.frame+`"`) {
			t.Errorf("%s: %v, %d, %s", address, err, a.code, a.body)
		}
	}
	for query, code := range map[string]int{
		"":                                404,
		"?url=https://example.org/s/x":    404,
		"?url=" + s.URL + "/docs":         404,
		"?url=" + s.URL + "/s/nothing":    404,
		"?url=" + s.URL + "/l/0123456789": 404,
		"?format=xml&url=" + s.URL + "/":  501,
	} {
		if a := get(t, s.URL+"/oembed"+query); a.code != code || !strings.Contains(a.body, `"error"`) {
			t.Errorf("%s: %d, %s", query, a.code, a.body)
		}
	}
	_, at, ok := strings.Cut(get(t, s.URL+gallery).header.Get("Link"), "<")
	if at, _, _ = strings.Cut(at, ">"); !ok || get(t, at).code != 200 {
		t.Errorf("the page says that it is told of at %q", at)
	}
}

// One address cannot ask for everything.
func TestLimit(t *testing.T) {
	s, _ := site(t)
	for range 60 {
		if a := post(t, s.URL+"/api/room", "application/json", `{"address":"/"}`); a.code == http.StatusTooManyRequests {
			if !strings.Contains(a.body, "wait a minute") {
				t.Errorf("refused with %s", a.body)
			}
			return
		}
	}
	t.Error("60 rooms in a moment were not too many")
}

func TestMetrics(t *testing.T) {
	s, m := site(t)
	get(t, s.URL+"/s/gup-fast-vs-reclaim")
	if a := get(t, s.URL+"/metrics"); a.code != 404 {
		t.Errorf("the site itself answers /metrics with %d", a.code)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if want := `gupscope_http_requests_total{code="200",route="/s/{name}"} 1`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("the metrics lack %s:\n%s", want, w.Body)
	}
}

// Who shows a preview of a link needs the picture's whole address.
func TestPictureHasItsWholeAddress(t *testing.T) {
	s, _ := site(t)
	for _, path := range []string{"/", "/s/gup-fast-vs-reclaim-clean?k=v6.12"} {
		if want := `<meta property="og:image" content="` + s.URL + `/embed/gup-fast-vs-reclaim-clean.png`; !strings.Contains(get(t, s.URL+path).body, want) {
			t.Errorf("%s has not %s", path, want)
		}
	}
	r, err := http.NewRequest("GET", s.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = `x"><script`
	if a, err := http.DefaultClient.Do(r); err == nil && strings.Contains(read(t, a).body, "<script\">") {
		t.Error("a host that is no name comes into the page")
	}
}

// The service worker's list has every file that never changes under its name, and the pages are there.
func TestServiceWorker(t *testing.T) {
	s, _ := site(t)
	needs.Assets(t)
	a := get(t, s.URL+"/sw.js")
	line, _, _ := strings.Cut(strings.TrimPrefix(a.body, "const gupscope="), ";\n")
	var k struct {
		Version      string
		Pages, Files []string
	}
	if err := json.Unmarshal([]byte(line), &k); err != nil || len(k.Version) != 16 {
		t.Fatalf("%v: %s", err, line)
	}
	wasm := 0
	for _, path := range append(k.Pages, k.Files...) {
		if code := get(t, s.URL+path).code; code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
		if strings.HasSuffix(path, ".wasm") {
			wasm++
		}
	}
	if wasm != 1 {
		t.Errorf("%d WASMs are kept", wasm)
	}
	if strings.Contains(line, "embed.js") || strings.Contains(line, "/static/sw.") {
		t.Errorf("kept is what is asked for again: %s", line)
	}
}
