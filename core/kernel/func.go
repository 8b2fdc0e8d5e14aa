// Package kernel is what happens: Linux's functions, and the MMU's own walk, as
// step tables over package machine.
//
// Its nouns: a Func is one kernel function as a table of Steps; a Step is what
// runs without anybody in between; a Rule is one thing that a kernel does or
// not; a Kernel is a version with the value of every rule; a Sim is a scenario
// bound to a kernel, a Model that package check explores and package trace steps.
//
// Its laws:
//
//   - A step ends where another CPU could observe or interfere: at a load or store of shared
//     memory, an atomic, a lock, an IPI. Work on a task's own locals is marked
//     Local and runs together with the shared step before it.
//   - A step touches no class of cells that its Touches and Reads do not name, calls no
//     function that is not in its Calls, and goes back nowhere but to its Back (tests hold every
//     step of every scenario against it). What can still come is computed from that.
//   - Which rules a kernel has is decided by [Bind], once. Actions never ask for a
//     version or a rule. A step whose rule is off keeps its place and number in the listing and
//     is passed over.
//   - What the kernel does in one instruction is one step; what it does in two
//     (a small folio's pin by GUP-fast: +1, then +1023) is two.
//   - Chance is a choice: a step that takes "some free frame" offers each as a
//     numbered choice (Choose) and acts on the one made (Ctx.Key).
//
// Reading order: func.go, gup_fast.go (the shortest complete example), ctx.go,
// sim.go and statement.go; rules.go, rule_ids.go, rules_*.go and versions.go for the data; ahead.go, objects.go, reach.go and rest.go for
// what steps depend on; README.md for Linux itself, and for what a step has to say.
package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A Func is a kernel function as a table.
type Func struct {
	Name    string
	Was     []Name // older names, oldest first
	File    string // "mm/gup.c"
	FileWas []Name // where it was before, oldest first
	Params  []int  // the locals that arguments go to
	Locals  []Local
	Steps   []Step
	Large   bool // entered only where large folios are possible
	// Migrating marks what is entered only where pages may be moved; elsewhere none of its steps is there.
	Migrating bool
	Hugetlb   bool // entered only where there are huge pages of hugetlb

	Notify *Notify // whose translations it changes; nil: nobody's, or it says so in the middle

	// Instead lists other tables for kernels whose order of things differs; the
	// first whose condition holds is bound.
	Instead []Variant
}

// A Variant is the table of a function under a condition.
type Variant struct {
	When  Cond
	Steps []Step
}

// A Local is a named variable of a function. Captures must come before numbers.
type Local struct {
	Name string
	Kind LocalKind
}

// A LocalKind says what a local holds.
type LocalKind uint8

const (
	PTELocal   LocalKind = iota // a page-table entry as it was read
	TableLocal                  // an entry that points to a table
	FrameLocal                  // a frame, without a reference
	HoldLocal                   // a frame with references that the task holds
	PageLocal                   // a virtual page
	IntLocal                    // a number
	FlagsLocal                  // FOLL_ flags
	PgoffLocal                  // a page of a file
)

func (k LocalKind) capture() bool { return k <= HoldLocal }

// A Step is one row of a table.
type Step struct {
	Label string // how the source and links call it: "recheck_pte"
	Says  string // what happens, for people, starting with a verb: "read the PTE"
	Ref   string // what Linux calls it: "ptep_get_lockless"

	// Answer is that of a question at the end of Says, where the action says nothing
	// else: "yes", "no".
	Answer string

	// Counts marks a step that holds a folio's references against those that its function knows of, and goes on only if there are no
	// others. Whoever merely reads the count (is the page free already? may it be pinned?) does not.
	Counts bool

	When Cond // the rule that it belongs to; else it is passed over

	// Local marks a step on the task's own locals: it runs together with the
	// shared step before it and touches nothing.
	Local bool

	// Order is how its stores become visible where CPUs have store buffers.
	Order Order

	// Wait says what the step waits for; the zero Block is "ready". Nil: always ready.
	Wait func(*Ctx) Block

	// Choose offers the values the step may be made with. Nil: there is one way, key 0.
	Choose func(c *Ctx, offer func(key int))
	Keys   []string // what the values stand for, where they are no frames

	// Map says that the step maps a page table by pte_offset_map() and its like, which look at the PMD again where page tables may go
	// from under who has mmap_lock. Nil: nobody can take it away.
	Map *TableMap

	// What a step may do is said beforehand, because the reduction of a search has to
	// know what can still come: Touches are the classes of shared cells that Wait, Choose and Do may
	// write or read, Reads those that they only read. A task's own locals are not named.
	Touches, Reads cell.Set

	// A step touches only what its task can name: what is in its hands, its mm and
	// what these lead to; of the classes that a CPU has for itself (ownClasses) only those of its own.
	// Anywhere are those of Touches and Reads of which it may touch any cell.
	Anywhere cell.Set

	// Forward a step may go anywhere in its table. Back are the steps before it, or
	// itself, that it may go or come back to; Calls the functions that it may call.
	Back  []int
	Calls []FuncID

	Do func(*Ctx) Next
}

// A TableMap is how a step comes to the page table that its function has read the PMD for.
type TableMap struct {
	Table, Page int  // the locals with what was read, and with the page
	Gone        Next // where the step goes instead if the PMD is another by now
}

// An Order says when others see what a step stores, where CPUs have store buffers.
type Order uint8

const (
	Locked Order = iota // an atomic instruction, or one that orders as much: the buffer is empty before, and the store visible at once
	Plain               // by way of the buffer
	Beside              // beside the buffer: what it stores is its own CPU's, or the MMU's walker does it
)

// Told is what happened in a step: what its action has said, else its own
// sentence with the answer.
func (s *Step) Told(said string) string {
	switch {
	case said != "":
		return said
	case s.Answer != "":
		return s.Says + " " + s.Answer
	}
	return s.Says
}

// Next is where a task goes after a step: a step of the same table by number,
// or one of the following.
type Next int

const (
	Then   Next = -1 - iota // the next step of the table
	Return                  // back to the caller
	called                  // into the function that Ctx.Call has pushed, and back where that says
)

// A Block is what a task waits for.
type Block struct {
	On  BlockKind
	Who int // the task that holds a lock plus one; the CPU that owes an acknowledgement plus one
	At  machine.Word
}

// A BlockKind says what sort of thing is waited for.
type BlockKind uint8

const (
	Ready          BlockKind = iota
	OnLock                   // a lock that task Who-1 holds
	OnReaders                // a rw-lock that readers hold
	OnIPI                    // that CPU Who-1 takes an interrupt: acknowledges a flush, answers, empties its batch
	OnMemory                 // a free frame
	OnWriteback              // the end of the write of a page
	OnGracePeriod            // an RCU grace period
	OnStores                 // the CPU's own store buffer
	OnInvalidation           // the end of an invalidation
)

// Ready reports whether nothing is waited for.
func (b Block) Ready() bool { return b.On == Ready }
