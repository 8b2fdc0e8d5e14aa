package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Huge pages of shmem that a PMD entry maps: where a fault finds no page table, and a huge page of the file fits into the VMA, do_set_pmd() maps
// all of it at once. In straight line, with the folio locked:
//
//	it is small, or memory of it has failed; newer: or the VMA is to have no huge page: a page table, and a PTE
//	lock the PMD; not none any more: somebody else was faster
//	mapped by one PMD more; PMD = folio, with the protection of the VMA, for a write writable and dirty; unlock
//
// No page table is deposited beside it. So what splits an anonymous huge PMD takes a file's away: nothing comes in its place, and the next
// fault maps it again, by a PMD or, if it is for a private copy, by a page table:
//
//	CPU0 (GUP-fast)                  CPU1 (truncation, a split, reclaim)
//	read the PMD: huge, frame 4
//	                                 clear the PMD, flush
//	take a reference on folio 4
//	is the PMD still the same? No: put it
//
// Where the page table is there already, faults map page by page. Without the word pmd, files are as if it always were.
//
// compare mm/memory.c:do_set_pmd, finish_fault, wp_huge_pmd, mm/huge_memory.c:__split_huge_pmd_locked
// (Read in source: 4.10.y, 5.14-rc5, 5.15, 6.12. That a huge page with failed memory is left to PTEs came with 5.15.)

// mapsByPMD reports whether a fault may map a huge page of the file there by a PMD entry: it fits into the VMA, and they begin where the file's do.
// compare include/linux/huge_mm.h:thp_vma_suitable_order
func (c *Ctx) mapsByPMD(p machine.PageID) bool {
	if !c.isFile(p) || !c.sim.Setup.Files[c.M.Region(p).File].PMD || !c.sim.fileTHP {
		return false
	}
	o, ok := c.backing(c.M.HugeStart(p))
	return ok && c.hugeSuits(p) && c.M.FilePages()[o].Index%c.M.HugePages == 0
}

// faultWithoutTable makes a fault on a file before there is a page table; one that copies for a private mapping needs that.
var faultWithoutTable = Step{Label: "file_fault", Says: "the PMD is none, and a huge page of the file would fit: ask the file first", Ref: "do_fault", When: FilePMDs, Local: true, Calls: []FuncID{fnDoReadFault, fnDoSharedFault}, Back: []int{hfEnd}, Do: func(c *Ctx) Next {
	if c.L(hfFlags)&faultWrite != 0 {
		return c.Call(fnDoSharedFault, hfEnd, c.L(hfAddr), c.L(hfFlags), 0)
	}
	return c.Call(fnDoReadFault, hfEnd, c.L(hfAddr), c.L(hfFlags), 0)
}}

// faultSplitsFilePMD takes a read-only PMD of a file away: who writes goes by PTEs, or faults the PMD in again, to write.
// compare mm/memory.c:wp_huge_pmd
var faultSplitsFilePMD = Step{Label: "file_wp", Says: "the PMD maps a file's, read-only: split it, the fault goes on without", Ref: "wp_huge_pmd", When: FilePMDs, Local: true, Calls: []FuncID{fnSplitHugePMD}, Back: []int{hfPMD}, Do: func(c *Ctx) Next {
	return c.Call(fnSplitHugePMD, hfPMD, c.L(hfAddr))
}}

// faultAsksVMA is the step at a place of a fault that sees to it that there is a page table, if the VMA is to have no huge pages: set_pmd, the next one, finds it.
// compare mm/memory.c:do_set_pmd
func faultAsksVMA(self int) Step {
	return Step{Label: "ask_vma", Says: "no page table? May the VMA have huge pages?", Answer: "yes", Ref: "vma_thp_disabled", When: With(PMDMapAsksVMA).AndNoHugepage().AndFilePMDs(), Reads: cell.Of(machine.VMAs, machine.PMDs), Calls: []FuncID{fnPTEAlloc}, Back: []int{self}, Do: func(c *Ctx) Next {
		p := c.Page(dfAddr)
		switch {
		case c.Entry(dfTable).Present():
			c.Say("there is a page table")
			return Then
		case c.Load(c.M.VMA(p))&machine.VMNoHugepage == 0:
			return Then
		}
		if pmd := machine.Entry(c.Keep(dfTable, c.M.PMD(p))); pmd.Present() && !pmd.IsHuge() {
			c.Say("there is a page table by now")
			return Then
		}
		c.Set(dfTable, 0)
		c.Say("it is to have none (MADV_NOHUGEPAGE): a page table is missing")
		return c.Call(fnPTEAlloc, self, uint64(p))
	}}
}

// faultSetPMD is the step at a place of a fault that maps a huge page by the PMD, if there is no page table, and goes on at step mapped, or, if somebody
// was faster, done, from where on the folio is unlocked.
func faultSetPMD(self int, mapped, done Next, bits func(*Ctx, machine.PageID) machine.Entry) Step {
	return Step{Label: "set_pmd", Says: "no page table? Map the huge page by the PMD", Ref: "do_set_pmd", When: FilePMDs, Touches: largeTouches, Calls: []FuncID{fnPTEAlloc}, Back: []int{self},
		Wait: func(c *Ctx) Block {
			if c.Entry(dfTable).Present() {
				return Block{}
			}
			return c.Free(c.pmdLock(c.Page(dfAddr)))
		},
		Do: func(c *Ctx) Next {
			if c.Entry(dfTable).Present() {
				c.Say("there is a page table")
				return Then
			}
			p, f := c.Page(dfAddr), c.Held(0).Frame()
			switch pmd := machine.Entry(c.Keep(dfTable, c.M.PMD(p))); {
			case pmd.IsHuge():
				c.Say("the PMD maps a huge page by now: somebody else was faster")
				c.Set(dfTable, 0)
				return done
			case pmd.Present():
				c.Say("there is a page table by now")
				return Then
			case !c.M.IsLarge(f) || c.failedWithin(f):
				c.Say("the folio is small, or memory of it has failed: a page table is missing")
				c.Set(dfTable, 0)
				return c.Call(fnPTEAlloc, self, uint64(p))
			}
			c.mapFilePMD(p, bits(c, p))
			return mapped
		}}
}

// failedWithin reports whether memory of a large folio has failed.
func (c *Ctx) failedWithin(f machine.Frame) bool {
	for i := range machine.Frame(c.M.HugePages) {
		if c.M.Failed(c.M.Head(f) + i) {
			return true
		}
	}
	return false
}

// mapFilePMD maps the huge page whose page local 0 holds; its reference becomes the PMD's.
func (c *Ctx) mapFilePMD(p machine.PageID, bits machine.Entry) {
	f := c.Held(0).Frame()
	c.rmapAddPMD(c.M.Head(f), 1)
	c.Release(0)
	c.Set(0, uint64(machine.Uncounted(f)))
	e := c.protected(machine.MakeHuge(c.M.Head(f), bits), p)
	c.Sayf("map it by the PMD: %v", e)
	c.SetPMD(p, e)
	c.Set(dfTable, 0)
}

var splitFilePMD = Step{Label: "file", Says: "a file's: take the PMD away", Ref: "__split_huge_pmd_locked", When: FilePMDs, Local: true, Calls: []FuncID{fnSplitFilePMD}, Do: func(c *Ctx) Next {
	return c.Call(fnSplitFilePMD, end, c.L(shAddr), c.L(shFolio))
}}

// __split_huge_pmd_locked of a huge PMD that maps a file's, in straight line:
//
//	lock the PMD; not huge any more, or asked for by who splits another folio: done
//	clear it, flush
//	a migration entry: unlock, done
//	the PMD was dirty: so is the folio; mapped by one PMD less; unlock; drop the PMD's reference
//
// compare mm/huge_memory.c:__split_huge_pmd_locked
var _ = register(fnSplitFilePMD, &Func{Large: true,
	Name: "__split_huge_pmd_locked", File: "mm/huge_memory.c", Params: []int{sfAddr, sfFolio},
	Locals: []Local{{"old_pmd", PTELocal}, {"folio", FrameLocal}, {"reference", HoldLocal}, {"address", PageLocal}},
	Steps: []Step{
		{Label: "clear", Says: "clear the PMD, flush", Ref: "pmdp_huge_clear_flush", When: FilePMDs, Touches: cell.Of(machine.PMDs, machine.PTLs), Calls: []FuncID{fnFlushTLBMMRange},
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(sfAddr))) },
			Do: func(c *Ctx) Next {
				p := c.Page(sfAddr)
				old := machine.Entry(c.Load(c.M.PMD(p)))
				if f := c.Frame(sfFolio); !old.IsHuge() || f != 0 && (old.IsMigration() || old.Frame() != f) {
					c.Say("the PMD has changed")
					return Return
				}
				c.Sayf("clear the PMD, flush: it was %v", old)
				c.SetPMD(p, 0)
				if old.IsMigration() {
					return Return
				}
				c.Lock(c.pmdLock(p))
				c.Set(sfPMD, uint64(old))
				c.Hold(sfRef, old.Frame(), 1)
				return c.Call(fnFlushTLBMMRange, 1, uint64(c.M.Pages()[p].MM), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), c.flushRange())
			}},
		{Label: "dirty", Says: "was the PMD dirty? Then so is the folio", Ref: "folio_mark_dirty", When: FilePMDs, Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			if c.Entry(sfPMD).Has(machine.Dirty) {
				c.Say("the PMD was dirty: so is the folio")
				c.markDirty(c.Frame(sfPMD))
			}
			return Then
		}},
		{Label: "rmap", Says: "the folio is mapped by one PMD less; unlock the PMD, drop its reference", Ref: "folio_remove_rmap_pmd", When: FilePMDs, Touches: cell.Of(machine.Mapcounts, machine.Flags, machine.PTLs, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(sfRef).Frame()
			c.rmapAddPMD(f, -1)
			c.Release(sfRef)
			c.Unlock(c.pmdLock(c.Page(sfAddr)))
			return c.putFree(f, 1, end)
		}},
	},
})

const sfPMD, sfFolio, sfRef, sfAddr = 0, 1, 2, 3

// zapFilePMDDirty is the row of zap_huge_pmd for a file's.
var zapFilePMDDirty = Step{Label: "dirty_pmd", Says: "a file's: was the PMD dirty? Then so is the folio", Ref: "folio_mark_dirty", When: FilePMDs, Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
	if e := c.Entry(zhPMD); e.Has(machine.PSE|machine.Dirty) && c.isFile(c.Page(zhAddr)) {
		c.Say("the PMD was dirty: so is the folio")
		c.markDirty(e.Frame())
	}
	return Then
}}

// zapFileSplit comes behind the split of a file's PMD of which only a part is to go: that has left nothing. But a fault may map it again at once. Until 6.4 that is
// passed over; from 6.5 on the page table cannot be had, and all begins again.
// compare mm/memory.c:zap_pmd_range (read in source: 6.1, 6.4.y, 6.5, 6.12)
var zapFileSplit = Step{Label: "file_split", Says: "a file's was split: is the PMD none?", Answer: "yes: the next", Ref: "pmd_none", When: FilePMDs, Reads: cell.Of(machine.PMDs), Back: []int{zpPMD}, Do: func(c *Ctx) Next {
	switch pmd := machine.Entry(c.Load(c.M.PMD(c.Page(zpPage)))); {
	case pmd.IsHuge() && !c.sim.Kernel.On(PTEMapMayFail):
		c.Say("a fault has mapped a huge page again: let it be")
	case !pmd.PMDNone():
		c.Say("a fault was faster: look again")
		return zpPMD
	}
	return c.zapTable(Return)
}}
