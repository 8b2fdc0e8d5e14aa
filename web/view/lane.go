package view

import (
	"cmp"
	"fmt"
	"slices"

	"gupscope/core/kernel"
	"gupscope/core/trace"
)

// columns says in which lane everybody stands. A CPU has one for its task, its
// interrupts, its walker and its host; RCU and the swap device have their own
// where the scenario needs them at all. It is the same over a whole run.
type columns struct {
	lanes []Lane
	actor []int // per actor: its lane, or -1
	cpu   []int // per CPU: its lane, or -1
	mm    []Who // per mm: the CPU that alone runs in it, or a colour of its own
}

// The hues behind those of the CPUs.
const (
	whoRCU Who = 9 + iota
	whoDisk
	whoMM
)

func columnsOf(r *trace.Run) *columns {
	m := r.Model
	c := &columns{actor: make([]int, len(m.Actors())), cpu: make([]int, m.Setup.CPUs)}
	for i := range c.cpu {
		c.cpu[i] = -1
	}
	tasks := r.Lanes()
	slices.SortStableFunc(tasks, func(a, b kernel.Actor) int { return cmp.Compare(a.CPU, b.CPU) })
	for _, a := range tasks {
		what := a.Name + " kernel"
		if mm := m.Setup.Tasks[a.Task].MM; mm >= 0 {
			what = a.Name + " in " + m.Setup.MMs[mm].Name
		}
		if l := c.cpu[a.CPU]; l >= 0 {
			c.lanes[l].What += ", " + what
			continue
		}
		c.cpu[a.CPU] = len(c.lanes)
		c.lanes = append(c.lanes, Lane{Name: fmt.Sprintf("cpu%d", a.CPU), What: what, Who: Who(a.CPU + 1), Steps: true})
	}
	for i, a := range m.Actors() {
		c.actor[i] = -1
		switch {
		case a.CPU >= 0:
			c.actor[i] = c.cpu[a.CPU]
		case a.Kind == kernel.RCUActor && waitsForRCU(m.Sim):
			c.actor[i] = len(c.lanes)
			c.lanes = append(c.lanes, Lane{Name: "RCU", What: "grace periods", Who: whoRCU})
		case a.Kind == kernel.FileDiskActor && writesBack(m.Sim):
			c.actor[i] = len(c.lanes)
			c.lanes = append(c.lanes, Lane{Name: "disk", What: "of files", Who: whoDisk})
		case a.Kind == kernel.DiskActor && m.Setup.SwapAsync:
			c.actor[i] = len(c.lanes)
			c.lanes = append(c.lanes, Lane{Name: "swap", What: "device", Who: whoDisk})
		}
	}
	c.mm = make([]Who, len(m.Setup.MMs))
	for i := range c.mm {
		c.mm[i] = whoMM
		for _, a := range tasks {
			if m.Setup.Tasks[a.Task].MM != i {
				continue
			}
			if c.mm[i] != whoMM {
				c.mm[i] = whoMM
				break
			}
			c.mm[i] = Who(a.CPU + 1)
		}
	}
	return c
}

// waitsForRCU reports whether tables, or inodes, may come to be freed by RCU.
func waitsForRCU(s *kernel.Sim) bool {
	return s.Kernel.Value(kernel.PTFree) == kernel.PTFreeRCU && calls(s, "munmap") || calls(s, "iput")
}

// writesBack reports whether a disk may get something to write to a file's blocks.
func writesBack(s *kernel.Sim) bool {
	for _, f := range s.M.Files {
		if f.Kind.OnDisk() {
			return true
		}
	}
	return false
}

// calls reports whether a task calls that.
func calls(s *kernel.Sim, name string) bool {
	for _, t := range s.Setup.Tasks {
		for _, st := range t.Body {
			if st.Call.Name == name {
				return true
			}
		}
	}
	return false
}

// task returns the colour of a task.
func (c *columns) task(s *kernel.Sim, task int) Who { return Who(s.Setup.Tasks[task].CPU + 1) }
