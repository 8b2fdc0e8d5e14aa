package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gupscope/core/kernel"
)

// An Expect is what a check is expected to find on some kernels.
type Expect struct {
	Kernels []kernel.Kernel
	Judge   []string          // the claims that this line judges; nil: those of the file; empty: conditions on ends alone
	Verdict kernel.Quantifier // Never or Sometimes
	Claims  []string          // which claims can become false: none if Never
	Ends    []string          // of an aside: the conditions, as they are written
	States  []Count           // as recorded, one for each kernel; nil: not recorded
	Bound   int               // the search stops after so many states; 0: it is exhaustive

	Line       int // where it stands, from 1
	Start, End int // in bytes
}

// A Count is the size of a search.
type Count struct {
	States  int
	Reduced bool // by the reduced search
}

// expect reads "expect KERNEL, … [judging CLAIM, …]: VERDICT [, N states | within N states]".
func (b *builder) expect(c *cursor) {
	e := Expect{Start: c.toks[0].start, End: c.toks[len(c.toks)-1].end}
	e.Line, _ = b.file.lines.Position(e.Start)
	kernels := c.kernels()
	for _, k := range kernels {
		e.Kernels = append(e.Kernels, k.kernel)
	}
	if c.keyword("judging") {
		e.Judge = c.claims(nil)
	}
	c.sign(":")
	b.verdict(&e, c)
	if c.punct(",") {
		c.counts(&e)
	} else if c.keyword("within") {
		e.Bound = c.number("states", 1, 1<<40)
		c.choose("states", "states")
	}
	c.end()
	if !c.ok() {
		return
	}
	b.allKnown(&e, kernels, c)
	if c.ok() {
		b.file.Expects = append(b.file.Expects, e)
	}
	if len(b.file.Expects) > maxExpects {
		b.tooMany(c.toks[0], c.toks[len(c.toks)-1], "expect lines", b.countItems("expect"), maxExpects)
	}
}

// A spelledKernel is a kernel and where it is written.
type spelledKernel struct {
	kernel     kernel.Kernel
	start, end int
}

func (c *cursor) kernels() []spelledKernel {
	var ks []spelledKernel
	c.list(func() {
		from := c.peek()
		if k := c.kernel(); c.ok() {
			ks = append(ks, spelledKernel{k, from.start, c.before().end})
		}
	})
	return ks
}

// verdict reads "Never" or "Sometimes CLAIM, …".
func (b *builder) verdict(e *Expect, c *cursor) {
	t := c.peek()
	switch {
	case c.keyword("Never"):
		t.kind = Verdict
		return
	case c.keyword("Sometimes"):
		t.kind = Verdict
		e.Verdict = kernel.Sometimes
		e.Claims = c.claims(b.unjudged(e))
		return
	case t == nil:
	case t.text == "n" && strings.HasPrefix(b.file.text[t.start:], "n/a"):
		c.fail(t, nil, "a kernel that the scenario cannot run on has no expect line: leave it out")
	case t.text == "Always" || t.text == "always":
		c.fail(t, nil, "what a check finds is Never or Sometimes; always speaks of values at the end of a run, on a line of its own")
	}
	c.want("Never or Sometimes", nil)
}

// counts reads "N, N states", a number for each kernel.
func (c *cursor) counts(e *Expect) {
	first := c.peek()
	c.list(func() {
		n := Count{States: c.number("states", 1, 1<<40)}
		n.Reduced = c.keyword("reduced")
		e.States = append(e.States, n)
	})
	c.choose("states", "states")
	if n := len(e.States); c.ok() && n != len(e.Kernels) {
		c.fail(first, nil, "there %s %d %s of states for %d %s", plural(n, "is", "are"), n, plural(n, "number", "numbers"), len(e.Kernels), plural(len(e.Kernels), "kernel", "kernels"))
	}
}

// allKnown reports kernels that another line has, and those that the scenario
// cannot run on.
func (b *builder) allKnown(e *Expect, ks []spelledKernel, c *cursor) {
	for i, k := range ks {
		key := "expect " + k.kernel.String() + " judging " + strings.Join(slices.Sorted(slices.Values(e.Judge)), ",")
		if first := b.said[key]; first != nil {
			line, _ := b.file.lines.Position(first.start)
			c.fail(&token{start: k.start, end: k.end}, b.without(ks, i), "%s is expected already, on line %d", k.kernel, line)
		}
		b.said[key] = c.toks[0]
		b.applicable(k, b.without(ks, i), c)
	}
}

// applicable reports a kernel that the scenario cannot run on.
func (b *builder) applicable(k spelledKernel, fix *Fix, c *cursor) {
	if s := b.file.missing(k.kernel); len(s) > 0 {
		line, _ := b.file.lines.Position(s[0].at.start)
		c.fail(&token{start: k.start, end: k.end}, fix, "the scenario is n/a on %s: %s (line %d); leave the kernel out here", k.kernel, s[0].lacks(k.kernel.Version), line)
	}
}

// without is the fix that takes a kernel off the list.
func (b *builder) without(ks []spelledKernel, i int) *Fix {
	switch {
	case len(ks) == 1:
		return nil
	case i == 0:
		return &Fix{"leave it out", []Edit{{ks[0].start, ks[1].start, ""}}}
	}
	return &Fix{"leave it out", []Edit{{ks[i-1].end, ks[i].end, ""}}}
}

// settleClaims looks at what claim and judge lines say together.
func (b *builder) settleClaims() {
	if j := b.said["judge"]; j != nil && len(b.file.claims) > 0 {
		b.report(Warning, j.start, j.end, nil, "judge lists all claims that are judged: the claim lines change nothing")
		b.file.claims = nil
	}
}

// judged are the claims that are judged on a kernel, or nil if that is as the
// kernel promises.
func (f *File) judged(k kernel.Kernel) []string {
	if len(f.claims) == 0 {
		return f.setup.Judge
	}
	var names []string
	for _, name := range claimNames() {
		on, said := f.claims[name]
		if on || !said && promised(name, k) {
			names = append(names, name)
		}
	}
	return names
}

// unjudged returns why an expect line does not judge a claim, on one of its kernels; "" if it does.
func (b *builder) unjudged(e *Expect) func(string) string {
	return func(name string) string {
		for _, k := range e.Kernels {
			list := e.Judge
			if list == nil {
				list = b.file.judged(k)
			}
			switch rule := lacking(name, k); {
			case rule != "":
				return fmt.Sprintf("%v has no %s, which %s is about: leave it out", k, rule, name)
			case list == nil && !promised(name, k) || list != nil && !slices.Contains(list, name):
				return fmt.Sprintf("%s is not judged here: write claim %s on, or leave it out", name, name)
			}
		}
		return ""
	}
}

// An Outcome is what a check of one kernel of an expect line has found.
type Outcome struct {
	Verdict kernel.Quantifier
	Claims  []string
	States  Count
}

// Record returns the text with every expect line saying what was found for its
// kernels; found is asked with the index of the line and of the kernel in it. A
// line whose kernels differ becomes several. Everything else stays as it is, in
// canonical form.
func (f *File) Record(found func(expect, kernel int) Outcome) string {
	all := Fix{}
	for i, e := range f.Expects {
		var lines []string
		for k := 0; k < len(e.Kernels); {
			o := found(i, k)
			counts := []Count{o.States}
			next := k + 1
			for ; next < len(e.Kernels); next++ {
				p := found(i, next)
				if p.Verdict != o.Verdict || !slices.Equal(p.Claims, o.Claims) {
					break
				}
				counts = append(counts, p.States)
			}
			part := e
			part.Kernels, part.Verdict, part.Claims, part.States = e.Kernels[k:next], o.Verdict, o.Claims, counts
			lines = append(lines, part.String())
			k = next
		}
		all.Edits = append(all.Edits, Edit{e.Start, e.End, strings.Join(lines, "\n")})
	}
	return Format(all.Apply(f.text))
}

// String is the expectation as it is written, on one line.
func (e Expect) String() string {
	var b strings.Builder
	b.WriteString("expect ")
	for i, k := range e.Kernels {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k.String())
	}
	if e.Judge != nil {
		b.WriteString(" judging " + strings.Join(e.Judge, ", "))
	}
	if e.Verdict == kernel.Never {
		b.WriteString(": Never")
	} else {
		b.WriteString(": Sometimes " + strings.Join(e.Claims, ", "))
	}
	switch {
	case e.Bound > 0:
		fmt.Fprintf(&b, " within %d states", e.Bound)
	case e.States != nil:
		for _, n := range e.States {
			b.WriteString(", " + strconv.Itoa(n.States))
			if n.Reduced {
				b.WriteString(" reduced")
			}
		}
		b.WriteString(" states")
	}
	return b.String()
}
