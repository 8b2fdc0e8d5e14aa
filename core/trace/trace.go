// Package trace is one run through a scenario: the choices made, a cursor in
// them, and what every step did.
//
// Its nouns: a Run is a sequence of steps with a cursor; a Step is one
// transition with its sentence, what it read, what it changed and what its CPU
// believes from then on; an Offer is what an actor can do next at the cursor.
//
// Its law: a run is its choices. The steps behind the cursor are done, those
// ahead of it are undone and can be redone; everything shown of a step was seen
// when it was first made.
//
// Reading order: trace.go, history.go (who wrote what), choices.go (a run as a short string),
// timeline.go with spans.go, races.go and mmus.go (what the timeline draws), ascii.go; explain.go (why a claim breaks) with
// pairs.go (who raced), writes.go and began.go, slice.go (which steps matter) with copied.go, tell.go with brief.go,
// words.go and outcome.go, guard.go (which rules would have kept it) with trial.go and parting.go (what is done by them
// instead), chart.go; account.go (how a run that breaks nothing came to where it stands) with meeting.go (where two
// actors met); lockstep.go (two runs side by side) with deciding.go (what decides between them).
package trace

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
)

// A Run is one run, with a cursor.
type Run struct {
	Model *claim.Model

	steps  []Step
	marks  []cell.Mark // before each step that is done, by number
	cursor int
	start  []string // claims that are false before the first step
	begin  uint64   // the hash of the state before it
	stood  check.Standing

	made   int               // how many steps were ever made: a step's identity
	wrote  map[cell.ID][]int // the steps that changed a cell, in order
	kept   map[cell.ID][]int // the steps that kept something in a cell, in order
	broken []int             // the steps that broke claims
	line   timeline
	text   written
}

// A Step is what one transition did.
type Step struct {
	N      int // from 1
	Choice check.Choice
	Actor  int
	CPU    int // the lane: the actor's CPU, -1 for RCU and devices
	Func   string
	File   string
	Label  string
	Index  int // of the step in its table
	Says   string
	Stmt   int      // the statement of the task, from 0; -1 for others
	Path   []string // the functions around it, outermost first

	Reads   []cell.ID
	Writes  []cell.ID
	Changes []Change
	Kept    []Kept

	Waits  []Blocked // who cannot go on after it
	Broken []string  // claims that are false after it and were true before
	Hash   uint64    // of the state after it
	Ends   bool      // the task has finished with it
	Made   int       // two steps of a run with the same number are the same one, made once

	origin string       // the newest name of Func
	counts bool         // it holds a folio's references against those that are expected: see kernel.Step
	passed bool         // and there were no others, or it has nothing to say but that
	asks   bool         // it decides something: it asks, or comes to something else than it is about to do
	turned bool         // it says why it does not do what it was about to
	rule   *kernel.Rule // that it belongs to; nil: none

	stands check.Standing // after it
}

// A Change is what a step changed in one cell, in words.
type Change struct {
	Cell       cell.ID
	Name       string
	Owner      string
	Class      cell.Class
	Old, New   string
	OldV, NewV uint64
}

// Kept says what a CPU believes from a step on: a local holds what a cell held.
type Kept struct {
	Local string
	Into  cell.ID
	From  cell.ID
	Name  string // of From
	Value string
	Raw   uint64
}

// A Blocked is a task that has program left and cannot go on.
type Blocked struct {
	Actor int
	Why   string // "waits for the PTL of …, which P1 holds"
	For   int    // the actor that is waited for, -1: nobody in particular
}

// New begins a run at the start of a scenario.
func New(m *claim.Model) *Run {
	r := &Run{Model: m, begin: m.Memory().Hash(), stood: check.StandingOf(m), wrote: map[cell.ID][]int{}, kept: map[cell.ID][]int{}, line: newTimeline()}
	names := m.Claims()
	for _, c := range m.Broken(-1, nil) {
		r.start = append(r.start, names[c])
	}
	return r
}

// Len returns the number of steps, those ahead of the cursor included.
func (r *Run) Len() int { return len(r.steps) }

// Cursor returns how many steps are done.
func (r *Run) Cursor() int { return r.cursor }

// Steps returns all steps; those from Cursor on are undone.
func (r *Run) Steps() []Step { return r.steps }

// Choices returns the choice of every step.
func (r *Run) Choices() []check.Choice {
	out := make([]check.Choice, len(r.steps))
	for i := range r.steps {
		out[i] = r.steps[i].Choice
	}
	return out
}

// An Offer is what an actor can do next.
type Offer struct {
	kernel.Look
	Func string   // the function that the step is in
	Text []string // for each of Keys, what it stands for
	Stmt string   // the statement that the task is in
}

// Offer returns what an actor can do at the cursor.
func (r *Run) Offer(actor int) Offer {
	l := r.Model.Look(actor)
	o := Offer{Look: l}
	a := &r.Model.Actors()[actor]
	o.Func = a.FuncOf()
	if l.Func != nil {
		o.Func = l.Func.Title
	}
	if a.Kind == kernel.TaskActor && l.Stmt >= 0 {
		o.Stmt = r.Model.StmtText(a.Task, l.Stmt)
	}
	for _, k := range l.Keys {
		o.Text = append(o.Text, r.Model.KeyText(&l, k))
	}
	return o
}

// Allowed reports whether the choice can be made at the cursor.
func (r *Run) Allowed(c check.Choice) bool {
	if int(c.Actor) >= len(r.Model.Actors()) {
		return false
	}
	for _, k := range r.Model.Look(int(c.Actor)).Keys {
		if k == int(c.Key) {
			return true
		}
	}
	return false
}

// Do makes a choice at the cursor. If it is the one that was made there before,
// the steps ahead stay; else they are dropped and returned. A choice that is not
// possible changes nothing and is an error that says why.
func (r *Run) Do(c check.Choice) (dropped []check.Choice, err error) {
	if !r.Allowed(c) {
		return nil, r.refuse(c)
	}
	if r.cursor < len(r.steps) && r.steps[r.cursor].Choice == c {
		r.redo()
		return nil, nil
	}
	for i := range r.steps[r.cursor:] {
		dropped = append(dropped, r.steps[r.cursor+i].Choice)
	}
	r.cut(r.cursor)
	r.marks = append(r.marks[:r.cursor], r.Model.Memory().Mark())
	r.add(r.make(c))
	r.cursor++
	return dropped, nil
}

func (r *Run) refuse(c check.Choice) error {
	if int(c.Actor) >= len(r.Model.Actors()) {
		return fmt.Errorf("there is no actor %d: this scenario has actors 0 to %d", c.Actor, len(r.Model.Actors())-1)
	}
	o := r.Offer(int(c.Actor))
	name := r.Model.Actors()[c.Actor].Name
	if o.Ready {
		return fmt.Errorf("%s can go on here, but not with choice %d", name, c.Key)
	}
	return fmt.Errorf("%s cannot go on here: %s", name, o.Why)
}

// Goto moves the cursor to after step n, or as near as there are steps.
func (r *Run) Goto(n int) {
	n = max(0, min(n, len(r.steps)))
	if n < r.cursor {
		r.Model.Memory().Undo(r.marks[n])
		r.cursor = n
	}
	for r.cursor < n {
		r.redo()
	}
}

// Back takes the last step back; Forward makes the next one again.
func (r *Run) Back()    { r.Goto(r.cursor - 1) }
func (r *Run) Forward() { r.Goto(r.cursor + 1) }

func (r *Run) redo() {
	r.marks = append(r.marks[:r.cursor], r.Model.Memory().Mark())
	r.Model.Do(r.steps[r.cursor].Choice)
	r.cursor++
}

// make makes a choice and records everything about it.
func (r *Run) make(c check.Choice) Step {
	m := r.Model
	l := m.Look(int(c.Actor))
	a := m.Actors()[c.Actor]
	st := Step{N: r.cursor + 1, Choice: c, Actor: int(c.Actor), CPU: a.CPU, Says: l.Says, Stmt: l.Stmt, Func: a.FuncOf(), origin: a.FuncOf()}
	if l.Func != nil {
		s := l.Func.Steps[l.Step]
		st.Func, st.File, st.Label, st.Index = l.Func.Title, l.Func.Source, s.Label, l.Step
		st.origin = l.Func.Name
		for _, f := range m.Stack(a.Task) {
			st.Path = append(st.Path, f.Func.Title)
		}
	}
	before := m.Broken(-1, nil)
	layout := m.Memory().Layout()
	var notes kernel.Notes
	var f cell.Footprint
	mark := m.Memory().Mark()
	m.Listen(&notes)
	m.Memory().Record(&f)
	m.Do(c)
	m.Memory().Record(nil)
	m.Listen(nil)
	if l.Func != nil {
		s := &l.Func.Steps[l.Step]
		st.Says = s.Told(notes.Said)
		st.counts, st.passed = s.Counts, s.Counts && (notes.Said == "" || strings.Contains(notes.Said, "expected"))
		verb, _, _ := strings.Cut(st.Says, " ")
		st.turned = st.counts && !st.passed || !strings.Contains(s.Says, "?") && !strings.HasPrefix(s.Says, verb+" ")
		st.rule, _ = s.When.Rule()
		st.asks = strings.Contains(s.Says, "?") || !strings.HasPrefix(st.Says, s.Says)
	}
	st.Reads, st.Writes = append([]cell.ID(nil), f.Reads...), append([]cell.ID(nil), f.Writes...)
	for _, ch := range m.Memory().Changes(mark) {
		st.Changes = append(st.Changes, Change{ch.Cell, layout.Name(ch.Cell), layout.Owner(ch.Cell), layout.Class(ch.Cell),
			layout.Decode(ch.Cell, ch.Old), layout.Decode(ch.Cell, ch.New), ch.Old, ch.New})
	}
	for _, k := range notes.Kept {
		st.Kept = append(st.Kept, Kept{k.Local, k.To.Cell(), k.From.Cell(), layout.Name(k.From.Cell()), layout.Decode(k.From.Cell(), k.Value), k.Value})
	}
	st.Broken = r.newlyBroken(before)
	st.Hash = m.Memory().Hash()
	st.stands = check.StandingOf(m)
	if a.Kind == kernel.TaskActor {
		st.Ends = m.Look(a.ID).Finished
	}
	for i := range m.Actors() {
		if a := &m.Actors()[i]; a.Kind == kernel.TaskActor {
			if l := m.Look(i); !l.Ready && !l.Finished {
				st.Waits = append(st.Waits, Blocked{i, l.Why, l.For})
			}
		}
	}
	r.made++
	st.Made = r.made
	return st
}

func (r *Run) newlyBroken(before []int) []string {
	var out []string
	names := r.Model.Claims()
	for _, c := range r.Model.Broken(-1, nil) {
		if !contains(before, c) && !r.Model.Wanted(c) {
			out = append(out, names[c])
		}
	}
	return out
}

func contains(s []int, x int) bool {
	for _, v := range s {
		if v == x {
			return true
		}
	}
	return false
}

// FirstViolation returns the number of the first step that breaks a claim, or 0.
func (r *Run) FirstViolation() int {
	if len(r.broken) == 0 {
		return 0
	}
	return r.broken[0]
}

// Violations returns the steps that break a claim, in order.
func (r *Run) Violations() []int { return r.broken }
