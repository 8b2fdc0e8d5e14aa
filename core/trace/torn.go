package trace

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// torn finds whether who breaks the claim goes by an entry that he has read in halves, and that somebody changed between the two:
//
//	CPU0                  CPU1
//	----                  ----
//	low half: frame 1
//	                      clear the entry
//	high half: none
//
// What he has then is the entry of no page. If he looks at it again, half by half, what he sees is told, too.
func (s *story) torn() bool {
	who := s.actor
	if who < 0 {
		who = s.r.steps[s.v-1].Actor
	}
	var second *Step // of one read of an entry
	for n := s.v; n > 0; n-- {
		first := &s.r.steps[n-1]
		if first.Actor != who || !halfOfEntry(first, "read the ") {
			continue
		}
		at, ok := s.entryOf(first)
		if second != nil && ok && reads(second, at) && second.Stmt == first.Stmt && s.tornBetween(at, first, second) {
			return true
		}
		second = first
	}
	return false
}

// tornBetween tells of the two halves of an entry, and of who has changed it between them; false if nobody has.
func (s *story) tornBetween(at cell.ID, first, second *Step) bool {
	halves := map[int]string{first.N: s.halfRead(first, at), second.N: s.halfRead(second, at)}
	stale := 0
	for n := first.N + 1; n < second.N; n++ {
		if st := &s.r.steps[n-1]; st.Actor != first.Actor && changes(st, at) {
			halves[n] = s.halfChanged(st, at)
			if stale == 0 {
				stale = n
			}
		}
	}
	if stale == 0 {
		return false
	}
	s.pages[s.pageBelow(at)] = true
	for _, f := range s.x.held[at] {
		s.frames[f] = true
	}
	s.races = append(s.races, Race{Actor: first.Actor, Read: first.N, first: first.N, Stale: stale, Cell: at, Name: s.m.Mem.Layout().Name(at),
		Believed: s.valueAt(first.N, at), Now: s.valueAt(stale, at)})
	for n := first.N + 1; n <= s.v; n++ {
		st := &s.r.steps[n-1]
		of, ok := s.entryOf(st)
		switch {
		case st.Actor == first.Actor && n > second.N && ok && of == at && halfOfEntry(st, "the ") && strings.Contains(st.Says, " is the same"):
			halves[n] = "finds that " + st.Says
		case st.Actor != first.Actor && n > second.N && changes(st, at):
			halves[n] = s.halfChanged(st, at)
		}
	}
	s.halves = halves
	return true
}

// halfRead tells of the half of an entry that a step has read.
func (s *story) halfRead(st *Step, at cell.ID) string {
	return strings.Replace(thirdPerson(st.Says), st.noun()+": it is", possessive(s.m.Mem.Layout().Name(at))+":", 1)
}

// noun is what a step's sentence calls the entry that it is about.
func (st *Step) noun() string {
	if strings.Contains(st.Says, " half of the PMD") {
		return "PMD"
	}
	return "PTE"
}

// halfChanged tells which half of an entry a step has changed; "" if that was both, or bits alone.
func (s *story) halfChanged(st *Step, at cell.ID) string {
	c := st.Change(at)
	was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
	half, name := machine.Entry.Low, "low"
	switch {
	case was.Present() && is.Present() && was.Frame() == is.Frame(), was.Low() != is.Low() && was.High() != is.High():
		return ""
	case was.Low() == is.Low():
		half, name = machine.Entry.High, "high"
	}
	verb := "sets"
	if half(is) == 0 {
		verb = "clears"
	}
	return fmt.Sprintf("%s the %s half of the %s", verb, name, possessive(c.Name))
}

// pageBelow is the page of a PTE, or the first one below a PMD.
func (s *story) pageBelow(at cell.ID) machine.PageID {
	if p, ok := s.x.pte[at]; ok {
		return p
	}
	return s.x.pmd[at]
}

// halfOfEntry reports whether a step's sentence begins so, and is about half of an entry.
func halfOfEntry(st *Step, prefix string) bool {
	return strings.HasPrefix(st.Says, prefix) && (strings.Contains(st.Says, " half of the PTE") || strings.Contains(st.Says, " half of the PMD"))
}

// entryOf is the PTE, or the PMD, that a step reads.
func (s *story) entryOf(st *Step) (cell.ID, bool) {
	for _, id := range st.Reads {
		_, pte := s.x.pte[id]
		_, pmd := s.x.pmd[id]
		if class := s.m.Mem.Layout().Class(id); pte && class == machine.PTEs || (pte || pmd) && class == machine.PMDs {
			return id, true
		}
	}
	return 0, false
}
