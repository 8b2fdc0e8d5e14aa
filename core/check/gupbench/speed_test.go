package gupbench

import (
	"testing"

	"gupscope/core/check"
)

func BenchmarkM1(b *testing.B) {
	var r check.Result
	for b.Loop() {
		c := check.New(New(M1), check.Limits{})
		for c.Run(1<<20).Phase != check.Done {
		}
		r = c.Result()
	}
	b.ReportMetric(float64(r.Transitions)*float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
	b.ReportMetric(float64(r.States)*float64(b.N)/b.Elapsed().Seconds(), "states/s")
}
