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

// The bar of a folio has every holder: its terms add up to what the machine's
// ledger says, in every state.
func TestHoldersAreTheLedger(t *testing.T) { holdersAreTheLedger.test(t) }

var holdersAreTheLedger = law{meets: []string{"holder of a folio"}, holds: func(s *state) error {
	m := s.run.Model.M
	for _, f := range s.memory.Folios {
		var frame int
		fmt.Sscanf(f.ID, "frame-%d", &frame)
		sum := 0
		for _, h := range f.Holders {
			sum += h.Count
			s.met["holder of a folio"]++
		}
		if ledger := int(int64(m.Peek(m.Ledger(machine.Frame(frame))))); sum != ledger {
			return fmt.Errorf("%s has holders %+v, the ledger says %d", f.Title, f.Holders, ledger)
		}
	}
	return nil
}}

// A table whose pages differ in what their VMAs allow says so page by page, by the index of each entry.
func TestFlagsAreOfEachPage(t *testing.T) { flagsAreOfEachPage.test(t) }

var flagsAreOfEachPage = law{meets: []string{"table of a region that is partly unmapped"}, holds: func(s *state) error {
	for _, w := range s.memory.Walks {
		for _, l := range w.Leaves {
			if !strings.Contains(l.Flags, ",") {
				continue
			}
			s.met["table of a region that is partly unmapped"]++
			next := 0
			for i, part := range strings.Split(l.Flags, ", ") {
				index, _, _ := strings.Cut(part, " ")
				var from, to int
				if n, _ := fmt.Sscanf(index, "[%d–%d]", &from, &to); n == 1 {
					to = from
				}
				if i > 0 && from != next {
					return fmt.Errorf("the entries are %+v, above them stands %q", l.Entries, l.Flags)
				}
				next = to + 1
			}
			if k := len(l.Entries); k > 0 && !strings.HasSuffix(l.Entries[k-1].Index, fmt.Sprintf("%d]", next-1)) {
				return fmt.Errorf("the entries are %+v, above them stands %q", l.Entries, l.Flags)
			}
		}
	}
	return nil
}}

// Whatever points at something points at something shown, and a card is a thing of its own.
func TestTargetsAreThere(t *testing.T) { targetsAreThere.test(t) }

var targetsAreThere = law{meets: []string{"entry that points", "walker that points"}, holds: func(s *state) error {
	shown := map[string]bool{"": true}
	for _, x := range s.memory.Targets {
		shown[x.ID] = true
	}
	for _, w := range s.memory.Walks {
		for _, l := range w.Leaves {
			for _, e := range append(l.Entries, l.PMD) {
				if !shown[e.To] {
					return fmt.Errorf("%s points at %s, which is not shown", e.Cell, e.To)
				}
				if e.To != "" {
					s.met["entry that points"]++
				}
				for _, x := range e.Walkers {
					if !shown[x.To] {
						return fmt.Errorf("%s holds %s, which is not shown", x.Lane, x.To)
					}
					if x.To != "" {
						s.met["walker that points"]++
					}
				}
			}
		}
	}
	return nil
}}

// Everything in the diagram stands within it, and bars of a lane never lie on each other.
func TestDiagramFits(t *testing.T) { diagramFits.test(t) }

var diagramFits = law{meets: []string{"bar", "bar beside three others", "edge", "window", "text of a window"}, holds: func(s *state) error {
	x := &s.race
	n := len(x.Rows)
	var outside error
	row := func(what string, from, to int) {
		if outside == nil && (from < 1 || to > n || from > to) {
			outside = fmt.Errorf("%s from %d to %d of %d rows", what, from, to, n)
		}
	}
	for i, b := range x.Spans {
		s.met["bar"]++
		row("span "+b.Text, b.From, b.To)
		if b.Track >= MostBars {
			return fmt.Errorf("%+v has no room beside the others", b)
		}
		if b.Track > 2 {
			s.met["bar beside three others"]++
		}
		for _, o := range x.Spans[:i] {
			if o.Lane == b.Lane && o.Track == b.Track && o.From <= b.To && b.From <= o.To {
				return fmt.Errorf("%+v lies on %+v", b, o)
			}
		}
	}
	for _, e := range x.Edges {
		s.met["edge"]++
		row("edge "+e.Text, e.From, e.To)
		if e.From == e.To || e.FromLane == e.ToLane {
			return fmt.Errorf("%+v leads nowhere", e)
		}
	}
	for _, w := range x.Windows {
		s.met["window"]++
		row("window "+w.Head, w.From, w.To)
		if w.Gap != [2]int{} {
			s.met["text of a window"]++
			row("its text", w.Gap[0], w.Gap[1])
		}
	}
	if len(x.Next) != len(x.Lanes) {
		return fmt.Errorf("%d lanes, %d docks", len(x.Lanes), len(x.Next))
	}
	if said := OfSentence(s.run, x).Plain(); said == "" || strings.Contains(said, "  ") || strings.Contains(said, "..") {
		return fmt.Errorf("%q", said)
	}
	return outside
}}

// A sketch that has followed a run, cut and gone on another way, draws what one
// draws that sees the run for the first time.
func TestSketchFollows(t *testing.T) {
	for _, g := range scenarios.List() {
		file, _ := scenario.Parse(g.Name, []byte(g.Text))
		rnd := rand.New(rand.NewPCG(9, uint64(len(g.Text))))
		m, _, _ := verdict.Model(file, file.Kernel, nil)
		r := trace.New(m)
		k := NewSketch(r)
		for range 30 { // of each scenario: eleven thousand looks
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
func TestDiagramGrowsAtItsEnd(t *testing.T) { diagramGrowsAtItsEnd.test(t) }

var diagramGrowsAtItsEnd = law{meets: []string{"bar that was there before"}, holds: func(s *state) error {
	x, before := &s.race, &s.before
	for i := range before.Rows {
		if x.Rows[i].Key != before.Rows[i].Key {
			return fmt.Errorf("row %d is another one", i+1)
		}
	}
	for i := range before.Spans {
		s.met["bar that was there before"]++
		if x.Spans[i].ID != before.Spans[i].ID {
			return fmt.Errorf("span %d is another one", i)
		}
	}
	return nil
}}

// Who waits, and only who waits, has a bar that says so.
func TestWaitingIsABar(t *testing.T) { waitingIsABar.test(t) }

var waitingIsABar = law{meets: []string{"lane that waits"}, holds: func(s *state) error {
	r := s.run
	open := map[int]string{}
	for _, b := range r.Spans() {
		if b.Kind == trace.Waiting && b.To == 0 {
			open[b.Actor] = b.Text
		}
	}
	if r.Len() == 0 {
		return nil
	}
	for _, a := range r.Lanes() {
		o := r.Offer(a.ID)
		text, has := open[a.ID]
		if want := !o.Ready && !o.Finished; has != want || want && text != o.Why {
			return fmt.Errorf("%s has the bar %q (%v); it is ready: %v, finished: %v, %q", a.Name, text, has, o.Ready, o.Finished, o.Why)
		}
		if has {
			s.met["lane that waits"]++
		}
	}
	return nil
}}
