package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// copy_huge_pmd, in straight line:
//
//	table = pte_alloc_one(child)
//	lock the child's PMD and the parent's; not huge any more: free the table, try again
//	the huge zero page: the child's PMD = it, done
//	take a reference (from 5.19 on)
//	exclusive, and pinned: drop it, free the table, split the parent's PMD: PTE by PTE
//	take a reference (until 5.18)
//	exclusive no more; mapped by one PMD more
//	write-protect the parent's PMD; deposit the table; the child's PMD = it
//	unlock both
//
// One pinned page of the folio makes fork copy all of its pages.
//
// compare mm/huge_memory.c:copy_huge_pmd
var _ = register(fnCopyHugePMD, &Func{Large: true,
	Name: "copy_huge_pmd", File: "mm/huge_memory.c", Params: []int{chAddr, chChild},
	Locals: []Local{{"pmd", PTELocal}, {"pgtable", HoldLocal}, {"src_folio", HoldLocal}, {"address", PageLocal}, {"child", IntLocal}},
	Steps: []Step{
		chAlloc: tableStep("alloc", chTable),
		chLock: {Label: "lock", Says: "lock the PMDs of both; is the parent's still huge?", Answer: "yes", Ref: "pmd_lock", Touches: cell.Of(machine.PTLs, machine.PMDs), Reads: cell.Of(machine.Frames), Calls: []FuncID{fnFreeUnrefFolio},
			Wait: func(c *Ctx) Block {
				if b := c.Free(c.pmdLock(c.hugeChild())); !b.Ready() {
					return b
				}
				return c.Free(c.pmdLock(c.Page(chAddr)))
			},
			Do: func(c *Ctx) Next {
				p := c.Page(chAddr)
				e := machine.Entry(c.Keep(chPMD, c.M.PMD(p)))
				c.Lock(c.pmdLock(c.hugeChild()))
				c.Lock(c.pmdLock(p))
				if !e.IsHuge() {
					c.Say("the parent's PMD is not huge any more")
					return chUnlockAgain
				}
				if e.IsMigration() {
					return chMoving
				}
				if c.M.IsHugeZero(e.Frame()) {
					return chSet
				}
				return Then
			}},
		chGet: copyHugeGet(With(ForkGetFirst)),
		chPinned: {Label: "pinned", Says: "is it exclusive, and pinned?", Answer: "no", Ref: "folio_try_dup_anon_rmap_pmd", When: With(ForkPinTest), Reads: cell.Of(machine.MMs, machine.Flags, machine.Refs), Do: func(c *Ctx) Next {
			f := c.Frame(chPMD)
			shared := c.Load(c.M.Flags(f))&machine.PGAnonExclusive == 0 && c.sim.exclusive != 0
			if shared || c.Load(c.M.MMFlags(c.MM))&machine.MMFHasPinned == 0 || !c.maybePinned(f) {
				return Then
			}
			c.Say("it is pinned: split the parent's PMD, copy page by page")
			return chPutBack
		}},
		chGetLate: copyHugeGet(Without(ForkGetFirst)),
		chShare: {Label: "clear_exclusive", Says: "it is exclusive no more", Ref: "ClearPageAnonExclusive", When: With(ForkClearsExclusive), Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			c.AndNot(c.M.Flags(c.Frame(chPMD)), machine.PGAnonExclusive)
			return Then
		}},
		chRmap: {Label: "rmap", Says: "it is mapped by one PMD more", Ref: "folio_try_dup_anon_rmap_pmd", When: With(ForkDupRmapPMD), Touches: cell.Of(machine.Mapcounts, machine.Flags), Do: func(c *Ctx) Next {
			c.rmapAddPMD(c.Frame(chPMD), 1)
			return Then
		}},
		chProtect: {Label: "wrprotect", Says: "write-protect the parent's PMD", Ref: "pmdp_set_wrprotect", When: If(ForkWrprotect, ForkWrprotectFirst, ForkWrprotectLast), Touches: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			p := c.Page(chAddr)
			c.SetPMD(p, machine.Entry(c.Load(c.M.PMD(p)))&^machine.RW)
			return Then
		}},
		chSet: {Label: "set_pmd", Says: "map it in the child, read-only; unlock both", Ref: "set_pmd_at", Touches: cell.Of(machine.PMDs, machine.PTLs, machine.Frames), Do: func(c *Ctx) Next {
			p, child := c.Page(chAddr), c.hugeChild()
			c.deposit(chTable, child)
			c.Release(chFolio)
			c.SetPMD(child, c.Entry(chPMD).Fresh()&^(machine.RW|machine.Accessed))
			for q := p; q < c.M.HugeEnd(p); q++ {
				c.M.Inherited(q, c.M.Twin(q, int(c.L(chChild))))
			}
			c.unlockBoth()
			return Return
		}},
		chMoving: copyMoving,
		chPutBack: {Label: "put_back", Says: "drop the reference again; unlock both", Ref: "folio_put", When: With(ForkPinTest), Touches: cell.Of(machine.Refs, machine.PTLs), Do: func(c *Ctx) Next {
			if f := c.Held(chFolio).Frame(); f != 0 {
				c.Release(chFolio)
				c.Put(f, 1)
			} else {
				c.Say("unlock both")
			}
			c.unlockBoth()
			return chFreeTable
		}},
		chUnlockAgain: {Label: "unlock", Says: "unlock both", Touches: cell.Of(machine.PTLs), Do: func(c *Ctx) Next {
			c.unlockBoth()
			return Then
		}},
		chFreeTable: {Label: "free_table", Says: "free the child's page table", Ref: "pte_free", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(chTable).Frame()
			c.Release(chTable)
			return c.putFree(f, 1, chSplit)
		}},
		chSplit: {Label: "split", Says: "split the parent's PMD", Ref: "__split_huge_pmd", Local: true, Calls: []FuncID{fnSplitHugePMD}, Do: func(c *Ctx) Next {
			return c.Call(fnSplitHugePMD, chAgain, c.L(chAddr))
		}},
		chAgain: {Label: "again", Says: "go on with the PTEs", Ref: "-EAGAIN", Local: true, Do: func(c *Ctx) Next { return c.Return(hugeSplit) }},
	},
})

const chPMD, chTable, chFolio, chAddr, chChild = 0, 1, 2, 3, 4

const (
	chAlloc = iota
	chLock
	chGet
	chPinned
	chGetLate
	chShare
	chRmap
	chProtect
	chSet
	chMoving
	chPutBack
	chUnlockAgain
	chFreeTable
	chSplit
	chAgain
)

// hugeChild is the child's page at the address that is being copied.
func (c *Ctx) hugeChild() machine.PageID { return c.M.Twin(c.Page(chAddr), int(c.L(chChild))) }

func (c *Ctx) unlockBoth() {
	c.Unlock(c.pmdLock(c.Page(chAddr)))
	c.Unlock(c.pmdLock(c.hugeChild()))
}

// changeFlush is what change_huge_pmd returns if the entry allows less than before.
const changeFlush = 3

// change_huge_pmd, in straight line:
//
//	lock the PMD; it is not huge any more: try again
//	pmdp_invalidate_ad(); the VMA's protection
//	writable, if that saves a fault
//	set it; unlock
//
// compare mm/huge_memory.c:change_huge_pmd
var _ = register(fnChangeHugePMD, &Func{Large: true,
	Name: "change_huge_pmd", File: "mm/huge_memory.c", Params: []int{cdAddr},
	Locals: []Local{{"oldpmd", PTELocal}, {"address", PageLocal}},
	Steps: []Step{
		{Label: "start", Says: "lock the PMD, take it out", Ref: "pmdp_invalidate_ad", Touches: cell.Of(machine.PTLs, machine.PMDs), Reads: cell.Of(machine.Mappings),
			Wait: func(c *Ctx) Block { return c.Free(c.pmdLock(c.Page(cdAddr))) },
			Do: func(c *Ctx) Next {
				p := c.Page(cdAddr)
				old := machine.Entry(c.Load(c.M.PMD(p)))
				if !old.IsHuge() {
					c.Say("the PMD is not huge any more")
					return c.Return(hugeSplit)
				}
				if old.IsMigration() {
					c.Say("the huge page is being moved: what its migration entry allows, is reading")
					if kind, _, _, _ := old.Migration(); kind == machine.MigrationWrite {
						c.SetPMD(p, c.readableMigration(old))
					}
					return Return
				}
				c.Set(cdPMD, uint64(old))
				c.SetPMD(p, old&^machine.Present)
				c.Lock(c.pmdLock(p))
				return Then
			}},
		changeHuge("put it back with the VMA's protection; unlock", If(MprotectUpgrade, MprotectNever, MprotectDirtyExclusive), false),
		changeHuge("put it back with the VMA's protection, writable if exclusive; unlock", If(MprotectUpgrade, MprotectExclusive), true),
	},
})

const cdPMD, cdAddr = 0, 1

// changeHuge is the step that puts the PMD back.
func changeHuge(says string, when Cond, upgrade bool) Step {
	return Step{Label: "commit", Says: says, Ref: "set_pmd_at", When: when, Touches: cell.Of(machine.PMDs, machine.PTLs), Reads: cell.Of(machine.VMAs, machine.Flags, machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
		p, old := c.Page(cdAddr), c.Entry(cdPMD).Fresh()
		vma := c.Load(c.M.VMA(p))
		e := old &^ (machine.RW | machine.Present | machine.ProtNone)
		if vma&machine.VMAccess == 0 {
			e |= machine.ProtNone
		} else {
			e |= machine.Present
		}
		if upgrade && vma&machine.VMWrite != 0 && c.exclusiveAnon(old.Frame()) && c.mprotectMayWrite(p, old) || c.sharedWritable(p, vma, old) {
			e |= machine.RW
		}
		e = e.WithPkey(machine.VMAPkey(vma))
		c.Sayf("put it back: %v", e)
		c.SetPMD(p, e)
		c.Unlock(c.pmdLock(p))
		if old.Has(machine.RW) && !e.Has(machine.RW) || old.Has(machine.Present) && !e.Has(machine.Present) || old.Pkey() != e.Pkey() {
			return c.Return(changeFlush)
		}
		return Return
	}}
}

// copyHugeGet is the step that takes the child's reference.
func copyHugeGet(when Cond) Step {
	return Step{Label: "get", Says: "take a reference for the child", Ref: "folio_get", When: when, Touches: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
		c.Get(c.Frame(chPMD), 1)
		c.Hold(chFolio, c.Frame(chPMD), 1)
		return Then
	}}
}
