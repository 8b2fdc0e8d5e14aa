package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// split_huge_page_to_list_to_order, of a large folio that the caller has locked and has a
// reference on, by way of its head or of the tail keep; of an anonymous one (of a file's: see split_file.go) in straight line:
//
//	lock the anon_vma
//	under writeback: -EBUSY
//	mappings do not explain all references but ours: -EAGAIN
//	unmap it: try_to_migrate(), which leaves migration entries; flush
//	folio_ref_freeze(1): 1 -> 0; somebody has come: map it again, -EAGAIN
//	every tail, from the last: a folio of its own, locked, with a reference; on the LRU list, or the caller's
//	the head: a small folio, 1 reference again
//	every page: remove_migration_ptes(); newer: one of zeros gives way to the zero page
//	every tail: unlock it, drop the reference; nobody maps it: free it
//	unlock the anon_vma
//
// A pin of any page makes it fail. GUP-fast that has read an entry goes from the page to its
// folio, and takes a reference there: by then the folio may be another.
//
//	CPU0 (GUP-fast)                       CPU1 (split)
//	read the PTE: page 5
//	whose head is folio 4
//	                                      unmap, freeze, split: 4 and 5 are folios
//	                                      map 4 and 5 again: the PTE is as it was
//	take a reference on folio 4
//	is page 5 still of folio 4?
//
// The PTE does not tell.
//
// compare mm/huge_memory.c:split_huge_page_to_list_to_order, __split_huge_page
var _ = register(fnSplitHugePage, &Func{Large: true,
	Name: "split_huge_page_to_list_to_order", Was: []Name{{"split_huge_page_to_list", 609}}, File: "mm/huge_memory.c", Params: []int{spFolio, spList, spKeep},
	Locals: []Local{{"folio", FrameLocal}, {"list", IntLocal}, {"keep", IntLocal}, {"i", IntLocal}, {"ret", IntLocal}, {"address", PageLocal}},
	Steps: []Step{
		spRmapLock: {Label: "lock_anon_vma", Says: "lock the folio's anon_vma: nobody else walks its reverse mapping", Ref: "anon_vma_lock_write", When: RmapLocked, Touches: cell.Of(machine.RmapLocks), Reads: cell.Of(machine.Mappings),
			Wait: func(c *Ctx) Block {
				w, ok := c.rmapLock(spFolio)
				switch {
				case !ok:
					return Block{}
				case c.isFilePage(c.Frame(spFolio)):
					return c.ReadFree(w)
				}
				return c.WriteFree(w)
			},
			Do: func(c *Ctx) Next {
				w, ok := c.rmapLock(spFolio)
				switch {
				case !ok:
					c.Say("it has no anon_vma")
				case c.isFilePage(c.Frame(spFolio)):
					c.Say("it is a file's: lock file->i_mmap_rwsem, for reading")
					c.ReadLock(w)
				default:
					c.WriteLock(w)
				}
				return Then
			}},
		spKind: splitKind,
		spCan: {Label: "can_split", Says: "do mappings explain all references but ours?", Answer: "yes", Counts: true, Ref: "can_split_folio", When: With(SplitFreeze), Reads: cell.Of(machine.Refs, machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
			f := c.Frame(spFolio)
			if c.M.IsHugeZero(f) || c.Load(c.M.Flags(f))&machine.PGWriteback != 0 {
				c.Say("it is the huge zero page, or under writeback: -EBUSY")
				c.Set(spErrno, EBUSY)
				return spGiveUp
			}
			if c.folioMapcount(f) != c.Load(c.M.Ref(f))-1 {
				c.Say("somebody else has a reference: -EAGAIN")
				c.Set(spErrno, EAGAIN)
				return spGiveUp
			}
			return Then
		}},
		spUnmap: {Label: "unmap", Says: "put migration entries where it is mapped", Ref: "unmap_folio", Local: true, Calls: []FuncID{fnTryToMigrate}, Do: func(c *Ctx) Next {
			return c.Call(fnTryToMigrate, spFlush, c.L(spFolio), ttuSplitHugePMD|ttuBatchFlush)
		}},
		spFlush: {Label: "flush", Says: "flush what was put off", Ref: "try_to_unmap_flush", Local: true, Calls: []FuncID{fnTryToUnmapFlush}, Do: func(c *Ctx) Next {
			return c.Call(fnTryToUnmapFlush, spFreeze)
		}},
		spFreeze: {Label: "freeze", Says: "freeze the last reference, ours", Counts: true, Ref: "folio_ref_freeze", When: With(SplitFreeze), Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			w := c.M.Ref(c.Frame(spFolio))
			if n := c.Load(w); n != 1 {
				c.Sayf("%d references, not 1: map it again", n)
				return spRemapBack
			}
			c.Store(w, 0)
			c.M.Account(c.Frame(spFolio), -1) // frozen: ours does not count for now
			c.Set(spIndex, uint64(c.M.HugePages-1))
			return spTail
		}},
		spZero: {Label: "zero", Says: "set the count to zero, whatever it is", Ref: "set_page_count", When: Without(SplitFreeze), Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.Store(c.M.Ref(c.Frame(spFolio)), 0)
			c.M.Account(c.Frame(spFolio), -1)
			c.Set(spIndex, uint64(c.M.HugePages-1))
			return Then
		}},
		spTail: {Label: "tail", Says: "make the next tail a folio of its own", Ref: "__split_huge_page_tail", Touches: splitTouches, Back: []int{spTail}, Do: (*Ctx).splitTail},
		spHead: {Label: "head", Says: "the head is a small folio, with a reference again", Ref: "__split_huge_page", Touches: splitTouches, Do: func(c *Ctx) Next {
			f := c.Frame(spFolio)
			c.AndNot(c.M.Flags(f), machine.PGDoubleMap)
			c.M.Split(f)
			c.Store(c.M.Ref(f), 1)
			c.M.Account(f, 1)
			return Then
		}},
		spRemap:      splitRemap("map the next page again", Without(SplitMapsZeropage), spRemap, 0),
		spRemapZero:  splitRemap("map the next page again, or the zero page in its place", With(SplitMapsZeropage), spRemapZero, 1),
		spPut:        {Label: "put_tail", Says: "unlock the next tail, drop our reference", Ref: "free_page_and_swap_cache", Touches: cell.Of(machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{spPut}, Do: (*Ctx).splitPut},
		spUnlockRmap: {Label: "unlock_anon_vma", Says: "unlock the anon_vma", Ref: "anon_vma_unlock_write", When: RmapLocked, Touches: cell.Of(machine.RmapLocks), Reads: cell.Of(machine.Mappings), Do: (*Ctx).splitUnlockRmap},
		spDone:       {Label: "done", Says: "it is split", Local: true, Do: func(c *Ctx) Next { return Return }},
		spRemapBack: {Label: "remap_back", Says: "map it again", Ref: "remap_page", Local: true, Calls: []FuncID{fnRemoveMigrationPTEs}, Do: func(c *Ctx) Next {
			c.Set(spErrno, EAGAIN)
			return c.Call(fnRemoveMigrationPTEs, spGiveUp, c.L(spFolio), c.L(spFolio), 0)
		}},
		spGiveUp:       {Label: "unlock_anon_vma", Says: "unlock the anon_vma", Ref: "anon_vma_unlock_write", When: RmapLocked, Touches: cell.Of(machine.RmapLocks), Reads: cell.Of(machine.Mappings), Do: (*Ctx).splitUnlockRmap},
		spFailed:       {Label: "failed", Says: "it is not split", Local: true, Do: func(c *Ctx) Next { return c.Fail(c.L(spErrno)) }},
		spFileCan:      splitFileCan,
		spFileUnmap:    splitFileUnmap,
		spFileUnmapped: splitFileUnmapped,
		spFileFlush:    splitFileFlush,
		spFileFreeze:   splitFileFreeze,
		spFileZero:     splitFileZero,
	},
})

const spFolio, spList, spKeep, spIndex, spErrno, spAt = 0, 1, 2, 3, 4, 5

const (
	spRmapLock = iota
	spKind
	spCan
	spUnmap
	spFlush
	spFreeze
	spZero
	spTail
	spHead
	spRemap
	spRemapZero
	spPut
	spUnlockRmap
	spDone
	spRemapBack
	spGiveUp
	spFailed
	spFileCan
	spFileUnmap
	spFileUnmapped
	spFileFlush
	spFileFreeze
	spFileZero
)

func (c *Ctx) splitUnlockRmap() Next {
	w, ok := c.rmapLock(spFolio)
	switch {
	case !ok:
	case c.isFilePage(c.Frame(spFolio)):
		c.Say("unlock file->i_mmap_rwsem")
		c.ReadUnlock(w)
	default:
		c.WriteUnlock(w)
	}
	return Then
}

var splitTouches = cell.Of(machine.Refs, machine.Mapcounts, machine.Flags, machine.Mappings, machine.FolioLocks)

// splitTail makes one tail a folio: what the head is, it is, too. Our reference on it is kept in
// the task's gather; the caller's list has one more.
func (c *Ctx) splitTail() Next {
	i := c.L(spIndex)
	c.splitOff(i, 0)
	c.Set(spIndex, i-1)
	if i > 1 {
		return spTail
	}
	return spHead
}

// splitOff makes tail i a folio of its own, on which the page cache is going to have so many references.
func (c *Ctx) splitOff(i uint64, cached int) {
	head := c.Frame(spFolio)
	f := head + machine.Frame(i)
	flags := c.Load(c.M.Flags(head)) &^ (machine.PGAnonExclusive | machine.PGDoubleMap | machine.PGHWPoison)
	if c.M.Failed(f) {
		flags |= machine.PGHWPoison
	}
	n := 1
	if c.L(spList) != 0 {
		n, flags = 2, flags&^machine.PGLRU
	}
	c.Store(c.M.Flags(f), flags)
	c.Store(c.M.Mapping(f), c.Load(c.M.Mapping(head)))
	c.Store(c.M.Index(f), c.Load(c.M.Index(head))+i)
	c.Lock(c.M.FolioLock(f))
	c.M.Split(f)
	c.Store(c.M.Ref(f), uint64(n+cached))
	c.M.Gather(c.Task, machine.MakeHold(f, n))
	if !c.sim.Kernel.On(SplitFreeze) { // else there is none but ours
		n := c.holdersOf(f)
		if i == c.L(spKeep) {
			n-- // the caller's: it moves with put_tail
		}
		c.M.Account(head, -n)
		c.M.Account(f, n)
	}
}

// holdersOf is how many references those have that name the page, but for the one that splitTail has
// just gathered: the ledger of the head had them while the page was its tail.
func (c *Ctx) holdersOf(f machine.Frame) int {
	m := c.M
	m.Seek(f)
	n := int(m.Glance(m.PTEs(f)))
	add := func(w machine.Word) {
		if h := machine.Hold(m.Peek(w)); h.Some() && h.Frame() == f {
			n += h.Count()
		}
	}
	for t := range c.sim.Setup.Tasks {
		for i := range m.GUPPages {
			add(m.GUPPage(t, i))
		}
		gathers := int(m.Peek(m.Gathers(t)))
		if t == c.Task {
			gathers--
		}
		for i := range gathers {
			add(m.Gathered(t, i))
		}
		for i := range c.sim.Setup.Tasks[t].Vars {
			if w := m.Var(t, i); machine.DecodeResult(m.Peek(w)).Kind == machine.IsPage {
				add(w)
			}
		}
		for level := range int(m.Peek(m.Depth(t))) {
			for i, local := range c.sim.funcs[m.PeekActivation(t, level).Fn].Locals {
				if local.Kind == HoldLocal {
					add(m.PeekLocal(t, level, i))
				}
			}
		}
	}
	return n
}

// A Splitting is what a task that is in split_huge_page_to_list_to_order does to the ledger.
type Splitting struct {
	Level  int // of its call: what those below it hold is the caller's
	Head   machine.Frame
	Kept   machine.Frame // the tail that the caller's reference names, while it counts for the head; 0: none
	Frozen bool          // one reference of the head does not count for now
}

// Splitting returns what the task splits; false if nothing.
func (s *Sim) Splitting(task int) (Splitting, bool) {
	for level := range int(s.M.Peek(s.M.Depth(task))) {
		a := s.M.PeekActivation(task, level)
		if FuncID(a.Fn) != fnSplitHugePage {
			continue
		}
		local := func(i int) uint64 { return s.M.Peek(s.M.PeekLocal(task, level, i)) }
		out := Splitting{Level: level, Head: machine.Hold(local(spFolio)).Frame(), Frozen: a.Step == spTail || a.Step == spHead}
		keep := local(spKeep)
		if put := a.Step == spUnlockRmap || a.Step == spDone || a.Step == spPut && local(spIndex) > keep; keep != 0 && !put {
			out.Kept = out.Head + machine.Frame(keep)
		}
		return out, true
	}
	return Splitting{}, false
}

// splitRemap is the step that has the pages mapped again, one after the other.
func splitRemap(says string, when Cond, step int, zero uint64) Step {
	return Step{Label: "remap", Says: says, Ref: "remap_page", When: when, Local: true, Calls: []FuncID{fnRemoveMigrationPTEs}, Back: []int{step}, Do: func(c *Ctx) Next {
		i := c.L(spIndex)
		if int(i) == c.M.HugePages {
			c.Set(spIndex, 1)
			return spPut
		}
		c.Set(spIndex, i+1)
		f := uint64(machine.MakeHold(c.Frame(spFolio)+machine.Frame(i), 1))
		return c.Call(fnRemoveMigrationPTEs, step, f, f, zero)
	}}
}

// splitPut unlocks one tail and drops our reference. What stays in the gather is the list's. If the
// caller's page is this tail, its lock and reference stay, and those of the head go.
func (c *Ctx) splitPut() Next {
	i := int(c.L(spIndex))
	f := c.Frame(spFolio) + machine.Frame(i)
	c.Set(spIndex, uint64(i+1))
	back := spPut
	if i+1 == c.M.HugePages {
		back = spUnlockRmap
	}
	n := int(c.M.Load(c.M.Gathers(c.Task)))
	kept := f
	if uint64(i) == c.L(spKeep) {
		f = c.Frame(spFolio)
	}
	c.Unlock(c.M.FolioLock(f))
	switch listed := machine.Hold(c.M.Load(c.M.Gathered(c.Task, n-i))).Count() > 1; {
	case c.L(spList) != 0 && listed:
		c.M.SetGathered(c.Task, n-i, machine.MakeHold(f, 1))
	case c.L(spList) != 0:
		c.M.SetGathered(c.Task, n-i, 0)
	default:
		c.M.SetGathered(c.Task, n-1, 0)
		c.M.Store(c.M.Gathers(c.Task), uint64(n-1))
	}
	if f != kept { // the caller's hold names the tail, and has counted for the folio
		c.M.Account(kept, 1)
		c.M.Account(f, -1)
	}
	return c.putFree(f, 1, back)
}

// deferred_split_scan, the shrinker of one folio that is queued to be split, in straight line:
//
//	folio_try_get(); trylock it
//	split it: what is not mapped of it is free then
//	unlock, put; if it was not split, it stays queued
//
// compare mm/huge_memory.c:deferred_split_scan
var _ = register(fnDeferredSplitScan, &Func{Large: true,
	Name: "deferred_split_scan", File: "mm/huge_memory.c",
	Locals: []Local{{"folio", HoldLocal}},
	Steps: []Step{
		{Label: "take", Says: "take a reference on a folio that is queued, try its lock", Ref: "folio_try_get", Touches: cell.Of(machine.Refs, machine.FolioLocks), Reads: cell.Of(machine.Mapcounts), Anywhere: cell.Of(machine.Refs, machine.FolioLocks, machine.Mapcounts), Choose: deferredOffers, Calls: []FuncID{fnSplitHugePage}, Do: func(c *Ctx) Next {
			f := machine.Frame(c.Key)
			if f == 0 || !c.Free(c.M.FolioLock(f)).Ready() || !c.TryGet(f, 1) {
				c.Say("none is queued that is not locked")
				return Return
			}
			c.Hold(0, f, 1)
			c.Lock(c.M.FolioLock(f))
			return c.Call(fnSplitHugePage, 1, uint64(machine.MakeHold(f, 1)), 0)
		}},
		{Label: "unlock", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Ret()
			c.Unlock(c.M.FolioLock(c.Held(0).Frame()))
			return Then
		}},
		{Label: "put", Says: "put the folio", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			c.Release(0)
			return c.putFree(f, 1, end)
		}},
	},
})

// deferredOffers offers the folios that are queued to be split; 0 if none is.
func deferredOffers(c *Ctx, offer func(int)) {
	none := true
	c.M.EachDeferred(func(head machine.Frame) {
		offer(int(head))
		none = false
	})
	if none {
		offer(0)
	}
}
