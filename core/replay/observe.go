package replay

import (
	"fmt"
	"math/bits"
	"strconv"

	"gupscope/core/machine"
)

// observe looks at the machine as the corpus' runner looks at a kernel. It
// changes nothing, and reads without a trace.
func (p *Player) observe() Observation {
	w := &observer{Player: p, m: p.sim.M, o: Observation{
		Tables: map[string]map[string][]Entry{}, Frames: map[Label]Frame{}, Swap: map[Label]Slot{}, Pins: map[string]Pin{},
	}}
	for name, proc := range p.process {
		if !proc.alive {
			continue
		}
		w.o.Tables[name] = map[string][]Entry{}
		for r := range p.regions {
			w.o.Tables[name][p.regions[r].name] = w.entries(proc.mm, r)
		}
	}
	w.files()
	for name, s := range p.pins {
		h := machine.DecodeResult(w.m.Peek(w.m.Var(s.task, s.variable))).Page
		w.o.Pins[name] = Pin{w.frame(h.Frame()), w.word(w.m.Contents(h.Frame()))}
	}
	return w.o
}

type observer struct {
	*Player
	m *machine.Machine
	o Observation
}

// entries are the page-table entries of a region's pages.
func (w *observer) entries(mm, r int) []Entry {
	out := make([]Entry, w.regions[r].pages)
	for i := range out {
		page := w.m.PageAt(mm, r, i)
		if r >= w.mapped || w.m.Peek(w.m.VMA(page)) == 0 {
			out[i].Kind = NoVMA
			continue
		}
		out[i] = w.entry(page)
	}
	return out
}

func (w *observer) entry(page machine.PageID) Entry {
	pmd := machine.Entry(w.m.Peek(w.m.PMD(page)))
	switch {
	case pmd.Has(machine.PSE):
		e := w.m.OfHuge(pmd, page)
		return Entry{Kind: PMD, Label: w.frame(e.Frame()), Write: e.Has(machine.RW), Dirty: e.Has(machine.Dirty)}
	case !pmd.Present():
		return Entry{Kind: NoEntry}
	}
	e := machine.Entry(w.m.Peek(w.m.Entry(pmd.Frame(), w.m.Slot(page, machine.LevelPTE))))
	switch {
	case e.None():
		return Entry{Kind: NoEntry}
	case e.IsSwap():
		return Entry{Kind: Swapped, Label: w.slot(e.Slot()), Exclusive: e.Has(machine.SwpExclusive)}
	case e.IsMigration():
		return Entry{Kind: Migration}
	}
	return Entry{Kind: PTE, Label: w.frame(e.Frame()), Write: e.Has(machine.RW), Dirty: e.Has(machine.Dirty)}
}

// frame returns the frame's name in this life, and sees to it that it has a record.
func (w *observer) frame(f machine.Frame) Label {
	if f == machine.ZeroPage {
		return ZeroPage
	}
	if w.m.IsHugeZero(f) {
		return HugeZeroPage
	}
	l := named("F", int(f), w.frames.ended[f])
	if _, ok := w.o.Frames[l]; !ok {
		w.o.Frames[l] = Frame{}
		w.o.Frames[l] = w.record(f)
	}
	return l
}

func (w *observer) record(f machine.Frame) Frame {
	m := w.m
	head := m.PeekHead(f)
	ref := int(m.Peek(m.Ref(head)))
	r := Frame{Ref: ref, Map: int(m.Peek(m.Mapcount(f))), Pin: ref >> 10, Flags: w.flags(f, head), Val: w.word(m.Contents(f))}
	if m.PeekLarge(f) {
		w.large(&r, f, head)
	}
	if slot := m.Peek(m.FolioSwap(f)); slot != 0 {
		r.Swap = w.slot(int(slot) - 1)
	}
	return r
}

// large fills in what a page of a large folio has more of than one of a small one.
func (w *observer) large(r *Frame, f, head machine.Frame) {
	m := w.m
	r.Map, r.Pin = int(m.Peek(m.LargeMapcount(head))), int(m.Peek(m.Pincount(head)))
	r.Order, r.Index = bits.Len(uint(m.HugePages))-1, int(f-head)
	r.Entire, r.PageMap = int(m.Peek(m.EntireMapcount(head))), int(m.Peek(m.Mapcount(f)))
	if m.Peek(m.Flags(head))&machine.PGDoubleMap != 0 {
		r.PageMap++ // until 6.1 each page counts that, too
	}
}

// flags are those of the folio; PG_anon_exclusive is the page's own, unless a PMD maps the whole.
func (w *observer) flags(f, head machine.Frame) FrameFlags {
	m := w.m
	var out FrameFlags
	flags, mapping, own := m.Peek(m.Flags(head)), m.Peek(m.Mapping(head)), m.Peek(m.Flags(f))
	if head != f && m.Peek(m.EntireMapcount(head)) > 0 {
		own = flags
	}
	for _, x := range []struct {
		is   bool
		flag FrameFlags
	}{
		{machine.IsAnon(mapping), FlagAnon},
		{own&machine.PGAnonExclusive != 0, FlagExclusive},
		{machine.IsKSM(mapping), FlagKSM},
		{flags&machine.PGSwapCache != 0, FlagSwapCache},
		{flags&machine.PGSwapBacked != 0, FlagSwapBacked},
		{flags&machine.PGDirty != 0 && !m.IsHugetlb(head), FlagDirty},
		{flags&machine.PGWriteback != 0, FlagWriteback},
		{m.Peek(m.FolioLock(head)) != 0, FlagLocked},
		{len(m.Files) > 0 && m.Peek(m.Buffers(f)) != 0, FlagPrivate},
		{m.IsHugetlb(head), FlagHugetlb},
		{mapping == 0, FlagNoMapping},
	} {
		if x.is {
			out |= x.flag
		}
	}
	return out
}

// slot returns the swap entry's name in this life, and sees to it that it has a record.
func (w *observer) slot(slot int) Label {
	l := named("S", slot, w.swap.ended[slot])
	if _, ok := w.o.Swap[l]; ok {
		return l
	}
	m := w.m
	w.o.Swap[l] = Slot{}
	count := m.Peek(m.SwapMap(slot)) &^ machine.SwapHasCache
	r := Slot{Count: int(count), HasDisk: true, Disk: w.word(m.Disk(slot))}
	if count&machine.SwapOfFile != 0 {
		r.Count = -1
	}
	if h := machine.Hold(m.Peek(m.SwapCache(slot))); h.Some() {
		r.Cache = w.frame(h.Frame())
		if m.Peek(m.Flags(h.Frame()))&machine.PGDirty != 0 {
			r.HasDisk, r.Disk = false, 0
		}
	}
	if m.Peek(m.Zeromap(slot)) != 0 {
		r.Zero, r.HasDisk, r.Disk = true, false, 0
	}
	w.o.Swap[l] = r
	return l
}

// word is the content of a word as the number that it stands for.
func (w *observer) word(at machine.Word) uint32 { return number(w.m.Values[w.m.Peek(at)]) }

// number is the content of a page as the corpus knows it: its first 32 bits. A page of zeros has no name.
func number(content string) uint32 {
	n, err := strconv.ParseUint("0"+content, 10, 32)
	if err != nil {
		panic(fmt.Sprintf("replay: the content %q is no number: contents come from programs", content))
	}
	return uint32(n)
}

// content is what a page holds whose first 32 bits are n and the others zero.
func content(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}

func named(kind string, number, life int) Label {
	return Label(fmt.Sprintf("%s%d%05d", kind, number, life))
}
