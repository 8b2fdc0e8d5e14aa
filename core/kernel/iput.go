package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// iput of the last reference on an unlinked file's inode, in straight line:
//
//	a VMA still maps it, or a fault has pinned it: it has a reference, too: nothing happens
//	evict(): truncate_inode_pages_range() of everything, its blocks are free; the inode is empty
//	call_rcu(): free the inode, the address_space in it
//
// compare fs/inode.c:iput_final, evict, destroy_inode
var _ = register(fnIput, &Func{
	Name: "iput", File: "fs/inode.c", Params: []int{0},
	Locals: []Local{{"file", IntLocal}},
	Steps: []Step{
		{Label: "last", Says: "is it the last reference?", Answer: "yes", Ref: "atomic_dec_and_lock", Reads: cell.Of(machine.VMAs, machine.Inodes), Calls: []FuncID{fnTruncateInodePages}, Do: func(c *Ctx) Next {
			file := int(c.L(0))
			first, _ := c.M.PgoffAt(file, 0)
			last := first + machine.Pgoff(c.M.Files[file].Pages) - 1
			if p, _, mapped := c.M.NextOfFile(first, last, machine.NoPage); mapped {
				c.Sayf("%s still maps it: -EBUSY", c.M.Pages()[p].Name)
				return c.Fail(EBUSY)
			}
			if c.M.Throttled && c.Load(c.M.FilePins(file)) != 0 {
				c.Say("a fault still has a reference: -EBUSY")
				return c.Fail(EBUSY)
			}
			c.Say("it is the last reference: evict it")
			return c.Call(fnTruncateInodePages, 1, uint64(first), uint64(last))
		}},
		{Label: "blocks", Says: "give its blocks back", Ref: "ext4_truncate", When: FewBlocks, Touches: cell.Of(machine.Blocks), Do: func(c *Ctx) Next {
			file := int(c.L(0))
			for i := range c.M.Files[file].Pages {
				o, _ := c.M.PgoffAt(file, i)
				c.Store(c.M.Block(o), machine.BlockHole)
			}
			return Then
		}},
		{Label: "evict", Says: "the inode is empty", Ref: "clear_inode", Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			c.Store(c.M.Inode(int(c.L(0))), machine.InodeEvicted)
			return Then
		}},
		{Label: "call_rcu", Says: "have its memory freed after a grace period", Ref: "call_rcu", When: With(InodeRCU), Touches: cell.Of(machine.RCU), Reads: cell.Of(machine.IRQs), Anywhere: cell.Of(machine.IRQs), Do: func(c *Ctx) Next {
			c.M.CallInodeRCU(int(c.L(0)))
			return Return
		}},
		{Label: "free", Says: "free its memory", Ref: "destroy_inode", When: Without(InodeRCU), Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			c.Store(c.M.Inode(int(c.L(0))), machine.InodeFreed)
			return Return
		}},
	},
})
