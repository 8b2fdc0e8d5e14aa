package check

import (
	"unsafe"

	"gupscope/core/cell"
)

// cycles is the search for livelocks: depth-first once more through all states,
// by one worker and without reduction, for the strongly connected components of
// their graph. It runs only if the proof cannot exclude that there is a cycle.
//
// A run that goes on for ever stays in one component from some state on. If it can be fair in
// a part of the component it can be fair in all of it, where more actors move and more are
// unable to move somewhere. So a component is a livelock if
//
//	some task moves in it, and
//	every actor that is owed a move in all of its states moves in it.
//
// Components are found as they are by Gabow: open states are in the order of their
// numbers, and knots say which of them are known to be in one component. An edge back to an open
// state ties all knots above that state into one.
type cycles struct {
	m       Finite
	numbers noted    // by name: what is known of a state
	open    []uint64 // names of states whose component is not complete, by number
	knots   []knot

	stack   []turn
	choices []Choice // of all turns, as in descent
	states  uint64
	begun   bool
	over    bool
	fair    uint64 // components that are livelocks, so far
}

// What is known of a state: its number and one while it is open. Then closed,
// and the number of its component if that is a livelock.
const closed = 1 << 63

// A turn is a state on the way from the initial state to the present one.
type turn struct {
	mark, first, next uint32 // as in frame
	number            uint32
}

// A knot is a set of open states that are in one component, from its first to
// the first of the knot above.
type knot struct {
	first uint32
	by    uint16 // who made the step that led to the first
	moved uint64 // actors that move within
	owed  uint64 // actors that are owed a move in every state
}

func (y *cycles) bytes() uint64 {
	if y == nil {
		return 0
	}
	return y.numbers.bytes + 8*uint64(cap(y.open)) + uint64(unsafe.Sizeof(knot{}))*uint64(cap(y.knots)) +
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
		y.enter(c, -1, 0)
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
		case word == nil && y.enter(c, mark, choice.Actor):
			continue
		case word != nil && *word < closed:
			y.tie(uint32(*word-1), choice.Actor)
		}
		c.mem.Return(mark, hash)
	}
	y.over = len(y.stack) == 0
	return made, false
}

// enter comes to a state for the first time. It returns false if nothing follows.
func (y *cycles) enter(c *Check, mark cell.Mark, by uint16) bool {
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
	y.open = append(y.open, name)
	y.numbers.add(name, uint64(number)+1)
	y.knots = append(y.knots, knot{first: number, by: by, owed: owed(y.m, y.choices[first:])})
	y.stack = append(y.stack, turn{uint32(max(mark, 0)), uint32(first), uint32(first), number})
	return true
}

// tie makes one knot of all from that of an open state on: the actor's step has led back to it.
func (y *cycles) tie(number uint32, actor uint16) {
	top := len(y.knots) - 1
	for y.knots[top].first > number {
		k, below := &y.knots[top], &y.knots[top-1]
		below.moved |= k.moved | 1<<k.by
		below.owed &= k.owed
		top--
	}
	y.knots[top].moved |= 1 << actor
	y.knots = y.knots[:top+1]
}

// leave goes back from the state on top of the stack. If nothing led from there to
// below it, its knot is a component.
func (y *cycles) leave(c *Check, t *turn) {
	if k := y.knots[len(y.knots)-1]; k.first == t.number {
		y.knots = y.knots[:len(y.knots)-1]
		word := uint64(closed)
		if k.moved&y.m.Tasks() != 0 && k.owed&^k.moved == 0 {
			y.fair++
			word |= y.fair
			c.found(c.livelock(), y.run())
		}
		for _, name := range y.open[k.first:] {
			*y.numbers.find(name) = word
		}
		y.open = y.open[:k.first]
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
