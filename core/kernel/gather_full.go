package kernel

import "gupscope/core/machine"

// An mmu_gather that is full, in zap_pte_range():
//
//	clear a PTE; __tlb_remove_page() takes the last place: leave the loop
//	flush what was unmapped so far                // with the PTL held; then what counts as mapped until here does no more
//	unlock the PTL
//	tlb_flush_mmu(): put the pages; the gather is empty
//	lock the PTL; go on behind that PTE
//
// So pages are free, and may be somebody else's, while others of the range are mapped still, and whoever has waited for the PTL gets it in between. The order is that of the end:
// nothing is put before it was flushed.
//
// How many pages there is room for: `mmu_gather 1` says that it is one here, so that two pages show it. Real ones hold some five hundred pages for each page of memory that
// they get for the list, and ten thousand together; without memory for the first of these, the eight that lie on the stack (MMU_GATHER_BUNDLE; these numbers from memory).
//
// Left out: huge pages, which are gathered with no lock held: a gather that they fill is flushed and put where they are, without leaving anything; page tables, for which the gather may get full, too, or their own
// batch (MAX_TABLE_BATCH). And what is flushed in the end is the range from its beginning, not what came since.
//
// compare mm/memory.c:zap_pte_range, mm/mmu_gather.c:__tlb_remove_page_size, tlb_flush_mmu

// Of the local force_flush of zap_pte_range.
const (
	zapDirty uint64 = 1 << iota // a dirty PTE of a file was cleared
	zapFull                     // the gather is full
)

// gatherIsFull reports whether a task's gather has no room for another page. What is not counted takes none.
func (c *Ctx) gatherIsFull() bool {
	n := 0
	for i := range int(c.M.Load(c.M.Gathers(c.Task))) {
		if machine.Hold(c.M.Load(c.M.Gathered(c.Task, i))).Count() > 0 {
			n++
		}
	}
	return n >= c.sim.Setup.GatherPages
}

// gatherFrom notes the page that a gather begins with.
func (c *Ctx) gatherFrom(p machine.PageID) {
	if c.M.GatherFull && c.Load(c.M.GatherStart(c.Task)) == 0 {
		c.Store(c.M.GatherStart(c.Task), uint64(p)+1)
	}
}

// gatherEnds forgets it.
func (c *Ctx) gatherEnds() {
	if c.M.GatherFull {
		c.Store(c.M.GatherStart(c.Task), 0)
	}
}

// flushedEarly reports whether a full gather is flushed before the PTL is dropped.
func (c *Ctx) flushedEarly() bool {
	return c.sim.Kernel.On(ZapFlushBeforeUnlock) && c.sim.Kernel.On(GatherFlushFirst)
}

var zapFullStep = Step{Label: "gather_full", Says: "the gather is full: put its pages", Ref: "tlb_flush_mmu", When: GatherFull, Local: true, Calls: []FuncID{fnTLBFlushMMU}, Do: func(c *Ctx) Next {
	flushed := uint64(0)
	if c.flushedEarly() {
		flushed = 1
	}
	return c.Call(fnTLBFlushMMU, zpAgain, c.Load(c.M.GatherStart(c.Task))-1, c.L(zpPage), flushed)
}}

var zapAgainStep = Step{Label: "again", Says: "go on behind that PTE", Ref: "goto retry", When: GatherFull, Local: true, Back: []int{zpLock, zpPMD}, Do: func(c *Ctx) Next {
	c.Set(zpFlush, 0)
	p := c.Page(zpPage)
	if p == c.Page(zpEnd) || p+1 == c.M.HugeEnd(p) {
		return c.zapTable(Return)
	}
	c.Set(zpPage, uint64(p)+1)
	c.gatherFrom(p + 1)
	return zpLock
}}

// tlb_flush_mmu of a gather that is full, in straight line:
//
//	flush_tlb_mm_range(), unless that was done under the PTL
//	every page gathered: free_swap_cache(), drop the PTE's reference
//
// compare mm/mmu_gather.c:tlb_flush_mmu
var _ = register(fnTLBFlushMMU, &Func{
	Name: "tlb_flush_mmu", File: "mm/mmu_gather.c", Params: []int{gflStart, gflLast, gflFlushed},
	Locals: []Local{{"start", PageLocal}, {"last", PageLocal}, {"flushed", IntLocal}, {"i", IntLocal}},
	Steps: []Step{
		gflFlush: {Label: "flush", Says: "flush the range", Ref: "tlb_flush_mmu_tlbonly", When: With(GatherFlushFirst).AndGatherFull(), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			if c.L(gflFlushed) != 0 {
				return Then
			}
			return c.Call(fnFlushTLBMMRange, gflSwap, uint64(c.mmOf(gflLast)), c.L(gflStart), c.L(gflLast), 0)
		}},
		gflSwap: freeSwapCacheStep(gflFlushLate),
		gflPut:  putGatheredStep(gflMore),
		gflMore: moreGatheredStep(gflSwap),
		gflFlushLate: {Label: "flush_late", Says: "flush the range, late", Ref: "tlb_flush_mmu_tlbonly", When: Without(GatherFlushFirst).AndGatherFull(), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.Call(fnFlushTLBMMRange, gflDone, uint64(c.mmOf(gflLast)), c.L(gflStart), c.L(gflLast), 0)
		}},
		gflDone: {Label: "done", Says: "the gather is empty", When: GatherFull, Local: true, Do: func(c *Ctx) Next {
			c.gatherEnds()
			return Return
		}},
	},
})

const gflStart, gflLast, gflFlushed = tfFirst, tfLast, tfTables // behind them tfIndex

const (
	gflFlush = iota
	gflSwap
	gflPut
	gflMore
	gflFlushLate
	gflDone
)
