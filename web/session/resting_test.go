package session

import (
	"slices"
	"strings"
	"testing"

	"gupscope/web/link"
	"gupscope/web/view"
)

// A pass says which rules matter, where each is in the way, what was caught and what never happened.
func TestRestsOfAPass(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "pin-fast-vs-reclaim", Kernel: "v6.12"})
	rounds := checked(t, s, s.Do(Event{Do: "explain"}))
	r := &s.resting.view
	if r.State != view.Answered || r.Broken || r.Done != r.Of || rounds < r.Of {
		t.Fatalf("after %d slices: %+v", rounds, r)
	}
	i := slices.IndexFunc(r.Rules, func(x view.Trial) bool { return x.What == "without gup_pte_recheck" })
	if i < 0 || !strings.Contains(r.Rules[i].Result, "pinned-anon-exclusive") || r.Rules[i].Bad == nil || r.Rules[i].Call == nil {
		t.Fatalf("gup_pte_recheck: %+v", r.Rules)
	}
	if len(r.Quiet) == 0 || len(r.Caught) == 0 || r.Caught[0].Run == "" || len(r.Vacuous) == 0 || len(r.Unreached) == 0 || len(r.Untaken) == 0 || len(r.Ends) == 0 || r.Ends[0].Run == "" {
		t.Errorf("something is missing: %+v", r)
	}

	// The closest call is a run of this kernel, the counterexample one of the other.
	o := New()
	o.Restore(link.Link{Scenario: "pin-fast-vs-reclaim", Kernel: "v6.12"})
	call, bad := r.Rules[i].Call, r.Rules[i].Bad
	o.Do(Event{Do: "show", Run: call.Run, At: call.At})
	if st := o.run.Steps()[o.run.Cursor()-1]; st.Says != call.Said || o.run.FirstViolation() != 0 {
		t.Errorf("the call leads to %q, not to %q", st.Says, call.Said)
	}
	fs := o.Do(Event{Do: "show", Kernel: r.Rules[i].Kernel, Run: bad.Run, At: bad.At})
	if o.kernel.String() != r.Rules[i].Kernel || o.run.FirstViolation() != bad.Steps || o.run.Cursor() != bad.At {
		t.Errorf("on %v the run breaks at %d, the cursor is at %d; want %d and %d", o.kernel, o.run.FirstViolation(), o.run.Cursor(), bad.Steps, bad.At)
	}
	if i := slices.IndexFunc(fs, func(f Fragment) bool {
		return f.Op == "answer" && f.ID == "notice" && strings.Contains(f.Value, "another one")
	}); i >= 0 {
		t.Errorf("a run that is replaced anyway is complained about: %s", fs[i].Value)
	}
}

// A failure says what repairs it, and on which release it is gone.
func TestRestsOfAFailure(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "read-only-pin", Kernel: "v6.12 without gup_unshare without swp_exclusive"})
	checked(t, s, s.Do(Event{Do: "explain"}))
	r := &s.resting.view
	var what []string
	for _, c := range r.Cures {
		what = append(what, c.What)
	}
	if !r.Broken || !slices.Equal(what, []string{"with gup_unshare", "with swp_exclusive", "with forced_cow"}) || r.First != "v5.8" || !strings.Contains(r.Cures[0].Commit, "a7f226604170") {
		t.Errorf("%+v", r)
	}
}

// It stops between any two slices, keeps what it has, and comes to the same in the end.
func TestRestsStopAndGoOn(t *testing.T) {
	whole := New()
	whole.Restore(link.Link{Scenario: "read-only-pin", Kernel: "v6.12"})
	checked(t, whole, whole.Do(Event{Do: "explain"}))

	s := New()
	s.Restore(link.Link{Scenario: "read-only-pin", Kernel: "v6.12"})
	fs := s.Do(Event{Do: "explain"})
	stops := 0
	for running(t, fs) {
		if fs = s.Do(Event{Do: "stop"}); running(t, fs) || s.resting.view.State != view.Paused {
			t.Fatal("it does not stop")
		}
		if running(t, s.Do(Event{Do: "more"})) {
			t.Fatal("a slice that was on its way made it run again")
		}
		stops++
		s.Do(Event{Do: "explain"})
		fs = s.Do(Event{Do: "more", N: 200})
	}
	if stops < 3 || rested(s) != rested(whole) {
		t.Errorf("after %d stops it is\n%s\nnot\n%s", stops, rested(s), rested(whole))
	}
}

func rested(s *Session) string {
	for _, f := range s.restFragments(false) {
		if f.ID == "rests" {
			return f.HTML
		}
	}
	return ""
}

// A check that comes to a bound says which, keeps what it found, and goes on further than that.
func TestBoundsAreNamed(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim"})
	fs := s.Do(Event{Do: "check", N: 20_000})
	checked(t, s, fs)
	v := s.verdict
	if v.State != view.Stopped || !v.More || v.Next != "60,000 states" || !strings.Contains(v.Says, "bound of 20,000 states") || len(v.Bad) == 0 {
		t.Fatalf("%+v", v)
	}
	checked(t, s, s.Do(Event{Do: "check"}))
	if s.verdict.State != view.Broken || s.verdict.More || !s.verdict.Bad[0].Shortest {
		t.Errorf("%+v", s.verdict)
	}
}
