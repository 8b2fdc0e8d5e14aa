package scenario

import (
	"sort"
	"unicode/utf8"
)

// Lines turns byte offsets of a text, in which this package counts, into what
// others count in: people in lines and characters, JavaScript in UTF-16 units.
type Lines struct {
	text   string
	starts []int // of each line, and the end of the text, in bytes
	units  []int // the same in UTF-16 units
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
	l.starts = append(l.starts, len(text))
	l.units = append(l.units, unit)
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

// line is the index of the line that an offset lies in, and whether every byte
// of it is a character: most are, and then there is nothing to count.
func (l *Lines) line(of []int, offset int) (i int, plain bool) {
	i = sort.SearchInts(of[:len(of)-1], offset+1) - 1
	return i, l.starts[i+1]-l.starts[i] == l.units[i+1]-l.units[i]
}

// Position returns line and column of a byte offset, both from 1; a column is a character.
func (l *Lines) Position(offset int) (line, col int) {
	i, plain := l.line(l.starts, offset)
	if plain {
		return i + 1, 1 + offset - l.starts[i]
	}
	return i + 1, 1 + utf8.RuneCountInString(l.text[l.starts[i]:offset])
}

// UTF16 returns a byte offset in UTF-16 units.
func (l *Lines) UTF16(offset int) int {
	i, plain := l.line(l.starts, offset)
	if plain {
		return l.units[i] + offset - l.starts[i]
	}
	unit := l.units[i]
	for _, r := range l.text[l.starts[i]:offset] {
		unit += width16(r)
	}
	return unit
}

// Offset returns the byte offset of a place counted in UTF-16 units. A place
// outside the text is moved to its end, one inside a character to its beginning.
func (l *Lines) Offset(unit int) int {
	unit = min(max(unit, 0), l.units[len(l.units)-1])
	i, plain := l.line(l.units, unit)
	if plain {
		return l.starts[i] + unit - l.units[i]
	}
	at := l.units[i]
	for k, r := range l.text[l.starts[i]:] {
		if at += width16(r); at > unit {
			return l.starts[i] + k
		}
	}
	return len(l.text)
}
