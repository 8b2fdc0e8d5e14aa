package check_test

import (
	"fmt"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// peterson is Peterson's algorithm for two processes, for ever:
//
//	1: flag[i] = true
//	2: turn = other
//	3: wait until !flag[other]
//	      or turn == i
//	4: critical section; flag[i] = false
//
// The two looks of line 3 are steps of their own. With trusting, line 1
// comes after the wait, as in the version that everybody tries first.
type peterson struct {
	mem      *cell.Memory
	pc, flag cell.ID // of process 0; process 1 follows
	turn     cell.ID
	trusting bool
}

const (
	setFlag = iota
	giveTurn
	lookAtFlag
	lookAtTurn
	critical
)

func newPeterson(trusting bool) *peterson {
	m := &peterson{trusting: trusting}
	var l cell.Layout
	m.pc = l.Add(2, cell.Region{Name: func(i int) string { return fmt.Sprint("pc ", i) }})
	m.flag = l.Add(2, cell.Region{Name: func(i int) string { return fmt.Sprint("flag ", i) }})
	m.turn = l.Add(1, cell.Region{Name: func(int) string { return "turn" }})
	m.mem = cell.New(&l)
	if trusting {
		m.mem.Store(m.pc, giveTurn)
		m.mem.Store(m.pc+1, giveTurn)
	}
	return m
}

func (m *peterson) Memory() *cell.Memory { return m.mem }

func (m *peterson) Choices(dst []check.Choice) []check.Choice {
	return append(dst, check.Choice{Actor: 0}, check.Choice{Actor: 1})
}

func (m *peterson) Do(c check.Choice) {
	i, other := cell.ID(c.Actor), cell.ID(1-c.Actor)
	next := func(pc uint64) { m.mem.Store(m.pc+i, pc) }
	enter := func() {
		if m.trusting {
			next(setFlag)
		} else {
			next(critical)
		}
	}
	switch m.mem.Load(m.pc + i) {
	case setFlag:
		m.mem.Store(m.flag+i, 1)
		if m.trusting {
			next(critical)
		} else {
			next(giveTurn)
		}
	case giveTurn:
		m.mem.Store(m.turn, uint64(other))
		next(lookAtFlag)
	case lookAtFlag:
		if m.mem.Load(m.flag+other) == 0 {
			enter()
		} else {
			next(lookAtTurn)
		}
	case lookAtTurn:
		if m.mem.Load(m.turn) == uint64(i) {
			enter()
		} else {
			next(lookAtFlag)
		}
	case critical:
		m.mem.Store(m.flag+i, 0)
		if m.trusting {
			next(giveTurn)
		} else {
			next(setFlag)
		}
	}
}

func (m *peterson) Claims() []string { return []string{"mutual-exclusion"} }

func (m *peterson) Broken(_ cell.Mark, dst []int) []int {
	if m.mem.Load(m.pc) == critical && m.mem.Load(m.pc+1) == critical {
		dst = append(dst, 0)
	}
	return dst
}

func (m *peterson) Done() bool { return false }

func ExampleResult_mutualExclusion() {
	for _, trusting := range []bool{false, true} {
		c := check.New(newPeterson(trusting), check.Limits{})
		for c.Run(1000).Phase != check.Done {
		}
		r := c.Result()
		fmt.Println(r.Verdict)
		for _, b := range r.Claims {
			fmt.Printf("%s: %d steps, %d switches\n", b.Claim, len(b.Run), b.Switches)
		}
	}
	// Output:
	// Never
	// Sometimes
	// mutual-exclusion: 6 steps, 2 switches
}

func TestPeterson(t *testing.T) {
	agree(t, newPeterson(false))
	agree(t, newPeterson(true))
}
