package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// unhookTable takes the next page table of a range that no VMA needs any more
// out of the tree; the gather holds it from then on. at is the local with the address, last that with the
// range's last page; again is the step itself, nothing the one to go to if no table was unhooked at all.
// compare mm/memory.c:free_pte_range
func (c *Ctx) unhookTable(at, last, again, nothing int) Next {
	for ; c.Page(at) <= c.Page(last); c.Set(at, uint64(c.M.HugeEnd(c.Page(at)))) {
		p := c.Page(at)
		if c.M.Gigabyte(p) {
			_, end := c.M.GigabyteOf(p)
			if !c.unhookPMDTable(p) {
				continue
			}
			if c.Set(at, uint64(end)); c.Page(at) <= c.Page(last) {
				return Next(again)
			}
			return Then
		}
		pmd := machine.Entry(c.Load(c.M.PMD(p)))
		if !pmd.Present() || c.anyVMA(p, c.M.HugeEnd(p)) {
			continue
		}
		c.M.SetEntry(c.M.Upper(c.M.Pages()[p].MM, machine.LevelPMD), c.M.Slot(p, machine.LevelPMD), 0)
		c.M.GatherTable(c.Task, pmd.Frame())
		c.Set(at, uint64(c.M.HugeEnd(p)))
		if c.Page(at) <= c.Page(last) {
			return Next(again)
		}
		return Then
	}
	if c.M.Load(c.M.GatheredTables(c.Task)) > 0 {
		return Then
	}
	c.Say("there is no page table to free")
	return Next(nothing)
}

// unhookPMDTable takes the PMD table of a whole gigabyte out of the tree, if no VMA is left there. Nobody else has it: it was
// unshared when its pages went.
// compare mm/hugetlb.c:hugetlb_free_pgd_range, mm/memory.c:free_pmd_range
func (c *Ctx) unhookPMDTable(p machine.PageID) bool {
	first, end := c.M.GigabyteOf(p)
	pud := machine.Entry(c.Load(c.M.PUD(p)))
	if !pud.Present() || c.anyVMA(first, end) {
		return false
	}
	c.M.SetPUD(p, 0)
	c.M.GatherTable(c.Task, pud.Frame())
	return true
}

// anyVMA reports whether some page from first up to end has a VMA.
func (c *Ctx) anyVMA(first, end machine.PageID) bool {
	for p := first; p < end; p++ {
		if c.Load(c.M.VMA(p)) != 0 {
			return true
		}
	}
	return false
}

// tableFreeTouches are the classes that freeing a page table touches.
var tableFreeTouches = cell.Of(machine.Frames, machine.Tables, machine.Refs, machine.Mapcounts, machine.Flags, machine.Mappings, machine.Contents, machine.PTEs)

// freeTable gives a page table of the gather back. again is the step itself,
// while there are more.
func (c *Ctx) freeTable(again, done int) Next {
	h := c.M.UngatherTable(c.Task)
	if !h.Some() {
		return Next(done)
	}
	c.Sayf("free the page table: frame %d", h.Frame())
	c.Put(h.Frame(), 1)
	c.M.Free(h.Frame())
	if c.M.Load(c.M.GatheredTables(c.Task)) > 0 {
		return Next(again)
	}
	return Next(done)
}

// rcuTables has the gather's page tables freed after a grace period.
func (c *Ctx) rcuTables() {
	for h := c.M.UngatherTable(c.Task); h.Some(); h = c.M.UngatherTable(c.Task) {
		c.M.Account(h.Frame(), 1) // the callback holds it
		c.M.CallRCU(h.Frame())
	}
}

// tlb_finish_mmu, in straight line:
//
//	flush_tlb_mm_range()
//	every page gathered: free_swap_cache(), drop the PTE's reference
//	the flush is over
//
// compare mm/mmu_gather.c:tlb_finish_mmu, tlb_flush_mmu
var _ = register(fnTLBFinishMMU, &Func{
	Name: "tlb_finish_mmu", File: "mm/mmu_gather.c", Params: []int{tfFirst, tfLast, tfTables},
	Locals: []Local{{"first", PageLocal}, {"last", PageLocal}, {"freed_tables", IntLocal}, {"i", IntLocal}},
	Steps: []Step{
		tfFlush: {Label: "flush", Says: "flush the range", Ref: "tlb_flush_mmu_tlbonly", When: With(GatherFlushFirst), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: (*Ctx).gatherFlush},
		tfSwap: {Label: "free_swap_cache", Says: "is the page in the swap cache alone?", Answer: "no", Ref: "free_swap_cache", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			h := c.gathered()
			if !h.Some() {
				return tfFlushLate
			}
			f := h.Frame()
			if c.Load(c.folioFlags(f))&machine.PGSwapCache != 0 && c.folioMapcount(f) == 0 && c.Free(c.M.FolioLock(f)).Ready() {
				c.Say("the page is in the swap cache alone: drop it from there")
				c.freeSwap(f)
			}
			return Then
		}},
		tfPut: {Label: "put", Says: "drop the PTE's reference", Ref: "folios_put_refs", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h, i := c.gathered(), c.L(tfIndex)
			c.M.SetGathered(c.Task, int(i), 0)
			if c.Set(tfIndex, i+1); i+1 == c.M.Load(c.M.Gathers(c.Task)) {
				c.M.Store(c.M.Gathers(c.Task), 0)
			}
			if h.Count() == 0 {
				c.Say("the zero page is not counted")
				return Then
			}
			return c.putFree(h.Frame(), 1, tfMore)
		}},
		tfMore: {Label: "more", Says: "another page?", Local: true, Back: []int{tfSwap}, Do: func(c *Ctx) Next {
			if c.gathered().Some() {
				return tfSwap
			}
			return Then
		}},
		tfFlushLate: {Label: "flush_late", Says: "flush the range, late", Ref: "tlb_flush_mmu_tlbonly", When: Without(GatherFlushFirst), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: (*Ctx).gatherFlush},
		tfEnd: {Label: "end", Says: "the flush is over", Ref: "dec_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.mmOf(tfFirst)), -1)
			for p := c.Page(tfFirst); p <= c.Page(tfLast); p++ {
				c.M.Discarded(p)
			}
			return Return
		}},
	},
})

const tfFirst, tfLast, tfTables, tfIndex = 0, 1, 2, 3

const (
	tfFlush = iota
	tfSwap
	tfPut
	tfMore
	tfFlushLate
	tfEnd
)

// gatherFlush flushes the range, if anything of it was unmapped.
func (c *Ctx) gatherFlush() Next {
	back := int(tfSwap)
	if c.M.Activation(c.Task, c.level).Step == tfFlushLate {
		back = tfEnd
	}
	if !c.gathered().Some() && c.L(tfTables) == 0 && back == tfSwap {
		return tfEnd
	}
	return c.Call(fnFlushTLBMMRange, back, uint64(c.mmOf(tfFirst)), c.L(tfFirst), c.L(tfLast), c.L(tfTables))
}

// gathered returns the page of the gather that comes next; none behind the last.
func (c *Ctx) gathered() machine.Hold {
	i := c.L(tfIndex)
	if i >= c.M.Load(c.M.Gathers(c.Task)) {
		return 0
	}
	return machine.Hold(c.M.Load(c.M.Gathered(c.Task, int(i))))
}
