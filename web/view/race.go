package view

import "gupscope/core/cell"

// A Race is the diagram: a column per CPU or device, a row per step. It knows
// the whole run, ahead of the cursor too, and holds the part of it that is drawn.
type Race struct {
	Lanes    []Lane
	Len      int   // so many steps the run has
	From, To int   // drawn are the rows From+1 to To
	Rows     []Row // those that are drawn
	Here     Row   // the present one, drawn or not; the zero Row at the start
	Few      int   // so many steps of the run are not aside
	Bars     []int // per lane: so many bars stand beside each other somewhere in the run
	Spans    []Span
	Edges    []Edge
	Windows  []Window
	Branches []Branch
	Run      RunMenu
	Noted    map[int]string // the reader's notes, by step
	Next     []Next         // one per lane
	Coming   []Coming       // what the tasks are going to do, while the run has no step
	Story    *Story         // why it goes wrong; nil if it does not, or nobody asked yet
	Account  *Account       // how it came to where it stands, where there is no Story; nil at the start, and until it is asked for
	Folded   bool           // some of its rows are aside
	At       int            // the cursor: so many steps have happened; row At is the present one
}

// A Lane is a column.
type Lane struct {
	Name  string // "cpu0"
	What  string // who runs there: "P0 in A"
	Who   Who
	Steps bool   // a task runs there, which can be followed
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
	More    int      // changes that have no room on the card
	Keeps   []Keep   // what it now believes, without having changed anything: "pte = frame 3 W D"
	Note    string   // what is remarkable: "uses what it read at step 2"
	Opens   []string // race windows that begin here: "cpu0 goes by PTE of A buf = frame 3 W D"
	Remark  string   // the reader's own note
	Bad     string   // what is wrong from here on: the sentence of the claim that broke; "" if nothing
	Pair    bool     // one of the racing pair
	Aside   bool     // it does not matter for what goes wrong: a tick is enough
	Quiet   bool     // it changed nothing that is shown: a look, a question
	Key     uint64   // two rows with the same N and Key are the same step of the same run
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
	GracePeriod
)

// String is the word for people.
func (k SpanKind) String() string {
	return [...]string{"interrupts off", "lock held", "preempted", "waiting", "waits for RCU"}[k]
}

// MostBars is how many bars of a lane have room beside each other.
const MostBars = 8

// A Span is something that lasts: a bar at the edge of a column.
type Span struct {
	ID       string
	Kind     SpanKind
	Lane     int
	Track    int    // 0 is next to the cards; overlapping spans of a lane have tracks of their own
	From, To int    // rows, both included
	Text     string // "IRQs off", "page-table lock of A", "waits for cpu0 to acknowledge the TLB flush"
	Short    string // the same where there is little room
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

	cell   cell.ID // that was read
	cached bool    // an MMU goes by it, not the kernel
}

// A Branch is a run that was left behind, or kept on purpose.
type Branch struct {
	At    int    // it leaves the run after this row
	Text  string // its name, else what it does: "6 steps, cpu1 first"
	Named bool   // the reader gave it its name
	Bad   bool   // it ends in a violation
	On    bool   // it is the one that is shown
	Run   string // the whole run, as in links
	Steps int
}

// A RunMenu is what the ways to go on are about.
type RunMenu struct {
	Seed      int    // of the next random walk
	Violation int    // the first step that breaks a claim; 0: none
	Whose     string // who goes on: "P0"
	Func      string // the function that would be stepped over
	Watched   []Watch
}

// A Watch is a cell that is watched.
type Watch struct {
	Cell        int
	Name, Value string
	At          int // the step that wrote it last
}

// A Hit is a step that was looked for.
type Hit struct {
	N    int
	Lane string
	Who  Who
	Text string
}

// Remark puts the reader's notes at the rows.
func (r *Race) Remark(notes map[int]string) {
	r.Noted = notes
	for i := range r.Rows {
		r.Rows[i].Remark = notes[r.Rows[i].N]
	}
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

// Row returns the row of step n, nil if it is not drawn.
func (r *Race) Row(n int) *Row {
	if n <= r.From || n > r.To {
		return nil
	}
	return &r.Rows[n-r.From-1]
}

// A Part is which rows of a run are drawn: From+1 to To.
type Part struct{ From, To int }

// A run of more than all steps is drawn in part: the page of rows that a step is
// on, and those before and after it.
const (
	rowsOfPage = 50
	allRows    = 200
)

// Around returns the part of a run of so many steps that is drawn around step n.
func Around(n, steps int) Part {
	if steps <= allRows {
		return Part{0, steps}
	}
	page := min(max(n, 1)-1, steps-1) / rowsOfPage
	return Part{max(0, page-1) * rowsOfPage, min(steps, (page+2)*rowsOfPage)}
}
