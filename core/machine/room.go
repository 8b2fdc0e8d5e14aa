package machine

import (
	"fmt"

	"gupscope/core/cell"
)

// Rooms. A room is a region in which nothing is mapped at the start: mremap moves pages of its home, the region that it
// is for, to the same places in it, and back. Both lie alike in their page tables, so that whole tables can move, too.
//
//	region buf   [0] [1]       VMA of both pages
//	room   new    .   .
//	                           mremap(buf[1], new)
//	region buf   [0]  .        VMA of page 0
//	room   new    .  [1]       VMA of page 1
//
// A page is in one of these places at a time. Its anon_vma, its index and what it should read are those of home, wherever
// it is: the kernel's VMAs take their anon_vma and their vm_pgoff along.

// places returns a region that is no room, and the rooms for it, in the order of their addresses.
func (m *Machine) places(mm, home int) []int {
	if !m.Rooms {
		return m.alone[home : home+1]
	}
	return m.rooms[mm][home]
}

// layoutPlaces notes which rooms there are for each region of an mm.
func (m *Machine) layoutPlaces(mm int) {
	if m.rooms == nil {
		m.rooms = make([][][]int, len(m.MMs))
	}
	regions := m.MMs[mm].Regions
	m.rooms[mm] = make([][]int, len(regions))
	for r, c := range regions {
		if len(m.alone) <= r {
			m.alone = append(m.alone, r)
		}
		home := r
		if c.Room {
			home = c.Home
		}
		if home > r || regions[home].Room {
			panic(fmt.Sprintf("machine: room %s is for a region that does not stand before it", c.Name))
		}
		m.rooms[mm][home] = append(m.rooms[mm][home], r)
	}
}

// HomeRegion returns the region that a room is for; of any other region itself.
func (m *Machine) HomeRegion(mm, region int) int {
	if c := &m.MMs[mm].Regions[region]; c.Room {
		return c.Home
	}
	return region
}

// HomePage returns the page from which a page of a room comes; of any other page itself.
func (m *Machine) HomePage(p PageID) PageID {
	if !m.Rooms {
		return p
	}
	at := &m.pages[p]
	return PageID(m.first[at.MM][m.HomeRegion(at.MM, at.Region)] + at.Index)
}

// Place returns the page at the same place in another region as a page: in the room for its region, or in its home.
func (m *Machine) Place(p PageID, region int) PageID {
	at := &m.pages[p]
	return PageID(m.first[at.MM][region] + at.Index)
}

// AnonMappingOf is the mapping of an anonymous folio of the page's own anon_vma, in that mm.
func (m *Machine) AnonMappingOf(p PageID, mm int) uint64 {
	return AnonMapping(mm, m.HomeRegion(m.pages[p].MM, m.pages[p].Region))
}

// AnonVMALock is the rw-lock of the anon_vmas of a region of an mm and of all that are forked from it: of a home, and of the mm
// that is forked from none. It is there if there are rooms, or if who walks reverse mappings may meet who changes what they lead to:
// nobody else has reason to wait for it here.
func (m *Machine) AnonVMALock(mm, home int) Word { return m.at(m.rmapLock, mm*m.regions+home) }

// MappingLock is i_mmap_rwsem of a file. It is there when AnonVMALock is, or if there are PMD tables that mms share.
func (m *Machine) MappingLock(file int) Word {
	return m.at(m.rmapLock, len(m.MMs)*m.regions+file)
}

func (m *Machine) layoutRooms(l *cell.Layout) {
	if !m.Rooms && !m.RmapLocks && m.PMDTables == 0 {
		return
	}
	m.rmapLock = m.addRWLocks(l, AnonVMALock, len(m.MMs)*m.regions, cell.Region{Class: RmapLocks, Name: func(i int) string {
		if mm := m.MMs[i/m.regions]; i%m.regions < len(mm.Regions) {
			return "anon_vma lock of " + mm.Name + " " + mm.Regions[i%m.regions].Name
		}
		return "no region"
	}})
	m.addRWLocks(l, MappingLock, len(m.Files), cell.Region{Class: RmapLocks, Name: func(i int) string { return "i_mmap_rwsem of " + m.Files[i].Name }}) // behind the others: see MappingLock
}

// MoveTable makes a PTE table that of other pages: of those from the huge page of p on, which GUP calls in flight see appear.
func (m *Machine) MoveTable(f Frame, p PageID) {
	m.SetTable(f, p)
	for i := range m.width {
		m.mapped(f, i, Entry(m.Peek(m.Entry(f, i))))
	}
}

// Moved notes that what was mapped at a page is mapped at another one from now on: who holds it, or is about to get it, holds that of the other.
func (m *Machine) Moved(from, to PageID) {
	if !m.Track.Pins {
		return
	}
	mm := m.pages[from].MM
	m.eachVar(func(t, i int) {
		if !m.GUPsFrom(t, mm) {
			return
		}
		if at, ok := PinAtOf(m.Load(m.VarAt(t, i))); ok && at.Page == from {
			at.Page = to
			m.SetPinAt(t, i, at)
		}
	})
	m.eachGUP(mm, func(t, k int, at uint64) {
		if m.gupPlace(at) == from {
			m.Store(m.GUPAt(t, k), at&(1<<gupMoved-1)|uint64(m.pages[to].Region+1)<<gupMoved)
		}
	})
}
