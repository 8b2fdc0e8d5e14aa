package kernel

import (
	"fmt"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Each CPU collects folios in batches before it changes the LRU lists, and holds a reference on each meanwhile:
//
//	CPU0 (MADV_FREE)                      CPU1 (reclaim)
//	PTE: neither accessed nor dirty
//	into the batch: one reference more
//	                                      take it off the LRU list; it is a page like any other: into the swap cache
//	                                      unmap it; one reference too many: keep it
//	drain: it is isolated, or in the swap
//	cache: let it be; drop the reference
//
// Until v6.10 a folio of which only the list is to change has PG_lru all the time, so that others may isolate it: then
// the drain lets it be. From v6.11 on (so in 6.12 and 6.13.y, not in 6.9: read in source; no more from v6.17 on, from memory, nor in late stable trees of v6.12)
// who puts it into a batch clears PG_lru first, as if it had been isolated.

// lru_add_drain, in straight line:
//
//	for every folio in this CPU's batches: put it on the LRU list, or where the batch says; drop the batch's reference
//
// compare mm/swap.c:lru_add_drain, lru_add_drain_cpu
var _ = register(fnLRUAddDrain, &Func{
	Name: "lru_add_drain", File: "mm/swap.c",
	Steps: []Step{
		{Label: "any", Says: "is the batch empty?", Local: true, Do: func(c *Ctx) Next {
			if !c.batched(c.CPU) {
				return Return
			}
			return Then
		}},
		{Label: "drain", Says: "put a folio of the batch on the LRU list", Ref: "lru_add_fn", Touches: cell.Of(machine.LRU, machine.Flags, machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{0},
			Do: func(c *Ctx) Next {
				if !c.batched(c.CPU) { // lru_add_drain_all came between, which in Linux it does before or after
					c.Say("it was drained meanwhile")
					return Return
				}
				f, said := c.drainOne(c.CPU)
				c.Say(said)
				return c.putFree(f, 1, 0)
			}},
	},
})

// lru_add_drain_all, in straight line:
//
//	for every CPU whose batches have folios: empty them, on that CPU
//
// compare mm/swap.c:lru_add_drain_all
var _ = register(fnLRUAddDrainAll, &Func{
	Name: "lru_add_drain_all", File: "mm/swap.c",
	Locals: []Local{{"cpu", IntLocal}},
	Steps: []Step{
		{Label: "drain", Says: "no CPU's batch has folios", Ref: "lru_add_drain_per_cpu", Touches: cell.Of(machine.LRU, machine.Flags, machine.Refs, machine.Ledgers), Reads: cell.Of(machine.IRQs, machine.Steal, machine.Mappings), Anywhere: cell.Of(machine.LRU, machine.Flags, machine.Refs, machine.Ledgers, machine.IRQs, machine.Steal, machine.Mappings), Calls: []FuncID{fnFreeUnrefFolio}, Back: []int{0},
			Wait: func(c *Ctx) Block {
				cpu := c.filledBatch()
				switch {
				case cpu < 0:
				case c.Load(c.M.IRQOff(cpu)) != 0 && cpu != c.CPU:
					return Block{OnIPI, cpu + 1, c.M.IRQOff(cpu)}
				case c.Load(c.M.Steal(cpu))&machine.StealPreempted != 0:
					return Block{OnIPI, cpu + 1, c.M.Steal(cpu)}
				}
				return Block{}
			},
			Do: func(c *Ctx) Next {
				cpu := c.filledBatch()
				if cpu < 0 {
					return Return
				}
				f, said := c.drainOne(cpu)
				c.Sayf("cpu%d: %s", cpu, said)
				return c.putFree(f, 1, 0)
			}},
	},
})

// filledBatch is the first CPU whose batches have folios, -1 if none has.
func (c *Ctx) filledBatch() int {
	for cpu := range c.M.CPUs {
		if c.batched(cpu) {
			return cpu
		}
	}
	return -1
}

// batched reports whether the CPU's batches have folios.
func (c *Ctx) batched(cpu int) bool {
	for _, k := range c.M.LRUKinds() {
		if c.Load(c.M.LRUCount(cpu, k)) != 0 {
			return true
		}
	}
	return false
}

// drainOne takes the first folio out of the CPU's batches and moves it. The caller drops the batch's reference, and says what was done.
func (c *Ctx) drainOne(cpu int) (machine.Frame, string) {
	for _, k := range c.M.LRUKinds() {
		if f, some := c.M.TakeBatch(cpu, k); some {
			return f, c.moveLRU(k, f)
		}
	}
	panic("kernel: who drains LRU batches looks first whether they have folios")
}

// moveLRU does with a folio what the batch is for in which it was, and returns that in words.
// compare mm/swap.c:folio_batch_move_lru, lru_add, lru_deactivate_file, lru_deactivate, lru_lazyfree
func (c *Ctx) moveLRU(k machine.LRUKind, f machine.Frame) string {
	w := c.M.Flags(f)
	if k == machine.LRUAdd {
		c.Or(w, machine.PGLRU)
		return fmt.Sprintf("put folio %d on the LRU list", f)
	}
	flags := c.Load(w)
	if c.sim.lruKeepsFlag && flags&machine.PGLRU == 0 {
		return fmt.Sprintf("folio %d was isolated meanwhile: it stays what it is", f)
	}
	c.Or(w, machine.PGLRU)
	if k == machine.LRUDeactivateFile {
		return fmt.Sprintf("folio %d goes to the end of the inactive list, if nobody maps it", f)
	}
	if k == machine.LRUDeactivate {
		c.AndNot(w, machine.PGActive|machine.PGReferenced)
		return fmt.Sprintf("folio %d goes to the inactive list", f)
	}
	if flags&machine.PGSwapBacked == 0 || flags&machine.PGSwapCache != 0 {
		return fmt.Sprintf("folio %d is lazyfree already, or in the swap cache", f)
	}
	c.AndNot(w, machine.PGSwapBacked|machine.PGReferenced)
	return fmt.Sprintf("folio %d is lazyfree: not backed by swap any more", f)
}

// lruAdd puts a folio into this CPU's batch of those on their way to the LRU list.
// compare mm/swap.c:folio_add_lru
func (c *Ctx) lruAdd(f machine.Frame) { c.batch(machine.LRUAdd, f) }

// batchTouches are the classes that who puts a folio into a batch may touch, if that drains it.
var batchTouches = cell.Of(machine.LRU, machine.Flags, machine.Refs, machine.Frames, machine.Mapcounts, machine.Mappings, machine.Contents, machine.Compounds)

// markLazyfree puts a folio into this CPU's batch of those that are not to be backed by swap any more.
// compare mm/swap.c:folio_mark_lazyfree
func (c *Ctx) markLazyfree(f machine.Frame) {
	f = c.M.Head(f)
	w := c.M.Flags(f)
	if !c.sim.lazyfreeList {
		c.Say("it is neither accessed nor dirty; nothing else says that it may be discarded")
		return
	}
	if flags := c.Load(w); flags&machine.PGLRU == 0 || flags&machine.PGSwapBacked == 0 || flags&machine.PGSwapCache != 0 {
		c.Say("it is not on the LRU list, or is lazyfree already")
		return
	}
	if !c.sim.lruKeepsFlag {
		c.AndNot(w, machine.PGLRU)
	}
	c.batch(machine.LRULazyfree, f)
}

// deactivateFile puts a folio that could not be dropped from the page cache into this CPU's batch of those that are to be reclaimed first.
// It needs PG_lru only where that is taken away meanwhile (read in source: not asked for in 4.6.y, 5.4, 5.8.y, 5.11, 5.15, 5.19, 6.1.y, 6.5, 6.6, 6.9; taken away in 6.12). Where it comes to stand is not played,
// nor that one that is dirty or under writeback by then and not mapped gets PG_reclaim, nor that one on the unevictable list is left there, all of them alike.
// compare mm/swap.c:deactivate_file_folio
func (c *Ctx) deactivateFile(f machine.Frame) {
	if !c.M.Config.DeactivateFile {
		return
	}
	f = c.M.Head(f)
	if w := c.M.Flags(f); !c.sim.lruKeepsFlag {
		if c.Load(w)&machine.PGLRU == 0 {
			c.Say("it is not on the LRU list")
			return
		}
		c.AndNot(w, machine.PGLRU)
	}
	c.batch(machine.LRUDeactivateFile, f)
}

// deactivate puts a folio into this CPU's batch of those that are to leave the active list, if it is on that, or if the lists
// are generations. Here the folio is on it that was active from its beginning.
// compare mm/swap.c:folio_deactivate
func (c *Ctx) deactivate(f machine.Frame) {
	if !c.M.Config.Deactivate {
		return
	}
	f = c.M.Head(f)
	w := c.M.Flags(f)
	if flags := c.Load(w); flags&machine.PGLRU == 0 || c.sim.activeAnon && flags&machine.PGActive == 0 {
		return
	}
	if !c.sim.lruKeepsFlag {
		c.AndNot(w, machine.PGLRU)
	}
	c.Sayf("put folio %d into this CPU's batch, to be deactivated", f)
	c.batch(machine.LRUDeactivate, f)
}

// batch puts a folio into one of this CPU's batches, which holds a reference until it is drained.
// A batch that is full then, or has a large folio, or is switched off, is drained at once. (The kernel
// moves the folios one after the other, with the batch locked; here that is part of the step.)
// compare mm/swap.c:folio_batch_add_and_move
func (c *Ctx) batch(k machine.LRUKind, f machine.Frame) {
	c.Add(c.M.Ref(f), 1)
	c.M.AddToBatch(c.CPU, k, f)
	if c.Load(c.M.LRUCount(c.CPU, k)) < c.sim.lruBatch && !c.M.BatchesOff(c.CPU) && !c.M.IsLarge(f) {
		return
	}
	for f, ok := c.M.TakeBatch(c.CPU, k); ok; f, ok = c.M.TakeBatch(c.CPU, k) {
		c.moveLRU(k, f)
		if c.Put(f, 1) {
			c.M.Free(f)
		}
	}
}
