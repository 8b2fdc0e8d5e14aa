package verdict

import (
	"math"
	"testing"

	"gupscope/core/scenario"
	"gupscope/scenarios"
)

const (
	smallCheck = 1_000 // states; larger checks would make the test in WASM long, and go by the same steps
	ofSmall    = 7     // of small checks, every so manieth
)

// TestVerdictsEverywhere holds verdicts and numbers of states against those on file. Natively TestExpectations does that for all lines; this
// test runs as WebAssembly, too, and asks there for every seventh of the small ones, or with -deep for all: what a browser
// finds is what a test has found.
func TestVerdictsEverywhere(t *testing.T) {
	largest, every := uint64(smallCheck), ofSmall
	if *deep {
		largest, every = math.MaxUint64, 1
	}
	small, asked := 0, 0
	for _, s := range scenarios.List() {
		f, ds := scenario.Parse(s.File(), []byte(s.Text))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		for i := range f.Expects {
			e := &f.Expects[i]
			for j, k := range e.Kernels {
				if len(e.States) <= j || uint64(e.States[j].States) > largest {
					continue
				}
				if small++; small%every != 0 {
					continue
				}
				asked++
				o := run(t, f, e, k)
				if ok, why := o.Met(e, j); !ok {
					t.Errorf("%s:%d: on %v expected %v %v, but %s", s.File(), e.Line, k, e.Verdict, e.Claims, why)
				}
			}
		}
	}
	t.Logf("%d of %d small checks", asked, small)
	if asked < 100 {
		t.Errorf("%d checks are too few", asked)
	}
}
