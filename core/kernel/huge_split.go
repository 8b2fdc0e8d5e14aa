package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// __split_huge_pmd, in straight line:
//
//	lock the PMD; it is not huge: done
//	asked for by who splits a folio: it maps another (newer): done
//	a file's: clear the PMD, flush; nothing comes in its place: see file_pmd.go
//	the huge zero page: clear the PMD, flush; fill the deposited table with the zero page
//	old = pmdp_invalidate()                 // PSE stays, Present goes; flush
//	to be unmapped at once (freeze): exclusive, and pinned: no; else exclusive no more; fill the
//	    deposited table with migration entries; drop the PMD's reference
//	511 references more; each page mapped once, exclusive if the folio was
//	fill the deposited table; PMD = table; the folio is mapped by one PMD less
//	unlock
//
// The folio stays as it is: what was mapped by one entry is mapped by many. Until the flush
// a CPU may write through the huge translation; the flush comes before the first PTE, so no CPU has
// a small and a huge translation of one address at once.
//
// Who splits or reclaims a folio holds no lock that keeps other huge pages from where it was mapped. v4.6 looked only before it took
// the PMD's lock:
//
//	CPU0 (the mm)                  CPU1 (split)
//	                               the PMD maps folio 2: to be split
//	MADV_DONTNEED: clear the PMD
//	store: map folio 4
//	                               lock the PMD; it is huge: migration entries of folio 4
//	                               split folio 2; map it again: no entry is its own
//
// compare mm/huge_memory.c:__split_huge_pmd, split_huge_pmd_address, __split_huge_pmd_locked
var _ = register(fnSplitHugePMD, &Func{Large: true,
	Notify: hugeOf(shAddr),
	Name:   "__split_huge_pmd", File: "mm/huge_memory.c", Params: []int{shAddr, shFreeze, shFolio},
	Locals: []Local{{"old_pmd", PTELocal}, {"folio", FrameLocal}, {"address", PageLocal}, {"freeze", IntLocal}},
	Steps: []Step{
		shLock:    splitLock("lock the PMD; is it huge, and does it map the folio?", With(SplitRechecksFolio).AndLarge(), true),
		shLockAny: splitLock("lock the PMD; is it huge?", Without(SplitRechecksFolio).AndLarge(), false),
		shInvalidate: {Label: "invalidate", Says: "invalidate the PMD, flush", Ref: "pmdp_invalidate", Touches: cell.Of(machine.PMDs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			p := c.Page(shAddr)
			old := machine.Entry(c.Load(c.M.PMD(p)))
			c.Set(shOld, uint64(old))
			if c.M.IsHugeZero(old.Frame()) {
				c.SetPMD(p, 0)
			} else {
				c.SetPMD(p, old&^machine.Present)
			}
			return c.Call(fnFlushTLBMMRange, shDoubleMap, uint64(c.M.Pages()[p].MM), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), c.flushRange())
		}},
		shDoubleMap: {Label: "double_map", Says: "is it mapped by another PMD, too?", Answer: "no", Ref: "TestSetPageDoubleMap", When: With(DoubleMap), Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			if f := c.Frame(shOld); !c.M.IsHugeZero(f) && c.Load(c.M.EntireMapcount(f)) > 1 {
				c.Say("it is mapped by another PMD, too: from now on by PMDs and PTEs")
				c.Or(c.M.Flags(f), machine.PGDoubleMap)
			}
			return Then
		}},
		shFreezing: {Label: "freezing", Says: "is it to be unmapped at once?", When: Large, Local: true, Do: func(c *Ctx) Next {
			if c.L(shFreeze) == 0 || c.M.IsHugeZero(c.Frame(shOld)) {
				return shFill
			}
			return Then
		}},
		shPinned: {Label: "share", Says: "is it exclusive, and may it be pinned?", Answer: "no", Ref: "folio_try_share_anon_rmap_pmd", When: With(AnonExclusive).AndLarge(), Reads: cell.Of(machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
			f := c.Frame(shOld)
			switch {
			case c.Load(c.M.Flags(f))&machine.PGAnonExclusive == 0:
				c.Say("it is not exclusive")
				return shMigration
			case c.sim.sharePinTest && c.maybePinned(f):
				c.Say("it may be pinned: PTEs, then")
				return shFill
			}
			c.Set(shFreeze, 2)
			return Then
		}},
		shShare: {Label: "clear_exclusive", Says: "it is exclusive no more", Ref: "ClearPageAnonExclusive", When: With(AnonExclusive).AndLarge(), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(shOld)), machine.PGAnonExclusive)
			return Then
		}},
		shMigration: {Label: "fill_migration", Says: "fill the page table with migration entries; the PMD points to it; drop its reference; unlock", Ref: "make_writable_migration_entry", When: Large, Touches: largeTouches | cell.Of(machine.PTEs), Calls: []FuncID{fnFreeUnrefFolio}, Do: (*Ctx).splitFreeze},
		shMoving:    splitMoving,
		shFill:      splitFill("fill the page table with PTEs that are as dirty as the PMD was; the PMD points to it; unlock", With(PMDSplitCarriesDirty), machine.RW|machine.Accessed|machine.Dirty),
		shFillClean: splitFill("fill the page table with clean PTEs; the PMD points to it; unlock", Without(PMDSplitCarriesDirty), machine.RW|machine.Accessed),
		shFile:      splitFilePMD,
	},
})

const shOld, shFolio, shAddr, shFreeze = 0, 1, 2, 3

const (
	shLock = iota
	shLockAny
	shInvalidate
	shDoubleMap
	shFreezing
	shPinned
	shShare
	shMigration
	shMoving
	shFill
	shFillClean
	shFile
)

// splitLock is the step that locks the PMD, if there is something to split; recheck: of the folio that the caller splits, if it has named one.
func splitLock(says string, when Cond, recheck bool) Step {
	return Step{Label: "lock", Says: says, Answer: "yes", Ref: "pmd_lock", When: when, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
		Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(shAddr))) },
		Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Load(c.M.PMD(c.Page(shAddr))))
			switch f := c.Frame(shFolio); {
			case !pmd.IsHuge():
				c.Say("the PMD is not huge any more")
				return Return
			case recheck && f != 0 && (pmd.IsMigration() || pmd.Frame() != f):
				c.Say("another huge page is mapped there by now")
				return Return
			case c.isFile(c.Page(shAddr)):
				c.Say("it is a file's: clear it")
				return shFile
			}
			c.Lock(c.pmdLock(c.Page(shAddr)))
			if pmd.IsMigration() {
				c.Say("the huge page is being moved")
				return shMoving
			}
			return shInvalidate
		}}
}

// splitFreeze fills the deposited table with migration entries, in the huge entry's place.
func (c *Ctx) splitFreeze() Next {
	p, old := c.M.HugeStart(c.Page(shAddr)), c.Entry(shOld).Fresh()
	head := old.Frame()
	kind := machine.MigrationRead
	switch {
	case old.Has(machine.RW):
		kind = machine.MigrationWrite
	case c.L(shFreeze) == 2:
		kind = machine.MigrationReadExclusive
	}
	if old.Has(machine.Dirty) {
		c.Or(c.M.Flags(head), machine.PGDirty)
	}
	table := c.M.TakeDeposit(p).Frame()
	c.SetPMD(p, machine.MakeTable(table))
	for q := p; q < c.M.HugeEnd(p); q++ {
		c.fillPTE(table, q, c.moving(kind, head+machine.Frame(q-p), old))
	}
	c.rmapAddPMD(head, -1)
	c.Unlock(c.pmdLock(p))
	return c.putFree(head, 1, end)
}

// splitFill is the step that puts the page table in the huge entry's place. keep
// are the bits that the PTEs take from it.
func splitFill(says string, when Cond, keep machine.Entry) Step {
	return Step{Label: "fill", Says: says, Ref: "pmd_populate", When: when, Touches: largeTouches | cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
		p, old := c.M.HugeStart(c.Page(shAddr)), c.Entry(shOld).Fresh()
		table := c.M.TakeDeposit(p).Frame()
		c.SetPMD(p, machine.MakeTable(table))
		if c.M.IsHugeZero(old.Frame()) {
			for q := p; q < c.M.HugeEnd(p); q++ {
				c.fillPTE(table, q, c.protected(machine.MakePTE(machine.ZeroPage, machine.Special), q))
			}
		} else {
			c.splitMapping(table, p, old, keep)
		}
		c.Unlock(c.pmdLock(p))
		return Return
	}}
}

// splitMapping makes the pages of a large folio mapped by PTEs in the place of a PMD.
func (c *Ctx) splitMapping(table machine.Frame, first machine.PageID, old, keep machine.Entry) {
	head := old.Frame()
	exclusive := c.Load(c.M.Flags(head)) & machine.PGAnonExclusive
	if old.Has(machine.Dirty) {
		c.Or(c.M.Flags(head), machine.PGDirty)
	}
	c.Get(head, c.M.HugePages-1)
	e := old & (keep | machine.SoftDirty | machine.User | machine.NX | machine.ProtNone)
	if !old.Has(machine.ProtNone) {
		e |= machine.Present
	}
	e = e.WithPkey(old.Pkey())
	for q := first; q < c.M.HugeEnd(first); q++ {
		f := head + machine.Frame(q-first)
		c.rmapAdd(f, 1)
		c.Or(c.M.Flags(f), exclusive)
		c.fillPTE(table, q, e|machine.MakePTE(f, 0)&^(machine.Present|machine.User|machine.Accessed|machine.NX))
	}
	c.rmapAddPMD(head, -1)
}

// zap_huge_pmd, in straight line:
//
//	lock the PMD; it is not huge any more: done
//	clear it: the folio goes into the gather with the PMD's reference
//	a file's, and the PMD was dirty: so is the folio
//	mapped by one PMD less; free the deposited page table; unlock
//
// compare mm/huge_memory.c:zap_huge_pmd
var _ = register(fnZapHugePMD, &Func{Large: true,
	Name: "zap_huge_pmd", File: "mm/huge_memory.c", Params: []int{zhAddr},
	Locals: []Local{{"orig_pmd", PTELocal}, {"pgtable", HoldLocal}, {"address", PageLocal}},
	Steps: []Step{
		{Label: "clear", Says: "lock the PMD, clear it", Ref: "pmdp_huge_get_and_clear_full", Touches: cell.Of(machine.PTLs, machine.PMDs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(zhAddr))) },
			Do: func(c *Ctx) Next {
				p := c.Page(zhAddr)
				old := machine.Entry(c.Load(c.M.PMD(p)))
				if !old.IsHuge() {
					c.Say("the PMD is not huge any more")
					return c.Return(hugeSplit)
				}
				c.Sayf("lock the PMD, clear it: it was %v", old)
				for q := c.M.HugeStart(p); q < c.M.HugeEnd(p); q++ {
					c.M.Excuse(q)
				}
				c.SetPMD(p, 0)
				if table := c.M.TakeDeposit(p); table.Some() { // there is none beside a file's
					c.Hold(zhTable, table.Frame(), 1)
				}
				c.Lock(c.pmdLock(p))
				if old.IsMigration() {
					return Then
				}
				c.Set(zhPMD, uint64(old))
				hold := machine.MakeHold(old.Frame(), 1)
				if c.M.IsHugeZero(old.Frame()) {
					hold = machine.Uncounted(old.Frame()) // TLBs have it all the same
				}
				c.M.Gather(c.Task, hold)
				return Then
			}},
		zapFilePMDDirty,
		{Label: "rmap", Says: "the folio is mapped by one PMD less; unlock the PMD", Ref: "folio_remove_rmap_pmd", Touches: cell.Of(machine.Mapcounts, machine.Flags, machine.PTLs), Do: func(c *Ctx) Next {
			if f := c.Frame(zhPMD); c.Entry(zhPMD).Has(machine.PSE) && !c.M.IsHugeZero(f) {
				c.rmapAddPMD(f, -1)
			}
			c.Unlock(c.pmdLock(c.Page(zhAddr)))
			return Then
		}},
		{Label: "free_deposit", Says: "free the deposited page table", Ref: "zap_deposited_table", Touches: tableFreeTouches, Do: func(c *Ctx) Next {
			f := c.Held(zhTable).Frame()
			if f == 0 {
				c.Say("there is no deposited page table beside a file's")
				return Return
			}
			c.Release(zhTable)
			c.Put(f, 1)
			c.M.Free(f)
			return Return
		}},
	},
})

const zhPMD, zhTable, zhAddr = 0, 1, 2
