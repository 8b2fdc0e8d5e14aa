package kernel

import (
	"slices"
	"testing"

	"gupscope/core/machine"
)

// TestWhoWalksSaysSo follows every call to what it may call: one that comes to a lock of a reverse mapping must say that it walks, or nobody would
// take the lock in a scenario where it matters.
func TestWhoWalksSaysSo(t *testing.T) {
	locks := func(f FuncID) bool {
		switch f {
		case fnMovePageTables, fnMunmap, fnMMPut, fnCollapseHugePage: // for writing: they change what is walked
			return false
		}
		return slices.ContainsFunc(funcs[f].Steps, func(s Step) bool {
			return s.When.where&(hasRmapLocks|hasMappingLocks) != 0 && s.Touches.Has(machine.RmapLocks)
		})
	}
	// What moves pages for a fault or a long-term pin; Setup.rmapLocks looks for that itself.
	apart := []FuncID{fnDoNUMAPage, fnDoHugePMDNUMAPage, fnGUPLongtermLocked}
	for _, call := range Calls {
		tables := []FuncID{call.entry}
		for _, f := range call.words {
			tables = append(tables, f)
		}
		for _, table := range tables {
			if table == fnNone || call.walks {
				continue
			}
			switch call.Name {
			case "madvise", "ksm_do_scan": // Stmt.walksRmap
				continue
			case "khugepaged": // of files: Setup.rmapLocks
				continue
			case "iput": // nobody maps what it takes away
				continue
			}
			seen, next := map[FuncID]bool{}, []FuncID{table}
			for len(next) > 0 {
				f := next[0]
				next = next[1:]
				if seen[f] || funcs[f] == nil || slices.Contains(apart, f) {
					continue
				}
				if seen[f] = true; locks(f) {
					t.Errorf("%s comes to %s, which walks a reverse mapping, and does not say so", call.Name, funcs[f].Name)
				}
				for _, s := range funcs[f].Steps {
					next = append(next, s.Calls...)
				}
			}
		}
	}
}
