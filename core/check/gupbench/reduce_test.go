package gupbench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

func finish(c *check.Check) check.Result {
	for c.Run(1<<16).Phase < check.Stopped {
	}
	return c.Result()
}

// variants are instances small enough to be searched in many ways.
func variants() (out []Flags) {
	for bits := range 1 << 5 {
		on := func(i int) bool { return bits>>i&1 != 0 }
		if !on(4) || on(1) || on(2) && !on(3) { // else counts go round, and there are millions of states
			out = append(out, Flags{NG: 2, NR: 1, NA: 1, NF: 2, NP: 1,
				Recheck: on(0), IPI: on(1), INCNZ: on(2), PTF: on(3), Loop: on(4)})
		}
		if !on(4) && (on(1) || !on(3)) {
			out = append(out, Flags{NG: 2, NR: 2, NA: 2, NF: 4, NP: 2,
				Recheck: on(0), IPI: on(1), INCNZ: on(2), PTF: on(3)})
		}
	}
	return out
}

// The reduced search finds the same claims broken as the other.
func TestReducedAgrees(t *testing.T) {
	for _, f := range variants() {
		t.Run(fmt.Sprintf("%+v", f), func(t *testing.T) {
			limits := check.Limits{States: 300_000}
			want, got := finish(check.New(New(f), limits)), finish(check.Reduced(New(f), limits))
			if want.Verdict == check.Unknown {
				t.Skip("too large to be compared")
			}
			if got.Verdict != want.Verdict || len(got.Claims) != len(want.Claims) {
				t.Fatalf("got %v, want %v", got, want)
			}
			for i, b := range want.Claims {
				if g := got.Claims[i]; g.Claim != b.Claim || !slices.Equal(g.Run, b.Run) || !g.Shortest {
					t.Errorf("got %+v, want %+v", g, b)
				}
			}
			t.Logf("%d states, reduced %d: a factor of %.1f", want.States, got.States, float64(want.States)/float64(got.States))
		})
	}
}

func TestReducedInstances(t *testing.T) {
	for _, in := range Instances {
		r := finish(check.Reduced(New(in.Flags), check.Limits{}))
		if r.Verdict != check.Never {
			t.Errorf("%s: got %v", in.Name, r)
		}
		t.Logf("%s: %d states, reduced %d kept, %d transitions: a factor of %.0f", in.Name, in.States, r.States, r.Transitions, float64(in.States)/float64(r.States))
	}
}

// object is the object of a cell; none for a task's own and the failed assertions.
func (m *Model) object(id cell.ID) check.Objects {
	o := check.MakeObjects(objects)
	in := func(first cell.ID, n int) bool { return id >= first && id < first+cell.ID(n) }
	frame := func(first cell.ID, of uint64) { o[0] = of << (perFrame * (id - first)) }
	switch {
	case in(m.pte, m.NP+m.NA):
		o[0] = m.entry(int(id - m.pte))
	case in(m.ref, m.NF):
		frame(m.ref, refOf)
	case in(m.mapped, m.NF):
		frame(m.mapped, mapOf)
	case in(m.alloc, m.NF):
		frame(m.alloc, allocOf)
	case in(m.owner, m.NF):
		frame(m.owner, allocOf)
	case in(m.irqoff, m.NG):
		o[0] = 1 << (irqoffs + id - m.irqoff)
	case in(m.pmd, 1):
		o[0] = thePMD
	case in(m.ptfreed, 1):
		o[0] = tableFreed
	}
	return o
}

func within(o, p check.Objects) bool { return o[0]&^p[0] == 0 }

// Every step does no more than Next said, and whichever tasks move, they do no
// more than their Rests said when they began.
func TestAccesses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range append(variants(), M1, M2) {
		m := New(f)
		for range 200 {
			m.mem.Undo(0)
			for range rng.IntN(60) {
				m.step(rng, nil, nil, ^uint64(0))
			}
			movers := rng.Uint64()
			may := check.MakeAccess(objects)
			for task := range m.tasks {
				if movers>>task&1 != 0 {
					may.And(m.restOf(task))
				}
			}
			for range 60 {
				m.step(rng, t, &may, movers)
			}
		}
	}
}

// step makes a random step of one of the movers, and holds it to what it may do.
func (m *Model) step(rng *rand.Rand, t *testing.T, may *check.Access, movers uint64) {
	var foot cell.Footprint
	m.mem.Record(&foot)
	cs := slices.DeleteFunc(m.Choices(nil), func(c check.Choice) bool { return movers>>c.Actor&1 == 0 })
	m.mem.Record(nil)
	if len(cs) == 0 || len(m.Broken(-1, nil)) > 0 {
		return
	}
	c := cs[rng.IntN(len(cs))]
	next := m.Next(int(c.Actor))
	foot.Reset()
	m.mem.Record(&foot)
	m.Do(c)
	m.mem.Record(nil)
	if t == nil || len(m.Broken(-1, nil)) > 0 {
		return
	}
	for _, a := range []*check.Access{next, may} {
		all := check.MakeObjects(objects)
		all.And(a.Reads)
		all.And(a.Writes)
		for _, id := range foot.Reads {
			if id >= m.data && id < m.data+cell.ID(m.NF) {
				t.Fatalf("%+v: %v reads %s, which the fingerprint leaves out", m.Flags, c, m.mem.Layout().Name(id))
			}
			if o := m.object(id); !within(o, all) {
				t.Fatalf("%+v: %v reads %s unannounced", m.Flags, c, m.mem.Layout().Name(id))
			}
		}
		for _, id := range foot.Writes {
			if o := m.object(id); !within(o, a.Writes) {
				t.Fatalf("%+v: %v writes %s unannounced", m.Flags, c, m.mem.Layout().Name(id))
			}
		}
	}
}
