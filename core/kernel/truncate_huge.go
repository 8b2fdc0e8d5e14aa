package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// The rows of truncate_inode_pages_range for a huge page of a file of which only a part lies in the range, with its lock held, in straight line:
//
//	fill that part with zeros
//	from 5.7 on: split it; done: unlock it, put it: its pages are looked at one by one
//	unlock it, put it; go on behind it: it stays, with zeros
//
// It stays where somebody holds any page of it, and until 5.6 always. The pages that were cut off are the file's then as before: who holds one of them
// is not detached, and what he writes comes up in the hole, or behind the end, when the file grows again.
//
//	P0 (truncation)                  a device
//	                                 has a pin on page 1
//	i_size: page 1 is behind it
//	page 1 := zeros
//	split: references: no
//	                                 writes to page 1
//	i_size: page 1 is inside again
//	a read: what the device wrote
//
// (Until 5.16 the zeros come after the split has failed. Whoever could tell holds the page, or its lock.) Pages of shmem alone are huge here, which are
// always dirty, and never under writeback: else the kernel waits, and takes a clean one out as a whole if it cannot be split.
//
// compare mm/truncate.c:truncate_inode_partial_folio, mm/shmem.c:shmem_undo_range, shmem_punch_compound (5.7)
var (
	truncateZero = Step{Label: "zero_part", Says: "does it stick out of the range? Fill its part of that with zeros", Ref: "folio_zero_range", When: FileTHP, Touches: cell.Of(machine.Contents), Reads: cell.Of(machine.Compounds), Do: func(c *Ctx) Next {
		f, first := c.Held(0).Frame(), c.Pgoff(tpFolio)
		if !c.M.IsLarge(f) {
			c.Say("it is a small one")
			return tpWait
		}
		last := first + machine.Pgoff(c.M.HugePages-1)
		if first >= c.Pgoff(tpFirst) && last <= c.Pgoff(tpLast) {
			c.Say("all of it lies in the range")
			return tpWait
		}
		for o := max(first, c.Pgoff(tpFirst)); o <= min(last, c.Pgoff(tpLast)); o++ {
			c.Sayf("it sticks out of the range: fill page %d with zeros", c.M.FilePages()[o].Index)
			c.Store(c.M.Contents(f+machine.Frame(o-first)), 0)
			c.M.FileForget(o)
		}
		return Then
	}}
	truncateSplit = Step{Label: "split", Says: "split it", Ref: "split_folio", When: With(TruncateSplitsHuge).AndFileTHP(), Local: true, Calls: []FuncID{fnSplitHugePage}, Do: func(c *Ctx) Next {
		return c.Call(fnSplitHugePage, tpSplitEnd, uint64(machine.MakeHold(c.Held(0).Frame(), 1)), 0)
	}}
	truncateSplitEnd = Step{Label: "split_end", Says: "was it split? Unlock it; its pages one by one", Answer: "yes", Ref: "folio_unlock", When: With(TruncateSplitsHuge).AndFileTHP(), Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
		if c.Ret() != 0 {
			c.Say("somebody holds it: it stays, with zeros")
			return tpBehind
		}
		c.Unlock(c.folioLock(c.Held(0).Frame()))
		return tpPut
	}}
	truncateBehind = Step{Label: "behind", Says: "unlock it, put it; go on behind it", Ref: "folio_next_index", When: FileTHP, Touches: cell.Of(machine.FolioLocks, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{tpFind}, Do: func(c *Ctx) Next {
		c.Unlock(c.folioLock(c.Held(0).Frame()))
		next := c.Pgoff(tpFolio) + machine.Pgoff(c.M.HugePages)
		if next > c.Pgoff(tpLast) {
			return c.forget(end)
		}
		c.Set(tpPage, uint64(next))
		return c.forget(tpFind)
	}}
)
