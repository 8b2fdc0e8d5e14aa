package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// With five levels of page tables (LA57) a walk reads one entry more, the P4D. With four the P4D is the PGD's entry itself:
// there is nothing to read. It never changes while its mm lives, no more than PGD and PUD do; it is a step so that both ways down can be
// seen beside each other: the way of who comes by an address, and that of who comes by a folio (page_vma_mapped_walk). Walks that touch no
// more than accessed and dirty bits, khugepaged's, move_pages' and mremap's have it with the PMD.

// gup_fast_pgd_range and gup_fast_p4d_range, in straight line:
//
//	pgd: as it is while the mm lives
//	p4d = p4dp_get(p4dp); not present: give up
//	gup_fast_pud_range(p4d)
//
// compare mm/gup.c:gup_fast_p4d_range
var _ = register(fnGUPFastP4DRange, &Func{
	Name: "gup_fast_p4d_range", Was: []Name{{"gup_p4d_range", 610}}, File: "mm/gup.c", Params: []int{g4Addr, g4End, g4Flags},
	Locals: []Local{{"p4d", TableLocal}, {"addr", PageLocal}, {"flags", FlagsLocal}, {"end", PageLocal}},
	Steps: []Step{
		{Label: "read_p4d", Says: "read the P4D", Ref: "p4dp_get", When: FiveLevels, Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnGUPFastPUDRange}, Do: func(c *Ctx) Next {
			if !machine.Entry(c.Keep(0, c.M.P4D(c.MM))).Present() {
				c.Say("the P4D is none: give up")
				return Return
			}
			return c.Call(fnGUPFastPUDRange, 1, c.L(g4Addr), c.L(g4End), c.L(g4Flags))
		}},
	},
})

const g4Addr, g4Flags, g4End = 1, 2, 3

// p4dStep reads the P4D on the way down to the page that a local names; the PMD comes next.
func p4dStep(addr int, ref string) Step {
	return Step{Label: "read_p4d", Says: "read the P4D", Ref: ref, When: FiveLevels, Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
		if !machine.Entry(c.Load(c.M.P4D(c.mmOf(addr)))).Present() {
			panic("kernel: an mm without a PUD table: its upper tables are there from the start")
		}
		return Then
	}}
}
