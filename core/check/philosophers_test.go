package check_test

import (
	"fmt"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// philosophers sit around a table with a fork between any two. Each takes one
// fork, then the other, eats, and puts both back, for ever. If all take the fork on their
// left first, all may wait for the one on their right.
type philosophers struct {
	mem        *cell.Memory
	n          int
	holds      cell.ID // forks that philosopher 0 holds; the others follow
	fork       cell.ID // fork to the left of philosopher 0 is taken; …
	leftHanded int     // this philosopher begins on the right instead; -1: nobody
}

func newPhilosophers(n, leftHanded int) *philosophers {
	m := &philosophers{n: n, leftHanded: leftHanded}
	var l cell.Layout
	m.holds = l.Add(n, cell.Region{Name: func(i int) string { return fmt.Sprintf("philosopher %d holds", i) }})
	m.fork = l.Add(n, cell.Region{Name: func(i int) string { return fmt.Sprintf("fork %d taken", i) }})
	m.mem = cell.New(&l)
	return m
}

func (m *philosophers) Memory() *cell.Memory { return m.mem }

// forks returns the two forks of a philosopher in the order of taking.
func (m *philosophers) forks(i int) [2]cell.ID {
	left, right := m.fork+cell.ID(i), m.fork+cell.ID((i+1)%m.n)
	if i == m.leftHanded {
		return [2]cell.ID{right, left}
	}
	return [2]cell.ID{left, right}
}

func (m *philosophers) Choices(dst []check.Choice) []check.Choice {
	for i := range m.n {
		holds := m.mem.Load(m.holds + cell.ID(i))
		if holds == 2 || m.mem.Load(m.forks(i)[holds]) == 0 {
			dst = append(dst, check.Choice{Actor: uint16(i)})
		}
	}
	return dst
}

func (m *philosophers) Do(c check.Choice) {
	mine, forks := m.holds+cell.ID(c.Actor), m.forks(int(c.Actor))
	holds := m.mem.Load(mine)
	if holds == 2 {
		m.mem.Store(forks[0], 0)
		m.mem.Store(forks[1], 0)
		m.mem.Store(mine, 0)
		return
	}
	m.mem.Store(forks[holds], 1)
	m.mem.Store(mine, holds+1)
}

func (m *philosophers) Claims() []string                    { return nil }
func (m *philosophers) Broken(_ cell.Mark, dst []int) []int { return dst }
func (m *philosophers) Done() bool                          { return false }

func ExampleResult_deadlock() {
	for _, leftHanded := range []int{-1, 0} {
		c := check.New(newPhilosophers(3, leftHanded), check.Limits{})
		for c.Run(1000).Phase != check.Done {
		}
		r := c.Result()
		fmt.Println(r.Verdict, r.Claims)
	}
	// Output:
	// Sometimes [{no-deadlock [{0 0} {1 0} {2 0}] 2 true 0}]
	// Never []
}

func TestPhilosophers(t *testing.T) {
	for n := 2; n <= 7; n++ {
		r := agree(t, newPhilosophers(n, -1))
		if len(r.Claims) != 1 || len(r.Claims[0].Run) != n {
			t.Errorf("%d philosophers: got %+v, want a deadlock after %d steps", n, r.Claims, n)
		}
		agree(t, newPhilosophers(n, n-1))
	}
}
