package check

import "slices"

// A run that goes on for ever stays, from some state on, in a strongly connected
// set of states, and goes to each again and again. It is fair if everybody who is owed a move there
// moves. So a set of states is a livelock if
//
//	some task moves in it, and
//	whoever can move or is in a queue in all of its states, and can move in some, moves in it.
//
// If the second fails for a component, it may hold for a part: one that avoids the states in
// which those can move who are starved in the whole. So those states are taken out,
// and the components of what is left are looked at in the same way.

// judge finds the livelocks in a component.
func (y *cycles) judge(k knot, links []link) {
	all := make([]uint32, len(y.open)-int(k.first))
	for i := range all {
		all[i] = k.first + uint32(i)
	}
	y.judgePart(all, links)
}

// judgePart finds the livelocks in a strongly connected set of states with the links between them.
func (y *cycles) judgePart(part []uint32, links []link) {
	moved, always, some := uint64(0), ^uint64(0), uint64(0)
	for _, n := range part {
		always &= y.open[n].can | y.open[n].waits
		some |= y.open[n].can
	}
	for _, l := range links {
		moved |= 1 << l.choice.Actor
	}
	if moved&y.m.Tasks() == 0 {
		return
	}
	starved := always & some &^ moved
	if starved == 0 {
		y.parts = append(y.parts, some)
		for _, n := range part {
			y.open[n].part = uint64(len(y.parts))
		}
		return
	}
	left := map[uint32]bool{}
	for _, n := range part {
		if y.open[n].can&starved == 0 {
			left[n] = true
		}
	}
	next := map[uint32][]uint32{}
	for _, l := range links {
		if left[l.from] && left[l.to] {
			next[l.from] = append(next[l.from], l.to)
		}
	}
	for _, c := range components(part, next) {
		in := map[uint32]bool{}
		for _, n := range c {
			in[n] = true
		}
		var within []link
		for _, l := range links {
			if in[l.from] && in[l.to] {
				within = append(within, l)
			}
		}
		y.judgePart(c, within)
	}
}

// components returns the strongly connected components of a graph that have
// more than one node, or a link from the one to itself (Tarjan's algorithm). The
// components come in an order that the order of the nodes decides.
func components(nodes []uint32, next map[uint32][]uint32) (out [][]uint32) {
	number, low := map[uint32]int{}, map[uint32]int{}
	open := map[uint32]bool{}
	var stack []uint32
	var visit func(n uint32)
	visit = func(n uint32) {
		number[n] = len(number) + 1
		low[n] = number[n]
		stack = append(stack, n)
		open[n] = true
		loop := false
		for _, to := range next[n] {
			loop = loop || to == n
			if number[to] == 0 {
				visit(to)
				low[n] = min(low[n], low[to])
			} else if open[to] {
				low[n] = min(low[n], number[to])
			}
		}
		if low[n] < number[n] {
			return
		}
		first := len(stack) - 1
		for stack[first] != n {
			first--
		}
		c := append([]uint32(nil), stack[first:]...)
		stack = stack[:first]
		for _, n := range c {
			open[n] = false
		}
		if len(c) > 1 || loop {
			out = append(out, c)
		}
	}
	for _, n := range nodes {
		if number[n] == 0 && len(next[n]) > 0 {
			visit(n)
		}
	}
	return out
}

// way returns choices that lead from the first state of a component, within it,
// to one that is in a livelock; false if none is.
func (y *cycles) way(k knot) (choices []Choice, leads bool) {
	from := map[uint32]link{}
	queue := []uint32{k.first}
	next := map[uint32][]link{}
	for _, l := range y.links[k.link:] {
		next[l.from] = append(next[l.from], l)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if y.open[n].part != 0 {
			for ; n != k.first; n = from[n].from {
				choices = append(choices, from[n].choice)
			}
			slices.Reverse(choices)
			return choices, true
		}
		for _, l := range next[n] {
			if _, known := from[l.to]; !known && l.to != k.first {
				from[l.to] = l
				queue = append(queue, l.to)
			}
		}
	}
	return nil, false
}
