package session

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"gupscope/web/page"
	"gupscope/web/view"
)

// Morph is the fragment that draws an element anew.
func Morph(id string, c templ.Component) Fragment { return morph(id, c) }

func morph(id string, c templ.Component) Fragment {
	return Fragment{Op: "morph", ID: id, HTML: html(c)}
}

// update brings the page to the present state and returns the difference.
func (s *Session) update() []Fragment {
	old, at := s.page, s.at
	s.page = s.make()
	out := difference(&old, &s.page)
	if s.at != at {
		out = append(out, Fragment{Op: "address"})
	}
	return out
}

// everything shows the page as it is, region by region; the verdict excepted,
// which is the check's.
func (s *Session) everything() []Fragment {
	s.page = s.make()
	p := &s.page
	out := []Fragment{
		morph("page-title", page.Title(p)), morph("pick-scenario", page.PickScenario(&p.Header)), morph("scenarios", page.Scenarios(&p.Header)),
		morph("pick-kernel", page.PickKernel(&p.Header.Kernel)), morph("kernels", page.Kernels(&p.Header.Kernel)),
		morph("editor", page.Editor(&p.Source)), morph("writing", page.Writing(&p.Header)), morph("diagnostics", page.Diagnostics(&p.Source)), morph("listing", page.Listings(p.Listing)),
		morph("race", page.RacePart(p)), morph("now", page.Memory(&p.Memory)), morph("claims", page.Claims(p.Claims)), morph("cell", page.Cell(p.Cell)),
		{Op: "say", HTML: p.Sentence.Plain()},
	}
	if !s.unread {
		out = append(out, Fragment{Op: "address", Value: s.Address()})
	}
	return append(out, s.textAnswers()...)
}

// difference is what brings a page from old to new.
func difference(old, new *view.Page) []Fragment {
	d := &diff{old: old, new: new}
	d.header()
	if !reflect.DeepEqual(old.Sentence, new.Sentence) {
		d.add(Fragment{Op: "say", HTML: new.Sentence.Plain()})
	}
	d.race()
	d.memory()
	if !reflect.DeepEqual(old.Cell, new.Cell) {
		d.morph("cell", page.Cell(new.Cell))
	}
	if !reflect.DeepEqual(old.Claims, new.Claims) {
		d.morph("claims", page.Claims(new.Claims))
	}
	d.listing()
	if !reflect.DeepEqual(old.Source.Diagnostics, new.Source.Diagnostics) || old.Source.Kept != new.Source.Kept {
		d.morph("diagnostics", page.Diagnostics(&new.Source))
	}
	if old.Source.Kept != new.Source.Kept {
		d.morph("race-kept", page.Kept(&new.Source))
	}
	if a, b := marksOf(&old.Source), marksOf(&new.Source); a != b {
		d.add(b)
	}
	return d.out
}

type diff struct {
	old, new *view.Page
	out      []Fragment
}

func (d *diff) add(f Fragment)                     { d.out = append(d.out, f) }
func (d *diff) morph(id string, c templ.Component) { d.add(morph(id, c)) }
func (d *diff) attr(id, name, value string) {
	d.add(Fragment{Op: "attr", ID: id, Name: name, Value: value})
}
func (d *diff) truncate(id string, n int)     { d.add(Fragment{Op: "truncate", ID: id, N: n}) }
func (d *diff) append(id string, html string) { d.add(Fragment{Op: "append", ID: id, HTML: html}) }

func (d *diff) header() {
	a, b := &d.old.Header, &d.new.Header
	if d.old.Title != d.new.Title {
		d.morph("page-title", page.Title(d.new))
	}
	if a.Title != b.Title || a.Edited != b.Edited {
		d.morph("pick-scenario", page.PickScenario(b))
	}
	if a.Edited != b.Edited {
		d.morph("writing", page.Writing(b))
	}
	if !reflect.DeepEqual(a.Kernel, b.Kernel) {
		d.morph("pick-kernel", page.PickKernel(&b.Kernel))
		d.morph("kernels", page.Kernels(&b.Kernel))
	}
	// The verdict belongs to the check, which runs elsewhere: a text or a kernel
	// takes it back, a step never does.
	if a.Kernel.Text != b.Kernel.Text || d.old.Source.Text != d.new.Source.Text {
		d.morph("verdict", page.Verdict(&d.new.Verdict))
	}
}

// race is the difference of two diagrams: of the same run at another cursor, of
// a run and its continuation, of two branches.
func (d *diff) race() {
	a, b := &d.old.Race, &d.new.Race
	if len(a.Lanes) != len(b.Lanes) || len(a.Lanes) == 0 || d.old.Header.Kernel.Text != d.new.Header.Kernel.Text || other(a, b) || apart(a, b) {
		d.morph("race", page.RacePart(d.new))
		return
	}
	if !reflect.DeepEqual(d.old.Sentence, d.new.Sentence) {
		d.morph("sentence", page.Sentence(d.new.Sentence))
	}
	if a.Story != b.Story || (a.At == 0) != (b.At == 0) || a.Folded != b.Folded || b.Folded && (a.Len != b.Len || a.Few != b.Few) || b.Story.Folds() && !b.Folded && a.At != b.At {
		d.morph("story", page.Story(b))
	}
	if fa, fb := page.Frame(a), page.Frame(b); fa != fb {
		d.attr("frame", "class", fb)
	}
	if !reflect.DeepEqual(a.Lanes, b.Lanes) {
		d.morph("lanes", page.Lanes(b))
	}
	d.rows(a, b)
	if !reflect.DeepEqual(a.Coming, b.Coming) {
		d.morph("coming", page.Coming(b))
	}
	if a.From != b.From || a.From > 0 && a.Len != b.Len {
		d.morph("earlier", page.Earlier(b))
	}
	if a.To != b.To || a.Len != b.Len {
		d.morph("later", page.Later(b))
	}
	moved := a.From != b.From || a.To != b.To
	recut := func(from, to int) bool {
		return max(from, a.From) != max(from, b.From) || min(to, a.To+1) != min(to, b.To+1) || (from <= a.From) != (from <= b.From) || (to > a.To) != (to > b.To)
	}
	series(d, "spans", a.Spans, b.Spans, func(s *view.Span) string { return s.ID }, func(s *view.Span) templ.Component { return page.Span(b, s) },
		func(s *view.Span) bool { return recut(s.From, s.To) })
	series(d, "edges", a.Edges, b.Edges, func(e *view.Edge) string { return e.ID }, func(e *view.Edge) templ.Component { return page.Edge(b, e) },
		func(e *view.Edge) bool { return recut(e.From, e.To) })
	series(d, "windows", a.Windows, b.Windows, func(w *view.Window) string { return w.ID }, func(w *view.Window) templ.Component { return page.Window(b, w) },
		func(w *view.Window) bool { return recut(w.From, w.To) })
	if a.At != b.At || a.Len != b.Len || moved {
		d.morph("veil", page.Veil(b))
		d.morph("scrub", page.Scrub(b))
	}
	d.next(a, b)
	if !reflect.DeepEqual(a.Branches, b.Branches) {
		d.morph("branches", page.Branches(b))
	}
	d.menu(a, b)
	if a.At != b.At || !reflect.DeepEqual(a.Noted, b.Noted) {
		d.morph("note-panel", page.NotePanel(b))
	}
}

// next is the difference of what can happen next: of one lane, most times.
func (d *diff) next(a, b *view.Race) {
	for i := range b.Next {
		if !reflect.DeepEqual(a.Next[i], b.Next[i]) {
			d.morph(page.MovesID(b, b.Next[i].Lane), page.Moves(b, &b.Next[i]))
		}
	}
}

// menu is the difference of the ways to go on. What changes with every step are a few words.
func (d *diff) menu(a, b *view.Race) {
	x, y := a.Run, b.Run
	x.Whose, x.Func = y.Whose, y.Func
	if !reflect.DeepEqual(x, y) || !reflect.DeepEqual(a.Branches, b.Branches) {
		d.morph("run-menu", page.RunMenu(b))
		return
	}
	if a.Run.Whose != b.Run.Whose {
		d.morph("whose", page.Whose(b))
	}
	if a.Run.Func != b.Run.Func {
		d.morph("way-over", page.Over(b))
	}
	if a.Len != b.Len {
		d.morph("way-end", page.ToEnd(b))
	}
}

// listing is the difference of the functions that the CPUs are in: while they are the same ones, of a few of their steps.
func (d *diff) listing() {
	a, b := d.old.Listing, d.new.Listing
	if reflect.DeepEqual(a, b) {
		return
	}
	if !slices.EqualFunc(a, b, func(x, y view.Listing) bool { return x.Task == y.Task && x.Lane == y.Lane }) {
		d.morph("listing", page.Listings(b))
		return
	}
	if !slices.EqualFunc(a, b, func(x, y view.Listing) bool { return x.Func == y.Func && x.File == y.File }) {
		d.morph("listing-head", page.ListingHead(b))
	}
	for i := range b {
		x, y := &a[i], &b[i]
		if !sameSteps(x, y) {
			d.morph(page.ListingID(y), page.Listing(y, i == 0))
			continue
		}
		for j := range y.Steps {
			if !reflect.DeepEqual(x.Steps[j], y.Steps[j]) {
				d.morph(page.ListingStepID(y, &y.Steps[j]), page.ListingStep(y, &y.Steps[j]))
			}
		}
	}
}

// sameSteps reports whether two listings differ in no more than who stands where.
func sameSteps(a, b *view.Listing) bool {
	return a.Func == b.Func && slices.Equal(a.Stack, b.Stack) && slices.EqualFunc(a.Steps, b.Steps, func(x, y view.ListingStep) bool {
		if x.Lacks != "" || y.Lacks != "" {
			return reflect.DeepEqual(x, y)
		}
		return x.N == y.N && x.Says == y.Says && x.Ref == y.Ref && x.Rule == y.Rule
	})
}

// other reports whether the lanes of two diagrams are not the same ones.
func other(a, b *view.Race) bool {
	for i := range a.Lanes {
		if a.Lanes[i].Name != b.Lanes[i].Name || a.Lanes[i].What != b.Lanes[i].What {
			return true
		}
	}
	return false
}

// apart reports whether the drawn parts of two diagrams have no row in common, or count them from elsewhere.
// Where both are drawn from the start, they have the start in common.
func apart(a, b *view.Race) bool {
	return a.From/page.Rebase != b.From/page.Rebase || max(a.From, b.From) > 0 && (a.To <= b.From || b.To <= a.From)
}

// rows keeps what both runs have in common, cuts off what only the old one has,
// and adds what only the new one has. The present row is marked by an attribute.
func (d *diff) rows(a, b *view.Race) {
	from, same := max(a.From, b.From), max(a.From, b.From)
	for same < min(a.To, b.To) && a.Row(same+1).Key == b.Row(same+1).Key && a.Row(same+1).Says == b.Row(same+1).Says {
		same++
	}
	drawn := func(r *view.Race, n int) bool { return n > from && n <= same || n == 0 && r.From == 0 }
	if a.At != b.At && drawn(a, a.At) {
		d.attr("row-"+strconv.Itoa(a.At), "aria-current", "")
	}
	start := 0 // the start is a child as well
	if a.From == 0 {
		start = 1
	}
	if same < a.To {
		d.truncate("rows", start+same-a.From)
	}
	if a.From < b.From {
		d.add(Fragment{Op: "drop", ID: "rows", N: start + b.From - a.From})
	}
	for n := from + 1; n <= same; n++ {
		if !reflect.DeepEqual(a.Row(n), b.Row(n)) {
			d.morph("row-"+strconv.Itoa(n), page.Row(b, b.Row(n)))
		}
	}
	if b.From < a.From {
		var before strings.Builder
		if b.From == 0 {
			before.WriteString(html(page.Start(b)))
		}
		for n := b.From + 1; n <= a.From; n++ {
			before.WriteString(html(page.Row(b, b.Row(n))))
		}
		d.add(Fragment{Op: "prepend", ID: "rows", HTML: before.String()})
	}
	var added strings.Builder
	for n := same + 1; n <= b.To; n++ {
		added.WriteString(html(page.Row(b, b.Row(n))))
	}
	if added.Len() > 0 {
		d.append("rows", added.String())
	}
	if a.At != b.At && drawn(b, b.At) && (b.At > 0 || a.From == 0) {
		d.attr("row-"+strconv.Itoa(b.At), "aria-current", "step")
	}
}

// series is the difference of two lists that grow at their ends, and of which a part may
// be drawn: what has changed in both, or is cut off elsewhere now, is morphed; the rest is removed
// and added at both ends. Lists that differ in between are drawn anew.
func series[T any](d *diff, id string, a, b []T, name func(*T) string, draw func(*T) templ.Component, recut func(*T) bool) {
	in := map[string]int{}
	for i := range b {
		in[name(&b[i])] = i
	}
	first, last := -1, -2 // of b, those that are in a
	whole := true
	var gone []string
	for i := range a {
		at, ok := in[name(&a[i])]
		switch {
		case !ok:
			gone = append(gone, name(&a[i]))
			continue
		case first < 0:
			first = at
		case at != last+1:
			whole = false
		}
		last = at
	}
	if !whole {
		gone = gone[:0]
		for i := range a {
			gone = append(gone, name(&a[i]))
		}
		first = -1
	}
	if first < 0 {
		first, last = len(b), len(b)-1
	}
	for _, x := range gone {
		d.add(Fragment{Op: "remove", ID: x})
	}
	old := map[string]*T{}
	for i := range a {
		old[name(&a[i])] = &a[i]
	}
	var before, after strings.Builder
	for i := range b {
		switch {
		case i < first && last >= first:
			before.WriteString(html(draw(&b[i])))
		case i < first || i > last:
			after.WriteString(html(draw(&b[i])))
		case !reflect.DeepEqual(*old[name(&b[i])], b[i]) || recut(&b[i]):
			d.morph(name(&b[i]), draw(&b[i]))
		}
	}
	if before.Len() > 0 {
		d.add(Fragment{Op: "prepend", ID: id, HTML: before.String()})
	}
	if after.Len() > 0 {
		d.append(id, after.String())
	}
}

func (d *diff) memory() {
	a, b := &d.old.Memory, &d.new.Memory
	if !sameWalks(d.old, d.new) {
		d.morph("walks", page.Walks(b))
	}
	if !sameCards(d.old, d.new) {
		d.morph("cards", page.Cards(b))
	}
	if !sameNews(d.old, d.new) {
		d.morph("news", page.News(b))
	}
	if !reflect.DeepEqual(a.Files, b.Files) {
		d.morph("files", page.Files(b.Files))
	}
	if !reflect.DeepEqual(a.TLBs, b.TLBs) {
		d.morph("tlbs", page.TLBs(b.TLBs))
	}
	if !reflect.DeepEqual(a.Locks, b.Locks) {
		d.morph("locks", page.Locks(b.Locks))
	}
}

func sameWalks(a, b *view.Page) bool {
	return reflect.DeepEqual(a.Memory.Walks, b.Memory.Walks) && reflect.DeepEqual(a.Memory.Targets, b.Memory.Targets)
}

func sameCards(a, b *view.Page) bool {
	return reflect.DeepEqual(a.Memory.Folios, b.Memory.Folios) && reflect.DeepEqual(a.Memory.Slots, b.Memory.Slots)
}

// sameNews: the number of the step is theirs too.
func sameNews(a, b *view.Page) bool {
	return reflect.DeepEqual(a.Memory.News, b.Memory.News) && (len(b.Memory.News) == 0 || a.Memory.At == b.Memory.At)
}
