package view

// A Memory is what memory looks like at the cursor. What the scenario does not
// touch is not there.
type Memory struct {
	At      int           // the step
	News    []ChangedCell // what it changed
	Walks   []Walk
	Folios  []Folio
	Slots   []Slot
	Files   []File
	TLBs    []TLB
	Locks   []Lock
	Targets []Target // what the entries and walkers point at
}

// A Target is what an entry or a walker points at: a folio, a free frame, a swap slot.
type Target struct {
	ID      string // "frame-3", "slot-0": the same as its card's
	Text    string // "frame 3"
	Note    string // "b", "free"
	Bad     bool
	Changed bool
}

// A Walk is the page tables of an mm, from the root to the leaves.
type Walk struct {
	MM     string
	Who    Who
	Upper  []Level  // PGD, P4D, PUD: one table each
	Last   string   // the level behind them: "PMD"; with huge pages of a gigabyte "PUD"
	Leaves []Table  // PTE tables, in order of address
	Loose  []Walker // walkers that hold a table which is in no tree any more
}

// A Level is a table above the leaves, with the one or few entries that are used.
type Level struct {
	Name    string // "PGD"
	Entries []PTE
}

// A Table is a page of PTEs.
type Table struct {
	VMA     string // "buf"
	Flags   string // "rw", "r", as the VMA allows
	PMD     PTE    // the entry of the PMD that points at it
	Freed   bool
	Entries []PTE
}

// A PTE is one page-table entry, of any level.
type PTE struct {
	ID      int    // its cell; below zero: none
	Cell    string // its name: "A pte[buf]"
	Index   string // "[0]"
	Text    string // "frame 3 W D", "swap 0", "none"
	Folded  bool   // this kernel has no such level: the one above stands for it
	To      string // a Target's ID, "" if it points at nothing shown
	None    bool
	Changed bool   // in this step
	Was     string // what it was before this step, if Changed
	Walkers []Walker
}

// A Bit is one field of an entry.
type Bit struct {
	Name, Value, Says string
	Was               string
	Changed           bool
}

// A Walker stands at an entry with what it read there.
type Walker struct {
	Lane  string
	Who   Who
	Holds string // "frame 3"
	Note  string // "read at 2", "read at 2, stale since 4"
	Stale bool
	To    string // a Target's ID
}

// A Folio is a card.
type Folio struct {
	ID        string // "frame-3"
	Title     string // "folio 3"
	Kind      string // "anon of B", "free", "swap cache of slot 0"
	Refcount  int
	Holders   []Holder // whose references add up to Refcount
	Sum       string   // "2 = 1 + 1"; says so when it does not add up
	AddsUp    bool
	Mapcount  int
	Pincount  int
	Flags     []Flag
	Mapping   string
	Content   string   // what is in it
	Changed   []string // fields that changed in this step: "refcount", "mapping", …
	ChangedAt int      // the last step that changed anything in it
	Buffers   Field    // the state of its buffer head, of a file on a disk
	Dump      string   // as dump_page() prints it
	Bad       string

	CellOf FolioCells
}

// FolioCells are the cells of a folio's fields.
type FolioCells struct{ Ref, Mapcount, Pincount, Flags, Mapping, Content int }

// A Holder holds references.
type Holder struct {
	Count int
	Text  string // "mapping in B", "GUP by P0", "swap cache", "LRU batch of cpu0"
	Who   Who
	Pin   bool
	Bad   bool // it ought not to: stale, or nobody knows whose
}

// A Flag is a page flag that is set, or was until this step.
type Flag struct {
	Name    string
	Gone    bool
	Changed bool
}

// A Slot is a swap slot.
type Slot struct {
	ID      string
	Title   string // "swap slot 0"
	Kind    string // "entry of A buf"
	Count   int
	Content string // on disk
	Cache   string // "not in the swap cache", "folio 2"
	Memory  string // what the folio in the swap cache holds, if that is something else
	Changed []string

	CellOf SlotCells
}

// SlotCells are the cells of a slot's fields.
type SlotCells struct{ Count, Disk, Cache int }

// A TLB is what a CPU's TLB holds.
type TLB struct {
	Lane    string
	Who     Who
	Note    string // "a flush is pending", "2 flushes behind"
	Entries []TLBEntry
}

// A TLBEntry is a translation.
type TLBEntry struct {
	ID      int    // its cell
	PTE     int    // the cell of the entry it came from, as it is now; below zero: there is none
	Text    string // "B other → frame 3 W"
	Stale   bool
	Note    string // "the PTE says none since 4"
	Changed bool
}

// A Lock is a lock that somebody holds or waits for.
type Lock struct {
	ID      int
	Name    string // "page-table lock of A buf"
	State   string // "held by P1", "read-held by P0, P1", "free"
	Who     Who    // who holds it, if that is one
	Waits   []string
	Changed bool
}
