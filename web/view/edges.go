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

// connect adds the conflicting accesses across lanes that lead to a step and order what
// happened: an edge that follows from others, and from every actor doing one thing after the
// other, is left out. What remains are the pairs that could have come the other
// way round.
func (k *Sketch) connect(st *trace.Step) {
	steps := k.r.Steps()
	clock := make([]int32, len(k.moved))
	if p := k.moved[st.Actor]; p > 0 {
		copy(clock, k.clocks[p-1])
	}
	all := k.r.Edges()
	var into []trace.Edge
	for k.taken < len(all) && all[k.taken].To == st.N {
		into = append(into, all[k.taken])
		k.taken++
	}
	slices.SortFunc(into, func(a, b trace.Edge) int { return cmp.Compare(b.From, a.From) })
	for _, e := range into {
		from := &steps[e.From-1]
		if int(clock[from.Actor]) >= e.From {
			continue
		}
		for i, n := range k.clocks[e.From-1] {
			clock[i] = max(clock[i], n)
		}
		fl, tl := k.c.actor[from.Actor], k.c.actor[st.Actor]
		if fl != tl && fl >= 0 && tl >= 0 {
			k.edges = append(k.edges, Edge{ID: fmt.Sprintf("edge-%d-%d", e.From, st.N), Kind: edgeKind(k.r, e.Cell), From: e.From, To: st.N,
				FromLane: fl, ToLane: tl, Text: e.Name})
		}
	}
	clock[st.Actor] = int32(st.N)
	k.clocks = append(k.clocks, clock)
	k.moved[st.Actor] = st.N
}

// edgeKind is what an edge is by the cell that both touched: locks and frames are handed over.
func edgeKind(r *trace.Run, id cell.ID) EdgeKind {
	_, lock := r.Model.M.LockAt(id)
	switch class := r.Model.Memory().Layout().Class(id); {
	case class == machine.IPIs:
		return IPI
	case lock, class == machine.Frames:
		return HandOver
	}
	return Conflict
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
			texts := slices.DeleteFunc(slices.Clone(w.Texts), func(t string) bool { return slices.Contains(o.Texts, t) }) // a secondary MMU's entry, and what a CPU has of it
			if w.Bad && !o.Bad {
				o.Texts = append(texts, o.Texts...)
			} else {
				o.Texts = append(o.Texts, texts...)
			}
			o.Bad = o.Bad || w.Bad
			continue next
		}
		out = append(out, w)
	}
	return out
}

// settle finds the place of a window's text: its longest stretch without a card of its lane.
func (w *Window) settle(x *Race) {
	first, last := max(w.From, x.From+1), min(w.To, x.To)
	from := first
	for n := first; n <= last+1; n++ {
		if n <= last && x.Row(n).Lane != w.Lane {
			continue
		}
		if n > from && (w.Gap == [2]int{} || n-1-from > w.Gap[1]-w.Gap[0]) {
			w.Gap = [2]int{from, n - 1}
		}
		from = n + 1
	}
}

// bad is what is wrong from a step on: the sentence of the claim that broke; at the
// end of the run, that it is a deadlock or a livelock. "" if nothing is.
func (k *Sketch) bad(n int) string {
	st := &k.r.Steps()[n-1]
	end := n == k.r.Len()
	if len(st.Broken) == 0 && !end {
		return ""
	}
	key := st.Made
	if end {
		key = -key // it is the end only as long as the run does not go on
	}
	if text, known := k.wrong[key]; known {
		return text
	}
	at := k.r.Cursor()
	k.r.Goto(n)
	text := ""
	if len(st.Broken) > 0 {
		text = why(k.r, st.Broken)
	} else if k.r.Deadlock() {
		text = stuck(k.r)
	} else if round := k.r.Livelock(); round > 0 {
		text = fmt.Sprintf("the last %d steps can go round for ever: livelock", round)
	}
	k.r.Goto(at)
	k.wrong[key] = text
	return text
}

// A blame is what led to the first violation, as things stood when it happened: the windows that
// its CPU went by, the pair of accesses that opened each, and those by which
// it used what was no longer so.
type blame struct {
	made    int // the identity of the violating step; 0: none
	windows map[string]bool
	edges   map[[2]int]bool
	more    []Edge // that belong to the story although they follow from others
	pair    map[int]bool
	notes   map[int]string
}

// blamed finds out what led to the first violation, if that is not known yet.
func (k *Sketch) blamed() {
	n := k.r.FirstViolation()
	if n == 0 {
		k.blame = blame{}
		return
	}
	st := &k.r.Steps()[n-1]
	if k.blame.made == st.Made {
		return
	}
	k.blame = blame{made: st.Made, windows: map[string]bool{}, edges: map[[2]int]bool{}, pair: map[int]bool{}, notes: map[int]string{}}
	b := &k.blame
	lane := k.rows[n-1].Lane
	found := false
	ws := k.windowsAt(n)
	for i := range ws {
		w := &ws[i]
		if w.Lane != lane || w.cached || !sameCall(k.r, w.Read, n) {
			continue
		}
		b.windows[w.ID], found = true, true
		k.ensure(w.Read, w.From, "")
		if to := reused(k.r, w, n); to > 0 {
			k.ensure(to, next(k.r, w.Read, to), "")
		}
		k.eachEdge(n, func(e *Edge) {
			opens := e.From == w.Read && e.To == w.From
			uses := e.From >= w.From && sameCall(k.r, w.Read, e.To)
			if opens || uses {
				b.race(e)
			}
			if uses && b.notes[e.To] == "" {
				b.notes[e.To] = fmt.Sprintf("goes by what was read at step %d, untrue since step %d", w.Read, w.From)
			}
		})
	}
	if !found {
		k.accuse(n, ws)
	}
}

// accuse marks what the explanation of the violation at step n goes by: the races that it tells of, each with its window; if it tells of
// none, the pairs among the steps that matter whose order no wait has decided.
func (k *Sketch) accuse(n int, ws []Window) {
	b := &k.blame
	races, steps := k.r.Blame()
	for i := range races {
		r := &races[i]
		b.mark(k, r.Read, r.Stale, r.Name)
		if r.Use > r.Stale {
			b.mark(k, r.Stale, r.Use, r.Name)
		}
		for j := range ws {
			w := &ws[j]
			if w.cell != r.Cell || w.From != r.Stale || w.Lane != k.c.actor[r.Actor] {
				continue
			}
			b.windows[w.ID] = true
			if r.Use > r.Stale {
				b.notes[r.Use] = fmt.Sprintf("goes by what was read at step %d, untrue since step %d", w.Read, w.From)
			}
		}
	}
	if len(races) > 0 {
		return
	}
	lane := k.rows[n-1].Lane
	k.eachEdge(n, func(e *Edge) {
		matter := slices.Contains(steps, e.From) && slices.Contains(steps, e.To)
		if matter && (e.To == n || e.ToLane == lane && sameCall(k.r, e.To, n)) && !k.waited(e) {
			b.race(e)
		}
	})
}

// mark makes a pair of steps one of those that race, and sees to it that an edge is there.
func (b *blame) mark(k *Sketch, from, to int, what string) {
	k.ensure(from, to, what)
	b.race(&Edge{From: from, To: to})
}

// waited reports whether a wait has put a pair in its order: who came second had waited for the other until after the first access.
func (k *Sketch) waited(e *Edge) bool {
	from, to := k.rows[e.From-1].actor, k.rows[e.To-1].actor
	return slices.ContainsFunc(k.r.Spans(), func(s trace.Span) bool {
		return s.Kind == trace.Waiting && s.Actor == to && s.For == from && s.To >= e.From && s.To <= e.To && s.To > 0
	})
}

// windowsAt are the race windows as they were when step n had been made.
func (k *Sketch) windowsAt(n int) []Window {
	var out []Window
	for _, w := range k.r.Windows() {
		if w.Stale > n {
			continue
		}
		if w.To > n {
			w.To = n
			for m := n; m > w.Stale; m-- {
				if k.rows[m-1].actor == w.Actor {
					w.To = m
					break
				}
			}
		}
		if x, ok := k.window(&w); ok {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Window) int { return cmp.Compare(a.From, b.From) })
	return out
}

// eachEdge calls f with the edges that lead to steps up to n.
func (k *Sketch) eachEdge(n int, f func(*Edge)) {
	for i := range k.edges {
		if k.edges[i].To <= n {
			f(&k.edges[i])
		}
	}
	for i := range k.blame.more {
		f(&k.blame.more[i])
	}
}

// ensure sees to it that an edge is there which belongs to the story, even if it
// follows from others; text is what it says, "" what the first of its steps does.
func (k *Sketch) ensure(from, to int, text string) {
	if from <= 0 || to <= from || to > len(k.rows) || k.rows[from-1].Lane == k.rows[to-1].Lane {
		return
	}
	there := false
	k.eachEdge(to, func(e *Edge) { there = there || e.From == from && e.To == to })
	if there {
		return
	}
	if text == "" {
		text = k.touched(from)
	}
	k.blame.more = append(k.blame.more, Edge{ID: fmt.Sprintf("edge-%d-%d", from, to), From: from, To: to, FromLane: k.rows[from-1].Lane, ToLane: k.rows[to-1].Lane, Text: text})
	slices.SortStableFunc(k.blame.more, func(a, b Edge) int { return cmp.Compare(a.To, b.To) })
}

// touched is what a step has to do with a later one of somebody else.
func (k *Sketch) touched(n int) string {
	st := &k.r.Steps()[n-1]
	switch {
	case len(st.Kept) > 0: // where it read what is untrue later; what it changes is a local of its own
		return st.Kept[0].Name
	case len(st.Changes) > 0:
		return st.Changes[0].Name
	}
	return "what is believed"
}

func (b *blame) race(e *Edge) {
	b.edges[[2]int{e.From, e.To}] = true
	b.pair[e.From], b.pair[e.To] = true, true
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
