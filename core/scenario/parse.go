package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gupscope/core/kernel"
)

// A File is a scenario that was read. What Parse could not make sense of is
// left out; what it means is only sure if no diagnostic is an [Error].
type File struct {
	Name   string // what the scenario calls itself
	Title  string
	Kernel kernel.Kernel // of its kernel line; the newest if there is none

	Expects []Expect
	Ends    []End

	setup       kernel.Setup
	claims      map[string]bool // claim lines: on or off
	uses        []site
	source      string // what diagnostics call the text
	text        string
	lines       *Lines
	tokens      []*token
	items       []*clause
	last        []*token // comments behind the last item
	unprintable bool     // the text is no text
}

// Parse reads a scenario. It always returns a File, as good as it can be:
// whatever is wrong is in the diagnostics, in the order of the text. name is
// what diagnostics call the text, often a file's name.
func Parse(name string, text []byte) (*File, []Diagnostic) {
	b := newBuilder(name, string(text))
	b.parse(-1)
	return b.file, b.done()
}

// A builder makes a File of clauses.
type builder struct {
	file  *File
	diags []Diagnostic
	more  int // diagnostics that are not listed

	said   map[string]*token // what may be said once, and where it was
	vmas   map[vmaKey]*token
	values []string // different contents
	cpus   int      // highest CPU named, plus one
	tasks  []*task
	onCPU  map[int]*task
	forks  map[int]*token // where an mm is forked
	// partial: some memory could not be read, so a name that is unknown may be one of it.
	partial bool

	slots  *token    // how many slots the swap device has, if the text says so
	perCPU []cpuLine // preempt and speculate lines
	calls  []made

	found *Completions // where completion is asked for
}

func newBuilder(name, text string) *builder {
	f := &File{claims: map[string]bool{}, source: name, text: text, lines: NewLines(text)}
	f.Kernel, _ = kernel.Make(kernel.Newest.Name)
	f.setup.Frames, f.setup.HugePages = 1, hugePages
	return &builder{file: f, said: map[string]*token{}, vmas: map[vmaKey]*token{}, onCPU: map[int]*task{}, forks: map[int]*token{}}
}

// parse reads the text; at mark, if it is not negative, completion is asked for.
func (b *builder) parse(mark int) {
	f := b.file
	if len(f.text) > maxText {
		f.unprintable = true
		b.report(Error, 0, 0, nil, "the text has %s; at most %d KiB are possible", kib(len(f.text)), maxText>>10)
		return
	}
	f.tokens = lex(f.text, mark)
	o := outline{toks: f.tokens}
	f.items, f.last = o.file()
	if mark < 0 {
		if at, what := notText(f.text); at >= 0 {
			f.unprintable = true
			b.report(Error, at, at+1, nil, "%s", what)
		}
	}
	if len(f.items) == 0 && !f.unprintable {
		b.report(Error, 0, 0, insert("begin one", 0, "GUP untitled\n"), "the text says nothing: a scenario begins with GUP and its name")
		return
	}
	b.clauses(&o)
	b.whole()
}

// notText returns where the text stops being one, and why.
func notText(text string) (at int, why string) {
	if i := strings.IndexByte(text, 0); i >= 0 {
		return i, "the text contains a NUL byte"
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i, fmt.Sprintf("the text is not UTF-8: it contains the byte 0x%02x", text[i])
		}
		i += size
	}
	return -1, ""
}

// kib is a size in KiB, rounded up.
func kib(n int) string {
	tenths := (n*10 + 1023) >> 10
	return fmt.Sprintf("%d.%d KiB", tenths/10, tenths%10)
}

// The clauses are read in rounds, so that a name may be used above the
// line that introduces it.
var rounds = [][]string{
	{"hpage_pmd_nr"},
	{"GUP", "kernel", "frames", "tables", "swap", "memory", "blocks", "writers", "arch", "pgtable_levels", "mmu_gather", "nr_hugepages", "hugepagesz", "preempt", "node", "speculate", "claim", "judge", "", "}"},
	{"file"},
	{"mm"},
	{"task"},
	{"expect", "never", "sometimes", "always"},
}

func (b *builder) clauses(o *outline) {
	for _, n := range o.unclosed {
		b.unclosed(n)
	}
	for _, t := range o.stray {
		b.report(Error, t.start, t.end, &Fix{"remove it", []Edit{{t.start, t.end, ""}}}, "this } closes nothing")
	}
	for _, t := range b.file.tokens {
		if t.form == formComment && t.fault != nil {
			b.report(Error, t.start, t.end, t.fault.fix, "%s", t.fault.message)
		}
	}
	for r, words := range rounds {
		if r == 2 {
			b.settleClaims()
		}
		for i, n := range b.file.items {
			if w := n.sort(); slices.Contains(words, w) {
				b.clause(w, i, n)
			}
		}
	}
}

// sort is the word that tells what a clause is: its first, or "task", or "" if
// it is none that we know.
func (n *clause) sort() string {
	switch {
	case len(n.toks) > 0 && (n.begins("}") || slices.Contains(itemWords, n.toks[0].text)):
		return n.toks[0].text
	case isTask(n.toks) || n.open != nil && len(n.toks) > 1 && n.toks[1].text == "on":
		return "task"
	}
	return ""
}

func (b *builder) clause(word string, i int, n *clause) {
	before := len(b.diags) + b.more
	switch word {
	case "}":
	case "mm":
		b.mm(n)
	case "task":
		b.task(n)
	case "":
		b.other(i, n)
	default:
		if n.open != nil {
			b.report(Error, n.open.start, n.open.end, nil, "%s has no braces", word)
			break
		}
		c := b.read(n.toks)
		c.take(Keyword)
		b.line(word, i, c)
		c.end()
	}
	if len(b.diags)+b.more == before {
		b.leftFaults(n)
	}
}

// leftFaults reports a word that is wrong in itself and that no reader came by.
func (b *builder) leftFaults(n *clause) {
	for _, t := range n.toks {
		if t.fault != nil && !t.mark {
			b.report(Error, t.start, t.end, t.fault.fix, "%s", t.fault.message)
			return
		}
	}
}

func (b *builder) line(word string, i int, c *cursor) {
	switch word {
	case "GUP":
		b.gup(i, c)
	case "kernel":
		b.kernelLine(c)
	case "file":
		b.fileLine(c)
	case "frames":
		b.frames(c)
	case "tables":
		b.tables(c)
	case "swap":
		b.swap(c)
	case "memory":
		b.memory(c)
	case "blocks":
		b.blocks(c)
	case "writers":
		b.writers(c)
	case "arch":
		b.arch(c)
	case "pgtable_levels":
		b.levels(c)
	case "mmu_gather":
		b.gather(c)
	case "hpage_pmd_nr":
		b.pagesPerPMD(c)
	case "nr_hugepages":
		b.hugepages(c)
	case "hugepagesz":
		b.hugepageSize(c)
	case "preempt":
		b.preempt(c)
	case "node":
		b.node(c)
	case "speculate":
		b.speculate(c)
	case "claim":
		b.claim(c)
	case "judge":
		b.judge(c)
	case "expect":
		b.expect(c)
	default:
		b.end(word, c)
	}
}

// other is a clause that begins with no word of the language: the title, or a mistake.
func (b *builder) other(i int, n *clause) {
	t := n.first()
	c := b.read(n.toks)
	b.partial = b.partial || n.open != nil
	if t.mark {
		b.offerItems()
	}
	if len(n.toks) > 1 && n.toks[1].mark && t.form == formWord {
		b.offer(Completion{Label: "on", Kind: Keyword, Doc: keywordDoc("on")}) // P0 on cpu0
	}
	switch {
	case t.form == formString || t.open():
		b.title(i, c)
	case t.form == formWord && t.fault == nil && n.open != nil && nearest(t.text, itemWords) == "":
		c.fail(t, nil, "a block begins with mm NAME, or as a task does: P0 on cpu0 in A")
	case t == n.open:
		b.report(Error, t.start, t.end, nil, "a block begins with mm NAME, or as a task does: P0 on cpu0 in A")
	case t.form == formWord && len(n.toks) > 1 && (n.toks[1].text == "=" || n.toks[1].text == "("):
		c.fail(t, nil, "what a task does stands in its braces: P0 on cpu0 in A { … }")
	default:
		c.fail(t, meant(t, itemWords), "a line cannot begin with %s%s", short(t.text), instead(t.text, itemWords))
	}
}

// unclosed reports a block that ends without a brace.
func (b *builder) unclosed(n *clause) {
	end, nested := n.open, false
	if k := len(n.body); k > 0 {
		toks := n.body[k-1].toks
		end = toks[len(toks)-1]
		nested = slices.ContainsFunc(toks, func(t *token) bool { return t.text == "{" })
	}
	head := join(n.toks)
	if head == "" {
		head = "this block"
	}
	fix := insert("close it", end.end, " }")
	if n.late != nil {
		fix = &Fix{"close it before", []Edit{fix.Edits[0], {n.late.start, n.late.end, ""}}}
		b.report(Error, n.breaker.start, n.breaker.end, fix, "%s cannot stand in the braces of %s", n.breaker.text, short(head))
		return
	}
	if nested {
		fix = nil // whose brace it would be, only the author knows
	}
	b.report(Error, n.open.start, n.open.end, fix, "the { of %s is never closed", short(head))
}

// once reports whether this is the first clause of its sort.
func (b *builder) once(c *cursor, key string) bool {
	t := c.toks[0]
	if first := b.said[key]; first != nil {
		line, _ := b.file.lines.Position(first.start)
		c.fail(t, nil, "%s was said already, on line %d", key, line)
		return false
	}
	b.said[key] = t
	return true
}

// report adds a diagnostic.
func (b *builder) report(s Severity, start, end int, fix *Fix, format string, args ...any) {
	if b.file.unprintable && len(b.diags) > 0 {
		return // what is wrong with a text that is none follows from that
	}
	if len(b.diags) == maxDiagnostics {
		b.more++
		return
	}
	d := Diagnostic{File: b.file.source, Start: start, End: end, Severity: s, Message: fmt.Sprintf(format, args...), Fix: fix}
	d.Line, d.Col = b.file.lines.Position(start)
	d.EndLine, d.EndCol = b.file.lines.Position(end)
	b.diags = append(b.diags, d)
}

// done returns the diagnostics in the order of the text.
func (b *builder) done() []Diagnostic {
	slices.SortStableFunc(b.diags, func(x, y Diagnostic) int { return cmp.Compare(x.Start, y.Start) })
	if n := len(b.diags); b.more > 0 {
		b.diags[n-1].Message += fmt.Sprintf(" (and %d more mistakes)", b.more)
	}
	return b.diags
}
