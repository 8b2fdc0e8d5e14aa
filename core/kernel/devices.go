package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Actors without a program may do at any time what is said here (those of a CPU look besides
// whether its mm is there, where that comes or goes; for large folios see Objects.roots). They hand on nothing but what they give back to a pool.
var devices = map[ActorKind]struct {
	Ahead
	setOff cell.Set // classes through which tasks give it something to do
}{
	InterruptActor:   {Ahead{Touches: cell.Of(machine.IPIs, machine.TLBs, machine.MMs), Reads: cell.Of(machine.IRQs, machine.Steal)}, cell.Of(machine.IPIs)},
	WalkerActor:      {Ahead{Touches: cell.Of(machine.TLBs, machine.PTEs, machine.PMDs, machine.Ghosts), Reads: cell.Of(machine.Steal, machine.Stacks)}, 0},
	StoreBufferActor: {Ahead{Touches: cell.Of(machine.StoreBuffers, machine.Contents, machine.PTEs, machine.PMDs, machine.PTLs, machine.MMs, machine.Runs) | everyone}, cell.Of(machine.StoreBuffers)},
	HypervisorActor:  {Ahead{Touches: cell.Of(machine.Steal, machine.TLBs)}, 0},
	RCUActor:         {Ahead{Touches: tableFreeTouches | everyone | cell.Of(machine.RCU, machine.Inodes)}, cell.Of(machine.RCU)},
	DiskActor:        {Ahead{Touches: cell.Of(machine.Disk, machine.Flags, machine.Ghosts), Reads: cell.Of(machine.SwapCache, machine.Contents)}, cell.Of(machine.Disk)},
	FileDiskActor:    {Ahead{Touches: cell.Of(machine.Blocks, machine.PageCache, machine.Flags, machine.Ghosts), Reads: cell.Of(machine.Contents)}, cell.Of(machine.Blocks)},
}

// ownClasses are those of which an actor touches nothing but what its own task or CPU has,
// unless a step says otherwise; taskClasses those that a task may touch at any time, everyone
// those of which it may touch at any time what it can come by.
var (
	ownClasses  = cell.Of(machine.Stacks, machine.Vars, machine.Batches, machine.TLBs, machine.IRQs, machine.LRU, machine.Signals)
	taskClasses = cell.Of(machine.Stacks, machine.Vars, machine.Batches, machine.LRU, machine.Signals) | everyone
	everyone    = cell.Of(machine.Ghosts, machine.Ledgers)
)

// busy reports whether an actor without a program may do something by itself.
func (o *Objects) busy(a *Actor) bool {
	busy := a.Kind == WalkerActor
	o.s.work(a, func(w machine.Word) { busy = busy || o.s.M.Peek(w) != 0 })
	return busy && o.s.exists(a)
}

// exists reports whether an actor without a program ever does anything in this scenario.
func (s *Sim) exists(a *Actor) bool {
	switch a.Kind {
	case WalkerActor:
		return a.CPU < len(s.Setup.Speculate) && s.Setup.Speculate[a.CPU] && s.M.Home(a.CPU) >= 0
	case RCUActor:
		return s.Kernel.Value(PTFree) == PTFreeRCU || len(s.Setup.Files) > 0
	case StoreBufferActor:
		return s.Setup.TSO
	case DiskActor:
		return s.Setup.SwapAsync
	}
	return true
}

// work calls f with the words of which an actor without a program has something
// to do if one is not zero.
func (s *Sim) work(a *Actor, f func(machine.Word)) {
	m := s.M
	switch a.Kind {
	case InterruptActor:
		f(m.IPI(a.CPU))
	case StoreBufferActor:
		if m.TSO {
			f(m.Buffered(a.CPU))
		}
	case HypervisorActor:
		f(m.Preempts(a.CPU))
		f(m.Steal(a.CPU))
	case RCUActor:
		for i := range m.GoingTables() {
			f(m.RCU(m.GoingTable(i)))
		}
		for file := range m.Files {
			f(m.InodeRCU(file))
		}
	case DiskActor:
		for slot := range m.Slots {
			f(m.IO(slot))
		}
	case FileDiskActor:
		for o := range m.FilePages() {
			f(m.BlockIO(machine.Pgoff(o)))
		}
	}
}
