package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"gupscope/static/needs"
)

// A watcher is a proxy through which a browser does everything it does, workers and service workers included.
type watcher struct {
	mu    sync.Mutex
	hosts map[string]string // with an address that was asked for
}

func (w *watcher) saw(host, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hosts[host] == "" {
		w.hosts[host] = what
	}
}

func (w *watcher) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	if in.Method == http.MethodConnect {
		w.tunnel(out, in)
		return
	}
	w.saw(in.URL.Host, in.Method+" "+in.RequestURI)
	if !strings.HasPrefix(in.URL.Host, "127.0.0.1:") {
		http.Error(out, "this browser reaches no other host", http.StatusForbidden)
		return
	}
	in.RequestURI = ""
	in.Header.Del("Proxy-Connection")
	answer, err := http.DefaultTransport.RoundTrip(in)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for k, v := range answer.Header {
		out.Header()[k] = v
	}
	out.WriteHeader(answer.StatusCode)
	io.Copy(out, answer.Body)
}

// tunnel is for websockets.
func (w *watcher) tunnel(out http.ResponseWriter, in *http.Request) {
	w.saw(in.Host, "CONNECT "+in.Host)
	if !strings.HasPrefix(in.Host, "127.0.0.1:") {
		http.Error(out, "this browser reaches no other host", http.StatusForbidden)
		return
	}
	there, err := net.Dial("tcp", in.Host)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadGateway)
		return
	}
	out.WriteHeader(http.StatusOK)
	here, read, err := http.NewResponseController(out).Hijack()
	if err != nil {
		there.Close()
		return
	}
	go func() { io.Copy(there, read); there.Close() }() // what the server has read of it already comes first
	go func() { io.Copy(here, there); here.Close() }()
}

// chromiumsOwn are hosts that Chromium asks by itself, with no page open. (Of what pages ask, the tab complains anyhow.)
var chromiumsOwn = []string{"www.google.com:443", "accounts.google.com:443", "clients2.google.com", "android.clients.google.com:443", "mtalk.google.com:5228", "update.googleapis.com", "update.googleapis.com:443"}

// No page asks any other host for anything, whatever is pressed: all that the browser does, in pages, workers and
// service workers, goes by a proxy that looks at it.
func TestNoOtherHost(t *testing.T) {
	s := serveBinary(t)
	name, err := exec.LookPath("chromium")
	needs.Have(t, err == nil, fmt.Sprintf("there is no chromium: %v", err))
	w := &watcher{hosts: map[string]string{}}
	proxy := httptest.NewServer(w)
	t.Cleanup(proxy.Close)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(name),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true), chromedp.ProxyServer(proxy.URL),
		chromedp.Flag("proxy-bypass-list", "<-loopback>"), // loopback goes by the proxy, too
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-domain-reliability", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("disable-features", "OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater"))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, end := context.WithTimeout(ctx, 2*patience)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	p := &tab{t: t, ctx: ctx, home: s.url}
	t.Cleanup(p.verify)
	p.allow("404")
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"gallery", "docs", "docs/scenarios", "embed/gup-fast-vs-reclaim", "nothing"} {
		p.open(s.url + path)
		p.wait(`document.readyState === "complete"`)
	}
	p.ready(s.url)
	keptOffline(p)
	p.click(".move.follows")
	p.click("button.check")
	p.wait(`/Sometimes/.test(document.querySelector("#verdict .word")?.textContent)`)
	p.key("x")
	p.click("[data-act=share]")
	p.wait(`document.querySelector("#link-short a")`)
	p.open(eval[string](p, `document.querySelector("#link-short a").href`))
	p.wait(`document.querySelector("#editor[data-mounted]")`)
	p.key("x")
	// Its link is in the list of what this browser has stored, and can be taken back.
	p.click("#link-mine summary")
	p.click("#link-mine [data-act=take-back]")
	p.wait(`document.querySelector("#notice").textContent.includes("is taken back") && document.querySelector("#link-mine").hidden`)
	p.click("[data-act=live]")
	p.wait(`document.documentElement.dataset.role === "driver"`)

	p.open(s.url + "matrix") // the last, because the server has work with it
	p.wait(`document.querySelectorAll(".matrix tbody tr").length > 100`)

	home, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hosts[home.Host] == "" {
		t.Errorf("the proxy has not seen our own host; it saw %v", w.hosts)
	}
	for host, what := range w.hosts {
		if host != home.Host && !slices.Contains(chromiumsOwn, host) {
			t.Errorf("another host is asked: %s", what)
		}
	}
}
