package verdict

import (
	"maps"
	"reflect"
	"sync/atomic"
	"testing"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// An agreement is of all ways to prove a scenario on a kernel. One worker that keeps fingerprints is what
// everybody uses; by several workers, with whole states, and reduced, what is found is the same, and so is it for
// the explorer that is too slow and too simple to be wrong. That takes seconds where the first takes one: it is asked in up to 40,000
// states on the kernel that a scenario names itself, in up to 2,000 on all others.
type agreement struct {
	own, exhausted atomic.Int64 // scenarios on the kernel that they name themselves, and those that were small enough for that one
}

// hold holds what one worker has found, judging the claims of an expect line, against the others.
func (a *agreement) hold(t *testing.T, f *scenario.File, e *scenario.Expect, k kernel.Kernel, o Outcome) {
	want, own := o.Result, e.Judge == nil && k.String() == f.Kernel.String()
	if own {
		a.own.Add(1)
	}
	if want.Verdict == check.Unknown || testing.Short() && want.States > 10_000 {
		return
	}
	same := func(how string, got check.Result) {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("line %d, %v, %s: got %#v, want %#v", e.Line, k, how, got, want)
		}
	}

	if e.Judge == nil { // what is judged makes no difference to how states are kept
		got := finish(t, k)(Parallel(f, k, nil, check.Limits{}, 3)).Result
		got.Depth = want.Depth // of which worker?
		same("by several workers", got)

		got = finish(t, k)(Exact(f, k, nil, check.Limits{})).Result
		if !got.Exact {
			t.Errorf("line %d, %v: the result does not say that whole states were compared", e.Line, k)
		}
		got.Exact = false
		same("with whole states", got)
	}

	got := finish(t, k)(Reduced(f, k, e.Judge, check.Limits{})).Result
	t.Logf("line %d, %v: %d of %d states when reduced, %d of %d transitions", e.Line, k, got.States, want.States, got.Transitions, want.Transitions)
	got.States, got.Transitions, got.Depth = want.States, want.Transitions, want.Depth // its own
	same("reduced", got)

	for _, b := range want.Claims {
		if !b.Shortest {
			t.Errorf("line %d, %v: the run to %s is not the shortest", e.Line, k, b.Claim)
		}
	}
	if !testing.Short() && (want.States <= 2_000 || own && want.States <= 40_000) {
		exhaust(t, f, e, k, want)
		if own {
			a.exhausted.Add(1)
		}
	}
}

// exhaust holds a result against the slow explorer.
func exhaust(t *testing.T, f *scenario.File, e *scenario.Expect, k kernel.Kernel, got check.Result) {
	m, _, ds := Model(f, k, e.Judge)
	if m == nil {
		t.Fatal(ds)
	}
	want := check.Exhaust(m)
	if got.States != want.States || got.Transitions != want.Transitions {
		t.Errorf("line %d, %v: got %d states, %d transitions, want %d, %d", e.Line, k, got.States, got.Transitions, want.States, want.Transitions)
	}
	shortest := map[string]int{}
	for _, b := range got.Claims {
		shortest[b.Claim] = len(b.Run) - b.Cycle // a livelock begins with its cycle
	}
	if !maps.Equal(shortest, want.Shortest) {
		t.Errorf("line %d, %v: got the shortest runs %v, want %v", e.Line, k, shortest, want.Shortest)
	}
}

// enough reports it if too few of all scenarios are small enough for the slow explorer to tell anything.
func (a *agreement) enough(t *testing.T) {
	if own, n := a.own.Load(), a.exhausted.Load(); int(own) == len(scenarioFiles(t)) && !testing.Short() && n < own*2/3 {
		t.Errorf("only %d of %d scenarios are small enough", n, own)
	}
}

// proved runs a check to its end.
func proved(c *check.Check) check.Result {
	for c.Run(1<<14).Phase < check.Stopped {
	}
	return c.Result()
}
