package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Access to the memory of another process, in straight line:
//
//	mm = get_task_mm(); it is gone: -ESRCH
//	pin_user_pages_remote(), or get_user_pages_remote(FOLL_FORCE) for /proc/PID/mem
//	/proc/PID/mem, from v6.5 on: there was no VMA, and the one above is a stack: expand_stack(), and again
//	copy through the kernel's own mapping
//	written: mark the page dirty under its lock (a pinned one if it is clean)
//	unpin it, or put it; mmput()
//
// The last user of an mm takes its memory away, whoever it is.
//
// compare mm/process_vm_access.c:process_vm_rw_single_vec, mm/memory.c:__access_remote_vm
var (
	_ = register(fnProcessVMReadv, remoteAccess("process_vm_readv", "mm/process_vm_access.c", FollPin|FollTouch|FollRemote|FollUnlockable, false))
	_ = register(fnProcessVMWritev, remoteAccess("process_vm_writev", "mm/process_vm_access.c", FollPin|FollTouch|FollRemote|FollUnlockable|FollWrite, true))
	_ = register(fnMemRead, remoteAccess("mem_read", "fs/proc/base.c", FollGet|FollTouch|FollRemote|FollForce, false))
	_ = register(fnMemWrite, remoteAccess("mem_write", "fs/proc/base.c", FollGet|FollTouch|FollRemote|FollForce|FollWrite, true))
)

const raHold, raAddr, raValue, raRet = 0, 1, 2, 3

const (
	raMM = iota
	raPin
	raGet
	raGot
	raRead
	raWrite
	raSanity
	raIsDirty
	raLock
	raDirty
	raUnpin
	raPut
	raMMPut
	raDone
	raExpandLock
	raExpand
	raExpanded
)

func remoteAccess(name, file string, flags uint64, write bool) *Func {
	params := []int{raAddr}
	if write {
		params = append(params, raValue)
	}
	get := flags&^FollPin | FollGet
	gup := func(flags uint64) func(*Ctx) Next {
		return func(c *Ctx) Next { return c.Call(fnGetUserPagesLocked, raGot, c.L(raAddr), 1, uint64(flags)) }
	}
	return &Func{Name: name, File: file, Params: params,
		Locals: []Local{{"folio", HoldLocal}, {"addr", PageLocal}, {"value", IntLocal}, {"ret", IntLocal}},
		Steps: []Step{
			raMM:  {Label: "mm", Says: "take a reference on the mm", Ref: "get_task_mm", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next { return c.keepMM(c.mmOf(raAddr)) }},
			raPin: {Label: "pin", Says: "get the page", Ref: "pin_user_pages_remote", When: With(FOLLPinCounting), Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: gup(flags)},
			raGet: {Label: "get", Says: "get the page", Ref: "get_user_pages_remote", When: Without(FOLLPinCounting), Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: gup(get)},
			raGot: {Label: "got", Says: "got it?", Local: true, Do: func(c *Ctx) Next {
				ret := c.Ret()
				h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
				c.M.SetHeld(c.Task, 0)
				if !h.Some() {
					if flags&FollForce != 0 && c.sim.remoteExpands && ret == failed|EFAULT {
						return raExpandLock
					}
					if flags&FollForce != 0 {
						ret = failed | EIO
					}
					c.Set(raRet, ret)
					return raMMPut
				}
				c.M.SetHold(c.M.Local(c.Task, c.level, raHold), h)
				if write {
					return raWrite
				}
				return raRead
			}},
			raRead: {Label: "read", Says: "read the page", Ref: "copy_page_to_iter", Reads: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
				c.Set(raRet, c.Load(c.M.Contents(c.Held(raHold).Frame())))
				if flags&FollPin != 0 && c.sim.unpinChecks {
					return raSanity
				}
				return raUnpin
			}},
			raWrite: {Label: "write", Says: "write to the page", Ref: "copy_page_from_iter", Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
				f := c.Held(raHold).Frame()
				c.Sayf("write %s to frame %d", c.M.Content(c.L(raValue)), f)
				c.Store(c.M.Contents(f), c.L(raValue))
				c.M.StoredTo(f, false)
				c.M.Forget(c.Page(raAddr)) // the process races with somebody that it does not know of
				return Then
			}},
			raSanity: pinOnly(flags, Step{Label: "sanity", Says: "is the page still exclusive?", Answer: "yes", Ref: "sanity_check_pinned_pages", When: With(UnpinSanityCheck),
				Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
					c.checkExclusive(c.Held(raHold).Frame())
					if !write {
						return raUnpin
					}
					return Then
				}}),
			raIsDirty: pinOnly(flags, Step{Label: "is_dirty", Says: "is the page clean?", Answer: "yes", Ref: "folio_test_dirty", When: With(FOLLPinCounting), Reads: cell.Of(machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
				if c.Load(c.folioFlags(c.Held(raHold).Frame()))&machine.PGDirty != 0 {
					c.Say("the page is dirty already")
					return raUnpin
				}
				return Then
			}}),
			raLock: lockFolio(raHold),
			raDirty: {Label: "dirty", Says: "mark it dirty, unlock it", Ref: "folio_mark_dirty", Touches: dirtyTouches | cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
				f := c.M.Head(c.Held(raHold).Frame())
				c.markDirty(f)
				c.Unlock(c.M.FolioLock(f))
				return Then
			}},
			raUnpin: {Label: "unpin", Says: "a large folio has one pin less", Ref: "gup_put_folio", When: With(FOLLPinCounting).AndLarge(), Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
				if flags&FollPin != 0 {
					c.dropPins(c.Held(raHold).Frame(), 1)
				}
				return Then
			}},
			raPut: {Label: "put", Says: "give the page back", Ref: "unpin_user_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
				h := c.Held(raHold)
				c.Release(raHold)
				if h.Count() == 0 {
					return Then // the zero page
				}
				return c.putFree(h.Frame(), h.Count(), raMMPut)
			}},
			raMMPut: {Label: "mmput", Says: "drop the reference on the mm", Ref: "mmput", Local: true, Calls: []FuncID{fnMMPut}, Do: func(c *Ctx) Next {
				return c.Call(fnMMPut, raDone, uint64(c.mmOf(raAddr)))
			}},
			raDone: {Label: "done", Says: "return", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(raRet)) }},
			raExpandLock: {Label: "vma", Says: "take mmap_lock for reading; no VMA, and the one above grows down", Ref: "vma_lookup", When: With(ExpandStackLocked).and(hasStack), Touches: cell.Of(machine.MMLocks), Reads: cell.Of(machine.VMAs), Back: []int{raMMPut},
				Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.mmOf(raAddr))) },
				Do: func(c *Ctx) Next {
					if c.Load(c.M.VMA(c.Page(raAddr))) != 0 || !c.growsTo(c.Page(raAddr)) {
						c.Say("there is no stack that would grow: give up")
						c.Set(raRet, failed|EIO)
						return raMMPut
					}
					c.ReadLock(c.M.MmapLock(c.mmOf(raAddr)))
					return Then
				}},
			raExpand: {Label: "expand_stack", Says: "have it begin lower", Ref: "expand_stack", When: With(ExpandStackLocked).and(hasStack), Local: true, Calls: []FuncID{fnExpandStack}, Do: func(c *Ctx) Next {
				return c.Call(fnExpandStack, raExpanded, c.L(raAddr))
			}},
			raExpanded: {Label: "expanded", Says: "drop mmap_lock, and try again", Ref: "mmap_read_unlock", When: With(ExpandStackLocked).and(hasStack), Touches: cell.Of(machine.MMLocks), Back: []int{raPin, raGet, raMMPut}, Do: func(c *Ctx) Next {
				if c.Ret() != 0 {
					c.Say("it does not: give up")
					c.Set(raRet, failed|EIO)
					return raMMPut
				}
				c.ReadUnlock(c.M.MmapLock(c.mmOf(raAddr)))
				return raPin
			}},
		}}
}

// pinOnly is a step about a pin: where a reference is taken, there is nothing to do.
func pinOnly(flags uint64, s Step) Step {
	if flags&FollPin != 0 {
		return s
	}
	return Step{Label: s.Label, Says: "a reference: nothing to ask", Local: true, Do: func(*Ctx) Next { return Then }}
}
