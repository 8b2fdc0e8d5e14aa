package check

import (
	"math/bits"
	"unsafe"

	"gupscope/core/cell"
)

// A reduction is the proof of a model that is [Reducible]: depth-first as in
// [proof], but of the actors that can move in a state only some are followed:
//
//	visit(state, asleep):
//	    if a claim is broken: note it, do not go on
//	    set = actors with whose next steps all that the others may still do is independent
//	    for every actor of set that is not asleep:
//	        visit(its successors, those of asleep and done whose next steps are independent of this one)
//	        done += actor
//	    if every successor was broken or on the stack: go on with all other actors
//
// A state that was seen is visited again if fewer are asleep, for those that
// are awake now. Why nothing is lost is in RATIONALE.md.
type reduction struct {
	m       Reducible
	seen    noted
	stack   []visit
	options []option // of all visits on the stack, as choices in proof

	// About the present state, as far as it was asked for: what can happen, and
	// who may come into conflict with whose next step.
	choices               []Choice
	next                  []*Access
	against               []uint64
	knowNext, knowAgainst uint64

	edges *edges // between states that are kept; nil: nobody asks
}

// A visit is a state on the way from the initial one to the present.
type visit struct {
	fp     uint64
	from   uint64 // the last state that was kept, on the way here or this one
	asleep uint64 // actors
	done   uint64 // actors that were followed in this visit
	mark   uint32 // before the step that led here
	first  uint32 // of its options
	next   uint32 // option to be done
	fused  uint8  // states on the way here since the last that was kept
	kept   bool   // its note is marked as on the stack, by this visit
	good   bool   // a successor is neither broken nor on the stack
	full   bool   // no actor is left out but those asleep
}

// An option is a choice, with the actors whose next steps are independent of it.
type option struct {
	Choice
	apart uint64
}

// The word noted of a state: the actors that were asleep in all visits, and
const (
	onStack  = 1 << 63 // its first visit is not over
	brokenAt = 1 << 62 // a claim is false there
	sleepers = brokenAt - 1
)

// maxFused bounds how many states in a row are not kept, so that a circle of
// such states is noticed.
const maxFused = 16

func newReduction(m Reducible) *reduction {
	r := &reduction{m: m, next: make([]*Access, m.Actors()), against: make([]uint64, m.Actors())}
	if finite(m) != nil {
		r.edges = &edges{}
	}
	return r
}

func (r *reduction) bytes() uint64 {
	return r.seen.bytes + r.edges.bytes() + uint64(cap(r.stack))*uint64(unsafe.Sizeof(visit{})) +
		uint64(cap(r.options))*uint64(unsafe.Sizeof(option{}))
}

// reduce makes about so many transitions of the proof, and returns how many.
func (c *Check) reduce(budget int) int {
	p, r, mem := &c.proof, c.proof.reduction, c.mem
	if !p.begun {
		p.begun = true
		r.arrive(c, -1, 0, 0)
	}
	defer mem.Watch(mem.Watch(r.m.Changed))
	left := budget
	for left > 0 {
		if len(r.stack) == 0 {
			p.complete = true
			p.circular = r.edges.circular()
			r.seen, r.stack, r.options, r.edges = noted{}, nil, nil, nil
			c.proved()
			break
		}
		v := &r.stack[len(r.stack)-1]
		over := int(v.next) == len(r.options)
		if over && (v.good || v.full) {
			r.leave(mem, v)
			continue
		}
		if c.limits.reached(p.states, p.bytes()+mem.LogBytes()) {
			c.proved()
			break
		}
		if over {
			r.widen(p, v)
			continue
		}
		o := r.options[v.next]
		mark, hash := mem.Mark(), mem.Hash()
		r.m.Do(o.Choice)
		left--
		p.transitions++
		asleep := (v.asleep | v.done) & o.apart
		v.next++
		v.done |= 1 << o.Actor
		if !r.arrive(c, mark, asleep, v.fused) {
			mem.Return(mark, hash)
		}
	}
	return budget - left
}

// arrive is at a state that a step of the visit on top of the stack led to. It
// returns false if there is nothing to be done from here.
func (r *reduction) arrive(c *Check, mark cell.Mark, asleep uint64, fused uint8) bool {
	fp := r.m.Fingerprint()
	word := r.seen.find(fp)
	if word == nil {
		return r.enter(c, mark, fp, asleep, fused)
	}
	from := &r.stack[len(r.stack)-1]
	if *word&brokenAt != 0 {
		return false
	}
	r.edges.add(from.from, fp)
	from.good = from.good || *word&onStack == 0
	awake := *word & sleepers &^ asleep
	if awake == 0 {
		return false
	}
	*word &^= awake
	asleep = *word & sleepers
	v := visit{fp: fp, from: fp, asleep: asleep, mark: uint32(mark), full: true}
	r.look()
	r.push(v, awake)
	return true
}

// enter comes to a state for the first time.
func (r *reduction) enter(c *Check, mark cell.Mark, fp, asleep uint64, fused uint8) bool {
	p := &c.proof
	p.depth = max(p.depth, len(r.stack))
	if broken := c.judge(mark); len(broken) > 0 {
		run := c.run()
		for _, claim := range broken {
			c.found(claim, run)
		}
		r.keep(p, fp, brokenAt)
		return false
	}
	from := fp
	if len(r.stack) > 0 {
		before := &r.stack[len(r.stack)-1]
		before.good, from = true, before.from
	}
	enabled := r.look()
	if enabled == 0 && !c.m.Done() {
		c.found(c.deadlock(), c.run())
	}
	if enabled&^asleep == 0 {
		r.keep(p, fp, asleep&enabled)
		return false
	}
	set := r.pick(enabled, asleep)
	v := visit{fp: fp, from: from, asleep: asleep, mark: uint32(max(mark, 0)), fused: fused + 1, full: enabled&^asleep&^set == 0}
	if r.push(v, set&^asleep) > 1 || v.fused > maxFused {
		r.keep(p, fp, asleep&enabled|onStack)
		v := &r.stack[len(r.stack)-1]
		r.edges.add(v.from, fp)
		v.kept, v.fused, v.from = true, 0, fp
	}
	return true
}

func (r *reduction) keep(p *proof, fp, word uint64) {
	r.seen.add(fp, word)
	p.states++
}

// look asks the model what can happen in the present state, and returns the
// actors that can move.
func (r *reduction) look() (enabled uint64) {
	r.choices = r.m.Choices(r.choices[:0])
	for _, c := range r.choices {
		enabled |= 1 << c.Actor
	}
	r.knowNext, r.knowAgainst = 0, 0
	return enabled
}

// nextOf returns what an actor's next step accesses.
func (r *reduction) nextOf(actor int) *Access {
	if r.knowNext>>actor&1 == 0 {
		r.knowNext |= 1 << actor
		r.next[actor] = r.m.Next(actor)
	}
	return r.next[actor]
}

// push puts a visit of the present state on the stack, to follow some actors,
// and returns how many options they have.
func (r *reduction) push(v visit, follow uint64) int {
	v.first = uint32(len(r.options))
	v.next = v.first
	r.stack = append(r.stack, v)
	return r.follow(follow, v.asleep|follow)
}

// follow appends the options of some actors, each with those of others that are
// apart from it.
func (r *reduction) follow(follow, others uint64) int {
	n := 0
	var apart uint64
	last := -1
	for _, c := range r.choices {
		if follow>>c.Actor&1 == 0 {
			continue
		}
		if last != int(c.Actor) {
			last = int(c.Actor)
			apart = 0
			for b := others &^ (1 << c.Actor); b != 0; b &= b - 1 {
				if i := bits.TrailingZeros64(b); !r.nextOf(last).Conflicts(r.nextOf(i)) {
					apart |= 1 << i
				}
			}
		}
		r.options = append(r.options, option{c, apart})
		n++
	}
	return n
}

// widen adds to a visit the actors that it has left out. A state that was not kept
// is kept now that it branches; if another visit has kept it meanwhile and is
// over, this one only adds to that.
func (r *reduction) widen(p *proof, v *visit) {
	v.full = true
	enabled := r.look()
	if !v.kept {
		switch word := r.seen.find(v.fp); {
		case word == nil:
			r.keep(p, v.fp, v.asleep&enabled|onStack)
			r.edges.add(v.from, v.fp)
			v.kept, v.from = true, v.fp
		case *word&onStack == 0:
			awake := *word & sleepers &^ v.asleep
			*word &^= awake
			v.asleep, v.done = *word&sleepers, 0
			r.follow(awake, awake|v.asleep)
			return
		}
	}
	rest := enabled &^ v.asleep &^ v.done
	r.follow(rest, rest|v.asleep|v.done)
}

// leave ends a visit: all its options are done.
func (r *reduction) leave(mem *cell.Memory, v *visit) {
	if v.kept {
		*r.seen.find(v.fp) &^= onStack
	}
	mem.Undo(cell.Mark(v.mark))
	r.options = r.options[:v.first]
	r.stack = r.stack[:len(r.stack)-1]
}

// pick returns actors to follow: a set that is closed under "what this one
// does next is in conflict with what that one may still do", with as few that are
// awake as can be, but at least one.
func (r *reduction) pick(enabled, asleep uint64) uint64 {
	best, fewest := enabled, bits.OnesCount64(enabled&^asleep)
	if v := len(r.stack) - 1; v >= 0 { // who has just moved may be at a step that is nobody's business
		a := r.options[r.stack[v].next-1].Actor
		if (enabled&^asleep)>>a&1 != 0 && r.againstOf(int(a)) == 0 {
			return 1 << a
		}
	}
	for try := enabled &^ asleep; try != 0 && fewest > 1; try &= try - 1 {
		set := r.close(try&-try, enabled&^asleep, fewest)
		if n := bits.OnesCount64(set & enabled &^ asleep); n < fewest {
			best, fewest = set&enabled, n
		}
	}
	return best
}

// close closes a set; it gives up when so many of the awake are in it.
func (r *reduction) close(set, awake uint64, most int) uint64 {
	for todo := set; todo != 0; {
		a := bits.TrailingZeros64(todo)
		more := r.againstOf(a) &^ set
		set |= more
		todo = todo&(todo-1) | more
		if bits.OnesCount64(set&awake) >= most {
			break
		}
	}
	return set
}

// againstOf returns who may come into conflict with the next step of an actor.
func (r *reduction) againstOf(actor int) uint64 {
	if r.knowAgainst>>actor&1 == 0 {
		r.knowAgainst |= 1 << actor
		r.against[actor] = r.m.Against(actor)
	}
	return r.against[actor]
}

// run returns the choices that led to the present state.
func (r *reduction) run() []Choice {
	run := make([]Choice, 0, len(r.stack))
	for _, v := range r.stack {
		run = append(run, r.options[v.next-1].Choice)
	}
	return run
}

// redo brings the memory from the initial state back to where the proof stopped.
func (r *reduction) redo() {
	mem := r.m.Memory()
	defer mem.Watch(mem.Watch(r.m.Changed))
	for i := 0; i+1 < len(r.stack); i++ {
		r.m.Do(r.options[r.stack[i].next-1].Choice)
	}
}
