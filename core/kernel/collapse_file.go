package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// hpage_collapse_scan_file, of a huge page's worth of a file, in straight line:
//
//	every page of it that the page cache has: of a large folio: stop; from 6.1 on: PTEs may map it
//	    not on the LRU list, or references that mappings and the page cache do not explain: stop
//	collapse_file()
//
// compare mm/khugepaged.c:hpage_collapse_scan_file
var _ = register(fnCollapseScanFile, &Func{Large: true,
	Name: "hpage_collapse_scan_file", Was: []Name{{"khugepaged_scan_shmem", 504}, {"khugepaged_scan_file", 600}}, File: "mm/khugepaged.c", Params: []int{0, 1, 2},
	Locals: []Local{{"start", PgoffLocal}, {"address", PageLocal}, {"enforced", IntLocal}},
	Steps: []Step{
		csScan: {Label: "scan", Says: "look at what the page cache has", Counts: true, Ref: "hpage_collapse_scan_file", When: FileTHP, Reads: cell.Of(machine.PageCache, machine.Flags, machine.Refs, machine.Mapcounts), Calls: []FuncID{fnCollapseFile}, Do: func(c *Ctx) Next {
			for i := range c.M.HugePages {
				switch f, ok := machine.Cached(c.Load(c.M.CacheSlot(c.Pgoff(0) + machine.Pgoff(i)))); {
				case !ok:
				case c.M.IsLarge(f):
					c.Say("it has a large folio already")
					return csMapped
				case c.Load(c.M.Flags(f))&machine.PGLRU == 0:
					c.Sayf("somebody else uses frame %d: not now", f)
					return c.Return(scanAgain)
				case c.Load(c.M.Ref(f)) != 1+c.Load(c.M.Mapcount(f)):
					c.Sayf("somebody else has a reference on frame %d: not now", f)
					return c.Return(c.scanCount())
				}
			}
			return c.Call(fnCollapseFile, csDone, c.L(0), c.L(1), c.L(2))
		}},
		csDone:    {Label: "done", Says: "return what came of it", When: FileTHP, Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
		csMapped:  {Label: "mapped", Says: "PTEs may map it", Ref: "SCAN_PTE_MAPPED_HUGEPAGE", When: With(KhpFilePTEMapped).AndKhpPasses(), Local: true, Do: func(c *Ctx) Next { return c.Return(scanPTEMapped) }},
		csAlready: {Label: "already", Says: "there is nothing to do", When: KhpPasses, Local: true, Do: func(c *Ctx) Next { return c.Return(scanSucceed) }},
	},
})

const (
	csScan = iota
	csDone
	csMapped
	csAlready
)

// collapse_file, in straight line:
//
//	huge = alloc_charge_folio(), locked, of the file
//	every page of the range, under the page cache's lock:
//	    in swap: get it back, locked; lru_add_drain()
//	    a hole: next; nothing but holes: it was truncated, give up. Of a large folio, or its lock is taken: give up
//	    take a reference; off the LRU list; is it on none: give up
//	    try_to_unmap(), flushes are put off; older kernels: unmap_mapping_pages(), which flushes
//	    references other than ours, the LRU list's and the page cache's: flush what was put off, give up
//	    older kernels: freeze them at zero; huge takes the page's place
//	try_to_unmap_flush()                          // before anything is copied
//	copy every page; a hole: zeros
//	a hole is none any more: give up
//	huge takes their places; uptodate, dirty, on the LRU list
//	retract_page_tables()
//	unlock huge; every old page: its mapping is NULL; unlock it, drop all references
//	give up: every old page back on the LRU list, unlocked, put; older kernels: it takes its place again; free huge
//
// The pages are locked from the look at their references on: who finds one in the page cache waits for the lock, and then sees that it is not the
// file's any more. GUP-fast takes its reference without a lock. Either it is seen, or GUP-fast sees that the PTE is gone:
//
//	CPU0 (GUP-fast)                CPU1 (khugepaged)
//	read the PTE
//	                               clear the PTE
//	take a reference               references as expected?
//	PTE still the same? No: put it
//
// A store through a TLB does neither. So the flush comes before the copy:
//
//	CPU0 (store)                   CPU1 (khugepaged)
//	                               clear the PTE; the flush is put off
//	                               copy the page
//	store by the TLB's entry
//	                               huge takes its place: the store is lost
//
// A page that is used by somebody, and given up, should not be unlocked and back on the LRU list before the flush. Whoever uses it may move it then, and he
// finds it mapped nowhere: nothing to flush. But that is how kernels do it since they put flushes off (5.18 to 6.12, read in source): the flush
// comes after the last page, whether it was got or given up. So this is open there; flushing first, khp_file_give_up's other value, would close it:
//
//	CPU0 (store)          CPU1 (khugepaged)                  CPU2 (kcompactd)
//	                                                         take a reference
//	                      clear the PTE; the flush is put off
//	                      somebody uses it: put it back
//	                                                         isolate it; copy it, free it
//	store by the TLB's entry: to a page that is free
//	                      flush
//
// Pages of shmem alone are collapsed here. (Until 6.3 the references of huge that belong to the page cache are taken
// last, and each old page goes as soon as it is copied. Nobody can tell: huge is locked.)
//
// compare mm/khugepaged.c:collapse_file, collapse_shmem (4.8)
var _ = register(fnCollapseFile, &Func{Large: true,
	Name: "collapse_file", Was: []Name{{"collapse_shmem", 504}}, File: "mm/khugepaged.c", Params: []int{cfStart, cfTarget, cfEnforced},
	Locals: []Local{{"folio", HoldLocal}, {"new_folio", HoldLocal}, {"start", PgoffLocal}, {"index", IntLocal}, {"holes", IntLocal}, {"address", PageLocal}, {"result", IntLocal}, {"target_addr", PageLocal}, {"enforced", IntLocal}},
	Steps: []Step{
		cfAlloc: {Label: "alloc", Says: "take a free block", Ref: "alloc_charge_folio", When: FileTHP, Touches: allocTouches | cell.Of(machine.Compounds, machine.FolioLocks, machine.Mappings), Choose: blockOffers, Do: (*Ctx).collapseFileAlloc},
		cfFind: {Label: "find", Says: "the next page of the page cache: trylock it, take a reference", Ref: "folio_trylock", When: If(KhpFileCount, KhpFileCountFreeze).AndFileTHP(), Touches: cell.Of(machine.FolioLocks, machine.Refs, machine.PageCache), Do: func(c *Ctx) Next {
			return c.collapseFileFind(c.collapseFileSlot)
		}},
		cfFindOnly: {Label: "find", Says: "the next page of the page cache: trylock it, take a reference", Ref: "folio_trylock", When: If(KhpFileCount, KhpFileCountNone, KhpFileCountBefore, KhpFileCountCheck).AndFileTHP(), Touches: cell.Of(machine.FolioLocks, machine.Refs), Reads: cell.Of(machine.PageCache), Do: func(c *Ctx) Next {
			return c.collapseFileFind(func(machine.Pgoff) {})
		}},
		cfSwapIn: {Label: "swap_in", Says: "it is in swap: get it back", Ref: "shmem_get_folio", When: FileTHP, Local: true, Calls: []FuncID{fnShmemGetFolio}, Do: func(c *Ctx) Next {
			return c.Call(fnShmemGetFolio, cfSwappedIn, uint64(c.collapsing()), sgpRead)
		}},
		cfSwappedIn: {Label: "swapped_in", Says: "it is back, and locked: empty this CPU's LRU batches", Ref: "lru_add_drain", When: FileTHP, Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next {
			if !c.Held(cfFolio).Some() {
				c.Set(cfResult, scanInvalid)
				return cfFlush
			}
			return c.Call(fnLRUAddDrain, cfIsolate)
		}},
		cfIsolate: {Label: "isolate", Says: "take it off the LRU list", Ref: "folio_isolate_lru", When: FileTHP, Touches: cell.Of(machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
			f := c.Held(cfFolio).Frame()
			if c.Load(c.M.Flags(f))&machine.PGLRU == 0 {
				c.Say("it is not on the LRU list: give up")
				return cfGiveUp
			}
			c.AndNot(c.M.Flags(f), machine.PGLRU)
			c.Get(f, 1)
			c.Hold(cfFolio, f, 2)
			return Then
		}},
		cfCountEarly: {Label: "count_early", Says: "are the references as expected, so far?", Answer: "yes", Counts: true, Ref: "folio_ref_count", When: If(KhpFileCount, KhpFileCountBefore).AndFileTHP(), Reads: cell.Of(machine.Refs, machine.Mapcounts), Do: func(c *Ctx) Next {
			f := c.Held(cfFolio).Frame()
			if c.Load(c.M.Ref(f)) != 3+c.Load(c.M.Mapcount(f)) {
				return c.collapseFileUsed()
			}
			return Then
		}},
		cfUnmap: {Label: "unmap", Says: "is it mapped?", Answer: "yes", Ref: "unmap_mapping_pages", When: Without(KhpFileUnmapBatch).AndFileTHP(), Reads: cell.Of(machine.Mapcounts), Calls: []FuncID{fnUnmapMappingRange}, Do: func(c *Ctx) Next {
			if c.Load(c.M.Mapcount(c.Held(cfFolio).Frame())) == 0 {
				c.Say("it is not mapped")
				return cfFreeze
			}
			o := uint64(c.collapsing())
			return c.Call(fnUnmapMappingRange, cfFreeze, o, o, 0)
		}},
		cfRmapLock: batchedUnmap(rmapLockStep(cfFolio)),
		cfMapped: {Label: "mapped", Says: "is it mapped?", Answer: "yes", Ref: "folio_mapped", When: With(KhpFileUnmapBatch).AndFileTHP(), Reads: cell.Of(machine.Mapcounts, machine.Mappings, machine.VMAs), Calls: []FuncID{fnTryToUnmapOne}, Do: func(c *Ctx) Next {
			return c.collapseFileUnmap(machine.NoPage)
		}},
		cfUnmapped: {Label: "unmapped", Says: "is it mapped elsewhere?", Answer: "yes", Ref: "folio_mapped", When: With(KhpFileUnmapBatch).AndFileTHP(), Reads: cell.Of(machine.Mapcounts, machine.Mappings, machine.VMAs), Calls: []FuncID{fnTryToUnmapOne}, Back: []int{cfUnmapped}, Do: func(c *Ctx) Next {
			return c.collapseFileUnmap(c.Page(cfAt))
		}},
		cfRmapUnlock: batchedUnmap(rmapUnlockStep(cfFolio, Then)),
		cfFreeze: {Label: "freeze", Says: "are the references as expected? Freeze them at zero; the huge page takes its place", Counts: true, Ref: "page_ref_freeze", When: If(KhpFileCount, KhpFileCountFreeze).AndFileTHP(), Touches: cell.Of(machine.Refs, machine.PageCache), Back: []int{cfFind}, Do: func(c *Ctx) Next {
			f, o := c.Held(cfFolio).Frame(), c.collapsing()
			if c.Load(c.M.Ref(f)) != 3 {
				return c.collapseFileUsed()
			}
			c.Store(c.M.Ref(f), 0)
			c.collapseFileSlot(o)
			return c.collapseFileListed(f, 0)
		}},
		cfCount: {Label: "count", Says: "are the references as expected?", Answer: "yes", Counts: true, Ref: "folio_ref_count", When: If(KhpFileCount, KhpFileCountCheck).AndFileTHP(), Touches: cell.Of(machine.PageCache), Reads: cell.Of(machine.Refs), Back: []int{cfFind}, Do: func(c *Ctx) Next {
			f := c.Held(cfFolio).Frame()
			if c.Load(c.M.Ref(f)) != 3 {
				return c.collapseFileUsed()
			}
			return c.collapseFileListed(f, 2)
		}},
		cfBlind: {Label: "list", Says: "collapse it, whoever has references", When: If(KhpFileCount, KhpFileCountNone, KhpFileCountBefore).AndFileTHP(), Touches: cell.Of(machine.PageCache), Back: []int{cfFind}, Do: func(c *Ctx) Next {
			return c.collapseFileListed(c.Held(cfFolio).Frame(), 2)
		}},
		cfFlushUsed: {Label: "flush_used", Says: "flush what was put off, before anybody else may have it", Ref: "try_to_unmap_flush", When: With(KhpFileGiveUp).AndFileTHP(), Local: true, Calls: []FuncID{fnTryToUnmapFlush}, Do: func(c *Ctx) Next {
			return c.Call(fnTryToUnmapFlush, cfGiveUp)
		}},
		cfGiveUp: {Label: "putback", Says: "put it back on the LRU list, unlock it, put it", Ref: "folio_putback_lru", When: FileTHP, Touches: cell.Of(machine.Flags, machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			if c.L(cfResult) == scanSucceed {
				c.Set(cfResult, scanAgain)
			}
			h := c.Held(cfFolio)
			if h.Count() > 1 { // isolated
				c.Or(c.M.Flags(h.Frame()), machine.PGLRU)
			}
			c.Release(cfFolio)
			c.Unlock(c.M.FolioLock(h.Frame()))
			return c.putFree(h.Frame(), h.Count(), cfFlush)
		}},
		cfFlush: {Label: "flush", Says: "flush what was put off, before anything is copied", Ref: "try_to_unmap_flush", When: With(KhpFileFlush).AndFileTHP(), Local: true, Calls: []FuncID{fnTryToUnmapFlush}, Do: func(c *Ctx) Next {
			return c.Call(fnTryToUnmapFlush, cfCollected)
		}},
		cfCollected: {Label: "collected", Says: "has it all pages?", When: FileTHP, Local: true, Do: func(c *Ctx) Next {
			c.Set(cfIndex, 0)
			if c.L(cfResult) != scanSucceed {
				return cfRollback
			}
			return Then
		}},
		cfCopy: {Label: "copy", Says: "copy the next page", Ref: "copy_mc_highpage", When: FileTHP, Touches: cell.Of(machine.Contents), Reads: cell.Of(machine.PageCache), Back: []int{cfCopy}, Do: (*Ctx).collapseFileCopy},
		cfStore: {Label: "store", Says: "the huge page takes the places of all", Ref: "xas_store", When: If(KhpFileCount, KhpFileCountNone, KhpFileCountBefore, KhpFileCountCheck).AndFileTHP(), Touches: cell.Of(machine.PageCache, machine.Refs), Do: func(c *Ctx) Next {
			for i := range c.M.HugePages {
				if o := c.Pgoff(cfStart) + machine.Pgoff(i); c.L(cfHoles) != 0 && c.Load(c.M.Collapsing(o)) == 0 && c.Load(c.M.CacheSlot(o)) != 0 {
					c.Say("a hole was filled meanwhile: give up")
					c.Set(cfResult, scanAgain)
					return cfRollback
				}
			}
			for i := range c.M.HugePages {
				o := c.Pgoff(cfStart) + machine.Pgoff(i)
				if h := machine.Hold(c.Load(c.M.Collapsing(o))); h.Some() {
					c.M.SetCollapsing(o, machine.MakeHold(h.Frame(), h.Count()+1)) // the page cache's reference is ours to drop
				}
				c.collapseFileSlot(o)
			}
			return Then
		}},
		cfUptodate: {Label: "uptodate", Says: "it is uptodate, dirty, and on the LRU list", Ref: "folio_mark_uptodate", When: FileTHP, Touches: cell.Of(machine.Flags, machine.Refs), Calls: []FuncID{fnRetractPageTables}, Do: func(c *Ctx) Next {
			f := c.Held(cfHuge).Frame()
			c.Or(c.M.Flags(f), machine.PGUptodate|machine.PGSwapBacked|machine.PGDirty|machine.PGLRU)
			c.Release(cfHuge)
			c.Set(cfHuge, uint64(machine.Uncounted(f)))
			c.Put(f, 1)
			return c.Call(fnRetractPageTables, cfRetracted, c.L(cfStart), c.L(cfTarget), c.L(cfEnforced))
		}},
		cfRetracted: {Label: "retracted", Says: "MADV_COLLAPSE: does the PMD map it?", When: KhpPasses, Local: true, Do: func(c *Ctx) Next {
			switch {
			case c.L(cfEnforced) == 0:
			case c.sim.Kernel.On(KhpRetractRCU):
				c.Set(cfResult, scanPTEMapped)
			default:
				c.Set(cfResult, c.Ret())
			}
			return Then
		}},
		cfFlushLate: {Label: "flush_late", Says: "flush what was put off, late", Ref: "try_to_unmap_flush", When: Without(KhpFileFlush).AndFileTHP(), Local: true, Calls: []FuncID{fnTryToUnmapFlush}, Do: func(c *Ctx) Next {
			return c.Call(fnTryToUnmapFlush, cfUnlock)
		}},
		cfUnlock: {Label: "unlock", Says: "unlock the huge page", Ref: "folio_unlock", When: FileTHP, Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Frame(cfHuge)))
			c.Set(cfHuge, 0)
			return Then
		}},
		cfRelease:  {Label: "release", Says: "the next old page: its mapping is NULL; unlock it, drop all our references", Ref: "folio_put_refs", When: FileTHP, Touches: cell.Of(machine.PageCache, machine.Mappings, machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{cfRelease}, Do: (*Ctx).collapseFileRelease},
		cfRollback: {Label: "rollback", Says: "the next old page: back on the LRU list, unlocked, put", Ref: "folio_putback_lru", When: FileTHP, Touches: cell.Of(machine.PageCache, machine.Flags, machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{cfRollback}, Do: (*Ctx).collapseFileRollback},
		cfFree: {Label: "free", Says: "the huge page is not the file's: unlock it, put it", Ref: "folio_put", When: FileTHP, Touches: cell.Of(machine.Mappings, machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(cfHuge).Frame()
			c.Store(c.M.Mapping(f), 0)
			c.Unlock(c.M.FolioLock(f))
			c.Release(cfHuge)
			return c.putFree(f, 1, cfDone)
		}},
		cfDone: {Label: "done", Says: "return what came of it", When: FileTHP, Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(cfResult)) }},
	},
})

const cfFolio, cfHuge, cfStart, cfIndex, cfHoles, cfAt, cfResult, cfTarget, cfEnforced = 0, 1, 2, 3, 4, 5, 6, 7, 8

const (
	cfAlloc = iota
	cfFind
	cfFindOnly
	cfSwapIn
	cfSwappedIn
	cfIsolate
	cfCountEarly
	cfUnmap
	cfRmapLock
	cfMapped
	cfUnmapped
	cfRmapUnlock
	cfFreeze
	cfCount
	cfBlind
	cfFlushUsed
	cfGiveUp
	cfFlush
	cfCollected
	cfCopy
	cfStore
	cfUptodate
	cfRetracted
	cfFlushLate
	cfUnlock
	cfRelease
	cfRollback
	cfFree
	cfDone
)

// batchedUnmap is a step that goes with try_to_unmap(), which older kernels do not call here.
func batchedUnmap(s Step) Step {
	s.When = With(KhpFileUnmapBatch).AndRmapLocks().AndFileTHP()
	return s
}

// collapsing is the page of the file that is looked at.
func (c *Ctx) collapsing() machine.Pgoff { return c.Pgoff(cfStart) + machine.Pgoff(c.L(cfIndex)) }

// collapseFileAlloc takes a block, and makes it a folio of the file, locked. Nobody can find it yet.
func (c *Ctx) collapseFileAlloc() Next {
	if c.Key == 0 {
		c.Say("there is no free block")
		return c.Return(scanNoMemory)
	}
	f, at := machine.Frame(c.Key), c.M.FilePages()[c.Pgoff(cfStart)]
	c.Sayf("take a free block: frames %d to %d", c.Key, c.Key+c.M.HugePages-1)
	c.M.AllocateLarge(f)
	c.Lock(c.M.FolioLock(f))
	c.Store(c.M.Mapping(f), machine.FileMapping(at.File))
	c.Store(c.M.Index(f), uint64(at.Index))
	c.Hold(cfHuge, f, 1)
	return Then
}

// collapseFileFind comes to the next page of the range that the page cache has, all under its lock. Holes on the way are passed over, or filled: by hole.
func (c *Ctx) collapseFileFind(hole func(machine.Pgoff)) Next {
	for ; int(c.L(cfIndex)) < c.M.HugePages && c.Load(c.M.CacheSlot(c.collapsing())) == 0; c.Set(cfIndex, c.L(cfIndex)+1) {
		if c.L(cfIndex) == 0 && c.sim.stopsTruncated && c.collapseFileEmpty() {
			c.Say("the file has no page there any more: give up")
			c.Set(cfResult, scanInvalid)
			return cfFlush
		}
		c.Set(cfHoles, 1)
		hole(c.collapsing())
	}
	if int(c.L(cfIndex)) == c.M.HugePages {
		c.Say("that were all pages")
		return cfFlush
	}
	f, ok := machine.Cached(c.Load(c.M.CacheSlot(c.collapsing())))
	switch {
	case ok && c.M.IsLarge(f) && c.L(cfEnforced) != 0:
		c.Say("it is of a large folio by now: PTEs may map that")
		c.Set(cfResult, scanPTEMapped)
		return cfFlush
	case !ok:
		return cfSwapIn
	case c.M.IsLarge(f):
		c.Say("it is of a large folio: give up")
		c.Set(cfResult, scanAgain)
		return cfFlush
	case !c.TryLock(c.M.FolioLock(f)):
		c.Say("somebody else has locked it: give up")
		c.Set(cfResult, scanAgain)
		return cfFlush
	}
	c.Sayf("page %d is in frame %d: lock it, take a reference", c.L(cfIndex), f)
	c.Get(f, 1)
	c.Hold(cfFolio, f, 1)
	return cfIsolate
}

// collapseFileEmpty reports whether the whole range is a hole: it was truncated.
func (c *Ctx) collapseFileEmpty() bool {
	for i := range c.M.HugePages {
		if c.Load(c.M.CacheSlot(c.Pgoff(cfStart)+machine.Pgoff(i))) != 0 {
			return false
		}
	}
	return true
}

// collapseFileUnmap goes on with the walk to the places where the page may be mapped.
func (c *Ctx) collapseFileUnmap(after machine.PageID) Next {
	f := c.Held(cfFolio).Frame()
	p, ok := c.M.NextMapping(f, after)
	if c.Load(c.M.Mapcount(f)) == 0 || !ok {
		c.Say("it is mapped nowhere")
		c.Set(cfAt, 0)
		return cfRmapUnlock
	}
	c.Set(cfAt, uint64(p))
	return c.Call(fnTryToUnmapOne, cfUnmapped, uint64(machine.MakeHold(f, 1)), uint64(p), 0, ttuCollapse)
}

func (c *Ctx) collapseFileUsed() Next {
	c.Sayf("%d references: somebody else uses it, give up", c.Load(c.M.Ref(c.Held(cfFolio).Frame())))
	c.Set(cfResult, c.scanCount())
	return cfFlushUsed
}

// collapseFileListed puts the page on the list of those that will be replaced, with some references, and goes on.
func (c *Ctx) collapseFileListed(f machine.Frame, refs int) Next {
	c.Release(cfFolio)
	h := machine.Uncounted(f) // frozen
	if refs > 0 {
		h = machine.MakeHold(f, refs)
	}
	c.M.SetCollapsing(c.collapsing(), h)
	c.Set(cfIndex, c.L(cfIndex)+1)
	return cfFind
}

// collapseFileSlot makes the page cache have a page of the huge page, with a reference.
func (c *Ctx) collapseFileSlot(o machine.Pgoff) {
	huge := c.Held(cfHuge).Frame()
	c.Add(c.M.Ref(huge), 1)
	c.M.SetCacheSlot(o, uint64(machine.MakeHold(huge+machine.Frame(o-c.Pgoff(cfStart)), 1)))
}

// collapseFileCopy copies one page into the huge one.
func (c *Ctx) collapseFileCopy() Next {
	i := c.L(cfIndex)
	v := uint64(0)
	if h := machine.Hold(c.Load(c.M.Collapsing(c.collapsing()))); h.Some() {
		v = c.Load(c.M.Contents(h.Frame()))
		c.M.Copied(h.Frame())
	}
	c.Sayf("copy page %d: %s", i, c.M.Content(v))
	c.Store(c.M.Contents(c.Held(cfHuge).Frame()+machine.Frame(i)), v)
	if int(i)+1 < c.M.HugePages {
		c.Set(cfIndex, i+1)
		return cfCopy
	}
	c.Set(cfIndex, 0)
	return Then
}

// collapseFileRelease lets go of the next old page.
func (c *Ctx) collapseFileRelease() Next {
	o, h := c.collapseFileNext()
	if !h.Some() {
		c.Say("all old pages are gone")
		return cfDone
	}
	f := h.Frame()
	c.M.SetCollapsing(o, 0)
	c.Store(c.M.Mapping(f), 0)
	c.M.Replaced(f)
	c.Unlock(c.M.FolioLock(f))
	c.Sayf("frame %d is not the file's any more: unlock it, drop all our references", f)
	if h.Count() == 0 { // frozen
		return c.Call(fnFreeUnrefFolio, cfRelease, uint64(machine.MakeHold(f, 1)))
	}
	return c.putFree(f, h.Count(), cfRelease)
}

// collapseFileRollback makes the next place of the range what it was.
func (c *Ctx) collapseFileRollback() Next {
	o, h := c.collapseFileNext()
	huge := c.Held(cfHuge).Frame()
	now, taken := machine.Cached(c.Load(c.M.CacheSlot(o)))
	taken = taken && c.M.Head(now) == huge
	switch f := h.Frame(); {
	case !h.Some() && !taken:
		c.Say("all is as it was")
		return cfFree
	case !h.Some():
		c.Sayf("page %d is a hole again", o-c.Pgoff(cfStart))
		c.M.SetCacheSlot(o, 0)
	case !taken:
		c.Sayf("frame %d: back on the LRU list, unlock it, put it", f)
		c.collapseFilePutback(o, f)
		return c.putFree(f, h.Count(), cfRollback)
	default:
		c.Sayf("frame %d: it takes its place again, with the page cache's reference; back on the LRU list, unlock it", f)
		c.Store(c.M.Ref(f), 1)
		c.M.SetCacheSlot(o, uint64(machine.MakeHold(f, 1)))
		c.collapseFilePutback(o, f)
	}
	return c.putFree(huge, 1, cfRollback)
}

// collapseFilePutback takes an old page that stays off the list of those that will be replaced.
func (c *Ctx) collapseFilePutback(o machine.Pgoff, f machine.Frame) {
	c.M.SetCollapsing(o, 0)
	c.M.NotReplaced(f)
	c.Or(c.M.Flags(f), machine.PGLRU)
	c.Unlock(c.M.FolioLock(f))
}

// collapseFileNext returns the next place of the range that has an old page on the list or, without one, the huge page in the place of a hole. Behind the last
// it is the first place, without either.
func (c *Ctx) collapseFileNext() (machine.Pgoff, machine.Hold) {
	hole, huge := c.Pgoff(cfStart), c.Frame(cfHuge)
	for i := range c.M.HugePages {
		o := c.Pgoff(cfStart) + machine.Pgoff(i)
		if h := machine.Hold(c.Load(c.M.Collapsing(o))); h.Some() {
			return o, h
		}
		if f, ok := machine.Cached(c.Load(c.M.CacheSlot(o))); huge != 0 && ok && c.M.Head(f) == huge {
			hole = o
		}
	}
	return hole, 0
}
