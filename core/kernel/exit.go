package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// exit of a thread, in straight line:
//
//	exit_mm(): the CPU leaves the mm
//	mmput(): the last user takes the memory away
//
// compare kernel/exit.c:exit_mm
var _ = register(fnExit, &Func{
	Name: "do_exit", File: "kernel/exit.c",
	Locals: []Local{{"mm", IntLocal}},
	Steps: []Step{
		{Label: "exit_mm", Says: "leave the mm", Ref: "exit_mm", Touches: cell.Of(machine.MMs, machine.TLBs), Calls: []FuncID{fnMMPut}, Do: func(c *Ctx) Next {
			c.M.SetLoaded(c.CPU, c.MM, false)
			return c.Call(fnMMPut, 1, uint64(c.MM))
		}},
	},
})

// mmput, in straight line:
//
//	one user less; not the last: done
//	ksm_exit(), khugepaged_exit(): wait until ksmd is not in the mm, nor khugepaged
//	exit_mmap():
//	    mmu_notifier_release()
//	    lru_add_drain(); tlb_gather_mmu()
//	    zap_pte_range(everything)
//	    every VMA: lock its anon_vma, i_mmap_rwsem of its file: take it out of them
//	    free_pgtables(); tlb_finish_mmu()
//
// Nobody who takes mmap_lock has the mm any more. References through GUP survive.
//
// compare kernel/fork.c:mmput, mm/mmap.c:exit_mmap
var _ = register(fnMMPut, &Func{
	Name: "mmput", File: "kernel/fork.c", Params: []int{emMM},
	Locals: []Local{{"mm", IntLocal}, {"address", PageLocal}, {"end", PageLocal}},
	Steps: []Step{
		emPut: {Label: "put", Says: "one user less", Ref: "atomic_dec_and_test(mm_users)", Touches: cell.Of(machine.MMs), Reads: cell.Of(machine.Ends), Do: func(c *Ctx) Next {
			mm := int(c.L(emMM))
			if c.Add(c.M.MMUsers(mm), -1) != 0 {
				c.Say("one user less; others are left")
				return Return
			}
			first, last := c.M.MMPages(mm)
			if last < first {
				return emGone
			}
			c.Set(emAt, uint64(first))
			c.Set(emEnd, uint64(last))
			c.excuse(first, last)
			return Then
		}},
		emKSM: {Label: "ksm_exit", Says: "ksmd has dropped mmap_lock, and will not touch the mm any more", Ref: "__ksm_exit", When: Merging, Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.M.MmapLock(int(c.L(emMM)))) },
			Do:   func(c *Ctx) Next { return Then }},
		emKhugepaged: {Label: "khugepaged_exit", Says: "khugepaged has dropped mmap_lock, and will not touch the mm any more", Ref: "__khugepaged_exit", When: With(KhugepagedExit).AndKhugepagedExit(), Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.WriteFree(c.M.MmapLock(int(c.L(emMM)))) },
			Do:   func(c *Ctx) Next { return Then }},
		emNotify: {Label: "notify", Says: "tell secondary MMUs: the mm goes", Ref: "mmu_notifier_release", When: Secondary, Local: true, Calls: []FuncID{fnMMUNotifierRelease, fnIntervalRelease}, Do: func(c *Ctx) Next {
			return c.tell(pages(emAt, emEnd), fnIntervalRelease, fnMMUNotifierRelease, (*Ctx).guest)
		}},
		emDrain: {Label: "drain", Says: "empty this CPU's LRU batch", Ref: "lru_add_drain", Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next { return c.Call(fnLRUAddDrain, emGather) }},
		emGather: {Label: "gather", Says: "announce a flush to come", Ref: "tlb_gather_mmu_fullmm", Touches: cell.Of(machine.MMs), Calls: []FuncID{fnZapPTERange}, Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(int(c.L(emMM))), 1)
			return c.Call(fnZapPTERange, emUnlink, c.L(emAt), c.L(emEnd))
		}},
		emUnlink: {Label: "unlink_vmas", Says: "every VMA is out of its anon_vma and its file's tree", Ref: "unlink_anon_vmas", When: With(MunmapRmapLocks).AndRmapLocks(), Touches: cell.Of(machine.RmapLocks, machine.VMAs), Back: []int{emUnlink},
			Wait: func(c *Ctx) Block {
				switch p, what := c.nextLinked(int(c.L(emMM))); what {
				case linkedAnon:
					return c.anonUnlinkable(p, c.lastOfRegion(p))
				case linkedFile:
					return c.fileUnlinkable(p)
				}
				return Block{}
			},
			Do: (*Ctx).exitUnlink},
		emTables: {Label: "free_pgtables", Says: "unhook the page table", Ref: "free_pgtables", Touches: cell.Of(machine.PMDs, machine.VMAs, machine.HugetlbPool), Back: []int{emTables}, Do: func(c *Ctx) Next {
			c.forgetVMAs(int(c.L(emMM)))
			return c.unhookTable(emAt, emEnd, emTables, emFinish)
		}},
		emFinish: {Label: "finish", Says: "flush and free", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnTLBFinishMMU}, Do: func(c *Ctx) Next {
			first, last := c.M.MMPages(int(c.L(emMM)))
			return c.Call(fnTLBFinishMMU, emFreeTable, uint64(first), uint64(last), c.M.Load(c.M.GatheredTables(c.Task)))
		}},
		emFreeTable: {Label: "free_table", Says: "free the page table", Ref: "tlb_remove_page", When: If(PTFree, PTFreeGather, PTFreeImmediate, PTFreeSemiRCU), Touches: tableFreeTouches, Back: []int{emFreeTable}, Do: func(c *Ctx) Next {
			return c.freeTable(emFreeTable, emGone)
		}},
		emRCUTable: {Label: "call_rcu", Says: "have the page table freed after a grace period", Ref: "tlb_remove_table_free", When: If(PTFree, PTFreeRCU), Touches: cell.Of(machine.RCU), Reads: cell.Of(machine.IRQs), Anywhere: cell.Of(machine.IRQs), Do: func(c *Ctx) Next {
			c.rcuTables()
			return Then
		}},
		emGone: {Label: "gone", Says: "the mm is gone", Ref: "mmdrop", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			if w := c.M.MMState(int(c.L(emMM))); c.Load(w) == machine.MMAlive {
				c.Store(w, machine.MMExited)
			} else {
				c.Say("the mm is gone, in which nobody has ever run")
			}
			return Return
		}},
	},
})

const emMM, emAt, emEnd = 0, 1, 2

const (
	emPut = iota
	emKSM
	emKhugepaged
	emNotify
	emDrain
	emGather
	emUnlink
	emTables
	emFinish
	emFreeTable
	emRCUTable
	emGone
)

// forgetVMAs takes all VMAs out of the mm and its anon_vmas out of their chains.
func (c *Ctx) forgetVMAs(mm int) {
	first, last := c.M.MMPages(mm)
	for p := first; p <= last; p++ {
		if c.Load(c.M.VMA(p)) != 0 {
			c.Store(c.M.VMA(p), 0)
			c.closeHugetlb(p)
		}
		c.M.Link(p, false)
	}
	c.M.SetAnonVMA(first, last, 0)
}

// What a region of an mm that goes is still in.
const (
	linkedNowhere = iota
	linkedAnon
	linkedFile
)

// nextLinked returns the first page of the next region of an mm that walks of reverse mappings still find, and what it is in.
func (c *Ctx) nextLinked(mm int) (machine.PageID, int) {
	for r := range c.M.MMs[mm].Regions {
		switch p := c.M.PageAt(mm, r, 0); {
		case c.anyAnonVMA(p, c.lastOfRegion(p)):
			return p, linkedAnon
		case c.isFile(p) && c.Load(c.M.Linked(mm, r)) != 0:
			return p, linkedFile
		}
	}
	return machine.NoPage, linkedNowhere
}

// exitUnlink takes the next region of the mm out of its anon_vma, or of its file's tree.
// compare mm/rmap.c:unlink_anon_vmas, mm/mmap.c:unlink_file_vma
func (c *Ctx) exitUnlink() Next {
	p, what := c.nextLinked(int(c.L(emMM)))
	if what == linkedNowhere {
		return Then
	}
	at := c.M.Pages()[p]
	name := c.M.MMs[at.MM].Regions[at.Region].Name
	if what == linkedAnon {
		c.Sayf("lock the anon_vma of %s, take the VMA out of it, unlock", name)
		c.M.SetAnonVMA(p, c.lastOfRegion(p), 0)
		return emUnlink
	}
	c.Sayf("lock i_mmap_rwsem of %s, take the VMA out of the file's tree, unlock", c.M.Files[c.M.Region(p).File].Name)
	c.Store(c.M.Linked(at.MM, at.Region), 0)
	return emUnlink
}

// lastOfRegion returns the last page of a page's region.
func (c *Ctx) lastOfRegion(p machine.PageID) machine.PageID {
	return p + machine.PageID(c.M.Region(p).Pages-1-c.M.Pages()[p].Index)
}
