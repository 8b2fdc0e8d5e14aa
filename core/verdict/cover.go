package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A Survey is what a walk through all states of a model saw on its way: which
// steps ran and where they led, who waited for what, what claims had to judge, how
// runs end. It is for people who ask what a Never rests on; the verdict itself is
// the Check's.
type Survey struct {
	States      uint64
	Transitions uint64
	Complete    bool // all states were seen; else it stopped at its limit

	Branches  []Branch
	Unreached []Place  // steps of functions that ran, which this kernel has and no run came to
	Waits     []Wait   // what tasks waited for
	Vacuous   []string // claims that never had anything to judge
	Inverted  []Inversion
	Ends      []End
	False     []uint64 // for every claim: states in which it is false, each the end of a run

	model  *claim.Model
	visits map[Place]uint64
}

// A Place is a step of a function.
type Place struct {
	Func, Label, Says string
	fn                kernel.FuncID
	step              int
}

// A Branch is where a step led to, and how often.
type Branch struct {
	Place
	Said  string       // what the step said when it went this way; its own sentence if nothing else
	To    Place        // the step that its task makes next; none if the program ended
	Rule  *kernel.Rule // that the step belongs to; nil: none
	Stops bool         // it turned somebody away: the step did not do what its sentence says, and said why
	Times uint64
}

// A Wait is something that a task waited for in some states.
type Wait struct {
	Task   int
	Why    string
	Rule   *kernel.Rule // that makes it wait, where that is known
	States uint64
}

// An Inversion is two locks that were taken in either order. Locks that are only
// tried do not count: nobody waits for them.
type Inversion struct{ First, Second, Task, Other string }

// An End is one outcome of runs: the values of all variables.
type End struct {
	Values string // ending with the claims that are false there, each behind a star
	States uint64 // final states that have it
	Broken []int  // claims, end conditions among them, that are false there
}

// Explore walks through all states of a scenario on a kernel, or as many as the
// limit allows (0: all). The diagnostics say why it is n/a; the survey is nil then.
func Explore(m *claim.Model, limit uint64) *Survey {
	s := &Survey{model: m, visits: map[Place]uint64{}, False: make([]uint64, len(m.Claims()))}
	w := walker{s: s, m: m, mem: m.Memory(), seen: map[uint64]struct{}{}, branches: map[branchKey]*Branch{}, waits: map[waitKey]*Wait{},
		order: map[[2]cell.ID]int{}, ends: map[string]*End{}}
	w.walk(limit)
	s.Complete = !w.over
	w.report()
	return s
}

// A walker is a survey under way: depth-first, by Do and Undo on the one memory.
type walker struct {
	s        *Survey
	m        *claim.Model
	mem      *cell.Memory
	seen     map[uint64]struct{}
	over     bool // the limit was reached
	judging  []bool
	judged   []bool
	branches map[branchKey]*Branch
	waits    map[waitKey]*Wait
	order    map[[2]cell.ID]int // who first waited for the second while holding the first
	ends     map[string]*End
}

type branchKey struct{ fn, step, nextFn, nextStep int }

type waitKey struct {
	task int
	why  string
}

type level struct {
	mark    cell.Mark
	choices []check.Choice
}

func (w *walker) walk(limit uint64) {
	w.mem.Forget()
	w.judged = make([]bool, len(w.m.Claims()))
	w.seen[w.mem.Hash()] = struct{}{}
	stack := []level{{0, w.enter(-1)}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.choices) == 0 {
			w.mem.Undo(top.mark)
			stack = stack[:len(stack)-1]
			continue
		}
		c := top.choices[0]
		top.choices = top.choices[1:]
		mark := w.mem.Mark()
		w.do(c)
		w.s.Transitions++
		if _, known := w.seen[w.mem.Hash()]; known {
			w.mem.Undo(mark)
			continue
		}
		if limit > 0 && uint64(len(w.seen)) >= limit {
			w.over = true
			w.mem.Undo(mark)
			continue
		}
		w.seen[w.mem.Hash()] = struct{}{}
		stack = append(stack, level{mark, w.enter(mark)})
	}
	w.s.States = uint64(len(w.seen))
}

// enter looks at a state that is new, and returns what can happen in it: nothing
// if a claim is false.
func (w *walker) enter(since cell.Mark) []check.Choice {
	w.judging = w.m.Judging(w.judging[:0])
	for i, j := range w.judging {
		w.judged[i] = w.judged[i] || j
	}
	broken := w.m.Broken(since, nil)
	for _, c := range broken {
		w.s.False[c]++
	}
	choices := w.m.Choices(nil)
	if len(choices) == 0 && w.m.Done() {
		w.end(w.m.Broken(-1, nil))
	}
	if len(broken) > 0 {
		return nil
	}
	for t := range w.m.Setup.Tasks {
		if l := w.m.Look(t); !l.Ready && !l.Finished {
			w.wait(t, &l)
		}
	}
	return choices
}

func (w *walker) wait(task int, l *kernel.Look) {
	k := waitKey{task, l.Why}
	if w.waits[k] == nil {
		w.waits[k] = &Wait{Task: task, Why: l.Why, Rule: w.keptBy(l)}
	}
	w.waits[k].States++
}

// keptBy returns the rule that makes a task wait: who waits for a CPU that has
// interrupts off waits because GUP-fast switched them off.
func (w *walker) keptBy(l *kernel.Look) *kernel.Rule {
	if l.For < 0 {
		return nil
	}
	if a := w.m.Actors()[l.For]; a.Kind == kernel.InterruptActor && w.m.M.Peek(w.m.M.IRQOff(a.CPU)) != 0 {
		return kernel.Rules[kernel.GUPIRQOff]
	}
	return nil
}

// do makes a choice and notes where it leads its task.
func (w *walker) do(c check.Choice) {
	a := w.m.Actors()[c.Actor]
	if a.Kind != kernel.TaskActor {
		w.m.Do(c)
		return
	}
	fn, step := at(w.m, a.Task)
	mark := w.mem.Mark()
	w.m.Do(c)
	nextFn, nextStep := at(w.m, a.Task)
	k := branchKey{fn, step, nextFn, nextStep}
	b := w.branches[k]
	if b == nil {
		w.mem.Undo(mark)
		b = w.newBranch(k, c)
		w.branches[k] = b
	}
	b.Times++
	w.locks(a.Task, mark, fn, step)
}

// at is the step that a task makes next; nowhere if it has finished.
func at(m *claim.Model, task int) (fn, step int) {
	d := int(m.M.Peek(m.M.Depth(task)))
	if d == 0 {
		return nowhere.fn, nowhere.step
	}
	a := m.M.Activation(task, d-1)
	return int(a.Fn), int(a.Step)
}

// nowhere is where a task is that has finished.
var nowhere = struct{ fn, step int }{int(^kernel.FuncID(0)), -1}

// newBranch makes a choice once more, listening to what it says.
func (w *walker) newBranch(k branchKey, c check.Choice) *Branch {
	var notes kernel.Notes
	w.m.Listen(&notes)
	w.m.Do(c)
	w.m.Listen(nil)
	b := &Branch{Place: w.place(k.fn, k.step), To: w.place(k.nextFn, k.nextStep), Said: notes.Said}
	st := w.m.Funcs()[k.fn].Steps[k.step]
	b.Rule, _ = st.When.Rule()
	b.Stops = b.Said != "" && !sameVerb(b.Said, st.Says) && (k.nextFn != k.fn || k.nextStep != k.step+1)
	if b.Said == "" {
		b.Said = b.Says
	}
	return b
}

// sameVerb reports whether two sentences of a step begin alike: "read the PTE",
// "read the PTE: frame 1". A step that says why it does not do its work begins
// another one: "the count is zero: no reference".
func sameVerb(a, b string) bool {
	verb, _, _ := strings.Cut(a, " ")
	return strings.HasPrefix(b, verb+" ")
}

func (w *walker) place(fn, step int) Place {
	if fn == nowhere.fn {
		return Place{Func: "the end of the program", fn: ^kernel.FuncID(0), step: -1}
	}
	f := &w.m.Funcs()[fn]
	return Place{f.Title, f.Steps[step].Label, f.Steps[step].Says, f.ID, step}
}

// locks notes in which order locks are waited for: a step that waits takes the
// second while its task holds the first.
func (w *walker) locks(task int, since cell.Mark, fn, step int) {
	if w.m.Funcs()[fn].Steps[step].Wait == nil {
		return
	}
	layout := w.mem.Layout()
	w.mem.Written(since, func(id cell.ID) {
		if c := layout.Class(id); c != machine.PTLs && c != machine.FolioLocks && c != machine.MMLocks || !holds(w.mem.Peek(id), task, c) {
			return
		}
		for held := range layout.Len() {
			h := cell.ID(held)
			if c := layout.Class(h); h != id && (c == machine.PTLs || c == machine.FolioLocks || c == machine.MMLocks) && holds(w.mem.Peek(h), task, c) {
				if _, known := w.order[[2]cell.ID{h, id}]; !known {
					w.order[[2]cell.ID{h, id}] = task
				}
			}
		}
	})
}

func holds(v uint64, task int, c cell.Class) bool {
	if c == machine.MMLocks {
		return machine.MmapWriter(v) == task || machine.MmapWriter(v) < 0 && machine.MmapReaders(v)>>task&1 != 0
	}
	return v == uint64(task+1)
}

func (w *walker) end(broken []int) {
	text := ending(w.m, broken)
	e := w.ends[text]
	if e == nil {
		e = &End{Values: text, Broken: slices.Clone(broken)}
		w.ends[text] = e
	}
	e.States++
}

// ending is a final state as people tell it apart from others.
func ending(m *claim.Model, broken []int) string {
	text := m.Values()
	for _, c := range broken {
		if _, atEnd := m.AtEnd(c); !atEnd {
			text += " *" + m.Claims()[c]
		}
	}
	return text
}

// report puts what was collected in order.
func (w *walker) report() {
	s := w.s
	for _, b := range w.branches {
		s.Branches = append(s.Branches, *b)
		s.visits[b.Place] += b.Times
	}
	slices.SortFunc(s.Branches, func(a, b Branch) int {
		return cmp.Or(cmp.Compare(a.fn, b.fn), cmp.Compare(a.step, b.step), cmp.Compare(a.To.fn, b.To.fn), cmp.Compare(a.To.step, b.To.step))
	})
	entered := map[kernel.FuncID]bool{}
	for p := range s.visits {
		entered[p.fn] = true
	}
	for i := range w.m.Funcs() {
		f := &w.m.Funcs()[i]
		for n := range f.Steps {
			if p := w.place(i, n); f.Func != nil && entered[f.ID] && !f.Off[n] && !f.Steps[n].Local && s.visits[p] == 0 {
				s.Unreached = append(s.Unreached, p)
			}
		}
	}
	for _, x := range w.waits {
		s.Waits = append(s.Waits, *x)
	}
	slices.SortFunc(s.Waits, func(a, b Wait) int { return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Why, b.Why)) })
	for i, name := range w.m.Claims() {
		if !w.judged[i] {
			s.Vacuous = append(s.Vacuous, name)
		}
	}
	w.reportInversions()
	for _, e := range w.ends {
		s.Ends = append(s.Ends, *e)
	}
	slices.SortFunc(s.Ends, func(a, b End) int { return cmp.Compare(a.Values, b.Values) })
}

func (w *walker) reportInversions() {
	layout := w.mem.Layout()
	for pair, task := range w.order {
		other, both := w.order[[2]cell.ID{pair[1], pair[0]}]
		if both && pair[0] < pair[1] && task != other {
			name := func(t int) string { return w.m.Setup.Tasks[t].Name }
			w.s.Inverted = append(w.s.Inverted, Inversion{layout.Name(pair[0]), layout.Name(pair[1]), name(task), name(other)})
		}
	}
	slices.SortFunc(w.s.Inverted, func(a, b Inversion) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Second, b.Second))
	})
}

// Stopped returns the branches at which a step of a rule turned somebody away.
func (s *Survey) Stopped() []Branch {
	var out []Branch
	for _, b := range s.Branches {
		if b.Stops && b.Rule != nil && protects(b.Rule) {
			out = append(out, b)
		}
	}
	return out
}

func (p Place) String() string {
	if p.Label == "" {
		return p.Func
	}
	return fmt.Sprintf("%s: %s", p.Func, p.Label)
}

// protects reports whether a rule is there to prevent something; others choose
// between ways of doing a thing.
func protects(r *kernel.Rule) bool {
	return r.Protects != "-" && !strings.HasPrefix(r.Protects, "nothing")
}
