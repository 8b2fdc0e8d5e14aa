package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// The rows of try_to_unmap_one for a huge PMD entry. Only a folio that is lazyfree still has one there, or one of
// a file that is about to be split: what goes to swap was split before. In straight line:
//
//	newer: dirty, the folio or the PMD: split the PMD
//	    clear the PMD, flush; references that mappings do not explain, or dirty by now: put it back, split
//	    mapped by one PMD less; free the deposited page table; drop the PMD's reference
//	older: split the PMD, go on with the PTEs
//
// compare mm/huge_memory.c:unmap_huge_pmd_locked, __discard_anon_folio_pmd_locked

var unmapHuge = Step{Label: "huge", Says: "a PMD maps it: split that", Ref: "split_huge_pmd_address", When: Without(LazyfreeWholePMD).AndLarge(), Local: true, Calls: []FuncID{fnSplitHugePMD}, Back: []int{tuWalk}, Do: func(c *Ctx) Next {
	return c.Call(fnSplitHugePMD, tuWalk, c.L(tuPage), 0, c.L(tuFolio))
}}

var unmapHugeDiscard = Step{Label: "clear_pmd", Says: "clear the PMD, flush", Ref: "pmdp_huge_clear_flush", When: With(LazyfreeWholePMD).AndLarge(), Touches: cell.Of(machine.PMDs, machine.PTLs), Reads: cell.Of(machine.Flags, machine.VMAs, machine.Mappings), Calls: []FuncID{fnFlushTLBMMRange}, Back: []int{tuWalk},
	Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(tuPage))) },
	Do: func(c *Ctx) Next {
		p, f := c.Page(tuPage), c.Frame(tuFolio)
		old := machine.Entry(c.Load(c.M.PMD(p)))
		switch {
		case !old.Has(machine.PSE) || old.Frame() != f:
			c.Say("the PMD has changed")
			return tuWalk
		case c.isFile(p):
			c.Say("it is a file's: split the PMD")
			return tuHugeSplit
		case c.sim.sparesMlocked && c.Load(c.M.VMA(p))&machine.VMLocked != 0:
			c.Say("the memory is locked: let it be")
			return c.Return(1)
		case old.Has(machine.Dirty) || c.Load(c.M.Flags(f))&machine.PGDirty != 0 || !c.lazyfree(f):
			c.Say("it was written to: split the PMD")
			return tuHugeSplit
		}
		c.Lock(c.pmdLock(p))
		c.SetPMD(p, 0)
		c.Set(tuPTE, uint64(old))
		c.Hold(tuRef, f, 1)
		return c.Call(fnFlushTLBMMRange, tuHugeCheck, uint64(c.tuMM()), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), c.flushRange())
	}}

var unmapHugeCheck = Step{Label: "check_pmd", Says: "is it clean still, and are there no other references?", Answer: "yes: discard it", Counts: true, Ref: "__discard_anon_folio_pmd_locked", When: With(LazyfreeWholePMD).AndLarge(), Touches: cell.Of(machine.PMDs, machine.PTLs), Reads: cell.Of(machine.Refs, machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
	f := c.Frame(tuFolio)
	if c.Load(c.M.Ref(f)) != 1+c.folioMapcount(f) || c.Load(c.M.Flags(f))&machine.PGDirty != 0 {
		c.Say("somebody uses it: put the PMD back, split it")
		c.Release(tuRef)
		c.SetPMD(c.Page(tuPage), c.Entry(tuPTE))
		c.Unlock(c.pmdLock(c.Page(tuPage)))
		return tuHugeSplit
	}
	return Then
}}

var unmapHugePut = Step{Label: "put_pmd", Says: "it is mapped by one PMD less; free the deposited table; drop the reference, unlock", Ref: "folio_remove_rmap_pmd", When: With(LazyfreeWholePMD).AndLarge(), Touches: tableFreeTouches | cell.Of(machine.PTLs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
	f, p := c.Frame(tuFolio), c.Page(tuPage)
	c.rmapAddPMD(f, -1)
	table := c.M.TakeDeposit(p).Frame()
	c.Put(table, 1)
	c.M.Free(table)
	c.Release(tuRef)
	c.Unlock(c.pmdLock(p))
	return c.putFree(f, 1, end)
}}

var unmapHugeSplit = Step{Label: "split_pmd", Says: "split the PMD", Ref: "split_huge_pmd_address", When: With(LazyfreeWholePMD).AndLarge(), Local: true, Calls: []FuncID{fnSplitHugePMD}, Back: []int{tuWalk}, Do: func(c *Ctx) Next {
	c.Set(tuPTE, 0)
	return c.Call(fnSplitHugePMD, tuWalk, c.L(tuPage), 0, c.L(tuFolio))
}}
