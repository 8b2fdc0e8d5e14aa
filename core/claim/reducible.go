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
// claims read that are judged behind it belongs to it. So it is remembered, with the
// cells that it was found out by and their values, for whenever they are so again.
type Reducible struct {
	*Model
	objects *kernel.Objects
	ends    []bool              // by cell: claims about the ends of runs read it
	own     []int8              // by cell: the task whose stack it is on, plus one
	say     func(cell.Instance) // adds to the hash of what is said of an instance
	saying  uint64              // what a private place adds to it

	// What is kept up from state to state, since begin.
	next    []*step  // by actor: what it does next
	stale   uint64   // actors of which that is out of date
	depends []uint64 // by cell: the actors whose next step depends on it
	stacks  []uint64 // by actor: the hash of its task's stack
	said    []uint64 // by instance: a hash of what private places say of it
	seekers []uint64 // by instance: the actors whose next step depends on that

	known    []map[uint64][]*step // by actor and the hash of its task's stack
	remember int                  // how many are remembered
	steps    uint32               // how many were ever found out, for their numbers

	// Scratch of find.
	foot, judged cell.Footprint
	changes      []cell.Change
}

// A step is what an actor does next where some cells have some values.
type step struct {
	number uint32
	keys   []uint16
	all    check.Access
	firm   check.Access // without what only suspends the actor, if it can move
	by     []reading    // what it was found out by, beside its task's stack
	seeks  []hearing    // and what private places said of instances that it seeks
}

type reading struct {
	id    cell.ID
	value uint64
}

// A hearing is what private places said of an instance, as a hash.
type hearing struct {
	of   cell.Instance
	said uint64
}

// holds reports whether all is as it was when the step was found out.
func (r *Reducible) holds(s *step) bool {
	mem := r.Memory()
	for _, b := range s.by {
		if mem.Peek(b.id) != b.value {
			return false
		}
	}
	for _, h := range s.seeks {
		if r.said[h.of] != h.said {
			return false
		}
	}
	return true
}

// tooMany is how many steps are remembered before all are forgotten.
const tooMany = 1 << 15

var _ check.Reducible = (*Reducible)(nil)

// Reduce returns the model for a reduced search, from the state that its memory is in.
func Reduce(m *Model) *Reducible {
	layout, actors := m.Memory().Layout(), len(m.Actors())
	n := layout.Len()
	r := &Reducible{Model: m, objects: kernel.NewObjects(m.Sim), ends: make([]bool, n), own: make([]int8, n),
		next: make([]*step, actors), depends: make([]uint64, n), stacks: make([]uint64, actors), known: make([]map[uint64][]*step, actors),
		said: make([]uint64, m.M.Instances()), seekers: make([]uint64, m.M.Instances())}
	r.say = func(i cell.Instance) {
		r.said[i] ^= r.saying
		r.stale |= r.seekers[i]
	}
	for _, p := range m.preds {
		if p.end {
			for _, w := range p.reads {
				r.ends[w.Cell()] = r.ends[w.Cell()] || layout.Class(w.Cell()) != machine.Ends
			}
			continue
		}
		r.objects.Claims(p.reads, p.when != nil)
	}
	for id := range cell.ID(n) {
		if layout.Class(id) == machine.Stacks {
			r.own[id] = int8(layout.Of(id)-m.M.OfTask(0)) + 1
		}
	}
	for i := range r.known {
		r.known[i] = map[uint64][]*step{}
	}
	r.begin()
	return r
}

// begin forgets all steps, and looks at the present state afresh. Steps are numbered on: no two that
// were ever found out have one number.
func (r *Reducible) begin() {
	r.objects.Begin()
	for _, kept := range [][]uint64{r.depends, r.stacks, r.said, r.seekers} {
		clear(kept)
	}
	r.forget()
	for i := range r.next {
		r.next[i] = nil
		r.stale |= 1 << i
	}
	mem := r.Memory()
	end := cell.ID(len(r.own))
	for id := mem.Nonzero(0, end); id < end; id = mem.Nonzero(id+1, end) {
		if t := r.own[id]; t > 0 {
			r.stacks[t-1] ^= cell.Mix(id, mem.Peek(id))
		}
		r.says(id, mem.Peek(id))
	}
}

// forget forgets what is remembered of steps that are nobody's next.
func (r *Reducible) forget() {
	r.remember = 0
	for i := range r.known {
		clear(r.known[i])
	}
}

// Actors is how many actors there are.
func (r *Reducible) Actors() int { return len(r.next) }

// Choices appends all that can happen now. While the search is under way that is
// known of every actor's next step.
func (r *Reducible) Choices(dst []check.Choice) []check.Choice {
	if !r.Memory().Watched() {
		return r.Model.Choices(dst)
	}
	for i := range r.next {
		for _, key := range r.step(i).keys {
			dst = append(dst, check.Choice{Actor: uint16(i), Key: key})
		}
	}
	return dst
}

// Fingerprint is that of the whole state.
func (r *Reducible) Fingerprint() uint64 { return r.Memory().Hash() }

// Changed notes that a cell has another value.
func (r *Reducible) Changed(id cell.ID, old, new uint64) {
	r.stale |= r.depends[id]
	if t := r.own[id]; t > 0 {
		r.stacks[t-1] ^= cell.Mix(id, old) ^ cell.Mix(id, new)
		r.stale |= 1 << (t - 1)
	}
	r.says(id, old)
	r.says(id, new)
	r.objects.Changed(id)
}

// says adds what a private place with a value says of instances to their hashes, or takes it out again.
func (r *Reducible) says(id cell.ID, v uint64) {
	if v == 0 {
		return
	}
	if region, at := r.Memory().Layout().Region(id); region.Private && region.Names != nil {
		r.saying = cell.Mix(id, v)
		region.Names(at, v, r.say)
	}
}

// Against returns who may come into conflict with an actor's next step.
func (r *Reducible) Against(actor int) uint64 {
	s := r.step(actor)
	return r.objects.Against(actor, &s.firm, s.number)
}

// Next returns what an actor's next step accesses.
func (r *Reducible) Next(actor int) *check.Access { return &r.step(actor).all }

// step returns an actor's next step.
func (r *Reducible) step(actor int) *step {
	if r.stale>>actor&1 == 0 {
		return r.next[actor]
	}
	r.stale &^= 1 << actor
	mem, known := r.Memory(), r.known[actor]
	var s *step
	for _, k := range known[r.stacks[actor]] {
		if r.holds(k) {
			s = k
			break
		}
	}
	if s == nil {
		if r.remember == tooMany {
			r.forget()
		}
		r.remember++
		watch := mem.Watch(nil)
		s = r.find(actor)
		mem.Watch(watch)
		known[r.stacks[actor]] = append(known[r.stacks[actor]], s)
	}
	if was := r.next[actor]; was != s {
		if was != nil {
			for _, b := range was.by {
				r.depends[b.id] &^= 1 << actor
			}
			for _, h := range was.seeks {
				r.seekers[h.of] &^= 1 << actor
			}
		}
		for _, b := range s.by {
			r.depends[b.id] |= 1 << actor
		}
		for _, h := range s.seeks {
			r.seekers[h.of] |= 1 << actor
		}
		r.next[actor] = s
	}
	return s
}

// find finds out what an actor does next.
func (r *Reducible) find(actor int) *step {
	mem, n := r.Memory(), r.objects.Len()
	r.steps++
	s := &step{number: r.steps, all: check.MakeAccess(n), firm: check.MakeAccess(n)}
	r.foot.Reset()
	mem.Record(&r.foot)
	r.Offers(actor, func(key int) { s.keys = append(s.keys, uint16(key)) })
	mem.Record(nil)
	pauses, only := r.objects.Pauses(actor)
	only = only && len(s.keys) > 0
	r.found(r.foot.Reads, s)
	if only {
		r.foot.Reads = slices.DeleteFunc(r.foot.Reads, func(id cell.ID) bool { return id == pauses })
	}
	r.add(nil, s)
	for _, key := range s.keys {
		r.foot.Reset()
		mark, hash := mem.Mark(), mem.Hash()
		mem.Record(&r.foot)
		r.Do(check.Choice{Actor: uint16(actor), Key: key})
		mem.Record(nil)
		r.changes = mem.AppendChanges(r.changes[:0], mark)
		r.judge(actor, s)
		mem.Return(mark, hash)
		r.add(r.changes, s)
	}
	s.all.And(&s.firm)
	if only {
		s.all.Reads.Add(r.objects.Object(pauses))
	}
	s.by = slices.DeleteFunc(s.by, func(b reading) bool { return int(r.own[b.id])-1 == actor })
	for i := range s.by {
		s.by[i].value = mem.Peek(s.by[i].id)
	}
	for i := range s.seeks {
		s.seeks[i].said = r.said[s.seeks[i].of]
	}
	return s
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
		for i, w := range r.watch[int(c.Cell)*len(r.dirty):][:len(r.dirty)] {
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
			r.found(r.judged.Reads, s)
			r.found(r.judged.Glances, s)
		}
	}
	r.Memory().Record(nil)
}

// add adds what the footprint shows of a step that has made some changes.
func (r *Reducible) add(changes []cell.Change, s *step) {
	r.objects.Add(&r.foot, func(id cell.ID) bool {
		return slices.ContainsFunc(changes, func(c cell.Change) bool { return c.Cell == id })
	}, &s.firm)
	r.found(r.foot.Reads, s)
	r.found(r.foot.Writes, s)
	r.found(r.foot.Glances, s)
	for _, i := range r.foot.Sought {
		if !slices.ContainsFunc(s.seeks, func(h hearing) bool { return h.of == i }) {
			s.seeks = append(s.seeks, hearing{of: i})
		}
	}
}

// found notes what a step was found out by.
func (r *Reducible) found(ids []cell.ID, s *step) {
	for _, id := range ids {
		if !slices.ContainsFunc(s.by, func(b reading) bool { return b.id == id }) {
			s.by = append(s.by, reading{id: id})
		}
	}
}
