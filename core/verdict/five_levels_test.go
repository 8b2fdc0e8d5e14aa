package verdict

import (
	"slices"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// TestFiveLevelsChangeNoVerdict proves every small scenario with page tables of five levels, too: the P4D stays while the mm lives,
// so whoever reads it learns nothing that could be untrue.
func TestFiveLevelsChangeNoVerdict(t *testing.T) {
	const small = 4000 // states with four levels
	compared, longer := 0, 0
	for _, s := range scenarios.List() {
		file, ds := scenario.Parse(s.File(), []byte(s.Text))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		k := file.Kernel
		setup, _ := file.ForKernel(k)
		if k.Version.Order < 414 || setup.PAE || setup.FiveLevels {
			continue
		}
		four := proved(check.New(claim.New(setup, k), check.Limits{States: small}))
		if four.Verdict == check.Unknown {
			continue
		}
		setup.FiveLevels = true
		five := proved(check.New(claim.New(setup, k), check.Limits{}))
		if five.Verdict != four.Verdict || !slices.Equal(falseClaims(five), falseClaims(four)) {
			t.Errorf("%s on %v: %v %v with five levels, %v %v with four", s.Name, k, five.Verdict, falseClaims(five), four.Verdict, falseClaims(four))
		}
		compared++
		if five.States > four.States {
			longer++
		}
	}
	t.Logf("%d scenarios compared, %d have more states with five levels", compared, longer)
	if compared < 50 || longer < compared/2 {
		t.Errorf("%d scenarios compared, of which %d have more states with five levels: they tell nothing", compared, longer)
	}
}

func falseClaims(r check.Result) (names []string) {
	for _, c := range r.Claims {
		names = append(names, c.Claim)
	}
	slices.Sort(names)
	return names
}
