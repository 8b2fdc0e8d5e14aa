package claim

import "gupscope/core/cell"

// EachPredicate calls f with every predicate of a model: its claim, its
// instance, the cells that it says it reads, and those that it reads in the present state.
func (m *Model) EachPredicate(f func(claim, what string, said map[cell.ID]bool, read []cell.ID)) {
	for _, p := range m.preds {
		said := map[cell.ID]bool{}
		for _, w := range p.reads {
			said[w.Cell()] = true
		}
		var foot cell.Footprint
		m.Memory().Record(&foot)
		p.holds()
		m.Memory().Record(nil)
		f(m.claims[p.claim].name, p.what, said, foot.Reads)
	}
}
