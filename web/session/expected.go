package session

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
)

// expected is what the scenario says of the kernel and all claims, if anything.
func (s *Session) expected() (line, at int, ok bool) {
	if s.file == nil || s.kernel.Version == nil {
		return 0, 0, false
	}
	for i := range s.file.Expects {
		if at := s.names(&s.file.Expects[i]); at >= 0 && s.file.Expects[i].Judge == nil {
			return i, at, true
		}
	}
	return 0, 0, false
}

// names is which of an expect line's kernels is the one that is shown, below zero if none.
func (s *Session) names(e *scenario.Expect) int {
	return slices.IndexFunc(e.Kernels, func(k kernel.Kernel) bool { return k.String() == s.kernel.String() })
}

// expectedAlone are the lines that say of the kernel how some claims stand, judged without the others.
func (s *Session) expectedAlone() (out []*scenario.Expect) {
	if s.file == nil || s.kernel.Version == nil {
		return nil
	}
	for i := range s.file.Expects {
		if e := &s.file.Expects[i]; len(e.Judge) > 0 && s.names(e) >= 0 {
			out = append(out, e)
		}
	}
	return out
}

func (s *Session) expectation() string {
	if i, _, ok := s.expected(); ok {
		return "expected: " + wanted(&s.file.Expects[i])
	}
	var out []string
	for _, e := range s.expectedAlone() {
		if e.Verdict == kernel.Never {
			out = append(out, "Never "+strings.Join(e.Judge, ", "))
		} else {
			out = append(out, wanted(e))
		}
	}
	if out == nil {
		return "not checked yet"
	}
	return "expected, judged alone: " + strings.Join(out, "; ")
}

// ahead says, where lines judge claims alone, that a check of all has told nothing of these.
func ahead(alone []*scenario.Expect) string {
	if alone == nil {
		return ""
	}
	return "another claim breaks before those that the scenario judges alone"
}

func wanted(e *scenario.Expect) string {
	if e.Verdict == kernel.Never {
		return "Never"
	}
	return "Sometimes " + strings.Join(e.Claims, ", ")
}

// asExpected says whether a check of all claims has come to what the scenario says of the kernel; "" where it says nothing of it. A run ends
// at its first breach, so where lines judge claims alone, one that breaks there may be hidden by others here; none breaks here that does not there.
// Of a claim that the check did not judge it has found nothing: those are returned as they are.
func (s *Session) asExpected(o *verdict.Outcome) (says string, wrong bool, unjudged []string) {
	if i, j, ok := s.expected(); ok {
		if met, why := o.Met(&s.file.Expects[i], j); !met {
			return "not as the scenario expects: " + why, true, nil
		}
		return "as the scenario expects", false, nil
	}
	var as []string
	for _, e := range s.expectedAlone() {
		for _, claim := range e.Judge {
			if !s.file.Judges(claim, s.kernel) {
				if !slices.Contains(unjudged, claim) {
					unjudged = append(unjudged, claim)
				}
				continue
			}
			breaks, may := slices.Contains(o.Names(), claim), slices.Contains(e.Claims, claim)
			switch {
			case breaks && !may, may && len(o.Names()) == 0:
				return fmt.Sprintf("not as the scenario expects of %s alone: %s", claim, wanted(e)), true, unjudged
			case breaks == may && !slices.Contains(as, claim):
				as = append(as, claim)
			}
		}
	}
	switch {
	case as != nil:
		return "as the scenario expects of " + strings.Join(as, ", "), false, unjudged
	case unjudged != nil:
		return "the scenario speaks of " + strings.Join(unjudged, ", ") + ": not judged here", false, unjudged
	}
	return ahead(s.expectedAlone()), false, nil
}
