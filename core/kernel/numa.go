package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// task_numa_work on a range of the task's own memory, in straight line:
//
//	mmap_read_lock()
//	announce a flush to come
//	every huge PMD: see numa_huge.go
//	every page table: lock the PTL
//	    every present PTE: of a page of KSM, one that could not be moved, or (4.17 and newer) a dirty one of a file: leave it
//	        take it out, put it back inaccessible (as PROT_NONE)
//	    unlock
//	flush; mmap_read_unlock()
//
// The next access faults, and do_numa_page() sees from which node it comes. GUP-fast does not
// take such a page; what it, or anybody, holds already stays where it is.
//
// compare kernel/sched/fair.c:task_numa_work, mm/mempolicy.c:change_prot_numa, mm/mprotect.c:change_pte_range
var _ = register(fnTaskNUMAWork, &Func{Migrating: true,
	Name: "task_numa_work", File: "kernel/sched/fair.c", Params: []int{nwPage, nwEnd},
	Locals: []Local{{"pmd", TableLocal}, {"oldpte", PTELocal}, {"reference", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"first", PageLocal}},
	Steps: []Step{
		nwOff: {Label: "disabled", Says: "no NUMA balancing: nothing happens", Ref: "CONFIG_NUMA_BALANCING", When: Without(NUMABalancing), Local: true, Do: func(c *Ctx) Next { return Return }},
		nwLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_trylock", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				c.Set(nwFirst, c.L(nwPage))
				return Then
			}},
		nwGather: {Label: "gather", Says: "announce a flush to come", Ref: "inc_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.MM), 1)
			return Then
		}},
		nwNotify: nwNotifyStep,
		nwPMD:    readPMDStep(nwTable, nwPage, nwEnd, nwPMD, nwHugeRange, nwLate),
		nwPTL:    lockPTLStep("lock_pte", "lock the PTL", nwTable),
		nwNext:   {Label: "next", Says: "the next PTE that maps a page", Ref: "ptep_get", Reads: cell.Of(machine.PTEs, machine.VMAs), Do: (*Ctx).hintNext},
		nwKSM: {Label: "ksm", Says: "is it a page of KSM?", Answer: "no", Ref: "PageKsm", When: Merging, Reads: cell.Of(machine.Mappings), Back: []int{nwNext}, Do: func(c *Ctx) Next {
			if c.isKSM(c.M.Head(c.Frame(nwPTE))) {
				c.Say("it is a page of KSM: leave it")
				return c.hintAgain()
			}
			return Then
		}},
		nwMapped: {Label: "mapped", Says: "do others map it?", Answer: "no", Ref: "page_mapcount", When: If(NUMASkipsShared, NUMASkipMapcount), Reads: cell.Of(machine.Mapcounts, machine.VMAs), Back: []int{nwNext}, Do: func(c *Ctx) Next {
			return c.hintUnless(c.folioMapcount(c.Frame(nwPTE)) != 1, "others map it: leave it")
		}},
		nwCount: {Label: "count", Says: "has anybody else a reference?", Answer: "no", Counts: true, Ref: "page_count", When: If(NUMASkipsShared, NUMASkipPageCount), Reads: cell.Of(machine.Refs, machine.VMAs), Back: []int{nwNext}, Do: func(c *Ctx) Next {
			return c.hintUnless(c.Load(c.M.Ref(c.M.Head(c.Frame(nwPTE)))) != 1, "somebody else has a reference: leave it")
		}},
		nwPinned: {Label: "pinned", Says: "may it be pinned, or is it mapped more than once?", Answer: "no", Ref: "folio_maybe_dma_pinned", When: If(NUMASkipsShared, NUMASkipPinned), Reads: cell.Of(machine.Refs, machine.Mapcounts, machine.VMAs), Back: []int{nwNext}, Do: func(c *Ctx) Next {
			f := c.Frame(nwPTE)
			return c.hintUnless(c.maybePinned(f) || c.folioMapcount(f) > 1, "it may be pinned, or others map it: leave it")
		}},
		nwDirty: {Label: "dirty_file", Says: "is it a dirty page of a file?", Answer: "no", Ref: "folio_is_file_lru", When: With(NUMASkipsDirtyFile), Reads: cell.Of(machine.Flags), Back: []int{nwNext}, Do: func(c *Ctx) Next {
			if c.Load(c.folioFlags(c.Frame(nwPTE)))&(machine.PGSwapBacked|machine.PGDirty) == machine.PGDirty {
				c.Say("it is a dirty page of a file: leave it")
				return c.hintAgain()
			}
			return Then
		}},
		nwStart: {Label: "start", Says: "take the PTE out", Ref: "ptep_modify_prot_start", Touches: cell.Of(machine.PTEs), Do: func(c *Ctx) Next {
			old := c.ClearPTE(c.Frame(nwTable), c.Page(nwPage))
			c.Set(nwPTE, uint64(old))
			c.Hold(nwRef, old.Frame(), 1) // the PTE's reference is ours while it is out
			return Then
		}},
		nwCommit:      hintCommit("put it back, inaccessible", Without(NUMASavedWrite), machine.Present|machine.RW),
		nwCommitSaved: hintCommit("put it back, inaccessible; it remembers that it was writable", With(NUMASavedWrite), machine.Present),
		nwUnlockPTL: {Label: "unlock_pte", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Back: []int{nwPMD}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(nwTable)))
			return c.nextTable(nwPage, nwEnd, nwPMD, nwLate)
		}},
		nwLate: nwLateStep,
		nwTold: nwToldStep,
		nwFlush: {Label: "flush", Says: "flush the range", Ref: "flush_tlb_range", Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			return c.Call(fnFlushTLBMMRange, nwFlushed, uint64(c.MM), c.L(nwFirst), c.L(nwEnd), 0)
		}},
		nwFlushed: {Label: "flushed", Says: "the flush is over", Ref: "dec_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.MM), -1)
			return Then
		}},
		nwUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			return Return
		}},
		nwHugeRange:       hintHugeRange,
		nwHugeStart:       hintHugeStart,
		nwHugeCommit:      hintHugeCommit("put it back, inaccessible; unlock", Without(NUMASavedWrite).AndLarge(), machine.Present|machine.RW),
		nwHugeCommitSaved: hintHugeCommit("put it back, inaccessible; it remembers that it was writable; unlock", With(NUMASavedWrite).AndLarge(), machine.Present),
		nwHugeNext:        hintHugeNext,
	},
})

const nwTable, nwPTE, nwRef, nwPage, nwEnd, nwFirst = 0, 1, 2, 3, 4, 5

const (
	nwOff = iota
	nwLock
	nwGather
	nwNotify
	nwPMD
	nwPTL
	nwNext
	nwKSM
	nwMapped
	nwCount
	nwPinned
	nwDirty
	nwStart
	nwCommit
	nwCommitSaved
	nwUnlockPTL
	nwLate
	nwTold
	nwFlush
	nwFlushed
	nwUnlock
	nwHugeRange
	nwHugeStart
	nwHugeCommit
	nwHugeCommitSaved
	nwHugeNext
)

var nwNotifyStep, nwLateStep, nwToldStep = told(pages(nwFirst, nwEnd))

// hintNext finds the next PTE of the table that maps a page and may be accessed.
func (c *Ctx) hintNext() Next {
	for p, last := c.Page(nwPage), min(c.Page(nwEnd), c.lastHuge(c.Page(nwPage))); p <= last; p++ {
		c.Set(nwPage, uint64(p))
		e := machine.Entry(c.Load(c.PTE(c.Frame(nwTable), p)))
		if e.Has(machine.Present) && c.M.Normal(e.Frame()) && c.Load(c.M.VMA(p))&machine.VMAccess != 0 {
			c.Set(nwPTE, uint64(e))
			return Then
		}
	}
	c.Say("there are no more PTEs in the table")
	return nwUnlockPTL
}

// hintUnless passes a page of a private mapping over.
func (c *Ctx) hintUnless(skip bool, why string) Next {
	if !skip || !machine.IsCOW(c.Load(c.M.VMA(c.Page(nwPage)))) {
		return Then
	}
	c.Say(why)
	return c.hintAgain()
}

func (c *Ctx) hintAgain() Next {
	c.Set(nwPTE, 0)
	if p := c.Page(nwPage); p == c.Page(nwEnd) || p == c.lastHuge(p) {
		return nwUnlockPTL
	}
	c.Set(nwPage, c.L(nwPage)+1)
	return nwNext
}

// hintCommit is the step that puts the PTE back without some bits.
func hintCommit(says string, when Cond, without machine.Entry) Step {
	return Step{Label: "commit", Says: says, Ref: "ptep_modify_prot_commit", When: when, Touches: cell.Of(machine.PTEs), Back: []int{nwNext}, Do: func(c *Ctx) Next {
		e := c.Entry(nwPTE).Fresh()&^without | machine.ProtNone
		c.Sayf("put it back: %v", e)
		c.Release(nwRef)
		c.SetPTE(c.Frame(nwTable), c.Page(nwPage), e)
		return c.hintAgain()
	}}
}

// do_numa_page, in straight line:
//
//	lock the PTL; the PTE changed: done
//	the page lies on this CPU's node: make the PTE accessible, done
//	take its folio off the LRU list; it is not on one: make the PTE accessible, done
//	unlock
//	migrate_pages(MIGRATE_ASYNC) to this CPU's node: done
//	failed: lock the PTL; the PTE changed: done
//	make it accessible again: writable if it was, or (newer) if the page is exclusive; unlock
//
// A page that somebody holds is not moved; nobody but the thread that faults in vain takes notice.
// (Whether an access from another node is reason enough, heuristics decide; here one is.)
//
// compare mm/memory.c:do_numa_page, mm/migrate.c:migrate_misplaced_folio
var _ = register(fnDoNUMAPage, &Func{Migrating: true,
	Name: "do_numa_page", File: "mm/memory.c", Params: []int{dnTable, dnPTE, dnAddr},
	Locals: []Local{{"folio", HoldLocal}, {"pmd", TableLocal}, {"orig_pte", PTELocal}, {"address", PageLocal}},
	Steps: []Step{
		dnLock: {Label: "lock", Says: "lock the PTL; is the PTE still the same?", Answer: "yes", Ref: "pte_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dnTable))) },
			Do: func(c *Ctx) Next {
				if !c.hinted() {
					return Return
				}
				c.lockPTL(dnTable)
				return Then
			}},
		dnIsolate: isolateMisplaced(dnPTE, dnFolio, dnMap),
		dnUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Calls: []FuncID{fnMigratePages}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(dnTable)))
			return c.migrate(dnFolio, dnMigrated, migrateAsync, mrNUMAMisplaced, c.M.NodeOfCPU(c.CPU))
		}},
		dnMigrated: {Label: "migrated", Says: "was it moved?", Ref: "migrate_misplaced_folio", Local: true, Do: func(c *Ctx) Next {
			if c.Ret() == 0 {
				return Return
			}
			return Then
		}},
		dnRelock: {Label: "relock", Says: "lock the PTL again; is the PTE still the same?", Answer: "yes", Ref: "pte_same", Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PTEs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(dnTable))) },
			Do: func(c *Ctx) Next {
				if !c.hinted() {
					return Return
				}
				c.lockPTL(dnTable)
				return Then
			}},
		dnMap: hintUndo("make the PTE accessible again, writable if the page is exclusive", Without(NUMASavedWrite), func(c *Ctx, e machine.Entry) bool {
			p := c.Page(dnAddr)
			vma := c.Load(c.M.VMA(p))
			return vma&machine.VMWrite != 0 && c.exclusiveAnon(e.Frame()) && c.mprotectMayWrite(p, e) || c.sharedWritable(p, vma, e)
		}),
		dnMapSaved: hintUndo("make the PTE accessible again, writable if it was", With(NUMASavedWrite), func(c *Ctx, e machine.Entry) bool { return e.Has(machine.RW) }),
		dnDone: {Label: "done", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(dnTable)))
			return Return
		}},
	},
})

const dnFolio, dnTable, dnPTE, dnAddr = 0, 1, 2, 3

const (
	dnLock = iota
	dnIsolate
	dnUnlock
	dnMigrated
	dnRelock
	dnMap
	dnMapSaved
	dnDone
)

// isolateMisplaced is the step that takes the folio that an entry maps off its LRU list and holds it in a local; where that cannot or
// need not be, it is made accessible where it is, by step put.
func isolateMisplaced(entry, folio, put int) Step {
	return Step{Label: "isolate", Says: "it lies on another node: take it off the LRU list", Ref: "migrate_misplaced_folio_prepare", Touches: cell.Of(machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
		f := c.M.Head(c.Frame(entry))
		switch {
		case c.M.ZoneOf(f).Node == c.M.NodeOfCPU(c.CPU):
			c.Say("it lies on this node")
			return Next(put)
		case c.Load(c.M.Flags(f))&machine.PGLRU == 0:
			c.Say("it is not on the LRU list: leave it where it is")
			return Next(put)
		}
		c.AndNot(c.M.Flags(f), machine.PGLRU)
		c.Get(f, 1)
		c.Hold(folio, f, 1)
		return Then
	}}
}

// hinted reports, under the PTL, whether the PTE is the one that made the thread fault.
func (c *Ctx) hinted() bool {
	if machine.Entry(c.Load(c.PTE(c.Frame(dnTable), c.Page(dnAddr)))) == c.Entry(dnPTE).Fresh() {
		return true
	}
	c.Say("the PTE has changed")
	return false
}

// hintUndo is the step that makes a PTE accessible again.
func hintUndo(says string, when Cond, writable func(*Ctx, machine.Entry) bool) Step {
	return Step{Label: "map", Says: says, Ref: "numa_rebuild_single_mapping", When: when, Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.VMAs, machine.Flags, machine.Mappings), Do: func(c *Ctx) Next {
		old := c.Entry(dnPTE).Fresh()
		e := old&^(machine.ProtNone|machine.RW) | machine.Present | machine.Accessed
		if writable(c, old) {
			e |= machine.RW
		}
		c.Sayf("make the PTE accessible again: %v", e)
		c.SetPTE(c.Frame(dnTable), c.Page(dnAddr), e)
		return dnDone
	}}
}
