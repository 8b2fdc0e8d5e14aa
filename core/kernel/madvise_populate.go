package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// madvise_populate, in straight line:
//
//	every page: no VMA: -ENOMEM; check_vma_flags(): -EINVAL
//	fault it in, for reading or for writing, as a slow GUP does that wants no page; failed: -EFAULT; its memory has failed: -EHWPOISON
//	lru_add_drain()
//
// compare mm/madvise.c:madvise_populate, mm/gup.c:faultin_page_range
var _ = register(fnMadvisePopulate, &Func{
	Name: "madvise_populate", File: "mm/madvise.c", Params: []int{ppPage, ppEnd, ppAdvice},
	Locals: []Local{{"address", PageLocal}, {"end", PageLocal}, {"advice", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		ppVMA: {Label: "vma", Says: "is there a VMA, and may it be used so?", Answer: "yes", Ref: "check_vma_flags", Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			flags := c.populateFlags()
			if c.Load(c.M.VMA(c.Page(ppPage))) == 0 {
				c.Say("there is no VMA: -ENOMEM")
				c.Set(ppRet, failed|ENOMEM)
				return ppDrain
			}
			if c.checkVMA(c.Page(ppPage), flags) != 0 {
				c.Say("it may not be used so: -EINVAL")
				c.Set(ppRet, failed|EINVAL)
				return ppDrain
			}
			return c.Call(fnGetUserPagesLocked, ppGot, c.L(ppPage), 1, flags)
		}},
		ppGot: {Label: "got", Says: "faulted in?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
				c.Set(ppRet, ret)
				return ppDrain
			}
			return Then
		}},
		ppPut: {Label: "put", Says: "the page is there: it is not kept", Ref: "faultin_page_range", Touches: cell.Of(machine.Refs), Back: []int{ppVMA}, Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
			c.M.SetHeld(c.Task, 0)
			back := ppDrain
			if c.L(ppPage) != c.L(ppEnd) {
				c.Set(ppPage, c.L(ppPage)+1)
				back = ppVMA
			}
			if h.Count() == 0 {
				return Next(back)
			}
			return c.putFree(h.Frame(), h.Count(), back)
		}},
		ppDrain: {Label: "drain", Says: "empty this CPU's LRU batch", Ref: "lru_add_drain", Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next { return c.Call(fnLRUAddDrain, ppDone) }},
		ppDone:  {Label: "done", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(ppRet)) }},
	},
})

const ppPage, ppEnd, ppAdvice, ppRet = 0, 1, 2, 3

const (
	ppVMA = iota
	ppGot
	ppPut
	ppDrain
	ppDone
)

func (c *Ctx) populateFlags() uint64 {
	flags := FollGet | FollTouch | FollHWPoison
	if c.L(ppAdvice) == madvPopulateWrite {
		flags |= FollWrite
	}
	return uint64(flags)
}
