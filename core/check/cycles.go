package check

import (
	"unsafe"

	"gupscope/core/cell"
)

// cycles is the search for livelocks: depth-first once more through all states,
// by one worker and without reduction, for the strongly connected components of
// their graph. It runs only if the proof cannot exclude that there is a cycle.
//
// Components are found as they are by Gabow: open states are in the order of their
// numbers, and knots say which of them are known to be in one component. A step back to an open
// state ties all knots above that state into one. Of a component, the steps within it
// are known when it is complete, and which parts of it are livelocks is found out there: see fair.go.
type cycles struct {
	m       Finite
	numbers noted // by name: what is known of a state
	open    []opened
	knots   []knot
	links   []link // steps from open states to open states

	stack   []turn
	choices []Choice // of all turns, as in descent
	states  uint64
	begun   bool
	over    bool
	parts   []uint64 // livelocks: of each, who can move in some of its states
}

// What is known of a state: its number and one while it is open. Then closed,
// and the number of the livelock that it is in, from 1, if it is in one.
const closed = 1 << 63

// A turn is a state on the way from the initial state to the present one.
type turn struct {
	mark, first, next uint32 // as in frame
	number            uint32
}

// An opened is a state whose component is not complete.
type opened struct {
	name uint64
	standing
	part uint64 // the livelock that it is in; 0: none
}

// A knot is a set of open states that are in one component, from its first to
// the first of the knot above, and where the links between them begin.
type knot struct{ first, link uint32 }

// A link is a step between open states, by their numbers.
type link struct {
	from, to uint32
	choice   Choice
}

func (y *cycles) bytes() uint64 {
	if y == nil {
		return 0
	}
	return y.numbers.bytes + uint64(unsafe.Sizeof(opened{}))*uint64(cap(y.open)) + 8*uint64(cap(y.knots)) + 12*uint64(cap(y.links)) +
		uint64(unsafe.Sizeof(turn{}))*uint64(cap(y.stack)) + 4*uint64(cap(y.choices))
}

// livelocked reports whether the state of a name is one of a livelock.
func (y *cycles) livelocked(name uint64) bool {
	word := y.numbers.find(name)
	return word != nil && *word > closed
}

// search makes about so many transitions, and returns how many. It is over when
// the stack is empty, and stops at a limit.
func (y *cycles) search(c *Check, budget int) (made int, full bool) {
	if !y.begun {
		y.begun = true
		y.enter(c, -1)
	}
	for made < budget && len(y.stack) > 0 {
		t := &y.stack[len(y.stack)-1]
		if int(t.next) == len(y.choices) {
			y.leave(c, t)
			continue
		}
		choice := y.choices[t.next]
		mark, hash := c.mem.Mark(), c.mem.Hash()
		c.m.Do(choice)
		word := y.numbers.find(c.name())
		if word == nil && c.limits.reached(y.states, y.bytes()+c.mem.LogBytes()) {
			c.mem.Return(mark, hash)
			return made, true
		}
		made++
		t.next++
		switch {
		case word == nil && y.enter(c, mark):
			continue
		case word != nil && *word < closed:
			to := uint32(*word - 1)
			y.links = append(y.links, link{t.number, to, choice})
			for y.knots[len(y.knots)-1].first > to {
				y.knots = y.knots[:len(y.knots)-1]
			}
		}
		c.mem.Return(mark, hash)
	}
	y.over = len(y.stack) == 0
	return made, false
}

// enter comes to a state for the first time. It returns false if nothing follows.
func (y *cycles) enter(c *Check, mark cell.Mark) bool {
	y.states++
	name := c.name()
	first := len(y.choices)
	if len(c.judge(mark)) == 0 {
		y.choices = c.m.Choices(y.choices)
	}
	if len(y.choices) == first {
		y.numbers.add(name, closed)
		return false
	}
	number := uint32(len(y.open))
	y.open = append(y.open, opened{name: name, standing: standingOf(y.m, y.choices[first:])})
	y.numbers.add(name, uint64(number)+1)
	y.knots = append(y.knots, knot{number, uint32(len(y.links))})
	y.stack = append(y.stack, turn{uint32(max(mark, 0)), uint32(first), uint32(first), number})
	return true
}

// leave goes back from the state on top of the stack. If nothing led from there to
// below it, its knot is a component.
func (y *cycles) leave(c *Check, t *turn) {
	if k := y.knots[len(y.knots)-1]; k.first == t.number {
		if len(y.links) > int(k.link) {
			y.judge(k, y.links[k.link:])
			if way, leads := y.way(k); leads {
				c.found(c.livelock(), append(y.run(), way...))
			}
		}
		for _, s := range y.open[k.first:] {
			*y.numbers.find(s.name) = closed | s.part
		}
		y.open, y.links, y.knots = y.open[:k.first], y.links[:k.link], y.knots[:len(y.knots)-1]
	} else {
		below := &y.stack[len(y.stack)-2]
		y.links = append(y.links, link{below.number, t.number, y.choices[below.next-1]})
	}
	y.choices = y.choices[:t.first]
	c.mem.Undo(cell.Mark(t.mark))
	y.stack = y.stack[:len(y.stack)-1]
}

// run returns the choices that led to the state on top of the stack.
func (y *cycles) run() []Choice {
	run := make([]Choice, 0, len(y.stack))
	for _, t := range y.stack[:len(y.stack)-1] {
		run = append(run, y.choices[t.next-1])
	}
	return run
}

// redo brings the memory from the initial state back to where the search stopped.
func (y *cycles) redo(c *Check) {
	for _, choice := range y.run() {
		c.m.Do(choice)
	}
}
