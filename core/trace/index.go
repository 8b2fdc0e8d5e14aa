package trace

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// An index tells of a cell what it is: which folio's count, which page's PTE.
type index struct {
	ref, flags, content, state map[cell.ID]machine.Frame
	pte                        map[cell.ID]machine.PageID
	pmd                        map[cell.ID]machine.PageID // the first page below it
	held                       map[cell.ID][]machine.Frame
	tlb                        map[cell.ID]onCPU
	secondary                  map[cell.ID]machine.PageID // entries of secondary MMUs and of the IOTLB
	whose                      map[cell.ID]string         // what they are entries of
	steal, irq, ipi            map[cell.ID]int            // the CPU
	disk, slot                 map[cell.ID]int            // the slot: what it holds, its count
	pud                        map[cell.ID]machine.PageID // the first page of the mm's below it
	variable                   map[cell.ID]varAt
	alarm                      map[cell.ID]machine.Alarm
}

// What holds translations beside the CPUs' TLBs.
const (
	theSecondaryMMU = "the secondary MMU"
	theIOTLB        = "the IOTLB"
	theDevicesTable = "the device's page table"
)

type onCPU struct {
	cpu  int
	page machine.PageID
}

type varAt struct{ task, n int }

func (r *Run) newStory(v int) *story {
	s := &story{r: r, m: r.Model.M, v: v, decided: v, actor: -1, holder: -1,
		frames: map[machine.Frame]bool{}, pages: map[machine.PageID]bool{}, named: map[cell.ID]bool{}, told: map[int][]event{}}
	s.index()
	s.beliefs = s.x.beliefs(r, v)
	return s
}

func (s *story) index() {
	m, x := s.m, &s.x
	*x = index{
		ref: map[cell.ID]machine.Frame{}, flags: map[cell.ID]machine.Frame{}, content: map[cell.ID]machine.Frame{}, state: map[cell.ID]machine.Frame{},
		pte: map[cell.ID]machine.PageID{}, pmd: map[cell.ID]machine.PageID{}, held: map[cell.ID][]machine.Frame{}, tlb: map[cell.ID]onCPU{},
		secondary: map[cell.ID]machine.PageID{}, whose: map[cell.ID]string{},
		steal: map[cell.ID]int{}, irq: map[cell.ID]int{}, ipi: map[cell.ID]int{}, disk: map[cell.ID]int{}, slot: map[cell.ID]int{},
		pud:      map[cell.ID]machine.PageID{},
		variable: map[cell.ID]varAt{}, alarm: map[cell.ID]machine.Alarm{},
	}
	for i := 1; i < m.FrameCount(); i++ {
		f := machine.Frame(i)
		x.ref[m.Ref(f).Cell()], x.ref[m.Ledger(f).Cell()] = f, f
		x.flags[m.Flags(f).Cell()], x.content[m.Contents(f).Cell()], x.state[m.State(f).Cell()] = f, f, f
	}
	for c := range m.CPUs {
		x.steal[m.Steal(c).Cell()], x.irq[m.IRQOff(c).Cell()], x.ipi[m.IPI(c).Cell()] = c, c, c
		for p := range m.Pages() {
			x.tlb[m.TLB(c, machine.PageID(p)).Cell()] = onCPU{c, machine.PageID(p)}
		}
	}
	for p := range m.Pages() {
		if !m.Secondary {
			break
		}
		p := machine.PageID(p)
		x.secondary[m.SPTE(p).Cell()], x.secondary[m.IOTLB(p).Cell()] = p, p
		x.whose[m.SPTE(p).Cell()], x.whose[m.IOTLB(p).Cell()] = theSecondaryMMU, theIOTLB
		if m.Intervals {
			x.secondary[m.MTT(p).Cell()] = p
			x.whose[m.MTT(p).Cell()] = theDevicesTable
		}
	}
	for i := range m.Slots {
		x.disk[m.Disk(i).Cell()], x.slot[m.SwapMap(i).Cell()] = i, i
	}
	m.EachVar(func(t, i int) { x.variable[m.Var(t, i).Cell()] = varAt{t, i} })
	for a := range machine.Alarms {
		x.alarm[m.Alarm(a).Cell()] = a
	}
	s.indexTables()
}

// indexTables finds the entries of every page: as they are now, as they were at
// the start, and those that came and went between, which the steps name.
func (s *story) indexTables() {
	m, x := s.m, &s.x
	byName := map[string]machine.PageID{}
	entries := func() {
		for i := range m.Pages() {
			p := machine.PageID(i)
			if m.Gigabyte(p) {
				if _, ok := x.pud[m.PUD(p).Cell()]; !ok {
					x.pud[m.PUD(p).Cell()] = p
				}
			}
			if _, ok := m.PeekPMDTable(p); !ok {
				continue
			}
			id := m.PMD(p).Cell()
			if _, ok := x.pmd[id]; !ok {
				x.pmd[id] = p
			}
			x.holdHuge(id, m.Mem.Peek(id))
			if t, ok := m.Find(p, machine.LevelPTE); ok {
				id := m.Entry(t, m.Slot(p, machine.LevelPTE)).Cell()
				x.pte[id] = p
				x.hold(id, m.Mem.Peek(id))
			}
		}
	}
	for i, p := range m.Pages() {
		byName["PTE of "+p.Name] = machine.PageID(i)
	}
	at := s.r.cursor
	entries()
	s.r.Goto(0)
	entries()
	s.r.Goto(at)
	for i := range s.r.steps[:s.v] {
		for _, c := range s.r.steps[i].Changes {
			if p, ok := byName[c.Name]; ok {
				x.pte[c.Cell] = p
				x.hold(c.Cell, c.OldV)
				x.hold(c.Cell, c.NewV)
			}
			if _, ok := x.pmd[c.Cell]; ok && c.Class == machine.PMDs {
				x.holdHuge(c.Cell, c.OldV)
				x.holdHuge(c.Cell, c.NewV)
			}
		}
	}
}

// hold notes that an entry has held a frame.
func (x *index) hold(id cell.ID, v uint64) {
	e := machine.Entry(v)
	if !e.Present() || e.Frame() == machine.ZeroPage {
		return
	}
	for _, f := range x.held[id] {
		if f == e.Frame() {
			return
		}
	}
	x.held[id] = append(x.held[id], e.Frame())
}

// holdHuge notes that an entry of a PMD table has held a huge page.
func (x *index) holdHuge(id cell.ID, v uint64) {
	if machine.Entry(v).Has(machine.PSE) {
		x.hold(id, v)
	}
}

// A belief is a translation that somebody has read, in a local or a TLB, and
// goes by from then on.
type belief struct {
	actor, cpu int
	read       int // the step
	again      int // the last step before stale at which the believer looked once more
	stale      int // the step of another actor that made it untrue, 0: none
	from, into cell.ID
	class      cell.Class
	name       string
	entry      machine.Entry
	now        string
}

// beliefs lists what actors have believed of page tables, in the order of the run.
func (x *index) beliefs(r *Run, v int) []belief {
	var out []belief
	layout := r.Model.Memory().Layout()
	for i := range r.steps[:v] {
		st := &r.steps[i]
		for _, k := range st.Kept {
			if class := layout.Class(k.From); class == machine.PTEs || class == machine.PMDs {
				out = append(out, belief{actor: st.Actor, cpu: st.CPU, read: st.N, from: k.From, into: k.Into, class: class, name: k.Name, entry: machine.Entry(k.Raw)})
			}
		}
		for _, c := range st.Changes {
			if b, ok := x.mirrored(st, &c, layout); ok {
				out = append(out, b)
			}
			if e := machine.Entry(c.NewV); c.Class == machine.TLBs && e.Present() && !e.IsStale() && (!machine.Entry(c.OldV).Present() || machine.Entry(c.OldV).Frame() != e.Frame()) {
				if from, ok := entryRead(st, layout); ok {
					name := layout.Name(from)
					if at, ok := x.tlb[c.Cell]; ok && layout.Class(from) == machine.PTEs { // its page table may be another's by now
						name = "PTE of " + r.Model.M.Pages()[at.page].Name
					}
					out = append(out, belief{actor: r.owner(st), cpu: st.CPU, read: st.N, from: from, into: c.Cell, class: layout.Class(from), name: name, entry: e})
				}
			}
		}
	}
	for i := range out {
		out[i].age(r, v)
	}
	return out
}

// mirrored is the entry that an IOMMU goes by from a step on. What a secondary MMU has taken over it has from GUP, and that is where its story begins.
func (x *index) mirrored(st *Step, c *Change, layout *cell.Layout) (b belief, ok bool) {
	e := machine.Entry(c.NewV)
	for id, p := range x.pte {
		if of, is := x.secondary[c.Cell]; is && of == p && x.whose[c.Cell] == theIOTLB && e.Present() && slices.Contains(x.held[id], e.Frame()) && (!ok || id < b.from) {
			b, ok = belief{actor: st.Actor, cpu: st.CPU, read: st.N, from: id, into: c.Cell, class: machine.PTEs, name: layout.Name(id), entry: e}, true
		}
	}
	return b, ok
}

// owner returns the actor that goes by what a step fills a TLB with: the
// thread of its CPU.
func (r *Run) owner(st *Step) int {
	for _, a := range r.Model.Actors() {
		if a.Kind == kernel.TaskActor && a.CPU == st.CPU {
			return a.ID
		}
	}
	return st.Actor
}

// entryRead is the entry that a step which fills a TLB has it from: the one that it marks accessed, not those above it, or of others with whom the table is shared.
func entryRead(st *Step, layout *cell.Layout) (cell.ID, bool) {
	var from cell.ID
	found, marked := false, false
	for _, id := range st.Reads {
		if c := layout.Class(id); c == machine.PTEs || c == machine.PMDs {
			if marks := slices.Contains(st.Writes, id); marks || !marked {
				from, found, marked = id, true, marks
			}
		}
	}
	return from, found
}

// age finds when the belief became untrue: somebody else made the entry name
// another frame, or none, or write-protected it.
func (b *belief) age(r *Run, v int) {
	b.again = b.read
	for i := b.read; i < v; i++ {
		st := &r.steps[i]
		if st.Actor == b.actor {
			if reads(st, b.from) {
				b.again = st.N
			}
			continue
		}
		for _, c := range st.Changes {
			if c.Cell == b.from && loses(b.entry, machine.Entry(c.NewV)) {
				b.stale, b.now = st.N, c.New
				return
			}
		}
	}
}

// loses reports whether who goes by an entry goes by what is not so any more: there is another frame now, or none, or it is write-protected.
func loses(was, is machine.Entry) bool {
	return !is.Present() || is.Frame() != was.Frame() || was.Has(machine.RW) && !is.Has(machine.RW)
}
