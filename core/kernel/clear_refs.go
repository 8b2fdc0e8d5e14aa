package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A write of "4" to /proc/PID/clear_refs, which begins to watch what is written to (soft-dirty), for one mapping, in straight line:
//
//	mmap_write_lock(), lock the VMA; it loses VM_SOFTDIRTY; older: downgrade to mmap_read_lock()
//	announce a flush to come
//	clear_refs_pte_range()
//	flush; unlock
//
// VM_SOFTDIRTY goes under mmap_lock held for writing; older kernels downgrade it then, and where it is gone already take it for reading at once.
//
// compare fs/proc/task_mmu.c:clear_refs_write
var _ = register(fnClearRefs, &Func{
	Name: "clear_refs_write", File: "fs/proc/task_mmu.c", Params: []int{rwFirst, rwLast},
	Locals: []Local{{"first", PageLocal}, {"last", PageLocal}},
	Steps: []Step{
		rwReadLock: {Label: "lock", Says: "take mmap_lock for writing; the VMA loses VM_SOFTDIRTY; downgrade", Ref: "downgrade_write(mmap_sem)", When: Without(ClearRefsWriteLock), Touches: cell.Of(machine.MMLocks, machine.VMAs),
			Wait: func(c *Ctx) Block {
				if c.watches(c.Page(rwFirst)) {
					return c.ReadFree(c.M.MmapLock(c.MM))
				}
				return c.WriteFree(c.M.MmapLock(c.MM))
			},
			Do: func(c *Ctx) Next {
				if c.watches(c.Page(rwFirst)) {
					c.Say("take mmap_lock for reading: the VMA has no VM_SOFTDIRTY any more")
				}
				c.watch(c.Page(rwFirst))
				c.ReadLock(c.M.MmapLock(c.MM))
				return Then
			}},
		rwWriteLock: {Label: "lock", Says: "take mmap_lock for writing", Ref: "mmap_write_lock_killable", When: With(ClearRefsWriteLock), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.M.MmapLock(c.MM))
				return Then
			}},
		rwVMALock: {Label: "lock_vma", Says: "lock the VMA, which loses VM_SOFTDIRTY: no fault is in it", Ref: "vm_flags_clear", When: With(PerVMALock), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block {
				if !c.writesMM() {
					return Block{}
				}
				return c.WriteFree(c.vmaLock(rwFirst))
			},
			Do: func(c *Ctx) Next {
				if !c.writesMM() {
					c.Say("mmap_lock is taken for reading: so much of the VMA stays as it is")
					return Then
				}
				c.WriteLock(c.vmaLock(rwFirst))
				return Then
			}},
		rwGather: {Label: "gather", Says: "the VMA loses VM_SOFTDIRTY; announce a flush to come", Ref: "inc_tlb_flush_pending", Touches: cell.Of(machine.MMs, machine.VMAs), Calls: []FuncID{fnClearRefsPTERange}, Do: func(c *Ctx) Next {
			c.watch(c.Page(rwFirst))
			c.watchRange(false)
			c.Add(c.M.FlushPending(c.MM), 1)
			if c.pfnMap(c.Page(rwFirst)) {
				c.Say("announce a flush to come; the VMA has no struct pages, and is passed over")
				return rwFlush
			}
			return c.Call(fnClearRefsPTERange, rwFlush, c.L(rwFirst), c.L(rwLast))
		}},
		rwFlush: {Label: "flush", Says: "flush all of the mm", Ref: "flush_tlb_mm", Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.flushAll(rwFirst, rwFlushed)
		}},
		rwFlushed: {Label: "flushed", Says: "the flush is over", Ref: "dec_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.MM), -1)
			c.watchRange(true)
			return Then
		}},
		rwReadUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "up_read(mmap_sem)", When: Without(ClearRefsWriteLock), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			return Return
		}},
		rwWriteUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", When: With(ClearRefsWriteLock), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			if w := c.vmaLock(rwFirst); machine.MmapWriter(c.Load(w)) == c.Task {
				c.WriteUnlock(w)
			}
			c.WriteUnlock(c.M.MmapLock(c.MM))
			return Return
		}},
	},
})

const rwFirst, rwLast = 0, 1

// watches reports whether the VMA of a page has no VM_SOFTDIRTY, or nobody keeps that.
func (c *Ctx) watches(p machine.PageID) bool {
	vma := c.Load(c.M.VMA(p))
	return !c.sim.softDirty || vma == 0 || vma&machine.VMNoSoftDirty != 0
}

// watchRange notes for the claims that the range begins to be watched, or that clear_refs is at it.
func (c *Ctx) watchRange(ended bool) {
	for p := c.Page(rwFirst); c.sim.softDirty && p <= c.Page(rwLast); p++ {
		c.M.Watch(p, ended && !c.M.HugetlbPage(p)) // hugetlb is passed over
	}
}

// writesMM reports whether the task holds its mm's mmap_lock for writing.
func (c *Ctx) writesMM() bool { return machine.MmapWriter(c.Load(c.M.MmapLock(c.MM))) == c.Task }

const (
	rwReadLock = iota
	rwWriteLock
	rwVMALock
	rwGather
	rwFlush
	rwFlushed
	rwReadUnlock
	rwWriteUnlock
)

// clear_refs_pte_range over a range, in straight line, for every page table of it:
//
//	a huge PMD: lock it; invalidate it, flush; put it back read-only; unlock
//	lock the PTL
//	every present PTE: newer: it may be pinned: leave it
//	                   take it out; put it back read-only, not soft-dirty
//	every swap or migration entry: not soft-dirty
//	unlock the PTL
//
// The flush comes when the PTL is dropped long since: see clear_refs_write. Under mmap_lock for reading,
// which others hold, too, two of them may take from a PTE what it is recognized by:
//
//	CPU0 (clear_refs)          CPU1 (MADV_FREE)           CPU2 (ksmd)
//	                           the PTE: clean
//	the PTE: read-only
//	                                                      read-only and clean: nothing to flush
//	flush                      flush
//
// compare fs/proc/task_mmu.c:clear_refs_pte_range, clear_soft_dirty
var _ = register(fnClearRefsPTERange, &Func{
	Notify: pages(rrPage, rrEnd),
	Name:   "clear_refs_pte_range", File: "fs/proc/task_mmu.c", Params: []int{rrPage, rrEnd},
	Locals: []Local{{"pmd", TableLocal}, {"old_pte", PTELocal}, {"reference", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}},
	Steps: []Step{
		rrPMD:  readPMDStep(rrTable, rrPage, rrEnd, rrPMD, rrHuge, rrDone),
		rrLock: lockPTLStep("lock", "lock the PTL", rrTable),
		rrNext: {Label: "next", Says: "the next PTE that maps a page", Ref: "ptep_get", Reads: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			for p, last := c.Page(rrPage), min(c.Page(rrEnd), c.lastHuge(c.Page(rrPage))); p <= last; p++ {
				c.Set(rrPage, uint64(p))
				switch e := machine.Entry(c.Load(c.PTE(c.Frame(rrTable), p))); {
				case e.Present():
					c.Set(rrPTE, uint64(e))
					return rrPinned
				case e.SoftDirtied():
					return rrSwap
				}
			}
			c.Say("there are no more PTEs in the table")
			return rrUnlock
		}},
		rrSwap: {Label: "swap", Says: "a swap or migration entry: it is not soft-dirty any more", Ref: "pte_swp_clear_soft_dirty", When: SoftDirties, Touches: cell.Of(machine.PTEs), Back: []int{rrNext}, Do: func(c *Ctx) Next {
			p := c.Page(rrPage)
			e := machine.Entry(c.Load(c.PTE(c.Frame(rrTable), p))).WithoutSoftDirty()
			c.Sayf("put it back: %v", e)
			c.SetPTE(c.Frame(rrTable), p, e)
			return c.clearRefsNext()
		}},
		rrPinned: {Label: "pinned", Says: "may it be pinned?", Answer: "no", Ref: "pte_is_pinned", When: With(ClearRefsSkipsPinned), Reads: cell.Of(machine.Refs, machine.VMAs, machine.MMs), Back: []int{rrNext}, Do: func(c *Ctx) Next {
			e := c.Entry(rrPTE)
			if e.Has(machine.RW) && machine.IsCOW(c.Load(c.M.VMA(c.Page(rrPage)))) && c.Load(c.M.MMFlags(c.mmOf(rrPage)))&machine.MMFHasPinned != 0 && c.maybePinned(e.Frame()) {
				c.Say("it may be pinned: leave it")
				return c.clearRefsNext()
			}
			return Then
		}},
		rrStart: {Label: "start", Says: "take the PTE out", Ref: "ptep_modify_prot_start", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			old := c.ClearPTE(c.Frame(rrTable), c.Page(rrPage))
			c.Set(rrPTE, uint64(old))
			if c.M.Normal(old.Frame()) {
				c.Hold(rrRef, old.Frame(), 1) // the PTE's reference is ours while it is out
			}
			return Then
		}},
		rrCommit: {Label: "commit", Says: "put it back, read-only", Ref: "ptep_modify_prot_commit", Touches: cell.Of(machine.PTEs), Back: []int{rrNext}, Do: func(c *Ctx) Next {
			e := (c.Entry(rrPTE).Fresh() &^ machine.RW).WithoutSoftDirty()
			c.Sayf("put it back: %v", e)
			c.Release(rrRef)
			c.SetPTE(c.Frame(rrTable), c.Page(rrPage), e)
			return c.clearRefsNext()
		}},
		rrUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Back: []int{rrPMD}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(rrTable)))
			return c.nextTable(rrPage, rrEnd, rrPMD, rrDone)
		}},
		rrHuge: {Label: "huge", Says: "lock the PMD; invalidate it, flush", Ref: "pmdp_invalidate", When: Large, Touches: cell.Of(machine.PTLs, machine.PMDs), Calls: []FuncID{fnFlushTLBMMRange}, Back: []int{rrPMD},
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(rrPage))) },
			Do: func(c *Ctx) Next {
				p := c.Page(rrPage)
				old := machine.Entry(c.Load(c.M.PMD(p)))
				if !old.Has(machine.PSE) {
					c.Say("the PMD is not huge any more")
					return rrPMD
				}
				c.Lock(c.pmdLock(p))
				c.Set(rrPTE, uint64(old))
				c.SetPMD(p, old&^machine.Present)
				return c.Call(fnFlushTLBMMRange, rrHugeSet, uint64(c.mmOf(rrPage)), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), c.flushRange())
			}},
		rrHugeSet: {Label: "huge_set", Says: "put it back, read-only; unlock the PMD", Ref: "set_pmd_at", When: Large, Touches: cell.Of(machine.PTLs, machine.PMDs), Back: []int{rrPMD}, Do: func(c *Ctx) Next {
			p, e := c.Page(rrPage), (c.Entry(rrPTE).Fresh() &^ machine.RW).WithoutSoftDirty()
			c.Sayf("put it back: %v; unlock the PMD", e)
			c.SetPMD(p, e)
			c.Set(rrPTE, 0)
			c.Unlock(c.pmdLock(p))
			return c.nextTable(rrPage, rrEnd, rrPMD, rrDone)
		}},
		rrDone: {Label: "done", Says: "all PTEs are read-only", Local: true, Do: func(*Ctx) Next { return Return }},
	},
})

const rrTable, rrPTE, rrRef, rrPage, rrEnd = 0, 1, 2, 3, 4

const (
	rrPMD = iota
	rrLock
	rrNext
	rrSwap
	rrPinned
	rrStart
	rrCommit
	rrUnlock
	rrHuge
	rrHugeSet
	rrDone
)

// clearRefsNext goes on with the next PTE of the table.
func (c *Ctx) clearRefsNext() Next {
	c.Set(rrPTE, 0)
	if p := c.Page(rrPage); p == c.Page(rrEnd) || p == c.lastHuge(p) {
		return rrUnlock
	}
	c.Set(rrPage, c.L(rrPage)+1)
	return rrNext
}
