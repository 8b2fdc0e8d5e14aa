package view

import (
	"strings"

	"gupscope/core/cell"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// Find returns the steps in which all words of a text occur, whatever their
// order and case: in what the step says, its function, its CPU, what it changed, what it keeps, what is
// noted at it. There may be more than most.
func (k *Sketch) Find(text string, notes map[int]string, most int) (hits []Hit, more int) {
	k.follow()
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return nil, 0
	}
	for i := range k.rows {
		x := &k.rows[i].Row
		lane := k.c.lanes[x.Lane]
		parts := []string{x.Says, x.In, lane.Name, lane.What, x.By, notes[x.N]}
		for _, c := range k.r.Steps()[i].Changes {
			parts = append(parts, c.Name+": "+c.Old+" → "+c.New)
		}
		for _, p := range x.Keeps {
			parts = append(parts, p.Name+" = "+p.Value)
		}
		parts = append(parts, k.r.Steps()[i].Broken...)
		all := strings.ToLower(strings.Join(parts, "\n"))
		found := true
		for _, w := range words {
			found = found && strings.Contains(all, w)
		}
		switch {
		case !found:
		case len(hits) == most:
			more++
		default:
			h := Hit{N: x.N, Lane: lane.Name, Who: lane.Who, Text: x.Says}
			if n := notes[x.N]; n != "" {
				h.Text += ": " + n
			}
			hits = append(hits, h)
		}
	}
	return hits, more
}

// ofTasks are the cells that are a task's own: the locals of its functions, and its variables.
var ofTasks = cell.Of(machine.Stacks, machine.Vars)

// A NamedCell is a cell that was looked for.
type NamedCell struct {
	ID          int
	Name, Value string
}

// FindCells returns the cells in whose names all words of a text occur: those that somebody wrote in
// this run first, then the others, last what is a task's own, at most so many. What is the claims' is not among them.
func FindCells(r *trace.Run, text string, most int) []NamedCell {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return nil
	}
	layout := r.Model.Memory().Layout()
	var wrote, others, own []NamedCell
	for i := range layout.Len() {
		id := cell.ID(i)
		tasks := ofTasks.Has(layout.Class(id))
		if machine.Private.Has(layout.Class(id)) && !tasks {
			continue
		}
		name := layout.Name(id)
		lower, found := strings.ToLower(name), true
		for _, w := range words {
			found = found && strings.Contains(lower, w)
		}
		if !found {
			continue
		}
		x := NamedCell{i, name, layout.Decode(id, r.Model.Memory().Peek(id))}
		if tasks {
			own = append(own, x)
		} else if len(r.Writers(id)) > 0 {
			wrote = append(wrote, x)
		} else {
			others = append(others, x)
		}
	}
	wrote = append(append(wrote, others...), own...)
	return wrote[:min(most, len(wrote))]
}
