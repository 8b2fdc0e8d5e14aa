package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// do_wp_page, entered with the PTL held on a present, read-only PTE, in
// straight line:
//
//	the zero page, or a page of a file: copy; an unshare, until 6.1: unlock, done
//	exclusive: reuse
//	a page of KSM, too many references, or the folio lock is taken: copy
//	a page of a large folio, from 6.10 on: copy
//	in the swap cache: drop it from there; references are not 1: copy
//	it is ours alone: exclusive, reuse
//	reuse: an unshare leaves the PTE read-only; a write makes it writable and dirty; unlock
//	copy: take a reference on the old folio, unlock, wp_page_copy()
//
// Kernels before 5.19 decide by counts: by mapcount and swap users (until 5.8),
// which overlooks references through GUP; by refcount (from 5.9 on).
//
// The counts are the folio's. Of a large one, all PTEs but this may be gone: then it is ours alone, for
// one page that is used. From 6.10 on the page is copied, so that the rest can be freed.
//
// Shared mappings have a fault of their own, wp_page_shared(), which handle_pte_fault() goes to at once. That is the order
// of 6.2 on (b9086fde6d44): until then the page is looked at first, and an anonymous one is decided here even if its
// mapping is shared. A shared mapping has no anonymous pages, so that nobody sees the difference.
//
// compare mm/memory.c:do_wp_page, wp_can_reuse_anon_folio
var _ = register(fnDoWPPage, &Func{
	Name: "do_wp_page", File: "mm/memory.c", Params: []int{wpAddr, wpFlags, wpTable, wpPTE},
	Locals: wpLocals,
	Steps: []Step{
		0: {Label: "exclusive", Says: "is the page exclusive?", Answer: "no", Ref: "PageAnonExclusive", When: With(AnonExclusive), Reads: cell.Of(machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			if c.L(wpFlags)&faultAccess == faultAccess {
				return wpBug
			}
			if c.notAnon() {
				return wpNotAnon
			}
			if c.Load(c.M.Flags(c.Frame(wpPTE)))&machine.PGAnonExclusive != 0 {
				c.Say("the page is exclusive: reuse it")
				return wpReuse
			}
			return Then
		}},
		1: {Label: "count", Says: "how many references?", Counts: true, Ref: "wp_can_reuse_anon_folio", Reads: cell.Of(machine.Refs, machine.Flags, machine.LRU, machine.Mappings), Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next {
			if c.notAnon() {
				c.Say("it is not anonymous: copy")
				return wpCopy
			}
			f := c.M.Head(c.Frame(wpPTE))
			if c.M.IsLarge(f) && c.sim.copiesLarge {
				c.Say("a page of a large folio is not taken over: copy")
				return wpCopy
			}
			if c.isKSM(f) {
				c.Say("it is a page of KSM: copy")
				return wpCopy
			}
			refs, flags := c.Load(c.M.Ref(f)), c.Load(c.M.Flags(f))
			c.Sayf("how many references? %d", refs)
			if refs > 3 {
				return wpCopy
			}
			if flags&machine.PGLRU == 0 && c.batched(c.CPU) {
				return c.Call(fnLRUAddDrain, 2)
			}
			return Then
		}},
		2: {Label: "trylock", Says: "try the folio lock, leave the swap cache; is ours the only reference?", Counts: true, Ref: "folio_trylock", Touches: swapCacheTouches, Do: func(c *Ctx) Next {
			f := c.M.Head(c.Frame(wpPTE))
			cached := c.Load(c.M.Flags(f)) & machine.PGSwapCache
			refs := c.Load(c.M.Ref(f))
			if refs > 1 && cached == 0 || refs > 2 || !c.Free(c.M.FolioLock(f)).Ready() {
				c.Say("somebody else uses it: copy")
				return wpCopy
			}
			if cached != 0 {
				c.freeSwap(f)
			}
			if c.isKSM(f) || c.Load(c.M.Ref(f)) != 1 {
				c.Say("somebody else uses it: copy")
				return wpCopy
			}
			c.Say("ours is the only reference: it is exclusive")
			c.Or(c.M.Flags(c.Frame(wpPTE)), c.sim.exclusive)
			c.wpOwn()
			return Then
		}},
		wpReuse: wpReuseStep,
		wpNotAnon: {Label: "not_anon", Says: "an unshare?", Answer: "no: copy", When: Without(WPUnshareNonAnon), Local: true, Do: func(c *Ctx) Next {
			if c.L(wpFlags)&faultUnshare != 0 {
				c.Say("an unshare, and no anonymous page: there is nothing to do")
				return wpNothing
			}
			return Then
		}},
		wpCopy:   wpCopyStep,
		wpCopied: wpCopiedStep,
		wpNothing: {Label: "unlock", Says: "unlock the PTL", When: Without(WPUnshareNonAnon), Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(wpTable)))
			return Return
		}},
		wpBug: {Label: "bug", Says: "a write, and an unshare: BUG; unlock the PTL", Ref: "VM_BUG_ON", When: Without(FaultFlagsChecked), Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(wpTable)))
			return c.Signal(BUG)
		}},
	},
	Instead: []Variant{
		{If(WPReuse, WPReuseMapcount), []Step{
			0: {Label: "reuse_ksm", Says: "is it a page of KSM to which nobody else has a reference?", Answer: "no", Ref: "reuse_ksm_page", When: With(KSMReuse).AndMerging(), Touches: cell.Of(machine.Mappings), Reads: cell.Of(machine.Flags, machine.Refs, machine.FolioLocks), Do: func(c *Ctx) Next {
				f := c.Frame(wpPTE)
				if !c.isKSM(f) || !c.ksmReusable(f) {
					return Then
				}
				c.Say("it is a page of KSM to which nobody else has a reference: reuse it")
				c.ownAnon(f, c.Page(wpAddr))
				return 5
			}},
			1: {Label: "trylock", Says: "try the page lock", Ref: "trylock_page", Touches: cell.Of(machine.FolioLocks, machine.Refs, machine.PTLs), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
				f := c.M.Head(c.Frame(wpPTE))
				switch {
				case c.notAnon():
					return 6
				case c.isKSM(f):
					c.Say("it is a page of KSM: copy")
					return 6
				case c.TryLock(c.M.FolioLock(f)):
					return 4
				}
				c.Say("the page is locked: take a reference, unlock the PTL, sleep")
				c.Get(f, 1)
				c.Hold(wpOld, f, 1)
				c.Unlock(c.M.PTL(c.Frame(wpTable)))
				return Then
			}},
			2: {Label: "lock", Says: "lock the page", Ref: "lock_page", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Refs),
				Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.M.Head(c.Frame(wpPTE)))) },
				Do: func(c *Ctx) Next {
					c.Lock(c.M.FolioLock(c.M.Head(c.Frame(wpPTE))))
					return Then
				}},
			3: {Label: "relock", Says: "lock the PTL again; is the PTE still the same?", Answer: "yes", Ref: "pte_same", Touches: cell.Of(machine.FolioLocks, machine.PTLs, machine.Refs), Reads: cell.Of(machine.PTEs), Calls: []FuncID{fnFreeUnrefFolio},
				Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(wpTable))) },
				Do: func(c *Ctx) Next {
					f := c.M.Head(c.Frame(wpPTE))
					c.Release(wpOld)
					if machine.Entry(c.Load(c.PTE(c.Frame(wpTable), c.Page(wpAddr)))) != c.Entry(wpPTE).Fresh() {
						c.Say("the PTE has changed: give up")
						c.Unlock(c.M.FolioLock(f))
						return c.putFree(f, 1, end)
					}
					c.lockPTL(wpTable)
					return c.putFree(f, 1, 4)
				}},
			4: {Label: "mapcount", Says: "is this the only PTE or swap entry of the page?", Ref: "reuse_swap_page", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
				f := c.Frame(wpPTE)
				own := !c.isKSM(f) && c.reuseSwapPage(f, int(c.Load(c.M.FolioSwap(f)))-1)
				c.Unlock(c.M.FolioLock(c.M.Head(f)))
				if !own {
					c.Say("others map the page: copy")
					return 6
				}
				if !c.M.IsLarge(f) || c.folioMapcount(f) == 1 {
					c.wpOwn()
				}
				c.Say("no other maps the page: reuse it")
				return Then
			}},
			5: wpReuseStep,
			6: wpCopyStep,
			7: wpCopiedStep,
		}},
		{If(WPReuse, WPReuseRefcount1), []Step{
			0: {Label: "count", Says: "is ours the only reference?", Answer: "yes", Counts: true, Ref: "page_count", Reads: cell.Of(machine.Refs, machine.Mapcounts, machine.FolioLocks, machine.Mappings), Do: func(c *Ctx) Next {
				f := c.M.Head(c.Frame(wpPTE))
				if c.notAnon() || c.isKSM(f) || c.Load(c.M.Ref(f)) != 1 || c.folioMapcount(f) != 1 || !c.Free(c.M.FolioLock(f)).Ready() {
					c.Say("somebody else uses the page: copy")
					return 2
				}
				return Then
			}},
			1: wpReuseStep,
			2: wpCopyStep,
			3: wpCopiedStep,
		}},
	},
})

const wpTable, wpPTE, wpOld, wpAddr, wpFlags = 0, 1, 2, 3, 4

var wpLocals = []Local{{"pmd", TableLocal}, {"orig_pte", PTELocal}, {"old_page", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}}

// ksmReusable reports whether a page of KSM may be taken over, in kernels that do so: it is unlocked and has
// no reference but the PTE's. (They freeze that one meanwhile, so that ksmd gets none by way of its node.)
// compare mm/ksm.c:reuse_ksm_page (5.1 to 5.8)
func (c *Ctx) ksmReusable(f machine.Frame) bool {
	return machine.MappingKSM(c.Load(c.M.Mapping(f))) >= 0 && c.Free(c.M.FolioLock(f)).Ready() && c.Load(c.M.Flags(f))&machine.PGSwapCache == 0 && c.Load(c.M.Ref(f)) == 1
}

func (c *Ctx) zeroPage() bool { return c.Frame(wpPTE) == machine.ZeroPage }

// notAnon reports whether the page is the zero page or one of a file: it is always copied.
func (c *Ctx) notAnon() bool { return c.zeroPage() || c.isFilePage(c.Frame(wpPTE)) }

// Where do_wp_page goes on in kernels from 5.18 on.
const (
	wpReuse = iota + 3
	wpNotAnon
	wpCopy
	wpCopied
	wpNothing
	wpBug
)

// wpOwn makes the folio one of the anon_vma of the mm that takes it over: a large one, too, although one page of it is
// used.
// compare mm/rmap.c:folio_move_anon_rmap
func (c *Ctx) wpOwn() {
	f, p := c.Frame(wpPTE), c.Page(wpAddr)
	if c.M.IsLarge(f) {
		c.Store(c.M.Mapping(c.M.Head(f)), c.M.AnonMappingOf(p, c.M.Pages()[p].MM))
		return
	}
	c.ownAnon(f, p)
}

var wpReuseStep = Step{Label: "reuse", Says: "make the PTE writable and dirty, unlock the PTL", Ref: "wp_page_reuse", Touches: cell.Of(machine.PTLs, machine.PTEs), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
	if c.L(wpFlags)&faultUnshare == 0 || !c.sim.unshareKeepsRO {
		c.unshared(c.L(wpFlags), c.maybeWritable(c.Page(wpAddr)))
		c.SetPTE(c.Frame(wpTable), c.Page(wpAddr), c.sim.mkdirty(c.Entry(wpPTE)|c.maybeWritable(c.Page(wpAddr))|machine.Accessed))
		c.M.Store(c.M.Ret(c.Task), faultWrote)
	} else {
		c.Say("unshare: the PTE stays read-only; unlock the PTL")
	}
	c.Unlock(c.M.PTL(c.Frame(wpTable)))
	return Return
}}

var wpCopyStep = Step{Label: "copy", Says: "take a reference on the old page, unlock the PTL", Ref: "folio_get", Touches: cell.Of(machine.Refs, machine.PTLs), Calls: []FuncID{fnWPPageCopy}, Do: func(c *Ctx) Next {
	if c.M.Normal(c.Frame(wpPTE)) {
		c.Get(c.Frame(wpPTE), 1)
	}
	c.Unlock(c.M.PTL(c.Frame(wpTable)))
	return c.callHolding(fnWPPageCopy, int(c.M.Activation(c.Task, c.level).Step)+1, wcOld, c.L(wpAddr), c.L(wpFlags), c.L(wpTable), c.L(wpPTE))
}}

var wpCopiedStep = Step{Label: "copied", Says: "the page is copied", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }}

// unshared raises the alarm if an unshare makes a PTE writable.
func (c *Ctx) unshared(flags uint64, bits machine.Entry) {
	if flags&faultUnshare != 0 && bits.Has(machine.RW) {
		c.M.Raise(machine.AlarmUnshareWritable, uint64(c.Task))
	}
}

// maybeWritable is the bit W if the page's VMA may be written to: a write with
// FOLL_FORCE leaves the PTE of a read-only one as it is.
// compare include/linux/mm.h:maybe_mkwrite
func (c *Ctx) maybeWritable(p machine.PageID) machine.Entry {
	if c.Load(c.M.VMA(p))&machine.VMWrite != 0 {
		return machine.RW
	}
	return 0
}

// wp_page_copy, entered with a reference on the old page, in straight line:
//
//	the VMA needs an anon_vma: see do_anonymous_page()
//	new = folio_prealloc(); copy the content
//	tell secondary MMUs, here and behind the unlock
//	lock the PTL; the PTE changed: put both, done
//	clear the PTE and flush every TLB             // before the new one exists
//	the new folio: mapped once, exclusive, in the LRU batch
//	PTE = new: writable and dirty; read-only for an unshare
//	the old folio is mapped once less             // after the new PTE
//	unlock the PTL; put the old folio twice
//
// If a CPU still had the old page in its TLB when another can write the new one, they
// would not see each other's stores; if the old page's mapcount fell before, another process could
// take it for its own while a TLB here still maps it.
//
// compare mm/memory.c:wp_page_copy
var _ = register(fnWPPageCopy, &Func{
	Name: "wp_page_copy", File: "mm/memory.c", Params: []int{wcAddr, wcFlags, wcTable, wcPTE},
	Locals: []Local{{"pmd", TableLocal}, {"orig_pte", PTELocal}, {"old_folio", HoldLocal}, {"pte_reference", HoldLocal}, {"new_folio", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		wcPrepare: anonVMAStep(wcAddr, wcFlags, func(c *Ctx) Next {
			c.Set(wcWrote, faultRetry)
			return wcPutOld
		}),
		wcAlloc: {Label: "alloc", Says: "take a free frame for the copy", Ref: "folio_prealloc", Touches: allocTouches,
			Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
			Do: func(c *Ctx) Next {
				c.allocate(wcNew)
				return Then
			}},
		wcCopy: {Label: "copy", Says: "copy the content", Ref: "__wp_page_copy_user", Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			v := c.Load(c.M.Contents(c.Frame(wcPTE)))
			c.Sayf("copy the content: %s", c.M.Content(v))
			c.Store(c.M.Contents(c.Held(wcNew).Frame()), v)
			return Then
		}},
		wcNotify: wcNotifyStep,
		wcLock: {Label: "lock", Says: "lock the PTL; is the PTE still the same?", Answer: "yes", Ref: "pte_same", Map: &TableMap{wcTable, wcAddr, wcForget}, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(wcTable))) },
			Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.PTE(c.Frame(wcTable), c.Page(wcAddr)))) != c.Entry(wcPTE).Fresh() {
					c.Say("the PTE has changed: forget the copy")
					return wcForget
				}
				c.lockPTL(wcTable)
				return Then
			}},
		wcClear: {Label: "clear", Says: "clear the PTE", Ref: "ptep_clear_flush", When: With(CowClearFlushFirst), Touches: cell.Of(machine.PTEs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			c.copyClear()
			p := c.L(wcAddr)
			return c.Call(fnFlushTLBMMRange, wcIOTLB, uint64(c.M.Pages()[p].MM), p, p, 0)
		}},
		wcIOTLB:     iotlbStep(If(SecondaryTLBs, SecondaryTLBsNotifier), wcRmapEarly, func(c *Ctx) (machine.PageID, machine.PageID) { return c.Page(wcAddr), c.Page(wcAddr) }),
		wcRmapEarly: {Label: "rmap_early", Says: "the old page is mapped once less", Ref: "folio_remove_rmap_pte", When: Without(RmapDropAfterSet), Touches: cell.Of(machine.Mapcounts), Reads: cell.Of(machine.Refs), Do: (*Ctx).copyDropRmap},
		wcChange: changeSPTEStep(wcAddr, func(c *Ctx) machine.Entry {
			return machine.MakePTE(c.Held(wcNew).Frame(), machine.RW)
		}),
		wcSet: {Label: "set_pte", Says: "map the copy", Ref: "set_pte_at", Touches: mapTouches, Do: func(c *Ctx) Next {
			f, p := c.Held(wcNew).Frame(), c.Page(wcAddr)
			c.newAnon(f, p)
			bits := machine.Entry(0)
			if c.L(wcFlags)&faultWrite != 0 || !c.sim.unshareKeepsRO {
				c.unshared(c.L(wcFlags), c.maybeWritable(p))
				bits = c.maybeWritable(p) | machine.Dirty
				c.Set(wcWrote, faultWrote)
			}
			if c.M.Normal(c.Frame(wcPTE)) && !c.Held(wcPTERef).Some() {
				c.copyClear()
			}
			c.Release(wcNew)
			if c.L(wcFlags)&faultWrite == 0 {
				bits |= c.Entry(wcPTE) & machine.SoftDirty
			}
			c.SetPTE(c.Frame(wcTable), p, c.protected(machine.MakePTE(f, bits), p))
			return Then
		}},
		wcFlushLate: {Label: "flush_late", Says: "flush the TLBs, late", When: Without(CowClearFlushFirst), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			p := c.L(wcAddr)
			return c.Call(fnFlushTLBMMRange, wcRmap, uint64(c.M.Pages()[p].MM), p, p, 0)
		}},
		wcRmap: {Label: "rmap", Says: "the old page is mapped once less", Ref: "folio_remove_rmap_pte", When: With(RmapDropAfterSet), Touches: cell.Of(machine.Mapcounts), Reads: cell.Of(machine.Refs), Do: (*Ctx).copyDropRmap},
		wcUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(wcTable)))
			return Then
		}},
		wcLate: wcLateStep,
		wcTold: wcToldStep,
		wcPutPTE: {Label: "put_pte", Says: "put the PTE's reference on the old page", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.copyPut(wcPTERef, wcPutOld)
		}},
		wcForget: {Label: "forget", Says: "free the copy", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(wcNew).Frame()
			c.Release(wcNew)
			return c.putFree(f, 1, wcForgotLate)
		}},
		wcForgotLate: wcLateStep,
		wcForgotTold: wcToldStep,
		wcPutOld: {Label: "put_old", Says: "put our reference on the old page", Ref: "free_swap_cache", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(wcOld).Frame()
			if c.Held(wcOld).Some() && c.Load(c.folioFlags(f))&machine.PGSwapCache != 0 && c.folioMapcount(f) == 0 && c.Free(c.M.FolioLock(c.M.Head(f))).Ready() {
				c.freeSwap(f)
			}
			return c.copyPut(wcOld, wcDone)
		}},
		wcDone: {Label: "done", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(wcWrote)) }},
	},
})

const wcTable, wcPTE, wcOld, wcPTERef, wcNew, wcAddr, wcFlags, wcWrote = 0, 1, 2, 3, 4, 5, 6, 7

const (
	wcPrepare = iota
	wcAlloc
	wcCopy
	wcNotify
	wcLock
	wcClear
	wcIOTLB
	wcRmapEarly
	wcChange
	wcSet
	wcFlushLate
	wcRmap
	wcUnlock
	wcLate
	wcTold
	wcPutPTE
	wcForget
	wcForgotLate
	wcForgotTold
	wcPutOld
	wcDone
)

var wcNotifyStep, wcLateStep, wcToldStep = told(&Notify{Pages: page(wcAddr).Pages, OnlyEnd: true})

// copyClear clears the PTE; its reference on the old page is ours from now on.
func (c *Ctx) copyClear() {
	old := c.ClearPTE(c.Frame(wcTable), c.Page(wcAddr))
	if c.M.Normal(old.Frame()) {
		c.Hold(wcPTERef, old.Frame(), 1)
	}
}

func (c *Ctx) copyDropRmap() Next {
	if f := c.Frame(wcPTE); c.M.Normal(f) {
		c.rmapAdd(f, -1)
	}
	return Then
}

// copyPut drops what a local holds on the old page, if anything.
func (c *Ctx) copyPut(local, back int) Next {
	h := c.Held(local)
	if !h.Some() {
		return Next(back)
	}
	c.Release(local)
	return c.putFree(h.Frame(), 1, back)
}
