package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// fault_dirty_shared_page, of a folio that was mapped writable, and is marked dirty and unlocked (rows of do_shared_fault and wp_page_shared),
// in straight line:
//
//	was dirty before, and no file system was asked; or truncated meanwhile: done
//	the fault may be made again (the first time alone, and not where it must not wait): get_file(), drop mmap_lock
//	balance_dirty_pages_ratelimited(mapping): sleep as long as there are too many dirty pages
//	mmap_lock was dropped: fput(); VM_FAULT_COMPLETED; until v5.19 VM_FAULT_RETRY: the fault is made again, and finds the page mapped
//
// Whoever wants mmap_lock for writing need not wait for the disk. He may unmap the page meanwhile: who comes back knows nothing of
// it any more, be it a thread, which makes its access again, or GUP, which looks from the VMA on. The file is still used:
//
//	CPU0 (write fault)                            CPU1 (munmap, close, unlink)
//	get_file(); mmap_read_unlock()
//	                                              mmap_write_lock(); the VMA goes, and its reference on the file
//	                                              iput(): not the last reference
//	balance_dirty_pages_ratelimited(mapping)
//	fput(): the last
//
// The kernel drops mmap_lock before it knows whether it will sleep. Here it is dropped where the scenario says that writers are throttled. How
// long they sleep is not said: the step behind may come as late as it likes. A write(2) sleeps as well, with i_rwsem held: that is no different from a slow one.
//
// compare mm/memory.c:fault_dirty_shared_page, mm/internal.h:maybe_unlock_mmap_for_io
var _ = register(fnFaultDirtySharedPage, &Func{
	Name: "fault_dirty_shared_page", File: "mm/memory.c", Params: []int{fdAddr, fdFlags, fdFile},
	Locals: []Local{{"address", PageLocal}, {"flags", IntLocal}, {"file", IntLocal}, {"fpin", IntLocal}},
	Steps: []Step{
		fdDrop: {Label: "drop_lock", Says: "take a reference on the file, drop mmap_lock", Ref: "maybe_unlock_mmap_for_io", When: With(FaultPinsFile).AndThrottled(), Touches: cell.Of(machine.MMLocks, machine.Inodes), Do: func(c *Ctx) Next {
			if c.throttledUnlocked() {
				c.Add(c.M.FilePins(int(c.L(fdFile))), 1)
			}
			return fdSleep
		}},
		fdDropAlone: {Label: "drop_lock_alone", Says: "drop mmap_lock", Ref: "maybe_unlock_mmap_for_io", When: With(FaultThrottleUnlocks).AndThrottled(), Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.throttledUnlocked()
			return Then
		}},
		fdSleep: {Label: "sleep", Says: "sleep until writeback has caught up", Ref: "balance_dirty_pages_ratelimited", When: Throttled, Reads: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			if file := int(c.L(fdFile)); c.Load(c.M.Inode(file)) == machine.InodeFreed {
				c.Say("the inode was freed: mapping->host is somebody else's memory")
				c.M.Raise(machine.AlarmThrottledInode, uint64(file))
			}
			if c.L(fdPinned) == 0 {
				return c.Return(0)
			}
			return Then
		}},
		fdPut: {Label: "fput", Says: "put the file", Ref: "fput", When: With(FaultPinsFile).AndThrottled(), Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			c.Add(c.M.FilePins(int(c.L(fdFile))), -1)
			return Then
		}},
		fdCompleted: {Label: "completed", Says: "the fault is done, and mmap_lock dropped", Ref: "VM_FAULT_COMPLETED", When: With(VMFaultCompleted).AndThrottled(), Local: true, Do: func(c *Ctx) Next { return c.Return(faultCompleted) }},
		fdRetry:     {Label: "retry", Says: "mmap_lock is dropped: the fault must be made again", Ref: "VM_FAULT_RETRY", When: Without(VMFaultCompleted).AndThrottled(), Local: true, Do: func(c *Ctx) Next { return c.Return(faultRetry) }},
	},
})

const fdAddr, fdFlags, fdFile, fdPinned = 0, 1, 2, 3

const (
	fdDrop = iota
	fdDropAlone
	fdSleep
	fdPut
	fdCompleted
	fdRetry
)

// throttledUnlocked drops the lock that the fault is made under, if that may be, and reports whether it has.
func (c *Ctx) throttledUnlocked() bool {
	if flags := c.L(fdFlags); !mayDrop(flags) || flags&faultRetryNowait != 0 {
		c.Say("the fault must not drop mmap_lock: it will sleep with it held")
		return false
	}
	c.dropFaultLock(c.Page(fdAddr), c.L(fdFlags))
	c.Set(fdPinned, 1)
	return true
}

// dirtyShared marks a folio dirty that was mapped writable. It returns what fault_dirty_shared_page goes by behind the unlock:
// the folio's file plus one, or 0 if there is nothing to be throttled for.
func (c *Ctx) dirtyShared(f machine.Frame) uint64 {
	if !c.sim.Setup.Throttled {
		c.markDirty(f)
		return 0
	}
	was := c.Load(c.M.Flags(f))&machine.PGDirty != 0
	c.markDirty(f)
	file := machine.MappingFile(c.Load(c.M.Mapping(f)))
	if file < 0 || was && !hasPageMkwrite(c.M.Files[file].Kind) {
		return 0
	}
	return uint64(file) + 1
}

// throttleStep goes on in fault_dirty_shared_page, of which a local says what dirtyShared has returned; address and flags are the fault's.
func throttleStep(mapping, addr, flags, back int) Step {
	return Step{Label: "throttle", Says: "is there anything to be throttled for?", Answer: "no", Ref: "fault_dirty_shared_page", When: Throttled, Local: true, Calls: []FuncID{fnFaultDirtySharedPage}, Do: func(c *Ctx) Next {
		file := c.L(mapping)
		if file == 0 {
			return Next(back)
		}
		c.Say("a page of a file was dirtied")
		return c.Call(fnFaultDirtySharedPage, back, c.L(addr), c.L(flags), file-1)
	}}
}
