package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// dup_mmap, in straight line:
//
//	mmap_write_lock()
//	every VMA: lock it; VM_DONTCOPY: the next; the child gets one, not locked; VM_WIPEONFORK: that is all
//	           if it has an anon_vma, the child gets one beneath it; copy_page_range(); also of memory without struct pages
//	flush_tlb_mm()               // every PTE that was write-protected
//	mmap_write_unlock(); the child may run
//	hugetlb had no page for a copy: mmput(child); -ENOMEM
//
// The lock keeps faults and slow GUP out. It does not keep out GUP-fast, reclaim, devices, and
// threads that have the page in their TLB: until the flush they go on writing to pages that are the
// child's by now.
//
// compare kernel/fork.c:dup_mmap
var _ = register(fnFork, &Func{
	Name: "dup_mmap", File: "kernel/fork.c", Params: []int{fkChild},
	Locals: []Local{{"child", IntLocal}, {"mpnt", PageLocal}, {"retval", IntLocal}},
	Steps: []Step{
		fkLock: {Label: "lock", Says: "take mmap_lock for writing", Ref: "mmap_write_lock_killable", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.M.MmapLock(c.MM))
				c.Set(fkVMAt, uint64(c.M.PageAt(c.MM, 0, 0)))
				return Then
			}},
		fkVMALock: {Label: "lock_vma", Says: "lock the VMA: no fault is in it", Ref: "vma_start_write", When: With(PerVMALock), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.vmaFree(fkVMAt) }, Do: func(c *Ctx) Next { return c.lockVMA(fkVMAt) }},
		fkVMA: {Label: "vma", Says: "the child gets a VMA like it, linked to the anon_vma", Ref: "anon_vma_fork", Touches: cell.Of(machine.VMAs), Calls: []FuncID{fnCopyPageRange, fnCopyHugetlbPageRange}, Do: func(c *Ctx) Next {
			child := int(c.L(fkChild))
			c.M.SetForking(c.MM, child)
			first, last, more := c.forkVMA()
			c.Set(fkVMAt, uint64(more))
			vma := c.M.VMFlags(first)
			if vma == 0 || vma&machine.VMDontCopy != 0 {
				c.Say("the child gets none of it, or gets it empty: there is nothing to copy")
				return fkNext
			}
			for p := first; p <= last; p++ {
				c.Store(c.M.VMA(c.M.Twin(p, child)), vma&^machine.VMLocked)
				c.M.Link(c.M.Twin(p, child), true)
			}
			c.M.Apart(c.M.Twin(first, child), true)
			if vma&machine.VMWipeOnFork != 0 {
				c.Say("the child gets none of it, or gets it empty: there is nothing to copy")
				return fkNext
			}
			for p := first; p <= last; p++ {
				c.M.Inherited(p, c.M.Twin(p, child))
			}
			switch {
			case c.isPFN(first):
				c.Say("the child gets a VMA like it; no fault could find what is mapped there: it is copied")
				return c.Call(fnCopyPageRange, fkNext, uint64(first), uint64(child), uint64(last))
			case !c.hasAnonVMA(first):
				c.Say("the child gets a VMA like it; no page of it is anonymous: there is nothing to copy")
				return fkNext
			}
			c.M.SetAnonVMA(c.M.Twin(first, child), c.M.Twin(last, child), machine.AnonForked|uint64(c.M.Pages()[first].Index+1))
			if c.M.HugetlbPage(first) {
				return c.Call(fnCopyHugetlbPageRange, fkNext, uint64(first), uint64(child), uint64(last))
			}
			return c.Call(fnCopyPageRange, fkNext, uint64(first), uint64(child), uint64(last))
		}},
		fkNext: {Label: "next", Says: "the next VMA", Local: true, Back: []int{fkVMALock, fkVMA}, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			next := c.Page(fkVMAt)
			if c.M.HugetlbPage(next-1) && ret&failed != 0 {
				c.Say("there is no huge page for a copy: go no further")
				c.Set(fkRet, ret)
				return Then
			}
			switch _, last := c.M.MMPages(c.MM); {
			case next > last:
				return Then
			case c.M.Pages()[next].Index == 0:
				return fkVMALock
			}
			return fkVMA
		}},
		fkFlush: {Label: "flush", Says: "flush what was write-protected", Ref: "flush_tlb_mm", When: With(ForkFlushTLB), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			first, last := c.M.MMPages(c.MM)
			return c.Call(fnFlushTLBMMRange, fkUnlock, uint64(c.MM), uint64(first), uint64(last), 1)
		}},
		fkUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.M.SetForking(c.MM, -1)
			for r := range c.M.MMs[c.MM].Regions {
				if w := c.M.VMALock(c.MM, r); machine.MmapWriter(c.Load(w)) == c.Task {
					c.WriteUnlock(w)
				}
			}
			c.WriteUnlock(c.M.MmapLock(c.MM))
			if c.L(fkRet) != 0 {
				return fkUndo
			}
			return Then
		}},
		fkKSM: {Label: "ksm_fork", Says: "is the mm on ksmd's list? The child, too", Ref: "ksm_fork", When: Merging, Touches: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			if c.Load(c.M.MergeOrder(c.MM)) != 0 {
				c.M.Register(int(c.L(fkChild)))
			}
			return Then
		}},
		fkPkeys: {Label: "dup_pkeys", Says: "the child has the parent's protection keys, its threads the rights of the one that forks", Ref: "arch_dup_pkeys", When: Pkeyed, Touches: cell.Of(machine.MMs, machine.Stacks), Anywhere: cell.Of(machine.Stacks), Do: func(c *Ctx) Next {
			c.forkPkeys(int(c.L(fkChild)))
			return Then
		}},
		fkWake: {Label: "wake", Says: "the child may run", Ref: "wake_up_new_task", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			child := int(c.L(fkChild))
			c.Store(c.M.MMState(child), machine.MMAlive)
			if c.Load(c.M.MMFlags(c.MM))&machine.MMFVMMergeAny != 0 { // mm_init() has copied it; the child alone reads it
				c.Store(c.M.MMFlags(child), c.Load(c.M.MMFlags(child))|machine.MMFVMMergeAny)
			}
			for i, t := range c.sim.Setup.Tasks {
				if t.MM == child && c.sim.loads(i) {
					c.M.SetLoaded(t.CPU, child, true)
				}
			}
			return Return
		}},
		fkUndo: {Label: "undo", Says: "the child, which has no thread, gives its mm up", Ref: "mmput", When: Hugetlbs, Touches: cell.Of(machine.MMs), Calls: []FuncID{fnMMPut}, Do: func(c *Ctx) Next {
			child := int(c.L(fkChild))
			c.Store(c.M.MMUsers(child), 1)
			for i, t := range c.sim.Setup.Tasks {
				if t.MM == child {
					c.M.Store(c.M.Done(i), 1) // it never begins
				}
			}
			return c.Call(fnMMPut, fkFailed, uint64(child))
		}},
		fkFailed: {Label: "failed", Says: "-ENOMEM", When: Hugetlbs, Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(fkRet)) }},
	},
})

const fkChild, fkVMAt, fkRet = 0, 1, 2

const (
	fkLock = iota
	fkVMALock
	fkVMA
	fkNext
	fkFlush
	fkUnlock
	fkKSM
	fkPkeys
	fkWake
	fkUndo
	fkFailed
)

// forkVMA returns the next VMA from a page on, and where its region goes on behind it: at another VMA, or with the next region. A region without a VMA is all of it.
func (c *Ctx) forkVMA() (first, last, more machine.PageID) {
	first = c.Page(fkVMAt)
	end := c.lastOfRegion(first)
	vmaFrom := func(p machine.PageID) machine.PageID {
		for ; p <= end && c.Load(c.M.VMA(p)) == 0; p++ {
			if !c.M.Rooms { // else it may be there, in a room
				c.M.Inherited(p, c.M.Twin(p, int(c.L(fkChild))))
			}
		}
		return p
	}
	if first = vmaFrom(first); first > end {
		return end, end, end + 1
	}
	last = c.M.VMALast(first)
	return first, last, vmaFrom(last + 1)
}
