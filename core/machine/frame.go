package machine

import (
	"fmt"
	"math/bits"
	"strings"
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
	FrameFree     uint64 = iota // on the free list
	FrameData                   // handed out for data
	FrameTable                  // handed out as a page table
	FrameLeaked                 // refused by the allocator ("Bad page state") and never handed out again
	FrameHole                   // there is no memory at this address
	FramePoisoned               // given back although its memory has failed, and never handed out again
	FrameDevice                 // memory of a device, without struct page; see pfn.go
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
	PGDoubleMap  // until 6.1: the large folio is, or was, mapped by a PMD and by PTEs at once
	PGMigratable // a huge page of hugetlb that is in use and may be isolated: HPG_migratable
	PGHWPoison   // its memory has failed; of a large folio, the page's own word has it
	PGActive     // until 5.8, where somebody calls MADV_COLD: it is on the active list; see lru.go
	PGReclaim    // reclaim has met this page of a file dirty, and left it to the flusher; where that makes a difference
)

var flagNames = []string{"referenced", "uptodate", "dirty", "lru", "writeback", "swapbacked", "swapcache", "anon_exclusive", "double_map", "migratable", "hwpoison", "active", "reclaim"}

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

// FrameCount returns the number of frames, the zero page and tables included.
func (m *Machine) FrameCount() int { return m.nframe }

// IsData reports whether the frame is one for data: in a shared pool it may be
// a page table for a while.
func (m *Machine) IsData(f Frame) bool { return int(f) < m.pfnBase }

// Ref is the folio's _refcount.
func (m *Machine) Ref(f Frame) Word { return m.at(m.ref, int(f)) }

// Mapcount is the number of PTEs that map the folio: the kernel's _mapcount plus one.
func (m *Machine) Mapcount(f Frame) Word { return m.at(m.mapcount, int(f)) }

// Flags is the folio's flags word.
func (m *Machine) Flags(f Frame) Word { return m.at(m.flags, int(f)) }

// Mapping is folio->mapping.
func (m *Machine) Mapping(f Frame) Word { return m.at(m.mapping, int(f)) }

// Index is folio->index: the page's number within the region or the file that mapping names.
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

// Account adds n holders' references to the ledger of the page's folio. The zero page has none.
func (m *Machine) Account(f Frame, n int) {
	if f != ZeroPage {
		w := m.Ledger(m.Head(f))
		m.Store(w, m.Peek(w)+uint64(n))
	}
}

// FrameName is what people call the frame.
func (m *Machine) FrameName(f Frame) string {
	if f == ZeroPage && !m.Halves {
		return "the zero page"
	}
	if m.IsHugeZero(f) {
		return "the huge zero page"
	}
	if m.IsPFN(f) {
		return fmt.Sprintf("pfn %d", f)
	}
	return fmt.Sprintf("frame %d", f)
}
