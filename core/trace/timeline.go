package trace

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A timeline is what the steps of a run have to do with each other: conflicts,
// windows, spans. It takes in a step at a time and can take the last one back, so
// that it costs what a step touches and not what came before it.
type timeline struct {
	edges []Edge
	last  map[cell.ID]use

	beliefs  []kept
	stale    []int             // those that became untrue, in that order
	by, into map[cell.ID][]int // those that were read from a cell, and are kept in one
	moved    map[int]int       // per actor: its last step

	spans []Span
	open  map[spanKey]int

	undo []undone
}

// A use is who wrote a cell last, and who has read it since: step numbers.
type use struct{ wrote, read int }

// A kept is a value that an actor has kept of a cell, while it may go by it.
type kept struct {
	Window
	into cell.ID
	raw  uint64
	end  int // the step of the actor at which it looked again, or forgot it; of what an MMU keeps, the step that drops it; 0: it still may go by it
}

// outdates reports whether a change of the cell makes what was kept of it untrue. An MMU goes by the frame and what it allows alone.
func (k *kept) outdates(c *Change) bool {
	return k.MMU == "" || loses(machine.Entry(k.raw), machine.Entry(c.NewV))
}

type spanKey struct {
	kind SpanKind
	id   cell.ID
	task int
}

// An undone is how the timeline was before a step.
type undone struct {
	edges, beliefs, stale, spans int
	actor, moved                 int
	uses                         []usedBefore
	changed                      []keptBefore
	ended                        []spanEnded
}

type usedBefore struct {
	id  cell.ID
	was use
}

type keptBefore struct {
	at  int
	was kept
}

type spanEnded struct {
	key spanKey
	at  int
}

func newTimeline() timeline {
	return timeline{last: map[cell.ID]use{}, by: map[cell.ID][]int{}, into: map[cell.ID][]int{}, moved: map[int]int{}, open: map[spanKey]int{}}
}

// add takes in the next step of the run.
func (t *timeline) add(r *Run, st *Step) {
	t.undo = append(t.undo, undone{edges: len(t.edges), beliefs: len(t.beliefs), stale: len(t.stale), spans: len(t.spans), actor: st.Actor, moved: t.moved[st.Actor]})
	u := &t.undo[len(t.undo)-1]
	t.conflict(r, st, u)
	t.believe(r, st, u)
	t.lasts(r, st, u)
	t.moved[st.Actor] = st.N
}

// drop takes the last step back.
func (t *timeline) drop() {
	u := t.undo[len(t.undo)-1]
	t.undo = t.undo[:len(t.undo)-1]
	t.edges = t.edges[:u.edges]
	for i := len(u.uses) - 1; i >= 0; i-- {
		t.last[u.uses[i].id] = u.uses[i].was
	}
	for i := len(u.changed) - 1; i >= 0; i-- {
		t.beliefs[u.changed[i].at] = u.changed[i].was
	}
	for i := len(t.beliefs) - 1; i >= u.beliefs; i-- {
		k := &t.beliefs[i]
		t.by[k.Cell] = t.by[k.Cell][:len(t.by[k.Cell])-1]
		t.into[k.into] = t.into[k.into][:len(t.into[k.into])-1]
	}
	t.beliefs, t.stale = t.beliefs[:u.beliefs], t.stale[:u.stale]
	for i := len(t.spans) - 1; i >= u.spans; i-- {
		delete(t.open, t.spans[i].key)
	}
	t.spans = t.spans[:u.spans]
	for i := len(u.ended) - 1; i >= 0; i-- {
		t.spans[u.ended[i].at].To = 0
		t.open[u.ended[i].key] = u.ended[i].at
	}
	t.moved[u.actor] = u.moved
}

// conflict adds the edges that lead to a step.
func (t *timeline) conflict(r *Run, st *Step, u *undone) {
	layout := r.Model.Memory().Layout()
	first := len(t.edges)
	edge := func(from int, id cell.ID) {
		if from == 0 || r.steps[from-1].Actor == st.Actor {
			return
		}
		for i := first; i < len(t.edges); i++ {
			if t.edges[i].From == from {
				return
			}
		}
		t.edges = append(t.edges, Edge{From: from, To: st.N, Cell: id, Name: r.nameIn(id, from, st), IPI: layout.Class(id) == machine.IPIs})
	}
	reads := r.shared(st.Reads)
	for _, id := range reads {
		edge(t.last[id].wrote, id)
	}
	for _, id := range r.shared(st.Writes) {
		edge(t.last[id].wrote, id)
		edge(t.last[id].read, id)
	}
	set := func(id cell.ID, to use) {
		u.uses = append(u.uses, usedBefore{id, t.last[id]})
		t.last[id] = to
	}
	for _, id := range reads {
		now := t.last[id]
		now.read = st.N
		set(id, now)
	}
	for _, c := range st.Changes {
		if !private.Has(c.Class) {
			set(c.Cell, use{wrote: st.N})
		}
	}
}

// nameIn is what a cell was called when one of two conflicting steps wrote it. (A
// table's entry is called otherwise once the table is freed.)
func (r *Run) nameIn(id cell.ID, from int, to *Step) string {
	if c := r.steps[from-1].Change(id); c != nil {
		return c.Name
	}
	if c := to.Change(id); c != nil {
		return c.Name
	}
	return r.Model.Memory().Layout().Name(id)
}

// windowed are the classes that a race window can be about.
var windowed = cell.Of(machine.PTEs, machine.PMDs, machine.SwapCache)

// believe notes what the step's actor keeps, and what becomes of what was kept before.
func (t *timeline) believe(r *Run, st *Step, u *undone) {
	change := func(i int, f func(*kept)) {
		u.changed = append(u.changed, keptBefore{i, t.beliefs[i]})
		f(&t.beliefs[i])
	}
	for ci := range st.Changes {
		c := &st.Changes[ci]
		for _, i := range t.by[c.Cell] {
			if k := &t.beliefs[i]; k.end == 0 && k.Actor != st.Actor && k.Stale == 0 && k.outdates(c) {
				change(i, func(k *kept) { k.Stale = st.N })
				t.stale = append(t.stale, i)
			}
		}
	}
	end := func(i int) {
		change(i, func(k *kept) {
			k.end = st.N
			if k.Stale != 0 {
				k.To = st.N
			}
		})
	}
	for _, id := range st.Reads {
		for _, i := range t.by[id] {
			if k := &t.beliefs[i]; k.end == 0 && k.MMU == "" && k.Actor == st.Actor {
				end(i)
			}
		}
	}
	for _, c := range st.Changes {
		for _, i := range t.into[c.Cell] {
			if k := &t.beliefs[i]; k.end == 0 && (k.MMU == "" && k.Actor == st.Actor || k.MMU != "" && !machine.Entry(c.NewV).IsStale()) {
				end(i)
			}
		}
	}
	keep := func(k kept) {
		t.by[k.Cell] = append(t.by[k.Cell], len(t.beliefs))
		t.into[k.into] = append(t.into[k.into], len(t.beliefs))
		t.beliefs = append(t.beliefs, k)
	}
	layout := r.Model.Memory().Layout()
	for _, k := range st.Kept {
		if !private.Has(layout.Class(k.From)) {
			keep(kept{Window: Window{Actor: st.Actor, Read: st.N, Cell: k.From, Name: k.Name, Value: k.Value}, into: k.Into, raw: k.Raw})
		}
	}
	for i := range st.Changes {
		if k, ok := r.translated(st, &st.Changes[i]); ok {
			keep(k)
		}
	}
}

// lasts begins and ends what lasts.
func (t *timeline) lasts(r *Run, st *Step, u *undone) {
	begin := func(key spanKey, s Span) {
		s.key = key
		t.open[key] = len(t.spans)
		t.spans = append(t.spans, s)
	}
	end := func(key spanKey) {
		if i, ok := t.open[key]; ok {
			t.spans[i].To = st.N
			u.ended = append(u.ended, spanEnded{key, i})
			delete(t.open, key)
		}
	}
	for i := range st.Changes {
		r.span(st, &st.Changes[i], begin, end)
	}
	r.waiting(st, t.open, begin, end)
}
