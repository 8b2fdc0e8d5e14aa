package machine

import "fmt"

// A PageID names one virtual page of one mm, over all mms. The pages of a
// region follow each other.
type PageID int

// NoPage is no page: where a search begins.
const NoPage PageID = -1

// A Page is a virtual page: 4 KiB; in a hugetlb region 2 MiB.
type Page struct {
	MM, Region, Index int
	Addr              uint64
	Name              string // "A buf", "A buf[2]"
}

// A RegionConfig is a run of addresses that a scenario declares: what is mapped
// there at the start. It begins on the boundary of a huge page and has the PMD entries that it
// reaches into to itself. VMAs come, go, split and merge within it.
type RegionConfig struct {
	Name  string
	Kind  RegionKind
	Pages int
	Flags uint64 // VMRead | … of every page of it at the start; a child's are copied by fork
	File  int    // which file, where the kind is one of a file
	First int    // the file's page that the region's first page maps
	Home  int    // of a room, into which mremap may move pages: the region before it that they come from; see room.go
	Room  bool
	// Gigabyte says that it covers a whole gigabyte, of a hugetlb file that it maps shared: see gigabyte.go.
	Gigabyte bool
}

// A RegionKind says what lies behind a region.
type RegionKind uint8

const (
	RegionAnon        RegionKind = iota // private anonymous memory
	RegionFilePrivate                   // MAP_PRIVATE of a file
	RegionFileShared                    // MAP_SHARED of a file
	RegionHugetlb                       // private anonymous memory in huge pages of the pool; see hugetlb.go
	RegionPFN                           // MAP_SHARED of a device's memory, which has no struct pages; see pfn.go
)

const (
	mmapBase = 0x7f0000000000 // where region 0 of every mm lies
	pudSize  = 1 << 30
	pmdSize  = 1 << 21
	pageSize = 1 << 12
)

// layoutPages numbers the pages and places every region in its mm's tables.
func (m *Machine) layoutPages() {
	if m.HugePages == 0 {
		m.HugePages = 2
	}
	m.width, m.upperWidth, m.regions, m.gatherMax = m.HugePages, 1, 1, 1
	m.family = make([][]int, len(m.MMs))
	for a := range m.MMs {
		mm := &m.MMs[a]
		if mm.Parent >= a {
			panic(fmt.Sprintf("machine: mm %s is forked from one that does not come before it", mm.Name))
		}
		if mm.Parent >= 0 {
			mm.Regions = m.MMs[mm.Parent].Regions
		}
		for up := a; up >= 0; up = m.MMs[up].Parent {
			m.family[up] = append(m.family[up], a)
		}
		m.layoutRegions(a)
	}
}

func (m *Machine) layoutRegions(a int) {
	var first, pmds, puds []int
	pmd, gigabytes := 0, 0
	mm := &m.MMs[a]
	for r, region := range mm.Regions {
		base, pud := mmapBase+uint64(pmd)*pmdSize, 0
		if region.Gigabyte {
			gigabytes++
			base, pud = mmapBase+uint64(gigabytes)*pudSize, gigabytes
		}
		first, pmds, puds = append(first, len(m.pages)), append(pmds, pmd), append(puds, pud)
		for i := range region.Pages {
			name := mm.Name + " " + region.Name
			if region.Pages > 1 {
				name += fmt.Sprintf("[%d]", i)
			}
			n := m.pagesPerPMD(&region)
			addr := base + uint64(i/n)*pmdSize + uint64(i%n)*pageSize
			if m.Gigantic {
				addr = mmapBase + uint64(pmd+i)*pudSize
			}
			m.pages = append(m.pages, Page{a, r, i, addr, name})
		}
		pmd += m.regionPMDs(&region)
		m.anonWords = max(m.anonWords, (region.Pages+anonPages-1)/anonPages)
	}
	if len(mm.Regions) > 0 {
		m.gatherMax = max(m.gatherMax, len(m.pages)-first[0])
	}
	m.first, m.pmds, m.puds = append(m.first, first), append(m.pmds, pmds), append(m.puds, puds)
	m.upperWidth = max(m.upperWidth, pmd+gigabytes, 1+gigabytes)
	m.regions = max(m.regions, len(mm.Regions))
	m.layoutPlaces(a)
}

// regionPMDs is how many entries of its mm's own PMD table a region reaches into.
func (m *Machine) regionPMDs(r *RegionConfig) int {
	if r.Gigabyte {
		return 0
	}
	n := m.pagesPerPMD(r)
	return (r.Pages + n - 1) / n
}

// pagesPerPMD is how many pages of a region one PMD entry leads to: one of a hugetlb region, whose
// pages are huge.
func (m *Machine) pagesPerPMD(r *RegionConfig) int {
	if m.hugetlb(r) {
		return 1
	}
	return m.HugePages
}

// Pages returns all virtual pages by PageID.
func (m *Machine) Pages() []Page { return m.pages }

// PageAt returns the page with that index in a region.
func (m *Machine) PageAt(mm, region, index int) PageID {
	if index < 0 || index >= m.MMs[mm].Regions[region].Pages {
		panic(fmt.Sprintf("machine: %s has no page %d in %s: the scenario's checks let it through", m.MMs[mm].Name, index, m.MMs[mm].Regions[region].Name))
	}
	return PageID(m.first[mm][region] + index)
}

// Region returns the region of a page.
func (m *Machine) Region(p PageID) *RegionConfig {
	at := &m.pages[p]
	return &m.MMs[at.MM].Regions[at.Region]
}

// HugeStart returns the first page of the huge page that p lies in: the one that
// entry 0 of its PTE table maps.
func (m *Machine) HugeStart(p PageID) PageID {
	return p - PageID(m.pages[p].Index%m.pagesPerPMD(m.Region(p)))
}

// HugeEnd returns the page behind the last one of the region that has its entry
// in p's PTE table.
func (m *Machine) HugeEnd(p PageID) PageID {
	at := &m.pages[p]
	r := &m.MMs[at.MM].Regions[at.Region]
	n := m.pagesPerPMD(r)
	return PageID(m.first[at.MM][at.Region] + min(r.Pages, (at.Index/n+1)*n))
}

// MMPages returns the first and the last page of an mm.
func (m *Machine) MMPages(mm int) (first, last PageID) {
	r := len(m.MMs[mm].Regions) - 1
	if r < 0 {
		return 0, NoPage
	}
	return m.PageAt(mm, 0, 0), m.PageAt(mm, r, m.MMs[mm].Regions[r].Pages-1)
}

// Twin returns the page of another mm of the family at the same address.
func (m *Machine) Twin(p PageID, mm int) PageID {
	at := &m.pages[p]
	return PageID(m.first[mm][at.Region] + at.Index)
}
