package trace

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// findRaces finds the racing pairs, the one that decides first:
//
//   - a count that the violating actor had looked at, which somebody changed before
//     it acted: check, then act;
//   - a translation that an actor read and went by although somebody had changed the
//     page table meanwhile;
//   - if there is neither, the last two conflicting accesses before the violation;
//   - where a value is read that the scenario speaks of at the end, the store that
//     the load came after, or else before; where a call has returned a page or an error, what
//     somebody did to the tables behind its back, or before.
func (s *story) findRaces() {
	if s.ends {
		for _, n := range s.decides {
			s.decided = n
			if s.r.callOf(&s.r.steps[n-1]) == "load" {
				s.storeAndLoad()
			} else {
				s.callAndChange()
			}
		}
		return
	}
	if s.disk {
		s.lostWrite()
		return
	}
	if s.torn() {
		return
	}
	if s.mapping && s.readTwice() {
		return
	}
	for n := s.v; n > 0; n-- {
		s.checkThenAct(&s.r.steps[n-1])
	}
	if len(s.races) == 0 {
		s.checkThenUnmap()
	}
	s.staleBelief()
	if len(s.races) == 0 && s.lost {
		s.ownWrite()
	}
	if len(s.races) == 0 && s.writes == 0 {
		s.cameAbout()
	}
	if len(s.races) == 0 && s.writes == 0 && s.began == 0 {
		s.lastConflict()
		s.inPlace()
	}
}

// readTwice finds a page's mapping that who breaks the claim had read before somebody else changed it.
func (s *story) readTwice() bool {
	last := &s.r.steps[s.v-1]
	for _, id := range last.Reads {
		if s.m.Mem.Layout().Class(id) != machine.Mappings {
			continue
		}
		stale := 0
		for n := s.v - 1; n > 0; n-- {
			st := &s.r.steps[n-1]
			switch {
			case st.Actor != last.Actor && changes(st, id):
				stale = n
			case st.Actor == last.Actor && st.Stmt == last.Stmt && reads(st, id) && stale > 0:
				s.races = append(s.races, Race{Actor: last.Actor, Read: n, first: n, Stale: stale, Cell: id, Name: s.m.Mem.Layout().Name(id), Believed: s.valueAt(n, id), Now: s.valueAt(stale, id)})
				folio, _, _ := strings.Cut(s.m.Mem.Layout().Name(id), ":")
				s.led = map[int]string{n: "finds " + folio + "'s mapping set"}
				return true
			}
		}
	}
	return false
}

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

// makesWritable reports whether a step lets somebody write to a frame that he could only read.
func (s *story) makesWritable(st *Step, f machine.Frame) bool {
	for _, c := range st.Changes {
		was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
		if c.Class == machine.PTEs && is.Present() && is.Frame() == f && is.Has(machine.RW) && was.Present() && !was.Has(machine.RW) {
			return true
		}
	}
	return false
}

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

// checkThenAct looks for the count that a step has acted on without looking again: the
// violating step, or one before that took all references away at once.
func (s *story) checkThenAct(act *Step) {
	for _, c := range act.Changes {
		if f, ok := s.x.ref[c.Cell]; !ok || c.Class != machine.Refs || !s.frames[f] || act.N != s.v && (c.NewV != 0 || c.OldV < 2) {
			continue
		}
		overtaken := 0
		for i := act.N - 2; i >= 0; i-- {
			st := &s.r.steps[i]
			if st.Actor != act.Actor {
				if overtaken == 0 && changes(st, c.Cell) {
					overtaken = st.N
				}
				continue
			}
			if changes(st, c.Cell) {
				break
			}
			if reads(st, c.Cell) {
				if believed := s.valueAt(st.N, c.Cell); overtaken != 0 && believed != c.Old {
					s.races = append(s.races, Race{Actor: act.Actor, Read: st.N, Stale: overtaken, Use: act.N, first: st.N, Check: true, Cell: c.Cell, Name: c.Name,
						Believed: believed, Now: c.Old})
				}
				break
			}
		}
	}
}

// checkThenUnmap looks for a count that somebody had looked at before he took the page out of a page table, or put
// another in its place, and that somebody else had raised by then.
func (s *story) checkThenUnmap() {
	for n := s.v; n > 0; n-- {
		act := &s.r.steps[n-1]
		for _, c := range act.Changes {
			old := machine.Entry(c.OldV)
			if c.Class != machine.PTEs || !old.Present() || !s.frames[old.Frame()] || old.Frame() == machine.Entry(c.NewV).Frame() {
				continue
			}
			ref := s.m.Ref(s.m.Head(old.Frame())).Cell()
			if look, raised := s.raised(act, ref); raised > 0 {
				s.races = append(s.races, Race{Actor: act.Actor, Read: look, first: look, Stale: raised, Use: n, Check: true, Cell: ref, Name: s.m.Mem.Layout().Name(ref),
					Believed: s.valueAt(look, ref), Now: s.valueAt(raised, ref)})
				return
			}
		}
	}
}

// raised returns the last step before another, of the same actor, that only looked at a count, and the first step of somebody
// else between the two that raised it; 0 if nobody did.
func (s *story) raised(act *Step, count cell.ID) (look, raised int) {
	for i := act.N - 2; i >= 0; i-- {
		st := &s.r.steps[i]
		switch {
		case st.Actor == act.Actor && changes(st, count):
			return 0, 0
		case st.Actor == act.Actor && reads(st, count):
			return st.N, raised
		}
		for _, c := range st.Changes {
			if st.Actor != act.Actor && c.Cell == count && c.NewV > c.OldV {
				raised = st.N
			}
		}
	}
	return 0, 0
}

// valueAt is what a cell held after a step, in words.
func (s *story) valueAt(n int, id cell.ID) string {
	at := s.r.cursor
	s.r.Goto(n)
	defer s.r.Goto(at)
	return s.m.Mem.Layout().Decode(id, s.m.Mem.Peek(id))
}

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
		if b.stale == 0 || b.entry.None() || !s.frames[b.entry.Frame()] && !(known && s.pages[page]) && !s.ledDown(b) {
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
		s.races = append(s.races, s.raceOf(best, use))
	}
}

// ledDown reports whether somebody has come by the frame that the claim is about through a PMD which was taken out before he had a reference.
func (s *story) ledDown(b *belief) bool {
	first, ok := s.x.pmd[b.from]
	if !ok || b.class != machine.PMDs || b.entry.Has(machine.PSE) || b.stale == 0 || s.table || s.frames[b.entry.Frame()] || s.m.Mem.Layout().Class(b.into) == machine.TLBs {
		return false
	}
	below := false
	for p := range s.pages {
		below = below || s.m.Pages()[p].MM == s.m.Pages()[first].MM && p >= first && int(p-first) < s.m.HugePages
	}
	return below && s.grabs(b) > 0
}

// countedBefore finds where he who took the table out counted the references on the frame, before the believer had his.
func (s *story) countedBefore(b *belief, grab int) {
	for n := grab - 1; n > b.stale; n-- {
		st := &s.r.steps[n-1]
		for f := range s.frames {
			if id := s.m.Ref(f).Cell(); st.Actor == s.r.steps[b.stale-1].Actor && reads(st, id) {
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

// raceOf is the race of a belief that became untrue, and the step at which the believer acts on it, 0 if none.
func (s *story) raceOf(b *belief, use int) Race {
	r := Race{Actor: b.actor, Read: b.again, first: b.read, Stale: b.stale, Use: use, Cell: b.from, Name: b.name, Believed: b.entry.Fresh().String(), Now: b.now}
	if cached := cell.Of(machine.TLBs, machine.Secondary); use > 0 && !cached.Has(s.m.Mem.Layout().Class(b.into)) && !b.entry.IsSwap() && s.r.steps[use-1].Stmt != s.r.steps[b.read-1].Stmt {
		r.Got = s.heldAs(b, use)
	}
	return r
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

func (s *story) storeAndLoad() {
	load := &s.r.steps[s.decided-1]
	var at cell.ID
	found := false
	for _, id := range load.Reads {
		if f, ok := s.x.content[id]; ok {
			at, found = id, true
			if len(s.decides) == 1 {
				clear(s.frames) // those that the page had before or after do not matter
			}
			s.frames[f] = true
		}
	}
	if !found {
		return
	}
	pair := func(first, second *Step) {
		s.races = append(s.races, Race{Actor: first.Actor, Read: first.N, first: first.N, Stale: second.N, Cell: at, Name: s.m.Mem.Layout().Name(at),
			Believed: s.valueAt(first.N, at), Now: s.valueAt(second.N, at)})
	}
	for i := s.decided - 2; i >= 0; i-- {
		if st := &s.r.steps[i]; st.Actor != load.Actor && changes(st, at) {
			pair(st, load)
			return
		}
	}
	for i := s.decided; i < s.v; i++ {
		if st := &s.r.steps[i]; st.Actor != load.Actor && changes(st, at) {
			pair(load, st)
			return
		}
	}
}

// lostWrite finds the last write to a file's page, and by what its writer went, if
// that was untrue by then.
func (s *story) lostWrite() {
	for n := s.v; n > 0 && s.writes == 0; n-- {
		for _, c := range s.r.steps[n-1].Changes {
			if f, ok := s.x.content[c.Cell]; ok && c.Class == machine.Contents && s.frames[f] {
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
			if b.actor != st.Actor || b.read >= n || b.class != machine.PTEs || !s.writesTo(st, b.entry.Frame()) {
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

// callAndChange pairs a call that returned a page with who took the page away
// behind it, and one that returned an error with who changed, before, what it found.
func (s *story) callAndChange() {
	call := &s.r.steps[s.decided-1]
	for i := len(s.beliefs) - 1; i >= 0; i-- {
		if b := &s.beliefs[i]; b.actor == call.Actor && b.stale > s.decided && s.frames[b.entry.Frame()] {
			s.races = append(s.races, Race{Actor: b.actor, Read: b.again, first: b.read, Stale: b.stale, Cell: b.from, Name: b.name, Believed: b.entry.Fresh().String(), Now: b.now})
			return
		}
	}
	for _, c := range call.Changes {
		if _, ok := s.x.variable[c.Cell]; ok && machine.DecodeResult(c.NewV).Kind == machine.IsPage {
			return
		}
	}
	edges := s.r.Edges()
	for i := len(edges) - 1; i >= 0; i-- {
		e := &edges[i]
		to, from := &s.r.steps[e.To-1], &s.r.steps[e.From-1]
		if to.Actor == call.Actor && to.Stmt == call.Stmt && e.To <= s.decided && changes(from, e.Cell) && looked.Has(s.m.Mem.Layout().Class(e.Cell)) {
			s.races = append(s.races, Race{Actor: from.Actor, Read: e.From, first: e.From, Stale: e.To, Cell: e.Cell, Name: e.Name,
				Believed: s.valueAt(e.From, e.Cell), Now: s.valueAt(e.To, e.Cell)})
			return
		}
	}
}

// looked are the classes in which a call finds what it is asked for, or not.
var looked = cell.Of(machine.VMAs, machine.PMDs, machine.PTEs, machine.SwapCache)

func (s *story) lastConflict() {
	var last *Edge
	edges := s.r.Edges()
	for i := range edges {
		if e := &edges[i]; e.To == s.v && (last == nil || e.From > last.From) {
			last = e
		}
	}
	if last == nil {
		return
	}
	from := &s.r.steps[last.From-1]
	s.races = append(s.races, Race{Actor: from.Actor, Read: last.From, first: last.From, Stale: s.v, Cell: last.Cell, Name: last.Name,
		Believed: s.valueAt(last.From, last.Cell), Now: s.valueAt(s.v, last.Cell)})
}
