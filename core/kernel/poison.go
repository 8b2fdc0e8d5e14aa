package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What becomes of memory that has failed elsewhere than in memory_failure: how poison entries come to be, and what those do who find one, or the
// marked page. All of it is there only where memory may fail.

// unmapPoisoned is the step of try_to_unmap that asks whether a poison entry comes in the PTE's place, if the page is marked, and
// the caller's flags are so.
func unmapPoisoned(when Cond, asked func(flags uint64) bool) Step {
	return Step{Label: "poisoned", Says: "has its memory failed?", Answer: "no", Ref: "PageHWPoison", When: when.AndPoison(), Reads: cell.Of(machine.Flags), Back: []int{tuFresh, tuDup, tuRmap, tuDiscard}, Do: func(c *Ctx) Next {
		if c.M.Failed(c.Entry(tuPTE).Frame()) && asked(c.L(tuFlags)) {
			c.Say("its memory has failed: a poison entry comes in its place")
			return tuSetPoison
		}
		return c.unmapLeaves()
	}}
}

var unmapSetPoison = Step{Label: "set_poison", Says: "put the poison entry", Ref: "make_hwpoison_entry", When: Poisoning, Touches: cell.Of(machine.PTEs), Back: []int{tuRmap}, Do: func(c *Ctx) Next {
	p, e := c.Page(tuPage), machine.MakePoison(c.Entry(tuPTE).Frame())
	c.Sayf("put the poison entry: %v", e)
	c.SetPTE(c.Frame(tuPMD), p, e)
	if c.ofShmem(p) {
		c.M.ExcusePins(p) // what the file holds stays promised: nobody is told that it is lost
		return tuRmap
	}
	c.M.Excuse(p)
	c.M.Discarded(p)
	return tuRmap
}}

// failedThere is what is said by who comes upon memory that has failed, in steps that are there anyway.
const failedThere = "its memory has failed"

// ofShmem reports whether a page is one of a file of shmem, mapped shared.
func (c *Ctx) ofShmem(p machine.PageID) bool {
	return c.M.Region(p).Kind == machine.RegionFileShared && c.fileKind(p) == machine.Shmem
}

// What MADV_FREE does about a poison entry.
// compare mm/madvise.c:madvise_free_pte_range
var (
	freePoison = Step{Label: "poison", Says: "clear the poison entry", Ref: "pte_clear_not_present_full", When: With(MadviseFreePoison).AndPoison(), Touches: cell.Of(machine.PTEs), Back: []int{mfNext}, Do: func(c *Ctx) Next {
		c.ClearPTE(c.Frame(mfTable), c.Page(mfPage))
		return mfNext
	}}
	freePoisonStays = Step{Label: "poison_stays", Says: "the poison entry stays", When: Poisoning, Local: true, Back: []int{mfNext}, Do: func(c *Ctx) Next { return mfNext }}
)

// What fork does: a poison entry goes to the child.
// compare mm/memory.c:copy_nonpresent_pte
var (
	copyDone   = Step{Label: "done", Says: "done", When: Poisoning, Local: true, Do: func(c *Ctx) Next { return Return }}
	copyPoison = Step{Label: "poison", Says: "its memory has failed: the poison entry goes to the child", Ref: "copy_nonpresent_pte", When: Poisoning, Touches: cell.Of(machine.PTEs), Back: []int{cpRead, cpUnlock}, Do: func(c *Ctx) Next {
		c.SetPTE(c.Frame(cpDst), c.childPage(), c.Entry(cpPTE))
		c.M.Inherited(c.Page(cpPage), c.childPage())
		return c.copyNext()
	}}
)

// What faults do that have found a page, in local 0 or, of swap-in, in its own.
var (
	// faultFailed is of one of a file, locked.
	// compare mm/memory.c:__do_fault
	faultFailed = Step{Label: "hwpoison", Says: "has its memory failed?", Answer: "no", Ref: "PageHWPoison", When: Poisoning, Touches: cell.Of(machine.FolioLocks, machine.Refs), Reads: cell.Of(machine.Flags), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		f := c.Held(0).Frame()
		if !c.M.Failed(f) {
			return c.handOver()
		}
		c.Say("its memory has failed: unlock it, put it, SIGBUS")
		c.Unlock(c.M.FolioLock(f))
		return c.forget(ffPoison)
	}}
	// swapFailed is of one of the swap cache.
	// compare mm/memory.c:do_swap_page
	swapFailed = Step{Label: "hwpoison", Says: "has its memory failed?", Answer: "no", Ref: "folio_test_hwpoison", When: Poisoning, Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.Flags), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{dsLock}, Do: func(c *Ctx) Next {
		f := c.Held(dsFolio).Frame()
		if !c.M.Failed(f) {
			return dsLock
		}
		c.Say("its memory has failed: put it, SIGBUS")
		c.Release(dsFolio)
		return c.putFree(f, 1, dsPoison)
	}}
	// swapUptodate looks again, under the PTL.
	swapUptodate = Step{Label: "uptodate", Says: "is the folio uptodate?", Answer: "yes", Ref: "folio_test_uptodate", When: Poisoning, Touches: cell.Of(machine.PTLs, machine.FolioLocks, machine.Refs), Reads: cell.Of(machine.Flags), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{dsStable}, Do: func(c *Ctx) Next {
		f := c.Held(dsFolio).Frame()
		if c.Load(c.M.Flags(f))&machine.PGUptodate != 0 {
			return dsStable
		}
		c.Say("the folio is not uptodate: its memory has failed meanwhile; unlock the PTL and the folio, put it, SIGBUS")
		c.Unlock(c.M.PTL(c.Frame(dsTable)))
		c.Unlock(c.M.FolioLock(f))
		c.Release(dsFolio)
		return c.putFree(f, 1, dsBus)
	}}
	faultPoison = Step{Label: "poison", Says: "SIGBUS: its memory has failed", Ref: "VM_FAULT_HWPOISON", When: Poisoning, Local: true, Do: func(c *Ctx) Next { return c.Return(faultHWPoison) }}
)
