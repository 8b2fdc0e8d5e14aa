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
//	large: split it, to swap its pages one by one; that fails: keep it
//	anonymous: add_to_swap(), dirty
//	try_to_unmap(): see rmap.go
//	still mapped: swap is more than half full, or it is locked memory's: drop it from the swap cache, if no entry names its slot; keep it
//	maybe pinned now: keep it
//	dirty, of a file: unless kswapd may write it, note that, and leave it to the flusher: keep it; dirty and lazyfree: keep it
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
// References (the accessed bit) are not looked at, as under MADV_PAGEOUT since 6.9: else kswapd, and MADV_PAGEOUT before, keep a page that was
// accessed since it was last made old.
//
// compare mm/vmscan.c:shrink_folio_list
var _ = register(fnShrinkFolioList, &Func{
	Name: "shrink_folio_list", Was: []Name{{"shrink_page_list", 601}}, File: "mm/vmscan.c", Params: []int{1},
	Locals: []Local{{"folio", HoldLocal}, {"page", PageLocal}, {"freed", IntLocal}, {"address", PageLocal}, {"lazyfree", IntLocal}, {"swap_full", IntLocal}},
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
				return c.shrinkFile()
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
			if !c.M.IsLarge(f) || c.lazyfree(f) {
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
		slEarly:    gracePeriodStep(If(RemoverWait, RemoverWaitRCUEarly)),
		slRmapLock: rmapLockStep(slFolio),
		slMapped: {Label: "mapped", Says: "is it mapped?", Answer: "yes", Ref: "folio_mapped", Reads: cell.Of(machine.Mapcounts, machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnTryToUnmapOne}, Do: func(c *Ctx) Next {
			f := c.Held(slFolio).Frame()
			if c.folioMapcount(f) == 0 {
				c.Say("it is not mapped any more")
				return slRmapUnlock
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
				return slRmapKeep
			}
			return c.unmapNext(c.Page(slAt))
		}},
		slRmapUnlock: rmapUnlockStep(slFolio, Then),
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
			case dirty && c.lazyfree(f):
				c.Say("it is lazyfree, was written to, and nobody maps it: keep it")
				return slUnlock
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
		slMany:  reclaimManyStep,
		slMet:   reclaimMetStep,
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
		slRmapKeep: rmapUnlockStep(slFolio, slSwapFull),
		slSwapFull: swapFull(slNearlyFull, Cond{}),
		slFreeSwap: {Label: "free_swap", Says: "drop it from the swap cache, if swap is nearly full", Ref: "folio_free_swap", When: FewSlots, Touches: swapCacheTouches, Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if full, f := c.L(slNearlyFull) != 0, c.Held(slFolio).Frame(); !(full || c.mlocked(c.Page(slAt))) {
				c.Say("swap has room: leave it as it is")
			} else if !c.freeSwap(f) {
				c.Say("it is not in the swap cache, or a swap entry names its slot: leave it as it is")
			}
			c.Set(slNearlyFull, 0)
			return Then
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

const slFolio, slPage, slFreed, slAt, slLazy, slNearlyFull = 0, 1, 2, 3, 4, 5

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
	slRmapLock
	slMapped
	slUnmapped
	slRmapUnlock
	slPinnedNow
	slIsDirty
	slFile
	slMany
	slMet
	slLeave
	slFlushDirty
	slPageout
	slWritten
	slRelease
	slWait
	slRemove
	slRemoved
	slRmapKeep
	slSwapFull
	slFreeSwap
	slUnlock
	slFlush
	slFate
	slPutback
	slMore
)

// shrinkFile is where a pass goes on with a folio of a file, which may have to be split.
func (c *Ctx) shrinkFile() Next {
	if c.sim.fileTHP {
		return slLarge
	}
	return slEarly
}

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
	c.Set(slLazy, 0)
	c.M.SetHold(c.M.Local(c.Task, c.level, slFolio), h)
	return slTrylock
}

// isolationCandidates offers the folios of the page that are on the LRU list: the one
// that is mapped there, or that the swap cache holds for it; and one of KSM's that may be, though it is in no stable node, and no reverse mapping
// leads from it to anywhere. Key 0: none is.
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
			machine.MappingRegion(mapping) == c.M.HomeRegion(at.MM, at.Region) && int(c.Load(c.M.Index(f))) == at.Index {
			offer(i)
			none = false
		}
		if machine.IsKSM(mapping) && (c.sharedAt(f, c.Page(slPage)) || mapping == machine.KSMNoNode && int(c.Load(c.M.Index(f))) == at.Index) {
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
		return slRmapKeep
	}
	c.Set(slAt, uint64(p))
	return c.Call(fnTryToUnmapOne, slUnmapped, uint64(machine.MakeHold(f, 1)), uint64(p), c.L(slLazy))
}

// maybePinned is folio_maybe_dma_pinned: exact for a large folio, for a small one certain only when it says no.
func (c *Ctx) maybePinned(f machine.Frame) bool {
	if c.countedApart(f) {
		return c.Load(c.M.Pincount(c.M.Head(f))) > 0
	}
	return c.Load(c.M.Ref(c.M.Head(f))) >= pinBias
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
		return slRmapLock
	}
	slot := c.Key
	if slot == c.M.Slots {
		c.Say("swap is full: keep it")
		return slUnlock
	}
	c.Sayf("add it to the swap cache, at slot %d", slot)
	c.M.SetSwapMap(slot, machine.SwapHasCache)
	c.Store(c.M.FolioSwap(f), uint64(slot)+1)
	c.Or(c.M.Flags(f), machine.PGSwapCache)
	c.Add(c.M.Ref(f), 1)
	c.M.SetSwapCache(slot, machine.MakeHold(f, 1))
	if !c.sim.lazyfreeList && c.sim.Kernel.has&hasLazyfree != 0 {
		c.Set(slLazy, 1)
	}
	return Then
}

// offerSlots offers the free slots that a captured swap entry still names, and
// one of the others, which nothing tells apart; slot 0 if none is wanted.
func offerSlots(c *Ctx, offer func(int)) {
	f := c.Held(slFolio).Frame()
	taken := c.Load(c.M.Flags(f))&machine.PGSwapCache != 0 || c.isFilePage(f) || c.lazyfree(f)
	if taken {
		offer(0)
		return
	}
	c.offerSlots(offer)
}

// offerSlots offers free slots; the one behind the last slot if there is none to take.
func (c *Ctx) offerSlots(offer func(int)) {
	any := false
	c.M.OffersSlots(func(slot int) {
		any = true
		offer(slot)
	})
	if !any {
		offer(c.M.Slots)
	}
}
