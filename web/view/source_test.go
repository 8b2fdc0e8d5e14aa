package view

import (
	"slices"
	"testing"

	"gupscope/core/check"
)

// What is a function in several parts since, and was one in the kernel chosen, stands in the way to it once.
func TestStackNamesEachFunctionOnce(t *testing.T) {
	r := modelOf(t, "gup-fast-vs-reclaim-clean", "v4.6")
	deep := false
	for r.Offer(0).Ready {
		for _, l := range OfListing(r) {
			way := append(slices.Clone(l.Stack), l.Func)
			deep = deep || slices.Equal(way, []string{"get_user_pages_fast", "gup_pmd_range", "gup_pte_range"})
			if len(slices.Compact(slices.Clone(way))) != len(way) {
				t.Errorf("after %d steps %s is in %v", r.Len(), l.Task, way)
			}
		}
		if _, err := r.Do(check.Choice{Actor: 0, Key: uint16(r.Offer(0).Keys[0])}); err != nil {
			t.Fatal(err)
		}
	}
	if !deep {
		t.Error("get_user_pages_fast was never in gup_pte_range")
	}
}
