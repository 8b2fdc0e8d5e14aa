package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What pageout returns: whether the folio is locked, and whether it was written.
const (
	pageoutDone uint64 = iota
	pageoutKeep
	pageoutUnlocked
)

// pageout of a dirty folio, in straight line:
//
//	references other than ours, the cache's and the buffers': keep it
//	folio_clear_dirty_for_io()
//	a file's: ext4 submits it by itself; shmem moves it to the swap cache
//	all zeros: a bit of the slot says so, unlock the folio, nothing is written
//	start writeback, unlock the folio
//	the device reads the page; end writeback   // asynchronous: by themselves, later
//	trylock it again; dirty or under writeback again: keep it
//
// Left out: swap_writepage looks first whether an entry names the slot still. If none does, since its mm has ended, or given the memory up, it drops the folio from the swap
// cache, and writes nothing; here it is written, and then dropped: nobody will read the slot.
//
// compare mm/vmscan.c:pageout, mm/page_io.c:swap_writepage
var _ = register(fnPageout, &Func{
	Name: "pageout", File: "mm/vmscan.c", Params: []int{0},
	Locals: []Local{{"folio", FrameLocal}},
	Steps: []Step{
		{Label: "freeable", Says: "are there other references?", Answer: "no", Counts: true, Ref: "is_page_cache_freeable", Reads: cell.Of(machine.Refs, machine.Buffers), Do: func(c *Ctx) Next {
			if n := c.Load(c.M.Ref(c.Frame(0))); n != 2+c.private(c.Frame(0)) {
				c.Sayf("there are other references (%d, not 2): keep it", n)
				return c.Return(pageoutKeep)
			}
			return Then
		}},
		{Label: "clear_dirty", Says: "clear dirty", Ref: "folio_clear_dirty_for_io", Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(0)), machine.PGDirty)
			c.M.SetNotice(c.Frame(0), 0, machine.NoticePrepared)
			if !c.isFilePage(c.Frame(0)) {
				return poStart
			}
			return Then
		}},
		pageoutFileStep,
		pageoutExt4Step,
		pageoutShmemStep,
		{Label: "zeromap", Says: "is it all zeros?", Answer: "no", Ref: "swap_zeromap_folio_set", When: With(SwapZeromap), Touches: cell.Of(machine.FolioLocks, machine.Disk), Reads: cell.Of(machine.Contents, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			zeromap := c.M.Zeromap(int(c.Load(c.M.FolioSwap(f))) - 1)
			if c.Load(c.M.Contents(f)) != 0 {
				c.Store(zeromap, 0)
				return Then
			}
			c.Say("it is all zeros: note that, unlock the folio, write nothing")
			c.Store(zeromap, 1)
			c.Unlock(c.M.FolioLock(f))
			return poRelock
		}},
		{Label: "start", Says: "start writeback, unlock the folio", Ref: "folio_start_writeback", Touches: cell.Of(machine.Flags, machine.FolioLocks, machine.Disk), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			c.Or(c.M.Flags(f), machine.PGWriteback)
			c.M.SwapReads(f, true)
			c.Unlock(c.M.FolioLock(f))
			return c.sim.submitSwapWrite(c, f)
		}},
		{Label: "write", Says: "the device reads the page", Ref: "submit_bio_wait", Touches: cell.Of(machine.Disk), Reads: cell.Of(machine.Contents, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			v := c.Load(c.M.Contents(f))
			c.Sayf("write it to swap: %s", c.M.Content(v))
			c.Store(c.M.Disk(int(c.Load(c.M.FolioSwap(f)))-1), v)
			return Then
		}},
		{Label: "end", Says: "end writeback", Ref: "folio_end_writeback", Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(0)), machine.PGWriteback)
			c.M.SwapReads(c.Frame(0), false)
			return Then
		}},
		poRelock: {Label: "relock", Says: "try the folio lock again; still clean, and in its cache?", Answer: "yes", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			if !c.TryLock(c.M.FolioLock(f)) {
				c.Say("it is locked: keep it")
				return c.Return(pageoutUnlocked)
			}
			if c.Load(c.M.Flags(f))&(machine.PGDirty|machine.PGWriteback) != 0 {
				c.Say("it is dirty again: keep it")
				return c.Return(pageoutKeep)
			}
			if c.Load(c.M.Flags(f))&machine.PGSwapCache == 0 && !c.isFilePage(f) {
				c.Say("it has left its cache: keep it")
				return c.Return(pageoutKeep)
			}
			return c.Return(pageoutDone)
		}},
	},
})

const poRelock = 9

// submitSwapWrite hands the write over to the device, or leaves it to the next
// steps if the scenario's swap is synchronous.
func (s *Sim) submitSwapWrite(c *Ctx, f machine.Frame) Next {
	if !s.Setup.SwapAsync {
		return Then
	}
	c.Store(c.M.IO(int(c.Load(c.M.FolioSwap(f)))-1), machine.IOSubmitted)
	return c.Return(pageoutUnlocked)
}
