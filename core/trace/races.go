package trace

import (
	"slices"

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

// Edges returns the conflicts of the run, in the order of the later step: for every
// step, for every cell that it reads or writes, the last step of another actor that conflicts, with
// one edge per pair of steps, named by the most telling cell.
func (r *Run) Edges() []Edge { return r.line.edges }

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
	MMU   string // what has it, if that is no local of the kernel's: "TLB", "secondary MMU"
}

// Windows returns the race windows of the run, in the order of what was read: values
// that were kept of a page table or a swap cache, changed by somebody else, and not
// looked at again. A window ends where the CPU reads the cell again or its call returns; that of a TLB, or of another
// MMU, where that drops the entry.
func (r *Run) Windows() []Window {
	var out []Window
	stale := slices.Clone(r.line.stale)
	slices.Sort(stale)
	for _, i := range stale {
		w := r.line.beliefs[i].Window
		if !windowed.Has(r.Model.Memory().Layout().Class(w.Cell)) {
			continue
		}
		if w.MMU != "" && w.To == w.Stale { // flushed in the same step
			continue
		}
		if w.To == 0 {
			w.To = len(r.steps)
			if n := r.line.moved[w.Actor]; n > w.Stale {
				w.To = n
			}
		}
		out = append(out, w)
	}
	return out
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
