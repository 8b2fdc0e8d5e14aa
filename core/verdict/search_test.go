package verdict

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/scenario"
)

// large has more states than are counted.
const large = "../check/gupbench/figures/two-gup-fast-vs-munmap.gup"

// TestBeyondTheCount goes on reduced where there are too many states, and finds what the whole search finds.
func TestBeyondTheCount(t *testing.T) {
	if testing.Short() {
		t.Skip("has more than a million states")
	}
	text, err := os.ReadFile(large)
	if err != nil {
		t.Fatal(err)
	}
	f, ds := scenario.Parse("large", text)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	c, _ := New(f, f.Kernel, nil, DefaultLimits)
	for c.Run(1<<20).Phase < check.Stopped {
	}
	o := c.Outcome()
	m, _, _ := Model(f, f.Kernel, nil)
	whole := check.New(m, check.Limits{})
	for whole.Run(1<<20).Phase < check.Stopped {
	}
	want := whole.Result()
	if want.States <= Counted {
		t.Fatalf("there are %d states only", want.States)
	}
	if !o.Reduced || o.Verdict != want.Verdict || o.States >= want.States {
		t.Errorf("got %v, %s, the whole search %v", o.String(), o.Count(), want)
	}
	e := scenario.Expect{States: []scenario.Count{{States: int(o.States)}}}
	if ok, why := o.Met(&e, 0); ok {
		t.Error("a reduced count was taken for a whole one")
	} else if want := fmt.Sprintf("it has %d reduced states, not %d states", o.States, o.States); why != want {
		t.Errorf("got %q, want %q", why, want)
	}
	e.States[0].Reduced = true
	if ok, why := o.Met(&e, 0); !ok {
		t.Error(why)
	}
}

// TestWithinTheCount stays with the whole search as long as there is room, and with a bound that was asked for.
func TestWithinTheCount(t *testing.T) {
	f, _ := opened(t, "gup-fast-vs-reclaim", "v6.12")
	for _, states := range []uint64{0, 1000, 2 * Counted} {
		c, _ := New(f, f.Kernel, nil, check.Limits{States: states})
		for c.Run(1<<20).Phase < check.Stopped {
		}
		if o := c.Outcome(); o.Reduced || states == 1000 && (o.States != 1000 || o.Verdict != check.Unknown) {
			t.Errorf("with a limit of %d states got %v, %s", states, o.String(), o.Count())
		}
	}
}

// TestReducedAgrees holds the reduced search against what the scenarios of the gallery expect.
func TestReducedAgrees(t *testing.T) {
	for _, path := range scenarioFiles(t) {
		f := parse(t, path)
		for i := range f.Expects {
			e := &f.Expects[i]
			for _, k := range e.Kernels {
				m, _, ds := Model(f, k, e.Judge)
				if m == nil {
					t.Fatal(ds)
				}
				c := &Check{Check: check.Reduced(claim.Reduce(m), Limits(e)), File: f, Kernel: k, model: m, reduced: true}
				for c.Run(1<<20).Phase < check.Stopped {
				}
				o := c.Outcome()
				want := slices.Sorted(slices.Values(e.Claims))
				got := slices.Sorted(slices.Values(o.Names()))
				if e.Bound == 0 && !slices.Equal(got, want) {
					t.Errorf("%s, line %d, %v: got %v, want %v", path, e.Line, k, got, want)
				}
				for _, b := range o.Broken {
					if !b.Shortest {
						t.Errorf("%s, line %d, %v: the run to %s is not the shortest", path, e.Line, k, b.Claim)
					}
				}
			}
		}
	}
}
