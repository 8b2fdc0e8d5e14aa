package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// Whatever lock is held stands in memory, with all who wait for it, and has a bar in the lane of each who holds it.
func TestLocksAreSeen(t *testing.T) { locksAreSeen.test(t) }

var lockKinds = []string{"i_rwsem", "mmap_lock", "invalidate_lock", "VMA lock", "hugetlb fault mutex", "hugetlb VMA lock", "PG_locked", "i_mmap_rwsem", "anon_vma lock", "mmu_lock", "umem_mutex",
	"ksm_thread_mutex", "PTL", "PMD lock"}

var locksAreSeen = law{meets: append([]string{"lock that is waited for"}, lockKinds...), holds: func(s *state) error {
	r := s.run
	mem := r.Model.Memory()
	layout := mem.Layout()
	bars := 0
	for id := range cell.ID(layout.Len()) {
		if layout.Owner(id) != "lock" && layout.Class(id) != machine.FolioLocks || mem.Peek(id) == 0 {
			continue
		}
		name := layout.Name(id)
		for _, kind := range lockKinds {
			if strings.Contains(name, kind) {
				s.met[kind]++
			}
		}
		if !slices.ContainsFunc(s.memory.Locks, func(l Lock) bool { return l.ID == int(id) && l.State != "free" }) {
			return fmt.Errorf("%s is %s, and is not among the locks", name, layout.Decode(id, mem.Peek(id)))
		}
		for _, t := range r.Model.Setup.Tasks {
			if strings.Contains(layout.Decode(id, mem.Peek(id))+",", " "+t.Name+",") {
				bars++
			}
		}
	}
	for _, b := range r.Spans() {
		if b.Kind == trace.Locked && b.To == 0 {
			bars--
		}
	}
	if bars != 0 {
		return fmt.Errorf("of those who hold locks, %d have no bar", bars)
	}
	for _, a := range r.Lanes() {
		l := r.Model.Look(a.ID)
		if l.On != kernel.OnLock && l.On != kernel.OnReaders {
			continue
		}
		s.met["lock that is waited for"]++
		if !slices.ContainsFunc(s.memory.Locks, func(k Lock) bool { return k.ID == int(l.At.Cell()) && slices.Contains(k.Waits, a.Name) }) {
			return fmt.Errorf("%s %s, and no lock says so", a.Name, l.Why)
		}
	}
	return nil
}}

// What a step changes of what is shared can be told, but for what the model alone keeps.
func TestChangesAreTold(t *testing.T) { changesAreTold.test(t) }

var changesAreTold = law{meets: []string{"change of a page-cache slot", "change of a tag", "change of a block", "change of a buffer", "change of a size", "change of a swap slot", "change of the hugetlb pool"}, holds: func(s *state) error {
	if s.run.Cursor() == 0 {
		return nil
	}
	for _, c := range s.run.Steps()[s.run.Cursor()-1].Changes {
		_, lock := s.run.Model.M.LockAt(c.Cell)
		if !lock && !private.Has(c.Class) && c.Class != machine.Ledgers && !slices.Contains(telling, c.Class) {
			return fmt.Errorf("%s: %s → %s: nothing tells of %s", c.Name, c.Old, c.New, machine.ClassName(c.Class))
		}
	}
	for _, c := range s.race.Here.Changes {
		for suffix, what := range map[string]string{" page cache": "a page-cache slot", " tags": "a tag", " on disk": "a block", " buffers": "a buffer", " i_size": "a size", " count": "a swap slot", "huge pages reserved": "the hugetlb pool"} {
			if strings.HasSuffix(c.What, suffix) {
				s.met["change of "+what]++
			}
		}
		if text := c.Delta; text == "" && (c.Old == c.New || c.New == "") {
			return fmt.Errorf("%+v says nothing", c)
		}
	}
	return nil
}}
