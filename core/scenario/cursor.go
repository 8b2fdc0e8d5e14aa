package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gupscope/core/kernel"
)

// A cursor reads the words of one clause. After its first mistake it is dead:
// it reports nothing more and yields nothing, so that one mistake is one
// diagnostic and readers need no error paths of their own.
type cursor struct {
	b    *builder
	toks []*token
	i    int
	dead bool

	tried []string // the words that could have stood at tokens[at], for "did you mean"
	at    int
}

func (b *builder) read(toks []*token) *cursor { return &cursor{b: b, toks: toks} }

func (c *cursor) ok() bool { return !c.dead }

// peek returns the next token, or nil at the end or after a mistake.
func (c *cursor) peek() *token {
	if c.dead || c.i >= len(c.toks) {
		return nil
	}
	return c.toks[c.i]
}

func (c *cursor) take(k Kind) *token {
	t := c.toks[c.i]
	t.kind = k
	c.i++
	return t
}

// before is the token that was read last.
func (c *cursor) before() *token {
	if c.i > 0 {
		return c.toks[c.i-1]
	}
	return nil
}

// fail reports a mistake at a token and ends the clause. Where completion is
// asked for there is no mistake: the word is not written yet.
func (c *cursor) fail(t *token, fix *Fix, format string, args ...any) {
	if c.dead {
		return
	}
	c.dead = true
	switch {
	case t.mark:
	case t.fault != nil:
		c.b.report(Error, t.start, t.end, t.fault.fix, "%s", t.fault.message)
	default:
		c.b.report(Error, t.start, t.end, fix, format, args...)
	}
}

// want fails because the next token is not what it should be. If it is nearly a
// word that could stand there, that is what was meant.
func (c *cursor) want(what string, fix *Fix) {
	if c.dead {
		return
	}
	if t := c.peek(); t != nil {
		if n := nearest(t.text, c.tried); n != "" && c.at == c.i && t.form == formWord {
			c.fail(t, replace(t, n), "unknown word %s: did you mean %s?", t.text, n)
		}
		c.fail(t, fix, "expected %s, found %s", what, t.name())
		return
	}
	t := c.before()
	c.dead = true
	c.b.report(Error, t.start, t.end, fix, "%s is missing after %s", what, t.name())
}

// name is the token as messages name it.
func (t *token) name() string {
	if t.form == formPunct {
		return quote(t.text)
	}
	return short(t.text)
}

// keyword takes that word if it comes next.
func (c *cursor) keyword(word string) bool {
	t := c.peek()
	if t == nil {
		return false
	}
	if c.at != c.i {
		c.at, c.tried = c.i, nil
	}
	c.tried = append(c.tried, word)
	if t.mark {
		c.b.offer(Completion{Label: word, Kind: Keyword, Doc: keywordDoc(word)})
		return false
	}
	if t.text != word || t.form != formWord {
		return false
	}
	c.take(Keyword)
	return true
}

// choose takes one of the words, and fails if none comes next.
func (c *cursor) choose(what string, words ...string) string {
	for _, w := range words {
		if c.keyword(w) {
			return w
		}
	}
	c.want(what, nil)
	return ""
}

// punct takes that sign if it comes next.
func (c *cursor) punct(sign string) bool {
	t := c.peek()
	if t == nil || t.text != sign || t.form != formPunct {
		return false
	}
	c.take(Punctuation)
	return true
}

// sign takes that sign, and fails if it does not come next.
func (c *cursor) sign(sign string) bool {
	if c.punct(sign) {
		return true
	}
	var fix *Fix
	if t := c.before(); t != nil {
		fix = insert("write "+sign, t.end, sign)
	}
	if t := c.peek(); t != nil && slices.Contains([]string{"=", "==", ":", "[", "]"}, t.text) {
		fix = replace(t, sign)
	}
	c.want(quote(sign), fix)
	return false
}

// word takes a word as a name of some kind, known or not. offer lists what
// could be written there.
func (c *cursor) word(k Kind, what string, offer func() []Completion) *token {
	t := c.peek()
	if t != nil && t.mark && offer != nil {
		c.b.offer(offer()...)
	}
	if t == nil || t.mark || t.form != formWord || t.fault != nil {
		c.want(what, nil)
		return nil
	}
	return c.take(k)
}

// newName takes a word that the scenario gives to something.
func (c *cursor) newName(k Kind, what string) string {
	t := c.word(k, "the name of "+what, nil)
	if t == nil {
		return ""
	}
	if n := len(t.text); n > maxName {
		c.fail(t, nil, "the name has %d characters; at most %d are possible", n, maxName)
	}
	if isReserved(t.text) {
		c.fail(t, nil, "%s is a word of the language: choose another name", t.text)
	}
	return t.text
}

// number takes a number within bounds. what names it in messages: "frames".
func (c *cursor) number(what string, low, high int) int {
	t := c.peek()
	if t == nil || t.form != formNumber {
		c.want(fmt.Sprintf("a number of %s", what), nil)
		return low
	}
	n, err := strconv.Atoi(t.text)
	if err != nil || n < low || n > high {
		c.fail(t, nil, "%s %s: from %d to %d are possible", short(t.text), what, low, high)
		return low
	}
	c.take(Number)
	return n
}

// pkey takes the number of a protection key.
func (c *cursor) pkey() int {
	t := c.peek()
	if t == nil || t.form != formNumber {
		c.want("a protection key, such as 1", nil)
		return 0
	}
	n, err := strconv.Atoi(t.text)
	if err != nil || n > kernel.LastPkey {
		c.fail(t, nil, "there is no protection key %s: from 0 to %d there are", short(t.text), kernel.LastPkey)
		return 0
	}
	c.take(Number)
	return n
}

// cpu takes "cpu0" and its like.
func (c *cursor) cpu() int {
	t := c.word(CPU, "a CPU (cpu0)", c.b.offerCPUs)
	if t == nil {
		return 0
	}
	digits, ok := strings.CutPrefix(t.text, "cpu")
	n, err := strconv.Atoi(digits)
	switch {
	case !ok || err != nil || strconv.Itoa(n) != digits:
		c.fail(t, nil, "expected a CPU (cpu0 to cpu%d), found %s", maxCPUs-1, t.text)
		return 0
	case n >= maxCPUs:
		c.fail(t, nil, "there is no %s: at most %d CPUs are possible, cpu0 to cpu%d", t.text, maxCPUs, maxCPUs-1)
		return 0
	}
	c.b.cpus = max(c.b.cpus, n+1)
	return n
}

// end fails if anything is left of the clause.
func (c *cursor) end() bool {
	if t := c.peek(); t != nil {
		var fix *Fix
		if beginsItem(c.toks[c.i:]) {
			fix = insert("begin a new line", t.start, "\n")
		}
		c.want("the end of the line", fix)
	}
	return c.ok()
}

// short cuts what is too long for a message.
func short(text string) string {
	if len(text) > 2*maxName {
		return text[:maxName] + "…"
	}
	return text
}

// unknown fails because nothing is called so, and proposes what is.
func (c *cursor) unknown(t *token, what string, have []string) {
	c.fail(t, meant(t, have), "unknown %s %s%s", what, short(t.text), instead(t.text, have))
}

// meant is the fix that writes the nearest name.
func meant(t *token, have []string) *Fix {
	if n := nearest(t.text, have); n != "" {
		return replace(t, n)
	}
	return nil
}

// instead ends the sentence about an unknown name: with the nearest one, or
// with all if they are few.
func instead(name string, have []string) string {
	if n := nearest(name, have); n != "" {
		return ": did you mean " + n + "?"
	}
	if all := strings.Join(have, ", "); all != "" && len(all) <= 80 {
		return "; there " + areOrIs(have) + " " + all
	}
	return ""
}

func areOrIs(list []string) string {
	if len(list) == 1 {
		return "is"
	}
	return "are"
}

// list reads one or more things with commas between them.
func (c *cursor) list(one func()) {
	one()
	for c.ok() && c.punct(",") {
		one()
	}
}

// known takes a word that must be one of the names.
func (c *cursor) known(k Kind, what string, have []string, offer func() []Completion) *token {
	expected := "the name of a " + what
	if strings.HasSuffix(what, "s") {
		expected = "a word for " + what
	}
	t := c.word(k, expected, offer)
	if t != nil && !slices.Contains(have, t.text) {
		t.kind = Plain
		c.unknown(t, what, have)
		return nil
	}
	return t
}
