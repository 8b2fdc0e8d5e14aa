package trace

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// slice picks the steps that matter: going back from the violation, over what its
// subjects (frames, pages, tables) went through while somebody raced, and over the
// waits that should have kept the racers apart.
func (s *story) slice() {
	from := s.begin()
	for i := from - 1; i < max(s.decided, s.lastRace()); i++ { // what an end comes after does not matter
		st := &s.r.steps[i]
		for _, e := range s.events(st) {
			if s.matters(st, &e, from) {
				s.told[st.N] = append(s.told[st.N], e)
			}
		}
	}
	s.lookBefore()
	for n, says := range s.halves {
		if says == "" {
			s.mention(n)
			continue
		}
		s.told[n] = []event{{kind: evLooks, cpu: -1, says: says}}
	}
	s.copied()
	s.cameBy()
	for n, says := range s.led {
		s.told[n] = append(s.told[n], event{kind: evLooks, cpu: -1, says: says})
	}
	for _, r := range s.races {
		s.mention(r.Read)
		s.mention(r.Stale)
		if r.Use != 0 {
			s.mention(r.Use)
		}
	}
	for _, n := range s.decides {
		s.mention(n)
	}
	if !s.ends && !(s.disk && len(s.told) > 0) { // a file's page is looked at where all have finished, whoever is last
		s.mention(s.v)
	}
	s.lastWrite()
	s.reused()
	s.namedBy()
	s.passedBy()
	s.discarded()
	s.keptByFlush()
	s.interruptsOff()
	s.handsOff()
	s.putBack()
	s.repeated()
}

func (s *story) lastRace() int {
	n := 0
	for _, r := range s.races {
		n = max(n, r.Stale)
	}
	return n
}

// begin returns the first step that may matter: where the first belief was
// read, or without a race the statement of the violation began.
func (s *story) begin() int {
	from := s.v
	if n := s.shared(); n > 0 {
		from = n
	}
	for _, r := range s.races {
		from = min(from, r.first)
	}
	if s.asked = s.lastAsked(); s.asked > 0 {
		from = min(from, s.asked)
	}
	if n := s.tookIt(); n > 0 {
		from = min(from, n)
	}
	if s.ends && s.began > 0 {
		from = min(from, s.began)
	}
	if len(s.races) > 0 {
		return from
	}
	if s.writes > 0 {
		return min(from, s.writes)
	}
	if s.began > 0 {
		return min(from, s.began)
	}
	last := &s.r.steps[s.decided-1]
	for i := range s.r.steps[:from] {
		if st := &s.r.steps[i]; st.Actor == last.Actor && st.Stmt == last.Stmt {
			return st.N
		}
	}
	return from
}

// tookIt returns where who breaks a claim on counts by putting a reference back, or who begins the story by raising one, has read the entry
// by which he has taken it; 0 if that is not how it is.
func (s *story) tookIt() int {
	v := &s.r.steps[s.v-1]
	from := 0
	if len(s.races) > 0 {
		if leaf := s.leafOf(s.races[0].first); leaf != nil {
			from = leaf.read
		}
	}
	lowers := slices.ContainsFunc(v.Changes, func(c Change) bool { return c.Class == machine.Refs && c.NewV < c.OldV })
	for n := s.v - 1; n > 0 && lowers && s.claim != "no-lost-device-write"; n-- {
		if st := &s.r.steps[n-1]; st.Actor == v.Actor && st.Stmt == v.Stmt {
			if leaf := s.leafOf(n); leaf != nil {
				s.holder = v.Actor
				if from == 0 || leaf.read < from {
					from = leaf.read
				}
				return from
			}
		}
	}
	return from
}

// lastAsked returns the step in which the file system was asked last before the claim's page was written to, 0 if the claim is about something else.
func (s *story) lastAsked() int {
	if !s.prepared {
		return 0
	}
	for n := s.v; n > 0; n-- {
		for f := range s.frames {
			if id := s.m.Notice(f).Cell(); slices.Contains(s.r.steps[n-1].Writes, id) && s.valueAt(n, id) == "asked" {
				s.told[n] = []event{{kind: evLooks, frame: f, page: -1, cpu: -1, says: fmt.Sprintf("asks the file system, as frame %d is to be written to", f)}}
				return n
			}
		}
	}
	return 0
}

// shared returns the step that took the exclusivity of the claim's page away last, 0 if the claim is about something else.
func (s *story) shared() int {
	if !s.private {
		return 0
	}
	for n := s.v; n > 0; n-- {
		for _, c := range s.r.steps[n-1].Changes {
			if f, ok := s.x.flags[c.Cell]; ok && s.frames[f] && c.OldV&^c.NewV&machine.PGAnonExclusive != 0 && !s.frees(&s.r.steps[n-1], f) {
				return n
			}
		}
	}
	return 0
}

// racer reports whether a step is made by somebody who goes by what it has read.
func (s *story) racer(st *Step) bool {
	if s.holder == st.Actor || s.writes > 0 && s.r.steps[s.writes-1].Actor == st.Actor && s.leafOf(st.N) != nil {
		return true
	}
	for _, r := range s.races {
		if r.Actor == st.Actor && st.N >= r.first {
			return true
		}
	}
	if len(s.races) > 0 {
		return s.ends && s.began > 0 && s.r.steps[s.began-1].Actor == st.Actor && st.N >= s.began
	}
	return s.r.steps[s.decided-1].Actor == st.Actor || s.began > 0 && s.r.steps[s.began-1].Actor == st.Actor
}

// racingCPU reports whether a flush of a CPU's TLB, or its being preempted, has to
// do with a race: not if its task has made sure already.
func (s *story) racingCPU(cpu int) bool {
	for _, r := range s.races {
		if s.r.Model.Actors()[r.Actor].CPU == cpu && !r.confirmed() {
			return true
		}
	}
	return false
}

// flushMatters reports whether a flush has to do with a lost write to a file's page: one that
// was under way while a CPU wrote through its TLB.
func (s *story) flushMatters(st *Step) bool {
	if !s.disk || len(s.races) == 0 {
		return !s.disk
	}
	r := &s.races[0]
	for _, b := range s.beliefs {
		if b.read == r.first && b.from == r.Cell && s.m.Mem.Layout().Class(b.into) == machine.TLBs {
			return st.N < r.Use
		}
	}
	return false
}

func (s *story) matters(st *Step, e *event, from int) bool {
	ours := s.frames[e.frame]
	switch e.kind {
	case evBelieves:
		return ours && (len(s.races) == 0 || s.first(st.N))
	case evUnmaps:
		return ours || s.forced[e.page]
	case evFrees, evTakes, evToZero, evFromZero:
		return ours
	case evMaps:
		return ours || s.pages[e.page] || s.forced[e.page]
	case evMoves:
		return true
	case evUnhooks:
		return s.table && ours || e.page >= 0 && s.pages[e.page]
	case evMirrors:
		return s.secondary && s.pages[e.page] || ours && s.first(st.N)
	case evSlots:
		return s.wasIn(e.cpu)
	case evTakesRef:
		leaf := s.leafOf(st.N)
		return (ours || leaf != nil && s.frames[leaf.entry.Frame()]) && (s.racer(st) || s.isStale(st.N))
	case evDropsRef:
		return ours && s.isStale(st.N)
	case evShares:
		return ours && s.private
	case evWrites:
		return ours && (s.values || s.asked > 0)
	case evSwaps:
		return s.values
	case evPreempts, evResumes, evMarks, evSends, evAcknowledges, evInvalidates:
		return s.racingCPU(e.cpu) && s.flushMatters(st)
	case evReturns:
		return ours && s.racer(st)
	case evDirties:
		return ours && s.disk
	case evCleans:
		return ours && s.clean
	case evUnmakes:
		return s.mapping && (ours || e.frame == 0)
	}
	return false
}

// wasIn reports whether somebody goes by an entry that names a swap slot.
func (s *story) wasIn(slot int) bool {
	for _, b := range s.beliefs {
		if b.entry.IsSwap() && b.entry.Slot() == slot && s.first(b.read) {
			return true
		}
	}
	return false
}

func (s *story) first(n int) bool {
	for _, r := range s.races {
		if r.first == n {
			return true
		}
	}
	return false
}

func (s *story) isStale(n int) bool {
	for _, r := range s.races {
		if r.Stale == n {
			return true
		}
	}
	return false
}

// mention adds a step whatever it does, told by what it does to the subjects or,
// if that is nothing, by its own sentence.
func (s *story) mention(n int) {
	if s.table && n == s.v {
		s.told[n] = []event{{kind: evLoads, cpu: -1, says: "reads an entry of the freed table"}}
	}
	if len(s.told[n]) > 0 {
		return
	}
	st := &s.r.steps[n-1]
	for _, e := range s.events(st) {
		if e.kind != evIRQsOff && (e.frame == 0 || e.kind == evUnmaps || s.frames[e.frame] || e.kind == evBelieves && s.first(n)) {
			s.told[n] = append(s.told[n], e)
		}
	}
	if len(s.told[n]) > 0 {
		return
	}
	for _, r := range s.races {
		if r.Read == n && r.Check {
			s.told[n] = []event{{kind: evLooks, cpu: -1, says: fmt.Sprintf("counts %s references on frame %d", r.Believed, s.x.ref[r.Cell])}}
			return
		}
		if r.Read == n && r.confirmed() {
			s.told[n] = []event{{kind: evBelieves, cpu: -1, says: "sees the " + possessive(r.Name) + " unchanged"}}
			return
		}
	}
	switch f, reads := s.loads(st); {
	case reads:
		s.told[n] = []event{{kind: evLoads, frame: f, cpu: -1, says: fmt.Sprintf("%s from frame %d", thirdPerson(st.Says), f)}}
	case s.mapping && n == s.v && strings.HasPrefix(st.Says, "folio->mapping is NULL"):
		s.told[n] = []event{{kind: evLooks, cpu: -1, says: "reads folio->mapping again"}}
	case st.Says == "unlock the PTL" && s.goesOn(n): // that it may be judged now does not belong to the story
		s.told[n] = []event{{kind: evLooks, cpu: -1}}
	default:
		s.told[n] = []event{{kind: evReturns, cpu: -1, says: thirdPerson(s.namingIt(st))}}
	}
}

// namingIt is a step's own sentence, in which it names the frame that the step changes something of.
func (s *story) namingIt(st *Step) string {
	frames := map[machine.Frame]bool{}
	for _, c := range st.Changes {
		if f, ok := s.folioOf(c.Cell); ok {
			frames[f] = true
		}
	}
	f := onlyFrame(frames)
	if len(frames) != 1 || !s.frames[f] {
		return st.Says
	}
	for _, it := range []string{" it ", " it,", " it:"} {
		if strings.Contains(st.Says, it) {
			return strings.Replace(st.Says, it, fmt.Sprintf(" frame %d%s", f, it[3:]), 1)
		}
	}
	return st.Says
}

// goesOn reports whether a step's actor is told of last before it, in the same call.
func (s *story) goesOn(n int) bool {
	for i := n - 1; i > 0; i-- {
		if len(s.told[i]) > 0 {
			return s.r.steps[i-1].Actor == s.r.steps[n-1].Actor && s.r.steps[i-1].Stmt == s.r.steps[n-1].Stmt
		}
	}
	return false
}

// loads returns the frame whose content a load has read.
func (s *story) loads(st *Step) (machine.Frame, bool) {
	if s.r.callOf(st) != "load" || len(st.Path) != 1 {
		return 0, false
	}
	for _, id := range st.Reads {
		if f, ok := s.x.content[id]; ok {
			return f, true
		}
	}
	return 0, false
}

// entryAt is the entry that a cell holds after a step.
func (s *story) entryAt(n int, id cell.ID) machine.Entry {
	at := s.r.cursor
	s.r.Goto(n)
	defer s.r.Goto(at)
	return machine.Entry(s.m.Mem.Peek(id))
}

// handsOff drops what the host did to a CPU and took back before anything else mattered.
func (s *story) handsOff() {
	ns := s.numbers()
	for i := 0; i+1 < len(ns); i++ {
		if s.only(ns[i], evPreempts) && s.only(ns[i+1], evResumes) {
			delete(s.told, ns[i])
			delete(s.told, ns[i+1])
		}
	}
}

// putBack tells of a PTE that somebody has taken out and put back, nobody having done anything in between, as what it
// has come to: it was write-protected, or made writable.
func (s *story) putBack() {
	ns := s.numbers()
	for i := 0; i+1 < len(ns); i++ {
		for j := range s.told[ns[i]] {
			out := &s.told[ns[i]][j]
			if out.kind != evUnmaps || out.page < 0 || !strings.HasPrefix(out.says, "clears ") {
				continue
			}
			for _, n := range ns[i+1:] {
				if s.r.steps[n-1].Actor != s.r.steps[ns[i]-1].Actor || s.r.steps[n-1].Stmt != s.r.steps[ns[i]-1].Stmt {
					break
				}
				if back := s.mapped(n, out); back != nil {
					could := s.couldWrite(ns[i], out.page)
					switch {
					case strings.HasSuffix(back.says, " read-only") && !could:
						out.says, back.says = "takes the PTE of "+s.page(out.page)+" out and puts it back", ""
					case !strings.HasSuffix(back.says, " inaccessible") && !strings.HasSuffix(back.says, " read-only") && !could:
						out.says, back.says = "", "makes the PTE of "+s.page(out.page)+" writable"
					case strings.HasSuffix(back.says, " read-only"):
						out.says, back.says = "write-protects the PTE of "+s.page(out.page), ""
					case strings.HasSuffix(back.says, " inaccessible"):
						out.says, back.says = "makes the PTE of "+s.page(out.page)+" inaccessible", ""
					}
					break
				}
			}
		}
	}
}

// couldWrite reports whether the PTE that a step takes out was writable.
func (s *story) couldWrite(n int, page machine.PageID) bool {
	return slices.ContainsFunc(s.r.steps[n-1].Changes, func(c Change) bool {
		p, ok := s.x.pte[c.Cell]
		return ok && p == page && machine.Entry(c.OldV).Has(machine.RW)
	})
}

// repeated tells of what somebody does over and over again, as a migration that fails and is tried again, once, with how often.
func (s *story) repeated() {
	ns := s.numbers()
	says := make([]string, len(ns))
	for i, n := range ns {
		says[i] = fmt.Sprint(s.r.steps[n-1].Actor)
		for _, e := range s.told[n] {
			says[i] += "; " + e.says
		}
	}
	for i := 0; i < len(ns); i++ {
		for period := 2; period <= 4; period++ {
			times := 1
			for j := i + times*period; j+period <= len(ns) && slices.Equal(says[i:i+period], says[j:j+period]); j += period {
				times++
			}
			if times < oftenEnough {
				continue
			}
			last := s.told[ns[i+period-1]]
			last[len(last)-1].says += fmt.Sprintf(" (the last %d steps %d times)", period, times)
			for _, n := range ns[i+period : i+times*period] {
				delete(s.told, n)
			}
			i += times*period - 1
			break
		}
	}
}

// oftenEnough is how often something has to be repeated to be told once.
const oftenEnough = 3

// mapped returns what is told of a step that changes a page's PTE again, to the frame that it had.
func (s *story) mapped(n int, out *event) *event {
	for i := range s.told[n] {
		if e := &s.told[n][i]; e.kind == evMaps && e.page == out.page && e.frame == out.frame {
			return e
		}
	}
	return nil
}

func (s *story) only(n int, k eventKind) bool {
	es := s.told[n]
	return len(es) == 1 && es[0].kind == k
}

// numbers returns the steps that are told, in order.
func (s *story) numbers() []int {
	var out []int
	for n := range s.told {
		out = append(out, n)
	}
	sort.Ints(out)
	return out
}
