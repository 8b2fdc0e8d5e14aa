package scenario_test

import (
	"strings"
	"testing"

	"gupscope/core/claim"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// In every scenario every claim can be had judged by the change, which makes no mistake; one that is judged by the text's word needs none.
func TestJudging(t *testing.T) {
	changed := 0
	for i, s := range scenarios.List() {
		f, _ := scenario.Parse(s.File(), []byte(s.Text))
		setup, ds := f.ForKernel(f.Kernel)
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		if setup.Judge == nil && i%3 != 0 { // of those without a judge line a third is enough
			continue
		}
		for _, name := range claim.Names() {
			fix := f.Judging(name)
			if fix == nil {
				if !strings.Contains(s.Text, name) {
					t.Errorf("%s: no change has %s judged", s.Name, name)
				}
				continue
			}
			changed++
			text := fix.Apply(s.Text)
			g, ds := scenario.Parse(s.File(), []byte(text))
			if scenario.Failed(ds) {
				t.Errorf("%s, to have %s judged: %v in\n%s", s.Name, name, ds[0], text)
			} else if again := g.Judging(name); again != nil {
				t.Errorf("%s: %s is judged, and once more %v", s.Name, name, again)
			}
		}
	}
	if changed < 1000 {
		t.Errorf("%d changes were tried", changed)
	}
	for text, want := range map[string]string{
		"GUP x\nkernel v6.12\nclaim no-lost-store off // why\n":            "GUP x\nkernel v6.12\nclaim no-lost-store on // why\n",
		"GUP x\nclaim pinned-never-freed on // a\n\nexpect v6.12: Never\n": "GUP x\nclaim pinned-never-freed on // a\nclaim no-lost-store on\n\nexpect v6.12: Never\n",
		"GUP x\n\n// of it\nexpect v6.12: Never\n":                         "GUP x\n\nclaim no-lost-store on\n// of it\nexpect v6.12: Never\n",
		"GUP x\njudge pinned-never-freed // only\n":                        "GUP x\njudge pinned-never-freed, no-lost-store // only\n",
		"GUP x": "GUP x\nclaim no-lost-store on\n",
	} {
		f, _ := scenario.Parse("", []byte(text))
		if got := f.Judging("no-lost-store").Apply(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
