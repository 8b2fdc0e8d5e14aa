package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What reclaim does about pages of files. They are unmapped like others, with nothing left
// in the PTE; that is never undone. Who holds one keeps it in the page cache; but clean buffers
// are dropped all the same, unless the kernel leaves pages alone that may be pinned.

// fileCandidate is the folio of a page of a file mapping, if it is on the LRU list.
func (c *Ctx) fileCandidate(p machine.PageID) (machine.Frame, bool) {
	o, ok := c.backing(p)
	if !ok {
		return 0, false
	}
	slot := c.Load(c.M.CacheSlot(o))
	f, ok := machine.Cached(slot)
	if e := machine.Entry(slot); e.IsSwap() {
		f, ok = machine.Cached(c.Load(c.M.SwapCache(e.Slot())))
	}
	if !ok {
		return 0, false
	}
	f = c.M.Head(f)
	return f, c.Load(c.M.Flags(f))&machine.PGLRU != 0
}

var reclaimFileStep = Step{Label: "file", Says: "of a file on a disk, or of one that has none?", Ref: "folio_is_file_lru", Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
	f := c.Held(slFolio).Frame()
	switch kind := c.M.Files[machine.MappingFile(c.Load(c.M.Mapping(f)))].Kind; {
	case kind == machine.Shmem:
		c.Say("it is one of shmem: it can go to swap")
		return slFlushDirty
	case !kind.OnDisk():
		c.Say("it is in memory alone: keep it")
		return slUnlock
	case c.MM >= 0:
		c.Say("it is one of a file on a disk, and this is not kswapd")
		return slMet
	}
	c.Say("it is one of a file on a disk")
	return Then
}}

// What kswapd writes itself. Whether its node has many dirty pages (PGDAT_DIRTY, in 4.6 ZONE_DIRTY: the last pages that were scanned were all dirty, and nobody wrote them)
// depends on what else there is: it may, or not. Since 4.11 the page is one, too, that an earlier pass has left (PG_reclaim), and that nobody has marked
// dirty since, which try_to_unmap() does that has just found a dirty PTE. Since 6.2 nobody knows how to write one page of ext4 (no writepage): the question makes no difference.
// (pageout() notes PG_reclaim, too, and so does a pass that meets the page under writeback: the end of writeback takes it back. That is not played, nor that from 4.11 on
// a page that is left becomes active.) Read in source: 4.6.y, 4.11, 5.4, 5.8.y, 6.1-rc7, 6.1.y, 6.12; the condition alone also in 4.9.y (ZONE_DIRTY is PGDAT_DIRTY there), 5.15, 5.19, 6.2.y, 6.6.
var reclaimManyStep = Step{Label: "many_dirty", Says: "many dirty pages, or is this one the flusher's?", Ref: "PGDAT_DIRTY", When: With(ReclaimMayWritepage), Reads: cell.Of(machine.Flags), Keys: []string{"leave it", "many: write it"},
	Choose: func(c *Ctx, offer func(int)) {
		offer(0)
		if !c.sim.notesMetDirty || c.Load(c.M.Flags(c.Held(slFolio).Frame()))&machine.PGReclaim != 0 {
			offer(1)
		}
	},
	Do: func(c *Ctx) Next {
		if c.Key == 1 {
			c.Say("there are many dirty pages: write it")
			return slFlushDirty
		}
		c.Say("there are not many dirty pages, or this one was not met dirty before")
		return Then
	}}

// Who is not kswapd notes it, too.
var reclaimMetStep = Step{Label: "met_dirty", Says: "note that it was met dirty", Ref: "folio_set_reclaim", When: With(ReclaimMayWritepage), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
	if !c.sim.notesMetDirty {
		c.Say("nobody will ask")
		return Then
	}
	c.Or(c.M.Flags(c.Held(slFolio).Frame()), machine.PGReclaim)
	return Then
}}

var reclaimLeaveStep = Step{Label: "leave_to_flusher", Says: "leave it to the flusher: keep it", Local: true, Do: func(c *Ctx) Next {
	return slUnlock
}}

var reclaimReleaseStep = Step{Label: "release", Says: "drop its buffers", Ref: "filemap_release_folio", Touches: cell.Of(machine.Buffers, machine.Refs, machine.Flags), Do: func(c *Ctx) Next {
	f := c.Held(slFolio).Frame()
	if c.fileBuffers(f) == 0 {
		c.Say("it has no buffers")
		return Then
	}
	if !c.dropBuffers(f) {
		c.Say("its buffers are busy: keep it")
		return slUnlock
	}
	return Then
}}

// The part of pageout that writes pages of files: see writeback.go and shmem.go for the
// same by others.
var (
	pageoutFileStep = Step{Label: "writepage", Says: "whose page is it?", Ref: "mapping->a_ops->writepage", Reads: cell.Of(machine.Mappings), Calls: []FuncID{fnShmemWritepage}, Do: func(c *Ctx) Next {
		f := c.Frame(0)
		if c.M.Files[machine.MappingFile(c.Load(c.M.Mapping(f)))].Kind == machine.Shmem {
			c.Say("it is one of shmem")
			return c.Call(fnShmemWritepage, poShmem, uint64(machine.MakeHold(f, 1)))
		}
		c.Say("it is one of ext4")
		return Then
	}}
	pageoutExt4Step = Step{Label: "ext4_writepage", Says: "submit the write, unlock the folio", Ref: "ext4_writepage", Touches: dirtyTouches | cell.Of(machine.Blocks, machine.FolioLocks), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
		f := c.Frame(0)
		o, _ := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(f))), int(c.Load(c.M.Index(f))))
		switch b := c.Load(c.M.Buffers(f)); {
		case b == 0:
			c.Say("it has no buffers: a warning; write nothing, unlock")
			c.Unlock(c.M.FolioLock(f))
		case b&(machine.BufferDelay|machine.BufferUnwritten) != 0:
			c.Say("no block is chosen yet, and none can be here: dirty again, unlock")
			c.markDirty(f)
			c.Unlock(c.M.FolioLock(f))
		default:
			c.submitWrite(f, o)
		}
		return c.Return(pageoutUnlocked)
	}}
	pageoutShmemStep = Step{Label: "in_swap_cache", Says: "is it in the swap cache now?", Local: true, Do: func(c *Ctx) Next {
		if ret := c.Ret(); ret != pageoutDone {
			return c.Return(ret)
		}
		return Then
	}}
)

// poStart and poShmem are steps of pageout.
const poShmem, poStart = 4, 5
