package main

import "time"

// A clock is what seconds are counted by.
type clock struct {
	name string
	now  func() time.Duration
}

// cpuTime is the CPU time of this process, the garbage collector's included;
// nil where there is none to be had, as in WASM.
var cpuTime func() time.Duration

var began = time.Now()

// clockFor returns the CPU time for work on one core, because other work on the
// machine disturbs it less; else the time on the wall.
func clockFor(cores int) clock {
	if cores == 1 && cpuTime != nil {
		return clock{"cpu", cpuTime}
	}
	return clock{"wall", func() time.Duration { return time.Since(began) }}
}
