package machine

import (
	"math/bits"
	"slices"

	"gupscope/core/cell"
)

// Which frames and which swap slots are free is kept in bitmaps beside the words
// that say so, 64 to a cell: bit i%64 of word i/64 is set while i is taken.

// Taken is the bitmap's word of the frames from 64*i on.
func (m *Machine) Taken(i int) Word { return m.at(m.taken, i) }

// SlotTaken is the bitmap's word of the swap slots from 64*i on.
func (m *Machine) SlotTaken(i int) Word { return m.at(m.slotTaken, i) }

func bitmapWords(n int) int { return (n + 63) / 64 }

// mark sets or clears bit i of a bitmap.
func (m *Machine) mark(word Word, i int, taken bool) {
	was := m.Peek(word)
	v := was &^ (1 << (i % 64))
	if taken {
		v |= 1 << (i % 64)
	}
	if v != was {
		m.Store(word, v)
	}
}

// firstFree returns the lowest number from lo to hi that is not taken and not
// among skip; false if there is none.
func (m *Machine) firstFree(word func(int) Word, lo, hi int, skip []int) (int, bool) {
	for w := lo / 64; w <= hi/64; w++ {
		free := ^m.Load(word(w))
		for ; free != 0; free &= free - 1 {
			i := w*64 + bits.TrailingZeros64(free)
			if i > hi {
				break
			}
			if i >= lo && !slices.Contains(skip, i) {
				return i, true
			}
		}
	}
	return 0, false
}

// offer calls f, in order, with the free numbers from lo to hi that are in named,
// and with the lowest of the others. Whether a free one is named is sought.
func (m *Machine) offer(word func(int) Word, lo, hi int, named []int, of func(int) cell.Instance, f func(int)) {
	if m.Mem.Recording() {
		for i := lo; i <= hi; i++ {
			if m.Load(word(i/64))>>(i%64)&1 == 0 {
				m.Mem.Seek(of(i))
			}
		}
	}
	var out []int
	for _, i := range named {
		if i >= lo && i <= hi && m.Load(word(i/64))>>(i%64)&1 == 0 {
			out = append(out, i)
		}
	}
	if i, ok := m.firstFree(word, lo, hi, named); ok {
		out = append(out, i)
	}
	slices.Sort(out)
	for _, i := range out {
		f(i)
	}
}

// SetState sets a frame's state in the allocator.
func (m *Machine) SetState(f Frame, state uint64) {
	m.Store(m.State(f), state)
	m.mark(m.Taken(int(f)/64), int(f), state != FrameFree)
}

// Offers calls f with the frames that an allocation may take: each free frame
// that a stale capture still names, and the lowest one of the others, which
// nothing tells apart. (Any of them may come, not the lowest: what is left out
// is only the same run with frames renamed.)
func (m *Machine) Offers(table bool, f func(Frame)) {
	lo, hi := 1, m.Frames
	if table && !m.Shared {
		lo, hi = m.poolBase(), m.nframe-1
	}
	m.offer(m.Taken, lo, hi, m.staleFrames(), func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, func(i int) { f(Frame(i)) })
}

// OffersSlots calls f with the swap slots that may be taken: each free one that
// a captured swap entry still names, and the lowest one of the others.
func (m *Machine) OffersSlots(f func(slot int)) {
	if m.Slots > 0 {
		m.offer(m.SlotTaken, 0, m.Slots-1, m.capturedSlots(), m.OfSlot, f)
	}
}

// Allocate hands a frame out: refcount 1, content zeroed. The caller holds the reference.
func (m *Machine) Allocate(f Frame, state uint64) {
	m.SetState(f, state)
	m.Store(m.Ref(f), 1)
	m.Store(m.Contents(f), 0)
}

// Free gives a frame back to the allocator and marks every capture of it stale.
// A frame whose count is not zero is refused: the allocator reports a bad page
// and never hands it out again. It reports whether the frame became free.
// Compare mm/page_alloc.c:free_pages_prepare.
func (m *Machine) Free(f Frame) bool {
	if m.Load(m.Ref(f)) != 0 || m.Load(m.Mapcount(f)) != 0 {
		m.SetState(f, FrameLeaked)
		m.Raise(AlarmBadPage, uint64(f))
		return false
	}
	if m.Track.Alarms>>AlarmPinnedFreed&1 != 0 && m.pinnedBySomebody(f) {
		m.Raise(AlarmPinnedFreed, uint64(f))
	}
	m.SetState(f, FrameFree)
	for _, w := range []Word{m.Flags(f), m.Mapping(f), m.Index(f), m.FolioSwap(f), m.Contents(f)} {
		m.Store(w, 0)
	}
	if m.IsPTETable(f) && m.Load(m.TableOf(f)) != 0 {
		for i := range m.width {
			m.SetEntry(f, i, 0)
		}
		m.Store(m.TableOf(f), 0)
	}
	m.markStale(f)
	return true
}
