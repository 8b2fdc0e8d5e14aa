package machine

import (
	"fmt"

	"gupscope/core/cell"
)

// Levels of a page table. With four of them the P4D is folded into the PGD: there are no such tables.
const (
	LevelPTE = iota
	LevelPMD
	LevelPUD
	LevelP4D
	LevelPGD
)

// LevelName returns the name of a level's entries.
func LevelName(level int) string { return [...]string{"PTE", "PMD", "PUD", "P4D", "PGD"}[level] }

// UpperLevels returns the levels above the PTEs that have tables, from the root down.
func (m *Machine) UpperLevels() []int { return m.levels }

// numberLevels says which levels there are.
func (m *Machine) numberLevels() {
	m.levels = []int{LevelPGD, LevelPUD, LevelPMD}
	if m.FiveLevels {
		m.levels = []int{LevelPGD, LevelP4D, LevelPUD, LevelPMD}
	}
	if m.Gigantic {
		m.levels = m.levels[:len(m.levels)-1]
	}
	for i, level := range m.levels {
		m.rank[level] = i
	}
	if m.Gigantic {
		m.rank[LevelPMD] = m.rank[LevelPUD]
	}
}

// Below returns the next level down that has tables.
func (m *Machine) Below(level int) int {
	if level == LevelPGD && !m.FiveLevels {
		return LevelPUD
	}
	return level - 1
}

// A PTE table's owner is the page that its entry 0 maps, plus one; 0 is none. (That of a PMD table which mms share is another: ownerFile.)
func decodeOwner(v uint64) (PageID, bool) { return PageID(v) - 1, v != 0 && v < ownerFile }

// The tables above the PTE level have frames of their own: first the PGDs, then those of the levels below. They live as long as
// their mm or, with FreesUpper, as long as it maps something: a PGD always stays. A frame of theirs that was freed comes to nobody else, as
// nothing is mapped in the mm any more. PTE tables come and go; their frames are those of the pool or, where it is shared, any for data.

// numberFrames numbers the frames: the zero page, those for data, the huge zero folio's, hugetlb's, those without a struct page, the
// tables above the PTEs, those that come and go, and the PMD tables that mms may share.
func (m *Machine) numberFrames() {
	at := 1 + m.Frames
	if m.LargeFolios {
		at = (at + m.HugePages - 1) / m.HugePages * m.HugePages // blocks begin with multiples
		m.hugeZero = Frame(at)
		at += m.HugePages
	}
	m.pfnBase = at + m.Hugetlb
	m.upperBase = m.pfnBase + m.PFNs
	m.poolBase = m.upperBase + len(m.levels)*len(m.MMs)
	m.pmdTableBase = m.poolBase + m.Tables
	m.nframe = m.pmdTableBase + m.PMDTables
}

// Upper returns the frame of the mm's table of a level above the PTEs.
func (m *Machine) Upper(mm, level int) Frame {
	return Frame(m.upperBase + m.rank[level]*len(m.MMs) + mm)
}

// Root returns the frame of an mm's PGD.
func (m *Machine) Root(mm int) Frame { return m.Upper(mm, LevelPGD) }

func (m *Machine) isUpper(f Frame) bool { return int(f) >= m.upperBase && int(f) < m.poolBase }

// UpperLevel returns the level of a table above the PTE tables; false if the frame is none for them.
func (m *Machine) UpperLevel(f Frame) (level int, ok bool) {
	if !m.isUpper(f) {
		return 0, false
	}
	return m.levels[(int(f)-m.upperBase)/len(m.MMs)], true
}

// TableCount returns how many frames can be tables that come and go: PTE tables, and behind them PMD tables that mms share;
// TableFrame(i) is the i-th.
func (m *Machine) TableCount() int { return m.PTETableCount() + m.PMDTables }

// GoingTables returns how many frames can be tables that may be freed: those that come and go, and behind them, with FreesUpper, those
// between the PGDs and the PTE tables; GoingTable(i) is the i-th.
func (m *Machine) GoingTables() int {
	n := m.TableCount()
	if m.FreesUpper {
		n += (len(m.levels) - 1) * len(m.MMs)
	}
	return n
}

// GoingTable returns the i-th frame that can be such a table.
func (m *Machine) GoingTable(i int) Frame {
	if n := m.TableCount(); i >= n {
		return Frame(m.upperBase + len(m.MMs) + i - n) // behind the PGDs
	}
	return m.TableFrame(i)
}

// PTETableCount returns how many frames can be PTE tables.
func (m *Machine) PTETableCount() int {
	if m.Shared {
		return m.Frames
	}
	return m.Tables
}

// TableFrame returns the i-th frame that can be such a table.
func (m *Machine) TableFrame(i int) Frame {
	switch n := m.PTETableCount(); {
	case i >= n:
		return m.pmdTable(i - n)
	case m.Shared:
		return Frame(1 + i)
	}
	return Frame(m.poolBase + i)
}

// IsPTETable reports whether the frame can be a PTE table.
func (m *Machine) IsPTETable(f Frame) bool {
	if m.Shared {
		return f > 0 && int(f) <= m.Frames
	}
	return int(f) >= m.poolBase && int(f) < m.pmdTableBase
}

// tableIndex returns a frame's place among those that can be tables that come and go.
func (m *Machine) tableIndex(f Frame) int {
	if m.IsSharedPMDTable(f) {
		return m.PTETableCount() + int(f) - m.pmdTableBase
	}
	if m.Shared {
		return int(f) - 1
	}
	return int(f) - m.poolBase
}

// TableOf says whose PTE table a frame is; see SetTable.
func (m *Machine) TableOf(f Frame) Word { return m.at(m.tableOf, m.tableIndex(f)) }

// SetTable makes an allocated frame the PTE table that maps the page.
func (m *Machine) SetTable(f Frame, p PageID) {
	m.Store(m.TableOf(f), uint64(m.HugeStart(p))+1)
}

// Entry is entry i of a table.
func (m *Machine) Entry(table Frame, i int) Word {
	if m.isUpper(table) {
		return m.at(m.upper, (int(table)-m.upperBase)*m.upperWidth+i)
	}
	return m.at(m.entry, m.tableIndex(table)*m.width+i)
}

// FindEntry returns the first entry of PTE tables, and its table, that is as asked; those that are none are not asked about. It glances at all until there.
func (m *Machine) FindEntry(asked func(table Frame, e Entry) bool) (table Frame, w Word, found bool) {
	end := m.entry + cell.ID(m.TableCount()*m.width)
	for id := m.entry; id < end; id++ {
		from := id
		id = m.Mem.Nonzero(id, end)
		m.Mem.GlanceAt(from, min(id+1, end))
		if id == end {
			break
		}
		if t, w := m.TableFrame(int(id-m.entry)/m.width), (Word{id}); asked(t, Entry(m.Peek(w))) {
			return t, w, true
		}
	}
	return 0, Word{}, false
}

// PTL is the lock of a PTE table's entries: the task that holds it plus one, or 0.
func (m *Machine) PTL(table Frame) Word { return m.at(m.ptl, m.tableIndex(table)) }

// PMDLock is the lock of an mm's PMD table.
func (m *Machine) PMDLock(mm int) Word { return m.at(m.pmdLock, mm) }

// PMD is the entry that points to the page's PTE table.
func (m *Machine) PMD(p PageID) Word {
	if m.Gigabyte(p) {
		return m.pmdOfGigabyte(p)
	}
	return m.Entry(m.Upper(m.pages[p].MM, LevelPMD), m.Slot(p, LevelPMD))
}

// P4D is the entry that points to the PUD table of an mm. It is there with five levels.
func (m *Machine) P4D(mm int) Word { return m.Entry(m.Upper(mm, LevelP4D), 0) }

// Width returns the number of entries of a PTE table: the pages of a huge page.
func (m *Machine) Width() int { return m.width }

// UpperWidth returns the number of entries that a table above the PTE tables has here.
// (A real one has 512; those that no region reaches are left out.)
func (m *Machine) UpperWidth() int { return m.upperWidth }

// Slot returns the place of a page's entry at a level among those that a table has here.
func (m *Machine) Slot(p PageID, level int) int {
	at := &m.pages[p]
	switch level {
	case LevelPTE:
		return at.Index % m.pagesPerPMD(m.Region(p))
	case LevelPMD:
		if m.Region(p).Gigabyte {
			return at.Index
		}
		return m.pmds[at.MM][at.Region] + at.Index/m.pagesPerPMD(m.Region(p))
	case LevelPUD:
		if m.Gigantic {
			return m.Slot(p, LevelPMD)
		}
		return m.puds[at.MM][at.Region]
	}
	return 0
}

// AddressBits returns the index of a table of a level that the bits of an address say, of which Slot keeps
// what differs: bits 56 to 48 of 57 for the PGD of five levels, 47 to 39 of 48 for that of four.
func (m *Machine) AddressBits(addr uint64, level int) int {
	if level == LevelPGD && !m.FiveLevels {
		level = LevelP4D
	}
	return int(addr >> (12 + 9*level) & 511)
}

// SetEntry stores an entry of a table; every change of a page table goes
// through here. The entry's reference moves in the ledger, and GUP calls in
// flight see what became mapped.
func (m *Machine) SetEntry(table Frame, i int, e Entry) {
	w := m.Entry(table, i)
	old := Entry(m.Peek(w))
	if v, ok := m.Forwarded(w); ok {
		old = Entry(v)
	}
	m.Store(w, uint64(e))
	if old.Present() {
		m.accountEntry(table, old, -1)
	}
	if !m.isUpper(table) { // who takes or frees the table decides whose entry this is
		m.Mem.Recall(m.OfFrame(table))
		m.Mem.Glance(m.TableOf(table).id)
	}
	if !e.Present() {
		return
	}
	m.accountEntry(table, e, 1)
	if !m.buffering {
		m.mapped(table, i, e)
	}
}

// mapped tells the GUP calls in flight that an entry has come to be seen.
func (m *Machine) mapped(table Frame, i int, e Entry) {
	if !e.Present() {
		return
	}
	if p, ok := m.Leaf(table, i); ok {
		m.saw(p, e)
	} else if m.IsSharedPMDTable(table) {
		m.sawInShared(table, i, e)
	} else if e.Has(PSE) {
		m.sawHuge(m.pmdPage(table, i), e)
	} else if m.IsSharedPMDTable(e.Frame()) {
		m.sawTable((int(table)-m.upperBase)%len(m.MMs), i, e.Frame())
	}
}

// accountEntry counts that an entry came or went.
func (m *Machine) accountEntry(table Frame, e Entry, n int) {
	f := e.Frame()
	switch {
	case !m.isUpper(table) && !m.IsSharedPMDTable(table):
		if m.Normal(f) {
			m.Account(f, n)
			m.count(m.PTEs(f), n)
		}
	case !e.Has(PSE):
		m.Account(f, n)
	case !m.IsHugeZero(f):
		m.Account(f, n)
		m.count(m.PMDs(f), n)
	}
}

// count adds to a word that is kept by structure.
func (m *Machine) count(w Word, n int) { m.Store(w, m.Peek(w)+uint64(n)) }

// pmdPage returns the first page that entry i of a PMD table maps.
func (m *Machine) pmdPage(table Frame, i int) PageID {
	mm := (int(table) - m.upperBase) % len(m.MMs)
	r := len(m.pmds[mm]) - 1
	for m.pmds[mm][r] > i {
		r--
	}
	return m.PageAt(mm, r, (i-m.pmds[mm][r])*m.pagesPerPMD(&m.MMs[mm].Regions[r]))
}

// PTEs is the number of leaf entries that map the frame, kept by structure: what _mapcount should be.
func (m *Machine) PTEs(f Frame) Word { return m.at(m.ptes, int(f)) }

// Leaf returns the page that entry i of a PTE table maps, and false if the
// frame is no PTE table now.
func (m *Machine) Leaf(table Frame, i int) (PageID, bool) {
	if m.isUpper(table) {
		return 0, false
	}
	first, ok := decodeOwner(m.Peek(m.TableOf(table)))
	if !ok || first+PageID(i) >= m.HugeEnd(first) {
		return 0, false
	}
	return first + PageID(i), true
}

// Find walks an mm's tables as they are now down to the table that holds the
// page's entry of the level; false if a level above is missing. It is for claims
// and views, not for steps.
func (m *Machine) Find(p PageID, level int) (Frame, bool) {
	t := m.Root(m.pages[p].MM)
	for l := LevelPGD; l > level; l = m.Below(l) {
		e := Entry(m.Load(m.Entry(t, m.Slot(p, l))))
		if !e.Present() || e.Has(PSE) {
			return 0, false
		}
		t = e.Frame()
	}
	return t, true
}

// Mapped returns the page's present leaf entry as it is now, or none. Where a
// PMD entry maps it, that is the entry with the page's own frame.
func (m *Machine) Mapped(p PageID) Entry {
	if e := Entry(m.Load(m.PMD(p))); e.Has(PSE) {
		return m.OfHuge(e, p)
	}
	t, ok := m.Find(p, LevelPTE)
	if !ok {
		return 0
	}
	return Entry(m.Load(m.Entry(t, m.Slot(p, LevelPTE))))
}

// TableName is what people call a table: "PTE table of A buf".
func (m *Machine) TableName(f Frame) string {
	if m.isUpper(f) {
		level, _ := m.UpperLevel(f)
		return LevelName(level) + " table of " + m.MMs[(int(f)-m.upperBase)%len(m.MMs)].Name
	}
	if v := m.Peek(m.TableOf(f)); v > ownerFile {
		return "PMD table of " + m.filePages[v-ownerFile-1].Name
	}
	p, ok := m.Owner(f)
	if !ok {
		return fmt.Sprintf("table frame %d", f)
	}
	return "PTE table of " + m.tableText(p)
}

// tableText is what the table that maps a page maps: "A buf", or "A buf[2]…" behind the first table of a region.
func (m *Machine) tableText(p PageID) string {
	at := &m.pages[p]
	s := m.MMs[at.MM].Name + " " + m.MMs[at.MM].Regions[at.Region].Name
	if at.Index > 0 {
		s += fmt.Sprintf("[%d]…", at.Index)
	}
	return s
}

// Owner returns the page that entry 0 of a PTE table maps now; false if the frame is no PTE table.
func (m *Machine) Owner(f Frame) (PageID, bool) { return decodeOwner(m.Peek(m.TableOf(f))) }

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
