package page

import (
	"slices"
	"strconv"

	"gupscope/web/view"
)

// A picture is the page tables laid out on one grid, so that a line can go from
// an entry of one mm to a folio that stands beside another's. Its columns are the
// upper levels, the PMD, the PTE table, the lines, and what the lines point at.
//
// Every thing is anchored to the top of its row, so that rows may grow (an entry
// that is opened to its bits) and lines still meet them.
type picture struct {
	upper   int // columns left of the PMD's
	titles  []placed[string]
	boxes   []placed[box]
	entries []placed[view.PTE]
	walkers []placed[view.Walker]
	targets []placed[view.Target]
	lines   []line
}

// A placed thing stands in column col, rows from to to.
type placed[T any] struct {
	it       T
	col      int
	from, to int
	class    string
}

func (p placed[T]) at() string {
	return "r" + strconv.Itoa(p.from) + " e" + strconv.Itoa(p.to+1) + " c" + strconv.Itoa(p.col)
}

// A box is an entry of an upper level.
type box struct {
	id          int // the cell; below zero: none
	text, title string
	changed     bool
	first       bool // the root: nothing points at it
	folded      bool
}

// A line goes from row from in the PTE column to row to in the column of targets.
type line struct {
	from, to int
	class    string
}

// draw lays the walks out.
func draw(m *view.Memory) picture {
	var p picture
	for _, w := range m.Walks {
		p.upper = max(p.upper, len(w.Upper))
	}
	pmd, ptes, targets := p.upper+1, p.upper+2, p.upper+4
	known := map[string]view.Target{}
	for _, t := range m.Targets {
		known[t.ID] = t
	}
	place := map[string]int{} // target -> row
	taken := map[int]bool{}
	row := 1
	// point draws a line from the row to a target; the first one that points at it decides where it stands.
	point := func(to, class string) {
		t, ok := known[to]
		if !ok {
			return
		}
		at, ok := place[to]
		if !ok {
			for at = row; taken[at]; at++ {
			}
			place[to], taken[at] = at, true
			p.targets = append(p.targets, placed[view.Target]{it: t, col: targets, from: at, to: at})
		}
		p.lines = append(p.lines, line{row, at, class})
	}
	// stand puts walkers into the rows below the one they stand at.
	stand := func(ws []view.Walker, col int) {
		for _, w := range ws {
			class := "walker " + who(w.Who)
			if w.Stale {
				class += " stale"
			}
			p.walkers = append(p.walkers, placed[view.Walker]{it: w, col: col, from: row, to: row, class: class})
			point(w.To, class)
			row++
		}
	}
	for i := range m.Walks {
		w := &m.Walks[i]
		p.titles = append(p.titles, placed[string]{it: w.MM, col: 1, from: row, to: row, class: "mm " + who(w.Who)})
		row++
		top := row
		for j := range w.Leaves {
			t := &w.Leaves[j]
			class := "table"
			if t.Freed {
				class += " freed"
			}
			p.titles = append(p.titles, placed[string]{it: tableTitle(t), col: ptes, from: row, to: row, class: class})
			if j == 0 {
				for k, l := range w.Upper {
					p.titles = append(p.titles, placed[string]{it: l.Name, col: k + 1, from: row, to: row, class: "level"})
				}
				p.titles = append(p.titles, placed[string]{it: w.Last, col: pmd, from: row, to: row, class: "level"})
			}
			row++
			var above []view.Walker // who stand in a table above
			if j == 0 {
				top = row
				for k, l := range w.Upper {
					for n, e := range l.Entries {
						class := ""
						if e.None && !e.Folded {
							class = "none"
						}
						p.boxes = append(p.boxes, placed[box]{it: box{e.ID, e.Index, e.Text, e.Changed, k == 0, e.Folded}, col: k + 1, from: row + n, to: row + n, class: class})
						above = append(above, e.Walkers...)
					}
				}
			}
			class = ""
			if t.PMD.None {
				class = "none"
			}
			p.boxes = append(p.boxes, placed[box]{it: box{t.PMD.ID, t.PMD.Index, t.PMD.Text, t.PMD.Changed, len(w.Upper) == 0, false}, col: pmd, from: row, to: row, class: class})
			if j > 0 {
				p.lines = append(p.lines, line{top, row, "trunk"})
			}
			walkers := append(above, t.PMD.Walkers...) // they stand below the table, which stays in one piece
			for k, e := range t.Entries {
				class := "pte"
				if k == 0 {
					class += " first"
				}
				if k == len(t.Entries)-1 {
					class += " last"
				}
				if e.Changed {
					class += " changed"
				}
				if t.Freed {
					class += " freed"
				}
				p.entries = append(p.entries, placed[view.PTE]{it: e, col: ptes, from: row, to: row, class: class})
				point(e.To, "maps")
				row++
				walkers = append(walkers, e.Walkers...)
			}
			if len(t.Entries) == 0 {
				point(t.PMD.To, "maps")
				row++ // the PMD's box alone
			}
			stand(walkers, ptes)
		}
		stand(w.Loose, ptes)
	}
	return p
}

func tableTitle(t *view.Table) string {
	s := "PTEs of " + t.VMA
	switch {
	case t.PMD.To != "":
		s = t.VMA + ": the PMD maps " + t.PMD.Text
	case len(t.Entries) == 0:
		s = t.VMA + ": no table"
	}
	if t.Flags != "" {
		s += " · " + t.Flags
	}
	if t.Freed {
		s += " · freed"
	}
	return s
}

// lineAt returns the classes of a line in column col between two rows: it
// begins at the height of the upper row's first line of text and ends at that of
// the lower one's.
func lineAt(col, from, to int) string {
	if from == to {
		to++
	}
	return "r" + strconv.Itoa(min(from, to)) + " e" + strconv.Itoa(max(from, to)) + " c" + strconv.Itoa(col)
}

func changedClass(on bool) string {
	if on {
		return "changed"
	}
	return ""
}

func has(fields []string, name string) bool { return slices.Contains(fields, name) }
