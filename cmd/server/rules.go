package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
)

// rulesCommand is "gupscope rules [FILE]".
type rulesCommand struct {
	File   string `arg:"" optional:"" help:"A scenario, or its name in the gallery; none: all rules are listed, with what each does."`
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

// Run lists the rules, or tries what a scenario's verdict is without some, or with more of them.
func (c *rulesCommand) Run() error {
	if c.File == "" {
		return c.catalogue()
	}
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
	q := verdict.Explore(m, surveyed(c.States)).Inquire(k, !as.Passes())
	q.Pairs, q.Most = c.Pairs, c.Most
	for trials := q.Round(); trials != nil; trials = q.Round() {
		run(f, trials, limits)
	}
	switch {
	case c.JSON:
		return c.encode(q)
	case q.Broken:
		return c.cures(q)
	}
	c.matter(q.Alone, "changes", f, k)
	c.matter(q.Both, "pairs of changes", f, k)
	return nil
}

// run checks the trials.
func run(f *scenario.File, trials []verdict.Trial, l check.Limits) {
	bar := newProgress(len(trials))
	inOrder(len(trials), runtime.GOMAXPROCS(0), func(i int) struct{} {
		trials[i].Run(f, nil, l)
		bar.at(i, check.Progress{States: trials[i].Outcome.States})
		bar.finished(i)
		return struct{}{}
	}, func(int, struct{}) bool { return true })
	bar.clear()
}

// matter prints the trials that break something, with the step that is in the way of it
// on the kernel k, and counts the rest.
func (c *rulesCommand) matter(trials []verdict.Trial, what string, f *scenario.File, k kernel.Kernel) {
	quiet := 0
	for i := range trials {
		t := &trials[i]
		if t.Passes() && !c.All {
			quiet++
			continue
		}
		text := t.What()
		if what == "changes" {
			text = t.Short()
		}
		if len(text) > 52 {
			text += fmt.Sprintf("\n%56s", "")
		}
		fmt.Printf("    %-52s %s\n", text, t.Result())
		for _, call := range t.Calls(f, k, nil) {
			if call.Run != nil {
				fmt.Printf("        here %s holds: at step %d, %s: %s\n", call.Claim, len(call.Run), call.Task, call.Said)
			}
		}
	}
	if quiet > 0 {
		fmt.Printf("    %d more %s were tried: nothing breaks\n", quiet, what)
	}
}

// cures prints the smallest sets of changes that repair the kernel, and the first release without the fault.
func (c *rulesCommand) cures(q *verdict.Inquiry) error {
	if len(q.Cures) == 0 {
		fmt.Printf("    no set of up to %d changes repairs it, of %d that were tried (--most tries larger ones)\n", c.Most, len(q.Tried))
		if n := q.Stopped(); n > 0 {
			fmt.Printf("    of %d of them nothing is known: they came to their bound (--states raises it)\n", n)
		}
	}
	for i := range q.Cures {
		fmt.Printf("    %s: nothing breaks any more%s\n", q.Cures[i].What(), since(&q.Cures[i]))
	}
	if t := q.Release(); t != nil {
		fmt.Printf("    the first release at hand on which nothing breaks: %v\n", t.Kernel)
	} else {
		fmt.Println("    no release at hand is free of it")
	}
	if len(q.Cures) == 0 {
		return errFailed
	}
	return nil
}

// encode prints an object for every kernel tried; of sets that might repair, those that do, unless all are asked for.
func (c *rulesCommand) encode(q *verdict.Inquiry) error {
	enc := json.NewEncoder(os.Stdout)
	for _, trials := range [][]verdict.Trial{q.Alone, q.Both, q.Tried} {
		for i := range trials {
			if t := &trials[i]; !q.Broken || c.All || t.Passes() {
				if err := enc.Encode(trialOf(t)); err != nil {
					return err
				}
			}
		}
	}
	if q.Broken && len(q.Cures) == 0 {
		return errFailed
	}
	return nil
}

// since says which release has what repairs a kernel.
func since(t *verdict.Trial) string {
	releases, commit := t.Had()
	if releases == "" {
		return ""
	}
	if commit != "" {
		commit = "\n        " + commit
	}
	return "; " + releases + commit
}

func trialOf(t *verdict.Trial) trialJSON {
	j := trialJSON{Changes: []string{}, Kernel: t.Kernel.String(), Verdict: "n/a", Claims: append([]string{}, t.Outcome.Names()...), Steps: t.Shortest(), Passes: t.Passes()}
	for _, s := range t.Changes {
		j.Changes = append(j.Changes, verdict.Trial{Changes: []kernel.Setting{s}}.What())
	}
	if t.NA == "" {
		j.Verdict = t.Outcome.String()
	}
	return j
}
