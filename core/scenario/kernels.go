package scenario

import (
	"errors"
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// ParseKernel reads a kernel as a scenario writes it: "v6.12 without
// gup_pte_recheck with tlb_flush=pv". Positions in diagnostics are within spec.
func ParseKernel(spec string) (kernel.Kernel, []Diagnostic) {
	b := newBuilder("", spec)
	toks := slices.DeleteFunc(lex(spec, -1), func(t *token) bool { return t.form == formEOL })
	if len(toks) == 0 {
		b.report(Error, 0, 0, nil, "a kernel is missing; there are %s", strings.Join(versionNames(), ", "))
		return b.file.Kernel, b.done()
	}
	c := b.read(toks)
	k := c.kernel()
	c.end()
	return k, b.done()
}

func (b *builder) kernelLine(c *cursor) {
	if b.once(c, "kernel") {
		k := c.kernel()
		b.file.Kernel = k
		if t := c.peek(); t != nil && t.text == "," {
			c.fail(t, nil, "the kernel line names one kernel; expect lines name several")
		}
	}
}

func versionNames() []string {
	var names []string
	for _, v := range kernel.Versions {
		names = append(names, v.Name)
	}
	return names
}

func ruleNames() []string {
	var names []string
	for _, r := range kernel.Rules {
		names = append(names, r.Name)
	}
	return names
}

// A ruleWord is a "with" or "without" and the words that belong to it.
type ruleWord struct {
	kernel.Setting
	first, name, last *token
}

// kernel reads a version and its rules. Where it is wrong, what is right of it
// is returned.
func (c *cursor) kernel() kernel.Kernel {
	t := c.version()
	if t == nil {
		return c.b.file.Kernel
	}
	var words []ruleWord
	for c.ok() {
		w := ruleWord{first: c.peek()}
		switch {
		case c.keyword("without"):
			w.Value = "off"
		case c.keyword("with"):
			w.Value = "on"
		default:
			return c.make(t, words)
		}
		if c.rule(&w) {
			c.again(words, &w)
			words = append(words, w)
		}
	}
	k, _ := kernel.Make(t.text)
	return k
}

// version takes a kernel's release.
func (c *cursor) version() *token {
	t := c.peek()
	if t != nil && t.mark {
		c.b.offer(offerVersions()...)
	}
	if t == nil || t.form == formString || t.form == formPunct {
		c.want("a kernel ("+kernel.Newest.Name+")", nil)
		return nil
	}
	if kernel.ByName(t.text) != nil {
		return c.take(Kernel)
	}
	if t.form == formBad && isDigit(t.text[0]) {
		t.fault, t.kind = nil, Wrong // the sentence below says it better
	}
	if r := kernel.RuleByName(t.text); r != nil && c.i > 0 && c.before().text == "," {
		comma := c.before()
		c.fail(t, &Fix{"write without " + r.Name, []Edit{{comma.start, t.end, " without " + r.Name}}},
			"%s is a rule, not a kernel: write without %s", r.Name, r.Name)
	}
	c.unknown(t, "kernel", versionNames())
	return nil
}

// rule takes a rule, and for "with" its value.
func (c *cursor) rule(w *ruleWord) bool {
	off := w.Value == "off"
	w.name = c.known(Rule, "rule", ruleNames(), func() []Completion { return offerRules(off) })
	if w.name == nil {
		return false
	}
	w.Rule, w.last = w.name.text, w.name
	r := kernel.RuleByName(w.Rule)
	is := c.peek()
	switch {
	case is != nil && is.text == "=":
		return c.ruleValue(w, r)
	case r.Values != nil:
		c.fail(w.name, &Fix{"write with " + r.Name + "=" + r.Values[0], []Edit{{w.first.start, w.name.end, "with " + r.Name + "=" + r.Values[0]}}},
			"%s has a value: write with %s=%s", r.Name, r.Name, strings.Join(r.Values, "|"))
	}
	return c.ok()
}

func (c *cursor) ruleValue(w *ruleWord, r *kernel.Rule) bool {
	is := c.take(Punctuation)
	values := r.Values
	if values == nil {
		values = r.Further
	}
	if values == nil || w.Value == "off" {
		t := c.peek()
		if t == nil || t.mark {
			t = is
		}
		fix := &Fix{"write " + w.first.text + " " + r.Name, []Edit{{w.name.end, t.end, ""}}}
		if t.text == "off" && w.first.text == "with" {
			fix = &Fix{"write without " + r.Name, []Edit{{w.first.start, t.end, "without " + r.Name}}}
		}
		switch {
		case r.Values == nil && (r.Further == nil || w.Value == "off"):
			c.fail(is, fix, "%s has no values: write with %s or without %s", r.Name, r.Name, r.Name)
		default:
			c.fail(w.first, replace(w.first, "with"), "%s is given a value with \"with\": with %s=%s", r.Name, r.Name, strings.Join(r.Values, "|"))
		}
		return false
	}
	if t := c.peek(); t != nil && t.form == formNumber && slices.Contains(values, t.text) {
		w.last = c.take(Value) // lru_batch_size=15
	} else if w.last = c.known(Value, "value of "+r.Name, values, func() []Completion { return offerValues(r) }); w.last == nil {
		return false
	}
	is.tight, w.Value = true, w.last.text
	return true
}

// again reports a rule that is set twice.
func (c *cursor) again(words []ruleWord, w *ruleWord) {
	for _, x := range words {
		if x.Rule != w.Rule {
			continue
		}
		remove := &Fix{"remove it", []Edit{{words[len(words)-1].last.end, w.last.end, ""}}}
		if x.Value == w.Value {
			c.fail(w.name, remove, "%s is said twice", w.Rule)
		} else {
			c.fail(w.name, nil, "this contradicts \"%s\" before it", spell(x.Setting))
		}
	}
}

// spell is a setting as it is written.
func spell(s kernel.Setting) string {
	switch s.Value {
	case "off":
		return "without " + s.Rule
	case "on":
		return "with " + s.Rule
	}
	return "with " + s.Rule + "=" + s.Value
}

// make puts a kernel together. Rules that need others are the mistake that can
// be left, and settings that change nothing a thing worth saying.
func (c *cursor) make(version *token, words []ruleWord) kernel.Kernel {
	plain, _ := kernel.Make(version.text)
	if !c.ok() {
		return plain
	}
	var settings []kernel.Setting
	for _, w := range words {
		settings = append(settings, w.Setting)
	}
	k, err := kernel.Make(version.text, settings...)
	var needed *kernel.Needed
	if errors.As(err, &needed) {
		c.needed(version, words, settings, needed)
		return plain
	}
	if err != nil {
		c.fail(version, nil, "%s", err)
		return plain
	}
	for _, w := range words {
		if !slices.ContainsFunc(k.Changes(), func(s kernel.Setting) bool { return s.Rule == w.Rule }) {
			before := strings.TrimRightFunc(c.b.file.text[:w.first.start], isSpace)
			c.b.report(Warning, w.first.start, w.last.end, &Fix{"remove it", []Edit{{len(before), w.last.end, ""}}},
				"%s changes nothing: the kernel is so without it", spell(w.Setting))
		}
	}
	return k
}

// needed reports that rules which are on need one that is off, all at once, and
// says what would repair it.
func (c *cursor) needed(version *token, words []ruleWord, settings []kernel.Setting, first *kernel.Needed) {
	at := words[0]
	switchedOff := false
	for _, w := range words {
		if w.Rule == first.Rule.Name {
			at, switchedOff = w, true
		} else if w.Rule == first.By.Name && !switchedOff {
			at = w
		}
	}
	var fix *Fix
	var names []string
	if more := repair(version.text, settings, first); more != nil {
		text := ""
		for _, s := range more {
			text += " " + spell(s)
			names = append(names, s.Rule)
		}
		fix = insert("write"+text+" too", words[len(words)-1].last.end, text)
	}
	if switchedOff && names != nil {
		c.fail(at.name, fix, "%s %s %s: switch %s off too", listed(names), plural(len(names), "needs", "need"), first.Rule.Name, plural(len(names), "it", "them"))
	} else {
		c.fail(at.name, fix, "%s needs %s, which %s", first.By.Name, first.Rule.Name, offBecause(version.text, switchedOff))
	}
}

// repair returns the settings that are missing: what needs a rule that was
// switched off is switched off too, what a rule needs that was switched on is
// switched on. It returns nil if that contradicts what is written: then only
// the author can know.
func repair(version string, settings []kernel.Setting, n *kernel.Needed) []kernel.Setting {
	written := func(rule string) int {
		return slices.IndexFunc(settings, func(s kernel.Setting) bool { return s.Rule == rule })
	}
	begin := len(settings)
	for n != nil {
		s := kernel.Setting{Rule: n.Rule.Name, Value: "on"}
		if i := written(n.Rule.Name); i >= 0 && settings[i].Value == "off" {
			s = kernel.Setting{Rule: n.By.Name, Value: "off"}
		}
		if written(s.Rule) >= 0 {
			return nil
		}
		settings = append(settings, s)
		_, err := kernel.Make(version, settings...)
		n = nil
		errors.As(err, &n)
	}
	return settings[begin:]
}

func offBecause(version string, switchedOff bool) string {
	if switchedOff {
		return "is switched off here"
	}
	return version + " does not have: switch it on too"
}

// listed joins names as a sentence does.
func listed(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
