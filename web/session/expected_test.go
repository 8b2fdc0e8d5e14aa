package session

import (
	"slices"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/scenarios"
	"gupscope/web/link"
	"gupscope/web/page"
	"gupscope/web/view"
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
				if says, _, _ := s.asExpected(&o); s.expectation() == "not checked yet" || says == "" {
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
		if _, wrong, _ := s.asExpected(&verdict.Outcome{Broken: broken(c.broken)}); wrong != c.wrong {
			t.Errorf("with %v broken: %v", c.broken, wrong)
		}
	}
}

// A claim that a check did not judge is no mismatch: the page says which one the scenario speaks of, and has it judged.
func TestExpectedOfUnjudged(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "selftest-cow-vmsplice-parent", Kernel: "v6.12.117 with hugetlb_reuse_by_references"})
	checked(t, s, s.Do(Event{Do: "check"}))
	v := s.verdict
	if v.State != view.Held || v.Wrong || v.Expect != "the scenario speaks of cow-keeps-secrets: not judged here" {
		t.Errorf("%+v", v)
	}
	if h := html(page.Verdict(&v)); !strings.Contains(h, `data-do="claim" data-text="cow-keeps-secrets"`) {
		t.Error("nothing on the page has the claim judged: ", h)
	}
	for _, g := range scenarios.List() {
		f, _ := scenario.Parse(g.File(), []byte(g.Text))
		for i := range f.Expects {
			for _, k := range f.Expects[i].Kernels {
				line := *f
				line.Expects = f.Expects[i : i+1]
				s := &Session{file: &line, kernel: k}
				var not []string
				for _, c := range f.Expects[i].Judge {
					if !f.Judges(c, k) {
						not = append(not, c)
					}
				}
				_, wrong, unjudged := s.asExpected(&verdict.Outcome{})
				if len(not) > 0 && (wrong && len(not) == len(f.Expects[i].Judge) || !slices.Equal(unjudged, not)) {
					t.Errorf("%s: line %d judges %q, which a check of the whole does not on %v: wrong %v, unjudged %q", g.Name, f.Expects[i].Line, not, k, wrong, unjudged)
				}
			}
		}
	}
}

func broken(claims []string) (out []check.Broken) {
	for _, c := range claims {
		out = append(out, check.Broken{Claim: c})
	}
	return out
}
