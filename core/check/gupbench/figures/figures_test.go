//go:build !js

package main

import (
	"bytes"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/scenario"
)

// The scenarios are about as large as they are there for. (How large exactly, the
// next mechanism that the kernel learns may change.)
func TestRaces(t *testing.T) {
	all, err := subjects()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		verdict check.Verdict
		states  uint64
	}{
		"gup-fast-vs-reclaim":       {check.Sometimes, 40_000},
		"gup-fast-vs-async-reclaim": {check.Never, 100_000},
		"two-gup-fast-vs-munmap":    {check.Never, 1_000_000},
	}
	found := 0
	for _, s := range all {
		w, ok := want[s.name]
		if !ok {
			continue
		}
		found++
		if testing.Short() && w.states >= 1_000_000 {
			continue
		}
		f := once(s, unreduced, 2)
		if f.Verdict != w.verdict.String() || f.States < w.states/2 || f.States > 2*w.states {
			t.Errorf("%s on %s: got %s, %d states, want %v, about %d", s.name, s.kernel, f.Verdict, f.States, w.verdict, w.states)
		}
	}
	if found != len(want) {
		t.Errorf("%d of the %d scenarios are measured", found, len(want))
	}
}

// Bystanders take no part.
func TestCrowds(t *testing.T) {
	file, ds := scenario.Parse("race", []byte(race))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	setup, _ := file.ForKernel(file.Kernel)
	var alone check.Result
	cells := 0
	for i, b := range crowds {
		m := claim.New(crowd(setup, b), file.Kernel)
		c := check.New(m, check.Limits{})
		for c.Run(1<<16).Phase < check.Stopped {
		}
		r := c.Result()
		if i == 0 {
			alone = r
		}
		if r.Verdict != alone.Verdict || r.States != alone.States || r.Transitions != alone.Transitions {
			t.Errorf("%+v: got %v, %d transitions, alone %v, %d", b, r, r.Transitions, alone, alone.Transitions)
		}
		if n := m.Memory().Layout().Len(); n <= cells {
			t.Errorf("%+v: %d cells, and %d before", b, n, cells)
		} else {
			cells = n
		}
	}
	if cells < 5000 {
		t.Errorf("the largest machine has %d cells, want 5000", cells)
	}
}

// What is made of figures that are given.
func TestTable(t *testing.T) {
	figures := []figure{
		{Measure: "M1", Search: unreduced, Where: "native-1", Clock: "cpu", Verdict: "Never", States: 2_000_000, Transitions: 10_000_000, Seconds: 1, Proof: 1, BytesPerState: 31},
		{Measure: "M1", Search: unreduced, Where: "native-2", Clock: "wall", Verdict: "Never", States: 2_000_000, Transitions: 10_000_000, Seconds: 0.5, Proof: 0.5, BytesPerState: 30},
		{Measure: "M1", Search: unreduced, Where: "wasm-chromium", Clock: "wall", Verdict: unfinished, States: 1_000_000, Transitions: 5_000_000, Seconds: 30, Proof: 30},
		{Measure: "M1", Search: unreduced, Where: "spin", Clock: "cpu", Verdict: "Never", States: 2_000_000, Transitions: 10_000_001, Seconds: 3, Proof: 3},
		{Measure: growth, Search: unreduced, Where: "native-1", Cells: 300, Transitions: 100, Proof: 1e-5},
		{Measure: growth, Search: unreduced, Where: "native-1", Cells: 5000, Transitions: 100, Proof: 1.5e-5},
	}
	for i := range figures {
		figures[i].pace()
	}
	compare(figures)
	var out bytes.Buffer
	printTable(&out, figures)
	printGrowth(&out, figures)
	printGoals(&out, judge(figures))
	want := `
M1, unreduced
                    verdict   states  transitions     to verdict  states/s  transitions/s  bytes/state  x Spin  x one core
       native-1       Never  2000000     10000000    1.000 s cpu   2000000       10000000         31.0    3.00           -
       native-2       Never  2000000     10000000   0.500 s wall   4000000       20000000         30.0    6.00        2.00
  wasm-chromium  unfinished  1000000      5000000  30.000 s wall     33333         166667          0.0    0.05           -
           spin       Never  2000000     10000001    3.000 s cpu    666667        3333334          0.0    1.00           -

The same race in ever larger machines:
  cells  states  transitions  ns/transition
    300       0          100            100
   5000       0          100            150

Goals:
met     2.00   native on two cores: 1.8 times as fast as on one                   M1
met     3.00   native on one core: twice Spin, unreduced                          M1
missed  31.00  at most 30 bytes per state, of a million and more, native-1        M1
met     30.00  at most 30 bytes per state, of a million and more, native-2        M1
missed  0.05   WASM in Chromium: as fast as Spin native, unreduced                M1
missed  1.50   a step costs the same within a quarter, however large the machine  growth
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.TrimPrefix(want, "\n"))
	}
}
