package main

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"gupscope/core/check"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
)

// An effort is how checks are made, and at which bounds they stop.
type effort struct {
	States  uint64        `help:"Stop a check at so many states." placeholder:"N"`
	Memory  size          `help:"Stop a check that takes so much memory: 512M, 4G." placeholder:"SIZE"`
	Time    time.Duration `help:"Stop a check after so long: 30s, 5m. For the shortest runs to what it found until then, it takes up to as long again." placeholder:"TIME"`
	Jobs    int           `short:"j" help:"Use so many cores. Without it, all there are." placeholder:"N"`
	Reduced bool          `help:"Leave out orders of steps in which nothing differs: fewer states are kept, and each costs more. For what takes too much memory. One core a check." xor:"proof"`
	Exact   bool          `xor:"proof" help:"Keep whole states instead of fingerprints: no state can be overlooked. Slower, one core a check, and several times the memory."`
}

// cores is how many cores are used.
func (e *effort) cores() int {
	if e.Jobs > 0 {
		return e.Jobs
	}
	return runtime.GOMAXPROCS(0)
}

// check begins the check of one of so many questions, on its share of the cores.
// The error says why the scenario is n/a on the kernel.
func (e *effort) check(q *question, questions int) (*verdict.Check, check.Limits, error) {
	limits := verdict.DefaultLimits
	if q.expect != nil {
		limits = verdict.Limits(q.expect)
	}
	if e.States > 0 {
		limits.States = e.States
	}
	if e.Memory > 0 {
		limits.Bytes = uint64(e.Memory)
	}
	var ck *verdict.Check
	var ds []scenario.Diagnostic
	switch {
	case e.Reduced:
		ck, ds = verdict.Reduced(q.f, q.k, q.judge(), limits)
	case e.Exact:
		ck, ds = verdict.Exact(q.f, q.k, q.judge(), limits)
	default:
		ck, ds = verdict.Parallel(q.f, q.k, q.judge(), limits, max(1, e.cores()/questions))
	}
	if ck == nil {
		return nil, limits, errors.New(ds[0].Message)
	}
	return ck, limits, nil
}

// A stop is the bound at which a check was stopped.
type stop struct {
	bound string // "states", "memory", "time"; "": none
	at    string // "1000 states", "64M of memory", "30s"
	next  string // the option that goes further
}

// prove goes on with a check until it is done or comes to a bound.
func (e *effort) prove(ck *verdict.Check, limits check.Limits, at func(check.Progress)) stop {
	const slice = 1 << 16
	began := time.Now()
	late := func() bool { return e.Time > 0 && time.Since(began) > e.Time }
	p := ck.Run(slice)
	for ; p.Phase < check.Stopped; p = ck.Run(slice) {
		at(p)
		if !late() {
			continue
		}
		s := stop{"time", e.Time.String(), fmt.Sprint("--time ", 4*e.Time)}
		if p.Phase == check.Proving {
			e.shorten(ck, limits)
		}
		return s
	}
	switch {
	case p.Phase == check.Done:
		return stop{}
	case limits.States > 0 && p.States >= limits.States:
		return stop{"states", fmt.Sprint(limits.States, " states"), fmt.Sprint("--states ", 4*limits.States)}
	}
	return stop{"memory", size(limits.Bytes).String() + " of memory", "--memory " + size(4*limits.Bytes).String()}
}

// shorten stops a proof where it is, and looks for the shortest runs to what it
// has found, as long as the proof could take.
func (e *effort) shorten(ck *verdict.Check, limits check.Limits) {
	ck.Limit(check.Limits{States: 1}) // which any proof has reached
	p := ck.Run(1)
	for p.Phase == check.Proving {
		p = ck.Run(1)
	}
	if p.Phase != check.Shortening {
		return
	}
	ck.Limit(limits)
	for began := time.Now(); p.Phase == check.Shortening && time.Since(began) < e.Time; {
		p = ck.Run(1 << 16)
	}
}

// says is what is printed of a check that was stopped.
func (s *stop) says(o *verdict.Outcome) string {
	if o.Verdict != check.Unknown {
		return fmt.Sprintf("the search for the shortest runs was stopped at its bound of %s; %s goes further", s.at, s.next)
	}
	return fmt.Sprintf("stopped at its bound of %s: of what lies beyond nothing is known; %s goes further", s.at, s.next)
}

// A size is a number of bytes, as people write it.
type size uint64

var units = []string{"", "K", "M", "G", "T"}

func (s *size) UnmarshalText(text []byte) error {
	number := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(string(text)), "B"), "I")
	for i := len(units) - 1; i >= 0; i-- {
		if n, err := strconv.ParseFloat(strings.TrimSuffix(number, units[i]), 64); err == nil && strings.HasSuffix(number, units[i]) && n > 0 {
			*s = size(n * float64(uint64(1)<<(10*i)))
			return nil
		}
	}
	return fmt.Errorf("%q is no size: write 512M or 4G", text)
}

func (s size) String() string {
	unit := 0
	for s >= 1024 && s%1024 == 0 && unit < len(units)-1 {
		s /= 1024
		unit++
	}
	return fmt.Sprint(uint64(s), units[unit])
}
