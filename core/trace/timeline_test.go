package trace_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/machine"
	"gupscope/core/trace"
	"gupscope/scenarios"
)

// What a run knows of its steps is the same however it came to have them: gone
// back and forth in, cut, and gone on another way; or played once from its start.
func TestTimelineIsThatOfTheRun(t *testing.T) {
	for _, s := range scenarios.List() {
		rng := rand.New(rand.NewPCG(5, 6))
		r := trace.New(model(t, s.Name))
		for range 8 {
			r.Goto(rng.IntN(r.Len() + 1))
			for range 40 {
				cs := r.Model.Choices(nil)
				if len(cs) == 0 {
					break
				}
				if _, err := r.Do(cs[rng.IntN(len(cs))]); err != nil {
					t.Fatal(err)
				}
			}
			again, err := trace.Replay(model(t, s.Name), r.String())
			if err != nil || again.Len() != r.Len() {
				t.Fatalf("%s: %s: %v", s.Name, r, err)
			}
			if got, want := r.Edges(), again.Edges(); !reflect.DeepEqual(cut(got), cut(want)) {
				t.Fatalf("%s: %s: edges\n%+v\nof a fresh run\n%+v", s.Name, r, got, want)
			}
			if got, want := r.Spans(), again.Spans(); !slices.Equal(got, want) {
				t.Fatalf("%s: %s: spans\n%+v\nof a fresh run\n%+v", s.Name, r, got, want)
			}
			if got, want := r.Windows(), windows(r); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: %s: windows\n%+v\nlooked for step by step\n%+v", s.Name, r, got, want)
			}
			if !slices.Equal(r.Violations(), again.Violations()) {
				t.Fatalf("%s: %s: violations at %v, of a fresh run %v", s.Name, r, r.Violations(), again.Violations())
			}
			for _, st := range r.Steps() {
				for _, c := range st.Changes {
					if got, want := r.Writers(c.Cell), again.Writers(c.Cell); !slices.Equal(got, want) {
						t.Fatalf("%s: %s: %s written at %v, of a fresh run %v", s.Name, r, c.Name, got, want)
					}
				}
			}
		}
	}
}

// cut makes no edges nil.
func cut(es []trace.Edge) []trace.Edge { return append([]trace.Edge{}, es...) }

// windows looks for the race windows of a run the slow way: from every value that was kept, and every translation that an MMU took, on to its end.
func windows(r *trace.Run) []trace.Window {
	var out []trace.Window
	at := r.Cursor()
	defer r.Goto(at)
	layout := r.Model.Memory().Layout()
	windowed := func(id cell.ID) bool {
		class := layout.Class(id)
		return class == machine.PTEs || class == machine.PMDs || class == machine.SwapCache
	}
	for i := range r.Steps() {
		for _, k := range r.Steps()[i].Kept {
			if windowed(k.From) {
				out = opened(r, out, trace.Window{Actor: r.Steps()[i].Actor, Read: i + 1, Cell: k.From, Name: k.Name, Value: k.Value}, k.Into, 0)
			}
		}
		for _, c := range r.Steps()[i].Changes {
			if w, entry, ok := filled(r, i+1, &c); ok && windowed(w.Cell) {
				out = opened(r, out, w, c.Cell, entry)
			}
		}
	}
	return out
}

// filled is what an MMU takes over by a change of a step, and the entry that it is.
func filled(r *trace.Run, n int, c *trace.Change) (w trace.Window, entry machine.Entry, ok bool) {
	m, st, e := r.Model.M, &r.Steps()[n-1], machine.Entry(c.NewV)
	layout := m.Mem.Layout()
	if !e.Present() || e.IsStale() {
		return w, 0, false
	}
	r.Goto(n)
	w = trace.Window{Actor: st.Actor, Read: n}
	switch {
	case c.Class == machine.TLBs && !strings.HasSuffix(c.Name, "walker"):
		w.MMU = "TLB"
		for _, a := range r.Lanes() {
			if a.CPU == st.CPU {
				w.Actor = a.ID
				break
			}
		}
		for _, id := range st.Reads {
			// Of those above it, and of others with whom a table is shared, a TLB keeps nothing.
			if class := layout.Class(id); class == machine.PTEs || class == machine.PMDs && machine.Entry(m.Mem.Peek(id)).Has(machine.PSE) {
				w.Cell, ok = id, true
			}
		}
	case c.Class == machine.Secondary:
		var p machine.PageID
		if p, w.MMU, ok = m.SecondaryAt(c.Cell); !ok || m.Mapped(p).Frame() != e.Frame() {
			return w, 0, false
		}
		w.Cell = m.PMD(p).Cell()
		if t, is := m.Find(p, machine.LevelPTE); is {
			w.Cell = m.Entry(t, m.Slot(p, machine.LevelPTE)).Cell()
		}
	}
	if !ok {
		return w, 0, false
	}
	v := m.Mem.Peek(w.Cell)
	w.Name, w.Value = layout.Name(w.Cell), layout.Decode(w.Cell, v)
	entry = machine.Entry(v)
	if !e.Has(machine.RW) {
		entry &^= machine.RW
	}
	return w, entry, true
}

// opened follows what was kept in a cell to where it is let go, and adds the window if it became untrue.
func opened(r *trace.Run, out []trace.Window, w trace.Window, into cell.ID, entry machine.Entry) []trace.Window {
	last := r.Len()
	for j := w.Read; j < r.Len(); j++ {
		st := &r.Steps()[j]
		c, drops := st.Change(w.Cell), st.Change(into)
		if c != nil && st.Actor != w.Actor && w.Stale == 0 {
			is := machine.Entry(c.NewV)
			if w.MMU == "" || !is.Present() || is.Frame() != entry.Frame() || entry.Has(machine.RW) && !is.Has(machine.RW) {
				w.Stale = st.N
			}
		}
		if w.MMU != "" {
			if drops != nil && !machine.Entry(drops.NewV).IsStale() {
				if w.Stale != 0 {
					w.To = st.N
				}
				break
			}
			if st.Actor == w.Actor && w.Stale != 0 {
				last = st.N
			}
			continue
		}
		if st.Actor != w.Actor {
			continue
		}
		if w.Stale != 0 {
			w.To = st.N
		}
		if slices.Contains(st.Reads, w.Cell) || drops != nil {
			break
		}
	}
	if w.Stale == 0 || w.MMU != "" && w.To == w.Stale {
		return out
	}
	if w.To == 0 {
		w.To = last
	}
	return append(out, w)
}
