package machine

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
)

// A secondary MMU has translations of its own of an mm's pages: KVM's for its guest. The process is the
// virtual machine: the guest's memory is the mm's, and the threads that run the guest are its virtual CPUs. The
// entries are filled by GUP, hold no reference, and nobody but the mmu_notifier tells when the page table changes.
//
//	mm A  PTE of buf: frame 1        spte of buf: frame 1, writable
//	                                 cpu0 guest TLB: buf: frame 1
//
// mmu_lock is KVM's; mmu_invalidate_in_progress says how many invalidations are under way, and of
// which pages; mmu_invalidate_seq counts those that are over. What matters of it is whether it has moved since
// a fault read it: so it is kept as the set of tasks for which it has not. A machine has none of these words unless
// Config.Secondary.

// SPTE is the secondary MMU's entry of a page, as a capture.
func (m *Machine) SPTE(p PageID) Word { return m.at(m.spte, int(p)) }

// GuestTLB is what a CPU, while it runs the guest, has cached of the secondary MMU's entry.
func (m *Machine) GuestTLB(cpu int, p PageID) Word { return m.at(m.guestTLB, cpu*len(m.pages)+int(p)) }

// IOTLB is what the IOMMU has cached of the mm's page table, for a device that is bound to it (SVA).
func (m *Machine) IOTLB(p PageID) Word { return m.at(m.iotlb, int(p)) }

// FlushIOTLB drops what the IOMMU has cached of the pages from first to last.
func (m *Machine) FlushIOTLB(first, last PageID) { m.Mem.Clear(m.IOTLB(first).id, m.IOTLB(last).id+1) }

// MMULock is kvm->mmu_lock of the mm's virtual machine.
func (m *Machine) MMULock(mm int) Word { return m.at(m.mmuLock, mm) }

// Invalidating is mmu_invalidate_in_progress: see [Invalidation].
func (m *Machine) Invalidating(mm int) Word { return m.at(m.invalidating, mm) }

// InvalidateSeq is mmu_invalidate_seq: the tasks (bit i: task i) that have read it, and for which it is the same still.
func (m *Machine) InvalidateSeq(mm int) Word { return m.at(m.invalidateSeq, mm) }

// An Invalidation is what is being invalidated: how many began and have not ended, and the pages from the
// first to the last of any of them.
type Invalidation struct {
	Count       int
	First, Last PageID
}

// DecodeInvalidation returns what a word of Invalidating holds.
func DecodeInvalidation(v uint64) Invalidation {
	return Invalidation{int(v >> 40), PageID(v & flushPages), PageID(v >> 20 & flushPages)}
}

// Word returns the invalidation as its cell holds it.
func (i Invalidation) Word() uint64 {
	if i.Count == 0 {
		return 0
	}
	return uint64(i.Count)<<40 | uint64(i.Last)<<20 | uint64(i.First)
}

// Begin is the invalidation with one more begun.
func (i Invalidation) Begin(first, last PageID) Invalidation {
	if i.Count == 0 {
		return Invalidation{1, first, last}
	}
	return Invalidation{i.Count + 1, min(i.First, first), max(i.Last, last)}
}

// Covers reports whether the page is among what is being invalidated.
func (i Invalidation) Covers(p PageID) bool { return i.Count > 0 && i.First <= p && p <= i.Last }

// EachSPTE calls f with every page from first to last of which the secondary MMU has an entry.
func (m *Machine) EachSPTE(first, last PageID, f func(p PageID, e Entry)) {
	m.Mem.Note(m.SPTE(first).id, m.SPTE(last).id+1)
	m.nonzero(m.SPTE(first).id, m.SPTE(last).id+1, func(w Word) { f(PageID(w.id-m.spte), Entry(m.Load(w))) })
}

// FlushGuest drops what the CPUs that run the guest have cached of the pages from first to last.
func (m *Machine) FlushGuest(first, last PageID) {
	for cpu, mms := range m.mmsOn {
		if slices.Contains(mms, m.pages[first].MM) {
			m.Mem.Clear(m.GuestTLB(cpu, first).id, m.GuestTLB(cpu, last).id+1)
		}
	}
}

// SecondaryAt returns the page that a cell has the translation of for another MMU than the CPUs', and what that is called; for onlookers.
func (m *Machine) SecondaryAt(id cell.ID) (p PageID, mmu string, ok bool) {
	n := cell.ID(len(m.pages))
	switch {
	case !m.Secondary:
		return 0, "", false
	case id >= m.spte && id < m.spte+n:
		return PageID(id - m.spte), "secondary MMU", true
	case id >= m.guestTLB && id < m.guestTLB+cell.ID(m.CPUs)*n:
		return PageID((id - m.guestTLB) % n), "secondary MMU", true
	case id >= m.iotlb && id < m.iotlb+n:
		return PageID(id - m.iotlb), "IOTLB", true
	case m.Intervals && id >= m.mtt && id < m.mtt+n:
		return PageID(id - m.mtt), "device's page table", true
	}
	return 0, "", false
}

// guestCaptures calls f with every word of secondary MMUs that may capture a frame.
func (m *Machine) guestCaptures(f func(Word)) {
	if m.Secondary {
		m.nonzero(m.spte, m.spte+cell.ID(len(m.pages)), f)
		m.nonzero(m.guestTLB, m.guestTLB+cell.ID(m.CPUs*len(m.pages)), f)
		m.nonzero(m.iotlb, m.iotlb+cell.ID(len(m.pages)), f)
	}
}

// layoutSecondary comes last, so that machines without a secondary MMU are laid out as if there were none.
func (m *Machine) layoutSecondary(l *cell.Layout) {
	if !m.Secondary {
		return
	}
	m.spte = l.Add(len(m.pages), cell.Region{Class: Secondary, Owner: "secondary", Names: m.entryNames, Private: true, Decode: entryText,
		Of: func(i int) cell.Instance { return m.OfMM(m.pages[i].MM) }, Name: func(i int) string { return "spte of " + m.pages[i].Name }})
	m.guestTLB = l.Add(m.CPUs*len(m.pages), cell.Region{Class: Secondary, Owner: "secondary", Names: m.entryNames, Private: true, Decode: entryText,
		Of: func(i int) cell.Instance { return m.OfCPU(i / len(m.pages)) }, Name: func(i int) string {
			return fmt.Sprintf("cpu%d guest TLB: %s", i/len(m.pages), m.pages[i%len(m.pages)].Name)
		}})
	m.iotlb = l.Add(len(m.pages), cell.Region{Class: Secondary, Owner: "secondary", Names: m.entryNames, Private: true, Decode: entryText,
		Of: func(i int) cell.Instance { return m.OfMM(m.pages[i].MM) }, Name: func(i int) string { return "IOTLB: " + m.pages[i].Name }})
	add := func(owner, field string, decode func(int, uint64) string) cell.ID {
		return l.Add(len(m.MMs), cell.Region{Class: Notifiers, Owner: owner, Of: m.OfMM, Name: func(i int) string { return m.MMs[i].Name + " " + field }, Decode: decode})
	}
	m.mmuLock = m.addLocks(l, MMULock, len(m.MMs), cell.Region{Class: Notifiers, Of: m.OfMM, Name: func(i int) string { return m.MMs[i].Name + " mmu_lock" }})
	m.invalidating = add("secondary", "mmu_invalidate_in_progress", func(_ int, v uint64) string {
		i := DecodeInvalidation(v)
		switch {
		case i.Count == 0:
			return "0"
		case i.First == i.Last:
			return fmt.Sprintf("%d: %s", i.Count, m.pages[i.First].Name)
		}
		return fmt.Sprintf("%d: %s to %s", i.Count, m.pages[i.First].Name, m.pages[i.Last].Name)
	})
	m.invalidateSeq = add("secondary", "mmu_invalidate_seq", func(_ int, v uint64) string {
		if v == 0 {
			return "nobody goes by it"
		}
		return m.readBy(v)[2:]
	})
}
