package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// __get_user_pages_locked, in straight line:
//
//	mmap_read_lock_killable()           // unless the caller has mmap_lock
//	if pinning: mark the mm
//	every page:
//	    vma = find_vma(), until 6.4 find_extend_vma(); none, or not allowed: -EFAULT
//	    retry: killed: -EINTR
//	    page = follow_page_mask(); got it: of a huge page, the references of all pages that are wanted of it; the next
//	    -EMLINK: an error, if what may be shared is refused (a what-if)
//	    faultin_page(): unshare if it was -EMLINK; SIGBUS: -EFAULT, or -EHWPOISON if it is asked for; retry
//	    it would have to wait, and must not (FOLL_NOWAIT): no page and no error
//	    it has dropped mmap_lock to wait, or at its end (FOLL_UNLOCKABLE): a signal: -EINTR; take it again, FOLL_TRIED for this page; from the VMA on
//	unlock; return how many there are; none: the error
//
// What was seen before mmap_lock was dropped may have changed: the VMA may be gone, or another one; the mm may have been forked.
// The second time the fault waits with mmap_lock held. A fault that has dropped it at its end (VM_FAULT_COMPLETED, see
// fault_dirty_shared_page) has mapped the page, and is no different:
//
//	CPU0 (GUP-slow)                               CPU1 (munmap, mremap)
//	handle_mm_fault(): map the page; mmap_read_unlock()
//	                                              mmap_write_lock(); unmap it; mmap_write_unlock()
//	mmap_read_lock(); find_vma(): none: -EFAULT
//
// A write with FOLL_FORCE to what the process may only read breaks COW, and the PTE of the copy stays
// read-only. How the retry knows that the copy may be written is a rule: until 4.8 it forgot that it
// wants to write, so that what is mapped there by then, whatever it is, was written to.
//
// An address below a stack has the VMA extended, until 6.4 (stack.go).
//
// compare mm/gup.c:__get_user_pages_locked, __get_user_pages
var _ = register(fnGetUserPagesLocked, &Func{
	Name: "__get_user_pages_locked", File: "mm/gup.c", Params: []int{glAddr, glNr, glFlags},
	Locals: []Local{{"start", PageLocal}, {"gup_flags", FlagsLocal}, {"foll_flags", FlagsLocal}, {"nr_pages", IntLocal}, {"ret", IntLocal}, {"vm_flags", IntLocal}},
	Steps: []Step{
		glLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", When: Without(GUPLockKillable), Touches: cell.Of(machine.MMLocks),
			Wait: (*Ctx).gupLockFree, Do: (*Ctx).gupLocked},
		glLockKillable: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock_killable", When: With(GUPLockKillable), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.killable(c.gupLockFree()) },
			Do: func(c *Ctx) Next {
				if !c.gupLockFree().Ready() {
					c.Say(killedFirst)
					return c.Fail(EAGAIN)
				}
				return c.gupLocked()
			}},
		glMark:      markStore(gupMM, glExpand),
		glMarked:    markAsked(gupMM, glExpand),
		glHasPinned: markSet(gupMM, glExpand),
		glOldVMA: {Label: "old_vma", Says: "go on with the VMA that was found before", When: Without(GUPVMARecheck), Local: true, Do: func(c *Ctx) Next {
			c.Say("go on with the VMA that was found before")
			return glKilled
		}},
		glExpand: gupExpand,
		glVMA: {Label: "vma", Says: "find the VMA, check its flags", Ref: "check_vma_flags", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if err := c.checkVMA(c.Page(glAddr), c.L(glFoll)); err != 0 {
				c.sayRefused(c.Page(glAddr), machine.ErrnoName(int(err)))
				c.Set(glRet, failed|err)
				return glUnlock
			}
			c.Set(glVMFlags, c.Load(c.M.VMA(c.Page(glAddr)))&(machine.VMWrite|machine.VMShared|machine.VMMayWrite)) // all that is asked for behind it
			return Then
		}},
		glForcedCOW: {Label: "forced_cow", Says: "a mapping that copies on write? Then as if for writing", Ref: "should_force_cow_break", When: With(ForcedCOW), Local: true, Do: func(c *Ctx) Next {
			if machine.IsCOW(c.L(glVMFlags)) {
				c.Set(glFoll, c.L(glFoll)|FollWrite)
			}
			return Then
		}},
		glKilled:        {Label: "killed", Says: "is it killed?", Answer: "no", Ref: "fatal_signal_pending", When: With(GUPRetryKillable).AndSignals(), Reads: cell.Of(machine.Signals), Do: func(c *Ctx) Next { return c.gupKilled(EINTR) }},
		glKilledRestart: {Label: "killed", Says: "is it killed?", Answer: "no", Ref: "fatal_signal_pending", When: Without(GUPRetryKillable).AndSignals(), Reads: cell.Of(machine.Signals), Do: func(c *Ctx) Next { return c.gupKilled(ERESTARTSYS) }},
		glFollow: {Label: "follow", Says: "follow the page tables", Ref: "follow_page_mask", Local: true, Calls: []FuncID{fnFollowPagePTE}, Do: func(c *Ctx) Next {
			return c.Call(fnFollowPagePTE, glFollowed, c.L(glAddr), c.L(glFoll))
		}},
		glFollowed: {Label: "followed", Says: "got the page?", Local: true, Calls: []FuncID{fnHandleMMFault}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			switch {
			case c.inHand().Some() && ret == followedHuge && c.restOfHuge() > 0:
				return glRest
			case c.inHand().Some() && c.L(glNr) > 1:
				return glNext
			case c.inHand().Some():
				return glUnlock
			case ret == followUnshare:
				return glRefused
			case ret&failed != 0:
				c.Set(glRet, ret)
				return glUnlock
			}
			return c.faultin(false)
		}},
		glRefused: {Label: "refused", Says: "it may be shared, and is not unshared: -EFAULT", When: If(GUPUnshare, UnshareFail), Local: true, Do: func(c *Ctx) Next {
			c.Set(glRet, failed|EFAULT)
			return glUnlock
		}},
		glUnshare: {Label: "unshare", Says: "unshare it", Ref: "FAULT_FLAG_UNSHARE", Local: true, Calls: []FuncID{fnHandleMMFault}, Do: func(c *Ctx) Next { return c.faultin(true) }},
		glFaulted: {Label: "faulted", Says: "fault done: try again", Ref: "faultin_page", Local: true, Back: []int{glKilled}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			switch {
			case ret == faultRetry && c.L(glFoll)&FollNoWait != 0:
				return glUnlock
			case ret == faultRetry, ret == faultCompleted:
				return glSignal
			}
			if ret&failed != 0 {
				c.Set(glRet, failed|faultErrno(ret, c.L(glFoll)))
				return glUnlock
			} else if ret&faultWrote == 0 || c.L(glVMFlags)&machine.VMWrite != 0 {
				return glKilled
			}
			return Then
		}},
		glDropWrite: {Label: "drop_write", Says: "COW is broken: go on as if for reading", Ref: "FOLL_WRITE", When: If(ForceWrite, ForceDropWrite), Local: true, Back: []int{glKilled}, Do: func(c *Ctx) Next {
			c.Set(glFoll, c.L(glFoll)&^FollWrite)
			return glKilled
		}},
		glCOW: {Label: "foll_cow", Says: "COW is broken: a dirty PTE will do", Ref: "FOLL_COW", When: If(ForceWrite, ForceFollCOW), Local: true, Back: []int{glKilled}, Do: func(c *Ctx) Next {
			c.Set(glFoll, c.L(glFoll)|FollCOW)
			return glKilled
		}},
		glAgain: {Label: "again", Says: "try again", When: If(ForceWrite, ForceExclusive), Local: true, Back: []int{glKilled}, Do: func(c *Ctx) Next { return glKilled }},
		glRest:  {Label: "rest", Says: "take the references of the other pages of the huge page", Ref: "try_grab_folio(folio, page_increm - 1)", When: With(GUPSlowTakesRest).AndSeveral(), Touches: cell.Of(machine.Refs), Do: (*Ctx).grabRest},
		glNext: {Label: "next_page", Says: "got it: the next page", Ref: "start += page_increm * PAGE_SIZE", When: Several, Local: true, Back: []int{glExpand}, Do: func(c *Ctx) Next {
			c.nextPage()
			c.Set(glAddr, c.L(glAddr)+1)
			c.Set(glNr, c.L(glNr)-1)
			c.Set(glFoll, c.L(glFlags))
			return glExpand
		}},
		glUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			if c.gupComesLocked() {
				c.Say("mmap_lock stays with the caller")
			} else {
				c.ReadUnlock(c.M.MmapLock(c.mmOf(glAddr)))
			}
			return c.Return(c.L(glRet))
		}},
		glSignal: {Label: "signal", Says: "mmap_lock is dropped; is there a signal?", Answer: "no", Ref: "gup_signal_pending", When: With(GUPRetryKillable).AndSignals(), Reads: cell.Of(machine.Signals), Do: func(c *Ctx) Next {
			if c.gupSignal(c.L(glFlags)) {
				c.Say("mmap_lock is dropped, and there is a signal: -EINTR")
				return c.Fail(EINTR)
			}
			return Then
		}},
		glRelock: {Label: "relock", Says: "take mmap_lock again: everything may have changed", Ref: "mmap_read_lock", When: Without(GUPRetryKillable), Touches: cell.Of(machine.MMLocks), Back: []int{glOldVMA},
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.mmOf(glAddr))) },
			Do:   (*Ctx).gupRelocked},
		glRelockKillable: {Label: "relock", Says: "take mmap_lock again: everything may have changed", Ref: "mmap_read_lock_killable", When: With(GUPRetryKillable), Touches: cell.Of(machine.MMLocks), Back: []int{glOldVMA},
			Wait: func(c *Ctx) Block { return c.killable(c.ReadFree(c.M.MmapLock(c.mmOf(glAddr)))) },
			Do: func(c *Ctx) Next {
				if !c.ReadFree(c.M.MmapLock(c.mmOf(glAddr))).Ready() {
					c.Say(killedAgain)
					return c.Fail(EINTR)
				}
				return c.gupRelocked()
			}},
	},
})

// faultin faults the page in, or unshares it, unless the caller wants no faults.
// compare mm/gup.c:faultin_page
func (c *Ctx) faultin(unshare bool) Next {
	if c.L(glFoll)&FollNoFault != 0 && !(c.sim.hugetlbLoop && c.M.HugetlbPage(c.Page(glAddr))) { // whose own loop does not know of it
		c.Set(glRet, failed|EFAULT)
		return glUnlock
	}
	return c.Call(fnHandleMMFault, glFaulted, c.L(glAddr), c.faultinFlags(c.L(glFoll), unshare))
}

// gupComesLocked reports whether the caller of GUP holds mmap_lock, for writing: uprobes.
func (c *Ctx) gupComesLocked() bool {
	return machine.MmapWriter(c.Load(c.M.MmapLock(c.mmOf(glAddr)))) == c.Task
}

// gupLockFree says whether mmap_lock can be taken, or is held already.
func (c *Ctx) gupLockFree() Block {
	if c.gupComesLocked() {
		return Block{}
	}
	return c.ReadFree(c.M.MmapLock(c.mmOf(glAddr)))
}

// gupLocked takes mmap_lock, which is free, for the first time; or its caller has it.
func (c *Ctx) gupLocked() Next {
	if c.gupComesLocked() {
		c.Say("the caller holds mmap_lock")
	} else {
		c.ReadLock(c.M.MmapLock(c.mmOf(glAddr)))
	}
	c.Set(glFoll, c.L(glFlags))
	if c.L(glFlags)&FollPin == 0 {
		return glExpand
	}
	return glMark
}

// gupMM is the mm whose pages a GUP call under mmap_lock gets.
func gupMM(c *Ctx) int { return c.mmOf(glAddr) }

// gupRelocked takes mmap_lock, which is free, once more.
func (c *Ctx) gupRelocked() Next {
	c.ReadLock(c.M.MmapLock(c.mmOf(glAddr)))
	c.Set(glFoll, c.L(glFlags)|FollTried)
	return glOldVMA
}

// restOfHuge is how many pages of a huge page are wanted behind the one in hand.
func (c *Ctx) restOfHuge() int {
	return min(int(c.L(glNr)), int(c.M.HugeEnd(c.Page(glAddr))-c.Page(glAddr))) - 1
}

// grabRest takes references on the pages of a huge page behind the one in hand, which keeps the folio; nobody asks
// whether they are still mapped. (6.6 to 6.9 do it with the grab of GUP-fast, which may refuse, and makes slow GUP give up
// what it has; from 6.10 on the two are apart, f442fa614137. No release at hand lies between.)
func (c *Ctx) grabRest() Next {
	first, n := c.inHand(), c.restOfHuge()
	c.Sayf("take %d references more, for the other pages of the huge page", n)
	if c.L(glFoll)&FollPin != 0 && c.countedApart(first.Frame()) {
		c.Add(c.M.Pincount(c.M.Head(first.Frame())), n)
	}
	c.Get(first.Frame(), n*first.Count())
	for i := range n {
		c.nextPage()
		c.M.SetHeld(c.Task, machine.MakeHold(first.Frame()+machine.Frame(1+i), first.Count()))
	}
	c.Set(glAddr, c.L(glAddr)+uint64(n))
	c.Set(glNr, c.L(glNr)-uint64(n))
	if c.L(glNr) > 1 {
		return glNext
	}
	return glUnlock
}

// gupKilled ends the call with an error if the task is killed.
func (c *Ctx) gupKilled(errno uint64) Next {
	if !c.killed() {
		return glFollow
	}
	errno = c.killedErrno(c.Page(glAddr), errno)
	c.Sayf("it is killed: %s", machine.ErrnoName(int(errno)))
	c.Set(glRet, failed|errno)
	return glUnlock
}

// killedErrno is the error with which GUP ends at a page if the task is killed. The loop that hugetlb had for itself breaks off as at
// a page that it does not get.
func (c *Ctx) killedErrno(p machine.PageID, errno uint64) uint64 {
	if c.sim.hugetlbLoop && c.M.HugetlbPage(p) {
		return EFAULT
	}
	return errno
}

const glAddr, glFlags, glFoll, glNr, glRet, glVMFlags = 0, 1, 2, 3, 4, 5

const (
	glLock = iota
	glLockKillable
	glMark
	glMarked
	glHasPinned
	glOldVMA
	glExpand
	glVMA
	glForcedCOW
	glKilled
	glKilledRestart
	glFollow
	glFollowed
	glRefused
	glUnshare
	glFaulted
	glDropWrite
	glCOW
	glAgain
	glRest
	glNext
	glUnlock
	glSignal
	glRelock
	glRelockKillable
)

// faultinFlags are the flags of a fault for GUP.
// compare mm/gup.c:faultin_page
func (c *Ctx) faultinFlags(gup uint64, unshare bool) uint64 {
	flags := faultFlags(gup&FollWrite != 0)
	if unshare {
		flags = faultUnshare // never of a write: follow_page_pte asks for it where a page is pinned for reading
	}
	if gup&FollUnlockable != 0 {
		flags |= c.sim.allowRetry | c.sim.faultKillable
	}
	if gup&FollNoWait != 0 {
		flags |= faultAllowRetry | faultRetryNowait
	}
	if gup&FollTried != 0 {
		flags |= faultTried
	}
	if gup&FollRemote != 0 {
		flags |= c.fromAfar()
	}
	return flags
}

// faultErrno is the error with which GUP ends where a fault has failed: SIGBUS is -EFAULT, too.
// compare include/linux/mm.h:vm_fault_to_errno
func faultErrno(ret, gup uint64) uint64 {
	if ret == faultHWPoison && gup&FollHWPoison != 0 {
		return EHWPOISON
	}
	return EFAULT
}

// checkVMA returns 0 or the errno with which GUP refuses the page's VMA. With
// FOLL_FORCE it reads whatever could be made readable, and writes where a write makes a copy.
//
// Its questions in order: a device's memory (VM_IO, VM_PFNMAP), FOLL_ANON, FOLL_LONGTERM of files on DAX (until 5.9 that is asked when the pages are held, in check_dax_vmas), FOLL_SPLIT_PMD of
// hugetlb, secret memory, files, the rights to write and to read, the protection key (pkey.go).
//
// compare mm/gup.c:check_vma_flags
func (c *Ctx) checkVMA(p machine.PageID, flags uint64) uint64 {
	vma := c.Load(c.M.VMA(p))
	write, force := flags&FollWrite != 0, flags&FollForce != 0
	switch {
	case vma == 0, vma&machine.VMPFNMap != 0:
		return EFAULT
	case flags&FollAnon != 0 && !c.isAnonymous(p):
		return EFAULT
	case flags&FollLongterm != 0 && c.isDAX(p) && c.sim.daxRefused:
		return EOPNOTSUPP
	case flags&FollSplitPMD != 0 && vma&machine.VMHugetlb != 0 && c.sim.hugetlbCommonWalk:
		return EOPNOTSUPP
	case c.fileRefused(p, flags):
		return EFAULT
	case write && vma&machine.VMWrite == 0 && (!force || !machine.IsCOW(vma) || vma&machine.VMHugetlb != 0 && c.sim.forceHugetlbRefused):
		return EFAULT
	case !write && vma&machine.VMRead == 0 && (!force || vma&machine.VMMayRead == 0):
		return EFAULT
	case c.sim.gupAsksPkey && c.pkeyForbidsVMA(p, write, flags&FollRemote != 0):
		return EFAULT
	}
	return 0
}

// sayRefused says why an address comes to nothing: there is no VMA, or one that does not allow what is asked for.
func (c *Ctx) sayRefused(p machine.PageID, as string) {
	if c.Load(c.M.VMA(p)) == 0 {
		c.Sayf("no VMA there: %s", as)
		return
	}
	c.Sayf("the VMA does not allow it: %s", as)
}
