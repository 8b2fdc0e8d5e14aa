package trace_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

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

// windows looks for the race windows of a run the slow way: from every value that was kept, on to its end.
func windows(r *trace.Run) []trace.Window {
	var out []trace.Window
	steps := r.Steps()
	layout := r.Model.Memory().Layout()
	for i := range steps {
		for _, k := range steps[i].Kept {
			switch layout.Class(k.From) {
			case machine.PTEs, machine.PMDs, machine.SwapCache:
			default:
				continue
			}
			w := trace.Window{Actor: steps[i].Actor, Read: i + 1, Cell: k.From, Name: k.Name, Value: k.Value}
			for j := i + 1; j < len(steps); j++ {
				st := &steps[j]
				if st.Actor != w.Actor {
					if w.Stale == 0 && st.Change(k.From) != nil {
						w.Stale = st.N
					}
					continue
				}
				if w.Stale != 0 {
					w.To = st.N
				}
				if slices.Contains(st.Reads, k.From) || st.Change(k.Into) != nil {
					break
				}
			}
			if w.Stale != 0 && w.To == 0 {
				w.To = len(steps)
			}
			if w.Stale != 0 {
				out = append(out, w)
			}
		}
	}
	return out
}
