package view

import (
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

// A cell that is a deadlock for want of a frame says so: it is the scenario that is small, not the kernel that is wrong.
func TestStarvedCell(t *testing.T) {
	for name, want := range map[string]bool{"no-memory": true, "mprotect-vs-reclaim": false} {
		s, ok := scenarios.ByName(name)
		if !ok {
			t.Fatal(name)
		}
		f, ds := scenario.Parse(s.File(), []byte(s.Text))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		trial := verdict.Trial{Kernel: f.Kernel}
		trial.Run(f, nil, check.Limits{})
		cell := OfTrial(f, &trial)
		if got := strings.Contains(cell.Says(), "too few frames"); got != want || cell.State != Broken {
			t.Errorf("%s: %s", name, cell.Says())
		}
	}
}
