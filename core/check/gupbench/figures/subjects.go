package main

import (
	"embed"
	"fmt"

	"gupscope/core/check"
	"gupscope/core/check/gupbench"
	"gupscope/core/claim"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

// A subject is what is searched: an instance of the yardstick, or a scenario on a kernel.
type subject struct {
	name, kernel string
	model        func() check.Reducible // in its initial state, anew with every call
	spin         *gupbench.Instance     // what Spin searches as well; nil for scenarios
}

// Scenarios that are too large for the gallery.
//
//go:embed *.gup
var large embed.FS

// races are the scenarios that are measured: of some ten thousand states with a
// long counterexample, of a hundred thousand, of a million.
var races = []struct{ name, kernel string }{
	{"gup-fast-vs-reclaim", "v6.12 without gup_pte_recheck with tlb_flush=pv"},
	{"gup-fast-vs-async-reclaim", "v6.12"},
	{"two-gup-fast-vs-munmap", "v6.12 with tlb_flush=pv"},
}

func subjects() ([]subject, error) {
	var all []subject
	for i := range gupbench.Instances {
		in := &gupbench.Instances[i]
		all = append(all, subject{name: in.Name, spin: in, model: func() check.Reducible { return gupbench.New(in.Flags) }})
	}
	for _, r := range races {
		f, err := parse(r.name)
		if err != nil {
			return nil, err
		}
		k, ds := scenario.ParseKernel(r.kernel)
		if scenario.Failed(ds) {
			return nil, fmt.Errorf("%s: %v", r.kernel, ds[0])
		}
		if m, _, ds := verdict.Model(f, k, nil); m == nil {
			return nil, fmt.Errorf("%s on %s: %v", r.name, r.kernel, ds[0])
		}
		all = append(all, subject{name: r.name, kernel: r.kernel, model: func() check.Reducible {
			m, _, _ := verdict.Model(f, k, nil)
			return claim.Reduce(m)
		}})
	}
	return all, nil
}

// parse reads a scenario of this directory or of the gallery.
func parse(name string) (*scenario.File, error) {
	text, err := large.ReadFile(name + ".gup")
	if err != nil {
		s, ok := scenarios.ByName(name)
		if !ok {
			return nil, fmt.Errorf("there is no scenario %s, here or in the gallery", name)
		}
		text = []byte(s.Text)
	}
	f, ds := scenario.Parse(name, text)
	if scenario.Failed(ds) {
		return nil, fmt.Errorf("%v", ds[0])
	}
	return f, nil
}
