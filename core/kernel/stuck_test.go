package kernel_test

import (
	"slices"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// Two tasks on two CPUs, and what keeps them from coming to their ends: a cycle
// of waits, or of retries. No function of the kernel does that here, so the tests bring
// their own.

// stuck returns the model of two tasks that run the steps of their number.
func stuck(t *testing.T, name string, steps []kernel.Step) *claim.Model {
	t.Helper()
	k, err := kernel.Make("v6.12")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kernel.Instead(name, steps))
	call := kernel.Stmt{Var: -1, Call: kernel.CallByName("lru_add_drain")}
	return claim.New(kernel.Setup{
		CPUs: 2, Frames: 4,
		MMs: []kernel.MMSetup{{Name: "A", Regions: []kernel.RegionSetup{{Name: "buf", Pages: 2, Writable: true, Fill: []string{"d", "e"}}}}},
		Tasks: []kernel.TaskSetup{
			{Name: "P0", CPU: 0, MM: 0, Body: []kernel.Stmt{call}},
			{Name: "P1", CPU: 1, MM: 0, Body: []kernel.Stmt{call}},
		},
	}, k)
}

// only returns what a check of the model finds broken: one claim.
func only(t *testing.T, m *claim.Model) check.Broken {
	t.Helper()
	c := check.New(m, check.Limits{})
	for c.Run(1<<16).Phase < check.Stopped {
	}
	r := c.Result()
	if len(r.Claims) != 1 || !r.Claims[0].Shortest {
		t.Fatalf("got %v", r)
	}
	return r.Claims[0]
}

// played plays the run on a model of its own.
func played(t *testing.T, m *claim.Model, run []check.Choice) *trace.Run {
	t.Helper()
	r := trace.New(m)
	for _, c := range run {
		if _, err := r.Do(c); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func explained(t *testing.T, r *trace.Run, claim string) *trace.Explanation {
	t.Helper()
	e, err := r.Explain(claim)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// An order says which of the two locks a task takes first.
type order func(task int) int

func inverted(task int) int { return task }
func sameOrder(int) int     { return 0 }

func (o order) first(c *kernel.Ctx) machine.Word  { return c.Locks()[o(c.Task)] }
func (o order) second(c *kernel.Ctx) machine.Word { return c.Locks()[1-o(c.Task)] }

// locking, in straight line:
//
//	folio_lock(first); folio_lock(second); unlock both
func (o order) locking() []kernel.Step {
	return []kernel.Step{
		{Label: "lock", Says: "take the first lock", Wait: func(c *kernel.Ctx) kernel.Block { return c.Free(o.first(c)) },
			Do: func(c *kernel.Ctx) kernel.Next { c.Lock(o.first(c)); return kernel.Then }},
		{Label: "lock_other", Says: "take the other lock", Wait: func(c *kernel.Ctx) kernel.Block { return c.Free(o.second(c)) },
			Do: func(c *kernel.Ctx) kernel.Next { c.Lock(o.second(c)); return kernel.Then }},
		{Label: "unlock", Says: "unlock both", Do: func(c *kernel.Ctx) kernel.Next {
			c.Unlock(o.first(c))
			c.Unlock(o.second(c))
			return kernel.Return
		}},
	}
}

func TestLockOrderInversion(t *testing.T) {
	b := only(t, stuck(t, "lock_both", order(inverted).locking()))
	if b.Claim != check.NoDeadlock || len(b.Run) != 2 {
		t.Fatalf("got %+v", b)
	}
	e := explained(t, played(t, stuck(t, "lock_both", order(inverted).locking()), b.Run), check.NoDeadlock)
	const want = "A cycle of waits: P0 (on cpu0) waits for the lock of folio 2, which P1 holds; P1 (on cpu1) waits for the lock of folio 1, which P0 holds."
	if e.Text != want {
		t.Errorf("got  %s\nwant %s", e.Text, want)
	}
	if got := strings.Count(e.Chart, "take the first lock"); got != 2 {
		t.Errorf("the chart has %d steps that took a lock, want 2:\n%s", got, e.Chart)
	}
}

// deaf, in straight line:
//
//	disable interrupts; send the other CPU an IPI; wait for it; enable interrupts
func deaf() []kernel.Step {
	other := func(c *kernel.Ctx) int { return 1 - c.CPU }
	return []kernel.Step{
		{Label: "irq_off", Says: "disable interrupts", Do: func(c *kernel.Ctx) kernel.Next {
			c.Store(c.M.IRQOff(c.CPU), 1)
			return kernel.Then
		}},
		{Label: "send", Says: "send the IPI", Do: func(c *kernel.Ctx) kernel.Next {
			c.Or(c.M.IPI(other(c)), 1<<c.CPU)
			return kernel.Then
		}},
		{Label: "wait", Says: "the IPI is acknowledged", Wait: func(c *kernel.Ctx) kernel.Block {
			if w := c.M.IPI(other(c)); c.Load(w)>>c.CPU&1 != 0 {
				return kernel.Block{On: kernel.OnIPI, Who: other(c) + 1, At: w}
			}
			return kernel.Block{}
		}, Do: func(c *kernel.Ctx) kernel.Next { return kernel.Then }},
		{Label: "irq_on", Says: "enable interrupts", Do: func(c *kernel.Ctx) kernel.Next {
			c.Store(c.M.IRQOff(c.CPU), 0)
			return kernel.Return
		}},
	}
}

// smp_call_function_many warns of it: to wait for another CPU with interrupts off.
func TestIPIWithInterruptsOff(t *testing.T) {
	b := only(t, stuck(t, "call_other", deaf()))
	if b.Claim != check.NoDeadlock {
		t.Fatalf("got %+v", b)
	}
	e := explained(t, played(t, stuck(t, "call_other", deaf()), b.Run), check.NoDeadlock)
	const want = "A cycle of waits: P0 (on cpu0) waits for cpu1 to take the IPI: its interrupts are off; " +
		"P1 (on cpu1) waits for cpu0 to take the IPI: its interrupts are off."
	if e.Text != want {
		t.Errorf("got  %s\nwant %s", e.Text, want)
	}
}

// backingOff, in straight line:
//
//	again:
//		folio_lock(first)
//		if (!folio_trylock(second)) { folio_unlock(first); goto again }
//		unlock both
//
// There is no deadlock any more, but with the locks inverted both can go on like
// this in step.
func (o order) backingOff() []kernel.Step {
	s := o.locking()
	s[1] = kernel.Step{Label: "trylock_other", Says: "try the other lock", Do: func(c *kernel.Ctx) kernel.Next {
		if c.TryLock(o.second(c)) {
			return 3
		}
		return kernel.Then
	}}
	return slices.Insert(s, 2, kernel.Step{Label: "back_off", Says: "it is taken: unlock the first, start again",
		Do: func(c *kernel.Ctx) kernel.Next { c.Unlock(o.first(c)); return 0 }})
}

func TestBackingOffInStep(t *testing.T) {
	b := only(t, stuck(t, "trylock_both", order(inverted).backingOff()))
	if b.Claim != check.NoLivelock || b.Cycle != 6 || len(b.Run) != 6 {
		t.Fatalf("got %+v", b)
	}
	r := played(t, stuck(t, "trylock_both", order(inverted).backingOff()), b.Run)
	if n := r.Livelock(); n != b.Cycle {
		t.Errorf("the run has a cycle of %d steps, want %d", n, b.Cycle)
	}
	e := explained(t, r, "")
	const want = "Steps 1 to 6 lead back to the state before them, and can go on for ever although everybody gets a turn: " +
		`P0 retries trylock_both(), from "take the first lock" on and P1 retries trylock_both(), from "take the first lock" on.`
	if e.Claim != check.NoLivelock || e.Text != want {
		t.Errorf("got  %s\nwant %s", e.Text, want)
	}
	for _, chart := range []string{e.Chart, r.ASCII()} {
		if !strings.HasSuffix(chart, "*** and so on for ever: livelock\n") {
			t.Errorf("the chart does not say that it goes on:\n%s", chart)
		}
	}
	if r.Back(); r.Livelock() != 0 {
		t.Error("a cycle that is not closed is a livelock")
	}
}

// waiting is backingOff, where P1 does not back off but waits.
func waiting(on kernel.BlockKind) []kernel.Step {
	o := order(inverted)
	steps := o.backingOff()
	steps[1].Wait = func(c *kernel.Ctx) kernel.Block {
		b := c.Free(o.second(c))
		if c.Task == 0 || b.Ready() {
			return kernel.Block{}
		}
		return kernel.Block{On: on, Who: b.Who, At: b.At}
	}
	return steps
}

// One task backs off, the other waits, and could go on now and then: but it need
// not be just then that its CPU looks, unless it stands in the queue of the lock.
func TestBackingOffAlone(t *testing.T) {
	c := check.New(stuck(t, "trylock_first", waiting(kernel.OnLock)), check.Limits{})
	for c.Run(1<<16).Phase < check.Stopped {
	}
	if r := c.Result(); r.Verdict != check.Never {
		t.Errorf("in a queue: got %v", r)
	}

	b := only(t, stuck(t, "trylock_first", waiting(kernel.OnMemory)))
	if b.Claim != check.NoLivelock || b.Cycle != 3 || len(b.Run) != 4 {
		t.Fatalf("got %+v", b)
	}
	e := explained(t, played(t, stuck(t, "trylock_first", waiting(kernel.OnMemory)), b.Run), check.NoLivelock)
	const want = "Steps 2 to 4 lead back to the state before them, and can go on for ever although everybody gets a turn: " +
		`P0 retries trylock_first(), from "take the first lock" on and P1 can go on only now and then, and is in no queue.`
	if e.Text != want {
		t.Errorf("got  %s\nwant %s", e.Text, want)
	}
	if len(e.Steps) != 4 {
		t.Errorf("got steps %v: step 1 took the lock that is tried", e.Steps)
	}
}

// Locks that are taken in the same order by all: who has the first gets the other.
func TestBackingOffInOrder(t *testing.T) {
	c := check.New(stuck(t, "trylock_in_order", order(sameOrder).backingOff()), check.Limits{})
	for c.Run(1<<16).Phase < check.Stopped {
	}
	if r := c.Result(); r.Verdict != check.Never {
		t.Errorf("got %v", r)
	}
}
