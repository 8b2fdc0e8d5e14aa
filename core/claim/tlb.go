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
				return fmt.Sprintf("cpu%d still translates %s to %v, which its VMA does not allow", cpu, m.M.Pages()[p].Name, machine.Entry(m.M.Peek(m.M.TLB(cpu, p))))
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
