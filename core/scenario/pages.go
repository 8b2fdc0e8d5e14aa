package scenario

import (
	"fmt"
	"strconv"

	"gupscope/core/kernel"
)

// page reads a page ("buf", "buf[2]", "A.buf[2]"); where a call wants a range,
// "buf" is all of it.
func (b *builder) page(t *task, call *kernel.Call, p *kernel.Param, c *cursor) kernel.Arg {
	what := "a page (buf or buf[2])"
	if p.Kind == kernel.VMAParam {
		what = "a mapping or a page of it (buf or buf[2])"
	}
	w := c.word(VMA, what, func() []Completion { return b.offerPages(t) })
	if w == nil {
		return kernel.Arg{}
	}
	mm := t.MM
	if c.punct(".") {
		w.kind = MM
		if mm = b.named(w, c); mm >= 0 {
			w = c.word(VMA, what, func() []Completion { return b.offerVMAs(mm) })
		} else if t := c.peek(); t != nil && t.form == formWord {
			w = c.take(VMA) // of an mm that could not be read
		}
		if w == nil {
			return kernel.Arg{}
		}
	}
	if c.ok() {
		mm = b.whose(t, call, mm, w, c)
	}
	arg := kernel.Arg{MM: mm}
	if mm >= 0 {
		arg.Region = vmaNamed(&b.file.setup.MMs[mm], w.text)
	}
	next := c.peek()
	arg.Page = b.index(arg, mm >= 0, w, c)
	arg.Last = arg.Page
	if p.Kind == kernel.VMAParam && mm >= 0 && (next == nil || next.text != "[") {
		arg.Last = b.file.setup.MMs[mm].Regions[arg.Region].Pages - 1
	}
	if !c.ok() || mm < 0 {
		return kernel.Arg{}
	}
	return arg
}

// many reads ", 2", if it comes next: how many pages are meant, from the one before it on. A 0 is no number of pages, but no flags.
func (b *builder) many(arg *kernel.Arg, c *cursor) {
	if c.dead || c.i+1 >= len(c.toks) || c.toks[c.i].text != "," || c.toks[c.i+1].form != formNumber || c.toks[c.i+1].text == "0" {
		return
	}
	c.punct(",")
	t := c.peek()
	n := c.number("pages", 1, maxPages)
	if !c.ok() || b.partial { // it may be a page of what could not be read
		return
	}
	if v := b.region(arg); v != nil && arg.Page+n > v.Pages {
		c.fail(t, nil, "there are no %d pages from %s[%d] on: %s has %d", n, v.Name, arg.Page, v.Name, v.Pages)
		return
	}
	if n > 1 {
		arg.Pages = n
	}
}

// region is that of the page that an argument names; nil where it could not be read.
func (b *builder) region(a *kernel.Arg) *kernel.RegionSetup {
	if mms := b.file.setup.MMs; a.MM < len(mms) && a.Region < len(mms[a.MM].Regions) {
		return &mms[a.MM].Regions[a.Region]
	}
	return nil
}

// named returns the mm of that name.
func (b *builder) named(w *token, c *cursor) int {
	i := b.mmNamed(w.text)
	if i < 0 && !b.partial {
		var names []string
		for _, m := range b.file.setup.MMs {
			names = append(names, m.Name)
		}
		c.unknown(w, "mm", names)
	}
	if i < 0 {
		return unknownMM
	}
	return i
}

// whose returns the mm that has the VMA, or a negative number if none has; mm
// is the one that the text names, or the task's. A kernel task need not name
// one if the VMA's name tells.
func (b *builder) whose(t *task, call *kernel.Call, mm int, w *token, c *cursor) int {
	var have []int
	for i := range b.file.setup.MMs {
		if vmaNamed(&b.file.setup.MMs[i], w.text) >= 0 {
			have = append(have, i)
		}
	}
	name := func(i int) string { return b.file.setup.MMs[i].Name }
	switch {
	case mm == unknownMM:
		return mm
	case mm >= 0 && t.MM >= 0 && mm != t.MM && call.From == kernel.UserTask:
		c.fail(w, nil, "%s runs in mm %s, and %s reaches no memory of mm %s", t.Name, name(t.MM), call.Name, name(mm))
		return unknownMM
	case mm >= 0 && vmaNamed(&b.file.setup.MMs[mm], w.text) >= 0:
		return mm
	case mm == -1 && len(have) == 1:
		return have[0]
	case mm == -1 && len(have) > 1:
		c.fail(w, replace(w, name(have[0])+"."+w.text), "mm %s and mm %s have a VMA %s: write %s.%s", name(have[0]), name(have[1]), w.text, name(have[0]), w.text)
	case b.partial:
	default:
		b.unknownVMA(t, mm, have, w, c)
	}
	w.kind = Plain
	return unknownMM
}

func (b *builder) unknownVMA(t *task, mm int, have []int, w *token, c *cursor) {
	var names []string
	for i, m := range b.file.setup.MMs {
		for _, v := range m.Regions {
			if mm == -1 || mm == i {
				names = append(names, v.Name)
			}
		}
	}
	for _, v := range t.Vars {
		if v == w.text {
			c.fail(w, nil, "%s is a variable, and a page of an mm is wanted here", w.text)
			return
		}
	}
	if len(have) > 0 {
		c.fail(w, nil, "mm %s has no VMA %s; mm %s has one", b.file.setup.MMs[mm].Name, w.text, b.file.setup.MMs[have[0]].Name)
		return
	}
	c.unknown(w, "VMA", names)
}

// index reads "[2]", if it comes next. A VMA that is not known may have any page.
func (b *builder) index(arg kernel.Arg, known bool, w *token, c *cursor) int {
	if !c.punct("[") {
		return 0
	}
	t := c.peek()
	if t == nil || t.form != formNumber {
		c.want("the number of a page", nil)
		return 0
	}
	pages := maxPages
	if known {
		pages = b.file.setup.MMs[arg.MM].Regions[arg.Region].Pages
	}
	i, err := strconv.Atoi(t.text)
	if err != nil || i >= pages {
		has := fmt.Sprintf("%d pages, %s[0] to %s[%d]", pages, w.text, w.text, pages-1)
		if pages == 1 {
			has = fmt.Sprintf("one page, %s[0]", w.text)
		}
		c.fail(t, nil, "there is no %s[%s]: %s has %s", w.text, short(t.text), w.text, has)
		return 0
	}
	c.take(Number)
	c.sign("]")
	return i
}
