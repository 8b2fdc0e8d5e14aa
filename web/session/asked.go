package session

import (
	"slices"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/web/view"
)

// asked are the rules that the scenario is about: those on which its verdict hangs, by its own expect lines; those that its text names
// besides; and those that its functions ask, the nearest first.
func (s *Session) asked() view.Asked {
	var a view.Asked
	add := func(to *[]*kernel.Rule, r *kernel.Rule) {
		if !slices.Contains(a.Decides, r) && !slices.Contains(a.Named, r) && !slices.Contains(a.Reached, r) {
			*to = append(*to, r)
		}
	}
	kernels := []kernel.Kernel{s.file.Kernel}
	for i := range s.file.Expects {
		e := &s.file.Expects[i]
		kernels = append(kernels, e.Kernels...)
		for _, k := range e.Kernels {
			for _, c := range departures(k) {
				before := without(s.file.Expects, k, c, e.Judge)
				if before != nil && (before.Verdict != e.Verdict || !slices.Equal(before.Claims, e.Claims) || !slices.Equal(before.Ends, e.Ends)) {
					add(&a.Decides, kernel.RuleByName(c.Rule))
				}
			}
		}
	}
	for _, k := range kernels {
		for _, c := range departures(k) {
			add(&a.Named, kernel.RuleByName(c.Rule))
		}
	}
	if s.run == nil {
		return a
	}
	for _, r := range s.run.Model.Asked() {
		add(&a.Reached, r)
	}
	return a
}

// departures are what a kernel has otherwise than its version; none where the text names no kernel.
func departures(k kernel.Kernel) []kernel.Setting {
	if k.Version == nil {
		return nil
	}
	return k.Changes()
}

// without is what is expected of the kernel with one of its departures taken back: of the same claims, or Never of all; nil if nothing is.
func without(expects []scenario.Expect, k kernel.Kernel, c kernel.Setting, judge []string) *scenario.Expect {
	rest := slices.DeleteFunc(slices.Clone(k.Changes()), func(x kernel.Setting) bool { return x == c })
	base, err := kernel.Make(k.Version.Name, rest...)
	if err != nil {
		return nil
	}
	for i := range expects {
		e := &expects[i]
		never := e.Judge == nil && e.Verdict == kernel.Never && len(judge) > 0 // of all claims, so of those too
		if (e.Judge == nil) != (judge == nil) && !never || e.Judge != nil && !slices.Equal(e.Judge, judge) {
			continue
		}
		if slices.ContainsFunc(e.Kernels, func(x kernel.Kernel) bool { return x.String() == base.String() }) {
			return e
		}
	}
	return nil
}
