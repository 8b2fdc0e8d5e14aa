package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// hmm_range_fault of one page, entered with mmap_lock held for reading, in straight line:
//
//	again:
//	the subscriber's number has moved: -EBUSY
//	no VMA, or one that does not allow it: -EFAULT
//	read the PMD, or the PTE: it maps a page, writable if asked for: that is it
//	handle_mm_fault(); failed: -EFAULT; again
//
// No page-table lock is taken, and no reference: what was read may be out of date at once. It is the caller who looks, under the lock under
// which entries are taken away.
//
//	CPU0 (the device faults)             CPU1 (reclaim)
//	read the PTE: frame 1
//	                                     tell the subscriber: another number
//	                                     clear the PTE, free frame 1
//	lock umem_mutex: another number: again
//
// A page that is being moved is waited for by the fault.
//
// compare mm/hmm.c:hmm_range_fault, hmm_vma_walk_pmd, hmm_vma_handle_pte
var _ = register(fnHMMRangeFault, &Func{
	Name: "hmm_range_fault", File: "mm/hmm.c", Params: []int{hrAddr, hrFlags},
	Locals: []Local{{"pmd", TableLocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		hrCheck: {Label: "check_retry", Says: "has the subscriber's number moved?", Answer: "no", Ref: "mmu_interval_check_retry", When: Intervals, Reads: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			if !c.sameInterval() {
				c.Say("the subscriber's number has moved: -EBUSY")
				return c.Fail(EBUSY)
			}
			return Then
		}},
		hrVMA: {Label: "vma", Says: "find the VMA", Ref: "hmm_vma_walk_test", When: Intervals, Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			vma := c.Load(c.M.VMA(c.Page(hrAddr)))
			if vma&machine.VMRead == 0 || c.L(hrFlags)&faultWrite != 0 && vma&machine.VMWrite == 0 {
				c.sayRefused(c.Page(hrAddr), machine.ErrnoName(EFAULT))
				return c.Fail(EFAULT)
			}
			return Then
		}},
		hrP4D: p4dStep(hrAddr, "p4d_offset"),
		hrPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "pmdp_get_lockless", When: Intervals, Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(hrPMDEntry, c.M.PMD(c.Page(hrAddr))))
			switch {
			case pmd.Has(machine.PSE):
				return c.hmmFound(c.M.PMD(c.Page(hrAddr)), c.M.OfHuge(pmd, c.Page(hrAddr)))
			case !pmd.Present():
				return hrFault
			}
			return Then
		}},
		hrPTE: {Label: "read_pte", Says: "read the PTE", Ref: "hmm_vma_handle_pte", When: Intervals, Reads: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			c.walked(c.Entry(hrPMDEntry))
			w := c.PTE(c.Frame(hrPMDEntry), c.Page(hrAddr))
			return c.hmmFound(w, machine.Entry(c.Load(w)))
		}},
		hrFault: {Label: "fault", Says: "fault it in", Ref: "hmm_vma_fault", When: Intervals, Local: true, Calls: []FuncID{fnHandleMMFault}, Do: func(c *Ctx) Next {
			c.Set(hrPMDEntry, 0)
			return c.Call(fnHandleMMFault, hrFaulted, c.L(hrAddr), c.L(hrFlags)|c.fromAfar())
		}},
		hrFaulted: {Label: "faulted", Says: "fault done: look again", When: Intervals, Local: true, Back: []int{hrCheck}, Do: func(c *Ctx) Next {
			if c.Ret()&failed != 0 {
				return c.Fail(EFAULT)
			}
			return hrCheck
		}},
	},
})

const hrPMDEntry, hrAddr, hrFlags = 0, 1, 2

const (
	hrCheck = iota
	hrVMA
	hrP4D
	hrPMD
	hrPTE
	hrFault
	hrFaulted
)

// hmmFound hands an entry on to the caller, unless it has to be faulted in, or faulted in for writing, first. One that NUMA balancing
// has made inaccessible has.
// compare mm/hmm.c:hmm_pte_need_fault, pte_to_hmm_pfn_flags
func (c *Ctx) hmmFound(from machine.Word, e machine.Entry) Next {
	if !e.Has(machine.Present) || c.L(hrFlags)&faultWrite != 0 && !e.Has(machine.RW) {
		c.Sayf("the page table has %v: it will not do", e)
		return hrFault
	}
	c.Sayf("the page table has %v: that is it", e)
	c.level--
	c.Remember(omPFN, from, uint64(e))
	c.level++
	return Return
}
