package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// How get_ksm_page is asked for a page.
const (
	ksmNoLock uint64 = iota
	ksmLock
	ksmTryLock
)

// What get_ksm_page returns.
const (
	ksmGot   uint64 = iota
	ksmStale        // the node's page is gone, and the node with it
	ksmBusy         // the page is locked, and a trylock was asked for
)

// get_ksm_page, in straight line:
//
//	f = the frame that the node names; f's mapping does not name the node: stale
//	take a reference unless the count is zero: stale
//	the mapping does not name the node any more: put it, stale
//	lock it, if asked; the mapping does not name the node any more: unlock it, put it, stale
//	stale: the node names another frame by now (migration): again; else the node goes, and its items belong to none
//
// The node has no reference on its page, so that a page goes when the last process lets go of it. The
// frame may be anybody's by the time that ksmd looks; struct pages are never freed, so looking is safe:
//
//	CPU0 (ksmd)                       CPU1
//	the mapping names the node        the last PTE goes: the page is freed
//	                                  the frame is given to somebody else
//	take a reference
//	the mapping does not name it: put
//
// compare mm/ksm.c:get_ksm_page (ksm_get_folio), remove_node_from_stable_tree
var _ = register(fnGetKSMPage, &Func{
	Name: "ksm_get_folio", Was: []Name{{"get_ksm_page", 610}}, File: "mm/ksm.c", Params: []int{gkNode, gkLock},
	Locals: []Local{{"page", HoldLocal}, {"kpfn", FrameLocal}, {"stable_node", IntLocal}, {"flags", IntLocal}, {"busy", IntLocal}},
	Steps: []Step{
		gkFrame: {Label: "kpfn", Says: "read the frame that the node names", Ref: "stable_node->kpfn", Reads: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			c.SetFrame(gkPFN, machine.Hold(c.Load(c.M.StableNode(int(c.L(gkNode))))).Frame())
			return Then
		}},
		gkMapping: {Label: "mapping", Says: "does its mapping name the node?", Answer: "yes", Ref: "folio->mapping", Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			if c.ksmNamesOther(c.Frame(gkPFN)) {
				c.Say("its mapping does not name the node: the node is stale")
				return gkStaleNode
			}
			return Then
		}},
		gkGet: {Label: "get", Says: "take a reference unless the count is zero", Ref: "folio_try_get", Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			f := c.Frame(gkPFN)
			c.M.Stale(c.Entry(gkPFN))
			if !c.TryGet(f, 1) {
				c.Say("the count is zero: the page is being freed, the node is stale")
				return gkStaleNode
			}
			c.Hold(gkPage, f, 1)
			return Then
		}},
		gkRecheck: {Label: "recheck", Says: "does its mapping still name the node?", Answer: "yes", Ref: "folio->mapping", When: With(KSMGetRecheck), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			if c.ksmNamesOther(c.Frame(gkPFN)) {
				c.Say("its mapping does not name the node any more: somebody else has the page")
				return gkPut
			}
			return Then
		}},
		gkWanted: {Label: "wanted", Says: "is it to be locked?", Local: true, Do: func(c *Ctx) Next {
			switch c.L(gkLock) {
			case ksmNoLock:
				return c.handOver()
			case ksmTryLock:
				return gkTry
			}
			return Then
		}},
		gkWait: {Label: "lock", Says: "lock the page", Ref: "folio_lock", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Refs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Frame(gkPFN))) },
			Do: func(c *Ctx) Next {
				c.Lock(c.M.FolioLock(c.Frame(gkPFN)))
				return gkLocked
			}},
		gkTry: {Label: "trylock", Says: "try the page lock", Ref: "folio_trylock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			if !c.TryLock(c.M.FolioLock(c.Frame(gkPFN))) {
				c.Say("it is locked: not now")
				c.Set(gkBusy, 1)
				return gkPut
			}
			return Then
		}},
		gkLocked: {Label: "recheck_locked", Says: "under the lock, does its mapping still name the node?", Answer: "yes", Ref: "folio->mapping", When: With(KSMGetRecheck), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			if c.ksmNamesOther(c.Frame(gkPFN)) {
				c.Say("under the lock, its mapping does not name the node any more")
				return gkUnlock
			}
			return c.handOver()
		}},
		gkHand: {Label: "hand_over", Says: "it is the node's", When: Without(KSMGetRecheck), Local: true, Do: func(c *Ctx) Next { return c.handOver() }},
		gkUnlock: {Label: "unlock", Says: "unlock it", Ref: "folio_unlock", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Frame(gkPFN)))
			return Then
		}},
		gkPut: {Label: "put", Says: "put it", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(gkPage).Frame()
			c.Release(gkPage)
			return c.putFree(f, 1, gkFate)
		}},
		gkFate: {Label: "fate", Says: "busy, or stale?", Local: true, Do: func(c *Ctx) Next {
			if c.L(gkBusy) != 0 {
				return c.Return(ksmBusy)
			}
			return Then
		}},
		gkStaleNode: {Label: "stale", Says: "the node goes; its items belong to none", Ref: "remove_node_from_stable_tree", Touches: cell.Of(machine.KSM), Back: []int{gkFrame}, Do: func(c *Ctx) Next {
			node := int(c.L(gkNode))
			if machine.Hold(c.Load(c.M.StableNode(node))).Frame() != c.Frame(gkPFN) {
				c.Say("the page was moved: the node names another frame by now")
				return gkFrame
			}
			of := func(r machine.RmapItem) bool { return r.Node == node }
			for p, ok := c.M.NextRmapItem(0, c.M.LastPage(), of); ok; p, ok = c.M.NextRmapItem(p+1, c.M.LastPage(), of) {
				c.setItem(p, func(r *machine.RmapItem) { r.Node = -1 })
			}
			c.M.Unshare(node)
			return c.Return(ksmStale)
		}},
	},
})

const gkPage, gkPFN, gkNode, gkLock, gkBusy = 0, 1, 2, 3, 4

const (
	gkFrame = iota
	gkMapping
	gkGet
	gkRecheck
	gkWanted
	gkWait
	gkTry
	gkLocked
	gkHand
	gkUnlock
	gkPut
	gkFate
	gkStaleNode
)

// ksmNamesOther reports whether a frame's mapping is not the node that get_ksm_page is asked about.
func (c *Ctx) ksmNamesOther(f machine.Frame) bool {
	c.M.Stale(c.Entry(gkPFN)) // the frame may be free: who takes it is in conflict with this look
	return machine.MappingKSM(c.Load(c.M.Mapping(f))) != int(c.L(gkNode))
}

// remove_rmap_item_from_tree of an item that belongs to a stable node, in straight line:
//
//	get_ksm_page(node), locked; stale: the item belongs to none by now
//	the item leaves the node; unlock the page, put it
//
// compare mm/ksm.c:remove_rmap_item_from_tree
var _ = register(fnRemoveRmapItemFromTree, &Func{
	Name: "remove_rmap_item_from_tree", File: "mm/ksm.c", Params: []int{1},
	Locals: []Local{{"page", HoldLocal}, {"rmap_item", PageLocal}},
	Steps: []Step{
		{Label: "node", Says: "find the node that it belongs to", Ref: "rmap_item->head", Reads: cell.Of(machine.KSM), Calls: []FuncID{fnGetKSMPage}, Do: func(c *Ctx) Next {
			return c.Call(fnGetKSMPage, 1, uint64(c.item(c.Page(1)).Node), ksmLock)
		}},
		{Label: "leave", Says: "the item leaves the node", Ref: "hlist_del", Touches: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			c.setItem(c.Page(1), func(r *machine.RmapItem) { r.Node = -1 })
			if c.Ret() == ksmStale {
				c.Say("the node was stale")
				return Return
			}
			return Then
		}},
		{Label: "unlock", Says: "unlock the page", Ref: "unlock_page", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Held(0).Frame()))
			return Then
		}},
		{Label: "put", Says: "put the page", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(0).Frame()
			c.Release(0)
			return c.putFree(f, 1, end)
		}},
	},
})

// get_mergeable_page, in straight line:
//
//	mmap_read_lock()
//	the VMA is mergeable, and an anonymous page is mapped: take a reference
//	mmap_read_unlock()
//
// compare mm/ksm.c:get_mergeable_page
var _ = register(fnGetMergeablePage, &Func{
	Name: "get_mergeable_page", File: "mm/ksm.c", Params: []int{mgpAddr},
	Locals: []Local{{"page", HoldLocal}, {"pmd", TableLocal}, {"rmap_item", PageLocal}},
	Steps: []Step{
		mgpLock: mmapReadLockOf(mgpAddr, Cond{}),
		mgpVMA: {Label: "vma", Says: "is the VMA mergeable?", Answer: "yes", Ref: "find_mergeable_vma", Reads: cell.Of(machine.VMAs, machine.MMs), Do: func(c *Ctx) Next {
			if !c.mergeable(c.Page(mgpAddr)) {
				c.Say("the VMA is not mergeable any more")
				return mgpUnlock
			}
			return Then
		}},
		mgpP4D: p4dStep(mgpAddr, "follow_page"),
		mgpPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "follow_page", Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			switch pmd := machine.Entry(c.Keep(mgpTable, c.M.PMD(c.Page(mgpAddr)))); {
			case pmd.Has(machine.PSE):
				return mgpHuge
			case !pmd.Present():
				c.Say("there is no page table")
				return mgpUnlock
			}
			return Then
		}},
		mgpFollow: {Label: "follow", Says: "is an anonymous page mapped there? Take a reference", Ref: "follow_page", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PTLs, machine.PTEs, machine.Mappings),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(mgpTable))) },
			Do: func(c *Ctx) Next {
				if !c.followAnon(mgpTable, c.Page(mgpAddr), mgpPage) {
					c.Say("no anonymous page is mapped there")
				}
				return mgpUnlock
			}},
		mgpHuge: {Label: "follow_huge", Says: "is the page one of a huge anonymous page? Take a reference", Ref: "follow_trans_huge_pmd", When: Large, Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.PTLs, machine.PMDs, machine.Mappings),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(mgpAddr))) },
			Do: func(c *Ctx) Next {
				if !c.followHuge(c.Page(mgpAddr), mgpPage) {
					c.Say("it is not any more")
				}
				return Then
			}},
		mgpUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(mgpAddr)))
			if c.Held(mgpPage).Some() {
				return c.handOver()
			}
			return Return
		}},
	},
})

const mgpPage, mgpTable, mgpAddr = 0, 1, 2

const (
	mgpLock = iota
	mgpVMA
	mgpP4D
	mgpPMD
	mgpFollow
	mgpHuge
	mgpUnlock
)
