package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What zap_pte_range does about pages of files, and who has it do that besides munmap
// and madvise: truncation.

// mmOf is the mm of the page that a local names: in a remote access, truncation or the
// end of an mm it is not the task's own.
func (c *Ctx) mmOf(i int) int { return c.M.Pages()[c.Page(i)].MM }

// isFilePage reports whether a folio belongs to a file.
func (c *Ctx) isFilePage(f machine.Frame) bool {
	return len(c.M.Files) > 0 && machine.MappingFile(c.Load(c.M.Mapping(c.M.Head(f)))) >= 0
}

// privateCopy reports whether an entry is that of an anonymous page, one in swap, or one that is being moved; what stands
// for memory that has failed passes for one.
func (c *Ctx) privateCopy(e machine.Entry) bool {
	if e.IsMigration() {
		_, f, _, _ := e.Migration()
		return c.isAnon(f)
	}
	return e.IsSwap() || e.IsPoison() || e.Present() && e.Frame() != machine.ZeroPage && machine.IsAnon(c.Load(c.M.Mapping(c.M.Head(e.Frame()))))
}

var zapDirtyStep = Step{Label: "set_dirty", Says: "the PTE was dirty: so is the folio", Ref: "folio_mark_dirty", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
	c.Set(zpFlush, c.L(zpFlush)|zapDirty)
	c.markDirty(c.M.Head(c.Frame(zpPTE)))
	return Then
}}

// zapDelayStep leaves the folio mapped until the flush: its place in the gather says so.
var zapDelayStep = Step{Label: "delay_rmap", Says: "it counts as mapped until the flush", Ref: "delay_rmap", When: With(DelayedRmap), Local: true, Do: func(c *Ctx) Next {
	i := int(c.M.Load(c.M.Gathers(c.Task))) - 1
	c.M.SetGathered(c.Task, i, machine.Hold(c.M.Load(c.M.Gathered(c.Task, i)))|machine.DelayRmap)
	return zpNext
}}

var zapForceStep = Step{Label: "force_flush", Says: "was a dirty PTE of a file among them?", Ref: "tlb_flush_mmu_tlbonly", When: With(ZapFlushBeforeUnlock), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
	full, dirty := c.L(zpFlush)&zapFull, c.L(zpFlush)&zapDirty != 0
	if !dirty && (full == 0 || !c.flushedEarly()) {
		return zpUnlock
	}
	c.Set(zpFlush, full)
	if full != 0 {
		c.Say("the gather is full: flush what was unmapped so far")
		return c.Call(fnFlushTLBMMRange, zpDelayed, uint64(c.mmOf(zpPage)), c.Load(c.M.GatherStart(c.Task))-1, c.L(zpPage), 0)
	}
	return c.Call(fnFlushTLBMMRange, zpDelayed, uint64(c.mmOf(zpPage)), uint64(c.M.HugeStart(c.Page(zpPage))), c.L(zpPage), 0)
}}

var zapDelayedStep = Step{Label: "delayed_rmap", Says: "the folio is mapped once less", Ref: "tlb_flush_rmaps", When: With(DelayedRmap), Touches: cell.Of(machine.Mapcounts), Back: []int{zpDelayed}, Do: func(c *Ctx) Next {
	some := false
	for i := range int(c.M.Load(c.M.Gathers(c.Task))) {
		h := machine.Hold(c.M.Load(c.M.Gathered(c.Task, i)))
		switch {
		case h&machine.DelayRmap == 0:
		case some:
			return zpDelayed
		default:
			some = true
			c.M.SetGathered(c.Task, i, h&^machine.DelayRmap)
			c.rmapAdd(h.Frame(), -1)
		}
	}
	return Then
}}

// unmap_mapping_range of pages of a file, in straight line:
//
//	lock i_mmap_rwsem
//	every VMA that covers some of them, of every mm: try its hugetlb VMA lock; tlb_gather_mmu()
//	    zap_pte_range(): private copies, too, if so asked; tlb_finish_mmu()
//	unlock i_mmap_rwsem
//
// A VMA of a whole gigabyte that a fault has locked is left out: its page goes when it leaves the page cache, which unmaps it once more and
// waits for the lock then.
//
// The lock (i_mmap_rwsem) is left out where mremap may not move anything, and no PMD table is shared: who changes VMAs
// changes a word of each page, and who walks here looks at those one after the other.
//
// compare mm/memory.c:unmap_mapping_range, zap_page_range_single
var _ = register(fnUnmapMappingRange, &Func{
	Name: "unmap_mapping_range", File: "mm/memory.c", Params: []int{umFirst, umLast, umCows},
	Locals: []Local{{"first", PgoffLocal}, {"last", PgoffLocal}, {"even_cows", IntLocal}, {"address", PageLocal}, {"end", PageLocal}},
	Steps: []Step{
		umLock: {Label: "lock", Says: "lock file->i_mmap_rwsem", Ref: "i_mmap_lock_read", When: MappingLocked, Touches: cell.Of(machine.RmapLocks),
			Wait: func(c *Ctx) Block {
				if c.hugetlbfs(umFirst) {
					return c.WriteFree(c.mappingLock(umFirst))
				}
				return c.ReadFree(c.mappingLock(umFirst))
			},
			Do: func(c *Ctx) Next {
				if c.hugetlbfs(umFirst) {
					c.Say("lock file->i_mmap_rwsem for writing")
					c.WriteLock(c.mappingLock(umFirst))
					return Then
				}
				c.ReadLock(c.mappingLock(umFirst))
				return Then
			}},
		umNext: {Label: "next", Says: "find the next VMA that covers some of it", Ref: "vma_interval_tree_foreach", Touches: cell.Of(machine.MMs), Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnZapPTERange}, Do: func(c *Ctx) Next {
			p, q, ok := c.M.NextOfFile(c.Pgoff(umFirst), c.Pgoff(umLast), machine.PageID(c.L(umEnd))-1)
			if !ok {
				c.Say("no more VMAs cover it")
				return umUnlock
			}
			c.Set(umAt, uint64(p))
			c.Set(umEnd, uint64(q)+1)
			if c.M.Gigabyte(p) {
				c.Sayf("it may be mapped at %s", c.M.Pages()[p].Name)
				return umLockVMA
			}
			c.Sayf("it may be mapped at %s: announce a flush to come", c.M.Pages()[p].Name)
			return c.unmapVMA(umFinish)
		}},
		umFinish: {Label: "finish", Says: "flush and free", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnTLBFinishMMU}, Back: []int{umNext}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBFinishMMU, umNext, c.L(umAt), c.L(umEnd)-1, 0)
		}},
		umUnlock: {Label: "unlock", Says: "unlock file->i_mmap_rwsem", Ref: "i_mmap_unlock_read", When: MappingLocked, Touches: cell.Of(machine.RmapLocks), Do: func(c *Ctx) Next {
			if c.hugetlbfs(umFirst) {
				c.WriteUnlock(c.mappingLock(umFirst))
				return Return
			}
			c.ReadUnlock(c.mappingLock(umFirst))
			return Return
		}},
		umReturn: {Label: "return", Says: "all VMAs are done", Local: true, Do: func(c *Ctx) Next { return Return }},
		umLockVMA: {Label: "trylock_vma", Says: "try the hugetlb VMA lock for writing", Ref: "hugetlb_vma_trylock_write", When: With(HugetlbVMALock).AndSharedPMDs(), Touches: cell.Of(machine.HugetlbPool), Back: []int{umNext}, Do: func(c *Ctx) Next {
			switch {
			case c.WriteFree(c.hugetlbVMALock(umAt)).Ready():
				c.WriteLock(c.hugetlbVMALock(umAt))
				return Then
			case c.L(umCows) != 0:
				c.Say("a fault has it: its page goes when it leaves the page cache")
				return umNext
			}
			c.Say("a fault has it: wait for that")
			return umDrop
		}},
		umGather: {Label: "gather", Says: "announce a flush to come", Ref: "tlb_gather_mmu", When: SharedPMDs, Touches: cell.Of(machine.MMs), Calls: []FuncID{fnZapPTERange}, Do: func(c *Ctx) Next { return c.unmapVMA(umFlush) }},
		umFlush: {Label: "finish_gigabyte", Says: "flush and free", Ref: "tlb_finish_mmu", When: SharedPMDs, Local: true, Calls: []FuncID{fnTLBFinishMMU}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBFinishMMU, umUnlockVMA, c.L(umAt), c.L(umEnd)-1, 0)
		}},
		umUnlockVMA: {Label: "unlock_vma", Says: "drop the hugetlb VMA lock", Ref: "hugetlb_vma_unlock_write", When: With(HugetlbVMALock).AndSharedPMDs(), Touches: cell.Of(machine.HugetlbPool), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.hugetlbVMALock(umAt))
			return Then
		}},
		umMore: {Label: "more", Says: "the next VMA", When: SharedPMDs, Local: true, Back: []int{umNext}, Do: func(c *Ctx) Next { return umNext }},
		umDrop: {Label: "drop_map", Says: "unlock file->i_mmap_rwsem", Ref: "i_mmap_unlock_write", When: With(HugetlbVMALock).AndSharedPMDs(), Touches: cell.Of(machine.RmapLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.mappingLock(umFirst))
			return Then
		}},
		umWait: {Label: "wait_vma", Says: "wait until the hugetlb VMA lock is free; look at the VMA again", Ref: "hugetlb_vma_lock_write", When: With(HugetlbVMALock).AndSharedPMDs(), Reads: cell.Of(machine.HugetlbPool), Back: []int{umLock},
			Wait: func(c *Ctx) Block { return c.WriteFree(c.hugetlbVMALock(umAt)) },
			Do: func(c *Ctx) Next {
				c.Set(umEnd, c.L(umAt))
				return umLock
			}},
	},
})

const umFirst, umLast, umCows, umAt, umEnd = 0, 1, 2, 3, 4

const (
	umLock = iota
	umNext
	umFinish
	umUnlock
	umReturn
	umLockVMA
	umGather
	umFlush
	umUnlockVMA
	umMore
	umDrop
	umWait
)

// hugetlbfs reports whether the file whose page a local names is one of hugetlbfs.
func (c *Ctx) hugetlbfs(pgoff int) bool { return c.M.KindOf(c.Pgoff(pgoff)) == machine.Hugetlbfs }

// unmapVMA unmaps the part of a VMA that the locals name, and comes back at a step.
func (c *Ctx) unmapVMA(back int) Next {
	c.Add(c.M.FlushPending(c.mmOf(umAt)), 1)
	return c.Call(fnZapPTERange, back, c.L(umAt), c.L(umEnd)-1, 1-c.L(umCows))
}
