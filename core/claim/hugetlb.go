package claim

import (
	"fmt"
	"slices"

	"gupscope/core/machine"
)

// hugetlbMapcounts: of every huge page of hugetlb that is mapped, the entire mapcount is the number of
// PMDs that map it. Judged while no PMD lock is held.
func hugetlbMapcounts(m *Model) []predicate {
	var pmds, locks []machine.Word
	for mm := range m.M.MMs {
		pmds = append(pmds, m.M.PMDLock(mm))
	}
	var tables []machine.Frame // those that mms share
	for i := range m.M.TableCount() {
		if t := m.M.TableFrame(i); m.M.IsSharedPMDTable(t) {
			tables, locks = append(tables, t), append(locks, m.M.PTL(t))
		}
	}
	free := func() bool {
		return !slices.ContainsFunc(tables, m.locked) && !slices.ContainsFunc(pmds, func(w machine.Word) bool { return m.M.Load(w) != 0 })
	}
	var counts []machine.Word
	for i := range m.M.Hugetlb {
		f := m.M.HugetlbFrame(i)
		counts = append(counts, m.M.EntireMapcount(f), m.M.PMDs(f))
	}
	var out []predicate
	for i, at := range m.M.Pages() {
		p := machine.PageID(i)
		if !m.M.HugetlbPage(p) {
			continue
		}
		out = append(out, predicate{
			what: at.Name, reads: slices.Concat(m.M.PMDWords(p), counts, pmds, locks),
			holds: func() bool {
				e := machine.Entry(m.M.Load(m.M.PMD(p)))
				return !e.Has(machine.PSE) || m.M.Load(m.M.EntireMapcount(e.Frame())) == m.M.Load(m.M.PMDs(e.Frame())) || !free()
			},
			why: func() string {
				f := machine.Entry(m.M.Peek(m.M.PMD(p))).Frame()
				return fmt.Sprintf("huge page %d has a mapcount of %d, but %d PMDs map it", f, int64(m.M.Peek(m.M.EntireMapcount(f))), m.M.Peek(m.M.PMDs(f)))
			},
		})
	}
	return out
}

// behindEnd: when all have finished, no page of a hugetlb file is kept by the page cache that
// lies behind the file's end: nobody would ever give it back to the pool. Nor is a huge page of shmem, which nobody but khugepaged puts there. A file
// on a disk promises nothing of the kind: a read
// that saw the old size may put a page behind the new one, where it is clean, out of everybody's reach, and reclaimed in time.
func behindEnd(m *Model) []predicate {
	var out []predicate
	var compounds []machine.Word
	if m.M.FileTHP {
		for f := range m.M.Frames + 1 {
			compounds = append(compounds, m.M.Compound(machine.Frame(f)))
		}
	}
	for i, at := range m.M.FilePages() {
		huge := m.M.FileTHP && m.M.Files[at.File].Kind == machine.Shmem && at.Index%m.M.HugePages == 0
		if m.M.Files[at.File].Kind != machine.Hugetlbfs && !huge {
			continue
		}
		slot, size := m.M.CacheSlot(machine.Pgoff(i)), m.M.Size(at.File)
		reads := append(m.doneWords(), slot, size)
		if huge {
			reads = append(reads, compounds...)
		}
		out = append(out, predicate{
			what: at.Name, reads: reads, end: true,
			holds: func() bool {
				if !m.Done() || at.Index < machine.SizePages(m.M.Load(size)) {
					return true
				}
				f, ok := machine.Cached(m.M.Load(slot))
				return !ok || huge && !m.M.IsLarge(f)
			},
			why: func() string {
				return fmt.Sprintf("the page cache keeps %s, and the file has %d pages", at.Name, machine.SizePages(m.M.Peek(size)))
			},
		})
	}
	return out
}
