package replay

import (
	"testing"

	"gupscope/core/kernel"
)

// Programs that were drawn after the model was made, and then run on kernels of Debian (TRUTH.md): what the corpus may have taught the model, these could not.
var asked = []struct {
	branch          string
	programs, steps int
}{
	{"6.1", 1875, 23450},
	{"6.12", 1875, 23450},
}

// The model does as they did, with two looks at the record: every operation is known, and every small frame's references add up.
func TestTheModelDoesAsDebiansKernelsDid(t *testing.T) {
	for _, c := range asked {
		k, err := kernel.Make(kernels[c.branch])
		if err != nil {
			t.Fatal(err)
		}
		var all []*Program
		steps := 0
		for p, err := range Programs(open(t, "asked-"+c.branch+".jsonl.gz")) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
			steps += len(p.Steps)
			soundRecord(t, p)
		}
		if len(all) != c.programs || steps != c.steps {
			t.Errorf("%s: %d programs with %d steps", c.branch, len(all), steps)
		}
		if testing.Short() {
			all = sampled(all, sample)
		}
		for i, s := range JudgeAll(all, Replaying(k), Excluded) {
			if s.Matched != s.Observations {
				t.Errorf("%s: %s: op %d differs: %+v (gupscope replay shows it)", c.branch, all[i].ID, s.First.Op, s.First.leaf)
			}
		}
	}
}

// soundRecord is what must hold of any record of a kernel.
func soundRecord(t *testing.T, p *Program) {
	t.Helper()
	pins := map[string]bool{} // is the slot a pin, not a get
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Op.Verb == Unknown {
			t.Errorf("%s, op %d: %s: %v", p.ID, i, s.Op.Text, s.Op.Mistake)
		}
		if s.Op.Verb == PinPage {
			pins[s.Op.Slot] = !s.Op.Pin.Get
		}
		for l, f := range s.After.Frames {
			if want := held(&s.After, l, pins); f.Order <= 0 && f.Ref != want {
				t.Errorf("%s, op %d: %s has %d references, not %d", p.ID, i, l, f.Ref, want)
			}
		}
	}
}
