package machine

import (
	"fmt"
	"math/bits"

	"gupscope/core/cell"
)

// Instances are what cells belong to and values name (see cell.Region), numbered:
// frames, address spaces, swap slots, CPUs, tasks.

func (m *Machine) firstMM() int   { return 1 + m.nframe }
func (m *Machine) firstSlot() int { return m.firstMM() + len(m.MMs) }
func (m *Machine) firstCPU() int  { return m.firstSlot() + m.Slots }
func (m *Machine) firstTask() int { return m.firstCPU() + m.CPUs }

// Instances is how many there are, the whole included.
func (m *Machine) Instances() int { return m.firstTask() + len(m.Config.Tasks) }

// OfFrame is the instance of a frame.
func (m *Machine) OfFrame(f Frame) cell.Instance { return cell.Instance(1 + int(f)) }

// OfMM is the instance of an address space.
func (m *Machine) OfMM(mm int) cell.Instance { return cell.Instance(m.firstMM() + mm) }

// OfSlot is the instance of a swap slot.
func (m *Machine) OfSlot(slot int) cell.Instance { return cell.Instance(m.firstSlot() + slot) }

// OfCPU is the instance of a CPU.
func (m *Machine) OfCPU(cpu int) cell.Instance { return cell.Instance(m.firstCPU() + cpu) }

// OfTask is the instance of a task.
func (m *Machine) OfTask(task int) cell.Instance { return cell.Instance(m.firstTask() + task) }

// ofMMOf is the instance of the task's ghosts: of its address space, or of the task itself if it has none. Where it gets pages
// of other mms, too, whoever changes these may write its ghosts: they are nobody's then.
func (m *Machine) ofMMOf(task int) cell.Instance {
	if m.Config.Tasks[task].Remote != 0 {
		return cell.Whole
	}
	if mm := m.Config.Tasks[task].MM; mm >= 0 {
		return m.OfMM(mm)
	}
	return m.OfTask(task)
}

// Moves reports whether an instance goes from hand to hand, as frames
// and swap slots do; the others are where they are for good.
func (m *Machine) Moves(i cell.Instance) bool {
	return int(i) >= 1 && int(i) < m.firstMM() || int(i) >= m.firstSlot() && int(i) < m.firstCPU()
}

// InstanceName is what people call an instance.
func (m *Machine) InstanceName(i cell.Instance) string {
	switch n := int(i); {
	case i == cell.Whole:
		return "all"
	case n < m.firstMM():
		return m.FrameName(Frame(n - 1))
	case n < m.firstSlot():
		return m.MMs[n-m.firstMM()].Name
	case n < m.firstCPU():
		return fmt.Sprintf("slot %d", n-m.firstSlot())
	case n < m.firstTask():
		return fmt.Sprintf("cpu%d", n-m.firstCPU())
	default:
		return m.Config.Tasks[n-m.firstTask()].Name
	}
}

// Links calls f with the instances that have each other for good: an address space and the CPUs
// of its threads; one and those forked from it, which share folios.
func (m *Machine) Links(f func(a, b cell.Instance)) {
	for _, t := range m.Config.Tasks {
		if t.MM >= 0 {
			f(m.OfCPU(t.CPU), m.OfMM(t.MM))
		}
	}
	for mm, config := range m.MMs {
		if config.Parent >= 0 {
			f(m.OfMM(config.Parent), m.OfMM(mm))
		}
	}
	if (len(m.Files) > 0 || m.KSM) && len(m.MMs) > 0 { // who truncates a file comes by all that map it; ksmd by all mms
		for mm := range m.MMs {
			f(m.OfMM(0), m.OfMM(mm))
		}
		for t := range m.Config.Tasks {
			f(m.OfMM(0), m.OfTask(t))
		}
	}
}

// What values name.

func (m *Machine) entryNames(_ int, v uint64, f func(cell.Instance)) {
	switch e := Entry(v); {
	case m.NoFrame(e), e.Has(PSE) && e.Frame() == 0: // a number that looks like an entry
	case e.Has(PSE) && m.splits(e.Frame()): // who has a huge entry has every page
		m.blockNames(e.Frame(), f)
	case e.Present():
		f(m.OfFrame(e.Frame()))
	case e.IsMigration():
		_, frame, _, _ := e.Migration()
		m.migrationNames(frame, f)
	case e.IsSwap() && e.Slot() < m.Slots:
		f(m.OfSlot(e.Slot()))
	}
}

// migrationNames calls f with the frames that a migration entry stands for: of a large folio, perhaps all.
func (m *Machine) migrationNames(frame Frame, f func(cell.Instance)) {
	switch {
	case int(frame) >= m.upperBase:
	case m.LargeFolios:
		m.blockNames(frame, f)
	default:
		f(m.OfFrame(frame))
	}
}

// blockNames calls f with the frames of the block that a frame lies in.
func (m *Machine) blockNames(frame Frame, f func(cell.Instance)) {
	head := frame / Frame(m.HugePages) * Frame(m.HugePages)
	for i := range m.HugePages {
		f(m.OfFrame(head + Frame(i)))
	}
}

func (m *Machine) walkerNames(i int, v uint64, f func(cell.Instance)) {
	m.entryNames(i, v&(1<<walkerPage-1), f)
}

func (m *Machine) varNames(i int, v uint64, f func(cell.Instance)) {
	if v&varTag == 0 {
		m.entryNames(i, v, f)
	}
}

func (m *Machine) ubcNames(_ int, v uint64, f func(cell.Instance)) {
	for v = UBCMask(v); v != 0; v &= v - 1 {
		f(m.OfCPU(bits.TrailingZeros64(v)))
	}
}

func (m *Machine) mappingNames(_ int, v uint64, f func(cell.Instance)) {
	if MappingFile(v) >= 0 || IsKSM(v) {
		for mm := range m.MMs {
			f(m.OfMM(mm))
		}
	}
	if mm := MappingMM(v); mm >= 0 {
		for _, a := range m.family[mm] {
			f(m.OfMM(a))
		}
	}
}

func (m *Machine) swapNames(_ int, v uint64, f func(cell.Instance)) {
	if v != 0 {
		f(m.OfSlot(int(v - 1)))
	}
}

// Pools calls f with every instance that is taken and given back, the classes of the steps
// that take and of those that give, and the word that is 0 while it is free.
func (m *Machine) Pools(f func(take, give cell.Class, i cell.Instance, free Word)) {
	for i := 1; i <= m.Frames; i++ {
		f(Frames, Frames, m.OfFrame(Frame(i)), m.State(Frame(i)))
	}
	for i := range m.Hugetlb {
		h := m.HugetlbFrame(i)
		f(Frames, Frames, m.OfFrame(h), m.State(h))
	}
	for i := range m.TableCount() {
		if t := m.TableFrame(i); !m.IsData(t) {
			f(Tables, Tables, m.OfFrame(t), m.State(t))
		}
	}
	for i := range m.Hugetlb {
		f(Frames, Frames, m.OfFrame(m.HugetlbFrame(i)), m.State(m.HugetlbFrame(i)))
	}
	for s := range m.Slots {
		f(Slots, Swap, m.OfSlot(s), m.SwapMap(s))
	}
}
