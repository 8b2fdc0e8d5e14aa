package machine

import (
	"fmt"
	"math/bits"
	"strings"

	"gupscope/core/cell"
)

// IRQOff is 1 while the CPU's task has interrupts disabled.
func (m *Machine) IRQOff(cpu int) Word { return m.at(m.irqOff, cpu) }

// IPI is the set of CPUs (bit i: CPU i) whose flush request this CPU has not
// acknowledged yet.
func (m *Machine) IPI(cpu int) Word { return m.at(m.ipi, cpu) }

// Interrupts reports whether any CPU has a request to acknowledge; for onlookers.
func (m *Machine) Interrupts() bool {
	end := m.ipi + cell.ID(m.CPUs)
	return m.Mem.Nonzero(m.ipi, end) < end
}

// Request is the flush request that a CPU has out: a [Flush], or 0.
func (m *Machine) Request(cpu int) Word { return m.at(m.request, cpu) }

// The byte that the host shares with a guest's CPU (kvm_steal_time.preempted).
const (
	StealPreempted uint64 = 1 << iota // the host does not run this CPU
	StealFlush                        // it shall flush its TLB before it runs again
)

// Steal is a CPU's preempted byte.
func (m *Machine) Steal(cpu int) Word { return m.at(m.steal, cpu) }

// Preempts is how often the host may still preempt the CPU.
func (m *Machine) Preempts(cpu int) Word { return m.at(m.preempts, cpu) }

// Walker is the table that the CPU's hardware walker stands in: the entry
// that it followed there, as a capture; 0 when it is idle. Where the tables above the PTE tables stay, it is seen in a PTE table alone.
func (m *Machine) Walker(cpu int) Word { return m.at(m.walker, cpu) }

const (
	walkerPage  = 28 // where a walker's capture keeps the page it walks for, above the frame
	walkerLevel = 53 // and the level of the table's entries
)

// SetWalker puts the CPU's walker into the table of a level that an entry points to.
func (m *Machine) SetWalker(cpu int, e Entry, p PageID, level int) {
	m.Store(m.Walker(cpu), uint64(MakeTable(e.Frame()))|uint64(p)<<walkerPage|uint64(level)<<walkerLevel)
}

// WalkerLevel returns the level of the entries of the table that the CPU's walker stands in.
func (m *Machine) WalkerLevel(cpu int) int { return int(m.Load(m.Walker(cpu)) >> walkerLevel & 7) }

// WalkerAt returns the table that the CPU's walker stands in, none if it is
// idle, and the page it walks for.
func (m *Machine) WalkerAt(cpu int) (Entry, PageID) {
	v := m.Load(m.Walker(cpu))
	return WalkerTable(v), PageID(v >> walkerPage & 0xffffff)
}

// WalkerTable is the table that a value of Walker names.
func WalkerTable(v uint64) Entry { return Entry(v) & (Stale | 1<<walkerPage - 1) }

// ClearWalker makes the CPU's walker idle.
func (m *Machine) ClearWalker(cpu int) { m.Store(m.Walker(cpu), 0) }

// TLB is the CPU's translation of a page: the leaf entry as the walker found
// it, or none. Dirty there means that the CPU may write without going to memory.
func (m *Machine) TLB(cpu int, p PageID) Word { return m.at(m.tlb, cpu*len(m.pages)+int(p)) }

// IsTLB reports whether a cell is a translation of some CPU's TLB; for onlookers.
func (m *Machine) IsTLB(id cell.ID) bool {
	return id >= m.tlb && id < m.tlb+cell.ID(m.CPUs*len(m.pages))
}

// A Flush says what a flush request wants: the pages of one mm from First to Last, or
// of all mms; Ahead counts the generations of the mm that came after it.
type Flush struct {
	MM          int // -1: whatever is loaded
	First, Last PageID
	Tables      bool // page tables go too
	Ahead       int
}

// A request is one word: pages have 20 bits, the mm eight, what came after it two.
const (
	flushed     = 1 << 63 // set in every request, so that none encodes as 0
	flushTables = 1 << 62
	flushPages  = 1<<20 - 1
)

func (f Flush) encode() uint64 {
	v := uint64(flushed) | uint64(f.First) | uint64(f.Last)<<20 | uint64(f.MM+1)<<40 | uint64(f.Ahead)<<48
	if f.Tables {
		v |= flushTables
	}
	return v
}

func decodeFlush(v uint64) Flush {
	return Flush{int(v>>40&0xff) - 1, PageID(v & flushPages), PageID(v >> 20 & flushPages), v&flushTables != 0, int(v >> 48 & 3)}
}

// RequestOf returns the request that a CPU has out; false if none.
func (m *Machine) RequestOf(cpu int) (Flush, bool) {
	v := m.Load(m.Request(cpu))
	return decodeFlush(v), v != 0
}

// SetRequest publishes a CPU's flush request.
func (m *Machine) SetRequest(cpu int, f Flush) { m.Store(m.Request(cpu), f.encode()) }

// Behind is how many TLB generations of the mm the CPU has not flushed for yet,
// up to maxBehind. (The kernel counts generations up in mm and CPU; only the
// distance matters.)
func (m *Machine) Behind(cpu, mm int) Word { return m.at(m.behind, cpu*len(m.MMs)+mm) }

const maxBehind = 3

// Loaded returns the mm whose tables the CPU walks, or -1 for a CPU that runs a
// kernel thread, or a thread whose mm is not there yet or any more.
func (m *Machine) Loaded(cpu int) int {
	if m.TakesTurns(cpu) {
		return int(m.Load(m.LoadedMM(cpu))) - 1
	}
	mm := m.home[cpu]
	if mm >= 0 && m.comesOrGoes(mm) && m.Load(m.cpumaskOf(mm))>>cpu&1 == 0 {
		return -1
	}
	return mm
}

// comesOrGoes reports whether the mm is not there for good: then who goes by
// where it is loaded depends on fork and exit.
func (m *Machine) comesOrGoes(mm int) bool { return m.MMs[mm].Parent >= 0 || m.MMs[mm].Exits }

// ComesOrGoes reports whether the mm that the CPU walks depends on fork and exit.
func (m *Machine) ComesOrGoes(cpu int) bool { return m.home[cpu] >= 0 && m.comesOrGoes(m.home[cpu]) }

// Home returns the mm of the task that runs on the CPU, whether it is there or
// not; -1 for a CPU without a task of a process.
func (m *Machine) Home(cpu int) int { return m.home[cpu] }

// homes notes which mm the task of a CPU runs in.
func (m *Machine) homes() {
	m.home = make([]int, m.CPUs)
	for c := range m.home {
		m.home[c] = -1
	}
	for _, t := range m.Config.Tasks {
		if m.home[t.CPU] < 0 { // a kernel thread beside it borrows its mm
			m.home[t.CPU] = t.MM
		}
	}
}

func (m *Machine) cpumaskOf(mm int) Word { return m.at(m.cpumask, mm) }

// SetLoaded says that the CPU walks the mm's tables from now on, or does no more:
// then it forgets what it knows of them.
func (m *Machine) SetLoaded(cpu, mm int, loaded bool) {
	w := m.cpumaskOf(mm)
	if m.TakesTurns(cpu) {
		m.Store(m.LoadedMM(cpu), 0)
		if loaded {
			m.Store(m.LoadedMM(cpu), uint64(mm+1))
		}
	}
	if loaded {
		m.Store(w, m.Load(w)|1<<cpu)
		return
	}
	m.Store(w, m.Load(w)&^(1<<cpu))
	m.Store(m.Walker(cpu), 0)
	m.InvalidateMM(cpu, mm)
	m.Store(m.Behind(cpu, mm), 0)
}

// Cpumask returns the CPUs on which the mm is loaded, as a bit set.
func (m *Machine) Cpumask(mm int) uint64 {
	if !m.comesOrGoes(mm) && !m.Turns {
		return m.Peek(m.cpumaskOf(mm))
	}
	return m.Load(m.cpumaskOf(mm))
}

// AdvanceGeneration starts a new TLB generation of the mm: every CPU that has
// it loaded falls one more behind, requests that are out get one older. Nothing, where generations are not counted.
// Compare arch/x86/include/asm/tlbflush.h:inc_mm_tlb_gen.
func (m *Machine) AdvanceGeneration(mm int) {
	if !m.Generations {
		return
	}
	mask := m.Cpumask(mm)
	for c := range m.CPUs {
		if m.falls(c, mm, mask) {
			if b := m.Load(m.Behind(c, mm)); b < maxBehind {
				m.Store(m.Behind(c, mm), b+1)
			}
		}
		if f, ok := m.RequestOf(c); ok && f.MM == mm && f.Ahead < maxBehind {
			f.Ahead++
			m.SetRequest(c, f)
		}
	}
}

// FlushLocal does on a CPU what a flush request asks: a CPU that only borrows the mm leaves
// it; nothing if the CPU is up
// to date, the request's pages if it is exactly one generation behind, all of
// the loaded mm otherwise; where generations are not counted, what it asks and no more. A walk in flight is given up: the interrupt comes
// between instructions, and the access starts again.
// Compare arch/x86/mm/tlb.c:flush_tlb_func.
func (m *Machine) FlushLocal(cpu int, f Flush) {
	m.Store(m.Walker(cpu), 0)
	if m.TakesTurns(cpu) && m.Load(m.Lazy(cpu)) != 0 {
		m.Leave(cpu)
		return
	}
	mm := m.Loaded(cpu)
	if mm < 0 || f.MM >= 0 && f.MM != mm {
		return
	}
	if !m.Generations {
		if f.MM >= 0 {
			m.Invalidate(cpu, f.First, f.Last)
		} else {
			m.InvalidateMM(cpu, mm)
		}
		return
	}
	behind := int(m.Load(m.Behind(cpu, mm)))
	if behind <= f.Ahead {
		return
	}
	if f.MM >= 0 && behind == 1 {
		m.Invalidate(cpu, f.First, f.Last)
	} else {
		m.InvalidateMM(cpu, mm)
	}
	m.Store(m.Behind(cpu, mm), 0)
}

// FlushTold does on a CPU what a broadcast asks, as INVLPGB and TLBI do: that and no more, whatever the CPU runs and is behind.
func (m *Machine) FlushTold(cpu int, f Flush) {
	if f.MM < 0 {
		m.FlushLocal(cpu, f)
		return
	}
	m.Store(m.Walker(cpu), 0)
	m.Invalidate(cpu, f.First, f.Last)
	if w := m.Behind(cpu, f.MM); m.Load(w) > 0 {
		m.Store(w, m.Load(w)-1)
	}
}

// Invalidate drops the CPU's translations of the pages from first to last.
func (m *Machine) Invalidate(cpu int, first, last PageID) {
	m.Mem.Clear(m.TLB(cpu, first).id, m.TLB(cpu, last).id+1)
}

// InvalidateMM drops all of the CPU's translations of the mm.
func (m *Machine) InvalidateMM(cpu, mm int) {
	first, last := m.MMPages(mm)
	m.Invalidate(cpu, first, last)
}

// CPUs as people write them: "cpu0, cpu2".
func cpuSet(mask uint64) string {
	var out []string
	for ; mask != 0; mask &= mask - 1 {
		out = append(out, fmt.Sprintf("cpu%d", bits.TrailingZeros64(mask)))
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ", ")
}

func stealText(_ int, v uint64) string {
	return [...]string{"running", "preempted", "running, flush due", "preempted, flush due"}[v&3]
}
