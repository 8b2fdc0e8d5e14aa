package check

import (
	"unsafe"

	"gupscope/core/cell"
)

// A proof is the depth-first search that sees every state: one memory, moved
// forward by Do and back by Undo.
//
//	visit(state):
//	    if a claim is broken: note it, do not go on
//	    for every choice of the state:
//	        do it
//	        if the state is new: visit it
//	        undo it
//
// The recursion is a stack of frames, so that the search can pause anywhere.
type proof struct {
	seen        *seen
	states      uint64
	transitions uint64
	depth       int
	begun       bool
	complete    bool

	reduction *reduction // nil: every choice of every state is taken

	stack []frame
	// choices holds those of all frames, each frame's behind those of the frame
	// below: what of a frame is still to be done lies between its next and the
	// first of the frame above.
	choices []Choice
}

// A frame is a state on the way from the initial state to the present one.
type frame struct {
	mark  uint32 // before the step that led here
	first uint32 // of its choices
	next  uint32 // choice to be done
}

func (p *proof) bytes() uint64 {
	n := uint64(cap(p.stack))*uint64(unsafe.Sizeof(frame{})) +
		uint64(cap(p.choices))*uint64(unsafe.Sizeof(Choice{}))
	if p.seen != nil {
		n += p.seen.bytes
	}
	if p.reduction != nil {
		n += p.reduction.bytes()
	}
	return n
}

// prove makes about so many transitions of the proof, and returns how many.
func (c *Check) prove(budget int) int {
	p := &c.proof
	if p.reduction != nil {
		return c.reduce(budget)
	}
	if !p.begun {
		c.begin()
	}
	m, mem, seen := c.m, c.mem, p.seen
	left := budget
	for left > 0 {
		if len(p.stack) == 0 {
			p.complete = true
			p.seen, p.stack, p.choices = nil, nil, nil
			c.proved()
			break
		}
		f := &p.stack[len(p.stack)-1]
		if int(f.next) == len(p.choices) {
			p.choices = p.choices[:f.first]
			mem.Undo(cell.Mark(f.mark))
			p.stack = p.stack[:len(p.stack)-1]
			continue
		}
		mark, hash := mem.Mark(), mem.Hash()
		m.Do(p.choices[f.next])
		left--
		fp := mem.Hash()
		at, known := seen.met(fp)
		if known {
			p.transitions++
			f.next++
			mem.Return(mark, hash)
			continue
		}
		if c.limits.reached(p.states, p.bytes()+mem.LogBytes()) {
			seen.forget(fp)
			mem.Return(mark, hash)
			c.proved()
			break
		}
		p.transitions++
		p.states++
		f.next++
		seen.add(at, fp, 0)
		if !c.enter(mark) {
			mem.Return(mark, hash)
		}
	}
	return budget - left
}

// begin enters the initial state.
func (c *Check) begin() {
	p := &c.proof
	p.begun = true
	p.seen = newSeen(false)
	at, _ := p.seen.find(c.mem.Hash())
	p.seen.add(at, c.mem.Hash(), 0)
	p.states = 1
	c.enter(-1)
}

// enter judges the present state, which is new, and puts it on the stack. It
// returns false if nothing can follow.
func (c *Check) enter(mark cell.Mark) bool {
	p := &c.proof
	p.depth = max(p.depth, len(p.stack))
	if broken := c.judge(mark); len(broken) > 0 {
		run := c.run()
		for _, claim := range broken {
			c.found(claim, run)
		}
		return false
	}
	first := len(p.choices)
	p.choices = c.m.Choices(p.choices)
	if len(p.choices) == first {
		if !c.m.Done() {
			c.found(c.deadlock(), c.run())
		}
		return false
	}
	p.stack = append(p.stack, frame{uint32(max(mark, 0)), uint32(first), uint32(first)})
	return true
}

// run returns the choices that led to the present state.
func (c *Check) run() []Choice {
	if r := c.proof.reduction; r != nil {
		return r.run()
	}
	run := make([]Choice, 0, len(c.proof.stack))
	for _, f := range c.proof.stack {
		run = append(run, c.proof.choices[f.next-1])
	}
	return run
}

// proved ends the proof, for now or for good.
func (c *Check) proved() {
	c.mem.Undo(0)
	for _, b := range c.breaches {
		if b != nil && !b.final {
			c.phase = Shortening
			return
		}
	}
	c.rest()
}

// redo brings the memory from the initial state back to where the proof stopped.
func (p *proof) redo(c *Check) {
	if p.reduction != nil {
		p.reduction.redo()
		return
	}
	for i := 0; i+1 < len(p.stack); i++ {
		c.m.Do(p.choices[p.stack[i].next-1])
	}
}
