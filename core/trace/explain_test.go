package trace_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/machine"
	"gupscope/core/record"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

// breaking calls f with every counterexample of a scenario: on its own kernel and
// on every kernel and judgement of its expect lines that breaks something.
func breaking(t *testing.T, s scenarios.Scenario, f func(on, claim string, r *trace.Run)) {
	file, ds := scenario.Parse(s.File(), []byte(s.Text))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	seen := map[string]bool{}
	for i := range file.Expects {
		e := &file.Expects[i]
		if len(e.Claims) == 0 {
			continue
		}
		for _, k := range e.Kernels {
			on := k.String()
			if e.Judge != nil {
				on += " judging " + strings.Join(e.Judge, ", ")
			}
			if seen[on] {
				continue
			}
			seen[on] = true
			for _, c := range shown(t, file, k, e.Judge) {
				if !c.Seen {
					m, _, _ := verdict.Model(file, k, e.Judge)
					f(on, c.Claim, replayed(t, m, c.Run))
				}
			}
		}
	}
}

// TestExplain tells every counterexample of the gallery, and holds what is told
// against what must be true of any explanation.
func TestExplain(t *testing.T) {
	for _, s := range scenarios.List() {
		t.Run(s.Name, func(t *testing.T) {
			var b strings.Builder
			breaking(t, s, func(on, claim string, r *trace.Run) {
				e, err := r.Explain(claim)
				if err != nil {
					t.Fatalf("%s, %s: %v", on, claim, err)
				}
				laws(t, on, r, e)
				fmt.Fprintf(&b, "%s: %s, %d of %d steps\n\n", on, e.Claim, len(e.Steps), r.Len())
				b.WriteString(paragraph(e.Text) + "\n" + e.Chart + "\n")
				for _, race := range e.Races {
					fmt.Fprintf(&b, "race: %s, read at %d as %s, %s from %d on, used at %d\n", race.Name, race.Read, race.Believed, race.Now, race.Stale, race.Use)
				}
				for _, v := range e.Cells {
					fmt.Fprintf(&b, "cell: %s = %s\n", v.Name, v.Value)
				}
				b.WriteString("\n")
			})
			record.Hold(t, *rewrite, filepath.Join("testdata", "explain", s.Name+".txt"), b.String())
		})
	}
}

// laws are what holds of every explanation.
func laws(t *testing.T, on string, r *trace.Run, e *trace.Explanation) {
	t.Helper()
	if r.Cursor() != r.Len() {
		t.Errorf("%s, %s: explaining moved the cursor to %d", on, e.Claim, r.Cursor())
	}
	has := map[int]bool{}
	for i, n := range e.Steps {
		if n < 1 || n > r.Len() || i > 0 && n <= e.Steps[i-1] {
			t.Errorf("%s, %s: the steps %v are not steps of the run in their order", on, e.Claim, e.Steps)
		}
		has[n] = true
	}
	if e.Claim == check.NoDeadlock {
		return
	}
	// What pages of files hold is looked at where all have finished, whoever is last.
	ofFile := e.Claim == "no-lost-store" && len(e.Cells) > 0 && strings.HasSuffix(e.Cells[0].Name, ": page cache")
	if atEnd := strings.Contains(e.Claim, " == ") || e.Claim == "clean-page-is-on-disk" || e.Claim == "no-page-behind-the-end" || ofFile; !has[e.Step] && !atEnd {
		t.Errorf("%s, %s: step %d, which breaks the claim, is left out of %v", on, e.Claim, e.Step, e.Steps)
	}
	for _, race := range e.Races {
		if !has[race.Read] || !has[race.Stale] {
			t.Errorf("%s, %s: the race of steps %d and %d is not among %v", on, e.Claim, race.Read, race.Stale, e.Steps)
		}
		if race.Read >= race.Stale || race.Stale > e.Step {
			t.Errorf("%s, %s: the read at %d, the write at %d and the violation at %d are out of order", on, e.Claim, race.Read, race.Stale, e.Step)
		}
	}
	if e.Claim != check.NoLivelock { // that is a circle, not a way
		namedByEntry(t, on, r, e, has)
	}
	if e.Claim != check.NoLivelock && claim.ByName(e.Claim) != nil && len(e.Cells) == 0 {
		t.Errorf("%s, %s: no cells are named that make it false", on, e.Claim)
	}
	for _, line := range strings.Split(e.Chart, "\n") {
		if len(line) > 75 {
			t.Errorf("%s, %s: %d columns: %s", on, e.Claim, len(line), line)
		}
	}
}

// namedByEntry holds that where somebody is told to take a reference on a page that he has found in a page table, the read of the entry which
// named the page is told, too: whether it was before or after the entry was taken out is what a race is about.
func namedByEntry(t *testing.T, on string, r *trace.Run, e *trace.Explanation, has map[int]bool) {
	t.Helper()
	layout := r.Model.Memory().Layout()
	defer r.Goto(r.Cursor())
	for _, n := range e.Steps {
		st := &r.Steps()[n-1]
		for _, c := range st.Changes {
			var folio machine.Frame
			if c.Class != machine.Refs || c.NewV <= c.OldV || !strings.HasSuffix(c.Name, ": refcount") {
				continue
			}
			fmt.Sscanf(c.Name, "folio %d", &folio)
			r.Goto(n - 1)
			for i := n - 1; i >= 0; i-- {
				read := &r.Steps()[i]
				if read.Actor != st.Actor || read.Stmt != st.Stmt || !names(r.Model.M, layout, read, folio) {
					continue
				}
				if !has[read.N] {
					t.Errorf("%s, %s: %q at step %d: what led there, %q at step %d, is left out of %v", on, e.Claim, st.Says, n, read.Says, read.N, e.Steps)
				}
				break
			}
		}
	}
}

// names reports whether a step has read an entry that maps a page of a folio.
func names(m *machine.Machine, layout *cell.Layout, st *trace.Step, folio machine.Frame) bool {
	for _, k := range st.Kept {
		entry, class := machine.Entry(k.Raw), layout.Class(k.From)
		if !entry.Present() || class != machine.PTEs && (class != machine.PMDs || !entry.Has(machine.PSE)) || layout.Class(k.Into) == machine.TLBs {
			continue
		}
		if f := entry.Frame(); f == folio || m.PeekLarge(f) && m.PeekHead(f) == folio {
			return true
		}
	}
	return false
}

// fourPages is a scenario whose huge pages have four pages, if they have 512: what is said of a run is the same, and takes a hundredth of the time.
func fourPages(t *testing.T, s scenarios.Scenario) *scenario.File {
	f, ds := scenario.Parse(s.File(), []byte(strings.NewReplacer("hpage_pmd_nr 512", "hpage_pmd_nr 4", "[511]", "[3]").Replace(s.Text)))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	return f
}

// TestExplainAnyRun explains runs that chance has found, which are far from the shortest.
func TestExplainAnyRun(t *testing.T) {
	for _, s := range scenarios.List() {
		found := 0
		for seed := range uint64(6) {
			w := verdict.NewWalk(modelOf(t, fourPages(t, s)), seed)
			if !w.Go(5_000, "") || w.Found[0].Claim == check.NoDeadlock {
				continue
			}
			r := played(t, modelOf(t, fourPages(t, s)), w.Found[0].Run)
			if r.FirstViolation() == 0 {
				continue // it met a condition that some run is to meet
			}
			found++
			e, err := r.Explain("")
			if err != nil {
				t.Fatalf("%s, seed %d: %v", s.Name, seed, err)
			}
			laws(t, s.Name, r, e)
			if len(e.Steps) > 24 {
				t.Errorf("%s, seed %d: %d of %d steps are said to matter:\n%s\n%s", s.Name, seed, len(e.Steps), r.Len(), paragraph(e.Text), e.Chart)
			}
		}
		t.Logf("%s: %d runs", s.Name, found)
	}
}

// ends has conditions on the ends of runs that do not hold: on what a load reads
// and on what GUP returns.
const ends = `GUP ends
"A load beside a store, GUP beside munmap."

kernel v6.12

mm A { buf = anon 1 rw "a" }
mm B { far = anon 1 rw "b" }
frames 1

P0 on cpu0 in A { v = load(buf) }
P1 on cpu1 in A { store(buf, "x") }
P2 on cpu2 in B { p = get_user_pages(far, FOLL_WRITE) }
P3 on cpu3 in B { munmap(far) }

never P0.v == "x"
never P0.v == "a"
always P2.p == -EFAULT
never P2.p == -EFAULT
never P0.v == "x" and P2.p == -EFAULT
`

// got has conditions on what a device reads from a page that was got for it: the parent stores a secret to a page that its child has in a pipe.
const got = `GUP got
"A child keeps its parent's page in a pipe."

kernel v5.4

mm A { buf = anon 1 rw "a" }
mm B forked from A
frames 2

P0 on cpu0 in A {
    fork(B)
    store(buf, "x")
}
P1 on cpu1 in B {
    p = vmsplice(buf)
    munmap(buf)
    v = device_read(p)
    put_page(p)
}

never P1.v == "x"
`

// copied has conditions on what calls copy out: of another process, of a file.
const copied = `GUP copied
"Two who read what a third one writes."

kernel v6.12

file f = ext4 1 "a"
mm A { buf = f shared rw }
mm B { far = anon 1 rw "b" }
frames 2

P0 on cpu0 in A { store(buf, "x") }
P1 on cpu1 in B { r = pread(f) }
P2 on cpu2 in B { store(far, "y") }
P3 on cpu3 in A { v = process_vm_readv(B.far) }

never P1.r == "x"
never P3.v == "y"
`

// TestExplainEnds explains ends that are not as the scenario wants them.
func TestExplainEnds(t *testing.T) {
	for _, text := range []string{ends, got, copied} {
		f, ds := scenario.Parse("ends", []byte(text))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		c, _ := verdict.New(f, f.Kernel, nil, check.Limits{})
		for c.Run(1<<20).Phase < check.Stopped {
		}
		var b strings.Builder
		for _, broken := range c.Outcome().Broken {
			m, _, _ := verdict.Model(f, f.Kernel, nil)
			r := played(t, m, broken.Run)
			e, err := r.Explain(broken.Claim)
			if err != nil {
				t.Fatal(err)
			}
			laws(t, f.Name, r, e)
			fmt.Fprintf(&b, "%s, %d of %d steps\n\n%s\n%s\n", e.Claim, len(e.Steps), r.Len(), paragraph(e.Text), e.Chart)
		}
		record.Hold(t, *rewrite, filepath.Join("testdata", "explain", f.Name+".txt"), b.String())
	}
}

// TestExplainNothing asks why where there is no why.
func TestExplainNothing(t *testing.T) {
	r := trace.New(model(t, "gup-fast-vs-reclaim"))
	if _, err := r.Explain(""); err == nil || !strings.Contains(err.Error(), "nothing to explain") {
		t.Errorf("an empty run: got %v", err)
	}
	if _, err := r.Explain(check.NoDeadlock); err == nil || !strings.Contains(err.Error(), "somebody can go on") {
		t.Errorf("no deadlock: got %v", err)
	}
	for _, b := range shownOn(t, "pin-fast-vs-reclaim") {
		r := replayed(t, model(t, "pin-fast-vs-reclaim"), b.Run)
		if _, err := r.Explain("no-lost-store"); err == nil || !strings.Contains(err.Error(), "breaks "+b.Claim) {
			t.Errorf("another claim: got %v", err)
		}
	}
}

// paragraph wraps a text as a commit message does.
func paragraph(text string) string {
	var b strings.Builder
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > 72 {
			b.WriteString(line + "\n")
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return b.String() + line + "\n"
}
