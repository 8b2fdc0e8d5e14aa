package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// The rows of migrate_pages for a large folio of which part is not mapped any more, or that there is no free block for, in straight line:
//
//	lock it; split_folio_to_list(): its pages are folios of the caller's list; unlock
//	not split, somebody has a reference: partly mapped: go on with it as it is; no block: -ENOMEM
//	every page of it: as a small folio; it counts as failed if one of them could not be moved
//
// NUMA balancing, which does without, leaves it whole. (The kernel looks at the list of split pages when it is
// through with the other one; here they come at once.)
//
// compare mm/migrate.c:try_split_folio, migrate_pages_batch
var migratePartial = Step{Label: "partial", Says: "is part of a large folio not mapped any more? Lock it, to split it", Answer: "no", Ref: "folio_test_partially_mapped", When: With(MigrateSplitsPartial).AndLarge(), Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mapcounts), Calls: []FuncID{fnSplitHugePage},
	Wait: func(c *Ctx) Block {
		if !c.partlyMapped(c.src()) || !c.mayWait() {
			return Block{}
		}
		return c.Free(c.M.FolioLock(c.src()))
	},
	Do: func(c *Ctx) Next {
		f := c.src()
		switch {
		case !c.partlyMapped(f):
			return mgAlloc
		case !c.TryLock(c.M.FolioLock(f)):
			c.Say("the folio is locked: leave it whole")
			return mgAlloc
		}
		c.Say("part of the large folio is not mapped any more: lock it, to split it")
		return c.Call(fnSplitHugePage, mgPartialSplit, c.frameOf(mgSrc), 1)
	}}

var migratePartialSplit = Step{Label: "partial_split", Says: "was it split? Unlock it", Answer: "yes", Ref: "try_split_folio", When: With(MigrateSplitsPartial).AndLarge(), Touches: cell.Of(machine.FolioLocks), Back: []int{mgFreed}, Do: func(c *Ctx) Next {
	ret := c.Ret()
	c.Unlock(c.M.FolioLock(c.src()))
	if ret != 0 {
		c.Say("it could not be split: unlock it, leave it whole")
		return mgAlloc
	}
	c.Set(mgIsSplit, 1)
	c.anotherFolio()
	return mgFreed
}}

// partlyMapped reports whether a large folio waits to be split because some of its pages are not mapped any more.
func (c *Ctx) partlyMapped(f machine.Frame) bool {
	return c.M.IsLarge(f) && !c.M.IsHugetlb(f) && c.Load(c.M.Deferred(f)) != 0
}

var migrateSplitLock = Step{Label: "split_lock", Says: "lock the folio, to split it", Ref: "try_split_folio", When: With(MigrateSplitsNoMem).AndLarge(), Touches: cell.Of(machine.FolioLocks), Calls: []FuncID{fnSplitHugePage},
	Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.src())) },
	Do: func(c *Ctx) Next {
		c.Lock(c.M.FolioLock(c.src()))
		return c.Call(fnSplitHugePage, mgSplit, c.frameOf(mgSrc), 1)
	}}

var migrateSplit = Step{Label: "split", Says: "was it split? Unlock it", Answer: "yes", Ref: "split_folio_to_list", When: With(MigrateSplitsNoMem).AndLarge(), Touches: cell.Of(machine.FolioLocks), Back: []int{mgFreed}, Do: func(c *Ctx) Next {
	ret := c.Ret()
	c.Unlock(c.M.FolioLock(c.src()))
	if ret != 0 {
		c.Say("it could not be split: unlock it")
		return mgPutback
	}
	c.Set(mgIsSplit, 1)
	c.anotherFolio()
	return mgFreed
}}

// anotherFolio begins the passes anew, for another folio.
func (c *Ctx) anotherFolio() {
	c.Set(mgPass, 0)
	c.Set(mgWaits, 0)
}

var migrateMore = Step{Label: "more", Says: "the next page of the folio that was split, if any", Ref: "split_folios", When: With(MigrateSplitsNoMem).AndLarge(), Local: true, Back: []int{mgFreed}, Do: func(c *Ctx) Next {
	n := int(c.M.Load(c.M.Gathers(c.Task)))
	for c.L(mgIsSplit) != 0 && n > 0 && !machine.Hold(c.M.Load(c.M.Gathered(c.Task, n-1))).Some() { // it lay behind the file's end
		n--
		c.M.Store(c.M.Gathers(c.Task), uint64(n))
	}
	switch {
	case c.L(mgIsSplit) == 0:
	case n > 0:
		f := machine.Hold(c.M.Load(c.M.Gathered(c.Task, n-1))).Frame()
		c.M.SetGathered(c.Task, n-1, 0)
		c.M.Store(c.M.Gathers(c.Task), uint64(n-1))
		c.Hold(mgSrc, f, 1)
		c.anotherFolio()
		return mgFreed
	case c.L(mgNrFailed) != 0:
		return c.Fail(c.L(mgNrFailed))
	}
	return Then
}}

var migrateRest = Step{Label: "rest", Says: "are there more pages of the folio that was split?", Ref: "nr_failed", When: With(MigrateSplitsNoMem).AndLarge(), Local: true, Back: []int{mgMore}, Do: func(c *Ctx) Next {
	if c.L(mgIsSplit) == 0 {
		c.Say("it was none")
		return Then
	}
	c.Set(mgNrFailed, c.L(mgRC))
	return mgMore
}}

// The rows of move_pages for a huge page, until v4.13 (FOLL_SPLIT), in straight line:
//
//	take a reference on it; unlock the PMD
//	lock the folio; split_huge_page(); unlock it, drop the reference
//	not split, somebody else has a reference: -EBUSY
//	look again: there is a page table, and a small page
//
// The tails go back to their LRU list: one page of the huge page moves. There were no migration entries in a PMD's place before v4.14.
//
// compare mm/gup.c:follow_page_mask
var moveSplitGet = Step{Label: "split_get", Says: "is it a huge page? Take a reference on it, unlock the PMD", Answer: "no", Ref: "FOLL_SPLIT", When: Without(MovePagesWhole).AndLarge(), Touches: cell.Of(machine.Refs, machine.PTLs), Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
	f := c.M.Head(c.Frame(vpPTE))
	switch {
	case !c.Entry(vpPMDLocal).Has(machine.PSE) || c.M.IsHugetlb(f):
		return vpGet
	case c.L(vpIsSplit) != 0:
		c.Say("a huge page is there again: -ENOENT; unlock the PMD")
		c.Unlock(c.walkLock())
		c.Set(vpRet, failed|ENOENT)
		return vpUnlock
	}
	c.Say("it is a huge page: take a reference on it, unlock the PMD")
	c.Get(f, 1)
	c.Hold(vpRef, f, 1)
	c.Unlock(c.walkLock())
	return Then
}}

var moveSplitLock = Step{Label: "split_lock", Says: "lock the folio, to split it", Ref: "lock_page", When: Without(MovePagesWhole).AndLarge(), Touches: cell.Of(machine.FolioLocks), Calls: []FuncID{fnSplitHugePage},
	Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Held(vpRef).Frame())) },
	Do: func(c *Ctx) Next {
		f := c.Held(vpRef).Frame()
		c.Lock(c.M.FolioLock(f))
		if !c.M.IsLarge(f) {
			c.Say("lock the folio: it was split meanwhile")
			c.Set(vpIsSplit, 1)
			return vpSplitUnlock
		}
		return c.Call(fnSplitHugePage, vpSplitUnlock, c.frameOf(vpRef), 0)
	}}

var moveSplitUnlock = Step{Label: "split_unlock", Says: "was it split? Unlock it", Answer: "yes", Ref: "unlock_page", When: Without(MovePagesWhole).AndLarge(), Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
	if c.L(vpIsSplit) == 0 {
		if c.Ret() != 0 {
			c.Say("it could not be split, somebody uses it: -EBUSY; unlock it")
			c.Set(vpRet, failed|EBUSY)
		}
		c.Set(vpIsSplit, 1)
	}
	c.Unlock(c.M.FolioLock(c.Held(vpRef).Frame()))
	return Then
}}

var moveSplitPut = Step{Label: "split_put", Says: "drop the reference", Ref: "put_page", When: Without(MovePagesWhole).AndLarge(), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{vpPMD}, Do: func(c *Ctx) Next {
	f := c.Held(vpRef).Frame()
	c.Release(vpRef)
	back := vpPMD
	if c.L(vpRet) != 0 {
		back = vpUnlock
	}
	return c.putFree(f, 1, back)
}}
