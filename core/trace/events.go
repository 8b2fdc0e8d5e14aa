package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// An event is what one step does to one thing, as far as stories tell of it.
type event struct {
	kind  eventKind
	frame machine.Frame
	page  machine.PageID // where a frame is mapped; -1
	cpu   int            // whose TLB, interrupts or host it is about; of evSlots the slot
	says  string         // what the actor does, in the third person: "clears the PTE of A's buf"
}

type eventKind uint8

const (
	evIRQsOff  eventKind = iota // a CPU disables interrupts
	evBelieves                  // somebody reads a translation and goes by it
	evLooks                     // somebody looks at a count
	evUnmaps
	evUnhooks // a page table leaves the tree
	evMoves   // a page table is that of other pages from now on
	evTakesRef
	evDropsRef
	evToZero   // the count becomes zero
	evFromZero // a reference on what has none
	evShares   // exclusivity goes
	evMaps
	evWrites // the content of a frame changes
	evSwaps  // the content goes to swap
	evFrees
	evTakes // a frame is allocated
	evInvalidates
	evSends
	evAcknowledges
	evPreempts
	evMarks // a preempted CPU is marked to flush later
	evResumes
	evReturns // a GUP call hands the page over
	evLoads   // the content of a frame is read
	evDirties // a file's page is marked dirty
	evCleans  // its dirty flag goes, or its buffers
	evUnmakes // a page leaves its file, or an inode goes
	evMirrors // a secondary MMU or an IOMMU takes a translation, or has it taken away
	evSlots   // a swap slot is given back, or taken
)

// events returns what a step does, in the order in which people would say it.
func (s *story) events(st *Step) []event {
	var out []event
	add := func(k eventKind, f machine.Frame, cpu int, format string, args ...any) {
		out = append(out, event{k, f, -1, cpu, fmt.Sprintf(format, args...)})
	}
	for i := range s.beliefs {
		if b := &s.beliefs[i]; b.read == st.N && s.m.Mem.Layout().Class(b.into) != machine.Secondary { // of those tells mirrored
			f := machine.Frame(0)
			if !b.entry.IsSwap() {
				f = b.entry.Frame()
			}
			add(evBelieves, f, b.cpu, "%s", s.believes(b))
		}
	}
	for i := range st.Changes {
		n := len(out)
		s.changed(st, &st.Changes[i], add)
		if p, ok := s.pageOfEntry(&st.Changes[i]); ok && len(out) > n {
			out[n].page = p
		}
	}
	s.flushed(st, add)
	return out
}

// pageOfEntry is the page that an entry is of, which a step has changed.
func (s *story) pageOfEntry(c *Change) (machine.PageID, bool) {
	for _, of := range []map[cell.ID]machine.PageID{s.x.pte, s.x.secondary, s.x.pud} {
		if p, ok := of[c.Cell]; ok {
			return p, true
		}
	}
	if p, ok := s.x.pmd[c.Cell]; ok && (machine.Entry(c.OldV).Has(machine.PSE) || machine.Entry(c.NewV).Has(machine.PSE)) {
		return p, true
	}
	return 0, false
}

type adder func(k eventKind, f machine.Frame, cpu int, format string, args ...any)

// headAt is the head of the folio that a frame belonged to after a step: itself, if that was a small one.
func (s *story) headAt(n int, f machine.Frame) machine.Frame {
	at := s.r.cursor
	s.r.Goto(n)
	defer s.r.Goto(at)
	if !s.m.PeekLarge(f) {
		return f
	}
	return s.m.PeekHead(f)
}

// possessive turns the layout's "PTE of A buf" into "PTE of A's buf".
func possessive(name string) string {
	head, tail, ok := strings.Cut(name, " of ")
	if !ok {
		return name
	}
	if table, of, ok := strings.Cut(tail, " of "); ok { // of the PTE table of A buf
		return head + " of " + possessive(table+" of "+of)
	}
	if mm, vma, ok := strings.Cut(tail, " "); ok {
		tail = mm + "'s " + vma
	}
	return head + " of " + tail
}

func (s *story) page(p machine.PageID) string {
	mm, vma, _ := strings.Cut(s.m.Pages()[p].Name, " ")
	return mm + "'s " + vma
}

func (s *story) changed(st *Step, c *Change, add adder) {
	switch c.Class {
	case machine.PTEs:
		s.entryChanged(st, c, add)
	case machine.PMDs:
		p, ok := s.x.pmd[c.Cell]
		switch old, is := machine.Entry(c.OldV), machine.Entry(c.NewV); {
		case ok && !old.Present() && is.Present() && is.Has(machine.PSE):
			add(evMaps, 0, -1, "maps the huge page in frame %d at %s", is.Frame(), s.page(p))
		case ok && old.IsHuge() && is.IsHuge() && is.Has(machine.ProtNone) && !old.Has(machine.ProtNone):
			add(evUnmaps, old.Frame(), -1, "makes the %s inaccessible", possessive(c.Name))
		case !old.Present() || machine.Entry(c.NewV).Present():
		case abovePMDs(c.Name) > 0 && !old.Has(machine.PSE):
			add(evUnhooks, old.Frame(), -1, "clears %s, which leads to %s", possessive(c.Name), s.tableBelow(c.Name, old))
		case old.Has(machine.PSE):
			add(evUnhooks, old.Frame(), -1, "clears the %s, which maps the huge page in frame %d", possessive(c.Name), old.Frame())
		case ok:
			add(evUnhooks, machine.Entry(c.OldV).Frame(), -1, "unhooks the page table of %s", s.page(p))
		}
	case machine.Frames:
		if from, to := machine.PageID(c.OldV)-1, machine.PageID(c.NewV)-1; strings.HasSuffix(c.Name, ": owner") && from >= 0 && to >= 0 {
			add(evMoves, 0, -1, "makes the page table of %s that of %s", s.page(from), s.page(to))
			break
		}
		s.allocated(st, c, add)
	case machine.Refs:
		s.counted(st, c, add)
	case machine.Flags:
		s.flagged(c, add)
		if f, ok := s.x.flags[c.Cell]; ok && c.OldV&machine.PGAnonExclusive != 0 && c.NewV&machine.PGAnonExclusive == 0 && !s.frees(st, f) {
			add(evShares, f, -1, "takes frame %d's exclusivity away", f)
		}
	case machine.Contents:
		s.written(st, c, add)
	case machine.Blocks, machine.Buffers, machine.Inodes, machine.Mappings:
		s.ofFile(c, add)
	case machine.Secondary:
		s.mirrored(c, add)
	case machine.Swap:
		if slot, ok := s.x.slot[c.Cell]; ok && c.NewV == 0 {
			add(evSlots, 0, slot, "gives swap slot %d back", slot)
		} else if ok && c.OldV == 0 {
			add(evSlots, 0, slot, "takes swap slot %d", slot)
		}
	case machine.Disk:
		if slot, ok := s.x.disk[c.Cell]; ok && c.New != `""` {
			add(evSwaps, 0, -1, "writes %s to swap slot %d", c.New, slot)
		}
	case machine.IRQs:
		if cpu, ok := s.x.irq[c.Cell]; ok && c.NewV != 0 {
			add(evIRQsOff, 0, cpu, "disables interrupts")
		}
	case machine.Steal:
		s.host(c, add)
	case machine.Vars:
		if at, ok := s.x.variable[c.Cell]; ok {
			task := s.m.Config.Tasks[at.task]
			switch r := machine.DecodeResult(c.NewV); {
			case r.Kind == machine.IsSignal:
				add(evReturns, 0, -1, "gets %s in %s's %s", machine.SignalName(r.Errno), task.Name, task.Vars[at.n])
			case r.Kind == machine.IsNumber:
				add(evReturns, 0, -1, "returns %d as %s's %s", r.Errno, task.Name, task.Vars[at.n])
			case r.Kind == machine.IsErrno:
				add(evReturns, 0, -1, "returns %s as %s's %s", machine.ErrnoName(r.Errno), task.Name, task.Vars[at.n])
			case r.Kind == machine.IsPage && r.Page.Some() && machine.DecodeResult(c.OldV).Kind != machine.IsPage: // else it was only marked stale
				add(evReturns, r.Page.Frame(), -1, "returns %s as %s's %s", s.m.FrameName(r.Page.Frame()), task.Name, task.Vars[at.n])
			}
		}
	}
}

// flagged tells of a file's page being dirty, or under writeback.
func (s *story) flagged(c *Change, add adder) {
	f, ok := s.x.flags[c.Cell]
	if !ok || !s.clean {
		return
	}
	if c.NewV&^c.OldV&machine.PGWriteback != 0 {
		add(evCleans, f, -1, "starts writeback of frame %d", f)
	}
	if (c.OldV^c.NewV)&machine.PGDirty == 0 {
		return
	}
	if c.NewV&machine.PGDirty != 0 {
		add(evDirties, f, -1, "marks frame %d dirty", f)
		return
	}
	add(evCleans, f, -1, "clears frame %d's dirty flag", f)
}

// ofFile tells of a file's block, of a page's buffers and mapping, of an inode.
func (s *story) ofFile(c *Change, add adder) {
	name, what, _ := strings.Cut(c.Name, ": ")
	var n int
	fmt.Sscanf(name, "folio %d", &n)
	f := machine.Frame(n)
	switch {
	case c.Class == machine.Blocks && what == "on disk" && machine.BlockState(c.NewV) == machine.BlockHole:
		add(evSwaps, 0, -1, "gives %s's block back", name)
	case c.Class == machine.Blocks && what == "on disk" && machine.BlockState(c.NewV) == machine.BlockUnwritten:
		add(evSwaps, 0, -1, "gives %s a block", name)
	case c.Class == machine.Blocks && what == "on disk":
		add(evSwaps, 0, -1, "writes %s to %s's block", c.New, name)
	case c.Class == machine.Buffers && c.New == "none":
		add(evCleans, f, -1, "drops frame %d's buffers", f)
	case c.Class == machine.Mappings && c.OldV != 0 && c.NewV == 0:
		add(evUnmakes, f, -1, "takes frame %d out of its file", f)
	case c.Class == machine.Inodes && what == "inode" && c.NewV == machine.InodeFreed:
		add(evUnmakes, 0, -1, "frees the inode of %s", name)
	}
}

// mirrored tells of what a secondary MMU has of the page table, and the IOMMU for a device.
func (s *story) mirrored(c *Change, add adder) {
	p, ok := s.x.secondary[c.Cell]
	if !ok {
		return
	}
	was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
	whose := s.x.whose[c.Cell]
	switch {
	case is.Present() && (!was.Present() || was.Frame() != is.Frame()):
		add(evMirrors, is.Frame(), -1, "puts frame %d into %s for %s", is.Frame(), whose, s.page(p))
	case was.Present() && !is.Present():
		add(evMirrors, was.Frame(), -1, "takes %s out of %s", s.page(p), whose)
	}
}

func (s *story) entryChanged(st *Step, c *Change, add adder) {
	p, ok := s.x.pte[c.Cell]
	if !ok {
		return
	}
	was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
	switch {
	case was.Present() && is.None() && s.freesTable(st):
		add(evUnmaps, was.Frame(), -1, "frees the page table that has the PTE of %s", s.page(p))
	case was.Present() && (!is.Present() || is.Frame() != was.Frame()):
		add(evUnmaps, was.Frame(), -1, "clears the PTE of %s", s.page(p))
	case was.Present() && is.Present() && was.Has(machine.RW) && !is.Has(machine.RW):
		add(evUnmaps, was.Frame(), -1, "write-protects the PTE of %s", s.page(p))
	case !was.Present() && is.Present():
		how := ""
		switch {
		case is.Has(machine.ProtNone):
			how = " inaccessible"
		case !is.Has(machine.RW):
			how = " read-only"
		}
		add(evMaps, is.Frame(), -1, "maps %s at %s%s", s.m.FrameName(is.Frame()), s.page(p), how)
	}
}

// allocated tells of a frame's way to and from the allocator.
func (s *story) allocated(st *Step, c *Change, add adder) {
	f, ok := s.x.state[c.Cell]
	if !ok {
		return
	}
	what := fmt.Sprintf("frame %d", f)
	if c.OldV == machine.FrameTable || c.NewV == machine.FrameTable {
		what = fmt.Sprintf("the page table in frame %d", f)
		if level, upper := s.m.UpperLevel(f); upper {
			what = fmt.Sprintf("the %s table in frame %d", machine.LevelName(level), f)
		}
	}
	switch {
	case c.NewV == machine.FrameFree:
		add(evFrees, f, -1, "frees %s", what)
	case c.NewV == machine.FramePoisoned:
		add(evFrees, f, -1, "gives back frame %d, whose memory has failed: it is never used again", f)
	case c.NewV == machine.FrameLeaked:
		add(evFrees, f, -1, "finds frame %d's count not zero: bad page state, it is never used again", f)
	case c.OldV == machine.FrameFree && c.NewV == machine.FrameTable:
		add(evTakes, f, -1, "takes frame %d for a page table", f)
	case c.OldV == machine.FrameFree:
		if p, ok := s.r.pageOf(st); ok {
			what += " for " + s.page(p)
		}
		add(evTakes, f, -1, "takes %s", what)
	}
}

// freesTable reports whether a step gives a page table back: nobody has cleared the PTEs that go with it.
func (s *story) freesTable(st *Step) bool {
	return slices.ContainsFunc(st.Changes, func(c Change) bool {
		_, ok := s.x.state[c.Cell]
		return ok && c.OldV == machine.FrameTable && c.NewV == machine.FrameFree
	})
}

// frees reports whether a step gives a frame back to the allocator, or takes it from there.
func (s *story) frees(st *Step, f machine.Frame) bool { return changes(st, s.m.State(f).Cell()) }

func (s *story) counted(st *Step, c *Change, add adder) {
	f, ok := s.x.ref[c.Cell]
	n := int64(c.NewV) - int64(c.OldV)
	if head, what, _ := strings.Cut(c.Name, ": "); !ok && what == "pincount" {
		if fmt.Sscanf(head, "folio %d", &f); n > 0 {
			add(evTakesRef, f, -1, "counts the pin of folio %d", f)
		}
		return
	}
	if s.frees(st, f) {
		return
	}
	switch {
	case n > 0 && c.OldV == 0 && st.unfreezes():
		add(evFromZero, f, -1, "gives frame %d its count again", f)
	case n > 0 && c.OldV == 0:
		add(evFromZero, f, -1, "adds a reference to frame %d, whose count is zero", f)
	case n == 1 && slices.ContainsFunc(st.Changes, func(c Change) bool { return c.Class == machine.LRU || c.Class == machine.Batches }):
		// the LRU batch's, which says nothing about who uses the page
	case n == 1:
		add(evTakesRef, f, -1, "takes a reference on %s", s.m.FrameName(f))
	case n == 1023:
		add(evTakesRef, f, -1, "makes its reference a pin with 1023 more")
	case n > 0 && n < 1024:
		add(evTakesRef, f, -1, "takes %s on frame %d", references(n), f)
	case n > 0:
		add(evTakesRef, f, -1, "pins frame %d", f)
	case c.NewV == 0 && n == -1 && strings.HasPrefix(st.Says, "freeze "):
		add(evToZero, f, -1, "freezes the page's count at zero")
	case c.NewV == 0 && n < -1:
		add(evToZero, f, -1, "takes the page's count from %d to zero", int32(c.OldV))
	case c.NewV == 0:
		add(evToZero, f, -1, "drops the page's last reference")
	default:
		add(evDropsRef, f, -1, "drops %s on frame %d", references(-n), f)
	}
}

// unfreezes reports whether a step gives a count back that was set to zero so that nobody could get a reference meanwhile.
func (st *Step) unfreezes() bool {
	return strings.HasPrefix(st.origin, "split_huge_page") || strings.HasPrefix(st.origin, "folio_migrate_mapping")
}

func references(n int64) string {
	if n == 1 {
		return "a reference"
	}
	return fmt.Sprintf("%d references", n)
}

func (s *story) written(st *Step, c *Change, add adder) {
	f, ok := s.x.content[c.Cell]
	if !ok || s.frees(st, f) {
		return
	}
	for _, who := range []string{"the guest ", "the device "} {
		if says := thirdPerson(st.Says); strings.HasPrefix(st.Says, who) {
			if !strings.Contains(says, " frame ") {
				says += fmt.Sprintf(" into frame %d", f)
			}
			says, _, _ = strings.Cut(says, ", which was given back")
			says, _, _ = strings.Cut(says, ", before the page is given back")
			add(evWrites, f, -1, "%s", says)
			return
		}
	}
	if s.m.Mem.Layout().Class(c.Cell) == machine.Contents && len(st.Path) > 0 {
		if call := s.r.callOf(st); call == "store" && len(st.Path) == 1 {
			add(evWrites, f, -1, "stores %s into frame %d", c.New, f)
			return
		} else if call == "device_write" {
			add(evWrites, f, -1, "has the device write %s into frame %d", c.New, f)
			return
		}
	}
	add(evWrites, f, -1, "puts %s into frame %d", c.New, f)
}

// callOf is the newest name of the call that a step is in, "" for actors without a program.
func (r *Run) callOf(st *Step) string {
	a := r.Model.Actors()[st.Actor]
	if a.Kind != kernel.TaskActor || st.Stmt < 0 {
		return ""
	}
	return r.Model.Setup.Tasks[a.Task].Body[st.Stmt].Call.Name
}

func (s *story) host(c *Change, add adder) {
	cpu, ok := s.x.steal[c.Cell]
	if !ok {
		return
	}
	was, is := c.OldV, c.NewV
	switch {
	case was&machine.StealPreempted == 0 && is&machine.StealPreempted != 0:
		add(evPreempts, 0, cpu, "preempts cpu%d", cpu)
	case was&machine.StealPreempted != 0 && is&machine.StealPreempted == 0:
		add(evResumes, 0, cpu, "lets cpu%d run again", cpu)
	case is&machine.StealFlush != 0 && was&machine.StealFlush == 0:
		add(evMarks, 0, cpu, "leaves the TLB flush to cpu%d for later instead of waiting for it", cpu)
	}
}

// flushed tells of the ways in which other CPUs' TLBs are flushed.
func (s *story) flushed(st *Step, add adder) {
	kind := s.r.Model.Actors()[st.Actor].Kind
	for _, c := range st.Changes {
		cpu, ok := s.x.ipi[c.Cell]
		switch {
		case !ok || c.Class != machine.IPIs:
		case c.NewV&^c.OldV != 0:
			add(evSends, 0, cpu, "sends cpu%d the flush IPI", cpu)
		case kind == kernel.InterruptActor:
			add(evAcknowledges, 0, cpu, "takes the flush IPI")
		}
	}
	if kind != kernel.TaskActor {
		return
	}
	for _, id := range st.Writes {
		if at, ok := s.x.tlb[id]; ok && at.cpu != st.CPU && s.pages[at.page] && !marksStale(st, id) {
			add(evInvalidates, 0, at.cpu, "broadcasts the TLB flush without waiting for cpu%d", at.cpu)
			return
		}
	}
}

// marksStale reports whether a step only marks a TLB entry: its frame was freed.
func marksStale(st *Step, id cell.ID) bool {
	for _, c := range st.Changes {
		if c.Cell == id {
			return c.NewV != 0
		}
	}
	return false
}
