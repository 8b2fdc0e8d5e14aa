package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// poisons reports whether somebody has memory fail.
func (s *Setup) poisons() bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool {
			return slices.ContainsFunc(st.Args, func(a Arg) bool { return a.Word == madvHWPoison })
		})
	})
}

// Fails reports whether a statement can be played, as far as it has memory fail: what memory_failure does about huge pages of hugetlb, and about ramfs and
// secret memory, is left out.
func (s *Setup) Fails(st *Stmt) bool {
	for _, a := range st.Args {
		if a.Word == madvHWPoison {
			r := &s.MMs[st.Args[0].MM].Regions[st.Args[0].Region]
			return !s.hugetlb(r) && (r.Kind == machine.RegionAnon || s.Files[r.File].Kind.OnDisk() || s.Files[r.File].Kind == machine.Shmem)
		}
	}
	return true
}

// madvise(MADV_HWPOISON), which has memory fail as far as the kernel can tell, in straight line:
//
//	every page of the range:
//	    page = get_user_pages_fast(); that fails: return why
//	    memory_failure(page), which has the reference from then on; it fails: return why
//
// compare mm/madvise.c:madvise_inject_error
var _ = register(fnMadviseInjectError, &Func{
	Name: "madvise_inject_error", Was: []Name{{"madvise_hwpoison", 413}}, File: "mm/madvise.c", Params: []int{ieStart, ieEnd, ieBehavior},
	Locals: []Local{{"start", PageLocal}, {"end", PageLocal}, {"behavior", IntLocal}},
	Steps: []Step{
		ieGet: {Label: "get", Says: "get the page", Ref: "get_user_pages_fast", Local: true, Calls: []FuncID{fnGUPFastFallback}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFastFallback, ieGot, c.L(ieStart), 1, FollGet)
		}},
		ieGot: {Label: "got", Says: "got it?", Local: true, Calls: []FuncID{fnMemoryFailure}, Do: func(c *Ctx) Next {
			h, ret := c.inHand(), c.Ret()
			c.M.SetHeld(c.Task, 0)
			switch {
			case !h.Some():
				return c.Return(ret)
			case h.Frame() == machine.ZeroPage:
				c.Say("it is the zero page, which is the kernel's own: -EBUSY")
				return c.Fail(EBUSY)
			}
			next := c.Call(fnMemoryFailure, ieFailed)
			c.M.SetHold(c.M.Local(c.Task, c.level+1, mefPage), h)
			return next
		}},
		ieFailed: {Label: "failed", Says: "done with it: the next page", Local: true, Back: []int{ieGet}, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret != 0 || c.L(ieStart) == c.L(ieEnd) {
				return c.Return(ret)
			}
			c.Set(ieStart, c.L(ieStart)+1)
			return ieGet
		}},
	},
})

const ieStart, ieEnd, ieBehavior = 0, 1, 2

const (
	ieGet = iota
	ieGot
	ieFailed
)

// memory_failure, of a page that the caller has a reference on, in straight line:
//
//	mark it; it is marked already: put it, -EHWPOISON
//	large: split it; that fails: put it, -EBUSY           // a pin is enough; newer: -EHWPOISON
//	lru_add_drain_all(); lock the folio
//	not on the LRU list, nor under writeback: go by what it is
//	wait for its writeback
//	mapped: clean, of a file: nothing comes in its PTEs' place
//	        in the swap cache: swap entries do, as for reclaim
//	        else poison entries do: whoever goes there gets SIGBUS
//	        try_to_unmap(); it is mapped still: -EBUSY
//	torn down meanwhile: -EBUSY
//	in the swap cache, dirty: it stays there, not uptodate: who swaps it in gets SIGBUS
//	in the swap cache, clean: it leaves that: who swaps it in reads the disk again
//	anonymous: nobody has it any more
//	of a file: out of the page cache, dirty or not: who wants it reads the disk again
//	          newer: of shmem, which has no disk: it stays there, and who wants it gets SIGBUS, or -EIO
//	neither, and not on the LRU list: -EBUSY
//	somebody else has a reference still: -EBUSY           // newer kernels do not ask where the page was anonymous
//	unlock it; the reference stays: the frame is never used again
//
// Nobody takes a pin away: its holder goes on with memory that may have anything in it, and no page table leads there. So the kernel promises nothing
// about what is read and written from then on. What the memory held is left as it was, as where the failure is simulated.
//
//	CPU0 (GUP)                    CPU1 (memory_failure)
//	take the pin
//	                              mark the page
//	                              PTE = poison entry, flush
//	write to the page             keep the page
//
// The signals to those who map the page are not played, nor is what the file is told of its lost writes (AS_EIO). One failure waits for another in
// the kernel (mf_mutex); here the mark alone keeps them apart.
//
// compare mm/memory-failure.c:memory_failure, hwpoison_user_mappings, identify_page_state
var _ = register(fnMemoryFailure, &Func{
	Name: "memory_failure", File: "mm/memory-failure.c",
	Locals: []Local{{"page", HoldLocal}, {"cache_reference", HoldLocal}, {"address", PageLocal}, {"page_flags", IntLocal}, {"ttu", IntLocal}, {"dirty", IntLocal}, {"extra", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		mefMark: {Label: "mark", Says: "mark the page: its memory has failed; is it marked already?", Answer: "no", Ref: "TestSetPageHWPoison", When: Poisoning, Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			w := c.M.Flags(c.failed())
			if c.Load(w)&machine.PGHWPoison != 0 {
				c.Say("it is marked already")
				return mefAgain
			}
			c.Or(w, machine.PGHWPoison)
			if c.M.IsLarge(c.failed()) {
				return mefSplit
			}
			return mefShake
		}},
		mefSplit: {Label: "split", Says: "lock the folio, split it", Ref: "try_to_split_thp_page", When: Poisoning.AndLarge(), Touches: cell.Of(machine.FolioLocks), Calls: []FuncID{fnSplitHugePage},
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.M.Head(c.failed()))) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.FolioLock(c.M.Head(c.failed())))
				return c.splitFor(c.failed(), mefIsSplit)
			}},
		mefIsSplit: {Label: "is_split", Says: "unlock it; is it split?", Answer: "yes", Ref: "unlock_page", When: Poisoning.AndLarge(), Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			ret := c.Ret()
			c.Unlock(c.M.FolioLock(c.M.Head(c.failed())))
			if ret != 0 {
				c.Say("unlock it; it is not split")
				return mefUnsplit
			}
			return Then
		}},
		mefShake: {Label: "shake", Says: "empty all LRU batches", Ref: "shake_folio", When: Poisoning, Local: true, Calls: []FuncID{fnLRUAddDrainAll}, Do: func(c *Ctx) Next {
			return c.Call(fnLRUAddDrainAll, mefLock)
		}},
		mefLock: failedLock,
		mefLRU: {Label: "lru", Says: "on the LRU list, or under writeback?", Answer: "yes", Ref: "folio_test_lru", When: Poisoning, Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			flags := c.Load(c.M.Flags(c.failed()))
			c.Set(mefFlags, flags&machine.PGLRU)
			if flags&(machine.PGLRU|machine.PGWriteback) == 0 {
				c.Say("it is not on the LRU list, nor under writeback: leave page tables alone")
				return mefIdentify
			}
			return Then
		}},
		mefWriteback: {Label: "wait_writeback", Says: "wait until it is not under writeback", Ref: "folio_wait_writeback", When: Poisoning, Reads: cell.Of(machine.Flags),
			Wait: func(c *Ctx) Block { return c.writebackOf(c.failed()) }, Do: func(c *Ctx) Next { return Then }},
		mefKSM: {Label: "ksm", Says: "is it one of KSM, and mapped?", Answer: "no", Ref: "PageKsm", When: Without(MemoryFailureKSM).AndMerging().AndPoison(), Reads: cell.Of(machine.Mappings, machine.Mapcounts), Do: func(c *Ctx) Next {
			if c.isKSM(c.failed()) && c.Load(c.M.Mapcount(c.failed())) != 0 {
				c.Say("it is one of KSM, and mapped: it cannot be unmapped, -EBUSY")
				return c.mefFail()
			}
			return Then
		}},
		mefMapped:    {Label: "mapped", Says: "is it mapped?", Answer: "yes", Ref: "folio_mapped", When: Poisoning, Reads: cell.Of(machine.Mapcounts, machine.Mappings, machine.Flags), Do: (*Ctx).failedMapped},
		mefCleanLock: rmapLockStep(mefPage),
		mefClean: {Label: "mkclean", Says: "where may it be mapped shared?", Ref: "folio_mkclean", When: Poisoning, Reads: cell.Of(machine.Mappings, machine.VMAs), Calls: []FuncID{fnPageMkcleanOne}, Do: func(c *Ctx) Next {
			return c.failedMkclean(machine.NoPage)
		}},
		mefCleaned: {Label: "cleaned", Says: "where else?", Ref: "folio_mkclean", When: Poisoning, Reads: cell.Of(machine.Mappings, machine.VMAs), Calls: []FuncID{fnPageMkcleanOne}, Back: []int{mefCleaned}, Do: func(c *Ctx) Next {
			c.Set(mefDirty, c.L(mefDirty)|c.Ret())
			return c.failedMkclean(c.Page(mefAddr))
		}},
		mefCleanUnlock: rmapUnlockStep(mefPage, mefSetDirty),
		mefSetDirty: {Label: "set_dirty", Says: "was a PTE dirty? So is the folio", Ref: "folio_set_dirty", When: Poisoning, Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			if c.L(mefDirty) == 0 {
				c.Say("no PTE was dirty: the disk has what it holds")
				c.Set(mefTTU, ttuNoPoison)
				return Then
			}
			c.Or(c.M.Flags(c.failed()), machine.PGDirty)
			return Then
		}},
		mefRmapLock: rmapLockStep(mefPage),
		mefUnmap: {Label: "unmap", Says: "where may it be mapped?", Ref: "try_to_unmap", When: Poisoning, Reads: cell.Of(machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnTryToUnmapOne}, Do: func(c *Ctx) Next {
			return c.failedUnmap(machine.NoPage)
		}},
		mefUnmapped: {Label: "unmapped", Says: "where else?", Ref: "try_to_unmap", When: Poisoning, Reads: cell.Of(machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnTryToUnmapOne}, Back: []int{mefUnmapped}, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				c.Say("it may not be unmapped there: stop")
				return mefRmapUnlock
			}
			return c.failedUnmap(c.Page(mefAddr))
		}},
		mefRmapUnlock: rmapUnlockStep(mefPage, mefStill),
		mefStill: {Label: "still_mapped", Says: "is it still mapped?", Answer: "no", Ref: "folio_mapped", When: Poisoning, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			if c.Load(c.M.Mapcount(c.failed())) != 0 {
				c.Say("it is still mapped: -EBUSY")
				return c.mefFail()
			}
			return Then
		}},
		mefTorn: {Label: "torn_down", Says: "was it torn down meanwhile?", Answer: "no", Ref: "folio->mapping", When: Poisoning, Reads: cell.Of(machine.Mappings, machine.Flags), Do: func(c *Ctx) Next {
			if c.Load(c.M.Flags(c.failed()))&(machine.PGLRU|machine.PGSwapCache) == machine.PGLRU && c.Load(c.M.Mapping(c.failed())) == 0 {
				c.Say("it belongs to nobody any more: -EBUSY")
				return c.mefFail()
			}
			return Then
		}},
		mefIdentify: {Label: "identify", Says: "what is it?", Ref: "identify_page_state", When: Poisoning, Reads: cell.Of(machine.Flags, machine.Mappings), Do: (*Ctx).failedIdentify},
		mefSwapDirty: {Label: "swapcache_dirty", Says: "leave it in the swap cache, neither dirty nor uptodate; take it off the LRU list", Ref: "me_swapcache_dirty", When: Poisoning, Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Mappings, machine.VMAs, machine.KSM), Do: func(c *Ctx) Next {
			c.excuseFailed(true)
			c.AndNot(c.M.Flags(c.failed()), machine.PGDirty|machine.PGUptodate|machine.PGLRU)
			c.Set(mefExtra, 1)
			return mefRefs
		}},
		mefSwapClean: {Label: "swapcache_clean", Says: "take it out of the swap cache, and off the LRU list: the disk has what it holds", Ref: "me_swapcache_clean", When: Poisoning, Touches: swapCacheTouches, Reads: cell.Of(machine.VMAs, machine.KSM), Do: func(c *Ctx) Next {
			c.excuseFailed(false)
			c.leaveSwapCache(c.failed())
			c.Put(c.failed(), 1)
			c.AndNot(c.M.Flags(c.failed()), machine.PGLRU)
			return mefRefs
		}},
		mefShmem: {Label: "shmem", Says: "it is one of shmem: it stays in the page cache; take it off the LRU list", Ref: "shmem_error_remove_folio", When: With(MemoryFailureShmem).AndPoison(), Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Mappings, machine.VMAs), Do: func(c *Ctx) Next {
			c.excuseFailed(false)
			c.AndNot(c.M.Flags(c.failed()), machine.PGLRU)
			c.Set(mefExtra, 1)
			return mefRefs
		}},
		mefTruncate: {Label: "truncate", Says: "drop its buffers, clear dirty; take it off the LRU list", Ref: "truncate_inode_folio", When: Poisoning, Touches: cell.Of(machine.Flags, machine.Buffers, machine.Refs), Reads: cell.Of(machine.Mappings, machine.VMAs), Do: func(c *Ctx) Next {
			f := c.failed()
			c.excuseFailed(c.Load(c.M.Flags(f))&machine.PGDirty != 0 && c.onDisk(f)) // of shmem nobody is told
			if c.fileBuffers(f) != 0 {
				c.M.SetBuffers(f, 0)
				c.Put(f, 1)
			}
			c.AndNot(c.M.Flags(f), machine.PGDirty|machine.PGLRU)
			return Then
		}},
		mefRemove: {Label: "remove", Says: "take it out of the page cache: mapping is NULL", Ref: "filemap_remove_folio", When: Poisoning, Touches: cell.Of(machine.PageCache, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.failed()
			o, _ := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(f))), int(c.Load(c.M.Index(f))))
			c.leavePageCache(f, o, 0)
			c.Hold(mefCacheRef, f, 1)
			return Then
		}},
		mefPutCache: {Label: "put_cache", Says: "drop the page cache's reference", Ref: "folio_put", When: Poisoning, Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			f := c.Held(mefCacheRef).Frame()
			c.Release(mefCacheRef)
			c.Put(f, 1)
			return mefRefs
		}},
		mefAnon: {Label: "anon", Says: "anonymous: take it off the LRU list", Ref: "me_pagecache_clean", When: Poisoning, Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.failed()), machine.PGLRU)
			return Then
		}},
		mefAnonDone: {Label: "anon_done", Says: "nobody asks who else has it", When: Without(MemoryFailureAnonRefs).AndPoison(), Local: true, Do: func(c *Ctx) Next { return mefUnlock }},
		mefRefs: {Label: "refs", Says: "has somebody else a reference?", Answer: "no", Counts: true, Ref: "has_extra_refcount", When: Poisoning, Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			if n := c.Load(c.M.Ref(c.failed())) - 1 - c.L(mefExtra); n > 0 {
				c.Sayf("still referenced by %d others: -EBUSY", n)
				return c.mefFail()
			}
			return Then
		}},
		mefUnlock: {Label: "unlock", Says: "unlock the folio; the reference stays for good", Ref: "folio_unlock", When: Poisoning, Touches: cell.Of(machine.FolioLocks, machine.Frames), Do: func(c *Ctx) Next {
			f := c.failed()
			c.Unlock(c.M.FolioLock(f))
			c.Release(mefPage)
			c.M.Keep(f)
			return c.Return(c.L(mefRet))
		}},
		mefAgain: {Label: "again", Says: "-EHWPOISON", When: With(MemoryFailureAgain).AndPoison(), Local: true, Do: func(c *Ctx) Next {
			c.Set(mefRet, faultHWPoison)
			return mefPut
		}},
		mefAgainOld: {Label: "again", Says: "there is nothing to be done", When: Without(MemoryFailureAgain).AndPoison(), Local: true, Do: func(c *Ctx) Next { return mefPut }},
		mefUnsplit: {Label: "unsplit", Says: "-EHWPOISON", When: With(MemoryFailureUnsplit).AndLarge().AndPoison(), Local: true, Do: func(c *Ctx) Next {
			c.Set(mefRet, faultHWPoison)
			return mefPut
		}},
		mefUnsplitOld: {Label: "unsplit", Says: "-EBUSY", When: Without(MemoryFailureUnsplit).AndLarge().AndPoison(), Local: true, Do: func(c *Ctx) Next {
			c.Set(mefRet, failed|EBUSY)
			return Then
		}},
		mefPut: {Label: "put", Says: "put the page", Ref: "put_page", When: Poisoning, Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.failed()
			c.Release(mefPage)
			return c.putFree(f, 1, mefReturn)
		}},
		mefReturn: {Label: "return", Says: "done", When: Poisoning, Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(mefRet)) }},
	},
})

const mefPage, mefCacheRef, mefAddr, mefFlags, mefTTU, mefDirty, mefExtra, mefRet = 0, 1, 2, 3, 4, 5, 6, 7

const (
	mefMark = iota
	mefSplit
	mefIsSplit
	mefShake
	mefLock
	mefLRU
	mefWriteback
	mefKSM
	mefMapped
	mefCleanLock
	mefClean
	mefCleaned
	mefCleanUnlock
	mefSetDirty
	mefRmapLock
	mefUnmap
	mefUnmapped
	mefRmapUnlock
	mefStill
	mefTorn
	mefIdentify
	mefSwapDirty
	mefSwapClean
	mefShmem
	mefTruncate
	mefRemove
	mefPutCache
	mefAnon
	mefAnonDone
	mefRefs
	mefUnlock
	mefAgain
	mefAgainOld
	mefUnsplit
	mefUnsplitOld
	mefPut
	mefReturn
)

// failedLock locks the page: it is no large folio's any more.
var failedLock = func() Step {
	s := lockFolio(mefPage)
	s.When = Poisoning
	return s
}()

// onDisk reports whether a folio is a file's that a disk is behind.
func (c *Ctx) onDisk(f machine.Frame) bool {
	file := machine.MappingFile(c.Load(c.M.Mapping(f)))
	return file >= 0 && c.M.Files[file].Kind.OnDisk()
}

// failed is the page whose memory has failed.
func (c *Ctx) failed() machine.Frame { return c.Held(mefPage).Frame() }

// mefFail has memory_failure return -EBUSY: the page keeps its mark, and the reference.
func (c *Ctx) mefFail() Next {
	c.Set(mefRet, failed|EBUSY)
	return mefUnlock
}

// failedMapped looks whether the page is mapped, and says what is to come in its PTEs' place.
// compare mm/memory-failure.c:hwpoison_user_mappings
func (c *Ctx) failedMapped() Next {
	f := c.failed()
	flags := c.Load(c.M.Flags(f))
	if flags&machine.PGLRU == 0 || c.Load(c.M.Mapcount(f)) == 0 {
		c.Say("it is mapped nowhere, or not on the LRU list")
		return mefTorn
	}
	switch {
	case flags&machine.PGSwapCache != 0:
		c.Say("it is mapped, and in the swap cache: swap entries come in its PTEs' place")
		c.Set(mefTTU, ttuNoPoison)
		return mefRmapLock
	case flags&machine.PGDirty == 0 && c.onDisk(f):
		c.Say("it is mapped, of a file, and clean: its PTEs tell whether it is dirty")
		c.Set(mefTTU, ttuPoison)
		return mefCleanLock
	}
	c.Say("it is mapped: poison entries come in its PTEs' place")
	c.Set(mefTTU, ttuPoison)
	return mefRmapLock
}

// failedMkclean goes on with the next shared mapping behind a page.
func (c *Ctx) failedMkclean(after machine.PageID) Next {
	for p, ok := c.M.NextMapping(c.failed(), after); ok; p, ok = c.M.NextMapping(c.failed(), p) {
		if c.Load(c.M.VMA(p))&machine.VMShared != 0 {
			c.Sayf("it may be mapped at %s", c.M.Pages()[p].Name)
			c.Set(mefAddr, uint64(p))
			return c.Call(fnPageMkcleanOne, mefCleaned, uint64(machine.MakeHold(c.failed(), 1)), uint64(p))
		}
	}
	c.Say("no more mappings")
	return mefCleanUnlock
}

// failedUnmap goes on with the next place behind a page where it may be mapped.
func (c *Ctx) failedUnmap(after machine.PageID) Next {
	p, ok := c.M.NextMapping(c.failed(), after)
	if !ok {
		c.Say("there is no other place where it may be mapped")
		return mefRmapUnlock
	}
	c.Sayf("it may be mapped at %s", c.M.Pages()[p].Name)
	c.Set(mefAddr, uint64(p))
	return c.Call(fnTryToUnmapOne, mefUnmapped, uint64(machine.MakeHold(c.failed(), 1)), uint64(p), 0, c.L(mefTTU))
}

// failedIdentify goes on by what the page is: by its flags now, and whether it was on the LRU list when it was locked.
func (c *Ctx) failedIdentify() Next {
	f := c.failed()
	flags, file := c.Load(c.M.Flags(f)), c.isFilePage(f)
	switch {
	case flags&(machine.PGSwapCache|machine.PGDirty) == machine.PGSwapCache|machine.PGDirty:
		c.Say("dirty, in the swap cache")
		return mefSwapDirty
	case flags&machine.PGSwapCache != 0:
		c.Say("clean, in the swap cache")
		return mefSwapClean
	case (flags|c.L(mefFlags))&machine.PGLRU == 0:
		c.Say("somebody has taken it off the LRU list: who knows? -EBUSY")
		return c.mefFail()
	case file && !c.onDisk(f):
		c.Say("one of shmem")
		return mefShmem
	case file:
		c.Say("one of a file")
		return mefTruncate
	case !c.isAnon(f):
		c.Say("it belongs to nobody any more: -EBUSY")
		return c.mefFail()
	}
	c.Say("anonymous")
	return mefAnon
}

// excuseFailed notes for the claims that the page goes: who holds it is on his own, and, if it was dirty, what it held is lost.
func (c *Ctx) excuseFailed(lost bool) {
	f := c.failed()
	for p, ok := c.M.NextMapping(f, machine.NoPage); ok; p, ok = c.M.NextMapping(f, p) {
		switch c.M.ExcusePins(p); {
		case !lost:
		case c.isFilePage(f) && c.M.Region(p).Kind == machine.RegionFilePrivate: // a copy of it may be there
		default:
			c.M.Forget(p)
		}
	}
	if c.isFilePage(f) && lost {
		if o, ok := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(f))), int(c.Load(c.M.Index(f)))); ok {
			c.M.FileForget(o)
		}
	}
}
