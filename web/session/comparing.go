package session

import (
	"slices"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/web/page"
	"gupscope/web/view"
)

// compare sets the present run beside itself on another kernel, or beside a branch; without either, it
// only says what there is to choose.
func (s *Session) compare(spec, run string) []Fragment {
	if s.run == nil {
		return nil
	}
	c := view.Comparison{}
	switch {
	case run != "":
		c = s.compareRuns(run)
	case spec != "":
		k, ds := scenario.ParseKernel(spec)
		switch {
		case scenario.Failed(ds):
			c.Refused = "The kernel " + spec + " cannot be made: " + sentence(ds[0].Message)
		case s.run.Len() == 0:
			c.Refused = "The run has no steps yet: there is nothing to compare."
		default:
			if m, _, ds := verdict.Model(s.shown, k, nil); m != nil {
				c = view.OfComparison(s.run, trace.New(m), s.kernel.String(), k.String())
				c.There = true
			} else {
				c.Refused = "The scenario cannot run on " + k.String() + ": " + ds[0].Message + "."
			}
		}
	}
	for _, b := range s.page.Race.Branches {
		if run == "" && b.On {
			continue // it is what is shown
		}
		b.On = b.Run == run
		c.Branches = append(c.Branches, b)
	}
	for _, k := range s.others() {
		c.Choices = append(c.Choices, view.KernelChoice{Kernel: k, On: k == spec})
	}
	return []Fragment{morph("compare", page.Comparison(&c))}
}

// compareRuns sets the present run beside another one on the same kernel.
func (s *Session) compareRuns(run string) view.Comparison {
	other := s.replayed(run)
	if other == nil || other.Len() == 0 {
		return view.Comparison{Refused: "That branch cannot be made on " + s.kernel.String() + "."}
	}
	name := "the branch"
	for _, b := range s.kept {
		if b.run == run {
			name = b.view.Text
		}
	}
	return view.OfBranches(s.run, other, "this run", name)
}

// others are kernels to compare with: the present one with each of its changes taken back, those that the
// scenario speaks of, and the releases.
func (s *Session) others() []string {
	var out []string
	add := func(k string) {
		if k != s.kernel.String() && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	changes := s.kernel.Changes()
	for i := range changes {
		if k, err := kernel.Make(s.kernel.Version.Name, slices.Delete(slices.Clone(changes), i, i+1)...); err == nil {
			add(k.String())
		}
	}
	add(s.kernel.Version.Name)
	for _, e := range s.shown.Expects {
		for _, k := range e.Kernels {
			add(k.String())
		}
	}
	for _, v := range kernel.Versions {
		add(v.Name)
	}
	return out
}
