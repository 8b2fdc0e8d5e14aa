package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// The steps that take and drop mmap_lock: of the mm of the page that a local names (Of), or of the task's own (Step).

// mmapReadLockOf takes mmap_lock for reading.
func mmapReadLockOf(addr int, when Cond) Step {
	return Step{Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", When: when, Touches: cell.Of(machine.MMLocks),
		Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.mmOf(addr))) },
		Do: func(c *Ctx) Next {
			c.ReadLock(c.M.MmapLock(c.mmOf(addr)))
			return Then
		}}
}

// mmapReadUnlockOf drops it.
func mmapReadUnlockOf(addr int, when Cond) Step {
	return Step{Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", When: when, Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
		c.ReadUnlock(c.M.MmapLock(c.mmOf(addr)))
		return Then
	}}
}

// mmapWriteLockOf takes mmap_lock for writing.
func mmapWriteLockOf(addr int, when Cond) Step {
	return Step{Label: "lock", Says: "take mmap_lock for writing", Ref: "mmap_write_lock", When: when, Touches: cell.Of(machine.MMLocks),
		Wait: func(c *Ctx) Block { return c.WriteFree(c.M.MmapLock(c.mmOf(addr))) },
		Do: func(c *Ctx) Next {
			c.WriteLock(c.M.MmapLock(c.mmOf(addr)))
			return Then
		}}
}

// mmapWriteUnlockOf drops it, and the locks of VMAs with it.
func mmapWriteUnlockOf(addr int, when Cond) Step {
	return Step{Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", When: when, Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
		c.unlockMM(c.mmOf(addr))
		return Then
	}}
}

// unlockMM drops an mmap_lock that is held for writing, and the locks of VMAs with it.
func (c *Ctx) unlockMM(mm int) {
	for r := range c.M.MMs[mm].Regions {
		if w := c.M.VMALock(mm, r); machine.MmapWriter(c.Load(w)) == c.Task {
			c.WriteUnlock(w)
		}
	}
	c.WriteUnlock(c.M.MmapLock(mm))
}

// mmapWriteLockStep takes mmap_lock for writing.
func mmapWriteLockStep() Step {
	return Step{Label: "lock", Says: "take mmap_lock for writing", Ref: "mmap_write_lock_killable", Touches: cell.Of(machine.MMLocks),
		Wait: func(c *Ctx) Block { return c.WriteFree(c.M.MmapLock(c.MM)) },
		Do: func(c *Ctx) Next {
			c.WriteLock(c.M.MmapLock(c.MM))
			return Then
		}}
}

// vmaWriteLockStep locks the VMA of the page that a local names.
func vmaWriteLockStep(page int) Step {
	return Step{Label: "lock_vma", Says: "lock the VMA: no fault is in it", Ref: "vma_start_write", When: With(PerVMALock), Touches: cell.Of(machine.MMLocks),
		Wait: func(c *Ctx) Block {
			w, _ := c.vmaWords(c.Page(page))
			return c.WriteFree(w)
		},
		Do: func(c *Ctx) Next {
			w, _ := c.vmaWords(c.Page(page))
			c.WriteLock(w)
			return Then
		}}
}

// mmapWriteUnlockStep drops mmap_lock and, if it was taken, the lock of the VMA of the page that a local names.
func mmapWriteUnlockStep(page int) Step {
	return Step{Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
		w, _ := c.vmaWords(c.Page(page))
		if machine.MmapWriter(c.Load(w)) == c.Task {
			c.WriteUnlock(w)
		}
		c.WriteUnlock(c.M.MmapLock(c.MM))
		return Then
	}}
}

// vmaLock is the lock of the VMAs that the page of a local lies in.
func (c *Ctx) vmaLock(local int) machine.Word {
	w, _ := c.vmaWords(c.Page(local))
	return w
}
