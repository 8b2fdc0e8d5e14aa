package check

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"gupscope/core/cell"
)

// Exact is New for a proof that keeps whole states in the place of their
// fingerprints. It takes several times the memory and the time, and no state can be taken for
// another one: [Result.Omission] is 0. That a run is shortest still rests on fingerprints.
func Exact(m Model, l Limits) *Check {
	c := New(m, l)
	c.exact, c.proof.whole = true, newWhole(c.mem)
	return c
}

// A whole is a set of whole states. Of a state it keeps what differs from the
// initial one, as bytes in an arena, which hash tables point to.
//
// Cells are written in the order in which they were first stored to, in whatever run:
// for every one that differs, how many before it do not, and the XOR of its two values,
// both as varints. A cell that is stored to for the first time comes behind
// all others and differs in none of the states that are kept, so their bytes stay
// what they would be now.
type whole struct {
	mem     *cell.Memory
	initial []uint64  // every cell
	cells   []cell.ID // that were ever stored to, in order
	stored  []bool    // whether a cell is one of them

	arena  [][]byte // records: length as a varint, bytes
	tables [wholeTables]table
	seed   maphash.Seed
	bytes  uint64

	// About the state that has was last asked for.
	record []byte
	hash   uint64
}

const (
	wholeTables = 256
	arenaChunk  = 1 << 20
)

// A table is an open hash table of places in the arena, plus one; 0 is free. A
// place is the number of the chunk and the offset in it. The top bits of a slot are
// those of the hash, so that few records are compared in vain.
type table struct {
	slots []uint64
	used  int
}

const (
	placeBits = 44
	placeMask = 1<<placeBits - 1
)

func newWhole(mem *cell.Memory) *whole {
	n := mem.Layout().Len()
	return &whole{mem: mem, initial: mem.Snapshot(nil), stored: make([]bool, n), seed: maphash.MakeSeed(),
		bytes: 9*uint64(n) + wholeTables*32}
}

// has reports whether the present state, reached by the stores since the mark, is there.
func (w *whole) has(since cell.Mark) bool {
	w.mem.Written(since, func(id cell.ID) {
		if !w.stored[id] {
			w.stored[id] = true
			w.cells = append(w.cells, id)
		}
	})
	w.record = w.encode(w.record[:0])
	w.hash = maphash.Bytes(w.seed, w.record)
	return w.find() != 0
}

// find returns the slot of the record; 0 if it is not there.
func (w *whole) find() uint64 {
	t := &w.tables[w.hash%wholeTables]
	if len(t.slots) == 0 {
		return 0
	}
	for i := w.first(t); t.slots[i] != 0; i = (i + 1) % len(t.slots) {
		if (t.slots[i]^w.hash)>>placeBits == 0 && bytes.Equal(w.at(t.slots[i]), w.record) {
			return t.slots[i]
		}
	}
	return 0
}

// name returns a number for the present state that no other has. The proof is
// over, so the state is there.
func (w *whole) name() uint64 {
	w.record = w.encode(w.record[:0])
	w.hash = maphash.Bytes(w.seed, w.record)
	slot := w.find()
	if slot == 0 {
		panic("check: a state is reached that the proof has not seen.\nDoes the model keep state outside its memory?")
	}
	return (slot & placeMask) * 0x9e3779b97f4a7c15 // an odd number: all bits are spread, and none is lost
}

// first is the slot at which the search for the hash begins.
func (w *whole) first(t *table) int { return int(w.hash/wholeTables%(1<<36)) % len(t.slots) }

func (w *whole) encode(dst []byte) []byte {
	same := uint64(0)
	for _, id := range w.cells {
		v := w.mem.Peek(id) ^ w.initial[id]
		if v == 0 {
			same++
			continue
		}
		dst = binary.AppendUvarint(dst, same)
		dst = binary.AppendUvarint(dst, v)
		same = 0
	}
	return dst
}

// at returns the record that a slot points to.
func (w *whole) at(slot uint64) []byte {
	place := slot&placeMask - 1
	chunk := w.arena[place/arenaChunk][place%arenaChunk:]
	n, size := binary.Uvarint(chunk)
	return chunk[size : size+int(n)]
}

// add adds the state that has was last asked for and did not find.
func (w *whole) add() {
	t := &w.tables[w.hash%wholeTables]
	if t.used >= len(t.slots)*3/4 {
		w.grow(t)
	}
	t.used++
	w.put(t, w.hash>>placeBits<<placeBits|(w.keep()+1))
}

// put puts a slot where the search for the hash will find it.
func (w *whole) put(t *table, slot uint64) {
	i := w.first(t)
	for t.slots[i] != 0 {
		i = (i + 1) % len(t.slots)
	}
	t.slots[i] = slot
}

// keep appends the record to the arena, and returns its place.
func (w *whole) keep() uint64 {
	need := len(w.record) + binary.MaxVarintLen32
	last := len(w.arena) - 1
	if last < 0 || cap(w.arena[last])-len(w.arena[last]) < need {
		if need > arenaChunk {
			panic("check: a state is larger than a chunk of the arena")
		}
		w.arena = append(w.arena, make([]byte, 0, arenaChunk))
		w.bytes += arenaChunk
		last++
	}
	chunk := w.arena[last]
	place := uint64(last)*arenaChunk + uint64(len(chunk))
	chunk = binary.AppendUvarint(chunk, uint64(len(w.record)))
	w.arena[last] = append(chunk, w.record...)
	return place
}

// grow doubles a table. What it has is hashed again from the records.
func (w *whole) grow(t *table) {
	was, hash := t.slots, w.hash
	t.slots = make([]uint64, max(16, 2*len(was)))
	w.bytes += 8 * uint64(len(t.slots)-len(was))
	for _, slot := range was {
		if slot != 0 {
			w.hash = maphash.Bytes(w.seed, w.at(slot))
			w.put(t, slot)
		}
	}
	w.hash = hash
}
