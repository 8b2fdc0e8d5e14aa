package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// fsync of a whole file, in straight line:
//
//	ext4_writepages(), for integrity
//	wait until no page of the range is under writeback
//	commit the journal, flush the device's cache
//
// Of the last line there is no step: nothing crashes here, and the disk is seen as its blocks are mapped in memory. What the commit waits for, data of blocks that are
// new, has been written and waited for before.
//
// A page that is clean is not written, whatever a device has stored there since.
// On shmem there is nothing to do.
//
// compare fs/ext4/fsync.c:ext4_sync_file, mm/filemap.c:file_write_and_wait_range
var _ = register(fnFsync, &Func{
	Name: "fsync", File: "fs/ext4/fsync.c", Params: []int{0},
	Locals: []Local{{"file", IntLocal}},
	Steps: []Step{
		{Label: "sync", Says: "write out what is dirty, and wait", Ref: "vfs_fsync_range", Calls: []FuncID{fnSyncFileRange}, Do: func(c *Ctx) Next {
			file := int(c.L(0))
			if !c.M.Files[file].Kind.OnDisk() {
				return Return
			}
			first, _ := c.M.PgoffAt(file, 0)
			return c.Call(fnSyncFileRange, end, uint64(first), uint64(first)+uint64(c.M.Files[file].Pages)-1)
		}},
	},
})

// ext4_sync_file over a range: what fsync and msync have in common.
var _ = register(fnSyncFileRange, &Func{
	Name: "ext4_sync_file", File: "fs/ext4/fsync.c", Params: []int{0, 1},
	Locals: []Local{{"pgoff", PgoffLocal}, {"last", PgoffLocal}},
	Steps: []Step{
		{Label: "write", Says: "write out what is dirty", Ref: "file_write_and_wait_range", Local: true, Calls: []FuncID{fnWritepages}, Do: func(c *Ctx) Next {
			return c.Call(fnWritepages, 1, c.L(0), c.L(1), 1)
		}},
		{Label: "wait", Says: "no page of the range is under writeback", Ref: "filemap_fdatawait_range", Reads: cell.Of(machine.PageCache), Wait: func(c *Ctx) Block {
			for o := c.Pgoff(0); o <= c.Pgoff(1); o++ {
				if w := c.M.Tags(o); c.Load(w)&machine.TagWriteback != 0 {
					return Block{On: OnWriteback, At: w}
				}
			}
			return Block{}
		}, Do: func(c *Ctx) Next { return Return }},
	},
})

// msync(MS_SYNC) of a range, in straight line:
//
//	mmap_read_lock()
//	every VMA of the range, a shared one of a file: mmap_read_unlock(); sync the pages that it maps; mmap_read_lock()
//	others: nothing. Part of the range is not mapped: -ENOMEM, after the rest was done
//	mmap_read_unlock()
//
// compare mm/msync.c:msync
var _ = register(fnMsync, &Func{
	Name: "msync", File: "mm/msync.c", Params: []int{msAt, msLast},
	Locals: []Local{{"address", PageLocal}, {"end", PageLocal}, {"error", IntLocal}},
	Steps: []Step{
		msLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				return Then
			}},
		msVMA: {Label: "vma", Says: "find the next VMA of a shared file", Ref: "find_vma", Touches: cell.Of(machine.MMLocks), Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnSyncFileRange}, Do: (*Ctx).msyncVMA},
		msMore: {Label: "more", Says: "more of the range?", Local: true, Back: []int{msLock}, Do: func(c *Ctx) Next {
			if c.Page(msAt) <= c.Page(msLast) {
				return msLock
			}
			return c.Return(c.L(msError))
		}},
	},
})

const msAt, msLast, msError = 0, 1, 2

const (
	msLock = iota
	msVMA
	msMore
)

// msyncVMA drops mmap_lock to sync the next shared mapping of a file in the range, or for good.
func (c *Ctx) msyncVMA() Next {
	c.ReadUnlock(c.M.MmapLock(c.MM))
	for c.Page(msAt) <= c.Page(msLast) {
		p := c.Page(msAt)
		last := min(c.M.VMALast(p), c.Page(msLast))
		c.Set(msAt, uint64(last)+1)
		vma := c.Load(c.M.VMA(p))
		first, ok := c.backing(p)
		switch {
		case vma == 0:
			c.Set(msError, failed|ENOMEM)
		case vma&machine.VMShared != 0 && ok && c.M.KindOf(first).OnDisk():
			c.Sayf("%s is shared: drop mmap_lock, sync it", c.M.Pages()[p].Name)
			return c.Call(fnSyncFileRange, msMore, uint64(first), uint64(first)+uint64(last-p))
		}
	}
	c.Say("no more: drop mmap_lock")
	return c.Return(c.L(msError))
}
