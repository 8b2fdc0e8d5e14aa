package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
)

// explainCommand is "gupscope explain FILE".
type explainCommand struct {
	File   string `arg:"" help:"A scenario, or its name in the gallery."`
	Kernel string `help:"The kernel to run on, instead of the scenario's." placeholder:"KERNEL"`
	Claim  string `help:"Explain the breach of this claim alone; also of one that the kernel does not promise." placeholder:"CLAIM"`
	Run_   string `name:"run" help:"Explain this run instead of the shortest ones." placeholder:"0x3.1…"`
	States uint64 `help:"Look at so many states at most." placeholder:"N"`
	JSON   bool   `name:"json" help:"Print JSON: an object for every claim that breaks, or one for what a pass rests on."`
}

// explanationJSON is what --json prints of a breach.
type explanationJSON struct {
	Claim  string     `json:"claim"`
	Kernel string     `json:"kernel"`
	Text   string     `json:"text"`
	Chart  string     `json:"chart"`
	Why    []string   `json:"why"`
	Cells  []cellOf   `json:"cells"` // that make the claim false
	Step   int        `json:"step"`
	Steps  []int      `json:"steps"`
	Races  []raceJSON `json:"races"`
	Run    string     `json:"run"`
}

// accountJSON is what --json prints of a run that breaks nothing.
type accountJSON struct {
	Kernel string `json:"kernel"`
	Text   string `json:"text"`
	Chart  string `json:"chart"`
	Steps  []int  `json:"steps"`
	Run    string `json:"run"`
}

type cellOf struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type raceJSON struct {
	Actor    string `json:"actor"`
	Cell     string `json:"cell"`
	Read     int    `json:"read"`
	Stale    int    `json:"stale"`
	Use      int    `json:"use,omitempty"`
	Believed string `json:"believed"`
	Now      string `json:"now"`
}

// Run explains the runs that break claims, or the pass.
func (c *explainCommand) Run() error {
	f, k, err := open(c.File, c.Kernel)
	if err != nil {
		return err
	}
	if c.Run_ != "" {
		m, _, ds := verdict.Model(f, k, nil)
		if m == nil {
			complain(ds)
			return fmt.Errorf("%s is n/a on %v", f.Name, k)
		}
		r, err := trace.Replay(m, c.Run_)
		if err != nil {
			return err
		}
		if c.Claim == "" && r.FirstViolation() == 0 && !r.Deadlock() && r.Livelock() == 0 {
			return c.account(r)
		}
		return c.breach(r, c.Claim)
	}
	judge, err := c.judge(f, k)
	if err != nil {
		return err
	}
	limits := limited(c.States)
	t := verdict.Trial{Kernel: k}
	t.Run(f, judge, limits)
	if t.NA != "" {
		return fmt.Errorf("%s is n/a on %v: %s", f.Name, k, t.NA)
	}
	if len(t.Outcome.Broken) == 0 {
		if c.Claim != "" {
			return fmt.Errorf("%s does not break on %v: it is %v", c.Claim, k, t.Outcome.String())
		}
		return c.pass(f, k, &t.Outcome)
	}
	runs, err := counterexamples(question{f: f, k: k}, judge, t.Outcome)
	if err != nil {
		return err
	}
	shown := false
	for i, b := range t.Outcome.Broken {
		if c.Claim != "" && c.Claim != b.Claim {
			continue
		}
		shown = true
		if err := c.breach(runs[i], b.Claim); err != nil {
			return err
		}
	}
	if !shown {
		return fmt.Errorf("%s does not break on %v; these do: %s", c.Claim, k, strings.Join(t.Outcome.Names(), ", "))
	}
	return nil
}

// judge returns what is to be judged: the claim that is asked for alone, for who judges others besides may stop at one of those; else nil, for
// what the scenario judges.
func (c *explainCommand) judge(f *scenario.File, k kernel.Kernel) ([]string, error) {
	m, _, _ := verdict.Model(f, k, nil)
	if m == nil || c.Claim == "" {
		return nil, nil // what is n/a is said later
	}
	names := append(m.Claims(), check.NoDeadlock, check.NoLivelock)
	switch {
	case c.Claim != check.NoDeadlock && c.Claim != check.NoLivelock && has(claim.Names(), c.Claim):
		return []string{c.Claim}, nil
	case has(names, c.Claim):
		return nil, nil
	}
	return nil, fmt.Errorf("--claim %s: there is no such claim; judged here are %s", c.Claim, strings.Join(names, ", "))
}

// account tells a run that breaks nothing.
func (c *explainCommand) account(r *trace.Run) error {
	a := r.Account()
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(accountJSON{r.Model.Kernel.String(), a.Text, a.Chart, append([]int{}, a.Steps...), r.String()})
	}
	fmt.Printf("%v: this run breaks nothing: %d of %d steps\n--run %s\n\n%s", r.Model.Kernel, len(a.Steps), r.Len(), r, filled(a.Text, 72))
	if a.Chart != "" {
		fmt.Print("\n" + a.Chart)
	}
	return nil
}

func (c *explainCommand) breach(r *trace.Run, claim string) error {
	e, err := r.Explain(claim)
	if err != nil {
		return err
	}
	if !c.JSON {
		fmt.Printf("%v: %s: %d of %d steps\n--run %s\n\n", r.Model.Kernel, e.Claim, len(e.Steps), r.Len(), r)
		explained(os.Stdout, r, e.Claim)
		fmt.Println()
		return nil
	}
	x := explanationJSON{e.Claim, r.Model.Kernel.String(), e.Text, e.Chart, e.Why, []cellOf{}, e.Step, e.Steps, []raceJSON{}, r.String()}
	for _, v := range e.Cells {
		x.Cells = append(x.Cells, cellOf{v.Name, v.Value})
	}
	for _, race := range e.Races {
		x.Races = append(x.Races, raceJSON{r.Model.Actors()[race.Actor].Name, race.Name, race.Read, race.Stale, race.Use, race.Believed, race.Now})
	}
	return json.NewEncoder(os.Stdout).Encode(x)
}

// explained prints why a run breaks a claim, as commit messages have it.
func explained(w io.Writer, r *trace.Run, claim string) {
	e, err := r.Explain(claim)
	if err != nil {
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintf(w, "%s\n%s", filled(e.Text, 72), e.Chart)
	if len(e.Cells) > 0 || len(e.Races) > 0 && e.Races[0].Use > 0 {
		fmt.Fprintln(w)
	}
	for _, v := range e.Cells {
		hanging(w, v.Name+" is "+v.Value)
	}
	who := func(step int) string { return r.Model.Actors()[r.Steps()[step-1].Actor].Name }
	for _, x := range e.Races {
		if x.Use > 0 {
			use := who(x.Use) + " goes by what it read"
			if x.Got != "" {
				use = "the page is used by " + x.Got
			}
			text := fmt.Sprintf("%s: %s reads %s (step %d); %s makes it %s (step %d); %s (step %d)",
				x.Name, who(x.Read), x.Believed, x.Read, who(x.Stale), x.Now, x.Stale, use, x.Use)
			hanging(w, text)
		}
	}
}

// hanging prints a line below a diagram; what does not fit hangs.
func hanging(w io.Writer, text string) {
	fmt.Fprintln(w, "    "+strings.ReplaceAll(strings.TrimSpace(filled(text, 64)), "\n", "\n        "))
}

// filled breaks a paragraph into lines.
func filled(text string, width int) string {
	var b strings.Builder
	n := 0
	for _, word := range strings.Fields(text) {
		switch {
		case n == 0:
		case n+1+len(word) > width:
			b.WriteString("\n")
			n = 0
		default:
			b.WriteString(" ")
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String() + "\n"
}

// elsewhere tells where, as the scenario itself expects it, something does break: with another claim judged, or on another kernel.
func elsewhere(f *scenario.File, k kernel.Kernel) string {
	for _, e := range f.Expects {
		if e.Verdict != kernel.Sometimes || len(e.Claims) == 0 {
			continue
		}
		on := e.Kernels[0]
		if i := slices.IndexFunc(e.Kernels, func(x kernel.Kernel) bool { return x.String() == k.String() }); i >= 0 {
			on = e.Kernels[i]
		}
		ask := ""
		if on.String() != f.Kernel.String() {
			ask = fmt.Sprintf(" --kernel %q", on.String())
		}
		if e.Judge != nil {
			ask += " --claim " + e.Claims[0]
		}
		return fmt.Sprintf("(line %d expects a breach: gupscope explain %s%s)\n", e.Line, f.Name, ask)
	}
	return ""
}

// pass says what a Never rests on, with the shortest run to every close call.
func (c *explainCommand) pass(f *scenario.File, k kernel.Kernel, o *verdict.Outcome) error {
	m, _, _ := verdict.Model(f, k, nil)
	s := verdict.Explore(m, surveyed(c.States))
	fresh, _, _ := verdict.Model(f, k, nil)
	w := s.Witness(fresh, surveyed(c.States))
	caught, err := played(f, k, w.Branches, (*trace.Run).String)
	if err != nil {
		return err
	}
	ends, err := played(f, k, w.Ends, (*trace.Run).String)
	if err != nil {
		return err
	}
	calls := s.ClosestCalls(f, k, nil, limited(c.States))
	var runs [][]check.Choice
	for _, call := range calls {
		runs = append(runs, call.Run)
	}
	closest, err := played(f, k, runs, (*trace.Run).String)
	if err != nil {
		return err
	}
	near, err := played(f, k, runs, told)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(passOf(s, k, o, caught, ends, calls, closest, near))
	}
	fmt.Printf("%s on %v: %v\n%s%v", f.Name, k, o.String(), elsewhere(f, k), s)
	if len(calls) > 0 {
		fmt.Println("\nThe closest calls: what breaks without a rule, played on this kernel up to where the rule is in the way")
	}
	for i, call := range calls {
		fmt.Printf("    %v\n", call)
		if closest[i] != "" {
			fmt.Printf("        --run %s\n", closest[i])
			fmt.Printf("        %s\n", strings.ReplaceAll(strings.TrimSpace(filled(near[i], 68)), "\n", "\n        "))
		}
	}
	fmt.Printf("\nHow runs end\n%s", s.Histogram(f.Name))
	for i, run := range ends {
		if run != "" {
			fmt.Printf("    %s --run %s\n", s.Ends[i].Values, run)
		}
	}
	return nil
}

// played plays runs, and says of each what say does: "" for those that were not found.
func played(f *scenario.File, k kernel.Kernel, runs [][]check.Choice, say func(*trace.Run) string) ([]string, error) {
	out := make([]string, len(runs))
	for i, choices := range runs {
		if choices != nil {
			r, err := play(f, k, choices)
			if err != nil {
				return nil, err
			}
			out[i] = say(r)
		}
	}
	return out, nil
}

func play(f *scenario.File, k kernel.Kernel, choices []check.Choice) (*trace.Run, error) {
	m, _, _ := verdict.Model(f, k, nil)
	r := trace.New(m)
	for _, ch := range choices {
		if _, err := r.Do(ch); err != nil {
			return nil, fmt.Errorf("a run that was found cannot be replayed: %w", err)
		}
	}
	return r, nil
}

// passJSON is what --json prints of a pass.
type passJSON struct {
	Kernel    string       `json:"kernel"`
	Verdict   string       `json:"verdict"`
	States    uint64       `json:"states"`
	Complete  bool         `json:"complete"`
	Caught    []caughtJSON `json:"caught"`
	Closest   []callJSON   `json:"closest"`
	Vacuous   []string     `json:"vacuous"`
	Unreached []string     `json:"unreached"`
	Untaken   []string     `json:"untaken"` // branches, of those that other scenarios take
	Ends      []endJSON    `json:"ends"`
}

type caughtJSON struct {
	Rule  string `json:"rule"`
	Step  string `json:"step"`
	Said  string `json:"said"`
	Times uint64 `json:"times"`
	Run   string `json:"run,omitempty"`
}

// callJSON is a run that a rule saved; claim is what breaks without it.
type callJSON struct {
	Rule  string `json:"rule"`
	Claim string `json:"claim,omitempty"`
	Step  int    `json:"step,omitempty"`
	Task  string `json:"task,omitempty"`
	Said  string `json:"said,omitempty"`
	Run   string `json:"run,omitempty"`
	Text  string `json:"text,omitempty"`
}

type endJSON struct {
	Values string `json:"values"`
	States uint64 `json:"states"`
	Run    string `json:"run,omitempty"`
}

func passOf(s *verdict.Survey, k kernel.Kernel, o *verdict.Outcome, caught, ends []string, calls []verdict.Call, closest, near []string) passJSON {
	p := passJSON{Kernel: k.String(), Verdict: o.String(), States: s.States, Complete: s.Complete,
		Caught: []caughtJSON{}, Closest: []callJSON{}, Vacuous: append([]string{}, s.Vacuous...), Unreached: []string{}, Untaken: []string{}, Ends: []endJSON{}}
	for i, b := range s.Stopped() {
		p.Caught = append(p.Caught, caughtJSON{b.Rule.Name, b.Place.String(), b.Said, b.Times, caught[i]})
	}
	for _, u := range s.Unreached {
		p.Unreached = append(p.Unreached, u.String())
	}
	for i := range s.Untaken {
		b := &s.Untaken[i]
		p.Untaken = append(p.Untaken, b.Place.String()+": "+b.Way())
	}
	for i, call := range calls {
		p.Closest = append(p.Closest, callJSON{call.Rule.Name, call.Claim, len(call.Run), call.Task, call.Said, closest[i], near[i]})
	}
	for i, e := range s.Ends {
		p.Ends = append(p.Ends, endJSON{e.Values, e.States, ends[i]})
	}
	return p
}

// open reads one scenario and the kernel to look at it on.
func open(name, on string) (*scenario.File, kernel.Kernel, error) {
	all, err := sources([]string{name})
	if err != nil {
		return nil, kernel.Kernel{}, err
	}
	if len(all) != 1 {
		return nil, kernel.Kernel{}, fmt.Errorf("%s is a directory of %d scenarios: name one of them", name, len(all))
	}
	f, err := parse(all[0])
	if err != nil {
		return nil, kernel.Kernel{}, err
	}
	k, err := kernelOf(f, on)
	return f, k, err
}

// surveyed is how many states are looked at where a survey is asked for: it keeps
// more of each than a check does.
func surveyed(states uint64) uint64 {
	if states == 0 {
		return 2_000_000
	}
	return states
}

func limited(states uint64) check.Limits {
	l := verdict.DefaultLimits
	if states > 0 {
		l.States = states
	}
	return l
}
