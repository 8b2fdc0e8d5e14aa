package trace_test

import (
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

// Why a kernel breaks a claim ends with what would have kept it: its release's own rule, where that is off; else the rule of a later
// release, and its commit, or those that do it only together; else one that no release has. Nothing is said of rules by which the
// claim breaks all the same, nor of steps on the way to the one that decides.
func TestExplainNamesTheGuard(t *testing.T) {
	for _, c := range []struct{ scenario, kernel, claim, want, not string }{
		{"gup-fast-vs-reclaim", "v6.12 without gup_pte_recheck with tlb_flush=pv", "gup-returns-only-mapped-pages", "With gup_pte_recheck, as in v6.12 itself, cpu0 goes on in gup_fast_pte_range()", "gup_pmd_recheck"},
		{"gup-fast-vs-reclaim", "v6.12 without gup_pte_recheck with tlb_flush=pv", "gup-returns-only-mapped-pages", "With tlb_flush=ipi, as in v6.12 by default, cpu1 goes on in flush_tlb_multi()", ""},
		{"dirty-cow", "v4.6", "no-lost-store", "With force_write_rule=foll_cow, as in v5.4 (19be0eaffa3a)", "v5.8"},
		{"pin-vs-fork", "v5.9", "pin-matches-page-table", "With gup_write_protect_seq, as in v5.11 (57efa1fe5957)", "v6.12"},
		{"longterm-pin-vs-writeback", "v6.1", "no-unexpected-dirty-page", "With gup_slow_file_check, as in v6.5 (8ac268436e6d)", ""},
		{"longterm-pin-fast-vs-writeback", "v6.1", "no-unexpected-dirty-page", "With gup_fast_file_check=final and gup_slow_file_check, as in v6.5 (a6e79df92e4a, 8ac268436e6d)", ""},
		{"read-only-pin-after-fork", "v5.18", "read-only-pin-matches-page-table", "With gup_unshare, as in v5.19 (a7f226604170), cpu0 goes on in gup_pte_range() with \"it may be shared: the slow path must unshare it\", and returns frame 2", "anon_exclusive"},
		{"cow-either-way", "v4.6", "cow-keeps-secrets", "With forced_cow, as in v5.8 (17839856fd58), cpu1 does not come to \"take a reference", "find the VMA"},
		{"uprobe-vs-dio", "v6.12", "pin-matches-page-table", "With uprobe_in_place, which no release at hand has", ""},
		{"short-pin-vs-writeback", "v6.1", "no-unexpected-dirty-page", "No later release at hand keeps it", "With"},
	} {
		g, _ := scenarios.ByName(c.scenario)
		f, _ := scenario.Parse(g.File(), []byte(g.Text))
		k, ds := scenario.ParseKernel(c.kernel)
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		asked, ds := verdict.New(f, k, []string{c.claim}, check.Limits{})
		if asked == nil {
			t.Fatal(ds)
		}
		for asked.Run(1<<20).Phase < check.Stopped {
		}
		m, _, _ := verdict.Model(f, k, []string{c.claim})
		e, err := played(t, m, asked.Outcome().Broken[0].Run).Explain(c.claim)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(e.Text, c.want) || c.not != "" && strings.Contains(e.Text, c.not) {
			t.Errorf("%s on %s: it says %q, not %q", c.scenario, c.kernel, e.Text, c.want)
		}
	}
}
