package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Direct I/O of the other side: a page of a file is written to its disk, past the page cache (O_DIRECT), in straight line:
//
//	inode_lock()
//	filemap_write_and_wait_range()                    // what is dirty of the page goes out first
//	invalidate_inode_pages2_range(); it stays: inode_unlock(); write it as pwrite() does, write that out
//	a hole: a block; the disk writes it; i_size
//	invalidate_inode_pages2_range() again             // who has read the page meanwhile has what was there before
//	inode_unlock()
//
// Asynchronously (AIO, io_uring), where the file does not grow:
//
//	a hole: a block, unwritten so far
//	inode_dio_begin(): one direct I/O more is in flight; submit
//	inode_unlock(); the call returns
//	the disk writes it                                // at any time
//	invalidate_inode_pages2_range() again; inode_dio_end()
//
// Until 4.13 that comes behind the submission, before inode_unlock(): what is brought in between that and the disk's write stays, and is old.
//
// Nobody has i_rwsem then. Who takes blocks away waits (inode_dio_wait()) until no direct I/O is in flight, with i_rwsem held, so that none is begun: else
//
//	CPU0 (io_submit)          CPU1 (ftruncate)           disk
//	submit; inode_unlock()
//	                          give the block back
//	                          somebody else gets it
//	                                                     writes it
//
// What the task does behind such a call comes when its I/O is complete: it waits for that (io_getevents()).
//
// What is written comes from a buffer of the kernel's here: how GUP gets the memory of a process for that is direct_write.
//
// Where the page stays the second time, the write has worked all the same. Left out: that the lock is taken for reading where blocks are
// overwritten, so that two direct writes may meet; that until 5.4 it was kept for what is written by way of the page cache then; that the page is
// dropped from there afterwards, if nobody maps or holds it. (All this is read in source: 4.6, 5.4, 5.8, 6.12.)
//
// compare fs/ext4/file.c:ext4_dio_write_iter, fs/iomap/direct-io.c:__iomap_dio_rw, mm/filemap.c:generic_file_direct_write
var _ = register(fnDirectPwrite, &Func{
	Name: "ext4_dio_write_iter", Was: []Name{{"generic_file_direct_write", 505}}, File: "fs/ext4/file.c", Params: []int{dwPage, dwValue, dwAsync},
	Locals: []Local{{"file", IntLocal}, {"pgoff", PgoffLocal}, {"value", IntLocal}, {"ret", IntLocal}, {"async", IntLocal}},
	Steps: []Step{
		dwFile: {Label: "file", Says: "has its file system direct I/O?", Answer: "yes", Local: true, Do: func(c *Ctx) Next {
			if !c.M.KindOf(c.Pgoff(dwPage)).OnDisk() {
				c.Say("it lies on no disk: -EINVAL")
				return c.Fail(EINVAL)
			}
			c.Set(0, uint64(c.fileOf(c.Pgoff(dwPage))))
			return Then
		}},
		dwLock: inodeLockStep,
		dwSync: {Label: "write_first", Says: "write out what is dirty of it", Ref: "filemap_write_and_wait_range", Local: true, Calls: []FuncID{fnSyncFileRange}, Do: func(c *Ctx) Next {
			return c.Call(fnSyncFileRange, dwInvalidate, c.L(dwPage), c.L(dwPage))
		}},
		dwInvalidate: {Label: "invalidate", Says: "throw it out of the page cache", Ref: "invalidate_inode_pages2_range", Local: true, Calls: []FuncID{fnInvalidatePages2}, Do: func(c *Ctx) Next {
			return c.Call(fnInvalidatePages2, dwFailed, c.L(dwPage))
		}},
		dwFailed: {Label: "busy", Says: "is it out?", Answer: "yes", When: With(DIOFallsBack), Local: true, Do: func(c *Ctx) Next {
			if c.Ret()&failed != 0 {
				c.Say("it stays: write it as pwrite does")
				return dwUnlockEarly
			}
			return Then
		}},
		dwBlock: {Label: "block", Says: "a hole: is there a free block?", Answer: "yes", Ref: "ext4_iomap_begin", When: FewBlocks, Touches: cell.Of(machine.Blocks), Anywhere: cell.Of(machine.Blocks), Do: func(c *Ctx) Next {
			switch w := c.M.Block(c.Pgoff(dwPage)); {
			case machine.BlockState(c.Load(w)) != machine.BlockHole:
				c.Say("it has a block, or space is reserved for one")
			case c.freeBlocks() > 0:
				c.Store(w, machine.MakeBlock(machine.BlockUnwritten, 0))
			default:
				c.Say("there is no free block: -ENOSPC")
				c.Set(dwRet, failed|ENOSPC)
				return dwUnlock
			}
			return Then
		}},
		dwQueue: {Label: "queue", Says: "count one direct I/O more in flight", Ref: "inode_dio_begin", When: AsyncDIO, Touches: cell.Of(machine.Blocks, machine.Inodes), Do: func(c *Ctx) Next {
			o := c.Pgoff(dwPage)
			at := c.M.FilePages()[o]
			switch {
			case c.L(dwAsync) == 0:
				c.Say("wait for the disk")
				return dwDisk
			case machine.Bytes(at.Index+1) > c.Load(c.M.Size(at.File)):
				c.Say("the file grows: wait for the disk")
				return dwDisk
			}
			if w := c.M.Block(o); machine.BlockState(c.Load(w)) == machine.BlockHole {
				c.Store(w, machine.MakeBlock(machine.BlockUnwritten, 0))
			}
			c.Add(c.M.DirectIO(o), machine.DIOFlight+machine.DIOUnwritten)
			return Then
		}},
		dwQueuedAgain: {Label: "queued_again", Says: "throw out what came into the page cache meanwhile", Ref: "invalidate_inode_pages2_range", When: If(DIOInvalidatesAgain, DIOInvalidatesSubmitted).AndAsyncDIO(), Local: true, Calls: []FuncID{fnInvalidatePages2}, Do: func(c *Ctx) Next {
			return c.Call(fnInvalidatePages2, dwQueued, c.L(dwPage))
		}},
		dwQueued: {Label: "queued", Says: "drop i_rwsem; the call returns, the disk goes on", Ref: "inode_unlock", When: AsyncDIO, Touches: cell.Of(machine.InodeLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.M.InodeLock(int(c.L(0))))
			return Then
		}},
		dwAsyncDisk: {Label: "disk", Says: "the disk writes it", Ref: "iomap_dio_bio_end_io", When: AsyncDIO, Touches: cell.Of(machine.Blocks, machine.Inodes), Do: func(c *Ctx) Next {
			o, v := c.Pgoff(dwPage), c.L(dwValue)
			if c.Add(c.M.DirectIO(o), -machine.DIOUnwritten)&machine.DIOFreed != 0 {
				c.Sayf("the disk writes %s to a block that is not the file's any more", c.M.Content(v))
				return Then
			}
			c.Sayf("the disk writes %s", c.M.Content(v))
			c.Store(c.M.Block(o), machine.MakeBlock(machine.BlockWritten, v))
			c.M.FileForget(o)
			return Then
		}},
		dwAsyncAgain: {Label: "complete", Says: "throw out what came into the page cache meanwhile", Ref: "iomap_dio_complete", When: If(DIOInvalidatesAgain, DIOInvalidatesWritten).AndAsyncDIO(), Local: true, Calls: []FuncID{fnInvalidatePages2}, Do: func(c *Ctx) Next {
			return c.Call(fnInvalidatePages2, dwAsyncEnd, c.L(dwPage))
		}},
		dwAsyncEnd: {Label: "dio_end", Says: "count one direct I/O less in flight", Ref: "inode_dio_end", When: AsyncDIO, Touches: cell.Of(machine.Inodes), Reads: cell.Of(machine.Blocks, machine.PageCache, machine.Flags, machine.FolioLocks), Do: func(c *Ctx) Next {
			o := c.Pgoff(dwPage)
			w := c.M.DirectIO(o)
			if c.Add(w, -machine.DIOFlight) == machine.DIOFreed {
				c.Store(w, 0)
			}
			c.directlyWritten(o, c.L(dwValue))
			return c.Return(c.L(dwRet))
		}},
		dwDisk: {Label: "submit", Says: "the disk writes it; i_size", Ref: "submit_bio_wait", Touches: cell.Of(machine.Blocks, machine.Inodes), Do: func(c *Ctx) Next {
			o, v := c.Pgoff(dwPage), c.L(dwValue)
			c.Sayf("the disk writes %s", c.M.Content(v))
			c.Store(c.M.Block(o), machine.MakeBlock(machine.BlockWritten, v))
			at := c.M.FilePages()[o]
			if end := machine.Bytes(at.Index + 1); end > c.Load(c.M.Size(at.File)) {
				c.Store(c.M.Size(at.File), end)
			}
			c.M.FileForget(o)
			return Then
		}},
		dwAgain: {Label: "invalidate_again", Says: "throw out what came into the page cache meanwhile", Ref: "kiocb_invalidate_post_direct_write", When: With(DIOInvalidatesAgain), Local: true, Calls: []FuncID{fnInvalidatePages2}, Do: func(c *Ctx) Next {
			return c.Call(fnInvalidatePages2, dwUnlock, c.L(dwPage))
		}},
		dwUnlock: {Label: "inode_unlock", Says: "drop i_rwsem", Ref: "inode_unlock", Touches: cell.Of(machine.InodeLocks), Reads: cell.Of(machine.Blocks, machine.PageCache, machine.Flags, machine.FolioLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.M.InodeLock(int(c.L(0))))
			c.directlyWritten(c.Pgoff(dwPage), c.L(dwValue))
			return c.Return(c.L(dwRet))
		}},
		dwUnlockEarly: {Label: "unlock_early", Says: "drop i_rwsem", Ref: "inode_unlock", When: With(DIOFallsBack), Touches: cell.Of(machine.InodeLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.M.InodeLock(int(c.L(0))))
			return Then
		}},
		dwBuffered: {Label: "buffered", Says: "write it by way of the page cache", Ref: "ext4_buffered_write_iter", When: With(DIOFallsBack), Local: true, Calls: []FuncID{fnPwrite}, Do: func(c *Ctx) Next {
			return c.Call(fnPwrite, dwWriteOut, c.L(dwPage), c.L(dwValue))
		}},
		dwWriteOut: {Label: "write_out", Says: "write that out", Ref: "filemap_write_and_wait_range", When: With(DIOFallsBack), Local: true, Calls: []FuncID{fnSyncFileRange}, Do: func(c *Ctx) Next {
			c.Set(dwRet, c.Ret())
			return c.Call(fnSyncFileRange, dwEnd, c.L(dwPage), c.L(dwPage))
		}},
		dwEnd: {Label: "end", Says: "return what the write has", When: With(DIOFallsBack), Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(dwRet)) }},
	},
})

// dioWords say whether a direct write is waited for by the call itself.
var dioWords = []string{"SYNC", "AIO"}

const dwPage, dwValue, dwRet, dwAsync = 1, 2, 3, 4

const (
	dwFile = iota
	dwLock
	dwSync
	dwInvalidate
	dwFailed
	dwBlock
	dwQueue
	dwQueuedAgain
	dwQueued
	dwAsyncDisk
	dwAsyncAgain
	dwAsyncEnd
	dwDisk
	dwAgain
	dwUnlock
	dwUnlockEarly
	dwBuffered
	dwWriteOut
	dwEnd
)

// dioWaitStep waits until no direct I/O of the file that local 0 names is in flight. Who has i_rwsem knows that none is begun behind it.
// compare fs/inode.c:inode_dio_wait
var dioWaitStep = Step{Label: "dio_wait", Says: "wait until no direct I/O is in flight", Ref: "inode_dio_wait", When: With(InodeDIOWait).AndAsyncDIO(), Reads: cell.Of(machine.Inodes),
	Wait: func(c *Ctx) Block {
		file := int(c.L(0))
		first, _ := c.M.PgoffAt(file, 0)
		for o := first; int(o-first) < c.M.Files[file].Pages; o++ {
			if w := c.M.DirectIO(o); c.Load(w) != 0 {
				return Block{On: OnWriteback, At: w}
			}
		}
		return Block{}
	}, Do: func(c *Ctx) Next { return Then }}

// freeBlock takes the block of a page away from its file. What somebody has stored, through a TLB that is to be flushed, since the page left the
// page cache is lost with it; a page in its place comes with invalidate_lock alone.
func (c *Ctx) freeBlock(o machine.Pgoff) {
	c.Store(c.M.Block(o), machine.BlockHole)
	if c.M.KindOf(o).OnDisk() {
		c.M.FileForget(o)
	}
	if !c.M.AsyncDIO {
		return
	}
	if w := c.M.DirectIO(o); c.Load(w) >= machine.DIOUnwritten {
		c.Or(w, machine.DIOFreed)
		c.M.Raise(machine.AlarmFreedBlock, uint64(o))
	}
}

// directlyWritten notes that a page of a file holds what was written directly, unless somebody has stored to it meanwhile, or is at it (pwrite has the folio
// locked, and marks it dirty behind the copy): which of the two came last is not said.
func (c *Ctx) directlyWritten(o machine.Pgoff, v uint64) {
	if c.Load(c.M.Block(o)) != machine.MakeBlock(machine.BlockWritten, v) {
		return
	}
	if f, ok := machine.Cached(c.Load(c.M.CacheSlot(o))); ok {
		flags := c.Load(c.M.Flags(f))
		if flags&(machine.PGDirty|machine.PGWriteback) != 0 || flags&machine.PGUptodate != 0 && c.Load(c.folioLock(f)) != 0 {
			return
		}
	}
	c.M.FileOverwrote(o, v)
}

// invalidate_inode_pages2_range of one page, in straight line:
//
//	the page cache has none: done
//	mapped: unmap_mapping_range(); private copies stay
//	lock the folio; not the file's any more: done
//	wait for the end of its writeback; mapped again meanwhile: unmap_mapping_folio()
//	drop its buffers: they are dirty: -EBUSY
//	dirty: -EBUSY; out of the page cache: mapping is NULL
//	unlock; drop the page cache's reference and ours
//
// Nobody asks for references. Who holds the page, and be it pinned for long, keeps it, detached from the file: as after a truncation, but the file goes on.
// (Where a file system has a way to launder a page, it is written out before one asks whether it is dirty: NFS has, ext4 has not.)
//
//	CPU0                        CPU1 (O_DIRECT)
//	p = pin_user_pages()
//	                            write out; unmap; out of the page cache
//	                            the disk writes "n"
//	the device writes to p      // to a page that is nobody's
//	load(): fault, "n"
//
// compare mm/truncate.c:invalidate_inode_pages2_range, invalidate_complete_folio2
var _ = register(fnInvalidatePages2, &Func{
	Name: "invalidate_inode_pages2_range", File: "mm/truncate.c", Params: []int{iiPage},
	Locals: []Local{{"folio", HoldLocal}, {"cache_reference", HoldLocal}, {"pgoff", PgoffLocal}, {"ret", IntLocal}},
	Steps: []Step{
		iiFind: {Label: "find", Says: "find it in the page cache", Ref: "find_get_entries", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache), Do: func(c *Ctx) Next {
			if !c.find(0, c.Pgoff(iiPage)) {
				c.Say("the page cache has none")
				return c.Return(0)
			}
			return Then
		}},
		iiUnmap: invalidateUnmap("unmap", "unmap_mapping_pages", iiLock),
		iiLock: {Label: "lock", Says: "lock it; is it still the file's?", Answer: "yes", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Wait: folioLockFree, Do: func(c *Ctx) Next {
			if !c.ours(c.Held(0).Frame(), c.Pgoff(iiPage)) {
				c.Say("it is not the file's any more")
				return iiPut
			}
			c.Lock(c.folioLock(c.Held(0).Frame()))
			return Then
		}},
		iiWait: {Label: "wait_writeback", Says: "wait until it is not under writeback", Ref: "folio_wait_writeback", Reads: cell.Of(machine.Flags), Wait: writebackEnds,
			Do: func(c *Ctx) Next { return Then }},
		iiUnmapAgain: invalidateUnmap("unmap_again", "unmap_mapping_folio", iiRelease),
		iiRelease: {Label: "release", Says: "drop its buffers", Ref: "filemap_release_folio", Touches: cell.Of(machine.Buffers, machine.Refs, machine.Flags), Do: func(c *Ctx) Next {
			if !c.dropBuffers(c.Held(0).Frame()) {
				c.Say("its buffers are dirty: -EBUSY")
				c.Set(iiRet, failed|EBUSY)
				return iiUnlock
			}
			return Then
		}},
		iiRemove: {Label: "remove", Says: "clean? Take it out of the page cache: mapping is NULL", Ref: "invalidate_complete_folio2", Touches: cell.Of(machine.PageCache, machine.Mappings), Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			f, o := c.Held(0).Frame(), c.Pgoff(iiPage)
			if c.Load(c.M.Flags(f))&machine.PGDirty != 0 {
				c.Say("it is dirty: -EBUSY")
				c.Set(iiRet, failed|EBUSY)
				return Then
			}
			c.M.FileForget(o)
			c.M.ExcuseFile(o)
			c.leavePageCache(f, o, 0)
			c.Hold(iiCacheRef, f, 1)
			return Then
		}},
		iiUnlock: unlockFolio,
		iiPutCache: {Label: "put_cache", Says: "drop the page cache's reference", Ref: "folio_put", Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			if h := c.Held(iiCacheRef); h.Some() {
				c.Release(iiCacheRef)
				c.Put(h.Frame(), 1)
			}
			return Then
		}},
		iiPut: putFolio(iiEnd),
		iiEnd: {Label: "end", Says: "return whether it is out", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(iiRet)) }},
	},
})

const iiCacheRef, iiPage, iiRet = 1, 2, 3

const (
	iiFind = iota
	iiUnmap
	iiLock
	iiWait
	iiUnmapAgain
	iiRelease
	iiRemove
	iiUnlock
	iiPutCache
	iiPut
	iiEnd
)

// invalidateUnmap unmaps the folio in local 0 wherever it is mapped shared, or private and not copied yet.
func invalidateUnmap(label, ref string, back int) Step {
	return Step{Label: label, Says: "is it mapped?", Answer: "no", Ref: ref, Reads: cell.Of(machine.Mapcounts), Calls: []FuncID{fnUnmapMappingRange}, Do: func(c *Ctx) Next {
		if c.folioMapcount(c.Held(0).Frame()) == 0 {
			return Then
		}
		c.Say("it is mapped: unmap it")
		return c.Call(fnUnmapMappingRange, back, c.L(iiPage), c.L(iiPage), 0)
	}}
}
