package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What somebody does who opens the page for the first time: the next step, over
// the edge, Check, the counterexample, the rule back on, the proof, the link.
func TestFirstVisit(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.open(s.url)
	at := p.cursor()
	if p.text("#verdict .word") == "" {
		t.Error("the first page has no verdict")
	}
	// All of the race is seen at a glance: both columns, the race window, and the step that breaks the claim.
	for _, what := range []string{".lane.l0", ".lane.l1", "#row-1", ".window.bad", ".row.bad", "#next .move.follows", "#scrub"} {
		if !within(p, what, "#frame") {
			t.Errorf("%s is not in sight on the first page", what)
		}
	}
	// The first press is answered by a frame that came with the page, before the core is there.
	early := eval[string](p, `(() => {
		const late = document.querySelector("#editor[data-mounted]");
		document.querySelector(".move.follows").click();
		return late ? "late" : document.querySelector("#scrub input").value;
	})()`)
	if early != "late" && early != itoa(at+1) {
		t.Errorf("the first press was not answered at once: the page stands at %s", early)
	}
	p.wait(fmt.Sprintf(`document.querySelector("#scrub input").value == %d`, at+1))
	p.wait(`document.querySelector("#editor[data-mounted]")`)
	if got := p.cursor(); got != at+1 {
		t.Errorf("the core stands at step %d, the page was at %d", got, at+1)
	}
	for p.text(".row.bad[aria-current=step]") == "" {
		before := p.cursor()
		p.click(".move.follows")
		p.wait(fmt.Sprintf(`document.querySelector("#scrub input").value == %d`, before+1))
	}
	p.shot("violation")
	link := eval[string](p, `location.href`)
	if !strings.Contains(link, "/s/") || !strings.Contains(link, fmt.Sprintf("c=%d", p.cursor())) {
		p.wait(fmt.Sprintf(`location.href.includes("c=%d")`, p.cursor()))
		link = eval[string](p, `location.href`)
	}

	p.click("button.check")
	p.wait(`/Sometimes/.test(document.querySelector("#verdict .word")?.textContent)`)
	p.shot("sometimes")

	p.click("#pick-kernel")
	p.click(`#kernels [data-kernel="v6.12"]`)
	p.wait(`document.querySelector("#pick-kernel").textContent.includes("v6.12")`)
	p.key("\x1b") // closes the panel
	p.click("button.check")
	p.wait(`/Never/.test(document.querySelector("#verdict .word")?.textContent)`)
	p.shot("never")

	q := newTab(t, s.url, 1440, 900)
	q.ready(link)
	if q.text(".row.bad[aria-current=step]") == "" {
		t.Errorf("%s does not open at the violation", link)
	}
}

// Keys step, go back and forward; not while a text is typed.
func TestKeys(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url)
	at := p.cursor()
	p.key("\u0302") // ArrowLeft
	p.wait(fmt.Sprintf(`document.querySelector("#scrub input").value == %d`, at-1))
	p.key("\u0303") // ArrowRight
	p.wait(fmt.Sprintf(`document.querySelector("#scrub input").value == %d`, at))
	where := eval[[]float64](p, `(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector("#source").getBoundingClientRect())`) // of the editor itself, both ends may be out of sight
	p.do(chromedp.MouseClickXY(where[0], where[1]))
	p.wait(`document.activeElement.matches("#editor .codemirror")`)
	p.key("1")
	time.Sleep(300 * time.Millisecond)
	if got := p.cursor(); got != at {
		t.Errorf("a key typed into the editor moved the run from %d to %d", at, got)
	}
}

// Text is typed, diagnosed, run, and lives in the address alone.
func TestEdit(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	p.click("#editor .codemirror")
	edit(p, "FOLL_WRITE", "FOLL_WRIET")
	p.wait(`document.querySelector("#diagnostics").textContent.includes("FOLL_WRITE")`)
	p.shot("diagnostic")
	edit(p, "FOLL_WRIET", "FOLL_WRITE")
	p.wait(`!document.querySelector("#diagnostics").textContent.includes("FOLL_WRIET")`)
	edit(p, "mm A {", "// mine\nmm A {")
	p.wait(`location.hash.startsWith("#1.")`)
	p.click(".move.ready")
	p.wait(`document.querySelector("#scrub input").value == 1`)
	p.wait(`location.hash.startsWith("#1.")`)
	time.Sleep(500 * time.Millisecond) // the address follows at its own pace
	link := eval[string](p, `location.href`)

	q := newTab(t, s.url, 1440, 900)
	q.ready(link)
	q.wait(`document.querySelector("#scrub input").value == 1`)
	if text := eval[string](q, editorView+`.state.doc.toString()`); !strings.Contains(text, "// mine") {
		t.Errorf("the text did not come with its link: %q", text)
	}
	for _, r := range q.requests {
		if u, _ := url.Parse(r); strings.Contains(u.RawQuery+u.Path, "1.") && strings.Contains(r, "x=") {
			t.Errorf("the text was sent: %s", r)
		}
	}
}

// editorView is CodeMirror's view of the editor.
const editorView = `(() => {
	const content = document.querySelector("#editor .codemirror").shadowRoot.querySelector(".cm-content");
	return content.cmTile ? content.cmTile.view : content.cmView.view;
})()`

// edit replaces the first place of the text, as typing does.
func edit(p *tab, from, to string) {
	p.t.Helper()
	p.wait(editorView + `.state.doc.toString().includes(` + quote(from) + `)`)
	eval[bool](p, `((view) => {
		const at = view.state.doc.toString().indexOf(`+quote(from)+`);
		view.dispatch({changes: {from: at, to: at + `+fmt.Sprint(len(from))+`, insert: `+quote(to)+`}});
		return true;
	})(`+editorView+`)`)
}

// A damaged link says so, and the page is usable all the same.
func TestDamagedLink(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	for _, fragment := range []string{"#1.abc", "#1.29glq6pWKlGyUnIPDVDoiMmLUUpUKEpMTo1RislT0lHKVrJSKjPTMzRS0lEqUrJSMqgw1jNU0lFKVrIyqgUEAAD__we", "#7.zzze"} {
		p.ready(s.url + fragment)
		p.wait(`/link/i.test(document.getElementById("notice").textContent)`)
		p.open("about:blank")
	}
	p.shot("damaged")
}

// The browser's way back leads from a scenario to the one before it, and to where the reader stood in it.
func TestBack(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	p.click(".move.ready")
	p.wait(at(1))
	p.wait(`location.search.includes("c=1")`)
	p.click("#pick-scenario")
	p.click(`#scenarios [data-scenario=store-vs-munmap]`)
	p.wait(`location.pathname === "/s/store-vs-munmap" && ` + at(0))
	p.wait(editorView + `.state.doc.toString().startsWith("GUP store-vs-munmap")`)
	eval[bool](p, `(setTimeout(() => history.back()), true)`)
	p.wait(`location.pathname === "/s/gup-fast-vs-reclaim" && ` + at(1))
	p.wait(editorView + `.state.doc.toString().startsWith("GUP gup-fast-vs-reclaim")`)
}
