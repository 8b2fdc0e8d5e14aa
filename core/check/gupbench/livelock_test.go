package gupbench

import (
	"testing"
	"time"

	"gupscope/core/check"
)

// finite is an instance whose tasks are to finish.
type finite struct{ *Model }

func (f finite) Tasks() uint64       { return 1<<f.tasks - 1 }
func (f finite) Spontaneous() uint64 { return 0 }
func (f finite) Queued() uint64      { return 0 }
func (f finite) WentBack() bool      { return true }

// BenchmarkLivelock measures what it costs M1, whose graph has no cycle, to make
// sure of that: the time with the claim, per time without, by turns; and the time
// of two workers, who go through all states twice for it.
func BenchmarkLivelock(b *testing.B) {
	prove := func(ms ...check.Model) time.Duration {
		start := time.Now()
		c := check.Parallel(ms, check.Limits{})
		for c.Run(1<<18).Phase != check.Done {
		}
		if r := c.Result(); r.Verdict != check.Never {
			b.Fatal(r)
		}
		return time.Since(start)
	}
	without, with, two := time.Duration(1<<63-1), time.Duration(1<<63-1), time.Duration(1<<63-1)
	for b.Loop() {
		without = min(without, prove(New(M1)))
		with = min(with, prove(finite{New(M1)}))
		two = min(two, prove(finite{New(M1)}, finite{New(M1)}))
	}
	b.ReportMetric(with.Seconds()/without.Seconds(), "times-without")
	b.ReportMetric(two.Seconds()/without.Seconds(), "two-cores/without")
}
