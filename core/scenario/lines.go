package scenario

import (
	"sort"
	"unicode/utf8"
)

// Lines turns byte offsets of a text, in which this package counts, into what
// others count in: people in lines and characters, JavaScript in UTF-16 units.
type Lines struct {
	text   string
	starts []int // of each line, in bytes
	units  []int // of each line, in UTF-16 units
}

// NewLines looks at a text once.
func NewLines(text string) *Lines {
	l := &Lines{text: text, starts: []int{0}, units: []int{0}}
	unit := 0
	for i, r := range text {
		unit += width16(r)
		if r == '\n' {
			l.starts = append(l.starts, i+1)
			l.units = append(l.units, unit)
		}
	}
	return l
}

// width16 is how many UTF-16 units a character takes. A byte that is no UTF-8
// counts as one: that is what a decoder puts in its place.
func width16(r rune) int {
	if r >= 0x10000 {
		return 2
	}
	return 1
}

// Position returns line and column of a byte offset, both from 1; a column is a character.
func (l *Lines) Position(offset int) (line, col int) {
	line = sort.SearchInts(l.starts, offset+1)
	return line, 1 + utf8.RuneCountInString(l.text[l.starts[line-1]:offset])
}

// UTF16 returns a byte offset in UTF-16 units.
func (l *Lines) UTF16(offset int) int {
	line := sort.SearchInts(l.starts, offset+1) - 1
	unit := l.units[line]
	for _, r := range l.text[l.starts[line]:offset] {
		unit += width16(r)
	}
	return unit
}

// Offset returns the byte offset of a place counted in UTF-16 units. A place
// outside the text is moved to its end, one inside a character to its beginning.
func (l *Lines) Offset(unit int) int {
	line := max(sort.SearchInts(l.units, unit+1)-1, 0)
	at := l.units[line]
	for i, r := range l.text[l.starts[line]:] {
		if at += width16(r); at > unit {
			return l.starts[line] + i
		}
	}
	return len(l.text)
}
