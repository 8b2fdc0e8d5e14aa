package check

import "gupscope/core/cell"

// A Choice is one thing that can happen next: the actor that moves, and, where
// the step itself leaves something open (which free frame is taken), the value
// chosen. The key is that value, never a rank among what is enabled, so that a
// choice means the same in every state that allows it.
type Choice struct {
	Actor uint16
	Key   uint16
}

// Less orders choices: by actor, then by key.
func (c Choice) Less(d Choice) bool {
	if c.Actor != d.Actor {
		return c.Actor < d.Actor
	}
	return c.Key < d.Key
}

// A Model is a transition system over the cells of one memory.
//
// Laws, on which the explorer relies:
//
//   - All state is in Memory, and changes only in Do. Everything else is a
//     function of it: two states with equal cells have equal Choices, Broken and Done.
//   - Do is deterministic, and leaves the undo log alone but for its stores.
//   - Choices come in increasing order, without doubles, and do not write.
//   - Broken looks only; it does not write. Given the mark of the state before
//     the last Do, it may look at that step's stores alone, because every claim
//     held before it: the explorer never continues beyond a broken claim.
type Model interface {
	// Memory is the state.
	Memory() *cell.Memory

	// Choices appends to dst all that can happen in the present state.
	Choices(dst []Choice) []Choice

	// Do makes the choice happen: one transition. c is one of Choices.
	Do(c Choice)

	// Claims are the names of what must hold, in the order of their numbers.
	Claims() []string

	// Broken appends to dst the numbers of the claims that are false in the
	// present state, each once, in increasing order. since is the mark before the step
	// that led here; a negative mark asks for all claims to be judged afresh.
	Broken(since cell.Mark, dst []int) []int

	// Done reports whether a state without choices is an end. If it is not, it
	// is a deadlock.
	Done() bool
}
