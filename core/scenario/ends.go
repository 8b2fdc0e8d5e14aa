package scenario

import (
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// An End is a line "never|sometimes|always COND [on KERNEL, …]": how often a
// condition holds at the ends of runs.
type End struct {
	kernel.Condition
	Kernels []kernel.Kernel // nil: on every kernel
	Line    int
}

// says is the condition as it is written, without its kernels.
func (e *End) says() string {
	return [...]string{kernel.Never: "never", kernel.Sometimes: "sometimes", kernel.Always: "always"}[e.When] + " " + e.Text
}

// on reports whether the condition is about a kernel.
func (e *End) on(k kernel.Kernel) bool {
	name := k.String()
	return e.Kernels == nil || slices.ContainsFunc(e.Kernels, func(x kernel.Kernel) bool { return x.String() == name })
}

// Named returns every kernel that an expect line or a condition names, each once.
func (f *File) Named() []kernel.Kernel {
	var out []kernel.Kernel
	seen := map[string]bool{}
	add := func(ks []kernel.Kernel) {
		for _, k := range ks {
			if !seen[k.String()] {
				seen[k.String()] = true
				out = append(out, k)
			}
		}
	}
	for i := range f.Expects {
		add(f.Expects[i].Kernels)
	}
	for i := range f.Ends {
		add(f.Ends[i].Kernels)
	}
	return out
}

// Asides are what conditions expect of kernels that they name and no expect line judges whole: a line that judges some claims only does not
// look at ends. Nothing else is judged there, so that no claim ends a run early. Conditions that name no kernel need one, if no line is
// whole: the scenario's own.
func (f *File) Asides() []Expect {
	judged := map[string]bool{}
	for i := range f.Expects {
		for _, k := range f.Expects[i].Kernels {
			if f.Expects[i].Judge == nil {
				judged[k.String()] = true
			}
		}
	}
	var out []Expect
	whole := len(judged) > 0
	for i := range f.Ends {
		e := &f.Ends[i]
		kernels := e.Kernels
		if kernels == nil && !whole {
			kernels = []kernel.Kernel{f.Kernel}
		}
		for _, k := range kernels {
			if judged[k.String()] {
				continue
			}
			judged[k.String()] = true
			aside := Expect{Kernels: []kernel.Kernel{k}, Judge: []string{}, Line: e.Line}
			for j := range f.Ends {
				if x := &f.Ends[j]; x.on(k) {
					aside.Ends = append(aside.Ends, x.says())
				}
			}
			out = append(out, aside)
		}
	}
	return out
}

// errnos are the errors that a condition may name.
var errnos = []struct {
	name string
	no   int
}{
	{"-EPERM", 1}, {"-ENOENT", 2}, {"-ESRCH", 3}, {"-EINTR", 4}, {"-EIO", 5}, {"-ENXIO", 6}, {"-EAGAIN", 11}, {"-ENOMEM", 12}, {"-EACCES", 13}, {"-EFAULT", 14},
	{"-EBUSY", 16}, {"-EEXIST", 17}, {"-ENODEV", 19}, {"-EINVAL", 22}, {"-ENOSPC", 28}, {"-ESPIPE", 29}, {"-EOPNOTSUPP", 95}, {"-EHWPOISON", 133}, {"-ERESTARTSYS", 512},
}

// signals are those that a thread may get.
var signals = map[string]int{"SIGSEGV": kernel.SIGSEGV, "SIGBUS": kernel.SIGBUS, "BUG": kernel.BUG}

func errnoNames() []string {
	var names []string
	for _, e := range errnos {
		names = append(names, e.name)
	}
	return names
}

// end reads a condition on the ends of runs.
func (b *builder) end(word string, c *cursor) {
	e := End{Condition: kernel.Condition{When: map[string]kernel.Quantifier{
		"never": kernel.Never, "sometimes": kernel.Sometimes, "always": kernel.Always}[word]}}
	e.Line, _ = b.file.lines.Position(c.toks[0].start)
	from := c.i
	cond := c.either(0)
	e.Text = join(c.toks[from:c.i])
	var kernels []spelledKernel
	if c.keyword("on") {
		kernels = c.kernels()
	}
	for _, k := range kernels {
		e.Kernels = append(e.Kernels, k.kernel)
	}
	c.end()
	for i, k := range kernels {
		if c.ok() {
			b.applicable(k, b.without(kernels, i), c)
		}
	}
	if len(b.file.Ends) == maxEnds {
		b.tooMany(c.toks[0], c.toks[len(c.toks)-1], "conditions", b.countItems("never")+b.countItems("sometimes")+b.countItems("always"), maxEnds)
		return
	}
	if c.ok() {
		e.Cond = *cond
		b.file.Ends = append(b.file.Ends, e)
	}
}

// either reads "COND or COND …"; "and" binds closer.
func (c *cursor) either(depth int) *kernel.Expr {
	left := c.both(depth)
	for c.ok() && c.keyword("or") {
		left = &kernel.Expr{Op: "or", Left: left, Right: c.both(depth)}
	}
	return left
}

func (c *cursor) both(depth int) *kernel.Expr {
	left := c.negated(depth)
	for c.ok() && c.keyword("and") {
		left = &kernel.Expr{Op: "and", Left: left, Right: c.negated(depth)}
	}
	return left
}

func (c *cursor) negated(depth int) *kernel.Expr {
	t := c.peek()
	if depth > maxNesting {
		c.fail(t, nil, "brackets and nots are nested more than %d deep; at most %d are possible", maxNesting, maxNesting)
		return &kernel.Expr{}
	}
	if c.keyword("not") {
		return &kernel.Expr{Op: "not", Left: c.negated(depth + 1)}
	}
	if c.punct("(") {
		e := c.either(depth + 1)
		c.sign(")")
		return e
	}
	return c.comparison()
}

// comparison reads `P0.v == "a"`, `P0.r != -EFAULT`, `P0.r == 0`, `A.buf == thp` or `A.buf == softdirty`.
func (c *cursor) comparison() *kernel.Expr {
	e := &kernel.Expr{}
	result := c.variable(e)
	if e.Op = "=="; !c.punct("==") {
		if t := c.peek(); t != nil && t.text == "=" {
			c.fail(t, replace(t, "=="), "a condition compares with ==")
		}
		if e.Op = "!="; c.ok() && !c.punct("!=") {
			c.want("== or !=", nil)
		}
	}
	t := c.peek()
	switch {
	case t == nil:
		c.want("what it is compared with", nil)
	case t.form == formErrno:
		e.Errno = c.errno(t)
	case e.Memory != nil && c.keyword("thp"):
		e.Huge = true
	case e.Memory != nil && c.keyword("softdirty"):
		e.SoftDirty = true
	case t.text == "softdirty":
		c.fail(t, nil, "a condition asks memory whether it was written to since clear_refs, as in A.buf == softdirty: name an mm and its mapping")
	case t.text == "thp":
		c.fail(t, nil, "a condition asks memory whether it is a huge page, as in A.buf == thp: name an mm and its mapping")
	case t.form == formWord && signals[t.text] != 0:
		if result == kernel.PageResult && signals[t.text] != kernel.BUG {
			c.fail(t, nil, "the variable holds a page or an error: compare it with an error, as in != -EFAULT")
		}
		e.Signal = signals[t.text]
		c.take(Errno)
	case t.form == formNumber && result == kernel.NumberResult:
		e.IsNumber, e.Number = true, c.pkey()
	case t.text == "0":
		if result == kernel.PageResult {
			c.fail(t, nil, "the variable holds a page or an error: compare it with an error, as in != -EFAULT")
		}
		c.take(Number)
	case t.form == formString && (result == kernel.PageResult || result == kernel.ErrResult || result == kernel.NumberResult):
		c.fail(t, nil, "the variable holds no content: compare it with an error, as in == -EFAULT")
	case t.form == formString:
		e.Value = c.content(t)
	default:
		if t.mark {
			c.b.offer(offerErrnos()...)
		}
		c.want(`a content ("a"), an error (-EFAULT), a signal (SIGSEGV), 0, thp or softdirty`, nil)
	}
	return e
}

// variable reads "P0.v".
func (c *cursor) variable(e *kernel.Expr) kernel.Result {
	b := c.b
	var tasks []string
	for _, t := range b.tasks {
		tasks = append(tasks, t.Name)
	}
	w := c.word(Task, "a task's variable (P0.v), or memory (A.buf)", b.offerTasks)
	if w == nil {
		return kernel.NoResult
	}
	if e.Task = slices.Index(tasks, w.text); e.Task < 0 {
		if mm := b.mmNamed(w.text); mm >= 0 {
			w.kind = MM
			c.memory(e, mm)
			return kernel.ValueResult
		}
		w.kind = Plain
		for _, t := range b.tasks {
			if slices.Contains(t.Vars, w.text) {
				c.fail(w, replace(w, t.Name+"."+w.text), "whose %s? Write %s.%s", w.text, t.Name, w.text)
			}
		}
		c.unknown(w, "task", tasks)
		return kernel.NoResult
	}
	t := b.tasks[e.Task]
	if !c.punct(".") {
		c.want("a dot and a variable of "+t.Name, nil)
		return kernel.NoResult
	}
	if w = c.word(Variable, "a variable of "+t.Name, t.offerVars); w == nil {
		return kernel.NoResult
	}
	if e.Var = slices.Index(t.Vars, w.text); e.Var < 0 {
		w.kind = Plain
		if len(t.Vars) == 0 {
			c.fail(w, nil, "%s has no variables: assign one in its braces", t.Name)
		}
		c.unknown(w, "variable of "+t.Name, t.Vars)
		return kernel.NoResult
	}
	k, _ := t.element(w, c)
	e.Var += k
	if t.unsure[e.Var] || t.size(w.text) > 1 || t.givesUp(e.Var) {
		return kernel.NoResult // that of a page that was not got is 0
	}
	return t.results[e.Var]
}

// givesUp reports whether a call may leave 0 in the variable: no page, and no error.
func (t *task) givesUp(v int) bool {
	return slices.ContainsFunc(t.Body, func(s kernel.Stmt) bool { return s.Var == v && s.Call.GivesUp })
}

// memory reads the rest of "A.x" or "A.x[1]".
func (c *cursor) memory(e *kernel.Expr, mm int) {
	m := &c.b.file.setup.MMs[mm]
	if !c.punct(".") {
		c.want("a dot and a mapping of mm "+m.Name, nil)
		return
	}
	w := c.word(VMA, "a mapping of mm "+m.Name, func() []Completion { return c.b.offerVMAs(mm) })
	if w == nil {
		return
	}
	arg := kernel.Arg{MM: mm, Region: vmaNamed(m, w.text)}
	if arg.Region < 0 {
		c.fail(w, nil, "mm %s has no VMA %s", m.Name, w.text)
		return
	}
	arg.Page = c.b.index(arg, true, w, c)
	e.Memory = &arg
}

func (c *cursor) errno(t *token) int {
	for _, e := range errnos {
		if e.name == t.text {
			c.take(Errno)
			return e.no
		}
	}
	if t.mark {
		c.b.offer(offerErrnos()...)
	}
	c.unknown(t, "error", errnoNames())
	return 0
}

// content reads a string that some page may hold.
func (c *cursor) content(t *token) string {
	if t.fault != nil {
		c.fail(t, nil, "")
		return ""
	}
	v := strings.Trim(t.text, `"`)
	if c.ok() && !slices.Contains(c.b.values, v) {
		said, fix := "nobody writes "+t.text, (*Fix)(nil)
		if n := nearest(v, c.b.values); n != "" {
			said += `: did you mean "` + n + `"?`
			fix = replace(t, `"`+n+`"`)
		}
		c.b.report(Warning, t.start, t.end, fix, "%s", said)
	}
	c.take(String)
	return v
}
