package trace

import (
	"cmp"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A Meeting is where two actors came to the same cell, one of them changing it, and nothing broke:
//
//	Caught          Waited           Missed           Flushed          Turned           Ordered
//	A     B         A     B          A     B          A     B          A     B          A     B
//	read            read             read             TLB fill               write      write
//	      write           waits            write            write      look: no               read
//	look            goes on          goes on                flush
type Meeting struct {
	Kind  MeetingKind
	Actor int // who has read, is waited for, or came first
	Other int // who has changed it, waits, or came second
	Cell  cell.ID
	Name  string // of the cell

	Read  int // Actor's step that reads the cell; of Flushed, that fills the TLB by it; of Ordered, that comes to it first. 0: there is none
	Write int // Other's step that changes the cell; of Ordered, that comes to it second. 0: there is none
	Look  int // Caught, Turned: Actor's step that sees it; Flushed: the step that empties the TLB entry

	From, To int           // Waited: Other waits after From, until To; Missed: Actor goes by it until To. To is 0 while it lasts
	Frame    machine.Frame // Waited, Flushed: what the entry named
	Free     int           // the step that gives it back: of Waited, after the wait; of Flushed, maybe before the flush. 0: none

	CPU   int // Waited: whose CPU is waited for
	worth int // how near it came
}

// A MeetingKind says what came between two actors, the nearest calls last.
type MeetingKind uint8

const (
	Ordered MeetingKind = iota // nothing: one came first
	Waited                     // Other waited for Actor
	Flushed                    // the TLB was emptied
	Turned                     // Actor saw what Other had done, before it did the same
	Missed                     // nothing, and Actor went by what it had read
	Caught                     // Actor looked again
)

func (k MeetingKind) String() string {
	return [...]string{"ordered", "waited", "flushed", "turned", "missed", "caught"}[k]
}

// mostMeetings is how many meetings are told of a run, mostOrdered how many there are to be before what merely happened in some order is not told.
const mostMeetings, mostOrdered = 3, 2

// nearly is what a meeting is worth at least that is told beside others.
const nearly = 10

// meetings finds where actors met up to the cursor: those that came nearest, in the order of the run.
func (r *Run) meetings() []Meeting {
	contested := r.contested()
	var all []Meeting
	all = r.looks(all, contested)
	all = r.waits(all, contested)
	all = r.flushes(all)
	all = r.turns(all)
	near := best(slices.DeleteFunc(slices.Clone(all), func(m Meeting) bool { return m.worth < nearly }), nil, mostMeetings)
	if len(near) < mostOrdered {
		near = best(r.orders(all), near, mostOrdered)
	}
	if len(near) == 0 {
		near = r.clash()
	}
	all = near
	slices.SortStableFunc(all, func(a, b Meeting) int { return cmp.Compare(a.begin(), b.begin()) })
	return all
}

// begin is the first step of a meeting.
func (m *Meeting) begin() int {
	first := 0
	for _, n := range [...]int{m.Read, m.Write, m.Look} {
		if n > 0 && (first == 0 || n < first) {
			first = n
		}
	}
	return cmp.Or(first, m.From)
}

// steps are those that a meeting names, in order.
func (m *Meeting) steps() []int {
	out := slices.DeleteFunc([]int{m.Read, m.Write, m.Look, m.From, m.To, m.Free}, func(n int) bool { return n == 0 })
	slices.Sort(out)
	return out
}

// best adds to what is chosen the nearest of all, of those as near the latest, one of a kind for every cell and pair of actors.
func best(all, chosen []Meeting, most int) []Meeting {
	for len(chosen) < most {
		var next *Meeting
		for i := range all {
			m := &all[i]
			if next != nil && (m.worth < next.worth || m.worth == next.worth && m.begin() <= next.begin()) || slices.ContainsFunc(chosen, m.repeats) {
				continue
			}
			next = m
		}
		if next == nil {
			break
		}
		chosen = append(chosen, *next)
	}
	return chosen
}

// repeats reports whether another meeting says it already.
func (m *Meeting) repeats(o Meeting) bool {
	if m.Kind == Waited && o.Kind == Waited {
		return m.Other == o.Other && m.CPU == o.CPU
	}
	pair := m.Actor == o.Actor && m.Other == o.Other
	if m.Look > 0 && m.Look == o.Look {
		return true
	}
	return m.Cell == o.Cell && (pair || m.Actor == o.Other && m.Other == o.Actor)
}

// A contest is what somebody has kept of a cell, and the first step after that which changes it: another's.
type contest struct {
	*kept
	write int
}

// contested are the contests up to the cursor.
func (r *Run) contested() []contest {
	var out []contest
	for i := range r.line.beliefs {
		k := &r.line.beliefs[i]
		if k.Read > r.cursor {
			break
		}
		if k.MMU != "" { // that is emptied, not looked at again: see flushes
			continue
		}
		if w := r.NextWrite(k.Cell, k.Read-1); w > 0 && w <= r.cursor && r.steps[w-1].Actor != k.Actor {
			out = append(out, contest{k, w})
		}
	}
	return out
}

// looks finds what was read and changed by somebody else while its reader could go by it: it looked again, or did not.
func (r *Run) looks(all []Meeting, contested []contest) []Meeting {
	for _, k := range contested {
		if k.Stale != k.write {
			continue // it had forgotten it by then
		}
		m := Meeting{Actor: k.Actor, Other: r.steps[k.Stale-1].Actor, Cell: k.Cell, Name: k.Name, Read: k.Read, Write: k.Stale}
		if k.end != 0 && k.end <= r.cursor {
			m.To = k.end
		}
		switch {
		case m.To > 0 && reads(&r.steps[m.To-1], k.Cell):
			m.Kind, m.Look, m.To = Caught, m.To, 0
			st := &r.steps[m.Look-1]
			if now, ok := r.valueBefore(k.Cell, m.Look); !ok || now == k.raw || !st.turned && !strings.Contains(st.Says, "?") && !keeps(st, k.Cell) {
				continue // it is again what it was, or is read for something else
			}
			m.worth = 60
			if st.rule != nil && st.asks {
				m.worth += 5
			}
		case r.translates(k.kept) && m.To == 0:
			m.Kind, m.worth = Missed, 55
		case r.translates(k.kept) && r.movedIn(k.Actor, k.Stale, m.To):
			m.Kind, m.worth = Missed, 40
		default:
			continue
		}
		all = append(all, m)
	}
	return all
}

// keeps reports whether a step keeps what a cell holds.
func keeps(st *Step, id cell.ID) bool {
	return slices.ContainsFunc(st.Kept, func(k Kept) bool { return k.From == id })
}

// translates reports whether what was kept is an entry that leads somewhere: who has read another goes by nothing.
func (r *Run) translates(k *kept) bool {
	class := r.Model.Memory().Layout().Class(k.Cell)
	return (class == machine.PTEs || class == machine.PMDs) && machine.Entry(k.raw).Present()
}

// movedIn reports whether an actor has made a step between two, the second left out; to is 0 for the cursor.
func (r *Run) movedIn(actor, from, to int) bool {
	if to == 0 {
		to = r.cursor + 1
	}
	for i := from; i < to-1; i++ {
		if r.steps[i].Actor == actor {
			return true
		}
	}
	return false
}

// valueBefore is what a cell held before a step; false if no step before that has changed it.
func (r *Run) valueBefore(id cell.ID, n int) (uint64, bool) {
	w := r.WrittenBy(id, n-1)
	if w == 0 {
		return 0, false
	}
	return r.steps[w-1].Change(id).NewV, true
}

// waits finds who waited for whom, and what that kept true.
func (r *Run) waits(all []Meeting, contested []contest) []Meeting {
	for i := range r.line.spans {
		s := &r.line.spans[i]
		if s.Kind != Waiting || s.For < 0 || s.From > r.cursor || r.Model.Actors()[s.For].CPU == s.CPU {
			continue
		}
		m := Meeting{Kind: Waited, Actor: s.For, Other: s.Actor, From: s.From, To: s.To, CPU: r.Model.Actors()[s.For].CPU, worth: 20}
		if m.To > r.cursor {
			m.To = 0
		}
		if m.To == m.From+1 || r.lastOf(m.Other, m.From) == nil {
			m.worth = 3 // it was its turn at once, or it has not begun
		}
		r.keptTrue(&m, contested)
		all = append(all, m)
	}
	return all
}

// keptTrue finds what who is waited for went by the while, if who waits has changed that, or changes it later.
func (r *Run) keptTrue(m *Meeting, contested []contest) {
	holder := m.Actor
	if r.Model.Actors()[holder].Kind == kernel.InterruptActor {
		if !r.irqsOff(r.Model.Actors()[holder].CPU, m.From) {
			return // it was about to be taken
		}
		holder = r.owner(&Step{Actor: holder, CPU: r.Model.Actors()[holder].CPU})
	}
	for _, k := range contested {
		if k.Actor != holder || k.Read > m.From || k.end != 0 && k.end <= m.From || !r.translates(k.kept) {
			continue
		}
		w := k.write
		if r.steps[w-1].Actor != m.Other || w > m.From && (m.To == 0 || w < m.To) {
			continue
		}
		m.Actor = holder
		m.Cell, m.Name, m.Read, m.Write, m.worth = k.Cell, k.Name, k.Read, w, 57
		m.Frame, m.Free = machine.Entry(k.raw).Frame(), 0
		if m.To > 0 {
			m.Free = r.freed(machine.Entry(k.raw), m.Read)
		}
		if m.Free < m.To {
			m.Free = 0 // it was another's by then
		}
	}
}

// irqsOff reports whether a CPU has its interrupts off after a step.
func (r *Run) irqsOff(cpu, n int) bool {
	return slices.ContainsFunc(r.line.spans, func(s Span) bool { return s.Kind == IRQsOff && s.CPU == cpu && s.From <= n && (s.To == 0 || s.To > n) })
}

// freed is the first step after another at which the frame that an entry names goes back to the allocator, 0 if there is none up to the cursor.
func (r *Run) freed(e machine.Entry, n int) int {
	f := e.Frame()
	if !e.Present() || f == machine.ZeroPage || int(f) >= r.Model.M.FrameCount() {
		return 0
	}
	id := r.Model.M.State(f).Cell()
	for at := r.NextWrite(id, n); at > 0 && at <= r.cursor; at = r.NextWrite(id, at) {
		if r.steps[at-1].Change(id).NewV == machine.FrameFree {
			return at
		}
	}
	return 0
}

// flushes finds TLB entries whose page-table entry somebody on another CPU changed before they were flushed.
func (r *Run) flushes(all []Meeting) []Meeting {
	m := r.Model.M
	layout := r.Model.Memory().Layout()
	for cpu := range m.CPUs {
		for p := range m.Pages() {
			tlb := m.TLB(cpu, machine.PageID(p)).Cell()
			fill, from := 0, cell.ID(0)
			for _, n := range r.wrote[tlb] {
				if n > r.cursor {
					break
				}
				st := &r.steps[n-1]
				switch e := machine.Entry(st.Change(tlb).NewV); {
				case e.Present() && !e.IsStale():
					id, ok := entryRead(st, layout)
					if fill, from = n, id; !ok || st.CPU != cpu {
						fill = 0
					}
				case fill > 0 && !e.Present():
					if x, ok := r.flushed(fill, n, from); ok {
						all = append(all, x)
					}
					fill = 0
				}
			}
		}
	}
	return all
}

// flushed is the meeting of a TLB's fill and flush, if somebody on another CPU has changed the entry in between.
func (r *Run) flushed(fill, flush int, entry cell.ID) (Meeting, bool) {
	w := r.NextWrite(entry, fill)
	if w == 0 || w > flush || r.steps[w-1].CPU == r.steps[fill-1].CPU {
		return Meeting{}, false
	}
	by := r.owner(&r.steps[fill-1])
	c := r.steps[w-1].Change(entry)
	x := Meeting{Kind: Flushed, Actor: by, Other: r.steps[w-1].Actor, Cell: entry, Name: c.Name, Read: fill, Write: w, Look: flush, worth: 30}
	x.Frame = machine.Entry(c.OldV).Frame()
	switch x.Free = r.freed(machine.Entry(c.OldV), w-1); {
	case x.Free > flush:
		x.worth = 45
	case x.Free > 0:
		x.worth = 58
	}
	return x, true
}

// turns finds who was turned away by what somebody else had done: references that it did not know of, an entry that is gone.
func (r *Run) turns(all []Meeting) []Meeting {
	layout := r.Model.Memory().Layout()
	for i := range r.steps[:r.cursor] {
		st := &r.steps[i]
		if !st.turned || r.access(st) {
			continue
		}
		m := Meeting{Kind: Turned, Actor: st.Actor, Look: st.N}
		for _, id := range st.Reads {
			class := layout.Class(id)
			w := r.WrittenBy(id, st.N-1)
			worth := refusing[class]
			if w == 0 {
				continue
			}
			c := r.steps[w-1].Change(id)
			zero := c.NewV == 0
			if class == machine.MMs && !strings.Contains(c.Name, "seq") {
				continue
			}
			if found.Has(class) && !zero && !(st.counts && class == machine.Refs) || class == machine.FolioLocks && zero {
				continue
			}
			if st.counts && class == machine.Refs {
				worth = 42
			}
			if r.steps[w-1].Actor != st.Actor && worth > m.worth {
				m.Other, m.Cell, m.Name, m.Write, m.worth = r.steps[w-1].Actor, id, r.steps[w-1].Change(id).Name, w, worth
			}
		}
		if m.worth > 0 {
			all = append(all, m)
		}
	}
	return all
}

// refusing says how much it tells that somebody is turned away by what he sees in a cell of a class; of others, nothing.
var refusing = map[cell.Class]int{
	machine.PTEs: 38, machine.PMDs: 38, machine.Refs: 36, machine.MMs: 36, machine.VMAs: 34, machine.Mappings: 34, machine.SwapCache: 34, machine.Inodes: 34,
	machine.FolioLocks: 32, machine.PageCache: 32, machine.RmapLocks: 30,
}

// found are the classes of cells that turn nobody away but by being zero.
var found = cell.Of(machine.Refs, machine.SwapCache, machine.PageCache)

// fewOrders is how many of the last conflicts are looked at for one that tells something.
const fewOrders = 200

// orders are conflicts of which nothing more is known than which step came first, the last ones, by the cell that tells most.
func (r *Run) orders(all []Meeting) []Meeting {
	layout := r.Model.Memory().Layout()
	edges := r.line.edges
	for len(edges) > 0 && edges[len(edges)-1].To > r.cursor {
		edges = edges[:len(edges)-1]
	}
	for _, e := range edges[max(0, len(edges)-fewOrders):] {
		from, to := &r.steps[e.From-1], &r.steps[e.To-1]
		m := Meeting{Kind: Ordered, Actor: from.Actor, Other: to.Actor, Read: e.From, Write: e.To}
		for id := range r.both(from, to) {
			if worth := ordering[layout.Class(id)]; m.Name == "" || worth > m.worth {
				m.Cell, m.Name, m.worth = id, r.nameIn(id, e.From, to), worth
			}
		}
		if m.Name != "" {
			all = append(all, m)
		}
	}
	return all
}

// clash is a conflict that the edges leave out, where they have none: between two of them somebody has looked himself.
func (r *Run) clash() []Meeting {
	type last struct{ step, other int } // who came to a cell last, and who of somebody else
	touched, changed := map[cell.ID]last{}, map[cell.ID]last{}
	of := func(in map[cell.ID]last, id cell.ID, st *Step) int {
		l := in[id]
		if l.step > 0 && r.steps[l.step-1].Actor != st.Actor {
			return l.step
		}
		return l.other
	}
	note := func(in map[cell.ID]last, id cell.ID, st *Step) { in[id] = last{st.N, of(in, id, st)} }
	layout := r.Model.Memory().Layout()
	var found []Meeting
	for i := range r.steps[:r.cursor] {
		st := &r.steps[i]
		meet := func(n int, id cell.ID) {
			if class := layout.Class(id); n > 0 && !untold.Has(class) {
				found = append(found, Meeting{Kind: Ordered, Actor: r.steps[n-1].Actor, Other: st.Actor, Cell: id, Name: r.nameIn(id, n, st), Read: n, Write: st.N, worth: ordering[class]})
			}
		}
		for _, c := range st.Changes {
			meet(of(touched, c.Cell, st), c.Cell)
		}
		for _, id := range st.Reads {
			meet(of(changed, id, st), id)
			note(touched, id, st)
		}
		for _, c := range st.Changes {
			note(touched, c.Cell, st)
			note(changed, c.Cell, st)
		}
	}
	return best(found, nil, 1)
}

// untold are the classes of cells of which nobody would speak: private ones, what the ledger has, what a CPU's store buffer has.
var untold = private | cell.Of(machine.Ledgers, machine.StoreBuffers)

// both calls yield with every shared cell that one step changes and another comes to.
func (r *Run) both(from, to *Step) func(yield func(cell.ID) bool) {
	return func(yield func(cell.ID) bool) {
		for _, c := range from.Changes {
			if !untold.Has(c.Class) && (slices.Contains(to.Reads, c.Cell) || slices.Contains(to.Writes, c.Cell)) && !yield(c.Cell) {
				return
			}
		}
		for _, c := range to.Changes {
			if !untold.Has(c.Class) && slices.Contains(from.Reads, c.Cell) && !yield(c.Cell) {
				return
			}
		}
	}
}

// ordering says how much the order of two accesses to a cell tells, by its class; of others, least.
var ordering = map[cell.Class]int{
	machine.PTEs: 9, machine.Contents: 8, machine.PMDs: 7, machine.PageCache: 7, machine.Disk: 6, machine.Blocks: 6, machine.SwapCache: 6, machine.Secondary: 6,
	machine.Refs: 5, machine.Flags: 5, machine.Mapcounts: 5, machine.Mappings: 5, machine.VMAs: 4, machine.Inodes: 4, machine.MMs: 3, machine.Swap: 3, machine.TLBs: 2,
}
