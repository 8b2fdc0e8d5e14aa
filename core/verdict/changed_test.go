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
	compare(t, "upper tables are freed", 200, func(_ kernel.Kernel, s *kernel.Setup) bool {
		fits := !s.PAE && !s.Gigantic && !s.FreesUpper && !gigabyte(s)
		s.FreesUpper = true
		return fits
	}, map[string][]string{
		// A fault in a VMA that is gone, which a broken rule lets in, allocates no tables anew here: the MMU does not find what it maps.
		"gup-throttled-vs-munmap": {"tlb-within-vma"},
	})
}

// TestFiveLevelsChangeNoVerdict proves every small scenario with page tables of five levels, too: the P4D stays while the mm lives,
// so whoever reads it learns nothing that could be untrue.
func TestFiveLevelsChangeNoVerdict(t *testing.T) {
	compare(t, "page tables have five levels", 200, func(k kernel.Kernel, s *kernel.Setup) bool {
		fits := k.Version.Order >= 414 && !s.PAE && !s.FiveLevels
		s.FiveLevels = true
		return fits
	}, nil)
}

// TestFullGathersChangeNoVerdict proves every small scenario with mmu_gathers that have room for one page, too: what is put on the way was flushed as what is put in the end.
func TestFullGathersChangeNoVerdict(t *testing.T) {
	compare(t, "a gather is full with one page", 50, func(_ kernel.Kernel, s *kernel.Setup) bool {
		fits := s.GatherPages == 0
		s.GatherPages = 1
		return fits
	}, map[string][]string{
		// The flush under the PTL, of the page that fills the gather, comes before the other thread finds its PTE none.
		"dontneed-twice": {`P0.v == "a"`},
	})
}

// compare proves every small scenario once more, changed in one thing: as many as want have to have more states then, and none another verdict. Where the change
// keeps a claim from being false, less says so.
func compare(t *testing.T, where string, want int, change func(kernel.Kernel, *kernel.Setup) bool, less map[string][]string) {
	const small = 4000 // states as it is
	compared, longer := 0, 0
	for _, s := range scenarios.List() {
		file, ds := scenario.Parse(s.File(), []byte(s.Text))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		k := file.Kernel
		setup, _ := file.ForKernel(k)
		changed := setup
		if !change(k, &changed) {
			continue
		}
		as := proved(check.New(claim.New(setup, k), check.Limits{States: small}))
		if as.Verdict == check.Unknown {
			continue
		}
		other := proved(check.New(claim.New(changed, k), check.Limits{}))
		expected := slices.DeleteFunc(falseClaims(as), func(name string) bool { return slices.Contains(less[s.Name], name) })
		verdict := as.Verdict
		if len(expected) == 0 {
			verdict = check.Never
		}
		if other.Verdict != verdict || !slices.Equal(falseClaims(other), expected) {
			t.Errorf("%s on %v: %v %v where %s, %v %v else", s.Name, k, other.Verdict, falseClaims(other), where, as.Verdict, falseClaims(as))
		}
		compared++
		if other.States > as.States {
			longer++
		}
	}
	t.Logf("%d scenarios compared, %d have more states where %s", compared, longer, where)
	if longer < want {
		t.Errorf("%d scenarios compared, of which %d have more states where %s: they tell nothing", compared, longer, where)
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

// TestEveryLevelMayBeFreedUnderAWalk has munmap come between any two steps of a walk: who goes on by an entry of a level reads a freed table, whichever it is.
func TestEveryLevelMayBeFreedUnderAWalk(t *testing.T) {
	for _, c := range []struct {
		levels, memory, call string
		want                 []string // the steps that read an entry of a table that was freed
	}{
		{"4", "thp 1 rw \"a\" \"b\"", "p = get_user_pages_fast(buf, 0); put_page(p)", []string{"read_pud", "read_pmd", "recheck_pmd"}},
		{"5", "anon 1 rw \"a\"", "p = get_user_pages_fast(buf, 0); put_page(p)", []string{"read_p4d", "read_pud", "read_pmd", "read_pte", "recheck_pte"}},
		{"4", "thp 1 rw \"a\" \"b\"", "v = load(buf)", []string{"walk_upper", "walk_huge"}},
		{"5", "anon 1 rw \"a\"", "v = load(buf)", []string{"walk_upper", "walk"}},
	} {
		file, ds := scenario.Parse("t.gup", []byte("GUP t\n\nkernel v6.12 with pt_free=immediate\n\nmm A { buf = "+c.memory+" }\npgtable_levels "+c.levels+" freed\n\nP0 on cpu0 in A { "+c.call+" }\nP1 on cpu1 in A { munmap(buf) }\n"))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		setup, _ := file.ForKernel(file.Kernel)
		var found []string
		for before := range 20 {
			m := claim.New(setup, file.Kernel)
			step := func(actor int) bool {
				for _, choice := range m.Choices(nil) {
					if int(choice.Actor) == actor {
						m.Do(choice)
						return true
					}
				}
				return false
			}
			for range before {
				step(0)
			}
			for step(1) {
			}
			l := m.Look(0)
			step(0)
			if m.M.Peek(m.M.Alarm(machine.AlarmFreedTable)) != 0 && l.Func != nil && !slices.Contains(found, l.Func.Steps[l.Step].Label) {
				found = append(found, l.Func.Steps[l.Step].Label)
			}
		}
		if !slices.Equal(found, c.want) {
			t.Errorf("pgtable_levels %s, %s of %s: a freed table is read by %v, not %v", c.levels, c.call, c.memory, found, c.want)
		}
	}
}

func falseClaims(r check.Result) (names []string) {
	for _, c := range r.Claims {
		names = append(names, c.Claim)
	}
	slices.Sort(names)
	return names
}
