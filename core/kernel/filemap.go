package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Pgoff returns the page of a file that a local names.
func (c *Ctx) Pgoff(i int) machine.Pgoff { return machine.Pgoff(c.L(i)) }

func (c *Ctx) fileOf(o machine.Pgoff) int { return c.M.FilePages()[o].File }

// beyondEOF reports whether a page lies behind the file's end. A last page in part is inside.
func (c *Ctx) beyondEOF(o machine.Pgoff) bool {
	at := c.M.FilePages()[o]
	return at.Index >= machine.SizePages(c.Load(c.M.Size(at.File)))
}

// ours reports whether a folio is the file's page: it may have been truncated, or
// moved to swap, before its lock was taken.
func (c *Ctx) ours(f machine.Frame, o machine.Pgoff) bool {
	at, head := c.M.FilePages()[o], c.M.Head(f)
	return c.Load(c.M.Mapping(head)) == machine.FileMapping(at.File) && c.Load(c.M.Index(head))+uint64(f-head) == uint64(at.Index)
}

// find takes a reference on the folio that the page cache has at a page, for local i.
// compare mm/filemap.c:filemap_get_entry
func (c *Ctx) find(i int, o machine.Pgoff) bool {
	f, ok := machine.Cached(c.Load(c.M.CacheSlot(o)))
	if !ok || !c.TryGet(c.M.Head(f), 1) {
		return false
	}
	c.Sayf("the page cache has it: folio %d", c.M.Head(f))
	c.Hold(i, f, 1)
	return true
}

// handOver ends a function that finds a folio: its reference passes from local 0
// here to local 0 of the caller, which every caller keeps for it.
func (c *Ctx) handOver() Next {
	f := c.Held(0).Frame()
	c.Release(0)
	c.M.SetHold(c.M.Local(c.Task, c.level-1, 0), machine.MakeHold(f, 1))
	return Return
}

// pageCacheTouches are the classes that entering or leaving the page cache touches.
var pageCacheTouches = cell.Of(machine.PageCache, machine.Refs, machine.Mappings, machine.Flags, machine.FolioLocks, machine.LRU)

// addToPageCache puts the folio that local 0 holds into the page cache, locked, and
// into this CPU's LRU batch. If somebody else was faster, it does nothing.
// compare mm/filemap.c:filemap_add_folio
func (c *Ctx) addToPageCache(o machine.Pgoff, flags uint64) bool {
	if c.Load(c.M.CacheSlot(o)) != 0 {
		c.Say("somebody else was faster: start again")
		return false
	}
	f, at := c.Held(0).Frame(), c.M.FilePages()[o]
	c.Lock(c.M.FolioLock(f))
	c.Store(c.M.Mapping(f), machine.FileMapping(at.File))
	c.Store(c.M.Index(f), uint64(at.Index))
	c.Store(c.M.Flags(f), flags)
	c.Add(c.M.Ref(f), 1)
	c.M.SetCacheSlot(o, uint64(machine.MakeHold(f, 1)))
	if c.M.Files[at.File].Kind.OnDisk() {
		c.M.SetNotice(f, machine.NoticeTracked, 0)
	}
	c.lruAdd(f)
	return true
}

// leavePageCache takes a locked folio out of the page cache, with the cache's
// reference, which the caller drops or has frozen.
// compare mm/filemap.c:__filemap_remove_folio
func (c *Ctx) leavePageCache(f machine.Frame, o machine.Pgoff, becomes uint64) {
	c.M.SetCacheSlot(o, becomes)
	c.Store(c.M.Tags(o), 0)
	c.Store(c.M.Mapping(f), 0)
	c.M.SetNotice(f, 0, ^uint64(0))
}

// allocStep takes a free frame for the page cache.
func allocStep(ref string) Step {
	return Step{Label: "alloc", Says: "take a free frame", Ref: ref, Touches: allocTouches,
		Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
		Do: func(c *Ctx) Next {
			c.allocate(0)
			return Then
		}}
}

// forget frees the folio in local 0 that somebody else was faster than.
func (c *Ctx) forget(back int) Next {
	f := c.Held(0).Frame()
	c.Release(0)
	return c.putFree(f, 1, back)
}

// filemap_create_folio, for a page that is not in the page cache, in straight line:
//
//	filemap_invalidate_lock_shared()           // no block is taken away meanwhile
//	folio = alloc; filemap_add_folio(): locked, not uptodate; somebody was faster: put it
//	a block that is written: read it; a hole: zeros. Uptodate, unlock; no buffers
//	filemap_invalidate_unlock_shared(); put the folio
//
// compare mm/filemap.c:filemap_create_folio, page_cache_ra_unbounded; fs/ext4/readpage.c
var _ = register(fnFilemapCreateFolio, &Func{
	Name: "filemap_create_folio", Was: []Name{{"page_cache_read", 420}, {"page_cache_sync_readahead", 516}}, File: "mm/filemap.c", Params: []int{fcPage},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}},
	Steps: []Step{
		{Label: "invalidate_lock", Says: "take invalidate_lock for reading", Ref: "filemap_invalidate_lock_shared", Touches: cell.Of(machine.InodeLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.InvalidateLock(c.fileOf(c.Pgoff(fcPage)))) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.InvalidateLock(c.fileOf(c.Pgoff(fcPage))))
				return Then
			}},
		allocStep("filemap_alloc_folio"),
		{Label: "add", Says: "put it into the page cache, locked", Ref: "filemap_add_folio", Touches: pageCacheTouches, Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			if !c.addToPageCache(c.Pgoff(fcPage), 0) {
				return c.forget(5)
			}
			return Then
		}},
		{Label: "read", Says: "read its block", Ref: "read_folio", Touches: cell.Of(machine.Contents), Reads: cell.Of(machine.Blocks), Do: func(c *Ctx) Next {
			v := machine.BlockContent(c.Load(c.M.Block(c.Pgoff(fcPage))))
			c.Sayf("read its block: %s", c.M.Content(v))
			c.Store(c.M.Contents(c.Held(0).Frame()), v)
			return Then
		}},
		{Label: "uptodate", Says: "it is uptodate: unlock it, put it", Ref: "folio_end_read", Touches: cell.Of(machine.Flags, machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			c.Or(c.M.Flags(f), machine.PGUptodate)
			c.Unlock(c.M.FolioLock(f))
			return c.forget(5)
		}},
		{Label: "invalidate_unlock", Says: "drop invalidate_lock", Ref: "filemap_invalidate_unlock_shared", Touches: cell.Of(machine.InodeLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.InvalidateLock(c.fileOf(c.Pgoff(fcPage))))
			return Return
		}},
	},
})

const fcPage = 1

// __filemap_get_folio for a write, in straight line:
//
//	the page cache has a folio: take a reference, lock it; not ours any more: start again
//	it has none: alloc; filemap_add_folio(), locked; somebody was faster: start again
//	return it locked; a new one is not uptodate
//
// compare mm/filemap.c:__filemap_get_folio (FGP_WRITEBEGIN)
var _ = register(fnFilemapGetFolio, &Func{
	Name: "__filemap_get_folio", Was: []Name{{"grab_cache_page_write_begin", 600}}, File: "mm/filemap.c", Params: []int{1},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}},
	Steps: []Step{
		fgLookup: {Label: "lookup", Says: "look it up in the page cache", Ref: "filemap_get_entry", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache), Do: func(c *Ctx) Next {
			if c.find(0, c.Pgoff(1)) {
				return fgLock
			}
			return Then
		}},
		fgAlloc: allocStep("filemap_alloc_folio"),
		fgAdd: {Label: "add", Says: "put it into the page cache, locked", Ref: "filemap_add_folio", Touches: pageCacheTouches, Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{fgLookup}, Do: func(c *Ctx) Next {
			if !c.addToPageCache(c.Pgoff(1), 0) {
				return c.forget(fgLookup)
			}
			return c.handOver()
		}},
		fgLock: lockOurs(fgLookup, (*Ctx).handOver),
	},
})

const (
	fgLookup = iota
	fgAlloc
	fgAdd
	fgLock
)

// lockOurs locks the folio in local 0, and goes on as locked says (to hand it over) if it is still the page in
// local 1; else it goes back to look again.
func lockOurs(back int, locked func(*Ctx) Next) Step {
	return Step{Label: "lock", Says: "lock it; is it still the file's?", Answer: "yes", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks, machine.Refs), Reads: cell.Of(machine.Mappings),
		Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{back}, Wait: folioLockFree,
		Do: func(c *Ctx) Next {
			if !c.ours(c.Held(0).Frame(), c.Pgoff(1)) {
				c.Say("it is not the file's any more: put it, look again")
				return c.forget(back)
			}
			c.Lock(c.folioLock(c.Held(0).Frame()))
			return locked(c)
		}}
}

// folioLockFree waits for the lock of the folio in local 0.
func folioLockFree(c *Ctx) Block { return c.Free(c.folioLock(c.Held(0).Frame())) }

// unlockFolio unlocks the folio in local 0.
var unlockFolio = Step{Label: "unlock", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
	c.Unlock(c.folioLock(c.Held(0).Frame()))
	return Then
}}

// putFolio drops the reference in local 0 and goes on at a step.
func putFolio(back int) Step {
	return Step{Label: "put", Says: "put the folio", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		return c.forget(back)
	}}
}
