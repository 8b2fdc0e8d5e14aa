package verdict

import (
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// A Check explores a scenario on one kernel. Run it until its Phase is final,
// then ask for the Outcome.
//
// Unless it is said otherwise all states are seen one by one: the reduced search of package check finds the same, but what a
// scenario is about are races, of which it can leave out little, at five to eight times the cost of a step (core/check/RATIONALE.md).
type Check struct {
	*check.Check
	File   *scenario.File
	Kernel kernel.Kernel

	model   *claim.Model
	ignored bool // deadlocks are not judged
	reduced bool // the proof is a reduced one
}

// New returns the check of a scenario on a kernel. judge are the claims to
// judge, nil for those of the scenario. The diagnostics say why the scenario is
// n/a on the kernel; the check is nil then.
func New(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits) (*Check, []scenario.Diagnostic) {
	return Parallel(f, k, judge, l, 1)
}

// Parallel is New for a proof that several workers make together: see [check.Parallel].
func Parallel(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits, workers int) (*Check, []scenario.Diagnostic) {
	return begin(f, k, judge, func(m *claim.Model) *check.Check {
		ms := []check.Model{m}
		for len(ms) < workers {
			another, _, _ := Model(f, k, judge)
			ms = append(ms, another)
		}
		return check.Parallel(ms, l)
	})
}

// Exact is New for a proof that keeps whole states, however many there are: see [check.Exact].
func Exact(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits) (*Check, []scenario.Diagnostic) {
	return begin(f, k, judge, func(m *claim.Model) *check.Check { return check.Exact(m, l) })
}

// Reduced is New for a proof that leaves out orders of steps in which nothing differs, for what has no
// room otherwise: see [check.Reduced]. The Outcome's States are its own.
func Reduced(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits) (*Check, []scenario.Diagnostic) {
	c, ds := begin(f, k, judge, func(m *claim.Model) *check.Check { return check.Reduced(claim.Reduce(m), l) })
	if c != nil {
		c.reduced = true
	}
	return c, ds
}

func begin(f *scenario.File, k kernel.Kernel, judge []string, explore func(*claim.Model) *check.Check) (*Check, []scenario.Diagnostic) {
	m, _, ds := Model(f, k, judge)
	if m == nil {
		return nil, ds
	}
	return &Check{Check: explore(m), File: f, Kernel: k, model: m, ignored: !m.Judges(check.NoDeadlock)}, nil
}

// Reduced reports whether the proof is a reduced one.
func (c *Check) Reduced() bool { return c.reduced }
