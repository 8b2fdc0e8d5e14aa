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
)

var madvWords = []string{"MADV_DONTNEED", "MADV_FREE", "MADV_COLD", "MADV_PAGEOUT", "MADV_POPULATE_READ", "MADV_POPULATE_WRITE", "MADV_COLLAPSE", "MADV_MERGEABLE", "MADV_UNMERGEABLE"}

// madvise, in straight line:
//
//	POPULATE: fault every page in, under mmap_lock; done
//	mmap_read_lock(); a hole: go on, and return -ENOMEM
//	lru_add_drain()
//	DONTNEED: tlb_gather_mmu(); zap_pte_range(); tlb_finish_mmu()
//	FREE: madvise_free_pte_range()
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
		maNoFree: {Label: "known_free", Says: "is the advice known? FREE is not", When: Without(MadviseFree), Local: true, Do: func(c *Ctx) Next {
			if c.L(maAdvice) == madvFree {
				return c.Fail(EINVAL)
			}
			return Then
		}},
		maNoCold: {Label: "known_cold", Says: "is the advice known? COLD and PAGEOUT are not", When: Without(MadviseCold), Local: true, Do: func(c *Ctx) Next {
			if a := c.L(maAdvice); a == madvCold || a == madvPageout {
				return c.Fail(EINVAL)
			}
			return Then
		}},
		maNoPopulate: {Label: "known_populate", Says: "is the advice known? POPULATE is not", When: Without(MadvisePopulate), Local: true, Do: func(c *Ctx) Next {
			if c.L(maAdvice) >= madvPopulateRead {
				return c.Fail(EINVAL)
			}
			return Then
		}},
		maWhich: {Label: "which", Says: "which advice?", Local: true, Calls: []FuncID{fnMadvisePopulate}, Do: func(c *Ctx) Next {
			if a := c.L(maAdvice); a >= madvPopulateRead {
				return c.Call(fnMadvisePopulate, maPopulated, c.L(maFirst), c.L(maLast), a)
			}
			return Then
		}},
		maLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				return Then
			}},
		maVMA:   {Label: "vma", Says: "find the VMA", Ref: "find_vma_prev", Reads: cell.Of(machine.VMAs), Do: (*Ctx).adviseVMA},
		maDrain: {Label: "drain", Says: "empty this CPU's LRU batch", Ref: "lru_add_drain", Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next { return c.Call(fnLRUAddDrain, maGo) }},
		maGo: {Label: "go", Says: "what is advised", Local: true, Calls: []FuncID{fnMadviseFree, fnMadvisePageout}, Do: func(c *Ctx) Next {
			switch c.L(maAdvice) {
			case madvFree:
				return c.Call(fnMadviseFree, maUnlock, c.L(maFirst), c.L(maLast))
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
		maUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			return c.Return(c.L(maRet))
		}},
		maPopulated: {Label: "populated", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
	},
})

const maFirst, maLast, maAdvice, maRet = 0, 1, 2, 3

const (
	maNoFree = iota
	maNoCold
	maNoPopulate
	maWhich
	maLock
	maVMA
	maDrain
	maGo
	maGather
	maFinish
	maUnlock
	maPopulated
)

// adviseVMA looks whether the VMAs take the advice. Holes are passed over, and said in the end.
func (c *Ctx) adviseVMA() Next {
	advice, some := c.L(maAdvice), false
	for p := c.Page(maFirst); p <= c.Page(maLast); p++ {
		vma := c.Load(c.M.VMA(p))
		switch {
		case vma == 0:
			c.Set(maRet, failed|ENOMEM)
			continue
		case vma&machine.VMLocked != 0, vma&machine.VMHugetlb != 0 && (advice != madvDontneed || !c.sim.dontneedHugetlb),
			advice == madvFree && c.M.Region(p).Kind != machine.RegionAnon:
			c.Say("the mapping does not take the advice: -EINVAL")
			c.Set(maRet, failed|EINVAL)
			return maUnlock
		}
		some = true
		switch advice {
		case madvDontneed:
			c.M.Excuse(p)
		case madvFree:
			c.M.Discarding(p)
		}
	}
	if !some {
		c.Say("there is no VMA: -ENOMEM")
		return maUnlock
	}
	return Then
}

// madvise_free_pte_range over a range, in straight line, for every page table of it:
//
//	lock the PTL; flush_tlb_batched_pending()
//	swap entry: clear it, free_swap_and_cache()
//	in the swap cache, or dirty: lock the folio, or let it be; shared: let it be; drop it
//	    from the swap cache; clean
//	the PTE: neither accessed nor dirty; W stays
//	the folio is lazyfree: not backed by swap any more
//	unlock; flush
//
// The page may be discarded from then on unless it is written to again, which nobody
// but the dirty bit of the PTE tells. (The kernel keeps the folio in a batch of the CPU first, with a
// reference; here it is lazyfree at once.)
//
// compare mm/madvise.c:madvise_free_pte_range
var _ = register(fnMadviseFree, &Func{
	Name: "madvise_free_pte_range", File: "mm/madvise.c", Params: []int{mfPage, mfEnd},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"folio", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"first", PageLocal}, {"flush", IntLocal}, {"split", IntLocal}},
	Steps: []Step{
		mfBegin: {Label: "begin", Says: "from the first page on", Local: true, Do: func(c *Ctx) Next {
			c.Set(mfFirst, c.L(mfPage))
			return Then
		}},
		mfPMD: {Label: "read_pmd", Says: "read the PMD", Reads: cell.Of(machine.PMDs), Back: []int{mfPMD}, Do: func(c *Ctx) Next {
			switch pmd := machine.Entry(c.Keep(mfTable, c.M.PMD(c.Page(mfPage)))); {
			case !pmd.Present():
				return c.nextTable(mfPage, mfEnd, mfPMD, mfFlush)
			case pmd.Has(machine.PSE):
				return mfHugeLock
			}
			c.Set(mfSplit, 0)
			return Then
		}},
		mfLock: {Label: "lock", Says: "lock the PTL", Ref: "pte_offset_map_lock", Touches: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(mfTable))) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.PTL(c.Frame(mfTable)))
				return Then
			}},
		mfRead: {Label: "read_pte", Says: "read the PTE", Ref: "ptep_get", Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.VMAs, machine.Flags, machine.Mappings), Calls: []FuncID{fnFreeSwapAndCache}, Back: []int{mfRead}, Do: (*Ctx).freeRead},
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
		mfPTEClean: {Label: "clean_pte", Says: "the PTE: neither accessed nor dirty", Ref: "clear_young_dirty_ptes", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			p := c.Page(mfPage)
			e := machine.Entry(c.Load(c.PTE(c.Frame(mfTable), p)))
			if e&(machine.Accessed|machine.Dirty) != 0 {
				c.SetPTE(c.Frame(mfTable), p, e&^(machine.Accessed|machine.Dirty))
				c.Set(mfFlushed, 1)
			}
			return Then
		}},
		mfLazy: {Label: "lazyfree", Says: "it is lazyfree: not backed by swap any more", Ref: "folio_mark_lazyfree", Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
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
			return c.nextTable(mfPage, mfEnd, mfPMD, mfFlush)
		}},
		mfFlush: {Label: "flush", Says: "was anything changed?", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			if c.L(mfFlushed) == 0 {
				return Then
			}
			return c.Call(fnFlushTLBMMRange, mfDone, uint64(c.mmOf(mfFirst)), c.L(mfFirst), c.L(mfEnd), 0)
		}},
		mfDone: {Label: "done", Says: "what is stored from now on is kept", Local: true, Do: func(c *Ctx) Next {
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
	},
})

const mfTable, mfPTE, mfFolio, mfPage, mfEnd, mfFirst, mfFlushed, mfSplit = 0, 1, 2, 3, 4, 5, 6, 7

const (
	mfBegin = iota
	mfPMD
	mfLock
	mfRead
	mfClean
	mfPTEClean
	mfLazy
	mfNext
	mfUnlock
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
		return c.freeSwapAndCache(mfNext, e)
	case !e.Present() || e.Frame() == machine.ZeroPage || !c.isAnon(e.Frame()):
		return mfNext
	}
	if c.M.IsLarge(e.Frame()) {
		return mfLarge
	}
	if c.Load(c.M.Flags(e.Frame()))&(machine.PGSwapCache|machine.PGDirty) != 0 {
		return mfClean
	}
	return mfPTEClean
}

// nextTable goes on with the next page table of a range: page and last are the locals with the address
// and the range's last page.
func (c *Ctx) nextTable(page, last, again, done int) Next {
	next := c.M.HugeEnd(c.Page(page))
	if next > c.Page(last) {
		return Next(done)
	}
	c.Set(page, uint64(next))
	return Next(again)
}

// madvise_cold_or_pageout_pte_range over a range, in straight line, for every page table of it:
//
//	lock the PTL
//	every page that is on the LRU list and mapped once: not accessed any more; PAGEOUT: isolate it
//	unlock
//	PAGEOUT: one pass of shrink_folio_list() over what was isolated
//
// What COLD does beyond that, deactivating, nobody here looks at.
//
// compare mm/madvise.c:madvise_cold_or_pageout_pte_range, mm/vmscan.c:reclaim_pages
var _ = register(fnMadvisePageout, &Func{
	Name: "madvise_cold_or_pageout_pte_range", File: "mm/madvise.c", Params: []int{mpoPage, mpoEnd, mpoAdvice},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"folio", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"advice", IntLocal}, {"i", IntLocal}, {"split", IntLocal}},
	Steps: []Step{
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
		mpoLock: {Label: "lock", Says: "lock the PTL", Ref: "pte_offset_map_lock", Touches: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(mpoTable))) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.PTL(c.Frame(mpoTable)))
				return Then
			}},
		mpoTake: {Label: "isolate", Says: "take the page off the LRU list, if it is mapped once", Ref: "folio_isolate_lru", Touches: cell.Of(machine.PTEs, machine.Flags, machine.Refs), Reads: cell.Of(machine.Mapcounts, machine.VMAs), Back: []int{mpoTake}, Do: (*Ctx).pageoutTake},
		mpoNext: {Label: "next", Says: "the next PTE", When: Large, Local: true, Back: []int{mpoTake}, Do: func(c *Ctx) Next {
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
				return Return
			}
			h := machine.Hold(c.M.Load(c.M.Gathered(c.Task, int(i))))
			c.M.SetGathered(c.Task, int(i), 0)
			c.Set(mpoIndex, i+1)
			next := c.Call(fnShrinkFolioList, mpoShrink, c.L(mpoPage))
			c.M.SetHold(c.M.Local(c.Task, c.level+1, slFolio), h)
			c.M.Goto(c.Task, slTrylock)
			return next
		}},
		mpoHugeLock:   pageoutHugeLock,
		mpoHugeFolio:  pageoutHugeFolio,
		mpoHugeSplit:  pageoutHugeSplit,
		mpoHugePut:    pageoutHugePut,
		mpoLarge:      pageoutLargeBatch,
		mpoLargeOld:   pageoutLarge,
		mpoLargeSplit: pageoutLargeSplit,
		mpoLargePut:   pageoutLargePut,
		mpoRelock:     pageoutRelock,
	},
})

const mpoTable, mpoPTE, mpoFolio, mpoPage, mpoEnd, mpoAdvice, mpoIndex, mpoSplit = 0, 1, 2, 3, 4, 5, 6, 7

const (
	mpoPMD = iota
	mpoLock
	mpoTake
	mpoNext
	mpoUnlock
	mpoShrink
	mpoHugeLock
	mpoHugeFolio
	mpoHugeSplit
	mpoHugePut
	mpoLarge
	mpoLargeOld
	mpoLargeSplit
	mpoLargePut
	mpoRelock
)

// pageoutTake looks at one PTE, and isolates its folio for PAGEOUT.
func (c *Ctx) pageoutTake() Next {
	p, table := c.Page(mpoPage), c.Frame(mpoTable)
	e := machine.Entry(c.Load(c.PTE(table, p)))
	next := Next(mpoUnlock)
	if p != c.Page(mpoEnd) && p+1 != c.M.HugeEnd(p) {
		c.Set(mpoPage, uint64(p+1))
		next = mpoTake
	}
	if c.Load(c.M.VMA(p)) == 0 || !e.Present() || e.Frame() == machine.ZeroPage {
		c.Say("no page is mapped there")
		return next
	}
	if c.M.IsLarge(e.Frame()) {
		c.Set(mpoPage, uint64(p))
		c.Set(mpoPTE, uint64(e))
		return mpoLarge
	}
	f := e.Frame()
	if c.Load(c.M.Flags(f))&machine.PGLRU == 0 || c.Load(c.M.Mapcount(f)) != 1 {
		c.Say("it is not on the LRU list, or others map it: let it be")
		return next
	}
	if e.Has(machine.Accessed) {
		c.SetPTE(table, p, e&^machine.Accessed)
	}
	c.AndNot(c.M.Flags(f), machine.PGReferenced)
	if c.L(mpoAdvice) == madvPageout {
		c.AndNot(c.M.Flags(f), machine.PGLRU)
		c.Get(f, 1)
		c.M.Gather(c.Task, machine.MakeHold(f, 1))
	}
	return next
}

// madvise_populate, in straight line:
//
//	every page: no VMA: -ENOMEM; check_vma_flags(): -EINVAL
//	fault it in, for reading or for writing, as a slow GUP does that wants no page; failed: -EFAULT
//	lru_add_drain()
//
// compare mm/madvise.c:madvise_populate, mm/gup.c:faultin_page_range
var _ = register(fnMadvisePopulate, &Func{
	Name: "madvise_populate", File: "mm/madvise.c", Params: []int{ppPage, ppEnd, ppAdvice},
	Locals: []Local{{"address", PageLocal}, {"end", PageLocal}, {"advice", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		ppVMA: {Label: "vma", Says: "is there a VMA, and may it be used so?", Answer: "yes", Ref: "check_vma_flags", Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			flags := c.populateFlags()
			if c.Load(c.M.VMA(c.Page(ppPage))) == 0 {
				c.Say("there is no VMA: -ENOMEM")
				c.Set(ppRet, failed|ENOMEM)
				return ppDrain
			}
			if c.checkVMA(c.Page(ppPage), flags) != 0 {
				c.Say("it may not be used so: -EINVAL")
				c.Set(ppRet, failed|EINVAL)
				return ppDrain
			}
			return c.Call(fnGetUserPagesLocked, ppGot, c.L(ppPage), flags)
		}},
		ppGot: {Label: "got", Says: "faulted in?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
				c.Set(ppRet, ret)
				return ppDrain
			}
			return Then
		}},
		ppPut: {Label: "put", Says: "the page is there: it is not kept", Ref: "faultin_page_range", Touches: cell.Of(machine.Refs), Back: []int{ppVMA}, Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
			c.M.SetHeld(c.Task, 0)
			back := ppDrain
			if c.L(ppPage) != c.L(ppEnd) {
				c.Set(ppPage, c.L(ppPage)+1)
				back = ppVMA
			}
			if h.Count() == 0 {
				return Next(back)
			}
			return c.putFree(h.Frame(), h.Count(), back)
		}},
		ppDrain: {Label: "drain", Says: "empty this CPU's LRU batch", Ref: "lru_add_drain", Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next { return c.Call(fnLRUAddDrain, ppDone) }},
		ppDone:  {Label: "done", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(ppRet)) }},
	},
})

const ppPage, ppEnd, ppAdvice, ppRet = 0, 1, 2, 3

const (
	ppVMA = iota
	ppGot
	ppPut
	ppDrain
	ppDone
)

func (c *Ctx) populateFlags() uint64 {
	flags := FollGet | FollTouch
	if c.L(ppAdvice) == madvPopulateWrite {
		flags |= FollWrite
	}
	return uint64(flags)
}
