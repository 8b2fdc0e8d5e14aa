package session

import (
	"strings"
	"testing"

	"gupscope/web/link"
)

// A run that breaks nothing is told when it is asked for: what is told is as of the cursor. A step tells nothing of it, and costs nothing for it.
func TestAccountFollowsTheCursor(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim", Kernel: "v6.12", Run: "0x3r.6q.1:1n.1x22W", At: 26})
	html := func(fs []Fragment, id string) string {
		for _, f := range fs {
			if f.ID == id {
				return f.HTML
			}
		}
		return ""
	}
	told := func() string { return html(s.Do(Event{Do: "words"}), "account") }
	p := s.Page()
	if s.Tell(p); p.Race.Story != nil || p.Race.Account == nil || !strings.Contains(p.Race.Account.Text, "which cpu1 has cleared (step 14)") || !strings.Contains(p.Race.Account.Text, "the host has preempted it") {
		t.Fatalf("at step 26: %+v", p.Race.Account)
	}
	if got := html(s.Do(Event{Do: "goto", At: 13}), "story"); got != "" {
		t.Errorf("a step tells: %s", got)
	}
	if got := told(); got == "" || strings.Contains(got, "step 14") {
		t.Errorf("back at step 13: %s", got)
	}
	s.Do(Event{Do: "goto", At: 14})
	if got := told(); !strings.Contains(got, "cpu0 has made no step since") {
		t.Errorf("at step 14: %s", got)
	}
	if got := html(s.Do(Event{Do: "goto", At: 0}), "story"); got == "" || strings.Contains(got, "story-panel") || told() != "" {
		t.Errorf("at the start there is nothing to tell: %q", got)
	}
	// The same run goes wrong elsewhere: then it is told why.
	l, _ := Counterexample(link.Link{Scenario: "gup-fast-vs-reclaim"})
	s.Restore(l)
	p = s.Page()
	if s.Tell(p); p.Race.Story == nil || p.Race.Account != nil || told() != "" {
		t.Errorf("a run that goes wrong is told twice, or not at all: %+v", p.Race.Account)
	}
}
