package check_test

import (
	"fmt"
	"reflect"
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
// It has been meant that the counter is always the number of threads that have
// finished. Two columns of time that show it is not:
//
//	thread 0            thread 1
//	t = 0
//	                    t = 0
//	                    counter = 1
//	counter = 1
//
// With two threads there are 13 states; the header of stateright's
// examples/increment.rs writes all of them out.
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
	for threads, states := range map[int]uint64{1: 3, 2: 13} {
		if r := finish(check.New(newIncrement(threads), check.Limits{}), 1000); r.States != states {
			t.Errorf("%d threads: got %d states, want %d", threads, r.States, states)
		}
	}
	agree(t, newIncrement(4))
}

// Undoing everything and doing it again ends in the same states: a check of a
// model that was checked before finds the same.
func TestCheckTwice(t *testing.T) {
	m := newIncrement(3)
	first := finish(check.New(m, check.Limits{}), 7)
	if second := finish(check.New(m, check.Limits{}), 1000); !reflect.DeepEqual(first, second) {
		t.Errorf("got %+v, then %+v", first, second)
	}
}
