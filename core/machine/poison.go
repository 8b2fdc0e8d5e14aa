package machine

import "gupscope/core/cell"

// Memory that has failed. Who finds out about it (memory_failure) marks the page, and keeps a reference on it
// for ever: so its frame never becomes free, whoever else gives the page up. Where it keeps none, the allocator looks at the mark.

// Kept is 1 once memory_failure has a reference on the frame for good. Set it with Keep.
func (m *Machine) Kept(f Frame) Word { return m.at(m.kept, int(f)) }

// Keep makes the frame itself the holder of a reference on it: memory_failure's.
func (m *Machine) Keep(f Frame) {
	m.Store(m.Kept(f), 1)
	m.Account(f, 1)
}

// Failed reports whether memory_failure has marked the frame; false where no memory fails.
func (m *Machine) Failed(f Frame) bool { return m.Poison && m.Load(m.Flags(f))&PGHWPoison != 0 }

// release gives a frame back to the allocator, and clears its flags: free, unless its memory has failed.
// Compare mm/page_alloc.c:free_pages_prepare.
func (m *Machine) release(f Frame) {
	if m.Failed(f) {
		m.Store(m.State(f), FramePoisoned)
		m.Store(m.Flags(f), PGHWPoison)
		return
	}
	m.Store(m.State(f), FrameFree)
	m.Store(m.Flags(f), 0)
}

func (m *Machine) layoutPoison(l *cell.Layout) {
	if !m.Poison {
		return
	}
	m.kept = l.Add(m.nframe, cell.Region{Class: Frames, Owner: "folio", Of: func(i int) cell.Instance { return m.OfFrame(Frame(i)) },
		Name: numbered("folio %d: kept by memory_failure"), Decode: words("no", "yes")})
}
