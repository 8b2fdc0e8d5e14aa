package session

import (
	"testing"

	"gupscope/core/check"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/scenarios"
	"gupscope/web/link"
)

// TestEveryKernelIsExpected: of a kernel that an expect line names, the page says what is expected before the check, and after it whether it came so. A
// scenario has such a line for its own kernel.
func TestEveryKernelIsExpected(t *testing.T) {
	for _, g := range scenarios.List() {
		f, _ := scenario.Parse(g.File(), []byte(g.Text))
		s := &Session{file: f, kernel: f.Kernel}
		if s.expectation() == "not checked yet" {
			t.Errorf("%s: nothing is expected of its own kernel, %s", g.Name, f.Kernel)
		}
		for i := range f.Expects {
			e := &f.Expects[i]
			if e.Judge != nil && len(e.Judge) == 0 { // conditions on ends
				continue
			}
			for _, k := range e.Kernels {
				s.kernel = k
				// What the line says, as if a check had found it.
				o := verdict.Outcome{Broken: broken(e.Claims)}
				if says, _ := s.asExpected(&o); s.expectation() == "not checked yet" || says == "" {
					t.Errorf("%s: line %d expects something of %s, and the page does not say what", g.Name, e.Line, k)
				}
			}
		}
	}
}

// A kernel of which only some claims are spoken, each judged alone.
func TestExpectedAlone(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "odp-vs-munmap"})
	if v := s.verdict.Says; v != "expected, judged alone: Sometimes no-stale-secondary-use; Sometimes no-lost-store" {
		t.Error(v)
	}
	checked(t, s, s.Do(Event{Do: "check"}))
	if v := s.verdict; v.Wrong || v.Expect != "another claim breaks before those that the scenario judges alone" {
		t.Errorf("%+v", v)
	}
	for _, c := range []struct {
		broken []string
		wrong  bool
	}{{nil, true}, {[]string{"no-lost-store"}, false}, {[]string{"no-use-after-free"}, false}} {
		if _, wrong := s.asExpected(&verdict.Outcome{Broken: broken(c.broken)}); wrong != c.wrong {
			t.Errorf("with %v broken: %v", c.broken, wrong)
		}
	}
}

func broken(claims []string) (out []check.Broken) {
	for _, c := range claims {
		out = append(out, check.Broken{Claim: c})
	}
	return out
}
