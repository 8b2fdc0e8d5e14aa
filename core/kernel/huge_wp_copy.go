package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// do_huge_pmd_wp_page until 5.7, in straight line:
//
//	the huge zero page: go on where a new one is taken
//	lock the PMD; it changed: done
//	(from 4.14 on: lock the page; if that sleeps: not under the PMD lock)
//	no page of it is mapped more than once: writable and dirty; unlock; done
//	take a reference; unlock
//	new = alloc_hugepage_vma(); none: split the PMD, put the reference, go on with the PTE
//	copy page by page                            // of the huge zero page nothing: new is clear
//	tell secondary MMUs, here and behind the unlock
//	lock the PMD; put the reference; the PMD changed: put new, done
//	clear the PMD, flush
//	new: mapped once as a whole, anonymous; PMD = new, writable and dirty
//	the old one is mapped by one PMD less; put the PMD's reference; unlock
//
// (Where there is no free block, do_huge_pmd_wp_page_fallback() first tries to copy all pages of it into small ones. Here
// the PMD is split at once, as it is where there are no small ones either, and each page is copied by its own fault.)
//
// compare mm/huge_memory.c:do_huge_pmd_wp_page (5.7)
var hugeCopySteps = []Step{
	pcZero: {Label: "zero", Says: "the huge zero page?", Ref: "is_huge_zero_pmd", Local: true, Do: func(c *Ctx) Next {
		if c.M.IsHugeZero(c.Frame(hwPMD)) {
			return pcAlloc
		}
		return Then
	}},
	pcLock: {Label: "lock", Says: "lock the PMD; is it the same?", Answer: "yes", Ref: "pmd_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
		Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hwAddr))) },
		Do: func(c *Ctx) Next {
			if machine.Entry(c.Load(c.M.PMD(c.Page(hwAddr)))) != c.Entry(hwPMD).Fresh() {
				c.Say("the PMD has changed: somebody else was faster")
				return Return
			}
			c.Lock(c.pmdLock(c.Page(hwAddr)))
			return Then
		}},
	pcTrylock: hugeTrylock(If(HugeWP, HugeWPLocked).AndLarge(), pcMapcount),
	pcSleep:   hugeSleep(If(HugeWP, HugeWPLocked).AndLarge()),
	pcRelock:  hugeRelock(If(HugeWP, HugeWPLocked).AndLarge(), pcMapcount),
	pcMapcount: {Label: "mapcount", Says: "is any page of it mapped more than once?", Ref: "page_trans_huge_mapcount", Touches: cell.Of(machine.FolioLocks, machine.PTLs, machine.PMDs, machine.Refs, machine.Flags), Reads: cell.Of(machine.Mapcounts, machine.VMAs), Do: func(c *Ctx) Next {
		if c.hugeReusable() {
			c.Say("no other maps it: reuse it")
			c.Or(c.M.Flags(c.Frame(hwPMD)), c.sim.exclusive)
			ret := c.hugeReuse()
			c.hugeUnlock(c.sim.hugeWPLocks)
			return c.Return(ret)
		}
		c.Say("others map it: take a reference, unlock, copy it")
		c.Get(c.Frame(hwPMD), 1)
		c.Hold(hwFolio, c.Frame(hwPMD), 1)
		c.hugeUnlock(c.sim.hugeWPLocks)
		return Then
	}},
	pcAlloc: {Label: "alloc", Says: "take a free block", Ref: "alloc_hugepage_vma", Touches: allocTouches | cell.Of(machine.Compounds), Choose: blockOffers, Do: func(c *Ctx) Next {
		if c.Key == 0 {
			c.Say("there is no free block: split the PMD")
			return pcSplit
		}
		c.Sayf("take a free block: frames %d to %d", c.Key, c.Key+c.M.HugePages-1)
		c.M.AllocateLarge(machine.Frame(c.Key))
		c.Hold(hwNew, machine.Frame(c.Key), 1)
		if c.M.IsHugeZero(c.Frame(hwPMD)) {
			return pcNotify
		}
		return Then
	}},
	pcCopy: {Label: "copy", Says: "copy the next page", Ref: "copy_user_huge_page", Touches: cell.Of(machine.Contents), Back: []int{pcCopy}, Do: func(c *Ctx) Next {
		i := machine.Frame(c.L(hwIndex))
		v := c.Load(c.M.Contents(c.Frame(hwPMD) + i))
		c.Sayf("copy page %d: %s", i, c.M.Content(v))
		c.Store(c.M.Contents(c.Held(hwNew).Frame()+i), v)
		if int(i)+1 < c.M.HugePages {
			c.Set(hwIndex, uint64(i)+1)
			return pcCopy
		}
		c.Set(hwIndex, 0)
		return Then
	}},
	pcNotify: pcNotifyStep,
	pcSame: {Label: "relock_pmd", Says: "lock the PMD; is it still the same?", Answer: "yes", Ref: "pmd_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
		Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hwAddr))) },
		Do: func(c *Ctx) Next {
			if machine.Entry(c.Load(c.M.PMD(c.Page(hwAddr)))) != c.Entry(hwPMD).Fresh() {
				c.Say("the PMD has changed: forget the copy")
				return pcForget
			}
			c.Lock(c.pmdLock(c.Page(hwAddr)))
			return Then
		}},
	pcPut: hugePutOurs("put", "put our reference on the old page", pcClear),
	pcClear: {Label: "clear_pmd", Says: "clear the PMD, flush", Ref: "pmdp_huge_clear_flush", Touches: cell.Of(machine.PMDs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
		p, f := c.Page(hwAddr), c.Frame(hwPMD)
		c.SetPMD(p, 0)
		if !c.M.IsHugeZero(f) {
			c.Hold(hwOld, f, 1)
		}
		return c.Call(fnFlushTLBMMRange, pcIOTLB, uint64(c.M.Pages()[p].MM), uint64(c.M.HugeStart(p)), uint64(c.lastHuge(p)), c.flushRange())
	}},
	pcIOTLB: iotlbStep(If(SecondaryTLBs, SecondaryTLBsNotifier).AndLarge(), pcMap, hugeOf(hwAddr).Pages),
	pcMap: {Label: "map", Says: "map the copy: writable and dirty", Ref: "page_add_new_anon_rmap", Touches: largeTouches, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next {
		p, f := c.Page(hwAddr), c.Held(hwNew).Frame()
		c.newHugeAnon(f, p)
		bits := machine.Entry(0)
		if c.L(hwFlags)&faultUnshare == 0 {
			bits = c.maybeWritable(p) | machine.Dirty
		}
		c.Release(hwNew)
		c.SetPMD(p, c.protected(machine.MakeHuge(f, bits), p))
		return c.Call(fnLRUAddDrain, pcRmap)
	}},
	pcRmap: {Label: "rmap", Says: "the old one is mapped by one PMD less", Ref: "page_remove_rmap", Touches: cell.Of(machine.Mapcounts, machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
		if !c.Held(hwOld).Some() {
			return pcUnlock
		}
		c.rmapAddPMD(c.Frame(hwPMD), -1)
		return Then
	}},
	pcPutOld: {Label: "put_pmd", Says: "put the PMD's reference on the old one", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		f := c.Held(hwOld).Frame()
		c.Release(hwOld)
		return c.putFree(f, 1, pcUnlock)
	}},
	pcUnlock: {Label: "unlock", Says: "unlock the PMD", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
		c.Unlock(c.pmdLock(c.Page(hwAddr)))
		return Then
	}},
	pcLate: pcLateStep,
	pcTold: pcToldStep,
	pcDone: {Label: "done", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(faultWrote) }},
	pcForget: {Label: "forget", Says: "free the copy", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		f := c.Held(hwNew).Frame()
		c.Release(hwNew)
		return c.putFree(f, 1, pcForgetPut)
	}},
	pcForgetPut:  hugePutOurs("forget_put", "put our reference on the old page", pcForgetLate),
	pcForgetLate: pcLateStep,
	pcForgetTold: pcToldStep,
	pcForgotten:  {Label: "forgotten", Says: "somebody else was faster", Local: true, Do: func(c *Ctx) Next { return c.Return(hugeDone) }},
	pcSplit: {Label: "split", Says: "split the PMD", Ref: "__split_huge_pmd", Local: true, Calls: []FuncID{fnSplitHugePMD}, Do: func(c *Ctx) Next {
		return c.Call(fnSplitHugePMD, pcSplitPut, c.L(hwAddr))
	}},
	pcSplitPut: hugePutOurs("split_put", "put our reference on the huge page", pcFallback),
	pcFallback: {Label: "fallback", Says: "go on with the PTE", Ref: "VM_FAULT_FALLBACK", Local: true, Do: func(c *Ctx) Next { return c.Return(hugeSplit) }},
}

const (
	pcZero = iota
	pcLock
	pcTrylock
	pcSleep
	pcRelock
	pcMapcount
	pcAlloc
	pcCopy
	pcNotify
	pcSame
	pcPut
	pcClear
	pcIOTLB
	pcMap
	pcRmap
	pcPutOld
	pcUnlock
	pcLate
	pcTold
	pcDone
	pcForget
	pcForgetPut
	pcForgetLate
	pcForgetTold
	pcForgotten
	pcSplit
	pcSplitPut
	pcFallback
)

var pcNotifyStep, pcLateStep, pcToldStep = told(hugeOf(hwAddr))

// hugePutOurs puts the reference that the copy is made under; there is none on the huge zero page.
func hugePutOurs(label, says string, back int) Step {
	return Step{Label: label, Says: says, Ref: "put_user_huge_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		h := c.Held(hwFolio)
		if !h.Some() {
			return Next(back)
		}
		c.Release(hwFolio)
		return c.putFree(h.Frame(), 1, back)
	}}
}
