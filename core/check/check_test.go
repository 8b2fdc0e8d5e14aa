package check_test

import (
	"math"
	"reflect"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

func TestStopsAtStates(t *testing.T) {
	m := newTwoPhase(5)
	c := check.New(m, check.Limits{States: 1000})
	r := finish(c, 64)
	if want := "unknown: stopped at 1000 states"; r.String() != want {
		t.Errorf("got %q, want %q", r, want)
	}
	if r.Verdict != check.Unknown || r.Transitions < 1000 {
		t.Errorf("got verdict %v, %d transitions", r.Verdict, r.Transitions)
	}
	if p := c.Run(1000); p.Phase != check.Stopped || p.States != 1000 || p.Transitions != r.Transitions {
		t.Errorf("a stopped check went on to %+v", p)
	}
	if m.mem.Hash() != 0 {
		t.Errorf("memory is not at the initial state: %v", m.mem.Snapshot(nil))
	}
	c.Limit(check.Limits{States: 8832})
	if r := finish(c, 64); r.Verdict != check.Never || r.States != 8832 {
		t.Errorf("with just enough room: got %v", r)
	}
}

func TestStopsAtBytes(t *testing.T) {
	c := check.New(newTwoPhase(7), check.Limits{})
	all := finish(c, 1000)
	const limit = 1 << 20
	c = check.New(newTwoPhase(7), check.Limits{Bytes: limit})
	var p check.Progress
	for p = c.Run(1000); p.Phase < check.Stopped; p = c.Run(1000) {
		if p.Bytes > limit+1<<16 {
			t.Fatalf("got %d bytes with a limit of %d", p.Bytes, limit)
		}
	}
	if r := c.Result(); p.Phase != check.Stopped || r.Verdict != check.Unknown || r.States < limit/40 || r.States >= all.States {
		t.Errorf("got %v, %v of %d states", p.Phase, r, all.States)
	}
	c.Limit(check.Limits{})
	if r := finish(c, 1000); !reflect.DeepEqual(r, all) {
		t.Errorf("got %+v, want %+v", r, all)
	}
}

// A breach that was found before the limit is reported, with the shortest run
// to it if there is room to look for that.
func TestStoppedWithBreach(t *testing.T) {
	all := finish(check.New(newIncrement(6), check.Limits{}), 1000)
	r := finish(check.New(newIncrement(6), check.Limits{States: all.States - 1}), 1000)
	if r.Verdict != check.Unknown || !reflect.DeepEqual(r.Claims, all.Claims) {
		t.Errorf("got %+v, want unknown, %+v", r, all.Claims)
	}

	// Not a single layer fits: what the proof has come across is all there is.
	c := check.New(newIncrement(6), check.Limits{States: 20})
	r = finish(c, 1000)
	if len(r.Claims) != 1 || r.Claims[0].Shortest || len(r.Claims[0].Run) <= len(all.Claims[0].Run) {
		t.Errorf("got %+v, want a longer run than %+v, not proved shortest", r.Claims, all.Claims)
	}
	if want := "unknown: stopped at 20 states, found no-lost-increment"; r.String() != want {
		t.Errorf("got %q, want %q", r, want)
	}
	c.Limit(check.Limits{})
	if r = finish(c, 1000); !reflect.DeepEqual(r, all) {
		t.Errorf("got %+v, want %+v", r, all)
	}
}

// The proof fits, the search for a shortest run does not: the verdict stands.
func TestStoppedWhileShortening(t *testing.T) {
	all := finish(check.New(newPhilosophers(7, -1), check.Limits{}), 1000)
	c := check.New(newPhilosophers(7, -1), check.Limits{})
	for c.Run(1).Phase == check.Proving {
	}
	c.Limit(check.Limits{States: 50})
	r := finish(c, 10)
	if r.Verdict != check.Sometimes || len(r.Claims) != 1 || r.Claims[0].Shortest {
		t.Errorf("got %+v, want a deadlock, not proved shortest", r)
	}
	if p := c.Run(10); p.Phase != check.Stopped {
		t.Errorf("got phase %v, want stopped", p.Phase)
	}
	for limit := uint64(60); c.Run(10).Phase != check.Done; limit += 10 {
		c.Limit(check.Limits{States: limit})
		finish(c, 10)
	}
	if r := c.Result(); !reflect.DeepEqual(r, all) {
		t.Errorf("got %+v, want %+v", r, all)
	}
}

func TestPhasesComeInOrder(t *testing.T) {
	c := check.New(newIncrement(4), check.Limits{})
	last := check.Progress{}
	for last.Phase != check.Done {
		p := c.Run(1)
		if p.Phase < last.Phase || p.States < last.States || p.Transitions < last.Transitions || p.Layer < last.Layer && p.Phase != check.Done {
			t.Fatalf("progress went from %+v to %+v", last, p)
		}
		if len(last.Broken) > len(p.Broken) {
			t.Fatalf("claims that broke were forgotten: %v, then %v", last.Broken, p.Broken)
		}
		if p.Phase == check.Proving && p.Transitions > last.Transitions+1 {
			t.Fatalf("a budget of 1 was overdrawn: %+v, then %+v", last, p)
		}
		last = p
	}
}

func TestBrokenFromTheStart(t *testing.T) {
	m := newIncrement(2)
	m.mem.Store(m.counter, 1)
	r := agree(t, m)
	if r.States != 1 || len(r.Claims) != 1 || len(r.Claims[0].Run) != 0 || !r.Claims[0].Shortest {
		t.Errorf("got %+v, want a breach without a step", r)
	}
}

// The initial state is the one that the memory is in.
func TestStartsWhereTheMemoryIs(t *testing.T) {
	m := newIncrement(2)
	m.Do(check.Choice{Actor: 0})
	m.Do(check.Choice{Actor: 0})
	if r := agree(t, m); r.Verdict != check.Never || r.States != 3 {
		t.Errorf("got %v, want Never, 3 states", r)
	}
}

// outlaw keeps state outside its memory: it looks away after a while.
type outlaw struct {
	*increment
	looks int
}

func (m *outlaw) Broken(since cell.Mark, dst []int) []int {
	if m.looks++; m.looks > 20 {
		return dst
	}
	return m.increment.Broken(since, dst)
}

func TestReplayCatchesOutlaws(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a run that does not break its claim was reported")
		}
	}()
	finish(check.New(&outlaw{increment: newIncrement(2)}, check.Limits{}), 1000)
}

func TestOmission(t *testing.T) {
	for states, want := range map[uint64]float64{1: 0, 2: math.Exp2(-64), 1 << 32: 0.5, 1 << 40: 1} {
		if got := (check.Result{States: states}).Omission(); math.Abs(got-want) > want*1e-6 {
			t.Errorf("%d states: got %g, want %g", states, got, want)
		}
	}
}

// counter counts to a number and stops, over and over.
type counter struct {
	mem *cell.Memory
	to  uint64
}

func (m *counter) Memory() *cell.Memory                      { return m.mem }
func (m *counter) Choices(dst []check.Choice) []check.Choice { return append(dst, check.Choice{}) }
func (m *counter) Do(check.Choice)                           { m.mem.Store(0, (m.mem.Load(0)+1)%m.to) }
func (m *counter) Claims() []string                          { return []string{"never-at-the-top"} }
func (m *counter) Done() bool                                { return false }
func (m *counter) Broken(_ cell.Mark, dst []int) []int {
	if m.mem.Load(0) == m.to-1 {
		dst = append(dst, 0)
	}
	return dst
}

// A run as long as there are states neither overflows nor costs a stack of the machine.
func TestDeep(t *testing.T) {
	var l cell.Layout
	l.Add(1, cell.Region{Name: func(int) string { return "counter" }})
	const to = 1_000_000
	r := finish(check.New(&counter{cell.New(&l), to}, check.Limits{}), 1<<20)
	if r.States != to || r.Depth != to-1 || len(r.Claims) != 1 || len(r.Claims[0].Run) != to-1 {
		t.Errorf("got %v, depth %d", r, r.Depth)
	}
	if r.Claims[0].Shortest {
		t.Errorf("a run of %d steps is beyond what is proved shortest", to-1)
	}
}
