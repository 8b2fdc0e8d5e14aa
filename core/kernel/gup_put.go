package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What a holder of a page does with it. None of it asks a page table or a TLB;
// a variable without a page (GUP failed) makes every one of these do nothing.
//
//	device_write(p, v):     the page's content is v
//	set_page_dirty_lock(p): lock_page(p); set_page_dirty(p); unlock_page(p)
//	put_page(p):            drop the reference; the last one frees the page
//	unpin_user_page(p):     drop 1024 references
//	unpin_user_pages(p):    of every page that p holds; pages of one folio that stand side by side at once
//	unpin_folios(p):        the same, without a question
//	unpin_user_folio(p):    of one folio: as many as stand side by side from the first on
//
// unpin_user_page(), unpin_user_pages() and unpin_user_pages_dirty_lock() ask whether what they unpin is still exclusive;
// unpin_user_page_range_dirty_lock(), unpin_folio(), unpin_folios() and unpin_user_folio() do not. Nor does GUP-fast where it gives
// back what it has pinned while fork was at it.
//
// compare mm/gup.c:unpin_user_pages_dirty_lock, gup_put_folio; mm/page-writeback.c:set_page_dirty_lock
var (
	_ = register(fnDeviceWrite, &Func{Name: "device_write", File: "device", Params: []int{0, 1},
		Locals: []Local{{"page", IntLocal}, {"value", IntLocal}}, Steps: []Step{
			noPage,
			{Label: "write", Says: "the device writes to the page", Touches: cell.Of(machine.Contents), Reads: fileReads, Do: func(c *Ctx) Next {
				c.deviceWrite(int(c.L(0)), c.L(1))
				return Return
			}},
		}})
	_ = register(fnDeviceRead, &Func{Name: "device_read", File: "device", Params: []int{0},
		Locals: []Local{{"page", IntLocal}}, Steps: []Step{
			noPage,
			{Label: "read", Says: "the device reads the page", Reads: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
				return c.Return(c.Load(c.M.Contents(c.deviceReaches(int(c.L(0))))))
			}},
		}})
	_ = register(fnPutPage, &Func{Name: "put_page", File: "include/linux/mm.h", Params: []int{0},
		Locals: []Local{{"page", IntLocal}}, Steps: []Step{noPage, putVar("put_page")}})
	_ = register(fnUnpinUserPage, unpin("unpin_user_page", []Name{{"put_user_page", 506}}, noPage, checkPinned, putPin))
	_ = register(fnUnpinUserPages, unpin("unpin_user_pages", []Name{{"put_user_pages", 506}}, noPages, checkPinned, putRun(3), nextPin(2)))
	_ = register(fnUnpinFolio, unpin("unpin_folio", nil, noPage, putPin))
	_ = register(fnUnpinFolios, unpin("unpin_folios", nil, noPages, putRun(2), nextPin(1)))
	_ = register(fnUnpinUserFolio, unpin("unpin_user_folio", nil, noPages, putRun(end)))
	_ = register(fnSetPageDirtyLock, &Func{Name: "set_page_dirty_lock", File: "mm/page-writeback.c", Params: []int{0},
		Locals: pagesLocals, Steps: append([]Step{noPage}, dirtySteps...)})
	_ = register(fnUnpinUserPagesDirtyLock, unpin("unpin_user_pages_dirty_lock", []Name{{"put_user_pages_dirty_lock", 506}}, append(append([]Step{noPages, checkPinned, dirtyAlready(5)}, dirtySteps...), putRun(6), nextPin(2))...))
	_ = register(fnUnpinUserPageRangeDirtyLock, unpin("unpin_user_page_range_dirty_lock", nil, append(append([]Step{noPages, dirtyAlready(4)}, dirtySteps...), putRun(5), nextPin(1))...))
)

// pagesLocals are the locals of who does something with pages that variables hold: the first of them, and how many; 0 is 1.
var pagesLocals = []Local{{"page", IntLocal}, {"npages", IntLocal}}

// unpin is a function of mm/gup.c that gives back the pages which variables hold, from one on: one variable, or npages.
func unpin(name string, was []Name, steps ...Step) *Func {
	return &Func{Name: name, Was: was, File: "mm/gup.c", Params: []int{0, 1}, Locals: pagesLocals, Steps: steps}
}

// dirtyAlready goes on at step dirty if the page's folio is marked dirty. Whoever writes it back may be just
// about to clear the mark: he does so before he reads the page.
func dirtyAlready(dirty Next) Step {
	return Step{Label: "is_dirty", Says: "is the page clean?", Answer: "yes", Ref: "folio_test_dirty", Reads: cell.Of(machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
		if c.Load(c.folioFlags(c.varPage().Frame()))&machine.PGDirty != 0 {
			c.Say("the page is dirty already")
			c.dirtied()
			return dirty
		}
		return Then
	}}
}

// noPage ends a call on a variable that holds no page.
var noPage = Step{Label: "page", Says: "is there a page?", Local: true, Do: func(c *Ctx) Next {
	if !c.varPage().Some() {
		return Return
	}
	return Then
}}

// noPages ends a call on variables none of which holds a page.
var noPages = Step{Label: "page", Says: "is there a page?", Local: true, Do: func(c *Ctx) Next {
	if c.skipEmpty(); !c.varPage().Some() {
		return Return
	}
	return Then
}}

// skipEmpty goes on to the next variable that holds a page, among those that are left.
func (c *Ctx) skipEmpty() {
	for c.L(1) > 1 && !c.varPage().Some() {
		c.Set(0, c.L(0)+1)
		c.Set(1, c.L(1)-1)
	}
}

// checkPinned is the kernel's own check when pins are given back: an anonymous
// page that was pinned must still be exclusive (5.19, CONFIG_DEBUG_VM). It looks at all pages before anything is given back.
var checkPinned = Step{Label: "sanity", Says: "is the page still exclusive?", Answer: "yes", Ref: "sanity_check_pinned_pages", When: With(UnpinSanityCheck),
	Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
		for i := range max(c.L(1), 1) {
			if h := c.pageIn(int(c.L(0) + i)); h.Some() {
				c.checkExclusive(h.Frame())
			}
		}
		return Then
	}}

// checkExclusive raises the alarm if a page that was pinned is anonymous, and not exclusive.
func (c *Ctx) checkExclusive(f machine.Frame) {
	head := c.M.Head(f) // whose flag counts while a PMD maps the folio
	if machine.IsAnon(c.Load(c.M.Mapping(head))) && (c.Load(c.M.Flags(f))|c.Load(c.M.Flags(head)))&machine.PGAnonExclusive == 0 {
		c.Say("the pinned page is not exclusive any more: VM_BUG_ON")
		c.M.Raise(machine.AlarmUnpinShared, uint64(f))
	}
}

var dirtySteps = []Step{
	{Label: "lock", Says: "lock the folio", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Refs),
		Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.M.Head(c.varPage().Frame()))) },
		Do: func(c *Ctx) Next {
			c.Lock(c.M.FolioLock(c.M.Head(c.varPage().Frame())))
			return Then
		}},
	{Label: "dirty", Says: "mark it dirty, unlock it", Ref: "folio_mark_dirty", Touches: dirtyTouches | cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
		f := c.M.Head(c.varPage().Frame())
		c.markDirty(f)
		c.Unlock(c.M.FolioLock(f))
		c.dirtied()
		return Then
	}},
}

// putPin drops the pin that the variable holds: from a large folio's pincount, then its references.
var putPin = func() Step {
	s := putVar("gup_put_folio")
	s.Do = func(c *Ctx) Next {
		h := c.varPage()
		c.dropPins(h.Frame(), 1)
		c.giveUp(int(c.L(0)))
		return c.putFree(h.Frame(), c.refsOfPins(h.Frame(), h.Count(), 1), end)
	}
	return s
}()

// putRun drops the pins of all variables, among those that are left, that hold pages of the first one's folio and stand
// side by side, and goes on at step next.
// compare mm/gup.c:gup_folio_next
func putRun(next int) Step {
	s := putVar("gup_put_folio")
	s.Do = func(c *Ctx) Next {
		f, refs := c.varPage().Frame(), 0
		n := c.run()
		c.dropPins(f, n)
		for i := range n {
			refs += c.pageIn(int(c.L(0)) + i).Count()
			c.giveUp(int(c.L(0)) + i)
		}
		return c.putFree(f, c.refsOfPins(f, refs, n), next)
	}
	return s
}

// run is how many variables, from the first of those that are left on, hold pages of one folio.
func (c *Ctx) run() int {
	head, n := c.M.Head(c.varPage().Frame()), 1
	for ; n < int(c.L(1)); n++ {
		if h := c.pageIn(int(c.L(0)) + n); !h.Some() || c.M.Head(h.Frame()) != head {
			break
		}
	}
	return n
}

// nextPin goes on at a step with the next page that is left.
func nextPin(from int) Step {
	return Step{Label: "next", Says: "the next page", When: Several, Local: true, Back: []int{from}, Do: func(c *Ctx) Next {
		if c.skipEmpty(); !c.varPage().Some() {
			return Return
		}
		return Next(from)
	}}
}

// putVar drops the references that the variable holds.
func putVar(ref string) Step {
	return Step{Label: "put", Says: "drop the reference", Ref: ref, Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		h := c.varPage()
		c.giveUp(int(c.L(0)))
		return c.putFree(h.Frame(), h.Count(), end)
	}}
}

// giveUp takes its page from a variable.
func (c *Ctx) giveUp(v int) {
	if at, ok := machine.PinAtOf(c.M.Load(c.M.VarAt(c.Task, v))); ok && at.Undirtied {
		c.M.Forget(at.Page) // written behind the page table's back, and nobody told: reclaim may drop it
	}
	c.M.ClearPinAt(c.Task, v)
	c.M.SetVarPage(c.Task, v, 0)
}

// varPage returns the page that the variable in local 0 holds.
func (c *Ctx) varPage() machine.Hold { return c.pageIn(int(c.L(0))) }

// pageIn returns the page that a variable of the task holds.
func (c *Ctx) pageIn(v int) machine.Hold {
	r := machine.DecodeResult(c.M.Load(c.M.Var(c.Task, v)))
	if r.Kind != machine.IsPage {
		return 0
	}
	return r.Page
}

// fileReads is what deviceWrite reads to know whether a page is still its file's.
var fileReads = cell.Of(machine.PageCache, machine.SwapCache)

// deviceWrite writes to the page that a variable holds. What the process should
// read afterwards changes with it, unless the owner has given the page up. A page of a file that is
// mapped shared stays the file's after munmap: who reads the file finds what the device has written.
func (c *Ctx) deviceWrite(v int, content uint64) {
	f := c.deviceReaches(v)
	c.Sayf("the device writes %s to frame %d", c.M.Content(content), f)
	c.Store(c.M.Contents(f), content)
	c.M.StoredTo(f, false)
	at, ok := machine.PinAtOf(c.M.Load(c.M.VarAt(c.Task, v)))
	if !ok || at.Excused && !c.M.StillPromised(at.Page, f) {
		return
	}
	c.M.DeviceWrote(at.Page, content)
	at.Undirtied = true
	c.M.SetPinAt(c.Task, v, at)
}

// deviceReaches is the frame that a device reaches by what a variable holds: an alarm if it was freed since.
func (c *Ctx) deviceReaches(v int) machine.Frame {
	h := c.pageIn(v)
	if c.M.Stale(machine.Entry(h)) {
		c.M.Raise(machine.AlarmDeviceTooLate, uint64(h.Frame()))
	}
	return h.Frame()
}

// dirtied notes that what the device has written is known to be dirty, in all pages of the folio that are given back together.
func (c *Ctx) dirtied() {
	for i := range c.run() {
		c.dirtiedBy(int(c.L(0)) + i)
	}
}

// dirtiedBy notes that what the device has written to the page that a variable holds is known to be dirty.
func (c *Ctx) dirtiedBy(v int) {
	if at, ok := machine.PinAtOf(c.M.Load(c.M.VarAt(c.Task, v))); ok {
		at.Undirtied = false
		c.M.SetPinAt(c.Task, v, at)
	}
}
