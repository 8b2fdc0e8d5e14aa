package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// break_cow, in straight line: a page was made KSM's, and nothing was merged into it
//
//	mmap_read_lock(); the VMA is mergeable: break_ksm(); mmap_read_unlock()
//
// compare mm/ksm.c:break_cow
var _ = register(fnBreakCOW, &Func{
	Name: "break_cow", File: "mm/ksm.c", Params: []int{0},
	Locals: []Local{{"rmap_item", PageLocal}},
	Steps: []Step{
		mmapReadLockOf(0, Cond{}),
		{Label: "vma", Says: "is the VMA mergeable?", Answer: "yes", Ref: "find_mergeable_vma", Reads: cell.Of(machine.VMAs, machine.MMs), Calls: []FuncID{fnBreakKSM}, Do: func(c *Ctx) Next {
			if !c.mergeable(c.Page(0)) {
				c.Say("it is not mergeable any more")
				return Then
			}
			return c.Call(fnBreakKSM, 2, c.L(0))
		}},
		{Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(0)))
			return Return
		}},
	},
})

// break_ksm, in straight line:
//
//	repeat: is a page of KSM mapped there? No: done. handle_mm_fault(): unshare
//
// In older kernels:
//
//	repeat: take a reference on the page mapped there; it is being moved: wait; none: done
//	        a page of KSM: handle_mm_fault(): write
//	        put it; not a page of KSM, or the fault has made a copy: done
//
// compare mm/ksm.c:break_ksm
var _ = register(fnBreakKSM, &Func{
	Name: "break_ksm", File: "mm/ksm.c", Params: []int{bkAddr},
	Locals: []Local{{"pmd", TableLocal}, {"page", HoldLocal}, {"addr", PageLocal}, {"ret", IntLocal}},
	Steps: []Step{
		bkP4D: p4dStep(bkAddr, "walk_page_range_vma"),
		bkPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "walk_page_range_vma", Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			if pmd := machine.Entry(c.Keep(bkTable, c.M.PMD(c.Page(bkAddr)))); !pmd.Present() || pmd.Has(machine.PSE) {
				c.Say("there is no page table")
				return Return
			}
			return Then
		}},
		bkLook: {Label: "look", Says: "is a page of KSM mapped there? Unshare it", Ref: "break_ksm_pmd_entry", When: With(KSMBreakUnshare), Reads: cell.Of(machine.PTLs, machine.PTEs, machine.Mappings), Calls: []FuncID{fnHandleMMFault}, Back: []int{bkP4D},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(bkTable))) },
			Do: func(c *Ctx) Next {
				if !c.ksmMapped(machine.Entry(c.Load(c.PTE(c.Frame(bkTable), c.Page(bkAddr))))) {
					c.Say("no page of KSM is mapped there")
					return Return
				}
				c.Set(bkTable, 0)
				return c.Call(fnHandleMMFault, bkP4D, c.L(bkAddr), faultUnshare|c.fromAfar())
			}},
		bkFollow: {Label: "follow", Says: "take a reference on the page mapped there", Ref: "follow_page", When: Without(KSMBreakUnshare), Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PTLs, machine.PTEs, machine.Mappings), Calls: []FuncID{fnMigrationEntryWait}, Back: []int{bkP4D},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(bkTable))) },
			Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.PTE(c.Frame(bkTable), c.Page(bkAddr)))).IsMigration() {
					c.Say("the page is being moved: wait")
					return c.Call(fnMigrationEntryWait, bkP4D, c.L(bkTable), c.L(bkAddr))
				}
				if !c.followAnon(bkTable, c.Page(bkAddr), bkPage) {
					c.Say("no anonymous page is mapped there")
					return Return
				}
				c.Set(bkTable, 0)
				return Then
			}},
		bkFault: {Label: "fault", Says: "is it KSM's? Simulate a write", Ref: "PageKsm", When: Without(KSMBreakUnshare), Reads: cell.Of(machine.Mappings), Calls: []FuncID{fnHandleMMFault}, Do: func(c *Ctx) Next {
			if !c.isKSM(c.Held(bkPage).Frame()) {
				c.Say("it is not KSM's")
				c.Set(bkRet, faultWrote)
				return bkPut
			}
			return c.Call(fnHandleMMFault, bkFaulted, c.L(bkAddr), faultWrite|c.fromAfar())
		}},
		bkFaulted: {Label: "faulted", Says: "the fault is done", When: Without(KSMBreakUnshare), Local: true, Do: func(c *Ctx) Next {
			c.Set(bkRet, c.Ret())
			return Then
		}},
		bkPut: {Label: "put", Says: "put the page", Ref: "put_page", When: Without(KSMBreakUnshare), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{bkP4D}, Do: func(c *Ctx) Next {
			f := c.Held(bkPage).Frame()
			c.Release(bkPage)
			if c.L(bkRet)&(faultWrote|failed) != 0 {
				return c.putFree(f, 1, end)
			}
			return c.putFree(f, 1, bkP4D)
		}},
	},
})

const bkTable, bkPage, bkAddr, bkRet = 0, 1, 2, 3

const (
	bkP4D = iota
	bkPMD
	bkLook
	bkFollow
	bkFault
	bkFaulted
	bkPut
)

// ksmMapped reports whether an entry maps a page of KSM, or stands for one that is being moved.
func (c *Ctx) ksmMapped(e machine.Entry) bool {
	f := e.Frame()
	if e.IsMigration() {
		_, f, _, _ = e.Migration()
	} else if !e.Present() {
		return false
	}
	return c.isKSM(f)
}

// madvise(MADV_MERGEABLE) and madvise(MADV_UNMERGEABLE), in straight line:
//
//	mmap_write_lock(); a hole: go on, and return -ENOMEM
//	MERGEABLE, private memory: the mm is put on ksmd's list
//	UNMERGEABLE, of a VMA that is mergeable and has an anon_vma: break_ksm() of every page
//	only part of the VMA: split it, and the huge PMDs across an end of the range
//	lock the VMA; change its flags
//	mmap_write_unlock()
//
// compare mm/ksm.c:ksm_madvise, unmerge_ksm_pages
var _ = register(fnKSMMadvise, &Func{
	Name: "ksm_madvise", File: "mm/ksm.c", Params: []int{kaFirst, kaLast, kaAdvice},
	Locals: []Local{{"start", PageLocal}, {"end", PageLocal}, {"advice", IntLocal}, {"ret", IntLocal}, {"addr", PageLocal}},
	Steps: []Step{
		kaLock: {Label: "lock", Says: "take mmap_lock for writing", Ref: "mmap_write_lock_killable", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.M.MmapLock(c.MM))
				c.Set(kaAt, c.L(kaFirst))
				return Then
			}},
		kaVMA: {Label: "vma", Says: "find the VMAs", Ref: "find_vma_prev", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			register := false
			for p := c.Page(kaFirst); p <= c.Page(kaLast); p++ {
				if vma := c.Load(c.M.VMA(p)); vma == 0 {
					c.Say("there is a hole: -ENOMEM")
					c.Set(kaRet, failed|ENOMEM)
				} else if c.ksmMay(vma) && vma&machine.VMMergeable == 0 {
					register = true
				}
			}
			switch {
			case c.L(kaAdvice) == madvUnmergeable:
				return kaBreak
			case register:
				return Then
			}
			c.Say("nothing there can be mergeable, or it is so already")
			return kaUnlock
		}},
		kaEnter: {Label: "enter", Says: "put the mm on ksmd's list", Ref: "__ksm_enter", Touches: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			c.M.Register(c.MM)
			return kaSplit
		}},
		kaBreak: {Label: "break", Says: "undo KSM's sharing of the next page", Ref: "unmerge_ksm_pages", Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnBreakKSM}, Back: []int{kaBreak}, Do: func(c *Ctx) Next {
			for p := c.Page(kaAt); p <= c.Page(kaLast); p++ {
				if c.Load(c.M.VMA(p))&machine.VMMergeable == 0 || !c.hasAnonVMA(p) {
					continue
				}
				c.Sayf("undo KSM's sharing of %s", c.M.Pages()[p].Name)
				c.Set(kaAt, uint64(p)+1)
				return c.Call(fnBreakKSM, kaBreak, uint64(p))
			}
			c.Set(kaAt, 0)
			for p := c.Page(kaFirst); p <= c.Page(kaLast); p++ {
				if c.Load(c.M.VMA(p))&machine.VMMergeable != 0 {
					c.Say("there are no more pages")
					return Then
				}
			}
			c.Say("nothing there is mergeable")
			return kaUnlock
		}},
		kaSplit:   cutHugeStep(kaFirst, kaLast, kaSplit),
		kaVMALock: vmaWriteLockStep(kaFirst),
		kaFlags: {Label: "flags", Says: "change the VMA's flags", Ref: "vm_flags_reset", Touches: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			c.modifyVMAs(c.Page(kaFirst), c.Page(kaLast), func(vma uint64) uint64 {
				switch {
				case c.L(kaAdvice) == madvUnmergeable:
					return vma &^ machine.VMMergeable
				case c.ksmMay(vma):
					return vma | machine.VMMergeable
				}
				return vma
			})
			return Then
		}},
		kaUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			w, _ := c.vmaWords(c.Page(kaFirst))
			if machine.MmapWriter(c.Load(w)) == c.Task {
				c.WriteUnlock(w)
			}
			c.WriteUnlock(c.M.MmapLock(c.MM))
			return c.Return(c.L(kaRet))
		}},
	},
})

const kaFirst, kaLast, kaAdvice, kaRet, kaAt = 0, 1, 2, 3, 4

const (
	kaLock = iota
	kaVMA
	kaEnter
	kaBreak
	kaSplit
	kaVMALock
	kaFlags
	kaUnlock
)

// ksmMay reports whether memory with these VMA flags can be mergeable: private, and not of hugetlbfs.
// compare mm/ksm.c:vma_ksm_compatible
func (c *Ctx) ksmMay(vma uint64) bool {
	return vma&(machine.VMShared|machine.VMMayShare|machine.VMHugetlb) == 0
}
