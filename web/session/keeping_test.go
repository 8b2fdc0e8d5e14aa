package session

import (
	"strconv"
	"strings"
	"testing"

	"gupscope/core/cell"
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
