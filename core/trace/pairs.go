package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/cell"
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
		for i, n := range s.decides {
			n = s.copiedOut(n)
			s.decides[i], s.decided = n, n
			had := len(s.races)
			if s.storeAndLoad(); len(s.races) == had && s.r.callOf(&s.r.steps[n-1]) != "load" {
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
		s.namedBefore()
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
	if s.lost && len(s.races) == 0 && s.writes == 0 && s.began == 0 && s.led == nil {
		s.mappedAnew()
	}
}

// mappedAnew finds, where a load reads a page that was mapped behind somebody's back, who had taken away the entry that stood there, and who set it anew.
func (s *story) mappedAnew() {
	upper := func(c *Change) bool { return c.Class == machine.PTEs || c.Class == machine.PMDs }
	set := 0
	for n := s.v; n > 0; n-- {
		st := &s.r.steps[n-1]
		for i := range st.Changes {
			c := &st.Changes[i]
			was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
			switch {
			case !upper(c) || set > 0 && !changes(&s.r.steps[set-1], c.Cell):
			case set == 0 && is.Present() && !was.Present() && s.frames[s.headAt(n, is.Frame())]:
				set = n
			case set > 0 && !is.Present() && was.Present():
				if st.Actor != s.r.steps[s.v-1].Actor {
					s.led = map[int]string{n: thirdPerson(st.Says), set: thirdPerson(s.r.steps[set-1].Says)}
				}
				return
			}
		}
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

// namedBefore finds, where who breaks the claim had seen in the same call whose page a folio is, who has given that folio to somebody else since.
func (s *story) namedBefore() {
	last := &s.r.steps[s.v-1]
	layout := s.m.Mem.Layout()
	for n := s.v - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		if st.Actor != last.Actor || st.Stmt != last.Stmt || !st.asks {
			continue
		}
		for _, id := range st.Reads {
			f, ok := s.folioOf(id)
			if !ok || layout.Class(id) != machine.Mappings {
				continue
			}
			stale := 0
			for m := n + 1; m < s.v && stale == 0; m++ {
				if other := &s.r.steps[m-1]; other.Actor != last.Actor && changes(other, id) {
					stale = m
				}
			}
			for m := stale + 1; m < s.v && stale > 0; m++ {
				if use := &s.r.steps[m-1]; use.Actor == last.Actor && changes(use, s.m.Ref(f).Cell()) {
					s.frames[f] = true
					s.led = map[int]string{n: fmt.Sprintf("finds folio %d's mapping to be %s", f, s.valueAt(n, id))}
					s.races = append(s.races, Race{Actor: last.Actor, Read: n, first: n, Stale: stale, Use: m, Cell: id, Name: layout.Name(id), Believed: s.valueAt(n, id), Now: s.valueAt(stale, id)})
					return
				}
			}
		}
	}
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

// storeAndLoad pairs a step that has read a page's content with who wrote that, or wrote to the page too late for it. Where a device has read it, the
// story begins where the page was got for the device.
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
			s.gotFor(load, s.x.content[at])
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

// copiedOut returns where the call that sets a variable to a page's content in a step has read that; the step itself if it is no content, or not known.
func (s *story) copiedOut(n int) int {
	sets := &s.r.steps[n-1]
	was := s.r.cursor
	defer s.r.Goto(was)
	for _, c := range sets.Changes {
		is := machine.DecodeResult(c.NewV)
		if _, variable := s.x.variable[c.Cell]; !variable || is.Kind != machine.IsContent {
			continue
		}
		for i := n; i > 0; i-- {
			st := &s.r.steps[i-1]
			for _, id := range st.Reads {
				if _, content := s.x.content[id]; !content || st.Actor != sets.Actor || st.Stmt != sets.Stmt {
					continue
				}
				if s.r.Goto(i); s.m.Mem.Peek(id) == is.Content {
					return i
				}
			}
		}
	}
	return n
}

// gotFor finds where the page was got whose content a step reads that is no thread's own load: by the same call, or in an earlier one.
func (s *story) gotFor(load *Step, f machine.Frame) {
	if s.r.access(load) {
		return
	}
	if s.began = s.gotBy(load); s.began != load.N {
		return
	}
	s.began = 0
	for n := load.N - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		for _, c := range st.Changes {
			at, variable := s.x.variable[c.Cell]
			if is := machine.DecodeResult(c.NewV); variable && at.task == load.Actor && is.Kind == machine.IsPage && is.Page.Frame() == f {
				s.began = s.gotBy(st)
				return
			}
		}
	}
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
