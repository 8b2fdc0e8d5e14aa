package gupbench

import (
	"testing"

	"gupscope/core/check"
)

// explore checks an instance to the end, and returns the most memory that it took.
func explore(flags Flags) (check.Result, uint64) {
	c := check.New(New(flags), check.Limits{})
	for most := uint64(0); ; {
		p := c.Run(1 << 16)
		most = max(most, p.Bytes)
		if p.Phase == check.Done {
			return c.Result(), most
		}
	}
}

func TestCounts(t *testing.T) {
	for _, in := range Instances {
		t.Run(in.Name, func(t *testing.T) {
			if testing.Short() && in.Name != "M1" {
				t.Skip("takes seconds")
			}
			r, bytes := explore(in.Flags)
			if r.Verdict != check.Never || r.States != in.States || r.Transitions+1 != in.Transitions {
				t.Errorf("got %v, %d transitions, want Never, %d states, %d transitions",
					r, r.Transitions+1, in.States, in.Transitions)
			}
			if perState := float64(bytes) / float64(r.States); perState > 30 {
				t.Errorf("got %.1f bytes a state, want at most 30", perState)
			}
		})
	}
}
