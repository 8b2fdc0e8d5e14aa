package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// hugetlb_wp, entered with the PMD locked that maps the page read-only, in straight line:
//
//	a shared mapping: writable and dirty, unlock, done
//	anonymous, and mapped once: exclusive; a write: writable and dirty; unlock, done
//	take a reference on the old page; unlock the PMD
//	new = alloc_hugetlb_folio(): the owner leaves its reserve alone, which the old page has used up
//	none: a child: SIGBUS
//	      the owner: take the page away from the children; lock the PMD; still the same: begin again
//	of a file: the VMA needs an anon_vma, as in hugetlb_no_page()
//	copy; lock the PMD; it changed: forget the copy
//	clear it, flush; the old page is mapped once less; the new one is anonymous, exclusive
//	PMD = new: writable and dirty; read-only for an unshare
//	unlock; put the old page
//
// The mapcount decides, not the count of references: a copy for the sake of a passing reference
// could find the pool empty. So who holds the page by get_user_pages reads what is written later:
//
//	CPU0 (parent)                 CPU1 (child)
//	fork                          get_user_pages(buf)
//	                              munmap(buf): mapped once
//	store "secret": reused
//	                              device_read: "secret"
//
// compare mm/hugetlb.c:hugetlb_wp, hugetlb_cow (until 5.18)
var _ = register(fnHugetlbWP, &Func{Hugetlb: true,
	Name: "hugetlb_wp", Was: []Name{{"hugetlb_cow", 519}}, File: "mm/hugetlb.c", Params: []int{hcAddr, hcFlags, hcPTE},
	Locals: []Local{{"new_folio", HoldLocal}, {"old_folio", HoldLocal}, {"pte_reference", HoldLocal}, {"pte", PTELocal}, {"address", PageLocal}, {"flags", IntLocal}, {"avoid_reserve", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		hcCount: {Label: "mapcount", Says: "is it anonymous, and mapped once?", Answer: "no", Ref: "folio_mapcount", When: Without(HugetlbReuseByRefs), Reads: cell.Of(machine.Mapcounts, machine.Mappings, machine.VMAs), Do: func(c *Ctx) Next {
			if c.Load(c.M.VMA(c.Page(hcAddr)))&machine.VMShared != 0 {
				c.Say("the mapping is shared")
				return hcReuse
			}
			f := c.Frame(hcPTE)
			if !c.isAnon(f) || c.Load(c.M.EntireMapcount(f)) != 1 {
				return hcGet
			}
			c.Say("it is mapped nowhere else: reuse it")
			return hcExclusive
		}},
		hcRefs: {Label: "references", Says: "is it anonymous, and who holds it known?", Answer: "no", Counts: true, Ref: "folio_ref_count", When: With(HugetlbReuseByRefs), Reads: cell.Of(machine.Refs, machine.Flags, machine.Mappings, machine.VMAs), Do: func(c *Ctx) Next {
			if c.Load(c.M.VMA(c.Page(hcAddr)))&machine.VMShared != 0 {
				c.Say("the mapping is shared")
				return hcReuse
			}
			f := c.Frame(hcPTE)
			known := uint64(2 + c.Held(hcOld).Count()) // the PMD's, that of hugetlb_fault, and ours
			if !c.isAnon(f) || c.Load(c.M.Flags(f))&machine.PGAnonExclusive == 0 && c.Load(c.M.Ref(f)) != known {
				c.Say("somebody else may use it: copy")
				return hcGet
			}
			c.Say("it is ours alone: reuse it")
			return Then
		}},
		hcExclusive: {Label: "exclusive", Says: "it is exclusive", Ref: "SetPageAnonExclusive", Touches: cell.Of(machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(hcPTE)
			if c.sim.exclusive == 0 {
				c.Say("no other maps it: it becomes the process's own")
			}
			if c.Load(c.M.Flags(f))&machine.PGAnonExclusive == 0 {
				c.ownAnon(f, c.Page(hcAddr))
				c.Or(c.M.Flags(f), c.sim.exclusive)
			}
			return Then
		}},
		hcReuse: {Label: "reuse", Says: "make the PMD writable and dirty, unlock it", Ref: "set_huge_ptep_writable", Touches: cell.Of(machine.PTLs, machine.PMDs), Do: func(c *Ctx) Next {
			p := c.Page(hcAddr)
			if c.L(hcFlags)&faultUnshare != 0 {
				c.Say("unshare: the PMD stays read-only; unlock it")
			} else {
				c.SetPMD(p, machine.Entry(c.Load(c.M.PMD(p)))|machine.RW|machine.Dirty|machine.Accessed)
			}
			c.Unlock(c.pmdLock(p))
			if !c.Held(hcOld).Some() {
				return c.Return(0)
			}
			return hcPutOld
		}},
		hcGet: {Label: "get", Says: "take a reference on the old page; unlock the PMD", Ref: "folio_get", Touches: cell.Of(machine.Refs, machine.PTLs), Reads: cell.Of(machine.PageCache, machine.Mappings), Calls: []FuncID{fnAllocHugetlbFolio}, Do: func(c *Ctx) Next {
			f, p := c.Frame(hcPTE), c.Page(hcAddr)
			if !c.Held(hcOld).Some() {
				c.Get(f, 1)
				c.Hold(hcOld, f, 1)
			}
			if c.hugetlbOwner(p) && c.isAnon(f) {
				c.Set(hcAvoid, 1)
			}
			c.Unlock(c.pmdLock(p))
			return c.Call(fnAllocHugetlbFolio, hcAllocated, c.L(hcAddr), c.L(hcAvoid))
		}},
		hcAllocated: {Label: "allocated", Says: "got a huge page?", Local: true, Calls: []FuncID{fnUnmapRefPrivate}, Do: func(c *Ctx) Next {
			switch {
			case c.Ret()&failed == 0:
				return hcPrepare
			case c.L(hcAvoid) != 0:
				return c.Call(fnUnmapRefPrivate, hcAgain, c.L(hcAddr), uint64(machine.MakeHold(c.Held(hcOld).Frame(), 1)))
			}
			return Then
		}},
		hcSigbus: {Label: "sigbus", Says: "there is none: SIGBUS; put the old page", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putHugetlb(hcOld, hcFail)
		}},
		hcFail: {Label: "fail", Says: "SIGBUS", Local: true, Do: func(c *Ctx) Next { return c.Return(sigbus) }},
		hcAgain: {Label: "again", Says: "lock the PMD; is it still the same?", Answer: "yes", Ref: "pte_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs), Back: []int{hcCount},
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hcAddr))) },
			Do: func(c *Ctx) Next {
				p := c.Page(hcAddr)
				if machine.Entry(c.Load(c.M.PMD(p))) != c.Entry(hcPTE).Fresh() {
					c.Say("the PMD has changed: somebody else was faster")
					return hcPutOld
				}
				c.Lock(c.pmdLock(p))
				return hcCount
			}},
		hcPrepare: {Label: "anon_vma", Says: "has the VMA an anon_vma?", Answer: "yes", Ref: "__vmf_anon_prepare", When: If(VMALockFaults, VMALockAny), Touches: cell.Of(machine.VMAs, machine.MMLocks), Do: func(c *Ctx) Next {
			if c.anonPrepare(c.Page(hcAddr), c.L(hcFlags)) {
				return hcCopy
			}
			c.Say("it has none, and mmap_lock is not held: the fault must be made again")
			c.Set(hcRet, faultRetry)
			return hcGiveBack
		}},
		hcCopy: {Label: "copy", Says: "copy the content", Ref: "copy_user_large_folio", Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			v := c.Load(c.M.Contents(c.Frame(hcPTE)))
			c.Sayf("copy the content: %s", c.M.Content(v))
			c.Store(c.M.Contents(c.Held(hcNew).Frame()), v)
			return Then
		}},
		hcNotify: hcNotifyStep,
		hcLock: {Label: "lock", Says: "lock the PMD; is it still the same?", Answer: "yes", Ref: "pte_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hcAddr))) },
			Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.M.PMD(c.Page(hcAddr)))) != c.Entry(hcPTE).Fresh() {
					c.Say("the PMD has changed: forget the copy")
					return hcForget
				}
				c.Lock(c.pmdLock(c.Page(hcAddr)))
				return Then
			}},
		hcClear: {Label: "clear", Says: "clear the PMD", Ref: "huge_ptep_clear_flush", Touches: cell.Of(machine.PMDs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			p := c.Page(hcAddr)
			c.SetPMD(p, 0)
			c.Hold(hcPTERef, c.Frame(hcPTE), 1)
			return c.Call(fnFlushTLBMMRange, hcRmap, uint64(c.M.Pages()[p].MM), uint64(p), uint64(p), 0)
		}},
		hcRmap: {Label: "rmap", Says: "the old page is mapped once less", Ref: "hugetlb_remove_rmap", Touches: cell.Of(machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
			c.rmapAddPMD(c.Frame(hcPTE), -1)
			return Then
		}},
		hcSet: {Label: "set_pmd", Says: "map the copy; unlock the PMD", Ref: "set_huge_pte_at", Touches: largeTouches, Do: func(c *Ctx) Next {
			p, f := c.Page(hcAddr), c.Held(hcNew).Frame()
			c.newHugetlbAnon(f, p)
			bits := machine.RW | machine.Dirty
			if c.L(hcFlags)&faultUnshare != 0 {
				bits = 0
			}
			c.Release(hcNew)
			c.SetPMD(p, c.protected(machine.MakeHuge(f, bits), p))
			c.Unlock(c.pmdLock(p))
			return Then
		}},
		hcLate: hcLateStep,
		hcTold: hcToldStep,
		hcPutPTE: {Label: "put_pte", Says: "put the PMD's reference on the old page", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putHugetlb(hcPTERef, hcPutOld)
		}},
		hcForget: {Label: "forget", Says: "give the copy back", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putHugetlb(hcNew, hcForgotLate)
		}},
		hcGiveBack: {Label: "give_back", Says: "give the new page back", Ref: "folio_put", When: If(VMALockFaults, VMALockAny), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putHugetlb(hcNew, hcPutOld)
		}},
		hcForgotLate: hcLateStep,
		hcForgotTold: hcToldStep,
		hcPutOld: {Label: "put_old", Says: "put our reference on the old page", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putHugetlb(hcOld, hcEnd)
		}},
		hcEnd: {Label: "end", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(hcRet)) }},
	},
})

const hcNew, hcOld, hcPTERef, hcPTE, hcAddr, hcFlags, hcAvoid, hcRet = 0, 1, 2, 3, 4, 5, 6, 7

const (
	hcCount = iota
	hcRefs
	hcExclusive
	hcReuse
	hcGet
	hcAllocated
	hcSigbus
	hcFail
	hcAgain
	hcPrepare
	hcCopy
	hcNotify
	hcLock
	hcClear
	hcRmap
	hcSet
	hcLate
	hcTold
	hcPutPTE
	hcForget
	hcGiveBack
	hcForgotLate
	hcForgotTold
	hcPutOld
	hcEnd
)

var hcNotifyStep, hcLateStep, hcToldStep = told(page(hcAddr))
