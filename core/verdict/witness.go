package verdict

import (
	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
)

// Witnesses are shortest runs to what a survey saw: to every branch that turned
// somebody away because of a rule, the closest calls of a model that passes; and to
// every outcome. Each run leads up to and into the branch, or to the final state.
type Witnesses struct {
	Branches [][]check.Choice // for each of Survey.Stopped; nil: not within the limit
	Ends     [][]check.Choice // for each of Survey.Ends
}

// Witness finds the shortest runs to what the survey saw, breadth-first, in at
// most so many states (0: all). m is a fresh model of the same scenario.
func (s *Survey) Witness(m *claim.Model, limit uint64) Witnesses {
	b := s.Seek(m, limit)
	for b.Run(1 << 20) {
	}
	return b.Found
}

// Seek is Witness for who goes on in slices.
func (s *Survey) Seek(m *claim.Model, limit uint64) *Seeker {
	b := &Seeker{m: m, mem: m.Memory(), limit: limit, notes: kernel.Notes{Mute: true}, seen: map[uint64]struct{}{}, branches: map[kernel.Hop]int{}, ends: map[string]int{}}
	for i, x := range s.Stopped() {
		b.branches[x.Hop] = i
	}
	for i, e := range s.Ends {
		b.ends[e.Values] = i
	}
	b.Found = Witnesses{make([][]check.Choice, len(b.branches)), make([][]check.Choice, len(b.ends))}
	m.Listen(&b.notes)
	b.mem.Forget()
	b.seen[b.mem.Hash()] = struct{}{}
	b.expand(-1)
	return b
}

// A Seeker is a breadth-first search for witnesses. It keeps no states: a node is
// its parent and a choice. The next node's state is reached by going back to where its run
// parts from the present one; in the order of the queue that is near.
type Seeker struct {
	Found Witnesses

	m     *claim.Model
	mem   *cell.Memory
	limit uint64
	notes kernel.Notes // mute
	seen  map[uint64]struct{}

	nodes []node
	next  int   // node to expand
	path  []int // nodes from the first step to the present state
	marks []cell.Mark

	branches map[kernel.Hop]int // still to be found
	ends     map[string]int
}

type node struct {
	parent int32 // -1: the initial state
	choice check.Choice
}

// Run goes on for so many nodes, and reports whether there are more to come.
func (b *Seeker) Run(nodes int) (more bool) {
	for ; b.next < len(b.nodes) && len(b.branches)+len(b.ends) > 0; nodes-- {
		if b.limit > 0 && uint64(len(b.seen)) >= b.limit {
			return false
		}
		if nodes <= 0 {
			return true
		}
		b.visit(b.next)
		b.expand(b.next)
		b.next++
	}
	return false
}

// visit brings the memory to the state of a node.
func (b *Seeker) visit(n int) {
	var run []int
	for at := n; at >= 0; at = int(b.nodes[at].parent) {
		run = append(run, at)
	}
	common := 0
	for common < len(b.path) && common < len(run) && b.path[common] == run[len(run)-1-common] {
		common++
	}
	if common < len(b.path) {
		b.mem.Undo(b.marks[common])
		b.path, b.marks = b.path[:common], b.marks[:common]
	}
	for i := len(run) - 1 - common; i >= 0; i-- {
		b.marks = append(b.marks, b.mem.Mark())
		b.path = append(b.path, run[i])
		b.notes.Went, b.notes.Told = b.notes.Went[:0], b.notes.Told[:0]
		b.m.Do(b.nodes[run[i]].choice)
	}
}

// expand looks at the present state and adds the new ones behind it.
func (b *Seeker) expand(n int) {
	broken := b.m.Broken(-1, nil)
	if len(broken) > 0 && !b.m.Done() {
		return
	}
	choices := b.m.Choices(nil)
	if len(choices) == 0 && b.m.Done() {
		text := ending(b.m, broken)
		if i, ok := b.ends[text]; ok {
			b.Found.Ends[i] = b.run(n)
			delete(b.ends, text)
		}
		return
	}
	for _, c := range choices {
		mark := b.mem.Mark()
		b.step(n, c)
		if _, known := b.seen[b.mem.Hash()]; !known {
			b.seen[b.mem.Hash()] = struct{}{}
			b.nodes = append(b.nodes, node{int32(n), c})
		}
		b.mem.Undo(mark)
	}
}

// step makes a choice and notes the branches that it takes.
func (b *Seeker) step(n int, c check.Choice) {
	b.notes.Went, b.notes.Told = b.notes.Went[:0], b.notes.Told[:0]
	b.m.Do(c)
	for _, h := range b.notes.Went {
		h = branchOf(b.m.Funcs(), h)
		if i, ok := b.branches[h]; ok {
			b.Found.Branches[i] = append(b.run(n), c)
			delete(b.branches, h)
		}
	}
}

func (b *Seeker) run(n int) []check.Choice {
	var out []check.Choice
	for ; n >= 0; n = int(b.nodes[n].parent) {
		out = append(out, b.nodes[n].choice)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
