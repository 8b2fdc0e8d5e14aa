package kernel

import "gupscope/core/machine"

// How VMAs split and merge, and which of them have an anon_vma in common. In straight line, of a range that lies in one VMA and gets other flags:
//
//	the range begins where the VMA does, and the one before has such flags, and may share an anon_vma: merge with it
//	it ends where the VMA does, and the one behind likewise: merge with that, too, if the three may share one
//	else: split off what is left of the VMA, on either side; both parts keep the anon_vma
//
// Two VMAs may share an anon_vma if they have the same one, or both have none. One that has none may be merged into a neighbour's, if that
// neighbour's is not linked to a parent's. Not the other way: with a neighbour that has none, a VMA that has one stays by itself
// (is_mergeable_anon_vma() asks of the neighbour alone whether it is linked to just one).
//
//	mprotect(buf[1], PROT_READ)                [0: rw][1: r]
//	store(buf[0], "a")                         [0: rw, an anon_vma][1: r]
//	mprotect(buf[1], PROT_READ_WRITE)          [0, 1: rw, an anon_vma]          1 is merged into 0
//
//	mprotect(buf[0], PROT_READ), instead       [0: r, an anon_vma][1: r]        and two they stay
//
// So a region that is all of one kind again may be two VMAs for good: no huge page fits across them, and fork copies nothing of the one that
// has no anon_vma.
//
// Memory of hugetlb is never merged (hugetlb_vm_ops has close()); newer kernels may move the end of such a VMA, which nobody notices. Nor is what a
// driver maps (VM_SPECIAL).
//
// compare mm/mmap.c:vma_merge, is_mergeable_anon_vma (6.1), mm/vma.c:vma_merge_existing_range, can_vma_merge_right (6.12)

// modifyVMAs changes the flags of the VMAs of a range, one after the other. Holes are passed over.
// compare mm/madvise.c:madvise_update_vma, mm/mlock.c:mlock_fixup
func (c *Ctx) modifyVMAs(first, last machine.PageID, change func(flags uint64) uint64) {
	for p := first; p <= last; {
		end := min(c.M.VMALast(p), last)
		if old := c.M.VMFlags(p); old != 0 {
			if flags := change(old); flags != old {
				c.modifyVMA(p, end, flags)
			}
		}
		p = end + 1
	}
}

// modifyVMA gives other flags to a range that lies in one VMA.
// compare mm/vma.c:vma_modify
func (c *Ctx) modifyVMA(first, last machine.PageID, flags uint64) {
	c.placeVMA(first, last, flags, c.M.AnonVMA(first), first == c.M.VMAFirst(first), last == c.M.VMALast(last))
}

// placeVMA makes a range one VMA with those flags and that anon_vma, or part of a neighbour. begins and ends say where there may be a neighbour: a VMA begins
// with the range, ends with it.
func (c *Ctx) placeVMA(first, last machine.PageID, flags, anon uint64, begins, ends bool) {
	m, region := c.M, c.lastOfRegion(first)
	prev := begins && m.Pages()[first].Index > 0 && c.mergesWith(first-1, flags, anon)
	next := ends && last < region && c.mergesWith(last+1, flags, anon)
	if prev && next {
		a, b := m.AnonVMA(first-1), m.AnonVMA(last+1)
		next = a == b || a == 0 || b == 0
	}
	from, to := first, last
	if prev {
		from = m.VMAFirst(first - 1)
		if a := m.AnonVMA(first - 1); a != 0 {
			anon = a
		}
	}
	if next {
		to = m.VMALast(last + 1)
		if a := m.AnonVMA(last + 1); a != 0 {
			anon = a
		}
	}
	for p := first; p <= last; p++ {
		c.Store(m.VMA(p), flags)
	}
	m.SetAnonVMA(from, to, anon)
	m.Apart(first, !prev)
	if last < region {
		m.Apart(last+1, !next)
	}
}

// mergesWith reports whether a VMA with those flags and that anon_vma can be merged into its neighbour, which covers page q.
// compare mm/vma.c:is_mergeable_vma, is_mergeable_anon_vma
func (c *Ctx) mergesWith(q machine.PageID, flags, anon uint64) bool {
	if c.M.VMFlags(q) != flags || flags&(machine.VMHugetlb|machine.VMPFNMap|machine.VMMixedMap) != 0 {
		return false
	}
	neighbour := c.M.AnonVMA(q)
	return neighbour == anon || anon == 0 && neighbour&machine.AnonForked == 0
}

// apart notes that a VMA that begins at p has nothing before it any more, if there is such a page in the region of another.
func (c *Ctx) apart(p, of machine.PageID) {
	if p <= c.lastOfRegion(of) {
		c.M.Apart(p, true)
	}
}

// prepareAnonVMA attaches an anon_vma to the page's VMA, unless it has one: that of a neighbour with which it may be merged some day, or a new one.
// compare mm/rmap.c:__anon_vma_prepare
func (c *Ctx) prepareAnonVMA(p machine.PageID) {
	if c.hasAnonVMA(p) {
		return
	}
	first, last := c.M.VMAFirst(p), c.M.VMALast(p)
	anon := uint64(c.M.Pages()[first].Index) + 1
	switch {
	case last < c.lastOfRegion(p) && c.lendsAnonVMA(last+1, p):
		anon = c.M.AnonVMA(last + 1)
	case c.M.Pages()[first].Index > 0 && c.lendsAnonVMA(first-1, p):
		anon = c.M.AnonVMA(first - 1)
	}
	c.M.SetAnonVMA(first, last, anon)
}

// lendsAnonVMA reports whether a page's neighbour, which covers page q, has an anon_vma that the page's VMA may have, too: it may differ in its
// protection alone.
// compare mm/vma.c:anon_vma_compatible, reusable_anon_vma
func (c *Ctx) lendsAnonVMA(q, p machine.PageID) bool {
	a, b := c.M.VMFlags(p), c.M.VMFlags(q)
	anon := c.M.AnonVMA(q)
	return b != 0 && anon != 0 && anon&machine.AnonForked == 0 && (a^b)&^(machine.VMAccess|machine.VMAccount) == 0 && machine.Accounted(a) == machine.Accounted(b)
}

// attachAnon attaches, at the start, an anon_vma to the VMA that is the page's region.
func (s *Sim) attachAnon(p machine.PageID) {
	at := s.M.Pages()[p]
	first := s.M.PageAt(at.MM, at.Region, 0)
	last := first + machine.PageID(s.M.Region(p).Pages-1)
	first += machine.PageID(s.Setup.MMs[at.MM].Regions[at.Region].below())
	s.M.SetAnonVMA(first, last, uint64(s.M.Pages()[first].Index)+1)
}
