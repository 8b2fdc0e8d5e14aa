// Package cell is the memory of a model: one flat array of 64-bit cells with
// one write path.
//
// Its nouns are the Layout (which cells there are, what they are called and how
// their value reads), the Memory (the values) and the Footprint (which cells a
// step has read and written). Its law: nothing changes but through
// [Memory.Store]. From that one path follow
//
//   - undo: every store remembers the value before it, so going back costs what
//     was written, not what exists ([Memory.Mark], [Memory.Undo]);
//   - the hash of the whole state, kept up to date at every store
//     ([Memory.Hash]);
//   - the read set and write set of a step ([Memory.Record]);
//   - which cells are zero, so that who looks for the few that are not, or for the
//     first that is, does not look at all ([Memory.Nonzero], [Memory.Zero]);
//   - the delta that a page streams ([Memory.Changes]).
//
// The package knows nothing of what the cells mean. Reading order: layout.go,
// cell.go.
package cell

import (
	"math/bits"
	"unsafe"
)

// An ID names one cell of a Memory. IDs are dense and start at 0.
type ID uint32

// A Memory holds the value of every cell of a Layout.
//
// The hash is the XOR over all cells of mix(cell, value), with mix(cell, 0) = 0:
// cells that are zero do not count, and a store updates it with two mixes
// whatever the size of the memory.
type Memory struct {
	layout *Layout
	v      []uint64
	set    []uint64 // a bit for every cell: it is not zero
	log    []change
	hash   uint64
	rec    *Footprint
	watch  func(id ID, old, new uint64)
}

// A change is an entry of the undo log. The old value is kept in two halves,
// because a whole one would align the entry to 16 bytes instead of 12, and the log of a
// long run is the largest part of what an explorer keeps of it.
type change struct {
	id           ID
	oldLo, oldHi uint32
}

func (c change) old() uint64 { return uint64(c.oldHi)<<32 | uint64(c.oldLo) }

// A Mark is a place in the undo log.
type Mark int

// New returns a memory of the cells in l, all zero. The layout must not grow afterwards.
func New(l *Layout) *Memory {
	l.seal()
	return &Memory{layout: l, v: make([]uint64, l.Len()), set: make([]uint64, (l.Len()+63)/64)}
}

// Layout returns the layout the memory was made of.
func (m *Memory) Layout() *Layout { return m.layout }

// Load returns the value of a cell.
func (m *Memory) Load(id ID) uint64 {
	if m.rec != nil {
		m.rec.read(id)
	}
	return m.v[id]
}

// Store sets a cell. Storing the value that is there already is no write.
func (m *Memory) Store(id ID, v uint64) {
	if m.rec != nil {
		m.note(id, v)
	}
	old := m.v[id]
	if old == v {
		return
	}
	m.log = append(m.log, change{id, uint32(old), uint32(old >> 32)})
	m.hash ^= mix(id, old) ^ mix(id, v)
	m.put(id, old, v)
	m.tell(id, old, v)
}

func (m *Memory) note(id ID, v uint64) {
	m.rec.wrote(id)
	m.named(id, v)
}

// Amend is Store without a trace in the footprint, for steps that change what
// private places say of an instance that they seek: see [Memory.Seek].
func (m *Memory) Amend(id ID, v uint64) {
	rec := m.Record(nil)
	m.Store(id, v)
	m.Record(rec)
}

// put and tell are all that Store and going back have in common; apart, both are
// small enough for the compiler to save the call.
func (m *Memory) put(id ID, old, v uint64) {
	m.v[id] = v
	if old == 0 || v == 0 { // never both
		m.set[id/64] ^= 1 << (id % 64)
	}
}

func (m *Memory) tell(id ID, old, v uint64) {
	if m.watch != nil {
		m.watch(id, old, v)
	}
}

// Nonzero returns the first cell from one on that is not zero, or end if there is
// none before it. Like Peek it leaves no trace: a step that goes by it says what it depends on with Note.
func (m *Memory) Nonzero(from, end ID) ID { return m.scan(from, end, 0) }

// Zero is Nonzero for a cell that is zero.
func (m *Memory) Zero(from, end ID) ID { return m.scan(from, end, ^uint64(0)) }

func (m *Memory) scan(from, end ID, flip uint64) ID {
	if from >= end {
		return end
	}
	w := from / 64
	for b := (m.set[w] ^ flip) &^ (1<<(from%64) - 1); ; b = m.set[w] ^ flip {
		if b != 0 {
			return min(end, w*64+ID(bits.TrailingZeros64(b)))
		}
		if w++; w*64 >= end {
			return end
		}
	}
}

// Note notes in the footprint that the step under way has looked at every cell from one on, before end.
func (m *Memory) Note(from, end ID) {
	if m.rec != nil {
		for id := from; id < end; id++ {
			m.rec.read(id)
		}
	}
}

// Recording reports whether footprints are being noted.
func (m *Memory) Recording() bool { return m.rec != nil }

// Clear stores 0 in every cell from one on, before end; those that are 0 already cost nothing.
func (m *Memory) Clear(from, end ID) {
	if m.rec != nil {
		for id := from; id < end; id++ {
			m.rec.wrote(id)
		}
	}
	for id := m.Nonzero(from, end); id < end; id = m.Nonzero(id+1, end) {
		m.Store(id, 0)
	}
}

// named notes which instances a private cell names no more or begins to name.
func (m *Memory) named(id ID, v uint64) {
	r, i := m.layout.region(id)
	if r.Private && r.Names != nil && m.v[id] != v {
		r.Names(i, m.v[id], m.rec.named)
		r.Names(i, v, m.rec.named)
	}
}

// Seek notes that the step under way depends on whether, and how, private places
// name an instance, or changes that.
func (m *Memory) Seek(i Instance) {
	if m.rec != nil {
		m.rec.Sought = once(m.rec.Sought, i)
	}
}

// Recall notes that the step under way depends on what its own private place says of an
// instance, which who seeks it may have changed.
func (m *Memory) Recall(i Instance) {
	if m.rec != nil {
		m.rec.named(i)
	}
}

// Glance notes that the step under way goes by the value of a cell of which it need not be
// said that it reads it, because who writes it is in conflict with the step anyhow, as who seeks what the step recalls.
func (m *Memory) Glance(id ID) { m.GlanceAt(id, id+1) }

// GlanceAt is Glance for every cell from one on, before end.
func (m *Memory) GlanceAt(from, end ID) {
	if m.rec != nil {
		for id := from; id < end; id++ {
			m.rec.Glances = once(m.rec.Glances, id)
		}
	}
}

// Watch makes the memory call f with every cell whose value changes, by Store or
// by going back; nil stops it. It returns what was called before.
func (m *Memory) Watch(f func(id ID, old, new uint64)) (was func(id ID, old, new uint64)) {
	was, m.watch = m.watch, f
	return was
}

// Watched reports whether there is somebody to be told.
func (m *Memory) Watched() bool { return m.watch != nil }

// Peek is Load without a trace in the footprint: for onlookers (views, names,
// hashes), never for a step.
func (m *Memory) Peek(id ID) uint64 { return m.v[id] }

// Hash returns the fingerprint of the whole state. Equal states have equal
// hashes, on every machine and in every build.
func (m *Memory) Hash() uint64 { return m.hash }

// Mark returns the present place in the undo log.
func (m *Memory) Mark() Mark { return Mark(len(m.log)) }

// Undo takes back every store since the mark.
func (m *Memory) Undo(to Mark) {
	for i := len(m.log) - 1; i >= int(to); i-- {
		c := m.log[i]
		now, old := m.v[c.id], c.old()
		m.hash ^= mix(c.id, now) ^ mix(c.id, old)
		m.put(c.id, now, old)
		m.tell(c.id, now, old)
	}
	m.log = m.log[:to]
}

// Return is Undo for those who know the hash of the state at the mark, which
// saves computing it.
func (m *Memory) Return(to Mark, hash uint64) {
	for i := len(m.log) - 1; i >= int(to); i-- {
		c := m.log[i]
		now, old := m.v[c.id], c.old()
		m.put(c.id, now, old)
		m.tell(c.id, now, old)
	}
	m.log = m.log[:to]
	m.hash = hash
}

// Forget empties the undo log: what was stored so far cannot be taken back.
// Marks taken before are void.
func (m *Memory) Forget() { m.log = m.log[:0] }

// LogBytes returns the memory that the undo log takes.
func (m *Memory) LogBytes() uint64 { return uint64(cap(m.log)) * uint64(unsafe.Sizeof(change{})) }

// Written calls f with every cell stored to since the mark, in order; a cell
// stored to twice comes twice.
func (m *Memory) Written(since Mark, f func(ID)) {
	for _, c := range m.log[since:] {
		f(c.id)
	}
}

// A Change is one cell's value before and after a stretch of the log.
type Change struct {
	Cell     ID
	Old, New uint64
}

// Changes returns the net changes since the mark, a cell at most once, in the
// order of their first store.
func (m *Memory) Changes(since Mark) []Change {
	var out []Change
	seen := map[ID]bool{}
	for _, c := range m.log[since:] {
		if !seen[c.id] {
			seen[c.id] = true
			if m.v[c.id] != c.old() {
				out = append(out, Change{c.id, c.old(), m.v[c.id]})
			}
		}
	}
	return out
}

// AppendChanges appends the net changes since the mark, for stretches as short as a step.
func (m *Memory) AppendChanges(dst []Change, since Mark) []Change {
	first := len(dst)
next:
	for _, c := range m.log[since:] {
		for _, have := range dst[first:] {
			if have.Cell == c.id {
				continue next
			}
		}
		dst = append(dst, Change{c.id, c.old(), m.v[c.id]})
	}
	kept := dst[:first]
	for _, c := range dst[first:] {
		if c.Old != c.New {
			kept = append(kept, c)
		}
	}
	return kept
}

// Snapshot appends the value of every cell to dst: the whole state, for
// checkers that keep states rather than fingerprints.
func (m *Memory) Snapshot(dst []uint64) []uint64 { return append(dst, m.v...) }

// Rehash computes the hash from nothing. It equals Hash; tests hold them together.
func (m *Memory) Rehash() uint64 {
	var h uint64
	for i, v := range m.v {
		h ^= mix(ID(i), v)
	}
	return h
}

// Mix is the contribution of one cell to the hash, for those who keep hashes of
// parts of a state.
func Mix(id ID, v uint64) uint64 { return mix(id, v) }

// mix is the contribution of one cell to the hash.
func mix(id ID, v uint64) uint64 {
	if v == 0 {
		return 0
	}
	// The multiplier spreads the numbers of cells over all words: 2⁶⁴ divided by the golden ratio.
	return scramble(v ^ uint64(id+1)*0x9e3779b97f4a7c15)
}

// scramble is a bijection of 64-bit words whose every output bit depends on
// every input bit (the finaliser of MurmurHash3, variant 13 of David Stafford).
func scramble(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return x
}

// A Footprint is what one step has read and written, each cell once, in order
// of first use. A cell that is stored to with the value it has counts as
// written: another value would have been seen.
type Footprint struct {
	Reads, Writes []ID

	// Named are the instances of which a private place says something else now, or
	// was asked; Sought are those that were looked for in all private places.
	Named, Sought []Instance

	// Glances are cells whose value the step has gone by without reading them: see [Memory.Glance].
	Glances []ID
}

// Reset empties the footprint and keeps its memory.
func (f *Footprint) Reset() {
	f.Reads, f.Writes, f.Named, f.Sought, f.Glances = f.Reads[:0], f.Writes[:0], f.Named[:0], f.Sought[:0], f.Glances[:0]
}

func (f *Footprint) read(id ID)       { f.Reads = once(f.Reads, id) }
func (f *Footprint) wrote(id ID)      { f.Writes = once(f.Writes, id) }
func (f *Footprint) named(i Instance) { f.Named = once(f.Named, i) }

// once appends id unless it is there. Footprints are a few cells long, so a
// scan beats a set.
func once[T comparable](s []T, id T) []T {
	for _, have := range s {
		if have == id {
			return s
		}
	}
	return append(s, id)
}

// Record makes the memory note every load and store in f from now on; nil
// stops it. It returns what was recorded into before.
func (m *Memory) Record(f *Footprint) *Footprint {
	was := m.rec
	m.rec = f
	return was
}
