package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// pte_offset_map() and pte_offset_map_lock(), from 6.5 on, in straight line:
//
//	rcu_read_lock()
//	pmd = *pmdp; no page table there: fail
//	lock the PTL of that table; *pmdp is not pmd any more: unlock, again
//
// khugepaged takes page tables of files out of the tree without mmap_lock, and has them freed by RCU. Who has read the PMD before finds it
// changed as soon as it has the table's lock, which khugepaged held meanwhile; and its fault is made again:
//
//	CPU0 (a fault, under mmap_lock)      CPU1 (khugepaged)
//	read the PMD: table 7
//	                                     lock the PMD, and the PTL of table 7
//	                                     clear the PMD, flush; unlock both
//	                                     have table 7 freed after a grace period
//	lock the PTL of table 7
//	is the PMD still the same? No
//
// RCU keeps the table, and its lock, until then. (The kernel looks whether there is a table at the PMD now, and goes on with that. Here who
// finds it changed goes back to where the PMD is read, or makes the whole fault again.)
//
// compare mm/pgtable-generic.c:__pte_offset_map, __pte_offset_map_lock

// withTableMaps is a table whose steps look at the PMD again where they map a page table: see Step.Map.
func withTableMaps(steps []Step) []Step {
	out := append([]Step{}, steps...)
	for i := range out {
		m, wait, do := out[i].Map, out[i].Wait, out[i].Do
		if m == nil {
			continue
		}
		out[i].Reads |= cell.Of(machine.PMDs)
		if 0 <= m.Gone && int(m.Gone) <= i {
			out[i].Back = append(append([]int{}, out[i].Back...), int(m.Gone))
		}
		if wait != nil { // who comes late finds another PMD, and does not look at the lock of a table that may be free by now
			out[i].Wait = func(c *Ctx) Block {
				if !c.sameTable(m.Table, m.Page) {
					return Block{}
				}
				return wait(c)
			}
		}
		out[i].Do = func(c *Ctx) Next {
			if !c.sameTable(m.Table, m.Page) {
				c.Say("the PMD has changed: the page table is gone")
				return m.Gone
			}
			c.renewTable(m.Table)
			return do(c)
		}
	}
	return out
}

// sameTable reports whether the PMD of the page that a local names still is what another local has captured.
func (c *Ctx) sameTable(table, page int) bool {
	return machine.Entry(c.Load(c.M.PMD(c.Page(page)))) == c.Entry(table).Fresh()
}

// renewTable is for a table that sameTable has found where it was. It may have been freed, and be there again: then it is the new one that
// is mapped from now on.
func (c *Ctx) renewTable(table int) {
	if e := c.Entry(table); c.M.Stale(e) {
		c.Set(table, uint64(e.Fresh()))
	}
}
