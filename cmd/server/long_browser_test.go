package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/web/link"
)

// longLink is the address of a run of so many steps, the cursor in its midst.
func longLink(t *testing.T, steps, at int) string {
	var b strings.Builder
	b.WriteString("GUP long\n\"Many steps.\"\n\nkernel v6.12\n\nmm A { buf = anon 4 rw \"a\" }\nframes 6\n\n")
	for p := range 7 {
		fmt.Fprintf(&b, "P%d on cpu%d in A {\n", p, p)
		for i := range 24 {
			fmt.Fprintf(&b, "    store(buf[%d], \"%c\")\n", (i+p)%4, 'a'+i%3)
			if i%3 == 0 {
				b.WriteString("    madvise(buf, MADV_DONTNEED)\n")
			}
		}
		b.WriteString("}\n")
	}
	f, _ := scenario.Parse("long.gup", []byte(b.String()))
	m, _, ds := verdict.Model(f, f.Kernel, nil)
	if m == nil {
		t.Fatal(ds)
	}
	r := trace.New(m)
	for n := range steps {
		cs := m.Choices(nil)
		if _, err := r.Do(cs[n%len(cs)]); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimPrefix(link.Link{Text: b.String(), Run: r.String(), At: at}.Address(), "/")
}

// firstRow is the number of the first row that is drawn, and where the row of a step stands.
const firstRow = `Number(document.querySelector("#rows .row .n").textContent)`

func placeOf(step int) string {
	return fmt.Sprintf(`document.getElementById("row-%d")?.getBoundingClientRect().top ?? -9999`, step)
}

// Of a run of two thousand steps only a part is drawn; scrolling draws more, and what is in
// sight stays where it is.
func TestLongRun(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + longLink(t, 2000, 1000))
	p.wait(at(1000))
	if !eval[bool](p, `[...document.querySelectorAll("#row-1000 > .n > span")].every((n) => n.scrollWidth <= n.clientWidth && n.getBoundingClientRect().left >= document.getElementById("frame").getBoundingClientRect().left)`) {
		t.Error("a number of four digits has no room")
	}
	longRun(t, p)
	// A step at the end of the run.
	eval[bool](p, `(() => { const r = document.querySelector("#scrub input"); r.value = 2000; r.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`)
	p.wait(at(2000))
	p.wait(`document.querySelector("#row-2000[aria-current=step]")?.checkVisibility()`)
	p.click(".move.ready")
	p.wait(at(2001))
	p.shot("end")
	// Seven CPUs have more width than the window: every card stands under the name of its CPU, that of the present step in sight, and so it is where rows are dense.
	for range 2 {
		p.wait(`[...document.querySelectorAll("#rows .row")].every((row) => {
			const name = document.querySelector("#lanes .lane.l" + /\bl(\d+)\b/.exec(row.className)[1]).getBoundingClientRect(), card = row.querySelector(".card").getBoundingClientRect();
			return card.left >= name.left - 1 && card.right <= name.right + 1;
		})`)
		p.wait(`(() => { const frame = document.getElementById("frame").getBoundingClientRect(), card = document.querySelector(".row[aria-current=step] .card").getBoundingClientRect();
			return card.left >= frame.left && card.right <= frame.right; })()`)
		p.key("d")
	}
	// How it came to this is told when it is asked for.
	p.key("j")
	p.wait(`document.querySelector("#story-panel:popover-open #account p")`)
	told := p.text("#account p")
	p.key(kb.Escape)
	p.wait(`!document.querySelector("#story-panel:popover-open")`)
	p.key(kb.Home)
	p.wait(at(0))
	p.key(kb.ArrowRight)
	p.wait(at(1))
	p.key("j")
	p.wait(`document.querySelector("#story-panel:popover-open #account p") && document.querySelector("#account p").textContent.replace(/\s+/g, " ").trim() !== ` + quote(told))
}

// The same for somebody who looks on in a room, without moving what the others see.
func TestLongRunInRoom(t *testing.T) {
	s := sharedServer(t)
	a := newTab(t, s.url, 1440, 900)
	a.ready(s.url + longLink(t, 600, 300))
	_, viewer := makeRoom(a)
	v := enterRoom(t, s, viewer)
	v.wait(at(300))
	v.wait(`document.querySelector("#editor[data-mounted]")`)
	longRun(t, v)
	if n := eval[int](a, firstRow); n != 201 {
		t.Errorf("the driver's rows begin at %d because a viewer scrolled", n)
	}
	first := eval[int](v, firstRow)
	a.click(".move.follows")
	v.wait(at(301))
	if n := eval[int](v, firstRow); n != first {
		t.Errorf("the driver's step took a viewer from row %d to row %d", first, n)
	}
	a.key("\u0302")
	v.wait(at(300))
}

// longRun scrolls up in a long run that stands in its midst.
func longRun(t *testing.T, p *tab) {
	t.Helper()
	if n := eval[int](p, `document.querySelectorAll("#rows .row").length`); n < 100 || n > 200 {
		t.Errorf("%d rows are drawn", n)
	}
	first := eval[int](p, firstRow)
	p.wait(`document.querySelector("[aria-current=step]").checkVisibility()`)
	seen := first + 6 // with the rows before it, less than a screen
	eval[bool](p, fmt.Sprintf(`(document.getElementById("row-%d").scrollIntoView({block: "start"}), true)`, seen))
	before := eval[float64](p, placeOf(seen))
	eval[bool](p, `(document.getElementById("frame").scrollTop -= 200, true)`)
	p.wait(fmt.Sprintf(`%s < %d`, firstRow, first))
	if after := eval[float64](p, placeOf(seen)); after < before+150 || after > before+250 {
		t.Errorf("row %d stood at %v, and after scrolling by 200 at %v", seen, before, after)
	}
	if n := eval[int](p, `document.querySelectorAll("#rows .row").length`); n > 200 {
		t.Errorf("%d rows are drawn after scrolling", n)
	}
	p.shot("scrolled")
}
