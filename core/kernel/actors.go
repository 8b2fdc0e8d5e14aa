package kernel

import (
	"fmt"
	"slices"

	"gupscope/core/machine"
)

// An Actor is something that can make the next step. Actors are numbered once
// per scenario: the tasks in the order of the file; then for every CPU its
// interrupt, its walker, its store buffer and its hypervisor; then RCU, the swap device and,
// where there are files on it, the disk. The numbers are in links and stay.
type Actor struct {
	ID   int
	Kind ActorKind
	Name string // "P0", "cpu0 interrupt", "RCU"
	CPU  int    // -1: none
	Task int    // -1: none
}

// An ActorKind says what sort of actor it is.
type ActorKind uint8

const (
	TaskActor ActorKind = iota
	InterruptActor
	WalkerActor
	StoreBufferActor
	HypervisorActor
	RCUActor
	DiskActor
	FileDiskActor
)

// Actors returns the actors by number.
func (s *Sim) Actors() []Actor { return s.actors }

func makeActors(setup *Setup) []Actor {
	var out []Actor
	add := func(k ActorKind, name string, cpu, task int) {
		out = append(out, Actor{len(out), k, name, cpu, task})
	}
	for i, t := range setup.Tasks {
		add(TaskActor, t.Name, t.CPU, i)
	}
	for c := range setup.CPUs {
		add(InterruptActor, fmt.Sprintf("cpu%d interrupt", c), c, -1)
		add(WalkerActor, fmt.Sprintf("cpu%d walker", c), c, -1)
		add(StoreBufferActor, fmt.Sprintf("cpu%d store buffer", c), c, -1)
		add(HypervisorActor, fmt.Sprintf("cpu%d host", c), c, -1)
	}
	add(RCUActor, "RCU", -1, -1)
	add(DiskActor, "swap device", -1, -1)
	if slices.ContainsFunc(setup.Files, func(f FileSetup) bool { return f.Kind.OnDisk() }) {
		add(FileDiskActor, "disk", -1, -1)
	}
	return out
}

// findDevices leaves out what can never move: the walker of a CPU that does not
// speculate, the host that may not preempt.
func (s *Sim) findDevices() {
	for _, a := range s.actors[len(s.Setup.Tasks):] {
		switch a.Kind {
		case WalkerActor:
			if a.CPU >= len(s.Setup.Speculate) || !s.Setup.Speculate[a.CPU] || s.M.Home(a.CPU) < 0 {
				continue
			}
		case HypervisorActor:
			if a.CPU >= len(s.Setup.Preempts) || s.Setup.Preempts[a.CPU] == 0 {
				continue
			}
		case StoreBufferActor:
			if !s.Setup.TSO {
				continue // memory is sequentially consistent
			}
		}
		s.devices = append(s.devices, a.ID)
	}
}

// deviceOffers is offers for actors that have no program.
func (s *Sim) deviceOffers(a *Actor, f func(key int)) {
	m := s.M
	switch a.Kind {
	case InterruptActor:
		if !s.running(a.CPU) || m.Load(m.IRQOff(a.CPU)) != 0 {
			return
		}
		from := m.Load(m.IPI(a.CPU))
		for c := range m.CPUs {
			if from>>c&1 != 0 {
				f(c)
			}
		}
	case WalkerActor:
		s.speculations(a.CPU, f)
	case StoreBufferActor:
		if m.TSO && m.Load(m.Buffered(a.CPU)) > 0 {
			f(0)
		}
	case HypervisorActor:
		if !s.running(a.CPU) || m.Load(m.Preempts(a.CPU)) > 0 {
			f(0)
		}
	case RCUActor:
		m.EachRCU(func(t machine.Frame, callback machine.Word) {
			if m.Load(callback) == machine.RCUQueued {
				f(int(t))
			}
		})
		m.EachInodeRCU(func(file int, callback machine.Word) { // numbered behind the frames
			if m.Load(callback) == machine.RCUQueued {
				f(m.FrameCount() + file)
			}
		})
	case DiskActor:
		m.EachIO(f)
	case FileDiskActor:
		m.EachBlockIO(func(o machine.Pgoff) { f(int(o)) })
	}
}

// doInterrupt handles the flush request that CPU from has sent: flush, then
// acknowledge. The handler runs with interrupts off, so nothing of this CPU comes between.
// compare arch/x86/mm/tlb.c:flush_tlb_func
func (s *Sim) doInterrupt(cpu, from int) {
	m := s.M
	m.DrainAll(cpu)
	if f, ok := m.RequestOf(from); ok {
		m.FlushLocal(cpu, f)
	}
	w := m.IPI(cpu)
	m.Store(w, m.Load(w)&^(1<<from))
}

// doHypervisor preempts a running CPU, or lets a preempted one run again, which
// does the flush that was put off.
// compare arch/x86/kvm/x86.c:record_steal_time
func (s *Sim) doHypervisor(cpu int) {
	m := s.M
	steal := m.Steal(cpu)
	v := m.Load(steal)
	m.DrainAll(cpu)
	if v&machine.StealPreempted == 0 {
		m.Store(steal, machine.StealPreempted)
		m.Store(m.Preempts(cpu), m.Load(m.Preempts(cpu))-1)
		return
	}
	m.Store(steal, 0)
	if v&machine.StealFlush != 0 {
		m.Store(m.Walker(cpu), 0)
		for _, mm := range m.MMsOn(cpu) {
			m.InvalidateMM(cpu, mm)
		}
	}
}

// doRCU ends the grace period that a freed table, or behind the frames an inode, waited for.
func (s *Sim) doRCU(table machine.Frame) {
	m := s.M
	if file := int(table) - m.FrameCount(); file >= 0 {
		m.Store(m.InodeRCU(file), 0)
		m.Store(m.Inode(file), machine.InodeFreed)
		return
	}
	m.Store(m.RCU(table), 0)
	m.Account(table, -1)
	m.Store(m.Ref(table), 0)
	m.Free(table)
}

// doDisk goes on with the write to a slot: first the device reads the page,
// then it says that it has finished.
// compare mm/page_io.c:end_swap_bio_write
func (s *Sim) doDisk(slot int) {
	m := s.M
	f := machine.Hold(m.Load(m.SwapCache(slot))).Frame()
	if m.Load(m.IO(slot)) == machine.IOSubmitted {
		m.Store(m.Disk(slot), m.Load(m.Contents(f)))
		m.Store(m.IO(slot), machine.IOWritten)
		return
	}
	m.Store(m.IO(slot), machine.IOIdle)
	m.Store(m.Flags(f), m.Load(m.Flags(f))&^machine.PGWriteback)
	m.SwapReads(f, false)
}

// doFileDisk goes on with the write of a page of a file: first the disk reads the page, then it
// says that it has finished; what was unwritten is written from then on.
// compare fs/ext4/page-io.c:ext4_end_bio, ext4_convert_unwritten_extents
func (s *Sim) doFileDisk(o machine.Pgoff) {
	m := s.M
	f, _ := machine.Cached(m.Load(m.CacheSlot(o)))
	w := m.Block(o)
	state := machine.BlockState(m.Load(w))
	if m.Load(m.BlockIO(o)) == machine.IOSubmitted {
		m.Store(w, machine.MakeBlock(state, m.Load(m.Contents(f))))
		m.Store(m.BlockIO(o), machine.IOWritten)
		return
	}
	m.Store(w, m.Load(w)&^machine.BlockUnwritten|machine.BlockWritten)
	m.Store(m.BlockIO(o), machine.IOIdle)
	m.Store(m.Tags(o), m.Load(m.Tags(o))&^machine.TagWriteback)
	m.Store(m.Flags(f), m.Load(m.Flags(f))&^(machine.PGWriteback|machine.PGReclaim))
	m.SetNotice(f, 0, machine.NoticeWriteback)
}
