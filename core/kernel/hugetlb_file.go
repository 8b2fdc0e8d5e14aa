package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// remove_inode_hugepages over a range of a file, in straight line:
//
//	every page of it: the page cache has none: what is reserved for it goes back; next
//	    take a reference; take the fault mutex of the page       // no fault maps it, or brings it back, meanwhile
//	    mapped: unmap it
//	    lock the folio; out of the page cache: mapping is NULL; unlock
//	    drop the mutex; drop the page cache's references and ours
//
// i_size is set before: a fault that takes the mutex later finds the page behind the end.
//
//	CPU0 (fault)                       CPU1 (ftruncate)
//	is it inside the file? yes
//	                                   i_size = 0
//	                                   the page cache has nothing there
//	a page, into the page cache
//	map it: behind the end
//
// compare fs/hugetlbfs/inode.c:remove_inode_hugepages, remove_inode_single_folio
var _ = register(fnRemoveInodeHugepages, &Func{Hugetlb: true,
	Name: "remove_inode_hugepages", File: "fs/hugetlbfs/inode.c", Params: []int{rhPage, rhLast},
	Locals: []Local{{"folio", HoldLocal}, {"cache_references", HoldLocal}, {"pgoff", PgoffLocal}, {"last", PgoffLocal}},
	Steps: []Step{
		rhMutex: {Label: "mutex", Says: "take the fault mutex of the page", Ref: "mutex_lock(hugetlb_fault_mutex_table)", When: With(HugetlbTruncateMutex), Touches: cell.Of(machine.HugetlbPool),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FileFaultMutex(c.Pgoff(rhPage))) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.FileFaultMutex(c.Pgoff(rhPage)))
				return Then
			}},
		rhFind: {Label: "find", Says: "look it up in the page cache", Ref: "filemap_get_folios", Touches: cell.Of(machine.Refs, machine.HugetlbPool), Reads: cell.Of(machine.PageCache), Do: func(c *Ctx) Next {
			o := c.Pgoff(rhPage)
			if !c.find(0, o) {
				c.Say("the page cache has none: nothing stays reserved for it")
				c.unreserve(c.M.FileReserve(o))
				c.M.FileForget(o)
				return rhUnlockMutex
			}
			return Then
		}},
		rhUnmap: {Label: "unmap", Says: "is it mapped?", Answer: "yes", Ref: "hugetlb_unmap_file_folio", Reads: cell.Of(machine.Mapcounts), Calls: []FuncID{fnUnmapMappingRange}, Do: func(c *Ctx) Next {
			if c.Load(c.M.EntireMapcount(c.Held(0).Frame())) == 0 {
				c.Say("it is mapped nowhere")
				return Then
			}
			c.Say("a fault came in between: unmap it")
			return c.Call(fnUnmapMappingRange, rhLock, c.L(rhPage), c.L(rhPage), 0)
		}},
		rhLock: {Label: "lock", Says: "lock the folio", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Wait: folioLockFree, Do: func(c *Ctx) Next {
			c.Lock(c.M.FolioLock(c.Held(0).Frame()))
			return Then
		}},
		rhRemove: {Label: "remove", Says: "take it out of the page cache: mapping is NULL", Ref: "hugetlb_delete_from_page_cache", Touches: cell.Of(machine.PageCache, machine.Mappings, machine.Flags), Do: func(c *Ctx) Next {
			f, o := c.Held(0).Frame(), c.Pgoff(rhPage)
			n := machine.Hold(c.Load(c.M.CacheSlot(o))).Count()
			c.M.FileForget(o)
			c.M.ExcuseFile(o)
			c.leavePageCache(f, o, 0)
			c.Hold(rhCacheRefs, f, n)
			return Then
		}},
		rhUnlock: unlockFolio,
		rhPutCache: {Label: "put_cache", Says: "drop the page cache's references", Ref: "filemap_free_folio", Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			h := c.Held(rhCacheRefs)
			c.Release(rhCacheRefs)
			c.Put(h.Frame(), h.Count())
			return Then
		}},
		rhPut: {Label: "put", Says: "put the folio", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putHugetlb(0, rhUnlockMutex)
		}},
		rhUnlockMutex: {Label: "unlock_mutex", Says: "drop the fault mutex", Ref: "mutex_unlock", When: With(HugetlbTruncateMutex), Touches: cell.Of(machine.HugetlbPool), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FileFaultMutex(c.Pgoff(rhPage)))
			return Then
		}},
		rhNext: {Label: "next", Says: "the next page", Local: true, Back: []int{rhMutex}, Do: func(c *Ctx) Next {
			if c.L(rhPage) == c.L(rhLast) {
				return Return
			}
			c.Set(rhPage, c.L(rhPage)+1)
			return rhMutex
		}},
	},
})

const rhCacheRefs, rhPage, rhLast = 1, 2, 3

const (
	rhMutex = iota
	rhFind
	rhUnmap
	rhLock
	rhRemove
	rhUnlock
	rhPutCache
	rhPut
	rhUnlockMutex
	rhNext
)

// unmap_ref_private, entered and left with the fault mutex held, in straight line:
//
//	drop the mutex
//	every other mm that maps the page there, and has not mapped the memory itself: unmap it; the VMA is
//	    marked: no fault finds a page there any more
//	flush, put the pages; take the mutex
//
// The parent has a promise, its children have none: they get SIGBUS.
//
// compare mm/hugetlb.c:unmap_ref_private
var _ = register(fnUnmapRefPrivate, &Func{Hugetlb: true,
	Name: "unmap_ref_private", File: "mm/hugetlb.c", Params: []int{urAddr, urPage},
	Locals: []Local{{"page", FrameLocal}, {"address", PageLocal}, {"at", PageLocal}},
	Steps: []Step{
		urDrop: {Label: "unlock_mutex", Says: "drop the fault mutex", Ref: "mutex_unlock", Touches: cell.Of(machine.HugetlbPool), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FaultMutex(c.Page(urAddr)))
			c.Set(urAt, c.L(urAddr))
			return Then
		}},
		urNext: {Label: "next", Says: "find the next mm that may map the page", Ref: "vma_interval_tree_foreach", Touches: cell.Of(machine.MMs), Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnUnmapHugepageRange}, Do: func(c *Ctx) Next {
			for _, mm := range c.M.Family(c.M.Pages()[c.Page(urAddr)].MM) {
				p := c.M.Twin(c.Page(urAddr), mm)
				if p <= c.Page(urAt) || c.Load(c.M.VMA(p)) == 0 {
					continue
				}
				c.Sayf("%s: announce a flush to come", c.M.Pages()[p].Name)
				c.Set(urAt, uint64(p))
				c.Add(c.M.FlushPending(mm), 1)
				return c.Call(fnUnmapHugepageRange, urFinish, uint64(p), uint64(p), c.L(urPage))
			}
			c.Say("there are no more")
			return urMutex
		}},
		urFinish: {Label: "finish", Says: "flush and free", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnTLBFinishMMU}, Back: []int{urNext}, Do: func(c *Ctx) Next {
			return c.Call(fnTLBFinishMMU, urNext, c.L(urAt), c.L(urAt), 0)
		}},
		urMutex: {Label: "mutex", Says: "take the fault mutex again", Ref: "mutex_lock(hugetlb_fault_mutex_table)", Touches: cell.Of(machine.HugetlbPool),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FaultMutex(c.Page(urAddr))) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.FaultMutex(c.Page(urAddr)))
				return Return
			}},
	},
})

const urPage, urAddr, urAt = 0, 1, 2

const (
	urDrop = iota
	urNext
	urFinish
	urMutex
)

// hugetlbfs_read_iter, in straight line:
//
//	beyond i_size: nothing is read
//	the page cache has no folio: zeros
//	lock it, unlock it: it is not going just now; copy out; put it
//
// compare fs/hugetlbfs/inode.c:hugetlbfs_read_iter
var _ = register(fnHugetlbfsRead, &Func{Hugetlb: true,
	Name: "hugetlbfs_read_iter", File: "fs/hugetlbfs/inode.c", Params: []int{hrPage},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}, {"value", IntLocal}},
	Steps: []Step{
		hrFind: {Label: "find", Says: "look it up in the page cache", Ref: "filemap_lock_folio", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache, machine.Inodes), Do: func(c *Ctx) Next {
			o := c.Pgoff(hrPage)
			switch {
			case c.beyondEOF(o):
				c.Say("it lies beyond the file's end: nothing is read")
				return Return
			case !c.find(0, o):
				c.Say("a hole: zeros are read")
				return Return
			}
			return Then
		}},
		hrCopy: {Label: "copy", Says: "copy out what it holds", Ref: "copy_page_to_iter", Reads: cell.Of(machine.Contents, machine.FolioLocks, machine.PageCache), Wait: folioLockFree, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			v := c.Keep(hrValue, c.M.Contents(f))
			c.Sayf("copy out what it holds: %s", c.M.Content(v))
			if now, ok := machine.Cached(c.Load(c.M.CacheSlot(c.Pgoff(hrPage)))); ok && now == f { // else it was thrown out while it is read: see filemap_read
				c.M.FileRead(c.Pgoff(hrPage), v)
			}
			return Then
		}},
		hrPut: putFolio(hrEnd),
		hrEnd: {Label: "end", Says: "return what was read", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(hrValue)) }},
	},
})

const hrPage, hrValue = 1, 2

const (
	hrFind = iota
	hrCopy
	hrPut
	hrEnd
)
