package scenario

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gupscope/core/kernel"
)

// A vmaKey names a VMA by its place in the setup.
type vmaKey struct{ mm, vma int }

// mm reads "mm NAME { … }" or "mm NAME forked from NAME".
func (b *builder) mm(n *clause) {
	c := b.read(n.toks)
	c.take(Keyword)
	name := c.newName(MM, "an mm")
	parent := b.parent(c)
	c.end()
	s := &b.file.setup
	switch {
	case c.ok() && parent >= 0 && n.open != nil:
		b.report(Error, n.open.start, n.open.end, nil, "mm %s has the memory of mm %s: nothing stands in braces", name, s.MMs[parent].Name)
		name = ""
	case !c.ok():
	case n.open == nil && parent < 0:
		c.fail(c.toks[1], insert("write { }", c.toks[1].end, " { }"), "the memory of mm %s is missing: { buf = anon 1 rw }", name)
	case b.mmNamed(name) >= 0:
		c.fail(c.toks[1], nil, "there is an mm %s already", name)
		name = ""
	case len(s.MMs) == maxMMs:
		b.tooMany(c.toks[0], c.toks[1], "mms", b.countItems("mm"), maxMMs)
		name = ""
	}
	mm := kernel.MMSetup{Name: name}
	if parent >= 0 {
		mm = b.forked(name, parent)
	}
	for _, line := range n.body {
		b.vma(&mm, len(s.MMs), b.read(line.toks))
	}
	if k := len(mm.Regions); k > maxVMAs {
		t := b.vmas[vmaKey{len(s.MMs), maxVMAs}]
		b.report(Error, t.start, t.end, nil, "mm %s has %d VMAs; at most %d are possible", name, k, maxVMAs)
		mm.Regions = mm.Regions[:maxVMAs]
		b.partial = true
	}
	if name == "" {
		b.partial = true
		return
	}
	s.MMs = append(s.MMs, mm)
}

// parent reads "forked from NAME", if it comes next: the mm of that name, which stands
// above; -1 if there is none.
func (b *builder) parent(c *cursor) int {
	if !c.ok() || !c.keyword("forked") {
		return -1
	}
	if c.choose("from", "from") == "" {
		return -1
	}
	w := c.word(MM, "the name of the mm that is copied", b.offerMMs)
	if w == nil {
		return -1
	}
	i := b.mmNamed(w.text)
	if i < 0 {
		c.fail(w, nil, "there is no mm %s above: an mm is forked from one that stands before it", w.text)
	}
	return i
}

// forked is an mm like its parent, of which nothing is there yet.
func (b *builder) forked(name string, parent int) kernel.MMSetup {
	mm := kernel.MMSetup{Name: name, Parent: b.file.setup.MMs[parent].Name}
	for _, r := range b.file.setup.MMs[parent].Regions {
		r.Fill, r.State = nil, kernel.Mapped
		mm.Regions = append(mm.Regions, r)
	}
	return mm
}

// tooMany reports the first of too many things. Later ones say nothing more.
func (b *builder) tooMany(from, to *token, what string, found, most int) {
	key := "too many " + what
	if b.said[key] == nil {
		b.said[key] = from
		b.report(Error, from.start, to.end, nil, "there are %d %s; at most %d are possible", found, what, most)
	}
}

func (b *builder) countItems(word string) int {
	n := 0
	for _, item := range b.file.items {
		if item.sort() == word {
			n++
		}
	}
	return n
}

func (b *builder) mmNamed(name string) int {
	return slices.IndexFunc(b.file.setup.MMs, func(m kernel.MMSetup) bool { return m.Name == name })
}

func vmaNamed(m *kernel.MMSetup, name string) int {
	return slices.IndexFunc(m.Regions, func(v kernel.RegionSetup) bool { return v.Name == name })
}

// vma reads "NAME = anon N rw|ro STRING… [clean|swapped|hugepage]" or
// "NAME = stack N rw|ro STRING…" or "NAME = thp N rw|ro STRING… [split]", or "NAME = hugetlb N rw|ro STRING…", or "NAME = pfnmap|mixedmap N rw|ro STRING…", or "NAME = room for NAME", or a mapping of a file.
func (b *builder) vma(mm *kernel.MMSetup, index int, c *cursor) {
	v := kernel.RegionSetup{Name: c.newName(VMA, "a VMA")}
	if c.ok() && vmaNamed(mm, v.Name) >= 0 {
		c.fail(c.toks[0], nil, "mm %s has a VMA %s already", mm.Name, v.Name)
		return
	}
	switch {
	case !c.ok() || !c.sign("="):
	case c.keyword("anon"):
		v.Pages = c.number("pages", 1, b.maxPages())
		v.Writable = c.choose("rw or ro", "rw", "ro") == "rw"
		b.fill(&v, c)
	case c.keyword("stack"):
		v.Stack = true
		v.Pages = c.number("pages", 1, b.maxPages())
		v.Writable = c.choose("rw or ro", "rw", "ro") == "rw"
		b.contents(&v, c)
	case c.keyword("thp"):
		v.Pages = b.file.setup.HugePages * c.number("huge pages", 1, b.maxPages()/b.file.setup.HugePages)
		v.Huge = true
		v.Writable = c.choose("rw or ro", "rw", "ro") == "rw"
		b.fillHuge(&v, c)
	case c.keyword("hugetlb"):
		v.Kind = kernel.Hugetlb
		v.Pages = c.number("huge pages", 1, maxPages)
		v.Writable = c.choose("rw or ro", "rw", "ro") == "rw"
		b.contents(&v, c)
	case c.keyword("pfnmap"):
		b.pfnRegion(&v, false, c)
	case c.keyword("mixedmap"):
		b.pfnRegion(&v, true, c)
	case c.keyword("room"):
		b.room(&v, mm, c)
	default:
		b.fileRegion(&v, c)
	}
	c.end()
	// A VMA that is wrong is there all the same, so that its name is known.
	if v.Name == "" {
		b.partial = true
		return
	}
	v.Pages = max(v.Pages, 1)
	if !c.ok() {
		v.Pages = b.maxPages()
	}
	b.vmas[vmaKey{index, len(mm.Regions)}] = c.toks[0]
	mm.Regions = append(mm.Regions, v)
}

// pfnRegion reads a mapping of a device's memory: "1 rw", "2 ro \"a\"".
func (b *builder) pfnRegion(v *kernel.RegionSetup, mixed bool, c *cursor) {
	v.Kind, v.Mixed = kernel.PFN, mixed
	v.Pages = c.number("pages", 1, maxPages)
	v.Writable = c.choose("rw or ro", "rw", "ro") == "rw"
	b.contents(v, c)
}

// fillHuge reads the contents of the first pages of huge pages and how these stand.
func (b *builder) fillHuge(v *kernel.RegionSetup, c *cursor) {
	b.contents(v, c)
	t := c.peek()
	switch {
	case c.keyword("mergeable"):
		v.Mergeable = true
		if len(v.Fill) > 0 {
			v.State = kernel.Huge
		}
	case c.keyword("split"):
		v.State = kernel.Split
	case c.keyword("torn"):
		v.State = kernel.Torn
	case t != nil && t.form == formWord && t.text != "movable" && t.text != "cma" && t.text != "node":
		c.want("split, torn, mergeable or the end", nil)
		return
	case len(v.Fill) > 0:
		v.State = kernel.Huge
	}
	if len(v.Fill) > 0 {
		v.Zone = c.b.zoneNumber(c.zone())
	}
	if (v.State == kernel.Split || v.State == kernel.Torn) && len(v.Fill) == 0 {
		c.fail(t, insert("write a content", t.start, `"a" `), "only a huge page that was written can be %s: write its content before, as in \"a\" %s", t.text, t.text)
	}
}

// contents reads the contents of the first pages.
func (b *builder) contents(v *kernel.RegionSetup, c *cursor) {
	for c.peek() != nil && (c.peek().form == formString || c.peek().open()) {
		t := c.peek()
		v.Fill = append(v.Fill, c.value())
		if len(v.Fill) > v.Pages {
			c.fail(t, nil, "%s has %d %s, and this is the content of number %d", v.Name, v.Pages, plural(v.Pages, "page", "pages"), len(v.Fill))
		}
	}
}

// fill reads the contents of the first pages, how they stand, and where they lie.
func (b *builder) fill(v *kernel.RegionSetup, c *cursor) {
	b.contents(v, c)
	t := c.peek()
	switch {
	case c.keyword("hugepage"):
		v.Huge = true
		v.Zone = c.b.zoneNumber(c.zone())
		return
	case c.keyword("mergeable"):
		v.Mergeable = true
		v.Zone = c.b.zoneNumber(c.zone())
		return
	case c.keyword("merged"):
		v.Mergeable, v.State = true, kernel.Merged
	case c.keyword("clean"):
		v.State = kernel.Clean
	case c.keyword("swapped"):
		v.State = kernel.Swapped
	case len(v.Fill) > 0 && c.keyword("references"):
		v.Held = c.number("references", 1, 1<<32-2)
		return
	case len(v.Fill) > 0 && t != nil && (t.mark || t.text == "movable" || t.text == "cma" || t.text == "node"):
		v.Zone = c.b.zoneNumber(c.zone())
		return
	default:
		if t != nil && t.form == formWord {
			c.want("clean, swapped, hugepage, mergeable, merged, references or the end", nil)
		}
		return
	}
	if v.State != kernel.Swapped {
		v.Zone = c.b.zoneNumber(c.zone())
	}
	if len(v.Fill) == 0 {
		c.fail(t, insert("write a content", t.start, `"a" `), "only a page that was written can be %s: write its content before, as in \"a\" %s", t.text, t.text)
	}
}

// value reads the content of a page: a string.
func (c *cursor) value() string {
	t := c.peek()
	if t == nil || t.form != formString || t.fault != nil {
		var fix *Fix
		if t != nil && (t.form == formWord || t.form == formNumber) {
			fix = replace(t, `"`+t.text+`"`)
		}
		c.want("a content in quotes", fix)
		return ""
	}
	v := strings.Trim(t.text, `"`)
	if n := utf8.RuneCountInString(v); n == 0 || n > maxValue {
		c.fail(t, nil, "a content of %d characters; from 1 to %d are possible", n, maxValue)
		return v
	}
	if i := strings.IndexFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(v[i:])
		c.fail(t, nil, "a content cannot hold %s", quote(string(r)))
		return v
	}
	b := c.b
	if !slices.Contains(b.values, v) {
		if b.values = append(b.values, v); len(b.values) > maxValues {
			b.tooMany(t, t, "different contents", b.countValues(), maxValues)
		}
	}
	c.take(String)
	return v
}

// countValues is how many different contents the text has.
func (b *builder) countValues() int {
	seen := map[string]bool{}
	for _, t := range b.file.tokens {
		if t.form == formString && t != b.said["title"] {
			seen[t.text] = true
		}
	}
	return len(seen)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
