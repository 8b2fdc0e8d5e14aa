package check_test

import (
	"fmt"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// twoPhase is two-phase commit as in "Consensus on Transaction Commit" (Gray and
// Lamport): resource managers, RMs, and a transaction manager, TM, that agree to commit
// only if every RM has said that it is prepared. Messages stay in a set for ever.
//
// Stateright's examples/2pc.rs has the same model, with 288 states for 3 RMs
// and 8,832 for 5.
type twoPhase struct {
	mem      *cell.Memory
	rms      int
	rm       cell.ID // state of RM 0; the others follow
	tm       cell.ID // state of the TM
	heard    cell.ID // the TM has heard that RM 0 is prepared; …
	prepared cell.ID // message of RM 0; …
	commit   cell.ID // message of the TM
	abort    cell.ID // message of the TM

	hasty bool // the TM commits when anyone is prepared: a mistake
}

// States of RMs and of the TM, which is never prepared.
const (
	working = iota
	prepared
	committed
	aborted
)

// Keys of choices: of the TM, actor 0, and of the RMs, which follow.
const (
	tmCommit = iota
	tmAbort
	tmHear // and the number of the RM
)
const (
	rmPrepare = iota
	rmAbort
	rmHearCommit
	rmHearAbort
)

func newTwoPhase(rms int) *twoPhase {
	m := &twoPhase{rms: rms}
	var l cell.Layout
	add := func(n int, name string) cell.ID {
		return l.Add(n, cell.Region{Name: func(i int) string { return fmt.Sprint(name, " ", i) }})
	}
	m.rm, m.tm, m.heard = add(rms, "rm"), add(1, "tm"), add(rms, "heard")
	m.prepared, m.commit, m.abort = add(rms, "prepared"), add(1, "commit"), add(1, "abort")
	m.mem = cell.New(&l)
	return m
}

func (m *twoPhase) Memory() *cell.Memory { return m.mem }

func (m *twoPhase) count(first cell.ID, value uint64) (n int) {
	for i := range m.rms {
		if m.mem.Load(first+cell.ID(i)) == value {
			n++
		}
	}
	return n
}

func (m *twoPhase) Choices(dst []check.Choice) []check.Choice {
	if m.mem.Load(m.tm) == working {
		if heard := m.count(m.heard, 1); heard == m.rms || m.hasty && heard > 0 {
			dst = append(dst, check.Choice{Key: tmCommit})
		}
		dst = append(dst, check.Choice{Key: tmAbort})
		for i := range m.rms {
			if m.mem.Load(m.prepared+cell.ID(i)) == 1 {
				dst = append(dst, check.Choice{Key: tmHear + uint16(i)})
			}
		}
	}
	for i := range m.rms {
		actor := uint16(1 + i)
		if m.mem.Load(m.rm+cell.ID(i)) == working {
			dst = append(dst, check.Choice{Actor: actor, Key: rmPrepare}, check.Choice{Actor: actor, Key: rmAbort})
		}
		if m.mem.Load(m.commit) == 1 {
			dst = append(dst, check.Choice{Actor: actor, Key: rmHearCommit})
		}
		if m.mem.Load(m.abort) == 1 {
			dst = append(dst, check.Choice{Actor: actor, Key: rmHearAbort})
		}
	}
	return dst
}

func (m *twoPhase) Do(c check.Choice) {
	if c.Actor == 0 {
		switch c.Key {
		case tmCommit:
			m.mem.Store(m.tm, committed)
			m.mem.Store(m.commit, 1)
		case tmAbort:
			m.mem.Store(m.tm, aborted)
			m.mem.Store(m.abort, 1)
		default:
			m.mem.Store(m.heard+cell.ID(c.Key-tmHear), 1)
		}
		return
	}
	i := cell.ID(c.Actor - 1)
	switch c.Key {
	case rmPrepare:
		m.mem.Store(m.rm+i, prepared)
		m.mem.Store(m.prepared+i, 1)
	case rmHearCommit:
		m.mem.Store(m.rm+i, committed)
	case rmAbort, rmHearAbort:
		m.mem.Store(m.rm+i, aborted)
	}
}

func (m *twoPhase) Claims() []string { return []string{"consistent"} }

func (m *twoPhase) Broken(_ cell.Mark, dst []int) []int {
	if m.count(m.rm, aborted) > 0 && m.count(m.rm, committed) > 0 {
		dst = append(dst, 0)
	}
	return dst
}

func (m *twoPhase) Done() bool { return true }

func ExampleCheck_twoPhaseCommit() {
	for _, rms := range []int{3, 5} {
		c := check.New(newTwoPhase(rms), check.Limits{})
		for c.Run(10_000).Phase != check.Done {
		}
		fmt.Println(c.Result())
	}
	// Output:
	// Never, 288 states
	// Never, 8832 states
}

func TestTwoPhaseCommit(t *testing.T) {
	agree(t, newTwoPhase(4))
	hasty := newTwoPhase(3)
	hasty.hasty = true
	agree(t, hasty)
}
