package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Locks of reverse mappings: anon_vma->root->rwsem, and i_mmap_rwsem of a file. Who walks one holds its lock for reading. For writing it is taken by
// whoever changes what the walk leads to, or goes by:
//
//	mremap     moves PTEs to where the walk has been, or the page table that it is in
//	collapse   has the page table out of the tree, and may put it back; of files, frees it
//	munmap     takes the VMA out of the tree that is walked, and frees its page table afterwards
//	split      keeps everybody from a folio that becomes many
//
// A scenario that has nobody of these, or nobody who walks, has no such locks.

// rmapLocks reports whether who walks a reverse mapping may meet who changes what it leads to.
func (s *Setup) rmapLocks() bool {
	walks, changes := slices.ContainsFunc(s.Zones, func(z ZoneSetup) bool { return !z.LongtermPinnable() }), s.rooms()
	large := s.largeFolios()
	walks = walks || s.FileTHP()
	for _, t := range s.Tasks {
		for i := range t.Body {
			st := &t.Body[i]
			walks = walks || st.walksRmap(large)
			switch st.Call.table(st.Args) {
			case fnMunmap, fnExit, fnKhugepaged, fnMadviseCollapse:
				changes = true
			}
		}
	}
	return walks && changes
}

// walksRmap reports whether a statement may walk the reverse mapping of a folio; large, where a folio may have to be split first. A long-term pin
// does where it moves the page, a fault where it moves it to the CPU's node, and khugepaged with pages of files: Setup.rmapLocks asks for zones, task_numa_work() and those.
func (st *Stmt) walksRmap(large bool) bool {
	advice := func(words ...string) bool {
		return slices.ContainsFunc(st.Args, func(a Arg) bool { return slices.Contains(words, a.Word) })
	}
	switch st.Call.table(st.Args) {
	case fnMadvise:
		return advice("MADV_PAGEOUT") || large && advice("MADV_FREE", "MADV_COLD")
	case fnKSMDoScan:
		return large
	case fnMadviseInjectError:
		return true
	}
	return st.Call.walks
}

// rmapLockStep takes the lock of the reverse mapping of the folio that a local names. Who splits a folio has it already.
// compare mm/rmap.c:rmap_walk_anon_lock, rmap_walk_file, mm/ksm.c:rmap_walk_ksm
func rmapLockStep(folio int) Step {
	return Step{Label: "lock_rmap", Says: "lock the folio's reverse mapping", Ref: "anon_vma_lock_read", When: RmapLocked, Touches: cell.Of(machine.RmapLocks), Reads: cell.Of(machine.Mappings, machine.KSM, machine.VMAs),
		Wait: func(c *Ctx) Block {
			var block Block
			c.rmapLocks(folio, func(w machine.Word) {
				if block.Ready() && !c.writes(w) {
					block = c.ReadFree(w)
				}
			})
			return block
		},
		Do: func(c *Ctx) Next {
			none := true
			c.rmapLocks(folio, func(w machine.Word) {
				if none = false; c.writes(w) {
					c.Say("its reverse mapping is locked, for writing")
					return
				}
				c.ReadLock(w)
			})
			if none {
				c.Say("it has no reverse mapping to lock")
			}
			return Then
		}}
}

// rmapUnlockStep drops the lock and goes on at step next.
func rmapUnlockStep(folio int, next Next) Step {
	return Step{Label: "unlock_rmap", Says: "unlock the folio's reverse mapping", Ref: "anon_vma_unlock_read", When: RmapLocked, Touches: cell.Of(machine.RmapLocks), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
		if c.isKSM(c.Frame(folio)) {
			c.eachAnonVMALock(func(w machine.Word) {
				if !c.writes(w) {
					c.ReadUnlock(w)
				}
			})
			return next
		}
		if w, ok := c.rmapLock(folio); ok && !c.writes(w) {
			c.ReadUnlock(w)
		}
		return next
	}}
}

// rmapLocks calls f with every lock of the reverse mapping of the folio that a local names. One of KSM has that of every place where it is
// shared; the kernel takes them one after the other, here they are taken at once.
func (c *Ctx) rmapLocks(local int, f func(machine.Word)) {
	if folio := c.M.Head(c.Frame(local)); c.isKSM(folio) {
		for p, ok := c.M.NextMapping(folio, machine.NoPage); ok; p, ok = c.M.NextMapping(folio, p) {
			f(c.anonVMALock(p))
		}
		return
	}
	if w, ok := c.rmapLock(local); ok {
		f(w)
	}
}

// rmapLock is the lock of the reverse mapping of the folio that a local names; false if it has not exactly one.
func (c *Ctx) rmapLock(local int) (machine.Word, bool) {
	mapping := c.Load(c.M.Mapping(c.M.Head(c.Frame(local))))
	if mm := machine.MappingMM(mapping); mm >= 0 {
		return c.M.AnonVMALock(c.root(mm), machine.MappingRegion(mapping)), true
	}
	if file := machine.MappingFile(mapping); file >= 0 {
		return c.M.MappingLock(file), true
	}
	return machine.Word{}, false
}

// anonVMALock is the lock of the anon_vma of the page's VMA: anon_vma->root->rwsem.
func (c *Ctx) anonVMALock(p machine.PageID) machine.Word {
	at := c.M.Pages()[p]
	return c.M.AnonVMALock(c.root(at.MM), c.M.HomeRegion(at.MM, at.Region))
}

// eachAnonVMALock calls f with the locks of all anon_vmas.
func (c *Ctx) eachAnonVMALock(f func(machine.Word)) {
	for mm := range c.M.MMs {
		for r := range c.M.MMs[mm].Regions {
			f(c.M.AnonVMALock(mm, r))
		}
	}
}

// mappingLock is i_mmap_rwsem of the file whose page a local names.
func (c *Ctx) mappingLock(local int) machine.Word {
	return c.M.MappingLock(c.M.FilePages()[c.Pgoff(local)].File)
}
