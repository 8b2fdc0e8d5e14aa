package page

import (
	"strconv"

	"github.com/a-h/templ"

	"gupscope/web/view"
)

// Where things stand in the race's grid, as classes. The policy of the page
// forbids style attributes, so places are said by classes: r12 and e15 are grid
// lines (grid.css), the rest are in race.css.
//
// A step n stands in grid row n+1: the first row is the start.

// rows returns the classes of a thing that covers the steps from to to.
func rows(from, to int) string {
	return "r" + strconv.Itoa(from+1) + " e" + strconv.Itoa(to+2)
}

// between returns the classes of an edge. It covers the rows from the one to the
// other without the latter, and margins lower both ends to the first lines of the
// cards, which stand deeper where a function's name is above them.
func between(e *view.Edge) string {
	lo, hi, way := e.FromLane, e.ToLane, "right"
	if lo > hi {
		lo, hi, way = hi, lo, "left"
	}
	if e.FromHead {
		way += " from-func"
	}
	if e.ToHead {
		way += " to-func"
	}
	return "r" + strconv.Itoa(e.From+1) + " e" + strconv.Itoa(e.To+1) +
		" lo" + strconv.Itoa(lo) + " hi" + strconv.Itoa(hi) + " " + way
}

// lane returns the classes of something in a lane: its place and its colour.
func lane(r *view.Race, i int) string {
	return "l" + strconv.Itoa(i) + " " + who(r.Lanes[i].Who)
}

// who returns the class that gives an element somebody's colour.
func who(w view.Who) string {
	if w == 0 {
		return ""
	}
	return "w" + strconv.Itoa(int(w))
}

// Frame returns the classes of the race's grid: how many lanes there are, and
// how many bars stand beside each other.
func Frame(r *view.Race) string {
	tracks := 0
	for i := range r.Spans {
		tracks = max(tracks, r.Spans[i].Track+1)
	}
	return "frame lanes-" + strconv.Itoa(len(r.Lanes)) + " bars-" + strconv.Itoa(tracks)
}

func itoa(n int) string { return strconv.Itoa(n) }

// spanClass is the look of a span.
func spanClass(k view.SpanKind) string {
	return [...]string{"irqs", "lock", "preempted", "waiting"}[k]
}

// current marks the present row.
func current(n, at int) templ.Attributes {
	if n == at {
		return templ.Attributes{"aria-current": "step"}
	}
	return nil
}
