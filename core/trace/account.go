package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// An Account says how a run that breaks nothing came to where its cursor stands: where two actors met, what came
// between them, and how it ended. [Run.Explain] is for runs that break a claim.
type Account struct {
	Meetings []Meeting // that are told, in the order of the run
	Steps    []int     // that are named
	Text     string    // a paragraph
	Chart    string    // these steps as a diagram, "" if there are none
}

// Account tells the run up to the cursor. It needs no search, and no step is made or taken back.
func (r *Run) Account() Account {
	a := Account{Meetings: r.meetings()}
	t := accounting{r: r, met: map[int]int{}}
	var said []string
	for i := range a.Meetings {
		said = append(said, capital(t.meeting(&a.Meetings[i]))+".")
		a.Steps = append(a.Steps, a.Meetings[i].steps()...)
	}
	if len(said) == 0 {
		said = append(said, t.apart())
	}
	slices.Sort(a.Steps)
	a.Steps = slices.Compact(a.Steps)
	a.Text = strings.Join(append(said, t.ending()), " ")
	if len(a.Steps) > 0 {
		a.Chart = r.chart(a.Steps, nil, nil, r.standing())
	}
	return a
}

// An accounting is an account under construction.
type accounting struct {
	r   *Run
	met map[int]int // actors that were introduced, and with which statement, from 1
}

// meeting tells of a meeting in a sentence.
func (t *accounting) meeting(m *Meeting) string {
	what := t.called(m.Name)
	switch m.Kind {
	case Caught:
		text := t.reads(m, what) + ", before " + t.changes(m)
		return text + "; " + t.who(m.Actor, m.Look) + " looks again (" + t.at(m.Look) + ")" + t.next(m.Look) + t.rule(m.Look)
	case Missed:
		text := t.reads(m, what) + ", before " + t.changes(m) + "; " + t.who(m.Actor, m.Read)
		switch {
		case m.To == 0 && !t.r.movedIn(m.Actor, m.Write, 0):
			return text + " has made no step since, and goes by what it read"
		case m.To == 0:
			return text + " still goes by what it read"
		}
		return fmt.Sprintf("%s does not look again, and goes by what it read until step %d", text, m.To)
	case Waited:
		return t.kept(m, what)
	case Flushed:
		return fmt.Sprintf("%s fills its TLB by %s (step %d: %s), before %s; the TLB entry is flushed at step %d%s",
			t.who(m.Actor, m.Read), what, m.Read, t.r.heldAt(m), t.changes(m), m.Look, given(m))
	case Turned:
		return fmt.Sprintf("%s changes %s (%s) before %s looks at it (%s)%s%s", t.who(m.Other, m.Write), what, t.at(m.Write),
			t.who(m.Actor, m.Look), t.at(m.Look), t.next(m.Look), t.rule(m.Look))
	}
	return fmt.Sprintf("%s comes to %s (%s) before %s does (%s)", t.who(m.Actor, m.Read), what, t.at(m.Read), t.who(m.Other, m.Write), t.at(m.Write))
}

// kept tells of a wait, and of what it kept true.
func (t *accounting) kept(m *Meeting, what string) string {
	when := fmt.Sprintf("since step %d, ", m.From)
	if m.To > 0 {
		when = fmt.Sprintf("from step %d to step %d, ", m.From, m.To)
	}
	text := when + t.who(m.Other, m.From) + " " + t.r.waited(m)
	if m.Read == 0 {
		return text
	}
	text += fmt.Sprintf("; the while, %s goes by %s, which it read at step %d (%s)", t.who(m.Actor, m.Read), what, m.Read, t.r.heldAt(m))
	if m.Write <= m.From {
		text += ", and which " + t.changes(m)
	} else {
		text += ", and only then " + t.changes(m)
	}
	return text + given(m)
}

// reads tells that who believes has read a cell.
func (t *accounting) reads(m *Meeting, what string) string {
	return fmt.Sprintf("%s reads %s (step %d: %s)", t.who(m.Actor, m.Read), what, m.Read, t.r.heldAt(m))
}

// changes tells that the other actor changes the cell which was named last.
func (t *accounting) changes(m *Meeting) string {
	how := "makes it " + t.r.steps[m.Write-1].Change(m.Cell).New
	if strings.HasSuffix(how, " none") {
		how = "clears it"
	}
	if m.Kind == Waited && m.Write <= m.From {
		how = strings.Replace(strings.Replace(how, "makes it", "has made", 1), "clears it", "has cleared", 1)
	}
	return fmt.Sprintf("%s %s (step %d)", t.who(m.Other, m.Write), how, m.Write)
}

// given tells when the frame that an entry named was given back.
func given(m *Meeting) string {
	switch {
	case m.Free == 0:
		return ""
	case m.Free <= m.Look:
		return fmt.Sprintf(", and frame %d is given back before that, at step %d", m.Frame, m.Free)
	}
	return fmt.Sprintf(", and frame %d is given back only after that, at step %d", m.Frame, m.Free)
}

// at names a step and quotes it.
func (t *accounting) at(n int) string { return fmt.Sprintf("step %d: %s", n, t.r.steps[n-1].Says) }

// next tells what the actor of a step does right after it, if it does anything.
func (t *accounting) next(n int) string {
	st := &t.r.steps[n-1]
	for i := n; i < t.r.cursor; i++ {
		next := &t.r.steps[i]
		if next.Actor != st.Actor {
			continue
		}
		if next.Stmt != st.Stmt || next.asks || len(offStack(next.Changes)) == 0 {
			break
		}
		return fmt.Sprintf(", and goes on with %q (step %d)", next.Says, next.N)
	}
	return ""
}

// rule names the rule that a step belongs to, if it protects anything.
func (t *accounting) rule(n int) string {
	r := t.r.steps[n-1].rule
	if r == nil || !t.r.steps[n-1].asks || r.Protects == "-" || strings.HasPrefix(r.Protects, "nothing") {
		return ""
	}
	return ": that is " + r.Name
}

// who names the actor of a step: at length when it is met, and when it has come to another call.
func (t *accounting) who(actor, n int) string {
	a := t.r.Model.Actors()[actor]
	if a.Kind != kernel.TaskActor {
		if a.CPU >= 0 && a.Kind != kernel.HypervisorActor {
			return fmt.Sprintf("cpu%d's %s", a.CPU, strings.TrimPrefix(a.Name, fmt.Sprintf("cpu%d ", a.CPU)))
		}
		return map[kernel.ActorKind]string{kernel.HypervisorActor: "the host", kernel.RCUActor: "RCU", kernel.DiskActor: "the swap device", kernel.FileDiskActor: "the disk"}[a.Kind]
	}
	name := fmt.Sprintf("cpu%d", a.CPU)
	for _, other := range t.r.Lanes() {
		if other.CPU == a.CPU && other.ID != a.ID {
			name = a.Name
		}
	}
	st := t.r.lastOf(actor, n)
	if st == nil || t.met[actor] == st.Stmt+1 {
		return name
	}
	t.met[actor] = st.Stmt + 1
	return name + "'s " + t.r.activity(st)
}

// lastOf is an actor's last step up to n, nil if there is none.
func (r *Run) lastOf(actor, n int) *Step {
	for i := min(n, r.cursor) - 1; i >= 0; i-- {
		if r.steps[i].Actor == actor {
			return &r.steps[i]
		}
	}
	return nil
}

// waited is for what somebody waits, or has waited: "waits for the PTL of …, which P1 holds".
func (r *Run) waited(m *Meeting) string {
	for i := range r.line.spans {
		if s := &r.line.spans[i]; s.Kind == Waiting && s.Actor == m.Other && s.From == m.From {
			return s.Text
		}
	}
	panic("trace: who was kept has waited")
}

// heldAt is what the cell of a meeting held when it was read: what it held before it was changed next.
func (r *Run) heldAt(m *Meeting) string {
	return r.steps[r.NextWrite(m.Cell, m.Read)-1].Change(m.Cell).Old
}

// called is a cell as people call it: "the PTE of A's buf", "folio 1's refcount", "A's mmap_lock".
func (t *accounting) called(name string) string {
	if of, what, ok := strings.Cut(name, ": "); ok {
		if strings.HasPrefix(what, "in ") || strings.HasPrefix(what, "on ") {
			return of + " " + what
		}
		return of + "'s " + what
	}
	if vma, ok := strings.CutPrefix(name, "VMA "); ok && !strings.HasPrefix(vma, "lock of ") {
		return "the " + possessive("VMA of "+vma)
	}
	if strings.Contains(name, " of ") {
		return "the " + possessive(name)
	}
	mm, what, _ := strings.Cut(name, " ")
	for i := range t.r.Model.M.MMs {
		if t.r.Model.M.MMs[i].Name == mm && what != "" {
			return mm + "'s " + what
		}
	}
	return name
}

// apart says why there is nothing to tell: nobody has moved, one alone, or nobody met.
func (t *accounting) apart() string {
	var who []int
	for i := range t.r.steps[:t.r.cursor] {
		if a := t.r.steps[i].Actor; !slices.Contains(who, a) {
			who = append(who, a)
		}
	}
	switch len(who) {
	case 0:
		return "No step is made yet."
	case 1:
		t.who(who[0], t.r.cursor) // what it is in is told below
		name := t.who(who[0], t.r.cursor)
		if len(t.r.Lanes()) == 1 {
			return "Only " + name + " moves here: there is nobody to race with."
		}
		return "Only " + name + " has moved so far: nobody has raced with it."
	}
	var names []string
	for _, a := range who {
		names = append(names, t.who(a, t.r.cursor))
	}
	return capital(listOf(names)) + " have not come to anything that another of them has changed."
}

// ending tells what the variables hold, who is still under way, and that no claim is false.
func (t *accounting) ending() string {
	r := t.r
	m := r.Model.M
	var said []string
	m.EachVar(func(task, i int) {
		w := m.Var(task, i)
		if v := m.Peek(w); v != 0 {
			said = append(said, fmt.Sprintf("%s's %s is %s%s", m.Config.Tasks[task].Name, m.Config.Tasks[task].Vars[i], m.Mem.Layout().Decode(w.Cell(), v), t.mapped(machine.DecodeResult(v))))
		}
	})
	var under []string
	for _, a := range r.Lanes() {
		l := r.Model.Look(a.ID)
		st := r.lastOf(a.ID, r.cursor)
		switch {
		case l.Finished:
		case st == nil:
			under = append(under, a.Name+" has not begun")
		case l.Stmt == st.Stmt:
			under = append(under, a.Name+" is in "+r.activity(st))
		case l.Stmt >= 0:
			under = append(under, a.Name+" comes to "+r.activity(&Step{Actor: a.ID, Stmt: l.Stmt})+" next")
		}
	}
	switch {
	case r.Model.Done():
		under = []string{"all have finished"}
	case r.Deadlock():
		under = append(under, "nobody can go on")
	}
	end := capital(listOf(append(under, r.standing()))) + "."
	if len(said) > 0 {
		end = capital(listOf(said)) + ". " + end
	}
	return end
}

// mapped says where a page that a variable holds is mapped now.
func (t *accounting) mapped(v machine.Result) string {
	if v.Kind != machine.IsPage || !v.Page.Some() || v.Page.Frame() == machine.ZeroPage {
		return ""
	}
	m := t.r.Model.M
	var at []string
	for i, p := range m.Pages() {
		if _, ok := m.PeekPMDTable(machine.PageID(i)); !ok {
			continue
		}
		if e := m.Mapped(machine.PageID(i)); e.Present() && e.Frame() == v.Page.Frame() {
			at = append(at, strings.TrimPrefix(possessive("at of "+p.Name), "at of "))
		}
	}
	if at == nil {
		return ", which nothing maps"
	}
	return ", mapped at " + listOf(at)
}

// standing says which claims are false at the cursor.
func (r *Run) standing() string {
	var bad []string
	for _, c := range r.Model.Broken(-1, nil) {
		if !r.Model.Wanted(c) {
			bad = append(bad, r.Model.Claims()[c])
		}
	}
	if len(bad) == 0 {
		return "no claim is false"
	}
	return listOf(bad) + plural(len(bad), " is", " are") + " false"
}
