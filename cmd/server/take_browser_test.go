package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A download is saved into a folder of the test's own.
func downloads(p *tab) string {
	p.t.Helper()
	dir := p.t.TempDir()
	id := chromedp.FromContext(p.ctx).BrowserContextID
	if _, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: id, DownloadPath: dir}); err != nil {
		p.t.Fatal(err)
	}
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		if _, err := chromedp.CallBrowser(p.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted, BrowserContextID: id}); err != nil {
			p.t.Fatal(err)
		}
	}
	return dir
}

// saved presses Save of a form and returns the file.
func saved(p *tab, dir, form, name string) []byte {
	p.t.Helper()
	p.click(`[data-act=save][data-to=` + form + `]`)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil && len(b) > 0 {
			return b
		}
	}
	p.shot("not-saved")
	p.t.Fatalf("%s was not saved; the notice is %q", name, p.text("#notice"))
	return nil
}

// A run is taken away in every form, from the one menu, by keys and by mouse.
func TestTake(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	dir := downloads(p)
	p.key("x")
	p.wait(`document.querySelector("#share-panel:popover-open")`)
	taking(t, p, dir)
	p.click(".preview summary")
	p.wait(`document.querySelector("#ascii").textContent.includes("CPU0 (P0)")`)
	p.shot("menu")
	p.click("[data-act=embed]")
	p.wait(`document.querySelector("#notice").textContent.includes("HTML for your page")`)
	if got := eval[string](p, `navigator.clipboard.readText()`); !strings.Contains(got, `<gup-scope scenario="gup-fast-vs-reclaim" run=`) {
		t.Errorf("the embed is %s", got)
	}
}

// The same in a room, for one who looks on.
func TestTakeInRoom(t *testing.T) {
	s := sharedServer(t)
	a := newTab(t, s.url, 1440, 900)
	a.ready(s.url + raced)
	_, viewer := makeRoom(a)
	v := enterRoom(t, s, viewer)
	v.wait(`document.querySelector("#editor[data-mounted]")`)
	dir := downloads(v)
	v.key("x")
	taking(t, v, dir)

	// A copy of one's own, in which one steps alone.
	n := a.cursor()
	mine := eval[string](v, `document.querySelector("#share a[data-full]").href`)
	v.ready(mine)
	v.wait(at(n))
	v.key(kb.ArrowLeft)
	v.wait(at(n - 1))
	if role := eval[string](v, `document.documentElement.dataset.role ?? ""`); role != "" || a.cursor() != n {
		t.Errorf("%s is no copy of the run: %s, and the room stands at %d", mine, role, a.cursor())
	}
}

// firstRun is how files of the run raced are called: by scenario and kernel.
const firstRun = "gup-fast-vs-reclaim-v6.12-without-gup_pte_recheck-with-tlb_flush=pv"

func taking(t *testing.T, p *tab, dir string) {
	t.Helper()
	const name = firstRun + "."
	p.click(`[data-act=copy][data-to=text]`)
	p.wait(`document.querySelector("#notice").textContent.includes("text is copied")`)
	text := eval[string](p, `navigator.clipboard.readText()`)
	if !strings.Contains(text, "CPU0 (P0)") || !strings.Contains(text, "gup_fast_pte_range()") {
		t.Errorf("copied was\n%s", text)
	}
	if got := string(saved(p, dir, "text", name+"txt")); got != text {
		t.Errorf("saved was\n%s\ncopied\n%s", got, text)
	}
	if got := string(saved(p, dir, "mermaid", name+"mmd")); !strings.Contains(got, "sequenceDiagram") {
		t.Errorf("Mermaid is\n%s", got)
	}
	if got := string(saved(p, dir, "svg", name+"svg")); !strings.HasPrefix(got, "<svg ") {
		t.Errorf("SVG is %.80s", got)
	}
	picture, err := png.Decode(bytes.NewReader(saved(p, dir, "png", name+"png")))
	if err != nil {
		t.Fatal(err)
	}
	if b := picture.Bounds(); b.Dx() < 1200 || b.Dy() < 2000 {
		t.Errorf("the picture is %v", b)
	}
	ink := map[uint32]bool{}
	for y := 0; y < picture.Bounds().Dy(); y += 3 {
		r, g, b, _ := picture.At(picture.Bounds().Dx()/3, y).RGBA()
		ink[r>>8<<16|g>>8<<8|b>>8] = true
	}
	if len(ink) < 5 {
		t.Errorf("the picture has %d colours: it is empty", len(ink))
	}
	p.click(`[data-act=copy][data-to=png]`)
	p.wait(`document.querySelector("#notice").textContent.includes("picture is copied")`)
	if kind := eval[string](p, `navigator.clipboard.read().then(all => all[0].types.join())`); !strings.Contains(kind, "image/png") {
		t.Errorf("on the clipboard is %s", kind)
	}
	var run struct{ Format, Scenario, Run string }
	if err := json.Unmarshal(saved(p, dir, "json", name+"json"), &run); err != nil || run.Scenario == "" || run.Run == "" {
		t.Errorf("JSON: %v, %+v", err, run)
	}
	var trace struct{ TraceEvents []map[string]any }
	if err := json.Unmarshal(saved(p, dir, "trace", name+"trace.json"), &trace); err != nil || len(trace.TraceEvents) < 50 {
		t.Errorf("the trace: %v, %d events", err, len(trace.TraceEvents))
	}
	file := string(saved(p, dir, "html", name+"html"))
	if strings.Contains(file, "/* style */") || strings.Contains(file, "/* script */") || len(file) > 2<<20 {
		t.Errorf("the file has %d bytes and misses its style or script", len(file))
	}
}

// A saved file steps by itself, by mouse and keys, without network and without WASM.
func TestTakenFile(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	dir := downloads(p)
	p.key("x")
	saved(p, dir, "html", firstRun+".html")
	here := eval[int](p, `Number(document.querySelector("#scrub input").value)`)
	end := eval[int](p, `Number(document.querySelector("#scrub input").max)`)

	for _, width := range []int64{1440, 390} {
		f := newTab(t, "file:", width, 900)
		f.open("file://" + filepath.Join(dir, firstRun+".html"))
		f.wait(`document.documentElement.dataset.script !== undefined`)
		f.wait(at(here))
		f.key("\u0306") // Home
		f.wait(at(0))
		if got := f.text("#lanes"); !strings.Contains(got, "cpu0 P0 in A") || strings.Contains(f.text("#sentence"), "Choose") {
			t.Errorf("above the columns stands %q, the sentence is %q", got, f.text("#sentence"))
		}
		f.key("\u0303") // ArrowRight
		f.wait(at(1))
		f.click(".move.follows")
		f.wait(at(2))
		f.key("\u0305") // End
		f.wait(at(end))
		f.key("\u0306")
		f.wait(at(0))
		eval[bool](f, `(() => { const r = document.querySelector("#scrub input"); r.value = `+itoa(end)+`; r.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`)
		f.wait(at(end))
		f.wait(`document.querySelector(".row.bad[aria-current=step]") && document.querySelector("#claims").textContent.includes("gup-returns-only-mapped-pages")`)
		if got, want := f.text("#sentence"), eval[string](f, `document.querySelector("#say").textContent.replace(/\s+/g, " ").trim()`); got != want {
			t.Errorf("the sentence is %q, what is said %q", got, want)
		}
		f.shot("end")
		f.key("\u0302")
		f.wait(at(end - 1))
		eval[bool](f, `(document.documentElement.dataset.theme = "dark", true)`)
		f.shot("dark")
		if n := len(f.requests); n != 1 {
			t.Errorf("the file asks for %d things: %v", n, f.requests)
		}
	}
}

// What was saved is opened again, by the file picker and dropped on the page; a file that
// is none says where it is wrong, and nothing is lost.
func TestBring(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	dir := downloads(p)
	bringing(t, p, dir)
}

func TestBringInRoom(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	_, viewer := makeRoom(p)
	p.wait(`document.documentElement.dataset.pen === "mine" && document.querySelector("#editor[data-mounted]")`)
	p.key("\x1b")
	v := enterRoom(t, s, viewer)
	bringing(t, p, downloads(p))
	v.wait(at(5)) // everybody sees it
}

func bringing(t *testing.T, p *tab, dir string) {
	t.Helper()
	for n := range 5 {
		p.click(".move.ready")
		p.wait(at(n + 1))
	}
	race := p.text("#rows")
	p.key("x")
	good := saved(p, dir, "json", firstRun+".json")
	p.key("\x1b")
	p.click("#scrub [data-key=ArrowLeft]")
	p.wait(at(4))
	p.click(".move.ready:not(.follows)")
	p.wait(at(5))

	bad := filepath.Join(dir, "bad.json")
	if err := os.WriteFile(bad, bytes.Replace(good, []byte(`"at": 5`), []byte(`"at": five`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	before := p.text("#rows")
	p.do(chromedp.Click(chromedp.CSS(`[popovertarget=share-panel]`)))
	eval[bool](p, `(HTMLInputElement.prototype.click = function () {}, true)`) // the file picker is the browser's own
	p.click("[data-act=import]")
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#import"), []string{bad}))
	p.wait(`/not JSON: .* at line \d+, column \d+\. Nothing was changed/.test(document.querySelector("#notice").textContent)`)
	p.shot("bad")
	if got := p.text("#rows"); got != before {
		t.Errorf("the bad file made\n%s\nof\n%s", got, before)
	}
	p.click("[data-act=import]")
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#import"), []string{filepath.Join(dir, firstRun+".json")}))
	p.wait(`document.querySelector("#rows").textContent.replace(/\s+/g, " ").trim() === ` + quote(race))

	// And dropped, from another run.
	p.click("#scrub [data-key=ArrowLeft]")
	p.wait(at(4))
	p.click(".move.ready:not(.follows)")
	p.wait(at(5))
	eval[bool](p, `(() => {
		const data = new DataTransfer();
		data.items.add(new File([`+quote(string(good))+`], "run.json", {type: "application/json"}));
		for (const kind of ["dragover", "drop"]) document.querySelector("#race").dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: data}));
		return true;
	})()`)
	p.wait(`document.querySelector("#rows").textContent.replace(/\s+/g, " ").trim() === ` + quote(race))
}
