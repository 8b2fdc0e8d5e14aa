package view

import (
	"fmt"

	"gupscope/core/machine"
)

// walks draws the page tables of every mm.
func (n *now) walks() {
	for mm := range n.m.MMs {
		n.out.Walks = append(n.out.Walks, n.walk(mm))
	}
}

// hugeLevel is the level whose entries lead to PTE tables, or map huge pages: "PMD"; with huge pages of a gigabyte "PUD".
func (n *now) hugeLevel() string {
	levels := n.m.UpperLevels()
	return machine.LevelName(levels[len(levels)-1])
}

func (n *now) walk(mm int) Walk {
	m := n.m
	w := Walk{MM: "mm " + m.MMs[mm].Name, Who: n.c.mm[mm], Last: n.hugeLevel()}
	first := machine.PageID(-1)
	for id, p := range m.Pages() {
		if p.MM == mm {
			first = machine.PageID(id)
			break
		}
	}
	if first < 0 {
		return w
	}
	levels := m.UpperLevels()
	for _, level := range levels[:len(levels)-1] {
		w.Upper = append(w.Upper, Level{Name: machine.LevelName(level), Entries: n.uppers(mm, level)})
		if level == machine.LevelPGD && !m.FiveLevels {
			w.Upper = append(w.Upper, Level{Name: "P4D", Entries: []PTE{{ID: -1, Index: "=", Text: "folded: with four levels, a P4D is the PGD's entry itself", Folded: true}}})
		}
	}
	shown := map[machine.Frame]bool{}
	for p, last := m.MMPages(mm); p <= last; p = m.HugeEnd(p) {
		if f, ok := m.Find(p, machine.LevelPTE); ok {
			shown[f] = true
		}
		w.Leaves = append(w.Leaves, n.table(p))
	}
	// Tables that are in the tree no more, while somebody may still be in them.
	for i := range m.TableCount() {
		f := m.TableFrame(i)
		owner, ok := m.Owner(f)
		if !ok || m.Pages()[owner].MM != mm || shown[f] || m.Peek(m.State(f)) != machine.FrameTable {
			continue
		}
		t := Table{VMA: n.tableName(owner), Flags: "unhooked", Freed: true, PMD: PTE{ID: -1, Index: "–", None: true}}
		if n.deposited(f) {
			t.Flags, t.Freed = "deposited beside the huge page", false
		}
		t.Entries = n.entries(f, owner)
		w.Leaves = append(w.Leaves, t)
	}
	w.Loose = n.hardware(mm)
	return w
}

// deposited reports whether a page table waits beside a huge PMD entry.
func (n *now) deposited(f machine.Frame) bool {
	m := n.m
	if !m.LargeFolios {
		return false
	}
	for p := range m.Pages() {
		if h := machine.Hold(m.Peek(m.Deposit(machine.PageID(p)))); h.Some() && h.Frame() == f {
			return true
		}
	}
	return false
}

// uppers are the entries of an mm's table of a level above the PMDs that lead to its regions.
func (n *now) uppers(mm, level int) []PTE {
	m := n.m
	var out []PTE
	shown := map[int]bool{}
	for p, last := m.MMPages(mm); p <= last; p++ {
		slot := m.Slot(p, level)
		if !shown[slot] {
			shown[slot] = true
			out = append(out, n.upper(m.Entry(m.Upper(mm, level), slot), m.AddressBits(m.Pages()[p].Addr, level)))
		}
		if f, ok := m.PeekPMDTable(p); ok && level == machine.LevelPUD && m.Gigabyte(p) {
			out[len(out)-1].Text = fmt.Sprintf("points to the PMD table in frame %d, which %d share", f, m.Peek(m.Ref(f)))
			if m.Peek(m.Ref(f)) == 1 {
				out[len(out)-1].Text = fmt.Sprintf("points to the PMD table in frame %d", f)
			}
		}
	}
	return out
}

// upper is an entry above the leaves.
func (n *now) upper(w machine.Word, index int) PTE {
	e := machine.Entry(n.m.Peek(w))
	p := PTE{ID: int(w.Cell()), Cell: n.m.Mem.Layout().Name(w.Cell()), Index: fmt.Sprintf("[%d]", index), Text: e.String(), None: e.None(), Changed: n.did(w), Walkers: n.at(w.Cell())}
	if e.Present() && !e.Has(machine.PSE) {
		p.Text = "points to the next table"
	} else if e.Present() {
		p.To = n.target(e)
	}
	p.Was = n.changed[w.Cell()]
	return p
}

// table is the page table that begins with a page.
func (n *now) table(p machine.PageID) Table {
	m := n.m
	t := Table{VMA: n.tableName(p), Flags: n.allowed(p), PMD: n.upper(m.PMD(p), m.Slot(p, machine.LevelPMD))}
	if f, ok := m.Find(p, machine.LevelPTE); ok {
		t.Freed = m.Peek(m.State(f)) != machine.FrameTable
		t.Entries = n.entries(f, p)
	}
	return t
}

// tableName is what a table maps that begins with a page: its region, and from where on.
func (n *now) tableName(p machine.PageID) string {
	if at := n.m.Pages()[p]; at.Index > 0 {
		return fmt.Sprintf("%s[%d]…", n.m.Region(p).Name, at.Index)
	}
	return n.m.Region(p).Name
}

// entries are the PTEs of a table, from its first page on, that its region uses.
func (n *now) entries(table machine.Frame, first machine.PageID) []PTE {
	m := n.m
	var all []leaf
	for id := first; id < m.HugeEnd(first); id++ {
		at := m.Slot(id, machine.LevelPTE)
		w := m.Entry(table, at)
		e := machine.Entry(m.Peek(w))
		l := leaf{PTE: PTE{ID: int(w.Cell()), Cell: m.Mem.Layout().Name(w.Cell()), Index: fmt.Sprintf("[%d]", at), Text: e.String(),
			None: e.None(), Changed: n.did(w), Was: n.changed[w.Cell()], Walkers: n.at(w.Cell())}}
		l.id, l.at = n.pointsAt(e)
		all = append(all, l)
	}
	return n.folded(all)
}

// hardware are the CPUs' own walkers that are inside a table of the mm.
func (n *now) hardware(mm int) []Walker {
	var out []Walker
	for cpu := range n.m.CPUs {
		t, p := n.m.WalkerAt(cpu)
		if !t.Present() || n.c.cpu[cpu] < 0 || n.m.Pages()[p].MM != mm {
			continue
		}
		w := Walker{Lane: fmt.Sprintf("cpu%d's MMU", cpu), Who: Who(cpu + 1), Holds: "the PTE table of " + n.m.Pages()[p].Name, Note: "on its way to the PTE"}
		if level, upper := n.m.UpperLevel(t.Frame()); upper {
			w.Holds, w.Note = "the "+n.m.TableName(t.Frame()), "on its way to the "+machine.LevelName(level)
		}
		if t.IsStale() {
			w.Stale, w.Note = true, "which was freed"
		}
		out = append(out, w)
	}
	return out
}
