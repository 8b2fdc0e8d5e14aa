package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// mremap of a range to a place in its room (MREMAP_MAYMOVE | MREMAP_FIXED), in straight line:
//
//	mmap_write_lock(); the range is not in one VMA: -EFAULT
//	lock the VMA, and those at the new place
//	mergeable: break_ksm() of every page
//	copy_vma(): a VMA like it at the new place, with the same anon_vma
//	move_page_tables()
//	do_munmap() of the old range; no PTE is left there
//	mmap_write_unlock()
//
// A page that moves keeps its references; its lifetime is that of the PTE at the new place, as soon as it is there. A CPU
// that has it in its TLB at the old place is nobody's concern but mremap's.
//
// compare mm/mremap.c:mremap_to, move_vma
var _ = register(fnMremap, &Func{
	Name: "mremap", File: "mm/mremap.c", Params: []int{mrFirst, mrLast, mrTo},
	Locals: []Local{{"address", PageLocal}, {"end", PageLocal}, {"new_address", PageLocal}, {"next", PageLocal}},
	Steps: []Step{
		mrLock: {Label: "lock", Says: "take mmap_lock for writing", Ref: "mmap_write_lock_killable", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.M.MmapLock(c.MM))
				return Then
			}},
		mrCheck: {Label: "vma", Says: "is the range in one VMA?", Answer: "yes", Ref: "vma_lookup", Touches: cell.Of(machine.MMLocks), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			first := c.Page(mrFirst)
			if c.Load(c.M.VMA(first)) == 0 || c.M.VMALast(first) < c.Page(mrLast) {
				c.Say("the range is not in one VMA: -EFAULT")
				c.WriteUnlock(c.M.MmapLock(c.MM))
				return c.Fail(EFAULT)
			}
			c.Set(mrTo, uint64(c.M.Place(first, c.M.Pages()[c.Page(mrTo)].Region)))
			return Then
		}},
		mrVMALock: {Label: "lock_vma", Says: "lock the VMA: no fault is in it", Ref: "vma_start_write", When: With(PerVMALock), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.vmaFree(mrFirst) }, Do: func(c *Ctx) Next { return c.lockVMA(mrFirst) }},
		mrKSM: {Label: "ksm", Says: "undo KSM's sharing of the next page", Ref: "ksm_madvise", When: Merging, Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnBreakKSM}, Back: []int{mrKSM}, Do: func(c *Ctx) Next {
			for p := max(c.Page(mrFirst), c.Page(mrNext)); p <= c.Page(mrLast); p++ {
				if c.Load(c.M.VMA(p))&machine.VMMergeable != 0 && c.hasAnonVMA(p) {
					c.Sayf("undo KSM's sharing of %s", c.M.Pages()[p].Name)
					c.Set(mrNext, uint64(p)+1)
					return c.Call(fnBreakKSM, mrKSM, uint64(p))
				}
			}
			c.Say("there is nothing for KSM to undo")
			c.Set(mrNext, 0)
			return Then
		}},
		mrNewLock: {Label: "lock_new_vma", Says: "lock what is at the new place", Ref: "vma_start_write", When: With(PerVMALock), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.vmaFree(mrTo) }, Do: func(c *Ctx) Next { return c.lockVMA(mrTo) }},
		mrCopy: {Label: "copy_vma", Says: "a VMA like it at the new place, linked to the anon_vma", Ref: "copy_vma", Touches: cell.Of(machine.VMAs), Calls: []FuncID{fnMovePageTables}, Do: func(c *Ctx) Next {
			from, to := c.Page(mrFirst), c.Page(mrTo)
			end := to + c.Page(mrLast) - from
			c.placeVMA(to, end, c.M.VMFlags(from), c.M.AnonVMA(from), true, true)
			for q := to; q <= end; q++ {
				c.M.Link(q, true)
			}
			return c.Call(fnMovePageTables, mrUnmap, c.L(mrFirst), c.L(mrLast), c.L(mrTo))
		}},
		mrUnmap: {Label: "unmap", Says: "unmap the old range", Ref: "do_vmi_munmap", Local: true, Calls: []FuncID{fnMunmap}, Do: func(c *Ctx) Next {
			return c.Call(fnMunmap, mrUnlock, c.L(mrFirst), c.L(mrLast))
		}},
		mrUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			for _, at := range []int{mrFirst, mrTo} {
				if w, _ := c.vmaWords(c.Page(at)); c.writes(w) {
					c.WriteUnlock(w)
				}
			}
			c.WriteUnlock(c.M.MmapLock(c.MM))
			return Return
		}},
	},
})

const mrFirst, mrLast, mrTo, mrNext = 0, 1, 2, 3

const (
	mrLock = iota
	mrCheck
	mrVMALock
	mrKSM
	mrNewLock
	mrCopy
	mrUnmap
	mrUnlock
)

// vmaFree waits until nobody has the lock of the VMA that the local's page lies in.
func (c *Ctx) vmaFree(local int) Block {
	w, _ := c.vmaWords(c.Page(local))
	return c.WriteFree(w)
}

// lockVMA takes that lock for writing.
func (c *Ctx) lockVMA(local int) Next {
	w, _ := c.vmaWords(c.Page(local))
	c.WriteLock(w)
	return Then
}

// writes reports whether the task holds a rw-lock for writing.
func (c *Ctx) writes(w machine.Word) bool { return machine.MmapWriter(c.Load(w)) == c.Task }
