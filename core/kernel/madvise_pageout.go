package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// madvise_cold_or_pageout_pte_range over a range, in straight line, for every page table of it:
//
//	lock the PTL
//	every page that is on the LRU list and mapped once: not accessed any more; PAGEOUT: isolate it
//	unlock
//	PAGEOUT: one pass of shrink_folio_list() over what was isolated
//
// What COLD does beyond that, deactivating, nobody here looks at.
//
// compare mm/madvise.c:madvise_cold_or_pageout_pte_range, mm/vmscan.c:reclaim_pages
var _ = register(fnMadvisePageout, &Func{
	Name: "madvise_cold_or_pageout_pte_range", File: "mm/madvise.c", Params: []int{mpoPage, mpoEnd, mpoAdvice},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"folio", HoldLocal}, {"address", PageLocal}, {"end", PageLocal}, {"advice", IntLocal}, {"i", IntLocal}, {"split", IntLocal}},
	Steps: []Step{
		mpoPMD: {Label: "read_pmd", Says: "read the PMD", Reads: cell.Of(machine.PMDs), Back: []int{mpoPMD}, Do: func(c *Ctx) Next {
			switch pmd := machine.Entry(c.Keep(mpoTable, c.M.PMD(c.Page(mpoPage)))); {
			case !pmd.Present():
				return c.nextTable(mpoPage, mpoEnd, mpoPMD, mpoShrink)
			case pmd.Has(machine.PSE):
				return mpoHugeLock
			}
			c.Set(mpoSplit, 0)
			return Then
		}},
		mpoLock: lockPTLStep("lock", "lock the PTL", mpoTable),
		mpoTake: {Label: "isolate", Says: "take the page off the LRU list, if it is mapped once", Ref: "folio_isolate_lru", Touches: cell.Of(machine.PTEs, machine.Flags, machine.Refs), Reads: cell.Of(machine.Mapcounts, machine.VMAs), Back: []int{mpoTake}, Do: (*Ctx).pageoutTake},
		mpoNext: {Label: "next", Says: "the next PTE", When: Large, Local: true, Back: []int{mpoTake}, Do: func(c *Ctx) Next {
			c.Set(mpoPTE, 0)
			if p := c.Page(mpoPage); p == c.Page(mpoEnd) || p+1 == c.M.HugeEnd(p) {
				return Then
			}
			c.Set(mpoPage, c.L(mpoPage)+1)
			return mpoTake
		}},
		mpoUnlock: {Label: "unlock", Says: "unlock the PTL", Touches: cell.Of(machine.PTLs), Back: []int{mpoPMD}, Do: func(c *Ctx) Next {
			c.Unlock(c.M.PTL(c.Frame(mpoTable)))
			return c.nextTable(mpoPage, mpoEnd, mpoPMD, mpoShrink)
		}},
		mpoShrink: {Label: "reclaim", Says: "reclaim what was isolated", Ref: "reclaim_pages", Local: true, Back: []int{mpoShrink}, Calls: []FuncID{fnShrinkFolioList}, Do: func(c *Ctx) Next {
			i, n := c.L(mpoIndex), c.M.Load(c.M.Gathers(c.Task))
			if i >= n {
				c.M.Store(c.M.Gathers(c.Task), 0)
				return Return
			}
			h := machine.Hold(c.M.Load(c.M.Gathered(c.Task, int(i))))
			c.M.SetGathered(c.Task, int(i), 0)
			c.Set(mpoIndex, i+1)
			next := c.Call(fnShrinkFolioList, mpoShrink, c.L(mpoPage))
			c.M.SetHold(c.M.Local(c.Task, c.level+1, slFolio), h)
			c.M.Goto(c.Task, slTrylock)
			return next
		}},
		mpoHugeLock:   pageoutHugeLock,
		mpoHugeFolio:  pageoutHugeFolio,
		mpoHugeSplit:  pageoutHugeSplit,
		mpoHugePut:    pageoutHugePut,
		mpoLarge:      pageoutLargeBatch,
		mpoLargeOld:   pageoutLarge,
		mpoLargeSplit: pageoutLargeSplit,
		mpoLargePut:   pageoutLargePut,
		mpoRelock:     pageoutRelock,
	},
})

const mpoTable, mpoPTE, mpoFolio, mpoPage, mpoEnd, mpoAdvice, mpoIndex, mpoSplit = 0, 1, 2, 3, 4, 5, 6, 7

const (
	mpoPMD = iota
	mpoLock
	mpoTake
	mpoNext
	mpoUnlock
	mpoShrink
	mpoHugeLock
	mpoHugeFolio
	mpoHugeSplit
	mpoHugePut
	mpoLarge
	mpoLargeOld
	mpoLargeSplit
	mpoLargePut
	mpoRelock
)

// pageoutTake looks at one PTE, and isolates its folio for PAGEOUT.
func (c *Ctx) pageoutTake() Next {
	p, table := c.Page(mpoPage), c.Frame(mpoTable)
	e := machine.Entry(c.Load(c.PTE(table, p)))
	next := Next(mpoUnlock)
	if p != c.Page(mpoEnd) && p+1 != c.M.HugeEnd(p) {
		c.Set(mpoPage, uint64(p+1))
		next = mpoTake
	}
	if c.Load(c.M.VMA(p)) == 0 || !e.Present() || e.Frame() == machine.ZeroPage {
		c.Say("no page is mapped there")
		return next
	}
	if c.M.IsLarge(e.Frame()) {
		c.Set(mpoPage, uint64(p))
		c.Set(mpoPTE, uint64(e))
		return mpoLarge
	}
	f := e.Frame()
	if c.Load(c.M.Flags(f))&machine.PGLRU == 0 || c.Load(c.M.Mapcount(f)) != 1 {
		c.Say("it is not on the LRU list, or others map it: let it be")
		return next
	}
	if e.Has(machine.Accessed) {
		c.SetPTE(table, p, e&^machine.Accessed)
	}
	c.AndNot(c.M.Flags(f), machine.PGReferenced)
	if c.L(mpoAdvice) == madvPageout {
		c.AndNot(c.M.Flags(f), machine.PGLRU)
		c.Get(f, 1)
		c.M.Gather(c.Task, machine.MakeHold(f, 1))
	}
	return next
}
