package claim

import (
	"math/rand/v2"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// walk takes random steps from the start until nothing can go on, n times, and
// calls f around every step.
func walk(m *Model, n int, f func(c check.Choice, step func())) {
	start := m.Memory().Mark()
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		for range 2000 { // a walk may go round in a loop of retries
			cs := m.Choices(nil)
			if len(cs) == 0 {
				break
			}
			c := cs[rng.IntN(len(cs))]
			mark := m.Memory().Mark()
			f(c, func() { m.Do(c) })
			if len(m.Broken(mark, nil)) > 0 {
				break
			}
		}
		m.Memory().Undo(start)
	}
}

// private are the classes that only their task, or nobody, acts on.
var private = cell.Of(machine.Stacks, machine.Ghosts, machine.Ends, machine.Batches, machine.LRU)

func TestStepsTouchWhatTheySay(t *testing.T) {
	for _, k := range testKernels(t) {
		m := New(reclaimSetup(), k)
		layout := m.Memory().Layout()
		walk(m, 300, func(c check.Choice, step func()) {
			l := m.Look(int(c.Actor))
			var f cell.Footprint
			m.Memory().Record(&f)
			step()
			m.Memory().Record(nil)
			if l.Func == nil {
				return
			}
			st := l.Func.Steps[l.Step]
			for _, id := range append(f.Reads, f.Writes...) {
				if cl := layout.Class(id); !private.Has(cl) && !st.Touches.Has(cl) {
					t.Errorf("%v: %s, %q touches %s (class %s), which it does not say", k, l.Func.Name, st.Label, layout.Name(id), machine.ClassName(cl))
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestPredicatesReadWhatTheySay(t *testing.T) {
	for _, k := range testKernels(t) {
		m := New(reclaimSetup(), k)
		layout := m.Memory().Layout()
		walk(m, 50, func(c check.Choice, step func()) {
			step()
			for _, p := range m.preds {
				said := map[cell.ID]bool{}
				for _, w := range p.reads {
					said[w.Cell()] = true
				}
				var f cell.Footprint
				m.Memory().Record(&f)
				p.holds()
				m.Memory().Record(nil)
				for _, id := range f.Reads {
					if !said[id] {
						t.Errorf("%v: %s for %s reads %s, which it does not say", k, m.claims[p.claim].name, p.what, layout.Name(id))
					}
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

func testKernels(t *testing.T) []kernel.Kernel {
	var out []kernel.Kernel
	for _, v := range kernel.Versions {
		for _, flush := range []string{"ipi", "pv", "broadcast"} {
			k, err := kernel.Make(v.Name, kernel.Setting{Rule: "tlb_flush", Value: flush})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, k)
		}
	}
	return out
}
