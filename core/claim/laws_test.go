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

// fourPages makes huge pages of 512 pages such of four: the steps are the same, and what they may touch is listed page by page.
var fourPages = strings.NewReplacer("hpage_pmd_nr 512", "hpage_pmd_nr 4", "[511]", "[3]")

// eachModel calls f with every scenario of the gallery on every kernel that its
// expect lines name, and with some that were made up: as many at once as there are cores. What f does n times by chance, it does some(n)
// times: on kernels that are not the scenario's own a quarter, for there are six of them on average, and the same choices make
// the same steps there but for those of a rule or two.
func eachModel(t *testing.T, f func(t *testing.T, m *claim.Model, some func(n int) int)) {
	all := func(n int) int { return n }
	quarter := func(n int) int { return (n + 3) / 4 }
	t.Run("models", func(t *testing.T) { // returns when all have
		one := func(name string, f func(t *testing.T)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
		for _, s := range scenarios.List() {
			file, ds := scenario.Parse(s.File(), []byte(fourPages.Replace(s.Text)))
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
						some := quarter
						if k.String() == file.Kernel.String() {
							some = all
						}
						f(t, claim.New(setup, k), some)
					})
				}
			}
		}
		for _, path := range found(t) {
			one(path, func(t *testing.T) {
				setup, k := readFound(t, path)
				f(t, claim.New(setup, k), all)
			})
		}
		for number := *generatedFrom; number < *generatedFrom+generatedModels(4, 25); number++ {
			one(fmt.Sprint("generated ", number), func(t *testing.T) {
				text, m := generate(number)
				f(t, m, all)
				if t.Failed() {
					t.Log(text)
				}
			})
		}
		for number := *generatedFrom; number < *generatedFrom+generatedModels(uint64(len(families)), 2*uint64(len(families))); number++ {
			on := unmodifiedOn(number)
			text, file := unmodified(number)
			k, _ := scenario.ParseKernel(on[number%uint64(len(on))])
			setup, ds := file.ForKernel(k)
			if scenario.Failed(ds) {
				continue
			}
			one(fmt.Sprint("unmodified ", number), func(t *testing.T) {
				f(t, claim.New(setup, k), all)
				if t.Failed() {
					t.Log(text)
				}
			})
		}
	})
}

// walk takes random steps from the start until nothing can go on or a claim is
// broken, n times, and calls f around every step of the walk of that number.
func walk(m *claim.Model, n int, f func(number int, c check.Choice, step func())) {
	start := m.Memory().Mark()
	rng := rand.New(rand.NewPCG(1, 2))
	for number := range n {
		for range 2000 { // a walk may go round in a loop of retries
			cs := m.Choices(nil)
			if len(cs) == 0 {
				break
			}
			c := cs[rng.IntN(len(cs))]
			mark := m.Memory().Mark()
			f(number, c, func() { m.Do(c) })
			if len(m.Broken(mark, nil)) > 0 {
				break
			}
		}
		m.Memory().Undo(start)
	}
}

// A taken step is what the laws of steps look at.
type taken struct {
	m      *claim.Model
	choice check.Choice
	look   kernel.Look // at the actor before the step; no function if it is no task within one
	step   *kernel.Step
	foot   cell.Footprint
	notes  kernel.Notes
	mark   cell.Mark // before it
	spins  []cell.ID // the model's spinlocks
	fail   func(format string, args ...any)
}

// TestLawsOfSteps goes through every scenario, and holds every law at every step: those that cost more on fewer walks.
func TestLawsOfSteps(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model, some func(int) int) {
		seen := map[string]bool{} // a mistake is told once
		holdLaws(m, some, func(format string, args ...any) {
			if what := fmt.Sprintf(format, args...); !seen[what] {
				seen[what] = true
				t.Error(what)
			}
		})
	})
}

// holdLaws holds the laws on walks through a model.
func holdLaws(m *claim.Model, some func(int) int, fail func(format string, args ...any)) {
	s := taken{m: m, spins: spinlocks(m), fail: fail}
	m.Listen(&s.notes)
	walk(m, some(60), func(number int, c check.Choice, step func()) {
		s.choice, s.look, s.step = c, m.Look(int(c.Actor)), nil
		s.foot, s.notes, s.mark = cell.Footprint{}, kernel.Notes{}, m.Memory().Mark()
		if s.look.Func != nil {
			s.step = &s.look.Func.Steps[s.look.Step]
		}
		ahead := s.look.Func != nil && number < some(30)
		var before kernel.Ahead
		if ahead {
			before = m.Ahead(m.Actors()[c.Actor].Task)
		}
		s.takesLocksInOrder()
		m.Memory().Record(&s.foot)
		step()
		m.Memory().Record(nil)
		if s.step != nil {
			s.touchesWhatItSays()
			s.answersItsQuestion()
		}
		s.goesWhereItSays()
		if ahead {
			s.wasAhead(before)
		}
		if number < some(20) {
			s.brokenIsBrokenAfresh()
		}
		if number < some(10) {
			s.sleepsOnlyWhereItMay()
		}
		if number < some(4) {
			s.predicatesReadWhatTheySay()
		}
	})
}

// touchesWhatItSays holds the footprint of a step against the
// classes that its table names: the reduction of the search rests on them. What
// the ghosts of a GUP call read where it begins and ends is the claims' own.
func (s *taken) touchesWhatItSays() {
	ghosts := cell.Set(0)
	if after := s.m.Look(int(s.choice.Actor)); after.Stmt != s.look.Stmt {
		ghosts = cell.Of(machine.PTEs, machine.PMDs)
	}
	layout := s.m.Memory().Layout()
	check := func(does string, ids []cell.ID, says cell.Set) {
		for _, id := range ids {
			if cl := layout.Class(id); !says.Has(cl) {
				s.fail("%s, %q %s %s, which it does not say", s.look.Func.Name, s.step.Label, does, machine.ClassName(cl))
			}
		}
	}
	check("writes", s.foot.Writes, machine.Private|s.step.Touches)
	check("reads", s.foot.Reads, machine.Private|s.step.Touches|s.step.Reads|ghosts)
}

// goesWhereItSays holds where every step, the local ones among them,
// goes back to and what it calls against its table.
func (s *taken) goesWhereItSays() {
	for _, h := range s.notes.Went {
		fn := &s.m.Funcs()[h.Fn]
		st := &fn.Steps[h.From]
		if h.To <= h.From && !slices.Contains(st.Back, h.To) {
			s.fail("%s, %q goes back to step %d, which it does not say", fn.Name, st.Label, h.To)
		}
		if called := s.m.Funcs()[h.Called].Func; called != nil && !slices.Contains(st.Calls, h.Called) {
			s.fail("%s, %q calls %s, which it does not say", fn.Name, st.Label, called.Name)
		}
	}
}

// answersItsQuestion wants a trace to say how a check came out.
func (s *taken) answersItsQuestion() {
	if told := s.step.Told(s.notes.Said); strings.HasSuffix(told, "?") {
		s.fail("%s, %q says %q, and nobody learns the answer", s.look.Func.Name, s.step.Label, told)
	}
}

// wasAhead holds what a task touches, step after step, against what
// was said to lie ahead of it at every moment before.
func (s *taken) wasAhead(before kernel.Ahead) {
	if after := s.m.Ahead(s.m.Actors()[s.choice.Actor].Task); before.And(after) != before {
		s.fail("%s, %q: behind it lies %+v, which was not ahead of it: %+v", s.look.Func.Name, s.step.Label, after, before)
	}
	layout := s.m.Memory().Layout()
	for _, id := range s.foot.Writes {
		if cl := layout.Class(id); !machine.Private.Has(cl) && !before.Touches.Has(cl) {
			s.fail("%s, %q writes %s, which was not ahead of it", s.look.Func.Name, s.step.Label, layout.Name(id))
		}
	}
}

// sleepsOnlyWhereItMay holds where every task has come to against what it may do there.
func (s *taken) sleepsOnlyWhereItMay() {
	for i := range s.m.Actors() {
		if err := sleepsOnlyWhereItMay(s.m, s.spins, i); err != nil {
			s.fail("%v", err)
		}
	}
}

// predicatesReadWhatTheySay holds what a predicate reads against the cells that it names.
func (s *taken) predicatesReadWhatTheySay() {
	layout := s.m.Memory().Layout()
	s.m.EachPredicate(func(claim, what string, unsaid []cell.ID) {
		for _, id := range unsaid {
			s.fail("%s for %s reads %s, which it does not say", claim, what, layout.Name(id))
		}
	})
}

// brokenIsBrokenAfresh holds the evaluation of what a step has changed against that of everything.
func (s *taken) brokenIsBrokenAfresh() {
	got, want := s.m.Broken(s.mark, nil), s.m.Broken(-1, nil)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.fail("after %v: got %v, want %v", s.choice, got, want)
	}
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
