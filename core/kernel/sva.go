package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A device that is bound to an mm (IOMMU SVA) has no translations of its own but what it has cached: the IOMMU walks the process's
// page tables. Its access, in straight line:
//
//	again:
//	if the IOTLB has the page (for a write: writable and dirty): access, done
//	walk the page tables, setting accessed and dirty; fill the IOTLB; again
//	not mapped, or not so: the device asks for the page, a thread handles the fault; again
//
// No IPI reaches it. Who flushes TLBs has the IOTLB flushed, too: until 6.5 from mmu_notifier_invalidate_range_end, and where another
// page comes in the old one's place, before that: the new page must not be seen while the IOTLB has the old one.
//
//	CPU0 (COW)                        CPU1              device
//	clear the PTE, flush                                has the old page in its IOTLB
//	map the copy
//	                                  store to the copy
//	                                                    reads the old page
//	flush the IOTLB
//
// An invalidation waits for walks in flight, so that a walk is one step.
//
// compare drivers/iommu/intel/svm.c:intel_arch_invalidate_secondary_tlbs, drivers/iommu/io-pgfault.c
var (
	_ = register(fnSVAStore, &Func{Name: "sva_store", File: "device", Params: []int{gaPage, gaValue},
		Locals: []Local{{"page", PageLocal}, {"value", IntLocal}}, Steps: svaSteps(true)})
	_ = register(fnSVALoad, &Func{Name: "sva_load", File: "device", Params: []int{gaPage},
		Locals: []Local{{"page", PageLocal}}, Steps: svaSteps(false)})
)

func svaSteps(write bool) []Step {
	says, touches, reads := "the device reads through the IOTLB, or walks", cell.Of(machine.Secondary, machine.PTEs, machine.PMDs), cell.Of(machine.Contents)
	if write {
		says, touches, reads = "the device writes through the IOTLB, or walks", touches|reads, 0
	}
	return []Step{
		gaAccess: {Label: "access", Says: says, When: Secondary, Touches: touches, Reads: reads, Back: []int{gaAccess}, Do: func(c *Ctx) Next {
			p := c.Page(gaPage)
			if e := machine.Entry(c.Load(c.M.IOTLB(p))); e.Present() && (!write || e.Has(machine.RW|machine.Dirty)) {
				return c.deviceTouch(e, p, write)
			}
			e, ok := c.svaWalk(p, write)
			if !ok {
				c.Sayf("IOTLB miss: the page table has %v: ask for the page", e)
				return Then
			}
			c.Sayf("IOTLB miss: the page table has %v", e)
			c.Store(c.M.IOTLB(p), uint64(e))
			return gaAccess
		}},
		gaFault: {Label: "fault", Says: "page request: a thread handles the fault", Ref: "iommu_sva_handle_mm", Local: true, Calls: []FuncID{fnDoUserAddrFault}, Do: func(c *Ctx) Next {
			return c.Call(fnDoUserAddrFault, gaRetry, c.L(gaPage), faultFlags(write))
		}},
		gaRetry: {Label: "retry", Says: "answered: start the access again", Local: true, Back: []int{gaAccess}, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
				c.Say("there is no such page: the device gives up")
				return c.Fail(EFAULT)
			}
			return gaAccess
		}},
	}
}

// svaWalk is the IOMMU's walk to a page: what it finds, with the bits that it sets, and whether that allows the access.
func (c *Ctx) svaWalk(p machine.PageID, write bool) (machine.Entry, bool) {
	bits := machine.Accessed
	if write {
		bits |= machine.Dirty
	}
	allows := func(e machine.Entry) bool { return e.Has(machine.Present) && (!write || e.Has(machine.RW)) }
	pmd := machine.Entry(c.Load(c.M.PMD(p)))
	switch {
	case pmd.Has(machine.PSE):
		if !allows(pmd) {
			return pmd, false
		}
		c.SetPMD(p, pmd|bits)
		return c.M.OfHuge(pmd|bits, p), true
	case !pmd.Present():
		return 0, false
	}
	e := machine.Entry(c.Load(c.PTE(pmd.Frame(), p)))
	if !allows(e) {
		return e, false
	}
	c.SetPTE(pmd.Frame(), p, e|bits)
	return e | bits, true
}

// bound reports whether a device is bound to the mm.
func (c *Ctx) bound(mm int) bool { return c.sim.Bound(mm) }

// Bound reports whether a device is bound to the mm.
func (s *Sim) Bound(mm int) bool { return s.bound>>mm&1 != 0 }

// boundMMs are the mms that a device is bound to.
func (s *Setup) boundMMs() (mms uint64) {
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			if st.Call.sva {
				mms |= 1 << t.MM
			}
		}
	}
	return mms
}

// The IOTLB is flushed.
var _ = register(fnInvalidateSecondaryTLBs, &Func{
	Name: "mmu_notifier_arch_invalidate_secondary_tlbs", Was: []Name{{"mmu_notifier_invalidate_range", 606}}, File: "mm/mmu_notifier.c", Params: []int{inMM, inFirst, inLast},
	Locals: invalidateLocals,
	Steps: []Step{
		{Label: "iotlb", Says: "flush the IOTLB: the device has the range no more", Ref: "qi_flush_piotlb", When: Secondary, Touches: cell.Of(machine.Secondary), Do: func(c *Ctx) Next {
			c.M.FlushIOTLB(c.Page(inFirst), c.Page(inLast))
			return Return
		}},
	},
})

// iotlbStep flushes the IOTLB of a range, if a device is bound to its mm, and goes on at back.
func iotlbStep(when Cond, back int, pages func(*Ctx) (first, last machine.PageID)) Step {
	return Step{Label: "secondary_tlbs", Says: "secondary TLBs, too", Ref: "mmu_notifier_arch_invalidate_secondary_tlbs", When: when.AndSecondary(), Local: true, Calls: []FuncID{fnInvalidateSecondaryTLBs}, Do: func(c *Ctx) Next {
		first, last := pages(c)
		if mm := c.M.Pages()[first].MM; c.bound(mm) {
			return c.Call(fnInvalidateSecondaryTLBs, back, uint64(mm), uint64(first), uint64(last))
		}
		return Next(back)
	}}
}

// wholeMM is the range of all pages of the mm in which the page of a local lies.
func wholeMM(local int) func(*Ctx) (first, last machine.PageID) {
	return func(c *Ctx) (machine.PageID, machine.PageID) { return c.M.MMPages(c.M.Pages()[c.Page(local)].MM) }
}
