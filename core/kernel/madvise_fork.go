package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// madvise with what is kept in the flags of the VMA, above all what fork is to do about the memory, in straight line:
//
//	mmap_write_lock(); a hole: go on, and return -ENOMEM
//	WIPEONFORK of a file, or of what is shared: -EINVAL; DOFORK of a device's memory (VM_IO): -EINVAL
//	where the range cuts a VMA: split it, and the huge PMD that lies across
//	lock the VMA; change its flags
//	mmap_write_unlock()
//
// What is not to be copied (DONTFORK) is not there in the child; what is to be wiped (WIPEONFORK) is there, and empty. Fork does not come to
// its PTEs: nothing of it is write-protected, nobody shares it, and the parent writes to the page that a device has.
//
// NOHUGEPAGE says that the memory is to have no huge pages. Those that are there stay. (Left out: until v4.7 it refused what is shared, and hugetlb's.)
//
// compare mm/madvise.c:madvise_vma_behavior, madvise_update_vma
var _ = register(fnMadviseVMABehavior, &Func{
	Name: "madvise_vma_behavior", Was: []Name{{"madvise_behavior", 517}}, File: "mm/madvise.c", Params: []int{vbFirst, vbLast, vbAdvice},
	Locals: []Local{{"start", PageLocal}, {"end", PageLocal}, {"behavior", IntLocal}, {"error", IntLocal}},
	Steps: []Step{
		vbNoWipe: {Label: "known_wipe", Says: "is the advice known? WIPEONFORK and KEEPONFORK are not", When: Without(MadviseWipeOnFork), Local: true, Do: func(c *Ctx) Next {
			if a := c.L(vbAdvice); a == madvWipeOnFork || a == madvKeepOnFork {
				return c.Fail(EINVAL)
			}
			return Then
		}},
		vbLock: mmapWriteLockStep(),
		vbVMA: {Label: "vma", Says: "find the VMAs", Ref: "madvise_walk_vmas", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			some := false
			for p := c.Page(vbFirst); p <= c.Page(vbLast); p++ {
				vma := c.Load(c.M.VMA(p))
				switch {
				case vma == 0:
					c.Set(vbRet, failed|ENOMEM)
					continue
				case c.L(vbAdvice) == madvWipeOnFork && (c.M.Region(p).Kind.OfFile() || vma&machine.VMShared != 0):
					c.Say("it is a file's, or shared: -EINVAL")
					c.Set(vbRet, failed|EINVAL)
					return vbUnlock
				}
				if c.L(vbAdvice) == madvDoFork && vma&machine.VMPFNMap != 0 {
					c.Say("it is a device's memory (VM_IO): -EINVAL")
					c.Set(vbRet, failed|EINVAL)
					return vbUnlock
				}
				some = true
			}
			if !some {
				c.Say("there is no VMA: -ENOMEM")
				return vbUnlock
			}
			return Then
		}},
		vbSplit:   cutHugeStep(vbFirst, vbLast, vbSplit),
		vbVMALock: vmaWriteLockStep(vbFirst),
		vbFlags: {Label: "flags", Says: "change the VMA's flags", Ref: "vm_flags_reset", Touches: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			c.modifyVMAs(c.Page(vbFirst), c.Page(vbLast), func(vma uint64) uint64 {
				switch c.L(vbAdvice) {
				case madvDontFork:
					vma |= machine.VMDontCopy
				case madvDoFork:
					vma &^= machine.VMDontCopy
				case madvWipeOnFork:
					vma |= machine.VMWipeOnFork
				case madvKeepOnFork:
					vma &^= machine.VMWipeOnFork
				case madvNoHugepage:
					vma = vma&^machine.VMHugepage | machine.VMNoHugepage
				}
				return vma
			})
			return Then
		}},
		vbUnlock: mmapWriteUnlockStep(vbFirst),
		vbDone:   {Label: "done", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(vbRet)) }},
	},
})

const vbFirst, vbLast, vbAdvice, vbRet = 0, 1, 2, 3

const (
	vbNoWipe = iota
	vbLock
	vbVMA
	vbSplit
	vbVMALock
	vbFlags
	vbUnlock
	vbDone
)

// cutHugeStep splits the huge PMDs that lie across the ends of the range that two locals name: a VMA ends there from now on.
// It is step self.
// compare mm/huge_memory.c:vma_adjust_trans_huge
func cutHugeStep(first, last, self int) Step {
	return Step{Label: "cut_huge", Says: "does a huge PMD lie across an end of the range?", Answer: "no", Ref: "vma_adjust_trans_huge", When: Large, Reads: cell.Of(machine.PMDs), Back: []int{self}, Calls: []FuncID{fnSplitHugePMD}, Do: func(c *Ctx) Next {
		from, to := c.Page(first), c.Page(last)
		for _, p := range [...]machine.PageID{from, to} {
			inside := p == from && p != c.M.HugeStart(p) || p == to && p != c.lastHuge(p)
			if inside && !c.M.HugetlbPage(p) && machine.Entry(c.Load(c.M.PMD(p))).IsHuge() {
				c.Say("a huge PMD lies across an end of the range: split it")
				return c.Call(fnSplitHugePMD, self, uint64(p))
			}
		}
		return Then
	}}
}
