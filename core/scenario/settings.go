package scenario

import (
	"slices"
	"strings"
	"unicode/utf8"

	"gupscope/core/kernel"
)

// gup reads "GUP NAME", the first line.
func (b *builder) gup(i int, c *cursor) {
	if !b.once(c, "GUP") {
		return
	}
	if i > 0 {
		c.fail(c.toks[0], nil, "GUP and the scenario's name are the first line")
		return
	}
	b.file.Name = c.newName(Name, "the scenario")
	if t := c.peek(); t != nil && t.form == formString {
		c.fail(t, insert("move it there", t.start, "\n"), "the title stands on a line of its own")
	}
}

// title reads the string under the first line.
func (b *builder) title(i int, c *cursor) {
	t := c.peek()
	if t.open() {
		end := c.toks[len(c.toks)-1].end
		c.fail(&token{start: t.start, end: end, fault: &fault{t.fault.message, insert("close the string", end, `"`)}}, nil, "")
		return
	}
	if i == 0 && b.countItems("GUP") > 0 {
		c.fail(t, nil, "the title stands under the first line: GUP and the scenario's name")
		return
	}
	if first := b.said["title"]; first != nil {
		line, _ := b.file.lines.Position(first.start)
		c.fail(t, nil, "there is a title already, on line %d; more is said in comments (//)", line)
		return
	}
	b.said["title"] = t
	b.file.Title = strings.Trim(t.text, `"`)
	if n := utf8.RuneCountInString(b.file.Title); n > maxTitle {
		c.fail(t, nil, "the title has %d characters; at most %d are possible", n, maxTitle)
	}
	if t.fault != nil {
		c.fail(t, nil, "")
	}
	if c.ok() {
		c.take(String)
	}
	c.end()
}

// tables reads "tables from frames".
func (b *builder) tables(c *cursor) {
	if !b.once(c, "tables") {
		return
	}
	if c.choose("from frames", "from") != "" && c.choose("frames", "frames") != "" {
		b.file.setup.TablesFromFrames = true
	}
}

// swap reads "swap sync|async [stable_writes] [N]".
func (b *builder) swap(c *cursor) {
	if b.once(c, "swap") {
		b.file.setup.SwapAsync = c.choose("sync or async", "sync", "async") == "async"
		b.file.setup.SwapStable = c.keyword("stable_writes")
		if t := c.peek(); t != nil && t.form == formNumber {
			b.file.setup.Slots, b.slots = c.number("slots", 1, maxSlots), t
			b.file.setup.FewSlots = true
		}
	}
}

// blocks reads "blocks N".
func (b *builder) blocks(c *cursor) {
	if b.once(c, "blocks") {
		b.file.setup.Blocks, b.file.setup.FewBlocks = c.number("free blocks", 0, maxBlocks), true
	}
}

// writers reads "writers throttled".
func (b *builder) writers(c *cursor) {
	if b.once(c, "writers") {
		b.file.setup.Throttled = c.choose("throttled", "throttled") != ""
	}
}

// memory reads "memory sc|tso".
func (b *builder) memory(c *cursor) {
	if b.once(c, "memory") {
		b.file.setup.TSO = c.choose("sc or tso", "sc", "tso") == "tso"
	}
}

// arch reads "arch x86-64|x86-32-pae".
func (b *builder) arch(c *cursor) {
	if b.once(c, "arch") {
		t := c.peek()
		if b.file.setup.PAE = c.choose("x86-64 or x86-32-pae", "x86-64", "x86-32-pae") == "x86-32-pae"; b.file.setup.PAE {
			b.file.uses = append(b.file.uses, site{setting: "PAE", x86: true, at: t})
		}
	}
}

// levels reads "pgtable_levels 4|5 [freed]".
func (b *builder) levels(c *cursor) {
	if b.once(c, "pgtable_levels") {
		t := c.peek()
		if b.file.setup.FiveLevels = c.number("levels", 4, 5) == 5; b.file.setup.FiveLevels {
			b.file.uses = append(b.file.uses, site{setting: "page tables of five levels", since: la57, at: t})
		}
		b.file.setup.FreesUpper = c.keyword("freed")
	}
}

// la57 is the first release whose page tables may have five levels (absent in 4.13.y, present in 4.14.y: read in source; commit seen: 77ef56e4f0fb, "x86: Enable 5-level paging support via CONFIG_X86_5LEVEL=y").
const la57 = 414

// gather reads "mmu_gather N".
func (b *builder) gather(c *cursor) {
	if b.once(c, "mmu_gather") {
		b.file.setup.GatherPages = c.number("pages that an mmu_gather has room for", 1, maxPages)
	}
}

// enoughLevels reports page tables that the architecture does not have, and such as may go where others come and go by themselves.
func (b *builder) enoughLevels() {
	if s := &b.file.setup; s.FreesUpper && (s.PAE || s.Gigantic || slices.ContainsFunc(s.MMs, func(m kernel.MMSetup) bool {
		return slices.ContainsFunc(m.Regions, func(r kernel.RegionSetup) bool { return r.Gigabyte })
	})) {
		at := b.said["pgtable_levels"]
		b.report(Error, at.start, at.end, nil, "tables above the PTE tables are freed here on x86-64, where PUD entries map no huge pages and lead to no shared tables: leave out freed, or else arch, hugepagesz and gigabyte")
	}
	if s := &b.file.setup; s.FiveLevels && s.PAE {
		at := b.said["pgtable_levels"]
		b.report(Error, at.start, at.end, nil, "x86-32 with PAE has three levels of page tables: leave out this line, or arch x86-32-pae")
	}
}

// hugePages is how many pages a huge page has in a scenario that does not say.
const hugePages = 2

// pagesPerPMD reads "hpage_pmd_nr 512".
func (b *builder) pagesPerPMD(c *cursor) {
	if !b.once(c, "hpage_pmd_nr") {
		return
	}
	t := c.peek()
	n := c.number("pages in a huge page", hugePages, 512)
	if c.ok() && n&(n-1) != 0 {
		c.fail(t, nil, "a huge page has 2, 4, 8 … 512 pages, a power of two, and %d is none", n)
		return
	}
	b.file.setup.HugePages = max(n, hugePages)
}

// hugepages reads "nr_hugepages N".
func (b *builder) hugepages(c *cursor) {
	if b.once(c, "nr_hugepages") {
		b.file.setup.Hugetlb = c.number("huge pages", 1, maxPages)
	}
}

// hugepageSize reads "hugepagesz PMD_SIZE|PUD_SIZE".
func (b *builder) hugepageSize(c *cursor) {
	if b.once(c, "hugepagesz") {
		b.file.setup.Gigantic = c.choose("PMD_SIZE or PUD_SIZE", "PMD_SIZE", "PUD_SIZE") == "PUD_SIZE"
	}
}

// giganticAlone reports what is not there beside huge pages of a gigabyte.
func (b *builder) giganticAlone() {
	s := &b.file.setup
	if !s.Gigantic || b.partial {
		return
	}
	at := b.said["hugepagesz"]
	if s.PAE || s.FiveLevels || s.MovesPages() {
		b.report(Error, at.start, at.end, nil, "huge pages of a gigabyte are there on x86-64 with page tables of four levels, and do not move here: leave out this line, or else arch, pgtable_levels, nodes, zones and what moves pages")
	}
	for i, m := range s.MMs {
		for r := range m.Regions {
			v := &m.Regions[r]
			if at := b.vmas[vmaKey{i, r}]; at != nil && (v.Gigabyte || v.Room || !s.InHugetlb(v)) {
				b.report(Error, at.start, at.end, nil, "%s is not in huge pages of a gigabyte, beside which there is no other memory here: write hugetlb, or leave out hugepagesz", at.text)
			}
		}
	}
}

// enoughHugepages reports a pool that mmap could not have reserved from what is mapped.
func (b *builder) enoughHugepages() {
	s := &b.file.setup
	if n := s.HugetlbReserved(); s.Hugetlb > 0 && n > s.Hugetlb {
		at := b.said["nr_hugepages"]
		b.report(Error, at.start, at.end, nil, "%d huge %s in use at the start or reserved by mmap: the pool must have as many", n, plural(n, "page is", "pages are"))
	}
}

// A cpuLine is a preempt or speculate line: whether a task runs there is known later.
type cpuLine struct {
	at  *token
	cpu int
}

// preempt reads "preempt cpu0 N".
func (b *builder) preempt(c *cursor) {
	cpu := c.cpu()
	n := c.number("preemptions", 1, maxPreempts)
	if !c.ok() || !b.once(c, "preempt "+c.toks[1].text) {
		return
	}
	s := &b.file.setup
	s.Preempts = grown(s.Preempts, cpu)
	s.Preempts[cpu] = n
	b.perCPU = append(b.perCPU, cpuLine{c.toks[1], cpu})
}

// speculate reads "speculate cpu1".
func (b *builder) speculate(c *cursor) {
	cpu := c.cpu()
	if !c.ok() || !b.once(c, "speculate "+c.toks[1].text) {
		return
	}
	s := &b.file.setup
	s.Speculate = grown(s.Speculate, cpu)
	s.Speculate[cpu] = true
	b.perCPU = append(b.perCPU, cpuLine{c.toks[1], cpu})
}

// grown returns the list, long enough to have an entry i.
func grown[T any](list []T, i int) []T {
	for len(list) <= i {
		var zero T
		list = append(list, zero)
	}
	return list
}

// claim reads "claim NAME on|off".
func (b *builder) claim(c *cursor) {
	t := c.known(Claim, "claim", claimNames(), offerClaims)
	word := c.choose("on or off", "on", "off")
	if c.ok() && b.once(c, "claim "+t.text) {
		b.file.claims[t.text] = word == "on"
	}
}

// judge reads "judge NAME, NAME".
func (b *builder) judge(c *cursor) {
	if b.once(c, "judge") {
		b.file.setup.Judge = c.claims(nil)
	}
}

// claims reads names of claims; if unfit is not nil, it says why one may not stand here, or "". A
// number behind a comma is none of them: it counts states.
func (c *cursor) claims(unfit func(name string) string) []string {
	var names []string
	for {
		t := c.known(Claim, "claim", claimNames(), offerClaims)
		switch {
		case t == nil:
		case slices.Contains(names, t.text):
			c.fail(t, nil, "%s is listed twice", t.text)
		case unfit != nil && unfit(t.text) != "":
			c.fail(t, nil, "%s", unfit(t.text))
		default:
			names = append(names, t.text)
		}
		counted := c.i+1 < len(c.toks) && c.toks[c.i+1].form == formNumber
		if !c.ok() || counted || !c.punct(",") {
			return names
		}
	}
}
