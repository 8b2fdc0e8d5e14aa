package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// do_anonymous_page, in straight line:
//
//	read: PTE = the zero page, under the PTL, if still none
//	the VMA needs an anon_vma, and only its own lock is held: mmap_lock, or the fault must be made again
//	folio = alloc_anon_folio()                   // zeroed
//	lock the PTL; the PTE is not none any more: put the folio, done
//	mapped once, anonymous, exclusive; into this CPU's LRU batch
//	PTE = folio, writable and dirty if the VMA is writable; unlock
//
// What is done to the folio before the PTE is set nobody else can see.
//
// Its first line is not here: memory that is shared has a file, if only one of shmem, and so do_fault() gets it; a VMA with VM_SHARED and
// without vm_ops is a driver's mistake, and gets SIGBUS.
//
// compare mm/memory.c:do_anonymous_page
var _ = register(fnDoAnonymousPage, &Func{
	Name: "do_anonymous_page", File: "mm/memory.c", Params: []int{daAddr, daFlags, daTable},
	Locals: []Local{{"pmd", TableLocal}, {"folio", HoldLocal}, {"address", PageLocal}, {"flags", IntLocal}},
	Steps: []Step{
		daWrite: {Label: "write", Says: "a write fault?", Local: true, Do: func(c *Ctx) Next {
			if c.L(daFlags)&faultWrite != 0 {
				return daPrepare
			}
			return Then
		}},
		daZero: {Label: "zero_page", Says: "map the zero page", Ref: "my_zero_pfn", Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.PTLs, machine.VMAs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(daTable))) },
			Do: func(c *Ctx) Next {
				if c.faster() {
					return Return
				}
				c.SetPTE(c.Frame(daTable), c.Page(daAddr), c.protected(machine.MakePTE(machine.ZeroPage, machine.Special), c.Page(daAddr)))
				return Return
			}},
		daPrepare: anonVMAStep(daAddr, daFlags, func(c *Ctx) Next { return c.Return(faultRetry) }),
		daAlloc: {Label: "alloc", Says: "take a free frame", Ref: "alloc_anon_folio", Touches: allocTouches,
			Wait:   func(c *Ctx) Block { return c.memory(false) },
			Choose: offerFrames,
			Do: func(c *Ctx) Next {
				c.allocate(daFolio)
				return Then
			}},
		daMap: {Label: "map", Says: "map it, if the PTE is still none", Ref: "set_pte_at", Touches: mapTouches, Calls: []FuncID{fnFreeUnrefFolio},
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(daTable))) },
			Do: func(c *Ctx) Next {
				f := c.Held(daFolio).Frame()
				if c.faster() {
					c.Release(daFolio)
					return c.putFree(f, 1, end)
				}
				bits := machine.Entry(0)
				if c.Load(c.M.VMA(c.Page(daAddr)))&machine.VMWrite != 0 {
					bits = machine.RW | machine.Dirty
				}
				c.newAnon(f, c.Page(daAddr))
				c.Release(daFolio)
				c.SetPTE(c.Frame(daTable), c.Page(daAddr), c.protected(machine.MakePTE(f, bits), c.Page(daAddr)))
				return Return
			}},
	},
})

const daTable, daFolio, daAddr, daFlags = 0, 1, 2, 3

const (
	daWrite = iota
	daZero
	daPrepare
	daAlloc
	daMap
)

var mapTouches = cell.Of(machine.PTLs, machine.PTEs, machine.Refs, machine.Mapcounts, machine.Flags, machine.Mappings, machine.LRU, machine.VMAs)

// faster reports, under the PTL, that the PTE is not none any more.
func (c *Ctx) faster() bool {
	if machine.Entry(c.Load(c.PTE(c.Frame(daTable), c.Page(daAddr)))).None() {
		return false
	}
	c.Say("the PTE is not none any more: somebody else was faster")
	return true
}

// offerFrames offers the free frames.
func offerFrames(c *Ctx, offer func(int)) {
	if len(c.M.Zones) > 0 {
		c.M.OffersIn(c.zonelist(), func(f machine.Frame) { offer(int(f)) })
		return
	}
	c.M.Offers(false, func(f machine.Frame) { offer(int(f)) })
}

// allocate takes the frame chosen and makes local i hold it.
func (c *Ctx) allocate(i int) {
	f := machine.Frame(c.Key)
	c.Sayf("take a free frame: %d", f)
	c.M.Allocate(f, machine.FrameData)
	c.Hold(i, f, 1)
}

// newAnon makes a fresh folio an anonymous one that the page's mm maps once,
// exclusively, and puts it into this CPU's LRU batch.
// compare mm/rmap.c:folio_add_new_anon_rmap, mm/swap.c:folio_add_lru
func (c *Ctx) newAnon(f machine.Frame, p machine.PageID) {
	m := c.M
	c.prepareAnonVMA(p)
	c.ownAnon(f, p)
	c.Store(m.Mapcount(f), 1)
	c.Store(m.Flags(f), machine.PGUptodate|machine.PGSwapBacked|c.sim.exclusive|c.sim.beginsActive())
	c.lruAdd(f)
}

// ownAnon makes a folio one of the anon_vma of the page's mm.
// compare mm/rmap.c:folio_move_anon_rmap, __page_set_anon_rmap
func (c *Ctx) ownAnon(f machine.Frame, p machine.PageID) {
	at := c.M.Pages()[p]
	c.Store(c.M.Mapping(f), c.M.AnonMappingOf(p, at.MM))
	c.Store(c.M.Index(f), uint64(at.Index))
}

// newlyAnon makes a folio that was read from swap an anonymous one: of the mm's own
// anon_vma if it is exclusive, else of the root's, from which all are found who may map it.
// compare mm/rmap.c:__folio_set_anon
func (c *Ctx) newlyAnon(f machine.Frame, p machine.PageID, exclusive bool) {
	at := c.M.Pages()[p]
	mm := at.MM
	for !exclusive && c.M.MMs[mm].Parent >= 0 {
		mm = c.M.MMs[mm].Parent
	}
	c.Store(c.M.Mapping(f), c.M.AnonMappingOf(p, mm))
	c.Store(c.M.Index(f), uint64(at.Index))
}

// anonVMAStep is the step of a fault that is to bring an anonymous page: a VMA without an anon_vma gets one, which takes mmap_lock. Who holds the VMA's own
// lock alone takes it too, if nobody has it for writing (anon_vma_trylock), or has the fault made again, as which goes on at retry. (Until v6.6 that is found out
// before: lock_vma_under_rcu() does not take such VMAs; see vma_lock_faults.)
// compare mm/memory.c:vmf_anon_prepare
func anonVMAStep(addr, flags int, retry func(*Ctx) Next) Step {
	return Step{Label: "anon_vma", Says: "has the VMA an anon_vma?", Answer: "yes", Ref: "vmf_anon_prepare", When: With(PerVMALock), Touches: cell.Of(machine.VMAs, machine.MMLocks), Do: func(c *Ctx) Next {
		if c.anonPrepare(c.Page(addr), c.L(flags)) {
			return Then
		}
		c.Say("it has none, and mmap_lock is not held: drop the VMA's lock; the fault must be made again")
		c.dropFaultLock(c.Page(addr), c.L(flags))
		return retry(c)
	}}
}

// anonPrepare attaches an anon_vma for a fault with these flags, if the VMA has none, and reports whether it has one now.
// compare mm/memory.c:__vmf_anon_prepare
func (c *Ctx) anonPrepare(p machine.PageID, flags uint64) bool {
	switch {
	case c.hasAnonVMA(p):
		return true
	case flags&faultVMALock == 0:
		c.Say("it has none: attach one")
	case c.sim.anonTrylock && c.ReadFree(c.M.MmapLock(c.M.Pages()[p].MM)).Ready():
		c.Say("it has none: attach one, with mmap_lock held for the moment")
	default:
		return false
	}
	c.prepareAnonVMA(p)
	return true
}
