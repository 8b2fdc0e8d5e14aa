package gupbench

import (
	"testing"

	"gupscope/core/check"
)

// together checks M1 with so many workers.
func together(workers int) check.Result {
	var ms []check.Model
	for range workers {
		ms = append(ms, New(M1))
	}
	c := check.Parallel(ms, check.Limits{})
	for c.Run(1<<18).Phase != check.Done {
	}
	return c.Result()
}

func TestParallelCounts(t *testing.T) {
	want := together(1)
	for workers := 2; workers <= 4; workers++ {
		r := together(workers)
		if r.Verdict != check.Never || r.States != want.States || r.Transitions != want.Transitions {
			t.Errorf("%d workers: got %v, %d transitions, want %v, %d", workers, r, r.Transitions, want, want.Transitions)
		}
	}
}
