package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// do_swap_page, in straight line:
//
//	the PTE was read in halves: lock the PTL, is it that? unlock; no: back out
//	folio = swap_cache_get_folio(entry)
//	none: read it from the device: past the swap cache if only this PTE names
//	      the slot and the device is synchronous, else through the swap cache
//	its memory has failed: put it, SIGBUS
//	newer: the device may still be reading it: who gives up rather than wait is told so
//	lock the folio; somebody else has it: drop mmap_lock, wait, and make the fault again
//	not in the swap cache for this entry any more: start again
//	its mapping leads to another address (KSM shared it once): go on with a copy of it
//	lock the PTL; the PTE changed: back out; the folio is not uptodate: SIGBUS
//	exclusive = the entry says so, and it is not being written to a device that wants it still
//	give the slot back; drop the swap cache if nobody else needs it
//	mapped once more, exclusive; PTE = folio, writable if ...; unlock the folio      // older: the PTE first
//	a write that is not satisfied: do_wp_page()
//	unlock the PTL
//
// Where swap is more than half full, every swap-in drops the swap cache, and so does reclaim with what it could not unmap. (Left out, read in source, 6.12: who looks for a slot then
// takes one that the swap cache alone uses; and free_swap_and_cache does not mind that the page is mapped.)
//
// compare mm/memory.c:do_swap_page
var _ = register(fnDoSwapPage, &Func{
	Name: "do_swap_page", File: "mm/memory.c", Params: []int{dsAddr, dsFlags, dsTable, dsPTE},
	Locals: []Local{{"pmd", TableLocal}, {"orig_pte", PTELocal}, {"folio", HoldLocal}, {"swapcache", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}, {"cached", IntLocal}, {"swap_full", IntLocal}},
	Steps: []Step{
		dsSame: {Label: "unmap_same", Says: "with the PTL locked: is the PTE what its halves said?", Answer: "yes", Ref: "pte_unmap_same", When: Halved, Reads: cell.Of(machine.PTEs, machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dsTable))) },
			Do: func(c *Ctx) Next {
				if now := machine.Entry(c.Load(c.PTE(c.Frame(dsTable), c.Page(dsAddr)))); now != c.Entry(dsPTE) {
					c.Sayf("the PTE is %v: halves of two were read; back out", now)
					return Return
				}
				return Then
			}},
		dsVMALock: {Label: "vma_lock", Says: "is the VMA's own lock held alone?", Answer: "no", Ref: "FAULT_FLAG_VMA_LOCK", When: If(VMALockFaults, VMALockAnonymous), Touches: cell.Of(machine.MMLocks), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if c.L(dsFlags)&faultVMALock == 0 {
				return Then
			}
			c.Say("the VMA's own lock is held alone: drop it; the fault must be made again")
			c.dropFaultLock(c.Page(dsAddr), c.L(dsFlags))
			return c.Return(faultRetry)
		}},
		dsLookup: {Label: "lookup", Says: "look it up in the swap cache", Ref: "swap_cache_get_folio", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.SwapCache, machine.Swap), Do: (*Ctx).swapLookup},
		dsPast: {Label: "alloc", Says: "take a free frame, to read past the swap cache", Ref: "alloc_swap_folio", When: With(SwapinSkipsCache), Touches: allocTouches,
			Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
			Do: func(c *Ctx) Next {
				c.allocate(dsFolio)
				return Then
			}},
		dsPrepare: {Label: "prepare", Says: "mark the slot as cached", Ref: "swapcache_prepare", When: With(SwapcachePrepare), Touches: cell.Of(machine.Swap, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			w := c.M.SwapMap(c.Entry(dsPTE).Slot())
			v := c.Load(w)
			if v&machine.SwapHasCache != 0 || v == 0 {
				c.Say("somebody else reads it: back out")
				f := c.Held(dsFolio).Frame()
				c.Release(dsFolio)
				return c.putFree(f, 1, end)
			}
			c.M.SetSwapMap(c.Entry(dsPTE).Slot(), v|machine.SwapHasCache)
			return Then
		}},
		dsReadPast: {Label: "read", Says: "read the page from swap", Ref: "swap_read_folio", When: With(SwapinSkipsCache), Touches: cell.Of(machine.Contents, machine.Flags, machine.FolioLocks), Reads: cell.Of(machine.Disk), Do: func(c *Ctx) Next {
			c.swapRead()
			c.Lock(c.M.FolioLock(c.Held(dsFolio).Frame()))
			return dsMap
		}},
		dsAlloc: {Label: "alloc_cached", Says: "take a free frame", Ref: "__read_swap_cache_async", Touches: allocTouches,
			Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
			Do: func(c *Ctx) Next {
				c.allocate(dsFolio)
				return Then
			}},
		dsInsert: {Label: "insert", Says: "put it into the swap cache, locked", Ref: "add_to_swap_cache", Touches: swapCacheTouches | cell.Of(machine.LRU), Calls: []FuncID{fnFreeUnrefFolio}, Do: (*Ctx).swapInsert},
		dsRead: {Label: "read_cached", Says: "read the page from swap, unlock it", Ref: "swap_read_folio", When: With(SwapinPolls), Touches: cell.Of(machine.Contents, machine.Flags, machine.FolioLocks), Reads: cell.Of(machine.Disk), Do: func(c *Ctx) Next {
			c.swapRead()
			c.Unlock(c.M.FolioLock(c.Held(dsFolio).Frame()))
			return dsLock
		}},
		dsReadOn: {Label: "read_cached", Says: "read the page from swap, unlock it", Ref: "swap_read_folio", When: Without(SwapinPolls), Touches: cell.Of(machine.Contents, machine.Flags, machine.FolioLocks), Reads: cell.Of(machine.Disk), Do: func(c *Ctx) Next {
			c.swapRead()
			c.Unlock(c.M.FolioLock(c.Held(dsFolio).Frame()))
			if c.L(dsFlags)&faultOnce != 0 && c.sim.Setup.SwapAsync && c.Load(c.M.Zeromap(c.Entry(dsPTE).Slot())) == 0 {
				c.Say("read the page from swap; who does not wait for that gives up")
				return dsWait
			}
			return Then
		}},
		dsLock: {Label: "lock_folio", Says: "lock the folio; is it still in the swap cache?", Answer: "yes", Ref: "folio_lock_or_retry", Touches: cell.Of(machine.FolioLocks, machine.Refs, machine.MMLocks), Reads: cell.Of(machine.Mappings), Calls: []FuncID{fnFreeUnrefFolio},
			Wait: func(c *Ctx) Block {
				if mayDrop(c.L(dsFlags)) {
					return Block{}
				}
				return c.Free(c.M.FolioLock(c.Held(dsFolio).Frame()))
			}, Do: (*Ctx).swapLock},
		dsKSM: {Label: "ksm", Says: "does its mapping lead elsewhere, so that it must be copied?", Answer: "no", Ref: "ksm_might_need_to_copy", When: Merging, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Held(dsFolio).Frame()
			switch mapping := c.Load(c.M.Mapping(f)); {
			case mapping == 0, machine.MappingKSM(mapping) >= 0, c.leadsTo(f, c.Page(dsAddr)):
				return dsLRU
			}
			c.Say("its mapping leads to another address: copy it")
			return Then
		}},
		dsCopy: {Label: "copy", Says: "take a free frame and copy it, locked and dirty", Ref: "ksm_might_need_to_copy", When: Merging, Touches: allocTouches | cell.Of(machine.Flags, machine.FolioLocks),
			Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
			Do: func(c *Ctx) Next {
				old := c.Held(dsFolio).Frame()
				c.Release(dsFolio)
				c.Hold(dsSwapcache, old, 1)
				c.allocate(dsFolio)
				f := c.Held(dsFolio).Frame()
				c.Store(c.M.Contents(f), c.Load(c.M.Contents(old)))
				c.Store(c.M.Flags(f), machine.PGUptodate|machine.PGSwapBacked|machine.PGDirty)
				c.Lock(c.M.FolioLock(f))
				c.Set(dsCached, swapCopied)
				return dsMap
			}},
		dsLRU: {Label: "lru", Says: "a write to a folio that is not on the LRU list?", Answer: "no", When: If(SwapinWritable, SwapinOnWrite, SwapinIfExclusive), Reads: cell.Of(machine.Flags), Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next {
			if c.L(dsFlags)&faultWrite != 0 && c.Load(c.M.Flags(c.Held(dsFolio).Frame()))&machine.PGLRU == 0 {
				c.Say("a write to a folio that is not on the LRU list: drain the batch")
				return c.Call(fnLRUAddDrain, dsMap)
			}
			return Then
		}},
		dsMap: {Label: "lock", Says: "lock the PTL; is the PTE still the same?", Answer: "yes", Ref: "pte_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dsTable))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(dsTable)
				now := machine.Entry(c.Load(c.PTE(c.Frame(dsTable), c.Page(dsAddr))))
				if now != c.Entry(dsPTE) {
					c.Sayf("the PTE has changed: it is %v; back out", now)
					return dsBackOut
				}
				if c.M.Poison {
					return dsUptodate
				}
				return Then
			}},
		dsStable: {Label: "stable", Says: "is it being written to a device that wants it still?", Answer: "no", Ref: "SWP_STABLE_WRITES", When: With(SwapinStableWrites).AndStableSwap(), Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			if c.Load(c.M.Flags(c.Held(dsFolio).Frame()))&machine.PGWriteback != 0 {
				c.Say("it is being written, to a device that wants it still: it is not exclusive")
				c.Set(dsPTE, uint64(c.Entry(dsPTE)&^machine.SwpExclusive))
			}
			return Then
		}},
		dsSwapFree: {Label: "swap_free", Says: "give the slot back", Ref: "swap_free", When: With(SwapinSwapFreeFirst), Touches: cell.Of(machine.Swap, machine.Disk), Do: func(c *Ctx) Next {
			c.swapFree(c.Entry(dsPTE).Slot())
			return Then
		}},
		dsFull: swapFull(dsNearlyFull, With(SwapinSwapFreeFirst)),
		dsTryFree: {Label: "free_swap", Says: "drop it from the swap cache, if this write is its only user", Ref: "should_try_to_free_swap", When: With(SwapinSwapFreeFirst),
			Touches: swapCacheTouches, Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
				f := c.Held(dsFolio).Frame()
				if c.L(dsNearlyFull) != 0 || c.mlocked(c.Page(dsAddr)) || c.L(dsFlags)&faultWrite != 0 && !c.isKSM(f) && c.Load(c.M.Ref(f)) == 2 {
					c.freeSwap(f)
				}
				c.Set(dsNearlyFull, 0)
				return Then
			}},
		dsSetExclusive: {Label: "set_pte", Says: "map it: writable if exclusive or nobody else has a reference", Ref: "set_ptes", When: If(SwapinWritable, SwapinIfExclusive), Touches: mapTouches,
			Do: func(c *Ctx) Next {
				e := c.Entry(dsPTE)
				f := c.Held(dsFolio).Frame()
				exclusive := e.Has(machine.SwpExclusive) || c.L(dsCached) != swapCached
				return c.swapMap(!c.isKSM(f) && (exclusive || c.Load(c.M.Ref(f)) == 1), c.sim.readSwapinWritable)
			}},
		dsSetOnWrite: {Label: "set_pte", Says: "map it: writable for a write, if nobody else has a reference", Ref: "set_pte_at", When: If(SwapinWritable, SwapinOnWrite), Touches: mapTouches,
			Do: func(c *Ctx) Next {
				f := c.Held(dsFolio).Frame()
				return c.swapMap(!c.isKSM(f) && (c.L(dsCached) != swapCached || c.Load(c.M.Ref(f)) == 1), false)
			}},
		dsSetReuse: {Label: "set_pte", Says: "map it: writable for a write, if no other PTE names it", Ref: "reuse_swap_page", When: If(SwapinWritable, SwapinReuseSwapPage),
			Touches: mapTouches | swapCacheTouches, Do: func(c *Ctx) Next {
				return c.swapMap(c.L(dsFlags)&faultWrite != 0 && !c.isKSM(c.Held(dsFolio).Frame()) && c.reuseSwapPage(c.Held(dsFolio).Frame(), c.Entry(dsPTE).Slot()), false)
			}},
		dsRmapLate: {Label: "rmap_late", Says: "it is mapped once more", Ref: "page_add_anon_rmap", When: Without(SwapinRmapFirst), Touches: cell.Of(machine.Mapcounts, machine.Flags, machine.Mappings, machine.LRU, machine.Refs, machine.VMAs), Do: func(c *Ctx) Next {
			c.swapRmap(c.L(dsCached)&swapOwn != 0)
			c.Set(dsCached, c.L(dsCached)&^swapOwn)
			return Then
		}},
		dsFullLate: swapFull(dsNearlyFull, Without(SwapinSwapFreeFirst)),
		dsSwapFreeLate: {Label: "swap_free_late", Says: "give the slot back", Ref: "swap_free", When: Without(SwapinSwapFreeFirst), Touches: swapCacheTouches, Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			c.swapFree(c.Entry(dsPTE).Slot())
			if c.L(dsNearlyFull) != 0 || c.mlocked(c.Page(dsAddr)) {
				c.freeSwap(c.Frame(dsFolio))
			}
			c.Set(dsNearlyFull, 0)
			return Then
		}},
		dsUnlockFolio: {Label: "unlock_folio", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Frame(dsFolio)))
			return Then
		}},
		dsPutCopied: {Label: "put_copied", Says: "unlock what was copied, put it", Ref: "folio_put", When: Merging, Touches: cell.Of(machine.FolioLocks, machine.Refs), Reads: cell.Of(machine.PTEs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.swapPutCopied(dsWP)
		}},
		dsWP: {Label: "wp", Says: "a write that the PTE does not allow?", Local: true, Calls: []FuncID{fnDoWPPage}, Do: func(c *Ctx) Next {
			e := machine.Entry(c.Load(c.PTE(c.Frame(dsTable), c.Page(dsAddr))))
			if c.L(dsFlags)&faultWrite == 0 || e.Has(machine.RW) {
				return Then
			}
			return c.Call(fnDoWPPage, dsPrepared, c.L(dsAddr), c.L(dsFlags), c.L(dsTable), uint64(e))
		}},
		dsUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(dsTable)))
			return dsPrepared
		}},
		dsBackOut: {Label: "back_out", Says: "unlock the PTL and the folio, put it", Touches: cell.Of(machine.PTLs, machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(dsFolio).Frame()
			c.Unlock(c.M.PTL(c.Frame(dsTable)))
			c.Unlock(c.M.FolioLock(f))
			c.Release(dsFolio)
			return c.putFree(f, 1, dsBackCopied)
		}},
		dsBackCopied: {Label: "back_copied", Says: "unlock what was copied, put it", Ref: "folio_put", When: Merging, Touches: cell.Of(machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.swapPutCopied(dsPrepared)
		}},
		dsPrepared: {Label: "prepared", Says: "was the slot marked?", Local: true, Do: func(c *Ctx) Next {
			if c.L(dsCached) != swapPast {
				return Return
			}
			return Then
		}},
		dsClear: {Label: "clear", Says: "take the mark off the slot", Ref: "swapcache_clear", When: With(SwapcachePrepare), Touches: cell.Of(machine.Swap, machine.Disk), Do: func(c *Ctx) Next {
			c.swapcacheClear(c.Entry(dsPTE).Slot())
			return Then
		}},
		dsDone: {Label: "done", Says: "fault done", Local: true, Do: func(c *Ctx) Next { return Return }},
		dsWait: {Label: "wait", Says: "wait until the folio is unlocked; put it", Ref: "folio_wait_locked", Touches: cell.Of(machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio},
			Wait: func(c *Ctx) Block {
				if c.L(dsFlags)&faultRetryNowait != 0 {
					return Block{}
				}
				return c.faultWait(c.L(dsFlags), c.Free(c.M.FolioLock(c.Held(dsFolio).Frame())))
			},
			Do: func(c *Ctx) Next {
				f := c.Held(dsFolio).Frame()
				c.Release(dsFolio)
				return c.putFree(f, 1, dsRetry)
			}},
		dsRetry:    {Label: "retry", Says: "the fault must be made again", Ref: "VM_FAULT_RETRY", Local: true, Do: func(c *Ctx) Next { return c.Return(faultRetry) }},
		dsFailed:   swapFailed,
		dsPoison:   faultPoison,
		dsUptodate: swapUptodate,
		dsBus:      {Label: "sigbus", Says: "SIGBUS", When: Poisoning, Local: true, Do: func(c *Ctx) Next { return c.Return(sigbus) }},
	},
})

const dsTable, dsPTE, dsFolio, dsSwapcache, dsAddr, dsFlags, dsCached, dsNearlyFull = 0, 1, 2, 3, 4, 5, 6, 7

const (
	dsSame = iota
	dsVMALock
	dsLookup
	dsPast
	dsPrepare
	dsReadPast
	dsAlloc
	dsInsert
	dsRead
	dsReadOn
	dsLock
	dsKSM
	dsCopy
	dsLRU
	dsMap
	dsStable
	dsSwapFree
	dsFull
	dsTryFree
	dsSetExclusive
	dsSetOnWrite
	dsSetReuse
	dsRmapLate
	dsFullLate
	dsSwapFreeLate
	dsUnlockFolio
	dsPutCopied
	dsWP
	dsUnlock
	dsBackOut
	dsBackCopied
	dsPrepared
	dsClear
	dsDone
	dsWait
	dsRetry
	dsFailed
	dsPoison
	dsUptodate
	dsBus
)

// How a folio that swap-in maps has come there.
const (
	swapPast   uint64 = iota // read from the device, past the swap cache
	swapCached               // from the swap cache
	swapCopied               // a copy of that

	swapOwn = 4 // beside these: it is the process's own, and not yet counted as mapped
)

// swapPutCopied unlocks and puts the folio of the swap cache that was copied, if there is one.
func (c *Ctx) swapPutCopied(back int) Next {
	h := c.Held(dsSwapcache)
	if !h.Some() {
		c.Say("nothing was copied")
		return Next(back)
	}
	c.Unlock(c.M.FolioLock(h.Frame()))
	c.Release(dsSwapcache)
	return c.putFree(h.Frame(), 1, back)
}

// swapLookup finds the folio in the swap cache and takes a reference; else it
// decides how to read it.
func (c *Ctx) swapLookup() Next {
	slot := c.Entry(dsPTE).Slot()
	if h := machine.Hold(c.Load(c.M.SwapCache(slot))); h.Some() && c.TryGet(h.Frame(), 1) {
		c.Sayf("the swap cache has it: folio %d", h.Frame())
		c.Hold(dsFolio, h.Frame(), 1)
		c.Set(dsCached, swapCached)
		if c.M.Poison {
			return dsFailed
		}
		return dsLock
	}
	if c.sim.Setup.SwapAsync || c.Load(c.M.SwapMap(slot)) != 1 {
		c.Say("not in the swap cache: read it through the cache")
		return dsAlloc
	}
	c.Say("not in the swap cache")
	return dsPast
}

// fromSwap is what a read of a slot gets.
// compare mm/page_io.c:swap_read_folio
func (c *Ctx) fromSwap(slot int) uint64 {
	v := c.Load(c.M.Disk(slot))
	c.Sayf("read %s from swap", c.M.Content(v))
	if c.Load(c.M.Zeromap(slot)) != 0 {
		c.Say("the slot is one of zeros: nothing is read")
		v = 0
	}
	c.M.ReadSwap(slot, v)
	return v
}

// swapRead reads the slot into the folio.
func (c *Ctx) swapRead() {
	f := c.Held(dsFolio).Frame()
	c.Store(c.M.Contents(f), c.fromSwap(c.Entry(dsPTE).Slot()))
	c.Store(c.M.Flags(f), c.Load(c.M.Flags(f))|machine.PGUptodate|machine.PGSwapBacked)
}

// swapInsert puts the new folio into the swap cache, unless somebody else was faster.
// compare mm/swap_state.c:__read_swap_cache_async
func (c *Ctx) swapInsert() Next {
	f, slot := c.Held(dsFolio).Frame(), c.Entry(dsPTE).Slot()
	w := c.M.SwapMap(slot)
	v := c.Load(w)
	if v&machine.SwapHasCache != 0 || v == 0 {
		c.Say("somebody else was faster: start again")
		c.Release(dsFolio)
		return c.putFree(f, 1, end)
	}
	c.M.SetSwapMap(slot, v|machine.SwapHasCache)
	c.Store(c.M.FolioSwap(f), uint64(slot)+1)
	c.Or(c.M.Flags(f), machine.PGSwapCache)
	c.Lock(c.M.FolioLock(f))
	c.Add(c.M.Ref(f), 1)
	c.M.SetSwapCache(slot, machine.MakeHold(f, 1))
	c.lruAdd(f)
	c.Set(dsCached, swapCached)
	return Then
}

// swapLock locks a folio from the swap cache; the look-up's reference does not
// keep it there, so it must be looked at again.
func (c *Ctx) swapLock() Next {
	f := c.Held(dsFolio).Frame()
	if c.Load(c.M.FolioLock(f)) != 0 { // mayDrop
		c.Say("somebody else has locked it: drop mmap_lock before waiting")
		if c.L(dsFlags)&faultRetryNowait != 0 {
			c.Say("somebody else has locked it: do not wait")
		}
		c.dropFaultLock(c.Page(dsAddr), c.L(dsFlags))
		return dsWait
	}
	if c.Load(c.M.FolioSwap(f)) != uint64(c.Entry(dsPTE).Slot())+1 {
		c.Say("it has left the swap cache: back out")
		c.Release(dsFolio)
		return c.putFree(f, 1, end)
	}
	c.Lock(c.M.FolioLock(f))
	return Then
}

// swapMap maps the folio: the reference of the look-up becomes the PTE's. own says
// that the page may be written here without a copy; onRead that a read fault
// maps it writable, too, then.
func (c *Ctx) swapMap(own, onRead bool) Next {
	f, p := c.Held(dsFolio).Frame(), c.Page(dsAddr)
	write := c.L(dsFlags)&faultWrite != 0
	onRead = onRead && !c.watched(p, c.Entry(dsPTE)) // 6.12 asks the entry and the VMA (read in source)
	bits := machine.Entry(0)
	if own && c.Load(c.M.VMA(p))&machine.VMWrite != 0 && (write || onRead) {
		bits |= machine.RW
		if write {
			bits |= machine.Dirty
		}
	}
	if c.sim.swapRmapFirst {
		c.swapRmap(own)
	} else if own {
		c.Set(dsCached, c.L(dsCached)|swapOwn)
	}
	e := c.carried(c.protected(machine.MakePTE(f, bits), p), c.Entry(dsPTE))
	c.Sayf("map it: %v", e)
	c.Release(dsFolio)
	c.Set(dsFolio, uint64(machine.Uncounted(f)))
	c.SetPTE(c.Frame(dsTable), p, e)
	return Then
}

// swapRmap counts the folio as mapped once more, exclusively if it is the process's own; one that does not come from the swap cache enters the LRU batch.
// compare mm/rmap.c:folio_add_anon_rmap_ptes
func (c *Ctx) swapRmap(own bool) {
	f, p := c.Frame(dsFolio), c.Page(dsAddr)
	if own {
		c.Or(c.M.Flags(f), c.sim.exclusive)
	}
	if !c.isAnon(f) {
		c.newlyAnon(f, p, own)
	}
	c.Add(c.M.Mapcount(f), 1)
	if c.L(dsCached)&^swapOwn != swapCached {
		c.lruAdd(f)
	}
}

// swapFull looks whether more than half of the slots are taken, and notes it in a local.
// compare mm/swapfile.c:vm_swap_full
func swapFull(local int, when Cond) Step {
	return Step{Label: "swap_full", Says: "are more than half of the slots taken?", Answer: "no", Ref: "mem_cgroup_swap_full", When: when.AndFewSlots(), Reads: cell.Of(machine.Swap), Anywhere: cell.Of(machine.Swap), Do: func(c *Ctx) Next {
		free := 0
		for slot := range c.M.Slots {
			if c.Load(c.M.SwapMap(slot)) == 0 {
				free++
			}
		}
		if c.Set(local, 0); 2*free < c.M.Slots {
			c.Say("more than half of the slots are taken")
			c.Set(local, 1)
		}
		return Then
	}}
}
