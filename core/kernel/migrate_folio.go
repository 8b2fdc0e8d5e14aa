package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// move_to_new_folio, both locked, no PTE left, in straight line:
//
//	a file system without a migrate_folio (ramfs): dirty pages stay where they are
//	references as expected? No: -EAGAIN
//	copy the content
//	in a cache: references still as expected? No: -EAGAIN; its slot points to dst, the cache's reference moves
//	dst has the mapping and the index of src
//	the buffers move; the other flags
//	src of a file: no mapping any more
//
// Expected are the reference of the isolation, those of the cache, one for buffers. Of a page in a
// cache the references are frozen (n -> 0) while its slot is changed, under the cache's lock; whoever finds the
// folio there in between fails to get it and looks again. An anonymous page outside the swap cache is found by
// nobody: a look at its count is enough. Kernels until 6.10 copy last.
//
//	CPU0 (GUP-fast)                  CPU1 (migration)
//	read the PTE
//	                                 PTE = migration entry
//	take a reference                 references as expected?
//	PTE still the same? No: put it
//
// Either CPU1 sees the reference, or CPU0 the migration entry; often both.
//
// compare mm/migrate.c:move_to_new_folio, __migrate_folio, folio_migrate_mapping, folio_migrate_flags
var _ = register(fnMoveToNewFolio, &Func{Migrating: true,
	Name: "move_to_new_folio", Was: []Name{{"move_to_new_page", 519}}, File: "mm/migrate.c", Params: []int{mvSrc, mvDst},
	Locals: []Local{{"src", FrameLocal}, {"dst", FrameLocal}, {"i", IntLocal}},
	Steps: []Step{
		moveFallback,
		{Label: "check", Says: "references as expected?", Answer: "yes", Counts: true, Ref: "folio_ref_count", When: If(MigrateRefcheck, RefcheckAfter), Reads: cell.Of(machine.Refs, machine.Mappings, machine.Flags, machine.Buffers, machine.PageCache), Do: func(c *Ctx) Next {
			return c.expected()
		}},
		moveCopy(2),
		moveReplace, moveReplaceBlind, moveFlags,
	},
	Instead: []Variant{{Without(MigrateCopyFirst), []Step{
		moveFallback,
		{Label: "compare", Says: "in no cache: references as expected?", Answer: "yes", Counts: true, Ref: "page_count", When: If(MigrateRefcheck, RefcheckAfter), Reads: cell.Of(machine.Refs, machine.Mappings, machine.Flags), Do: func(c *Ctx) Next {
			if c.cachedFolio(c.Frame(mvSrc)) {
				c.Say("it is in a cache")
				return Then
			}
			return c.expected()
		}},
		moveReplace, moveReplaceBlind,
		moveCopy(4),
		moveFlags,
	}}},
})

const mvSrc, mvDst, mvIndex = 0, 1, 2

var (
	moveFallback = Step{Label: "mapping", Says: "can its file system move pages?", Answer: "yes", Ref: "a_ops->migrate_folio", Reads: cell.Of(machine.Mappings, machine.Flags), Do: func(c *Ctx) Next {
		f := c.Frame(mvSrc)
		file := machine.MappingFile(c.Load(c.M.Mapping(f)))
		if file >= 0 && c.M.Files[file].Kind == machine.Ramfs && c.Load(c.M.Flags(f))&machine.PGDirty != 0 {
			c.Say("its file system cannot, and has nowhere to write a dirty page: refuse")
			return c.Fail(EINVAL)
		}
		return Then
	}}
	moveReplace = Step{Label: "replace", Says: "dst takes its place: its mapping, its index", Counts: true, Ref: "folio_migrate_mapping", When: If(MigrateRefcheck, RefcheckAfter), Touches: moveTouches, Do: func(c *Ctx) Next {
		src := c.Frame(mvSrc)
		if !c.cachedFolio(src) {
			c.moveMapping()
			return Then
		}
		if n, want := c.Load(c.M.Ref(src)), c.expectedRefs(src); n != want {
			c.Sayf("%d references, not %d: somebody uses it", n, want)
			c.eachOfFolio(src, c.M.NotReplaced)
			return c.Fail(EAGAIN)
		}
		c.Say("freeze the references, as expected; dst takes its place in the cache")
		c.moveMapping()
		return Then
	}}
	moveReplaceBlind = Step{Label: "replace_blind", Says: "put dst in its place, whoever has references", Ref: "folio_migrate_mapping", When: If(MigrateRefcheck, RefcheckNone, RefcheckBefore), Touches: moveTouches, Do: func(c *Ctx) Next {
		c.moveMapping()
		return Then
	}}
	moveFlags = Step{Label: "flags", Says: "move buffers and flags to it; a file's old page has no mapping any more", Ref: "folio_migrate_flags", Touches: cell.Of(machine.Flags, machine.Buffers, machine.Refs, machine.Mappings, machine.KSM), Do: func(c *Ctx) Next {
		c.moveFlags()
		return Return
	}}
)

var moveTouches = swapCacheTouches | pageCacheTouches | cell.Of(machine.Buffers)

// cachedFolio reports whether a folio is in the swap cache or the page cache.
func (c *Ctx) cachedFolio(f machine.Frame) bool {
	return c.Load(c.M.Flags(f))&machine.PGSwapCache != 0 || c.isFilePage(f)
}

// expectedRefs is how many references a folio has that is isolated and mapped nowhere, if nobody
// else uses it.
// compare mm/migrate.c:folio_expected_refs
func (c *Ctx) expectedRefs(f machine.Frame) uint64 {
	n := uint64(1)
	if c.cachedFolio(f) {
		n += uint64(c.cacheRefs(f)) + c.private(f)
	}
	return n
}

// cacheRefs is how many references the cache holds on a folio that is in one: one for each of its pages;
// on a huge page of hugetlb what its slot says.
func (c *Ctx) cacheRefs(f machine.Frame) int {
	if !c.M.IsHugetlb(f) || !c.isFilePage(f) {
		return c.M.FolioPages(f)
	}
	o, _ := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(f))), int(c.Load(c.M.Index(f))))
	return machine.Hold(c.Load(c.M.CacheSlot(o))).Count()
}

// expected goes on if nobody else has a reference on src.
func (c *Ctx) expected() Next {
	if n, want := c.Load(c.M.Ref(c.Frame(mvSrc))), c.expectedRefs(c.Frame(mvSrc)); n != want {
		c.Sayf("%d references, not %d: somebody uses it", n, want)
		return c.Fail(EAGAIN)
	}
	return Then
}

// moveCopy is the step that copies the content, page by page.
func moveCopy(step int) Step {
	return Step{Label: "copy", Says: "copy the content", Ref: "folio_mc_copy", Touches: cell.Of(machine.Contents), Back: []int{step}, Do: func(c *Ctx) Next {
		i := machine.Frame(c.L(mvIndex))
		v := c.Load(c.M.Contents(c.Frame(mvSrc) + i))
		c.Sayf("copy the content: %s", c.M.Content(v))
		c.Store(c.M.Contents(c.Frame(mvDst)+i), v)
		c.M.Copied(c.Frame(mvSrc) + i)
		if int(i)+1 < c.M.FolioPages(c.Frame(mvSrc)) {
			c.Set(mvIndex, uint64(i)+1)
			return Next(step)
		}
		return Then
	}}
}

// moveMapping makes dst what src was to its anon_vma, file or swap slot; the cache's references move.
func (c *Ctx) moveMapping() {
	m, src, dst := c.M, c.Frame(mvSrc), c.Frame(mvDst)
	flags := c.Load(m.Flags(src))
	if n := c.cacheRefs(src); c.cachedFolio(src) {
		c.Add(m.Ref(dst), n)
		c.Add(m.Ref(src), -n)
		if flags&machine.PGSwapCache != 0 {
			slot := int(c.Load(m.FolioSwap(src))) - 1
			m.SetSwapCache(slot, machine.MakeHold(dst, n))
			c.Store(m.FolioSwap(dst), uint64(slot)+1)
		} else {
			c.moveSlots(src, dst, n)
		}
		c.AndNot(m.Flags(src), machine.PGDirty)
	}
	c.Store(m.Mapping(dst), c.Load(m.Mapping(src)))
	c.Store(m.Index(dst), c.Load(m.Index(src)))
	c.Store(m.Flags(dst), flags&(machine.PGSwapBacked|machine.PGSwapCache|machine.PGDirty))
}

// moveSlots puts dst into the page cache in src's place. A large folio has a place for each page, and in each a reference; one of hugetlb one place, with all.
func (c *Ctx) moveSlots(src, dst machine.Frame, refs int) {
	o, _ := c.M.PgoffAt(machine.MappingFile(c.Load(c.M.Mapping(src))), int(c.Load(c.M.Index(src))))
	n := c.M.FolioPages(src)
	for i := range n {
		c.M.SetCacheSlot(o+machine.Pgoff(i), uint64(machine.MakeHold(dst+machine.Frame(i), refs/n)))
	}
}

// moveFlags moves the rest. An anonymous page is one until it is freed.
func (c *Ctx) moveFlags() {
	m, src, dst := c.M, c.Frame(mvSrc), c.Frame(mvDst)
	if c.private(src) != 0 {
		m.SetBuffers(dst, c.Load(m.Buffers(src)))
		m.SetBuffers(src, 0)
		c.Add(m.Ref(dst), 1)
		c.Put(src, 1)
	}
	flags := c.Load(m.Flags(src))
	c.Or(m.Flags(dst), flags&(machine.PGReferenced|machine.PGUptodate|machine.PGDirty|machine.PGActive|machine.PGReclaim))
	if flags&machine.PGSwapCache != 0 {
		c.AndNot(m.Flags(src), machine.PGSwapCache)
		c.Store(m.FolioSwap(src), 0)
	}
	if c.isFilePage(src) {
		c.Store(m.Mapping(src), 0)
		m.MoveNotice(src, dst)
	}
	if m.KSM {
		m.MoveStableNode(src, dst)
	}
	c.eachOfFolio(src, m.Replaced)
}

// eachOfFolio calls f with every page of a folio that is moved.
func (c *Ctx) eachOfFolio(head machine.Frame, f func(machine.Frame)) {
	for i := range c.M.FolioPages(head) {
		f(head + machine.Frame(i))
	}
}
