package claim

import (
	"fmt"
	"slices"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// locked reports whether somebody holds the lock of a page table. Of a free table, which nobody has locked, that is no more than known: what its
// next owner does with it is no concern of who goes by this.
func (m *Model) locked(table machine.Frame) bool {
	ptl := m.M.PTL(table)
	if m.M.Glance(m.M.TableOf(table)) == 0 && m.M.Glance(ptl) == 0 {
		return false
	}
	return m.M.Load(ptl) != 0
}

// mapcounts: for every folio, _mapcount is the number of PTEs, which the page
// tables count themselves. Judged while no page-table lock is held: inside, one comes after the other.
func mapcounts(m *Model) []predicate {
	var tables []machine.Frame
	var locks []machine.Word
	for i := range m.M.TableCount() {
		t := m.M.TableFrame(i)
		tables, locks = append(tables, t), append(locks, m.M.PTL(t))
	}
	free := func() bool { return !slices.ContainsFunc(tables, m.locked) }
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
// page that is not exclusive, nor, in a private mapping, a page that is not anonymous. Judged while its lock is free: fork passes through the opposite under it; and
// not where there is no such flag. It is judged twice: of a table when that is written to, of
// a folio when that is; so neither costs more where there are more of both.
func writableExclusive(m *Model) []predicate {
	if !m.Kernel.On(kernel.AnonExclusive) {
		return nil
	}
	var tables []machine.Word
	for i := range m.M.TableCount() {
		tables = append(tables, m.tableWords(m.M.TableFrame(i))...)
	}
	folios := m.mappingWords()
	for f := 1; m.M.IsData(machine.Frame(f)); f++ {
		folios = append(folios, m.M.Flags(machine.Frame(f)))
	}
	var out []predicate
	for i := range m.M.TableCount() {
		t := m.M.TableFrame(i)
		out = append(out, predicate{
			what: m.M.TableName(t), when: m.tableWords(t), reads: append(m.tableWords(t), folios...),
			holds: func() bool { return m.sharedWritable(t) == 0 },
			why: func() string {
				if e := m.sharedWritable(t); !m.isAnon(e.Frame()) {
					return fmt.Sprintf("the %s maps %s writable, in a private mapping", m.M.TableName(t), m.M.FrameName(e.Frame()))
				}
				return fmt.Sprintf("the %s maps folio %d writable, which is not exclusive", m.M.TableName(t), m.sharedWritable(t).Frame())
			},
		})
	}
	for i := 1; m.M.IsData(machine.Frame(i)); i++ {
		f := machine.Frame(i)
		words := []machine.Word{m.M.Flags(f), m.M.Mapping(f)}
		if m.M.LargeFolios {
			words = append(words, m.M.Compound(f))
		}
		out = append(out, predicate{
			what: fmt.Sprintf("folio %d", f), when: words, reads: append(append(words, folios...), tables...),
			holds: func() bool { return m.M.Glance(m.M.PTEs(f)) == 0 || !m.shared(f) || m.writableIn(f) == 0 },
			why: func() string {
				return fmt.Sprintf("the %s maps folio %d writable, which is not exclusive", m.M.TableName(m.writableIn(f)), f)
			},
		})
	}
	return append(out, hugeWritable(m)...)
}

// hugeWritable: no writable PMD maps an anonymous huge page, of hugetlb or not, that is not exclusive. Judged while the PMD's lock is free.
func hugeWritable(m *Model) []predicate {
	heads := m.mappingWords()
	for i := 1; i < m.M.FrameCount(); i++ {
		if f := machine.Frame(i); m.M.MayBeHuge(f) && !m.M.IsHugeZero(f) {
			heads = append(heads, m.M.Flags(f))
		}
	}
	var out []predicate
	for i, at := range m.M.Pages() {
		p := machine.PageID(i)
		if !m.M.HugetlbPage(p) && (!m.M.LargeFolios || m.M.HugeStart(p) != p) {
			continue
		}
		out = append(out, predicate{
			what: at.Name, reads: slices.Concat(m.M.PMDWords(p), m.M.PMDLocks(p), heads),
			holds: func() bool {
				e := machine.Entry(m.M.Load(m.M.PMD(p)))
				return m.M.Load(m.M.PMDLockOf(p)) != 0 || !e.Has(machine.PSE|machine.Present|machine.RW) || m.M.IsHugeZero(e.Frame()) || !m.shared(e.Frame())
			},
			why: func() string {
				return fmt.Sprintf("%s maps huge page %d writable, which is not exclusive", at.Name, machine.Entry(m.M.Peek(m.M.PMD(p))).Frame())
			},
		})
	}
	return out
}

// hugeMapcounts: for every large folio, its entire mapcount is the number of PMD entries, and its
// large mapcount that and the mapcounts of its pages. Judged while no PMD lock is held. (Mappings by PTEs
// are counted in one step.)
func hugeMapcounts(m *Model) []predicate {
	if !m.M.LargeFolios {
		return nil
	}
	var locks []machine.Word
	for mm := range m.M.MMs {
		locks = append(locks, m.M.PMDLock(mm))
	}
	var out []predicate
	for h := m.M.HugePages; m.M.IsData(machine.Frame(h)); h += m.M.HugePages {
		head := machine.Frame(h)
		entire, large, pmds := m.M.EntireMapcount(head), m.M.LargeMapcount(head), m.M.PMDs(head)
		reads := append([]machine.Word{entire, large, pmds, m.M.Compound(head)}, locks...)
		for i := range m.M.HugePages {
			reads = append(reads, m.M.Mapcount(head+machine.Frame(i)))
		}
		sum := func(load func(machine.Word) uint64) uint64 {
			n := load(entire)
			for i := range m.M.HugePages {
				n += load(m.M.Mapcount(head + machine.Frame(i)))
			}
			return n
		}
		out = append(out, predicate{
			what: fmt.Sprintf("folio %d", head), reads: reads,
			holds: func() bool {
				if m.M.Load(m.M.Compound(head)) == 0 || m.M.Load(entire) == m.M.Load(pmds) && m.M.Load(large) == sum(m.M.Load) {
					return true
				}
				return slices.ContainsFunc(locks, func(w machine.Word) bool { return m.M.Load(w) != 0 })
			},
			why: func() string {
				return fmt.Sprintf("folio %d has an entire mapcount of %d, and %d PMDs map it; its large mapcount is %d, and its mappings are %d",
					head, int64(m.M.Peek(entire)), m.M.Peek(pmds), int64(m.M.Peek(large)), sum(m.M.Peek))
			},
		})
	}
	return out
}

// tableWords are those of a page table.
func (m *Model) tableWords(t machine.Frame) []machine.Word {
	out := []machine.Word{m.M.PTL(t), m.M.TableOf(t)}
	for e := range m.M.Width() {
		out = append(out, m.M.Entry(t, e))
	}
	return out
}

// shared reports whether a page is anonymous and not exclusive.
func (m *Model) shared(f machine.Frame) bool {
	return m.M.Normal(f) && m.isAnon(f) && m.M.Load(m.M.Flags(f))&machine.PGAnonExclusive == 0
}

// sharedWritable returns a writable entry, in a table whose lock is free, of a shared page, or of one that a private mapping must not write to; 0 if there is none.
func (m *Model) sharedWritable(t machine.Frame) machine.Entry {
	if m.M.Load(m.M.PTL(t)) != 0 || m.M.Load(m.M.TableOf(t)) == 0 {
		return 0
	}
	for e := range m.M.Width() {
		pte := machine.Entry(m.M.Load(m.M.Entry(t, e)))
		if pte.Has(machine.Present|machine.RW) && (m.shared(pte.Frame()) || m.inPrivate(t, e) && !m.isAnon(pte.Frame())) {
			return pte
		}
	}
	return 0
}

// inPrivate reports whether an entry of a page table is of a private mapping.
func (m *Model) inPrivate(t machine.Frame, i int) bool {
	p, ok := m.M.Leaf(t, i)
	if !ok {
		return false
	}
	kind := m.M.Region(p).Kind
	return kind == machine.RegionAnon || kind == machine.RegionFilePrivate
}

// writableIn returns a table with a writable entry of a shared page, 0 if there is none.
func (m *Model) writableIn(f machine.Frame) machine.Frame {
	// Who makes an entry one of this page reads the page's flags: the others are of no interest.
	t, _, _ := m.M.FindEntry(func(t machine.Frame, e machine.Entry) bool {
		return e.Present() && e.Frame() == f && m.sharedWritable(t).Present()
	})
	return t
}
