package scenario

import (
	"slices"
	"strings"
)

// A clause is one thing that a scenario says, with the comments that belong to
// it: a line of the text, or a block with its head. Clauses are cut by line ends
// and braces alone, so a mistake inside one never reaches the next, and the
// printer can set every text, right or wrong.
type clause struct {
	lead  []*token // comments on lines of their own before it
	blank bool     // a blank line stands before it (after lead)
	toks  []*token // the words of the line, or of a block's head
	tail  *token   // the comment at its end

	open, close *token // the braces; open is nil unless this is a block, close if it was forgotten
	openTail    *token // the comment behind open
	body        []*clause
	inner       []*token // comments before close

	// A block that was not closed in time: what broke into it, and the brace
	// that comes after that. Either may be nil.
	breaker, late *token
}

func (n *clause) first() *token {
	if len(n.toks) > 0 {
		return n.toks[0]
	}
	return n.open
}

// begins reports whether the clause begins with that word.
func (n *clause) begins(word string) bool { return len(n.toks) > 0 && n.toks[0].text == word }

// isTask reports whether the tokens begin as a task does: P0 on cpu0.
func isTask(toks []*token) bool {
	return len(toks) >= 3 && toks[0].form == formWord && toks[1].text == "on" && strings.HasPrefix(toks[2].text, "cpu")
}

// beginsItem reports whether the tokens begin an item of the outermost level,
// and cannot be the rest of a line or a line in a block.
func beginsItem(toks []*token) bool {
	if len(toks) == 0 {
		return false
	}
	if slices.Contains(itemWords, toks[0].text) {
		return len(toks) < 2 || !slices.Contains([]string{"=", "(", "."}, toks[1].text)
	}
	return isTask(toks)
}

// mayContinue are the items that may go on in the next line, if that is indented deeper.
var mayContinue = []string{"kernel", "expect", "judge", "never", "sometimes", "always"}

// outline cuts tokens into clauses.
type outline struct {
	toks     []*token
	i        int
	pend     []*token // comments whose clause has not begun yet
	unclosed []*clause
	stray    []*token // "}" that close nothing
}

// file reads all clauses; comments at the end of the text that belong to none are returned.
func (o *outline) file() (items []*clause, last []*token) {
	for t := o.next(); t != nil; t = o.next() {
		if t.text == "}" {
			o.lone(t)
		}
		items = append(items, o.item(t))
	}
	return items, o.pend
}

// lone takes a brace that closes no open block: that of the last block that
// something broke into, or nothing.
func (o *outline) lone(t *token) {
	if n := len(o.unclosed); n > 0 && o.unclosed[n-1].late == nil {
		o.unclosed[n-1].late = t
		return
	}
	o.stray = append(o.stray, t)
}

// next skips line ends, sets comments aside, and returns the
// next token without taking it.
func (o *outline) next() *token {
	for ; o.i < len(o.toks); o.i++ {
		t := o.toks[o.i]
		switch {
		case t.form == formComment:
			o.pend = append(o.pend, t)
		case t.form != formEOL:
			return t
		}
	}
	return nil
}

// begin makes a clause of the comments that were set aside.
func (o *outline) begin(t *token) *clause {
	n := &clause{lead: o.pend, blank: t.blank}
	o.pend = nil
	return n
}

// item reads one item, from its first token on.
func (o *outline) item(t *token) *clause {
	n := o.begin(t)
	for o.i < len(o.toks) {
		t := o.toks[o.i]
		switch {
		case t.form == formComment, t.form == formEOL:
			if !o.goesOn(n) {
				o.tail(n)
				return n
			}
		case t.text == "{":
			o.block(n)
			return n
		case t.text == "}" && len(n.toks) > 0:
			o.tail(n)
			return n
		default:
			n.toks = append(n.toks, t)
			o.i++
			if t.text == "}" {
				o.tail(n)
				return n
			}
		}
	}
	return n
}

// goesOn is called at the end of a line. If the item goes on in the next one,
// it moves there; comments in between go before the item.
func (o *outline) goesOn(n *clause) bool {
	if slices.ContainsFunc(n.toks, (*token).open) {
		return false // the end of the line is what ends the string
	}
	var between []*token
	for j := o.i; j < len(o.toks); j++ {
		t := o.toks[j]
		switch {
		case t.blank:
			return false
		case t.form == formComment:
			between = append(between, t)
		case t.form != formEOL:
			if !o.belongs(n, j) {
				return false
			}
			o.i = j
			n.hoist(between)
			return true
		}
	}
	return false
}

// belongs reports whether the line that begins with token j goes on with the item.
func (o *outline) belongs(n *clause, j int) bool {
	t := o.toks[j]
	if t.text == "{" {
		return n.begins("mm") || isTask(n.toks)
	}
	return len(n.toks) > 0 && slices.Contains(mayContinue, n.toks[0].text) &&
		t.indent > n.toks[0].indent && t.text != "}" && !beginsItem(o.toks[j:])
}

// hoist puts comments from inside a clause before it.
func (n *clause) hoist(comments []*token) {
	for i, c := range comments {
		moved := *c
		moved.blank = i == 0 && n.blank
		n.lead = append(n.lead, &moved)
		n.blank = false
	}
}

// tail takes the comment that stands on the same line, if there is one.
func (o *outline) tail(n *clause) {
	for o.i < len(o.toks) && o.toks[o.i].text == ";" {
		o.i++
	}
	n.tail = o.sameLine()
}

func (o *outline) sameLine() *token {
	if o.i < len(o.toks) && o.toks[o.i].form == formComment && !o.toks[o.i].first {
		o.i++
		return o.toks[o.i-1]
	}
	return nil
}

// block reads from "{" to "}". A line that can only be an item ends a block
// that nobody closed.
func (o *outline) block(n *clause) {
	n.open = o.toks[o.i]
	o.i++
	n.openTail = o.sameLine()
	for t := o.next(); ; t = o.next() {
		if t == nil || t.text != "}" && beginsItem(o.toks[o.i:]) {
			n.breaker = t
			o.unclosed = append(o.unclosed, n)
			return
		}
		if t.text == "}" {
			n.close = t
			n.inner, o.pend = o.pend, nil
			o.i++
			o.tail(n)
			return
		}
		n.body = append(n.body, o.line(t))
	}
}

// line reads one line of a block. Braces within it are kept together: there
// are no blocks in blocks, and the mistake should be one.
func (o *outline) line(t *token) *clause {
	n := o.begin(t)
	depth := 0
	for ; o.i < len(o.toks); o.i++ {
		t := o.toks[o.i]
		if t.form == formComment || t.form == formEOL || t.text == "}" && depth == 0 {
			break
		}
		switch t.text {
		case "{":
			depth++
		case "}":
			depth--
		}
		n.toks = append(n.toks, t)
	}
	o.tail(n)
	return n
}
