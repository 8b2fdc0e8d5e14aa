package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// madvise_cold_or_pageout_pte_range over a range, in straight line, for every page table of it:
//
//	lock the PTL; flush_tlb_batched_pending()
//	every page that is on the LRU list and mapped once:
//	    COLD: not accessed any more, in place; until 6.8, and PAGEOUT, too: clear the PTE; set it, not accessed
//	    PAGEOUT: isolate it
//	unlock
//	PAGEOUT: one pass of shrink_folio_list() over what was isolated
//	flush, if a PTE was changed
//
// What COLD does beyond that, deactivating the folio, waits in a batch of the CPU, with a reference: see deactivate. (The kernel reclaims behind every page table; here behind the last.)
//
// That a PTE is made old is no matter of right and wrong: the flush puts off nothing but the next time that the bit is set. But a
// GUP-fast between its two looks finds another PTE, and gives up; and until 6.8 who comes between the clearing and the
// setting finds nothing mapped, and waits for the PTL in a fault:
//
//	CPU0 (GUP-fast, load)                 CPU1 (MADV_PAGEOUT)
//	                                      lock the PTL; clear the PTE
//	read the PTE: none
//	fault: wait for the PTL               set it, not accessed; unlock
//	the page is there
//
// Of a file that the caller neither owns nor may write to PAGEOUT takes nothing: else a process could see, by the time that a fault takes, what others read of it. What the
// process has for itself in a private mapping, newer kernels take.
//
// compare mm/madvise.c:madvise_cold_or_pageout_pte_range, mm/vmscan.c:reclaim_pages
var _ = register(fnMadvisePageout, &Func{
	Name: "madvise_cold_or_pageout_pte_range", File: "mm/madvise.c", Params: []int{mpoPage, mpoEnd, mpoAdvice},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"folio", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"first", PageLocal}, {"advice", IntLocal}, {"i", IntLocal}, {"split", IntLocal}, {"flush", IntLocal}, {"fullmm", IntLocal}},
	Steps: []Step{
		mpoBegin: {Label: "gather", Says: "announce a flush to come", Ref: "tlb_gather_mmu", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Set(mpoFirst, c.L(mpoPage))
			c.Add(c.M.FlushPending(c.mmOf(mpoFirst)), 1)
			return Then
		}},
		mpoPMD: {Label: "read_pmd", Says: "read the PMD", Reads: cell.Of(machine.PMDs), Back: []int{mpoPMD}, Do: func(c *Ctx) Next {
			switch pmd := machine.Entry(c.Keep(mpoTable, c.M.PMD(c.Page(mpoPage)))); {
			case !pmd.Present():
				return c.nextTable(mpoPage, mpoEnd, mpoPMD, mpoShrink)
			case pmd.Has(machine.PSE):
				return mpoHugeLock
			}
			c.Set(mpoSplit, 0)
			return Then
		}},
		mpoLock:      mapPTLStep("lock", "lock the PTL", mpoTable, mpoPage, mpoPMD),
		mpoBatched:   batchedStep(mpoPage, mpoUnbatched, mpoTake),
		mpoUnbatched: batchedDoneStep(mpoPage),
		mpoTake:      {Label: "isolate", Says: "take the page off the LRU list, if it is mapped once", Ref: "folio_isolate_lru", Touches: batchTouches, Reads: cell.Of(machine.PTEs, machine.VMAs), Do: (*Ctx).pageoutTake},
		mpoClear: {Label: "clear_pte", Says: "it was accessed: clear the PTE", Ref: "ptep_get_and_clear_full", When: Without(PageoutLeavesYoung), Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			old := c.ClearPTE(c.Frame(mpoTable), c.Page(mpoPage))
			c.Set(mpoPTE, uint64(old))
			c.Hold(mpoFolio, old.Frame(), 1)
			return Then
		}},
		mpoOld: {Label: "old_pte", Says: "set it again: not accessed", Ref: "pte_mkold", When: Without(PageoutLeavesYoung), Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			c.Release(mpoFolio)
			c.SetPTE(c.Frame(mpoTable), c.Page(mpoPage), c.Entry(mpoPTE)&^machine.Accessed)
			return Then
		}},
		mpoYoung: {Label: "young", Says: "it was accessed: not any more", Ref: "ptep_test_and_clear_young", When: With(PageoutLeavesYoung), Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			p := c.Page(mpoPage)
			c.SetPTE(c.Frame(mpoTable), p, machine.Entry(c.Load(c.PTE(c.Frame(mpoTable), p)))&^machine.Accessed)
			return Then
		}},
		mpoIsolate: {Label: "isolate_old", Says: "PAGEOUT: take the page off the LRU list", Ref: "folio_isolate_lru", Touches: batchTouches, Do: func(c *Ctx) Next {
			f := c.Frame(mpoPTE)
			c.Set(mpoFlushed, 1)
			c.coldOrIsolate(f)
			return Then
		}},
		mpoNext: {Label: "next", Says: "the next PTE", Local: true, Back: []int{mpoTake}, Do: func(c *Ctx) Next {
			c.Set(mpoPTE, 0)
			if p := c.Page(mpoPage); p == c.Page(mpoEnd) || p+1 == c.M.HugeEnd(p) {
				return Then
			}
			c.Set(mpoPage, c.L(mpoPage)+1)
			return mpoTake
		}},
		mpoUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Back: []int{mpoPMD}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(mpoTable)))
			return c.nextTable(mpoPage, mpoEnd, mpoPMD, mpoShrink)
		}},
		mpoShrink: {Label: "reclaim", Says: "reclaim what was isolated", Ref: "reclaim_pages", Local: true, Back: []int{mpoShrink}, Calls: []FuncID{fnShrinkFolioList}, Do: func(c *Ctx) Next {
			i, n := c.L(mpoIndex), c.M.Load(c.M.Gathers(c.Task))
			if i >= n {
				c.M.Store(c.M.Gathers(c.Task), 0)
				return Then
			}
			h := machine.Hold(c.M.Load(c.M.Gathered(c.Task, int(i))))
			c.M.SetGathered(c.Task, int(i), 0)
			c.Set(mpoIndex, i+1)
			next := c.Call(fnShrinkFolioList, mpoShrink, c.L(mpoPage))
			c.M.SetHold(c.M.Local(c.Task, c.level+1, slFolio), h)
			c.M.Goto(c.Task, slTrylock)
			return next
		}},
		mpoNested: nestedStep(mpoFirst, mpoAll),
		mpoFlush: {Label: "flush", Says: "was anything changed?", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			switch {
			case c.L(mpoAll) != 0:
				return c.flushAll(mpoFirst, mpoDone)
			case c.L(mpoFlushed) != 0:
				return c.Call(fnFlushTLBMMRange, mpoDone, uint64(c.mmOf(mpoFirst)), c.L(mpoFirst), c.L(mpoEnd), 0)
			}
			return Then
		}},
		mpoDone: {Label: "done", Says: "no flush is to come any more", Ref: "dec_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.mmOf(mpoFirst)), -1)
			return Return
		}},
		mpoHugeLock:       pageoutHugeLock,
		mpoHugeInvalidate: pageoutHugeInvalidate,
		mpoHugeOld:        pageoutHugeOld,
		mpoHugeFolio:      pageoutHugeFolio,
		mpoHugeSplit:      pageoutHugeSplit,
		mpoHugePut:        pageoutHugePut,
		mpoLarge:          pageoutLargeBatch,
		mpoLargeOld:       pageoutLarge,
		mpoLargeSplit:     pageoutLargeSplit,
		mpoLargePut:       pageoutLargePut,
		mpoRelock:         pageoutRelock,
	},
})

const mpoTable, mpoPTE, mpoFolio, mpoPage, mpoEnd, mpoFirst, mpoAdvice, mpoIndex, mpoSplit, mpoFlushed, mpoAll = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

const (
	mpoBegin = iota
	mpoPMD
	mpoLock
	mpoBatched
	mpoUnbatched
	mpoTake
	mpoClear
	mpoOld
	mpoYoung
	mpoIsolate
	mpoNext
	mpoUnlock
	mpoShrink
	mpoNested
	mpoFlush
	mpoDone
	mpoHugeLock
	mpoHugeInvalidate
	mpoHugeOld
	mpoHugeFolio
	mpoHugeSplit
	mpoHugePut
	mpoLarge
	mpoLargeOld
	mpoLargeSplit
	mpoLargePut
	mpoRelock
)

// pageoutTake looks at one PTE, and isolates its folio for PAGEOUT, unless the PTE has to be made old first.
func (c *Ctx) pageoutTake() Next {
	p, table := c.Page(mpoPage), c.Frame(mpoTable)
	e := machine.Entry(c.Load(c.PTE(table, p)))
	if c.Load(c.M.VMA(p)) == 0 || !e.Present() || !c.M.Normal(e.Frame()) {
		c.Say("no page is mapped there")
		return mpoNext
	}
	f := e.Frame()
	if c.pageoutSpares(p, f) {
		c.Say("it is one of a file that the caller may not write to: let it be")
		return mpoNext
	}
	if c.M.IsLarge(f) {
		c.Set(mpoPTE, uint64(e))
		return mpoLarge
	}
	if c.Load(c.M.Flags(f))&machine.PGLRU == 0 || c.Load(c.M.Mapcount(f)) != 1 {
		c.Say("it is not on the LRU list, or others map it: let it be")
		return mpoNext
	}
	if e.Has(machine.Accessed) && c.makesOld() {
		c.Say("the page is mapped once, and was accessed")
		c.Set(mpoPTE, uint64(e))
		return Then
	}
	c.coldOrIsolate(f)
	return mpoNext
}

// makesOld reports whether the advice makes entries old: that to page out does not, where reclaim behind it does not look.
func (c *Ctx) makesOld() bool { return c.L(mpoAdvice) == madvCold || !c.sim.pageoutLeavesYoung }

// foreign reports whether a page lies in a mapping of a file that the caller neither owns nor may write to.
// compare mm/madvise.c:can_do_file_pageout
func (c *Ctx) foreign(p machine.PageID) bool {
	return c.isFile(p) && c.sim.Setup.Files[c.M.Region(p).File].Foreign
}

// pageoutRefuses reports whether PAGEOUT takes nothing of the mapping that a page lies in.
// compare mm/madvise.c:madvise_pageout
func (c *Ctx) pageoutRefuses(p machine.PageID) bool {
	return c.foreign(p) && (c.M.Region(p).Kind == machine.RegionFileShared || !c.sim.pageoutCopies)
}

// pageoutSpares reports whether PAGEOUT does not take a folio that is mapped there: it is the file's, or all of the mapping is let be.
func (c *Ctx) pageoutSpares(p machine.PageID, f machine.Frame) bool {
	return c.L(mpoAdvice) == madvPageout && c.foreign(p) && (c.isFilePage(f) || c.pageoutRefuses(p))
}
