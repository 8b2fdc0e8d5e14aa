package trace

import "testing"

// TestFindCycle has two tasks wait for each other's lock, a third for one of
// them, and a fourth for memory.
func TestFindCycle(t *testing.T) {
	all := []Wait{{Actor: 3, For: -1}, {Actor: 2, For: 0}, {Actor: 0, For: 1}, {Actor: 1, For: 0}}
	waits := map[int]*Wait{}
	for i := range all {
		waits[all[i].Actor] = &all[i]
	}
	cycle := findCycle(all, waits)
	if len(cycle) != 2 || cycle[0].Actor != 0 || cycle[1].Actor != 1 {
		t.Errorf("got %v", cycle)
	}
	if cycle := findCycle(all[:1], waits); cycle != nil {
		t.Errorf("nobody is waited for, but the cycle is %v", cycle)
	}
}
