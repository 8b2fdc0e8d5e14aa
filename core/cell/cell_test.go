package cell_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"gupscope/core/cell"

	"pgregory.net/rapid"
)

func layout(n int) *cell.Layout {
	var l cell.Layout
	l.Add(n, cell.Region{Name: func(i int) string { return fmt.Sprint("cell ", i) }})
	return &l
}

// drawValue returns values of the kinds that cells have: small counts, and
// words with bits high and low.
func drawValue(t *rapid.T) uint64 {
	return rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Uint64()).Draw(t, "value")
}

// A memory stays what a plain array with copies for undo would be, and its
// hash what it is when computed afresh, whatever is stored and undone.
func TestMemoryIsAnArray(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(60, 200)).Draw(t, "cells")
		m := cell.New(layout(n))
		want := make([]uint64, n)
		type saved struct {
			mark   cell.Mark
			values []uint64
			hash   uint64
		}
		var marks []saved
		t.Repeat(map[string]func(*rapid.T){
			"store": func(t *rapid.T) {
				id, v := rapid.IntRange(0, n-1).Draw(t, "cell"), drawValue(t)
				m.Store(cell.ID(id), v)
				want[id] = v
			},
			"clear": func(t *rapid.T) {
				from, to := rapid.IntRange(0, n).Draw(t, "from"), rapid.IntRange(0, n).Draw(t, "to")
				m.Clear(cell.ID(from), cell.ID(to))
				if from < to {
					clear(want[from:to])
				}
			},
			"scan": func(t *rapid.T) {
				from, end := rapid.IntRange(0, n).Draw(t, "from"), rapid.IntRange(0, n).Draw(t, "end")
				first := func(zero bool) cell.ID {
					for id := from; id < end; id++ {
						if (want[id] == 0) == zero {
							return cell.ID(id)
						}
					}
					return cell.ID(end)
				}
				if got := m.Nonzero(cell.ID(from), cell.ID(end)); got != first(false) {
					t.Errorf("from %d, end %d: the first that is not zero is %d, want %d", from, end, got, first(false))
				}
				if got := m.Zero(cell.ID(from), cell.ID(end)); got != first(true) {
					t.Errorf("from %d, end %d: the first that is zero is %d, want %d", from, end, got, first(true))
				}
			},
			"mark": func(t *rapid.T) {
				marks = append(marks, saved{m.Mark(), slices.Clone(want), m.Hash()})
			},
			"undo": func(t *rapid.T) {
				if len(marks) == 0 {
					t.Skip("no mark")
				}
				k := rapid.IntRange(0, len(marks)-1).Draw(t, "mark")
				m.Undo(marks[k].mark)
				want = slices.Clone(marks[k].values)
				if m.Hash() != marks[k].hash || m.Mark() != marks[k].mark {
					t.Errorf("undo to mark %d: got hash %x at mark %d, want %x", marks[k].mark, m.Hash(), m.Mark(), marks[k].hash)
				}
				marks = marks[:k+1]
			},
			"forget": func(t *rapid.T) {
				m.Forget()
				marks = nil
				if m.Mark() != 0 {
					t.Errorf("got mark %d after Forget", m.Mark())
				}
			},
			"": func(t *rapid.T) {
				if got := m.Snapshot(nil); !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				for id, v := range want {
					if m.Load(cell.ID(id)) != v || m.Peek(cell.ID(id)) != v {
						t.Errorf("cell %d: got %d and %d, want %d", id, m.Load(cell.ID(id)), m.Peek(cell.ID(id)), v)
					}
				}
				if m.Hash() != m.Rehash() {
					t.Errorf("got hash %x, want %x", m.Hash(), m.Rehash())
				}
			},
		})
	})
}

// The hash tells states apart, and does not depend on how they were reached.
func TestHashIsOfTheState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "cells")
		a, b := cell.New(layout(n)), cell.New(layout(n))
		for range rapid.IntRange(0, 20).Draw(t, "stores") {
			a.Store(cell.ID(rapid.IntRange(0, n-1).Draw(t, "cell")), drawValue(t))
		}
		for _, id := range rapid.Permutation(slices.Collect(ids(n))).Draw(t, "order") {
			b.Store(id, a.Peek(id))
		}
		if a.Hash() != b.Hash() {
			t.Errorf("equal states have hashes %x and %x", a.Hash(), b.Hash())
		}
		id, v := cell.ID(rapid.IntRange(0, n-1).Draw(t, "other cell")), drawValue(t)
		same := b.Peek(id) == v
		if b.Store(id, v); (a.Hash() == b.Hash()) != same {
			t.Errorf("states that differ in a cell: %v, equal hashes: %v", !same, a.Hash() == b.Hash())
		}
	})
}

func ids(n int) func(yield func(cell.ID) bool) {
	return func(yield func(cell.ID) bool) {
		for i := range n {
			if !yield(cell.ID(i)) {
				return
			}
		}
	}
}

// Among a million states near each other, as those of a model are, no two have
// the same hash. The odds against it are 1 in 37 million.
func TestHashesOfNeighboursDiffer(t *testing.T) {
	m := cell.New(layout(5))
	seen := map[uint64]bool{}
	for state := range 16 * 16 * 16 * 16 * 16 {
		for id := range 5 {
			m.Store(cell.ID(id), uint64(state>>(4*id)&15))
		}
		m.Forget()
		if seen[m.Hash()] {
			t.Fatalf("state %05x has the hash of another", state)
		}
		seen[m.Hash()] = true
	}
}

// Hashes are in links and golden files: they do not change by accident.
func TestHashIsStable(t *testing.T) {
	m := cell.New(layout(300))
	if m.Hash() != 0 {
		t.Errorf("got hash %x of all zeroes, want 0", m.Hash())
	}
	m.Store(0, 1)
	m.Store(299, 1<<63|7)
	if got, want := m.Hash(), uint64(0x89aff1216d5c7e1b); got != want {
		t.Errorf("got hash %#x, want %#x", got, want)
	}
}

func TestFootprint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 5
		m := cell.New(layout(n))
		var f cell.Footprint
		if was := m.Record(&f); was != nil {
			t.Errorf("a new memory records into %v", was)
		}
		var reads, writes []cell.ID
		for range rapid.IntRange(0, 12).Draw(t, "accesses") {
			id := cell.ID(rapid.IntRange(0, n-1).Draw(t, "cell"))
			read := func(id cell.ID) {
				if !slices.Contains(reads, id) {
					reads = append(reads, id)
				}
			}
			wrote := func(id cell.ID) {
				if !slices.Contains(writes, id) {
					writes = append(writes, id)
				}
			}
			switch rapid.IntRange(0, 4).Draw(t, "access") {
			case 0:
				m.Load(id)
				read(id)
			case 1:
				m.Store(id, drawValue(t))
				wrote(id)
			case 2:
				m.Peek(id)
				m.Nonzero(id, n)
			case 3:
				m.Note(id, n)
				for id := id; id < n; id++ {
					read(id)
				}
			case 4:
				m.Clear(id, n)
				for id := id; id < n; id++ {
					wrote(id)
				}
			}
		}
		if !slices.Equal(f.Reads, reads) || !slices.Equal(f.Writes, writes) {
			t.Errorf("got reads %v, writes %v, want %v, %v", f.Reads, f.Writes, reads, writes)
		}
		if was := m.Record(nil); was != &f {
			t.Errorf("recording stopped: got %p, want %p", was, &f)
		}
		f.Reset()
		m.Load(0)
		m.Store(1, 1)
		m.Undo(0)
		if len(f.Reads)+len(f.Writes) > 0 {
			t.Errorf("got %v with nothing recording", f)
		}
	})
}

// A step that stores what is there already has a footprint, yet changes nothing.
func TestStoreOfTheSame(t *testing.T) {
	m := cell.New(layout(1))
	m.Store(0, 9)
	var f cell.Footprint
	m.Record(&f)
	mark := m.Mark()
	m.Store(0, 9)
	if m.Mark() != mark || len(f.Writes) != 1 {
		t.Errorf("got mark %d, footprint %v, want mark %d and one write", m.Mark(), f, mark)
	}
}

func TestChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 4
		m := cell.New(layout(n))
		store := func() cell.ID {
			id := cell.ID(rapid.IntRange(0, n-1).Draw(t, "cell"))
			m.Store(id, rapid.Uint64Range(0, 2).Draw(t, "value"))
			return id
		}
		for range rapid.IntRange(0, 5).Draw(t, "stores before") {
			store()
		}
		before, mark := m.Snapshot(nil), m.Mark()
		var wrote []cell.ID
		for range rapid.IntRange(0, 8).Draw(t, "stores since") {
			at := m.Mark()
			if id := store(); m.Mark() != at {
				wrote = append(wrote, id)
			}
		}
		var got []cell.ID
		m.Written(mark, func(id cell.ID) { got = append(got, id) })
		if !slices.Equal(got, wrote) {
			t.Errorf("got %v written, want %v", got, wrote)
		}
		var want []cell.Change
		for i, id := range wrote {
			if !slices.Contains(wrote[:i], id) && before[id] != m.Peek(id) {
				want = append(want, cell.Change{Cell: id, Old: before[id], New: m.Peek(id)})
			}
		}
		if got := m.Changes(mark); !reflect.DeepEqual(got, want) {
			t.Errorf("got changes %v, want %v", got, want)
		}
	})
}

func TestLayout(t *testing.T) {
	var l cell.Layout
	refs := l.Add(3, cell.Region{Class: 1, Owner: "folio", Name: func(i int) string { return fmt.Sprintf("folio %d._refcount", i) }})
	none := l.Add(0, cell.Region{Class: 2, Name: func(int) string { return "nothing" }})
	locks := l.Add(2, cell.Region{Class: 3, Owner: "mm",
		Name:   func(i int) string { return fmt.Sprintf("mm %d.mmap_lock", i) },
		Decode: func(i int, v uint64) string { return fmt.Sprintf("%d: %d readers", i, v) },
	})
	if refs != 0 || none != 3 || locks != 3 || l.Len() != 5 {
		t.Errorf("got cells %d, %d, %d of %d", refs, none, locks, l.Len())
	}
	for _, tt := range []struct {
		id                 cell.ID
		name, value, owner string
		class              cell.Class
	}{
		{0, "folio 0._refcount", "7", "folio", 1},
		{2, "folio 2._refcount", "7", "folio", 1},
		{3, "mm 0.mmap_lock", "0: 7 readers", "mm", 3},
		{4, "mm 1.mmap_lock", "1: 7 readers", "mm", 3},
	} {
		if got := l.Name(tt.id); got != tt.name {
			t.Errorf("cell %d: got name %q, want %q", tt.id, got, tt.name)
		}
		if got := l.Decode(tt.id, 7); got != tt.value {
			t.Errorf("cell %d: got value %q, want %q", tt.id, got, tt.value)
		}
		if l.Owner(tt.id) != tt.owner || l.Class(tt.id) != tt.class {
			t.Errorf("cell %d: got owner %q, class %d, want %q, %d", tt.id, l.Owner(tt.id), l.Class(tt.id), tt.owner, tt.class)
		}
	}
	if got := l.Decode(0, 1<<64-1); got != "-1" {
		t.Errorf("got %q for all ones, want -1", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a cell beyond the layout has a name")
		}
	}()
	l.Name(5)
}

func TestSet(t *testing.T) {
	s := cell.Of(0, 5, 63)
	var got []cell.Class
	s.Each(func(c cell.Class) { got = append(got, c) })
	if !slices.Equal(got, []cell.Class{0, 5, 63}) {
		t.Errorf("got classes %v", got)
	}
	if !s.Has(63) || s.Has(6) || cell.Of() != 0 {
		t.Errorf("set %x has the wrong classes", s)
	}
}
