package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// write_protect_page of a locked page, in straight line:
//
//	where is it mapped? Its mapping must lead to this address: failed
//	lock the PTL; the PTE does not map it: failed
//	the PTE is read-only and clean, the page not exclusive, no flush is pending: nothing to do, done
//	clear the PTE, flush the TLBs; until 4.14 those of devices, too
//	mapcount + 1 (ours) + 1 (the swap cache's) are not all references: restore the PTE, failed
//	exclusive: maybe pinned? restore the PTE, failed. Else it is exclusive no more
//	the PTE was dirty: so is the page
//	PTE = the old one, read-only and clean; unlock
//
// GUP-fast takes no lock. That the PTE is cleared and flushed before the references are
// counted is what keeps a device from writing to a page that is merged away:
//
//	CPU0 (GUP-fast, interrupts off)    CPU1 (ksmd)
//	read the PTE
//	take a reference                   clear the PTE
//	the PTE is still the same?         flush: wait for CPU0's interrupts
//	interrupts on                      count the references
//
// Either the second look sees the cleared PTE, or the count sees the reference. A PTE that is
// read-only, clean and not exclusive is not cleared, and nothing is counted: who holds the page for
// writing since before it came to be so is overlooked.
//
// compare mm/ksm.c:write_protect_page
var _ = register(fnWriteProtectPage, &Func{
	Notify: page(kwAddr),
	Name:   "write_protect_page", File: "mm/ksm.c", Params: []int{kwPage, kwAddr},
	Locals: []Local{{"page", FrameLocal}, {"pmd", TableLocal}, {"entry", PTELocal}, {"reference", HoldLocal}, {"address", PageLocal}, {"anon_exclusive", IntLocal}},
	Steps: []Step{
		kwP4D: p4dStep(kwAddr, "page_vma_mapped_walk"),
		kwWalk: {Label: "walk", Says: "is it to be found at this address? Read the PMD", Ref: "page_vma_mapped_walk", Reads: cell.Of(machine.Mappings, machine.PMDs), Do: func(c *Ctx) Next {
			if !c.leadsTo(c.Frame(kwPage), c.Page(kwAddr)) {
				c.Say("its mapping does not lead to this address")
				return c.Return(1)
			}
			if pmd := machine.Entry(c.Keep(kwPMD, c.M.PMD(c.Page(kwAddr)))); !pmd.Present() || pmd.Has(machine.PSE) {
				c.Say("there is no page table")
				return c.Return(1)
			}
			return Then
		}},
		kwLock: {Label: "lock", Says: "lock the PTL; does the PTE map it?", Answer: "yes", Ref: "check_pte", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(kwPMD))) },
			Do: func(c *Ctx) Next {
				e := machine.Entry(c.Keep(kwPTE, c.PTE(c.Frame(kwPMD), c.Page(kwAddr))))
				if !e.Present() || e.Frame() != c.Frame(kwPage) {
					c.Say("it is not mapped there any more")
					return c.Return(1)
				}
				c.lockPTL(kwPMD)
				return Then
			}},
		kwExclusive: {Label: "exclusive", Says: "is it exclusive?", Answer: "no", Ref: "PageAnonExclusive", When: With(KSMExclShare), Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			if c.Load(c.M.Flags(c.Frame(kwPage)))&machine.PGAnonExclusive != 0 {
				c.Say("it is exclusive")
				c.Set(kwExcl, 1)
				return kwCountFirst
			}
			return Then
		}},
		kwWritable: {Label: "writable", Says: "is the PTE writable or dirty?", Local: true, Do: func(c *Ctx) Next {
			if e := c.Entry(kwPTE); e.Has(machine.RW) || e.Has(machine.Dirty) {
				return kwCountFirst
			}
			return Then
		}},
		kwPending: {Label: "pending", Says: "is a flush pending in the mm?", Answer: "no", Ref: "mm_tlb_flush_pending", When: With(KSMTLBPending), Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			if c.Load(c.M.FlushPending(c.mmOf(kwAddr))) != 0 {
				c.Say("a flush is pending in the mm")
				return kwCountFirst
			}
			return Then
		}},
		kwNothing: {Label: "nothing", Says: "the PTE is read-only and clean: leave it, count nothing; unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(kwPMD)))
			c.protectedAs(c.Entry(kwPTE))
			return Return
		}},
		kwCountFirst: {Label: "count_first", Says: "before the PTE is cleared, are there other references?", Answer: "no", Counts: true, Ref: "page_count", When: Without(KSMClearBeforeCheck), Reads: cell.Of(machine.Refs, machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
			if c.ksmReferenced() {
				c.Unlock(c.M.PTL(c.Frame(kwPMD)))
				return c.Return(1)
			}
			return Then
		}, Touches: cell.Of(machine.PTLs)},
		kwEarlyWait: gracePeriodStep(If(RemoverWait, RemoverWaitRCUEarly)),
		kwClear: {Label: "clear", Says: "clear the PTE", Ref: "ptep_clear_flush", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			old := c.ClearPTE(c.Frame(kwPMD), c.Page(kwAddr))
			c.Sayf("clear the PTE: it was %v", old)
			c.Set(kwPTE, uint64(old))
			c.Hold(kwRef, old.Frame(), 1)
			return Then
		}},
		kwFlush: {Label: "flush", Says: "flush the page from every TLB", Ref: "flush_tlb_page", When: With(KSMFlush), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.Call(fnFlushTLBMMRange, kwIOTLB, uint64(c.mmOf(kwAddr)), c.L(kwAddr), c.L(kwAddr), 0)
		}},
		kwIOTLB: ksmIOTLB(kwAddr, kwMarker),
		kwMarker: {Label: "marker", Says: "put a marker there, at which faults wait; unlock the PTL, to sleep", Ref: "make_readable_migration_entry", When: If(RemoverWait, RemoverWaitRCU, RemoverWaitRCUEarly), Touches: cell.Of(machine.PTEs, machine.PTLs), Do: func(c *Ctx) Next {
			c.SetPTE(c.Frame(kwPMD), c.Page(kwAddr), c.ksmMarker())
			c.Unlock(c.M.PTL(c.Frame(kwPMD)))
			return Then
		}},
		kwWait: waitStep(kwRelock),
		kwRelock: {Label: "relock", Says: "lock the PTL again; is the marker still there?", Answer: "yes", Ref: "pte_same", When: If(RemoverWait, RemoverWaitRCU, RemoverWaitRCUEarly), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(kwPMD))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(kwPMD)
				if machine.Entry(c.Load(c.PTE(c.Frame(kwPMD), c.Page(kwAddr)))) != c.ksmMarker() {
					c.Say("the marker is gone: somebody has unmapped it")
					return kwGone
				}
				return Then
			}},
		kwUncounted: {Label: "uncounted", Says: "nobody counts references", When: Without(KSMRefcountCheck), Local: true, Do: func(c *Ctx) Next { return kwShare }},
		kwCount: {Label: "count", Says: "are there other references?", Answer: "no", Counts: true, Ref: "page_count", When: With(KSMClearBeforeCheck), Reads: cell.Of(machine.Refs, machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
			if c.ksmReferenced() {
				return kwRestore
			}
			return Then
		}},
		kwShare: {Label: "share", Says: "may it be pinned?", Answer: "no", Ref: "folio_try_share_anon_rmap_pte", When: With(KSMExclShare), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			switch {
			case c.L(kwExcl) == 0:
				c.Say("it is not exclusive")
				return kwWasDirty
			case c.maybePinned(c.Frame(kwPage)):
				c.Say("it may be pinned")
				return kwRestore
			}
			return Then
		}},
		kwEarlySet: {Label: "early_restore", Says: "is the PTE put back early?", Ref: "set_pte_at", When: Without(FenceShareBeforeRestore), Touches: cell.Of(machine.PTEs), Choose: chooseEarly, Keys: inOrderOrEarly, Do: func(c *Ctx) Next {
			if c.Key == 0 {
				c.Say("the PTE is put back in order")
				return Then
			}
			e := c.Entry(kwPTE) &^ (machine.RW | machine.Dirty)
			c.Release(kwRef)
			c.SetPTE(c.Frame(kwPMD), c.Page(kwAddr), e)
			c.Sayf("the PTE is put back before the page is exclusive no more: %v", e)
			return Then
		}},
		kwClearExcl: {Label: "clear_exclusive", Says: "it is exclusive no more", Ref: "ClearPageAnonExclusive", When: With(KSMExclShare), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(kwPage)), machine.PGAnonExclusive)
			return Then
		}},
		kwWasDirty: {Label: "was_dirty", Says: "was the PTE dirty?", Local: true, Do: func(c *Ctx) Next {
			if !c.Entry(kwPTE).Has(machine.Dirty) {
				return kwChange
			}
			return Then
		}},
		kwSetDirty: {Label: "set_dirty", Says: "the PTE was dirty: so is the page", Ref: "folio_mark_dirty", Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.Or(c.M.Flags(c.Frame(kwPage)), machine.PGDirty)
			return Then
		}},
		kwChange: changeSPTEStep(kwAddr, func(c *Ctx) machine.Entry { return machine.MakePTE(c.Frame(kwPage), 0) }),
		kwSet: {Label: "set_pte", Says: "put the PTE back, read-only and clean; unlock the PTL", Ref: "set_pte_at", Touches: cell.Of(machine.PTEs, machine.PTLs), Do: func(c *Ctx) Next {
			return c.protectBack(c.Entry(kwPTE)&^(machine.RW|machine.Dirty), 0)
		}},
		kwRestore: {Label: "restore", Says: "restore the PTE, unlock the PTL", Ref: "set_pte_at", Touches: cell.Of(machine.PTEs, machine.PTLs), Do: func(c *Ctx) Next {
			return c.protectBack(c.Entry(kwPTE), 1)
		}},
		kwGone: {Label: "gone", Says: "unlock the PTL; it is mapped once less, drop the PTE's reference", Ref: "folio_remove_rmap_pte", When: If(RemoverWait, RemoverWaitRCU, RemoverWaitRCUEarly), Touches: cell.Of(machine.PTLs, machine.Mapcounts, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(kwRef).Frame()
			c.rmapAdd(f, -1)
			c.Release(kwRef)
			c.Unlock(c.M.PTL(c.Frame(kwPMD)))
			return c.putFree(f, 1, kwFailed)
		}},
		kwFailed: {Label: "failed", Says: "it is not mapped there any more", When: If(RemoverWait, RemoverWaitRCU, RemoverWaitRCUEarly), Local: true, Do: func(c *Ctx) Next { return c.Return(1) }},
	},
})

const kwPage, kwPMD, kwPTE, kwRef, kwAddr, kwExcl = 0, 1, 2, 3, 4, 5

const (
	kwP4D = iota
	kwWalk
	kwLock
	kwExclusive
	kwWritable
	kwPending
	kwNothing
	kwCountFirst
	kwEarlyWait
	kwClear
	kwFlush
	kwIOTLB
	kwMarker
	kwWait
	kwRelock
	kwUncounted
	kwCount
	kwShare
	kwEarlySet
	kwClearExcl
	kwWasDirty
	kwSetDirty
	kwChange
	kwSet
	kwRestore
	kwGone
	kwFailed
)

// leadsTo reports whether a folio's mapping leads to an address: that of an anonymous folio which is
// not KSM's, in the family of its mm, at its index.
// compare mm/rmap.c:page_address_in_vma
func (c *Ctx) leadsTo(f machine.Frame, p machine.PageID) bool {
	mapping, at := c.Load(c.M.Mapping(f)), c.M.Pages()[p]
	mm := machine.MappingMM(mapping)
	return mm >= 0 && c.root(mm) == c.root(at.MM) && machine.MappingRegion(mapping) == c.M.HomeRegion(at.MM, at.Region) && int(c.Load(c.M.Index(f))) == at.Index
}

// root is the mm from which an mm was forked in the end: that of anon_vma->root.
func (c *Ctx) root(mm int) int {
	for c.M.MMs[mm].Parent >= 0 {
		mm = c.M.MMs[mm].Parent
	}
	return mm
}

// ksmReferenced reports whether somebody beside mappings, the swap cache and ksmd has a reference on the page.
func (c *Ctx) ksmReferenced() bool {
	f := c.Frame(kwPage)
	want := c.Load(c.M.Mapcount(f)) + 1
	if c.Load(c.M.Flags(f))&machine.PGSwapCache != 0 {
		want++
	}
	n := c.Load(c.M.Ref(f))
	if n != want {
		c.Sayf("there are other references: %d, not %d", n, want)
	}
	return n != want
}

// protectBack puts the PTE back, unlocks the PTL and returns ret.
func (c *Ctx) protectBack(e machine.Entry, ret uint64) Next {
	c.Sayf("put the PTE back: %v; unlock the PTL", e)
	if c.Held(kwRef).Some() { // else it is back already
		c.Release(kwRef)
		c.SetPTE(c.Frame(kwPMD), c.Page(kwAddr), e)
	}
	c.Unlock(c.M.PTL(c.Frame(kwPMD)))
	if ret == 0 {
		c.protectedAs(e)
	}
	return c.Return(ret)
}

// ksmMarker is what stands in the PTE's place while ksmd sleeps, in kernels that do not exist: see remover_wait.go.
func (c *Ctx) ksmMarker() machine.Entry {
	return machine.MakeMigration(machine.MigrationRead, c.Frame(kwPage), true, false)
}

// protectedAs hands the PTE over to try_to_merge_one_page.
func (c *Ctx) protectedAs(e machine.Entry) {
	c.M.Store(c.M.Local(c.Task, c.level-1, moPTE), uint64(e))
}

// replace_page of a page that write_protect_page has protected, in straight line:
//
//	no page table: failed
//	lock the PTL; the PTE is not as it was left: failed
//	kpage has one reference and one mapping more
//	clear the PTE, flush the TLBs; PTE = kpage, read-only
//	page is mapped once less; nowhere any more: drop its swap cache
//	put page; unlock
//
// Nobody counts references here. After write_protect_page the PTE is read-only and the page not
// exclusive: who wants to write has it copied, who pins it for reading has it unshared, and both change the PTE:
//
//	CPU0 (write fault)                CPU1 (ksmd)
//	copy the page                     compare the contents
//	PTE = the copy                    is the PTE still the same? No
//
// compare mm/ksm.c:replace_page
var _ = register(fnReplacePage, &Func{
	Notify: page(rpAddr),
	Name:   "replace_page", File: "mm/ksm.c", Params: []int{rpPage, rpKpage, rpOrig, rpAddr},
	Locals: []Local{{"page", FrameLocal}, {"kpage", FrameLocal}, {"pmd", TableLocal}, {"orig_pte", PTELocal}, {"new_reference", HoldLocal}, {"old_reference", HoldLocal}, {"addr", PageLocal}},
	Steps: []Step{
		rpP4D: p4dStep(rpAddr, "mm_find_pmd"),
		rpPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "mm_find_pmd", Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			if pmd := machine.Entry(c.Keep(rpTable, c.M.PMD(c.Page(rpAddr)))); !pmd.Present() || pmd.Has(machine.PSE) {
				c.Say("there is no page table any more")
				return c.Return(1)
			}
			return Then
		}},
		rpLock: lockPTLStep("lock", "lock the PTL", rpTable),
		rpRecheck: {Label: "recheck", Says: "is the PTE still the same?", Answer: "yes", Ref: "pte_same", When: With(KSMPTERecheck), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			if now := machine.Entry(c.Load(c.PTE(c.Frame(rpTable), c.Page(rpAddr)))); now != c.Entry(rpOrig).Fresh() {
				c.Sayf("the PTE has changed: it is %v; unlock the PTL", now)
				c.Unlock(c.M.PTL(c.Frame(rpTable)))
				return c.Return(1)
			}
			return Then
		}},
		rpGet: {Label: "get", Says: "take a reference on KSM's page", Ref: "get_page", Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			f := c.Frame(rpKpage)
			if f == machine.ZeroPage {
				c.Say("nobody counts the zero page")
				return rpClear
			}
			c.Get(f, 1)
			c.Hold(rpNew, f, 1)
			return Then
		}},
		rpRmapNew: {Label: "rmap", Says: "it is mapped once more", Ref: "folio_add_anon_rmap_pte", Touches: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			c.Add(c.M.Mapcount(c.Frame(rpKpage)), 1)
			return Then
		}},
		rpClear: {Label: "clear", Says: "clear the PTE", Ref: "ptep_clear_flush", Touches: cell.Of(machine.PTEs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			old := c.ClearPTE(c.Frame(rpTable), c.Page(rpAddr))
			c.Sayf("clear the PTE: it was %v", old)
			if old.Present() && old.Frame() != machine.ZeroPage {
				c.Hold(rpOld, old.Frame(), 1) // the page, or without the second look whatever is there
			}
			return c.Call(fnFlushTLBMMRange, rpIOTLB, uint64(c.mmOf(rpAddr)), c.L(rpAddr), c.L(rpAddr), 0)
		}},
		rpIOTLB:  ksmIOTLB(rpAddr, rpChange),
		rpChange: changeSPTEStep(rpAddr, (*Ctx).replacement),
		rpSet: {Label: "set_pte", Says: "map KSM's page, read-only", Ref: "set_pte_at", Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.VMAs, machine.Contents), Do: func(c *Ctx) Next {
			e := c.protected(c.replacement(), c.Page(rpAddr))
			c.Sayf("map KSM's page: %v", e)
			if h := c.Held(rpOld); h.Some() {
				c.M.Merged(h.Frame(), c.Frame(rpKpage))
			}
			c.Release(rpNew)
			c.SetPTE(c.Frame(rpTable), c.Page(rpAddr), e)
			return Then
		}},
		rpRmapOld: {Label: "rmap_old", Says: "the page is mapped once less", Ref: "folio_remove_rmap_pte", Touches: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			if h := c.Held(rpOld); h.Some() {
				c.rmapAdd(h.Frame(), -1)
				return Then
			}
			return rpUnlock
		}},
		rpSwap: {Label: "free_swap", Says: "is it mapped nowhere any more? Drop its swap cache", Ref: "folio_free_swap", Touches: swapCacheTouches, Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			if f := c.Held(rpOld).Frame(); c.folioMapcount(f) == 0 {
				c.freeSwap(f)
			}
			return Then
		}},
		rpPut: {Label: "put", Says: "drop the PTE's reference on the page", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(rpOld).Frame()
			c.Release(rpOld)
			return c.putFree(f, 1, rpUnlock)
		}},
		rpUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(rpTable)))
			return Return
		}},
	},
})

const rpPage, rpKpage, rpTable, rpOrig, rpNew, rpOld, rpAddr = 0, 1, 2, 3, 4, 5, 6

const (
	rpP4D = iota
	rpPMD
	rpLock
	rpRecheck
	rpGet
	rpRmapNew
	rpClear
	rpIOTLB
	rpChange
	rpSet
	rpRmapOld
	rpSwap
	rpPut
	rpUnlock
)

// ksmIOTLB is the step that tells devices that walk the process's page tables, under the PTL, that a PTE was cleared.
// compare include/linux/mmu_notifier.h:ptep_clear_flush_notify (until 6.5)
func ksmIOTLB(addr, back int) Step {
	s := iotlbStep(With(KSMFlushNotifies), back, page(addr).Pages)
	tell := s.Do
	s.Do = func(c *Ctx) Next {
		if !c.sim.notifiesUnderPTL {
			return Next(back)
		}
		return tell(c)
	}
	return s
}

// replacement is the PTE of KSM's page, or of the zero page.
func (c *Ctx) replacement() machine.Entry {
	f := c.Frame(rpKpage)
	if f == machine.ZeroPage {
		return machine.MakePTE(f, machine.Special)
	}
	return machine.MakePTE(f, 0)
}

// protected is an entry with the protection of the page's VMA, and its protection key: one that may not be used at all, if that is PROT_NONE. Whoever goes on with a VMA that is
// gone (without gup_vma_recheck) has the protection that it had.
// compare include/linux/mm.h:mk_pte, vma->vm_page_prot
func (c *Ctx) protected(e machine.Entry, p machine.PageID) machine.Entry {
	vma := c.Load(c.M.VMA(p))
	e = e.WithPkey(machine.VMAPkey(vma))
	if e.Has(machine.Dirty) {
		e = c.sim.mkdirty(e)
	}
	if vma != 0 && vma&machine.VMAccess == 0 {
		return e&^machine.Present | machine.ProtNone
	}
	return e
}
