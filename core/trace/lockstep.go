package trace

import (
	"strings"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A Pair is what one actor does in two runs side by side, or in one of them.
type Pair struct {
	Left, Right *Step  // nil: the step is on the other side alone
	Why         string // why the right side cannot make the left one's step
	Same        bool   // both make it, and to the same effect
}

// Lockstep plays the choices of a run on another model, where right stands at its start, and pairs
// the steps of both. Steps are the same if actor, function and label are: a step that only one of
// the kernels has stands alone. At the end, who parted last goes on on the right to the end of his call.
func Lockstep(left, right *Run) []Pair {
	x := lockstep{left: left, right: right, parted: -1}
	for i := range left.steps {
		x.step(&left.steps[i])
	}
	x.end()
	return x.pairs
}

// lookAhead is how many steps of an actor may be on one side alone before those that both have.
const lookAhead = 8

type lockstep struct {
	left, right *Run
	pairs       []Pair
	parted      int // the actor that last did something else; -1: nobody has
}

// step finds what the right side does where the left one makes a step.
func (x *lockstep) step(st *Step) {
	o := x.right.Offer(st.Actor)
	switch {
	case !o.Ready:
		why := o.Why
		if o.Finished {
			why = "has finished"
		}
		x.put(st, nil, why)
	case x.right.NextIs(st.Actor, st):
		x.put(st, x.move(st), "")
	case x.alone(st):
		x.put(st, x.move(st), "")
	case x.later(st):
		x.put(st, nil, "")
	default:
		x.put(st, x.move(st), "")
	}
}

// move makes the actor's step on the right, with the same key if there is a choice.
func (x *lockstep) move(like *Step) *Step {
	c := like.Choice
	if !x.right.Allowed(c) {
		c = check.Choice{Actor: uint16(like.Actor), Key: uint16(x.right.Offer(like.Actor).Keys[0])}
	}
	if _, err := x.right.Do(c); err != nil {
		panic("trace: a step that is offered cannot be made: " + err.Error())
	}
	return &x.right.steps[x.right.cursor-1]
}

// alone makes the steps that only the right side has before this one, if it comes to this one at all.
func (x *lockstep) alone(st *Step) bool {
	from := x.right.cursor
	for range lookAhead {
		if !x.right.Offer(st.Actor).Ready {
			break
		}
		x.move(st)
		if x.right.NextIs(st.Actor, st) && x.right.Offer(st.Actor).Ready {
			for i := from; i < x.right.cursor; i++ {
				x.put(nil, &x.right.steps[i], "")
			}
			return true
		}
	}
	x.right.Goto(from)
	return false
}

// later reports whether what the right side does next the left one does a few steps on.
func (x *lockstep) later(st *Step) bool {
	n := 0
	for i := st.N; i < len(x.left.steps) && n < lookAhead; i++ {
		if next := &x.left.steps[i]; next.Actor == st.Actor {
			if n++; x.right.NextIs(st.Actor, next) {
				return true
			}
		}
	}
	return false
}

// end lets who parted last go on to the end of the call on the right side.
func (x *lockstep) end() {
	if x.parted < 0 || x.right.Model.Actors()[x.parted].Kind != kernel.TaskActor {
		return
	}
	like := &Step{Actor: x.parted, Choice: check.Choice{Actor: uint16(x.parted)}}
	stmt := x.right.Model.Look(x.parted).Stmt
	for range 2 * lookAhead {
		if o := x.right.Offer(x.parted); !o.Ready || o.Look.Stmt != stmt {
			return
		}
		x.put(nil, x.move(like), "")
	}
}

func (x *lockstep) put(l, r *Step, why string) {
	p := Pair{Left: l, Right: r, Why: why, Same: l != nil && r != nil && l.SameAs(r)}
	if !p.Same {
		st := l
		if st == nil {
			st = r
		}
		x.parted = st.Actor
	}
	x.pairs = append(x.pairs, p)
}

// SameAs reports whether two steps, perhaps of two kernels, are the same step to the same effect, a task's stack apart:
// what is on it is named by the functions and their locals, which are called and numbered otherwise on another kernel.
func (st *Step) SameAs(other *Step) bool {
	if !st.Alike(other) || st.Says != other.Says {
		return false
	}
	p := Pair{Left: st, Right: other}
	l, r := p.Otherwise()
	return l == nil && r == nil
}

// sameAs reports whether two changes of a cell are to the same effect: it holds the same afterwards, or the same flags have come and gone. What was otherwise before is an
// earlier step's doing.
func (c *Change) sameAs(other *Change) bool {
	return Unread(c) == Unread(other) || c.Class == machine.Flags && c.NewV&^c.OldV == other.NewV&^other.OldV && c.OldV&^c.NewV == other.OldV&^other.NewV
}

// Unread is what a cell holds behind a change: of a word that notifiers go by without who has read it, which the machine keeps.
func Unread(c *Change) string {
	if c.Class != machine.Notifiers {
		return c.New
	}
	is, _, _ := strings.Cut(c.New, ", as read by ")
	return is
}

func offStack(cs []Change) (out []Change) {
	for _, c := range cs {
		if c.Class != machine.Stacks {
			out = append(out, c)
		}
	}
	return out
}

// Otherwise returns what the right step of a pair changes to another effect than the left one, and what the left one does to the same cell: the
// first of these, each nil where the step leaves the cell as it is. Both are nil if there is none.
func (p *Pair) Otherwise() (left, right *Change) {
	if p.Left == nil || p.Right == nil {
		return nil, nil
	}
	of := func(st *Step, name string) *Change {
		for i := range st.Changes {
			if st.Changes[i].Class != machine.Stacks && st.Changes[i].Name == name {
				return &st.Changes[i]
			}
		}
		return nil
	}
	for _, st := range []*Step{p.Right, p.Left} {
		for _, c := range offStack(st.Changes) {
			l, r := of(p.Left, c.Name), of(p.Right, c.Name)
			if l == nil || r == nil || !l.sameAs(r) {
				return l, r
			}
		}
	}
	return nil, nil
}
