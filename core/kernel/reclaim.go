package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// shrink_folio_list, one pass over one folio, as kswapd does it, in straight line:
//
//	take it off the LRU list
//	trylock it; under writeback, or maybe pinned: keep it
//	anonymous and large: split it, to swap its pages one by one; that fails: keep it
//	anonymous: add_to_swap(), dirty
//	try_to_unmap(): see rmap.go
//	still mapped, or maybe pinned now: keep it
//	dirty, of a file: newer kernels leave it to the flusher: keep it
//	dirty: try_to_unmap_flush_dirty(); pageout(); was it asynchronous: keep it, a later pass frees it
//	filemap_release_folio(): drop its buffers, even if somebody holds it
//	(what-if: wait until no GUP-fast is left that may have read a PTE)
//	__remove_mapping(): freeze the last two references; dirty again: keep it
//	try_to_unmap_flush()         // before any frame goes back
//	free it
//	keep it: unlock, back to the LRU list, drop the reference
//	was it split: the same for its other pages
//
// (A large folio goes to swap as one where the device has clusters to give, which a disk has not.)
//
// References (the accessed bit) are not looked at, as under MADV_PAGEOUT.
//
// compare mm/vmscan.c:shrink_folio_list
var _ = register(fnShrinkFolioList, &Func{
	Name: "shrink_folio_list", Was: []Name{{"shrink_page_list", 517}}, File: "mm/vmscan.c", Params: []int{1},
	Locals: []Local{{"folio", HoldLocal}, {"page", PageLocal}, {"freed", IntLocal}, {"address", PageLocal}},
	Steps: []Step{
		slIsolate: {Label: "isolate", Says: "take the folio off the LRU list", Ref: "isolate_lru_folios",
			Touches: cell.Of(machine.Flags, machine.Refs), Reads: cell.Of(machine.Frames, machine.Mappings, machine.PageCache, machine.SwapCache, machine.KSM, machine.VMAs), Anywhere: cell.Of(machine.Mappings, machine.Flags, machine.Refs), Choose: isolationCandidates, Do: (*Ctx).isolate},
		slTrylock: {Label: "trylock", Says: "try the folio lock", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			if !c.TryLock(c.M.FolioLock(c.Held(slFolio).Frame())) {
				c.Say("the folio is locked: keep it")
				return slFlush
			}
			return Then
		}},
		slWriteback: {Label: "writeback", Says: "under writeback?", Answer: "no", Ref: "folio_test_writeback", Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			if c.Load(c.M.Flags(c.Held(slFolio).Frame()))&machine.PGWriteback != 0 {
				c.Say("it is still being written: keep it")
				return slUnlock
			}
			return Then
		}},
		slPinned: {Label: "pinned", Says: "may it be pinned?", Answer: "no", Ref: "folio_maybe_dma_pinned", When: With(ReclaimSkipsPinned), Reads: cell.Of(machine.Refs, machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Held(slFolio).Frame()
			if c.isFilePage(f) {
				c.Say("it is a file's: nothing to put into swap")
				return slEarly
			}
			if c.lazyfree(f) {
				c.Say("it is lazyfree: nothing to put into swap")
				return slEarly
			}
			if c.Load(c.M.Flags(f))&machine.PGSwapCache == 0 && c.maybePinned(f) {
				c.Say("it may be pinned: keep it")
				return slUnlock
			}
			return Then
		}},
		slLarge: {Label: "large", Says: "is it large?", Answer: "no", When: Large, Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs, machine.Mapcounts), Calls: []FuncID{fnSplitHugePage}, Do: func(c *Ctx) Next {
			f := c.Held(slFolio).Frame()
			if !c.M.IsLarge(f) || c.isFilePage(f) || c.lazyfree(f) {
				return slAddToSwap
			}
			c.Say("it is large: split it")
			return c.Call(fnSplitHugePage, slSplit, uint64(machine.MakeHold(f, 1)), 1)
		}},
		slSplit: {Label: "split", Says: "is it split?", Ref: "split_folio_to_list", When: Large, Local: true, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return slUnlock
			}
			return Then
		}},
		slAddToSwap: {Label: "add_to_swap", Says: "add it to the swap cache", Ref: "add_to_swap", Touches: swapCacheTouches | cell.Of(machine.Slots), Choose: offerSlots, Do: (*Ctx).addToSwap},
		slDirty: {Label: "dirty", Says: "mark it dirty, so that it gets written", Ref: "folio_mark_dirty", When: With(AddToSwapDirties), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.Or(c.M.Flags(c.Held(slFolio).Frame()), machine.PGDirty)
			return Then
		}},
		slEarly: gracePeriodStep(If(RemoverWait, RemoverWaitRCUEarly)),
		slMapped: {Label: "mapped", Says: "is it mapped?", Answer: "yes", Ref: "folio_mapped", Reads: cell.Of(machine.Mapcounts, machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnTryToUnmapOne}, Do: func(c *Ctx) Next {
			f := c.Held(slFolio).Frame()
			if c.folioMapcount(f) == 0 {
				c.Say("it is not mapped any more")
				return slPinnedNow
			}
			return c.unmapNext(machine.NoPage)
		}},
		slUnmapped: {Label: "unmapped", Says: "is it still mapped?", Answer: "no", Ref: "folio_mapped", Reads: cell.Of(machine.Mapcounts, machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnTryToUnmapOne}, Back: []int{slUnmapped}, Do: func(c *Ctx) Next {
			stop := c.Ret() != 0
			switch {
			case c.folioMapcount(c.Held(slFolio).Frame()) == 0:
				return Then
			case stop:
				c.Say("it is still mapped: keep it")
				return slUnlock
			}
			return c.unmapNext(c.Page(slAt))
		}},
		slPinnedNow: {Label: "pinned_now", Says: "may it be pinned now?", Answer: "no", Ref: "folio_maybe_dma_pinned", When: With(ReclaimKeepsPinned), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			if c.maybePinned(c.Held(slFolio).Frame()) {
				c.Say("it may be pinned now: keep it")
				return slUnlock
			}
			return Then
		}},
		slIsDirty: {Label: "is_dirty", Says: "is it dirty?", Answer: "yes", Ref: "folio_test_dirty", Reads: cell.Of(machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Held(slFolio).Frame()
			dirty, file := c.Load(c.M.Flags(f))&machine.PGDirty != 0, c.isFilePage(f)
			switch {
			case dirty && !file:
				return slFlushDirty
			case dirty:
				return Then
			case file:
				c.Say("it is clean")
				return slRelease
			}
			c.Say("it is clean")
			return slWait
		}},
		slFile:  reclaimFileStep,
		slLeave: reclaimLeaveStep,
		slFlushDirty: {Label: "flush_dirty", Says: "may a CPU still write to it?", Ref: "try_to_unmap_flush_dirty", When: With(ReclaimFlushDirty), Local: true, Calls: []FuncID{fnTryToUnmapFlush}, Do: func(c *Ctx) Next {
			if c.M.Load(c.M.UBC(c.Task))&machine.UBCWritable == 0 {
				return Then
			}
			return c.Call(fnTryToUnmapFlush, slPageout)
		}},
		slPageout: {Label: "pageout", Says: "write it out", Ref: "pageout", Local: true, Calls: []FuncID{fnPageout}, Do: func(c *Ctx) Next {
			return c.Call(fnPageout, slWritten, uint64(machine.MakeHold(c.Held(slFolio).Frame(), 1)))
		}},
		slWritten: {Label: "written", Says: "written, and locked again?", Local: true, Do: func(c *Ctx) Next {
			switch c.Ret() {
			case pageoutKeep:
				return slUnlock
			case pageoutUnlocked:
				return slFlush
			}
			return slWait
		}},
		slRelease: reclaimReleaseStep,
		slWait:    waitStep(slRemove),
		slRemove: {Label: "remove", Says: "take its last references", Ref: "__remove_mapping", Local: true, Calls: []FuncID{fnRemoveMapping}, Do: func(c *Ctx) Next {
			return c.Call(fnRemoveMapping, slRemoved, uint64(machine.MakeHold(c.Held(slFolio).Frame(), 1)))
		}},
		slRemoved: {Label: "removed", Says: "did that succeed?", Local: true, Do: func(c *Ctx) Next {
			if c.Ret() == 0 {
				return slUnlock
			}
			c.Set(slFreed, 1)
			return slFlush
		}},
		slUnlock: {Label: "unlock", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Held(slFolio).Frame()))
			return Then
		}},
		slFlush: {Label: "flush", Says: "flush what was put off", Ref: "try_to_unmap_flush", When: With(ReclaimFlushFree), Local: true, Calls: []FuncID{fnTryToUnmapFlush}, Do: func(c *Ctx) Next {
			return c.Call(fnTryToUnmapFlush, slFate)
		}},
		slFate: {Label: "fate", Says: "free it or keep it?", Local: true, Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			if c.L(slFreed) == 0 {
				return Then
			}
			f := c.Frame(slFolio)
			return c.Call(fnFreeUnrefFolio, c.shrinkNext(), uint64(machine.MakeHold(f, 1)))
		}},
		slPutback: {Label: "putback", Says: "put it back on the LRU list, drop the reference", Ref: "folio_putback_lru", Touches: cell.Of(machine.Flags, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(slFolio).Frame()
			c.Or(c.M.Flags(f), machine.PGLRU)
			c.Release(slFolio)
			return c.putFree(f, 1, c.shrinkNext())
		}},
		slMore: {Label: "more", Says: "another page of what was split?", When: Large, Local: true, Back: []int{slTrylock}, Do: (*Ctx).shrinkMore},
	},
})

const slFolio, slPage, slFreed, slAt = 0, 1, 2, 3

const (
	slIsolate = iota
	slTrylock
	slWriteback
	slPinned
	slLarge
	slSplit
	slAddToSwap
	slDirty
	slEarly
	slMapped
	slUnmapped
	slPinnedNow
	slIsDirty
	slFile
	slLeave
	slFlushDirty
	slPageout
	slWritten
	slRelease
	slWait
	slRemove
	slRemoved
	slUnlock
	slFlush
	slFate
	slPutback
	slMore
)

// shrinkNext is where a pass goes on that is through with a folio.
func (c *Ctx) shrinkNext() int {
	if c.M.LargeFolios {
		return slMore
	}
	return end
}

// shrinkMore goes on with the next folio of the list, which the task's gather is.
func (c *Ctx) shrinkMore() Next {
	n := int(c.M.Load(c.M.Gathers(c.Task)))
	for n > 0 && !machine.Hold(c.M.Load(c.M.Gathered(c.Task, n-1))).Some() {
		n--
	}
	if n == 0 {
		c.M.Store(c.M.Gathers(c.Task), 0)
		return Return
	}
	h := machine.Hold(c.M.Load(c.M.Gathered(c.Task, n-1)))
	c.M.SetGathered(c.Task, n-1, 0)
	c.M.Store(c.M.Gathers(c.Task), uint64(n-1))
	c.Set(slFreed, 0)
	c.M.SetHold(c.M.Local(c.Task, c.level, slFolio), h)
	return slTrylock
}

// isolationCandidates offers the folios of the page that are on the LRU list: the one
// that is mapped there, or that the swap cache holds for it. Key 0: none is.
func isolationCandidates(c *Ctx, offer func(int)) {
	none := true
	at := c.M.Pages()[c.Page(slPage)]
	for i := 1; c.M.IsData(machine.Frame(i)); i++ {
		f := machine.Frame(i)
		if c.Load(c.M.State(f)) != machine.FrameData || c.Load(c.M.Flags(f))&machine.PGLRU == 0 || c.Load(c.M.Ref(f)) == 0 {
			continue
		}
		mapping := c.Load(c.M.Mapping(f))
		if mm := machine.MappingMM(mapping); mm >= 0 && slices.Contains(c.M.Family(mm), at.MM) &&
			machine.MappingRegion(mapping) == at.Region && int(c.Load(c.M.Index(f))) == at.Index {
			offer(i)
			none = false
		}
		if machine.IsKSM(mapping) && c.sharedAt(f, c.Page(slPage)) {
			offer(i)
			none = false
		}
	}
	if f, ok := c.fileCandidate(c.Page(slPage)); ok {
		offer(int(f))
		none = false
	}
	if none {
		offer(0)
	}
}

func (c *Ctx) isolate() Next {
	if c.Key == 0 {
		c.Say("no folio of it is on the LRU list")
		return Return
	}
	f := machine.Frame(c.Key)
	c.AndNot(c.M.Flags(f), machine.PGLRU)
	c.Get(f, 1)
	c.Hold(slFolio, f, 1)
	return Then
}

// unmapNext goes on with the walk to the places where the folio may be mapped.
// compare mm/rmap.c:rmap_walk_anon
func (c *Ctx) unmapNext(after machine.PageID) Next {
	f := c.Held(slFolio).Frame()
	p, ok := c.M.NextMapping(f, after)
	if !ok {
		c.Say("it is still mapped: keep it")
		return slUnlock
	}
	c.Set(slAt, uint64(p))
	return c.Call(fnTryToUnmapOne, slUnmapped, uint64(machine.MakeHold(f, 1)), uint64(p))
}

// maybePinned is folio_maybe_dma_pinned: exact for a large folio, for a small one certain only when it says no.
func (c *Ctx) maybePinned(f machine.Frame) bool {
	if c.M.IsLarge(f) {
		return c.Load(c.M.Pincount(c.M.Head(f))) > 0
	}
	return c.Load(c.M.Ref(f)) >= pinBias
}

// addToSwap gives the folio a slot and puts it into the swap cache.
// compare mm/swap_state.c:add_to_swap
func (c *Ctx) addToSwap() Next {
	f := c.Held(slFolio).Frame()
	if c.Load(c.M.Flags(f))&machine.PGSwapCache != 0 {
		c.Say("it is in the swap cache already")
		return slEarly
	}
	if c.isFilePage(f) {
		c.Say("it is a file's: nothing to put into swap")
		return slEarly
	}
	if c.lazyfree(f) {
		c.Say("it is lazyfree: nothing to put into swap")
		return slMapped
	}
	slot := c.Key
	if c.M.Slots == 0 || c.Load(c.M.SwapMap(slot)) != 0 {
		c.Say("swap is full: keep it")
		return slUnlock
	}
	c.Sayf("add it to the swap cache, at slot %d", slot)
	c.M.SetSwapMap(slot, machine.SwapHasCache)
	c.Store(c.M.FolioSwap(f), uint64(slot)+1)
	c.Or(c.M.Flags(f), machine.PGSwapCache)
	c.Add(c.M.Ref(f), 1)
	c.M.SetSwapCache(slot, machine.MakeHold(f, 1))
	return Then
}

// offerSlots offers the free slots that a captured swap entry still names, and
// one of the others, which nothing tells apart; slot 0 if there is none to take.
func offerSlots(c *Ctx, offer func(int)) {
	f := c.Held(slFolio).Frame()
	taken := c.Load(c.M.Flags(f))&machine.PGSwapCache != 0 || c.isFilePage(f) || c.lazyfree(f)
	if taken {
		offer(0)
		return
	}
	c.offerSlots(offer)
}

func (c *Ctx) offerSlots(offer func(int)) {
	any := false
	c.M.OffersSlots(func(slot int) {
		any = true
		offer(slot)
	})
	if !any {
		offer(0)
	}
}

// What pageout returns: whether the folio is locked, and whether it was written.
const (
	pageoutDone uint64 = iota
	pageoutKeep
	pageoutUnlocked
)

// pageout of a dirty folio, in straight line:
//
//	references other than ours, the cache's and the buffers': keep it
//	folio_clear_dirty_for_io()
//	a file's: ext4 submits it by itself; shmem moves it to the swap cache
//	all zeros: a bit of the slot says so, unlock the folio, nothing is written
//	start writeback, unlock the folio
//	the device reads the page; end writeback   // asynchronous: by themselves, later
//	trylock it again; dirty or under writeback again: keep it
//
// compare mm/vmscan.c:pageout, mm/page_io.c:swap_writepage
var _ = register(fnPageout, &Func{
	Name: "pageout", File: "mm/vmscan.c", Params: []int{0},
	Locals: []Local{{"folio", FrameLocal}},
	Steps: []Step{
		{Label: "freeable", Says: "are there other references?", Answer: "no", Ref: "is_page_cache_freeable", Reads: cell.Of(machine.Refs, machine.Buffers), Do: func(c *Ctx) Next {
			if n := c.Load(c.M.Ref(c.Frame(0))); n != 2+c.private(c.Frame(0)) {
				c.Sayf("there are other references (%d, not 2): keep it", n)
				return c.Return(pageoutKeep)
			}
			return Then
		}},
		{Label: "clear_dirty", Says: "clear dirty", Ref: "folio_clear_dirty_for_io", Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(0)), machine.PGDirty)
			c.M.SetNotice(c.Frame(0), 0, machine.NoticePrepared)
			if !c.isFilePage(c.Frame(0)) {
				return poStart
			}
			return Then
		}},
		pageoutFileStep,
		pageoutExt4Step,
		pageoutShmemStep,
		{Label: "zeromap", Says: "is it all zeros?", Answer: "no", Ref: "swap_zeromap_folio_set", When: With(SwapZeromap), Touches: cell.Of(machine.FolioLocks, machine.Disk), Reads: cell.Of(machine.Contents, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			zeromap := c.M.Zeromap(int(c.Load(c.M.FolioSwap(f))) - 1)
			if c.Load(c.M.Contents(f)) != 0 {
				c.Store(zeromap, 0)
				return Then
			}
			c.Say("it is all zeros: note that, unlock the folio, write nothing")
			c.Store(zeromap, 1)
			c.Unlock(c.M.FolioLock(f))
			return poRelock
		}},
		{Label: "start", Says: "start writeback, unlock the folio", Ref: "folio_start_writeback", Touches: cell.Of(machine.Flags, machine.FolioLocks, machine.Disk), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			c.Or(c.M.Flags(f), machine.PGWriteback)
			c.Unlock(c.M.FolioLock(f))
			return c.sim.submitSwapWrite(c, f)
		}},
		{Label: "write", Says: "the device reads the page", Ref: "submit_bio_wait", Touches: cell.Of(machine.Disk), Reads: cell.Of(machine.Contents, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			v := c.Load(c.M.Contents(f))
			c.Sayf("write it to swap: %s", c.M.Content(v))
			c.Store(c.M.Disk(int(c.Load(c.M.FolioSwap(f)))-1), v)
			return Then
		}},
		{Label: "end", Says: "end writeback", Ref: "folio_end_writeback", Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(0)), machine.PGWriteback)
			return Then
		}},
		poRelock: {Label: "relock", Says: "try the folio lock again; still clean?", Answer: "yes", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			if !c.TryLock(c.M.FolioLock(f)) {
				c.Say("it is locked: keep it")
				return c.Return(pageoutUnlocked)
			}
			if c.Load(c.M.Flags(f))&(machine.PGDirty|machine.PGWriteback) != 0 {
				c.Say("it is dirty again: keep it")
				return c.Return(pageoutKeep)
			}
			return c.Return(pageoutDone)
		}},
	},
})

const poRelock = 9

// submitSwapWrite hands the write over to the device, or leaves it to the next
// steps if the scenario's swap is synchronous.
func (s *Sim) submitSwapWrite(c *Ctx, f machine.Frame) Next {
	if !s.Setup.SwapAsync {
		return Then
	}
	c.Store(c.M.IO(int(c.Load(c.M.FolioSwap(f)))-1), machine.IOSubmitted)
	return c.Return(pageoutUnlocked)
}

// __remove_mapping of a folio in the swap cache or the page cache, in straight line, under the
// cache's lock:
//
//	folio_ref_freeze(2): 2 -> 0, else keep it      // from here on no try-get succeeds
//	dirty: 2 again, keep it                        // grabbed, written, put meanwhile
//	leave the cache; unlock the folio
//
// compare mm/vmscan.c:__remove_mapping
var _ = register(fnRemoveMapping, &Func{
	Name: "__remove_mapping", File: "mm/vmscan.c", Params: []int{0},
	Locals: []Local{{"folio", FrameLocal}},
	Steps: []Step{
		{Label: "freeze", Says: "freeze the last two references", Ref: "folio_ref_freeze", When: With(ReclaimFreeze), Touches: swapCacheTouches | pageCacheTouches, Do: func(c *Ctx) Next {
			f := c.Frame(0)
			n := c.Load(c.M.Ref(f))
			if c.lazyfree(f) {
				if n != 1 {
					c.Sayf("%d references: keep it", n)
					return c.Return(0)
				}
				c.Say("freeze the last reference: it is lazyfree")
				return c.removed(f)
			}
			if n != 2 || c.Load(c.M.Flags(f))&machine.PGDirty != 0 {
				c.Sayf("%d references, or dirty again: keep it", n)
				return c.Return(0)
			}
			return c.removed(f)
		}},
		{Label: "check", Says: "are there other references?", Answer: "no", Ref: "page_count", When: Without(ReclaimFreeze), Reads: cell.Of(machine.Refs, machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			n := c.Load(c.M.Ref(f))
			if !c.lazyfree(f) && (n != 2 || c.Load(c.M.Flags(f))&machine.PGDirty != 0) || c.lazyfree(f) && n != 1 {
				c.Sayf("%d references, or dirty again: keep it", n)
				return c.Return(0)
			}
			return Then
		}},
		{Label: "drop", Says: "set the count to zero, leave the cache", Ref: "set_page_count", When: Without(ReclaimFreeze), Touches: swapCacheTouches | pageCacheTouches, Do: func(c *Ctx) Next {
			return c.removed(c.Frame(0))
		}},
	},
})

// removed takes the folio out of the swap cache or the page cache with all references gone, ours
// in the caller's first local among them, and unlocks it.
func (c *Ctx) removed(f machine.Frame) Next {
	c.Store(c.M.Ref(f), 0)
	if c.isFilePage(f) {
		o, _ := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(f))), int(c.Load(c.M.Index(f))))
		c.leavePageCache(f, o, 0)
	} else if !c.lazyfree(f) {
		c.leaveSwapCache(f)
	}
	c.M.SetHold(c.M.Local(c.Task, c.level-1, slFolio), 0)
	c.M.Store(c.M.Local(c.Task, c.level-1, slFolio), uint64(machine.Uncounted(f)))
	c.Unlock(c.M.FolioLock(f))
	return c.Return(1)
}
