package gupbench

import (
	"gupscope/core/cell"
	"gupscope/core/check"
)

// What the steps of a model depend on, for reduced searches. Objects are single
// variables, those of a frame three in a row; all are in the first word of a set.
const (
	refOf = 1 << iota // and the three that follow it, by frame
	mapOf
	allocOf    // alloc and owner
	wholeFrame = refOf | mapOf | allocOf

	objects    = 64
	perFrame   = 3
	ptes       = 40 // by page
	irqoffs    = 48 // by walker
	thePMD     = 1 << 62
	tableFreed = 1 << 63
)

// Actors are the tasks.
func (m *Model) Actors() int { return m.tasks }

// A dependence is what was last asked about a task, and in which state.
type dependence struct {
	next, rest check.Access
	at         uint64
	known      bool
}

// Next is what a task's next step accesses.
func (m *Model) Next(task int) *check.Access {
	a := &m.depends[task].next
	a.Clear()
	m.next(task, a)
	return a
}

// Against are the tasks whose rest is in conflict with a task's next step.
func (m *Model) Against(task int) (set uint64) {
	next := m.Next(task)
	for other := range m.tasks {
		if other != task && next.Conflicts(m.restOf(other)) {
			set |= 1 << other
		}
	}
	return set
}

// restOf is Rest, computed once in a state.
func (m *Model) restOf(task int) *check.Access {
	d := &m.depends[task]
	if h := m.mem.Hash(); !d.known || d.at != h {
		d.known, d.at = true, h
		d.rest.Clear()
		m.Rest(task, &d.rest)
	}
	return &d.rest
}

// Fingerprint leaves out what is written to frames, because nobody reads it. Spin does so, too, where it may.
func (m *Model) Fingerprint() uint64 {
	h := m.mem.Hash()
	for f := range cell.ID(m.NF) {
		h ^= cell.Mix(m.data+f, m.mem.Peek(m.data+f))
	}
	return h
}

// Changed need not know anything: what is asked is computed afresh.
func (m *Model) Changed(cell.ID, uint64, uint64) {}

func (m *Model) next(task int, a *check.Access) {
	r, w := &a.Reads[0], &a.Writes[0]
	pc := m.get(m.pc, task)
	f := perFrame * max(0, m.inHand(task, pc))
	switch pc {
	case G0, G7, G8:
		*w = 1 << (irqoffs + task)
	case G1, G4:
		*r = thePMD
	case G2, G4b:
		*r = tableFreed | m.entry(m.page(task))
	case G3, G5, G10, R3, A5:
		*w = refOf << f
	case G6, G11, R4, A6:
		*r, *w = mapOf<<f, allocOf<<f
	case G9b:
		*r = allocOf << f
	case R0:
		*w = m.entry(m.page(task))
	case R1, T1:
		if m.IPI {
			*r = 1 << (irqoffs + m.get(m.c, task))
		}
	case R2, A4:
		*w = mapOf << f
	case A0:
		*r, *w = m.pages(task), m.unused()&(allocOf*everyFrame)
		*r |= allocOf * everyFrame
	case A1:
		*w = (refOf | mapOf) << f
	case A2, A3:
		*w = m.entry(m.get(m.c, task))
	case T0, T4:
		*w = thePMD
	case T2, T3:
		*w = tableFreed
	}
}

// everyFrame has the first object of every frame.
const everyFrame = (1<<(ptes/perFrame*perFrame) - 1) / wholeFrame

// entry is the object of a page's entry.
func (m *Model) entry(page int) uint64 { return 1 << (ptes + page) }

// pages are the entries that an allocator may touch.
func (m *Model) pages(task int) uint64 {
	own := m.entry(m.NP + task - m.NG - m.NR)
	if m.Loop {
		own |= (1<<m.NP - 1) << ptes
	}
	return own
}

// unused is all there is of the free frames.
func (m *Model) unused() (o uint64) {
	for f := range m.NF {
		if m.get(m.alloc, f) == 0 {
			o |= wholeFrame << (perFrame * f)
		}
	}
	return o
}

// reachable is all there is of the frame that a page is mapped to.
func (m *Model) reachable(page int) uint64 {
	if pte := m.get(m.pte, page); pte&1 != 0 {
		return wholeFrame << (perFrame * (pte >> 2))
	}
	return 0
}

// inHand is the frame that a task has in hand; none is -1.
func (m *Model) inHand(task, pc int) int {
	switch pc {
	case G0, G1, G2, G8, GE, R0, RE, A0, AE, T0, T1, T2, T3, T4, TE:
		return -1
	}
	if pc >= A0 {
		return m.get(m.lpte, task)
	}
	return m.get(m.lpte, task) >> 2
}

// Rest is what a task may still access. Of a frame it may access everything, if
// it has it in hand, or can come by it by itself: a walker and a reclaimer from
// the page-table entry, an allocator where it is free. Every other way to a
// frame leads through a task that has it in hand, whose rest it is in.
func (m *Model) Rest(task int, a *check.Access) {
	r, w := &a.Reads[0], &a.Writes[0]
	pc := m.get(m.pc, task)
	if f := m.inHand(task, pc); f >= 0 {
		*w = wholeFrame << (perFrame * f)
	}
	switch {
	case pc == GE || pc == RE || pc == AE || pc == TE:
	case pc < R0:
		m.restOfWalk(r, w, task, pc)
	case pc < A0:
		m.restOfReclaim(r, w, task, pc)
	case pc < T0:
		if pc <= A3 || m.Loop {
			*w |= m.pages(task)
		}
		if pc == A0 || m.Loop {
			*r |= allocOf * everyFrame
			*w |= m.unused()
		}
	default:
		*r, *w = m.walkers(), thePMD|tableFreed
	}
}

func (m *Model) restOfWalk(r, w *uint64, task, pc int) {
	if pc <= G7 || pc == G8 || m.Loop {
		*w |= 1 << (irqoffs + task)
	}
	if pc <= G4b || m.Loop {
		*r |= thePMD | tableFreed | m.entry(m.page(task))
	}
	if pc <= G2 || m.Loop {
		*w |= m.reachable(m.page(task))
	}
}

// restOfReclaim relies on it that an entry once cleared stays so where tasks do
// not loop: allocators have pages of their own there.
func (m *Model) restOfReclaim(r, w *uint64, task, pc int) {
	page := m.page(task)
	switch f := m.reachable(page); {
	case m.Loop || pc == R0 && f != 0:
		*w |= m.entry(page) | f
		*r |= m.walkers()
	case pc == R0:
		*r |= m.entry(page)
	case pc == R1:
		*r |= m.walkers()
	}
}

// walkers are the interrupt flags that a shootdown looks at.
func (m *Model) walkers() uint64 { return (1<<m.NG - 1) << irqoffs }
