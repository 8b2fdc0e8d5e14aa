package machine

import "gupscope/core/cell"

// Locks. Each is a word, of one of two kinds:
//
//	a mutex, a spinlock, a folio's lock    the task that holds it, plus one; 0: free
//	a rw-lock                              a bit for each task that reads, or who writes: see [MmapWriter]
//
// Onlookers ask for all of them at once: who goes by their classes forgets the next one that is added.

// A LockKind is what a lock is for. The kinds stand in the order in which Linux takes them, the outermost first: who holds one waits for none of a kind
// before it (mm/rmap.c and mm/filemap.c say so at their beginning; where ksm_thread_mutex, shmem_falloc, umem_mutex and mmu_lock stand is from memory). The locks of
// lruvec, xarrays and swap are taken and dropped within one step here, and are none.
type LockKind uint8

const (
	InodeLock        LockKind = iota // i_rwsem
	KSMThreadMutex                   // ksm_thread_mutex
	MmapLock                         // mmap_lock
	VMALock                          // vm_lock of a VMA; for reading it is only tried
	InvalidateLock                   // invalidate_lock
	FallocWait                       // shmem_falloc: no lock, but faults wait for who punches the hole
	FolioLock                        // PG_locked, but of hugetlb
	FaultMutex                       // hugetlb_fault_mutex_table
	HugetlbVMALock                   // hugetlb_vma_lock
	MappingLock                      // i_mmap_rwsem
	HugetlbFolioLock                 // PG_locked of a folio of hugetlb
	AnonVMALock                      // anon_vma->root->rwsem
	UmemMutex                        // umem_mutex, of an interval notifier
	PMDLock                          // of a PMD
	PTLock                           // of a PTE table
	MMULock                          // KVM's mmu_lock: change_pte() comes under a PTE's lock
)

// A Lock is a lock of the machine.
type Lock struct {
	Word
	Kind   LockKind
	Shared bool // a rw-lock: readers may hold it together
}

// locks are neighbours of one kind.
type locks struct {
	first cell.ID
	n     int
	kind  LockKind
	rw    bool
}

// addLocks lays out n locks that one task holds at a time.
func (m *Machine) addLocks(l *cell.Layout, kind LockKind, n int, r cell.Region) cell.ID {
	r.Decode = func(_ int, v uint64) string { return m.taskName(v) }
	return m.lock(l, kind, n, false, r)
}

// addRWLocks lays out n rw-locks.
func (m *Machine) addRWLocks(l *cell.Layout, kind LockKind, n int, r cell.Region) cell.ID {
	r.Decode = m.mmapText
	return m.lock(l, kind, n, true, r)
}

func (m *Machine) lock(l *cell.Layout, kind LockKind, n int, rw bool, r cell.Region) cell.ID {
	if r.Owner == "" {
		r.Owner = "lock"
	}
	first := l.Add(n, r)
	m.locks = append(m.locks, locks{first, n, kind, rw})
	return first
}

// EachLock calls f with every lock of the machine, held or not.
func (m *Machine) EachLock(f func(Lock)) {
	for _, k := range m.locks {
		for i := range k.n {
			f(m.lockOf(&k, i))
		}
	}
}

func (m *Machine) lockOf(k *locks, i int) Lock {
	kind := k.kind
	if kind == FolioLock && m.IsHugetlb(Frame(i)) {
		kind = HugetlbFolioLock
	}
	return Lock{m.at(k.first, i), kind, k.rw}
}

// LockAt is the lock that a cell is; false if it is none.
func (m *Machine) LockAt(id cell.ID) (Lock, bool) {
	for _, k := range m.locks {
		if id >= k.first && id < k.first+cell.ID(k.n) {
			return m.lockOf(&k, int(id-k.first)), true
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
