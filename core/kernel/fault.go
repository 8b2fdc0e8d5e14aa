package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Fault flags.
const (
	faultWrite       uint64 = 1 << iota // FAULT_FLAG_WRITE
	faultUnshare                        // FAULT_FLAG_UNSHARE
	faultAllowRetry                     // FAULT_FLAG_ALLOW_RETRY: mmap_lock may be dropped, and the fault be made again
	faultRetryNowait                    // FAULT_FLAG_RETRY_NOWAIT: rather than waiting, it is not made
	faultTried                          // FAULT_FLAG_TRIED: it is made again
	faultVMALock                        // FAULT_FLAG_VMA_LOCK: the VMA's lock is held instead of mmap_lock
	faultKillable                       // FAULT_FLAG_KILLABLE: waiting ends when the task is killed
	faultOnce                           // its caller holds mmap_lock and gives up where the fault would have to be made again
	faultRemote                         // FAULT_FLAG_REMOTE: for somebody who comes from afar; said where there are protection keys alone
	faultPkey                           // X86_PF_PK: a protection key forbade the access

	faultAccess = faultWrite | faultUnshare
)

// faultRetry is what a fault returns that has to be made again, as it has dropped mmap_lock to wait (or would have had to
// wait, and must not): VM_FAULT_RETRY.
const faultRetry = 1 << 9

// faultCompleted is what a fault returns that is done, and has dropped mmap_lock at its end: VM_FAULT_COMPLETED.
const faultCompleted = 1 << 10

// faultHWPoison is what a fault returns where the memory has failed: VM_FAULT_HWPOISON.
const faultHWPoison = failed | EHWPOISON

// faultWrote is what a write fault returns that has made the page one to write
// to: VM_FAULT_WRITE.
const faultWrote = 1 << 8

func faultFlags(write bool) uint64 {
	if write {
		return faultWrite
	}
	return 0
}

// do_user_addr_fault, in straight line:
//
//	vma = lock_vma_under_rcu(), first of anonymous memory alone; got it: handle_mm_fault(), unlock it, done; to be made again: go on
//	retry: mmap_read_lock(); no VMA: expand_stack(), if the one above is a stack; none, or it does not allow it: SIGSEGV
//	handle_mm_fault(); to be made again (mmap_lock is dropped): retry; completed (mmap_lock is dropped, too): done
//	mmap_read_unlock()
//
// A fault that would have to wait for a folio's lock or for I/O drops the lock that it is made under, waits, and is made
// again. The second time it waits with mmap_lock held.
//
// compare arch/x86/mm/fault.c:do_user_addr_fault
var _ = register(fnDoUserAddrFault, &Func{
	Name: "do_user_addr_fault", Was: []Name{{"__do_page_fault", 504}}, File: "arch/x86/mm/fault.c", Params: []int{pfAddr, pfFlags},
	Locals: []Local{{"address", PageLocal}, {"flags", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		pfVMALock: {Label: "lock_vma", Says: "take the VMA's own lock", Ref: "lock_vma_under_rcu", When: With(PerVMALock),
			Touches: cell.Of(machine.MMLocks), Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnHandleMMFault}, Do: func(c *Ctx) Next {
				w, vma := c.vmaWords(c.Page(pfAddr))
				switch {
				case c.Load(vma) == 0 || !c.ReadFree(w).Ready():
					c.Say("the VMA is gone or being changed: take mmap_lock instead")
					return pfLock
				case !c.sim.vmaLockAny && (!c.isAnonymous(c.Page(pfAddr)) || !c.hasAnonVMA(c.Page(pfAddr))):
					c.Say("the VMA is not one of anonymous memory, or has no anon_vma yet: take mmap_lock instead")
					return pfLock
				}
				if c.segv(c.Page(pfAddr), c.L(pfFlags)) {
					return c.Signal(SIGSEGV)
				}
				c.ReadLock(w)
				return c.Call(fnHandleMMFault, pfVMADone, c.L(pfAddr), c.L(pfFlags)|c.sim.allowRetry|faultVMALock)
			}},
		pfLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				return Then
			}},
		pfVMA: {Label: "vma", Says: "find the VMA", Ref: "lock_mm_and_find_vma", Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnHandleMMFault}, Do: func(c *Ctx) Next {
			_, vma := c.vmaWords(c.Page(pfAddr))
			if c.Load(vma) == 0 && c.growsTo(c.Page(pfAddr)) {
				c.Say("no VMA, and the one above grows down")
				return pfExpand
			}
			if c.Load(vma) == 0 || c.segv(c.Page(pfAddr), c.L(pfFlags)) {
				c.sayRefused(c.Page(pfAddr), "SIGSEGV")
				c.Set(pfRet, failed|signalled|SIGSEGV)
				return pfUnlock
			}
			return c.Call(fnHandleMMFault, pfDone, c.L(pfAddr), c.L(pfFlags)|c.sim.allowRetry)
		}},
		pfDone: {Label: "done", Says: "fault done", Local: true, Back: []int{pfLock}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			switch ret {
			case faultRetry:
				c.Set(pfFlags, c.L(pfFlags)|faultTried)
				return pfLock
			case faultCompleted:
				return c.Return(0)
			}
			c.Set(pfRet, faultSignal(ret))
			return Then
		}},
		pfUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			return c.Return(c.L(pfRet))
		}},
		pfVMADone: {Label: "vma_done", Says: "fault done?", Local: true, When: With(PerVMALock), Back: []int{pfLock}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			switch ret {
			case faultRetry:
				c.Set(pfFlags, c.L(pfFlags)|faultTried)
				return pfLock
			case faultCompleted:
				return c.Return(0)
			}
			c.Set(pfRet, faultSignal(ret))
			return Then
		}},
		pfVMAUnlock: {Label: "unlock_vma", Says: "drop the VMA's lock", Ref: "vma_end_read", When: With(PerVMALock), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			w, _ := c.vmaWords(c.Page(pfAddr))
			c.ReadUnlock(w)
			return c.Return(c.L(pfRet))
		}},
		pfExpand: {Label: "expand_stack", Says: "it begins lower", Ref: "expand_stack", When: Without(ExpandStackLocked).and(hasStack), Touches: cell.Of(machine.VMAs), Back: []int{pfVMA}, Do: func(c *Ctx) Next {
			if p := c.Page(pfAddr); c.Load(c.M.VMA(p)) == 0 && c.growsTo(p) { // nobody else, under the same lock, was faster
				c.growStack(p)
			}
			return pfVMA
		}},
		pfExpandLocked: {Label: "expand_stack", Says: "have it begin lower", Ref: "lock_mm_and_find_vma", When: With(ExpandStackLocked).and(hasStack), Local: true, Calls: []FuncID{fnExpandStack}, Do: func(c *Ctx) Next {
			return c.Call(fnExpandStack, pfExpanded, c.L(pfAddr))
		}},
		pfExpanded: {Label: "expanded", Says: "does it?", When: With(ExpandStackLocked).and(hasStack), Local: true, Back: []int{pfVMA}, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return c.Signal(SIGSEGV)
			}
			return pfVMA
		}},
	},
})

// faultSignal is what a thread gets whose page fault failed: SIGBUS, unless it says that it is another.
func faultSignal(ret uint64) uint64 {
	if ret&failed != 0 && errno(ret) != SIGSEGV {
		return failed | signalled | SIGBUS
	}
	return ret
}

const pfAddr, pfFlags, pfRet = 0, 1, 2

const (
	pfVMALock = iota
	pfLock
	pfVMA
	pfDone
	pfUnlock
	pfVMADone
	pfVMAUnlock
	pfExpand
	pfExpandLocked
	pfExpanded
)

// vmaWords returns the lock of a page's VMA, and the word that says whether it is in the tree.
func (c *Ctx) vmaWords(p machine.PageID) (lock, vma machine.Word) {
	at := c.M.Pages()[p]
	return c.M.VMALock(at.MM, at.Region), c.M.VMA(p)
}

// writeLockingAdvices are the advices for which madvise takes mmap_lock for writing.
// compare mm/madvise.c:madvise_need_mmap_write
var writeLockingAdvices = []string{"MADV_COLLAPSE", "MADV_MERGEABLE", "MADV_UNMERGEABLE", "MADV_DONTFORK", "MADV_DOFORK", "MADV_WIPEONFORK", "MADV_KEEPONFORK", "MADV_NOHUGEPAGE"}

// retries is faultAllowRetry where somebody may take an mmap_lock for writing, or send a signal: elsewhere nobody could tell whether a fault
// that waits holds one for reading, and it waits with the lock held.
func (s *Setup) retries() uint64 {
	if s.stacks() {
		return faultAllowRetry
	}
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			switch st.Call.entry {
			case fnMunmap, fnFork, fnMprotect, fnMremap, fnPrctl, fnPkeyAlloc, fnPkeyFree, fnKhugepaged, fnKill, fnMlock, fnMunlock, fnUprobeRegister, fnUprobeUnregister:
				return faultAllowRetry
			}
			for _, a := range st.Args {
				if slices.Contains(writeLockingAdvices, a.Word) {
					return faultAllowRetry
				}
			}
		}
	}
	return 0
}

// mayDrop reports whether a fault with these flags may drop the lock that it is made under, instead of waiting with it
// held: the first time.
// compare include/linux/mm_types.h:fault_flag_allow_retry_first
func mayDrop(flags uint64) bool { return flags&faultAllowRetry != 0 && flags&faultTried == 0 }

// dropFaultLock drops the lock under which the fault at the page is made; not where the fault must not wait at all.
// compare include/linux/mm.h:release_fault_lock
func (c *Ctx) dropFaultLock(p machine.PageID, flags uint64) {
	switch {
	case flags&faultRetryNowait != 0:
	case flags&faultVMALock != 0:
		w, _ := c.vmaWords(p)
		c.ReadUnlock(w)
	default:
		c.ReadUnlock(c.M.MmapLock(c.M.Pages()[p].MM))
	}
}

// segv reports whether the VMA's permissions forbid the access, or protection keys do.
// compare arch/x86/mm/fault.c:access_error
func (c *Ctx) segv(p machine.PageID, flags uint64) bool {
	vma := c.Load(c.M.VMA(p))
	if flags&faultPkey != 0 || c.pkeyForbidsVMA(p, flags&faultWrite != 0, false) {
		return true
	}
	if flags&faultWrite != 0 {
		return vma&machine.VMWrite == 0
	}
	return vma&machine.VMAccess == 0
}

// handle_pte_fault, in straight line:
//
//	a protection key forbids it, unless it is for somebody who comes from afar: SIGSEGV
//	hugetlb: hugetlb_fault()
//	pmd none: do_huge_pmd_anonymous_page() if a huge page fits; else allocate a page table
//	    of a file, where a huge page may be mapped by its PMD: do_read_fault() or do_shared_fault(), without a page table
//	pmd huge, of a file, and to be written, and read-only: __split_huge_pmd(): none again
//	pmd huge: do_huge_pmd_numa_page() if NUMA balancing made it inaccessible; do_huge_pmd_wp_page(), or set accessed
//	pte = ptep_get_lockless(); none: do_anonymous_page(); swapped: do_swap_page(); being moved: migration_entry_wait();
//	    poison: SIGBUS
//	made inaccessible by NUMA balancing: do_numa_page()
//	lock the PTL; the PTE changed: somebody else was faster, done
//	write or unshare, and the PTE is read-only: do_wp_page()
//	set accessed (and dirty); unlock
//
// compare mm/memory.c:__handle_mm_fault, handle_pte_fault
var _ = register(fnHandleMMFault, &Func{
	Name: "handle_mm_fault", File: "mm/memory.c", Params: []int{hfAddr, hfFlags},
	Locals: []Local{{"pmd", TableLocal}, {"orig_pte", PTELocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		hfPkey: {Label: "pkey", Says: "does the VMA's protection key allow it?", Answer: "yes", Ref: "arch_vma_access_permitted", When: Pkeyed, Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if c.pkeyForbidsVMA(c.Page(hfAddr), c.L(hfFlags)&faultWrite != 0, c.L(hfFlags)&faultRemote != 0) {
				c.Say("the VMA's protection key forbids it: SIGSEGV")
				return c.Return(failed | signalled | SIGSEGV)
			}
			return Then
		}},
		hfP4D: p4dStep(hfAddr, "p4d_alloc"),
		hfPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "__handle_mm_fault", Reads: cell.Of(machine.PMDs, machine.VMAs), Calls: []FuncID{fnPTEAlloc, fnDoHugePMDAnonymousPage, fnDoHugePMDWPPage, fnDoHugePMDNUMAPage, fnPMDMigrationEntryWait, fnHugetlbFault}, Back: []int{hfPMD}, Do: func(c *Ctx) Next {
			if c.M.HugetlbPage(c.Page(hfAddr)) {
				c.Say("it is memory in huge pages of hugetlb")
				return c.Call(fnHugetlbFault, hfEnd, c.L(hfAddr), c.L(hfFlags))
			}
			pmd := machine.Entry(c.Keep(hfTable, c.M.PMD(c.Page(hfAddr))))
			switch {
			case pmd.Has(machine.PSE|machine.ProtNone) && c.Load(c.M.VMA(c.Page(hfAddr)))&machine.VMAccess != 0:
				return c.Call(fnDoHugePMDNUMAPage, hfEnd, c.L(hfAddr), uint64(pmd))
			case pmd.Has(machine.PSE) && c.L(hfFlags)&faultAccess != 0 && !pmd.Has(machine.RW) && c.isFile(c.Page(hfAddr)):
				return hfFileSplit
			case pmd.Has(machine.PSE) && c.L(hfFlags)&faultAccess != 0 && !pmd.Has(machine.RW):
				return c.Call(fnDoHugePMDWPPage, hfHuge, c.L(hfAddr), c.L(hfFlags), uint64(pmd))
			case pmd.Has(machine.PSE):
				return hfHugeAccess
			case pmd.PMDNone() && c.hugeAllowed(c.Page(hfAddr)):
				c.Say("the PMD is none: a huge page fits here")
				return c.Call(fnDoHugePMDAnonymousPage, hfHuge, c.L(hfAddr), c.L(hfFlags))
			case pmd.IsMigration():
				c.Say("the huge page is being moved: wait")
				return c.Call(fnPMDMigrationEntryWait, hfEnd, c.L(hfTable), c.L(hfAddr))
			case !pmd.Present() && c.mapsByPMD(c.Page(hfAddr)) && (c.L(hfFlags)&faultWrite == 0 || c.M.Region(c.Page(hfAddr)).Kind == machine.RegionFileShared):
				return hfFileFault
			case !pmd.Present():
				c.Say("the PMD is none: a page table is missing")
				return c.Call(fnPTEAlloc, hfPMD, c.L(hfAddr))
			}
			return Then
		}},
		hfHuge: {Label: "huge", Says: "did a huge page do?", Local: true, When: Large, Calls: []FuncID{fnPTEAlloc}, Back: []int{hfPMD}, Do: func(c *Ctx) Next {
			ret := c.Ret()
			switch ret {
			case hugeSplit:
				return hfPMD
			case hugeNone:
				return c.Call(fnPTEAlloc, hfPMD, c.L(hfAddr))
			}
			return c.Return(ret)
		}},
		hfHugeAccess: {Label: "huge_access", Says: "set accessed in the PMD", Ref: "huge_pmd_set_accessed", When: Large, Touches: cell.Of(machine.PMDs), Reads: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(hfAddr))) },
			Do: func(c *Ctx) Next {
				return c.hugeAccess(c.Entry(hfTable), c.Page(hfAddr), c.L(hfFlags)&faultWrite != 0)
			}},
		hfReadHalves: {Label: "read_halves", Says: "read the PTE, half by half", Ref: "vmf->orig_pte", When: Halved, Local: true, Calls: []FuncID{fnFaultReadPTE}, Do: func(c *Ctx) Next {
			return c.Call(fnFaultReadPTE, hfHalves, c.L(hfTable), c.L(hfAddr))
		}},
		hfHalves: {Label: "orig_pte", Says: "go by what was read", When: Halved, Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnDoAnonymousPage, fnDoSwapPage, fnDoReadFault, fnDoCowFault, fnDoSharedFault, fnDAXIomapPTEFault, fnMigrationEntryWait, fnDoNUMAPage}, Do: func(c *Ctx) Next {
			return c.pteFault(c.Entry(hfPTE))
		}},
		hfRead: {Label: "read_pte", Says: "read the PTE", Ref: "ptep_get_lockless", When: Whole, Map: &TableMap{hfTable, hfAddr, Return}, Reads: cell.Of(machine.PTEs, machine.VMAs), Calls: []FuncID{fnDoAnonymousPage, fnDoSwapPage, fnDoReadFault, fnDoCowFault, fnDoSharedFault, fnDAXIomapPTEFault, fnMigrationEntryWait, fnDoNUMAPage}, Do: func(c *Ctx) Next {
			return c.pteFault(c.LoadPTE(hfPTE, c.Entry(hfTable), c.Page(hfAddr)))
		}},
		hfLock: {Label: "lock", Says: "lock the PTL; is the PTE still the same?", Answer: "yes", Ref: "pte_same", Map: &TableMap{hfTable, hfAddr, Return}, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs, machine.VMAs), Calls: []FuncID{fnDoWPPage, fnWPPageShared, fnWPPFNShared},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(hfTable))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(hfTable)
				now := machine.Entry(c.Load(c.PTE(c.Frame(hfTable), c.Page(hfAddr))))
				if now != c.Entry(hfPTE).Fresh() {
					c.Say("the PTE has changed: somebody else was faster")
					return hfUnlock
				}
				if c.L(hfFlags)&faultWrite != 0 && !now.Has(machine.RW) && c.isFile(c.Page(hfAddr)) && c.Load(c.M.VMA(c.Page(hfAddr)))&machine.VMShared != 0 {
					if !c.M.Normal(now.Frame()) {
						return c.Call(fnWPPFNShared, hfEnd, c.L(hfAddr), c.L(hfTable), uint64(now))
					}
					return c.Call(fnWPPageShared, hfEnd, c.L(hfAddr), c.L(hfTable), uint64(now), c.L(hfFlags))
				}
				if c.L(hfFlags)&faultAccess != 0 && !now.Has(machine.RW) && !c.isPFN(c.Page(hfAddr)) {
					return c.Call(fnDoWPPage, hfEnd, c.L(hfAddr), c.L(hfFlags), c.L(hfTable), uint64(now))
				}
				return Then
			}},
		// Who only reads writes nothing here: the CPU sets accessed itself, as it may set dirty meanwhile.
		hfAccess: {Label: "access", Says: "a write: set accessed and dirty in the PTE; unlock the PTL", Ref: "ptep_set_access_flags", Touches: cell.Of(machine.PTLs, machine.PTEs), Do: func(c *Ctx) Next {
			if c.L(hfFlags)&faultWrite != 0 {
				e := c.sim.mkdirty(c.Entry(hfPTE) | machine.Accessed)
				if c.isPFN(c.Page(hfAddr)) {
					e |= machine.RW // wp_pfn_shared(): nobody has to be asked
				}
				c.SetPTE(c.Frame(hfTable), c.Page(hfAddr), e)
			}
			c.Unlock(c.M.PTL(c.Frame(hfTable)))
			return Return
		}},
		hfUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(hfTable)))
			return Return
		}},
		hfEnd:       {Label: "end", Says: "fault done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
		hfFileSplit: faultSplitsFilePMD,
		hfFileFault: faultWithoutTable,
	},
})

const hfTable, hfPTE, hfAddr, hfFlags = 0, 1, 2, 3

const (
	hfPkey = iota
	hfP4D
	hfPMD
	hfReadHalves
	hfHalves
	hfRead
	hfLock
	hfAccess
	hfUnlock
	hfEnd
	hfHuge
	hfHugeAccess
	hfFileSplit
	hfFileFault
)

// pteFault calls what a fault needs at an entry as it was read without the lock; one that is mapped is looked at again under it.
func (c *Ctx) pteFault(e machine.Entry) Next {
	switch p := c.Page(hfAddr); {
	case e.None() && c.isPFN(p):
		c.Say("the driver has nothing for a fault: SIGBUS")
		return c.Return(sigbus)
	case e.None() && c.isFile(p):
		return c.Call(c.doFault(p, c.L(hfFlags)), hfEnd, c.L(hfAddr), c.L(hfFlags), c.L(hfTable))
	case e.None():
		return c.Call(fnDoAnonymousPage, hfEnd, c.L(hfAddr), c.L(hfFlags), c.L(hfTable))
	case e.IsSwap():
		return c.Call(fnDoSwapPage, hfEnd, c.L(hfAddr), c.L(hfFlags), c.L(hfTable), uint64(e))
	case e.Has(machine.ProtNone) && c.Load(c.M.VMA(p))&machine.VMAccess != 0:
		return c.Call(fnDoNUMAPage, hfEnd, c.L(hfTable), uint64(e), c.L(hfAddr))
	case e.IsMigration():
		c.Set(hfPTE, 0)
		return c.Call(fnMigrationEntryWait, hfEnd, c.L(hfTable), c.L(hfAddr))
	case e.IsPoison():
		c.Say(failedThere)
		return c.Return(faultHWPoison)
	}
	return hfLock
}

// __pte_alloc, in straight line:
//
//	new = pte_alloc_one()
//	lock the PMD; still none: it points to new; else free new; unlock
//
// compare mm/memory.c:__pte_alloc
var _ = register(fnPTEAlloc, &Func{
	Name: "__pte_alloc", File: "mm/memory.c", Params: []int{1},
	Locals: []Local{{"new", HoldLocal}, {"address", PageLocal}},
	Steps: []Step{
		{Label: "alloc", Says: "allocate a page table", Ref: "pte_alloc_one", Touches: allocTouches | cell.Of(machine.Tables), Wait: func(c *Ctx) Block { return c.memory(true) },
			Choose: func(c *Ctx, offer func(int)) { c.M.Offers(true, func(f machine.Frame) { offer(int(f)) }) },
			Do: func(c *Ctx) Next {
				f := machine.Frame(c.Key)
				c.M.Allocate(f, machine.FrameTable)
				c.Hold(0, f, 1)
				return Then
			}},
		{Label: "install", Says: "make the PMD point to it", Ref: "pmd_install", Touches: cell.Of(machine.PMDs, machine.Frames, machine.Tables, machine.Refs), Reads: cell.Of(machine.PTLs), Calls: []FuncID{fnFreeUnrefFolio},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PMDLock(c.M.Pages()[c.Page(1)].MM)) },
			Do: func(c *Ctx) Next {
				w, f := c.M.PMD(c.Page(1)), c.Held(0).Frame()
				if machine.Entry(c.Load(w)).Present() {
					c.Say("somebody else was faster: free it again")
					c.Release(0)
					return c.putFree(f, 1, end)
				}
				at := c.M.Pages()[c.Page(1)]
				c.M.SetTable(f, c.Page(1))
				c.M.SetEntry(c.M.Upper(at.MM, machine.LevelPMD), c.M.Slot(c.Page(1), machine.LevelPMD), machine.MakeTable(f))
				c.Release(0)
				return Return
			}},
	},
})

// allocTouches are the classes that taking a free frame touches.
var allocTouches = cell.Of(machine.Frames, machine.Refs, machine.Contents, machine.KSM)

// memory waits for a free frame.
func (c *Ctx) memory(table bool) Block {
	if len(c.M.Zones) > 0 && !table {
		if !c.M.AvailableIn(c.zonelist()) {
			return Block{On: OnMemory}
		}
		return Block{}
	}
	if !c.M.Available(table) {
		return Block{On: OnMemory}
	}
	return Block{}
}
