package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// Setup returns what the scenario describes, on its own kernel. It is for
// reading: Setups of one File share their parts.
func (f *File) Setup() kernel.Setup {
	s, _ := f.ForKernel(f.Kernel)
	return s
}

// ForKernel returns what the scenario describes on another kernel. If that
// kernel lacks a call which the scenario makes, the scenario is n/a there, and
// the diagnostics say which, and what to write instead.
func (f *File) ForKernel(k kernel.Kernel) (kernel.Setup, []Diagnostic) {
	s := f.setup
	s.Judge = f.judged(k)
	for i := range f.Ends {
		if e := &f.Ends[i]; e.on(k) {
			s.Ends = append(s.Ends, e.Condition)
		}
	}
	b := &builder{file: f}
	b.notApplicable(k)
	return s, b.done()
}

// missing returns the calls and flags that a kernel does not have.
func (f *File) missing(k kernel.Kernel) []site {
	var out []site
	for _, s := range f.uses {
		if since, until := s.releases(); s.x86 && k.Version.Generic != nil || k.Version.Order < since || until != 0 && k.Version.Order >= until {
			out = append(out, s)
		}
	}
	return out
}

// releases are the first that has it, and the first that has it no more (0: none).
func (s *site) releases() (since, until int) {
	if s.setting != "" {
		return s.since, 0
	}
	if s.flag != nil {
		return s.flag.Since, s.flag.Until
	}
	return s.call.Since, s.call.Until
}

// lacks says that a version does not have it: "v4.6 has no pin_user_pages (since v5.6)".
func (s *site) lacks(v *kernel.Version) string {
	since, until := s.releases()
	if s.x86 {
		return fmt.Sprintf("%s is code of other architectures than x86, and %s is x86's", v.Name, s.setting)
	}
	if s.setting != "" {
		return fmt.Sprintf("%s has no %s (since %s)", v.Name, s.setting, release(since))
	}
	if v.Order < since {
		return fmt.Sprintf("%s has no %s (since %s)", v.Name, s.at.text, release(since))
	}
	return fmt.Sprintf("%s has no %s any more (since %s)", v.Name, s.at.text, release(until))
}

// release is an order as a version: 506 is v5.6.
func release(order int) string { return fmt.Sprintf("v%d.%d", order/100, order%100) }

// notApplicable reports every call and flag that the kernel does not have.
func (b *builder) notApplicable(k kernel.Kernel) {
	for _, s := range b.file.missing(k) {
		var fix *Fix
		text := s.lacks(k.Version)
		if s.call != nil && s.call.Use != "" {
			text += ": write " + s.call.Use
			if kernel.CallByName(s.call.Use) != nil {
				fix = replace(s.at, s.call.Use)
			}
		}
		b.report(Error, s.at.start, s.at.end, fix, "%s", text)
	}
}

// whole looks at what no single clause can know.
func (b *builder) whole() {
	f := b.file
	for _, t := range b.tasks {
		f.setup.Tasks = append(f.setup.Tasks, t.TaskSetup)
	}
	f.setup.CPUs = max(b.cpus, 1)
	if f.setup.Preempts != nil {
		f.setup.Preempts = grown(f.setup.Preempts, f.setup.CPUs-1)
	}
	if f.setup.Speculate != nil {
		f.setup.Speculate = grown(f.setup.Speculate, f.setup.CPUs-1)
	}
	b.absent()
	for _, p := range b.perCPU {
		if b.onCPU[p.cpu] == nil && len(b.onCPU) > 0 {
			b.report(Error, p.at.start, p.at.end, nil, "no task runs on %s", p.at.text)
		}
	}
	b.countZones()
	b.enoughFrames()
	b.enoughPages()
	b.enoughSlots()
	b.enoughHugepages()
	b.giganticAlone()
	b.enoughLevels()
	b.gigabytesStay()
	b.unforked()
	b.aloneWithFileTHP()
	b.onPFNMaps()
	b.besideDAX()
	if b.said["kernel"] != nil {
		b.notApplicable(f.Kernel)
	}
	b.aboutNothing()
}

// gigabytesStay reports what would move pages of mappings over whole gigabytes.
func (b *builder) gigabytesStay() {
	s := &b.file.setup
	for i, m := range s.MMs {
		for r, v := range m.Regions {
			at := b.vmas[vmaKey{i, r}]
			if !v.Gigabyte || at == nil {
				continue
			}
			if s.MovesPages() {
				b.report(Error, at.start, at.end, nil, "%s covers a whole gigabyte, and its pages do not move here: leave out gigabyte, or else nodes, zones and what moves pages", v.Name)
			}
		}
	}
}

// unforked reports mms that nobody makes.
func (b *builder) unforked() {
	for i, m := range b.file.setup.MMs {
		if m.Parent == "" || b.forks[i] != nil || b.partial {
			continue
		}
		for _, n := range b.file.items {
			if n.begins("mm") && len(n.toks) > 1 && n.toks[1].text == m.Name {
				b.report(Error, n.toks[1].start, n.toks[1].end, nil, "nobody forks mm %s: a thread of mm %s has to call fork(%s)", m.Name, m.Parent, m.Name)
			}
		}
	}
}

// aloneWithFileTHP reports what is not there where pages of files are collapsed.
func (b *builder) aloneWithFileTHP() {
	s := &b.file.setup
	if b.partial || !s.FileTHP() {
		return
	}
	for _, c := range b.calls {
		switch {
		case !s.BesideFileTHP(&c.stmt):
			b.report(Error, c.at.start, c.at.end, nil, "%s is not played where files may have huge pages, as it does not know large folios of files here: loads, stores, GUP, munmap, mremap, MADV_DONTNEED, MADV_PAGEOUT, mprotect, fork, exit, pread, pwrite, ftruncate, fallocate, posix_fadvise, reclaim, move_pages, compact_zone, split_huge_page, uprobes and memory failures do", c.at.text)
		case s.SinceFileTHP(&c.stmt) > 0 && s.PAE:
			b.report(Error, c.at.start, c.at.end, nil, "khugepaged collapses pages of files on x86-64 alone: leave out arch x86-32-pae")
		}
	}
	if one, other, ok := s.FileCollapsers(); ok {
		for _, c := range b.calls {
			if s.SinceFileTHP(&c.stmt) > 0 {
				b.report(Error, c.at.start, c.at.end, nil, "%s and %s may collapse pages of files at the same time, which one task can here: let one do it, or begin after the other", s.Tasks[one].Name, s.Tasks[other].Name)
				break
			}
		}
	}
	for _, u := range b.file.uses {
		if u.since == kernel.FileTHPSince && u.call == nil && (u.at.text == "thp" || u.at.text == "pmd") && s.PAE {
			b.report(Error, u.at.start, u.at.end, nil, "files have huge pages on x86-64 alone: leave out arch x86-32-pae")
		}
	}
	for i, m := range s.MMs {
		for r := range m.Regions {
			if at := b.vmas[vmaKey{i, r}]; at != nil && s.HugeBesideFileTHP(&m.Regions[r]) {
				b.report(Error, at.start, at.end, nil, "%s is not there beside khugepaged on pages of a file: use small pages", at.text)
			}
		}
	}
}

// onPFNMaps reports what is not played on memory without struct pages.
func (b *builder) onPFNMaps() {
	if b.partial {
		return
	}
	for _, c := range b.calls {
		if !b.file.setup.OnPFNMap(&c.stmt) {
			b.report(Error, c.at.start, c.at.end, nil, "%s is not played on memory without struct pages: loads, stores, GUP, munmap, mprotect, madvise, mlock and fork are", c.at.text)
		}
	}
}

// besideDAX reports what is not played where there is a file on DAX.
func (b *builder) besideDAX() {
	s := &b.file.setup
	if b.partial {
		return
	}
	for _, c := range b.calls {
		if !s.BesideDAX(&c.stmt) {
			b.report(Error, c.at.start, c.at.end, nil, "%s is not played where there is a file on DAX, as it does not know such pages here: loads, stores, GUP, munmap and mprotect do", c.at.text)
		}
	}
	for _, n := range b.file.items {
		if at := n.first(); n.begins("file") && len(n.toks) > 3 && n.toks[3].text == "dax" && (s.PAE || s.Zones != nil) {
			b.report(Error, at.start, at.end, nil, "files on DAX are not there with PAE, nor beside nodes and zones: leave these out")
		}
	}
}

// absent reports the lines that every scenario has.
func (b *builder) absent() {
	items := b.file.items
	if len(items) == 0 {
		return
	}
	from := items[0].first()
	if b.countItems("GUP") == 0 {
		b.report(Error, from.start, from.end, insert("begin with GUP untitled", 0, "GUP untitled\n"), "the first line is missing: GUP and the scenario's name")
		return // what else is missing, if this is a scenario at all, is for then
	}
	end := len(strings.TrimRightFunc(b.file.text, isSpace))
	if b.countItems("task") == 0 && !b.partial {
		b.report(Error, end, end, nil, "no task: write one, as in \"P0 on cpu0 in A { … }\"")
	}
	if b.countItems("kernel") == 0 {
		line := "kernel " + b.file.Kernel.String()
		fix := insert("write "+line, end, "\n"+line)
		if n := slices.IndexFunc(items, func(n *clause) bool { return n.open != nil || n.begins("expect") }); n >= 0 {
			fix = insert("write "+line, items[n].first().start, line+"\n")
		}
		b.report(Error, from.start, from.end, fix, "no kernel: write a line such as %s", line)
	}
}

// enoughPages reports address spaces that are too large together.
func (b *builder) enoughPages() {
	n := 0
	for _, m := range b.file.setup.MMs {
		for _, v := range m.Regions {
			n += v.Pages
		}
	}
	if at := b.said["hpage_pmd_nr"]; at != nil && n > maxAllPages {
		b.report(Error, at.start, at.end, nil, "the address spaces have %d pages together; at most %d are possible: fewer mappings, or fewer pages in a huge page", n, maxAllPages)
	}
}

// enoughFrames reports a machine that is too large. In use at the start are the
// filled pages that are not swapped out and, if tables come from frames, the
// tables above them: one PGD for an mm, PUD and PMD if anything is mapped, and
// a page of PTEs for every VMA.
func (b *builder) enoughFrames() {
	s := &b.file.setup
	pages, tables := 0, 0
	for _, f := range s.Files {
		switch {
		case f.State == kernel.FileHuge:
			pages += kernel.RoundUp(len(f.Fill), s.HugePages)
		case f.State != kernel.FileDropped && f.Kind != kernel.Hugetlbfs:
			pages += len(f.Fill)
		}
	}
	for _, m := range s.MMs {
		tables++
		mapped := 0
		for _, v := range m.Regions {
			if len(v.Fill) > 0 && v.Kind != kernel.Hugetlb {
				mapped++
			}
			switch {
			case v.LargeAtStart(s.HugePages) > 0:
				pages += v.LargeAtStart(s.HugePages)
			case v.State != kernel.Swapped && v.Kind != kernel.Hugetlb && v.Kind != kernel.PFN:
				pages += len(v.Fill)
			}
		}
		if mapped > 0 {
			tables += 2 + mapped
		}
	}
	said := fmt.Sprintf("%d frames are in use at the start and %d are free", pages, s.Frames)
	if s.TablesFromFrames {
		said = fmt.Sprintf("%d frames and %d page tables are in use at the start and %d frames are free", pages, tables, s.Frames)
		pages += tables
	}
	if pages+s.Frames <= b.maxFrames() {
		return
	}
	at := cmp.Or(b.said["frames"], b.said["tables"], b.file.items[0].first())
	for _, n := range b.file.items {
		if at == b.file.items[0].first() && n.begins("mm") {
			at = n.first()
		}
	}
	b.report(Error, at.start, at.end, nil, "%s; at most %d frames are possible in all", said, b.maxFrames())
}

// enoughSlots reports a swap device that is too small for what is in swap at the start.
func (b *builder) enoughSlots() {
	if n := b.file.setup.SlotsAtStart(); b.slots != nil && n > b.file.setup.Slots && !b.partial {
		b.report(Error, b.slots.start, b.slots.end, replace(b.slots, fmt.Sprint(n)), "%d %s in swap at the start: as many slots are the least", n, plural(n, "page is", "pages are"))
	}
}
