package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// pwrite of a few bytes at the beginning of a page, on ext4 in straight line:
//
//	inode_lock()
//	again: from memory of the process: fault that in          // before any folio is locked
//	folio = __filemap_get_folio(), locked
//	under writeback and it must not change then: wait
//	attach a buffer; a hole: reserve space (delayed allocation); there is none: unlock, take back what lies behind the end, -ENOSPC
//	copy the bytes into the folio, with page faults off         // every mapping and every pin sees them
//	nothing was copied: what is new of the folio is zeros; unlock, put it; again
//	the buffer, the folio and the index are dirty; uptodate; i_size grows
//	unlock, put the folio
//	the old end lay inside a block before: zero the rest of that block
//	inode_unlock(); 0, or the error
//
// No page table is touched but by the copy. On shmem there is no buffer and no block.
//
// What is written may lie in the very page that it is written to, which the process has mapped. A fault would lock the folio:
//
//	pwrite(f, buf)                      MADV_DONTNEED (another thread)
//	fault buf in: it maps f's page
//	lock f's folio
//	                                    buf is mapped no more
//	copy: page fault: lock f's folio    // for ever
//
// So faults are off meanwhile, and who was too late comes again. (What a short copy leaves of the folio is read in source, 6.12.)
//
// compare fs/ext4/file.c:ext4_buffered_write_iter, mm/filemap.c:generic_perform_write,
// mm/shmem.c:shmem_file_write_iter
var _ = register(fnPwrite, &Func{
	Name: "pwrite", File: "mm/filemap.c", Params: []int{pwPage, pwValue, pwFrom},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}, {"value", IntLocal}, {"old_size", IntLocal}, {"ret", IntLocal}, {"from", IntLocal}},
	Steps: []Step{
		pwLock: {Label: "inode_lock", Says: "take i_rwsem for writing", Ref: "inode_lock", Touches: cell.Of(machine.InodeLocks), Reads: cell.Of(machine.Inodes),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.M.InodeLock(c.fileOf(c.Pgoff(pwPage)))) },
			Do: func(c *Ctx) Next {
				switch c.M.KindOf(c.Pgoff(pwPage)) {
				case machine.Hugetlbfs:
					c.Say("hugetlbfs has no write: -EINVAL")
					return c.Fail(EINVAL)
				case machine.Secretmem:
					c.Say("memfd_secret() does not let it be written: -ESPIPE")
					return c.Fail(ESPIPE)
				}
				file := c.fileOf(c.Pgoff(pwPage))
				c.WriteLock(c.M.InodeLock(file))
				c.Set(pwOldSize, c.Load(c.M.Size(file)))
				return Then
			}},
		pwFaultIn: {Label: "fault_in", Says: "from memory of the process? Fault it in", Ref: "fault_in_iov_iter_readable", When: With(WriteFaultsIn).AndUserBuffers(), Local: true, Calls: []FuncID{fnRawCopyFromUser}, Do: func(c *Ctx) Next {
			if c.L(pwFrom) == 0 {
				return pwFolio
			}
			return c.Call(fnRawCopyFromUser, pwFaultedIn, c.L(pwFrom)-1)
		}},
		pwFaultedIn: {Label: "faulted_in", Says: "is it there?", When: With(WriteFaultsIn).AndUserBuffers(), Local: true, Do: func(c *Ctx) Next {
			if c.Ret()&failed != 0 {
				c.Say("its memory cannot be read: -EFAULT")
				c.Set(pwRet, failed|EFAULT)
				return pwInodeUnlock
			}
			return Then
		}},
		pwFolio: {Label: "write_begin", Says: "find the folio", Ref: "write_begin", Local: true, Calls: []FuncID{fnFilemapGetFolio, fnShmemGetFolio}, Do: func(c *Ctx) Next {
			if c.M.KindOf(c.Pgoff(pwPage)).OnDisk() {
				return c.Call(fnFilemapGetFolio, pwStable, c.L(pwPage))
			}
			return c.Call(fnShmemGetFolio, pwFailed, c.L(pwPage), sgpWrite)
		}},
		pwStable:  waitStable,
		pwReserve: reserveStep(pwPage, pwNoSpace),
		pwPrepare: {Label: "prepare", Says: "attach a buffer, map its block", Ref: "ext4_block_write_begin", Touches: prepareTouches, Do: func(c *Ctx) Next {
			c.prepare(c.Held(0).Frame(), c.Pgoff(pwPage))
			return pwCopyIn
		}},
		pwFailed: {Label: "found", Says: "is there a folio to write to?", When: Poisoning, Local: true, Do: func(c *Ctx) Next {
			if c.Ret()&failed != 0 {
				c.Say("its memory has failed: -EIO")
				c.Set(pwRet, failed|EIO)
				return pwInodeUnlock
			}
			return Then
		}},
		pwCopyIn: {Label: "copy_in", Says: "from memory of the process? Copy it, with page faults off", Ref: "copy_folio_from_iter_atomic", When: With(WriteCopyNoFault).AndUserBuffers(), Local: true, Calls: []FuncID{fnRawCopyFromUser}, Do: func(c *Ctx) Next {
			if c.L(pwFrom) == 0 {
				return pwCopy
			}
			return c.Call(fnRawCopyFromUser, pwCopied, c.L(pwFrom)-1, 1)
		}},
		pwCopyInFaults: {Label: "copy_in_faults", Says: "from memory of the process? Copy it", Ref: "copy_folio_from_iter", When: Without(WriteCopyNoFault).AndUserBuffers(), Local: true, Calls: []FuncID{fnRawCopyFromUser}, Do: func(c *Ctx) Next {
			if c.L(pwFrom) == 0 {
				return pwCopy
			}
			return c.Call(fnRawCopyFromUser, pwCopied, c.L(pwFrom)-1)
		}},
		pwCopied: {Label: "copied", Says: "was it copied?", When: UserBuffers, Local: true, Do: func(c *Ctx) Next {
			v := c.Ret()
			if v&failed != 0 {
				return pwShort
			}
			c.Set(pwValue, v)
			return Then
		}},
		pwCopy: {Label: "copy", Says: "copy the bytes into the folio", Ref: "copy_folio_from_iter_atomic", Touches: cell.Of(machine.Contents, machine.Flags), Do: func(c *Ctx) Next {
			f, v := c.Held(0).Frame(), c.L(pwValue)
			c.Sayf("copy %s into folio %d", c.M.Content(v), f)
			c.Store(c.M.Contents(f), v)
			c.M.FileWrote(c.Pgoff(pwPage), v)
			c.M.StoredTo(f, true)
			return Then
		}},
		pwEnd: {Label: "write_end", Says: "mark it dirty; i_size", Ref: "write_end", Touches: dirtyTouches | cell.Of(machine.Inodes), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			f, o := c.M.Head(c.Held(0).Frame()), c.Pgoff(pwPage)
			c.Or(c.M.Flags(f), machine.PGUptodate)
			c.prepared(f)
			at := c.M.FilePages()[o]
			if end := machine.Bytes(at.Index) + writeBytes; end > c.Load(c.M.Size(at.File)) {
				c.Store(c.M.Size(at.File), end)
			}
			return Then
		}},
		pwUnlock: unlockFolio,
		pwPut:    putFolio(pwTail),
		pwTail: {Label: "eof_tail", Says: "did the file end inside a block before this one?", Ref: "ext4_block_zero_page_range", When: With(EOFTailZeroed), Local: true, Calls: []FuncID{fnZeroTail}, Do: func(c *Ctx) Next {
			if c.L(pwRet) != 0 {
				return pwInodeUnlock
			}
			at := c.M.FilePages()[c.Pgoff(pwPage)]
			return c.zeroTail(at.File, machine.Bytes(at.Index), c.L(pwOldSize), pwInodeUnlock)
		}},
		pwInodeUnlock: {Label: "inode_unlock", Says: "drop i_rwsem", Ref: "inode_unlock", Touches: cell.Of(machine.InodeLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.M.InodeLock(c.fileOf(c.Pgoff(pwPage))))
			return c.Return(c.L(pwRet))
		}},
		pwShort: {Label: "short", Says: "nothing was copied: what is new of the folio is zeros; unlock it", Ref: "folio_zero_new_buffers", When: UserBuffers,
			Touches: dirtyTouches | cell.Of(machine.FolioLocks, machine.Contents), Reads: cell.Of(machine.Mappings, machine.Blocks), Do: func(c *Ctx) Next {
				c.shortCopy(c.Held(0).Frame(), c.Pgoff(pwPage))
				c.Unlock(c.folioLock(c.Held(0).Frame()))
				return Then
			}},
		pwShortPut: {Label: "short_put", Says: "put the folio; again", Ref: "folio_put", When: UserBuffers, Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{pwFaultIn}, Do: func(c *Ctx) Next {
			return c.forget(pwFaultIn)
		}},
		pwNoSpace: {Label: "no_space", Says: "unlock the folio; does the file end before it?", Answer: "no", Ref: "ext4_truncate_failed_write", When: FewBlocks, Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Inodes), Back: []int{pwPut}, Do: func(c *Ctx) Next {
			c.Set(pwRet, failed|ENOSPC)
			c.Unlock(c.M.FolioLock(c.Held(0).Frame()))
			if !c.beyondEOF(c.Pgoff(pwPage)) {
				return pwPut
			}
			c.Say("unlock the folio; it lies behind the end: take it back")
			return Then
		}},
		pwInvalidate: {Label: "invalidate_lock", Says: "take invalidate_lock for writing", Ref: "filemap_invalidate_lock", When: FewBlocks, Touches: cell.Of(machine.InodeLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.M.InvalidateLock(c.fileOf(c.Pgoff(pwPage)))) },
			Do: func(c *Ctx) Next {
				c.WriteLock(c.M.InvalidateLock(c.fileOf(c.Pgoff(pwPage))))
				return Then
			}},
		pwLockAgain: {Label: "lock_again", Says: "lock the folio; is it still the file's?", Answer: "yes", Ref: "truncate_inode_pages", When: FewBlocks, Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Wait: folioLockFree, Do: func(c *Ctx) Next {
			if !c.ours(c.Held(0).Frame(), c.Pgoff(pwPage)) {
				c.Say("it is not the file's any more")
				return pwInvalidateUnlock
			}
			c.Lock(c.folioLock(c.Held(0).Frame()))
			return Then
		}},
		pwTakeBack: {Label: "take_back", Says: "drop its buffer, take it out of the page cache, unlock", Ref: "truncate_inode_pages", When: FewBlocks,
			Touches: cell.Of(machine.Buffers, machine.Refs, machine.PageCache, machine.Mappings, machine.FolioLocks), Do: func(c *Ctx) Next {
				f := c.Held(0).Frame()
				if c.fileBuffers(f) != 0 { // reclaim has not been here
					c.M.SetBuffers(f, 0)
					c.Put(f, 1)
				}
				c.leavePageCache(f, c.Pgoff(pwPage), 0)
				c.Put(f, 1)
				c.Unlock(c.folioLock(f))
				return Then
			}},
		pwInvalidateUnlock: {Label: "invalidate_unlock", Says: "drop invalidate_lock", Ref: "filemap_invalidate_unlock", When: FewBlocks, Touches: cell.Of(machine.InodeLocks), Back: []int{pwPut}, Do: func(c *Ctx) Next {
			c.WriteUnlock(c.M.InvalidateLock(c.fileOf(c.Pgoff(pwPage))))
			return pwPut
		}},
	},
})

const pwPage, pwValue, pwOldSize, pwRet, pwFrom = 1, 2, 3, 4, 5

const (
	pwLock = iota
	pwFaultIn
	pwFaultedIn
	pwFolio
	pwStable
	pwReserve
	pwPrepare
	pwFailed
	pwCopyIn
	pwCopyInFaults
	pwCopied
	pwCopy
	pwEnd
	pwUnlock
	pwPut
	pwTail
	pwInodeUnlock
	pwShort
	pwShortPut
	pwNoSpace
	pwInvalidate
	pwLockAgain
	pwTakeBack
	pwInvalidateUnlock
)

// shortCopy ends a write into which nothing was copied: a folio that is new is read from its block, or zeros; a block that is new is to be written all the same.
// shmem marks its folio dirty in any case. (Read in source, 6.12.)
// compare fs/buffer.c:block_write_end, folio_zero_new_buffers; mm/shmem.c:shmem_write_end
func (c *Ctx) shortCopy(f machine.Frame, o machine.Pgoff) {
	if !c.M.KindOf(o).OnDisk() {
		c.markDirty(c.M.Head(f))
		return
	}
	flags, block := c.Load(c.M.Flags(f)), c.Load(c.M.Block(o))
	if flags&machine.PGUptodate == 0 {
		c.Store(c.M.Contents(f), machine.BlockContent(block))
		c.Or(c.M.Flags(f), machine.PGUptodate)
	}
	if machine.BlockState(block) == machine.BlockDelalloc && flags&machine.PGDirty == 0 {
		c.prepared(f)
	}
}

// writeBytes is how many bytes pwrite writes: it is the beginning of a page whose
// content one looks at.
const writeBytes = 4

// zeroTail calls __ext4_block_zero_page_range if a file of ext4 that grows to pos ended
// inside a block before that.
func (c *Ctx) zeroTail(file int, pos, oldSize uint64, back int) Next {
	last := machine.SizePages(oldSize) - 1
	if !c.M.Files[file].Kind.OnDisk() || pos <= oldSize || oldSize == machine.Bytes(last+1) {
		return Next(back)
	}
	o, _ := c.M.PgoffAt(file, last)
	return c.Call(fnZeroTail, back, uint64(o))
}

// __ext4_block_zero_page_range of a file's last block, in straight line:
//
//	folio = __filemap_get_folio(), locked; a buffer, its block
//	a hole or only reserved: nothing to zero; not uptodate: read it
//	zero what lies behind the old end; mark it dirty
//	unlock, put it
//
// What lies there is nothing that a page's content shows: the folio that comes into
// the cache, and is dirty, is.
//
// compare fs/ext4/inode.c:__ext4_block_zero_page_range
var _ = register(fnZeroTail, &Func{
	Name: "__ext4_block_zero_page_range", File: "fs/ext4/inode.c", Params: []int{1},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}},
	Steps: []Step{
		{Label: "folio", Says: "find the folio", Ref: "__filemap_get_folio", Local: true, Calls: []FuncID{fnFilemapGetFolio}, Do: func(c *Ctx) Next {
			return c.Call(fnFilemapGetFolio, 1, c.L(1))
		}},
		{Label: "map", Says: "attach a buffer, look its block up", Ref: "ext4_get_block", Touches: prepareTouches, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			b := c.Load(c.M.Buffers(f))
			if b == 0 {
				b = machine.BufferAttached
				c.Add(c.M.Ref(f), 1)
			}
			if machine.BlockState(c.Load(c.M.Block(c.Pgoff(1)))) == machine.BlockWritten {
				b |= machine.BufferMapped
			}
			c.M.SetBuffers(f, b)
			if b&machine.BufferMapped == 0 {
				return 4
			}
			return Then
		}},
		{Label: "read", Says: "read its block, if it is not uptodate", Ref: "ext4_read_bh_lock", Touches: cell.Of(machine.Contents, machine.Flags), Reads: cell.Of(machine.Blocks), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			if c.Load(c.M.Flags(f))&machine.PGUptodate == 0 {
				c.Store(c.M.Contents(f), machine.BlockContent(c.Load(c.M.Block(c.Pgoff(1)))))
				c.Or(c.M.Flags(f), machine.PGUptodate)
			}
			return Then
		}},
		{Label: "zero", Says: "zero what lies behind the old end, mark it dirty", Ref: "folio_zero_range", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.prepared(c.Held(0).Frame())
			return Then
		}},
		unlockFolio,
		putFolio(end),
	},
})
