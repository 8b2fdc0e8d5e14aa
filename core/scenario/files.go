package scenario

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// fileKinds are the sorts of files, in the order of package kernel's.
var fileKinds = []string{"ext4", "shmem", "ramfs", "secretmem", "hugetlb", "dax"}

// fileStates are the words behind a file's contents, in the order of kernel.FileState.
var fileStates = []string{"cached", "nobuffers", "dirty", "dropped", "thp"}

// fileLine reads "file NAME = KIND N { STRING } [ STATE ] [ "pmd" ] [ "foreign" ]".
func (b *builder) fileLine(c *cursor) {
	f := kernel.FileSetup{Name: c.newName(FileName, "a file")}
	s := &b.file.setup
	switch {
	case !c.ok():
	case b.fileNamed(f.Name) >= 0:
		c.fail(c.toks[1], nil, "there is a file %s already", f.Name)
		return
	case len(s.Files) == maxFiles:
		b.tooMany(c.toks[0], c.toks[1], "files", b.countItems("file"), maxFiles)
		b.partial, c.dead = true, true
		return
	}
	if c.ok() && c.sign("=") {
		at := c.peek()
		kind := c.choose("a sort of file ("+strings.Join(fileKinds, ", ")+")", fileKinds...)
		f.Kind = kernel.FileKind(max(slices.Index(fileKinds, kind), 0))
		if c.ok() && f.Kind == kernel.Secretmem {
			b.file.uses = append(b.file.uses, site{setting: "memfd_secret", since: memfdSecret, at: at})
		}
		f.Pages = c.number("pages", 1, b.maxPages())
		b.fileFill(&f, c)
	}
	c.end()
	if f.Name == "" {
		b.partial = true
		return
	}
	f.Pages = max(f.Pages, 1)
	if !c.ok() {
		f.Pages = maxPages
	}
	s.Files = append(s.Files, f)
}

// memfdSecret is the first release with files of secret memory (absent in 5.12.y, present in 5.14-rc5: read in source; commit seen: 1507f51255c9, "mm: introduce memfd_secret system call to
// create "secret" memory areas").
const memfdSecret = 514

// fileFill reads the contents of a file's first pages and how they stand.
func (b *builder) fileFill(f *kernel.FileSetup, c *cursor) {
	f.Fill = c.contents(f.Name, f.Pages)
	t := c.peek()
	for i, w := range fileStates {
		if i > 0 && c.keyword(w) {
			f.State = kernel.FileState(i)
		}
	}
	b.fileByPMD(f, c)
	f.Foreign = c.keyword("foreign")
	switch {
	case f.Kind == kernel.DAX && c.ok() && len(f.Fill) < f.Pages:
		c.fail(c.toks[1], nil, "a file on DAX has no holes here: write a content for each of its %d pages", f.Pages)
	case t == nil || !c.ok():
	case f.Kind == kernel.DAX && (f.State != kernel.FileCached || f.Foreign):
		c.fail(t, nil, "what a file on DAX holds is on its device, and nowhere else: leave out %s", t.text)
	case f.State == kernel.FileCached:
		if t.form == formWord && !f.PMD && !f.Foreign {
			c.want("nobuffers, dirty, dropped, thp, foreign or the end", nil)
		}
	case len(f.Fill) == 0:
		c.fail(t, insert("write a content", t.start, `"a" `), "only a page that holds something can be %s: write its content before, as in \"a\" %s", t.text, t.text)
	case f.State == kernel.FileHuge && f.Kind != kernel.Shmem:
		c.fail(t, nil, "only a file of shmem has huge pages here; those of hugetlb are huge anyhow")
	case f.State == kernel.FileHuge && kernel.RoundUp(len(f.Fill), b.file.setup.HugePages) > f.Pages:
		c.fail(t, nil, "a huge page has %d pages, and %s has %d: write a multiple of that as its size", b.file.setup.HugePages, f.Name, f.Pages)
	case f.State == kernel.FileHuge:
		b.file.uses = append(b.file.uses, site{setting: "huge pages in files", since: kernel.FileTHPSince, at: t})
	case f.Kind != kernel.Ext4 && f.State != kernel.FileDropped:
		c.fail(t, nil, "only a file of ext4 can be %s: the pages of %s have no blocks and no buffers", t.text, fileKinds[f.Kind])
	case f.Kind != kernel.Ext4 && f.Kind != kernel.Shmem:
		c.fail(t, nil, "a page of %s is in memory alone and cannot be dropped", fileKinds[f.Kind])
	}
}

// fileByPMD reads whether faults map huge pages of a file of shmem by PMD entries.
func (b *builder) fileByPMD(f *kernel.FileSetup, c *cursor) {
	t := c.peek()
	if f.Kind != kernel.Shmem || !c.keyword("pmd") {
		return
	}
	f.PMD = true
	b.file.uses = append(b.file.uses, site{setting: "huge pages in files", since: kernel.FileTHPSince, at: t})
}

// contents reads the contents of the first of some pages.
func (c *cursor) contents(name string, pages int) []string {
	var out []string
	for c.peek() != nil && (c.peek().form == formString || c.peek().open()) {
		t := c.peek()
		out = append(out, c.value())
		if len(out) > pages {
			c.fail(t, nil, "%s has %d %s, and this is the content of number %d", name, pages, plural(pages, "page", "pages"), len(out))
		}
	}
	return out
}

func (b *builder) fileNamed(name string) int {
	return slices.IndexFunc(b.file.setup.Files, func(f kernel.FileSetup) bool { return f.Name == name })
}

func (b *builder) offerFiles() []Completion {
	var out []Completion
	for _, f := range b.file.setup.Files {
		out = append(out, Completion{Label: f.Name, Kind: FileName, Doc: fileDoc(&f)})
	}
	return out
}

// fileArg reads a file ("f") or, where a call wants one, a page of it ("f", "f[2]").
// A page may lie behind the file's end.
func (b *builder) fileArg(p *kernel.Param, c *cursor) kernel.Arg {
	what := "a file"
	if p.Kind == kernel.FilePageParam {
		what = "a page of a file (f or f[2])"
	}
	w := c.word(FileName, what, b.offerFiles)
	if w == nil {
		return kernel.Arg{}
	}
	arg := kernel.Arg{File: b.fileNamed(w.text)}
	if arg.File < 0 {
		arg.File = 0
		w.kind = Plain
		if !b.partial {
			var names []string
			for _, f := range b.file.setup.Files {
				names = append(names, f.Name)
			}
			if len(names) == 0 {
				c.fail(w, nil, "there is no file: write a line such as file %s = ext4 1 \"a\"", w.text)
			}
			c.unknown(w, "file", names)
		}
	}
	open := c.peek()
	if !c.punct("[") {
		return arg
	}
	if p.Kind == kernel.FileParam {
		c.fail(open, nil, "a whole file is wanted here: write %s", w.text)
		return kernel.Arg{}
	}
	arg.Page = c.number("pages before it", 0, b.maxPages()-1)
	c.sign("]")
	return arg
}

// fileRegion reads the mapping of a file: "f shared rw", "f[1] 2 private ro", "f shared rw gigabyte". Without a
// number it maps the file from there to its end.
func (b *builder) fileRegion(v *kernel.RegionSetup, c *cursor) {
	if len(b.file.setup.Files) == 0 && !b.partial {
		c.want("a sort of memory (anon, thp, hugetlb, pfnmap, mixedmap, room, or the name of a file)", nil)
		return
	}
	w := c.word(FileName, "a sort of memory (anon, thp, hugetlb, pfnmap, mixedmap, room, or the name of a file)", b.offerFiles)
	if w == nil {
		return
	}
	if v.File = b.fileNamed(w.text); v.File < 0 {
		v.File = 0
		w.kind = Plain
		if !b.partial {
			names := []string{"anon", "thp", "hugetlb", "pfnmap", "mixedmap", "room"}
			for _, f := range b.file.setup.Files {
				names = append(names, f.Name)
			}
			c.unknown(w, "sort of memory or file", names)
		}
		c.dead = true
		return
	}
	if c.punct("[") {
		v.First = c.number("pages before it", 0, b.maxPages()-1)
		c.sign("]")
	}
	v.Pages = max(b.file.setup.Files[v.File].Pages-v.First, 1)
	if t := c.peek(); t != nil && t.form == formNumber {
		v.Pages = c.number("pages", 1, b.maxPages())
	}
	v.Kind = kernel.FileShared
	if c.choose("shared or private", "shared", "private") == "private" {
		v.Kind = kernel.FilePrivate
	}
	v.Writable = c.choose("rw or ro", "rw", "ro") == "rw"
	if t := c.peek(); c.keyword("gigabyte") {
		v.Gigabyte = true
		b.gigabyte(v, t, c)
	}
}

// gigabyte looks whether a mapping can cover a whole gigabyte.
func (b *builder) gigabyte(v *kernel.RegionSetup, t *token, c *cursor) {
	switch {
	case !b.onHugetlbfs(v):
		c.fail(t, nil, "only a file of hugetlb is mapped by whole gigabytes: its PMD table has huge pages alone")
	case v.Kind != kernel.FileShared:
		c.fail(t, nil, "only a shared mapping shares its PMD table: write shared")
	case v.Pages > gigabytePages:
		c.fail(t, nil, "a gigabyte has at most %d huge pages here, and these are %d", gigabytePages, v.Pages)
	}
}

// gigabytePages is how many huge pages a gigabyte has at most.
const gigabytePages = hugePages

// fileDoc describes a file.
func fileDoc(f *kernel.FileSetup) string {
	text := fmt.Sprintf("A file of %s, %d %s", fileKinds[f.Kind], f.Pages, plural(f.Pages, "page", "pages"))
	if f.Kind == kernel.Hugetlbfs {
		text = fmt.Sprintf("A file of hugetlbfs, %d huge %s", f.Pages, plural(f.Pages, "page", "pages"))
	}
	if len(f.Fill) == 0 {
		return text + ", all holes."
	}
	var fill []string
	for _, s := range f.Fill {
		fill = append(fill, `"`+s+`"`)
	}
	text += ", filled with " + listed(fill)
	if f.Kind == kernel.Shmem {
		if f.State == kernel.FileDropped {
			return text + ": in swap."
		}
		if f.State == kernel.FileHuge {
			if f.PMD {
				return text + ": in the page cache, dirty, in huge pages, which faults map by PMD entries."
			}
			return text + ": in the page cache, dirty, in huge pages."
		}
		return text + ": in the page cache, dirty."
	}
	switch f.Kind {
	case kernel.Hugetlbfs:
		return text + ": in the page cache."
	case kernel.DAX:
		return text + ": on its device, and in no page cache."
	}
	return text + [...]string{
		kernel.FileCached:  ": in the page cache, clean, with buffers.",
		kernel.FileRead:    ": in the page cache, clean, without buffers.",
		kernel.FileDirty:   ": in the page cache, dirty, not on disk yet.",
		kernel.FileDropped: ": on disk alone.",
	}[f.State]
}
