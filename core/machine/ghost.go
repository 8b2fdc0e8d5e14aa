package machine

import "fmt"

// An Alarm is a ghost that a step raises where a claim about a step, rather
// than about a state, is broken.
type Alarm uint8

const (
	AlarmFreedTable      Alarm = iota // a walker read an entry of a table that was freed
	AlarmStaleTLB                     // an access went through a TLB entry of a frame that was freed
	AlarmPinnedFreed                  // a frame was freed that somebody holds through GUP
	AlarmBadPage                      // a frame was freed although its count was not zero
	AlarmRefOnZero                    // a reference was added to a count of zero
	AlarmRefUnderflow                 // a reference was dropped that nobody held
	AlarmForeignPage                  // GUP returned a page that was not mapped there during the call
	AlarmUnpinShared                  // a pin of an anonymous page was given back that was not exclusive any more
	AlarmLostStore                    // memory reads other than what a CPU last stored there
	AlarmLostDMA                      // memory reads other than what a device last wrote there
	AlarmUnnoticedStore               // a page of a file was stored to and its file system had not been asked
	AlarmUnexpectedDirty              // a page of a file was marked dirty and its file system had not been asked
	AlarmUnstable                     // a page was stored to while its device read it
	AlarmNoBuffers                    // writeback met a dirty page without buffers
	AlarmNullMapping                  // GUP followed folio->mapping after truncation had set it to NULL
	AlarmFreedMapping                 // GUP followed folio->mapping to an inode that was freed
	AlarmTornEntry                    // GUP-fast read halves of two page-table entries
	AlarmUnshareWritable              // unsharing a page made its PTE writable
	AlarmPinnedSplit                  // a large folio was split although pins of it were counted
	AlarmUnequalMerged                // KSM put its page in the place of one that holds something else
	AlarmDeviceTooLate                // a device stored to a page that was given back, and freed
	AlarmStaleSecondary               // a guest's access used a translation whose frame was freed
	AlarmThrottledInode               // a throttled writer went by the mapping of an inode that was freed
	AlarmMissedStore                  // a page was stored to after it was copied, and the copy took its place
	Alarms
)

// Alarm is the ghost of an alarm: 0, or what raised it plus one.
func (m *Machine) Alarm(a Alarm) Word { return m.at(m.alarm, int(a)) }

// Raise raises an alarm; what names the frame, page or task concerned.
func (m *Machine) Raise(a Alarm, what uint64) {
	if w := m.Alarm(a); m.Track.Alarms>>a&1 != 0 && m.Peek(w) == 0 {
		m.Store(w, what+1)
	}
}

// GUPAt is what page k of a task's GUP call in flight is for: PageID plus one,
// gupWrite, gupExcused, and the region to which mremap has moved what was mapped there, plus one; 0 outside a call.
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
	gupPage    = 1<<32 - 1
	gupWrite   = 1 << 32
	gupExcused = 1 << 33 // the owner has given up what was mapped there meanwhile: see GUPAfter
	gupMoved   = 34      // from this bit on: where mremap has moved it
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
// meanwhile. It returns the page at which what it got is mapped by now: not that of the call if mremap has moved it; and whether the owner gave it up during the call.
func (m *Machine) EndGUP(task, k int, p PageID, f Frame, got bool) (at PageID, excused bool) {
	call := m.Peek(m.GUPAt(task, k))
	excused = call&gupExcused != 0 && m.Peek(m.GUPAfter(task, k)) != uint64(MakeHold(f, 1))
	if call != 0 {
		p = m.gupPlace(call)
	}
	if m.Track.Seen && got && !m.seen(task, k, f) {
		m.Raise(AlarmForeignPage, uint64(task)<<16|uint64(f))
	}
	m.Store(m.GUPAt(task, k), 0)
	m.Store(m.GUPAfter(task, k), 0)
	for i := range seenRoom {
		m.Store(m.GUPSeen(task, k, i), 0)
	}
	return p, excused
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
	for b, on := range []bool{p.Write, p.Pin, p.Longterm, p.Excused, p.Undirtied} {
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
	return PinAt{PageID(v & pinnedPage), bit(0), bit(1), bit(2), bit(3), bit(4)}, v != 0
}

// Excuse notes that the owner has given up what was mapped at the page: later
// differences between a pin taken before and the page table are its own doing.
func (m *Machine) Excuse(p PageID) {
	m.ExcusePins(p)
	m.Discarding(p)
}

// ExcusePins is Excuse for pins alone: what the page reads stays promised.
func (m *Machine) ExcusePins(p PageID) {
	mm := m.pages[p].MM
	if m.Track.Pins {
		m.eachVar(func(t, i int) {
			if !m.GUPsFrom(t, mm) {
				return
			}
			if at, ok := PinAtOf(m.Load(m.VarAt(t, i))); ok && at.Page == p && !at.Excused {
				at.Excused = true
				m.SetPinAt(t, i, at)
			}
		})
		m.excuseGUP(p)
	}
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

// Discarding notes that the owner is giving up what the page reads. What is in a file stays there.
func (m *Machine) Discarding(p PageID) {
	if m.Track.Values && m.Region(p).Kind != RegionFileShared {
		m.Store(m.Should(p), discarding)
	}
}

// Discarded notes that the page has been discarded on every CPU: what is stored
// from now on is promised again.
func (m *Machine) Discarded(p PageID) {
	if m.Load(m.Should(p)) == discarding {
		m.Forget(p)
	}
}

// discarding is what a page should read while its owner discards it: a store
// may hit the old page or the new one.
const discarding = 1 << 32

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

// Should is what memory should read at a page: a content plus one, and byDevice
// if a device wrote it; or 0 where nothing is promised.
func (m *Machine) Should(p PageID) Word {
	if o, ok := m.Backing(p); ok && m.Region(p).Kind == RegionFileShared {
		return m.FileShould(o) // whoever maps it, or reads the file, finds the same
	}
	return m.at(m.value, int(m.HomePage(p))) // mremap takes the promise along
}

const byDevice = 1 << 33

// Wrote notes that the process has written to the page.
func (m *Machine) Wrote(p PageID, content uint64) { m.wrote(p, content+1) }

// DeviceWrote notes that a device has written to the page through GUP.
func (m *Machine) DeviceWrote(p PageID, content uint64) { m.wrote(p, content+1|byDevice) }

// Inherited notes that a page of a child being forked reads what its parent's does.
func (m *Machine) Inherited(parent, child PageID) {
	if v := m.Load(m.Should(parent)); m.Track.Values && v != discarding && m.promised(parent) {
		m.Store(m.Should(child), v)
	}
}

// Forking is the child that an mm is being forked to, plus one; 0 while it is not. In the bits above, how often it
// was forked, if Track.Stores.
func (m *Machine) Forking(mm int) Word { return m.at(m.forking, mm) }

// mmBits is how many bits of a ghost name an mm; behind them is how often it was forked.
const mmBits = 8

// SetForking notes that the mm is being forked to the child (-1: no more).
func (m *Machine) SetForking(mm, child int) {
	if !m.Track.Values && !m.Track.Stores {
		return
	}
	forks := m.Load(m.Forking(mm)) >> mmBits
	if m.Track.Stores && child < 0 {
		forks++
	}
	m.Store(m.Forking(mm), forks<<mmBits|uint64(child+1))
}

// forkingTo is the child that the mm is being forked to, plus one; 0 while it is not.
func (m *Machine) forkingTo(mm int) uint64 { return m.Load(m.Forking(mm)) & (1<<mmBits - 1) }

func (m *Machine) wrote(p PageID, v uint64) {
	if !m.Track.Values || !m.promised(p) {
		return
	}
	// A fork under way may copy what was there before or after.
	if child := m.forkingTo(m.pages[p].MM); child != 0 {
		m.Forget(m.Twin(p, int(child-1)))
	}
	if m.Track.Values && m.Load(m.Should(p)) != discarding {
		m.Store(m.Should(p), v)
	}
}

// Forget notes that nothing is promised about what the page reads any more.
func (m *Machine) Forget(p PageID) {
	if m.Track.Values {
		m.Store(m.Should(p), 0)
	}
}

// Storer is the mm whose thread stored last to the frame through private memory of its own, plus one, and how often that was
// forked until then; 0 if nobody has since the frame was allocated. It is there if Track.Stores.
func (m *Machine) Storer(f Frame) Word { return m.at(m.storer, int(f)) }

// StoredSinceFork returns the mm whose thread stored last to the frame, and has not been forked since; false if there is none.
func (m *Machine) StoredSinceFork(f Frame, load func(Word) uint64) (mm int, ok bool) {
	v := load(m.Storer(f))
	if v == 0 {
		return 0, false
	}
	mm = int(v&(1<<mmBits-1)) - 1
	return mm, v>>mmBits == load(m.Forking(mm))>>mmBits
}

// Stored notes that a thread has stored to the frame. What it stores while it is being forked, its child may see.
func (m *Machine) Stored(p PageID, f Frame) {
	if kind := m.Region(p).Kind; m.Track.Stores && kind != RegionFileShared && kind != RegionHugetlb && kind != RegionPFN && m.forkingTo(m.pages[p].MM) == 0 {
		m.Store(m.Storer(f), uint64(m.pages[p].MM)+1|m.Load(m.Forking(m.pages[p].MM)))
	}
}

// Read notes that the process has read the page, and raises the alarm if it got
// something else than what was last written.
func (m *Machine) Read(p PageID, content uint64) {
	if !m.Track.Values {
		return
	}
	if lost, device := m.Lost(p, content); lost && device {
		m.Raise(AlarmLostDMA, uint64(p))
	} else if lost {
		m.Raise(AlarmLostStore, uint64(p))
	}
}

// Lost reports whether a content is not what the page should read, and whether a
// device wrote what is lost.
func (m *Machine) Lost(p PageID, content uint64) (lost, device bool) {
	v := m.Load(m.Should(p))
	if v == 0 || v == discarding {
		return false, false
	}
	return v&^byDevice != content+1, v&byDevice != 0
}

// ShouldText is what the page should read, in words.
func (m *Machine) ShouldText(p PageID) string {
	v := m.Peek(m.Should(p))
	if v == 0 || v == discarding {
		return "anything"
	}
	return m.Content(v&^byDevice - 1)
}

// Resolve returns what the page's process would find there now: the frame mapped by its PTE
// or held by the swap cache for its swap entry, or by the page cache for a page of a file (ok), or the slot on
// disk (slot >= 0), or neither; neither, too, where its memory has failed.
func (m *Machine) Resolve(p PageID) (f Frame, slot int, ok bool) {
	if e := Entry(m.Load(m.PMD(p))); e.Has(PSE) {
		return m.OfHuge(e, p).Frame(), -1, true
	} else if e.IsMigration() {
		_, head, _, _ := e.Migration()
		return head + Frame(m.Slot(p, LevelPTE)), -1, true
	}
	t, found := m.Find(p, LevelPTE)
	if !found {
		return m.resolveFile(p)
	}
	e := Entry(m.Mem.Load(m.Entry(t, m.Slot(p, LevelPTE)).id))
	switch {
	case e.Present():
		return e.Frame(), -1, true
	case e.IsSwap():
		if h := Hold(m.Load(m.SwapCache(e.Slot()))); h.Some() {
			return h.Frame(), e.Slot(), true
		}
		return 0, e.Slot(), false
	case e.IsMigration():
		_, f, _, _ := e.Migration()
		return f, -1, true
	case e.IsPoison():
		return 0, -1, false
	}
	return m.resolveFile(p)
}

func (m *Machine) alarmText(_ int, v uint64) string {
	if v == 0 {
		return "no"
	}
	return fmt.Sprintf("raised by %d", v-1)
}
