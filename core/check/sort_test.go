package check

import (
	"testing"

	"gupscope/core/cell"
)

// counters count up to a number each, and if they go round, begin again.
type counters struct {
	mem   *cell.Memory
	n, to int
	round bool
}

func newCounters(n, to int, round bool) *counters {
	var l cell.Layout
	l.Add(n, cell.Region{Name: func(int) string { return "counter" }})
	return &counters{cell.New(&l), n, to, round}
}

func (m *counters) Memory() *cell.Memory                { return m.mem }
func (m *counters) Claims() []string                    { return nil }
func (m *counters) Broken(_ cell.Mark, dst []int) []int { return dst }
func (m *counters) Done() bool                          { return true }
func (m *counters) Tasks() uint64                       { return 1<<m.n - 1 }
func (m *counters) Spontaneous() uint64                 { return 0 }
func (m *counters) Queued() uint64                      { return 0 }
func (m *counters) WentBack() bool                      { return true }

func (m *counters) Choices(dst []Choice) []Choice {
	for i := range m.n {
		if m.round || m.mem.Load(cell.ID(i)) < uint64(m.to) {
			dst = append(dst, Choice{Actor: uint16(i)})
		}
	}
	return dst
}

func (m *counters) Do(c Choice) {
	m.mem.Store(cell.ID(c.Actor), (m.mem.Load(cell.ID(c.Actor))+1)%uint64(m.to+1))
}

// TestSort has workers sort more states than a few segments hold, and asks
// whether they noticed a cycle.
func TestSort(t *testing.T) {
	for _, round := range []bool{false, true} {
		ms := []Model{newCounters(5, 8, round), newCounters(5, 8, round), newCounters(5, 8, round)}
		c := Parallel(ms, Limits{})
		team := c.proof.team
		for c.phase == Proving && c.proof.team != nil {
			c.Run(5000)
		}
		if !team.sorting || team.circular != round {
			t.Errorf("going round: %v; sorted: %v, cycles: %v", round, team.sorting, team.circular)
		}
		for c.Run(1<<16).Phase != Done {
		}
		if r := c.Result(); r.States != 59049 || (r.Verdict == Never) == round {
			t.Errorf("got %v", r)
		}
	}
}
