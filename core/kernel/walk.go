package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Steps of walks down the page tables over a range, each under mmap_lock: they differ in what they do about an entry, not in how they come to it.

// readPMDStep reads the PMD of the page that a local names, and keeps the page table it leads to: goes on with step huge if it maps a huge page; none: with the
// next table of the range, from this step, pmd, on, or with step done.
func readPMDStep(table, page, end, pmd, huge, done int) Step {
	return Step{Label: "read_pmd", Says: "read the PMD", Reads: cell.Of(machine.PMDs), Back: []int{pmd}, Do: func(c *Ctx) Next {
		switch e := machine.Entry(c.Keep(table, c.M.PMD(c.Page(page)))); {
		case e.Has(machine.PSE):
			return Next(huge)
		case !e.Present():
			return c.nextTable(page, end, pmd, done)
		}
		return Then
	}}
}

// lockPTLStep locks the page table that a local names.
func lockPTLStep(label, says string, table int) Step {
	return Step{Label: label, Says: says, Ref: "pte_offset_map_lock", Touches: cell.Of(machine.PTLs),
		Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(table))) },
		Do: func(c *Ctx) Next {
			c.lockPTL(table)
			return Then
		}}
}

// mapPTLStep is lockPTLStep where the page table may be gone by then: then it goes on at step gone. See table_map.go.
func mapPTLStep(label, says string, table, page int, gone Next) Step {
	s := lockPTLStep(label, says, table)
	s.Map = &TableMap{table, page, gone}
	return s
}

// nextTable goes on with the next page table of a range: page and last are the locals with the address
// and the range's last page.
func (c *Ctx) nextTable(page, last, again, done int) Next {
	next := c.M.HugeEnd(c.Page(page))
	if next > c.Page(last) {
		return Next(done)
	}
	c.Set(page, uint64(next))
	return Next(again)
}
