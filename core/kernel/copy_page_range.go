package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// copy_page_range over a VMA, in straight line:
//
//	write_protect_seq is odd
//	every page table: the child gets one; lock both PTLs
//	    swap entry: one user more of the slot; exclusive no more, here and there
//	    migration entry: of a shared page from now on, here and there
//	    pages of a large folio in a row (from 6.9 on): together, see fork_batch.go
//	    page: take a reference (from 5.19 on here, so that the test sees it)
//	          exclusive, and maybe pinned: drop it, copy the page; the child's PTE = the copy
//	          else: take a reference (until 5.18); exclusive no more; mapped once more
//	                write-protect the PTE; the child's PTE = it
//	    unlock both
//	write_protect_seq is even
//
// A pinned page stays the parent's own; the child gets the copy at once, because a
// copy at the next write fault would go to whoever faults first:
//
//	CPU0 (GUP-fast, pinning)         CPU1 (fork)
//	mark the mm: it has pins         write_protect_seq is odd
//	write_protect_seq is even        is the mm marked? Maybe pinned?
//	read the PTE, take the pin       write-protect the PTE
//	is write_protect_seq the same?   write_protect_seq is even
//
// Left out: that both PTLs are dropped for a moment within a page table, after a few dozen entries, if somebody waits for one of them, or for the CPU. A page
// table has two or three entries here.
//
// Whichever way they interleave, fork sees the pin, or GUP-fast sees fork and gives up.
//
// compare mm/memory.c:copy_page_range, copy_pte_range, copy_present_ptes
var _ = register(fnCopyPageRange, &Func{
	Notify: pages(cpPage, cpEnd),
	Name:   "copy_page_range", File: "mm/memory.c", Params: []int{cpPage, cpChild, cpEnd},
	Locals: []Local{{"src_pmd", TableLocal}, {"dst_pmd", TableLocal}, {"pte", PTELocal}, {"folio", HoldLocal}, {"prealloc", HoldLocal}, {"address", PageLocal}, {"child", IntLocal}, {"nr", IntLocal}, {"i", IntLocal}, {"end", PageLocal}},
	Steps: []Step{
		cpSeqOdd: {Label: "seq_odd", Says: "write_protect_seq is odd: fork is at it", Ref: "raw_write_seqcount_begin", Order: Plain, When: With(GUPWriteProtectSeq), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			if c.isPFN(c.Page(cpPage)) {
				c.Say("it is shared: nothing is write-protected")
				return Then
			}
			c.Add(c.M.WriteProtectSeq(c.MM), 1)
			return Then
		}},
		cpP4D: p4dStep(cpPage, "copy_p4d_range"),
		cpPMD: {Label: "read_pmd", Says: "read the parent's PMD", Ref: "copy_pmd_range", Reads: cell.Of(machine.PMDs, machine.VMAs), Calls: []FuncID{fnCopyHugePMD}, Back: []int{cpPMD}, Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(cpSrc, c.M.PMD(c.Page(cpPage))))
			switch {
			case !pmd.Present() && !pmd.IsMigration():
				c.Say("the parent has no page table there")
				return c.copyNextTable()
			case pmd.IsHuge() && c.isFile(c.Page(cpPage)):
				c.Say("it maps a huge page of a file: the child has faults map it")
				return c.copyNextTable()
			case pmd.IsHuge():
				return c.Call(fnCopyHugePMD, cpHuge, c.L(cpPage), c.L(cpChild))
			}
			if dst := machine.Entry(c.Load(c.M.PMD(c.childPage()))); dst.Present() {
				c.Say("the child has a page table there, for another VMA")
				c.Set(cpDst, uint64(machine.MakeTable(dst.Frame())))
				return cpLock
			}
			return cpAlloc
		}},
		cpHuge: {Label: "huge", Says: "was the huge PMD copied?", Local: true, When: Large, Back: []int{cpPMD}, Do: func(c *Ctx) Next {
			if c.Ret() == hugeSplit {
				return cpPMD
			}
			return c.copyNextTable()
		}},
		cpAlloc: {Label: "alloc", Says: "allocate a page table for the child", Ref: "pte_alloc_one", Touches: allocTouches | cell.Of(machine.Tables), Wait: func(c *Ctx) Block { return c.memory(true) },
			Choose: func(c *Ctx, offer func(int)) { c.M.Offers(true, func(f machine.Frame) { offer(int(f)) }) },
			Do: func(c *Ctx) Next {
				f := machine.Frame(c.Key)
				c.M.Allocate(f, machine.FrameTable)
				c.Hold(cpFolio, f, 1)
				return Then
			}},
		cpInstall: {Label: "install", Says: "make the child's PMD point to it", Ref: "pmd_install", Touches: cell.Of(machine.PMDs, machine.Frames, machine.Tables), Do: func(c *Ctx) Next {
			f, p := c.Held(cpFolio).Frame(), c.childPage()
			c.M.SetTable(f, p)
			c.M.SetEntry(c.M.Upper(int(c.L(cpChild)), machine.LevelPMD), c.M.Slot(p, machine.LevelPMD), machine.MakeTable(f))
			c.Set(cpDst, uint64(machine.MakeTable(f)))
			c.Release(cpFolio)
			return Then
		}},
		cpLock: {Label: "lock", Says: "lock the PTLs of both page tables", Ref: "pte_alloc_map_lock", Touches: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block {
				if b := c.Free(c.M.PTL(c.Frame(cpDst))); !b.Ready() {
					return b
				}
				return c.Free(c.M.PTL(c.Frame(cpSrc)))
			},
			Do: func(c *Ctx) Next {
				c.lockPTL(cpDst)
				c.lockPTL(cpSrc)
				return Then
			}},
		cpRead:         {Label: "read_pte", Says: "read the parent's PTE", Ref: "ptep_get", Reads: cell.Of(machine.PTEs, machine.VMAs), Back: []int{cpRead}, Do: (*Ctx).copyRead},
		cpProtectEarly: {Label: "wrprotect_first", Says: "write-protect the parent's PTE", Ref: "ptep_set_wrprotect", When: If(ForkWrprotect, ForkWrprotectFirst), Touches: cell.Of(machine.PTEs), Do: (*Ctx).copyProtect},
		cpBatch:        forkBatch,
		cpGet: {Label: "get", Says: "take a reference for the child", Ref: "folio_get", When: With(ForkGetFirst), Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.Mappings, machine.VMAs), Do: func(c *Ctx) Next {
			c.copyGet()
			if !c.copiesPinned(c.Frame(cpPTE)) {
				return cpRmap
			}
			return Then
		}},
		cpHasPinned: {Label: "has_pinned", Says: "is the page exclusive, and has the mm pinned pages?", Answer: "yes", Ref: "folio_needs_cow_for_dma", When: With(ForkPinTest), Reads: cell.Of(machine.MMs, machine.Flags, machine.Mappings, machine.VMAs, machine.Refs), Do: func(c *Ctx) Next {
			got := c.Held(cpFolio).Some() // else: as long as nobody copies it, it is taken behind the questions
			if !got && !c.copiesPinned(c.Frame(cpPTE)) {
				c.Say("it is a file's, in a mapping that does not copy: share it")
				return cpGetLate
			}
			if f := c.Frame(cpPTE); c.sim.exclusive != 0 && c.isAnon(c.M.Head(f)) && c.Load(c.M.Flags(f))&machine.PGAnonExclusive == 0 {
				c.Say("the page is shared already")
				if !got {
					return cpGetLate
				}
				return cpRmap
			}
			if c.Load(c.M.MMFlags(c.MM))&machine.MMFHasPinned == 0 {
				c.Say("the mm has no pinned pages")
				return cpGetLate
			}
			return Then
		}},
		cpPinned: {Label: "pinned", Says: "may it be pinned?", Answer: "no", Ref: "folio_maybe_dma_pinned", When: With(ForkPinTest), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			if c.maybePinned(c.Frame(cpPTE)) {
				c.Say("it may be pinned: the child gets a copy")
				if c.Held(cpNew).Some() && !c.Held(cpFolio).Some() {
					return cpCopy
				}
				return cpPutBack
			}
			return Then
		}},
		cpGetLate: {Label: "get", Says: "take a reference for the child", Ref: "get_page", When: Without(ForkGetFirst), Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.copyGet()
			if c.sim.exclusive != 0 && c.Load(c.M.Flags(c.Frame(cpPTE)))&machine.PGAnonExclusive == 0 {
				return cpRmap
			}
			return Then
		}},
		cpShare: {Label: "clear_exclusive", Says: "it is exclusive no more", Ref: "ClearPageAnonExclusive", When: With(ForkClearsExclusive), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(cpPTE)), machine.PGAnonExclusive)
			return Then
		}},
		cpRmap: {Label: "rmap", Says: "it is mapped once more", Ref: "folio_dup_anon_rmap_pte", When: With(ForkDupRmap), Touches: cell.Of(machine.Mapcounts), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.rmapAdd(c.Frame(cpPTE), 1)
			if !c.Entry(cpPTE).Has(machine.RW) {
				return cpSet
			}
			return Then
		}},
		cpProtect: {Label: "wrprotect", Says: "write-protect the parent's PTE", Ref: "ptep_set_wrprotect", When: If(ForkWrprotect, ForkWrprotectLast), Touches: cell.Of(machine.PTEs), Do: (*Ctx).copyProtect},
		cpSet: {Label: "set_pte", Says: "map it in the child, read-only", Ref: "set_pte_at", Touches: cell.Of(machine.PTEs), Back: []int{cpRead}, Do: func(c *Ctx) Next {
			e := c.Entry(cpPTE).Fresh() &^ (machine.RW | machine.Accessed)
			switch old := c.Entry(cpPTE); {
			case c.M.IsPFN(e.Frame()):
				c.Say("map it in the child, as it is: it is shared, and nobody counts it")
				e = old.Fresh() &^ (machine.Dirty | machine.Accessed)
			case e.Frame() != machine.ZeroPage:
				c.Release(cpFolio)
			}
			c.SetPTE(c.Frame(cpDst), c.childPage(), e)
			c.M.Inherited(c.Page(cpPage), c.childPage())
			return c.copyNext()
		}},
		cpSwap: {Label: "swap", Says: "one user more of the slot; the swap entry goes to the child; neither is exclusive", Ref: "copy_nonpresent_pte", Touches: cell.Of(machine.Swap, machine.PTEs), Back: []int{cpRead}, Do: func(c *Ctx) Next {
			e := c.Entry(cpPTE)
			c.M.SetSwapMap(e.Slot(), c.Load(c.M.SwapMap(e.Slot()))+1)
			switch {
			case !e.Has(machine.SwpExclusive):
			case c.sim.forkClearsSwp:
				e &^= machine.SwpExclusive
				c.SetPTE(c.Frame(cpSrc), c.Page(cpPage), e)
			default:
				c.Say("hand the swap entry to the child as it is, exclusive; one user more of the slot")
			}
			c.SetPTE(c.Frame(cpDst), c.childPage(), e)
			c.M.Inherited(c.Page(cpPage), c.childPage())
			return c.copyNext()
		}},
		cpMigration: {Label: "migration", Says: "the page is being moved: its migration entry is that of a shared page from now on, in the child, too", Ref: "make_readable_migration_entry", When: Migrating, Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.VMAs), Back: []int{cpRead}, Do: (*Ctx).copyMigration},
		cpPutBack: {Label: "put_back", Says: "drop the reference again", Ref: "folio_put", When: With(ForkPinTest), Touches: cell.Of(machine.Refs, machine.PTLs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			c.Say("unlock both PTLs to allocate a page")
			if f := c.Held(cpFolio).Frame(); f != 0 {
				c.Release(cpFolio)
				c.Put(f, 1)
				if c.Held(cpNew).Some() {
					c.Say("drop the reference again")
					return cpCopy
				}
				c.Say("drop the reference again; unlock both PTLs to allocate a page")
			}
			c.copyUnlock()
			return Then
		}},
		cpPrealloc: {Label: "prealloc", Says: "take a free frame for the copy", Ref: "folio_prealloc", When: With(ForkPinTest), Touches: allocTouches, Back: []int{cpLock},
			Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
			Do: func(c *Ctx) Next {
				c.allocate(cpNew)
				return cpLock
			}},
		cpCopy: {Label: "copy", Says: "copy the content", Ref: "copy_user_highpage", When: With(ForkPinTest), Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			v := c.Load(c.M.Contents(c.Frame(cpPTE)))
			c.Sayf("copy the content: %s", c.M.Content(v))
			c.Store(c.M.Contents(c.Held(cpNew).Frame()), v)
			c.M.Inherited(c.Page(cpPage), c.childPage())
			return Then
		}},
		cpSetCopy: {Label: "set_copy", Says: "map the copy in the child", Ref: "set_pte_at", When: With(ForkPinTest), Touches: mapTouches, Back: []int{cpRead}, Do: func(c *Ctx) Next {
			f, p := c.Held(cpNew).Frame(), c.childPage()
			c.newAnon(f, p)
			bits := machine.Dirty
			if c.Load(c.M.VMA(p))&machine.VMWrite != 0 {
				bits |= machine.RW
			}
			c.Release(cpNew)
			c.SetPTE(c.Frame(cpDst), p, c.protected(machine.MakePTE(f, bits), p))
			return c.copyNext()
		}},
		cpBatchGet:       forkBatchGet,
		cpBatchHasPinned: forkBatchHasPinned,
		cpBatchPinned:    forkBatchPinned,
		cpBatchPutBack:   forkBatchPutBack,
		cpBatchShare:     forkBatchShare,
		cpBatchRmap:      forkBatchRmap,
		cpBatchProtect:   forkBatchProtect,
		cpBatchSet:       forkBatchSet,
		cpUnlock: {Label: "unlock", Says: "unlock both PTLs", Order: Plain, Touches: cell.Of(machine.PTLs), Back: []int{cpPMD}, Do: func(c *Ctx) Next {
			c.copyUnlock()
			return c.copyNextTable()
		}},
		cpFreePrealloc: {Label: "free_prealloc", Says: "free the frame that was not needed", Ref: "folio_put", When: With(ForkPinTest), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(cpNew).Frame()
			c.Release(cpNew)
			return c.putFree(f, 1, cpSeqEven)
		}},
		cpSeqEven: {Label: "seq_even", Says: "write_protect_seq is even again", Ref: "raw_write_seqcount_end", Order: Plain, When: With(GUPWriteProtectSeq), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			if c.isPFN(c.Page(cpPage)) {
				c.Say("nothing was write-protected")
				return Then
			}
			c.Add(c.M.WriteProtectSeq(c.MM), 1)
			return Then
		}},
		cpDone:   copyDone,
		cpPoison: copyPoison,
	},
})

const cpSrc, cpDst, cpPTE, cpFolio, cpNew, cpPage, cpChild, cpNr, cpIndex, cpEnd = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9

const (
	cpSeqOdd = iota
	cpP4D
	cpPMD
	cpHuge
	cpAlloc
	cpInstall
	cpLock
	cpRead
	cpProtectEarly
	cpBatch
	cpGet
	cpHasPinned
	cpPinned
	cpGetLate
	cpShare
	cpRmap
	cpProtect
	cpSet
	cpSwap
	cpMigration
	cpPutBack
	cpPrealloc
	cpCopy
	cpSetCopy
	cpBatchGet
	cpBatchHasPinned
	cpBatchPinned
	cpBatchPutBack
	cpBatchShare
	cpBatchRmap
	cpBatchProtect
	cpBatchSet
	cpUnlock
	cpFreePrealloc
	cpSeqEven
	cpDone
	cpPoison
)

// childPage is the child's page at the address that is being copied.
func (c *Ctx) childPage() machine.PageID { return c.M.Twin(c.Page(cpPage), int(c.L(cpChild))) }

// copyRead finds the next PTE that is not none. Under the PTL none stays none.
func (c *Ctx) copyRead() Next {
	for {
		p := c.Page(cpPage)
		e := machine.Entry(c.Keep(cpPTE, c.PTE(c.Frame(cpSrc), p)))
		switch {
		case e.None():
			if p == c.copyLast() {
				c.Say("there are no more PTEs")
				c.Set(cpPTE, 0)
				return cpUnlock
			}
			c.Set(cpPage, uint64(p+1))
			continue
		case e.IsSwap():
			return cpSwap
		case e.IsMigration():
			return cpMigration
		case e.IsPoison():
			return cpPoison
		case !c.M.Normal(e.Frame()):
			return cpSet
		}
		return Then
	}
}

// copyLast is the last page of the VMA that the page table maps.
func (c *Ctx) copyLast() machine.PageID { return min(c.lastHuge(c.Page(cpPage)), c.Page(cpEnd)) }

// copyGet takes the child's reference.
func (c *Ctx) copyGet() {
	f := c.Frame(cpPTE)
	c.Get(f, 1)
	c.Hold(cpFolio, f, 1)
}

// copiesPinned reports whether fork copies a page at once if it may be pinned: an anonymous one; in older kernels any of a private mapping.
func (c *Ctx) copiesPinned(f machine.Frame) bool {
	return machine.IsAnon(c.Load(c.M.Mapping(c.M.Head(f)))) || !c.sim.forkCopiesAnon && machine.IsCOW(c.Load(c.M.VMA(c.Page(cpPage))))
}

// copyProtect clears the bit W of the parent's PTE, atomically: the hardware may set others meanwhile.
func (c *Ctx) copyProtect() Next {
	p := c.Page(cpPage)
	c.SetPTE(c.Frame(cpSrc), p, machine.Entry(c.Load(c.PTE(c.Frame(cpSrc), p)))&^machine.RW)
	return Then
}

func (c *Ctx) copyUnlock() {
	c.Unlock(c.M.PTL(c.Frame(cpSrc)))
	c.Unlock(c.M.PTL(c.Frame(cpDst)))
}

// copyNext goes on with the next PTE of the table.
func (c *Ctx) copyNext() Next {
	p := c.Page(cpPage)
	c.Set(cpPTE, 0)
	if p == c.copyLast() {
		return cpUnlock
	}
	c.Set(cpPage, uint64(p+1))
	return cpRead
}

// copyNextTable goes on with the next page table of the VMA.
func (c *Ctx) copyNextTable() Next {
	if next := c.M.HugeEnd(c.Page(cpPage)); next <= c.Page(cpEnd) {
		c.Set(cpPage, uint64(next))
		return cpPMD
	}
	if c.Held(cpNew).Some() {
		return cpFreePrealloc
	}
	return cpSeqEven
}
