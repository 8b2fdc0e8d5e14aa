package machine

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
)

// Large folios. A block of HugePages frames that begins on a multiple of
// HugePages can be one folio: its first frame is the head, the others are tails.
// What belongs to the folio lives at the head: the reference count, flags, mapping, index, the
// folio's lock; and the three words that only large folios have. Each page keeps its content,
// the number of PTEs that map it, and PG_anon_exclusive.
//
//	frame 4  head   refcount 1, entire mapcount 1, pincount 0; content "a"
//	frame 5  tail   compound_head: 4                           content "b"
//
// A machine without regions that huge pages fit into has none of these words
// (Config.LargeFolios), and Head asks nothing there. Folios of hugetlb are large, too, but stay together for good: see hugetlb.go.

// Compound is a page's place in a large folio: the head plus one (the head's
// own word names itself), or 0 for a small folio. (The kernel has it in two
// words: PG_head of the head, compound_head of a tail.)
func (m *Machine) Compound(f Frame) Word { return m.at(m.compound, int(f)) }

// EntireMapcount is how many PMD entries map the large folio: _entire_mapcount plus one
// (compound_mapcount until 6.1).
func (m *Machine) EntireMapcount(head Frame) Word { return m.at(m.entire, m.folioNumber(head)) }

// LargeMapcount is how many PMD and PTE entries map pages of the large folio:
// _large_mapcount plus one. (Before 6.10 total_mapcount() adds this up.)
func (m *Machine) LargeMapcount(head Frame) Word { return m.at(m.large, m.folioNumber(head)) }

// PagesMapped is how many pages of the large folio PTEs map: _nr_pages_mapped without
// what it says of PMDs. (Until 6.1 the pages were gone through.)
func (m *Machine) PagesMapped(head Frame) Word { return m.at(m.pagesMapped, m.folioNumber(head)) }

// Deferred is 1 while the large folio waits to be split: part of it is not mapped any
// more. Compare mm/huge_memory.c:deferred_split_folio.
func (m *Machine) Deferred(head Frame) Word { return m.at(m.deferred, m.folioNumber(head)) }

// EachDeferred calls f with the head of every folio that waits to be split, for who looks at all.
func (m *Machine) EachDeferred(f func(head Frame)) {
	end := m.deferred + cell.ID(m.blocks())
	m.Mem.Note(m.deferred, end)
	for b := range m.blocks() { // a block that is free may be taken, and be queued
		if head := Frame(b * m.HugePages); m.Glance(m.State(head)) == FrameFree {
			m.Seek(head)
		}
	}
	m.nonzero(m.deferred, end, func(w Word) { f(Frame(int(w.id-m.deferred) * m.HugePages)) })
}

// Pincount is how many pins a large folio has. Each has one reference, too.
func (m *Machine) Pincount(head Frame) Word { return m.at(m.pincount, m.folioNumber(head)) }

// PMDs is the number of huge PMD entries that map the large folio, kept by structure: what
// EntireMapcount should be.
func (m *Machine) PMDs(head Frame) Word { return m.at(m.pmdMaps, m.folioNumber(head)) }

// Head returns the head of the folio that the page belongs to: itself, if that is small.
func (m *Machine) Head(f Frame) Frame {
	if !m.splits(f) {
		return f
	}
	if v := m.Load(m.Compound(f)); v != 0 {
		return Frame(v - 1)
	}
	return f
}

// PeekHead is Head for onlookers: it leaves no trace in the footprint.
func (m *Machine) PeekHead(f Frame) Frame {
	if m.splits(f) {
		if v := m.Peek(m.Compound(f)); v != 0 {
			return Frame(v - 1)
		}
	}
	return f
}

// IsLarge reports whether the page belongs to a large folio, one of hugetlb among them.
func (m *Machine) IsLarge(f Frame) bool {
	return m.IsHugetlb(f) || m.splits(f) && m.Load(m.Compound(f)) != 0
}

// PeekLarge is IsLarge for onlookers.
func (m *Machine) PeekLarge(f Frame) bool {
	return m.IsHugetlb(f) || m.splits(f) && m.Peek(m.Compound(f)) != 0
}

// FolioPages returns how many frames the page's folio has: 1 or HugePages. (One of hugetlb is one frame.)
func (m *Machine) FolioPages(f Frame) int {
	if m.splits(f) && m.IsLarge(f) {
		return m.HugePages
	}
	return 1
}

// HugeZero is the head of the huge zero folio, as which untouched huge anonymous
// memory reads; 0 in a machine without large folios. PMD entries that map it
// are not counted, references through GUP are. (The kernel allocates it at first use, and each mm that
// has used it has a reference; here it is there from the start.)
func (m *Machine) HugeZero() Frame { return m.hugeZero }

// MayBeHuge reports whether a PMD entry can map a huge page that begins with the frame.
func (m *Machine) MayBeHuge(f Frame) bool {
	return m.IsHugetlb(f) || f != ZeroPage && m.splits(f) && int(f)%m.HugePages == 0
}

// IsHugeZero reports whether the page belongs to the huge zero folio.
func (m *Machine) IsHugeZero(f Frame) bool {
	return m.LargeFolios && f >= m.HugeZero() && int(f) < int(m.HugeZero())+m.HugePages
}

// OfHuge returns what a PMD entry that maps a huge page says of one of its
// pages: the entry with the page's own frame.
func (m *Machine) OfHuge(pmd Entry, p PageID) Entry {
	return pmd + Entry(m.Slot(p, LevelPTE))<<pfnShift
}

// Deposit is the page table that waits beside the page's huge PMD entry, as a Hold, for the day
// on which the entry is split; 0 if none does. Change it with SetDeposit.
// Compare mm/pgtable-generic.c:pgtable_trans_huge_deposit.
func (m *Machine) Deposit(p PageID) Word {
	return m.at(m.deposit, m.pages[p].MM*m.upperWidth+m.Slot(p, LevelPMD))
}

// SetDeposit sets the page table that waits beside a huge PMD entry.
func (m *Machine) SetDeposit(p PageID, h Hold) { m.setHold(m.Deposit(p), h) }

// TakeDeposit takes the page table out of the deposit, with its reference.
func (m *Machine) TakeDeposit(p PageID) Hold {
	h := Hold(m.Load(m.Deposit(p)))
	m.SetDeposit(p, 0)
	return h
}

// freeBlock reports whether all frames of the block are free.
func (m *Machine) freeBlock(head int) bool {
	end := m.alloc + cell.ID(head+m.HugePages)
	return m.Mem.Nonzero(m.alloc+cell.ID(head), end) == end
}

// OffersBlocks calls f with the heads of the free blocks that an allocation may
// take: each that a stale capture still names a frame of, and the lowest one of the others.
func (m *Machine) OffersBlocks(f func(head Frame)) {
	m.offerBlocks(func(Frame) bool { return true }, f)
}

// offerBlocks is OffersBlocks of those that in says.
func (m *Machine) offerBlocks(in func(head Frame) bool, f func(head Frame)) {
	if !m.LargeFolios {
		return
	}
	m.noteFree()
	stale := m.staleFrames()
	other := false
	for head := m.HugePages; head+m.HugePages <= m.Frames+1; head += m.HugePages {
		if !in(Frame(head)) || !m.freeBlock(head) {
			continue
		}
		named := slices.ContainsFunc(stale, func(i int) bool { return i/m.HugePages == head/m.HugePages })
		if named || !other {
			f(Frame(head))
		}
		other = other || !named
	}
}

// offerSmall is Offers where frames come in blocks: of the free frames that no
// capture names, one of a block that is broken up already comes first, as in the buddy allocator.
func (m *Machine) offerSmall(stale []int, f func(Frame)) {
	m.noteFree()
	first, end := m.pool(false)
	best, whole := 0, 0
	for id := m.Mem.Zero(first, end); id < end && best == 0; id = m.Mem.Zero(id+1, end) {
		i := int(id - m.alloc)
		block := i / m.HugePages * m.HugePages
		switch {
		case slices.Contains(stale, i):
		case block > 0 && block+m.HugePages <= m.Frames+1 && m.freeBlock(block):
			if whole == 0 {
				whole = i
			}
			if !slices.ContainsFunc(stale, func(i int) bool { return i/m.HugePages*m.HugePages == block }) {
				id = m.alloc + cell.ID(block+m.HugePages-1)
			}
		default:
			best = i
		}
	}
	if best == 0 {
		best = whole
	}
	out := slices.DeleteFunc(slices.Clone(stale), func(i int) bool { return i == 0 || i > m.Frames || m.Peek(m.State(Frame(i))) != FrameFree })
	if best != 0 {
		out = append(out, best)
	}
	slices.Sort(out)
	for _, i := range out {
		f(Frame(i))
	}
}

// noteFree notes that the step looks at which frames are free, and who names them.
func (m *Machine) noteFree() {
	first, end := m.pool(false)
	m.Mem.Note(first, end)
	if !m.Mem.Recording() {
		return
	}
	for id := m.Mem.Zero(first, end); id < end; id = m.Mem.Zero(id+1, end) {
		m.Seek(Frame(id - m.alloc))
	}
}

// AllocateLarge hands a block out as one large folio: refcount 1, contents
// zeroed. The caller holds the reference.
// Compare mm/page_alloc.c:prep_compound_page.
func (m *Machine) AllocateLarge(head Frame) {
	for i := range m.HugePages {
		f := head + Frame(i)
		m.Store(m.State(f), FrameData)
		m.Store(m.Compound(f), uint64(head)+1)
		m.Store(m.Contents(f), 0)
	}
	m.Store(m.Ref(head), 1)
}

// Split makes a page of a large folio, whose count is frozen at zero and which nothing maps, a small
// folio. The head comes last.
func (m *Machine) Split(f Frame) {
	if head := m.Head(f); head == f {
		m.Store(m.Deferred(head), 0)
		if m.Load(m.Pincount(head)) != 0 {
			m.Raise(AlarmPinnedSplit, uint64(head))
		}
	}
	m.Store(m.Compound(f), 0)
}

// freeLarge gives the frames of a large folio back.
func (m *Machine) freeLarge(head Frame) bool {
	if m.Load(m.Ref(head)) != 0 || m.Load(m.LargeMapcount(head)) != 0 || m.Load(m.Pincount(head)) != 0 {
		for i := range m.HugePages {
			m.Store(m.State(head+Frame(i)), FrameLeaked)
		}
		m.Raise(AlarmBadPage, uint64(head))
		return false
	}
	for i := range m.HugePages {
		f := head + Frame(i)
		if m.Track.Alarms>>AlarmPinnedFreed&1 != 0 && m.pinnedBySomebody(f) {
			m.Raise(AlarmPinnedFreed, uint64(f))
		}
		m.release(f)
		for _, w := range []Word{m.Contents(f), m.Compound(f), m.Mapcount(f)} {
			m.Store(w, 0)
		}
	}
	for _, w := range []Word{m.Mapping(head), m.Index(head), m.FolioSwap(head), m.Deferred(head)} {
		m.Store(w, 0)
	}
	m.markStale(head, m.HugePages)
	return true
}

func (m *Machine) layoutLarge(l *cell.Layout) {
	if m.LargeFolios {
		m.compound = l.Add(m.hugetlbBase(), cell.Region{Class: Compounds, Owner: "folio", Of: func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, Names: func(_ int, v uint64, f func(cell.Instance)) {
			if v != 0 { // who has a page of a large folio has all of it
				m.blockNames(Frame(v-1), f)
			}
		}, Name: numbered("folio %d: compound_head"), Decode: func(_ int, v uint64) string {
			if v == 0 {
				return "none"
			}
			return fmt.Sprintf("folio %d", v-1)
		}})
	}
	if m.LargeFolios || m.Hugetlb > 0 {
		m.layoutFolios(l)
	}
	if m.LargeFolios {
		m.deposit = l.Add(len(m.MMs)*m.upperWidth, cell.Region{Class: PMDs, Owner: "walk", Names: m.entryNames, Of: func(i int) cell.Instance {
			return m.OfMM(i / m.upperWidth)
		}, Name: func(i int) string {
			return "table deposited beside the " + m.upperName(m.rank[LevelPMD]*len(m.MMs)*m.upperWidth+i)
		}, Decode: holdText})
	}
}

// layoutFolios lays out what only large folios have.
func (m *Machine) layoutFolios(l *cell.Layout) {
	add := func(c cell.Class, sum bool, field string) cell.ID {
		return l.Add(m.blocks()+m.Hugetlb, cell.Region{Class: c, Owner: "folio", Sum: sum,
			Of:   func(i int) cell.Instance { return m.OfFrame(m.folioHead(i)) },
			Name: func(i int) string { return fmt.Sprintf("folio %d: %s", m.folioHead(i), field) }})
	}
	m.entire = add(Mapcounts, false, "entire mapcount")
	m.large = add(Mapcounts, false, "large mapcount")
	m.pincount = add(Refs, false, "pincount")
	m.pagesMapped = add(Mapcounts, false, "pages mapped by PTEs")
	m.deferred = add(Mapcounts, false, "deferred split")
	m.pmdMaps = add(Ledgers, true, "PMDs that map it")
}

// blocks is how many blocks there are in which a folio of HugePages frames can begin.
func (m *Machine) blocks() int {
	if !m.LargeFolios {
		return 0
	}
	return m.hugetlbBase() / m.HugePages
}

// folioNumber is a large folio's place among the words of large folios.
func (m *Machine) folioNumber(head Frame) int {
	if m.IsHugetlb(head) {
		return m.blocks() + int(head) - m.hugetlbBase()
	}
	return int(head) / m.HugePages
}

func (m *Machine) folioHead(i int) Frame {
	if i >= m.blocks() {
		return Frame(m.hugetlbBase() + i - m.blocks())
	}
	return Frame(i * m.HugePages)
}

// splits reports whether a frame is one of those that form blocks.
func (m *Machine) splits(f Frame) bool { return m.LargeFolios && int(f) < m.hugetlbBase() }
