package scenario

import (
	"fmt"
	"slices"
	"strconv"

	"gupscope/core/kernel"
)

// A task is a block "P0 on cpu0 in A { … }" while it is read.
type task struct {
	kernel.TaskSetup
	results []kernel.Result // what the last assignment left in each variable
	sizes   map[string]int  // how many pages a variable has room for, where that is more than one
	unsure  []bool          // that assignment is wrong, so nobody knows
	assigns []*token        // the variables that the text assigns, in order
}

// unknownMM is the MM of a task whose head is wrong; -1 is a kernel task's.
const unknownMM = -2

// A site is a place of the text where something is used that not every kernel has: a call, a flag or a setting.
type site struct {
	call    *kernel.Call
	flag    *kernel.GUPFlag // nil: the call
	setting string          // not "": that, which there is since a release
	since   int
	x86     bool // a setting that x86 alone has
	at      *token
}

// A made is a statement's call, and where it stands.
type made struct {
	stmt kernel.Stmt
	at   *token
}

func (b *builder) task(n *clause) {
	c := b.read(n.toks)
	t := &task{TaskSetup: kernel.TaskSetup{MM: unknownMM}}
	t.Name = c.newName(Task, "a task")
	if c.choose("on", "on") != "" {
		t.CPU = c.cpu()
		b.home(c, t)
		if c.keyword("after") {
			b.after(c, t)
		}
	}
	c.end()
	b.place(c, t, n)
	for _, line := range n.body {
		if len(line.toks) > 1 && line.toks[1].text == "=" {
			t.assigns = append(t.assigns, line.toks[0])
			t.measure(line.toks)
		}
	}
	for i, line := range n.body {
		if i == maxStatements {
			first, last := line.toks[0], line.toks[len(line.toks)-1]
			b.report(Error, first.start, last.end, nil, "%s has %d statements; at most %d are possible", t.Name, len(n.body), maxStatements)
			break
		}
		before := len(b.diags) + b.more
		b.statement(t, b.read(line.toks))
		if len(b.diags)+b.more == before {
			b.leftFaults(line)
		}
	}
	for i, s := range t.Body {
		if s.Call.Name == "exit" && i+1 < len(t.Body) {
			line := n.body[min(i, len(n.body)-1)].toks[0]
			b.report(Error, line.start, line.end, nil, "%s leaves its mm here, and goes on: exit() is the last thing that a thread does", t.Name)
		}
	}
	b.tasks = append(b.tasks, t)
}

// home reads where a task belongs: "in A" or "kernel".
func (b *builder) home(c *cursor, t *task) {
	if c.choose("where it belongs (in A, or kernel)", "in", "kernel") == "kernel" {
		t.MM = -1
		return
	}
	var names []string
	for _, m := range b.file.setup.MMs {
		names = append(names, m.Name)
	}
	w := c.word(MM, "the name of an mm", b.offerMMs)
	if w == nil {
		return
	}
	if i := b.mmNamed(w.text); i >= 0 {
		t.MM = i
	} else if b.partial {
		c.dead = true
	} else {
		c.unknown(w, "mm", names)
	}
}

// after reads the task whose end a task waits for: one that stands above.
func (b *builder) after(c *cursor, t *task) {
	var names []string
	for _, x := range b.tasks {
		names = append(names, x.Name)
	}
	w := c.word(Task, "the name of a task that stands above", func() (out []Completion) {
		for _, x := range names {
			out = append(out, Completion{Label: x, Insert: x, Kind: Task})
		}
		return out
	})
	if w == nil {
		return
	}
	if t.After = slices.Index(names, w.text) + 1; t.After == 0 {
		c.unknown(w, "task that stands above", names)
	}
}

// place holds a task against those before it.
func (b *builder) place(c *cursor, t *task, n *clause) {
	if !c.ok() {
		return
	}
	name, cpu := n.toks[0], n.toks[2]
	switch {
	case n.open == nil:
		end := n.toks[len(n.toks)-1].end
		c.fail(name, insert("write { }", end, " { }"), "what %s does is missing: { … }", t.Name)
	case slices.ContainsFunc(b.tasks, func(x *task) bool { return x.Name == t.Name }):
		c.fail(name, nil, "there is a task %s already", t.Name)
	case len(b.tasks) == maxTasks:
		b.tooMany(name, cpu, "tasks", b.countItems("task"), maxTasks)
	default:
		b.file.setup.Turns = b.file.setup.Turns || b.onCPU[t.CPU] != nil
		b.onCPU[t.CPU] = t
	}
}

// statement reads "[VAR =] CALL(ARG, …)".
func (b *builder) statement(t *task, c *cursor) {
	var into *token
	var name string
	if len(c.toks) > 1 && c.toks[1].text == "=" {
		into = c.toks[0]
		name = c.newName(Variable, "a variable")
		c.punct("=")
	}
	s := kernel.Stmt{Var: -1}
	s.Line, _ = b.file.lines.Position(c.toks[0].start)
	b.call(t, &s, into, c)
	switch {
	case name != "":
		t.assign(s, name, c.ok())
	case c.ok():
		t.Body = append(t.Body, s)
	}
}

// call reads "CALL(ARG, …)", the right side of a statement.
func (b *builder) call(t *task, s *kernel.Stmt, into *token, c *cursor) {
	w := c.word(Call, "a call", func() []Completion { return offerCalls(t) })
	if w == nil {
		return
	}
	if s.Call = kernel.CallByName(w.text); s.Call == nil {
		w.kind = Plain
		c.unknown(w, "call", callNames())
		return
	}
	b.file.uses = append(b.file.uses, site{call: s.Call, at: w})
	switch from := s.Call.From; {
	case from == kernel.UserTask && t.MM == -1:
		c.fail(w, nil, "%s is called by a thread of a process, and %s is a task of the kernel", w.text, t.Name)
	case from == kernel.KernelTask && t.MM >= 0:
		c.fail(w, nil, "%s is nothing that a thread calls: it needs a task of the kernel, as in \"P1 on cpu1 kernel\"", w.text)
	case into != nil && s.Call.Result == kernel.NoResult:
		c.fail(into, &Fix{"remove " + into.text + " =", []Edit{{into.start, w.start, ""}}}, "%s returns nothing that %s could hold", w.text, into.text)
	}
	s.Args = b.args(t, s.Call, w, c)
	if c.ok() && len(s.Args) > 0 && b.region(&s.Args[0]) != nil {
		switch {
		case !b.file.setup.Fails(s):
			c.fail(w, nil, "memory of hugetlb, of ramfs and secret memory does not fail here: use anonymous memory, or a file of ext4 or shmem")
		case !b.file.setup.FixesUp(s):
			c.fail(w, nil, "fixup_user_fault is played on private memory in small pages: use anon, or a private mapping of a file")
		case !b.file.setup.Probes(s):
			c.fail(w, nil, "uprobes come to private mappings of files, not of hugetlb: map a file of ext4 or shmem, as in \"text = f private ro\"")
		case !b.file.setup.Collapses(s):
			c.fail(w, nil, "of files, only pages of shmem are collapsed here, by MADV_COLLAPSE where a PMD entry may map them: use such a file, as in \"f = shmem 2 pmd\", or anonymous memory")
		}
		if since := b.file.setup.SinceFileTHP(s); c.ok() && since > 0 {
			b.file.uses = append(b.file.uses, site{setting: "huge pages in files", since: since, at: w})
		}
	}
	b.calls = append(b.calls, made{*s, w})
	if c.end() && into == nil && s.Call.Result == kernel.PageResult {
		b.report(Warning, w.start, w.end, insert("keep it", w.start, t.freshName()+" = "), "the page that %s returns is not kept, so nobody can give it back", w.text)
	}
}

// measure notes how many pages the variable of "VAR = CALL(PAGE, N, …)" has to have room for.
func (t *task) measure(toks []*token) {
	if len(toks) < 5 {
		return
	}
	call := kernel.CallByName(toks[2].text)
	if call == nil || len(call.Params) == 0 || call.Params[0].Kind != kernel.PagesParam {
		return
	}
	for i, x := range toks {
		if x.text == "," && i+1 < len(toks) {
			if n, err := strconv.Atoi(toks[i+1].text); err == nil && n <= maxPages && n > t.size(toks[0].text) {
				if t.sizes == nil {
					t.sizes = map[string]int{}
				}
				t.sizes[toks[0].text] = n
			}
			return
		}
	}
}

// size is how many pages a variable has room for.
func (t *task) size(name string) int { return max(t.sizes[name], 1) }

// assign ends a statement that assigns. A variable with room for several pages is as many: p, p[1], ….
func (t *task) assign(s kernel.Stmt, name string, ok bool) {
	i := slices.Index(t.Vars, name)
	if i < 0 {
		i = len(t.Vars)
		for k := range t.size(name) {
			t.Vars = append(t.Vars, element(name, k))
			t.results = append(t.results, kernel.NoResult)
			t.unsure = append(t.unsure, false)
		}
	}
	for k := range t.size(name) {
		t.unsure[i+k] = !ok
		if ok {
			t.results[i+k] = s.Call.Result
		}
	}
	if ok {
		s.Var = i
		t.Body = append(t.Body, s)
	}
}

// element is the name of a page of a variable: "p", "p[1]".
func element(name string, k int) string {
	if k == 0 {
		return name
	}
	return fmt.Sprintf("%s[%d]", name, k)
}

// element reads "[1]", if it comes next: which of a variable's pages is meant.
func (t *task) element(w *token, c *cursor) (k int, said bool) {
	if !c.punct("[") {
		return 0, false
	}
	x, size := c.peek(), t.size(w.text)
	if x == nil || x.form != formNumber {
		c.want("the number of a page", nil)
		return 0, true
	}
	k, err := strconv.Atoi(x.text)
	if err != nil || k >= size {
		c.fail(x, nil, "there is no %s[%s]: %s holds %d %s at most", w.text, short(x.text), w.text, size, plural(size, "page", "pages"))
		return 0, true
	}
	c.take(Number)
	c.sign("]")
	return k, true
}

// freshName is a name that no variable of the task has.
func (t *task) freshName() string {
	for _, n := range []string{"p", "q", "r"} {
		if !slices.ContainsFunc(t.assigns, func(a *token) bool { return a.text == n }) {
			return n
		}
	}
	return "page"
}

func callNames() []string {
	var names []string
	for _, c := range kernel.Calls {
		names = append(names, c.Name)
		for _, w := range c.Was {
			names = append(names, w.Name)
		}
	}
	return names
}
