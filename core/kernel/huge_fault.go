package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What the faults on huge pages return.
const (
	hugeDone  uint64 = iota
	hugeSplit        // there is a page table now: go on with the PTE
	hugeNone         // no huge page is to be had: small ones
)

// hugeAllowed reports whether a fault at the page may install a huge page: the
// VMA wants it, and the huge page fits into it.
// compare include/linux/huge_mm.h:thp_vma_allowable_order, mm/huge_memory.c:__thp_vma_allowable_orders
func (c *Ctx) hugeAllowed(p machine.PageID) bool {
	if !c.M.LargeFolios || c.Load(c.M.VMA(p))&machine.VMHugepage == 0 {
		return false
	}
	return c.hugeFits(p)
}

// hugeFits reports whether the huge page that p lies in is within p's VMA, and that may have any.
// compare include/linux/huge_mm.h:thp_vma_suitable_order, vma_thp_disabled
func (c *Ctx) hugeFits(p machine.PageID) bool {
	return c.hugeSuits(p) && c.Load(c.M.VMA(p))&machine.VMNoHugepage == 0
}

// hugeSuits reports whether the huge page that p lies in is within p's VMA.
// compare include/linux/huge_mm.h:thp_vma_suitable_order
func (c *Ctx) hugeSuits(p machine.PageID) bool {
	first, end := c.M.HugeStart(p), c.M.HugeEnd(p)
	if int(end-first) != c.M.HugePages {
		return false
	}
	return c.Load(c.M.VMA(p)) != 0 && c.M.VMAFirst(p) <= first && c.M.VMALast(p) >= end-1
}

// do_huge_pmd_anonymous_page, in straight line:
//
//	the VMA needs an anon_vma: see do_anonymous_page()
//	read: table = pte_alloc_one(); under the PMD lock, if still none: deposit it; PMD = the huge zero page
//	folio = vma_alloc_folio(2 MiB); none: small pages
//	table = pte_alloc_one()
//	lock the PMD; not none any more: free both, done
//	deposit the table; mapped once as a whole, anonymous, exclusive; PMD = folio, writable and dirty; unlock
//	drain this CPU's LRU batch                     // a large folio does not wait in it
//
// compare mm/huge_memory.c:do_huge_pmd_anonymous_page, __do_huge_pmd_anonymous_page
var _ = register(fnDoHugePMDAnonymousPage, &Func{Large: true,
	Name: "do_huge_pmd_anonymous_page", File: "mm/huge_memory.c", Params: []int{haAddr, haFlags},
	Locals: []Local{{"pgtable", HoldLocal}, {"folio", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		haPrepare: anonVMAStep(haAddr, haFlags, func(c *Ctx) Next { return c.Return(faultRetry) }),
		haWrite: {Label: "write", Says: "a write fault?", Local: true, Do: func(c *Ctx) Next {
			if c.L(haFlags)&faultWrite != 0 {
				return haFolio
			}
			return Then
		}},
		haZeroTable: tableStep("zero_table", haTable),
		haZero: {Label: "huge_zero_page", Says: "map the huge zero page, if the PMD is still none", Ref: "set_huge_zero_folio", Touches: largeTouches, Calls: []FuncID{fnFreeUnrefFolio},
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(haAddr))) },
			Do: func(c *Ctx) Next {
				p := c.Page(haAddr)
				c.prepareAnonVMA(p)
				if c.pmdFaster(p) {
					return haFreeTable
				}
				c.deposit(haTable, p)
				c.SetPMD(p, c.protected(machine.MakeHuge(c.M.HugeZero(), 0), p))
				return Return
			}},
		haFolio: {Label: "alloc", Says: "take a free block", Ref: "vma_alloc_folio", Touches: allocTouches | cell.Of(machine.Compounds), Choose: blockOffers, Do: func(c *Ctx) Next {
			if c.Key == 0 {
				c.Say("there is no free block: small pages have to do")
				return c.Return(hugeNone)
			}
			c.Sayf("take a free block: frames %d to %d", c.Key, c.Key+c.M.HugePages-1)
			c.M.AllocateLarge(machine.Frame(c.Key))
			c.Hold(haHuge, machine.Frame(c.Key), 1)
			return Then
		}},
		haAlloc: tableStep("table", haTable),
		haMap: {Label: "map", Says: "map it, if the PMD is still none", Ref: "map_anon_folio_pmd", Touches: largeTouches, Calls: []FuncID{fnFreeUnrefFolio, fnLRUAddDrain},
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(haAddr))) },
			Do: func(c *Ctx) Next {
				p, f := c.Page(haAddr), c.Held(haHuge).Frame()
				if c.pmdFaster(p) {
					c.Release(haHuge)
					return c.putFree(f, 1, haFreeTable)
				}
				c.deposit(haTable, p)
				c.newHugeAnon(f, p)
				bits := machine.Dirty
				if c.Load(c.M.VMA(p))&machine.VMWrite != 0 {
					bits |= machine.RW
				}
				c.Release(haHuge)
				c.SetPMD(p, c.protected(machine.MakeHuge(f, bits), p))
				return c.Call(fnLRUAddDrain, end)
			}},
		haFreeTable: {Label: "free_table", Says: "free the page table that was not needed", Ref: "pte_free", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(haTable).Frame()
			c.Release(haTable)
			return c.putFree(f, 1, end)
		}},
	},
})

const haTable, haHuge, haAddr, haFlags = 0, 1, 2, 3

const (
	haPrepare = iota
	haWrite
	haZeroTable
	haZero
	haFolio
	haAlloc
	haMap
	haFreeTable
)

// pmdFaster reports, under the PMD lock, that the PMD is not none any more.
func (c *Ctx) pmdFaster(p machine.PageID) bool {
	if machine.Entry(c.Load(c.M.PMD(p))).PMDNone() {
		return false
	}
	c.Say("the PMD is not none any more: somebody else was faster")
	return true
}

// newHugeAnon makes a fresh large folio an anonymous one that a PMD of the page's
// mm maps, exclusively, and puts it on the LRU list.
// compare mm/rmap.c:folio_add_new_anon_rmap
func (c *Ctx) newHugeAnon(head machine.Frame, p machine.PageID) {
	c.prepareAnonVMA(p)
	c.ownAnon(head, c.M.HugeStart(p))
	c.rmapAddPMD(head, 1)
	c.Store(c.M.Flags(head), machine.PGUptodate|machine.PGSwapBacked|machine.PGLRU|c.sim.exclusive|c.sim.beginsActive())
}

// hugeAccess sets accessed, and dirty for a write, in a huge PMD that allows the access.
// compare mm/huge_memory.c:huge_pmd_set_accessed
func (c *Ctx) hugeAccess(pmd machine.Entry, p machine.PageID, write bool) Next {
	if now := machine.Entry(c.Load(c.M.PMD(p))); now != pmd.Fresh() {
		c.Say("the PMD has changed: somebody else was faster")
		return Return
	}
	e := pmd | machine.Accessed
	if write {
		e = c.sim.mkdirty(e)
	}
	c.SetPMD(p, e)
	return Return
}
