package claim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// eachModel calls f with every scenario of the gallery on every kernel that its
// expect lines name, and with some that were made up: as many at once as there are cores.
func eachModel(t *testing.T, f func(t *testing.T, m *claim.Model)) {
	t.Run("models", func(t *testing.T) { // returns when all have
		one := func(name string, f func(t *testing.T)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
		for _, s := range scenarios.List() {
			file, ds := scenario.Parse(s.File(), []byte(s.Text))
			if scenario.Failed(ds) {
				t.Fatal(ds)
			}
			seen := map[string]bool{} // lines may judge differently on the same kernel
			for _, e := range file.Expects {
				for _, k := range e.Kernels {
					if seen[k.String()] {
						continue
					}
					seen[k.String()] = true
					one(s.Name+"/"+k.String(), func(t *testing.T) {
						setup, ds := file.ForKernel(k)
						if scenario.Failed(ds) {
							t.Fatal(ds)
						}
						f(t, claim.New(setup, k))
					})
				}
			}
		}
		for _, path := range found(t) {
			one(path, func(t *testing.T) {
				setup, k := readFound(t, path)
				f(t, claim.New(setup, k))
			})
		}
		for number := *generatedFrom; number < *generatedFrom+generatedModels(4, 25); number++ {
			one(fmt.Sprint("generated ", number), func(t *testing.T) {
				text, m := generate(number)
				f(t, m)
				if t.Failed() {
					t.Log(text)
				}
			})
		}
	})
}

// walk takes random steps from the start until nothing can go on or a claim is
// broken, n times, and calls f around every step.
func walk(m *claim.Model, n int, f func(c check.Choice, step func())) {
	start := m.Memory().Mark()
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		for range 2000 { // a walk may go round in a loop of retries
			cs := m.Choices(nil)
			if len(cs) == 0 {
				break
			}
			c := cs[rng.IntN(len(cs))]
			mark := m.Memory().Mark()
			f(c, func() { m.Do(c) })
			if len(m.Broken(mark, nil)) > 0 {
				break
			}
		}
		m.Memory().Undo(start)
	}
}

// TestStepsTouchWhatTheySay holds the footprint of every step against the
// classes that its table names: the reduction of the search rests on them. What
// the ghosts of a GUP call read where it begins and ends is the claims' own.
func TestStepsTouchWhatTheySay(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model) {
		layout := m.Memory().Layout()
		seen := map[string]bool{}
		walk(m, 60, func(c check.Choice, step func()) {
			l := m.Look(int(c.Actor))
			ghosts := cell.Set(0)
			var foot cell.Footprint
			m.Memory().Record(&foot)
			step()
			m.Memory().Record(nil)
			if l.Func == nil {
				return
			}
			if after := m.Look(int(c.Actor)); after.Stmt != l.Stmt {
				ghosts = cell.Of(machine.PTEs, machine.PMDs)
			}
			st := l.Func.Steps[l.Step]
			check := func(does string, ids []cell.ID, says cell.Set) {
				for _, id := range ids {
					cl := layout.Class(id)
					if says.Has(cl) {
						continue
					}
					if what := fmt.Sprintf("%s, %q %s %s, which it does not say", l.Func.Name, st.Label, does, machine.ClassName(cl)); !seen[what] {
						seen[what] = true
						t.Errorf("%s: %s", what, layout.Name(id))
					}
				}
			}
			check("writes", foot.Writes, machine.Private|st.Touches)
			check("reads", foot.Reads, machine.Private|st.Touches|st.Reads|ghosts)
		})
	})
}

// TestStepsGoWhereTheySay holds where every step, the local ones among them,
// goes back to and what it calls against its table.
func TestStepsGoWhereTheySay(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model) {
		var notes kernel.Notes
		m.Listen(&notes)
		seen := map[kernel.Hop]bool{}
		walk(m, 60, func(c check.Choice, step func()) {
			notes = kernel.Notes{}
			step()
			for _, h := range notes.Went {
				if seen[h] {
					continue
				}
				seen[h] = true
				fn := &m.Funcs()[h.Fn]
				st := &fn.Steps[h.From]
				if h.To <= h.From && !slices.Contains(st.Back, h.To) {
					t.Errorf("%s, %q goes back to step %d, which it does not say", fn.Name, st.Label, h.To)
				}
				if called := m.Funcs()[h.Called].Func; called != nil && !slices.Contains(st.Calls, h.Called) {
					t.Errorf("%s, %q calls %s, which it does not say", fn.Name, st.Label, called.Name)
				}
			}
		})
	})
}

// TestQuestionsAreAnswered wants a trace to say how every check came out.
func TestQuestionsAreAnswered(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model) {
		var notes kernel.Notes
		m.Listen(&notes)
		seen := map[string]bool{}
		walk(m, 60, func(c check.Choice, step func()) {
			l := m.Look(int(c.Actor))
			notes = kernel.Notes{}
			step()
			if l.Func == nil {
				return
			}
			st := &l.Func.Steps[l.Step]
			if told := st.Told(notes.Said); strings.HasSuffix(told, "?") && !seen[told] {
				seen[told] = true
				t.Errorf("%s, %q says %q, and nobody learns the answer", l.Func.Name, st.Label, told)
			}
		})
	})
}

// TestAheadIsWhatComes holds what a task touches, step after step, against what
// was said to lie ahead of it at every moment before.
func TestAheadIsWhatComes(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model) {
		layout := m.Memory().Layout()
		walk(m, 30, func(c check.Choice, step func()) {
			l := m.Look(int(c.Actor))
			if l.Func == nil {
				step()
				return
			}
			task := m.Actors()[c.Actor].Task
			before := m.Ahead(task)
			var foot cell.Footprint
			m.Memory().Record(&foot)
			step()
			m.Memory().Record(nil)
			after := m.Ahead(task)
			if before.And(after) != before {
				t.Fatalf("%s, %q: behind it lies %+v, which was not ahead of it: %+v", l.Func.Name, l.Func.Steps[l.Step].Label, after, before)
			}
			for _, id := range foot.Writes {
				if cl := layout.Class(id); !machine.Private.Has(cl) && !before.Touches.Has(cl) {
					t.Fatalf("%s, %q writes %s, which was not ahead of it", l.Func.Name, l.Func.Steps[l.Step].Label, layout.Name(id))
				}
			}
		})
	})
}

// TestPredicatesReadWhatTheySay holds what a predicate reads against the cells that it names.
func TestPredicatesReadWhatTheySay(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model) {
		layout := m.Memory().Layout()
		walk(m, 4, func(c check.Choice, step func()) {
			step()
			m.EachPredicate(func(claim, what string, unsaid []cell.ID) {
				for _, id := range unsaid {
					t.Fatalf("%s for %s reads %s, which it does not say", claim, what, layout.Name(id))
				}
			})
		})
	})
}

// TestBrokenAfterAStepIsBrokenAfresh holds the evaluation of what a step has
// changed against that of everything.
func TestBrokenAfterAStepIsBrokenAfresh(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model) {
		walk(m, 20, func(c check.Choice, step func()) {
			mark := m.Memory().Mark()
			step()
			got, want := m.Broken(mark, nil), m.Broken(-1, nil)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("after %v: got %v, want %v", c, got, want)
			}
		})
	})
}

// TestEveryClaimCanBreak names for each claim a scenario of the gallery in which
// it breaks: a claim that nothing can break shows nothing.
func TestEveryClaimCanBreak(t *testing.T) {
	broken := map[string]bool{}
	for _, s := range scenarios.List() {
		file, _ := scenario.Parse(s.File(), []byte(s.Text))
		for _, e := range file.Expects {
			for _, name := range e.Claims {
				broken[name] = true
			}
		}
	}
	for _, name := range claim.Names() {
		if !broken[name] {
			t.Errorf("no expect line of the gallery has %s broken", name)
		}
	}
}

// A claim about what a kernel has not is not judged there, asked for or not; on every kernel that promises it there is what it is about.
func TestClaimsAreAboutSomething(t *testing.T) {
	file, ds := scenario.Parse("about.gup", []byte("GUP about\nkernel v6.12\nmm A { buf = anon 1 rw }\nP0 on cpu0 in A { store(buf, \"x\") }\n"))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	for _, v := range kernel.Versions {
		k, err := kernel.Make(v.Name)
		if err != nil {
			t.Fatal(err)
		}
		setup, _ := file.ForKernel(k)
		setup.Judge = claim.Names()
		judged := claim.New(setup, k).Claims()
		for _, c := range claim.Catalogue {
			if got, want := slices.Contains(judged, c.Name), c.Lacks(&k) == nil; got != want {
				t.Errorf("%s on %v: judged is %v, and that it has what it is about is %v", c.Name, k, got, want)
			}
			if v.Order >= c.Promised && c.Lacks(&k) != nil {
				t.Errorf("%v promises %s, and has no %s", k, c.Name, c.Lacks(&k).Name)
			}
		}
	}
}
