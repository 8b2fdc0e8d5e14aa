package replay

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// An Observation is the result of an operation and the state after it: what a
// step of the corpus records, and what the model's observer fills in. Maps that
// are nil are empty.
type Observation struct {
	Result Result
	Tables map[string]map[string][]Entry // page tables, by live process and region, one entry per page
	Frames map[Label]Frame               // every frame that the rest of the observation names
	Swap   map[Label]Slot                // every swap entry that the rest of the observation names
	Cache  map[string][]Label            // page cache by file region, one per page: a frame, a swap entry (shmem), or NoLabel
	Disk   map[string][]Block            // what is on the disk, by ext4 region
	Size   map[string]int                // of the file, by file region, in pages (of 2 MiB for hugetlb)
	Pins   map[string]Pin                // live slots
}

// A Label names a frame ("F0") or a swap entry ("S0") from the first
// observation that reaches it until one that does not (see Labels). Only
// whether two labels are the same means something.
type Label string

// Labels that are the same in every program.
const (
	NoLabel      Label = ""
	ZeroPage     Label = "Z"  // the shared zero page; it has no frame record
	HugeZeroPage Label = "HZ" // the huge zero page; it has no frame record
)

// UnmarshalText reads a label, or "none".
func (l *Label) UnmarshalText(text []byte) error {
	*l = Label(text)
	switch {
	case *l == ZeroPage || *l == HugeZeroPage:
		return nil
	case *l == "none":
		*l = NoLabel
		return nil
	}
	n, ok := strings.CutPrefix(string(*l), "F")
	if !ok {
		n, ok = strings.CutPrefix(string(*l), "S")
	}
	if _, err := strconv.ParseUint(n, 10, 31); !ok || err != nil {
		return fmt.Errorf("%q names neither a frame (F0) nor a swap entry (S0)", text)
	}
	return nil
}

// renamed reports whether the label is one that is compared up to renaming.
func (l Label) renamed() bool { return l != NoLabel && l != ZeroPage && l != HugeZeroPage }

// ofSwap reports whether the label names a swap entry.
func (l Label) ofSwap() bool { return strings.HasPrefix(string(l), "S") }

// number is what stands behind the letter, for order.
func (l Label) number() int {
	n, _ := strconv.Atoi(strings.TrimLeft(string(l), "FS"))
	return n
}

func (l Label) String() string {
	if l == NoLabel {
		return "none"
	}
	return string(l)
}

// A Result is what an operation returned. One that was not executed has Skip,
// one that took a signal has Signal; else Ret counts.
type Result struct {
	Ret    int // ≥ 0, or -errno
	Err    string
	Val    uint32
	HasVal bool   // the operation read Val
	Status string // migrate: "moved", "failed" or an errno
	Signal string // "SEGV", "BUS": the access was not made
	Skip   string // "slot", "ropin", "proc", "target": why the operation was not executed
}

// String is the result as the corpus writes it.
func (r Result) String() string {
	switch {
	case r.Skip != "":
		return `{"skip":"` + r.Skip + `"}`
	case r.Signal != "":
		return `{"sig":"` + r.Signal + `"}`
	}
	s := fmt.Sprintf(`{"ret":%d`, r.Ret)
	if r.Err != "" {
		s += `,"err":"` + r.Err + `"`
	}
	if r.HasVal {
		s += fmt.Sprintf(`,"val":%d`, r.Val)
	}
	if r.Status != "" {
		s += `,"status":"` + r.Status + `"`
	}
	return s + "}"
}

// An Entry is what the page tables of a process hold for one page.
type Entry struct {
	Kind      EntryKind
	Label     Label // PTE, PMD: the frame (of a THP, the 4 KiB subpage); Swapped: the swap entry
	Write     bool  // PTE, PMD: pte_write
	Dirty     bool  // PTE, PMD: pte_dirty
	Exclusive bool  // Swapped: pte_swp_exclusive
}

// An EntryKind is the sort of an entry.
type EntryKind string

// The sorts of entries.
const (
	NoEntry   EntryKind = "none"  // pte_none, or no page table
	NoVMA     EntryKind = "novma" // no VMA at this address
	PTE       EntryKind = "pte"   // present, or PROT_NONE
	PMD       EntryKind = "pmd"   // a huge PMD: THP or hugetlb
	Swapped   EntryKind = "swap"
	Migration EntryKind = "migration"
	OtherSwap EntryKind = "other" // another entry that is not present
)

// String is the entry as the corpus writes it: "pte F0 WD", "swap S1 X".
func (e Entry) String() string {
	switch e.Kind {
	case PTE, PMD:
		bits := ""
		if e.Write {
			bits += "W"
		}
		if e.Dirty {
			bits += "D"
		}
		if bits == "" {
			bits = "-"
		}
		return string(e.Kind) + " " + string(e.Label) + " " + bits
	case Swapped:
		s := "swap " + string(e.Label)
		if e.Exclusive {
			s += " X"
		}
		return s
	}
	return string(e.Kind)
}

// UnmarshalText reads what String writes.
func (e *Entry) UnmarshalText(text []byte) error {
	*e = Entry{}
	words := strings.Fields(string(text))
	if len(words) > 0 {
		e.Kind = EntryKind(words[0])
	}
	if len(words) > 1 {
		if err := e.Label.UnmarshalText([]byte(words[1])); err != nil {
			return err
		}
	}
	if len(words) > 2 {
		e.Write, e.Dirty = strings.Contains(words[2], "W"), strings.Contains(words[2], "D")
		e.Exclusive = words[2] == "X"
	}
	switch e.Kind {
	case NoEntry, NoVMA, PTE, PMD, Swapped, Migration, OtherSwap:
		if e.String() == string(text) {
			return nil
		}
	}
	return fmt.Errorf("%q is no page-table entry", text)
}

// A Frame is the record of one frame. For large folios Ref, Map, Pin and Flags
// are those of the whole folio.
type Frame struct {
	Ref   int // folio_ref_count
	Map   int // mappings: of the page, or of the whole large folio
	Pin   int // pins: of a small folio ref>>10; of a large one _pincount
	Flags FrameFlags
	Val   uint32 // the first 32 bits

	Order   int   // of the folio; 0: small, and the three below are not recorded
	Index   int   // of this page within the folio
	Entire  int   // mappings of the whole folio by a PMD
	PageMap int   // this page's own _mapcount+1; not recorded for hugetlb
	Swap    Label // the swap entry, if the frame is in the swap cache
}

// FrameFlags is a set of a frame's properties.
type FrameFlags uint16

// The properties, in the order in which the corpus lists them.
const (
	FlagAnon       FrameFlags = 1 << iota
	FlagExclusive             // PageAnonExclusive; of a PMD-mapped folio the head's
	FlagKSM                   //
	FlagSwapCache             //
	FlagSwapBacked            //
	FlagDirty                 // never reported for hugetlb
	FlagWriteback             //
	FlagLocked                //
	FlagPrivate               // has buffer heads
	FlagHugetlb               //
	FlagNoMapping             // page->mapping is NULL: truncated
	FlagMlocked               //
)

var flagNames = []string{"anon", "excl", "ksm", "swapcache", "swapbacked", "dirty", "writeback", "locked", "private", "hugetlb", "nomap", "mlocked"}

func (f FrameFlags) String() string {
	var names []string
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}

// UnmarshalText reads the names of flags, in any order.
func (f *FrameFlags) UnmarshalText(text []byte) error {
	*f = 0
words:
	for _, w := range strings.Fields(string(text)) {
		for i, n := range flagNames {
			if w == n {
				*f |= 1 << i
				continue words
			}
		}
		return fmt.Errorf("%q is no flag of a frame", w)
	}
	return nil
}

// A Slot is the record of one swap entry.
type Slot struct {
	Count   int    // references by page tables; 0: only the swap cache; -1: owned by shmem
	Cache   Label  // the frame in the swap cache, or NoLabel
	Disk    uint32 // the word on the swap device, if HasDisk
	HasDisk bool   // not while the frame in the swap cache is dirty, nor under Zero
	Zero    bool   // the slot is in the zeromap: nothing was written
}

// A Block is what the disk holds for one page of a file.
type Block struct {
	State BlockState
	Word  uint32 // OnDisk
}

// A BlockState says whether a page of a file has a block with data.
type BlockState string

// The states of blocks.
const (
	OnDisk    BlockState = ""
	Hole      BlockState = "hole"
	Delalloc  BlockState = "delalloc" // allocated in memory only
	Unwritten BlockState = "unwritten"
)

func (b Block) String() string {
	if b.State == OnDisk {
		return strconv.FormatUint(uint64(b.Word), 10)
	}
	return string(b.State)
}

// UnmarshalJSON reads a number or the name of a state.
func (b *Block) UnmarshalJSON(text []byte) error {
	*b = Block{}
	if json.Unmarshal(text, &b.Word) == nil {
		return nil
	}
	err := json.Unmarshal(text, &b.State)
	if err == nil && b.State != Hole && b.State != Delalloc && b.State != Unwritten {
		err = fmt.Errorf("%s is no state of a block", text)
	}
	return err
}

// A Pin is a live slot: the page that a device holds, and what it sees in it.
type Pin struct {
	Frame Label
	Val   uint32
}
