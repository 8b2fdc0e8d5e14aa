package check

import (
	"math"
	"runtime"
	"unsafe"

	"gupscope/core/cell"
)

// A proof is the depth-first search that sees every state:
//
//	visit(state):
//	    if a claim is broken: note it, do not go on
//	    for every choice of the state:
//	        do it
//	        if the state is new: visit it
//	        undo it
type proof struct {
	descent
	seen        *seen
	whole       *whole // in the place of seen, if whole states are kept
	states      uint64
	transitions uint64
	begun       bool
	complete    bool

	trail    *trail  // of the states on the stack; nil: no cycle is looked for, or one was found
	circular bool    // there may be a cycle
	cycles   *cycles // nil: not begun

	reduction *reduction // nil: every choice of every state is taken
	team      *team      // nil: there is one worker, this one
}

// A descent is a depth-first search on its way: one memory, moved forward by Do
// and back by Undo, and what is still to be done. The recursion is a stack of frames,
// so that the search can pause anywhere.
type descent struct {
	m     Model
	mem   *cell.Memory
	stack []frame
	// choices holds those of all frames, each frame's behind those of the frame
	// below: what of a frame is still to be done lies between its next and the
	// first of the frame above.
	choices []Choice
	depth   int // length of the longest run followed
	broken  []int
	ahead   []uint64 // fingerprints, for lookAhead
	fetched uint64   // of no meaning: for what is fetched must be used

	deadlock int // the number of NoDeadlock
	found    func(claim int, run []Choice)
}

// A frame is a state on the way from the initial state to the present one.
type frame struct {
	mark  uint32 // before the step that led here
	first uint32 // of its choices
	next  uint32 // choice to be done
}

func (d *descent) bytes() uint64 {
	return uint64(cap(d.stack))*uint64(unsafe.Sizeof(frame{})) +
		uint64(cap(d.choices))*uint64(unsafe.Sizeof(Choice{}))
}

func (p *proof) bytes() uint64 {
	n := p.descent.bytes()
	if p.seen != nil {
		n += p.seen.bytes
	}
	if p.whole != nil {
		n += p.whole.bytes
	}
	if p.reduction != nil {
		n += p.reduction.bytes()
	}
	if p.team != nil {
		n += p.team.bytes()
	}
	return n + p.trail.bytes() + p.cycles.bytes()
}

// prove makes about so many transitions of the proof, and returns how many.
func (c *Check) prove(budget int) int {
	p := &c.proof
	switch {
	case p.cycles != nil:
		made, full := p.cycles.search(c, budget)
		if p.complete = p.cycles.over; p.complete || full {
			c.proved()
		}
		return made
	case p.reduction != nil:
		return c.reduce(budget)
	case p.team != nil:
		return c.proveTogether(budget)
	}
	if !p.begun {
		p.begun = true
		p.states = 1
		if p.whole != nil {
			p.whole.has(0)
			p.whole.add()
		} else {
			p.seen = newSeen(false)
			p.seen.start(c.mem.Hash())
		}
		if p.enter(-1) && finite(c.m) != nil {
			p.trail = newTrail()
			p.trail.push(c.mem.Hash())
		}
	}
	m, mem, seen := c.m, c.mem, p.seen
	left := budget
	for left > 0 {
		if len(p.stack) == 0 {
			p.seen, p.stack, p.choices = nil, nil, nil
			p.complete = true
			c.proved()
			break
		}
		f := &p.stack[len(p.stack)-1]
		if int(f.next) == len(p.choices) {
			if p.trail != nil {
				p.trail.pop(mem.Hash())
			}
			p.leave(f)
			continue
		}
		mark, hash := mem.Mark(), mem.Hash()
		m.Do(p.choices[f.next])
		left--
		fp := mem.Hash()
		var at place
		var known bool
		if p.whole != nil {
			known = p.whole.has(mark)
		} else {
			at, known = seen.met(fp)
		}
		if known {
			p.transitions++
			f.next++
			mem.Return(mark, hash)
			if p.trail != nil && p.trail.has(fp) {
				p.trail, p.circular = nil, true
			}
			continue
		}
		if c.limits != (Limits{}) && c.limits.reached(p.states, p.bytes()+mem.LogBytes()) {
			if p.whole == nil {
				seen.forget(fp)
			}
			mem.Return(mark, hash)
			c.proved()
			break
		}
		p.transitions++
		p.states++
		f.next++
		if p.whole != nil {
			p.whole.add()
		} else {
			seen.add(at, fp, 0)
		}
		if !p.enter(mark) {
			mem.Return(mark, hash)
			continue
		}
		if p.trail != nil {
			p.trail.push(fp)
		}
		if p.whole == nil && seen.n >= siftFrom {
			left -= p.sift()
		}
	}
	return budget - left
}

// sift strikes out the choices of the state on top of the stack that lead to
// states seen before, and returns how many.
func (p *proof) sift() int {
	choices := p.lookAhead(p.seen)
	left := 0
	for i, fp := range p.ahead {
		if !p.seen.has(fp) {
			choices[left] = choices[i]
			left++
		} else if p.trail != nil && p.trail.has(fp) {
			p.trail, p.circular = nil, true
		}
	}
	struck := p.strike(len(choices) - left)
	p.transitions += uint64(struck)
	return struck
}

// enter judges the present state, which is new, and puts it on the stack. It
// returns false if nothing can follow.
func (d *descent) enter(mark cell.Mark) bool {
	d.depth = max(d.depth, len(d.stack))
	d.broken = d.m.Broken(mark, d.broken[:0])
	if len(d.broken) > 0 {
		run := d.run()
		for _, claim := range d.broken {
			d.found(claim, run)
		}
		return false
	}
	first := len(d.choices)
	d.choices = d.m.Choices(d.choices)
	if len(d.choices) == first {
		if !d.m.Done() {
			d.found(d.deadlock, d.run())
		}
		return false
	}
	d.stack = append(d.stack, frame{uint32(max(mark, 0)), uint32(first), uint32(first)})
	return true
}

// siftFrom is from how many states on a proof looks ahead: the set has outgrown the
// nearer caches then, and what is saved by it is more than the steps made twice. In WASM, where steps cost more
// and misses no more, it never is. Only a test changes it.
var siftFrom uint64 = 1 << 16

func init() {
	if runtime.GOARCH == "wasm" {
		siftFrom = math.MaxUint64
	}
}

// lookAhead makes every step from the state on top of the stack and takes it
// back, and returns its choices, with the fingerprints behind them in ahead. That the
// set is asked for all of them at once lets the cache misses overlap.
func (d *descent) lookAhead(s *seen) []Choice {
	choices := d.choices[d.stack[len(d.stack)-1].first:]
	mark, hash := d.mem.Mark(), d.mem.Hash()
	d.ahead = d.ahead[:0]
	for _, c := range choices {
		d.m.Do(c)
		d.ahead = append(d.ahead, d.mem.Hash())
		d.mem.Return(mark, hash)
	}
	d.fetched = s.fetch(d.ahead)
	return choices
}

// strike takes away the last choices of the state on top of the stack, and returns how many.
func (d *descent) strike(n int) int {
	d.choices = d.choices[:len(d.choices)-n]
	return n
}

// leave goes back from the state on top of the stack to the one below.
func (d *descent) leave(f *frame) {
	d.choices = d.choices[:f.first]
	d.mem.Undo(cell.Mark(f.mark))
	d.stack = d.stack[:len(d.stack)-1]
}

// run returns the choices that led to the present state.
func (d *descent) run() []Choice {
	run := make([]Choice, 0, len(d.stack))
	for _, f := range d.stack {
		run = append(run, d.choices[f.next-1])
	}
	return run
}

// redo brings the memory from the initial state back to where the search stopped.
func (d *descent) redo() {
	for i := 0; i+1 < len(d.stack); i++ {
		d.m.Do(d.choices[d.stack[i].next-1])
	}
}

// run returns the choices that led the proof to the present state.
func (c *Check) run() []Choice {
	if r := c.proof.reduction; r != nil {
		return r.run()
	}
	return c.proof.descent.run()
}

// proved ends the proof, for now or for good.
func (c *Check) proved() {
	p := &c.proof
	c.mem.Undo(0)
	if p.team != nil {
		p.team.undo()
	}
	if p.complete && p.cycles == nil && c.mayCycle() {
		p.complete = false
		p.team, p.trail = nil, nil
		p.cycles = &cycles{m: finite(c.m)}
		return
	}
	if p.complete && p.cycles == nil {
		p.whole = nil
	}
	for _, b := range c.breaches {
		if b != nil && !b.final {
			c.phase = Shortening
			return
		}
	}
	c.rest()
}

// mayCycle reports whether livelocks are judged, and the proof, which has seen
// all states, does not exclude that there is a cycle. A reduced one does only if the model
// says that no step went back.
func (c *Check) mayCycle() bool {
	m := finite(c.m)
	if m == nil {
		return false
	}
	switch {
	case c.proof.team != nil:
		return c.proof.team.circular
	}
	return c.proof.circular && m.WentBack()
}

// redo brings memories from the initial state back to where the proof stopped.
func (p *proof) redo(c *Check) {
	switch {
	case p.cycles != nil:
		p.cycles.redo(c)
	case p.reduction != nil:
		p.reduction.redo()
	case p.team != nil:
		p.team.redo()
	default:
		p.descent.redo()
	}
}
