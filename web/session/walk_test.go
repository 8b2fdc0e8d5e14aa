package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/trace"
	"gupscope/scenarios"
	"gupscope/web/link"
	"gupscope/web/page"
)

// regions are the parts of the page that the fragments of shared events keep up
// to date. (The text belongs to the editor, the verdict to the check.)
var regions = []string{"pick-scenario", "pick-kernel", "kernels", "story", "note-panel", "sentence", "frame", "listing", "diagnostics", "now", "claims"}

// After any walk of events the page that the fragments have made is the page
// that would be painted anew. Every scenario sees every kind of event, in an
// order of its own.
func TestFragmentsArriveAtThePage(t *testing.T) {
	for _, g := range scenarios.List() {
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(1, uint64(len(g.Text))))
			s := standing(t, g.Name)
			d := parse(t, html(page.Page(s.Page(), nil)))
			var anew painting
			order := rnd.Perm(kinds) // in all, of every kind some four hundred
			if testing.Short() {
				order = order[:10]
			}
			for _, kind := range order {
				e := someEvent(rnd, s, kind)
				for _, f := range s.Do(e) {
					d.apply(t, f)
				}
				if err := anew.as(t, d, html(page.Page(s.Page(), nil)), regions...); err != nil {
					t.Fatalf("after %+v, at %d of %d: %v", e, s.run.Cursor(), s.run.Len(), err)
				}
			}
		})
	}
}

// The same in a run that is too long for all of its rows to be drawn, whatever part of it is.
func TestFragmentsOfALongRun(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 3))
	s := longRun(t, 2100)
	d := parse(t, html(page.Page(s.Page(), nil)))
	var anew painting
	n := 150
	if testing.Short() {
		n = 40
	}
	for i := range n {
		at := s.run.Cursor()
		var e Event
		switch rnd.IntN(6) {
		case 0:
			e = Event{Do: "goto", At: rnd.IntN(s.run.Len() + 1)}
		case 1:
			e = Event{Do: "goto", At: max(0, at+rnd.IntN(160)-80)}
		case 2, 3:
			e = Event{Do: "rows", At: s.page.Race.From + rnd.IntN(300) - 75}
		case 4:
			e = Event{Do: "goto", At: s.run.Len()}
			if i%4 > 0 {
				e = Event{Do: "step", Choice: trace.FormatChoice(pick(s.run.Model.Choices(nil), i)), At: at}
			}
		default:
			e = Event{Do: "goto", At: min(at+1, s.run.Len())}
		}
		for _, f := range s.Do(e) {
			d.apply(t, f)
		}
		if drawn := len(s.page.Race.Rows); drawn > 200 {
			t.Fatalf("%d rows are drawn", drawn)
		}
		if err := anew.as(t, d, html(page.Page(s.Page(), nil)), regions...); err != nil {
			t.Fatalf("event %d, %+v, at %d of %d, rows %d to %d: %v", i, e, s.run.Cursor(), s.run.Len(), s.page.Race.From, s.page.Race.To, err)
		}
	}
}

// kinds is how many kinds of events there are; steps are many of them.
const kinds = 18

// someEvent is something of this kind that a reader could do now, or a step.
func someEvent(rnd *rand.Rand, s *Session, kind int) Event {
	switch kind {
	case 14:
		return Event{Do: "keep", Text: fmt.Sprint("way ", rnd.IntN(9))}
	case 15:
		return Event{Do: "note", At: s.run.Cursor(), Text: []string{"look here", ""}[rnd.IntN(2)]}
	case 16:
		return Event{Do: "watch", N: rnd.IntN(40)}
	case 17:
		return Event{Do: "run", To: []string{"over", "return", "conflict", "write", "false", "random"}[rnd.IntN(6)], Lane: []string{"", "cpu0"}[rnd.IntN(2)], At: s.run.Cursor(), N: rnd.IntN(9)}
	case 0:
		k := []string{"", "v4.6", "v6.1", "v6.12", "v6.12 with tlb_flush=pv", "v9"}
		return Event{Do: "kernel", Kernel: k[rnd.IntN(len(k))]}
	case 1:
		texts := []string{s.text + "\n// more", strings.Replace(s.text, "frames 2", "frames 3", 1), strings.Replace(s.text, "mm ", "mmm ", 1), strings.Replace(s.text, "mmm ", "mm ", 1)}
		return Event{Do: "text", Text: texts[rnd.IntN(len(texts))]}
	case 2, 3:
		return Event{Do: "goto", At: rnd.IntN(s.run.Len() + 1), N: rnd.IntN(8) / 7}
	case 4:
		if len(s.kept) > 0 {
			return Event{Do: "show", Run: s.kept[rnd.IntN(len(s.kept))].run, At: -1}
		}
	case 5:
		return Event{Do: "open"}
	case 6:
		return Event{Do: "step", Choice: "77", At: s.run.Cursor()}
	case 7, 8, 9:
		if at := s.run.Cursor(); at < s.run.Len() {
			return Event{Do: "step", Choice: trace.FormatChoice(s.run.Steps()[at].Choice), At: at}
		}
	}
	if cs := s.run.Model.Choices(nil); len(cs) > 0 {
		return Event{Do: "step", Choice: trace.FormatChoice(cs[rnd.IntN(len(cs))]), At: s.run.Cursor()}
	}
	return Event{Do: "goto", At: 0}
}

// ofMemory are the fragments that draw memory as it is: as much as there is of it, however it came to be so.
var ofMemory = []string{"now", "walks", "cards", "files", "tlbs", "locks"}

// A step costs the bytes of what it changes, not of what came before it: no step late in the run more than the most costly early one, and with the
// memory, of which there is more in some states than in others however they came to be, no more on average.
func TestStepBytesDoNotGrow(t *testing.T) {
	s := New()
	s.Restore(link.Link{Text: long(4)})
	if s.run == nil {
		t.Fatal(s.because())
	}
	type cost struct{ most, sum, steps int }
	var early, late cost
	n := 0
	for ; ; n++ {
		cs := s.run.Model.Choices(nil)
		if len(cs) == 0 {
			break
		}
		bytes, memory := 0, 0
		for _, f := range s.Do(Event{Do: "step", Choice: trace.FormatChoice(pick(cs, n)), At: n}) {
			size := len(f.HTML) + len(f.Value) + len(f.ID)
			switch {
			case f.Op == "address": // it holds the run itself
			case slices.Contains(ofMemory, f.ID):
				memory += size
			default:
				bytes += size
			}
		}
		of := &late
		switch {
		case n < 50 || n >= 500 && n < 600:
			continue
		case n < 500: // with the first steps that leave rows behind
			of = &early
		}
		of.most, of.sum, of.steps = max(of.most, bytes), of.sum+bytes+memory, of.steps+1
	}
	if n < 900 {
		t.Fatalf("the run ended after %d steps", n)
	}
	t.Logf("%d steps: at most %d bytes early, %d late; with the memory %d and %d on average", n, early.most, late.most, early.sum/early.steps, late.sum/late.steps)
	if late.most > early.most+early.most/10 {
		t.Errorf("a step costs at most %d bytes early in the run and %d late", early.most, late.most)
	}
	if e, l := early.sum/early.steps, late.sum/late.steps; l > e+e/10 {
		t.Errorf("with the memory, a step costs %d bytes early in the run and %d late, on average", e, l)
	}
}

// pick goes round all actors.
func pick(cs []check.Choice, n int) check.Choice { return cs[n%len(cs)] }

// long is a scenario whose runs are long, on so many CPUs.
func long(cpus int) string {
	var b strings.Builder
	b.WriteString("GUP long\n\"Many steps.\"\n\nkernel v6.12\n\nmm A { buf = anon 4 rw \"a\" }\nframes 6\n\n")
	for p := range cpus {
		fmt.Fprintf(&b, "P%d on cpu%d in A {\n", p, p)
		for i := range 24 {
			fmt.Fprintf(&b, "    store(buf[%d], \"%c\")\n", (i+p)%4, 'a'+i%3)
			if i%3 == 0 {
				b.WriteString("    madvise(buf, MADV_DONTNEED)\n")
			}
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// Nothing that a reader can send makes the session fail.
func FuzzDo(f *testing.F) {
	f.Add("step", "0", "x", 0)
	f.Add("open", "", "/s/gup-fast-vs-reclaim?k=v9&r=0x9&c=3", 0)
	f.Add("text", "GUP x", "", 0)
	f.Add("hover", "", "", 20)
	s := New()
	f.Fuzz(func(t *testing.T, do, a, b string, n int) {
		for _, e := range []Event{{Do: do, Choice: a, Text: b, Kernel: a, Run: b, At: n, N: n % 1000, Link: a, Scenario: b, Claim: a}, {Do: do, Run: a, Text: a, Kernel: b, Link: b, At: s.State().At}} {
			for _, f := range s.Do(e) {
				if f.Op == "answer" && strings.Contains(f.Value, "went wrong inside") {
					t.Fatalf("%+v: %s", e, f.Value)
				}
			}
		}
	})
}

// A step that reads a cell and writes it says what became of it, and not what it was alone.
func TestWrittenIsNotToldAsRead(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "truncate-vs-munmap"})
	for at := range 3 {
		s.Do(Event{Do: "step", Choice: "0", At: at})
	}
	for _, x := range s.Page().Race.Rows {
		if x.Says != "set i_size" {
			continue
		}
		if len(x.Keeps) != 0 || len(x.Changes) != 1 || x.Changes[0].Old != "1 page" || x.Changes[0].New != "0 pages" {
			t.Errorf("the step that sets i_size says %v and keeps %v", x.Changes, x.Keeps)
		}
		return
	}
	t.Error("three steps of ftruncate do not set i_size")
}
