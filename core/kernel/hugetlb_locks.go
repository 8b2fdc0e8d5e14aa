package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Two locks keep a PMD table that mms share from being unshared: the hugetlb VMA lock (or, before there was one, i_mmap_rwsem alone) for
// whoever faults, both for whoever unshares. A tableLock is one of them. Only mappings of a whole gigabyte have such tables; for others nobody would wait,
// and nothing is locked.
//
// compare mm/hugetlb.c:hugetlb_vma_lock_read, include/linux/fs.h:i_mmap_lock_write
type tableLock struct {
	label       string // of the steps, behind lock_ and unlock_
	take, drop  string // what they say
	unshare     string // why whoever unshares takes it
	ref         string // the kernel's functions, as far as "lock" or "unlock"
	touches     cell.Set
	of          func(c *Ctx, page int) machine.Word // by the local that names the page
	read, write Cond                                // where faults take it, where unsharing does
	last        bool                                // of the two, it is taken last
}

var vmaTableLock = tableLock{label: "vma", take: "take the hugetlb VMA lock", drop: "drop the hugetlb VMA lock", unshare: ": no fault is in it", ref: "hugetlb_vma_",
	touches: cell.Of(machine.HugetlbPool), of: (*Ctx).hugetlbVMALock, read: With(HugetlbVMALock).AndSharedPMDs(), write: With(HugetlbVMALock).AndSharedPMDs()}

var mapTableLock = tableLock{label: "map", take: "lock file->i_mmap_rwsem", drop: "unlock file->i_mmap_rwsem", ref: "i_mmap_",
	touches: cell.Of(machine.RmapLocks), of: (*Ctx).mappingLockOf, read: Without(HugetlbVMALock).AndSharedPMDs(), write: SharedPMDs, last: true}

// hugetlbVMALock is the hugetlb VMA lock of the page that a local names.
func (c *Ctx) hugetlbVMALock(page int) machine.Word {
	at := c.M.Pages()[c.Page(page)]
	return c.M.HugetlbVMALock(at.MM, at.Region)
}

// mappingLockOf is i_mmap_rwsem of the file that the page which a local names maps.
func (c *Ctx) mappingLockOf(page int) machine.Word {
	return c.M.MappingLock(c.M.Region(c.Page(page)).File)
}

const (
	nobodyShares  = "no PMD table of it is shared: there is nothing to lock"
	nothingLocked = "nothing is locked here"
)

// readLock is the step of a fault that takes the lock; none is the step that follows where there is nothing to lock.
func (l tableLock) readLock(page int, none Next) Step {
	return Step{Label: "lock_" + l.label, Says: l.take + " for reading: the PMD table stays ours", Ref: l.ref + "lock_read", When: l.read, Touches: l.touches,
		Wait: func(c *Ctx) Block {
			if !c.M.Gigabyte(c.Page(page)) {
				return Block{}
			}
			return c.ReadFree(l.of(c, page))
		},
		Do: func(c *Ctx) Next {
			if !c.M.Gigabyte(c.Page(page)) {
				c.Say(nobodyShares)
				return none
			}
			c.ReadLock(l.of(c, page))
			return Then
		}}
}

// readUnlock is the step that drops it.
func (l tableLock) readUnlock(page int) Step {
	return Step{Label: "unlock_" + l.label, Says: l.drop, Ref: l.ref + "unlock_read", When: l.read, Touches: l.touches, Do: func(c *Ctx) Next {
		if !c.M.Gigabyte(c.Page(page)) {
			c.Say(nothingLocked)
			return Then
		}
		c.ReadUnlock(l.of(c, page))
		return Then
	}}
}

// callerLocked reports whether the task has the locks for writing already: its caller took them.
func (c *Ctx) callerLocked(page int) bool {
	return machine.MmapWriter(c.Load(c.mappingLockOf(page))) == c.Task
}

// writeLock is the step of whoever may unshare that takes the lock, unless its caller has; the last one notes in a local that the function
// took both itself.
func (l tableLock) writeLock(page, locked int) Step {
	return Step{Label: "lock_" + l.label, Says: l.take + " for writing" + l.unshare, Ref: l.ref + "lock_write", When: l.write, Touches: l.touches, Reads: cell.Of(machine.RmapLocks) &^ l.touches,
		Wait: func(c *Ctx) Block {
			if !c.M.Gigabyte(c.Page(page)) || c.callerLocked(page) {
				return Block{}
			}
			return c.WriteFree(l.of(c, page))
		},
		Do: func(c *Ctx) Next {
			switch {
			case !c.M.Gigabyte(c.Page(page)):
				c.Say(nobodyShares)
			case c.callerLocked(page):
				c.Say("it is locked already")
			default:
				c.WriteLock(l.of(c, page))
				if l.last {
					c.Set(locked, 1)
				}
			}
			return Then
		}}
}

// writeUnlock is the step that drops it, if the local says that the function took both itself.
func (l tableLock) writeUnlock(page, locked int) Step {
	return Step{Label: "unlock_" + l.label, Says: l.drop, Ref: l.ref + "unlock_write", When: l.write, Touches: l.touches, Do: func(c *Ctx) Next {
		if c.L(locked) == 0 {
			c.Say(nothingLocked)
			return Then
		}
		c.WriteUnlock(l.of(c, page))
		return Then
	}}
}
