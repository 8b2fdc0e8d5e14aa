package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What shmem_get_folio is asked for (enum sgp_type).
const (
	sgpRead  uint64 = iota // a hole stays one
	sgpCache               // a fault: a hole gets a zeroed, clean folio
	sgpWrite               // pwrite: may lie beyond the end
)

// shmem_get_folio, in straight line:
//
//	a fault beyond i_size: SIGBUS
//	the page cache has a folio: take a reference, lock it; not ours any more: start again
//	it has a swap entry: shmem_swapin_folio(), start again if somebody else was faster
//	a hole, for reading: no folio. Else alloc, zeroed; into the page cache, locked
//	return it locked, unless its memory has failed: SIGBUS, -EIO      // the callers look
//
// compare mm/shmem.c:shmem_get_folio_gfp
var _ = register(fnShmemGetFolio, &Func{
	Name: "shmem_get_folio", Was: []Name{{"shmem_getpage", 600}}, File: "mm/shmem.c", Params: []int{1, 2},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}, {"sgp", IntLocal}},
	Steps: []Step{
		sgLookup: {Label: "lookup", Says: "look it up in the page cache", Ref: "filemap_get_entry", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache, machine.Inodes), Calls: []FuncID{fnShmemSwapinFolio}, Do: (*Ctx).shmemLookup},
		sgAlloc:  allocStep("shmem_alloc_folio"),
		sgAdd: {Label: "add", Says: "put it into the page cache, locked", Ref: "shmem_add_to_page_cache", Touches: pageCacheTouches, Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{sgLookup}, Do: func(c *Ctx) Next {
			if !c.addToPageCache(c.Pgoff(1), c.M.KindOf(c.Pgoff(1)).SwapBacked()|machine.PGUptodate) {
				return c.forget(sgLookup)
			}
			return c.handOver()
		}},
		sgLock: lockOurs(sgLookup, func(c *Ctx) Next {
			if c.M.Poison {
				return sgFailed
			}
			return c.handOver()
		}),
		sgSwapped: {Label: "swapped_in", Says: "did it come back?", Local: true, Back: []int{sgLookup}, Do: func(c *Ctx) Next {
			if !c.Held(0).Some() {
				return sgLookup
			}
			return c.handOver()
		}},
		sgFailed: {Label: "hwpoison", Says: "has its memory failed?", Answer: "no", Ref: "folio_test_hwpoison", When: Poisoning, Touches: cell.Of(machine.FolioLocks, machine.Refs), Reads: cell.Of(machine.Flags), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			if !c.M.Failed(f) {
				return c.handOver()
			}
			c.Say("its memory has failed: unlock it, put it")
			c.Unlock(c.folioLock(f))
			return c.forget(sgPoison)
		}},
		sgPoison: {Label: "poison", Says: "a fault: SIGBUS; else -EIO", Ref: "VM_FAULT_HWPOISON", When: Poisoning, Local: true, Do: func(c *Ctx) Next {
			if c.L(2) == sgpCache {
				return c.Return(faultHWPoison)
			}
			return c.Fail(EIO)
		}},
	},
})

// shmem_fault, where somebody punches holes into files of shmem, in straight line:
//
//	a hole is being punched there: drop mmap_lock, if that may be; wait until it is punched
//	    mmap_lock was dropped: the fault must be made again
//	shmem_get_folio()
//
// (A fault that may not drop the lock comes back with nothing, VM_FAULT_NOPAGE, and is made again. Here it goes on: that is the same.)
//
// compare mm/shmem.c:shmem_fault, shmem_falloc_wait
var _ = register(fnShmemFault, &Func{
	Name: "shmem_fault", File: "mm/shmem.c", Params: []int{1, shfAddr, shfFlags},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}, {"address", PageLocal}, {"flags", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		shfFalloc: {Label: "falloc", Says: "is a hole being punched there?", Answer: "no", Ref: "inode->i_private", When: With(ShmemFallocWaits).AndShmemPunch(), Reads: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			switch flags := c.L(shfFlags); {
			case c.Load(c.M.Falloc(c.Pgoff(1))) == 0:
				return shfGet
			case !mayDrop(flags) || flags&faultRetryNowait != 0:
				c.Say("a hole is being punched there: wait, with the lock held")
				return shfWait
			}
			c.Say("a hole is being punched there")
			return Then
		}},
		shfDrop: {Label: "drop_lock", Says: "drop the lock under which the fault is made", Ref: "maybe_unlock_mmap_for_io", When: With(ShmemFallocWaits).AndShmemPunch(), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.dropFaultLock(c.Page(shfAddr), c.L(shfFlags))
			c.Set(shfRet, faultRetry)
			return Then
		}},
		shfWait: {Label: "wait", Says: "wait until the hole is punched", Ref: "shmem_falloc_waitq", When: With(ShmemFallocWaits).AndShmemPunch(), Reads: cell.Of(machine.Inodes),
			Wait: func(c *Ctx) Block { return c.Free(c.M.Falloc(c.Pgoff(1))) }, Do: func(c *Ctx) Next {
				if c.L(shfRet) != 0 {
					return c.Return(c.L(shfRet))
				}
				return Then
			}},
		shfGet: {Label: "get", Says: "find the folio", Ref: "shmem_get_folio_gfp", When: ShmemPunched, Local: true, Calls: []FuncID{fnShmemGetFolio}, Do: func(c *Ctx) Next {
			return c.Call(fnShmemGetFolio, shfGot, c.L(1), sgpCache)
		}},
		shfGot: {Label: "got", Says: "hand it over", When: ShmemPunched, Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); !c.Held(0).Some() {
				return c.Return(ret)
			}
			return c.handOver()
		}},
	},
})

const shfAddr, shfFlags, shfRet = 2, 3, 4

const (
	shfFalloc = iota
	shfDrop
	shfWait
	shfGet
	shfGot
)

const (
	sgLookup = iota
	sgAlloc
	sgAdd
	sgLock
	sgSwapped
	sgFailed
	sgPoison
)

// shmemLookup looks a page up, and decides where it comes from.
func (c *Ctx) shmemLookup() Next {
	o, sgp := c.Pgoff(1), c.L(2)
	if sgp == sgpCache && c.beyondEOF(o) {
		c.Say("it lies beyond the file's end: SIGBUS")
		return c.Return(sigbus)
	}
	if c.find(0, o) {
		return sgLock
	}
	switch slot := c.Load(c.M.CacheSlot(o)); {
	case machine.Entry(slot).IsSwap():
		c.Sayf("it was swapped out: %v", machine.Entry(slot))
		return c.Call(fnShmemSwapinFolio, sgSwapped, uint64(o), slot)
	case sgp == sgpRead && slot == 0:
		c.Say("a hole: it reads as zeros")
		return c.Return(0)
	}
	return sgAlloc
}

// shmem_swapin_folio, in straight line:
//
//	the swap cache has the folio: take a reference; else alloc, put it there locked, read, unlock
//	lock it; not in the swap cache for this entry, or the page cache has another one: put it, give up
//	wait for the end of its writeback
//	the page cache has another entry by now: unlock and put it, give up
//	the page cache: the entry becomes the folio again   // mapping is set
//	leave the swap cache, dirty; the slot is free
//	return it locked
//
// compare mm/shmem.c:shmem_swapin_folio
var _ = register(fnShmemSwapinFolio, &Func{
	Name: "shmem_swapin_folio", Was: []Name{{"shmem_swapin_page", 519}}, File: "mm/shmem.c", Params: []int{ssPage, ssEntry},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}, {"swap", IntLocal}},
	Steps: []Step{
		ssLookup: {Label: "lookup", Says: "look it up in the swap cache", Ref: "swap_cache_get_folio", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.SwapCache), Do: func(c *Ctx) Next {
			if h := machine.Hold(c.Load(c.M.SwapCache(c.swapSlot()))); h.Some() && c.TryGet(h.Frame(), 1) {
				c.Sayf("the swap cache has it: folio %d", h.Frame())
				c.Hold(0, h.Frame(), 1)
				return ssLock
			}
			return Then
		}},
		ssAlloc:  allocStep("shmem_swapin_cluster"),
		ssInsert: {Label: "insert", Says: "put it into the swap cache, locked", Ref: "add_to_swap_cache", Touches: swapCacheTouches | cell.Of(machine.LRU), Calls: []FuncID{fnFreeUnrefFolio}, Do: (*Ctx).shmemSwapInsert},
		ssRead: {Label: "read", Says: "read the page from swap, unlock it", Ref: "swap_read_folio", Touches: cell.Of(machine.Contents, machine.Flags, machine.FolioLocks), Reads: cell.Of(machine.Disk), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			v := c.fromSwap(c.swapSlot())
			c.Store(c.M.Contents(f), v)
			c.Or(c.M.Flags(f), machine.PGUptodate|machine.PGSwapBacked)
			c.Unlock(c.M.FolioLock(f))
			return Then
		}},
		ssLock: {Label: "lock", Says: "lock it; is it still what the page cache names?", Answer: "yes", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks, machine.Refs), Reads: cell.Of(machine.Mappings, machine.PageCache),
			Wait: folioLockFree, Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
				f := c.Held(0).Frame()
				if c.Load(c.M.FolioSwap(f)) != uint64(c.swapSlot())+1 || c.Load(c.M.CacheSlot(c.Pgoff(ssPage))) != c.L(ssEntry) {
					c.Say("somebody else was faster: put it, look again")
					return c.forget(end)
				}
				c.Lock(c.M.FolioLock(f))
				return Then
			}},
		ssWait: {Label: "wait_writeback", Says: "wait until it is not under writeback", Ref: "folio_wait_writeback", Reads: cell.Of(machine.Flags), Wait: writebackEnds, Do: func(c *Ctx) Next { return Then }},
		ssReplace: {Label: "replace", Says: "the page cache has the folio again", Ref: "shmem_add_to_page_cache", Touches: cell.Of(machine.PageCache, machine.Refs, machine.Mappings, machine.FolioLocks), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f, o := c.Held(0).Frame(), c.Pgoff(ssPage)
			if c.Load(c.M.CacheSlot(o)) != c.L(ssEntry) {
				c.Say("the page cache has another entry by now: unlock and put it, look again")
				c.Unlock(c.M.FolioLock(f))
				return c.forget(end)
			}
			at := c.M.FilePages()[o]
			c.Store(c.M.Mapping(f), machine.FileMapping(at.File))
			c.Store(c.M.Index(f), uint64(at.Index))
			c.Add(c.M.Ref(f), 1)
			c.M.SetCacheSlot(o, uint64(machine.MakeHold(f, 1)))
			return Then
		}},
		ssDelete: {Label: "delete", Says: "take it out of the swap cache, mark it dirty, free the slot", Ref: "delete_from_swap_cache", Touches: swapCacheTouches, Do: func(c *Ctx) Next {
			f, slot := c.Held(0).Frame(), c.swapSlot()
			c.leaveSwapCache(f)
			c.Put(f, 1)
			c.Or(c.M.Flags(f), machine.PGDirty)
			c.M.SetSwapMap(slot, 0)
			return c.handOver()
		}},
	},
})

const ssPage, ssEntry = 1, 2

const (
	ssLookup = iota
	ssAlloc
	ssInsert
	ssRead
	ssLock
	ssWait
	ssReplace
	ssDelete
)

func (c *Ctx) swapSlot() int { return c.Entry(ssEntry).Slot() }

// shmemSwapInsert puts a new folio into the swap cache, unless somebody else was faster.
// compare mm/swap_state.c:__read_swap_cache_async
func (c *Ctx) shmemSwapInsert() Next {
	f, slot := c.Held(0).Frame(), c.swapSlot()
	w := c.M.SwapMap(slot)
	v := c.Load(w)
	if v&machine.SwapHasCache != 0 || v == 0 {
		c.Say("somebody else was faster: start again")
		return c.forget(end)
	}
	c.M.SetSwapMap(slot, v|machine.SwapHasCache)
	c.Store(c.M.FolioSwap(f), uint64(slot)+1)
	c.Or(c.M.Flags(f), machine.PGSwapCache)
	c.Lock(c.M.FolioLock(f))
	c.Add(c.M.Ref(f), 1)
	c.M.SetSwapCache(slot, machine.MakeHold(f, 1))
	c.lruAdd(f)
	return Then
}

// shmem_writepage of a folio that no PTE maps, with its lock held, in straight line:
//
//	take a slot; put the folio into the swap cache, one reference more
//	the slot belongs to a file: no PTE counts there
//	the page cache: the folio becomes the swap entry; mapping is NULL; the cache's reference is dropped
//
// pageout() goes on as with an anonymous folio. Who has found the folio in the page
// cache before, and waits for its lock, sees that it is not the file's any more.
//
// compare mm/shmem.c:shmem_writepage, shmem_delete_from_page_cache
var _ = register(fnShmemWritepage, &Func{
	Name: "shmem_writepage", Was: nil, File: "mm/shmem.c", Params: []int{0},
	Locals: []Local{{"folio", FrameLocal}, {"pgoff", PgoffLocal}, {"slot", IntLocal}},
	Steps: []Step{
		{Label: "alloc_swap", Says: "take a slot, put it into the swap cache", Ref: "folio_alloc_swap", Touches: swapCacheTouches | cell.Of(machine.Slots), Choose: func(c *Ctx, offer func(int)) { c.offerSlots(offer) }, Do: func(c *Ctx) Next {
			f, slot := c.Frame(0), c.Key
			if slot == c.M.Slots {
				c.Say("swap is full: keep it, dirty")
				c.Or(c.M.Flags(f), machine.PGDirty)
				return c.Return(pageoutKeep)
			}
			c.Sayf("put it into the swap cache, at slot %d", slot)
			c.M.SetSwapMap(slot, machine.SwapHasCache|machine.SwapOfFile)
			c.Store(c.M.FolioSwap(f), uint64(slot)+1)
			c.Or(c.M.Flags(f), machine.PGSwapCache)
			c.Add(c.M.Ref(f), 1)
			c.M.SetSwapCache(slot, machine.MakeHold(f, 1))
			c.Set(2, uint64(slot))
			return Then
		}},
		{Label: "replace", Says: "the page cache has the swap entry; the folio is not the file's any more", Ref: "shmem_delete_from_page_cache", Touches: cell.Of(machine.PageCache, machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			o, _ := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(f))), int(c.Load(c.M.Index(f))))
			c.leavePageCache(f, o, uint64(machine.MakeSwap(int(c.L(2)), false)))
			c.Put(f, 1)
			return c.Return(pageoutDone)
		}},
	},
})
