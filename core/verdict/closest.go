package verdict

import (
	"fmt"
	"slices"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// A Call is a run that a rule saved in the last moment: without the rule it breaks
// a claim, with it a step of the rule, or a wait because of it, is in the way.
type Call struct {
	Rule  *kernel.Rule
	Claim string         // that breaks without the rule; "": none does, the rule is not needed alone
	Run   []check.Choice // on the kernel with the rule, up to and with the step that caught it; nil: it went another way
	Said  string         // what that step said, or why nobody could go on there
	Task  string         // whose step it was
	Parts int            // if it went another way: the step from which on
}

// String is the call in a line.
func (c Call) String() string {
	switch {
	case c.Claim == "":
		return c.Rule.Name + " is not needed alone: nothing breaks without it"
	case c.Run == nil:
		return fmt.Sprintf("%s keeps %s, but not by one step: with it, the run that breaks it goes another way from step %d on", c.Rule.Name, c.Claim, c.Parts)
	}
	return fmt.Sprintf("%s keeps %s: at step %d, %s: %s", c.Rule.Name, c.Claim, len(c.Run), c.Task, c.Said)
}

// ClosestCalls returns, for every rule that caught something in the survey, the
// shortest counterexample of the kernel without it, played on the kernel with it
// up to where the rule stops it.
func (s *Survey) ClosestCalls(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits) []Call {
	var out []Call
	for _, r := range s.Caught() {
		t, ok := trial(k, kernel.Setting{Rule: r.Name, Value: r.ValueName(0)})
		if !ok {
			continue
		}
		t.Run(f, judge, l)
		out = append(out, t.Calls(f, k, judge)...)
		if t.Passes() {
			out = append(out, Call{Rule: r})
		}
	}
	return out
}

// Calls plays the trial's counterexamples on the kernel k that it is a change of,
// up to where what was changed is in the way.
func (t *Trial) Calls(f *scenario.File, k kernel.Kernel, judge []string) []Call {
	var out []Call
	for _, b := range t.Outcome.Broken {
		with, _, _ := Model(f, k, judge)
		without, _, _ := Model(f, t.Kernel, judge)
		c := rerun{m: with, changes: t.Changes}
		call := Call{Rule: kernel.RuleByName(t.Changes[0].Rule), Claim: b.Claim}
		if c.play(without, b.Run) {
			call.Run, call.Said, call.Task = c.run, c.said, c.task
		} else {
			call.Parts = len(c.run) + 1
		}
		out = append(out, call)
	}
	return out
}

// A rerun is a run of another kernel made once more on this one. Their tables
// differ, so choices alone would come to mean other steps; what is followed is who makes
// which step of which function. A step that this kernel passes over is left out; one that it has
// alone is made as late as can be: before its task's next that both have.
type rerun struct {
	m       *claim.Model
	changes []kernel.Setting
	run     []check.Choice
	said    string // what caught it
	task    string
}

// play follows the run, and reports whether the rule catches it.
func (c *rerun) play(other *claim.Model, run []check.Choice) bool {
	for _, choice := range run {
		a := other.Actors()[choice.Actor]
		if a.Kind == kernel.TaskActor {
			ours, theirs := place{c.m, a.Task}, place{other, a.Task}
			if !ours.lacks(theirs) && !c.catchUp(a, theirs) {
				return c.said != ""
			}
			if ours.same(theirs) && !c.do(choice) {
				return c.said != ""
			}
		} else if !c.do(choice) {
			return c.said != ""
		}
		other.Do(choice)
	}
	// The rule's own step may come only where the other kernel has broken its claim.
	if a := other.Actors()[run[len(run)-1].Actor]; a.Kind == kernel.TaskActor {
		c.catchUp(a, place{other, a.Task})
	}
	return c.said != ""
}

// catchUp makes the steps that this kernel has alone, until its task is where
// the other's is, or beyond. It is false if the task does not come there.
func (c *rerun) catchUp(a kernel.Actor, theirs place) bool {
	const enough = 200 // steps: then it goes in circles
	ours := place{c.m, a.Task}
	for range enough {
		behind, known := ours.behind(theirs)
		if !known || !behind {
			return known
		}
		l := c.m.Look(a.ID)
		if len(l.Keys) > 1 || !c.do(check.Choice{Actor: uint16(a.ID), Key: uint16(slices.Max(append(l.Keys, 0)))}) {
			return false
		}
	}
	return false
}

// do makes a choice; false if the run ends there: caught, or it cannot be made.
func (c *rerun) do(choice check.Choice) bool {
	a := c.m.Actors()[choice.Actor]
	if !slices.Contains(c.m.Choices(nil), choice) {
		if l := c.m.Look(a.ID); !l.Ready && !l.Finished && l.Why != "" {
			c.said, c.task = l.Why, a.Name
		}
		return false
	}
	var notes kernel.Notes
	c.m.Listen(&notes)
	c.m.Do(choice)
	c.m.Listen(nil)
	c.run = append(c.run, choice)
	if len(notes.Went) == 0 {
		return true
	}
	h := branchOf(c.m.Funcs(), notes.Went[0])
	f := &c.m.Funcs()[h.Fn]
	if rule, of := f.Steps[h.From].When.Rule(); of && c.changed(rule) && turnsAway(f, h, notes.Told[0]) {
		c.said, c.task = notes.Told[0], a.Name
		return false
	}
	return true
}

func (c *rerun) changed(r *kernel.Rule) bool {
	return slices.ContainsFunc(c.changes, func(s kernel.Setting) bool { return s.Rule == r.Name })
}

// A place is where a task is in its program, on one kernel.
type place struct {
	m    *claim.Model
	task int
}

func (p place) depth() int { return int(p.m.M.Peek(p.m.M.Depth(p.task))) }

func (p place) at(level int) (*kernel.Bound, int) {
	a := p.m.M.Activation(p.task, level)
	return &p.m.Funcs()[a.Fn], int(a.Step)
}

// same reports whether both are before the same step.
func (p place) same(q place) bool {
	if p.depth() == 0 || q.depth() == 0 {
		return false
	}
	f, n := p.at(p.depth() - 1)
	g, m := q.at(q.depth() - 1)
	return f.ID == g.ID && f.Variant == g.Variant && n == m
}

// lacks reports whether the kernel of p passes over the step that q is before, or
// has another table in the place of that one.
func (p place) lacks(q place) bool {
	if q.depth() == 0 {
		return false
	}
	g, n := q.at(q.depth() - 1)
	f := &p.m.Funcs()[g.ID]
	return f.Variant != g.Variant || f.Off[n]
}

// behind reports whether p has yet to come to where q is: a statement, or a step of
// a function, nearer the start. It is not known if they are in different functions.
func (p place) behind(q place) (behind, known bool) {
	if a, b := p.m.M.Peek(p.m.M.PC(p.task)), q.m.M.Peek(q.m.M.PC(q.task)); a != b || p.depth() == 0 || q.depth() == 0 {
		return a < b || p.depth() > 0 && q.depth() == 0, true
	}
	for level := 0; level < p.depth() && level < q.depth(); level++ {
		f, n := p.at(level)
		g, m := q.at(level)
		if f.ID != g.ID {
			return false, false
		}
		// Who is in a call is just before the step that it comes back to.
		x, y := 2*n, 2*m
		if level+1 < p.depth() {
			x--
		}
		if level+1 < q.depth() {
			y--
		}
		if x != y {
			return x < y, f.Variant == g.Variant
		}
	}
	return false, true
}
