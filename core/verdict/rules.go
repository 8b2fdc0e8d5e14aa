package verdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// A Trial is a kernel with a few rules changed, and what a scenario comes to on it.
type Trial struct {
	Changes []kernel.Setting // against the kernel asked about
	Kernel  kernel.Kernel
	NA      string  // why the scenario cannot run on it, "" if it can
	Outcome Outcome // once it was run

	check *Check // under way
}

// Run checks the trial.
func (t *Trial) Run(f *scenario.File, judge []string, l check.Limits) {
	for t.Begin(f, judge, l); t.Go(1 << 20); {
	}
}

// Begin is the beginning of Run, for who goes on in slices.
func (t *Trial) Begin(f *scenario.File, judge []string, l check.Limits) {
	c, ds := New(f, t.Kernel, judge, l)
	if c == nil {
		t.NA = ds[0].Message
		return
	}
	t.check = c
}

// Go goes on for about so many transitions, and reports whether there are more to come.
func (t *Trial) Go(transitions int) (more bool) {
	if t.check == nil {
		return false
	}
	if t.check.Run(transitions).Phase < check.Stopped {
		return true
	}
	t.Outcome, t.check = t.check.Outcome(), nil
	return false
}

// What is what the trial changes, as scenarios write it.
func (t Trial) What() string { return changesText(t.Changes) }

// Short is What of a trial that is about one rule: the others, which need it, are counted.
func (t *Trial) Short() string {
	text := changesText(t.Changes[:1])
	switch n := len(t.Changes) - 1; {
	case n == 1:
		text += " and the rule that needs it"
	case n > 1:
		text += fmt.Sprintf(" and the %d rules that need it", n)
	}
	return text
}

// Shortest is the length of the shortest counterexample, 0 if there is none.
func (t *Trial) Shortest() int {
	n := 0
	for _, b := range t.Outcome.Broken {
		if n == 0 || len(b.Run) < n {
			n = len(b.Run)
		}
	}
	return n
}

// Result is what the trial came to, in words.
func (t *Trial) Result() string {
	if t.NA != "" {
		return "n/a: " + t.NA
	}
	text := t.Outcome.String()
	if n := t.Shortest(); n > 0 {
		text += fmt.Sprintf(" (%d steps)", n)
	}
	return text
}

func changesText(changes []kernel.Setting) string {
	var out []string
	for _, c := range changes {
		switch c.Value {
		case "off":
			out = append(out, "without "+c.Rule)
		case "on":
			out = append(out, "with "+c.Rule)
		default:
			out = append(out, "with "+c.Rule+"="+c.Value)
		}
	}
	return strings.Join(out, " ")
}

// Passes reports whether no claim breaks.
func (t *Trial) Passes() bool {
	return t.NA == "" && t.Outcome.Verdict == check.Never && len(t.Outcome.Unseen) == 0
}

// Matter lists the trials that show which rules a pass rests on: every rule that
// a step of the scenario is about switched off, together with those that need it;
// a rule with several values set to each of the others.
func (s *Survey) Matter(k kernel.Kernel) []Trial {
	var out []Trial
	for _, r := range kernel.Rules {
		about := s.about(r)
		for v := range max(2, len(r.Values)) {
			if uint8(v) == k.Value(r.ID) || r.Values == nil && v == 1 {
				continue // switching a rule on does not show what the others are for
			}
			if t, ok := trial(k, kernel.Setting{Rule: r.Name, Value: r.ValueName(uint8(v))}); ok && !contains(out, &t) && (about || s.beginsElse(t.Kernel)) {
				out = append(out, t)
			}
		}
	}
	return out
}

// Pairs lists the trials of two changes at once, of those that break nothing alone.
func Pairs(k kernel.Kernel, alone []Trial) []Trial {
	var out []Trial
	for i := range alone {
		for j := range alone[:i] {
			a, b := &alone[j], &alone[i]
			if !a.Passes() || !b.Passes() || a.Changes[0].Rule == b.Changes[0].Rule {
				continue
			}
			if t, ok := trial(k, append(slices.Clone(a.Changes), b.Changes...)...); ok && !contains(out, &t) && !contains(alone, &t) {
				out = append(out, t)
			}
		}
	}
	return out
}

func contains(ts []Trial, t *Trial) bool {
	return slices.ContainsFunc(ts, func(x Trial) bool { return x.Kernel.String() == t.Kernel.String() })
}

// about reports whether a rule has a step, bound or passed over, in some function
// that the scenario has run. A rule without any step decides something inside
// one: it is always tried.
func (s *Survey) about(r *kernel.Rule) bool {
	if r.Hugetlb && s.model.M.Hugetlb == 0 || r.Secondary && !s.model.M.Secondary || r.Advice != "" && !s.model.Setup.Advises(r.Advice) {
		return false
	}
	steps := false
	for i := range s.model.Funcs() {
		f := &s.model.Funcs()[i]
		if f.Func == nil {
			continue
		}
		guards, here := s.guards(f, r)
		steps = steps || guards
		if here && s.entered(f.ID) {
			return true
		}
	}
	return !steps
}

// beginsElse reports whether the scenario begins in another state on a kernel: the
// past that it tells of, a page that came back from swap, was made by other rules.
func (s *Survey) beginsElse(k kernel.Kernel) bool {
	return claim.New(s.model.Setup, k).Memory().Hash() != s.model.Memory().Hash()
}

// guards reports whether a function has steps that are about the rule, and whether some are in scenarios like this one.
func (s *Survey) guards(f *kernel.Bound, r *kernel.Rule) (some, here bool) {
	look := func(c kernel.Cond) {
		if rule, ok := c.Rule(); ok && rule == r {
			some, here = true, here || c.In(&s.model.Kernel)
		}
	}
	steps := append(slices.Clone(f.Func.Steps), f.Steps...)
	for _, v := range f.Instead {
		look(v.When)
		steps = append(slices.Clip(steps), v.Steps...)
	}
	for i := range steps {
		look(steps[i].When)
	}
	return some, here
}

func (s *Survey) entered(fn kernel.FuncID) bool {
	for p := range s.visits {
		if p.fn == fn {
			return true
		}
	}
	return false
}

// trial makes a kernel with settings changed; rules that need what is switched off
// are switched off too, rules that are needed by what is switched on are
// switched on. It fails if nothing changes.
func trial(k kernel.Kernel, settings ...kernel.Setting) (Trial, bool) {
	t := Trial{Changes: settings}
	for {
		var all []kernel.Setting
		for _, c := range k.Changes() {
			if !slices.ContainsFunc(t.Changes, func(s kernel.Setting) bool { return s.Rule == c.Rule }) {
				all = append(all, c)
			}
		}
		made, err := kernel.Make(k.Version.Name, append(all, t.Changes...)...)
		var n *kernel.Needed
		if errors.As(err, &n) {
			more := kernel.Setting{Rule: n.By.Name, Value: n.By.ValueName(0)}
			if slices.ContainsFunc(t.Changes, func(s kernel.Setting) bool { return s.Rule == n.By.Name }) {
				more = kernel.Setting{Rule: n.Rule.Name, Value: n.Rule.ValueName(uint8(max(1, len(n.Rule.Values)-1)))}
			}
			if slices.ContainsFunc(t.Changes, func(s kernel.Setting) bool { return s.Rule == more.Rule }) {
				return t, false // it contradicts itself
			}
			t.Changes = append(t.Changes, more)
			continue
		}
		if err != nil {
			return t, false
		}
		t.Kernel = made
		return t, made.String() != k.String()
	}
}

// Cures lists the trials of n changes at once that could repair a kernel: rules
// switched on that it lacks, rules with values set to another.
func (s *Survey) Cures(k kernel.Kernel, n int) []Trial {
	var single []kernel.Setting
	for _, r := range kernel.Rules {
		about := s.about(r)
		for v := range max(2, len(r.Values)) {
			if uint8(v) == k.Value(r.ID) || r.Values == nil && v == 0 {
				continue
			}
			set := kernel.Setting{Rule: r.Name, Value: r.ValueName(uint8(v))}
			if t, ok := trial(k, set); ok && (about || s.beginsElse(t.Kernel)) {
				single = append(single, set)
			}
		}
	}
	var out []Trial
	var choose func(from int, have []kernel.Setting)
	choose = func(from int, have []kernel.Setting) {
		if len(have) == n {
			if t, ok := trial(k, slices.Clone(have)...); ok && !contains(out, &t) {
				out = append(out, t)
			}
			return
		}
		for i := from; i < len(single); i++ {
			if len(have) == 0 || have[len(have)-1].Rule != single[i].Rule {
				choose(i+1, append(have, single[i]))
			}
		}
	}
	choose(0, nil)
	return out
}

// Had says which releases have every change: "since v5.19", "before v5.9", "every release has it"; "" if some change is none that a release made. And with which
// commit the one came that came last: its id and, if that is known, its subject; "" if neither is.
func (t *Trial) Had() (releases, commit string) {
	from, until := 0, 0
	var last *kernel.Rule
	for _, c := range t.Changes {
		r := kernel.RuleByName(c.Rule)
		at := slices.IndexFunc(r.History, func(h kernel.Since) bool { return r.ValueName(h.Value) == c.Value })
		if at < 0 {
			return "", ""
		}
		if since := r.History[at].Order; since >= from {
			from, last = since, r
			commit = r.CommitOf(c.Value)
		}
		if at+1 < len(r.History) && (until == 0 || r.History[at+1].Order < until) {
			until = r.History[at+1].Order
		}
	}
	release := func(order int) string { return fmt.Sprintf("v%d.%d", order/100, order%100) }
	switch {
	case from == 0 && until == 0:
		return "every release has it", ""
	case from == 0:
		return "before " + release(until), ""
	case until != 0:
		releases = "since " + release(from) + ", before " + release(until)
	default:
		releases = "since " + release(from)
	}
	if commit != "" && commit == last.Commit {
		commit = fmt.Sprintf("%s (%q)", commit, last.Subject)
	}
	return releases, commit
}
