package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// copy_hugetlb_page_range over a VMA, in straight line:
//
//	write_protect_seq is odd
//	every page: lock both PMDs; none: nothing
//	    take a reference
//	    exclusive, and maybe pinned: unlock both; take a huge page, not one that is reserved; none: -ENOMEM
//	        copy; put the old page; lock both; it changed: give the copy back, look again
//	        the child's PMD = the copy, writable and dirty, whatever the VMA allows
//	    else: exclusive no more; mapped by one PMD more; write-protect the parent's PMD
//	        the child's PMD = it
//	    unlock both
//	write_protect_seq is even
//
// Only private mappings come here: who shares a file finds its pages there. (Until v5.19 the page tables of shared mappings are copied, too: 5.19 and 6.0.y read in source; bcd51a3c679d. The first touch finds
// the same page either way.)
//
// compare mm/hugetlb.c:copy_hugetlb_page_range
var _ = register(fnCopyHugetlbPageRange, &Func{Hugetlb: true,
	Notify: pages(chtPage, chtEnd),
	Name:   "copy_hugetlb_page_range", File: "mm/hugetlb.c", Params: []int{chtPage, chtChild, chtEnd},
	Locals: []Local{{"new_folio", HoldLocal}, {"pte_folio", HoldLocal}, {"entry", PTELocal}, {"address", PageLocal}, {"child", IntLocal}, {"ret", IntLocal}, {"end", PageLocal}},
	Steps: []Step{
		chtSeqOdd: {Label: "seq_odd", Says: "write_protect_seq is odd: fork is at it", Ref: "raw_write_seqcount_begin", When: With(GUPWriteProtectSeq), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.WriteProtectSeq(c.MM), 1)
			return Then
		}},
		chtLock: {Label: "lock", Says: "lock the PMDs of both, read the parent's", Ref: "huge_pte_lock", Touches: cell.Of(machine.PTLs, machine.PMDs), Reads: cell.Of(machine.VMAs), Back: []int{chtLock}, Wait: (*Ctx).bothPMDsFree, Do: func(c *Ctx) Next {
			e := machine.Entry(c.Keep(chtEntry, c.M.PMD(c.Page(chtPage))))
			if e.IsMigration() {
				c.Say("the parent's page is being moved: the child shares its migration entry")
				c.copyHugetlbMigration(e)
				return c.copyNextHugetlb()
			}
			if !e.Has(machine.PSE) {
				c.Say("the parent has no huge page there")
				return c.copyNextHugetlb()
			}
			c.Lock(c.pmdLock(c.hugetlbChild()))
			c.Lock(c.pmdLock(c.Page(chtPage)))
			return Then
		}},
		chtGet: {Label: "get", Says: "take a reference for the child", Ref: "folio_get", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			f := c.Frame(chtEntry)
			c.Get(f, 1)
			c.Hold(chtFolio, f, 1)
			if !c.isAnon(f) {
				return chtRmap
			}
			return Then
		}},
		chtPinned: {Label: "pinned", Says: "is it exclusive, and pinned?", Answer: "no", Ref: "folio_needs_cow_for_dma", When: With(HugetlbForkPinTest), Reads: cell.Of(machine.MMs, machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
			f := c.Frame(chtEntry)
			shared := c.Load(c.M.Flags(f))&machine.PGAnonExclusive == 0 && c.sim.exclusive != 0
			switch {
			case shared:
				return chtRmap
			case c.Load(c.M.MMFlags(c.MM))&machine.MMFHasPinned == 0 || !c.maybePinned(f):
				return Then
			}
			c.Say("it is pinned: the child gets a copy")
			return chtUnlock
		}},
		chtShare: {Label: "clear_exclusive", Says: "it is exclusive no more", Ref: "ClearPageAnonExclusive", When: With(ForkClearsExclusive), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(chtEntry)), machine.PGAnonExclusive)
			return Then
		}},
		chtRmap: {Label: "rmap", Says: "it is mapped by one PMD more", Ref: "hugetlb_try_dup_anon_rmap", Touches: cell.Of(machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
			c.rmapAddPMD(c.Frame(chtEntry), 1)
			return Then
		}},
		chtProtect: {Label: "wrprotect", Says: "write-protect the parent's PMD", Ref: "huge_ptep_set_wrprotect", When: If(ForkWrprotect, ForkWrprotectFirst, ForkWrprotectLast), Touches: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			p := c.Page(chtPage)
			e := machine.Entry(c.Load(c.M.PMD(p))) &^ machine.RW
			c.SetPMD(p, e)
			c.Set(chtEntry, uint64(e))
			return Then
		}},
		chtSet: {Label: "set_pmd", Says: "map it in the child, read-only; unlock both", Ref: "set_huge_pte_at", Touches: cell.Of(machine.PMDs, machine.PTLs), Back: []int{chtLock}, Do: func(c *Ctx) Next {
			child := c.hugetlbChild()
			c.Release(chtFolio)
			c.SetPMD(child, c.Entry(chtEntry).Fresh()&^machine.RW)
			c.M.Inherited(c.Page(chtPage), child)
			c.unlockHugetlbs()
			return c.copyNextHugetlb()
		}},
		chtUnlock: {Label: "unlock", Says: "unlock both to allocate a huge page", Touches: cell.Of(machine.PTLs), When: With(HugetlbForkPinTest), Calls: []FuncID{fnAllocHugetlbFolio}, Do: func(c *Ctx) Next {
			c.unlockHugetlbs()
			return c.Call(fnAllocHugetlbFolio, chtAllocated, uint64(c.hugetlbChild()), 1)
		}},
		chtAllocated: {Label: "allocated", Says: "got a huge page?", Local: true, Do: func(c *Ctx) Next {
			if c.Ret()&failed != 0 {
				c.Say("there is none: -ENOMEM")
				c.Set(chtRet, failed|ENOMEM)
				return chtPut
			}
			return Then
		}},
		chtCopy: {Label: "copy", Says: "copy the content", Ref: "copy_user_large_folio", When: With(HugetlbForkPinTest), Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			v := c.Load(c.M.Contents(c.Frame(chtEntry)))
			c.Sayf("copy the content: %s", c.M.Content(v))
			c.Store(c.M.Contents(c.Held(chtNew).Frame()), v)
			c.M.Inherited(c.Page(chtPage), c.hugetlbChild())
			return Then
		}},
		chtPut: {Label: "put_back", Says: "put the reference on the parent's page again", Ref: "folio_put", When: With(HugetlbForkPinTest), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			if c.L(chtRet) != 0 {
				return c.putHugetlb(chtFolio, chtSeqEven)
			}
			return c.putHugetlb(chtFolio, chtRelock)
		}},
		chtRelock: {Label: "relock", Says: "lock the PMDs of both; is the parent's still the same?", Answer: "yes", Ref: "pte_same", When: With(HugetlbForkPinTest), Touches: cell.Of(machine.PTLs), Reads: cell.Of(machine.PMDs), Wait: (*Ctx).bothPMDsFree, Do: func(c *Ctx) Next {
			if machine.Entry(c.Load(c.M.PMD(c.Page(chtPage)))) != c.Entry(chtEntry).Fresh() {
				c.Say("the parent's PMD has changed: give the copy back, look again")
				return chtForget
			}
			c.Lock(c.pmdLock(c.hugetlbChild()))
			c.Lock(c.pmdLock(c.Page(chtPage)))
			return Then
		}},
		chtSetCopy: {Label: "set_copy", Says: "map the copy in the child, writable; unlock both", Ref: "hugetlb_install_folio", When: With(HugetlbForkPinTest), Touches: largeTouches, Back: []int{chtLock}, Do: func(c *Ctx) Next {
			child, f := c.hugetlbChild(), c.Held(chtNew).Frame()
			c.newHugetlbAnon(f, child)
			c.Release(chtNew)
			c.SetPMD(child, c.protected(machine.MakeHuge(f, machine.RW|machine.Dirty), child))
			c.unlockHugetlbs()
			return c.copyNextHugetlb()
		}},
		chtForget: {Label: "forget", Says: "give the copy back", Ref: "folio_put", When: With(HugetlbForkPinTest), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{chtLock}, Do: func(c *Ctx) Next {
			return c.putHugetlb(chtNew, chtLock)
		}},
		chtSeqEven: {Label: "seq_even", Says: "write_protect_seq is even again", Ref: "raw_write_seqcount_end", When: With(GUPWriteProtectSeq), Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.WriteProtectSeq(c.MM), 1)
			return Then
		}},
		chtDone: {Label: "done", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(chtRet)) }},
	},
})

const chtNew, chtFolio, chtEntry, chtPage, chtChild, chtRet, chtEnd = 0, 1, 2, 3, 4, 5, 6

const (
	chtSeqOdd = iota
	chtLock
	chtGet
	chtPinned
	chtShare
	chtRmap
	chtProtect
	chtSet
	chtUnlock
	chtAllocated
	chtCopy
	chtPut
	chtRelock
	chtSetCopy
	chtForget
	chtSeqEven
	chtDone
)

// hugetlbChild is the child's page at the address that is being copied.
func (c *Ctx) hugetlbChild() machine.PageID {
	return c.M.Twin(c.Page(chtPage), int(c.L(chtChild)))
}

func (c *Ctx) bothPMDsFree() Block {
	if b := c.Free(c.pmdLock(c.hugetlbChild())); !b.Ready() {
		return b
	}
	return c.Free(c.pmdLock(c.Page(chtPage)))
}

func (c *Ctx) unlockHugetlbs() {
	c.Unlock(c.pmdLock(c.Page(chtPage)))
	c.Unlock(c.pmdLock(c.hugetlbChild()))
}

// copyHugetlbMigration makes a migration entry that of a shared page, and the child's.
func (c *Ctx) copyHugetlbMigration(e machine.Entry) {
	e = remade(e, machine.MigrationRead)
	c.SetPMD(c.Page(chtPage), e)
	c.SetPMD(c.hugetlbChild(), e)
	c.M.Inherited(c.Page(chtPage), c.hugetlbChild())
}

// copyNextHugetlb goes on with the next page of the VMA.
func (c *Ctx) copyNextHugetlb() Next {
	p := c.Page(chtPage)
	c.Set(chtEntry, 0)
	if p == c.Page(chtEnd) {
		return chtSeqEven
	}
	c.Set(chtPage, uint64(p+1))
	return chtLock
}
