package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// munmap of a range, in straight line:
//
//	mmap_write_lock(); lock the VMAs, take the range out of the tree
//	mmap_write_downgrade()
//	lru_add_drain(); tlb_gather_mmu()
//	zap_pte_range()
//	lock the anon_vma, i_mmap_rwsem: take the VMA out of them       // no walk of a reverse mapping finds it any more
//	free_pgtables(); tlb_finish_mmu()                      // unhook, flush, free
//	mmap_read_unlock()
//
// Called by mremap for the old place, it finds no PTE, and neither takes nor drops the lock.
//
// A page table goes when no VMA is left in its two megabytes. (The kernel's tlb_finish_mmu() hands tables to RCU before it puts the pages, or frees them
// behind the pages in the same list, and drops tlb_flush_pending last. Here tables go behind all of that. Nobody can tell: the table is out of the
// tree, and who was in it has left with the flush, or is waited for by a grace period that begins a little later.)
//
// Walks of reverse mappings take no mmap_lock, and answer every flush. They find the VMA until it is out of its anon_vma and of its file's tree, and
// hold those locks while they are in its page table:
//
//	CPU0 (reclaim)                      CPU1 (munmap)
//	lock the anon_vma, for reading
//	read the PMD
//	                                    lock the anon_vma, for writing: wait
//	lock the PTL, look at the PTE
//	unlock the anon_vma
//	                                    take the VMA out of it
//	                                    unhook the page table, flush, free it
//
// compare mm/vma.c:do_vmi_align_munmap, unmap_region (until 6.11 mm/mmap.c)
var _ = register(fnMunmap, &Func{
	Name: "munmap", File: "mm/mmap.c", Params: []int{muFirst, muLast},
	Locals: []Local{{"first", PageLocal}, {"last", PageLocal}, {"address", PageLocal}},
	Steps: []Step{
		muLock: {Label: "lock", Says: "take mmap_lock for writing", Ref: "mmap_write_lock_killable", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block {
				if c.remapping() {
					return Block{}
				}
				return c.WriteFree(c.M.MmapLock(c.MM))
			},
			Do: func(c *Ctx) Next {
				if c.remapping() {
					c.Say("mmap_lock is held already, and the VMA's")
					return muDetach
				}
				c.WriteLock(c.M.MmapLock(c.MM))
				return Then
			}},
		muVMALock: {Label: "lock_vma", Says: "lock the VMA: no fault is in it", Ref: "vma_start_write", When: With(PerVMALock), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block {
				w, _ := c.vmaWords(c.Page(muFirst))
				return c.WriteFree(w)
			},
			Do: func(c *Ctx) Next {
				w, _ := c.vmaWords(c.Page(muFirst))
				c.WriteLock(w)
				return Then
			}},
		muDetach: {Label: "detach", Says: "take the VMA out of the tree", Ref: "vms_gather_munmap_vmas", Touches: cell.Of(machine.VMAs, machine.HugetlbPool), Do: func(c *Ctx) Next {
			if c.remapping() {
				for p := c.Page(muFirst); p <= c.Page(muLast); p++ {
					c.Store(c.M.VMA(p), 0) // what was mapped there lives on elsewhere: nothing is given up
				}
				c.apart(c.Page(muLast)+1, c.Page(muFirst))
				c.Set(muAt, uint64(c.M.HugeStart(c.Page(muFirst))))
				return muSeqOdd
			}
			if !c.detachVMAs(c.Page(muFirst), c.Page(muLast)) {
				c.Say("there is no VMA")
				return muUnlockWrite
			}
			c.Set(muAt, uint64(c.M.HugeStart(c.Page(muFirst))))
			return Then
		}},
		muDowngrade: {Label: "downgrade", Says: "keep mmap_lock for reading only", Ref: "mmap_write_downgrade", When: With(MunmapReadLock), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.Downgrade(c.M.MmapLock(c.MM))
			w, _ := c.vmaWords(c.Page(muFirst))
			c.WriteUnlock(w)
			return Then
		}},
		muSeqOdd: {Label: "seq_odd", Says: "write_protect_seq is odd: pages go", Ref: "raw_write_seqcount_begin", Order: Plain, When: With(GUPSeqcount), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.WriteProtectSeq(c.MM), 1)
			return Then
		}},
		muDrain: {Label: "drain", Says: "empty this CPU's LRU batch", Ref: "lru_add_drain", Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next { return c.Call(fnLRUAddDrain, muGather) }},
		muGather: {Label: "gather", Says: "announce a flush to come", Ref: "tlb_gather_mmu", Touches: cell.Of(machine.MMs), Calls: []FuncID{fnZapPTERange}, Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.MM), 1)
			if c.remapping() {
				c.Say("announce a flush to come; nothing is mapped there any more")
				return muUnlinkAnon
			}
			return c.Call(fnZapPTERange, muUnlinkAnon, c.L(muFirst), c.L(muLast))
		}},
		muUnlinkAnon: {Label: "unlink_anon_vma", Says: "lock the anon_vma, take the VMA out of it, unlock", Ref: "unlink_anon_vmas", When: With(MunmapRmapLocks).AndRmapLocks(), Touches: cell.Of(machine.RmapLocks, machine.VMAs),
			Wait: func(c *Ctx) Block { return c.anonUnlinkable(c.Page(muFirst), c.Page(muLast)) },
			Do: func(c *Ctx) Next {
				if !c.anyAnonVMA(c.Page(muFirst), c.Page(muLast)) {
					c.Say("there is no anon_vma")
				}
				c.M.SetAnonVMA(c.Page(muFirst), c.Page(muLast), 0)
				return Then
			}},
		muUnlinkFile: {Label: "unlink_file_vma", Says: "lock file->i_mmap_rwsem, take the VMA out of the file's tree, unlock", Ref: "unlink_file_vma", When: With(MunmapRmapLocks).AndRmapLocks(), Touches: cell.Of(machine.RmapLocks, machine.VMAs),
			Wait: func(c *Ctx) Block { return c.fileUnlinkable(c.Page(muFirst)) },
			Do: func(c *Ctx) Next {
				if !c.isFile(c.Page(muFirst)) {
					c.Say("it is memory without a file")
				}
				c.unlinkFileVMA(c.Page(muFirst), c.Page(muLast))
				return Then
			}},
		muTables: {Label: "free_pgtables", Says: "unhook the page table", Ref: "free_pgd_range", Order: Plain, Touches: cell.Of(machine.PMDs, machine.VMAs), Back: []int{muTables}, Do: func(c *Ctx) Next {
			c.M.SetAnonVMA(c.Page(muFirst), c.Page(muLast), 0)
			c.unlinkFileVMA(c.Page(muFirst), c.Page(muLast))
			return c.unhookTable(muAt, muLast, muTables, muFinish)
		}},
		muTableNow: {Label: "free_table_now", Says: "free the page table at once", Ref: "pte_free", When: If(PTFree, PTFreeImmediate), Touches: tableFreeTouches, Back: []int{muTableNow}, Do: func(c *Ctx) Next {
			return c.freeTable(muTableNow, muFinish)
		}},
		muSemiFlush: {Label: "flush_table", Says: "no page for the batch: flush at once", Ref: "tlb_table_invalidate", When: If(PTFree, PTFreeSemiRCU), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.Call(fnFlushTLBMMRange, muSemiSync, uint64(c.MM), c.L(muFirst), c.L(muLast), 1)
		}},
		muSemiSync: {Label: "sync_table", Says: "wait for whoever walks the table", Ref: "tlb_remove_table_one", When: If(PTFree, PTFreeSemiRCU), Local: true, Calls: []FuncID{fnTLBRemoveTableSyncOne}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBRemoveTableSyncOne, muSemiFree)
		}},
		muSemiFree: {Label: "free_table_synced", Says: "free the page table", Ref: "__tlb_remove_table", When: If(PTFree, PTFreeSemiRCU), Touches: tableFreeTouches, Back: []int{muSemiFree}, Do: func(c *Ctx) Next {
			return c.freeTable(muSemiFree, muFinish)
		}},
		muFinish: {Label: "finish", Says: "flush and free", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnTLBFinishMMU}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBFinishMMU, muFreeTable, c.L(muFirst), c.L(muLast), c.M.Load(c.M.GatheredTables(c.Task)))
		}},
		muFreeTable: {Label: "free_table", Says: "free the page table", Ref: "tlb_remove_page", When: If(PTFree, PTFreeGather), Touches: tableFreeTouches, Back: []int{muFreeTable}, Do: func(c *Ctx) Next {
			return c.freeTable(muFreeTable, muSeqEven)
		}},
		muRCUTable: {Label: "call_rcu", Says: "have the page table freed after a grace period", Ref: "tlb_remove_table_free", When: If(PTFree, PTFreeRCU), Touches: cell.Of(machine.RCU), Reads: cell.Of(machine.IRQs), Anywhere: cell.Of(machine.IRQs), Do: func(c *Ctx) Next {
			c.rcuTables()
			return Then
		}},
		muSeqEven: {Label: "seq_even", Says: "write_protect_seq is even again", Ref: "raw_write_seqcount_end", Order: Plain, When: With(GUPSeqcount), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.WriteProtectSeq(c.MM), 1)
			return Then
		}},
		muKeepLock: {Label: "keep_lock", Says: "who has called drops mmap_lock", When: Remapping, Local: true, Do: func(c *Ctx) Next {
			if c.remapping() {
				return Return
			}
			return Then
		}},
		muUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", When: With(MunmapReadLock), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			return Return
		}},
		muUnlockWrite: {Label: "unlock_write", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.M.MmapLock(c.MM))
			w, _ := c.vmaWords(c.Page(muFirst))
			c.WriteUnlock(w)
			return Return
		}},
	},
})

const muFirst, muLast, muAt = 0, 1, 2

const (
	muLock = iota
	muVMALock
	muDetach
	muDowngrade
	muSeqOdd
	muDrain
	muGather
	muUnlinkAnon
	muUnlinkFile
	muTables
	muTableNow
	muSemiFlush
	muSemiSync
	muSemiFree
	muFinish
	muFreeTable
	muRCUTable
	muSeqEven
	muKeepLock
	muUnlock
	muUnlockWrite
)

// remapping reports whether it is mremap that unmaps the old place of what it has moved.
func (c *Ctx) remapping() bool { return c.level > 0 }

// detachVMAs takes a range out of the tree of VMAs; false if there was nothing.
func (c *Ctx) detachVMAs(first, last machine.PageID) bool {
	some := false
	for p := first; p <= last; p++ {
		if w := c.M.VMA(p); c.Load(w) != 0 {
			some = true
			c.Store(w, 0)
			c.closeHugetlb(p)
			c.M.Excuse(p)
		}
	}
	c.apart(last+1, first)
	return some
}

// hasAnonVMA reports whether the page's VMA has an anon_vma.
func (c *Ctx) hasAnonVMA(p machine.PageID) bool { return c.M.AnonVMA(p) != 0 }

// anyAnonVMA reports whether some VMA of the range has one.
func (c *Ctx) anyAnonVMA(first, last machine.PageID) bool {
	for p := first; p <= last; p++ {
		if c.hasAnonVMA(p) {
			return true
		}
	}
	return false
}

// anonUnlinkable waits until nobody has the lock of the anon_vmas of the range, if there are some.
func (c *Ctx) anonUnlinkable(first, last machine.PageID) Block {
	if !c.anyAnonVMA(first, last) {
		return Block{}
	}
	return c.WriteFree(c.anonVMALock(first))
}

// fileUnlinkable waits until nobody has i_mmap_rwsem of the file that the page maps, if it maps one.
func (c *Ctx) fileUnlinkable(p machine.PageID) Block {
	if !c.isFile(p) {
		return Block{}
	}
	return c.WriteFree(c.M.MappingLock(c.M.Region(p).File))
}

// unlinkFileVMA takes the VMAs of a range out of the tree of their file.
// compare mm/mmap.c:unlink_file_vma
func (c *Ctx) unlinkFileVMA(first, last machine.PageID) {
	for p := first; p <= last; p++ {
		c.M.Link(p, false)
	}
}

// excuse notes for the claims that the owner gives up what the pages hold.
func (c *Ctx) excuse(first, last machine.PageID) {
	for p := first; p <= last; p++ {
		c.M.Excuse(p)
	}
}

// zap_pte_range over a range, in straight line, for every page table of it:
//
//	lock the PTL
//	flush_tlb_batched_pending()
//	every PTE: swap entry: clear it, free_swap_and_cache()
//	           present: clear it, queue the page with the PTE's reference; mapped once less
//	           a dirty PTE of a file: mark the folio dirty; mapped once less only later
//	a dirty PTE of a file was among them: flush, then its folio is mapped once less
//	unlock the PTL
//
// Until the flush another CPU may store through its TLB. So long writeback must find the
// page mapped, and wait for the PTL, or else it would clean the page and miss the store.
//
// compare mm/memory.c:zap_pte_range
var _ = register(fnZapPTERange, &Func{
	Notify: pages(zpPage, zpEnd),
	Name:   "zap_pte_range", File: "mm/memory.c", Params: []int{zpPage, zpEnd, zpFiles},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"address", PageLocal}, {"end", PageLocal}, {"file_pages_only", IntLocal}, {"force_flush", IntLocal}},
	Steps: []Step{
		zpP4D: p4dStep(zpPage, "p4d_offset"),
		zpPMD: {Label: "read_pmd", Says: "read the PMD", Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnSplitHugePMD, fnZapHugePMD, fnUnmapHugepageRange}, Back: []int{zpPMD}, Do: func(c *Ctx) Next {
			c.gatherFrom(c.Page(zpPage))
			if last, ok := c.hugetlbRun(c.Page(zpPage), c.Page(zpEnd)); ok {
				c.Say("it is memory in huge pages of hugetlb")
				next := c.Call(fnUnmapHugepageRange, zpHuge, c.L(zpPage), uint64(last), 0)
				c.Set(zpPage, uint64(last))
				return next
			}
			pmd := machine.Entry(c.Keep(zpTable, c.M.PMD(c.Page(zpPage))))
			switch p := c.Page(zpPage); {
			case !pmd.Present() && !pmd.IsMigration():
				return c.zapTable(Return)
			case pmd.IsHuge() && (p != c.M.HugeStart(p) || c.Page(zpEnd) < c.lastHuge(p)):
				c.Say("the PMD maps more than is to go: split it")
				if c.isFile(p) {
					return c.Call(fnSplitHugePMD, zpFileSplit, uint64(p))
				}
				return c.Call(fnSplitHugePMD, zpPMD, uint64(p))
			case pmd.IsHuge():
				return c.Call(fnZapHugePMD, zpHuge, uint64(p))
			}
			return Then
		}},
		zpHuge: {Label: "huge", Says: "the next page table", Local: true, When: Large, Back: []int{zpPMD}, Do: func(c *Ctx) Next {
			if c.Ret() == hugeSplit {
				return zpPMD
			}
			return c.zapTable(Return)
		}},
		zpLock:    zapLockStep,
		zpBatched: batchedStep(zpPage, zpFlushed, zpClear),
		zpFlushed: batchedDoneStep(zpPage),
		zpClear:   {Label: "clear", Says: "clear the PTE", Ref: "ptep_get_and_clear_full", Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.Mappings), Calls: []FuncID{fnFreeSwapAndCache}, Do: (*Ctx).zapClear},
		zpDirty:   zapDirtyStep,
		zpDelay:   zapDelayStep,
		zpRmap: {Label: "rmap", Says: "the page is mapped once less", Ref: "folio_remove_rmap_pte", Touches: cell.Of(machine.Mapcounts), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.rmapAdd(c.Frame(zpPTE), -1)
			return Then
		}},
		zpNext: {Label: "next", Says: "the next PTE", Local: true, Back: []int{zpClear}, Do: func(c *Ctx) Next {
			if c.sim.Setup.GatherPages > 0 && c.gatherIsFull() {
				c.Set(zpFlush, c.L(zpFlush)|zapFull)
				return Then
			}
			if p := c.Page(zpPage); p == c.Page(zpEnd) || p+1 == c.M.HugeEnd(p) {
				return Then
			}
			c.Set(zpPage, c.L(zpPage)+1)
			return zpClear
		}},
		zpForce:   zapForceStep,
		zpDelayed: zapDelayedStep,
		zpUnlock: {Label: "unlock", Says: "unlock the PTL", Order: Plain, Touches: cell.Of(machine.PTLs), Back: []int{zpPMD}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(zpTable)))
			if c.L(zpFlush)&zapFull != 0 {
				return zpFull
			}
			return c.zapTable(Return)
		}},
		zpFileSplit: zapFileSplit,
		zpFull:      zapFullStep,
		zpAgain:     zapAgainStep,
	},
})

const zpTable, zpPTE, zpPage, zpEnd, zpFiles, zpFlush = 0, 1, 2, 3, 4, 5

const (
	zpP4D = iota
	zpPMD
	zpLock
	zpBatched
	zpFlushed
	zpClear
	zpDirty
	zpDelay
	zpRmap
	zpNext
	zpForce
	zpDelayed
	zpUnlock
	zpHuge
	zpFileSplit
	zpFull
	zpAgain
)

// zapLockStep locks the page table; is that gone, the PMD is read again.
var zapLockStep = func() Step {
	s := lockPTLStep("lock", "lock the PTL", zpTable)
	s.Map = &TableMap{zpTable, zpPage, zpPMD}
	return s
}()

// zapClear clears one PTE: its page goes into the gather with the PTE's reference.
func (c *Ctx) zapClear() Next {
	c.walked(c.Entry(zpTable))
	p, table := c.Page(zpPage), c.Frame(zpTable)
	old := machine.Entry(c.Load(c.PTE(table, p)))
	if c.L(zpFiles) != 0 && c.privateCopy(old) {
		c.Sayf("a private copy stays: %v", old)
		return zpNext
	}
	c.M.Excuse(p)
	switch {
	case old.None():
		c.Say("the PTE is none")
		return zpNext
	case old.IsSwap():
		c.Sayf("clear the PTE: it was %v", old)
		c.ClearPTE(table, p)
		return c.freeSwapAndCache(zpNext, old)
	case old.IsMigration(), old.IsPoison():
		c.Sayf("clear the PTE: it was %v", old)
		c.ClearPTE(table, p)
		return zpNext
	}
	c.ClearPTE(table, p)
	c.Sayf("clear the PTE: it was %v", old)
	c.Set(zpPTE, uint64(old))
	if !c.M.Normal(old.Frame()) {
		c.M.Gather(c.Task, machine.Uncounted(old.Frame())) // it is not counted, but TLBs have it
		return zpNext
	}
	c.M.Gather(c.Task, machine.MakeHold(old.Frame(), 1))
	if old.Has(machine.Dirty) && c.isFilePage(old.Frame()) {
		return Then
	}
	return zpRmap
}

// zapTable goes on with the next page table of the range, if there is one.
func (c *Ctx) zapTable(done Next) Next {
	next := c.M.HugeEnd(c.Page(zpPage))
	if next > c.Page(zpEnd) {
		return done
	}
	c.Set(zpPage, uint64(next))
	return zpPMD
}
