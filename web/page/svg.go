package page

import (
	"fmt"
	"html"
	"io"
	"strings"

	"gupscope/web/view"
)

// SVG draws the race as a picture: for mails, slides, pages without script and
// the fallback of an embed. It lays out by itself, with fixed font metrics, and
// uses nothing but plain attributes, so that every reader of SVG shows the same.
func SVG(w io.Writer, p *view.Page, dark bool) error {
	d := drawing{ink: &light, race: &p.Race}
	if dark {
		d.ink = &night
	}
	d.lay(p)
	_, err := io.WriteString(w, d.done(p))
	return err
}

var (
	headFace = face{family: sansFamily, size: 16, widths: sansWidths, other: 0.75}
	saysFace = face{family: sansFamily, size: 12.5, weight: "600", widths: sansWidths, other: 0.75}
	noteFace = face{family: sansFamily, size: 11, widths: sansWidths, other: 0.75}
	monoFace = face{family: monoFamily, size: 10.5, other: 0.62}
)

// inks are the colours of base.css, which every CPU keeps.
type inks struct {
	paper, card, line, ink, muted, edge, wrong, wrongSoft, now string
	who                                                        [13]string
}

var light = inks{
	paper: "#fbfaf9", card: "#ffffff", line: "#dfdbd5", ink: "#1c1b1a", muted: "#63605b", edge: "#6f6b66", wrong: "#b0122b", wrongSoft: "#fdebec", now: "#fff3c7",
	who: [13]string{"#63605b", "#0a62a8", "#a24400", "#00744d", "#7b3fa8", "#6b5d00", "#a82a78", "#00707d", "#4c5a78", "#57534e", "#57534e", "#57534e", "#57534e"},
}

var night = inks{
	paper: "#141518", card: "#1b1d21", line: "#33373e", ink: "#ebe9e4", muted: "#a3a6ab", edge: "#8f939a", wrong: "#ff7d88", wrongSoft: "#3d1a20", now: "#3a3215",
	who: [13]string{"#a3a6ab", "#63b0f4", "#f5a25d", "#4fc99a", "#cf9ff2", "#d3c24b", "#f290c8", "#55c8d8", "#aab8d8", "#b4b1ac", "#b4b1ac", "#b4b1ac", "#b4b1ac"},
}

const (
	rim     = 16.0
	numeral = 28.0
	column  = 196.0
	track   = 12.0
	gap     = 26.0
)

// A drawing is an SVG being written: what lies below the cards, and the cards.
type drawing struct {
	ink         *inks
	race        *view.Race
	below, over strings.Builder
	width, y    float64
	bars        float64
	top         []float64 // of row n's card; 0 is the start
	mid, bottom []float64 // of its first line; of the row
}

// x returns where the cards of a lane begin.
func (d *drawing) x(lane int) float64 {
	return rim + numeral + d.bars + float64(lane)*(column+d.bars+gap)
}

func (d *drawing) who(lane int) string { return d.ink.who[min(int(d.race.Lanes[lane].Who), 12)] }

func (d *drawing) lay(p *view.Page) {
	r := d.race
	for i := range r.Spans {
		d.bars = max(d.bars, float64(r.Spans[i].Track+1)*track+3)
	}
	d.width = max(d.x(len(r.Lanes))-d.bars-gap+rim, 420)
	d.y = rim + 14
	for _, l := range headFace.wrap(p.Sentence.Plain(), d.width-2*rim) {
		d.text(&d.over, rim, d.y, &headFace, d.ink.ink, l)
		d.y += 22
	}
	d.y += 12
	for i, l := range r.Lanes {
		d.text(&d.over, d.x(i), d.y, &saysFace, d.who(i), l.Name)
		d.text(&d.over, d.x(i)+saysFace.width(l.Name)+6, d.y, &noteFace, d.ink.muted, l.What)
		fmt.Fprintf(&d.over, `<path d="M%.1f %.1fh%.1f" stroke="%s" stroke-width="2"/>`, d.x(i)-d.bars, d.y+6, column+d.bars, d.who(i))
	}
	d.y += 16
	d.top, d.mid, d.bottom = []float64{d.y}, []float64{d.y}, []float64{d.y}
	for i := range r.Rows {
		d.row(&r.Rows[i])
	}
	for i := range r.Spans {
		d.span(&r.Spans[i])
	}
	for i := range r.Windows {
		d.window(&r.Windows[i])
	}
	for i := range r.Edges {
		d.edge(&r.Edges[i])
	}
}

// row draws a step and remembers where it stands.
func (d *drawing) row(x *view.Row) {
	left, top := d.x(x.Lane), d.y
	ahead := x.N > d.race.At
	if x.Aside { // a tick
		fmt.Fprintf(&d.over, `<path d="M%.1f %.1fh14" stroke="%s" stroke-width="2" opacity="0.5"><title>%s</title></path>`, left, d.y+2, d.who(x.Lane), html.EscapeString(x.Says))
		d.top, d.mid, d.bottom = append(d.top, d.y), append(d.mid, d.y+2), append(d.bottom, d.y+4)
		d.y += 5
		return
	}
	if x.Func != "" {
		d.text(&d.over, left, d.y+9, &monoFace, d.who(x.Lane), x.Func)
		d.y += 13
	}
	card, y := d.y, d.y+14
	says := x.Says
	if x.Bad != "" {
		says = "✗ " + says
	}
	ink, title := d.ink.ink, saysFace
	if ahead {
		ink, title.weight = d.ink.muted, ""
	}
	if x.Bad != "" {
		ink = d.ink.wrong
	}
	var words strings.Builder
	lines := func(f *face, ink, s string) {
		for _, l := range f.wrap(s, column-20) {
			d.text(&words, left+10, y, f, ink, l)
			y += f.size + 3.5
		}
	}
	lines(&title, ink, says)
	for _, s := range did(x) {
		lines(&monoFace, d.ink.muted, s)
	}
	if x.Note != "" {
		lines(&noteFace, d.ink.muted, x.Note)
	}
	if x.Bad != "" {
		lines(&noteFace, d.ink.wrong, x.Bad)
	}
	bottom := y - 6
	if x.N == d.race.At {
		fmt.Fprintf(&d.below, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3" fill="%s"/>`, rim, top-2, d.width-2*rim, bottom-top+5, d.ink.now)
	}
	fill, stroke, dash := d.ink.card, d.ink.line, ""
	if x.Bad != "" || x.Pair {
		stroke = d.ink.wrong
	}
	if x.Bad != "" {
		fill = d.ink.wrongSoft
	}
	if ahead {
		fill, dash = "none", ` stroke-dasharray="3 2"`
	}
	fmt.Fprintf(&d.over, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3" fill="%s" stroke="%s"%s/>`, left, card, column, bottom-card, fill, stroke, dash)
	fmt.Fprintf(&d.over, `<path d="M%.1f %.1fV%.1f" stroke="%s" stroke-width="3"/>`, left+1, card+1, bottom-1, d.who(x.Lane))
	d.over.WriteString(words.String())
	n := fmt.Sprint(x.N)
	d.text(&d.over, rim+numeral-10-monoFace.width(n), card+14, &monoFace, d.ink.muted, n)
	d.top, d.mid, d.bottom = append(d.top, card), append(d.mid, card+10), append(d.bottom, bottom)
	d.y = bottom + 5
}

// did is what stands under a step's sentence.
func did(x *view.Row) []string {
	var out []string
	if x.Chose != "" {
		out = append(out, x.Chose)
	}
	for _, c := range x.Changes {
		out = append(out, c.What+": "+changed(&c))
	}
	if x.More > 0 {
		out = append(out, fmt.Sprint(x.More, " more"))
	}
	for _, k := range x.Keeps {
		out = append(out, k.Name+" = "+k.Value)
	}
	return out
}

func (d *drawing) span(s *view.Span) {
	x := d.x(s.Lane) - 4 - float64(s.Track)*track
	dash := map[view.SpanKind]string{view.IRQsOff: "5 3", view.Waiting: "1 2"}[s.Kind]
	ink := d.who(s.Lane)
	if s.Kind == view.Preempted || s.Kind == view.Waiting {
		ink = d.ink.edge
	}
	fmt.Fprintf(&d.below, `<path d="M%.1f %.1fV%.1f" stroke="%s" stroke-width="3"%s><title>%s</title></path>`,
		x, d.top[s.From], d.bottom[s.To], ink, dashed(dash), html.EscapeString(spanText(d.race, s)))
	f := face{family: sansFamily, size: 8, widths: sansWidths, other: 0.75}
	words, room := s.Text, d.bottom[s.To]-d.top[s.From]-6
	if f.width(words) > room {
		words = f.cut(s.Short, room)
	}
	if words != "" {
		fmt.Fprintf(&d.over, `<text class="span" transform="translate(%.1f %.1f) rotate(90)" font-family="%s" font-size="8" fill="%s" stroke="%s" stroke-width="2" paint-order="stroke">%s</text>`,
			x-8.6, d.top[s.From]+2, f.family, ink, d.ink.paper, html.EscapeString(words)) // above edges and other bars, which it covers
	}
}

func (d *drawing) window(w *view.Window) {
	ink := d.who(w.Lane)
	if w.Bad {
		ink = d.ink.wrong
	}
	fmt.Fprintf(&d.below, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="4" fill="none" stroke="%s" stroke-dasharray="3 2"/>`,
		d.x(w.Lane)-3, d.top[w.From], column+6, d.bottom[w.To]-d.top[w.From], ink)
	if w.Gap == [2]int{} {
		return
	}
	y := d.top[w.Gap[0]] + 18
	for _, t := range append([]string{w.Head + ":"}, w.Texts...) {
		for _, l := range noteFace.wrap(t, column-20) {
			d.text(&d.below, d.x(w.Lane)+10, y, &noteFace, ink, l)
			y += 15
		}
	}
}

func (d *drawing) edge(e *view.Edge) {
	if e.Aside {
		return
	}
	ink, width, dash := d.ink.edge, 1.3, map[view.EdgeKind]string{view.IPI: "5 3", view.HandOver: "1.5 3"}[e.Kind]
	if e.Race {
		ink, width = d.ink.wrong, 1.8
	}
	x1, x2, tip := d.x(e.FromLane)+column, d.x(e.ToLane), -7.0
	if e.FromLane > e.ToLane {
		x1, x2, tip = d.x(e.FromLane), d.x(e.ToLane)+column, 7.0
	}
	y1, y2 := d.mid[e.From], d.mid[e.To]
	bend := (x2 - x1) * 0.7
	fmt.Fprintf(&d.below, `<path d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f" fill="none" stroke="%s" stroke-width="%.1f"%s><title>%s</title></path>`,
		x1, y1, x1+bend, y1, x2-bend, y2, x2, y2, ink, width, dashed(dash), html.EscapeString(edgeText(d.race, e)))
	fmt.Fprintf(&d.over, `<path d="M%.1f %.1fl%.1f -4v8z" fill="%s"/>`, x2, y2, tip, ink)
	if e.Race {
		fmt.Fprintf(&d.over, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x1, y1, ink)
	}
}

func dashed(s string) string {
	if s == "" {
		return ""
	}
	return ` stroke-dasharray="` + s + `"`
}

func (d *drawing) text(b *strings.Builder, x, y float64, f *face, ink, s string) {
	weight := ""
	if f.weight != "" {
		weight = ` font-weight="` + f.weight + `"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" font-family="%s" font-size="%g" fill="%s"%s>%s</text>`, x, y, f.family, f.size, ink, weight, html.EscapeString(s))
}

// done is the whole picture, with its caption for those who cannot see it.
func (d *drawing) done(p *view.Page) string {
	foot := "gupscope · " + p.Header.Title + " · " + p.Header.Kernel.Text
	height := d.y + 26
	d.text(&d.over, rim, height-10, &noteFace, d.ink.muted, foot)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img"><title>%s</title><desc>%s</desc><rect width="100%%" height="100%%" fill="%s"/>%s%s</svg>`,
		d.width, height, d.width, height, html.EscapeString(p.Header.Title), html.EscapeString(p.Sentence.Plain()), d.ink.paper, d.below.String(), d.over.String()) + "\n"
}
