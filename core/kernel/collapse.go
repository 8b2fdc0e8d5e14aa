package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What a scan of a range for collapse finds, as madvise_collapse_errno() turns it into an errno.
const (
	scanSucceed   = 0
	scanPTEMapped = 1               // the file has a huge page there already, which PTEs may map
	scanInvalid   = failed | EINVAL // no VMA that can hold a huge page, no page table, nothing writable
	scanNoMemory  = failed | ENOMEM // no VMA, no free block
	scanAgain     = failed | EAGAIN // somebody uses a page
)

// scanCount is that for a page that has a reference which nothing explains.
func (c *Ctx) scanCount() uint64 {
	if c.sim.collapseCountAgain {
		return scanAgain
	}
	return scanInvalid
}

// khugepaged on one range, in straight line:
//
//	lru_add_drain_all()          // older kernels: nothing
//	until 6.5: page tables over huge pages of files that were noted: khugepaged_collapse_pte_mapped_thps()
//	hpage_collapse_scan_pmd(), collapse_huge_page(); of a file: hpage_collapse_scan_file(), collapse_file()
//	PTEs map a huge page of the file:
//	    until 6.5: the PMD has a page table: note it for the next pass
//	    mmap_read_lock(); the mm is not going: collapse_pte_mapped_thp(); mmap_read_unlock()
//
// compare mm/khugepaged.c:khugepaged_scan_mm_slot
var _ = register(fnKhugepaged, &Func{Name: "khugepaged", File: "mm/khugepaged.c", Params: []int{coAddr, coLast}, Locals: collapseLocals, Steps: []Step{
	kpDrain: collapseDrain,
	kpNoted: {Label: "noted", Says: "are page tables over huge pages of files noted?", Answer: "yes", Ref: "khugepaged_collapse_pte_mapped_thps", When: Without(KhpRetractRCU).AndKhpPasses(), Reads: cell.Of(machine.MMs), Calls: []FuncID{fnCollapsePTEMappedTHPs}, Do: func(c *Ctx) Next {
		if c.Load(c.M.NotedTHP(c.mmOf(coAddr))) == 0 {
			c.Say("no page table is noted")
			return Then
		}
		return c.Call(fnCollapsePTEMappedTHPs, kpScan, c.L(coAddr))
	}},
	kpScan:    collapseScan(kpScanned, 0),
	kpScanned: collapseScanned(kpNext),
	kpNote: {Label: "note", Says: "note the page table for the next pass", Ref: "khugepaged_add_pte_mapped_thp", When: Without(KhpRetractRCU).AndKhpPasses(), Touches: cell.Of(machine.MMs), Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
		p := c.Page(coAddr)
		if !machine.Entry(c.Load(c.M.PMD(p))).Present() {
			c.Say("there is no page table: nothing to do")
			return kpNext
		}
		c.Or(c.M.NotedTHP(c.mmOf(coAddr)), c.M.NotedBit(p))
		return kpNext
	}},
	kpLock: mmapReadLockOf(coAddr, With(KhpRetractRCU).AndKhpPasses()),
	kpExit: khpPassExit(testExitStep(coAddr, coResult, kpUnlock)),
	kpMapped: {Label: "mapped", Says: "do PTEs map it? Then take their page table", Ref: "collapse_pte_mapped_thp", When: With(KhpRetractRCU).AndKhpPasses(), Local: true, Calls: []FuncID{fnCollapsePTEMappedTHP}, Do: func(c *Ctx) Next {
		return c.Call(fnCollapsePTEMappedTHP, kpUnlock, c.L(coAddr), 0)
	}},
	kpUnlock: mmapReadUnlockOf(coAddr, With(KhpRetractRCU).AndKhpPasses()),
	kpNext:   collapseNext(kpScan),
}})

const (
	kpDrain = iota
	kpNoted
	kpScan
	kpScanned
	kpNote
	kpLock
	kpExit
	kpMapped
	kpUnlock
	kpNext
)

// madvise(MADV_COLLAPSE) on every huge page of a range, in straight line:
//
//	lru_add_drain_all()
//	hpage_collapse_scan_pmd(), collapse_huge_page(); of a file: hpage_collapse_scan_file(), collapse_file()
//	PTEs may map a huge page of the file:
//	    mmap_write_lock(), from 6.6 on mmap_read_lock(); collapse_pte_mapped_thp(), which maps it by the PMD; unlock
//
// What madvise returns is what the last failure was: read in source (6.1, 6.12).
//
// compare mm/khugepaged.c:madvise_collapse
var _ = register(fnMadviseCollapse, &Func{Name: "madvise_collapse", File: "mm/khugepaged.c", Params: []int{coAddr, coLast, coAdvice}, Locals: collapseLocals, Steps: []Step{
	mvcDrain:     collapseDrain,
	mvcScan:      collapseScan(mvcScanned, 1),
	mvcScanned:   collapseScanned(mvcNext),
	mvcWriteLock: mmapWriteLockOf(coAddr, Without(KhpRetractRCU).AndKhpPasses()),
	mvcLock:      mmapReadLockOf(coAddr, With(KhpRetractRCU).AndKhpPasses()),
	mvcMapped: {Label: "mapped", Says: "have the PMD map it", Ref: "collapse_pte_mapped_thp", When: KhpPasses, Local: true, Calls: []FuncID{fnCollapsePTEMappedTHP}, Do: func(c *Ctx) Next {
		return c.Call(fnCollapsePTEMappedTHP, mvcWriteUnlock, c.L(coAddr), 1)
	}},
	mvcWriteUnlock: mmapWriteUnlockOf(coAddr, Without(KhpRetractRCU).AndKhpPasses()),
	mvcUnlock:      mmapReadUnlockOf(coAddr, With(KhpRetractRCU).AndKhpPasses()),
	mvcNext:        collapseNext(mvcScan),
}})

const (
	mvcDrain = iota
	mvcScan
	mvcScanned
	mvcWriteLock
	mvcLock
	mvcMapped
	mvcWriteUnlock
	mvcUnlock
	mvcNext
)

const coAddr, coLast, coAdvice, coResult = 0, 1, 2, 3

var collapseLocals = []Local{{"address", PageLocal}, {"last", PageLocal}, {"advice", IntLocal}, {"last_fail", IntLocal}}

var collapseDrain = Step{Label: "drain", Says: "empty all LRU batches", Ref: "lru_add_drain_all", When: With(KhpDrainsAll), Local: true, Calls: []FuncID{fnLRUAddDrainAll}, Do: func(c *Ctx) Next {
	return c.Call(fnLRUAddDrainAll, 1)
}}

// collapseScan scans a range, and collapses it; enforced: because somebody asks for it.
func collapseScan(scanned int, enforced uint64) Step {
	return Step{Label: "scan", Says: "scan the next range", Ref: "hpage_collapse_scan_pmd", Local: true, Calls: []FuncID{fnCollapseScan}, Do: func(c *Ctx) Next {
		return c.Call(fnCollapseScan, scanned, c.L(coAddr), enforced)
	}}
}

// collapseScanned passes a range over, for next, if PTEs cannot map a huge page of a file there.
func collapseScanned(next Next) Step {
	return Step{Label: "scanned", Says: "may PTEs map a huge page of the file?", When: KhpPasses, Local: true, Do: func(c *Ctx) Next {
		if ret := c.Ret(); ret != scanPTEMapped {
			if ret != scanSucceed {
				c.Set(coResult, ret)
			}
			return next
		}
		return Then
	}}
}

// collapseNext goes on with the next range at step again, if there is one.
func collapseNext(again int) Step {
	return Step{Label: "next", Says: "another range?", Local: true, Back: []int{again}, Do: func(c *Ctx) Next {
		if ret := c.Ret(); ret != scanSucceed {
			c.Set(coResult, ret)
		}
		if next := c.M.HugeEnd(c.Page(coAddr)); next <= c.Page(coLast) {
			c.Set(coAddr, uint64(next))
			return Next(again)
		}
		return c.Return(c.L(coResult))
	}}
}

// khpPassExit is a look at the mm's end that is there where khugepaged may come to huge pages of files.
func khpPassExit(s Step) Step {
	s.When = s.When.AndKhpPasses()
	return s
}

// hpage_collapse_scan_pmd, in straight line:
//
//	mmap_read_lock()
//	the mm is going: stop
//	no VMA that a huge page fits into, or (khugepaged) that wants one: stop
//	the PMD is none: stop; huge: done already
//	lock the PTL; every PTE: none, zero page, swap or migration entry: go on
//	              not on the LRU list, locked, or references that mappings do not explain: stop
//	no PTE is writable: stop; unlock
//	mmap_read_unlock()
//	collapse_huge_page()
//
// compare mm/khugepaged.c:hpage_collapse_scan_pmd
var _ = register(fnCollapseScan, &Func{Large: true,
	Name: "hpage_collapse_scan_pmd", Was: []Name{{"khugepaged_scan_pmd", 600}}, File: "mm/khugepaged.c", FileWas: []Name{{"mm/huge_memory.c", 408}}, Params: []int{ksAddr, ksEnforced},
	Locals: []Local{{"pmd", TableLocal}, {"address", PageLocal}, {"enforced", IntLocal}, {"result", IntLocal}},
	Steps: []Step{
		ksLock: mmapReadLockOf(ksAddr, Cond{}),
		ksExit: testExitStep(ksAddr, ksResult, ksUnlock),
		ksVMA: {Label: "vma", Says: "does a huge page fit into the VMA?", Answer: "yes", Ref: "hugepage_vma_revalidate", Reads: cell.Of(machine.VMAs, machine.MMs), Do: func(c *Ctx) Next {
			p := c.Page(ksAddr)
			vma := c.Load(c.M.VMA(p))
			switch {
			case !c.anyVMA(c.M.HugeStart(p), c.M.HugeEnd(p)):
				c.Say("there is no VMA")
				c.Set(ksResult, scanNoMemory)
				return ksUnlock
			case c.isFile(p) && c.sim.fileTHP:
				return c.scanFile(p)
			case !c.hugeFits(p) || c.L(ksEnforced) == 0 && vma&machine.VMHugepage == 0:
				c.Say("no huge page fits into the VMA, or it wants none")
				c.Set(ksResult, scanInvalid)
				return ksUnlock
			}
			return Then
		}},
		ksPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "find_pmd_or_thp_or_none", Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			switch pmd := machine.Entry(c.Keep(ksTable, c.M.PMD(c.Page(ksAddr)))); {
			case pmd.Has(machine.PSE):
				c.Say("it is a huge page already")
				return ksUnlock
			case !pmd.Present():
				c.Say("there is no page table: nothing to collapse")
				c.Set(ksResult, scanInvalid)
				return ksUnlock
			}
			return Then
		}},
		ksScan: {Label: "scan", Says: "under the PTL, look at every PTE", Ref: "pte_offset_map_lock", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs, machine.Flags, machine.Refs, machine.Mapcounts, machine.Mappings, machine.FolioLocks),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(ksTable))) }, Do: (*Ctx).collapseScan},
		ksUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(ksAddr)))
			return c.Return(c.L(ksResult))
		}},
		ksFound: {Label: "found", Says: "drop mmap_lock, to allocate", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Calls: []FuncID{fnCollapseHugePage}, Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(ksAddr)))
			return c.Call(fnCollapseHugePage, ksDone, c.L(ksAddr))
		}},
		ksFile: {Label: "file", Says: "it is a file's: drop mmap_lock", Ref: "mmap_read_unlock", When: FileTHP, Touches: cell.Of(machine.MMLocks), Calls: []FuncID{fnCollapseScanFile}, Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(ksAddr)))
			start := c.M.HugeStart(c.Page(ksAddr))
			o, _ := c.backing(start)
			if c.L(ksEnforced) == 0 {
				return c.Call(fnCollapseScanFile, ksDone, uint64(o), 0, 0)
			}
			return c.Call(fnCollapseScanFile, ksDone, uint64(o), uint64(start), 1)
		}},
		ksDone: {Label: "done", Says: "return what came of it", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
	},
})

const ksTable, ksAddr, ksEnforced, ksResult = 0, 1, 2, 3

const (
	ksLock = iota
	ksExit
	ksVMA
	ksPMD
	ksScan
	ksUnlock
	ksFound
	ksFile
	ksDone
)

// scanFile goes on with a page of a file: whoever mounts its file system has said that it wants huge pages. They begin where the file's do.
// compare mm/khugepaged.c:khugepaged_scan_mm_slot, include/linux/huge_mm.h:thp_vma_suitable_order
func (c *Ctx) scanFile(p machine.PageID) Next {
	if o, ok := c.backing(c.M.HugeStart(p)); ok && c.hugeFits(p) && c.M.FilePages()[o].Index%c.M.HugePages == 0 {
		return ksFile
	}
	c.Say("no huge page of the file fits into the VMA")
	c.Set(ksResult, scanInvalid)
	return ksUnlock
}

// collapseScan is the first look at the PTEs, cheap and unsure.
func (c *Ctx) collapseScan() Next {
	first, writable := c.M.HugeStart(c.Page(ksAddr)), false
	for p := first; p < c.M.HugeEnd(first); p++ {
		e := machine.Entry(c.Load(c.PTE(c.Frame(ksTable), p)))
		if e.None() || (e.IsSwap() || e.IsMigration()) && c.sim.collapsesSwapped || e.Present() && e.Frame() == machine.ZeroPage {
			continue
		}
		if e.IsSwap() || e.IsMigration() {
			c.Say("a page is not there: not now")
			c.Set(ksResult, scanAgain)
			return ksUnlock
		}
		if e.IsPoison() {
			c.Say(failedThere)
			c.Set(ksResult, scanInvalid)
			return ksUnlock
		}
		writable = writable || e.Has(machine.RW)
		if !e.Present() || !machine.IsAnon(c.Load(c.M.Mapping(c.M.Head(e.Frame())))) || !c.collapsible(e.Frame()) {
			c.Sayf("somebody else uses %s: not now", c.M.FrameName(e.Frame()))
			c.Set(ksResult, scanAgain)
			return ksUnlock
		}
		if !c.collapseCount(e.Frame()) {
			c.Sayf("somebody else has a reference on %s: not now", c.M.FrameName(e.Frame()))
			c.Set(ksResult, c.scanCount())
			return ksUnlock
		}
	}
	if !writable {
		c.Say("no page of it is writable")
		c.Set(ksResult, scanInvalid)
		return ksUnlock
	}
	return ksFound
}

// collapsible reports whether a page is on the LRU list, and not locked.
func (c *Ctx) collapsible(f machine.Frame) bool {
	head := c.M.Head(f)
	if c.M.IsLarge(f) && !c.sim.collapsesCompound {
		return false
	}
	return c.Load(c.M.Flags(head))&machine.PGLRU != 0 && c.Free(c.M.FolioLock(head)).Ready()
}

// collapseCount reports whether mappings and the swap cache explain all references.
// Until 5.7 only one mapping does: what fork shares is not collapsed.
// compare mm/khugepaged.c:is_refcount_suitable
func (c *Ctx) collapseCount(f machine.Frame) bool {
	want := c.folioMapcount(f)
	if !c.sim.collapsesShared {
		want = 1
	}
	if c.Load(c.folioFlags(f))&machine.PGSwapCache != 0 {
		want += uint64(c.M.FolioPages(f))
	}
	return c.Load(c.M.Ref(c.M.Head(f))) == want
}

// khugepagedMeetsExit reports whether khugepaged may meet the end of an mm.
func (s *Setup) khugepagedMeetsExit() bool {
	return s.calls(func(c *Call) bool { return c.entry == fnKhugepaged }) && s.calls(func(c *Call) bool { return c.entry == fnExit })
}

// calls reports whether a task makes a call of a kind.
func (s *Setup) calls(kind func(*Call) bool) bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool { return kind(st.Call) })
	})
}

// testExitStep looks, under mmap_lock, whether the last user of the mm has left it. Who leaves it waits for mmap_lock afterwards, and only then takes
// the memory away. A local has the page; then the result is that there is nothing to collapse, and who asks goes on at step next.
// compare mm/khugepaged.c:hpage_collapse_test_exit
func testExitStep(page, result int, next Next) Step {
	return Step{Label: "test_exit", Says: "is the mm going?", Answer: "no", Ref: "hpage_collapse_test_exit", When: With(KhugepagedExit).AndKhugepagedExit(), Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
		if c.Load(c.M.MMUsers(c.mmOf(page))) != 0 {
			return Then
		}
		c.Say("the mm is going: give up")
		c.Set(result, scanInvalid)
		return next
	}}
}
