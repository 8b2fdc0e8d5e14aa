package claim_test

import (
	"slices"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/machine"
)

// What is found without looking at everything is what looking at everything finds:
// the free frames on offer, and who can move.
func TestNothingIsOverlooked(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model, some func(int) int) {
		setup := m.Setup
		setup.Frames += 3 // some that are free behind others that are
		m = claim.New(setup, m.Kernel)
		walk(m, some(20), func(_ int, c check.Choice, step func()) {
			step()
			for _, table := range []bool{false, true} {
				var got []machine.Frame
				m.M.Offers(table, func(f machine.Frame) { got = append(got, f) })
				want := offers(m.M, table)
				if !slices.Equal(got, want) {
					t.Fatalf("after %v: frames %v are on offer (tables: %v), want %v", c, got, table, want)
				}
				if m.M.Available(table) != (len(want) > 0) {
					t.Fatalf("after %v: a frame is to be had: %v (tables: %v), but %v are on offer", c, m.M.Available(table), table, want)
				}
			}
			var want []check.Choice
			for i := range m.Sim.Actors() {
				m.Offers(i, func(key int) { want = append(want, check.Choice{Actor: uint16(i), Key: uint16(key)}) })
			}
			if got := m.Choices(nil); !slices.Equal(got, want) {
				t.Fatalf("after %v: got the choices %v, asked one by one %v", c, got, want)
			}
		})
	})
}

// offers is Machine.Offers in full: every free frame that any private cell names as
// it was before it was freed, or a node of KSM's stable tree names, and the lowest other one; where frames come in blocks, the lowest in a block
// that is not all free, if there is one.
func offers(m *machine.Machine, table bool) (out []machine.Frame) {
	stale := map[machine.Frame]bool{}
	layout := m.Mem.Layout()
	for id := range cell.ID(layout.Len()) {
		if c := layout.Class(id); c == machine.Stacks || c == machine.TLBs || c == machine.Secondary {
			if e := machine.Entry(m.Mem.Peek(id)); e.IsStale() {
				stale[e.Frame()] = true
			}
		}
	}
	if m.KSM {
		for n := range m.StableNodes() {
			stale[machine.Hold(m.Peek(m.StableNode(n))).Frame()] = true
		}
	}
	other := 0
	free := func(i int) bool { return i <= m.Frames && m.Peek(m.State(machine.Frame(i))) == machine.FrameFree }
	whole := func(i int) bool {
		if !m.LargeFolios || table && !m.Shared {
			return false
		}
		first := i / m.HugePages * m.HugePages
		for k := range m.HugePages {
			if first == 0 || !free(first+k) {
				return false
			}
		}
		return true
	}
	for i := 1; i < m.FrameCount(); i++ {
		f := machine.Frame(i)
		fits := m.IsData(f) && !m.IsHugetlb(f)
		if table && !m.Shared {
			fits = m.IsPTETable(f)
		}
		if !fits || m.Peek(m.State(f)) != machine.FrameFree {
			continue
		}
		switch {
		case stale[f]:
			out = append(out, f)
		case other == 0, whole(other) && !whole(i):
			other = i
		}
	}
	if other != 0 {
		out = append(out, machine.Frame(other))
	}
	slices.Sort(out)
	return out
}
