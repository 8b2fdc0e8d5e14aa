package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Migration entries in the place of huge PMD entries: the rows of try_to_migrate_one and
// remove_migration_pte that are for them. The page table that is deposited beside the entry stays.

var migrateHugeLock = Step{Label: "lock_pmd", Says: "lock the PMD; does it map the folio?", Answer: "yes", Ref: "pmd_lock", When: Large, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs, machine.Flags, machine.Mappings), Back: []int{tmWalk},
	Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(tmPage))) },
	Do: func(c *Ctx) Next {
		pmd := machine.Entry(c.Load(c.M.PMD(c.Page(tmPage))))
		switch {
		case !pmd.Has(machine.PSE):
			c.Say("the PMD is not huge any more")
			return tmWalk
		case !c.inFolio(pmd.Frame(), tmFolio):
			c.Say("it maps another folio")
			return Return
		}
		c.Lock(c.pmdLock(c.Page(tmPage)))
		if c.exclusiveAnon(pmd.Frame()) {
			c.Set(tmExcl, 1)
		}
		return Then
	}}

var migrateHugeInvalidate = Step{Label: "invalidate", Says: "invalidate the PMD, flush", Ref: "pmdp_invalidate", When: Large, Touches: cell.Of(machine.PMDs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
	p := c.Page(tmPage)
	old := machine.Entry(c.Load(c.M.PMD(p)))
	c.Set(tmPTE, uint64(old))
	if c.M.IsHugetlb(old.Frame()) {
		c.Say("clear the PMD, flush")
		c.SetPMD(p, 0)
		c.Hold(tmRef, old.Frame(), 1)
	} else {
		c.SetPMD(p, old&^machine.Present)
	}
	return c.Call(fnFlushTLBMMRange, tmHugePinned, uint64(c.mmOf(tmPage)), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), c.flushRange())
}}

var migrateHugePinned = Step{Label: "share_pmd", Says: "is it exclusive, and may it be pinned?", Answer: "no", Ref: "folio_try_share_anon_rmap_pmd", When: With(AnonExclusive).AndLarge(), Touches: cell.Of(machine.PMDs, machine.PTLs), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
	switch {
	case c.L(tmExcl) == 0:
		c.Say("it is not exclusive")
		return tmHugeDirty
	case c.sim.sharePinTest && c.maybePinned(c.Frame(tmPTE)):
		c.Say("it may be pinned: restore the PMD, unlock it")
		c.Release(tmRef)
		c.SetPMD(c.Page(tmPage), c.Entry(tmPTE))
		c.Unlock(c.pmdLock(c.Page(tmPage)))
		return c.Return(1)
	}
	return Then
}}

var migrateHugeShare = Step{Label: "clear_exclusive_pmd", Says: "it is exclusive no more", Ref: "ClearPageAnonExclusive", When: With(AnonExclusive).AndLarge(), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
	c.AndNot(c.M.Flags(c.Frame(tmPTE)), machine.PGAnonExclusive)
	return Then
}}

var migrateHugeDirty = Step{Label: "set_dirty_pmd", Says: "was the PMD dirty? Then so is the folio", Ref: "folio_mark_dirty", When: Large, Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
	if c.Entry(tmPTE).Has(machine.Dirty) {
		c.Say("the PMD was dirty: so is the folio")
		c.markDirty(c.Frame(tmPTE))
	}
	return Then
}}

var migrateHugeSet = Step{Label: "set_migration_pmd", Says: "put the migration entry; the folio is mapped by one PMD less", Ref: "set_pmd_at", When: Large, Touches: cell.Of(machine.PMDs, machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
	e := c.migrationEntry(c.Entry(tmPTE))
	c.Sayf("put the migration entry: %v; the folio is mapped by one PMD less", e)
	f := c.Frame(tmPTE)
	c.SetPMD(c.Page(tmPage), e)
	c.Hold(tmRef, f, 1)
	c.rmapAddPMD(f, -1)
	return Then
}}

var migrateHugePut = Step{Label: "put_pmd", Says: "drop the PMD's reference, unlock it", Ref: "folio_put", When: Large, Touches: cell.Of(machine.Refs, machine.PTLs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
	f := c.Held(tmRef).Frame()
	c.Release(tmRef)
	c.Unlock(c.pmdLock(c.Page(tmPage)))
	return c.putFree(f, 1, end)
}}

var unmigrateHugeLock = Step{Label: "lock_pmd", Says: "lock the PMD; is it a migration entry of the folio?", Answer: "yes", Ref: "pmd_lock", When: Large, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs), Back: []int{rmWalk},
	Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(rmPage))) },
	Do: func(c *Ctx) Next {
		pmd := machine.Entry(c.Load(c.M.PMD(c.Page(rmPage))))
		if !pmd.IsMigration() {
			c.Say("it is no migration entry any more")
			return rmWalk
		}
		if _, f, _, _ := pmd.Migration(); f != c.Frame(rmSrc) {
			c.Say("it is that of another folio")
			return Return
		}
		c.Set(rmPTE, uint64(pmd))
		c.Lock(c.pmdLock(c.Page(rmPage)))
		return Then
	}}

// Who moves the huge page by mremap has the entry in hand for a while, under the lock of the PMD: it is at neither place.
//
//	CPU0 (mremap)                  CPU1 (remove_migration_ptes)
//	lock the PMD, clear it
//	                               the old place: no PMD
//	                               the new place: no PMD
//	set the PMD of the new place
//
// The entry stays. It moves to where the walk has not been yet, so that it is enough to wait until it is there.
var unmigrateSync = Step{Label: "sync", Says: "lock the PMD, unlock it: nobody has its entry in hand any more", Ref: "PVMW_SYNC", When: With(RmapWalkSync).AndLargeRooms(), Reads: cell.Of(machine.PTLs),
	Wait: func(c *Ctx) Block {
		if !c.syncs() {
			return Block{}
		}
		return c.Free(c.pmdLock(c.Page(rmPage)))
	},
	Do: func(c *Ctx) Next {
		if !c.syncs() {
			c.Say("the folio is small: the next page table")
		}
		return Then
	}}

// syncs reports whether remove_migration_pte minds that a PMD may be in somebody's hand.
func (c *Ctx) syncs() bool {
	f := c.Frame(rmDst)
	return c.M.IsLarge(f) && !c.M.IsHugetlb(f)
}

var unmigrateHugeGet = Step{Label: "get_pmd", Says: "take a reference for the PMD", Ref: "folio_get", When: Large, Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
	f := c.newPage()
	c.Get(f, 1)
	c.Hold(rmRef, f, 1)
	return Then
}}

var unmigrateHugeSet = Step{Label: "set_pmd", Says: "map it: by one PMD more, exclusive if the entry says so; unlock", Ref: "set_pmd_at", When: Large, Touches: cell.Of(machine.PMDs, machine.PTLs, machine.Mapcounts, machine.Flags), Reads: cell.Of(machine.VMAs, machine.Mappings), Do: func(c *Ctx) Next {
	p, f := c.Page(rmPage), c.Held(rmRef).Frame()
	e := c.unmigrated(p, f, c.Entry(rmPTE)) | machine.PSE
	c.Sayf("map it: %v", e)
	c.rmapAddPMD(f, 1)
	if kind, _, _, _ := c.Entry(rmPTE).Migration(); kind != machine.MigrationRead && c.isAnon(f) {
		c.Or(c.M.Flags(f), c.sim.exclusive)
	}
	c.Release(rmRef)
	c.SetPMD(p, e)
	c.Set(rmPTE, 0)
	c.Unlock(c.pmdLock(p))
	return Return
}}

// splitMoving fills the deposited page table with migration entries, in the place of the PMD's. Nothing is
// counted: the folio is mapped nowhere.
var splitMoving = Step{Label: "fill_moving", Says: "fill the page table with migration entries like the PMD's; the PMD points to it; unlock", Ref: "pmd_populate", When: Large, Touches: largeTouches | cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
	p := c.M.HugeStart(c.Page(shAddr))
	pmd := machine.Entry(c.Load(c.M.PMD(p)))
	kind, head, accessed, dirty := pmd.Migration()
	table := c.M.TakeDeposit(p).Frame()
	c.SetPMD(p, machine.MakeTable(table))
	for q := p; q < c.M.HugeEnd(p); q++ {
		c.fillPTE(table, q, machine.MakeMigration(kind, head+machine.Frame(q-p), accessed, dirty)|pmd&machine.SwpSoftDirty)
	}
	c.Unlock(c.pmdLock(p))
	return Return
}}

// copyMoving copies the migration entry of a huge page: that of a shared page from then on.
var copyMoving = Step{Label: "migration", Says: "the huge page is being moved: its migration entry is that of a shared page from now on, in the child, too; unlock both", Ref: "make_readable_migration_entry", When: Large, Touches: cell.Of(machine.PMDs, machine.PTLs, machine.Frames), Do: func(c *Ctx) Next {
	p, child := c.Page(chAddr), c.hugeChild()
	e := remade(c.Entry(chPMD), machine.MigrationRead)
	c.SetPMD(p, e)
	c.deposit(chTable, child)
	c.SetPMD(child, e)
	for q := p; q < c.M.HugeEnd(p); q++ {
		c.M.Inherited(q, c.M.Twin(q, int(c.L(chChild))))
	}
	c.unlockBoth()
	return Return
}}
