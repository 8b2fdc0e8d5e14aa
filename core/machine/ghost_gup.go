package machine

import "fmt"

// Ghosts of GUP: what a call in flight has seen mapped, and where the page came from that a variable holds.

// GUPAt is what page k of a task's GUP call in flight is for: PageID plus one,
// gupWrite, gupExcused, gupLazyfree, and the region to which mremap has moved what was mapped there, plus one; 0 outside a call.
func (m *Machine) GUPAt(task, k int) Word { return m.at(m.gupAt, task*m.GUPPages+k) }

// seenRoom is how many frames may be mapped at a page, one after the other, while a GUP call for it lasts.
const seenRoom = 6

// GUPSeen is one of the frames, as a Hold, that were mapped at that page, with the
// permission asked for, at some instant since the call began, and were not freed since. They are in the
// order of their numbers, behind them come zeros; i is less than seenRoom.
func (m *Machine) GUPSeen(task, k, i int) Word {
	return m.at(m.gupSeen, (task*m.GUPPages+k)*seenRoom+i)
}

const (
	gupPage     = 1<<32 - 1
	gupWrite    = 1 << 32
	gupExcused  = 1 << 33 // the owner has given up what was mapped there meanwhile: see GUPAfter
	gupLazyfree = 1 << 34 // the owner has let it be discarded meanwhile: see Lazyfree
	gupMoved    = 35      // from this bit on: where mremap has moved it
)

// GUPAfter is the frame, as a Hold, that was mapped there last since the owner gave up what was there, and was not freed since;
// 0 if there is none. Who gets it has got the new page.
func (m *Machine) GUPAfter(task, k int) Word { return m.at(m.gupAfter, task*m.GUPPages+k) }

// BeginGUP notes that a task's GUP call begins: what page k of it is for.
func (m *Machine) BeginGUP(task, k int, p PageID, write bool) {
	if !m.Track.Seen && !m.Track.Pins {
		return
	}
	m.ofItsMMs(task, p)
	at := uint64(p) + 1
	if write {
		at |= gupWrite
	}
	m.Store(m.GUPAt(task, k), at)
	if !m.Track.Seen {
		return
	}
	if e := m.Mapped(p); e.Present() && (!write || e.Has(RW)) {
		m.see(task, k, e.Frame())
	}
}

// EndGUP notes that a task's GUP call returns the frame as its page k (or, with got false,
// an error), and raises the alarm if the frame was never mapped there
// meanwhile. It returns where what it got is mapped by now (not at the page of the call if mremap has moved it), and whether the owner gave it up during the call, or let it be discarded.
func (m *Machine) EndGUP(task, k int, p PageID, f Frame, got bool) (at PinAt) {
	call := m.Peek(m.GUPAt(task, k))
	at.Excused = call&gupExcused != 0 && m.Peek(m.GUPAfter(task, k)) != uint64(MakeHold(f, 1))
	at.Lazyfree = call&gupLazyfree != 0
	if at.Page = p; call != 0 {
		at.Page = m.gupPlace(call)
	}
	if m.Track.Seen && got && !m.seen(task, k, f) {
		m.Raise(AlarmForeignPage, uint64(task)<<16|uint64(f))
	}
	m.Store(m.GUPAt(task, k), 0)
	m.Store(m.GUPAfter(task, k), 0)
	for i := range seenRoom {
		m.Store(m.GUPSeen(task, k, i), 0)
	}
	return at
}

// gupPlace is where what a GUP call in flight found, or finds, is mapped by now.
func (m *Machine) gupPlace(call uint64) PageID {
	p := PageID(call&gupPage) - 1
	if region := call >> gupMoved; region != 0 {
		return m.Place(p, int(region)-1)
	}
	return p
}

// NeverStored reports whether an entry that a GUP call in flight has read, and that allows what is asked, was never
// the page's since the call began.
func (m *Machine) NeverStored(task int, e Entry) bool {
	k := m.GUPGot(task)
	at := m.Peek(m.GUPAt(task, k))
	return m.Track.Seen && at != 0 && e.Has(Present) && (at&gupWrite == 0 || e.Has(RW)) && !e.IsStale() && !m.seen(task, k, e.Frame())
}

func (m *Machine) seen(task, k int, f Frame) bool {
	for i := range seenRoom {
		if m.Peek(m.GUPSeen(task, k, i)) == uint64(MakeHold(f, 1)) {
			return true
		}
	}
	return false
}

// see puts a frame among those that a task's call has seen where its page k is mapped.
func (m *Machine) see(task, k int, f Frame) {
	h := uint64(MakeHold(f, 1))
	for i := range seenRoom {
		w := m.GUPSeen(task, k, i)
		switch at := m.Load(w); {
		case at == h:
			return
		case at == 0:
			m.Store(w, h)
			return
		case at > h:
			m.Store(w, h)
			h = at
		}
	}
	panic("machine: more frames were mapped at a page during one GUP call than seenRoom")
}

// unsee takes a frame that was freed from what the calls in flight have seen.
func (m *Machine) unsee(f Frame) {
	if !m.Track.Seen && !m.Track.Pins {
		return
	}
	for t := range m.Config.Tasks {
		for k := range m.GUPPages {
			if m.Peek(m.GUPAt(t, k)) != 0 {
				m.unseeIn(t, k, f)
			}
		}
	}
}

func (m *Machine) unseeIn(task, k int, f Frame) {
	if w := m.GUPAfter(task, k); m.Peek(w) == uint64(MakeHold(f, 1)) {
		m.Mem.Amend(w.id, 0)
	}
	n := 0
	for i := range seenRoom {
		h := m.Peek(m.GUPSeen(task, k, i))
		if h == uint64(MakeHold(f, 1)) {
			continue
		}
		m.Mem.Amend(m.GUPSeen(task, k, n).id, h)
		n++
	}
	for ; n < seenRoom; n++ {
		m.Mem.Amend(m.GUPSeen(task, k, n).id, 0)
	}
}

// ofItsMMs panics if a task's ghost is for a page of an mm that it gets no pages of: who changes a page
// looks for ghosts among those alone that do.
func (m *Machine) ofItsMMs(task int, p PageID) {
	if !m.GUPsFrom(task, m.pages[p].MM) {
		panic(fmt.Sprintf("machine: a ghost of task %d is for %s, which is not of its mm", task, m.pages[p].Name))
	}
}

// saw notes for GUP calls in flight that an entry became mapped.
func (m *Machine) saw(p PageID, e Entry) {
	if !m.Track.Seen && !m.Track.Pins {
		return
	}
	m.eachGUP(m.pages[p].MM, func(t, k int, at uint64) {
		if at&gupExcused != 0 && m.gupPlace(at) == p {
			m.Store(m.GUPAfter(t, k), uint64(MakeHold(e.Frame(), 1)))
		}
		if m.Track.Seen && at&gupPage == uint64(p)+1 && (at&gupWrite == 0 || e.Has(RW)) {
			m.see(t, k, e.Frame())
		}
	})
}

// eachGUP calls f with every page that a GUP call in flight is for, of the tasks that get pages of an mm, and its ghost.
func (m *Machine) eachGUP(mm int, f func(task, k int, at uint64)) {
	for t := range m.Config.Tasks {
		if !m.GUPsFrom(t, mm) {
			continue
		}
		for k := range m.GUPPages {
			if at := m.Load(m.GUPAt(t, k)); at != 0 {
				f(t, k, at)
			}
		}
	}
}

// sawHuge is saw for a PMD entry that maps a huge page.
func (m *Machine) sawHuge(first PageID, e Entry) {
	if !m.Track.Seen && !m.Track.Pins {
		return
	}
	m.eachGUP(m.pages[first].MM, func(t, k int, at uint64) {
		if p := m.gupPlace(at); p >= first && p < m.HugeEnd(first) {
			m.saw(p, m.OfHuge(e, p))
		} else if p := PageID(at&gupPage) - 1; p >= first && p < m.HugeEnd(first) {
			m.saw(p, m.OfHuge(e, p))
		}
	})
}

// Where a variable's page was got, as a ghost.
type PinAt struct {
	Page                 PageID
	Write, Pin, Longterm bool
	Excused              bool // the owner has unmapped or discarded the page since
	Undirtied            bool // the device has written and nobody has marked the page dirty yet
	Lazyfree             bool // the owner has let the page be discarded since: see [Machine.Lazyfree]
}

const (
	pinnedPage  = 1<<32 - 1
	pinnedFlags = 32 // from this bit on
	pinnedSome  = 1 << 63
)

// VarAt is the ghost of a variable that holds a page: see PinAt.
func (m *Machine) VarAt(task, i int) Word { return m.at(m.varAt, m.varBase[task]+i) }

// SetPinAt sets the ghost of a variable.
func (m *Machine) SetPinAt(task, i int, p PinAt) {
	if !m.Track.Pins {
		return
	}
	m.ofItsMMs(task, p.Page)
	v := uint64(pinnedSome) | uint64(p.Page)
	for b, on := range []bool{p.Write, p.Pin, p.Longterm, p.Excused, p.Undirtied, p.Lazyfree} {
		if on {
			v |= 1 << (pinnedFlags + b)
		}
	}
	m.Store(m.VarAt(task, i), v)
}

// ClearPinAt clears the ghost of a variable whose page was given back.
func (m *Machine) ClearPinAt(task, i int) { m.Store(m.VarAt(task, i), 0) }

// PinAtOf decodes a variable's ghost; false if it holds no page.
func PinAtOf(v uint64) (PinAt, bool) {
	bit := func(b int) bool { return v>>(pinnedFlags+b)&1 != 0 }
	return PinAt{PageID(v & pinnedPage), bit(0), bit(1), bit(2), bit(3), bit(4), bit(5)}, v != 0
}

// Excuse notes that the owner has given up what was mapped at the page: later
// differences between a pin taken before and the page table are its own doing.
func (m *Machine) Excuse(p PageID) {
	m.ExcusePins(p)
	m.Discarding(p)
}

// ExcusePins is Excuse for pins alone: what the page reads stays promised.
func (m *Machine) ExcusePins(p PageID) {
	if m.Track.Pins {
		m.eachPinAt(p, func(at *PinAt) { at.Excused = true })
		m.excuseGUP(p)
	}
}

// Lazyfree notes that the owner lets what is mapped at the page be discarded (MADV_FREE), if nobody writes to it before: pins that were taken until now are
// excused as soon as it is.
func (m *Machine) Lazyfree(p PageID) {
	m.Discarding(p)
	if m.Track.Pins {
		m.eachPinAt(p, func(at *PinAt) { at.Lazyfree = true })
		m.eachGUP(m.pages[p].MM, func(t, k int, at uint64) {
			if m.gupPlace(at) == p {
				m.Store(m.GUPAt(t, k), at|gupLazyfree)
			}
		})
	}
}

// ExcuseLazyfree notes that what is mapped at the page is discarded: see Lazyfree.
func (m *Machine) ExcuseLazyfree(p PageID) {
	if m.Track.Pins {
		m.eachPinAt(p, func(at *PinAt) { at.Excused = at.Excused || at.Lazyfree })
		m.eachGUP(m.pages[p].MM, func(t, k int, at uint64) {
			if at&gupLazyfree != 0 && m.gupPlace(at) == p {
				m.Store(m.GUPAt(t, k), at|gupExcused)
				m.Store(m.GUPAfter(t, k), 0)
			}
		})
	}
}

// eachPinAt changes the ghosts of the variables that hold what was got at a page, by f.
func (m *Machine) eachPinAt(p PageID, f func(at *PinAt)) {
	m.eachVar(func(t, i int) {
		if !m.GUPsFrom(t, m.pages[p].MM) {
			return
		}
		at, ok := PinAtOf(m.Load(m.VarAt(t, i)))
		if was := at; ok && at.Page == p {
			if f(&at); at != was {
				m.SetPinAt(t, i, at)
			}
		}
	})
}

// excuseGUP notes for the GUP calls in flight that the owner gives up what is mapped at the page.
func (m *Machine) excuseGUP(p PageID) {
	m.eachGUP(m.pages[p].MM, func(t, k int, at uint64) {
		if m.gupPlace(at) == p {
			m.Store(m.GUPAt(t, k), at|gupExcused)
			m.Store(m.GUPAfter(t, k), 0)
		}
	})
}

func (m *Machine) eachVar(f func(task, i int)) {
	for t := range m.Config.Tasks {
		for i := range m.Config.Tasks[t].Vars {
			f(t, i)
		}
	}
}

// EachVar calls f with every variable of every task.
func (m *Machine) EachVar(f func(task, i int)) { m.eachVar(f) }

// pinnedBySomebody reports whether a variable holds the frame through GUP.
func (m *Machine) pinnedBySomebody(f Frame) bool {
	held := false
	m.eachVar(func(t, i int) {
		h := Hold(m.Peek(m.Var(t, i)))
		if uint64(h)&varTag == 0 && h.Some() && h.Frame() == f && !h.IsStale() {
			held = true
		}
	})
	return held
}
