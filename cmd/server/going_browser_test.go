package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Going on for more than a step: by the menu, by keys, along a followed CPU, at
// random, played; branches kept and named; notes and what is found. All of it comes back with the address.
func TestGoing(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	end := eval[int](p, `Number(document.querySelector("#scrub input").max)`)
	p.key("\u0306") // Home
	p.wait(at(0))
	going(t, p, end)

	// What is kept comes back with the address.
	p.wait(`location.search.includes("b=") && location.search.includes("n=")`)
	q := newTab(t, s.url, 1440, 900)
	q.ready(eval[string](p, `location.href`))
	q.wait(`document.querySelector("#branches").textContent.includes("the bug")`)
	q.wait(`document.querySelector("#rows .remark")?.textContent === "look here"`)
}

// The same in a room; and what the driver does everybody sees.
func TestGoingInRoom(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	end := eval[int](p, `Number(document.querySelector("#scrub input").max)`)
	p.key("\u0306")
	p.wait(at(0))
	_, viewer := makeRoom(p)
	p.wait(`document.documentElement.dataset.pen === "mine"`)
	p.key("\x1b")
	v := enterRoom(t, s, viewer)
	p.wait(`document.querySelector("#editor[data-mounted]")`)
	p.key("\u0305") // End
	p.wait(at(end))
	p.key("\u0306")
	p.wait(at(0))
	going(t, p, end)
	v.wait(`document.querySelector("#branches").textContent.includes("the bug")`)
	v.wait(`document.querySelector("#rows .remark")?.textContent === "look here"`)
	if a, b := p.text("#frame"), v.text("#frame"); a != b {
		t.Errorf("the driver sees\n%s\nand the viewer\n%s", a, b)
	}
}

// going stands at the start of a counterexample of so many steps.
func going(t *testing.T, p *tab, end int) {
	t.Helper()
	p.key("n") // the next conflict
	p.wait(`document.querySelector("#scrub input").value > 0`)
	conflict := p.cursor()
	p.key("f") // until a claim is false
	p.wait(`document.querySelector(".row.bad[aria-current=step]")`)
	p.key("b") // keep it
	p.wait(`document.querySelectorAll("#branches li").length === 1`)
	p.click("[popovertarget=run-menu]")
	p.shot("menu")
	eval[bool](p, `(document.querySelector("#branch-0").value = "the bug", true)`)
	p.click("#run-menu .kept form button:not([type])")
	p.wait(`document.querySelector("#branches").textContent.includes("the bug")`)
	p.key("\x1b")

	// A note on this step.
	p.click("[popovertarget=note-panel]")
	p.do(chromedp.SendKeys(chromedp.CSS("#note-panel input"), "look here\r"))
	p.wait(`document.querySelector("#rows .row.bad .remark")?.textContent === "look here"`)
	p.key("/")
	p.wait(`document.querySelector("#find-panel:popover-open")`)
	eval[bool](p, `(document.querySelector("#find-panel input").value = "", true)`) // where a key is made by hand, its character comes too late
	p.do(chromedp.SendKeys(chromedp.CSS("#find-panel input"), "look here"))         // as one types
	p.wait(`document.querySelectorAll("#found li").length === 1`)
	p.shot("found")
	p.key("\x1b")

	// A followed CPU alone; the old run is kept, and a press leads back to it.
	p.key("\u0306")
	p.wait(at(0))
	p.click(".lane.l1 .follow")
	p.key("o")
	p.wait(at(1))
	p.wait(`document.querySelector("#row-1.l1[aria-current=step]")`)
	p.key("r") // on at random
	p.wait(`/seed 1/.test(document.getElementById("notice").textContent)`)
	p.click(".lane.l1 .follow")
	p.click("#branches .named")
	p.wait(`document.querySelector("#rows .remark")?.textContent === "look here"`)
	if n := eval[int](p, `document.querySelectorAll("#branches li").length`); n < 2 {
		t.Errorf("%d branches are kept, want the walk as well", n)
	}

	// Played, and stopped.
	p.key("\u0306")
	p.wait(at(0))
	eval[bool](p, `(() => { const s = document.querySelector("[data-set=speed]"); s.value = "10"; s.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	p.key("p")
	p.wait(`document.querySelector("#scrub input").value >= 3`)
	p.key("p")
	p.wait(`document.documentElement.dataset.playing === undefined`)

	// Played to the end, it stops by itself, and what leads on from there says that it does not.
	p.key("p")
	p.wait(at(end))
	p.wait(`document.documentElement.dataset.playing === undefined`)
	p.wait(`["forward", "play"].every(c => document.querySelector("#scrub [data-command=" + c + "]").getAttribute("aria-disabled") === "true")`)
	p.key("\u0306")
	p.wait(at(0))
	p.wait(`document.querySelector("#scrub [data-command=back]").getAttribute("aria-disabled") === "true" && !document.querySelector("#scrub .forward").hasAttribute("aria-disabled")`)

	// A column folds; the rows are made dense.
	p.key("d")
	p.click(".lane.l1 .hide")
	p.wait(`document.querySelector(".lane.l1").getBoundingClientRect().width < 110 && getComputedStyle(document.querySelector(".row.l1:not(.aside) .card")).clipPath !== "none"`)
	p.shot("dense")
	p.click(".unhide")
	p.key("d")
	p.wait(`document.documentElement.dataset.dense === undefined && getComputedStyle(document.querySelector(".row.l1:not(.aside) .card")).clipPath === "none"`)
	if conflict == 0 || strings.Contains(p.text("#notice"), "went wrong") {
		t.Errorf("conflict at %d, %s", conflict, p.text("#notice"))
	}
	p.key("v")
	p.wait(at(end))
}

// The race is made larger and smaller by keys, and what opens from it stays as it is.
func TestZoom(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	size := func(selector string) float64 {
		t.Helper()
		return eval[float64](p, `(() => { const r = document.createRange(); r.selectNodeContents(document.querySelector(`+quote(selector)+`)); return r.getClientRects()[0].height; })()`)
	}
	was := size(".lane.l0 b")
	for range 3 {
		p.key("-")
	}
	if small := size(".lane.l0 b"); small > 0.75*was {
		t.Errorf("after three times smaller a letter has %.1f px of %.1f", small, was)
	}
	p.shot("small")
	p.key("g")
	p.wait(`document.querySelector("#run-menu:popover-open")`)
	menu := size("#run-menu h2")
	p.click("#run-menu [data-command=zoom-back]")
	if back := size(".lane.l0 b"); back != was {
		t.Errorf("back it has %.1f px, and had %.1f", back, was)
	}
	if now := size("#run-menu h2"); now < 0.95*menu || now > 1.05*menu {
		t.Errorf("in the menu it has %.1f px, and had %.1f when the race was small", now, menu)
	}
	p.key("\x1b")
	for range 9 {
		p.key("+")
	}
	if large := size(".lane.l0 b"); large < 1.9*was {
		t.Errorf("as large as it gets a letter has %.1f px of %.1f", large, was)
	}
	if n := eval[int](p, `document.documentElement.scrollWidth`); n > 1440 {
		t.Errorf("the page is %d px wide", n)
	}
	p.shot("large")
}
