package kernel

import (
	"errors"
	"math/bits"
	"strings"
	"testing"
)

func TestRulesAreInOrder(t *testing.T) {
	if len(Rules) != int(ruleCount) {
		t.Fatalf("there are %d rules and %d numbers", len(Rules), ruleCount)
	}
	names := map[string]bool{}
	for i, r := range Rules {
		if r == nil || int(r.ID) != i {
			t.Fatalf("rule %d is %v", i, r)
		}
		if names[r.Name] {
			t.Errorf("two rules are called %s", r.Name)
		}
		names[r.Name] = true
		if r.Says == "" || r.Protects == "" || r.Guards == "" || r.Confidence == "" {
			t.Errorf("%s does not say what it does, protects and guards, and how we know", r.Name)
		}
	}
}

// TestEveryRuleBinds holds that switching a rule changes the tables or what New
// makes of them: a rule that changes nothing shows nothing.
func TestEveryRuleBinds(t *testing.T) {
	// See New, Sim and Bind.
	used := map[RuleID]bool{LRUBatchSize: true, LRUKeepsFlag: true, LRUDeactivate: true, ReclaimSeenTwice: true, CollapseCountAgain: true, GUPPinInTwo: true, GUPHasPinnedFirst: true, GUPSecretmemCheck: true, PincountExactLarge: true, KhpSharedOK: true, KhpCompoundOK: true, KhpFileTruncated: true, DeferredSplitPartial: true, SwapinReadWritable: true, GUPSlowFileCheck: true, GUPUnshareNonAnon: true, UnshareKeepsRO: true, PAEClearAtomic: true, PAEPMDClearAtomic: true, ForkPinTestAnonOnly: true, GUPHugetlbCommonWalk: true, GUPForceHugetlbRefused: true, MadviseDontneedHugetlb: true, NotifierInRmap: true, UprobeSplitsPMD: true, WPCopiesLarge: true, PTEMapMayFail: true, MigrateYoungDirty: true, ForkClearsSwpExclusive: true, KhpPageLock: true, DirtyTracking: true, AnonVMATrylock: true, MprotectUnaccounts: true, MigrateKeepsWrite: true, PageoutPrivateCopies: true, GUPFastPkeyCheck: true, GUPSlowPkeyCheck: true, MprotectAsksSoftDirty: true, ForceAsksSoftDirty: true, SwpSoftDirty: true}
	note := func(c Cond) {
		if bits.Len64(uint64(c.where)) > len(lacks) {
			t.Errorf("a condition is about what has no words in lacks: %b", c.where)
		}
		if r, ok := c.Rule(); ok {
			used[r.ID] = true
		}
	}
	for _, f := range funcs {
		if f == nil {
			continue
		}
		for _, v := range f.Instead {
			note(v.When)
		}
		for _, steps := range append([][]Step{f.Steps}, variants(f)...) {
			for _, s := range steps {
				note(s.When)
			}
		}
	}
	for _, r := range Rules {
		if !used[r.ID] {
			t.Errorf("no step depends on the rule %s", r.Name)
		}
	}
}

// TestGuardsNameFunctions holds that the function which a rule says it guards is there.
func TestGuardsNameFunctions(t *testing.T) {
	names := map[string]bool{"add_to_swap": true, "tlb_remove_table": true, "do_munmap": true, "try_grab_folio": true} // steps of larger tables
	for _, f := range funcs {
		if f != nil {
			names[f.Name] = true
		}
	}
	for _, r := range Rules {
		if fn, _, _ := strings.Cut(r.Guards, ":"); !names[fn] {
			t.Errorf("%s guards %s, and there is no such function", r.Name, fn)
		}
	}
}

func TestTablesAreWellFormed(t *testing.T) {
	for id, f := range funcs {
		if f == nil {
			if id != int(fnNone) {
				t.Errorf("function %d has no table", id)
			}
			continue
		}
		for _, steps := range append([][]Step{f.Steps}, variants(f)...) {
			labels := map[string]bool{}
			for i, s := range steps {
				if s.Label == "" || s.Says == "" || s.Do == nil {
					t.Errorf("%s: step %d has no label, sentence or action", f.Name, i)
				}
				if s.Local && (s.Touches != 0 || s.Wait != nil || s.Choose != nil) {
					t.Errorf("%s, %q is local and touches, waits or chooses", f.Name, s.Label)
				}
				if labels[s.Label] && s.When == (Cond{}) {
					t.Errorf("%s: two steps are called %q", f.Name, s.Label)
				}
				labels[s.Label] = true
			}
		}
	}
	for _, c := range Calls {
		if funcs[c.entry] == nil && users[c.Name] == nil {
			t.Errorf("the call %s has no table", c.Name)
		}
	}
}

func TestKernelsAreWritten(t *testing.T) {
	for _, tt := range []struct {
		version  string
		settings []Setting
		want     string
		whatIf   bool
	}{
		{"v6.12", nil, "v6.12", false},
		{"v6.12", []Setting{{"gup_pte_recheck", "on"}}, "v6.12", false},
		{"v6.12", []Setting{{"tlb_flush", "pv"}, {"gup_pte_recheck", "off"}}, "v6.12 without gup_pte_recheck with tlb_flush=pv", true},
		{"v6.12", []Setting{{"tlb_flush", "pv"}}, "v6.12 with tlb_flush=pv", false},
		{"v6.12", []Setting{{"gup_unshare", "fail"}}, "v6.12 with gup_unshare=fail", true},
		{"v5.18", []Setting{{"gup_unshare", "on"}, {"anon_exclusive", "on"}}, "v5.18 with gup_unshare with anon_exclusive", true},
		{"v4.6", []Setting{{"tlb_flush", "pv"}}, "v4.6 with tlb_flush=pv", true},
		{"v6.12", []Setting{{"tlb_flush", "pv"}, {"pt_free", "gather"}}, "v6.12 with tlb_flush=pv with pt_free=gather", true},
	} {
		k, err := Make(tt.version, tt.settings...)
		if err != nil {
			t.Error(err)
			continue
		}
		if k.String() != tt.want {
			t.Errorf("got %s, want %s", k, tt.want)
		}
		if got := k.WhatIf() != ""; got != tt.whatIf {
			t.Errorf("%v: what-if is %q", k, k.WhatIf())
		}
	}
}

func TestKernelsAreRefused(t *testing.T) {
	var version *UnknownVersion
	var rule *UnknownRule
	var value *BadValue
	var repeated *Repeated
	var needed *Needed
	for _, tt := range []struct {
		version  string
		settings []Setting
		want     any
	}{
		{"v7.1", nil, &version},
		{"v6.12", []Setting{{"gup_pte_rechek", "off"}}, &rule},
		{"v6.12", []Setting{{"tlb_flush", "smoke"}}, &value},
		{"v6.12", []Setting{{"gup_unshare", "off"}, {"gup_unshare", "on"}}, &repeated},
		{"v6.12", []Setting{{"anon_exclusive", "off"}}, &needed},
	} {
		if _, err := Make(tt.version, tt.settings...); err == nil || !errors.As(err, tt.want) {
			t.Errorf("%s %v: got %v", tt.version, tt.settings, err)
		}
	}
}
