package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// prctl(PR_SET_MEMORY_MERGE), for all memory of the process what madvise(MADV_MERGEABLE), and MADV_UNMERGEABLE, are for a part of it. In straight line:
//
//	mmap_write_lock()
//	1, and it was not said yet: the mm is put on ksmd's list; every VMA that can be mergeable is so
//	0, and 1 was said: break_ksm() of every page of VMAs that are mergeable; none is so any more
//	mmap_write_unlock()
//
// The mm remembers it (MMF_VM_MERGE_ANY), and so does the child of a fork. VMAs change where they stand: nobody looks whether two can be merged now.
// What madvise has made mergeable, 0 takes back, too.
//
// compare kernel/sys.c:prctl, mm/ksm.c:ksm_enable_merge_any, ksm_disable_merge_any
var _ = register(fnPrctl, &Func{
	Name: "prctl", File: "kernel/sys.c", Params: []int{prcOption, prcOn},
	Locals: []Local{{"vma", PageLocal}, {"option", IntLocal}, {"arg2", IntLocal}, {"addr", PageLocal}},
	Steps: []Step{
		prcLock: mmapWriteLockStep(),
		prcAsk: {Label: "ask", Says: "was the same said before?", Answer: "no", Ref: "MMF_VM_MERGE_ANY", Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			first, _ := c.M.MMPages(c.MM)
			c.Set(prcAt, uint64(first))
			c.Set(prcVMA, uint64(first))
			switch any := c.Load(c.M.MMFlags(c.MM))&machine.MMFVMMergeAny != 0; {
			case c.L(prcOn) > 1:
				return prcInvalid
			case any == (c.L(prcOn) == 1):
				c.Say("the same was said before")
				return prcUnlock
			case any:
				return prcBreak
			}
			return Then
		}},
		prcEnter: {Label: "enter", Says: "put the mm on ksmd's list", Ref: "__ksm_enter", Touches: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			c.M.Register(c.MM)
			return prcVMALock
		}},
		prcBreak: {Label: "break", Says: "undo KSM's sharing of the next page", Ref: "unmerge_ksm_pages", Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnBreakKSM}, Back: []int{prcBreak}, Do: func(c *Ctx) Next {
			_, last := c.M.MMPages(c.MM)
			for p := c.Page(prcAt); p <= last; p++ {
				if c.Load(c.M.VMA(p))&machine.VMMergeable == 0 || !c.hasAnonVMA(p) {
					continue
				}
				c.Sayf("undo KSM's sharing of %s", c.M.Pages()[p].Name)
				c.Set(prcAt, uint64(p)+1)
				return c.Call(fnBreakKSM, prcBreak, uint64(p))
			}
			c.Say("there are no more pages")
			return Then
		}},
		prcVMALock: vmaWriteLockStep(prcVMA),
		prcFlags: {Label: "flags", Says: "change the VMAs' flags", Ref: "vm_flags_set", Touches: cell.Of(machine.VMAs), Back: []int{prcVMALock, prcFlags}, Do: func(c *Ctx) Next {
			first := c.Page(prcVMA)
			end := c.lastOfRegion(first) + 1
			c.setMergeable(first, end, c.L(prcOn) == 1)
			if _, last := c.M.MMPages(c.MM); end > last {
				c.Set(prcVMA, 0)
				return Then
			}
			c.Set(prcVMA, uint64(end))
			if c.sim.Kernel.On(PerVMALock) {
				return prcVMALock
			}
			return prcFlags
		}},
		prcAny: {Label: "any", Says: "remember it", Ref: "MMF_VM_MERGE_ANY", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Store(c.M.MMFlags(c.MM), c.Load(c.M.MMFlags(c.MM))^machine.MMFVMMergeAny)
			return Then
		}},
		prcUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.unlockMM(c.MM)
			return Return
		}},
		prcInvalid: {Label: "invalid", Says: "it is neither 0 nor 1: drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.unlockMM(c.MM)
			return c.Fail(EINVAL)
		}},
	},
})

const prcVMA, prcOption, prcOn, prcAt = 0, 1, 2, 3

const (
	prcLock = iota
	prcAsk
	prcEnter
	prcBreak
	prcVMALock
	prcFlags
	prcAny
	prcUnlock
	prcInvalid
)

// prctlWords are the options of prctl.
var prctlWords = []string{"PR_SET_MEMORY_MERGE"}

// setMergeable makes the VMAs of a region mergeable, those that can be, or not mergeable. They stay as many as they are.
// compare mm/ksm.c:__ksm_add_vma, __ksm_del_vma
func (c *Ctx) setMergeable(first, end machine.PageID, on bool) {
	var begins []machine.PageID
	for p := first; p < end; p = c.M.VMALast(p) + 1 {
		begins = append(begins, p)
	}
	for p := first; p < end; p++ {
		vma := c.Load(c.M.VMA(p))
		switch {
		case on && vma != 0 && c.ksmMay(vma):
			c.Store(c.M.VMA(p), vma|machine.VMMergeable)
		case !on && vma&machine.VMMergeable != 0:
			c.Store(c.M.VMA(p), vma&^machine.VMMergeable)
		}
	}
	for _, p := range begins {
		c.M.Apart(p, true)
	}
}
