package session

import (
	"cmp"
	"slices"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/verdict"
	"gupscope/web/link"
	"gupscope/web/view"
)

// Counterexample checks a link's scenario on its kernel and returns the link of
// the shortest way in which a claim breaks, the cursor shortly before that; false if
// none was found within the bounds.
func Counterexample(l link.Link) (link.Link, bool) {
	return counterexample(l, verdict.DefaultLimits, func() {})
}

// sliceAlone are transitions between two calls of turn: some hundredths of a second.
const sliceAlone = 1 << 14

func counterexample(l link.Link, limits check.Limits, turn func()) (link.Link, bool) {
	s := &Session{}
	s.open(l.Scenario, l.Text, l.Kernel)
	if s.run == nil {
		return l, false
	}
	c, _ := verdict.New(s.file, s.kernel, nil, limits)
	for c.Run(sliceAlone).Phase < check.Stopped {
		turn()
	}
	o := c.Outcome()
	if len(o.Broken) == 0 {
		return l, false
	}
	shortest := slices.MinFunc(o.Broken, func(a, b check.Broken) int { return cmp.Compare(len(a.Run), len(b.Run)) })
	r := s.made(shortest.Run)
	l.Run, l.At = r.String(), view.Before(r)
	return l, true
}

// Specimen is a run that shows what a scenario is about: the shortest counterexample on its own kernel, or on
// the first on which the scenario expects one; else, or if none is found within the limits, a run by chance. While it looks for one, it calls
// turn again and again, which may make it wait.
func Specimen(l link.Link, limits check.Limits, turn func()) link.Link {
	s := &Session{}
	s.open(l.Scenario, l.Text, "")
	if i, _, ok := s.expected(); !ok || s.file.Expects[i].Verdict != kernel.Never {
		if x, found := counterexample(l, limits, turn); found {
			return x
		}
	}
	for i := range s.file.Expects {
		if e := &s.file.Expects[i]; e.Verdict != kernel.Never && e.Judge == nil {
			l.Kernel = e.Kernels[0].String()
			if x, found := counterexample(l, limits, turn); found {
				return x
			}
			break
		}
	}
	l.Kernel = ""
	s.Restore(l)
	s.Do(Event{Do: "run", To: "random", N: 1})
	s.notes = nil // by what seed it came about does not matter
	return s.State()
}
