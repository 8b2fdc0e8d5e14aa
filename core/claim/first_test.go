package claim

import (
	"fmt"
	"testing"

	"gupscope/core/check"
	"gupscope/core/kernel"
)

func reclaimSetup() kernel.Setup {
	call := kernel.CallByName
	return kernel.Setup{
		CPUs:   3,
		MMs:    []kernel.MMSetup{{Name: "A", VMAs: []kernel.VMASetup{{Name: "buf", Pages: 1, Writable: true, Fill: []string{"a"}}}}, {Name: "B", VMAs: []kernel.VMASetup{{Name: "other", Pages: 1, Writable: true}}}},
		Frames: 1,
		Tasks: []kernel.TaskSetup{
			{Name: "P0", CPU: 0, MM: 0, Vars: []string{"p"}, Body: []kernel.Stmt{
				{Var: 0, Call: call("get_user_pages_fast"), Args: []kernel.Arg{{}, {Flags: kernel.FollWrite}}},
				{Var: -1, Call: call("device_write"), Args: []kernel.Arg{{}, {Value: "d"}}},
				{Var: -1, Call: call("set_page_dirty_lock"), Args: []kernel.Arg{{}}},
				{Var: -1, Call: call("put_page"), Args: []kernel.Arg{{}}},
			}},
			{Name: "P1", CPU: 1, MM: -1, Body: []kernel.Stmt{{Var: -1, Call: call("shrink_folio_list"), Args: []kernel.Arg{{}}}}},
			{Name: "P2", CPU: 2, MM: 1, Body: []kernel.Stmt{{Var: -1, Call: call("store"), Args: []kernel.Arg{{MM: 1}, {Value: "b"}}}}},
		},
		Preempts: []int{1, 0, 0},
	}
}

func TestFirst(t *testing.T) {
	for _, spec := range []struct {
		v string
		s []kernel.Setting
	}{{"v4.6", nil}, {"v6.1", nil}, {"v6.12", nil},
		{"v6.12", []kernel.Setting{{Rule: "gup_pmd_recheck", Value: "off"}, {Rule: "gup_pte_recheck", Value: "off"}}},
		{"v6.12", []kernel.Setting{{Rule: "gup_pmd_recheck", Value: "off"}, {Rule: "gup_pte_recheck", Value: "off"}, {Rule: "tlb_flush", Value: "pv"}}},
	} {
		k, err := kernel.Make(spec.v, spec.s...)
		if err != nil {
			t.Fatal(err)
		}
		m := New(reclaimSetup(), k)
		if b := m.Broken(-1, nil); len(b) > 0 {
			t.Errorf("%v: broken at the start: %v", k, m.Truths())
		}
		c := check.New(m, check.Limits{States: 20_000_000, Bytes: 4 << 30})
		for p := c.Run(1_000_000); p.Phase < check.Stopped; p = c.Run(1_000_000) {
		}
		r := c.Result()
		fmt.Printf("%v: %v %d states %d transitions depth %d\n", k, r.Verdict, r.States, r.Transitions, r.Depth)
		for _, b := range r.Claims {
			fmt.Printf("   %s: %d steps, %d switches\n", b.Claim, len(b.Run), b.Switches)
		}
	}
}
