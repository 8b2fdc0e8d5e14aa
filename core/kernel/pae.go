package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// With PAE a 32-bit CPU stores a page-table entry of 64 bits in two halves: the low one has the bits that
// the hardware checks, the high one the upper part of the frame's number. Frames of a scenario differ
// in the high half alone, so that whoever is between two stores may find the halves of two entries.
//
//	native_set_pte(), from none:  the high half; then the low half, which makes it present
//	ptep_get_and_clear():         one 64-bit exchange; until 4.18 the low half, then the high half
//
// The second half is a step of its own, with the PTL held as for the first. A page table that no PMD points to yet is
// filled whole: nobody can look (fillPTE). PMD entries are another matter: see pae_pmd.go.
//
// compare arch/x86/include/asm/pgtable-3level.h
var _ = register(fnNativeSetPTE, &Func{
	Name: "native_set_pte", File: "arch/x86/include/asm/pgtable-3level.h", Params: []int{0, 1, 2, 3, 4},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"address", PageLocal}, {"unlock", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		{Label: "other_half", Says: "write the other half of the PTE", Ref: "pte_low", Touches: cell.Of(machine.PTEs, machine.PTLs), Do: func(c *Ctx) Next {
			e := c.Entry(1).Fresh()
			half := "low"
			if e.None() {
				half = "high" // it was cleared, the low half first
			}
			c.Sayf("write the %s half of the PTE: it is %v", half, e)
			if e.Present() && e.Frame() != machine.ZeroPage {
				c.M.Account(e.Frame(), -1)
			}
			c.M.SetEntry(c.Frame(0), c.M.Slot(c.Page(2), machine.LevelPTE), e)
			if c.L(3) != 0 {
				c.Unlock(c.M.PTL(c.Frame(0)))
			}
			return c.Return(c.L(4))
		}},
	},
})

// A halfWritten entry is one of which a step has stored the first half: the second follows at once.
type halfWritten struct {
	some  bool
	pmd   bool          // the PMD entry of the page, which is being cleared; else its PTE
	high  bool          // the high half is the first; else the low one
	lock  bool          // of a PMD entry: its lock is held until the second half is there
	table machine.Frame // of a PTE
	page  machine.PageID
	entry machine.Entry
}

// fillPTE stores an entry of a page table that no PMD points to yet, whole.
func (c *Ctx) fillPTE(table machine.Frame, p machine.PageID, e machine.Entry) {
	c.M.SetEntry(table, c.M.Slot(p, machine.LevelPTE), e.Fresh())
}

// setHalves stores the first half of an entry, and leaves the second to native_set_pte, if both differ.
func (c *Ctx) setHalves(table machine.Frame, p machine.PageID, e machine.Entry) {
	if c.sim.half.some {
		panic("kernel: a step stores two entries: the law of one shared access")
	}
	i := c.M.Slot(p, machine.LevelPTE)
	old := machine.Entry(c.M.Load(c.M.Entry(table, i)))
	first := e.High() | old.Low()
	if e == 0 {
		first = old.High()
	}
	if old.Low() == e.Low() || old.High() == e.High() || e == 0 && c.sim.clearsAtomically {
		first = e
	}
	c.M.SetEntry(table, i, first)
	if first != e {
		c.sim.half = halfWritten{some: true, high: e != 0, table: table, page: p, entry: e}
	}
}

// tellHalf says which half of an entry a step has stored, if there is another to come.
func (c *Ctx) tellHalf(st *Step) {
	switch h := c.sim.half; {
	case c.notes == nil || !h.some:
	case h.high:
		c.notes.Said = st.Told(c.notes.Said) + "; the high half first"
	default:
		c.notes.Said = st.Told(c.notes.Said) + "; the low half first"
	}
}

// otherHalf has a task go on with the second half of the entry that its step has stored.
func (s *Sim) otherHalf(task int) {
	if !s.half.some {
		return
	}
	h := s.half
	s.half = halfWritten{}
	if h.pmd {
		s.otherHalfOfPMD(task, h)
		return
	}
	unlock, ptl := uint64(0), s.M.PTL(h.table)
	if s.M.Load(ptl) == 0 { // the step stands for lock, store and unlock
		s.M.Store(ptl, uint64(task+1))
		unlock = 1
	}
	if h.entry.Present() && h.entry.Frame() != machine.ZeroPage {
		s.M.Account(h.entry.Frame(), 1) // what the PTE is about to have
	}
	ret := s.M.Load(s.M.Ret(task))
	s.push(task, fnNativeSetPTE, uint64(machine.MakeTable(h.table)), uint64(h.entry), uint64(h.page), unlock, ret)
}

// OtherHalf returns the entry that the call at a level of a task's stack is about to complete, if that
// maps a frame: the frame's reference is the entry's already, though the table does not have it yet.
func (s *Sim) OtherHalf(task, level int) (machine.Entry, bool) {
	if FuncID(s.M.PeekActivation(task, level).Fn) != fnNativeSetPTE {
		return 0, false
	}
	e := machine.Entry(s.M.Peek(s.M.PeekLocal(task, level, 1))).Fresh()
	return e, e.Present() && e.Frame() != machine.ZeroPage
}

// withHalves is a table whose steps that store entries are followed by the second half.
func withHalves(steps []Step) []Step {
	out := append([]Step{}, steps...)
	for i := range out {
		for _, half := range []struct {
			of   cell.Set
			call FuncID
		}{{cell.Of(machine.PTEs), fnNativeSetPTE}, {cell.Of(machine.PMDs), fnNativePMDPGetAndClear}} {
			if steps[i].Touches&half.of != 0 {
				out[i].Touches |= cell.Of(machine.PTLs)
				out[i].Calls = append(append([]FuncID{}, out[i].Calls...), half.call)
			}
		}
	}
	return out
}

// ptep_get_lockless, with halves, in straight line:
//
//	again: low = ptep->pte_low; high = ptep->pte_high
//	ptep->pte_low is not low any more: again
//
// If the low half is the same, the halves belong together, unless the entry was cleared and set
// between the two looks, to a frame that differs in the high half alone:
//
//	CPU0 (GUP-fast)           CPU1                      CPU2
//	low = L
//	                          clear: low, then high
//	high = 0
//	                                                    set: high = 2, low = L
//	low is L: the same
//
// A TLB flush between clear and set that waits for CPU0 would not let that happen. The zero page stands for
// whatever frame the number of such a mixture names.
//
// compare include/linux/pgtable.h:ptep_get_lockless, mm/gup.c:gup_get_pte (until 5.7)
var _ = register(fnPTEGetLockless, &Func{
	Name: "ptep_get_lockless", Was: []Name{{"gup_get_pte", 508}}, File: "include/linux/pgtable.h", FileWas: []Name{{"arch/x86/mm/gup.c", ownGUP}, {"mm/gup.c", 508}}, Params: []int{ptPMD, ptAddr},
	Locals: halvesLocals,
	Steps: readHalves(GUPPTERead, theirPTE, Step{Label: "done", Says: "was that ever the PTE?", Local: true, Do: func(c *Ctx) Next {
		e := c.Entry(ptPTE)
		if c.M.NeverStored(c.Task, e) {
			c.M.Raise(machine.AlarmTornEntry, uint64(c.Task))
		}
		c.M.Store(c.M.Local(c.Task, c.level-1, gpPTE), uint64(e))
		return Return
	}}),
})

// How the fault handler reads the PTE before it has the lock. Until 6.4 one half after the other: whatever it goes by then, it
// holds against the PTE once it has the lock, and begins again if that is another one. An entry that is not present is
// held against it before anybody looks for its swap slot: see do_swap_page.
//
// compare mm/memory.c:handle_pte_fault
var _ = register(fnFaultReadPTE, &Func{
	Name: "handle_pte_fault", File: "mm/memory.c", Params: []int{ptPMD, ptAddr},
	Locals: halvesLocals,
	Steps: readHalves(FaultPTERead, theirPTE, Step{Label: "done", Says: "go by that", Local: true, Do: func(c *Ctx) Next {
		c.M.Store(c.M.Local(c.Task, c.level-1, hfPTE), uint64(c.Entry(ptPTE)))
		return Return
	}}),
})

var halvesLocals = []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"addr", PageLocal}, {"high_first", IntLocal}}

// A halved entry is one that is read in halves, by the locals of its reader.
type halved struct {
	noun, ref, plain string
	class            cell.Set
	word             func(*Ctx) machine.Word
}

var theirPTE = halved{"PTE", "pte", "*ptep", cell.Of(machine.PTEs), func(c *Ctx) machine.Word {
	c.walked(c.Entry(ptPMD))
	return c.PTE(c.Frame(ptPMD), c.Page(ptAddr))
}}

// readHalves are the steps that read an entry in halves, as a rule says, and what is done with it then.
func readHalves(rule RuleID, h halved, done Step) []Step {
	lowHighLow, plain := If(rule, PTEReadLowHighLow).AndHalves(), If(rule, PTEReadPlain).AndHalves()
	return []Step{
		ptLow: {Label: "low", Says: "read the low half of the " + h.noun, Ref: h.ref + "_low", When: lowHighLow, Reads: h.class, Do: func(c *Ctx) Next {
			c.readHalf(h, false)
			return Then
		}},
		ptHigh: {Label: "high", Says: "read the high half", Ref: h.ref + "_high", When: lowHighLow, Reads: h.class, Do: func(c *Ctx) Next {
			c.readHalf(h, true)
			return Then
		}},
		ptAgain: {Label: "low_again", Says: "is the low half still the same?", Answer: "yes", Ref: "unlikely(" + h.ref + "_low)", When: lowHighLow, Reads: h.class, Back: []int{ptLow}, Do: func(c *Ctx) Next {
			if c.loadHalved(h).Low() != c.Entry(ptPTE).Low() {
				c.Say("the low half has changed: again")
				c.Set(ptPTE, 0)
				return ptLow
			}
			return ptDone
		}},
		ptFirst: {Label: "first", Says: "read one half of the " + h.noun, Ref: h.plain, When: plain, Reads: h.class, Choose: chooseHalf, Keys: halfFirst, Do: func(c *Ctx) Next {
			c.Set(ptHighFirst, uint64(c.Key))
			c.readHalf(h, c.Key == 1)
			if c.Key == 1 {
				c.keepHighHalf()
			}
			return Then
		}},
		ptSecond: {Label: "second", Says: "read the other half", Ref: h.plain, When: plain, Reads: h.class, Do: func(c *Ctx) Next {
			c.readHalf(h, c.L(ptHighFirst) == 0)
			return Then
		}},
		ptDone: done,
	}
}

// A compiler reads 64 bits as it likes.
func chooseHalf(_ *Ctx, offer func(int)) { offer(0); offer(1) }

var halfFirst = []string{"the low half first", "the high half first"}

const ptPMD, ptPTE, ptAddr, ptHighFirst = 0, 1, 2, 3

const (
	ptLow = iota
	ptHigh
	ptAgain
	ptFirst
	ptSecond
	ptDone
)

// loadHalved loads the entry. What lies where no page table is (see ofHalves) is taken for one that maps something.
func (c *Ctx) loadHalved(h halved) machine.Entry {
	if h.class == theirPTE.class && c.Frame(ptPMD) == machine.ZeroPage {
		return noTablesPTE
	}
	return machine.Entry(c.Load(h.word(c)))
}

// keepHighHalf marks a high half that has yet to get its low one as mapping the frame that it names: it is a capture of that.
func (c *Ctx) keepHighHalf() {
	if e := c.Entry(ptPTE); e.Frame() != machine.ZeroPage && int(e.Frame()) < c.M.FrameCount() {
		c.Set(ptPTE, uint64(e|machine.ProtNone))
	}
}

// readHalf reads one half of the entry and puts it beside the other.
func (c *Ctx) readHalf(h halved, high bool) {
	now := c.loadHalved(h)
	e, half, part := c.Entry(ptPTE), "low", now.Low()
	if high {
		half, part = "high", now.High()
		e = e.Low() | part
	} else {
		e = e&^machine.LowHalf | part
	}
	if c.M.NoFrame(e) {
		e = e.Low()
	}
	where := ""
	if h.class == theirPTE.class && c.Frame(ptPMD) == machine.ZeroPage {
		where = ", where no page table is"
	}
	c.Sayf("read the %s half of the %s%s: it is %v", half, h.noun, where, now)
	c.Set(ptPTE, uint64(e))
}

// The second look at an entry (pte_val(pte) != pte_val(*ptep)) is two loads, too, in the order that the compiler likes. So it may itself
// find halves of two entries, and take for the same what never was:
//
//	CPU0 (GUP-fast)              CPU1                  CPU2
//	low = L
//	                             clear
//	high = 0
//	again: high is 0
//	                                                   set: high = 2, low = L
//	again: low is L: the same
//
// Between the two looks at the low half in low, high, low an entry has been set again; that takes another clearing, or another setting, to mislead the
// second look as well.
//
// recheckHalves are its two steps: word is where the entry is, read the local with what was read of it; notes the local that keeps
// in bit which half was the first; and put where to go if one differs.
func recheckHalves(h halved, rule RuleID, look func(*Ctx) machine.Entry, read, notes int, bit uint64, put Next) (first, second Step) {
	same := func(c *Ctx, high bool) Next {
		now, was, half := look(c), c.Entry(read).Fresh(), "low"
		differs := now.Low() != was.Low()
		if high {
			half, differs = "high", now.High() != was.High()
		}
		if differs {
			c.Sayf("the %s half of the %s has changed: it is %v", half, h.noun, now)
			return put
		}
		c.Sayf("the %s half of the %s is the same: it is %v", half, h.noun, now)
		return Then
	}
	first = Step{Label: "recheck_" + h.ref + "_first", Says: "is one half of the " + h.noun + " still the same?", Answer: "yes", Ref: h.ref + "_val(" + h.plain + ")", When: With(rule).AndHalves(), Reads: h.class,
		Choose: chooseHalf, Keys: halfFirst, Do: func(c *Ctx) Next {
			if c.Key == 1 {
				c.Set(notes, c.L(notes)|bit)
			}
			return same(c, c.Key == 1)
		}}
	second = Step{Label: "recheck_" + h.ref + "_second", Says: "is the other half of the " + h.noun + " still the same?", Answer: "yes", Ref: h.ref + "_val(" + h.plain + ")", When: With(rule).AndHalves(), Reads: h.class,
		Do: func(c *Ctx) Next {
			high := c.L(notes)&bit == 0
			c.Set(notes, c.L(notes)&^bit)
			return same(c, high)
		}}
	return first, second
}

// The second looks of GUP-fast, where entries have halves.
var (
	gpPMDHalf, gpOtherPMDHalf = recheckHalves(theirPMD, GUPPMDRecheck, func(c *Ctx) machine.Entry { return machine.Entry(c.Load(c.M.PMD(c.Page(gpAddr)))) }, gpPMD, gpIsEarly, gpHighFirst, gpPut)
	gpPTEHalf, gpOtherPTEHalf = recheckHalves(theirPTE, GUPPTERecheck, pteAgain, gpPTE, gpIsEarly, gpHighFirst, gpPut)
)
