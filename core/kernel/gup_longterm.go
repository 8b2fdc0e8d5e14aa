package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// __gup_longterm_locked, in straight line:
//
//	memalloc_pin_save()                    // what faults allocate from here on is not in ZONE_MOVABLE, and not of CMA
//	again: __get_user_pages_locked(): pin the pages
//	none of them is in ZONE_MOVABLE, or of CMA: done
//	the first that is there is not on the LRU list: lru_add_drain_all(), once
//	take its folio off the LRU list
//	unpin all pages: pinned, it could not be moved
//	migrate_pages(MIGRATE_SYNC) to where it may stay; failed: -ENOMEM
//	again
//
// Kernels from v5.1 to v5.12 (check_and_migrate_cma_pages) know of CMA alone, hold pages by references until v5.6, and do what they can: a page that is not on the LRU list, or
// could not be moved, is pinned where it lies.
//
// (The kernel takes all such folios off the list first, and moves them one after the other; here each has a round of its own.)
//
// What lies in ZONE_MOVABLE must be possible to move away, and a pin for long is in the way of that. Between
// unpin and again everything may happen to the mapping; the loop begins with what is there then. (Some
// callers hold mmap_lock all the time; here it is dropped.)
//
// compare mm/gup.c:__gup_longterm_locked, check_and_migrate_movable_pages
var _ = register(fnGUPLongtermLocked, &Func{Migrating: true,
	Name: "__gup_longterm_locked", File: "mm/gup.c", Params: []int{lgAddr, lgNr, lgFlags},
	Locals: []Local{{"folio", HoldLocal}, {"start", PageLocal}, {"gup_flags", FlagsLocal}, {"drained", IntLocal}, {"nr_pages", IntLocal}, {"from", IntLocal}, {"migrate_allow", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		lgPin: {Label: "pin", Says: "pin the page", Ref: "__get_user_pages_locked", Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			c.Set(lgFrom, c.gotPages()) // those that GUP-fast has got: they may stay
			return c.Call(fnGetUserPagesLocked, lgGot, c.L(lgAddr), c.L(lgNr), c.L(lgFlags))
		}},
		lgGot: {Label: "got", Says: "got it, and may it stay where it is?", Ref: "folio_is_longterm_pinnable", Local: true, Do: func(c *Ctx) Next {
			ret := c.Ret()
			if _, some := c.unpinnable(); !some || c.L(lgGaveUp) != 0 {
				return c.Return(ret)
			}
			c.Set(lgRet, ret)
			return Then
		}},
		lgLRU: {Label: "on_lru", Says: "it may not; is it on the LRU list?", Answer: "yes", Ref: "folio_test_lru", Reads: cell.Of(machine.Flags), Calls: []FuncID{fnLRUAddDrainAll}, Back: []int{lgLRU}, Do: func(c *Ctx) Next {
			if f, _ := c.unpinnable(); c.Load(c.folioFlags(f))&machine.PGLRU == 0 && c.L(lgDrained) == 0 {
				c.Say("it may not, and is not on the LRU list: empty all batches")
				c.Set(lgDrained, 1)
				return c.Call(fnLRUAddDrainAll, lgLRU)
			}
			return Then
		}},
		lgIsolateCMA: {Label: "isolate_cma", Says: "is it on the LRU list still?", Answer: "yes", Ref: "isolate_lru_page", When: If(GUPLongtermZone, LongtermZoneCMA).AndMovable(), Reads: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			if f, _ := c.unpinnable(); c.Load(c.folioFlags(f))&machine.PGLRU == 0 {
				c.Say("it is not on the LRU list: it stays where it is, pinned")
				return c.Return(c.L(lgRet))
			}
			return Then
		}},
		lgIsolate: {Label: "isolate", Says: "take it off the LRU list", Ref: "folio_isolate_lru", Touches: cell.Of(machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
			f, _ := c.unpinnable()
			f = c.M.Head(f)
			if c.Load(c.M.Flags(f))&machine.PGLRU == 0 {
				c.Say("it is not on the LRU list: look again later")
				return Then
			}
			c.AndNot(c.M.Flags(f), machine.PGLRU)
			c.Get(f, 1)
			c.Hold(lgFolio, f, 1)
			return Then
		}},
		lgUnpin: {Label: "unpin", Says: "unpin it", Ref: "unpin_user_pages", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			c.backToLast()
			return c.undoGrab(c.L(lgFlags), lgMore)
		}},
		lgMore: {Label: "more", Says: "is there another?", When: Several, Local: true, Back: []int{lgUnpin}, Do: func(c *Ctx) Next {
			if c.gotPages() > c.L(lgFrom) {
				return lgUnpin
			}
			return Then
		}},
		lgMigrate: {Label: "migrate", Says: "have it moved", Ref: "migrate_longterm_unpinnable_folios", Local: true, Calls: []FuncID{fnMigratePages}, Back: []int{lgPin}, Do: func(c *Ctx) Next {
			f := c.Held(lgFolio)
			if !f.Some() {
				return lgPin
			}
			return c.migrate(lgFolio, lgMigrated, migrateSync, mrLongtermPin, c.M.ZoneOf(f.Frame()).Node)
		}},
		lgMigrated: {Label: "migrated", Says: "was it moved?", Local: true, Back: []int{lgPin}, Do: func(c *Ctx) Next {
			if c.Ret() == 0 {
				return lgPin
			}
			return Then
		}},
		lgAnyway: {Label: "anyway", Says: "it could not be moved: pin it where it is", Ref: "migrate_allow", When: If(GUPLongtermZone, LongtermZoneCMA).AndMovable(), Local: true, Back: []int{lgPin}, Do: func(c *Ctx) Next {
			c.Set(lgGaveUp, 1)
			return lgPin
		}},
		lgFailed: {Label: "failed", Says: "-ENOMEM", Local: true, Do: func(c *Ctx) Next { return c.Fail(ENOMEM) }},
	},
})

const lgFolio, lgAddr, lgFlags, lgDrained, lgNr, lgFrom, lgGaveUp, lgRet = 0, 1, 2, 3, 4, 5, 6, 7

const (
	lgPin = iota
	lgGot
	lgLRU
	lgIsolateCMA
	lgIsolate
	lgUnpin
	lgMore
	lgMigrate
	lgMigrated
	lgAnyway
	lgFailed
)

// unpinnable is the first page that the call has got and that must not be pinned for long where it lies; false if there is none.
// compare mm/gup.c:collect_longterm_unpinnable_folios
func (c *Ctx) unpinnable() (machine.Frame, bool) {
	for i := int(c.L(lgFrom)); i < int(c.gotPages()); i++ {
		if f := machine.Hold(c.M.Load(c.M.GUPPage(c.Task, i))).Frame(); c.mustMove(f) {
			return f, true
		}
	}
	return 0, false
}

// mustMove reports whether a page lies where this kernel does not let it be pinned for long.
// compare include/linux/mm.h:folio_is_longterm_pinnable
func (c *Ctx) mustMove(f machine.Frame) bool {
	z := c.M.ZoneOf(f)
	return z.CMA || z.Movable && c.sim.longtermLeavesMovable
}

// pinsForLong reports whether the task is in a call that pins pages for long (PF_MEMALLOC_PIN).
func (c *Ctx) pinsForLong() bool {
	for level := range c.level {
		if c.M.Activation(c.Task, level).Fn == uint16(fnGUPLongtermLocked) {
			return true
		}
	}
	return false
}

// gupLongterm is the step that goes the way of pins for long, with more flags, for the pages that are not got yet. Until v6.2 those of late are not among them.
func gupLongterm(addr, nr, flags int, more, late uint64, back int) Step {
	return Step{Label: "longterm", Says: "for long?", When: With(GUPLongtermZone).AndMovable(), Local: true, Calls: []FuncID{fnGUPLongtermLocked}, Do: func(c *Ctx) Next {
		if c.L(flags)&FollLongterm == 0 {
			return Then
		}
		more := more
		if !c.sim.longtermUnlocks {
			more &^= late
		}
		got := c.gotPages()
		return c.Call(fnGUPLongtermLocked, back, c.L(addr)+got, c.L(nr)-got, c.L(flags)|more)
	}}
}
