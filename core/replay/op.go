package replay

import (
	"fmt"
	"strconv"
	"strings"
)

// An Op is one operation of a program, parsed. Which fields count is said by its Verb.
type Op struct {
	Text string // as the file has it
	Verb Verb   // Unknown: Mistake says what is not understood

	Process string // who does it, or in whose context: "A"
	Other   string // fork: the child; vm_readv, vm_writev: whose memory
	Region  string // "R"
	Page    int    // index in the region; WholeRegion
	Pages   int    // mem, truncate: a number of pages (of 2 MiB for hugetlb)
	Value   uint32 // what is stored at offset 0 of the page
	Kind    RegionKind
	Prot    Prot
	Advice  Advice
	Slot    string // "s0"
	Dirty   bool   // unpin: mark the page dirty first
	Pin     PinCall

	Mistake *Mistake
}

// WholeRegion stands in the place of a page's index where all of the region is meant.
const WholeRegion = -1

// A Verb is the first word of an operation.
type Verb string

// The operations. TRUTH.md says what each executes.
const (
	Unknown   Verb = ""
	Mem       Verb = "mem"
	Load      Verb = "read"
	Store     Verb = "write"
	Fork      Verb = "fork"
	Exit      Verb = "exit"
	Mprotect  Verb = "mprotect"
	Munmap    Verb = "munmap"
	Madvise   Verb = "madvise"
	Collapse  Verb = "collapse"
	Msync     Verb = "msync"
	Fsync     Verb = "fsync"
	FileWrite Verb = "fwrite"
	FileRead  Verb = "fread"
	Truncate  Verb = "truncate"
	Punch     Verb = "punch"
	DropCache Verb = "dropcache"
	PinPage   Verb = "pin"
	Unpin     Verb = "unpin"
	DMARead   Verb = "dmaread"
	DMAWrite  Verb = "dmawrite"
	VMReadv   Verb = "vm_readv"
	VMWritev  Verb = "vm_writev"
	MemRead   Verb = "memread"
	MemWrite  Verb = "memwrite"
	Migrate   Verb = "migrate"
	Reclaim   Verb = "reclaim"
	KSM       Verb = "ksm"
)

// A RegionKind is what a region maps, and how.
type RegionKind string

// The kinds of regions.
const (
	Anon          RegionKind = "anon"
	THP           RegionKind = "thp"
	Anon2M        RegionKind = "anon2m"
	ShmemShared   RegionKind = "shmem_shared"
	ShmemPrivate  RegionKind = "shmem_private"
	Ext4Shared    RegionKind = "ext4_shared"
	Ext4Private   RegionKind = "ext4_private"
	Hugetlb       RegionKind = "hugetlb"
	HugetlbShared RegionKind = "hugetlb_shared"
)

// Kinds of regions that no program of the corpus has, but the single probes.
const (
	AnonShared     RegionKind = "anon_shared"     // MAP_SHARED|MAP_ANONYMOUS, which is shmem
	Ext4Hole       RegionKind = "ext4_hole"       // as ext4_shared, of a file that has no blocks yet
	HugetlbPrivate RegionKind = "hugetlb_private" // a file of hugetlbfs, MAP_PRIVATE
	SecretMemory   RegionKind = "secretmem"       // of memfd_secret()
	Room           RegionKind = "room"            // nothing yet: where mremap moves the first region
)

// Prot is the protection of a mapping.
type Prot string

// The protections: PROT_READ, PROT_READ|PROT_WRITE, PROT_NONE.
const (
	ProtRead      Prot = "r"
	ProtReadWrite Prot = "rw"
	ProtNone      Prot = "none"
)

// Advice is the last argument of madvise(2), without its MADV_, in small letters.
type Advice string

// The advices.
const (
	DontNeed      Advice = "dontneed"
	PageOut       Advice = "pageout"
	Free          Advice = "free"
	Cold          Advice = "cold"
	PopulateRead  Advice = "populate_read"
	PopulateWrite Advice = "populate_write"
	Unmergeable   Advice = "unmergeable"
)

// A PinCall is the variant of get_user_pages that a pin operation calls for one page.
type PinCall struct {
	Get      bool // FOLL_GET (get_user_pages …), else FOLL_PIN (pin_user_pages …)
	Write    bool // FOLL_WRITE
	Longterm bool // FOLL_LONGTERM
	Force    bool // FOLL_FORCE
	NoFault  bool // FOLL_NOFAULT: in no program of the corpus, but in the single probes
	How      How
}

// How says by which way GUP is entered.
type How string

// The entries: get_user_pages, get_user_pages_fast, get_user_pages_fast_only; pin_user_pages likewise.
const (
	Slow     How = "slow"
	Fast     How = "fast"
	FastOnly How = "fastonly"
)

// A Mistake is what of an operation's text is not understood.
type Mistake struct {
	Column  int // where in the text, from 1, in bytes
	Message string
}

func (m *Mistake) Error() string { return fmt.Sprintf("column %d: %s", m.Column, m.Message) }

// An argument is one word that an operation expects.
type argument struct {
	what     string // for people
	optional bool
	take     func(*Op, string) bool // false: the word is something else
}

var (
	aProcess = argument{"a process (A, B, C)", false, func(o *Op, w string) bool { o.Process = w; return isName(w) }}
	anOther  = argument{"a process (A, B, C)", false, func(o *Op, w string) bool { o.Other = w; return isName(w) }}
	aRegion  = argument{"a region (R, Q)", false, func(o *Op, w string) bool { o.Region, o.Page = w, WholeRegion; return isName(w) }}
	aPage    = argument{"a page (R.0)", false, takePage}
	aTarget  = argument{"a region or a page (R, R.0)", false, func(o *Op, w string) bool { return aRegion.take(o, w) || takePage(o, w) }}
	aCount   = argument{"a number of pages", false, takePages}
	aValue   = argument{"a value of 32 bits", false, takeValue}
	aSlot    = argument{"a slot (s0)", false, takeSlot}
	aKind    = word("a kind of region", func(o *Op) *RegionKind { return &o.Kind }, Anon, THP, Anon2M, ShmemShared, ShmemPrivate, Ext4Shared, Ext4Private, Hugetlb, HugetlbShared)
	aProt    = word("a protection", func(o *Op) *Prot { return &o.Prot }, ProtRead, ProtReadWrite, ProtNone)
	anAdvice = word("an advice", func(o *Op) *Advice { return &o.Advice }, DontNeed, PageOut, Free, Cold, PopulateRead, PopulateWrite, Unmergeable)
	aWay     = word("a way into GUP", func(o *Op) *How { return &o.Pin.How }, Slow, Fast, FastOnly)
	getOrPin = either("PIN", "GET", func(o *Op) *bool { return &o.Pin.Get })
	anAccess = either("r", "w", func(o *Op) *bool { return &o.Pin.Write })
	anArrow  = argument{"->", false, func(_ *Op, w string) bool { return w == "->" }}
)

// forms says what follows each verb.
var forms = map[Verb][]argument{
	Mem:       {aRegion, aKind, aProt, aCount},
	Load:      {aProcess, aPage},
	Store:     {aProcess, aPage, aValue},
	Fork:      {aProcess, anOther},
	Exit:      {aProcess},
	Mprotect:  {aProcess, aTarget, aProt},
	Munmap:    {aProcess, aTarget},
	Madvise:   {aProcess, aTarget, anAdvice},
	Collapse:  {aProcess, aRegion},
	Msync:     {aProcess, aTarget},
	Fsync:     {aRegion},
	FileWrite: {aPage, aValue},
	FileRead:  {aPage},
	Truncate:  {aRegion, aCount},
	Punch:     {aPage},
	DropCache: {aRegion},
	PinPage: {aProcess, aPage, getOrPin, anAccess,
		optionalWord("LONGTERM", func(o *Op) *bool { return &o.Pin.Longterm }), optionalWord("FORCE", func(o *Op) *bool { return &o.Pin.Force }), aWay, anArrow, aSlot},
	Unpin:    {aSlot, optionalWord("dirty", func(o *Op) *bool { return &o.Dirty })},
	DMARead:  {aSlot},
	DMAWrite: {aSlot, aValue},
	VMReadv:  {aProcess, anOther, aPage},
	VMWritev: {aProcess, anOther, aPage, aValue},
	MemRead:  {aProcess, aPage},
	MemWrite: {aProcess, aPage, aValue},
	Migrate:  {aProcess, aPage},
	Reclaim:  {},
	KSM:      {},
}

// ParseOp reads an operation. One that is not understood is of the kind
// Unknown and holds the mistake: programs of others may have more operations.
func ParseOp(text string) Op {
	o := Op{Text: text, Page: WholeRegion}
	words, columns := split(text)
	if len(words) == 0 {
		return misread(text, 1, "an operation is missing")
	}
	args, ok := forms[Verb(words[0])]
	if !ok {
		return misread(text, columns[0], fmt.Sprintf("%q is no operation", words[0]))
	}
	o.Verb = Verb(words[0])
	at := 1
	for _, a := range args {
		switch {
		case at < len(words) && a.take(&o, words[at]):
			at++
		case a.optional:
		case at < len(words):
			return misread(text, columns[at], fmt.Sprintf("%q is not %s", words[at], a.what))
		default:
			return misread(text, len(text)+1, a.what+" is missing")
		}
	}
	if at < len(words) {
		return misread(text, columns[at], fmt.Sprintf("%q is one word too many", words[at]))
	}
	return o
}

func misread(text string, column int, message string) Op {
	return Op{Text: text, Page: WholeRegion, Mistake: &Mistake{column, message}}
}

// split cuts a text into words, and says in which column each begins.
func split(text string) (words []string, columns []int) {
	at := 0
	for _, w := range strings.Fields(text) {
		at += strings.Index(text[at:], w)
		words, columns = append(words, w), append(columns, at+1)
		at += len(w)
	}
	return words, columns
}

// isName reports whether the word names a process or a region: one capital letter.
func isName(w string) bool { return len(w) == 1 && w[0] >= 'A' && w[0] <= 'Z' }

func takePage(o *Op, w string) bool {
	r, i, ok := strings.Cut(w, ".")
	n, err := strconv.ParseUint(i, 10, 31)
	o.Region, o.Page = r, int(n)
	return ok && err == nil && isName(r)
}

func takePages(o *Op, w string) bool {
	n, err := strconv.ParseUint(w, 10, 31)
	o.Pages = int(n)
	return err == nil
}

func takeValue(o *Op, w string) bool {
	n, err := strconv.ParseUint(w, 10, 32)
	o.Value = uint32(n)
	return err == nil
}

func takeSlot(o *Op, w string) bool {
	n, found := strings.CutPrefix(w, "s")
	_, err := strconv.ParseUint(n, 10, 31)
	o.Slot = w
	return found && err == nil
}

// word is an argument that is one of some words.
func word[T ~string](what string, field func(*Op) *T, of ...T) argument {
	var names []string
	for _, w := range of {
		names = append(names, string(w))
	}
	return argument{what + " (" + strings.Join(names, ", ") + ")", false, func(o *Op, w string) bool {
		for _, t := range of {
			if w == string(t) {
				*field(o) = t
				return true
			}
		}
		return false
	}}
}

// either is an argument that is one of two words; the field says that it is the second.
func either(first, second string, field func(*Op) *bool) argument {
	return argument{first + " or " + second, false, func(o *Op, w string) bool {
		*field(o) = w == second
		return w == first || w == second
	}}
}

// optionalWord is a word that may be left out.
func optionalWord(name string, field func(*Op) *bool) argument {
	return argument{name, true, func(o *Op, w string) bool {
		*field(o) = w == name
		return w == name
	}}
}
