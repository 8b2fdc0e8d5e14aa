package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

// claimsCommand is "gupscope claims".
type claimsCommand struct {
	JSON bool `name:"json" help:"Print one JSON object per claim and line."`
}

// claimJSON is what --json prints of a claim.
type claimJSON struct {
	Name     string `json:"name"`
	Says     string `json:"says"`
	Promised string `json:"promised"`        // since which release it is judged unasked: "always", "v5.19", "never"
	About    string `json:"about,omitempty"` // the rule without which it is not judged at all
	Scenario string `json:"scenario"`
	Holds    string `json:"holds"`
	Breaks   string `json:"breaks"`
	Run      string `json:"run"` // the counterexample
	Steps    int    `json:"steps"`

	Everywhere []breaksJSON `json:"everywhere"` // every kernel of every expect line of the gallery on which it is false
}

// breaksJSON is a kernel on which a claim is false, and what makes it so: the settings that it has beyond those of a kernel on which it holds.
type breaksJSON struct {
	Scenario string   `json:"scenario"`
	Kernel   string   `json:"kernel"`
	By       []string `json:"by,omitempty"` // nothing: the release is so by itself
	From     string   `json:"from"`
}

// Run lists the claims, and finds what makes each of them false.
func (c *claimsCommand) Run() error {
	var gallery []*scenario.File
	for _, s := range scenarios.List() {
		f, err := parse(source{s.File(), s.Text})
		if err != nil {
			return err
		}
		gallery = append(gallery, f)
	}
	for i, cl := range claim.All() {
		x, err := breaker(cl)
		if err != nil {
			return err
		}
		x.Everywhere = everywhere(gallery, cl.Name)
		if c.JSON {
			json.NewEncoder(os.Stdout).Encode(x)
			continue
		}
		if i > 0 {
			fmt.Println()
		}
		fmt.Println(x.Name)
		printWrapped(4, x.Says)
		switch x.Promised {
		case "always":
		case "never":
			fmt.Println("    judged only where a scenario asks for it")
		default:
			fmt.Printf("    promised since %s\n", x.Promised)
		}
		if x.About != "" {
			fmt.Printf("    not judged without %s\n", x.About)
		}
		fmt.Printf("    holds in %s on %s\n    false on %s: %d steps\n", x.Scenario, x.Holds, x.Breaks, x.Steps)
		printBreaks(x.Everywhere)
	}
	return nil
}

// printBreaks prints for each scenario the releases on which the claim is false, and the rules that make it false, each with the kernels where they do.
func printBreaks(all []breaksJSON) {
	var names []string
	by := map[string][]breaksJSON{}
	for _, b := range all {
		if by[b.Scenario] == nil {
			names = append(names, b.Scenario)
		}
		by[b.Scenario] = append(by[b.Scenario], b)
	}
	if len(names) == 1 {
		fmt.Println("    false in one scenario:")
	} else {
		fmt.Printf("    false in %d scenarios:\n", len(names))
	}
	for _, name := range names {
		fmt.Println("        " + name)
		var releases, rules []string
		on := map[string][]string{}
		for _, b := range by[name] {
			if b.By == nil {
				releases = append(releases, b.Kernel)
				continue
			}
			rule := strings.Join(b.By, " ")
			if on[rule] == nil {
				rules = append(rules, rule)
			}
			on[rule] = append(on[rule], b.From)
		}
		if releases != nil {
			printWrapped(12, strings.Join(releases, ", "))
		}
		for _, rule := range rules {
			printWrapped(12, fmt.Sprintf("%s (%s)", rule, strings.Join(on[rule], ", ")))
		}
	}
}

// everywhere finds where the expect lines of the gallery have a claim false.
func everywhere(gallery []*scenario.File, name string) []breaksJSON {
	var out []breaksJSON
	for _, f := range gallery {
		for _, b := range f.Breaks(name) {
			x := breaksJSON{Scenario: f.Name, Kernel: b.Kernel.String(), From: b.From}
			for _, s := range b.By {
				x.By = append(x.By, s.String())
			}
			out = append(out, x)
		}
	}
	return out
}

// breaker finds the run that makes a claim false on the kernel that its breaker names.
func breaker(cl *claim.Claim) (claimJSON, error) {
	b := cl.Breaker
	x := claimJSON{Name: cl.Name, Says: cl.Says, Promised: cl.PromisedSince(), Scenario: b.Scenario, Holds: b.Holds, Breaks: b.Breaks}
	for _, id := range cl.About {
		x.About = kernel.Rules[id].Name
	}
	f, k, err := open(b.Scenario, b.Breaks)
	if err != nil {
		return x, fmt.Errorf("claim %s: %w", cl.Name, err)
	}
	t := verdict.Trial{Kernel: k}
	t.Run(f, []string{cl.Name}, check.Limits{})
	for _, o := range t.Outcome.Broken {
		if o.Claim != cl.Name {
			continue
		}
		r, err := play(f, k, o.Run)
		if err != nil {
			return x, err
		}
		x.Run, x.Steps = r.String(), len(o.Run)
		return x, nil
	}
	return x, fmt.Errorf("claim %s: nothing breaks in %s on %v", cl.Name, b.Scenario, k)
}
