package scenario

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// signature is a call as documentation writes it: "get_user_pages_fast(page, [flags])".
func signature(c *kernel.Call, name string) string {
	var ps []string
	for _, p := range c.Params {
		if p.Optional {
			ps = append(ps, "["+p.Name+"]")
		} else {
			ps = append(ps, p.Name)
		}
		if p.Kind == kernel.PagesParam {
			ps = append(ps, "[nr_pages]")
		}
	}
	return name + "(" + strings.Join(ps, ", ") + ")"
}

// args reads "(ARG, …)".
func (b *builder) args(t *task, call *kernel.Call, name *token, c *cursor) []kernel.Arg {
	args := make([]kernel.Arg, len(call.Params))
	if !c.sign("(") {
		return nil
	}
	first := c.i
	for i, p := range call.Params {
		next := c.peek()
		if next == nil || next.text == ")" {
			if p.Optional {
				break
			}
			if next != nil || c.i == len(c.toks) && i > 0 {
				c.countArgs(call, name, i)
			}
		}
		if i > 0 && !c.sign(",") {
			return nil
		}
		if p.Kind == kernel.RoomParam {
			args[i] = b.roomArg(t, args[i-1], c)
			continue
		}
		args[i] = b.arg(t, call, &p, c)
		if call.Name == "get_user_pages_unlocked" && p.Kind == kernel.FlagsParam && args[i].Flags&kernel.FollPin != 0 {
			b.file.uses = append(b.file.uses, site{setting: "refusal of FOLL_PIN by " + call.Name, since: kernel.UnlockedRefusesPinSince, at: c.before()})
		}
		if at := c.before(); p.Kind == kernel.GUPArgParam && c.ok() {
			b.gupArg(call, args[i-1:i+1], at, c)
		}
	}
	if next := c.peek(); next != nil && next.text == "," {
		c.countArgs(call, name, 1+strings.Count(join(c.toks[first:]), ","))
	}
	if next := c.peek(); next == nil && c.ok() {
		end := c.before().end
		c.fail(name, insert("write )", end, ")"), "the ( of %s is not closed", name.text)
	}
	c.sign(")")
	return args
}

func (c *cursor) countArgs(call *kernel.Call, name *token, found int) {
	least, most := 0, len(call.Params)
	for _, p := range call.Params {
		if !p.Optional {
			least++
		}
		if p.Kind == kernel.PagesParam {
			most++
		}
	}
	takes := fmt.Sprint(least)
	switch {
	case most > least+1:
		takes += fmt.Sprintf(" to %d", most)
	case most > least:
		takes += fmt.Sprintf(" or %d", most)
	}
	c.fail(name, nil, "%s takes %s %s, found %d: write %s", name.text, takes, plural(most, "argument", "arguments"), found, signature(call, name.text))
}

// arg reads one argument, as its parameter wants it.
func (b *builder) arg(t *task, call *kernel.Call, p *kernel.Param, c *cursor) kernel.Arg {
	switch p.Kind {
	case kernel.PageParam, kernel.VMAParam:
		return b.page(t, call, p, c)
	case kernel.PagesParam:
		arg := b.page(t, call, p, c)
		b.many(&arg, c)
		return arg
	case kernel.FileParam, kernel.FilePageParam:
		return b.fileArg(p, c)
	case kernel.NumberParam:
		return kernel.Arg{Number: c.number(p.Name, 0, b.maxPages())}
	case kernel.PkeyParam:
		return kernel.Arg{Number: c.pkey()}
	case kernel.VarParam, kernel.VarsParam:
		return t.held(c, call, p.Kind == kernel.VarsParam)
	case kernel.ValueParam:
		return kernel.Arg{Value: c.value()}
	case kernel.SourceParam:
		if next := c.peek(); next == nil || next.form != formWord || next.mark || !b.isMemory(next.text) && b.mmNamed(next.text) < 0 {
			if next != nil && next.mark {
				b.offer(b.offerPages(t)...)
			}
			return kernel.Arg{Value: c.value()}
		}
		return b.buffer(t, call, p, c)
	case kernel.BufferParam:
		return b.buffer(t, call, p, c)
	case kernel.FlagsParam:
		return kernel.Arg{Flags: c.flags(p)}
	case kernel.MMParam:
		return kernel.Arg{MM: b.child(t, c)}
	case kernel.ProcessParam:
		if w := c.word(MM, "an mm: which process gets the signal", b.offerMMs); w != nil {
			return kernel.Arg{MM: max(b.named(w, c), 0)}
		}
		return kernel.Arg{}
	}
	if w := c.known(Word, p.Name, p.Words, func() []Completion { return offerWords(p, Word) }); w != nil {
		return kernel.Arg{Word: w.text}
	}
	return kernel.Arg{}
}

// gupArg notes among GUP's flags what its caller gets wrong beside them.
func (b *builder) gupArg(call *kernel.Call, args []kernel.Arg, at *token, c *cursor) {
	flags, word := &args[0].Flags, args[1].Word
	pins := strings.HasPrefix(call.Name, "pin_")
	switch {
	case word == "NULL" && !pins && *flags&kernel.FollGet == 0:
		c.fail(at, nil, "who takes no reference needs no array for the pages: write FOLL_GET, which does")
	case word == "NULL":
		since := kernel.GetNeedsPagesSince
		if pins {
			since = kernel.PinNeedsPagesSince
		}
		b.file.uses = append(b.file.uses, site{setting: "question for the array of pages", since: since, at: at})
	case strings.HasSuffix(call.Name, "_remote"):
		b.file.uses = append(b.file.uses, site{setting: "locked in " + call.Name, since: kernel.RemoteLockedSince, at: at})
	}
	*flags |= kernel.GUPArg(word)
}

// buffer reads the memory of the task that a file is written from, or read into.
func (b *builder) buffer(t *task, call *kernel.Call, p *kernel.Param, c *cursor) kernel.Arg {
	w := c.peek()
	arg := b.page(t, call, p, c)
	if !c.ok() || b.region(&arg) == nil {
		return kernel.Arg{}
	}
	if arg.Memory = true; t.MM != arg.MM {
		c.fail(w, nil, "%s goes by the memory of its own process: it needs a thread in mm %s", call.Name, b.file.setup.MMs[arg.MM].Name)
	}
	return arg
}

// flags reads "FOLL_WRITE | FOLL_LONGTERM" or "0".
func (c *cursor) flags(p *kernel.Param) uint64 {
	if t := c.peek(); t != nil && t.form == formNumber {
		if t.text != "0" {
			c.fail(t, nil, "flags are names such as %s, or 0, not %s", strings.Join(p.Words[:min(len(p.Words), 3)], " | "), short(t.text))
			return 0
		}
		c.take(Number)
		return 0
	}
	var flags uint64
	for c.ok() {
		t := c.known(Flag, "flag", p.Words, func() []Completion { return offerWords(p, Flag) })
		if t == nil {
			break
		}
		bit := p.Bit(t.text)
		if flags&bit != 0 {
			c.fail(t, nil, "%s is set twice", t.text)
		}
		flags |= bit
		if f := kernel.FollByName(t.text); f != nil {
			c.b.file.uses = append(c.b.file.uses, site{flag: f, at: t})
		} else if t.text == "FAULT_FLAG_UNSHARE" {
			c.b.file.uses = append(c.b.file.uses, site{setting: t.text, since: kernel.UnshareSince, at: t})
		}
		if next := c.peek(); next != nil && slices.Contains(p.Words, next.text) {
			c.fail(next, insert("write |", t.end, " |"), "flags are joined with |")
		}
		if !c.punct("|") {
			break
		}
	}
	return flags
}

// child reads an mm that the task's own is forked to.
func (b *builder) child(t *task, c *cursor) int {
	w := c.word(MM, "an mm that is forked from the thread's own", b.offerMMs)
	if w == nil {
		return 0
	}
	i := b.named(w, c)
	switch {
	case i < 0 || !c.ok():
		return 0
	case t.MM < 0 || b.file.setup.MMs[i].Parent != b.file.setup.MMs[t.MM].Name:
		c.fail(w, nil, "mm %s is not one that is forked from %s's: write mm %s forked from …", w.text, t.Name, w.text)
	case b.forks[i] != nil:
		line, _ := b.file.lines.Position(b.forks[i].start)
		c.fail(w, nil, "mm %s is forked already, on line %d", w.text, line)
	default:
		b.forks[i] = w
	}
	return i
}

// held reads a variable that holds a page, or a page of one that holds several. Where all may be meant, the variable stands for them.
func (t *task) held(c *cursor, call *kernel.Call, all bool) kernel.Arg {
	none := kernel.Arg{}
	w := c.word(Variable, "a variable that holds a page", t.offerHeld)
	if w == nil {
		return none
	}
	i := slices.Index(t.Vars, w.text)
	if i >= 0 && (t.unsure[i] || t.results[i] == kernel.PageResult) {
		k, said := t.element(w, c)
		arg := kernel.Arg{Var: i + k}
		if n := t.size(w.text); all && !said && n > 1 {
			arg.Pages = n
		}
		return arg
	}
	if i >= 0 {
		c.fail(w, nil, "%s holds what was read or an error, and %s needs a page", w.text, call.Name)
		return none
	}
	w.kind = Plain
	for _, a := range t.assigns {
		if a.text == w.text {
			line, _ := c.b.file.lines.Position(a.start)
			c.fail(w, nil, "%s is used before it is assigned, on line %d", w.text, line)
			return none
		}
	}
	if len(t.Vars) == 0 || c.b.isMemory(w.text) {
		c.fail(w, meant(w, t.Vars), "%s is no variable: %s needs one that holds a page, as in p = get_user_pages_fast(…)", w.text, call.Name)
		return none
	}
	c.unknown(w, "variable", t.Vars)
	return none
}

func (b *builder) isMemory(name string) bool {
	for i := range b.file.setup.MMs {
		if vmaNamed(&b.file.setup.MMs[i], name) >= 0 {
			return true
		}
	}
	return false
}
