package trace

import (
	"fmt"
	"slices"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A claim on contents breaks by a write: one that went to a page which is nobody's any more, or to one that somebody else reads. Which write it
// was, by what its writer went, and what let it write in place is found here.

// inPlace finds, where a load reads what it should not for somebody has stored to the same frame, why he did not copy it: the step
// that let him write to it in place, the look before that at who else maps it, and who had told him that nobody does.
func (s *story) inPlace() {
	if !s.lost || len(s.races) == 0 {
		return
	}
	store := &s.r.steps[s.races[0].Read-1]
	f, ok := s.x.content[s.races[0].Cell]
	if !ok || !s.r.access(store) {
		return
	}
	defer s.sharedBefore(store, f)
	count := s.m.Mapcount(f).Cell()
	led := map[int]string{}
	for n := store.N - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		switch {
		case len(led) == 0 && st.Actor == store.Actor && s.makesWritable(st, f):
			led[n] = "makes its PTE writable"
		case len(led) == 1 && st.Actor == store.Actor && reads(st, count):
			led[n] = fmt.Sprintf("sees that frame %d is mapped nowhere else", f)
		case len(led) == 2 && changes(st, count):
			if st.Actor != store.Actor {
				led[n] = fmt.Sprintf("counts frame %d as mapped once less", f)
				s.led = led
			}
			return
		}
	}
}

// sharedBefore finds, where nothing else has let somebody store to a frame that the load reads, who mapped it where the load is.
func (s *story) sharedBefore(store *Step, f machine.Frame) {
	if s.led != nil {
		return
	}
	for n := store.N - 1; n > 0; n-- {
		for _, c := range s.r.steps[n-1].Changes {
			is, was := machine.Entry(c.NewV), machine.Entry(c.OldV)
			if p, ok := s.x.pte[c.Cell]; ok && s.pages[p] && is.Present() && is.Frame() == f && !was.Present() {
				s.led = map[int]string{n: fmt.Sprintf("maps frame %d at %s", f, s.page(p))}
				return
			}
		}
	}
}

// makesWritable reports whether a step lets somebody write to a frame that he could only read, by its own PTE or by the PMD entry of its huge page.
func (s *story) makesWritable(st *Step, f machine.Frame) bool {
	for _, c := range st.Changes {
		was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
		maps := c.Class == machine.PTEs && is.Frame() == f || c.Class == machine.PMDs && is.Has(machine.PSE) && s.headAt(st.N, f) == is.Frame()
		if maps && is.Present() && is.Has(machine.RW) && was.Present() && !was.Has(machine.RW) {
			return true
		}
	}
	return false
}

// writableEntry is what a step changes of a page table: a PTE, or the entry of a huge page.
func (s *story) writableEntry(st *Step) string {
	if slices.ContainsFunc(st.Changes, func(c Change) bool { return c.Class == machine.PMDs }) {
		if s.m.Gigantic {
			return "PUD"
		}
		return "PMD"
	}
	return "PTE"
}

// lostWrite finds the last write to a file's page, and by what its writer went, if
// that was untrue by then.
func (s *story) lostWrite() {
	for n := s.v; n > 0 && s.writes == 0; n-- {
		for _, c := range s.r.steps[n-1].Changes {
			if f, ok := s.x.content[c.Cell]; ok && c.Class == machine.Contents && s.frames[f] && !s.frees(&s.r.steps[n-1], f) {
				s.writes = n
			}
		}
	}
	if s.writes == 0 {
		return
	}
	for i := len(s.beliefs) - 1; i >= 0; i-- {
		b := &s.beliefs[i]
		if s.m.Mem.Layout().Class(b.into) == machine.TLBs && !s.r.access(&s.r.steps[s.writes-1]) {
			continue
		}
		if b.actor == s.r.steps[s.writes-1].Actor && b.read < s.writes && b.stale != 0 && b.stale < s.writes && b.class == machine.PTEs && s.frames[b.entry.Frame()] {
			s.races = append(s.races, s.raceOf(b, s.writes))
			return
		}
	}
}

// ownWrite finds the last write before a load that did not see what was written, or saw what it should not, where
// no race explains it: the story begins where the writer got the page, or first looked for it.
func (s *story) ownWrite() {
	for n := s.v - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		seen := s.seen(st)
		if s.r.callOf(st) != "device_write" && !seen {
			continue
		}
		for i := range s.beliefs {
			b := &s.beliefs[i]
			huge := b.class == machine.PMDs && b.entry.Has(machine.PSE)
			if b.actor != st.Actor || b.read >= n || b.class != machine.PTEs && !huge || !s.writesTo(st, b.entry.Frame()) && !(huge && s.writesBelow(st, b.entry.Frame())) {
				continue
			}
			s.writes, s.frames[b.entry.Frame()] = b.read, true
			if p, ok := s.x.pte[b.from]; ok && seen && s.r.steps[b.read-1].Stmt == st.Stmt {
				s.writes, s.forced = s.lookedFor(p, st), map[machine.PageID]bool{p: true}
				s.writeDropped(st)
			}
			return
		}
		if seen {
			return
		}
	}
}

// writeDropped finds where a forced write has had its copy made, and forgets that it wants to write: before FOLL_COW.
func (s *story) writeDropped(write *Step) {
	if s.r.Model.Kernel.Value(kernel.ForceWrite) != kernel.ForceDropWrite {
		return
	}
	for n := write.N - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		if st.Stmt != write.Stmt || st.Actor != write.Actor || st.origin != "do_wp_page" {
			continue
		}
		s.led = map[int]string{n: "forgets, its copy being made, that it wants to write"}
		return
	}
}

// seen reports whether a step has written, other than by its thread's own store, what the violating step reads.
func (s *story) seen(st *Step) bool {
	for _, c := range st.Changes {
		if f, ok := s.x.content[c.Cell]; ok && c.Class == machine.Contents && reads(&s.r.steps[s.v-1], c.Cell) && !s.r.access(st) && !s.frees(st, f) {
			return true
		}
	}
	return false
}

// lookedFor returns where the statement of a step has first read the PTE of a page.
func (s *story) lookedFor(p machine.PageID, st *Step) int {
	for i := range s.beliefs {
		if b := &s.beliefs[i]; b.actor == st.Actor && s.r.steps[b.read-1].Stmt == st.Stmt && s.x.pte[b.from] == p && b.class == machine.PTEs {
			return b.read
		}
	}
	return st.N
}

func (s *story) writesTo(st *Step, f machine.Frame) bool {
	for _, c := range st.Changes {
		if g, ok := s.x.content[c.Cell]; ok && g == f && c.Class == machine.Contents {
			return true
		}
	}
	return false
}

// writesBelow reports whether a step writes to a page of a huge page.
func (s *story) writesBelow(st *Step, head machine.Frame) bool {
	for f := head; f < head+machine.Frame(s.m.HugePages); f++ {
		if s.writesTo(st, f) {
			return true
		}
	}
	return false
}
