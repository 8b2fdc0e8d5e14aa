package machine

// BatchRoom is how many folios a CPU's LRU batch can have; a kernel may have less (PAGEVEC_SIZE).
// Who fills it drains it.
const BatchRoom = 31

// LRUCount is how many folios are in the CPU's batch of those on their way to
// the LRU list. Each holds one reference. Change it with AddToBatch and TakeBatch.
func (m *Machine) LRUCount(cpu int) Word { return m.at(m.lruCount, cpu) }

// LRUBatch is folio i of the CPU's batch, as a Hold. They are in the order of
// their frames: in which order they came makes no difference.
func (m *Machine) LRUBatch(cpu, i int) Word { return m.at(m.lruBatch, cpu*BatchRoom+i) }

// BatchesOff reports whether somebody has switched off the CPU's batch: what gets into it is to go on at once.
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

// AddToBatch puts a folio into the CPU's batch: one reference more is held
// there. A folio that is in it already, or a full batch, breaks the caller's promise.
func (m *Machine) AddToBatch(cpu int, f Frame) {
	n := int(m.Load(m.LRUCount(cpu)))
	if n == BatchRoom {
		panic("machine: the LRU batch is full: who adds drains it first")
	}
	m.Store(m.LRUCount(cpu), uint64(n+1))
	h := uint64(MakeHold(f, 1))
	for i := range n {
		w := m.LRUBatch(cpu, i)
		if at := m.Load(w); at > h {
			m.Store(w, h)
			h = at
		}
	}
	m.Store(m.LRUBatch(cpu, n), h)
	m.Account(f, 1)
}

// TakeBatch takes the first folio out of the CPU's batch, with its reference.
// It returns false if the batch is empty.
func (m *Machine) TakeBatch(cpu int) (Frame, bool) {
	n := int(m.Load(m.LRUCount(cpu)))
	if n == 0 {
		return 0, false
	}
	f := Hold(m.Load(m.LRUBatch(cpu, 0))).Frame()
	for i := range n - 1 {
		m.Store(m.LRUBatch(cpu, i), m.Load(m.LRUBatch(cpu, i+1)))
	}
	m.Store(m.LRUBatch(cpu, n-1), 0)
	m.Store(m.LRUCount(cpu), uint64(n-1))
	m.Account(f, -1)
	return f, true
}
