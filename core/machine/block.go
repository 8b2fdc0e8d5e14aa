package machine

import "gupscope/core/cell"

// States of the block that a page of a file has on its disk (4 KiB blocks: one a page).
const (
	BlockHole      uint64 = iota // none: it reads as zeros
	BlockDelalloc                // space is reserved, no block chosen: the content is in memory alone
	BlockUnwritten               // chosen, and reads as zeros until the write to it has ended
	BlockWritten                 // holds content
)

// A block's word is its state, with the content that the device has there.
const blockContent = 2 // from this bit on

// MakeBlock returns a block's word.
func MakeBlock(state, content uint64) uint64 { return state | content<<blockContent }

// BlockState returns the state in a block's word.
func BlockState(v uint64) uint64 { return v & (1<<blockContent - 1) }

// BlockContent returns what a read of the block gets: zeros unless it is written.
func BlockContent(v uint64) uint64 {
	if BlockState(v) != BlockWritten {
		return 0
	}
	return v >> blockContent
}

// Block is the block that a page of a file maps now, as the file system knows it in memory.
func (m *Machine) Block(o Pgoff) Word { return m.at(m.block, int(o)) }

// BlockIO is the state of the write of a page to its block: IOIdle, IOSubmitted or IOWritten.
func (m *Machine) BlockIO(o Pgoff) Word { return m.at(m.blockIO, int(o)) }

// EachBlockIO calls f with every page of a file that is being written, for who looks at all.
func (m *Machine) EachBlockIO(f func(o Pgoff)) {
	end := m.blockIO + cell.ID(len(m.filePages))
	m.Mem.Note(m.blockIO, end)
	m.nonzero(m.blockIO, end, func(w Word) { f(Pgoff(w.id - m.blockIO)) })
}

// State of a folio's buffer head; 0: it has none (PG_private is clear).
const (
	BufferAttached  uint64 = 1 << iota
	BufferMapped           // the block is known, or space for it is reserved
	BufferDelay            // it is only reserved
	BufferUnwritten        // the block is there and not yet written
	BufferDirty
)

// Buffers is the state of the folio's buffer head. While there is one it holds a
// reference on the folio. Change it with SetBuffers.
func (m *Machine) Buffers(f Frame) Word { return m.at(m.buffers, int(f)) }

// SetBuffers sets the state of the folio's buffer head; the reference of one that
// comes or goes moves in the ledger.
func (m *Machine) SetBuffers(f Frame, v uint64) {
	w := m.Buffers(f)
	old := m.Peek(w)
	m.Store(w, v)
	switch {
	case old == 0 && v != 0:
		m.Account(f, 1)
	case old != 0 && v == 0:
		m.Account(f, -1)
	}
}

func (m *Machine) blockText(_ int, v uint64) string {
	switch BlockState(v) {
	case BlockHole:
		return "hole"
	case BlockDelalloc:
		return "delayed allocation"
	case BlockUnwritten:
		return "unwritten"
	}
	return m.Content(v >> blockContent)
}

func buffersText(_ int, v uint64) string {
	if v == 0 {
		return "none"
	}
	s := "attached"
	for i, name := range []string{"mapped", "delay", "unwritten", "dirty"} {
		if v>>(i+1)&1 != 0 {
			s += " " + name
		}
	}
	return s
}
