package session

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gupscope/core/trace"
	"gupscope/web/link"
)

// A step with its fragments, near the end of the standing counterexample.
func BenchmarkStep(b *testing.B) {
	l, _ := Counterexample(link.Link{Scenario: "gup-fast-vs-reclaim"})
	s := New()
	s.Restore(l)
	at := s.run.Cursor()
	choice := trace.FormatChoice(s.run.Steps()[at].Choice)
	for b.Loop() {
		s.Do(Event{Do: "step", Choice: choice, At: at})
		b.StopTimer()
		s.Do(Event{Do: "goto", At: at})
		b.StartTimer()
	}
}

// A step at the end of a run, and one of its scrubs, cost the same however long the run is.
func BenchmarkStepAt(b *testing.B) {
	for _, n := range []int{100, 500, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := longRun(b, n)
			c := trace.FormatChoice(pick(s.run.Model.Choices(nil), 7))
			for b.Loop() {
				s.Do(Event{Do: "step", Choice: c, At: n})
				b.StopTimer()
				s.Do(Event{Do: "goto", At: n})
				s.page = s.make()
				b.StartTimer()
			}
		})
	}
}

// A step to and fro near the end of a run.
func BenchmarkGotoAt(b *testing.B) {
	for _, n := range []int{100, 500, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := longRun(b, n)
			for b.Loop() {
				s.Do(Event{Do: "goto", At: n - 1})
				s.Do(Event{Do: "goto", At: n})
			}
		})
	}
}

// farther is how many times as long a step may take after two thousand others as after twenty: no longer, but for what else the machine does.
const farther = 2

// A step costs the same at the end of a long run as at its start: forward in it, and one that it did not have. The benchmark fails above the bound.
func BenchmarkStepFarIn(b *testing.B) {
	s := longRun(b, 2100)
	cost := func(from int) time.Duration {
		var all []time.Duration
		s.Do(Event{Do: "goto", At: from})
		for at := from + 1; at <= from+60; at++ { // steps of all kinds
			began := time.Now()
			s.Do(Event{Do: "goto", At: at})
			all = append(all, time.Since(began))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	for b.Loop() {
		early, late := cost(20), cost(2000)
		b.ReportMetric(float64(late)/float64(early), "late/early")
		if late > farther*early {
			b.Errorf("a step takes %v after 20 others, and %v after 2000", early, late)
		}
	}
	// The next ones, which the run did not have.
	fresh := func(n int) time.Duration {
		s := longRun(b, n)
		var all []time.Duration
		for i := range 60 {
			e := Event{Do: "step", Choice: trace.FormatChoice(pick(s.run.Model.Choices(nil), i)), At: s.run.Cursor()}
			began := time.Now()
			s.Do(e)
			all = append(all, time.Since(began))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	if early, late := fresh(20), fresh(2000); late > farther*early {
		b.Errorf("a fresh step takes %v after 20 others, and %v after 2000", early, late)
	}
}

// longRun stands at the end of a run of so many steps.
func longRun(tb testing.TB, n int) *Session {
	s := New()
	s.Restore(link.Link{Text: long(7)})
	for i := range n {
		c := pick(s.run.Model.Choices(nil), i)
		if _, err := s.run.Do(c); err != nil {
			tb.Fatal(err)
		}
	}
	s.page = s.make()
	return s
}
