// Package gupbench is the yardstick for the speed of the checker: a model of
// lockless page-table walkers against reclaimers and allocators, with the same
// states and transitions as testdata/gup.pml has under Spin.
//
// It is a yardstick and no model of Linux: its reference counts, its page table of
// one level and its shootdown are just close enough to give the state space the shape that
// the real machine has. What Linux does is in core/kernel.
//
// The program of every task is in gup.pml; each of its d_steps is one step here,
// under the same label. Spin counts the move into the initial state as a
// transition, we do not, hence a count of transitions that is lower by one.
// An assertion of gup.pml is a claim here: the step that fails it sets a bit
// in a cell that is zero otherwise.
//
// The figures are obtained with the program in figures.
package gupbench

import (
	"fmt"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// Flags are those of gup.pml.
type Flags struct {
	NG, NR, NA int // walkers, reclaimers, allocators
	NF         int // page frames
	NP         int // pages shared by walkers and reclaimers, 1 or 2

	Recheck bool // the walker looks at the entry a second time, after its get
	IPI     bool // the shootdown waits for walkers with interrupts off
	INCNZ   bool // the get fails at zero
	PTF     bool // one more task frees the page table
	Loop    bool // tasks run for ever
}

// The three instances that are measured.
var (
	M1 = Flags{NG: 4, NR: 2, NA: 1, NF: 3, NP: 1, Recheck: true, IPI: true, INCNZ: true}
	L  = Flags{NG: 4, NR: 3, NA: 1, NF: 3, NP: 1, Recheck: true, IPI: true, INCNZ: true}
	M2 = Flags{NG: 2, NR: 2, NA: 1, NF: 3, NP: 1, Recheck: true, IPI: true, INCNZ: true, Loop: true}
)

// An Instance is what is measured, with states and transitions as Spin counts them.
type Instance struct {
	Name string
	Flags
	States, Transitions uint64
}

// Instances are the three.
var Instances = []Instance{
	{"M1", M1, 2_813_772, 14_861_655},
	{"L", L, 8_145_364, 46_989_201},
	{"M2", M2, 3_748_980, 15_462_007},
}

// The claims: assertions of gup.pml.
const (
	tableLive   = iota // a walker never reads a freed page table
	freedIsIdle        // a frame that is freed is mapped nowhere
	pinIsOwn           // a pinned frame is in use, for the page that was walked to
)

// A Model is one instance. It is a [check.Model].
type Model struct {
	Flags
	mem   *cell.Memory
	tasks int

	depends []dependence // by task, for reduced searches

	// First cells; an index is added.
	pte, ref, mapped, alloc, owner, data cell.ID
	irqoff, pmd, ptfreed, failed         cell.ID
	pc                                   cell.ID // by task
	lpte, c                              cell.ID // locals by task: of an allocator they are lf and lv
}

// New returns the model in its initial state.
func New(f Flags) *Model {
	m := &Model{Flags: f, tasks: f.NG + f.NR + f.NA}
	if f.PTF {
		m.tasks++
	}
	var l cell.Layout
	cells := func(n int, class cell.Class, name string) cell.ID {
		return l.Add(n, cell.Region{Class: class, Owner: "gup", Name: func(i int) string {
			return fmt.Sprintf("%s[%d]", name, i)
		}})
	}
	m.pte = cells(f.NP+f.NA, 0, "pte")
	m.ref = cells(f.NF, 1, "ref")
	m.mapped = cells(f.NF, 2, "map")
	m.alloc = cells(f.NF, 3, "alloc")
	m.owner = cells(f.NF, 3, "owner")
	m.data = cells(f.NF, 4, "data")
	m.irqoff = cells(f.NG, 5, "irqoff")
	m.pmd = cells(1, 6, "pmd")
	m.ptfreed = cells(1, 6, "ptfreed")
	m.failed = cells(1, 7, "failed")
	m.pc = cells(m.tasks, 8, "pc")
	m.lpte = cells(m.tasks, 8, "lpte")
	m.c = cells(m.tasks, 8, "c")
	m.mem = cell.New(&l)
	m.depends = make([]dependence, m.tasks)
	for i := range m.depends {
		m.depends[i] = dependence{next: check.MakeAccess(objects), rest: check.MakeAccess(objects)}
	}

	for p := range f.NP {
		m.set(m.pte, p, 3|p<<2)
		m.set(m.ref, p, 1)
		m.set(m.mapped, p, 1)
		m.set(m.alloc, p, 1)
		m.set(m.owner, p, p+1)
	}
	m.set(m.pmd, 0, 1)
	for task := range m.tasks {
		m.set(m.pc, task, m.start(task))
	}
	m.mem.Forget()
	return m
}

func (m *Model) get(first cell.ID, i int) int { return int(m.mem.Load(first + cell.ID(i))) }

// set stores a byte, which all variables of gup.pml are: a reference count that
// is dropped below zero becomes 255 there, too.
func (m *Model) set(first cell.ID, i int, v int) { m.mem.Store(first+cell.ID(i), uint64(uint8(v))) }

func (m *Model) start(task int) int {
	switch {
	case task < m.NG:
		return G0
	case task < m.NG+m.NR:
		return R0
	case task < m.NG+m.NR+m.NA:
		return A0
	}
	return T0
}

// Memory is the state.
func (m *Model) Memory() *cell.Memory { return m.mem }

// Claims are the assertions of gup.pml.
func (m *Model) Claims() []string {
	return []string{"page-table-is-live", "freed-frame-is-unmapped", "pin-holds-its-own-page"}
}

// Broken reads the assertions that failed.
func (m *Model) Broken(_ cell.Mark, dst []int) []int {
	for claim, failed := 0, m.get(m.failed, 0); failed != 0; claim, failed = claim+1, failed>>1 {
		if failed&1 != 0 {
			dst = append(dst, claim)
		}
	}
	return dst
}

func (m *Model) assert(claim int, holds bool) {
	if !holds {
		m.set(m.failed, 0, m.get(m.failed, 0)|1<<claim)
	}
}

// Done reports whether every task is at its end. Walkers that loop may wait at their start.
func (m *Model) Done() bool {
	for task := range m.tasks {
		switch m.get(m.pc, task) {
		case GE, RE, AE, TE:
		case G0:
			if !m.Loop {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Choices are the tasks that can move. At A0 the key says which frame is taken
// (upper byte) for which page (lower byte).
func (m *Model) Choices(dst []check.Choice) []check.Choice {
	for task := range m.tasks {
		switch m.get(m.pc, task) {
		case GE, RE, AE, TE:
			continue
		case R0:
			if m.Loop && m.get(m.pte, m.page(task))&1 == 0 {
				continue
			}
		case R1, T1:
			if m.IPI && m.get(m.irqoff, m.get(m.c, task)) != 0 {
				continue
			}
		case A0:
			dst = m.frames(dst, task)
			continue
		}
		dst = append(dst, check.Choice{Actor: uint16(task)})
	}
	return dst
}

// frames appends the choices of an allocator: any free frame, and any of its
// pages that is not mapped.
func (m *Model) frames(dst []check.Choice, task int) []check.Choice {
	own := m.NP + task - m.NG - m.NR
	for f := range m.NF {
		if m.get(m.alloc, f) != 0 {
			continue
		}
		if m.Loop {
			for v := range m.NP {
				if m.get(m.pte, v) == 0 {
					dst = append(dst, check.Choice{Actor: uint16(task), Key: uint16(f<<8 | v)})
				}
			}
		}
		if m.get(m.pte, own) == 0 {
			dst = append(dst, check.Choice{Actor: uint16(task), Key: uint16(f<<8 | own)})
		}
	}
	return dst
}

// page is the page that a walker or reclaimer works on.
func (m *Model) page(task int) int {
	if task >= m.NG {
		task -= m.NG
	}
	return task % m.NP
}

// after is where a task goes when it is through.
func (m *Model) after(task, end int) int {
	if m.Loop {
		return m.start(task)
	}
	return end
}

// Do makes one step.
func (m *Model) Do(c check.Choice) {
	task := int(c.Actor)
	pc := m.get(m.pc, task)
	switch {
	case pc < R0:
		pc = m.walk(task, pc)
	case pc < A0:
		pc = m.reclaim(task, pc)
	case pc < T0:
		pc = m.realloc(task, pc, int(c.Key))
	default:
		pc = m.freeTable(task, pc)
	}
	m.set(m.pc, task, pc)
}

// walk is proctype gup.
func (m *Model) walk(task, pc int) int {
	v := m.page(task)
	lpte := m.get(m.lpte, task)
	f := lpte >> 2
	switch pc {
	case G0:
		m.set(m.irqoff, task, 1)
		if m.PTF {
			return G1
		}
		return G2
	case G1:
		if m.get(m.pmd, 0) == 0 {
			return G8
		}
		return G2
	case G2:
		m.assert(tableLive, m.get(m.ptfreed, 0) == 0)
		pte := m.get(m.pte, v)
		if pte&1 == 0 {
			return G8
		}
		m.set(m.lpte, task, pte)
		return G2b
	case G2b:
		if lpte&2 == 0 {
			m.set(m.lpte, task, 0)
			return G8
		}
		return G3
	case G3:
		ref := m.get(m.ref, f)
		if m.INCNZ && ref == 0 {
			m.set(m.lpte, task, 0)
			return G8
		}
		m.set(m.ref, f, ref+1)
		switch {
		case !m.Recheck:
			return G7
		case m.PTF:
			return G4
		}
		return G4b
	case G4:
		if m.get(m.pmd, 0) == 0 {
			return G5
		}
		return G4b
	case G4b:
		m.assert(tableLive, m.get(m.ptfreed, 0) == 0)
		if m.get(m.pte, v) != lpte {
			return G5
		}
		return G7
	case G5:
		return m.put(task, f, G6, G8)
	case G6:
		m.free(f)
		m.set(m.lpte, task, 0)
		return G8
	case G7:
		m.set(m.irqoff, task, 0)
		return G9
	case G9:
		return G9b
	case G9b:
		m.assert(pinIsOwn, m.get(m.alloc, f) == 1 && m.get(m.owner, f) == v+1)
		m.set(m.data, f, task+1)
		return G10
	case G10:
		return m.put(task, f, G11, m.after(task, GE))
	case G11:
		m.free(f)
		m.set(m.lpte, task, 0)
		return m.after(task, GE)
	case G8:
		m.set(m.irqoff, task, 0)
		return m.after(task, GE)
	}
	panic(fmt.Sprintf("gupbench: a walker at label %d, which is no step of it", pc))
}

// reclaim is proctype reclaim.
func (m *Model) reclaim(task, pc int) int {
	f := m.get(m.lpte, task) >> 2
	switch pc {
	case R0: // ptep_get_and_clear
		pte := m.get(m.pte, m.page(task))
		if pte&1 == 0 {
			return RE
		}
		m.set(m.lpte, task, pte)
		m.set(m.pte, m.page(task), 0)
		return R1
	case R1:
		return m.shootdown(task, R1, R2)
	case R2:
		m.set(m.mapped, f, m.get(m.mapped, f)-1)
		return R3
	case R3:
		return m.put(task, f, R4, m.after(task, RE))
	case R4:
		m.free(f)
		m.set(m.lpte, task, 0)
		return m.after(task, RE)
	}
	panic(fmt.Sprintf("gupbench: a reclaimer at label %d, which is no step of it", pc))
}

// realloc is proctype realloc.
func (m *Model) realloc(task, pc, key int) int {
	lf, lv := m.get(m.lpte, task), m.get(m.c, task)
	forget := func() {
		m.set(m.lpte, task, 0)
		m.set(m.c, task, 0)
	}
	switch pc {
	case A0:
		lf, lv = key>>8, key&0xff
		m.set(m.alloc, lf, 1)
		m.set(m.owner, lf, lv+1)
		m.set(m.lpte, task, lf)
		m.set(m.c, task, lv)
		return A1
	case A1:
		m.set(m.ref, lf, 1)
		m.set(m.mapped, lf, 1)
		return A1b
	case A1b:
		return A2
	case A2:
		if m.get(m.pte, lv) != 0 {
			return A4
		}
		m.set(m.pte, lv, 3|lf<<2)
		if m.Loop && lv >= m.NP {
			return A3
		}
		forget()
		return m.after(task, AE)
	case A3:
		m.set(m.pte, lv, 0)
		return A4
	case A4:
		m.set(m.mapped, lf, m.get(m.mapped, lf)-1)
		return A5
	case A5:
		ref := m.get(m.ref, lf)
		m.set(m.ref, lf, ref-1)
		if ref == 1 {
			return A6
		}
		forget()
		return m.after(task, AE)
	case A6:
		m.free(lf)
		forget()
		return m.after(task, AE)
	}
	panic(fmt.Sprintf("gupbench: an allocator at label %d, which is no step of it", pc))
}

// freeTable is proctype ptfree.
func (m *Model) freeTable(task, pc int) int {
	switch pc {
	case T0:
		m.set(m.pmd, 0, 0)
		return T1
	case T1:
		return m.shootdown(task, T1, T2)
	case T2:
		m.set(m.ptfreed, 0, 1)
		if m.Loop {
			return T3
		}
		return TE
	case T3:
		m.set(m.ptfreed, 0, 0)
		return T4
	case T4:
		m.set(m.pmd, 0, 1)
		return T0
	}
	panic(fmt.Sprintf("gupbench: the freer of the table at label %d, which is no step of it", pc))
}

// shootdown waits for one walker after the other to have interrupts on.
func (m *Model) shootdown(task, again, done int) int {
	if !m.IPI {
		return done
	}
	c := m.get(m.c, task)
	if c == m.NG-1 {
		m.set(m.c, task, 0)
		return done
	}
	m.set(m.c, task, c+1)
	return again
}

// put drops a reference. Whoever drops the last goes on to free the frame.
func (m *Model) put(task, f, last, other int) int {
	ref := m.get(m.ref, f)
	m.set(m.ref, f, ref-1)
	if ref == 1 {
		return last
	}
	m.set(m.lpte, task, 0)
	return other
}

func (m *Model) free(f int) {
	m.assert(freedIsIdle, m.get(m.mapped, f) == 0)
	m.set(m.alloc, f, 0)
	m.set(m.owner, f, 0)
	m.set(m.data, f, 0)
}
