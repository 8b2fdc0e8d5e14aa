package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// collapse_huge_page, in straight line:
//
//	huge = alloc_charge_folio()
//	mmap_read_lock(); swapped pages, and those being moved: fault them in, lru_add_drain(); mmap_read_unlock()
//	newer: one had to be read from the device: give up
//	mmap_write_lock(); lock the VMA; not as it was: give up     // no faults, no slow GUP from here on
//	lock the anon_vma                                           // nobody walks a reverse mapping
//	clear the PMD, flush: no translation below it is left
//	tlb_remove_table_sync_one()                                 // nobody walks the table any more
//	lock the PTL; every page: trylock, references as expected, isolate; else put the PMD back, give up
//	unlock the PTL, the anon_vma; copy every page
//	every page: back to the LRU list, unlocked; clear the PTE; drop it from the swap cache, and the PTE's reference
//	large folios back to the LRU list
//	PMD = huge, exclusive, writable, dirty; deposit the page table
//	mmap_write_unlock()
//
// GUP-fast may stand in the page table that was taken out. Two looks keep it from what it finds
// there: after its reference is taken, it looks at the PMD again; after the PMD is cleared, collapse looks at
// the references.
//
//	CPU0 (GUP-fast)                 CPU1 (khugepaged)
//	read the PMD, read the PTE
//	                                clear the PMD
//	take a reference                are the references as expected?
//	is the PMD still the same?
//
// And who has been in it must have left before it is used again: with a flush by IPI all have, else
// tlb_remove_table_sync_one() sees to it.
//
// Who walks the reverse mapping of a page finds nothing at a PMD that is cleared, and would pass by. The lock of the anon_vma keeps
// reclaim, migration and splits from there until the pages are isolated, and so locked, or the page table is back:
//
//	CPU0 (migration)                CPU1 (khugepaged)
//	put the migration entry
//	                                clear the PMD
//	the PMD is none: nothing to do
//	                                a page is gone: put the page table back
//	                                (the migration entry stays for ever)
//
// compare mm/khugepaged.c:collapse_huge_page
var _ = register(fnCollapseHugePage, &Func{Large: true,
	Name: "collapse_huge_page", File: "mm/khugepaged.c", FileWas: []Name{{"mm/huge_memory.c", 408}}, Params: []int{kcAddr},
	Locals: []Local{{"pmd", TableLocal}, {"table", HoldLocal}, {"folio", HoldLocal}, {"pte_reference", HoldLocal}, {"src_page", FrameLocal}, {"address", PageLocal}, {"i", IntLocal}, {"result", IntLocal}, {"swapped_in", IntLocal}},
	Steps: []Step{
		kcAlloc: {Label: "alloc", Says: "take a free block", Ref: "alloc_charge_folio", Touches: allocTouches | cell.Of(machine.Compounds), Choose: blockOffers, Do: func(c *Ctx) Next {
			c.Set(kcAddr, uint64(c.M.HugeStart(c.Page(kcAddr))))
			if c.Key == 0 {
				c.Say("there is no free block")
				return c.Return(scanNoMemory)
			}
			c.Sayf("take a free block: frames %d to %d", c.Key, c.Key+c.M.HugePages-1)
			c.M.AllocateLarge(machine.Frame(c.Key))
			c.Hold(kcHuge, machine.Frame(c.Key), 1)
			return Then
		}},
		kcReadLock: {Label: "read_lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", When: With(KhpSwapin), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.mmOf(kcAddr))) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.mmOf(kcAddr)))
				return Then
			}},
		kcReadExit: kcReadExitStep,
		kcSwapin: {Label: "swapin", Says: "are pages of it swapped out, or being moved?", Answer: "no", Ref: "__collapse_huge_page_swapin", When: With(KhpSwapin), Reads: cell.Of(machine.PMDs, machine.PTEs, machine.VMAs), Calls: []FuncID{fnHandleMMFault}, Back: []int{kcSwapin}, Do: func(c *Ctx) Next {
			p := c.Page(kcAddr)
			if c.Ret() == faultRetry {
				c.Say("the page is still being read: give up")
				c.Set(kcResult, scanAgain)
				return kcReadUnlock
			}
			pmd := machine.Entry(c.Keep(kcPMD, c.M.PMD(p)))
			if !c.hugeFits(p) || !pmd.Present() || pmd.Has(machine.PSE) || c.M.Poison && c.Ret()&failed != 0 {
				return Then
			}
			for q := p; q < c.M.HugeEnd(p); q++ {
				if e := machine.Entry(c.Load(c.PTE(pmd.Frame(), q))); e.IsSwap() || e.IsMigration() {
					if c.Sayf("page %d is swapped out: fault it in", c.M.Pages()[q].Index); e.IsMigration() {
						c.Sayf("page %d is being moved: fault there, and so wait", c.M.Pages()[q].Index)
					}
					c.Set(kcSwapped, 1)
					return c.Call(fnHandleMMFault, kcSwapin, uint64(q), faultOnce)
				}
			}
			return Then
		}},
		kcDrain: {Label: "drain", Says: "empty this CPU's LRU batch, if pages came from swap", Ref: "lru_add_drain", Local: true, When: With(KhpSwapin), Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next {
			if c.L(kcSwapped) == 0 {
				return Then
			}
			return c.Call(fnLRUAddDrain, kcReadUnlock)
		}},
		kcReadUnlock: {Label: "read_unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", When: With(KhpSwapin), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(kcAddr)))
			if c.L(kcResult) != scanSucceed {
				return kcFree
			}
			return Then
		}},
		kcLock: mmapWriteLockOf(kcAddr, Cond{}),
		kcExit: testExitStep(kcAddr, kcResult, kcUnlock),
		kcVMA: {Label: "revalidate", Says: "is there still the VMA, and a page table?", Answer: "yes", Ref: "hugepage_vma_revalidate", Reads: cell.Of(machine.VMAs, machine.PMDs), Do: func(c *Ctx) Next {
			p := c.Page(kcAddr)
			pmd := machine.Entry(c.Keep(kcPMD, c.M.PMD(p)))
			if !c.hugeFits(p) || !pmd.Present() || pmd.Has(machine.PSE) {
				c.Say("it is not as it was: give up")
				c.Set(kcResult, scanInvalid)
				return kcUnlock
			}
			return Then
		}},
		kcVMALock: {Label: "lock_vma", Says: "lock the VMA: no fault is in it", Ref: "vma_start_write", When: With(PerVMALock), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.vmaLock(kcAddr)) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.vmaLock(kcAddr))
				return Then
			}},
		kcCountEarly: {Label: "count_early", Says: "are the references as expected, so far?", Answer: "yes", Counts: true, When: With(KhpCheckBeforeClear), Reads: cell.Of(machine.PTEs, machine.Refs, machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
			for p := c.Page(kcAddr); p < c.M.HugeEnd(c.Page(kcAddr)); p++ {
				if e := machine.Entry(c.Load(c.PTE(c.Frame(kcPMD), p))); e.Present() && e.Frame() != machine.ZeroPage && !c.collapseCount(e.Frame()) {
					c.Say("somebody else uses a page: give up")
					c.Set(kcResult, c.scanCount())
					return kcUnlock
				}
			}
			return Then
		}},
		kcRmapLock: {Label: "lock_anon_vma", Says: "lock the anon_vma: nobody walks the reverse mapping of a page", Ref: "anon_vma_lock_write", When: With(KhpAnonVMALock).AndRmapLocks(), Touches: cell.Of(machine.RmapLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.anonVMALock(c.Page(kcAddr))) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.anonVMALock(c.Page(kcAddr)))
				return Then
			}},
		kcNotify:     kcNotifyStep,
		kcEarly:      gracePeriodStep(If(RemoverWait, RemoverWaitRCUEarly)),
		kcClear:      collapseClearStep(With(FlushRangeTellsTables), 1),
		kcClearQuiet: collapseClearStep(Without(FlushRangeTellsTables), 0),
		kcLate:       kcLateStep,
		kcTold:       kcToldStep,
		kcSync: {Label: "sync", Says: "wait for whoever walks the table", Ref: "tlb_remove_table_sync_one", When: With(KhpSyncOne), Local: true, Calls: []FuncID{fnTLBRemoveTableSyncOne}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBRemoveTableSyncOne, kcWait)
		}},
		kcWait: waitStep(kcPTL),
		kcPTL: {Label: "lock_ptl", Says: "lock the PTL of the table that was taken out", Ref: "pte_offset_map_lock", Touches: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(kcPMD))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(kcPMD)
				c.Set(kcIndex, 0)
				return Then
			}},
		kcIsolate:     collapseIsolate("trylock the next page; are its references as expected? Isolate it", Without(KhpCheckBeforeClear), true),
		kcIsolateLate: collapseIsolate("trylock the next page; isolate it", With(KhpCheckBeforeClear), false),
		kcUnlockPTL: {Label: "unlock_ptl", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(kcPMD)))
			c.Set(kcIndex, 0)
			if c.L(kcResult) != scanSucceed {
				return kcRestore
			}
			return Then
		}},
		kcRmapUnlock: collapseRmapUnlock("unlock the anon_vma: the pages are locked"),
		kcCopy:       {Label: "copy", Says: "copy the next page", Ref: "copy_mc_user_highpage", Touches: cell.Of(machine.Contents), Reads: cell.Of(machine.PTEs), Back: []int{kcCopy}, Do: (*Ctx).collapseCopy},
		kcRelease: {Label: "release", Says: "put the next page back on the LRU list: unlock it, drop our reference", Ref: "release_pte_folio", Touches: cell.Of(machine.PTEs, machine.Flags, machine.FolioLocks, machine.Refs), Reads: cell.Of(machine.PTLs), Calls: []FuncID{fnFreeUnrefFolio},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(kcPMD))) }, Do: (*Ctx).collapseRelease},
		kcClearPTE: {Label: "clear_pte", Says: "clear its PTE: it is mapped once less", Ref: "folio_remove_rmap_pte", Touches: cell.Of(machine.PTEs, machine.Mapcounts), Reads: cell.Of(machine.PTLs, machine.Refs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(kcPMD))) },
			Do: func(c *Ctx) Next {
				old := c.ClearPTE(c.Frame(kcPMD), c.Page(kcAddr)+machine.PageID(c.L(kcIndex)))
				c.Set(kcIndex, c.L(kcIndex)+1)
				c.Sayf("clear the PTE: it was %v; its page is mapped once less", old)
				f := c.Frame(kcPage)
				c.Set(kcPage, 0)
				c.rmapAdd(f, -1)
				c.Hold(kcRef, f, 1)
				c.M.Replaced(f)
				return Then
			}},
		kcFreeSwap: {Label: "free_swap", Says: "drop it from the swap cache, unless others map it, or have it locked", Ref: "free_swap_cache", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			if f := c.Held(kcRef).Frame(); !c.M.IsLarge(f) && c.Load(c.M.Mapcount(f)) == 0 && c.Free(c.M.FolioLock(f)).Ready() {
				c.freeSwap(f)
			}
			return Then
		}},
		kcPut: {Label: "put", Says: "drop the PTE's reference", Ref: "free_page_and_swap_cache", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(kcRef).Frame()
			c.Release(kcRef)
			return c.putFree(f, 1, kcMore)
		}},
		kcMore: {Label: "more", Says: "another PTE?", Local: true, Back: []int{kcRelease}, Do: func(c *Ctx) Next {
			if int(c.L(kcIndex)) < c.M.HugePages {
				return kcRelease
			}
			return Then
		}},
		kcLarge: {Label: "putback_large", Says: "put a large folio back on the LRU list: unlock it, drop our reference", Ref: "folio_putback_lru", When: Large, Touches: cell.Of(machine.Flags, machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{kcLarge}, Do: func(c *Ctx) Next {
			return c.collapsePutback(kcLarge, kcInstall)
		}},
		kcInstall: {Label: "install", Says: "the PMD maps the huge page; the page table is deposited", Ref: "set_pmd_at", Touches: largeTouches,
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(kcAddr))) },
			Do: func(c *Ctx) Next {
				p, f := c.Page(kcAddr), c.Held(kcHuge).Frame()
				c.newHugeAnon(f, p)
				c.deposit(kcTable, p)
				bits := machine.Entry(0)
				if c.Load(c.M.VMA(p))&machine.VMWrite != 0 {
					bits = machine.RW | machine.Dirty
				}
				c.Release(kcHuge)
				c.SetPMD(p, c.protected(machine.MakeHuge(f, bits), p))
				return kcUnlock
			}},
		kcRestore: {Label: "restore", Says: "put the page table back under the PMD", Ref: "pmd_populate", When: With(KhpRestore), Touches: cell.Of(machine.PMDs), Reads: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(kcAddr))) },
			Do: func(c *Ctx) Next {
				c.Release(kcTable)
				c.SetPMD(c.Page(kcAddr), machine.MakeTable(c.Frame(kcPMD)))
				return Then
			}},
		kcForget: {Label: "forget", Says: "leave the PMD as it is: nobody finds the page table any more", When: Without(KhpRestore), Local: true, Do: func(c *Ctx) Next {
			c.Release(kcTable)
			c.M.Account(c.Frame(kcPMD), 1) // its reference is nobody's, for good
			return Then
		}},
		kcRmapGiveUp: collapseRmapUnlock("unlock the anon_vma"),
		kcPutBack: {Label: "putback", Says: "put a page back on the LRU list: unlock it, drop our reference", Ref: "release_pte_folio", Touches: cell.Of(machine.Flags, machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{kcPutBack}, Do: func(c *Ctx) Next {
			return c.collapsePutback(kcPutBack, kcUnlock)
		}},
		kcUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			if w := c.vmaLock(kcAddr); machine.MmapWriter(c.Load(w)) == c.Task {
				c.WriteUnlock(w)
			}
			c.WriteUnlock(c.M.MmapLock(c.mmOf(kcAddr)))
			return Then
		}},
		kcFree: {Label: "free", Says: "free the block that was not needed", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := c.Held(kcHuge)
			if !h.Some() {
				c.Say("the range is a huge page")
				return Then
			}
			c.Release(kcHuge)
			return c.putFree(h.Frame(), 1, kcDone)
		}},
		kcDone: {Label: "done", Says: "return what came of it", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(kcResult)) }},
	},
})

const kcPMD, kcTable, kcHuge, kcRef, kcPage, kcAddr, kcIndex, kcResult, kcSwapped = 0, 1, 2, 3, 4, 5, 6, 7, 8

// kcReadExitStep belongs to the look for swapped pages: who does not look for them does not take the lock for reading either.
var kcReadExitStep = func() Step {
	s := testExitStep(kcAddr, kcResult, kcDrain)
	look := s.Do
	s.When = With(KhpSwapin).AndKhugepagedExit()
	s.Do = func(c *Ctx) Next {
		if !c.sim.khugepagedTestsExit {
			return Then
		}
		return look(c)
	}
	return s
}()

const (
	kcAlloc = iota
	kcReadLock
	kcReadExit
	kcSwapin
	kcDrain
	kcReadUnlock
	kcLock
	kcExit
	kcVMA
	kcVMALock
	kcCountEarly
	kcRmapLock
	kcNotify
	kcEarly
	kcClear
	kcClearQuiet
	kcLate
	kcTold
	kcSync
	kcWait
	kcPTL
	kcIsolate
	kcIsolateLate
	kcUnlockPTL
	kcRmapUnlock
	kcCopy
	kcRelease
	kcClearPTE
	kcFreeSwap
	kcPut
	kcMore
	kcLarge
	kcInstall
	kcRestore
	kcForget
	kcRmapGiveUp
	kcPutBack
	kcUnlock
	kcFree
	kcDone
)

// collapseRmapUnlock is the step that drops the anon_vma's lock.
func collapseRmapUnlock(says string) Step {
	return Step{Label: "unlock_anon_vma", Says: says, Ref: "anon_vma_unlock_write", When: With(KhpAnonVMALock).AndRmapLocks(), Touches: cell.Of(machine.RmapLocks), Do: func(c *Ctx) Next {
		c.WriteUnlock(c.anonVMALock(c.Page(kcAddr)))
		return Then
	}}
}

// collapseCopy copies one page into the huge one; what is not mapped reads as zeros.
func (c *Ctx) collapseCopy() Next {
	i := machine.Frame(c.L(kcIndex))
	e := machine.Entry(c.Load(c.PTE(c.Frame(kcPMD), c.Page(kcAddr)+machine.PageID(i))))
	v := uint64(0)
	if e.Present() && e.Frame() != machine.ZeroPage {
		v = c.Load(c.M.Contents(e.Frame()))
		c.M.Copied(e.Frame())
	}
	c.Sayf("copy page %d: %s", i, c.M.Content(v))
	c.Store(c.M.Contents(c.Held(kcHuge).Frame()+i), v)
	if int(i)+1 < c.M.HugePages {
		c.Set(kcIndex, uint64(i)+1)
		return kcCopy
	}
	c.Set(kcIndex, 0)
	return kcRelease
}

// collapseRelease puts the next page that a PTE maps back on the LRU list, where its PTE and that one's reference still keep it; of a large folio, that waits until the end.
func (c *Ctx) collapseRelease() Next {
	for ; int(c.L(kcIndex)) < c.M.HugePages; c.Set(kcIndex, c.L(kcIndex)+1) {
		p := c.Page(kcAddr) + machine.PageID(c.L(kcIndex))
		e := machine.Entry(c.Load(c.PTE(c.Frame(kcPMD), p)))
		if e.None() || e.Frame() == machine.ZeroPage {
			c.ClearPTE(c.Frame(kcPMD), p)
			continue
		}
		f := e.Frame()
		c.SetFrame(kcPage, f)
		if c.M.IsLarge(f) {
			c.Say("it belongs to a large folio, which we keep until the end")
			return Then
		}
		c.ungather(f)
		c.Or(c.M.Flags(f), machine.PGLRU)
		c.collapseUnlock(f)
		return c.putFree(f, 1, kcClearPTE) // the PTE has one still
	}
	c.Say("all PTEs are cleared")
	if c.M.Load(c.M.Gathers(c.Task)) == 0 {
		return kcInstall
	}
	return kcLarge
}

// No PTE below the PMD changes for secondary MMUs but at this one place.
var kcNotifyStep, kcLateStep, kcToldStep = told(hugeOf(kcAddr))

// collapseClearStep takes the page table out of the tree and flushes; tables is what it tells the CPUs that
// only borrow the mm: whether a page table goes.
func collapseClearStep(when Cond, tables uint64) Step {
	return Step{Label: "clear_pmd", Says: "clear the PMD, flush", Ref: "pmdp_collapse_flush", When: when, Touches: cell.Of(machine.PMDs), Reads: cell.Of(machine.PTLs), Calls: []FuncID{fnFlushTLBMMRange},
		Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(kcAddr))) },
		Do: func(c *Ctx) Next {
			p := c.Page(kcAddr)
			c.SetPMD(p, 0)
			c.Hold(kcTable, c.Frame(kcPMD), 1)
			return c.Call(fnFlushTLBMMRange, kcLate, uint64(c.mmOf(kcAddr)), uint64(p), uint64(c.lastHuge(p)), tables)
		}}
}
