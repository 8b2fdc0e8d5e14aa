package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/cell"
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

// private are the classes that are nobody's news: a task's own stack, the
// ghosts of the claims, and what a sentence and a bar say already.
var private = cell.Of(machine.Stacks, machine.Vars, machine.Ghosts, machine.Ends, machine.Batches, machine.PTLs, machine.FolioLocks, machine.MMLocks)

func shared(r *trace.Run, id cell.ID) bool {
	return !private.Has(r.Model.Memory().Layout().Class(id))
}

// shown is how many changes a card has room for; the rest is counted, and stands in memory.
const shown = 2

// telling are the classes of cells in the order of what they tell of a race.
var telling = []cell.Class{machine.PTEs, machine.PMDs, machine.Frames, machine.Refs, machine.Contents, machine.Inodes, machine.Disk, machine.SwapCache, machine.IPIs, machine.Steal,
	machine.IRQs, machine.TLBs, machine.Secondary, machine.Mapcounts, machine.Flags, machine.Swap, machine.RCU, machine.VMAs, machine.MMs, machine.LRU, machine.Mappings}

// changes are what a card says that the step changed, the most telling first,
// and how many more there are.
func (c *columns) changes(r *trace.Run, st *trace.Step) (out []Change, more int) {
	var cs []*trace.Change
	freed := ""
	for i := range st.Changes {
		x := &st.Changes[i]
		if x.Class == machine.Frames && x.NewV == machine.FrameFree {
			freed, _, _ = strings.Cut(x.Name, ":")
		}
		if telling := slices.Contains(telling, x.Class); telling && !hidden(x) {
			cs = append(cs, x)
		}
	}
	slices.SortStableFunc(cs, func(a, b *trace.Change) int {
		return cmp.Compare(slices.Index(telling, a.Class), slices.Index(telling, b.Class))
	})
	for _, x := range cs {
		if folio, _, _ := strings.Cut(x.Name, ":"); folio == freed && x.Class != machine.Frames {
			continue // a free frame has no flags, mapping or content
		}
		if len(out) == shown {
			more++
			continue
		}
		out = append(out, change(x))
	}
	return out, more
}

// hidden are cells of telling classes that only repeat what others say.
func hidden(c *trace.Change) bool {
	return c.Class == machine.Mappings && !strings.HasSuffix(c.Name, "mapping") ||
		c.Class == machine.Steal && !strings.HasSuffix(c.Name, "host") ||
		c.Class == machine.IPIs && strings.HasSuffix(c.Name, "request") ||
		c.Class == machine.MMs && strings.Contains(c.Name, "behind") ||
		c.Class == machine.TLBs && strings.HasSuffix(c.Name, "walker")
}

func change(c *trace.Change) Change {
	folio, _, _ := strings.Cut(c.Name, ":")
	switch c.Class {
	case machine.Flags:
		return Change{What: folio, Delta: delta(machine.FlagNames(c.OldV&^c.NewV), machine.FlagNames(c.NewV&^c.OldV))}
	case machine.Frames:
		if n, ok := strings.CutPrefix(folio, "folio "); ok {
			return Change{What: "frame " + n, Old: c.Old, New: c.New}
		}
	}
	return Change{What: strings.Replace(c.Name, ": ", " ", 1), Old: c.Old, New: c.New}
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

// delta says which flags went and which came.
func delta(gone, come []string) string {
	var out []string
	for _, f := range come {
		out = append(out, "+"+f)
	}
	for _, f := range gone {
		out = append(out, "−"+f)
	}
	return strings.Join(out, " ")
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
