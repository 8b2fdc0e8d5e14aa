package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/trace"
	"gupscope/core/verdict"
)

// runCommand is "gupscope run FILE --run 0x3.1…".
type runCommand struct {
	File   string `arg:"" help:"A scenario, or its name in the gallery."`
	Run_   string `name:"run" help:"The run to play, as check and links write it." placeholder:"0x3.1…"`
	Kernel string `help:"The kernel to run on, instead of the scenario's." placeholder:"KERNEL"`
	JSON   bool   `name:"json" help:"Print one JSON object per step and line, with the hash of the state after it."`
}

// stepJSON is what --json prints of a step.
type stepJSON struct {
	Step    int      `json:"step"`
	Choice  string   `json:"choice"`
	Actor   string   `json:"actor"`
	CPU     int      `json:"cpu"`
	Func    string   `json:"func"`
	Label   string   `json:"label,omitempty"`
	Says    string   `json:"says"`
	Changes []string `json:"changes"`
	Broken  []string `json:"broken,omitempty"`
	Hash    string   `json:"hash"`
}

// Run plays the run and prints what every step does.
func (c *runCommand) Run() error {
	all, err := sources([]string{c.File})
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("%s is a directory of %d scenarios: name one of them", c.File, len(all))
	}
	f, err := parse(all[0])
	if err != nil {
		return err
	}
	k, err := kernelOf(f, c.Kernel)
	if err != nil {
		return err
	}
	m, _, ds := verdict.Model(f, k, nil)
	if m == nil {
		complain(ds)
		return fmt.Errorf("%s is n/a on %v", all[0].name, k)
	}
	r, err := trace.Replay(m, c.Run_)
	c.print(r)
	var d *trace.Diverged
	if errors.As(err, &d) {
		fmt.Fprintln(os.Stderr, d)
		return errFailed
	}
	return err
}

func (c *runCommand) print(r *trace.Run) {
	enc := json.NewEncoder(os.Stdout)
	for i := range r.Steps() {
		s := &r.Steps()[i]
		actor := r.Model.Actors()[s.Actor]
		if c.JSON {
			enc.Encode(stepJSON{s.N, trace.FormatChoice(s.Choice), actor.Name, s.CPU, s.Func, s.Label, s.Says, changes(s), s.Broken, fmt.Sprintf("%016x", s.Hash)})
			continue
		}
		fmt.Printf("%4d  %-8s %-26s %s\n", s.N, actor.Name, s.Func, s.Says)
		for _, ch := range changes(s) {
			fmt.Printf("%43s%s\n", "", ch)
		}
		for _, b := range s.Broken {
			fmt.Printf("%43s*** %s is false\n", "", b)
		}
	}
	if c.JSON {
		return
	}
	for _, a := range r.Model.Actors() {
		if o := r.Offer(a.ID); o.Ready || a.Kind == kernel.TaskActor {
			why := o.Says
			if !o.Ready {
				why = o.Why
			}
			fmt.Printf("next  %-8s %-26s %s\n", a.Name, o.Func, why)
		}
	}
	fmt.Printf("\n%s", filled(told(r), 72))
}

// told is the run in words: why it goes wrong, or how it came to where it stands.
func told(r *trace.Run) string {
	if e, err := r.Explain(""); err == nil {
		return e.Text
	}
	return r.Account().Text
}

// changes are what a step changed of the machine, in words; a task's own stack
// and the ghosts of claims are left out.
func changes(s *trace.Step) []string {
	out := []string{}
	for _, c := range s.Changes {
		if c.Class == machine.Stacks || c.Class == machine.Vars || c.Class == machine.Ghosts || c.Class == machine.Ends {
			continue
		}
		out = append(out, fmt.Sprintf("%s: %s → %s", c.Name, c.Old, c.New))
	}
	return out
}
