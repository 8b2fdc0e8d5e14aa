package trace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// Where no race explains a breach, what the claim is about came about in an earlier call: a page was got, an entry left behind, a frame given back.

// cameAbout finds where what the claim is about began, in an earlier call: where a page was got that a variable holds, where a TLB or a
// secondary MMU took its translation, where the page's writeback began.
func (s *story) cameAbout() {
	layout := s.m.Mem.Layout()
	for n := s.v - 1; n > 0 && s.began == 0; n-- {
		st := &s.r.steps[n-1]
		for _, c := range st.Changes {
			_, variable := s.x.variable[c.Cell]
			switch {
			case variable && s.named[c.Cell] && machine.DecodeResult(c.NewV).Kind == machine.IsPage && machine.DecodeResult(c.OldV).Kind != machine.IsPage:
				s.began = s.gotBy(st)
			case s.underWriteback(&c):
				s.began = n
			case s.table && c.Cell == s.m.Walker(s.r.steps[s.v-1].CPU).Cell() && c.NewV != 0 && c.OldV == 0:
				s.began = n
				s.frames[machine.WalkerTable(c.NewV).Frame()] = true
			case s.cache != 0 && c.Cell == s.cache && machine.Entry(c.NewV).Present() && !machine.Entry(c.NewV).IsStale():
				s.began = n
				s.frames[machine.Entry(c.NewV).Frame()] = true
			case s.secondary && layout.Class(c.Cell) == machine.Secondary && machine.Entry(c.NewV).Present() && !machine.Entry(c.NewV).IsStale():
				if p, ok := s.x.secondary[c.Cell]; ok && s.pages[p] {
					s.began = n
					s.frames[machine.Entry(c.NewV).Frame()] = true
				}
			}
		}
	}
	if s.began > 0 && s.r.steps[s.began-1].Actor == s.r.steps[s.v-1].Actor && s.r.steps[s.began-1].Stmt == s.r.steps[s.v-1].Stmt && !s.secondary && !s.table {
		s.began = 0
	}
}

// letIn finds, where a TLB or the page table allows more than the VMA or who watches the page and nobody raced, who made the page table allow it, in an earlier
// call; and who had seen to it that it does not.
func (s *story) letIn() {
	for n := s.v - 1; n > 0 && (s.cache != 0 || s.let); n-- {
		st := &s.r.steps[n-1]
		for _, c := range st.Changes {
			was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
			if p, ok := s.pageOfEntry(&c); ok && s.pages[p] && is.Present() && is.Has(machine.RW) && !(was.Present() && was.Has(machine.RW)) {
				entry, _, _ := strings.Cut(c.Name, " of ")
				s.began, s.frames[is.Frame()] = n, true
				s.led = map[int]string{n: fmt.Sprintf("makes the %s of %s writable", entry, s.page(p))}
				if s.let {
					s.keptOut(c.Cell)
				}
				return
			}
		}
	}
}

// keptOut begins the story where the entry that lets somebody write ceased to do so before,.
func (s *story) keptOut(id cell.ID) {
	for n := s.began - 1; n > 0; n-- {
		for _, c := range s.r.steps[n-1].Changes {
			was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
			if c.Cell == id && was.Present() && was.Has(machine.RW) && !(is.Present() && is.Has(machine.RW)) {
				s.began = n
				return
			}
		}
	}
}

// pinnedFor finds, where a device writes to a page that is its no more, when it was pinned for it.
func (s *story) pinnedFor() {
	for n := s.v - 1; n > 0 && s.claim == "device-gone-when-page-freed"; n-- {
		st := &s.r.steps[n-1]
		for _, c := range st.Changes {
			if f, ok := s.x.ref[c.Cell]; ok && c.Class == machine.Refs && s.frames[f] && c.NewV > c.OldV && s.r.callOf(st) != "" && s.r.statement(st).Call.Result == kernel.PageResult {
				s.began = s.gotBy(st)
				return
			}
		}
	}
}

// leftBehind finds, where a migration entry is left that nobody will remove, who put it there, and where he looked for it in vain when he was through.
func (s *story) leftBehind() {
	if s.claim != "no-migration-entry-left" && !strings.HasPrefix(s.claim, "no-lost-") {
		return
	}
	ids := slices.Collect(maps.Keys(s.x.pte))
	slices.SortFunc(ids, func(a, b cell.ID) int { // those that the claim names first
		if s.named[a] != s.named[b] {
			return map[bool]int{true: -1, false: 1}[s.named[a]]
		}
		return cmp.Compare(a, b)
	})
	for _, id := range ids {
		left := machine.Entry(s.m.Mem.Peek(id))
		if !left.IsMigration() {
			continue
		}
		_, f, _, _ := left.Migration()
		for n := range s.r.steps[:s.v] {
			st := &s.r.steps[n]
			put := slices.ContainsFunc(st.Changes, func(c Change) bool {
				return c.Class == machine.PTEs && machine.Entry(c.NewV) == left && !machine.Entry(c.OldV).IsMigration()
			})
			if !put {
				continue
			}
			s.began, s.frames[f] = st.N, true
			s.led = map[int]string{st.N: fmt.Sprintf("puts a migration entry in the place of frame %d", f)}
			s.inVain(st)
			return
		}
	}
}

// inVain tells where who has put a migration entry finds none, or no page table, and who changed what he looks at.
func (s *story) inVain(put *Step) {
	for i := range s.beliefs {
		b := &s.beliefs[i]
		if b.actor != put.Actor || b.read <= put.N || !b.entry.None() {
			continue
		}
		s.led[b.read] = s.believes(b)
		for n := max(1, s.r.WrittenBy(b.from, b.read-1)); n <= s.v; n++ {
			if st := &s.r.steps[n-1]; st.Actor != put.Actor && changes(st, b.from) {
				s.led[n] = thirdPerson(st.Says)
			}
		}
	}
}

// clobbered finds, where somebody's page ends up with what another has written who had it before, when that one gave it back.
func (s *story) clobbered() {
	last := &s.r.steps[s.v-1]
	for n := s.v - 1; n > 0 && s.values && s.began == 0; n-- {
		st := &s.r.steps[n-1]
		for f := range s.frames {
			if st.Actor == last.Actor && s.writesTo(last, f) && s.frees(st, f) {
				s.began = n
			}
		}
	}
}

// underWriteback reports whether a change begins the writeback during which the claim's page was stored to.
func (s *story) underWriteback(c *Change) bool {
	f, ok := s.x.flags[c.Cell]
	return ok && s.clean && s.frames[f] && c.NewV&^c.OldV&machine.PGWriteback != 0 && s.m.Peek(s.m.Flags(f))&machine.PGWriteback != 0
}

// gotBy returns where the call that returns a page in this step has read the entry by which it got it; the step itself if that is not known.
func (s *story) gotBy(st *Step) int {
	for i := len(s.beliefs) - 1; i >= 0; i-- {
		if b := &s.beliefs[i]; b.actor == st.Actor && b.read <= st.N && s.r.steps[b.read-1].Stmt == st.Stmt && s.frames[b.entry.Frame()] {
			return b.read
		}
	}
	return st.N
}
