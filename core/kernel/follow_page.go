package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// followUnshare is what follow_page_pte returns as -EMLINK: unshare it first.
const followUnshare = failed | 31

// followedHuge is what follow_page_pte returns where a huge PMD maps the page that it has got; followed, where the caller
// wants no page, and it is there.
const (
	followedHuge = 2
	followed     = 3
)

// follow_page_pte, in straight line:
//
//	pmd none: no page; for a dump of anonymous memory -EFAULT
//	a huge PMD: split it, if asked (FOLL_SPLIT_PMD), and see to it that there is a page table; else follow_huge_pmd()
//	lock the PTL; the PMD has changed: again
//	not present, or not writable enough: no page; for a dump, none or the zero page: -EFAULT
//	memory without a struct page: -EEXIST; until 5.15, where a page is wanted, -EFAULT
//	pinning read-only what may be shared: -EMLINK
//	try_grab_folio(), which takes nothing if no page is wanted; from 5.1 on, the count is zero or below: -ENOMEM; mark it accessed, and dirty for a write; unlock
//
// The PTE maps the page and the PTL keeps it so: the count cannot be zero, unless it has overflowed.
//
// compare mm/gup.c:follow_page_pte
var _ = register(fnFollowPagePTE, &Func{
	Name: "follow_page_pte", File: "mm/gup.c", Params: []int{fpAddr, fpFlags},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"addr", PageLocal}, {"flags", FlagsLocal}},
	Steps: []Step{
		fpReadP4D: p4dStep(fpAddr, "p4dp_get"),
		fpReadPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "pmdp_get_lockless", Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnFollowHugePMD, fnFollowHugetlbPage, fnSplitHugePMD}, Back: []int{fpReadPMD}, Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(fpPMD, c.M.PMD(c.Page(fpAddr))))
			switch {
			case pmd.PMDNone() && c.dumpsHole():
				c.Say("the PMD is none, and holes are not dumped: -EFAULT")
				return c.Fail(EFAULT)
			case !pmd.Present():
				return Return
			case pmd.Has(machine.PSE) && c.L(fpFlags)&FollSplitPMD != 0 && !c.M.HugetlbPage(c.Page(fpAddr)):
				c.Say("the PMD is huge: split it")
				c.Set(fpPMD, 0)
				return c.Call(fnSplitHugePMD, fpSplit, c.L(fpAddr))
			case pmd.Has(machine.PSE):
				if c.M.HugetlbPage(c.Page(fpAddr)) && !c.sim.hugetlbCommonWalk {
					return c.Call(fnFollowHugetlbPage, fpHuge, c.L(fpAddr), c.L(fpFlags))
				}
				return c.Call(fnFollowHugePMD, fpHuge, uint64(pmd), c.L(fpAddr), c.L(fpFlags))
			}
			return Then
		}},
		fpHuge: {Label: "huge", Says: "return what the huge page gave", Local: true, When: Large, Back: []int{fpReadPMD}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			if ret == followAgain {
				return fpReadPMD
			}
			return c.Return(ret)
		}},
		fpLockSame: {Label: "lock", Says: "lock the PTL, read the PTE", Ref: "pte_offset_map_lock", When: With(GUPSlowPMDRecheck), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs, machine.PMDs), Back: []int{fpReadPMD},
			Wait: func(c *Ctx) Block {
				if !c.sameTable(fpPMD, fpAddr) {
					return Block{}
				}
				return c.Free(c.M.PTL(c.Frame(fpPMD)))
			},
			Do: func(c *Ctx) Next {
				if !c.sameTable(fpPMD, fpAddr) {
					c.Say("the PMD has changed: unlock the PTL, look again")
					c.Set(fpPMD, 0)
					return fpReadPMD
				}
				c.renewTable(fpPMD)
				c.lockPTL(fpPMD)
				c.LoadPTE(fpPTE, c.Entry(fpPMD), c.Page(fpAddr))
				return fpHint
			}},
		fpLock: {Label: "lock", Says: "lock the PTL, read the PTE", Ref: "pte_offset_map_lock", When: Without(GUPSlowPMDRecheck), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(fpPMD))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(fpPMD)
				c.LoadPTE(fpPTE, c.Entry(fpPMD), c.Page(fpAddr))
				return Then
			}},
		fpHint: {Label: "numa_hint", Says: "has NUMA balancing made it inaccessible?", Ref: "FOLL_NUMA", When: If(GUPProtnone, ProtnoneUnlessForced).and(hasNUMA), Local: true, Do: func(c *Ctx) Next {
			if c.Entry(fpPTE).Has(machine.ProtNone) && c.L(fpFlags)&FollForce == 0 {
				return fpNoPage
			}
			return Then
		}},
		fpHonor: {Label: "honor_numa_hint", Says: "has NUMA balancing made it inaccessible, and is that to be honored?", Answer: "no", Ref: "gup_can_follow_protnone", When: If(GUPProtnone, ProtnoneIfAsked).and(hasNUMA), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if c.Entry(fpPTE).Has(machine.ProtNone) && c.L(fpFlags)&FollHonorNUMAFault != 0 && c.Load(c.M.VMA(c.Page(fpAddr)))&machine.VMAccess != 0 {
				c.Say("NUMA balancing has made it inaccessible: fault it in first")
				return fpNoPage
			}
			return Then
		}},
		fpPresent: {Label: "present", Says: "present, and writable if asked?", Ref: "can_follow_write_pte", Local: true, Do: func(c *Ctx) Next {
			e, flags := c.Entry(fpPTE), c.L(fpFlags)
			switch {
			case e.Present() && c.M.IsPFN(e.Frame()) && flags&FollDump == 0 && (flags&FollWrite == 0 || e.Has(machine.RW)):
				return fpNoStruct
			case e.None() && c.dumpsHole(), flags&FollDump != 0 && e.Present() && e.Has(machine.Special) && !e.Has(machine.Devmap):
				return fpDump
			case !e.Present():
				return fpNoPage
			case flags&FollWrite != 0 && !e.Has(machine.RW):
				if flags&(FollForce|FollCOW) == 0 {
					return fpNoPage
				}
				return Then
			}
			if flags&FollPin == 0 || flags&FollWrite != 0 || e.Has(machine.RW) {
				return fpZero
			}
			return fpUnshare
		}},
		fpForced: {Label: "forced", Says: "a copy that may be written to, although the PTE is read-only?", Ref: "can_follow_write_pte", When: If(ForceWrite, ForceExclusive), Reads: cell.Of(machine.Flags, machine.Mappings, machine.VMAs), Do: func(c *Ctx) Next {
			if vma := c.Load(c.M.VMA(c.Page(fpAddr))); vma&(machine.VMShared|machine.VMMayShare|machine.VMWrite) == 0 && vma&machine.VMMayWrite != 0 && c.exclusiveAnon(c.Frame(fpPTE)) {
				if c.sim.forceSoftDirty && c.watched(c.Page(fpAddr), c.Entry(fpPTE)) {
					c.Say("who writes is watched, and the PTE not soft-dirty: a write fault first")
					return fpNoPage
				}
				c.M.WrittenBy(c.Entry(fpPTE), c.Page(fpAddr))
				c.Say("the page is exclusive: it may be written to, although the PTE is read-only")
				return fpZero
			}
			c.Say("the PTE is read-only, and the page may be shared")
			return fpNoPage
		}},
		fpForcedCOW: {Label: "forced_cow", Says: "COW broken, and the PTE dirty?", Ref: "can_follow_write_pte", When: If(ForceWrite, ForceFollCOW), Local: true, Do: func(c *Ctx) Next {
			if c.L(fpFlags)&FollCOW != 0 && c.Entry(fpPTE).Has(machine.Dirty) {
				return fpZero
			}
			return fpNoPage
		}},
		fpForcedNever: {Label: "read_only", Says: "the PTE is read-only", When: If(ForceWrite, ForceDropWrite), Local: true, Do: func(c *Ctx) Next { return fpNoPage }},
		fpUnshare: {Label: "must_unshare", Says: "must it be unshared first?", Ref: "gup_must_unshare", When: With(GUPUnshare),
			Reads: cell.Of(machine.Flags, machine.Mappings, machine.VMAs, machine.Refs), Do: func(c *Ctx) Next {
				if c.mustUnshare(c.Frame(fpPTE), c.L(fpFlags)) && (c.isAnon(c.Frame(fpPTE)) || machine.IsCOW(c.Load(c.M.VMA(c.Page(fpAddr))))) {
					c.Say("it may be shared: unshare it first")
					return fpEMLINK
				}
				c.Say("it need not be unshared")
				return Then
			}},
		fpZero: {Label: "zero_page", Says: "a pin of the zero page is not counted", Ref: "is_zero_folio", When: With(ZeroPageNotCounted), Local: true, Do: func(c *Ctx) Next {
			if c.Frame(fpPTE) != machine.ZeroPage || c.L(fpFlags)&FollPin == 0 {
				return Then
			}
			c.M.SetHeld(c.Task, machine.Uncounted(machine.ZeroPage))
			return fpNoPage
		}},
		fpGrab: {Label: "grab", Says: "take a reference", Ref: "try_grab_folio", Touches: cell.Of(machine.Refs), Do: (*Ctx).followGrab},
		fpNoMem: {Label: "enomem", Says: "-ENOMEM: unlock the PTL", When: With(GUPRefusesOverflow).and(hasManyRefs), Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return c.Fail(ENOMEM)
		}},
		fpTouching: {Label: "touching", Says: "to be marked accessed, or dirty?", Ref: "FOLL_TOUCH", Local: true, Do: func(c *Ctx) Next {
			switch {
			case c.L(fpFlags)&FollTouch != 0 && (!c.Entry(fpPTE).Has(machine.Special) || c.Entry(fpPTE).Has(machine.Devmap)):
				return Then
			case wantsNoPage(c.L(fpFlags)):
				return fpThere
			}
			return fpNoPage
		}},
		fpTouch: {Label: "touch", Says: "mark it accessed", Ref: "folio_mark_accessed", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
			f := c.M.Head(c.Frame(fpPTE))
			c.Or(c.M.Flags(f), machine.PGReferenced)
			if c.L(fpFlags)&FollWrite != 0 && !c.Entry(fpPTE).Has(machine.Dirty) {
				c.Say("mark it accessed and dirty")
				c.markDirty(f)
			}
			if wantsNoPage(c.L(fpFlags)) {
				return fpThere
			}
			return Then
		}},
		fpNoPage: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return Return
		}},
		fpDump: {Label: "efault", Says: "-EFAULT: not to be dumped; unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return c.Fail(EFAULT)
		}},
		fpEMLINK: {Label: "emlink", Says: "-EMLINK: unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return c.Return(followUnshare)
		}},
		fpThere: {Label: "there", Says: "it is there: unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return c.Return(followed)
		}},
		fpNoStruct: {Label: "no_struct_page", Says: "there is no struct page: -EEXIST; unlock the PTL", Ref: "follow_pfn_pte", When: With(GUPPFNExists).and(hasPFNs), Touches: cell.Of(machine.PTLs, machine.PTEs), Do: func(c *Ctx) Next {
			return c.followPFN(EEXIST)
		}},
		fpNoStructOld: {Label: "no_struct_page", Says: "there is no struct page: -EFAULT if one is wanted, else -EEXIST; unlock the PTL", Ref: "follow_pfn_pte", When: Without(GUPPFNExists).and(hasPFNs), Touches: cell.Of(machine.PTLs, machine.PTEs), Do: func(c *Ctx) Next {
			if wantsNoPage(c.L(fpFlags)) {
				return c.followPFN(EEXIST)
			}
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return c.Fail(EFAULT)
		}},
		fpSplit: {Label: "split", Says: "it is split: is there a page table now?", Answer: "yes", Ref: "pte_alloc", When: Large, Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnPTEAlloc}, Back: []int{fpReadPMD}, Do: func(c *Ctx) Next {
			if machine.Entry(c.Load(c.M.PMD(c.Page(fpAddr)))).PMDNone() {
				c.Say("the split of a file's has left none: put a page table there, lest a fault maps a huge page again")
				return c.Call(fnPTEAlloc, fpReadPMD, c.L(fpAddr))
			}
			return fpReadPMD
		}},
	},
})

const fpPMD, fpPTE, fpAddr, fpFlags = 0, 1, 2, 3

const (
	fpReadP4D = iota
	fpReadPMD
	fpLockSame
	fpLock
	fpHint
	fpHonor
	fpPresent
	fpForced
	fpForcedCOW
	fpForcedNever
	fpUnshare
	fpZero
	fpGrab
	fpNoMem
	fpTouching
	fpTouch
	fpNoPage
	fpEMLINK
	fpHuge
	fpDump
	fpThere
	fpNoStruct
	fpNoStructOld
	fpSplit
)

// dumpsHole reports whether the page is looked for to be dumped, and nobody could tell it from zeros: anonymous memory
// that was never touched.
// compare mm/gup.c:no_page_table
func (c *Ctx) dumpsHole() bool {
	return c.L(fpFlags)&FollDump != 0 && c.isAnonymous(c.Page(fpAddr))
}

// wantsNoPage reports whether what is followed is only to be there: nobody takes anything of it.
func wantsNoPage(flags uint64) bool { return flags&(FollGet|FollPin) == 0 }

// followGrab takes the reference or the pin under the PTL.
func (c *Ctx) followGrab() Next {
	if f := c.Frame(fpPTE); c.sim.refusesOverflow && !wantsNoPage(c.L(fpFlags)) && c.overflown(f) {
		c.Say("the count has overflowed: no reference")
		return fpNoMem
	}
	c.takePin(c.Frame(fpPTE), c.L(fpFlags))
	return fpTouching
}
