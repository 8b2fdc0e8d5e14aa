package scenario

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// Completions are what may be written at one place of a text, instead of the
// bytes from Start to End.
type Completions struct {
	Start, End int
	Items      []Completion
}

// A Completion is one word that fits.
type Completion struct {
	Label  string
	Insert string // what is written, if that is not Label
	Kind   Kind
	Detail string // a few words beside it: a signature, "since v6.1"
	Doc    string
}

// Complete returns what may be written at a byte offset. The parser itself
// answers: a place holder stands at the offset, and every reader that meets it
// says what it would take there.
func Complete(text string, offset int) Completions {
	offset = min(max(offset, 0), len(text))
	if len(text) >= maxText {
		return Completions{Start: offset, End: offset}
	}
	b := newBuilder("", text[:offset]+"\x00"+text[offset:])
	b.found = &Completions{Start: offset, End: offset}
	b.parse(offset)
	for _, t := range b.file.tokens {
		if t.mark {
			b.found.Start, b.found.End = t.start, t.end-1
		}
	}
	b.found.narrow(text[b.found.Start:offset])
	return *b.found
}

// narrow keeps what begins with the letters that are there, or else contains them.
func (c *Completions) narrow(typed string) {
	has := func(test func(s, sub string) bool) []Completion {
		var out []Completion
		for _, x := range c.Items {
			if test(strings.ToLower(x.Label), strings.ToLower(typed)) {
				out = append(out, x)
			}
		}
		return out
	}
	begin := has(strings.HasPrefix)
	if len(begin) == 0 {
		begin = has(strings.Contains)
	}
	c.Items = begin
}

// offer adds what a reader would take at the place holder.
func (b *builder) offer(items ...Completion) {
	if b.found == nil {
		return
	}
	for _, x := range items {
		if !slices.ContainsFunc(b.found.Items, func(y Completion) bool { return y.Label == x.Label }) {
			b.found.Items = append(b.found.Items, x)
		}
	}
}

func (b *builder) offerItems() {
	for _, k := range keywords {
		once := slices.Contains([]string{"GUP", "kernel", "tables", "swap", "memory", "blocks", "writers", "pgtable_levels", "mmu_gather", "hpage_pmd_nr", "nr_hugepages", "hugepagesz", "judge"}, k.word)
		if slices.Contains(itemWords, k.word) && !(once && b.countItems(k.word) > 0) {
			b.offer(Completion{Label: k.word, Kind: Keyword, Detail: k.form, Doc: k.doc})
		}
	}
	cpu := 0
	for b.onCPUText(cpu) {
		cpu++
	}
	if cpu < maxCPUs {
		name := fmt.Sprintf("P%d", b.countItems("task"))
		b.offer(Completion{Label: name, Insert: fmt.Sprintf("%s on cpu%d ", name, cpu), Kind: Task, Detail: name + " on cpu0 in A { … }", Doc: "A task: a thread of a process, or of the kernel."})
	}
}

// onCPUText reports whether the text has a task on the CPU.
func (b *builder) onCPUText(cpu int) bool {
	return slices.ContainsFunc(b.file.items, func(n *clause) bool {
		return isTask(n.toks) && n.toks[2].text == fmt.Sprintf("cpu%d", cpu)
	})
}

func offerVersions() []Completion {
	var out []Completion
	for _, v := range slices.Backward(kernel.Versions) {
		out = append(out, Completion{Label: v.Name, Kind: Kernel, Doc: v.About})
	}
	return out
}

// offerRules offers rules behind "without" or "with": what has values is not
// switched off, and is written with its value.
func offerRules(without bool) []Completion {
	var out []Completion
	for _, r := range kernel.Rules {
		c := Completion{Label: r.Name, Kind: Rule, Detail: r.Guards, Doc: ruleDoc(r)}
		if r.Values != nil {
			c.Insert = r.Name + "="
		}
		if r.Values == nil || !without {
			out = append(out, c)
		}
	}
	return out
}

func offerValues(r *kernel.Rule) []Completion {
	var out []Completion
	for _, v := range append(slices.Clone(r.Values), r.Further...) {
		out = append(out, Completion{Label: v, Kind: Value, Detail: r.Name, Doc: ruleDoc(r)})
	}
	return out
}

func offerClaims() []Completion {
	var out []Completion
	for _, name := range claimNames() {
		out = append(out, Completion{Label: name, Kind: Claim, Doc: claimSays(name)})
	}
	return out
}

func (b *builder) offerCPUs() []Completion {
	var out []Completion
	for i := range maxCPUs {
		out = append(out, Completion{Label: fmt.Sprintf("cpu%d", i), Kind: CPU})
	}
	return out
}

func (b *builder) offerMMs() []Completion {
	var out []Completion
	for _, m := range b.file.setup.MMs {
		out = append(out, Completion{Label: m.Name, Kind: MM, Doc: mmDoc(&m)})
	}
	return out
}

func (b *builder) offerTasks() []Completion {
	var out []Completion
	for _, t := range b.tasks {
		if t.Name != "" && len(t.Vars) > 0 {
			out = append(out, Completion{Label: t.Name, Insert: t.Name + ".", Kind: Task, Detail: strings.Join(t.Vars, ", ")})
		}
	}
	return out
}

// offerCalls offers what the task may call.
func offerCalls(t *task) []Completion {
	var out []Completion
	for _, c := range kernel.Calls {
		if c.From == kernel.UserTask && t.MM == -1 || c.From == kernel.KernelTask && t.MM >= 0 {
			continue
		}
		insert := c.Name + "("
		if len(c.Params) == 0 {
			insert += ")"
		}
		out = append(out, Completion{Label: c.Name, Insert: insert, Kind: Call, Detail: signature(c, c.Name), Doc: callDoc(c)})
	}
	return out
}

// offerPages offers memory: a thread's own, or for a kernel task everybody's.
func (b *builder) offerPages(t *task) []Completion {
	if t.MM >= 0 {
		return b.offerVMAs(t.MM)
	}
	var out []Completion
	for i, m := range b.file.setup.MMs {
		for _, c := range b.offerVMAs(i) {
			c.Label = m.Name + "." + c.Label
			if !slices.ContainsFunc(b.file.setup.MMs, func(x kernel.MMSetup) bool { return x.Name != m.Name && vmaNamed(&x, c.Label[len(m.Name)+1:]) >= 0 }) {
				c.Label = c.Label[len(m.Name)+1:]
			}
			out = append(out, c)
		}
	}
	return out
}

func (b *builder) offerVMAs(mm int) []Completion {
	var out []Completion
	for _, v := range b.file.setup.MMs[mm].Regions {
		out = append(out, Completion{Label: v.Name, Kind: VMA, Doc: vmaDoc(&v)})
	}
	return out
}

func (t *task) offerVars() []Completion {
	var out []Completion
	for _, v := range t.Vars {
		out = append(out, Completion{Label: v, Kind: Variable})
	}
	return out
}

// offerHeld offers the variables that hold a page.
func (t *task) offerHeld() []Completion {
	var out []Completion
	for i, v := range t.Vars {
		if t.unsure[i] || t.results[i] == kernel.PageResult {
			out = append(out, Completion{Label: v, Kind: Variable})
		}
	}
	return out
}

func offerWords(p *kernel.Param, k Kind) []Completion {
	var out []Completion
	for _, w := range p.Words {
		out = append(out, Completion{Label: w, Kind: k, Doc: wordDoc(w)})
	}
	return out
}

func offerErrnos() []Completion {
	var out []Completion
	for _, e := range errnos {
		out = append(out, Completion{Label: e.name, Kind: Errno, Detail: fmt.Sprint(-e.no)})
	}
	return out
}
