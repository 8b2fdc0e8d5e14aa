package gupbench

import (
	"testing"

	"gupscope/core/check"
)

func TestCounts(t *testing.T) {
	for _, tt := range []struct {
		name                string
		flags               Flags
		states, transitions uint64 // as Spin counts them
		long                bool
	}{
		{"M1", M1, 2_813_772, 14_861_655, false},
		{"L", L, 8_145_364, 46_989_201, true},
		{"M2", M2, 3_748_980, 15_462_007, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.long && testing.Short() {
				t.Skip("takes seconds")
			}
			c := check.New(New(tt.flags), check.Limits{})
			for c.Run(1<<20).Phase != check.Done {
			}
			r := c.Result()
			if r.Verdict != check.Never || r.States != tt.states || r.Transitions+1 != tt.transitions {
				t.Errorf("got %v, %d states, %d transitions, want Never, %d, %d",
					r.Verdict, r.States, r.Transitions+1, tt.states, tt.transitions)
			}
			t.Log(r.Depth)
		})
	}
}
