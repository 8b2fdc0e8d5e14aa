package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A PMD entry, with PAE, is set with one store of 64 bits (native_set_pmd), and so is one that pmdp_invalidate makes
// not present: its high half stays. (Since 4.19 the kernel turns over the frame's number in such an entry, against L1TF; here it does not.)
// What clears one may do it in halves:
//
//	native_pmdp_get_and_clear():  one 64-bit exchange; until 6.1 the low half, then the high half
//	native_pmd_clear():           the low half, then the high half: of a page table that munmap or mremap take out of the tree
//	of hugetlb:                   as a PTE; (set it is in one store here: until the low half is there, it is none)
//
// pmd_none() looks at the low half alone (Entry.PMDNone).
//
// compare arch/x86/include/asm/pgtable-3level.h
var _ = register(fnNativePMDPGetAndClear, &Func{
	Name: "native_pmdp_get_and_clear", File: "arch/x86/include/asm/pgtable-3level.h", Params: []int{0, 1, 2},
	Locals: []Local{{"address", PageLocal}, {"unlock", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		{Label: "other_half", Says: "clear the high half of the PMD", Ref: "pmd_high", When: Halved, Touches: cell.Of(machine.PMDs, machine.PTLs), Do: func(c *Ctx) Next {
			p := c.Page(0)
			c.storePMD(p, 0)
			if c.L(1) != 0 {
				c.Unlock(c.pmdLock(p))
			}
			return c.Return(c.L(2))
		}},
	},
})

// SetPMD stores the page's entry of the PMD table, under the PMD lock; plainly, where entries are stored whole.
func (c *Ctx) SetPMD(p machine.PageID, e machine.Entry) {
	if c.sim.Setup.PAE && e == 0 {
		atomically := c.sim.clearsPMDAtomically
		if c.M.HugetlbPage(p) {
			atomically = c.sim.clearsAtomically
		}
		c.clearPMD(p, atomically, true)
		return
	}
	c.storePMD(p, e.Fresh())
}

// pmdClear clears an entry that points to a page table, as pmd_clear() does: locked says whether under the PMD lock.
func (c *Ctx) pmdClear(p machine.PageID, locked bool) {
	c.clearPMD(p, !c.sim.Setup.PAE, locked)
}

func (c *Ctx) clearPMD(p machine.PageID, atomically, locked bool) {
	old := machine.Entry(c.M.Load(c.M.PMD(p)))
	if atomically || old.High() == 0 || old.Low() == 0 {
		c.storePMD(p, 0)
		return
	}
	if c.sim.half.some {
		panic("kernel: a step stores two entries: the law of one shared access")
	}
	c.storePMD(p, old.High())
	c.sim.half = halfWritten{some: true, pmd: true, lock: locked, page: p}
}

func (c *Ctx) storePMD(p machine.PageID, e machine.Entry) {
	table, ok := c.M.PeekPMDTable(p)
	if !ok {
		panic("kernel: a PMD is set, and there is no PMD table: huge_pmd_share comes before")
	}
	c.M.SetEntry(table, c.M.Slot(p, machine.LevelPMD), e)
}

// otherHalfOfPMD has a task go on with the high half of the PMD entry whose low half its step has cleared.
func (s *Sim) otherHalfOfPMD(task int, h halfWritten) {
	unlock, lock := uint64(0), s.M.PMDLockOf(h.page)
	if h.lock && s.M.Load(lock) == 0 { // the step stands for lock, store and unlock
		s.M.Store(lock, uint64(task+1))
		unlock = 1
	}
	s.push(task, fnNativePMDPGetAndClear, uint64(h.page), unlock, s.M.Load(s.M.Ret(task)))
}

// How GUP-fast reads the PMD, with halves. Until 6.1 one after the other, plainly, and what it then goes by may be no PMD that ever was:
//
//	CPU0 (GUP-fast)           CPU1 (munmap)
//	low = present, a table
//	                          clear the PMD: low, then high
//	high = 0
//	walk the page table at 0
//
// From 6.2 on it reads the low half again, as with PTEs: what misleads that is an entry that is cleared and set in between, to one with the
// same low half; a huge page and then another, without a flush that waits.
//
// compare mm/gup.c:gup_pmd_range, arch/x86/mm/gup.c:gup_pmd_range (4.6), include/linux/pgtable.h:pmdp_get_lockless
var _ = register(fnPMDGetLockless, &Func{
	Name: "pmdp_get_lockless", Was: []Name{{"gup_pmd_range", 602}}, File: "include/linux/pgtable.h", FileWas: []Name{{"arch/x86/mm/gup.c", ownGUP}, {"mm/gup.c", 602}}, Params: []int{ptPMD, ptAddr},
	Locals: []Local{{"pud", TableLocal}, {"pmd", PTELocal}, {"addr", PageLocal}, {"high_first", IntLocal}},
	Steps: readHalves(GUPPMDRead, theirPMD, Step{Label: "done", Says: "was that ever the PMD?", Local: true, Do: func(c *Ctx) Next {
		e := c.Entry(ptPTE)
		if torn := c.ofHalves(e); torn != e || c.isTornPMD(e) {
			c.M.Raise(machine.AlarmTornEntry, uint64(c.Task))
			e = torn
		}
		c.M.Store(c.M.Local(c.Task, c.level-1, gmPMD), uint64(e))
		return Return
	}}),
})

var theirPMD = halved{"PMD", "pmd", "*pmdp", cell.Of(machine.PMDs), func(c *Ctx) machine.Word { return c.pmdThrough(ptPMD, ptAddr) }}

// isTornPMD reports whether a PMD entry that was read in halves is none that was there since GUP began, as far as it can be told.
func (c *Ctx) isTornPMD(e machine.Entry) bool {
	if !e.Has(machine.PSE) {
		return e.Present() && e.Frame() == machine.ZeroPage
	}
	return c.M.NeverStored(c.Task, c.M.OfHuge(e, c.Page(ptAddr)))
}

// ofHalves is a present PMD entry that was read in halves, as it can be gone by: what points to no huge page, or to no page table, points to
// the zero page, which stands for whatever frame the number names.
func (c *Ctx) ofHalves(e machine.Entry) machine.Entry {
	f := e.Frame()
	switch {
	case !e.Present():
	case e.Has(machine.PSE) && !c.M.MayBeHuge(f), !e.Has(machine.PSE) && !c.M.IsPTETable(f):
		return e.Low()
	}
	return e
}

// noTablesPTE is what GUP-fast finds where it takes a frame for a page table that is none: who knows what, and it may be an entry
// that allows everything and names a page, for which the zero page stands.
var noTablesPTE = machine.MakePTE(machine.ZeroPage, machine.RW|machine.Dirty)

// pteAgain is the entry of GUP-fast's second look at the PTE, which it may have read where no page table is.
func pteAgain(c *Ctx) machine.Entry {
	if c.sim.Setup.PAE && c.Frame(gpPMD) == machine.ZeroPage {
		return noTablesPTE
	}
	c.walked(c.Entry(gpPMD))
	return machine.Entry(c.Load(c.PTE(c.Frame(gpPMD), c.Page(gpAddr))))
}
