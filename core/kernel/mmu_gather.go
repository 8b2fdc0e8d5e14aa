package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// unhookTable takes the next page table of a range that no VMA needs any more, and behind them the tables above (upper_tables.go),
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
		c.pmdClear(p, false)
		c.M.GatherTable(c.Task, pmd.Frame())
		c.Set(at, uint64(c.M.HugeEnd(p)))
		if c.Page(at) <= c.Page(last) || c.upperGoes(c.mmOf(last)) {
			return Next(again)
		}
		return Then
	}
	if c.unhookUpper(c.mmOf(last)) {
		if c.upperGoes(c.mmOf(last)) {
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
	if level, upper := c.M.UpperLevel(h.Frame()); upper {
		c.Sayf("free the %s table: frame %d", machine.LevelName(level), h.Frame())
	}
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
//	newer: another gather of the mm is open: flush all of it, even if nothing was gathered
//	flush_tlb_mm_range()
//	every page gathered: free_swap_cache(), drop the PTE's reference
//	the flush is over
//
// Whoever finds a PTE cleared already has nothing to gather. But who cleared it has yet to flush, so that the
// caller would go on with what its CPU's TLB has:
//
//	CPU0 (MADV_DONTNEED)               CPU1 (MADV_DONTNEED)
//	                                   clear the PTE
//	the PTE is none: nothing to do
//	madvise() has returned: a load reads
//	what was discarded
//	                                   flush
//
// A gather that is full is flushed on the way, and its pages are put: see gather_full.go.
//
// compare mm/mmu_gather.c:tlb_finish_mmu, tlb_flush_mmu, include/linux/mm_types.h:mm_tlb_flush_nested
var _ = register(fnTLBFinishMMU, &Func{
	Name: "tlb_finish_mmu", File: "mm/mmu_gather.c", Params: []int{tfFirst, tfLast, tfTables},
	Locals: []Local{{"first", PageLocal}, {"last", PageLocal}, {"freed_tables", IntLocal}, {"i", IntLocal}, {"fullmm", IntLocal}},
	Steps: []Step{
		tfNested:    nestedStep(tfFirst, tfAll),
		tfFlush:     {Label: "flush", Says: "flush the range", Ref: "tlb_flush_mmu_tlbonly", When: With(GatherFlushFirst), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: (*Ctx).gatherFlush},
		tfSwap:      freeSwapCacheStep(tfFlushLate),
		tfPut:       putGatheredStep(tfMore),
		tfMore:      moreGatheredStep(tfSwap),
		tfFlushLate: {Label: "flush_late", Says: "flush the range, late", Ref: "tlb_flush_mmu_tlbonly", When: Without(GatherFlushFirst), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: (*Ctx).gatherFlush},
		tfEnd: {Label: "end", Says: "the flush is over", Ref: "dec_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.mmOf(tfFirst)), -1)
			for p := c.Page(tfFirst); p <= c.Page(tfLast); p++ {
				c.M.Discarded(p)
			}
			c.gatherEnds()
			return Return
		}},
	},
})

const tfFirst, tfLast, tfTables, tfIndex, tfAll = 0, 1, 2, 3, 4

const (
	tfNested = iota
	tfFlush
	tfSwap
	tfPut
	tfMore
	tfFlushLate
	tfEnd
)

// freeSwapCacheStep looks at the page of the gather that comes next; behind the last it goes to step none.
func freeSwapCacheStep(none Next) Step {
	return Step{Label: "free_swap_cache", Says: "is the page in the swap cache alone?", Answer: "no", Ref: "free_swap_cache", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
		h := c.gathered()
		if !h.Some() {
			return none
		}
		f := h.Frame()
		if c.Load(c.folioFlags(f))&machine.PGSwapCache != 0 && c.folioMapcount(f) == 0 && c.Free(c.M.FolioLock(f)).Ready() {
			c.Say("the page is in the swap cache alone: drop it from there")
			c.freeSwap(f)
		}
		return Then
	}}
}

// putGatheredStep drops the reference that the page's PTE had; step more looks for another.
func putGatheredStep(more int) Step {
	return Step{Label: "put", Says: "drop the PTE's reference", Ref: "folios_put_refs", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		h, i := c.gathered(), c.L(tfIndex)
		c.M.SetGathered(c.Task, int(i), 0)
		if c.Set(tfIndex, i+1); i+1 == c.M.Load(c.M.Gathers(c.Task)) {
			c.M.Store(c.M.Gathers(c.Task), 0)
		}
		if h.Count() == 0 {
			c.Say("the zero page is not counted")
			if c.M.IsPFN(h.Frame()) {
				c.Say("there is no struct page to be put")
			}
			return Then
		}
		return c.putFree(h.Frame(), 1, more)
	}}
}

// moreGatheredStep begins again with the next page, if there is one.
func moreGatheredStep(again Next) Step {
	return Step{Label: "more", Says: "another page?", Local: true, Back: []int{int(again)}, Do: func(c *Ctx) Next {
		if c.gathered().Some() {
			return again
		}
		return Then
	}}
}

// gatherFlush flushes the range, if anything of it was unmapped.
func (c *Ctx) gatherFlush() Next {
	back := int(tfSwap)
	if c.M.Activation(c.Task, c.level).Step == tfFlushLate {
		back = tfEnd
	}
	if c.L(tfAll) != 0 {
		return c.flushAll(tfFirst, back)
	}
	if !c.gathered().Some() && c.L(tfTables) == 0 && back == tfSwap {
		return tfEnd
	}
	return c.Call(fnFlushTLBMMRange, back, uint64(c.mmOf(tfFirst)), c.L(tfFirst), c.L(tfLast), c.L(tfTables))
}

// nestedStep looks whether another gather of the mm of a page is open, and notes in the local all that all of it is to be flushed then.
func nestedStep(page, all int) Step {
	return Step{Label: "nested", Says: "is another flush of the mm to come?", Answer: "no", Ref: "mm_tlb_flush_nested", When: With(GatherNested).AndGathers(), Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
		if c.Load(c.M.FlushPending(c.mmOf(page))) > 1 {
			c.Say("another flush of the mm is to come: flush all of it, as if page tables went")
			c.Set(all, 1)
		}
		return Then
	}}
}

// flushAll flushes all of the mm of a page, as if page tables went.
func (c *Ctx) flushAll(page, back int) Next {
	mm := c.mmOf(page)
	first, last := c.M.MMPages(mm)
	return c.Call(fnFlushTLBMMRange, back, uint64(mm), uint64(first), uint64(last), 1)
}

// gatheringAdvices are the advices for which madvise opens an mmu_gather.
var gatheringAdvices = []string{"MADV_DONTNEED", "MADV_DONTNEED_LOCKED", "MADV_FREE", "MADV_COLD", "MADV_PAGEOUT"}

// gathers reports whether two mmu_gathers of one mm may be open at once. Who changes a file opens one of every mm that maps it.
func (s *Setup) gathers() bool {
	opens := func(t *TaskSetup) (some, anywhere bool) {
		for _, st := range t.Body {
			opens := st.Call.gathers
			for _, a := range st.Args {
				opens = opens && (a.Word == "" || slices.Contains(gatheringAdvices, a.Word) || st.Call.entry != fnMadvise)
			}
			some = some || opens
			anywhere = anywhere || opens && len(s.Files) > 0 && slices.ContainsFunc(st.Call.Params, func(p Param) bool { return p.Kind == FileParam || p.Kind == FilePageParam })
		}
		return some, anywhere
	}
	for i := range s.Tasks {
		for j := range i {
			a, everyA := opens(&s.Tasks[i])
			b, everyB := opens(&s.Tasks[j])
			if a && b && (everyA || everyB || s.Tasks[i].MM == s.Tasks[j].MM) {
				return true
			}
		}
	}
	return false
}

// gathered returns the page of the gather that comes next; none behind the last.
func (c *Ctx) gathered() machine.Hold {
	i := c.L(tfIndex)
	if i >= c.M.Load(c.M.Gathers(c.Task)) {
		return 0
	}
	return machine.Hold(c.M.Load(c.M.Gathered(c.Task, int(i))))
}

// tlb_remove_table_sync_one, in straight line:
//
//	send every other CPU an IPI that does nothing; wait until all have taken it
//
// A CPU that walks page tables with interrupts off takes it when it has left them. Where tables are
// freed with the pages, after a flush by IPI, that flush has done the same.
//
// compare mm/mmu_gather.c:tlb_remove_table_sync_one
var _ = register(fnTLBRemoveTableSyncOne, &Func{
	Name: "tlb_remove_table_sync_one", File: "mm/mmu_gather.c",
	Steps: []Step{
		ipiStep(If(PTFree, PTFreeRCU, PTFreeSemiRCU)),
		ipiTakenStep(If(PTFree, PTFreeRCU, PTFreeSemiRCU)),
	},
})

// ipiStep sends every other CPU an IPI that does nothing, which a CPU with interrupts off takes when it has them on again.
func ipiStep(when Cond) Step {
	return Step{Label: "send", Says: "send every other CPU an IPI", Ref: "smp_call_function", When: when, Touches: cell.Of(machine.IPIs), Anywhere: cell.Of(machine.IPIs), Do: func(c *Ctx) Next {
		for cpu := range c.M.CPUs {
			if cpu != c.CPU {
				c.Or(c.M.IPI(cpu), 1<<c.CPU)
			}
		}
		return Then
	}}
}

// ipiTakenStep waits until every CPU has taken it.
func ipiTakenStep(when Cond) Step {
	return Step{Label: "wait", Says: "every CPU has taken it", Ref: "csd_lock_wait", When: when, Touches: cell.Of(machine.IPIs), Anywhere: cell.Of(machine.IPIs),
		Wait: func(c *Ctx) Block {
			for cpu := range c.M.CPUs {
				if w := c.M.IPI(cpu); cpu != c.CPU && c.Load(w)>>c.CPU&1 != 0 {
					return Block{OnIPI, cpu + 1, w}
				}
			}
			return Block{}
		},
		Do: func(c *Ctx) Next { return Then }}
}
