package gupbench

import (
	"runtime"
	"testing"
	"time"

	"gupscope/core/check"
)

// together checks M1 with so many workers.
func together(workers int) (check.Result, time.Duration) {
	var ms []check.Model
	for range workers {
		ms = append(ms, New(M1))
	}
	start := time.Now()
	c := check.Parallel(ms, check.Limits{})
	for c.Run(1<<18).Phase != check.Done {
	}
	return c.Result(), time.Since(start)
}

func TestParallelCounts(t *testing.T) {
	want, _ := together(1)
	for workers := 2; workers <= 4; workers++ {
		r, _ := together(workers)
		if r.Verdict != check.Never || r.States != want.States || r.Transitions != want.Transitions {
			t.Errorf("%d workers: got %v, %d transitions, want %v, %d", workers, r, r.Transitions, want, want.Transitions)
		}
	}
}

// BenchmarkParallel measures how many times as fast two workers are as one, by
// turns in the same run; of each the best time counts.
func BenchmarkParallel(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("there is one core")
	}
	one, two := time.Duration(1<<63-1), time.Duration(1<<63-1)
	for b.Loop() {
		_, took := together(1)
		one = min(one, took)
		_, took = together(2)
		two = min(two, took)
	}
	b.ReportMetric(two.Seconds(), "s/verdict")
	b.ReportMetric(one.Seconds()/two.Seconds(), "times-one-core")
}
