package check

import (
	"math"
	"slices"

	"gupscope/core/cell"
)

// ties chooses among all shortest runs to a breach of one claim the one with
// the fewest switches, and of those the least.
//
// A run is shortest only if each of its steps leads from one layer to the next. So
// ties walks the graph of those steps depth-first, every state once, down
// to the breaches, and notes on the way back up which choices of a state lead
// to one, and how few switches the rest of the run can do with:
//
//	switches after choice c in state s = 0, if c is the last step; else
//	    the least, over the choices d noted for the state behind c, of
//	    switches after d there, and one more if d has another actor than c
//
// From these notes the best run is read off forwards.
type ties struct {
	claim  int
	length int

	stack   []tied
	choices []Choice // of all frames, as in proof

	// Notes of the states on the stack, each state's behind those of the state below.
	open []note
	// Notes of the states that are finished, and where those of a state lie.
	notes []note
	where map[uint64]span
}

// A note is a choice that leads to a breach in as many steps as are left.
type note struct {
	choice   Choice
	switches uint32 // after it, at least
}

type span struct{ first, end int32 }

// A tied is a state on the way from the initial state to the present one.
type tied struct {
	fp          uint64
	mark        cell.Mark // before the step that led here
	first, next int32     // of its choices, and the one to be done
	open        int32     // where its notes begin
}

// newTies starts at the initial state, which is no breach itself.
func newTies(c *Check, claim int) *ties {
	t := &ties{claim: claim, length: len(c.breaches[claim].run), where: map[uint64]span{}}
	t.push(c, 0)
	return t
}

// mapEntry is about what a map of ours takes for an entry, with its share of free room.
const mapEntry = 32

func (t *ties) bytes() uint64 {
	return 32*uint64(cap(t.stack)) + 4*uint64(cap(t.choices)) +
		8*uint64(cap(t.open)+cap(t.notes)) + mapEntry*uint64(len(t.where))
}

func (t *ties) push(c *Check, mark cell.Mark) {
	first := int32(len(t.choices))
	t.choices = c.m.Choices(t.choices)
	t.stack = append(t.stack, tied{c.mem.Hash(), mark, first, first, int32(len(t.open))})
}

// search makes about so many transitions, and returns how many. It is over when
// the stack is empty, and stops at a limit.
func (t *ties) search(c *Check, l *layers, budget int) (made int, full bool) {
	for made < budget && len(t.stack) > 0 {
		f := &t.stack[len(t.stack)-1]
		if int(f.next) == len(t.choices) {
			t.pop(c)
			continue
		}
		if c.limits.reached(0, t.bytes()+c.mem.LogBytes()) {
			return made, true
		}
		choice := t.choices[f.next]
		f.next++
		mark := c.mem.Mark()
		c.m.Do(choice)
		made++
		if depth := len(t.stack); depth == t.length {
			if t.breached(c, mark) {
				t.open = append(t.open, note{choice, 0})
			}
		} else if at, known := l.seen.find(c.mem.Hash()); known {
			switch tag := l.seen.tag(at); *tag {
			case uint16(depth):
				*tag |= tiesMet
				t.push(c, mark)
				continue
			case uint16(depth) | tiesMet:
				if s, leads := t.where[c.mem.Hash()]; leads {
					t.open = append(t.open, note{choice, fewest(t.notes[s.first:s.end], choice.Actor)})
				}
			}
		}
		c.mem.Undo(mark)
	}
	return made, false
}

// pop finishes the state on top of the stack: if notes were made of it, it
// becomes a note of the state below.
func (t *ties) pop(c *Check) {
	f := t.stack[len(t.stack)-1]
	t.stack = t.stack[:len(t.stack)-1]
	t.choices = t.choices[:f.first]
	c.mem.Undo(f.mark)
	mine := t.open[f.open:]
	if len(mine) == 0 {
		return
	}
	t.where[f.fp] = span{int32(len(t.notes)), int32(len(t.notes) + len(mine))}
	t.notes = append(t.notes, mine...)
	t.open = t.open[:f.open]
	if len(t.stack) > 0 {
		choice := t.choices[t.stack[len(t.stack)-1].next-1]
		t.open = append(t.open, note{choice, fewest(mine, choice.Actor)})
	}
}

// fewest returns the switches from a step of the actor onwards.
func fewest(notes []note, actor uint16) uint32 {
	best := uint32(math.MaxUint32)
	for _, n := range notes {
		if n.choice.Actor != actor {
			n.switches++
		}
		best = min(best, n.switches)
	}
	return best
}

// breached reports whether the present state, reached in one step since mark, breaks the claim.
func (t *ties) breached(c *Check, mark cell.Mark) bool {
	broken := c.judge(mark)
	if t.claim == c.deadlock() {
		if len(broken) > 0 {
			return false
		}
		top := len(t.choices)
		t.choices = c.m.Choices(t.choices)
		none := len(t.choices) == top
		t.choices = t.choices[:top]
		return none && !c.m.Done()
	}
	if t.claim == c.livelock() {
		return len(broken) == 0 && c.livelocked()
	}
	return slices.Contains(broken, t.claim)
}

// best returns the best of the shortest runs. The search is over, and the
// memory at the initial state, where it is left.
func (t *ties) best(c *Check) []Choice {
	run := make([]Choice, 0, t.length)
	for len(run) < t.length {
		s, leads := t.where[c.mem.Hash()]
		if !leads {
			break // the model has broken a law: replay will say so
		}
		var take note
		for i, n := range t.notes[s.first:s.end] {
			if len(run) > 0 && n.choice.Actor != run[len(run)-1].Actor {
				n.switches++
			}
			if i == 0 || n.switches < take.switches {
				take = n // of equals the first, which is the least
			}
		}
		run = append(run, take.choice)
		c.m.Do(take.choice)
	}
	c.mem.Undo(0)
	return run
}
