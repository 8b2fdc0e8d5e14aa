package kernel

import (
	"fmt"

	"gupscope/core/machine"
)

// A Ctx is what a step acts through: the machine as seen from the task's CPU.
// Every access to shared memory goes through it, because it knows the CPU.
type Ctx struct {
	M    *machine.Machine
	CPU  int
	Task int
	MM   int // the task's mm, -1 for a kernel thread
	Key  int // the choice made, where the step offers one

	sim   *Sim
	level int    // of the innermost call
	notes *Notes // nil: nobody listens
}

// Notes are what a step tells besides what it stores.
type Notes struct {
	Mute bool // only Went is wanted: nothing is said, which takes its time

	Said string // instead of the step's own sentence
	Kept []Kept
	Went []Hop    // the step made, and the local ones behind it
	Told []string // what each of these has said itself, "" if nothing

	form string // of what was said last: with its verbs, %d
}

// A Hop is how a task left a step: to which, and through which call.
type Hop struct {
	Fn       FuncID
	From, To int    // To is where a call comes back to; behind the last step: the end
	Called   FuncID // fnNone: nothing was called
	Form     string // of what the step said when it went so, as formats are: "%d references: keep it"
}

// Calls reports whether a function was called.
func (h Hop) Calls() bool { return h.Called != fnNone }

// Kept says that a local now remembers what a shared word held: what the CPU
// believes from then on.
type Kept struct {
	Local string
	To    machine.Word
	From  machine.Word
	Value uint64
}

// L returns local i of the running function.
func (c *Ctx) L(i int) uint64 { return c.M.Load(c.M.Local(c.Task, c.level, i)) }

// Set sets local i, which must not hold references.
func (c *Ctx) Set(i int, v uint64) { c.M.Store(c.M.Local(c.Task, c.level, i), v) }

// Keep loads a shared word into local i and notes where it came from.
func (c *Ctx) Keep(i int, from machine.Word) uint64 {
	v := c.M.Load(from)
	c.Remember(i, from, v)
	return v
}

// Remember sets local i to what was just loaded from a word.
func (c *Ctx) Remember(i int, from machine.Word, v uint64) {
	c.Set(i, v)
	if c.notes != nil && !c.notes.Mute {
		a := c.M.Activation(c.Task, c.level)
		c.notes.Kept = append(c.notes.Kept, Kept{c.sim.funcs[a.Fn].Locals[i].Name, c.M.Local(c.Task, c.level, i), from, v})
	}
}

// Entry returns a local as the page-table entry it captured.
func (c *Ctx) Entry(i int) machine.Entry { return machine.Entry(c.L(i)) }

// Frame returns the frame that a local names.
func (c *Ctx) Frame(i int) machine.Frame { return machine.Entry(c.L(i)).Frame() }

// SetFrame makes a FrameLocal name a frame.
func (c *Ctx) SetFrame(i int, f machine.Frame) { c.Set(i, uint64(machine.MakeHold(f, 1))) }

// Page returns the virtual page that a local names.
func (c *Ctx) Page(i int) machine.PageID { return machine.PageID(c.L(i)) }

// Load loads a shared word.
func (c *Ctx) Load(w machine.Word) uint64 { return c.M.Load(w) }

// Store stores a shared word, plainly.
func (c *Ctx) Store(w machine.Word, v uint64) { c.M.Store(w, v) }

// Or sets bits of a shared word atomically.
func (c *Ctx) Or(w machine.Word, bits uint64) { c.M.Store(w, c.M.Load(w)|bits) }

// AndNot clears bits of a shared word atomically.
func (c *Ctx) AndNot(w machine.Word, bits uint64) { c.M.Store(w, c.M.Load(w)&^bits) }

// Add adds to a shared word atomically and returns the sum.
func (c *Ctx) Add(w machine.Word, n int) uint64 {
	v := c.M.Load(w) + uint64(n)
	c.M.Store(w, v)
	return v
}

// PTE returns the entry word of a page in a PTE table.
func (c *Ctx) PTE(table machine.Frame, p machine.PageID) machine.Word {
	return c.M.Entry(table, c.M.Slot(p, machine.LevelPTE))
}

// LoadPTE loads the entry of a page from a PTE table, which an IPI or RCU must
// have kept from being freed.
func (c *Ctx) LoadPTE(i int, table machine.Entry, p machine.PageID) machine.Entry {
	c.walked(table)
	return machine.Entry(c.Keep(i, c.PTE(table.Frame(), p)))
}

// walked raises the alarm if the table that is read was freed.
func (c *Ctx) walked(table machine.Entry) {
	if c.M.Stale(table) {
		c.M.Raise(machine.AlarmFreedTable, uint64(c.Task))
	}
}

// lockPTL locks the page table that a local names.
func (c *Ctx) lockPTL(table int) {
	c.walked(c.Entry(table))
	c.Lock(c.M.PTL(c.Frame(table)))
}

// SetPTE stores the entry of a page, plainly, under the PTL.
func (c *Ctx) SetPTE(table machine.Frame, p machine.PageID, e machine.Entry) {
	if c.sim.Setup.PAE {
		c.setHalves(table, p, e.Fresh())
		return
	}
	c.M.SetEntry(table, c.M.Slot(p, machine.LevelPTE), e.Fresh())
}

// ClearPTE exchanges the entry of a page with zero and returns the old one.
func (c *Ctx) ClearPTE(table machine.Frame, p machine.PageID) machine.Entry {
	old := machine.Entry(c.M.Load(c.PTE(table, p)))
	c.SetPTE(table, p, 0)
	return old
}

// Get adds n references to the page's folio for whoever the ledger names, without
// asking whether there is one to begin with: only for those who know.
func (c *Ctx) Get(f machine.Frame, n int) {
	f = c.M.Head(f)
	if c.M.Load(c.M.Ref(f)) == 0 {
		c.M.Raise(machine.AlarmRefOnZero, uint64(f))
	}
	c.addRefs(f, n)
}

// addRefs adds to a folio's count, which has 32 bits (atomic_t), and returns the sum.
func (c *Ctx) addRefs(f machine.Frame, n int) uint64 {
	w := c.M.Ref(f)
	v := uint64(uint32(c.M.Load(w) + uint64(n)))
	c.M.Store(w, v)
	return v
}

// overflown reports whether a folio's count, as the kernel has it with a sign, is below zero, or zero.
func (c *Ctx) overflown(f machine.Frame) bool { return int32(c.M.Load(c.M.Ref(c.M.Head(f)))) <= 0 }

// TryGet adds n references unless the count is zero. f is taken for the head of its folio.
func (c *Ctx) TryGet(f machine.Frame, n int) bool {
	if c.M.Load(c.M.Ref(f)) == 0 {
		return false
	}
	c.addRefs(f, n)
	return true
}

// Put drops n references on the page's folio and reports whether they were the last.
func (c *Ctx) Put(f machine.Frame, n int) bool {
	f = c.M.Head(f)
	if c.M.Load(c.M.Ref(f)) < uint64(n) {
		c.M.Raise(machine.AlarmRefUnderflow, uint64(f))
		return false
	}
	return c.addRefs(f, -n) == 0
}

// Hold makes local i the holder of n references on the frame.
func (c *Ctx) Hold(i int, f machine.Frame, n int) {
	c.M.SetHold(c.M.Local(c.Task, c.level, i), machine.MakeHold(f, n))
}

// Held returns what local i holds.
func (c *Ctx) Held(i int) machine.Hold { return machine.Hold(c.L(i)) }

// Release makes local i hold nothing: its references have passed to another
// holder, or are dropped with Put in the same step.
func (c *Ctx) Release(i int) { c.M.SetHold(c.M.Local(c.Task, c.level, i), 0) }

// PutHeld drops the references that local i holds and reports whether they were
// the last; the frame is left in local i as a plain capture for freeing then.
func (c *Ctx) PutHeld(i int) bool {
	h := c.Held(i)
	c.Release(i)
	return c.Put(h.Frame(), h.Count())
}

// Waiting for a lock, and taking it.

func (c *Ctx) me() uint64 { return uint64(c.Task + 1) }

// Free says whether a lock word is free, or who holds it.
func (c *Ctx) Free(w machine.Word) Block {
	if v := c.M.Load(w); v != 0 {
		return Block{OnLock, int(v), w}
	}
	return Block{}
}

// Lock takes a lock that Free found free.
func (c *Ctx) Lock(w machine.Word) { c.M.Store(w, c.me()) }

// TryLock takes a lock if it is free.
func (c *Ctx) TryLock(w machine.Word) bool {
	if c.M.Load(w) != 0 {
		return false
	}
	c.Lock(w)
	return true
}

// Unlock releases a lock.
func (c *Ctx) Unlock(w machine.Word) { c.M.Store(w, 0) }

// ReadFree says whether a rw-lock can be taken for reading.
func (c *Ctx) ReadFree(w machine.Word) Block {
	if t := machine.MmapWriter(c.M.Load(w)); t >= 0 {
		return Block{OnLock, t + 1, w}
	}
	return Block{}
}

// ReadLock takes a rw-lock for reading.
func (c *Ctx) ReadLock(w machine.Word) { c.Or(w, 1<<c.Task) }

// ReadUnlock releases it.
func (c *Ctx) ReadUnlock(w machine.Word) { c.AndNot(w, 1<<c.Task) }

// WriteFree says whether a rw-lock can be taken for writing.
func (c *Ctx) WriteFree(w machine.Word) Block {
	v := c.M.Load(w)
	if t := machine.MmapWriter(v); t >= 0 {
		return Block{OnLock, t + 1, w}
	}
	if v != 0 {
		return Block{On: OnReaders, At: w}
	}
	return Block{}
}

// WriteLock takes a rw-lock for writing.
func (c *Ctx) WriteLock(w machine.Word) { c.M.Store(w, c.me()<<32) }

// WriteUnlock releases it.
func (c *Ctx) WriteUnlock(w machine.Word) { c.M.Store(w, 0) }

// Downgrade turns a write lock into a read lock.
func (c *Ctx) Downgrade(w machine.Word) { c.M.Store(w, 1<<c.Task) }

// Calling.

// Call goes into another function and comes back to step back of this one.
// Numbers go to the callee's parameters in order.
func (c *Ctx) Call(fn FuncID, back int, args ...uint64) Next {
	c.sim.jump(c.Task, uint16(back))
	c.sim.push(c.Task, fn, args...)
	return called
}

// Return ends the function with a value that the caller reads with Ret.
func (c *Ctx) Return(v uint64) Next {
	c.M.Store(c.M.Ret(c.Task), v)
	return Return
}

// Ret returns what the function just called has returned.
func (c *Ctx) Ret() uint64 {
	w := c.M.Ret(c.Task)
	v := c.M.Load(w)
	c.M.Store(w, 0)
	return v
}

// sigbus is what a fault returns that has no page to give.
const sigbus = failed | signalled | SIGBUS

// Errors that calls return, as the kernel numbers them.
const (
	ENOENT = 2
	ESRCH  = 3
	EINTR  = 4
	EIO    = 5
	EAGAIN = 11
	ENOMEM = 12
	EACCES = 13
	EFAULT = 14
	EBUSY  = 16
	EEXIST = 17
	ENODEV = 19
	EINVAL = 22
	ENOSPC = 28
	ESPIPE = 29

	EOPNOTSUPP = 95
	EHWPOISON  = 133

	ERESTARTSYS = 512 // of the kernel alone: the system call is made again, unless a handler runs or the thread dies
)

// Say replaces the step's sentence in the trace by what really happened.
func (c *Ctx) Say(s string) {
	if c.notes != nil {
		if c.sim.Setup.Gigantic {
			s = oneLevelUp(s)
		}
		c.notes.form = s
		if !c.notes.Mute {
			c.notes.Said = s
		}
	}
}

// Sayf is Say with a format; nothing is formatted while nobody listens.
func (c *Ctx) Sayf(format string, args ...any) {
	if c.notes != nil {
		if c.sim.Setup.Gigantic {
			format = oneLevelUp(format)
		}
		c.notes.form = format
		if !c.notes.Mute {
			c.notes.Said = fmt.Sprintf(format, args...)
		}
	}
}

// callHolding is a call that hands on the reference which the running function
// has just taken on the page of its PTE (local 1): it is held by the callee's local hold.
func (c *Ctx) callHolding(fn FuncID, back, hold int, args ...uint64) Next {
	f := c.Frame(1)
	n := c.Call(fn, back, args...)
	if c.M.Normal(f) {
		c.M.SetHold(c.M.Local(c.Task, c.level+1, hold), machine.MakeHold(f, 1))
	}
	return n
}
