package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// uprobe_write_opcode, in straight line:
//
//	again: old = get_user_page_vma_remote(FOLL_FORCE | FOLL_SPLIT_PMD)      // from 5.4 on; mmap_lock is held by the caller
//	verify_opcode(): the breakpoint is there already; or it is to be taken out, and none is there: done
//	to take it out: a page that is not anonymous is the file's: done
//	the VMA has an anon_vma from here on
//	new = a copy of it, with the breakpoint; or as it was before: newer, none if the page cache has the same
//	__replace_page():
//	    folio_lock(old); lock the PTL; the PTE does not map it any more: give both back; again
//	    the copy is an anonymous page of the mm
//	    clear the PTE, flush; PTE = the copy, if there is one, read-only as in every private mapping
//	    old is mapped once less; drop the PTE's reference; unlock both
//	put_page(old)
//	the file's page came back, and is one of a huge page: collapse_pte_mapped_thp()      // from 5.4 on
//
// Nobody asks whether somebody holds the old page: a pin taken before goes stale, for reading
// and for writing. The page keeps its exclusive flag, so that unpinning it tells nobody.
//
//	CPU0 (GUP-fast)              CPU1 (uprobe_register)
//	read the PTE: frame 1
//	take the pin
//	PTE still the same? Yes
//	                             clear the PTE, flush
//	                             PTE = frame 2
//	write to frame 1             the process goes on with frame 2
//
// Until 4.10 GUP is asked for no split, and of a huge page there is no PTE to be found: it tries again for ever. Nobody was hit as long as
// files were mapped by PTEs alone (until huge tmpfs, 4.8): uprobes come to mappings of files.
//
// Rewritten (2025), it has GUP break COW to put a breakpoint in, and writes into the page that is mapped then: if the PTE is writable, or the
// page exclusive; else again, with COW broken.
//
// Where the file's page that comes back is one of a huge page, its page table goes, if it maps nothing else (collapse_pte_mapped_thp(), 5.4 and newer), so that the
// next access may map the huge page by the PMD. From 6.1 to 6.5 that leaves alone what has an anon_vma, as all has that ever had a breakpoint.
//
// Left out: that the zero page is refused (newer): no fault maps it into a mapping of a file.
//
// compare kernel/events/uprobes.c:uprobe_write_opcode, __replace_page
var _ = register(fnUprobeWriteOpcode, &Func{
	Name: "uprobe_write_opcode", File: "kernel/events/uprobes.c", Params: []int{upAddr, upValue, upRemove},
	Locals: []Local{{"old_page", HoldLocal}, {"new_page", HoldLocal}, {"reference", HoldLocal}, {"pmd", TableLocal}, {"pte", PTELocal}, {"vaddr", PageLocal}, {"opcode", IntLocal}, {"unregister", IntLocal}, {"orig_page_huge", IntLocal}},
	Steps: []Step{
		upGet: {Label: "get", Says: "get the page, to read it", Ref: "get_user_page_vma_remote", When: Without(UprobeInPlace), Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			return c.Call(fnGetUserPagesLocked, upGot, c.L(upAddr), 1, FollGet|FollForce|c.sim.uprobeSplits)
		}},
		upGetWrite: {Label: "get_write", Says: "get the page; to write to it, GUP breaks COW", Ref: "get_user_pages_remote", When: With(UprobeInPlace), Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			flags := FollGet | FollForce | c.sim.uprobeSplits
			if c.L(upRemove) != upLooking {
				flags |= FollWrite
			}
			return c.Call(fnGetUserPagesLocked, upGot, c.L(upAddr), 1, flags)
		}},
		upGot: {Label: "got", Says: "got it?", Local: true, Do: func(c *Ctx) Next {
			h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
			c.M.SetHeld(c.Task, 0)
			if ret := c.Ret(); !h.Some() {
				return c.Return(ret)
			}
			c.M.SetHold(c.M.Local(c.Task, c.level, upOld), h)
			return Then
		}},
		upVerify: {Label: "verify", Says: "is a breakpoint in it?", Ref: "verify_opcode", Reads: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			switch there := c.sim.breakpoint(c.Load(c.M.Contents(c.Held(upOld).Frame()))); {
			case there && c.L(upRemove) == 0:
				c.Say("a breakpoint is in it already")
				return upPut
			case !there && c.L(upRemove) != 0:
				c.Say("no breakpoint is in it")
				return upPut
			case there:
				c.Say("a breakpoint is in it")
				return Then
			}
			c.Say("no breakpoint is in it yet")
			return upPrepare
		}},
		upIsAnon: {Label: "anonymous", Says: "is there a copy at all?", Answer: "yes, it is anonymous", Ref: "PageAnon", Reads: cell.Of(machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
			if !c.isAnon(c.M.Head(c.Held(upOld).Frame())) {
				c.Say("it is the file's page: leave it as it is")
				return upPut
			}
			return Then
		}},
		upPrepare: {Label: "anon_vma", Says: "the VMA has an anon_vma from here on", Ref: "anon_vma_prepare", When: Without(UprobeInPlace), Touches: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			c.prepareAnonVMA(c.Page(upAddr))
			return Then
		}},
		upAlloc: {Label: "alloc", Says: "take a free frame", Ref: "alloc_page_vma", When: Without(UprobeInPlace), Touches: allocTouches,
			Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
			Do: func(c *Ctx) Next {
				c.allocate(upNew)
				return Then
			}},
		upCopy: {Label: "copy", Says: "copy the page; put the breakpoint into the copy", Ref: "copy_highpage", When: Without(UprobeInPlace), Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			c.Load(c.M.Contents(c.Held(upOld).Frame()))
			c.Store(c.M.Contents(c.Held(upNew).Frame()), c.L(upValue))
			return Then
		}},
		upHasCopy: {Label: "to_be_removed", Says: "is it to be taken out, and is there a copy?", Local: true, Do: func(c *Ctx) Next {
			if c.L(upRemove) == 0 || !c.Held(upNew).Some() {
				return upFolioLock
			}
			return Then
		}},
		upOriginal: {Label: "original", Says: "has the page cache the same?", Answer: "no", Ref: "pages_identical", When: With(UprobeOriginal), Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache, machine.Contents, machine.Flags), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			if !c.uprobeOriginal() {
				return upFolioLock
			}
			c.Say("the page cache has the same: no copy is needed")
			if o, _ := c.M.Backing(c.Page(upAddr)); c.M.KhpPasses {
				if orig, _ := machine.Cached(c.Load(c.M.CacheSlot(o))); c.M.IsLarge(orig) {
					c.Set(upHuge, 1)
				}
			}
			f := c.Held(upNew).Frame()
			c.Release(upNew)
			return c.putFree(f, 1, upFolioLock)
		}},
		upFolioLock: {Label: "lock_page", Says: "lock the old page", Ref: "folio_lock", When: Without(UprobeInPlace), Touches: cell.Of(machine.FolioLocks),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.M.Head(c.Held(upOld).Frame()))) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.FolioLock(c.M.Head(c.Held(upOld).Frame())))
				return Then
			}},
		upNotify: upNotifyStep,
		upP4D:    p4dStep(upAddr, "page_vma_mapped_walk"),
		upPMD: {Label: "walk", Says: "where is it mapped? Read the PMD", Ref: "page_vma_mapped_walk", Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(upTable, c.M.PMD(c.Page(upAddr))))
			if !pmd.Present() || pmd.Has(machine.PSE) {
				c.Say("there is no page table any more")
				return upRetryLate
			}
			return Then
		}},
		upLock: {Label: "lock", Says: "lock the PTL; does the PTE map the page?", Answer: "yes", Ref: "check_pte", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(upTable))) },
			Do: func(c *Ctx) Next {
				e := machine.Entry(c.Load(c.PTE(c.Frame(upTable), c.Page(upAddr))))
				if !e.Present() || e.Frame() != c.Held(upOld).Frame() {
					c.Say("it is not mapped there any more: again")
					return upRetryLate
				}
				c.lockPTL(upTable)
				c.Set(upPTE, uint64(e))
				if !c.Held(upNew).Some() {
					return upExclusive
				}
				return Then
			}},
		upAnon: {Label: "new_anon", Says: "the copy is an anonymous page of the mm", Ref: "folio_add_new_anon_rmap", When: Without(UprobeInPlace), Touches: mapTouches, Reads: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.newAnon(c.Held(upNew).Frame(), c.Page(upAddr))
			return Then
		}},
		upExclusive: {Label: "exclusive", Says: "is the PTE writable, or the page exclusive?", Answer: "yes", Ref: "PageAnonExclusive", When: With(UprobeInPlace), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			if c.sim.exclusive == 0 || c.Entry(upPTE).Has(machine.RW) || c.exclusiveAnon(c.Held(upOld).Frame()) {
				return Then
			}
			c.Say("the PTE is read-only, and the page may be shared: unlock the PTL; again, to break COW")
			c.Unlock(c.M.PTL(c.Frame(upTable)))
			if c.L(upRemove) != 0 {
				c.Set(upRemove, upBreaking)
			}
			return upRetryLate
		}},
		upClear: {Label: "clear", Says: "clear the PTE, flush", Ref: "ptep_clear_flush", Touches: cell.Of(machine.PTEs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			c.Hold(upRef, c.ClearPTE(c.Frame(upTable), c.Page(upAddr)).Frame(), 1)
			return c.Call(fnFlushTLBMMRange, upIOTLB, uint64(c.mmOf(upAddr)), c.L(upAddr), c.L(upAddr), 0)
		}},
		upIOTLB: iotlbStep(If(SecondaryTLBs, SecondaryTLBsNotifier), upChange, page(upAddr).Pages),
		upChange: changeSPTEStep(upAddr, func(c *Ctx) machine.Entry {
			if !c.Held(upNew).Some() {
				return machine.RW // none comes in its place
			}
			return machine.MakePTE(c.Held(upNew).Frame(), 0)
		}),
		upSet: {Label: "set", Says: "replace the page: the PTE maps the copy, read-only", Ref: "set_pte_at", Order: Plain, When: Without(UprobeInPlace), Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if !c.Held(upNew).Some() {
				c.Say("the PTE stays none: the next access finds the file's page")
				c.M.Forget(c.Page(upAddr))
				return Then
			}
			f := c.Held(upNew).Frame()
			c.Release(upNew)
			c.SetPTE(c.Frame(upTable), c.Page(upAddr), c.protected(machine.MakePTE(f, 0), c.Page(upAddr)))
			c.M.Forget(c.Page(upAddr)) // the process did not ask for that
			return Then
		}},
		upRmap: {Label: "rmap", Says: "the old page is mapped once less", Ref: "folio_remove_rmap_pte", When: Without(UprobeInPlace), Touches: cell.Of(machine.Mapcounts), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.rmapAdd(c.Held(upOld).Frame(), -1)
			return Then
		}},
		upWrite: {Label: "write", Says: "put the breakpoint into the page itself", Ref: "copy_to_page", When: With(UprobeInPlace), Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			c.Store(c.M.Contents(c.Held(upOld).Frame()), c.L(upValue))
			c.M.Forget(c.Page(upAddr))
			if c.L(upRemove) == 0 {
				return upRestore
			}
			return Then
		}},
		upZap: {Label: "zap", Says: "has the page cache the same, and nobody else a reference?", Answer: "no", Counts: true, Ref: "folio_expected_ref_count", When: With(UprobeInPlace), Touches: cell.Of(machine.Mapcounts), Reads: cell.Of(machine.PageCache, machine.Contents, machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
			f := c.Held(upOld).Frame()
			known := c.folioMapcount(f) + 1
			if c.Load(c.folioFlags(f))&machine.PGSwapCache != 0 {
				known++
			}
			if c.M.IsLarge(f) || c.Load(c.M.Ref(f)) != known || !c.uprobeOriginal() {
				return Then
			}
			c.Say("the page cache has the same, and nobody else has a reference: the PTE stays none; it is mapped once less")
			c.Set(upRemove, upZapped)
			c.rmapAdd(f, -1)
			return upUnlock
		}},
		upRestore: {Label: "restore", Says: "put the PTE back, dirty", Ref: "set_pte_at", Order: Plain, When: With(UprobeInPlace), Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			c.Release(upRef)
			c.SetPTE(c.Frame(upTable), c.Page(upAddr), c.Entry(upPTE)|machine.Dirty)
			return Then
		}},
		upUnlock: {Label: "unlock", Says: "unlock the PTL", Order: Plain, Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(upTable)))
			return Then
		}},
		upLate: upLateStep,
		upTold: upToldStep,
		upFolioUnlock: {Label: "unlock_page", Says: "unlock the old page", Ref: "folio_unlock", When: Without(UprobeInPlace), Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.M.Head(c.Held(upOld).Frame())))
			return Then
		}},
		upPutPTE: {Label: "put_pte", Says: "drop the PTE's reference on the old page", Ref: "folio_put", When: Without(UprobeInPlace), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(upRef).Frame()
			c.Release(upRef)
			return c.putFree(f, 1, upPut)
		}},
		upWasZapped: {Label: "was_zapped", Says: "does the PTE map it still?", When: With(UprobeInPlace), Local: true, Do: func(c *Ctx) Next {
			if c.L(upRemove) != upZapped {
				return upPut
			}
			return Then
		}},
		upPutZapped: {Label: "put_zapped", Says: "drop the PTE's reference", Ref: "folio_put", When: With(UprobeInPlace), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(upRef).Frame()
			c.Release(upRef)
			return c.putFree(f, 1, upPut)
		}},
		upPut: {Label: "put", Says: "drop the reference that GUP took", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := c.Held(upOld)
			c.Release(upOld)
			return c.putFree(h.Frame(), h.Count(), upCollapse)
		}},
		upCollapse: {Label: "collapse", Says: "is the file's page one of a huge page? Then take the page table, if that maps nothing else", Ref: "collapse_pte_mapped_thp", When: With(UprobeOriginal).AndKhpPasses(), Local: true, Calls: []FuncID{fnCollapsePTEMappedTHP}, Do: func(c *Ctx) Next {
			if c.L(upHuge) == 0 {
				return Then
			}
			return c.Call(fnCollapsePTEMappedTHP, upDone, c.L(upAddr), 0)
		}},
		upDone:      {Label: "done", Says: "return", Local: true, Do: func(c *Ctx) Next { return Return }},
		upRetryLate: upLateStep,
		upRetryTold: upToldStep,
		upRetry: {Label: "retry_unlock", Says: "unlock the old page", Ref: "folio_unlock", When: Without(UprobeInPlace), Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.M.Head(c.Held(upOld).Frame())))
			return Then
		}},
		upRetryNew: {Label: "retry_free", Says: "free the copy", Ref: "put_page", When: Without(UprobeInPlace), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := c.Held(upNew)
			c.Release(upNew)
			if !h.Some() {
				return Then
			}
			return c.putFree(h.Frame(), 1, upRetryOld)
		}},
		upRetryOld: {Label: "retry_put", Says: "drop the reference that GUP took; again", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{upGet, upGetWrite}, Do: func(c *Ctx) Next {
			h := c.Held(upOld)
			c.Release(upOld)
			return c.putFree(h.Frame(), h.Count(), upGet)
		}},
	},
})

// uprobe_register and uprobe_unregister, in straight line:
//
//	build_map_info(): lock i_mmap_rwsem; an mm that maps the text, and has users still: one more; unlock
//	register_for_each_vma(): mmap_write_lock()
//	    the VMA is gone; or a breakpoint is to be put in, and the process may write there: pass it over
//	    put the breakpoint in, or take it out; mmap_write_unlock()
//	mmput()
//
// An mm whose last user is gone is passed over: nobody will run that text. Who has a user more keeps the memory, and may be the last to go.
//
// compare kernel/events/uprobes.c:build_map_info, register_for_each_vma, valid_vma
var (
	_ = register(fnUprobeRegister, forEachVMA("uprobe_register", fnUprobeWriteOpcode, machine.VMWrite))
	_ = register(fnUprobeUnregister, forEachVMA("uprobe_unregister", fnSetOrigInsn, 0))
)

// forEachVMA is the loop over the VMAs that map the text, of which there is one here; those with a bit of unfit are passed over.
func forEachVMA(name string, write FuncID, unfit uint64) *Func {
	const vaddr, opcode, ret = 0, 1, 2
	const mm, lock, vma, call, wrote, unlock, put, done = 0, 1, 2, 3, 4, 5, 6, 7
	goes := func(c *Ctx) bool { return c.M.MMs[c.mmOf(vaddr)].Exits }
	return &Func{Name: name, File: "kernel/events/uprobes.c", Params: []int{vaddr, opcode},
		Locals: []Local{{"vaddr", PageLocal}, {"opcode", IntLocal}, {"ret", IntLocal}},
		Steps: []Step{
			mm: {Label: "map_info", Says: "has the mm users still? One more", Ref: "mmget_not_zero", When: UprobedExit, Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
				if goes(c) && c.keepMM(c.mmOf(vaddr)) != Then {
					c.Say("the mm is going: pass it over")
					return c.Return(0)
				}
				return Then
			}},
			lock: mmapWriteLockOf(vaddr, Cond{}),
			vma: {Label: "vma", Says: "is there a VMA that may have breakpoints?", Answer: "yes", Ref: "valid_vma", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
				switch vma := c.Load(c.M.VMA(c.Page(vaddr))); {
				case vma == 0:
					c.Say("there is no VMA any more: pass it over")
					return unlock
				case vma&unfit != 0:
					c.Say("the process may write there: pass it over")
					return unlock
				}
				return Then
			}},
			call: {Label: "write", Says: "for the VMA", Ref: "register_for_each_vma", Local: true, Calls: []FuncID{write}, Do: func(c *Ctx) Next {
				return c.Call(write, wrote, c.L(vaddr), c.L(opcode))
			}},
			wrote: {Label: "wrote", Says: "has that been done?", Local: true, Do: func(c *Ctx) Next {
				c.Set(ret, c.Ret())
				return Then
			}},
			unlock: mmapWriteUnlockOf(vaddr, Cond{}),
			put: {Label: "mmput", Says: "drop the reference on the mm", Ref: "mmput", When: UprobedExit, Local: true, Calls: []FuncID{fnMMPut}, Do: func(c *Ctx) Next {
				if !goes(c) {
					return Then
				}
				return c.Call(fnMMPut, done, uint64(c.mmOf(vaddr)))
			}},
			done: {Label: "done", Says: "return", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(ret)) }},
		}}
}

// uprobesMeetExit reports whether somebody may put a breakpoint into memory that goes with its process.
func (s *Setup) uprobesMeetExit() bool {
	return s.calls(func(c *Call) bool { return c.entry == fnUprobeRegister || c.entry == fnUprobeUnregister }) &&
		s.calls(func(c *Call) bool { return c.entry == fnExit })
}

// Probes reports whether a statement can be played, as far as it is about a breakpoint: uprobes come to private mappings of files, not of hugetlb. (All here
// may be made executable, as where the file system is not mounted noexec.)
// compare kernel/events/uprobes.c:valid_vma
func (s *Setup) Probes(st *Stmt) bool {
	if st.Call.entry != fnUprobeRegister && st.Call.entry != fnUprobeUnregister {
		return true
	}
	r := &s.MMs[st.Args[0].MM].Regions[st.Args[0].Region]
	return r.Kind == machine.RegionFilePrivate && !s.hugetlb(r)
}

// breakpoint reports whether a page with that content has a breakpoint: what somebody puts there as one.
// compare kernel/events/uprobes.c:is_swbp_insn
func (s *Sim) breakpoint(content uint64) bool {
	for _, t := range s.Setup.Tasks {
		for _, st := range t.Body {
			if st.Call.Name == "uprobe_register" && s.M.Value(st.Args[1].Value) == content {
				return true
			}
		}
	}
	return false
}

const upOld, upNew, upRef, upTable, upPTE, upAddr, upValue, upRemove, upHuge = 0, 1, 2, 3, 4, 5, 6, 7, 8

// What upRemove says besides 0, that a breakpoint is put in: that it is taken out; that COW must be broken for it; that the PTE was left none.
const upLooking, upBreaking, upZapped = 1, 3, 2

// uprobeOriginal reports whether the page cache has an uptodate page that holds what the text held before.
func (c *Ctx) uprobeOriginal() bool {
	o, ok := c.M.Backing(c.Page(upAddr))
	if !ok {
		return false
	}
	f, cached := machine.Cached(c.Load(c.M.CacheSlot(o)))
	return cached && c.Load(c.folioFlags(f))&machine.PGUptodate != 0 && c.Load(c.M.Contents(f)) == c.L(upValue)
}

// set_orig_insn takes the breakpoint out again: uprobe_write_opcode, with what was there before.
//
// From 5.4 on the copy goes, if the page cache has the same: whoever holds it is left with it.
//
// compare kernel/events/uprobes.c:set_orig_insn
var _ = register(fnSetOrigInsn, &Func{
	Name: "set_orig_insn", File: "kernel/events/uprobes.c", Params: []int{0, 1},
	Locals: []Local{{"vaddr", PageLocal}, {"opcode", IntLocal}},
	Steps: []Step{
		{Label: "write", Says: "put back what was there", Ref: "uprobe_write_opcode", Local: true, Calls: []FuncID{fnUprobeWriteOpcode}, Do: func(c *Ctx) Next {
			return c.Call(fnUprobeWriteOpcode, 1, c.L(0), c.L(1), 1)
		}},
		{Label: "done", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
	},
})

const (
	upGet = iota
	upGetWrite
	upGot
	upVerify
	upIsAnon
	upPrepare
	upAlloc
	upCopy
	upHasCopy
	upOriginal
	upFolioLock
	upNotify
	upP4D
	upPMD
	upLock
	upAnon
	upExclusive
	upClear
	upIOTLB
	upChange
	upSet
	upRmap
	upWrite
	upZap
	upRestore
	upUnlock
	upLate
	upTold
	upFolioUnlock
	upPutPTE
	upWasZapped
	upPutZapped
	upPut
	upCollapse
	upDone
	upRetryLate
	upRetryTold
	upRetry
	upRetryNew
	upRetryOld
)

var upNotifyStep, upLateStep, upToldStep = told(page(upAddr))
