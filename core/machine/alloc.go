package machine

import (
	"slices"

	"gupscope/core/cell"
)

// offer calls f with what may be taken of the cells from first on, before end,
// that are zero: each that is in named, counted from base, and the first of the
// others. Whether a free one is named is sought.
func (m *Machine) offer(first, end, base cell.ID, named []int, of func(int) cell.Instance, f func(int)) {
	m.Mem.Note(first, end)
	left, anonymous := len(named), false
	for id := m.Mem.Zero(first, end); id < end; id = m.Mem.Zero(id+1, end) {
		i := int(id - base)
		m.Mem.Seek(of(i))
		switch {
		case slices.Contains(named, i):
			left--
			f(i)
		case !anonymous:
			anonymous = true
			f(i)
		case left <= 0 && !m.Mem.Recording():
			return // nothing more to offer
		}
	}
}

// Offers calls f with the frames that an allocation may take: each free frame
// that a stale capture still names, and the lowest one of the others, which
// nothing tells apart. (Any of them may come, not the lowest: what is left out
// is only the same run with frames renamed.)
func (m *Machine) Offers(table bool, f func(Frame)) {
	if m.LargeFolios && (!table || m.Shared) {
		m.offerSmall(m.staleFrames(), f)
		return
	}
	first, end := m.pool(table)
	m.offer(first, end, m.alloc, m.staleFrames(), func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, func(i int) { f(Frame(i)) })
}

// OffersSlots calls f with the swap slots that may be taken: each free one that
// a captured swap entry still names, and the lowest one of the others.
func (m *Machine) OffersSlots(f func(slot int)) {
	m.offer(m.swapMap, m.swapMap+cell.ID(m.Slots), m.swapMap, m.capturedSlots(), m.OfSlot, f)
}

// Available reports whether an allocation may take any frame now.
func (m *Machine) Available(table bool) bool {
	first, end := m.pool(table)
	m.Mem.Note(first, end)
	return m.Mem.Zero(first, end) < end
}

// pool is where an allocation looks: the states of its frames. A free one's is zero.
func (m *Machine) pool(table bool) (first, end cell.ID) {
	if table && !m.Shared {
		return m.alloc + cell.ID(m.poolBase), m.alloc + cell.ID(m.pmdTableBase)
	}
	return m.alloc + 1, m.alloc + 1 + cell.ID(m.Frames)
}

// Allocate hands a frame out: refcount 1, content zeroed. The caller holds the reference.
func (m *Machine) Allocate(f Frame, state uint64) {
	m.Store(m.State(f), state)
	m.Store(m.Ref(f), 1)
	m.Store(m.Contents(f), 0)
}

// Free gives a frame back to the allocator and marks every capture of it stale.
// A frame whose count is not zero is refused: the allocator reports a bad page
// and never hands it out again. It reports whether the frame became free.
// Compare mm/page_alloc.c:free_pages_prepare.
func (m *Machine) Free(f Frame) bool {
	if f == ZeroPage { // only behind a broken promise: with halves of entries it stands for any page
		m.Raise(AlarmBadPage, uint64(f))
		return false
	}
	if m.IsHugetlb(f) {
		return m.freeHugetlb(f)
	}
	if m.IsLarge(f) {
		return m.freeLarge(f)
	}
	if m.Load(m.Ref(f)) != 0 || m.Load(m.Mapcount(f)) != 0 {
		m.Store(m.State(f), FrameLeaked)
		m.Raise(AlarmBadPage, uint64(f))
		return false
	}
	if m.Track.Alarms>>AlarmPinnedFreed&1 != 0 && m.pinnedBySomebody(f) {
		m.Raise(AlarmPinnedFreed, uint64(f))
	}
	m.release(f)
	for _, w := range []Word{m.Mapping(f), m.Index(f), m.FolioSwap(f), m.Contents(f)} {
		m.Store(w, 0)
	}
	if (m.IsPTETable(f) || m.IsSharedPMDTable(f)) && m.Load(m.TableOf(f)) != 0 {
		for i := range m.width {
			if m.IsPTETable(f) || m.Peek(m.Entry(f, i)) != 0 { // a PMD table goes when it is empty
				m.SetEntry(f, i, 0)
			}
		}
		m.Store(m.TableOf(f), 0)
	}
	for i := range m.upperEntries(f) {
		if m.Peek(m.Entry(f, i)) != 0 { // who has put it there did not know that the table goes
			m.SetEntry(f, i, 0)
		}
	}
	m.markStale(f, 1)
	return true
}

// upperEntries is how many entries a frame has as a table above the PTE tables; 0 if it is none.
func (m *Machine) upperEntries(f Frame) int {
	if m.isUpper(f) {
		return m.upperWidth
	}
	return 0
}
