package check

import "gupscope/core/cell"

// layers is the breadth-first search for the lengths of shortest runs. It goes
// through the states at distance 0, 1, 2, … from the initial one, and no
// state is stored: of a layer it keeps the tree of runs that lead to its states,
// and walks that tree by Do and Undo to expand one layer into the next.
//
// A tree is a list of its nodes in preorder, eight bytes each. It has the
// runs that lead to states of the layer, one run to a state, and what runs have in
// common only once. Of all other states no more than the fingerprint is left.
type layers struct {
	seen  *seen // each fingerprint tagged with its layer
	layer int   // being expanded: length of the runs in tree

	tree []node
	next []node // the tree of layer+1, as far as it has grown
	at   int    // node of tree to walk to

	path   []walked // steps of the run to the present state
	shared int      // how much of path stands in next already
	// choices of the state at the end of path, when that is one of the layer;
	// those from todo on are still to be done.
	choices []Choice
	todo    int

	settled []bool // for every claim: its breach is as short as can be
	over    bool   // every breach is settled, or there are no more states
}

// A node is a step of a run in a tree: of the steps before it, the nearest one
// of each smaller depth is part of its run. The root has depth 0 and no step.
type node struct {
	depth  uint32
	choice Choice
}

type walked struct {
	mark   cell.Mark // before the step
	hash   uint64    // of the state there
	choice Choice
}

// Tags of fingerprints. A state that ends its runs is in no layer.
const (
	maxLayer = 1 << 12 // longer runs stay unsettled: nobody reads them
	deadEnd  = 0x7fff
	tiesMet  = 0x8000 // set by ties, on top of a layer
)

func newLayers(c *Check) *layers {
	l := &layers{seen: newSeen(true), tree: []node{{}}, settled: make([]bool, len(c.claims))}
	tag := uint16(0)
	if len(c.judge(-1)) > 0 {
		tag, l.over = deadEnd, true
	}
	at, _ := l.seen.find(c.mem.Hash())
	l.seen.add(at, c.mem.Hash(), tag)
	if n := c.livelock(); n >= 0 && !c.allLivelocks() {
		l.settled[n] = true // as far as can be: there may be others, and nearer ones
	}
	l.settle(c)
	return l
}

func (l *layers) bytes() uint64 {
	return l.seen.bytes + 8*uint64(cap(l.tree)+cap(l.next)) + 24*uint64(cap(l.path))
}

// settle is called before a layer is expanded. No breach is shorter than a run
// that goes one step beyond it; of deadlocks, which show only in the expansion,
// those in the layer itself are still to come.
func (l *layers) settle(c *Check) {
	for claim, b := range c.breaches {
		if b == nil || l.settled[claim] {
			continue
		}
		length := len(b.run)
		if claim == c.deadlock() {
			length++
		}
		l.settled[claim] = b.final || length <= l.layer+1
	}
	l.over = l.over || l.allSettled(c) || l.layer == maxLayer
}

func (l *layers) allSettled(c *Check) bool {
	for claim, b := range c.breaches {
		if b != nil && !l.settled[claim] {
			return false
		}
	}
	return true
}

// search makes about so many transitions, and returns how many. It stops when
// it is over or at a limit.
func (l *layers) search(c *Check, budget int) (made int, full bool) {
	for made < budget && !l.over {
		switch {
		case l.todo < len(l.choices):
			made++
			if !l.expand(c, l.choices[l.todo]) {
				return made, true
			}
			l.todo++
		case l.at < len(l.tree):
			made++
			l.walk(c, l.tree[l.at])
			l.at++
		default:
			l.down(c)
		}
	}
	return made, false
}

// down makes the tree that has grown the one to expand.
func (l *layers) down(c *Check) {
	l.undo(c, 0)
	l.layer++
	l.tree, l.next = l.next, l.tree[:0]
	l.at, l.shared = 0, 0
	if len(l.tree) == 0 {
		l.over = true
		return
	}
	l.settle(c)
}

// undo goes back to the state that the first so many steps of path lead to.
func (l *layers) undo(c *Check, depth int) {
	if depth < len(l.path) {
		c.mem.Return(l.path[depth].mark, l.path[depth].hash)
		l.path = l.path[:depth]
		l.shared = min(l.shared, depth)
	}
}

// walk goes to a node, whose parent is on path, and readies it for expansion
// if it is in the layer.
func (l *layers) walk(c *Check, n node) {
	if n.depth > 0 {
		l.undo(c, int(n.depth)-1)
		l.path = append(l.path, walked{c.mem.Mark(), c.mem.Hash(), n.choice})
		c.m.Do(n.choice)
	}
	if int(n.depth) < l.layer {
		return
	}
	l.todo = 0
	l.choices = c.m.Choices(l.choices[:0])
	if len(l.choices) == 0 && !c.m.Done() {
		l.report(c, c.deadlock(), l.run())
	}
}

// expand makes one step beyond the layer. It returns false, with the step
// undone, if the state it leads to does not fit into the limits.
func (l *layers) expand(c *Check, choice Choice) bool {
	mark, hash := c.mem.Mark(), c.mem.Hash()
	c.m.Do(choice)
	fp := c.mem.Hash()
	at, known := l.seen.find(fp)
	fits := known || !c.limits.reached(l.seen.n, l.bytes()+c.mem.LogBytes())
	if !known && fits {
		tag := uint16(l.layer + 1)
		if broken := c.judge(mark); len(broken) > 0 {
			tag = deadEnd
			run := append(l.run(), choice)
			for _, claim := range broken {
				l.report(c, claim, run)
			}
		} else {
			l.grow(choice)
			if c.livelocked() {
				l.report(c, c.livelock(), append(l.run(), choice))
			}
		}
		l.seen.add(at, fp, tag)
	}
	c.mem.Return(mark, hash)
	return fits
}

// grow adds the present run and one more step to the next tree.
func (l *layers) grow(choice Choice) {
	if len(l.next) == 0 {
		l.next = append(l.next, node{})
	}
	for l.shared < len(l.path) {
		s := l.path[l.shared]
		l.shared++
		l.next = append(l.next, node{uint32(l.shared), s.choice})
	}
	l.next = append(l.next, node{uint32(l.layer + 1), choice})
}

func (l *layers) run() []Choice {
	run := make([]Choice, 0, len(l.path)+1)
	for _, s := range l.path {
		run = append(run, s.choice)
	}
	return run
}

// report settles a claim, unless that is done: what is found first is shortest.
func (l *layers) report(c *Check, claim int, run []Choice) {
	if !l.settled[claim] {
		c.found(claim, run)
		l.settled[claim] = true
		l.over = l.over || l.allSettled(c)
	}
}

// redo brings the memory from the initial state back to where the search stopped.
func (l *layers) redo(c *Check) {
	for _, s := range l.path {
		c.m.Do(s.choice)
	}
}
