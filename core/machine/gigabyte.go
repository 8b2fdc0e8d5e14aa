package machine

import "gupscope/core/cell"

// Regions that map a hugetlb file, shared, over a whole gigabyte. A PUD entry leads to one gigabyte, and what lies below it is
// the same in every mm that maps the same there: they share one PMD table, and its reference count is the number of their PUD entries.
//
//	mm A   PUD[1] ─┐
//	               ├─ PMD table, frame 20: [0] frame 7, huge, W D
//	mm B   PUD[1] ─┘
//
// A page is mapped once in a table that many share. Other memory has neighbours in its gigabyte, and a PMD table that
// stays as long as its mm.
//
// Compare mm/hugetlb.c:huge_pmd_share, page_table_shareable.

// Gigabyte reports whether the page's region covers a whole gigabyte: its PUD entry comes and goes.
func (m *Machine) Gigabyte(p PageID) bool { return m.PMDTables > 0 && m.Region(p).Gigabyte }

// PUD is the entry that points to the page's PMD table.
func (m *Machine) PUD(p PageID) Word {
	return m.Entry(m.Upper(m.pages[p].MM, LevelPUD), m.Slot(p, LevelPUD))
}

// PeekPMDTable returns the page's PMD table as it is now; false if the PUD is none.
func (m *Machine) PeekPMDTable(p PageID) (Frame, bool) {
	if !m.Gigabyte(p) {
		return m.Upper(m.pages[p].MM, LevelPMD), true
	}
	e := Entry(m.Peek(m.PUD(p)))
	return e.Frame(), e.Present()
}

// pmdOfGigabyte is the page's PMD entry; where the PUD is none, a word that is none for ever.
func (m *Machine) pmdOfGigabyte(p PageID) Word {
	e := Entry(m.Load(m.PUD(p)))
	if !e.Present() {
		return m.NoPMD()
	}
	return m.Entry(e.Frame(), m.Slot(p, LevelPMD))
}

// NoPMD is the word that stands for a PMD entry where there is no PMD table.
func (m *Machine) NoPMD() Word { return m.at(m.noPMD, 0) }

// PMDWords returns all words that PMD may be of the page, and those that decide which.
func (m *Machine) PMDWords(p PageID) []Word {
	if !m.Gigabyte(p) {
		return []Word{m.PMD(p)}
	}
	out := []Word{m.PUD(p), m.NoPMD()}
	for i := range m.PMDTables {
		out = append(out, m.Entry(m.pmdTable(i), m.Slot(p, LevelPMD)))
	}
	return out
}

// PMDLocks returns all locks that may be that of the page's PMD.
func (m *Machine) PMDLocks(p PageID) []Word {
	if !m.Gigabyte(p) {
		return []Word{m.PMDLock(m.pages[p].MM)}
	}
	var out []Word
	for i := range m.PMDTables {
		out = append(out, m.PTL(m.pmdTable(i)))
	}
	return out
}

// PMDLockOf is the lock of the page's PMD. The lock of a shared table is in the table; without a table it is one that nobody takes. (Whoever holds
// it keeps the PUD as it is.)
func (m *Machine) PMDLockOf(p PageID) Word {
	if !m.Gigabyte(p) {
		return m.PMDLock(m.pages[p].MM)
	}
	if t, ok := m.PeekPMDTable(p); ok {
		return m.PTL(t)
	}
	return m.NoPMD()
}

func (m *Machine) pmdTable(i int) Frame { return Frame(m.pmdTableBase + i) }

// IsSharedPMDTable reports whether the frame is one for PMD tables that mms may share.
func (m *Machine) IsSharedPMDTable(f Frame) bool {
	return int(f) >= m.pmdTableBase && int(f) < m.pmdTableBase+m.PMDTables
}

// OffersPMDTables calls f with the frames that a PMD table may take, as Offers does.
func (m *Machine) OffersPMDTables(f func(Frame)) {
	first := m.alloc + cell.ID(m.pmdTableBase)
	m.offer(first, first+cell.ID(m.PMDTables), m.alloc, m.staleFrames(), func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, func(i int) { f(Frame(i)) })
}

// PMDTableAvailable reports whether a PMD table may be allocated now.
func (m *Machine) PMDTableAvailable() bool {
	first := m.alloc + cell.ID(m.pmdTableBase)
	end := first + cell.ID(m.PMDTables)
	m.Mem.Note(first, end)
	return m.Mem.Zero(first, end) < end
}

// A shared PMD table's owner is the page of the file that its entry 0 maps.
const ownerFile = 1 << 32

// SetPMDTable makes an allocated frame the PMD table of what begins with the page of a file.
func (m *Machine) SetPMDTable(f Frame, o Pgoff) { m.Store(m.TableOf(f), ownerFile|uint64(o)+1) }

// SetPUD stores the PUD entry of the page's gigabyte, plainly.
func (m *Machine) SetPUD(p PageID, e Entry) {
	m.SetEntry(m.Upper(m.pages[p].MM, LevelPUD), m.Slot(p, LevelPUD), e)
}

// GigabyteOf returns the first page of the region that a page lies in, and the page behind its last.
func (m *Machine) GigabyteOf(p PageID) (first, end PageID) {
	at := &m.pages[p]
	first = PageID(m.first[at.MM][at.Region])
	return first, first + PageID(m.Region(p).Pages)
}

// MapsAlike reports whether two pages lie in regions that map the same gigabyte of a file.
// Compare mm/hugetlb.c:page_table_shareable.
func (m *Machine) MapsAlike(p, q PageID) bool {
	a, b := m.Region(p), m.Region(q)
	return a.Gigabyte && b.Gigabyte && a.File == b.File && a.First == b.First && a.Pages == b.Pages
}

// sawInShared tells the GUP calls in flight that an entry of a shared PMD table has come to be seen: by every mm whose PUD leads there.
func (m *Machine) sawInShared(table Frame, i int, e Entry) {
	if !m.Track.Seen {
		return
	}
	for id := range m.pages {
		if p := PageID(id); m.Gigabyte(p) && m.Slot(p, LevelPMD) == i {
			if pud := Entry(m.Load(m.PUD(p))); pud.Present() && pud.Frame() == table {
				m.saw(p, e)
			}
		}
	}
}

// sawTable tells them that a PMD table has come to be the mm's.
func (m *Machine) sawTable(mm, slot int, table Frame) {
	if !m.Track.Seen {
		return
	}
	for id := range m.pages {
		if p := PageID(id); m.pages[p].MM == mm && m.Gigabyte(p) && m.Slot(p, LevelPUD) == slot {
			if e := Entry(m.Load(m.Entry(table, m.Slot(p, LevelPMD)))); e.Present() {
				m.saw(p, e)
			}
		}
	}
}

// HugetlbVMALock is the rw-lock of a hugetlb VMA, which keeps its PMD table from being unshared; one a region, while there are
// tables that mms share.
func (m *Machine) HugetlbVMALock(mm, region int) Word {
	return m.at(m.hugetlbLock, mm*m.regions+region)
}

func (m *Machine) layoutGigabytes(l *cell.Layout) {
	if m.PMDTables == 0 {
		return
	}
	m.noPMD = l.Add(1, cell.Region{Class: PMDs, Owner: "walk", Name: func(int) string { return "no PMD table" }, Decode: entryText})
	m.hugetlbLock = m.addRWLocks(l, HugetlbVMALock, len(m.MMs)*m.regions, cell.Region{Class: HugetlbPool, Of: func(i int) cell.Instance { return m.OfMM(i / m.regions) }, Name: func(i int) string {
		if mm := m.MMs[i/m.regions]; i%m.regions < len(mm.Regions) {
			return "hugetlb VMA lock of " + mm.Name + " " + mm.Regions[i%m.regions].Name
		}
		return "no region"
	}})
}
