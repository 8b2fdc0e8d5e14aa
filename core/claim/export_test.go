package claim

import (
	"gupscope/core/cell"
	"gupscope/core/check"
)

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

// Beyond names the objects that are accessed beyond what may be.
func (r *Reducible) Beyond(did, may *check.Access) (out []string) {
	all := may.Reads
	all.And(may.Writes)
	for i := range check.MaxObjects {
		has := func(o check.Objects) bool { return o[i/64]>>(i%64)&1 != 0 }
		switch {
		case r.objects.IsEnd(i):
		case has(did.Writes) && !has(may.Writes):
			out = append(out, "writes "+r.objects.Name(i))
		case has(did.Reads) && !has(all):
			out = append(out, "reads "+r.objects.Name(i))
		}
	}
	return out
}
