package main

import (
	"fmt"
	"os"
	"slices"

	"gupscope/core/kernel"
	"gupscope/core/replay"
	"gupscope/core/scenario"
)

// replayCommand is "gupscope replay FILE --kernel v6.12.117".
type replayCommand struct {
	File     string   `arg:"" help:"Programs with what a real kernel did, one JSON object per line, plain or compressed with gzip."`
	Kernel   string   `required:"" help:"The kernel that the model replays them on." placeholder:"KERNEL"`
	ID       []string `help:"Only the program of this name. May be given several times." placeholder:"ID"`
	By       string   `enum:",family,op" default:"" help:"Print a table as well: by the family of the programs, or by the operation that differs first (family, op)." placeholder:"WHAT"`
	Scenario string   `help:"Print the program of this name as a scenario, where the language can say it." placeholder:"ID"`
	JSON     bool     `name:"json" help:"Print one JSON object."`
}

// Run replays the programs, and prints the first difference of each and the counts.
func (c *replayCommand) Run() error {
	k, err := kernelOf(nil, c.Kernel)
	if err != nil {
		return err
	}
	if c.Scenario != "" {
		c.ID = []string{c.Scenario}
	}
	programs, err := c.programs()
	if err != nil {
		return err
	}
	c.warn(programs, k)
	if c.Scenario != "" {
		text, err := replay.Scenario(programs[0], k)
		if err != nil {
			return fmt.Errorf("%s cannot be written as a scenario: %w", c.Scenario, err)
		}
		fmt.Print(scenario.Format(text))
		return nil
	}
	scores := replay.JudgeAll(programs, replay.Replaying(k), replay.Excluded)
	var total replay.Total
	var table replay.Breakdown
	for i, s := range scores {
		total.Add(s)
		if c.By == "family" {
			table.ByFamily(programs[i], s)
		} else {
			table.ByOperation(programs[i], s)
		}
	}
	if c.JSON {
		err = total.WriteJSON(os.Stdout)
	} else {
		for _, d := range total.Firsts {
			if c.By == "" {
				fmt.Println(d)
			}
		}
		if c.By != "" {
			table.Write(os.Stdout)
		}
		total.WriteSummary(os.Stdout)
	}
	if err == nil && total.Differing > 0 {
		err = errFailed
	}
	return err
}

// warn says so if the programs ran on another kernel than the model is to be: what the two do
// differently will be counted as differences of the model.
func (c *replayCommand) warn(programs []*replay.Program, k kernel.Kernel) {
	for _, p := range programs {
		if !p.RanOn(k.Version) {
			fmt.Fprintf(os.Stderr, "gupscope: warning: %s has programs that ran on %s, and --kernel is %s: what these kernels do differently is counted as differing\n", c.File, p.Kernel, c.Kernel)
			return
		}
	}
}

// programs reads those that are asked for.
func (c *replayCommand) programs() ([]*replay.Program, error) {
	f, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []*replay.Program
	var found []string
	for p, err := range replay.Programs(f) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.File, err)
		}
		if c.ID == nil || slices.Contains(c.ID, p.ID) {
			all, found = append(all, p), append(found, p.ID)
		}
	}
	for _, id := range c.ID {
		if !slices.Contains(found, id) {
			return nil, fmt.Errorf("%s has no program %s", c.File, id)
		}
	}
	return all, nil
}
