package claim

import (
	"fmt"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// mapcounts: for every folio, _mapcount is the number of PTEs, which the page
// tables count themselves. Judged while no page-table lock is held: inside, one comes after the other.
func mapcounts(m *Model) []predicate {
	var locks []machine.Word
	for i := range m.M.TableCount() {
		locks = append(locks, m.M.PTL(m.M.TableFrame(i)))
	}
	free := func() bool {
		for _, w := range locks {
			if m.M.Load(w) != 0 {
				return false
			}
		}
		return true
	}
	var out []predicate
	for i := 1; m.M.IsData(machine.Frame(i)); i++ {
		f := machine.Frame(i)
		count, ptes := m.M.Mapcount(f), m.M.PTEs(f)
		out = append(out, predicate{
			what: fmt.Sprintf("folio %d", f), reads: append([]machine.Word{count, ptes}, locks...),
			holds: func() bool { return m.M.Load(count) == m.M.Load(ptes) || !free() },
			why: func() string {
				return fmt.Sprintf("folio %d has a mapcount of %d, but %d PTEs map it", f, int64(m.M.Peek(count)), m.M.Peek(ptes))
			},
		})
	}
	return append(out, hugetlbMapcounts(m)...)
}

// writableExclusive: for every page table, no writable entry maps an anonymous
// page that is not exclusive. Judged while its lock is free: fork passes through the opposite under it; and
// not where there is no such flag.
func writableExclusive(m *Model) []predicate {
	if !m.Kernel.On(kernel.AnonExclusive) {
		return nil
	}
	var out []predicate
	for i := range m.M.TableCount() {
		t := m.M.TableFrame(i)
		reads := []machine.Word{m.M.PTL(t), m.M.TableOf(t)}
		for e := range m.M.Width() {
			reads = append(reads, m.M.Entry(t, e))
		}
		for f := 1; m.M.IsData(machine.Frame(f)); f++ {
			reads = append(reads, m.M.Flags(machine.Frame(f)), m.M.Mapping(machine.Frame(f)))
		}
		shared := func() machine.Entry {
			if m.M.Load(m.M.PTL(t)) != 0 || m.M.Load(m.M.TableOf(t)) == 0 {
				return 0
			}
			for e := range m.M.Width() {
				pte := machine.Entry(m.M.Load(m.M.Entry(t, e)))
				if pte.Has(machine.Present|machine.RW) && machine.IsAnon(m.M.Load(m.M.Mapping(pte.Frame()))) &&
					m.M.Load(m.M.Flags(pte.Frame()))&machine.PGAnonExclusive == 0 {
					return pte
				}
			}
			return 0
		}
		out = append(out, predicate{
			what: m.M.TableName(t), reads: reads,
			holds: func() bool { return shared() == 0 },
			why: func() string {
				return fmt.Sprintf("the %s maps folio %d writable, which is not exclusive", m.M.TableName(t), shared().Frame())
			},
		})
	}
	return append(out, hugetlbWritable(m)...)
}
