package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// NUMA hints on huge PMD entries: the rows of task_numa_work for one (change_huge_pmd with MM_CP_PROT_NUMA), and the fault on it.
//
//	a part of the huge page is out of the range: split the PMD, go on with the PTEs
//	lock the PMD; the huge zero page, a hint already, being moved: leave it
//	pmdp_invalidate_ad(); put it back inaccessible (as PROT_NONE); unlock
//
// Nobody asks here whether the huge page is pinned, or mapped by others: that is found out by the migration, in vain.
//
// compare mm/mprotect.c:change_pmd_range, mm/huge_memory.c:change_huge_pmd
var hintHugeRange = Step{Label: "huge_range", Says: "is all of the huge page in the range?", Answer: "yes", Ref: "change_pmd_range", When: Large, Local: true, Calls: []FuncID{fnSplitHugePMD}, Back: []int{nwPMD}, Do: func(c *Ctx) Next {
	if p := c.Page(nwPage); p != c.M.HugeStart(p) || c.lastHuge(p) > c.Page(nwEnd) {
		c.Say("the range ends within the huge page: split the PMD")
		return c.Call(fnSplitHugePMD, nwPMD, c.L(nwPage))
	}
	return Then
}}

var hintHugeStart = Step{Label: "huge_start", Says: "lock the PMD, take it out", Ref: "pmdp_invalidate_ad", When: Large, Touches: cell.Of(machine.PTLs, machine.PMDs), Reads: cell.Of(machine.VMAs), Back: []int{nwPMD},
	Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(nwPage))) },
	Do: func(c *Ctx) Next {
		p := c.Page(nwPage)
		old := machine.Entry(c.Load(c.M.PMD(p)))
		switch {
		case !old.IsHuge():
			c.Say("the PMD is not huge any more")
			return nwPMD
		case !old.Has(machine.Present) || c.M.IsHugeZero(old.Frame()) || c.Load(c.M.VMA(p))&machine.VMAccess == 0:
			c.Say("it is being moved, inaccessible already, or the huge zero page: leave it")
			return nwHugeNext
		}
		c.Set(nwPTE, uint64(old))
		c.SetPMD(p, old&^machine.Present)
		c.Lock(c.pmdLock(p))
		return Then
	}}

// hintHugeCommit is the step that puts the PMD back without some bits.
func hintHugeCommit(says string, when Cond, without machine.Entry) Step {
	return Step{Label: "huge_commit", Says: says, Ref: "set_pmd_at", When: when, Touches: cell.Of(machine.PMDs, machine.PTLs), Do: func(c *Ctx) Next {
		p := c.Page(nwPage)
		e := c.Entry(nwPTE).Fresh()&^without | machine.ProtNone
		c.Sayf("put it back: %v; unlock", e)
		c.SetPMD(p, e)
		c.Set(nwPTE, 0)
		c.Unlock(c.pmdLock(p))
		return nwHugeNext
	}}
}

var hintHugeNext = Step{Label: "huge_next", Says: "go on behind the huge page", When: Large, Local: true, Back: []int{nwPMD, nwLate}, Do: func(c *Ctx) Next {
	return c.nextTable(nwPage, nwEnd, nwPMD, nwLate)
}}

// do_huge_pmd_numa_page, in straight line:
//
//	lock the PMD; it changed: done
//	the folio lies on this CPU's node: make the PMD accessible, done
//	take it off the LRU list; it is not on one: make the PMD accessible, done
//	unlock
//	migrate_pages(MIGRATE_ASYNC) to this CPU's node: done
//	failed: lock the PMD; it changed: done
//	make it accessible again; unlock
//
// It becomes writable again only if no migration was tried, and newer kernels find the huge page exclusive; older ones remember that it
// was writable. Otherwise the next write faults once more, and reuses it. Kernels until v5.13 move huge pages otherwise: numa_huge_move.go.
//
//	CPU0 (pinning GUP-fast)          CPU1 (a fault on the hint)
//	read the PMD: huge, frame 4
//	                                 the PMD = migration entry
//	take the pin
//	                                 references as expected? No
//	is the PMD the same? No: put it  the PMD = frame 4 again
//
// compare mm/huge_memory.c:do_huge_pmd_numa_page
var _ = register(fnDoHugePMDNUMAPage, &Func{Migrating: true, Large: true,
	Name: "do_huge_pmd_numa_page", File: "mm/huge_memory.c", Params: []int{dnhAddr, dnhPMD},
	Locals: []Local{{"folio", HoldLocal}, {"orig_pmd", PTELocal}, {"address", PageLocal}, {"tried", IntLocal}},
	Steps: []Step{
		dnhLock:    dnhLockStep("lock", "lock the PMD; is it still the same?"),
		dnhIsolate: isolateMisplaced(dnhPMD, dnhFolio, dnhMap),
		dnhUnlock: {Label: "unlock", Says: "unlock the PMD", Touches: cell.Of(machine.PTLs), Calls: []FuncID{fnMigratePages}, Do: func(c *Ctx) Next {
			c.Unlock(c.pmdLock(c.Page(dnhAddr)))
			c.Set(dnhTried, 1)
			return c.migrate(dnhFolio, dnhMigrated, migrateAsync, mrNUMAMisplaced, c.M.NodeOfCPU(c.CPU))
		}},
		dnhMigrated: {Label: "migrated", Says: "was it moved?", Ref: "migrate_misplaced_folio", Local: true, Do: func(c *Ctx) Next {
			if c.Ret() == 0 {
				return Return
			}
			return Then
		}},
		dnhRelock: dnhLockStep("relock", "lock the PMD again; is it still the same?"),
		dnhMap: hugeHintUndo("make the PMD accessible again, writable if it is exclusive and was not to be moved; unlock", Without(NUMASavedWrite), func(c *Ctx, e machine.Entry) bool {
			return c.L(dnhTried) == 0 && c.Load(c.M.VMA(c.Page(dnhAddr)))&machine.VMWrite != 0 && c.exclusiveAnon(e.Frame()) && c.mprotectMayWrite(c.Page(dnhAddr), e)
		}),
		dnhMapSaved: hugeHintUndo("make the PMD accessible again, writable if it was; unlock", With(NUMASavedWrite), func(c *Ctx, e machine.Entry) bool { return e.Has(machine.RW) }),
	},
	Instead: []Variant{{Without(NUMAHugePMD), numaHugeOwn}},
})

const dnhFolio, dnhPMD, dnhAddr, dnhTried = 0, 1, 2, 3

const (
	dnhLock = iota
	dnhIsolate
	dnhUnlock
	dnhMigrated
	dnhRelock
	dnhMap
	dnhMapSaved
)

// dnhLockStep is a step that takes the PMD's lock, if the PMD is the one that made the thread fault.
func dnhLockStep(label, says string) Step {
	return Step{Label: label, Says: says, Answer: "yes", Ref: "pmd_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
		Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(dnhAddr))) },
		Do: func(c *Ctx) Next {
			if machine.Entry(c.Load(c.M.PMD(c.Page(dnhAddr)))) != c.Entry(dnhPMD).Fresh() {
				c.Say("the PMD has changed")
				return Return
			}
			c.Lock(c.pmdLock(c.Page(dnhAddr)))
			return Then
		}}
}

// hugeHintUndo is the step that makes a PMD accessible again.
func hugeHintUndo(says string, when Cond, writable func(*Ctx, machine.Entry) bool) Step {
	return Step{Label: "map", Says: says, Ref: "set_pmd_at", When: when, Touches: cell.Of(machine.PMDs, machine.PTLs), Reads: cell.Of(machine.VMAs, machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
		p, old := c.Page(dnhAddr), c.Entry(dnhPMD).Fresh()
		c.Sayf("make the PMD accessible again: %v; unlock", c.hintAccessible(p, old, writable(c, old)))
		c.Unlock(c.pmdLock(p))
		return Return
	}}
}

// hintAccessible makes a PMD accessible again, with its lock held, and returns it.
func (c *Ctx) hintAccessible(p machine.PageID, old machine.Entry, writable bool) machine.Entry {
	e := old&^(machine.ProtNone|machine.RW) | machine.Present | machine.Accessed
	if writable {
		e |= machine.RW
	}
	c.SetPMD(p, e)
	return e
}
