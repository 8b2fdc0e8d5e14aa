package machine

import (
	"fmt"
	"math/bits"
	"strings"

	"gupscope/core/cell"
)

// A Frame is a physical page frame, and with it the folio that describes it.
// Frame 0 is the shared zero page, which is not counted. Frames for data come
// next, then those for page tables. The struct page of a frame is never freed:
// a stale pointer to it may always be followed.
type Frame uint16

// ZeroPage is the frame that untouched anonymous memory reads as.
const ZeroPage Frame = 0

// States of a frame in the allocator.
const (
	FrameFree   uint64 = iota // on the free list
	FrameData                 // handed out for data
	FrameTable                // handed out as a page table
	FrameLeaked               // refused by the allocator ("Bad page state") and never handed out again
)

// Folio flags, in one word as in the kernel. PG_locked is kept apart, as the
// task that holds it.
const (
	PGReferenced uint64 = 1 << iota
	PGUptodate
	PGDirty
	PGLRU
	PGWriteback
	PGSwapBacked
	PGSwapCache
	PGAnonExclusive
)

var flagNames = []string{"referenced", "uptodate", "dirty", "lru", "writeback", "swapbacked", "swapcache", "anon_exclusive"}

// FlagNames returns the names of the flags that are set, as dump_page() prints them.
func FlagNames(flags uint64) []string {
	var out []string
	for f := flags; f != 0; f &= f - 1 {
		out = append(out, flagNames[bits.TrailingZeros64(f)])
	}
	return out
}

func flagText(_ int, v uint64) string {
	if v == 0 {
		return "none"
	}
	return strings.Join(FlagNames(v), " ")
}

// Folio.mapping: bit 0 marks an anon_vma, here that of an mm's processes.
const mappingAnon = 1

// AnonMapping is folio->mapping of an anonymous folio of the mm.
func AnonMapping(mm int) uint64 { return uint64(mm+1)<<2 | mappingAnon }

// MappingMM returns the mm whose anon_vma a mapping names, or -1.
func MappingMM(mapping uint64) int {
	if mapping&mappingAnon == 0 {
		return -1
	}
	return int(mapping>>2) - 1
}

// FrameCount returns the number of frames, the zero page and tables included.
func (m *Machine) FrameCount() int { return m.nframe }

// IsData reports whether the frame is one for data: in a shared pool it may be
// a page table for a while.
func (m *Machine) IsData(f Frame) bool { return int(f) <= m.Frames }

// Ref is the folio's _refcount.
func (m *Machine) Ref(f Frame) Word { return m.at(m.ref, int(f)) }

// Mapcount is the number of PTEs that map the folio: the kernel's _mapcount plus one.
func (m *Machine) Mapcount(f Frame) Word { return m.at(m.mapcount, int(f)) }

// Flags is the folio's flags word.
func (m *Machine) Flags(f Frame) Word { return m.at(m.flags, int(f)) }

// Mapping is folio->mapping.
func (m *Machine) Mapping(f Frame) Word { return m.at(m.mapping, int(f)) }

// Index is folio->index: the place within the object that mapping names, as a PageID.
func (m *Machine) Index(f Frame) Word { return m.at(m.index, int(f)) }

// FolioSwap is folio->swap: the swap slot plus one, while in the swap cache.
func (m *Machine) FolioSwap(f Frame) Word { return m.at(m.folioSwap, int(f)) }

// Contents is what the frame holds, as an index into Values.
func (m *Machine) Contents(f Frame) Word { return m.at(m.content, int(f)) }

// State is the frame's state in the allocator.
func (m *Machine) State(f Frame) Word { return m.at(m.alloc, int(f)) }

// FolioLock is PG_locked: the task that holds it plus one, or 0.
func (m *Machine) FolioLock(f Frame) Word { return m.at(m.lockedBy, int(f)) }

// Ledger is the number of references that something in the machine holds; see
// the package comment.
func (m *Machine) Ledger(f Frame) Word { return m.at(m.ledger, int(f)) }

// Account adds n holders' references to the frame's ledger. The zero page has none.
func (m *Machine) Account(f Frame, n int) {
	if f != ZeroPage {
		w := m.Ledger(f)
		m.Store(w, m.Peek(w)+uint64(n))
	}
}

// Offers calls f with the frames that an allocation may take: each free frame
// that a stale capture still names, and the lowest one of the others, which
// nothing tells apart. (Any of them may come, not the lowest: what is left out
// is only the same run with frames renamed.)
func (m *Machine) Offers(table bool, f func(Frame)) {
	first, end := m.pool(table)
	m.Mem.Note(first, end)
	stale := m.staleFrames()
	anonymous := false
	for id := m.Mem.Zero(first, end); id < end; id = m.Mem.Zero(id+1, end) {
		i := int(id - m.alloc)
		m.Mem.Seek(m.OfFrame(Frame(i)))
		if stale>>i&1 != 0 {
			f(Frame(i))
		} else if !anonymous {
			anonymous = true
			f(Frame(i))
		} else if stale>>i == 0 && !m.Mem.Recording() {
			break // nothing more to offer
		}
	}
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
		return m.alloc + cell.ID(m.poolBase()), m.alloc + cell.ID(m.nframe)
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
	if m.Load(m.Ref(f)) != 0 || m.Load(m.Mapcount(f)) != 0 {
		m.Store(m.State(f), FrameLeaked)
		m.Raise(AlarmBadPage, uint64(f))
		return false
	}
	if m.pinnedBySomebody(f) {
		m.Raise(AlarmPinnedFreed, uint64(f))
	}
	m.Store(m.State(f), FrameFree)
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

// FrameName is what people call the frame.
func (m *Machine) FrameName(f Frame) string {
	if f == ZeroPage {
		return "the zero page"
	}
	return fmt.Sprintf("frame %d", f)
}
