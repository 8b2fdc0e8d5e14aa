package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What a futex that several processes may share is known by, in straight line:
//
//	again: get_user_pages_fast(FOLL_WRITE)
//	-EFAULT, and it is for reading alone (FUTEX_WAIT): get_user_pages_fast(0)
//	mapping = READ_ONCE(page->mapping); NULL: lock the page; in the swap cache, or a mapping by now: put it, again; else -EFAULT
//	anonymous: got for reading alone: -EFAULT; the key is (mm, address)
//	of a file: rcu_read_lock(); page->mapping is another: put it, again; the key is (inode, index)
//	put_page()
//
// The page is got for writing so that COW is broken: in a private mapping of a file the page cache's page may be mapped still, and by that the waiters of two processes
// would be each other's. What is got for reading alone and is anonymous is a page to which nobody could store for the waiter to see. The key holds no page: it may be
// swapped, moved, copied. A file's inode is kept by RCU while it is read (inode-rcu): the page is held, and its mapping can go, not change.
//
// compare kernel/futex/core.c:get_futex_key (until 5.15 kernel/futex.c)
var _ = register(fnGetFutexKey, &Func{
	Name: "get_futex_key", File: "kernel/futex/core.c", FileWas: []Name{{"kernel/futex.c", 516}}, Params: []int{fxAddr, fxRW},
	Locals: []Local{{"page", HoldLocal}, {"uaddr", PageLocal}, {"rw", IntLocal}, {"ro", IntLocal}, {"mapping", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		fxWrite: {Label: "write", Says: "get the page for writing", Ref: "get_user_pages_fast", Local: true, Calls: []FuncID{fnGetUserPagesFast}, Do: func(c *Ctx) Next {
			c.Set(fxReadOnly, 0)
			return c.Call(fnGetUserPagesFast, fxGotWrite, c.L(fxAddr), 1, FollWrite)
		}},
		fxGotWrite: {Label: "got_write", Says: "got it?", Local: true, Do: func(c *Ctx) Next {
			switch ret := c.Ret(); {
			case c.takeHeld(fxPage):
				return fxMapping
			case ret == failed|EFAULT && c.L(fxRW) == 0:
				return Then
			default:
				return c.Return(ret)
			}
		}},
		fxRead: {Label: "read", Says: "get the page for reading", Ref: "get_user_pages_fast", Local: true, Calls: []FuncID{fnGetUserPagesFast}, Do: func(c *Ctx) Next {
			c.Set(fxReadOnly, 1)
			return c.Call(fnGetUserPagesFast, fxGotRead, c.L(fxAddr), 1, 0)
		}},
		fxGotRead: {Label: "got_read", Says: "got it?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); !c.takeHeld(fxPage) {
				return c.Return(ret)
			}
			return Then
		}},
		fxMapping: {Label: "mapping", Says: "read page->mapping", Ref: "READ_ONCE(page->mapping)", Reads: cell.Of(machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
			f := c.M.Head(c.Held(fxPage).Frame())
			v := c.Load(c.M.Mapping(f))
			switch {
			case v == 0:
				c.Say("page->mapping is NULL: truncated, or on its way to swap")
				return fxLock
			case machine.IsAnon(v) && c.L(fxReadOnly) != 0:
				c.Say("it is anonymous, and read-only: -EFAULT")
				c.Set(fxRet, failed|EFAULT)
				return fxPut
			case machine.IsAnon(v):
				c.Say("it is anonymous: the key is the mm and the address")
				c.Set(fxRet, futOffMMShared)
				return fxPut
			}
			c.Say("it is a file's")
			c.Set(fxMapped, v)
			return fxSame
		}},
		fxLock: lockFolio(fxPage),
		fxSwizzled: {Label: "swizzled", Says: "is it in the swap cache, or has a mapping by now? Unlock it", Ref: "shmem_swizzled", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Flags, machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
			f := c.M.Head(c.Held(fxPage).Frame())
			c.Set(fxRet, failed|EFAULT)
			if c.Load(c.M.Flags(f))&machine.PGSwapCache != 0 || c.Load(c.M.Mapping(f)) != 0 {
				c.Say("it is: unlock it, and begin again")
				c.Set(fxRet, futexAgain)
			}
			c.Unlock(c.M.FolioLock(f))
			return fxPut
		}},
		fxSame: {Label: "same", Says: "is page->mapping still the same?", Answer: "yes", Ref: "READ_ONCE(page->mapping) != mapping", Reads: cell.Of(machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
			c.Set(fxRet, futOffInode)
			if now := c.Load(c.M.Mapping(c.M.Head(c.Held(fxPage).Frame()))); now != c.L(fxMapped) {
				c.Say("page->mapping is another: begin again")
				c.Set(fxRet, futexAgain)
			}
			c.Set(fxMapped, 0)
			return Then
		}},
		fxPut: {Label: "put", Says: "put the page", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			h := c.Held(fxPage)
			c.Release(fxPage)
			return c.putFree(h.Frame(), h.Count(), fxDone)
		}},
		fxDone: {Label: "done", Says: "the key is known, or it begins again", Local: true, Back: []int{fxWrite}, Do: func(c *Ctx) Next {
			if c.L(fxRet) == futexAgain {
				return fxWrite
			}
			return c.Return(c.L(fxRet))
		}},
	},
})

const fxPage, fxAddr, fxRW, fxReadOnly, fxMapped, fxRet = 0, 1, 2, 3, 4, 5

const (
	fxWrite = iota
	fxGotWrite
	fxRead
	fxGotRead
	fxMapping
	fxLock
	fxSwizzled
	fxSame
	fxPut
	fxDone
)

// What a futex's key says that it consists of, as the kernel has it in the key: FUT_OFF_INODE, FUT_OFF_MMSHARED.
const (
	futOffInode    = 1
	futOffMMShared = 2
	futexAgain     = 1 << 8 // no key yet
)

// futexWords say what the caller of get_futex_key is about.
var futexWords = []string{"FUTEX_READ", "FUTEX_WRITE"}

// takeHeld takes the page that a GUP call has got into a local; false if it has got none.
func (c *Ctx) takeHeld(local int) bool {
	h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
	if !h.Some() {
		return false
	}
	c.M.SetHeld(c.Task, 0)
	c.M.SetHold(c.M.Local(c.Task, c.level, local), h)
	return true
}
