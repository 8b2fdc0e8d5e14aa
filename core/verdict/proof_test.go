package verdict

import (
	"flag"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

var deep = flag.Bool("deep", false, "hold the ways to prove a scenario against each other in four times as many states")

// An agreement is of all ways to prove a scenario on a kernel. One worker that keeps fingerprints is what
// everybody uses; by several workers, with whole states, and reduced, what is found is the same, and so is it for
// the explorer that is too slow and too simple to be wrong. That takes seconds where the first takes one, so there are bounds (see within).
//
// On its own kernel, a scenario is asked in more states than on others: a rule has its step in one of them, with the same declared effects as in the rest. What
// workers share, and how whole states are kept, knows nothing of kernels, and 5,000 states fill more than one segment.
//
// Where a huge page has 512 pages, a state has 30,000 cells, sixty times as many as elsewhere, and each way takes as much longer: there, all of this is asked
// in so many states less, on the scenario's own kernel, too.
//
// Shortest runs are searched for when the proof is over, by the same code however it was made. They are compared where the slow explorer
// looks, too, who knows how long they are; elsewhere what the proofs have found.
type agreement struct {
	own, exhausted atomic.Int64 // scenarios on the kernel that they name themselves, and those that were small enough for that one
}

// agreed are the results of one scenario on which all ways have agreed, by what is known of the model. Kernels may differ in what a scenario never
// comes to: where the hashes of random runs are those of another kernel, step by step (testdata/hashes.txt), and the first proof has made as
// many steps and gone as deep, and found the same runs, it is the same model, and there is nothing else for the other ways to prove.
type agreed map[string]check.Result

// hold holds what one worker has found, judging the claims of an expect line, against the others.
func (a *agreement) hold(t *testing.T, f *scenario.File, e *scenario.Expect, k kernel.Kernel, o Outcome, before agreed) {
	want, own := o.Result, e.Judge == nil && k.String() == f.Kernel.String()
	if own {
		a.own.Add(1)
	}
	if want.Verdict == check.Unknown || testing.Short() && want.States > 10_000 {
		return
	}
	for _, b := range want.Claims {
		if !b.Shortest {
			t.Errorf("line %d, %v: the run to %s is not the shortest", e.Line, k, b.Claim)
		}
	}
	model := fmt.Sprintf("%s, judging %q of %t", hashesOf(f, k), e.Judge, e.Judge == nil)
	if !own && reflect.DeepEqual(before[model], want) {
		return
	}
	before[model] = want

	within := func(most, mostOfOwn uint64) bool {
		if *deep {
			most, mostOfOwn = 4*most, 4*mostOfOwn
		}
		if cells := cellsOf(t, f, k, e); cells > 10_000 {
			most, mostOfOwn = most/60, min(mostOfOwn, 40_000)/60
		}
		return want.States <= most || own && want.States <= mostOfOwn
	}
	small := within(1_000, 10_000)
	same := func(how string, got check.Result) {
		want := want
		if !small {
			got.Claims, want.Claims = namesOnly(got.Claims), namesOnly(want.Claims)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("line %d, %v, %s: got %#v, want %#v", e.Line, k, how, got, want)
		}
	}
	prove := func(c *Check, ds []scenario.Diagnostic) check.Result {
		if small {
			return finish(t, k)(c, ds).Result
		}
		return proof(t, c, ds)
	}

	if e.Judge == nil && within(2_000, 100_000) { // what is judged makes no difference to how states are kept
		got := prove(Parallel(f, k, nil, check.Limits{}, 3))
		got.Depth = want.Depth // of which worker?
		same("by several workers", got)

		got = prove(Exact(f, k, nil, check.Limits{}))
		if !got.Exact {
			t.Errorf("line %d, %v: the result does not say that whole states were compared", e.Line, k)
		}
		got.Exact = false
		same("with whole states", got)
	}
	if within(5_000, 100_000) {
		got := prove(Reduced(f, k, e.Judge, check.Limits{}))
		t.Logf("line %d, %v: %d of %d states when reduced, %d of %d transitions", e.Line, k, got.States, want.States, got.Transitions, want.Transitions)
		got.States, got.Transitions, got.Depth = want.States, want.Transitions, want.Depth // its own
		same("reduced", got)
	}
	if small && !testing.Short() {
		exhaust(t, f, e, k, want)
		if own {
			a.exhausted.Add(1)
		}
	}
}

// cellsOf returns how many cells a state has.
func cellsOf(t *testing.T, f *scenario.File, k kernel.Kernel, e *scenario.Expect) int {
	m, _, ds := Model(f, k, e.Judge)
	if m == nil {
		t.Fatal(ds)
	}
	return m.Memory().Layout().Len()
}

// proof runs a check until all states were seen, and leaves it there.
func proof(t *testing.T, c *Check, ds []scenario.Diagnostic) check.Result {
	t.Helper()
	if c == nil {
		t.Fatal(ds)
	}
	for c.Run(1<<20).Phase == check.Proving {
	}
	return c.Outcome().Result
}

// namesOnly leaves out the runs, which are any as long as nobody has looked for the shortest.
func namesOnly(all []check.Broken) []check.Broken {
	var out []check.Broken
	for _, b := range all {
		out = append(out, check.Broken{Claim: b.Claim})
	}
	return out
}

// hashesOf is what testdata/hashes.txt says of a scenario on a kernel; of one that is not on record, the kernel.
func hashesOf(f *scenario.File, k kernel.Kernel) string {
	if _, line, there := strings.Cut("\n"+recorded, fmt.Sprintf("\n%s | %v | ", f.Name, k)); there {
		line, _, _ = strings.Cut(line, "\n")
		return line
	}
	return k.String()
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
