package claim

import (
	"fmt"
	"slices"

	"gupscope/core/machine"
)

// withinVMA: for every CPU and page, the translation allows no more than the page's VMA,
// whenever mmap_lock is free. Who changes mappings holds it until the TLBs are flushed.
func withinVMA(m *Model) []predicate {
	return m.translations(func(cpu int, p machine.PageID) predicate {
		lock := m.M.MmapLock(m.M.Pages()[p].MM)
		return predicate{
			reads: []machine.Word{m.M.TLB(cpu, p), m.M.VMA(p), m.M.Steal(cpu), lock},
			holds: func() bool {
				e, vma := machine.Entry(m.M.Load(m.M.TLB(cpu, p))), m.M.Load(m.M.VMA(p))
				allowed := vma&machine.VMAccess != 0 && (!e.Has(machine.RW) || vma&machine.VMWrite != 0)
				return !e.Present() || allowed || m.M.Load(lock) != 0 || m.flushesFirst(cpu, p)
			},
			why: func() string {
				return fmt.Sprintf("cpu%d translates %s to %v, which its VMA does not allow", cpu, m.M.Pages()[p].Name, machine.Entry(m.M.Peek(m.M.TLB(cpu, p))))
			},
		}
	})
}

// freedTranslations: for every CPU and page, the frame of the translation was not freed.
func freedTranslations(m *Model) []predicate {
	return m.translations(func(cpu int, p machine.PageID) predicate {
		return predicate{
			reads: []machine.Word{m.M.TLB(cpu, p), m.M.Steal(cpu)},
			holds: func() bool {
				return !machine.Entry(m.M.Load(m.M.TLB(cpu, p))).IsStale() || m.flushesFirst(cpu, p)
			},
			why: func() string {
				return fmt.Sprintf("cpu%d still translates %s to frame %d, which was freed", cpu, m.M.Pages()[p].Name, machine.Entry(m.M.Peek(m.M.TLB(cpu, p))).Frame())
			},
		}
	})
}

// translations returns a predicate for every page that a CPU may translate: those of the mm that its tasks run in.
func (m *Model) translations(of func(cpu int, p machine.PageID) predicate) []predicate {
	var out []predicate
	for cpu := range m.M.CPUs {
		for i, at := range m.M.Pages() {
			if p := machine.PageID(i); slices.Contains(m.M.MMsOn(cpu), at.MM) {
				x := of(cpu, p)
				x.reads = append(x.reads, m.M.CatchUpWords(cpu, at.MM)...)
				x.what = fmt.Sprintf("cpu%d, %s", cpu, at.Name)
				out = append(out, x)
			}
		}
	}
	return out
}

// flushesFirst reports whether the CPU flushes its TLB before it runs again, or before a thread that could use the page does.
func (m *Model) flushesFirst(cpu int, p machine.PageID) bool {
	return m.M.Load(m.M.Steal(cpu))&machine.StealFlush != 0 || m.M.WillCatchUp(cpu, m.M.Pages()[p].MM)
}

// tlbFollows: for every CPU and page, the translation is of the frame that the page table maps there, writable and dirty only if its
// entry is, unless somebody who changed that has yet to finish the flush.
func tlbFollows(m *Model) []predicate {
	return m.translations(func(cpu int, p machine.PageID) predicate {
		mm := m.M.Pages()[p].MM
		return predicate{
			reads: append(append(m.resolveWords(mm), m.flushWords(mm)...), m.M.TLB(cpu, p), m.M.Steal(cpu)),
			holds: func() bool {
				e := machine.Entry(m.M.Load(m.M.TLB(cpu, p)))
				return !e.Present() || m.follows(e, p) || m.flushComes(cpu, p) || m.flushesFirst(cpu, p)
			},
			why: func() string {
				return fmt.Sprintf("cpu%d translates %s to %v, the page table has %v, and nobody is about to flush that", cpu, m.M.Pages()[p].Name, machine.Entry(m.M.Peek(m.M.TLB(cpu, p))), m.M.Mapped(p))
			},
		}
	})
}

// follows reports whether a translation allows no more than the page table does.
func (m *Model) follows(e machine.Entry, p machine.PageID) bool {
	pte := m.M.Mapped(p)
	allowed := pte & (machine.RW | machine.Dirty)
	return pte.Has(machine.Present) && pte.Frame() == e.Frame() && !m.M.Stale(e) && e&(machine.RW|machine.Dirty)&^allowed == 0
}

// flushComes reports whether somebody who may have changed how the page is mapped has yet to finish the flush: who
// holds the page-table lock, or mmap_lock for writing; who has an mmu_gather open; reclaim or migration that has put it off.
func (m *Model) flushComes(cpu int, p machine.PageID) bool {
	mm := m.M.Pages()[p].MM
	if m.M.Load(m.M.FlushPending(mm)) != 0 || m.M.Load(m.M.PMDLock(mm)) != 0 || machine.MmapWriter(m.M.Load(m.M.MmapLock(mm))) >= 0 {
		return true
	}
	for t := range m.Setup.Tasks {
		if ubc := m.M.Load(m.M.UBC(t)); ubc&machine.UBCRequired != 0 && machine.UBCMask(ubc)>>cpu&1 != 0 {
			return true
		}
	}
	t, ok := m.M.Find(p, machine.LevelPTE)
	return ok && m.M.Load(m.M.PTL(t)) != 0
}

// flushWords are the words that flushComes may read, but for those of page tables.
func (m *Model) flushWords(mm int) []machine.Word {
	out := []machine.Word{m.M.FlushPending(mm), m.M.PMDLock(mm), m.M.MmapLock(mm)}
	for t := range m.Setup.Tasks {
		out = append(out, m.M.UBC(t))
	}
	return out
}

// oneSize: for every CPU and two pages of one PMD entry's range, if the one is translated as part of a huge page, the other is not as a
// small page elsewhere, unless a flush is yet to come: MADV_DONTNEED unlocks the PMD before it flushes, and a fault may map a small
// page meanwhile. (The TLB keeps the page that was asked for: one that was a huge page's stands for all of it.)
func oneSize(m *Model) []predicate {
	if !m.hugePMDs() {
		return nil
	}
	return m.translations(func(cpu int, p machine.PageID) predicate {
		first, end := m.M.HugeStart(p), m.M.HugeEnd(p)
		mm := m.M.Pages()[p].MM
		reads := append(append(m.resolveWords(mm), m.flushWords(mm)...), m.M.Steal(cpu))
		for q := first; q < end; q++ {
			reads = append(reads, m.M.TLB(cpu, q))
		}
		small := func() machine.PageID {
			huge := machine.Entry(m.M.Load(m.M.TLB(cpu, p)))
			if !huge.Has(machine.PSE) {
				return machine.NoPage
			}
			for q := first; q < end; q++ {
				e := machine.Entry(m.M.Load(m.M.TLB(cpu, q)))
				if e.Present() && !e.Has(machine.PSE) && e.Frame()-huge.Frame() != machine.Frame(q)-machine.Frame(p) {
					return q
				}
			}
			return machine.NoPage
		}
		return predicate{
			reads: reads,
			holds: func() bool { return small() == machine.NoPage || m.flushComes(cpu, p) || m.flushesFirst(cpu, p) },
			why: func() string {
				q := small()
				return fmt.Sprintf("cpu%d translates %s as part of a huge page, to frame %d, and %s beside it as a small one, to frame %d", cpu,
					m.M.Pages()[p].Name, machine.Entry(m.M.Peek(m.M.TLB(cpu, p))).Frame(), m.M.Pages()[q].Name, machine.Entry(m.M.Peek(m.M.TLB(cpu, q))).Frame())
			},
		}
	})
}
