package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
)

// checkCommand is "gupscope check FILE|DIR…".
type checkCommand struct {
	Paths   []string `arg:"" name:"file" help:"Scenarios, folders of them, or names of the gallery."`
	Kernels []string `help:"Check on these kernels instead of those of the expect lines." sep:"," placeholder:"KERNEL"`
	JSON    bool     `name:"json" help:"Print one JSON object per verdict and line."`
	JUnit   string   `name:"junit" help:"Write the verdicts as JUnit XML too, for CI." placeholder:"FILE" type:"path"`
	Full    bool     `help:"Print counterexamples whole too, not only the steps that matter."`
	Quiet   bool     `short:"q" help:"Print no counterexamples."`
	effort
}

// A question is one verdict to be found: a scenario on a kernel.
type question struct {
	file   string
	f      *scenario.File
	k      kernel.Kernel
	expect *scenario.Expect // nil: nothing is expected
	index  int              // of the kernel in the expect line
}

// Run checks every expect line of every file.
func (c *checkCommand) Run() error {
	questions, err := c.questions()
	if err != nil {
		return err
	}
	failed, open, stopped := 0, 0, 0
	var suites junitSuites
	bar := newProgress(len(questions))
	inOrder(len(questions), c.cores(), func(i int) *answer {
		a := &answer{}
		a.answerJSON, a.err = c.answer(&a.text, questions[i], len(questions), func(p check.Progress) { bar.at(i, p) })
		bar.finished(i)
		return a
	}, func(i int, a *answer) bool {
		bar.clear()
		if err = a.err; err != nil {
			return false
		}
		os.Stdout.Write(a.text.Bytes())
		suites.add(a.answerJSON, a.text.String())
		switch {
		case !a.OK:
			failed++
		case a.Expected == "":
			open++
		}
		if a.Stopped != "" {
			stopped++
		}
		return true
	})
	if err == nil && c.JUnit != "" {
		err = suites.write(c.JUnit)
	}
	if err != nil {
		return err
	}
	if !c.JSON {
		fmt.Println(summary(len(questions)-failed-open, failed, open, stopped))
	}
	if failed > 0 {
		return errFailed
	}
	return nil
}

// summary says how verdicts and expectations went together.
func summary(passed, failed, open, stopped int) string {
	s := fmt.Sprintf("%d passed, %d failed", passed, failed)
	if open > 0 {
		s += fmt.Sprintf(", of %d nothing was expected", open)
	}
	if stopped > 0 {
		s += fmt.Sprintf("; %d stopped at a bound", stopped)
	}
	return s
}

// An answer is a verdict with what is printed of it.
type answer struct {
	answerJSON
	text bytes.Buffer
	err  error
}

// questions reads the files and lists what is to be checked.
func (c *checkCommand) questions() ([]question, error) {
	files, err := sources(c.Paths)
	if err != nil {
		return nil, err
	}
	var kernels []kernel.Kernel
	for _, spec := range c.Kernels {
		k, err := kernelOf(nil, spec)
		if err != nil {
			return nil, err
		}
		kernels = append(kernels, k)
	}
	var out []question
	for _, src := range files {
		path := src.name
		f, err := parse(src)
		if err != nil {
			return nil, err
		}
		switch {
		case kernels != nil:
			for _, k := range kernels {
				out = append(out, question{file: path, f: f, k: k})
			}
		case len(f.Expects) == 0:
			out = append(out, question{file: path, f: f, k: f.Kernel})
		}
		for i := range f.Expects {
			if kernels != nil {
				break
			}
			for j, k := range f.Expects[i].Kernels {
				out = append(out, question{path, f, k, &f.Expects[i], j})
			}
		}
		if kernels == nil {
			for _, e := range f.Asides() {
				out = append(out, question{path, f, e.Kernels[0], &e, 0})
			}
		}
	}
	return out, nil
}

// judge is which claims are judged; nil: those of the scenario.
func (q *question) judge() []string {
	if q.expect == nil {
		return nil
	}
	return q.expect.Judge
}

// answerJSON is what --json prints of a verdict.
type answerJSON struct {
	File        string   `json:"file"`
	Kernel      string   `json:"kernel"`
	Expected    string   `json:"expected,omitempty"`
	Verdict     string   `json:"verdict"`
	Claims      []string `json:"claims"`
	States      uint64   `json:"states"`
	Reduced     bool     `json:"reduced,omitempty"` // the states are those that a reduced search kept
	Transitions uint64   `json:"transitions"`
	Omission    float64  `json:"omission"` // probability that a state was overlooked, at most
	Stopped     string   `json:"stopped,omitempty"`
	Seconds     float64  `json:"seconds"`
	Run         string   `json:"run,omitempty"`
	OK          bool     `json:"ok"`
	Why         string   `json:"why,omitempty"`
}

// answer finds one verdict of so many, and prints it.
func (c *checkCommand) answer(w io.Writer, q question, questions int, at func(check.Progress)) (answerJSON, error) {
	ck, limits, err := c.check(&q, questions)
	if err != nil {
		return c.notApplicable(w, q, err)
	}
	began := time.Now()
	stopped := c.prove(ck, limits, at)
	o := ck.Outcome()
	ok, why, expected := true, "", ""
	if q.expect != nil {
		ok, why = o.Met(q.expect, q.index)
		expected = expectation(q.expect)
	}
	a := answerJSON{q.file, q.k.String(), expected, o.String(), o.Names(), o.States, o.Reduced, o.Transitions, o.Omission(), stopped.bound, time.Since(began).Seconds(), "", ok, why}
	runs, err := counterexamples(q, q.judge(), o)
	if err != nil {
		return a, err
	}
	if len(runs) > 0 {
		a.Run = runs[0].String()
	}
	if c.JSON {
		return a, json.NewEncoder(w).Encode(a)
	}
	c.print(w, q, a, o, stopped, runs)
	return a, nil
}

func expectation(e *scenario.Expect) string {
	if len(e.Ends) > 0 {
		return strings.Join(e.Ends, "; ")
	}
	if e.Verdict == kernel.Never {
		return "Never"
	}
	return "Sometimes " + strings.Join(e.Claims, ", ")
}

func (c *checkCommand) print(w io.Writer, q question, a answerJSON, o verdict.Outcome, stopped stop, runs []*trace.Run) {
	where := q.file
	if q.expect != nil {
		where = fmt.Sprintf("%s:%d", q.file, q.expect.Line)
	}
	mark, says := "", a.Verdict
	switch aside := q.expect != nil && len(q.expect.Ends) > 0; { // an aside's verdict is on ends, not on claims
	case aside && a.OK:
		says = a.Expected
	case aside:
		says, mark = a.Why, "  FAILED: expected "+a.Expected
	case !a.OK:
		mark = fmt.Sprintf("  FAILED: expected %s, but %s", a.Expected, a.Why)
	}
	fmt.Fprintf(w, "%s: %s: %s%s\n", where, a.Kernel, says, mark)
	fmt.Fprintf(w, "    %s, %d transitions, %.2f s", o.Count(), a.Transitions, a.Seconds)
	switch {
	case o.Verdict != check.Never:
	case o.Exact:
		fmt.Fprint(w, "; whole states were compared: none can have been overlooked")
	default:
		fmt.Fprintf(w, "; a state was overlooked with a probability of at most %.1g", o.Omission())
	}
	fmt.Fprintln(w)
	if stopped.bound != "" {
		fmt.Fprintf(w, "    %s\n", stopped.says(&o))
	}
	if c.Quiet {
		return
	}
	for i, r := range runs {
		b := o.Broken[i]
		proof := "shortest"
		if !b.Shortest {
			proof = "not proved shortest"
		}
		round := ""
		if b.Cycle > 0 {
			round = fmt.Sprintf(", of which the last %d go round for ever", b.Cycle)
		}
		fmt.Fprintf(w, "\n    %s: %d steps%s, %d switches, %s\n    --run %s\n\n", b.Claim, len(b.Run), round, b.Switches, proof, r)
		if c.Full {
			fmt.Fprintln(w, r.ASCII())
		}
		explained(w, r, b.Claim)
	}
}

// counterexamples replays what the check found, a run for every claim that can break.
func counterexamples(q question, judge []string, o verdict.Outcome) ([]*trace.Run, error) {
	var out []*trace.Run
	for _, b := range o.Broken {
		m, _, _ := verdict.Model(q.f, q.k, judge)
		r := trace.New(m)
		for _, ch := range b.Run {
			if _, err := r.Do(ch); err != nil {
				return nil, fmt.Errorf("the counterexample of %s cannot be replayed: %w", b.Claim, err)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

func (c *checkCommand) notApplicable(w io.Writer, q question, why error) (answerJSON, error) {
	a := answerJSON{File: q.file, Kernel: q.k.String(), Verdict: "n/a", Claims: []string{}, OK: q.expect == nil, Why: why.Error()}
	if c.JSON {
		return a, json.NewEncoder(w).Encode(a)
	}
	fmt.Fprintf(w, "%s: %s: n/a: %s\n", q.file, a.Kernel, a.Why)
	return a, nil
}
