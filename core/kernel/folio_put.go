package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// end is a step behind the last one of any table: the function returns.
const end = 1<<16 - 1

// putFree drops n references on a frame, goes on at step back, and frees the
// frame first if they were the last.
func (c *Ctx) putFree(f machine.Frame, n, back int) Next {
	if !c.Put(f, n) {
		return Next(back)
	}
	c.Say("drop the last reference: the page is free")
	return c.Call(fnFreeUnrefFolio, back, uint64(machine.MakeHold(c.M.Head(f), 1)))
}

// free_unref_folio, in straight line:
//
//	take it off the LRU list
//	a count that is not zero: report a bad page, never hand it out again
//	give the frame back to the allocator
//
// compare mm/page_alloc.c:free_unref_page, free_pages_prepare
var _ = register(fnFreeUnrefFolio, &Func{
	Name: "free_unref_folio", Was: []Name{{"free_hot_cold_page", 415}, {"free_unref_page", 610}}, File: "mm/page_alloc.c",
	Params: []int{0},
	Locals: []Local{{"folio", FrameLocal}},
	Steps: []Step{
		{Label: "free", Says: "give the frame back", Ref: "free_one_page",
			Touches: cell.Of(machine.Frames, machine.Refs, machine.Mapcounts, machine.Flags, machine.Mappings, machine.Contents, machine.Compounds),
			Do: func(c *Ctx) Next {
				f := c.Frame(0)
				c.Sayf("give frame %d back", f)
				if !c.M.Free(f) {
					c.Sayf("bad page: frame %d is freed although its count is not zero; it is never handed out again", f)
				}
				return Return
			}},
	},
})
