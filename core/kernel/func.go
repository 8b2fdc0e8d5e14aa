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
	"math/bits"

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

// A Cond is a condition on a kernel: a rule has (or has not) one of its values.
type Cond struct {
	where  has // only in scenarios that have this
	rule   RuleID
	values uint8 // set of values under which it holds; 0: always
}

// With holds in kernels that have the rule.
func With(r RuleID) Cond { return Cond{rule: r, values: 0xfe} }

// Without holds in kernels that do not have the rule.
func Without(r RuleID) Cond { return Cond{rule: r, values: 1} }

// If holds in kernels where the rule has one of the values.
func If(r RuleID, values ...uint8) Cond {
	c := Cond{rule: r}
	for _, v := range values {
		c.values |= 1 << v
	}
	return c
}

// Large holds where large folios are possible: what it guards would tell nothing elsewhere.
var Large = Cond{where: hasLarge}

// Hugetlbs holds where there are huge pages of hugetlb.
var Hugetlbs = Cond{where: hasHugetlb}

// Migrating holds where pages may be moved: what it guards would tell nothing elsewhere.
var Migrating = Cond{where: hasMoves}

// AndMovable holds where the condition does and there is a ZONE_MOVABLE.
func (c Cond) AndMovable() Cond { return c.and(hasMovable) }

// Merging holds where ksmd may merge pages: what it guards would tell nothing elsewhere.
var Merging = Cond{where: hasKSM}

// AndLarge holds where the condition does and large folios are possible.
func (c Cond) AndLarge() Cond { return c.and(hasLarge) }

// AndRooms holds where the condition does and mremap may move pages.
func (c Cond) AndRooms() Cond { return c.and(hasRooms) }

// AndLargeRooms holds where the condition does, large folios are possible and mremap may move them.
func (c Cond) AndLargeRooms() Cond { return c.and(hasLarge | hasRooms) }

// AndSeveral holds where the condition does and a GUP call asks for several pages.
func (c Cond) AndSeveral() Cond { return c.and(hasPages) }

// AndTurns holds where the condition does and tasks share CPUs.
func (c Cond) AndTurns() Cond { return c.and(hasTurns) }

// AndTSO holds where the condition does and CPUs have store buffers.
func (c Cond) AndTSO() Cond { return c.and(hasTSO) }

// AndHalves holds where the condition does and entries are stored in halves.
func (c Cond) AndHalves() Cond { return c.and(hasHalves) }

// AndWhole holds where the condition does and entries are stored whole.
func (c Cond) AndWhole() Cond { return c.and(hasWhole) }

// GatherFull holds where an mmu_gather may get full: what it guards would tell nothing elsewhere.
var GatherFull = Cond{where: hasGatherFull}

// AndGatherFull holds where the condition does and an mmu_gather may get full.
func (c Cond) AndGatherFull() Cond { return c.and(hasGatherFull) }

// AndGathers holds where the condition does and two mmu_gathers of one mm may be open at once.
func (c Cond) AndGathers() Cond { return c.and(hasGathers) }

// FewSlots holds where swap may be nearly full: what it guards would tell nothing elsewhere.
var FewSlots = Cond{where: hasFewSlots}

// AndFewSlots holds where the condition does and swap may be nearly full.
func (c Cond) AndFewSlots() Cond { return c.and(hasFewSlots) }

// FewBlocks holds where the disk may be full: what it guards would tell nothing elsewhere.
var FewBlocks = Cond{where: hasFewBlocks}

// AndStableSwap holds where the condition does and the swap device wants pages that do not change while it reads them.
func (c Cond) AndStableSwap() Cond { return c.and(hasStableSwap) }

// Throttled holds where who dirties pages of files is throttled.
var Throttled = Cond{where: hasThrottle}

// AndThrottled holds where the condition does and who dirties pages of files is throttled.
func (c Cond) AndThrottled() Cond { return c.and(hasThrottle) }

// Poisoning holds where memory may fail: what it guards would tell nothing elsewhere.
var Poisoning = Cond{where: hasPoison}

// AndPoison holds where the condition does and memory may fail.
func (c Cond) AndPoison() Cond { return c.and(hasPoison) }

// Halved and Whole hold where entries are stored in halves, and where not.
var Halved, Whole = Cond{where: hasHalves}, Cond{where: hasWhole}

// AndMlocks holds where the condition does and somebody locks memory.
func (c Cond) AndMlocks() Cond { return c.and(hasMlocks) }

// AndMappings holds where the condition does and folio->mapping may change under GUP's eyes, or be secret memory's.
func (c Cond) AndMappings() Cond { return c.and(hasMappings) }

// AndSignals holds where the condition does and somebody sends signals.
func (c Cond) AndSignals() Cond { return c.and(hasSignals) }

// AndLazyfree holds where the condition does and somebody frees memory lazily.
func (c Cond) AndLazyfree() Cond { return c.and(hasLazyfree) }

// Several holds where a GUP call asks for more pages than one: what it guards would tell nothing elsewhere.
var Several = Cond{where: hasPages}

// FiveLevels holds where page tables have five levels: what it guards would tell nothing elsewhere.
var FiveLevels = Cond{where: hasFiveLevels}

// UpperFreed holds where tables above the PTE tables may be freed: what it guards would tell nothing elsewhere.
var UpperFreed = Cond{where: hasUpperFreed}

// P4DsRead holds where walks read what lies above the PUDs: what it guards would tell nothing elsewhere.
var P4DsRead = Cond{where: hasP4Ds}

// PUDsGo holds where PUD entries may go: what it guards would tell nothing elsewhere.
var PUDsGo = Cond{where: hasPUDsGo}

// SharedPMDs holds where mms may share PMD tables: what it guards would tell nothing elsewhere.
var SharedPMDs = Cond{where: hasSharedPMDs}

// AndSharedPMDs holds where the condition does and mms may share PMD tables.
func (c Cond) AndSharedPMDs() Cond { return c.and(hasSharedPMDs) }

// MappingLocked holds where i_mmap_rwsem is taken: nobody would wait for it elsewhere.
var MappingLocked = Cond{where: hasMappingLocks}

// Remapping holds where mremap may move pages: what it guards would tell nothing elsewhere.
var Remapping = Cond{where: hasRooms}

// RmapLocked holds where who walks a reverse mapping may meet who changes what it leads to: nobody would wait for its lock elsewhere.
var RmapLocked = Cond{where: hasRmapLocks}

// AndRmapLocks holds where the condition does and the locks of reverse mappings are waited for.
func (c Cond) AndRmapLocks() Cond { return c.and(hasRmapLocks) }

// AndKhugepagedExit holds where the condition does and khugepaged may meet the end of an mm.
func (c Cond) AndKhugepagedExit() Cond { return c.and(hasKhugepagedExit) }

// UprobedExit holds where uprobes may meet the end of an mm: what it guards would tell nothing elsewhere.
var UprobedExit = Cond{where: hasUprobedExit}

// FileTHP holds where pages of files may be collapsed into huge ones: what it guards would tell nothing elsewhere.
var FileTHP = Cond{where: hasFileTHP}

// AndFileTHP holds where the condition does and pages of files may be collapsed into huge ones.
func (c Cond) AndFileTHP() Cond { return c.and(hasFileTHP) }

// KhpPasses holds where khugepaged may come to huge pages of files: what it guards would tell nothing elsewhere.
var KhpPasses = Cond{where: hasFileTHP | hasKhpPasses}

// AndKhpPasses holds where the condition does and khugepaged may come to huge pages of files.
func (c Cond) AndKhpPasses() Cond { return c.and(hasFileTHP | hasKhpPasses) }

// FilePMDs holds where PMD entries may map huge pages of files: what it guards would tell nothing elsewhere.
var FilePMDs = Cond{where: hasFileTHP | hasFilePMDs}

// AndFilePMDs holds where the condition does and PMD entries may map huge pages of files.
func (c Cond) AndFilePMDs() Cond { return c.and(hasFileTHP | hasFilePMDs) }

// AndNoHugepage holds where the condition does and somebody forbids huge pages (MADV_NOHUGEPAGE).
func (c Cond) AndNoHugepage() Cond { return c.and(hasNoHugepage) }

// UserBuffers holds where files are written from a process's memory, or read into it: what it guards would tell nothing elsewhere.
var UserBuffers = Cond{where: hasUserBuffers}

// AsyncDIO holds where direct I/O to files goes on after the call has returned: what it guards would tell nothing elsewhere.
var AsyncDIO = Cond{where: hasAsyncDIO}

// ShmemPunched holds where somebody punches a hole into a file of shmem: what it guards would tell nothing elsewhere.
var ShmemPunched = Cond{where: hasShmemPunch}

// AndShmemPunch holds where the condition does and somebody punches a hole into a file of shmem.
func (c Cond) AndShmemPunch() Cond { return c.and(hasShmemPunch) }

// SoftDirties holds where somebody watches what is written to: what it guards would tell nothing elsewhere.
var SoftDirties = Cond{where: hasSoftDirty}

// AndSoftDirty holds where the condition does and somebody watches what is written to.
func (c Cond) AndSoftDirty() Cond { return c.and(hasSoftDirty) }

// OnDAX holds where there is a file on DAX: what it guards would tell nothing elsewhere.
var OnDAX = Cond{where: hasDAX}

// AndAsyncDIO holds where the condition does and direct I/O to files goes on after the call has returned.
func (c Cond) AndAsyncDIO() Cond { return c.and(hasAsyncDIO) }

// AndUserBuffers holds where the condition does and files are written from a process's memory, or read into it.
func (c Cond) AndUserBuffers() Cond { return c.and(hasUserBuffers) }

// PFNMaps holds where memory without struct pages is mapped: what it guards would tell nothing elsewhere.
var PFNMaps = Cond{where: hasPFNs}

// Pkeyed holds where somebody uses protection keys: what it guards would tell nothing elsewhere.
var Pkeyed = Cond{where: hasPkeys}

// Stacked holds where a mapping grows down: what it guards would tell nothing elsewhere.
var Stacked = Cond{where: hasStack}

// AndMerging holds where the condition does and ksmd may merge pages.
func (c Cond) AndMerging() Cond { return c.and(hasKSM) }

func (c Cond) and(h has) Cond {
	c.where |= h
	return c
}

// A has is what not every scenario has: steps that would tell nothing elsewhere are passed over there.
type has uint64

const (
	hasLarge          has = 1 << iota // large folios are possible
	hasTurns                          // tasks share CPUs
	hasTSO                            // CPUs have store buffers
	hasMoves                          // pages may be moved
	hasHugetlb                        // there are huge pages of hugetlb
	hasHalves                         // entries are stored in halves: x86-32 with PAE
	hasWhole                          // entries are stored whole
	hasMovable                        // there is a ZONE_MOVABLE
	hasSecondary                      // an mm has a secondary MMU
	hasKSM                            // ksmd may merge pages
	hasRooms                          // mremap may move pages
	hasFiveLevels                     // page tables have five levels
	hasPages                          // a GUP call asks for several pages
	hasSharedPMDs                     // mms may share PMD tables
	hasMappingLocks                   // i_mmap_rwsem is taken: the locks of reverse mappings are waited for, or mms may share PMD tables
	hasStableSwap                     // the swap device wants pages that do not change while it reads them
	hasThrottle                       // who dirties pages of files is throttled
	hasGathers                        // two mmu_gathers of one mm may be open at once
	hasSignals                        // somebody sends signals
	hasRmapLocks                      // who walks a reverse mapping may meet who changes what it leads to: see rmap_lock.go
	hasIntervals                      // an mm has a device that goes by an interval notifier
	hasKhugepagedExit                 // khugepaged may meet the end of an mm
	hasLazyfree                       // somebody frees memory lazily
	hasPoison                         // memory may fail
	hasMlocks                         // somebody locks memory
	hasMappings                       // somebody truncates a file, or lets its inode go, or there is secret memory
	hasUprobedExit                    // an mm ends that uprobes may be in
	hasFileTHP                        // pages of files may be collapsed into huge ones
	hasPFNs                           // memory without struct pages is mapped
	hasKhpPasses                      // khugepaged may come to huge pages of files
	hasNUMA                           // the kernel has NUMA balancing
	hasFilePMDs                       // PMD entries may map huge pages of files
	hasFewSlots                       // swap may be nearly full
	hasFewBlocks                      // the disk may be full
	hasNoHugepage                     // somebody forbids huge pages
	hasPkeys                          // somebody uses protection keys
	hasStack                          // a mapping grows down
	hasManyRefs                       // a folio has so many references that its count may overflow
	hasUserBuffers                    // files are written from a process's memory, or read into it
	hasAsyncDIO                       // direct I/O to files goes on after the call has returned
	hasShmemPunch                     // somebody punches a hole into a file of shmem
	hasSoftDirty                      // somebody watches what is written to (soft-dirty)
	hasDAX                            // there is a file on DAX
	hasGigantic                       // huge pages of hugetlb are of a gigabyte
	hasUpperFreed                     // tables above the PTE tables may be freed
	hasP4Ds                           // walks read what lies above the PUDs: for that, or with five levels
	hasGatherFull                     // an mmu_gather may get full
	hasPUDsGo                         // PUD entries may go: for that, or as mms may share PMD tables
)

// lacks says, bit by bit, what a scenario is like that has it not.
var lacks = [...]string{
	"no large folios", "no two tasks share a CPU", "no store buffers", "no pages are moved", "no huge pages of hugetlb",
	"entries are stored whole", "entries are stored in halves", "no ZONE_MOVABLE", "no secondary MMU", "nobody merges pages", "nobody calls mremap",
	"tables of four levels", "no call of several pages", "no shared PMD tables", "nobody would wait for it", "the swap device needs no stable pages", "nobody is throttled",
	"no two mmu_gathers", "no signals", "nobody would wait for it", "no interval notifier", "no mm ends that khugepaged may be in", "nobody frees memory lazily", "no memory fails",
	"nobody locks memory", "no file is truncated, none is secret memory", "no mm ends that uprobes may be in", "nobody collapses pages of files",
	"no memory without struct pages",
	"khugepaged comes to no huge page of a file", "no NUMA balancing", "PTEs alone map pages of files", "swap has room", "the disk has room", "nobody forbids huge pages", "nobody uses protection keys",
	"no mapping grows down", "no count may overflow",
	"no file is written from memory of a process, or read into it", "no direct I/O to a file goes on by itself", "nobody punches holes into files of shmem", "nobody watches what is written to (soft-dirty)",
	"no file on DAX", "no huge pages of a gigabyte", "tables above the PTE tables stay", "PUDs and PMDs alone are read", "an mmu_gather has room", "PUD entries stay",
}

// Lacking says what the scenario that a kernel is bound for lacks, without which what the condition guards would tell nothing; "" if it has it all.
func (c Cond) Lacking(k *Kernel) string {
	if missing := c.where &^ k.has; missing != 0 {
		return lacks[bits.TrailingZeros64(uint64(missing))]
	}
	return ""
}

// In reports whether a kernel is bound for a scenario that has what the condition is about.
func (c Cond) In(k *Kernel) bool { return c.where&^k.has == 0 }

func (c Cond) holds(k *Kernel) bool {
	return c.In(k) && (c.values == 0 || c.values>>k.value[c.rule]&1 != 0)
}

// Rule returns the rule a condition is about; false if it is none.
func (c Cond) Rule() (*Rule, bool) {
	if c.values == 0 {
		return nil, false
	}
	return Rules[c.rule], true
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
