package main

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"gupscope/web/link"
)

// big takes a browser a while to check.
const big = `GUP big
"Large enough for a check to take its time."

kernel v6.12

mm A { buf = anon 1 rw "a" }
mm B { other = anon 1 rw }
frames 2
swap async
preempt cpu0 1
preempt cpu2 1

P0 on cpu0 in A {
    p = get_user_pages_fast(buf, FOLL_WRITE)
    device_write(p, "d")
    set_page_dirty_lock(p)
    put_page(p)
}
P1 on cpu1 kernel { shrink_folio_list(buf) }
P2 on cpu2 in B { store(other, "b") }
P3 on cpu3 in A { store(buf, "c") }
P4 on cpu4 in B { store(other, "e") }
`

// checking is true while a check runs.
const checking = `document.querySelector("#verdict .stop") !== null`

// A check shows how far it is, lets the page be used meanwhile, stops at once, keeps what
// it has, and goes on.
func TestCheckAndStop(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + link.Link{Text: big}.Address()[1:])
	p.click("button.check")
	p.wait(`document.querySelector("#verdict .stop")`)
	states := `Number(document.querySelector("#verdict .numbers").textContent.replace(/ states.*/s, "").replace(/\D/g, ""))`
	p.wait(states + ` > 10000`)
	p.wait(`/states · [\d.]+ [kM]?\/s · depth \d+/.test(document.querySelector("#verdict .numbers")?.textContent.replace(/\s+/g, " "))`)

	// A step while the check runs is answered, and the check runs on.
	took := p.step()
	t.Logf("a step while the check ran took %.0f ms", took)
	if !eval[bool](p, checking) {
		t.Error("the check has ended before the step was answered, or by it")
	}
	p.shot("running")

	p.stops("#verdict .stop")
	p.wait(`/unknown/i.test(document.querySelector("#verdict").textContent)`)
	p.shot("stopped")
	stopped := eval[int](p, `Number(document.querySelector("#verdict .numbers").textContent.replace(/ states.*/s, "").replace(/\D/g, ""))`)
	if stopped < 10000 {
		t.Errorf("after Stop the page speaks of %d states", stopped)
	}

	p.click("#verdict .more")
	p.wait(`document.querySelector("#verdict .stop")`)
	p.wait(states + ` > ` + itoa(stopped))

	// Another text ends the check.
	edit(p, `device_write(p, "d")`, `device_write(p, "e")`)
	p.wait(`!document.querySelector("#verdict .stop")`)

	// A worker that does not hear Stop is ended, and the page says so; the next one begins anew.
	p.click("button.check")
	p.wait(`document.querySelector("#verdict .stop")`)
	eval[bool](p, `(() => {
		const post = Worker.prototype.postMessage;
		Worker.prototype.postMessage = function (m) { if (m.event?.do !== "stop") post.call(this, m); };
		return true;
	})()`)
	p.click("#verdict .stop")
	p.wait(`/did not hear Stop/.test(document.querySelector("#notice").textContent)`)
	if said := p.text("#verdict"); said != "ended without a result" {
		t.Errorf("of a check that was ended the page says %q", said)
	}
	p.click("button.check")
	p.wait(`document.querySelector("#verdict .stop")`)
}

// longTasks returns the tasks that have held up the main thread for more than 50 ms
// since it was asked last, in milliseconds.
func (p *tab) longTasks() string {
	p.t.Helper()
	return eval[string](p, `(() => {
		window.watching ??= new PerformanceObserver((list) => window.long.push(...list.getEntries().map((e) => e.duration)));
		watching.observe({ type: "longtask" });
		const was = JSON.stringify(window.long ?? []);
		window.long = [];
		return was;
	})()`)
}

// step takes the first step that can be taken, and returns how many milliseconds it took until that was drawn.
func (p *tab) step() float64 {
	p.t.Helper()
	return eval[float64](p, `new Promise((done) => {
		const began = performance.now(), at = document.querySelector("#scrub input").value;
		document.querySelector(".move.ready").click();
		const look = () => document.querySelector("#scrub input").value != at ? done(performance.now() - began) : requestAnimationFrame(look);
		look();
	})`)
}

// A check gives way while the page draws a step, and goes on even if the page is never painted, as in a window that nobody sees.
func TestCheckGivesWay(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	// What the page tells its workers, in order.
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		window.told = [];
		const post = Worker.prototype.postMessage;
		Worker.prototype.postMessage = function (m, ...rest) { if (m.page) told.push(m.page); return post.call(this, m, ...rest) };`}); err != nil {
		t.Fatal(err)
	}
	p.ready(s.url + link.Link{Text: big}.Address()[1:])
	p.step()
	if told := eval[string](p, `told.join(" ")`); told != "" {
		t.Errorf("no check runs, and a worker is told: %s", told)
	}
	p.click("button.check")
	p.wait(checking)
	p.step()
	p.wait(`told.join(" ") === "moves draws painted"`)
	states := `Number(document.querySelector("#verdict .numbers").textContent.replace(/ states.*/s, "").replace(/\D/g, ""))`
	p.wait(states + ` > 1000`)
	eval[bool](p, `(told = [], requestAnimationFrame = () => 0, before = `+states+`, document.querySelector(".move.ready").click(), true)`)
	p.wait(`told.join(" ") === "moves draws"`)
	p.wait(states + ` > before + 10000`)
	p.stops("#verdict .stop")
}

// stops presses Stop, waits until there is none any more, and returns how many milliseconds that took. What is kept then says whether the check has heard it: a worker
// that does not hear is ended, and all it had with it.
func (p *tab) stops(button string) float64 {
	p.t.Helper()
	took := eval[float64](p, `new Promise((done) => {
		const began = performance.now();
		document.querySelector("`+button+`").click();
		const look = () => document.querySelector("`+button+`") ? setTimeout(look) : done(performance.now() - began);
		look();
	})`)
	p.t.Logf("Stop took %.0f ms", took)
	return took
}

// broken is too large for the bounds of a tab as well, and what breaks in it is found soon: it
// breaks among the last to come.
const broken = `GUP broken
"A store beside munmap, and much else."

kernel v6.12 without gather_flush_before_free

mm A { buf = anon 1 rw "a" }
mm B { other = anon 1 rw "b" }
frames 2
swap async

P0 on cpu0 in B {
    p = get_user_pages_fast(other, FOLL_WRITE)
    device_write(p, "d")
    set_page_dirty_lock(p)
    put_page(p)
}
P1 on cpu1 kernel { shrink_folio_list(other) }
P2 on cpu2 in B { store(other, "e") }
P3 on cpu3 in A {
    store(buf, "x")
    store(buf, "y")
}
P4 on cpu4 in A { munmap(buf) }
`

// A check that is too large for its bound says which bound, keeps what it found, and
// goes on further; the page is used all the while, and never held up.
func TestCheckBeyondItsBound(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + link.Link{Text: broken}.Address()[1:])
	p.longTasks()
	for range 10 {
		p.step()
	}
	t.Logf("before the check, 10 steps: tasks of more than 50 ms: %s", p.longTasks())
	eval[bool](p, `(() => {
		const check = document.createElement("button");
		check.dataset.do = "check";
		check.dataset.n = "400000";
		document.body.append(check);
		check.click();
		return true;
	})()`)
	p.wait(`document.querySelector("#verdict .stop")`)
	for range 10 {
		t.Logf("a step took %.0f ms", p.step())
		if !eval[bool](p, checking) {
			t.Fatal("the check has ended before the step was answered, or by it")
		}
	}
	t.Logf("during the check, 10 steps: tasks of more than 50 ms: %s", p.longTasks())
	p.wait(`document.querySelector("#verdict .more")`)
	t.Logf("during the check, no step: tasks of more than 50 ms: %s", p.longTasks())
	if said := p.text("#verdict .result"); !strings.Contains(said, "400,000 states, its bound") || !strings.Contains(said, "Sometimes so far: 20 steps") {
		t.Errorf("at its bound the check says %q", said)
	}
	if said := p.text("#verdict .more"); said != "Go on to 1,200,000 states" {
		t.Errorf("the button says %q", said)
	}
	p.shot("bound")
	p.click("#verdict .result")
	p.wait(`document.querySelector("#counters .bad-runs button")`)
	p.shot("bound-panel")
	p.key("\x1b")
	p.click("#verdict .more")
	p.wait(`document.querySelector("#verdict .stop")`)
	p.stops("#verdict .stop")
	p.wait(`/stopped by you/.test(document.querySelector("#verdict .result").textContent)`)
	if n := eval[int](p, `Number(document.querySelector("#verdict .numbers").textContent.replace(/ states.*/s, "").replace(/\D/g, ""))`); n < 400000 {
		t.Errorf("after going on and Stop the page speaks of %d states", n)
	}
}

// A check that is stopped and goes on comes to the verdict of one that was not.
func TestCheckGoesOnToTheSame(t *testing.T) {
	s := sharedServer(t)
	verdict := func(stop bool) string {
		p := newTab(t, s.url, 1440, 900)
		p.ready(s.url + "s/gup-fast-vs-reclaim?k=v6.12+with+tlb_flush%3Dpv")
		p.click("button.check")
		if stop {
			p.wait(`document.querySelector("#verdict .stop")`)
			p.stops("#verdict .stop")
			p.click("#verdict .more")
		}
		p.wait(`document.querySelector("#verdict.never .result, #verdict.sometimes .result")`)
		return p.text("#verdict .result")
	}
	if once, twice := verdict(false), verdict(true); once != twice {
		t.Errorf("uninterrupted %q, stopped and resumed %q", once, twice)
	}
}

// recheck is the race of gup-fast-vs-reclaim with no more than it takes: what it rests on is asked of many kernels.
const recheck = `GUP recheck
"The PTE changes between GUP-fast's load of it and its reference."

kernel v6.12 with tlb_flush=broadcast

mm A { buf = anon 1 rw "a" }
mm B { other = anon 1 rw }
frames 1
swap sync

P0 on cpu0 in A {
    p = get_user_pages_fast(buf, FOLL_WRITE)
    put_page(p)
}
P1 on cpu1 kernel { shrink_folio_list(buf) }
P2 on cpu2 in B { store(other, "b") }
`

// What a verdict rests on stands beside it: for a pass, whose panel asks by itself; for a failure, by a press; it stops and goes on.
func TestRestsInThePage(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + link.Link{Text: recheck}.Address()[1:])
	p.click("button.check")
	p.wait(`document.querySelector("#verdict.never .result")`)
	p.longTasks()
	p.click("#verdict .result")
	p.wait(`document.querySelector("#rests progress")?.value > 2`)
	p.shot("asking")
	p.stops("#rests .stop")
	p.wait(`/stopped by you/.test(document.querySelector("#rests").textContent)`)
	p.click("#rests .more")
	p.wait(`!document.querySelector("#rests .doing")`)
	t.Logf("tasks of more than 50 ms on the main thread: %s", p.longTasks())
	p.shot("pass")
	row := `[...document.querySelectorAll("#rests tbody tr")].find((r) => r.textContent.includes("without gup_pte_recheck"))`
	if said := eval[string](p, row+`.textContent`); !strings.Contains(said, "gup-returns-only-mapped-pages") || !strings.Contains(said, "the PTE has changed") {
		t.Errorf("the row of gup_pte_recheck says %q", said)
	}
	if !eval[bool](p, `document.querySelector("#counters").matches(":popover-open")`) {
		t.Error("the panel has closed meanwhile")
	}
	if hidden := eval[int](p, `(document.querySelectorAll("#rests details").forEach((d) => d.open = true), [...document.querySelectorAll("#rests li")].filter((l) => !l.checkVisibility()).length)`); hidden > 0 {
		t.Errorf("%d items of what the verdict rests on are not shown", hidden)
	}
	// The closest call is a run on this kernel; the counterexample next to it one on the other.
	eval[bool](p, row+`.querySelector("td:last-child button").click() ?? true`)
	p.wait(`/the PTE has changed/.test(document.querySelector(".row[aria-current=step]")?.textContent)`)
	p.shot("call")
	p.click("#verdict .result")
	eval[bool](p, row+`.querySelector("td:nth-child(2) button").click() ?? true`)
	p.wait(`/without gup_pte_recheck|gup_pte_recheck/.test(document.querySelector("#pick-kernel").textContent)`)
	p.wait(`document.querySelector(".row.bad")`)
	p.shot("other-kernel")

	// Now it is a failure.
	p.click("button.check")
	p.wait(`document.querySelector("#verdict.sometimes .result")`)
	p.click("#verdict .result")
	p.click("#rests .ask")
	p.wait(`document.querySelector("#rests .cures li")`)
	p.shot("fail")
	if said := p.text("#rests .cures"); !strings.Contains(said, "with gup_pte_recheck") || !strings.Contains(said, "since v4.13") {
		t.Errorf("what repairs it: %q", said)
	}
}

// How a check is made is chosen beside it: the ways agree, and say what they keep.
func TestHowToCheck(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-reclaim?k=v6.12+with+tlb_flush%3Dpv")
	for _, c := range []struct{ way, numbers, overlooked string }{{"reduced", "reduced states", "probability"}, {"exact", "states", "whole states were kept"}, {"", "states", "probability"}} {
		p.click("[data-command=how]")
		p.wait(`document.querySelector("#how-panel:popover-open")`)
		eval[bool](p, `(() => { const s = document.querySelector("#how-panel select"); s.value = `+quote(c.way)+`; s.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
		p.shot("panel")
		p.key("\x1b")
		p.click("button.check")
		p.wait(`!document.querySelector("#verdict .stop") && document.querySelector("#verdict.never #counters")?.textContent.includes(` + quote(c.overlooked) + `)`)
		if said := p.text("#verdict .numbers"); !strings.Contains(said, c.numbers) || c.way != "reduced" && strings.Contains(said, "reduced") {
			t.Errorf("checked %q it says %q", c.way, said)
		}
	}
	p.click("#verdict .result")
	p.shot("verdict")
}

// What a check finds is shown at once to who has made no step yet; to who has, by a button and its key. By keys, too, the verdict opens,
// and v leads to the violation, or says that there is none.
func TestCheckShowsWhatItFound(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/gup-fast-vs-munmap")
	p.key("v")
	p.wait(`document.querySelector("#notice").textContent.includes("No claim is false in this run")`)
	p.key("c")
	p.wait(`document.querySelector("#verdict.sometimes") && Number(document.querySelector("#scrub input").max) > 10`)
	p.shot("found")
	p.key("v")
	p.wait(`document.querySelector(".row.bad[aria-current=step]")`)
	p.key("i")
	p.wait(`document.querySelector("#counters:popover-open")`)
	p.key("\x1b")

	p.ready(s.url + "s/gup-fast-vs-munmap")
	p.key("1")
	p.wait(`document.querySelector("#scrub input").max === "1"`)
	p.key("c")
	p.wait(`document.querySelector("#verdict.sometimes .show-it") && !document.querySelector("#verdict .stop")`)
	if n := eval[int](p, `Number(document.querySelector("#scrub input").max)`); n != 1 {
		t.Errorf("the check has put a run of %d steps into the place of the reader's own", n)
	}
	p.shot("button")
	p.key("a")
	p.wait(`Number(document.querySelector("#scrub input").max) > 10`)
}
