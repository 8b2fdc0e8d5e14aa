package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// within says whether what the first selector names, which must be shown, lies between the left and the right edge of the other, and in the window.
func within(p *tab, inner, outer string) bool {
	p.t.Helper()
	return eval[bool](p, `(() => {
		const e = document.querySelector(`+quote(inner)+`), a = e.getBoundingClientRect(), b = document.querySelector(`+quote(outer)+`).getBoundingClientRect();
		return e.checkVisibility() && a.height > 0 && a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= 0 && a.bottom <= innerHeight;
	})()`)
}

// Keys that are pressed before the simulator is there are pressed one after the other, each where the one before it has led; those that write are not lost either.
func TestKeysWaitForTheCore(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.open(s.url + "s/litmus-iriw")
	p.wait(`document.documentElement.dataset.script !== undefined`)
	p.key("1423")
	// So is what is typed into the text before the editor is there.
	eval[bool](p, `(document.querySelector("#writing [data-act=edit]").click(), true)`) // not by its key: where that is made by hand, its character comes as well
	p.wait(`document.activeElement.matches("#text, #editor .codemirror")`)
	p.key("// mine" + kb.Enter)
	if eval[bool](p, `document.querySelector("#text") !== null && CSS.highlights.size === 0`) {
		t.Error("what is written in before the editor is there has no colours")
	}
	p.wait(`document.querySelector("#editor[data-mounted]")`)
	p.key("// ")
	p.wait(editorView + `.state.doc.toString().startsWith("// mine\n// GUP litmus-iriw\n")`)
	p.wait(`document.querySelector("#pick-scenario").textContent.includes("edited")`)
	eval[bool](p, `(document.activeElement.blur(), true)`)
	p.wait(at(4))
	// And when it is there: five steps back at once are five.
	p.key("4321" + "4")
	p.wait(at(9))
	p.key(kb.ArrowLeft + kb.ArrowLeft + kb.ArrowLeft + kb.ArrowLeft + kb.ArrowLeft)
	p.wait(at(4))
}

// What is opened and drawn can be seen: four CPUs have columns on a laptop, panels end where the window does, boxes hold what stands in them.
func TestNothingIsHidden(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/litmus-iriw")
	p.key("1234")
	p.wait(at(4))
	for lane := range 4 {
		l := "l" + string(rune('0'+lane))
		if !eval[bool](p, `(() => {
			const card = document.querySelector(".row.`+l+` .card").getBoundingClientRect(), head = document.querySelector(".lane.`+l+`").getBoundingClientRect();
			return Math.abs(card.right - head.right) < 4 && card.left > head.left;
		})()`) {
			t.Errorf("the card of the CPU %d is not under its name", lane)
		}
	}
	if cut := eval[int](p, `[...document.querySelectorAll("#memory .box")].filter((b) => b.scrollWidth > b.clientWidth + 1).length`); cut > 0 {
		t.Errorf("%d boxes of the walk are narrower than their text", cut)
	}
	p.shot("columns")

	p.key("/")
	p.wait(`document.querySelector("#find-panel:popover-open")`)
	if !within(p, "#find-panel", "#race") {
		t.Error("what finds steps does not lie over the race")
	}
	p.key(kb.Escape)
	p.key("k")
	p.wait(`document.querySelector("#compare-panel:popover-open select")`)
	eval[string](p, `document.querySelector("#compare-panel select").value = [...document.querySelectorAll("#compare-panel option")].map((o) => o.value).find((v) => v.startsWith("v4.6"))`)
	eval[bool](p, `document.querySelector("#compare-panel select").dispatchEvent(new Event("change", {bubbles: true}))`)
	p.wait(`document.querySelectorAll("#compare-panel .sides").length > 2`)
	if !within(p, "#compare-panel", "body") {
		t.Error("the panel of two kernels ends below the window")
	}
	p.shot("compared")
	p.key(kb.Escape)

	// The text's column is drawn wider, by keys, and stays so.
	wide := `document.querySelector("#source").offsetWidth`
	before := eval[int](p, wide)
	eval[bool](p, `document.querySelector(".divider").focus() ?? true`)
	p.key(kb.ArrowRight + kb.ArrowRight)
	if after := eval[int](p, wide); after != before+32 {
		t.Errorf("the text's column was %d px wide, and two keys make it %d", before, after)
	}
	if got := p.cursor(); got != 4 {
		t.Errorf("a key of the column has moved the cursor to %d", got)
	}
	p.ready(s.url + "s/gup-fast-vs-munmap")
	if after := eval[int](p, wide); after != before+32 {
		t.Errorf("after another page was opened, the column is %d px wide", after)
	}

	// The line that is typed is seen above its mistakes, and what it changed is shown when the editor is scrolled, too.
	p.key("e")
	p.do(chromedp.KeyEvent(kb.End, chromedp.KeyModifiers(2)))
	p.key("\rwrong here\rwrong again")
	p.wait(`document.querySelectorAll("#diagnostics li").length > 0`)
	caret := `document.querySelector("#editor .codemirror").shadowRoot.querySelector(".cm-cursor-primary")`
	p.wait(caret + `.getBoundingClientRect().bottom <= document.querySelector("#diagnostics").getBoundingClientRect().top`)
	p.shot("mistakes")
	p.key(kb.Escape)
	p.wait(`document.querySelector("#writing [data-command=changes]")`)
	p.key("h")
	p.wait(`document.querySelector("#changes-panel:popover-open .hunk")`)
	if !within(p, "#changes-panel", "body") {
		t.Error("what is changed opens outside the window")
	}
}

// Seven bars beside each other are seven, left of their cards, and take no more room than four do where fewer are.
func TestManyBars(t *testing.T) {
	s := sharedServer(t)
	for _, width := range []int64{1440, 1024, 390} {
		p := newTab(t, s.url, width, 900)
		p.ready(s.url + "s/khp-file-vs-truncate?r=0x2f.1x2H.0J.1x2u.0r.1Q.0X.1:4h.1x4a.0x2v.1x4c.0f.1x6l.0w.1x2t.0w.1F.0E.1x2c.0V.1e.0X.1q.0Z.1Y.0X.1x2M.2:1E.1x3v.10:11B.1x4n&c=46")
		p.wait(`document.querySelectorAll(".span.l1").length > 6`)
		said := eval[string](p, `(() => {
			const bars = [...document.querySelectorAll(".span.l1")].map((e) => ({ e, b: e.getBoundingClientRect() })).filter(({ b }) => b.height > 0);
			const cards = Math.min(...[...document.querySelectorAll(".row.l1 .card")].map((e) => e.getBoundingClientRect().left));
			const left = Math.min(...bars.map(({ b }) => b.left));
			for (const x of bars) {
				if (x.b.width < 3) return x.e.getAttribute("aria-label") + " is " + x.b.width + " px wide";
				if (x.b.right > cards) return x.e.getAttribute("aria-label") + " reaches into the cards";
				const words = x.e.querySelector(".words");
				if (words.checkVisibility() && words.getBoundingClientRect().width > x.b.width + 1 && parseFloat(getComputedStyle(words).fontSize) > 0) return x.e.getAttribute("aria-label") + " is wider than its bar";
				for (const y of bars) if (x !== y && x.b.left < y.b.right - 0.5 && y.b.left < x.b.right - 0.5 && x.b.top < y.b.bottom - 1 && y.b.top < x.b.bottom - 1)
					return x.e.getAttribute("aria-label") + " lies on " + y.e.getAttribute("aria-label");
			}
			return cards - left > 70 ? "bars take " + (cards - left) + " px" : "";
		})()`)
		if said != "" {
			t.Errorf("in a window of %d px, %s", width, said)
		}
		p.shot("bars-" + itoa(int(width)))
	}
}

// The page is never larger than its window, on laptops of all sizes: before a check and after one that names a long rule, alone and in a room.
func TestPageFits(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/lazy-tlb-vs-munmap")
	// What two tasks of one CPU are going to do stands under each other.
	if over := eval[int](p, `(() => { const r = [...document.querySelectorAll(".to-do")].map(e => e.getBoundingClientRect());
		return r.length < 3 ? -1 : r.filter((a, i) => r.some((b, k) => k > i && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)).length })()`); over != 0 {
		t.Errorf("%d tasks' statements stand upon others'", over)
	}
	fits := func(when string) {
		t.Helper()
		for width, height := range map[int64]int64{780: 441, 1024: 600, 1200: 700, 1280: 900, 1366: 600, 1440: 900} {
			p.do(chromedp.EmulateViewport(width, height))
			p.wait(`innerWidth === ` + itoa(int(width)) + ` && innerHeight === ` + itoa(int(height)))
			if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > int(width) {
				t.Errorf("%s, in a window of %d px, the page is %d px wide", when, width, wide)
			}
			if high := eval[int](p, `document.documentElement.scrollHeight`); high > int(height) {
				t.Errorf("%s, in a window of %d × %d px, the page is %d px high", when, width, height, high)
			}
			if rows := eval[int](p, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
				done(Math.round(document.querySelector(".dock").getBoundingClientRect().top - document.querySelector("#lanes").getBoundingClientRect().bottom)))))`); rows < 80 { // a step, with what it changed
				t.Errorf("%s, in a window of %d × %d px, the diagram has %d px for its rows", when, width, height, rows)
			}
			for _, part := range []string{"#verdict", "#verdict > *", "#more", ".help", ".check", "#pick-kernel", "#pick-scenario"} {
				if !within(p, part, "#head") {
					t.Errorf("%s, in a window of %d px, %s is not in sight", when, width, part)
				}
			}
		}
		p.do(chromedp.EmulateViewport(1440, 900))
		p.wait(`innerWidth === 1440 && innerHeight === 900`)
		p.shot(when)
	}
	fits("unchecked")
	high := eval[int](p, `document.querySelector("#head").offsetHeight`)
	p.key("c")
	p.wait(`document.querySelector("#verdict.sometimes code")`)
	fits("checked")
	if now := eval[int](p, `document.querySelector("#head").offsetHeight`); now != high {
		t.Errorf("the header is %d px high, and %d after a check", high, now)
	}
	if !eval[bool](p, `(() => { const arrow = document.querySelector("#verdict .arrow").getBoundingClientRect(), found = document.querySelector("#verdict .found").getBoundingClientRect();
		return arrow.height > 0 && arrow.left >= found.right && arrow.top >= found.top && arrow.bottom <= found.bottom })()`) {
		t.Error("the verdict's arrow does not stand beside its words")
	}
	if said := p.text("#verdict .result"); !strings.Contains(said, "switch_mm_checks_generation") {
		t.Errorf("the verdict names no long rule: %s", said)
	}

	// Where the text is in a drawer, what closes a panel does not open that.
	p.do(chromedp.EmulateViewport(1024, 600))
	p.click("#pick-kernel")
	p.wait(`document.querySelector("#kernels:popover-open")`)
	p.key(kb.Escape)
	p.wait(`!document.querySelector("#kernels:popover-open")`)
	p.key(kb.Escape)
	if eval[bool](p, `document.documentElement.dataset.drawer !== undefined`) {
		t.Error("Escape opens the drawer")
	}
	// Not by the driver's key: that would send its letter after the key, to what has the focus by then.
	eval[bool](p, `document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "e", bubbles: true}))`)
	p.wait(`document.documentElement.dataset.drawer !== undefined && document.querySelector("#editor").contains(document.activeElement)`)
	eval[bool](p, `(document.querySelector("#source").scrollTop = 9999, true)`)
	if !within(p, "#source .close", "#source") || eval[bool](p, `document.querySelector("#source .close").getBoundingClientRect().top > document.querySelector("#source h2").getBoundingClientRect().bottom`) {
		t.Error("what closes the drawer is scrolled away, or wraps")
	}
	p.key(kb.Escape)
	p.key(kb.Escape)
	p.wait(`document.documentElement.dataset.drawer === undefined`)

	// The step at which it goes wrong stands above the next ones, whole.
	p.key("a")
	p.wait(`document.querySelector(".row.bad")`)
	p.key(kb.End)
	p.wait(`document.querySelector(".row.bad[aria-current=step]")?.getBoundingClientRect().bottom <= document.querySelector(".dock").getBoundingClientRect().top + 1`)
	p.do(chromedp.EmulateViewport(1440, 900))
	makeRoom(p)
	p.key("\x1b")
	p.wait(`document.querySelector("#people").textContent`)
	p.key("c")
	p.wait(`document.querySelector("#verdict.sometimes code")`)
	fits("in a room")
}

// An embed is as narrow as a phone, and its cursor's buttons stand above the diagram.
func TestEmbedOnAPhone(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 360, 800)
	p.open(s.url + "embed/gup-fast-vs-munmap?r=0x3r.6q.1x15W.2x6z.2:1I.6q.0x3E&c=28")
	p.wait(`document.documentElement.dataset.script !== undefined`)
	if w := eval[int](p, `document.documentElement.scrollWidth`); w != 360 {
		t.Errorf("in 360 px the embed is %d px wide", w)
	}
	if !eval[bool](p, `document.querySelector("#scrub").getBoundingClientRect().bottom <= document.querySelector(".lanes").parentElement.querySelector(".grid").getBoundingClientRect().top`) {
		t.Error("back and forward stand below the diagram")
	}
	p.shot("embed")
}

// On a phone keys lead to parts that are not shown; a check takes no more room than its button; seven CPUs leave the cursor's buttons in sight.
func TestPhoneKeysAndCheck(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 390, 844)
	p.ready(s.url + "s/gup-fast-vs-reclaim")
	p.key("s")
	p.wait(`document.querySelector("#scenarios:popover-open")`)
	p.key(kb.Escape)
	p.click(`.tabs [href="#memory"]`)
	// Memory is stepped through there.
	p.wait(`["#sentence", "#memory", "#scrub .forward"].every((part) => document.querySelector(part).checkVisibility()) && !document.querySelector(".row").checkVisibility()`)
	p.shot("memory")
	p.key("/")
	p.wait(`document.querySelector("#find-panel:popover-open")`)
	p.key(kb.Escape)
	p.key("g")
	p.wait(`document.querySelector("#run-menu:popover-open")?.checkVisibility()`)
	p.key(kb.Escape)
	// Not by the driver's key: that would send its letter after the key, to what has the focus by then.
	eval[bool](p, `document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "e", bubbles: true}))`)
	p.wait(`document.documentElement.dataset.tab === "source" && document.querySelector("#editor").contains(document.activeElement)`)
	p.key(kb.Escape)
	p.click(`.tabs [href="#race"]`)

	high := `document.querySelector("#head").offsetHeight`
	before := eval[int](p, high)
	p.key("c")
	p.wait(`document.querySelector("#verdict.running .stop")`)
	if now := eval[int](p, high); now != before {
		t.Errorf("the header is %d px high, and %d while a check runs", before, now)
	}
	p.shot("checking")
	p.wait(`document.querySelector("#verdict .result")`)
	if now := eval[int](p, high); now != before || !within(p, "#verdict .spelled", "#head") {
		t.Errorf("after the check the header is %d px high, and was %d; the verdict is %q", now, before, p.text("#verdict .spelled"))
	}
	p.shot("checked")

	p.ready(s.url + longLink(t, 40, 20))
	if !within(p, "#scrub .forward", "#race") {
		t.Error("with seven CPUs, the button forward is not in sight")
	}
	p.shot("seven")
}
