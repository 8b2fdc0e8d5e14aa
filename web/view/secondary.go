package view

import (
	"fmt"

	"gupscope/core/machine"
)

// secondary are the translations of guests and devices, beside the TLBs: what KVM has of the guest's memory, what the
// CPUs that run it have cached of that; what the IOMMU has cached of page tables; the page table of a device that pages on demand.
func (n *now) secondary() {
	m := n.m
	if !m.Secondary {
		return
	}
	mapped := func(p machine.PageID) machine.Entry { return m.Mapped(p) }
	for mm := range m.MMs {
		if n.r.Model.Bound(mm) {
			x := TLB{Lane: m.MMs[mm].Name + " IOTLB"}
			n.translations(&x, mm, m.IOTLB, mapped, "the page table says ")
			n.out.TLBs = append(n.out.TLBs, x)
		}
		if n.r.Model.ODP(mm) {
			x := TLB{Lane: m.MMs[mm].Name + " ODP"}
			n.translations(&x, mm, m.MTT, mapped, "the page table says ")
			if m.Peek(m.SubscriptionsSeq(mm)) != 0 {
				x.Note = "an invalidation is in progress"
			}
			n.out.TLBs = append(n.out.TLBs, x)
		}
		if !n.r.Model.Guest(mm) {
			continue
		}
		x := TLB{Lane: m.MMs[mm].Name + " guest"}
		n.translations(&x, mm, m.SPTE, mapped, "the page table says ")
		if w := m.Invalidating(mm); m.Peek(w) != 0 {
			x.Note = "being invalidated: " + m.Mem.Layout().Decode(w.Cell(), m.Peek(w))
		}
		n.out.TLBs = append(n.out.TLBs, x)
		for cpu := range m.CPUs {
			lane := n.c.cpu[cpu]
			if lane < 0 {
				continue
			}
			y := TLB{Lane: fmt.Sprintf("cpu%d guest", cpu), Who: n.c.lanes[lane].Who}
			n.translations(&y, mm, func(p machine.PageID) machine.Word { return m.GuestTLB(cpu, p) }, func(p machine.PageID) machine.Entry { return machine.Entry(m.Peek(m.SPTE(p))) }, "the spte says ")
			if len(y.Entries) > 0 {
				n.out.TLBs = append(n.out.TLBs, y)
			}
		}
	}
}

// translations adds what an mm's pages are translated to, and whether what it was taken from says so still.
func (n *now) translations(x *TLB, mm int, of func(machine.PageID) machine.Word, from func(machine.PageID) machine.Entry, says string) {
	first, last := n.m.MMPages(mm)
	for p := first; p <= last; p++ {
		w := of(p)
		e := machine.Entry(n.m.Peek(w))
		if e.None() {
			continue
		}
		t := TLBEntry{ID: int(w.Cell()), PTE: n.leafCell(p), Text: n.m.Pages()[p].Name + " → " + e.Fresh().String(), Changed: n.did(w)}
		if is := from(p); !is.Present() || is.Frame() != e.Frame() || e.Has(machine.RW) && !is.Has(machine.RW) || e.IsStale() {
			t.Stale, t.Note = true, says+is.String()
		}
		x.Entries = append(x.Entries, t)
	}
}
