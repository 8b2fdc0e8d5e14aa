package view

import (
	"fmt"
	"slices"

	"gupscope/core/check"
	"gupscope/core/trace"
	"gupscope/core/verdict"
)

// Rests is what a verdict hangs on: of a Never, what breaks without each rule, what was
// caught, what never happened; of a Sometimes, what would repair it. It is found
// out on request, and shown as far as it is known.
type Rests struct {
	State   RestsState
	Broken  bool   // it is, or turned out to be, about a Sometimes
	Doing   string // while it runs: "all states: 12,345", "kernel 3 of 27: without gup_irq_off"
	Done    int    // kernels tried
	Of      int
	SoFar   string // what a list of what never happened must say then
	Partial string // "not exhaustive: …", where a bound was reached

	Rules  []Trial  // of a Never: those that matter
	Quiet  []string // what was changed without anything breaking
	Cures  []Trial
	Most   int      // changes at once that were tried
	Tried  int      // sets of them
	First  string   // the first release on which nothing breaks, "" if none; empty Releases: not known yet
	Tested []string // the releases that were tried for that

	Caught    []Caught
	Waits     []string
	Vacuous   []string
	Unreached []string
	Untaken   []string
	Ends      []Ending
	Observed  []string
}

// A RestsState is how far that is.
type RestsState uint8

const (
	Unasked RestsState = iota
	Asking
	Paused
	Answered
)

// A Trial is a kernel that differs in a few rules, and what the scenario comes to on it.
type Trial struct {
	What   string // "without gup_pte_recheck"
	Also   string // "and the rule that needs it"
	Kernel string
	Result string   // "Sometimes no-lost-store"
	Bad    *Counter // the shortest counterexample on that kernel
	Call   *Caught  // where the rule is in the way of it here
	Parts  int      // or the step from which on its run goes another way here
	Since  string   // "v4.13"
	Commit string   // with its subject
}

// Caught is a step at which a rule turned somebody away, or made somebody wait.
type Caught struct {
	Rule  string
	Who   string // "gup_fast_pte_range", or a task
	Said  string
	Times string // "510 times"
	Run   string // that leads there; "": none was found within the bounds
	At    int
}

// An Ending is an outcome of runs.
type Ending struct {
	Values string
	States string
	Run    string
	Steps  int
}

// OfSurvey adds what a survey has seen.
func (r *Rests) OfSurvey(s *verdict.Survey, scenario string, tasks func(int) string) {
	r.SoFar = s.SoFar()
	if !s.Complete {
		r.Partial = fmt.Sprintf("not exhaustive: stopped at %s states", grouped(s.States))
	}
	for _, b := range s.Stopped() {
		r.Caught = append(r.Caught, Caught{Rule: b.Rule.Name, Who: b.Func, Said: b.Said, Times: times(b.Times)})
	}
	for _, w := range s.Waits {
		text := tasks(w.Task) + " " + w.Why
		if w.Rule != nil {
			text += " (" + w.Rule.Name + ")"
		}
		r.Waits = append(r.Waits, text)
	}
	r.Vacuous = s.Vacuous
	for _, p := range s.Unreached {
		r.Unreached = append(r.Unreached, p.Func+": "+p.Says)
	}
	for i := range s.Untaken {
		b := &s.Untaken[i]
		r.Untaken = append(r.Untaken, b.Func+": "+b.Says+"; never: "+b.Way())
	}
	for _, e := range s.Ends {
		r.Ends = append(r.Ends, Ending{Values: e.Values, States: grouped(e.States)})
	}
	for _, o := range s.Observations(scenario) {
		r.Observed = append(r.Observed, s.Line(o))
	}
}

// OfWitnesses adds runs to what the survey has seen. run writes a run as links do.
func (r *Rests) OfWitnesses(w *verdict.Witnesses, run func([]check.Choice) string) {
	for i, choices := range w.Branches {
		if choices != nil {
			r.Caught[i].Run, r.Caught[i].At = run(choices), len(choices)
		}
	}
	for i, choices := range w.Ends {
		if choices != nil {
			r.Ends[i].Run, r.Ends[i].Steps = run(choices), len(choices)
		}
	}
}

// OfTrial adds a trial that was made of a Never: a line of the table if it breaks something.
func (r *Rests) OfTrial(t *verdict.Trial, calls []verdict.Call, here func([]check.Choice) string, there func([]check.Choice) *trace.Run) {
	if t.Passes() {
		r.Quiet = append(r.Quiet, t.What())
		return
	}
	x := trialOf(t)
	if b := shortest(t.Outcome.Broken); b != nil {
		run := there(b.Run)
		x.Bad = &Counter{Claim: b.Claim, Steps: len(b.Run), Switches: b.Switches, Shortest: b.Shortest, Run: run.String(), At: Before(run)}
		if i := slices.IndexFunc(calls, func(c verdict.Call) bool { return c.Claim == b.Claim && c.Run != nil }); i >= 0 {
			c := &calls[i]
			x.Call = &Caught{Rule: c.Rule.Name, Who: c.Task, Said: c.Said, Run: here(c.Run), At: len(c.Run)}
		} else if i := slices.IndexFunc(calls, func(c verdict.Call) bool { return c.Claim == b.Claim }); i >= 0 {
			x.Parts = calls[i].Parts
		}
	}
	r.Rules = append(r.Rules, x)
}

func trialOf(t *verdict.Trial) Trial {
	x := Trial{What: t.What(), Kernel: t.Kernel.String(), Result: t.Outcome.String()}
	if n := len(t.Changes) - 1; n > 0 {
		first := verdict.Trial{Changes: t.Changes[:1]}
		x.What, x.Also = first.What(), t.Short()[len(first.What()):]
	}
	if t.NA != "" {
		x.Result = "n/a: " + t.NA
	}
	return x
}

func shortest(all []check.Broken) *check.Broken {
	var best *check.Broken
	for i := range all {
		if best == nil || len(all[i].Run) < len(best.Run) {
			best = &all[i]
		}
	}
	return best
}

// OfCures adds what repairs a Sometimes.
func (r *Rests) OfCures(q *verdict.Inquiry) {
	r.Most, r.Tried = q.Most, len(q.Tried)
	for i := range q.Cures {
		t := &q.Cures[i]
		x := Trial{What: t.What(), Kernel: t.Kernel.String()}
		x.Since, x.Commit = t.Had()
		r.Cures = append(r.Cures, x)
	}
	for i := range q.Releases {
		r.Tested = append(r.Tested, q.Releases[i].Kernel.String())
	}
	if t := q.Release(); t != nil {
		r.First = t.Kernel.String()
	}
}

// Looking says how far a survey is.
func Looking(states uint64) string { return "looking at all states: " + grouped(states) }

// Trying says which trial is under way.
func Trying(t *verdict.Trial) string {
	if t.Changes == nil {
		return t.Kernel.String()
	}
	return t.Short()
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return grouped(n) + " times"
}
