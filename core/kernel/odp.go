package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A device with a page table of its own (an RDMA card, and memory that is registered with it for on-demand paging) accesses memory, in
// straight line:
//
//	again:
//	there is an entry (for a write: a writable one): access, done
//	else the device stops, and has its driver fault the page in: ib_umem_odp_map_dma_and_lock(); again
//
// No PTE of the process is asked, and no TLB. The entry holds no reference: it may stand for the page as long as the PTE does, because whoever
// changes that has the driver take the entry away before (interval.go). So nothing is pinned.
//
// compare drivers/infiniband/hw/mlx5/odp.c; of what the device does itself the kernel has no code.
var (
	_ = register(fnODPStore, &Func{Name: "odp_store", File: "device", Params: []int{gaPage, gaValue},
		Locals: []Local{{"page", PageLocal}, {"value", IntLocal}}, Steps: odpSteps(true)})
	_ = register(fnODPLoad, &Func{Name: "odp_load", File: "device", Params: []int{gaPage},
		Locals: []Local{{"page", PageLocal}}, Steps: odpSteps(false)})
)

func odpSteps(write bool) []Step {
	says, touches, reads := "the device reads by its own page table", cell.Of(machine.Secondary), cell.Of(machine.Contents)
	if write {
		says, touches, reads = "the device writes by its own page table", touches|reads, 0
	}
	return []Step{
		gaAccess: {Label: "access", Says: says, When: Intervals, Touches: touches, Reads: reads, Do: func(c *Ctx) Next {
			p := c.Page(gaPage)
			e := machine.Entry(c.Load(c.M.MTT(p)))
			if e.Present() && (!write || e.Has(machine.RW)) {
				return c.deviceTouch(e, p, write)
			}
			c.Sayf("the device's entry is %v: page fault", e)
			return Then
		}},
		gaFault: {Label: "fault", Says: "the driver handles the device's page fault", Ref: "pagefault_real_mr", Local: true, Calls: []FuncID{fnODPMap}, Do: func(c *Ctx) Next {
			return c.Call(fnODPMap, gaRetry, c.L(gaPage))
		}},
		gaRetry: {Label: "retry", Says: "answered: start the access again", Local: true, Back: []int{gaAccess}, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
				c.Say("there is no such page: the device gives up")
				return c.Return(ret)
			}
			return gaAccess
		}},
	}
}

// ib_umem_odp_map_dma_and_lock of one page, with what comes behind it, in straight line:
//
//	retry: seq = mmu_interval_read_begin()
//	mmap_read_lock(); hmm_range_fault(): no reference; mmap_read_unlock(); -EBUSY: retry
//	lock umem_mutex
//	mmu_interval_read_retry(seq): unlock, retry
//	set the device's entry; unlock
//
// Memory that is registered for writing is always asked for writable: a read of the device copies on write, too.
// Kernels until 5.9 got the page with get_user_pages_remote(), and put it when the entry was set, before they unlocked:
//
//	CPU0 (the device faults)             CPU1 (ksmd, or migration)
//	get the page: one reference more
//	                                     tell the subscriber: another number
//	                                     clear the PTE, count: somebody has it: give up
//	lock umem_mutex: another number: put the page, again
//
// compare drivers/infiniband/core/umem_odp.c:ib_umem_odp_map_dma_and_lock
var _ = register(fnODPMap, &Func{
	Name: "ib_umem_odp_map_dma_and_lock", Was: []Name{{"ib_umem_odp_map_dma_pages", 510}}, File: "drivers/infiniband/core/umem_odp.c", Params: []int{omAddr},
	Locals: []Local{{"pfn", PTELocal}, {"page", HoldLocal}, {"user_virt", PageLocal}, {"ret", IntLocal}},
	Steps: []Step{
		omBegin: {Label: "read_begin", Says: "begin to read", Ref: "mmu_interval_read_begin", When: Intervals, Local: true, Calls: []FuncID{fnIntervalReadBegin}, Do: func(c *Ctx) Next {
			c.Set(omPFN, 0)
			return c.Call(fnIntervalReadBegin, omLock)
		}},
		omLock: {Label: "mmap_lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", When: With(ODPRangeFault).AndIntervals(), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				return Then
			}},
		omHMM: {Label: "range_fault", Says: "what is mapped there?", Ref: "hmm_range_fault", When: With(ODPRangeFault).AndIntervals(), Local: true, Calls: []FuncID{fnHMMRangeFault}, Do: func(c *Ctx) Next {
			return c.Call(fnHMMRangeFault, omHMMDone, c.L(omAddr), faultFlags(c.odpWrites()))
		}},
		omHMMDone: {Label: "range_done", Says: "got it?", When: With(ODPRangeFault).AndIntervals(), Local: true, Do: func(c *Ctx) Next {
			c.Set(omRet, c.Ret())
			return Then
		}},
		omUnlock: {Label: "mmap_unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", When: With(ODPRangeFault).AndIntervals(), Touches: cell.Of(machine.MMLocks), Back: []int{omBegin}, Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			switch c.L(omRet) {
			case 0:
				return omMutex
			case failed | EBUSY:
				c.Set(omRet, 0)
				return omBegin
			}
			return omFail
		}},
		omGUP: {Label: "get", Says: "get the page", Ref: "get_user_pages_remote", When: Without(ODPRangeFault).AndIntervals(), Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			flags := FollGet | FollTouch | FollRemote
			if c.odpWrites() {
				flags |= FollWrite
			}
			return c.Call(fnGetUserPagesLocked, omGot, c.L(omAddr), 1, flags)
		}},
		omGot: {Label: "got", Says: "got it?", When: Without(ODPRangeFault).AndIntervals(), Local: true, Do: func(c *Ctx) Next {
			ret := c.Ret()
			h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
			if !h.Some() {
				c.Set(omRet, ret)
				return omFail
			}
			c.M.SetHeld(c.Task, 0)
			c.M.SetHold(c.M.Local(c.Task, c.level, omPage), h)
			e := machine.MakePTE(h.Frame(), 0)
			if c.odpWrites() {
				e |= machine.RW
			}
			c.Set(omPFN, uint64(e))
			return Then
		}},
		omMutex: {Label: "lock", Says: "lock umem_mutex", When: Intervals, Touches: cell.Of(machine.Notifiers),
			Wait: func(c *Ctx) Block { return c.Free(c.M.UmemMutex(c.MM)) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.UmemMutex(c.MM))
				return Then
			}},
		omRetry: {Label: "read_retry", Says: "has the subscriber's number moved?", Answer: "no", Ref: "mmu_interval_read_retry", When: With(IntervalReadRetry).AndIntervals(), Reads: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			if !c.sameInterval() {
				c.Say("the subscriber's number has moved: again")
				return omPut
			}
			return Then
		}},
		omSet: {Label: "set", Says: "set the device's entry", Ref: "mlx5_ib_update_xlt", When: Intervals, Touches: cell.Of(machine.Secondary, machine.Notifiers), Do: func(c *Ctx) Next {
			e := machine.MakePTE(c.Frame(omPFN), c.Entry(omPFN)&machine.RW)
			c.Sayf("set the device's entry: %v", e)
			if c.M.Stale(c.Entry(omPFN)) {
				e |= machine.Stale
			}
			c.Store(c.M.MTT(c.Page(omAddr)), uint64(e))
			c.Set(omPFN, 0)
			c.AndNot(c.M.IntervalSeq(c.MM), 1<<c.Task)
			return Then
		}},
		omPut: {Label: "put", Says: "put the page: the entry holds no reference", Ref: "put_user_page", When: Without(ODPRangeFault).AndIntervals(), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := c.Held(omPage)
			c.Release(omPage)
			if h.Count() == 0 {
				return Then // the zero page
			}
			return c.putFree(h.Frame(), h.Count(), omRelease)
		}},
		omRelease: {Label: "unlock", Says: "unlock umem_mutex", When: Intervals, Touches: cell.Of(machine.Notifiers), Back: []int{omBegin}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.UmemMutex(c.MM))
			if c.Entry(omPFN) != 0 { // it was not set
				return omBegin
			}
			return Return
		}},
		omFail: {Label: "fail", Says: "there is no page: the device is told so", Ref: "MLX5_RDMA_FAULT", When: Intervals, Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			c.AndNot(c.M.IntervalSeq(c.MM), 1<<c.Task)
			return c.Return(c.L(omRet))
		}},
	},
})

const omPFN, omPage, omAddr, omRet = 0, 1, 2, 3

const (
	omBegin = iota
	omLock
	omHMM
	omHMMDone
	omUnlock
	omGUP
	omGot
	omMutex
	omRetry
	omSet
	omPut
	omRelease
	omFail
)

// odpMMs are the mms whose memory a device pages on demand, and those for which it is registered for writing.
func (s *Setup) odpMMs() (mms, writes uint64) {
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			switch st.Call.entry {
			case fnODPStore:
				writes |= 1 << t.MM
				mms |= 1 << t.MM
			case fnODPLoad:
				mms |= 1 << t.MM
			}
		}
	}
	return mms, writes
}

// ODP reports whether a device pages memory of the mm on demand.
func (s *Sim) ODP(mm int) bool { return s.odp>>mm&1 != 0 }

func (c *Ctx) odp(mm int) bool { return c.sim.ODP(mm) }

// odpWrites reports whether the memory of the task's mm is registered for writing.
func (c *Ctx) odpWrites() bool { return c.sim.odpWritten>>c.MM&1 != 0 }
