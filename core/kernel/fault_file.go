package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A Decision is a row of a decision list: the first that applies decides.
type Decision struct {
	Says    string
	Applies func(flags uint64, kind machine.FileKind) bool
	Yes     bool
}

// hasPageMkwrite reports whether a file system wants to be asked before a page is
// written. ramfs does, though it writes nothing back: it uses generic_file_mmap(). On DAX it is asked by pfn_mkwrite.
func hasPageMkwrite(kind machine.FileKind) bool {
	return kind == machine.Ext4 || kind == machine.Ramfs || kind == machine.DAX
}

func notSharedWritable(flags uint64, _ machine.FileKind) bool {
	return flags&machine.VMWrite == 0 || flags&machine.VMShared == 0
}

// WantsWritenotify says whether the PTEs of a file mapping must not be made writable
// before a write fault. The row of soft-dirty, which only this list has, stands where Linux has it; that of userfaultfd is left out.
// compare mm/mmap.c:vma_wants_writenotify
var WantsWritenotify = []Decision{
	{"not both writable and shared", notSharedWritable, false},
	{"vm_ops has page_mkwrite, or pfn_mkwrite", func(_ uint64, k machine.FileKind) bool { return hasPageMkwrite(k) }, true},
	{"who writes is watched (no VM_SOFTDIRTY), and not hugetlb", func(flags uint64, k machine.FileKind) bool {
		return flags&machine.VMNoSoftDirty != 0 && k != machine.Hugetlbfs
	}, true},
	pfnMapRow,
	{"the mapping can write back", func(_ uint64, k machine.FileKind) bool { return k.OnDisk() }, true},
	{"otherwise", func(uint64, machine.FileKind) bool { return true }, false},
}

// NeedsDirtyTracking says whether a write behind the page table's back harms the file system.
// compare mm/mmap.c:vma_needs_dirty_tracking
var NeedsDirtyTracking = []Decision{
	{"not both writable and shared", notSharedWritable, false},
	{"vm_ops has page_mkwrite, or pfn_mkwrite", func(_ uint64, k machine.FileKind) bool { return hasPageMkwrite(k) }, true},
	pfnMapRow,
	{"the mapping can write back", func(_ uint64, k machine.FileKind) bool { return k.OnDisk() }, true},
	{"otherwise", func(uint64, machine.FileKind) bool { return true }, false},
}

// pfnMapRow is of both lists: nobody writes back what has no struct pages.
var pfnMapRow = Decision{"VM_PFNMAP", func(flags uint64, _ machine.FileKind) bool { return flags&machine.VMPFNMap != 0 }, false}

// Decide goes down a decision list.
func Decide(list []Decision, flags uint64, kind machine.FileKind) bool {
	for _, d := range list {
		if d.Applies(flags, kind) {
			return d.Yes
		}
	}
	panic("kernel: a decision list ends with a row that always applies")
}

// wantsWritenotify is what the list says, where anybody asks it.
func (c *Ctx) wantsWritenotify(flags uint64, kind machine.FileKind) bool {
	return c.sim.tracksDirty && Decide(WantsWritenotify, flags, kind)
}

// sharedWritable reports whether the protection of a shared file mapping makes a PTE
// writable again: where nobody must be asked, or has been, as the PTE is dirty.
// compare mm/mprotect.c:can_change_shared_pte_writable
func (c *Ctx) sharedWritable(p machine.PageID, vma uint64, old machine.Entry) bool {
	if !c.isFile(p) && !c.isPFN(p) || notSharedWritable(vma, 0) {
		return false
	}
	return !c.wantsWritenotify(vma, c.fileKind(p)) || old.Has(machine.Dirty) && c.mprotectMayWrite(p, old)
}

// isFile reports whether a page lies in a mapping of a file of the page cache.
func (c *Ctx) isFile(p machine.PageID) bool {
	k := c.M.Region(p).Kind
	return k == machine.RegionFilePrivate || k == machine.RegionFileShared
}

// isAnonymous reports whether a page lies in a mapping without a file system behind it.
// compare include/linux/mm.h:vma_is_anonymous
func (c *Ctx) isAnonymous(p machine.PageID) bool {
	return !c.isFile(p) && !c.isPFN(p) && !c.M.HugetlbPage(p)
}

// backing returns the page of the file that a page of a file mapping maps; false
// beyond what there is room for, which is beyond the file's end, too.
func (c *Ctx) backing(p machine.PageID) (machine.Pgoff, bool) { return c.M.Backing(p) }

// fault calls what the file system has for a fault; the folio comes locked into local 0.
// compare mm/memory.c:__do_fault
func (c *Ctx) fault(p machine.PageID, back int) Next {
	o, ok := c.backing(p)
	if !ok {
		c.Say("it lies beyond the file's end: SIGBUS")
		return c.Return(sigbus)
	}
	if c.M.KindOf(o).OnDisk() {
		return c.Call(fnFilemapFault, back, uint64(o), uint64(p), c.L(dfFlags))
	}
	if c.M.ShmemPunch {
		return c.Call(fnShmemFault, back, uint64(o), uint64(p), c.L(dfFlags))
	}
	return c.Call(fnShmemGetFolio, back, uint64(o), sgpCache)
}

// doFault picks the function for a fault on a file mapping without a PTE.
// compare mm/memory.c:do_fault
func (c *Ctx) doFault(p machine.PageID, flags uint64) FuncID {
	switch private := c.M.Region(p).Kind == machine.RegionFilePrivate; {
	case c.isDAX(p) && !(private && flags&faultWrite != 0):
		return fnDAXIomapPTEFault
	case flags&faultWrite == 0:
		return fnDoReadFault
	case private:
		return fnDoCowFault
	}
	return fnDoSharedFault
}

// filemap_fault, in straight line:
//
//	retry: beyond i_size: SIGBUS
//	the page cache has no folio: drop mmap_lock; filemap_create_folio(); dropped: the fault must be made again; else retry
//	take a reference
//	lock it; somebody else has it: drop mmap_lock, wait; put it; the fault must be made again
//	not the file's any more: put it, retry
//	beyond i_size now: unlock, put it, SIGBUS
//	its memory has failed: unlock, put it, SIGBUS      // __do_fault() looks, as soon as it has the folio
//	return it locked
//
// mmap_lock is dropped the first time alone. A fault that must not wait starts the read, and is not made.
//
// compare mm/filemap.c:filemap_fault, lock_folio_maybe_drop_mmap
var _ = register(fnFilemapFault, &Func{
	Name: "filemap_fault", File: "mm/filemap.c", Params: []int{1, ffAddr, ffFlags},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		ffLookup: {Label: "lookup", Says: "look it up in the page cache", Ref: "filemap_get_folio", Touches: cell.Of(machine.Refs, machine.MMLocks), Reads: cell.Of(machine.PageCache, machine.Inodes), Calls: []FuncID{fnFilemapCreateFolio}, Back: []int{ffLookup}, Do: func(c *Ctx) Next {
			if c.beyondEOF(c.Pgoff(1)) {
				c.Say("it lies beyond the file's end: SIGBUS")
				return c.Return(sigbus)
			}
			if c.find(0, c.Pgoff(1)) {
				return Then
			}
			if !mayDrop(c.L(ffFlags)) {
				c.Say("the page cache has none: read it in")
				return c.Call(fnFilemapCreateFolio, ffLookup, c.L(1))
			}
			c.Say("the page cache has none: drop mmap_lock, read it in")
			if c.L(ffFlags)&faultRetryNowait != 0 {
				c.Say("the page cache has none: start to read it in")
			}
			c.dropFaultLock(c.Page(ffAddr), c.L(ffFlags))
			return c.Call(fnFilemapCreateFolio, ffRetry, c.L(1))
		}},
		ffLock: {Label: "lock", Says: "lock it; is it still the file's, and inside it?", Answer: "yes", Ref: "lock_folio_maybe_drop_mmap", Touches: cell.Of(machine.FolioLocks, machine.MMLocks), Reads: cell.Of(machine.Mappings, machine.Inodes),
			Wait: func(c *Ctx) Block {
				if mayDrop(c.L(ffFlags)) {
					return Block{}
				}
				return folioLockFree(c)
			}, Do: func(c *Ctx) Next {
				if c.Load(c.M.FolioLock(c.Held(0).Frame())) != 0 { // mayDrop
					c.Say("somebody else has locked it: drop mmap_lock before waiting")
					if c.L(ffFlags)&faultRetryNowait != 0 {
						c.Say("somebody else has locked it: do not wait")
					}
					c.dropFaultLock(c.Page(ffAddr), c.L(ffFlags))
					return ffWait
				}
				if !c.ours(c.Held(0).Frame(), c.Pgoff(1)) {
					c.Say("it is not the file's any more: put it, look again")
					return ffPutRetry
				}
				if c.beyondEOF(c.Pgoff(1)) {
					c.Say("it lies beyond the file's end now: put it, SIGBUS")
					return ffPut
				}
				c.Lock(c.M.FolioLock(c.Held(0).Frame()))
				if c.M.Poison {
					return ffFailed
				}
				return c.handOver()
			}},
		ffPutRetry: {Label: "put_retry", Says: "put it", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{ffLookup}, Do: func(c *Ctx) Next { return c.forget(ffLookup) }},
		ffPut:      putFolio(ffBus),
		ffBus:      {Label: "sigbus", Says: "SIGBUS", Local: true, Do: func(c *Ctx) Next { return c.Return(sigbus) }},
		ffWait: {Label: "wait", Says: "wait until it is unlocked; put it", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio},
			Wait: func(c *Ctx) Block {
				if c.L(ffFlags)&faultRetryNowait != 0 {
					return Block{}
				}
				return c.faultWait(c.L(ffFlags), folioLockFree(c))
			}, Do: func(c *Ctx) Next { return c.forget(ffRetry) }},
		ffRetry:  {Label: "retry", Says: "the fault must be made again", Ref: "VM_FAULT_RETRY", Local: true, Do: func(c *Ctx) Next { return c.Return(faultRetry) }},
		ffFailed: faultFailed,
		ffPoison: faultPoison,
	},
})

const ffAddr, ffFlags = 2, 3

const (
	ffLookup = iota
	ffLock
	ffPutRetry
	ffPut
	ffBus
	ffWait
	ffRetry
	ffFailed
	ffPoison
)

// do_read_fault, in straight line:
//
//	do_fault_around(), where that is on; the page is mapped by now: done
//	__do_fault(): the folio, locked
//	finish_fault(): no page table, and the folio is huge: do_set_pmd(): see file_pmd.go
//	    lock the PTL; the PTE is not none any more: put the folio
//	mapped once more; PTE = folio, with the protection of the VMA: read-only where the
//	file system must be asked first, and in private mappings; unlock the PTL
//	unlock the folio
//
// The reference becomes the PTE's.
//
// compare mm/memory.c:do_read_fault, finish_fault
var _ = register(fnDoReadFault, &Func{
	Name: "do_read_fault", File: "mm/memory.c", Params: []int{dfAddr, dfFlags, dfTable},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"copy", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		faultAround(1),
		aroundDone,
		{Label: "fault", Says: "find the folio", Ref: "__do_fault", Local: true, Calls: []FuncID{fnFilemapFault, fnShmemGetFolio, fnShmemFault}, Do: func(c *Ctx) Next { return c.fault(c.Page(dfAddr), 3) }},
		faultFound,
		faultAsksVMA(4),
		faultSetPMD(5, 7, 7, (*Ctx).readFaultBits),
		{Label: "map", Says: "map it, if the PTE is still none", Ref: "finish_fault", Map: &TableMap{dfTable, dfAddr, Then}, Touches: fileMapTouches, Reads: cell.Of(machine.VMAs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dfTable))) },
			Do: func(c *Ctx) Next {
				p := c.Page(dfAddr)
				if c.raced(p) {
					return Then
				}
				c.mapFile(p, c.readFaultBits(p))
				return Then
			}},
		faultUnlock, faultPut,
	},
})

// readFaultBits is how a read fault maps a page: writable where nobody must be asked before a write.
func (c *Ctx) readFaultBits(p machine.PageID) machine.Entry {
	o, _ := c.backing(p)
	flags := c.Load(c.M.VMA(p))
	if flags&machine.VMWrite != 0 && flags&machine.VMShared != 0 && !c.wantsWritenotify(flags, c.M.KindOf(o)) {
		return machine.RW
	}
	return 0
}

const dfTable, dfCopy, dfAddr, dfFlags = 1, 2, 3, 4

// fileMapTouches are the classes that mapping a page of a file touches.
var fileMapTouches = cell.Of(machine.PTLs, machine.PTEs, machine.Mapcounts)

// faultFound ends a fault whose file system has found no folio.
var faultFound = Step{Label: "found", Says: "is there a folio?", Local: true, Do: func(c *Ctx) Next {
	if ret := c.Ret(); ret&failed != 0 || ret == faultRetry {
		return c.Return(ret)
	}
	return Then
}}

// faultUnlock unlocks the folio; its reference has passed to the PTE, unless somebody was faster.
var faultUnlock = Step{Label: "unlock", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
	c.Unlock(c.folioLock(c.Frame(0)))
	if !machine.Hold(c.L(0)).Some() || machine.Hold(c.L(0)).Count() == 0 {
		return Return
	}
	return Then
}}

var faultPut = putFolio(end)

// raced reports, under the PTL, that the PTE is not none any more.
func (c *Ctx) raced(p machine.PageID) bool {
	if machine.Entry(c.Load(c.PTE(c.Frame(dfTable), p))).None() {
		return false
	}
	c.Say("the PTE is not none any more: somebody else was faster")
	return true
}

// mapFile maps the folio in local 0; its reference becomes the PTE's.
func (c *Ctx) mapFile(p machine.PageID, bits machine.Entry) {
	f := c.Held(0).Frame()
	c.rmapAdd(f, 1)
	c.Release(0)
	c.Set(0, uint64(machine.Uncounted(f)))
	e := c.protected(machine.MakePTE(f, bits), p)
	c.Sayf("map it: %v", e)
	c.SetPTE(c.Frame(dfTable), p, e)
}

// do_cow_fault, in straight line:
//
//	the VMA needs an anon_vma: see do_anonymous_page()
//	copy = a free frame
//	__do_fault(): the file's folio, locked; copy its content
//	lock the PTL; the PTE is not none any more: free the copy
//	the copy: anonymous, mapped once, exclusive; PTE = copy, writable if the VMA is, and dirty
//	unlock the PTL, the file's folio; put that
//
// compare mm/memory.c:do_cow_fault
var _ = register(fnDoCowFault, &Func{
	Name: "do_cow_fault", File: "mm/memory.c", Params: []int{dfAddr, dfFlags, dfTable},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"copy", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		dcPrepare: anonVMAStep(dfAddr, dfFlags, func(c *Ctx) Next { return c.Return(faultRetry) }),
		dcAlloc: {Label: "alloc", Says: "take a free frame for the copy", Ref: "folio_prealloc", Touches: allocTouches,
			Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
			Do: func(c *Ctx) Next {
				c.allocate(dfCopy)
				return Then
			}},
		dcFault: {Label: "fault", Says: "find the file's folio", Ref: "__do_fault", Local: true, Calls: []FuncID{fnFilemapFault, fnShmemGetFolio, fnShmemFault}, Do: func(c *Ctx) Next {
			if _, ok := c.backing(c.Page(dfAddr)); !ok {
				c.Set(dfRet, sigbus)
				return dcFree
			}
			if c.isDAX(c.Page(dfAddr)) {
				return dcDAX
			}
			return c.fault(c.Page(dfAddr), dcFound)
		}},
		dcFound: {Label: "found", Says: "is there a folio?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 || ret == faultRetry {
				c.Set(dfRet, ret)
				return dcFree
			}
			return Then
		}},
		dcCopy: {Label: "copy", Says: "copy the content", Ref: "copy_user_highpage", Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			v := c.Load(c.M.Contents(c.Held(0).Frame()))
			c.Sayf("copy the content: %s", c.M.Content(v))
			c.Store(c.M.Contents(c.Held(dfCopy).Frame()), v)
			return Then
		}},
		dcMap: {Label: "map", Says: "map the copy, if the PTE is still none", Ref: "finish_fault", Map: &TableMap{dfTable, dfAddr, Then}, Touches: mapTouches,
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dfTable))) },
			Do: func(c *Ctx) Next {
				p, unlock := c.Page(dfAddr), Then
				if c.isDAX(p) { // no folio is locked
					unlock = dcFree
				}
				if c.raced(p) {
					return unlock
				}
				f := c.Held(dfCopy).Frame()
				bits := machine.Dirty
				if c.Load(c.M.VMA(p))&machine.VMWrite != 0 {
					bits |= machine.RW
				}
				c.newAnon(f, p)
				c.Release(dfCopy)
				c.SetPTE(c.Frame(dfTable), p, c.protected(machine.MakePTE(f, bits), p))
				return unlock
			}},
		dcUnlock: unlockFolio,
		dcPut:    putFolio(dcFree),
		dcFree: {Label: "free", Says: "free the copy, if it was not mapped", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			if h := c.Held(dfCopy); h.Some() {
				c.Release(dfCopy)
				return c.putFree(h.Frame(), 1, dcEnd)
			}
			return Then
		}},
		dcEnd: {Label: "end", Says: "fault done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(dfRet)) }},
		dcDAX: faultCopiesDAX,
	},
})

const dfRet = 5

const (
	dcPrepare = iota
	dcAlloc
	dcFault
	dcFound
	dcCopy
	dcMap
	dcUnlock
	dcPut
	dcFree
	dcEnd
	dcDAX
)
