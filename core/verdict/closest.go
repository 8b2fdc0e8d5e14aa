package verdict

import (
	"slices"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// A Call is a run that a rule saved in the last moment: without the rule it breaks
// a claim, with it the rule's step catches it.
type Call struct {
	Rule  *kernel.Rule
	Claim string         // that breaks without the rule; "": none does, the rule is not needed alone
	Run   []check.Choice // up to and with the step that caught it
	Said  string         // what that step said
}

// ClosestCalls returns, for every rule that caught something in the survey, the
// shortest counterexample of the kernel without it, played on the kernel with it
// up to where the rule stops it.
func (s *Survey) ClosestCalls(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits) []Call {
	var rules []*kernel.Rule
	for _, b := range s.Stopped() {
		if !slices.Contains(rules, b.Rule) {
			rules = append(rules, b.Rule)
		}
	}
	var out []Call
	for _, r := range rules {
		t, ok := trial(k, kernel.Setting{Rule: r.Name, Value: r.ValueName(0)})
		if !ok {
			continue
		}
		t.Run(f, judge, l)
		for _, b := range t.Outcome.Broken {
			m, _, _ := Model(f, k, judge)
			if run, said, caught := catch(m, r, b.Run); caught {
				out = append(out, Call{r, b.Claim, run, said})
			}
		}
		if t.Passes() {
			out = append(out, Call{Rule: r})
		}
	}
	return out
}

// catch plays a run as far as it goes, up to the step at which a rule turns it away.
func catch(m *claim.Model, r *kernel.Rule, run []check.Choice) (played []check.Choice, said string, caught bool) {
	for _, c := range run {
		if !slices.Contains(m.Choices(nil), c) {
			return nil, "", false
		}
		var step *kernel.Step
		if a := m.Actors()[c.Actor]; a.Kind == kernel.TaskActor {
			fn, n := at(m, a.Task)
			step = &m.Funcs()[fn].Steps[n]
		}
		var notes kernel.Notes
		m.Listen(&notes)
		m.Do(c)
		m.Listen(nil)
		played = append(played, c)
		if step == nil || notes.Said == "" || sameVerb(notes.Said, step.Says) {
			continue
		}
		if rule, ok := step.When.Rule(); ok && rule == r {
			return played, notes.Said, true
		}
	}
	return nil, "", false
}
