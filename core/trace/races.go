package trace

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// An Edge leads from a step to a later one of another actor that touches the
// same cell, one of them writing.
type Edge struct {
	From, To int // step numbers
	Cell     cell.ID
	Name     string
	IPI      bool // an IPI was sent, or acknowledged
}

// private are the classes of cells that only their task, or nobody, acts on.
var private = cell.Of(machine.Stacks, machine.Vars, machine.Ghosts, machine.Ends, machine.Batches, machine.LRU)

// Edges returns the conflicts of the run: for every step, for every cell that it
// reads or writes, the last step of another actor that conflicts, with one edge per
// pair of steps, named by the most telling cell.
func (r *Run) Edges() []Edge {
	layout := r.Model.Memory().Layout()
	type use struct{ wrote, read int } // step numbers
	last := map[cell.ID]use{}
	var out []Edge
	pair := map[[2]int]bool{}
	edge := func(from int, to *Step, id cell.ID) {
		if from == 0 || r.steps[from-1].Actor == to.Actor || pair[[2]int{from, to.N}] {
			return
		}
		pair[[2]int{from, to.N}] = true
		out = append(out, Edge{From: from, To: to.N, Cell: id, Name: layout.Name(id), IPI: layout.Class(id) == machine.IPIs})
	}
	for i := range r.steps {
		st := &r.steps[i]
		for _, id := range r.shared(st.Reads) {
			edge(last[id].wrote, st, id)
		}
		for _, id := range r.shared(st.Writes) {
			edge(last[id].wrote, st, id)
			edge(last[id].read, st, id)
		}
		for _, id := range r.shared(st.Reads) {
			u := last[id]
			u.read = st.N
			last[id] = u
		}
		for _, c := range st.Changes {
			if !private.Has(c.Class) {
				last[c.Cell] = use{wrote: st.N}
			}
		}
	}
	return out
}

// shared returns the cells that tasks share.
func (r *Run) shared(ids []cell.ID) []cell.ID {
	layout := r.Model.Memory().Layout()
	var out []cell.ID
	for _, id := range ids {
		if !private.Has(layout.Class(id)) {
			out = append(out, id)
		}
	}
	return out
}

// A Window is the time in which a CPU goes by what it has read although it is
// not so any more.
type Window struct {
	Actor int
	Read  int // the step that read the cell
	Stale int // the step, of another actor, that changed it
	To    int // the last step of the run at which the CPU still goes by it
	Cell  cell.ID
	Name  string // of the cell
	Value string // what the CPU believes
}

// Windows returns the race windows of the run: values that were kept of a page
// table or a swap cache, changed by somebody else, and not looked at again. A
// window ends where the CPU reads the cell again or its call returns.
func (r *Run) Windows() []Window {
	layout := r.Model.Memory().Layout()
	var out []Window
	for i := range r.steps {
		for _, k := range r.steps[i].Kept {
			class := layout.Class(k.From)
			if class != machine.PTEs && class != machine.PMDs && class != machine.SwapCache {
				continue
			}
			if w, ok := r.window(i, k); ok {
				out = append(out, w)
			}
		}
	}
	return out
}

func (r *Run) window(at int, k Kept) (Window, bool) {
	w := Window{Actor: r.steps[at].Actor, Read: at + 1, Cell: k.From, Name: k.Name, Value: k.Value}
	for i := at + 1; i < len(r.steps); i++ {
		st := &r.steps[i]
		if st.Actor != w.Actor {
			if w.Stale == 0 && changes(st, k.From) {
				w.Stale = st.N
			}
			continue
		}
		if w.Stale != 0 {
			w.To = st.N
		}
		if reads(st, k.From) || changes(st, k.Into) {
			break
		}
	}
	if w.Stale != 0 && w.To == 0 {
		w.To = len(r.steps)
	}
	return w, w.Stale != 0
}

func changes(st *Step, id cell.ID) bool {
	for _, c := range st.Changes {
		if c.Cell == id {
			return true
		}
	}
	return false
}

func reads(st *Step, id cell.ID) bool {
	for _, r := range st.Reads {
		if r == id {
			return true
		}
	}
	return false
}
