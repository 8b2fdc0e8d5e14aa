package main

import (
	"fmt"
	"os"
	"strings"

	"gupscope/core/check"
	"gupscope/core/verdict"
)

// walkCommand is "gupscope walk FILE --seed N".
type walkCommand struct {
	File   string `arg:"" help:"A scenario, or its name in the gallery."`
	Kernel string `help:"The kernel to run on, instead of the scenario's." placeholder:"KERNEL"`
	Seed   uint64 `help:"Where the dice begin: the same seed makes the same runs." default:"1" placeholder:"N"`
	Steps  uint64 `help:"How many steps to make, over all runs." default:"10000000" placeholder:"N"`
	Until  string `help:"Stop when this claim breaks, rather than any." placeholder:"CLAIM"`
}

// Run makes random runs and prints what they break.
func (c *walkCommand) Run() error {
	f, k, err := open(c.File, c.Kernel)
	if err != nil {
		return err
	}
	m, _, ds := verdict.Model(f, k, nil)
	if m == nil {
		complain(ds)
		return fmt.Errorf("%s is n/a on %v", f.Name, k)
	}
	if names := append(m.Claims(), check.NoDeadlock); c.Until != "" && !has(names, c.Until) {
		return fmt.Errorf("--until %s: this is not judged here; there are %s", c.Until, strings.Join(names, ", "))
	}
	if c.Steps == 0 {
		return fmt.Errorf("--steps 0: a walk makes a step at least")
	}
	w := verdict.NewWalk(m, c.Seed)
	found := w.Go(c.Steps, c.Until)
	fmt.Printf("%s on %v: not exhaustive: %d random runs, %d steps, seed %d; %d came to their end\n", f.Name, k, w.Runs, w.Steps, w.Seed, w.Ends)
	for _, b := range w.Found {
		r, err := play(f, k, b.Run)
		if err != nil {
			return err
		}
		fmt.Printf("\n%s: %d steps, %d switches, not the shortest\n--run %s\n\n", b.Claim, len(b.Run), b.Switches, r)
		explained(os.Stdout, r, b.Claim)
	}
	if found {
		return errFailed
	}
	more := ""
	if len(w.Found) > 0 {
		more = " more"
	}
	fmt.Printf("nothing%s was found; that proves nothing: gupscope check sees every run\n", more)
	return nil
}

func has(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
