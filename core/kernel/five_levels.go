package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// With five levels of page tables (LA57) a walk reads one entry more, the P4D. With four the P4D is the PGD's entry itself:
// there is nothing to read. It never changes while its mm lives, no more than PGD and PUD do, unless nothing else lies near (upper_tables.go); it is a step so that both ways down can be
// seen beside each other: the way of who comes by an address, and that of who comes by a folio (page_vma_mapped_walk). Walks that touch no
// more than accessed and dirty bits, khugepaged's, move_pages' and mremap's have it with the PMD.

// gup_fast_pgd_range and gup_fast_p4d_range, in straight line:
//
//	pgd: as it is while the mm lives, unless nothing else lies near: READ_ONCE(*pgdp); none: give up
//	with four levels it is the P4D, too: gup_fast_pud_range(pgd)
//	p4d = p4dp_get(p4dp); not present: give up
//	gup_fast_pud_range(p4d)
//
// compare mm/gup.c:gup_fast_pgd_range, gup_fast_p4d_range
var _ = register(fnGUPFastP4DRange, &Func{
	Name: "gup_fast_p4d_range", Was: []Name{{"get_user_pages_fast", 411}, {"gup_p4d_range", 610}}, File: "mm/gup.c", FileWas: gupFileWas, Params: []int{g4PGD, g4Addr, g4End, g4Flags},
	Locals: []Local{{"p4d", TableLocal}, {"pgd", TableLocal}, {"addr", PageLocal}, {"flags", FlagsLocal}, {"end", PageLocal}},
	Steps: []Step{
		g4ReadPGD: {Label: "read_pgd", Says: "read the PGD", Ref: "READ_ONCE(*pgdp)", When: UpperFreed, Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnGUPFastPUDRange}, Do: func(c *Ctx) Next {
			pgd := machine.Entry(c.Keep(g4PGD, c.M.Entry(c.M.Root(c.MM), c.M.Slot(c.Page(g4Addr), machine.LevelPGD))))
			if !pgd.Present() {
				c.Say("the PGD is none: give up")
				return Return
			}
			c.Sayf("read the PGD (%s table: frame %d)", machine.LevelName(c.M.Below(machine.LevelPGD)), pgd.Frame())
			if c.M.FiveLevels {
				return Then
			}
			return c.Call(fnGUPFastPUDRange, g4Done, uint64(pgd), c.L(g4Addr), c.L(g4End), c.L(g4Flags))
		}},
		g4ReadP4D: {Label: "read_p4d", Says: "read the P4D", Ref: "p4dp_get", When: FiveLevels, Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnGUPFastPUDRange}, Do: func(c *Ctx) Next {
			p4d := machine.Entry(c.Keep(g4P4D, c.upperThrough(g4PGD, g4Addr, machine.LevelP4D)))
			if !p4d.Present() {
				c.Say("the P4D is none: give up")
				return Return
			}
			if !c.M.FreesUpper {
				return c.Call(fnGUPFastPUDRange, g4Done, 0, c.L(g4Addr), c.L(g4End), c.L(g4Flags))
			}
			c.Sayf("read the P4D (PUD table: frame %d)", p4d.Frame())
			return c.Call(fnGUPFastPUDRange, g4Done, uint64(p4d), c.L(g4Addr), c.L(g4End), c.L(g4Flags))
		}},
	},
})

const (
	g4ReadPGD = iota
	g4ReadP4D
	g4Done
)

const g4P4D, g4PGD, g4Addr, g4Flags, g4End = 0, 1, 2, 3, 4

// p4dStep reads the P4D on the way down to the page that a local names; the PMD comes next, and is none where the P4D is.
func p4dStep(addr int, ref string) Step {
	return Step{Label: "read_p4d", Says: "read the P4D", Ref: ref, When: FiveLevels, Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
		if !machine.Entry(c.Load(c.M.P4D(c.mmOf(addr)))).Present() {
			if c.M.FreesUpper {
				c.Say("the P4D is none")
				return Then
			}
			panic("kernel: an mm without a PUD table: its upper tables are there from the start")
		}
		return Then
	}}
}
