//go:build !js

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"gupscope/core/check/gupbench"
)

// compare holds every figure against Spin's search of the same kind on the same
// model, and several cores against one. Unreduced, both make the same transitions, and
// how many a second is compared; reduced, the time to the verdict.
func compare(figures []figure) {
	for i := range figures {
		f := &figures[i]
		for _, s := range figures {
			if s.Measure != f.Measure || s.Search != f.Search {
				continue
			}
			switch {
			case s.Where == "spin":
				f.TimesSpin = f.TransitionsPerSecond / s.TransitionsPerSecond
			case s.Where == "spin-best" && f.finished():
				f.TimesSpin = s.Seconds / f.Seconds
			case s.Where == "native-1" && f.Where == "native-2":
				f.TimesOneCore = f.TransitionsPerSecond / s.TransitionsPerSecond
			}
		}
	}
}

func printTable(w io.Writer, figures []figure) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	last := ""
	for _, search := range []string{unreduced, reduced} {
		for _, f := range inOrder(figures) {
			if f.Measure == growth || f.Search != search {
				continue
			}
			if head := f.Measure + search; head != last {
				last = head
				t.Flush()
				fmt.Fprintf(w, "\n%s", f.Measure)
				if f.Kernel != "" {
					fmt.Fprintf(w, " on %s", f.Kernel)
				}
				fmt.Fprintf(w, ", %s\n", search)
				fmt.Fprintln(t, "\tverdict\tstates\ttransitions\tto verdict\tstates/s\ttransitions/s\tbytes/state\tx Spin\tx one core\t")
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.3f s %s\t%.0f\t%.0f\t%.1f\t%s\t%s\t\n", f.Where, f.Verdict, f.States, f.Transitions, f.Seconds, f.Clock,
				f.StatesPerSecond, f.TransitionsPerSecond, f.BytesPerState, times(f.TimesSpin), times(f.TimesOneCore))
		}
	}
	t.Flush()
}

func times(x float64) string {
	if x == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", x)
}

// inOrder returns the figures grouped by what was measured, as it came first.
func inOrder(figures []figure) []figure {
	var out []figure
	done := map[string]bool{}
	for _, first := range figures {
		if done[first.Measure] {
			continue
		}
		done[first.Measure] = true
		for _, f := range figures {
			if f.Measure == first.Measure {
				out = append(out, f)
			}
		}
	}
	return out
}

func printGrowth(w io.Writer, figures []figure) {
	fmt.Fprintln(w, "\nThe same race in ever larger machines:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "cells\tstates\ttransitions\tns/transition\t")
	for _, f := range figures {
		if f.Measure == growth {
			fmt.Fprintf(t, "%d\t%d\t%d\t%.0f\t\n", f.Cells, f.States, f.Transitions, 1e9/f.TransitionsPerSecond)
		}
	}
	t.Flush()
}

// A goal is what the figures should show.
type goal struct {
	Goal  string  `json:"goal"`
	Of    string  `json:"of"`
	Value float64 `json:"value"`
	Met   bool    `json:"met"`
}

// judge says of every goal whether these figures meet it.
func judge(figures []figure) []goal {
	var out []goal
	for _, f := range figures {
		if f.Where == "native-2" && f.TimesSpin != 0 {
			out = append(out, goal{"native on two cores: 1.8 times as fast as on one", f.Measure, f.TimesOneCore, f.TimesOneCore >= 1.8})
		}
	}
	fastest, slowest := math.Inf(1), 0.0
	for _, f := range figures {
		say := func(text string, value float64, met bool) { out = append(out, goal{text, f.Measure, value, met}) }
		switch {
		case f.Measure == growth:
			fastest, slowest = min(fastest, 1/f.TransitionsPerSecond), max(slowest, 1/f.TransitionsPerSecond)
		case f.Where == "native-1" && f.Search == unreduced && f.TimesSpin != 0:
			say("native on one core: twice Spin, unreduced", f.TimesSpin, f.TimesSpin >= 2)
			fallthrough
		case (f.Where == "native-1" || f.Where == "native-2") && f.Search == unreduced && f.States >= 1_000_000:
			say("at most 30 bytes per state, of a million and more, "+f.Where, f.BytesPerState, f.BytesPerState <= 30)
		case f.Where == "native-1" && f.TimesSpin != 0:
			if loops(f.Measure) {
				say("native on one core, reduced: no later than Spin at its best, where tasks loop", f.TimesSpin, f.TimesSpin >= 1)
			} else {
				say("native on one core, reduced: ten times sooner than Spin at its best", f.TimesSpin, f.TimesSpin >= 10)
			}
		case f.Where == "wasm-chromium" && f.Search == unreduced && f.TimesSpin != 0:
			say("WASM in Chromium: as fast as Spin native, unreduced", f.TimesSpin, f.TimesSpin >= 1)
		}
	}
	return append(out, goal{"a step costs the same within a quarter, however large the machine", growth, slowest / fastest, slowest <= 1.25*fastest})
}

// loops reports whether a measure is an instance of the yardstick in which tasks run for ever.
func loops(measure string) bool {
	return slices.ContainsFunc(gupbench.Instances, func(in gupbench.Instance) bool { return in.Name == measure && in.Loop })
}

func printGoals(w io.Writer, goals []goal) {
	fmt.Fprintln(w, "\nGoals:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range goals {
		met := map[bool]string{true: "met", false: "missed"}[g.Met]
		fmt.Fprintf(t, "%s\t%.2f\t%s\t%s\n", met, g.Value, g.Goal, g.Of)
	}
	t.Flush()
}
