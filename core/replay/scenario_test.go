package replay

import (
	"errors"
	"testing"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
)

// TestScenariosEndAsProgramsDid writes a sample of the programs as scenarios, and holds that all their runs end with
// what the real kernel's operations returned.
func TestScenariosEndAsProgramsDid(t *testing.T) {
	const every, least = 8, 60
	for _, c := range corpora {
		k, err := kernel.Make(kernels[c.branch])
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for _, p := range sampled(corpus(t, c.branch), every) {
			text, err := Scenario(p, k)
			var untold *Untold
			if errors.As(err, &untold) {
				continue
			}
			f, ds := scenario.Parse(p.ID, []byte(text))
			if len(ds) > 0 {
				t.Errorf("%s: %v\n%s", p.ID, ds, text)
				continue
			}
			told++
			search, ds := verdict.New(f, k, f.Expects[0].Judge, check.Limits{States: 20_000})
			if len(ds) > 0 {
				t.Errorf("%s: %v\n%s", p.ID, ds, text)
				continue
			}
			for search.Run(1<<16).Phase < check.Stopped {
			}
			o := search.Outcome()
			if ok, why := o.Met(&f.Expects[0], 0); !ok {
				t.Errorf("%s: %s\n%s", p.ID, why, text)
			}
		}
		if told < least {
			t.Errorf("%s: %d programs could be told, at least %d were expected", c.branch, told, least)
		}
	}
}
