package check_test

import (
	"fmt"
	"reflect"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"

	"pgregory.net/rapid"
)

// generated is a small random model: tasks that walk through graphs of their
// own, guarded by shared variables and changing them. Some loop, some get stuck, some
// break claims in several ways.
type generated struct {
	mem    *cell.Memory
	tasks  [][]place // by task and place
	claims []predicate
	vars   cell.ID
	at     cell.ID // of task 0; the others follow
}

type place struct {
	End   bool
	Edges []edge
}

// An edge may be taken while variable Var has value Is. Then variable Sets becomes To.
type edge struct {
	Var, Sets, Goto int
	Is, To          uint64
}

// A predicate is false when variable Var has value Is while the task is at a place.
type predicate struct {
	Var, Task, Place int
	Is               uint64
}

const (
	genVars   = 3
	genValues = 3
)

func drawModel(t *rapid.T) *generated {
	m := &generated{}
	variable, value := rapid.IntRange(0, genVars-1), rapid.Uint64Range(0, genValues-1)
	for range rapid.IntRange(1, 4).Draw(t, "tasks") {
		places := make([]place, rapid.IntRange(1, 5).Draw(t, "places"))
		for p := range places {
			places[p].End = rapid.IntRange(0, 3).Draw(t, "end") > 0
			for range rapid.IntRange(0, 3).Draw(t, "edges") {
				places[p].Edges = append(places[p].Edges, edge{
					Var: variable.Draw(t, "var"), Is: value.Draw(t, "is"),
					Sets: variable.Draw(t, "sets"), To: value.Draw(t, "to"),
					Goto: rapid.IntRange(0, len(places)-1).Draw(t, "goto"),
				})
			}
		}
		m.tasks = append(m.tasks, places)
	}
	for range rapid.IntRange(0, 3).Draw(t, "claims") {
		task := rapid.IntRange(0, len(m.tasks)-1).Draw(t, "task")
		m.claims = append(m.claims, predicate{
			Var: variable.Draw(t, "var"), Is: value.Draw(t, "is"),
			Task: task, Place: rapid.IntRange(0, len(m.tasks[task])-1).Draw(t, "place"),
		})
	}
	var l cell.Layout
	m.vars = l.Add(genVars, cell.Region{Name: func(i int) string { return fmt.Sprintf("var %d", i) }})
	m.at = l.Add(len(m.tasks), cell.Region{Name: func(i int) string { return fmt.Sprintf("task %d", i) }})
	m.mem = cell.New(&l)
	return m
}

func (m *generated) Memory() *cell.Memory { return m.mem }

func (m *generated) place(task int) place {
	return m.tasks[task][m.mem.Load(m.at+cell.ID(task))]
}

func (m *generated) Choices(dst []check.Choice) []check.Choice {
	for task := range m.tasks {
		for key, e := range m.place(task).Edges {
			if m.mem.Load(m.vars+cell.ID(e.Var)) == e.Is {
				dst = append(dst, check.Choice{Actor: uint16(task), Key: uint16(key)})
			}
		}
	}
	return dst
}

func (m *generated) Do(c check.Choice) {
	e := m.place(int(c.Actor)).Edges[c.Key]
	m.mem.Store(m.vars+cell.ID(e.Sets), e.To)
	m.mem.Store(m.at+cell.ID(c.Actor), uint64(e.Goto))
}

func (m *generated) Claims() []string {
	names := make([]string, len(m.claims))
	for i := range names {
		names[i] = fmt.Sprintf("claim-%d", i)
	}
	return names
}

// Broken judges only the claims whose cells the last step has written.
func (m *generated) Broken(since cell.Mark, dst []int) []int {
	wrote := map[cell.ID]bool{}
	if since >= 0 {
		m.mem.Written(since, func(id cell.ID) { wrote[id] = true })
	}
	for i, p := range m.claims {
		v, at := m.vars+cell.ID(p.Var), m.at+cell.ID(p.Task)
		if since >= 0 && !wrote[v] && !wrote[at] {
			continue
		}
		if m.mem.Load(v) == p.Is && m.mem.Load(at) == uint64(p.Place) {
			dst = append(dst, i)
		}
	}
	return dst
}

func (m *generated) Done() bool {
	for task := range m.tasks {
		if !m.place(task).End {
			return false
		}
	}
	return true
}

// finish runs a check to its end, or to its limits.
func finish(c *check.Check, slice int) check.Result {
	for c.Run(slice).Phase < check.Stopped {
	}
	return c.Result()
}

// best finds the best run to a breach by keeping, for every length, state and
// last actor, the best run there.
func best(m check.Model, claim string, length int) []check.Choice {
	type end struct {
		state string
		actor uint16
	}
	mem := m.Memory()
	replay := func(run []check.Choice) {
		mem.Undo(0)
		for _, c := range run {
			m.Do(c)
		}
	}
	better := func(a, b []check.Choice) bool {
		if s, t := check.Switches(a), check.Switches(b); s != t {
			return s < t
		}
		for i := range a {
			if a[i] != b[i] {
				return a[i].Less(b[i])
			}
		}
		return false
	}
	runs := map[end][]check.Choice{{}: nil}
	for range length {
		longer := map[end][]check.Choice{}
		for _, run := range runs {
			replay(run)
			if len(m.Broken(-1, nil)) > 0 {
				continue
			}
			for _, c := range m.Choices(nil) {
				replay(run)
				m.Do(c)
				e := end{fmt.Sprint(mem.Snapshot(nil)), c.Actor}
				r := append(run[:len(run):len(run)], c)
				if old, known := longer[e]; !known || better(r, old) {
					longer[e] = r
				}
			}
		}
		runs = longer
	}
	var least []check.Choice
	first := true
	for _, run := range runs {
		replay(run)
		breaks := false
		broken := m.Broken(-1, nil)
		for _, n := range broken {
			breaks = breaks || m.Claims()[n] == claim
		}
		if claim == check.NoDeadlock {
			breaks = len(broken) == 0 && len(m.Choices(nil)) == 0 && !m.Done()
		}
		if breaks && (first || better(run, least)) {
			least, first = run, false
		}
	}
	mem.Undo(0)
	return least
}

func TestAgreesWithExhaust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		want := check.Exhaust(m)
		before := m.mem.Snapshot(nil)
		r := finish(check.New(m, check.Limits{}), 1000)

		if r.States != want.States || r.Transitions != want.Transitions {
			t.Fatalf("got %d states, %d transitions, want %d, %d", r.States, r.Transitions, want.States, want.Transitions)
		}
		got := map[string]int{}
		for _, b := range r.Claims {
			got[b.Claim] = len(b.Run)
			if !b.Shortest {
				t.Errorf("%s: run not proved shortest without limits", b.Claim)
			}
			if b.Switches != check.Switches(b.Run) {
				t.Errorf("%s: got %d switches, want %d", b.Claim, b.Switches, check.Switches(b.Run))
			}
		}
		if !reflect.DeepEqual(got, want.Shortest) {
			t.Errorf("got shortest runs %v, want %v", got, want.Shortest)
		}
		if verdict := map[bool]check.Verdict{true: check.Never, false: check.Sometimes}[len(want.Shortest) == 0]; r.Verdict != verdict {
			t.Errorf("got verdict %v, want %v", r.Verdict, verdict)
		}
		if after := m.mem.Snapshot(nil); !reflect.DeepEqual(after, before) || m.mem.Hash() != m.mem.Rehash() {
			t.Errorf("memory is not as it was: got %v, want %v", after, before)
		}
	})
}

func TestRunIsTheBestOfTheShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		for _, b := range finish(check.New(m, check.Limits{}), 1000).Claims {
			want := best(m, b.Claim, len(b.Run))
			if len(b.Run) > 0 && !reflect.DeepEqual(b.Run, want) {
				t.Errorf("%s: got %v, want %v", b.Claim, b.Run, want)
			}
		}
	})
}

func TestSlicesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		want := finish(check.New(m, check.Limits{}), 1<<30)
		slice := rapid.IntRange(1, 50).Draw(t, "slice")
		if got := finish(check.New(m, check.Limits{}), slice); !reflect.DeepEqual(got, want) {
			t.Errorf("in slices of %d: got %+v, want %+v", slice, got, want)
		}
	})
}

func TestGoesOnWhenLimitsAreRaised(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		want := finish(check.New(m, check.Limits{}), 1<<30)
		step := rapid.Uint64Range(1, 40).Draw(t, "step")
		limit := step
		c := check.New(m, check.Limits{States: limit})
		for {
			got := finish(c, 10)
			if got.States > limit {
				t.Fatalf("got %d states with a limit of %d", got.States, limit)
			}
			if m.mem.Mark() != 0 {
				t.Fatalf("stopped with %d stores to be undone", m.mem.Mark())
			}
			if c.Run(1).Phase == check.Done {
				if !reflect.DeepEqual(got, want) {
					t.Errorf("limit raised by %d: got %+v, want %+v", step, got, want)
				}
				return
			}
			if got.States == want.States && limit > want.States {
				t.Fatalf("stopped at %d states of %d with a limit of %d", got.States, want.States, limit)
			}
			if (got.Verdict == check.Unknown) == (got.States == want.States && got.Transitions == want.Transitions) {
				t.Fatalf("got %+v where all is %+v", got, want)
			}
			limit += step
			c.Limit(check.Limits{States: limit})
		}
	})
}
