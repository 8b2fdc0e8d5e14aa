package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) of one page, on ext4 in straight line:
//
//	older kernels: write the page out first, wait
//	inode_lock(); inode_dio_wait(); filemap_invalidate_lock(); behind the end: nothing to do
//	shmem: faults there wait from now on: see shmem_fault()
//	unmap_mapping_range(): PTEs of the file's page go, private copies stay
//	truncate_inode_pages_range()
//	take the block out; a hole is there; shmem: wake who waits
//	filemap_invalidate_unlock(); inode_unlock()
//
// compare fs/ext4/inode.c:ext4_punch_hole, mm/shmem.c:shmem_fallocate
var _ = register(fnFallocate, &Func{
	Name: "fallocate", File: "fs/open.c", Params: []int{phPage, phMode},
	Locals: []Local{{"file", IntLocal}, {"pgoff", PgoffLocal}, {"mode", IntLocal}},
	Steps: []Step{
		phFile: {Label: "file", Says: "which file?", Local: true, Do: func(c *Ctx) Next {
			c.Set(0, uint64(c.fileOf(c.Pgoff(phPage))))
			return Then
		}},
		phWrite: {Label: "write_first", Says: "write the page out first", Ref: "filemap_write_and_wait_range", When: With(PunchWritesFirst), Local: true, Calls: []FuncID{fnSyncFileRange}, Do: func(c *Ctx) Next {
			if !c.M.KindOf(c.Pgoff(phPage)).OnDisk() {
				return phLock
			}
			return c.Call(fnSyncFileRange, phLock, c.L(phPage), c.L(phPage))
		}},
		phLock:       inodeLockStep,
		phDIOWait:    dioWaitStep,
		phInvalidate: invalidateLockStep,
		phSize: {Label: "i_size", Says: "is the page inside the file?", Answer: "yes", Ref: "i_size_read", Reads: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			if c.M.KindOf(c.Pgoff(phPage)).OnDisk() && c.beyondEOF(c.Pgoff(phPage)) {
				c.Say("it lies behind the end: nothing to do")
				return phUnlock
			}
			return Then
		}},
		phMark: {Label: "mark", Says: "faults there wait from now on", Ref: "inode->i_private", When: With(ShmemFallocWaits).AndShmemPunch(), Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			if c.M.KindOf(c.Pgoff(phPage)) != machine.Shmem {
				c.Say("it is not shmem's")
				return Then
			}
			c.Lock(c.M.Falloc(c.Pgoff(phPage)))
			return Then
		}},
		phUnmap: {Label: "unmap", Says: "unmap the file's page", Ref: "unmap_mapping_range", Local: true, Calls: []FuncID{fnUnmapMappingRange}, Do: func(c *Ctx) Next {
			cows := uint64(0)
			if c.M.KindOf(c.Pgoff(phPage)) == machine.Hugetlbfs {
				cows = 1 // hugetlb does not ask
			}
			return c.Call(fnUnmapMappingRange, phPagecache, c.L(phPage), c.L(phPage), cows)
		}},
		phPagecache: {Label: "truncate_pages", Says: "take it out of the page cache", Ref: "truncate_inode_pages_range", Local: true, Calls: []FuncID{fnTruncateInodePages, fnRemoveInodeHugepages}, Do: func(c *Ctx) Next {
			if c.M.KindOf(c.Pgoff(phPage)) == machine.Hugetlbfs {
				return c.Call(fnRemoveInodeHugepages, phUnlock, c.L(phPage), c.L(phPage))
			}
			once := truncateAll
			if c.M.KindOf(c.Pgoff(phPage)) == machine.Shmem {
				once = truncateOnce
			}
			return c.Call(fnTruncateInodePages, phBlock, c.L(phPage), c.L(phPage), once)
		}},
		phBlock: {Label: "block", Says: "take its block out: a hole", Ref: "ext4_ext_remove_space", Touches: cell.Of(machine.Blocks, machine.Inodes), Do: func(c *Ctx) Next {
			c.freeBlock(c.Pgoff(phPage))
			return Then
		}},
		phUnmark: {Label: "unmark", Says: "wake who waits for that", Ref: "wake_up_all", When: With(ShmemFallocWaits).AndShmemPunch(), Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			c.Unlock(c.M.Falloc(c.Pgoff(phPage)))
			return Then
		}},
		phUnlock: invalidateUnlockStep,
		phEnd:    inodeUnlockStep,
	},
})

const phPage, phMode = 1, 2

const (
	phFile = iota
	phWrite
	phLock
	phDIOWait
	phInvalidate
	phSize
	phMark
	phUnmap
	phPagecache
	phBlock
	phUnmark
	phUnlock
	phEnd
)
