package check_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// Objects of a generated model: its variables, then the places of its tasks.
// That two edges store the same value, or that an edge can never be taken, counts for
// nothing here.

func (m *generated) Actors() int { return len(m.tasks) }

func (m *generated) placeOf(task int) int { return int(m.at-m.vars) + task }

func (m *generated) Next(task int) *check.Access {
	a := m.step(task, int(m.mem.Load(m.at+cell.ID(task))))
	return &a
}

func (m *generated) Against(task int) (set uint64) {
	next := m.Next(task)
	for other := range m.tasks {
		rest := check.MakeAccess(m.objects())
		m.walkOn(other, int(m.mem.Load(m.at+cell.ID(other))), map[int]bool{}, &rest)
		if other != task && next.Conflicts(&rest) {
			set |= 1 << other
		}
	}
	return set
}

// Fingerprint leaves out the variables that nobody reads.
func (m *generated) Fingerprint() uint64 {
	h := m.mem.Hash()
	for i, blind := range m.blind {
		if blind {
			id := m.vars + cell.ID(i)
			h ^= cell.Mix(id, m.mem.Peek(id))
		}
	}
	return h
}

func (m *generated) Changed(cell.ID, uint64, uint64) {}

func (m *generated) objects() int { return m.placeOf(len(m.tasks)) }

// step is what a task's step from a place accesses.
func (m *generated) step(task, place int) check.Access {
	a := check.MakeAccess(m.objects())
	edges := m.tasks[task][place].edges
	if len(edges) == 0 {
		return a
	}
	a.Writes.Add(m.placeOf(task))
	for _, e := range edges {
		if !m.blind[e.sets] {
			a.Writes.Add(e.sets)
		}
		if !e.always {
			a.Reads.Add(e.on)
		}
	}
	for _, p := range m.claims {
		reads := check.MakeObjects(m.objects())
		for _, o := range []int{p.on, m.placeOf(p.task[0]), m.placeOf(p.task[1])} {
			reads.Add(o)
		}
		if reads.Meets(a.Writes) {
			a.Reads.And(reads)
		}
	}
	return a
}

func (m *generated) walkOn(task, place int, been map[int]bool, a *check.Access) {
	if been[place] {
		return
	}
	been[place] = true
	step := m.step(task, place)
	a.And(&step)
	for _, e := range m.tasks[task][place].edges {
		m.walkOn(task, e.nextPlace, been, a)
	}
}

func broken(r check.Result) (names []string) {
	for _, b := range r.Claims {
		names = append(names, b.Claim)
	}
	return names
}

// An endings is a model that notes in which states it was asked whether it is
// done: those in which nobody can move.
type endings struct {
	*generated
	seen map[uint64]bool
}

func (m *endings) Done() bool {
	m.seen[m.Fingerprint()] = true
	return m.generated.Done()
}

// reducedModels is how many models the reduced search is held against the other on: what it leaves out is an argument about orders, of which
// each model has few. Tests in WASM, where the code is the same and slower, have a share of them.
func reducedModels() int {
	if testing.Short() {
		return genModels / 2
	}
	return 8 * genModels
}

// TestReducedAgrees holds the reduced search against the other on thousands
// of models: the verdict, what can break, the shortest run to it; and every state in which
// runs end must have been seen, which is more than any verdict shows.
func TestReducedAgrees(t *testing.T) {
	var all, some uint64
	for number := range reducedModels() {
		vars := genVars + 3*(number%3)
		t.Run(fmt.Sprintf("model %d, %d variables", number, vars), func(t *testing.T) {
			m := &endings{generateOver(number, vars), map[uint64]bool{}}
			want := finish(check.New(m, check.Limits{}), 1000)
			ends := m.seen
			m.seen = map[uint64]bool{}
			got := finish(check.Reduced(m, check.Limits{}), 1+number%50)
			if !maps.Equal(ends, m.seen) {
				t.Errorf("runs were seen to end in %d states, there are %d", len(m.seen), len(ends))
			}
			all, some = all+want.States, some+got.States
			if got.Verdict != want.Verdict || !slices.Equal(broken(got), broken(want)) {
				t.Fatalf("got %v, want %v", got, want)
			}
			for i, b := range got.Claims {
				if fmt.Sprint(b) != fmt.Sprint(want.Claims[i]) {
					t.Errorf("got %+v, want %+v", b, want.Claims[i])
				}
			}
			if m.mem.Mark() != 0 {
				t.Errorf("%d stores are left to be undone", m.mem.Mark())
			}
		})
	}
	t.Logf("%d states, reduced %d: a factor of %.1f", all, some, float64(all)/float64(some))
}

func TestReducedGoesOnWhenLimitsAreRaised(t *testing.T) {
	for number := range genModels / 4 {
		m := generateOver(number, 2*genVars)
		want := finish(check.Reduced(m, check.Limits{}), 1<<30)
		c := check.Reduced(m, check.Limits{States: 1})
		for limit := uint64(1); ; limit += 1 + uint64(number)%7 {
			c.Limit(check.Limits{States: limit})
			got := finish(c, 10)
			if got.States > limit {
				t.Fatalf("model %d: got %d states with a limit of %d", number, got.States, limit)
			}
			if got.Verdict == check.Unknown {
				continue
			}
			if got.States != want.States || got.Transitions != want.Transitions || !slices.Equal(broken(got), broken(want)) {
				t.Errorf("model %d: got %v, want %v", number, got, want)
			}
			if c.Run(1).Phase == check.Done {
				break
			}
		}
	}
}

// TestReducedSeesCycles holds what a reduced proof says of cycles against the
// search of all states for them.
func TestReducedSeesCycles(t *testing.T) {
	round, models := 0, reducedModels()
	for number := range models {
		m := generateFinite(number)
		want := finish(check.New(m, check.Limits{}), 1000)
		m.wentBack = false
		got := finish(check.Reduced(m, check.Limits{}), 1000)
		if !slices.Equal(broken(got), broken(want)) {
			t.Errorf("model %d: got %v, want %v", number, got, want)
		}
		if slices.Contains(broken(want), check.NoLivelock) {
			round++
		}
	}
	if round < models/32 {
		t.Errorf("only %d models have a livelock", round)
	}
}
