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
// A page that is clean is not written, whatever a device has stored there since.
// On shmem there is nothing to do.
//
// compare fs/ext4/fsync.c:ext4_sync_file, mm/filemap.c:file_write_and_wait_range
var _ = register(fnFsync, &Func{
	Name: "fsync", File: "fs/ext4/fsync.c", Params: []int{0},
	Locals: []Local{{"file", IntLocal}},
	Steps: []Step{
		{Label: "sync", Says: "write out what is dirty, and wait", Ref: "vfs_fsync_range", Local: true, Calls: []FuncID{fnSyncFileRange}, Do: func(c *Ctx) Next {
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
