package view

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// folios are the cards of the data frames that are in use, or that somebody
// still believes in.
func (n *now) folios() {
	m := n.m
	for i := 1; m.IsData(machine.Frame(i)) || m.IsPFN(machine.Frame(i)); i++ {
		f := machine.Frame(i)
		words := []machine.Word{m.Ref(f), m.Mapcount(f), m.Flags(f), m.Mapping(f), m.FolioSwap(f), m.Contents(f), m.State(f)}
		id := fmt.Sprint("frame-", i)
		if !n.inUse(f) && !n.targets[id] && n.ever(words...) == 0 || m.Peek(m.State(f)) == machine.FrameTable {
			continue
		}
		x := Folio{ID: id, Title: fmt.Sprintf("folio %d", i), Refcount: int(int64(m.Peek(m.Ref(f)))), Mapcount: int(int64(m.Peek(m.Mapcount(f)))),
			Holders: n.holders(f), ChangedAt: n.ever(words...), Kind: n.kind(f)}
		if m.IsPFN(f) {
			x.Title = m.FrameName(f)
		}
		x.Dump = n.dump(f)
		pincount := -1
		if head := m.PeekHead(f); m.PeekLarge(head) {
			all, entire, _ := n.mapcounts(head)
			if x.Mapcount += int(entire); f == head {
				x.Mapcount, x.Pincount, pincount = int(all), int(int64(m.Peek(m.Pincount(head)))), int(m.Pincount(head).Cell())
				if n.did(m.Pincount(head)) {
					x.Changed = append(x.Changed, "pincount")
				}
			}
			if n.did(m.EntireMapcount(head)) {
				x.Changed = append(x.Changed, "mapcount")
			}
		}
		if len(m.Files) > 0 && (m.Peek(m.Buffers(f)) != 0 || n.did(m.Buffers(f))) {
			x.Buffers = n.field(m.Buffers(f))
		}
		x.CellOf = FolioCells{int(m.Ref(f).Cell()), int(m.Mapcount(f).Cell()), pincount, int(m.Flags(f).Cell()), int(m.Mapping(f).Cell()), int(m.Contents(f).Cell())}
		sum := 0
		var terms []string
		for _, h := range x.Holders {
			sum += h.Count
			terms = append(terms, fmt.Sprint(h.Count))
		}
		x.AddsUp = sum == x.Refcount
		if len(terms) > 0 || x.Refcount != 0 {
			sign := "="
			if !x.AddsUp {
				sign = "≠"
			}
			x.Sum = sign + " " + strings.Join(terms, " + ")
			if len(terms) == 0 {
				x.Sum = sign + " 0: nobody holds it"
			}
		}
		n.flags(f, &x)
		if mm := machine.MappingMM(m.Peek(m.Mapping(f))); mm >= 0 {
			x.Mapping = "anon_vma of " + m.MMs[mm].Name
		} else if file := machine.MappingFile(m.Peek(m.Mapping(f))); file >= 0 {
			x.Mapping = "file " + m.Files[file].Name
		} else if node := machine.MappingKSM(m.Peek(m.Mapping(f))); node >= 0 {
			x.Mapping = fmt.Sprintf("stable node %d", node)
		}
		if m.Peek(m.State(f)) != machine.FrameFree {
			x.Content = m.Content(m.Peek(m.Contents(f)))
		}
		for _, field := range []struct {
			name string
			w    machine.Word
		}{{"refcount", m.Ref(f)}, {"mapcount", m.Mapcount(f)}, {"mapping", m.Mapping(f)}, {"content", m.Contents(f)}, {"state", m.State(f)}} {
			if n.did(field.w) {
				x.Changed = append(x.Changed, field.name)
			}
		}
		if m.Peek(m.State(f)) == machine.FrameLeaked {
			x.Bad = "freed although its count was not zero; never handed out again"
		}
		if m.Peek(m.State(f)) == machine.FramePoisoned {
			x.Bad = "its memory has failed; never handed out again"
		}
		n.out.Folios = append(n.out.Folios, x)
	}
	n.out.Folios = n.foldFolios(n.out.Folios)
}

// inUse reports whether the frame is worth a card though nothing names it and it has not changed: the
// huge zero folio, which is there from the start, is not, and a hole in the frames is no frame.
func (n *now) inUse(f machine.Frame) bool {
	switch n.m.Peek(n.m.State(f)) {
	case machine.FrameFree, machine.FrameHole:
		return false
	}
	return !n.m.IsHugeZero(f)
}

// kind says in a word or two what a folio is.
func (n *now) kind(f machine.Frame) string {
	m := n.m
	if m.Peek(m.State(f)) == machine.FrameFree {
		return "free"
	}
	if m.IsPFN(f) {
		return "a device's memory: no struct page"
	}
	if head := m.Head(f); head != f {
		return fmt.Sprintf("page %d of folio %d", f-head, head)
	}
	var parts []string
	if m.IsHugeZero(f) {
		parts = append(parts, "the huge zero folio")
	}
	if mm := machine.MappingMM(m.Peek(m.Mapping(f))); mm >= 0 {
		parts = append(parts, "anon of "+m.MMs[mm].Name)
	} else if file := machine.MappingFile(m.Peek(m.Mapping(f))); file >= 0 {
		parts = append(parts, "of file "+m.Files[file].Name)
	} else if machine.MappingKSM(m.Peek(m.Mapping(f))) >= 0 {
		parts = append(parts, "of KSM")
	}
	if s := m.Peek(m.FolioSwap(f)); s != 0 {
		parts = append(parts, fmt.Sprintf("in the swap cache at slot %d", s-1))
	}
	if t := m.Peek(m.FolioLock(f)); t != 0 {
		parts = append(parts, "locked by "+n.m.Config.Tasks[t-1].Name)
	}
	if len(parts) == 0 {
		return "new"
	}
	return strings.Join(parts, ", ")
}

func (n *now) flags(f machine.Frame, x *Folio) {
	is := n.m.Peek(n.m.Flags(f))
	was := is
	if n.did(n.m.Flags(f)) {
		for _, c := range n.step.Changes {
			if c.Cell == n.m.Flags(f).Cell() {
				was = c.OldV
			}
		}
		x.Changed = append(x.Changed, "flags")
	}
	for bit := uint64(1); bit <= is|was && bit != 0; bit <<= 1 {
		if (is|was)&bit == 0 {
			continue
		}
		name := machine.FlagNames(bit)
		x.Flags = append(x.Flags, Flag{Name: name[0], Gone: is&bit == 0, Changed: is&bit != was&bit})
	}
}

// holders are all who hold references on a folio: the ledger, name by name.
func (n *now) holders(f machine.Frame) []Holder {
	m := n.m
	if m.IsPFN(f) { // nobody counts who maps it
		return nil
	}
	by := n.byEntries()[f]
	out, astray := slices.Clone(by.holders), by.astray
	if m.IsHugeZero(f) && f == m.HugeZero() {
		out = append(out, Holder{Count: 1, Text: "huge_zero_folio"})
	}
	for s := range m.Slots {
		if h := machine.Hold(m.Peek(m.SwapCache(s))); h.Some() && m.PeekHead(h.Frame()) == f {
			out = append(out, Holder{Count: h.Count(), Text: "swap cache", Who: whoDisk})
		}
	}
	for o, page := range m.FilePages() {
		if h := machine.Hold(m.Peek(m.CacheSlot(machine.Pgoff(o)))); h.Some() && m.PeekHead(h.Frame()) == f {
			text := "page cache of " + page.Name
			if m.Files[page.File].Kind == machine.DAX {
				text = "the device, for " + page.Name
			}
			out = append(out, Holder{Count: h.Count(), Text: text, Who: whoDisk})
		}
		if !m.FileTHP {
			continue
		}
		if h := machine.Hold(m.Peek(m.Collapsing(machine.Pgoff(o)))); h.Count() > 0 && h.Frame() == f {
			out = append(out, Holder{Count: h.Count(), Text: "khugepaged, collapsing " + page.Name})
		}
	}
	if len(m.Files) > 0 && m.Peek(m.Buffers(f)) != 0 {
		out = append(out, Holder{Count: 1, Text: "buffers", Who: whoDisk})
	}
	if m.Poison && m.Peek(m.Kept(f)) != 0 {
		out = append(out, Holder{Count: 1, Text: "memory_failure, for good"})
	}
	if n := n.r.Model.Sim.Elsewhere(f); n > 0 {
		out = append(out, Holder{Count: n, Text: "somebody else, for good"})
	}
	for cpu := range m.CPUs {
		for _, k := range m.LRUKinds() {
			n := 0
			for i := range int(m.Peek(m.LRUCount(cpu, k))) {
				if machine.Hold(m.Peek(m.LRUBatch(cpu, k, i))).Frame() == f {
					n++
				}
			}
			if n > 0 {
				out = append(out, Holder{Count: n, Text: fmt.Sprintf("%v batch of cpu%d", k, cpu), Who: Who(cpu + 1)})
			}
		}
	}
	hold := func(task, level int, w machine.Word, text string) { // level: of the call that holds it; below zero if none does
		h := machine.Hold(m.Peek(w))
		if !h.Some() || h.Count() == 0 {
			return
		}
		of := m.PeekHead(h.Frame())
		if split, ok := n.r.Model.Sim.Splitting(task); ok && 0 <= level && level < split.Level && h.Frame() == split.Kept {
			of = split.Head // until the tails are put
		}
		if of != f {
			return
		}
		out = append(out, Holder{Count: h.Count(), Text: text, Who: n.c.task(n.r.Model.Sim, task), Pin: h.Count() > 1, Bad: h.IsStale()})
	}
	for t, task := range n.r.Model.Setup.Tasks {
		for i := range m.GUPPages {
			hold(t, -1, m.GUPPage(t, i), "GUP of "+task.Name)
		}
		for i := range int(m.Peek(m.Gathers(t))) {
			hold(t, -1, m.Gathered(t, i), task.Name+", unmapping")
		}
		for i := range int(m.Peek(m.GatheredTables(t))) {
			hold(t, -1, m.GatheredTable(t, i), task.Name+", unmapping")
		}
		for i, v := range task.Vars {
			if machine.DecodeResult(m.Peek(m.Var(t, i))).Kind == machine.IsPage {
				hold(t, -1, m.Var(t, i), task.Name+"'s "+v)
			}
		}
		for level, l := range n.r.Model.Stack(t) {
			from := len(out)
			for i, local := range l.Func.Locals {
				if local.Kind == kernel.HoldLocal {
					hold(t, level, m.Local(t, level, i), task.Name+" in "+l.Func.Title+", "+strings.ReplaceAll(local.Name, "_", " "))
				}
			}
			if len(out) == from+1 { // else they are told apart
				out[from].Text = task.Name + " in " + l.Func.Title
			}
			if e, ok := n.r.Model.Sim.OtherHalf(t, level); ok && e.Frame() == f {
				out = append(out, Holder{Count: 1, Text: "the PTE that " + task.Name + " has written half of", Who: n.c.task(n.r.Model.Sim, t)})
			}
		}
		if split, ok := n.r.Model.Sim.Splitting(t); ok && split.Frozen && split.Head == f {
			out = append(out, Holder{Count: -1, Text: "frozen while " + task.Name + " splits it", Who: n.c.task(n.r.Model.Sim, t)})
		}
	}
	rest := int(int64(m.Peek(m.Ledger(f))))
	for _, h := range out {
		rest -= h.Count
	}
	if lost := min(rest, astray); lost > 0 { // what a table held before it was freed has been given back
		out = append(out, Holder{Count: lost, Text: "a PTE in a page table that is free", Bad: true})
	}
	return out
}

// An entered folio is one that entries of page tables lead to.
type entered struct {
	holders []Holder
	astray  int // PTEs that were written into a page table which is free
}

// byEntries are the folios that PTEs map, and PMD entries. All entries are gone through once.
func (n *now) byEntries() map[machine.Frame]entered {
	if n.entered != nil {
		return n.entered
	}
	m := n.m
	n.entered = map[machine.Frame]entered{}
	for i := range m.TableCount() {
		t := m.TableFrame(i)
		for e := range m.Width() {
			pte := machine.Entry(m.Peek(m.Entry(t, e)))
			if !pte.Present() || m.IsDevmap(pte.Frame()) { // of a file on DAX nobody counts
				continue
			}
			f := m.PeekHead(pte.Frame())
			x := n.entered[f]
			if m.Peek(m.State(t)) != machine.FrameTable {
				x.astray++
				n.entered[f] = x
				continue
			}
			text, who := "a PTE", Who(0)
			if m.IsSharedPMDTable(t) {
				text = "the " + m.TableName(t)
			}
			if p, ok := m.Leaf(t, e); ok {
				page := m.Pages()[p]
				text, who = "mapped at "+page.Name, n.c.mm[page.MM]
			}
			x.holders = append(x.holders, Holder{Count: 1, Text: text, Who: who})
			n.entered[f] = x
		}
	}
	for p, page := range m.Pages() {
		id := machine.PageID(p)
		pmd := machine.Entry(m.Peek(m.PMD(id)))
		if f := pmd.Frame(); !m.Gigabyte(id) && id == m.HugeStart(id) && pmd.Has(machine.PSE) && m.PeekLarge(f) && !m.IsHugeZero(f) {
			x := n.entered[f]
			x.holders = append(x.holders, Holder{Count: 1, Text: "mapped at " + page.Name + " by its " + n.hugeLevel(), Who: n.c.mm[page.MM]})
			n.entered[f] = x
		}
	}
	return n.entered
}

// slots are the swap slots that are in use, or were in this run.
func (n *now) slots() {
	m := n.m
	for s := range m.Slots {
		words := []machine.Word{m.SwapMap(s), m.Disk(s), m.SwapCache(s), m.IO(s)}
		if m.Peek(m.SwapMap(s)) == 0 && n.ever(words...) == 0 {
			continue
		}
		x := Slot{ID: fmt.Sprint("slot-", s), Title: fmt.Sprintf("swap slot %d", s), Count: int(m.Peek(m.SwapMap(s)) &^ machine.SwapHasCache),
			Content: m.Content(m.Peek(m.Disk(s))), Cache: "not in the swap cache"}
		var users []string
		for i := range m.TableCount() {
			t := m.TableFrame(i)
			for e := range m.Width() {
				if pte := machine.Entry(m.Peek(m.Entry(t, e))); pte.IsSwap() && pte.Slot() == s {
					if p, ok := m.Leaf(t, e); ok {
						users = append(users, m.Pages()[p].Name)
					}
				}
			}
		}
		x.CellOf = SlotCells{int(words[0].Cell()), int(words[1].Cell()), int(words[2].Cell())}
		x.Kind = "free"
		if len(users) > 0 {
			x.Kind = "entry of " + strings.Join(users, ", ")
		} else if m.Peek(m.SwapMap(s)) != 0 {
			x.Kind = "in use"
		}
		if h := machine.Hold(m.Peek(m.SwapCache(s))); h.Some() {
			x.Cache = fmt.Sprintf("the swap cache has folio %d", h.Frame())
			if in := m.Peek(m.Contents(h.Frame())); in != m.Peek(m.Disk(s)) {
				x.Memory = m.Content(in)
			}
		} else if m.Peek(m.SwapMap(s))&machine.SwapHasCache != 0 {
			x.Cache = "marked as cached, no folio yet"
		}
		switch m.Peek(m.IO(s)) {
		case machine.IOSubmitted:
			x.Cache += ", the write is submitted"
		case machine.IOWritten:
			x.Cache += ", written, not reported yet"
		}
		for _, field := range []struct {
			name string
			ws   []machine.Word
		}{{"count", words[:1]}, {"content", words[1:2]}, {"cache", words[2:]}} {
			if n.did(field.ws...) {
				x.Changed = append(x.Changed, field.name)
			}
		}
		n.out.Slots = append(n.out.Slots, x)
	}
}

// tlbs are the TLBs of the CPUs that run a process.
func (n *now) tlbs() {
	m := n.m
	for cpu := range m.CPUs {
		lane := n.c.cpu[cpu]
		if lane < 0 {
			continue
		}
		x := TLB{Lane: n.c.lanes[lane].Name, Who: n.c.lanes[lane].Who}
		var notes []string
		for p, page := range m.Pages() {
			w := m.TLB(cpu, machine.PageID(p))
			e := machine.Entry(m.Peek(w))
			if e.None() {
				continue
			}
			t := TLBEntry{ID: int(w.Cell()), PTE: n.leafCell(machine.PageID(p)), Text: page.Name + " → " + e.Fresh().String(), Changed: n.did(w)}
			if is := m.Mapped(machine.PageID(p)); !is.Present() || is.Frame() != e.Frame() || e.Has(machine.RW) && !is.Has(machine.RW) || e.IsStale() {
				t.Stale, t.Note = true, "the page table says "+n.leaf(machine.PageID(p))
			}
			x.Entries = append(x.Entries, t)
		}
		if from := m.Peek(m.IPI(cpu)); from != 0 {
			notes = append(notes, "an IPI to flush is pending")
		}
		if m.Peek(m.Steal(cpu))&machine.StealFlush != 0 {
			notes = append(notes, "it will flush before it runs again")
		}
		for mm := range m.MMs {
			if b := m.Peek(m.Behind(cpu, mm)); b > 0 && m.Loaded(cpu) == mm {
				notes = append(notes, behind(b))
			}
		}
		x.Note = strings.Join(notes, "; ")
		n.out.TLBs = append(n.out.TLBs, x)
	}
}

// leafCell is the cell of the page's leaf entry, below zero if there is no table.
func (n *now) leafCell(p machine.PageID) int {
	t, ok := n.m.Find(p, machine.LevelPTE)
	if !ok {
		return -1
	}
	return int(n.m.Entry(t, n.m.Slot(p, machine.LevelPTE)).Cell())
}

// leaf is the page's leaf entry, present or not, in words.
func (n *now) leaf(p machine.PageID) string {
	t, ok := n.m.Find(p, machine.LevelPTE)
	if !ok {
		return "none"
	}
	return machine.Entry(n.m.Peek(n.m.Entry(t, n.m.Slot(p, machine.LevelPTE)))).String()
}

func behind(generations uint64) string {
	if generations == 1 {
		return "a TLB generation behind"
	}
	return fmt.Sprintf("%d TLB generations behind", generations)
}
