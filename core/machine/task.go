package machine

import (
	"slices"

	"gupscope/core/cell"
)

// MaxDepth is how deep calls nest; MaxLocals how many locals all frames of a
// task have together. A table that needs more makes Push panic.
const (
	MaxDepth  = 13
	MaxLocals = 64
)

// Done is 1 once a task has finished its program.
func (m *Machine) Done(task int) Word { return m.at(m.done, task) }

// PC is the statement that a task is in.
func (m *Machine) PC(task int) Word { return m.at(m.pc, task) }

// Depth is how many functions a task is in.
func (m *Machine) Depth(task int) Word { return m.at(m.depth, task) }

// Ret is what the last function returned, until the caller has looked.
func (m *Machine) Ret(task int) Word { return m.at(m.ret, task) }

// GUPPage is page i of those that a GUP call collects, with its references: pages[i]. Change it with SetGUPPage.
func (m *Machine) GUPPage(task, i int) Word { return m.at(m.gupPages, task*m.GUPPages+i) }

// SetGUPPage sets a page that a GUP call holds.
func (m *Machine) SetGUPPage(task, i int, h Hold) { m.setHold(m.GUPPage(task, i), h) }

// GUPGot is how many pages a GUP call has done with: it goes on to the next. It is 0 where none asks for more than one.
func (m *Machine) GUPGot(task int) int {
	if m.GUPPages == 1 {
		return 0
	}
	return int(m.Load(m.at(m.gupGot, task)))
}

// SetGUPGot sets how many pages a GUP call has done with.
func (m *Machine) SetGUPGot(task, n int) {
	if m.GUPPages > 1 {
		m.Store(m.at(m.gupGot, task), uint64(n))
	}
}

// Held is the page that a GUP call is about, with its references: the one behind those that it has done with.
// Change it with SetHeld.
func (m *Machine) Held(task int) Word { return m.GUPPage(task, m.GUPGot(task)) }

// SetHeld sets the page that a GUP call is about.
func (m *Machine) SetHeld(task int, h Hold) { m.setHold(m.Held(task), h) }

// Gathers is how many pages the task's mmu_gather has unmapped.
func (m *Machine) Gathers(task int) Word { return m.at(m.gathers, task) }

// Gathered is page i of those that the task's mmu_gather has unmapped, with the
// reference that the PTE had. Change it with Gather and SetGathered.
func (m *Machine) Gathered(task, i int) Word { return m.at(m.gather, task*m.gatherMax+i) }

// Gather adds a page to a task's mmu_gather. It reports whether there is room for another.
func (m *Machine) Gather(task int, h Hold) bool {
	n := int(m.Load(m.Gathers(task)))
	m.setHold(m.Gathered(task, n), h)
	m.Store(m.Gathers(task), uint64(n+1))
	return n+1 < m.gatherMax
}

// SetGathered sets page i of a task's mmu_gather.
func (m *Machine) SetGathered(task, i int, h Hold) { m.setHold(m.Gathered(task, i), h) }

// GatherStart is the first page of what the task's mmu_gather has to flush, plus one; 0: nothing yet. It is there where a gather may get full.
func (m *Machine) GatherStart(task int) Word { return m.at(m.gatherStart, task) }

// GatheredTables is how many page tables the task's mmu_gather has unhooked.
func (m *Machine) GatheredTables(task int) Word { return m.at(m.gatherTables, task) }

// GatheredTable is table i of those. Change it with GatherTable and UngatherTable.
func (m *Machine) GatheredTable(task, i int) Word { return m.at(m.gatherTable, task*m.tableMax+i) }

// GatherTable adds a page table, with the reference that its PMD entry had.
func (m *Machine) GatherTable(task int, table Frame) {
	n := int(m.Load(m.GatheredTables(task)))
	m.setHold(m.GatheredTable(task, n), MakeHold(table, 1))
	m.Store(m.GatheredTables(task), uint64(n+1))
}

// UngatherTable takes the last page table out, with its reference; none if there is none.
func (m *Machine) UngatherTable(task int) Hold {
	n := int(m.Load(m.GatheredTables(task)))
	if n == 0 {
		return 0
	}
	h := Hold(m.Load(m.GatheredTable(task, n-1)))
	m.setHold(m.GatheredTable(task, n-1), 0)
	m.Store(m.GatheredTables(task), uint64(n-1))
	return h
}

// An Activation is one call on a task's stack.
type Activation struct {
	Fn   uint16 // the function, as package kernel numbers them
	Step uint16 // the step that comes next
	base int    // its first local
}

func (a Activation) encode() uint64 {
	return uint64(a.Fn)<<32 | uint64(a.Step)<<16 | uint64(a.base)
}

func decodeActivation(v uint64) Activation {
	return Activation{uint16(v >> 32), uint16(v >> 16), int(v & 0xffff)}
}

func (m *Machine) stackWord(task, level int) Word { return m.at(m.stack, task*MaxDepth+level) }

// Activation returns the call at a level of a task's stack; 0 is the outermost.
func (m *Machine) Activation(task, level int) Activation {
	return decodeActivation(m.Mem.Load(m.stackWord(task, level).id))
}

// PeekActivation is Activation without a trace in the footprint.
func (m *Machine) PeekActivation(task, level int) Activation {
	return decodeActivation(m.Peek(m.stackWord(task, level)))
}

// Push starts a call. Its locals are zero.
func (m *Machine) Push(task int, fn uint16) {
	d := int(m.Load(m.Depth(task)))
	base := 0
	if d > 0 {
		a := m.Activation(task, d-1)
		base = a.base + m.Config.Locals(a.Fn)
	}
	if d == MaxDepth || base+m.Config.Locals(fn) > MaxLocals {
		panic("machine: the call stack is full: MaxDepth and MaxLocals bound what the step tables nest")
	}
	m.Store(m.stackWord(task, d), Activation{fn, 0, base}.encode())
	m.Store(m.Depth(task), uint64(d+1))
}

// Pop ends the innermost call and clears its locals.
func (m *Machine) Pop(task int) {
	d := int(m.Load(m.Depth(task))) - 1
	a := m.Activation(task, d)
	for i := range m.Config.Locals(a.Fn) {
		m.Store(m.at(m.local, task*MaxLocals+a.base+i), 0)
	}
	m.Store(m.stackWord(task, d), 0)
	m.Store(m.Depth(task), uint64(d))
}

// Goto sets the innermost call's next step.
func (m *Machine) Goto(task int, step uint16) {
	d := int(m.Load(m.Depth(task))) - 1
	a := m.Activation(task, d)
	a.Step = step
	m.Store(m.stackWord(task, d), a.encode())
}

// Local is local i of the call at a level of a task's stack.
func (m *Machine) Local(task, level, i int) Word {
	return m.at(m.local, task*MaxLocals+m.Activation(task, level).base+i)
}

// PeekLocal is Local without a trace in the footprint.
func (m *Machine) PeekLocal(task, level, i int) Word {
	return m.at(m.local, task*MaxLocals+m.PeekActivation(task, level).base+i)
}

// SetHold sets a local that holds references.
func (m *Machine) SetHold(w Word, h Hold) { m.setHold(w, h) }

// A task's variable holds the result of a call: nothing yet, a page with its
// references, an error, or a content.
const (
	varTag     = 7 << 60
	varErrno   = 1 << 60
	varContent = 2 << 60
	varSignal  = 3 << 60
	varNumber  = 4 << 60
)

// Var is variable i of a task. Change it with SetVarPage and SetVarValue.
func (m *Machine) Var(task, i int) Word { return m.at(m.vars, m.varBase[task]+i) }

// SetVarPage makes a variable hold a page.
func (m *Machine) SetVarPage(task, i int, h Hold) {
	w := m.Var(task, i)
	m.setHold(w, h)
}

// SetVarErrno makes a variable hold an error; errno is positive.
func (m *Machine) SetVarErrno(task, i, errno int) {
	m.Store(m.Var(task, i), varErrno|uint64(errno)<<1)
}

// SetVarSignal makes a variable hold a signal.
func (m *Machine) SetVarSignal(task, i, signal int) {
	m.Store(m.Var(task, i), varSignal|uint64(signal)<<1)
}

// SetVarContent makes a variable hold what was read.
func (m *Machine) SetVarContent(task, i int, v uint64) {
	m.Store(m.Var(task, i), varContent|v<<1)
}

// SetVarNumber makes a variable hold a number.
func (m *Machine) SetVarNumber(task, i, n int) {
	m.Store(m.Var(task, i), varNumber|uint64(n)<<1)
}

// A Result is what a variable holds.
type Result struct {
	Page    Hold
	Errno   int // of IsErrno; the number of an IsSignal or IsNumber
	Content uint64
	Kind    ResultKind
}

// A ResultKind says which field of a Result counts.
type ResultKind uint8

const (
	Unset ResultKind = iota
	IsPage
	IsErrno
	IsContent
	IsSignal
	IsNumber
)

// DecodeResult returns what a variable's cell holds.
func DecodeResult(v uint64) Result {
	switch {
	case v == 0:
		return Result{}
	case v&varTag == varErrno:
		return Result{Errno: int(v &^ varTag >> 1), Kind: IsErrno}
	case v&varTag == varSignal:
		return Result{Errno: int(v &^ varTag >> 1), Kind: IsSignal}
	case v&varTag == varNumber:
		return Result{Errno: int(v &^ varTag >> 1), Kind: IsNumber}
	case v&varTag == varContent:
		return Result{Content: v &^ varTag >> 1, Kind: IsContent}
	}
	return Result{Page: Hold(v), Kind: IsPage}
}

// CallWords are the words that say where in its program a task is.
func (m *Machine) CallWords(task int) []Word {
	out := []Word{m.Done(task), m.PC(task), m.Depth(task)}
	for i := range MaxDepth {
		out = append(out, m.stackWord(task, i))
	}
	return out
}

// captures calls f with every cell outside the TLBs that may capture a frame: locals, held
// pages, variables, walkers.
func (m *Machine) captures(f func(w Word)) {
	for t := range m.Config.Tasks {
		m.EachCapture(t, f)
	}
	for c, mms := range m.mmsOn {
		if len(mms) == 0 {
			continue // walks nothing
		}
		f(m.Walker(c))
		for _, mm := range mms {
			first, last := m.MMPages(mm)
			m.nonzero(m.TLB(c, first).id, m.TLB(c, last).id+1, f)
		}
	}
	m.guestCaptures(f)
	m.deviceCaptures(f)
}

// nonzero calls f with the words of a run of cells that are not zero.
func (m *Machine) nonzero(from, end cell.ID, f func(w Word)) {
	for id := m.Mem.Nonzero(from, end); id < end; id = m.Mem.Nonzero(id+1, end) {
		f(Word{id})
	}
}

// EachCapture calls f with every word of a task that may capture a frame.
func (m *Machine) EachCapture(task int, f func(w Word)) {
	m.nonzero(m.GUPPage(task, 0).id, m.GUPPage(task+1, 0).id, f)
	m.nonzero(m.Gathered(task, 0).id, m.Gathered(task+1, 0).id, f)
	m.nonzero(m.GatheredTable(task, 0).id, m.GatheredTable(task+1, 0).id, f)
	for l := range int(m.Peek(m.Depth(task))) {
		a := m.PeekActivation(task, l)
		for i := range m.Config.Captures(a.Fn) {
			f(m.at(m.local, task*MaxLocals+a.base+i))
		}
	}
	for i := range m.Config.Tasks[task].Vars {
		if w := m.Var(task, i); m.Peek(w)&varTag == 0 {
			f(w)
		}
	}
}

// markStale marks every capture of n frames: their next life is another's.
func (m *Machine) markStale(f Frame, n int) {
	if m.Track.Stores {
		m.Mem.Clear(m.Storer(f).id, m.Storer(f).id+cellID(n))
	}
	if m.Track.Copies {
		m.Mem.Clear(m.CopyOf(f).id, m.CopyOf(f).id+cellID(n))
	}
	in := func(e Entry) bool { return e.Frame() >= f && int(e.Frame()) < int(f)+n }
	for i := range n {
		m.Seek(f + Frame(i))
	}
	m.captures(func(w Word) {
		if e := Entry(m.Peek(w)); e.Present() && in(e) && !e.IsStale() {
			m.Mem.Amend(w.id, uint64(e|Stale))
		}
	})
	for i := range n {
		m.unsee(f + Frame(i))
	}
}

// Stale reports whether an entry that a private place captured is of a frame that was freed since.
func (m *Machine) Stale(e Entry) bool {
	if e.Present() {
		m.Mem.Recall(m.OfFrame(e.Frame()))
	}
	return e.IsStale()
}

// staleFrames returns the frames that some capture names as they were before
// they were freed, each once. Who goes by it seeks the frames concerned.
func (m *Machine) staleFrames() []int {
	var out []int
	stale := func(e Entry) {
		if e.Present() && e.IsStale() && !slices.Contains(out, int(e.Frame())) {
			out = append(out, int(e.Frame()))
		}
	}
	m.captures(func(w Word) { stale(Entry(m.Peek(w))) })
	m.bufferedFrames(func(f Frame) {
		if !slices.Contains(out, int(f)) {
			out = append(out, int(f))
		}
	})
	if m.KSM {
		m.staleNodes(func(f Frame) {
			if !slices.Contains(out, int(f)) {
				out = append(out, int(f))
			}
		})
	}
	return out
}

// capturedSlots returns the swap slots that some captured swap entry names, each once.
// Who goes by it seeks the slots concerned.
func (m *Machine) capturedSlots() []int {
	var out []int
	m.captures(func(w Word) {
		if e := Entry(m.Peek(w)); e.IsSwap() && !slices.Contains(out, e.Slot()) {
			out = append(out, e.Slot())
		}
	})
	return out
}
