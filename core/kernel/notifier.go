package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Secondary holds where an mm has a secondary MMU: what it guards would tell nothing elsewhere.
var Secondary = Cond{where: hasSecondary}

// AndSecondary holds where the condition does and an mm has a secondary MMU.
func (c Cond) AndSecondary() Cond { return c.and(hasSecondary) }

// A Notify says that a function changes what pages of an mm are mapped to, and tells those that
// have translations of their own: mmu_notifier_invalidate_range_start comes before its first step, and
// mmu_notifier_invalidate_range_end behind its last, wherever that is.
type Notify struct {
	// Pages is the range.
	Pages func(*Ctx) (first, last machine.PageID)
	// Rmap marks what finds the PTEs of a page: until 4.12 (notifier_in_rmap) it told that each was gone, after it had
	// dropped the PTL, and nothing before.
	Rmap bool
	// OnlyEnd marks what has told devices that walk the process's tables already, under the PTL: see invalidate_range_only_end.
	OnlyEnd bool
}

// page is the range of one page, which a local names.
func page(local int) *Notify {
	return &Notify{Pages: func(c *Ctx) (first, last machine.PageID) { return c.Page(local), c.Page(local) }}
}

// pages is a range from one local to another.
func pages(first, last int) *Notify {
	return &Notify{Pages: func(c *Ctx) (machine.PageID, machine.PageID) { return c.Page(first), c.Page(last) }}
}

// hugeOf is the range of the huge page in which the page of a local lies.
func hugeOf(local int) *Notify {
	return &Notify{Pages: func(c *Ctx) (machine.PageID, machine.PageID) {
		return c.M.HugeStart(c.Page(local)), c.lastHuge(c.Page(local))
	}}
}

// rmapOf is the range in which an rmap walk may find a folio at an address.
func rmapOf(folio, addr int) *Notify {
	return &Notify{Rmap: true, Pages: func(c *Ctx) (machine.PageID, machine.PageID) {
		p := c.Page(addr)
		if c.M.IsLarge(c.Frame(folio)) {
			return c.M.HugeStart(p), c.lastHuge(p)
		}
		return p, p
	}}
}

// guest reports whether the mm is a guest's memory: mm_has_notifiers().
func (c *Ctx) guest(mm int) bool { return c.sim.Guest(mm) }

// tell tells the subscribers of a range's mm: if there are interval notifiers, by a function that tells them first; else callbacks, if there are such.
func (c *Ctx) tell(n *Notify, intervals, callbacks FuncID, has func(*Ctx, int) bool) Next {
	first, last := n.Pages(c)
	switch mm := c.M.Pages()[first].MM; {
	case c.odp(mm):
		return c.Call(intervals, c.next(), uint64(mm), uint64(first), uint64(last))
	case has(c, mm):
		return c.Call(callbacks, c.next(), uint64(mm), uint64(first), uint64(last))
	}
	return Then
}

// toldStart tells secondary MMUs of a change before it is made.
func toldStart(n *Notify, when Cond) Step {
	return Step{Label: "notify_start", Says: "tell secondary MMUs: what is mapped there will change", Ref: "mmu_notifier_invalidate_range_start",
		When: when.AndSecondary(), Local: true, Calls: []FuncID{fnInvalidateRangeStart, fnIntervalStart}, Do: func(c *Ctx) Next {
			return c.tell(n, fnIntervalStart, fnInvalidateRangeStart, (*Ctx).guest)
		}}
}

// toldEnd tells secondary MMUs that the change is made.
func toldEnd(n *Notify) Step {
	intervals, callbacks := fnIntervalEnd, fnInvalidateRangeEnd
	if n.OnlyEnd {
		intervals, callbacks = fnIntervalOnlyEnd, fnInvalidateRangeOnlyEnd
	}
	return Step{Label: "notify_end", Says: "tell secondary MMUs: it has changed", Ref: "mmu_notifier_invalidate_range_end",
		When: Secondary, Local: true, Calls: []FuncID{callbacks, intervals}, Do: func(c *Ctx) Next {
			return c.tell(n, intervals, callbacks, (*Ctx).called)
		}}
}

// told is a Notify in the middle of a function: what comes before the change, and behind it.
func told(n *Notify) (before, late, after Step) {
	return toldStart(n, If(NotifierStart, NotifierBefore)), toldStart(n, If(NotifierStart, NotifierAfter)), toldEnd(n)
}

// changeSPTEStep tells secondary MMUs, under the PTL, which page takes the place of another: an spte that is there is changed;
// with a writable page it goes, and comes back with the next fault.
// compare virt/kvm/kvm_main.c:kvm_mmu_notifier_change_pte, arch/x86/kvm/mmu/mmu.c:kvm_set_spte_gfn (6.1)
func changeSPTEStep(addr int, to func(*Ctx) machine.Entry) Step {
	mm := func(c *Ctx) int { return c.M.Pages()[c.Page(addr)].MM }
	return Step{Label: "change_spte", Says: "change the spte, if there is one", Ref: "mmu_notifier_change_pte", When: With(NotifierChangePTE).AndSecondary(), Touches: zapTouches,
		Wait: func(c *Ctx) Block { return c.Free(c.M.MMULock(mm(c))) },
		Do: func(c *Ctx) Next {
			p := c.Page(addr)
			if old := machine.Entry(c.Load(c.M.SPTE(p))); !old.Present() {
				c.Say("there is no spte")
				return Then
			}
			c.zap(p, p, true)
			if e := to(c); !e.Has(machine.RW) {
				c.Sayf("change the spte: %v", e)
				c.Store(c.M.SPTE(p), uint64(e))
			}
			c.M.FlushGuest(p, p)
			return Then
		}}
}

// next is the number of the step that follows the one that is made.
func (c *Ctx) next() int { return int(c.M.Activation(c.Task, c.level).Step) + 1 }

// notified is a bound table with the steps of its Notify behind its own. They come into play where the function is
// entered and left: see Sim.push and Sim.proceed.
func (b *Bound) notified(k *Kernel) {
	n := b.Func.Notify
	if n == nil || k.has&hasSecondary == 0 {
		return
	}
	f := *b.Func
	saved := len(f.Locals) + 2
	f.Locals = append(append([]Local{}, f.Locals...), Local{"range_start", PageLocal}, Local{"range_end", PageLocal}, Local{"result", IntLocal})
	begins := n.Pages // the function may go on in its locals
	n = &Notify{Rmap: n.Rmap, OnlyEnd: n.OnlyEnd, Pages: func(c *Ctx) (machine.PageID, machine.PageID) { return c.Page(saved - 2), c.Page(saved - 1) }}
	b.Func = &f
	n0 := len(b.Steps)
	b.Steps = append([]Step{}, b.Steps...)
	b.Steps = append(b.Steps,
		Step{Label: "ends", Says: "it is at its end", Local: true, Do: func(c *Ctx) Next { return Next(n0 + 2) }},
		Step{Label: "returns", Says: "it returns", Local: true, Do: func(c *Ctx) Next {
			c.Set(saved, c.Ret())
			return Then
		}})
	b.leaves = n0 + 1
	left := Step{Label: "left", Says: "return what it returns", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(saved)) }}
	enter := Step{Label: "range", Says: "which pages?", When: Secondary, Local: true, Do: func(c *Ctx) Next {
		first, last := begins(c)
		c.Set(saved-2, uint64(first))
		c.Set(saved-1, uint64(last))
		return Then
	}}
	begin := Step{Label: "begin", Says: "begin", When: Secondary, Local: true, Back: []int{0}, Do: func(*Ctx) Next { return 0 }}
	if n.Rmap && k.value[NotifierInRmap] == NotifierPageAfterPTL {
		b.enters = len(b.Steps) + 2
		b.Steps = append(b.Steps, toldPage(n), left, enter, begin)
		return
	}
	before, late, after := told(n)
	b.enters = len(b.Steps) + 3
	b.Steps = append(b.Steps, late, after, left, enter, before, begin)
}

// toldPage tells secondary MMUs that pages are not mapped there any more.
func toldPage(n *Notify) Step {
	return Step{Label: "notify_page", Says: "tell secondary MMUs: it is not mapped there any more", Ref: "mmu_notifier_invalidate_page",
		When: If(NotifierStart, NotifierBefore, NotifierAfter).AndSecondary(), Local: true, Calls: []FuncID{fnInvalidatePage, fnIntervalPage}, Do: func(c *Ctx) Next {
			return c.tell(n, fnIntervalPage, fnInvalidatePage, (*Ctx).called)
		}}
}

// What KVM does about it, in straight line:
//
//	invalidate_range_start: lock mmu_lock; one invalidation more is in progress
//	                        every spte of the range: none; it was dirty: so is the page
//	                        flush the CPUs that run the guest: they leave it, which is waited for; unlock
//	invalidate_range_end:   lock mmu_lock; the sequence number moves; one invalidation less; unlock
//
// Between the two the page table changes. A fault of the guest that has read the old PTE
// before finds the invalidation in progress, or the number moved, when it has mmu_lock; or it
// had that first, and its spte goes:
//
//	CPU0 (the guest faults)            CPU1 (who changes the PTE)
//	read the sequence number
//	get the page of the PTE            lock, one in progress, zap, unlock
//	                                   change the PTE
//	lock; one in progress? moved?      lock, the number moves, one less, unlock
//	set the spte, unlock
//
// compare virt/kvm/kvm_main.c:kvm_mmu_notifier_invalidate_range_start
var _ = register(fnInvalidateRangeStart, &Func{
	Name: "kvm_mmu_notifier_invalidate_range_start", File: "virt/kvm/kvm_main.c", Params: []int{inMM, inFirst, inLast},
	Locals: invalidateLocals,
	Steps: []Step{
		zapStep("lock mmu_lock; one invalidation more is in progress; no spte of the range is left", true, With(KVMarksDirty), true),
		zapStep("lock mmu_lock; one invalidation more is in progress; no spte of the range is left; that it was dirty, nobody hears of", true, Without(KVMarksDirty), false),
		flushGuestStep,
		unlockMMUStep,
	},
})

const inMM, inFirst, inLast = 0, 1, 2

var invalidateLocals = []Local{{"mm", IntLocal}, {"first", PageLocal}, {"last", PageLocal}}

// zapTouches are the classes that taking sptes away touches.
var zapTouches = cell.Of(machine.Secondary, machine.Notifiers, machine.Flags)

// zapStep takes mmu_lock, and the sptes of the range away. begin: an invalidation begins; else it is over with that.
func zapStep(says string, begin bool, when Cond, dirties bool) Step {
	return Step{Label: "zap", Says: says, Ref: "kvm_unmap_gfn_range", When: when.AndSecondary(), Touches: zapTouches,
		Wait: func(c *Ctx) Block { return c.Free(c.M.MMULock(int(c.L(inMM)))) },
		Do: func(c *Ctx) Next {
			mm, first, last := int(c.L(inMM)), c.Page(inFirst), c.Page(inLast)
			c.Lock(c.M.MMULock(mm))
			if w := c.M.Invalidating(mm); begin {
				c.Store(w, machine.DecodeInvalidation(c.Load(w)).Begin(first, last).Word())
			}
			c.zap(first, last, dirties)
			return Then
		}}
}

// zap takes sptes away. What the guest has stored through them makes their pages dirty.
// compare arch/x86/kvm/mmu/mmu.c:mmu_spte_clear_track_bits
func (c *Ctx) zap(first, last machine.PageID, dirties bool) {
	c.M.EachSPTE(first, last, func(p machine.PageID, e machine.Entry) {
		if e.Has(machine.Dirty) && dirties && !c.M.Stale(e) && e.Frame() != machine.ZeroPage {
			c.Or(c.folioFlags(e.Frame()), machine.PGDirty)
		}
		c.Store(c.M.SPTE(p), 0)
	})
}

var flushGuestStep = Step{Label: "flush", Says: "every CPU that runs the guest has left it, and its guest TLB is flushed", Ref: "kvm_flush_remote_tlbs", When: With(KVFlush).AndSecondary(), Touches: cell.Of(machine.Secondary), Do: func(c *Ctx) Next {
	c.M.FlushGuest(c.Page(inFirst), c.Page(inLast))
	return Then
}}

var unlockMMUStep = Step{Label: "unlock", Says: "unlock mmu_lock", When: Secondary, Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
	c.Unlock(c.M.MMULock(int(c.L(inMM))))
	return Return
}}

var unlockPageStep = func() Step {
	s := unlockMMUStep
	unlock := s.Do
	s.Do = func(c *Ctx) Next {
		unlock(c)
		return Then
	}
	return s
}()

// Of the end a fault sees nothing before it has mmu_lock: it is one step, which waits for the lock and never has it.
var _ = register(fnInvalidateRangeEnd, &Func{
	Name: "kvm_mmu_notifier_invalidate_range_end", File: "virt/kvm/kvm_main.c", Params: []int{inMM, inFirst, inLast},
	Locals: invalidateLocals,
	Steps:  endSteps(SecondaryTLBsEnd, SecondaryTLBsNotifier),
})

// The end of an invalidation of which devices that walk the process's tables were told under the PTL: from 4.15 on they are not told again.
var _ = register(fnInvalidateRangeOnlyEnd, &Func{
	Name: "kvm_mmu_notifier_invalidate_range_end", File: "virt/kvm/kvm_main.c", Params: []int{inMM, inFirst, inLast},
	Locals:  invalidateLocals,
	Steps:   endSteps(SecondaryTLBsEnd, SecondaryTLBsNotifier),
	Instead: []Variant{{With(InvalidateRangeOnlyEnd), endSteps(SecondaryTLBsEnd)}},
})

// endSteps end an invalidation; iotlb are the values of secondary_tlbs with which devices that walk the process's tables are told.
func endSteps(iotlb ...uint8) []Step {
	return []Step{
		endStep("under mmu_lock: the sequence number moves; one invalidation less is in progress", If(EndBumpsSeq, 1), true),
		endStep("under mmu_lock: one invalidation less is in progress", Without(EndBumpsSeq), false),
		endIOTLBStep(iotlb...),
	}
}

func endStep(says string, when Cond, bumps bool) Step {
	return Step{Label: "end", Says: says, Ref: "mmu_invalidate_seq++", When: when.AndSecondary(), Touches: cell.Of(machine.Notifiers),
		Wait: func(c *Ctx) Block { return c.Free(c.M.MMULock(int(c.L(inMM)))) },
		Do: func(c *Ctx) Next {
			mm := int(c.L(inMM))
			if bumps {
				c.Store(c.M.InvalidateSeq(mm), 0)
			}
			w := c.M.Invalidating(mm)
			if i := machine.DecodeInvalidation(c.Load(w)); i.Count > 0 { // none, where nobody says when it begins
				i.Count--
				c.Store(w, i.Word())
			}
			return Then
		}}
}

// endIOTLBStep is what a device is told that walks the process's page tables.
func endIOTLBStep(values ...uint8) Step {
	return iotlbStep(If(SecondaryTLBs, values...), end, func(c *Ctx) (machine.PageID, machine.PageID) { return c.Page(inFirst), c.Page(inLast) })
}

// invalidate_page, which tells that a page was unmapped: until 4.13, from rmap walks, after the PTL was dropped. In straight line:
//
//	lock mmu_lock; the sequence number moves; the spte: none; it was dirty: so is the page
//	flush the CPUs that run the guest; unlock
//
// For a while the spte is there and the PTE is not. The page is: who unmaps it has a reference, and frees
// it later. What the guest stores meanwhile nobody but the spte's dirty bit tells.
//
// compare virt/kvm/kvm_main.c:kvm_mmu_notifier_invalidate_page
var _ = register(fnInvalidatePage, &Func{
	Name: "kvm_mmu_notifier_invalidate_page", File: "virt/kvm/kvm_main.c", Params: []int{inMM, inFirst, inLast},
	Locals: invalidateLocals,
	Steps: []Step{
		{Label: "seq", Says: "under mmu_lock: the sequence number moves", Ref: "mmu_notifier_seq++", When: With(EndBumpsSeq).AndSecondary(), Touches: cell.Of(machine.Notifiers),
			Wait: func(c *Ctx) Block { return c.Free(c.M.MMULock(int(c.L(inMM)))) },
			Do: func(c *Ctx) Next {
				c.Store(c.M.InvalidateSeq(int(c.L(inMM))), 0)
				return Then
			}},
		zapStep("lock mmu_lock; no spte of it is left", false, With(KVMarksDirty), true),
		zapStep("lock mmu_lock; no spte of it is left; that it was dirty, nobody hears of", false, Without(KVMarksDirty), false),
		flushGuestStep,
		unlockPageStep,
		endIOTLBStep(SecondaryTLBsEnd, SecondaryTLBsNotifier),
	},
})
