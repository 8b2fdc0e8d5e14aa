package kernel_test

import (
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/scenario"
)

// TestPrivateCellsHaveNames: at no moment two cells have one name, and what a function has for itself in its second call is not named as in its first.
func TestPrivateCellsHaveNames(t *testing.T) {
	k, _ := scenario.ParseKernel("v6.12")
	f, ds := scenario.Parse("test", []byte(`GUP test
kernel v6.12
frames 4
mm A { buf = anon 2 rw "a" }
P0 on cpu0 in A {
    p = get_user_pages_fast(buf[0])
    q = get_user_pages_fast(buf[1])
}
`))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	setup, _ := f.ForKernel(k)
	s := kernel.New(setup, k, machine.Track{})
	calls := [2]map[string]bool{{}, {}} // the names of what is private, by the call
	for range 10_000 {
		layout, seen := s.M.Mem.Layout(), map[string]cell.ID{}
		for id := range cell.ID(layout.Len()) {
			name := layout.Name(id)
			if was, twice := seen[name]; twice {
				t.Fatalf("cells %d and %d are both %q", was, id, name)
			}
			seen[name] = id
			if pc := s.M.Peek(s.M.PC(0)); pc > 0 && strings.HasPrefix(name, "P0 gup_fast") {
				calls[pc-1][name] = true
			}
		}
		cs := s.Choices(nil)
		if len(cs) == 0 {
			break
		}
		s.Do(cs[0])
	}
	if len(calls[0]) == 0 || len(calls[1]) == 0 {
		t.Fatal("GUP-fast has nothing for itself")
	}
	for name := range calls[1] {
		if calls[0][name] || !strings.HasSuffix(name, ", call 2") {
			t.Errorf("%q is named so in the second call", name)
		}
	}
}
