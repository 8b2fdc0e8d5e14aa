package replay

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// A renaming says which label of the model is which of the kernel's: a
// bijection that grows over a whole program. Labels are never used again after
// they retire, so what was bound once stays bound.
//
// It is read off the places that name something in both observations (an entry of
// the page tables, a page of the page cache, a slot, a record's own reference).
// Where a place contradicts what is bound, and no other place of the
// observation supports that, the model has gone another way: it reused a page
// that the kernel copied, say. That is one difference, at this place. From
// then on the place's two labels belong together, so that what follows is
// compared with what it corresponds to.
type renaming struct {
	toModel, toKernel map[Label]Label
}

func newRenaming() *renaming {
	return &renaming{map[Label]Label{}, map[Label]Label{}}
}

func (n *renaming) bind(kernel, model Label) {
	delete(n.toKernel, n.toModel[kernel])
	delete(n.toModel, n.toKernel[model])
	n.toModel[kernel], n.toKernel[model] = model, kernel
}

func (n *renaming) bound(p place) bool { return n.toModel[p.kernel] == p.model }

// fresh reports whether both labels are new.
func (n *renaming) fresh(p place) bool {
	_, k := n.toModel[p.kernel]
	_, m := n.toKernel[p.model]
	return !k && !m
}

// A place names something in both observations.
type place struct {
	path          string
	kernel, model Label
}

// extend binds what two observations add, and returns the places that break what was bound.
func (n *renaming) extend(kernel, model *Observation, regions []string) (broken []place) {
	shared := sharedPlaces(kernel, model, regions)
	for _, mayBreak := range []bool{false, true} { // what is new may confirm what is old
		for bound := 1; bound > 0; { // what is bound may lead on: a frame to its swap entry, that to another frame
			var b []place
			places := slices.Concat(shared, n.recordPlaces(kernel, model))
			bound, b = n.settle(places, kernel, model, mayBreak)
			broken = append(broken, b...)
		}
	}
	return broken
}

// settle goes through places. A pair of labels is bound unless one of the two has
// a partner that another of these places confirms; where pairs compete, the one
// in more places wins, then the one whose records agree more, then the earlier.
// It returns how many pairs were bound, and those of them that break what was bound before.
func (n *renaming) settle(places []place, kernel, model *Observation, mayBreak bool) (bound int, broken []place) {
	taken := map[Label]bool{} // by this observation; a label of the model with a ' behind it
	take := func(p place) { taken[p.kernel], taken[p.model+"'"] = true, true }
	type pair struct {
		place
		places, alike int
	}
	var pairs []pair
	for _, p := range places {
		if n.bound(p) {
			take(p)
			continue
		}
		i := slices.IndexFunc(pairs, func(q pair) bool { return q.kernel == p.kernel && q.model == p.model })
		if i < 0 {
			a, both := alike(kernel, model, p.kernel, p.model)
			if !both {
				continue
			}
			i = len(pairs)
			pairs = append(pairs, pair{place: p, alike: a})
		}
		pairs[i].places++
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.places, a.places), cmp.Compare(b.alike, a.alike))
	})
	for _, p := range pairs {
		fresh := n.fresh(p.place)
		if taken[p.kernel] || taken[p.model+"'"] || !fresh && !mayBreak {
			continue
		}
		if !fresh {
			broken = append(broken, p.place)
		}
		n.bind(p.kernel, p.model)
		take(p.place)
		bound++
	}
	return bound, broken
}

// guess pairs up records that no place brings together, by likeness, for one
// observation only: a page that the model maps somewhere else is a difference where
// it is mapped, not in every field of its record as well.
func (n *renaming) guess(kernel, model *Observation) map[Label]Label {
	toKernel := map[Label]Label{}
	unmatched := slices.DeleteFunc(model.named(), func(m Label) bool { return kernel.names(n.toKernel[m]) })
	for _, k := range kernel.named() {
		if model.names(n.toModel[k]) {
			continue
		}
		best, most := -1, -1
		for i, m := range unmatched {
			if a, both := alike(kernel, model, k, m); both && a > most {
				best, most = i, a
			}
		}
		if best >= 0 {
			toKernel[unmatched[best]] = k
			unmatched = slices.Delete(unmatched, best, best+1)
		}
	}
	return toKernel
}

// named lists the labels that have records.
func (o *Observation) named() []Label { return append(byNumber(o.Frames), byNumber(o.Swap)...) }

// names reports whether the label has a record.
func (o *Observation) names(l Label) bool {
	_, frame := o.Frames[l]
	_, swap := o.Swap[l]
	return frame || swap
}

// sharedPlaces lists the places outside of records, in the order of appearance.
func sharedPlaces(kernel, model *Observation, regions []string) (all []place) {
	add := func(path string, k, m Label) {
		if k.renamed() && m.renamed() && k.ofSwap() == m.ofSwap() {
			all = append(all, place{path, k, m})
		}
	}
	for _, p := range slices.Sorted(maps.Keys(kernel.Tables)) {
		for _, r := range inOrder(kernel.Tables[p], regions) {
			of := model.Tables[p][r]
			for i, e := range kernel.Tables[p][r] {
				if i < len(of) {
					add("pt."+p+"."+r+"."+strconv.Itoa(i), e.Label, of[i].Label)
				}
			}
		}
	}
	for _, r := range inOrder(kernel.Cache, regions) {
		of := model.Cache[r]
		for i, l := range kernel.Cache[r] {
			if i < len(of) {
				add("pc."+r+"."+strconv.Itoa(i), l, of[i])
			}
		}
	}
	for _, s := range slots(kernel.Pins) {
		add("pins."+s+".f", kernel.Pins[s].Frame, model.Pins[s].Frame)
	}
	return all
}

// recordPlaces lists the places in records that belong together.
func (n *renaming) recordPlaces(kernel, model *Observation) (all []place) {
	for _, k := range byNumber(kernel.Frames) {
		if a, b := kernel.Frames[k].Swap, model.Frames[n.toModel[k]].Swap; a.renamed() && b.renamed() {
			all = append(all, place{"fr." + string(k) + ".sw", a, b})
		}
	}
	for _, k := range byNumber(kernel.Swap) {
		if a, b := kernel.Swap[k].Cache, model.Swap[n.toModel[k]].Cache; a.renamed() && b.renamed() {
			all = append(all, place{"sw." + string(k) + ".cache", a, b})
		}
	}
	return all
}

// alike counts the fields in which two records agree; both is false if one of them is missing, or they are of two sorts.
func alike(kernel, model *Observation, k, m Label) (fields int, both bool) {
	if !kernel.names(k) || !model.names(m) {
		return 0, !kernel.names(k) && !model.names(m)
	}
	none := func(Label) Label { return NoLabel }
	a, b := leafWriter{name: none}, leafWriter{name: none}
	f, kf := kernel.Frames[k]
	g, mf := model.Frames[m]
	switch {
	case kf != mf:
		return 0, false
	case kf:
		a.frame("", f)
		b.frame("", g)
	default:
		a.slot("", kernel.Swap[k])
		b.slot("", model.Swap[m])
	}
	for _, l := range a.all {
		if slices.Contains(b.all, l) {
			fields++
		}
	}
	return fields, true
}
