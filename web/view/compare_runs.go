package view

import (
	"slices"
	"strconv"

	"gupscope/core/trace"
)

// OfBranches sets two runs of the same scenario on the same kernel side by side. Until they part they are one; after
// that a row has both sides where both make the same step, in the same order: a longest common subsequence.
func OfBranches(left, right *trace.Run, leftName, rightName string) Comparison {
	x := comparing{c: columnsOf(left), left: left, right: right}
	out := Comparison{Left: leftName, Right: rightName}
	a, b := left.Steps(), right.Steps()
	n := 0
	for n < len(a) && n < len(b) && a[n].Choice == b[n].Choice && a[n].Hash == b[n].Hash {
		x.put(&a[n], &b[n], "")
		n++
	}
	parted := len(x.rows)
	x.merge(a[n:], b[n:])
	if parted < len(x.rows) {
		x.rows[parted].First = true
		out.First = parted + 1
	}
	out.LeftEnd, out.RightEnd = wrongs(left), wrongs(right)
	out.Sentence = x.parting(&out, a[n:], b[n:])
	out.Parts = parts(x.rows)
	return out
}

// mostMerged bounds the table of the common subsequence: what is longer is told one side after the other.
const mostMerged = 1500

// merge adds the rows of two stretches of steps.
func (x *comparing) merge(a, b []trace.Step) {
	if len(a) > mostMerged || len(b) > mostMerged {
		for i := range a {
			x.put(&a[i], nil, "")
		}
		for j := range b {
			x.put(nil, &b[j], "")
		}
		return
	}
	same := func(i, j int) bool { return a[i].Alike(&b[j]) && a[i].Says == b[j].Says }
	common := make([][]int16, len(a)+1)
	for i := range common {
		common[i] = make([]int16, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if same(i, j) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && same(i, j):
			x.put(&a[i], &b[j], "")
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			x.put(&a[i], nil, "")
			i++
		default:
			x.put(nil, &b[j], "")
			j++
		}
	}
}

// parting says where two runs part, and what comes of it.
func (x *comparing) parting(out *Comparison, a, b []trace.Step) Sentence {
	if len(a) == 0 && len(b) == 0 {
		return Sentence{{Text: "Both are the same run."}}
	}
	said := func(st *trace.Step) Sentence {
		lane := Word{Text: "somebody"}
		if l := x.c.actor[st.Actor]; l >= 0 {
			lane = Word{Text: x.c.lanes[l].Name, Who: x.c.lanes[l].Who}
		}
		return append(Sentence{lane, {Text: ": "}}, (&Race{Lanes: x.c.lanes}).name(st.Says)...)
	}
	var s Sentence
	switch {
	case len(a) == 0:
		s = append(Sentence{{Text: "The one ends where the other goes on: "}}, said(&b[0])...)
	case len(b) == 0:
		s = append(Sentence{{Text: "The other ends where this goes on: "}}, said(&a[0])...)
	default:
		s = append(Sentence{{Text: "They part at step " + strconv.Itoa(a[0].N) + ". Here "}}, said(&a[0])...)
		s = append(append(s, Word{Text: "; there "}), said(&b[0])...)
	}
	if last := &s[len(s)-1]; end(last.Text) != "" {
		last.Text += end(last.Text)
	}
	return append(s, x.ends(out)...)
}

// parts groups rows: those that are alike on both sides, and the others.
func parts(rows []Compared) []ComparedPart {
	var out []ComparedPart
	for _, row := range rows {
		if n := len(out); n > 0 && out[n-1].Same == row.Same {
			out[n-1].Rows = append(out[n-1].Rows, row)
		} else {
			out = append(out, ComparedPart{Same: row.Same, Rows: []Compared{row}})
		}
	}
	return slices.Clip(out)
}
