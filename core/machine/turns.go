package machine

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
)

// Where tasks share a CPU (Config.Turns), one of them runs and the others wait for their turn, and which
// mm the CPU has loaded is a question of who ran last:
//
//	cpu0   runs          loaded    is_lazy
//	       P0 (mm A)     A         no
//	       kworker       A         yes        enter_lazy_tlb: it borrows A
//	       P0            A         no         and looks how far A's generation has got
//	       P3 (mm B)     B         no         switch_mm
//
// Elsewhere there are no such words, and a CPU has the mm of its task loaded.

// TakesTurns reports whether tasks take turns on the CPU.
func (m *Machine) TakesTurns(cpu int) bool { return m.Turns && m.shared[cpu] }

// Current is the task that runs on a CPU that tasks share, plus one.
func (m *Machine) Current(cpu int) Word { return m.at(m.current, cpu) }

// LoadedMM is the mm whose tables a CPU that tasks share walks, plus one; 0 is init_mm, which has no user pages.
func (m *Machine) LoadedMM(cpu int) Word { return m.at(m.loadedMM, cpu) }

// Lazy is cpu_tlbstate.is_lazy: 1 while a kernel thread runs on the CPU and borrows the mm that is loaded.
func (m *Machine) Lazy(cpu int) Word { return m.at(m.lazy, cpu) }

// May give way: whether a task that shares its CPU can be switched away from.
const (
	KernelMode uint64 = iota // it is in the kernel, in an instruction, or has made no step since it got the CPU
	UserMode                 // it is between two of its statements
)

// Mode is whether a task that shares its CPU is in user mode.
func (m *Machine) Mode(task int) Word { return m.at(m.mode, task) }

// MMsOn are the mms of a CPU's tasks.
func (m *Machine) MMsOn(cpu int) []int { return m.mmsOn[cpu] }

// findShared notes which CPUs tasks share, and for each the mms of its tasks.
func (m *Machine) findShared() {
	m.shared, m.mmsOn = make([]bool, m.CPUs), make([][]int, m.CPUs)
	tasks := make([]int, m.CPUs)
	for _, t := range m.Config.Tasks {
		tasks[t.CPU]++
		m.shared[t.CPU] = tasks[t.CPU] > 1
		known := t.MM < 0
		for _, mm := range m.mmsOn[t.CPU] {
			known = known || mm == t.MM
		}
		if !known {
			m.mmsOn[t.CPU] = append(m.mmsOn[t.CPU], t.MM)
		}
	}
}

func (m *Machine) layoutTurns(l *cell.Layout) {
	if !m.Turns {
		return
	}
	add := func(field string, decode func(int, uint64) string) cell.ID {
		return l.Add(m.CPUs, cell.Region{Class: Runs, Owner: "cpu", Of: m.OfCPU, Name: func(i int) string { return fmt.Sprintf("cpu%d %s", i, field) }, Decode: decode})
	}
	m.current = add("current", func(_ int, v uint64) string {
		if v == 0 {
			return "its only task"
		}
		return m.Config.Tasks[v-1].Name
	})
	m.loadedMM = add("loaded_mm", func(_ int, v uint64) string {
		if v == 0 {
			return "init_mm"
		}
		return m.MMs[v-1].Name
	})
	m.lazy = add("is_lazy", words("no", "yes"))
	m.mode = l.Add(len(m.Config.Tasks), cell.Region{Class: Runs, Owner: "task", Of: func(i int) cell.Instance { return m.OfCPU(m.Config.Tasks[i].CPU) },
		Name: func(i int) string { return m.Config.Tasks[i].Name + " mode" }, Decode: words("kernel", "user")})
}

// Leave makes a CPU that tasks share load init_mm: it walks nobody's tables any more. What its TLB holds
// stays, under the tag of the mm that it leaves, for when it comes back; without generations there are no tags, and it goes with CR3.
// Compare arch/x86/mm/tlb.c:leave_mm.
func (m *Machine) Leave(cpu int) {
	mm := int(m.Load(m.LoadedMM(cpu))) - 1
	m.Store(m.LoadedMM(cpu), 0)
	m.Store(m.Lazy(cpu), 0)
	m.Store(m.Walker(cpu), 0)
	if mm >= 0 {
		w := m.cpumaskOf(mm)
		m.Store(w, m.Load(w)&^(1<<cpu))
		if !m.Generations {
			m.InvalidateMM(cpu, mm)
		}
	}
}

// CatchUp drops what the CPU knows of an mm if flushes of it have passed the CPU by, and ends a walk in flight; it reports
// whether they have.
func (m *Machine) CatchUp(cpu, mm int) bool {
	if m.Load(m.Behind(cpu, mm)) == 0 {
		return false
	}
	m.Store(m.Walker(cpu), 0)
	m.InvalidateMM(cpu, mm)
	m.Store(m.Behind(cpu, mm), 0)
	return true
}

// falls reports whether a new TLB generation of the mm leaves the CPU behind: it has the mm loaded, or had it
// and may still have in its TLB what it knew then.
func (m *Machine) falls(cpu, mm int, mask uint64) bool {
	return mask>>cpu&1 != 0 || m.TakesTurns(cpu) && slices.Contains(m.mmsOn[cpu], mm)
}

// WillCatchUp reports whether the CPU drops what it knows of the mm before a thread of it runs there: flushes have passed the
// CPU by, and it has another mm loaded, or only borrows this one, or is in the middle of the switch.
func (m *Machine) WillCatchUp(cpu, mm int) bool {
	return m.TakesTurns(cpu) && m.Load(m.Behind(cpu, mm)) > 0 &&
		(m.Load(m.LoadedMM(cpu)) != uint64(mm+1) || m.Load(m.Lazy(cpu)) != 0 || m.Load(m.IRQOff(cpu)) != 0)
}

// CatchUpWords are the words that WillCatchUp reads.
func (m *Machine) CatchUpWords(cpu, mm int) []Word {
	if !m.TakesTurns(cpu) {
		return nil
	}
	return []Word{m.Behind(cpu, mm), m.LoadedMM(cpu), m.Lazy(cpu), m.IRQOff(cpu)}
}
