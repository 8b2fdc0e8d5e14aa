package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What MADV_FREE, COLD and PAGEOUT do about large folios. A PMD entry that maps one, in straight line:
//
//	lock the PMD; the huge zero page, or others map the folio: let it be
//	all of it in the range: the folio as one
//	else: split the folio; it has other references: let it be; go on with the PTEs
//
// PTEs that map one:
//
//	newer: all of it mapped by PTEs of the range: the folio as one
//	others map it, or it is locked, or cannot be split: newer: the next PTE; older: the walk of this table ends
//	split it; the PTE again
//
// compare mm/madvise.c:madvise_free_huge_pmd (mm/huge_memory.c), madvise_cold_or_pageout_pte_range

// mapsShared guesses whether others map a large folio, too. Newer kernels look at the folio's counts
// and its first page, older ones at how often one page is mapped.
// compare include/linux/mm.h:folio_likely_mapped_shared, folio_estimated_sharers (6.1)
func (c *Ctx) mapsShared(f machine.Frame) bool {
	head := c.M.Head(f)
	if !c.sim.sharedByCounts {
		return c.Load(c.M.Mapcount(f))+c.Load(c.M.EntireMapcount(head)) != 1
	}
	switch n := c.Load(c.M.LargeMapcount(head)); {
	case n <= 1:
		return false
	case c.Load(c.M.EntireMapcount(head)) > 0 || int(n) > c.M.HugePages:
		return true
	}
	return c.Load(c.M.Mapcount(head)) > 1
}

// partOfHuge reports whether a range has only part of the huge page that p lies in.
func (c *Ctx) partOfHuge(p, last machine.PageID) bool {
	return p != c.M.HugeStart(p) || last < c.lastHuge(p)
}

// wholeFolio reports whether the PTEs from p on map all of a large folio, page by page, up to last, in one VMA: each is walked for itself.
// compare mm/madvise.c:madvise_folio_pte_batch
func (c *Ctx) wholeFolio(table machine.Frame, p, last machine.PageID) bool {
	e := machine.Entry(c.Load(c.PTE(table, p)))
	head := e.Frame()
	n := machine.PageID(c.M.HugePages)
	if c.M.Head(head) != head || p+n-1 > min(last, c.lastHuge(p), c.M.VMALast(p)) {
		return false
	}
	const access = machine.Present | machine.ProtNone
	for i := machine.PageID(1); i < n; i++ {
		q := machine.Entry(c.Load(c.PTE(table, p+i)))
		if !q.Present() || q.Frame() != head+machine.Frame(i) || q&access != e&access {
			return false
		}
	}
	return true
}

// splitFor are the steps that split a large folio for a walk which must drop its lock for it: take a
// reference and the folio's lock, drop the walk's; split; unlock, put. It goes on at step after, with what the split
// returned in the local result; folio is the local that holds the folio.
func splitFor(first, folio, result, after int, lock func(*Ctx) machine.Word) (split, put Step) {
	var back []int
	if after < first {
		back = []int{after}
	}
	return Step{Label: "split", Says: "drop the lock, split the folio", Ref: "split_folio", When: Large, Touches: cell.Of(machine.PTLs), Calls: []FuncID{fnSplitHugePage}, Do: func(c *Ctx) Next {
			c.Unlock(lock(c))
			return c.Call(fnSplitHugePage, first+1, uint64(machine.MakeHold(c.Held(folio).Frame(), 1)), 0)
		}},
		Step{Label: "split_put", Says: "unlock the folio, put it", Ref: "folio_put", When: Large, Touches: cell.Of(machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: back, Do: func(c *Ctx) Next {
			c.Set(result, c.Ret())
			f := c.Held(folio).Frame()
			c.Release(folio)
			c.Unlock(c.M.FolioLock(f))
			return c.putFree(f, 1, after)
		}}
}

// holdToSplit takes what a split needs: a reference, and the folio's lock, which is free.
func (c *Ctx) holdToSplit(local int, f machine.Frame) {
	c.Get(f, 1)
	c.Hold(local, f, 1)
	c.Lock(c.M.FolioLock(f))
}

// MADV_FREE of a huge PMD entry.

var freeHugeLock = Step{Label: "lock_pmd", Says: "lock the PMD: what is to be done with the huge page?", Ref: "madvise_free_huge_pmd", When: Large, Touches: cell.Of(machine.PTLs, machine.Refs, machine.FolioLocks, machine.Flags), Reads: cell.Of(machine.PMDs, machine.Mapcounts), Back: []int{mfPMD, mfNested},
	Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(mfPage))) },
	Do: func(c *Ctx) Next {
		p := c.Page(mfPage)
		pmd := machine.Entry(c.Load(c.M.PMD(p)))
		f := pmd.Frame()
		switch {
		case !pmd.Has(machine.PSE):
			c.Say("the PMD is not huge any more")
			return mfPMD
		case c.L(mfSplit) != 0 || c.M.IsHugeZero(f) || c.folioMapcount(f) != 1 || !c.Free(c.M.FolioLock(f)).Ready():
			c.Say("the huge zero page, or others map it, or it is locked: let it be")
			c.Set(mfSplit, 0)
			return c.nextTable(mfPage, mfEnd, mfPMD, mfNested)
		case c.partOfHuge(p, c.Page(mfEnd)):
			c.Say("only part of it is to go: split the folio")
			c.Lock(c.pmdLock(p))
			c.holdToSplit(mfFolio, f)
			return mfHugeSplit
		}
		c.Lock(c.pmdLock(p))
		c.Set(mfPTE, uint64(pmd))
		c.AndNot(c.M.Flags(f), machine.PGDirty)
		c.Say("lock the PMD; all of it is to go: it is clean")
		if pmd&(machine.Accessed|machine.Dirty) == 0 {
			return mfHugeLazy
		}
		return Then
	}}

var freeHugeInvalidate = Step{Label: "invalidate_pmd", Says: "invalidate the PMD, flush", Ref: "pmdp_invalidate", When: Large, Touches: cell.Of(machine.PMDs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
	p := c.Page(mfPage)
	old := machine.Entry(c.Load(c.M.PMD(p)))
	c.Set(mfPTE, uint64(old))
	c.SetPMD(p, old&^machine.Present)
	return c.Call(fnFlushTLBMMRange, mfHugeLazy, uint64(c.M.Pages()[p].MM), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), c.flushRange())
}}

var freeHugeLazy = Step{Label: "lazyfree_pmd", Says: "the PMD: neither accessed nor dirty; the folio is lazyfree; unlock", Ref: "folio_mark_lazyfree", When: Large, Touches: cell.Of(machine.PMDs, machine.PTLs) | batchTouches, Back: []int{mfPMD, mfNested}, Do: func(c *Ctx) Next {
	p, e := c.Page(mfPage), c.Entry(mfPTE).Fresh()
	c.SetPMD(p, e&^(machine.Accessed|machine.Dirty))
	c.Set(mfPTE, 0)
	c.markLazyfree(e.Frame())
	c.Unlock(c.pmdLock(p))
	return c.nextTable(mfPage, mfEnd, mfPMD, mfNested)
}}

var freeHugeSplit, freeHugePut = splitFor(mfHugeSplit, mfFolio, mfSplit, mfPMD, func(c *Ctx) machine.Word { return c.pmdLock(c.Page(mfPage)) })

// MADV_FREE of a PTE that maps a page of a large folio.

var freeLargeBatch = Step{Label: "large", Says: "it belongs to a large folio: is all of that mapped in the range?", Ref: "madvise_folio_pte_batch", When: With(MadvisePTEBatch).AndLarge(), Touches: cell.Of(machine.Refs, machine.FolioLocks), Reads: cell.Of(machine.PTEs, machine.Mapcounts, machine.Flags, machine.VMAs), Back: []int{mfNext}, Do: func(c *Ctx) Next {
	p, f := c.Page(mfPage), c.M.Head(c.Frame(mfPTE))
	switch {
	case c.wholeFolio(c.Frame(mfTable), p, c.Page(mfEnd)):
		c.Say("all of its large folio is mapped in the range: take it as one")
		return mfUnit
	case c.mapsShared(f) || !c.Free(c.M.FolioLock(f)).Ready():
		c.Say("others map its large folio, or it is locked: the next PTE")
		return mfNext
	}
	c.Say("not all of it: take a reference, to split the folio")
	c.holdToSplit(mfFolio, f)
	return mfLargeSplit
}}

var freeLarge = Step{Label: "large", Says: "it belongs to a large folio: split that, if nobody else maps it", Ref: "split_folio", When: Without(MadvisePTEBatch).AndLarge(), Touches: cell.Of(machine.Refs, machine.FolioLocks), Reads: cell.Of(machine.Mapcounts), Back: []int{mfUnlock}, Do: func(c *Ctx) Next {
	f := c.M.Head(c.Frame(mfPTE))
	if c.mapsShared(f) || !c.Free(c.M.FolioLock(f)).Ready() {
		c.Say("others map its large folio, or it is locked: no more of this page table")
		c.Set(mfPTE, 0)
		return mfUnlock
	}
	c.Say("not all of it: take a reference, to split the folio")
	c.holdToSplit(mfFolio, f)
	return mfLargeSplit
}}

var freeLargeSplit, freeLargePut = splitFor(mfLargeSplit, mfFolio, mfSplit, mfRelock, func(c *Ctx) machine.Word { return c.M.PTL(c.Frame(mfTable)) })

var freeRelock = Step{Label: "relock", Says: "lock the PTL again; was the folio split?", Ref: "pte_offset_map_lock", When: Large, Touches: cell.Of(machine.PTLs), Back: []int{mfRead, mfNext, mfUnlock},
	Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(mfTable))) },
	Do: func(c *Ctx) Next {
		c.lockPTL(mfTable)
		failed := c.L(mfSplit) != 0
		c.Set(mfSplit, 0)
		c.Set(mfPTE, 0)
		switch {
		case !failed:
			c.Say("it was split: the same PTE again")
			return mfRead
		case c.sim.sharedByCounts:
			c.Say("it was not: the next PTE")
			return mfNext
		}
		c.Say("it was not: no more of this page table")
		return mfUnlock
	}}

var freeUnit = Step{Label: "unit", Says: "try the folio lock; make it clean", Ref: "folio_clear_dirty", When: With(MadvisePTEBatch).AndLarge(), Touches: cell.Of(machine.FolioLocks, machine.Flags), Reads: cell.Of(machine.Mapcounts), Back: []int{mfNext}, Do: func(c *Ctx) Next {
	f := c.Frame(mfPTE)
	if c.Load(c.M.Flags(f))&machine.PGDirty == 0 {
		return Then
	}
	if !c.Free(c.M.FolioLock(f)).Ready() || c.folioMapcount(f) != uint64(c.M.HugePages) {
		c.Say("it is locked, or others map it: let it be")
		c.Set(mfPage, uint64(c.lastHuge(c.Page(mfPage))))
		return mfNext
	}
	c.AndNot(c.M.Flags(f), machine.PGDirty)
	return Then
}}

var freeUnitPTEs = Step{Label: "unit_ptes", Says: "its PTEs: neither accessed nor dirty; the folio is lazyfree", Ref: "clear_young_dirty_ptes", When: With(MadvisePTEBatch).AndLarge(), Touches: cell.Of(machine.PTEs) | batchTouches, Back: []int{mfNext}, Do: func(c *Ctx) Next {
	p, table := c.Page(mfPage), c.Frame(mfTable)
	for i := range machine.PageID(c.M.HugePages) {
		e := machine.Entry(c.Load(c.PTE(table, p+i)))
		if e&(machine.Accessed|machine.Dirty) != 0 {
			c.SetPTE(table, p+i, e&^(machine.Accessed|machine.Dirty))
			c.Set(mfFlushed, 1)
		}
	}
	c.markLazyfree(c.Frame(mfPTE))
	c.Set(mfPage, uint64(c.lastHuge(p)))
	return mfNext
}}

// MADV_COLD and PAGEOUT of a huge PMD entry.

var pageoutHugeLock = Step{Label: "lock_pmd", Says: "lock the PMD: what is to be done with the huge page?", Ref: "pmd_trans_huge_lock", When: Large, Touches: cell.Of(machine.PTLs, machine.PMDs) | batchTouches, Back: []int{mpoPMD, mpoShrink},
	Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(mpoPage))) },
	Do: func(c *Ctx) Next {
		p := c.Page(mpoPage)
		pmd := machine.Entry(c.Load(c.M.PMD(p)))
		f := pmd.Frame()
		switch {
		case !pmd.Has(machine.PSE):
			c.Say("the PMD is not huge any more")
			return mpoPMD
		case c.L(mpoSplit) != 0 || c.M.IsHugeZero(f) || c.mapsShared(f):
			c.Say("the huge zero page, or others map it: let it be")
			c.Set(mpoSplit, 0)
			return c.nextTable(mpoPage, mpoEnd, mpoPMD, mpoShrink)
		case c.pageoutSpares(p, f):
			c.Say("it is one of a file that the caller may not write to: let it be")
			return c.nextTable(mpoPage, mpoEnd, mpoPMD, mpoShrink)
		case c.partOfHuge(p, c.Page(mpoEnd)):
			c.Say("only part of it is meant: take a reference, to split the folio")
			c.Get(f, 1)
			c.Hold(mpoFolio, f, 1)
			return mpoHugeFolio
		}
		if pmd.Has(machine.Accessed) && c.makesOld() {
			c.Say("lock the PMD; all of it is meant, and was accessed")
			c.Lock(c.pmdLock(p))
			return mpoHugeInvalidate
		}
		c.Say("all of it: take it as one")
		c.coldOrIsolate(f)
		return c.nextTable(mpoPage, mpoEnd, mpoPMD, mpoShrink)
	}}

var pageoutHugeInvalidate = Step{Label: "invalidate_pmd", Says: "invalidate the PMD, flush", Ref: "pmdp_invalidate", When: Large, Touches: cell.Of(machine.PMDs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
	p := c.Page(mpoPage)
	old := machine.Entry(c.Load(c.M.PMD(p)))
	c.Set(mpoPTE, uint64(old))
	c.SetPMD(p, old&^machine.Present)
	return c.Call(fnFlushTLBMMRange, mpoHugeOld, uint64(c.M.Pages()[p].MM), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), 0)
}}

var pageoutHugeOld = Step{Label: "old_pmd", Says: "the PMD: not accessed; PAGEOUT: take the folio off the LRU list; unlock", Ref: "pmd_mkold", When: Large, Touches: cell.Of(machine.PMDs, machine.PTLs) | batchTouches, Back: []int{mpoPMD, mpoShrink}, Do: func(c *Ctx) Next {
	p, e := c.Page(mpoPage), c.Entry(mpoPTE).Fresh()
	c.SetPMD(p, e&^machine.Accessed)
	c.Set(mpoPTE, 0)
	c.Set(mpoFlushed, 1)
	c.coldOrIsolate(e.Frame())
	c.Unlock(c.pmdLock(p))
	return c.nextTable(mpoPage, mpoEnd, mpoPMD, mpoShrink)
}}

var pageoutHugeFolio = Step{Label: "lock_folio", Says: "lock the folio", Ref: "folio_lock", When: Large, Touches: cell.Of(machine.FolioLocks),
	Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Held(mpoFolio).Frame())) },
	Do: func(c *Ctx) Next {
		c.Lock(c.M.FolioLock(c.Held(mpoFolio).Frame()))
		return Then
	}}

var pageoutHugeSplit = Step{Label: "split_huge", Says: "split the folio", Ref: "split_folio", When: Large, Local: true, Calls: []FuncID{fnSplitHugePage}, Do: func(c *Ctx) Next {
	return c.Call(fnSplitHugePage, mpoHugePut, uint64(machine.MakeHold(c.Held(mpoFolio).Frame(), 1)), 0)
}}

var _, pageoutHugePut = splitFor(mpoHugeSplit, mpoFolio, mpoSplit, mpoPMD, nil)

// coldOrIsolate does with a folio that was found what the advice says: PAGEOUT isolates it, COLD deactivates it.
func (c *Ctx) coldOrIsolate(f machine.Frame) {
	w := c.folioFlags(f)
	c.AndNot(w, machine.PGReferenced)
	if c.L(mpoAdvice) == madvCold {
		c.deactivate(f)
	}
	if c.L(mpoAdvice) == madvPageout && c.Load(w)&machine.PGLRU != 0 {
		c.AndNot(w, machine.PGLRU)
		c.Get(f, 1)
		c.M.Gather(c.Task, machine.MakeHold(c.M.Head(f), 1))
	}
}

// MADV_COLD and PAGEOUT of a PTE that maps a page of a large folio. Where it comes from, the address
// is that of the PTE.

var pageoutLargeBatch = Step{Label: "large", Says: "it belongs to a large folio: is all of that mapped in the range?", Ref: "madvise_folio_pte_batch", When: With(MadvisePTEBatch).AndLarge(), Touches: cell.Of(machine.FolioLocks, machine.PTEs) | batchTouches, Reads: cell.Of(machine.VMAs), Back: []int{mpoNext}, Do: func(c *Ctx) Next {
	p, table := c.Page(mpoPage), c.Frame(mpoTable)
	f := c.M.Head(c.Frame(mpoPTE))
	switch {
	case c.wholeFolio(table, p, c.Page(mpoEnd)):
		c.Say("all of its large folio is mapped in the range: take it as one")
		if c.folioMapcount(f) == uint64(c.M.HugePages) && c.Load(c.M.Flags(f))&machine.PGLRU != 0 {
			c.coldOrIsolate(f)
		}
		c.Set(mpoPage, uint64(c.lastHuge(p)))
		return mpoNext
	case c.mapsShared(f) || !c.Free(c.M.FolioLock(f)).Ready():
		c.Say("others map its large folio, or it is locked: the next PTE")
		return mpoNext
	}
	c.Say("not all of it: take a reference, to split the folio")
	c.holdToSplit(mpoFolio, f)
	return mpoLargeSplit
}}

var pageoutLarge = Step{Label: "large", Says: "it belongs to a large folio: split that, if nobody else maps it", Ref: "split_folio", When: Without(MadvisePTEBatch).AndLarge(), Touches: cell.Of(machine.Refs, machine.FolioLocks), Reads: cell.Of(machine.Mapcounts), Back: []int{mpoUnlock}, Do: func(c *Ctx) Next {
	f := c.Frame(mpoPTE)
	if c.mapsShared(f) || !c.Free(c.M.FolioLock(c.M.Head(f))).Ready() {
		c.Say("others map its large folio, or it is locked: no more of this page table")
		c.Set(mpoPTE, 0)
		return mpoUnlock
	}
	c.holdToSplit(mpoFolio, c.M.Head(f))
	return mpoLargeSplit
}}

var pageoutLargeSplit, pageoutLargePut = splitFor(mpoLargeSplit, mpoFolio, mpoSplit, mpoRelock, func(c *Ctx) machine.Word { return c.M.PTL(c.Frame(mpoTable)) })

var pageoutRelock = Step{Label: "relock", Says: "lock the PTL again; was the folio split?", Ref: "pte_offset_map_lock", Map: &TableMap{mpoTable, mpoPage, mpoPMD}, When: Large, Touches: cell.Of(machine.PTLs), Back: []int{mpoTake, mpoNext, mpoUnlock},
	Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(mpoTable))) },
	Do: func(c *Ctx) Next {
		c.lockPTL(mpoTable)
		failed := c.L(mpoSplit) != 0
		c.Set(mpoSplit, 0)
		c.Set(mpoPTE, 0)
		switch {
		case !failed:
			c.Say("it was split: the same PTE again")
			return mpoTake
		case c.sim.sharedByCounts:
			c.Say("it was not: the next PTE")
			return mpoNext
		}
		c.Say("it was not: no more of this page table")
		return mpoUnlock
	}}
