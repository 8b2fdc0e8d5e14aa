package machine

import "fmt"

// Levels of a page table. P4D is folded into the PGD.
const (
	LevelPTE = iota
	LevelPMD
	LevelPUD
	LevelPGD
)

// LevelName returns the name of a level's entries.
func LevelName(level int) string { return [...]string{"PTE", "PMD", "PUD", "PGD"}[level] }

// A PTE table's owner: its mm, and the VMA whose 2 MiB it maps.
type tableOwner struct{ mm, vma int }

func (o tableOwner) encode() uint64 { return 1<<16 | uint64(o.mm)<<8 | uint64(o.vma) }

func decodeOwner(v uint64) (tableOwner, bool) {
	return tableOwner{int(v >> 8 & 0xff), int(v & 0xff)}, v != 0
}

// The tables above the PTE level live as long as their mm and have frames of
// their own: first the PGDs, then the PUDs, then the PMDs. PTE tables come and
// go; their frames are those of the pool or, where it is shared, any for data.

func (m *Machine) upperBase() int { return 1 + m.Frames }
func (m *Machine) poolBase() int  { return m.upperBase() + 3*len(m.MMs) }

// Upper returns the frame of the mm's table of a level above the PTEs.
func (m *Machine) Upper(mm, level int) Frame {
	return Frame(m.upperBase() + (LevelPGD-level)*len(m.MMs) + mm)
}

// Root returns the frame of an mm's PGD.
func (m *Machine) Root(mm int) Frame { return m.Upper(mm, LevelPGD) }

func (m *Machine) isUpper(f Frame) bool { return int(f) >= m.upperBase() && int(f) < m.poolBase() }

// TableCount returns how many frames can be PTE tables; TableFrame(i) is the i-th.
func (m *Machine) TableCount() int {
	if m.Shared {
		return m.Frames
	}
	return m.Tables
}

// TableFrame returns the i-th frame that can be a PTE table.
func (m *Machine) TableFrame(i int) Frame {
	if m.Shared {
		return Frame(1 + i)
	}
	return Frame(m.poolBase() + i)
}

// IsPTETable reports whether the frame can be a PTE table.
func (m *Machine) IsPTETable(f Frame) bool {
	if m.Shared {
		return f > 0 && int(f) <= m.Frames
	}
	return int(f) >= m.poolBase()
}

// tableIndex returns a frame's place among those that can be PTE tables.
func (m *Machine) tableIndex(f Frame) int {
	if m.Shared {
		return int(f) - 1
	}
	return int(f) - m.poolBase()
}

// TableOf says whose PTE table a frame is; see SetTable.
func (m *Machine) TableOf(f Frame) Word { return m.at(m.tableOf, m.tableIndex(f)) }

// SetTable makes an allocated frame the PTE table of the VMA.
func (m *Machine) SetTable(f Frame, mm, vma int) {
	m.Store(m.TableOf(f), tableOwner{mm, vma}.encode())
}

// Entry is entry i of a table.
func (m *Machine) Entry(table Frame, i int) Word {
	if m.isUpper(table) {
		return m.at(m.upper, (int(table)-m.upperBase())*m.width+i)
	}
	return m.at(m.entry, m.tableIndex(table)*m.width+i)
}

// PTL is the lock of a PTE table's entries: the task that holds it plus one, or 0.
func (m *Machine) PTL(table Frame) Word { return m.at(m.ptl, m.tableIndex(table)) }

// PMDLock is the lock of an mm's PMD table.
func (m *Machine) PMDLock(mm int) Word { return m.at(m.pmdLock, mm) }

// PMD is the entry that points to the page's PTE table.
func (m *Machine) PMD(p PageID) Word {
	return m.Entry(m.Upper(m.pages[p].MM, LevelPMD), m.Slot(p, LevelPMD))
}

// Width returns the number of entries a table has here. (A real one has 512;
// those that no VMA reaches are left out.)
func (m *Machine) Width() int { return m.width }

// Slot returns the index of a page's entry at a level.
func (m *Machine) Slot(p PageID, level int) int {
	switch level {
	case LevelPTE:
		return m.pages[p].Index
	case LevelPMD:
		return m.pages[p].VMA
	}
	return 0
}

// SetEntry stores an entry of a table; every change of a page table goes
// through here. The entry's reference moves in the ledger, and GUP calls in
// flight see what became mapped.
func (m *Machine) SetEntry(table Frame, i int, e Entry) {
	w := m.Entry(table, i)
	old := Entry(m.Peek(w))
	m.Store(w, uint64(e))
	if old.Present() {
		m.Account(old.Frame(), -1)
	}
	if e.Present() {
		m.Account(e.Frame(), 1)
	}
	if m.isUpper(table) || !e.Present() {
		return
	}
	if o, ok := decodeOwner(m.Peek(m.TableOf(table))); ok {
		m.saw(o.mm, o.vma, i, e)
	}
}

// Leaf returns the page that entry i of a PTE table maps, and false if the
// frame is no PTE table now.
func (m *Machine) Leaf(table Frame, i int) (PageID, bool) {
	o, ok := decodeOwner(m.Peek(m.TableOf(table)))
	if !ok || i >= m.MMs[o.mm].VMAs[o.vma].Pages {
		return 0, false
	}
	return m.PageAt(o.mm, o.vma, i), true
}

// Find walks an mm's tables as they are now down to the table that holds the
// page's entry of the level; false if a level above is missing. It is for claims
// and views, not for steps.
func (m *Machine) Find(p PageID, level int) (Frame, bool) {
	t := m.Root(m.pages[p].MM)
	for l := LevelPGD; l > level; l-- {
		e := Entry(m.Load(m.Entry(t, m.Slot(p, l))))
		if !e.Present() {
			return 0, false
		}
		t = e.Frame()
	}
	return t, true
}

// Mapped returns the page's present leaf entry as it is now, or none.
func (m *Machine) Mapped(p PageID) Entry {
	t, ok := m.Find(p, LevelPTE)
	if !ok {
		return 0
	}
	return Entry(m.Load(m.Entry(t, m.Slot(p, LevelPTE))))
}

// TableName is what people call a table: "PTE table of A buf".
func (m *Machine) TableName(f Frame) string {
	if m.isUpper(f) {
		i := int(f) - m.upperBase()
		return LevelName(LevelPGD-i/len(m.MMs)) + " table of " + m.MMs[i%len(m.MMs)].Name
	}
	mm, vma, ok := m.Owner(f)
	if !ok {
		return fmt.Sprintf("table frame %d", f)
	}
	return "PTE table of " + m.MMs[mm].Name + " " + m.MMs[mm].VMAs[vma].Name
}

// Owner returns whose PTE table a frame is now; false if it is none.
func (m *Machine) Owner(f Frame) (mm, vma int, ok bool) {
	o, ok := decodeOwner(m.Peek(m.TableOf(f)))
	return o.mm, o.vma, ok
}
