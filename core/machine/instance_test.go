package machine

import (
	"slices"
	"testing"

	"gupscope/core/cell"
)

func specimen() *Machine {
	return New(Config{
		CPUs:     1,
		MMs:      []MMConfig{{Name: "A", Parent: -1, Regions: []RegionConfig{{Name: "buf", Pages: 1, Flags: VMRead | VMWrite}}}},
		Tasks:    []TaskConfig{{Name: "P0", MM: 0, Vars: []string{"p"}}},
		Frames:   2,
		Tables:   1,
		Slots:    1,
		Captures: func(uint16) int { return 1 }, Locals: func(uint16) int { return 1 },
	})
}

// footprint is what f leaves.
func footprint(m *Machine, f func()) cell.Footprint {
	var foot cell.Footprint
	m.Mem.Record(&foot)
	f()
	m.Mem.Record(nil)
	return foot
}

// TestCapturesAreNamed holds the words that captures finds against the layout,
// and who looks for captures, or changes them, against what it leaves in the footprint.
func TestCapturesAreNamed(t *testing.T) {
	m := specimen()
	m.Push(0, 0)
	seen := 0
	capture := uint64(MakePTE(1, RW))
	words := []Word{m.Held(0), m.Gathered(0, 0), m.Local(0, 0, 0), m.Var(0, 0), m.Walker(0), m.TLB(0, 0)}
	for _, w := range words {
		m.Store(w, capture)
	}
	m.captures(func(w Word) {
		seen++
		r, _ := m.Mem.Layout().Region(w.Cell())
		if !r.Private || r.Names == nil {
			t.Errorf("%s may capture a frame, and its region is not private, or says nothing of names", m.Mem.Layout().Name(w.Cell()))
		}
	})
	if seen != len(words) {
		t.Errorf("%d words capture the frame, want %d", seen, len(words))
	}
	for _, w := range words {
		foot := footprint(m, func() { m.Store(w, 0) })
		if !slices.Equal(foot.Named, []cell.Instance{m.OfFrame(1)}) {
			t.Errorf("%s was emptied and left %v", m.Mem.Layout().Name(w.Cell()), foot.Named)
		}
		m.Store(w, capture)
	}
	m.Store(m.State(1), FrameData)
	foot := footprint(m, func() { m.Free(1) })
	if !slices.Equal(foot.Sought, []cell.Instance{m.OfFrame(1)}) {
		t.Errorf("to free frame 1 seeks %v", foot.Sought)
	}
	for _, w := range words {
		if !Entry(m.Peek(w)).IsStale() {
			t.Errorf("%s is not stale", m.Mem.Layout().Name(w.Cell()))
		}
		if slices.Contains(foot.Writes, w.Cell()) {
			t.Errorf("%s is in the footprint of who frees what it captures", m.Mem.Layout().Name(w.Cell()))
		}
	}
	foot = footprint(m, func() { m.Stale(Entry(m.Peek(m.Held(0)))) })
	if !slices.Equal(foot.Named, []cell.Instance{m.OfFrame(1)}) {
		t.Errorf("to ask whether a capture is stale leaves %v", foot.Named)
	}
	foot = footprint(m, func() { m.Offers(false, func(Frame) {}) })
	if !slices.Equal(foot.Sought, []cell.Instance{m.OfFrame(1), m.OfFrame(2)}) {
		t.Errorf("to offer free frames seeks %v", foot.Sought)
	}
}

// TestEveryPoolSays holds that what can be taken is an instance that goes from hand to hand.
func TestEveryPoolSays(t *testing.T) {
	m := specimen()
	n := 0
	m.Pools(func(_, _ cell.Class, i cell.Instance, _ Word) {
		n++
		if !m.Moves(i) {
			t.Errorf("%s can be taken, and is said to stay", m.InstanceName(i))
		}
	})
	if want := 2 + 1 + 1; n != want {
		t.Errorf("%d instances can be taken, want %d: frames, a table, a slot", n, want)
	}
}
