package session

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"gupscope/web/link"
	"gupscope/web/page"
)

// shown is the page at a step, as its reader reads it: without what it is laid out by, spaces as one.
func shown(s *Session, at int) (markup, words string) {
	s.Do(Event{Do: "goto", At: at})
	markup = html(page.Page(s.Page(), nil))
	return markup, strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(markup, " ")), " ")
}

// A TLB's entry is called stale as soon as its page table says something else, which stands beside it, and not before.
func TestStaleTLBIsSeen(t *testing.T) {
	s := standing(t, "fork-stale-tlb")
	stale := regexp.MustCompile(`A buf → frame 1 W D A ?stale the page table says frame 1 D A`)
	var from int
	for at := 0; at < s.run.Len() && from == 0; at++ {
		if _, words := shown(s, at); stale.MatchString(words) {
			from = at
		}
	}
	if from == 0 {
		t.Fatal("no entry is ever called stale")
	}
	if st := s.run.Steps()[from-1]; !strings.Contains(st.Says, "write-protect") {
		t.Errorf("an entry is stale from step %d on: %s", from, st.Says)
	}
	if _, words := shown(s, s.run.Len()); !strings.Contains(words, "stale") {
		t.Error("it is not stale any more at the end")
	}
}

// Who has read an entry above the PMDs stands in the table that it leads to, and is told since when it does so no more.
func TestWalkerInUpperTableIsSeen(t *testing.T) {
	s := standing(t, "upper-tables-vs-gup-fast")
	var read, gone int
	for _, st := range s.run.Steps() {
		switch {
		case strings.HasPrefix(st.Says, "read the PGD (PUD table"):
			read = st.N
		case strings.HasPrefix(st.Says, "unhook the PUD table"):
			gone = st.N
		}
	}
	if read == 0 || gone < read {
		t.Fatalf("the PGD is read at %d, and cleared at %d", read, gone)
	}
	if _, words := shown(s, read); !strings.Contains(words, fmt.Sprintf("cpu0 holds the PUD table read at %d", read)) {
		t.Errorf("at step %d nobody stands in the PUD table: %s", read, words)
	}
	if _, words := shown(s, gone); !strings.Contains(words, fmt.Sprintf("read at %d, not there since %d", read, gone)) {
		t.Errorf("at step %d it is not told that the PGD leads there no more: %s", gone, words)
	}
}

// What two CPUs raced for is marked in the diagram: both steps, the edge between them, and the window, with what its CPU goes by.
func TestRaceIsSeen(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	markup, words := shown(s, s.run.Len())
	for _, want := range []string{`class="edge conflict [^"]*\brace\b`, `class="window [^"]*\bbad\b`, `class="row [^"]*\bl0\b[^"]*\bpair\b`, `class="row [^"]*\bl1\b[^"]*\bpair\b`} {
		if !regexp.MustCompile(want).MatchString(markup) {
			t.Errorf("there is no %s", want)
		}
	}
	if want := "race window: cpu0 goes by PTE of A buf = frame 1 W D A"; !strings.Contains(words, want) {
		t.Errorf("nowhere stands %q", want)
	}
	if markup, _ := shown(standing(t, "spurious-reference"), 1); regexp.MustCompile(`class="edge [^"]*\brace\b`).MatchString(markup) {
		t.Error("a run in which nothing goes wrong has a racing pair")
	}
}

// Who cannot go on is among the next steps, not to be pressed, with what he waits for and who has it; the walk shows where a walker stands that goes by what is no longer so.
func TestWhyNotIsSeen(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	blocked := regexp.MustCompile(`(?s)<button [^>]*class="move blocked"[^>]*aria-disabled="true".*?</button>`)
	waits := map[string]bool{}
	walker := false
	for at := range s.run.Len() {
		markup, _ := shown(s, at)
		for _, b := range blocked.FindAllString(markup, -1) {
			waits[strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(b, " ")), " ")] = true
		}
		walker = walker || regexp.MustCompile(`class="walker w1 stale`).MatchString(markup)
	}
	for _, want := range []string{"cpu0 is preempted by the host"} {
		found := false
		for w := range waits {
			found = found || strings.Contains(w, want)
		}
		if !found {
			t.Errorf("nobody is told to wait because %q; there are %v", want, waits)
		}
	}
	if !walker {
		t.Error("nobody is shown to walk by an entry that has changed")
	}
}

// What must be reachable is shown to be so: the end of a run that reaches it, and the run.
func TestReachedIsSeen(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "litmus-sb"})
	checked(t, s, s.Do(Event{Do: "explain"}))
	for _, e := range s.resting.view.Ends {
		if !strings.Contains(e.Values, `a="0"`) || !strings.Contains(e.Values, `b="0"`) {
			continue
		}
		s.Do(Event{Do: "show", Run: e.Run, At: e.Steps})
		_, words := shown(s, s.run.Len())
		want := "P0.a == &#34;0&#34; and P1.b == &#34;0&#34; this run ends so"
		if !strings.Contains(words, want) {
			t.Errorf("where the run ends, %q does not stand", want)
		}
		if _, words := shown(s, s.run.Len()-1); strings.Contains(words, want) {
			t.Errorf("%q stands before the end", want)
		}
		return
	}
	t.Errorf("no end is told in which both have read 0: %+v", s.resting.view.Ends)
}

// A file on DAX has no page cache, and none is shown.
func TestDAXHasNoPageCache(t *testing.T) {
	s := standing(t, "dax-longterm")
	_, words := shown(s, s.run.Len())
	_, file, ok := strings.Cut(words, "file f · dax")
	if file, _, _ = strings.Cut(file, "TLB"); !ok || !strings.Contains(file, "device folio 1") || strings.Contains(file, "page cache") || strings.Contains(file, "tags") {
		t.Errorf("of the file is said %q", file)
	}
}

// A deadlock is told with who waits for what, a livelock with what goes round; and their runs are shown.
func TestStuckIsSeen(t *testing.T) {
	for _, c := range []struct{ scenario, kernel, claim, says string }{
		{"no-memory", "v6.12", "no-deadlock", "P0 (on cpu0) waits for a free frame: there is none."},
		{"pwrite-from-own-page", "v6.12 without write_faults_in", "no-livelock", "again"},
	} {
		s := New()
		s.Restore(link.Link{Scenario: c.scenario, Kernel: c.kernel})
		checked(t, s, s.Do(Event{Do: "check"}))
		if len(s.verdict.Bad) == 0 || s.verdict.Bad[0].Claim != c.claim {
			t.Errorf("%s: %+v", c.scenario, s.verdict)
			continue
		}
		bad := s.verdict.Bad[0]
		s.Do(Event{Do: "show", Claim: bad.Claim, Run: bad.Run, At: bad.At})
		if _, words := shown(s, s.run.Len()); !strings.Contains(words, c.claim) || !strings.Contains(words, c.says) {
			t.Errorf("%s: nowhere stands %q of %s; why: %s", c.scenario, c.says, c.claim, bad.Why)
		}
	}
}
