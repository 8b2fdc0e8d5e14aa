package check

import (
	"slices"

	"gupscope/core/cell"
)

// A lasso is the search for the cycle that shows a livelock: from the state
// that the run of its breach leads to, through its component, back to that state, the
// shortest in which everything due is paid (see [Finite]), and of those
// the least in the order of choices.
//
// It is breadth-first over states together with what is still due there. No state
// is stored: a bend is its choice and the bend before, and to come from one to
// the next goes back to where their runs part.
type lasso struct {
	m         Finite
	component uint64 // what cycles knows of its states
	can       uint64 // who can move in some of them, and any task
	home      uint64 // name of the state to come back to

	bends []bend
	met   map[meeting]struct{}
	at    int // bend to expand

	path    []int32 // bends that lead to the present state
	marks   []cell.Mark
	choices []Choice
}

// A bend is a step of a cycle that is being tried.
type bend struct {
	before int32 // bend; -1: none
	choice Choice
	due    uint64
}

// A meeting is a state with what is due there.
type meeting struct{ name, due uint64 }

// newLasso goes to the state from which the cycle is to begin.
func newLasso(c *Check) *lasso {
	run := c.breaches[c.livelock()].run
	for _, choice := range run {
		c.m.Do(choice)
	}
	name := c.name()
	y := c.proof.cycles
	l := &lasso{m: y.m, component: *y.numbers.find(name), home: name, met: map[meeting]struct{}{}}
	due := standingOf(l.m, c.m.Choices(nil)).due()
	l.can = y.parts[l.component&^closed-1] | aTask
	l.bends = append(l.bends, bend{before: -1, due: due})
	l.met[meeting{name, due}] = struct{}{}
	return l
}

func (l *lasso) bytes() uint64 {
	return 16*uint64(cap(l.bends)) + mapEntry*uint64(len(l.met)) + 12*uint64(cap(l.path))
}

// search makes about so many transitions, and returns how many, and the cycle if it is
// found. It stops at a limit.
func (l *lasso) search(c *Check, budget int) (made int, cycle []Choice, full bool) {
	for made < budget {
		if l.at == len(l.bends) {
			panic("check: a component that is a livelock has no fair cycle through one of its states")
		}
		made += l.walk(c, int32(l.at))
		l.choices = c.m.Choices(l.choices[:0])
		for _, choice := range l.choices {
			if c.limits.reached(uint64(len(l.bends)), l.bytes()+c.mem.LogBytes()) {
				return made, nil, true
			}
			made++
			mark, hash := c.mem.Mark(), c.mem.Hash()
			c.m.Do(choice)
			back := l.try(c, choice)
			c.mem.Return(mark, hash)
			if back {
				return made, l.cycle(), false
			}
		}
		l.at++
	}
	return made, nil, false
}

// walk goes to the state behind a bend.
func (l *lasso) walk(c *Check, to int32) (made int) {
	var way []int32
	for b := to; l.bends[b].before >= 0; b = l.bends[b].before {
		way = append(way, b)
	}
	common := 0
	for common < len(l.path) && common < len(way) && l.path[common] == way[len(way)-1-common] {
		common++
	}
	if common < len(l.path) {
		c.mem.Undo(l.marks[common])
		l.path, l.marks = l.path[:common], l.marks[:common]
	}
	for i := len(way) - 1 - common; i >= 0; i-- {
		l.path, l.marks = append(l.path, way[i]), append(l.marks, c.mem.Mark())
		c.m.Do(l.bends[way[i]].choice)
		made++
	}
	return made
}

// try adds the bend that was just made, if it is in the component and new. It
// reports whether it closes the cycle.
func (l *lasso) try(c *Check, choice Choice) bool {
	name := c.name()
	if word := c.proof.cycles.numbers.find(name); word == nil || *word != l.component {
		return false
	}
	top := len(l.choices)
	l.choices = c.m.Choices(l.choices)
	due := paid(l.m, l.bends[l.at].due, choice.Actor, standingOf(l.m, l.choices[top:]))
	l.choices = l.choices[:top]
	if _, known := l.met[meeting{name, due}]; known {
		return false
	}
	l.met[meeting{name, due}] = struct{}{}
	l.bends = append(l.bends, bend{int32(l.at), choice, due})
	return name == l.home && due&l.can == 0
}

// cycle returns the choices that lead to the last bend.
func (l *lasso) cycle() (choices []Choice) {
	for b := int32(len(l.bends) - 1); l.bends[b].before >= 0; b = l.bends[b].before {
		choices = append(choices, l.bends[b].choice)
	}
	slices.Reverse(choices)
	return choices
}
