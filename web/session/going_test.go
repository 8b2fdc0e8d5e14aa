package session

import (
	"strings"
	"testing"

	"gupscope/web/link"
)

// notices are the sentences among the fragments.
func notices(fs []Fragment) string {
	var out []string
	for _, f := range fs {
		if f.Op == "answer" && f.ID == "notice" {
			out = append(out, f.Value)
		}
	}
	return strings.Join(out, "\n")
}

func fresh(t *testing.T) *Session {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim"})
	return s
}

// Stepping over a function ends where its caller goes on; to its return, too, from within.
func TestGoOverAndReturn(t *testing.T) {
	s := fresh(t)
	depth := func() int { return len(s.run.Model.Stack(0)) }
	s.Do(Event{Do: "run", To: "over", Lane: "cpu0"})
	if s.run.Cursor() == 0 {
		t.Fatal("no step was made")
	}
	for depth() < 2 {
		s.Do(Event{Do: "step", Choice: "0", At: s.run.Cursor()})
	}
	was, at := depth(), s.run.Cursor()
	said := notices(s.Do(Event{Do: "run", To: "return", Lane: "cpu0", At: at}))
	if depth() >= was || s.run.Cursor() == at {
		t.Errorf("from depth %d at step %d to depth %d at %d: %s", was, at, depth(), s.run.Cursor(), said)
	}
	for _, st := range s.run.Steps() {
		if st.Actor != 0 {
			t.Errorf("step %d is not of the CPU that was followed", st.N)
		}
	}
	was, at = depth(), s.run.Cursor()
	s.Do(Event{Do: "run", To: "over", Lane: "cpu0", At: at})
	if depth() > was || s.run.Cursor() == at {
		t.Errorf("over: from depth %d to %d, %d steps", was, depth(), s.run.Cursor()-at)
	}
}

// The way to a conflict, a write and a violation ends at the first such step, along the steps that stand ahead.
func TestGoToWhatIsAhead(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	run, first := s.run.String(), s.run.FirstViolation()
	s.Do(Event{Do: "goto", At: 0})
	s.Do(Event{Do: "run", To: "false"})
	if s.run.Cursor() != first || s.run.String() != run {
		t.Errorf("the walk to the violation ends at %d of %s; it is at %d of %s", s.run.Cursor(), s.run, first, run)
	}
	s.Do(Event{Do: "goto", At: 0})
	s.Do(Event{Do: "run", To: "conflict"})
	want := 0
	for _, e := range s.run.Edges() {
		if want == 0 || e.To < want {
			want = e.To
		}
	}
	if s.run.Cursor() != want || s.run.String() != run {
		t.Errorf("the first conflict is at %d, the walk ends at %d", want, s.run.Cursor())
	}

	pte := s.run.Steps()[2].Kept[0].From // what GUP-fast reads at step 3
	s.Do(Event{Do: "goto", At: 0})
	if said := notices(s.Do(Event{Do: "run", To: "write"})); !strings.Contains(said, "watched") || s.run.Cursor() != 0 {
		t.Errorf("nothing is watched; it says %q and goes to %d", said, s.run.Cursor())
	}
	s.Do(Event{Do: "watch", N: int(pte)})
	for _, n := range s.run.Writers(pte) {
		s.Do(Event{Do: "run", To: "write", At: s.run.Cursor()})
		if s.run.Cursor() != n {
			t.Fatalf("the PTE is written at %v, the walk ends at %d", s.run.Writers(pte), s.run.Cursor())
		}
	}
	s.Do(Event{Do: "watch", N: int(pte)})
	if len(s.watched) != 0 {
		t.Error("the second press does not end the watch")
	}
}

// Where one task ends, the way to a conflict or a violation goes on with the next, to the end of all; who follows one is told who can go on.
func TestGoOnWithOthers(t *testing.T) {
	for _, to := range []string{"conflict", "false"} {
		s := fresh(t)
		said := ""
		for range 20 { // P0 to its end
			if said = notices(s.Do(Event{Do: "run", To: "over", Lane: "cpu0", At: s.run.Cursor()})); said != "" {
				break
			}
		}
		if !strings.Contains(said, "P0 has finished: go on with P1") {
			t.Fatalf("at P0's end it says %q", said)
		}
		alone := s.run.Cursor()
		s.Do(Event{Do: "run", To: to, At: alone})
		if s.run.Cursor() == alone || s.run.Steps()[alone].Actor != 1 {
			t.Fatalf("%s: nobody went on from step %d: %q", to, alone, said)
		}
		for range 200 {
			if said = notices(s.Do(Event{Do: "run", To: to, At: s.run.Cursor()})); strings.Contains(said, "Everybody") {
				break
			}
		}
		if !strings.Contains(said, "Everybody has finished; until then") || len(s.run.Model.Choices(nil)) > 0 {
			t.Errorf("%s: at step %d, where %v can go on, it says %q", to, s.run.Cursor(), s.run.Model.Choices(nil), said)
		}
	}
}

// Two sessions that see the same walk go the same way; another seed is another walk.
func TestRandomWalk(t *testing.T) {
	walk := func(seed int) (*Session, string) {
		s := fresh(t)
		said := notices(s.Do(Event{Do: "run", To: "random", N: seed}))
		return s, said
	}
	a, said := walk(7)
	b, _ := walk(7)
	if a.run.String() != b.run.String() || a.run.Len() == 0 {
		t.Errorf("the same seed goes two ways:\n%s\n%s", a.run, b.run)
	}
	if !strings.Contains(said, "seed 7") || a.page.Race.Run.Seed != 8 {
		t.Errorf("it says %s, and offers seed %d next", said, a.page.Race.Run.Seed)
	}
	if c, _ := walk(8); c.run.String() == a.run.String() {
		t.Error("another seed goes the same way")
	}
}

// What is ahead when a walk leaves it is kept, and a run that cannot go on says why.
func TestGoKeepsAndSaysWhy(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	run := s.run.String()
	s.Do(Event{Do: "goto", At: 0})
	said := ""
	for range 60 {
		if said = notices(s.Do(Event{Do: "run", To: "over", Lane: "cpu1", At: s.run.Cursor()})); said != "" {
			break
		}
	}
	if len(s.kept) != 1 || s.kept[0].run != run {
		t.Errorf("kept are %+v; the run left was %s", s.kept, run)
	}
	if !strings.Contains(said, "P1") {
		t.Errorf("at its end P1's walk says %q", said)
	}
	if said := notices(s.Do(Event{Do: "run", To: "over", Lane: "cpu9", At: s.run.Cursor()})); !strings.Contains(said, "cpu9") {
		t.Errorf("a CPU that is not there: %q", said)
	}
}

// Branches, notes and what is watched come back with the link, and with a room's snapshot.
func TestKeptInLinks(t *testing.T) {
	for _, text := range []string{"", "GUP mine\n"} {
		s := standing(t, "gup-fast-vs-reclaim")
		if text != "" {
			s.Do(Event{Do: "text", Text: strings.Replace(s.text, "GUP gup-fast-vs-reclaim\n", text, 1)})
		}
		first := s.run.String()
		s.Do(Event{Do: "keep", Text: "the bug ~ as found"})
		s.Do(Event{Do: "note", At: 14, Text: "here the  PTE goes"})
		s.Do(Event{Do: "watch", N: 3})
		s.Do(Event{Do: "goto", At: 5})
		s.Do(Event{Do: "step", Choice: "2", At: 5})
		if s.run.String() == first {
			t.Fatal("the run is the old one")
		}
		s.Do(Event{Do: "note", At: 6, Text: "another way"})
		want := s.State()
		parsed, err := link.Parse(want.Address())
		if err != nil {
			t.Fatal(err)
		}
		if parsed != want {
			t.Errorf("the link\n%+v\ncomes back as\n%+v", want, parsed)
		}
		o := New()
		o.Restore(parsed)
		if got := o.State(); got != want {
			t.Errorf("the session\n%+v\ncomes back as\n%+v", want, got)
		}
		if b := o.page.Race.Branches; len(b) != 1 || b[0].Text != "the bug - as found" || b[0].Run != first || !b[0].Bad {
			t.Errorf("branches: %+v", b)
		}
		if got := o.page.Race.Noted; len(got) != 1 || got[6] != "another way" {
			t.Errorf("notes of this run: %v", got)
		}
		o.Do(Event{Do: "show", Run: first, At: 14})
		if got := o.page.Race.Noted; len(got) != 1 || got[14] != "here the PTE goes" {
			t.Errorf("notes of the branch: %v", got)
		}
		if len(o.kept) != 2 {
			t.Errorf("after the switch %d runs are kept, want both", len(o.kept))
		}
		o.Do(Event{Do: "keep", Run: o.kept[0].run, Text: "what if"})
		o.Do(Event{Do: "forget", Run: first})
		if b := o.page.Race.Branches; len(b) != 1 || b[0].Text != "what if" {
			t.Errorf("branches: %+v", b)
		}
		o.Do(Event{Do: "note", At: 14})
		if got := o.page.Race.Noted; len(got) != 0 {
			t.Errorf("the note is still there: %v", got)
		}
	}
}

// Steps are found by what they say, change and are noted to be.
func TestFind(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	s.Do(Event{Do: "note", At: 3, Text: "the look that goes stale"})
	for text, want := range map[string]int{"looks STALE": 0, "stale goes": 3, "clear the pte": 14, "no such words": 0} {
		hits, _ := s.sketch.Find(text, s.noted(), 50)
		found := want == 0 && len(hits) == 0
		for _, h := range hits {
			found = found || h.N == want
		}
		if !found {
			t.Errorf("%q: %+v, want step %d", text, hits, want)
		}
	}
	if hits, more := s.sketch.Find("cpu0", nil, 2); len(hits) != 2 || more == 0 {
		t.Errorf("%d hits and %d more", len(hits), more)
	}
	if fs := s.Do(Event{Do: "find", Text: "cpu0 irq"}); !strings.Contains(fs[0].HTML, "cpu0 irq: <b>") {
		t.Errorf("no cell of that name: %+v", fs)
	}
	if fs := s.Do(Event{Do: "find", Text: "pte"}); len(fs) != 1 || !strings.Contains(fs[0].HTML, "clear the PTE") {
		t.Errorf("the page gets %+v", fs)
	}
}

// The functions that the CPUs are in: first that of the task that has moved, in which the step that was made and the next one are marked.
func TestListingFollows(t *testing.T) {
	l, _ := Counterexample(link.Link{Scenario: "gup-fast-vs-reclaim"})
	s := New()
	s.Restore(l)
	made := 0
	for n := 1; n <= s.run.Len(); n++ {
		s.Do(Event{Do: "goto", At: n})
		st := &s.run.Steps()[n-1]
		for i, f := range s.page.Listing {
			if f.Moved && i > 0 {
				t.Errorf("step %d: %s has moved, and %s stands above it", n, f.Lane, s.page.Listing[0].Lane)
			}
			next := 0
			for _, x := range f.Steps {
				next += len(x.Marks)
				if !x.Was {
					continue
				}
				made++
				if !f.Moved || f.Func != st.Func || x.N != st.Index+1 {
					t.Errorf("step %d of %s is shown as step %d of %s", st.Index+1, st.Func, x.N, f.Func)
				}
			}
			if next != 1 {
				t.Errorf("step %d: %s stands at %d steps of %s", n, f.Lane, next, f.Func)
			}
		}
	}
	if made < s.run.Len()/2 {
		t.Errorf("of %d steps, %d are shown where they were made", s.run.Len(), made)
	}
}
