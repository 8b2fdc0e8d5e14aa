package verdict

import (
	"slices"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// A Check explores a scenario on one kernel. Run it until its Phase is final,
// then ask for the Outcome.
//
// All states are seen, and their number is that of the scenario, as long as there are at most
// [Counted] of them. If there are more, the proof begins anew, reduced: the verdict is the same, the
// number is smaller, and says so. Shortest runs are searched for among all runs, in any case.
type Check struct {
	*check.Check
	File   *scenario.File
	Kernel kernel.Kernel

	model   *claim.Model
	ignored bool // deadlocks are not judged

	limits  check.Limits
	reduce  func() *check.Check // begins the reduced proof; nil: there is none, or it has begun
	reduced bool
}

// Counted is how many states are counted one by one.
const Counted = 1_000_000

// New returns the check of a scenario on a kernel. judge are the claims to
// judge, nil for those of the scenario. The diagnostics say why the scenario is
// n/a on the kernel; the check is nil then.
func New(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits) (*Check, []scenario.Diagnostic) {
	return Parallel(f, k, judge, l, 1)
}

// Parallel is New for a proof that several workers make together, as long as it is not
// reduced: see [check.Parallel].
func Parallel(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits, workers int) (*Check, []scenario.Diagnostic) {
	c, ds := begin(f, k, judge, func(m *claim.Model) *check.Check {
		ms := []check.Model{m}
		for len(ms) < workers {
			another, _, _ := Model(f, k, judge)
			ms = append(ms, another)
		}
		return check.Parallel(ms, counted(l))
	})
	if c != nil {
		c.limits = l
		c.reduce = func() *check.Check {
			m, _, _ := Model(f, k, judge)
			return check.Reduced(claim.Reduce(m), c.limits)
		}
	}
	return c, ds
}

// Exact is New for a proof that keeps whole states, however many there are: see [check.Exact].
func Exact(f *scenario.File, k kernel.Kernel, judge []string, l check.Limits) (*Check, []scenario.Diagnostic) {
	return begin(f, k, judge, func(m *claim.Model) *check.Check { return check.Exact(m, l) })
}

func begin(f *scenario.File, k kernel.Kernel, judge []string, explore func(*claim.Model) *check.Check) (*Check, []scenario.Diagnostic) {
	m, setup, ds := Model(f, k, judge)
	if m == nil {
		return nil, ds
	}
	ignored := setup.Judge != nil && !slices.Contains(setup.Judge, check.NoDeadlock)
	return &Check{Check: explore(m), File: f, Kernel: k, model: m, ignored: ignored}, nil
}

// counted are the limits of a proof that may be followed by a reduced one.
func counted(l check.Limits) check.Limits {
	if l.States == 0 || l.States > Counted {
		l.States = Counted
	}
	return l
}

// Run goes on with the check for about so many transitions; see [check.Check.Run].
func (c *Check) Run(transitions int) check.Progress {
	p := c.Check.Run(transitions)
	if c.reduce != nil && p.Phase >= check.Shortening && p.States >= Counted && c.limits != counted(c.limits) && c.Result().Verdict == check.Unknown {
		c.Check, c.reduce, c.reduced = c.reduce(), nil, true
		p = c.Check.Run(transitions)
	}
	return p
}

// Limit replaces the limits; see [check.Check.Limit].
func (c *Check) Limit(l check.Limits) {
	c.limits = l
	if c.reduce != nil {
		l = counted(l)
	}
	c.Check.Limit(l)
}

// Reduced reports whether the proof is a reduced one.
func (c *Check) Reduced() bool { return c.reduced }
