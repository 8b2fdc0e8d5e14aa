package check_test

import (
	"fmt"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// increment is the first example of every textbook: threads that increment a
// counter by a load and a store.
//
//	1: t = counter
//	2: counter = t + 1
//
// Two threads have 13 states (stateright, examples/increment.rs, writes all of them out).
type increment struct {
	mem     *cell.Memory
	threads int
	counter cell.ID
	pc, t   cell.ID // of thread 0; the others follow
}

func newIncrement(threads int) *increment {
	m := &increment{threads: threads}
	var l cell.Layout
	m.counter = l.Add(1, cell.Region{Name: func(int) string { return "counter" }})
	m.pc = l.Add(threads, cell.Region{Name: func(i int) string { return fmt.Sprintf("thread %d pc", i) }})
	m.t = l.Add(threads, cell.Region{Name: func(i int) string { return fmt.Sprintf("thread %d t", i) }})
	m.mem = cell.New(&l)
	return m
}

func (m *increment) Memory() *cell.Memory { return m.mem }

func (m *increment) Choices(dst []check.Choice) []check.Choice {
	for i := range m.threads {
		if m.mem.Load(m.pc+cell.ID(i)) < 2 {
			dst = append(dst, check.Choice{Actor: uint16(i)})
		}
	}
	return dst
}

func (m *increment) Do(c check.Choice) {
	pc, t := m.pc+cell.ID(c.Actor), m.t+cell.ID(c.Actor)
	switch m.mem.Load(pc) {
	case 0:
		m.mem.Store(t, m.mem.Load(m.counter))
		m.mem.Store(pc, 1)
	case 1:
		m.mem.Store(m.counter, m.mem.Load(t)+1)
		m.mem.Store(pc, 2)
	}
}

func (m *increment) Claims() []string { return []string{"no-lost-increment"} }

// Broken asks that the counter be the number of threads that have finished.
func (m *increment) Broken(_ cell.Mark, dst []int) []int {
	finished := uint64(0)
	for i := range m.threads {
		if m.mem.Load(m.pc+cell.ID(i)) == 2 {
			finished++
		}
	}
	if m.mem.Load(m.counter) != finished {
		dst = append(dst, 0)
	}
	return dst
}

func (m *increment) Done() bool { return true }

func ExampleCheck() {
	c := check.New(newIncrement(2), check.Limits{States: 1_000_000})
	for c.Run(10_000).Phase != check.Done {
	}
	r := c.Result()
	fmt.Println(r)
	fmt.Println(r.Claims[0].Claim, r.Claims[0].Run)
	// Output:
	// Sometimes no-lost-increment, 13 states
	// no-lost-increment [{0 0} {1 0} {1 0} {0 0}]
}

func TestIncrement(t *testing.T) {
	t.Log(check.Exhaust(newIncrement(2)))
}
