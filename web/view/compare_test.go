package view

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

func modelOf(t *testing.T, name, spec string) *trace.Run {
	g, ok := scenarios.ByName(name)
	if !ok {
		t.Fatalf("there is no scenario %s", name)
	}
	f, _ := scenario.Parse(g.Name, []byte(g.Text))
	k := f.Kernel
	if spec != "" {
		var ds []scenario.Diagnostic
		if k, ds = scenario.ParseKernel(spec); scenario.Failed(ds) {
			t.Fatal(ds)
		}
	}
	m, _, ds := verdict.Model(f, k, nil)
	if m == nil {
		t.Fatal(ds)
	}
	return trace.New(m)
}

// Where the rule is on, the same choices part at the step that it guards, and the sentence names it.
func TestComparisonNamesTheRule(t *testing.T) {
	left := modelOf(t, "gup-fast-vs-reclaim", "")
	again, err := trace.Replay(left.Model, "0x3r.6q.1:1n.1x31W.2x6s.2:1I.6q.0x4E")
	if err != nil {
		t.Fatal(err)
	}
	c := OfComparison(again, modelOf(t, "gup-fast-vs-reclaim", "v6.12 with tlb_flush=pv"), "left", "right")
	said := c.Sentence.Plain()
	for _, want := range []string{"the PTE has changed", "gup_pte_recheck", "gup-returns-only-mapped-pages is false from step 48 on"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q does not say %q", said, want)
		}
	}
	if c.LeftEnd == "" || c.RightEnd != "" || c.First != 47 {
		t.Errorf("left ends with %q, right with %q, the first difference is row %d", c.LeftEnd, c.RightEnd, c.First)
	}
}

// Where no claim is false on either side, what variables end otherwise is said, and nothing where none does.
func TestComparisonNamesVariables(t *testing.T) {
	toItsEnd := func(name, spec string) *trace.Run {
		r := modelOf(t, name, spec)
		for cs := r.Model.Choices(nil); len(cs) > 0; cs = r.Model.Choices(nil) {
			if _, err := r.Do(cs[0]); err != nil {
				t.Fatal(err)
			}
		}
		r.Goto(3) // whatever the reader looks at
		return r
	}
	const other = "v6.12 with gup_longterm_dax=held"
	c := OfComparison(toItsEnd("dax-longterm", "v6.12"), modelOf(t, "dax-longterm", other), "v6.12", other)
	if said, want := c.Sentence.Plain(), " No claim is false on either, and they end otherwise: P0's d is -EOPNOTSUPP on v6.12, -EFAULT on "+other+"."; !strings.HasSuffix(said, want) {
		t.Errorf("%q ends not with %q", said, want)
	}
	if c.LeftEnd != "" || c.RightEnd != "" {
		t.Errorf("left ends with %q, right with %q", c.LeftEnd, c.RightEnd)
	}
	c = OfComparison(toItsEnd("gup-fast-vs-munmap", "v6.5"), modelOf(t, "gup-fast-vs-munmap", "v6.12"), "v6.5", "v6.12")
	if said := c.Sentence.Plain(); strings.Contains(said, "otherwise") {
		t.Errorf("nothing ends otherwise, and it says %q", said)
	}
	// Of two orders of the same tasks, too.
	inOrder := func(lanes ...int) *trace.Run {
		r := modelOf(t, "litmus-sb-sc", "")
		for _, lane := range lanes {
			for o := r.Offer(lane); o.Ready; o = r.Offer(lane) {
				if _, err := r.Do(check.Choice{Actor: uint16(lane), Key: uint16(o.Keys[0])}); err != nil {
					t.Fatal(err)
				}
			}
		}
		return r
	}
	said := OfBranches(inOrder(0, 1), inOrder(1, 0), "this run", "the other").Sentence.Plain()
	if want := `P0's a is "0" on this run, "1" on the other; P1's b is "1" on this run, "0" on the other.`; !strings.HasSuffix(said, want) {
		t.Errorf("%q ends not with %q", said, want)
	}
}

// A function that has got another name since is the same one: the two kernels part where one of them does something else.
func TestComparisonKnowsRenamedFunctions(t *testing.T) {
	left := modelOf(t, "gup-fast-vs-munmap", "v4.6 with tlb_flush=pv")
	for range 7 {
		if _, err := left.Do(left.Model.Choices(nil)[0]); err != nil {
			t.Fatal(err)
		}
	}
	c := OfComparison(left, modelOf(t, "gup-fast-vs-munmap", "v6.12"), "v4.6", "v6.12")
	var alike []string
	for _, p := range c.Parts {
		for _, row := range p.Rows {
			if row.First {
				if row.Left == nil || row.Left.Func != "get_page" || len(alike) == 0 {
					t.Errorf("they part at %+v: %s", row.Left, c.Sentence.Plain())
				}
				for _, want := range []string{"get_user_pages_fast", "gup_pte_range"} {
					if !slices.Contains(alike, want) {
						t.Errorf("%s is not the same on both; these are: %v", want, alike)
					}
				}
				return
			}
			if row.Left.Func != row.Right.Func {
				alike = append(alike, row.Left.Func)
			}
		}
	}
	t.Errorf("they do not part: %s", c.Sentence.Plain())
}

// Any run is the same as itself; on any other kernel, the rows have every step of both sides, in order.
func TestComparisonHasEveryStep(t *testing.T) {
	for n, g := range scenarios.List() {
		rnd := rand.New(rand.NewPCG(3, uint64(len(g.Text))))
		left := modelOf(t, g.Name, "")
		for range 60 {
			cs := left.Model.Choices(nil)
			if len(cs) == 0 {
				break
			}
			if _, err := left.Do(cs[rnd.IntN(len(cs))]); err != nil {
				t.Fatal(err)
			}
		}
		if c := OfComparison(left, modelOf(t, g.Name, ""), "a", "a"); c.First != 0 {
			t.Errorf("%s: %s is not the same as itself: %s", g.Name, left, c.Sentence.Plain())
		}
		f, _ := scenario.Parse(g.Name, []byte(g.Text))
		for i := range 4 { // of the kernels; the next scenario is compared with others
			v := kernel.Versions[(4*n+i)%len(kernel.Versions)]
			k, _ := scenario.ParseKernel(v.Name)
			m, _, _ := verdict.Model(f, k, nil)
			if m == nil {
				continue
			}
			right := trace.New(m)
			c := OfComparison(left, right, "a", v.Name)
			l, r, n := 0, 0, 0
			for _, p := range c.Parts {
				for _, row := range p.Rows {
					n++
					if row.First != (n == c.First) {
						t.Fatalf("%s on %s: row %d, the first difference is %d", g.Name, v.Name, n, c.First)
					}
					if !row.Same && row.Left != nil && row.Right != nil && row.Left.Func == row.Right.Func && row.Left.Says == row.Right.Says && slices.Equal(row.Left.Did, row.Right.Did) && row.Left.Bad == row.Right.Bad {
						t.Errorf("%s on %s: row %d differs, and says the same on both sides: %+v", g.Name, v.Name, n, *row.Left)
					}
					if row.Left != nil {
						if l++; row.Left.N != l {
							t.Fatalf("%s on %s: the left side has step %d after %d", g.Name, v.Name, row.Left.N, l-1)
						}
					}
					if row.Right != nil && row.Right.Why == "" {
						if r++; row.Right.N != r {
							t.Fatalf("%s on %s: the right side has step %d after %d", g.Name, v.Name, row.Right.N, r-1)
						}
					}
				}
			}
			if l != left.Len() || r != right.Cursor() {
				t.Fatalf("%s on %s: %d of %d and %d of %d steps", g.Name, v.Name, l, left.Len(), r, right.Cursor())
			}
			if s := c.Sentence.Plain(); c.First != 0 && (strings.Contains(s, "  ") || strings.Contains(s, "..")) {
				t.Fatalf("%s on %s: %q", g.Name, v.Name, s)
			}
		}
	}
}

// Two branches of a run: one until they part, and every step of both after that, in order; from the other
// side it is the same, mirrored.
func TestBranchesHaveEveryStep(t *testing.T) {
	for _, g := range scenarios.List() {
		if testing.Short() && len(g.Name)%4 != 0 {
			continue
		}
		rnd := rand.New(rand.NewPCG(5, uint64(len(g.Text))))
		walk := func(r *trace.Run, steps int) *trace.Run {
			for range steps {
				cs := r.Model.Choices(nil)
				if len(cs) == 0 {
					break
				}
				if _, err := r.Do(cs[rnd.IntN(len(cs))]); err != nil {
					t.Fatal(err)
				}
			}
			return r
		}
		left := walk(modelOf(t, g.Name, ""), 40)
		right, err := trace.Replay(modelOf(t, g.Name, "").Model, left.String())
		if err != nil {
			t.Fatal(err)
		}
		right.Goto(min(20, right.Len()))
		right = walk(right, 30)
		c := OfBranches(left, right, "left", "right")
		var l, r []int
		for _, p := range c.Parts {
			for _, row := range p.Rows {
				if row.Left != nil {
					l = append(l, row.Left.N)
				}
				if row.Right != nil {
					r = append(r, row.Right.N)
				}
				if row.Same != (row.Left != nil && row.Right != nil) && row.Same {
					t.Errorf("%s: a row of one side is alike", g.Name)
				}
			}
		}
		for _, side := range []struct {
			ns []int
			r  *trace.Run
		}{{l, left}, {r, right}} {
			if len(side.ns) != side.r.Len() {
				t.Fatalf("%s: %d of %d steps are told", g.Name, len(side.ns), side.r.Len())
			}
			for i, n := range side.ns {
				if n != i+1 {
					t.Fatalf("%s: step %d is told in the place of %d", g.Name, n, i+1)
				}
			}
		}
		if first := c.First; first > 0 && left.Steps()[0].Hash != right.Steps()[0].Hash && first != 1 {
			t.Errorf("%s: they part at once, and %d is told", g.Name, first)
		}
	}
}

// What decides is not what comes first: of all that two kernels do otherwise, it is that without which the better one breaks the claim as well,
// or that with which the worse one does not. Where both come to the same, nothing decides.
func TestComparisonFindsWhatDecides(t *testing.T) {
	for _, c := range []struct {
		scenario, left, right string
		later                 bool // than the first difference
		want                  []string
	}{
		{"dirty-cow", "", "v6.1", true, []string{"force_write_rule", "That is force_write_rule: without this one difference, v6.1 breaks no-lost-store at these choices, too."}},
		{"dirty-cow", "v6.12", "v4.6", false, nil}, // there is nothing to start from
		{"gup-fast-vs-reclaim", "", "v6.12", true, []string{"With tlb_flush alone as the other kernel has it, v6.12 without gup_pte_recheck with tlb_flush=pv keeps gup-returns-only-mapped-pages at these choices", "The same holds of gup_pte_recheck", "the host has preempted it"}},
		{"gup-fast-vs-munmap", "v4.6 with tlb_flush=pv", "v6.12", true, []string{"flush_tlb"}},
		{"pin-fast-vs-reclaim", "", "v6.12", false, []string{"gup_fast_pte_range", "the PTE has changed", "That is gup_pte_recheck: without this one difference, v6.12 breaks pinned-anon-exclusive at these choices, too"}},
	} {
		g, _ := scenarios.ByName(c.scenario)
		f, _ := scenario.Parse(g.Name, []byte(g.Text))
		left := modelOf(t, c.scenario, c.left)
		found, _ := verdict.New(f, left.Model.Kernel, nil, check.Limits{})
		for found.Run(1<<20).Phase < check.Stopped {
		}
		for _, b := range found.Outcome().Broken[:min(1, len(found.Outcome().Broken))] {
			for _, choice := range b.Run {
				if _, err := left.Do(choice); err != nil {
					t.Fatal(err)
				}
			}
		}
		x := OfComparison(left, modelOf(t, c.scenario, c.right), left.Model.Kernel.String(), c.right)
		if (x.Deciding == "") != (c.want == nil) || c.want != nil && (x.Decides < x.First || c.later != (x.Decides > x.First)) {
			t.Errorf("%s: the first difference is row %d, row %d decides: %q", c.scenario, x.First, x.Decides, x.Deciding)
		}
		if s := x.Sentence.Plain(); c.scenario == "dirty-cow" && c.want != nil && !strings.Contains(s, "the same step to another effect") {
			t.Errorf("%s: %q", c.scenario, s)
		}
		for _, want := range c.want {
			if !strings.Contains(x.Deciding, want) {
				t.Errorf("%s: %q does not say %q", c.scenario, x.Deciding, want)
			}
		}
		n := 0
		for _, p := range x.Parts {
			for i := range p.Rows {
				if n++; p.Rows[i].Decides != (n == x.Decides) {
					t.Errorf("%s: row %d is marked as what decides, which is row %d", c.scenario, n, x.Decides)
				}
			}
		}
	}
}
