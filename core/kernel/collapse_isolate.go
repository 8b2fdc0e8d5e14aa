package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// The pages that a collapse isolates: locked (but see the rule khp_page_lock), off the LRU list, with a reference each, and in the task's gather until they are put back.

// collapseIsolate is the step that locks and isolates one page after the other. Those isolated are
// kept in the task's gather.
// compare mm/khugepaged.c:__collapse_huge_page_isolate
func collapseIsolate(says string, when Cond, count bool) Step {
	step := kcIsolate
	if !count {
		step = kcIsolateLate
	}
	return Step{Label: "isolate", Says: says, Counts: count, Ref: "__collapse_huge_page_isolate", When: when, Touches: cell.Of(machine.FolioLocks, machine.Flags, machine.Refs), Reads: cell.Of(machine.PTEs, machine.Mapcounts), Back: []int{step},
		Do: func(c *Ctx) Next {
			for int(c.L(kcIndex)) < c.M.HugePages {
				p := c.Page(kcAddr) + machine.PageID(c.L(kcIndex))
				c.Set(kcIndex, c.L(kcIndex)+1)
				e := machine.Entry(c.Load(c.PTE(c.Frame(kcPMD), p)))
				if e.None() || e.Present() && e.Frame() == machine.ZeroPage {
					continue
				}
				return c.isolateForCollapse(e, count, step)
			}
			c.Say("all pages are isolated")
			return kcUnlockPTL
		}}
}

func (c *Ctx) isolateForCollapse(e machine.Entry, count bool, again int) Next {
	f := e.Frame()
	head := c.M.Head(f)
	giveUp := func(result uint64, why string) Next {
		c.Say(why)
		c.Set(kcResult, result)
		return kcUnlockPTL
	}
	stop := func(why string) Next { return giveUp(scanAgain, why) }
	flags := c.M.Flags(head)
	switch {
	case !e.Present():
		return stop("a page is gone: give up")
	case c.M.IsLarge(f) && !c.sim.collapsesCompound:
		return stop("a page belongs to a large folio: give up")
	case c.M.IsLarge(f) && c.isolated(head):
		c.Say("its large folio is isolated already")
		if int(c.L(kcIndex)) == c.M.HugePages {
			return kcUnlockPTL
		}
		return Next(again)
	case c.sim.collapseLocks && !c.Free(c.M.FolioLock(head)).Ready():
		return stop("a page is locked: give up")
	case count && !c.collapseCount(f):
		return giveUp(c.scanCount(), "somebody else has a reference: give up")
	case c.Load(flags)&machine.PGLRU == 0:
		return stop("a page is not on the LRU list: give up")
	}
	if count {
		c.Sayf("%s has the references expected (%d): isolate it, locked, off the LRU list", c.M.FrameName(f), c.Load(c.M.Ref(head)))
	} else {
		c.Sayf("isolate %s: locked, off the LRU list", c.M.FrameName(f))
	}
	if c.sim.collapseLocks {
		c.Lock(c.M.FolioLock(head))
	} else {
		c.Sayf("isolate %s: off the LRU list, not locked", c.M.FrameName(f))
	}
	c.AndNot(flags, machine.PGLRU)
	c.Get(f, 1)
	c.M.Gather(c.Task, machine.MakeHold(f, 1))
	if int(c.L(kcIndex)) == c.M.HugePages {
		return kcUnlockPTL
	}
	return Next(again)
}

// collapsePutback puts the last folio that is still isolated back on the LRU list.
func (c *Ctx) collapsePutback(again, done int) Next {
	n := int(c.M.Load(c.M.Gathers(c.Task)))
	if n == 0 {
		c.Say("there are no more pages to put back")
		return Next(done)
	}
	f := machine.Hold(c.M.Load(c.M.Gathered(c.Task, n-1))).Frame()
	c.M.SetGathered(c.Task, n-1, 0)
	c.M.Store(c.M.Gathers(c.Task), uint64(n-1))
	c.Or(c.folioFlags(f), machine.PGLRU)
	c.collapseUnlock(c.M.Head(f))
	return c.putFree(f, 1, again)
}

// collapseUnlock unlocks an isolated folio, if isolating locked it.
func (c *Ctx) collapseUnlock(head machine.Frame) {
	if c.sim.collapseLocks {
		c.Unlock(c.M.FolioLock(head))
	}
}

// isolated reports whether the task has isolated a large folio.
func (c *Ctx) isolated(head machine.Frame) bool {
	for i := range int(c.M.Load(c.M.Gathers(c.Task))) {
		if c.M.Head(machine.Hold(c.M.Load(c.M.Gathered(c.Task, i))).Frame()) == head {
			return true
		}
	}
	return false
}

// ungather takes a page out of the task's gather, with its reference.
func (c *Ctx) ungather(f machine.Frame) {
	n := int(c.M.Load(c.M.Gathers(c.Task)))
	for i := range n {
		if machine.Hold(c.M.Load(c.M.Gathered(c.Task, i))).Frame() == f {
			last := machine.Hold(c.M.Load(c.M.Gathered(c.Task, n-1)))
			c.M.SetGathered(c.Task, i, last)
			c.M.SetGathered(c.Task, n-1, 0)
			c.M.Store(c.M.Gathers(c.Task), uint64(n-1))
			return
		}
	}
}
