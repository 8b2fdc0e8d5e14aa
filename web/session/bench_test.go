package session

import (
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

// A step at the end of a run of a thousand.
func BenchmarkStepLong(b *testing.B) {
	s := New()
	s.Restore(link.Link{Text: long()})
	for n := 0; n < 1000; n++ {
		c := pick(s.run.Model.Choices(nil), n)
		if _, err := s.run.Do(c); err != nil {
			b.Fatal(err)
		}
	}
	s.page = s.make()
	for b.Loop() {
		c := trace.FormatChoice(pick(s.run.Model.Choices(nil), 7))
		s.Do(Event{Do: "step", Choice: c, At: s.run.Cursor()})
		b.StopTimer()
		s.Do(Event{Do: "goto", At: s.run.Cursor() - 1})
		b.StartTimer()
	}
}
