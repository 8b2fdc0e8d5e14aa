package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// do_shared_fault, in straight line:
//
//	__do_fault(): the folio, locked
//	the file system wants to be asked: unlock, page_mkwrite(): locked again; not the file's any more: put it, done; no space: put it, SIGBUS
//	finish_fault(): lock the PTL; the PTE is not none any more: unlock, put
//	mapped once more; PTE = folio, writable and dirty; unlock the PTL
//	fault_dirty_shared_page(): mark it dirty, unlock; who is throttled sleeps, and may drop mmap_lock before
//
// The folio is locked from page_mkwrite until the PTE is there: writeback cannot clean in between.
//
// compare mm/memory.c:do_shared_fault
var _ = register(fnDoSharedFault, &Func{
	Name: "do_shared_fault", File: "mm/memory.c", Params: []int{dfAddr, dfFlags, dfTable},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"copy", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}, {"mapping", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		dhFault: {Label: "fault", Says: "find the folio", Ref: "__do_fault", Local: true, Calls: []FuncID{fnFilemapFault, fnShmemGetFolio, fnShmemFault}, Do: func(c *Ctx) Next { return c.fault(c.Page(dfAddr), dhFound) }},
		dhFound: {Label: "found", Says: "is there a folio?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 || ret == faultRetry {
				return c.Return(ret)
			}
			if o, _ := c.backing(c.Page(dfAddr)); !hasPageMkwrite(c.M.KindOf(o)) {
				return dhAskVMA
			}
			return Then
		}},
		dhUnlock: {Label: "unlock_to_ask", Says: "unlock the folio: the file system is asked", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Calls: []FuncID{fnPageMkwrite}, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			c.Unlock(c.M.FolioLock(f))
			o, _ := c.backing(c.Page(dfAddr))
			return c.Call(fnPageMkwrite, dhAsked, uint64(machine.MakeHold(f, 1)), uint64(o))
		}},
		dhAsked: {Label: "asked", Says: "may it be written?", Local: true, Do: func(c *Ctx) Next {
			switch ret := c.Ret(); ret {
			case 0:
				return Then
			case sigbus:
				c.Set(dhRet, ret)
			}
			return dhPut
		}},
		dhAskVMA: faultAsksVMA(dhAskVMA),
		dhPMD:    faultSetPMD(dhPMD, dhDirty, dhDone, func(*Ctx, machine.PageID) machine.Entry { return machine.RW | machine.Dirty }),
		dhMap: {Label: "map", Says: "map it writable, if the PTE is still none", Ref: "finish_fault", Map: &TableMap{dfTable, dfAddr, dhDone}, Touches: fileMapTouches, Reads: cell.Of(machine.VMAs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dfTable))) },
			Do: func(c *Ctx) Next {
				if p := c.Page(dfAddr); !c.raced(p) {
					c.mapFile(p, machine.RW|machine.Dirty)
					return Then
				}
				return dhDone
			}},
		dhDirty: {Label: "dirty", Says: "mark it dirty", Ref: "fault_dirty_shared_page", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.Set(dhMapping, c.dirtyShared(c.M.Head(c.Frame(0))))
			return Then
		}},
		dhDone: {Label: "unlock", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.folioLock(c.Frame(0)))
			if machine.Hold(c.L(0)).Count() != 0 { // not mapped: the reference has not passed to the PTE
				return dhPut
			}
			c.Set(0, 0)
			return dhThrottle
		}},
		dhPut:      putFolio(dhFail),
		dhThrottle: throttleStep(dhMapping, dfAddr, dfFlags, dhEnd),
		dhEnd:      {Label: "end", Says: "fault done", When: Throttled, Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
		dhFail:     {Label: "no_space", Says: "was there space for it?", When: FewBlocks, Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(dhRet)) }},
	},
})

const (
	dhFault = iota
	dhFound
	dhUnlock
	dhAsked
	dhAskVMA
	dhPMD
	dhMap
	dhDirty
	dhDone
	dhPut
	dhThrottle
	dhEnd
	dhFail
)

const dhMapping, dhRet = 5, 6

// ext4_page_mkwrite of a folio that is about to be mapped writable, in straight line:
//
//	filemap_invalidate_lock_shared()             // no hole is punched meanwhile
//	lock the folio; not the file's any more, or beyond i_size: unlock, the access is tried again
//	attach a buffer, map it; a hole: reserve space; there is none: unlock, SIGBUS
//	mark buffer and folio dirty
//	under writeback and it must not change then: wait
//	filemap_invalidate_unlock_shared(); return with the folio locked
//
// It returns 0 with the folio locked, else 1, or SIGBUS: until then the page had no block, and the disk is full; GUP and MADV_POPULATE_WRITE return -EFAULT then
// (ext4 of Debian's 6.1.192 and 6.12.117 was seen to do so). ramfs only marks it dirty.
//
// compare fs/ext4/inode.c:ext4_page_mkwrite, mm/filemap.c:filemap_page_mkwrite
var _ = register(fnPageMkwrite, &Func{
	Name: "ext4_page_mkwrite", File: "fs/ext4/inode.c", Params: []int{0, pkPage},
	Locals: []Local{{"folio", FrameLocal}, {"pgoff", PgoffLocal}, {"ret", IntLocal}},
	Steps: []Step{
		pkInvalidate: {Label: "invalidate_lock", Says: "take invalidate_lock for reading", Ref: "filemap_invalidate_lock_shared", Touches: cell.Of(machine.InodeLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.InvalidateLock(c.fileOf(c.Pgoff(pkPage)))) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.InvalidateLock(c.fileOf(c.Pgoff(pkPage))))
				return Then
			}},
		pkLock: {Label: "lock", Says: "lock the folio; is it still the file's, and inside it?", Answer: "yes", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings, machine.Inodes),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Frame(0))) },
			Do: func(c *Ctx) Next {
				if !c.ours(c.Frame(0), c.Pgoff(pkPage)) || c.beyondEOF(c.Pgoff(pkPage)) {
					c.Say("it is not the file's any more: the access is tried again")
					c.Set(pkRet, 1)
					return pkInvalidateUnlock
				}
				c.Lock(c.M.FolioLock(c.Frame(0)))
				return Then
			}},
		pkReserve: reserveStep(pkPage, pkNoSpace),
		pkPrepare: {Label: "prepare", Says: "attach a buffer, map its block", Ref: "ext4_block_write_begin", Touches: prepareTouches, Do: func(c *Ctx) Next {
			if c.M.KindOf(c.Pgoff(pkPage)).OnDisk() {
				c.prepare(c.Frame(0), c.Pgoff(pkPage))
			}
			return Then
		}},
		pkDirty: {Label: "dirty", Says: "mark it dirty", Ref: "block_commit_write", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.prepared(c.Frame(0))
			return Then
		}},
		pkStable: {Label: "wait_stable", Says: "wait until it is not under writeback", Ref: "folio_wait_stable", When: With(StablePages), Reads: cell.Of(machine.Flags),
			Wait: func(c *Ctx) Block { return c.writebackOf(c.Frame(0)) }, Do: func(c *Ctx) Next { return Then }},
		pkInvalidateUnlock: {Label: "invalidate_unlock", Says: "drop invalidate_lock", Ref: "filemap_invalidate_unlock_shared", Touches: cell.Of(machine.InodeLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.InvalidateLock(c.fileOf(c.Pgoff(pkPage))))
			return c.Return(c.L(pkRet))
		}},
		pkNoSpace: {Label: "no_space", Says: "unlock the folio", Ref: "block_page_mkwrite", When: FewBlocks, Touches: cell.Of(machine.FolioLocks), Back: []int{pkInvalidateUnlock}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Frame(0)))
			c.Set(pkRet, sigbus)
			return pkInvalidateUnlock
		}},
	},
})

const pkPage, pkRet = 1, 2

const (
	pkInvalidate = iota
	pkLock
	pkReserve
	pkPrepare
	pkDirty
	pkStable
	pkInvalidateUnlock
	pkNoSpace
)

// wp_page_shared, entered with the PTL held on a present, read-only PTE of a shared
// mapping, in straight line:
//
//	take a reference, unlock the PTL
//	page_mkwrite(): locked; not the file's any more: put it, done; no space: put it, SIGBUS
//	lock the PTL; the PTE has changed: unlock, put it
//	PTE writable and dirty; unlock the PTL
//	fault_dirty_shared_page(): mark it dirty, unlock; who is throttled sleeps, and may drop mmap_lock before
//	put it
//
// Where no file system wants to be asked, the PTE is made writable at once; then the folio is marked.
//
// compare mm/memory.c:wp_page_shared, finish_mkwrite_fault, fault_dirty_shared_page
var _ = register(fnWPPageShared, &Func{
	Name: "wp_page_shared", File: "mm/memory.c", Params: []int{wsAddr, wsTable, wsPTE, wsFlags},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"orig_pte", PTELocal}, {"address", PageLocal}, {"flags", IntLocal}, {"mapping", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		wsGet: {Label: "get", Says: "take a reference, unlock the PTL", Ref: "folio_get", Touches: cell.Of(machine.Refs, machine.PTLs, machine.PTEs), Calls: []FuncID{fnPageMkwrite}, Do: func(c *Ctx) Next {
			f := c.Frame(wsPTE)
			c.Get(f, 1)
			c.Hold(0, f, 1)
			o, _ := c.backing(c.Page(wsAddr))
			if !hasPageMkwrite(c.M.KindOf(o)) {
				c.Say("nobody wants to be asked: make the PTE writable and dirty, unlock the PTL")
				c.SetPTE(c.Frame(wsTable), c.Page(wsAddr), c.sim.mkdirty(c.Entry(wsPTE)|machine.RW|machine.Accessed))
				c.Unlock(c.M.PTL(c.Frame(wsTable)))
				return wsLockFolio
			}
			c.Unlock(c.M.PTL(c.Frame(wsTable)))
			return c.Call(fnPageMkwrite, wsAsked, uint64(machine.MakeHold(f, 1)), uint64(o))
		}},
		wsAsked: {Label: "asked", Says: "may it be written?", Local: true, Do: func(c *Ctx) Next {
			switch ret := c.Ret(); ret {
			case 0:
				return Then
			case sigbus:
				c.Set(wsRet, ret)
			}
			return wsPut
		}},
		wsLock: {Label: "lock", Says: "lock the PTL; is the PTE still the same?", Answer: "yes", Ref: "finish_mkwrite_fault", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(wsTable))) },
			Do: func(c *Ctx) Next {
				if machine.Entry(c.Load(c.PTE(c.Frame(wsTable), c.Page(wsAddr)))) != c.Entry(wsPTE).Fresh() {
					c.Say("the PTE has changed: the access is tried again")
					return wsUnlock
				}
				c.lockPTL(wsTable)
				return Then
			}},
		wsReuse: {Label: "reuse", Says: "make the PTE writable and dirty, unlock the PTL", Ref: "wp_page_reuse", Touches: cell.Of(machine.PTLs, machine.PTEs), Do: func(c *Ctx) Next {
			c.SetPTE(c.Frame(wsTable), c.Page(wsAddr), c.sim.mkdirty(c.Entry(wsPTE)|machine.RW|machine.Accessed))
			c.Unlock(c.M.PTL(c.Frame(wsTable)))
			return wsDirty
		}},
		wsLockFolio: {Label: "lock_folio", Says: "lock the folio", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Wait: folioLockFree, Do: func(c *Ctx) Next {
			c.Lock(c.M.FolioLock(c.Held(0).Frame()))
			return Then
		}},
		wsDirty: {Label: "dirty", Says: "mark it dirty", Ref: "fault_dirty_shared_page", Touches: dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.Set(wsMapping, c.dirtyShared(c.Held(0).Frame()))
			return Then
		}},
		wsUnlock:   unlockFolio,
		wsThrottle: throttleStep(wsMapping, wsAddr, wsFlags, wsThrottled),
		wsThrottled: {Label: "throttled", Says: "was mmap_lock dropped?", When: Throttled, Local: true, Do: func(c *Ctx) Next {
			c.Set(wsRet, c.Ret())
			return Then
		}},
		wsPut:  putFolio(wsEnd),
		wsEnd:  {Label: "end", Says: "fault done", When: Throttled, Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(wsRet)) }},
		wsFail: {Label: "no_space", Says: "was there space for it?", When: FewBlocks, Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(wsRet)) }},
	},
})

const wsTable, wsPTE, wsAddr, wsFlags, wsMapping, wsRet = 1, 2, 3, 4, 5, 6

const (
	wsGet = iota
	wsAsked
	wsLock
	wsReuse
	wsLockFolio
	wsDirty
	wsUnlock
	wsThrottle
	wsThrottled
	wsPut
	wsEnd
	wsFail
)
