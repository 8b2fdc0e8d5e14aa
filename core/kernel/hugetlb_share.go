package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// PMD tables that mms share. Who maps a hugetlb file shared, over a whole gigabyte, finds below its PUD entry what all others have
// there who map the same: one PMD table for all. It is shared when a fault finds the PUD none, and unshared by whoever unmaps or
// protects a part of it, for its own mm alone: the others keep the table.
//
//	CPU0 (GUP-fast in A)            CPU1 (munmap in A)           CPU2 (B)
//	read the PUD: table 20
//	                                clear A's PUD; 1 user less
//	                                flush A's TLBs
//	                                                             the table is its own now: unmap a
//	                                                             page, free it, map another
//	read the PMD in table 20
//
// B's flushes are for CPUs that run B: they do not wait for CPU0. A's does, if it is an IPI; else hugetlb_unshare_sync has to, before
// i_mmap_rwsem is dropped: B takes that, too, before it changes what it has shared. (Before v5.7 faults held neither that nor any other lock; what came of it is not
// here.)

// gup_fast_pud_range, where a PUD entry may change, in straight line:
//
//	pud = READ_ONCE(*pudp); not present: give up
//	gup_fast_pmd_range(pud)
//
// compare mm/gup.c:gup_fast_pud_range
var _ = register(fnGUPFastPUDRange, &Func{
	Name: "gup_fast_pud_range", Was: []Name{{"gup_pud_range", 610}}, File: "mm/gup.c", FileWas: gupFileWas, Params: []int{g3P4D, g3Addr, g3End, g3Flags},
	Locals: []Local{{"pud", TableLocal}, {"p4d", TableLocal}, {"addr", PageLocal}, {"flags", FlagsLocal}, {"end", PageLocal}},
	Steps: []Step{
		{Label: "read_pud", Says: "read the PUD", Ref: "READ_ONCE(*pudp)", When: PUDsGo, Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnGUPFastPMDRange}, Do: func(c *Ctx) Next {
			pud := machine.Entry(c.Keep(g3PUD, c.upperThrough(g3P4D, g3Addr, machine.LevelPUD)))
			if !pud.Present() {
				c.Say("the PUD is none: give up")
				return Return
			}
			c.Sayf("read the PUD (PMD table: frame %d)", pud.Frame())
			return c.Call(fnGUPFastPMDRange, 2, uint64(pud), c.L(g3Addr), c.L(g3End), c.L(g3Flags))
		}},
		{Label: "pud_stays", Says: "the PUD is as it is while the mm lives", Local: true, Calls: []FuncID{fnGUPFastPMDRange}, Do: func(c *Ctx) Next {
			return c.Call(fnGUPFastPMDRange, 2, 0, c.L(g3Addr), c.L(g3End), c.L(g3Flags))
		}},
	},
})

const g3PUD, g3P4D, g3Addr, g3Flags, g3End = 0, 1, 2, 3, 4

// pmdThrough is the page's PMD entry in the table that the PUD in a local names; where PUD entries stay, none was read.
func (c *Ctx) pmdThrough(pud, addr int) machine.Word {
	e := c.Entry(pud)
	if !e.Present() {
		return c.M.PMD(c.Page(addr))
	}
	c.walked(e)
	return c.M.Entry(e.Frame(), c.M.Slot(c.Page(addr), machine.LevelPMD))
}

// huge_pmd_share, of a fault that finds the PUD none, in straight line:
//
//	lock i_mmap_rwsem for reading
//	find a VMA of another mm that maps the same gigabyte so, and has a table: one user more
//	none: allocate a table
//	the PUD is still none: it points to the table; else give the table back
//	unlock i_mmap_rwsem
//
// compare mm/hugetlb.c:huge_pmd_share, huge_pte_alloc
var _ = register(fnHugePMDShare, &Func{Hugetlb: true,
	Name: "huge_pmd_share", File: "mm/hugetlb.c", Params: []int{hsAddr},
	Locals: []Local{{"table", HoldLocal}, {"addr", PageLocal}},
	Steps: []Step{
		hsLock: {Label: "lock", Says: "lock file->i_mmap_rwsem for reading", Ref: "i_mmap_lock_read", When: With(HugetlbVMALock).AndSharedPMDs(), Touches: cell.Of(machine.RmapLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.mappingLockOf(hsAddr)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.mappingLockOf(hsAddr))
				return Then
			}},
		hsFind: {Label: "find", Says: "find a VMA that maps the same, with a PMD table", Ref: "page_table_shareable", When: SharedPMDs, Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PMDs, machine.VMAs, machine.MMs), Do: func(c *Ctx) Next {
			q, table := c.shareable(c.Page(hsAddr))
			if table == 0 {
				c.Say("no other mm has a PMD table of it")
				return Then
			}
			c.Sayf("%s has a PMD table of it, frame %d: one user more", c.M.MMs[c.M.Pages()[q].MM].Name, table)
			c.Get(table, 1)
			c.Hold(hsTable, table, 1)
			return hsInstall
		}},
		hsAlloc: {Label: "alloc", Says: "allocate a PMD table", Ref: "pmd_alloc", When: SharedPMDs, Touches: allocTouches | cell.Of(machine.Tables),
			Wait: func(c *Ctx) Block {
				if !c.M.PMDTableAvailable() {
					return Block{On: OnMemory}
				}
				return Block{}
			},
			Choose: func(c *Ctx, offer func(int)) { c.M.OffersPMDTables(func(f machine.Frame) { offer(int(f)) }) },
			Do: func(c *Ctx) Next {
				f := machine.Frame(c.Key)
				first, _ := c.M.GigabyteOf(c.Page(hsAddr))
				o, _ := c.M.Backing(first)
				c.M.Allocate(f, machine.FrameTable)
				c.M.SetPMDTable(f, o)
				c.Hold(hsTable, f, 1)
				return Then
			}},
		hsInstall: {Label: "install", Says: "make the PUD point to it", Ref: "pud_populate", When: SharedPMDs, Touches: tableFreeTouches | cell.Of(machine.PMDs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			p, f := c.Page(hsAddr), c.Held(hsTable).Frame()
			c.Release(hsTable)
			if machine.Entry(c.Load(c.M.PUD(p))).Present() {
				c.Say("somebody else was faster: give it back")
				return c.putFree(f, 1, hsUnlock)
			}
			c.M.SetPUD(p, machine.MakeTable(f))
			return Then
		}},
		hsUnlock: {Label: "unlock", Says: "unlock file->i_mmap_rwsem", Ref: "i_mmap_unlock_read", When: With(HugetlbVMALock).AndSharedPMDs(), Touches: cell.Of(machine.RmapLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.mappingLockOf(hsAddr))
			return Then
		}},
	},
})

const hsTable, hsAddr = 0, 1

const (
	hsLock = iota
	hsFind
	hsAlloc
	hsInstall
	hsUnlock
)

// shareable returns a page that another mm maps as p is mapped, and the PMD table that it has there; frame 0 if there is none. An mm that
// is being taken down shares nothing any more.
// compare mm/hugetlb.c:page_table_shareable
func (c *Ctx) shareable(p machine.PageID) (machine.PageID, machine.Frame) {
	if !c.wholeGigabyte(p) {
		return 0, 0
	}
	vma := c.M.VMFlags(p)
	for i, at := range c.M.Pages() {
		q := machine.PageID(i)
		if at.MM == c.M.Pages()[p].MM || !c.M.Gigabyte(q) || !c.M.MapsAlike(p, q) || c.M.VMFlags(q) != vma || c.Load(c.M.MMUsers(at.MM)) == 0 || !c.wholeGigabyte(q) {
			continue
		}
		if pud := machine.Entry(c.Load(c.M.PUD(q))); pud.Present() {
			return q, pud.Frame()
		}
	}
	return 0, 0
}

// wholeGigabyte reports whether one VMA covers all of the page's region.
func (c *Ctx) wholeGigabyte(p machine.PageID) bool {
	first, end := c.M.GigabyteOf(p)
	return c.Load(c.M.VMA(p)) != 0 && c.M.VMAFirst(p) <= first && c.M.VMALast(p) >= end-1
}

// huge_pmd_unshare, with the hugetlb VMA lock and i_mmap_rwsem held for writing, in straight line:
//
//	lock the PMD; nobody shares the table: done
//	clear the PUD; one user less; unlock
//	flush
//	one user is left: tlb_remove_table_sync_one()      // nobody of ours walks the table any more
//
// Whose table it is alone then changes it under i_mmap_rwsem, too: not before this is over.
//
// compare mm/hugetlb.c:huge_pmd_unshare, huge_pmd_unshare_flush
var _ = register(fnHugePMDUnshare, &Func{Hugetlb: true,
	Name: "huge_pmd_unshare", File: "mm/hugetlb.c", Params: []int{huAddr},
	Locals: []Local{{"pud", TableLocal}, {"addr", PageLocal}, {"users", IntLocal}},
	Steps: []Step{
		huClear: {Label: "clear", Says: "do others use the PMD table? Clear the PUD, one user less", Ref: "pud_clear", When: SharedPMDs, Touches: cell.Of(machine.PMDs, machine.Refs), Reads: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(huAddr))) },
			Do: func(c *Ctx) Next {
				p := c.Page(huAddr)
				pud := machine.Entry(c.Keep(huPUD, c.M.PUD(p)))
				switch {
				case !pud.Present():
					c.Say("the PUD is none")
					return Return
				case c.Load(c.M.Ref(pud.Frame())) == 1:
					c.Say("nobody else uses the PMD table")
					return Return
				}
				c.M.SetPUD(p, 0)
				c.Put(pud.Frame(), 1)
				users := c.Load(c.M.Ref(pud.Frame()))
				c.Set(huUsers, users)
				c.Sayf("clear the PUD: the PMD table in frame %d has %d left who use it", pud.Frame(), users)
				return Then
			}},
		huFlush: {Label: "flush", Says: "flush what was mapped by the table", Ref: "tlb_flush_pmd_range", When: With(HugetlbUnshareFlush).AndSharedPMDs(), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			first, end := c.M.GigabyteOf(c.Page(huAddr))
			return c.Call(fnFlushTLBMMRange, huSync, uint64(c.mmOf(huAddr)), uint64(first), uint64(end-1), 1)
		}},
		huSync: {Label: "sync", Says: "is it somebody's own now? Wait for whoever walks it", Ref: "tlb_remove_table_sync_one", When: With(HugetlbUnshareSync).AndSharedPMDs(), Local: true, Calls: []FuncID{fnTLBRemoveTableSyncOne}, Do: func(c *Ctx) Next {
			if c.L(huUsers) != 1 {
				return Then
			}
			return c.Call(fnTLBRemoveTableSyncOne, huDone)
		}},
		huDone: {Label: "done", Says: "the table is not ours any more", Local: true, Do: func(c *Ctx) Next { return Return }},
	},
})

const huPUD, huAddr, huUsers = 0, 1, 2

const (
	huClear = iota
	huFlush
	huSync
	huDone
)
