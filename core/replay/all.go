package replay

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
)

// JudgeAll replays programs on all CPUs. The scores are in the order of the programs.
func JudgeAll(programs []*Program, start Start, excluded []Exclusion) []Score {
	scores := make([]Score, len(programs))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(programs); i = int(next.Add(1)) - 1 {
				scores[i] = Judge(programs[i], start, excluded)
			}
		})
	}
	workers.Wait()
	return scores
}

// A Breakdown groups programs with their scores under headings, for whoever looks for
// where a model differs.
type Breakdown struct {
	groups map[string]*tally
}

type tally struct {
	Score
	programs, differing int
	example             *Difference
}

// ByFamily puts each program under the family that it was drawn from.
func (b *Breakdown) ByFamily(p *Program, s Score) { b.add(p.Family, s) }

// ByOperation puts each program under the operation that differs first.
func (b *Breakdown) ByOperation(p *Program, s Score) {
	if s.First != nil {
		b.add(class(p, &p.Steps[s.First.Op].Op)+": "+field(s.First.leaf.path), s)
	}
}

func (b *Breakdown) add(heading string, s Score) {
	if b.groups == nil {
		b.groups = map[string]*tally{}
	}
	g := b.groups[heading]
	if g == nil {
		g = &tally{}
		b.groups[heading] = g
	}
	g.programs++
	g.Observations += s.Observations
	g.Matched += s.Matched
	g.Differing += s.Differing
	g.OutOfScope += s.OutOfScope
	if s.First != nil {
		g.differing++
		if g.example == nil {
			g.example = s.First
		}
	}
}

// Write prints a line for every heading: those with most programs that differ first.
func (b *Breakdown) Write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "programs\tobservations\tmatched\tdiffering\tout of scope\tprograms that differ\t\tfor instance")
	for _, h := range slices.SortedFunc(maps.Keys(b.groups), func(x, y string) int {
		return cmp.Or(b.groups[y].differing-b.groups[x].differing, cmp.Compare(x, y))
	}) {
		g := b.groups[h]
		example := ""
		if d := g.example; d != nil {
			example = fmt.Sprintf("%s op %d %s: kernel %s, model %s", d.Program.ID, d.Op, d.leaf.path, d.leaf.kernel, d.leaf.model)
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", g.programs, g.Observations, g.Matched, g.Differing, g.OutOfScope, g.differing, h, example)
	}
	t.Flush()
}

// class is what sort of operation it is: its words without names and numbers, and the kind of region that it is on.
func class(p *Program, op *Op) string {
	var words []string
	for _, w := range strings.Fields(op.Text) {
		if strings.ToUpper(w) != w || len(w) > 2 && w[1] != '.' {
			if w != "->" && w != op.Slot {
				words = append(words, w)
			}
		}
	}
	for i := range p.Steps {
		if m := &p.Steps[i].Op; m.Verb == Mem && m.Region == op.Region {
			words = append(words, "on", string(m.Kind))
		}
	}
	return strings.Join(words, " ")
}

// field is what a path says without names: "fr.ref", "pt".
func field(path string) string {
	parts := strings.Split(path, ".")
	switch {
	case len(parts) == 3 && parts[0] != "pc" && parts[0] != "disk":
		return parts[0] + "." + parts[2]
	}
	return parts[0]
}
