package claim_test

import (
	"fmt"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// Locks have an order (machine.LockKind): who holds one waits for none that stands before it, so that nobody waits in a circle, whoever else there may be than who is
// played. What is only tried is no wait. Of two locks of one kind that order says nothing: nobody waits for one while he has the other, but as Awaited says.

// outOfOrder says what is wrong with waiting for a lock while holding another; "" if nothing is.
func outOfOrder(m *claim.Model, held, wanted machine.Lock) string {
	switch {
	case held.Kind < wanted.Kind:
		return ""
	case held.Kind == machine.HugetlbFolioLock && wanted.Kind == machine.FaultMutex:
		// hugetlb_wp has an anonymous folio locked, and drops the mutex to unmap it elsewhere (unmap_ref_private), then takes it again. Who has the mutex
		// waits for no anonymous folio: it tries its lock, and backs off.
		if mapping := m.M.Peek(m.M.Mapping(machine.Frame(held.Cell() - m.M.FolioLock(0).Cell()))); machine.IsAnon(mapping) {
			return ""
		}
	}
	layout := m.Memory().Layout()
	return fmt.Sprintf("holds the %s, and waits for the %s", layout.Name(held.Cell()), layout.Name(wanted.Cell()))
}

// takesLocksInOrder holds what the step to come waits for against that.
func (s *taken) takesLocksInOrder() {
	a := s.m.Actors()[s.choice.Actor]
	if a.Kind != kernel.TaskActor {
		return
	}
	s.m.Awaited(a.Task, func(held, wanted machine.Lock) {
		if wrong := outOfOrder(s.m, held, wanted); wrong != "" {
			s.fail("%s, %q: who makes it %s", s.look.Func.Name, s.step.Label, wrong)
		}
	})
}

// TestLockOrderIsSeen holds the law itself: where somebody waits for mmap_lock, in madvise, he may have i_rwsem, and may have no lock that stands behind it; nor another mmap_lock.
func TestLockOrderIsSeen(t *testing.T) {
	s, _ := scenarios.ByName("hugetlb-shared-pmd-table")
	file, ds := scenario.Parse(s.File(), []byte(s.Text))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	setup, ds := file.ForKernel(file.Kernel)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	m := claim.New(setup, file.Kernel)
	wanted, _ := m.M.LockAt(m.M.MmapLock(0).Cell())
	kinds := map[machine.LockKind]bool{}
	m.M.EachLock(func(held machine.Lock) {
		if kinds[held.Kind] = true; held.Word != wanted.Word {
			if got, want := outOfOrder(m, held, wanted) == "", held.Kind < machine.MmapLock; got != want {
				t.Errorf("mmap_lock under the %s: in order is %v", m.Memory().Layout().Name(held.Cell()), got)
			}
		}
	})
	if len(kinds) < 10 {
		t.Errorf("the scenario has %d kinds of locks: this tells little", len(kinds))
	}
	// Awaited sees what is held.
	var found bool
	walk(m, 1, func(_ int, c check.Choice, step func()) {
		if task := m.Actors()[c.Actor].Task; task >= 0 && !found {
			mark := m.Memory().Mark()
			m.M.Store(m.M.PTL(m.M.TableFrame(0)), uint64(task)+1)
			m.Awaited(task, func(held, wanted machine.Lock) {
				found = found || held.Kind >= machine.PMDLock && wanted.Kind == machine.MmapLock
			})
			m.Memory().Undo(mark)
		}
		step()
	})
	if !found {
		t.Error("nobody was seen to wait for mmap_lock while he has a page table's lock")
	}
}
