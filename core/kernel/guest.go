package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A guest's access to its memory, which is the memory of the process that runs it, in straight line:
//
//	again:
//	if the guest TLB has the page (for a write: writable and dirty): access, done
//	there is an spte (for a write: a writable one): set accessed and dirty in it; fill the guest TLB; again
//	else leave the guest: kvm_tdp_page_fault(); again
//
// No PTE of the process is asked, and no TLB.
//
// compare x86: Intel SDM vol. 3, 29.3 (EPT); the kernel has no code here.
var (
	_ = register(fnGuestStore, &Func{Name: "guest_store", File: "guest", Params: []int{gaPage, gaValue},
		Locals: []Local{{"page", PageLocal}, {"value", IntLocal}}, Steps: guestSteps(true)})
	_ = register(fnGuestLoad, &Func{Name: "guest_load", File: "guest", Params: []int{gaPage},
		Locals: []Local{{"page", PageLocal}}, Steps: guestSteps(false)})
)

const gaPage, gaValue = 0, 1

const (
	gaAccess = iota
	gaFault
	gaRetry
)

func guestSteps(write bool) []Step {
	says, touches, reads := "the guest reads through its TLB, or walks", cell.Of(machine.Secondary), cell.Of(machine.Contents)
	if write {
		says, touches, reads = "the guest writes through its TLB, or walks", touches|reads, 0
	}
	return []Step{
		gaAccess: {Label: "access", Says: says, When: Secondary, Touches: touches, Reads: reads, Back: []int{gaAccess}, Do: func(c *Ctx) Next {
			p := c.Page(gaPage)
			allows := func(e machine.Entry) bool { return e.Present() && (!write || e.Has(machine.RW)) }
			if e := machine.Entry(c.Load(c.M.GuestTLB(c.CPU, p))); allows(e) && (!write || e.Has(machine.Dirty)) {
				return c.guestTouch(e, p, write)
			}
			e := machine.Entry(c.Load(c.M.SPTE(p)))
			if !allows(e) {
				c.Sayf("guest TLB miss; the spte is %v: leave the guest", e)
				return Then
			}
			if write {
				e |= machine.Dirty
				c.Store(c.M.SPTE(p), uint64(e))
			}
			c.Sayf("guest TLB miss: the spte is %v", e)
			c.Store(c.M.GuestTLB(c.CPU, p), uint64(e))
			return gaAccess
		}},
		gaFault: {Label: "fault", Says: "EPT violation", Local: true, Calls: []FuncID{fnKVMPageFault}, Do: func(c *Ctx) Next {
			return c.Call(fnKVMPageFault, gaRetry, c.L(gaPage), faultFlags(write))
		}},
		gaRetry: {Label: "retry", Says: "fixed: start the access again", Local: true, Back: []int{gaAccess}, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
				c.Say("KVM_RUN fails")
				return c.Return(ret)
			}
			return gaAccess
		}},
	}
}

// guestTouch reads or writes the frame that a guest TLB entry names.
func (c *Ctx) guestTouch(e machine.Entry, p machine.PageID, write bool) Next {
	return c.secondaryTouch(e, p, write, "the guest loads %s", "the guest stores %s")
}

// deviceTouch is that of a device and its IOTLB.
func (c *Ctx) deviceTouch(e machine.Entry, p machine.PageID, write bool) Next {
	return c.secondaryTouch(e, p, write, "the device loads %s", "the device stores %s")
}

func (c *Ctx) secondaryTouch(e machine.Entry, p machine.PageID, write bool, loads, stores string) Next {
	if c.M.Stale(e) {
		c.M.Raise(machine.AlarmStaleSecondary, uint64(c.CPU))
	}
	content := c.M.Contents(e.Frame())
	if !write {
		v := c.Load(content)
		c.Sayf(loads, c.M.Content(v))
		c.M.Read(p, v)
		return c.Return(v)
	}
	c.Sayf(stores, c.M.Content(c.L(gaValue)))
	c.Store(content, c.L(gaValue))
	c.M.StoredTo(e.Frame(), false)
	c.M.Wrote(p, c.L(gaValue))
	c.M.Stored(p, e.Frame())
	return Return
}

// kvm_tdp_page_fault, in straight line:
//
//	seq = mmu_invalidate_seq
//	page = get_user_page_fast_only(FOLL_WRITE); none: get_user_pages_unlocked(), for a write FOLL_WRITE
//	lock mmu_lock
//	an invalidation of the page is in progress, or seq has moved: unlock, put page; again
//	spte = the page, writable if GUP got it for writing; unlock
//	put page
//
// The spte holds no reference. It may stand for the page as long as the PTE does, because whoever changes that
// takes the spte away before. The page is got before mmu_lock is taken, since that sleeps; what was got may be out of
// date by then, and the two looks under the lock tell.
//
// What NUMA balancing has made inaccessible is faulted in (FOLL_HONOR_NUMA_FAULT), memory that has failed told as such (FOLL_HWPOISON). Left out: asynchronous page faults, where
// GUP is tried with FOLL_NOWAIT, and a worker gets the page if that would have to wait, while the guest runs something else.
//
// compare arch/x86/kvm/mmu/mmu.c:kvm_tdp_page_fault, is_page_fault_stale
var _ = register(fnKVMPageFault, &Func{
	Name: "kvm_tdp_page_fault", Was: []Name{{"tdp_page_fault", 507}}, File: "arch/x86/kvm/mmu/mmu.c", FileWas: []Name{{"arch/x86/kvm/mmu.c", 505}}, Params: []int{kfAddr, kfFlags},
	Locals: []Local{{"page", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}, {"writable", IntLocal}},
	Steps: []Step{
		kfSeq: {Label: "seq", Says: "read the sequence number of invalidations", Ref: "mmu_invalidate_seq", When: Secondary, Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			c.Or(c.M.InvalidateSeq(c.MM), 1<<c.Task)
			return Then
		}},
		kfFast: {Label: "fast", Says: "get the page for writing, if that takes no lock", Ref: "hva_to_pfn_fast", When: Secondary, Local: true, Calls: []FuncID{fnGetUserPagesFastOnly}, Do: func(c *Ctx) Next {
			return c.Call(fnGetUserPagesFastOnly, kfGotFast, c.L(kfAddr), 1, FollWrite)
		}},
		kfGotFast: {Label: "got_fast", Says: "got it?", When: Secondary, Local: true, Do: func(c *Ctx) Next {
			if c.Ret(); c.guestGot() {
				c.Set(kfWritable, 1)
				return kfLock
			}
			return Then
		}},
		kfSlow: {Label: "slow", Says: "get the page", Ref: "hva_to_pfn_slow", When: Secondary, Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			flags := FollGet | FollTouch | FollUnlockable | FollHonorNUMAFault | FollHWPoison
			if c.L(kfFlags)&faultWrite != 0 {
				flags |= FollWrite
				c.Set(kfWritable, 1)
			}
			return c.Call(fnGetUserPagesLocked, kfGotSlow, c.L(kfAddr), 1, flags)
		}},
		kfGotSlow: {Label: "got_slow", Says: "got it?", When: Secondary, Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); !c.guestGot() {
				if ret == faultHWPoison {
					ret = sigbus
				}
				c.Set(kfWritable, ret)
				return kfFail
			}
			return Then
		}},
		kfLock: {Label: "lock", Says: "lock mmu_lock", When: Secondary, Touches: cell.Of(machine.Notifiers),
			Wait: func(c *Ctx) Block { return c.Free(c.M.MMULock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.MMULock(c.MM))
				return Then
			}},
		kfInprog: {Label: "in_progress", Says: "is the page being invalidated?", Answer: "no", Ref: "mmu_invalidate_in_progress", When: With(KVInprogCheck).AndSecondary(), Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			if i := machine.DecodeInvalidation(c.Load(c.M.Invalidating(c.MM))); i.Covers(c.Page(kfAddr)) {
				c.Say("the page is being invalidated: again")
				return kfStale
			}
			return Then
		}},
		kfSame: {Label: "seq_moved", Says: "has the sequence number moved?", Answer: "no", Ref: "mmu_invalidate_retry_gfn", When: With(KVSeqCheck).AndSecondary(), Reads: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			if c.Load(c.M.InvalidateSeq(c.MM))>>c.Task&1 == 0 {
				c.Say("the sequence number has moved: again")
				return kfStale
			}
			return Then
		}},
		kfSet: {Label: "set_spte", Says: "set the spte, unlock mmu_lock", Ref: "make_spte", When: Secondary, Touches: cell.Of(machine.Secondary, machine.Notifiers), Do: func(c *Ctx) Next {
			e := machine.MakePTE(c.Held(kfPage).Frame(), 0)
			if c.L(kfWritable) != 0 {
				e |= machine.RW
			}
			c.Sayf("set the spte: %v; unlock mmu_lock", e)
			if c.M.Stale(machine.Entry(c.Held(kfPage))) {
				e |= machine.Stale
			}
			c.Store(c.M.SPTE(c.Page(kfAddr)), uint64(e))
			c.guestUnlock()
			return kfPut
		}},
		kfStale: {Label: "stale", Says: "unlock mmu_lock: the guest starts the access again", Ref: "RET_PF_RETRY", When: Secondary, Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			c.guestUnlock()
			return Then
		}},
		kfPut: {Label: "put", Says: "put the page: the spte holds no reference", Ref: "kvm_release_pfn_clean", When: Secondary, Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := c.Held(kfPage)
			c.Release(kfPage)
			if h.Count() == 0 {
				return Return // the zero page
			}
			return c.putFree(h.Frame(), h.Count(), end)
		}},
		kfFail: {Label: "fail", Says: "there is no page: KVM_RUN fails", Ref: "KVM_PFN_ERR_FAULT", When: Secondary, Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			c.AndNot(c.M.InvalidateSeq(c.MM), 1<<c.Task)
			return c.Return(c.L(kfWritable))
		}},
	},
})

const kfPage, kfAddr, kfFlags, kfWritable = 0, 1, 2, 3

const (
	kfSeq = iota
	kfFast
	kfGotFast
	kfSlow
	kfGotSlow
	kfLock
	kfInprog
	kfSame
	kfSet
	kfStale
	kfPut
	kfFail
)

// guestGot takes over the page that GUP has collected, if any.
func (c *Ctx) guestGot() bool {
	h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
	c.M.SetHeld(c.Task, 0)
	if h.Some() {
		c.M.SetHold(c.M.Local(c.Task, c.level, kfPage), h)
	}
	return h.Some()
}

// guestUnlock drops mmu_lock; nobody goes by the sequence number that was read any more.
func (c *Ctx) guestUnlock() {
	c.AndNot(c.M.InvalidateSeq(c.MM), 1<<c.Task)
	c.Unlock(c.M.MMULock(c.MM))
}

// guestMMs are the mms that are guests' memory: those whose threads run the guest.
func (s *Setup) guestMMs() (mms uint64) {
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			if st.Call.guest {
				mms |= 1 << t.MM
			}
		}
	}
	return mms
}

// Guest reports whether the mm is a guest's memory.
func (s *Sim) Guest(mm int) bool { return s.guests>>mm&1 != 0 }

// mmu_notifier_release, when the mm goes: KVM's sptes go all at once.
// compare virt/kvm/kvm_main.c:kvm_mmu_notifier_release
var _ = register(fnMMUNotifierRelease, &Func{
	Name: "kvm_mmu_notifier_release", File: "virt/kvm/kvm_main.c", Params: []int{inMM, inFirst, inLast},
	Locals: invalidateLocals,
	Steps: []Step{
		zapStep("lock mmu_lock; no spte is left", false, Secondary, true),
		flushGuestStep,
		unlockMMUStep,
	},
})
