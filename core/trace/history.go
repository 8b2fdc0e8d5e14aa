package trace

import (
	"sort"

	"gupscope/core/cell"
)

// add puts a step at the end of the run, and into everything that is known of it.
// What is known grows with the step, not with the run: a step costs the
// same after two thousand others.
func (r *Run) add(st Step) {
	r.steps = append(r.steps, st)
	for i := range st.Changes {
		id := st.Changes[i].Cell
		r.wrote[id] = append(r.wrote[id], st.N)
	}
	for i := range st.Kept {
		if into := r.kept[st.Kept[i].Into]; len(into) == 0 || into[len(into)-1] != st.N {
			r.kept[st.Kept[i].Into] = append(into, st.N)
		}
	}
	if len(st.Broken) > 0 {
		r.broken = append(r.broken, st.N)
	}
	r.line.add(r, &r.steps[len(r.steps)-1])
	r.text.add(r.steps)
}

// cut forgets all steps after the first n.
func (r *Run) cut(n int) {
	for len(r.steps) > n {
		st := &r.steps[len(r.steps)-1]
		for i := range st.Changes {
			r.wrote[st.Changes[i].Cell] = pop(r.wrote[st.Changes[i].Cell], st.N)
		}
		for i := range st.Kept {
			r.kept[st.Kept[i].Into] = pop(r.kept[st.Kept[i].Into], st.N)
		}
		r.broken = pop(r.broken, st.N)
		r.line.drop()
		r.steps = r.steps[:len(r.steps)-1]
	}
	r.text.cut(n)
}

func pop(at []int, n int) []int {
	if len(at) > 0 && at[len(at)-1] == n {
		return at[:len(at)-1]
	}
	return at
}

// Writers returns the steps that changed a cell, in order, those ahead of the
// cursor included.
func (r *Run) Writers(id cell.ID) []int { return r.wrote[id] }

// WrittenBy returns the last step up to n that changed a cell, 0 if none did.
func (r *Run) WrittenBy(id cell.ID, n int) int { return upTo(r.wrote[id], n) }

// KeptBy returns the last step up to n that kept something in a cell, 0 if none did.
func (r *Run) KeptBy(id cell.ID, n int) int { return upTo(r.kept[id], n) }

// EachKept calls f with every cell in which something was ever kept.
func (r *Run) EachKept(f func(id cell.ID)) {
	for id, at := range r.kept {
		if len(at) > 0 {
			f(id)
		}
	}
}

func upTo(at []int, n int) int {
	if i := sort.SearchInts(at, n+1); i > 0 {
		return at[i-1]
	}
	return 0
}

// Change returns what a step changed in a cell, nil if it did not.
func (st *Step) Change(id cell.ID) *Change {
	for i := range st.Changes {
		if st.Changes[i].Cell == id {
			return &st.Changes[i]
		}
	}
	return nil
}

// NextWrite returns the first step after n that changes a cell, 0 if there is none.
func (r *Run) NextWrite(id cell.ID, n int) int {
	at := r.wrote[id]
	if i := sort.SearchInts(at, n+1); i < len(at) {
		return at[i]
	}
	return 0
}

// NextIs reports whether an actor's next step is that step: the same of the same function, whatever the
// function is called in this kernel.
func (r *Run) NextIs(actor int, st *Step) bool {
	if actor != st.Actor || actor >= len(r.Model.Actors()) {
		return false
	}
	l := r.Model.Look(actor)
	if l.Finished {
		return false
	}
	if l.Func == nil {
		return r.Model.Actors()[actor].FuncOf() == st.origin
	}
	return l.Func.Name == st.origin && l.Func.Steps[l.Step].Label == st.Label
}

// Alike reports whether two steps, perhaps of two kernels, are the same of the same function.
func (st *Step) Alike(o *Step) bool {
	return st.Actor == o.Actor && st.origin == o.origin && st.Label == o.Label
}
