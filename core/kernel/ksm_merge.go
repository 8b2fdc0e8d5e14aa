package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// cmp_and_merge_page, entered with a reference on the page, in straight line:
//
//	a page of KSM whose node has this item: nothing to do
//	its content is not what it was at the last scan: remember it, done   // newer kernels: here
//	all zeros: the zero page takes its place, done                         // with use_zero_pages, behind the checksum
//	kpage = stable_tree_search(): the page itself if it is KSM's (fork), or an equal one
//	take the item out of the trees
//	kpage: try_to_merge_with_ksm_page(page, kpage); the item belongs to kpage's node; done
//	its content is not what it was at the last scan: remember it, done   // older kernels: here
//	tree_page = unstable_tree_search_insert(): an equal page, or the item goes into the tree, done
//	the same page (fork), or one that is not mergeable any more: done
//	page becomes KSM's: try_to_merge_with_ksm_page(page, none); failed: done
//	tree_page gives way to it: try_to_merge_with_ksm_page(tree_page, page); failed: break_cow(page)
//	a stable node for page, with both items
//
// The page itself survives, not the one that was in the tree before.
//
// compare mm/ksm.c:cmp_and_merge_page, try_to_merge_two_pages
var _ = register(fnCmpAndMergePage, &Func{
	Name: "cmp_and_merge_page", File: "mm/ksm.c", Params: []int{cmPage, cmAddr},
	Locals: []Local{{"tree_page", HoldLocal}, {"page", FrameLocal}, {"rmap_item", PageLocal}, {"tree_rmap_item", PageLocal}, {"stable_node", IntLocal}, {"err", IntLocal}},
	Steps: []Step{
		cmNode: {Label: "stable_node", Says: "is it a page of KSM?", Answer: "no", Ref: "page_stable_node", Reads: cell.Of(machine.Mappings, machine.KSM), Do: func(c *Ctx) Next {
			node := machine.MappingKSM(c.Load(c.M.Mapping(c.Frame(cmPage))))
			switch {
			case node < 0:
				return Then
			case c.item(c.Page(cmAddr)).Node == node:
				c.Say("it is a page of KSM, and the item belongs to it")
				return Return
			}
			c.Say("it is a page of KSM that has come here by fork")
			c.Set(cmStable, uint64(node)+1)
			return cmForked
		}},
		cmRemoveFirst:   removeItemStep(KSMChecksumFirst, cmChecksumFirst),
		cmChecksumFirst: checksumStep(KSMChecksumFirst, true),
		cmZeroFirst:     zeroStep(KSMChecksumFirst, true, cmZeroedFirst),
		cmZeroedFirst:   zeroedStep,
		cmSearch: {Label: "search", Says: "the next node of the stable tree", Ref: "stable_tree_search", Touches: cell.Of(machine.KSM), Calls: []FuncID{fnGetKSMPage}, Do: func(c *Ctx) Next {
			node, ok := c.M.NextStableNode(int(c.L(cmStable)))
			for ok && c.sharers(node) >= maxPageSharing {
				node, ok = c.M.NextStableNode(node + 1)
			}
			if !ok {
				c.Say("the stable tree has no equal page")
				c.Set(cmStable, 0)
				return cmRemove
			}
			c.Set(cmStable, uint64(node)+1)
			return c.Call(fnGetKSMPage, cmCompare, uint64(node), ksmNoLock)
		}},
		cmCompare: {Label: "compare", Says: "are the contents equal?", Ref: "memcmp_pages", Reads: cell.Of(machine.Contents), Back: []int{cmSearch}, Do: func(c *Ctx) Next {
			if c.Ret() == ksmStale {
				c.Say("the node was stale")
				return cmSearch
			}
			if c.equal(c.Held(cmTree).Frame(), c.Frame(cmPage)) {
				c.Set(cmErr, 1)
			}
			return Then
		}},
		cmPutTree: {Label: "put", Says: "put the node's page", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(cmTree).Frame()
			c.Release(cmTree)
			return c.putFree(f, 1, cmMatch)
		}},
		cmMatch: {Label: "match", Says: "equal?", Local: true, Calls: []FuncID{fnGetKSMPage}, Back: []int{cmSearch}, Do: func(c *Ctx) Next {
			if c.L(cmErr) == 0 {
				return cmSearch
			}
			c.Set(cmErr, 0)
			return c.Call(fnGetKSMPage, cmGot, c.L(cmStable)-1, ksmTryLock)
		}},
		cmGot: {Label: "got", Says: "got it, locked?", Local: true, Back: []int{cmSearch}, Do: func(c *Ctx) Next {
			switch c.Ret() {
			case ksmStale:
				return cmSearch
			case ksmBusy:
				return Return
			}
			return Then
		}},
		cmUnlock: {Label: "unlock", Says: "unlock it: migration has seen the reference", Ref: "unlock_page", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.Held(cmTree).Frame()))
			return cmRemove
		}},
		cmForked: {Label: "forked", Says: "take a reference on it", Ref: "get_page", Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			f := c.Frame(cmPage)
			c.Get(f, 1)
			c.Hold(cmTree, f, 1)
			return Then
		}},
		cmRemove: {Label: "remove", Says: "take the item out of the trees", Ref: "remove_rmap_item_from_tree", Touches: cell.Of(machine.KSM), Calls: []FuncID{fnRemoveRmapItemFromTree}, Do: func(c *Ctx) Next {
			return c.removeItem(cmKpage)
		}},
		cmKpage: {Label: "kpage", Says: "is there a page to merge it into?", Local: true, Calls: []FuncID{fnTryToMergeWithKSMPage}, Do: func(c *Ctx) Next {
			if !c.Held(cmTree).Some() {
				return Then
			}
			return c.Call(fnTryToMergeWithKSMPage, cmMerged, c.L(cmPage), uint64(machine.MakeHold(c.Held(cmTree).Frame(), 1)), c.L(cmAddr))
		}},
		cmChecksum: checksumStep(KSMChecksumFirst, false),
		cmZero:     zeroStep(KSMChecksumFirst, false, cmZeroed),
		cmZeroed:   zeroedStep,
		cmUnstable: {Label: "search_unstable", Says: "the next page of the unstable tree", Ref: "unstable_tree_search_insert", Touches: cell.Of(machine.KSM), Calls: []FuncID{fnGetMergeablePage}, Do: func(c *Ctx) Next {
			p, ok := c.M.NextRmapItem(machine.PageID(c.L(cmTreeAddr)), c.M.LastPage(), func(r machine.RmapItem) bool { return r.Unstable })
			if !ok {
				c.Say("the unstable tree has no equal page: put the item there")
				c.setItem(c.Page(cmAddr), func(r *machine.RmapItem) { r.Unstable = true })
				return Return
			}
			c.Set(cmTreeAddr, uint64(p))
			return c.Call(fnGetMergeablePage, cmSame, uint64(p))
		}},
		cmSame: {Label: "same", Says: "is it there, and are the contents equal?", Ref: "memcmp_pages", Reads: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			switch h := c.Held(cmTree); {
			case !h.Some():
				c.Say("no mergeable page is there any more: not now")
				return Return
			case h.Frame() == c.Frame(cmPage):
				c.Say("it is the same page: not now")
				c.Set(cmErr, pairSame)
				return cmPutPair
			case c.equal(h.Frame(), c.Frame(cmPage)):
				return cmPair
			}
			return Then
		}},
		cmPutNext: {Label: "put_next", Says: "the contents differ: put it", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{cmUnstable}, Do: func(c *Ctx) Next {
			f := c.Held(cmTree).Frame()
			c.Release(cmTree)
			c.Set(cmTreeAddr, c.L(cmTreeAddr)+1)
			return c.putFree(f, 1, cmUnstable)
		}},
		cmPair: {Label: "pair", Says: "make the page KSM's", Ref: "try_to_merge_two_pages", Local: true, Calls: []FuncID{fnTryToMergeWithKSMPage}, Do: func(c *Ctx) Next {
			return c.Call(fnTryToMergeWithKSMPage, cmFirst, c.L(cmPage), 0, c.L(cmAddr))
		}},
		cmFirst: {Label: "first", Says: "did that succeed? Merge the other into it", Ref: "try_to_merge_two_pages", Local: true, Calls: []FuncID{fnTryToMergeWithKSMPage}, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				c.Set(cmErr, pairFailed)
				return cmPutPair
			}
			return c.Call(fnTryToMergeWithKSMPage, cmSecond, uint64(machine.MakeHold(c.Held(cmTree).Frame(), 1)), c.L(cmPage), c.L(cmTreeAddr))
		}},
		cmSecond: {Label: "second", Says: "did that succeed, too?", Ref: "try_to_merge_two_pages", Local: true, Calls: []FuncID{fnBreakCOW}, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				c.Set(cmErr, pairFailed)
				return c.Call(fnBreakCOW, cmPutPair, c.L(cmAddr))
			}
			return Then
		}},
		cmPutPair: {Label: "put_pair", Says: "put the page of the unstable tree", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f, back := c.Held(cmTree).Frame(), cmInsert
			switch {
			case c.L(cmErr) == pairFailed && c.M.IsLarge(f) && c.M.Head(f) == c.M.Head(c.Frame(cmPage)):
				back = cmSplit
			case c.L(cmErr) != 0:
				back = end
			}
			c.Release(cmTree)
			return c.putFree(f, 1, back)
		}},
		cmSplit: {Label: "split", Says: "both were of one folio, and our two references kept it from being split: again, with one", Ref: "split_huge_page", When: Large, Touches: cell.Of(machine.FolioLocks), Calls: []FuncID{fnSplitHugePage}, Do: func(c *Ctx) Next {
			f := c.Frame(cmPage)
			if !c.TryLock(c.M.FolioLock(c.M.Head(f))) {
				c.Say("the folio is locked: not now")
				return Return
			}
			return c.splitFor(f, cmSplitDone)
		}},
		cmSplitDone: {Label: "split_done", Says: "unlock the page", Ref: "unlock_page", When: Large, Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Ret()
			c.Unlock(c.M.FolioLock(c.M.Head(c.Frame(cmPage))))
			return Return
		}},
		cmInsert: {Label: "insert", Says: "under the page's lock: a stable node for it, with both items", Ref: "stable_tree_insert", Touches: cell.Of(machine.KSM, machine.Mappings), Reads: cell.Of(machine.FolioLocks, machine.Contents),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Frame(cmPage))) },
			Do: func(c *Ctx) Next {
				f, node := c.Frame(cmPage), c.M.NewStableNode()
				c.Sayf("under the page's lock: stable node %d for frame %d, with both items", node, f)
				c.M.Share(node, f)
				for _, p := range []machine.PageID{c.Page(cmAddr), c.Page(cmTreeAddr)} {
					c.setItem(p, func(r *machine.RmapItem) { r.Node = node })
				}
				return Return
			}},
		cmMerged: {Label: "merged", Says: "did that succeed?", Local: true, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				return cmPutKpage
			}
			return Then
		}},
		cmAppend: {Label: "append", Says: "under the page's lock: the item belongs to its node", Ref: "stable_tree_append", Touches: cell.Of(machine.KSM), Reads: cell.Of(machine.FolioLocks, machine.Mappings),
			Wait: func(c *Ctx) Block { return c.Free(c.M.FolioLock(c.Held(cmTree).Frame())) },
			Do: func(c *Ctx) Next {
				node := machine.MappingKSM(c.Load(c.M.Mapping(c.Held(cmTree).Frame())))
				c.setItem(c.Page(cmAddr), func(r *machine.RmapItem) { r.Node = node })
				return Then
			}},
		cmPutKpage: {Label: "put_kpage", Says: "put the page of KSM", Ref: "put_page", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(cmTree).Frame()
			c.Release(cmTree)
			return c.putFree(f, 1, end)
		}},
	},
})

const cmTree, cmPage, cmAddr, cmTreeAddr, cmStable, cmErr = 0, 1, 2, 3, 4, 5

const (
	cmNode = iota
	cmRemoveFirst
	cmChecksumFirst
	cmZeroFirst
	cmZeroedFirst
	cmSearch
	cmCompare
	cmPutTree
	cmMatch
	cmGot
	cmUnlock
	cmForked
	cmRemove
	cmKpage
	cmChecksum
	cmZero
	cmZeroed
	cmUnstable
	cmSame
	cmPutNext
	cmPair
	cmFirst
	cmSecond
	cmPutPair
	cmSplit
	cmSplitDone
	cmInsert
	cmMerged
	cmAppend
	cmPutKpage
)

// How merging two pages has ended.
const (
	pairMerged uint64 = iota
	pairFailed
	pairSame // they are one
)

// maxPageSharing is how many addresses a page of KSM is for; for others another one is made. Pages
// that come to be shared by fork do not count.
// compare mm/ksm.c:ksm_max_page_sharing
const maxPageSharing = 256

// sharers is how many items a stable node has.
func (c *Ctx) sharers(node int) int {
	n := 0
	of := func(r machine.RmapItem) bool { return r.Node == node }
	for p, ok := c.M.NextRmapItem(0, c.M.LastPage(), of); ok; p, ok = c.M.NextRmapItem(p+1, c.M.LastPage(), of) {
		n++
	}
	return n
}

// splitFor splits the large folio of a page that is ours: lock and reference stay with the page.
func (c *Ctx) splitFor(f machine.Frame, back int) Next {
	head := c.M.Head(f)
	return c.Call(fnSplitHugePage, back, uint64(machine.MakeHold(head, 1)), 0, uint64(f-head))
}

// removeItemStep takes the item out of the trees in kernels that have the rule.
func removeItemStep(rule RuleID, back int) Step {
	return Step{Label: "remove_first", Says: "take the item out of the trees", Ref: "remove_rmap_item_from_tree", When: With(rule), Touches: cell.Of(machine.KSM), Calls: []FuncID{fnRemoveRmapItemFromTree}, Do: func(c *Ctx) Next {
		return c.removeItem(back)
	}}
}

// checksumStep looks whether the page has changed since the last scan, in kernels that
// have the rule or in those that have not.
func checksumStep(rule RuleID, with bool) Step {
	when := Without(rule)
	if with {
		when = With(rule)
	}
	return Step{Label: "checksum", Says: "is its content what it was at the last scan?", Answer: "yes", Ref: "calc_checksum", When: when, Touches: cell.Of(machine.KSM), Reads: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
		sum := c.Load(c.M.Contents(c.Frame(cmPage))) + 1
		if c.item(c.Page(cmAddr)).Checksum == sum {
			return Then
		}
		c.Sayf("it is not what it was at the last scan: remember %s", c.M.Content(sum-1))
		c.setItem(c.Page(cmAddr), func(r *machine.RmapItem) { r.Checksum = sum })
		return Return
	}}
}

// zeroStep looks whether the page is all zeros, and has the zero page mapped in its place: behind the checksum, wherever that is asked.
// compare mm/ksm.c:try_to_merge_with_zero_page
func zeroStep(rule RuleID, with bool, back int) Step {
	return Step{Label: "zeros", Says: "is it all zeros?", Answer: "no", Ref: "ZERO_PAGE", When: With(KSMUseZeroPages), Reads: cell.Of(machine.Contents), Calls: []FuncID{fnTryToMergeWithKSMPage}, Do: func(c *Ctx) Next {
		if c.sim.Kernel.On(rule) != with {
			c.Say("that is asked elsewhere")
			return Next(back + 1)
		}
		if c.Load(c.M.Contents(c.Frame(cmPage))) != 0 {
			return Next(back + 1)
		}
		c.Say("it is all zeros: merge it into the zero page")
		return c.Call(fnTryToMergeWithKSMPage, back, c.L(cmPage), uint64(machine.MakeHold(machine.ZeroPage, 1)), c.L(cmAddr))
	}}
}

var zeroedStep = Step{Label: "zeroed", Says: "did that succeed?", When: With(KSMUseZeroPages), Local: true, Do: func(c *Ctx) Next {
	if c.Ret() == 0 {
		return Return
	}
	return Then
}}

// equal reports whether two pages hold the same.
func (c *Ctx) equal(a, b machine.Frame) bool {
	x, y := c.Load(c.M.Contents(a)), c.Load(c.M.Contents(b))
	if x == y {
		c.Sayf("the contents are equal: %s", c.M.Content(x))
	} else {
		c.Sayf("the contents differ: %s and %s", c.M.Content(x), c.M.Content(y))
	}
	return x == y
}

// removeItem takes the page's item out of the trees: at once, if it is in no stable node.
func (c *Ctx) removeItem(back int) Next {
	p := c.Page(cmAddr)
	if c.item(p).Node >= 0 {
		return c.Call(fnRemoveRmapItemFromTree, back, uint64(p))
	}
	c.setItem(p, func(r *machine.RmapItem) { r.Unstable = false })
	return Next(back)
}

// try_to_merge_with_ksm_page, in straight line:
//
//	mmap_read_lock()
//	the VMA is not mergeable any more: failed
//	try_to_merge_one_page(page, kpage)
//	done: the item leaves the unstable tree
//	mmap_read_unlock()
//
// Without a kpage, the page itself becomes one of KSM.
//
// compare mm/ksm.c:try_to_merge_with_ksm_page
var _ = register(fnTryToMergeWithKSMPage, &Func{
	Name: "try_to_merge_with_ksm_page", File: "mm/ksm.c", Params: []int{twkPage, twkKpage, twkAddr},
	Locals: []Local{{"page", FrameLocal}, {"kpage", FrameLocal}, {"rmap_item", PageLocal}, {"err", IntLocal}},
	Steps: []Step{
		twkLock: mmapReadLockOf(twkAddr, Cond{}),
		twkVMA: {Label: "vma", Says: "is the VMA mergeable?", Answer: "yes", Ref: "find_mergeable_vma", Reads: cell.Of(machine.VMAs, machine.MMs), Calls: []FuncID{fnTryToMergeOnePage}, Do: func(c *Ctx) Next {
			if !c.mergeable(c.Page(twkAddr)) {
				c.Say("it is not mergeable any more")
				c.Set(twkErr, 1)
				return twkUnlock
			}
			return c.Call(fnTryToMergeOnePage, twkDone, c.L(twkPage), c.L(twkKpage), c.L(twkAddr))
		}},
		twkDone: {Label: "done", Says: "the item leaves the unstable tree", Ref: "remove_rmap_item_from_tree", Touches: cell.Of(machine.KSM), Do: func(c *Ctx) Next {
			c.Set(twkErr, c.Ret())
			if c.L(twkErr) != 0 {
				c.Say("it was not merged")
				return Then
			}
			c.setItem(c.Page(twkAddr), func(r *machine.RmapItem) { r.Unstable = false })
			return Then
		}},
		twkUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(twkAddr)))
			return c.Return(c.L(twkErr))
		}},
	},
})

const twkPage, twkKpage, twkAddr, twkErr = 0, 1, 2, 3

const (
	twkLock = iota
	twkVMA
	twkDone
	twkUnlock
)

// try_to_merge_one_page, in straight line:
//
//	page is kpage already (fork): done
//	not anonymous, or locked: failed
//	of a large folio: split that; it is used otherwise: failed
//	write_protect_page(); failed: failed
//	no kpage: the page is KSM's from now on, and dirty, so that reclaim writes it to swap
//	else: are the contents equal? replace_page()
//	unlock the page
//
// compare mm/ksm.c:try_to_merge_one_page
var _ = register(fnTryToMergeOnePage, &Func{
	Name: "try_to_merge_one_page", File: "mm/ksm.c", Params: []int{moPage, moKpage, moAddr},
	Locals: []Local{{"orig_pte", PTELocal}, {"page", FrameLocal}, {"kpage", FrameLocal}, {"address", PageLocal}, {"err", IntLocal}},
	Steps: []Step{
		moForked: {Label: "forked", Says: "is it that page already?", Local: true, Do: func(c *Ctx) Next {
			if c.L(moPage) == c.L(moKpage) {
				return Return
			}
			return Then
		}},
		moLock: {Label: "trylock", Says: "try the page lock", Ref: "trylock_page", Touches: cell.Of(machine.FolioLocks), Reads: cell.Of(machine.Mappings), Calls: []FuncID{fnWriteProtectPage, fnSplitHugePage}, Do: func(c *Ctx) Next {
			f := c.Frame(moPage)
			if !c.isAnon(f) || !c.TryLock(c.M.FolioLock(c.M.Head(f))) {
				c.Say("it is locked: not now")
				return c.Return(1)
			}
			if c.M.IsLarge(f) {
				c.Say("lock its folio, which is large and must be split")
				return c.splitFor(f, moSplit)
			}
			return c.Call(fnWriteProtectPage, moProtected, c.L(moPage), c.L(moAddr))
		}},
		moSplit: {Label: "split", Says: "was it split?", Ref: "split_huge_page", When: Large, Local: true, Calls: []FuncID{fnWriteProtectPage}, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				c.Set(moErr, 1)
				return moUnlock
			}
			return c.Call(fnWriteProtectPage, moProtected, c.L(moPage), c.L(moAddr))
		}},
		moProtected: {Label: "protected", Says: "is it write-protected?", Local: true, Do: func(c *Ctx) Next {
			switch {
			case c.Ret() != 0:
				c.Set(moErr, 1)
				return moUnlock
			case c.L(moKpage) != 0:
				return moSame
			}
			return Then
		}},
		moStable: {Label: "set_ksm", Says: "make it KSM's from now on, and dirty", Ref: "set_page_stable_node", Touches: cell.Of(machine.Mappings, machine.Flags), Do: func(c *Ctx) Next {
			f := c.Frame(moPage)
			c.Store(c.M.Mapping(f), machine.KSMNoNode)
			c.Or(c.M.Flags(f), machine.PGDirty|machine.PGReferenced)
			return moUnlock
		}},
		moSame: {Label: "same", Says: "are the contents equal?", Ref: "pages_identical", Reads: cell.Of(machine.Contents), Calls: []FuncID{fnReplacePage}, Do: func(c *Ctx) Next {
			if !c.equal(c.Frame(moPage), c.Frame(moKpage)) {
				c.Set(moErr, 1)
				return moUnlock
			}
			return c.Call(fnReplacePage, moReplaced, c.L(moPage), c.L(moKpage), c.L(moPTE), c.L(moAddr))
		}},
		moReplaced: {Label: "replaced", Says: "was it replaced?", Local: true, Do: func(c *Ctx) Next {
			c.Set(moErr, c.Ret())
			return Then
		}},
		moUnlock: {Label: "unlock", Says: "unlock the page", Ref: "unlock_page", Touches: cell.Of(machine.FolioLocks), Do: func(c *Ctx) Next {
			c.Unlock(c.M.FolioLock(c.M.Head(c.Frame(moPage))))
			return c.Return(c.L(moErr))
		}},
	},
})

const moPTE, moPage, moKpage, moAddr, moErr = 0, 1, 2, 3, 4

const (
	moForked = iota
	moLock
	moSplit
	moProtected
	moStable
	moSame
	moReplaced
	moUnlock
)
