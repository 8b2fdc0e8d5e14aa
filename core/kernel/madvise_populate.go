package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// madvise_populate, under mmap_lock, in straight line:
//
//	every page: faultin_page_range(); failed: the error
//	lru_add_drain()
//
// Until 6.8 madvise goes from VMA to VMA, as for other advices: holes are skipped, and said in the end (-ENOMEM). It is called for each VMA,
//
//	every page of the VMA: faultin_vma_page_range(); failed: the error
//	lru_add_drain()
//
// and where mmap_lock was dropped on the way, looks for the VMA again; none: -ENOMEM at once.
//
// compare mm/madvise.c:madvise_populate, madvise_walk_vmas
var _ = register(fnMadvisePopulate, &Func{
	Name: "madvise_populate", File: "mm/madvise.c", Params: []int{ppPage, ppEnd, ppAdvice},
	Locals: []Local{{"address", PageLocal}, {"end", PageLocal}, {"vm_end", PageLocal}, {"advice", IntLocal}, {"unmapped_error", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		ppWalk: {Label: "vma", Says: "find the VMA: as far as it goes", Ref: "madvise_walk_vmas", When: Without(PopulateInGUP), Reads: cell.Of(machine.VMAs), Do: (*Ctx).populateVMA},
		ppFault: {Label: "populate", Says: "fault the page in", Ref: "faultin_page_range", Local: true, Calls: []FuncID{fnFaultinPageRange}, Do: func(c *Ctx) Next {
			flags := FollTouch | FollHWPoison | FollUnlockable
			if c.sim.populateInGUP {
				flags |= FollMadvPopulate
			}
			if c.L(ppAdvice) == madvPopulateWrite {
				flags |= FollWrite
			}
			return c.Call(fnFaultinPageRange, ppDone, c.L(ppPage), flags)
		}},
		ppDone: {Label: "populated", Says: "is it there?", Local: true, Back: []int{ppFault}, Do: func(c *Ctx) Next {
			p, ret := c.Page(ppPage), c.Ret()
			if ret&failed != 0 {
				c.Set(ppRet, ret)
				return Then
			}
			if ret == followedHuge {
				p = min(c.M.HugeEnd(p)-1, c.populateLast()) // all that it maps of the range is there
				c.Set(ppPage, uint64(p))
			}
			if p == c.populateLast() {
				return Then
			}
			c.Set(ppPage, uint64(p+1))
			return ppFault
		}},
		ppDrain: {Label: "drain", Says: "empty this CPU's LRU batch", Ref: "lru_add_drain", Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next { return c.Call(fnLRUAddDrain, ppMore) }},
		ppMore: {Label: "more", Says: "the next VMA", When: Without(PopulateInGUP), Local: true, Back: []int{ppWalk}, Do: func(c *Ctx) Next {
			if c.L(ppRet) == 0 && c.Page(ppPage) != c.Page(ppEnd) {
				c.Set(ppPage, c.L(ppPage)+1)
				return ppWalk
			}
			return Then
		}},
		ppReturn: {Label: "return", Says: "done", Local: true, Do: func(c *Ctx) Next {
			if ret := c.L(ppRet); ret != 0 {
				return c.Return(ret)
			}
			return c.Return(c.L(ppHole))
		}},
	},
})

const ppPage, ppEnd, ppVMEnd, ppAdvice, ppHole, ppRet = 0, 1, 2, 3, 4, 5

const (
	ppWalk = iota
	ppFault
	ppDone
	ppDrain
	ppMore
	ppReturn
)

// populateVMA finds the first VMA from the page on, and how far it goes.
func (c *Ctx) populateVMA() Next {
	p, end := c.Page(ppPage), c.Page(ppEnd)
	for ; c.Load(c.M.VMA(p)) == 0; p++ {
		c.Set(ppHole, failed|ENOMEM)
		if p == end {
			c.Say("there is no VMA any more: -ENOMEM")
			return ppReturn
		}
	}
	c.Set(ppPage, uint64(p))
	c.Set(ppVMEnd, uint64(min(c.M.VMALast(p), end)))
	return Then
}

// populateLast is the last page of one call of faultin_page_range.
func (c *Ctx) populateLast() machine.PageID {
	if c.sim.populateInGUP {
		return c.Page(ppEnd)
	}
	return c.Page(ppVMEnd)
}

// faultin_page_range of one page, which nobody gets, under mmap_lock, in straight line:
//
//	vma = find_vma(); none: -ENOMEM; not allowed: -EINVAL
//	retry: killed: -EINTR
//	follow_page_mask(), without FOLL_GET and FOLL_PIN: it is there: done
//	faultin_page(); SIGBUS, SIGSEGV: -EFAULT; its memory has failed: -EHWPOISON; retry
//	    it has dropped mmap_lock: a signal: -EINTR; take it again, FOLL_TRIED; from the VMA on
//
// It is __get_user_pages() with no array to put pages into: no reference is ever taken, so nobody who counts them is in its way, nor it in theirs. What
// it has faulted in may be gone before it returns.
//
// Until 6.8 madvise takes mmap_lock again itself, as mlock does, and calls once more, without FOLL_TRIED: the fault is a first one again, and may drop
// the lock again, and so on. Whether a signal came is asked before the next fault.
//
// compare mm/gup.c:faultin_page_range, __get_user_pages_locked
var _ = register(fnFaultinPageRange, &Func{
	Name: "faultin_page_range", Was: []Name{{"faultin_vma_page_range", 609}}, File: "mm/gup.c", Params: []int{fvAddr, fvFlags},
	Locals: []Local{{"start", PageLocal}, {"gup_flags", FlagsLocal}, {"foll_flags", FlagsLocal}, {"ret", IntLocal}},
	Steps: []Step{
		fvVMA: {Label: "vma", Says: "find the VMA, check its flags", Ref: "check_vma_flags", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			p, flags := c.Page(fvAddr), c.L(fvFlags)|c.L(fvFoll)
			c.Set(fvFoll, flags)
			switch {
			case c.Load(c.M.VMA(p)) == 0:
				c.Say("there is no VMA: -ENOMEM")
				return c.Fail(ENOMEM)
			case c.checkVMA(p, flags) != 0:
				c.Say("it may not be used so: -EINVAL")
				return c.Fail(EINVAL)
			}
			return Then
		}},
		fvKilled: {Label: "killed", Says: "is it killed?", Answer: "no", Ref: "fatal_signal_pending", When: Cond{}.AndSignals(), Reads: cell.Of(machine.Signals), Do: func(c *Ctx) Next {
			if c.killed() {
				errno := c.killedErrno(c.Page(fvAddr), EINTR)
				c.Sayf("it is killed: %s", machine.ErrnoName(int(errno)))
				return c.Fail(errno)
			}
			return Then
		}},
		fvFollow: {Label: "follow", Says: "follow the page tables", Ref: "follow_page_mask", Local: true, Calls: []FuncID{fnFollowPagePTE}, Do: func(c *Ctx) Next {
			return c.Call(fnFollowPagePTE, fvFollowed, c.L(fvAddr), c.L(fvFoll))
		}},
		fvFollowed: {Label: "followed", Says: "is it there?", Local: true, Calls: []FuncID{fnHandleMMFault}, Do: func(c *Ctx) Next {
			switch ret := c.Ret(); {
			case ret == failed|EEXIST:
				return c.Return(followed) // what is mapped has no struct page, and nobody wants one
			case ret == followed, ret == followedHuge, ret&failed != 0:
				return c.Return(ret)
			}
			return c.Call(fnHandleMMFault, fvFaulted, c.L(fvAddr), c.faultinFlags(c.L(fvFoll), false))
		}},
		fvFaulted: {Label: "faulted", Says: "fault done: look again", Ref: "faultin_page", Local: true, Back: []int{fvKilled}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			switch {
			case (ret == faultRetry || ret == faultCompleted) && c.L(fvFlags)&FollMadvPopulate == 0:
				return fvRelock
			case ret == faultRetry, ret == faultCompleted:
				return fvSignal
			case ret&failed != 0:
				return c.Fail(faultErrno(ret, c.L(fvFoll)))
			}
			return fvKilled
		}},
		fvSignal: {Label: "signal", Says: "mmap_lock is dropped; is there a signal?", Answer: "no", Ref: "gup_signal_pending", When: With(PopulateInGUP).AndSignals(), Reads: cell.Of(machine.Signals), Do: func(c *Ctx) Next {
			if c.killed() {
				c.Say("mmap_lock is dropped, and there is a signal: -EINTR")
				c.Set(fvRet, failed|EINTR)
				return fvRelock
			}
			return Then
		}},
		fvRelockKillable: {Label: "relock_killable", Says: "take mmap_lock again: everything may have changed", Ref: "mmap_read_lock_killable", When: With(PopulateInGUP), Touches: cell.Of(machine.MMLocks), Back: []int{fvVMA},
			Wait: func(c *Ctx) Block { return c.killable(c.ReadFree(c.M.MmapLock(c.MM))) },
			Do: func(c *Ctx) Next {
				if !c.ReadFree(c.M.MmapLock(c.MM)).Ready() {
					c.Say(killedAgain)
					c.Set(fvRet, failed|EINTR)
					return Then
				}
				c.ReadLock(c.M.MmapLock(c.MM))
				c.Set(fvFoll, FollTried)
				return fvVMA
			}},
		fvRelock: {Label: "relock", Says: "take mmap_lock again: everything may have changed", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks), Back: []int{fvVMA},
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				if ret := c.L(fvRet); ret != 0 {
					c.Say("take mmap_lock again, which the caller drops")
					return c.Return(ret)
				}
				c.Set(fvFoll, 0)
				return fvVMA
			}},
	},
})

const fvAddr, fvFlags, fvFoll, fvRet = 0, 1, 2, 3

const (
	fvVMA = iota
	fvKilled
	fvFollow
	fvFollowed
	fvFaulted
	fvSignal
	fvRelockKillable
	fvRelock
)
