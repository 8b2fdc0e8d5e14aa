package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Until v5.13 NUMA balancing moves huge pages by functions of its own: the PMD entry stays as it is, inaccessible, until the new one takes its place,
// and whoever meets it waits for the folio's lock.
//
// do_huge_pmd_numa_page, in straight line:
//
//	lock the PMD; it changed: done
//	trylock the folio; it is locked: take a reference, unlock the PMD, queue up for it, drop the reference, wait until it is not locked, done
//	it lies on this CPU's node, or is a file's: make the PMD accessible, writable if it was; unlock both, done
//	take a reference; unlock the PMD
//	(the anon_vma's lock, which keeps splits out, as the folio's does)
//	lock the PMD; it changed: unlock the folio, drop the reference, done
//	a flush of it is still to come: flush; unlock the PMD
//	migrate_misplaced_transhuge_page()
//
// Read in source: 4.6.y, 4.11, 4.12, 4.13.y, 4.20, 5.0, 5.4, 5.8.y, 5.9.y, 5.11, 5.12.y. What is simplified:
//
// Who waits for the folio's lock takes a reference first (numa_wait_reference), and drops it as soon as it is queued: how it is from 5.0 on (9a1ea439b16b). From 4.12 to 4.20 it
// has it for the whole wait. Either way the move fails if it looks meanwhile. Before, it has none, and waits for the lock of a folio that may be free by then.
//
// That it is a file's is found out only after the reference is taken, as it has no anon_vma. The pending flush is asked for under the PMD's lock from 4.13.y on;
// until 4.12 migrate_misplaced_transhuge_page() asks for it, without the lock, once it has isolated the folio, and also before the copy.
//
// compare mm/huge_memory.c:do_huge_pmd_numa_page
var numaHugeOwn = []Step{
	dhoLock: dnhLockStep("lock", "lock the PMD; is it still the same?"),
	dhoTrylock: {Label: "trylock", Says: "try the folio lock", Ref: "trylock_page", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
		f := c.M.Head(c.Frame(dnhPMD))
		switch {
		case !c.TryLock(c.M.FolioLock(f)):
			c.Say("the folio is locked: wait")
			return dhoGetWait
		case !c.isAnon(f) || c.M.ZoneOf(f).Node == c.M.NodeOfCPU(c.CPU):
			c.Say("it lies on this node, or is a file's")
			return dhoMap
		}
		return Then
	}},
	dhoGet: dhoGetStep("get", Cond{}),
	dhoRelock: {Label: "relock", Says: "lock the PMD again; is it still the same?", Answer: "yes", Ref: "pmd_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
		Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(dnhAddr))) },
		Do: func(c *Ctx) Next {
			if machine.Entry(c.Load(c.M.PMD(c.Page(dnhAddr)))) != c.Entry(dnhPMD).Fresh() {
				c.Say("the PMD has changed")
				return dhoUnlockFolio
			}
			c.Lock(c.pmdLock(c.Page(dnhAddr)))
			return Then
		}},
	dhoPending: {Label: "pending", Says: "is a flush still to come?", Answer: "yes: flush", Ref: "mm_tlb_flush_pending", Reads: cell.Of(machine.MMs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
		p := c.Page(dnhAddr)
		if c.Load(c.M.FlushPending(c.MM)) == 0 {
			c.Say("no flush is still to come")
			return dhoUnlock
		}
		return c.Call(fnFlushTLBMMRange, dhoUnlock, uint64(c.MM), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), c.flushRange())
	}},
	dhoUnlock: {Label: "unlock", Says: "unlock the PMD", Touches: cell.Of(machine.PTLs), Calls: []FuncID{fnMigrateMisplacedTHP}, Do: func(c *Ctx) Next {
		c.Unlock(c.pmdLock(c.Page(dnhAddr)))
		h := c.Held(dnhFolio)
		c.Release(dnhFolio)
		n := c.Call(fnMigrateMisplacedTHP, dhoMoved, c.L(dnhAddr), c.L(dnhPMD))
		c.M.SetHold(c.M.Local(c.Task, c.level+1, mhSrc), h)
		return n
	}},
	dhoMoved: {Label: "moved", Says: "moved, or accessible where it is", Local: true, Do: func(c *Ctx) Next { return Return }},
	dhoMap: {Label: "map", Says: "make the PMD accessible again, writable if it was", Ref: "set_pmd_at", Touches: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
		old := c.Entry(dnhPMD).Fresh()
		c.Sayf("make the PMD accessible again: %v", c.hintAccessible(c.Page(dnhAddr), old, old.Has(machine.RW)))
		return Then
	}},
	dhoMapUnlock: {Label: "unlock_folio", Says: "unlock the folio", Ref: "unlock_page", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
		c.Unlock(c.M.FolioLock(c.M.Head(c.Frame(dnhPMD))))
		return Then
	}},
	dhoMapDone: {Label: "done", Says: "unlock the PMD", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
		c.Unlock(c.pmdLock(c.Page(dnhAddr)))
		return Return
	}},
	dhoUnlockFolio: {Label: "give_up", Says: "unlock the folio", Ref: "unlock_page", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
		c.Unlock(c.M.FolioLock(c.Held(dnhFolio).Frame()))
		return dhoPut
	}},
	dhoPut:     putFolio(end),
	dhoGetWait: dhoGetStep("get_wait", With(NUMAWaitReference)),
	dhoQueue: {Label: "queue", Says: "queue up for the folio's lock, drop the reference", When: With(NUMAWaitReference), Ref: "put_and_wait_on_page_locked", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		return c.forget(dhoWait)
	}},
	dhoWaitUnlock: {Label: "unlock_wait", Says: "unlock the PMD", When: Without(NUMAWaitReference), Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
		c.Unlock(c.pmdLock(c.Page(dnhAddr)))
		return dhoWait
	}},
	dhoWait: {Label: "wait", Says: "the folio was unlocked", Ref: "wait_on_page_locked", Reads: cell.Of(machine.FolioLocks),
		Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Entry(dnhPMD).Frame())) }, Do: func(c *Ctx) Next { return Return }},
}

const (
	dhoLock = iota
	dhoTrylock
	dhoGet
	dhoRelock
	dhoPending
	dhoUnlock
	dhoMoved
	dhoMap
	dhoMapUnlock
	dhoMapDone
	dhoUnlockFolio
	dhoPut
	dhoGetWait
	dhoQueue
	dhoWaitUnlock
	dhoWait
)

// dhoGetStep takes a reference on what the PMD maps, unlocks the PMD, and goes on.
func dhoGetStep(label string, when Cond) Step {
	return Step{Label: label, Says: "take a reference, unlock the PMD", Ref: "get_page", When: when, Touches: cell.Of(machine.Refs, machine.PTLs), Do: func(c *Ctx) Next {
		f := c.M.Head(c.Frame(dnhPMD))
		c.Get(f, 1)
		c.Hold(dnhFolio, f, 1)
		c.Unlock(c.pmdLock(c.Page(dnhAddr)))
		return Then
	}}
}

// migrate_misplaced_transhuge_page, of a folio that is locked, in straight line:
//
//	new_page = a free block of this CPU's node; none: make the PMD accessible where it is
//	not on the LRU list, or references other than the PMD's and ours: free new_page; make the PMD accessible where it is
//	take it off the LRU list; lock new_page
//	copy the content
//	lock the PMD; it changed, or there are more than two references: unlock it, free new_page; back to the LRU list; the PMD stays inaccessible
//	freeze the references; the PMD maps new_page, writable if the VMA is; unfreeze
//	unlock the PMD; new_page onto the LRU list
//	unlock both, drop the references: the old folio is free
//
// Nothing is flushed: no TLB has an inaccessible entry. (That is from 4.20 on. In 4.6.y to 4.19.y the old entry is taken out and flushed first, under the PMD's lock:
// who looks at the PMD without that may find nothing there for a moment, which is not played.) It is copied before the last look at the references:
//
//	CPU0 (a device's write)          CPU1 (migrate_misplaced_transhuge_page)
//	a reference, from long ago
//	                                 references: one too many: leave it where it is
//
// and who comes later does not get one: GUP-fast passes an inaccessible PMD over (4.6.y, 5.4, 5.11), GUP faults on it, unless it forces (4.6.y, 5.4, 5.11), and waits for the folio's lock.
//
// Until 4.12 the references are not frozen, but looked at before, and again once the PMD is set, which is undone then: nobody comes by one in between, so one look is played. From 4.13.y on they are frozen.
//
// Read in source: 4.6.y, 4.9.y, 4.12, 4.13.y, 4.14.y, 4.19.y, 4.20, 5.0, 5.4, 5.8.y, 5.11, 5.12.y (5.11 leaves a file's page alone that is run and mapped by several: nothing of it here). That
// few migrations at a time are allowed (in 4.14.y still, not in 4.19.y), or none to a node that is nearly full, is not played.
//
// compare mm/migrate.c:migrate_misplaced_transhuge_page, numamigrate_isolate_page
var _ = register(fnMigrateMisplacedTHP, &Func{Migrating: true, Large: true,
	Name: "migrate_misplaced_transhuge_page", File: "mm/migrate.c", Params: []int{mhAddr, mhPMD},
	Locals: []Local{{"page", HoldLocal}, {"new_page", HoldLocal}, {"orig_pmd", PTELocal}, {"address", PageLocal}, {"i", IntLocal}},
	Steps: []Step{
		mhAlloc: {Label: "alloc", Says: "take a free block of this node", Ref: "alloc_pages_node", Touches: allocTouches | cell.Of(machine.Compounds), Choose: func(c *Ctx, offer func(int)) {
			none := true
			some := func(f machine.Frame) {
				none = false
				offer(int(f))
			}
			if len(c.M.Zones) == 0 {
				c.M.OffersBlocks(some)
			} else {
				c.M.OffersBlocksIn(c.target(c.M.NodeOfCPU(c.CPU), mrNUMAMisplaced), some)
			}
			if none {
				offer(0)
			}
		}, Do: func(c *Ctx) Next {
			if c.Key == 0 {
				c.Say("there is no free block: leave it where it is")
				return mhFail
			}
			c.Sayf("take a free block: frames %d to %d", c.Key, c.Key+c.M.HugePages-1)
			c.M.AllocateLarge(machine.Frame(c.Key))
			c.Hold(mhNew, machine.Frame(c.Key), 1)
			return Then
		}},
		mhIsolate: {Label: "isolate", Says: "no other references? Take it off the LRU list", Counts: true, Ref: "numamigrate_isolate_page", Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			f := c.Held(mhSrc).Frame()
			switch {
			case c.Load(c.M.Flags(f))&machine.PGLRU == 0:
				c.Say("it is not on the LRU list: leave it where it is")
				return mhFree
			case c.Load(c.M.Ref(f)) != 2:
				c.Say("somebody else has a reference: leave it where it is")
				return mhFree
			}
			c.AndNot(c.M.Flags(f), machine.PGLRU)
			return Then
		}},
		mhLockNew: {Label: "lock_new", Says: "lock the new folio", Ref: "__SetPageLocked", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Lock(c.M.FolioLock(c.Held(mhNew).Frame()))
			return Then
		}},
		mhCopy: {Label: "copy", Says: "copy the content", Ref: "migrate_page_copy", Touches: cell.Of(machine.Contents), Back: []int{mhCopy}, Do: func(c *Ctx) Next {
			i := machine.Frame(c.L(mhIndex))
			f := c.Held(mhSrc).Frame() + i
			v := c.Load(c.M.Contents(f))
			c.Sayf("copy the content: %s", c.M.Content(v))
			c.Store(c.M.Contents(c.Held(mhNew).Frame()+i), v)
			c.M.Copied(f)
			if c.Set(mhIndex, uint64(i)+1); int(i)+1 < c.M.HugePages {
				return mhCopy
			}
			return Then
		}},
		mhLock: {Label: "lock_pmd", Says: "lock the PMD; is it still the same?", Answer: "yes", Ref: "pmd_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(mhAddr))) },
			Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.M.PMD(c.Page(mhAddr)))) != c.Entry(mhPMD).Fresh() {
					c.Say("the PMD has changed")
					return c.misplacedStays()
				}
				c.Lock(c.pmdLock(c.Page(mhAddr)))
				return Then
			}},
		mhReplace: {Label: "replace", Says: "no other references? Freeze them; the PMD maps the new folio", Counts: true, Ref: "page_ref_freeze", Touches: largeTouches, Do: (*Ctx).misplacedReplace},
		mhUnlockPMD: {Label: "unlock_pmd", Says: "unlock the PMD", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.pmdLock(c.Page(mhAddr)))
			return Then
		}},
		mhLRU: {Label: "lru", Says: "put the new folio on its way to the LRU list", Ref: "putback_lru_page", Touches: batchTouches, Do: func(c *Ctx) Next {
			c.lruReturn(c.Held(mhNew).Frame())
			return Then
		}},
		mhUnlockNew: {Label: "unlock_new", Says: "unlock the new folio", Ref: "unlock_page", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Held(mhNew).Frame()))
			return Then
		}},
		mhPutNew: mhDropNew("put_new", "drop our reference on it", mhUnlock),
		mhUnlock: {Label: "unlock", Says: "unlock the folio", Ref: "unlock_page", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Held(mhSrc).Frame()))
			return Then
		}},
		mhPut: {Label: "put", Says: "drop what we have of its references", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := c.Held(mhSrc)
			c.Release(mhSrc)
			return c.putFree(h.Frame(), h.Count(), end)
		}},
		mhStays: {Label: "undo", Says: "unlock the new folio", Ref: "unlock_page", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Held(mhNew).Frame()))
			return Then
		}},
		mhFreeCopy: mhDropNew("free_copy", "free the new folio", mhPutback),
		mhPutback: {Label: "putback", Says: "put it back on its way to the LRU list", Ref: "putback_lru_page", Touches: batchTouches, Back: []int{mhUnlock}, Do: func(c *Ctx) Next {
			c.lruReturn(c.Held(mhSrc).Frame())
			return mhUnlock
		}},
		mhFree: mhDropNew("free_new", "free the new folio", mhFail),
		mhFail: {Label: "map", Says: "lock the PMD; is it the same? Make it accessible where it is, not writable; unlock", Ref: "pmd_modify", Touches: cell.Of(machine.PMDs, machine.PTLs), Back: []int{mhUnlock},
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(mhAddr))) },
			Do: func(c *Ctx) Next {
				p, old := c.Page(mhAddr), c.Entry(mhPMD).Fresh()
				if machine.Entry(c.Load(c.M.PMD(p))) != old {
					c.Say("the PMD has changed: leave it")
					return mhUnlock
				}
				c.Sayf("make the PMD accessible again where it is: %v", c.hintAccessible(p, old, false))
				return mhUnlock
			}},
	},
})

const mhSrc, mhNew, mhPMD, mhAddr, mhIndex = 0, 1, 2, 3, 4

const (
	mhAlloc = iota
	mhIsolate
	mhLockNew
	mhCopy
	mhLock
	mhReplace
	mhUnlockPMD
	mhLRU
	mhUnlockNew
	mhPutNew
	mhUnlock
	mhPut
	mhStays
	mhFreeCopy
	mhPutback
	mhFree
	mhFail
)

// mhDropNew drops our reference on the new folio, which is the last where the move has failed.
func mhDropNew(label, says string, back int) Step {
	return Step{Label: label, Says: says, Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		f := c.Held(mhNew).Frame()
		c.Release(mhNew)
		return c.putFree(f, 1, back)
	}}
}

// misplacedStays gives the move up, after the copy.
func (c *Ctx) misplacedStays() Next {
	c.eachOfFolio(c.Held(mhSrc).Frame(), c.M.NotReplaced)
	return mhStays
}

// misplacedReplace makes the new folio what the old one was, if only the PMD and we have references on that: the PMD's is ours from then on.
func (c *Ctx) misplacedReplace() Next {
	m, p := c.M, c.Page(mhAddr)
	src, dst := c.Held(mhSrc).Frame(), c.Held(mhNew).Frame()
	if n := c.Load(m.Ref(src)); n != 2 {
		c.Sayf("%d references, not 2: somebody uses it; unlock the PMD", n)
		c.Unlock(c.pmdLock(p))
		return c.misplacedStays()
	}
	c.Store(m.Mapping(dst), c.Load(m.Mapping(src)))
	c.Store(m.Index(dst), c.Load(m.Index(src)))
	c.Store(m.Flags(dst), c.Load(m.Flags(src))&(machine.PGSwapBacked|machine.PGReferenced|machine.PGUptodate|machine.PGDirty|machine.PGActive))
	bits := machine.Dirty
	if c.Load(m.VMA(p))&machine.VMWrite != 0 {
		bits |= machine.RW
	}
	e := c.protected(machine.MakeHuge(dst, bits), p)
	c.Sayf("freeze them; the PMD maps the new folio: %v", e)
	c.Get(dst, 1)
	c.rmapAddPMD(dst, 1)
	c.SetPMD(p, e)
	c.rmapAddPMD(src, -1)
	c.Hold(mhSrc, src, 2)
	c.eachOfFolio(src, m.Replaced)
	return Then
}
