package main

import (
	"encoding/json"
	"fmt"
	"os"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/verdict"
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
}

// Run lists the claims, and finds what makes each of them false.
func (c *claimsCommand) Run() error {
	for i, cl := range claim.All() {
		x, err := breaker(cl)
		if err != nil {
			return err
		}
		if c.JSON {
			json.NewEncoder(os.Stdout).Encode(x)
			continue
		}
		if i > 0 {
			fmt.Println()
		}
		fmt.Println(x.Name)
		printWrapped(x.Says)
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
	}
	return nil
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
