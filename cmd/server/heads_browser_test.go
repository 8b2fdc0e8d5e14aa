package main

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// inSight is true when all of an element is.
func inSight(selector string) string {
	return `(() => { const b = document.querySelector("` + selector + `").getBoundingClientRect(); return b.height > 0 && b.top >= 0 && b.bottom <= innerHeight; })()`
}

// What stands above something else stays there, as high as it is, wherever the page goes.
func TestHeadsStay(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.open(s.url)
	p.wait(`document.querySelector("#verdict .result .numbers")`)
	if lines := eval[int](p, `new Set([...document.querySelector("#verdict .result .numbers").getClientRects()].map((r) => Math.round(r.bottom))).size`); lines != 1 {
		t.Errorf("what the check has found stands in %d lines: %q", lines, p.text("#verdict .result"))
	}

	p.ready(s.url + raced)
	p.key(kb.Home)
	p.wait(at(0))
	high := eval[float64](p, `document.getElementById("lanes").getBoundingClientRect().height`)
	longest := 0
	for n := 1; n <= 10; n++ {
		p.key(kb.ArrowRight)
		p.wait(at(n))
		longest = max(longest, eval[int](p, `document.querySelector(".lane.l0 em")?.textContent.length ?? 0`))
		if now := eval[float64](p, `document.getElementById("lanes").getBoundingClientRect().height`); now != high {
			t.Errorf("after step %d the heads of the columns are %v px high, not %v", n, now, high)
		}
	}
	if want := len("preempted, IRQs off"); longest < want {
		t.Errorf("no state of cpu0 is as long as %d characters, but %d", want, longest)
	}

	top := eval[float64](p, `(() => {
		const source = document.getElementById("source");
		source.scrollTop = 200;
		return source.scrollTop < 100 ? 1000 : document.querySelector("#source .top").getBoundingClientRect().top - source.getBoundingClientRect().top;
	})()`)
	if top < 0 || top > 1 {
		t.Errorf("the head of the text, which is scrolled, stands %v px below its place", top)
	}

	// One goes on behind what is there.
	write := func(text string) {
		p.key("m")
		p.wait(hasOpened("note-panel") + ` && document.activeElement.name === "text"`)
		p.key(text)
		p.key(kb.Enter)
		p.wait(`document.querySelector(".row[aria-current=step] .remark")?.textContent.endsWith("` + text + `")`)
		p.key(kb.Escape)
		p.wait(`!` + hasOpened("note-panel"))
	}
	write("one")
	write("two")
	if got := p.text(".row[aria-current=step] .remark"); got != "onetwo" {
		t.Errorf("the note is %q", got)
	}
}

// In a frame of a fixed height, what a reader goes by and presses stays in sight, and the step comes there.
func TestLowEmbed(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 700, 420)
	p.open(s.url + "embed/gup-fast-vs-reclaim")
	p.wait(`document.documentElement.classList.contains("low")`)
	p.shot("low")
	for _, selector := range []string{".head h1", "#sentence", "#scrub input"} {
		if !eval[bool](p, inSight(selector)) {
			t.Errorf("%s is not in sight", selector)
		}
	}
	for n := 1; n <= 6; n++ {
		p.click(".move.ready")
		p.wait(at(n))
	}
	p.wait(inSight(".row[aria-current=step] .card"))
	for _, selector := range []string{".head h1", "#sentence", "#scrub input"} {
		if !eval[bool](p, inSight(selector)) {
			t.Errorf("after some steps, %s is not in sight", selector)
		}
	}
	p.shot("low-stepped")
	if y := eval[float64](p, `scrollY`); y != 0 {
		t.Errorf("the frame has scrolled itself by %v px", y)
	}
}
