package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// try_to_unmap_one, of a locked folio, in straight line:
//
//	a huge PMD entry maps it: newer, lazyfree: discard it by that; else split the PMD
//	a huge PMD entry maps another folio: done
//	lock the PTL; no PTE maps it: done; each that does:
//	the memory is locked (mlock): unlock, give up
//	clear the PTE; put the flush off, or flush at once
//	the PTE was dirty: so is the folio
//	its memory has failed: a poison entry comes in its place; mapped once less, drop the PTE's reference; unlock
//	a file's: nothing comes in its place; mapped once less, drop the PTE's reference; unlock
//	else it is in the swap cache: one PTE more will name the slot
//	exclusive: pinned? restore the PTE, give up. Else it is exclusive no more
//	PTE = swap entry; mapped once less; drop the PTE's reference; unlock
//
// The flush is put off only where the PTE's clearing and the look at the pins are
// ordered by fences (6.1 on), or exclusivity does not exist yet:
//
//	CPU0 (GUP-fast)              CPU1 (reclaim)
//	read the PTE
//	take the pin                 clear the PTE
//	PTE still the same?          pinned?
//
// one of them sees the other.
//
// compare mm/rmap.c:try_to_unmap_one
var _ = register(fnTryToUnmapOne, &Func{
	Notify: rmapOf(tuFolio, tuPage),
	Name:   "try_to_unmap_one", File: "mm/rmap.c", Params: []int{tuFolio, tuPage, tuLazy, tuFlags},
	Locals: []Local{{"folio", FrameLocal}, {"pmd", TableLocal}, {"pteval", PTELocal}, {"reference", HoldLocal}, {"address", PageLocal}, {"slot", IntLocal}, {"anon_exclusive", IntLocal}, {"defer", IntLocal}, {"lazyfree", IntLocal}, {"left", IntLocal}, {"early_pins", IntLocal}, {"flags", IntLocal}},
	Steps: []Step{
		tuP4D: p4dStep(tuPage, "page_vma_mapped_walk"),
		tuWalk: {Label: "walk", Says: "where is it mapped? Read the PMD", Ref: "page_vma_mapped_walk", Reads: cell.Of(machine.Mappings, machine.PMDs), Do: func(c *Ctx) Next {
			f := c.Frame(tuFolio)
			p := c.Page(tuPage)
			c.Set(tuSlot, c.Load(c.M.FolioSwap(f)))
			switch pmd := machine.Entry(c.Keep(tuPMD, c.M.PMD(p))); {
			case !pmd.Present():
				return Return
			case pmd.Has(machine.PSE) && pmd.Frame() != f:
				c.Say("a PMD maps another folio there")
				return Return
			case pmd.Has(machine.PSE):
				return tuHuge
			}
			return Then
		}},
		tuLock: {Label: "lock", Says: "lock the PTL; does the PTE map the folio?", Answer: "yes", Ref: "check_pte", Map: &TableMap{tuPMD, tuPage, Return}, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs, machine.Flags, machine.Mappings),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(tuPMD))) }, Do: (*Ctx).unmapLock},
		tuMlocked: unmapMlocked,
		tuEarly: {Label: "early_pins", Says: "look at the pins early?", Ref: "folio_try_share_anon_rmap_pte", When: Without(FenceClearBeforeCount), Reads: cell.Of(machine.Refs), Choose: chooseEarly, Keys: inOrderOrEarly, Do: func(c *Ctx) Next {
			if c.Key == 0 {
				c.Say("the pins are looked at in order")
				return Then
			}
			c.Set(tuEarlyPins, 1)
			if c.maybePinned(c.Frame(tuFolio)) {
				c.Set(tuEarlyPins, 2)
			}
			c.Say("the pins are looked at before the PTE is cleared")
			return Then
		}},
		tuClear: {Label: "clear", Says: "clear the PTE", Ref: "ptep_get_and_clear", Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			if (c.L(tuFlags) == ttuReclaim || c.L(tuFlags) == ttuCollapse) && c.M.Cpumask(c.tuMM())&^(1<<c.CPU) != 0 {
				c.Set(tuDefer, 1)
			}
			old := c.ClearPTE(c.Frame(tuPMD), c.Page(tuPage))
			c.Sayf("clear the PTE: it was %v", old)
			c.Set(tuPTE, uint64(old))
			c.Hold(tuRef, old.Frame(), 1)
			return Then
		}},
		tuBatch: {Label: "defer", Says: "may the flush be put off?", Ref: "should_defer_flush", When: With(ReclaimBatch), Local: true, Do: func(c *Ctx) Next {
			if c.L(tuDefer) == 0 {
				return tuFlush
			}
			return Then
		}},
		tuForced: {Label: "forced", Says: "exclusive pages are flushed at once", Ref: "should_defer_flush", When: Without(ShareFences), Local: true, Do: func(c *Ctx) Next {
			if c.L(tuExcl) != 0 {
				return tuFlush
			}
			return Then
		}},
		tuPutOff: {Label: "put_off", Says: "put the flush off", Ref: "set_tlb_ubc_flush_pending", When: With(ReclaimBatch), Touches: cell.Of(machine.MMs, machine.Batches, machine.IPIs), Do: func(c *Ctx) Next {
			c.putOffFlush(c.tuMM(), c.Entry(tuPTE))
			return tuIOTLB
		}},
		tuFlush: {Label: "flush", Says: "flush the page from every TLB", Ref: "flush_tlb_page", Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.Call(fnFlushTLBMMRange, tuDirty, uint64(c.tuMM()), c.L(tuPage), c.L(tuPage), 0)
		}},
		tuIOTLB: iotlbStep(If(SecondaryTLBs, SecondaryTLBsFlush), tuDirty, wholeMM(tuPage)),
		tuDirty: {Label: "was_dirty", Says: "was the PTE dirty?", Local: true, Do: func(c *Ctx) Next {
			if !c.Entry(tuPTE).Has(machine.Dirty) {
				return tuSwap
			}
			return Then
		}},
		tuSetDirty: {Label: "set_dirty", Says: "the PTE was dirty: so is the folio", Ref: "folio_mark_dirty", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.markDirty(c.Frame(tuFolio))
			return Then
		}},
		tuSwap: {Label: "leaves_swap", Says: "does a swap entry come in its place?", Local: true, Do: func(c *Ctx) Next {
			if c.M.Poison {
				return tuIfAsked
			}
			return c.unmapLeaves()
		}},
		tuFresh: {Label: "lzfree", Says: "was it put into swap just now, and is it clean?", Answer: "no", Ref: "TTU_LZFREE", When: Without(LazyfreeList).AndLazyfree(), Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			if c.L(tuLazy) == 0 || c.Load(c.M.Flags(c.Frame(tuFolio)))&machine.PGDirty != 0 {
				return Then
			}
			c.Say("it was put into swap just now, and is clean: discard it")
			return tuRmap
		}},
		tuDup: {Label: "swap_duplicate", Says: "one PTE more will name the slot", Ref: "swap_duplicate", Touches: cell.Of(machine.Swap), Do: func(c *Ctx) Next {
			c.M.SetSwapMap(int(c.L(tuSlot)), c.Load(c.M.SwapMap(int(c.L(tuSlot))))+1)
			if c.L(tuExcl) == 0 {
				return tuSet
			}
			return Then
		}},
		tuPinned: {Label: "share", Says: "may it be pinned?", Answer: "no", Ref: "folio_try_share_anon_rmap_pte", When: With(SharePinTest), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			pinned := c.L(tuEarlyPins) == 2
			if c.L(tuEarlyPins) == 0 {
				pinned = c.maybePinned(c.Frame(tuFolio))
			}
			if pinned {
				c.Say("it may be pinned: restore the PTE")
				return tuRestore
			}
			return Then
		}},
		tuShare: {Label: "clear_exclusive", Says: "it is exclusive no more", Ref: "ClearPageAnonExclusive", When: With(AnonExclusive), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(tuFolio)), machine.PGAnonExclusive)
			return Then
		}},
		tuSet: {Label: "set_swap", Says: "put the swap entry", Ref: "set_pte_at", When: Without(SwpExclusive), Order: Plain, Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			return c.unmapSet(false)
		}},
		tuSetExcl: {Label: "set_swap_exclusive", Says: "put the swap entry, which remembers that the page was exclusive", Ref: "pte_swp_mkexclusive", When: With(SwpExclusive), Order: Plain, Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			return c.unmapSet(c.L(tuExcl) != 0)
		}},
		tuRmap: {Label: "rmap", Says: "it is mapped once less", Ref: "folio_remove_rmap_pte", Touches: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			c.rmapAdd(c.Frame(tuPTE), -1)
			return Then
		}},
		tuPut: {Label: "put", Says: "drop the PTE's reference, unlock the PTL", Ref: "folio_put", Touches: cell.Of(machine.Refs, machine.PTLs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(tuRef).Frame()
			c.Release(tuRef)
			c.Unlock(c.M.PTL(c.Frame(tuPMD)))
			if c.L(tuLeft) > 1 {
				return c.putFree(f, 1, tuAgain)
			}
			return c.putFree(f, 1, end)
		}},
		tuRestore: {Label: "restore", Says: "restore the PTE, give the slot back, unlock the PTL", Ref: "set_pte_at", When: With(AnonExclusive), Touches: cell.Of(machine.PTEs, machine.PTLs, machine.Swap, machine.Disk), Do: func(c *Ctx) Next {
			c.swapFree(int(c.L(tuSlot)))
			c.Release(tuRef)
			c.SetPTE(c.Frame(tuPMD), c.Page(tuPage), c.Entry(tuPTE))
			c.Unlock(c.M.PTL(c.Frame(tuPMD)))
			return c.Return(1)
		}},
		tuDiscard: {Label: "discard", Says: "lazyfree: is it clean, and are there no other references?", Answer: "yes: discard it", Counts: true, Ref: "folio_ref_count", When: With(LazyfreeRefTest), Touches: cell.Of(machine.PTEs, machine.PTLs, machine.Flags), Reads: cell.Of(machine.Refs, machine.Mapcounts), Back: []int{tuRmap}, Do: func(c *Ctx) Next {
			f := c.Frame(tuFolio)
			return c.unmapLazy(c.Load(c.M.Ref(f)) == 1+c.folioMapcount(f) && c.Load(c.M.Flags(f))&machine.PGDirty == 0)
		}},
		tuDiscardClean: {Label: "discard_clean", Says: "lazyfree: is it clean?", Answer: "yes: discard it", Ref: "PageDirty", When: Without(LazyfreeRefTest), Touches: cell.Of(machine.PTEs, machine.PTLs, machine.Flags), Back: []int{tuRmap}, Do: func(c *Ctx) Next {
			return c.unmapLazy(c.Load(c.M.Flags(c.Frame(tuFolio)))&machine.PGDirty == 0)
		}},
		tuAgain: {Label: "again", Says: "the next page of the large folio", When: Large, Local: true, Back: []int{tuLock}, Do: func(c *Ctx) Next {
			c.Set(tuPTE, 0)
			c.Set(tuPage, c.L(tuPage)+1)
			return tuLock
		}},
		tuHuge:        unmapHuge,
		tuHugeDiscard: unmapHugeDiscard,
		tuHugeCheck:   unmapHugeCheck,
		tuHugePut:     unmapHugePut,
		tuHugeSplit:   unmapHugeSplit,
		tuIfAsked:     unmapPoisoned(With(PoisonIfAsked), func(flags uint64) bool { return flags == ttuPoison }),
		tuUnlessTold:  unmapPoisoned(Without(PoisonIfAsked), func(flags uint64) bool { return flags != ttuNoPoison }),
		tuSetPoison:   unmapSetPoison,
	},
})

const tuFolio, tuPMD, tuPTE, tuRef, tuPage, tuSlot, tuExcl, tuDefer, tuLazy, tuLeft, tuEarlyPins, tuFlags = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

const (
	tuP4D = iota
	tuWalk
	tuLock
	tuMlocked
	tuEarly
	tuClear
	tuBatch
	tuForced
	tuPutOff
	tuFlush
	tuIOTLB
	tuDirty
	tuSetDirty
	tuSwap
	tuFresh
	tuDup
	tuPinned
	tuShare
	tuSet
	tuSetExcl
	tuRmap
	tuPut
	tuRestore
	tuDiscard
	tuDiscardClean
	tuAgain
	tuHuge
	tuHugeDiscard
	tuHugeCheck
	tuHugePut
	tuHugeSplit
	tuIfAsked
	tuUnlessTold
	tuSetPoison
)

// What try_to_unmap is to do about flushes, and about a page whose memory has failed.
const (
	ttuReclaim  uint64 = iota // flushes may be put off
	ttuPoison                 // poison entries take the place of its PTEs
	ttuNoPoison               // it is unmapped as any page
	ttuCollapse               // flushes may be put off, and locked memory is unmapped, too
)

// unmapLeaves goes on with what comes in the PTE's place: a swap entry, or nothing.
func (c *Ctx) unmapLeaves() Next {
	if c.L(tuSlot) == 0 {
		if c.L(tuLazy) != 0 {
			return tuDiscard
		}
		return tuRmap
	}
	c.Set(tuSlot, c.L(tuSlot)-1)
	return tuFresh
}

func (c *Ctx) tuMM() int { return c.M.Pages()[c.Page(tuPage)].MM }

// putOffFlush notes that the task owes the mm a flush for an entry that it has cleared.
// compare mm/rmap.c:set_tlb_ubc_flush_pending
func (c *Ctx) putOffFlush(mm int, old machine.Entry) {
	c.M.AdvanceGeneration(mm)
	ubc := c.Load(c.M.UBC(c.Task))
	flags := ubc&machine.UBCWritable | machine.UBCRequired
	if old.Has(machine.Dirty) {
		flags |= machine.UBCWritable
	}
	c.Store(c.M.UBC(c.Task), machine.MakeUBC(flags, machine.UBCMask(ubc)|c.M.Cpumask(mm)))
	c.Store(c.M.Batched(mm), 1)
}

// unmapLock looks, under the PTL, whether the PTE maps the folio, and whether the page is exclusive.
func (c *Ctx) unmapLock() Next {
	f := c.Frame(tuFolio)
	c.walked(c.Entry(tuPMD))
	e := machine.Entry(c.Load(c.PTE(c.Frame(tuPMD), c.Page(tuPage))))
	if c.M.IsLarge(f) {
		e = c.unmapFind()
	}
	if !e.Present() || e.Frame() != f && (!c.M.IsLarge(f) || c.M.Head(e.Frame()) != f) {
		c.Say("it is not mapped there any more")
		return Return
	}
	c.lockPTL(tuPMD)
	if c.Load(c.M.Flags(f))&machine.PGAnonExclusive != 0 {
		c.Set(tuExcl, 1)
	}
	if c.lazyfree(f) {
		c.Set(tuLazy, 1)
	}
	return Then
}

// unmapFind finds the next PTE from the address on that maps a page of the large folio, and
// notes how many PTEs are left to look at, this one among them.
func (c *Ctx) unmapFind() machine.Entry {
	left := c.L(tuLeft)
	if left == 0 {
		left = uint64(c.M.FolioPages(c.Frame(tuFolio)))
	} else {
		left--
	}
	for p := c.Page(tuPage); left > 0 && p <= c.lastHuge(p); p++ {
		if e := machine.Entry(c.Load(c.PTE(c.Frame(tuPMD), p))); e.Present() && e.Frame() != machine.ZeroPage && c.M.Head(e.Frame()) == c.Frame(tuFolio) {
			c.Set(tuPage, uint64(p))
			c.Set(tuLeft, left)
			return e
		}
		if left--; p == c.lastHuge(p) {
			break
		}
	}
	return 0
}

// lazyfree reports whether a folio is an anonymous one that MADV_FREE has freed.
func (c *Ctx) lazyfree(f machine.Frame) bool {
	return c.Load(c.M.Flags(f))&machine.PGSwapBacked == 0 && c.isAnon(f)
}

// unmapLazy leaves the PTE of a lazyfree page none, or restores it: then the
// page is backed by swap again.
func (c *Ctx) unmapLazy(discard bool) Next {
	if discard {
		c.M.ExcuseLazyfree(c.Page(tuPage))
		return tuRmap
	}
	c.Say("somebody uses it, or it was written to: restore the PTE; it is backed by swap again")
	c.Or(c.M.Flags(c.Frame(tuFolio)), machine.PGSwapBacked)
	c.Release(tuRef)
	c.SetPTE(c.Frame(tuPMD), c.Page(tuPage), c.Entry(tuPTE))
	c.Unlock(c.M.PTL(c.Frame(tuPMD)))
	return c.Return(1)
}

func (c *Ctx) unmapSet(exclusive bool) Next {
	e := c.carried(machine.MakeSwap(int(c.L(tuSlot)), exclusive), c.Entry(tuPTE))
	c.Sayf("put the swap entry: %v", e)
	c.SetPTE(c.Frame(tuPMD), c.Page(tuPage), e)
	return tuRmap
}
