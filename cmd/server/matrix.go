package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

// matrixCommand is "gupscope matrix [FILE|DIR…]".
type matrixCommand struct {
	Paths   []string `arg:"" optional:"" name:"file" help:"Scenarios, folders of them, or names of the gallery; all of the gallery if none is named."`
	Kernels []string `help:"The columns, instead of every release." sep:"," placeholder:"KERNEL,…" xor:"columns"`
	Flush   bool     `help:"Every release with every way to flush TLBs: three columns each, and four times the time." xor:"columns"`
	States  uint64   `help:"Look at so many states of each at most, not 3,000,000." placeholder:"N"`
	JSON    bool     `name:"json" help:"Print one JSON object per scenario, kernel and line."`
}

// cellJSON is what --json prints of one cell of the table.
type cellJSON struct {
	File    string   `json:"file"`
	Kernel  string   `json:"kernel"`
	Verdict string   `json:"verdict"`
	Claims  []string `json:"claims"`
	States  uint64   `json:"states"`
}

// Run checks every scenario on every kernel and prints the table, row by row.
func (c *matrixCommand) Run() error {
	questions, kernels, err := c.questions()
	if err != nil {
		return err
	}
	if !c.JSON {
		for i, k := range kernels {
			fmt.Printf("%c  %v\n", columnName(i), k)
		}
		fmt.Println()
	}
	bar := newProgress(len(questions))
	var broken []string // of the row, with the columns in which they break
	columns := map[string]string{}
	limits := verdict.CellLimits
	if c.States > 0 {
		limits.States = c.States
	}
	inOrder(len(questions), runtime.GOMAXPROCS(0), func(i int) verdict.Trial {
		t := verdict.Trial{Kernel: questions[i].k}
		t.Run(questions[i].f, nil, limits)
		bar.at(i, check.Progress{States: t.Outcome.States})
		bar.finished(i)
		return t
	}, func(i int, t verdict.Trial) bool {
		bar.clear()
		if c.JSON {
			x := trialOf(&t)
			json.NewEncoder(os.Stdout).Encode(cellJSON{questions[i].file, x.Kernel, x.Verdict, x.Claims, t.Outcome.States})
			return true
		}
		col := i % len(kernels)
		if col == 0 {
			fmt.Printf("%-32s", strings.TrimSuffix(questions[i].f.Name, ".gup"))
			broken, columns = nil, map[string]string{}
		}
		fmt.Printf(" %c", mark(&t))
		for _, name := range t.Outcome.Names() {
			if columns[name] == "" {
				broken = append(broken, name)
			}
			columns[name] += string(columnName(col))
		}
		if col == len(kernels)-1 {
			fmt.Println()
			for _, name := range broken {
				fmt.Printf("    %s: %s\n", name, columns[name])
			}
		}
		return true
	})
	if !c.JSON {
		fmt.Println("\n.  Never   X  Sometimes   ?  stopped at its limit   -  n/a")
	}
	return nil
}

// questions lists the cells, and the kernels of the columns.
func (c *matrixCommand) questions() ([]question, []kernel.Kernel, error) {
	var kernels []kernel.Kernel
	switch {
	case c.Flush:
		kernels = kernel.EveryFlush()
	case c.Kernels == nil:
		kernels = kernel.Releases()
	}
	for _, spec := range c.Kernels {
		k, err := kernelOf(nil, spec)
		if err != nil {
			return nil, nil, err
		}
		kernels = append(kernels, k)
	}
	paths := c.Paths
	if paths == nil {
		for _, s := range scenarios.List() {
			paths = append(paths, s.Name)
		}
	}
	all, err := sources(paths)
	if err != nil {
		return nil, nil, err
	}
	var out []question
	for _, src := range all {
		f, err := parse(src)
		if err != nil {
			return nil, nil, err
		}
		for _, k := range kernels {
			out = append(out, question{file: src.name, f: f, k: k})
		}
	}
	return out, kernels, nil
}

// columnName is a letter for a column, as far as there are letters.
func columnName(i int) rune {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return rune(letters[i%len(letters)])
}

func mark(t *verdict.Trial) rune {
	switch {
	case t.NA != "":
		return '-'
	case t.Passes():
		return '.'
	case t.Outcome.Verdict == check.Unknown && len(t.Outcome.Broken) == 0:
		return '?'
	}
	return 'X'
}
