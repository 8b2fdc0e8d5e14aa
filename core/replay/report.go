package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// A Total is the score of many programs.
type Total struct {
	Programs int
	Score    // First is nil: see Firsts
	Firsts   []*Difference
}

// Add adds the score of one program.
func (t *Total) Add(s Score) {
	t.Programs++
	t.Observations += s.Observations
	t.Matched += s.Matched
	t.Differing += s.Differing
	t.OutOfScope += s.OutOfScope
	for why, n := range s.Outside {
		if t.Outside == nil {
			t.Outside = map[string]int{}
		}
		t.Outside[why] += n
	}
	if s.First != nil {
		t.Firsts = append(t.Firsts, s.First)
	}
}

// WriteJSON writes one object, on one line.
func (t *Total) WriteJSON(w io.Writer) error {
	type firstJSON struct {
		ID     string `json:"id"`
		Op     int    `json:"op"` // index, from 0
		Path   string `json:"path"`
		Kernel string `json:"kernel"`
		Model  string `json:"model"`
	}
	first := []firstJSON{}
	for _, d := range t.Firsts {
		first = append(first, firstJSON{d.Program.ID, d.Op, d.leaf.path, d.leaf.kernel, d.leaf.model})
	}
	return json.NewEncoder(w).Encode(struct {
		Programs     int         `json:"programs"`
		Observations int         `json:"observations"`
		Matched      int         `json:"matched"`
		Differing    int         `json:"differing"`
		OutOfScope   int         `json:"out_of_scope"`
		First        []firstJSON `json:"first"`
	}{t.Programs, t.Observations, t.Matched, t.Differing, t.OutOfScope, first})
}

// WriteSummary writes the counts for people, with the reasons for what is out of scope.
func (t *Total) WriteSummary(w io.Writer) {
	fmt.Fprintf(w, "%d programs, %d observations: %d matched, %d differing (in %d programs), %d out of scope (%.2f %%)\n",
		t.Programs, t.Observations, t.Matched, t.Differing, len(t.Firsts), t.OutOfScope, 100*float64(t.OutOfScope)/float64(max(t.Observations, 1)))
	for _, why := range slices.SortedFunc(maps.Keys(t.Outside), func(a, b string) int {
		return cmp.Or(t.Outside[b]-t.Outside[a], cmp.Compare(a, b))
	}) {
		fmt.Fprintf(w, "    out of scope: %7d  %s\n", t.Outside[why], why)
	}
}

// String is the difference as people read it: where, what was expected, and the
// state before and after. In the latter, lines with - are the kernel's and lines with + the
// model's, under the kernel's labels; a label with ' is one of the model's that the kernel has no counterpart for.
func (d *Difference) String() string {
	var b strings.Builder
	p, step := d.Program, &d.Program.Steps[d.Op]
	fmt.Fprintf(&b, "%s, op %d: %s\n    %s: kernel %s, model %s", p.ID, d.Op, step.Op.Text, d.leaf.path, d.leaf.kernel, d.leaf.model)
	if n := len(d.all); n > 1 {
		fmt.Fprintf(&b, " (and %d more)", n-1)
	}
	b.WriteString("\n")
	if d.Op > 0 {
		b.WriteString("  before\n")
		for _, l := range group(p.Steps[d.Op-1].After.leaves(p.Regions(), asItIs))[1:] { // without the result
			fmt.Fprintf(&b, "    %s\n", l)
		}
	}
	b.WriteString("  after\n")
	kernel, model := group(d.kernel), group(d.shown())
	at := 0
	for _, l := range kernel {
		if i := slices.Index(model[at:], l); i >= 0 {
			d.lines(&b, "  + ", model[at:at+i])
			fmt.Fprintf(&b, "    %s\n", l)
			at += i + 1
			continue
		}
		d.lines(&b, "  - ", []line{l})
		if at < len(model) && model[at].of == l.of {
			d.lines(&b, "  + ", model[at:at+1])
			at++
		}
	}
	d.lines(&b, "  + ", model[at:])
	return b.String()
}

func (d *Difference) lines(b *strings.Builder, mark string, all []line) {
	for _, l := range all {
		fmt.Fprintf(b, "%s%s\n", mark, l)
	}
}

// shown are the model's leaves with what differs in the place of what it is compared as.
func (d *Difference) shown() []leaf {
	all := slices.Clone(d.model)
	for _, x := range d.all {
		if i := slices.IndexFunc(all, func(l leaf) bool { return l.path == x.path }); i >= 0 {
			all[i].text = x.model
		} else if x.model != absent {
			all = append(all, leaf{x.path, x.model})
		}
	}
	return all
}

// A line is a record, or the pages of a region.
type line struct{ of, text string }

func (l line) String() string { return fmt.Sprintf("%-8s %s", l.of, l.text) }

// group puts the leaves of a record, or of a region's pages, on one line.
func group(all []leaf) (lines []line) {
	for _, l := range all {
		of, field := l.path, ""
		if i := strings.LastIndex(l.path, "."); i >= 0 {
			of, field = l.path[:i], l.path[i+1:]
		}
		text := l.text
		if field != "" && (field[0] < '0' || field[0] > '9') {
			text = field + " " + text
		}
		if n := len(lines); n > 0 && lines[n-1].of == of {
			lines[n-1].text += ", " + text
		} else {
			lines = append(lines, line{of, text})
		}
	}
	return lines
}
