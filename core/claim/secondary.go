package claim

import (
	"fmt"

	"gupscope/core/machine"
)

// secondaryFollows: for every page of a guest's memory, and of what a device pages on demand, the secondary MMU's entry is of the page that the
// page table maps there, and writable only if its entry is.
func secondaryFollows(m *Model) []predicate {
	return append(m.mirrors(m.Guest, "guest", m.M.SPTE), m.mirrors(m.ODP, "device", m.M.MTT)...)
}

func (m *Model) mirrors(has func(mm int) bool, whose string, entry func(machine.PageID) machine.Word) []predicate {
	return m.pagesOf(has, whose, func(p machine.PageID) predicate {
		spte := entry(p)
		return predicate{
			reads: append(m.resolveWords(m.M.Pages()[p].MM), spte),
			holds: func() bool {
				e := machine.Entry(m.M.Load(spte))
				if !e.Present() {
					return true
				}
				pte := m.M.Mapped(p)
				return pte.Present() && pte.Frame() == e.Frame() && !m.M.Stale(e) && (!e.Has(machine.RW) || pte.Has(machine.RW) || pte.Has(machine.ProtNone))
			},
			why: func() string {
				return fmt.Sprintf("the secondary MMU has %v at %s, the page table %v", machine.Entry(m.M.Peek(spte)), m.M.Pages()[p].Name, m.M.Mapped(p))
			},
		}
	})
}

// guestTLBs: for every page of a guest's memory and every CPU that runs it, the guest TLB has nothing that the secondary
// MMU's entry has not, whenever nobody has mmu_lock.
func guestTLBs(m *Model) []predicate {
	var out []predicate
	for cpu := range m.M.CPUs {
		out = append(out, m.pagesOf(m.Guest, "guest", func(p machine.PageID) predicate {
			spte, tlb, lock := m.M.SPTE(p), m.M.GuestTLB(cpu, p), m.M.MMULock(m.M.Pages()[p].MM)
			return predicate{
				reads: []machine.Word{spte, tlb, lock},
				holds: func() bool {
					e, s := machine.Entry(m.M.Load(tlb)), machine.Entry(m.M.Load(spte))
					return !e.Present() || s.Present() && s.Frame() == e.Frame() && (s.Has(machine.RW) || !e.Has(machine.RW)) || m.M.Load(lock) != 0
				},
				why: func() string {
					return fmt.Sprintf("the guest TLB of cpu%d has %v at %s, the secondary MMU %v", cpu, machine.Entry(m.M.Peek(tlb)), m.M.Pages()[p].Name, machine.Entry(m.M.Peek(spte)))
				},
			}
		})...)
	}
	return out
}

// pagesOf returns a predicate for every page of the mms that have something: a guest, or a device.
func (m *Model) pagesOf(has func(mm int) bool, whose string, of func(p machine.PageID) predicate) []predicate {
	if !m.M.Secondary {
		return nil
	}
	var out []predicate
	for i, at := range m.M.Pages() {
		if has(at.MM) {
			x := of(machine.PageID(i))
			x.what = "the " + whose + "'s " + at.Name
			out = append(out, x)
		}
	}
	return out
}
