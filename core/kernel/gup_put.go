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
//
// unpin_user_page(), unpin_user_pages() and unpin_user_pages_dirty_lock() ask whether what they unpin is still exclusive;
// unpin_user_page_range_dirty_lock(), unpin_folio() and unpin_user_folio() do not.
//
// compare mm/gup.c:unpin_user_pages_dirty_lock, gup_put_folio; mm/page-writeback.c:set_page_dirty_lock
var (
	_ = register(fnDeviceWrite, &Func{Name: "device_write", File: "device", Params: []int{0, 1},
		Locals: []Local{{"page", IntLocal}, {"value", IntLocal}}, Steps: []Step{
			noPage,
			{Label: "write", Says: "the device writes to the page", Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
				c.deviceWrite(int(c.L(0)), c.L(1))
				return Return
			}},
		}})
	_ = register(fnDeviceRead, &Func{Name: "device_read", File: "device", Params: []int{0},
		Locals: []Local{{"page", IntLocal}}, Steps: []Step{
			noPage,
			{Label: "read", Says: "the device reads the page", Reads: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
				return c.Return(c.Load(c.M.Contents(c.varPage().Frame())))
			}},
		}})
	_ = register(fnPutPage, &Func{Name: "put_page", File: "include/linux/mm.h", Params: []int{0},
		Locals: []Local{{"page", IntLocal}}, Steps: []Step{noPage, putVar("put_page")}})
	_ = register(fnUnpinUserPage, unpin("unpin_user_page", []Name{{"put_user_page", 506}}, noPage, checkPinned, putPin))
	_ = register(fnUnpinUserPages, unpin("unpin_user_pages", []Name{{"put_user_pages", 506}}, noPage, checkPinned, putPin))
	_ = register(fnUnpinFolio, unpin("unpin_folio", nil, noPage, putPin))
	_ = register(fnSetPageDirtyLock, &Func{Name: "set_page_dirty_lock", File: "mm/page-writeback.c", Params: []int{0},
		Locals: []Local{{"page", IntLocal}}, Steps: append([]Step{noPage}, dirtySteps...)})
	_ = register(fnUnpinUserPagesDirtyLock, unpin("unpin_user_pages_dirty_lock", []Name{{"put_user_pages_dirty_lock", 506}}, append(append([]Step{noPage, checkPinned, dirtyAlready(5)}, dirtySteps...), putPin)...))
	_ = register(fnUnpinUserPageRangeDirtyLock, unpin("unpin_user_page_range_dirty_lock", nil, append(append([]Step{noPage, dirtyAlready(4)}, dirtySteps...), putPin)...))
)

// unpin is a function of mm/gup.c that gives back the page which a variable holds.
func unpin(name string, was []Name, steps ...Step) *Func {
	return &Func{Name: name, Was: was, File: "mm/gup.c", Params: []int{0}, Locals: []Local{{"page", IntLocal}}, Steps: steps}
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

// checkPinned is the kernel's own check when a pin is given back: an anonymous
// page that was pinned must still be exclusive (5.19, CONFIG_DEBUG_VM).
var checkPinned = Step{Label: "sanity", Says: "is the page still exclusive?", Answer: "yes", Ref: "sanity_check_pinned_pages", When: With(UnpinSanityCheck),
	Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
		c.checkExclusive(c.varPage().Frame())
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
	put := s.Do
	s.Do = func(c *Ctx) Next {
		c.dropPin(c.varPage())
		return put(c)
	}
	return s
}()

// putVar drops the references that the variable holds.
func putVar(ref string) Step {
	return Step{Label: "put", Says: "drop the reference", Ref: ref, Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
		h, v := c.varPage(), int(c.L(0))
		if at, ok := machine.PinAtOf(c.M.Load(c.M.VarAt(c.Task, v))); ok && at.Undirtied {
			c.M.Forget(at.Page) // written behind the page table's back, and nobody told: reclaim may drop it
		}
		c.M.ClearPinAt(c.Task, v)
		c.M.SetVarPage(c.Task, v, 0)
		return c.putFree(h.Frame(), h.Count(), end)
	}}
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

// deviceWrite writes to the page that a variable holds. What the process should
// read afterwards changes with it, unless the owner has given the page up.
func (c *Ctx) deviceWrite(v int, content uint64) {
	f := c.pageIn(v).Frame()
	c.Sayf("the device writes %s to frame %d", c.M.Content(content), f)
	c.Store(c.M.Contents(f), content)
	c.M.StoredTo(f, false)
	at, ok := machine.PinAtOf(c.M.Load(c.M.VarAt(c.Task, v)))
	if !ok || at.Excused {
		return
	}
	c.M.DeviceWrote(at.Page, content)
	at.Undirtied = true
	c.M.SetPinAt(c.Task, v, at)
}

// dirtied notes that what the device has written is known to be dirty.
func (c *Ctx) dirtied() { c.dirtiedBy(int(c.L(0))) }

// dirtiedBy notes that what the device has written to the page that a variable holds is known to be dirty.
func (c *Ctx) dirtiedBy(v int) {
	if at, ok := machine.PinAtOf(c.M.Load(c.M.VarAt(c.Task, v))); ok {
		at.Undirtied = false
		c.M.SetPinAt(c.Task, v, at)
	}
}
