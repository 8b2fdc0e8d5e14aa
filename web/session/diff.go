package session

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"gupscope/web/page"
	"gupscope/web/view"
)

func morph(id string, c templ.Component) Fragment {
	return Fragment{Op: "morph", ID: id, HTML: html(c)}
}

// update brings the page to the present state and returns the difference.
func (s *Session) update() []Fragment {
	old := s.page
	s.page = s.make()
	return difference(&old, &s.page)
}

// everything shows the page as it is, region by region; the verdict excepted,
// which is the check's.
func (s *Session) everything() []Fragment {
	s.page = s.make()
	p := &s.page
	out := []Fragment{
		morph("pick-scenario", page.PickScenario(&p.Header)), morph("scenarios", page.Scenarios(&p.Header)),
		morph("pick-kernel", page.PickKernel(&p.Header.Kernel)), morph("kernels", page.Kernels(&p.Header.Kernel)),
		morph("copy-panel", page.CopyPanel(p)),
		morph("editor", page.Editor(&p.Source)), morph("diagnostics", page.Diagnostics(&p.Source)), morph("listing", page.Listings(p.Listing)),
		morph("race", page.RacePart(p)), morph("now", page.Memory(&p.Memory)), morph("claims", page.Claims(p.Claims)),
		{Op: "say", HTML: p.Sentence.Plain()}, {Op: "address", Value: p.Link.Here},
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
	if !reflect.DeepEqual(old.Claims, new.Claims) {
		d.morph("claims", page.Claims(new.Claims))
	}
	if !reflect.DeepEqual(old.Listing, new.Listing) {
		d.morph("listing", page.Listings(new.Listing))
	}
	if !reflect.DeepEqual(old.Source.Diagnostics, new.Source.Diagnostics) || old.Source.Kept != new.Source.Kept {
		d.morph("diagnostics", page.Diagnostics(&new.Source))
	}
	if a, b := marksOf(&old.Source), marksOf(&new.Source); a != b {
		d.add(b)
	}
	if old.Link.Here != new.Link.Here {
		d.add(Fragment{Op: "address", Value: new.Link.Here})
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
	if a.Title != b.Title || a.Edited != b.Edited {
		d.morph("pick-scenario", page.PickScenario(b))
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
	if len(a.Lanes) != len(b.Lanes) || len(a.Lanes) == 0 || d.old.Header.Kernel.Text != d.new.Header.Kernel.Text || other(a, b) {
		d.morph("race", page.RacePart(d.new))
		return
	}
	if !reflect.DeepEqual(d.old.Sentence, d.new.Sentence) {
		d.morph("sentence", page.Sentence(d.new.Sentence))
	}
	if a.Story != b.Story || a.Folded != b.Folded || b.Folded && (len(a.Rows) != len(b.Rows) || a.Few() != b.Few()) || b.Story.Folds() && !b.Folded && a.At != b.At {
		d.morph("story", page.Story(b))
	}
	if fa, fb := page.Frame(a), page.Frame(b); fa != fb {
		d.attr("frame", "class", fb)
	}
	if !reflect.DeepEqual(a.Lanes, b.Lanes) {
		d.morph("lanes", page.Lanes(b))
	}
	d.rows(a, b)
	series(d, "spans", a.Spans, b.Spans, func(s *view.Span) string { return s.ID }, func(s *view.Span) templ.Component { return page.Span(b, s) })
	series(d, "edges", a.Edges, b.Edges, func(e *view.Edge) string { return e.ID }, func(e *view.Edge) templ.Component { return page.Edge(b, e) })
	series(d, "windows", a.Windows, b.Windows, func(w *view.Window) string { return w.ID }, func(w *view.Window) templ.Component { return page.Window(b, w) })
	if a.At != b.At || len(a.Rows) != len(b.Rows) {
		d.morph("veil", page.Veil(b))
		d.morph("scrub", page.Scrub(b))
	}
	if a.At != b.At || !reflect.DeepEqual(a.Next, b.Next) {
		d.morph("next", page.NextSteps(b))
	}
	if !reflect.DeepEqual(a.Branches, b.Branches) {
		d.morph("branches", page.Branches(b))
	}
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

// rows keeps what both runs have in common, cuts off what only the old one has,
// and adds what only the new one has. The present row is marked by an attribute.
func (d *diff) rows(a, b *view.Race) {
	same := 0
	for same < len(a.Rows) && same < len(b.Rows) && a.Rows[same].Key == b.Rows[same].Key && a.Rows[same].Says == b.Rows[same].Says {
		same++
	}
	if a.At != b.At && a.At <= same {
		d.attr("row-"+strconv.Itoa(a.At), "aria-current", "")
	}
	if same < len(a.Rows) {
		d.truncate("rows", same+1) // and the start
	}
	for i := range same {
		if !reflect.DeepEqual(a.Rows[i], b.Rows[i]) {
			d.morph("row-"+strconv.Itoa(i+1), page.Row(b, &b.Rows[i]))
		}
	}
	var added strings.Builder
	for i := same; i < len(b.Rows); i++ {
		added.WriteString(html(page.Row(b, &b.Rows[i])))
	}
	if added.Len() > 0 {
		d.append("rows", added.String())
	}
	if a.At != b.At && b.At <= same {
		d.attr("row-"+strconv.Itoa(b.At), "aria-current", "step")
	}
}

// series is the difference of two lists that grow at their ends: what has
// changed in both is morphed, the old end is cut off, the new one added.
func series[T any](d *diff, id string, a, b []T, name func(*T) string, draw func(*T) templ.Component) {
	same := 0
	for same < len(a) && same < len(b) && name(&a[same]) == name(&b[same]) {
		if !reflect.DeepEqual(a[same], b[same]) {
			d.morph(name(&b[same]), draw(&b[same]))
		}
		same++
	}
	if same < len(a) {
		d.truncate(id, same)
	}
	var added strings.Builder
	for i := same; i < len(b); i++ {
		added.WriteString(html(draw(&b[i])))
	}
	if added.Len() > 0 {
		d.append(id, added.String())
	}
}

func (d *diff) memory() {
	a, b := &d.old.Memory, &d.new.Memory
	if !reflect.DeepEqual(a.Walks, b.Walks) || !reflect.DeepEqual(a.Targets, b.Targets) {
		d.morph("walks", page.Walks(b))
	}
	if !reflect.DeepEqual(a.Folios, b.Folios) || !reflect.DeepEqual(a.Slots, b.Slots) {
		d.morph("cards", page.Cards(b))
	}
	if !reflect.DeepEqual(a.TLBs, b.TLBs) {
		d.morph("tlbs", page.TLBs(b.TLBs))
	}
	if !reflect.DeepEqual(a.Locks, b.Locks) {
		d.morph("locks", page.Locks(b.Locks))
	}
}
