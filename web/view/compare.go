package view

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// A Comparison is two runs side by side: the same choices on two kernels, or two branches on one.
type Comparison struct {
	Left, Right string   // kernels, or what the branches are called
	Branches    []Branch // that there are to compare with; On: the one that it is compared with
	There       bool     // the right side is another kernel
	Sentence    Sentence
	Parts       []ComparedPart
	First       int // the number of the first difference among the rows, from 1; 0: there is none
	Refused     string
	LeftEnd     string // what is wrong at the end, "" if nothing is
	RightEnd    string
	Choices     []KernelChoice // what else it could be compared with
}

// A KernelChoice is a kernel to compare with.
type KernelChoice struct {
	Kernel string
	On     bool
}

// A ComparedPart is rows that are alike on both sides, or rows of which some are not.
type ComparedPart struct {
	Same bool
	Rows []Compared
}

// A Compared is what one actor does on both sides, or on one.
type Compared struct {
	Lane        string
	Who         Who
	Left, Right *Side
	Same        bool
	First       bool // the first difference
}

// A Side is a step.
type Side struct {
	N    int
	Func string
	Says string
	Did  []Change
	Bad  bool
	Why  string // for a step that is not made: why
}

// OfComparison plays the choices of a run on another kernel, where right stands at its start, and
// puts both side by side. Steps are the same if actor, function and label are: a step that
// only one of the kernels has stands alone.
func OfComparison(left, right *trace.Run, leftKernel, rightKernel string) Comparison {
	x := comparing{c: columnsOf(left), left: left, right: right}
	out := Comparison{Left: leftKernel, Right: rightKernel}
	for i := range left.Steps() {
		x.step(&left.Steps()[i])
	}
	x.end()
	for i := range x.rows {
		if !x.rows[i].Same {
			x.rows[i].First = true
			out.First = i + 1
			break
		}
	}
	out.LeftEnd, out.RightEnd = wrongs(left), wrongs(right)
	out.Sentence = x.sentence(&out)
	out.Parts = parts(x.rows)
	return out
}

// lookAhead is how many steps of an actor may be on one side alone before those that both have.
const lookAhead = 8

type comparing struct {
	c           *columns
	left, right *trace.Run
	rows        []Compared
	parted      int // the actor that last did something else
}

// step finds what the right side does where the left one makes a step.
func (x *comparing) step(st *trace.Step) {
	o := x.right.Offer(st.Actor)
	switch {
	case !o.Ready:
		why := o.Why
		if o.Finished {
			why = "it has finished"
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
func (x *comparing) move(like *trace.Step) *trace.Step {
	c := like.Choice
	if !x.right.Allowed(c) {
		c = check.Choice{Actor: uint16(like.Actor), Key: uint16(x.right.Offer(like.Actor).Keys[0])}
	}
	if _, err := x.right.Do(c); err != nil {
		panic("view: a step that is offered cannot be made: " + err.Error())
	}
	return &x.right.Steps()[x.right.Cursor()-1]
}

// alone makes the steps that only the right side has before this one, if it comes to this one at all.
func (x *comparing) alone(st *trace.Step) bool {
	from := x.right.Cursor()
	for range lookAhead {
		if !x.right.Offer(st.Actor).Ready {
			break
		}
		x.move(st)
		if x.right.NextIs(st.Actor, st) && x.right.Offer(st.Actor).Ready {
			for i := from; i < x.right.Cursor(); i++ {
				x.put(nil, &x.right.Steps()[i], "")
			}
			return true
		}
	}
	x.right.Goto(from)
	return false
}

// later reports whether what the right side does next the left one does a few steps on.
func (x *comparing) later(st *trace.Step) bool {
	n := 0
	for i := st.N; i < x.left.Len() && n < lookAhead; i++ {
		if next := &x.left.Steps()[i]; next.Actor == st.Actor {
			if n++; x.right.NextIs(st.Actor, next) {
				return true
			}
		}
	}
	return false
}

// end lets who parted last go on to the end of the call on the right side.
func (x *comparing) end() {
	if len(x.rows) == 0 || x.parted < 0 || x.right.Model.Actors()[x.parted].Kind != kernel.TaskActor {
		return
	}
	if !slices.ContainsFunc(x.rows, func(r Compared) bool { return !r.Same }) {
		return
	}
	like := &trace.Step{Actor: x.parted, Choice: check.Choice{Actor: uint16(x.parted)}}
	stmt := x.right.Model.Look(x.parted).Stmt
	for range 2 * lookAhead {
		if o := x.right.Offer(x.parted); !o.Ready || o.Look.Stmt != stmt {
			return
		}
		x.put(nil, x.move(like), "")
	}
}

// put adds a row.
func (x *comparing) put(l, r *trace.Step, why string) {
	st := l
	if st == nil {
		st = r
	}
	row := Compared{Left: x.side(x.left, l), Right: x.side(x.right, r)}
	if lane := x.c.actor[st.Actor]; lane >= 0 {
		row.Lane, row.Who = x.c.lanes[lane].Name, x.c.lanes[lane].Who
	}
	row.Same = l != nil && r != nil && l.Alike(r) && l.Says == r.Says && sameChanges(l, r)
	if why != "" {
		row.Right = &Side{Why: why}
	}
	if !row.Same {
		x.parted = st.Actor
	}
	x.rows = append(x.rows, row)
}

// sameChanges reports whether two steps did the same, a task's stack apart: what is on it is named by the
// functions and their locals, which are called and numbered otherwise on another kernel.
func sameChanges(l, r *trace.Step) bool {
	a, b := offStack(l.Changes), offStack(r.Changes)
	return slices.EqualFunc(a, b, func(a, b trace.Change) bool { return a.Name == b.Name && a.Old == b.Old && a.New == b.New })
}

func offStack(cs []trace.Change) (out []trace.Change) {
	for _, c := range cs {
		if c.Class != machine.Stacks {
			out = append(out, c)
		}
	}
	return out
}

func (x *comparing) side(r *trace.Run, st *trace.Step) *Side {
	if st == nil {
		return nil
	}
	s := &Side{N: st.N, Func: st.Func, Says: st.Says, Bad: len(st.Broken) > 0}
	s.Did, _ = x.c.changes(r, st)
	return s
}

// sentence says where the two part, and what comes of it.
func (x *comparing) sentence(out *Comparison) Sentence {
	if out.First == 0 {
		return Sentence{{Text: "The same choices do the same on both."}}
	}
	row := &x.rows[out.First-1]
	race := &Race{Lanes: x.c.lanes}
	s := Sentence{}
	switch {
	case row.Left == nil:
		s = append(s, Word{Text: out.Right, Code: true}, Word{Text: " has a step here that the other has not: "}, Word{Text: row.Lane, Who: row.Who}, Word{Text: ": "})
		s = append(s, race.name(row.Right.Says+end(row.Right.Says))...)
		s = append(s, x.rule(row.Right.N)...)
	case row.Right == nil:
		s = append(s, Word{Text: out.Right, Code: true}, Word{Text: " leaves a step out here: "}, Word{Text: row.Lane, Who: row.Who}, Word{Text: ": "})
		s = append(s, race.name(row.Left.Says+end(row.Left.Says))...)
	case row.Right.Why != "":
		s = append(s, Word{Text: "On "}, Word{Text: out.Right, Code: true}, Word{Text: " "}, Word{Text: row.Lane, Who: row.Who}, Word{Text: " cannot make this step here (" + row.Left.Says + "): " + row.Right.Why + "."})
	default:
		s = append(s, Word{Text: "Here they part. On "}, Word{Text: out.Left, Code: true}, Word{Text: ", "}, Word{Text: row.Lane, Who: row.Who}, Word{Text: ": " + row.Left.Says + ". On "}, Word{Text: out.Right, Code: true}, Word{Text: ": "})
		s = append(s, race.name(row.Right.Says+end(row.Right.Says))...)
		s = append(s, x.rule(row.Right.N)...)
	}
	return append(s, ends(out)...)
}

// ends says what comes of both sides, if anything goes wrong on one of them.
func ends(out *Comparison) Sentence {
	switch {
	case out.LeftEnd != "" && out.RightEnd == "":
		return Sentence{{Text: " On the one " + out.LeftEnd + "; on the other nothing is."}}
	case out.LeftEnd == "" && out.RightEnd != "":
		return Sentence{{Text: " On the one nothing is false; on the other " + out.RightEnd + "."}}
	case out.LeftEnd != "":
		return Sentence{{Text: " On the one " + out.LeftEnd + "; on the other " + out.RightEnd + "."}}
	}
	return nil
}

// rule says which rule of the kernel a step on the right belongs to.
func (x *comparing) rule(n int) Sentence {
	st := &x.right.Steps()[n-1]
	a := &x.right.Model.Actors()[st.Actor]
	if a.Kind != kernel.TaskActor {
		return nil
	}
	at := x.right.Cursor()
	x.right.Goto(n - 1)
	defer x.right.Goto(at)
	l := x.right.Model.Look(st.Actor)
	if l.Func == nil {
		return nil
	}
	rule, ok := l.Func.Steps[l.Step].When.Rule()
	if !ok {
		return nil
	}
	return Sentence{{Text: " That is "}, {Text: rule.Name, Code: true}, {Text: ": " + rule.Says + "."}}
}

// wrongs says which claims the run breaks.
func wrongs(r *trace.Run) string {
	n := r.FirstViolation()
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s is false from step %d on", strings.Join(r.Steps()[n-1].Broken, " and "), n)
}
