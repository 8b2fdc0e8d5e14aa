package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/trace"
)

// A Sketch is what there is to draw of a run, step by step: it takes in what the run has
// gained since it looked last and gives back what was cut off, and a [Race] is a part of it. So a
// step costs the same after two thousand others as after ten.
type Sketch struct {
	r    *trace.Run
	c    *columns
	rows []sketched
	last []place // per lane

	edges  []Edge
	clocks [][]int32 // per step: the last step of every actor that came before it
	moved  []int     // per actor: its last step so far
	taken  int       // of the run's edges

	tracks []int // of the run's spans
	bars   []int // per lane: how many tracks it has

	fold    *Story // the one by which rows are aside and functions named
	few     []sketchedFew
	lastFew []place

	wrong map[int]string // what is wrong after a step, by its identity
	blame blame
}

// A sketched is a step as the sketch knows it.
type sketched struct {
	Row
	made  int
	was   place // where its lane was before
	alone int   // the step from which on to this one nobody but its lane moved
	edges int   // so many there were before it
	taken int
	spans int
	actor int
	moved int // the actor's last step before it
}

type sketchedFew struct {
	head string
	was  place
}

// NewSketch returns the sketch of a run.
func NewSketch(r *trace.Run) *Sketch {
	c := columnsOf(r)
	return &Sketch{r: r, c: c, last: make([]place, len(c.lanes)), lastFew: make([]place, len(c.lanes)), bars: make([]int, len(c.lanes)), moved: make([]int, len(r.Model.Actors())), wrong: map[int]string{}}
}

// OfRace draws all rows of a run.
func OfRace(r *trace.Run, story, fold *Story) Race {
	return NewSketch(r).Race(story, fold, Part{0, r.Len()})
}

// follow takes in what has become of the run.
func (k *Sketch) follow() {
	steps, bars := k.r.Steps(), len(k.tracks)
	for n := len(k.rows); n > 0 && (n > len(steps) || k.rows[n-1].made != steps[n-1].Made); n-- {
		k.drop()
	}
	if len(k.tracks) < bars { // the bars that are left are those of steps that are left
		clear(k.bars)
		for i := range k.tracks {
			k.widen(i)
		}
	}
	for n := len(k.rows); n < len(steps); n++ {
		k.add(&steps[n])
	}
}

func (k *Sketch) add(st *trace.Step) {
	lane := max(k.c.actor[st.Actor], 0)
	x := sketched{made: st.Made, actor: st.Actor, was: k.last[lane], alone: st.N, edges: len(k.edges), taken: k.taken, spans: len(k.tracks), moved: k.moved[st.Actor]}
	if n := len(k.rows); n > 0 && k.rows[n-1].Lane == lane {
		x.alone = k.rows[n-1].alone
	}
	x.Row = k.c.row(k.r, st, k.last)
	k.rows = append(k.rows, x)
	k.connect(st)
	k.stack()
}

func (k *Sketch) drop() {
	n := len(k.rows)
	x := &k.rows[n-1]
	k.last[x.Lane] = x.was
	k.moved[x.actor] = x.moved
	k.edges, k.taken, k.tracks, k.clocks = k.edges[:x.edges], x.taken, k.tracks[:x.spans], k.clocks[:n-1]
	if len(k.few) >= n {
		k.lastFew[x.Lane] = k.few[n-1].was
		k.few = k.few[:n-1]
	}
	k.rows = k.rows[:n-1]
}

// widen sees to it that a span's lane has room for it.
func (k *Sketch) widen(i int) {
	if lane := k.lane(&k.r.Spans()[i]); lane >= 0 {
		k.bars[lane] = max(k.bars[lane], k.tracks[i]+1)
	}
}

// stack gives the bars that have begun tracks of their own beside those that overlap them.
func (k *Sketch) stack() {
	spans := k.r.Spans()
	for i := len(k.tracks); i < len(spans) && spans[i].From <= len(k.rows); i++ {
		s := &spans[i]
		taken := uint64(0)
		for j := range k.tracks {
			if o := &spans[j]; k.lane(o) == k.lane(s) && (o.To == 0 || o.To >= s.From) {
				taken |= 1 << k.tracks[j]
			}
		}
		track := 0
		for taken>>track&1 != 0 {
			track++
		}
		k.tracks = append(k.tracks, track)
		k.widen(i)
	}
}

// lane is where a span is drawn, -1 if it is not: that a task waits for its own
// CPU, which the host does not run, another bar says.
func (k *Sketch) lane(s *trace.Span) int {
	switch {
	case s.Actor < 0:
		return -1
	case s.Kind == trace.Waiting && s.For >= 0 && k.c.actor[s.For] == k.c.actor[s.Actor]:
		return -1
	}
	return k.c.actor[s.Actor]
}

// Race draws a part of the run; the cursor only says where it stands in it. What
// does not matter steps aside, by the story that fold is; story is the run's own, if
// there is one.
func (k *Sketch) Race(story, fold *Story, p Part) Race {
	k.follow()
	k.heads(fold)
	k.blamed()
	r := k.r
	out := Race{Lanes: slices.Clone(k.c.lanes), At: r.Cursor(), Len: r.Len(), From: p.From, To: p.To}
	if story.Of(r) {
		out.Story = story
	}
	out.Few = out.Len
	if fold.Folds() {
		for i := range min(len(fold.keys), out.Len) {
			if k.row(i+1, fold).Aside {
				out.Few--
				out.Folded = true
			}
		}
	}
	windows := k.windows(p)
	for n := p.From + 1; n <= p.To; n++ {
		x := k.row(n, fold)
		for i := range windows {
			if windows[i].From == n {
				x.Opens = append(x.Opens, windows[i].Texts...)
			}
		}
		out.Rows = append(out.Rows, x)
	}
	if out.At > 0 {
		out.Here = k.row(out.At, fold)
	}
	out.Spans = k.spans(p)
	out.Bars = slices.Clone(k.bars)
	out.Windows = joined(windows)
	for i := range out.Windows {
		out.Windows[i].settle(&out)
	}
	out.Edges = k.edgesIn(p, fold)
	out.Next = k.c.next(r)
	out.Coming = k.c.coming(r)
	for i := range out.Lanes {
		out.Lanes[i].State = k.c.state(r, i)
	}
	return out
}

// row is a step with what the rest of the run makes of it.
func (k *Sketch) row(n int, fold *Story) Row {
	x := k.rows[n-1].Row
	st := &k.r.Steps()[n-1]
	x.Aside = fold.aside(st) && !k.blame.pair[n]
	if fold.Folds() && !fold.aside(st) {
		x.Func = k.few[n-1].head
	}
	x.Pair, x.Note = k.blame.pair[n], k.blame.notes[n]
	if x.Bad = k.bad(n); x.Bad != "" {
		x.Quiet = false
	}
	return x
}

// heads names the functions above the rows that are not aside.
func (k *Sketch) heads(fold *Story) {
	if !fold.Folds() {
		return
	}
	if fold != k.fold {
		k.fold, k.few = fold, k.few[:0]
		clear(k.lastFew)
	}
	steps := k.r.Steps()
	for n := len(k.few); n < len(steps); n++ {
		x := k.rows[n].Row
		f := sketchedFew{was: k.lastFew[x.Lane]}
		if !fold.aside(&steps[n]) {
			x.Func = ""
			x.head(&steps[n], k.lastFew)
			f.head = x.Func
		}
		k.few = append(k.few, f)
	}
}

// spans are the bars that reach into the part.
func (k *Sketch) spans(p Part) []Span {
	var out []Span
	for i, s := range k.r.Spans() {
		lane := k.lane(&s)
		if lane < 0 || s.From > p.To || s.To != 0 && s.To <= p.From {
			continue
		}
		x := Span{ID: fmt.Sprintf("span-%d", i), Kind: spanKinds[s.Kind], Lane: lane, Track: k.tracks[i], From: s.From, To: s.To, Text: s.Text, On: -1, Open: s.To == 0}
		if x.Open {
			x.To = k.r.Len()
		}
		x.Short = short(s.Kind, s.Text)
		if s.Kind == trace.Waiting {
			if s.For >= 0 && k.c.actor[s.For] >= 0 {
				x.On = k.c.actor[s.For]
				x.Short = "waits for " + k.c.lanes[x.On].Name
			}
		}
		out = append(out, x)
	}
	return out
}

// short says what lasts in a word or two: whose lock it is stands in the long form.
func short(kind trace.SpanKind, text string) string {
	switch kind {
	case trace.IRQsOff:
		return "IRQs off"
	case trace.Preempted:
		return "preempted"
	case trace.Waiting:
		return "waits"
	case trace.GracePeriod:
		return "RCU"
	}
	name, how, _ := strings.Cut(text, ", for ")
	for _, known := range []string{"PTL", "PMD lock", "page_table_lock", "hugetlb VMA lock", "VMA lock", "hugetlb fault mutex", "anon_vma lock", "mmap_lock", "mmu_lock", "umem_mutex", "i_rwsem", "invalidate_lock", "i_mmap_rwsem"} {
		if strings.Contains(name, known) {
			name = known
			break
		}
	}
	if folio, ok := strings.CutPrefix(name, "lock of "); ok {
		name = folio + " locked"
	}
	if how != "" {
		name += ", " + how
	}
	return name
}

var spanKinds = [...]SpanKind{trace.IRQsOff: IRQsOff, trace.Locked: LockHeld, trace.Preempted: Preempted, trace.Waiting: Waiting, trace.GracePeriod: GracePeriod}

// windows are the race windows that reach into the part, in the order in which they opened.
func (k *Sketch) windows(p Part) []Window {
	var out []Window
	for _, w := range k.r.Windows() {
		if w.Stale > p.To || w.To <= p.From {
			continue
		}
		if x, ok := k.window(&w); ok {
			x.Bad = k.blame.windows[x.ID]
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Window) int { return cmp.Compare(a.From, b.From) })
	return out
}

// window is a race window, unless nobody else has moved in it.
func (k *Sketch) window(w *trace.Window) (Window, bool) {
	lane := k.c.actor[w.Actor]
	if lane < 0 || w.To-1 <= w.Read {
		return Window{}, false
	}
	if last := &k.rows[w.To-2]; last.Lane == lane && last.alone <= w.Read+1 {
		return Window{}, false
	}
	who := k.c.lanes[lane].Name
	switch w.MMU {
	case "":
	case "TLB":
		who += "'s TLB"
	default:
		who = "the " + w.MMU
	}
	return Window{ID: fmt.Sprintf("window-%d-%d", w.Read, w.Cell), Lane: lane, Read: w.Read, From: w.Stale, To: w.To, cell: w.Cell, cached: w.MMU != "",
		Head: fmt.Sprintf("race window, %d steps", w.To-w.Read), Texts: []string{fmt.Sprintf("%s goes by %s = %s", who, w.Name, w.Value)}, Value: w.Value}, true
}

// edgesIn are the edges that begin or end in the part.
func (k *Sketch) edgesIn(p Part, fold *Story) []Edge {
	var out []Edge
	add := func(e *Edge) {
		if begins, ends := e.From > p.From && e.From <= p.To, e.To > p.From && e.To <= p.To; !begins && !ends {
			return
		}
		x := *e
		from, to := k.row(e.From, fold), k.row(e.To, fold)
		x.Race = x.Race || k.blame.edges[[2]int{e.From, e.To}]
		x.Aside = !x.Race && (from.Aside || to.Aside)
		x.FromHead, x.ToHead = from.Func != "", to.Func != ""
		out = append(out, x)
	}
	more := k.blame.more
	for i := range k.edges {
		for len(more) > 0 && more[0].To < k.edges[i].To {
			add(&more[0])
			more = more[1:]
		}
		add(&k.edges[i])
	}
	for i := range more {
		add(&more[i])
	}
	return out
}
