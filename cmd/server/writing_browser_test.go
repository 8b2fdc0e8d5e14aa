package main

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	browser "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// inEditor finds something within the editor's shadow root.
func inEditor(selector string) string {
	return `document.querySelector("#editor .codemirror").shadowRoot.querySelector(` + quote(selector) + `)`
}

// caret puts the caret behind the first such text, and the focus into the editor.
func caret(p *tab, after string) {
	p.t.Helper()
	eval[bool](p, `(() => { const v = `+editorView+`; v.focus();
		const at = v.state.doc.toString().indexOf(`+quote(after)+`) + `+itoa(len(after))+`; v.dispatch({selection: {anchor: at}, scrollIntoView: true}); return true; })()`)
}

// stroke is a key without its character, which Chromium types on top where the key is made by hand.
func stroke(p *tab, keys string) {
	p.t.Helper()
	for _, r := range keys {
		for _, k := range kb.Encode(r) {
			if k.Type == kb.KeyChar {
				continue
			}
			if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, *k); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

func typed(p *tab) string { return eval[string](p, editorView+`.state.doc.toString()`) }

// Everything that the editor knows comes of the scenario package: colours, what may be written with its documentation,
// what a word means, mistakes with their fixes.
func TestWriting(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	writing(t, p)
}

func TestWritingInRoom(t *testing.T) {
	s := sharedServer(t)
	a := newTab(t, s.url, 1440, 900)
	a.ready(s.url + "s/gup-fast-vs-reclaim")
	_, viewer := makeRoom(a)
	a.wait(`document.querySelector("#editor[data-mounted]") && document.documentElement.dataset.pen === "mine"`)
	v := enterRoom(t, s, viewer)
	v.wait(`document.querySelector("#editor[data-mounted]")`)
	writing(t, a)
	v.wait(editorView + `.state.doc.toString() === ` + quote(typed(a)))
}

// What may be written is proposed at the foot of the text, too, where the mistake that it is so far stands right below it.
func TestCompletionAtTheFoot(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	p.wait(inEditor(".tok-call") + `?.textContent === "get_user_pages_fast"`)
	eval[bool](p, `(() => { const v = `+editorView+`; v.focus(); v.dispatch({selection: {anchor: v.state.doc.length}, scrollIntoView: true}); return true; })()`)
	stroke(p, "\r")
	p.do(chromedp.KeyEvent("P3 on cpu0 in A { madv"))
	p.wait(`document.querySelectorAll("#diagnostics li.error").length > 0`)
	p.wait(`(() => {
		const chosen = ` + inEditor(".cm-tooltip-autocomplete li[aria-selected]") + `;
		const at = chosen?.getBoundingClientRect();
		return chosen?.textContent.startsWith("madvise") && at.height > 0 && at.top >= 0 && at.bottom <= innerHeight;
	})()`)
	p.shot("complete-foot")
}

func writing(t *testing.T, p *tab) {
	t.Helper()
	p.wait(inEditor(".tok-call") + `?.textContent === "get_user_pages_fast" && ` + inEditor(".tok-keyword"))

	// Completion, by keys alone, with the documentation of what is chosen.
	caret(p, "FOLL_WRITE")
	p.do(chromedp.KeyEvent(" | FOLL_HW"))
	p.wait(inEditor(".cm-tooltip-autocomplete li[aria-selected]") + `?.textContent.includes("FOLL_HWPOISON")`)
	p.wait(inEditor(".cm-completionInfo") + `?.textContent.length > 20`)
	// The documentation is beside the choices, and the choices are not over what is wrong so far.
	p.wait(`(() => {
		const list = ` + inEditor(".cm-tooltip-autocomplete > ul") + `.getBoundingClientRect(), told = ` + inEditor(".cm-completionInfo") + `.getBoundingClientRect();
		const wrong = document.getElementById("diagnostics").getBoundingClientRect();
		const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
		return wrong.height > 0 && told.top >= 0 && apart(list, told) && apart(list, wrong);
	})()`)
	p.shot("complete")
	time.Sleep(200 * time.Millisecond) // the editor takes no key for a list that has just appeared
	stroke(p, "\r")
	p.wait(editorView + `.state.doc.toString().includes("FOLL_WRITE | FOLL_HWPOISON)")`)

	// What the word at the caret means: by a key, and by the mouse.
	caret(p, "shrink_folio")
	p.key(kb.F1)
	p.wait(`document.getElementById("notice").textContent.includes("shrink_folio_list(")`)
	where := eval[[]float64](p, `(() => { const r = `+inEditor(".tok-call")+`.getBoundingClientRect(); return [r.x + 20, r.y + 5]; })()`)
	for d := 0.0; d < 100 && !eval[bool](p, inEditor(".cm-tooltip .hover")+`?.textContent.includes("get_user_pages_fast(") ?? false`); d++ {
		p.do(chromedp.MouseEvent("mouseMoved", where[0]+d/4, where[1])) // news that arrives meanwhile closes a tooltip
		time.Sleep(400 * time.Millisecond)
	}
	p.wait(inEditor(".cm-tooltip .hover") + `?.textContent.includes("get_user_pages_fast(")`)
	p.shot("hover")

	// A mistake is underlined, told below in words, and mended by its button.
	edit(p, "mm B", "mm A")
	p.wait(inEditor(".cm-lintRange-error") + ` && document.querySelectorAll("#diagnostics li.error").length > 0`)
	edit(p, "mm A { other", "mm B { other")
	p.wait(`document.querySelectorAll("#diagnostics li").length === 0`)
	edit(p, "FOLL_WRITE |", "FOLL_WRIET |")
	p.wait(`document.querySelector("#diagnostics .fix")?.textContent.includes("FOLL_WRITE")`)
	p.shot("mistake")
	p.click("#diagnostics .fix")
	p.wait(editorView + `.state.doc.toString().includes("FOLL_WRITE |") && document.querySelectorAll("#diagnostics li").length === 0`)

	// Format; undo takes it back, for it is typing as any other.
	edit(p, "frames 2", "frames    2")
	p.wait(`document.querySelector("#pick-scenario").textContent.includes("edited")`)
	p.click("#writing [data-do=format]")
	p.wait(`/frames 2\b/.test(` + editorView + `.state.doc.toString())`)
	caret(p, "frames 2")
	p.do(chromedp.KeyEvent("z", chromedp.KeyModifiers(2)))
	p.wait(editorView + `.state.doc.toString().includes("frames    2")`)
	p.do(chromedp.KeyEvent("F", chromedp.KeyModifiers(1|8)))
	p.wait(`/frames 2\b/.test(` + editorView + `.state.doc.toString())`)

	// What is changed, one change taken back, then all.
	edit(p, "put_page(p)", "put_page(p) // ours")
	p.wait(editorView + `.state.doc.toString().includes("// ours") && document.getElementById("notice").textContent !== "Not sent"`)
	p.wait(`document.querySelectorAll("#diagnostics li").length === 0`)
	p.click("#writing [data-do=changes]")
	p.wait(`document.querySelectorAll("#changes-panel:popover-open .hunk li.new").length >= 2`)
	p.shot("changes")
	if !strings.Contains(p.text("#changes"), "gup-fast-vs-reclaim") || !strings.Contains(p.text("#changes li.gone"), "FOLL_WRITE)") {
		t.Errorf("the changes are told as %s", p.text("#changes"))
	}
	p.click("#changes .hunk [data-act=write]")
	p.wait(`!` + editorView + `.state.doc.toString().includes("// ours") || !` + editorView + `.state.doc.toString().includes("HWPOISON")`)
	if eval[bool](p, `!document.querySelector("#changes-panel:popover-open")`) {
		p.click("#writing [data-do=changes]")
	}
	p.click("#changes > .row-of [data-act=write]")
	p.wait(`!document.querySelector("#pick-scenario").textContent.includes("edited")`)
}

// What was typed and left is offered again, in a browser that was closed meanwhile; taken back, it is offered no more.
func TestDrafts(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	edit(p, "frames 2", "frames 4")
	p.wait(`location.hash.startsWith("#1.")`)
	// Another scenario: nothing is lost, and that is said.
	p.key("\x1b")
	p.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	p.key("s")
	p.click(`#scenarios [data-scenario="cow-vs-pin"], #scenarios li:nth-child(3) a`)
	p.wait(`document.getElementById("notice").textContent.includes("kept")`)
	p.wait(`!` + editorView + `.state.doc.toString().includes("frames 4") || ` + editorView + `.state.doc.toString().includes("GUP gup-fast-vs-reclaim") === false`)
	p.open("about:blank")
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	p.wait(`document.querySelector("#draft time").textContent !== "" && document.querySelector("#draft").checkVisibility()`)
	p.shot("draft")
	p.click("#draft [data-act=recover]")
	p.wait(editorView + `.state.doc.toString().includes("frames 4")`)
	p.wait(`!document.querySelector("#draft").checkVisibility() && document.querySelector("#writing [data-do=changes]")`)
	p.click("#writing [data-do=changes]")
	p.click("#changes > .row-of [data-act=write]")
	p.wait(`!document.querySelector("#pick-scenario").textContent.includes("edited")`)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	p.wait(`document.documentElement.dataset.waiting === undefined`)
	if eval[bool](p, `document.querySelector("#draft").checkVisibility()`) {
		t.Error("a draft is offered that was taken back")
	}
	// Typed just before the page goes.
	edit(p, "frames 2", "frames 3")
	p.open("about:blank")
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	p.wait(`document.querySelector("#draft").checkVisibility()`)
	p.click("#draft [data-act=drop]")
	p.wait(`!document.querySelector("#draft").checkVisibility()`)
}

// A browser that keeps nothing asks before edits are lost.
func TestGuard(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	nothing := browser.AddScriptToEvaluateOnNewDocumentParams{Source: `Storage.prototype.setItem = () => { throw new DOMException("", "QuotaExceededError"); }`}
	if _, err := chromedp.Call(p.ctx, browser.AddScriptToEvaluateOnNewDocument, nothing); err != nil {
		t.Fatal(err)
	}
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	edit(p, "frames 2", "frames 4")
	p.wait(`location.hash.startsWith("#1.")`)
	other := func() {
		p.click("#pick-scenario")
		p.click(`#scenarios li:nth-child(3) a`)
		p.wait(`document.querySelector("#guard[open]")`)
	}
	other()
	p.shot("guard")
	p.click("#guard [value=stay]")
	p.wait(`!document.querySelector("#guard[open]")`)
	if !strings.Contains(typed(p), "frames 4") {
		t.Error("who stays has lost the edits")
	}
	p.key("\x1b")
	other()
	p.click("#guard [value=leave]")
	p.wait(`!` + editorView + `.state.doc.toString().includes("GUP gup-fast-vs-reclaim\n")`)
}
