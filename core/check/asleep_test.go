package check_test

import (
	"fmt"
	"slices"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// A sleepy model is one whose steps are all said to be threatened by everybody, so
// that nobody is left out of a state but who sleeps.
type sleepy struct{ *generated }

func (m *sleepy) Against(task int) uint64 { return (1<<len(m.tasks) - 1) &^ (1 << task) }

// round is the least model known in which a breach is lost by who does not go on from a state
// that is met again with fewer asleep. Three tasks go round for ever, over two flags:
//
//	task 0:                     task 1:                     task 2:
//	0: wait until flag; clear   0: go to 1,                 0: go to 1,
//	   it; go to 1                 or if seen: go to 2         or set flag; go to 0
//	1: set seen; go to 0,       1: clear seen; go to 0      1: go to 0
//	   or clear flag; go to 2   2: the breach
//	2: the end
//
// Task 1 must not be at 2. Where it sleeps, what it could do was followed from an earlier state. But that
// search was cut short at states that were on the stack, and those are gone on from only to states
// where task 1 sleeps: each relies on the other.
func round() *generated {
	const (
		flag = iota
		seen
		nothing // whoever does nothing but go sets this, which nobody reads
		vars
	)
	always := func(sets int, to uint64, next int) edge {
		return edge{always: true, sets: sets, to: to, nextPlace: next}
	}
	when := func(on, sets, next int) edge { return edge{on: on, is: 1, sets: sets, nextPlace: next} }
	m := &generated{
		tasks: [][]place{
			{{true, []edge{when(flag, flag, 1)}}, {true, []edge{always(seen, 1, 0), always(flag, 0, 2)}}, {end: true}},
			{{true, []edge{always(nothing, 0, 1), when(seen, nothing, 2)}}, {true, []edge{always(seen, 0, 0)}}, {end: true}},
			{{true, []edge{always(nothing, 0, 1), always(flag, 1, 0)}}, {true, []edge{always(nothing, 0, 0)}}},
		},
		claims: []predicate{{on: nothing, is: 0, task: [2]int{1, 1}, at: [2]uint64{2, 2}}},
		blind:  []bool{nothing: true},
	}
	var l cell.Layout
	m.vars = l.Add(vars, cell.Region{Name: func(i int) string { return fmt.Sprintf("var %d", i) }})
	m.at = l.Add(len(m.tasks), cell.Region{Name: func(i int) string { return fmt.Sprintf("task %d", i) }})
	m.mem = cell.New(&l)
	return m
}

func TestMetAgainWithFewerAsleep(t *testing.T) {
	want := finish(check.New(round(), check.Limits{}), 1000)
	got := finish(check.Reduced(&sleepy{round()}, check.Limits{}), 1000)
	if want.Verdict != check.Sometimes || got.Verdict != want.Verdict || !slices.Equal(broken(got), broken(want)) {
		t.Errorf("got %v %v, want %v %v", got, broken(got), want, broken(want))
	}
	if got.Transitions >= want.Transitions {
		t.Errorf("%d transitions, and %d unreduced: nobody slept", got.Transitions, want.Transitions)
	}
}
