package trace

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A Wait is one task that cannot go on.
type Wait struct {
	Actor int
	Why   string // "waits for the PTL of …, which P1 holds"
	For   int    // the actor that is waited for, -1: nobody in particular
	In    bool   // it is part of the cycle
}

// explainDeadlock says who waits for whom at the cursor, where nobody can go on.
func (r *Run) explainDeadlock() (*Explanation, error) {
	if !r.Deadlock() {
		return nil, fmt.Errorf("%s holds: somebody can go on, or all have finished", check.NoDeadlock)
	}
	e := &Explanation{Claim: check.NoDeadlock, Says: claim.ByName(check.NoDeadlock).Says, Step: r.cursor}
	memory := false
	waits := map[int]*Wait{}
	for _, a := range r.Lanes() {
		l := r.Model.Look(a.ID)
		if l.Finished {
			continue
		}
		e.Cycle = append(e.Cycle, Wait{Actor: a.ID, Why: l.Why, For: l.For})
		memory = memory || l.Func != nil && l.Func.Steps[l.Step].Touches.Has(machine.Frames) && l.For < 0
	}
	for i := range e.Cycle {
		waits[e.Cycle[i].Actor] = &e.Cycle[i]
	}
	cycle := findCycle(e.Cycle, waits)
	for _, w := range cycle {
		w.In = true
	}
	e.Steps = r.heldSteps(e.Cycle, memory)
	for _, w := range e.Cycle {
		e.Why = append(e.Why, r.Model.Actors()[w.Actor].Name+" "+w.Why)
	}
	e.Text = r.tellDeadlock(e, cycle, memory)
	e.Chart = r.chart(e.Steps, nil, e.Cycle, "*** deadlock")
	return e, nil
}

// Starved reports whether nobody can go on at the cursor, and somebody waits for a free frame: there are too few of them in the scenario.
func (r *Run) Starved() bool {
	return r.Deadlock() && slices.ContainsFunc(r.Lanes(), func(a kernel.Actor) bool { return r.Model.Look(a.ID).On == kernel.OnMemory })
}

// findCycle follows who waits for whom until somebody comes up twice.
func findCycle(all []Wait, waits map[int]*Wait) []*Wait {
	for i := range all {
		var path []*Wait
		at := map[int]int{}
		for w := waits[all[i].Actor]; w != nil; w = waits[w.For] {
			if n, again := at[w.Actor]; again {
				return path[n:]
			}
			at[w.Actor] = len(path)
			path = append(path, w)
		}
	}
	return nil
}

// heldSteps are the steps that took what is waited for: locks, frames.
func (r *Run) heldSteps(waits []Wait, memory bool) []int {
	waited := map[int]bool{}
	for _, w := range waits {
		waited[w.For] = true
	}
	var out []int
	seen := map[int]bool{}
	add := func(n int) {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	for _, s := range r.Spans() {
		if s.To == 0 && waited[s.Actor] && (s.Kind == Locked || s.Kind == IRQsOff) {
			add(s.From)
		}
	}
	for i := range r.steps[:r.cursor] {
		for _, c := range r.steps[i].Changes {
			if memory && c.Class == machine.Frames && c.OldV == machine.FrameFree && c.NewV != machine.FrameFree && !strings.HasPrefix(c.Name, "table frame") {
				add(r.steps[i].N)
			}
		}
	}
	sort.Ints(out)
	return out
}

func (r *Run) tellDeadlock(e *Explanation, cycle []*Wait, memory bool) string {
	name := func(actor int) string {
		a := r.Model.Actors()[actor]
		if a.Kind == kernel.TaskActor {
			return fmt.Sprintf("%s (on cpu%d)", a.Name, a.CPU)
		}
		return a.Name
	}
	var b strings.Builder
	if len(cycle) > 0 {
		var links []string
		for _, w := range cycle {
			links = append(links, name(w.Actor)+" "+w.Why)
		}
		b.WriteString("A cycle of waits: " + strings.Join(links, "; ") + ".")
	}
	for _, w := range e.Cycle {
		if !w.In {
			text := name(w.Actor) + " " + w.Why + "."
			if b.Len() > 0 {
				text = " " + text
			}
			b.WriteString(text)
		}
	}
	if memory {
		b.WriteString(" " + r.whoHasMemory(name))
	}
	return b.String()
}

// whoHasMemory says where the frames went, and that nobody gives one back.
func (r *Run) whoHasMemory(name func(int) string) string {
	m := r.Model.M
	mapped := func(i int) machine.Frame {
		if t, ok := m.Find(machine.PageID(i), machine.LevelPTE); ok {
			if e := machine.Entry(m.Peek(m.Entry(t, m.Slot(machine.PageID(i), machine.LevelPTE)))); e.Present() {
				return e.Frame()
			}
		}
		return machine.ZeroPage
	}
	var out []string
	pages := m.Pages()
	for i := 0; i < len(pages); i++ {
		f := mapped(i)
		if f == machine.ZeroPage {
			continue
		}
		mm, vma, _ := strings.Cut(pages[i].Name, " ")
		end := i + 1 // of a run of pages that follow each other, as those of a huge page do
		for end < len(pages) && pages[end].MM == pages[i].MM && pages[end].Region == pages[i].Region && mapped(end) == f+machine.Frame(end-i) {
			end++
		}
		if end-i < 4 {
			out = append(out, fmt.Sprintf("frame %d is %s's %s", f, mm, vma))
			continue
		}
		_, last, _ := strings.Cut(pages[end-1].Name, " ")
		out = append(out, fmt.Sprintf("frames %d to %d are %s's %s to %s", f, int(f)+end-1-i, mm, vma, last))
		i = end - 1
	}
	var done []string
	for _, a := range r.Lanes() {
		if r.Model.Look(a.ID).Finished {
			done = append(done, name(a.ID))
		}
	}
	text := "nobody is left who could free one"
	if len(done) > 0 {
		text += ": " + listOf(done) + plural(len(done), " has", " have") + " finished"
	}
	const small = " Linux would reclaim a page, or kill somebody; here the scenario has too few frames."
	if len(out) > 0 {
		return capital(listOf(out)) + ", and " + text + "." + small
	}
	return capital(text) + "." + small
}
