package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// flush_tlb_batched_pending, in straight line, under the PTL of who is about to go by its page table:
//
//	has reclaim cleared PTEs of the mm whose flush is still put off?
//	then flush the mm, and note that it is done, unless reclaim has put off another one meanwhile
//
// Who zaps, protects, moves or cleans PTEs flushes no translation of one that is none already; a CPU may have it still.
//
//	CPU0 (reclaim)                        CPU1 (MADV_FREE)
//	clear the PTE; put the flush off
//	                                      the PTE is none: nothing to flush
//	flush
//
// compare mm/rmap.c:flush_tlb_batched_pending

// batchedStep asks; it goes on at step on if nothing is put off, at done when it has flushed. A page of the mm is in a local.
func batchedStep(page int, done, on Next) Step {
	return Step{Label: "batched", Says: "has reclaim put a flush off?", Answer: "no", Ref: "flush_tlb_batched_pending", When: With(BatchedPending),
		Touches: cell.Of(machine.MMs), Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			w := c.M.Batched(c.mmOf(page))
			if c.Load(w)&1 == 0 {
				return on
			}
			c.Say("reclaim has put a flush off: do it now")
			c.Or(w, 2<<c.Task)
			return c.flushAll(page, int(done))
		}}
}

// batchedDoneStep follows it.
func batchedDoneStep(page int) Step {
	return Step{Label: "flushed", Says: "that flush is done", Ref: "atomic_cmpxchg(tlb_flush_batched)", When: With(BatchedPending), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
		if w := c.M.Batched(c.mmOf(page)); c.Load(w)&(2<<c.Task) != 0 {
			c.Store(w, 0)
		}
		return Then
	}}
}
