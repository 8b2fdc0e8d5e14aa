package main

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Who listens hears a sentence for every step: the one that stands above the race, whoever makes the step.
func TestSaid(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url)
	said := func(p *tab) {
		t.Helper()
		p.wait(`document.getElementById("say").textContent.length > 10 &&
			document.getElementById("say").textContent.replace(/\s+/g, " ").trim() === document.getElementById("sentence").textContent.replace(/\s+/g, " ").trim()`)
	}
	if got := eval[string](p, `document.getElementById("say").getAttribute("aria-live")`); got != "polite" {
		t.Errorf("the sentence is announced %q", got)
	}
	before := ""
	for _, k := range []string{"\u0303", "\u0302", "\u0302"} {
		n := p.cursor()
		p.key(k)
		p.wait(`!(` + at(n) + `)`)
		said(p)
		now := p.text("#say")
		if now == before {
			t.Errorf("two steps are said alike: %s", now)
		}
		before = now
	}
	_, viewer := makeRoom(p)
	v := enterRoom(t, s, viewer)
	v.wait(at(p.cursor()))
	p.wait(`document.documentElement.dataset.pen === "mine"`)
	n := p.cursor()
	p.key("\x1b")
	p.key("\u0302")
	v.wait(at(n - 1))
	said(v)
}

// Who wants no motion sees none: the next step does not glow, the drawer does not slide.
func TestReducedMotion(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.moving()
	p.ready(s.url)
	moves := func() string {
		return eval[string](p, `getComputedStyle(document.querySelector(".move.follows"), "::after").animationName`)
	}
	if moves() == "none" {
		t.Error("nothing moves where motion is wanted, so nothing is shown here")
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	if m := moves(); m != "none" {
		t.Errorf("%s moves all the same", m)
	}
	if n := eval[int](p, `document.getAnimations().length`); n > 0 {
		t.Errorf("%d things move", n)
	}
}

// Light and dark follow the system, unless the reader has chosen.
func TestThemes(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url)
	paper := func() string { return eval[string](p, `getComputedStyle(document.body).backgroundColor`) }
	system := func(is string) {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: is}}}
		if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
			t.Fatal(err)
		}
	}
	system("light")
	light := paper()
	system("dark")
	dark := paper()
	if light == dark {
		t.Fatalf("both are %s", light)
	}
	p.click(".to-light")
	if paper() != light {
		t.Error("what the reader chose is not shown")
	}
	p.ready(s.url)
	if paper() != light {
		t.Error("what the reader chose is forgotten")
	}
}

// On a phone nothing scrolls sideways, whatever part is open, and all is within reach of a thumb.
func TestPhone(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 390, 844)
	p.ready(s.url)
	fits := func(what string) {
		t.Helper()
		if n := eval[int](p, `Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll("main, main > section, #frame, #next, :popover-open")].filter(e => e.checkVisibility()).map(e => e.scrollWidth - e.clientWidth + 390)) - 390`); n > 1 {
			t.Errorf("%s is %d px too wide", what, n)
		}
		p.shot(what)
	}
	fits("race")
	n := p.cursor()
	p.click(".move.follows")
	p.wait(at(n + 1))
	p.click(".tabs [data-set='tab=memory']")
	p.click(".pte .cell")
	p.wait(`document.querySelector("#cell-panel:popover-open h2")`)
	fits("cell")
	p.key("\x1b")
	fits("memory")
	p.click(".tabs [data-set='tab=source']")
	p.wait(`document.querySelector("#editor").checkVisibility()`)
	fits("scenario")
	p.click(".tabs [data-set='tab=more']")
	p.click("[data-command=palette]")
	p.wait(`document.querySelectorAll("#palette-list li").length > 20`)
	fits("palette")
	p.do(chromedp.SendKeys(chromedp.CSS("#palette-text"), "v5.8"))
	p.wait(`document.querySelector("#palette-list").dataset.of === "v5.8"`)
	p.click("#palette-list [aria-selected=true]")
	p.wait(`document.querySelector("#pick-kernel b").textContent === "v5.8"`)
	p.click("[data-command=keys]")
	fits("keys")
	p.key("\x1b")
	p.click(".tabs [data-set='tab=race']")
	p.click("button.check")
	p.wait(`document.querySelector("#verdict .result")`)
	p.click("#verdict .result")
	fits("verdict")
}
