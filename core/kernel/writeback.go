package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// ext4_writepages over a range of a file's pages, in straight line:
//
//	for integrity (fsync): mark all dirty pages of the range; what gets dirty later is not ours
//	every page so marked: take a reference, lock the folio
//	not the file's any more, or clean: next
//	still under writeback: wait for it
//	no buffers: warn, clear dirty, next                // the page stays what it is; nothing is written
//	only reserved: choose a block; it is unwritten until the write has ended; none (the disk was full): as below, but nothing is written, and the write ends at once
//	page_mkclean(): no PTE may be writable or dirty; was one: the folio is dirty, its buffer too
//	clear dirty                                        // a store through a reference goes unnoticed from here on
//	clear the buffer's dirty, start writeback, submit, unlock
//	put the folio
//
// Left out: once the folio is clean, the rest of it behind i_size is zeroed. Contents are those of the first bytes here, which lie inside the file if the page does.
//
// The device reads the page later, and ends writeback: see actors.go.
//
// compare fs/ext4/inode.c:mpage_prepare_extent_to_map, mpage_submit_folio; mm/page-writeback.c:folio_clear_dirty_for_io
var _ = register(fnWritepages, &Func{
	Name: "ext4_writepages", File: "fs/ext4/inode.c", Params: []int{wbPage, wbLast, wbSync},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}, {"last", PgoffLocal}, {"sync", IntLocal}, {"address", PageLocal}, {"cleaned", IntLocal}},
	Steps: []Step{
		wbTag: {Label: "tag", Says: "mark the dirty pages of the range: those are written", Ref: "tag_pages_for_writeback", Touches: cell.Of(machine.PageCache), Do: func(c *Ctx) Next {
			for o := c.Pgoff(wbPage); c.L(wbSync) != 0 && o <= c.Pgoff(wbLast); o++ {
				if c.Load(c.M.Tags(o))&machine.TagDirty != 0 {
					c.Or(c.M.Tags(o), machine.TagToWrite)
				}
			}
			return Then
		}},
		wbFind: {Label: "find", Says: "find the next page that is marked", Ref: "filemap_get_folios_tag", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache), Do: (*Ctx).writebackFind},
		wbLock: {Label: "lock", Says: "lock it; is it still the file's, and dirty?", Answer: "yes", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings, machine.Flags), Wait: folioLockFree, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			flags := c.Load(c.M.Flags(f))
			switch {
			case !c.ours(f, c.Pgoff(wbPage)):
				c.Say("it is not the file's any more")
				return wbPut
			case flags&machine.PGDirty == 0:
				c.Say("it is clean")
				return wbUntag
			case flags&machine.PGWriteback != 0 && c.L(wbSync) == 0:
				c.Say("it is under writeback: leave it")
				return wbPut
			}
			c.Lock(c.M.FolioLock(f))
			return Then
		}},
		wbWait: {Label: "wait_writeback", Says: "wait until it is not under writeback", Ref: "folio_wait_writeback", Reads: cell.Of(machine.Flags), Wait: writebackEnds, Do: func(c *Ctx) Next { return Then }},
		wbBuffers: {Label: "buffers", Says: "has it buffers?", Answer: "yes", Ref: "folio_buffers", When: With(Ext4SkipNobuf), Reads: cell.Of(machine.Buffers), Do: func(c *Ctx) Next {
			if c.Load(c.M.Buffers(c.Held(0).Frame())) == 0 {
				return wbSkip
			}
			return Then
		}},
		wbBug: {Label: "buffers_bug", Says: "has it buffers?", Answer: "yes", Ref: "page_buffers", When: Without(Ext4SkipNobuf), Reads: cell.Of(machine.Buffers), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			if c.Load(c.M.Buffers(f)) == 0 {
				c.Say("it has no buffers: BUG")
				c.M.Raise(machine.AlarmNoBuffers, uint64(f))
				return wbSkip
			}
			return Then
		}},
		wbAlloc: {Label: "alloc_blocks", Says: "choose a block, where one is only reserved", Ref: "ext4_map_blocks", Touches: cell.Of(machine.Buffers, machine.Blocks), Do: func(c *Ctx) Next {
			f, o := c.Held(0).Frame(), c.Pgoff(wbPage)
			b := c.Load(c.M.Buffers(f))
			c.Set(wbAddr, 0)
			if b&machine.BufferMapped == 0 {
				c.Say("its buffer is mapped to nothing: there is no block to write to")
				return Then
			}
			if w := c.M.Block(o); machine.BlockState(c.Load(w)) == machine.BlockDelalloc {
				c.Say("space was only reserved: choose a block, unwritten so far")
				c.Store(w, machine.MakeBlock(machine.BlockUnwritten, 0))
			}
			c.M.SetBuffers(f, b&^(machine.BufferDelay|machine.BufferUnwritten))
			return Then
		}},
		wbRmapLock: rmapLockStep(0),
		wbNextPTE:  {Label: "mkclean", Says: "where may it be mapped shared?", Answer: "yes", Ref: "folio_mkclean", Reads: cell.Of(machine.Mapcounts, machine.Mappings, machine.VMAs), Calls: []FuncID{fnPageMkcleanOne}, Do: (*Ctx).writebackMkclean},
		wbCleaned: {Label: "cleaned", Says: "was that PTE dirty or writable?", Local: true, Back: []int{wbNextPTE}, Do: func(c *Ctx) Next {
			c.Set(wbSawDirty, c.L(wbSawDirty)|c.Ret())
			return wbNextPTE
		}},
		wbRmapUnlock: rmapUnlockStep(0, Then),
		wbAnyDirty: {Label: "any_dirty", Says: "was a PTE dirty or writable?", When: RmapLocked, Local: true, Do: func(c *Ctx) Next {
			if c.L(wbSawDirty) == 0 {
				return wbClear
			}
			return Then
		}},
		wbDirtyAgain: {Label: "was_mapped_dirty", Says: "a PTE was dirty or writable: so are the folio and its buffer", Ref: "folio_mark_dirty", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.Set(wbSawDirty, 0)
			c.markDirty(c.Held(0).Frame())
			return Then
		}},
		wbClear: {Label: "clear_dirty", Says: "clear dirty", Ref: "folio_clear_dirty_for_io", Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			c.AndNot(c.M.Flags(f), machine.PGDirty)
			c.M.SetNotice(f, 0, machine.NoticePrepared)
			return Then
		}},
		wbSubmit: {Label: "submit", Says: "start writeback, submit the write, unlock", Ref: "ext4_bio_write_folio", Touches: cell.Of(machine.Flags, machine.Buffers, machine.PageCache, machine.Blocks, machine.FolioLocks), Do: func(c *Ctx) Next {
			c.submitWrite(c.Held(0).Frame(), c.Pgoff(wbPage))
			return wbPut
		}},
		wbSkip: {Label: "skip", Says: "clear dirty, write nothing, unlock", Ref: "folio_clear_dirty", Touches: cell.Of(machine.Flags, machine.FolioLocks), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			c.Say("it has no buffers: a warning; clear dirty, write nothing, unlock")
			c.AndNot(c.M.Flags(f), machine.PGDirty|machine.PGReclaim)
			c.Unlock(c.M.FolioLock(f))
			return wbPut
		}},
		wbUntag: {Label: "untag", Says: "take the marks off", Ref: "folio_end_writeback", Touches: cell.Of(machine.PageCache), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Tags(c.Pgoff(wbPage)), machine.TagToWrite)
			return Then
		}},
		wbPut: putFolio(wbMore),
		wbMore: {Label: "next", Says: "the next page", Local: true, Back: []int{wbFind}, Do: func(c *Ctx) Next {
			if c.L(wbPage) == c.L(wbLast) {
				return Return
			}
			c.Set(wbPage, c.L(wbPage)+1)
			return wbFind
		}},
	},
})

const wbPage, wbLast, wbSync, wbAddr, wbSawDirty = 1, 2, 3, 4, 5

const (
	wbTag = iota
	wbFind
	wbLock
	wbWait
	wbBuffers
	wbBug
	wbAlloc
	wbRmapLock
	wbNextPTE
	wbCleaned
	wbRmapUnlock
	wbAnyDirty
	wbDirtyAgain
	wbClear
	wbSubmit
	wbSkip
	wbUntag
	wbPut
	wbMore
)

// submitWrite clears the buffer's dirty, starts writeback, hands the write to the disk, and unlocks. What has no block is not written: its writeback ends as it begins, or,
// in 6.12, never does (ext4_bio_write_folio clears the dirty of a buffer that is mapped to nothing, and finds nothing to submit: read in source).
func (c *Ctx) submitWrite(f machine.Frame, o machine.Pgoff) {
	b := c.Load(c.M.Buffers(f))
	c.M.SetBuffers(f, b&^machine.BufferDirty)
	if b&machine.BufferMapped == 0 {
		c.Say("it has no block: clear its buffer's dirty, write nothing, unlock")
		c.Store(c.M.Tags(o), 0)
		c.Unlock(c.M.FolioLock(f))
		return
	}
	c.Or(c.M.Flags(f), machine.PGWriteback)
	c.Store(c.M.Tags(o), machine.TagWriteback)
	c.Store(c.M.BlockIO(o), machine.IOSubmitted)
	c.M.SetNotice(f, machine.NoticeWriteback, 0)
	c.Unlock(c.M.FolioLock(f))
}

// writebackFind goes to the next page of the range that is marked, and takes a reference.
func (c *Ctx) writebackFind() Next {
	tag := machine.TagDirty
	if c.L(wbSync) != 0 {
		tag = machine.TagToWrite
	}
	for o := c.Pgoff(wbPage); o <= c.Pgoff(wbLast); o++ {
		if c.Load(c.M.Tags(o))&tag != 0 && c.find(0, o) {
			c.Set(wbPage, uint64(o))
			return Then
		}
	}
	c.Say("no more pages are marked")
	return Return
}

// writebackMkclean goes on to the next shared mapping that covers the page.
func (c *Ctx) writebackMkclean() Next {
	if !c.sim.tracksDirty {
		c.Say("PTEs stay as they are")
		return c.writebackCleaned()
	}
	if c.L(wbAddr) == 0 && c.Load(c.M.Mapcount(c.Held(0).Frame())) == 0 {
		c.Say("it is mapped nowhere")
		return c.writebackCleaned()
	}
	for {
		p, ok := c.M.NextMapping(c.Held(0).Frame(), machine.PageID(c.L(wbAddr))-1)
		if !ok {
			c.Set(wbAddr, 0)
			c.Say("no more mappings")
			return c.writebackCleaned()
		}
		c.Set(wbAddr, uint64(p)+1)
		if c.M.Region(p).Kind == machine.RegionFileShared {
			c.Sayf("it may be mapped at %s", c.M.Pages()[p].Name)
			return c.Call(fnPageMkcleanOne, wbCleaned, uint64(machine.MakeHold(c.Held(0).Frame(), 1)), uint64(p))
		}
	}
}

// writebackCleaned goes on behind the last mapping.
func (c *Ctx) writebackCleaned() Next {
	switch {
	case c.M.RmapLocks:
		return wbRmapUnlock
	case c.L(wbSawDirty) != 0:
		return wbDirtyAgain
	}
	return wbClear
}

// page_vma_mkclean_one at one address, in straight line:
//
//	lock the PTL; the PTE does not map the folio, or is neither writable nor dirty: done
//	clear the PTE, flush it from every TLB
//	PTE = the old one without W and D; unlock
//
// Cleared and flushed before it is set again: else a CPU could set D, or store
// through a writable TLB entry, behind the one that we found.
//
// compare mm/rmap.c:page_vma_mkclean_one
var _ = register(fnPageMkcleanOne, &Func{
	Notify: rmapOf(mcFolio, mcPage),
	Name:   "page_vma_mkclean_one", Was: []Name{{"page_mkclean_one", 518}}, File: "mm/rmap.c", Params: []int{mcFolio, mcPage},
	Locals: []Local{{"folio", FrameLocal}, {"pmd", TableLocal}, {"pte", PTELocal}, {"reference", HoldLocal}, {"address", PageLocal}},
	Steps: []Step{
		mcP4D: p4dStep(mcPage, "page_vma_mapped_walk"),
		mcRead: {Label: "read_pmd", Says: "read the PMD", Ref: "page_vma_mapped_walk", Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			if !machine.Entry(c.Keep(mcPMD, c.M.PMD(c.Page(mcPage)))).Present() {
				return c.Return(0)
			}
			return Then
		}},
		mcLock: {Label: "lock", Says: "lock the PTL; is the PTE writable or dirty?", Answer: "yes", Ref: "check_pte", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(mcPMD))) },
			Do: func(c *Ctx) Next {
				c.walked(c.Entry(mcPMD))
				e := machine.Entry(c.Load(c.PTE(c.Frame(mcPMD), c.Page(mcPage))))
				if !e.Present() || e.Frame() != c.Frame(mcFolio) || e&(machine.RW|machine.Dirty) == 0 {
					c.Sayf("nothing to clean: the PTE is %v", e)
					return c.Return(0)
				}
				c.lockPTL(mcPMD)
				return Then
			}},
		mcClear: {Label: "clear", Says: "clear the PTE", Ref: "ptep_clear_flush", Touches: cell.Of(machine.PTEs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			p := c.Page(mcPage)
			old := c.ClearPTE(c.Frame(mcPMD), p)
			c.Sayf("clear the PTE: it was %v", old)
			c.Set(mcPTE, uint64(old))
			c.Hold(mcRef, old.Frame(), 1)
			return c.Call(fnFlushTLBMMRange, mcSet, uint64(c.M.Pages()[p].MM), uint64(p), uint64(p), 0)
		}},
		mcSet: {Label: "set", Says: "set it again, read-only and clean", Ref: "set_pte_at", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			c.Release(mcRef)
			c.SetPTE(c.Frame(mcPMD), c.Page(mcPage), c.Entry(mcPTE)&^(machine.RW|machine.Dirty))
			return Then
		}},
		mcUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(mcPMD)))
			return c.Return(1)
		}},
	},
})

const mcFolio, mcPMD, mcPTE, mcRef, mcPage = 0, 1, 2, 3, 4

const (
	mcP4D = iota
	mcRead
	mcLock
	mcClear
	mcSet
	mcUnlock
)
