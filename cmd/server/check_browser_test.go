package main

import (
	"testing"

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

// A check shows how far it is, lets the page be used meanwhile, stops at once, keeps what
// it has, and goes on.
func TestCheckAndStop(t *testing.T) {
	s := serveBinary(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + link.Link{Text: big}.Address()[1:])
	p.click("button.check")
	p.wait(`document.querySelector("#verdict .stop")`)
	states := `Number(document.querySelector("#verdict .numbers").textContent.replace(/ states.*/s, "").replace(/\D/g, ""))`
	p.wait(states + ` > 10000`)

	// A step while the check runs is answered as if it did not.
	took := eval[float64](p, `new Promise((done) => {
		const began = performance.now();
		document.querySelector(".move.ready").click();
		const look = () => document.querySelector("#scrub input").value == 1 ? done(performance.now() - began) : requestAnimationFrame(look);
		look();
	})`)
	t.Logf("a step while the check ran took %.0f ms", took)
	if took > 1000 {
		t.Errorf("a step while the check ran took %.0f ms", took)
	}
	p.wait(`document.querySelector("#verdict .stop")`)
	p.shot("running")

	took = eval[float64](p, `new Promise((done) => {
		const began = performance.now();
		document.querySelector("#verdict .stop").click();
		const look = () => document.querySelector("#verdict .stop") ? setTimeout(look) : done(performance.now() - began);
		look();
	})`)
	t.Logf("Stop took %.0f ms", took)
	if took > 500 { // 100 on a machine that has nothing else to do
		t.Errorf("Stop took %.0f ms", took)
	}
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
}
