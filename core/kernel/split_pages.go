package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// split_huge_pages_pid, of the page at one address, in straight line:
//
//	mmap_read_lock()
//	follow_page(FOLL_GET): none: done
//	it is small, or its folio locked: done
//	split the folio; unlock it, put it
//	mmap_read_unlock()
//
// It is what /sys/kernel/debug/split_huge_pages does, for whoever wants a folio split just now.
//
// compare mm/huge_memory.c:split_huge_pages_pid
var _ = register(fnSplitHugePagesPid, &Func{Large: true,
	Name: "split_huge_pages_pid", File: "mm/huge_memory.c", Params: []int{sdAddr},
	Locals: []Local{{"folio", HoldLocal}, {"addr", PageLocal}, {"ret", IntLocal}},
	Steps: []Step{
		sdLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks), Calls: []FuncID{fnFollowPagePTE},
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.mmOf(sdAddr))) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.mmOf(sdAddr)))
				return c.Call(fnFollowPagePTE, sdGot, c.L(sdAddr), uint64(FollGet))
			}},
		sdGot: {Label: "got", Says: "got the page?", Local: true, Do: func(c *Ctx) Next {
			c.Ret()
			h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
			c.M.SetHeld(c.Task, 0)
			if !h.Some() {
				c.Set(sdRet, failed|EINVAL)
				return sdUnlock
			}
			if h.Count() == 0 {
				c.Set(sdRet, failed|EINVAL) // the zero page
				return sdUnlock
			}
			c.Hold(sdFolio, c.M.Head(h.Frame()), 1)
			return Then
		}},
		sdTrylock: {Label: "trylock", Says: "is it large? Try the folio lock", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Refs), Calls: []FuncID{fnSplitHugePage}, Do: func(c *Ctx) Next {
			f := c.Held(sdFolio).Frame()
			if !c.M.IsLarge(f) || c.M.IsHugeZero(f) || !c.TryLock(c.M.FolioLock(f)) {
				c.Say("it is small, or locked")
				c.Set(sdRet, failed|EBUSY)
				return sdPut
			}
			return c.Call(fnSplitHugePage, sdFolioUnlock, uint64(machine.MakeHold(f, 1)), 0)
		}},
		sdFolioUnlock: {Label: "unlock_folio", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.Set(sdRet, c.Ret())
			c.Unlock(c.M.FolioLock(c.Held(sdFolio).Frame()))
			return Then
		}},
		sdPut: {Label: "put", Says: "put the folio", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(sdFolio).Frame()
			c.Release(sdFolio)
			return c.putFree(f, 1, sdUnlock)
		}},
		sdUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(sdAddr)))
			return c.Return(c.L(sdRet))
		}},
	},
})

const sdFolio, sdAddr, sdRet = 0, 1, 2

const (
	sdLock = iota
	sdGot
	sdTrylock
	sdFolioUnlock
	sdPut
	sdUnlock
)
