package trace_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/record"
	"gupscope/core/trace"
	"gupscope/scenarios"
)

// chanced makes a run by chance, in which actors move by stretches: so they meet in the midst of what they do.
func chanced(t *testing.T, name string, seed uint64, steps int) *trace.Run {
	r := trace.New(model(t, name))
	rng := rand.New(rand.NewPCG(seed, 4))
	for r.Len() < steps {
		cs := r.Model.Choices(nil)
		if len(cs) == 0 {
			break
		}
		c := cs[rng.IntN(len(cs))]
		for range 1 + rng.IntN(12) {
			if !r.Allowed(c) {
				break
			}
			if _, err := r.Do(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

// TestAccountOfAnyRun tells runs that chance has made, anywhere in them, and looks a second time, step by step, whether it is true what is told.
func TestAccountOfAnyRun(t *testing.T) {
	kinds := map[trace.MeetingKind]int{}
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	for _, s := range scenarios.List() {
		for seed := range seeds {
			r := chanced(t, s.Name, seed, 160)
			for _, at := range []int{0, 1, r.Len() / 3, 2 * r.Len() / 3, r.Len()} {
				r.Goto(at)
				a := r.Account()
				on := fmt.Sprintf("%s, seed %d, step %d", s.Name, seed, at)
				accountLaws(t, on, r, &a)
				for i := range a.Meetings {
					kinds[a.Meetings[i].Kind]++
					if err := second(r, &a.Meetings[i]); err != nil {
						t.Errorf("%s: %+v: %v\n%s", on, a.Meetings[i], err, paragraph(a.Text))
					}
				}
				if r.Cursor() != at {
					t.Errorf("%s: telling moved the cursor to %d", on, r.Cursor())
				}
			}
		}
	}
	for k := trace.Ordered; k <= trace.Caught; k++ {
		if kinds[k] == 0 {
			t.Errorf("no run has a meeting of the kind %v", k)
		}
	}
	t.Log(kinds)
}

var named = regexp.MustCompile(`step (\d+)`)

// accountLaws are what holds of every account's paragraph: that it is one, that the steps which it names are there, and
// said what is quoted of them, or saw it.
func accountLaws(t *testing.T, on string, r *trace.Run, a *trace.Account) {
	t.Helper()
	if a.Text == "" || strings.Contains(a.Text, "  ") || strings.Contains(a.Text, "..") && !strings.Contains(a.Text, "...") || !strings.HasSuffix(a.Text, ".") {
		t.Errorf("%s: this is no paragraph: %q", on, a.Text)
	}
	for _, at := range named.FindAllStringSubmatchIndex(a.Text, -1) {
		n, _ := strconv.Atoi(a.Text[at[2]:at[3]])
		if n < 1 || n > r.Cursor() {
			t.Fatalf("%s: step %d is none of the first %d:\n%s", on, n, r.Cursor(), paragraph(a.Text))
		}
		quoted, ok := strings.CutPrefix(a.Text[at[1]:], ": ")
		if ok && !strings.HasPrefix(quoted, r.Steps()[n-1].Says+")") && !sawAt(r, a, n, quoted) {
			t.Errorf("%s: step %d neither says nor sees that: %q", on, n, quoted)
		}
	}
	for i, n := range a.Steps {
		if n < 1 || n > r.Cursor() || i > 0 && n <= a.Steps[i-1] {
			t.Errorf("%s: the steps %v are none of the run, or not in order", on, a.Steps)
		}
	}
	for _, line := range strings.Split(a.Chart, "\n") {
		if len(line) > 75 {
			t.Errorf("%s: %d columns: %s", on, len(line), line)
		}
	}
	if strings.Contains(a.Text, "have not come to anything") {
		apart(t, on, r, a.Text)
	}
	ended(t, on, r, a.Text)
}

// apart holds that no two actors have come to the same cell, one of them changing it: cells apart that are nobody else's business.
func apart(t *testing.T, on string, r *trace.Run, text string) {
	t.Helper()
	layout := r.Model.Memory().Layout()
	untold := cell.Of(machine.Stacks, machine.Vars, machine.Ghosts, machine.Ends, machine.Batches, machine.LRU, machine.Ledgers, machine.StoreBuffers)
	steps := r.Steps()[:r.Cursor()]
	for i := range steps {
		for _, c := range steps[i].Changes {
			for j := range steps {
				if steps[j].Actor != steps[i].Actor && !untold.Has(layout.Class(c.Cell)) && (steps[j].Change(c.Cell) != nil || slices.Contains(steps[j].Reads, c.Cell)) {
					t.Fatalf("%s: steps %d and %d both come to %s:\n%s", on, i+1, j+1, c.Name, paragraph(text))
				}
			}
		}
	}
}

// sawAt reports whether what is quoted is what a meeting's cell held after a step.
func sawAt(r *trace.Run, a *trace.Account, n int, quoted string) bool {
	at := r.Cursor()
	defer r.Goto(at)
	r.Goto(n)
	for i := range a.Meetings {
		id := a.Meetings[i].Cell
		mem := r.Model.Memory()
		if strings.HasPrefix(quoted, mem.Layout().Decode(id, mem.Peek(id))+")") {
			return true
		}
	}
	return false
}

// ended holds what a paragraph says of the end: who has finished, what is false, and that a page which is said to be mapped nowhere is in no entry.
func ended(t *testing.T, on string, r *trace.Run, text string) {
	t.Helper()
	broken := 0
	for _, c := range r.Model.Broken(-1, nil) {
		if !r.Model.Wanted(c) {
			broken++
			if !strings.Contains(text, r.Model.Claims()[c]) {
				t.Errorf("%s: it is not told that %s is false:\n%s", on, r.Model.Claims()[c], paragraph(text))
			}
		}
	}
	if (broken == 0) != strings.Contains(strings.ToLower(text), "no claim is false") {
		t.Errorf("%s: %d claims are false:\n%s", on, broken, paragraph(text))
	}
	if r.Model.Done() != strings.Contains(strings.ToLower(text), "all have finished") {
		t.Errorf("%s: that all have finished is %v:\n%s", on, r.Model.Done(), paragraph(text))
	}
	m := r.Model.M
	for task := range m.Config.Tasks {
		for i, name := range m.Config.Tasks[task].Vars {
			v := machine.DecodeResult(m.Peek(m.Var(task, i)))
			said := m.Config.Tasks[task].Name + "'s " + name + " is "
			if _, rest, ok := strings.Cut(text, said); ok && v.Kind == machine.IsPage && v.Page.Some() {
				is, _, _ := strings.Cut(rest, ".")
				if nothing := strings.HasPrefix(is, m.FrameName(v.Page.Frame())+", which nothing maps"); nothing && mappedSomewhere(m, v.Page.Frame()) {
					t.Errorf("%s: frame %d is mapped:\n%s", on, v.Page.Frame(), paragraph(text))
				}
			}
		}
	}
}

func mappedSomewhere(m *machine.Machine, f machine.Frame) bool {
	for i := range m.Pages() {
		if _, ok := m.PeekPMDTable(machine.PageID(i)); !ok {
			continue
		}
		if e := m.Mapped(machine.PageID(i)); e.Present() && e.Frame() == f {
			return true
		}
	}
	return false
}

// second looks at a meeting a second time, the slow way: it goes to every step and looks at the cell.
func second(r *trace.Run, m *trace.Meeting) error {
	at := r.Cursor()
	defer r.Goto(at)
	step := func(n int) *trace.Step { return &r.Steps()[n-1] }
	mem := r.Model.Memory()
	held := func(n int) uint64 { r.Goto(n); return mem.Peek(m.Cell) }
	changed := func(n int) bool { return held(n-1) != held(n) }
	touches := func(n int) bool {
		for _, ids := range [][]cell.ID{step(n).Reads, step(n).Writes} {
			for _, id := range ids {
				if id == m.Cell {
					return true
				}
			}
		}
		return false
	}
	between := func(from, to int) (n int) { // the first change of the cell
		for n = from; n <= to; n++ {
			if changed(n) {
				return n
			}
		}
		return 0
	}
	who := func(n, actor int) bool { return step(n).Actor == actor }
	switch m.Kind {
	case trace.Ordered:
		if m.Read >= m.Write || !who(m.Read, m.Actor) || !who(m.Write, m.Other) || m.Actor == m.Other || !touches(m.Read) || !touches(m.Write) || !changed(m.Read) && !changed(m.Write) {
			return fmt.Errorf("they do not come to the cell in this order")
		}
	case trace.Caught, trace.Missed:
		if !who(m.Read, m.Actor) || !touches(m.Read) || !who(m.Write, m.Other) || between(m.Read, m.Write) != m.Write {
			return fmt.Errorf("it was not read and then changed")
		}
		if m.Kind == trace.Missed {
			break
		}
		if !who(m.Look, m.Actor) || !touches(m.Look) || m.Look <= m.Write || held(m.Look-1) == held(m.Read) {
			return fmt.Errorf("it was not looked at again, or had not changed")
		}
	case trace.Turned:
		if !who(m.Write, m.Other) || !changed(m.Write) || !who(m.Look, m.Actor) || m.Look <= m.Write || !touches(m.Look) || held(m.Write) != held(m.Look-1) {
			return fmt.Errorf("what was seen was another's doing")
		}
	case trace.Flushed:
		if step(m.Read).CPU == step(m.Write).CPU || !touches(m.Read) || !changed(m.Write) || m.Look < m.Write || m.Write < m.Read {
			return fmt.Errorf("the entry was not changed between fill and flush")
		}
	case trace.Waited:
		to := m.To
		if to == 0 {
			to = at + 1
		}
		for n := m.From; n < to; n++ {
			r.Goto(n)
			l := r.Model.Look(m.Other)
			if l.Ready || r.Model.Actors()[l.For].CPU != m.CPU {
				return fmt.Errorf("after step %d it does not wait for cpu%d", n, m.CPU)
			}
		}
		if m.Read > 0 && (!who(m.Read, m.Actor) || !touches(m.Read) || !who(m.Write, m.Other) || between(m.Read, m.Write) != m.Write || r.Model.Actors()[m.Actor].CPU != m.CPU) {
			return fmt.Errorf("what is said to be kept true was not read, or not changed")
		}
	}
	if m.Free > 0 {
		state := r.Model.M.State(m.Frame)
		r.Goto(m.Free)
		if r.Model.M.Peek(state) != machine.FrameFree {
			return fmt.Errorf("frame %d is not given back at step %d", m.Frame, m.Free)
		}
		for n := m.Read; n < m.Free; n++ {
			if r.Goto(n); r.Model.M.Peek(state) == machine.FrameFree {
				return fmt.Errorf("frame %d is free at step %d already", m.Frame, n)
			}
		}
	}
	return nil
}

// TestAccounts puts on record how a run by chance is told, one of every scenario, and runs that are hardly any.
func TestAccounts(t *testing.T) {
	var b strings.Builder
	for _, s := range scenarios.List() {
		r := chanced(t, s.Name, 2, 120)
		fmt.Fprintf(&b, "%s, %d steps\n%s\n", s.Name, r.Len(), paragraph(r.Account().Text))
	}
	record.Hold(t, *rewrite, filepath.Join("testdata", "accounts.txt"), b.String())
}

// TestAccountOfHardlyAny tells the empty run, and one of one actor alone.
func TestAccountOfHardlyAny(t *testing.T) {
	r := trace.New(model(t, "gup-fast-vs-reclaim"))
	if got := r.Account(); !strings.HasPrefix(got.Text, "No step is made yet.") || got.Chart != "" {
		t.Errorf("the empty run: %q", got.Text)
	}
	for range 3 {
		if _, err := r.Do(r.Model.Choices(nil)[0]); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.Account().Text; !strings.HasPrefix(got, "Only cpu0 has moved so far") || !strings.Contains(got, "P0 is in GUP-fast") {
		t.Errorf("one alone: %q", got)
	}
	if a := r.Model.Actors()[0]; a.Kind != kernel.TaskActor {
		t.Fatalf("the first actor is %s", a.Name)
	}
}
