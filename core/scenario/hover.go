package scenario

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// A Hover is what is known of one word of a text.
type Hover struct {
	Start, End int    // of the word, in bytes
	Title      string // the word in its form: a signature, a clause
	Text       string // sentences, in paragraphs of one line
}

// HoverAt returns what is known of the word at a byte offset, and whether there
// is anything.
func HoverAt(text string, offset int) (Hover, bool) {
	f, _ := Parse("", []byte(text))
	for i, t := range f.tokens {
		if t.start <= offset && offset < t.end {
			h := Hover{Start: t.start, End: t.end}
			h.Title, h.Text = f.about(i)
			return h, h.Text != ""
		}
	}
	return Hover{}, false
}

// about documents a token by its kind.
func (f *File) about(i int) (title, text string) {
	t := f.tokens[i]
	switch t.kind {
	case Keyword, Verdict:
		for _, k := range keywords {
			if k.word == t.text {
				return k.form, k.doc
			}
		}
	case Kernel:
		return t.text, kernel.ByName(t.text).About
	case Rule:
		return t.text, ruleDoc(kernel.RuleByName(t.text))
	case Claim:
		return t.text, claimSays(t.text)
	case Call:
		c := kernel.CallByName(t.text)
		return signature(c, t.text) + result(c), callDoc(c)
	case Flag, Word:
		return t.text, wordDoc(t.text)
	case MM:
		for _, m := range f.setup.MMs {
			if m.Name == t.text {
				return "mm " + m.Name, mmDoc(&m)
			}
		}
	case FileName:
		if i := slices.IndexFunc(f.setup.Files, func(x kernel.FileSetup) bool { return x.Name == t.text }); i >= 0 {
			return "file " + t.text, fileDoc(&f.setup.Files[i])
		}
	case VMA:
		for _, m := range f.setup.MMs {
			if i := vmaNamed(&m, t.text); i >= 0 {
				return m.Name + "." + t.text, vmaDoc(&m.Regions[i])
			}
		}
	case Value:
		_, text := f.about(i - 2) // RULE = VALUE
		return f.tokens[i-2].text + "=" + t.text, text
	case Variable:
		return t.text, f.variableDoc(t)
	case Task:
		for _, x := range f.setup.Tasks {
			if x.Name == t.text {
				return x.Name, taskDoc(f.setup.MMs, &x)
			}
		}
	case CPU:
		for _, x := range f.setup.Tasks {
			if fmt.Sprintf("cpu%d", x.CPU) == t.text {
				return t.text, taskDoc(f.setup.MMs, &x)
			}
		}
	case Errno:
		for _, e := range errnos {
			if e.name == t.text {
				return e.name, fmt.Sprintf("Error %d.", e.no)
			}
		}
	}
	return "", ""
}

// variableDoc says which call filled the variable: the last one before the
// word, or the first one.
func (f *File) variableDoc(t *token) string {
	text := ""
	for i, x := range f.tokens {
		if x.kind == Variable && x.text == t.text && f.tokens[i+1].text == "=" && f.tokens[i+2].kind == Call && (text == "" || x.start <= t.start) {
			line, _ := f.lines.Position(x.start)
			text = fmt.Sprintf("What %s returned, on line %d.", f.tokens[i+2].text, line)
		}
	}
	return text
}

func taskDoc(mms []kernel.MMSetup, t *kernel.TaskSetup) string {
	where := "a task of the kernel"
	if t.MM >= 0 {
		where = "a thread of the process with mm " + mms[t.MM].Name
	}
	return fmt.Sprintf("%s: %s, on cpu%d.", t.Name, where, t.CPU)
}

// result says what a call returns, behind its signature.
func result(c *kernel.Call) string {
	return [...]string{
		kernel.NoResult:     "",
		kernel.ErrResult:    " → 0 or an error",
		kernel.PageResult:   " → a page, or an error",
		kernel.ValueResult:  " → what was read",
		kernel.NumberResult: " → a number, or an error",
	}[c.Result]
}

func callDoc(c *kernel.Call) string {
	text := []string{c.Doc}
	if c.Since > 0 {
		s := "Since " + release(c.Since)
		if c.Use != "" {
			s += "; before, write " + c.Use
		}
		text = append(text, s+".")
	}
	for _, w := range c.Was {
		text = append(text, fmt.Sprintf("Called %s before %s.", w.Name, release(w.Before)))
	}
	return strings.Join(text, "\n")
}

// ruleDoc says what a rule does, what it is good for, and who has it.
func ruleDoc(r *kernel.Rule) string {
	text := []string{sentence(r.Says)}
	if lost := r.Lost(); lost != "" {
		text = append(text, lost)
	}
	var has []string
	for _, v := range kernel.Versions {
		k, err := kernel.Make(v.Name)
		if err == nil {
			has = append(has, v.Name+" "+r.ValueName(k.Value(r.ID)))
		}
	}
	text = append(text, strings.Join(has, ", ")+".")
	if r.Commit != "" {
		text = append(text, fmt.Sprintf("commit %s (%q)", r.Commit, r.Subject))
	}
	return strings.Join(text, "\n")
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func mmDoc(m *kernel.MMSetup) string {
	var names []string
	for _, v := range m.Regions {
		names = append(names, v.Name)
	}
	if len(names) == 0 {
		return "An address space without memory."
	}
	return "An address space with " + listed(names) + "."
}

func vmaDoc(v *kernel.RegionSetup) string {
	rights := "read only"
	if v.Writable {
		rights = "writable"
	}
	if v.Kind == kernel.FileShared || v.Kind == kernel.FilePrivate {
		how := "private"
		if v.Kind == kernel.FileShared {
			how = "shared"
		}
		if v.Gigabyte {
			return fmt.Sprintf("A shared mapping of a hugetlb file over a whole gigabyte, from its page %d on, %d huge %s, %s. Mms that map the same share its PMD table.", v.First, v.Pages, plural(v.Pages, "page", "pages"), rights)
		}
		return fmt.Sprintf("A %s mapping of a file from its page %d on, %d %s, %s, not touched yet.", how, v.First, v.Pages, plural(v.Pages, "page", "pages"), rights)
	}
	if v.Kind == kernel.PFN {
		how := "VM_PFNMAP: GUP refuses it"
		if v.Mixed {
			how = "VM_MIXEDMAP"
		}
		return fmt.Sprintf("A shared mapping of a device's memory, %d %s, %s, without struct pages (%s). All of it is mapped.", v.Pages, plural(v.Pages, "page", "pages"), rights, how)
	}
	text := fmt.Sprintf("Anonymous memory, %d %s, %s", v.Pages, plural(v.Pages, "page", "pages"), rights)
	if len(v.Fill) == 0 {
		return text + ", not touched yet."
	}
	var fill []string
	for _, s := range v.Fill {
		fill = append(fill, `"`+s+`"`)
	}
	return text + ", filled with " + listed(fill) + [...]string{
		kernel.Mapped:  ": mapped, exclusive, dirty.",
		kernel.Clean:   ": mapped clean, and in the swap cache.",
		kernel.Swapped: ": swapped out.",
		kernel.Huge:    ": mapped by the PMD, exclusive, dirty.",
		kernel.Split:   ": a large folio, each page of it mapped by its PTE.",
		kernel.Torn:    ": each is a page of a large folio of its own, mapped by its PTE.",
	}[v.State]
}
