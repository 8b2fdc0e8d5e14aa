package kernel

import "gupscope/core/machine"

// largeFolios reports whether large folios are possible in a scenario: where
// something is huge, or may become so.
func (s *Setup) largeFolios() bool {
	if s.LargeFolios || s.hugeFiles() {
		return true
	}
	for _, mm := range s.MMs {
		for _, v := range mm.Regions {
			if v.Huge {
				return true
			}
		}
	}
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			if st.Call.makesHuge(st.Args) {
				return true
			}
		}
	}
	return false
}

// firstBlock is the first frame that a block may begin with behind so many small folios.
func firstBlock(small, pages int) int { return (1 + small + pages - 1) / pages * pages }

// holes makes the machine have as many free frames as the scenario says: those between
// the small folios and the first block are none, and the block of the huge zero folio is taken. It returns the
// first block, which large folios take.
func (s *Sim) holes() (block machine.Frame) {
	m := s.M
	if !m.LargeFolios {
		return 0
	}
	small := s.Setup.smallAtStart()
	for i := 1 + small; i < firstBlock(small, m.HugePages); i++ {
		m.Store(m.State(machine.Frame(i)), machine.FrameHole)
	}
	for i := 1 + m.Frames; i < int(m.HugeZero()); i++ {
		m.Store(m.State(machine.Frame(i)), machine.FrameHole)
	}
	m.AllocateLarge(m.HugeZero())
	m.Account(m.HugeZero(), 1) // huge_zero_folio
	return machine.Frame(firstBlock(small, m.HugePages))
}

// hugePage sets page i of a region up where a large folio is behind it, or may
// come to be: with its first page, the whole of it. It reports whether no PTE table is wanted there.
func (s *Sim) hugePage(p machine.PageID, i int, vs *RegionSetup, table machine.Frame, block *machine.Frame) bool {
	m := s.M
	if !vs.Huge || vs.Kind != machine.RegionAnon {
		return false
	}
	if i >= len(vs.Fill) {
		m.Wrote(p, 0)
	} else {
		m.Wrote(p, m.Value(vs.Fill[i]))
	}
	if vs.State != Huge && vs.State != Split && vs.State != Torn {
		return len(vs.Fill) == 0
	}
	if i%m.HugePages != 0 {
		return true
	}
	if vs.State == Torn && i < len(vs.Fill) {
		s.attachAnon(p)
		s.pteTable(p, table)
		for k := 0; k < m.HugePages && i+k < len(vs.Fill); k++ {
			s.tornFolio(p, i, k, vs, table, *block)
			*block += machine.Frame(m.HugePages)
		}
		return true
	}
	if i < len(vs.Fill) {
		s.hugeFolio(p, i, vs, table, *block)
		*block += machine.Frame(m.HugePages)
	}
	return true
}

// hugeFolio puts a large folio at p, mapped as the region's state says.
func (s *Sim) hugeFolio(p machine.PageID, i int, vs *RegionSetup, table, head machine.Frame) {
	m := s.M
	at := m.Pages()[p]
	s.attachAnon(p)
	m.AllocateLarge(head)
	m.Store(m.Mapping(head), machine.AnonMapping(at.MM, at.Region))
	m.Store(m.Index(head), uint64(i))
	m.Store(m.Flags(head), machine.PGUptodate|machine.PGSwapBacked|machine.PGLRU|s.exclusive|s.beginsActive())
	for k := 0; k < m.HugePages && i+k < len(vs.Fill); k++ {
		m.Store(m.Contents(head+machine.Frame(k)), m.Value(vs.Fill[i+k]))
	}
	bits := s.mkdirty(0)
	if vs.Writable {
		bits |= machine.RW
	}
	if vs.State == Huge {
		m.Store(m.EntireMapcount(head), 1)
		m.Store(m.LargeMapcount(head), 1)
		m.Allocate(table, machine.FrameTable)
		m.SetTable(table, p)
		m.SetDeposit(p, machine.MakeHold(table, 1))
		m.SetEntry(m.Upper(at.MM, machine.LevelPMD), m.Slot(p, machine.LevelPMD), machine.MakeHuge(head, bits))
		return
	}
	s.pteTable(p, table)
	m.Store(m.LargeMapcount(head), uint64(m.HugePages))
	m.Store(m.PagesMapped(head), uint64(m.HugePages))
	m.Store(m.Ref(head), uint64(m.HugePages))
	m.Store(m.Flags(head), m.Peek(m.Flags(head))|machine.PGDirty)
	if !s.splitCarriesDirty {
		bits &^= machine.Dirty
	}
	for k := range m.HugePages {
		f := head + machine.Frame(k)
		m.Store(m.Mapcount(f), 1)
		m.Store(m.Flags(f), m.Peek(m.Flags(f))|s.exclusive)
		m.SetEntry(table, k, machine.MakePTE(f, bits))
	}
}

// tornFolio puts a large folio behind the range that begins with page i of the region, of which page k alone is mapped; the folio waits to be split.
func (s *Sim) tornFolio(p machine.PageID, i, k int, vs *RegionSetup, table, head machine.Frame) {
	m := s.M
	at := m.Pages()[p]
	m.AllocateLarge(head)
	m.Store(m.Mapping(head), machine.AnonMapping(at.MM, at.Region))
	m.Store(m.Index(head), uint64(i))
	m.Store(m.Flags(head), machine.PGUptodate|machine.PGSwapBacked|machine.PGLRU|machine.PGDirty|s.beginsActive())
	m.Store(m.LargeMapcount(head), 1)
	m.Store(m.PagesMapped(head), 1)
	m.Store(m.Ref(head), 1)
	m.Store(m.Deferred(head), 1)
	bits := s.mkdirty(machine.RW)
	if !vs.Writable {
		bits &^= machine.RW
	}
	if !s.splitCarriesDirty {
		bits &^= machine.Dirty
	}
	f := head + machine.Frame(k)
	m.Store(m.Contents(f), m.Value(vs.Fill[i+k]))
	m.Store(m.Mapcount(f), 1)
	m.Store(m.Flags(f), m.Peek(m.Flags(f))|s.exclusive)
	m.SetEntry(table, k, machine.MakePTE(f, bits))
}
