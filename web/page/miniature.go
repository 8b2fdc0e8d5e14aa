package page

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"

	"gupscope/web/view"
)

// Miniature draws the race small, for the gallery: its columns, a mark for every step that matters, the spans
// at their edges, the race window and the racing pair. No step is named: its place says who did
// something when, and its colour who. It follows the reader's light or dark by itself.
func Miniature(w io.Writer, p *view.Page) error {
	m := miniature{race: &p.Race, y: map[int]float64{}}
	m.lay()
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img"><title>%s</title><style>%s</style>%s%s</svg>`+"\n",
		miniWidth, miniHeight, miniWidth, miniHeight, html.EscapeString(p.Header.Title+" on "+p.Header.Kernel.Text), MiniatureStyle, m.below.String(), m.over.String())
	return err
}

const (
	miniWidth, miniHeight = 300, 170
	miniTop               = 26.0
	miniRim               = 10.0
)

// MiniatureStyle are the colours, of both themes.
var MiniatureStyle = func() string {
	var b strings.Builder
	of := func(x *inks) {
		for i, c := range x.who {
			fmt.Fprintf(&b, ".w%d{fill:%s;stroke:%s}", i, c, c)
		}
		fmt.Fprintf(&b, ".bad{fill:%s;stroke:%s}.window{fill:none;stroke:%s}.race{fill:none;stroke:%s}.edge{fill:none;stroke:%s}.lane{fill:none;stroke:%s}", x.wrong, x.wrong, x.wrong, x.wrong, x.edge, x.line)
	}
	b.WriteString("text{font:600 11px system-ui,sans-serif;stroke:none!important}.window{stroke-dasharray:3 2}.race{stroke-width:1.6}.edge{opacity:.5}")
	of(&light)
	b.WriteString("@media(prefers-color-scheme:dark){")
	of(&night)
	b.WriteString("}")
	return b.String()
}()

type miniature struct {
	race        *view.Race
	y           map[int]float64 // the middle of a step
	height      float64         // of a step
	below, over strings.Builder
}

func (m *miniature) x(lane int) float64 {
	return miniRim + 8 + float64(lane)*(miniWidth-2*miniRim)/float64(len(m.race.Lanes))
}

func (m *miniature) wide() float64 {
	return min(70, (miniWidth-2*miniRim)/float64(max(len(m.race.Lanes), 1))-26)
}

func (m *miniature) lay() {
	r := m.race
	rows := 0
	for i := range r.Rows {
		if !r.Rows[i].Aside {
			rows++
		}
	}
	// Steps that do not matter leave a gap, however many they are.
	gaps, last := 0, true
	for i := range r.Rows {
		if r.Rows[i].Aside && last {
			gaps++
		}
		last = !r.Rows[i].Aside
	}
	unit := (miniHeight - miniTop - 8) / math.Max(float64(rows)+0.5*float64(gaps), 8)
	m.height = min(9, unit*0.72)
	y, aside := miniTop, false
	for i := range r.Rows {
		x := &r.Rows[i]
		if x.Aside {
			if !aside {
				y += unit / 2
			}
			aside = true
			m.y[x.N] = y
			continue
		}
		aside = false
		m.y[x.N] = y + unit/2
		y += unit
	}
	for i, l := range r.Lanes {
		fmt.Fprintf(&m.below, `<path class="lane" d="M%.1f %.1fV%d"/>`, m.x(i)+m.wide()/2, miniTop, miniHeight-6)
		fmt.Fprintf(&m.over, `<text class="w%d" x="%.1f" y="15">%s</text>`, min(int(l.Who), 12), m.x(i), html.EscapeString(l.Name))
	}
	m.draw()
}

func (m *miniature) draw() {
	r := m.race
	for i := range r.Spans {
		s := &r.Spans[i]
		if s.Track > 1 {
			continue
		}
		fmt.Fprintf(&m.below, `<path class="w%d" stroke-width="1.5" opacity=".6" d="M%.1f %.1fV%.1f"/>`, min(int(r.Lanes[s.Lane].Who), 12), m.x(s.Lane)-3-3*float64(s.Track), m.y[s.From]-m.height/2, m.y[s.To]+m.height/2)
	}
	for i := range r.Windows {
		w := &r.Windows[i]
		if !w.Bad {
			continue
		}
		fmt.Fprintf(&m.below, `<rect class="window" rx="2" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, m.x(w.Lane)-2, m.y[w.From], m.wide()+4, max(m.y[w.To]-m.y[w.From], 3))
	}
	for i := range r.Rows {
		x := &r.Rows[i]
		if x.Aside {
			continue
		}
		class, wide := fmt.Sprintf("w%d", min(int(r.Lanes[x.Lane].Who), 12)), m.wide()
		if x.Bad != "" {
			class = "bad"
		}
		if x.Quiet && x.Bad == "" {
			wide *= 0.45
		}
		fmt.Fprintf(&m.over, `<rect class="%s" rx="1.5" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, m.x(x.Lane), m.y[x.N]-m.height/2, wide, m.height)
		if x.Bad != "" {
			fmt.Fprintf(&m.over, `<text class="bad" x="%.1f" y="%.1f">✗</text>`, m.x(x.Lane)+wide+4, m.y[x.N]+4)
		}
	}
	for i := range r.Edges {
		e := &r.Edges[i]
		if e.Aside || !e.Race && e.Kind == view.Conflict {
			continue
		}
		class := "edge"
		if e.Race {
			class = "race"
		}
		x1, x2 := m.x(e.FromLane)+m.wide(), m.x(e.ToLane)
		if e.FromLane > e.ToLane {
			x1, x2 = m.x(e.FromLane), m.x(e.ToLane)+m.wide()
		}
		bend := (x2 - x1) * 0.6
		fmt.Fprintf(&m.over, `<path class="%s" d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f"/>`, class, x1, m.y[e.From], x1+bend, m.y[e.From], x2-bend, m.y[e.To], x2, m.y[e.To])
	}
}
