package page

import (
	"strconv"

	"github.com/a-h/templ"

	"gupscope/web/view"
)

// Where things stand in the race's grid, as classes. The policy of the page
// forbids style attributes, so places are said by classes: r12 and e15 are grid
// lines (grid.css), the rest are in race.css and its neighbours.
//
// A step n stands in grid row n+1: the first row is the start. Of a long run only a part is
// drawn: what reaches beyond it is cut
// off at the row before it, or after it.

// Rebase is after how many steps the grid's rows are counted anew, because the style sheet has rows to 2,100 only.
const Rebase = 1900

// gridLine is the grid line above step n, of those that are drawn.
func gridLine(r *view.Race, n int) int { return n + 1 - r.From/Rebase*Rebase }

// at returns the class of step n.
func at(r *view.Race, n int) string { return "r" + strconv.Itoa(gridLine(r, n)) }

// rows returns the classes of a thing that covers the steps from to to.
func rows(r *view.Race, from, to int) string {
	from, to = max(from, r.From), max(min(to, r.To+1), r.From)
	return at(r, from) + " e" + strconv.Itoa(gridLine(r, to)+1)
}

// between returns the classes of an edge. It covers the rows from the one to the
// other without the latter, and margins lower both ends to the first lines of the
// cards, which stand deeper where a function's name is above them.
func between(r *view.Race, e *view.Edge) string {
	lo, hi, way := e.FromLane, e.ToLane, "right"
	if lo > hi {
		lo, hi, way = hi, lo, "left"
	}
	switch {
	case e.From <= r.From:
		way += " from-before"
	case e.FromHead:
		way += " from-func"
	}
	switch {
	case e.To > r.To:
		way += " to-after"
	case e.ToHead:
		way += " to-func"
	}
	return at(r, max(e.From, r.From)) + " e" + strconv.Itoa(gridLine(r, min(e.To, r.To+1))) +
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

// mostDigits is how many digits a step's number may have.
const mostDigits = 6

// Frame returns the classes of the race's grid: how many lanes there are, how
// many bars stand beside each other in each, whether all that is drawn is still to come, and how many digits the numbers of a long run have.
func Frame(r *view.Race) string {
	class := "frame lanes-" + strconv.Itoa(len(r.Lanes))
	for i, n := range r.Bars {
		if n > 0 {
			class += " n" + strconv.Itoa(i) + "-" + strconv.Itoa(min(n, view.MostBars))
		}
	}
	if r.At < r.From {
		class += " to-come"
	}
	if r.Len > 999 {
		class += " digits-" + strconv.Itoa(min(len(itoa(r.Len)), mostDigits))
	}
	return class
}

func itoa(n int) string { return strconv.Itoa(n) }

// spanClass is the look of a span.
func spanClass(k view.SpanKind) string {
	return [...]string{"irqs", "lock", "preempted", "waiting", "grace"}[k]
}

// current marks the present row.
func current(n, at int) templ.Attributes {
	if n == at {
		return templ.Attributes{"aria-current": "step"}
	}
	return nil
}
