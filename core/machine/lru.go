package machine

import (
	"fmt"

	"gupscope/core/cell"
)

// An LRUKind is one of the batches of folios that each CPU has on their way to an LRU list, or from one to another: Linux's
// cpu_fbatches (pagevecs, until v5.17). They are in the order in which they are drained.
//
// Left out are two, which only say where on which list a folio stands: lru_move_tail (end of writeback, of a folio that
// reclaim has marked) and lru_activate (a second
// folio_mark_accessed(), or an access that reclaim has seen). Reclaim here comes to any folio that a scenario names, active or not.
// What that hides is their reference: until the drain who counts finds one more than here, as in the batches that are there.
// mlock()'s, a batch of its own since v5.18, is left out with PG_mlocked: mlock() empties it before it returns, and pages that are
// faulted in later wait in it instead of in lru_add, with as many references and without PG_lru, too (the batch is absent in 5.17-rc5, present in 5.18.y: read in source; the rest from memory).
type LRUKind uint8

const (
	LRUAdd            LRUKind = iota // lru_add: new folios
	LRUDeactivateFile                // lru_deactivate_file: pages of files that posix_fadvise could not drop; only where somebody calls it, see Config.DeactivateFile
	LRUDeactivate                    // lru_deactivate: MADV_COLD; only where that deactivates some, see Config.Deactivate
	LRULazyfree                      // lru_lazyfree: MADV_FREE; only where somebody frees lazily, see Config.Lazyfree
	lruKinds
)

var lruNames = [...]string{"LRU", "lru_deactivate_file", "lru_deactivate", "lru_lazyfree"}

func (k LRUKind) String() string { return lruNames[k] }

// BatchRoom is how many folios a CPU's LRU batch can have; a kernel may have less (PAGEVEC_SIZE).
// Who fills it drains it.
const BatchRoom = 31

// LRUKinds are the batches that each CPU has, in the order in which they are drained.
func (m *Machine) LRUKinds() []LRUKind { return m.batches }

// LRUCount is how many folios are in a batch of the CPU. Each holds one
// reference. Change it with AddToBatch and TakeBatch.
func (m *Machine) LRUCount(cpu int, k LRUKind) Word { return m.at(m.lruCount[k], cpu) }

// LRUBatch is folio i of a batch of the CPU, as a Hold. They are in the order of
// their frames: in which order they came makes no difference.
func (m *Machine) LRUBatch(cpu int, k LRUKind, i int) Word {
	return m.at(m.lruBatch[k], cpu*BatchRoom+i)
}

// BatchesOff reports whether somebody has switched off the CPU's batches: what gets into one is to go on at once.
// Linux has one count for all CPUs; a copy for each keeps what a CPU reads its own.
func (m *Machine) BatchesOff(cpu int) bool {
	return m.Config.LRUOff && m.Load(m.at(m.lruOff, cpu)) != 0
}

// SwitchBatches switches the batches of all CPUs off, or on again: they are on when all are through who have
// switched them off.
// compare mm/swap.c:lru_disable_count
func (m *Machine) SwitchBatches(off bool) {
	for cpu := range m.CPUs {
		switch w := m.at(m.lruOff, cpu); {
		case off:
			m.Store(w, m.Load(w)+1)
		case m.Load(w) == 0:
			panic("machine: LRU batches are switched on that nobody has switched off")
		default:
			m.Store(w, m.Load(w)-1)
		}
	}
}

// AddToBatch puts a folio into a batch of the CPU: one reference more is held
// there. A full batch breaks the caller's promise. A folio may be in a batch twice.
func (m *Machine) AddToBatch(cpu int, k LRUKind, f Frame) {
	n := int(m.Load(m.LRUCount(cpu, k)))
	if n == BatchRoom {
		panic("machine: the LRU batch is full: who adds drains it first")
	}
	m.Store(m.LRUCount(cpu, k), uint64(n+1))
	h := uint64(MakeHold(f, 1))
	for i := range n {
		w := m.LRUBatch(cpu, k, i)
		if at := m.Load(w); at > h {
			m.Store(w, h)
			h = at
		}
	}
	m.Store(m.LRUBatch(cpu, k, n), h)
	m.Account(f, 1)
}

// TakeBatch takes the first folio out of a batch of the CPU, with its reference.
// It returns false if the batch is empty.
func (m *Machine) TakeBatch(cpu int, k LRUKind) (Frame, bool) {
	n := int(m.Load(m.LRUCount(cpu, k)))
	if n == 0 {
		return 0, false
	}
	f := Hold(m.Load(m.LRUBatch(cpu, k, 0))).Frame()
	for i := range n - 1 {
		m.Store(m.LRUBatch(cpu, k, i), m.Load(m.LRUBatch(cpu, k, i+1)))
	}
	m.Store(m.LRUBatch(cpu, k, n-1), 0)
	m.Store(m.LRUCount(cpu, k), uint64(n-1))
	m.Account(f, -1)
	return f, true
}

func (m *Machine) layoutLRU(l *cell.Layout) {
	for k := range lruKinds {
		if k == LRULazyfree && !m.Config.Lazyfree || k == LRUDeactivate && !m.Config.Deactivate || k == LRUDeactivateFile && !m.Config.DeactivateFile {
			continue
		}
		m.batches = append(m.batches, k)
		m.lruCount[k] = l.Add(m.CPUs, cell.Region{Class: LRU, Owner: "lru", Of: m.OfCPU, Name: numbered("cpu%d " + k.String() + " batch: folios")})
		m.lruBatch[k] = l.Add(m.CPUs*BatchRoom, cell.Region{Class: LRU, Owner: "lru", Of: func(i int) cell.Instance { return m.OfCPU(i / BatchRoom) }, Names: m.entryNames, Name: func(i int) string {
			return fmt.Sprintf("cpu%d %v batch[%d]", i/BatchRoom, k, i%BatchRoom)
		}, Decode: holdText})
	}
	if m.Config.LRUOff {
		m.lruOff = l.Add(m.CPUs, cell.Region{Class: LRU, Owner: "lru", Of: m.OfCPU, Name: numbered("cpu%d LRU batch: switched off by")})
	}
}
