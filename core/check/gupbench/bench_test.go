package gupbench

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"gupscope/core/check"
)

// instances are what is measured, with states and transitions as Spin counts them.
var instances = []struct {
	name                string
	flags               Flags
	states, transitions uint64
}{
	{"M1", M1, 2_813_772, 14_861_655},
	{"L", L, 8_145_364, 46_989_201},
	{"M2", M2, 3_748_980, 15_462_007},
}

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
	for _, in := range instances {
		t.Run(in.name, func(t *testing.T) {
			if testing.Short() && in.name != "M1" {
				t.Skip("takes seconds")
			}
			r, bytes := explore(in.flags)
			if r.Verdict != check.Never || r.States != in.states || r.Transitions+1 != in.transitions {
				t.Errorf("got %v, %d transitions, want Never, %d states, %d transitions",
					r, r.Transitions+1, in.states, in.transitions)
			}
			if perState := float64(bytes) / float64(r.States); perState > 30 {
				t.Errorf("got %.1f bytes a state, want at most 30", perState)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, in := range instances {
		b.Run(in.name, func(b *testing.B) {
			var r check.Result
			var bytes uint64
			best := time.Duration(1<<63 - 1)
			for b.Loop() {
				start := time.Now()
				r, bytes = explore(in.flags)
				best = min(best, time.Since(start))
			}
			measure(b, "check "+in.name, float64(r.Transitions)/best.Seconds(), "transitions/s")
			measure(b, "check "+in.name, float64(r.States)/best.Seconds(), "states/s")
			measure(b, "check "+in.name, float64(bytes)/float64(r.States), "bytes/state")
			measure(b, "check "+in.name, best.Seconds(), "s/verdict")
		})
	}
}

// measure reports a metric of the benchmark, and appends it as a line of JSON to
// the file that the environment names in BENCH_JSON, if it does.
func measure(b *testing.B, name string, value float64, unit string) {
	b.Helper()
	b.ReportMetric(value, unit)
	path := os.Getenv("BENCH_JSON")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := struct {
		Measure string  `json:"measure"`
		Value   float64 `json:"value"`
		Unit    string  `json:"unit"`
	}{name, value, unit}
	if err := json.NewEncoder(f).Encode(line); err != nil {
		b.Fatal(err)
	}
}
