package scenario

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	lineWidth  = 100 // what is longer goes on in the next line, where it may
	step       = "    "
	commentGap = 8  // between the longest of neighbouring lines and their comments
	alignWidth = 32 // a name longer than that does not push its neighbours' "=" away
)

// Print returns the text in canonical form: one thing on a line, one blank line
// at most, neighbours aligned. Comments stay, and so does what is wrong. To
// print a printed text changes nothing.
func (f *File) Print() string {
	if f.unprintable {
		return f.text
	}
	p := &printer{}
	p.items(f.items)
	for _, c := range f.last {
		p.comment(c, "")
	}
	return p.text()
}

// Format returns a text in canonical form.
func Format(text string) string {
	f, _ := Parse("", []byte(text))
	return f.Print()
}

// printer collects lines; comments at their ends are aligned when all are there.
type printer struct{ lines []printed }

type printed struct {
	text    string
	blank   bool // a blank line before it
	comment string
}

func (p *printer) add(text string, blank bool, tail *token) {
	l := printed{text: text, blank: blank}
	if tail != nil {
		l.comment = comment(tail.text)
	}
	p.lines = append(p.lines, l)
}

func (p *printer) comment(c *token, indent string) {
	p.add(indent+comment(c.text), c.blank, nil)
}

func (p *printer) lead(n *clause, indent string) {
	for _, c := range n.lead {
		p.comment(c, indent)
	}
}

func (p *printer) items(items []*clause) {
	for len(items) > 0 {
		if n := neighbours(items); n > 0 {
			p.short(items[:n])
			items = items[n:]
			continue
		}
		n := items[0]
		p.lead(n, "")
		if n.open != nil {
			p.block(n)
		} else {
			p.wrapped(n)
		}
		items = items[1:]
	}
}

// wrapped prints an item that is no block. Where it is too long, it goes on
// indented in the next line.
func (p *printer) wrapped(n *clause) {
	w := wrap{p: p, n: n, blank: n.blank}
	w.fill(0, len(n.toks), breaks(n))
	p.add(w.line.String(), w.blank, n.tail)
}

// breaks are the places where an item may be broken, the best ones first: a
// verdict is kept together before a list of kernels, and that before a kernel.
// Each reports whether a line may begin with t.
func breaks(n *clause) []func(before, t *token) bool {
	if !slices.ContainsFunc(mayContinue, n.begins) || slices.ContainsFunc(n.toks, (*token).open) {
		return nil
	}
	return []func(before, t *token) bool{
		func(before, t *token) bool { return before.text == ":" },
		func(before, t *token) bool {
			return before.text == "," && t.form != formNumber || slices.Contains([]string{"judging", "within", "and", "or", "on"}, t.text)
		},
		func(before, t *token) bool { return t.text == "without" || t.text == "with" },
	}
}

// A wrap sets an item in lines that are not too long.
type wrap struct {
	p     *printer
	n     *clause
	blank bool
	line  strings.Builder
	width int
}

// fill sets the tokens i to j: on the present line if they fit, else on the next
// one, else in pieces.
func (w *wrap) fill(i, j int, levels []func(before, t *token) bool) {
	toks := w.n.toks
	text := join(toks[i:j])
	width := utf8.RuneCountInString(text)
	space := ""
	if i > 0 {
		space = gap(toks[i-1], toks[i])
	}
	fits := w.width+len(space)+width <= lineWidth
	if !fits && len(levels) > 0 && len(step)+width > lineWidth {
		for from, at := i, i+1; at <= j; at++ {
			if at == j || levels[0](toks[at-1], toks[at]) {
				w.fill(from, at, levels[1:])
				from = at
			}
		}
		return
	}
	if !fits && w.mayBegin(i) {
		w.p.add(w.line.String(), w.blank, nil)
		w.line.Reset()
		w.blank, w.width, space = false, 0, step
	}
	w.line.WriteString(space + text)
	w.width += len(space) + width
}

// mayBegin reports whether a line that begins with token i is read as the rest
// of the item.
func (w *wrap) mayBegin(i int) bool {
	t := w.n.toks[i]
	return i > 0 && breaks(w.n) != nil && t.form != formBad && t.text != "," && t.text != ":" && !beginsItem(w.n.toks[i:])
}

// block prints a block of several lines.
func (p *printer) block(n *clause) {
	head := strings.TrimLeft(join(n.toks)+" {", " ")
	if n.close != nil && n.openTail == nil && len(n.body)+len(n.inner) == 0 {
		p.add(head+"}", n.blank, n.tail)
		return
	}
	p.add(head, n.blank, n.openTail)
	begin := len(p.lines)
	for i := 0; i < len(n.body); {
		run := 1
		for i+run < len(n.body) && !n.body[i+run].blank && len(n.body[i+run].lead) == 0 {
			run++
		}
		pad := 0
		if n.begins("mm") {
			pad = equalsColumn(n.body[i : i+run])
		}
		for _, line := range n.body[i : i+run] {
			p.lead(line, step)
			p.add(step+aligned(line, pad), line.blank, line.tail)
		}
		i += run
	}
	for _, c := range n.inner {
		p.comment(c, step)
	}
	if begin < len(p.lines) {
		p.lines[begin].blank = false
	}
	if n.close != nil {
		p.add("}", false, n.tail)
	}
}

// isShort reports whether a block stands on one line: one thing in it, and no comments.
func isShort(n *clause) bool {
	if n.close == nil || n.openTail != nil || len(n.inner) > 0 || len(n.body) != 1 || slices.ContainsFunc(n.toks, (*token).open) {
		return false
	}
	b := n.body[0]
	nested := slices.ContainsFunc(b.toks, func(t *token) bool { return t.text == "{" })
	return !nested && len(b.lead) == 0 && b.tail == nil && len(n.toks) > 0 &&
		utf8.RuneCountInString(join(n.toks)+" { "+join(b.toks)+" }") <= lineWidth
}

// neighbours returns how many of the first items are short blocks of one sort,
// line by line.
func neighbours(items []*clause) int {
	n := 0
	for n < len(items) && isShort(items[n]) && (n == 0 || items[n].sort() == items[0].sort() && items[0].sort() != "") &&
		(n == 0 || !items[n].blank && len(items[n].lead) == 0) {
		n++
	}
	return n
}

// short prints neighbouring blocks of one line, their braces and "=" aligned.
func (p *printer) short(ns []*clause) {
	width, pad := 0, 0
	var bodies []*clause
	for _, n := range ns {
		width = max(width, utf8.RuneCountInString(join(n.toks)))
		bodies = append(bodies, n.body[0])
	}
	if ns[0].begins("mm") {
		pad = equalsColumn(bodies)
	}
	for _, n := range ns {
		p.lead(n, "")
		p.add(padded(join(n.toks), width)+" { "+aligned(n.body[0], pad)+" }", n.blank, n.tail)
	}
}

// equalsColumn is the width of the longest name before "=" that is not overlong.
func equalsColumn(lines []*clause) int {
	pad := 0
	for _, n := range lines {
		if i := equals(n); i > 0 {
			if w := utf8.RuneCountInString(join(n.toks[:i])); w <= alignWidth {
				pad = max(pad, w)
			}
		}
	}
	return pad
}

func equals(n *clause) int {
	return slices.IndexFunc(n.toks, func(t *token) bool { return t.text == "=" })
}

// aligned is the line with its "=" in the given column.
func aligned(n *clause, pad int) string {
	i := equals(n)
	if i <= 0 {
		return join(n.toks)
	}
	return padded(join(n.toks[:i]), pad) + " " + join(n.toks[i:])
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

func join(toks []*token) string {
	var b strings.Builder
	for i, t := range toks {
		if i > 0 {
			b.WriteString(gap(toks[i-1], t))
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// gap is the white space between two tokens. Where none is set, the two are
// still two when they are read again.
func gap(a, b *token) string {
	switch {
	case a.tight || b.tight, a.text == "(", a.text == "[":
		return ""
	case b.text == ",", b.text == ")", b.text == "]", b.text == ":":
		return ""
	case b.text == "(", b.text == "[", b.text == ".":
		if a.form == formWord && a.kind != Keyword {
			return ""
		}
	case a.text == "." && b.form == formWord:
		return ""
	}
	return " "
}

// text puts the lines together. Comments of neighbouring lines begin in one
// column; an overlong line keeps out of it.
func (p *printer) text() string {
	var b strings.Builder
	for i := 0; i < len(p.lines); {
		end, width := i, 0
		for end < len(p.lines) && p.lines[end].inColumn() && (end == i || !p.lines[end].blank) {
			width = max(width, utf8.RuneCountInString(p.lines[end].text))
			end++
		}
		for end = max(end, i+1); i < end; i++ {
			l := p.lines[i]
			if l.blank && i > 0 {
				b.WriteByte('\n')
			}
			if b.WriteString(l.text); l.comment != "" {
				pad := max(width-utf8.RuneCountInString(l.text), 0)
				b.WriteString(strings.Repeat(" ", pad+commentGap) + l.comment)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (l *printed) inColumn() bool {
	return l.comment != "" && utf8.RuneCountInString(l.text) <= lineWidth
}
