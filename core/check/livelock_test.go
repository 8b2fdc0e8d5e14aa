package check_test

import (
	"fmt"
	"reflect"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

// finite is a generated model whose tasks are meant to finish. Sometimes the
// first of them is no task but moves when it pleases.
type finite struct {
	*generated
	whim     bool
	queues   bool
	wentBack bool
}

func generateFinite(number int) *finite {
	return &finite{generated: generate(number), whim: number%3 == 0, queues: number%4 < 3}
}

func (f *finite) Tasks() uint64 {
	all := uint64(1)<<len(f.tasks) - 1
	if f.whim {
		all &^= 1
	}
	return all
}

func (f *finite) Spontaneous() uint64 {
	if f.whim {
		return 1
	}
	return 0
}

// Queued are, in some models, those that are stuck where they may not end.
func (f *finite) Queued() (actors uint64) {
	if !f.queues {
		return 0
	}
	able := uint64(0)
	for _, c := range f.Choices(nil) {
		able |= 1 << c.Actor
	}
	for task := range f.tasks {
		if able>>task&1 == 0 && len(f.place(task).edges) > 0 {
			actors |= 1 << task
		}
	}
	return actors
}

func (f *finite) WentBack() bool { return f.wentBack }

func (f *finite) Do(c check.Choice) {
	at := f.mem.Peek(f.at + cell.ID(c.Actor))
	f.generated.Do(c)
	f.wentBack = f.wentBack || f.mem.Peek(f.at+cell.ID(c.Actor)) <= at
}

// TestLivelocksAgreeWithExhaust holds the search for fair components against the
// slow guard, which goes from every state to every other.
func TestLivelocksAgreeWithExhaust(t *testing.T) {
	found := 0
	for number := range 2 * genModels {
		m := generateFinite(number)
		if r := finish(check.New(m.generated, check.Limits{}), 1<<20); r.States > 400 {
			continue
		}
		t.Run(fmt.Sprint("model ", number), func(t *testing.T) {
			want := check.Exhaust(m)
			r := finish(check.New(generateFinite(number), check.Limits{}), 1+number%90)
			lengths := map[string]int{}
			for _, b := range r.Claims {
				lengths[b.Claim] = len(b.Run) - b.Cycle
				if !b.Shortest || (b.Claim == check.NoLivelock) != (b.Cycle > 0) {
					t.Errorf("got %+v", b)
				}
			}
			if !reflect.DeepEqual(lengths, want.Shortest) || r.States != want.States || r.Transitions != want.Transitions {
				t.Errorf("got %v, %d transitions, want %+v", lengths, r.Transitions, want)
			}
			if _, any := lengths[check.NoLivelock]; any {
				found++
			}
			if m.mem.Mark() != 0 {
				t.Errorf("%d stores are left to be undone", m.mem.Mark())
			}
		})
	}
	if found < genModels/20 {
		t.Errorf("only %d models have a livelock: that tests little", found)
	}
	t.Logf("%d livelocks", found)
}

// However the proof is made, and however often it is stopped, the same livelocks are found.
func TestLivelocksHoweverProved(t *testing.T) {
	notInABrowser(t)
	for number := range genModels {
		if testing.Short() && number%8 != 0 {
			continue
		}
		want := finish(check.New(generateFinite(number), check.Limits{}), 1<<30)
		instance := func() *finite { return generateFinite(number) }
		for name, c := range map[string]*check.Check{
			"parallel": check.Parallel(several(2, instance), check.Limits{}),
			"reduced":  check.Reduced(&reducibleFinite{instance()}, check.Limits{}),
			"exact":    check.Exact(instance(), check.Limits{}),
		} {
			if got := finish(c, 100); fmt.Sprint(got.Claims) != fmt.Sprint(want.Claims) || got.Verdict != want.Verdict {
				t.Errorf("model %d, %s: got %+v, want %+v", number, name, got, want)
			}
		}
		c := check.New(instance(), check.Limits{States: 1})
		for limit := uint64(1); c.Run(50).Phase != check.Done; {
			if c.Run(50).Phase == check.Stopped {
				limit += 1 + uint64(number)%50
				c.Limit(check.Limits{States: limit})
			}
		}
		if got := c.Result(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("model %d, stopped again and again: got %+v, want %+v", number, got, want)
		}
	}
}

// reducibleFinite is a finite model as a reduced search wants it.
type reducibleFinite struct{ *finite }

// An agreement is two tasks that each want the other's opinion: each looks at
// what the other has said, and if that is something else, says the same and looks again. They may swap
// opinions for ever. With a polite first task, which keeps its own, they cannot.
type agreement struct {
	mem      *cell.Memory
	says, pc cell.ID // by task
	polite   bool
}

func newAgreement(polite bool) *agreement {
	var l cell.Layout
	a := &agreement{polite: polite}
	a.says = l.Add(2, cell.Region{Name: func(i int) string { return fmt.Sprintf("task %d says", i) }})
	a.pc = l.Add(2, cell.Region{Name: func(i int) string { return fmt.Sprintf("task %d pc", i) }})
	a.mem = cell.New(&l)
	a.mem.Store(a.says, 1)
	a.mem.Forget()
	return a
}

func (a *agreement) Memory() *cell.Memory { return a.mem }
func (a *agreement) Claims() []string     { return nil }
func (a *agreement) Tasks() uint64        { return 3 }
func (a *agreement) Spontaneous() uint64  { return 0 }
func (a *agreement) Queued() uint64       { return 0 }
func (a *agreement) WentBack() bool       { return true }
func (a *agreement) Done() bool           { return len(a.Choices(nil)) == 0 }

func (a *agreement) Broken(_ cell.Mark, dst []int) []int { return dst }

const agreed = 2

func (a *agreement) Choices(dst []check.Choice) []check.Choice {
	for task := range 2 {
		if a.mem.Load(a.pc+cell.ID(task)) != agreed {
			dst = append(dst, check.Choice{Actor: uint16(task)})
		}
	}
	return dst
}

func (a *agreement) Do(c check.Choice) {
	mine, other := a.says+cell.ID(c.Actor), a.says+cell.ID(1-c.Actor)
	pc := a.pc + cell.ID(c.Actor)
	switch {
	case a.mem.Load(pc) == 1: // says what the other said
		a.mem.Store(mine, 1-a.mem.Load(mine))
		a.mem.Store(pc, 0)
	case a.mem.Load(mine) == a.mem.Load(other):
		a.mem.Store(pc, agreed)
	case a.polite && c.Actor == 0: // waits for the other to come round
	default:
		a.mem.Store(pc, 1)
	}
}

func ExampleFinite() {
	for _, polite := range []bool{false, true} {
		c := check.New(newAgreement(polite), check.Limits{})
		for c.Run(1000).Phase != check.Done {
		}
		r := c.Result()
		fmt.Println(r.Verdict)
		for _, b := range r.Claims {
			at := len(b.Run) - b.Cycle
			fmt.Printf("%s: %v, then for ever %v\n", b.Claim, b.Run[:at], b.Run[at:])
		}
	}
	// Output:
	// Sometimes
	// no-livelock: [], then for ever [{0 0} {1 0} {0 0} {1 0} {0 0} {1 0} {0 0} {1 0}]
	// Never
}
