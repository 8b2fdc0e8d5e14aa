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
// written. ramfs does, though it writes nothing back: it uses generic_file_mmap().
func hasPageMkwrite(kind machine.FileKind) bool { return kind == machine.Ext4 || kind == machine.Ramfs }

func notSharedWritable(flags uint64, _ machine.FileKind) bool {
	return flags&machine.VMWrite == 0 || flags&machine.VMShared == 0
}

// WantsWritenotify says whether the PTEs of a file mapping must not be made writable
// before a write fault. Soft-dirty tracking and userfaultfd are not there.
// compare mm/mmap.c:vma_wants_writenotify
var WantsWritenotify = []Decision{
	{"not both writable and shared", notSharedWritable, false},
	{"vm_ops has page_mkwrite", func(_ uint64, k machine.FileKind) bool { return hasPageMkwrite(k) }, true},
	{"the mapping can write back", func(_ uint64, k machine.FileKind) bool { return k.OnDisk() }, true},
	{"otherwise", func(uint64, machine.FileKind) bool { return true }, false},
}

// NeedsDirtyTracking says whether a write behind the page table's back harms the file system.
// compare mm/mmap.c:vma_needs_dirty_tracking
var NeedsDirtyTracking = []Decision{
	{"not both writable and shared", notSharedWritable, false},
	{"vm_ops has page_mkwrite", func(_ uint64, k machine.FileKind) bool { return hasPageMkwrite(k) }, true},
	{"the mapping can write back", func(_ uint64, k machine.FileKind) bool { return k.OnDisk() }, true},
	{"otherwise", func(uint64, machine.FileKind) bool { return true }, false},
}

// Decide goes down a decision list.
func Decide(list []Decision, flags uint64, kind machine.FileKind) bool {
	for _, d := range list {
		if d.Applies(flags, kind) {
			return d.Yes
		}
	}
	panic("kernel: a decision list ends with a row that always applies")
}

// isFile reports whether a page lies in a mapping of a file of the page cache.
func (c *Ctx) isFile(p machine.PageID) bool {
	k := c.M.Region(p).Kind
	return k == machine.RegionFilePrivate || k == machine.RegionFileShared
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
		return c.Call(fnFilemapFault, back, uint64(o))
	}
	return c.Call(fnShmemGetFolio, back, uint64(o), sgpCache)
}

// doFault picks the function for a fault on a file mapping without a PTE.
// compare mm/memory.c:do_fault
func (c *Ctx) doFault(p machine.PageID, flags uint64) FuncID {
	switch {
	case flags&faultWrite == 0:
		return fnDoReadFault
	case c.M.Region(p).Kind == machine.RegionFilePrivate:
		return fnDoCowFault
	}
	return fnDoSharedFault
}

// filemap_fault, in straight line:
//
//	retry: beyond i_size: SIGBUS
//	the page cache has no folio: filemap_create_folio(), retry
//	take a reference, lock it; not the file's any more: put it, retry
//	beyond i_size now: unlock, put it, SIGBUS
//	return it locked
//
// compare mm/filemap.c:filemap_fault
var _ = register(fnFilemapFault, &Func{
	Name: "filemap_fault", File: "mm/filemap.c", Params: []int{1},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}},
	Steps: []Step{
		{Label: "lookup", Says: "look it up in the page cache", Ref: "filemap_get_folio", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache, machine.Inodes), Calls: []FuncID{fnFilemapCreateFolio}, Back: []int{0}, Do: func(c *Ctx) Next {
			if c.beyondEOF(c.Pgoff(1)) {
				c.Say("it lies beyond the file's end: SIGBUS")
				return c.Return(sigbus)
			}
			if !c.find(0, c.Pgoff(1)) {
				c.Say("the page cache has none: read it in")
				return c.Call(fnFilemapCreateFolio, 0, c.L(1))
			}
			return Then
		}},
		{Label: "lock", Says: "lock it; is it still the file's, and inside it?", Ref: "lock_folio_maybe_drop_mmap", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings, machine.Inodes),
			Wait: folioLockFree, Do: func(c *Ctx) Next {
				if !c.ours(c.Held(0).Frame(), c.Pgoff(1)) {
					c.Say("it is not the file's any more: put it, look again")
					return 2
				}
				if c.beyondEOF(c.Pgoff(1)) {
					c.Say("it lies beyond the file's end now: put it, SIGBUS")
					return 3
				}
				c.Lock(c.M.FolioLock(c.Held(0).Frame()))
				return c.handOver()
			}},
		{Label: "put_retry", Says: "put it", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{0}, Do: func(c *Ctx) Next { return c.forget(0) }},
		putFolio(4),
		{Label: "sigbus", Says: "SIGBUS", Local: true, Do: func(c *Ctx) Next { return c.Return(sigbus) }},
	},
})

// do_read_fault, in straight line:
//
//	__do_fault(): the folio, locked
//	finish_fault(): lock the PTL; the PTE is not none any more: put the folio
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
		{Label: "fault", Says: "find the folio", Ref: "__do_fault", Local: true, Calls: []FuncID{fnFilemapFault, fnShmemGetFolio}, Do: func(c *Ctx) Next { return c.fault(c.Page(dfAddr), 1) }},
		faultFound,
		{Label: "map", Says: "map it, if the PTE is still none", Ref: "finish_fault", Touches: fileMapTouches, Reads: cell.Of(machine.VMAs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dfTable))) },
			Do: func(c *Ctx) Next {
				p := c.Page(dfAddr)
				if c.raced(p) {
					return Then
				}
				o, _ := c.backing(p)
				flags := c.Load(c.M.VMA(p))
				bits := machine.Entry(0)
				if flags&machine.VMWrite != 0 && flags&machine.VMShared != 0 && !Decide(WantsWritenotify, flags, c.M.KindOf(o)) {
					bits = machine.RW
				}
				c.mapFile(p, bits)
				return Then
			}},
		faultUnlock, faultPut,
	},
})

const dfTable, dfCopy, dfAddr, dfFlags = 1, 2, 3, 4

// fileMapTouches are the classes that mapping a page of a file touches.
var fileMapTouches = cell.Of(machine.PTLs, machine.PTEs, machine.Mapcounts)

// faultFound ends a fault whose file system has found no folio.
var faultFound = Step{Label: "found", Says: "is there a folio?", Local: true, Do: func(c *Ctx) Next {
	if ret := c.Ret(); ret&failed != 0 {
		return c.Return(ret)
	}
	return Then
}}

// faultUnlock unlocks the folio; its reference has passed to the PTE, unless somebody was faster.
var faultUnlock = Step{Label: "unlock", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
	c.Unlock(c.M.FolioLock(c.Frame(0)))
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
	c.Add(c.M.Mapcount(f), 1)
	c.Release(0)
	c.Set(0, uint64(machine.Uncounted(f)))
	e := machine.MakePTE(f, bits)
	c.Sayf("map it: %v", e)
	c.SetPTE(c.Frame(dfTable), p, e)
}

// do_cow_fault, in straight line:
//
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
		dcAlloc: {Label: "alloc", Says: "take a free frame for the copy", Ref: "folio_prealloc", Touches: allocTouches,
			Wait: func(c *Ctx) Block { return c.memory(false) }, Choose: offerFrames,
			Do: func(c *Ctx) Next {
				c.allocate(dfCopy)
				return Then
			}},
		dcFault: {Label: "fault", Says: "find the file's folio", Ref: "__do_fault", Local: true, Calls: []FuncID{fnFilemapFault, fnShmemGetFolio}, Do: func(c *Ctx) Next {
			if _, ok := c.backing(c.Page(dfAddr)); !ok {
				c.Set(dfRet, sigbus)
				return dcFree
			}
			return c.fault(c.Page(dfAddr), dcFound)
		}},
		dcFound: {Label: "found", Says: "is there a folio?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
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
		dcMap: {Label: "map", Says: "map the copy, if the PTE is still none", Ref: "finish_fault", Touches: mapTouches, Reads: cell.Of(machine.VMAs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dfTable))) },
			Do: func(c *Ctx) Next {
				p := c.Page(dfAddr)
				if c.raced(p) {
					return Then
				}
				f := c.Held(dfCopy).Frame()
				bits := machine.Dirty
				if c.Load(c.M.VMA(p))&machine.VMWrite != 0 {
					bits |= machine.RW
				}
				c.newAnon(f, p)
				c.Release(dfCopy)
				c.SetPTE(c.Frame(dfTable), p, machine.MakePTE(f, bits))
				return Then
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
	},
})

const dfRet = 5

const (
	dcAlloc = iota
	dcFault
	dcFound
	dcCopy
	dcMap
	dcUnlock
	dcPut
	dcFree
	dcEnd
)

// do_shared_fault, in straight line:
//
//	__do_fault(): the folio, locked
//	the file system wants to be asked: unlock, page_mkwrite(): locked again; not the file's any more: put it, done
//	finish_fault(): lock the PTL; the PTE is not none any more: unlock, put
//	mapped once more; PTE = folio, writable and dirty; unlock the PTL
//	fault_dirty_shared_page(): mark it dirty, unlock
//
// The folio is locked from page_mkwrite until the PTE is there: writeback cannot clean in between.
//
// compare mm/memory.c:do_shared_fault
var _ = register(fnDoSharedFault, &Func{
	Name: "do_shared_fault", File: "mm/memory.c", Params: []int{dfAddr, dfFlags, dfTable},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"copy", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		dhFault: {Label: "fault", Says: "find the folio", Ref: "__do_fault", Local: true, Calls: []FuncID{fnFilemapFault, fnShmemGetFolio}, Do: func(c *Ctx) Next { return c.fault(c.Page(dfAddr), dhFound) }},
		dhFound: {Label: "found", Says: "is there a folio?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
				return c.Return(ret)
			}
			if o, _ := c.backing(c.Page(dfAddr)); !hasPageMkwrite(c.M.KindOf(o)) {
				return dhMap
			}
			return Then
		}},
		dhUnlock: {Label: "unlock", Says: "unlock the folio: the file system is asked", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Calls: []FuncID{fnPageMkwrite}, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			c.Unlock(c.M.FolioLock(f))
			o, _ := c.backing(c.Page(dfAddr))
			return c.Call(fnPageMkwrite, dhAsked, uint64(machine.MakeHold(f, 1)), uint64(o))
		}},
		dhAsked: {Label: "asked", Says: "may it be written?", Local: true, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return dhPut
			}
			return Then
		}},
		dhMap: {Label: "map", Says: "map it writable, if the PTE is still none", Ref: "finish_fault", Touches: fileMapTouches,
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dfTable))) },
			Do: func(c *Ctx) Next {
				if p := c.Page(dfAddr); !c.raced(p) {
					c.mapFile(p, machine.RW|machine.Dirty)
					return Then
				}
				return dhDone
			}},
		dhDirty: {Label: "dirty", Says: "mark it dirty", Ref: "fault_dirty_shared_page", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.markDirty(c.Frame(0))
			return Then
		}},
		dhDone: faultUnlock,
		dhPut:  faultPut,
	},
})

const (
	dhFault = iota
	dhFound
	dhUnlock
	dhAsked
	dhMap
	dhDirty
	dhDone
	dhPut
)

// ext4_page_mkwrite of a folio that is about to be mapped writable, in straight line:
//
//	filemap_invalidate_lock_shared()             // no hole is punched meanwhile
//	lock the folio; not the file's any more, or beyond i_size: unlock, the access is tried again
//	attach a buffer, map it; a hole: reserve space
//	mark buffer and folio dirty
//	under writeback and it must not change then: wait
//	filemap_invalidate_unlock_shared(); return with the folio locked
//
// It returns 0 with the folio locked, else 1. ramfs only marks it dirty.
//
// compare fs/ext4/inode.c:ext4_page_mkwrite, mm/filemap.c:filemap_page_mkwrite
var _ = register(fnPageMkwrite, &Func{
	Name: "ext4_page_mkwrite", File: "fs/ext4/inode.c", Params: []int{0, 1},
	Locals: []Local{{"folio", FrameLocal}, {"pgoff", PgoffLocal}, {"ret", IntLocal}},
	Steps: []Step{
		{Label: "invalidate_lock", Says: "take invalidate_lock for reading", Ref: "filemap_invalidate_lock_shared", Touches: cell.Of(machine.InodeLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.InvalidateLock(c.fileOf(c.Pgoff(1)))) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.InvalidateLock(c.fileOf(c.Pgoff(1))))
				return Then
			}},
		{Label: "lock", Says: "lock the folio; is it still the file's, and inside it?", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings, machine.Inodes),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Frame(0))) },
			Do: func(c *Ctx) Next {
				if !c.ours(c.Frame(0), c.Pgoff(1)) || c.beyondEOF(c.Pgoff(1)) {
					c.Say("it is not the file's any more: the access is tried again")
					c.Set(2, 1)
					return 5
				}
				c.Lock(c.M.FolioLock(c.Frame(0)))
				return Then
			}},
		{Label: "prepare", Says: "attach a buffer, map its block", Ref: "ext4_block_write_begin", Touches: prepareTouches, Do: func(c *Ctx) Next {
			if c.M.KindOf(c.Pgoff(1)).OnDisk() {
				c.prepare(c.Frame(0), c.Pgoff(1))
			}
			return Then
		}},
		{Label: "dirty", Says: "mark it dirty", Ref: "block_commit_write", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.prepared(c.Frame(0))
			return Then
		}},
		{Label: "wait_stable", Says: "wait until it is not under writeback", Ref: "folio_wait_stable", When: With(StablePages), Reads: cell.Of(machine.Flags),
			Wait: func(c *Ctx) Block { return c.writebackOf(c.Frame(0)) }, Do: func(c *Ctx) Next { return Then }},
		{Label: "invalidate_unlock", Says: "drop invalidate_lock", Ref: "filemap_invalidate_unlock_shared", Touches: cell.Of(machine.InodeLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.InvalidateLock(c.fileOf(c.Pgoff(1))))
			return c.Return(c.L(2))
		}},
	},
})

// wp_page_shared, entered with the PTL held on a present, read-only PTE of a shared
// mapping, in straight line:
//
//	take a reference, unlock the PTL
//	page_mkwrite(): locked; not the file's any more: put it, done
//	lock the PTL; the PTE has changed: unlock, put it
//	PTE writable and dirty; unlock the PTL
//	mark it dirty, unlock, put it
//
// Where no file system wants to be asked, the PTE is made writable at once; then the folio is marked.
//
// compare mm/memory.c:wp_page_shared, finish_mkwrite_fault, fault_dirty_shared_page
var _ = register(fnWPPageShared, &Func{
	Name: "wp_page_shared", File: "mm/memory.c", Params: []int{wsAddr, wsTable, wsPTE},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"orig_pte", PTELocal}, {"address", PageLocal}},
	Steps: []Step{
		wsGet: {Label: "get", Says: "take a reference, unlock the PTL", Ref: "folio_get", Touches: cell.Of(machine.Refs, machine.PTLs, machine.PTEs), Calls: []FuncID{fnPageMkwrite}, Do: func(c *Ctx) Next {
			f := c.Frame(wsPTE)
			c.Get(f, 1)
			c.Hold(0, f, 1)
			o, _ := c.backing(c.Page(wsAddr))
			if !hasPageMkwrite(c.M.KindOf(o)) {
				c.Say("nobody wants to be asked: make the PTE writable and dirty, unlock the PTL")
				c.SetPTE(c.Frame(wsTable), c.Page(wsAddr), c.Entry(wsPTE)|machine.RW|machine.Dirty|machine.Accessed)
				c.Unlock(c.M.PTL(c.Frame(wsTable)))
				return wsLockFolio
			}
			c.Unlock(c.M.PTL(c.Frame(wsTable)))
			return c.Call(fnPageMkwrite, wsAsked, uint64(machine.MakeHold(f, 1)), uint64(o))
		}},
		wsAsked: {Label: "asked", Says: "may it be written?", Local: true, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return wsPut
			}
			return Then
		}},
		wsLock: {Label: "lock", Says: "lock the PTL; is the PTE still the same?", Ref: "finish_mkwrite_fault", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(wsTable))) },
			Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.PTE(c.Frame(wsTable), c.Page(wsAddr)))) != c.Entry(wsPTE).Fresh() {
					c.Say("the PTE has changed: the access is tried again")
					return wsUnlock
				}
				c.Lock(c.M.PTL(c.Frame(wsTable)))
				return Then
			}},
		wsReuse: {Label: "reuse", Says: "make the PTE writable and dirty, unlock the PTL", Ref: "wp_page_reuse", Touches: cell.Of(machine.PTLs, machine.PTEs), Do: func(c *Ctx) Next {
			c.SetPTE(c.Frame(wsTable), c.Page(wsAddr), c.Entry(wsPTE)|machine.RW|machine.Dirty|machine.Accessed)
			c.Unlock(c.M.PTL(c.Frame(wsTable)))
			return wsDirty
		}},
		wsLockFolio: {Label: "lock_folio", Says: "lock the folio", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Wait: folioLockFree, Do: func(c *Ctx) Next {
			c.Lock(c.M.FolioLock(c.Held(0).Frame()))
			return Then
		}},
		wsDirty: {Label: "dirty", Says: "mark it dirty", Ref: "fault_dirty_shared_page", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.markDirty(c.Held(0).Frame())
			return Then
		}},
		wsUnlock: unlockFolio,
		wsPut:    putFolio(end),
	},
})

const wsTable, wsPTE, wsAddr = 1, 2, 3

const (
	wsGet = iota
	wsAsked
	wsLock
	wsReuse
	wsLockFolio
	wsDirty
	wsUnlock
	wsPut
)
