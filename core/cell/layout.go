package cell

import (
	"fmt"
	"math/bits"
	"sort"
	"strings"
)

// A Class is a kind of cell ("PTEs", "reference counts"): the coarse grain in
// which a step says beforehand what it may touch. A layout has at most 64.
type Class uint8

// A Set is a set of classes.
type Set uint64

// Of returns the set of the given classes.
func Of(cs ...Class) Set {
	var s Set
	for _, c := range cs {
		s |= 1 << c
	}
	return s
}

// Has reports whether c is in the set.
func (s Set) Has(c Class) bool { return s>>c&1 != 0 }

// Each calls f with every class of the set, lowest first.
func (s Set) Each(f func(Class)) {
	for s != 0 {
		f(Class(bits.TrailingZeros64(uint64(s))))
		s &= s - 1
	}
}

// A Region is a run of cells of one kind: all reference counts, one mm's locks.
type Region struct {
	Class Class
	Owner string // the inspector that shows it: "folio", "walk", "cpu", …

	// Name returns what people call cell i of the region: "folio 3._refcount".
	Name func(i int) string

	// Decode returns the value of cell i as people read it. Nil: decimal.
	Decode func(i int, v uint64) string

	// The rest is for reduced searches, which tell steps apart that have nothing to do
	// with each other. Whoever says nothing here loses reduction and nothing else.

	// Of returns the instance that cell i belongs to. Nil: the whole. Cells of one
	// class and one instance are one object.
	Of func(i int) Instance

	// Names calls f with the instances that a value of cell i names: who can read
	// the cell can come by theirs. Nil: none.
	Names func(i int, v uint64, f func(Instance))

	// BothWays says that who has an instance that is named can come by those that name it.
	BothWays bool

	// Private says that nobody reads the cell but its owner. Who wants to know
	// whether an instance is named in such places says so ([Memory.Seek]), who changes
	// there what is said of it does so with [Memory.Amend].
	Private bool

	// Sum says that the cells are only ever added to, by steps that do not look:
	// a step that leaves such a cell as it was has nothing to do with it.
	Sum bool

	first ID
	n     int
}

// An Instance is one of the things that cells belong to and values name: a
// frame, an address space, a CPU. Who lays out numbers them.
type Instance uint16

// Whole is the instance of cells that belong to none.
const Whole Instance = 0

// A Layout says which cells there are. Regions are laid out in the order they
// are added; the order decides the hash, so it is part of the model's version.
type Layout struct {
	regions []Region
	n       int
	of      []uint16 // the region of every cell, once there is a memory
}

// Add lays out n cells of region r behind those there are and returns the first.
func (l *Layout) Add(n int, r Region) ID {
	first := ID(l.n)
	if n == 0 {
		return first
	}
	r.first, r.n = first, n
	l.regions = append(l.regions, r)
	l.n += n
	return first
}

// Len returns the number of cells.
func (l *Layout) Len() int { return l.n }

func (l *Layout) region(id ID) (*Region, int) {
	if int(id) < len(l.of) {
		r := &l.regions[l.of[id]]
		return r, int(id - r.first)
	}
	k := sort.Search(len(l.regions), func(k int) bool { return l.regions[k].first > id }) - 1
	if k < 0 || int(id) >= l.n {
		panic(fmt.Sprintf("cell: %d is no cell of this layout of %d cells", id, l.n))
	}
	r := &l.regions[k]
	return r, int(id - r.first)
}

// seal notes which region a cell is of.
func (l *Layout) seal() {
	l.of = make([]uint16, l.n)
	for k, r := range l.regions {
		for i := range r.n {
			l.of[int(r.first)+i] = uint16(k)
		}
	}
}

// Region returns the region of a cell, and the cell's place in it.
func (l *Layout) Region(id ID) (*Region, int) { return l.region(id) }

// Of returns the instance that the cell belongs to.
func (l *Layout) Of(id ID) Instance {
	r, i := l.region(id)
	if r.Of == nil {
		return Whole
	}
	return r.Of(i)
}

// Name returns what people call the cell.
func (l *Layout) Name(id ID) string {
	r, i := l.region(id)
	return r.Name(i)
}

// Decode returns v as people read it in the cell.
func (l *Layout) Decode(id ID, v uint64) string {
	r, i := l.region(id)
	if r.Decode == nil {
		return fmt.Sprint(int64(v))
	}
	return r.Decode(i, v)
}

// Class returns the class of the cell.
func (l *Layout) Class(id ID) Class {
	r, _ := l.region(id)
	return r.Class
}

// Owner returns the inspector that shows the cell.
func (l *Layout) Owner(id ID) string {
	r, _ := l.region(id)
	return r.Owner
}

// Describe returns a line for every region: where it lies, its class, its first name.
func (l *Layout) Describe() string {
	var b strings.Builder
	for _, r := range l.regions {
		fmt.Fprintf(&b, "%6d %5d  class %-2d %-8s %s\n", r.first, r.n, r.Class, r.Owner, r.Name(0))
	}
	return b.String()
}
