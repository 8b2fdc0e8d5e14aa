package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// What the table of web/README.md says of single things, done as a reader does it.

// Who cannot go on says why on its button; pressed, it does nothing.
func TestWhyNotOnTheButton(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + strings.TrimSuffix(raced, "45") + "5") // the host has preempted cpu0
	blocked := `document.querySelector("#next .move.blocked")`
	p.wait(blocked + `?.textContent.includes("preempted")`)
	p.click("#next .move.blocked")
	time.Sleep(300 * time.Millisecond)
	if n := p.cursor(); n != 5 {
		t.Errorf("a step that cannot be made leads to step %d", n)
	}
	p.shot("blocked")
}

// Any step is gone to by a press on its number, and by the slider's own keys.
func TestGoToAnyStep(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	p.click("#row-40 > .n")
	p.wait(at(40))
	p.wait(`document.querySelector("#row-40[aria-current=step]")`)
	p.do(chromedp.Focus(chromedp.CSS("#scrub input")))
	p.key("\u0302") // ArrowLeft
	p.wait(at(39))
	p.wait(`document.querySelector("#row-39[aria-current=step]")`)
}

// Of every claim that can break there is a run in the verdict's panel, and a press leads to it.
func TestEveryCounterexample(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/store-vs-munmap?k=v6.12+without+gather_flush_before_free+with+pt_free%3Dimmediate")
	p.click("button.check")
	p.wait(`document.querySelector("#verdict.sometimes .result") && !document.querySelector("#verdict .stop")`)
	runs := `document.querySelectorAll("#counters .bad-runs [data-claim]")`
	n := eval[int](p, runs+`.length`)
	if n < 2 {
		t.Fatalf("%d claims break", n)
	}
	for i := range n {
		p.click("#verdict .result")
		p.wait(`document.querySelector("#counters:popover-open")`)
		claim := eval[string](p, runs+`[`+itoa(i)+`].dataset.claim`)
		p.click(`#counters .bad-runs [data-claim="` + claim + `"]`)
		p.wait(`!document.querySelector("#counters:popover-open")`)
		p.key("v")
		p.wait(`document.querySelector(".row.bad[aria-current=step]") && document.getElementById("claim-` + claim + `")?.matches(".bad")`)
	}
}

// A run is played as fast as one likes.
func TestPlaySpeed(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	took := func(speed string) time.Duration {
		t.Helper()
		p.key("\u0306") // Home
		p.wait(at(0))
		p.click("[popovertarget=run-menu]")
		p.do(chromedp.SetValue(chromedp.CSS("[data-set=speed]"), speed))
		eval[bool](p, `document.querySelector("[data-set=speed]").dispatchEvent(new Event("change", {bubbles: true}))`)
		p.key("\x1b")
		p.wait(`document.documentElement.dataset.speed === ` + quote(speed))
		p.key("p")
		p.wait(`document.querySelector("#scrub input").value >= 1`)
		began := time.Now()
		p.wait(`document.querySelector("#scrub input").value >= 4`)
		d := time.Since(began)
		p.key("p")
		p.wait(`document.documentElement.dataset.playing === undefined`)
		return d
	}
	if slow, fast := took("1"), took("10"); slow < 2*time.Second || fast >= slow {
		t.Errorf("three steps took %v at one a second, and %v at ten", slow, fast)
	}
}

// The ends that runs have stand beside the verdict, each with a run that leads there.
func TestEndsAreOpened(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/litmus-sb")
	p.click("button.check")
	p.wait(`document.querySelector("#verdict.never .result")`)
	p.click("#verdict .result")
	end := `[...document.querySelectorAll("#rests li")].find((l) => l.textContent.includes('P0:a="0"') && l.textContent.includes('P1:b="0"'))`
	p.wait(end + `?.querySelector("button")`)
	if n := eval[int](p, `[...document.querySelectorAll("#rests li")].filter((l) => /P0:a=/.test(l.textContent)).length`); n != 4 {
		t.Errorf("%d ends are told, of four that there are", n)
	}
	steps := eval[int](p, `Number(`+end+`.querySelector("button").dataset.at)`)
	eval[bool](p, `(`+end+`.closest("details")?.setAttribute("open", ""), `+end+`.querySelector("button").scrollIntoView(), true)`)
	eval[bool](p, `(`+end+`.querySelector("button").click(), true)`)
	p.wait(at(steps))
	p.wait(`document.querySelector("#claims").textContent.includes("this run ends so")`)
	p.shot("end")
}

// Nothing that a reader does is sent anywhere before Share is pressed; then one thing is.
func TestNothingIsStoredUnasked(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	asked := func() (out []string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, r := range p.requests {
			if strings.Contains(r, "/api/") {
				out = append(out, r)
			}
		}
		return out
	}
	edit(p, "mm A {", "// mine\nmm A {")
	p.wait(`location.hash.startsWith("#1.")`)
	p.click(".move.ready")
	p.wait(at(1))
	p.click("[popovertarget=share-panel]")
	p.wait(`document.querySelector("#share-panel:popover-open")`)
	time.Sleep(500 * time.Millisecond)
	if got := asked(); len(got) > 0 {
		t.Errorf("before anybody pressed Share, %v was asked for", got)
	}
	p.click("[data-act=share]")
	p.wait(`document.querySelector("#link-short a")`)
	if got := asked(); len(got) != 1 || !strings.HasSuffix(got[0], "/api/share") {
		t.Errorf("pressed once, Share asks for %v", got)
	}
	q := newTab(t, s.url, 1440, 900)
	q.ready(eval[string](p, `document.querySelector("#link-short a").href`))
	q.wait(at(1))
	if !strings.Contains(typed(q), "// mine") {
		t.Error("the short link does not lead to the text")
	}
}

// A run that this model does not make as it was made says at which step it becomes another one, and is there up to that.
func TestDivergedLink(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + strings.Replace(raced, "1x31W", "1x31V", 1)) // what stood there was another state
	p.wait(`/another one from step 36 on: it is now .* in free_unref_folio/.test(document.querySelector("#notice").textContent)`)
	if n, end := p.cursor(), eval[int](p, `Number(document.querySelector("#scrub input").max)`); n != 36 || end != 36 {
		t.Errorf("it stands at step %d of %d", n, end)
	}
	p.click(".move.ready")
	p.wait(at(37))
	p.shot("goes-on")
}

// What the playground copies for other pages shows, there, the step that it stood at: where the claim breaks. Of messages that are not its frame's
// the element takes no notice. Without script, the frame has that step, too, and the way to the playground.
func TestEmbedPinned(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	downloads(p) // the clipboard may be read
	end := eval[int](p, `Number(document.querySelector("#scrub input").max)`)
	p.key("\u0305") // End
	p.wait(at(end))
	p.key("x")
	p.click("[data-act=embed]")
	p.wait(`document.querySelector("#notice").textContent.includes("HTML for your page")`)
	html := eval[string](p, `navigator.clipboard.readText()`)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!DOCTYPE html><title>A blog</title><body><script>window.steps = []; addEventListener("step", (e) => steps.push(e.detail))</script>`, html)
	}))
	defer other.Close()
	q := newTab(t, "http://127.0.0.1:", 800, 900)
	q.open(other.URL)
	q.wait(`window.steps?.[0]?.at === ` + itoa(end) + ` && steps[0].of === ` + itoa(end))
	if said := eval[string](q, `steps[0].sentence`); !strings.Contains(said, "gup-returns-only-mapped-pages") && !strings.Contains(said, "frame 1") {
		t.Errorf("there it says %q", said)
	}
	height := `parseInt(document.querySelector("gup-scope").shadowRoot.querySelector("iframe").style.height)`
	q.wait(height + ` > 100 && ` + height + ` != 480`)
	was := eval[int](q, height)
	eval[bool](q, `(postMessage({gupscope: {height: 77}}, "*"), true)`)
	time.Sleep(300 * time.Millisecond)
	if now := eval[int](q, height); now != was {
		t.Errorf("a message of somebody else makes the frame %d px high, of %d", now, was)
	}

	frame := embedAddress(q)
	plain := newTab(t, s.url, 800, 900)
	plain.script(false)
	plain.open(frame)
	plain.wait(`document.querySelector(".row.bad[aria-current=step]")?.checkVisibility()`)
	if full := eval[string](plain, `document.querySelector("a[data-full]").href`); !strings.Contains(full, "/s/gup-fast-vs-reclaim") {
		t.Errorf("the way to the playground is %s", full)
	}
	// On paper it has the diagram, and nothing to press.
	media := emulation.SetEmulatedMediaParams{Media: "print"}
	if _, err := chromedp.Call(plain.ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	plain.wait(`document.querySelector(".row.bad").checkVisibility() && !document.querySelector(".dock")?.checkVisibility() && !document.querySelector("a[data-full]").checkVisibility()`)
	plain.shot("print")
}

// One binary in an empty folder is a whole server: its page steps, and it says that it is well, and what it counts.
func TestOneBinary(t *testing.T) {
	sharedServer(t) // has the assets
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics := free.Addr().String()
	free.Close()
	dir := t.TempDir()
	cmd := exec.Command(name, "serve", "--addr", "127.0.0.1:0", "--data", "data", "--metrics", metrics)
	cmd.Dir, cmd.Env = dir, []string{}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	_, url, _ := strings.Cut(strings.TrimSpace(string(line[:n])), "http://")
	url = "http://" + url
	p := newTab(t, url, 1440, 900)
	p.ready(url + "s/gup-fast-vs-reclaim")
	p.click(".move.ready")
	p.wait(at(1))
	for address, want := range map[string]string{url + "healthz": "ok", "http://" + metrics + "/metrics": `gupscope_http_requests_total{code="200",route="/s/{name}"} 1`} {
		r, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s answers %d, %v, %.200s", address, r.StatusCode, err, body)
		}
	}
}
