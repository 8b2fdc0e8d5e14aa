package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// __get_user_pages_locked, in straight line:
//
//	mmap_read_lock_killable()
//	if pinning: mark the mm
//	every page:
//	    vma = find_vma(); none, or not allowed: -EFAULT
//	    retry: killed: -EINTR
//	    page = follow_page_mask(); got it: of a huge page, the references of all pages that are wanted of it; the next
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
// Left out: an address below a stack that grows down has the VMA extended (until 6.4; from memory); here nothing lies below one. A
// folio whose count is zero or less is refused with -ENOMEM (since 5.1; from memory): the page-table lock is held, and what is mapped has references.
//
// compare mm/gup.c:__get_user_pages_locked, __get_user_pages
var _ = register(fnGetUserPagesLocked, &Func{
	Name: "__get_user_pages_locked", File: "mm/gup.c", Params: []int{glAddr, glNr, glFlags},
	Locals: []Local{{"start", PageLocal}, {"gup_flags", FlagsLocal}, {"foll_flags", FlagsLocal}, {"nr_pages", IntLocal}, {"ret", IntLocal}, {"vm_flags", IntLocal}},
	Steps: []Step{
		glLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", When: Without(GUPLockKillable), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.mmOf(glAddr))) },
			Do:   (*Ctx).gupLocked},
		glLockKillable: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock_killable", When: With(GUPLockKillable), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.killable(c.ReadFree(c.M.MmapLock(c.mmOf(glAddr)))) },
			Do: func(c *Ctx) Next {
				if !c.ReadFree(c.M.MmapLock(c.mmOf(glAddr))).Ready() {
					c.Say(killedFirst)
					return c.Fail(EAGAIN)
				}
				return c.gupLocked()
			}},
		glMark:      markStore(gupMM, glVMA),
		glMarked:    markAsked(gupMM, glVMA),
		glHasPinned: markSet(gupMM, glVMA),
		glOldVMA: {Label: "old_vma", Says: "go on with the VMA that was found before", When: Without(GUPVMARecheck), Local: true, Do: func(c *Ctx) Next {
			c.Say("go on with the VMA that was found before")
			return glKilled
		}},
		glVMA: {Label: "vma", Says: "find the VMA, check its flags", Ref: "check_vma_flags", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if err := c.checkVMA(c.Page(glAddr), c.L(glFoll)); err != 0 {
				c.Say("no VMA there, or not allowed: -EFAULT")
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
			case ret&failed != 0 && ret != followUnshare:
				c.Set(glRet, ret)
				return glUnlock
			}
			if c.L(glFoll)&FollNoFault != 0 && !(c.sim.hugetlbLoop && c.M.HugetlbPage(c.Page(glAddr))) { // whose own loop does not know of it
				c.Set(glRet, failed|EFAULT)
				return glUnlock
			}
			return c.Call(fnHandleMMFault, glFaulted, c.L(glAddr), c.faultinFlags(c.L(glFoll), ret == followUnshare))
		}},
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
		glNext: {Label: "next_page", Says: "got it: the next page", Ref: "start += page_increm * PAGE_SIZE", When: Several, Local: true, Back: []int{glVMA}, Do: func(c *Ctx) Next {
			c.nextPage()
			c.Set(glAddr, c.L(glAddr)+1)
			c.Set(glNr, c.L(glNr)-1)
			c.Set(glFoll, c.L(glFlags))
			return glVMA
		}},
		glUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(glAddr)))
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

// gupLocked takes mmap_lock, which is free, for the first time.
func (c *Ctx) gupLocked() Next {
	c.ReadLock(c.M.MmapLock(c.mmOf(glAddr)))
	c.Set(glFoll, c.L(glFlags))
	if c.L(glFlags)&FollPin == 0 {
		return glVMA
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

// gupKilled ends the call with an error if the task is killed. The loop that hugetlb had for itself breaks off as at
// a page that it does not get.
func (c *Ctx) gupKilled(errno uint64) Next {
	if !c.killed() {
		return glFollow
	}
	if c.sim.hugetlbLoop && c.M.HugetlbPage(c.Page(glAddr)) {
		errno = EFAULT
	}
	c.Sayf("it is killed: %s", machine.ErrnoName(int(errno)))
	c.Set(glRet, failed|errno)
	return glUnlock
}

const glAddr, glFlags, glFoll, glNr, glRet, glVMFlags = 0, 1, 2, 3, 4, 5

const (
	glLock = iota
	glLockKillable
	glMark
	glMarked
	glHasPinned
	glOldVMA
	glVMA
	glForcedCOW
	glKilled
	glKilledRestart
	glFollow
	glFollowed
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
// compare mm/gup.c:check_vma_flags
func (c *Ctx) checkVMA(p machine.PageID, flags uint64) uint64 {
	vma := c.Load(c.M.VMA(p))
	write, force := flags&FollWrite != 0, flags&FollForce != 0
	switch {
	case vma == 0:
		return EFAULT
	case flags&FollAnon != 0 && !c.isAnonymous(p):
		return EFAULT
	case flags&FollSplitPMD != 0 && vma&machine.VMHugetlb != 0 && c.sim.hugetlbCommonWalk:
		return EOPNOTSUPP
	case c.fileRefused(p, flags):
		return EFAULT
	case write && vma&machine.VMWrite == 0 && (!force || !machine.IsCOW(vma) || vma&machine.VMHugetlb != 0 && c.sim.forceHugetlbRefused):
		return EFAULT
	case !write && vma&machine.VMRead == 0 && (!force || vma&machine.VMMayRead == 0):
		return EFAULT
	}
	return 0
}

// followUnshare is what follow_page_pte returns as -EMLINK: unshare it first.
const followUnshare = failed | 31

// followedHuge is what follow_page_pte returns where a huge PMD maps the page that it has got.
const followedHuge = 2

// follow_page_pte, in straight line:
//
//	pmd none: no page; for a dump of anonymous memory -EFAULT
//	a huge PMD: split it, if asked (FOLL_SPLIT_PMD); else follow_huge_pmd()
//	lock the PTL; the PMD has changed: again
//	not present, or not writable enough: no page; for a dump, none or the zero page: -EFAULT
//	pinning read-only what may be shared: -EMLINK
//	try_grab_folio(); mark it accessed, and dirty for a write; unlock
//
// The PTE maps the page and the PTL keeps it so: the count cannot be zero.
//
// compare mm/gup.c:follow_page_pte
var _ = register(fnFollowPagePTE, &Func{
	Name: "follow_page_pte", File: "mm/gup.c", Params: []int{fpAddr, fpFlags},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"addr", PageLocal}, {"flags", FlagsLocal}},
	Steps: []Step{
		fpReadP4D: p4dStep(fpAddr, "p4dp_get"),
		fpReadPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "pmdp_get_lockless", Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnFollowHugePMD, fnFollowHugetlbPage, fnSplitHugePMD}, Back: []int{fpReadPMD}, Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(fpPMD, c.M.PMD(c.Page(fpAddr))))
			switch {
			case pmd.None() && c.dumpsHole():
				c.Say("the PMD is none, and holes are not dumped: -EFAULT")
				return c.Fail(EFAULT)
			case !pmd.Present():
				return Return
			case pmd.Has(machine.PSE) && c.L(fpFlags)&FollSplitPMD != 0 && !c.M.HugetlbPage(c.Page(fpAddr)):
				c.Say("the PMD is huge: split it")
				c.Set(fpPMD, 0)
				return c.Call(fnSplitHugePMD, fpReadPMD, c.L(fpAddr))
			case pmd.Has(machine.PSE):
				if c.M.HugetlbPage(c.Page(fpAddr)) && !c.sim.hugetlbCommonWalk {
					return c.Call(fnFollowHugetlbPage, fpHuge, c.L(fpAddr), c.L(fpFlags))
				}
				return c.Call(fnFollowHugePMD, fpHuge, uint64(pmd), c.L(fpAddr), c.L(fpFlags))
			}
			return Then
		}},
		fpHuge: {Label: "huge", Says: "return what the huge page gave", Local: true, When: Large, Back: []int{fpReadPMD}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			if ret == followAgain {
				return fpReadPMD
			}
			return c.Return(ret)
		}},
		fpLockSame: {Label: "lock", Says: "lock the PTL, read the PTE", Ref: "pte_offset_map_lock", When: With(GUPSlowPMDRecheck), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs, machine.PMDs), Back: []int{fpReadPMD},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(fpPMD))) },
			Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.M.PMD(c.Page(fpAddr)))) != c.Entry(fpPMD).Fresh() {
					c.Say("the PMD has changed: unlock the PTL, look again")
					c.Set(fpPMD, 0)
					return fpReadPMD
				}
				c.lockPTL(fpPMD)
				c.LoadPTE(fpPTE, c.Entry(fpPMD), c.Page(fpAddr))
				return fpHint
			}},
		fpLock: {Label: "lock", Says: "lock the PTL, read the PTE", Ref: "pte_offset_map_lock", When: Without(GUPSlowPMDRecheck), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(fpPMD))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(fpPMD)
				c.LoadPTE(fpPTE, c.Entry(fpPMD), c.Page(fpAddr))
				return Then
			}},
		fpHint: {Label: "numa_hint", Says: "has NUMA balancing made it inaccessible?", Ref: "FOLL_NUMA", When: If(GUPProtnone, ProtnoneUnlessForced), Local: true, Do: func(c *Ctx) Next {
			if c.Entry(fpPTE).Has(machine.ProtNone) && c.L(fpFlags)&FollForce == 0 {
				return fpNoPage
			}
			return Then
		}},
		fpHonor: {Label: "honor_numa_hint", Says: "has NUMA balancing made it inaccessible, and is that to be honored?", Answer: "no", Ref: "gup_can_follow_protnone", When: If(GUPProtnone, ProtnoneIfAsked), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if c.Entry(fpPTE).Has(machine.ProtNone) && c.L(fpFlags)&FollHonorNUMAFault != 0 && c.Load(c.M.VMA(c.Page(fpAddr)))&machine.VMAccess != 0 {
				c.Say("NUMA balancing has made it inaccessible: fault it in first")
				return fpNoPage
			}
			return Then
		}},
		fpPresent: {Label: "present", Says: "present, and writable if asked?", Ref: "can_follow_write_pte", Local: true, Do: func(c *Ctx) Next {
			e, flags := c.Entry(fpPTE), c.L(fpFlags)
			switch {
			case e.None() && c.dumpsHole(), flags&FollDump != 0 && e.Has(machine.Special):
				return fpDump
			case !e.Present():
				return fpNoPage
			case flags&FollWrite != 0 && !e.Has(machine.RW):
				if flags&(FollForce|FollCOW) == 0 {
					return fpNoPage
				}
				return Then
			}
			if flags&FollPin == 0 || flags&FollWrite != 0 || e.Has(machine.RW) {
				return fpZero
			}
			return fpUnshare
		}},
		fpForced: {Label: "forced", Says: "a copy that may be written to, although the PTE is read-only?", Ref: "can_follow_write_pte", When: If(ForceWrite, ForceExclusive), Reads: cell.Of(machine.Flags, machine.Mappings, machine.VMAs), Do: func(c *Ctx) Next {
			if vma := c.Load(c.M.VMA(c.Page(fpAddr))); vma&(machine.VMShared|machine.VMMayShare|machine.VMWrite) == 0 && vma&machine.VMMayWrite != 0 && c.exclusiveAnon(c.Frame(fpPTE)) {
				c.Say("the page is exclusive: it may be written to, although the PTE is read-only")
				return fpZero
			}
			c.Say("the PTE is read-only, and the page may be shared")
			return fpNoPage
		}},
		fpForcedCOW: {Label: "forced_cow", Says: "COW broken, and the PTE dirty?", Ref: "can_follow_write_pte", When: If(ForceWrite, ForceFollCOW), Local: true, Do: func(c *Ctx) Next {
			if c.L(fpFlags)&FollCOW != 0 && c.Entry(fpPTE).Has(machine.Dirty) {
				return fpZero
			}
			return fpNoPage
		}},
		fpForcedNever: {Label: "read_only", Says: "the PTE is read-only", When: If(ForceWrite, ForceDropWrite), Local: true, Do: func(c *Ctx) Next { return fpNoPage }},
		fpUnshare: {Label: "must_unshare", Says: "must it be unshared first?", Ref: "gup_must_unshare", When: With(GUPUnshare),
			Reads: cell.Of(machine.Flags, machine.Mappings, machine.VMAs, machine.Refs), Do: func(c *Ctx) Next {
				if c.mustUnshare(c.Frame(fpPTE), c.L(fpFlags)) && (c.isAnon(c.Frame(fpPTE)) || machine.IsCOW(c.Load(c.M.VMA(c.Page(fpAddr))))) {
					c.Say("it may be shared: unshare it first")
					return fpEMLINK
				}
				c.Say("it need not be unshared")
				return Then
			}},
		fpZero: {Label: "zero_page", Says: "a pin of the zero page is not counted", Ref: "is_zero_folio", When: With(ZeroPageNotCounted), Local: true, Do: func(c *Ctx) Next {
			if c.Frame(fpPTE) != machine.ZeroPage || c.L(fpFlags)&FollPin == 0 {
				return Then
			}
			c.M.SetHeld(c.Task, machine.Uncounted(machine.ZeroPage))
			return fpNoPage
		}},
		fpGrab: {Label: "grab", Says: "take a reference", Ref: "try_grab_folio", Touches: cell.Of(machine.Refs), Do: (*Ctx).followGrab},
		fpTouching: {Label: "touching", Says: "to be marked accessed, or dirty?", Ref: "FOLL_TOUCH", Local: true, Do: func(c *Ctx) Next {
			if c.L(fpFlags)&FollTouch == 0 || c.Entry(fpPTE).Has(machine.Special) {
				return fpNoPage
			}
			return Then
		}},
		fpTouch: {Label: "touch", Says: "mark it accessed", Ref: "folio_mark_accessed", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
			f := c.M.Head(c.Frame(fpPTE))
			c.Or(c.M.Flags(f), machine.PGReferenced)
			if c.L(fpFlags)&FollWrite != 0 && !c.Entry(fpPTE).Has(machine.Dirty) {
				c.Say("mark it accessed and dirty")
				c.markDirty(f)
			}
			return Then
		}},
		fpNoPage: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return Return
		}},
		fpDump: {Label: "efault", Says: "-EFAULT: not to be dumped; unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return c.Fail(EFAULT)
		}},
		fpEMLINK: {Label: "emlink", Says: "-EMLINK: unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(fpPMD)))
			return c.Return(followUnshare)
		}},
	},
})

const fpPMD, fpPTE, fpAddr, fpFlags = 0, 1, 2, 3

const (
	fpReadP4D = iota
	fpReadPMD
	fpLockSame
	fpLock
	fpHint
	fpHonor
	fpPresent
	fpForced
	fpForcedCOW
	fpForcedNever
	fpUnshare
	fpZero
	fpGrab
	fpTouching
	fpTouch
	fpNoPage
	fpEMLINK
	fpHuge
	fpDump
)

// dumpsHole reports whether the page is looked for to be dumped, and nobody could tell it from zeros: anonymous memory
// that was never touched.
// compare mm/gup.c:no_page_table
func (c *Ctx) dumpsHole() bool {
	return c.L(fpFlags)&FollDump != 0 && c.isAnonymous(c.Page(fpAddr))
}

// followGrab takes the reference or the pin under the PTL.
func (c *Ctx) followGrab() Next {
	c.takePin(c.Frame(fpPTE), c.L(fpFlags))
	return Then
}
