package view

// A Race is the diagram: a column per CPU or device, a row per step. It holds
// the whole run, ahead of the cursor too.
type Race struct {
	Lanes    []Lane
	Rows     []Row
	Spans    []Span
	Edges    []Edge
	Windows  []Window
	Branches []Branch
	Next     []Next // one per lane
	Story    *Story // why it goes wrong; nil if it does not, or nobody asked yet
	Folded   bool   // some of its rows are aside
	At       int    // the cursor: so many steps have happened; row At is the present one
}

// A Lane is a column.
type Lane struct {
	Name  string // "cpu0"
	What  string // who runs there: "P0 in A"
	Who   Who
	State string // what holds of it at the cursor: "IRQs off", "preempted"; "" if nothing does
}

// A Row is a step.
type Row struct {
	N       int    // from 1
	Lane    int    // index into Lanes
	By      string // who steps, if it is not the lane's own task: "hypervisor", "interrupt"
	Func    string // the function, if this is the first step in it; else ""
	In      string // the function in any case
	Depth   int    // how deep the function was called, from 0
	Says    string // "read the PTE"
	Chose   string // what was chosen where something was left open: "frame 3"
	Changes []Change
	More    int    // changes that have no room on the card
	Keeps   []Keep // what it now believes, without having changed anything: "pte = frame 3 W D"
	Note    string // what is remarkable: "uses what it read at step 2"
	Bad     string // what is wrong from here on: the sentence of the claim that broke; "" if nothing
	Pair    bool   // one of the racing pair
	Aside   bool   // it does not matter for what goes wrong: a tick is enough
	Quiet   bool   // it changed nothing that is shown: a look, a question
	Key     uint64 // two rows with the same N and Key are the same step of the same run
}

// A Change is one thing that a step changed.
type Change struct {
	What     string // "PTE of A buf"
	Old, New string
	Delta    string // instead of Old and New, where only a part changed: "+ dirty"
}

// A Keep is a value that a step holds on to.
type Keep struct{ Name, Value string }

// A SpanKind says what a span means.
type SpanKind uint8

const (
	IRQsOff SpanKind = iota
	LockHeld
	Preempted
	Waiting
)

// String is the word for people.
func (k SpanKind) String() string {
	return [...]string{"interrupts off", "lock held", "preempted", "waiting"}[k]
}

// A Span is something that lasts: a bar at the edge of a column.
type Span struct {
	ID       string
	Kind     SpanKind
	Lane     int
	Track    int    // 0 is next to the cards; overlapping spans of a lane have tracks of their own
	From, To int    // rows, both included
	Text     string // "IRQs off", "page-table lock of A", "waits for cpu0 to acknowledge the TLB flush"
	On       int    // for Waiting: the lane waited for; else -1
	Open     bool   // it has not ended yet
}

// An EdgeKind says what an edge means.
type EdgeKind uint8

const (
	Conflict EdgeKind = iota // both touched the same cell, one of them wrote
	IPI
	HandOver // a lock, a frame: released there, taken here
)

func (k EdgeKind) String() string { return [...]string{"conflict", "ipi", "handover"}[k] }

// An Edge goes from a row to a later row in another lane.
type Edge struct {
	ID       string
	Kind     EdgeKind
	From, To int // rows, From < To
	FromLane int
	ToLane   int
	Text     string // the cell, or what was sent: "A pte[buf]"
	Race     bool   // the racing pair
	Aside    bool   // one of its ends is aside
	FromHead bool   // a function's name stands above the card where it begins
	ToHead   bool   // and where it ends
}

// A Window is the race window: from the step that made what a CPU believes
// untrue to the step that uses it.
type Window struct {
	ID       string
	Lane     int
	Read     int      // the row where it was read
	From, To int      // rows, both included: the step that made it stale, the last one before the use
	Gap      [2]int   // the longest stretch of it without a card of its own lane, for the text; zero if none
	Head     string   // "race window, 11 steps"
	Texts    []string // "cpu0 goes by PTE of A buf = frame 3 W D"
	Value    string   // "frame 3 W D"
	Bad      bool     // its use broke a claim; else it did no harm
	Open     bool     // nobody has used it yet
}

// A Branch is a tail that was left behind.
type Branch struct {
	At    int    // it leaves the run after this row
	Text  string // "6 steps, cpu1 first"
	Bad   bool   // it ends in a violation
	Run   string // the whole run, as in links
	Steps int
}

// A Next is what can happen next in a lane.
type Next struct {
	Lane  int
	Moves []Move // the lane's own task first
}

// A Move is one next step: a button.
type Move struct {
	Actor   int
	Choice  string // "0", "2:3"; "" if it cannot go
	By      string // who would step, if not the lane's own task
	Func    string
	Says    string // "take a reference, if not 0"
	Note    string // "ready", what the choice means: "frame 3", or why not: "waits for cpu0 …", "finished"
	On      int    // the lane it waits for; -1: none
	Ready   bool
	Done    bool // nothing left to do
	Follows bool // it is the run's own next step
}

// Few returns how many rows are not aside.
func (r *Race) Few() int {
	n := 0
	for i := range r.Rows {
		if !r.Rows[i].Aside {
			n++
		}
	}
	return n
}
