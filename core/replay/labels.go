package replay

import (
	"fmt"
	"maps"
	"slices"
)

// Labels gives frames and swap entries their labels as the corpus does:
//
//   - They are numbered by their first appearance. Within an observation that is:
//     page tables (processes, regions, pages), page cache, pins, swap cache.
//   - A label is retired as soon as an observation no longer reaches what it named. If it is
//     reached again it gets another label: nobody can tell whether it was freed in between.
//
// A model fills an Observation with names of its own, one for each life of a
// frame or a swap entry, the first letter F or S; Number replaces them.
type Labels struct {
	now          map[Label]Label // the model's names that the last observation reached
	frames, swap int             // labels given so far
}

// Number replaces every label in an observation. Observations come in the order of the program.
func (n *Labels) Number(o *Observation, regions []string) {
	next := map[Label]Label{}
	for _, own := range o.appearance(regions) {
		l, known := n.now[own]
		switch {
		case known:
		case own.ofSwap():
			l = Label(fmt.Sprintf("S%d", n.swap))
			n.swap++
		default:
			l = Label(fmt.Sprintf("F%d", n.frames))
			n.frames++
		}
		next[own] = l
	}
	n.now = next
	o.rename(func(own Label) Label { return next[own] })
}

// appearance lists the labels of an observation, each once, as they appear; last
// those that only have a record.
func (o *Observation) appearance(regions []string) []Label {
	var all []Label
	see := func(l Label) {
		if l.renamed() && !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(o.Tables)) {
		for _, r := range inOrder(o.Tables[p], regions) {
			for _, e := range o.Tables[p][r] {
				see(e.Label)
			}
		}
	}
	for _, r := range inOrder(o.Cache, regions) {
		for _, l := range o.Cache[r] {
			see(l)
		}
	}
	for _, s := range slots(o.Pins) {
		see(o.Pins[s].Frame)
	}
	follow := func() {
		for i := 0; i < len(all); i++ { // all grows: a frame may lead to a swap entry, and that to a frame
			see(o.Frames[all[i]].Swap)
			see(o.Swap[all[i]].Cache)
		}
	}
	follow()
	for _, l := range o.named() {
		see(l)
	}
	follow()
	return all
}

// rename replaces every label that is not the same everywhere.
func (o *Observation) rename(name func(Label) Label) {
	change := func(l *Label) {
		if l.renamed() {
			*l = name(*l)
		}
	}
	for _, regions := range o.Tables {
		for _, entries := range regions {
			for i := range entries {
				change(&entries[i].Label)
			}
		}
	}
	for _, pages := range o.Cache {
		for i := range pages {
			change(&pages[i])
		}
	}
	for s, p := range o.Pins {
		change(&p.Frame)
		o.Pins[s] = p
	}
	o.Frames, o.Swap = renamed(o.Frames, name), renamed(o.Swap, name)
	for l, f := range o.Frames {
		change(&f.Swap)
		o.Frames[l] = f
	}
	for l, s := range o.Swap {
		change(&s.Cache)
		o.Swap[l] = s
	}
}
