package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"gupscope/web/view"
)

// hasOpened is true when the panel is open.
func hasOpened(id string) string { return `document.querySelector("#` + id + `:popover-open")` }

// Every key of the page does what the table of keys says, pressed on one page, one after the other. It opens on a run that breaks a claim.
func TestEveryKey(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	downloads(p) // the clipboard may be read
	end := eval[int](p, `Number(document.querySelector("#scrub input").max)`)
	const said = `document.getElementById("notice").textContent`
	moved := `(window.was ?? -1) != document.querySelector("#scrub input").value`
	pressed := map[string]bool{}
	for _, k := range []struct{ key, as, frames, does string }{
		{kb.Home, "Home", "", at(0)},
		{kb.End, "End", "", at(end)},
		{kb.ArrowLeft, "ArrowLeft", "", at(end - 1)},
		{kb.ArrowRight, "ArrowRight", "", at(end)},
		{kb.Home, "Home", "", at(0)},
		{"v", "v", "", `document.querySelector(".row.bad[aria-current=step]")`},
		{"j", "j", "", hasOpened("story-panel")},
		{kb.Escape, "Escape", "", `!` + hasOpened("story-panel")},
		{kb.Home, "Home", "", at(0)},
		{"f", "f", "", `document.querySelector(".row.bad[aria-current=step]")`},
		{kb.Home, "Home", "", at(0)},
		{"n", "n", "", moved},
		{"o", "o", "", moved},
		{"u", "u", "", moved},
		{"w", "w", "", said + `.startsWith("Nothing is watched yet")`},
		{"p", "p", "", `document.documentElement.dataset.playing !== undefined`},
		{"p", "p", "", `document.documentElement.dataset.playing === undefined`},
		{"b", "b", "", `document.querySelectorAll("#branches li").length > 0`},
		{"g", "g", "", hasOpened("run-menu")},
		{kb.Escape, "Escape", "", `!` + hasOpened("run-menu")},
		{kb.Home, "Home", "", at(0)},
		{"r", "r", "", `/seed 1\b/.test(` + said + `)`},
		{kb.Home, "Home", "", at(0)},
		{"1", "1", "", at(1)},
		{"!", "Shift+1", "", at(2)}, // the host, which stands below cpu0's own step
		{"m", "m", "", hasOpened("note-panel")},
		{kb.Escape, "Escape", "", `!` + hasOpened("note-panel")},
		{"/", "/", "", hasOpened("find-panel")},
		{kb.Escape, "Escape", "", `!` + hasOpened("find-panel")},
		{"d", "d", "", `document.documentElement.dataset.dense !== undefined`},
		{"d", "d", "", `document.documentElement.dataset.dense === undefined`},
		{"+", "+", "", `document.documentElement.dataset.zoom === "115"`},
		{"0", "0", "", `document.documentElement.dataset.zoom === undefined`},
		{"-", "-", "", `document.documentElement.dataset.zoom === "90"`},
		{"0", "0", "", `document.documentElement.dataset.zoom === undefined`},
		{"k", "k", "", hasOpened("compare-panel")},
		{kb.Escape, "Escape", "", `!` + hasOpened("compare-panel")},
		{"q", "q", "", hasOpened("how-panel")},
		{kb.Escape, "Escape", "", `!` + hasOpened("how-panel")},
		{"c", "c", "", `document.querySelector("#verdict.sometimes .result:not([data-old])") && !document.querySelector("#verdict .stop")`},
		{"a", "a", "", moved},
		{"i", "i", "", hasOpened("counters")},
		{kb.Escape, "Escape", "", `!` + hasOpened("counters")},
		{"x", "x", "", hasOpened("share-panel")},
		{kb.Escape, "Escape", "", `!` + hasOpened("share-panel")},
		{"y", "y", "", said + `.startsWith("The address of this run is copied")`},
		{"z", "z", "", said + `.startsWith("A what-if is for rooms")`},
		{"s", "s", "", hasOpened("scenarios")},
		{kb.Escape, "Escape", "", `!` + hasOpened("scenarios")},
		{"t", "t", "", hasOpened("kernels")},
		{kb.Escape, "Escape", "", `!` + hasOpened("kernels")},
		{"l", "l", "frames    2", `/frames 2\b/.test(` + editorView + `.state.doc.toString())`},
		{"h", "h", "// ours\nframes 2", hasOpened("changes-panel")},
		{kb.Escape, "Escape", "", `!` + hasOpened("changes-panel")},
		{"e", "e", "", `document.activeElement.matches("#editor, #editor *")`},
		{kb.Escape, "Escape", "", `!document.activeElement.matches("#editor, #editor *")`},
		{":", ":", "", hasOpened("palette")},
		{kb.Escape, "Escape", "", `!` + hasOpened("palette")},
		{"?", "?", "", hasOpened("keys-panel")},
	} {
		if k.frames != "" { // there is something to be formatted, or changed
			edit(p, "frames 2", k.frames)
			p.wait(`document.querySelector("#pick-scenario").textContent.includes("edited")`)
			eval[bool](p, `(document.activeElement.blur(), true)`)
		}
		eval[bool](p, `(window.was = document.querySelector("#scrub input").value, document.querySelector("#verdict .result")?.setAttribute("data-old", ""), true)`)
		stroke(p, k.key)
		p.wait(k.does)
		pressed[k.as] = true
		if k.key == "y" {
			if got := eval[string](p, `navigator.clipboard.readText()`); !strings.Contains(got, "gup-fast-vs-reclaim?") && !strings.Contains(got, "#1.") {
				t.Errorf("copied was %s", got)
			}
		}
	}
	for _, c := range view.Commands {
		if c.Name == "move-3" { // no column of this run has a third: web/page.TestMoveKeys
			continue
		}
		if c.Where != view.InEditor && len(c.Keys) > 0 && !slices.ContainsFunc(c.Keys, func(k string) bool { return pressed[k] }) {
			t.Errorf("no key of %q is pressed here", c.Name)
		}
	}
}
