package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// mlock, in straight line:
//
//	mmap_write_lock(); every VMA: VM_LOCKED; a hole: -ENOMEM, what comes before it stays locked; mmap_write_unlock()
//	mmap_read_lock()
//	every page that has a VMA: fault it in, writable where it is private and may be written; that fails: -ENOMEM
//	mmap_read_unlock()
//
// What is locked is not unmapped by reclaim, from the moment on that the flag is set: it looks for the flag under the PTL. A page that it was about to
// unmap may still go, and is faulted in again:
//
//	CPU0 (mlock)                          CPU1 (reclaim)
//	                                      lock the PTL; is the VMA locked? No
//	set VM_LOCKED
//	                                      unmap the page; unlock
//	fault the page in
//
// It is no pin: the page may be moved (compaction takes locked memory, too), copied at a fork's write, merged or split, and nobody takes a reference.
//
// Left out: PG_mlocked, by which reclaim passes over such folios before it comes to their PTEs, and the batches in which they wait for it (with a
// reference) and for the list that reclaim does not look through; until v4.14 all LRU batches are emptied first (so in 4.14.y, not in 4.15: read in source). Memory of hugetlb is
// faulted in, and not marked; memory without struct pages is neither (VM_MIXEDMAP: faulted in, too).
//
// compare mm/mlock.c:do_mlock, apply_vma_lock_flags, mm/gup.c:__mm_populate, populate_vma_page_range
var _ = register(fnMlock, &Func{
	Name: "mlock", File: "mm/mlock.c", Params: []int{mlFirst, mlLast},
	Locals: []Local{{"start", PageLocal}, {"end", PageLocal}, {"addr", PageLocal}, {"error", IntLocal}},
	Steps: append(lockFlagSteps(true),
		Step{Label: "marked", Says: "are all of them locked?", Answer: "yes", Local: true, Do: func(c *Ctx) Next {
			if c.L(mlRet) != 0 {
				return c.Return(c.L(mlRet))
			}
			c.Set(mlAddr, c.L(mlFirst))
			return Then
		}},
		Step{Label: "read_lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				return Then
			}},
		Step{Label: "populate", Says: "find the VMA of the next page", Ref: "populate_vma_page_range", Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnFaultinPageRange}, Do: func(c *Ctx) Next {
			for ; c.L(mlAddr) <= c.L(mlLast); c.Set(mlAddr, c.L(mlAddr)+1) {
				if vma := c.Load(c.M.VMA(c.Page(mlAddr))); vma != 0 && vma&machine.VMPFNMap == 0 {
					return c.Call(fnFaultinPageRange, mlPopulated, c.L(mlAddr), populateFlags(vma))
				}
			}
			c.Say("there are no more pages")
			return mlReadUnlock
		}},
		Step{Label: "populated", Says: "is it there?", Local: true, Back: []int{mlPopulate}, Do: func(c *Ctx) Next {
			switch ret := c.Ret(); ret {
			case failed | EFAULT, failed | EINVAL:
				c.Set(mlRet, failed|ENOMEM)
			case failed | EINTR:
				c.Set(mlRet, ret)
			default: // it is, or its VMA has gone meanwhile
				c.Set(mlAddr, c.L(mlAddr)+1)
				return mlPopulate
			}
			return Then
		}},
		Step{Label: "read_unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			return c.Return(c.L(mlRet))
		}},
	),
})

// munlock, in straight line:
//
//	mmap_write_lock(); every VMA: not VM_LOCKED any more; a hole: -ENOMEM; mmap_write_unlock()
//
// compare mm/mlock.c:munlock
var _ = register(fnMunlock, &Func{
	Name: "munlock", File: "mm/mlock.c", Params: []int{mlFirst, mlLast},
	Locals: []Local{{"start", PageLocal}, {"end", PageLocal}, {"addr", PageLocal}, {"error", IntLocal}},
	Steps: append(lockFlagSteps(false),
		Step{Label: "done", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(mlRet)) }},
	),
})

const mlFirst, mlLast, mlAddr, mlRet = 0, 1, 2, 3

const (
	mlLock = iota
	mlVMA
	mlSplit
	mlVMALock
	mlFlags
	mlUnlock
	mlMarked
	mlReadLock
	mlPopulate
	mlPopulated
	mlReadUnlock
)

// lockFlagSteps are the steps that change VM_LOCKED of the range, up to the first hole.
// compare mm/mlock.c:apply_vma_lock_flags, mlock_fixup
func lockFlagSteps(set bool) []Step {
	return []Step{
		mlLock: mmapWriteLockStep(),
		mlVMA: {Label: "vma", Says: "find the VMAs", Ref: "apply_vma_lock_flags", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			for p := c.Page(mlFirst); p <= c.Page(mlLast); p++ {
				if c.Load(c.M.VMA(p)) != 0 {
					continue
				}
				c.Say("there is a hole: -ENOMEM")
				c.Set(mlRet, failed|ENOMEM)
				if p == c.Page(mlFirst) {
					return mlUnlock
				}
				c.Set(mlLast, uint64(p-1))
				return Then
			}
			return Then
		}},
		mlSplit:   cutHugeStep(mlFirst, mlLast, mlSplit),
		mlVMALock: vmaWriteLockStep(mlFirst),
		mlFlags: {Label: "flags", Says: "change the VMA's flags", Ref: "vm_flags_reset", Touches: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			c.modifyVMAs(c.Page(mlFirst), c.Page(mlLast), func(vma uint64) uint64 {
				switch {
				case !set:
					vma &^= machine.VMLocked
				case vma&(machine.VMHugetlb|machine.VMPFNMap|machine.VMMixedMap) == 0:
					vma |= machine.VMLocked
				}
				return vma
			})
			return Then
		}},
		mlUnlock: mmapWriteUnlockStep(mlFirst),
	}
}

// populateFlags are the flags with which mlock faults in a page of a VMA: what is private is made writable, so that later no
// write copies it; what may be accessed in some way is read, whatever that is.
// compare mm/gup.c:populate_vma_page_range
func populateFlags(vma uint64) uint64 {
	flags := FollTouch | FollUnlockable
	if vma&(machine.VMWrite|machine.VMShared) == machine.VMWrite {
		flags |= FollWrite
	}
	if vma&machine.VMAccess != 0 {
		flags |= FollForce
	}
	return flags
}

// unmapMlocked is the step of reclaim that leaves alone what is mapped where memory is locked.
var unmapMlocked = Step{Label: "mlocked", Says: "is the memory locked?", Answer: "no", Ref: "VM_LOCKED", When: With(UnmapSparesMlocked).AndMlocks(), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
	if c.L(tuFlags) != ttuReclaim || c.Load(c.M.VMA(c.Page(tuPage)))&machine.VMLocked == 0 {
		return Then
	}
	c.Say("the memory is locked: unlock the PTL, let it be")
	c.Unlock(c.M.PTL(c.Frame(tuPMD)))
	return c.Return(1)
}}

// mlocks reports whether somebody locks memory.
func (s *Setup) mlocks() bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool { return st.Call.entry == fnMlock })
	})
}

// mlocked reports whether the memory at a page is locked.
func (c *Ctx) mlocked(p machine.PageID) bool {
	return c.sim.mlocks && c.Load(c.M.VMA(p))&machine.VMLocked != 0
}
