package check_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// generated is a small random model: tasks that walk through graphs of their
// own, guarded by shared variables and changing them. Some loop, some get stuck, some
// break claims in several ways.
type generated struct {
	mem    *cell.Memory
	tasks  [][]place // by task and place
	claims []predicate
	vars   cell.ID
	blind  []bool  // by variable: nobody reads it
	at     cell.ID // of task 0; the others follow
}

type place struct {
	end   bool
	edges []edge
}

// An edge may be taken while a variable has a value, or always. Then another
// variable is set.
type edge struct {
	always    bool
	on, sets  int
	is, to    uint64
	nextPlace int
}

// A predicate is false when a variable has a value while two tasks are at
// certain places.
type predicate struct {
	on   int
	is   uint64
	task [2]int
	at   [2]uint64
}

const (
	genVars   = 3
	genValues = 3
	genModels = 400
)

// generate returns the model of a number. Half of the models go round in
// circles; in the others, tasks move on to later places only.
func generate(number int) *generated { return generateOver(number, genVars) }

// generateOver is generate with so many variables. If there are more than usual,
// every task mostly keeps to two of its own, out of the others' way.
func generateOver(number, vars int) *generated {
	m := &generated{}
	r := rand.New(rand.NewPCG(uint64(number), 0))
	loops := r.IntN(2) == 0
	for task := range 2 + r.IntN(3) {
		pick := func() int {
			if vars > genVars && r.IntN(6) > 0 {
				return (2*task + r.IntN(2)) % vars
			}
			return r.IntN(vars)
		}
		places := make([]place, 2+r.IntN(5))
		for p := range places {
			places[p].end = r.IntN(4) > 0 || p == len(places)-1
			for range 1 + r.IntN(3) {
				to := r.IntN(len(places))
				if !loops && p == len(places)-1 {
					break
				} else if !loops {
					to = p + 1 + r.IntN(len(places)-p-1)
				}
				places[p].edges = append(places[p].edges, edge{
					always: r.IntN(2) == 0, on: pick(), is: r.Uint64N(genValues),
					sets: pick(), to: r.Uint64N(genValues), nextPlace: to,
				})
			}
		}
		m.tasks = append(m.tasks, places)
	}
	for range r.IntN(4) {
		p := predicate{on: r.IntN(vars), is: r.Uint64N(genValues)}
		for i := range p.task {
			p.task[i] = r.IntN(len(m.tasks))
			p.at[i] = uint64(r.IntN(len(m.tasks[p.task[i]])))
		}
		if vars > genVars { // one task is enough to be in the way of
			p.task[1], p.at[1] = p.task[0], p.at[0]
		}
		m.claims = append(m.claims, p)
	}
	m.blind = slices.Repeat([]bool{true}, vars)
	for _, places := range m.tasks {
		for _, p := range places {
			for _, e := range p.edges {
				m.blind[e.on] = m.blind[e.on] && e.always
			}
		}
	}
	for _, p := range m.claims {
		m.blind[p.on] = false
	}
	var l cell.Layout
	m.vars = l.Add(vars, cell.Region{Name: func(i int) string { return fmt.Sprintf("var %d", i) }})
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
		for key, e := range m.place(task).edges {
			if e.always || m.mem.Load(m.vars+cell.ID(e.on)) == e.is {
				dst = append(dst, check.Choice{Actor: uint16(task), Key: uint16(key)})
			}
		}
	}
	return dst
}

func (m *generated) Do(c check.Choice) {
	e := m.place(int(c.Actor)).edges[c.Key]
	m.mem.Store(m.vars+cell.ID(e.sets), e.to)
	m.mem.Store(m.at+cell.ID(c.Actor), uint64(e.nextPlace))
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
		v, a, b := m.vars+cell.ID(p.on), m.at+cell.ID(p.task[0]), m.at+cell.ID(p.task[1])
		if since >= 0 && !wrote[v] && !wrote[a] && !wrote[b] {
			continue
		}
		if m.mem.Load(v) == p.is && m.mem.Load(a) == p.at[0] && m.mem.Load(b) == p.at[1] {
			dst = append(dst, i)
		}
	}
	return dst
}

func (m *generated) Done() bool {
	for task := range m.tasks {
		if !m.place(task).end {
			return false
		}
	}
	return true
}

func eachGenerated(t *testing.T, f func(t *testing.T, m *generated, number int)) {
	for number := range genModels {
		t.Run(fmt.Sprint("model ", number), func(t *testing.T) { f(t, generate(number), number) })
	}
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

// agree holds a check of the model against the slow guard, and returns its result.
func agree(t *testing.T, m check.Model) check.Result {
	t.Helper()
	want := check.Exhaust(m)
	before := m.Memory().Snapshot(nil)
	r := finish(check.New(m, check.Limits{}), 1000)

	if r.States != want.States || r.Transitions != want.Transitions {
		t.Errorf("got %d states, %d transitions, want %d, %d", r.States, r.Transitions, want.States, want.Transitions)
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
	verdict := check.Sometimes
	if len(want.Shortest) == 0 {
		verdict = check.Never
	}
	if r.Verdict != verdict {
		t.Errorf("got verdict %v, want %v", r.Verdict, verdict)
	}
	mem := m.Memory()
	if after := mem.Snapshot(nil); !reflect.DeepEqual(after, before) || mem.Hash() != mem.Rehash() {
		t.Errorf("memory is not as it was: got %v, want %v", after, before)
	}
	return r
}

func TestAgreesWithExhaust(t *testing.T) {
	eachGenerated(t, func(t *testing.T, m *generated, number int) { agree(t, m) })
}

func TestRunIsTheBestOfTheShortest(t *testing.T) {
	eachGenerated(t, func(t *testing.T, m *generated, number int) {
		for _, b := range finish(check.New(m, check.Limits{}), 1000).Claims {
			want := best(m, b.Claim, len(b.Run))
			if len(b.Run) > 0 && !reflect.DeepEqual(b.Run, want) {
				t.Errorf("%s: got %v, want %v", b.Claim, b.Run, want)
			}
		}
	})
}

func TestSlicesDoNotMatter(t *testing.T) {
	eachGenerated(t, func(t *testing.T, m *generated, number int) {
		want := finish(check.New(m, check.Limits{}), 1<<30)
		slice := 1 + number%50
		if got := finish(check.New(m, check.Limits{}), slice); !reflect.DeepEqual(got, want) {
			t.Errorf("in slices of %d: got %+v, want %+v", slice, got, want)
		}
	})
}

func TestGoesOnWhenLimitsAreRaised(t *testing.T) {
	eachGenerated(t, func(t *testing.T, m *generated, number int) {
		want := finish(check.New(m, check.Limits{}), 1<<30)
		step := 1 + uint64(number)%40
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
