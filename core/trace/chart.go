package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// chart draws some steps of the run for a commit message: a column for every CPU
// that has any, overlapping, so that most steps fit on a line of their own;
// remarks are put behind steps, waits below them, last stands at the end.
func (r *Run) chart(steps []int, remarks map[int]string, waits []Wait, last string) string {
	var b strings.Builder
	lanes := r.chartLanes(steps, waits)
	for _, row := range [2]bool{false, true} {
		line := ""
		for i, l := range lanes {
			name := r.laneName(l)
			if row {
				name = strings.Repeat("-", len(name))
			}
			line += strings.Repeat(" ", max(0, r.column(lanes, i)-len(line))) + name
		}
		b.WriteString(line + "\n")
	}
	for i := 0; i < len(steps); {
		st := &r.steps[steps[i]-1]
		j := i + 1
		for j < len(steps) && r.steps[steps[j]-1].CPU == st.CPU && r.steps[steps[j]-1].Func == st.Func {
			j++
		}
		at := r.column(lanes, slices.Index(lanes, st.CPU))
		title, in := titleOf(st), 2
		switch actor := r.Model.Actors()[st.Actor].Kind; {
		case actor == kernel.HypervisorActor:
			in = 0
		case j == i+1:
			write(&b, at, title+": "+join(st.Says, remarks[st.N]))
			i = j
			continue
		default:
			write(&b, at, title+":")
		}
		before := ""
		for ; i < j; i++ {
			st := &r.steps[steps[i]-1]
			if line := join(st.Says, remarks[st.N]); line != before { // a flush of two CPUs' TLBs reads as one
				write(&b, at+in, line)
				before = line
			}
		}
	}
	for _, w := range waits {
		write(&b, r.column(lanes, slices.Index(lanes, r.Model.Actors()[w.Actor].CPU)), r.Offer(w.Actor).Func+"(): "+w.Why)
	}
	for _, line := range wrap(last, asciiWidth) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// titleOf is the function of a step as it is called.
func titleOf(st *Step) string {
	if st.Path != nil || strings.Contains(st.Func, "_") {
		return st.Func + "()"
	}
	return st.Func
}

func join(says, remark string) string {
	if remark == "" {
		return says
	}
	return says + "; " + remark
}

// chartLanes returns the CPUs that the steps and the waits are on, devices (-1) last.
func (r *Run) chartLanes(steps []int, waits []Wait) []int {
	var out []int
	for _, w := range waits {
		if c := r.Model.Actors()[w.Actor].CPU; !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	for _, n := range steps {
		if c := r.steps[n-1].CPU; !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Compare(uint(a), uint(b)) })
	return out
}

func (r *Run) laneName(cpu int) string {
	if cpu < 0 {
		return "devices"
	}
	name := fmt.Sprintf("CPU%d", cpu)
	for _, a := range r.Lanes() {
		if a.CPU == cpu {
			name += " (" + a.Name + ")"
		}
	}
	return name
}

// column is where lane i begins: as far apart as the names allow and the width
// leaves room for a sentence in the last.
func (r *Run) column(lanes []int, i int) int {
	widest := 0
	for _, l := range lanes {
		widest = max(widest, len(r.laneName(l)))
	}
	step := widest + 3
	if n := len(lanes) - 1; n > 0 && n*step > asciiWidth-readable {
		step = (asciiWidth - readable) / n
	}
	return i * step
}

// write puts a text at a column; what does not fit is wrapped and hangs by four.
func write(b *strings.Builder, at int, text string) {
	for i, line := range wrap(text, asciiWidth-at-4) {
		if i > 0 {
			line = "    " + line
		}
		b.WriteString(strings.Repeat(" ", at) + line + "\n")
	}
}

// wrap breaks a text into lines. A word longer than a line stands alone.
func wrap(text string, width int) []string {
	var out []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(out, line)
}

// remarks are what steps say too little of: that a call returns its page, or an error.
func (s *story) remarks() map[int]string {
	out := map[int]string{}
	if s.table {
		out[s.v] = "that table is freed"
	}
	for n, events := range s.told {
		for _, e := range events {
			if _, often, ok := strings.Cut(e.says, " (the last "); ok {
				out[n] = "the last " + strings.TrimSuffix(often, ")")
			}
			if what, returns := strings.CutPrefix(e.says, "returns "); returns && e.kind == evReturns {
				if what, _, variable := strings.Cut(what, " as "); variable {
					out[n] = "return " + what
				}
			}
		}
	}
	return out
}
