package trace_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/core/verdict/counterexamples"
	"gupscope/scenarios"
)

var rewrite = flag.Bool("rewrite", false, "write the diagrams anew; only commit the change if you understand what caused it")

// model returns a scenario of the gallery on its own kernel.
func model(t *testing.T, name string) *claim.Model {
	return modelOf(t, parsed(t, name))
}

func parsed(t *testing.T, name string) *scenario.File {
	s, ok := scenarios.ByName(name)
	if !ok {
		t.Fatalf("there is no scenario %s", name)
	}
	f, ds := scenario.Parse(s.File(), []byte(s.Text))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	return f
}

func modelOf(t *testing.T, f *scenario.File) *claim.Model {
	m, _, ds := verdict.Model(f, f.Kernel, nil)
	if m == nil {
		t.Fatal(ds)
	}
	return m
}

// shown returns the runs that a check finds.
func shown(t *testing.T, f *scenario.File, k kernel.Kernel, judge []string) []counterexamples.Counterexample {
	all, known := counterexamples.Of(f.Name, k.String(), judge)
	if !known {
		t.Fatalf("%s on %v judging %q: no runs are on record (go test ./core/verdict -run TestExpectations -rewrite)", f.Name, k, judge)
	}
	return all
}

// shownOn returns the shortest run to each claim that breaks on a scenario's own kernel, and to what "sometimes" conditions wait for.
func shownOn(t *testing.T, name string) []counterexamples.Counterexample {
	f := parsed(t, name)
	return shown(t, f, f.Kernel, nil)
}

// replayed plays a run that is on record, or one that a test writes down.
func replayed(t *testing.T, m *claim.Model, run string) *trace.Run {
	t.Helper()
	r, err := trace.Replay(m, run)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// played makes choices.
func played(t *testing.T, m *claim.Model, choices []check.Choice) *trace.Run {
	r := trace.New(m)
	for _, c := range choices {
		if _, err := r.Do(c); err != nil {
			t.Fatalf("step %d: %v", r.Cursor()+1, err)
		}
	}
	return r
}

// TestDiagrams draws the counterexamples of every scenario on its own kernel.
func TestDiagrams(t *testing.T) {
	for _, s := range scenarios.List() {
		t.Run(s.Name, func(t *testing.T) {
			var b strings.Builder
			for _, c := range shownOn(t, s.Name) {
				r := replayed(t, model(t, s.Name), c.Run)
				fmt.Fprintf(&b, "%s: %d steps, %d switches\n--run %s\n\n%s", c.Claim, r.Len(), c.Switches, r, r.ASCII())
				for _, truth := range r.Model.Truths() {
					for _, why := range truth.Why {
						fmt.Fprintf(&b, "%s is false: %s.\n", truth.Name, why)
					}
				}
				for _, w := range r.Windows() {
					fmt.Fprintf(&b, "window: step %d read %s = %s, stale from %d, until %d\n", w.Read, w.Name, w.Value, w.Stale, w.To)
				}
				b.WriteString("\n")
			}
			for i, line := range strings.Split(b.String(), "\n") {
				if len(line) > 75 && !strings.HasPrefix(line, "--run") && !strings.Contains(line, "false") && !strings.HasPrefix(line, "window") {
					t.Errorf("line %d is %d wide: %s", i+1, len(line), line)
				}
			}
			path := filepath.Join("testdata", s.Name+".txt")
			if *rewrite {
				os.MkdirAll("testdata", 0o777)
				if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", b.String(), want)
			}
		})
	}
}

// TestReplay plays random runs again from their text, and walks in them: four of each scenario, and one of every fourth in WASM, where thousands of
// steps that are the same show that all are.
func TestReplay(t *testing.T) {
	runs := 4
	if testing.Short() {
		runs = 1
	}
	for i, s := range scenarios.List() {
		if testing.Short() && i%4 > 0 {
			continue
		}
		rng := rand.New(rand.NewPCG(3, 4))
		f := parsed(t, s.Name)
		for range runs {
			r := trace.New(modelOf(t, f))
			hashes := []uint64{r.Model.Memory().Hash()}
			for range 120 {
				cs := r.Model.Choices(nil)
				if len(cs) == 0 {
					break
				}
				if _, err := r.Do(cs[rng.IntN(len(cs))]); err != nil {
					t.Fatal(err)
				}
				hashes = append(hashes, r.Model.Memory().Hash())
			}
			again, err := trace.Replay(modelOf(t, f), r.String())
			if err != nil || again.Cursor() != r.Cursor() || again.Model.Memory().Hash() != r.Model.Memory().Hash() {
				t.Fatalf("%s: %s replays to step %d of %d: %v", s.Name, r, again.Cursor(), r.Cursor(), err)
			}
			for range 50 {
				n := rng.IntN(len(hashes))
				r.Goto(n)
				if got := r.Model.Memory().Hash(); got != hashes[n] || r.Cursor() != n {
					t.Fatalf("%s: at step %d got state %x, want %x", s.Name, n, got, hashes[n])
				}
			}
		}
	}
}

// TestBranch makes another choice in the midst of a run: the tail comes back.
func TestBranch(t *testing.T) {
	r := trace.New(model(t, "gup-fast-vs-reclaim"))
	for _, c := range []check.Choice{{Actor: 0}, {Actor: 0}, {Actor: 1, Key: 1}} {
		if _, err := r.Do(c); err != nil {
			t.Fatal(err)
		}
	}
	r.Goto(1)
	if dropped, err := r.Do(check.Choice{Actor: 0}); err != nil || dropped != nil || r.Len() != 3 || r.Cursor() != 2 {
		t.Errorf("the same choice again: dropped %v, %v; %d steps, cursor %d", dropped, err, r.Len(), r.Cursor())
	}
	r.Goto(1)
	dropped, err := r.Do(check.Choice{Actor: 2})
	if err != nil || len(dropped) != 2 || r.Len() != 2 {
		t.Errorf("another choice: dropped %v, %v; %d steps", dropped, err, r.Len())
	}
}

// TestRefused asks for what is not possible.
func TestRefused(t *testing.T) {
	r := trace.New(model(t, "gup-fast-vs-reclaim"))
	for _, tt := range []struct {
		c    check.Choice
		want string
	}{
		{check.Choice{Actor: 99}, "there is no actor 99"},
		{check.Choice{Actor: 0, Key: 7}, "P0 can go on here, but not with choice 7"},
		{check.Choice{Actor: 3}, "cpu0 interrupt cannot go on here"},
	} {
		if _, err := r.Do(tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %q", tt.c, err, tt.want)
		}
	}
	if r.Len() != 0 {
		t.Errorf("a refused choice left %d steps", r.Len())
	}
}

// TestDamaged replays texts that are damaged, or of another model.
func TestDamaged(t *testing.T) {
	good := played(t, model(t, "gup-fast-vs-reclaim"), []check.Choice{{Actor: 0}, {Actor: 0}, {Actor: 0}}).String()
	for _, tt := range []struct{ run, want string }{
		{good[:len(good)-1], "a letter that checks the step"},
		{good[:len(good)-1] + "!", "expected a letter"},
		{good[:len(good)-1] + "b", "diverged at step 3"},
		{good + "0", "a point between two items"},
		{"9" + good, "there is no actor 90"},
		{"0x99999999a", "at most 10000"},
		{"0:99999999a", "at most 65535"},
		{"hello", "expected an actor's number"},
		{strings.Repeat("0a.", 3), "diverged at step 1"},
	} {
		r, err := trace.Replay(model(t, "gup-fast-vs-reclaim"), tt.run)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.run, err, tt.want)
		}
		if r == nil {
			t.Errorf("%s: no run at all", tt.run)
		}
	}
	var d *trace.Diverged
	if _, err := trace.Replay(model(t, "gup-fast-vs-reclaim"), good+".1:7a"); !errors.As(err, &d) || d.Step != 4 {
		t.Errorf("a choice that is not possible: got %v", err)
	}
}
