package claim

import (
	"fmt"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A predicate is a claim for one instance. It reads no cell but those it names, and
// becomes false only when one of when is written: unless another predicate of the claim is judged then.
type predicate struct {
	claim int
	end   bool   // it is about the ends of runs
	what  string // the instance, for people: "folio 3"
	reads []machine.Word
	when  []machine.Word // nil: all of reads
	holds func() bool
	why   func() string         // why it is false, asked only then
	about func() []machine.Word // of an alarm: the words that say why it was raised, asked only then
}

// refcounts: for every folio, _refcount is what the ledger says.
func refcounts(m *Model) []predicate {
	var out []predicate
	for i := 1; i < m.M.FrameCount(); i++ {
		f := machine.Frame(i)
		out = append(out, predicate{
			what:  fmt.Sprintf("folio %d", f),
			reads: []machine.Word{m.M.Ref(f), m.M.Ledger(f)},
			holds: func() bool { return m.M.Load(m.M.Ref(f)) == m.M.Load(m.M.Ledger(f)) },
			why: func() string {
				return fmt.Sprintf("folio %d has a count of %d, but its holders have %d", f, int64(m.M.Peek(m.M.Ref(f))), int64(m.M.Peek(m.M.Ledger(f))))
			},
		})
	}
	return out
}

// mappedOnce: for every page, if it is exclusive, one entry maps it: a PTE, or the PMD of the huge page that it is part of.
func mappedOnce(m *Model) []predicate {
	var out []predicate
	for i := 1; i < m.M.FrameCount(); i++ {
		f := machine.Frame(i)
		reads := []machine.Word{m.M.Flags(f), m.M.PTEs(f)}
		head, huge := m.hugeHead(f)
		if huge {
			reads = append(reads, m.M.PMDs(head))
		}
		if huge && !m.M.IsHugetlb(f) {
			reads = append(reads, m.M.Compound(f))
		}
		entries := func(load func(machine.Word) uint64) (ptes, pmds uint64) {
			if huge && (m.M.IsHugetlb(f) || load(m.M.Compound(f)) != 0) { // else the frame that would be its head may be free
				pmds = load(m.M.PMDs(head))
			}
			return load(m.M.PTEs(f)), pmds
		}
		out = append(out, predicate{
			what: fmt.Sprintf("folio %d", f), reads: reads,
			holds: func() bool {
				if m.M.Load(m.M.Flags(f))&machine.PGAnonExclusive == 0 {
					return true
				}
				ptes, pmds := entries(m.M.Load)
				return ptes+pmds <= 1
			},
			why: func() string {
				switch ptes, pmds := entries(m.M.Peek); {
				case pmds == 0:
					return fmt.Sprintf("folio %d is exclusive, and %d PTEs map it", f, ptes)
				case ptes == 0:
					return fmt.Sprintf("folio %d is exclusive, and %d PMDs map it", f, pmds)
				default:
					return fmt.Sprintf("folio %d is exclusive, and %d of PTEs and PMDs map it", f, ptes+pmds)
				}
			},
		})
	}
	return out
}

// hugeHead is the frame that a PMD entry which maps the page would name; false if none can map it.
func (m *Model) hugeHead(f machine.Frame) (machine.Frame, bool) {
	if m.M.LargeFolios && !m.M.IsHugetlb(f) {
		f -= f % machine.Frame(m.M.HugePages)
	}
	return f, m.M.MayBeHuge(f)
}

// secrets: for every variable that holds a page, nobody of another mm has stored to it.
func secrets(m *Model) []predicate {
	var out []predicate
	m.M.EachVar(func(t, i int) {
		v := m.M.Var(t, i)
		reads := []machine.Word{v}
		for f := range m.M.FrameCount() {
			reads = append(reads, m.M.Storer(machine.Frame(f)))
		}
		for mm := range m.M.MMs {
			reads = append(reads, m.M.Forking(mm))
		}
		out = append(out, predicate{
			what: m.varName(t, i), reads: reads,
			holds: func() bool {
				r := machine.DecodeResult(m.M.Load(v))
				if r.Kind != machine.IsPage || r.Page.IsStale() {
					return true
				}
				by, some := m.M.StoredSinceFork(r.Page.Frame(), m.M.Load)
				return !some || m.M.GUPsFrom(t, by)
			},
			why: func() string {
				r := machine.DecodeResult(m.M.Peek(v))
				by, _ := m.M.StoredSinceFork(r.Page.Frame(), m.M.Peek)
				return fmt.Sprintf("%s holds %v, and a thread of %s has stored there since the fork", m.varName(t, i), r.Page, m.M.MMs[by].Name)
			},
		})
	})
	return out
}

// A pinKind says of which pages that are held a claim speaks.
type pinKind int

const (
	pinsForWriting   pinKind = iota
	pinsForReading           // of anonymous pages; of any page for long in a shared mapping
	pinsNotYetCopied         // for reading, for long, of a page in a private mapping that is no copy: a page of a file, the zero page
)

// pinKind is which of the claims speaks of a page that is held; false if none does. A page of a file, or the zero page, that is pinned
// for reading, and not for long, is legally left behind by a write.
func (m *Model) pinKind(pin machine.PinAt, f machine.Frame) (pinKind, bool) {
	switch {
	case pin.Write:
		return pinsForWriting, true
	case m.isAnon(f), pin.Longterm && m.M.Region(pin.Page).Kind == machine.RegionFileShared:
		return pinsForReading, true
	}
	return pinsNotYetCopied, pin.Longterm
}

// pins: for every variable that holds a page, the page table leads to that
// page. Judged while nobody is inside the PTL section that may change the PTE.
func pins(m *Model, kind pinKind) []predicate {
	var out []predicate
	var mappings []machine.Word
	if kind != pinsForWriting {
		mappings = m.mappingWords()
	}
	m.M.EachVar(func(t, i int) {
		v, at := m.M.Var(t, i), m.M.VarAt(t, i)
		out = append(out, predicate{
			what:  m.varName(t, i),
			reads: append(append(m.pinnedWords(t), mappings...), v, at),
			holds: func() bool {
				pin, ok := machine.PinAtOf(m.M.Load(at))
				if !ok || pin.Excused || pin.Write != (kind == pinsForWriting) || !m.covers(pin) {
					return true
				}
				r := machine.DecodeResult(m.M.Load(v))
				if r.Kind != machine.IsPage {
					return true
				}
				if is, some := m.pinKind(pin, r.Page.Frame()); !some || is != kind || m.changing(pin.Page) {
					return true
				}
				f, _, ok := m.M.Resolve(pin.Page)
				return ok && f == r.Page.Frame() && !m.M.Stale(machine.Entry(r.Page))
			},
			why: func() string {
				pin, _ := machine.PinAtOf(m.M.Peek(at))
				r := machine.DecodeResult(m.M.Peek(v))
				return fmt.Sprintf("%s holds %v for %s, but the process has %s there", m.varName(t, i), r.Page, m.M.Pages()[pin.Page].Name, m.found(pin.Page))
			},
		})
	})
	return out
}

// pinnedWords are the words that say which pages are mapped where the task gets pages through GUP.
func (m *Model) pinnedWords(task int) (out []machine.Word) {
	t := &m.M.Config.Tasks[task]
	for mm := range m.M.MMs {
		if mm == t.MM || t.Remote>>mm&1 != 0 {
			out = append(out, m.resolveWords(mm)...)
		}
	}
	return out
}

// isAnon reports whether a page is one of an anonymous folio.
func (m *Model) isAnon(f machine.Frame) bool {
	return f != machine.ZeroPage && machine.IsAnon(m.M.Load(m.M.Mapping(m.M.Head(f))))
}

// mappingWords are the words that isAnon may read.
func (m *Model) mappingWords() []machine.Word {
	var out []machine.Word
	for f := range m.M.FrameCount() {
		out = append(out, m.M.Mapping(machine.Frame(f)))
		if m.M.LargeFolios && m.M.IsData(machine.Frame(f)) {
			out = append(out, m.M.Compound(machine.Frame(f)))
		}
	}
	return out
}

// covers reports whether the kernel promises anything about a page held so: a
// pin, or before there were pins any reference for writing.
func (m *Model) covers(pin machine.PinAt) bool {
	return pin.Pin || pin.Write && m.Kernel.Version.Order < 506
}

// changing reports whether the PTL of the page's table is held.
func (m *Model) changing(p machine.PageID) bool {
	if m.movingPMDs() && m.tableOut(p) {
		return true
	}
	t, ok := m.M.Find(p, machine.LevelPTE)
	return ok && m.M.Load(m.M.PTL(t)) != 0
}

// hugePMDs reports whether a PMD entry may map a huge page.
func (m *Model) hugePMDs() bool { return m.M.LargeFolios || m.M.Hugetlb > 0 }

// movingPMDs reports whether PMD entries change while an mm lives: huge ones do, and those that mremap moves.
func (m *Model) movingPMDs() bool { return m.hugePMDs() || m.M.Rooms }

// tableOut reports whether the page's PMD entry is being changed: its lock is held, or it is none
// while somebody has mmap_lock for writing, as collapse does while it holds the page table in its hand.
func (m *Model) tableOut(p machine.PageID) bool {
	mm := m.M.Pages()[p].MM
	return m.M.Load(m.M.PMDLockOf(p)) != 0 ||
		machine.Entry(m.M.Load(m.M.PMD(p))).None() && machine.MmapWriter(m.M.Load(m.M.MmapLock(mm))) >= 0
}

// found is what the process has at the page, in words.
func (m *Model) found(p machine.PageID) string {
	f, slot, ok := m.M.Resolve(p)
	switch {
	case ok && slot >= 0:
		return fmt.Sprintf("folio %d of the swap cache", f)
	case ok:
		return m.M.FrameName(f)
	case slot >= 0:
		return fmt.Sprintf("swap slot %d", slot)
	}
	return "nothing"
}

// resolveWords are the words that looking a page of the mm up may read.
func (m *Model) resolveWords(mm int) []machine.Word {
	var out []machine.Word
	for _, level := range m.M.UpperLevels() {
		for i := range m.M.UpperWidth() {
			out = append(out, m.M.Entry(m.M.Upper(mm, level), i))
		}
	}
	if m.movingPMDs() {
		out = append(out, m.M.PMDLock(mm), m.M.MmapLock(mm))
	}
	if m.M.PMDTables > 0 {
		out = append(out, m.M.NoPMD())
	}
	for i := range m.M.TableCount() {
		t := m.M.TableFrame(i)
		out = append(out, m.M.PTL(t))
		for e := range m.M.Width() {
			out = append(out, m.M.Entry(t, e))
		}
	}
	out = append(out, m.fileWords()...)
	for s := range m.M.Slots {
		out = append(out, m.M.SwapCache(s))
	}
	return out
}

// pinnedExclusive: for every variable that holds a pin, the page is exclusive
// if it is anonymous.
func pinnedExclusive(m *Model) []predicate {
	var out []predicate
	m.M.EachVar(func(t, i int) {
		v, at := m.M.Var(t, i), m.M.VarAt(t, i)
		reads := []machine.Word{v, at}
		for f := range m.M.FrameCount() {
			reads = append(reads, m.M.Flags(machine.Frame(f)), m.M.Mapping(machine.Frame(f)))
			switch f := machine.Frame(f); {
			case m.M.IsHugetlb(f):
				reads = append(reads, m.M.Mapcount(f))
			case m.M.LargeFolios && m.M.IsData(f):
				reads = append(reads, m.M.Compound(f), m.M.Mapcount(f))
			}
		}
		out = append(out, predicate{
			what: m.varName(t, i), reads: reads,
			holds: func() bool {
				pin, ok := machine.PinAtOf(m.M.Load(at))
				r := machine.DecodeResult(m.M.Load(v))
				if !ok || !pin.Pin || r.Kind != machine.IsPage {
					return true
				}
				f := r.Page.Frame()
				head := m.M.Head(f)
				flags := m.M.Load(m.M.Flags(f))
				if m.M.IsLarge(f) && m.M.Load(m.M.Mapcount(f)) == 0 {
					flags |= m.M.Load(m.M.Flags(head)) // where no PTE maps the page, it is its own flag as it was last, or that of the folio's first page for all: see sanity_check_pinned_pages
				}
				return !machine.IsAnon(m.M.Load(m.M.Mapping(head))) || flags&machine.PGAnonExclusive != 0
			},
			why: func() string {
				f := machine.DecodeResult(m.M.Peek(v)).Page.Frame()
				if head := m.M.PeekHead(f); head != f {
					return fmt.Sprintf("%s pins frame %d, a page of folio %d, which is not exclusive", m.varName(t, i), f, head)
				}
				return fmt.Sprintf("%s pins folio %d, which is not exclusive", m.varName(t, i), f)
			},
		})
	})
	return out
}

// endContents: when all have finished, every page reads what was last written to it.
func endContents(m *Model, device bool) []predicate {
	var out []predicate
	for i := range m.M.Pages() {
		p := machine.PageID(i)
		reads := append(m.doneWords(), m.contentWords(p)...)
		reads = append(reads, m.M.Should(p))
		out = append(out, predicate{
			what: m.M.Pages()[p].Name, reads: reads, end: true,
			holds: func() bool {
				if !m.Done() {
					return true
				}
				content, ok := m.content(p)
				lost, by := m.M.Lost(p, content)
				return !ok || !lost || by != device
			},
			why: func() string {
				content, _ := m.content(p)
				return fmt.Sprintf("%s reads %s at the end, not %s", m.M.Pages()[p].Name, m.M.Content(content), m.M.ShouldText(p))
			},
		})
	}
	return out
}

// content is what the process would read at the page; false if its VMA is gone.
func (m *Model) content(p machine.PageID) (uint64, bool) {
	if m.M.Rooms && m.M.Load(m.M.VMA(p)) == 0 {
		return 0, false // what was there may be elsewhere by now
	}
	if m.M.Poison && m.M.Mapped(p).IsPoison() {
		return 0, false // nobody reads it
	}
	f, slot, ok := m.M.Resolve(p)
	switch {
	case ok:
		return m.M.Load(m.M.Contents(f)), true
	case slot >= 0:
		return m.M.Load(m.M.Disk(slot)), true
	}
	mapped := m.M.Load(m.M.VMA(p)) != 0
	if o, ok := m.M.Backing(p); ok && (mapped || m.M.Region(p).Kind == machine.RegionFileShared) {
		return m.fileContent(o) // what was stored through a shared mapping stays in the file
	}
	return 0, mapped
}

// contentWords are the words that content may read.
func (m *Model) contentWords(p machine.PageID) []machine.Word {
	var out []machine.Word
	for f := range m.M.FrameCount() {
		out = append(out, m.M.Contents(machine.Frame(f)))
	}
	out = append(out, m.resolveWords(m.M.Pages()[p].MM)...)
	out = append(out, m.M.VMA(p))
	for s := range m.M.Slots {
		out = append(out, m.M.Disk(s))
	}
	return out
}

// pageOf is the page that a condition is about.
func (m *Model) pageOf(a *kernel.Arg) machine.PageID { return m.M.PageAt(a.MM, a.Region, a.Page) }

func (m *Model) doneWords() []machine.Word {
	var out []machine.Word
	for t := range m.Setup.Tasks {
		out = append(out, m.M.Done(t))
	}
	for cpu := range m.M.CPUs {
		if m.M.TSO {
			out = append(out, m.M.Buffered(cpu))
		}
	}
	return out
}

// ends: what the scenario says of the values at the end of a run.
func ends(m *Model, c kernel.Condition) predicate {
	reads := m.doneWords()
	named := map[[2]int]bool{}
	c.Cond.EachLeaf(func(e *kernel.Expr) {
		if e.Memory != nil {
			reads = append(reads, m.contentWords(m.pageOf(e.Memory))...)
		} else if at := [2]int{e.Task, e.Var}; !named[at] {
			named[at] = true
			reads = append(reads, m.M.Var(e.Task, e.Var))
		}
	})
	wanted := c.When == kernel.Always
	return predicate{
		what: c.Text, reads: reads, end: true,
		holds: func() bool { return !m.Done() || m.eval(&c.Cond) == wanted },
		why:   func() string { return "the run ends with " + m.variables(named) },
	}
}
