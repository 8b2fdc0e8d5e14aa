package kernel

import (
	"math/bits"

	"gupscope/core/check"
	"gupscope/core/machine"
)

// A reach is what the members of a group can come by without anybody else: sets
// of frames and of slots.
type reach struct{ frames, slots set }

// A set of numbers, as bits.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

// look finds out what every group reaches in the present state: what is named
// in its tasks and CPUs, mapped in its page tables, or belongs to its mms.
func (o *Objects) look() {
	m := o.s.M
	if o.known && o.at == m.Mem.Hash() {
		return
	}
	o.known, o.at = true, m.Mem.Hash()
	for _, r := range o.reaches {
		clear(r.frames)
		clear(r.slots)
	}
	clear(o.free)
	for t := range o.s.Setup.Tasks {
		r := &o.reaches[o.groupOfTask(t)]
		for i := range machine.SeenRoom() {
			o.name(r, m.Peek(m.GUPSeen(t, i)))
		}
		m.EachCapture(t, func(w machine.Word) { o.name(r, m.Peek(w)) })
	}
	for c := range m.CPUs {
		g := o.groupOfCPU(c)
		if g < 0 {
			continue
		}
		r := &o.reaches[g]
		o.name(r, m.Peek(m.Walker(c)))
		for i := range int(m.Peek(m.LRUCount(c))) {
			o.name(r, m.Peek(m.LRUBatch(c, i)))
		}
		for p := range m.Pages() {
			o.name(r, m.Peek(m.TLB(c, machine.PageID(p))))
		}
	}
	o.lookAtTables()
	o.lookAtFrames()
}

// name adds what a value names, if it is an entry.
func (o *Objects) name(r *reach, v uint64) {
	e := machine.Entry(v)
	switch {
	case e.Present() && int(e.Frame()) < o.s.M.FrameCount():
		r.frames.add(int(e.Frame()))
	case e.IsSwap() && e.Slot() < o.s.M.Slots:
		r.slots.add(e.Slot())
	}
}

func (o *Objects) lookAtTables() {
	m := o.s.M
	for mm := range m.MMs {
		r := &o.reaches[o.group[mm]]
		for level := machine.LevelPMD; level <= machine.LevelPGD; level++ {
			r.frames.add(int(m.Upper(mm, level)))
			for e := range m.UpperWidth() {
				o.name(r, m.Peek(m.Entry(m.Upper(mm, level), e)))
			}
		}
	}
	for i := range m.TableCount() {
		f := m.TableFrame(i)
		p, ok := m.Owner(f)
		if !ok {
			continue
		}
		r := &o.reaches[o.group[m.Pages()[p].MM]]
		r.frames.add(int(f))
		for e := range m.Width() {
			o.name(r, m.Peek(m.Entry(f, e)))
		}
	}
}

// lookAtFrames adds the folios of a group's mms, and what the swap cache holds for a slot.
func (o *Objects) lookAtFrames() {
	m := o.s.M
	for i := range m.FrameCount() {
		f := machine.Frame(i)
		if m.Peek(m.State(f)) == machine.FrameFree && f != machine.ZeroPage && !o.upper(f) {
			o.free.add(i)
		}
		if mm := machine.MappingMM(m.Peek(m.Mapping(f))); mm >= 0 {
			o.reaches[o.group[mm]].frames.add(i)
		}
	}
	for again := true; again; {
		again = false
		for g := range o.reaches {
			r := &o.reaches[g]
			for i := range m.FrameCount() {
				if s := m.Peek(m.FolioSwap(machine.Frame(i))); s != 0 && r.frames.has(i) && !r.slots.has(int(s-1)) {
					r.slots.add(int(s - 1))
					again = true
				}
			}
			for s := range m.Slots {
				if h := machine.Hold(m.Peek(m.SwapCache(s))); h.Some() && r.slots.has(s) && !r.frames.has(int(h.Frame())) {
					r.frames.add(int(h.Frame()))
					again = true
				}
			}
		}
	}
}

func (o *Objects) upper(f machine.Frame) bool { return !o.s.M.IsData(f) && !o.s.M.IsPTETable(f) }

// each calls f with every member of a set.
func each(s set, f func(i int)) {
	for w, v := range s {
		for ; v != 0; v &= v - 1 {
			f(64*w + bits.TrailingZeros64(v))
		}
	}
}

// Rest adds what an actor may still access, as far as steps go: see
// check.Reducible. What a step of one actor sets another without a program to (an IPI, a write to
// swap, a grace period) is in the rest of the first, until the other has it to do.
func (o *Objects) Rest(actor int, a *check.Access) {
	o.look()
	m := o.s.M
	switch act := &o.s.actors[actor]; act.Kind {
	case TaskActor:
		o.restOfTask(act.Task, act.CPU, a)
	case InterruptActor:
		switch g := o.groupOfCPU(act.CPU); {
		case m.Peek(m.IPI(act.CPU)) == 0:
		case g < 0:
			o.everything(a)
		default:
			o.flush(g, a)
			o.touchCPU(act.CPU, a)
		}
	case WalkerActor:
		if c := act.CPU; c < len(o.s.Setup.Speculate) && o.s.Setup.Speculate[c] && m.Loaded(c) >= 0 {
			o.whole(o.groupOfCPU(c), a)
			o.touchCPU(c, a)
		}
	case HypervisorActor:
		if m.Peek(m.Preempts(act.CPU)) > 0 || m.Peek(m.Steal(act.CPU)) != 0 {
			o.touchCPU(act.CPU, a)
		}
	case RCUActor:
		for i := range m.TableCount() {
			if m.Peek(m.RCU(m.TableFrame(i))) != 0 {
				o.everything(a)
			}
		}
		for file := range m.Files {
			if m.Peek(m.InodeRCU(file)) != 0 {
				o.everything(a)
			}
		}
	case DiskActor:
		for s := range m.Slots {
			if m.Peek(m.IO(s)) != machine.IOIdle {
				o.everything(a)
			}
		}
	case FileDiskActor:
		for i := range m.FilePages() {
			if m.Peek(m.BlockIO(machine.Pgoff(i))) != machine.IOIdle {
				o.everything(a)
			}
		}
	}
}

// touchCPU adds what is done to a CPU from without.
func (o *Objects) touchCPU(cpu int, a *check.Access) {
	for k := range perCPU {
		a.Writes.Add(o.cpu(cpu, k))
	}
}

// everything adds all there is.
func (o *Objects) everything(a *check.Access) {
	for i := range a.Writes {
		a.Writes[i] = ^uint64(0)
	}
}

// flush adds what a flush of a group's mms does on its CPUs.
func (o *Objects) flush(group int, a *check.Access) {
	for c := range o.s.M.CPUs {
		if g := o.groupOfCPU(c); g == group || g < 0 {
			for _, k := range []int{cpuIPI, cpuTLB} {
				a.Writes.Add(o.cpu(c, k))
			}
			a.Reads.Add(o.cpu(c, cpuIRQ))
			a.Reads.Add(o.cpu(c, cpuSteal))
		}
	}
	for mm := range o.s.M.MMs {
		if o.group[mm] == group {
			a.Writes.Add(o.mm(mm, mmGenerations))
		}
	}
	each(o.reaches[group].frames, func(f int) { a.Writes.Add(o.frame(machine.Frame(f), frameCaptures)) })
}

// whole adds all that a group reaches.
func (o *Objects) whole(group int, a *check.Access) {
	m := o.s.M
	each(o.reaches[group].frames, func(f int) {
		for k := range perFrame {
			a.Writes.Add(o.frame(machine.Frame(f), k))
		}
	})
	for mm := range m.MMs {
		for k := range perMM {
			if o.group[mm] == group {
				a.Writes.Add(o.mm(mm, k))
			}
		}
	}
	for t := range o.s.Setup.Tasks {
		if o.groupOfTask(t) == group {
			a.Writes.Add(o.task(t, taskStack))
			a.Writes.Add(o.task(t, taskVars))
		}
	}
	for c := range m.CPUs {
		if o.groupOfCPU(c) == group {
			a.Writes.Add(o.cpu(c, cpuTLB))
		}
	}
}
