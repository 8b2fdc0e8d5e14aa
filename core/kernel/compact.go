package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// compact_zone as kcompactd does it, of one page, in straight line:
//
//	a large folio: leave it, it is as large as the block that is wanted
//	take a reference on the folio that lies there, unless the count is zero
//	anonymous, and more references than mappings: it could not be moved, leave it
//	take it off the LRU list; it is not on one: leave it
//	migrate_pages(MIGRATE_SYNC_LIGHT) to a free frame of the same zone
//
// The page is found by its frame: no page table is asked, and no lock held.
//
// compare mm/compaction.c:isolate_migratepages_block, compact_zone
var _ = register(fnCompactZone, &Func{Migrating: true,
	Name: "compact_zone", File: "mm/compaction.c", Params: []int{czPage},
	Locals: []Local{{"folio", HoldLocal}, {"page", PageLocal}},
	Steps: []Step{
		czGet: {Label: "get", Says: "take a reference on the folio", Ref: "folio_get_nontail_page", Touches: cell.Of(machine.Refs), Reads: cell.Of(machine.Frames, machine.Mappings, machine.Flags, machine.PageCache, machine.SwapCache), Anywhere: cell.Of(machine.Mappings, machine.Flags, machine.Refs),
			Choose: isolationCandidates, Do: func(c *Ctx) Next {
				if c.Key != 0 && c.M.IsLarge(machine.Frame(c.Key)) {
					c.Say("it is large: leave it")
					return Return
				}
				if c.Key == 0 || !c.TryGet(c.M.Head(machine.Frame(c.Key)), 1) {
					c.Say("no folio of it is on the LRU list")
					return Return
				}
				c.Hold(czFolio, machine.Frame(c.Key), 1)
				return Then
			}},
		czCount: {Label: "count", Says: "anonymous, with more references than mappings?", Answer: "no", Counts: true, Ref: "folio_mapcount", Reads: cell.Of(machine.Refs, machine.Mapcounts, machine.Mappings, machine.Flags), Do: func(c *Ctx) Next {
			f := c.Held(czFolio).Frame()
			if !c.cachedFolio(f) && c.Load(c.M.Ref(f))-1 > c.folioMapcount(f) {
				c.Say("somebody else has a reference: leave it")
				return czPut
			}
			return Then
		}},
		czIsolate: {Label: "isolate", Says: "take it off the LRU list", Ref: "folio_test_clear_lru", Touches: cell.Of(machine.Flags), Do: func(c *Ctx) Next {
			w := c.M.Flags(c.Held(czFolio).Frame())
			if c.Load(w)&machine.PGLRU == 0 {
				c.Say("it is not on the LRU list: leave it")
				return czPut
			}
			c.AndNot(w, machine.PGLRU)
			return Then
		}},
		czMigrate: {Label: "migrate", Says: "move it", Ref: "migrate_pages", Local: true, Calls: []FuncID{fnMigratePages}, Do: func(c *Ctx) Next {
			return c.migrate(czFolio, end, migrateSyncLight, mrCompaction, c.M.ZoneOf(c.Held(czFolio).Frame()).Node)
		}},
		czPut: {Label: "put", Says: "drop the reference", Ref: "folio_put", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(czFolio).Frame()
			c.Release(czFolio)
			return c.putFree(f, 1, end)
		}},
	},
})

const czFolio, czPage = 0, 1

const (
	czGet = iota
	czCount
	czIsolate
	czMigrate
	czPut
)
