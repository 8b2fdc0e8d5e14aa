package view

import (
	"slices"
	"strings"
	"testing"

	"gupscope/core/trace"
)

// A violation that somebody's TLB, or another MMU, is to blame for is drawn as it is told: from the step that makes its entry untrue
// to the one that goes by it, with the window between.
func TestRacesOfMMUsAreDrawn(t *testing.T) {
	for _, want := range []struct {
		scenario, kernel, run string
		window                string
		race                  [][2]int // the edges that race, and no others
		used                  int
	}{
		{"fork-stale-tlb", "v6.12 without fork_flush_tlb", "0x2s.1x5R.1:11c.1x13N.0O.2x3w", "cpu0's TLB goes by PTE of A buf = frame 1 W D A", [][2]int{{2, 16}, {16, 22}}, 22},
		{"store-vs-munmap", "", "0x2s.1x15W.0O", "cpu0's TLB goes by PTE of A buf = frame 1 W D A", [][2]int{{2, 11}, {11, 18}}, 18},
		{"sva-vs-dontneed", "", "0i.1x12M.2:1E.1x4W.0i", "the IOTLB goes by PTE of A buf = frame 1 W D A", [][2]int{{1, 8}, {8, 19}}, 19},
	} {
		r, err := trace.Replay(modelOf(t, want.scenario, want.kernel).Model, want.run)
		if err != nil {
			t.Fatalf("%s: %v", want.scenario, err)
		}
		x := OfRace(r, nil, nil)
		if !slices.ContainsFunc(x.Windows, func(w Window) bool { return w.Bad && slices.Contains(w.Texts, want.window) }) {
			t.Errorf("%s: no window is to blame in which %s: %+v", want.scenario, want.window, x.Windows)
		}
		var race [][2]int
		for _, e := range x.Edges {
			if e.Race && e.FromLane != e.ToLane {
				race = append(race, [2]int{e.From, e.To})
			}
		}
		if !slices.Equal(race, want.race) {
			t.Errorf("%s: the edges that race are %v, not %v", want.scenario, race, want.race)
		}
		if note := x.Row(want.used).Note; !strings.Contains(note, "untrue since") {
			t.Errorf("%s: of step %d stands %q", want.scenario, want.used, note)
		}
	}
}
