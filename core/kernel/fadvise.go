package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// posix_fadvise(POSIX_FADV_DONTNEED) of a whole file, in straight line:
//
//	ext4_writepages(), not waited for
//	lru_add_drain()
//	every page: trylock its folio; dirty or under writeback: keep it
//	mapped, or referenced by anybody: keep it           // a page is not unmapped
//	    what is kept, unless it was locked or under writeback, goes into this CPU's batch lru_deactivate_file: one reference more until that is drained
//	drop its buffers; freeze the references; out of the page cache; free it
//	was one kept that was not locked, nor under writeback: lru_add_drain_all(), and once more through all pages
//
// A huge page is looked at as one, if it lies in the file as a whole. Those of shmem are dirty: they stay.
//
// Until 5.9 what is locked, or not there, also makes for the second pass (read in source: 5.9, 5.10).
//
// compare mm/fadvise.c:generic_fadvise, mm/truncate.c:mapping_try_invalidate, mapping_evict_folio
var _ = register(fnFadvise, &Func{
	Name: "posix_fadvise", File: "mm/fadvise.c", Params: []int{faFile, faAdvice},
	Locals: []Local{{"folio", HoldLocal}, {"pgoff", PgoffLocal}, {"file", IntLocal}, {"advice", IntLocal}, {"last", PgoffLocal}, {"failed", IntLocal}, {"rest", IntLocal}},
	Steps: []Step{
		faWrite: {Label: "write", Says: "start to write out what is dirty", Ref: "__filemap_fdatawrite_range", Local: true, Calls: []FuncID{fnWritepages}, Do: func(c *Ctx) Next {
			file := int(c.L(faFile))
			first, _ := c.M.PgoffAt(file, 0)
			c.Set(faPage, uint64(first))
			c.Set(faLast, uint64(first)+uint64(c.M.Files[file].Pages)-1)
			if !c.M.Files[file].Kind.OnDisk() {
				return faDrain
			}
			return c.Call(fnWritepages, faDrain, c.L(faPage), c.L(faLast), 0)
		}},
		faDrain: {Label: "drain", Says: "empty this CPU's LRU batch", Ref: "lru_add_drain", Local: true, Calls: []FuncID{fnLRUAddDrain}, Do: func(c *Ctx) Next { return c.Call(fnLRUAddDrain, faFind) }},
		faFind: {Label: "find", Says: "find the next page", Ref: "find_lock_entries", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache), Do: func(c *Ctx) Next {
			for o := c.Pgoff(faPage); o <= c.Pgoff(faLast); o++ {
				if c.find(0, o) {
					c.Set(faPage, uint64(o))
					c.Set(faRest, uint64(c.M.FolioPages(c.Held(0).Frame())-1))
					return Then
				}
			}
			return faAgain
		}},
		faTrylock: {Label: "trylock", Says: "try its lock; is it still the file's?", Answer: "yes", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			if !c.ours(f, c.Pgoff(faPage)) || !c.TryLock(c.folioLock(f)) {
				c.Say("it is locked, or not the file's any more: keep it")
				return faPut
			}
			return Then
		}},
		faRefs: {Label: "refs", Says: "clean, unmapped, and nobody else's?", Answer: "yes", Ref: "mapping_evict_folio", Reads: cell.Of(machine.Flags, machine.Refs, machine.Buffers), Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			switch flags := c.Load(c.folioFlags(f)); {
			case flags&machine.PGWriteback != 0:
				c.Say("it is under writeback: keep it")
				return faUnlock
			case flags&machine.PGDirty != 0:
				c.Say("it is dirty: keep it")
				return c.notEvicted()
			}
			if n := c.Load(c.M.Ref(c.M.Head(f))); n > 1+uint64(c.M.FolioPages(f))+c.private(f) {
				c.Sayf("there are other references (%d): keep it", n)
				return c.notEvicted()
			}
			return Then
		}},
		faRelease: {Label: "release", Says: "drop its buffers", Ref: "filemap_release_folio", Touches: cell.Of(machine.Buffers, machine.Refs, machine.Flags), Do: func(c *Ctx) Next {
			if f := c.Held(0).Frame(); c.fileBuffers(f) != 0 && !c.dropBuffers(f) {
				c.Say("its buffers are busy: keep it")
				return c.notEvicted()
			}
			return Then
		}},
		faRemove: {Label: "remove", Says: "freeze its references, take it out of the page cache", Counts: true, Ref: "__remove_mapping", Touches: pageCacheTouches, Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f, o := c.Held(0).Frame(), c.Pgoff(faPage)
			if c.M.IsLarge(f) {
				panic("kernel: a huge page of a file is clean")
			}
			if n := c.Load(c.M.Ref(f)); n != 2 || c.Load(c.M.Flags(f))&machine.PGDirty != 0 {
				c.Sayf("%d references, or dirty again: keep it", n)
				return c.notEvicted()
			}
			c.leavePageCache(f, o, 0)
			c.Release(0)
			c.Store(c.M.Ref(f), 0)
			c.Unlock(c.M.FolioLock(f))
			return c.Call(fnFreeUnrefFolio, faMore, uint64(machine.MakeHold(f, 1)))
		}},
		faUnlockKept: {Label: "unlock_kept", Says: "unlock what was kept", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.folioLock(c.Held(0).Frame()))
			return Then
		}},
		faDeactivate: {Label: "deactivate", Says: "put it into this CPU's batch of pages of files that could not be dropped", Ref: "deactivate_file_folio", Touches: batchTouches, Do: func(c *Ctx) Next {
			c.deactivateFile(c.Held(0).Frame())
			return faPut
		}},
		faUnlock: unlockFolio,
		faPut:    putFolio(faMore),
		faMore: {Label: "next", Says: "the next page", Local: true, Back: []int{faFind}, Do: func(c *Ctx) Next {
			next := c.L(faPage) + 1 + c.L(faRest)
			if c.Set(faRest, 0); next > c.L(faLast) {
				return Then
			}
			c.Set(faPage, next)
			return faFind
		}},
		faAgain: {Label: "again", Says: "a second pass, if the first has kept one", Local: true, Calls: []FuncID{fnLRUAddDrainAll}, Back: []int{faFind}, Do: func(c *Ctx) Next {
			if c.L(faFailed) != faKept {
				return Return
			}
			first, _ := c.M.PgoffAt(int(c.L(faFile)), 0)
			c.Set(faPage, uint64(first))
			c.Set(faFailed, faSecond)
			return c.Call(fnLRUAddDrainAll, faFind)
		}},
	},
})

const faPage, faFile, faAdvice, faLast, faFailed, faRest = 1, 2, 3, 4, 5, 6

// What faFailed says.
const (
	faNone   uint64 = iota // the first pass has kept no page so far
	faKept                 // it has kept one
	faSecond               // the second pass is under way
)

const (
	faWrite = iota
	faDrain
	faFind
	faTrylock
	faRefs
	faRelease
	faRemove
	faUnlockKept
	faDeactivate
	faUnlock
	faPut
	faMore
	faAgain
)

// notEvicted notes in the first pass that a page could not be evicted: it may be in the LRU batch of another CPU.
func (c *Ctx) notEvicted() Next {
	if c.L(faFailed) == faNone {
		c.Set(faFailed, faKept)
	}
	return faUnlockKept
}

// fileBuffers is the state of a folio's buffer; 0 if it is no folio of a file.
func (c *Ctx) fileBuffers(f machine.Frame) uint64 {
	if len(c.M.Files) == 0 {
		return 0
	}
	return c.Load(c.M.Buffers(f))
}

// private is the number of references that buffers hold on a folio.
func (c *Ctx) private(f machine.Frame) uint64 {
	if c.fileBuffers(f) != 0 {
		return 1
	}
	return 0
}
