package machine

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
)

// Huge pages of hugetlb. They lie in a pool of their own, from which mmap reserves
// and faults take, and never come apart: each is one Frame here, whatever size it has, and a
// page of a hugetlb region is a huge page, with a PMD entry to itself.
//
//	mm A     VMA buf: hugetlb, rw        PMD: frame 7, huge, W D
//	                                     PMD: none, but a page is reserved
//	pool     frames 7, 8; 1 reserved
//
// With Config.Gigantic a huge page has a gigabyte, and a PUD entry maps it: there are no tables below. What has to do with PMD entries (LevelPMD, PMD, SetPMD) is one level up then.
//
// To the counts a huge page is a large folio: entire mapcount, pincount. No list, no swap,
// no writeback knows it.

// hugetlb reports whether the pages of a region are huge.
func (m *Machine) hugetlb(r *RegionConfig) bool {
	return r.Kind == RegionHugetlb || r.Kind.OfFile() && m.Files[r.File].Kind == Hugetlbfs
}

// HugetlbPage reports whether a page lies in a hugetlb region. Compare include/linux/hugetlb.h:is_vm_hugetlb_page.
func (m *Machine) HugetlbPage(p PageID) bool { return m.Hugetlb > 0 && m.hugetlb(m.Region(p)) }

// OfFile reports whether a file is mapped in regions of the kind.
func (k RegionKind) OfFile() bool { return k == RegionFilePrivate || k == RegionFileShared }

// hugetlbBase is the first frame of the pool.
func (m *Machine) hugetlbBase() int { return m.pfnBase - m.Hugetlb }

// IsHugetlb reports whether the frame is a huge page of the pool.
// Compare include/linux/page-flags.h:folio_test_hugetlb.
func (m *Machine) IsHugetlb(f Frame) bool {
	return int(f) >= m.hugetlbBase() && int(f) < m.pfnBase
}

// HugetlbFrame returns huge page i of the pool.
func (m *Machine) HugetlbFrame(i int) Frame { return Frame(m.hugetlbBase() + i) }

// OffersHugetlb calls f with the free huge pages that may be taken, as Offers does with frames.
func (m *Machine) OffersHugetlb(f func(Frame)) {
	first := m.alloc + cell.ID(m.hugetlbBase())
	m.offer(first, first+cell.ID(m.Hugetlb), m.alloc, m.staleFrames(), func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, func(i int) { f(Frame(i)) })
}

// OffersHugetlbIn is OffersHugetlb of the pages that lie in one of some zones, by index.
func (m *Machine) OffersHugetlbIn(zones []int, f func(Frame)) {
	named := m.staleFrames()
	first := m.alloc + cell.ID(m.hugetlbBase())
	m.Mem.Note(first, first+cell.ID(m.Hugetlb))
	for _, z := range zones {
		anonymous := false
		for i := range m.Hugetlb {
			h := m.HugetlbFrame(i)
			if m.Peek(m.State(h)) != FrameFree || m.ZoneOf(h) != m.Zones[z] {
				continue
			}
			m.Seek(h)
			if stale := slices.Contains(named, int(h)); stale || !anonymous {
				f(h)
				anonymous = anonymous || !stale
			}
		}
	}
}

// FreeHugetlb is how many huge pages of the pool are free: free_huge_pages.
func (m *Machine) FreeHugetlb() int {
	first := m.alloc + cell.ID(m.hugetlbBase())
	end := first + cell.ID(m.Hugetlb)
	m.Mem.Note(first, end)
	n := 0
	for id := m.Mem.Zero(first, end); id < end; id = m.Mem.Zero(id+1, end) {
		n++
	}
	return n
}

// Reserved is how many of the free huge pages are promised: resv_huge_pages.
func (m *Machine) Reserved() Word { return m.at(m.reserved, 0) }

// Reserve is 1 while a huge page is reserved for a page of a private hugetlb mapping: what mmap does for
// who maps it. A child that fork makes has none. Of files, see FileReserve.
func (m *Machine) Reserve(p PageID) Word { return m.at(m.reserve, int(p)) }

// FileReserve is 1 while a huge page is reserved for a page of a file.
func (m *Machine) FileReserve(o Pgoff) Word { return m.at(m.reserve, len(m.pages)+int(o)) }

// Unmapped is 1 once a page of a region of a child was taken away because its parent needed
// one: HPAGE_RESV_UNMAPPED. Who finds no page there from then on gets SIGBUS.
func (m *Machine) Unmapped(mm, region int) Word { return m.at(m.resvUnmapped, mm*m.regions+region) }

// FaultMutex is the mutex of faults on a page of a private hugetlb mapping, which its family shares, or of
// a file: hugetlb_fault_mutex_table. (The kernel hashes; here nothing collides.)
func (m *Machine) FaultMutex(p PageID) Word {
	if o, ok := m.Backing(p); ok {
		return m.FileFaultMutex(o)
	}
	root := m.pages[p].MM
	for m.MMs[root].Parent >= 0 {
		root = m.MMs[root].Parent
	}
	return m.at(m.faultMutex, int(m.Twin(p, root)))
}

// FileFaultMutex is the mutex of faults on a page of a hugetlb file.
func (m *Machine) FileFaultMutex(o Pgoff) Word { return m.at(m.faultMutex, len(m.pages)+int(o)) }

// AllocateHugetlb hands a huge page of the pool out: refcount 1, content zeroed. The caller holds the reference.
func (m *Machine) AllocateHugetlb(f Frame) { m.Allocate(f, FrameData) }

// freeHugetlb gives a huge page back to the pool. Compare mm/hugetlb.c:free_huge_folio.
func (m *Machine) freeHugetlb(f Frame) bool {
	if m.Load(m.Ref(f)) != 0 || m.Load(m.EntireMapcount(f)) != 0 || m.Load(m.Pincount(f)) != 0 {
		m.Store(m.State(f), FrameLeaked)
		m.Raise(AlarmBadPage, uint64(f))
		return false
	}
	if m.Track.Alarms>>AlarmPinnedFreed&1 != 0 && m.pinnedBySomebody(f) {
		m.Raise(AlarmPinnedFreed, uint64(f))
	}
	m.Store(m.State(f), FrameFree)
	for _, w := range []Word{m.Flags(f), m.Mapping(f), m.Index(f), m.Contents(f)} {
		m.Store(w, 0)
	}
	m.markStale(f, 1)
	return true
}

func (m *Machine) layoutHugetlb(l *cell.Layout) {
	if m.Hugetlb == 0 {
		return
	}
	n := len(m.pages)
	page := func(what string) func(int) string {
		return func(i int) string {
			if i >= n {
				return what + " of " + m.filePages[i-n].Name
			}
			return what + " of " + m.pages[i].Name
		}
	}
	m.reserved = l.Add(1, cell.Region{Class: HugetlbPool, Owner: "hugetlb", Name: func(int) string { return "huge pages reserved" }})
	m.reserve = l.Add(n+len(m.filePages), cell.Region{Class: HugetlbPool, Owner: "hugetlb", Name: page("reservation"), Decode: words("none", "one huge page")})
	m.faultMutex = m.addLocks(l, FaultMutex, n+len(m.filePages), cell.Region{Class: HugetlbPool, Name: page("hugetlb fault mutex")})
	m.resvUnmapped = l.Add(len(m.MMs)*m.regions, cell.Region{Class: HugetlbPool, Owner: "hugetlb", Name: func(i int) string {
		if mm := m.MMs[i/m.regions]; i%m.regions < len(mm.Regions) {
			return fmt.Sprintf("pages taken from %s %s", mm.Name, mm.Regions[i%m.regions].Name)
		}
		return "no region"
	}, Decode: words("no", "yes")})
}
