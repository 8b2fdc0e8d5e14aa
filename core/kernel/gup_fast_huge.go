package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// gup_fast_pmd_leaf, in straight line:
//
//	does not allow what is asked: give up
//	folio = try_grab_folio_fast(the page within it, one reference for each page up to end); none: give up
//	PMD changed: put the folio, give up
//	gup_fast_folio_allowed(folio); not: put the folio, give up
//	pinning read-only what may be shared: put the folio, give up
//	folio_set_referenced(folio)
//
// As with a PTE, the folio may have gone to somebody else before the reference is taken:
//
//	CPU0 (GUP-fast)                  CPU1 (munmap)                CPU2
//	read the PMD: huge, frame 4
//	                                 clear the PMD, free folio 4
//	                                                              allocate frame 5
//	take a reference: on folio 4? 5?
//	is the PMD still the same? No: put it
//
// Left out: in 6.12, not yet in 6.9 (read in source), what is grabbed is the huge page's first page, whichever was asked for. Which folio that is only who does not look at the PMD again could tell.
//
// While a huge PMD is being split, its entry has PSE without Present, which allows nothing.
//
// compare mm/gup.c:gup_fast_pmd_leaf, arch/x86/mm/gup.c:gup_huge_pmd (4.6)
var _ = register(fnGUPFastPMDLeaf, &Func{Large: true,
	Name: "gup_fast_pmd_leaf", Was: []Name{{"gup_huge_pmd", 610}}, File: "mm/gup.c", FileWas: gupFileWas,
	Params: []int{gh0PMD, ghPUD, ghAddr, ghEnd, ghFlags},
	Locals: []Local{{"orig", PTELocal}, {"pud", TableLocal}, {"addr", PageLocal}, {"flags", FlagsLocal}, {"end", PageLocal}, {"high_first", IntLocal}},
	Steps: []Step{
		ghPermitted: {Label: "permitted", Says: "does the PMD allow what is asked?", Ref: "pmd_access_permitted", Local: true, Calls: []FuncID{fnTryGrabFolioFast}, Do: func(c *Ctx) Next {
			e := c.Entry(gh0PMD)
			if !e.Has(machine.Present|machine.User) || c.L(ghFlags)&FollWrite != 0 && !e.Has(machine.RW) || c.gupFastForbidden(e, c.L(ghFlags)) {
				return Return
			}
			return c.Call(fnTryGrabFolioFast, ghGrabbed, uint64(c.M.OfHuge(e, c.Page(ghAddr))), c.L(ghEnd)-c.L(ghAddr), c.L(ghFlags))
		}},
		ghGrabbed: {Label: "grabbed", Says: "got a reference?", Local: true, Do: func(c *Ctx) Next {
			if c.Ret()&failed != 0 {
				return Return
			}
			return Then
		}},
		ghFirst: ghHalf, ghSecond: ghOtherHalf,
		ghRecheck: {Label: "recheck_pmd", Says: "is the PMD still the same?", Answer: "yes", Ref: "pmd_val(orig) != pmd_val(*pmdp)", When: With(GUPPMDLeafRecheck).AndWhole(),
			Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
				if now := machine.Entry(c.Load(c.pmdThrough(ghPUD, ghAddr))); now != c.Entry(gh0PMD).Fresh() {
					c.Sayf("the PMD has changed: it is %v", now)
					return ghPut
				}
				return Then
			}},
		ghAllowed: {Label: "allowed", Says: "may this folio be pinned so?", Ref: "gup_fast_folio_allowed", When: With(GUPFastFileCheck), Local: true, Calls: []FuncID{fnGUPFastFolioAllowed}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFastFolioAllowed, ghIsAllowed, c.L(gh0PMD), c.L(ghFlags))
		}},
		ghIsAllowed: {Label: "is_allowed", Says: "allowed?", When: With(GUPFastFileCheck), Local: true, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return ghPut
			}
			return Then
		}},
		ghReadOnly: {Label: "read_only_pin", Says: "a read-only pin through a read-only PMD?", Local: true, When: With(GUPUnshare), Do: func(c *Ctx) Next {
			if f := c.L(ghFlags); f&FollPin == 0 || f&FollWrite != 0 || c.Entry(gh0PMD).Has(machine.RW) {
				return ghReferenced
			}
			return Then
		}},
		ghUnshare: {Label: "must_unshare", Says: "is the folio exclusive?", Answer: "yes", Ref: "gup_must_unshare", When: With(GUPUnshare),
			Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs, machine.VMAs), Do: func(c *Ctx) Next {
				f := c.Frame(gh0PMD)
				if c.mustUnshare(f, c.L(ghFlags)) {
					c.Say("it may be shared: the slow path must unshare it")
					return ghPut
				}
				return Then
			}},
		ghReferenced: {Label: "referenced", Says: "mark it referenced", Ref: "folio_set_referenced", Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.Or(c.folioFlags(c.inHand().Frame()), machine.PGReferenced)
			c.gotPage(c.M.OfHuge(c.Entry(gh0PMD), c.Page(ghAddr)).Frame())
			for range c.L(ghEnd) - c.L(ghAddr) - 1 {
				c.nextPage()
			}
			return Return
		}},
		ghPut: {Label: "put", Says: "put the reference back", Ref: "gup_put_folio", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.undoGrab(c.L(ghFlags), ghDone)
		}},
		ghDone: {Label: "stop", Says: "give up the fast way", Local: true, Do: func(c *Ctx) Next { return Return }},
	},
})

// The second look, where entries have halves.
var ghHalf, ghOtherHalf = recheckHalves(theirPMD, GUPPMDLeafRecheck, func(c *Ctx) machine.Entry { return machine.Entry(c.Load(c.pmdThrough(ghPUD, ghAddr))) }, gh0PMD, ghHighFirst, 1, ghPut)

const gh0PMD, ghPUD, ghAddr, ghFlags, ghEnd, ghHighFirst = 0, 1, 2, 3, 4, 5

const (
	ghPermitted = iota
	ghGrabbed
	ghFirst
	ghSecond
	ghRecheck
	ghAllowed
	ghIsAllowed
	ghReadOnly
	ghUnshare
	ghReferenced
	ghPut
	ghDone
)

// follow_huge_pmd, in straight line:
//
//	lock the PMD; not the huge entry that was read: start again
//	not writable enough: no page
//	pinning read-only what may be shared: -EMLINK
//	try_grab_folio(); mark it accessed, and dirty for a write; unlock
//
// compare mm/gup.c:follow_huge_pmd, mm/huge_memory.c:follow_trans_huge_pmd (until 6.9)
var _ = register(fnFollowHugePMD, &Func{Large: true,
	Name: "follow_huge_pmd", Was: []Name{{"follow_trans_huge_pmd", 610}}, File: "mm/gup.c", FileWas: []Name{{"mm/huge_memory.c", 610}},
	Params: []int{fhPMD, fhAddr, fhFlags},
	Locals: []Local{{"pmd", PTELocal}, {"addr", PageLocal}, {"flags", FlagsLocal}},
	Steps: []Step{
		fhLock: {Label: "lock", Says: "lock the PMD; is it still the same?", Answer: "yes", Ref: "pmd_lock", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(fhAddr))) },
			Do: func(c *Ctx) Next {
				if now := machine.Entry(c.Load(c.M.PMD(c.Page(fhAddr)))); !now.Has(machine.PSE) || now.Frame() != c.Frame(fhPMD) {
					c.Say("the PMD has changed: look again")
					return c.Return(followAgain)
				} else {
					c.Set(fhPMD, uint64(now))
				}
				c.Lock(c.pmdLock(c.Page(fhAddr)))
				return Then
			}},
		fhHint: {Label: "numa_hint", Says: "has NUMA balancing made it inaccessible?", Answer: "no", Ref: "FOLL_NUMA", When: If(GUPProtnone, ProtnoneUnlessForced).and(hasLarge | hasNUMA), Local: true, Do: func(c *Ctx) Next {
			if c.Entry(fhPMD).Has(machine.ProtNone) && c.L(fhFlags)&FollForce == 0 {
				c.Say("NUMA balancing has made it inaccessible: fault it in first")
				return fhNoPage
			}
			return Then
		}},
		fhHonor: {Label: "honor_numa_hint", Says: "has NUMA balancing made it inaccessible, and is that to be honored?", Answer: "no", Ref: "gup_can_follow_protnone", When: If(GUPProtnone, ProtnoneIfAsked).and(hasLarge | hasNUMA), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if c.Entry(fhPMD).Has(machine.ProtNone) && c.L(fhFlags)&FollHonorNUMAFault != 0 && c.Load(c.M.VMA(c.Page(fhAddr)))&machine.VMAccess != 0 {
				c.Say("NUMA balancing has made it inaccessible: fault it in first")
				return fhNoPage
			}
			return Then
		}},
		fhPresent: {Label: "writable", Says: "writable if asked?", Answer: "yes", Ref: "can_follow_write_pmd", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.VMAs, machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			e, flags := c.Entry(fhPMD), c.L(fhFlags)
			if flags&FollDump != 0 && c.M.IsHugeZero(e.Frame()) {
				c.Say("it is the huge zero page, which is not dumped: -EFAULT")
				c.Unlock(c.pmdLock(c.Page(fhAddr)))
				return c.Fail(EFAULT)
			}
			if flags&FollWrite != 0 && !e.Has(machine.RW) && !c.forceWrite(e, c.Page(fhAddr), flags) {
				c.Say("the PMD does not allow the write")
				return fhNoPage
			}
			if flags&FollPin == 0 || flags&FollWrite != 0 || e.Has(machine.RW) {
				return fhGrab
			}
			return Then
		}},
		fhUnshare: {Label: "must_unshare", Says: "is the folio exclusive?", Answer: "yes", Ref: "gup_must_unshare", When: With(GUPUnshare),
			Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs, machine.VMAs), Do: func(c *Ctx) Next {
				f := c.Frame(fhPMD)
				if c.mustUnshare(f, c.L(fhFlags)) && (c.isAnon(f) || machine.IsCOW(c.Load(c.M.VMA(c.Page(fhAddr))))) {
					c.Say("it may be shared: unshare it first")
					return fhEMLINK
				}
				return Then
			}},
		fhGrab: {Label: "grab", Says: "take a reference", Ref: "try_grab_folio", Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.takePin(c.M.OfHuge(c.Entry(fhPMD), c.Page(fhAddr)).Frame(), c.L(fhFlags))
			return Then
		}},
		fhTouch: {Label: "touch", Says: "mark it accessed, if asked", Ref: "touch_pmd", Touches: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			if c.L(fhFlags)&FollTouch != 0 {
				e := c.Entry(fhPMD) | machine.Accessed
				if c.L(fhFlags)&FollWrite != 0 {
					c.Say("mark the PMD accessed and dirty")
					e = c.sim.mkdirty(e)
				}
				c.SetPMD(c.Page(fhAddr), e)
			}
			return Then
		}},
		fhUnlock: {Label: "unlock_got", Says: "unlock the PMD: it has mapped the page", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.pmdLock(c.Page(fhAddr)))
			return c.Return(followedHuge)
		}},
		fhNoPage: {Label: "unlock", Says: "unlock the PMD", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.pmdLock(c.Page(fhAddr)))
			return Return
		}},
		fhEMLINK: {Label: "emlink", Says: "-EMLINK: unlock the PMD", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.pmdLock(c.Page(fhAddr)))
			return c.Return(followUnshare)
		}},
	},
})

const fhPMD, fhAddr, fhFlags = 0, 1, 2

const (
	fhLock = iota
	fhHint
	fhHonor
	fhPresent
	fhUnshare
	fhGrab
	fhTouch
	fhUnlock
	fhNoPage
	fhEMLINK
)

// followAgain is what follow_huge_pmd returns if the PMD is another one now.
const followAgain = 1

// forceWrite reports whether GUP may write through a read-only huge PMD: from 6.1 on FOLL_FORCE to a page that is exclusive, before that
// whoever has broken COW, if the PMD is dirty. Until 4.8 the write asks no more by then. (4.9 and 4.10 have forgotten this of huge pages, and
// try for ever, 8310d48b125d, seen; 4.10.y has it mended. Neither is at hand.)
// compare mm/gup.c:can_follow_write_pmd, mm/huge_memory.c:can_follow_write_pmd (4.11 to 6.0)
func (c *Ctx) forceWrite(e machine.Entry, p machine.PageID, flags uint64) bool {
	if c.sim.forceFollCOW {
		return flags&FollCOW != 0 && e.Has(machine.Dirty)
	}
	vma := c.Load(c.M.VMA(p))
	return flags&FollForce != 0 && machine.IsCOW(vma) && vma&(machine.VMWrite|machine.VMMayShare) == 0 &&
		machine.IsAnon(c.Load(c.M.Mapping(c.M.Head(e.Frame())))) && c.Load(c.M.Flags(e.Frame()))&machine.PGAnonExclusive != 0
}
