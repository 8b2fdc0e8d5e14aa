package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// unhookTable takes the VMA's page table out of the tree; the gather holds it
// from then on.
// compare mm/memory.c:free_pte_range
func (c *Ctx) unhookTable() Next {
	w := c.M.PMD(c.Page(muFirst))
	pmd := machine.Entry(c.Load(w))
	if !pmd.Present() {
		c.Say("there is no page table")
		return muFinish
	}
	at := c.M.Pages()[c.Page(muFirst)]
	c.M.SetEntry(c.M.Upper(at.MM, machine.LevelPMD), c.M.Slot(c.Page(muFirst), machine.LevelPMD), 0)
	c.Hold(muTable, pmd.Frame(), 1)
	return Then
}

// tableFreeTouches are the classes that freeing a page table touches.
var tableFreeTouches = cell.Of(machine.Frames, machine.Tables, machine.Refs, machine.Mapcounts, machine.Flags, machine.Mappings, machine.Contents, machine.PTEs)

// freeTable gives a held page table back.
func (c *Ctx) freeTable(local, back int) Next {
	h := c.Held(local)
	if !h.Some() {
		return Next(back)
	}
	c.Release(local)
	c.Sayf("free the page table: frame %d", h.Frame())
	c.Put(h.Frame(), 1)
	c.M.Free(h.Frame())
	return Next(back)
}

// tlb_finish_mmu, in straight line:
//
//	flush_tlb_mm_range()
//	every page gathered: free_swap_cache(), drop the PTE's reference
//	the flush is over
//
// compare mm/mmu_gather.c:tlb_finish_mmu, tlb_flush_mmu
var _ = register(fnTLBFinishMMU, &Func{
	Name: "tlb_finish_mmu", File: "mm/mmu_gather.c", Params: []int{tfFirst, tfTables},
	Locals: []Local{{"first", PageLocal}, {"freed_tables", IntLocal}},
	Steps: []Step{
		tfFlush: {Label: "flush", Says: "flush the range", Ref: "tlb_flush_mmu_tlbonly", When: With(GatherFlushFirst), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: (*Ctx).gatherFlush},
		tfSwap: {Label: "free_swap_cache", Says: "is the page in the swap cache alone?", Answer: "no", Ref: "free_swap_cache", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			h, _ := c.gathered()
			if !h.Some() {
				return tfFlushLate
			}
			f := h.Frame()
			if c.Load(c.M.Flags(f))&machine.PGSwapCache != 0 && c.Load(c.M.Mapcount(f)) == 0 && c.Free(c.M.FolioLock(f)).Ready() {
				c.Say("the page is in the swap cache alone: drop it from there")
				c.freeSwap(f)
			}
			return Then
		}},
		tfPut: {Label: "put", Says: "drop the PTE's reference", Ref: "folios_put_refs", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h, i := c.gathered()
			c.M.SetGathered(c.Task, i, 0)
			return c.putFree(h.Frame(), 1, tfMore)
		}},
		tfMore: {Label: "more", Says: "another page?", Local: true, Back: []int{tfSwap}, Do: func(c *Ctx) Next {
			if h, _ := c.gathered(); h.Some() {
				return tfSwap
			}
			return Then
		}},
		tfFlushLate: {Label: "flush_late", Says: "flush the range, late", Ref: "tlb_flush_mmu_tlbonly", When: Without(GatherFlushFirst), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: (*Ctx).gatherFlush},
		tfEnd: {Label: "end", Says: "the flush is over", Ref: "dec_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.MM), -1)
			for p := c.Page(tfFirst); p <= c.lastPage(c.Page(tfFirst)); p++ {
				c.M.Discarded(p)
			}
			return Return
		}},
	},
})

const tfFirst, tfTables = 0, 1

const (
	tfFlush = iota
	tfSwap
	tfPut
	tfMore
	tfFlushLate
	tfEnd
)

// gatherFlush flushes the whole VMA, if anything of it was unmapped.
func (c *Ctx) gatherFlush() Next {
	back := int(tfSwap)
	if c.M.Activation(c.Task, c.level).Step == tfFlushLate {
		back = tfEnd
	}
	if h, _ := c.gathered(); !h.Some() && c.L(tfTables) == 0 && back == tfSwap {
		return tfEnd
	}
	first := c.Page(tfFirst)
	return c.Call(fnFlushTLBMMRange, back, uint64(c.MM), uint64(first), uint64(c.lastPage(first)), c.L(tfTables))
}

// gathered returns the first page of the gather and its place there.
func (c *Ctx) gathered() (machine.Hold, int) {
	for i := range c.M.Width() {
		if h := machine.Hold(c.M.Load(c.M.Gathered(c.Task, i))); h.Some() {
			return h, i
		}
	}
	return 0, 0
}
