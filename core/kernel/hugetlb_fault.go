package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// hugetlb_fault, in straight line:
//
//	take the fault mutex of the page
//	of a whole gigabyte: the hugetlb VMA lock, for reading; huge_pmd_share() if the PUD is none
//	the PMD is none: hugetlb_no_page()
//	lock the PMD; it changed: done
//	a write, or an unshare, and it is read-only:
//	    lock the folio (if that sleeps: not here: fault again), take a reference, hugetlb_wp()
//	else: accessed (and dirty); unlock
//	drop both; and the VMA's own lock, if the fault must be made again because of it
//
// The mutex is of the page of the file, or of the memory that parent and children have in common: two
// faults on it would each take a page, and the pool may have but one.
//
// compare mm/hugetlb.c:hugetlb_fault
var _ = register(fnHugetlbFault, &Func{Hugetlb: true,
	Name: "hugetlb_fault", File: "mm/hugetlb.c", Params: []int{hgAddr, hgFlags},
	Locals: []Local{{"folio", HoldLocal}, {"pte", PTELocal}, {"address", PageLocal}, {"flags", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		hgMutex: {Label: "mutex", Says: "take the fault mutex of the page", Ref: "mutex_lock(hugetlb_fault_mutex_table)", Touches: cell.Of(machine.HugetlbPool),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FaultMutex(c.Page(hgAddr))) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.FaultMutex(c.Page(hgAddr)))
				return Then
			}},
		hgLockVMA: vmaTableLock.readLock(hgAddr, hgRead),
		hgLockMap: mapTableLock.readLock(hgAddr, hgRead),
		hgTable: {Label: "read_pud", Says: "has the PUD a table?", Answer: "yes", Ref: "huge_pte_alloc", When: SharedPMDs, Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnHugePMDShare}, Do: func(c *Ctx) Next {
			if !machine.Entry(c.Load(c.M.PUD(c.Page(hgAddr)))).Present() {
				c.Say("the PUD is none: look for a table to share")
				return c.Call(fnHugePMDShare, hgRead, c.L(hgAddr))
			}
			return Then
		}},
		hgRead: {Label: "read_pmd", Says: "read the PMD", Ref: "huge_ptep_get", Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnHugetlbNoPage}, Do: func(c *Ctx) Next {
			e := machine.Entry(c.Keep(hgPTE, c.M.PMD(c.Page(hgAddr))))
			if e.IsMigration() {
				c.Say("the page is being moved")
				return hgMigrating
			}
			if e.None() {
				c.Say("the PMD is none")
				return c.Call(fnHugetlbNoPage, hgDone, c.L(hgAddr), c.L(hgFlags))
			}
			return Then
		}},
		hgLock: {Label: "lock", Says: "lock the PMD; is it still the same?", Answer: "yes", Ref: "pte_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hgAddr))) },
			Do: func(c *Ctx) Next {
				p := c.Page(hgAddr)
				if machine.Entry(c.Load(c.M.PMD(p))) != c.Entry(hgPTE).Fresh() {
					c.Say("the PMD has changed: somebody else was faster")
					return hgUnlockVMA
				}
				c.Lock(c.pmdLock(p))
				if c.L(hgFlags)&faultAccess == 0 || c.Entry(hgPTE).Has(machine.RW) {
					return hgAccess
				}
				return Then
			}},
		hgTrylock: {Label: "trylock", Says: "try the folio lock, take a reference", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks, machine.Refs, machine.PTLs), Calls: []FuncID{fnHugetlbWP}, Do: func(c *Ctx) Next {
			f := c.Frame(hgPTE)
			if !c.TryLock(c.M.FolioLock(f)) {
				c.Say("the folio is locked: unlock the PMD, drop the mutex, wait, and fault again")
				c.Unlock(c.pmdLock(c.Page(hgAddr)))
				return hgDropVMA
			}
			c.Get(f, 1)
			c.Hold(hgFolio, f, 1)
			return c.Call(fnHugetlbWP, hgWrote, c.L(hgAddr), c.L(hgFlags), c.L(hgPTE))
		}},
		hgWrote: {Label: "unlock_folio", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Set(hgRet, c.Ret())
			c.Unlock(c.M.FolioLock(c.Held(hgFolio).Frame()))
			return hgPut
		}},
		hgDropVMA: vmaTableLock.readUnlock(hgAddr),
		hgDropMap: mapTableLock.readUnlock(hgAddr),
		hgDropMutex: {Label: "back_off", Says: "drop the fault mutex", Ref: "mutex_unlock", Touches: cell.Of(machine.HugetlbPool), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FaultMutex(c.Page(hgAddr)))
			return Then
		}},
		hgWait: {Label: "wait", Says: "wait until the folio is unlocked; fault again", Ref: "folio_wait_locked", Reads: cell.Of(machine.FolioLocks),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Frame(hgPTE))) },
			Do:   func(c *Ctx) Next { return Return }},
		hgPut: {Label: "put", Says: "put the folio", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putHugetlb(hgFolio, hgUnlockVMA)
		}},
		hgAccess: {Label: "access", Says: "set accessed in the PMD, unlock it", Ref: "huge_ptep_set_access_flags", Touches: cell.Of(machine.PTLs, machine.PMDs), Do: func(c *Ctx) Next {
			e := c.Entry(hgPTE) | machine.Accessed
			if c.L(hgFlags)&faultWrite != 0 {
				e |= machine.Dirty
			}
			c.SetPMD(c.Page(hgAddr), e)
			c.Unlock(c.pmdLock(c.Page(hgAddr)))
			return hgUnlockVMA
		}},
		hgDone: {Label: "done", Says: "a page is mapped, or not", Local: true, Do: func(c *Ctx) Next {
			c.Set(hgRet, c.Ret())
			return Then
		}},
		hgUnlockVMA: vmaTableLock.readUnlock(hgAddr),
		hgUnlockMap: mapTableLock.readUnlock(hgAddr),
		hgUnlockMutex: {Label: "unlock_mutex", Says: "drop the fault mutex", Ref: "mutex_unlock", Touches: cell.Of(machine.HugetlbPool), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FaultMutex(c.Page(hgAddr)))
			if c.L(hgRet) != faultRetry {
				return c.Return(c.L(hgRet))
			}
			return Then
		}},
		hgDropLock: {Label: "unlock_fault", Says: "drop the VMA's own lock", Ref: "vma_end_read", When: If(VMALockFaults, VMALockAny), Touches: cell.Of(machine.MMLocks), Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			c.dropFaultLock(c.Page(hgAddr), c.L(hgFlags))
			return c.Return(faultRetry)
		}},
		hgMigrating: {Label: "migration_wait", Says: "drop the fault mutex, wait until the page has moved; fault again", Ref: "migration_entry_wait_huge", When: Migrating, Touches: cell.Of(machine.HugetlbPool), Calls: []FuncID{fnPMDMigrationEntryWait}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.FaultMutex(c.Page(hgAddr)))
			return c.Call(fnPMDMigrationEntryWait, end, c.L(hgPTE), c.L(hgAddr))
		}},
	},
})

const hgFolio, hgPTE, hgAddr, hgFlags, hgRet = 0, 1, 2, 3, 4

const (
	hgMutex = iota
	hgLockVMA
	hgLockMap
	hgTable
	hgRead
	hgLock
	hgTrylock
	hgWrote
	hgDropVMA
	hgDropMap
	hgDropMutex
	hgWait
	hgPut
	hgAccess
	hgDone
	hgUnlockVMA
	hgUnlockMap
	hgUnlockMutex
	hgDropLock
	hgMigrating
)

// putHugetlb puts the huge page that a local holds, and goes on at step back.
func (c *Ctx) putHugetlb(local, back int) Next {
	f := c.Held(local).Frame()
	c.Release(local)
	return c.putFree(f, 1, back)
}

// hugetlb_no_page, under the fault mutex, in straight line:
//
//	a page was taken from this VMA because its parent needed it: SIGBUS
//	the page cache has the folio: lock it
//	it has none: beyond the file's end: SIGBUS
//	    a private mapping without an anon_vma: attach one, for which mmap_lock is needed; else the fault must be made again
//	    alloc_hugetlb_folio(), zeroed; none: SIGBUS
//	    a shared mapping: into the page cache, locked
//	lock the PMD; not none any more: put the folio, done
//	map it: writable and dirty in a shared mapping that may be written to; else read-only
//	a write in a private mapping: hugetlb_wp() at once
//	unlock both
//
// There is no zero page: a read in a private mapping takes a page of its own.
//
// compare mm/hugetlb.c:hugetlb_no_page
var _ = register(fnHugetlbNoPage, &Func{Hugetlb: true,
	Name: "hugetlb_no_page", File: "mm/hugetlb.c", Params: []int{hnAddr, hnFlags},
	Locals: []Local{{"folio", HoldLocal}, {"pte", PTELocal}, {"address", PageLocal}, {"flags", IntLocal}, {"cached", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		hnUnmapped: {Label: "unmapped", Says: "was a page taken from here?", Answer: "no", Ref: "HPAGE_RESV_UNMAPPED", Reads: cell.Of(machine.HugetlbPool), Do: func(c *Ctx) Next {
			p := c.Page(hnAddr)
			at := c.M.Pages()[p]
			if c.Load(c.M.Unmapped(at.MM, at.Region)) != 0 {
				c.Say("its parent needed the page: SIGBUS")
				return c.Return(sigbus)
			}
			if !c.isFile(p) {
				return hnPrepare
			}
			return Then
		}},
		hnFind: {Label: "find", Says: "look it up in the page cache", Ref: "filemap_lock_folio", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache), Do: func(c *Ctx) Next {
			if o, ok := c.backing(c.Page(hnAddr)); !ok || !c.find(0, o) {
				c.Say("the page cache has none")
				return hnSize
			}
			c.Set(hnCached, 1)
			return Then
		}},
		hnLockFolio: {Label: "lock_folio", Says: "lock it; is it still the file's?", Answer: "yes", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Wait: folioLockFree, Do: func(c *Ctx) Next {
			o, _ := c.backing(c.Page(hnAddr))
			if !c.ours(c.Held(0).Frame(), o) {
				c.Say("it is not the file's any more: look again")
				return hnPutAgain
			}
			c.Lock(c.M.FolioLock(c.Held(0).Frame()))
			return hnLock
		}},
		hnPutAgain: {Label: "put_again", Says: "put it", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{hnFind}, Do: func(c *Ctx) Next {
			c.Set(hnCached, 0)
			return c.putHugetlb(0, hnFind)
		}},
		hnSize: {Label: "i_size", Says: "is it inside the file?", Answer: "yes", Ref: "i_size_read", Reads: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			if o, ok := c.backing(c.Page(hnAddr)); !ok || c.beyondEOF(o) {
				c.Say("it lies beyond the file's end: SIGBUS")
				return c.Return(sigbus)
			}
			return Then
		}},
		hnPrepare: {Label: "anon_vma", Says: "has the VMA an anon_vma?", Answer: "yes", Ref: "__vmf_anon_prepare", When: If(VMALockFaults, VMALockAny), Touches: cell.Of(machine.VMAs, machine.MMLocks), Do: func(c *Ctx) Next {
			p := c.Page(hnAddr)
			if c.M.Region(p).Kind == machine.RegionFileShared {
				c.Say("the mapping is shared: its pages are the file's")
				return Then
			}
			if !c.anonPrepare(p, c.L(hnFlags)) {
				c.Say("it has none, and mmap_lock is not held: the fault must be made again")
				return c.Return(faultRetry)
			}
			return Then
		}},
		hnAlloc: {Label: "alloc", Says: "take a huge page of the pool", Ref: "alloc_hugetlb_folio", Local: true, Calls: []FuncID{fnAllocHugetlbFolio}, Do: func(c *Ctx) Next {
			return c.Call(fnAllocHugetlbFolio, hnAllocated, c.L(hnAddr), 0)
		}},
		hnAllocated: {Label: "allocated", Says: "got a huge page?", Local: true, Do: func(c *Ctx) Next {
			if c.Ret()&failed != 0 {
				return c.Return(sigbus)
			}
			if c.M.Region(c.Page(hnAddr)).Kind != machine.RegionFileShared {
				return hnLock
			}
			return Then
		}},
		hnAdd: {Label: "add", Says: "put it into the page cache, locked", Ref: "hugetlb_add_to_page_cache", When: Without(HugetlbCacheCountsPages), Touches: pageCacheTouches, Do: func(c *Ctx) Next { return c.addHugetlb(1) }},
		hnAddPages: {Label: "add", Says: "put it into the page cache, locked, with a reference for each of its pages", Ref: "hugetlb_add_to_page_cache", When: With(HugetlbCacheCountsPages), Touches: pageCacheTouches, Do: func(c *Ctx) Next {
			return c.addHugetlb(c.M.HugePages)
		}},
		hnLock: {Label: "map", Says: "lock the PMD; map it, if that is still none", Ref: "set_huge_pte_at", Touches: largeTouches, Do: (*Ctx).hugetlbMap,
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hnAddr))) }, Calls: []FuncID{fnHugetlbWP}},
		hnMapped: {Label: "mapped", Says: "is it one of the page cache?", Local: true, Do: func(c *Ctx) Next {
			c.Set(hnRet, c.Ret())
			if c.L(hnCached) != 0 {
				return Then
			}
			return hnNeeded
		}},
		hnUnlock: {Label: "unlock_folio", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Frame(hnPTE)))
			return Then
		}},
		hnNeeded: {Label: "needed", Says: "was it needed?", Local: true, Do: func(c *Ctx) Next {
			if !c.Held(0).Some() {
				return c.Return(c.L(hnRet))
			}
			return Then
		}},
		hnPut: {Label: "put", Says: "put the folio that was not needed", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putHugetlb(0, end)
		}},
	},
})

const hnPTE, hnAddr, hnFlags, hnCached, hnRet = 1, 2, 3, 4, 5

const (
	hnUnmapped = iota
	hnFind
	hnLockFolio
	hnPutAgain
	hnSize
	hnPrepare
	hnAlloc
	hnAllocated
	hnAdd
	hnAddPages
	hnLock
	hnMapped
	hnUnlock
	hnNeeded
	hnPut
)

// addHugetlb puts the folio in local 0 into the page cache, which holds n references on it. Under
// the fault mutex nobody else does.
// compare mm/hugetlb.c:hugetlb_add_to_page_cache
func (c *Ctx) addHugetlb(n int) Next {
	f := c.Held(0).Frame()
	o, _ := c.backing(c.Page(hnAddr))
	at := c.M.FilePages()[o]
	c.Lock(c.M.FolioLock(f))
	c.Store(c.M.Mapping(f), machine.FileMapping(at.File))
	c.Store(c.M.Index(f), uint64(at.Index))
	c.Store(c.M.Flags(f), machine.PGUptodate|machine.PGMigratable)
	c.Add(c.M.Ref(f), n)
	c.M.SetCacheSlot(o, uint64(machine.MakeHold(f, n)))
	c.M.FileWrote(o, 0)
	c.Set(hnCached, 1)
	return hnLock
}

// hugetlbMap maps the folio in local 0, whose reference becomes the PMD's.
func (c *Ctx) hugetlbMap() Next {
	p, f := c.Page(hnAddr), c.Held(0).Frame()
	c.Set(hnPTE, uint64(machine.MakeHuge(f, 0)))
	if c.pmdFaster(p) {
		return hnMapped
	}
	vma := c.Load(c.M.VMA(p))
	if c.L(hnCached) == 0 {
		c.newHugetlbAnon(f, p)
	} else {
		c.rmapAddPMD(f, 1)
	}
	bits := machine.Entry(0)
	if vma&machine.VMWrite != 0 && vma&machine.VMShared != 0 {
		bits = machine.RW | machine.Dirty
	}
	e := c.protected(machine.MakeHuge(f, bits), p)
	c.Release(0)
	c.SetPMD(p, e)
	c.Set(hnPTE, uint64(e))
	if c.L(hnFlags)&faultWrite == 0 || vma&machine.VMShared != 0 {
		c.Sayf("map it: %v; unlock the PMD", e)
		return hnMapped
	}
	c.Sayf("map it: %v; it is to be written to", e)
	c.Lock(c.pmdLock(p))
	return c.Call(fnHugetlbWP, hnMapped, c.L(hnAddr), c.L(hnFlags), uint64(e))
}

// newHugetlbAnon makes a fresh huge page an anonymous one that the page's mm maps, exclusively.
// compare mm/rmap.c:hugetlb_add_new_anon_rmap
func (c *Ctx) newHugetlbAnon(f machine.Frame, p machine.PageID) {
	c.prepareAnonVMA(p)
	c.ownAnon(f, p)
	c.rmapAddPMD(f, 1)
	c.Store(c.M.Flags(f), machine.PGUptodate|machine.PGMigratable|c.sim.exclusive)
}
