package verdict

import (
	"slices"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// TestFreedUpperTablesChangeNoVerdict proves every small scenario with nothing else near what it maps, too: the tables above the PTE tables are freed as those
// are, and what keeps walks out of one keeps them out of the other.
func TestFreedUpperTablesChangeNoVerdict(t *testing.T) {
	const small = 3000 // states where they stay
	compared, longer := 0, 0
	for _, s := range scenarios.List() {
		file, ds := scenario.Parse(s.File(), []byte(s.Text))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		k := file.Kernel
		setup, _ := file.ForKernel(k)
		if setup.PAE || setup.Gigantic || setup.FreesUpper || gigabyte(&setup) {
			continue
		}
		stay := proved(check.New(claim.New(setup, k), check.Limits{States: small}))
		if stay.Verdict == check.Unknown {
			continue
		}
		setup.FreesUpper = true
		freed := proved(check.New(claim.New(setup, k), check.Limits{}))
		less := falseClaims(stay)
		if s.Name == "gup-throttled-vs-munmap" { // a fault in a VMA that is gone, which a broken rule lets in, allocates no tables anew here: the MMU does not find what it maps
			less = slices.DeleteFunc(less, func(name string) bool { return name == "tlb-within-vma" })
		}
		if freed.Verdict != stay.Verdict || !slices.Equal(falseClaims(freed), less) {
			t.Errorf("%s on %v: %v %v where upper tables are freed, %v %v where they stay", s.Name, k, freed.Verdict, falseClaims(freed), stay.Verdict, falseClaims(stay))
		}
		compared++
		if freed.States > stay.States {
			longer++
		}
	}
	t.Logf("%d scenarios compared, %d have more states where upper tables are freed", compared, longer)
	if compared < 50 || longer < compared/2 {
		t.Errorf("%d scenarios compared, of which %d have more states where upper tables are freed: they tell nothing", compared, longer)
	}
}

func gigabyte(s *kernel.Setup) bool {
	return slices.ContainsFunc(s.MMs, func(m kernel.MMSetup) bool {
		return slices.ContainsFunc(m.Regions, func(r kernel.RegionSetup) bool { return r.Gigabyte })
	})
}

// TestUpperTablesGoWithTheLastVMA holds what is left of an mm's tables against what is left of its memory.
func TestUpperTablesGoWithTheLastVMA(t *testing.T) {
	const head = "GUP t\n\nkernel v6.12\n\nmm A { buf = anon 1 rw \"a\"; near = thp 1 rw \"b\" \"b\" }\npgtable_levels "
	for _, c := range []struct {
		levels, body string
		left         []int // the levels of which the mm has a table at the end
	}{
		{"4 freed", "munmap(buf)", []int{machine.LevelPGD, machine.LevelPUD, machine.LevelPMD}},
		{"5 freed", "munmap(near)", []int{machine.LevelPGD, machine.LevelP4D, machine.LevelPUD, machine.LevelPMD}},
		{"4 freed", "munmap(near); munmap(buf)", []int{machine.LevelPGD}},
		{"5 freed", "munmap(buf); munmap(near)", []int{machine.LevelPGD}},
		{"4 freed", "exit()", []int{machine.LevelPGD}},
		{"5 freed", "munmap(buf); exit()", []int{machine.LevelPGD}},
		{"5 freed", "munmap(buf); munmap(near); exit()", []int{machine.LevelPGD}},
		{"4", "exit()", []int{machine.LevelPGD, machine.LevelPUD, machine.LevelPMD}},
	} {
		file, ds := scenario.Parse("t.gup", []byte(head+c.levels+"\n\nP0 on cpu0 in A { "+c.body+" }\n"))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		for _, rcu := range []bool{false, true} {
			k := file.Kernel
			if rcu {
				var err error
				if k, err = k.With(kernel.Setting{Rule: "pt_free", Value: "rcu"}); err != nil {
					t.Fatal(err)
				}
			}
			setup, _ := file.ForKernel(k)
			m := claim.New(setup, k)
			for cs := m.Choices(nil); len(cs) > 0; cs = m.Choices(cs[:0]) {
				m.Do(cs[0])
			}
			var left []int
			for _, level := range m.M.UpperLevels() {
				if m.M.Peek(m.M.State(m.M.Upper(0, level))) == machine.FrameTable {
					left = append(left, level)
				}
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("pgtable_levels %s, %v: after %s the mm has tables of levels %v, not %v", c.levels, k, c.body, left, c.left)
			}
		}
	}
}
