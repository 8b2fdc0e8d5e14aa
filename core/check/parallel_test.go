package check_test

import (
	"fmt"
	"runtime"
	"testing"

	"gupscope/core/check"
)

// several returns so many instances of a model.
func several[M check.Model](n int, instance func() M) []check.Model {
	var out []check.Model
	for range n {
		out = append(out, instance())
	}
	return out
}

// notInABrowser skips a test of several workers where there is one thread, and
// never more than one worker.
func notInABrowser(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "js" {
		t.Skip("one worker proves in a browser")
	}
}

// TestParallelAgrees holds several workers against one: counts, verdict and
// counterexamples. The more variables, the more states there are to share.
func TestParallelAgrees(t *testing.T) {
	notInABrowser(t)
	for number := range genModels {
		instance := func() *generated { return generateOver(number, genVars+4*(number%3)) }
		t.Run(fmt.Sprint("model ", number), func(t *testing.T) {
			want := finish(check.New(instance(), check.Limits{}), 1<<20)
			ms := several(2+number%3, instance)
			got := finish(check.Parallel(ms, check.Limits{}), 100+number)
			got.Depth = want.Depth
			if fmt.Sprint(got) != fmt.Sprint(want) || got.Transitions != want.Transitions {
				t.Errorf("got %+v, want %+v", got, want)
			}
			for i, m := range ms {
				if m.Memory().Mark() != 0 {
					t.Errorf("worker %d leaves %d stores to be undone", i, m.Memory().Mark())
				}
			}
		})
	}
}

// classics are models large enough for their tables to grow.
var classics = []struct {
	name     string
	instance func() check.Model
}{
	{"two-phase commit", func() check.Model { return newTwoPhase(7) }},
	{"philosophers", func() check.Model { return newPhilosophers(9, -1) }},
	{"left-handed philosopher", func() check.Model { return newPhilosophers(9, 4) }},
	{"increment", func() check.Model { return newIncrement(7) }},
	{"Peterson", func() check.Model { return newPeterson(true) }},
}

func TestParallelAgreesOnClassics(t *testing.T) {
	notInABrowser(t)
	for _, c := range classics {
		t.Run(c.name, func(t *testing.T) {
			want := finish(check.New(c.instance(), check.Limits{}), 1<<20)
			for workers := 2; workers <= 5; workers++ {
				if testing.Short() && workers%2 == 0 {
					continue
				}
				got := finish(check.Parallel(several(workers, c.instance), check.Limits{}), 10_000)
				got.Depth = want.Depth
				if fmt.Sprint(got) != fmt.Sprint(want) || got.Transitions != want.Transitions {
					t.Errorf("%d workers: got %+v, want %+v", workers, got, want)
				}
			}
		})
	}
}

// However often a parallel proof is stopped, it counts every state once, and ends as if it had not been.
func TestParallelGoesOnWhenLimitsAreRaised(t *testing.T) {
	notInABrowser(t)
	instance := func() *philosophers { return newPhilosophers(7, -1) }
	want := finish(check.New(instance(), check.Limits{}), 1<<20)
	for workers := 2; workers <= 4; workers++ {
		ms := several(workers, instance)
		c := check.Parallel(ms, check.Limits{States: 1})
		for limit := uint64(1); ; limit += 1 + want.States/7 {
			c.Limit(check.Limits{States: limit})
			got := finish(c, 300)
			if got.States != min(limit, want.States) {
				t.Fatalf("%d workers: got %d states with a limit of %d", workers, got.States, limit)
			}
			for _, m := range ms {
				if m.Memory().Mark() != 0 {
					t.Fatalf("stopped with %d stores to be undone", m.Memory().Mark())
				}
			}
			if c.Run(1).Phase == check.Done {
				got.Depth = want.Depth
				if fmt.Sprint(got) != fmt.Sprint(want) || got.Transitions != want.Transitions {
					t.Errorf("%d workers: got %+v, want %+v", workers, got, want)
				}
				break
			}
		}
	}
}

func TestParallelStopsAtBytes(t *testing.T) {
	notInABrowser(t)
	if testing.Short() {
		t.Skip("makes the same proof many times")
	}
	instance := func() *twoPhase { return newTwoPhase(7) }
	all := finish(check.New(instance(), check.Limits{}), 1<<20)
	for limit := uint64(1 << 20); ; limit += 1 << 20 {
		c := check.Parallel(several(3, instance), check.Limits{Bytes: limit})
		r := finish(c, 1<<14)
		if p := c.Run(1); p.Phase == check.Done {
			if r.States != all.States || limit == 1<<20 {
				t.Errorf("with %d bytes: got %v, want %v", limit, r, all)
			}
			return
		} else if p.Bytes > limit+limit/8 { // segments come a sixteenth at a time
			t.Errorf("got %d bytes with a limit of %d", p.Bytes, limit)
		}
		c.Limit(check.Limits{})
		if r = finish(c, 1<<14); r.States != all.States || r.Transitions != all.Transitions || r.Verdict != all.Verdict {
			t.Errorf("with %d bytes, then without limit: got %v, want %v", limit, r, all)
		}
	}
}

func TestParallelWantsEqualInstances(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("instances in different states are taken for one model")
		}
	}()
	a, b := newPeterson(false), newPeterson(false)
	b.Do(b.Choices(nil)[0])
	check.Parallel([]check.Model{a, b}, check.Limits{})
}

func ExampleParallel() {
	instances := []check.Model{newPeterson(false), newPeterson(false)}
	c := check.Parallel(instances, check.Limits{})
	for c.Run(1000).Phase != check.Done {
	}
	fmt.Println(c.Result())
	// Output: Never, 32 states
}
