package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	browser "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// keptOffline waits until the service worker has all that it keeps and serves the page.
func keptOffline(p *tab) {
	p.t.Helper()
	eval[bool](p, `(async () => { await navigator.serviceWorker.ready; while (!navigator.serviceWorker.controller) await new Promise(f => setTimeout(f, 20)); return true; })()`)
}

// After the first visit everything that the browser can do itself works without a server: another
// scenario, stepping, a check, the gallery. A room says that it needs the network.
func TestOffline(t *testing.T) {
	s := serveBinary(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url)
	keptOffline(p)
	// Reloaded past the service worker, as it is when it was on its way while the worker claimed the others, it has itself claimed.
	if _, err := chromedp.Call(p.ctx, browser.Reload, browser.ReloadParams{IgnoreCache: new(true)}); err != nil {
		t.Fatal(err)
	}
	p.wait(`performance.getEntriesByType("navigation")[0].type === "reload" && document.readyState === "complete"`)
	keptOffline(p)
	p.open(s.url + "matrix")
	p.wait(`document.getElementById("matrix-progress")`)
	p.open("about:blank")
	p.allow("ERR_CONNECTION_REFUSED")
	p.allow("Failed to load resource")
	s.kill()

	p.ready(s.url)
	start := p.cursor()
	p.click(".move.follows")
	p.wait(at(start + 1))
	p.click("button.check")
	p.wait(`/Sometimes/.test(document.querySelector("#verdict .word")?.textContent)`)

	p.ready(s.url + "s/store-vs-munmap?k=v6.12&r=0&c=0")
	p.wait(`document.querySelector("#pick-scenario").textContent.includes("store-vs-munmap")`)
	p.click(".move.ready")
	p.wait(at(1))
	p.shot("shell")
	p.open(s.url + "gallery?by=mail")
	p.wait(`document.querySelectorAll(".gallery li").length > 100`)
	// The table of verdicts as it was when it was seen, however it is narrowed; of a page that was not seen, that it is not there.
	p.open(s.url + "matrix?kernel=v6.12")
	p.wait(`document.querySelectorAll("table tr").length > 20`)
	p.open(s.url + "nowhere")
	p.wait(`document.body.textContent.includes("You are offline")`)
	for _, path := range []string{"room/AAAAAAAAAAAAAAAAAAAAAA#v.x", "l/AAAAAAAAAA"} {
		p.open(s.url + path)
		p.wait(`document.querySelector("#notice").textContent.includes("needs the network")`)
	}
	p.shot("room")
}

// A release is simulated by a proxy before the one server: it calls the WASM, the scripts and the pages otherwise.
type release struct {
	to    http.Handler
	later atomic.Bool
	asked atomic.Value // func(path string)
}

// The names of files, and how the later release calls them.
var (
	fileName = regexp.MustCompile(`\.([0-9A-Z]{8})\.(js|css|wasm|svg)`)
	newName  = regexp.MustCompile(`\.B([0-9A-Z]{8})\.(js|css|wasm|svg)`)
)

func (r *release) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	later := r.later.Load()
	if f, ok := r.asked.Load().(func(string)); ok {
		f(q.URL.Path)
	}
	if later && strings.HasPrefix(q.URL.Path, "/static/") {
		if fileName.MatchString(q.URL.Path) {
			http.NotFound(w, q) // a file of the old release
			return
		}
		q.URL.Path = newName.ReplaceAllString(q.URL.Path, ".$1.$2")
	}
	q.Header.Del("Accept-Encoding")
	rec := httptest.NewRecorder()
	r.to.ServeHTTP(rec, q)
	body := rec.Body.Bytes()
	kind := rec.Header().Get("Content-Type")
	if later && strings.HasPrefix(kind, "text/") {
		body = fileName.ReplaceAll(body, []byte(".B$1.$2"))
	}
	for k, v := range rec.Header() {
		if k != "Content-Length" && k != "Etag" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(rec.Code)
	io.Writer(w).Write(body)
}

// When a new release is there, a page that is open goes on with the files of the old one, which the server no longer
// has; a page that is opened then has the new ones alone; and when no old page is open, the old files go.
func TestUpdate(t *testing.T) {
	s := sharedServer(t)
	back, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	r := &release{to: httputil.NewSingleHostReverseProxy(back)}
	front := httptest.NewServer(r)
	t.Cleanup(front.Close)
	p := newTab(t, front.URL, 1440, 900)
	p.ready(front.URL + "/")
	keptOffline(p)

	r.later.Store(true)
	var old atomic.Int32
	r.asked.Store(func(path string) {
		if fileName.MatchString(path) {
			old.Add(1)
		}
	})
	// The open page: a check starts a worker from the WASM that it was opened with.
	p.click("button.check")
	p.wait(`/Sometimes/.test(document.querySelector("#verdict .word")?.textContent)`)
	if n := eval[int](p, `fetch(JSON.parse(document.getElementById("boot").textContent).core).then(r => r.status)`); n != 200 {
		t.Errorf("the old page's WASM is gone: %d", n)
	}
	// Another tab of the same person has the new release alone.
	ctx, cancel := chromedp.NewContext(p.ctx)
	defer cancel()
	q := &tab{t: t, ctx: ctx, home: front.URL}
	q.ready(front.URL + "/s/store-vs-munmap")
	if mixed := eval[int](q, `performance.getEntriesByType("resource").filter(e => /\.[0-9A-Z]{8}\.(js|css|wasm)$/.test(e.name)).length`); mixed != 0 {
		t.Errorf("the new page has %d files of the old release", mixed)
	}
	eval[bool](q, `navigator.serviceWorker.getRegistration().then(async r => { await r.update(); while (!r.waiting) await new Promise(f => setTimeout(f, 20)); return true; })`)
	if old.Load() > 0 {
		t.Errorf("%d files of the old release were asked for from the server", old.Load())
	}
	// The last page of the old release goes: the new one takes over, alone.
	p.open("about:blank")
	q.open("about:blank")
	q.ready(front.URL + "/")
	eval[bool](q, `(async () => { while ((await caches.keys()).filter(n => !n.includes("seen")).length !== 1) await new Promise(f => setTimeout(f, 20)); return true; })()`)
	if names := eval[string](q, `caches.keys().then(async k => (await (await caches.open(k.find(n => !n.includes("seen")))).keys()).map(r => r.url).filter(u => u.includes("wasm")).join())`); !strings.Contains(names, ".B") {
		t.Errorf("kept is %s", names)
	}
}
