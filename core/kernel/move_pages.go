package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// move_pages of one page to a node, in straight line:
//
//	no such node: -ENODEV
//	lru_cache_disable()          // lru_add_drain_all(), and the batches stay off; older kernels drain them once
//	mmap_read_lock(); no VMA: -EFAULT
//	none, or in swap: -ENOENT; the zero page: -EFAULT
//	a huge page: until v4.13: split it, and go on with the one page; not split: -EBUSY
//	on that node already: done
//	mapped more than once, and not MPOL_MF_MOVE_ALL: -EACCES
//	take its folio off the LRU list, with a reference; it is not on one: -EBUSY
//	mmap_read_unlock()
//	migrate_pages(MIGRATE_SYNC); putback_movable_pages() if that failed
//	lru_cache_enable()
//
// Newer kernels look at the page under the page-table lock; until 6.11 they took a reference there and looked
// afterwards. Those return -EFAULT where an anonymous mapping has no page. What is returned for a page that
// migrate_pages() could not move is -EAGAIN here; the system call counts such pages.
//
// compare mm/migrate.c:do_pages_move, add_page_for_migration
var _ = register(fnMovePages, &Func{Migrating: true,
	Name: "move_pages", File: "mm/migrate.c", Params: []int{vpPage, vpNode, vpFlags},
	Locals: []Local{{"folio", HoldLocal}, {"reference", HoldLocal}, {"pmd", TableLocal}, {"pte", PTELocal}, {"address", PageLocal}, {"node", IntLocal}, {"flags", IntLocal}, {"ret", IntLocal}, {"split", IntLocal}},
	Steps: []Step{
		vpBegin: {Label: "node", Says: "has the node memory?", Ref: "node_state", Local: true, Do: func(c *Ctx) Next {
			if !c.M.HasNode(int(c.L(vpNode))) {
				return c.Fail(ENODEV)
			}
			return Then
		}},
		vpDisable: {Label: "disable", Says: "switch the LRU batches of all CPUs off", Ref: "lru_cache_disable", When: With(LRUCacheDisable), Touches: cell.Of(machine.LRU), Anywhere: cell.Of(machine.LRU), Do: func(c *Ctx) Next {
			c.M.SwitchBatches(true)
			return Then
		}},
		vpDrain: {Label: "drain", Says: "empty all LRU batches", Ref: "lru_add_drain_all", Local: true, Calls: []FuncID{fnLRUAddDrainAll}, Do: func(c *Ctx) Next {
			return c.Call(fnLRUAddDrainAll, vpLock)
		}},
		vpLock: mmapReadLockOf(vpPage, Cond{}),
		vpVMA:  walkVMA(vpUnlock),
		vpPMD:  walkPMD(vpUnlock),
		vpLockPT: {Label: "lock_pte", Says: "lock the PTL; is a page there?", Answer: "yes", Ref: "pte_offset_map_lock", Map: &TableMap{vpPMDLocal, vpPage, vpPMD}, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs, machine.PMDs),
			Wait: func(c *Ctx) Block { return c.Free(c.walkLock()) },
			Do: func(c *Ctx) Next {
				if !c.walkLook() {
					return vpUnlock
				}
				c.Lock(c.walkLock())
				return Then
			}},
		vpSplitGet:    moveSplitGet,
		vpSplitLock:   moveSplitLock,
		vpSplitUnlock: moveSplitUnlock,
		vpSplitPut:    moveSplitPut,
		vpGet: {Label: "get", Says: "take a reference", Ref: "follow_page(FOLL_GET)", When: Without(FolioWalk), Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.Get(c.Frame(vpPTE), 1)
			c.Hold(vpRef, c.Frame(vpPTE), 1)
			return Then
		}},
		vpUnlockEarly: {Label: "unlock_pte", Says: "unlock the PTL", When: Without(FolioWalk), Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.walkLock())
			return Then
		}},
		vpIsolate: {Label: "isolate", Says: "take it off the LRU list", Ref: "folio_isolate_lru", Touches: cell.Of(machine.Flags, machine.Refs), Reads: cell.Of(machine.Mapcounts), Do: (*Ctx).moveIsolate},
		vpUnlockPT: {Label: "unlock_pte", Says: "unlock the PTL", Ref: "folio_walk_end", When: With(FolioWalk), Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.walkLock())
			return Then
		}},
		vpPut: {Label: "put", Says: "drop the reference", Ref: "put_page", When: Without(FolioWalk), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(vpRef).Frame()
			c.Release(vpRef)
			return c.putFree(f, 1, vpUnlock)
		}},
		vpUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Calls: []FuncID{fnMigratePages}, Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(vpPage)))
			if !c.Held(vpFolio).Some() {
				return vpHole
			}
			return c.migrate(vpFolio, vpMigrated, migrateSync, mrSyscall, int(c.L(vpNode)))
		}},
		vpMigrated: {Label: "migrated", Says: "see what came of it", Local: true, Do: func(c *Ctx) Next {
			c.Set(vpRet, c.Ret())
			return Then
		}},
		vpHole: walkHole,
		vpEnable: {Label: "enable", Says: "switch the LRU batches on again", Ref: "lru_cache_enable", When: With(LRUCacheDisable), Touches: cell.Of(machine.LRU), Anywhere: cell.Of(machine.LRU), Do: func(c *Ctx) Next {
			c.M.SwitchBatches(false)
			return Then
		}},
		vpReturn: walkReturn,
	},
})

const vpFolio, vpRef, vpPMDLocal, vpPTE, vpPage, vpNode, vpFlags, vpRet, vpIsSplit = 0, 1, 2, 3, 4, 5, 6, 7, 8

const (
	vpBegin = iota
	vpDisable
	vpDrain
	vpLock
	vpVMA
	vpPMD
	vpLockPT
	vpSplitGet
	vpSplitLock
	vpSplitUnlock
	vpSplitPut
	vpGet
	vpUnlockEarly
	vpIsolate
	vpUnlockPT
	vpPut
	vpUnlock
	vpMigrated
	vpHole
	vpEnable
	vpReturn
)

// Flags of move_pages, in the order of the words.
var moveWords = []string{"MPOL_MF_MOVE", "MPOL_MF_MOVE_ALL"}

const moveAll = 1

// walkLock is the lock of the entry at hand: of the page table, or of the PMD that is huge.
func (c *Ctx) walkLock() machine.Word {
	if c.Entry(vpPMDLocal).Has(machine.PSE) {
		return c.pmdLock(c.Page(vpPage))
	}
	return c.M.PTL(c.Frame(vpPMDLocal))
}

// walkEntry is the entry at hand, with the page's own frame.
func (c *Ctx) walkEntry() machine.Entry {
	p := c.Page(vpPage)
	if !c.Entry(vpPMDLocal).Has(machine.PSE) {
		return machine.Entry(c.Load(c.PTE(c.Frame(vpPMDLocal), p)))
	}
	if pmd := machine.Entry(c.Load(c.M.PMD(p))); pmd.Has(machine.PSE) {
		return c.M.OfHuge(pmd, p)
	}
	return 0
}

// walkVMA is the step that finds the VMA.
func walkVMA(unlock Next) Step {
	return Step{Label: "vma", Says: "find the VMA", Ref: "vma_lookup", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
		if c.Load(c.M.VMA(c.Page(vpPage))) == 0 {
			c.Say("there is no VMA: -EFAULT")
			c.Set(vpRet, failed|EFAULT)
			return unlock
		}
		return Then
	}}
}

// walkPMD is the step that reads the PMD.
func walkPMD(unlock Next) Step {
	return Step{Label: "read_pmd", Says: "read the PMD", Ref: "folio_walk_start", Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
		if pmd := machine.Entry(c.Keep(vpPMDLocal, c.M.PMD(c.Page(vpPage)))); !pmd.Present() {
			c.walkEmpty(pmd)
			return unlock
		}
		return Then
	}}
}

// walkLook looks, under the lock, whether a page is there.
func (c *Ctx) walkLook() bool {
	e := c.walkEntry()
	switch {
	case !e.Present():
		c.walkEmpty(e)
		return false
	case c.isZero(e.Frame()):
		c.Say("it is the zero page: -EFAULT")
		c.Set(vpRet, failed|EFAULT)
		return false
	}
	c.Set(vpPTE, uint64(e))
	return true
}

func (c *Ctx) walkEmpty(e machine.Entry) {
	c.Say("no page is there: -ENOENT")
	c.Set(vpPTE, uint64(e))
	c.Set(vpRet, failed|ENOENT)
}

// walkHole is what FOLL_DUMP said: that nothing is mapped in an anonymous mapping, whose reader would find zeros.
var walkHole = Step{Label: "hole", Says: "nothing mapped in an anonymous mapping?", Ref: "FOLL_DUMP", When: Without(FolioWalk), Local: true, Do: func(c *Ctx) Next {
	if c.L(vpRet) == failed|ENOENT && c.Entry(vpPTE).None() && !c.isFile(c.Page(vpPage)) && !c.M.HugetlbPage(c.Page(vpPage)) {
		c.Say("it is an anonymous mapping: -EFAULT")
		c.Set(vpRet, failed|EFAULT)
	}
	return Then
}}

var walkReturn = Step{Label: "return", Says: "return what was found", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(vpRet)) }}

// isZero reports whether a frame is the shared zero page, or of the huge one.
func (c *Ctx) isZero(f machine.Frame) bool { return f == machine.ZeroPage || c.M.IsHugeZero(f) }

// moveIsolate takes the folio off the LRU list, if it is to be moved and may be.
func (c *Ctx) moveIsolate() Next {
	f := c.M.Head(c.Frame(vpPTE))
	switch {
	case c.M.ZoneOf(f).Node == int(c.L(vpNode)):
		c.Say("it is on that node already")
		return Then
	case c.L(vpFlags) != moveAll && c.mappedElsewhere(c.Frame(vpPTE)):
		c.Say("others map it, too: -EACCES")
		c.Set(vpRet, failed|EACCES)
		return Then
	case c.M.IsHugetlb(f) && c.Load(c.M.Flags(f))&machine.PGMigratable == 0:
		c.Say("it is isolated already, or not in use yet: -EBUSY")
		c.Set(vpRet, failed|EBUSY)
		return Then
	case c.M.IsHugetlb(f):
		c.Say("isolate the huge page")
	case c.Load(c.M.Flags(f))&machine.PGLRU == 0:
		c.Say("it is not on the LRU list: -EBUSY")
		c.Set(vpRet, failed|EBUSY)
		return Then
	}
	c.AndNot(c.M.Flags(f), machine.PGLRU|machine.PGMigratable)
	c.Get(f, 1)
	c.Hold(vpFolio, f, 1)
	return Then
}

// mappedElsewhere reports whether somebody else maps the page, too, as far as that is looked at.
// compare mm/migrate.c:add_folio_for_migration, add_page_for_migration (6.1)
func (c *Ctx) mappedElsewhere(f machine.Frame) bool {
	if c.M.IsLarge(f) && !c.M.IsHugetlb(f) {
		return c.mapsShared(f)
	}
	return c.folioMapcount(f) > 1
}

// do_pages_stat of one page (move_pages() without nodes), in straight line:
//
//	mmap_read_lock(); no VMA: -EFAULT
//	none, or in swap: -ENOENT; the zero page: -EFAULT; else it is on some node
//	mmap_read_unlock()
//
// compare mm/migrate.c:do_pages_stat_array
var _ = register(fnDoPagesStat, &Func{Migrating: true,
	Name: "do_pages_stat", File: "mm/migrate.c", Params: []int{vpPage},
	Locals: []Local{{"folio", HoldLocal}, {"reference", HoldLocal}, {"pmd", TableLocal}, {"pte", PTELocal}, {"address", PageLocal}, {"node", IntLocal}, {"flags", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		mmapReadLockOf(vpPage, Cond{}),
		walkVMA(4),
		walkPMD(4),
		{Label: "look", Says: "under the PTL: is a page there?", Answer: "yes", Ref: "pte_offset_map_lock", Reads: cell.Of(machine.PTEs, machine.PMDs, machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.walkLock()) },
			Do: func(c *Ctx) Next {
				c.walkLook()
				return Then
			}},
		mmapReadUnlockOf(vpPage, Cond{}),
		walkHole,
		walkReturn,
	},
})
