package claim

import (
	"fmt"

	"gupscope/core/machine"
)

// sharedReadOnly: for every page table, no writable entry maps a folio of KSM; for every
// folio of KSM, it is not exclusive.
func sharedReadOnly(m *Model) []predicate {
	if !m.M.KSM {
		return nil
	}
	var out []predicate
	for i := range m.M.TableCount() {
		t := m.M.TableFrame(i)
		reads := []machine.Word{m.M.TableOf(t)}
		for e := range m.M.Width() {
			reads = append(reads, m.M.Entry(t, e))
		}
		for f := 1; m.M.IsData(machine.Frame(f)); f++ {
			reads = append(reads, m.M.Mapping(machine.Frame(f)))
		}
		writable := func() machine.Entry {
			if m.M.Load(m.M.TableOf(t)) == 0 {
				return 0
			}
			for e := range m.M.Width() {
				pte := machine.Entry(m.M.Load(m.M.Entry(t, e)))
				if pte.Has(machine.Present|machine.RW) && machine.IsKSM(m.M.Load(m.M.Mapping(pte.Frame()))) {
					return pte
				}
			}
			return 0
		}
		out = append(out, predicate{
			what: m.M.TableName(t), reads: reads,
			holds: func() bool { return writable() == 0 },
			why: func() string {
				return fmt.Sprintf("the %s maps folio %d writable, which is KSM's", m.M.TableName(t), writable().Frame())
			},
		})
	}
	for i := 1; m.M.IsData(machine.Frame(i)); i++ {
		f := machine.Frame(i)
		out = append(out, predicate{
			what: fmt.Sprintf("folio %d", f), reads: []machine.Word{m.M.Mapping(f), m.M.Flags(f)},
			holds: func() bool {
				return !machine.IsKSM(m.M.Load(m.M.Mapping(f))) || m.M.Load(m.M.Flags(f))&machine.PGAnonExclusive == 0
			},
			why: func() string { return fmt.Sprintf("folio %d is KSM's, and exclusive", f) },
		})
	}
	return out
}

// sharedContents: every folio of a stable node that a page table maps holds what it held when KSM began to share it. One that is moved, in its new place, has its
// mapping before its content, until v6.1: nobody can read it yet.
func sharedContents(m *Model) []predicate {
	if !m.M.KSM {
		return nil
	}
	var nodes []machine.Word
	for n := range m.M.StableNodes() {
		nodes = append(nodes, m.M.SharedContent(n))
	}
	var out []predicate
	for i := 1; m.M.IsData(machine.Frame(i)); i++ {
		f := machine.Frame(i)
		was := func() (uint64, bool) {
			node := machine.MappingKSM(m.M.Load(m.M.Mapping(f)))
			if node < 0 {
				return 0, false
			}
			v := m.M.Load(m.M.SharedContent(node))
			return v - 1, v != 0
		}
		out = append(out, predicate{
			what: fmt.Sprintf("folio %d", f), reads: append([]machine.Word{m.M.Mapping(f), m.M.Contents(f), m.M.PTEs(f)}, nodes...),
			holds: func() bool {
				v, shared := was()
				return !shared || m.M.Load(m.M.PTEs(f)) == 0 || m.M.Load(m.M.Contents(f)) == v
			},
			why: func() string {
				v, _ := was()
				return fmt.Sprintf("KSM shares folio %d as %s, and it holds %s", f, m.M.Content(v), m.M.Content(m.M.Peek(m.M.Contents(f))))
			},
		})
	}
	return out
}
