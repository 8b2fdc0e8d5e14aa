// Package check sees every state that a model can be in, and finds which of its
// claims can break.
//
// A [Model] is a transition system over the cells of one memory (core/cell): which
// choices there are now, what a choice does, which claims are false. It says
// nothing of what the cells mean, and neither does this package. A [Check] explores a
// model from the state that its memory is in:
//
//	c := check.New(model, check.Limits{States: 10_000_000})
//	for c.Run(100_000).Phase < check.Stopped {
//		// show the progress; or leave, to stop
//	}
//	fmt.Println(c.Result())
//
// There is no clock inside, and no goroutine between two calls of Run. Run goes on for as many transitions as
// it is told and returns; to stop is not to call it again; a limit that was reached can be
// raised. However the work is sliced, the result is the same, here and in a browser.
//
// A check has two phases. The proof goes depth-first through all states, by Do
// and Undo on the one memory, and knows afterwards which claims can break. If any
// do, a breadth-first search finds for each of them the shortest run; among the
// shortest that with the fewest switches from one actor to another; among those the
// least in the order of choices.
//
// Laws of this package: a run goes no further than the first state in which a
// claim is false; a state without choices must be one that the model calls Done, else
// [NoDeadlock] is broken; a model that is [Finite] must not go round in circles, else [NoLivelock]
// is; every run in the result of a check that is Stopped or Done has been replayed.
//
// A model that says what its steps depend on is proved with a fraction of the
// states: [Reduced]. Several cores prove one model together: [Parallel]. Whole states
// are kept in the place of fingerprints: [Exact].
//
// Reading order: model.go, check.go, prove.go, seen.go; then parallel.go, share.go;
// exact.go; finite.go, trail.go, cycles.go, fair.go, lasso.go; reducible.go,
// reduce.go, noted.go, edges.go; then shorten.go, layers.go, ties.go; exhaust.go is the slow guard that tests hold all this against.
// Why it is like this is in RATIONALE.md.
package check

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
)

// NoDeadlock is the claim that the check itself judges: a state without choices
// is one that the model calls Done.
const NoDeadlock = "no-deadlock"

// A Check explores one model. Make it with [New], drive it with [Check.Run].
//
// The check owns the model, and the model's memory, from New on, because between two
// calls of Run its search stands in the midst of some run. The memory is at the
// initial state again when the phase is Stopped or Done. Who wants to
// look at states meanwhile makes a second model.
type Check struct {
	m      Model
	mem    *cell.Memory
	claims []string // the model's, then NoDeadlock, then NoLivelock if it is judged
	limits Limits
	phase  Phase
	exact  bool // the proof keeps whole states

	proof proof
	short *shortening // nil before and between
	// breaches has a place for every claim; nil: not seen to break.
	breaches []*breach

	broken []int // what judge found in the present state; overwritten by the next call
}

// Limits bound a check; zero is no limit. They hold for the proof and for the
// search for shortest runs each on its own.
type Limits struct {
	States uint64 // states kept
	Bytes  uint64 // memory of the set of states, the stacks and the undo log
}

// reached reports whether there is no room for another state.
func (l Limits) reached(states, bytes uint64) bool {
	return l.States != 0 && states >= l.States || l.Bytes != 0 && bytes >= l.Bytes
}

// A Phase is what a check is doing.
type Phase uint8

const (
	Proving    Phase = iota // seeing all states; every claim that breaks is found here
	Shortening              // looking for the shortest run to each breach
	Stopped                 // at a limit: Run does nothing until Limit raises it
	Done                    // the result is final
)

func (p Phase) String() string {
	return [...]string{"proving", "shortening", "stopped", "done"}[p]
}

// Progress is how far a check has come.
type Progress struct {
	Phase       Phase
	States      uint64
	Transitions uint64
	Depth       int      // length of the longest run followed
	Layer       int      // when shortening: all runs of this length are being looked at
	Broken      []string // claims seen to break so far
	Bytes       uint64   // memory now in use, as Limits counts it
}

// A breach is a claim that breaks, with the best run to it so far.
type breach struct {
	claim int
	run   []Choice
	cycle []Choice // that follows; none but for NoLivelock, and there none as long as it was not looked for
	final bool     // run is shortest, and the first in order among the shortest
}

// New returns a check of the model from the state that its memory is in. It
// empties the memory's undo log, and stops recording footprints.
func New(m Model, l Limits) *Check {
	mem := m.Memory()
	mem.Forget()
	mem.Record(nil)
	c := &Check{m: m, mem: mem, limits: l}
	c.claims = append(append(c.claims, m.Claims()...), NoDeadlock)
	if finite(m) != nil {
		c.claims = append(c.claims, NoLivelock)
	}
	c.breaches = make([]*breach, len(c.claims))
	c.proof.descent = descent{m: m, mem: mem, deadlock: c.deadlock(), found: c.found}
	return c
}

// Reduced is New for a proof that leaves out orders of steps in which nothing
// differs. It finds the same claims broken, but its counts are smaller and mean
// nothing beyond the effort: who quotes states counts them with New. Shortest runs are
// searched for as always, among all runs.
func Reduced(m Reducible, l Limits) *Check {
	c := New(m, l)
	c.proof.reduction = newReduction(m)
	return c
}

// Limit replaces the limits. A check that was stopped goes on with the next
// Run, from where it was.
func (c *Check) Limit(l Limits) {
	c.limits = l
	if c.phase == Stopped {
		c.resume()
	}
}

// Run goes on with the check for about so many transitions. Not to call it
// again is to stop; nothing runs in between.
func (c *Check) Run(transitions int) Progress {
	for transitions > 0 && c.phase < Stopped {
		switch c.phase {
		case Proving:
			transitions -= c.prove(transitions)
		case Shortening:
			transitions -= c.shorten(transitions)
		}
	}
	return c.progress()
}

func (c *Check) progress() Progress {
	p := Progress{
		Phase:       c.phase,
		States:      c.proof.states,
		Transitions: c.proof.transitions,
		Depth:       c.proof.depth,
		Bytes:       c.proof.bytes() + c.short.bytes() + c.mem.LogBytes(),
	}
	if c.phase == Shortening && c.short != nil {
		p.Layer = c.short.layers.layer
	}
	for i, b := range c.breaches {
		if b != nil {
			p.Broken = append(p.Broken, c.claims[i])
		}
	}
	return p
}

// Result returns what is known so far.
func (c *Check) Result() Result {
	r := Result{
		States:      c.proof.states,
		Transitions: c.proof.transitions,
		Depth:       c.proof.depth,
		Exact:       c.exact,
	}
	for i, b := range c.breaches {
		if b != nil {
			run := slices.Concat(b.run, b.cycle)
			r.Claims = append(r.Claims, Broken{c.claims[i], run, Switches(run), b.final, len(b.cycle)})
		}
	}
	if c.proof.complete {
		r.Verdict = Never
		if len(r.Claims) > 0 {
			r.Verdict = Sometimes
		}
	}
	return r
}

// deadlock is the number of NoDeadlock.
func (c *Check) deadlock() int { return slices.Index(c.claims, NoDeadlock) }

// livelock is the number of NoLivelock, -1 if that is not judged.
func (c *Check) livelock() int { return slices.Index(c.claims, NoLivelock) }

// name returns a number of the present state which no other has: its
// fingerprint; or where it lies, if whole states are kept and it is one of them.
func (c *Check) name() uint64 {
	if c.proof.whole != nil {
		return c.proof.whole.name()
	}
	return c.mem.Hash()
}

// livelocked reports whether the present state is one of a livelock.
func (c *Check) livelocked() bool {
	return c.proof.cycles != nil && c.proof.cycles.livelocked(c.name())
}

// judge returns the numbers of the claims that are false in the present state.
func (c *Check) judge(since cell.Mark) []int {
	c.broken = c.m.Broken(since, c.broken[:0])
	return c.broken
}

// found notes that a run breaks a claim, if it is shorter than the one that is known.
func (c *Check) found(claim int, run []Choice) {
	if b := c.breaches[claim]; b == nil || len(run) < len(b.run) {
		c.breaches[claim] = &breach{claim: claim, run: append([]Choice(nil), run...)}
	}
}

// allLivelocks reports whether all cycles were seen, so that the shortest run to
// a livelock can be told.
func (c *Check) allLivelocks() bool { return c.proof.cycles != nil && c.proof.cycles.over }

// rest ends up in the phase of a check that has no more to do within its limits.
func (c *Check) rest() {
	c.phase = Stopped
	if !c.proof.complete {
		return
	}
	for claim, b := range c.breaches {
		if b != nil && !b.final && !(c.short.layers.over && !c.short.gaveUp[claim]) {
			return
		}
	}
	if c.short != nil && c.short.loose {
		return
	}
	c.phase, c.short, c.proof.cycles, c.proof.whole = Done, nil, nil, nil
}

// resume takes up after a stop what had no room: the proof, and only when that
// is complete the search for shortest runs, which would otherwise have to be
// done again for what the proof has yet to find.
func (c *Check) resume() {
	if !c.proof.complete {
		c.short = nil
		c.proof.redo(c)
		c.phase = Proving
		return
	}
	c.phase = Shortening
	clear(c.short.gaveUp)
	c.short.loose = false
	if !c.short.layers.over {
		c.short.layers.redo(c)
	}
}

// replay follows a run from the initial state, where the memory must be and is
// left, and panics unless it does break the claim at its end and none before.
// Searches find runs by making them, so this fails only for a model that breaks
// its laws.
func (c *Check) replay(b *breach) {
	mark := c.follow(b, cell.Mark(-1), b.run)
	holds := true
	switch b.claim {
	case c.deadlock():
		holds = len(c.judge(mark)) > 0 || len(c.m.Choices(nil)) > 0 || c.m.Done()
	case c.livelock():
		holds = !c.goesRound(b, mark)
	default:
		holds = !slices.Contains(c.judge(mark), b.claim)
	}
	if holds {
		panic(fmt.Sprintf("check: %s holds at the end of the run that was found to break it.\n"+
			"Is Do deterministic, and does Broken agree with itself when it judges only what a step stored?", c.claims[b.claim]))
	}
	c.mem.Undo(0)
}

// follow makes the steps of a run, of which each must be possible where no claim
// is broken. It takes and returns the mark before the last step.
func (c *Check) follow(b *breach, mark cell.Mark, run []Choice) cell.Mark {
	for i, choice := range run {
		if len(c.judge(mark)) > 0 || !slices.Contains(c.m.Choices(nil), choice) {
			panic(fmt.Sprintf("check: a run to a breach of %s cannot be replayed beyond step %d of %d.\n"+
				"Does the model keep state outside its memory, or do Choices or Broken depend on more than the cells?",
				c.claims[b.claim], i, len(run)))
		}
		mark = c.mem.Mark()
		c.m.Do(choice)
	}
	return mark
}

// goesRound reports whether the cycle of a breach is one.
func (c *Check) goesRound(b *breach, mark cell.Mark) bool {
	if b.cycle == nil {
		return true // there was no room to look for it
	}
	c.follow(b, mark, b.cycle)
	c.mem.Undo(0)
	c.follow(b, cell.Mark(-1), b.run)
	return FairCycle(finite(c.m), b.cycle)
}
