package trace

import (
	"fmt"
	"slices"
	"sort"
	"strings"

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
	s.interruptsOff()
	s.handsOff()
	s.putBack()
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

// lastAsked returns the step in which the file system was asked last before the claim's page was written to, 0 if the claim is about something else.
func (s *story) lastAsked() int {
	if !s.prepared {
		return 0
	}
	for n := s.v; n > 0; n-- {
		for f := range s.frames {
			if id := s.m.Notice(f).Cell(); slices.Contains(s.r.steps[n-1].Writes, id) && s.valueAt(n, id) == "asked" {
				s.told[n] = []event{{kind: evLooks, frame: f, page: -1, cpu: -1, says: fmt.Sprintf("asks the file system, for frame %d is to be written to", f)}}
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
	for _, r := range s.races {
		if r.Actor == st.Actor && st.N >= r.first {
			return true
		}
	}
	if len(s.races) > 0 {
		return false
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
		return ours && (s.racer(st) || s.isStale(st.N))
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

// lookBefore adds the look at the count that somebody took before taking a page's
// exclusivity away: it saw no pin.
func (s *story) lookBefore() {
	for n, events := range s.told {
		for _, e := range events {
			if e.kind != evShares {
				continue
			}
			ref := s.m.Ref(e.frame).Cell()
			for i := n - 2; i >= 0; i-- {
				st := &s.r.steps[i]
				if st.Actor == s.r.steps[n-1].Actor && reads(st, ref) && strings.Contains(st.Says, "pinned") {
					s.told[st.N] = []event{{kind: evLooks, frame: e.frame, page: -1, cpu: -1, says: "finds no pin (the count is " + s.valueAt(st.N, ref) + ")"}}
					break
				}
			}
		}
	}
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
		if e.kind != evIRQsOff && (e.frame == 0 || s.frames[e.frame]) {
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
	default:
		s.told[n] = []event{{kind: evReturns, cpu: -1, says: thirdPerson(st.Says)}}
	}
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

// interruptsOff adds the step that kept flushes out, where any was tried.
func (s *story) interruptsOff() {
	tried := false
	for _, events := range s.told {
		for _, e := range events {
			tried = tried || e.kind == evSends || e.kind == evMarks || e.kind == evInvalidates
		}
	}
	if !tried || len(s.races) == 0 {
		return
	}
	cpu := s.r.Model.Actors()[s.races[len(s.races)-1].Actor].CPU
	off := 0
	for i := range s.r.steps[:s.races[len(s.races)-1].Read] {
		for _, c := range s.r.steps[i].Changes {
			if at, ok := s.x.irq[c.Cell]; ok && c.Class == machine.IRQs && at == cpu {
				off = 0
				if c.NewV != 0 {
					off = s.r.steps[i].N
				}
			}
		}
	}
	if off != 0 {
		s.told[off] = []event{{kind: evIRQsOff, cpu: cpu, says: "disables interrupts"}}
	}
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
// has come to: it was write-protected, or nothing.
func (s *story) putBack() {
	ns := s.numbers()
	for i := 0; i+1 < len(ns); i++ {
		for j := range s.told[ns[i]] {
			out := &s.told[ns[i]][j]
			if out.kind != evUnmaps || out.page < 0 || !strings.HasPrefix(out.says, "clears ") {
				continue
			}
			for _, n := range ns[i+1:] {
				if s.r.steps[n-1].Actor != s.r.steps[ns[i]-1].Actor {
					break
				}
				if back := s.mapped(n, out); back != nil {
					if strings.HasSuffix(back.says, " read-only") {
						out.says, back.says = "write-protects the PTE of "+s.page(out.page), ""
					}
					break
				}
			}
		}
	}
}

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
