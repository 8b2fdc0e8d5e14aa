package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Tables above the PTE tables, where they are freed (`pgtable_levels 4 freed`): a scenario says then that nothing else is mapped near what it
// maps, and the PMD table goes with the last VMA below it, and so on up to the PGD, which stays as long as the mm does. Elsewhere what a process has beside,
// its stack and its libraries, keeps them, and walks begin with the PMD.
//
// free_pgd_range(addr, end, floor, ceiling), in straight line:
//
//	every PTE table of the range: no VMA is left in its two megabytes: pmd_clear(), pte_free_tlb()
//	no VMA is left in its gigabyte: pud_clear(), pmd_free_tlb()                     // free_pmd_range
//	no VMA is left in its 512 gigabytes: p4d_clear(), pud_free_tlb()                // free_pud_range; with four levels that is the PGD's entry
//	with five levels, no VMA is left in its 256 terabytes: pgd_clear(), p4d_free_tlb()     // free_p4d_range
//
// Floor and ceiling are the neighbours' ends, rounded to what a table covers. All that an mm maps lies in one PMD table here: it goes with the
// last VMA of the mm, and those above with it.
//
// Tables of all levels go through the same mmu_gather, and are freed in the same way (pt_free): *_free_tlb() hands each to tlb_remove_table() or
// tlb_remove_page(), from memory for those above the PTE tables. So what keeps a walk out of a freed PMD table is what keeps it out of a PTE table; a huge page, which has
// no PTE table, needs it as well:
//
//	CPU0 (GUP-fast, of a huge page)     CPU1 (munmap)
//	read the PUD: PMD table 20
//	                                    clear the PMD; clear the PUD
//	                                    flush; free table 20
//	read the PMD in table 20
//
// The second look at the PMD (gup_pmd_recheck) and at the PTE is no help: it comes behind the read, and reads the same table.
//
// Left out: that faults allocate them anew (__pmd_alloc). An mm that is left without a VMA maps nothing again here; only a fault in a VMA that is gone, which a broken
// rule lets in, would, and what it maps the MMU does not find. Walks under mmap_lock, and those that come by a reverse
// mapping, find the PMD none where a table above is gone; that they do not meet who takes it away is what munmap_rmap_locks is about, in PTE tables.
//
// compare mm/memory.c:free_pgd_range, free_pmd_range, free_pud_range, free_p4d_range

// upperGoes reports whether tables above the PTE tables are left of an mm that has no VMA any more.
func (c *Ctx) upperGoes(mm int) bool {
	if !c.M.FreesUpper || !machine.Entry(c.Load(c.M.Entry(c.M.Root(mm), 0))).Present() {
		return false
	}
	first, last := c.M.MMPages(mm)
	return !c.anyVMA(first, last+1)
}

// unhookUpper takes the lowest of them out of the tree; false if there is none.
func (c *Ctx) unhookUpper(mm int) bool {
	if !c.upperGoes(mm) {
		return false
	}
	levels := c.M.UpperLevels()
	for i := len(levels) - 1; i > 0; i-- {
		above := c.M.Upper(mm, levels[i-1])
		if e := machine.Entry(c.Load(c.M.Entry(above, 0))); e.Present() {
			c.M.SetEntry(above, 0, 0)
			c.M.GatherTable(c.Task, e.Frame())
			c.Sayf("unhook the %s table: clear the %s", machine.LevelName(levels[i]), machine.LevelName(levels[i-1]))
			return true
		}
	}
	panic("kernel: the PGD leads to a table, and nothing leads there")
}

// upperThrough is the page's entry of a level above the PMDs in the table that a local names, which a walk has come to; where tables above stay, none was read.
func (c *Ctx) upperThrough(table, addr, level int) machine.Word {
	at := c.M.Upper(c.mmOf(addr), level)
	if e := c.Entry(table); e.Present() {
		c.walked(e)
		at = e.Frame()
	}
	return c.M.Entry(at, c.M.Slot(c.Page(addr), level))
}

// The MMU's walk from the PGD on, where tables above the PTE tables go: the walker stands in one table after the other. (What real ones keep of the way
// beyond a walk, in paging-structure caches, a flush drops as it drops a walk under way: a walk that takes its time shows the same.)

// walkUpperStep reads one entry above the PTEs.
var walkUpperStep = Step{Label: "walk_upper", Says: "read the entry of the next level", When: UpperFreed, Order: Beside, Touches: cell.Of(machine.TLBs), Reads: cell.Of(machine.PMDs), Back: []int{accAccess, accLeaf, accFault, accHuge, accUpper},
	Do: func(c *Ctx) Next { return c.walkUpper(c.Page(accPage)) }}

// beginWalk reads the PGD, which stays.
func (c *Ctx) beginWalk(p machine.PageID) Next {
	e := machine.Entry(c.Load(c.M.Entry(c.M.Root(c.M.Pages()[p].MM), c.M.Slot(p, machine.LevelPGD))))
	if !e.Present() {
		c.Say("TLB miss: the PGD is none")
		return accFault
	}
	level := c.M.Below(machine.LevelPGD)
	c.Sayf("TLB miss: read the PGD (%s table: frame %d)", machine.LevelName(level), e.Frame())
	c.M.SetWalker(c.CPU, e, p, level)
	return accUpper
}

// walkUpper reads the entry of the table that the walker has come to.
func (c *Ctx) walkUpper(p machine.PageID) Next {
	if !c.inWalk(p) {
		return accAccess
	}
	table, _ := c.M.WalkerAt(c.CPU)
	level := c.M.WalkerLevel(c.CPU)
	c.walked(table)
	switch e := machine.Entry(c.Load(c.M.Entry(table.Frame(), c.M.Slot(p, level)))); {
	case !e.Present():
		c.Sayf("the %s is none", machine.LevelName(level))
		c.M.ClearWalker(c.CPU)
		return accFault
	case e.Has(machine.PSE):
		c.Sayf("the %s maps a huge page", machine.LevelName(level))
		return accHuge
	default:
		below := c.M.Below(level)
		c.Sayf("read the %s (%s table: frame %d)", machine.LevelName(level), machine.LevelName(below), e.Frame())
		c.M.SetWalker(c.CPU, e, p, below)
		if below == machine.LevelPTE {
			return accLeaf
		}
		return accUpper
	}
}

// inWalk reports whether the walk for a page is still under way: a flush ends it.
func (c *Ctx) inWalk(p machine.PageID) bool {
	if table, at := c.M.WalkerAt(c.CPU); table.Present() && at == p {
		return true
	}
	c.Say("the walk was interrupted: start again")
	return false
}

// stillWalks ends the walk at the PMD table that it has come to, of a huge page; false if it was interrupted.
func (c *Ctx) stillWalks(p machine.PageID) bool {
	if !c.inWalk(p) {
		return false
	}
	table, _ := c.M.WalkerAt(c.CPU)
	c.walked(table)
	c.M.ClearWalker(c.CPU)
	return true
}

// mayWalk reports whether the MMU finds anything on its way to a page.
func (s *Sim) mayWalk(p machine.PageID) bool {
	m := s.M
	if s.Setup.FreesUpper {
		return machine.Entry(m.Load(m.Entry(m.Root(m.Pages()[p].MM), m.Slot(p, machine.LevelPGD)))).Present()
	}
	return machine.Entry(m.Load(m.PMD(p))).Present()
}

// speculateUpper makes a step of an unasked walk above the PTE tables.
func (c *Ctx) speculateUpper(p machine.PageID) {
	if table, _ := c.M.WalkerAt(c.CPU); !table.Present() {
		c.beginWalk(p)
	} else if c.walkUpper(p) == accHuge {
		c.M.ClearWalker(c.CPU)
		c.fillHuge(p, false)
	}
}
