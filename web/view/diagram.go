package view

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// A place is where a lane was: in which function, at which step.
type place struct {
	actor int
	name  string
	n     int
}

// far is after how many steps of others a function's name is said again.
const far = 5

// row is a step.
func (c *columns) row(r *trace.Run, st *trace.Step, last []place) Row {
	x := Row{N: st.N, Lane: max(c.actor[st.Actor], 0), In: st.Func, Depth: max(len(st.Path)-1, 0), Says: st.Says, Key: st.Hash}
	a := &r.Model.Actors()[st.Actor]
	if a.Kind != kernel.TaskActor {
		x.By = a.FuncOf()
	}
	x.head(st, last)
	x.Changes, x.More = c.changes(r, st)
	x.Keeps = c.results(r, st)
	x.Quiet = len(x.Changes) == 0 && len(x.Keeps) == 0 && len(st.Broken) == 0
	for _, k := range st.Kept {
		if !shared(r, k.From) {
			continue
		}
		x.Quiet = false
		if slices.ContainsFunc(st.Changes, func(c trace.Change) bool { return c.Cell == k.From }) {
			continue // what it was is told by what became of it
		}
		if !strings.Contains(x.Says, k.Value) {
			x.Keeps = append(x.Keeps, Keep{k.Name, k.Value})
		}
	}
	return x
}

// head names the function above a row, if its lane was in another one before or
// is far away by now.
func (x *Row) head(st *trace.Step, last []place) {
	where := place{st.Actor, st.Func, st.N}
	if was := last[x.Lane]; was.actor != where.actor || was.name != where.name || was.n < st.N-far {
		x.Func = st.Func
	}
	last[x.Lane] = where
}

// results are the variables of the scenario that got a value in the step.
func (c *columns) results(r *trace.Run, st *trace.Step) []Keep {
	var out []Keep
	r.Model.M.EachVar(func(task, i int) {
		id := r.Model.M.Var(task, i).Cell()
		for _, x := range st.Changes {
			if x.Cell == id && x.NewV != 0 {
				out = append(out, Keep{r.Model.Setup.Tasks[task].Vars[i], x.New})
			}
		}
	})
	return out
}

// state is what holds of a lane at the cursor, in a few words.
func (c *columns) state(r *trace.Run, lane int) string {
	var out []string
	for cpu, l := range c.cpu {
		if l != lane {
			continue
		}
		m := r.Model.M
		if m.Peek(m.Steal(cpu))&machine.StealPreempted != 0 {
			out = append(out, "preempted")
		}
		if m.Peek(m.IRQOff(cpu)) != 0 {
			out = append(out, "IRQs off")
		}
		if m.Peek(m.IPI(cpu)) != 0 {
			out = append(out, "IPI pending")
		}
	}
	return strings.Join(out, ", ")
}

// next is what can happen next, lane by lane: the task's step in any case, and
// what else could happen there.
func (c *columns) next(r *trace.Run) []Next {
	out := make([]Next, len(c.lanes))
	for i := range out {
		out[i].Lane = i
	}
	follows := ""
	if r.Cursor() < r.Len() {
		follows = trace.FormatChoice(r.Steps()[r.Cursor()].Choice)
	}
	for i, a := range r.Model.Actors() {
		if c.actor[i] < 0 {
			continue
		}
		n := &out[c.actor[i]]
		for _, m := range c.moves(r, i) {
			m.Follows = m.Ready && m.Choice == follows
			if a.Kind == kernel.TaskActor || m.Ready || a.CPU < 0 {
				n.Moves = append(n.Moves, m)
			}
		}
	}
	return out
}

// moves are the buttons of an actor: one for every way in which it can go on.
func (c *columns) moves(r *trace.Run, actor int) []Move {
	o := r.Offer(actor)
	a := &r.Model.Actors()[actor]
	m := Move{Actor: actor, Func: o.Func, Says: o.Says, Note: o.Stmt, On: -1}
	if a.Kind != kernel.TaskActor {
		m.By = o.Func
	}
	if o.Finished {
		m.Says, m.Func, m.Note, m.Done = a.Name, "", "finished", true
		return []Move{m}
	}
	if !o.Ready {
		if o.For >= 0 {
			m.On = c.actor[o.For]
		}
		m.Note = o.Why
		m.Done = a.Kind != kernel.TaskActor
		if m.Says == "" {
			m.Says = o.Func
		}
		return []Move{m}
	}
	var out []Move
	for i, k := range o.Keys {
		x := m
		x.Ready = true
		x.Choice = fmt.Sprint(actor)
		if k != 0 {
			x.Choice += fmt.Sprint(":", k)
		}
		if o.Text[i] != "" {
			x.Note = o.Text[i]
		}
		out = append(out, x)
	}
	return out
}
