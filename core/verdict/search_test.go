package verdict

import (
	"slices"
	"testing"

	"gupscope/core/check"
)

// TestReducedAgrees holds the reduced search against what the scenarios of the gallery expect: the first line of
// each, and all that judge claims of their own choice. For every kernel that a scenario names, with all claims that the kernel promises,
// the test of this name in package claim holds it against the search that sees all states.
func TestReducedAgrees(t *testing.T) {
	for _, path := range scenarioFiles(t) {
		f := parse(t, path)
		for i := range f.Expects {
			e := &f.Expects[i]
			if i > 0 && e.Judge == nil {
				continue
			}
			for _, k := range e.Kernels {
				c, ds := Reduced(f, k, e.Judge, Limits(e))
				if c == nil {
					t.Fatal(ds)
				}
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
