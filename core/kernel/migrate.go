package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// How migrate_pages is allowed to wait.
const (
	migrateAsync uint64 = iota
	migrateSyncLight
	migrateSync
)

// Why pages are moved.
const (
	mrSyscall uint64 = iota
	mrNUMAMisplaced
	mrCompaction
	mrLongtermPin
)

// migrate_pages of one folio that the caller has isolated, in straight line:
//
//	again: nobody else has a reference: it was freed meanwhile, done
//	newer: a large folio that is not mapped as a whole: split it, move its pages one by one
//	dst = alloc_migration_target(); none: -ENOMEM, but a large folio is split, and its pages are moved one by one
//	lock the folio, wait for its writeback: as far as the mode allows to wait
//	lock dst
//	try_to_migrate(); still mapped: undo, again
//	try_to_unmap_flush()
//	move_to_new_folio(): copy it, take its place; refused: again
//	dst onto the LRU list; remove_migration_ptes(src, dst)
//	unlock both, drop the references: the old page is free
//	undo: remove_migration_ptes(src, src), unlock both, free dst
//	ten times in vain: put it back on the LRU list
//
// A reference that migration does not know of lets it fail: somebody uses the old page, and would
// not notice that the new one has taken its place.
//
// Kernels since 6.3 unmap many folios before they move the first: first without waiting, three times,
// then one by one, seven times. A move that fails is tried again while the folio stays unmapped. Older ones
// begin all over again each time, and wait from the fourth time on.
//
// compare mm/migrate.c:migrate_pages, migrate_pages_batch, unmap_and_move
var _ = register(fnMigratePages, &Func{Migrating: true,
	Name: "migrate_pages", File: "mm/migrate.c", Params: []int{mgMode, mgReason, mgNode},
	Locals: []Local{{"src", HoldLocal}, {"dst", HoldLocal}, {"mode", IntLocal}, {"reason", IntLocal}, {"node", IntLocal}, {"pass", IntLocal}, {"waits", IntLocal}, {"was_mapped", IntLocal}, {"rc", IntLocal}, {"moves", IntLocal}, {"nr_failed", IntLocal}, {"split", IntLocal}},
	Steps: []Step{
		mgFreed: {Label: "freed", Says: "was it freed meanwhile?", Answer: "no", Ref: "folio_ref_count", Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			if c.Load(c.M.Ref(c.src())) == 1 {
				c.Say("it was freed meanwhile: nothing to move")
				return mgPutSrc
			}
			return Then
		}},
		mgPartial:      migratePartial,
		mgPartialSplit: migratePartialSplit,
		mgAlloc:        {Label: "alloc", Says: "take a free frame for the new page", Ref: "alloc_migration_target", Touches: allocTouches | cell.Of(machine.Compounds), Reads: cell.Of(machine.HugetlbPool), Choose: offerTarget, Do: (*Ctx).allocTarget},
		mgTrylock: {Label: "trylock", Says: "try the folio lock", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			switch {
			case c.TryLock(c.M.FolioLock(c.src())):
				return mgWriteback
			case !c.mayWait():
				c.Say("the folio is locked: do not wait")
				return mgFreeDst
			}
			c.Say("the folio is locked")
			return Then
		}},
		mgLock: {Label: "lock", Says: "lock the folio", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.src())) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.FolioLock(c.src()))
				return Then
			}},
		mgWriteback: {Label: "writeback", Says: "under writeback?", Answer: "no", Ref: "folio_test_writeback", Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			if c.Load(c.M.Flags(c.src()))&machine.PGWriteback == 0 {
				return mgLockDst
			}
			if c.L(mgMode) != migrateSync || !c.mayWait() {
				c.Say("it is being written: do not wait")
				c.Set(mgRC, EBUSY)
				return mgUnlockSrc
			}
			c.Say("it is being written: wait")
			return Then
		}},
		mgWaitWriteback: {Label: "wait_writeback", Says: "wait for the end of writeback", Ref: "folio_wait_writeback", Reads: cell.Of(machine.Flags), Wait: writebackEnds, Do: func(c *Ctx) Next { return Then }},
		mgLockDst: {Label: "lock_dst", Says: "lock the new folio", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Lock(c.M.FolioLock(c.dst()))
			return Then
		}},
		mgCheck: {Label: "check", Says: "references as expected?", Answer: "yes", Counts: true, Ref: "folio_ref_count", When: If(MigrateRefcheck, RefcheckBefore), Reads: cell.Of(machine.Refs, machine.Mappings, machine.Flags, machine.Mapcounts, machine.Buffers, machine.PageCache), Do: func(c *Ctx) Next {
			if f := c.src(); c.Load(c.M.Ref(f)) != c.expectedRefs(f)+c.folioMapcount(f) {
				c.Say("somebody uses it")
				return mgUnlockDst
			}
			return Then
		}},
		mgMapped: {Label: "mapped", Says: "is it mapped?", Answer: "yes: put migration entries", Ref: "folio_mapped", Reads: cell.Of(machine.Mapcounts, machine.Mappings), Calls: []FuncID{fnTryToMigrate}, Do: func(c *Ctx) Next {
			f := c.src()
			if c.folioMapcount(f) == 0 || c.Load(c.M.Mapping(f)) == 0 {
				c.Say("it is not mapped")
				return mgMove
			}
			c.Set(mgWasMapped, 1)
			flags := uint64(0)
			if c.L(mgWaits) == 0 {
				flags = ttuBatchFlush
			}
			return c.Call(fnTryToMigrate, mgUnmapped, c.frameOf(mgSrc), flags)
		}},
		mgUnmapped: {Label: "unmapped", Says: "is it still mapped?", Answer: "no", Ref: "folio_mapped", Reads: cell.Of(machine.Mapcounts), Do: func(c *Ctx) Next {
			if c.folioMapcount(c.src()) != 0 {
				c.Say("it is still mapped: undo it")
				return mgUndo
			}
			return Then
		}},
		mgFlush: {Label: "flush", Says: "flush what was put off", Ref: "try_to_unmap_flush", When: With(MigrateFlush), Local: true, Calls: []FuncID{fnTryToUnmapFlush}, Do: func(c *Ctx) Next {
			return c.Call(fnTryToUnmapFlush, mgMove)
		}},
		mgMove: {Label: "move", Says: "move it to the new folio", Ref: "move_to_new_folio", Local: true, Calls: []FuncID{fnMoveToNewFolio}, Do: func(c *Ctx) Next {
			return c.Call(fnMoveToNewFolio, mgMoved, c.frameOf(mgSrc), c.frameOf(mgDst))
		}},
		mgMoved: {Label: "moved", Says: "did that succeed?", Local: true, Do: func(c *Ctx) Next {
			rc := c.Ret()
			if rc == 0 {
				return mgLRU
			}
			c.Set(mgRC, uint64(errno(rc)))
			return Then
		}},
		mgMoveAgain: {Label: "move_again", Says: "try that again, the folio still unmapped?", When: With(MigrateBatch), Local: true, Back: []int{mgMove}, Do: func(c *Ctx) Next {
			if c.Set(mgMoves, c.L(mgMoves)+1); c.L(mgRC) == EAGAIN && c.L(mgMoves) < c.passes() {
				return mgMove
			}
			c.Set(mgPass, c.passes())
			return Then
		}},
		mgUndo: {Label: "undo", Says: "were there PTEs?", Ref: "migrate_folio_undo_src", When: With(MigrateUndo), Local: true, Calls: []FuncID{fnRemoveMigrationPTEs}, Do: func(c *Ctx) Next {
			if c.L(mgWasMapped) == 0 {
				return Then
			}
			return c.Call(fnRemoveMigrationPTEs, mgUnlockDst, c.frameOf(mgSrc), c.frameOf(mgSrc))
		}},
		mgUnlockDst: {Label: "unlock_dst", Says: "unlock the new folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.dst()))
			return Then
		}},
		mgUnlockSrc: {Label: "unlock", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.src()))
			return Then
		}},
		mgFreeDst: {Label: "free_dst", Says: "free the new page", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.dst()
			c.Release(mgDst)
			return c.putFree(f, 1, mgAgain)
		}},
		mgAgain: {Label: "again", Says: "try again?", When: With(MigrateBatch), Local: true, Back: []int{mgFreed}, Do: func(c *Ctx) Next {
			c.Set(mgPass, c.L(mgPass)+1)
			if c.L(mgRC) == EAGAIN && c.L(mgPass) < c.passes() {
				return mgFreed
			}
			if c.L(mgMode) != migrateAsync && c.L(mgWaits) == 0 {
				c.Set(mgPass, 0)
				c.Set(mgWaits, 1)
				return mgFreed
			}
			return mgPutback
		}},
		mgAgainOld: {Label: "again", Says: "try again?", When: Without(MigrateBatch), Local: true, Back: []int{mgFreed}, Do: func(c *Ctx) Next {
			c.Set(mgPass, c.L(mgPass)+1)
			if c.L(mgPass) == 10 || c.L(mgRC) == EBUSY && c.L(mgMode) != migrateSync || c.L(mgRC) == EINVAL {
				return mgPutback
			}
			if c.L(mgPass) > 2 && c.L(mgMode) != migrateAsync {
				c.Set(mgWaits, 1)
			}
			return mgFreed
		}},
		mgLRU: {Label: "lru", Says: "put the new folio on its way to the LRU list", Ref: "folio_add_lru", Touches: batchTouches, Calls: []FuncID{fnRemoveMigrationPTEs}, Do: func(c *Ctx) Next {
			c.lruReturn(c.dst())
			if c.L(mgWasMapped) == 0 {
				return mgDoneDst
			}
			return c.Call(fnRemoveMigrationPTEs, mgDoneDst, c.frameOf(mgSrc), c.frameOf(mgDst))
		}},
		mgDoneDst: {Label: "done_dst", Says: "unlock the new folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.dst()))
			return Then
		}},
		mgPutDst: {Label: "put_dst", Says: "drop our reference on it", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.dst()
			c.Release(mgDst)
			return c.putFree(f, 1, mgDoneSrc)
		}},
		mgDoneSrc: {Label: "done", Says: "unlock the old folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.src()))
			return Then
		}},
		mgPutSrc: {Label: "put", Says: "drop the old folio's last reference", Ref: "migrate_folio_done", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.src()
			c.Release(mgSrc)
			c.Set(mgRC, 0)
			return c.putFree(f, 1, mgMore)
		}},
		mgMore:      migrateMore,
		mgReturn:    {Label: "return", Says: "moved", Local: true, Do: func(c *Ctx) Next { return Return }},
		mgSplitLock: migrateSplitLock,
		mgSplit:     migrateSplit,
		mgPutback: {Label: "putback", Says: "put it back on the LRU list, drop the reference", Ref: "putback_movable_pages", Touches: batchTouches, Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.src()
			c.lruReturn(f)
			c.Release(mgSrc)
			return c.putFree(f, 1, mgRest)
		}},
		mgRest:   migrateRest,
		mgFailed: {Label: "failed", Says: "it was not moved", Local: true, Do: func(c *Ctx) Next { return c.Fail(c.L(mgRC)) }},
	},
})

const mgSrc, mgDst, mgMode, mgReason, mgNode, mgPass, mgWaits, mgWasMapped, mgRC, mgMoves, mgNrFailed, mgIsSplit = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

const (
	mgFreed = iota
	mgPartial
	mgPartialSplit
	mgAlloc
	mgTrylock
	mgLock
	mgWriteback
	mgWaitWriteback
	mgLockDst
	mgCheck
	mgMapped
	mgUnmapped
	mgFlush
	mgMove
	mgMoved
	mgMoveAgain
	mgUndo
	mgUnlockDst
	mgUnlockSrc
	mgFreeDst
	mgAgain
	mgAgainOld
	mgLRU
	mgDoneDst
	mgPutDst
	mgDoneSrc
	mgPutSrc
	mgMore
	mgReturn
	mgSplitLock
	mgSplit
	mgPutback
	mgRest
	mgFailed
)

func (c *Ctx) src() machine.Frame { return c.Held(mgSrc).Frame() }
func (c *Ctx) dst() machine.Frame { return c.Held(mgDst).Frame() }

// frameOf is the frame that a HoldLocal holds, as a FrameLocal names it.
func (c *Ctx) frameOf(i int) uint64 { return uint64(machine.MakeHold(c.Held(i).Frame(), 1)) }

// migrate calls migrate_pages for the folio that local i has isolated, which passes to it.
func (c *Ctx) migrate(i, back int, mode, reason uint64, node int) Next {
	f := c.Held(i).Frame()
	c.Release(i)
	n := c.Call(fnMigratePages, back, mode, reason, uint64(node))
	c.M.SetHold(c.M.Local(c.Task, c.level+1, mgSrc), machine.MakeHold(f, 1))
	return n
}

// offerTarget offers the frames that a folio may be moved to; 0 if there is none.
func offerTarget(c *Ctx, offer func(int)) {
	none := true
	some := func(f machine.Frame) {
		none = false
		offer(int(f))
	}
	zones := c.target(int(c.L(mgNode)), c.L(mgReason))
	switch large := c.M.IsLarge(c.src()); {
	case c.M.IsHugetlb(c.src()):
		c.offerHugetlbTarget(zones, some)
	case large && len(c.M.Zones) == 0:
		c.M.OffersBlocks(some)
	case large:
		c.M.OffersBlocksIn(zones, some)
	case len(c.M.Zones) == 0:
		c.M.Offers(false, some)
	default:
		c.M.OffersIn(zones, some)
	}
	if none {
		offer(0)
	}
}

func (c *Ctx) allocTarget() Next {
	f := machine.Frame(c.Key)
	if f == 0 {
		c.Say("there is no free page to move it to")
		c.Set(mgRC, ENOMEM)
		if c.M.IsLarge(c.src()) && !c.M.IsHugetlb(c.src()) && c.L(mgReason) != mrNUMAMisplaced {
			return mgSplitLock
		}
		return mgPutback
	}
	c.Set(mgRC, EAGAIN)
	c.Set(mgWasMapped, 0)
	c.Set(mgMoves, 0)
	if c.M.IsHugetlb(c.src()) {
		c.Sayf("take a huge page: frame %d", f)
		c.M.AllocateHugetlb(f)
		c.Hold(mgDst, f, 1)
		return Then
	}
	if c.M.IsLarge(c.src()) {
		c.Sayf("take a free block: frames %d to %d", f, int(f)+c.M.HugePages-1)
		c.M.AllocateLarge(f)
		c.Hold(mgDst, f, 1)
		return Then
	}
	c.allocate(mgDst)
	return Then
}

// passes is how often the stage at hand is tried, where unmapping and moving are stages.
func (c *Ctx) passes() uint64 {
	switch {
	case c.L(mgMode) == migrateAsync:
		return 10
	case c.L(mgWaits) == 0:
		return 3
	}
	return 7
}

// mayWait reports whether this try may wait for locks.
func (c *Ctx) mayWait() bool { return c.L(mgWaits) != 0 }

// lruReturn puts a folio on its way to the LRU list.
// compare mm/vmscan.c:folio_putback_lru
func (c *Ctx) lruReturn(f machine.Frame) {
	if c.M.IsHugetlb(f) {
		c.Say("it may be isolated again: no LRU list knows a huge page of hugetlb")
		c.Or(c.M.Flags(f), machine.PGMigratable)
		return
	}
	c.lruAdd(f)
}
