package verdict

import (
	"slices"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
)

// TestReducedAgrees holds the reduced search against what the scenarios of the gallery expect.
func TestReducedAgrees(t *testing.T) {
	for _, path := range scenarioFiles(t) {
		f := parse(t, path)
		for i := range f.Expects {
			e := &f.Expects[i]
			for _, k := range e.Kernels {
				m, _, ds := Model(f, k, e.Judge)
				if m == nil {
					t.Fatal(ds)
				}
				c := &Check{Check: check.Reduced(claim.Reduce(m), Limits(e)), File: f, Kernel: k, model: m, reduced: true}
				for c.Run(1<<20).Phase < check.Stopped {
				}
				o := c.Outcome()
				want := slices.Sorted(slices.Values(e.Claims))
				got := slices.Sorted(slices.Values(o.Names()))
				if e.Bound == 0 && !slices.Equal(got, want) {
					t.Errorf("%s, line %d, %v: got %v, want %v", path, e.Line, k, got, want)
				}
				for _, b := range o.Broken {
					if !b.Shortest {
						t.Errorf("%s, line %d, %v: the run to %s is not the shortest", path, e.Line, k, b.Claim)
					}
				}
			}
		}
	}
}
