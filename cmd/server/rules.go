package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
)

// rulesCommand is "gupscope rules FILE".
type rulesCommand struct {
	File   string `arg:"" help:"A scenario, or its name in the gallery."`
	Kernel string `help:"The kernel to ask about, instead of the scenario's." placeholder:"KERNEL"`
	Pairs  bool   `help:"If it passes: try two changes at once too, of those that break nothing alone."`
	All    bool   `help:"Print also what changes nothing."`
	Most   int    `help:"If it fails: try sets of up to so many changes." default:"3" placeholder:"N"`
	States uint64 `help:"Look at so many states of each kernel at most." placeholder:"N"`
	JSON   bool   `name:"json" help:"Print one JSON object per kernel tried and line."`
}

// trialJSON is what --json prints of a kernel tried.
type trialJSON struct {
	Changes []string `json:"changes"`
	Kernel  string   `json:"kernel"`
	Verdict string   `json:"verdict"`
	Claims  []string `json:"claims"`
	Steps   int      `json:"steps,omitempty"` // of the shortest counterexample
	Passes  bool     `json:"passes"`
}

// Run tries what the scenario's verdict is without rules, or with more of them.
func (c *rulesCommand) Run() error {
	f, k, err := open(c.File, c.Kernel)
	if err != nil {
		return err
	}
	limits := limited(c.States)
	as := verdict.Trial{Kernel: k}
	as.Run(f, nil, limits)
	if as.NA != "" {
		return fmt.Errorf("%s is n/a on %v: %s", f.Name, k, as.NA)
	}
	if !c.JSON {
		fmt.Printf("%s on %v: %v\n", f.Name, k, as.Outcome.String())
	}
	m, _, _ := verdict.Model(f, k, nil)
	s := verdict.Explore(m, surveyed(c.States))
	if as.Passes() {
		alone := s.Matter(k)
		c.try(f, alone, limits, "changes")
		if c.Pairs {
			c.try(f, verdict.Pairs(k, alone), limits, "pairs of changes")
		}
		return nil
	}
	return c.repair(f, k, s, limits)
}

// try runs the trials, prints those that break something, and counts the rest.
func (c *rulesCommand) try(f *scenario.File, trials []verdict.Trial, l check.Limits, what string) {
	c.run(f, trials, l)
	quiet := 0
	for i := range trials {
		t := &trials[i]
		switch {
		case c.JSON:
			json.NewEncoder(os.Stdout).Encode(trialOf(t))
		case t.Passes() && !c.All:
			quiet++
		default:
			text := changesText(t.Changes[:1])
			if n := len(t.Changes) - 1; what == "changes" && n > 0 {
				text += fmt.Sprintf(" and %s", needing(n))
			} else {
				text = changesText(t.Changes)
			}
			if len(text) > 52 {
				text += fmt.Sprintf("\n%56s", "")
			}
			fmt.Printf("    %-52s %s\n", text, result(t))
		}
	}
	if quiet > 0 {
		fmt.Printf("    %d more %s were tried: nothing breaks\n", quiet, what)
	}
}

func needing(n int) string {
	if n == 1 {
		return "the rule that needs it"
	}
	return fmt.Sprintf("the %d rules that need it", n)
}

func (c *rulesCommand) run(f *scenario.File, trials []verdict.Trial, l check.Limits) {
	bar := newProgress(len(trials))
	inOrder(len(trials), func(i int) struct{} {
		trials[i].Run(f, nil, l)
		bar.at(i, check.Progress{States: trials[i].Outcome.States})
		bar.finished(i)
		return struct{}{}
	}, func(int, struct{}) bool { return true })
	bar.clear()
}

// repair looks for the smallest sets of changes under which nothing breaks.
func (c *rulesCommand) repair(f *scenario.File, k kernel.Kernel, s *verdict.Survey, l check.Limits) error {
	for n := 1; n <= c.Most; n++ {
		trials := s.Cures(k, n)
		c.run(f, trials, l)
		best := c.Most + 1 // rules that a change needs count too
		for i := range trials {
			if trials[i].Passes() {
				best = min(best, len(trials[i].Changes))
			}
		}
		if best > n && n < c.Most {
			continue
		}
		found := false
		for i := range trials {
			t := &trials[i]
			if c.JSON && (c.All || t.Passes()) {
				json.NewEncoder(os.Stdout).Encode(trialOf(t))
			}
			if t.Passes() && len(t.Changes) <= best {
				found = true
				if !c.JSON {
					fmt.Printf("    %s: nothing breaks any more%s\n", changesText(t.Changes), since(t))
				}
			}
		}
		if found {
			c.firstRelease(f, k, l)
			return nil
		}
	}
	if !c.JSON {
		fmt.Printf("    no set of up to %d changes repairs it (--most tries larger ones)\n", c.Most)
	}
	return errFailed
}

// firstRelease names the first release on which nothing breaks, flushed and
// configured as the kernel asked about.
func (c *rulesCommand) firstRelease(f *scenario.File, k kernel.Kernel, l check.Limits) {
	if c.JSON {
		return
	}
	var keep []kernel.Setting
	for _, s := range k.Changes() {
		if kernel.RuleByName(s.Rule).Config != nil {
			keep = append(keep, s)
		}
	}
	for _, v := range kernel.Versions {
		made, err := kernel.Make(v.Name, keep...)
		if err != nil {
			continue
		}
		t := verdict.Trial{Kernel: made}
		if t.Run(f, nil, l); t.Passes() {
			fmt.Printf("    the first release at hand on which nothing breaks: %v\n", made)
			return
		}
	}
	fmt.Println("    no release at hand is free of it")
}

// since says which release has what repairs a kernel.
func since(t *verdict.Trial) string {
	order, r := t.Since()
	switch {
	case r == nil:
		return ""
	case order == 0:
		return "; every release has it"
	}
	text := fmt.Sprintf("; since v%d.%d", order/100, order%100)
	if r.Commit != "" {
		text += fmt.Sprintf("\n        %s (%q)", r.Commit, r.Subject)
	}
	return text
}

func changesText(changes []kernel.Setting) string {
	var out []string
	for _, c := range changes {
		switch c.Value {
		case "off":
			out = append(out, "without "+c.Rule)
		case "on":
			out = append(out, "with "+c.Rule)
		default:
			out = append(out, "with "+c.Rule+"="+c.Value)
		}
	}
	return strings.Join(out, " ")
}

// result is what a trial came to, with the length of its shortest counterexample.
func result(t *verdict.Trial) string {
	if t.NA != "" {
		return "n/a: " + t.NA
	}
	text := t.Outcome.String()
	if n := shortest(t); n > 0 {
		text += fmt.Sprintf(" (%d steps)", n)
	}
	return text
}

func shortest(t *verdict.Trial) int {
	n := 0
	for _, b := range t.Outcome.Broken {
		if n == 0 || len(b.Run) < n {
			n = len(b.Run)
		}
	}
	return n
}

func trialOf(t *verdict.Trial) trialJSON {
	j := trialJSON{Changes: []string{}, Kernel: t.Kernel.String(), Verdict: "n/a", Claims: append([]string{}, t.Outcome.Names()...), Steps: shortest(t), Passes: t.Passes()}
	for _, s := range t.Changes {
		j.Changes = append(j.Changes, changesText([]kernel.Setting{s}))
	}
	if t.NA == "" {
		j.Verdict = t.Outcome.String()
	}
	return j
}
