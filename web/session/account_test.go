package session

import (
	"strings"
	"testing"

	"gupscope/web/link"
)

// A run that breaks nothing is told as it goes on: what is told is as of the cursor, and a step that changes nothing of it sends nothing.
func TestAccountFollowsTheCursor(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim", Kernel: "v6.12", Run: "0x3r.6q.1:1n.1x22W", At: 26})
	told := func(fs []Fragment) string {
		for _, f := range fs {
			if f.ID == "story" {
				return f.HTML
			}
		}
		return ""
	}
	if a := s.Page().Race.Account; s.Page().Race.Story != nil || a == nil || !strings.Contains(a.Text, "which cpu1 has cleared (step 14)") || !strings.Contains(a.Text, "the host has preempted it") {
		t.Fatalf("at step 26: %+v", a)
	}
	if html := told(s.Do(Event{Do: "goto", At: 13})); !strings.Contains(html, "How it comes to this") || strings.Contains(html, "step 14") {
		t.Errorf("back at step 13: %s", html)
	}
	if html := told(s.Do(Event{Do: "goto", At: 14})); !strings.Contains(html, "cpu0 has made no step since") {
		t.Errorf("at step 14: %s", html)
	}
	if html := told(s.Do(Event{Do: "goto", At: 16})); html != "" {
		t.Errorf("steps 15 and 16 change nothing of it: %s", html)
	}
	if html := told(s.Do(Event{Do: "goto", At: 0})); html == "" || strings.Contains(html, "story-panel") {
		t.Errorf("at the start there is nothing to tell: %q", html)
	}
	// The same run goes wrong elsewhere: then it is told why.
	l, _ := Counterexample(link.Link{Scenario: "gup-fast-vs-reclaim"})
	s.Restore(l)
	if r := s.Page().Race; r.Story == nil || r.Account != nil {
		t.Errorf("a run that goes wrong is told twice, or not at all: %+v", r.Account)
	}
}
