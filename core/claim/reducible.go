package claim

import (
	"math/bits"
	"slices"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A Reducible is a Model that says what its steps depend on, so that a check may
// leave out orders in which nothing differs.
//
// What an actor does next is found out by doing it, with every key, and taking it
// back: the footprint of a step depends on nothing but what the step has read, and what the
// claims read that are judged behind it belongs to it. So it is found out again only when a cell
// of that footprint has changed.
type Reducible struct {
	*Model
	objects *kernel.Objects
	ends    []bool // by cell: claims about the ends of runs read it

	steps   []step   // by actor
	stale   uint64   // actors whose next step has to be found out again
	depends []uint64 // by cell: the actors whose next step was found out by it

	foot, judged cell.Footprint
	offered      []int
	changes      []cell.Change
}

// A step is what an actor does next.
type step struct {
	all  check.Access
	firm check.Access // without what only suspends it, if it can move
	by   []cell.ID    // what it was found out by
}

var _ check.Reducible = (*Reducible)(nil)

// Reduce returns the model for a reduced search.
func Reduce(m *Model) *Reducible {
	n := m.Memory().Layout().Len()
	r := &Reducible{Model: m, objects: kernel.NewObjects(m.Sim), ends: make([]bool, n), depends: make([]uint64, n)}
	for _, p := range m.preds {
		if p.end {
			for _, w := range p.reads {
				r.ends[w.Cell()] = r.ends[w.Cell()] || m.Memory().Layout().Class(w.Cell()) != machine.Ends
			}
			continue
		}
		r.objects.Claims(p.reads)
	}
	n = r.objects.Len()
	for range m.Actors() {
		r.steps = append(r.steps, step{all: check.MakeAccess(n), firm: check.MakeAccess(n)})
		r.stale = r.stale<<1 | 1
	}
	return r
}

// Actors is how many actors there are.
func (r *Reducible) Actors() int { return len(r.steps) }

// Changed notes that a cell has another value.
func (r *Reducible) Changed(id cell.ID) {
	r.stale |= r.depends[id]
	r.objects.Changed(id)
}

// Against returns who may come into conflict with an actor's next step.
func (r *Reducible) Against(actor int) uint64 {
	r.Next(actor)
	return r.objects.Against(actor, &r.steps[actor].firm)
}

// Next returns what an actor's next step accesses.
func (r *Reducible) Next(actor int) *check.Access {
	s := &r.steps[actor]
	if r.stale>>actor&1 != 0 {
		mem := r.Memory()
		watch := mem.Watch(nil)
		r.find(actor, s)
		mem.Watch(watch)
		r.stale &^= 1 << actor
	}
	return &s.all
}

// find finds out what an actor does next.
func (r *Reducible) find(actor int, s *step) {
	mem := r.Memory()
	for _, id := range s.by {
		r.depends[id] &^= 1 << actor
	}
	s.by = s.by[:0]
	s.firm.Clear()
	r.foot.Reset()
	r.offered = r.offered[:0]
	mem.Record(&r.foot)
	r.Offers(actor, func(key int) { r.offered = append(r.offered, key) })
	mem.Record(nil)
	pauses, only := r.objects.Pauses(actor)
	only = only && len(r.offered) > 0
	r.found(actor, r.foot.Reads, s)
	if only {
		r.foot.Reads = slices.DeleteFunc(r.foot.Reads, func(id cell.ID) bool { return id == pauses })
	}
	r.add(actor, nil, s)
	for _, key := range r.offered {
		r.foot.Reset()
		mark, hash := mem.Mark(), mem.Hash()
		mem.Record(&r.foot)
		r.Do(check.Choice{Actor: uint16(actor), Key: uint16(key)})
		mem.Record(nil)
		r.changes = mem.AppendChanges(r.changes[:0], mark)
		r.judge(actor, s)
		mem.Return(mark, hash)
		r.add(actor, r.changes, s)
	}
	s.all.Clear()
	s.all.And(&s.firm)
	if only {
		s.all.Reads.Add(r.objects.Object(pauses))
	}
}

// judge adds what the predicates read on which a step has a bearing: those that
// read, in the state behind it, something that it changed. Of any other the step can tell nothing,
// even if it is evaluated: it reads there what it read before.
//
// Claims about the ends of runs are judged where all programs have ended, and no task moves
// from there. A step of anybody else that changes what they read must not be put off until then.
func (r *Reducible) judge(actor int, s *step) {
	clear(r.dirty)
	for _, c := range r.changes {
		for i, w := range r.watch[c.Cell] {
			r.dirty[i] |= w
		}
		if r.ends[c.Cell] && r.Sim.Actors()[actor].Kind != kernel.TaskActor {
			r.objects.AddEnd(&s.firm)
		}
	}
	r.Memory().Record(&r.judged)
	for i, w := range r.dirty {
		r.dirty[i] = 0
		for ; w != 0; w &= w - 1 {
			r.judged.Reset()
			r.preds[i*64+bits.TrailingZeros64(w)].holds()
			if slices.ContainsFunc(r.changes, func(c cell.Change) bool { return slices.Contains(r.judged.Reads, c.Cell) }) {
				r.objects.Add(&r.judged, nil, &s.firm)
			}
			r.found(actor, r.judged.Reads, s)
		}
	}
	r.Memory().Record(nil)
}

// add adds what the footprint shows of a step that has made some changes.
func (r *Reducible) add(actor int, changes []cell.Change, s *step) {
	r.objects.Add(&r.foot, func(id cell.ID) bool {
		return slices.ContainsFunc(changes, func(c cell.Change) bool { return c.Cell == id })
	}, &s.firm)
	r.found(actor, r.foot.Reads, s)
	r.found(actor, r.foot.Writes, s)
}

// found notes what an actor's next step was found out by.
func (r *Reducible) found(actor int, ids []cell.ID, s *step) {
	for _, id := range ids {
		if r.depends[id]>>actor&1 == 0 {
			r.depends[id] |= 1 << actor
			s.by = append(s.by, id)
		}
	}
}
