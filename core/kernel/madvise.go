package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Advices, in the order of the words.
const (
	madvDontneed uint64 = iota
	madvFree
	madvCold
	madvPageout
	madvPopulateRead
	madvPopulateWrite
	_ // MADV_COLLAPSE
	madvMergeable
	madvUnmergeable
	_ // MADV_HWPOISON
	madvDontFork
	madvDoFork
	madvWipeOnFork
	madvKeepOnFork
	madvDontneedLocked
	madvNoHugepage
)

var madvWords = []string{"MADV_DONTNEED", "MADV_FREE", "MADV_COLD", "MADV_PAGEOUT", "MADV_POPULATE_READ", "MADV_POPULATE_WRITE", "MADV_COLLAPSE", "MADV_MERGEABLE", "MADV_UNMERGEABLE", madvHWPoison, "MADV_DONTFORK", "MADV_DOFORK", "MADV_WIPEONFORK", "MADV_KEEPONFORK", "MADV_DONTNEED_LOCKED", "MADV_NOHUGEPAGE"}

// madvHWPoison is the advice that has a table of its own: see memory_failure.go.
const madvHWPoison = "MADV_HWPOISON"

// madvise, in straight line:
//
//	mmap_read_lock()
//	POPULATE: madvise_populate(); unlock, done
//	a hole: go on, and return -ENOMEM; locked memory: -EINVAL, but for DONTNEED_LOCKED
//	PAGEOUT of a file that the caller neither owns nor may write to: done; a private mapping: newer kernels go on, for the copies alone
//	lru_add_drain()
//	DONTNEED, DONTNEED_LOCKED: tlb_gather_mmu(); zap_pte_range(); tlb_finish_mmu()
//	FREE: madvise_free_pte_range(); until 4.11, and no swap is free: as DONTNEED
//	COLD, PAGEOUT: madvise_cold_or_pageout_pte_range()
//	mmap_read_unlock()
//
// DONTNEED drops the PTL before the flush: another CPU may fault a new page in
// while a third still has the old one in its TLB.
//
// compare mm/madvise.c:do_madvise, mm/memory.c:zap_page_range_single
var _ = register(fnMadvise, &Func{
	Name: "madvise", File: "mm/madvise.c", Params: []int{maFirst, maLast, maAdvice},
	Locals: []Local{{"first", PageLocal}, {"last", PageLocal}, {"advice", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		maNoCold: {Label: "known_cold", Says: "is the advice known? COLD and PAGEOUT are not", When: Without(MadviseCold), Local: true, Do: func(c *Ctx) Next {
			if a := c.L(maAdvice); a == madvCold || a == madvPageout {
				return c.Fail(EINVAL)
			}
			return Then
		}},
		maNoPopulate: {Label: "known_populate", Says: "is the advice known? POPULATE is not", When: Without(MadvisePopulate), Local: true, Do: func(c *Ctx) Next {
			if populates(c.L(maAdvice)) {
				return c.Fail(EINVAL)
			}
			return Then
		}},
		maNoLocked: {Label: "known_locked", Says: "is the advice known? DONTNEED_LOCKED is not", When: Without(MadviseDontneedLocked), Local: true, Do: func(c *Ctx) Next {
			if c.L(maAdvice) == madvDontneedLocked {
				return c.Fail(EINVAL)
			}
			return Then
		}},
		maLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				return Then
			}},
		maWhich: {Label: "which", Says: "which advice?", Local: true, Calls: []FuncID{fnMadvisePopulate}, Do: func(c *Ctx) Next {
			if a := c.L(maAdvice); populates(a) {
				return c.Call(fnMadvisePopulate, maPopulated, c.L(maFirst), c.L(maLast), a)
			}
			return Then
		}},
		maVMA:   {Label: "vma", Says: "find the VMA", Ref: "find_vma_prev", Reads: cell.Of(machine.VMAs), Do: (*Ctx).adviseVMA},
		maDrain: {Label: "drain", Says: "empty this CPU's LRU batch", Ref: "lru_add_drain", Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next { return c.Call(fnLRUAddDrain, maGo) }},
		maGo: {Label: "go", Says: "what is advised", Local: true, Calls: []FuncID{fnMadviseFree, fnMadvisePageout}, Do: func(c *Ctx) Next {
			switch c.L(maAdvice) {
			case madvFree:
				return c.Call(fnMadviseFree, maFreed, c.L(maFirst), c.L(maLast))
			case madvCold, madvPageout:
				return c.Call(fnMadvisePageout, maUnlock, c.L(maFirst), c.L(maLast), c.L(maAdvice))
			}
			return Then
		}},
		maGather: {Label: "gather", Says: "announce a flush to come", Ref: "tlb_gather_mmu", Touches: cell.Of(machine.MMs), Calls: []FuncID{fnZapPTERange}, Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.MM), 1)
			return c.Call(fnZapPTERange, maFinish, c.L(maFirst), c.L(maLast))
		}},
		maFinish: {Label: "finish", Says: "flush and free", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnTLBFinishMMU}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBFinishMMU, maUnlock, c.L(maFirst), c.L(maLast), 0)
		}},
		maFreed: {Label: "freed", Says: "was FREE done?", Answer: "yes", When: Without(LazyfreeList), Local: true, Back: []int{maGather}, Do: func(c *Ctx) Next {
			if c.L(maAdvice) != madvFree || c.Ret() == 0 {
				return Then
			}
			c.Say("FREE was not done: there is no free swap. It is DONTNEED, then")
			for p := c.Page(maFirst); p <= c.Page(maLast); p++ {
				c.M.Excuse(p)
			}
			return maGather
		}},
		maPopulated: {Label: "populated", Says: "done", Local: true, Do: func(c *Ctx) Next {
			if populates(c.L(maAdvice)) {
				c.Set(maRet, c.Ret())
			}
			return Then
		}},
		maUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			return c.Return(c.L(maRet))
		}},
	},
})

const maFirst, maLast, maAdvice, maRet = 0, 1, 2, 3

const (
	maNoCold = iota
	maNoPopulate
	maNoLocked
	maLock
	maWhich
	maVMA
	maDrain
	maGo
	maGather
	maFinish
	maFreed
	maPopulated
	maUnlock
)

// populates reports whether an advice is madvise_populate()'s.
func populates(advice uint64) bool { return advice == madvPopulateRead || advice == madvPopulateWrite }

// adviseVMA looks whether the VMAs take the advice. Holes are passed over, and said in the end.
func (c *Ctx) adviseVMA() Next {
	advice, some, refused := c.L(maAdvice), false, false
	for p := c.Page(maFirst); p <= c.Page(maLast); p++ {
		vma := c.Load(c.M.VMA(p))
		switch {
		case vma == 0:
			c.Set(maRet, failed|ENOMEM)
			continue
		case vma&machine.VMPFNMap != 0, vma&machine.VMLocked != 0 && advice != madvDontneedLocked, vma&machine.VMHugetlb != 0 && (advice != madvDontneed && advice != madvDontneedLocked || !c.sim.dontneedHugetlb),
			advice == madvFree && c.M.Region(p).Kind != machine.RegionAnon:
			c.Say("the mapping does not take the advice: -EINVAL")
			c.Set(maRet, failed|EINVAL)
			return maUnlock
		}
		if advice == madvPageout && c.pageoutRefuses(p) {
			refused = true
			continue
		}
		some = true
		switch advice {
		case madvDontneed, madvDontneedLocked:
			c.M.Excuse(p)
		case madvFree:
			c.M.Lazyfree(p)
		}
	}
	switch {
	case some:
		return Then
	case refused:
		c.Say("the mapping is one of a file that the caller may not write to: nothing of it is taken")
	default:
		c.Say("there is no VMA: -ENOMEM")
	}
	return maUnlock
}

// madvise_free_pte_range over a range, in straight line, for every page table of it:
//
//	lock the PTL; flush_tlb_batched_pending()
//	swap entry: clear it, free_swap_and_cache(); newer: a poison entry: clear it
//	in the swap cache, or dirty: lock the folio, or let it be; shared: let it be; drop it
//	    from the swap cache; clean
//	the PTE, accessed or dirty: clear it; set it, neither accessed nor dirty; W stays
//	put the folio into this CPU's batch: when that is drained it is lazyfree, not backed by swap any more; see lru.go
//	unlock; flush
//
// The page may be discarded from then on unless it is written to again, which nobody
// but the dirty bit of the PTE tells; but reclaim discards only what is lazyfree. While the folio is in the
// batch, with a reference, it goes to swap as any other, and stays in the swap cache.
//
// Until 4.11 nothing marks the folio. Reclaim puts it into the swap cache as any other, without making it dirty, and
// discards what is clean then (try_to_unmap_one). So there has to be swap, or MADV_FREE is MADV_DONTNEED.
//
// 6.12 leaves accessed and dirty to clear_young_dirty_ptes(). That it, too, clears the PTE and sets it again, and changes it in place on arm64 alone,
// is read in source.
//
// compare mm/madvise.c:madvise_free_pte_range
var _ = register(fnMadviseFree, &Func{
	Notify: pages(mfPage, mfEnd),
	Name:   "madvise_free_pte_range", File: "mm/madvise.c", Params: []int{mfPage, mfEnd},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"folio", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"first", PageLocal}, {"flush", IntLocal}, {"split", IntLocal}, {"fullmm", IntLocal}},
	Steps: []Step{
		mfSwap: {Label: "free_swap", Says: "is there free swap?", Answer: "yes", Ref: "get_nr_swap_pages", When: Without(LazyfreeList), Reads: cell.Of(machine.Swap), Anywhere: cell.Of(machine.Swap), Do: func(c *Ctx) Next {
			for slot := range c.M.Slots {
				if c.Load(c.M.SwapMap(slot)) == 0 {
					return Then
				}
			}
			c.Say("there is no free swap")
			return c.Return(1)
		}},
		mfBegin: {Label: "gather", Says: "announce a flush to come", Ref: "tlb_gather_mmu", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Set(mfFirst, c.L(mfPage))
			c.Add(c.M.FlushPending(c.mmOf(mfFirst)), 1)
			return Then
		}},
		mfPMD: {Label: "read_pmd", Says: "read the PMD", Reads: cell.Of(machine.PMDs), Back: []int{mfPMD}, Do: func(c *Ctx) Next {
			switch pmd := machine.Entry(c.Keep(mfTable, c.M.PMD(c.Page(mfPage)))); {
			case !pmd.Present():
				return c.nextTable(mfPage, mfEnd, mfPMD, mfNested)
			case pmd.Has(machine.PSE):
				return mfHugeLock
			}
			c.Set(mfSplit, 0)
			return Then
		}},
		mfLock:      lockPTLStep("lock", "lock the PTL", mfTable),
		mfBatched:   batchedStep(mfPage, mfUnbatched, mfRead),
		mfUnbatched: batchedDoneStep(mfPage),
		mfRead:      {Label: "read_pte", Says: "read the PTE", Ref: "ptep_get", Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.VMAs, machine.Flags, machine.Mappings), Calls: []FuncID{fnFreeSwapAndCache}, Back: []int{mfRead}, Do: (*Ctx).freeRead},
		mfClean: {Label: "clean", Says: "try the folio lock; drop it from the swap cache, make it clean", Ref: "folio_clear_dirty", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			f := c.Frame(mfPTE)
			if !c.Free(c.M.FolioLock(f)).Ready() || c.Load(c.M.Mapcount(f)) != 1 {
				c.Say("it is locked, or others map it: let it be")
				return mfNext
			}
			if c.Load(c.M.Flags(f))&machine.PGSwapCache != 0 && !c.freeSwap(f) {
				c.Say("it cannot leave the swap cache: let it be")
				return mfNext
			}
			c.AndNot(c.M.Flags(f), machine.PGDirty)
			return Then
		}},
		mfPTEClear: {Label: "clear_pte", Says: "accessed or dirty: clear the PTE", Ref: "ptep_get_and_clear", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			if machine.Entry(c.Load(c.PTE(c.Frame(mfTable), c.Page(mfPage))))&(machine.Accessed|machine.Dirty) == 0 {
				c.Say("the PTE is neither accessed nor dirty")
				return mfLazy
			}
			old := c.ClearPTE(c.Frame(mfTable), c.Page(mfPage))
			c.Set(mfPTE, uint64(old))
			c.Hold(mfFolio, old.Frame(), 1)
			c.Set(mfFlushed, 1)
			return Then
		}},
		mfPTEClean: {Label: "clean_pte", Says: "set it again: neither accessed nor dirty", Ref: "clear_young_dirty_ptes", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			c.Release(mfFolio)
			c.SetPTE(c.Frame(mfTable), c.Page(mfPage), c.Entry(mfPTE)&^(machine.Accessed|machine.Dirty))
			return Then
		}},
		mfLazy: {Label: "lazyfree", Says: "put it into this CPU's batch of lazyfree folios", Ref: "folio_mark_lazyfree", When: With(LazyfreeList), Touches: batchTouches, Do: func(c *Ctx) Next {
			c.markLazyfree(c.Frame(mfPTE))
			return Then
		}},
		mfNext: {Label: "next", Says: "the next PTE", Local: true, Back: []int{mfRead}, Do: func(c *Ctx) Next {
			c.Set(mfPTE, 0)
			if p := c.Page(mfPage); p == c.Page(mfEnd) || p+1 == c.M.HugeEnd(p) {
				return Then
			}
			c.Set(mfPage, c.L(mfPage)+1)
			return mfRead
		}},
		mfUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Back: []int{mfPMD}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(mfTable)))
			return c.nextTable(mfPage, mfEnd, mfPMD, mfNested)
		}},
		mfNested: nestedStep(mfFirst, mfAll),
		mfFlush: {Label: "flush", Says: "was anything changed?", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			if c.L(mfAll) != 0 {
				return c.flushAll(mfFirst, mfDone)
			}
			if c.L(mfFlushed) == 0 {
				return Then
			}
			return c.Call(fnFlushTLBMMRange, mfDone, uint64(c.mmOf(mfFirst)), c.L(mfFirst), c.L(mfEnd), 0)
		}},
		mfDone: {Label: "done", Says: "the flush is over: what is stored from now on is kept", Ref: "dec_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.mmOf(mfFirst)), -1)
			for p := c.Page(mfFirst); p <= c.Page(mfEnd); p++ {
				c.M.Discarded(p)
			}
			return Return
		}},
		mfHugeLock:       freeHugeLock,
		mfHugeInvalidate: freeHugeInvalidate,
		mfHugeLazy:       freeHugeLazy,
		mfHugeSplit:      freeHugeSplit,
		mfHugePut:        freeHugePut,
		mfLarge:          freeLargeBatch,
		mfLargeOld:       freeLarge,
		mfLargeSplit:     freeLargeSplit,
		mfLargePut:       freeLargePut,
		mfRelock:         freeRelock,
		mfUnit:           freeUnit,
		mfUnitPTEs:       freeUnitPTEs,
		mfPoison:         freePoison,
		mfPoisonStays:    freePoisonStays,
	},
})

const mfTable, mfPTE, mfFolio, mfPage, mfEnd, mfFirst, mfFlushed, mfSplit, mfAll = 0, 1, 2, 3, 4, 5, 6, 7, 8

const (
	mfSwap = iota
	mfBegin
	mfPMD
	mfLock
	mfBatched
	mfUnbatched
	mfRead
	mfClean
	mfPTEClear
	mfPTEClean
	mfLazy
	mfNext
	mfUnlock
	mfNested
	mfFlush
	mfDone
	mfHugeLock
	mfHugeInvalidate
	mfHugeLazy
	mfHugeSplit
	mfHugePut
	mfLarge
	mfLargeOld
	mfLargeSplit
	mfLargePut
	mfRelock
	mfUnit
	mfUnitPTEs
	mfPoison
	mfPoisonStays
)

// freeRead looks at one PTE and its folio.
func (c *Ctx) freeRead() Next {
	p, table := c.Page(mfPage), c.Frame(mfTable)
	e := machine.Entry(c.Keep(mfPTE, c.PTE(table, p)))
	switch {
	case c.Load(c.M.VMA(p)) == 0, e.None():
		c.Say("the PTE is none")
		return mfNext
	case e.IsSwap():
		c.Say("it is in swap: give the slot back")
		c.ClearPTE(table, p)
		c.M.ExcusePins(p)
		return c.freeSwapAndCache(mfNext, e)
	case e.IsPoison():
		c.Say(failedThere)
		return mfPoison
	case !e.Present() || e.Frame() == machine.ZeroPage || !c.isAnon(e.Frame()):
		return mfNext
	}
	if c.M.IsLarge(e.Frame()) {
		return mfLarge
	}
	if c.Load(c.M.Flags(e.Frame()))&(machine.PGSwapCache|machine.PGDirty) != 0 {
		return mfClean
	}
	return mfPTEClear
}
