package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Flags of try_to_migrate.
const (
	ttuBatchFlush   uint64 = 1 << iota // the flush may be put off: the caller does it before the page is copied
	ttuSplitHugePMD                    // a huge PMD entry is split first: every page gets a migration entry of its own
)

// try_to_migrate, of a locked folio, in straight line:
//
//	for every place where it may be mapped: try_to_migrate_one(); refused: stop
//
// Whoever faults there from then on waits until the folio is unlocked. Who holds it already is
// looked for afterwards, in its reference count.
//
// compare mm/rmap.c:try_to_migrate
var _ = register(fnTryToMigrate, &Func{Migrating: true,
	Name: "try_to_migrate", Was: []Name{{"try_to_unmap", 514}}, File: "mm/rmap.c", Params: []int{0, 2},
	Locals: []Local{{"folio", FrameLocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		rmapLockStep(0),
		{Label: "first", Says: "the first place where it may be mapped", Ref: "rmap_walk", Reads: cell.Of(machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnTryToMigrateOne}, Do: func(c *Ctx) Next {
			return c.migrateAt(machine.NoPage)
		}},
		{Label: "next", Says: "the next place where it may be mapped", Ref: "rmap_walk", Reads: cell.Of(machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnTryToMigrateOne}, Back: []int{2}, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				c.Say("it may not be unmapped: stop")
				return 3
			}
			return c.migrateAt(c.Page(1))
		}},
		rmapUnlockStep(0, Return),
	},
})

// migrateAt goes on with the next place behind a page where the folio may be mapped.
func (c *Ctx) migrateAt(after machine.PageID) Next {
	p, ok := c.M.NextMapping(c.Frame(0), after)
	if !ok {
		c.Say("there is no other place where it may be mapped")
		return 3
	}
	c.Sayf("it may be mapped at %s", c.M.Pages()[p].Name)
	c.Set(1, uint64(p))
	return c.Call(fnTryToMigrateOne, 2, c.L(0), uint64(p), c.L(2))
}

// try_to_migrate_one, of a locked folio that begins at an address of an mm, in straight line:
//
//	huge PMD: split it into migration entries if asked to; else as below, with the PMD in the PTE's place
//	lock the PTL; no PTE maps a page of it: done
//	every PTE that does:
//	    clear it; flush, or (newer, if the caller flushes before it copies) put the flush off
//	    it was dirty: so is the folio
//	    exclusive: pinned? restore it, give up. Else it is exclusive no more
//	    PTE = migration entry: of a writable page, an exclusive one, or a shared one; and whether it was accessed, and dirty
//	    mapped once less; drop the PTE's reference
//	unlock the PTL
//
// compare mm/rmap.c:try_to_migrate_one, set_pmd_migration_entry
var _ = register(fnTryToMigrateOne, &Func{Migrating: true,
	Notify: rmapOf(tmFolio, tmPage),
	Name:   "try_to_migrate_one", Was: []Name{{"try_to_unmap_one", 514}}, File: "mm/rmap.c", Params: []int{tmFolio, tmPage, tmFlags},
	Locals: []Local{{"folio", FrameLocal}, {"pmd", TableLocal}, {"pteval", PTELocal}, {"reference", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"flags", IntLocal}, {"anon_exclusive", IntLocal}},
	Steps: []Step{
		tmBegin: {Label: "begin", Says: "from its first page on", Local: true, Do: func(c *Ctx) Next {
			c.Set(tmEnd, uint64(c.folioEnd(c.Page(tmPage), c.Frame(tmFolio))))
			return Then
		}},
		tmP4D: p4dStep(tmPage, "page_vma_mapped_walk"),
		tmWalk: {Label: "walk", Says: "read the PMD", Ref: "page_vma_mapped_walk", Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnSplitHugePMD}, Back: []int{tmWalk}, Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(tmPMD, c.M.PMD(c.Page(tmPage))))
			switch {
			case !pmd.Present():
				return c.migrateNextTable()
			case pmd.Has(machine.PSE) && pmd.Frame() != c.Frame(tmFolio):
				c.Say("another huge page is mapped there")
				return c.migrateNextTable()
			case pmd.Has(machine.PSE) && c.L(tmFlags)&ttuSplitHugePMD != 0:
				c.Say("the PMD is huge: split it")
				return c.Call(fnSplitHugePMD, tmWalk, c.L(tmPage), 1, c.L(tmFolio))
			case pmd.Has(machine.PSE):
				return tmHugeLock
			}
			return Then
		}},
		tmLock: {Label: "lock", Says: "lock the PTL; does a PTE map it?", Answer: "yes", Ref: "check_pte", Map: &TableMap{tmPMD, tmPage, tmWalk}, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs, machine.Flags, machine.Mappings), Back: []int{tmWalk},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(tmPMD))) }, Do: func(c *Ctx) Next {
				c.walked(c.Entry(tmPMD))
				if !c.migrateFind() {
					c.Say("it is not mapped there any more")
					return c.migrateNextTable()
				}
				c.lockPTL(tmPMD)
				return Then
			}},
		tmClear: {Label: "clear", Says: "clear the PTE", Ref: "ptep_get_and_clear", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			old := c.ClearPTE(c.Frame(tmPMD), c.Page(tmPage))
			c.Sayf("clear the PTE: it was %v", old)
			c.Set(tmPTE, uint64(old))
			c.Hold(tmRef, old.Frame(), 1)
			return Then
		}},
		tmBatch: {Label: "defer", Says: "may the flush be put off?", Ref: "should_defer_flush", When: With(MigrateBatchFlush), Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			if c.L(tmFlags)&ttuBatchFlush == 0 || c.M.Cpumask(c.mmOf(tmPage))&^(1<<c.CPU) == 0 {
				c.Say("the flush is not put off")
				return tmFlush
			}
			c.Say("the flush may be put off")
			return Then
		}},
		tmPutOff: {Label: "put_off", Says: "put the flush off", Ref: "set_tlb_ubc_flush_pending", When: With(MigrateBatchFlush), Touches: cell.Of(machine.MMs, machine.Batches, machine.IPIs), Do: func(c *Ctx) Next {
			c.putOffFlush(c.mmOf(tmPage), c.Entry(tmPTE))
			return tmIOTLB
		}},
		tmFlush: {Label: "flush", Says: "flush the page from every TLB", Ref: "ptep_clear_flush", When: With(MigrateFlush), Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.Call(fnFlushTLBMMRange, tmDirty, uint64(c.mmOf(tmPage)), c.L(tmPage), c.L(tmPage), 0)
		}},
		tmIOTLB: iotlbStep(If(SecondaryTLBs, SecondaryTLBsFlush), tmDirty, wholeMM(tmPage)),
		tmDirty: {Label: "was_dirty", Says: "was the PTE dirty?", Local: true, Do: func(c *Ctx) Next {
			if !c.Entry(tmPTE).Has(machine.Dirty) {
				return tmShared
			}
			return Then
		}},
		tmSetDirty: {Label: "set_dirty", Says: "the PTE was dirty: so is the folio", Ref: "folio_mark_dirty", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.markDirty(c.Frame(tmFolio))
			return Then
		}},
		tmShared: {Label: "exclusive", Says: "is the page exclusive?", Local: true, Do: func(c *Ctx) Next {
			if c.L(tmExcl) == 0 {
				return tmSet
			}
			return Then
		}},
		tmPinned: {Label: "share", Says: "may it be pinned?", Answer: "no", Ref: "folio_try_share_anon_rmap_pte", When: With(SharePinTest), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			if c.maybePinned(c.Frame(tmPTE)) {
				c.Say("it may be pinned: restore the PTE")
				return tmRestore
			}
			return Then
		}},
		tmShare: {Label: "clear_exclusive", Says: "it is exclusive no more", Ref: "ClearPageAnonExclusive", When: With(AnonExclusive), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(tmPTE)), machine.PGAnonExclusive)
			return Then
		}},
		tmSet: {Label: "set_migration", Says: "put the migration entry", Ref: "set_pte_at", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			e := c.migrationEntry(c.Entry(tmPTE))
			c.Sayf("put the migration entry: %v", e)
			c.SetPTE(c.Frame(tmPMD), c.Page(tmPage), e)
			return Then
		}},
		tmRmap: {Label: "rmap", Says: "it is mapped once less", Ref: "folio_remove_rmap_pte", Touches: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			c.rmapAdd(c.Frame(tmPTE), -1)
			return Then
		}},
		tmPut: {Label: "put", Says: "drop the PTE's reference; another PTE that maps it?", Answer: "no: unlock the PTL", Ref: "folio_put", Touches: cell.Of(machine.Refs, machine.PTLs), Reads: cell.Of(machine.PTEs, machine.Flags, machine.Mappings), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{tmWalk, tmClear}, Do: func(c *Ctx) Next {
			f := c.Held(tmRef).Frame()
			c.Release(tmRef)
			return c.putFree(f, 1, int(c.migrateNext()))
		}},
		tmRestore: {Label: "restore", Says: "restore the PTE, unlock the PTL", Ref: "set_pte_at", When: With(AnonExclusive), Touches: cell.Of(machine.PTEs, machine.PTLs), Do: func(c *Ctx) Next {
			c.Release(tmRef)
			c.SetPTE(c.Frame(tmPMD), c.Page(tmPage), c.Entry(tmPTE))
			c.Unlock(c.M.PTL(c.Frame(tmPMD)))
			return c.Return(1)
		}},
		tmHugeLock:       migrateHugeLock,
		tmHugeInvalidate: migrateHugeInvalidate,
		tmHugePinned:     migrateHugePinned,
		tmHugeShare:      migrateHugeShare,
		tmHugeDirty:      migrateHugeDirty,
		tmHugeSet:        migrateHugeSet,
		tmHugePut:        migrateHugePut,
	},
})

const tmFolio, tmPMD, tmPTE, tmRef, tmPage, tmEnd, tmFlags, tmExcl = 0, 1, 2, 3, 4, 5, 6, 7

const (
	tmBegin = iota
	tmP4D
	tmWalk
	tmLock
	tmClear
	tmBatch
	tmPutOff
	tmFlush
	tmIOTLB
	tmDirty
	tmSetDirty
	tmShared
	tmPinned
	tmShare
	tmSet
	tmRmap
	tmPut
	tmRestore
	tmHugeLock
	tmHugeInvalidate
	tmHugePinned
	tmHugeShare
	tmHugeDirty
	tmHugeSet
	tmHugePut
)

// folioEnd is the last page at which a folio may be mapped in p's region that is mapped from p on, or before: its first pages may have no VMA any more.
func (c *Ctx) folioEnd(p machine.PageID, f machine.Frame) machine.PageID {
	at := c.M.Pages()[p]
	last := p + machine.PageID(min(c.M.FolioPages(f), c.M.Region(p).Pages-at.Index)-1)
	if c.isFile(p) {
		return last
	}
	return min(last, c.lastHuge(p)) // a large one begins where a page table does
}

// inFolio reports whether a page belongs to the folio that local i names.
func (c *Ctx) inFolio(f machine.Frame, i int) bool {
	return f != machine.ZeroPage && c.M.Head(f) == c.M.Head(c.Frame(i))
}

// migrateFind finds, in the table at hand, the next PTE from the address on that maps a page of the
// folio, and notes whether that page is exclusive.
func (c *Ctx) migrateFind() bool {
	for p, last := c.Page(tmPage), min(c.Page(tmEnd), c.lastHuge(c.Page(tmPage))); p <= last; p++ {
		e := machine.Entry(c.Load(c.PTE(c.Frame(tmPMD), p)))
		if !e.Present() || !c.inFolio(e.Frame(), tmFolio) {
			continue
		}
		c.Set(tmPage, uint64(p))
		c.Set(tmExcl, 0)
		if c.exclusiveAnon(e.Frame()) {
			c.Set(tmExcl, 1)
		}
		return true
	}
	return false
}

// migrateNext goes on with the next PTE of a large folio; the PTL is dropped where the table has no more.
func (c *Ctx) migrateNext() Next {
	if c.Page(tmPage) < c.Page(tmEnd) && c.Page(tmPage) < c.lastHuge(c.Page(tmPage)) {
		c.Set(tmPage, c.L(tmPage)+1)
		if c.migrateFind() {
			c.Say("drop the PTE's reference; the next PTE maps it, too")
			return tmClear
		}
	}
	c.Unlock(c.M.PTL(c.Frame(tmPMD)))
	return c.migrateNextTable()
}

// migrateNextTable goes on with the next page table that a large folio reaches into.
func (c *Ctx) migrateNextTable() Next {
	next := c.M.HugeEnd(c.Page(tmPage))
	if next > c.Page(tmEnd) {
		return end
	}
	c.Set(tmPage, uint64(next))
	return tmWalk
}

// migrationEntry is what stands for a page while it is moved.
func (c *Ctx) migrationEntry(old machine.Entry) machine.Entry {
	kind := machine.MigrationRead
	switch {
	case old.Has(machine.RW):
		kind = machine.MigrationWrite
	case c.L(tmExcl) != 0:
		kind = machine.MigrationReadExclusive
	}
	return c.moving(kind, old.Frame(), old)
}

// moving is a migration entry of a kind in the place of an old one. Until v6.1 it forgets whether the page was accessed and dirtied
// there; the folio is dirty by then.
func (c *Ctx) moving(kind machine.MigrationKind, f machine.Frame, old machine.Entry) machine.Entry {
	keeps := c.sim.migratesYoungDirty
	return c.carried(machine.MakeMigration(kind, f, keeps && old.Has(machine.Accessed), keeps && old.Has(machine.Dirty)), old)
}

// remove_migration_ptes, in straight line:
//
//	for every place where the new folio may be mapped: remove_migration_pte()
//
// If the migration failed, the new folio is the old one. So it is where a folio was split; then a page
// of zeros may give way to the zero page.
//
// compare mm/migrate.c:remove_migration_ptes
var _ = register(fnRemoveMigrationPTEs, &Func{Migrating: true,
	Name: "remove_migration_ptes", File: "mm/migrate.c", Params: []int{0, 1, 3},
	Locals: []Local{{"src", FrameLocal}, {"dst", FrameLocal}, {"address", PageLocal}, {"map_unused_to_zeropage", IntLocal}},
	Steps: []Step{
		rmapLockStep(1),
		{Label: "first", Says: "the first place where it may be mapped", Ref: "rmap_walk", Reads: cell.Of(machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnRemoveMigrationPTE}, Do: func(c *Ctx) Next {
			return c.unmigrateAt(machine.NoPage)
		}},
		{Label: "next", Says: "the next place where it may be mapped", Ref: "rmap_walk", Reads: cell.Of(machine.Mappings, machine.VMAs, machine.KSM), Calls: []FuncID{fnRemoveMigrationPTE}, Back: []int{2}, Do: func(c *Ctx) Next {
			return c.unmigrateAt(c.Page(2))
		}},
		rmapUnlockStep(1, Return),
	},
})

func (c *Ctx) unmigrateAt(after machine.PageID) Next {
	p, ok := c.M.NextMapping(c.Frame(1), after)
	if !ok {
		c.Say("there is no other place where it may be mapped")
		return 3
	}
	c.Sayf("it may be mapped at %s", c.M.Pages()[p].Name)
	c.Set(2, uint64(p))
	return c.Call(fnRemoveMigrationPTE, 2, c.L(0), c.L(1), uint64(p), c.L(3))
}

// remove_migration_pte, of a folio that begins at an address of an mm, in straight line:
//
//	a PMD migration entry: as below, with the PMD in the PTE's place
//	no PMD, a huge page: newer: lock the PMD, unlock it: who has its entry in hand has put it somewhere then; done
//	lock the PTL; no migration entry of the old folio: done
//	every one:
//	    newer, after a split: all zeros: PTE = the zero page; next
//	    take a reference on the new folio's page
//	    mapped once more; exclusive if the entry says so
//	    PTE = the page, with the VMA's protection; writable, accessed as the entry says; dirty, if
//	    the entry says so and the folio is
//	unlock the PTL
//
// compare mm/migrate.c:remove_migration_pte, mm/huge_memory.c:remove_migration_pmd
var _ = register(fnRemoveMigrationPTE, &Func{Migrating: true,
	Name: "remove_migration_pte", File: "mm/migrate.c", Params: []int{rmSrc, rmDst, rmPage, rmToZero},
	Locals: []Local{{"src", FrameLocal}, {"dst", FrameLocal}, {"pmd", TableLocal}, {"old_pte", PTELocal}, {"reference", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"map_unused_to_zeropage", IntLocal}},
	Steps: []Step{
		rmBegin: {Label: "begin", Says: "from its first page on", Local: true, Do: func(c *Ctx) Next {
			c.Set(rmEnd, uint64(c.folioEnd(c.Page(rmPage), c.Frame(rmDst))))
			return Then
		}},
		rmP4D: p4dStep(rmPage, "page_vma_mapped_walk"),
		rmWalk: {Label: "walk", Says: "read the PMD", Ref: "page_vma_mapped_walk", Reads: cell.Of(machine.PMDs), Back: []int{rmWalk}, Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(rmPMD, c.M.PMD(c.Page(rmPage))))
			switch {
			case pmd.IsMigration():
				return rmHugeLock
			case !pmd.Present():
				return rmSync
			case pmd.Has(machine.PSE):
				return c.unmigrateNextTable()
			}
			return Then
		}},
		rmLock: {Label: "lock", Says: "lock the PTL; is there a migration entry of it?", Answer: "yes", Ref: "check_pte", Map: &TableMap{rmPMD, rmPage, rmWalk}, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs), Back: []int{rmWalk},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(rmPMD))) }, Do: func(c *Ctx) Next {
				c.walked(c.Entry(rmPMD))
				if !c.unmigrateFind() {
					c.Say("there is no migration entry of it any more")
					return c.unmigrateNextTable()
				}
				c.lockPTL(rmPMD)
				return Then
			}},
		rmZero: {Label: "zero_page", Says: "is it all zeros?", Answer: "no", Ref: "try_to_map_unused_to_zeropage", When: With(SplitMapsZeropage).AndLarge(), Touches: cell.Of(machine.PTEs, machine.PTLs), Reads: cell.Of(machine.Contents, machine.VMAs, machine.Mappings), Back: []int{rmWalk, rmZero}, Do: func(c *Ctx) Next {
			p, f := c.Page(rmPage), c.newPage()
			vma := c.Load(c.M.VMA(p))
			if c.L(rmToZero) == 0 || c.Load(c.M.Contents(f)) != 0 || vma&machine.VMLocked != 0 || !c.isAnon(f) {
				return Then
			}
			c.Say("it is all zeros: map the zero page in its place")
			c.SetPTE(c.Frame(rmPMD), p, c.protected(machine.MakePTE(machine.ZeroPage, machine.Special), p))
			return c.unmigrateNext()
		}},
		rmGet: {Label: "get", Says: "take a reference for the PTE", Ref: "folio_get", Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			f := c.newPage()
			c.Get(f, 1)
			c.Hold(rmRef, f, 1)
			return Then
		}},
		rmRmap: {Label: "rmap", Says: "it is mapped once more; exclusive, if the entry says so", Ref: "folio_add_anon_rmap_pte", Touches: cell.Of(machine.Mapcounts, machine.Flags), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Held(rmRef).Frame()
			c.rmapAdd(f, 1)
			if kind, _, _, _ := c.Entry(rmPTE).Migration(); kind != machine.MigrationRead && c.isAnon(f) {
				c.Or(c.M.Flags(f), c.sim.exclusive)
			}
			return Then
		}},
		rmSet: {Label: "set_pte", Says: "map it", Ref: "set_pte_at", Touches: cell.Of(machine.PTEs, machine.PTLs), Reads: cell.Of(machine.VMAs, machine.Flags), Back: []int{rmWalk, rmZero}, Do: func(c *Ctx) Next {
			p := c.Page(rmPage)
			e := c.unmigrated(p, c.Held(rmRef).Frame(), c.Entry(rmPTE))
			c.Sayf("map it: %v", e)
			c.Release(rmRef)
			c.SetPTE(c.Frame(rmPMD), p, e)
			return c.unmigrateNext()
		}},
		rmHugeLock: unmigrateHugeLock,
		rmHugeGet:  unmigrateHugeGet,
		rmHugeSet:  unmigrateHugeSet,
		rmSync:     unmigrateSync,
		rmNone:     {Label: "none", Says: "nothing is there: the next page table", Local: true, Back: []int{rmWalk}, Do: (*Ctx).unmigrateNextTable},
	},
})

const rmSrc, rmDst, rmPMD, rmPTE, rmRef, rmPage, rmEnd, rmToZero = 0, 1, 2, 3, 4, 5, 6, 7

const (
	rmBegin = iota
	rmP4D
	rmWalk
	rmLock
	rmZero
	rmGet
	rmRmap
	rmSet
	rmHugeLock
	rmHugeGet
	rmHugeSet
	rmSync
	rmNone
)

// newPage is the page of the new folio that takes the place of the migration entry's.
func (c *Ctx) newPage() machine.Frame {
	_, f, _, _ := c.Entry(rmPTE).Migration()
	return c.M.Head(c.Frame(rmDst)) + f - c.Frame(rmSrc)
}

// unmigrateFind finds, in the table at hand, the next migration entry of the old folio from the address on.
func (c *Ctx) unmigrateFind() bool {
	n := machine.Frame(c.M.FolioPages(c.Frame(rmDst)))
	for p, last := c.Page(rmPage), min(c.Page(rmEnd), c.lastHuge(c.Page(rmPage))); p <= last; p++ {
		e := machine.Entry(c.Load(c.PTE(c.Frame(rmPMD), p)))
		if !e.IsMigration() {
			continue
		}
		if _, f, _, _ := e.Migration(); f >= c.Frame(rmSrc) && f < c.Frame(rmSrc)+n {
			c.Set(rmPage, uint64(p))
			c.Set(rmPTE, uint64(e))
			return true
		}
	}
	return false
}

// unmigrateNext goes on with the next PTE of a large folio; the PTL is dropped where the table has no more.
func (c *Ctx) unmigrateNext() Next {
	if c.Page(rmPage) < c.Page(rmEnd) && c.Page(rmPage) < c.lastHuge(c.Page(rmPage)) {
		c.Set(rmPage, c.L(rmPage)+1)
		if c.unmigrateFind() {
			return rmZero
		}
	}
	c.Set(rmPTE, 0)
	c.Unlock(c.M.PTL(c.Frame(rmPMD)))
	return c.unmigrateNextTable()
}

func (c *Ctx) unmigrateNextTable() Next {
	next := c.M.HugeEnd(c.Page(rmPage))
	if next > c.Page(rmEnd) {
		return end
	}
	c.Set(rmPage, uint64(next))
	return rmWalk
}

// unmigrated is the entry that a migration entry becomes, with the page's own frame.
func (c *Ctx) unmigrated(p machine.PageID, f machine.Frame, old machine.Entry) machine.Entry {
	kind, _, accessed, dirty := old.Migration()
	vma := c.Load(c.M.VMA(p))
	e := c.protected(machine.MakePTE(f, 0), p)
	if !accessed {
		e &^= machine.Accessed
	}
	if dirty && c.Load(c.folioFlags(f))&machine.PGDirty != 0 {
		e = c.sim.mkdirty(e)
	}
	e = c.carried(e, old)
	if kind == machine.MigrationWrite && (c.sim.migrateKeepsWrite || vma&machine.VMWrite != 0) || c.sharedWritable(p, vma, 0) {
		e |= machine.RW
	}
	return e
}
