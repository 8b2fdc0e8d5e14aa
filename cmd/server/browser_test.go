package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"gupscope/static/needs"
)

// Browser tests drive Debian's Chromium against the real binary, as a person
// would. They need the assets (make assets) and chromium.

// binary is bin/gupscope as make build would make it, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gupscope")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "gupscope")
	out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

// A process is a running gupscope serve.
type process struct {
	t    testing.TB
	url  string // with a slash at the end
	data string
	args []string
	cmd  *exec.Cmd
}

// serveBinary starts the binary on a free port, with data of its own.
func serveBinary(t testing.TB, args ...string) *process {
	t.Helper()
	needs.Assets(t)
	p := &process{t: t, data: t.TempDir(), args: args}
	p.start("127.0.0.1:0")
	t.Cleanup(func() { p.stop() })
	return p
}

// raced is a race of three columns that is about to go wrong: the counterexample of gup-fast-vs-reclaim, three steps before its end. The first page shows a shorter one.
const raced = "s/gup-fast-vs-reclaim?r=0x3r.6q.1:1n.1x31W.2x6s.2:1I.6q.0x4E&c=45"

// The one server of all tests that leave it as it is. Who asks for it first starts it: some of them run side by side.
var (
	shared  *process
	sharing sync.Mutex
)

// sharedServer returns a server that others use as well, for tests that neither stop it nor have it compute the matrix.
func sharedServer(t testing.TB) *process {
	t.Helper()
	needs.Assets(t)
	sharing.Lock()
	defer sharing.Unlock()
	if shared == nil {
		data, err := os.MkdirTemp("", "gupscope-data")
		if err != nil {
			t.Fatal(err)
		}
		p := &process{t: t, data: data}
		p.start("127.0.0.1:0")
		shared = p
	}
	return shared
}

func (p *process) start(addr string) {
	p.t.Helper()
	name, err := binary()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(name, append([]string{"serve", "--addr", addr, "--data", p.data}, p.args...)...)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.t.Fatalf("gupscope serve did not start: %v", err)
	}
	_, address, ok := strings.Cut(strings.TrimSpace(line), "http://")
	if !ok {
		p.t.Fatalf("no address in %q", line)
	}
	p.url = "http://" + address
}

// kill ends the process as a failing machine would, and restart starts it again at the same address.
func (p *process) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	p.cmd.Wait()
}

func (p *process) restart() {
	u, err := url.Parse(p.url)
	if err != nil {
		p.t.Fatal(err)
	}
	p.start(u.Host)
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// chromium is one browser for all tests; each test has contexts of its own in it.
var chromium = sync.OnceValues(func() (context.Context, error) {
	name, err := exec.LookPath("chromium")
	if err != nil {
		return nil, err
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(name),
		chromedp.NoSandbox, // tests run as root, where the sandbox does not
		chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("force-prefers-reduced-motion", true), // see moving
	)
	if flag.Lookup("test.bench").Value.String() == "" {
		// What is hot is not compiled twice, but where that is measured: in a test a page lives for seconds, and that would take two of them. (The first two are chromedp's.)
		opts = append(opts, chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,WebAssemblyDynamicTiering,WebAssemblyTiering"))
	}
	alloc, _ := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, _ := chromedp.NewContext(alloc)
	return ctx, chromedp.Do(ctx)
})

// patience is how long a test waits for anything: on a machine that does much else besides, too, for what does not come is a mistake
// however long it takes to say so.
const patience = 4 * time.Minute

// A tab is a page in a browser, with a profile that it shares with nobody.
type tab struct {
	t    testing.TB
	ctx  context.Context
	home string // addresses of other hosts are an error

	scriptless bool // the page runs no scripts: see script

	mu       sync.Mutex
	wrong    []string
	requests []string
	tolerate []string
}

// newTab opens a page of that size.
func newTab(t testing.TB, home string, width, height int64) *tab {
	t.Helper()
	browser, err := chromium()
	needs.Have(t, err == nil, fmt.Sprintf("there is no chromium: %v", err))
	if err != nil {
		return nil
	}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(ctx, 2*patience)
	p := &tab{t: t, ctx: ctx, home: home}
	t.Cleanup(func() {
		p.verify()
		end()
		cancel()
	})
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	size := []chromedp.EmulateViewportOption{}
	if width < 500 {
		size = append(size, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.do(chromedp.EmulateViewport(width, height, size...))
	return p
}

// moving lets things move on the page, which few tests are about and which costs a third of what a page costs.
func (p *tab) moving() {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "no-preference"}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.wrong = append(p.wrong, "exception: "+text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.wrong = append(p.wrong, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" {
			p.wrong = append(p.wrong, fmt.Sprintf("console: %s", e.Args[0].Value))
		}
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
		if u, err := url.Parse(e.Request.URL); err == nil && (u.Scheme == "http" || u.Scheme == "https") && !strings.HasPrefix(e.Request.URL, p.home) {
			p.wrong = append(p.wrong, "request to another host: "+e.Request.URL)
		}
	}
}

// allow names a complaint of the browser that belongs to the test.
func (p *tab) allow(part string) { p.tolerate = append(p.tolerate, part) }

// verify fails the test if the page complained about anything.
func (p *tab) verify() {
	p.mu.Lock()
	defer p.mu.Unlock()
complaints:
	for _, w := range p.wrong {
		for _, part := range p.tolerate {
			if strings.Contains(w, part) {
				continue complaints
			}
		}
		p.t.Errorf("the page complains: %s", w)
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

// ready opens the address and waits for the core.
func (p *tab) ready(url string) {
	p.t.Helper()
	p.open(url)
	p.wait(`document.querySelector("#editor[data-mounted]") !== null`)
}

// eval returns what the expression is, which may be a promise.
func eval[T any](p *tab, js string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// wait waits until the expression is true.
func (p *tab) wait(js string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	look := `!!(` + js + `)`
	if !p.scriptless {
		look = `new Promise(done => {
			const until = performance.now() + 2000
			const look = () => {
				let seen = false
				try { seen = !!(` + js + `) } catch {}
				seen || performance.now() > until ? done(seen) : setTimeout(look, 20)
			}
			look()
		})`
	}
	for {
		// The page looks itself again and again: to ask it each time costs more than what is asked. While it goes to another one, nothing can be evaluated.
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](look, chromedp.EvalAwaitPromise))
		if ok {
			return
		}
		if ctx.Err() != nil {
			p.shot("waited")
			p.t.Fatalf("waited in vain for %s (%v); the page is %s, its notice %q", js, err,
				eval[string](p, `location.href`), eval[string](p, `document.getElementById("notice")?.textContent ?? ""`))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// click clicks where a person would, which must be seen and not be covered.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait(`document.querySelector(` + quote(selector) + `)?.checkVisibility()`)
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, `document.querySelector(`+quote(selector)+`)?.textContent.replace(/\s+/g, " ").trim() ?? ""`)
}

func (p *tab) key(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// cursor is the step at which the page stands.
func (p *tab) cursor() int {
	p.t.Helper()
	return eval[int](p, `Number(document.querySelector("#scrub input").value)`)
}

// script switches the page's scripts on or off, for the next pages.
func (p *tab) script(on bool) {
	p.t.Helper()
	p.scriptless = !on
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		p.t.Fatal(err)
	}
}

// shot keeps a picture, where GUPSCOPE_SHOTS says.
func (p *tab) shot(name string) {
	dir := os.Getenv("GUPSCOPE_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Logf("no picture: %v", err)
		return
	}
	os.WriteFile(filepath.Join(dir, strings.ReplaceAll(p.t.Name(), "/", "-")+"-"+name+".png"), png, 0o644)
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		shared.stop()
		os.RemoveAll(shared.data)
	}
	if name, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(name))
	}
	if ctx, err := chromium(); err == nil {
		chromedp.Cancel(ctx)
	}
	os.Exit(code)
}

func itoa(n int) string { return strconv.Itoa(n) }
