package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What folios large and small have in common, and what only large ones have.

// Possible reports whether a step may be left that way in this scenario: not, where
// it leads to what is for large folios, store buffers, tasks that share a CPU, several pages in a call, signals or memory that fails, and there can be none.
func (s *Sim) Possible(h Hop) bool {
	f := &s.funcs[h.Fn]
	to := h.To < len(f.Steps) && !f.Steps[h.To].When.In(&s.Kernel)
	to = to || h.Calls() && !s.entered(&s.funcs[h.Called])
	switch h.Form {
	case storeWaits, loadForwarded:
		return !to && s.Setup.TSO
	case pinsTogether:
		return !to && s.Kernel.has&hasPages != 0
	case killedFirst, killedAgain:
		return !to && s.Kernel.has&hasSignals != 0
	case failedThere:
		return !to && s.Kernel.has&hasPoison != 0
	}
	return !to
}

// entered reports whether the scenario has what a function is for: large folios, pages of hugetlb, somebody who moves pages.
func (s *Sim) entered(f *Bound) bool {
	return f.Func == nil || !(f.Large && s.Kernel.has&hasLarge == 0 || f.Hugetlb && s.Kernel.has&hasHugetlb == 0 || f.Migrating && s.Kernel.has&hasMoves == 0)
}

// folioFlags is the word with the flags of the page's folio. PG_anon_exclusive alone
// is in the page's own word.
func (c *Ctx) folioFlags(f machine.Frame) machine.Word { return c.M.Flags(c.M.Head(f)) }

// folioLock is the lock of the page's folio.
func (c *Ctx) folioLock(f machine.Frame) machine.Word { return c.M.FolioLock(c.M.Head(f)) }

// lockFolio locks the folio of the page that a local holds.
func lockFolio(page int) Step {
	return Step{Label: "lock", Says: "lock the folio", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks),
		Wait: func(c *Ctx) Block { return c.Free(c.folioLock(c.Held(page).Frame())) },
		Do: func(c *Ctx) Next {
			c.Lock(c.folioLock(c.Held(page).Frame()))
			return Then
		}}
}

// folioMapcount is how often pages of the page's folio are mapped.
// compare include/linux/mm.h:folio_mapcount
func (c *Ctx) folioMapcount(f machine.Frame) uint64 {
	if c.M.IsLarge(f) {
		return c.Load(c.M.LargeMapcount(c.M.Head(f)))
	}
	return c.Load(c.M.Mapcount(f))
}

// rmapAdd counts n PTEs more (or, with n < 0, less) that map the page. A large folio part of
// which is not mapped any more is queued to be split; not of a file, and where those are large no others are.
// compare mm/rmap.c:folio_add_anon_rmap_pte, folio_remove_rmap_pte
func (c *Ctx) rmapAdd(f machine.Frame, n int) {
	now := c.Add(c.M.Mapcount(f), n)
	if !c.M.IsLarge(f) {
		return
	}
	head := c.M.Head(f)
	c.Add(c.M.LargeMapcount(head), n)
	switch {
	case n > 0 && now == uint64(n):
		c.Add(c.M.PagesMapped(head), 1)
	case n < 0 && now == 0:
		left := c.Add(c.M.PagesMapped(head), -1)
		if !c.sim.fileTHP && c.Load(c.M.EntireMapcount(head)) == 0 && (left > 0 || !c.sim.deferredPartial) {
			c.Store(c.M.Deferred(head), 1)
		}
	}
}

// rmapAddPMD counts n huge PMD entries more (or, with n < 0, less) that map the large folio. It
// is queued to be split if it is mapped by PTEs alone from then on, and not all of it.
// compare mm/rmap.c:folio_add_anon_rmap_pmd, folio_remove_rmap_pmd
func (c *Ctx) rmapAddPMD(head machine.Frame, n int) {
	c.Add(c.M.EntireMapcount(head), n)
	c.Add(c.M.LargeMapcount(head), n)
	if n > 0 || c.Load(c.M.EntireMapcount(head)) != 0 {
		return
	}
	c.AndNot(c.M.Flags(head), machine.PGDoubleMap)
	if mapped := c.Load(c.M.PagesMapped(head)); mapped > 0 && int(mapped) < c.M.HugePages && !c.sim.fileTHP {
		c.Store(c.M.Deferred(head), 1)
	}
}

// pmdLock is the lock of the page's PMD table.
func (c *Ctx) pmdLock(p machine.PageID) machine.Word { return c.M.PMDLockOf(p) }

// lastHuge is the last page that a PMD entry of p's maps.
func (c *Ctx) lastHuge(p machine.PageID) machine.PageID { return c.M.HugeEnd(p) - 1 }

// takePin takes the references of a grab under a page-table lock, which keeps the page mapped: none if no page is wanted.
// compare mm/gup.c:try_grab_folio
func (c *Ctx) takePin(f machine.Frame, flags uint64) {
	n := 1
	switch {
	case wantsNoPage(flags):
		c.Say("no page is wanted: take nothing")
		return
	case flags&FollPin != 0 && c.countedApart(f):
		c.Add(c.M.Pincount(c.M.Head(f)), 1)
	case flags&FollPin != 0 && c.sim.countsPins:
		n = pinBias
	}
	c.Get(f, n)
	c.M.SetHeld(c.Task, machine.MakeHold(f, n))
}

// countedApart reports whether pins of the page's folio have a count of their own.
func (c *Ctx) countedApart(f machine.Frame) bool { return c.sim.exactPincount && c.M.IsLarge(f) }

// dropPins drops pins from a large folio's count of pins; their references go separately.
// compare mm/gup.c:gup_put_folio
func (c *Ctx) dropPins(f machine.Frame, n int) {
	if c.countedApart(f) {
		c.Add(c.M.Pincount(c.M.Head(f)), -n)
	}
}

// refsOfPins is how many references the kernel drops with n pins, of those that were taken for them: all; or more, where they were taken of a large folio that
// was split before they were counted, and nobody knows any more.
// compare mm/gup.c:put_compound_head (5.7 to 5.13), try_grab_folio_fast
func (c *Ctx) refsOfPins(f machine.Frame, taken, n int) int {
	if c.sim.pinsAtOnce && taken == n && !c.countedApart(f) {
		return n * pinBias
	}
	return taken
}

// tableStep takes a page table that may be deposited, and holds it in the local.
func tableStep(label string, local int) Step {
	return Step{Label: label, Says: "allocate a page table to deposit", Ref: "pte_alloc_one", Touches: allocTouches | cell.Of(machine.Tables), Wait: func(c *Ctx) Block { return c.memory(true) },
		Choose: func(c *Ctx, offer func(int)) { c.M.Offers(true, func(f machine.Frame) { offer(int(f)) }) },
		Do: func(c *Ctx) Next {
			f := machine.Frame(c.Key)
			c.M.Allocate(f, machine.FrameTable)
			c.Hold(local, f, 1)
			return Then
		}}
}

// deposit puts the table that a local holds beside the page's huge PMD entry.
func (c *Ctx) deposit(local int, p machine.PageID) {
	f := c.Held(local).Frame()
	c.Release(local)
	c.M.SetTable(f, p)
	c.M.SetDeposit(p, machine.MakeHold(f, 1))
}

// blockOffers offers the free blocks; 0 if there is none, and small pages have to do.
func blockOffers(c *Ctx, offer func(int)) {
	none := true
	c.M.OffersBlocks(func(f machine.Frame) {
		offer(int(f))
		none = false
	})
	if none {
		offer(0)
	}
}

var largeTouches = cell.Of(machine.PTLs, machine.PMDs, machine.Refs, machine.Mapcounts, machine.Flags, machine.Mappings, machine.Frames, machine.VMAs)
