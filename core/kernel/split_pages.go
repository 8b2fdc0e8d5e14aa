package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// split_huge_pages_pid, of the page at one address, in straight line:
//
//	mmap_read_lock()
//	no VMA, or one of hugetlb: done
//	follow_page(FOLL_GET): none: done
//	it is small, or its folio locked: done
//	split the folio; unlock it, put it
//	mmap_read_unlock()
//
// It is what /sys/kernel/debug/split_huge_pages does, for whoever wants a folio split just now.
//
// compare mm/huge_memory.c:split_huge_pages_pid
var _ = register(fnSplitHugePagesPid, &Func{Large: true,
	Name: "split_huge_pages_pid", File: "mm/huge_memory.c", Params: []int{sppAddr},
	Locals: []Local{{"folio", HoldLocal}, {"addr", PageLocal}, {"ret", IntLocal}},
	Steps: []Step{
		sppLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks), Reads: cell.Of(machine.VMAs), Calls: []FuncID{fnFollowPagePTE},
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.mmOf(sppAddr))) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.mmOf(sppAddr)))
				if vma := c.Load(c.M.VMA(c.Page(sppAddr))); vma == 0 || vma&machine.VMHugetlb != 0 {
					c.Say("there is no VMA, or it is hugetlb's: nothing to be split")
					c.Set(sppRet, failed|EINVAL)
					return sppUnlock
				}
				return c.Call(fnFollowPagePTE, sppGot, c.L(sppAddr), FollGet)
			}},
		sppGot: {Label: "got", Says: "got the page?", Local: true, Do: func(c *Ctx) Next {
			c.Ret()
			h := machine.Hold(c.M.Load(c.M.Held(c.Task)))
			c.M.SetHeld(c.Task, 0)
			if !h.Some() {
				c.Set(sppRet, failed|EINVAL)
				return sppUnlock
			}
			if h.Count() == 0 {
				c.Set(sppRet, failed|EINVAL) // the zero page
				return sppUnlock
			}
			c.Hold(sppFolio, c.M.Head(h.Frame()), 1)
			return Then
		}},
		sppTrylock: {Label: "trylock", Says: "is it large? Try the folio lock", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Refs), Calls: []FuncID{fnSplitHugePage}, Do: func(c *Ctx) Next {
			f := c.Held(sppFolio).Frame()
			if !c.M.IsLarge(f) || c.M.IsHugeZero(f) || !c.TryLock(c.M.FolioLock(f)) {
				c.Say("it is small, or locked")
				c.Set(sppRet, failed|EBUSY)
				return sppPut
			}
			return c.Call(fnSplitHugePage, sppFolioUnlock, uint64(machine.MakeHold(f, 1)), 0)
		}},
		sppFolioUnlock: {Label: "unlock_folio", Says: "unlock the folio", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.Set(sppRet, c.Ret())
			c.Unlock(c.M.FolioLock(c.Held(sppFolio).Frame()))
			return Then
		}},
		sppPut: {Label: "put", Says: "put the folio", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(sppFolio).Frame()
			c.Release(sppFolio)
			return c.putFree(f, 1, sppUnlock)
		}},
		sppUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(sppAddr)))
			return c.Return(c.L(sppRet))
		}},
	},
})

const sppFolio, sppAddr, sppRet = 0, 1, 2

const (
	sppLock = iota
	sppGot
	sppTrylock
	sppFolioUnlock
	sppPut
	sppUnlock
)
