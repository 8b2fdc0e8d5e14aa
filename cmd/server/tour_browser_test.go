package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A tour is the way of somebody new through the page, at one size, light or dark. make tour keeps a picture of every halt.
type tour struct {
	*tab
	phone bool
	theme string
	halts int
}

// halt is a place where the newcomer looks around: nothing may stand out of the page.
func (w *tour) halt(what string) {
	w.t.Helper()
	w.halts++
	if n := eval[int](w.tab, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); n > 1 {
		w.t.Errorf("%s: the page is %d px wider than its window", what, n)
	}
	w.shot(fmt.Sprintf("%02d-%s", w.halts, what))
}

// part turns to a part of the page, which on a phone is a tab.
func (w *tour) part(name string) {
	if w.phone {
		w.click(".tabs [data-set='tab=" + name + "']")
	}
}

// TestTour goes wide in light and on a phone in the dark: where things stand is the same in both themes, and colours are what TestAxe looks at. Pictures
// are kept of all four (make tour).
func TestTour(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	for _, c := range []struct {
		width, height int64
		theme         string
	}{{1440, 900, "light"}, {1440, 900, "dark"}, {390, 844, "light"}, {390, 844, "dark"}} {
		if os.Getenv("GUPSCOPE_SHOTS") == "" && (c.width > 500) == (c.theme == "dark") {
			continue
		}
		t.Run(fmt.Sprint(c.width, "-", c.theme), func(t *testing.T) {
			w := &tour{tab: newTab(t, s.url, c.width, c.height), phone: c.width < 500, theme: c.theme}
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.theme}}}
			if _, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, media); err != nil {
				t.Fatal(err)
			}
			w.race(s)
			w.memory()
			w.checks()
			w.compares()
			w.writes()
			w.file()
			w.leaves(s)
		})
	}
}

// race: a race stands there already; one press after the other leads to where it goes wrong, and why. Then a longer one, of three columns.
func (w *tour) race(s *process) {
	w.open(s.url)
	w.halt("first-paint")
	w.wait(`document.querySelector("#editor[data-mounted]")`)
	for i := 0; w.text(".row.bad[aria-current=step]") == ""; i++ {
		n := w.cursor()
		w.click(".move.follows")
		w.wait(at(n + 1))
		if i == 0 {
			w.halt("next-step")
		}
	}
	if !w.phone && !eval[bool](w.tab, `(() => {
		const step = document.querySelector("#listing li.was") ?? document.querySelector("#listing li.at"), s = step.getBoundingClientRect();
		const head = document.querySelector("#listing > header").getBoundingClientRect(), box = document.getElementById("listing").getBoundingClientRect();
		return s.top >= head.bottom - 1 && s.bottom <= box.bottom + 1 && box.bottom <= innerHeight + 1; })()`) {
		w.t.Error("the step in the kernel's function is out of sight")
	}
	w.halt("it-goes-wrong")
	w.click("#story .why")
	w.wait(`document.querySelector("#story-panel:popover-open")`)
	w.halt("why")
	w.key("\x1b")
	w.ready(s.url + raced)
}

// memory: who holds what; an entry and its history.
func (w *tour) memory() {
	w.part("memory")
	w.halt("memory")
	w.click(".pte .cell")
	w.wait(`document.querySelectorAll("#cell-panel:popover-open .hits li").length > 0`)
	w.halt("an-entry")
	w.key("\x1b")
	w.part("race")
}

// checks: the verdict; the rule back on, and the proof; what the proof rests on.
func (w *tour) checks() {
	w.click("button.check")
	w.wait(`/Sometimes/.test(document.querySelector("#verdict .word")?.textContent) && document.querySelector("#verdict .numbers")?.textContent.includes("prevented by")`)
	w.click("#verdict .result")
	w.halt("sometimes")
	w.key("\x1b")
	w.click("#pick-kernel")
	eval[bool](w.tab, `(document.getElementById("rule-gup_pte_recheck").scrollIntoView({block: "center"}), true)`)
	w.halt("rules")
	w.click("#rule-gup_pte_recheck [data-do=kernel]")
	w.wait(`!document.querySelector("#pick-kernel").textContent.includes("recheck")`)
	w.key("\x1b")
	w.click("button.check")
	w.wait(`/Never/.test(document.querySelector("#verdict .word")?.textContent)`)
	w.click("#verdict .result")
	w.wait(`document.querySelectorAll("#rests li, #rests tr").length > 3`)
	w.halt("why-never")
	w.key("\x1b")
}

// compares: the run on the kernel without the rule, beside the present one.
func (w *tour) compares() {
	w.part("race")
	w.click("[data-command=compare]")
	w.wait(`document.querySelectorAll("#compare-panel:popover-open select[name=kernel] option").length > 3`)
	eval[bool](w.tab, `(() => { const s = document.querySelector("#compare select[name=kernel]"); s.value = "v6.12 without gup_pte_recheck with tlb_flush=pv"; s.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	w.wait(`document.querySelector("#compare .parting")`)
	w.halt("side-by-side")
	w.key("\x1b")
}

// writes: a slip of the pen, its fix, what is changed, back.
func (w *tour) writes() {
	w.part("source")
	edit(w.tab, "FOLL_WRITE)", "FOLL_WRIET)")
	w.wait(`document.querySelector("#diagnostics .fix")`)
	eval[bool](w.tab, `(document.querySelector("#diagnostics").scrollIntoView({block: "end"}), true)`)
	w.halt("a-mistake")
	w.click("#diagnostics .fix")
	w.wait(`!document.querySelector("#diagnostics .fix")`)
	edit(w.tab, "frames 2", "frames 4")
	w.wait(`document.querySelector("#writing [data-do=changes]")`)
	w.click("#writing [data-do=changes]")
	w.wait(`document.querySelector("#changes-panel:popover-open .hunk")`)
	w.halt("changes")
	w.click("#changes > .row-of [data-act=write]")
	w.wait(`!document.querySelector("#writing [data-do=changes]")`)
	w.key("\x1b")
}

// file: a race of another kind in the same page, from the list of scenarios: a device writes through a long-term pin while the page is written back. Checked,
// its counterexample walked to the end; the file's pages and its disk; what the file system was told.
func (w *tour) file() {
	w.part("race")
	w.click("#pick-scenario")
	eval[bool](w.tab, `(() => { const i = document.querySelector("#scenarios input"); i.value = "longterm fast writeback"; i.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`)
	w.halt("scenarios")
	w.click("#scenarios [data-scenario=longterm-pin-fast-vs-writeback]")
	w.wait(`document.querySelector("#pick-scenario .name").textContent === "longterm-pin-fast-vs-writeback" && document.querySelector(".move.ready")`)
	w.click(".move.ready")
	w.wait(at(1))
	w.halt("file-first-step")
	w.click("button.check")
	w.wait(`document.querySelector("#verdict .show-it")`)
	w.click("#verdict .show-it")
	w.wait(`document.querySelector(".row.bad")`)
	w.key("\u0305") // End
	w.wait(`document.querySelector(".row.bad[aria-current=step]")`)
	w.halt("file-goes-wrong")
	if w.phone {
		w.part("source")
		w.halt("file-in-the-kernel")
	}
	w.part("memory")
	w.halt("file-memory")
	w.part("race")
	w.click("#story .why")
	w.wait(`document.querySelector("#story-panel:popover-open")`)
	w.halt("file-why")
	w.key("\x1b")
}

// leaves: another scenario by a few letters; the ways to share; the gallery.
func (w *tour) leaves(s *process) {
	w.part("more")
	if w.phone {
		w.halt("more")
	}
	w.click("[data-command=palette]")
	w.wait(`document.querySelectorAll("#palette-list li").length > 20`)
	w.do(chromedp.SendKeys(chromedp.CSS("#palette-text"), "dirty"))
	w.wait(`document.querySelector("#palette-list").dataset.of === "dirty"`)
	w.halt("palette")
	w.key("\x1b")
	w.click("[data-command=share]")
	w.halt("share")
	w.key("\x1b")
	w.click("[data-command=keys]")
	w.halt("keys")
	w.open(s.url + "gallery")
	w.halt("gallery")
	w.open(s.url + "docs")
	w.halt("help")
}
