package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// move_page_tables of a range to another place, in straight line, for every PMD entry of it:
//
//	none: the next
//	huge, and not all of it is to be moved: split it, look again; a file's is none then
//	huge, or a page table of which all is to be moved (newer), and none at the new place: move the entry
//	else: pte_alloc() at the new place, move the PTEs
//
//	the PTEs, or the entry:
//	    the walk of a reverse mapping may miss it (or, newer, a page table): lock i_mmap_rwsem, the anon_vma
//	    lock the PTL, and that of the new place (or the PMD); flush_tlb_batched_pending()
//	    clear it at the old place, set it at the new one; next
//	    newer: flush the old place
//	    unlock
//	older: flush the old range
//
// With the new place's lock dropped before the flush, another CPU can unmap the page there and free it:
//
//	CPU0 (mremap)           CPU1 (truncation)       CPU2
//	clear the old PTE                               has the page in its TLB, at the old place
//	set the new PTE
//	unlock both
//	                        clear the new PTE
//	                        flush the new place
//	                        free the page
//	                                                stores to it
//	flush the old place
//
// From 6.6 on khugepaged takes page tables of files away without mmap_lock, though not without the lock of the PMD, nor beside who has i_mmap_rwsem for writing. So the PMD
// is looked at again with its lock held; and where the PTEs move, who locks the page table finds it gone, and looks again (-EAGAIN). (That move_normal_pmd()
// looks again came late, into 6.12 and stable trees: none of the kernels here is without it.)
//
// The walk of a reverse mapping goes to the places in a fixed order, looking at each under its lock. Who moves a page forward need not mind: who has not found it at the
// old place finds it at the new one. A page table moves with what others are doing in it:
//
//	CPU0 (mremap)           CPU1 (try_to_migrate)   CPU2
//	                        lock the PTL, old place
//	clear the old PMD, set the new one, flush
//	                                                stores at the new place: it is in its TLB
//	                        clear the PTE
//	                        flush the old place
//	                        copy the page
//	                                                stores to it
//
// compare mm/mremap.c:move_page_tables, move_ptes, move_normal_pmd, mm/huge_memory.c:move_huge_pmd
var _ = register(fnMovePageTables, &Func{
	Notify: &Notify{Pages: func(c *Ctx) (machine.PageID, machine.PageID) {
		return min(c.Page(mtFrom), c.Page(mtEnd)), c.Page(mtEnd)
	}},
	Name: "move_page_tables", File: "mm/mremap.c", Params: []int{mtFrom, mtEnd, mtTo},
	Locals: []Local{{"old_pmd", TableLocal}, {"new_pmd", TableLocal}, {"pte", PTELocal}, {"reference", HoldLocal}, {"old_addr", PageLocal}, {"old_end", PageLocal}, {"new_addr", PageLocal}, {"old_start", PageLocal}, {"entry", IntLocal}, {"force_flush", IntLocal}},
	Steps: []Step{
		mtBegin: {Label: "begin", Says: "from the first page on", Local: true, Do: func(c *Ctx) Next {
			c.Set(mtStart, c.L(mtFrom))
			return Then
		}},
		mtPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "get_old_pmd", Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnSplitHugePMD, fnPTEAlloc}, Back: []int{mtPMD}, Do: (*Ctx).movePMD},
		mtTable: {Label: "whole_table", Says: "does all that the page table maps move?", Ref: "HAVE_MOVE_PMD", When: With(MremapMovesTables).AndRooms(), Local: true, Do: func(c *Ctx) Next {
			if c.L(mtEntry) == moveTable {
				return mtRmapTable
			}
			return Then
		}},
		mtAlloc: {Label: "alloc", Says: "is there a page table at the new place?", Answer: "yes", Ref: "pte_alloc", Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnPTEAlloc}, Back: []int{mtAlloc}, Do: func(c *Ctx) Next {
			c.Set(mtEntry, movePTEs)
			if pmd := machine.Entry(c.Keep(mtNew, c.M.PMD(c.Page(mtTo)))); !pmd.Present() {
				c.Say("there is no page table at the new place")
				return c.Call(fnPTEAlloc, mtAlloc, c.L(mtTo))
			}
			return mtOrder
		}},
		mtRmapTable: {Label: "rmap_table", Says: "nobody who walks a reverse mapping may be in the page table", Ref: "take_rmap_locks", When: With(MremapTableRmapLocks), Local: true, Do: func(c *Ctx) Next {
			return mtRmapFile
		}},
		mtOrder: {Label: "need_rmap_locks", Says: "may the walk of a reverse mapping miss it?", Ref: "need_rmap_locks", When: With(MremapRmapLocks).AndRooms(), Local: true, Do: func(c *Ctx) Next {
			if c.Page(mtTo) > c.Page(mtFrom) { // the new place comes later
				return c.moveLock()
			}
			return Then
		}},
		mtUnordered: {Label: "no_rmap_locks", Says: "let a walk of a reverse mapping miss it", When: Without(MremapRmapLocks).AndRooms(), Local: true, Do: func(c *Ctx) Next { return c.moveLock() }},
		mtRmapFile: {Label: "lock_i_mmap", Says: "lock file->i_mmap_rwsem", Ref: "i_mmap_lock_write", Touches: cell.Of(machine.RmapLocks),
			Wait: func(c *Ctx) Block {
				if c.isFile(c.Page(mtFrom)) {
					return c.WriteFree(c.M.MappingLock(c.M.Region(c.Page(mtFrom)).File))
				}
				return Block{}
			},
			Do: func(c *Ctx) Next {
				if !c.isFile(c.Page(mtFrom)) {
					c.Say("it is memory without a file")
					return Then
				}
				c.WriteLock(c.M.MappingLock(c.M.Region(c.Page(mtFrom)).File))
				return Then
			}},
		mtRmapAnon: {Label: "lock_anon_vma", Says: "lock the anon_vma", Ref: "anon_vma_lock_write", Touches: cell.Of(machine.RmapLocks), Reads: cell.Of(machine.VMAs),
			Wait: func(c *Ctx) Block {
				if c.hasAnonVMA(c.Page(mtFrom)) {
					return c.WriteFree(c.anonVMALock(c.Page(mtFrom)))
				}
				return Block{}
			},
			Do: func(c *Ctx) Next {
				if !c.hasAnonVMA(c.Page(mtFrom)) {
					c.Say("there is no anon_vma")
					return c.moveLock()
				}
				c.WriteLock(c.anonVMALock(c.Page(mtFrom)))
				return c.moveLock()
			}},

		mtOldPTL: mapPTLStep("lock", "lock the PTL of the old place", mtOld, mtFrom, mtGone),
		mtNewPTL: {Label: "lock_new", Says: "lock the PTL of the new place", Ref: "spin_lock_nested", Map: &TableMap{mtNew, mtTo, mtGoneNew}, Touches: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(mtNew))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(mtNew)
				return Then
			}},
		mtBatched: batchedStep(mtFrom, mtFlushed, mtClear),
		mtFlushed: batchedDoneStep(mtFrom),
		mtClear:   {Label: "clear", Says: "clear the PTE at the old place", Ref: "ptep_get_and_clear", Touches: cell.Of(machine.PTEs), Do: (*Ctx).moveClear},
		mtSet:     {Label: "set", Says: "set it at the new place", Ref: "set_pte_at", Order: Plain, Touches: cell.Of(machine.PTEs), Back: []int{mtClear}, Do: (*Ctx).moveSet},
		mtFlush: {Label: "flush", Says: "was anything mapped there?", Ref: "flush_tlb_range", When: With(MremapFlushLocked).AndRooms(), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.moveFlush(c.M.HugeStart(c.Page(mtFrom)), c.Page(mtFrom), mtUnlock)
		}},
		mtUnlock: {Label: "unlock_new", Says: "unlock the PTL of the new place", Ref: "spin_unlock", Order: Plain, Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(mtNew)))
			return Then
		}},
		mtUnlockOld: {Label: "unlock", Says: "unlock the PTL of the old place", Ref: "pte_unmap_unlock", Order: Plain, Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(mtOld)))
			return mtRmapUnlock
		}},

		mtGoneNew: {Label: "gone_new", Says: "unlock the PTL of the old place", Ref: "pte_unmap_unlock", When: With(PTEMapMayFail).AndFileTHP(), Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(mtOld)))
			return Then
		}},
		mtGone: {Label: "gone", Says: "drop the locks of the reverse mappings, look again", Ref: "drop_rmap_locks", When: With(PTEMapMayFail).AndFileTHP(), Touches: cell.Of(machine.RmapLocks), Back: []int{mtPMD}, Do: func(c *Ctx) Next {
			c.dropRmapLocks()
			return mtPMD
		}},

		mtPMDLock: {Label: "lock_pmd", Says: "lock the PMD; is it as it was?", Answer: "yes", Ref: "pmd_lock", Touches: cell.Of(machine.PTLs, machine.RmapLocks), Reads: cell.Of(machine.PMDs), Back: []int{mtPMD},
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(mtFrom))) },
			Do: func(c *Ctx) Next {
				if pmd := machine.Entry(c.Load(c.M.PMD(c.Page(mtFrom)))); pmd.PMDNone() || pmd.IsHuge() != (c.L(mtEntry) == moveHuge) {
					c.dropRmapLocks()
					c.Say("the PMD is not what it was")
					return mtPMD
				}
				c.Lock(c.pmdLock(c.Page(mtFrom)))
				return Then
			}},
		mtClearPMD: {Label: "clear_pmd", Says: "clear the PMD at the old place", Ref: "pmd_clear", Touches: cell.Of(machine.PMDs), Do: (*Ctx).moveClearPMD},
		mtSetPMD:   {Label: "set_pmd", Says: "set it at the new place", Ref: "pmd_populate", Order: Plain, Touches: cell.Of(machine.PMDs, machine.Frames), Do: (*Ctx).moveSetPMD},
		mtFlushPMD: {Label: "flush_pmd", Says: "flush the old place", Ref: "flush_tlb_range", When: With(MremapFlushLocked).AndRooms(), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.moveFlush(c.Page(mtFrom), c.lastHuge(c.Page(mtFrom)), mtPMDUnlock)
		}},
		mtPMDUnlock: {Label: "unlock_pmd", Says: "unlock the PMD", Ref: "spin_unlock", Order: Plain, Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.pmdLock(c.Page(mtFrom)))
			return Then
		}},

		mtRmapUnlock: {Label: "unlock_rmap", Says: "drop the locks of the reverse mappings", Ref: "drop_rmap_locks", Touches: cell.Of(machine.RmapLocks), Back: []int{mtPMD}, Do: func(c *Ctx) Next {
			c.dropRmapLocks()
			return c.moveNext()
		}},
		mtLate: {Label: "flush_late", Says: "was anything mapped there?", Ref: "flush_tlb_range", When: Without(MremapFlushLocked).AndRooms(), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.moveFlush(c.Page(mtStart), c.Page(mtEnd), mtDone)
		}},
		mtDone: {Label: "done", Says: "all is moved", Local: true, Do: func(c *Ctx) Next { return Return }},
	},
})

const mtOld, mtNew, mtPTE, mtRef, mtFrom, mtEnd, mtTo, mtStart, mtEntry, mtForce = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9

const (
	mtBegin = iota
	mtPMD
	mtTable
	mtAlloc
	mtRmapTable
	mtOrder
	mtUnordered
	mtRmapFile
	mtRmapAnon
	mtOldPTL
	mtNewPTL
	mtBatched
	mtFlushed
	mtClear
	mtSet
	mtFlush
	mtUnlock
	mtUnlockOld
	mtGoneNew
	mtGone
	mtPMDLock
	mtClearPMD
	mtSetPMD
	mtFlushPMD
	mtPMDUnlock
	mtRmapUnlock
	mtLate
	mtDone
)

// What move_page_tables moves next.
const (
	movePTEs  uint64 = iota
	moveTable        // the PMD entry, with the page table that it points to
	moveHuge         // the PMD entry that maps a huge page, or stands for one that is being moved
)

// movePMD looks what the PMD entry of the old place is, and so what moves.
func (c *Ctx) movePMD() Next {
	p, q := c.Page(mtFrom), c.Page(mtTo)
	pmd := machine.Entry(c.Keep(mtOld, c.M.PMD(p)))
	whole := p == c.M.HugeStart(p) && c.lastHuge(p) <= c.Page(mtEnd) && int(c.lastHuge(p)-p)+1 == c.M.HugePages
	empty := machine.Entry(c.Load(c.M.PMD(q))).PMDNone()
	c.Set(mtEntry, movePTEs)
	switch {
	case pmd.PMDNone():
		c.Say("the PMD is none")
		return c.moveNext()
	case pmd.IsHuge() && !(whole && empty):
		c.Say("the PMD maps more than is to move: split it")
		return c.Call(fnSplitHugePMD, mtPMD, uint64(p))
	case pmd.IsHuge():
		c.Say("the PMD maps a huge page, and all of it moves")
		c.Set(mtEntry, moveHuge)
		return mtOrder
	case whole && empty:
		c.Set(mtEntry, moveTable)
	}
	return Then
}

// moveLock goes to the lock of what moves.
func (c *Ctx) moveLock() Next {
	if c.L(mtEntry) == movePTEs {
		return mtOldPTL
	}
	return mtPMDLock
}

// moveNext goes on with the next PMD entry.
func (c *Ctx) moveNext() Next {
	next := c.M.HugeEnd(c.Page(mtFrom))
	if next > c.Page(mtEnd) {
		return mtLate
	}
	c.Set(mtTo, uint64(c.M.Place(next, c.M.Pages()[c.Page(mtTo)].Region)))
	c.Set(mtFrom, uint64(next))
	return mtPMD
}

// moveClear takes the next PTE of the table that is not none out of it.
func (c *Ctx) moveClear() Next {
	from := c.Page(mtFrom)
	for p := from; ; p++ {
		if p > c.Page(mtEnd) || p == c.M.HugeEnd(from) {
			c.moveTo(p - 1)
			c.Say("there are no more PTEs in the table")
			return mtFlush
		}
		e := machine.Entry(c.Load(c.PTE(c.Frame(mtOld), p)))
		if e.None() {
			continue
		}
		c.moveTo(p)
		c.Sayf("clear the PTE at the old place: it was %v", e)
		c.Set(mtPTE, uint64(c.ClearPTE(c.Frame(mtOld), p)))
		if e.Present() {
			c.Set(mtForce, 1)
			if e.Frame() != machine.ZeroPage {
				c.Hold(mtRef, e.Frame(), 1) // the PTE's reference is ours while it is out
			}
		}
		return Then
	}
}

// moveTo goes to a page of the same table.
func (c *Ctx) moveTo(p machine.PageID) {
	c.Set(mtTo, c.L(mtTo)+uint64(p-c.Page(mtFrom)))
	c.Set(mtFrom, uint64(p))
}

// moveSet sets the PTE at the new place.
func (c *Ctx) moveSet() Next {
	p := c.Page(mtFrom)
	c.Sayf("set it at %s", c.M.Pages()[c.Page(mtTo)].Name)
	c.Release(mtRef)
	c.SetPTE(c.Frame(mtNew), c.Page(mtTo), c.movedEntry(c.Entry(mtPTE).Fresh()))
	c.M.Moved(p, c.Page(mtTo))
	c.Set(mtPTE, 0)
	if p == c.Page(mtEnd) || p+1 == c.M.HugeEnd(p) {
		return mtFlush
	}
	c.moveTo(p + 1)
	return mtClear
}

// moveFlush flushes pages of the old place, if anything of it was mapped.
func (c *Ctx) moveFlush(first, last machine.PageID, back int) Next {
	if c.L(mtForce) == 0 {
		return Next(back)
	}
	return c.Call(fnFlushTLBMMRange, back, uint64(c.MM), uint64(first), uint64(last), c.flushRange())
}

// moveClearPMD takes the PMD entry out.
func (c *Ctx) moveClearPMD() Next {
	p := c.Page(mtFrom)
	old := machine.Entry(c.Load(c.M.PMD(p)))
	c.Sayf("clear the PMD at the old place: it was %v", old)
	c.Set(mtPTE, uint64(old))
	if c.L(mtEntry) == moveTable {
		c.pmdClear(p, true)
	} else {
		c.SetPMD(p, 0)
	}
	if old.Present() {
		c.Set(mtForce, 1)
		if !c.M.IsHugeZero(old.Frame()) {
			c.Hold(mtRef, old.Frame(), 1)
		}
	}
	return Then
}

// moveSetPMD sets it at the new place. What is deposited beside a huge one goes along.
func (c *Ctx) moveSetPMD() Next {
	p, q, e := c.Page(mtFrom), c.Page(mtTo), c.Entry(mtPTE).Fresh()
	if c.Release(mtRef); c.L(mtEntry) == moveHuge {
		e = c.movedEntry(e)
		c.Sayf("map the huge page at %s", c.M.Pages()[q].Name)
		if h := c.M.TakeDeposit(p); h.Some() { // beside a file's there is none
			c.M.SetTable(h.Frame(), q)
			c.M.SetDeposit(q, h)
		}
	}
	c.SetPMD(q, e)
	if c.L(mtEntry) == moveTable {
		c.Sayf("the page table is that of %s from now on", c.M.Pages()[q].Name)
		c.M.MoveTable(e.Frame(), q)
	}
	for i := range machine.PageID(c.M.HugePages) {
		c.M.Moved(p+i, q+i)
	}
	c.Set(mtPTE, 0)
	return Then
}

// dropRmapLocks drops those that move_page_tables has taken.
func (c *Ctx) dropRmapLocks() {
	p, none := c.Page(mtFrom), true
	locks := []machine.Word{c.anonVMALock(p)}
	if c.isFile(p) {
		locks = append(locks, c.M.MappingLock(c.M.Region(p).File))
	}
	for _, w := range locks {
		if c.writes(w) {
			c.WriteUnlock(w)
			none = false
		}
	}
	if none {
		c.Say("no lock of a reverse mapping was needed")
	}
}
