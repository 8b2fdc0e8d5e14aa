package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// ruleJSON is what "gupscope rules --json" prints of a rule.
type ruleJSON struct {
	Name       string            `json:"name"`
	Says       string            `json:"says"`
	Protects   string            `json:"protects"`
	Untold     string            `json:"untold,omitempty"` // why no scenario shows it
	Guards     []string          `json:"guards"`           // steps, as "function: sentence"
	Values     []string          `json:"values"`
	Needs      []string          `json:"needs"`
	Kernels    map[string]string `json:"kernels"`
	Commit     string            `json:"commit,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	Confidence string            `json:"confidence"`
	Scenarios  []string          `json:"scenarios"` // whose expect lines tell what comes without it
}

// leftOutJSON is what it prints of what is none.
type leftOutJSON struct {
	Name    string `json:"name"`
	Says    string `json:"says"`
	LeftOut string `json:"left_out"` // why
	Commit  string `json:"commit,omitempty"`
	Subject string `json:"subject,omitempty"`
}

// catalogue prints every rule, and what is left out.
func (c *rulesCommand) catalogue() error {
	told, err := toldRules()
	if err != nil {
		return err
	}
	for i, r := range kernel.Rules {
		x := ruleOf(r, told[r.Name])
		if c.JSON {
			json.NewEncoder(os.Stdout).Encode(x)
			continue
		}
		if i > 0 {
			fmt.Println()
		}
		x.print(r)
	}
	return c.leftOut()
}

// leftOut prints what looks like a rule and is none.
func (c *rulesCommand) leftOut() error {
	for _, o := range kernel.LeftOut {
		if c.JSON {
			if err := json.NewEncoder(os.Stdout).Encode(leftOutJSON{o.Name, o.Says, o.Why, o.Commit, o.Subject}); err != nil {
				return err
			}
			continue
		}
		fmt.Printf("\n%s: left out\n", o.Name)
		printWrapped(4, o.Says+".")
		printWrapped(4, "No rule, because "+o.Why+".")
		switch {
		case o.Subject != "":
			printWrapped(4, fmt.Sprintf("%s (%q)", o.Commit, o.Subject))
		case o.Commit != "":
			printWrapped(4, o.Commit)
		}
	}
	return nil
}

func ruleOf(r *kernel.Rule, told []string) ruleJSON {
	x := ruleJSON{Name: r.Name, Says: r.Says, Protects: r.Protects, Untold: r.Untold, Guards: r.GuardedSteps(), Values: r.ValueNames(), Needs: []string{}, Kernels: map[string]string{},
		Commit: r.Commit, Subject: r.Subject, Confidence: r.Confidence, Scenarios: append([]string{}, told...)}
	if len(x.Guards) == 0 {
		x.Guards = []string{r.Guards}
	}
	for _, n := range r.Needs {
		x.Needs = append(x.Needs, kernel.Rules[n].Name)
	}
	for _, v := range kernel.Versions {
		if k, err := kernel.Make(v.Name); err == nil {
			x.Kernels[v.Name] = r.ValueName(k.Value(r.ID))
		}
	}
	return x
}

func (x *ruleJSON) print(r *kernel.Rule) {
	fmt.Println(x.Name)
	printWrapped(4, x.Says+".")
	if lost := r.Lost(); lost != "" {
		printWrapped(4, lost)
	}
	if r.Untold != "" {
		printWrapped(4, "No scenario shows it: "+r.Untold+".")
	}
	for _, g := range x.Guards {
		printWrapped(4, "guards "+g)
	}
	if len(x.Needs) > 0 {
		printWrapped(4, "needs "+strings.Join(x.Needs, ", "))
	}
	printWrapped(4, spans(r))
	if x.Commit != "" {
		printWrapped(4, fmt.Sprintf("%s (%q)", x.Commit, x.Subject))
	}
	printWrapped(4, "known: "+x.Confidence)
	if len(x.Scenarios) > 0 {
		printWrapped(4, "told by "+strings.Join(x.Scenarios, ", "))
	}
}

// spans is which value the rule has in which kernels: "off: v4.6; on: v4.6-generic to v6.12.117".
func spans(r *kernel.Rule) string {
	var out []string
	first, last, value := "", "", ""
	end := func() {
		switch {
		case first == "":
		case first == last:
			out = append(out, value+": "+first)
		default:
			out = append(out, value+": "+first+" to "+last)
		}
	}
	for _, v := range kernel.Versions {
		k, err := kernel.Make(v.Name)
		if err != nil {
			continue
		}
		if now := r.ValueName(k.Value(r.ID)); now != value || first == "" {
			end()
			first, value = v.Name, now
		}
		last = v.Name
	}
	end()
	return strings.Join(out, "; ")
}

// toldRules lists for every rule the scenarios with a line for a kernel that has it otherwise than its version.
func toldRules() (map[string][]string, error) {
	told := map[string][]string{}
	for _, s := range scenarios.List() {
		f, ds := scenario.Parse(s.File(), []byte(s.Text))
		if scenario.Failed(ds) {
			return nil, fmt.Errorf("%v", ds[0])
		}
		for _, k := range f.Named() {
			for _, c := range k.Changes() {
				if !slices.Contains(told[c.Rule], s.Name) {
					told[c.Rule] = append(told[c.Rule], s.Name)
				}
			}
		}
	}
	return told, nil
}
