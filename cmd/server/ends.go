package main

import (
	"encoding/json"
	"fmt"
	"os"

	"gupscope/core/trace"
	"gupscope/core/verdict"
)

// endsCommand is "gupscope ends FILE".
type endsCommand struct {
	File   string `arg:"" help:"A scenario, or its name in the gallery."`
	Kernel string `help:"The kernel to run on, instead of the scenario's." placeholder:"KERNEL"`
	States uint64 `help:"Look at so many states at most." placeholder:"N"`
	JSON   bool   `name:"json" help:"Print one JSON object per outcome and line."`
}

// Run walks through all states and prints how runs end.
func (c *endsCommand) Run() error {
	f, k, err := open(c.File, c.Kernel)
	if err != nil {
		return err
	}
	m, _, ds := verdict.Model(f, k, nil)
	if m == nil {
		complain(ds)
		return fmt.Errorf("%s is n/a on %v", f.Name, k)
	}
	s := verdict.Explore(m, surveyed(c.States))
	fresh, _, _ := verdict.Model(f, k, nil)
	runs, err := played(f, k, s.Witness(fresh, surveyed(c.States)).Ends, (*trace.Run).String)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		for i, e := range s.Ends {
			enc.Encode(endJSON{e.Values, e.States, runs[i]})
		}
		return nil
	}
	fmt.Print(s.Histogram(f.Name))
	for i, e := range s.Ends {
		if runs[i] != "" {
			fmt.Printf("Witness %s\n    --run %s\n", e.Values, runs[i])
		}
	}
	if !s.Complete {
		fmt.Printf("not exhaustive: stopped at %d states\n", s.States)
	}
	return nil
}
