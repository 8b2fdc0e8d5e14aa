package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// __remove_mapping of a folio in the swap cache or the page cache, in straight line, under the
// cache's lock:
//
//	folio_ref_freeze(2): 2 -> 0, else keep it      // from here on no try-get succeeds
//	dirty: 2 again, keep it                        // grabbed, written, put meanwhile
//	leave the cache; unlock the folio
//
// compare mm/vmscan.c:__remove_mapping
var _ = register(fnRemoveMapping, &Func{
	Name: "__remove_mapping", File: "mm/vmscan.c", Params: []int{0},
	Locals: []Local{{"folio", FrameLocal}},
	Steps: []Step{
		{Label: "freeze", Says: "freeze the last two references", Counts: true, Ref: "folio_ref_freeze", When: With(ReclaimFreeze), Touches: swapCacheTouches | pageCacheTouches, Reads: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			n := c.Load(c.M.Ref(f))
			if c.lazyfree(f) {
				if n != 1 {
					c.Sayf("%d references: keep it", n)
					return c.Return(0)
				}
				c.Say("freeze the last reference: it is lazyfree")
				return c.removed(f)
			}
			if n != 2 || c.Load(c.M.Flags(f))&machine.PGDirty != 0 {
				c.Sayf("%d references, or dirty again: keep it", n)
				return c.Return(0)
			}
			return c.removed(f)
		}},
		{Label: "check", Says: "are there other references?", Answer: "no", Counts: true, Ref: "page_count", When: Without(ReclaimFreeze), Reads: cell.Of(machine.Refs, machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			n := c.Load(c.M.Ref(f))
			if !c.lazyfree(f) && (n != 2 || c.Load(c.M.Flags(f))&machine.PGDirty != 0) || c.lazyfree(f) && n != 1 {
				c.Sayf("%d references, or dirty again: keep it", n)
				return c.Return(0)
			}
			return Then
		}},
		{Label: "drop", Says: "set the count to zero, leave the cache", Ref: "set_page_count", When: Without(ReclaimFreeze), Touches: swapCacheTouches | pageCacheTouches, Reads: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			return c.removed(c.Frame(0))
		}},
	},
})

// removed takes the folio out of the swap cache or the page cache with all references gone, ours
// in the caller's first local among them, and unlocks it.
func (c *Ctx) removed(f machine.Frame) Next {
	c.Store(c.M.Ref(f), 0)
	if c.isFilePage(f) {
		o, _ := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(f))), int(c.Load(c.M.Index(f))))
		c.leavePageCache(f, o, 0)
	} else if !c.lazyfree(f) {
		c.M.LeavesSwap(int(c.Load(c.M.FolioSwap(f)))-1, f)
		c.leaveSwapCache(f)
	}
	c.M.SetHold(c.M.Local(c.Task, c.level-1, slFolio), 0)
	c.M.Store(c.M.Local(c.Task, c.level-1, slFolio), uint64(machine.Uncounted(f)))
	c.Unlock(c.M.FolioLock(f))
	return c.Return(1)
}
