package claim

import (
	"fmt"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// alarmed says what an alarm is about.
func (m *Model) alarmed(a machine.Alarm) string {
	v := m.M.Peek(m.M.Alarm(a)) - 1
	switch a {
	case machine.AlarmForeignPage:
		return fmt.Sprintf("%s got %s, which was not mapped there during the call, or was freed since", m.Setup.Tasks[v>>16].Name, m.M.FrameName(machine.Frame(v&0xffff)))
	case machine.AlarmPinnedFreed:
		return fmt.Sprintf("frame %d was freed while it is held through GUP", v)
	case machine.AlarmBadPage:
		return fmt.Sprintf("frame %d was freed although its count is not zero: bad page state", v)
	case machine.AlarmRefOnZero:
		return fmt.Sprintf("a reference was added to folio %d, whose count was zero", v)
	case machine.AlarmRefUnderflow:
		return fmt.Sprintf("more references were dropped from folio %d than it has", v)
	case machine.AlarmUnpinShared:
		return fmt.Sprintf("folio %d was unpinned, and is not exclusive", v)
	case machine.AlarmFreedTable:
		return fmt.Sprintf("%s read a page table that was freed", m.Setup.Tasks[v].Name)
	case machine.AlarmStaleTLB:
		return fmt.Sprintf("cpu%d used a TLB entry whose frame was freed", v)
	case machine.AlarmUnnoticedStore:
		return fmt.Sprintf("folio %d was stored to, and its file system had not been asked since it was cleaned", v)
	case machine.AlarmUnexpectedDirty:
		return fmt.Sprintf("folio %d was marked dirty, and its file system had not been asked since it was cleaned", v)
	case machine.AlarmNoBuffers:
		return fmt.Sprintf("writeback found folio %d dirty and without buffers: BUG", v)
	case machine.AlarmUnstable:
		return fmt.Sprintf("folio %d was stored to while the disk reads it", v)
	case machine.AlarmDeviceTooLate:
		return fmt.Sprintf("the device reached frame %d, which was freed since it was got", v)
	case machine.AlarmNullMapping:
		return fmt.Sprintf("GUP followed the mapping of folio %d, which is NULL by now", v)
	case machine.AlarmFreedMapping:
		return fmt.Sprintf("GUP followed the mapping of folio %d to an inode that was freed", v)
	case machine.AlarmThrottledInode:
		return fmt.Sprintf("a throttled writer went by the mapping of %s, whose inode was freed", m.M.Files[v].Name)
	case machine.AlarmPinnedSplit:
		return fmt.Sprintf("folio %d was split while pins of it were counted", v)
	case machine.AlarmTornEntry:
		return fmt.Sprintf("%s goes by the halves of two page-table entries: what it read was never stored there", m.Setup.Tasks[v].Name)
	case machine.AlarmUnshareWritable:
		return fmt.Sprintf("%s unshared a page, and made its PTE writable", m.Setup.Tasks[v].Name)
	case machine.AlarmStaleSecondary:
		return fmt.Sprintf("the guest, or the device, of cpu%d used a page that was freed", v)
	case machine.AlarmReadOther:
		return fmt.Sprintf("swap slot %d was read, and does not hold what its page held in the end: %s", v, m.M.Content(m.M.Peek(m.M.LeftSwap(int(v)))-1))
	case machine.AlarmUnwatched:
		return fmt.Sprintf("%s is watched and was written to, and its entry is not soft-dirty", m.M.Pages()[v].Name)
	case machine.AlarmFreedBlock:
		return fmt.Sprintf("the block of %s was given back, and the disk is about to write to it", m.M.FilePages()[v].Name)
	case machine.AlarmMissedStore:
		return fmt.Sprintf("folio %d was stored to after it was copied, and the copy has taken its place", v)
	case machine.AlarmUnequalMerged:
		return fmt.Sprintf("KSM put its page in the place of folio %d, which holds something else", v)
	case machine.AlarmLostStore, machine.AlarmLostDMA:
		if v&machine.AlarmOfFile != 0 {
			o := machine.Pgoff(v &^ machine.AlarmOfFile)
			return fmt.Sprintf("a read of %s did not get %s, which was written last", m.M.FilePages()[o].Name, m.M.FileShouldText(o))
		}
		return fmt.Sprintf("a load of %s did not get %s, which was written last", m.M.Pages()[v].Name, m.M.ShouldText(machine.PageID(v)))
	}
	panic("claim: an alarm without words")
}

// alarming are the words that say why an alarm was raised, as they are behind the step that has raised it: a page's dirty flag, and
// whether its file system was asked; a translation whose frame was freed.
func (m *Model) alarming(a machine.Alarm) []machine.Word {
	v := m.M.Peek(m.M.Alarm(a)) - 1
	f := machine.Frame(v)
	switch a {
	case machine.AlarmForeignPage:
		return m.got(int(v>>16), machine.Frame(v&0xffff))
	case machine.AlarmPinnedFreed:
		return append(m.holding(f), m.M.State(f))
	case machine.AlarmBadPage:
		return []machine.Word{m.M.Ref(f), m.M.State(f)}
	case machine.AlarmRefOnZero, machine.AlarmRefUnderflow:
		return []machine.Word{m.M.Ref(f), m.M.Ledger(f), m.M.State(f)}
	case machine.AlarmUnpinShared:
		return []machine.Word{m.M.Flags(f), m.M.Mapcount(f)}
	case machine.AlarmFreedTable:
		return m.freedTables()
	case machine.AlarmStaleTLB:
		return m.stale(func(p machine.PageID) machine.Word { return m.M.TLB(int(v), p) })
	case machine.AlarmStaleSecondary:
		out := m.stale(func(p machine.PageID) machine.Word { return m.M.GuestTLB(int(v), p) })
		out = append(out, m.stale(m.M.SPTE)...)
		out = append(out, m.stale(m.M.IOTLB)...)
		if m.M.Intervals {
			out = append(out, m.stale(m.M.MTT)...)
		}
		return out
	case machine.AlarmUnnoticedStore, machine.AlarmUnexpectedDirty:
		return []machine.Word{m.M.Flags(f), m.M.Notice(f)}
	case machine.AlarmUnstable:
		return []machine.Word{m.M.Flags(f), m.M.Contents(f)}
	case machine.AlarmNoBuffers:
		return []machine.Word{m.M.Flags(f), m.M.Buffers(f)}
	case machine.AlarmDeviceTooLate:
		return []machine.Word{m.M.State(f), m.M.Contents(f)}
	case machine.AlarmNullMapping:
		return []machine.Word{m.M.Mapping(f)}
	case machine.AlarmFreedMapping:
		return append([]machine.Word{m.M.Mapping(f)}, m.freedInodes()...)
	case machine.AlarmThrottledInode:
		return []machine.Word{m.M.Inode(int(v))}
	case machine.AlarmPinnedSplit:
		return []machine.Word{m.M.Ref(f), m.M.Pincount(f)}
	case machine.AlarmTornEntry, machine.AlarmUnshareWritable:
		return m.atPages(int(v))
	case machine.AlarmReadOther:
		return []machine.Word{m.M.Disk(int(v)), m.M.LeftSwap(int(v))}
	case machine.AlarmUnwatched:
		return append(m.entry(machine.PageID(v)), m.M.VMA(machine.PageID(v)))
	case machine.AlarmFreedBlock:
		return []machine.Word{m.M.Block(machine.Pgoff(v)), m.M.DirectIO(machine.Pgoff(v))}
	case machine.AlarmMissedStore:
		return []machine.Word{m.M.Contents(f)}
	case machine.AlarmUnequalMerged:
		return m.merged(f)
	case machine.AlarmLostStore, machine.AlarmLostDMA:
		if v&machine.AlarmOfFile != 0 {
			return m.cachedAt(machine.Pgoff(v &^ machine.AlarmOfFile))
		}
		return m.readAt(machine.PageID(v))
	}
	panic("claim: an alarm without cells")
}

// got are the variables of a task that name a frame, and the entries of the pages that they were got for.
func (m *Model) got(task int, f machine.Frame) (out []machine.Word) {
	m.M.EachVar(func(t, i int) {
		if r := machine.DecodeResult(m.M.Peek(m.M.Var(t, i))); t != task || r.Kind != machine.IsPage || r.Page.Frame() != f {
			return
		}
		out = append(out, m.M.Var(t, i))
		if pin, ok := machine.PinAtOf(m.M.Peek(m.M.VarAt(t, i))); ok {
			out = append(out, m.entry(pin.Page)...)
		}
	})
	return out
}

// holding are the variables that name a frame.
func (m *Model) holding(f machine.Frame) (out []machine.Word) {
	m.M.EachVar(func(t, i int) {
		if r := machine.DecodeResult(m.M.Peek(m.M.Var(t, i))); r.Kind == machine.IsPage && r.Page.Frame() == f {
			out = append(out, m.M.Var(t, i))
		}
	})
	return out
}

// entry is the entry that maps a page: of the PTE table, or of the PMD table if there is none.
func (m *Model) entry(p machine.PageID) []machine.Word {
	if t, ok := m.M.Find(p, machine.LevelPTE); ok {
		return []machine.Word{m.M.Entry(t, m.M.Slot(p, machine.LevelPTE))}
	}
	if _, ok := m.M.PeekPMDTable(p); ok {
		return []machine.Word{m.M.PMD(p)}
	}
	return nil
}

// atPages are the entries of the pages that a task's statement is about.
func (m *Model) atPages(task int) (out []machine.Word) {
	for _, a := range m.Actors() {
		l := m.Look(a.ID)
		if a.Kind != kernel.TaskActor || a.Task != task || l.Finished || l.Stmt < 0 {
			continue
		}
		stmt := &m.Setup.Tasks[task].Body[l.Stmt]
		for i, p := range stmt.Call.Params {
			if p.Kind != kernel.VMAParam && p.NamesPages(stmt.Args[i]) {
				out = append(out, m.entry(m.pageOf(&stmt.Args[i]))...)
			}
		}
	}
	return out
}

// stale are the translations, one a page, of frames that were freed.
func (m *Model) stale(of func(machine.PageID) machine.Word) (out []machine.Word) {
	for p := range m.M.Pages() {
		if w := of(machine.PageID(p)); machine.Entry(m.M.Peek(w)).IsStale() {
			out = append(out, w)
		}
	}
	return out
}

// freedTables are the states of the frames that were page tables in the run and are free now: those that entries of none lead to are left out.
func (m *Model) freedTables() (out []machine.Word) {
	for i := range m.M.GoingTables() {
		if w := m.M.State(m.M.GoingTable(i)); m.M.Peek(w) == machine.FrameFree {
			out = append(out, w)
		}
	}
	return out
}

// freedInodes are those that were freed.
func (m *Model) freedInodes() (out []machine.Word) {
	for file := range m.M.Files {
		if w := m.M.Inode(file); m.M.Peek(w) == machine.InodeFreed {
			out = append(out, w)
		}
	}
	return out
}

// merged are the contents of a frame and of the pages that KSM shares.
func (m *Model) merged(f machine.Frame) []machine.Word {
	out := []machine.Word{m.M.Contents(f)}
	for k := range m.M.FrameCount() {
		if k := machine.Frame(k); k != f && k > 0 && machine.IsKSM(m.M.Peek(m.M.Mapping(k))) {
			out = append(out, m.M.Contents(k))
		}
	}
	return out
}

// readAt are the entry of a page, what the frame there holds, and what it should.
func (m *Model) readAt(p machine.PageID) []machine.Word {
	out := m.entry(p)
	if f, slot, ok := m.M.Resolve(p); ok {
		out = append(out, m.M.Contents(f))
	} else if slot >= 0 {
		out = append(out, m.M.Disk(slot))
	}
	return append(out, m.M.Should(p))
}

// cachedAt are what the page cache has of a file's page, what that holds, and what it should.
func (m *Model) cachedAt(o machine.Pgoff) []machine.Word {
	out := []machine.Word{m.M.CacheSlot(o)}
	if f, ok := machine.Cached(m.M.Peek(m.M.CacheSlot(o))); ok {
		out = append(out, m.M.Contents(f))
	}
	return append(out, m.M.FileShould(o))
}
