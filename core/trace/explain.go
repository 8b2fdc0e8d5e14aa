package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// An Explanation says why a run breaks a claim: what a maintainer would write
// into the commit message of the fix.
type Explanation struct {
	Claim string
	Says  string   // the claim in a sentence
	Why   []string // why it is false, a sentence for every instance
	Cells []Value  // the cells that make it false
	Step  int      // that breaks it
	Races []Race   // the one that decides first; none if one task breaks it all alone
	Steps []int    // that matter, in order
	Text  string   // the story in a paragraph
	Chart string   // the same as a diagram, at most 75 columns wide
	Cycle []Wait   // who waits for whom, if the claim is no-deadlock
}

// A Value is what a cell holds where a claim is false.
type Value struct{ Name, Value string }

// A Race is a read that became belief, and the write that made it stale.
type Race struct {
	Actor    int // who believes
	Read     int // the step that read the cell
	Stale    int // the step, of another actor, that changed it
	Use      int // the first step at which the believer acts on it all the same, 0: none
	Cell     cell.ID
	Name     string // of the cell
	Believed string // what it held when it was read
	Now      string // what it held from Stale on
	Check    bool   // what was read is a count, not a translation: a check before an act
	Got      string // what the believer has the page by where he uses it, if the call that read the cell has returned by then: "P0's p"

	first int // the step that read it first; at Read it was only looked at again
}

// confirmed reports whether the believer has looked twice, and was right both times.
func (r *Race) confirmed() bool {
	return r.first != r.Read
}

// Explain says why the run breaks a claim ("": the one that it breaks first). It
// looks at the run up to its first violation, or for [check.NoDeadlock] and
// [check.NoLivelock] up to the cursor, and leaves the cursor where it is.
func (r *Run) Explain(claim string) (*Explanation, error) {
	if claim == check.NoDeadlock || claim == "" && r.FirstViolation() == 0 && r.Deadlock() {
		return r.explainDeadlock()
	}
	if claim == check.NoLivelock || claim == "" && r.FirstViolation() == 0 && r.Livelock() > 0 {
		return r.explainLivelock()
	}
	v := r.FirstViolation()
	if v == 0 {
		return nil, fmt.Errorf("no claim is false after any step of this run: there is nothing to explain")
	}
	if claim == "" {
		claim = r.steps[v-1].Broken[0]
	}
	if !holdsName(r.steps[v-1].Broken, claim) {
		return nil, fmt.Errorf("%s holds in this run; step %d breaks %s", claim, v, r.steps[v-1].Broken[0])
	}
	was := r.cursor
	defer r.Goto(was)
	r.Goto(v)
	s := r.newStory(v)
	s.claim, s.ends = claim, r.atEnd(claim)
	e := s.about(claim)
	s.findRaces()
	s.slice()
	e.Races, e.Steps = s.races, s.numbers()
	e.Text = s.tell(e)
	if !s.ends {
		e.Text = strings.Join(append([]string{e.Text}, s.guards(claim)...), " ")
	}
	last := claim + " is false"
	if s.ends {
		last = strings.Join(e.Why, "; ")
	}
	e.Chart = r.chart(e.Steps, s.remarks(), nil, "*** "+last)
	return e, nil
}

// Blame is the part of an explanation of the run's first violation that a diagram shows: the races, and the steps that matter. It tries no
// other kernel.
func (r *Run) Blame() (races []Race, steps []int) {
	v := r.FirstViolation()
	if v == 0 {
		return nil, nil
	}
	was := r.cursor
	defer r.Goto(was)
	r.Goto(v)
	s := r.newStory(v)
	s.claim = r.steps[v-1].Broken[0]
	s.ends = r.atEnd(s.claim)
	s.about(s.claim)
	s.findRaces()
	s.slice()
	return s.races, s.numbers()
}

// atEnd reports whether a claim is a condition of the scenario on the ends of runs.
func (r *Run) atEnd(claim string) bool {
	for i, name := range r.Model.Claims() {
		if _, ok := r.Model.AtEnd(i); ok && name == claim {
			return true
		}
	}
	return false
}

func holdsName(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// Digest returns the diagram of the steps that matter for the first claim that
// the run breaks; all of the run ([Run.ASCII]) if it breaks none.
func (r *Run) Digest() string {
	e, err := r.Explain("")
	if err != nil {
		return r.ASCII()
	}
	return e.Chart
}

// A story is an explanation under construction: a run up to the step v that
// breaks a claim, and what the claim is about.
type story struct {
	r *Run
	m *machine.Machine
	v int
	x index

	claim    string
	ends     bool  // the claim is a condition on the ends of runs
	decides  []int // the steps that set the variables which such a condition is about
	decided  int   // the last of them; v, where there is none
	actor    int   // whose doing the violation is, -1: nobody's in particular
	frames   map[machine.Frame]bool
	pages    map[machine.PageID]bool
	values   bool // the claim is about contents
	private  bool // the claim is about exclusivity
	disk     bool // the claim is about a file's page and what is on its disk
	clean    bool // the claim is about a file's page being cleaned, or written back
	prepared bool // the claim is about its file system being asked before a write
	lost     bool // the claim is about a write that a load did not see
	let      bool // the claim is about a write that an entry should not have let through
	mapping  bool // the claim is about what a page's mapping leads to
	table    bool // the claim is about page tables
	named    map[cell.ID]bool

	forced map[machine.PageID]bool // by whose page tables that write got the page
	writes int                     // where the last write that is lost began, if that is known
	asked  int                     // where the page's file system was asked last, if the claim is about that
	got    machine.Frame           // what GUP returned, if the claim is about that
	holder int                     // who breaks the claim by putting back what he has taken; -1
	halves map[int]string          // who read half of an entry, and who changed half of it, by step
	led    map[int]string          // what let somebody write in place where the claim wants a copy, or the other half of what he read, by step
	began  int                     // where what the claim is about came about, if that was in an earlier call than the violation

	cache     cell.ID // the TLB entry that the claim is about, if it is about one
	secondary bool    // the claim is about translations of a secondary MMU, or of an IOMMU

	beliefs []belief
	races   []Race
	told    map[int][]event // by step: what of it matters
}

// about sets what the claim is about, from the cells that make it false.
func (s *story) about(claim string) *Explanation {
	e := &Explanation{Claim: claim, Step: s.v}
	layout := s.m.Mem.Layout()
	for _, t := range s.r.Model.Truths() {
		if t.Name != claim || t.Holds {
			continue
		}
		e.Says, e.Why = t.Says, t.Why
		for _, id := range t.Cells {
			if s.named[id] {
				continue
			}
			s.named[id] = true
			if s.subject(id) {
				e.Cells = append(e.Cells, Value{layout.Name(id), layout.Decode(id, s.m.Mem.Peek(id))})
			}
		}
		e.show(s.m, t.About, nil)
		if len(e.Cells) == 0 { // it is about no page or frame in particular, but counts and flags
			e.show(s.m, t.Cells, []string{"free", "none", "nobody"})
		}
	}
	s.widen()
	return e
}

// show adds cells to those that make the claim false, but for those with values that say nothing: a lock that is free.
func (e *Explanation) show(m *machine.Machine, cells []cell.ID, empty []string) {
	layout := m.Mem.Layout()
	for _, id := range cells {
		v := Value{layout.Name(id), layout.Decode(id, m.Mem.Peek(id))}
		if !slices.Contains(e.Cells, v) && !slices.Contains(empty, v.Value) {
			e.Cells = append(e.Cells, v)
		}
	}
}

// subject notes what a cell that makes the claim false is about; false if it
// says nothing by itself.
func (s *story) subject(id cell.ID) bool {
	v := s.m.Mem.Peek(id)
	if a, ok := s.x.alarm[id]; ok {
		s.alarmed(a, v-1)
		return false // how an alarm is kept is nobody's concern; the sentence says what it is about
	}
	if f, ok := s.x.ref[id]; ok {
		s.frames[f] = true
		return true
	}
	if at, ok := s.x.variable[id]; ok {
		s.actor = at.task
		result := machine.DecodeResult(v)
		if result.Kind == machine.IsPage {
			f := result.Page.Frame()
			s.frames[f] = true
			if s.m.PeekLarge(f) {
				s.frames[s.m.PeekHead(f)] = true
			}
		}
		if pin, ok := machine.PinAtOf(s.m.Peek(s.m.VarAt(at.task, at.n))); ok {
			s.pages[pin.Page] = true
		}
		for i := range s.r.steps[:s.v] {
			if changes(&s.r.steps[i], id) {
				s.stmtPage(&s.r.steps[i])
				if s.ends {
					s.decides = append(s.decides, i+1)
					s.decided = i + 1
					s.values = s.values || result.Kind == machine.IsContent
				}
			}
		}
		return true
	}
	if p, ok := s.x.pte[id]; ok {
		s.pages[p] = true
		return true
	}
	f, ofFolio := s.folioOf(id)
	known := s.frames[f]
	if ofFolio {
		s.frames[f] = true
	}
	switch s.m.Mem.Layout().Class(id) {
	case machine.TLBs:
		s.cache = id
		s.pages[s.x.tlb[id].page] = true
		return true
	case machine.Secondary:
		s.secondary = true
		if p, ok := s.x.secondary[id]; ok {
			s.pages[p] = true
		}
		return true
	case machine.Flags:
		s.private = s.private || strings.Contains(s.claim, "exclusive")
		return known
	case machine.PageCache:
		if len(s.pages) > 0 { // it is where a pin's page should be, and the claim is about the pin
			return true
		}
		s.disk, s.clean, s.values = true, true, true
		s.cached(id, v)
		return true
	case machine.Contents, machine.Disk:
		s.values = true
		return v != 0
	}
	return false
}

// folioOf is the folio of which a cell holds a word: its mapcount, its flags.
func (s *story) folioOf(id cell.ID) (f machine.Frame, ok bool) {
	name, _, _ := strings.Cut(s.m.Mem.Layout().Name(id), ": ")
	_, err := fmt.Sscanf(name, "folio %d", &f)
	return f, err == nil
}

// cached notes the frames that have held a file's page.
func (s *story) cached(id cell.ID, now uint64) {
	note := func(v uint64) {
		if f, ok := machine.Cached(v); ok {
			s.frames[f] = true
		}
	}
	note(now)
	for i := range s.r.steps[:s.v] {
		for _, c := range s.r.steps[i].Changes {
			if c.Cell == id {
				note(c.OldV)
			}
		}
	}
}

// alarmed notes what an alarm is about.
func (s *story) alarmed(a machine.Alarm, v uint64) {
	st := &s.r.steps[s.v-1]
	switch a {
	case machine.AlarmForeignPage:
		s.actor = int(v >> 16)
		s.got = machine.Frame(v & 0xffff)
		s.frames[s.got] = true
		for i := range s.beliefs { // it may be part of a huge page
			if b := &s.beliefs[i]; b.actor == s.actor && b.class == machine.PMDs && b.entry.Has(machine.PSE) && s.got > b.entry.Frame() && s.got < b.entry.Frame()+machine.Frame(s.m.HugePages) {
				s.frames[b.entry.Frame()] = true
			}
		}
		s.stmtPage(st)
	case machine.AlarmTornEntry:
		s.actor = int(v)
		s.stmtPage(st)
	case machine.AlarmFreedTable:
		s.actor, s.table = st.Actor, true
	case machine.AlarmStaleTLB:
		s.actor = st.Actor
		s.stmtPage(st)
	case machine.AlarmLostStore, machine.AlarmLostDMA:
		s.lost, s.values = true, true
		s.pages[machine.PageID(v)] = true
	case machine.AlarmUnstable, machine.AlarmUnnoticedStore, machine.AlarmUnexpectedDirty, machine.AlarmNoBuffers:
		s.clean, s.prepared = true, a != machine.AlarmUnstable
		s.frames[machine.Frame(v)] = true
	case machine.AlarmMissedStore:
		s.values = true
		s.frames[machine.Frame(v)] = true
	case machine.AlarmReadOther:
		s.values = true
		s.stmtPage(st)
	case machine.AlarmDeviceTooLate:
		s.frames[machine.Frame(v)] = true
	case machine.AlarmStaleSecondary:
		s.actor, s.secondary = st.Actor, true
		s.stmtPage(st)
	case machine.AlarmNullMapping, machine.AlarmFreedMapping:
		s.mapping = true
		s.frames[machine.Frame(v)] = true
	case machine.AlarmThrottledInode:
		s.mapping = true
	case machine.AlarmUnwatched:
		s.actor, s.let = st.Actor, true
		s.pages[machine.PageID(v)] = true
	case machine.AlarmFreedBlock:
		s.actor = st.Actor
	case machine.AlarmUnpinShared:
		s.private = true
		s.frames[machine.Frame(v)] = true
	default:
		s.frames[machine.Frame(v)] = true
	}
}

// stmtPage notes the page that the statement of a step is for.
func (s *story) stmtPage(st *Step) {
	if p, ok := s.r.pageOf(st); ok {
		s.pages[p] = true
	}
}

// pageOf returns the page that the statement of a step is about.
func (r *Run) pageOf(st *Step) (machine.PageID, bool) {
	a := r.Model.Actors()[st.Actor]
	if a.Kind != kernel.TaskActor || st.Stmt < 0 {
		return 0, false
	}
	stmt := &r.Model.Setup.Tasks[a.Task].Body[st.Stmt]
	for i, p := range stmt.Call.Params {
		if p.NamesPages(stmt.Args[i]) {
			at := stmt.Args[i]
			return r.Model.M.PageAt(at.MM, at.Region, at.Page), true
		}
	}
	return 0, false
}

// widen completes the subjects: where a claim names a page alone, the frames that
// its PTE held; where a frame alone, the pages that had it; where it is about a
// freed table, the table whose entry the walker went by.
func (s *story) widen() {
	if s.table {
		for i := len(s.beliefs) - 1; i >= 0; i-- {
			if b := &s.beliefs[i]; b.actor == s.actor && b.class == machine.PMDs {
				s.frames[b.entry.Frame()] = true
				break
			}
		}
		return
	}
	frames, pages := len(s.frames), len(s.pages)
	if (s.lost || s.values) && frames == 0 {
		for id, first := range s.x.pmd {
			for _, head := range s.x.held[id] {
				for p := range s.pages {
					if p >= first && p < s.m.HugeEnd(first) {
						s.frames[head], s.frames[head+machine.Frame(p-first)] = true, true
					}
				}
			}
		}
	}
	if pages == 0 {
		s.hugePages()
	}
	for id, p := range s.x.pte {
		for _, f := range s.x.held[id] {
			if frames == 0 && s.pages[p] {
				s.frames[f] = true
			} else if pages == 0 && s.frames[f] {
				s.pages[p] = true
			}
		}
	}
}

// hugePages adds the pages that had the claim's frames as part of a huge page.
func (s *story) hugePages() {
	for id, first := range s.x.pmd {
		for _, head := range s.x.held[id] {
			for f := range s.frames {
				if f >= head && f < head+machine.Frame(s.m.HugePages) {
					s.pages[first+machine.PageID(f-head)] = true
				}
			}
		}
	}
}
