package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What a program may ask for, in the order of the words. What may be written to x86 can read, too: of PROT_WRITE alone only those know who look at the VMA (check_vma_flags()).
var protWords = []string{"PROT_NONE", "PROT_READ", "PROT_READ_WRITE", "PROT_WRITE"}

var protFlags = []uint64{0, machine.VMRead, machine.VMRead | machine.VMWrite, machine.VMWrite}

// mprotect of a range, in straight line:
//
//	mmap_write_lock(); with a protection key (pkey_mprotect): not given out: -EINVAL
//	a hole: -ENOMEM; not allowed: -EACCES; as it is already: done
//	lock the VMAs; tlb_gather_mmu()
//	every VMA that is not so already: change its flags, split it or merge it with its neighbours; change_pte_range()
//	flush, if anything was taken away (newer: or somebody else has a flush to come); mmap_write_unlock()
//
// The flush comes after the PTL is dropped: for a while the PTE says read-only, and
// a CPU still writes through its TLB.
//
// compare mm/mprotect.c:do_mprotect_pkey, mprotect_fixup
var _ = register(fnMprotect, &Func{
	Name: "mprotect", File: "mm/mprotect.c", Params: []int{mpFirst, mpLast, mpProt, mpPkey},
	Locals: []Local{{"first", PageLocal}, {"last", PageLocal}, {"prot", IntLocal}, {"ret", IntLocal}, {"next", IntLocal}, {"flush", IntLocal}, {"fullmm", IntLocal}, {"pkey", IntLocal}},
	Steps: []Step{
		mpLock: mmapWriteLockStep(),
		mpPkeyAllocated: {Label: "pkey", Says: "is the protection key given out?", Answer: "yes", Ref: "mm_pkey_is_allocated", When: Pkeyed, Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			if key := c.L(mpPkey); key > 0 && c.Load(c.M.PkeyMap(c.MM))>>(key-1)&1 == 0 {
				c.Say("the protection key is not given out: -EINVAL")
				c.Set(mpRet, failed|EINVAL)
				return mpUnlock
			}
			return Then
		}},
		mpCheck: {Label: "vma", Says: "find the VMAs", Ref: "vma_find", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			return c.protectCheck()
		}},
		mpVMALock: vmaWriteLockStep(mpFirst),
		mpFlags: {Label: "flags", Says: "change the VMA's flags; announce a flush to come", Ref: "vm_flags_reset", Touches: cell.Of(machine.VMAs, machine.MMs), Calls: []FuncID{fnChangePTERange, fnHugetlbChangeProtection}, Do: func(c *Ctx) Next {
			first, last := c.protectNext(max(c.Page(mpFirst), machine.PageID(c.L(mpNext))))
			c.modifyVMA(first, last, c.protectFlags(first))
			if c.L(mpNext) == 0 {
				c.Add(c.M.FlushPending(c.MM), 1)
			}
			next, _ := c.protectNext(last + 1)
			c.Set(mpNext, uint64(next))
			if c.M.HugetlbPage(first) {
				return c.Call(fnHugetlbChangeProtection, mpTaken, uint64(first), uint64(last))
			}
			return c.Call(fnChangePTERange, mpTaken, uint64(first), uint64(last))
		}},
		mpTaken: {Label: "taken", Says: "was anything taken away?", Local: true, Back: []int{mpFlags}, Do: func(c *Ctx) Next {
			if c.Ret() != 0 {
				c.Set(mpChanged, 1)
			}
			if c.L(mpNext) != 0 {
				return mpFlags
			}
			return Then
		}},
		mpNested: mpNestedStep,
		mpFlush: {Label: "flush", Says: "flush, if there is reason to", Ref: "tlb_finish_mmu", Local: true, Calls: []FuncID{fnFlushTLBMMRange}, Do: func(c *Ctx) Next {
			switch {
			case c.L(mpAll) != 0:
				return c.flushAll(mpFirst, mpFlushed)
			case c.L(mpChanged) == 0:
				return Then
			}
			return c.Call(fnFlushTLBMMRange, mpFlushed, uint64(c.MM), c.L(mpFirst), c.L(mpLast), 0)
		}},
		mpFlushed: {Label: "flushed", Says: "the flush is over", Ref: "dec_tlb_flush_pending", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			c.Add(c.M.FlushPending(c.MM), -1)
			return Then
		}},
		mpUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			w, _ := c.vmaWords(c.Page(mpFirst))
			if machine.MmapWriter(c.Load(w)) == c.Task {
				c.WriteUnlock(w)
			}
			c.WriteUnlock(c.M.MmapLock(c.MM))
			return c.Return(c.L(mpRet))
		}},
	},
})

const mpFirst, mpLast, mpProt, mpRet, mpNext, mpChanged, mpAll, mpPkey = 0, 1, 2, 3, 4, 5, 6, 7

const (
	mpLock = iota
	mpPkeyAllocated
	mpCheck
	mpVMALock
	mpFlags
	mpTaken
	mpNested
	mpFlush
	mpFlushed
	mpUnlock
)

// mpNestedStep looks for another gather only where mprotect's own is one: older kernels count it as one (tlb_flush_pending), but
// go by what they have changed themselves.
var mpNestedStep = func() Step {
	s := nestedStep(mpFirst, mpAll)
	s.When = With(MprotectGathers).AndGathers()
	return s
}()

// protectCheck says whether the range may be protected so. What comes before a
// hole is changed all the same.
func (c *Ctx) protectCheck() Next {
	prot := protFlags[c.L(mpProt)]
	changes := false
	for p := c.Page(mpFirst); p <= c.Page(mpLast); p++ {
		vma := c.Load(c.M.VMA(p))
		switch {
		case vma == 0:
			c.Say("there is a hole: -ENOMEM")
			c.Set(mpRet, failed|ENOMEM)
			if p == c.Page(mpFirst) || !changes {
				return mpUnlock
			}
			c.Set(mpLast, uint64(p-1))
			return Then
		case prot&machine.VMRead != 0 && vma&machine.VMMayRead == 0, prot&machine.VMWrite != 0 && vma&machine.VMMayWrite == 0:
			c.Say("the mapping may not be used so: -EACCES")
			c.Set(mpRet, failed|EACCES)
			if !changes {
				return mpUnlock
			}
			c.Set(mpLast, uint64(p-1))
			return Then
		case !c.protectedSo(vma):
			changes = true
		}
	}
	if !changes {
		c.Say("it is protected so already")
		return mpUnlock
	}
	return Then
}

// protectedSo reports whether a VMA is as the call wants it already. mprotect leaves the protection key as it is.
// compare arch/x86/mm/pkeys.c:__arch_override_mprotect_pkey
func (c *Ctx) protectedSo(vma uint64) bool {
	key := c.L(mpPkey)
	return vma&machine.VMAccess == protFlags[c.L(mpProt)] && (key == 0 || uint64(machine.VMAPkey(vma)) == key-1)
}

// protectNext returns what the range has of the next VMA, from a page on, whose protection is another; zeros if there is none.
func (c *Ctx) protectNext(from machine.PageID) (first, last machine.PageID) {
	for p := from; p <= c.Page(mpLast); p++ {
		if vma := c.Load(c.M.VMA(p)); vma != 0 && !c.protectedSo(vma) {
			return p, min(c.M.VMALast(p), c.Page(mpLast))
		}
	}
	return 0, 0
}

// protectFlags are the flags that the VMA of a page will have. What could be written to once stays accounted; newer kernels forget that of memory
// without an anon_vma.
// compare mm/mprotect.c:mprotect_fixup
func (c *Ctx) protectFlags(p machine.PageID) uint64 {
	old := c.M.VMFlags(p)
	flags := old&^(machine.VMAccess|machine.VMAccount) | protFlags[c.L(mpProt)]
	if flags&machine.VMWrite == 0 && machine.Accounted(old) && !(c.sim.mprotectUnaccounts && c.isAnonymous(p) && !c.hasAnonVMA(p)) {
		flags |= machine.VMAccount
	}
	if key := c.L(mpPkey); key > 0 {
		flags = machine.WithVMAPkey(flags, int(key)-1)
	}
	return flags
}

// change_pte_range over a range, in straight line, for every page table of it:
//
//	lock the PTL; flush_tlb_batched_pending()
//	every present PTE: take it out; put it back with the VMA's protection
//	unlock the PTL
//
// The protection of a private mapping has no W: a write fault brings it back. Kernels
// from 6.1 on bring it back at once where that fault would find the page exclusive. It returns whether
// anything was taken away.
//
// compare mm/mprotect.c:change_pte_range, can_change_pte_writable
var _ = register(fnChangePTERange, &Func{
	Notify: pages(crPage, crEnd),
	Name:   "change_pte_range", File: "mm/mprotect.c", Params: []int{crPage, crEnd},
	Locals: []Local{{"pmd", TableLocal}, {"oldpte", PTELocal}, {"reference", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"flush", IntLocal}},
	Steps: []Step{
		crP4D: p4dStep(crPage, "p4d_offset"),
		crPMD: {Label: "read_pmd", Says: "read the PMD", Reads: cell.Of(machine.PMDs), Calls: []FuncID{fnSplitHugePMD, fnChangeHugePMD}, Back: []int{crPMD}, Do: func(c *Ctx) Next {
			pmd := machine.Entry(c.Keep(crTable, c.M.PMD(c.Page(crPage))))
			switch p := c.Page(crPage); {
			case !pmd.Present() && !pmd.IsMigration():
				return c.changeNextTable()
			case pmd.IsHuge() && (p != c.M.HugeStart(p) || c.Page(crEnd) < c.lastHuge(p)):
				c.Say("the PMD maps more than is to change: split it")
				return c.Call(fnSplitHugePMD, crPMD, uint64(p))
			case pmd.IsHuge():
				return c.Call(fnChangeHugePMD, crHuge, uint64(p))
			}
			return Then
		}},
		crHuge: {Label: "huge", Says: "the next page table", Local: true, When: Large, Back: []int{crPMD, crDone}, Do: func(c *Ctx) Next {
			switch c.Ret() {
			case hugeSplit:
				return crPMD
			case changeFlush:
				c.Set(crFlush, 1)
			}
			return c.changeNextTable()
		}},
		crLock:        crLockStep,
		crBatched:     batchedStep(crPage, crFlushed, crStart),
		crFlushed:     batchedDoneStep(crPage),
		crStart:       {Label: "start", Says: "take the PTE out", Ref: "ptep_modify_prot_start", Touches: cell.Of(machine.PTEs), Do: (*Ctx).changeStart},
		crCommitPlain: changeCommit("put it back with the VMA's protection", MprotectNever, func(machine.Entry) bool { return false }),
		crCommitDirty: changeCommit("put it back with the VMA's protection, writable if dirty and exclusive", MprotectDirtyExclusive, func(e machine.Entry) bool { return e.Has(machine.Dirty) }),
		crCommitExcl:  changeCommit("put it back with the VMA's protection, writable if exclusive", MprotectExclusive, func(machine.Entry) bool { return true }),
		crMigration:   changeMigration,
		crUnlock: {Label: "unlock", Says: "unlock the PTL", Order: Plain, Touches: cell.Of(machine.PTLs), Back: []int{crPMD}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(crTable)))
			return c.changeNextTable()
		}},
		crDone: {Label: "done", Says: "all PTEs are changed", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(crFlush)) }},
	},
})

const crTable, crPTE, crRef, crPage, crEnd, crFlush = 0, 1, 2, 3, 4, 5

const (
	crP4D = iota
	crPMD
	crLock
	crBatched
	crFlushed
	crStart
	crCommitPlain
	crCommitDirty
	crCommitExcl
	crUnlock
	crDone
	crHuge
	crMigration
)

// crLockStep locks the page table; is that gone, the PMD is read again.
var crLockStep = func() Step {
	s := lockPTLStep("lock", "lock the PTL", crTable)
	s.Map = &TableMap{crTable, crPage, crPMD}
	return s
}()

// changeStart takes the next present PTE of the table out. The hardware cannot
// set bits in it meanwhile, and whoever finds it none has to take the PTL.
func (c *Ctx) changeStart() Next {
	for p := c.Page(crPage); ; p++ {
		if p > c.Page(crEnd) || p == c.M.HugeEnd(c.Page(crPage)) {
			c.Set(crPage, uint64(p-1))
			c.Say("there are no more pages in the table")
			return crUnlock
		}
		e := machine.Entry(c.Load(c.PTE(c.Frame(crTable), p)))
		if e.IsMigration() {
			c.Set(crPage, uint64(p))
			return crMigration
		}
		if !e.Present() {
			continue
		}
		c.Set(crPage, uint64(p))
		c.Set(crPTE, uint64(c.ClearPTE(c.Frame(crTable), p)))
		if c.M.Normal(e.Frame()) {
			c.Hold(crRef, e.Frame(), 1) // the PTE's reference is ours while it is out
		}
		return Then
	}
}

// changeCommit is the step that puts the PTE back. Where the page is exclusive, upgrade
// says whether the PTE of a private mapping becomes writable at once.
func changeCommit(says string, rule uint8, upgrade func(machine.Entry) bool) Step {
	return Step{Label: "commit", Says: says, Ref: "ptep_modify_prot_commit", When: If(MprotectUpgrade, rule), Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.VMAs, machine.Flags, machine.Mappings, machine.Refs), Back: []int{crStart}, Do: func(c *Ctx) Next {
		p, old := c.Page(crPage), c.Entry(crPTE).Fresh()
		vma := c.Load(c.M.VMA(p))
		e := old &^ (machine.RW | machine.Present | machine.ProtNone)
		if vma&machine.VMAccess == 0 {
			e |= machine.ProtNone
		} else {
			e |= machine.Present
		}
		if vma&machine.VMWrite != 0 && upgrade(old) && c.exclusiveAnon(old.Frame()) && c.mprotectMayWrite(p, old) || c.sharedWritable(p, vma, old) {
			e |= machine.RW
		}
		e = e.WithPkey(machine.VMAPkey(vma))
		if old.Has(machine.RW) && !e.Has(machine.RW) || old.Has(machine.Present) && !e.Has(machine.Present) || old.Pkey() != e.Pkey() {
			c.Set(crFlush, 1)
		}
		c.Sayf("put it back: %v", e)
		c.Release(crRef)
		c.SetPTE(c.Frame(crTable), p, e)
		c.Set(crPTE, 0)
		if p == c.Page(crEnd) || p+1 == c.M.HugeEnd(p) {
			return crUnlock
		}
		c.Set(crPage, uint64(p+1))
		return crStart
	}}
}

// exclusiveAnon reports whether a frame is an anonymous page that is exclusive.
func (c *Ctx) exclusiveAnon(f machine.Frame) bool {
	return f != machine.ZeroPage && machine.IsAnon(c.Load(c.M.Mapping(c.M.Head(f)))) && c.Load(c.M.Flags(f))&machine.PGAnonExclusive != 0
}

// changeNextTable goes on with the next page table of the range.
func (c *Ctx) changeNextTable() Next {
	next := c.M.HugeEnd(c.Page(crPage))
	if next > c.Page(crEnd) {
		return crDone
	}
	c.Set(crPage, uint64(next))
	return crPMD
}
