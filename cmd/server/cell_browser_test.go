package main

import (
	"fmt"
	"testing"

	browser "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Pressed, a PTE tells of its bits and of who wrote it, and leads there; watched, a key leads to its next write.
func TestCells(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	cells(t, p)
	p.wait(`new URLSearchParams(location.search).get("w") === "PTE of A buf"`)
	p.click(".dump summary")
	if got := p.text(".dump pre"); len(got) < 60 || got[:15] != "page: refcount:" {
		t.Errorf("dump_page() prints %q", got)
	}
}

func TestCellsInRoom(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	_, viewer := makeRoom(p)
	p.wait(`document.documentElement.dataset.pen === "mine"`)
	p.key("\x1b")
	v := enterRoom(t, s, viewer)
	p.wait(`document.querySelector("#editor[data-mounted]")`)
	cells(t, p)
	// Who only looks on opens cells, too, and sees what is watched.
	v.wait(`document.querySelector("#run-menu").textContent.includes("PTE of A buf")`)
	v.click(".pte .cell")
	v.wait(`document.querySelectorAll("#cell .hits li").length >= 2`)
	// Its panel goes with the run, whoever moves it.
	v.wait(fmt.Sprintf(`document.querySelector("#cell .holds")?.textContent.includes("at step %d:")`, p.cursor()))
	p.key("\u0302")
	v.wait(fmt.Sprintf(`document.querySelector("#cell .holds").textContent.includes("at step %d:")`, p.cursor()))
}

func cells(t *testing.T, p *tab) {
	t.Helper()
	p.click(".pte .cell")
	p.wait(`document.querySelector("#cell-panel:popover-open #cell h2")?.textContent === "PTE of A buf"`)
	p.wait(`document.querySelectorAll("#cell .bits tr").length >= 3 && document.querySelectorAll("#cell .hits li").length >= 2`)
	p.shot("cell")
	p.click("#cell [data-do=watch]")
	p.wait(`document.querySelector("#run-menu").textContent.includes("PTE of A buf")`)
	written := eval[int](p, `Number(document.querySelector("#cell .hits [data-at]").dataset.at)`)
	p.click("#cell .hits [data-at]")
	p.wait(at(written))
	p.key("\x1b")
	p.key("\u0306") // Home
	p.wait(at(0))
	p.key("w")
	p.wait(at(written))
	p.click(".news summary")
	p.wait(`document.querySelector(".news li").textContent.includes("PTE of A buf")`)
}

// The same choices on a kernel with the rule: side by side, the first difference marked, with the sentence that says it.
func TestCompare(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	compare(p)
	p.click("#compare [data-do=kernel]")
	p.wait(`!document.querySelector("#pick-kernel").textContent.includes("recheck")`)
}

// Two branches of a run are set side by side, in one's own page and in a room.
func TestCompareBranches(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	compareBranches(p)
	makeRoom(p)
	p.wait(`document.querySelector("#editor[data-mounted]") && document.documentElement.dataset.pen === "mine"`)
	p.key("\x1b")
	compareBranches(p)
}

func compareBranches(p *tab) {
	p.t.Helper()
	before := p.cursor() - 1
	p.key("\u0302") // back, so that something stands ahead that is left behind
	p.wait(at(before))
	p.click(".move.ready:not(.follows)")
	p.wait(at(before + 1))
	p.wait(`document.querySelectorAll("#branches li").length > 0`)
	p.key("k")
	p.wait(`document.querySelectorAll("#compare-panel:popover-open select[name=run] option").length > 1`)
	eval[bool](p, `(() => { const s = document.querySelector("#compare select[name=run]"); s.value = s.options[1].value; s.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`) // the latest
	p.wait(`document.querySelector("#compare .parting")?.textContent.includes("They part at step ` + itoa(before+1) + `")`)
	p.wait(`document.querySelectorAll("#compare .sides.first").length === 1`)
	p.shot("branches")
	p.key("\x1b")
}

func TestCompareInRoom(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	_, viewer := makeRoom(p)
	compare(enterRoom(t, s, viewer))
}

// Who is quicker than the room, and asks before it has said where it stands, gets the answer about
// the room's run; and what a reader looks at stays when the room is heard again.
func TestCompareBeforeRoomAnswers(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	_, viewer := makeRoom(p)
	v := newTab(t, s.url, 1440, 900)
	slow := browser.AddScriptToEvaluateOnNewDocumentParams{Source: `WebSocket = class extends WebSocket {
		set onmessage(f) { super.onmessage = (m) => { if (m.data.includes('"snapshot"')) setTimeout(() => { window.heard = true; f(m) }, 2000); else f(m) } }
	}`}
	if _, err := chromedp.Call(v.ctx, browser.AddScriptToEvaluateOnNewDocument, slow); err != nil {
		t.Fatal(err)
	}
	v.open(viewer)
	v.wait(`document.documentElement.dataset.connected !== undefined`)
	if eval[bool](v, `window.heard === true`) {
		t.Fatal("the room's answer was not slow")
	}
	compare(v)
}

func compare(p *tab) {
	p.t.Helper()
	p.key("k")
	p.wait(`document.querySelectorAll("#compare-panel:popover-open option").length > 3`)
	eval[bool](p, `(() => { const s = document.querySelector("#compare select"); s.value = "v6.12 with tlb_flush=pv"; s.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	p.wait(`document.querySelector("#compare .parting")?.textContent.includes("gup_pte_recheck")`)
	p.wait(`document.querySelectorAll("#compare .sides.first").length === 1 && document.querySelector("#compare .ends").textContent.includes("gup-returns-only-mapped-pages")`)
	p.shot("compare")
}
