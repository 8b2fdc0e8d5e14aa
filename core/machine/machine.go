// Package machine is what exists: frames and their folios, page tables, TLBs,
// CPUs, address spaces, locks, swap, tasks. It is typed accessors over the
// cells of one [cell.Memory]; what happens to them is package kernel's.
//
// Its nouns: a Frame is a physical page and the folio that describes it; an
// Entry is one x86-64 page-table entry; a region is a run of addresses that a scenario declares
// in an mm; a Page is one virtual page of a region; a VMA is a maximal run of pages with
// the same flags; a Word is one shared word that steps load and store; a capture is a value that
// names a frame in a private place (a local, a TLB entry, a walker, a variable).
//
// Its laws:
//
//   - Equal situations are equal states. Nothing in here only grows: there are no
//     generation numbers. Who could tell an old frame from its next life is told by the
//     stale bit that [Machine.Free] sets in every capture of the frame.
//
//   - The reference ledger is kept by structure, not by bookkeeping: whatever cell
//     comes to hold a reference (a PTE, the swap cache, an LRU batch, a hold) adds
//     to the ledger of the frame, and the claim is that _refcount equals it.
//
//   - Ghosts (alarms, what GUP has seen mapped, what memory should read) are for
//     claims alone: no step decides anything by them, and those that no judged
//     claim reads stay zero.
//
//   - Costs follow what a step touches: nothing goes through all frames, pages or
//     slots but by [cell.Memory.Nonzero], which passes over 64 at a time.
//
// Reading order: machine.go, page.go, frame.go, large.go, hugetlb.go, gigabyte.go, pfn.go, alloc.go, node.go, entry.go, table.go, cpu.go, storebuffer.go, turns.go, mm.go, vma.go,
// rmap.go, ksm.go, lru.go, swap.go, file.go, block.go, task.go, room.go, alarm.go, ghost_*.go.
package machine

import (
	"fmt"

	"gupscope/core/cell"
)

// Classes of cells: the grain in which a step says what it may touch.
const (
	PTEs         cell.Class = iota // entries of PTE tables
	PMDs                           // entries of the tables above
	Refs                           // _refcount, pincount
	Mapcounts                      // _mapcount
	Flags                          // folio flags
	Mappings                       // folio->mapping, index, swap
	Contents                       // what is in a frame
	Frames                         // the allocator: free, data, table
	PTLs                           // page-table locks
	FolioLocks                     // who holds PG_locked
	TLBs                           // TLB entries, walkers
	IPIs                           // pending IPIs, flush requests
	IRQs                           // interrupts on or off
	Steal                          // the host's preempted byte
	MMLocks                        // mmap_lock
	MMs                            // mm flags, sequence counts, TLB generations
	VMAs                           // the tree of VMAs
	Swap                           // swap_map
	SwapCache                      // the swap cache's index
	Disk                           // what is on the swap device
	PageCache                      // slots and tags of files
	Buffers                        // buffer heads
	Blocks                         // a file's blocks on its disk, and writes to them
	Inodes                         // i_size, and whether the inode lives
	InodeLocks                     // i_rwsem, invalidate_lock
	LRU                            // per-CPU batches
	RCU                            // callbacks that wait for a grace period
	Batches                        // a task's batched flush
	Stacks                         // tasks: stack, locals
	Ghosts                         // for claims alone
	Ends                           // which tasks have finished
	Vars                           // variables of tasks
	Ledgers                        // how many references there should be
	Tables                         // no cells: who takes and gives back page tables
	Slots                          // no cells: who takes swap slots
	Compounds                      // which folio a page belongs to
	HugetlbPool                    // reservations of huge pages, mutexes of faults on them
	Runs                           // who runs on a CPU that tasks share, and in which mm
	StoreBuffers                   // what CPUs have stored and nobody else sees yet
	KSM                            // stable nodes, rmap_items, the list of mms to scan
	Secondary                      // a secondary MMU's entries, and guest TLBs
	Notifiers                      // what KVM's notifier keeps: mmu_lock, what is being invalidated
	RmapLocks                      // locks of anon_vmas and of files' mappings
	Signals                        // which signals wait for tasks
	classes
)

// Private are the classes that belong to one task or CPU, and those of ghosts, and
// the one that says where a folio's words are: steps touch them without saying so.
var Private = cell.Of(Stacks, Vars, Ghosts, Ledgers, Ends, Batches, LRU, Compounds, Runs, StoreBuffers, Signals)

// Unbuffered are the classes of cells of which other CPUs do not see when they are stored: no store to them
// waits in a store buffer, none to them has to wait for one.
var Unbuffered = cell.Of(Stacks, Vars, Ghosts, Ledgers, Ends, Batches, LRU, TLBs, IRQs, RCU, StoreBuffers, Signals)

// ClassName returns the name of a class, for messages.
func ClassName(c cell.Class) string {
	return [classes]string{"PTEs", "PMDs", "Refs", "Mapcounts", "Flags", "Mappings", "Contents", "Frames", "PTLs", "FolioLocks", "TLBs", "IPIs", "IRQs", "Steal", "MMLocks", "MMs", "VMAs", "Swap", "SwapCache", "Disk", "PageCache", "Buffers", "Blocks", "Inodes", "InodeLocks", "LRU", "RCU", "Batches", "Stacks", "Ghosts", "Ends", "Vars", "Ledgers", "Tables", "Slots", "Compounds", "HugetlbPool", "Runs", "StoreBuffers", "KSM", "Secondary", "Notifiers", "RmapLocks", "Signals"}[c]
}

// A Config says what a machine consists of. It does not change.
type Config struct {
	CPUs  int
	MMs   []MMConfig
	Files []FileConfig
	Tasks []TaskConfig

	Frames    int  // frames for data, the zero page apart
	PMDTables int  // frames for PMD tables that mms may share; see gigabyte.go
	Tables    int  // frames for PTE tables, beside those for data
	Shared    bool // PTE tables are taken from the frames for data; Tables is 0

	Zones      []Zone  // none: one zone, of node 0
	FrameZones []uint8 // which of Zones a frame for data lies in; those that are missing lie in the first
	CPUNodes   []int   // the node of each CPU; those that are missing belong to node 0

	FiveLevels bool // page tables have five levels, else four
	FreesUpper bool // tables above the PTE tables go, too, with all that an mm maps
	GatherFull bool // an mmu_gather may get full
	Halves     bool // page-table entries are two halves: who takes the high one before it is there gets to frame 0
	StableSwap bool // the swap device wants pages that do not change while it reads them
	Throttled  bool // who dirties pages of files is throttled
	AsyncDIO   bool // direct I/O to files goes on after the call has returned
	ShmemPunch bool // somebody punches a hole into a file of shmem
	SoftDirty  bool // somebody watches what is written to: entries have a bit more
	Opens      bool // who has a file open matters: somebody lets its inode go

	HugePages   int  // pages per huge page, a power of two: 512 on x86-64, 2 in scenarios that do not say; 0 is 2
	LargeFolios bool // folios of HugePages pages are possible; see large.go
	Hugetlb     int  // huge pages in the pool; see hugetlb.go
	Gigantic    bool // huge pages of hugetlb are of a gigabyte, and there is no other memory; see hugetlb.go
	PFNs        int  // pages of devices' memory, without struct pages; see pfn.go
	DAXPages    int  // pages of files on DAX: the first frames for data; see dax.go
	KSM         bool // ksmd may merge pages; see ksm.go
	Secondary   bool // an mm has a secondary MMU; see secondary.go
	Intervals   bool // an mm has a device that goes by an interval notifier; see interval.go

	TSO   bool // CPUs have store buffers
	Waits bool // tasks wait for grace periods

	Generations bool // mms count TLB generations, and CPUs know how many they are behind
	Rooms       bool // there are rooms that mremap may move pages into; see room.go

	KhpPasses bool // khugepaged may come to huge pages of files; see NotedTHP
	FileTHP   bool // pages of files may be collapsed into huge ones; see Collapsing

	RmapLocks bool // who walks a reverse mapping may meet who changes what it leads to; see room.go

	Turns bool // tasks that have one CPU take turns; else nobody minds

	Signals bool // somebody sends signals; see signal.go
	Pkeys   bool // somebody uses protection keys; see pkey.go
	Poison  bool // memory may fail; see poison.go
	LRUOff  bool // the LRU batches may be switched off; see lru.go

	Lazyfree       bool // CPUs have a batch of folios that are to be lazyfree; see lru.go
	Deactivate     bool // CPUs have a batch of folios that are to leave the active list
	DeactivateFile bool // CPUs have a batch of pages of files that could not be dropped

	GUPPages int // the most pages that one GUP call asks for; 0 is 1

	Slots  int      // of the swap device
	Values []string // contents; 0 is the content of a zeroed page

	Speculate []bool // CPUs whose walker fills TLB entries unasked

	Track Track // which ghosts are kept

	// What the cells of a task's stack mean is known to package kernel alone.
	Captures  func(fn uint16) int                         // how many of a function's locals are captures: its first ones
	Locals    func(fn uint16) int                         // how many locals it has
	StackText func(v uint64) string                       // a stack cell in words
	LocalText func(task, pc int, fn uint16, i int) string // the name of a local, in a task's statement
}

// MMConfig is an address space.
type MMConfig struct {
	Name    string
	Parent  int            // the mm that it will be forked from, which comes before it; -1: it is there from the start
	Exits   bool           // its threads leave it
	Regions []RegionConfig // a child has those of its parent, at the same addresses; New fills them in
}

// TaskConfig is a thread; MM is -1 for a kernel thread.
type TaskConfig struct {
	Name string
	CPU  int
	MM   int
	Vars []string

	// Remote are the other mms of which it may hold pages through GUP, as bits.
	Remote uint64
}

// GUPsFrom reports whether the task may hold pages of the mm through GUP, or be about to get one.
func (m *Machine) GUPsFrom(task, mm int) bool {
	t := &m.Config.Tasks[task]
	return t.MM == mm || t.Remote>>mm&1 != 0
}

// Track says which ghosts are kept.
type Track struct {
	Seen    bool   // which frames were mapped during a GUP call
	Values  bool   // what memory should read
	Pins    bool   // where a held page was got, and whether the owner gave that up
	Notice  bool   // what file systems know of writes to their pages
	Stores  bool   // who stored to a frame last
	Shared  bool   // what pages held when KSM began to share them
	Copies  bool   // what became of pages since they were copied, to be replaced
	Swapped bool   // what pages held when they left the swap cache
	Alarms  uint64 // the alarms that are raised, as a bit set
}

// A Machine is the state of everything, in the cells of Mem.
type Machine struct {
	Mem *cell.Memory
	Config

	levels     []int             // of the tables above the PTEs, from the root down
	rank       [LevelPGD + 1]int // a level's place in levels
	pages      []Page            // all virtual pages, by PageID
	first      [][]int           // PageID of page 0, by mm and region
	puds       [][]int           // slot of a region's PUD entry, by mm and region
	pmds       [][]int           // slot of a region's first PMD entry, by mm and region
	family     [][]int           // an mm and all that are forked from it, transitively
	rooms      [][][]int         // a region and the rooms for it, by mm and region
	alone      []int             // the regions' numbers, each a place of its own
	filePages  []FilePage        // all pages of files, by Pgoff
	fileFirst  []int             // a file's first page's Pgoff
	width      int               // entries of a PTE table
	upperWidth int               // entries of a table above
	regions    int               // the most that an mm has
	anonWords  int               // for the anon_vmas of a region's pages: of the longest
	gatherMax  int               // pages that an mmu_gather has room for
	tableMax   int               // page tables that it has room for

	// Where the frames of each kind begin: see numberFrames.
	hugeZero                                           Frame
	pfnBase, upperBase, poolBase, pmdTableBase, nframe int

	// First cells of the regions.
	ref, mapcount, flags, mapping, index, folioSwap, content, alloc                                                            cell.ID
	lockedBy, ledger, ptes                                                                                                     cell.ID
	compound, entire, large, pincount, pagesMapped, deferred, pmdMaps, deposit                                                 cell.ID
	noPMD, hugetlbLock                                                                                                         cell.ID
	reserved, reserve, faultMutex, resvUnmapped                                                                                cell.ID
	upper, entry, ptl, pmdLock, tableOf                                                                                        cell.ID
	mmapLock, behind, writeProtectSeq, mmFlags, flushPending, batched, pteMappedTHP                                            cell.ID
	mmState, mmUsers, cpumask                                                                                                  cell.ID
	vma, vmaLock, anonVMA, rmapLock, linked                                                                                    cell.ID
	irqOff, ipi, request, steal, preempts, walker, tlb                                                                         cell.ID
	current, loadedMM, lazy, mode                                                                                              cell.ID
	gracePeriod                                                                                                                cell.ID
	buffered, bufferTo, bufferValue                                                                                            cell.ID
	lruOff                                                                                                                     cell.ID
	swapMap, swapCache, disk, io, zeromap, leftSwap                                                                            cell.ID
	cacheSlot, tags, collapsing, buffers, block, blockIO                                                                       cell.ID
	size, inodeLock, invalidateLock, inode, inodeRCU, filePins, directIO, falloc                                               cell.ID
	rcu                                                                                                                        cell.ID
	ubc                                                                                                                        cell.ID
	gathers, gather, gatherStart, gatherTables, gatherTable, done, pc, depth, ret, stack, local, gupGot, gupPages, vars, varAt cell.ID
	pending, pkeyMap, pkru                                                                                                     cell.ID
	kept                                                                                                                       cell.ID
	gupAt, gupSeen, gupAfter, value, forking, fileValue, notice, storer, alarm, copyOf                                         cell.ID
	watched                                                                                                                    cell.ID
	rmapItem, stableNode, mergeOrder, ksmMutex, sharedContent                                                                  cell.ID
	spte, guestTLB, iotlb, mmuLock, invalidating, invalidateSeq                                                                cell.ID
	mtt, umemMutex, activeRanges, subscriptionsSeq, intervalSeq                                                                cell.ID

	locks              []locks   // all of them
	batches            []LRUKind // of each CPU, in the order in which they are drained
	lruCount, lruBatch [lruKinds]cell.ID

	home   []int   // the mm of the task that runs on a CPU, -1
	shared []bool  // CPUs that several tasks have
	mmsOn  [][]int // the mms of a CPU's tasks

	cpu       int  // whose accesses are under way, plus one, where CPUs have store buffers; 0: nobody's
	buffering bool // its stores go to its buffer

	varBase []int // first variable of each task, in vars
	nvar    int
}

// New returns a machine of that configuration, everything zero: all frames
// free, no mm alive, nothing mapped. Package kernel sets the scene.
func New(c Config) *Machine {
	m := &Machine{Config: c}
	m.GUPPages = max(m.GUPPages, 1)
	m.numberLevels()
	m.layoutPages()
	if m.LargeFolios {
		m.gatherMax += m.HugePages // the pages of a folio that is split meanwhile
	}
	m.tableMax = m.upperWidth
	if m.FreesUpper {
		m.tableMax += len(m.levels) - 1
	}
	m.numberFrames()
	m.numberFilePages()
	m.homes()
	m.findShared()
	for _, t := range c.Tasks {
		m.varBase = append(m.varBase, m.nvar)
		m.nvar += len(t.Vars)
	}
	m.Mem = cell.New(m.layout())
	return m
}

// A Word is one shared word of the machine: what a step loads, stores, or
// changes in one atomic instruction.
type Word struct{ id cell.ID }

// Cell returns the word's cell, for footprints and histories.
func (w Word) Cell() cell.ID { return w.id }

// Load returns the word's value; a step's access.
func (m *Machine) Load(w Word) uint64 {
	if m.cpu != 0 {
		return m.loadAs(w)
	}
	return m.Mem.Load(w.id)
}

// Store sets the word; a step's access.
func (m *Machine) Store(w Word, v uint64) {
	if m.cpu != 0 {
		m.storeAs(w, v)
		return
	}
	m.Mem.Store(w.id, v)
}

// Seek notes that the step under way depends on which private places name the frame: see [cell.Memory.Seek].
func (m *Machine) Seek(f Frame) { m.Mem.Seek(m.OfFrame(f)) }

// Glance returns the word's value, and notes that the step under way goes by it: see [cell.Memory.Glance].
func (m *Machine) Glance(w Word) uint64 {
	m.Mem.Glance(w.id)
	return m.Mem.Peek(w.id)
}

// Peek returns the word's value without a trace in the footprint, for onlookers.
func (m *Machine) Peek(w Word) uint64 { return m.Mem.Peek(w.id) }

// Value returns the number of a content, which must be one of Values.
func (m *Machine) Value(s string) uint64 {
	for i, v := range m.Values {
		if v == s {
			return uint64(i)
		}
	}
	panic(fmt.Sprintf("machine: content %q is not in Values: package kernel interns every value of a scenario", s))
}

// Content returns a content in quotes, as scenarios write it.
func (m *Machine) Content(v uint64) string {
	if v == 0 {
		return `""`
	}
	return `"` + m.Values[v] + `"`
}
