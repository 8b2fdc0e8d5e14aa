package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// filemap_map_pages, which do_read_fault calls first (do_fault_around), in straight line:
//
//	for every page of the VMA under the same page table that the page cache has, uptodate and unlocked:
//	    take a reference; trylock it; not the file's any more, or behind its end: unlock, put it
//	    the first one: lock the PTL
//	    the PTE is none: PTE = folio, with the protection that a read fault gives; else put it
//	    unlock it
//	unlock the PTL
//	the address that faulted is mapped by now: the fault is done
//
// It waits for nobody but the PTL, and reads nothing in. (The kernel goes over fault_around_bytes, 64 KiB, at most; a page table here maps less.)
//
//	CPU0 (a read fault)              CPU1 (ftruncate)
//	the folio of the page beside:
//	take a reference
//	                                 i_size; unmap; lock the folio
//	trylock it: no                   take it out of the file
//
// compare mm/memory.c:do_fault_around, mm/filemap.c:filemap_map_pages, next_uptodate_folio
var _ = register(fnFilemapMapPages, &Func{
	Name: "filemap_map_pages", File: "mm/filemap.c", Params: []int{fmpAddr, fmpTable},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"address", PageLocal}, {"next", PageLocal}, {"end", PageLocal}, {"did", IntLocal}},
	Steps: []Step{
		fmpRange: {Label: "range", Says: "which pages lie around?", Answer: "those of the VMA and the page table", Ref: "do_fault_around", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			first, last := c.around(c.Page(fmpAddr))
			c.Set(fmpNext, uint64(first))
			c.Set(fmpEnd, uint64(last))
			return Then
		}},
		fmpFind:     {Label: "find", Says: "the next one that the page cache has, uptodate and unlocked: take a reference", Ref: "next_uptodate_folio", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PageCache, machine.Flags, machine.FolioLocks), Do: (*Ctx).nextUptodate},
		fmpTrylock:  aroundTrylock("try its lock; is it still the file's, and inside it?", With(FaultAroundRecheck), true),
		fmpLockOnly: aroundTrylock("try its lock", Without(FaultAroundRecheck), false),
		fmpPTL: {Label: "lock", Says: "lock the PTL, if it is not", Ref: "pte_offset_map_lock", Map: &TableMap{fmpTable, fmpAddr, fmpUnlock}, Touches: cell.Of(machine.PTLs),
			Wait: func(c *Ctx) Block {
				if c.L(fmpDid)&aroundLocked != 0 {
					return Block{}
				}
				return c.Free(c.M.PTL(c.Frame(fmpTable)))
			},
			Do: func(c *Ctx) Next {
				if c.L(fmpDid)&aroundLocked == 0 {
					c.lockPTL(fmpTable)
					c.Set(fmpDid, c.L(fmpDid)|aroundLocked)
				}
				return Then
			}},
		fmpSet: {Label: "set_pte", Says: "map it, if the PTE is none", Ref: "filemap_map_folio_range", Touches: fileMapTouches, Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			p := c.Page(fmpNext)
			if c.raced(p) {
				return Then
			}
			c.mapFile(p, c.readFaultBits(p))
			if p == c.Page(fmpAddr) {
				c.Set(fmpDid, c.L(fmpDid)|aroundMapped)
			}
			return Then
		}},
		fmpUnlock: {Label: "unlock_folio", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Back: []int{fmpFind}, Do: func(c *Ctx) Next {
			c.Unlock(c.folioLock(c.Frame(0)))
			if machine.Hold(c.L(0)).Count() == 0 { // its reference is the PTE's
				c.Set(0, 0)
				return c.aroundNext()
			}
			return Then
		}},
		fmpPut:  {Label: "put", Says: "put it", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next { return c.forget(fmpMore) }},
		fmpMore: {Label: "more", Says: "the next page", Local: true, Back: []int{fmpFind}, Do: (*Ctx).aroundNext},
		fmpDone: {Label: "unlock", Says: "unlock the PTL, if it is locked", Ref: "pte_unmap_unlock", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			if c.L(fmpDid)&aroundLocked != 0 {
				c.Unlock(c.M.PTL(c.Frame(fmpTable)))
			}
			return c.Return(c.L(fmpDid) & aroundMapped)
		}},
	},
})

const fmpTable, fmpAddr, fmpNext, fmpEnd, fmpDid = 1, 2, 3, 4, 5

const (
	fmpRange = iota
	fmpFind
	fmpTrylock
	fmpLockOnly
	fmpPTL
	fmpSet
	fmpUnlock
	fmpPut
	fmpMore
	fmpDone
)

// What filemap_map_pages did: it holds the PTL; it has mapped the page that faulted.
const aroundLocked, aroundMapped = uint64(1), uint64(2)

// aroundTrylock is the step that tries the lock of the folio that was found, and looks at it again.
func aroundTrylock(says string, when Cond, recheck bool) Step {
	return Step{Label: "trylock", Says: says, Answer: "yes", Ref: "folio_trylock", When: when, Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings, machine.Flags, machine.Inodes), Do: func(c *Ctx) Next {
		f, o := c.Held(0).Frame(), c.aroundPgoff()
		switch {
		case c.Load(c.folioLock(f)) != 0:
			c.Say("somebody else has locked it: leave it")
			return fmpPut
		case recheck && (!c.ours(f, o) || c.Load(c.folioFlags(f))&machine.PGUptodate == 0 || c.beyondEOF(o)):
			c.Say("it is not the file's any more, or lies behind the end: leave it")
			return fmpPut
		case c.M.Failed(f):
			c.Say(failedThere)
			return fmpPut
		}
		c.Lock(c.folioLock(f))
		return fmpPTL
	}}
}

// faultAround is the step that maps what is there already; behind it, aroundDone.
func faultAround(back int) Step {
	return Step{Label: "around", Says: "map what the page cache has around", Ref: "do_fault_around", When: With(FaultAround), Local: true, Calls: []FuncID{fnFilemapMapPages}, Do: func(c *Ctx) Next {
		return c.Call(fnFilemapMapPages, back, c.L(dfAddr), c.L(dfTable))
	}}
}

var aroundDone = Step{Label: "nopage", Says: "is the page mapped by now?", Answer: "no", Ref: "VM_FAULT_NOPAGE", When: With(FaultAround), Local: true, Do: func(c *Ctx) Next {
	if c.Ret() == aroundMapped {
		c.Say("the page is mapped by now: done")
		return c.Return(0)
	}
	return Then
}}

// around returns the first and the last page around one that belong to its VMA and its page table.
func (c *Ctx) around(p machine.PageID) (first, last machine.PageID) {
	return max(c.M.HugeStart(p), c.M.VMAFirst(p)), min(c.lastHuge(p), c.M.VMALast(p))
}

// aroundPgoff is the page of the file behind the page that is looked at.
func (c *Ctx) aroundPgoff() machine.Pgoff {
	o, _ := c.backing(c.Page(fmpNext))
	return o
}

// nextUptodate finds the next page of the range whose folio is in the page cache, uptodate and unlocked.
func (c *Ctx) nextUptodate() Next {
	for p := c.Page(fmpNext); p <= c.Page(fmpEnd); p++ {
		c.Set(fmpNext, uint64(p))
		o, ok := c.backing(p)
		if !ok {
			break
		}
		f, ok := machine.Cached(c.Load(c.M.CacheSlot(o)))
		if ok && c.Load(c.folioLock(f)) == 0 && c.Load(c.folioFlags(f))&(machine.PGUptodate|machine.PGHWPoison) == machine.PGUptodate && c.find(0, o) {
			return Then
		}
	}
	c.Say("the page cache has no more of them")
	return fmpDone
}

// aroundNext goes on with the page behind.
func (c *Ctx) aroundNext() Next {
	if c.Page(fmpNext) == c.Page(fmpEnd) {
		return fmpDone
	}
	c.Set(fmpNext, c.L(fmpNext)+1)
	return fmpFind
}
