package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// ksm_do_scan, one full scan as ksmd makes it, in straight line:
//
//	mutex_lock(ksm_thread_mutex)
//	lru_add_drain_all(); the unstable tree is empty
//	every mm of the list:
//	    repeat:
//	        mmap_read_lock()
//	        every page from the last one on, in VMAs that are mergeable and have an anon_vma:
//	            an anonymous page is mapped there: take a reference, stop looking
//	        the rmap_items of addresses passed over: forget them
//	        mmap_read_unlock()
//	        no page: the next mm
//	        its rmap_item, a new one if there is none; cmp_and_merge_page(); put_page()
//	mutex_unlock(ksm_thread_mutex)
//
// Swap entries, the zero page and pages of files are passed over. Of a huge page every small one is looked at.
//
// compare mm/ksm.c:ksm_do_scan, scan_get_next_rmap_item
var _ = register(fnKSMDoScan, &Func{
	Name: "ksm_do_scan", File: "mm/ksm.c",
	Locals: []Local{{"pmd", TableLocal}, {"page", HoldLocal}, {"place", IntLocal}, {"mm", IntLocal}, {"address", PageLocal}, {"from", PageLocal}, {"end", IntLocal}},
	Steps: []Step{
		sdMutex: {Label: "mutex", Says: "take ksm_thread_mutex", Ref: "mutex_lock", Touches: cell.Of(machine.KSM), Calls: []FuncID{fnLRUAddDrainAll},
			Wait: func(c *Ctx) Block { return c.Free(c.M.KSMThreadMutex()) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.KSMThreadMutex())
				return c.Call(fnLRUAddDrainAll, sdBegin)
			}},
		sdBegin: {Label: "begin", Says: "a new scan: the unstable tree is empty", Ref: "root_unstable_tree", Touches: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			unstable := func(r machine.RmapItem) bool { return r.Unstable }
			for p, ok := c.M.NextRmapItem(0, c.M.LastPage(), unstable); ok; p, ok = c.M.NextRmapItem(p+1, c.M.LastPage(), unstable) {
				c.setItem(p, func(r *machine.RmapItem) { r.Unstable = false })
			}
			return Then
		}},
		sdMM: {Label: "mm", Says: "the next mm of the list", Ref: "ksm_scan.mm_slot", Touches: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			mm, ok := c.M.Registered(c.L(sdPlace) + 1)
			if !ok {
				c.Say("there are no more mms: the scan is complete")
				c.Unlock(c.M.KSMThreadMutex())
				return Return
			}
			c.Sayf("the next mm: %s", c.M.MMs[mm].Name)
			first, _ := c.M.MMPages(mm)
			c.Set(sdPlace, c.L(sdPlace)+1)
			c.Set(sdOf, uint64(mm))
			c.Set(sdAt, uint64(first))
			c.Set(sdFrom, uint64(first))
			return Then
		}},
		sdLock: {Label: "lock", Says: "take its mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(int(c.L(sdOf)))) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(int(c.L(sdOf))))
				return Then
			}},
		sdVMA: {Label: "vma", Says: "find the next page of a mergeable VMA", Ref: "for_each_vma", Reads: cell.Of(machine.VMAs, machine.MMs), Do: (*Ctx).scanVMA},
		sdP4D: p4dStep(sdAt, "follow_page"),
		sdPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "follow_page", Reads: cell.Of(machine.PMDs), Back: []int{sdVMA}, Do: func(c *Ctx) Next {
			switch pmd := machine.Entry(c.Keep(sdTable, c.M.PMD(c.Page(sdAt)))); {
			case pmd.Has(machine.PSE):
				return sdHuge
			case !pmd.Present():
				c.Say("there is no page table")
				return c.scanPast(c.M.HugeEnd(c.Page(sdAt)))
			}
			return Then
		}},
		sdFollow: {Label: "follow", Says: "is an anonymous page mapped there? Take a reference", Ref: "follow_page", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PTLs, machine.PTEs, machine.Mappings), Back: []int{sdVMA},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(sdTable))) },
			Do: func(c *Ctx) Next {
				if !c.followAnon(sdTable, c.Page(sdAt), sdPage) {
					c.Say("no anonymous page is mapped there")
					c.Set(sdTable, 0)
					return c.scanPast(c.Page(sdAt) + 1)
				}
				c.Set(sdTable, 0)
				return sdItem
			}},
		sdHuge: {Label: "follow_huge", Says: "is the page one of a huge anonymous page? Take a reference", Ref: "follow_trans_huge_pmd", When: Large, Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PTLs, machine.PMDs, machine.Mappings), Back: []int{sdVMA},
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(sdAt))) },
			Do: func(c *Ctx) Next {
				c.Set(sdTable, 0)
				if !c.followHuge(c.Page(sdAt), sdPage) {
					c.Say("it is not: the huge zero page, or no huge page any more")
					return c.scanPast(c.M.HugeEnd(c.Page(sdAt)))
				}
				return Then
			}},
		sdItem: {Label: "item", Says: "find its rmap_item; forget those of addresses passed over", Ref: "get_next_rmap_item", Touches: cell.Of(machine.KSM), Calls: []FuncID{fnRemoveRmapItemFromTree}, Back: []int{sdItem}, Do: (*Ctx).scanItem},
		sdUnregister: {Label: "unregister", Says: "nothing of the mm is mergeable any more: take it off the list", Ref: "MMF_VM_MERGEABLE", Touches: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			c.M.Unregister(int(c.L(sdOf)))
			c.Set(sdPlace, c.L(sdPlace)-1)
			return Then
		}},
		sdUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Calls: []FuncID{fnCmpAndMergePage}, Back: []int{sdMM}, Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(int(c.L(sdOf))))
			h := c.Held(sdPage)
			if !h.Some() {
				c.Say("drop mmap_lock: there are no more pages in this mm")
				c.Set(sdEnd, 0)
				return sdMM
			}
			return c.Call(fnCmpAndMergePage, sdPut, uint64(machine.MakeHold(h.Frame(), 1)), c.L(sdAt))
		}},
		sdPut: {Label: "put", Says: "put the page", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{sdLock}, Do: func(c *Ctx) Next {
			f := c.Held(sdPage).Frame()
			c.Release(sdPage)
			c.Set(sdAt, c.L(sdAt)+1)
			c.Set(sdFrom, c.L(sdAt))
			return c.putFree(f, 1, sdLock)
		}},
	},
})

const sdTable, sdPage, sdPlace, sdOf, sdAt, sdFrom, sdEnd = 0, 1, 2, 3, 4, 5, 6

const (
	sdMutex = iota
	sdBegin
	sdMM
	sdLock
	sdVMA
	sdP4D
	sdPMD
	sdFollow
	sdHuge
	sdItem
	sdUnregister
	sdUnlock
	sdPut
)

// How far a scan has come in an mm.
const (
	scanMore uint64 = iota
	scanEnd         // there are no more pages
	scanGone        // nothing of it is mergeable, or it has exited
)

// scanVMA finds the next page in a mergeable VMA with an anon_vma.
func (c *Ctx) scanVMA() Next {
	mm := int(c.L(sdOf))
	first, last := c.M.MMPages(mm)
	for p := c.Page(sdAt); c.L(sdEnd) == scanMore && p <= last; p++ {
		if c.mergeable(p) {
			c.Set(sdAt, uint64(p))
			return Then
		}
	}
	c.Set(sdEnd, scanGone)
	for p := first; p <= last && c.Load(c.M.MMUsers(mm)) != 0; p++ {
		if c.Load(c.M.VMA(p))&machine.VMMergeable != 0 {
			c.Set(sdEnd, scanEnd)
		}
	}
	c.Set(sdAt, uint64(last))
	c.Say("there are no more pages to look at in this mm")
	return sdItem
}

// mergeable reports whether ksmd may touch a page: its mm is not exiting, and its VMA is
// mergeable and has an anon_vma.
// compare mm/ksm.c:find_mergeable_vma
func (c *Ctx) mergeable(p machine.PageID) bool {
	return c.Load(c.M.MMUsers(c.M.Pages()[p].MM)) != 0 && c.Load(c.M.VMA(p))&machine.VMMergeable != 0 && c.hasAnonVMA(p)
}

// scanPast goes on with the scan at a page, if the mm has it.
func (c *Ctx) scanPast(p machine.PageID) Next {
	if _, last := c.M.MMPages(int(c.L(sdOf))); p > last {
		c.Set(sdEnd, scanEnd)
	} else {
		c.Set(sdAt, uint64(p))
	}
	return sdVMA
}

// followAnon takes a reference on the anonymous page that a page table maps at a page, for
// local i; false if none is mapped there. The caller has seen to the PTL.
// compare mm/gup.c:follow_page
func (c *Ctx) followAnon(table int, p machine.PageID, i int) bool {
	e := machine.Entry(c.Load(c.PTE(c.Frame(table), p)))
	if !e.Present() || !c.isAnon(e.Frame()) {
		return false
	}
	c.Sayf("%s is mapped there: take a reference", c.M.FrameName(e.Frame()))
	c.Get(e.Frame(), 1)
	c.Hold(i, e.Frame(), 1)
	return true
}

// followHuge takes a reference on the page of a huge anonymous page that is mapped at a page, for local i.
func (c *Ctx) followHuge(p machine.PageID, i int) bool {
	pmd := machine.Entry(c.Load(c.M.PMD(p)))
	if !pmd.Has(machine.PSE) || !c.isAnon(c.M.OfHuge(pmd, p).Frame()) {
		return false
	}
	f := c.M.OfHuge(pmd, p).Frame()
	c.Sayf("%s is mapped there, a page of a huge one: take a reference", c.M.FrameName(f))
	c.Get(f, 1)
	c.Hold(i, f, 1)
	return true
}

// scanItem forgets one rmap_item of an address that was passed over, or finds that of the page.
func (c *Ctx) scanItem() Next {
	last := c.Page(sdAt)
	if c.L(sdEnd) == scanMore {
		last--
	}
	if p, ok := c.M.NextRmapItem(c.Page(sdFrom), last, func(machine.RmapItem) bool { return true }); ok {
		c.Sayf("forget the rmap_item of %s", c.M.Pages()[p].Name)
		r := c.item(p)
		if r.Node >= 0 {
			return c.Call(fnRemoveRmapItemFromTree, sdItem, uint64(p))
		}
		c.Store(c.M.RmapItem(p), 0)
		return sdItem
	}
	switch c.L(sdEnd) {
	case scanGone:
		return sdUnregister
	case scanEnd:
		return sdUnlock
	}
	if p := c.Page(sdAt); !c.item(p).Known {
		c.Say("it has no rmap_item yet: a new one")
		c.Store(c.M.RmapItem(p), machine.RmapItem{Known: true, Node: -1}.Word())
	}
	return sdUnlock
}

// item is the rmap_item of a page.
func (c *Ctx) item(p machine.PageID) machine.RmapItem {
	return machine.DecodeRmapItem(c.Load(c.M.RmapItem(p)))
}

// setItem changes the rmap_item of a page.
func (c *Ctx) setItem(p machine.PageID, change func(*machine.RmapItem)) {
	r := c.item(p)
	change(&r)
	c.Store(c.M.RmapItem(p), r.Word())
}

// isKSM reports whether a folio is KSM's.
func (c *Ctx) isKSM(f machine.Frame) bool {
	return f != machine.ZeroPage && machine.IsKSM(c.Load(c.M.Mapping(c.M.Head(f))))
}

// sharedAt reports whether a page is one of those at which a folio of KSM may be mapped.
func (c *Ctx) sharedAt(f machine.Frame, p machine.PageID) bool {
	at, ok := c.M.NextMapping(f, p-1)
	return ok && at == p
}

// merges reports whether ksmd may merge pages in a scenario.
func (s *Setup) merges() bool {
	if s.KSM {
		return true
	}
	for _, mm := range s.MMs {
		for _, v := range mm.Regions {
			if v.Mergeable {
				return true
			}
		}
	}
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			if st.Call.entry == fnKSMDoScan || st.Call.entry == fnPrctl || slices.ContainsFunc(st.Args, func(a Arg) bool { return a.Word == "MADV_MERGEABLE" }) {
				return true
			}
		}
	}
	return false
}
