package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// do_huge_pmd_wp_page, in straight line:
//
//	the huge zero page: split the PMD, go on with the PTE
//	lock the PMD; it changed: done
//	exclusive: reuse
//	lock the folio (if that sleeps: not under the PMD lock); references are not 1: split the PMD
//	it is ours alone: exclusive, reuse
//	reuse: an unshare leaves the PMD read-only; a write makes it writable and dirty: VM_FAULT_WRITE; unlock
//
// Since 5.8 a huge page is never copied as a whole: split, each page of it is copied by its own fault. Before, see
// huge_wp_copy.go.
//
// Who may take it over is a question of references since 5.18 (3bff7e3f1f16) only, and of exclusivity since 5.19. Until
// 5.17 it is one of mappings, also after do_wp_page() had come to ask for references (5.9): the child that
// holds a reference on a huge page, and has unmapped it, reads what its parent writes afterwards.
//
// compare mm/huge_memory.c:do_huge_pmd_wp_page
var _ = register(fnDoHugePMDWPPage, &Func{Large: true,
	Name: "do_huge_pmd_wp_page", File: "mm/huge_memory.c", Params: []int{hwAddr, hwFlags, hwPMD},
	Locals: []Local{{"orig_pmd", PTELocal}, {"folio", HoldLocal}, {"new_folio", HoldLocal}, {"pmd_reference", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}, {"i", IntLocal}},
	Steps: []Step{
		hwZero: {Label: "zero", Says: "the huge zero page?", Ref: "is_huge_zero_pmd", Local: true, Do: func(c *Ctx) Next {
			if c.M.IsHugeZero(c.Frame(hwPMD)) {
				return hwSplit
			}
			return Then
		}},
		hwLockPMD: {Label: "lock", Says: "lock the PMD; is it the same?", Answer: "yes", Ref: "pmd_same", When: Without(AnonExclusive).AndLarge(), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hwAddr))) },
			Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.M.PMD(c.Page(hwAddr)))) != c.Entry(hwPMD).Fresh() {
					c.Say("the PMD has changed: somebody else was faster")
					return Return
				}
				c.Lock(c.pmdLock(c.Page(hwAddr)))
				return hwTrylock
			}},
		hwLock: {Label: "lock", Says: "lock the PMD; is it the same, and the folio exclusive?", Answer: "the same, but not exclusive", Ref: "PageAnonExclusive", When: With(AnonExclusive).AndLarge(), Touches: cell.Of(machine.PTLs, machine.PMDs), Reads: cell.Of(machine.Flags, machine.VMAs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hwAddr))) },
			Do: func(c *Ctx) Next {
				p := c.Page(hwAddr)
				if machine.Entry(c.Load(c.M.PMD(p))) != c.Entry(hwPMD).Fresh() {
					c.Say("the PMD has changed: somebody else was faster")
					return Return
				}
				if c.Load(c.M.Flags(c.Frame(hwPMD)))&machine.PGAnonExclusive != 0 {
					c.Say("the folio is exclusive: reuse it")
					return c.Return(c.hugeReuse())
				}
				c.Lock(c.pmdLock(p))
				return Then
			}},
		hwTrylock: hugeTrylock(Large, hwMapcount),
		hwSleep:   hugeSleep(Large),
		hwRelock:  hugeRelock(Large, hwMapcount),
		hwMapcount: {Label: "mapcount", Says: "is any page of it mapped more than once?", Ref: "reuse_swap_page", When: If(HugeWP, HugeWPSplit).AndLarge(), Touches: cell.Of(machine.FolioLocks, machine.PTLs, machine.PMDs, machine.Flags), Reads: cell.Of(machine.Mapcounts, machine.VMAs), Do: func(c *Ctx) Next {
			if !c.hugeReusable() {
				c.Say("others map it: split the PMD, copy the page alone")
				c.hugeUnlock(true)
				return hwSplit
			}
			c.Say("no other maps it: reuse it")
			c.Or(c.M.Flags(c.Frame(hwPMD)), c.sim.exclusive)
			ret := c.hugeReuse()
			c.hugeUnlock(true)
			return c.Return(ret)
		}},
		hwCount: {Label: "count", Says: "is ours the only reference?", Counts: true, Ref: "folio_ref_count", When: If(HugeWP, HugeWPRefs).AndLarge(), Touches: cell.Of(machine.FolioLocks, machine.PTLs, machine.PMDs, machine.Flags, machine.Mappings), Reads: cell.Of(machine.Refs, machine.VMAs), Do: func(c *Ctx) Next {
			f, p := c.Frame(hwPMD), c.Page(hwAddr)
			switch {
			case c.Load(c.M.Flags(f))&machine.PGAnonExclusive != 0:
				c.Say("the folio is exclusive by now: reuse it")
			case c.Load(c.M.Ref(f)) == 1:
				c.Say("ours is the only reference: it is exclusive, reuse it")
				c.ownAnon(f, c.M.HugeStart(p))
				c.Or(c.M.Flags(f), c.sim.exclusive)
			default:
				c.Say("somebody else uses it: split the PMD, copy the page alone")
				c.hugeUnlock(true)
				return Then
			}
			ret := c.hugeReuse()
			c.hugeUnlock(true)
			return c.Return(ret)
		}},
		hwSplit: {Label: "split", Says: "split the PMD", Ref: "__split_huge_pmd", Local: true, Calls: []FuncID{fnSplitHugePMD}, Do: func(c *Ctx) Next {
			return c.Call(fnSplitHugePMD, hwFallback, c.L(hwAddr))
		}},
		hwFallback: {Label: "fallback", Says: "go on with the PTE", Ref: "VM_FAULT_FALLBACK", Local: true, Do: func(c *Ctx) Next { return c.Return(hugeSplit) }},
	},
	Instead: []Variant{{If(HugeWP, HugeWPMapcount, HugeWPLocked), hugeCopySteps}},
})

const hwPMD, hwFolio, hwNew, hwOld, hwAddr, hwFlags, hwIndex = 0, 1, 2, 3, 4, 5, 6

const (
	hwZero = iota
	hwLockPMD
	hwLock
	hwTrylock
	hwSleep
	hwRelock
	hwMapcount
	hwCount
	hwSplit
	hwFallback
)

// hugeTrylock tries the lock of the folio that the PMD maps: got it, go on at step got.
func hugeTrylock(when Cond, got Next) Step {
	return Step{Label: "trylock", Says: "try the folio lock", Ref: "folio_trylock", When: when, Touches: cell.Of(machine.FolioLocks, machine.Refs, machine.PTLs), Do: func(c *Ctx) Next {
		f := c.Frame(hwPMD)
		if c.TryLock(c.M.FolioLock(f)) {
			return got
		}
		c.Say("the folio is locked: take a reference, unlock the PMD, sleep")
		c.Get(f, 1)
		c.Hold(hwFolio, f, 1)
		c.Unlock(c.pmdLock(c.Page(hwAddr)))
		return Then
	}}
}

func hugeSleep(when Cond) Step {
	return Step{Label: "lock_folio", Says: "lock the folio", Ref: "folio_lock", When: when, Touches: cell.Of(machine.FolioLocks),
		Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Frame(hwPMD))) },
		Do: func(c *Ctx) Next {
			c.Lock(c.M.FolioLock(c.Frame(hwPMD)))
			return Then
		}}
}

// hugeRelock takes the PMD's lock again, with the folio's held: is the PMD still the same, go on at step same.
func hugeRelock(when Cond, same int) Step {
	return Step{Label: "relock", Says: "lock the PMD again; is it still the same?", Answer: "yes", Ref: "pmd_same", When: when, Touches: cell.Of(machine.FolioLocks, machine.PTLs, machine.Refs), Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnFreeUnrefFolio},
		Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hwAddr))) },
		Do: func(c *Ctx) Next {
			f := c.Frame(hwPMD)
			c.Release(hwFolio)
			if machine.Entry(c.Load(c.M.PMD(c.Page(hwAddr)))) != c.Entry(hwPMD).Fresh() {
				c.Say("the PMD has changed: give up")
				c.Unlock(c.M.FolioLock(f))
				return c.putFree(f, 1, end)
			}
			c.Lock(c.pmdLock(c.Page(hwAddr)))
			return c.putFree(f, 1, same)
		}}
}

// hugeReuse makes the PMD writable and dirty for a write, and returns what the fault does: who forces a write needs to
// know that the page is one to write to, although the PMD may stay read-only.
func (c *Ctx) hugeReuse() uint64 {
	if c.L(hwFlags)&faultUnshare != 0 {
		return hugeDone
	}
	e := c.sim.mkdirty(c.Entry(hwPMD) | machine.Accessed)
	if c.Load(c.M.VMA(c.Page(hwAddr)))&machine.VMWrite != 0 {
		e |= machine.RW
	}
	c.SetPMD(c.Page(hwAddr), e)
	return faultWrote
}

// hugeReusable reports whether the huge page may be taken over, by mappings: nobody else maps it or a page of it.
// References, GUP's among them, do not matter.
// compare mm/swapfile.c:reuse_swap_page (until 5.17; of a huge page, which here never is in the swap cache)
func (c *Ctx) hugeReusable() bool { return c.hugeMapcount(c.Frame(hwPMD)) == 1 }

// hugeUnlock drops the folio's lock, if it was taken, and the PMD's.
func (c *Ctx) hugeUnlock(folio bool) {
	if folio {
		c.Unlock(c.M.FolioLock(c.Frame(hwPMD)))
	}
	c.Unlock(c.pmdLock(c.Page(hwAddr)))
}
