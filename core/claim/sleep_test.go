package claim_test

import (
	"fmt"
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

// Who may not sleep: who has interrupts off (a read side of RCU, too, for whom a grace period waits), and who holds a spinlock. So in such a
// section nobody comes to where he may have to wait for a lock that one sleeps for, for memory, for the end of a write, or for a grace period: not
// even when there is nothing to wait for today, as might_sleep() has it. A wait for another CPU's acknowledgement spins, and is legal under a page-table
// lock; not with interrupts off, where two who do it wait for each other.

// spinlocks are the locks of the model that are spinlocks: those of page tables, and KVM's. For all others one sleeps.
func spinlocks(m *claim.Model) (out []cell.ID) {
	layout := m.Memory().Layout()
	for id := range cell.ID(layout.Len()) {
		if layout.Class(id) == machine.PTLs || layout.Owner(id) == "lock" && strings.Contains(layout.Name(id), "mmu_lock") {
			out = append(out, id)
		}
	}
	return out
}

// sleepsOnlyWhereItMay holds the step that the task of an actor comes to against that.
func sleepsOnlyWhereItMay(m *claim.Model, spins []cell.ID, actor int) error {
	a := &m.Actors()[actor]
	if a.Kind != kernel.TaskActor {
		return nil
	}
	held := slices.IndexFunc(spins, func(id cell.ID) bool { return m.Memory().Peek(id) == uint64(a.Task)+1 })
	irqOff := m.M.Peek(m.M.IRQOff(a.CPU)) != 0
	if held < 0 && !irqOff {
		return nil
	}
	var foot cell.Footprint
	was := m.Memory().Record(&foot)
	look := m.Look(actor)
	m.Memory().Record(was)
	if look.Func == nil || look.Func.Steps[look.Step].Wait == nil {
		return nil
	}
	where := fmt.Sprintf("%s, %q", look.Func.Name, look.Func.Steps[look.Step].Label)
	if irqOff && look.On == kernel.OnIPI {
		return fmt.Errorf("%s waits for another CPU with interrupts off", where)
	}
	for _, id := range foot.Reads {
		switch what := sleepsOn(m.Memory().Layout(), id, look.On); {
		case what == "", slices.Contains(spins, id):
		case irqOff:
			return fmt.Errorf("%s may sleep for %s with interrupts off", where, what)
		default:
			return fmt.Errorf("%s may sleep for %s under the %s", where, what, m.Memory().Layout().Name(spins[held]))
		}
	}
	return nil
}

// sleepsOn is what somebody may sleep for who reads the cell, no spinlock, before he goes on; "" if nothing.
func sleepsOn(layout *cell.Layout, id cell.ID, on kernel.BlockKind) string {
	switch {
	case layout.Owner(id) == "lock", layout.Class(id) == machine.FolioLocks:
		return layout.Name(id)
	case layout.Class(id) == machine.RCU:
		return "a grace period"
	case on == kernel.OnMemory, layout.Class(id) == machine.Frames:
		return "memory"
	case on == kernel.OnWriteback:
		return "the end of a write"
	case on == kernel.OnInvalidation:
		return "the end of an invalidation"
	}
	return ""
}

// TestSleepIsSeen holds the law itself: the steps at which madvise waits for mmap_lock, and who takes a page away for a grace period, are legal as they
// stand, and are not with interrupts off, or under a page-table lock. So who waits for GUP-fast by a grace period must unlock first, and leave a
// marker in the PTE; in a read side it would wait for itself.
func TestSleepIsSeen(t *testing.T) {
	for _, on := range []struct{ scenario, kernel, step, sleeps string }{
		{"swapin-twice", "v6.12", "madvise/lock", "mmap_lock"},
		{"waiting-for-gup-fast", "v6.12 with remover_wait=rcu_sync", "wait_for_gup_fast/grace_period_over", "a grace period"},
	} {
		s, ok := scenarios.ByName(on.scenario)
		if !ok {
			t.Fatal(on.scenario)
		}
		file, _ := scenario.Parse(s.File(), []byte(s.Text))
		k, ds := scenario.ParseKernel(on.kernel)
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		setup, _ := file.ForKernel(k)
		m := claim.New(setup, k)
		spins, seen := spinlocks(m), false
		walk(m, 200, func(_ int, c check.Choice, step func()) {
			look := m.Look(int(c.Actor))
			if look.Func == nil || look.Func.Name+"/"+look.Func.Steps[look.Step].Label != on.step {
				step()
				return
			}
			seen = true
			a := m.Actors()[c.Actor]
			for _, w := range []machine.Word{m.M.IRQOff(a.CPU), m.M.PTL(m.M.TableFrame(0))} {
				if err := sleepsOnlyWhereItMay(m, spins, a.ID); err != nil {
					t.Errorf("%v: %v", k, err)
				}
				mark := m.Memory().Mark()
				m.M.Store(w, uint64(a.Task)+1)
				if err := sleepsOnlyWhereItMay(m, spins, a.ID); err == nil || !strings.Contains(err.Error(), on.sleeps) {
					t.Errorf("%s of %s on %v: got %v", on.step, on.scenario, k, err)
				}
				m.Memory().Undo(mark)
			}
			step()
		})
		if !seen {
			t.Errorf("%s on %v: no walk comes to %s", on.scenario, k, on.step)
		}
	}
}
