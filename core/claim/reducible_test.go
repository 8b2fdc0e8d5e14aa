package claim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
)

// TestRestIsWhatComes holds the law of check.Reducible on every scenario: while
// an actor stands still, whatever the others do lies within what was said of them, but for what
// another has written before, or taken from a pool: who comes first into conflict with its next step is
// one of those that were said to be against it.
func TestRestIsWhatComes(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model, some func(int) int) {
		rng := rand.New(rand.NewPCG(3, 4))
		r := claim.Reduce(m)
		m.Memory().Watch(r.Changed)
		seen := map[string]bool{}
		fail := func(what string) {
			if !seen[what] {
				seen[what] = true
				t.Error(what)
			}
		}
		for range some(60) {
			since := m.Memory().Mark()
			run(m, rng, rng.IntN(60), -1, func(check.Choice) {})
			still := rng.IntN(r.Actors())
			against := r.Against(still)
			next := clone(r.Firm(still))
			rests := make([]*check.Access, r.Actors())
			for a := range rests {
				if rests[a] = r.Rest(a, still); a != still && next.Conflicts(rests[a]) != (against>>a&1 != 0) {
					fail(fmt.Sprintf("%s is against %s: %v, but by its rest %v", m.Actors()[a].Name, m.Actors()[still].Name, against>>a&1 != 0, against>>a&1 == 0))
				}
			}
			var written check.Access
			run(m, rng, 40, still, func(c check.Choice) {
				if ends(m, c) {
					return
				}
				did, may := r.Next(int(c.Actor)), rests[c.Actor]
				if written.Writes != nil {
					may = clone(may)
					may.Writes.And(written.Writes)
				} else {
					written = check.Access{Writes: make(check.Objects, len(did.Writes))}
				}
				written.Writes.And(did.Writes)
				r.Taken(did, written.Writes)
				for _, miss := range r.Beyond(did, may) {
					fail(fmt.Sprintf("while %s stands still (%s), %s: %s, %s, which was not in its rest", m.Actors()[still].Name, m.Look(still).Says, m.Actors()[c.Actor].Name, m.Look(int(c.Actor)).Says, miss))
				}
			})
			m.Memory().Undo(since)
		}
	})
}

// TestFreeIsSought holds that a step touches nothing of what can be taken from a pool without being
// in conflict with whoever takes it: what others do with it afterwards is of no concern then. The swap
// device looks at all slots for one that is to be written, which is then taken.
func TestFreeIsSought(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model, some func(int) int) {
		r := claim.Reduce(m)
		m.Memory().Watch(r.Changed)
		seen := map[string]bool{}
		rng := rand.New(rand.NewPCG(9, 10))
		start := m.Memory().Mark()
		for range some(20) {
			run(m, rng, 100, -1, func(check.Choice) {
				for _, c := range m.Choices(nil) {
					a := int(c.Actor)
					if m.Sim.Actors()[a].Kind == kernel.DiskActor || ends(m, c) {
						continue
					}
					for _, object := range r.Unsought(r.Next(a)) {
						if what := fmt.Sprintf("%s: %s touches %s, which is free", m.Actors()[a].Name, m.Look(a).Says, object); !seen[what] {
							seen[what] = true
							t.Error(what)
						}
					}
				}
			})
			m.Memory().Undo(start)
		}
	})
}

// TestIndependentStepsCommute takes steps that are said to have nothing to do with each
// other in either order. Nothing may differ: the state behind both, what each can do behind the
// other, which claims are broken on the way. A state that walks come to again is tried once.
func TestIndependentStepsCommute(t *testing.T) {
	var pairs atomic.Int64
	eachModel(t, func(t *testing.T, m *claim.Model, some func(int) int) {
		rng := rand.New(rand.NewPCG(5, 6))
		r := claim.Reduce(m)
		mem := m.Memory()
		mem.Watch(r.Changed)
		start := mem.Mark()
		runs := 20
		if !testing.Short() {
			runs = 200
		}
		tried := map[uint64]bool{}
		for range some(runs) {
			run(m, rng, 100, -1, func(check.Choice) {
				if tried[mem.Hash()] {
					return
				}
				tried[mem.Hash()] = true
				o := inOrder(m, r)
				pairs.Add(int64(len(o.pairs) / 2))
				for steps, ab := range o.pairs {
					if i, j := steps[0], steps[1]; i < j && !ab.agrees(o.pairs[[2]int{j, i}]) {
						a, b := o.choices[i], o.choices[j]
						la, lb := m.Look(int(a.Actor)), m.Look(int(b.Actor))
						t.Fatalf("%s: %s (%v)\n%s: %s (%v)\nin one order %+v, in the other %+v",
							m.Actors()[a.Actor].Name, la.Says, a, m.Actors()[b.Actor].Name, lb.Says, b, ab, o.pairs[[2]int{j, i}])
					}
				}
			})
			mem.Undo(start)
		}
	})
	if pairs.Load() == 0 {
		t.Error("no two steps are independent")
	}
}

// TestNextIsKept holds what is remembered of an actor's next step against what it is.
func TestNextIsKept(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model, some func(int) int) {
		rng := rand.New(rand.NewPCG(7, 8))
		kept, fresh := claim.Reduce(m), claim.Reduce(m)
		mem := m.Memory()
		mem.Watch(kept.Changed)
		rounds := 3
		if testing.Short() {
			rounds = 1
		}
		for range some(rounds) {
			marks := []cell.Mark{mem.Mark()}
			run(m, rng, 200, -1, func(check.Choice) {
				if rng.IntN(4) == 0 {
					back := rng.IntN(len(marks))
					mem.Undo(marks[back])
					marks = marks[:back+1]
				} else {
					marks = append(marks, mem.Mark())
				}
				fresh.Begin()
				for a := range kept.Actors() {
					if rng.IntN(3) == 0 {
						continue
					}
					if got, want := kept.Next(a), fresh.Next(a); !equal(got, want) {
						t.Fatalf("what %s does next is remembered as %v, and is %v", m.Actors()[a].Name, *got, *want)
					}
					if got, want := kept.Against(a), fresh.Against(a); got != want {
						t.Fatalf("against %s were %b, and are %b", m.Actors()[a].Name, got, want)
					}
				}
			})
			mem.Undo(marks[0])
		}
	})
}

// run makes random steps of all actors but one, f before each, until none can move or a claim is broken.
func run(m *claim.Model, rng *rand.Rand, steps, still int, f func(c check.Choice)) {
	for range steps {
		choices := slices.DeleteFunc(m.Choices(nil), func(c check.Choice) bool { return int(c.Actor) == still })
		if len(choices) == 0 {
			return
		}
		c, mark := choices[rng.IntN(len(choices))], m.Memory().Mark()
		f(c)
		if m.Memory().Mark() != mark { // f went back
			if mark = m.Memory().Mark(); !slices.Contains(m.Choices(nil), c) {
				continue
			}
		}
		m.Do(c)
		if len(m.Broken(mark, nil)) > 0 {
			return
		}
	}
}

func clone(a *check.Access) *check.Access {
	return &check.Access{Reads: slices.Clone(a.Reads), Writes: slices.Clone(a.Writes)}
}

func equal(a, b *check.Access) bool {
	return slices.Equal(a.Reads, b.Reads) && slices.Equal(a.Writes, b.Writes)
}

// A pair is what there is to tell of two steps that were made.
type pair struct {
	hash          uint64
	keys          []int // with which the second can move behind the first
	others        []int // with which it could before
	first, second []int // which claims they break
}

// agrees reports whether two steps tell the same in the other order. Behind a
// breach nothing counts.
func (p pair) agrees(q pair) bool {
	for _, x := range []pair{p, q} {
		if len(x.first) == 0 && !slices.Equal(x.keys, x.others) {
			return false
		}
	}
	switch {
	case len(p.first) > 0 && len(q.first) > 0:
		return true
	case len(p.first) > 0:
		return slices.Equal(q.second, p.first)
	case len(q.first) > 0:
		return slices.Equal(p.second, q.first)
	}
	return slices.Equal(p.second, q.second) && p.hash == q.hash
}

// orders are the choices of a state, and what there is to tell of any two that are said to be independent, one behind the other.
type orders struct {
	choices []check.Choice
	pairs   map[[2]int]pair // by the first and the second
}

// inOrder makes all choices of the present state, behind each those that are independent of it, and goes back.
func inOrder(m *claim.Model, r *claim.Reducible) orders {
	o := orders{choices: m.Choices(nil), pairs: map[[2]int]pair{}}
	next := map[uint16]*check.Access{}
	for _, c := range o.choices {
		next[c.Actor] = r.Next(int(c.Actor))
	}
	mem := m.Memory()
	defer mem.Watch(mem.Watch(nil)) // all is gone back on
	for i, first := range o.choices {
		start := mem.Mark()
		m.Do(first)
		broken := m.Broken(start, nil)
		for j, second := range o.choices {
			if second.Actor == first.Actor || next[first.Actor].Conflicts(next[second.Actor]) {
				continue
			}
			p := pair{first: broken}
			for _, c := range o.choices {
				if c.Actor == second.Actor {
					p.others = append(p.others, int(c.Key))
				}
			}
			m.Offers(int(second.Actor), func(key int) { p.keys = append(p.keys, key) })
			if slices.Equal(p.keys, p.others) && len(broken) == 0 {
				between := mem.Mark()
				m.Do(second)
				p.second, p.hash = m.Broken(between, nil), mem.Hash()
				mem.Undo(between)
			}
			o.pairs[[2]int{i, j}] = p
		}
		mem.Undo(start)
	}
	return o
}

// ends reports whether all programs are at their end behind a step: then claims
// about ends are judged, of which no Rest speaks.
func ends(m *claim.Model, c check.Choice) bool {
	mark := m.Memory().Mark()
	m.Do(c)
	done := m.Done()
	m.Memory().Undo(mark)
	return done
}
