package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// migration_entry_wait, of who faults on a page that is being moved, in straight line:
//
//	lock the PTL; no migration entry any more: unlock, done
//	unlock; sleep until the folio is unlocked
//
// The folio is locked as long as there are migration entries of it; a reference is not taken, lest
// the waiter itself makes the migration fail. Kernels until 5.16 took one, unless the count was frozen:
//
//	CPU0 (migration)                  CPU1 (fault)
//	PTE = migration entry
//	                                  take a reference, wait
//	references as expected? No: again
//
// compare mm/migrate.c:migration_entry_wait, mm/filemap.c:migration_entry_wait_on_locked
var (
	_ = register(fnMigrationEntryWait, &Func{Migrating: true,
		Name: "migration_entry_wait", File: "mm/migrate.c", Params: []int{mwTable, mwPage}, Locals: migrationWaitLocals,
		Steps: migrationWaitSteps("lock the PTL; is it still a migration entry?", "pte_offset_map_lock", machine.PTEs,
			func(c *Ctx) (lock, entry machine.Word) {
				return c.M.PTL(c.Frame(mwTable)), c.PTE(c.Frame(mwTable), c.Page(mwPage))
			})})
	_ = register(fnPMDMigrationEntryWait, &Func{Migrating: true, Large: true,
		Name: "pmd_migration_entry_wait", File: "mm/migrate.c", Params: []int{mwTable, mwPage}, Locals: migrationWaitLocals,
		Steps: migrationWaitSteps("lock the PMD; is it still a migration entry?", "pmd_lock", machine.PMDs,
			func(c *Ctx) (lock, entry machine.Word) { return c.pmdLock(c.Page(mwPage)), c.M.PMD(c.Page(mwPage)) })})
)

var migrationWaitLocals = []Local{{"pmd", TableLocal}, {"folio", FrameLocal}, {"reference", HoldLocal}, {"address", PageLocal}}

const mwTable, mwFolio, mwRef, mwPage = 0, 1, 2, 3

func migrationWaitSteps(says, ref string, class cell.Class, words func(*Ctx) (lock, entry machine.Word)) []Step {
	free := func(c *Ctx) Block {
		lock, _ := words(c)
		return c.Free(lock)
	}
	look := func(get bool) func(*Ctx) Next {
		return func(c *Ctx) Next {
			_, w := words(c)
			e := machine.Entry(c.Load(w))
			if !e.IsMigration() {
				c.Say("it is no migration entry any more")
				return Return
			}
			_, f, _, _ := e.Migration()
			f = c.M.Head(f)
			c.SetFrame(mwFolio, f)
			if get {
				if !c.TryGet(f, 1) {
					c.Say("its count is frozen: fault again")
					return Return
				}
				c.Hold(mwRef, f, 1)
			}
			return 2
		}
	}
	return []Step{
		{Label: "look", Says: says, Answer: "yes: wait", Ref: ref, When: Without(MigrationWaitRef), Reads: cell.Of(class, machine.PTLs), Wait: free, Do: look(false)},
		{Label: "look_and_get", Says: says, Answer: "yes: take a reference, wait", Ref: ref, When: With(MigrationWaitRef), Touches: cell.Of(machine.Refs), Reads: cell.Of(class, machine.PTLs), Wait: free, Do: look(true)},
		{Label: "wait", Says: "the folio was unlocked", Ref: "migration_entry_wait_on_locked", Reads: cell.Of(machine.FolioLocks), Wait: func(c *Ctx) Block {
			if c.M.Stale(c.Entry(mwFolio)) {
				return Block{}
			}
			return c.Free(c.M.FolioLock(c.Frame(mwFolio)))
		}, Do: func(c *Ctx) Next { return Then }},
		{Label: "put", Says: "drop the reference", Ref: "put_page", When: With(MigrationWaitRef), Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			f := c.Held(mwRef).Frame()
			c.Release(mwRef)
			return c.putFree(f, 1, end)
		}},
	}
}
