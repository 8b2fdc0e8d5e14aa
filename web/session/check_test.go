package session

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gupscope/web/link"
	"gupscope/web/view"
)

// checked goes on with a check until it says that it no longer runs.
func checked(t *testing.T, s *Session, fs []Fragment) (slices int) {
	for running(t, fs) {
		fs = s.Do(Event{Do: "more"})
		slices++
	}
	return slices
}

func running(t *testing.T, fs []Fragment) bool {
	for _, f := range fs {
		if f.Op == "answer" && f.ID == "check" {
			var is struct{ Running bool }
			if err := json.Unmarshal([]byte(f.Value), &is); err != nil {
				t.Fatal(err)
			}
			return is.Running
		}
	}
	t.Fatal("no answer to the check")
	return false
}

func TestCheck(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim"})
	checked(t, s, s.Do(Event{Do: "check"}))
	v := s.verdict
	if v.State != view.Broken || v.Wrong || v.Expect == "" || len(v.Bad) == 0 || !v.Bad[0].Shortest {
		t.Fatalf("%+v", v)
	}
	if !slices.Contains(v.Decides, "gup_pte_recheck") {
		t.Errorf("decides: %v", v.Decides)
	}
	// The counterexample is shown by a session that has not run the check.
	o := New()
	o.Do(Event{Do: "open", Scenario: "gup-fast-vs-reclaim"})
	o.Do(Event{Do: "show", Claim: v.Bad[0].Claim, Run: v.Bad[0].Run, At: v.Bad[0].At})
	if o.run.FirstViolation() != v.Bad[0].Steps || o.run.Cursor() != v.Bad[0].At {
		t.Errorf("violation at %d, cursor at %d; want %d and %d", o.run.FirstViolation(), o.run.Cursor(), v.Bad[0].Steps, v.Bad[0].At)
	}

	// With the rule back on it is proved.
	s.Do(Event{Do: "kernel", Kernel: "v6.12 with tlb_flush=pv"})
	if s.verdict.State != view.Unchecked {
		t.Error("another kernel leaves the old verdict standing")
	}
	checked(t, s, s.Do(Event{Do: "check"}))
	if s.verdict.State != view.Held || s.verdict.Wrong {
		t.Errorf("%+v", s.verdict)
	}
}

func TestCheckStopsAndGoesOn(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim", Kernel: "v6.12"})
	s.Do(Event{Do: "check"})
	s.Do(Event{Do: "more", N: 100})
	fs := s.Do(Event{Do: "stop"})
	if s.verdict.State != view.Stopped || running(t, fs) {
		t.Fatalf("%+v", s.verdict)
	}
	if running(t, s.Do(Event{Do: "more"})) {
		t.Error("a slice that was on its way made a stopped check run again")
	}
	before := s.verdict.States
	checked(t, s, s.Do(Event{Do: "check"}))
	if s.verdict.State != view.Held || s.verdict.States == before {
		t.Errorf("%+v", s.verdict)
	}
}

func TestCheckBounded(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim", Kernel: "v6.12"})
	checked(t, s, s.Do(Event{Do: "check", N: 1000}))
	if s.verdict.State != view.Stopped || !strings.Contains(s.verdict.Says, "1,000 states") {
		t.Fatalf("%+v", s.verdict)
	}
	checked(t, s, s.Do(Event{Do: "check", N: 1_000_000}))
	if s.verdict.State != view.Held {
		t.Errorf("%+v", s.verdict)
	}
}

// What is rendered ahead is what the session answers.
func TestAhead(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	frames := s.Ahead(3)
	if len(frames) != 3 {
		t.Fatalf("%d frames", len(frames))
	}
	for _, f := range frames {
		if got := s.Do(f.Event); !reflect.DeepEqual(got, f.Fragments) {
			t.Errorf("%+v: the fragments differ", f.Event)
		}
	}
	if s.run.Cursor() != s.run.FirstViolation() {
		t.Errorf("the third press leads to %d, not to the violation at %d", s.run.Cursor(), s.run.FirstViolation())
	}
}

// Bad input is a sentence, and nothing is lost.
func TestBadInput(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	state := s.State()
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{Do: "jump"}, "no event"},
		{Event{Do: "step", Choice: "0", At: 2}, "moved on"},
		{Event{Do: "step", Choice: "x", At: state.At}, "expected"},
		{Event{Do: "step", Choice: "99", At: state.At}, "no actor 99"},
		{Event{Do: "step", Choice: "1", At: state.At}, "cannot go on"},
		{Event{Do: "open", Link: "#1.rubbish"}, ""},
	} {
		fs := s.Do(c.e)
		i := slices.IndexFunc(fs, func(f Fragment) bool { return f.Op == "answer" && f.ID == "notice" })
		if i < 0 || !strings.Contains(fs[i].Value, c.want) {
			t.Errorf("%+v: got %v, want a notice with %q", c.e, fs, c.want)
		}
		if s.State() != state {
			t.Fatalf("%+v changed the session", c.e)
		}
	}
	s.Do(Event{Do: "kernel", Kernel: "v9"})
	if s.State().Kernel != "" || s.run == nil {
		t.Errorf("an unknown kernel left %+v", s.State())
	}
}

// A text with a mistake keeps the race of the last one without.
func TestMistakeKeepsTheRun(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	run := s.run.String()
	s.Do(Event{Do: "text", Text: strings.Replace(s.text, "FOLL_WRITE", "FOLL_WRIET", 1)})
	p := s.Page()
	if s.run.String() != run || p.Source.Kept != "of the last text without mistakes" || len(p.Source.Diagnostics) == 0 {
		t.Errorf("kept %q, diagnostics %v", p.Source.Kept, p.Source.Diagnostics)
	}
	write(t, s, "mistake")
	n := New()
	n.Restore(link.Link{Text: "GUP x\nmm A { buf = anon 1 rww }\n"})
	write(t, n, "nothing")
	na := New()
	na.Restore(link.Link{Scenario: "pin-fast-vs-reclaim", Kernel: "v4.6"})
	if na.verdict.State != view.NotOnThis {
		t.Errorf("%+v", na.verdict)
	}
	if said := na.Page().Sentence.Plain(); !strings.Contains(said, "It is written for v6.12 without gup_pte_recheck: ") {
		t.Errorf("where a scenario cannot run, nothing leads on: %s", said)
	}
	write(t, na, "na")

	// A kernel on which the scenario cannot run leaves the race there, too, and says of which kernel it is.
	p12 := New()
	p12.Restore(link.Link{Scenario: "pin-fast-vs-reclaim", Kernel: "v6.12"})
	p12.Do(Event{Do: "kernel", Kernel: "v4.6"})
	if p := p12.Page(); p12.run == nil || p.Source.Kept != "on v6.12" || len(p.Source.Diagnostics) > 0 {
		t.Errorf("on v4.6, the race that stays there is called %q", p.Source.Kept)
	}
}
