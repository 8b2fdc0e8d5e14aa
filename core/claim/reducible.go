package claim

import (
	"math/bits"
	"slices"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/kernel"
)

// A Reducible is a Model that says what its steps depend on, so that a check
// may leave out orders in which nothing differs.
//
// What an actor does next is found out by doing it, with every key, and taking it
// back: the footprint of a step depends on nothing but what the step has read, and what the
// claims read that are judged behind it belongs to it.
type Reducible struct {
	*Model
	objects *kernel.Objects
}

var _ check.Reducible = (*Reducible)(nil)

// Reduce returns the model for a reduced search.
func Reduce(m *Model) *Reducible {
	return &Reducible{Model: m, objects: kernel.NewObjects(m.Sim)}
}

// Actors is how many actors there are.
func (r *Reducible) Actors() int { return len(r.Sim.Actors()) }

// Rest adds what an actor may still access.
func (r *Reducible) Rest(actor int, a *check.Access) { r.objects.Rest(actor, a) }

// Next adds what an actor's next step accesses.
func (r *Reducible) Next(actor int, a *check.Access) {
	mem := r.Memory()
	var foot cell.Footprint
	mem.Record(&foot)
	var keys []int
	r.Offers(actor, func(key int) { keys = append(keys, key) })
	mem.Record(nil)
	r.add(actor, &foot, nil, a)
	for _, key := range keys {
		foot.Reset()
		mark := mem.Mark()
		mem.Record(&foot)
		r.Do(check.Choice{Actor: uint16(actor), Key: uint16(key)})
		mem.Record(nil)
		changes := mem.Changes(mark)
		r.judge(changes, a)
		mem.Undo(mark)
		r.add(actor, &foot, changes, a)
	}
}

// judge adds what the predicates read on which a step has a bearing: those that
// read, in the state behind it, something that it changed. Of any other the step can tell nothing,
// even if it is evaluated: it reads there what it read before.
func (r *Reducible) judge(changes []cell.Change, a *check.Access) {
	clear(r.dirty)
	for _, c := range changes {
		for i, w := range r.watch[c.Cell] {
			r.dirty[i] |= w
		}
	}
	var foot cell.Footprint
	r.Memory().Record(&foot)
	for i, w := range r.dirty {
		r.dirty[i] = 0
		for ; w != 0; w &= w - 1 {
			foot.Reset()
			r.preds[i*64+bits.TrailingZeros64(w)].holds()
			if slices.ContainsFunc(changes, func(c cell.Change) bool { return slices.Contains(foot.Reads, c.Cell) }) {
				r.objects.Of(foot.Reads, &a.Reads)
			}
		}
	}
	r.Memory().Record(nil)
}

func (r *Reducible) add(actor int, foot *cell.Footprint, changes []cell.Change, a *check.Access) {
	r.objects.Of(foot.Reads, &a.Reads)
	r.objects.Of(foot.Writes, &a.Writes)
	r.objects.Next(actor, foot, changes, a)
}
