package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// edges are the conflicting accesses across lanes that order what happened: an
// edge that follows from others, and from every actor doing one thing after the
// other, is left out. What remains are the pairs that could have come the other
// way round.
func (c *columns) edges(r *trace.Run) []Edge {
	steps := r.Steps()
	into := make([][]trace.Edge, len(steps)+1)
	for _, e := range r.Edges() {
		into[e.To] = append(into[e.To], e)
	}
	actors := len(r.Model.Actors())
	before := make([][]int32, len(steps)+1) // per step: the last step of every actor that came before it
	clocks := make([]int32, len(steps)*actors)
	last := make([]int, actors) // per actor: its last step so far
	var out []Edge
	for n := 1; n <= len(steps); n++ {
		st := &steps[n-1]
		clock := clocks[(n-1)*actors : n*actors : n*actors]
		if p := last[st.Actor]; p > 0 {
			copy(clock, before[p])
		}
		slices.SortFunc(into[n], func(a, b trace.Edge) int { return cmp.Compare(b.From, a.From) })
		for _, e := range into[n] {
			from := &steps[e.From-1]
			if int(clock[from.Actor]) >= e.From {
				continue
			}
			for i, k := range before[e.From] {
				clock[i] = max(clock[i], k)
			}
			fl, tl := c.actor[from.Actor], c.actor[st.Actor]
			if fl != tl && fl >= 0 && tl >= 0 {
				out = append(out, Edge{ID: fmt.Sprintf("edge-%d-%d", e.From, n), Kind: edgeKind(r, e.Cell), From: e.From, To: n,
					FromLane: fl, ToLane: tl, Text: e.Name})
			}
		}
		clock[st.Actor] = int32(n)
		before[n], last[st.Actor] = clock, n
	}
	return out
}

var handedOver = cell.Of(machine.PTLs, machine.FolioLocks, machine.MMLocks, machine.Frames)

func edgeKind(r *trace.Run, id cell.ID) EdgeKind {
	switch class := r.Model.Memory().Layout().Class(id); {
	case class == machine.IPIs:
		return IPI
	case handedOver.Has(class):
		return HandOver
	}
	return Conflict
}

// windows are the race windows, in the order in which they opened.
func (c *columns) windows(r *trace.Run) []Window {
	var out []Window
	for _, w := range r.Windows() {
		lane := c.actor[w.Actor]
		if lane < 0 {
			continue
		}
		others := 0
		for _, st := range r.Steps()[w.Read : w.To-1] {
			if c.actor[st.Actor] != lane {
				others++
			}
		}
		if others == 0 {
			continue
		}
		out = append(out, Window{ID: fmt.Sprintf("window-%d-%d", w.Read, w.Cell), Lane: lane, Read: w.Read, From: w.Stale, To: w.To,
			Head: fmt.Sprintf("race window, %d steps", w.To-w.Read), Texts: []string{fmt.Sprintf("%s goes by %s = %s", c.lanes[lane].Name, w.Name, w.Value)}, Value: w.Value})
	}
	slices.SortStableFunc(out, func(a, b Window) int { return cmp.Compare(a.From, b.From) })
	return out
}

// joined makes one window of those that overlap in a lane, so that their texts
// do not: the longest has the say.
func joined(ws []Window) []Window {
	var out []Window
next:
	for _, w := range ws {
		for i := range out {
			o := &out[i]
			if o.Lane != w.Lane || w.From > o.To || w.To < o.From {
				continue
			}
			if w.To-w.Read > o.To-o.Read {
				o.Head = w.Head
			}
			o.From, o.To = min(o.From, w.From), max(o.To, w.To)
			if w.Bad && !o.Bad {
				o.Texts = append(w.Texts, o.Texts...)
			} else {
				o.Texts = append(o.Texts, w.Texts...)
			}
			o.Bad = o.Bad || w.Bad
			continue next
		}
		out = append(out, w)
	}
	return out
}

// settle finds the place of a window's text: its longest stretch without a card of its lane.
func (w *Window) settle(rows []Row) {
	from := w.From
	for n := w.From; n <= w.To+1; n++ {
		if n <= w.To && rows[n-1].Lane != w.Lane {
			continue
		}
		if n > from && n-1-from >= w.Gap[1]-w.Gap[0] {
			if w.Gap == [2]int{} || n-1-from > w.Gap[1]-w.Gap[0] {
				w.Gap = [2]int{from, n - 1}
			}
		}
		from = n + 1
	}
}

// blame marks what led to the first violation: the windows that its CPU went by
// when it happened, the pair of accesses that opened each, and those by which
// it used what was no longer so.
func (x *Race) blame(r *trace.Run) {
	at := r.Cursor()
	for _, s := range r.Steps() {
		if len(s.Broken) > 0 {
			r.Goto(s.N)
			x.Rows[s.N-1].Bad = why(r, s.Broken)
		}
	}
	if r.Goto(r.Len()); r.Len() > 0 && r.Deadlock() && x.Rows[r.Len()-1].Bad == "" {
		x.Rows[r.Len()-1].Bad = stuck(r)
		x.Rows[r.Len()-1].Quiet = false
	} else if n := r.Livelock(); n > 0 && x.Rows[r.Len()-1].Bad == "" {
		x.Rows[r.Len()-1].Bad = fmt.Sprintf("the last %d steps can go round for ever: livelock", n)
		x.Rows[r.Len()-1].Quiet = false
	}
	r.Goto(at)
	n := r.FirstViolation()
	if n == 0 {
		return
	}
	st := &r.Steps()[n-1]
	lane := x.Rows[n-1].Lane
	found := false
	for i := range x.Windows {
		w := &x.Windows[i]
		if w.Lane != lane || w.To > n || !sameCall(r, w.Read, n) {
			continue
		}
		w.Bad, found = true, true
		x.ensure(r, w.Read, w.From)
		if k := reused(r, w, n); k > 0 {
			x.ensure(r, k, next(r, w.Read, k))
		}
		for j := range x.Edges {
			e := &x.Edges[j]
			opens := e.From == w.Read && e.To == w.From
			uses := e.From >= w.From && e.To <= n && sameCall(r, w.Read, e.To)
			if opens || uses {
				x.race(e)
			}
			if uses && x.Rows[e.To-1].Note == "" {
				x.Rows[e.To-1].Note = fmt.Sprintf("goes by what was read at step %d, untrue since step %d", w.Read, w.From)
			}
		}
	}
	if found {
		return
	}
	for j := range x.Edges {
		if e := &x.Edges[j]; e.To == n || e.ToLane == lane && e.To < n && sameCall(r, e.To, n) && r.Steps()[e.To-1].Actor == st.Actor {
			x.race(e)
		}
	}
}

// ensure sees to it that an edge is there which belongs to the story, even if it
// follows from others.
func (x *Race) ensure(r *trace.Run, from, to int) {
	if from <= 0 || to <= from || to > len(x.Rows) || x.Rows[from-1].Lane == x.Rows[to-1].Lane {
		return
	}
	at := len(x.Edges)
	for i, e := range x.Edges {
		if e.From == from && e.To == to {
			return
		}
		if at == len(x.Edges) && e.To > to {
			at = i
		}
	}
	text := "what is believed"
	if cs := r.Steps()[from-1].Changes; len(cs) > 0 {
		text = cs[0].Name
	}
	x.Edges = slices.Insert(x.Edges, at, Edge{ID: fmt.Sprintf("edge-%d-%d", from, to), From: from, To: to, FromLane: x.Rows[from-1].Lane, ToLane: x.Rows[to-1].Lane, Text: text})
}

// reused returns the last step before n at which the frame that a window's CPU
// goes by was freed or handed out, or 0.
func reused(r *trace.Run, w *Window, n int) int {
	var f int
	if _, err := fmt.Sscanf(w.Value, "frame %d", &f); err != nil {
		return 0
	}
	state := r.Model.M.State(machine.Frame(f)).Cell()
	for k := n - 1; k > w.Read; k-- {
		for _, c := range r.Steps()[k-1].Changes {
			if c.Cell == state {
				return k
			}
		}
	}
	return 0
}

// next returns the first step after k of the call that made step at, or 0.
func next(r *trace.Run, at, k int) int {
	for n := k + 1; n <= r.Len(); n++ {
		if sameCall(r, at, n) {
			return n
		}
	}
	return 0
}

func (x *Race) race(e *Edge) {
	e.Race = true
	x.Rows[e.From-1].Pair, x.Rows[e.To-1].Pair = true, true
}

// sameCall reports whether two steps belong to the same statement of the same task.
func sameCall(r *trace.Run, a, b int) bool {
	s, t := &r.Steps()[a-1], &r.Steps()[b-1]
	return s.Actor == t.Actor && s.Stmt == t.Stmt
}

// stuck says who has program left and cannot go on.
func stuck(r *trace.Run) string {
	var out []string
	for _, a := range r.Lanes() {
		if o := r.Offer(a.ID); !o.Finished {
			out = append(out, a.Name+" "+o.Why)
		}
	}
	return "nobody can go on: " + strings.Join(out, "; ")
}

// why says in words what is wrong at the cursor with the claims named.
func why(r *trace.Run, claims []string) string {
	for _, t := range r.Model.Truths() {
		if !t.Holds && slices.Contains(claims, t.Name) && len(t.Why) > 0 {
			return t.Why[0]
		}
	}
	return claims[0]
}
