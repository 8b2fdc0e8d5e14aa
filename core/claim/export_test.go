package claim

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/machine"
)

// EachPredicate calls f with every predicate of a model: its claim, its
// instance, and the cells that it reads in the present state but does not say it reads.
func (m *Model) EachPredicate(f func(claim, what string, unsaid []cell.ID)) {
	var foot cell.Footprint
	for _, p := range m.preds {
		foot.Reset()
		m.Memory().Record(&foot)
		p.holds()
		m.Memory().Record(nil)
		foot.Reads = slices.DeleteFunc(foot.Reads, func(id cell.ID) bool {
			return slices.ContainsFunc(p.reads, func(w machine.Word) bool { return w.Cell() == id })
		})
		f(m.claims[p.claim].name, p.what, foot.Reads)
	}
}

// Beyond names the objects that are accessed beyond what may be.
func (r *Reducible) Beyond(did, may *check.Access) (out []string) {
	for i := range r.objects.Len() {
		switch {
		case did.Writes.Has(i) && !may.Writes.Has(i) && i != r.objects.End():
			out = append(out, "writes "+r.objects.Name(i))
		case did.Reads.Has(i) && !may.Writes.Has(i) && !may.Reads.Has(i):
			out = append(out, "reads "+r.objects.Name(i))
		}
	}
	return out
}

// Rest returns all that an actor may do while another stands still.
func (r *Reducible) Rest(actor, still int) *check.Access {
	a := check.MakeAccess(r.objects.Len())
	r.objects.Rest(actor, still, &a)
	return &a
}

// Firm returns what an actor's next step accesses but for what only suspends it.
func (r *Reducible) Firm(actor int) *check.Access {
	return &r.step(actor).firm
}

// Begin forgets all that is remembered, and looks at the present state afresh.
func (r *Reducible) Begin() { r.begin() }

// Afresh returns what an actor's next step accesses, found out and not remembered.
func (r *Reducible) Afresh(actor int) *check.Access {
	mem := r.Memory()
	defer mem.Watch(mem.Watch(nil))
	return &r.find(actor).all
}

// Taken adds all that is an instance's to a set, for every instance that an access takes from a
// pool or gives back to it.
func (r *Reducible) Taken(did *check.Access, set check.Objects) {
	for i := range r.objects.Len() {
		if n := r.objects.WhatNames(i); n >= 0 && did.Writes.Has(n) {
			set.Add(i)
		}
	}
}

// Unsought names the objects of free instances that an access touches without going by what names them. Who
// takes a slot writes its swap_map and its place in the swap cache, and its disk is written by who may take
// it and by the device, which has all: slots need no more.
func (r *Reducible) Unsought(did *check.Access) (out []string) {
	for i := range r.objects.Len() {
		if c := r.objects.Class(i); c == machine.Swap || c == machine.SwapCache || c == machine.Disk {
			continue
		}
		if n := r.objects.WhatNames(i); n >= 0 && n != i && r.objects.Free(i) && (did.Writes.Has(i) || did.Reads.Has(i)) && !did.Writes.Has(n) && !did.Reads.Has(n) {
			out = append(out, r.objects.Name(i))
		}
	}
	return out
}
