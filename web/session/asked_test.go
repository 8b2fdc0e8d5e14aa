package session

import (
	"slices"
	"testing"

	"gupscope/core/kernel"
	"gupscope/web/link"
)

// The rules that decide stand first, then what the text names besides, then what the functions ask; no rule stands twice, and all are there.
func TestAskedRules(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim"})
	a := s.asked()
	names := func(rules []*kernel.Rule) (out []string) {
		for _, r := range rules {
			out = append(out, r.Name)
		}
		return out
	}
	// With gup_pte_recheck and without tlb_flush=pv it is Never; gup_seqcount changes nothing.
	if got := names(a.Decides); !slices.Contains(got, "gup_pte_recheck") || !slices.Contains(got, "tlb_flush") || slices.Contains(got, "gup_seqcount") {
		t.Errorf("the verdict hangs on %v", got)
	}
	if got := names(a.Named); !slices.Contains(got, "gup_seqcount") {
		t.Errorf("the text names %v besides", got)
	}
	if got := names(a.Reached); !slices.Contains(got, "gup_get_unless_zero") || slices.Contains(got, "gup_pte_recheck") {
		t.Errorf("the functions ask %v besides", got)
	}
	rules := s.Page().Header.Kernel.Rules
	seen := map[string]bool{}
	for _, r := range rules {
		seen[r.Name] = true
	}
	if len(rules) != len(kernel.Rules) || len(seen) != len(kernel.Rules) {
		t.Errorf("%d rules stand there, %d of them different ones, of %d", len(rules), len(seen), len(kernel.Rules))
	}
	if rules[0].Name != a.Decides[0].Name {
		t.Errorf("%s stands first", rules[0].Name)
	}
}
