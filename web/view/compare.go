package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/trace"
)

// A Comparison is two runs side by side: the same choices on two kernels, or two branches on one.
type Comparison struct {
	Left, Right string   // kernels, or what the branches are called
	Branches    []Branch // that there are to compare with; On: the one that it is compared with
	There       bool     // the right side is another kernel
	Sentence    Sentence
	Parts       []ComparedPart
	First       int    // the number of the first difference among the rows, from 1; 0: there is none
	Decides     int    // that of the difference after which the two come to something else, 0: there is none, or no single rule makes it
	Deciding    string // what decides, in a sentence; "" if they come to the same
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
	Decides     bool // the one that decides what comes of it
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
// puts both side by side: see [trace.Lockstep].
func OfComparison(left, right *trace.Run, leftKernel, rightKernel string) Comparison {
	x := comparing{c: columnsOf(left), left: left, right: right}
	out := Comparison{Left: leftKernel, Right: rightKernel}
	pairs := trace.Lockstep(left, right)
	for _, p := range pairs {
		x.put(p.Left, p.Right, p.Why)
	}
	for i := range x.rows {
		if !x.rows[i].Same {
			x.rows[i].First = true
			out.First = i + 1
			break
		}
	}
	if d := trace.Decide(left, right, pairs); d != nil {
		better, worse := rightKernel, leftKernel
		if !d.There {
			better, worse = worse, better
		}
		out.Deciding = d.Text(better, worse)
		if d.At >= 0 {
			x.rows[d.At].Decides = true
			out.Decides = d.At + 1
		}
	}
	out.LeftEnd, out.RightEnd = wrongs(left), wrongs(right)
	out.Sentence = x.sentence(&out)
	out.Parts = parts(x.rows)
	return out
}

type comparing struct {
	c           *columns
	left, right *trace.Run
	rows        []Compared
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
	row.Same = l != nil && r != nil && l.SameAs(r)
	if !row.Same && l != nil && r != nil && row.Left.Says == row.Right.Says && slices.Equal(row.Left.Did, row.Right.Did) {
		x.alsoDid(&row, l, r)
	}
	if why != "" {
		row.Right = &Side{Why: why}
	}
	x.rows = append(x.rows, row)
}

func (x *comparing) side(r *trace.Run, st *trace.Step) *Side {
	if st == nil {
		return nil
	}
	s := &Side{N: st.N, Func: st.Func, Says: st.Says, Bad: len(st.Broken) > 0}
	s.Did, _ = x.c.changes(r, st)
	return s
}

// alsoDid adds to a row whose sides differ in nothing that they say what they differ in. If that is no more than the name of a step in its table, the row is
// the same on both.
func (x *comparing) alsoDid(row *Compared, l, r *trace.Step) {
	p := trace.Pair{Left: l, Right: r}
	left, right := p.Otherwise()
	if left == nil && right == nil && row.Left.Func == row.Right.Func {
		row.Same = true
		return
	}
	for side, c := range map[*Side]*trace.Change{row.Left: left, row.Right: right} {
		if c != nil {
			side.Did = append(side.Did, change(c))
		}
	}
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
		s = append(s, Word{Text: out.Right, Code: true}, Word{Text: fmt.Sprintf(" has a step that the other has not, its step %d: ", row.Right.N)}, Word{Text: row.Lane, Who: row.Who}, Word{Text: ": "})
		s = append(s, race.name(row.Right.Says+end(row.Right.Says))...)
		s = append(s, x.rule(row.Right.N)...)
	case row.Right == nil:
		s = append(s, Word{Text: out.Right, Code: true}, Word{Text: fmt.Sprintf(" leaves step %d out: ", row.Left.N)}, Word{Text: row.Lane, Who: row.Who}, Word{Text: ": "})
		s = append(s, race.name(row.Left.Says+end(row.Left.Says))...)
	case row.Right.Why != "":
		s = append(s, Word{Text: "On "}, Word{Text: out.Right, Code: true}, Word{Text: " "}, Word{Text: row.Lane, Who: row.Who}, Word{Text: fmt.Sprintf(" cannot make step %d (%s): %s.", row.Left.N, row.Left.Says, row.Right.Why)})
	case row.Left.Says == row.Right.Says:
		s = append(s, Word{Text: fmt.Sprintf("At step %d both make the same step to another effect. ", row.Left.N)}, Word{Text: row.Lane, Who: row.Who}, Word{Text: ": "})
		s = append(append(s, race.name(row.Left.Says+end(row.Left.Says))...), x.effect(out)...)
		s = append(s, x.rule(row.Right.N)...)
	default:
		s = append(s, Word{Text: fmt.Sprintf("They part at step %d. On ", row.Left.N)}, Word{Text: out.Left, Code: true}, Word{Text: ", "}, Word{Text: row.Lane, Who: row.Who}, Word{Text: ": " + row.Left.Says + ". On "}, Word{Text: out.Right, Code: true}, Word{Text: ": "})
		s = append(s, race.name(row.Right.Says+end(row.Right.Says))...)
		s = append(s, x.rule(row.Right.N)...)
	}
	return append(s, x.ends(out)...)
}

// effect says what the first difference is, where both make the same step.
func (x *comparing) effect(out *Comparison) Sentence {
	row := &x.rows[out.First-1]
	p := trace.Pair{Left: &x.left.Steps()[row.Left.N-1], Right: &x.right.Steps()[row.Right.N-1]}
	l, r := p.Otherwise()
	if l == nil && r == nil {
		return nil
	}
	name := ""
	to := func(c *trace.Change) string {
		if c == nil {
			return "stays as it is"
		}
		name = c.Name
		return "becomes " + c.New
	}
	left, right := to(l), to(r)
	return Sentence{{Text: " On "}, {Text: out.Left, Code: true}, {Text: ", " + name + " " + left + "; on "}, {Text: out.Right, Code: true}, {Text: " it " + right + "."}}
}

// ends says what comes of both sides: what goes wrong on one of them, or else which variables end otherwise.
func (x *comparing) ends(out *Comparison) Sentence {
	if out.LeftEnd != "" || out.RightEnd != "" {
		return Sentence{{Text: " On "}, {Text: out.Left, Code: true}, {Text: " " + cmp.Or(out.LeftEnd, "nothing is false") + "; on "}, {Text: out.Right, Code: true}, {Text: " " + cmp.Or(out.RightEnd, "nothing is") + "."}}
	}
	otherwise := trace.Endings(x.left, x.right)
	if len(otherwise) == 0 {
		return nil
	}
	s := Sentence{{Text: " No claim is false on either, and they end otherwise: "}}
	for i, e := range otherwise {
		if i > 0 {
			s = append(s, Word{Text: "; "})
		}
		s = append(s, Word{Text: e.Name + " is " + e.Left + " on "}, Word{Text: out.Left, Code: true}, Word{Text: ", " + e.Right + " on "}, Word{Text: out.Right, Code: true})
	}
	return append(s, Word{Text: "."})
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
