package kernel

import "gupscope/core/machine"

// hugetlb reports whether a region's pages are huge pages of the pool.
func (s *Setup) hugetlb(v *RegionSetup) bool {
	return v.Kind == machine.RegionHugetlb || v.Kind.OfFile() && s.Files[v.File].Kind == machine.Hugetlbfs
}

// InHugetlb reports whether a region's pages are huge pages of the pool.
func (s *Setup) InHugetlb(v *RegionSetup) bool { return s.hugetlb(v) }

// hugetlbPages is how many huge pages the pool has: as the scenario says, else as many as
// everybody together can use.
func (s *Setup) hugetlbPages() int {
	if s.Hugetlb > 0 {
		return s.Hugetlb
	}
	n := 0
	for _, mm := range s.MMs {
		for _, v := range mm.Regions {
			if s.hugetlb(&v) && v.Kind != machine.RegionFileShared {
				n += v.Pages
			}
		}
	}
	for i, f := range s.Files {
		if f.Kind == machine.Hugetlbfs {
			n += s.room(i)
		}
	}
	return n
}

// HugetlbReserved is how many huge pages are in use or promised at the start: the pool must have them.
func (s *Setup) HugetlbReserved() int {
	n := 0
	shared := map[[2]int]bool{}
	for _, mm := range s.MMs {
		if mm.Parent != "" {
			continue
		}
		for _, v := range mm.Regions {
			switch {
			case !s.hugetlb(&v):
			case v.Kind != machine.RegionFileShared:
				n += v.Pages
			default:
				for i := range v.Pages {
					shared[[2]int{v.File, v.First + i}] = true
				}
			}
		}
	}
	for i, f := range s.Files {
		for page := range f.Fill {
			if f.Kind == machine.Hugetlbfs {
				shared[[2]int{i, page}] = true
			}
		}
	}
	return n + len(shared)
}

// hugetlbRegion sets a region of hugetlb up: what it has a content for is mapped, for the rest a page is reserved.
func (s *Sim) hugetlbRegion(mm, r int, vs *RegionSetup, pool *machine.Frame) {
	m := s.M
	for i := range vs.Pages {
		p := m.PageAt(mm, r, i)
		m.Store(m.VMA(p), s.vmFlags(vs))
		m.Link(p, true)
		switch o, ok := m.Backing(p); {
		case i < len(vs.Fill):
			s.hugetlbPage(p, vs, m.Value(vs.Fill[i]), *pool)
			*pool++
		case vs.Kind != machine.RegionFileShared:
			m.Store(m.Reserve(p), 1)
			m.Store(m.Reserved(), m.Peek(m.Reserved())+1)
			if vs.Kind == machine.RegionHugetlb {
				m.Wrote(p, 0)
			}
		case ok && m.Peek(m.FileReserve(o)) == 0:
			m.Store(m.FileReserve(o), 1)
			m.Store(m.Reserved(), m.Peek(m.Reserved())+1)
		}
	}
}

// hugetlbPage maps a huge page that the process has written.
func (s *Sim) hugetlbPage(p machine.PageID, vs *RegionSetup, content uint64, f machine.Frame) {
	m := s.M
	at := m.Pages()[p]
	s.attachAnon(p)
	m.Wrote(p, content)
	m.AllocateHugetlb(f)
	m.Store(m.Contents(f), content)
	m.Store(m.Mapping(f), machine.AnonMapping(at.MM, at.Region))
	m.Store(m.Index(f), uint64(at.Index))
	m.Store(m.Flags(f), machine.PGUptodate|machine.PGMigratable|s.exclusive)
	m.Store(m.EntireMapcount(f), 1)
	m.Store(m.LargeMapcount(f), 1)
	bits := machine.Dirty
	if vs.Writable {
		bits |= machine.RW
	}
	m.SetEntry(m.Upper(at.MM, machine.LevelPMD), m.Slot(p, machine.LevelPMD), machine.MakeHuge(f, bits))
}

// gigabytes gives every region that covers a whole gigabyte its PMD table: those that map the same share one, in which what the file is
// filled with is mapped.
func (s *Sim) gigabytes() {
	m := s.M
	for i := range m.Pages() {
		p := machine.PageID(i)
		if first, _ := m.GigabyteOf(p); !m.Gigabyte(p) || p != first || m.Peek(m.VMA(p)) == 0 {
			continue
		}
		table, shared := s.sharesPMDTable(p)
		if shared {
			m.Store(m.Ref(table), m.Peek(m.Ref(table))+1)
		} else {
			m.OffersPMDTables(func(f machine.Frame) { table = f })
			s.pmdTable(p, table)
		}
		m.SetPUD(p, machine.MakeTable(table))
	}
}

// sharesPMDTable returns the table of another mm that maps the same gigabyte so; false if there is none.
func (s *Sim) sharesPMDTable(p machine.PageID) (machine.Frame, bool) {
	m := s.M
	for q := range p {
		if table, ok := m.PeekPMDTable(q); ok && m.Gigabyte(q) && m.MapsAlike(p, q) && m.Peek(m.VMA(q)) == m.Peek(m.VMA(p)) {
			return table, true
		}
	}
	return 0, false
}

// pmdTable fills a PMD table at the start.
func (s *Sim) pmdTable(first machine.PageID, table machine.Frame) {
	m := s.M
	m.Allocate(table, machine.FrameTable)
	o, _ := m.Backing(first)
	m.SetPMDTable(table, o)
	for i := range m.Region(first).Pages {
		p := first + machine.PageID(i)
		o, ok := m.Backing(p)
		if !ok {
			continue
		}
		if f, cached := machine.Cached(m.Peek(m.CacheSlot(o))); cached {
			bits := machine.Entry(0)
			if m.Peek(m.VMA(p))&machine.VMWrite != 0 {
				bits = machine.RW | machine.Dirty
			}
			m.Store(m.Ref(f), m.Peek(m.Ref(f))+1)
			m.Store(m.EntireMapcount(f), m.Peek(m.EntireMapcount(f))+1)
			m.Store(m.LargeMapcount(f), m.Peek(m.LargeMapcount(f))+1)
			m.SetEntry(table, m.Slot(p, machine.LevelPMD), machine.MakeHuge(f, bits))
		}
	}
}

// hugetlbFolio puts a huge page into the page cache at the start.
func (s *Sim) hugetlbFolio(o machine.Pgoff, content uint64, f machine.Frame) {
	m := s.M
	n := 1
	if s.Kernel.On(HugetlbCacheCountsPages) {
		n = m.HugePages
	}
	at := m.FilePages()[o]
	m.AllocateHugetlb(f)
	m.Store(m.Ref(f), uint64(n))
	m.Store(m.Contents(f), content)
	m.Store(m.Mapping(f), machine.FileMapping(at.File))
	m.Store(m.Index(f), uint64(at.Index))
	m.Store(m.Flags(f), machine.PGUptodate|machine.PGMigratable)
	m.SetCacheSlot(o, uint64(machine.MakeHold(f, n)))
	if m.Peek(m.FileReserve(o)) != 0 {
		m.Store(m.FileReserve(o), 0)
		m.Store(m.Reserved(), m.Peek(m.Reserved())-1)
	}
}
