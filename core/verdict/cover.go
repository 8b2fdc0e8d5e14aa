package verdict

import (
	"cmp"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A walker is a survey under way: depth-first, by Do and Undo on the one memory.
type walker struct {
	s        *Survey
	m        *claim.Model
	mem      *cell.Memory
	limit    uint64
	stack    []level
	seen     map[uint64]struct{}
	over     bool // the limit was reached
	judging  []bool
	judged   []bool
	notes    kernel.Notes // mute: of every transition, where it led
	branches map[kernel.Hop]*Branch
	waits    map[waitKey]*Wait
	order    map[[2]cell.ID]int // who first waited for the second while holding the first
	ends     map[string]*End
}

type waitKey struct {
	task int
	why  string
}

type level struct {
	mark    cell.Mark
	choices []check.Choice
}

func newWalker(s *Survey, limit uint64) *walker {
	m := s.model
	w := &walker{s: s, m: m, mem: m.Memory(), limit: limit, judged: make([]bool, len(m.Claims())), notes: kernel.Notes{Mute: true},
		seen: map[uint64]struct{}{}, branches: map[kernel.Hop]*Branch{}, waits: map[waitKey]*Wait{}, order: map[[2]cell.ID]int{}, ends: map[string]*End{}}
	for _, h := range m.Began {
		w.went(h, "")
	}
	w.mem.Forget()
	m.Listen(&w.notes)
	w.seen[w.mem.Hash()] = struct{}{}
	w.stack = []level{{0, w.enter(-1)}}
	return w
}

// walk makes about so many transitions, and reports whether there are more to come.
func (w *walker) walk(transitions int) (more bool) {
	for ; len(w.stack) > 0 && transitions > 0; transitions-- {
		top := &w.stack[len(w.stack)-1]
		if len(top.choices) == 0 {
			w.mem.Undo(top.mark)
			w.stack = w.stack[:len(w.stack)-1]
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
		if w.limit > 0 && uint64(len(w.seen)) >= w.limit {
			w.over = true
			w.mem.Undo(mark)
			continue
		}
		w.seen[w.mem.Hash()] = struct{}{}
		w.stack = append(w.stack, level{mark, w.enter(mark)})
	}
	w.s.States = uint64(len(w.seen))
	return len(w.stack) > 0
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
	can := uint64(0) // nobody waits who has a choice
	for _, c := range choices {
		can |= 1 << c.Actor
	}
	for t := range w.m.Setup.Tasks {
		if can>>t&1 != 0 {
			continue
		}
		if l := w.m.Look(t); !l.Ready && !l.Finished {
			w.wait(t, &l)
		}
	}
	return choices
}

func (w *walker) wait(task int, l *kernel.Look) {
	k := waitKey{task, l.Why}
	if w.waits[k] == nil {
		w.waits[k] = &Wait{Task: task, Why: l.Why, Rule: keptBy(w.m, l)}
	}
	w.waits[k].States++
}

// keptBy returns the rule that makes a task wait: who waits for a CPU that has
// interrupts off waits because GUP-fast switched them off.
func keptBy(m *claim.Model, l *kernel.Look) *kernel.Rule {
	if l.On != kernel.OnIPI || l.For < 0 || m.M.Peek(m.M.IRQOff(m.Actors()[l.For].CPU)) == 0 {
		return nil
	}
	return kernel.Rules[kernel.GUPIRQOff]
}

// do makes a choice and notes where it leads its task. What is new is done once
// more, to hear what is said.
func (w *walker) do(c check.Choice) {
	a := w.m.Actors()[c.Actor]
	if a.Kind != kernel.TaskActor {
		w.m.Do(c)
		return
	}
	w.locks(a.Task)
	mark := w.mem.Mark()
	w.notes.Went, w.notes.Told = w.notes.Went[:0], w.notes.Told[:0]
	w.m.Do(c)
	if slices.ContainsFunc(w.notes.Went, func(h kernel.Hop) bool { return w.branches[branchOf(w.m.Funcs(), h)] == nil }) {
		w.mem.Undo(mark)
		w.notes = kernel.Notes{}
		w.m.Do(c)
		w.notes.Mute = true
	}
	for i, h := range w.notes.Went {
		w.went(h, w.notes.Told[i])
	}
}

// went counts a branch.
func (w *walker) went(h kernel.Hop, said string) {
	h = branchOf(w.m.Funcs(), h)
	b := w.branches[h]
	if b == nil {
		b = newBranch(w.m.Funcs(), h, said)
		w.branches[h] = b
	}
	b.Times++
}

// branchOf makes one hop of the ways in which a function ends.
func branchOf(funcs []kernel.Bound, h kernel.Hop) kernel.Hop {
	if f := &funcs[h.Fn]; returns(f, h) {
		h.To = ownEnd(f, h)
	}
	return h
}

// returns reports whether a hop leads to the end of its function.
func returns(f *kernel.Bound, h kernel.Hop) bool {
	return h.To == ownEnd(f, h) || h.To >= len(f.Steps)
}

// ownEnd is where the steps end that a hop's step is one of: the function's own, or those that tell secondary MMUs.
func ownEnd(f *kernel.Bound, h kernel.Hop) int {
	if h.From < f.Own {
		return f.Own
	}
	return len(f.Steps)
}

func newBranch(funcs []kernel.Bound, h kernel.Hop, said string) *Branch {
	b := &Branch{Place: placeOf(funcs, int(h.Fn), h.From), Hop: h, Said: said, way: way(funcs, h)}
	b.Rule, _ = funcs[h.Fn].Steps[h.From].When.Rule()
	b.Stops = turnsAway(&funcs[h.Fn], h, said)
	return b
}

// turnsAway reports whether a step said why it did not do its work: it began
// another sentence than its own ("read the PTE: frame 1" is its own; "the count is zero:
// no reference" is another), and it did not just go on, unless it is one that asks.
func turnsAway(f *kernel.Bound, h kernel.Hop, said string) bool {
	st := &f.Steps[h.From]
	onward := !h.Calls() && h.To == h.From+1 && !returns(f, h)
	return said != "" && !sameVerb(said, st.Says) && (st.Answer != "" || !onward)
}

func sameVerb(a, b string) bool {
	verb, _, _ := strings.Cut(a, " ")
	return strings.HasPrefix(b, verb+" ")
}

// way says where a hop leads.
func way(funcs []kernel.Bound, h kernel.Hop) string {
	f := &funcs[h.Fn]
	switch {
	case h.Calls():
		return "calls " + funcs[h.Called].Title + "()"
	case returns(f, h):
		return "returns"
	}
	to := h.To
	for to+1 < len(f.Steps) && f.Off[to] {
		to++ // a step that this kernel passes over
	}
	return "on to: " + f.Steps[to].Says
}

func placeOf(funcs []kernel.Bound, fn, step int) Place {
	f := &funcs[fn]
	if step >= len(f.Steps) {
		return Place{Func: f.Title, fn: f.ID, step: len(f.Steps)}
	}
	return Place{f.Title, f.Steps[step].Label, f.Steps[step].Says, f.ID, step}
}

// at is the step that a task makes next; nil if it has finished.
func at(m *claim.Model, task int) *kernel.Step {
	d := int(m.M.Peek(m.M.Depth(task)))
	if d == 0 {
		return nil
	}
	a := m.M.Activation(task, d-1)
	return &m.Funcs()[a.Fn].Steps[a.Step]
}

// locks notes in which order locks are waited for.
func (w *walker) locks(task int) {
	w.m.Awaited(task, func(held, wanted machine.Lock) {
		pair := [2]cell.ID{held.Cell(), wanted.Cell()}
		if _, known := w.order[pair]; !known {
			w.order[pair] = task
		}
	})
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
	w.m.Listen(nil)
	s := w.s
	for _, b := range w.branches {
		s.Branches = append(s.Branches, *b)
		s.visits[b.Place] += b.Times
	}
	slices.SortFunc(s.Branches, byHop)
	w.reportUnreached()
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

func byHop(a, b Branch) int {
	return cmp.Or(cmp.Compare(a.Hop.Fn, b.Hop.Fn), cmp.Compare(a.Hop.From, b.Hop.From), cmp.Compare(a.Hop.To, b.Hop.To), cmp.Compare(a.Hop.Called, b.Hop.Called), cmp.Compare(a.Hop.Form, b.Hop.Form))
}

// reportUnreached lists what the tables have and no run came to: steps, and ways on from
// steps that were made.
func (w *walker) reportUnreached() {
	funcs := w.m.Funcs()
	for i := range funcs {
		f := &funcs[i]
		if f.Func == nil || !w.s.entered(f.ID) {
			continue
		}
		for n := range f.Steps {
			if p := placeOf(funcs, i, n); !f.Off[n] && w.s.visits[p] == 0 {
				w.s.Unreached = append(w.s.Unreached, p)
			}
		}
	}
	for _, b := range knownExits(funcs) {
		if w.s.visits[b.Place] == 0 || w.branches[b.Hop] != nil || w.implied(&b) || !w.m.Possible(b.Hop) {
			continue
		}
		if b.Said != "" && w.said(b.Hop) {
			b.Said += "; then " + b.way
		}
		w.s.Untaken = append(w.s.Untaken, b)
	}
	slices.SortFunc(w.s.Untaken, byHop)
}

// said reports whether a step has said the same and gone another way.
func (w *walker) said(h kernel.Hop) bool {
	for x := range w.branches {
		if x.Fn == h.Fn && x.From == h.From && x.Form == h.Form {
			return true
		}
	}
	return false
}

// implied reports whether a branch leads nowhere but to what no run came to: that is said already.
func (w *walker) implied(b *Branch) bool {
	switch f := &w.m.Funcs()[b.Hop.Fn]; {
	case b.Said != "":
		return false
	case b.Hop.Calls():
		return !w.s.entered(b.Hop.Called)
	default:
		return b.Hop.To < len(f.Steps) && !f.Off[b.Hop.To] && w.s.visits[placeOf(w.m.Funcs(), int(b.Hop.Fn), b.Hop.To)] == 0
	}
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
