package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Memory in huge pages of hugetlb has functions of its own for nearly everything; what it shares
// with other memory is the walk by GUP, and the counts. This file is the pool and who
// takes pages from it; hugetlb_fault.go, hugetlb_wp.go, hugetlb_fork.go and hugetlb_file.go are the rest.

// poolTouches are the classes that taking a huge page touches.
var poolTouches = allocTouches | cell.Of(machine.HugetlbPool)

// reservation is the word that says whether a huge page is reserved for the page: of a shared mapping
// the file keeps it, of a private one who has mapped it; a child that fork made has none (nil).
// compare mm/hugetlb.c:vma_has_reserves
func (c *Ctx) reservation(p machine.PageID) *machine.Word {
	var w machine.Word
	if o, ok := c.M.Backing(p); ok && c.M.Region(p).Kind == machine.RegionFileShared {
		w = c.M.FileReserve(o)
	} else if c.hugetlbOwner(p) {
		w = c.M.Reserve(p)
	} else {
		return nil
	}
	return &w
}

// hugetlbOwner reports whether the page's mm is the one that has mapped it, and not a child of that: HPAGE_RESV_OWNER.
func (c *Ctx) hugetlbOwner(p machine.PageID) bool { return c.M.MMs[c.M.Pages()[p].MM].Parent < 0 }

// unreserve gives a reservation back that was not used.
func (c *Ctx) unreserve(w machine.Word) {
	if c.Load(w) != 0 {
		c.Store(w, 0)
		c.Add(c.M.Reserved(), -1)
	}
}

// alloc_hugetlb_folio, in straight line:
//
//	lock hugetlb_lock
//	a page is reserved here, and may be used: it is
//	else: all free ones are promised to others: -ENOSPC
//	take a free huge page; unlock
//
// It hands the page over to local 0 of the caller; returns an errno if there is none.
//
// compare mm/hugetlb.c:alloc_hugetlb_folio, dequeue_hugetlb_folio_vma
var _ = register(fnAllocHugetlbFolio, &Func{Hugetlb: true,
	Name: "alloc_hugetlb_folio", Was: []Name{{"alloc_huge_page", 603}}, File: "mm/hugetlb.c", Params: []int{alAddr, alAvoid},
	Locals: []Local{{"folio", HoldLocal}, {"addr", PageLocal}, {"avoid_reserve", IntLocal}},
	Steps: []Step{
		{Label: "dequeue", Says: "take a huge page from the pool", Ref: "dequeue_hugetlb_folio_vma", Touches: poolTouches,
			Choose: func(c *Ctx, offer func(int)) {
				if _, ok := c.mayDequeue(); !ok {
					offer(0)
					return
				}
				c.M.OffersHugetlb(func(f machine.Frame) { offer(int(f)) })
			},
			Do: func(c *Ctx) Next {
				f := machine.Frame(c.Key)
				if f == 0 {
					c.Say("no huge page is free that is not promised to others: -ENOSPC")
					return c.Fail(ENOSPC)
				}
				w, _ := c.mayDequeue()
				if w != nil {
					c.Store(*w, 0)
					c.Add(c.M.Reserved(), -1)
					c.Sayf("take the huge page that is reserved: frame %d", f)
				} else {
					c.Sayf("take a huge page that is not reserved: frame %d", f)
				}
				c.M.AllocateHugetlb(f)
				c.Hold(0, f, 1)
				return c.handOver()
			}},
	},
})

const alAddr, alAvoid = 1, 2

// mayDequeue reports whether a huge page may be taken, and the reservation that is used up by that.
func (c *Ctx) mayDequeue() (*machine.Word, bool) {
	free := c.M.FreeHugetlb()
	if w := c.reservation(c.Page(alAddr)); w != nil && c.L(alAvoid) == 0 && c.Load(*w) != 0 {
		return w, free > 0
	}
	return nil, free > int(c.Load(c.M.Reserved()))
}

// offerHugetlbTarget offers the huge pages of the pool that one may be moved to: on the node, and
// promised to nobody. (The kernel would try to make another one, for a while.)
// compare mm/hugetlb.c:alloc_hugetlb_folio_nodemask
func (c *Ctx) offerHugetlbTarget(zones []int, offer func(machine.Frame)) {
	if c.M.FreeHugetlb() <= int(c.Load(c.M.Reserved())) {
		return
	}
	if len(c.M.Zones) == 0 {
		c.M.OffersHugetlb(offer)
		return
	}
	c.M.OffersHugetlbIn(zones, offer)
}

// closeHugetlb gives back what is reserved for a page whose VMA goes. (The kernel does
// so when the VMA's memory is freed, a little later.)
// compare mm/hugetlb.c:hugetlb_vm_op_close
func (c *Ctx) closeHugetlb(p machine.PageID) {
	if c.M.HugetlbPage(p) && c.hugetlbOwner(p) && c.M.Region(p).Kind != machine.RegionFileShared {
		c.unreserve(c.M.Reserve(p))
	}
}

// hugetlbRun returns the last page up to end that lies in the same region as p, if that is one of hugetlb.
func (c *Ctx) hugetlbRun(p, end machine.PageID) (machine.PageID, bool) {
	at := c.M.Pages()[p]
	return min(end, c.M.PageAt(at.MM, at.Region, c.M.Region(p).Pages-1)), c.M.HugetlbPage(p)
}

// __unmap_hugepage_range, in straight line:
//
//	lock the hugetlb VMA for writing, and i_mmap_rwsem; huge_pmd_unshare() may be all     // of a whole gigabyte
//	every page: lock the PMD; none, or not the page that is looked for: nothing
//	            clear it, queue the page with its reference; mapped once less; unlock
//	unlock both
//
// The flush comes later, with what was queued. Truncation, which comes by the file, holds both locks already.
//
// compare mm/hugetlb.c:__unmap_hugepage_range
var _ = register(fnUnmapHugepageRange, &Func{Hugetlb: true,
	Notify: pages(uhPage, uhEnd),
	Name:   "__unmap_hugepage_range", File: "mm/hugetlb.c", Params: []int{uhPage, uhEnd, uhRef},
	Locals: []Local{{"pmd", PTELocal}, {"ref_page", FrameLocal}, {"address", PageLocal}, {"end", PageLocal}, {"locked", IntLocal}},
	Steps: []Step{
		uhLockVMA: vmaTableLock.writeLock(uhPage, uhLocked),
		uhLockMap: mapTableLock.writeLock(uhPage, uhLocked),
		uhUnshare: {Label: "unshare", Says: "is its PMD table one that mms share?", When: SharedPMDs, Local: true, Calls: []FuncID{fnHugePMDUnshare}, Do: func(c *Ctx) Next {
			if c.M.Gigabyte(c.Page(uhPage)) {
				return c.Call(fnHugePMDUnshare, uhClear, c.L(uhPage))
			}
			return Then
		}},
		uhClear: {Label: "clear", Says: "lock the PMD, clear it", Ref: "huge_ptep_get_and_clear", Touches: cell.Of(machine.PTLs, machine.PMDs, machine.HugetlbPool),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(uhPage))) },
			Do: func(c *Ctx) Next {
				p := c.Page(uhPage)
				old := machine.Entry(c.Load(c.M.PMD(p)))
				if ref := c.L(uhRef); ref != 0 && (!old.Has(machine.PSE) || old.Frame() != c.Frame(uhRef)) {
					c.Say("it does not map that page")
					return uhNext
				} else if ref != 0 {
					at := c.M.Pages()[p]
					c.Store(c.M.Unmapped(at.MM, at.Region), 1)
				}
				c.M.Excuse(p)
				switch {
				case old.IsMigration():
					c.Say("the page is being moved: clear its migration entry")
					c.SetPMD(p, 0)
					return uhNext
				case !old.Has(machine.PSE):
					c.Say("the PMD is none")
					return uhNext
				}
				c.Sayf("lock the PMD, clear it: it was %v", old)
				c.SetPMD(p, 0)
				c.Set(uhPMD, uint64(old))
				c.M.Gather(c.Task, machine.MakeHold(old.Frame(), 1))
				c.Lock(c.pmdLock(p))
				return Then
			}},
		uhRmap: {Label: "rmap", Says: "the huge page is mapped once less; unlock the PMD", Ref: "hugetlb_remove_rmap", Touches: cell.Of(machine.Mapcounts, machine.Flags, machine.PTLs), Do: func(c *Ctx) Next {
			c.rmapAddPMD(c.Frame(uhPMD), -1)
			c.Unlock(c.pmdLock(c.Page(uhPage)))
			return Then
		}},
		uhNext: {Label: "next", Says: "the next page", Local: true, Back: []int{uhClear}, Do: func(c *Ctx) Next {
			switch {
			case c.Page(uhPage) != c.Page(uhEnd):
				c.Set(uhPMD, 0)
				c.Set(uhPage, c.L(uhPage)+1)
				return uhClear
			case c.M.PMDTables == 0:
				return Return
			}
			return Then
		}},
		uhUnlockMap: mapTableLock.writeUnlock(uhPage, uhLocked),
		uhUnlockVMA: vmaTableLock.writeUnlock(uhPage, uhLocked),
		uhDone:      {Label: "done", Says: "all is unmapped", When: SharedPMDs, Local: true, Do: func(c *Ctx) Next { return Return }},
	},
})

const uhPMD, uhRef, uhPage, uhEnd, uhLocked = 0, 1, 2, 3, 4

const (
	uhLockVMA = iota
	uhLockMap
	uhUnshare
	uhClear
	uhRmap
	uhNext
	uhUnlockMap
	uhUnlockVMA
	uhDone
)

// hugetlb_change_protection over a range, in straight line:
//
//	lock the hugetlb VMA for writing, and i_mmap_rwsem; huge_pmd_unshare() may be all     // of a whole gigabyte
//	every page: lock the PMD; take it out, put it back with the VMA's protection; unlock
//	flush; unlock both
//
// The protection of a private mapping has no W, and nothing brings it back but a write fault.
//
// compare mm/hugetlb.c:hugetlb_change_protection
var _ = register(fnHugetlbChangeProtection, &Func{Hugetlb: true,
	Notify: pages(hpPage, hpEnd),
	Name:   "hugetlb_change_protection", File: "mm/hugetlb.c", Params: []int{hpPage, hpEnd},
	Locals: []Local{{"oldpte", PTELocal}, {"address", PageLocal}, {"end", PageLocal}, {"start", PageLocal}, {"locked", IntLocal}},
	Steps: []Step{
		hpBegin: {Label: "begin", Says: "from the first page on", Local: true, Do: func(c *Ctx) Next {
			c.Set(hpStart, c.L(hpPage))
			return Then
		}},
		hpLockVMA: vmaTableLock.writeLock(hpPage, hpLocked),
		hpLockMap: mapTableLock.writeLock(hpPage, hpLocked),
		hpUnshare: {Label: "unshare", Says: "is its PMD table one that mms share?", When: SharedPMDs, Local: true, Calls: []FuncID{fnHugePMDUnshare}, Do: func(c *Ctx) Next {
			if c.M.Gigabyte(c.Page(hpPage)) {
				return c.Call(fnHugePMDUnshare, hpTake, c.L(hpPage))
			}
			return Then
		}},
		hpTake: {Label: "start", Says: "lock the PMD, take it out", Ref: "huge_ptep_modify_prot_start", Touches: cell.Of(machine.PTLs, machine.PMDs), Reads: cell.Of(machine.Mappings),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hpPage))) },
			Do: func(c *Ctx) Next {
				p := c.Page(hpPage)
				old := machine.Entry(c.Load(c.M.PMD(p)))
				if old.IsMigration() {
					c.Say("the page is being moved: what its migration entry allows, is reading")
					if kind, _, _, _ := old.Migration(); kind == machine.MigrationWrite {
						c.SetPMD(p, c.readableMigration(old))
					}
					return hpNext
				}
				if !old.Has(machine.PSE) {
					c.Say("the PMD is none")
					return hpNext
				}
				c.Set(hpOld, uint64(old))
				c.SetPMD(p, old&^machine.Present)
				c.Lock(c.pmdLock(p))
				return Then
			}},
		hpCommit: {Label: "commit", Says: "put it back with the VMA's protection; unlock", Ref: "huge_ptep_modify_prot_commit", Touches: cell.Of(machine.PTLs, machine.PMDs), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			p := c.Page(hpPage)
			vma := c.Load(c.M.VMA(p))
			e := c.Entry(hpOld).Fresh() &^ (machine.RW | machine.Present | machine.ProtNone)
			switch {
			case vma&machine.VMAccess == 0:
				e |= machine.ProtNone
			case vma&machine.VMWrite != 0 && vma&machine.VMShared != 0:
				e |= machine.Present | machine.RW
			default:
				e |= machine.Present
			}
			e = e.WithPkey(machine.VMAPkey(vma))
			c.Sayf("put it back: %v", e)
			c.SetPMD(p, e)
			c.Unlock(c.pmdLock(p))
			return Then
		}},
		hpNext: {Label: "next", Says: "the next page", Local: true, Back: []int{hpTake}, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			if c.Page(hpPage) != c.Page(hpEnd) {
				c.Set(hpOld, 0)
				c.Set(hpPage, c.L(hpPage)+1)
				return hpTake
			}
			return c.Call(fnFlushTLBMMRange, hpUnlockMap, uint64(c.MM), c.L(hpStart), c.L(hpEnd), c.flushRange())
		}},
		hpUnlockMap: mapTableLock.writeUnlock(hpStart, hpLocked),
		hpUnlockVMA: vmaTableLock.writeUnlock(hpStart, hpLocked),
		hpDone:      {Label: "done", Says: "all is flushed", Local: true, Do: func(c *Ctx) Next { return c.Return(0) }},
	},
})

const hpOld, hpPage, hpEnd, hpStart, hpLocked = 0, 1, 2, 3, 4

const (
	hpBegin = iota
	hpLockVMA
	hpLockMap
	hpUnshare
	hpTake
	hpCommit
	hpNext
	hpUnlockMap
	hpUnlockVMA
	hpDone
)

// follow_hugetlb_page, in straight line:
//
//	lock the PMD; not a huge page: no page
//	not writable enough: no page; pinning read-only what may be shared: -EMLINK
//	try_grab_folio(); unlock
//
// Newer kernels walk hugetlb as they walk everything: follow_huge_pmd.
//
// compare mm/hugetlb.c:follow_hugetlb_page (until 6.5), hugetlb_follow_page_mask (until 6.9)
var _ = register(fnFollowHugetlbPage, &Func{Hugetlb: true,
	Name: "hugetlb_follow_page_mask", Was: []Name{{"follow_hugetlb_page", 605}}, File: "mm/hugetlb.c", Params: []int{flAddr, flFlags},
	Locals: []Local{{"pte", PTELocal}, {"address", PageLocal}, {"flags", FlagsLocal}},
	Steps: []Step{
		flLock: {Label: "lock", Says: "lock the PMD: present, and writable if asked?", Answer: "yes", Ref: "huge_pte_lock", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(flAddr))) },
			Do: func(c *Ctx) Next {
				e, flags := machine.Entry(c.Keep(flPTE, c.M.PMD(c.Page(flAddr)))), c.L(flFlags)
				if !e.Has(machine.PSE) || flags&FollWrite != 0 && !e.Has(machine.RW) {
					c.Say("no huge page is mapped there, or not so")
					return Return
				}
				c.Lock(c.pmdLock(c.Page(flAddr)))
				if flags&FollPin == 0 || flags&FollWrite != 0 || e.Has(machine.RW) {
					return flGrab
				}
				return Then
			}},
		flUnshare: {Label: "must_unshare", Says: "is the page exclusive?", Answer: "yes", Ref: "gup_must_unshare", When: With(GUPUnshare),
			Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.Flags, machine.Mappings, machine.VMAs), Do: func(c *Ctx) Next {
				f := c.Frame(flPTE)
				if c.mustUnshare(f, c.L(flFlags)) && (c.isAnon(f) || machine.IsCOW(c.Load(c.M.VMA(c.Page(flAddr))))) {
					c.Say("it may be shared: unlock the PMD, unshare it first")
					c.Unlock(c.pmdLock(c.Page(flAddr)))
					return c.Return(followUnshare)
				}
				return Then
			}},
		flGrab: {Label: "grab", Says: "take a reference; unlock the PMD", Ref: "try_grab_folio", Touches: cell.Of(machine.Refs, machine.PTLs), Do: func(c *Ctx) Next {
			c.takePin(c.Frame(flPTE), c.L(flFlags))
			c.Unlock(c.pmdLock(c.Page(flAddr)))
			if wantsNoPage(c.L(flFlags)) {
				c.Say("no page is wanted: unlock the PMD")
				return c.Return(followed)
			}
			return Return
		}},
	},
})

const flPTE, flAddr, flFlags = 0, 1, 2

const (
	flLock = iota
	flUnshare
	flGrab
)
