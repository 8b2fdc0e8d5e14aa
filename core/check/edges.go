package check

import (
	"cmp"
	"slices"
)

// edges are the ways that a reduced search has gone between states that it has
// kept, by their fingerprints. If they lead round nowhere, no run of the model goes on
// for ever: why is in RATIONALE.md.
type edges struct{ all []edge }

type edge struct{ from, to uint64 }

func (e *edges) bytes() uint64 {
	if e == nil {
		return 0
	}
	return 16 * uint64(cap(e.all))
}

func (e *edges) add(from, to uint64) {
	if e != nil {
		e.all = append(e.all, edge{from, to})
	}
}

// circular reports whether a way leads from some state back to it: whether
// there are states left when those that no way leads to are taken away, again and again.
func (e *edges) circular() bool {
	if e == nil {
		return false
	}
	slices.SortFunc(e.all, func(a, b edge) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	e.all = slices.Compact(e.all)
	var into noted // by state: how many ways lead there, and one
	for _, x := range e.all {
		if x.from == x.to {
			return true
		}
		for _, fp := range []uint64{x.from, x.to} {
			if into.find(fp) == nil {
				into.add(fp, 1)
			}
		}
		*into.find(x.to)++
	}
	var free []uint64
	for i, x := range e.all {
		if (i == 0 || e.all[i-1].from != x.from) && *into.find(x.from) == 1 {
			free = append(free, x.from)
		}
	}
	gone := 0
	for len(free) > 0 {
		fp := free[len(free)-1]
		free = free[:len(free)-1]
		first, _ := slices.BinarySearchFunc(e.all, fp, func(x edge, fp uint64) int { return cmp.Compare(x.from, fp) })
		for _, x := range e.all[first:] {
			if x.from != fp {
				break
			}
			gone++
			if n := into.find(x.to); *n == 2 {
				*n = 1
				free = append(free, x.to)
			} else {
				*n--
			}
		}
	}
	return gone < len(e.all)
}
