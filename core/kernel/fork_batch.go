package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// copy_present_ptes of PTEs in a row that map pages of one large folio, in straight line:
//
//	folio_pte_batch(): how many map pages in a row, and are alike but for W and A; one, or a page for a copy is at hand: as others
//	take as many references, at once
//	the mm has pinned pages, the folio may be pinned, and a page of them is exclusive: drop them, unlock both PTLs, allocate a page; then one by one
//	every page: exclusive no more, mapped once more
//	write-protect every PTE; set every PTE of the child
//
// One by one, a page may be shared before fork has looked whether the next one's folio is pinned; here all are looked at first. That is
// no matter of right and wrong: the PTLs are held, and write_protect_seq keeps GUP-fast out.
//
// Kernels that differ in a single one of these steps (rules of fork) are played without batches.
//
// compare mm/memory.c:copy_present_ptes, mm/internal.h:folio_pte_batch, include/linux/rmap.h:__folio_try_dup_anon_rmap
var (
	batching = With(ForkBatch).AndLarge()

	forkBatch = Step{Label: "batch", Says: "does it belong to a large folio, and do the next PTEs map its next pages?", Ref: "folio_pte_batch", When: batching, Reads: cell.Of(machine.PTEs, machine.VMAs), Do: (*Ctx).copyBatch}

	forkBatchGet = Step{Label: "batch_get", Says: "take references for the child, one a PTE", Ref: "folio_ref_add", When: batching, Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
		f, n := c.Frame(cpPTE), int(c.L(cpNr))
		c.Get(f, n)
		c.Hold(cpFolio, f, n)
		if !c.isAnon(c.M.Head(f)) {
			return cpBatchRmap
		}
		return Then
	}}
	forkBatchHasPinned = Step{Label: "batch_has_pinned", Says: "has the mm pinned pages?", Answer: "yes", Ref: "folio_needs_cow_for_dma", When: batching, Reads: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
		if c.Load(c.M.MMFlags(c.MM))&machine.MMFHasPinned == 0 {
			c.Say("the mm has no pinned pages")
			return cpBatchShare
		}
		return Then
	}}
	forkBatchPinned = Step{Label: "batch_pinned", Says: "may the folio be pinned, and is a page of them exclusive?", Answer: "no", Ref: "folio_maybe_dma_pinned", When: batching, Reads: cell.Of(machine.Refs, machine.Flags), Do: func(c *Ctx) Next {
		f := c.Frame(cpPTE)
		for i := range machine.Frame(c.L(cpNr)) {
			if c.maybePinned(f) && c.Load(c.M.Flags(f+i))&machine.PGAnonExclusive != 0 {
				c.Say("the folio may be pinned, and a page of them is exclusive: the child gets copies")
				return Then
			}
		}
		return cpBatchShare
	}}
	forkBatchPutBack = Step{Label: "batch_put_back", Says: "drop the references again; unlock both PTLs to allocate a page", Ref: "folio_ref_sub", When: batching, Touches: cell.Of(machine.Refs, machine.PTLs), Back: []int{cpPrealloc}, Do: func(c *Ctx) Next {
		h := c.Held(cpFolio)
		c.Release(cpFolio)
		c.Put(h.Frame(), h.Count())
		c.Set(cpNr, 0)
		c.copyUnlock()
		return cpPrealloc
	}}
	forkBatchShare = Step{Label: "batch_clear_exclusive", Says: "the next page is exclusive no more", Ref: "ClearPageAnonExclusive", When: batching, Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
		c.AndNot(c.M.Flags(c.inBatch()), machine.PGAnonExclusive)
		return Then
	}}
	forkBatchRmap = Step{Label: "batch_rmap", Says: "it is mapped once more", Ref: "folio_try_dup_anon_rmap_ptes", When: batching, Touches: cell.Of(machine.Mapcounts), Reads: cell.Of(machine.Refs, machine.Mappings), Back: []int{cpBatchShare, cpBatchRmap}, Do: func(c *Ctx) Next {
		c.rmapAdd(c.inBatch(), 1)
		if c.isAnon(c.M.Head(c.Frame(cpPTE))) {
			return c.batchNext(cpBatchShare, cpBatchProtect)
		}
		return c.batchNext(cpBatchRmap, cpBatchProtect)
	}}
	forkBatchProtect = Step{Label: "batch_wrprotect", Says: "write-protect the parent's next PTE", Ref: "wrprotect_ptes", When: batching, Touches: cell.Of(machine.PTEs), Back: []int{cpBatchProtect}, Do: func(c *Ctx) Next {
		p := c.Page(cpPage) + machine.PageID(c.L(cpIndex))
		if e := machine.Entry(c.Load(c.PTE(c.Frame(cpSrc), p))); e.Has(machine.RW) {
			c.SetPTE(c.Frame(cpSrc), p, e&^machine.RW)
		} else {
			c.Say("the parent's next PTE is read-only")
		}
		return c.batchNext(cpBatchProtect, cpBatchSet)
	}}
	forkBatchSet = Step{Label: "batch_set_pte", Says: "map the next page in the child, read-only", Ref: "set_ptes", When: batching, Touches: cell.Of(machine.PTEs), Back: []int{cpBatchSet, cpRead}, Do: func(c *Ctx) Next {
		i := machine.PageID(c.L(cpIndex))
		p, h := c.Page(cpPage)+i, c.Held(cpFolio)
		c.Release(cpFolio)
		if h.Count() > 1 {
			c.Hold(cpFolio, h.Frame(), h.Count()-1)
		}
		e := machine.Entry(c.Load(c.PTE(c.Frame(cpSrc), p))).Fresh()&^(machine.RW|machine.Accessed|machine.Dirty) | c.Entry(cpPTE)&machine.Dirty
		twin := c.M.Twin(p, int(c.L(cpChild)))
		c.SetPTE(c.Frame(cpDst), twin, e)
		c.M.Inherited(p, twin)
		last := c.L(cpNr) - 1
		if c.L(cpIndex) < last {
			c.Set(cpIndex, uint64(i)+1)
			return cpBatchSet
		}
		c.Set(cpIndex, 0)
		c.Set(cpNr, 0)
		c.Set(cpPage, c.L(cpPage)+last)
		return c.copyNext()
	}}
)

// copyBatch counts the PTEs from the next one on that map pages in a row of one large folio, and are alike but for W and A.
func (c *Ctx) copyBatch() Next {
	first, f := c.Page(cpPage), c.Frame(cpPTE)
	if !c.M.IsLarge(f) || !c.sim.forkBatches || c.Held(cpNew).Some() {
		c.Say("it is copied by itself")
		return Then
	}
	const alike = machine.Present | machine.Dirty | machine.ProtNone | machine.Special
	n := 1
	for p := first + 1; p <= c.copyLast(); p++ {
		e := machine.Entry(c.Load(c.PTE(c.Frame(cpSrc), p)))
		if !e.Present() || e.Frame() != f+machine.Frame(n) || (e^c.Entry(cpPTE))&alike != 0 {
			break
		}
		n++
	}
	if n == 1 || c.M.Head(f+machine.Frame(n-1)) != c.M.Head(f) {
		c.Say("it is copied by itself")
		return Then
	}
	c.Sayf("%d PTEs map pages of a large folio: copy them together", n)
	c.Set(cpNr, uint64(n))
	return cpBatchGet
}

// inBatch is the page of the batch that is at hand.
func (c *Ctx) inBatch() machine.Frame { return c.Frame(cpPTE) + machine.Frame(c.L(cpIndex)) }

// batchNext goes on with the next page of the batch, or with what comes behind all.
func (c *Ctx) batchNext(again, done Next) Next {
	if c.L(cpIndex)+1 < c.L(cpNr) {
		c.Set(cpIndex, c.L(cpIndex)+1)
		return again
	}
	c.Set(cpIndex, 0)
	return done
}

// batchesForks reports whether the kernel's fork takes PTEs together, and does everything else as the kernels that do.
func batchesForks(k *Kernel) bool {
	return k.On(ForkBatch) && k.On(ForkPinTest) && k.On(ForkGetFirst) && k.On(ForkClearsExclusive) && k.On(ForkDupRmap) && k.On(AnonExclusive) && k.Value(ForkWrprotect) == ForkWrprotectLast
}
