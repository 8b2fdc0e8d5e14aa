package trace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// staleBelief finds the translation whose believer matters most: whose doing the
// violation is, else who made the violating step, else anybody; the one read last,
// and a PTE rather than a PMD unless the claim is about tables.
func (s *story) staleBelief() {
	var best *belief
	rank := func(b *belief) int {
		n := 0
		switch b.actor {
		case s.actor:
			n += 4
		case s.r.steps[s.v-1].Actor:
			n += 2
		}
		if (b.class == machine.PMDs) == s.table {
			n++
		}
		if s.ledDown(b) { // it was taken out while the believer was below it
			n += 8
		}
		return n
	}
	for i := range s.beliefs {
		b := &s.beliefs[i]
		page, known := s.x.pte[b.from]
		if b.stale == 0 || b.entry.None() || !s.frames[b.entry.Frame()] && !(known && s.pages[page]) && !s.hugeAt(b) && !s.ledDown(b) {
			continue
		}
		if _, matters := s.use(b); !matters {
			continue
		}
		if best == nil || rank(b) >= rank(best) {
			best = b
		}
	}
	if best != nil {
		use, _ := s.use(best)
		if s.ledDown(best) {
			s.countedBefore(best, use)
		}
		if s.hugeAt(best) {
			s.frames[best.entry.Frame()] = true
		}
		s.races = append(s.races, s.raceOf(best, use))
	}
}

// hugeAt reports whether somebody believes that a huge page is where the claim is about.
func (s *story) hugeAt(b *belief) bool {
	first, ok := s.x.pmd[b.from]
	if !ok || !b.entry.Has(machine.PSE) {
		return false
	}
	for p := range s.pages {
		if p >= first && p < s.m.HugeEnd(first) {
			return true
		}
	}
	return false
}

// ledDown reports whether somebody has come by the frame that the claim is about through a PMD which was taken out before he had a reference,
// before somebody touched the entry below it, which names the frame: else he goes by that.
func (s *story) ledDown(b *belief) bool {
	first, ok := s.x.pmd[b.from]
	if !ok || b.class != machine.PMDs || b.entry.Has(machine.PSE) || b.stale == 0 || s.table || s.frames[b.entry.Frame()] || s.m.Mem.Layout().Class(b.into) == machine.TLBs {
		return false
	}
	below := false
	for p := range s.pages {
		below = below || s.m.Pages()[p].MM == s.m.Pages()[first].MM && p >= first && int(p-first) < s.m.HugePages
	}
	grab := s.grabs(b)
	leaf := s.leafOf(grab)
	return below && grab > 0 && (leaf == nil || leaf.stale == 0 || leaf.stale > b.stale)
}

// countedBefore finds where he who took the table out has found no reference on the frame but those that he knew of, before the believer had his.
func (s *story) countedBefore(b *belief, grab int) {
	remover := &s.r.steps[b.stale-1]
	for n := grab - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		for _, f := range slices.Sorted(maps.Keys(s.frames)) {
			if id := s.m.Ref(f).Cell(); st.Actor == remover.Actor && st.Stmt == remover.Stmt && st.passed && reads(st, id) {
				s.led = map[int]string{n: fmt.Sprintf("finds no reference to frame %d but those that it knows of", f)}
				return
			}
		}
	}
}

// grabs returns the first step after a belief became untrue in which the call that read it takes a reference on what the claim is about.
func (s *story) grabs(b *belief) int {
	for i := b.stale; i < s.v; i++ {
		st := &s.r.steps[i]
		if st.Actor != b.actor || st.Stmt != s.r.steps[b.read-1].Stmt {
			continue
		}
		for _, c := range st.Changes {
			if f, ok := s.x.ref[c.Cell]; ok && s.frames[f] && c.NewV > c.OldV {
				return st.N
			}
		}
	}
	return 0
}

// leafOf returns what the call of a step that takes a reference has read last of an entry that maps the page; nil if it came by the page otherwise.
func (s *story) leafOf(grab int) *belief {
	if grab == 0 {
		return nil
	}
	st := &s.r.steps[grab-1]
	for i := len(s.beliefs) - 1; i >= 0; i-- {
		b := &s.beliefs[i]
		into := s.m.Mem.Layout().Class(b.into)
		if b.actor != st.Actor || b.read > grab || s.r.steps[b.read-1].Stmt != st.Stmt || into == machine.TLBs || into == machine.Secondary {
			continue
		}
		if leaf := b.class == machine.PTEs || b.entry.Has(machine.PSE); leaf && b.entry.Present() && s.raises(st, b) {
			return b
		}
	}
	return nil
}

// raises reports whether a step takes a reference on the frame that an entry names, or on the folio that it belonged to when the entry was read,
// or belongs to now.
func (s *story) raises(st *Step, b *belief) bool {
	f := b.entry.Frame()
	for _, c := range st.Changes {
		if g, ok := s.folioOf(c.Cell); ok && c.Class == machine.Refs && c.NewV > c.OldV && (g == f || g == s.headAt(st.N-1, f) || g == s.headAt(b.read, f)) {
			return true
		}
	}
	return false
}

// raceOf is the race of a belief that became untrue, and the step at which the believer acts on it, 0 if none.
func (s *story) raceOf(b *belief, use int) Race {
	r := Race{Actor: b.actor, Read: b.again, first: b.read, Stale: b.stale, Use: use, Cell: b.from, Name: b.name, Believed: b.entry.Fresh().String(), Now: b.now}
	if cached := cell.Of(machine.TLBs, machine.Secondary); use > 0 && !cached.Has(s.m.Mem.Layout().Class(b.into)) && !b.entry.IsSwap() && s.r.steps[use-1].Stmt != s.r.steps[b.read-1].Stmt {
		r.Got = s.heldAs(b, use)
	}
	if mirror := s.mirrorOf(b, use); mirror != "" {
		if r.Got = mirror; s.mirroredAt(b, use) > 0 {
			r.Use, r.Got = s.mirroredAt(b, use), ""
		}
	}
	return r
}

// mirroredAt is the step at which what somebody believes of a page table, being untrue already, is taken over by what mirrors that; 0 if it was before.
func (s *story) mirroredAt(b *belief, use int) int {
	for n := b.stale + 1; n < use; n++ {
		for _, c := range s.r.steps[n-1].Changes {
			if e := machine.Entry(c.NewV); c.Class == machine.Secondary && s.r.steps[n-1].Actor == b.actor && e.Present() && e.Frame() == b.entry.Frame() && !machine.Entry(c.OldV).Present() {
				return n
			}
		}
	}
	return 0
}

// mirrorOf is what a guest or a device goes by at a step, when what it read of the page table has been taken over by what mirrors that; "" if
// the step is of nobody such, or of the taking over itself.
func (s *story) mirrorOf(b *belief, use int) string {
	p, ok := s.x.pte[b.from]
	if use == 0 || !ok || !s.m.Secondary {
		return ""
	}
	st := &s.r.steps[use-1]
	content := slices.ContainsFunc(append(slices.Clone(st.Reads), st.Writes...), func(id cell.ID) bool { return s.x.content[id] == b.entry.Frame() })
	call := s.r.callOf(st)
	switch {
	case !content:
		return ""
	case strings.HasPrefix(call, "guest_") && s.entryAt(use-1, s.m.SPTE(p).Cell()).Present():
		return "its spte"
	case strings.HasPrefix(call, "guest_"):
		return "the guest's TLB"
	case strings.HasPrefix(call, "odp_"):
		return "the device's page table"
	}
	return ""
}

// heldAs is what a task has a frame by at a step, when the call that read the entry has returned: a variable, "P0's p"; else a reference.
func (s *story) heldAs(b *belief, use int) string {
	if strings.HasPrefix(s.r.callOf(&s.r.steps[use-1]), "guest_") {
		return "its spte"
	}
	at := s.r.cursor
	s.r.Goto(use - 1)
	defer s.r.Goto(at)
	held := "its reference"
	a := s.r.Model.Actors()[b.actor]
	s.m.EachVar(func(t, i int) {
		if got := machine.DecodeResult(s.m.Peek(s.m.Var(t, i))); a.Kind == kernel.TaskActor && t == a.Task && got.Kind == machine.IsPage && got.Page.Frame() == b.entry.Frame() {
			held = a.Name + "'s " + s.m.Config.Tasks[t].Vars[i]
		}
	})
	return held
}

// use finds the first step after a belief became untrue at which the believer acts on
// it: touches the frame that it names, or breaks the claim. The belief matters also if
// there is no such step, but what the believer got by it is what the claim is about.
func (s *story) use(b *belief) (step int, matters bool) {
	if b.entry.IsSwap() {
		return s.takenFrom(b)
	}
	if s.ledDown(b) {
		return s.grabs(b), true
	}
	f := b.entry.Frame()
	into := s.m.Mem.Layout().Class(b.into)
	for i := b.stale; i < s.v; i++ {
		st := &s.r.steps[i]
		if st.Actor != b.actor || !s.goesBy(st, b, into) {
			continue
		}
		if st.N != s.v && s.letsGo(st, f) {
			continue
		}
		for _, id := range st.Writes {
			if s.x.ref[id] == f || s.x.content[id] == f || s.x.flags[id] == f {
				return st.N, true
			}
		}
		for _, id := range st.Reads {
			if s.x.content[id] == f {
				return st.N, true
			}
		}
		if st.N == s.v {
			return st.N, true
		}
	}
	return 0, b.actor == s.actor && into != machine.TLBs && into != machine.Secondary
}

// letsGo reports whether a step drops a reference on a frame, or gives it back: that is nothing one does by an entry.
func (s *story) letsGo(st *Step, f machine.Frame) bool {
	c := st.Change(s.m.Ref(f).Cell())
	return s.frees(st, f) || c != nil && c.NewV < c.OldV
}

// goesBy reports whether a step may go by what its actor believes: accesses of the thread by its TLB, those of a guest or a device by what
// mirrors the page table, and the kernel by what the same call has read.
func (s *story) goesBy(st *Step, b *belief, into cell.Class) bool {
	switch into {
	case machine.TLBs:
		return s.r.access(st)
	case machine.Secondary:
		call := s.r.callOf(st)
		return call != "store" && call != "load"
	}
	return !s.r.elsewhere(st, &s.r.steps[b.read-1])
}

// takenFrom finds where somebody puts a page in the place of a swap entry that was not there all the time.
func (s *story) takenFrom(b *belief) (step int, matters bool) {
	for i := b.stale; i < s.v; i++ {
		if st := &s.r.steps[i]; st.Actor == b.actor && changes(st, b.from) {
			return st.N, true
		}
	}
	return 0, false
}

// elsewhere reports whether a step is of an access of the thread to its memory, and
// another statement than the one that read: what that call read it does not know.
func (r *Run) elsewhere(st, read *Step) bool {
	call := r.callOf(st)
	return st.Stmt != read.Stmt && (call == "store" || call == "load")
}

// access reports whether a step is of a thread's own access to its memory, which goes
// by the TLB; the kernel goes by its own mapping.
func (r *Run) access(st *Step) bool {
	call := r.callOf(st)
	return (call == "store" || call == "load") && len(st.Path) == 1
}

// believes tells what who has read an entry goes by.
func (s *story) believes(b *belief) string {
	tlb := s.m.Mem.Layout().Class(b.into) == machine.TLBs
	where := "the " + possessive(b.name)
	if b.class == machine.PTEs && !strings.HasPrefix(b.name, "PTE of ") {
		where = "an entry of that table"
	}
	switch {
	case b.entry.None():
		return "finds " + where + " empty"
	case b.class == machine.PMDs && b.entry.Has(machine.PSE) && !tlb:
		how := ""
		if !b.entry.Has(machine.RW) {
			how = " read-only"
		}
		return fmt.Sprintf("reads %s, which maps the huge page in frame %d%s", where, b.entry.Frame(), how)
	case b.class == machine.PMDs && b.entry.Has(machine.PSE):
		return fmt.Sprintf("takes the huge page in frame %d from %s into its TLB", b.entry.Frame(), where)
	case b.class == machine.PMDs && tlb:
		return fmt.Sprintf("begins a walk at %s, which leads to %s", where, s.tableBelow(b.name, b.entry))
	case b.class == machine.PMDs:
		return fmt.Sprintf("reads %s, which leads to %s", where, s.tableBelow(b.name, b.entry))
	}
	what := b.entry.Fresh().String()
	if b.entry.Present() {
		what = s.m.FrameName(b.entry.Frame())
		if head := s.headAt(b.read, b.entry.Frame()); head != b.entry.Frame() {
			what += fmt.Sprintf(", a page of folio %d,", head)
		}
		if !b.entry.Has(machine.RW) {
			what = strings.TrimSuffix(what, ",") + ", read-only,"
		}
	}
	if tlb {
		return fmt.Sprintf("takes %s from %s into its TLB", what, where)
	}
	return fmt.Sprintf("reads %s from %s", what, where)
}

// tableBelow is the table that an entry leads to, of which the layout's name says the level.
func (s *story) tableBelow(entry string, e machine.Entry) string {
	if level := abovePMDs(entry); level > 0 {
		return fmt.Sprintf("the %s table in frame %d", machine.LevelName(s.m.Below(level)), e.Frame())
	}
	return fmt.Sprintf("the page table in frame %d", e.Frame())
}

// abovePMDs is the level that the layout's name of an entry says, if it is one above the PMDs; else 0.
func abovePMDs(entry string) int {
	for level := machine.LevelPUD; level <= machine.LevelPGD; level++ {
		if strings.HasPrefix(entry, machine.LevelName(level)) {
			return level
		}
	}
	return 0
}
