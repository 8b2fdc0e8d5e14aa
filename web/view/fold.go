package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gupscope/core/machine"
)

// A huge page of 512 pages has as many entries, struct pages and news, of which few differ. Neighbours that say the
// same, but for numbers that count with them, are shown as one:
//
//	[2]    frame 514 W D          folio 514   page 2 of folio 512
//	[3]    frame 515 W D          folio 515   page 3 of folio 512
//	  …                             …
//	[2–511]  frame 514–1023 W D   folio 514–1023   page 2–511 of folio 512
//
// What somebody stands at, or points at, stays alone.
const (
	fewestPTEs   = 4 // that are worth a fold
	fewestFolios = 8
	fewestNews   = 8
	manyNews     = 64
)

// runs calls f with the first and the behind-last of every longest run of neighbours: each is alike its first, which lies k before it.
func runs(n int, alike func(first, at int) bool, f func(first, end int)) {
	for first := 0; first < n; {
		end := first + 1
		for end < n && alike(first, end) {
			end++
		}
		f(first, end)
		first = end
	}
}

// counts reports whether b says what a says, k later: numbers are the same, or k more.
func counts(a, b string, k int) bool {
	for a != "" && b != "" {
		x, restA := number(a)
		y, restB := number(b)
		switch {
		case x == "" && y == "":
			if a[0] != b[0] {
				return false
			}
			a, b = a[1:], b[1:]
			continue
		case x == "" || y == "":
			return false
		case x != y:
			i, _ := strconv.Atoi(x)
			if j, _ := strconv.Atoi(y); j != i+k {
				return false
			}
		}
		a, b = restA, restB
	}
	return a == b
}

// span is what a run says: its first text, with the numbers that count up to those of its last.
func span(first, last string) string {
	var s strings.Builder
	for first != "" {
		x, restX := number(first)
		y, restY := number(last)
		if x == "" {
			s.WriteByte(first[0])
			first, last = first[1:], last[1:]
			continue
		}
		s.WriteString(x)
		if x != y {
			s.WriteString("–" + y)
		}
		first, last = restX, restY
	}
	return s.String()
}

// number is the digits that a text begins with, at most those of an int, and what follows.
func number(s string) (digits, rest string) {
	n := 0
	for n < len(s) && n < 9 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n], s[n:]
}

// A leaf is an entry of a PTE table, and what it points at.
type leaf struct {
	PTE
	id string
	at Target
}

// folded are the entries of a table, runs as one. Only what is shown is pointed at.
func (n *now) folded(all []leaf) []PTE {
	var out []PTE
	show := func(l *leaf) {
		if l.id != "" {
			l.To = n.point(l.id, l.at)
		}
		out = append(out, l.PTE)
	}
	runs(len(all), func(first, i int) bool { return all[i].follows(&all[first], i-first) }, func(first, end int) {
		if end-first < fewestPTEs {
			for i := range all[first:end] {
				show(&all[first+i])
			}
			return
		}
		l, last := all[first], &all[end-1]
		l.Index, l.Text, l.Was, l.at.Text = span(l.Index, last.Index), span(l.Text, last.Text), span(l.Was, last.Was), span(l.at.Text, last.at.Text)
		show(&l)
	})
	return out
}

func (l *leaf) follows(a *leaf, k int) bool {
	return len(a.Walkers)+len(l.Walkers) == 0 && a.Changed == l.Changed && counts(a.Text, l.Text, k) && counts(a.Was, l.Was, k) &&
		(a.id == "") == (l.id == "") && a.at.Note == l.at.Note && a.at.Bad == l.at.Bad && a.at.Changed == l.at.Changed
}

// foldFolios makes runs of cards one.
func (n *now) foldFolios(all []Folio) []Folio {
	var out []Folio
	runs(len(all), func(first, i int) bool { return !n.targets[all[i].ID] && all[i].follows(&all[first], i-first) }, func(first, end int) {
		if end-first < fewestFolios {
			out = append(out, all[first:end]...)
			return
		}
		x, last := all[first], &all[end-1]
		x.Title, x.Kind = span(x.Title, last.Title), span(x.Kind, last.Kind)
		x.Holders = slices.Clone(x.Holders)
		for i := range x.Holders {
			x.Holders[i].Text = span(x.Holders[i].Text, last.Holders[i].Text)
		}
		out = append(out, x)
	})
	return out
}

func (f *Folio) follows(a *Folio, k int) bool {
	return counts(a.Title, f.Title, k) && counts(a.Kind, f.Kind, k) && a.Refcount == f.Refcount && a.Mapcount == f.Mapcount && a.Pincount == f.Pincount &&
		a.Mapping == f.Mapping && a.Content == f.Content && a.Bad == f.Bad && a.Sum == f.Sum && a.ChangedAt == f.ChangedAt && a.Buffers == f.Buffers &&
		slices.Equal(a.Flags, f.Flags) && slices.Equal(a.Changed, f.Changed) && slices.EqualFunc(a.Holders, f.Holders, func(x, y Holder) bool {
		text := counts(x.Text, y.Text, k)
		x.Text, y.Text = "", ""
		return text && x == y
	})
}

// foldNews makes runs of changes one.
func foldNews(all []ChangedCell) []ChangedCell {
	if len(all) > manyNews { // a step may go from page to page and change several cells of each
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b ChangedCell) int { return cmp.Compare(a.ID, b.ID) })
	}
	var out []ChangedCell
	runs(len(all), func(first, i int) bool { return all[i].follows(&all[first], i-first) }, func(first, end int) {
		if end-first < fewestNews {
			out = append(out, all[first:end]...)
			return
		}
		x, last := all[first], &all[end-1]
		x.Name, x.Old, x.New, x.Bits = span(x.Name, last.Name), span(x.Old, last.Old), span(x.New, last.New), nil
		out = append(out, x)
	})
	return out
}

func (c *ChangedCell) follows(a *ChangedCell, k int) bool {
	return c.ID == a.ID+k && counts(a.Name, c.Name, k) && counts(a.Old, c.Old, k) && counts(a.New, c.New, k)
}

// allowed is what the VMAs of a table's pages allow: in a word, or by runs of pages where they differ.
func (n *now) allowed(first machine.PageID) string {
	m := n.m
	of := func(p int) string {
		switch vma := m.Peek(m.VMA(first + machine.PageID(p))); {
		case vma == 0:
			return "unmapped"
		case vma&machine.VMWrite != 0:
			return "rw"
		case vma&machine.VMRead != 0:
			return "ro"
		}
		return "none"
	}
	var parts []string
	count := int(m.HugeEnd(first) - first)
	runs(count, func(a, b int) bool { return of(a) == of(b) }, func(a, b int) {
		switch slot := m.Slot(first, machine.LevelPTE); {
		case b-a == count:
			parts = append(parts, of(a))
		case b-a < fewestPTEs:
			for i := a; i < b; i++ {
				parts = append(parts, fmt.Sprintf("[%d] %s", slot+i, of(i)))
			}
		default:
			parts = append(parts, fmt.Sprintf("[%d–%d] %s", slot+a, slot+b-1, of(a)))
		}
	})
	return strings.Join(parts, ", ")
}
