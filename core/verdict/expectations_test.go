package verdict

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/record"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict/counterexamples"
)

// TestExpectations checks every expect line of every scenario, and holds what it finds against all other ways to prove the same: see
// proof_test.go. These are held against each other on every kernel that a scenario names with all claims that the kernel promises, too, if
// lines ask for some only. On the way it takes the census of branches (exits.txt: see exits.go), and keeps the runs that it has found on record for
// the tests of other packages.
func TestExpectations(t *testing.T) {
	var all agreement
	var taken census
	t.Cleanup(func() { all.enough(t); taken.hold(t) })
	for _, path := range scenarioFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			f := parse(t, path)
			asides(t, f)
			shown := runs{known: map[string]bool{}}
			found := expectations(t, f, &all, func(e *scenario.Expect, k kernel.Kernel) Outcome {
				o := taken.run(t, f, e, k)
				shown.note(t, f, e, k, &o)
				return o
			})
			record.Hold(t, *rewrite, filepath.Join("counterexamples", "record", f.Name+".txt"), shown.text.String())
			if *rewrite {
				text := f.Record(func(e, k int) scenario.Outcome { return found[[2]int{e, k}] })
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// expectations runs a check for each expect line of a scenario on each of the line's kernels, whose outcomes it returns by the indices of both, and one
// of the whole scenario on every kernel for which no line asks for that.
func expectations(t *testing.T, f *scenario.File, all *agreement, run func(*scenario.Expect, kernel.Kernel) Outcome) map[[2]int]scenario.Outcome {
	before, found := agreed{}, map[[2]int]scenario.Outcome{}
	kernels, asked := []kernel.Kernel{f.Kernel}, map[string]bool{}
	for i := range f.Expects {
		e := &f.Expects[i]
		for j, k := range e.Kernels {
			kernels, asked[k.String()] = append(kernels, k), asked[k.String()] || e.Judge == nil
			o := run(e, k)
			t.Logf("line %d, %v: %v, %s, %d transitions", e.Line, k, o.String(), o.Count(), o.Transitions)
			for _, b := range o.Broken {
				t.Logf("    %s: %d steps, %d switches, shortest: %v", b.Claim, len(b.Run), b.Switches, b.Shortest)
			}
			q := kernel.Never
			if o.Verdict == check.Sometimes {
				q = kernel.Sometimes
			}
			found[[2]int{i, j}] = scenario.Outcome{Verdict: q, Claims: o.Names(), States: scenario.Count{States: int(o.States), Reduced: o.Reduced}}
			if *rewrite {
				continue
			}
			if ok, why := o.Met(e, j); !ok {
				t.Errorf("line %d: on %v expected %v %v, but %s", e.Line, k, e.Verdict, e.Claims, why)
			}
			all.hold(t, f, e, k, o, before)
		}
	}
	for _, k := range kernels {
		if asked[k.String()] {
			continue
		}
		asked[k.String()] = true
		var e scenario.Expect
		if o := run(&e, k); !*rewrite {
			all.hold(t, f, &e, k, o, before)
		}
	}
	return found
}

// A census is of the branches that the proofs of the gallery have taken, as lines of exits.txt: in all states of every scenario on every kernel that it
// names, with all its claims.
type census struct {
	mu        sync.Mutex
	lines     map[string]bool
	scenarios map[string]bool
}

// run is run, with its branches counted.
func (x *census) run(t *testing.T, f *scenario.File, e *scenario.Expect, k kernel.Kernel) Outcome {
	c, ds := New(f, k, e.Judge, Limits(e))
	if c == nil {
		t.Fatalf("%v: %v", k, ds)
	}
	if e.Judge == nil {
		taken := map[kernel.Hop]bool{}
		for _, h := range c.model.Began {
			taken[h] = true
		}
		notes := kernel.Notes{Mute: true}
		for c.model.Listen(&notes); c.Run(1<<12).Phase == check.Proving; {
			for _, h := range notes.Went {
				taken[h] = true
			}
			notes.Went, notes.Told = notes.Went[:0], notes.Told[:0]
		}
		c.model.Listen(nil)
		for _, h := range notes.Went {
			taken[h] = true
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.lines == nil {
			x.lines, x.scenarios = map[string]bool{}, map[string]bool{}
		}
		x.scenarios[f.Name] = true
		for h := range taken {
			x.lines[exitOf(c.model.Funcs(), h)] = true
		}
	}
	return finish(t, k)(c, nil)
}

// hold holds the census against the record, if it is of the whole gallery.
func (x *census) hold(t *testing.T) {
	if len(x.scenarios) != len(scenarioFiles(t)) || testing.Short() {
		return
	}
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(x.lines)) {
		b.WriteString(line + "\n")
	}
	record.Hold(t, *rewrite, "exits.txt", b.String())
	exits = b.String() // what was rewritten is what the next tests go by
}

// runs are those that the checks of a scenario have found, as package counterexamples keeps them.
type runs struct {
	text  strings.Builder
	known map[string]bool
}

func (x *runs) note(t *testing.T, f *scenario.File, e *scenario.Expect, k kernel.Kernel, o *Outcome) {
	head := counterexamples.Head(k.String(), e.Judge)
	if x.known[head] {
		return
	}
	x.known[head] = true
	x.text.WriteString(head)
	for _, b := range slices.Concat(o.Broken, o.Seen) {
		m, _, _ := Model(f, k, e.Judge)
		r := trace.New(m)
		for _, c := range b.Run {
			if _, err := r.Do(c); err != nil {
				t.Fatalf("%v, %s, step %d: %v", k, b.Claim, r.Cursor()+1, err)
			}
		}
		seen := slices.ContainsFunc(o.Seen, func(s check.Broken) bool { return s.Claim == b.Claim })
		x.text.WriteString(counterexamples.Counterexample{Claim: b.Claim, Seen: seen, Switches: b.Switches, Run: r.String()}.String())
	}
}
