package kernel

import (
	"fmt"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/machine"
)

// Objects are what the steps of a Sim may depend on, for reduced searches: rows
// of cells, by frame, mm, CPU, slot or task. Where a machine has more than
// there is room for, several share one, which costs reduction and nothing else.
type Objects struct {
	s      *Sim
	byCell []int16 // the object of a cell; -1: none

	mms, cpus, slots, tasks int // first objects
	rcu, capturedSlots, end int

	group   []int   // by mm, then by task: who may come by each other's frames
	reaches []reach // by group, in the state of hash at
	free    set     // frames
	at      uint64
	known   bool
}

// What there is of a frame, of an mm, a CPU, a slot, a task.
const (
	frameCounts = iota // _refcount, _mapcount, ledger
	frameFlags
	frameMapping
	frameContents
	frameState
	frameLock
	frameEntries  // if it is a page table
	framePTL      // likewise
	frameCaptures // who names it in a private place
	perFrame
)

const (
	mmPMDs = iota
	mmPMDLock
	mmLocks
	mmVMAs
	mmWords
	mmGenerations
	mmGhosts
	perMM
)

const (
	cpuIRQ = iota
	cpuIPI
	cpuSteal
	cpuTLB
	cpuLRU
	perCPU
)

const (
	slotMap = iota
	slotCache
	slotDisk
	perSlot
)

const (
	taskStack = iota
	taskVars
	perTask
)

// object folds a number into the room that there is.
func object(first, i, per, kind int) int { return (first + i*per + kind) % check.MaxObjects }

func (o *Objects) frame(f machine.Frame, kind int) int { return object(0, int(f), perFrame, kind) }
func (o *Objects) mm(mm, kind int) int                 { return object(o.mms, mm, perMM, kind) }
func (o *Objects) cpu(cpu, kind int) int               { return object(o.cpus, cpu, perCPU, kind) }
func (o *Objects) slot(slot, kind int) int             { return object(o.slots, slot, perSlot, kind) }
func (o *Objects) task(task, kind int) int             { return object(o.tasks, task, perTask, kind) }

// NewObjects lays the objects of a Sim out.
func NewObjects(s *Sim) *Objects {
	m := s.M
	o := &Objects{s: s}
	o.mms = perFrame * m.FrameCount()
	o.cpus = o.mms + perMM*len(m.MMs)
	o.slots = o.cpus + perCPU*m.CPUs
	o.tasks = o.slots + perSlot*m.Slots
	n := o.tasks + perTask*len(m.Config.Tasks)
	o.rcu, o.capturedSlots, o.end = n%check.MaxObjects, (n+1)%check.MaxObjects, (n+2)%check.MaxObjects
	o.byCell = make([]int16, m.Mem.Layout().Len())
	o.ofShared()
	o.ofPrivate()
	o.groups()
	o.reaches = make([]reach, len(o.group))
	for i := range o.reaches {
		o.reaches[i] = reach{newSet(m.FrameCount()), newSet(m.Slots)}
	}
	o.free = newSet(m.FrameCount())
	return o
}

func (o *Objects) set(object int, words ...machine.Word) {
	for _, w := range words {
		o.byCell[w.Cell()] = int16(object)
	}
}

// ofShared gives the cells of frames, tables, mms and slots their objects.
func (o *Objects) ofShared() {
	m := o.s.M
	for i := range m.FrameCount() {
		f := machine.Frame(i)
		o.set(o.frame(f, frameCounts), m.Ref(f), m.Mapcount(f), m.Ledger(f), m.PTEs(f))
		o.set(o.frame(f, frameFlags), m.Flags(f))
		o.set(o.frame(f, frameMapping), m.Mapping(f), m.Index(f), m.FolioSwap(f))
		o.set(o.frame(f, frameContents), m.Contents(f))
		o.set(o.frame(f, frameState), m.State(f))
		o.set(o.frame(f, frameLock), m.FolioLock(f))
	}
	for i := range m.TableCount() {
		f := m.TableFrame(i)
		o.set(o.frame(f, frameState), m.TableOf(f))
		o.set(o.frame(f, framePTL), m.PTL(f))
		o.set(o.rcu, m.RCU(f))
		for e := range m.Width() {
			o.set(o.frame(f, frameEntries), m.Entry(f, e))
		}
	}
	for mm := range m.MMs {
		for level := machine.LevelPMD; level <= machine.LevelPGD; level++ {
			for e := range m.UpperWidth() {
				o.set(o.mm(mm, mmPMDs), m.Entry(m.Upper(mm, level), e))
			}
		}
		o.set(o.mm(mm, mmPMDLock), m.PMDLock(mm))
		o.set(o.mm(mm, mmLocks), m.MmapLock(mm))
		o.set(o.mm(mm, mmWords), m.WriteProtectSeq(mm), m.MMFlags(mm), m.FlushPending(mm), m.Batched(mm))
		o.set(o.mm(mm, mmWords), m.MMState(mm), m.MMUsers(mm))
		for r := range m.MMs[mm].Regions {
			o.set(o.mm(mm, mmLocks), m.VMALock(mm, r))
			o.set(o.mm(mm, mmVMAs), m.AnonVMA(mm, r))
		}
	}
	// Who reads a word of these bitmaps reads what it sums up: see Next.
	for i := range m.FrameCount() {
		o.set(-1, m.Taken(i/64), m.TLBNames(machine.Frame(i)), m.StaleTLBs())
	}
	for s := range m.Slots {
		o.set(-1, m.SlotTaken(s/64))
		o.set(o.slot(s, slotMap), m.SwapMap(s))
		o.set(o.slot(s, slotCache), m.SwapCache(s))
		o.set(o.slot(s, slotDisk), m.Disk(s), m.IO(s))
	}
}

// ofPrivate gives the cells of CPUs and tasks, and the ghosts, their objects.
// Whether a task has finished is read by claims about ends alone, which are judged
// on states that do not depend on the order of what led there; alarms are raised where a run ends.
func (o *Objects) ofPrivate() {
	m := o.s.M
	for c := range m.CPUs {
		o.set(o.cpu(c, cpuIRQ), m.IRQOff(c))
		o.set(o.cpu(c, cpuIPI), m.IPI(c), m.Request(c))
		o.set(o.cpu(c, cpuSteal), m.Steal(c), m.Preempts(c))
		o.set(o.cpu(c, cpuTLB), m.Walker(c))
		o.set(o.cpu(c, cpuLRU), m.LRUCount(c))
		for i := range machine.BatchRoom {
			o.set(o.cpu(c, cpuLRU), m.LRUBatch(c, i))
		}
		for p := range m.Pages() {
			o.set(o.cpu(c, cpuTLB), m.TLB(c, machine.PageID(p)))
		}
		for mm := range m.MMs {
			o.set(o.mm(mm, mmGenerations), m.Behind(c, mm))
		}
	}
	for t, task := range m.Config.Tasks {
		o.set(o.task(t, taskStack), m.StackWords(t)...)
		ghosts := o.task(t, taskVars)
		if task.MM >= 0 {
			ghosts = o.mm(task.MM, mmGhosts)
		}
		o.set(ghosts, m.GUPAt(t))
		for i := range machine.SeenRoom() {
			o.set(ghosts, m.GUPSeen(t, i))
		}
		for i := range task.Vars {
			o.set(o.task(t, taskVars), m.Var(t, i))
			o.set(ghosts, m.VarAt(t, i))
		}
		o.set(-1, m.Done(t))
	}
	for p, page := range m.Pages() {
		o.set(o.mm(page.MM, mmGhosts), m.Should(machine.PageID(p)))
		o.set(o.mm(page.MM, mmVMAs), m.VMA(machine.PageID(p)))
	}
	for a := range machine.Alarms {
		o.set(-1, m.Alarm(a))
	}
}

// groups joins every task with the mms that it runs in or that its arguments
// name. Members of other groups never come by a frame but through the allocator.
func (o *Objects) groups() {
	mms := len(o.s.M.MMs)
	o.group = make([]int, mms+len(o.s.Setup.Tasks))
	for i := range o.group {
		o.group[i] = i
	}
	join := func(a, b int) {
		old := o.group[b]
		for i, g := range o.group {
			if g == old {
				o.group[i] = o.group[a]
			}
		}
	}
	for mm, config := range o.s.M.MMs {
		if config.Parent >= 0 { // they share folios
			join(config.Parent, mm)
		}
	}
	for t, task := range o.s.Setup.Tasks {
		if task.MM >= 0 {
			join(mms+t, task.MM)
		}
		for _, st := range task.Body {
			for i, p := range st.Call.Params {
				if i < len(st.Args) && (p.Kind == PageParam || p.Kind == VMAParam) {
					join(mms+t, st.Args[i].MM)
				}
			}
		}
	}
}

func (o *Objects) groupOfTask(task int) int { return o.group[len(o.s.M.MMs)+task] }

// groupOfCPU is that of the task that runs there; -1: nobody does.
func (o *Objects) groupOfCPU(cpu int) int {
	for t, task := range o.s.Setup.Tasks {
		if task.CPU == cpu {
			return o.groupOfTask(t)
		}
	}
	return -1
}

// Of adds the objects of some cells.
func (o *Objects) Of(ids []cell.ID, to *check.Objects) {
	for _, id := range ids {
		if n := o.byCell[id]; n >= 0 {
			to.Add(int(n))
		}
	}
}

// Name returns what an object is called: its cells.
func (o *Objects) Name(object int) string {
	name := ""
	for id, n := range o.byCell {
		if int(n) == object && len(name) < 60 {
			name += " " + o.s.M.Mem.Layout().Name(cell.ID(id))
		}
	}
	return fmt.Sprintf("object %d:%s", object, name)
}

// IsEnd reports whether an object stands for the end of all programs.
func (o *Objects) IsEnd(object int) bool { return object == o.end }
