package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// The rows of split_huge_page_to_list_to_order for a large folio of a file, in straight line:
//
//	lock file->i_mmap_rwsem, for reading
//	mappings and the page cache do not explain all references but ours: -EAGAIN
//	every place where it may be mapped: try_to_unmap_one(): nothing comes in a PTE's place; flush
//	lock the page cache; folio_ref_freeze(1 + its pages); somebody has come: -EAGAIN
//	every tail, from the last: a folio of its own, locked, with our reference and the page cache's
//	    behind the file's end: out of the page cache
//	the head: a small folio
//	unlock the page cache, i_mmap_rwsem; every tail: unlock it, drop our reference
//
// Nobody maps it again: who needs it faults it in. A pin of any page makes it fail, and then the huge page is just not mapped any more.
//
// From the freeze to the head it is one step: interrupts are off, and whoever comes without a lock, by GUP-fast or by a look into the page cache, fails to
// get a reference and looks again until it is over. (Tails behind the end go onto the caller's list in the kernel, and he frees them. Here they are free at once.)
//
// compare mm/huge_memory.c:split_huge_page_to_list_to_order, unmap_folio, __split_huge_page
var (
	splitKind = Step{Label: "mapping", Says: "whose is it?", Ref: "folio_test_anon", When: FileTHP, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
		if c.isFilePage(c.Frame(spFolio)) {
			c.Say("it is a file's")
			return spFileCan
		}
		return Then
	}}
	splitFileCan = Step{Label: "can_split_file", Says: "do mappings and the page cache explain all references but ours?", Answer: "yes", Counts: true, Ref: "can_split_folio", When: With(SplitFreeze).AndFileTHP(), Reads: cell.Of(machine.Refs, machine.Mapcounts), Back: []int{spGiveUp}, Do: func(c *Ctx) Next {
		f := c.Frame(spFolio)
		if c.Load(c.M.Ref(f)) != 1+uint64(c.M.HugePages)+c.folioMapcount(f) {
			c.Say("somebody else has a reference: -EAGAIN")
			c.Set(spErrno, EAGAIN)
			return spGiveUp
		}
		return Then
	}}
	splitFileUnmap = Step{Label: "unmap_file", Says: "where may it be mapped?", Ref: "try_to_unmap", When: FileTHP, Reads: cell.Of(machine.Mappings, machine.VMAs), Calls: []FuncID{fnTryToUnmapOne}, Do: func(c *Ctx) Next {
		return c.splitFileAt(machine.NoPage)
	}}
	splitFileUnmapped = Step{Label: "unmapped_file", Says: "where else?", Ref: "try_to_unmap", When: FileTHP, Reads: cell.Of(machine.Mappings, machine.VMAs), Calls: []FuncID{fnTryToUnmapOne}, Back: []int{spFileUnmapped}, Do: func(c *Ctx) Next {
		return c.splitFileAt(c.Page(spAt))
	}}
	splitFileFlush = Step{Label: "flush_file", Says: "flush what was put off", Ref: "try_to_unmap_flush", When: FileTHP, Local: true, Calls: []FuncID{fnTryToUnmapFlush}, Do: func(c *Ctx) Next {
		return c.Call(fnTryToUnmapFlush, spFileFreeze)
	}}
	splitFileFreeze = Step{Label: "freeze_file", Says: "freeze the last references, ours and the page cache's: its pages are folios of their own", Counts: true, Ref: "folio_ref_freeze", When: With(SplitFreeze).AndFileTHP(), Touches: splitFileTouches, Reads: cell.Of(machine.Inodes), Back: []int{spPut, spGiveUp}, Do: func(c *Ctx) Next {
		if n, want := c.Load(c.M.Ref(c.Frame(spFolio))), 1+uint64(c.M.HugePages); n != want {
			c.Sayf("%d references, not %d: -EAGAIN", n, want)
			c.Set(spErrno, EAGAIN)
			return spGiveUp
		}
		return c.splitFile()
	}}
	splitFileZero = Step{Label: "zero_file", Says: "its pages are folios of their own, whoever has references", Ref: "set_page_count", When: Without(SplitFreeze).AndFileTHP(), Touches: splitFileTouches, Reads: cell.Of(machine.Inodes), Back: []int{spPut}, Do: (*Ctx).splitFile}
)

var splitFileTouches = splitTouches | cell.Of(machine.PageCache, machine.Compounds)

// splitFileAt goes on with the next place behind a page where the folio may be mapped.
func (c *Ctx) splitFileAt(after machine.PageID) Next {
	f := c.Frame(spFolio)
	p, ok := c.M.NextMapping(f, after)
	if !ok {
		c.Say("there is no other place where it may be mapped")
		return spFileFlush
	}
	c.Sayf("it may be mapped at %s", c.M.Pages()[p].Name)
	c.Set(spAt, uint64(p))
	return c.Call(fnTryToUnmapOne, spFileUnmapped, uint64(machine.MakeHold(f, 1)), uint64(p), 0, ttuCollapse)
}

// splitFile makes every page of the huge page of a file a folio of its own. Each has then the reference of the page cache that the huge one had for it.
func (c *Ctx) splitFile() Next {
	head := c.Frame(spFolio)
	first, _ := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(head))), int(c.Load(c.M.Index(head))))
	for i := c.M.HugePages - 1; i > 0; i-- {
		f, o := head+machine.Frame(i), first+machine.Pgoff(i)
		behind := c.beyondEOF(o)
		c.M.SetCacheSlot(o, 0)
		if behind {
			c.splitOff(uint64(i), 0)
			c.splitUnlisted(f)
			continue
		}
		c.splitOff(uint64(i), 1)
		c.M.SetCacheSlot(o, uint64(machine.MakeHold(f, 1)))
	}
	c.M.Split(head)
	c.Store(c.M.Ref(head), 2)
	c.Set(spIndex, 1)
	return spPut
}

// splitUnlisted takes a tail that lies behind the file's end out of the page cache; the caller gets nothing of it.
func (c *Ctx) splitUnlisted(f machine.Frame) {
	c.AndNot(c.M.Flags(f), machine.PGDirty)
	c.Store(c.M.Mapping(f), 0)
	c.Store(c.M.Ref(f), 1)
	c.M.SetGathered(c.Task, int(c.M.Load(c.M.Gathers(c.Task)))-1, machine.MakeHold(f, 1))
}
