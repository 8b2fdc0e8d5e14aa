package view

import "strings"

// A Changes is how a text differs from the one that it began as.
type Changes struct {
	Name     string // of the scenario that it began as
	Original string // that text
	Hunks    []Hunk
	New      int // lines that only the present text has
	Gone     int // lines that only the original has
}

// A Hunk is lines that were changed, with a few unchanged ones around them.
type Hunk struct {
	Line  int // of its first line in the present text, from 1
	Lines []DiffLine
	Back  string // the whole text with this hunk taken back
}

// A DiffLine is a line of a hunk.
type DiffLine struct {
	Sign byte // '+' new, '-' gone, ' ' in both
	Text string
}

// around is how many unchanged lines a hunk shows on either side.
const around = 2

// OfChanges compares a text with its original, line by line.
func OfChanges(name, original, text string) Changes {
	out := Changes{Name: name, Original: original}
	a, b := strings.Split(original, "\n"), strings.Split(text, "\n")
	all := diffLines(a, b)
	for from := 0; from < len(all); {
		if all[from].Sign == ' ' {
			from++
			continue
		}
		to, last := from, from // up to the last change that is near
		for ; to < len(all) && to-last <= 2*around; to++ {
			if all[to].Sign != ' ' {
				last = to
			}
		}
		out.Hunks = append(out.Hunks, hunk(all, max(0, from-around), from, last+1))
		from = last + 1
	}
	for _, l := range all {
		switch l.Sign {
		case '+':
			out.New++
		case '-':
			out.Gone++
		}
	}
	return out
}

// hunk is the lines [begin, end) of a comparison, of which those from change on are changed, and some that follow.
func hunk(all []DiffLine, begin, change, end int) Hunk {
	h := Hunk{Line: 1, Lines: all[begin:min(len(all), end+around)]}
	var back []string
	for i, l := range all {
		if l.Sign != '-' && i < begin {
			h.Line++
		}
		// The present text elsewhere, the original here.
		if here := i >= change && i < end; here && l.Sign != '+' || !here && l.Sign != '-' {
			back = append(back, l.Text)
		}
	}
	h.Back = strings.Join(back, "\n")
	return h
}

// diffLines are the lines of both texts in order, those that they have in common once: a longest common
// subsequence, after what both begin and end with is set aside.
func diffLines(a, b []string) []DiffLine {
	var head, tail []DiffLine
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head, a, b = append(head, DiffLine{' ', a[0]}), a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail, a, b = append(tail, DiffLine{' ', a[len(a)-1]}), a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)*len(b) > 4<<20 { // nothing in common, for so much text
		for _, l := range a {
			head = append(head, DiffLine{'-', l})
		}
		for _, l := range b {
			head = append(head, DiffLine{'+', l})
		}
		a, b = nil, nil
	}
	// common[i][j] is how many lines a[i:] and b[j:] have in common.
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			head = append(head, DiffLine{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			head = append(head, DiffLine{'-', a[i]})
			i++
		default:
			head = append(head, DiffLine{'+', b[j]})
			j++
		}
	}
	for i := len(tail) - 1; i >= 0; i-- {
		head = append(head, tail[i])
	}
	return head
}
