// Package verdict answers the question that a scenario asks: on this kernel, can
// a claim be broken, and how?
//
// Its noun is the Check: a scenario on one kernel, with the claims that are
// judged, under exploration. Its law: a verdict is computed, never looked up.
// It stands between the packages that know nothing of each other: scenario
// (text), claim (what must hold) and check (all interleavings).
//
// A verdict has neighbours, for whoever asks on: a Survey says what a pass rests on
// (survey.go, cover.go, exits.go, outcomes.go; witness.go and closest.go have the runs), a Trial
// what another rule would change (rules.go), an Inquiry which rules matter or repair (inquiry.go),
// a Walk what chance finds where a proof is too large (walk.go).
package verdict

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// DefaultLimits bound a check where nobody says otherwise.
var DefaultLimits = check.Limits{States: 20_000_000, Bytes: 2 << 30}

// CellLimits bound the check of one cell of a matrix, which has thousands: beyond them, the cell says so.
var CellLimits = check.Limits{States: 3_000_000, Bytes: 1 << 30}

// Model returns the model of a scenario on a kernel, for checks and for runs. judge are the claims that are judged: nil for those of the
// scenario and its conditions on ends; empty for the conditions alone, else no conditions.
func Model(f *scenario.File, k kernel.Kernel, judge []string) (*claim.Model, kernel.Setup, []scenario.Diagnostic) {
	setup, ds := f.ForKernel(k)
	if !scenario.Failed(ds) && (judge == nil || len(judge) > 0) {
		ds = append(ds, f.Unjudged(k, judge)...)
	}
	if scenario.Failed(ds) {
		return nil, setup, ds
	}
	if judge != nil {
		setup.Judge = judge
	}
	if len(judge) > 0 {
		setup.Ends = nil
	}
	return claim.New(setup, k), setup, nil
}

// An Outcome is what a check has found.
type Outcome struct {
	check.Result
	Broken []check.Broken // claims that can break, those that nobody judges left out
	Seen   []check.Broken // "sometimes" conditions with a run that ends so
	Unseen []string       // "sometimes" conditions that no run ends with

	Contrary []string // other conditions that some run's end is against, in words

	// Reduced says that States are those that a reduced search kept: see [check.Reduced].
	Reduced bool
}

// Count is the size of the search, as scenarios write it: "288 states", "54321 reduced states".
func (o *Outcome) Count() string { return count(o.States, o.Reduced) }

func count(states uint64, reduced bool) string {
	if reduced {
		return fmt.Sprintf("%d reduced states", states)
	}
	return fmt.Sprintf("%d states", states)
}

// Outcome returns what is known so far.
func (c *Check) Outcome() Outcome {
	o := Outcome{Result: c.Result(), Reduced: c.reduced}
	wanted := map[string]bool{}
	for i, name := range c.model.Claims() {
		if c.model.Wanted(i) {
			wanted[name] = true
			o.Unseen = append(o.Unseen, name)
		}
	}
	for _, b := range o.Claims {
		switch {
		case wanted[b.Claim]:
			o.Seen = append(o.Seen, b)
			o.Unseen = slices.DeleteFunc(o.Unseen, func(n string) bool { return n == b.Claim })
		case b.Claim == check.NoDeadlock && c.ignored:
		default:
			o.Broken = append(o.Broken, b)
		}
	}
	for i, name := range c.model.Claims() {
		always, ok := c.model.AtEnd(i)
		if !ok || !slices.Contains(o.Names(), name) {
			continue
		}
		if always {
			name = "not " + name
		}
		o.Contrary = append(o.Contrary, "a run ends with "+name)
	}
	if o.Verdict == check.Sometimes && len(o.Broken) == 0 {
		o.Verdict = check.Never
	}
	return o
}

// Names returns the claims that can break, as a list that is never nil.
func (o *Outcome) Names() []string {
	out := []string{}
	for _, b := range o.Broken {
		out = append(out, b.Claim)
	}
	return out
}

// String is the verdict as scenarios write it: "Never", "Sometimes A, B",
// "unknown: stopped at 1000 states".
func (o *Outcome) String() string {
	broken := strings.Join(o.Names(), ", ")
	switch o.Verdict {
	case check.Never:
		return "Never"
	case check.Sometimes:
		return "Sometimes " + broken
	}
	s := "unknown: stopped at " + o.Count()
	if broken != "" {
		s += ", Sometimes " + broken + " so far"
	}
	return s
}

// Met reports whether the outcome is what an expect line says, and if not, in
// what it differs. kernel is the index of the kernel in the line.
func (o *Outcome) Met(e *scenario.Expect, kernelIndex int) (bool, string) {
	if o.Verdict == check.Unknown {
		if e.Bound > 0 && e.Verdict == kernel.Never && len(o.Broken) == 0 {
			return true, ""
		}
		return false, o.String()
	}
	want := slices.Sorted(slices.Values(e.Claims))
	got := slices.Sorted(slices.Values(o.Names()))
	if !slices.Equal(want, got) {
		why := "it is " + o.String()
		if len(e.Ends) > 0 {
			why = strings.Join(o.Contrary, ", and ")
		}
		return false, why
	}
	if len(o.Unseen) > 0 {
		return false, "no run ends with " + strings.Join(o.Unseen, ", nor with ")
	}
	if kernelIndex < len(e.States) {
		// What a reduced search has kept tells nothing of how many states there are.
		if want := e.States[kernelIndex]; (uint64(want.States) != o.States || want.Reduced != o.Reduced) && (want.Reduced || !o.Reduced) {
			return false, fmt.Sprintf("it has %s, not %s", o.Count(), count(uint64(want.States), want.Reduced))
		}
	}
	return true, ""
}

// Limits returns the limits under which an expect line is checked.
func Limits(e *scenario.Expect) check.Limits {
	l := DefaultLimits
	if e.Bound > 0 {
		l.States = uint64(e.Bound)
	}
	return l
}
