package verdict

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/record"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// small are the scenarios whose state spaces are walked in every run of the tests.
var small = []string{"gup-fast-vs-reclaim-clean", "pin-fast-vs-reclaim", "read-only-pin", "reclaim-freeze", "store-vs-munmap", "store-vs-reclaim", "walker-vs-munmap", "no-memory"}

func opened(t *testing.T, name, on string) (*scenario.File, *claim.Model) {
	s, ok := scenarios.ByName(name)
	if !ok {
		t.Fatalf("there is no scenario %s", name)
	}
	f, ds := scenario.Parse(s.File(), []byte(s.Text))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	k, ds := scenario.ParseKernel(on)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	m, _, ds := Model(f, k, nil)
	if m == nil {
		t.Fatal(ds)
	}
	return f, m
}

// TestSurvey tells what a pass on v6.12 rests on, and holds the walk against the guard that keeps whole states.
func TestSurvey(t *testing.T) {
	for _, name := range small {
		t.Run(name, func(t *testing.T) {
			f, m := opened(t, name, "v6.12")
			s := Explore(m, 0)
			_, whole := opened(t, name, "v6.12")
			if want := check.Exhaust(whole); s.States != want.States || s.Transitions != want.Transitions {
				t.Errorf("the survey saw %d states and %d transitions, there are %d and %d", s.States, s.Transitions, want.States, want.Transitions)
			}
			_, fresh := opened(t, name, "v6.12")
			w := s.Witness(fresh, 0)
			for i, b := range s.Stopped() {
				if w.Branches[i] == nil {
					t.Errorf("no run leads to %v, which was seen %d times", b, b.Times)
				}
			}
			for i, e := range s.Ends {
				if w.Ends[i] == nil {
					t.Errorf("no run ends with %s, which was seen in %d states", e.Values, e.States)
				}
			}
			var calls strings.Builder
			for _, c := range s.ClosestCalls(f, m.Kernel, nil, check.Limits{}) {
				fmt.Fprintf(&calls, "closest: %v\n", c)
			}
			record.Hold(t, *rewrite, filepath.Join("testdata", "cover", name+".txt"), s.String()+s.Histogram(name)+calls.String())
		})
	}
}

// TestInversions: munmap takes mmap_lock, then i_mmap_rwsem, and nothing is inverted; if another one had i_mmap_rwsem when he comes to mmap_lock, that is told.
func TestInversions(t *testing.T) {
	f, ds := scenario.Parse("inversions", []byte(`GUP inversions
kernel v6.12
file f = ext4 1 "a"
mm A { buf = f shared rw }
P0 on cpu0 in A { munmap(buf) }
P1 on cpu1 in A { munmap(buf) }
P2 on cpu2 kernel { fsync(f) }
`))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	for _, inverted := range []bool{false, true} {
		m, _, ds := Model(f, f.Kernel, nil)
		if m == nil {
			t.Fatal(ds)
		}
		s := NewSurvey(m, 0)
		if inverted {
			mark := m.Memory().Mark()
			m.M.Store(m.M.MappingLock(0), 1<<1) // P1 has it, for reading
			s.walker.locks(1)
			m.Memory().Undo(mark)
		}
		for s.Run(1 << 20) {
		}
		const told = "P0 takes A mmap_lock, then i_mmap_rwsem of f; P1 the other way round"
		if got := strings.Contains(s.String(), told); got != inverted || len(s.Inverted) > 0 != inverted {
			t.Errorf("inverted: %v, want %v: %v", s.Inverted, inverted, s)
		}
	}
}

// TestExitsFit holds the census against the tables: its lines name steps that there are.
func TestExitsFit(t *testing.T) {
	fits := map[string]bool{}
	note := func(funcs []kernel.Bound) {
		for i := range funcs {
			for n := range funcs[i].Steps {
				fits[exitKey(&funcs[i], n)] = true
			}
		}
	}
	for _, on := range []string{"v6.12", "v4.6", "v6.12 with gup_fast_file_check=v7", "v6.12 with gup_fast_file_check=v7_reload", "v6.12 with gup_fast_file_check=double_read", "v6.12 without gup_unshare without share_fences without anon_exclusive without swp_exclusive without swapin_read_maps_writable with wp_reuse_rule=refcount1"} {
		k, ds := scenario.ParseKernel(on)
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		note(kernel.Bind(&k))
	}
	for _, on := range []string{"v4.6", "v6.1", "v6.12"} { // what tells secondary MMUs is in the tables where there are some
		_, m := opened(t, "guest-vs-cow", on)
		note(m.Funcs())
	}
	for _, on := range []string{"v4.6", "v6.1", "v6.12"} { // and what is called otherwise where PUD entries map huge pages
		_, m := opened(t, "gup-fast-vs-munmap-gigantic", on)
		note(m.Funcs())
	}
	for line := range strings.Lines(exits) {
		part := strings.Split(line, "\t")
		if len(part) != 7 || !fits[strings.Join(part[:4], "\t")] {
			t.Errorf("no table has this (go test ./core/verdict -run TestExpectations -rewrite, if the tables were changed on purpose): %s", line)
		}
	}
}

// TestRulesThatMatter records what breaks without which rule.
func TestRulesThatMatter(t *testing.T) {
	for _, name := range small[:len(small)-1] { // the last is broken as it is
		t.Run(name, func(t *testing.T) {
			f, m := opened(t, name, "v6.12")
			s := Explore(m, 0)
			var b strings.Builder
			for _, x := range s.Matter(m.Kernel) {
				x.Run(f, nil, check.Limits{})
				result := x.NA
				if result == "" {
					result = x.Outcome.String()
				}
				fmt.Fprintf(&b, "%v: %s\n", x.Kernel, result)
			}
			record.Hold(t, *rewrite, filepath.Join("testdata", "rules", name+".txt"), b.String())
		})
	}
}

// TestCures repairs what is broken, with as little as possible.
func TestCures(t *testing.T) {
	for _, tt := range []struct{ name, on, cure string }{
		{"gup-fast-vs-reclaim-clean", "v4.6", "gup_get_unless_zero"},
		{"store-vs-munmap", "v6.12 without gather_flush_before_free", "gather_flush_before_free"},
		{"read-only-pin", "v6.12 without gup_unshare without swp_exclusive", "gup_unshare"},
		{"read-only-pin", "v6.12 without gup_unshare without swp_exclusive", "swp_exclusive"}, // no step, but where it begins
	} {
		f, m := opened(t, tt.name, tt.on)
		found := false
		for _, x := range Explore(m, 0).Cures(m.Kernel, 1) {
			x.Run(f, nil, check.Limits{})
			found = found || x.Passes() && x.Changes[0].Rule == tt.cure
		}
		if !found {
			t.Errorf("%s on %s: %s is not found to repair it", tt.name, tt.on, tt.cure)
		}
	}
}

// TestWalk finds by chance what the check proves, and the same with the same seed.
func TestWalk(t *testing.T) {
	var first Walk
	for i := range 2 {
		_, m := opened(t, "pin-fast-vs-reclaim", "v6.12 without gup_pte_recheck")
		w := NewWalk(m, 7)
		if !w.Go(1_000_000, "") {
			t.Fatal("no claim breaks in a million steps")
		}
		if i == 0 {
			first = *w
		} else if w.Steps != first.Steps || fmt.Sprint(w.Found) != fmt.Sprint(first.Found) {
			t.Errorf("seed 7 found %v after %d steps, then %v after %d", first.Found, first.Steps, w.Found, w.Steps)
		}
	}
	_, m := opened(t, "pin-fast-vs-reclaim", "v6.12")
	if w := NewWalk(m, 7); w.Go(100_000, "") {
		t.Errorf("a walk breaks %v, which the check proves not to break", w.Found)
	}

	// Of calls that are refused at once, nothing is a step: there is one run, and no walk goes on for ever to find another.
	f, ds := scenario.Parse("refused.gup", []byte(`GUP refused
"."

kernel v6.12

mm A { buf = anon 1 rw }

P0 on cpu0 in A { p = pin_user_pages(buf, 0, NULL) }
`))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	m, _, ds = Model(f, f.Kernel, nil)
	if m == nil {
		t.Fatal(ds)
	}
	if w := NewWalk(m, 7); w.Go(1_000, "") || w.Runs != 1 || w.Steps != 0 {
		t.Errorf("%+v", w)
	}
}
