package machine

import (
	"fmt"

	"gupscope/core/cell"
)

// SwapHasCache marks a slot that the swap cache uses, in its count. (The kernel has it, and SwapOfFile, in the byte that counts up to 62, and goes on counting
// elsewhere: swap_count_continued(). Here the two stand behind a count of all PTEs that a machine may have.)
const SwapHasCache = 1 << 12

// SwapOfFile marks a slot that the page cache of a file of shmem names, in its count (SWAP_MAP_SHMEM).
const SwapOfFile = 1 << 13

// SwapMap is a slot's count: the PTEs that name it, and SwapHasCache. Change it with SetSwapMap.
func (m *Machine) SwapMap(slot int) Word { return m.at(m.swapMap, slot) }

// SetSwapMap sets a slot's count. At zero the slot is free, and what it held is forgotten.
func (m *Machine) SetSwapMap(slot int, v uint64) {
	m.Store(m.SwapMap(slot), v)
	if v == 0 {
		m.Store(m.Disk(slot), 0)
		m.Store(m.Zeromap(slot), 0)
		if m.Track.Swapped {
			m.Store(m.LeftSwap(slot), 0)
		}
	}
}

// SwapCache is what the swap cache holds for a slot: a Hold of one reference.
// Change it with SetSwapCache.
func (m *Machine) SwapCache(slot int) Word { return m.at(m.swapCache, slot) }

// Disk is what the slot holds on the device.
func (m *Machine) Disk(slot int) Word { return m.at(m.disk, slot) }

// Zeromap is the slot's bit in the zeromap: its page is all zeros, and is neither written nor read.
func (m *Machine) Zeromap(slot int) Word { return m.at(m.zeromap, slot) }

// States of a slot's write to the device.
const (
	IOIdle      uint64 = iota
	IOSubmitted        // the device will read the page
	IOWritten          // it has; the end is not reported yet
)

// IO is the state of the write to a slot.
func (m *Machine) IO(slot int) Word { return m.at(m.io, slot) }

// EachIO calls f with every slot that is being written, for who looks at all.
func (m *Machine) EachIO(f func(slot int)) {
	end := m.io + cell.ID(m.Slots)
	m.Mem.Note(m.io, end)
	m.nonzero(m.io, end, func(w Word) { f(int(w.id - m.io)) })
}

// EachSwapCache calls f with what the swap cache holds, slot by slot, for who looks at all of it.
func (m *Machine) EachSwapCache(f func(slot int, h Hold)) {
	end := m.swapCache + cell.ID(m.Slots)
	m.Mem.Note(m.swapCache, end)
	m.nonzero(m.swapCache, end, func(w Word) { f(int(w.id-m.swapCache), Hold(m.Peek(w))) })
}

// SetSwapCache puts a folio into the swap cache at a slot, with one reference,
// or takes it out (a zero hold).
func (m *Machine) SetSwapCache(slot int, h Hold) { m.setHold(m.SwapCache(slot), h) }

// setHold stores a hold and moves its references in the ledger.
func (m *Machine) setHold(w Word, h Hold) {
	old := Hold(m.Peek(w))
	m.Store(w, uint64(h))
	if old.Some() {
		m.Account(old.Frame(), -old.Count())
	}
	if h.Some() {
		m.Account(h.Frame(), h.Count())
	}
}

func swapMapText(_ int, v uint64) string {
	s := fmt.Sprint(v &^ (SwapHasCache | SwapOfFile))
	if v&SwapOfFile != 0 {
		s = "a file's"
	}
	if v&SwapHasCache != 0 {
		s += " + cache"
	}
	return s
}
