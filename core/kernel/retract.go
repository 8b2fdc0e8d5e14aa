package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// retract_page_tables, with the huge page locked that is in the page cache now, in straight line:
//
//	lock file->i_mmap_rwsem, for reading
//	every VMA that maps all of the range: it has an anon_vma, or there is no page table: next
//	    tell secondary MMUs
//	    lock the PMD, the PTL; it has an anon_vma now: unlock both, next
//	    clear the PMD, flush; unlock both
//	    tell secondary MMUs that it is done; pte_free_defer(): the table is freed after a grace period
//	unlock i_mmap_rwsem
//
// MADV_COLLAPSE has collapse_pte_mapped_thp() map the huge page by the PMD then.
//
// Until 6.5:
//
//	lock file->i_mmap_rwsem, for writing
//	every VMA that maps all of the range: it has an anon_vma, or there is no page table: next
//	    MADV_COLLAPSE, of another range: khugepaged_add_pte_mapped_thp(), next
//	    mmap_write_trylock(): somebody has it: khugepaged_add_pte_mapped_thp(), next
//	    from 5.9 on: the mm is going: unlock, next
//	    from 6.2 on: it has an anon_vma now: unlock, next
//	    from 6.1 on: tell secondary MMUs
//	    clear the PMD, flush
//	    from 6.1 on: tlb_remove_table_sync_one()
//	    tell secondary MMUs that it is done; free the table
//	    MADV_COLLAPSE: PMD = huge page
//	    mmap_write_unlock()
//	unlock i_mmap_rwsem
//
// The pages are unmapped, and none can be mapped: the huge page is locked. A private mapping that was written to has an anon_vma, and keeps its table:
// copies are in it.
//
// GUP-fast is in no lock's way. It may be in the table when that is freed, unless the flush has waited for it, an IPI does, or RCU:
//
//	CPU0 (GUP-fast)             CPU1 (khugepaged)
//	disable interrupts
//	read the PMD: table 7
//	                            clear the PMD; the flush leaves CPU0 out
//	                            free table 7
//	read a PTE of table 7
//
// Whoever takes the lock of a page table under mmap_lock is kept out by that until 6.5; from 6.6 on he has to look at the PMD again: see table_map.go.
// Where mmap_lock is taken until then, khugepaged comes back in its
// next pass: see collapse_pte_mapped_thp.go.
//
// compare mm/khugepaged.c:retract_page_tables, collapse_and_free_pmd
var _ = register(fnRetractPageTables, &Func{Large: true,
	Name: "retract_page_tables", File: "mm/khugepaged.c", Params: []int{rtpStart, rtpTarget, rtpEnforced},
	Locals: []Local{{"pmd", TableLocal}, {"table", HoldLocal}, {"start", PgoffLocal}, {"address", PageLocal}, {"after", PageLocal}, {"target_addr", PageLocal}, {"enforced", IntLocal}, {"target_result", IntLocal}},
	Steps: []Step{
		rtpLock: {Label: "lock", Says: "lock file->i_mmap_rwsem, for writing", Ref: "i_mmap_lock_write", When: FileTHP, Touches: cell.Of(machine.RmapLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.mappingLock(rtpStart)) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.mappingLock(rtpStart))
				if c.L(rtpEnforced) != 0 {
					c.Set(rtpResult, scanInvalid) // until its VMA is found
				}
				return Then
			}},
		rtpNext: retractNext(rtpUnlock),
		rtpTrylock: {Label: "trylock", Says: "try its mmap_lock for writing", Ref: "mmap_write_trylock", When: FileTHP, Touches: cell.Of(machine.MMLocks, machine.MMs), Back: []int{rtpNext}, Do: func(c *Ctx) Next {
			if c.targets() {
				c.Set(rtpResult, scanPTEMapped)
			}
			if mm := c.mmOf(rtpAt); c.L(rtpEnforced) != 0 && !c.targets() {
				c.Say("MADV_COLLAPSE is not about it: note its page table for khugepaged")
				c.Or(c.M.NotedTHP(mm), c.M.NotedBit(c.Page(rtpAt)))
				return rtpNext
			} else if !c.WriteFree(c.M.MmapLock(mm)).Ready() {
				c.Say("somebody has its mmap_lock: leave its page table")
				if c.M.KhpPasses && c.L(rtpEnforced) == 0 {
					c.Say("somebody has its mmap_lock: note its page table for the next pass")
					c.Or(c.M.NotedTHP(mm), c.M.NotedBit(c.Page(rtpAt)))
				}
				return rtpNext
			}
			c.WriteLock(c.M.MmapLock(c.mmOf(rtpAt)))
			return Then
		}},
		rtpExit: retractExit,
		rtpVMALock: {Label: "trylock_vma", Says: "try the VMA's lock for writing", Ref: "vma_try_start_write", When: With(PerVMALock).AndFileTHP(), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			if w := c.vmaLock(rtpAt); !c.WriteFree(w).Ready() {
				c.Say("a fault has the VMA's lock: leave its page table")
				return rtpUnlockMM
			}
			c.WriteLock(c.vmaLock(rtpAt))
			return Then
		}},
		rtpAnonAgain: {Label: "anon_vma_again", Says: "has it an anon_vma now?", Answer: "no", Ref: "vma->anon_vma", When: With(KhpRetractAnonRecheck).AndFileTHP(), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if c.hasAnonVMA(c.Page(rtpAt)) {
				c.Say("it has an anon_vma now: leave its page table")
				if c.targets() {
					c.Set(rtpResult, scanInvalid)
				}
				return rtpUnlockMM
			}
			return Then
		}},
		rtpStartTell:  toldStart(hugeOf(rtpAt), With(KhpRetractNotifies).AndFileTHP()),
		rtpClear:      retractClear(rtp, With(FlushRangeTellsTables), rtpSync, 1),
		rtpClearQuiet: retractClear(rtp, Without(FlushRangeTellsTables), rtpSync, 0),
		rtpSync: {Label: "sync", Says: "wait for whoever walks the table", Ref: "tlb_remove_table_sync_one", When: With(KhpSyncOne).AndFileTHP(), Local: true, Calls: []FuncID{fnTLBRemoveTableSyncOne}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBRemoveTableSyncOne, rtpEndTell)
		}},
		rtpEndTell: toldRetracted(rtpAt),
		rtpFree:    retractFree(rtp),
		rtpWhether: {Label: "install", Says: "MADV_COLLAPSE: is the PMD to map the huge page?", When: FilePMDs.AndKhpPasses(), Local: true, Do: func(c *Ctx) Next {
			if !c.targets() {
				return rtpUnlockMM
			}
			return Then
		}},
		rtpSetPMD: {Label: "set_pmd", Says: "is the PMD none? Map the huge page by it", Ref: "set_huge_pmd", When: FilePMDs.AndKhpPasses(), Touches: largeTouches, Reads: cell.Of(machine.PageCache),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(rtpAt))) },
			Do: func(c *Ctx) Next {
				f, _ := machine.Cached(c.Load(c.M.CacheSlot(c.Pgoff(rtpStart))))
				c.Set(rtpResult, c.setHugePMD(c.Page(rtpAt), f))
				return Then
			}},
		rtpUnlockMM: {Label: "unlock_mm", Says: "drop its mmap_lock", Ref: "mmap_write_unlock", When: FileTHP, Touches: cell.Of(machine.MMLocks), Back: []int{rtpNext}, Do: func(c *Ctx) Next {
			if w := c.vmaLock(rtpAt); machine.MmapWriter(c.Load(w)) == c.Task {
				c.WriteUnlock(w)
			}
			c.WriteUnlock(c.M.MmapLock(c.mmOf(rtpAt)))
			c.Set(rtpPMD, 0)
			return rtpNext
		}},
		rtpUnlock: {Label: "unlock", Says: "unlock file->i_mmap_rwsem", Ref: "i_mmap_unlock_write", When: FileTHP, Touches: cell.Of(machine.RmapLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.mappingLock(rtpStart))
			return c.Return(c.L(rtpResult))
		}},
	},
	Instead: []Variant{{With(KhpRetractRCU), []Step{
		rtqLock: {Label: "lock", Says: "lock file->i_mmap_rwsem, for reading", Ref: "i_mmap_lock_read", When: FileTHP, Touches: cell.Of(machine.RmapLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.mappingLock(rtpStart)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.mappingLock(rtpStart))
				return Then
			}},
		rtqNext:      retractNext(rtqUnlock),
		rtqStartTell: toldStart(hugeOf(rtpAt), With(KhpRetractNotifies).AndFileTHP()),
		rtqPMDLock:   retractLockPMD(rtp, FileTHP),
		rtqPTL: {Label: "lock_ptl", Says: "lock the PTL; has it an anon_vma now?", Answer: "no", Ref: "spin_lock_nested", When: FileTHP, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.VMAs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(rtpPMD))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(rtpPMD)
				if c.hasAnonVMA(c.Page(rtpAt)) {
					c.Say("it has an anon_vma now: leave its page table")
					return rtqUnlockPTL
				}
				return Then
			}},
		rtqClear:      retractClear(rtp, With(FlushRangeTellsTables), rtqUnlockPTL, 1),
		rtqClearQuiet: retractClear(rtp, Without(FlushRangeTellsTables), rtqUnlockPTL, 0),
		rtqUnlockPTL:  retractUnlock(rtp, FileTHP, Then),
		rtqEndTell:    toldRetracted(rtpAt),
		rtqFree: {Label: "call_rcu", Says: "have the page table freed after a grace period", Ref: "pte_free_defer", When: FileTHP, Touches: cell.Of(machine.RCU), Reads: cell.Of(machine.IRQs), Anywhere: cell.Of(machine.IRQs), Back: []int{rtqNext}, Do: func(c *Ctx) Next {
			c.retractDefer(rtp)
			c.Set(rtpPMD, 0)
			return rtqNext
		}},
		rtqUnlock: {Label: "unlock", Says: "unlock file->i_mmap_rwsem", Ref: "i_mmap_unlock_read", When: FileTHP, Touches: cell.Of(machine.RmapLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.mappingLock(rtpStart))
			return Return
		}},
	}}},
})

const rtpPMD, rtpTable, rtpStart, rtpAt, rtpAfter, rtpTarget, rtpEnforced, rtpResult = 0, 1, 2, 3, 4, 5, 6, 7

// targets reports whether the page table is that of the range of MADV_COLLAPSE.
func (c *Ctx) targets() bool { return c.L(rtpEnforced) != 0 && c.Page(rtpAt) == c.Page(rtpTarget) }

const (
	rtpLock = iota
	rtpNext
	rtpTrylock
	rtpExit
	rtpVMALock
	rtpAnonAgain
	rtpStartTell
	rtpClear
	rtpClearQuiet
	rtpSync
	rtpEndTell
	rtpFree
	rtpWhether
	rtpSetPMD
	rtpUnlockMM
	rtpUnlock
)

const (
	rtqLock = iota
	rtqNext
	rtqStartTell
	rtqPMDLock
	rtqPTL
	rtqClear
	rtqClearQuiet
	rtqUnlockPTL
	rtqEndTell
	rtqFree
	rtqUnlock
)

// retractExit looks whether the mm is going, whose end takes PTEs away without mmap_lock.
var retractExit = Step{Label: "test_exit", Says: "is the mm going?", Answer: "no", Ref: "khugepaged_test_exit", When: With(KhpRetractExit).AndKhugepagedExit().AndFileTHP(), Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
	if c.Load(c.M.MMUsers(c.mmOf(rtpAt))) == 0 {
		c.Say("the mm is going: leave its page table")
		return rtpUnlockMM
	}
	return Then
}}

// retractNext is the step that finds the next VMA whose page table may go; behind the last it goes on at step done.
func retractNext(done Next) Step {
	return Step{Label: "next", Says: "find the next VMA that maps the range", Ref: "vma_interval_tree_foreach", When: FileTHP, Reads: cell.Of(machine.VMAs, machine.PMDs), Do: func(c *Ctx) Next {
		start := c.Pgoff(rtpStart)
		for {
			p, q, ok := c.M.NextOfFile(start, start+machine.Pgoff(c.M.HugePages-1), machine.PageID(c.L(rtpAfter))-1)
			if !ok {
				c.Say("no more VMAs map it")
				return done
			}
			c.Set(rtpAfter, uint64(q)+1)
			pmd := machine.Entry(c.Keep(rtpPMD, c.M.PMD(p)))
			if p != c.M.HugeStart(p) || q != p+machine.PageID(c.M.HugePages-1) || c.hasAnonVMA(p) || !pmd.Present() || pmd.Has(machine.PSE) {
				c.Set(rtpPMD, 0)
				if c.L(rtpEnforced) != 0 && p == c.Page(rtpTarget) && pmd.Has(machine.PSE) {
					c.Set(rtpResult, scanSucceed) // somebody else was faster
				}
				continue
			}
			c.Set(rtpAt, uint64(p))
			c.Sayf("%s maps it: its page table is frame %d", c.M.Pages()[p].Name, pmd.Frame())
			return Then
		}
	}}
}

// retracted are the locals that say which page table goes: what was read of the PMD, the table that was taken out, the first page.
type retracted struct{ pmd, table, at int }

var rtp = retracted{pmd: rtpPMD, table: rtpTable, at: rtpAt}

// retractLockPMD is the step that locks the PMD, before the page table below it is locked.
func retractLockPMD(l retracted, when Cond) Step {
	return Step{Label: "lock_pmd", Says: "lock the PMD", Ref: "pmd_lock", When: when, Touches: cell.Of(machine.PTLs),
		Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(l.at))) },
		Do: func(c *Ctx) Next {
			c.Lock(c.pmdLock(c.Page(l.at)))
			return Then
		}}
}

// retractUnlock is the step that unlocks both.
func retractUnlock(l retracted, when Cond, next Next) Step {
	return Step{Label: "unlock_ptl", Says: "unlock the PTL, and the PMD", Ref: "spin_unlock", When: when, Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
		c.Unlock(c.M.PTL(c.Frame(l.pmd)))
		c.Unlock(c.pmdLock(c.Page(l.at)))
		return next
	}}
}

// retractClear is the step that takes the page table out of the tree and flushes; tables is what it tells CPUs that only borrow the mm.
func retractClear(l retracted, when Cond, next int, tables uint64) Step {
	return Step{Label: "clear_pmd", Says: "clear the PMD, flush", Ref: "pmdp_collapse_flush", When: when.AndFileTHP(), Touches: cell.Of(machine.PMDs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
		p := c.Page(l.at)
		c.SetPMD(p, 0)
		c.Hold(l.table, c.Frame(l.pmd), 1)
		return c.Call(fnFlushTLBMMRange, next, uint64(c.mmOf(l.at)), uint64(p), uint64(c.lastHuge(p)), tables)
	}}
}

// retractFree is the step that frees the page table that was taken out.
func retractFree(l retracted) Step {
	return Step{Label: "free_table", Says: "free the page table", Ref: "pte_free", When: FileTHP, Touches: tableFreeTouches, Do: func(c *Ctx) Next {
		f := c.Held(l.table).Frame()
		c.Sayf("free the page table: frame %d", f)
		c.Release(l.table)
		c.Put(f, 1)
		c.M.Free(f)
		return Then
	}}
}

// retractDefer has the page table freed by RCU, if one was taken out.
func (c *Ctx) retractDefer(l retracted) {
	h := c.Held(l.table)
	if !h.Some() {
		c.Say("it keeps its page table")
		return
	}
	c.Release(l.table)
	c.M.Account(h.Frame(), 1) // the callback holds it
	c.M.CallRCU(h.Frame())
}

// toldRetracted tells secondary MMUs that the page table is gone, if they were told that it would.
func toldRetracted(at int) Step {
	s := toldEnd(hugeOf(at))
	s.When = With(KhpRetractNotifies).AndSecondary().AndFileTHP()
	return s
}
