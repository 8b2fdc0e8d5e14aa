package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// kill, in straight line:
//
//	the process is gone: -ESRCH
//	SIGKILL: it waits for each thread of the process (complete_signal); who waits killably waits no more
//	a signal that the process has a handler for: it waits for the first thread; the handler runs when that is back in user mode
//
// Signals are played as far as GUP sees them:
//
//	CPU0 (GUP of A)                          CPU1
//	the fault drops mmap_lock, waits
//	                                         kill(A, SIGKILL)
//	it waits no more; mmap_lock is dropped
//	is there a signal? -EINTR
//
// A call of GUP returns, and the program goes on: that a thread which was killed dies before it sees user mode again is for the
// scenario to say (exit). Its other waits for mmap_lock, and the reads of a disk that it has begun, are not broken off.
//
// compare kernel/signal.c:kill_pid_info, complete_signal
var _ = register(fnKill, &Func{
	Name: "kill", File: "kernel/signal.c", Params: []int{0, 1},
	Locals: []Local{{"mm", IntLocal}, {"sig", IntLocal}},
	Steps: []Step{
		{Label: "send", Says: "send the signal", Ref: "complete_signal", Touches: cell.Of(machine.Signals), Anywhere: cell.Of(machine.Signals), Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			mm := int(c.L(0))
			if c.Load(c.M.MMState(mm)) != machine.MMAlive || c.Load(c.M.MMUsers(mm)) == 0 {
				c.Say("the process is gone: -ESRCH")
				return c.Fail(ESRCH)
			}
			bits := machine.SignalHandled
			if c.L(1) == sigKill {
				bits = machine.SignalKill
			}
			for t, task := range c.sim.Setup.Tasks {
				if task.MM != mm {
					continue
				}
				c.Or(c.M.PendingWord(t), bits)
				if bits != machine.SignalKill {
					break
				}
			}
			return Return
		}},
	},
})

// signalWords are the signals that a scenario may send; sigKill is the place of the one that cannot be handled.
var signalWords = []string{"SIGKILL", "SIGUSR1"}

const sigKill = 0

// killed reports whether a signal waits for the task that kills it.
// compare include/linux/sched/signal.h:fatal_signal_pending
func (c *Ctx) killed() bool { return c.M.Pending(c.Task)&machine.SignalKill != 0 }

// gupSignal reports whether a signal waits for the task for which GUP gives up: one that kills; with FOLL_INTERRUPTIBLE, any.
// compare mm/gup.c:gup_signal_pending
func (c *Ctx) gupSignal(flags uint64) bool {
	return c.killed() || flags&FollInterruptible != 0 && c.M.Pending(c.Task) != 0
}

// killable is a wait that ends as well when the task is killed. Who has waited so looks what he has waited for.
func (c *Ctx) killable(b Block) Block {
	if !b.Ready() && c.killed() {
		return Block{}
	}
	return b
}

// faultWait is what a fault waits for that has dropped mmap_lock; the wait of one for GUP ends when the task is killed.
// compare mm/filemap.c:__folio_lock_or_retry
func (c *Ctx) faultWait(flags uint64, b Block) Block {
	if flags&faultKillable != 0 {
		return c.killable(b)
	}
	return b
}

// What is said when a wait for mmap_lock ends so.
const (
	killedFirst = "killed while it waits for mmap_lock: -EAGAIN"
	killedAgain = "killed while it waits for mmap_lock: -EINTR"
)

// signals reports whether somebody sends signals.
func (s *Setup) signals() bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool { return st.Call.entry == fnKill })
	})
}
