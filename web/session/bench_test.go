package session

import (
	"fmt"
	"testing"

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
