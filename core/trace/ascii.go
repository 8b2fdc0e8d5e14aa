package trace

import (
	"fmt"
	"strings"

	"gupscope/core/kernel"
)

// asciiWidth is how wide the diagram may be: what a mail or a commit message
// holds without being wrapped.
const asciiWidth = 75

// ASCII returns the steps up to the cursor as kernel commit messages draw a
// race: a column for every CPU, time running down. With more CPUs than columns
// fit side by side, the columns overlap like a staircase.
func (r *Run) ASCII() string {
	d := diagram{lanes: r.lanesUsed()}
	d.place()
	d.header(r)
	at := ""
	round := r.Livelock()
	for i := range r.cursor {
		if round > 0 && i == r.cursor-round {
			d.b.WriteString("*** from here on, for ever:\n")
		}
		st := &r.steps[i]
		lane := d.lane(st.CPU)
		if where := fmt.Sprint(lane, st.Func); where != at {
			d.put(lane, 0, titleOf(st))
			at = where
		}
		d.put(lane, 2, st.Says)
		for _, b := range st.Broken {
			d.b.WriteString("*** " + b + " is false\n")
		}
	}
	if round > 0 {
		d.b.WriteString("*** and so on for ever: livelock\n")
	}
	return d.b.String()
}

// A diagram is text under construction, in columns.
type diagram struct {
	b             strings.Builder
	lanes         []int // the CPU of each column; -1: devices
	indent, width []int // of each column
}

// lanesUsed returns the CPUs that the run's steps are on, devices last.
func (r *Run) lanesUsed() []int {
	var out []int
	for c := range r.Model.Setup.CPUs {
		out = append(out, c)
	}
	for i := range r.cursor {
		if r.steps[i].CPU < 0 {
			return append(out, -1)
		}
	}
	return out
}

const (
	gap      = 2
	readable = 22 // narrower columns are not
)

// place divides the width among the columns.
func (d *diagram) place() {
	n := len(d.lanes)
	w := (asciiWidth - gap*(n-1)) / n
	if w >= readable {
		for i := range n {
			d.indent = append(d.indent, i*(w+gap))
			d.width = append(d.width, w)
		}
		return
	}
	step := (asciiWidth - 2*readable) / (n - 1)
	for i := range n {
		d.indent = append(d.indent, i*step)
		d.width = append(d.width, asciiWidth-i*step)
	}
}

func (d *diagram) lane(cpu int) int {
	for i, l := range d.lanes {
		if l == cpu {
			return i
		}
	}
	return len(d.lanes) - 1
}

// header names the columns, staircase or not.
func (d *diagram) header(r *Run) {
	var names, lines []string
	for _, l := range d.lanes {
		name := "devices"
		if l >= 0 {
			name = fmt.Sprintf("CPU%d", l)
			for _, a := range r.Model.Actors() {
				if a.Kind == kernel.TaskActor && a.CPU == l {
					name += " (" + a.Name + ")"
				}
			}
		}
		names = append(names, name)
		lines = append(lines, strings.Repeat("-", len(name)))
	}
	side := true
	for i := range names {
		if i+1 < len(names) && d.indent[i]+len(names[i]) >= d.indent[i+1] {
			side = false
		}
	}
	if !side {
		for i, n := range names {
			d.put(i, 0, n)
		}
		d.b.WriteString("\n")
		return
	}
	for _, row := range [][]string{names, lines} {
		line := ""
		for i, s := range row {
			line += strings.Repeat(" ", d.indent[i]-len(line)) + s
		}
		d.b.WriteString(line + "\n")
	}
}

// put writes a text into a column, wrapped, its first line indented by in and
// the others by two more. A word that is longer than the column has a line of its own, and
// begins farther left where even that is too short.
func (d *diagram) put(lane, in int, text string) {
	words := strings.Fields(text)
	line := ""
	flush := func() {
		if line != "" {
			d.b.WriteString(strings.Repeat(" ", d.indent[lane]+in) + line + "\n")
			line = ""
		}
	}
	hang := false
	for _, w := range words {
		if len(w) > d.width[lane]-in { // names are never cut: nothing else stands in this line
			flush()
			at := max(0, min(d.indent[lane]+in, asciiWidth-len(w)))
			d.b.WriteString(strings.Repeat(" ", at) + w + "\n")
			continue
		}
		if line != "" && len(line)+1+len(w) > d.width[lane]-in {
			flush()
			if !hang {
				hang, in = true, in+2
			}
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	flush()
}
