package kernel

import "gupscope/core/machine"

// Soft-dirty (CONFIG_MEM_SOFT_DIRTY): which pages a process has written to since somebody wrote "4" to its clear_refs. Every entry has a bit for it, which
// pte_mkdirty() sets, and the hardware does not know; VM_SOFTDIRTY says of a whole VMA that it is new, so that all of it counts as written to.
//
//	clear_refs                 VM_SOFTDIRTY and the bit go, and W: the next write must fault
//	write fault                dirty, so soft-dirty, writable
//	read fault, mprotect, NUMA hints, swap-in
//	                           an entry that is not soft-dirty does not become writable for nothing
//	swap and migration entries the bit goes along
//	fork                       the child's entries have it, too
//	mremap                     what is moved is soft-dirty at its new place
//	KSM, uprobes               what takes a page's place has not been written to
//	/proc/PID/pagemap          says so: A.buf == softdirty in a condition
//
// What a device writes through a pin that is older than clear_refs nobody notices.
//
// Kept only where somebody calls clear_refs.
//
// compare include/linux/mm.h:vma_soft_dirty_enabled, mm/internal.h:pte_needs_soft_dirty_wp, arch/x86/include/asm/pgtable.h:pte_mkdirty

// mkdirty is an entry that the kernel makes dirty.
func (s *Sim) mkdirty(e machine.Entry) machine.Entry {
	e |= machine.Dirty
	if s.softDirty {
		e |= machine.SoftDirty
	}
	return e
}

// watched reports whether a write to a page by an entry must not go unnoticed: nobody has written to it since clear_refs.
func (c *Ctx) watched(p machine.PageID, e machine.Entry) bool {
	return c.sim.softDirty && c.Load(c.M.VMA(p))&machine.VMNoSoftDirty != 0 && !e.SoftDirtied()
}

// mprotectMayWrite reports whether mprotect, as far as soft-dirty goes, may make an entry writable at once. Until v5.19 it asked the wrong way round.
// compare mm/mprotect.c:can_change_pte_writable
func (c *Ctx) mprotectMayWrite(p machine.PageID, e machine.Entry) bool {
	switch {
	case !c.sim.softDirty:
		return true
	case c.sim.mprotectSoftDirty:
		return !c.watched(p, e)
	}
	return e.SoftDirtied() || c.Load(c.M.VMA(p))&machine.VMNoSoftDirty != 0
}

// carried is an entry that takes the place of an old one, and goes on to say whether it was soft-dirty.
func (c *Ctx) carried(e, old machine.Entry) machine.Entry {
	if c.sim.softDirty && c.sim.swpSoftDirty && old.SoftDirtied() {
		return e.WithSoftDirty()
	}
	return e
}

// movedEntry is an entry at the place to which mremap moves it.
// compare mm/mremap.c:move_soft_dirty_pte
func (c *Ctx) movedEntry(e machine.Entry) machine.Entry {
	if c.sim.softDirty {
		return e.WithSoftDirty()
	}
	return e
}

// watch clears VM_SOFTDIRTY in the VMAs of a page's region. (clear_refs does so in all of the mm.)
func (c *Ctx) watch(p machine.PageID) {
	if !c.sim.softDirty {
		return
	}
	at := c.M.Pages()[p]
	for i := range c.M.Region(p).Pages {
		if w := c.M.VMA(c.M.PageAt(at.MM, at.Region, i)); c.Load(w) != 0 {
			c.Or(w, machine.VMNoSoftDirty)
		}
	}
}

// SoftDirty reports whether /proc/PID/pagemap says of a page that it was written to.
// compare fs/proc/task_mmu.c:pte_to_pagemap_entry
func (s *Sim) SoftDirty(p machine.PageID) bool {
	m := s.M
	vma := m.Load(m.VMA(p))
	if vma == 0 {
		return false
	}
	pmd := machine.Entry(m.Load(m.PMD(p)))
	if vma&machine.VMNoSoftDirty == 0 {
		return true
	}
	if pmd.IsHuge() || !pmd.Present() {
		return pmd.IsHuge() && pmd.SoftDirtied()
	}
	return machine.Entry(m.Load(m.Entry(pmd.Frame(), m.Slot(p, machine.LevelPTE)))).SoftDirtied()
}
