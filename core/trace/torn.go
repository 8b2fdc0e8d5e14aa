package trace

import (
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
// What he has then is the entry of no page.
func (s *story) torn() bool {
	who := s.actor
	if who < 0 {
		who = s.r.steps[s.v-1].Actor
	}
	var halves []*Step // of one read, the last first
	for n := s.v; n > 0; n-- {
		st := &s.r.steps[n-1]
		if st.Actor != who || !strings.HasPrefix(st.Says, "read the ") || !strings.Contains(st.Says, " half of the PTE") {
			continue
		}
		if halves = append(halves, st); len(halves) == 2 {
			break
		}
	}
	if len(halves) < 2 {
		return false
	}
	first, second := halves[1], halves[0]
	at, ok := s.entryOf(second)
	if !ok {
		return false
	}
	s.pages[s.x.pte[at]] = true
	for _, f := range s.x.held[at] {
		s.frames[f] = true
	}
	for n := first.N + 1; n < second.N; n++ {
		if st := &s.r.steps[n-1]; st.Actor != who && changes(st, at) {
			s.races = append(s.races, Race{Actor: who, Read: first.N, first: first.N, Stale: n, Cell: at, Name: s.m.Mem.Layout().Name(at),
				Believed: s.valueAt(first.N, at), Now: s.valueAt(n, at)})
			s.led = map[int]string{second.N: thirdPerson(second.Says)}
			return true
		}
	}
	return false
}

// entryOf is the PTE that a step reads.
func (s *story) entryOf(st *Step) (cell.ID, bool) {
	for _, id := range st.Reads {
		if _, ok := s.x.pte[id]; ok && s.m.Mem.Layout().Class(id) == machine.PTEs {
			return id, true
		}
	}
	return 0, false
}
