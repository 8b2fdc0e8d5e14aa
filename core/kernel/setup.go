package kernel

import "gupscope/core/machine"

// A Setup is a scenario as the machine needs it: what there is at the start,
// and what each task will do. Package scenario makes it from text.
type Setup struct {
	CPUs  int // 1..8
	MMs   []MMSetup
	Files []FileSetup
	Tasks []TaskSetup

	Frames           int         // free frames beside those in use at the start
	Zones            []ZoneSetup // the zones in which these lie; none: there is one
	CPUNodes         []int       // the node of each CPU; those that are missing belong to node 0
	TablesFromFrames bool        // page tables come from the same frames as pages, else from a pool of their own
	HugePages        int         // pages per huge page; 0 is 2
	LargeFolios      bool        // large folios are possible even if nothing here says so: somebody will append statements
	Gigantic         bool        // hugetlb's are of a gigabyte (hugepagesz PUD_SIZE), and there is no other memory
	Hugetlb          int         // huge pages in the pool of hugetlb (nr_hugepages); 0: as many as can be used
	Slots            int         // of the swap device; 0: as many as there are anonymous pages
	SwapAsync        bool        // the write to swap goes on after pageout returns, and ends by itself
	FewSlots         bool        // they may run out: swap may be nearly full
	Blocks           int         // free blocks of the disk beside those in use at the start, if they may run out
	FewBlocks        bool        // they may
	GatherPages      int         // for how many pages an mmu_gather has room; 0: for as many as there are
	SwapStable       bool        // the swap device wants pages that do not change while it reads them (SWP_STABLE_WRITES): it compresses, or checksums
	Throttled        bool        // who dirties pages of files is throttled: there are too many dirty ones (balance_dirty_pages)

	Turns      bool // tasks that have one CPU take turns; else nobody minds
	PAE        bool // x86-32 with PAE: page-table entries are stored in two halves; else x86-64
	FiveLevels bool // page tables have five levels (LA57); else four
	FreesUpper bool // nothing else lies near: PMD tables, and those above, go with the last VMA; else they have neighbours, and stay
	TSO        bool // every CPU has a store buffer; else memory is sequentially consistent
	KSM        bool // ksmd may merge pages, although no statement says so yet
	Lazyfree   bool // somebody frees memory lazily, although no statement says so yet

	Preempts  []int  // how often the host may preempt each CPU; nil: never
	Speculate []bool // whether each CPU's walker may fill its TLB unasked; nil: no

	Judge []string    // the claims to judge; nil: all that are on
	Ends  []Condition // what is said of the values at the end of a run
}

// An MMSetup is one address space.
type MMSetup struct {
	Name    string
	Parent  string // the mm before it that fork makes it from: it has the same regions; "": it is there from the start
	Regions []RegionSetup
}

// A RegionSetup is a run of addresses in which something is mapped at the start.
type RegionSetup struct {
	Name     string
	Kind     machine.RegionKind
	Pages    int
	Writable bool
	Huge     bool // MADV_HUGEPAGE: a huge page where one fits
	// MADV_MERGEABLE: ksmd may merge its pages. It has seen the filled ones once, as they are.
	Mergeable bool
	File      int      // which file, if the kind is one of a file
	Zone      int      // which of Zones its first pages lie in
	First     int      // the file's page that page 0 maps
	Gigabyte  bool     // of a hugetlb file, shared: it covers a whole gigabyte; what the file is filled with is mapped
	Room      bool     // nothing is mapped there: mremap may move pages of the region Home there, like which it is
	Home      int      // index into Regions
	Mixed     bool     // of a device's memory: VM_MIXEDMAP, else VM_PFNMAP
	Stack     bool     // it grows down (VM_GROWSDOWN): the VMA has its last pages at the start, those with a content, or one; Fill is theirs
	Held      int      // how many references somebody else has on each of its filled pages, for good
	Fill      []string // the content of its first pages; further pages are not touched yet
	State     PageState
}

// A PageState says how the filled pages of a VMA stand at the start.
type PageState uint8

const (
	// Mapped: written by the process once: PTE writable and dirty, exclusive, on the LRU list.
	Mapped PageState = iota
	// Clean: written by the process, written to swap, and read back from there: mapped
	// clean as this kernel's read fault maps it, and still in the swap cache.
	Clean
	// Swapped: written to swap and dropped: the PTE holds the swap entry.
	Swapped
	// Huge: written by the process once: every huge page that has a content is one folio, mapped by
	// its PMD entry, writable and dirty, exclusive.
	Huge
	// Merged, of a mergeable region: ksmd has merged the filled pages that hold the same, each with those of all mms.
	Merged
	// Split: as Huge, and then the PMD entry was split: each page has its PTE.
	Split
	// Torn: as Split, but the PTEs of a range map pages of as many large folios: each its page of another one, of which nothing else is mapped any more.
	Torn
)

// LargeAtStart is how many frames the large folios have that the region has at the start.
func (r *RegionSetup) LargeAtStart(hugePages int) int {
	switch r.State {
	case Huge, Split:
		return RoundUp(len(r.Fill), hugePages)
	case Torn:
		return len(r.Fill) * hugePages
	}
	return 0
}

// A TaskSetup is one thread or kernel thread.
type TaskSetup struct {
	Name string
	CPU  int
	MM   int // index into MMs; -1: a kernel thread
	// After is the task whose end it waits for before it begins, as its number from 1; 0: it begins at once. That task stands before it.
	After int
	Vars  []string
	Body  []Stmt
}

// Follows reports whether task t begins when task first has ended, or later.
func (s *Setup) Follows(t, first int) bool {
	for t = s.Tasks[t].After - 1; t >= 0; t = s.Tasks[t].After - 1 {
		if t == first {
			return true
		}
	}
	return false
}

// A Stmt is one statement: Vars[Var] = Call(Args...). A call that gets several pages fills as many variables, from Var on.
type Stmt struct {
	Var  int // -1: the result is not kept
	Call *Call
	Args []Arg // one for every parameter; an optional one that is not given is zero
	Line int   // where it stands in the scenario, from 1
}

// An Arg is one argument. Which field counts is said by the parameter's kind.
type Arg struct {
	MM, Region, Page int    // PageParam, PagesParam; MM alone: MMParam, ProcessParam
	Last             int    // VMAParam: the last page of the range that begins with Page
	Pages            int    // PagesParam: how many pages, from Page on; VarsParam: how many variables, from Var on; 0 is 1
	File             int    // FileParam; FilePageParam, with Page
	Number           int    // NumberParam, PkeyParam
	Var              int    // VarParam, VarsParam: index into the task's Vars
	Value            string // ValueParam, SourceParam
	Memory           bool   // SourceParam, BufferParam: a page is named, as PageParam does
	Flags            uint64 // FlagsParam: FollWrite | …
	Word             string // WordParam
}

// A Condition is a statement about the end of a run, as litmus tests make it.
type Condition struct {
	When Quantifier
	Text string // as written, for people
	Cond Expr
}

// A Quantifier says how often a condition is expected to hold at the ends of all runs.
type Quantifier uint8

const (
	Never Quantifier = iota
	Sometimes
	Always
)

// An Expr is a condition's tree. Leaves compare a variable of a task, or what a page of
// memory reads, with a value or an errno; inner nodes join.
type Expr struct {
	Op          string // "and", "or", "not", "==", "!="
	Left, Right *Expr
	Task, Var   int    // leaf: whose variable,
	Memory      *Arg   // or which page
	Huge        bool   // leaf: whether a PMD entry maps a huge page there; of Memory alone
	SoftDirty   bool   // leaf: whether that page was written to since clear_refs; of Memory alone
	Value       string // leaf: compared with this content, if Errno is 0 and Page is nil
	Errno       int    // leaf: compared with this error, e.g. 14 for -EFAULT
	Signal      int    // leaf: compared with this signal, e.g. 11 for SIGSEGV
	IsNumber    bool   // leaf: compared with Number
	Number      int
}

// EachLeaf calls f with every leaf.
func (e *Expr) EachLeaf(f func(leaf *Expr)) {
	if e.Left == nil && e.Right == nil {
		f(e)
		return
	}
	for _, x := range []*Expr{e.Left, e.Right} {
		if x != nil {
			x.EachLeaf(f)
		}
	}
}

// SlotsAtStart is how many swap slots are in use at the start.
func (s *Setup) SlotsAtStart() (n int) {
	for _, mm := range s.MMs {
		for _, r := range mm.Regions {
			if r.State == Clean || r.State == Swapped {
				n += len(r.Fill)
			}
		}
	}
	for _, f := range s.Files {
		if f.State == FileDropped && f.Kind == machine.Shmem {
			n += len(f.Fill)
		}
	}
	return n
}
