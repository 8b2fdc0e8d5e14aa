package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// try_grab_folio_fast, in straight line:
//
//	again: folio = page_folio(page)
//	folio_ref_add_unless_zero(folio, refs)
//	the page belongs to another folio now: put the references; again, or give up
//	if pinning: a small folio: folio_ref_add(folio, refs * 1023); a large one: pincount + refs
//
// refs is 1; of a huge page how many pages of it are wanted, all got at once.
//
// Between the two a pin looks like a passing reference. x86 of 4.6 had a plain
// get_page() instead: it relied on the flush by IPI, with interrupts off here,
// to come before the page is freed.
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
	Locals: []Local{{"page", PTELocal}, {"folio", FrameLocal}, {"flags", FlagsLocal}, {"refs", IntLocal}},
	Steps: []Step{
		tgHead: {Label: "folio", Says: "to which folio does the page belong?", Ref: "page_folio", When: Large, Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			f := c.M.Head(c.Frame(tgPTE))
			c.Sayf("the page belongs to folio %d", f)
			c.SetFrame(tgFolio, f)
			return Then
		}},
		tgTryGet: {Label: "try_get", Says: "take a reference unless the count is zero", Ref: "folio_ref_add_unless_zero", When: With(GUPGetUnlessZero),
			Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
				f, refs := c.grabbing(), int(c.L(tgRefs))
				if !c.TryGet(f, refs) {
					c.Say("the count is zero: no reference")
					return c.Fail(EBUSY)
				}
				c.holdEach(refs, machine.MakeHold(f, 1))
				return Then
			}},
		tgGet: {Label: "get", Says: "take a reference, whatever the count is", Ref: "get_page", When: Without(GUPGetUnlessZero),
			Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
				f, refs := c.grabbing(), int(c.L(tgRefs))
				c.Get(f, refs)
				c.holdEach(refs, machine.MakeHold(f, 1))
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
			if c.L(tgFlags)&FollPin == 0 {
				return Return
			}
			return Then
		}},
		tgZone: {Label: "longterm_pinnable", Says: "a pin for long: may the page stay where it is?", Answer: "yes", Ref: "folio_is_longterm_pinnable", When: With(GUPLongtermZone).AndMovable(), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			if c.L(tgFlags)&FollLongterm == 0 || !c.mustMove(c.inHand().Frame()) {
				return Then
			}
			c.Say("a pin for long, of a page that must be possible to take away: put the reference")
			return c.putGrabbed(tgZoneRefuse)
		}},
		tgPin: {Label: "pin", Says: "make it a pin: 1023 more", Ref: "folio_ref_add", When: With(FOLLPinCounting),
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
				c.Get(f, refs*(pinBias-1))
				c.holdEach(refs, machine.MakeHold(f, pinBias))
				return Return
			}},
		tgZoneRefuse: {Label: "refuse_zone", Says: "give up", When: With(GUPLongtermZone).AndMovable(), Local: true, Do: func(c *Ctx) Next {
			return c.Fail(EBUSY)
		}},
	},
})

const tgPTE, tgFolio, tgFlags, tgRefs = 0, 1, 2, 3

const (
	tgHead = iota
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

// pinBias is what a pin adds to a small folio's count (GUP_PIN_COUNTING_BIAS).
const pinBias = 1024
