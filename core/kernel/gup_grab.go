package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// try_grab_folio_fast, in straight line:
//
//	until 6.4, pinning for long: a page that must be possible to take away: give up
//	again: folio = page_folio(page)
//	from 5.1 on: the count is below zero: give up
//	folio_ref_add_unless_zero(folio, refs)
//	the page belongs to another folio now: put the references; again, or give up
//	from 6.5 on, pinning for long: such a page: put the references, give up
//	if pinning: a small folio: folio_ref_add(folio, refs * 1023); a large one: pincount + refs
//
// refs is 1; of a huge page how many pages of it are wanted, all got at once.
//
// Between the two additions a pin looks like a passing reference. Until 5.13 there is one: the kernel looks whether
// the folio is large before it takes anything, and of a small one it takes refs * 1024 at once. Of a large one it takes refs, and
// looks again to count the pin: if the folio was split meanwhile, the pin is never counted, and 1024 come off in the end:
//
//	CPU0 (GUP-fast, pinning)           CPU1 (split)
//	is folio 4 large? Yes: 1 will do
//	                                   freeze folio 4, split it
//	take 1 reference on folio 4
//	is it large? No: nothing to count
//	...
//	unpin: is it large? No: 1024 less
//
// (Here the first of these looks and that for the folio are one; in 5.8 to 5.13 the page is asked twice.)
//
// x86 of 4.6 had a plain get_page() instead: it relied on the flush by IPI, with interrupts off here,
// to come before the page is freed.
//
// A count below zero has overflowed, or nearly so: it is refused (absent in 5.0, present in 5.2.y: read in source). There are half of all numbers left for those who have looked already. No run
// here is as long: a scenario says with how many references elsewhere it begins.
//
// Between the look at the folio and the reference it may be split. The PTE does not tell: it
// comes back with the same frame in it.
//
//	CPU0 (GUP-fast)                    CPU1 (split)
//	read the PTE: frame 5, of folio 4
//	                                   put migration entries, freeze folio 4
//	                                   folios 4 and 5; restore the PTEs
//	take a reference on folio 4
//	does frame 5 belong to it? No: put it
//
// compare mm/gup.c:try_grab_folio_fast, arch/x86/mm/gup.c:gup_pte_range (4.6)
var _ = register(fnTryGrabFolioFast, &Func{
	Name: "try_grab_folio_fast", Was: []Name{{"get_page", ownGUP}, {"page_cache_get_speculative", 504}, {"try_get_compound_head", 507}, {"try_grab_compound_head", 519}, {"try_grab_folio", 610}}, File: "mm/gup.c", FileWas: gupFileWas,
	Params: []int{tgPTE, tgRefs, tgFlags},
	Locals: []Local{{"page", PTELocal}, {"folio", FrameLocal}, {"flags", FlagsLocal}, {"refs", IntLocal}, {"large", IntLocal}},
	Steps: []Step{
		tgZoneFirst: {Label: "longterm_pinnable_first", Says: "a pin for long: may the page stay where it is?", Answer: "yes", Ref: "is_pinnable_page", When: If(GUPZoneTest, ZoneTestFirst).AndMovable(), Local: true, Do: func(c *Ctx) Next {
			if all := FollPin | FollLongterm; c.L(tgFlags)&all == all && c.mustMove(c.Frame(tgPTE)) {
				c.Say("a pin for long, of a page that must be possible to take away: give up")
				return c.Fail(EBUSY)
			}
			return Then
		}},
		tgHead: {Label: "folio", Says: "to which folio does the page belong?", Ref: "page_folio", When: Large, Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			f := c.M.Head(c.Frame(tgPTE))
			c.Sayf("the page belongs to folio %d", f)
			c.SetFrame(tgFolio, f)
			if c.sim.pinsAtOnce && c.countedApart(f) {
				c.Set(tgLarge, 1)
			}
			return Then
		}},
		tgNegative: {Label: "negative", Says: "is the count below zero?", Answer: "no", Ref: "folio_ref_count(folio) < 0", When: With(GUPRefusesOverflow).and(hasManyRefs), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			if f := c.grabbing(); c.overflown(f) && c.Load(c.M.Ref(f)) != 0 {
				c.Say("the count is below zero: no reference")
				return c.Fail(EBUSY)
			}
			return Then
		}},
		tgTryGet: {Label: "try_get", Says: "take a reference unless the count is zero", Ref: "folio_ref_add_unless_zero", When: With(GUPGetUnlessZero),
			Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
				f, refs, each := c.grabbing(), int(c.L(tgRefs)), c.grabs()
				if each > 1 {
					c.Say("take the pin, unless the count is zero: 1024 more")
				}
				if !c.TryGet(f, refs*each) {
					c.Say("the count is zero: no reference")
					return c.Fail(EBUSY)
				}
				c.holdEach(refs, machine.MakeHold(f, each))
				return Then
			}},
		tgGet: {Label: "get", Says: "take a reference, whatever the count is", Ref: "get_page", When: Without(GUPGetUnlessZero),
			Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
				f, refs, each := c.grabbing(), int(c.L(tgRefs)), c.grabs()
				if each > 1 {
					c.Say("take the pin, whatever the count is: 1024 more")
				}
				c.Get(f, refs*each)
				c.holdEach(refs, machine.MakeHold(f, each))
				return Then
			}},
		tgRecheck: {Label: "recheck_folio", Says: "does the page still belong to the folio?", Answer: "yes", Ref: "page_folio(page) != folio", When: With(GUPCompoundRecheck).AndLarge(),
			Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
				if now := c.M.Head(c.Frame(tgPTE)); now != c.Frame(tgFolio) {
					c.Sayf("the page belongs to folio %d now: it was split", now)
					return Then
				}
				return tgPage
			}},
		tgPut: {Label: "put", Says: "put the reference: it is on another folio", Ref: "folio_put_refs", When: With(GUPCompoundRecheck).AndLarge(), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.putGrabbed(tgAgain)
		}},
		tgAgain: {Label: "again", Says: "take the folio that it belongs to now", Ref: "goto retry", When: If(GUPCompoundRecheck, CompoundRetry).AndLarge(), Local: true, Back: []int{tgHead}, Do: func(c *Ctx) Next {
			return tgHead
		}},
		tgRefuse: {Label: "refuse", Says: "give up", When: If(GUPCompoundRecheck, CompoundRefuse).AndLarge(), Local: true, Do: func(c *Ctx) Next {
			return c.Fail(EBUSY)
		}},
		tgPage: {Label: "page", Says: "pinning?", Local: true, Do: func(c *Ctx) Next {
			if c.L(tgFlags)&FollPin == 0 || c.grabs() > 1 {
				return Return
			}
			return Then
		}},
		tgZone: {Label: "longterm_pinnable", Says: "a pin for long: may the page stay where it is?", Answer: "yes", Ref: "folio_is_longterm_pinnable", When: If(GUPZoneTest, ZoneTestHeld).AndMovable(), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			if c.L(tgFlags)&FollLongterm == 0 || !c.mustMove(c.inHand().Frame()) {
				return Then
			}
			c.Say("a pin for long, of a page that must be possible to take away: put the reference")
			return c.putGrabbed(tgZoneRefuse)
		}},
		tgPin: {Label: "pin", Says: "make it a pin", Ref: "folio_ref_add", When: With(FOLLPinCounting),
			Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
				f, refs := c.grabbing(), int(c.L(tgRefs))
				if c.countedApart(f) {
					c.Say("make it a pin: one more in the large folio's pincount")
					if refs > 1 {
						c.Sayf(pinsTogether, refs)
					}
					c.Add(c.M.Pincount(f), refs)
					return Return
				}
				if c.sim.pinsAtOnce {
					c.Say("the folio was large, and is not any more: the pin is not counted")
					return Return
				}
				c.Say("make it a pin: 1023 more")
				c.Get(f, refs*(pinBias-1))
				c.holdEach(refs, machine.MakeHold(f, pinBias))
				return Return
			}},
		tgZoneRefuse: {Label: "refuse_zone", Says: "give up", When: If(GUPZoneTest, ZoneTestHeld).AndMovable(), Local: true, Do: func(c *Ctx) Next {
			return c.Fail(EBUSY)
		}},
	},
})

const tgPTE, tgFolio, tgFlags, tgRefs, tgLarge = 0, 1, 2, 3, 4

const (
	tgZoneFirst = iota
	tgHead
	tgNegative
	tgTryGet
	tgGet
	tgRecheck
	tgPut
	tgAgain
	tgRefuse
	tgPage
	tgZone
	tgPin
	tgZoneRefuse
)

// grabbing is the folio that a grab takes its reference on.
func (c *Ctx) grabbing() machine.Frame {
	if c.L(tgFolio) != 0 {
		return c.Frame(tgFolio)
	}
	return c.Frame(tgPTE)
}

// grabs is how many references a grab takes for each page: those of a pin, where they are taken at once.
func (c *Ctx) grabs() int {
	if c.sim.pinsAtOnce && c.L(tgFlags)&FollPin != 0 && c.L(tgLarge) == 0 {
		return pinBias
	}
	return 1
}

// pinBias is what a pin adds to a small folio's count (GUP_PIN_COUNTING_BIAS).
const pinBias = 1024
