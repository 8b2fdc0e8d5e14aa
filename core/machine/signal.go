package machine

import "gupscope/core/cell"

// Signals that wait for a task (task->pending), as bits. Nobody is interrupted by one: the task sees it where it looks,
// or while it waits in a way that a signal ends.
const (
	SignalKill    uint64 = 1 << iota // SIGKILL: it will not see user mode again
	SignalHandled                    // one that it has a handler for, which runs when it is back in user mode
)

// Pending are the signals that wait for a task; none where nobody sends any.
func (m *Machine) Pending(task int) uint64 {
	if !m.Signals {
		return 0
	}
	return m.Load(m.PendingWord(task))
}

// PendingWord is the word that has them.
func (m *Machine) PendingWord(task int) Word { return m.at(m.pending, task) }

// ReturnToUser runs the handlers of a task that has left the kernel: signals that are handled wait no more.
func (m *Machine) ReturnToUser(task int) {
	if v := m.Pending(task); v&SignalHandled != 0 {
		m.Store(m.PendingWord(task), v&^SignalHandled)
	}
}

func (m *Machine) layoutSignals(l *cell.Layout) {
	if !m.Signals {
		return
	}
	m.pending = l.Add(len(m.Config.Tasks), cell.Region{Class: Signals, Owner: "task", Of: m.OfTask,
		Name:   func(i int) string { return m.Config.Tasks[i].Name + " signals pending" },
		Decode: words("none", "SIGKILL", "one that is handled", "SIGKILL and one that is handled")})
}
