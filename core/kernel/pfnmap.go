package kernel

import (
	"slices"

	"gupscope/core/machine"
)

// A device's memory that its driver has mapped, by remap_pfn_range() (VM_IO | VM_PFNMAP) or vm_insert_mixed() (VM_MIXEDMAP), as a shared mapping.
// All of it is mapped from mmap on; no fault brings any in. There are no struct pages, so nothing that goes by one can be done:
//
//	GUP-fast               the PTE is special: left to the slow path
//	slow GUP               VM_PFNMAP: -EFAULT. VM_MIXEDMAP: -EEXIST, which is success for who only wants it to be there (MADV_POPULATE_READ, mlock)
//	madvise                VM_PFNMAP: -EINVAL of DONTNEED, FREE, COLD, PAGEOUT, POPULATE. VM_MIXEDMAP: only of FREE
//	fork                   PTEs are copied as they are, though nothing in the VMA is anonymous: no reference, no count, no write protection
//	munmap, mprotect       as any PTE, but for the counts
//	reclaim, migration, KSM, NUMA balancing, clear_refs, mlock
//	                       pass over it
//	vfio_dma_map           takes the number that the PTE has, and holds nothing (vfio.go)
//
// Left out: drivers that take away what they have mapped (unmap_mapping_range()), for which munmap flushes such VMAs at once (from 5.19 on, b67fbebd4cf9).
//
// compare mm/memory.c:remap_pfn_range, vm_normal_page, vm_insert_mixed

// isPFN reports whether a page lies in a mapping of a device's memory.
func (c *Ctx) isPFN(p machine.PageID) bool { return c.M.Region(p).Kind == machine.RegionPFN }

// pfnMap reports whether it does, and the mapping was VM_PFNMAP from the beginning on, not VM_MIXEDMAP.
func (c *Ctx) pfnMap(p machine.PageID) bool { return c.M.Region(p).Flags&machine.VMPFNMap != 0 }

// fileKind is what the mapping of a file is of.
func (c *Ctx) fileKind(p machine.PageID) machine.FileKind {
	if c.isPFN(p) {
		return machine.CharDevice
	}
	return c.M.Files[c.M.Region(p).File].Kind
}

// followPFN ends follow_page_pte at memory without a struct page: what is touched there, the PTE says alone.
// compare mm/gup.c:follow_pfn_pte
func (c *Ctx) followPFN(errno uint64) Next {
	if e := c.Entry(fpPTE); c.L(fpFlags)&FollTouch != 0 {
		touched := e | machine.Accessed
		if c.L(fpFlags)&FollWrite != 0 {
			touched |= machine.Dirty
		}
		if touched != e {
			c.SetPTE(c.Frame(fpPMD), c.Page(fpAddr), touched)
		}
	}
	c.Unlock(c.M.PTL(c.Frame(fpPMD)))
	return c.Fail(errno)
}

// pfnPage maps page i of a device's memory, as mmap has.
func (s *Sim) pfnPage(p machine.PageID, i int, vs *RegionSetup, table machine.Frame, pfn *machine.Frame) {
	m := s.M
	f := *pfn
	*pfn++
	m.Store(m.State(f), machine.FrameDevice)
	if i < len(vs.Fill) {
		m.Store(m.Contents(f), m.Value(vs.Fill[i]))
	}
	bits := machine.Special
	if vs.Writable {
		bits |= machine.RW
	}
	m.SetEntry(table, m.Slot(p, machine.LevelPTE), machine.MakePTE(f, bits))
}

// pfnMaps reports whether memory without struct pages is mapped.
func (s *Setup) pfnMaps() bool {
	return slices.ContainsFunc(s.MMs, func(m MMSetup) bool {
		return slices.ContainsFunc(m.Regions, func(r RegionSetup) bool { return r.Kind == machine.RegionPFN })
	})
}

// OnPFNMap reports whether a statement can be played: if it names memory without struct pages, it is one that knows what to do about it.
func (s *Setup) OnPFNMap(st *Stmt) bool {
	for i, p := range st.Call.Params {
		if i >= len(st.Args) || !p.NamesPages(st.Args[i]) {
			continue
		}
		a := st.Args[i]
		if a.MM >= len(s.MMs) || a.Region >= len(s.MMs[a.MM].Regions) || s.MMs[a.MM].Regions[a.Region].Kind != machine.RegionPFN {
			continue
		}
		if st.Call.Result == PageResult {
			return true
		}
		switch st.Call.table(st.Args) {
		case fnStore, fnLoad, fnMunmap, fnMprotect, fnMadvise, fnMadviseVMABehavior, fnMlock, fnMunlock, fnClearRefs, fnTaskNUMAWork, fnShrinkFolioList, fnMsync, fnProcessVMReadv, fnProcessVMWritev:
			return true
		}
		return false
	}
	return true
}
