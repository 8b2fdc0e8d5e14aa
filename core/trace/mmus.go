package trace

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What an MMU has taken from a page table it goes by, whatever becomes of that, until somebody flushes it:
//
//	cpu0                               cpu1
//	reads the PTE, fills its TLB
//	                                   write-protects the PTE              the window opens
//	stores through its TLB
//	                                   flushes                             and closes

// translated is what an MMU goes by from a change on: the entry of the page table that it has it from, and who uses it.
func (r *Run) translated(st *Step, c *Change) (k kept, ok bool) {
	e := machine.Entry(c.NewV)
	if c.Class != machine.TLBs && c.Class != machine.Secondary || !e.Present() || e.IsStale() {
		return kept{}, false
	}
	m, layout := r.Model.M, r.Model.Memory().Layout()
	k = kept{Window: Window{Actor: st.Actor, Read: st.N}, into: c.Cell}
	if m.IsTLB(c.Cell) {
		if k.Cell, ok = entryRead(st, layout); !ok {
			return kept{}, false
		}
		k.Actor, k.MMU = r.owner(st), "TLB"
	} else {
		p, mmu, is := m.SecondaryAt(c.Cell)
		if !is {
			return kept{}, false
		}
		if k.Cell, ok = leafCell(m, p); !ok || m.Mapped(p).Frame() != e.Frame() {
			return kept{}, false // it is from somewhere else, or untrue already: then who read the page table is told of
		}
		k.MMU = mmu
	}
	was := machine.Entry(m.Mem.Peek(k.Cell))
	if !e.Has(machine.RW) {
		was &^= machine.RW // that it is write-protected makes no difference
	}
	k.raw, k.Name, k.Value = uint64(was), layout.Name(k.Cell), layout.Decode(k.Cell, m.Mem.Peek(k.Cell))
	return k, true
}

// leafCell is the entry that maps a page: its PTE, or the PMD entry of its huge page.
func leafCell(m *machine.Machine, p machine.PageID) (cell.ID, bool) {
	if _, ok := m.PeekPMDTable(p); !ok {
		return 0, false
	}
	if machine.Entry(m.Peek(m.PMD(p))).Has(machine.PSE) {
		return m.PMD(p).Cell(), true
	}
	t, ok := m.Find(p, machine.LevelPTE)
	if !ok {
		return 0, false
	}
	return m.Entry(t, m.Slot(p, machine.LevelPTE)).Cell(), true
}
