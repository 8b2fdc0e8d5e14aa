package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Files on DAX: memory that keeps what it holds, and that mappings lead to as it is. There is no page cache between, and nothing to write back. A PTE of it is special and devmap: it has
// no reference, and counts as no mapping. What goes by a page's struct page can be done all the same, from GUP on, which asks for devmap before it gives up on special:
//
//	GUP-fast               takes its reference as of any page; for long it leaves the page to the slow path
//	slow GUP               the same under the PTL (follow_page_pte() has no normal page, and asks for devmap; from memory); for long: -EOPNOTSUPP
//	a write                asks the file system first (page_mkwrite, pfn_mkwrite), so that shared PTEs begin read-only
//	set_page_dirty_lock    sets PG_dirty, and does nothing else
//	a private mapping      copies as of any file
//
// A reference for long is refused because the file's blocks are its pages: truncation would have to wait for it.
//
// The idle page has one reference (from memory: until v6.14), so that who puts the last of GUP's frees nothing.
//
// Left out: the reference on the device's pages (get_dev_pagemap) that GUP wants before it takes its own: it is refused only while the driver goes, and none does here. Holes, huge
// pages, truncation and write(2) of such files, and what fork, reclaim, KSM and others do about their mappings: BesideDAX says what is played.
//
// compare fs/dax.c, mm/memory.c:vm_normal_page, include/linux/fs.h:vma_is_fsdax

// onDAX reports whether there is a file on DAX.
func (s *Setup) onDAX() bool {
	return slices.ContainsFunc(s.Files, func(f FileSetup) bool { return f.Kind == machine.DAX })
}

// BesideDAX reports whether a statement can be played where there is a file on DAX: if it knows what to do about its pages, whatever it is about.
func (s *Setup) BesideDAX(st *Stmt) bool {
	if !s.onDAX() {
		return true
	}
	switch st.Call.entry {
	case fnStore, fnLoad, fnMunmap, fnMprotect,
		fnGetUserPagesFast, fnPinUserPagesFast, fnGetUserPagesFastOnly, fnPinUserPagesFastOnly, fnGetUserPages, fnPinUserPages, fnGetUserPagesUnlocked, fnPinUserPagesUnlocked,
		fnGetUserPagesLockedAPI, fnPinUserPagesLocked, fnGetUserPagesRemote, fnPinUserPagesRemote,
		fnDeviceWrite, fnDeviceRead, fnSetPageDirtyLock, fnPutPage, fnUnpinUserPage, fnUnpinUserPages, fnUnpinUserPagesDirtyLock, fnUnpinUserPageRangeDirtyLock:
		return true
	}
	return false
}

// isDAX reports whether a page lies in a mapping of a file on DAX.
// compare include/linux/fs.h:vma_is_fsdax
func (c *Ctx) isDAX(p machine.PageID) bool {
	return c.M.DAXPages > 0 && c.isFile(p) && c.M.Files[c.M.Region(p).File].Kind == machine.DAX
}

// daxPageAt is the device's page that a page of a mapping leads to; false behind the file's end.
func (c *Ctx) daxPageAt(p machine.PageID) (machine.Frame, bool) {
	o, ok := c.backing(p)
	if !ok || c.beyondEOF(o) {
		c.Say("it lies beyond the file's end: SIGBUS")
		return 0, false
	}
	return machine.Cached(c.Load(c.M.CacheSlot(o)))
}

// dax_iomap_pte_fault, of a read, and of a write to a shared mapping, in straight line:
//
//	beyond i_size: SIGBUS
//	find the block, which is a page; for a write, the file system prepares it
//	lock the PTL; the PTE is not none any more: unlock, done
//	PTE = that page, special and devmap; for a write, writable and dirty; else as of any file: read-only where the file system is asked first, and in private mappings
//	unlock
//
// do_read_fault() and do_shared_fault() find nothing left to do (from memory: VM_FAULT_NOPAGE), and page_mkwrite is not called.
//
// compare fs/dax.c:dax_iomap_pte_fault, mm/memory.c:vmf_insert_mixed, vmf_insert_mixed_mkwrite (names and what they do: from memory)
var _ = register(fnDAXIomapPTEFault, &Func{
	Name: "dax_iomap_pte_fault", Was: []Name{{"__dax_fault", 410}}, File: "fs/dax.c", Params: []int{dxAddr, dxFlags, dxTable},
	Locals: []Local{{"pmd", TableLocal}, {"pfn", FrameLocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		{Label: "block", Says: "find the block: it is a page of the device", Ref: "iomap_begin", When: OnDAX, Reads: cell.Of(machine.Inodes, machine.PageCache), Do: func(c *Ctx) Next {
			f, ok := c.daxPageAt(c.Page(dxAddr))
			if !ok {
				return c.Return(sigbus)
			}
			c.SetFrame(dxPFN, f)
			return Then
		}},
		{Label: "map", Says: "map it, if the PTE is still none", Ref: "vmf_insert_mixed", When: OnDAX, Touches: cell.Of(machine.PTLs, machine.PTEs), Reads: cell.Of(machine.VMAs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dxTable))) },
			Do: func(c *Ctx) Next {
				p := c.Page(dxAddr)
				if !machine.Entry(c.Load(c.PTE(c.Frame(dxTable), p))).None() {
					c.Say("the PTE is not none any more: somebody else was faster")
					return Return
				}
				e := machine.MakePTE(c.Frame(dxPFN), machine.Special|machine.Devmap|c.readFaultBits(p))
				if c.L(dxFlags)&faultWrite != 0 {
					e |= machine.RW | machine.Dirty
				}
				e = c.protected(e, p)
				c.Sayf("map it: %v", e)
				c.SetPTE(c.Frame(dxTable), p, e)
				return Return
			}},
	},
})

const dxTable, dxPFN, dxAddr, dxFlags = 0, 1, 2, 3

// faultCopiesDAX is what do_cow_fault does about a file on DAX: no folio comes locked, the copy is made of the device's page (VM_FAULT_DONE_COW, from memory).
// compare fs/dax.c:dax_fault_cow_page
var faultCopiesDAX = Step{Label: "copy_dax", Says: "copy the content of the device's page", Ref: "copy_cow_page_dax", When: OnDAX, Touches: cell.Of(machine.Contents), Reads: cell.Of(machine.Inodes, machine.PageCache), Back: []int{dcMap, dcFree}, Do: func(c *Ctx) Next {
	f, ok := c.daxPageAt(c.Page(dfAddr))
	if !ok {
		c.Set(dfRet, sigbus)
		return dcFree
	}
	v := c.Load(c.M.Contents(f))
	c.Sayf("copy the content of the device's page: %s", c.M.Content(v))
	c.Store(c.M.Contents(c.Held(dfCopy).Frame()), v)
	return dcMap
}}

// wp_pfn_shared, of a file on DAX, entered with the PTL held on a present, read-only PTE of a shared mapping, in straight line:
//
//	unlock the PTL; pfn_mkwrite(): the file system is asked, under locks of its own
//	finish_mkwrite_fault(): lock the PTL; the PTE has changed: unlock, done
//	PTE writable and dirty; unlock
//
// No folio is held or locked meanwhile, and none is marked dirty. Where nobody wants to be asked (a driver's memory, VM_MIXEDMAP), the PTE is made writable at once: handle_pte_fault().
//
// compare mm/memory.c:wp_pfn_shared, finish_mkwrite_fault
var _ = register(fnWPPFNShared, &Func{
	Name: "wp_pfn_shared", File: "mm/memory.c", Params: []int{wfAddr, wfTable, wfPTE},
	Locals: []Local{{"pmd", TableLocal}, {"orig_pte", PTELocal}, {"address", PageLocal}},
	Steps: []Step{
		wfAsk: {Label: "ask", Says: "unlock the PTL, ask the file system", Ref: "pfn_mkwrite", When: OnDAX, Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(wfTable)))
			return Then
		}},
		wfLock: {Label: "lock", Says: "lock the PTL; is the PTE still the same?", Answer: "yes", Ref: "finish_mkwrite_fault", When: OnDAX, Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(wfTable))) },
			Do: func(c *Ctx) Next {
				c.lockPTL(wfTable)
				if machine.Entry(c.Load(c.PTE(c.Frame(wfTable), c.Page(wfAddr)))) != c.Entry(wfPTE).Fresh() {
					c.Say("the PTE has changed: the access is tried again")
					return wfUnlock
				}
				return Then
			}},
		wfReuse: {Label: "reuse", Says: "make the PTE writable and dirty, unlock the PTL", Ref: "wp_page_reuse", When: OnDAX, Touches: cell.Of(machine.PTLs, machine.PTEs), Do: func(c *Ctx) Next {
			c.SetPTE(c.Frame(wfTable), c.Page(wfAddr), c.sim.mkdirty(c.Entry(wfPTE)|machine.RW|machine.Accessed))
			c.Unlock(c.M.PTL(c.Frame(wfTable)))
			return Return
		}},
		wfUnlock: {Label: "unlock", Says: "unlock the PTL", When: OnDAX, Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(wfTable)))
			return Return
		}},
	},
})

const wfTable, wfPTE, wfAddr = 0, 1, 2

const (
	wfAsk = iota
	wfLock
	wfReuse
	wfUnlock
)

// lockedGUP is the function that gets pages under mmap_lock for who says how he wants them.
func (c *Ctx) lockedGUP(flags uint64) FuncID {
	if flags&FollLongterm != 0 && c.sim.daxPutBack {
		return fnCheckDAXVMAs
	}
	return fnGetUserPagesLocked
}

// onDAXHeld holds where there is a file on DAX, and its pages are held before GUP sees whose they are.
var onDAXHeld = If(GUPLongtermDAX, LongtermDAXHeld).and(hasDAX)

// __gup_longterm_locked until v5.10, of files on DAX, in straight line:
//
//	__get_user_pages_locked(): get the pages
//	check_dax_vmas(): one is of a file on DAX: put all; -EOPNOTSUPP
//
// So pages are held for a moment that must not be held for long. Those that GUP-fast has got stay, and there are none of such a file among them.
//
// compare mm/gup.c:__gup_longterm_locked, check_dax_vmas (5.4)
var _ = register(fnCheckDAXVMAs, &Func{
	Name: "check_dax_vmas", File: "mm/gup.c", Params: []int{dvAddr, dvNr, dvFlags},
	Locals: []Local{{"start", PageLocal}, {"gup_flags", FlagsLocal}, {"nr_pages", IntLocal}, {"from", IntLocal}},
	Steps: []Step{
		dvGet: {Label: "get", Says: "get the pages", Ref: "__get_user_pages_locked", When: onDAXHeld, Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			c.Set(dvFrom, c.gotPages())
			return c.Call(fnGetUserPagesLocked, dvCheck, c.L(dvAddr), c.L(dvNr), c.L(dvFlags))
		}},
		dvCheck: {Label: "check", Says: "is one of them of a file on DAX?", Answer: "no", Ref: "vma_is_fsdax", When: onDAXHeld, Local: true, Do: func(c *Ctx) Next {
			ret := c.Ret()
			for i := range c.gotPages() - c.L(dvFrom) {
				if c.isDAX(c.Page(dvAddr) + machine.PageID(i)) {
					c.Say("one of them is of a file on DAX: put all")
					return Then
				}
			}
			return c.Return(ret)
		}},
		dvPut: {Label: "put", Says: "put a page", Ref: "put_page", When: onDAXHeld, Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			c.backToLast()
			return c.undoGrab(c.L(dvFlags), dvMore)
		}},
		dvMore: {Label: "more", Says: "are all put? -EOPNOTSUPP", When: onDAXHeld, Local: true, Back: []int{dvPut}, Do: func(c *Ctx) Next {
			if c.gotPages() > c.L(dvFrom) {
				return dvPut
			}
			return c.Fail(EOPNOTSUPP)
		}},
	},
})

const dvAddr, dvFlags, dvNr, dvFrom = 0, 1, 2, 3

const (
	dvGet = iota
	dvCheck
	dvPut
	dvMore
)
