package machine

import "gupscope/core/cell"

// Locks. Each is a word, of one of two kinds:
//
//	a mutex, a spinlock, a folio's lock    the task that holds it, plus one; 0: free
//	a rw-lock                              a bit for each task that reads, or who writes: see [MmapWriter]
//
// Onlookers ask for all of them at once: who goes by their classes forgets the next one that is added.

// A Lock is a lock of the machine.
type Lock struct {
	Word
	Shared bool // a rw-lock: readers may hold it together
}

// locks are neighbours of one kind.
type locks struct {
	first cell.ID
	n     int
	rw    bool
}

// addLocks lays out n locks that one task holds at a time.
func (m *Machine) addLocks(l *cell.Layout, n int, r cell.Region) cell.ID {
	r.Decode = func(_ int, v uint64) string { return m.taskName(v) }
	return m.lock(l, n, false, r)
}

// addRWLocks lays out n rw-locks.
func (m *Machine) addRWLocks(l *cell.Layout, n int, r cell.Region) cell.ID {
	r.Decode = m.mmapText
	return m.lock(l, n, true, r)
}

func (m *Machine) lock(l *cell.Layout, n int, rw bool, r cell.Region) cell.ID {
	if r.Owner == "" {
		r.Owner = "lock"
	}
	first := l.Add(n, r)
	m.locks = append(m.locks, locks{first, n, rw})
	return first
}

// EachLock calls f with every lock of the machine, held or not.
func (m *Machine) EachLock(f func(Lock)) {
	for _, k := range m.locks {
		for i := range k.n {
			f(Lock{m.at(k.first, i), k.rw})
		}
	}
}

// LockAt is the lock that a cell is; false if it is none.
func (m *Machine) LockAt(id cell.ID) (Lock, bool) {
	for _, k := range m.locks {
		if id >= k.first && id < k.first+cell.ID(k.n) {
			return Lock{Word{id}, k.rw}, true
		}
	}
	return Lock{}, false
}

// Held reports whether a task holds the lock while its word is v, and whether it does so alone.
func (k Lock) Held(v uint64, task int) (held, alone bool) {
	if !k.Shared {
		held = v == uint64(task)+1
		return held, held
	}
	if MmapWriter(v) >= 0 {
		held = MmapWriter(v) == task
		return held, held
	}
	return MmapReaders(v)>>task&1 != 0, false
}
