package verdict

import (
	"slices"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// TestEveryClaimCanBreak plays every claim's breaker, judging that claim alone: it holds on
// the kernel, and is false without the rule.
func TestEveryClaimCanBreak(t *testing.T) {
	for _, c := range claim.All() {
		t.Run(c.Name, func(t *testing.T) {
			s, ok := scenarios.ByName(c.Breaker.Scenario)
			if !ok {
				t.Fatalf("its breaker names the scenario %q, which the gallery does not have", c.Breaker.Scenario)
			}
			f, ds := scenario.Parse(s.File(), []byte(s.Text))
			if scenario.Failed(ds) {
				t.Fatal(ds)
			}
			for _, on := range []struct {
				kernel string
				holds  bool
			}{{c.Breaker.Holds, true}, {c.Breaker.Breaks, false}} {
				k, ds := scenario.ParseKernel(on.kernel)
				if len(ds) > 0 {
					t.Fatal(ds)
				}
				x := Trial{Kernel: k}
				x.Run(f, []string{c.Name}, check.Limits{})
				if holds := x.Passes(); x.NA != "" || holds != on.holds || !holds && !slices.Contains(x.Outcome.Names(), c.Name) {
					t.Errorf("%s on %v: %s", c.Breaker.Scenario, k, x.Result())
				}
			}
		})
	}
}
