package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// swapCacheTouches are the classes that entering or leaving the swap cache touches.
var swapCacheTouches = cell.Of(machine.SwapCache, machine.Swap, machine.Refs, machine.Flags, machine.Mappings, machine.FolioLocks, machine.Disk)

// swapFree drops one PTE's use of a slot, or that of a file.
// compare mm/swapfile.c:swap_free
func (c *Ctx) swapFree(slot int) {
	v := c.Load(c.M.SwapMap(slot))
	if v&machine.SwapOfFile != 0 {
		c.M.SetSwapMap(slot, v&^machine.SwapOfFile)
		return
	}
	c.M.SetSwapMap(slot, v-1)
}

// leaveSwapCache takes a folio out of the swap cache with the cache's
// reference, which the caller drops or has frozen. The folio's lock is held.
// compare mm/swap_state.c:__delete_from_swap_cache
func (c *Ctx) leaveSwapCache(f machine.Frame) {
	slot := int(c.Load(c.M.FolioSwap(f))) - 1
	c.M.SetSwapCache(slot, 0)
	c.Store(c.M.FolioSwap(f), 0)
	c.AndNot(c.M.Flags(f), machine.PGSwapCache)
	c.swapcacheClear(slot)
}

// swapcacheClear takes the swap cache's mark off a slot.
func (c *Ctx) swapcacheClear(slot int) {
	c.M.SetSwapMap(slot, c.Load(c.M.SwapMap(slot))&^machine.SwapHasCache)
}

// freeSwap drops a folio's swap cache if no PTE names the slot and the folio is
// not being written; its content is then in memory alone. Never the last reference.
// compare mm/swapfile.c:folio_free_swap
func (c *Ctx) freeSwap(f machine.Frame) bool {
	flags := c.Load(c.M.Flags(f))
	if flags&machine.PGSwapCache == 0 || flags&machine.PGWriteback != 0 {
		return false
	}
	slot := int(c.Load(c.M.FolioSwap(f))) - 1
	if c.Load(c.M.SwapMap(slot))&^machine.SwapHasCache != 0 {
		return false
	}
	c.leaveSwapCache(f)
	c.Put(f, 1)
	c.Or(c.M.Flags(f), machine.PGDirty)
	c.Say("drop it from the swap cache")
	return true
}

// reuseSwapPage is the test of old: may the page be written without a copy?
// It counts PTEs and swap entries; references, GUP's among them, do not matter.
// compare mm/swapfile.c:reuse_swap_page (until 5.17)
func (c *Ctx) reuseSwapPage(f machine.Frame, slot int) bool {
	flags := c.Load(c.M.Flags(f))
	if c.sim.swapStable && flags&machine.PGWriteback != 0 {
		c.Say("it is being written, to a device that wants it still")
		return false
	}
	count := c.hugeMapcount(f)
	if count <= 1 && flags&machine.PGSwapCache != 0 {
		count += c.Load(c.M.SwapMap(slot)) &^ machine.SwapHasCache
		if count == 1 && flags&machine.PGWriteback == 0 {
			c.leaveSwapCache(f)
			c.Put(f, 1)
			c.Or(c.M.Flags(f), machine.PGDirty)
		}
	}
	return count <= 1
}

// hugeMapcount is how often that page of the folio is mapped which is mapped most often: each has what maps it alone, and
// the PMDs that map all.
// compare mm/huge_memory.c:page_trans_huge_mapcount (until 5.17)
func (c *Ctx) hugeMapcount(f machine.Frame) uint64 {
	if !c.M.IsLarge(f) {
		return c.Load(c.M.Mapcount(f))
	}
	head, count := c.M.Head(f), uint64(0)
	for i := range machine.Frame(c.M.HugePages) {
		count = max(count, c.Load(c.M.Mapcount(head+i)))
	}
	return count + c.Load(c.M.EntireMapcount(head))
}

// freeSwapAndCache calls free_swap_and_cache for the slot of an entry that was zapped. The
// callee keeps the slot as a swap entry: as a number it would be in nobody's hands.
func (c *Ctx) freeSwapAndCache(back int, e machine.Entry) Next {
	return c.Call(fnFreeSwapAndCache, back, uint64(machine.MakeSwap(e.Slot(), false)))
}

// free_swap_and_cache, in straight line, for a slot whose PTE was zapped:
//
//	one user less
//	only the swap cache is left: trylock its folio, drop it from the cache unless it is mapped
//
// compare mm/swapfile.c:free_swap_and_cache
var _ = register(fnFreeSwapAndCache, &Func{
	Name: "free_swap_and_cache", File: "mm/swapfile.c", Params: []int{1},
	Locals: []Local{{"folio", HoldLocal}, {"entry", IntLocal}},
	Steps: []Step{
		{Label: "swap_free", Says: "the slot has one user less", Ref: "__swap_entry_free", Touches: cell.Of(machine.Swap, machine.Disk), Do: func(c *Ctx) Next {
			slot := c.Entry(1).Slot()
			c.swapFree(slot)
			if c.Load(c.M.SwapMap(slot)) != machine.SwapHasCache {
				return Return
			}
			return Then
		}},
		{Label: "lookup", Says: "only the swap cache uses the slot: look the folio up, try its lock", Ref: "__try_to_reclaim_swap", Touches: swapCacheTouches, Do: func(c *Ctx) Next {
			h := machine.Hold(c.Load(c.M.SwapCache(c.Entry(1).Slot())))
			if !h.Some() || !c.TryGet(h.Frame(), 1) {
				return Return
			}
			c.Hold(0, h.Frame(), 1)
			if !c.TryLock(c.M.FolioLock(h.Frame())) {
				c.Say("its folio is locked: leave it to others")
				return 3
			}
			return Then
		}},
		{Label: "free_swap", Says: "drop it from the swap cache unless it is mapped, unlock it", Ref: "folio_free_swap", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			if c.Load(c.M.Mapcount(f)) == 0 {
				c.freeSwap(f)
			} else {
				c.Say("it is mapped: leave it in the swap cache, unlock it")
			}
			c.Unlock(c.M.FolioLock(f))
			return Then
		}},
		{Label: "put", Says: "put the folio", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			c.Release(0)
			return c.putFree(f, 1, end)
		}},
	},
})
