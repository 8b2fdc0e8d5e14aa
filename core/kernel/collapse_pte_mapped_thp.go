package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// khugepaged_collapse_pte_mapped_thps, until 6.5, in straight line:
//
//	mmap_write_trylock(): somebody has it: in the next pass
//	the mm is going: stop
//	every page table that is noted: collapse_pte_mapped_thp()
//	mmap_write_unlock()
//
// Noted are those whose mmap_lock retract_page_tables() did not get, and from 6.1 on those that khugepaged finds over a huge page of a file.
//
// compare mm/khugepaged.c:khugepaged_collapse_pte_mapped_thps
var _ = register(fnCollapsePTEMappedTHPs, &Func{Large: true,
	Name: "khugepaged_collapse_pte_mapped_thps", File: "mm/khugepaged.c", Params: []int{0},
	Locals: []Local{{"address", PageLocal}, {"result", IntLocal}},
	Steps: []Step{
		cnTrylock: {Label: "trylock", Says: "try mmap_lock for writing", Ref: "mmap_write_trylock", When: KhpPasses, Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			w := c.M.MmapLock(c.mmOf(0))
			if !c.WriteFree(w).Ready() {
				c.Say("somebody has it: in the next pass")
				return Return
			}
			c.WriteLock(w)
			return Then
		}},
		cnExit: khpPassExit(testExitStep(0, 1, cnUnlock)),
		cnNext: {Label: "next", Says: "the next page table that is noted", Ref: "collapse_pte_mapped_thp", When: KhpPasses, Touches: cell.Of(machine.MMs), Calls: []FuncID{fnCollapsePTEMappedTHP}, Back: []int{cnNext}, Do: func(c *Ctx) Next {
			mm := c.mmOf(0)
			w := c.M.NotedTHP(mm)
			for p, last := c.M.MMPages(mm); p <= last; p = c.M.HugeEnd(p) {
				if bit := c.M.NotedBit(p); c.Load(w)&bit != 0 {
					c.Sayf("%s is noted", c.M.Pages()[p].Name)
					c.AndNot(w, bit)
					return c.Call(fnCollapsePTEMappedTHP, cnNext, uint64(p), 0)
				}
			}
			c.Say("no more are noted")
			return Then
		}},
		cnUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", When: KhpPasses, Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.unlockMM(c.mmOf(0))
			return Return
		}},
	},
})

const (
	cnTrylock = iota
	cnExit
	cnNext
	cnUnlock
)

// collapse_pte_mapped_thp, under mmap_lock, in straight line:
//
//	no VMA that a huge page of the file fits into, or the page cache has none there: done
//	lock the huge page; it is not the file's any more, or there is no page table: unlock it, done
//	lock the PTL; a PTE maps anything but its page of the huge page: give up; unlock
//	tell secondary MMUs
//	lock the PTL; every PTE: look again, it maps something else by now: flush, give up
//	                         clear it; mapped once less
//	unlock the PTL; drop the references of all those PTEs
//	lock the PMD, the PTL; clear the PMD, flush; unlock both
//	tell secondary MMUs that it is done; pte_free_defer(): the table is freed after a grace period
//	unlock the huge page, put it
//
// Until 6.5, under mmap_lock for writing:
//
//	the VMA has an anon_vma: done                    // from 6.1 on
//	lock the VMA; lock the huge page; as above
//	lock file->i_mmap_rwsem, for writing             // from 6.1 on
//	lock the PTL; a PTE maps anything but its page of the huge page: give up; unlock
//	from 6.1 on: tell secondary MMUs
//	clear the PMD, flush
//	from 6.1 on: tlb_remove_table_sync_one()
//	its pages are mapped once less, drop their references
//	tell secondary MMUs that it is done; free the table
//	unlock i_mmap_rwsem, the huge page; put it
//
// What is in the table can be had from the page cache again: the next fault maps it. MADV_COLLAPSE (install_pmd) maps the huge page by the PMD at once, before the huge
// page is unlocked, and begins with that where there is no page table; whatever keeps it from that is its -EINVAL. (Read in source: 6.1, 6.12;
// what 6.12 finds changed once the huge page is locked, it leaves.)
//
// The lock of the huge page keeps faults from mapping it, and truncation, which locks it, too. It does not keep from the table who takes PTEs
// away before he has that lock, under i_mmap_rwsem alone:
//
//	CPU0 (unmap_mapping_range)       CPU1 (khugepaged)
//	lock i_mmap_rwsem, for reading
//	read the PMD: table 7
//	                                 clear the PMD, flush
//	                                 free table 7
//	lock the PTL of table 7
//
// So from 6.1 on i_mmap_rwsem is taken for writing; from 6.6 on RCU keeps the table, and who has its lock looks at the PMD again: see table_map.go.
//
// (Until 6.5 the pages are mapped less before the PMD is cleared, and their PTEs stay as they are and are freed with the table. Who could
// tell needs the lock of the huge page, or the PTL, or finds the table freed. And the VMA is locked behind the huge page, as faults on files do without the
// lock of their VMA until 6.5. Here they take it.)
//
// compare mm/khugepaged.c:collapse_pte_mapped_thp, collapse_and_free_pmd
var _ = register(fnCollapsePTEMappedTHP, &Func{Large: true,
	Name: "collapse_pte_mapped_thp", File: "mm/khugepaged.c", Params: []int{pmAt, pmInstall},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"table", HoldLocal}, {"references", HoldLocal}, {"address", PageLocal}, {"start", PgoffLocal}, {"i", IntLocal}, {"install_pmd", IntLocal}, {"result", IntLocal}},
	Steps: []Step{
		pmAnon: {Label: "anon_vma", Says: "has it an anon_vma?", Answer: "no", Ref: "vma->anon_vma", When: With(KhpRetractLocks).AndKhpPasses(), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if c.hasAnonVMA(c.Page(pmAt)) {
				c.Say("it has an anon_vma: leave its page table")
				return c.pteMappedFails(Return)
			}
			return Then
		}},
		pmVMALock: {Label: "lock_vma", Says: "lock the VMA: no fault is in it", Ref: "vma_start_write", When: With(PerVMALock).AndKhpPasses(), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.vmaLock(pmAt)) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.vmaLock(pmAt))
				return Then
			}},
		pmFind: pteMappedFind,
		pmLock: pteMappedLock(pmPut),
		pmPMD:  pteMappedPMD(pmUnlock, pmWhether),
		pmMapLock: {Label: "lock_file", Says: "lock file->i_mmap_rwsem, for writing", Ref: "i_mmap_lock_write", When: With(KhpRetractLocks).AndKhpPasses(), Touches: cell.Of(machine.RmapLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.mappingLock(pmStart)) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.mappingLock(pmStart))
				return Then
			}},
		pmCheck:      pteMappedCheck(pmMapUnlock),
		pmStartTell:  toldStart(hugeOf(pmAt), With(KhpRetractNotifies).AndKhpPasses()),
		pmClear:      retractClear(pteMapped, With(FlushRangeTellsTables), pmSync, 1),
		pmClearQuiet: retractClear(pteMapped, Without(FlushRangeTellsTables), pmSync, 0),
		pmSync: {Label: "sync", Says: "wait for whoever walks the table", Ref: "tlb_remove_table_sync_one", When: With(KhpSyncOne).AndKhpPasses(), Local: true, Calls: []FuncID{fnTLBRemoveTableSyncOne}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBRemoveTableSyncOne, pmUnmap)
		}},
		pmUnmap: {Label: "unmap", Says: "its pages are mapped once less, drop their references", Ref: "page_remove_rmap", When: KhpPasses, Touches: cell.Of(machine.PTEs, machine.Mapcounts, machine.Refs), Do: func(c *Ctx) Next {
			n := 0
			for p := c.Page(pmAt); p <= c.lastHuge(c.Page(pmAt)); p++ {
				if e := machine.Entry(c.Load(c.PTE(c.Frame(pmPMDLocal), p))); e.Present() {
					c.ClearPTE(c.Frame(pmPMDLocal), p)
					c.rmapAdd(e.Frame(), -1)
					n++
				}
			}
			c.Put(c.Held(0).Frame(), n)
			return Then
		}},
		pmEndTell: toldRetracted(pmAt),
		pmFree:    retractFree(pteMapped),
		pmMapUnlock: {Label: "unlock_file", Says: "unlock file->i_mmap_rwsem", Ref: "i_mmap_unlock_write", When: With(KhpRetractLocks).AndKhpPasses(), Touches: cell.Of(machine.RmapLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.mappingLock(pmStart))
			return Then
		}},
		pmWhether: pteMappedWhether(pmUnlock),
		pmSetPMD:  pteMappedSetPMD,
		pmUnlock:  khpPassStep(unlockFolio),
		pmPut:     khpPassStep(putFolio(pmDone)),
		pmDone:    pteMappedDone,
	},
	Instead: []Variant{{With(KhpRetractRCU), []Step{
		pqFind:      pteMappedFind,
		pqLock:      pteMappedLock(pqPut),
		pqPMD:       pteMappedPMD(pqUnlock, pqWhether),
		pqCheck:     pteMappedCheck(pqUnlock),
		pqStartTell: toldStart(hugeOf(pmAt), With(KhpRetractNotifies).AndKhpPasses()),
		pqPTL: {Label: "lock_ptl", Says: "lock the PTL again", Ref: "pte_offset_map_nolock", When: KhpPasses, Touches: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(pmPMDLocal))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(pmPMDLocal)
				return Then
			}},
		pqClearPTE: {Label: "clear", Says: "the next PTE: clear it, its page is mapped once less", Ref: "ptep_clear", When: KhpPasses, Touches: cell.Of(machine.PTEs, machine.Mapcounts), Back: []int{pqClearPTE}, Do: (*Ctx).pteMappedClear},
		pqPTLUnlock: {Label: "unlock_ptl", Says: "unlock the PTL", Ref: "spin_unlock", When: KhpPasses, Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(pmPMDLocal)))
			return Then
		}},
		pqRefs: {Label: "put_ptes", Says: "drop the references of those PTEs", Ref: "folio_ref_sub", When: KhpPasses, Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.pteMappedPut()
			return Then
		}},
		pqPMDLock: retractLockPMD(pteMapped, KhpPasses),
		pqPTLNested: {Label: "lock_nested", Says: "lock the PTL", Ref: "spin_lock_nested", When: KhpPasses, Touches: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(pmPMDLocal))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(pmPMDLocal)
				return Then
			}},
		pqClear:      retractClear(pteMapped, With(FlushRangeTellsTables), pqUnlockBoth, 1),
		pqClearQuiet: retractClear(pteMapped, Without(FlushRangeTellsTables), pqUnlockBoth, 0),
		pqUnlockBoth: retractUnlock(pteMapped, KhpPasses, pqEndTell),
		pqAbortFlush: {Label: "abort_flush", Says: "flush, if PTEs were cleared", Ref: "flush_tlb_mm", When: KhpPasses, Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			if !c.Held(pmRefs).Some() {
				return Then
			}
			first, last := c.M.MMPages(c.mmOf(pmAt))
			return c.Call(fnFlushTLBMMRange, pqAbortPut, uint64(c.mmOf(pmAt)), uint64(first), uint64(last), 1)
		}},
		pqAbortPut: {Label: "abort", Says: "drop the references of the PTEs that were cleared, unlock the PTL", Ref: "folio_ref_sub", When: KhpPasses, Touches: cell.Of(machine.Refs, machine.PTLs), Do: func(c *Ctx) Next {
			c.pteMappedPut()
			c.Unlock(c.M.PTL(c.Frame(pmPMDLocal)))
			return Then
		}},
		pqEndTell: toldRetracted(pmAt),
		pqFree: {Label: "call_rcu", Says: "have the page table freed after a grace period", Ref: "pte_free_defer", When: KhpPasses, Touches: cell.Of(machine.RCU), Reads: cell.Of(machine.IRQs), Anywhere: cell.Of(machine.IRQs), Do: func(c *Ctx) Next {
			c.retractDefer(pteMapped)
			return Then
		}},
		pqWhether: pteMappedWhether(pqUnlock),
		pqSetPMD:  pteMappedSetPMD,
		pqUnlock:  khpPassStep(unlockFolio),
		pqPut:     khpPassStep(putFolio(pqDone)),
		pqDone:    pteMappedDone,
	}}},
})

const pmPMDLocal, pmTable, pmRefs, pmAt, pmStart, pmIndex, pmInstall, pmResult = 1, 2, 3, 4, 5, 6, 7, 8

const (
	pmAnon = iota
	pmVMALock
	pmFind
	pmLock
	pmPMD
	pmMapLock
	pmCheck
	pmStartTell
	pmClear
	pmClearQuiet
	pmSync
	pmUnmap
	pmEndTell
	pmFree
	pmMapUnlock
	pmWhether
	pmSetPMD
	pmUnlock
	pmPut
	pmDone
)

const (
	pqFind = iota
	pqLock
	pqPMD
	pqCheck
	pqStartTell
	pqPTL
	pqClearPTE
	pqPTLUnlock
	pqRefs
	pqPMDLock
	pqPTLNested
	pqClear
	pqClearQuiet
	pqUnlockBoth
	pqAbortFlush
	pqAbortPut
	pqEndTell
	pqFree
	pqWhether
	pqSetPMD
	pqUnlock
	pqPut
	pqDone
)

// pteMapped are the locals that say which page table goes.
var pteMapped = retracted{pmd: pmPMDLocal, table: pmTable, at: pmAt}

// khpPassStep is a step that is there where khugepaged may come to huge pages of files.
func khpPassStep(s Step) Step {
	s.When = KhpPasses
	return s
}

// pteMappedFind finds the huge page that the page cache has for the range.
var pteMappedFind = Step{Label: "find", Says: "find the huge page in the page cache: take a reference", Ref: "filemap_lock_folio", When: KhpPasses, Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache, machine.VMAs), Do: func(c *Ctx) Next {
	p := c.M.HugeStart(c.Page(pmAt))
	c.Set(pmAt, uint64(p))
	o, ok := c.backing(p)
	if !ok || !c.hugeFits(p) {
		c.Say("no huge page of the file fits into the VMA")
		return c.pteMappedFails(Return)
	}
	c.Set(pmStart, uint64(o))
	if f, ok := machine.Cached(c.Load(c.M.CacheSlot(o))); !ok || !c.M.IsLarge(f) || c.M.Head(f) != f || !c.find(0, o) {
		c.Say("the page cache has no huge page there")
		return c.pteMappedFails(Return)
	}
	return Then
}}

// pteMappedLock locks the huge page, and goes on at step put if it is not the file's any more.
func pteMappedLock(put Next) Step {
	return Step{Label: "lock", Says: "lock it; is it still the file's?", Answer: "yes", Ref: "folio_lock", When: KhpPasses, Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Wait: folioLockFree, Do: func(c *Ctx) Next {
		if !c.M.IsLarge(c.Held(0).Frame()) || !c.ours(c.Held(0).Frame(), c.Pgoff(pmStart)) {
			c.Say("it is not the file's any more: put it")
			return c.pteMappedFails(put)
		}
		c.Lock(c.folioLock(c.Held(0).Frame()))
		return Then
	}}
}

// pteMappedPMD reads the PMD, and goes on at step huge if that maps the huge page, and at step none if there is no page table.
func pteMappedPMD(huge, none Next) Step {
	return Step{Label: "read_pmd", Says: "read the PMD", Ref: "find_pmd_or_thp_or_none", When: KhpPasses, Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
		switch pmd := machine.Entry(c.Keep(pmPMDLocal, c.M.PMD(c.Page(pmAt)))); {
		case pmd.Has(machine.PSE):
			c.Say("the PMD maps it: nothing to do")
			c.Set(pmPMDLocal, 0)
			return huge
		case !pmd.Present():
			c.Say("there is no page table: nothing to do")
			return none
		}
		return Then
	}}
}

// pteMappedCheck looks, under the PTL, at every PTE, and goes on at step stop if one maps something else than its page of the huge page.
func pteMappedCheck(stop Next) Step {
	return Step{Label: "check", Says: "under the PTL: does every PTE map its page of the huge page, or nothing?", Answer: "yes", Ref: "pte_offset_map_lock", When: KhpPasses, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
		Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(pmPMDLocal))) },
		Do: func(c *Ctx) Next {
			c.walked(c.Entry(pmPMDLocal))
			for i := range c.M.HugePages {
				if e := c.pteMappedEntry(i); !e.None() && !c.pteMapsIts(i, e) {
					c.Sayf("%s: leave the page table", e)
					return c.pteMappedFails(stop)
				}
			}
			return Then
		}}
}

// pteMappedEntry is PTE i of the page table.
func (c *Ctx) pteMappedEntry(i int) machine.Entry {
	return machine.Entry(c.Load(c.PTE(c.Frame(pmPMDLocal), c.Page(pmAt)+machine.PageID(i))))
}

// pteMapsIts reports whether PTE i maps page i of the huge page.
func (c *Ctx) pteMapsIts(i int, e machine.Entry) bool {
	return e.Present() && e.Frame() == c.Held(0).Frame()+machine.Frame(i)
}

// pteMappedClear clears the next PTE, whose reference is ours then.
func (c *Ctx) pteMappedClear() Next {
	for int(c.L(pmIndex)) < c.M.HugePages {
		i := int(c.L(pmIndex))
		c.Set(pmIndex, uint64(i)+1)
		e := c.pteMappedEntry(i)
		switch {
		case e.None():
			continue
		case !c.pteMapsIts(i, e):
			c.Sayf("%s by now: leave the page table", e)
			return c.pteMappedFails(pqAbortFlush)
		}
		c.ClearPTE(c.Frame(pmPMDLocal), c.Page(pmAt)+machine.PageID(i))
		c.Sayf("clear the PTE of page %d: it was %v; its page is mapped once less", i, e)
		c.rmapAdd(e.Frame(), -1)
		n := c.Held(pmRefs).Count()
		c.Hold(pmRefs, c.Held(0).Frame(), n+1)
		return pqClearPTE
	}
	c.Say("all PTEs are none")
	return pqPTLUnlock
}

// pteMappedPut drops the references of the PTEs that were cleared. The page cache has one: they are not the last.
func (c *Ctx) pteMappedPut() {
	h := c.Held(pmRefs)
	if !h.Some() {
		c.Say("no PTE was cleared")
		return
	}
	c.Release(pmRefs)
	c.Put(h.Frame(), h.Count())
}

// pteMappedFails notes for MADV_COLLAPSE that the PMD does not map the huge page, and goes on at step next, or returns. What khugepaged is told, it passes over.
func (c *Ctx) pteMappedFails(next Next) Next {
	switch {
	case c.L(pmInstall) == 0:
		return next
	case next == Return:
		return c.Return(scanInvalid)
	}
	c.Set(pmResult, scanInvalid)
	return next
}

// pteMappedWhether goes on at step unlock unless the PMD is to map the huge page: khugepaged leaves that to the next fault.
func pteMappedWhether(unlock Next) Step {
	return Step{Label: "install", Says: "is the PMD to map it?", When: FilePMDs.AndKhpPasses(), Local: true, Do: func(c *Ctx) Next {
		if c.L(pmInstall) == 0 || c.L(pmResult) != scanSucceed {
			return unlock
		}
		return Then
	}}
}

var pteMappedSetPMD = Step{Label: "set_pmd", Says: "is the PMD none? Map the huge page by it", Ref: "set_huge_pmd", When: FilePMDs.AndKhpPasses(), Touches: largeTouches,
	Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(pmAt))) },
	Do: func(c *Ctx) Next {
		c.Set(pmResult, c.setHugePMD(c.Page(pmAt), c.Held(0).Frame()))
		return Then
	}}

var pteMappedDone = Step{Label: "done", Says: "return what came of it", When: KhpPasses, Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(pmResult)) }}

// setHugePMD maps a huge page of a file, which the caller has locked, by the PMD, as a read fault would. It fails where the PMD is not none, or memory of the huge
// page has failed.
// compare mm/khugepaged.c:set_huge_pmd, mm/memory.c:do_set_pmd
func (c *Ctx) setHugePMD(p machine.PageID, f machine.Frame) uint64 {
	switch pmd := machine.Entry(c.Load(c.M.PMD(p))); {
	case !pmd.PMDNone():
		c.Sayf("somebody else was faster: %v", pmd)
		return scanInvalid
	case c.failedWithin(f):
		c.Say("memory of it has failed")
		return scanInvalid
	}
	c.Get(c.M.Head(f), 1)
	c.rmapAddPMD(c.M.Head(f), 1)
	e := c.protected(machine.MakeHuge(c.M.Head(f), c.readFaultBits(p)), p)
	c.Sayf("map it by the PMD: %v", e)
	c.SetPMD(p, e)
	return scanSucceed
}
