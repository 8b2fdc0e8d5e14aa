package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What fork and mprotect do about a page that is just being moved: they change what its migration
// entry says, and what the PTE becomes follows that.

// MovesPages reports whether pages may be moved.
func (s *Sim) MovesPages() bool { return s.Kernel.has&hasMoves != 0 }

// MovesPages reports whether pages may be moved in a scenario.
func (s *Setup) MovesPages() bool {
	if len(s.Zones) > 0 {
		return true
	}
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			if st.Call.moves {
				return true
			}
		}
	}
	return false
}

// remade is a migration entry with another kind.
func remade(e machine.Entry, kind machine.MigrationKind) machine.Entry {
	_, f, accessed, dirty := e.Migration()
	return machine.MakeMigration(kind, f, accessed, dirty) | e&machine.SwpSoftDirty
}

// copyMigration copies a migration entry. In a private mapping it is that of a shared page from then on.
// compare mm/memory.c:copy_nonpresent_pte
func (c *Ctx) copyMigration() Next {
	e := c.Entry(cpPTE)
	if kind, _, _, _ := e.Migration(); kind != machine.MigrationRead && machine.IsCOW(c.Load(c.M.VMA(c.Page(cpPage)))) {
		e = remade(e, machine.MigrationRead)
		c.SetPTE(c.Frame(cpSrc), c.Page(cpPage), e)
	}
	c.SetPTE(c.Frame(cpDst), c.childPage(), e)
	c.M.Inherited(c.Page(cpPage), c.childPage())
	return c.copyNext()
}

// changeMigration takes W from a migration entry. A fault brings it back, if the page is exclusive still.
// compare mm/mprotect.c:change_pte_range
var changeMigration = Step{Label: "migration", Says: "the page is being moved: what its migration entry allows, is reading", Ref: "make_readable_exclusive_migration_entry", When: Migrating, Touches: cell.Of(machine.PTEs), Reads: cell.Of(machine.Mappings), Back: []int{crStart, crUnlock}, Do: func(c *Ctx) Next {
	p := c.Page(crPage)
	e := machine.Entry(c.Load(c.PTE(c.Frame(crTable), p)))
	if kind, _, _, _ := e.Migration(); kind == machine.MigrationWrite {
		c.SetPTE(c.Frame(crTable), p, c.readableMigration(e))
	}
	if p == c.Page(crEnd) || p+1 == c.M.HugeEnd(p) {
		return crUnlock
	}
	c.Set(crPage, uint64(p+1))
	return crStart
}}

// readableMigration is a migration entry that was writable, without that: the page is exclusive all the same.
func (c *Ctx) readableMigration(e machine.Entry) machine.Entry {
	if _, f, _, _ := e.Migration(); c.isAnon(f) && c.sim.exclusive != 0 {
		return remade(e, machine.MigrationReadExclusive)
	}
	return remade(e, machine.MigrationRead)
}
