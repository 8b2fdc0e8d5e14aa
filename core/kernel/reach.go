package kernel

import (
	"math/bits"
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A set is a set of instances.
type set []uint64

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

func (s set) and(t set) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s set) meets(t set) bool {
	for i := range s {
		if s[i]&t[i] != 0 {
			return true
		}
	}
	return false
}

// andIn adds those members of another set that are in a third, and reports whether there are any new.
func (s set) andIn(t, in set) (added bool) {
	for i := range s {
		added = added || t[i]&in[i]&^s[i] != 0
		s[i] |= t[i] & in[i]
	}
	return added
}

// meetsIn reports whether two sets have a member of a third in common.
func (s set) meetsIn(t, in set) bool {
	for i := range s {
		if s[i]&t[i]&in[i] != 0 {
			return true
		}
	}
	return false
}

func (s set) within(t set) bool {
	for i := range s {
		if s[i]&^t[i] != 0 {
			return false
		}
	}
	return true
}

func empty(s set) bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// links are which instances name which others in the present state. They are
// kept up: what a cell names is asked again only when it has changed.
type links struct {
	m       *machine.Machine
	n       int          // instances, and behind them a place for every pool
	cells   [][]run      // by instance: its cells that name others
	of      []int16      // by cell: the instance whose links depend on it; -1: none
	fixed   []set        // by instance: links for good
	to      []set        // by instance: fixed, and what its cells name
	back    []set        // by instance: what its cells name BothWays
	both    []int        // instances that have such cells
	pools   []pool       // free instances
	pool    []cell.Class // by instance: that of its pool
	free    []set        // by pool
	pass    set          // instances through which others can be handed on
	named   set          // instances that are named in places that others can read,
	namedAt uint64       // when the hash was this
	naming  cell.Set     // classes that names are handed on in

	stale  set      // instances whose links are out of date
	unfree bool     // the sets of free instances are
	hash   uint64   // of all links but those for good, and of what is free
	parts  []uint64 // of that hash, by instance
	was    set      // scratch
	done   set      // scratch

	// What Names is called with; kept here because a function made for every cell would be garbage.
	asked            int // whose cells
	oneWay, bothWays func(cell.Instance)
}

// A run is cells that follow each other.
type run struct{ from, end cell.ID }

// A pool is what may be taken, and given back, by steps that touch a class.
type pool struct {
	take, give cell.Class
	all        set
	instances  []int
	cells      []cell.ID
}

const saysFree = -2 // links.of of a cell that says whether an instance is free

func (l *links) set() set { return make(set, (l.n+63)/64) }

func (l *links) init(m *machine.Machine) {
	l.m = m
	layout := m.Mem.Layout()
	l.n = m.Instances()
	l.of = make([]int16, layout.Len())
	l.pool = slices.Repeat([]cell.Class{machine.Frames}, m.Instances())
	for i := range l.of {
		l.of[i] = -1
	}
	m.Pools(func(take, give cell.Class, i cell.Instance, free machine.Word) {
		k := slices.IndexFunc(l.pools, func(p pool) bool { return p.take == take && p.give == give })
		if k < 0 {
			k = len(l.pools)
			l.pools = append(l.pools, pool{take: take, give: give, all: l.set()})
			l.free = append(l.free, l.set())
		}
		p := &l.pools[k]
		p.instances, p.cells = append(p.instances, int(i)), append(p.cells, free.Cell())
		l.of[free.Cell()] = saysFree
		p.all.add(int(i))
		l.pool[i] = take
	})
	l.done, l.was = l.set(), l.set()
	l.parts = make([]uint64, l.n)
	l.cells, l.stale, l.pass = make([][]run, l.n), l.set(), l.set()
	for range l.n {
		l.fixed, l.to, l.back = append(l.fixed, l.set()), append(l.to, l.set()), append(l.back, l.set())
	}
	m.Links(func(a, b cell.Instance) {
		l.fixed[a].add(int(b))
		l.fixed[b].add(int(a))
	})
	for id := range l.of {
		r, _ := layout.Region(cell.ID(id))
		if r.Names == nil {
			continue
		}
		i := int(layout.Of(cell.ID(id)))
		if runs := l.cells[i]; len(runs) > 0 && runs[len(runs)-1].end == cell.ID(id) {
			runs[len(runs)-1].end++
		} else {
			l.cells[i] = append(runs, run{cell.ID(id), cell.ID(id) + 1})
		}
		if l.of[id] == saysFree {
			panic("kernel: a cell that says whether an instance is free names others as well: links tells only one of both")
		}
		l.of[id] = int16(i)
		if r.BothWays && !slices.Contains(l.both, i) {
			l.both = append(l.both, i)
		}
		if !r.Private {
			l.naming |= cell.Of(r.Class)
		}
		if i != int(m.OfFrame(machine.ZeroPage)) { // which never changes hands
			l.pass.add(i)
		}
	}
	l.named = l.set()
	l.oneWay = func(j cell.Instance) { l.to[l.asked].add(int(j)) }
	l.bothWays = func(j cell.Instance) {
		l.to[l.asked].add(int(j))
		l.back[l.asked].add(int(j))
	}
}

// begin forgets all links but those for good, and has all cells asked again.
func (l *links) begin() {
	l.hash, l.namedAt, l.unfree = 1, 0, true
	clear(l.parts)
	for i := range l.n {
		clear(l.to[i])
		clear(l.back[i])
		l.stale.add(i)
	}
	for k := range l.free {
		clear(l.free[k])
	}
}

// changed notes that a cell has another value.
func (l *links) changed(id cell.ID) {
	switch i := l.of[id]; {
	case i >= 0:
		l.stale.add(int(i))
	case i == saysFree:
		l.unfree = true
	}
}

// update brings the links up to date and returns their hash.
func (l *links) update() uint64 {
	if l.unfree {
		l.unfree = false
		for k, p := range l.pools {
			l.hash ^= hashOf(l.n+k, l.free[k])
			clear(l.free[k])
			for n, id := range p.cells {
				if l.m.Mem.Peek(id) == 0 {
					l.free[k].add(p.instances[n])
				}
			}
			l.hash ^= hashOf(l.n+k, l.free[k])
		}
	}
	for w := range l.stale {
		for ; l.stale[w] != 0; l.stale[w] &= l.stale[w] - 1 {
			l.ask(w*64 + bits.TrailingZeros64(l.stale[w]))
		}
	}
	return l.hash
}

// ask asks the cells of an instance what they name.
func (l *links) ask(i int) {
	layout := l.m.Mem.Layout()
	l.asked = i
	copy(l.was, l.to[i])
	copy(l.to[i], l.fixed[i])
	clear(l.back[i])
	mem := l.m.Mem
	for _, run := range l.cells[i] {
		for id := mem.Nonzero(run.from, run.end); id < run.end; id = mem.Nonzero(id+1, run.end) {
			r, at := layout.Region(id)
			note := l.oneWay
			if r.BothWays {
				note = l.bothWays
			}
			r.Names(at, mem.Peek(id), note)
		}
	}
	if !slices.Equal(l.was, l.to[i]) {
		part := hashOf(i, l.to[i])
		l.hash ^= l.parts[i] ^ part
		l.parts[i] = part
	}
}

// hashOf is the contribution of a set with a number to a hash of many.
func hashOf(i int, s set) (h uint64) {
	for w, x := range s {
		h ^= cell.Mix(cell.ID(i*len(s)+w), x)
	}
	return h
}

// shared returns the instances that are named in places that are not private.
func (l *links) shared() set {
	if l.namedAt != l.hash {
		l.namedAt = l.hash
		clear(l.named)
		for i := range l.to {
			if i < int(l.m.OfCPU(0)) {
				l.named.and(l.to[i])
			}
		}
	}
	return l.named
}

// isFree reports whether an instance can be taken from a pool.
func (l *links) isFree(i int) bool {
	for k := range l.free {
		if l.free[k].has(i) {
			return true
		}
	}
	return false
}

// close adds to a set all that its members lead to.
func (l *links) close(s set) {
	done := l.done
	clear(done)
	for again := true; again; {
		again = false
		for w := range s {
			for todo := s[w] &^ done[w]; todo != 0; todo = s[w] &^ done[w] {
				done[w] |= todo & -todo
				s.and(l.to[w*64+bits.TrailingZeros64(todo)])
				again = true
			}
		}
		for _, i := range l.both {
			if !s.has(i) && s.meets(l.back[i]) {
				s.add(i)
				again = true
			}
		}
	}
}
