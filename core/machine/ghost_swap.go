package machine

import "gupscope/core/cell"

// Ghosts of swap: what a page held when reclaim took it out of the swap cache, to free it. From then on its slot alone has
// that, if it was written out since the last store:
//
//	CPU0 (a stale TLB entry)           CPU1 (reclaim)
//	                                   clear the PTE; write the page to its slot
//	store to the page
//	                                   take it out of the swap cache; free it
//	swap in: what was written

// LeftSwap is what the page of a slot held when it left the swap cache, plus one; 0 if none has. It is there if Track.Swapped.
func (m *Machine) LeftSwap(slot int) Word { return m.at(m.leftSwap, slot) }

// LeavesSwap notes that the page of a slot leaves the swap cache and is freed. It reads what the page holds.
func (m *Machine) LeavesSwap(slot int, f Frame) {
	if m.Track.Swapped {
		m.Store(m.LeftSwap(slot), m.Load(m.Contents(f))+1)
	}
}

// ReadSwap notes what was read from a slot, and raises the alarm if it is not what the page held that left.
func (m *Machine) ReadSwap(slot int, content uint64) {
	if !m.Track.Swapped {
		return
	}
	if v := m.Load(m.LeftSwap(slot)); v != 0 && v != content+1 {
		m.Raise(AlarmReadOther, uint64(slot))
	}
}

func (m *Machine) layoutSwapGhosts(l *cell.Layout) {
	if m.Track.Swapped {
		m.leftSwap = l.Add(m.Slots, cell.Region{Class: Ghosts, Owner: "ghost", Of: m.OfSlot, Name: numbered("swap slot %d: what its page held"), Decode: func(_ int, v uint64) string {
			if v == 0 {
				return "none has left"
			}
			return m.Content(v - 1)
		}})
	}
}
