package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// ftruncate to a number of pages, on ext4 in straight line:
//
//	inode_lock(); inode_dio_wait(); filemap_invalidate_lock()      // no fault brings a page in, no page_mkwrite runs
//	i_size
//	smaller: unmap_mapping_range(): every PTE behind the end goes, of private copies, too
//	         truncate_inode_pages_range(): every folio behind the end leaves the page cache
//	         unmap_mapping_range() again         // private copies that came in between
//	         give the blocks back
//	larger:  the old end lay inside a block: zero the rest of that
//	filemap_invalidate_unlock(); inode_unlock()
//
// Nobody asks whether a page is pinned: its holder keeps it, detached from the file.
// shmem takes no invalidate_lock.
//
// compare fs/ext4/inode.c:ext4_setattr, mm/truncate.c:truncate_pagecache; mm/shmem.c:shmem_setattr
var _ = register(fnFtruncate, &Func{
	Name: "ftruncate", File: "fs/open.c", Params: []int{tcFile, tcPages},
	Locals: []Local{{"file", IntLocal}, {"pages", IntLocal}, {"old_size", IntLocal}},
	Steps: []Step{
		tcLock:       inodeLockStep,
		tcDIOWait:    dioWaitStep,
		tcInvalidate: invalidateLockStep,
		tcSize: {Label: "i_size", Says: "set i_size", Ref: "i_size_write", Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			w, size := c.M.Size(int(c.L(tcFile))), machine.Bytes(int(c.L(tcPages)))
			old := c.Keep(tcOldSize, w)
			c.Store(w, size)
			if size > old {
				c.Say("the file grows")
				return tcTail
			}
			return Then
		}},
		tcUnmap: {Label: "unmap", Says: "unmap what lies behind the end", Ref: "unmap_mapping_range", Local: true, Calls: []FuncID{fnUnmapMappingRange}, Do: func(c *Ctx) Next {
			return c.truncated(fnUnmapMappingRange, tcPagecache, 1)
		}},
		tcPagecache: {Label: "truncate_pages", Says: "take what lies behind the end out of the page cache", Ref: "truncate_inode_pages_range", Local: true, Calls: []FuncID{fnTruncateInodePages, fnRemoveInodeHugepages}, Do: func(c *Ctx) Next {
			if c.M.Files[c.L(tcFile)].Kind == machine.Hugetlbfs {
				return c.truncated(fnRemoveInodeHugepages, tcUnlock)
			}
			return c.truncated(fnTruncateInodePages, tcUnmapAgain)
		}},
		tcUnmapAgain: {Label: "unmap_again", Says: "unmap private copies that came in between", Ref: "unmap_mapping_range", Local: true, Calls: []FuncID{fnUnmapMappingRange}, Do: func(c *Ctx) Next {
			return c.truncated(fnUnmapMappingRange, tcBlocks, 1)
		}},
		tcBlocks: {Label: "blocks", Says: "give the blocks behind the end back", Ref: "ext4_truncate", Touches: cell.Of(machine.Blocks, machine.Inodes), Do: func(c *Ctx) Next {
			first, last, ok := c.behindEnd()
			for o := first; ok && o <= last; o++ {
				c.freeBlock(o)
			}
			return tcUnlock
		}},
		tcTail: {Label: "eof_tail", Says: "did the file end inside a block?", Ref: "ext4_block_zero_page_range", When: With(EOFTailZeroed), Local: true, Calls: []FuncID{fnZeroTail}, Do: func(c *Ctx) Next {
			return c.zeroTail(int(c.L(tcFile)), machine.Bytes(int(c.L(tcPages))), c.L(tcOldSize), tcUnlock)
		}},
		tcUnlock: invalidateUnlockStep,
		tcEnd:    inodeUnlockStep,
	},
})

const tcFile, tcPages, tcOldSize = 0, 1, 2

const (
	tcLock = iota
	tcDIOWait
	tcInvalidate
	tcSize
	tcUnmap
	tcPagecache
	tcUnmapAgain
	tcBlocks
	tcTail
	tcUnlock
	tcEnd
)

// behindEnd returns the pages that a truncation takes away; false if there are none.
func (c *Ctx) behindEnd() (first, last machine.Pgoff, ok bool) {
	file, pages := int(c.L(tcFile)), int(c.L(tcPages))
	if first, ok = c.M.PgoffAt(file, pages); ok {
		last, _ = c.M.PgoffAt(file, c.M.Files[file].Pages-1)
	}
	return first, last, ok
}

// truncated calls a function for the pages that a truncation takes away.
func (c *Ctx) truncated(fn FuncID, back int, more ...uint64) Next {
	first, last, ok := c.behindEnd()
	if !ok {
		return Next(back)
	}
	return c.Call(fn, back, append([]uint64{uint64(first), uint64(last)}, more...)...)
}

// The locks of an inode whose file local 0 names.
var (
	inodeLockStep = Step{Label: "inode_lock", Says: "take i_rwsem for writing", Ref: "inode_lock", Touches: cell.Of(machine.InodeLocks),
		Wait: func(c *Ctx) Block { return c.WriteFree(c.M.InodeLock(int(c.L(0)))) },
		Do: func(c *Ctx) Next {
			c.WriteLock(c.M.InodeLock(int(c.L(0))))
			return Then
		}}
	inodeUnlockStep = Step{Label: "inode_unlock", Says: "drop i_rwsem", Ref: "inode_unlock", Touches: cell.Of(machine.InodeLocks), Do: func(c *Ctx) Next {
		c.WriteUnlock(c.M.InodeLock(int(c.L(0))))
		return Return
	}}
	invalidateLockStep = Step{Label: "invalidate_lock", Says: "take invalidate_lock for writing", Ref: "filemap_invalidate_lock", Touches: cell.Of(machine.InodeLocks),
		Wait: func(c *Ctx) Block {
			if !c.M.Files[c.L(0)].Kind.OnDisk() {
				return Block{}
			}
			return c.WriteFree(c.M.InvalidateLock(int(c.L(0))))
		},
		Do: func(c *Ctx) Next {
			if !c.M.Files[c.L(0)].Kind.OnDisk() {
				c.Say("this file system takes no invalidate_lock")
				return Then
			}
			c.WriteLock(c.M.InvalidateLock(int(c.L(0))))
			return Then
		}}
	invalidateUnlockStep = Step{Label: "invalidate_unlock", Says: "drop invalidate_lock", Ref: "filemap_invalidate_unlock", Touches: cell.Of(machine.InodeLocks), Do: func(c *Ctx) Next {
		c.WriteUnlock(c.M.InvalidateLock(int(c.L(0))))
		return Then
	}}
)

// truncate_inode_pages_range, in straight line:
//
//	every page of the range: a swap entry: forget it, free the slot
//	    lock the folio, wait for the end of its writeback
//	    mapped again meanwhile: unmap_mapping_folio()
//	    drop its buffers, dirty ones, too; clear dirty
//	    out of the page cache: mapping is NULL; unlock
//	    drop the page cache's reference and ours
//
// A large folio goes as a whole, and has a reference of the page cache for each page. Where one sticks out of the range: see truncate_huge.go.
//
// compare mm/truncate.c:truncate_inode_pages_range, truncate_cleanup_folio; mm/shmem.c:shmem_undo_range
var _ = register(fnTruncateInodePages, &Func{
	Name: "truncate_inode_pages_range", File: "mm/truncate.c", Params: []int{tpFirst, tpLast, tpOnce},
	Locals: []Local{{"folio", HoldLocal}, {"cache_reference", HoldLocal}, {"pgoff", PgoffLocal}, {"last", PgoffLocal}, {"first_of_folio", PgoffLocal}, {"once", IntLocal}, {"first", PgoffLocal}},
	Steps: []Step{
		tpFind: {Label: "find", Says: "find the next page", Ref: "find_lock_entries", Touches: cell.Of(machine.Refs, machine.PageCache), Back: []int{tpFind}, Calls: []FuncID{fnFreeSwapAndCache}, Do: (*Ctx).truncateFind},
		tpLock: {Label: "lock", Says: "lock it; is it still the file's?", Answer: "yes", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Wait: folioLockFree, Do: func(c *Ctx) Next {
			if !c.ours(c.Held(0).Frame(), c.Pgoff(tpFolio)) {
				c.Say("it is not the file's any more: look again")
				return tpPut
			}
			c.Lock(c.folioLock(c.Held(0).Frame()))
			return Then
		}},
		tpZero:     truncateZero,
		tpSplit:    truncateSplit,
		tpSplitEnd: truncateSplitEnd,
		tpBehind:   truncateBehind,
		tpWait:     {Label: "wait_writeback", Says: "wait until it is not under writeback", Ref: "folio_wait_writeback", Reads: cell.Of(machine.Flags), Wait: writebackEnds, Do: func(c *Ctx) Next { return Then }},
		tpUnmap: {Label: "unmap", Says: "is it mapped?", Answer: "yes", Ref: "unmap_mapping_folio", Reads: cell.Of(machine.Mapcounts), Calls: []FuncID{fnUnmapMappingRange}, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			if c.folioMapcount(f) == 0 {
				c.Say("it is mapped nowhere")
				return Then
			}
			c.Say("a fault came in between: unmap it")
			return c.Call(fnUnmapMappingRange, tpClean, c.L(tpFolio), c.L(tpFolio)+uint64(c.M.FolioPages(f)-1), 0)
		}},
		tpClean: {Label: "invalidate", Says: "drop its buffers, clear dirty", Ref: "truncate_cleanup_folio", Touches: cell.Of(machine.Flags, machine.Buffers, machine.Refs), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			if c.fileBuffers(f) != 0 {
				c.M.SetBuffers(f, 0)
				c.Put(f, 1)
			}
			c.AndNot(c.M.Flags(f), machine.PGDirty)
			return Then
		}},
		tpRemove: {Label: "remove", Says: "take it out of the page cache: mapping is NULL", Ref: "filemap_remove_folio", Touches: cell.Of(machine.PageCache, machine.Mappings), Do: func(c *Ctx) Next {
			f, o := c.Held(0).Frame(), c.Pgoff(tpFolio)
			n := c.M.FolioPages(f)
			for i := range n {
				c.M.FileForget(o + machine.Pgoff(i))
				c.M.ExcuseFile(o + machine.Pgoff(i))
				c.leavePageCache(f, o+machine.Pgoff(i), 0)
			}
			c.Hold(tpCacheRef, f, n)
			c.truncatedOnce(o + machine.Pgoff(n))
			return Then
		}},
		tpUnlock: unlockFolio,
		tpPutCache: {Label: "put_cache", Says: "drop the page cache's reference", Ref: "folio_put", Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			h := c.Held(tpCacheRef)
			c.Release(tpCacheRef)
			c.Put(h.Frame(), h.Count())
			return Then
		}},
		tpPut: {Label: "put", Says: "put the folio", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{tpFind}, Do: func(c *Ctx) Next {
			if c.L(tpOnce) == truncateDone {
				return c.forget(end)
			}
			return c.forget(tpFind)
		}},
	},
})

const tpCacheRef, tpPage, tpLast, tpFolio, tpOnce, tpFirst = 1, 2, 3, 4, 5, 6

const (
	tpFind = iota
	tpLock
	tpZero
	tpSplit
	tpSplitEnd
	tpBehind
	tpWait
	tpUnmap
	tpClean
	tpRemove
	tpUnlock
	tpPutCache
	tpPut
)

// How often a page of the range is looked at: until the page cache has none, or once. A hole of shmem is punched so that whoever faults behind it finds no
// folio and makes a new one, which stays. (He waits until the hole is punched if he comes behind its beginning: see shmem_fault.)
const (
	truncateAll uint64 = iota
	truncateOnce
	truncateDone // once, and that was the last
)

// truncatedOnce goes on at the page next, if each is looked at once.
func (c *Ctx) truncatedOnce(next machine.Pgoff) {
	switch {
	case c.L(tpOnce) == truncateAll:
	case next > c.Pgoff(tpLast):
		c.Set(tpOnce, truncateDone)
	default:
		c.Set(tpPage, uint64(next))
	}
}

// truncateFind finds the next page of the range that the page cache has something at.
func (c *Ctx) truncateFind() Next {
	for o := max(c.Pgoff(tpPage), c.Pgoff(tpFirst)); o <= c.Pgoff(tpLast); o++ {
		c.Set(tpPage, uint64(o))
		slot := machine.Entry(c.Load(c.M.CacheSlot(o)))
		if slot.IsSwap() {
			c.Sayf("forget the swap entry: %v", slot)
			c.M.SetCacheSlot(o, 0)
			c.M.FileForget(o)
			return c.freeSwapAndCache(tpFind, slot)
		}
		if c.find(0, o) {
			c.Set(tpFolio, uint64(o))
			if f := c.Held(0).Frame(); c.M.IsLarge(f) { // from its first page on
				head := c.M.Head(f)
				c.Set(tpFolio, uint64(o-machine.Pgoff(f-head)))
				c.Hold(0, head, 1)
			}
			return Then
		}
		c.M.FileForget(o)
	}
	c.Say("no more pages")
	return Return
}
