package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Locks of reverse mappings. Who walks one takes it for reading; mremap takes it for writing, where a walk might miss what it moves, or be in the page table
// that it moves. Nobody else would wait for it here: where there is no room to move into, it is left out.

// rmapLockStep takes the lock of the reverse mapping of the folio that a local names.
// compare mm/rmap.c:rmap_walk_anon_lock, rmap_walk_file
func rmapLockStep(folio int) Step {
	return Step{Label: "lock_rmap", Says: "lock the folio's reverse mapping", Ref: "anon_vma_lock_read", When: Remapping, Touches: cell.Of(machine.RmapLocks), Reads: cell.Of(machine.Mappings),
		Wait: func(c *Ctx) Block {
			if w, ok := c.rmapLock(folio); ok {
				return c.ReadFree(w)
			}
			return Block{}
		},
		Do: func(c *Ctx) Next {
			if w, ok := c.rmapLock(folio); ok {
				c.ReadLock(w)
			} else {
				c.Say("it has none")
			}
			return Then
		}}
}

// rmapUnlockStep drops the lock and goes on at step next.
func rmapUnlockStep(folio int, next Next) Step {
	return Step{Label: "unlock_rmap", Says: "unlock the folio's reverse mapping", Ref: "anon_vma_unlock_read", When: Remapping, Touches: cell.Of(machine.RmapLocks), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
		if w, ok := c.rmapLock(folio); ok {
			c.ReadUnlock(w)
		}
		return next
	}}
}

// rmapLock is the lock of the reverse mapping of the folio that a local names; false if it has none: one of KSM has many, and mremap
// breaks its sharing before it moves anything.
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

// mappingLock is i_mmap_rwsem of the file whose page a local names.
func (c *Ctx) mappingLock(local int) machine.Word {
	return c.M.MappingLock(c.M.FilePages()[c.Pgoff(local)].File)
}
