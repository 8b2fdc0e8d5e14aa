package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What-ifs about who takes pages and page tables away from under GUP-fast. No kernel does any of it: the second look at the
// entry is what protects.
//
// Between taking the entry away and counting references, wait until no GUP-fast is left that may have read it:
//
//	ipi         send every CPU an IPI, and wait: one with interrupts off takes it when it has left GUP-fast
//	rcu_sync    begin a grace period behind the removal, and wait for its end: interrupts off are a read-side section
//	rcu_early   the same, begun before the removal: who enters GUP-fast in between is not waited for
//
// A grace period is a sleep: not under a page-table lock, nor with interrupts off. So KSM, which counts under it, puts a marker into the
// PTE, at which faults wait as for a page that is being moved, and looks for it when it is back. Collapse has mmap_lock for writing, and needs none.
//
// compare Andrea Arcangeli's mail of 2016-05-02 on GUP guarantees
var _ = register(fnWaitForGUPFast, &Func{
	Name: "wait_for_gup_fast", File: "what-if",
	Steps: []Step{
		ipiStep(If(RemoverWait, RemoverWaitIPI)),
		ipiTakenStep(If(RemoverWait, RemoverWaitIPI)),
		gracePeriodStep(If(RemoverWait, RemoverWaitRCU)),
		{Label: "grace_period_over", Says: "the grace period is over", Ref: "synchronize_rcu", When: If(RemoverWait, RemoverWaitRCU, RemoverWaitRCUEarly), Touches: cell.Of(machine.RCU),
			Wait: func(c *Ctx) Block {
				if w := c.M.GracePeriod(c.Task); c.Load(w)&^machine.RCUQueued != 0 {
					return Block{On: OnGracePeriod, At: w}
				}
				return Block{}
			},
			Do: func(c *Ctx) Next {
				c.Store(c.M.GracePeriod(c.Task), 0)
				return Then
			}},
	},
})

// gracePeriodStep begins a grace period: it is over when all that have interrupts off now have had them on.
func gracePeriodStep(when Cond) Step {
	return Step{Label: "grace_period", Says: "begin a grace period", Ref: "start_poll_synchronize_rcu", When: when, Touches: cell.Of(machine.RCU), Reads: cell.Of(machine.IRQs), Anywhere: cell.Of(machine.IRQs), Do: func(c *Ctx) Next {
		c.M.BeginGracePeriod(c.Task)
		return Then
	}}
}

// waitStep waits in a function that is about to count references, and goes on at back.
func waitStep(back int) Step {
	return Step{Label: "wait", Says: "wait until no GUP-fast is left that may have read the entry", When: If(RemoverWait, RemoverWaitIPI, RemoverWaitRCU, RemoverWaitRCUEarly), Local: true, Calls: []FuncID{fnWaitForGUPFast}, Do: func(c *Ctx) Next {
		return c.Call(fnWaitForGUPFast, back)
	}}
}
