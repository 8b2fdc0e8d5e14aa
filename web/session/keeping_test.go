package session

import (
	"strconv"
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/scenario"
	"gupscope/web/link"
)

// What is watched is watched by its name: a cell's number is another one in another text. What there is no more is told.
func TestWatchedKeepTheirNames(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	named := func(id cell.ID) string { return s.run.Model.Memory().Layout().Name(id) }
	pte := s.run.Steps()[2].Kept[0].From // what GUP-fast reads at step 3
	name := named(pte)
	s.Do(Event{Do: "watch", N: int(pte)})
	s.Do(Event{Do: "cell", N: int(pte)})

	text := s.text
	said := notices(s.Do(Event{Do: "text", Text: strings.Replace(text, "\nmm A", "\nmm Z { other = anon 2 rw \"z\" }\nmm A", 1)}))
	if len(s.watched) != 1 || s.watched[0] == pte || named(s.watched[0]) != name || s.cell != int(s.watched[0]) || strings.Contains(said, "watched") {
		t.Errorf("beside another mm, %v is watched and %d open, which were %s; it says %q", s.watched, s.cell, name, said)
	}

	said = notices(s.Do(Event{Do: "text", Text: "GUP tiny\n\"One load.\"\n\nkernel v6.12\n\nmm B { other = anon 1 rw \"b\" }\n\nP0 on cpu0 in B { v = load(other) }\n"}))
	if len(s.watched) != 0 || s.cell >= 0 || !strings.Contains(said, name) {
		t.Errorf("where there is no %s, %v is watched and %d open; it says %q", name, s.watched, s.cell, said)
	}
}

// A link names what is watched. A number in it, of an earlier version, is taken for a cell with a word about it; a name that is nobody's is told.
func TestLinksNameWhatIsWatched(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	pte := s.run.Steps()[2].Kept[0].From
	name := s.run.Model.Memory().Layout().Name(pte)
	s.Do(Event{Do: "watch", N: int(pte)})
	l := s.State()
	if l.Watched != name || !strings.Contains(l.Address(), "w="+strings.ReplaceAll(name, " ", "+")) {
		t.Errorf("the link %s watches %q, want %q", l.Address(), l.Watched, name)
	}
	for watched, want := range map[string]struct {
		n     int
		words string
	}{
		name:                   {1, ""},
		name + "~" + name:      {1, ""},
		strconv.Itoa(int(pte)): {1, "by its number, as older versions wrote it: here that is " + name + "."},
		"9999":                 {0, "There is no 9999 here"},
		"PTE of Z buf~" + name: {1, "There is no PTE of Z buf here"},
	} {
		l.Watched = watched
		o := New()
		said := notices(o.Do(Event{Do: "open", Link: l.Address()}))
		if len(o.watched) != want.n || want.n == 1 && o.watched[0] != pte || !strings.Contains(said, want.words) || want.words == "" && strings.Contains(said, "watched") {
			t.Errorf("w=%s: %v is watched, and it says %q", watched, o.watched, said)
		}
	}
}

// A branch with a name goes only when all have names, and that is said.
func TestNamedBranchesStay(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	s.Do(Event{Do: "keep", Text: "precious"})
	for i := range maxKept + 3 {
		s.Do(Event{Do: "run", To: "random", N: 100 + i})
		s.Do(Event{Do: "goto", At: 0})
	}
	if last := s.kept[len(s.kept)-1]; len(s.kept) != maxKept || last.name != "precious" {
		t.Fatalf("%d branches are kept, the oldest is %+v", len(s.kept), last)
	}
	for i := range s.kept {
		s.Do(Event{Do: "keep", Run: s.kept[i].run, Text: "precious too"})
	}
	said := ""
	for i := range 3 {
		said += notices(s.Do(Event{Do: "run", To: "random", N: 200 + i}))
		s.Do(Event{Do: "goto", At: 0})
	}
	if len(s.kept) != maxKept || !strings.Contains(said, "makes room") {
		t.Errorf("%d branches are kept; it says %q", len(s.kept), said)
	}
}

// A text that comes with mistakes, as after a reload, is shown with its race: that of its other lines. Once the mistake is mended, it is the text's.
func TestMistakesKeepTheRace(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	run, at, good := s.run.String(), s.run.Cursor(), s.text
	for _, typed := range []string{"P3 on cpu0 in A { madv", "P3 on cpu0 in A { madvise_typo(buf) }\n", "expect v6.12: Neve\n", "claim no-lost-stor off\n"} {
		bad := good + typed
		s.Do(Event{Do: "text", Text: bad})
		l := s.State()
		o := New()
		o.Restore(l)
		if o.text != bad || o.run == nil || o.run.String() != run || o.run.Cursor() != at || !scenario.Failed(o.diagnostics) {
			t.Fatalf("%q: after a reload the run is %v, of %d characters", typed, o.run, len(o.text))
		}
		if p := o.Page(); o.stale() != "of the text without its lines with mistakes" || strings.Contains(p.Sentence.Plain(), "nothing to run") || o.State() != l {
			t.Errorf("%q: %q, %q; %+v for %+v", typed, o.stale(), p.Sentence.Plain(), o.State(), l)
		}
		o.Do(Event{Do: "text", Text: good})
		if o.stale() != "" || o.run.String() != run || o.shown != o.file {
			t.Errorf("%q: mended, the page is still %q", typed, o.stale())
		}
	}
	o := New()
	o.Restore(link.Link{Text: "P3 on cpu0 in A { madv"})
	if o.run != nil || !strings.Contains(o.Page().Sentence.Plain(), "nothing to run yet") {
		t.Error("of nothing but mistakes something runs")
	}
}

// The address of a link that cannot be read stays in the bar, until something happens.
func TestDamagedLinkStays(t *testing.T) {
	addresses := func(fs []Fragment) (n int) {
		for _, f := range fs {
			if f.Op == "address" {
				n++
			}
		}
		return n
	}
	s := New()
	fs := s.Do(Event{Do: "open", Link: "#1.rubbish"})
	if addresses(fs) != 0 || !strings.Contains(notices(fs), "link") {
		t.Errorf("%d addresses, and it says %q", addresses(fs), notices(fs))
	}
	if n := addresses(s.Do(Event{Do: "open"})); n != 0 { // as a page asks whose core has caught up
		t.Errorf("%d addresses", n)
	}
	if n := addresses(s.Do(Event{Do: "step", Choice: "0"})); n == 0 {
		t.Error("the run has another address, and the page is not told")
	}
	s.Do(Event{Do: "address"})
	if n := addresses(s.Do(Event{Do: "open"})); n != 1 {
		t.Errorf("%d addresses", n)
	}
	s.Do(Event{Do: "open", Link: "#1.rubbish"})
	if n := addresses(s.Do(Event{Do: "open", Scenario: "cow-huge"})); n != 1 {
		t.Errorf("%d addresses of what is opened next", n)
	}
}
