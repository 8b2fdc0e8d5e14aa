package machine

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
)

// Life of an mm.
const (
	MMNone   uint64 = iota // not forked yet
	MMAlive                // its threads run
	MMExited               // exit_mmap has taken its memory away
)

// MMState is whether the mm is there. A thread of an mm that is not there yet waits for it.
func (m *Machine) MMState(mm int) Word { return m.at(m.mmState, mm) }

// MMUsers is mm->mm_users: its threads, and who looks at it from without. The
// last one takes the memory away.
func (m *Machine) MMUsers(mm int) Word { return m.at(m.mmUsers, mm) }

// MmapLock is an mm's mmap_lock: the tasks that hold it for reading as a bit set,
// or the one that holds it for writing plus one in the high half.
func (m *Machine) MmapLock(mm int) Word { return m.at(m.mmapLock, mm) }

// MmapWriter returns the task that holds mmap_lock for writing, or -1.
func MmapWriter(v uint64) int { return int(v>>32) - 1 }

// MmapReaders returns the tasks that hold mmap_lock for reading, as a bit set.
func MmapReaders(v uint64) uint64 { return v & 0xffffffff }

// WriteProtectSeq is mm->write_protect_seq: odd while fork write-protects. It
// does not grow without end, because a child is forked once.
func (m *Machine) WriteProtectSeq(mm int) Word { return m.at(m.writeProtectSeq, mm) }

// Bits of mm->flags: somebody has pinned pages of the mm; ksmd may merge all of its memory that can be merged.
const (
	MMFHasPinned uint64 = 1 << iota
	MMFVMMergeAny
)

// MMFlags is mm->flags.
func (m *Machine) MMFlags(mm int) Word { return m.at(m.mmFlags, mm) }

// FlushPending is mm->tlb_flush_pending: how many mmu_gathers are open.
func (m *Machine) FlushPending(mm int) Word { return m.at(m.flushPending, mm) }

// Batched is mm->tlb_flush_batched: bit 0 is set while a flush that reclaim has
// put off is not known to be done; bit 1+t while task t is busy doing it and
// nothing new was put off meanwhile.
func (m *Machine) Batched(mm int) Word { return m.at(m.batched, mm) }

// A task's batched flush (tlb_ubc).
const (
	UBCRequired uint64 = 1 << iota // some PTE was cleared without a flush
	UBCWritable                    // one of them was dirty: a CPU may still write through it
	ubcCPUs     = 8                // from here on: the CPUs to flush
)

// UBC is a task's batched flush.
func (m *Machine) UBC(task int) Word { return m.at(m.ubc, task) }

// NotedTHP has a bit for each page table of an mm to which khugepaged has to come back, because it is over a huge page of a file, or
// was: pte_mapped_thp of the mm's slot. It is there if Config.KhpPasses. Bit n is that of PMD entry n: see NotedBit.
func (m *Machine) NotedTHP(mm int) Word { return m.at(m.pteMappedTHP, mm) }

// NotedBit is the bit of a page's page table in NotedTHP.
func (m *Machine) NotedBit(p PageID) uint64 { return 1 << (m.Slot(p, LevelPMD) % 64) }

func (m *Machine) notedText(mm int, v uint64) string {
	var out []string
	for first, last := m.MMPages(mm); first <= last; first = m.HugeEnd(first) {
		if v&m.NotedBit(first) != 0 {
			out = append(out, m.pages[first].Name)
		}
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ", ")
}

// UBCMask returns the CPUs of a batched flush.
func UBCMask(v uint64) uint64 { return v >> ubcCPUs }

// MakeUBC returns a batched flush of those CPUs.
func MakeUBC(flags, mask uint64) uint64 { return flags | mask<<ubcCPUs }

// RCUQueued marks a table that is to be freed after a grace period; the bits
// below are the CPUs that have not been quiescent since.
const RCUQueued uint64 = 1 << 63

// RCU is the callback that frees a table, or 0.
func (m *Machine) RCU(table Frame) Word {
	if m.isUpper(table) {
		return m.at(m.rcu, m.TableCount()+int(table)-m.upperBase-len(m.MMs))
	}
	return m.at(m.rcu, m.tableIndex(table))
}

// CallRCU queues a table to be freed once every CPU that has interrupts off now
// has had them on.
func (m *Machine) CallRCU(table Frame) { m.Store(m.RCU(table), RCUQueued|m.rcuReaders()) }

// CallInodeRCU queues an inode to be freed likewise.
func (m *Machine) CallInodeRCU(file int) { m.Store(m.InodeRCU(file), RCUQueued|m.rcuReaders()) }

func (m *Machine) rcuReaders() (readers uint64) {
	for c := range m.CPUs {
		if m.Load(m.IRQOff(c)) != 0 {
			readers |= 1 << c
		}
	}
	return readers
}

// Quiescent notes that the CPU has left its read-side section.
func (m *Machine) Quiescent(cpu int) {
	m.EachRCU(func(_ Frame, w Word) {
		if v := m.Load(w); v>>cpu&1 != 0 {
			m.Store(w, v&^(1<<cpu))
		}
	})
	m.EachInodeRCU(func(_ int, w Word) {
		if v := m.Load(w); v>>cpu&1 != 0 {
			m.Store(w, v&^(1<<cpu))
		}
	})
	if m.Waits {
		for t := range m.Config.Tasks {
			if v := m.Load(m.GracePeriod(t)); v>>cpu&1 != 0 {
				m.Store(m.GracePeriod(t), v&^(1<<cpu))
			}
		}
	}
}

// GracePeriod is the grace period that a task has begun: RCUQueued and the CPUs that are still in
// a read-side section; 0: none. Only where somebody waits for one (Config.Waits).
func (m *Machine) GracePeriod(task int) Word { return m.at(m.gracePeriod, task) }

// BeginGracePeriod begins a task's grace period.
func (m *Machine) BeginGracePeriod(task int) {
	m.Store(m.GracePeriod(task), RCUQueued|m.rcuReaders())
}

// EachRCU calls f with every table that a callback waits for, for a step that looks at all callbacks.
func (m *Machine) EachRCU(f func(table Frame, callback Word)) {
	end := m.rcu + cell.ID(m.GoingTables())
	m.Mem.Note(m.rcu, end)
	m.nonzero(m.rcu, end, func(w Word) { f(m.GoingTable(int(w.id-m.rcu)), w) })
}

func (m *Machine) taskName(v uint64) string {
	if v == 0 {
		return "free"
	}
	return "held by " + m.Config.Tasks[v-1].Name
}

func (m *Machine) mmapText(_ int, v uint64) string {
	if w := MmapWriter(v); w >= 0 {
		return "write-held by " + m.Config.Tasks[w].Name
	}
	s := ""
	for t, task := range m.Config.Tasks {
		if v>>t&1 != 0 {
			if s != "" {
				s += ", "
			}
			s += task.Name
		}
	}
	if s == "" {
		return "free"
	}
	return "read-held by " + s
}

func rcuText(_ int, v uint64) string {
	if v == 0 {
		return "none"
	}
	return fmt.Sprintf("waits for a grace period (readers: %s)", cpuSet(v&^RCUQueued))
}
