package machine

import (
	"fmt"

	"gupscope/core/cell"
)

// Where memory is not sequentially consistent but x86's (Config.TSO), every CPU has a store buffer: what it
// stores waits there, the oldest first, until it drains to memory. The CPU itself reads what it has
// stored; all others do not yet.
//
//	CPU0                 its buffer        memory
//	store x = 1          x = 1             x = 0
//	load y               x = 1             x = 0        passes the store
//	                     drain: empty      x = 1
//
// An instruction with the LOCK prefix, and a fence, waits until the buffer is empty; so does an interrupt.
// The MMU's walker is no part of it: it reads and writes memory.

// bufferRoom is how many stores a buffer holds here. (A real one holds some fifty: more than two or three need
// as many stores in a row without an atomic instruction.)
const bufferRoom = 4

// Buffered is how many stores wait in the CPU's buffer.
func (m *Machine) Buffered(cpu int) Word { return m.at(m.buffered, cpu) }

// BufferFull reports whether a store must wait until an older one drains.
func (m *Machine) BufferFull(cpu int) bool { return m.Mem.Load(m.Buffered(cpu).id) == bufferRoom }

// An entry of a buffer is two words: the cell that is stored to plus one, with the page through which
// a thread stores to it plus one above; and the value.
func (m *Machine) bufferAt(cpu, i int) cell.ID { return m.bufferTo + cell.ID(cpu*bufferRoom+i) }

func (m *Machine) bufferValueAt(cpu, i int) cell.ID {
	return m.bufferValue + cell.ID(cpu*bufferRoom+i)
}

const bufferPage = 32 // where an entry keeps the page

func (m *Machine) layoutStoreBuffers(l *cell.Layout) {
	if !m.TSO {
		return
	}
	of := func(i int) cell.Instance { return m.OfCPU(i / bufferRoom) }
	m.buffered = l.Add(m.CPUs, cell.Region{Class: StoreBuffers, Owner: "cpu", Of: m.OfCPU, Name: numbered("cpu%d store buffer: stores")})
	m.bufferTo = l.Add(m.CPUs*bufferRoom, cell.Region{Class: StoreBuffers, Owner: "cpu", Of: of, Name: func(i int) string {
		return fmt.Sprintf("cpu%d store buffer[%d]: to", i/bufferRoom, i%bufferRoom)
	}, Decode: func(_ int, v uint64) string {
		if v == 0 {
			return "empty"
		}
		return l.Name(cell.ID(uint32(v) - 1))
	}})
	m.bufferValue = l.Add(m.CPUs*bufferRoom, cell.Region{Class: StoreBuffers, Owner: "cpu", Of: of, Name: func(i int) string {
		return fmt.Sprintf("cpu%d store buffer[%d]: value", i/bufferRoom, i%bufferRoom)
	}, Decode: func(i int, v uint64) string {
		if to := m.Mem.Peek(m.bufferTo + cell.ID(i)); to != 0 {
			return l.Decode(cell.ID(uint32(to)-1), v)
		}
		return "empty"
	}})
}

// As says which CPU makes the accesses that follow, and whether its stores to what is shared go by way of its buffer. Nobody,
// -1, sees memory as it is.
func (m *Machine) As(cpu int, buffered bool) {
	if m.TSO {
		m.cpu, m.buffering = cpu+1, buffered
	}
}

// loadAs is Load of the CPU that makes the access: the youngest store to the word in its buffer, else memory.
func (m *Machine) loadAs(w Word) uint64 {
	if v, ok := m.Forwarded(w); ok {
		return v
	}
	return m.Mem.Load(w.id)
}

// Forwarded returns what the CPU that makes the access has stored to a word and nobody else sees yet.
func (m *Machine) Forwarded(w Word) (uint64, bool) {
	if m.cpu == 0 || m.unshared(w) {
		return 0, false
	}
	for i := int(m.Mem.Load(m.Buffered(m.cpu-1).id)) - 1; i >= 0; i-- {
		if uint32(m.Mem.Load(m.bufferAt(m.cpu-1, i))) == uint32(w.id)+1 {
			return m.Mem.Load(m.bufferValueAt(m.cpu-1, i)), true
		}
	}
	return 0, false
}

// unshared reports whether nobody but the CPU itself, or the claims, read a word.
func (m *Machine) unshared(w Word) bool {
	return Unbuffered.Has(m.Mem.Layout().Class(w.id))
}

// storeAs is Store of the CPU that makes the access.
func (m *Machine) storeAs(w Word, v uint64) {
	if !m.buffering || m.unshared(w) {
		m.Mem.Store(w.id, v)
		return
	}
	n := m.Buffered(m.cpu - 1)
	i := int(m.Mem.Load(n.id))
	if i == bufferRoom {
		panic("machine: a store to a full store buffer: a step that stores plainly waits until it has room")
	}
	m.Mem.Store(m.bufferAt(m.cpu-1, i), uint64(w.id)+1)
	m.Mem.Store(m.bufferValueAt(m.cpu-1, i), v)
	m.Mem.Store(n.id, uint64(i+1))
}

// StoreBuffered stores content to a frame by way of the CPU's buffer, as a thread does at the page; false if it
// has none.
func (m *Machine) StoreBuffered(f Frame, content uint64, p PageID) bool {
	if m.cpu == 0 || !m.buffering {
		return false
	}
	m.storeAs(m.Contents(f), content)
	last := m.bufferAt(m.cpu-1, int(m.Mem.Load(m.Buffered(m.cpu-1).id))-1)
	m.Mem.Store(last, m.Mem.Load(last)|(uint64(p)+1)<<bufferPage)
	return true
}

// Drain makes the oldest store of a CPU's buffer visible, and returns to which word it went.
func (m *Machine) Drain(cpu int) Word {
	n := m.Buffered(cpu)
	count := int(m.Mem.Load(n.id))
	to, v := m.Mem.Load(m.bufferAt(cpu, 0)), m.Mem.Load(m.bufferValueAt(cpu, 0))
	for i := 1; i <= count; i++ {
		var nextTo, next uint64
		if i < count {
			nextTo, next = m.Mem.Load(m.bufferAt(cpu, i)), m.Mem.Load(m.bufferValueAt(cpu, i))
		}
		m.Mem.Store(m.bufferAt(cpu, i-1), nextTo)
		m.Mem.Store(m.bufferValueAt(cpu, i-1), next)
	}
	m.Mem.Store(n.id, uint64(count-1))
	w := Word{cell.ID(uint32(to) - 1)}
	m.Mem.Store(w.id, v)
	if p := to >> bufferPage; p != 0 {
		m.StoredTo(Frame(w.id-m.content), false)
		m.Wrote(PageID(p-1), v)
	}
	if first, end := m.entry, m.entry+cell.ID(m.TableCount()*m.width); w.id >= first && w.id < end {
		i := int(w.id - first)
		m.mapped(m.TableFrame(i/m.width), i%m.width, Entry(v))
	}
	return w
}

// Oldest returns the store that drains next, for onlookers; false if the buffer is empty.
func (m *Machine) Oldest(cpu int) (to Word, v uint64, ok bool) {
	if !m.TSO || m.Mem.Peek(m.Buffered(cpu).id) == 0 {
		return Word{}, 0, false
	}
	return Word{cell.ID(uint32(m.Mem.Peek(m.bufferAt(cpu, 0))) - 1)}, m.Mem.Peek(m.bufferValueAt(cpu, 0)), true
}

// DrainAll makes all that waits in a CPU's buffer visible: an interrupt, or the host, does.
func (m *Machine) DrainAll(cpu int) {
	for m.TSO && m.Mem.Load(m.Buffered(cpu).id) > 0 {
		m.Drain(cpu)
	}
}

// AllDrained reports whether no store waits in any buffer.
func (m *Machine) AllDrained() bool {
	if m.TSO {
		for cpu := range m.CPUs {
			if m.Mem.Load(m.Buffered(cpu).id) != 0 {
				return false
			}
		}
	}
	return true
}

// bufferedFrames calls f with the frames to whose content a store waits in some buffer.
func (m *Machine) bufferedFrames(f func(Frame)) {
	if !m.TSO {
		return
	}
	for i := range m.CPUs * bufferRoom {
		if id := cell.ID(uint32(m.Mem.Peek(m.bufferTo+cell.ID(i))) - 1); id >= m.content && id < m.content+cell.ID(m.nframe) {
			f(Frame(id - m.content))
		}
	}
}
