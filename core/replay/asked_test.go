package replay

import (
	"slices"
	"testing"

	"gupscope/core/kernel"
)

// Programs that were drawn after the model was made, and then run on kernels of Debian (TRUTH.md): what the corpus may have taught the model, these could not.
var asked = []struct {
	branch          string
	programs, steps int
}{
	{"6.1", 1750, 20909},
	{"6.12", 1750, 20909},
}

// unlike are those of them in which the model is known to differ from a kernel, and why.
var unlike = map[string]map[string]string{ // by branch and program
	"6.1":  {"drawn-0001": splitVMA, "drawn-0002": splitVMA},
	"6.12": {"drawn-0001": splitVMA},
}

const splitVMA = "mprotect() has made VMAs of the region: one of them has no anon_vma, and fork does not copy what it maps. Here all VMAs of a region have one, or none"

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
			all = slices.DeleteFunc(sampled(all, sample), func(p *Program) bool { return unlike[c.branch][p.ID] != "" })
		}
		for i, s := range JudgeAll(all, Replaying(k), Excluded) {
			switch id := all[i].ID; {
			case s.Matched == s.Observations && unlike[c.branch][id] != "":
				t.Errorf("%s: %s: nothing differs any more: take it off the list", c.branch, id)
			case s.Matched != s.Observations && unlike[c.branch][id] == "":
				t.Errorf("%s: %s: op %d differs: %+v (gupscope replay shows it)", c.branch, id, s.First.Op, s.First.leaf)
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
