package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// pread of the beginning of a page, in straight line:
//
//	a file of memfd_secret(): -ESPIPE
//	beyond i_size: nothing is read
//	the page cache has a folio: take a reference unless it has none; look again: it has another one by now: put it, again
//	it has none: filemap_create_folio(), again
//	not uptodate: wait until whoever reads it unlocks it, again
//	i_size again: it lies beyond by now: nothing is read
//	copy out what the folio holds                // no lock: it races with stores
//	put the folio
//
// Who looks a page up holds no lock. Between the look and the reference the folio may be freed, and be another page's, whose count is not zero:
//
//	CPU0 (pread of f)                 CPU1
//	the page cache has it: folio 1
//	                                  posix_fadvise(f): folio 1 is free
//	                                  pread(g): take folio 1
//	take a reference on folio 1
//	look again: f has no folio 1
//
// Look, reference and second look are one step here: what comes between them makes it start again. Without the second look (lookup_rechecks) they are two. (Left out: the
// reference that nobody wants, for a moment, on the other page.)
//
// Into memory of the process: what was copied out is stored there, which may fault.
//
// On shmem a page that was swapped out comes back, and a hole reads as zeros without
// a folio.
//
// compare fs/read_write.c:ksys_pread64, mm/filemap.c:filemap_read, mm/shmem.c:shmem_file_read_iter
var _ = register(fnPread, &Func{
	Name: "pread", File: "mm/filemap.c", Params: []int{prPage, prTo},
	Locals: []Local{{"folio", HoldLocal}, {"looked_up", FrameLocal}, {"pgoff", PgoffLocal}, {"value", IntLocal}, {"to", IntLocal}},
	Steps: []Step{
		prSize: {Label: "i_size", Says: "is the page inside the file?", Answer: "yes", Ref: "i_size_read", Reads: cell.Of(machine.Inodes), Calls: []FuncID{fnShmemGetFolio, fnHugetlbfsRead}, Do: func(c *Ctx) Next {
			o := c.Pgoff(prPage)
			switch c.M.KindOf(o) {
			case machine.Hugetlbfs:
				return c.Call(fnHugetlbfsRead, prReturn, c.L(prPage))
			case machine.Secretmem:
				c.Say("memfd_secret() does not let it be read: -ESPIPE")
				return c.Fail(ESPIPE)
			}
			if c.beyondEOF(o) {
				c.Say("it lies beyond the file's end: nothing is read")
				return Return
			}
			if !c.M.KindOf(o).OnDisk() {
				return c.Call(fnShmemGetFolio, prShmem, c.L(prPage), sgpRead)
			}
			return Then
		}},
		prLook: {Label: "look", Says: "look it up in the page cache", Ref: "xas_load", When: Without(LookupRechecks), Reads: cell.Of(machine.PageCache), Calls: []FuncID{fnFilemapCreateFolio}, Back: []int{prSize}, Do: func(c *Ctx) Next {
			w := c.M.CacheSlot(c.Pgoff(prPage))
			f, ok := machine.Cached(c.Load(w))
			if !ok {
				c.Say("the page cache has none: read it in")
				return c.Call(fnFilemapCreateFolio, prSize, c.L(prPage))
			}
			c.Sayf("the page cache has it: folio %d", f)
			c.Set(prLooked, uint64(machine.MakeHold(f, 1)))
			return Then
		}},
		prTryGet: {Label: "try_get", Says: "take a reference unless it has none", Ref: "folio_try_get", When: Without(LookupRechecks), Touches: cell.Of(machine.Refs), Back: []int{prLook}, Do: func(c *Ctx) Next {
			f := c.Frame(prLooked)
			c.Set(prLooked, 0)
			if !c.TryGet(c.M.Head(f), 1) {
				c.Say("it has none: look again")
				return prLook
			}
			c.Hold(0, f, 1)
			return prUptodate
		}},
		prLookup: {Label: "lookup", Says: "look it up in the page cache", Ref: "filemap_get_read_batch", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache), Calls: []FuncID{fnFilemapCreateFolio}, Back: []int{prSize, prLookup}, Do: func(c *Ctx) Next {
			if !c.find(0, c.Pgoff(prPage)) {
				c.Say("the page cache has none: read it in")
				return c.Call(fnFilemapCreateFolio, prSize, c.L(prPage))
			}
			return Then
		}},
		prUptodate: {Label: "uptodate", Says: "is it uptodate?", Answer: "yes", Ref: "folio_test_uptodate", Reads: cell.Of(machine.Flags, machine.FolioLocks), Do: func(c *Ctx) Next {
			if c.Load(c.M.Flags(c.Held(0).Frame()))&machine.PGUptodate == 0 {
				c.Say("it is not uptodate: somebody reads it")
				return Then
			}
			return prSizeAgain
		}},
		prWait: {Label: "wait", Says: "wait until it is unlocked, put it", Ref: "folio_put_wait_locked", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.FolioLocks), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{prSize},
			Wait: folioLockFree, Do: func(c *Ctx) Next { return c.forget(prSize) }},
		prShmem: {Label: "hole", Says: "a hole?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
				return c.Return(ret)
			}
			switch {
			case c.Held(0).Some():
				return Then
			case c.L(prTo) != 0:
				return prReturn
			}
			return Return
		}},
		prUnlock: unlockFolio,
		prSizeAgain: {Label: "i_size_again", Says: "is the page inside the file still?", Answer: "yes", Ref: "i_size_read", Reads: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			if c.beyondEOF(c.Pgoff(prPage)) {
				c.Say("it lies beyond the file's end by now: nothing is read")
				return prPut
			}
			return Then
		}},
		prCopy: {Label: "copy", Says: "copy out what it holds", Ref: "copy_folio_to_iter", Reads: cell.Of(machine.Contents, machine.PageCache), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			v := c.Keep(prValue, c.M.Contents(f))
			c.Sayf("copy out what it holds: %s", c.M.Content(v))
			if now, ok := machine.Cached(c.Load(c.M.CacheSlot(c.Pgoff(prPage)))); ok && now == f { // else it was thrown out while it is read: what it held then counts
				c.M.FileRead(c.Pgoff(prPage), v)
			}
			return Then
		}},
		prCopyOut: {Label: "copy_out", Says: "into memory of the process? Store it there", Ref: "copy_to_user_iter", When: UserBuffers, Local: true, Calls: []FuncID{fnRawCopyToUser}, Do: func(c *Ctx) Next {
			if c.L(prTo) == 0 {
				return prPut
			}
			return c.Call(fnRawCopyToUser, prCopied, c.L(prTo)-1, c.L(prValue))
		}},
		prCopied: {Label: "copied", Says: "was it stored?", When: UserBuffers, Local: true, Do: func(c *Ctx) Next { return c.copiedOut() }},
		prPut:    putFolio(prEnd),
		prEnd:    {Label: "end", Says: "return what was read", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(prValue)) }},
		prReturn: {Label: "return", Says: "return what was read", Local: true, Do: func(c *Ctx) Next {
			ret := c.Ret()
			if ret&failed != 0 || c.L(prTo) == 0 {
				return c.Return(ret)
			}
			c.Set(prValue, ret)
			return Then
		}},
		prReturnOut: {Label: "return_out", Says: "store it into memory of the process", Ref: "copy_to_user_iter", When: UserBuffers, Local: true, Calls: []FuncID{fnRawCopyToUser}, Do: func(c *Ctx) Next {
			return c.Call(fnRawCopyToUser, prReturned, c.L(prTo)-1, c.L(prValue))
		}},
		prReturned: {Label: "returned", Says: "was it stored?", When: UserBuffers, Local: true, Do: func(c *Ctx) Next {
			c.copiedOut()
			return c.Return(c.L(prValue))
		}},
	},
})

// copiedOut notes that what was read could not be stored into memory of the process.
func (c *Ctx) copiedOut() Next {
	if c.Ret()&failed != 0 {
		c.Say("its memory cannot be written: -EFAULT")
		c.Set(prValue, failed|EFAULT)
	}
	return Then
}

const prLooked, prPage, prValue, prTo = 1, 2, 3, 4

const (
	prSize = iota
	prLook
	prTryGet
	prLookup
	prUptodate
	prWait
	prShmem
	prUnlock
	prSizeAgain
	prCopy
	prCopyOut
	prCopied
	prPut
	prEnd
	prReturn
	prReturnOut
	prReturned
)
