package view

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gupscope/core/machine"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

// walk calls f after every step of some random runs of every scenario.
func walk(t *testing.T, f func(t *testing.T, r *trace.Run)) {
	for _, g := range scenarios.List() {
		t.Run(g.Name, func(t *testing.T) {
			file, _ := scenario.Parse(g.Name, []byte(g.Text))
			rnd := rand.New(rand.NewPCG(7, uint64(len(g.Text))))
			n := 10
			if testing.Short() {
				n = 4
			}
			for range n {
				m, _, _ := verdict.Model(file, file.Kernel, nil)
				r := trace.New(m)
				f(t, r)
				for range 80 {
					cs := m.Choices(nil)
					if len(cs) == 0 {
						break
					}
					if _, err := r.Do(cs[rnd.IntN(len(cs))]); err != nil {
						t.Fatal(err)
					}
					f(t, r)
				}
			}
		})
	}
}

// The bar of a folio has every holder: its terms add up to what the machine's
// ledger says, in every state.
func TestHoldersAreTheLedger(t *testing.T) {
	walk(t, func(t *testing.T, r *trace.Run) {
		m := r.Model.M
		for _, f := range OfMemory(r).Folios {
			var frame int
			fmt.Sscanf(f.ID, "frame-%d", &frame)
			sum := 0
			for _, h := range f.Holders {
				sum += h.Count
			}
			if ledger := int(int64(m.Peek(m.Ledger(machine.Frame(frame))))); sum != ledger {
				t.Fatalf("%v: %s has holders %+v, the ledger says %d", r, f.Title, f.Holders, ledger)
			}
		}
	})
}

// Whatever points at something points at something shown, and a card is a thing of its own.
func TestTargetsAreThere(t *testing.T) {
	walk(t, func(t *testing.T, r *trace.Run) {
		m := OfMemory(r)
		shown := map[string]bool{"": true}
		for _, x := range m.Targets {
			shown[x.ID] = true
		}
		for _, w := range m.Walks {
			for _, l := range w.Leaves {
				for _, e := range l.Entries {
					if !shown[e.To] {
						t.Fatalf("%v: %s points at %s, which is not shown", r, e.Cell, e.To)
					}
					for _, x := range e.Walkers {
						if !shown[x.To] {
							t.Fatalf("%v: %s holds %s, which is not shown", r, x.Lane, x.To)
						}
					}
				}
			}
		}
	})
}

// Everything in the diagram stands within it, and bars of a lane never lie on each other.
func TestDiagramFits(t *testing.T) {
	walk(t, func(t *testing.T, r *trace.Run) {
		x := OfRace(r, nil, nil)
		n := len(x.Rows)
		row := func(what string, from, to int) {
			if from < 1 || to > n || from > to {
				t.Fatalf("%v: %s from %d to %d of %d rows", r, what, from, to, n)
			}
		}
		for i, s := range x.Spans {
			row("span "+s.Text, s.From, s.To)
			for _, o := range x.Spans[:i] {
				if o.Lane == s.Lane && o.Track == s.Track && o.From <= s.To && s.From <= o.To {
					t.Fatalf("%v: %+v lies on %+v", r, s, o)
				}
			}
		}
		for _, e := range x.Edges {
			row("edge "+e.Text, e.From, e.To)
			if e.From == e.To || e.FromLane == e.ToLane {
				t.Fatalf("%v: %+v leads nowhere", r, e)
			}
		}
		for _, w := range x.Windows {
			row("window "+w.Head, w.From, w.To)
			if w.Gap != [2]int{} {
				row("its text", w.Gap[0], w.Gap[1])
			}
		}
		if len(x.Next) != len(x.Lanes) {
			t.Fatalf("%v: %d lanes, %d docks", r, len(x.Lanes), len(x.Next))
		}
		s := OfSentence(r, &x).Plain()
		if s == "" || strings.Contains(s, "  ") || strings.Contains(s, "..") {
			t.Fatalf("%v: %q", r, s)
		}
	})
}

// A sketch that has followed a run, cut and gone on another way, draws what one
// draws that sees the run for the first time.
func TestSketchFollows(t *testing.T) {
	for _, g := range scenarios.List() {
		file, _ := scenario.Parse(g.Name, []byte(g.Text))
		rnd := rand.New(rand.NewPCG(9, uint64(len(g.Text))))
		m, _, _ := verdict.Model(file, file.Kernel, nil)
		r := trace.New(m)
		k := NewSketch(r)
		for range 60 {
			r.Goto(rnd.IntN(r.Len() + 1))
			for range rnd.IntN(30) {
				if cs := m.Choices(nil); len(cs) > 0 {
					if _, err := r.Do(cs[rnd.IntN(len(cs))]); err != nil {
						t.Fatal(err)
					}
				}
			}
			story := OfStory(r)
			fold := story
			if rnd.IntN(2) == 0 {
				fold = nil
			}
			from := rnd.IntN(r.Len() + 1)
			p := Part{from, from + rnd.IntN(r.Len()-from+1)}
			got, want := k.Race(story, fold, p), NewSketch(r).Race(story, fold, p)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, %v, %+v:\n%+v\nseen for the first time:\n%+v", g.Name, r, p, got, want)
			}
		}
	}
}

// A run that grows leaves what is drawn of it where it is: rows, edges and the
// order of spans and windows.
func TestDiagramGrowsAtItsEnd(t *testing.T) {
	var before Race
	walk(t, func(t *testing.T, r *trace.Run) {
		x := OfRace(r, nil, nil)
		if r.Len() > 0 {
			for i := range before.Rows {
				if x.Rows[i].Key != before.Rows[i].Key {
					t.Fatalf("%v: row %d is another one", r, i+1)
				}
			}
			for i := range before.Spans {
				if x.Spans[i].ID != before.Spans[i].ID {
					t.Fatalf("%v: span %d is another one", r, i)
				}
			}
		}
		before = x
	})
}

func TestSentences(t *testing.T) {
	race := &Race{Lanes: []Lane{{Name: "cpu1", Who: 2}}}
	for says, want := range map[string]string{
		"clear the PTE: it was frame 1 W D": "cpu1 clears the PTE: it was frame 1 W D.",
		"try the folio lock":                "cpu1 tries the folio lock.",
		"flush the range, late":             "cpu1 flushes the range, late.",
		"unlock the folio, put it":          "cpu1 unlocks the folio, puts it.",
		"is it dirty?":                      "cpu1 looks: is it dirty?",
		"where is it mapped? Read the PMD":  "cpu1 looks: where is it mapped? Read the PMD.",
		"the PTE is none: page fault":       "cpu1: the PTE is none: page fault.",
		"have the page table freed":         "cpu1 has the page table freed.",
	} {
		if got := tell(race, &Row{Says: says}, true).Plain(); got != want {
			t.Errorf("%q: got %q, want %q", says, got, want)
		}
	}
}

// Who waits, and only who waits, has a bar that says so.
func TestWaitingIsABar(t *testing.T) {
	waits := 0
	walk(t, func(t *testing.T, r *trace.Run) {
		open := map[int]string{}
		for _, s := range r.Spans() {
			if s.Kind == trace.Waiting && s.To == 0 {
				open[s.Actor] = s.Text
			}
		}
		if r.Len() == 0 {
			return
		}
		for _, a := range r.Lanes() {
			o := r.Offer(a.ID)
			text, has := open[a.ID]
			if want := !o.Ready && !o.Finished; has != want || want && text != o.Why {
				t.Fatalf("%v: %s has the bar %q (%v); it is ready: %v, finished: %v, %q", r, a.Name, text, has, o.Ready, o.Finished, o.Why)
			}
			if has {
				waits++
			}
		}
	})
	if waits == 0 {
		t.Error("nobody ever waits")
	}
}
