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
	if s.claim == "no-page-behind-the-end" && s.behindTheEnd() {
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
		s.letIn()
		s.pinnedFor()
	}
	if len(s.races) == 1 && s.m.Mem.Layout().Class(s.races[0].Cell) == machine.PMDs || len(s.races) == 0 && s.writes == 0 && s.began == 0 {
		s.leftBehind()
	}
	if len(s.races) == 0 && s.writes == 0 && s.began == 0 {
		s.clobbered()
	}
	if len(s.races) == 0 && s.writes == 0 && s.began == 0 {
		s.lastConflict()
		s.inPlace()
	}
}

// behindTheEnd finds who put a page into the page cache behind the end of the file: he had looked at the size before somebody else changed it.
func (s *story) behindTheEnd() bool {
	layout := s.m.Mem.Layout()
	for n := s.v; n > 0; n-- {
		add := &s.r.steps[n-1]
		if !slices.ContainsFunc(add.Changes, func(c Change) bool {
			return c.Class == machine.PageCache && s.named[c.Cell] && c.NewV != 0 && c.OldV == 0
		}) {
			continue
		}
		for look, stale := n-1, 0; look > 0; look-- {
			st := &s.r.steps[look-1]
			for _, id := range st.Reads {
				if st.Actor == add.Actor && stale > 0 && strings.HasSuffix(layout.Name(id), ": i_size") && changes(&s.r.steps[stale-1], id) {
					s.races = append(s.races, Race{Actor: add.Actor, Read: look, first: look, Stale: stale, Use: n, Cell: id, Name: layout.Name(id),
						Believed: s.valueAt(look, id), Now: s.valueAt(stale, id), Got: "the size that it read"})
					return true
				}
			}
			if st.Actor != add.Actor && slices.ContainsFunc(st.Changes, func(c Change) bool { return strings.HasSuffix(c.Name, ": i_size") }) {
				stale = look
			}
		}
		return s.addedBehind(add)
	}
	return false
}

// addedBehind tells of who put a page into the page cache behind the end without having looked at the size, and of who had set it.
func (s *story) addedBehind(add *Step) bool {
	for n := add.N - 1; n > 0; n-- {
		for _, c := range s.r.steps[n-1].Changes {
			file, _, ok := strings.Cut(c.Name, ": i_size")
			if !ok {
				continue
			}
			s.began = n
			s.led = map[int]string{n: "sets i_size of " + file + " to " + c.New, add.N: "puts its huge page into the page cache"}
			return true
		}
	}
	return false
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

// letIn finds, where a TLB allows more than the VMA and nobody raced, who made the page table allow it, in an earlier call.
func (s *story) letIn() {
	for n := s.v - 1; n > 0 && s.cache != 0; n-- {
		st := &s.r.steps[n-1]
		for _, c := range st.Changes {
			was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
			if p, ok := s.pageOfEntry(&c); ok && s.pages[p] && is.Present() && is.Has(machine.RW) && !(was.Present() && was.Has(machine.RW)) {
				entry, _, _ := strings.Cut(c.Name, " of ")
				s.began, s.frames[is.Frame()] = n, true
				s.led = map[int]string{n: fmt.Sprintf("makes the %s of %s writable", entry, s.page(p))}
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
			if st.counts && reads(st, c.Cell) {
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
		case st.Actor == act.Actor && st.counts && reads(st, count):
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
