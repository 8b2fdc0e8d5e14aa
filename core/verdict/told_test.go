package verdict

import (
	"fmt"
	"maps"
	"testing"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// TestEveryRuleIsTold: of every rule some scenario shows what it does, or the rule says why none can. A scenario shows it whose lines name
// two kernels that differ in that rule (and in those which need it), and say something else of one than of the other: another verdict, or another
// condition on ends. That both is true is TestExpectations' part.
func TestEveryRuleIsTold(t *testing.T) {
	shown := map[string]string{}
	for _, s := range scenarios.List() {
		f, ds := scenario.Parse(s.File(), []byte(s.Text))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		shows(f, func(rule string) { shown[rule] = s.Name })
	}
	for _, r := range kernel.Rules {
		switch by := shown[r.Name]; {
		case by == "" && r.Untold == "":
			t.Errorf("no scenario shows what %s does: write one, or add a line for a kernel without it; if none can come out otherwise, say why (Untold)", r.Name)
		case by != "" && r.Untold != "":
			t.Errorf("%s says that no scenario shows it (Untold), but %s does", r.Name, by)
		}
	}
}

// TestEveryCallIsMade: some scenario makes every call that there is, under one of its names.
func TestEveryCallIsMade(t *testing.T) {
	made := map[*kernel.Call]bool{}
	for _, s := range scenarios.List() {
		f, _ := scenario.Parse(s.File(), []byte(s.Text))
		for _, task := range f.Setup().Tasks {
			for _, st := range task.Body {
				made[st.Call] = true
			}
		}
	}
	for _, c := range kernel.Calls {
		if !made[c] {
			t.Errorf("no scenario calls %s", c.Name)
		}
	}
}

// shows calls f for every rule that two kernels of the scenario differ in, of which its lines say different things.
func shows(f *scenario.File, show func(rule string)) {
	said := sayings(f)
	rules := map[string]bool{}
	for _, k := range f.Named() {
		for _, c := range k.Changes() {
			rules[c.Rule] = true
		}
	}
	for _, k := range f.Named() {
		for rule := range rules {
			for _, v := range kernel.RuleByName(rule).ValueNames() {
				other, ok := trial(k, kernel.Setting{Rule: rule, Value: v})
				if !ok {
					continue
				}
				if of, named := said[other.Kernel.String()]; named && !maps.Equal(of, said[k.String()]) {
					show(rule)
				}
			}
		}
	}
}

// sayings are what the lines of a scenario say of each kernel that they name.
func sayings(f *scenario.File) map[string]map[string]bool {
	said := map[string]map[string]bool{}
	say := func(ks []kernel.Kernel, what string) {
		for _, k := range ks {
			if said[k.String()] == nil {
				said[k.String()] = map[string]bool{}
			}
			said[k.String()][what] = true
		}
	}
	for _, e := range f.Expects {
		say(e.Kernels, fmt.Sprint(e.Judge, e.Verdict, e.Claims))
	}
	for _, e := range f.Ends {
		say(e.Kernels, fmt.Sprint(e.When, e.Text))
	}
	return said
}
