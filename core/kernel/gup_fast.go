package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// gupFileWas is where x86 had its own GUP-fast.
var gupFileWas = []Name{{"arch/x86/mm/gup.c", ownGUP}}

// gup_fast_fallback, in straight line:
//
//	if pinning: mark the mm as one with pinned pages
//	if gup_fast() got (in 5.8: as if for writing) all pages: return them
//	__gup_longterm_locked() for the rest    // under mmap_lock
//	return how many there are; none: the error
//
// compare mm/gup.c:gup_fast_fallback
var _ = register(fnGUPFastFallback, &Func{
	Name: "gup_fast_fallback", Was: []Name{{"get_user_pages_fast", 507}, {"internal_get_user_pages_fast", 610}}, File: "mm/gup.c", FileWas: gupFileWas,
	Params: []int{gfAddr, gfNr, gfFlags},
	Locals: []Local{{"start", PageLocal}, {"gup_flags", FlagsLocal}, {"nr_pages", IntLocal}},
	Steps: []Step{
		gfPinning: {Label: "pinning", Says: "pinning?", Local: true, Do: func(c *Ctx) Next {
			if c.L(gfFlags)&FollPin == 0 {
				return gfForced
			}
			return Then
		}},
		gfMark:      markStore(ownMM, Then),
		gfMarked:    markAsked(ownMM, gfForced),
		gfHasPinned: markSet(ownMM, Then),
		gfForced: {Label: "fast_forced", Says: "try without locks, as if for writing: COW must be broken first", Ref: "gup_pgd_range(FOLL_WRITE)", When: With(ForcedCOW), Local: true, Calls: []FuncID{fnGUPFast}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFast, gfGot, c.L(gfAddr), c.L(gfNr), c.L(gfFlags)|FollWrite)
		}},
		gfFast: {Label: "fast", Says: "try without locks", Ref: "gup_fast", When: Without(ForcedCOW), Local: true, Calls: []FuncID{fnGUPFast}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFast, gfGot, c.L(gfAddr), c.L(gfNr), c.L(gfFlags))
		}},
		gfGot: {Label: "got", Says: "got it?", Local: true, Do: func(c *Ctx) Next {
			if c.gotPages() == c.L(gfNr) {
				return Return
			}
			return Then
		}},
		gfLongterm: gupLongterm(gfAddr, gfNr, gfFlags, FollTouch|FollUnlockable, FollTouch|FollUnlockable, gfSlow),
		gfLocked: {Label: "locked", Says: "get it under mmap_lock", Ref: "__gup_longterm_locked", Local: true, Calls: []FuncID{fnGetUserPagesLocked, fnCheckDAXVMAs}, Do: func(c *Ctx) Next {
			got := c.gotPages()
			return c.Call(c.lockedGUP(c.L(gfFlags)), gfSlow, c.L(gfAddr)+got, c.L(gfNr)-got, c.L(gfFlags)|c.fallbackFlags())
		}},
		gfSlow: {Label: "slow", Says: "return what the slow path got", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
	},
})

const gfAddr, gfFlags, gfNr = 0, 1, 2

// fallbackFlags are what the slow path is told beside the caller's flags: what is got is touched, and mmap_lock may be dropped; but until v6.2 neither for pins
// for long, which went past get_user_pages_unlocked().
// compare mm/gup.c:__gup_longterm_unlocked (6.1)
func (c *Ctx) fallbackFlags() uint64 {
	if c.L(gfFlags)&FollLongterm != 0 && !c.sim.longtermUnlocks {
		return 0
	}
	return FollTouch | FollUnlockable
}

const (
	gfPinning = iota
	gfMark
	gfMarked
	gfHasPinned
	gfForced
	gfFast
	gfGot
	gfLongterm
	gfLocked
	gfSlow
)

// Marking an mm as one with pinned pages: until 5.13 a word of its own, which is stored plainly every time; since a bit of
// mm->flags, set atomically unless it is set already. Who finds it set makes no atomic access, so nothing is waited for.
// compare mm/gup.c:mm_set_has_pinned_flag

// markStore stores it, and goes on at step marked.
func markStore(mm func(*Ctx) int, marked Next) Step {
	return Step{Label: "has_pinned", Says: "mark the mm: it may have pinned pages", Ref: "atomic_set(&mm->has_pinned, 1)", Order: Plain, When: If(HasPinnedMark, HasPinnedStore), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
		c.Store(c.M.MMFlags(mm(c)), machine.MMFHasPinned)
		return marked
	}}
}

// markAsked asks for it, and goes on at step marked if it is there. Without store buffers it tells nothing, and is left out.
func markAsked(mm func(*Ctx) int, marked Next) Step {
	return Step{Label: "is_marked", Says: "is the mm marked as one with pinned pages already?", Answer: "no", Ref: "test_bit(MMF_HAS_PINNED)", When: If(HasPinnedMark, HasPinnedBit).AndTSO(), Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
		if c.Load(c.M.MMFlags(mm(c)))&machine.MMFHasPinned != 0 {
			c.Say("the mm is marked already: it may have pinned pages")
			return marked
		}
		return Then
	}}
}

// markSet sets it, and goes on at step marked.
func markSet(mm func(*Ctx) int, marked Next) Step {
	return Step{Label: "has_pinned", Says: "mark the mm: it may have pinned pages", Ref: "mm_set_has_pinned_flag", When: If(HasPinnedMark, HasPinnedBit), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
		c.Or(c.M.MMFlags(mm(c)), machine.MMFHasPinned)
		return marked
	}}
}

// ownMM is the mm of the task that makes the call.
func ownMM(c *Ctx) int { return c.MM }

// gup_fast, in straight line:
//
//	seq = read(mm->write_protect_seq); odd: fork is at it, give up
//	local_irq_save()
//	gup_fast_pgd_range()
//	local_irq_restore()
//	write_protect_seq changed: unpin all that was got
//	sanity_check_pinned_pages()     // no step: it asks what the claim pinned-anon-exclusive judges in that moment
//
// With interrupts off, page tables are not freed under the walk: whoever frees
// one first waits for this CPU, by IPI or by RCU.
//
// compare mm/gup.c:gup_fast
var _ = register(fnGUPFast, &Func{
	Name: "gup_fast", Was: []Name{{"get_user_pages_fast", 507}, {"internal_get_user_pages_fast", 511}, {"lockless_pages_from_mm", 610}}, File: "mm/gup.c", FileWas: gupFileWas,
	Params: []int{gsAddr, gsNr, gsFlags},
	Locals: []Local{{"page", FrameLocal}, {"start", PageLocal}, {"gup_flags", FlagsLocal}, {"seq", IntLocal}, {"nr_pages", IntLocal}},
	Steps: []Step{
		gsPin: {Label: "pinning", Says: "pinning?", When: Without(GUPSeqcount), Local: true, Do: func(c *Ctx) Next {
			if c.L(gsFlags)&FollPin == 0 {
				return gsIRQOff
			}
			return Then
		}},
		gsSeq: {Label: "seq", Says: "read write_protect_seq", Ref: "raw_read_seqcount", When: With(GUPWriteProtectSeq),
			Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
				if c.Keep(gsSeqVal, c.M.WriteProtectSeq(c.MM))&1 != 0 {
					c.Say("write_protect_seq is odd: fork is at it, give up")
					return Return
				}
				return Then
			}},
		gsIRQOff: {Label: "irq_off", Says: "disable interrupts", Ref: "local_irq_save", When: With(GUPIRQOff),
			Touches: cell.Of(machine.IRQs), Do: func(c *Ctx) Next {
				c.Store(c.M.IRQOff(c.CPU), 1)
				return Then
			}},
		gsWalkP4D: {Label: "walk_p4d", Says: "walk all levels of page tables", Ref: "gup_fast_pgd_range", When: P4DsRead, Local: true, Calls: []FuncID{fnGUPFastP4DRange}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFastP4DRange, gsIRQOn, 0, c.L(gsAddr), c.L(gsAddr)+c.L(gsNr), c.L(gsFlags))
		}},
		gsWalkPUD: {Label: "walk_pud", Says: "walk the page tables", Ref: "gup_fast_pgd_range", When: SharedPMDs, Local: true, Calls: []FuncID{fnGUPFastPUDRange}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFastPUDRange, gsIRQOn, 0, c.L(gsAddr), c.L(gsAddr)+c.L(gsNr), c.L(gsFlags))
		}},
		gsWalk: {Label: "walk", Says: "walk the page tables", Ref: "gup_fast_pgd_range", Local: true, Calls: []FuncID{fnGUPFastPMDRange}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFastPMDRange, gsIRQOn, 0, c.L(gsAddr), c.L(gsAddr)+c.L(gsNr), c.L(gsFlags))
		}},
		gsIRQOn: {Label: "irq_on", Says: "enable interrupts", Ref: "local_irq_restore", When: With(GUPIRQOff),
			Touches: cell.Of(machine.IRQs, machine.RCU), Do: func(c *Ctx) Next {
				c.Store(c.M.IRQOff(c.CPU), 0)
				c.M.Quiescent(c.CPU)
				return Then
			}},
		gsGotAny: {Label: "got_any", Says: "got something?", When: With(GUPSeqcount), Local: true, Do: func(c *Ctx) Next {
			if c.gotPages() == 0 {
				return Return
			}
			return gsSeqAgain
		}},
		gsGot: {Label: "got", Says: "a pin to be checked against fork?", When: Without(GUPSeqcount), Local: true, Do: func(c *Ctx) Next {
			if c.L(gsFlags)&FollPin == 0 || c.gotPages() == 0 {
				return Return
			}
			return Then
		}},
		gsSeqAgain: {Label: "seq_again", Says: "is write_protect_seq still the same?", Answer: "yes", Ref: "read_seqcount_retry", When: With(GUPWriteProtectSeq),
			Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
				if c.Load(c.M.WriteProtectSeq(c.MM)) != c.L(gsSeqVal) {
					c.Say("write_protect_seq changed: fork came between")
					return Then
				}
				return Return
			}},
		gsUnpin: {Label: "unpin", Says: "unpin it: fork came between", Ref: "gup_fast_unpin_user_pages", When: With(GUPWriteProtectSeq),
			Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
				c.backToLast()
				return c.undoGrab(c.L(gsFlags), gsMore)
			}},
		gsMore: {Label: "more", Says: "is there another?", When: With(GUPWriteProtectSeq).AndSeveral(), Local: true, Back: []int{gsUnpin}, Do: func(c *Ctx) Next {
			if c.gotPages() > 0 {
				return gsUnpin
			}
			return Then
		}},
		gsDone: {Label: "nothing", Says: "nothing got", Local: true, Do: func(c *Ctx) Next { return Return }},
	},
})

const gsAddr, gsFlags, gsSeqVal, gsNr = 1, 2, 3, 4

const (
	gsPin = iota
	gsSeq
	gsIRQOff
	gsWalkP4D
	gsWalkPUD
	gsWalk
	gsIRQOn
	gsGotAny
	gsGot
	gsSeqAgain
	gsUnpin
	gsMore
	gsDone
)

// gup_fast_pgd_range and what it calls down to the PMD, in straight line:
//
//	pgd, pud: as they are while the mm lives, unless mms share PMD tables, or free_pgd_range() takes them away (upper_tables.go)
//	every PMD entry up to end:
//	    pmd = pmdp_get_lockless(pmdp); none: give up
//	    a huge page: gup_fast_pmd_leaf(pmd)
//	    gup_fast_pte_range(pmd)
//	    one of its pages was not got: give up
//
// compare mm/gup.c:gup_fast_pmd_range
var _ = register(fnGUPFastPMDRange, &Func{
	Name: "gup_fast_pmd_range", Was: []Name{{"gup_pmd_range", 610}}, File: "mm/gup.c", FileWas: gupFileWas,
	Params: []int{gmPUD, gmAddr, gmEnd, gmFlags},
	Locals: []Local{{"pmd", TableLocal}, {"pud", TableLocal}, {"addr", PageLocal}, {"flags", FlagsLocal}, {"end", PageLocal}},
	Steps: []Step{
		gmReadHalves: {Label: "read_halves", Says: "read the PMD, half by half", Ref: "pmdp_get_lockless", When: Halved, Local: true, Calls: []FuncID{fnPMDGetLockless}, Do: func(c *Ctx) Next {
			return c.Call(fnPMDGetLockless, gmGoByIt, c.L(gmPUD), c.L(gmAddr))
		}},
		gmGoByIt: {Label: "go_by_it", Says: "go by that", Ref: "pmd_present", When: Halved, Local: true, Calls: []FuncID{fnGUPFastPTERange, fnGUPFastPMDLeaf}, Do: (*Ctx).followPMD},
		gmRead: {Label: "read_pmd", Says: "read the PMD", Ref: "pmdp_get_lockless", When: Whole, Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnGUPFastPTERange, fnGUPFastPMDLeaf}, Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(gmPMD, c.pmdThrough(gmPUD, gmAddr)))
			switch {
			case pmd.Has(machine.PSE):
				c.Sayf("read the PMD: %v", pmd.Fresh())
			case pmd.Present():
				c.Sayf("read the PMD (page table: frame %d)", pmd.Frame())
			}
			return c.followPMD()
		}},
		gmNext: {Label: "next_pmd", Says: "got its pages, and are there more?", When: Several, Local: true, Back: []int{gmReadHalves}, Do: func(c *Ctx) Next {
			next := uint64(c.M.HugeEnd(c.Page(gmAddr)))
			if !c.inHand().Some() || next >= c.L(gmEnd) {
				return Return
			}
			c.nextPage()
			c.Set(gmPMD, 0)
			c.Set(gmAddr, next)
			return gmReadHalves
		}},
	},
})

// followPMD goes down by the PMD that was read.
func (c *Ctx) followPMD() Next {
	pmd := c.Entry(gmPMD)
	if !pmd.Present() {
		c.Say("the PMD is none: give up")
		return Return
	}
	next := min(c.L(gmEnd), uint64(c.M.HugeEnd(c.Page(gmAddr)))) // pmd_addr_end()
	if pmd.Has(machine.PSE) {
		return c.Call(fnGUPFastPMDLeaf, gmNext, uint64(pmd), c.L(gmPUD), c.L(gmAddr), next, c.L(gmFlags))
	}
	return c.Call(fnGUPFastPTERange, gmNext, uint64(pmd), c.L(gmAddr), next, c.L(gmFlags))
}

const gmPMD, gmPUD, gmAddr, gmFlags, gmEnd = 0, 1, 2, 3, 4

const (
	gmReadHalves = iota
	gmGoByIt
	gmRead
	gmNext
)

// gup_fast_pte_range, in straight line:
//
//	every PTE up to end:
//	    pte = ptep_get_lockless(ptep)
//	    not present, or does not allow what is asked, or special: give up; but a device's page (devmap) is got, unless it is for long
//	    folio = try_grab_folio_fast(pte_page(pte)); none: give up
//	    secret memory, from 5.14 to 6.8: put the folio, give up
//	    PMD or PTE changed: put the folio, give up
//	    gup_fast_folio_allowed(folio), from 6.5 on; not: put the folio, give up
//	    pinning read-only what may be shared: put the folio, give up
//	    folio_set_referenced(folio)
//
// Who gives up keeps the pages that it has.
//
// The folio may be grabbed after it was freed and came to somebody else; the
// second look at the PTE is what catches it:
//
//	CPU0 (GUP-fast)              CPU1 (reclaim)          CPU2
//	read the PTE: frame 3
//	                             clear the PTE
//	                             write out, free frame 3
//	                                                     allocate frame 3
//	take a reference on frame 3
//	is the PTE still the same? No: put it
//
// compare mm/gup.c:gup_fast_pte_range
var _ = register(fnGUPFastPTERange, &Func{
	Name: "gup_fast_pte_range", Was: []Name{{"gup_pte_range", 610}}, File: "mm/gup.c", FileWas: gupFileWas,
	Params: []int{gpPMD, gpAddr, gpEnd, gpFlags},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"again", PTELocal}, {"addr", PageLocal}, {"flags", FlagsLocal}, {"early", IntLocal}, {"end", PageLocal}},
	Steps: []Step{
		gpReadHalves: {Label: "read_halves", Says: "read the PTE, half by half", Ref: "ptep_get_lockless", When: Halved, Local: true, Calls: []FuncID{fnPTEGetLockless}, Do: func(c *Ctx) Next {
			return c.Call(fnPTEGetLockless, gpEarly, c.L(gpPMD), c.L(gpAddr))
		}},
		gpRead: {Label: "read_pte", Says: "read the PTE", Ref: "ptep_get_lockless", When: Whole, Reads: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			e := c.LoadPTE(gpPTE, c.Entry(gpPMD), c.Page(gpAddr))
			c.Sayf("read the PTE: %v", e)
			return Then
		}},
		gpEarly: {Label: "early_recheck", Says: "read the PTE again early?", Ref: "pte_val(pte) != pte_val(ptep_get(ptep))", When: Without(FenceGrabBeforeRecheck).AndWhole(), Reads: cell.Of(machine.PTEs), Choose: chooseEarly, Keys: inOrderOrEarly, Do: func(c *Ctx) Next {
			if c.Key == 0 {
				c.Say("the PTE is read again in order")
				return Then
			}
			c.walked(c.Entry(gpPMD))
			c.Keep(gpAgain, c.PTE(c.Frame(gpPMD), c.Page(gpAddr)))
			c.Set(gpIsEarly, gpReadEarly)
			c.Say("the PTE is read again before the reference is taken")
			return Then
		}},
		gpPermitted: {Label: "permitted", Says: "present, and allows what is asked?", Ref: "pte_access_permitted", Local: true, Calls: []FuncID{fnTryGrabFolioFast}, Do: func(c *Ctx) Next {
			e := c.Entry(gpPTE)
			if !e.Has(machine.Present|machine.User) || c.L(gpFlags)&FollWrite != 0 && !e.Has(machine.RW) || e.Has(machine.Special) && !e.Has(machine.Devmap) {
				return Return
			}
			if e.Has(machine.Devmap) && c.L(gpFlags)&FollLongterm != 0 {
				c.Say("a page of a file on DAX, for long: the slow path must decide")
				return Return
			}
			if c.gupFastForbidden(e, c.L(gpFlags)) {
				return Return
			}
			return c.Call(fnTryGrabFolioFast, gpGrabbed, c.L(gpPTE), 1, c.L(gpFlags))
		}},
		gpGrabbed: {Label: "grabbed", Says: "got a reference?", Local: true, Do: func(c *Ctx) Next {
			if c.Ret()&failed != 0 {
				return Return
			}
			return Then
		}},
		gpSecretmem: {Label: "secretmem", Says: "is it secret memory?", Ref: "folio_is_secretmem", When: If(GUPSecretmemTest, SecretmemCheckBefore).AndMappings(), Local: true, Calls: []FuncID{fnFolioIsSecretmem}, Do: func(c *Ctx) Next {
			return c.Call(fnFolioIsSecretmem, gpIsSecretmem, c.L(gpPTE))
		}},
		gpIsSecretmem: {Label: "is_secretmem", Says: "no secret memory?", When: If(GUPSecretmemTest, SecretmemCheckBefore).AndMappings(), Local: true, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return gpPut
			}
			return Then
		}},
		gpAllowedFirst: {Label: "allowed_first", Says: "may this folio be pinned so?", Ref: "gup_fast_folio_allowed", When: If(GUPFastFolioAllowed, FolioAllowedBefore), Local: true, Calls: []FuncID{fnGUPFastFolioAllowed}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFastFolioAllowed, gpIsAllowedFirst, c.L(gpPTE), c.L(gpFlags))
		}},
		gpIsAllowedFirst: {Label: "is_allowed_first", Says: "allowed?", When: If(GUPFastFolioAllowed, FolioAllowedBefore), Local: true, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return gpPut
			}
			return Then
		}},
		gpEarlyExcl: {Label: "early_exclusive", Says: "ask early whether it must be unshared?", Ref: "gup_must_unshare", When: Without(FenceRecheckBeforeExclusive), Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs), Choose: (*Ctx).chooseEarlyPin, Keys: inOrderOrEarly, Do: func(c *Ctx) Next {
			if c.Key == 0 {
				c.Say("that is asked in order")
				return Then
			}
			c.Set(gpIsEarly, c.L(gpIsEarly)|gpAskedEarly)
			if c.mustUnshare(c.Frame(gpPTE), c.L(gpFlags)) {
				c.Set(gpIsEarly, c.L(gpIsEarly)|gpMustEarly)
			}
			c.Say("that is asked before the PTE is read again")
			return Then
		}},
		gpPMDFirst: gpPMDHalf, gpPMDSecond: gpOtherPMDHalf,
		gpRecheckPMD: {Label: "recheck_pmd", Says: "is the PMD still the same?", Answer: "yes", Ref: "pmd_val(pmd) != pmd_val(*pmdp)", When: With(GUPPMDRecheck).AndWhole(),
			Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.M.PMD(c.Page(gpAddr)))) != c.Entry(gpPMD).Fresh() {
					c.Say("the PMD has changed")
					return gpPut
				}
				return Then
			}},
		gpPTEFirst: gpPTEHalf, gpPTESecond: gpOtherPTEHalf,
		gpRecheckPTE: {Label: "recheck_pte", Says: "is the PTE still the same?", Answer: "yes", Ref: "pte_val(pte) != pte_val(ptep_get(ptep))", When: With(GUPPTERecheck).AndWhole(),
			Reads: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
				now := c.Entry(gpAgain).Fresh()
				if c.L(gpIsEarly)&gpReadEarly == 0 {
					c.walked(c.Entry(gpPMD))
					now = machine.Entry(c.Load(c.PTE(c.Frame(gpPMD), c.Page(gpAddr))))
				}
				if now != c.Entry(gpPTE).Fresh() {
					c.Sayf("the PTE has changed: it is %v", now)
					return gpPut
				}
				return Then
			}},
		gpAllowed: {Label: "allowed", Says: "may this folio be pinned so?", Ref: "gup_fast_folio_allowed", When: If(GUPFastFolioAllowed, FolioAllowedAfter), Local: true, Calls: []FuncID{fnGUPFastFolioAllowed}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFastFolioAllowed, gpIsAllowed, c.L(gpPTE), c.L(gpFlags))
		}},
		gpIsAllowed: {Label: "is_allowed", Says: "allowed?", When: If(GUPFastFolioAllowed, FolioAllowedAfter), Local: true, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return gpPut
			}
			return Then
		}},
		gpReadOnly: {Label: "read_only_pin", Says: "a read-only pin through a read-only PTE?", Local: true, When: With(GUPUnshare), Do: func(c *Ctx) Next {
			if f := c.L(gpFlags); f&FollPin == 0 || f&FollWrite != 0 || c.Entry(gpPTE).Has(machine.RW) {
				return gpReferenced
			}
			return Then
		}},
		gpUnshare: {Label: "must_unshare", Says: "must it be unshared first?", Ref: "gup_must_unshare", When: With(GUPUnshare),
			Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
				must := c.L(gpIsEarly)&gpMustEarly != 0
				if c.L(gpIsEarly)&gpAskedEarly == 0 {
					must = c.mustUnshare(c.Frame(gpPTE), c.L(gpFlags))
				}
				if must {
					c.Say("it may be shared: the slow path must unshare it")
					return gpPut
				}
				c.Say("it need not be unshared")
				return Then
			}},
		gpReferenced: {Label: "referenced", Says: "mark it referenced", Ref: "folio_set_referenced", Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.Or(c.folioFlags(c.Frame(gpPTE)), machine.PGReferenced)
			c.gotPage(c.Frame(gpPTE))
			if c.L(gpAddr)+1 == c.L(gpEnd) {
				return Return
			}
			return Then
		}},
		gpNext: {Label: "next_pte", Says: "the next page", Ref: "ptep++", When: Several, Local: true, Back: []int{gpReadHalves}, Do: func(c *Ctx) Next {
			c.nextPage()
			for _, local := range []int{gpPTE, gpAgain, gpIsEarly} {
				c.Set(local, 0)
			}
			c.Set(gpAddr, c.L(gpAddr)+1)
			return gpReadHalves
		}},
		gpPut: {Label: "put", Says: "put the reference back", Ref: "gup_put_folio", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.undoGrab(c.L(gpFlags), gpDone)
		}},
		gpDone: {Label: "stop", Says: "give up the fast way", Local: true, Do: func(c *Ctx) Next { return Return }},
	},
})

const gpPMD, gpPTE, gpAgain, gpAddr, gpFlags, gpIsEarly, gpEnd = 0, 1, 2, 3, 4, 5, 6

const (
	gpReadHalves = iota
	gpRead
	gpEarly
	gpPermitted
	gpGrabbed
	gpSecretmem
	gpIsSecretmem
	gpAllowedFirst
	gpIsAllowedFirst
	gpEarlyExcl
	gpPMDFirst
	gpPMDSecond
	gpRecheckPMD
	gpPTEFirst
	gpPTESecond
	gpRecheckPTE
	gpAllowed
	gpIsAllowed
	gpReadOnly
	gpUnshare
	gpReferenced
	gpNext
	gpPut
	gpDone
)

// What was done early, where a fence is missing, and which half of an entry was looked at again first: bits of gpIsEarly.
const (
	gpReadEarly = 1 << iota
	gpAskedEarly
	gpMustEarly
	gpHighFirst
)

// chooseEarlyPin is chooseEarly for a read-only pin through a read-only PTE: others do not ask.
func (c *Ctx) chooseEarlyPin(offer func(int)) {
	offer(0)
	if f := c.L(gpFlags); f&uint64(FollPin) != 0 && f&uint64(FollWrite) == 0 && !c.Entry(gpPTE).Has(machine.RW) {
		offer(1)
	}
}
