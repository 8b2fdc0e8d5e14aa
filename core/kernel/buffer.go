package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A folio of ext4 that was written through the file system has a buffer head: it says
// which block the page goes to, and whether it is dirty there. Who writes without
// asking the file system finds none, or a clean one:
//
//	ext4_page_mkwrite(), pwrite()        attached, mapped or delayed, dirty
//	the same, and the disk is full       attached, mapped to nothing, clean
//	writeback                            clean, kept
//	reclaim of a page that is held       gone, the page stays
//	set_page_dirty_lock() then           the page is dirty and has no buffer

// dirtyTouches are the classes that marking a folio dirty touches; it reads its mapping.
var dirtyTouches = cell.Of(machine.Flags, machine.Buffers, machine.PageCache)

// markDirty sets dirty as the folio's file system does: a file on a disk marks the
// buffer and the page cache's index, too; shmem, swap and what was truncated the
// folio alone.
// compare mm/page-writeback.c:folio_mark_dirty, fs/buffer.c:block_dirty_folio, fs/ext4/inode.c:ext4_dirty_folio
func (c *Ctx) markDirty(f machine.Frame) {
	m := c.M
	file := machine.MappingFile(c.Load(m.Mapping(f)))
	if file >= 0 && m.Files[file].Kind.OnDisk() {
		if b := c.Load(m.Buffers(f)); b != 0 {
			m.SetBuffers(f, b|machine.BufferDirty)
		} else {
			c.Say("mark it dirty: it has no buffers, so the file system knows nothing of it")
		}
		m.Dirtied(f)
		o, _ := m.PgoffAt(file, int(c.Load(m.Index(f))))
		c.Or(m.Tags(o), machine.TagDirty)
	}
	w := m.Flags(f)
	c.Store(w, c.Load(w)&^machine.PGReclaim|machine.PGDirty)
}

// prepareTouches are the classes that preparing a folio for a write touches.
var prepareTouches = cell.Of(machine.Buffers, machine.Refs, machine.Blocks)

// prepare attaches a buffer to the locked folio, if it has none, and maps it: to its
// block, or to space that is reserved for one.
// compare fs/ext4/inode.c:ext4_da_write_begin, ext4_block_write_begin
func (c *Ctx) prepare(f machine.Frame, o machine.Pgoff) {
	m := c.M
	b := c.Load(m.Buffers(f))
	if b == 0 {
		b = machine.BufferAttached
		c.Add(m.Ref(f), 1)
	}
	if b&machine.BufferMapped == 0 {
		b |= machine.BufferMapped
		w := m.Block(o)
		switch v := c.Load(w); machine.BlockState(v) {
		case machine.BlockHole:
			c.Store(w, machine.MakeBlock(machine.BlockDelalloc, 0))
			b |= machine.BufferDelay
		case machine.BlockDelalloc:
			b |= machine.BufferDelay
		case machine.BlockUnwritten:
			b |= machine.BufferUnwritten
		}
	}
	m.SetBuffers(f, b)
}

// reserveStep attaches a buffer to the locked folio in local 0, as prepare does, and reserves space for a hole, where the disk may be full. Without a free
// block it goes on at noSpace: with a buffer that is mapped to nothing, on a folio that is as clean as it was.
//
// A block is free if no file has it, nor its reservation. (Read in source, 6.12: what a punched hole gives back can be reserved at once, although nobody may write there before the
// journal's commit. Left out: where few blocks are left, ext4 chooses them at once, without delay, ext4_nonda_switch; and it looks again after a commit, ext4_should_retry_alloc.)
//
// compare fs/ext4/inode.c:ext4_da_reserve_space, fs/ext4/balloc.c:ext4_claim_free_clusters
func reserveStep(pgoff int, noSpace Next) Step {
	return Step{Label: "reserve", Says: "attach a buffer; a hole: is there a free block to reserve?", Answer: "yes", Ref: "ext4_da_reserve_space", When: FewBlocks,
		Touches: prepareTouches, Anywhere: cell.Of(machine.Blocks), Do: func(c *Ctx) Next {
			o, f := c.Pgoff(pgoff), c.Frame(0)
			if !c.M.KindOf(o).OnDisk() {
				c.Say("it lies on no disk")
				return Then
			}
			free := c.freeBlocks()
			if c.Load(c.M.Buffers(f)) == 0 {
				c.M.SetBuffers(f, machine.BufferAttached)
				c.Add(c.M.Ref(f), 1)
			}
			switch w := c.M.Block(o); {
			case machine.BlockState(c.Load(w)) != machine.BlockHole:
				c.Say("it has a block, or space is reserved for one")
			case free > 0:
				c.Store(w, machine.MakeBlock(machine.BlockDelalloc, 0))
			default:
				c.Say("attach a buffer; there is no free block to reserve: -ENOSPC")
				return noSpace
			}
			return Then
		}}
}

// freeBlocks is how many blocks no file has, nor reserved.
func (c *Ctx) freeBlocks() int {
	free := c.sim.blocks
	for at := range c.M.FilePages() {
		if machine.BlockState(c.Load(c.M.Block(machine.Pgoff(at)))) != machine.BlockHole {
			free--
		}
	}
	return free
}

// prepared marks a folio dirty that prepare has prepared.
func (c *Ctx) prepared(f machine.Frame) {
	c.M.SetNotice(f, machine.NoticePrepared, 0)
	c.markDirty(f)
}

// dropBuffers detaches the buffer of a locked folio, unless it is dirty or the
// folio under writeback; never the last reference. It reports whether there is none any more.
// compare fs/buffer.c:try_to_free_buffers
func (c *Ctx) dropBuffers(f machine.Frame) bool {
	b := c.Load(c.M.Buffers(f))
	if b == 0 {
		return true
	}
	if b&machine.BufferDirty != 0 || c.Load(c.M.Flags(f))&machine.PGWriteback != 0 {
		return false
	}
	c.M.SetBuffers(f, 0)
	c.Put(f, 1)
	c.AndNot(c.M.Flags(f), machine.PGDirty)
	return true
}

// writebackEnds waits until the folio in local 0 is not under writeback.
func writebackEnds(c *Ctx) Block { return c.writebackOf(c.Held(0).Frame()) }

func (c *Ctx) writebackOf(f machine.Frame) Block {
	if c.Load(c.M.Flags(f))&machine.PGWriteback != 0 {
		return Block{On: OnWriteback, At: c.M.Flags(f)}
	}
	return Block{}
}

// waitStable waits for the end of writeback where a page must not change meanwhile.
var waitStable = Step{Label: "wait_stable", Says: "wait until it is not under writeback", Ref: "folio_wait_stable", When: With(StablePages), Reads: cell.Of(machine.Flags),
	Wait: writebackEnds, Do: func(c *Ctx) Next { return Then }}
