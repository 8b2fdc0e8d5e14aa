package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// expand_stack, called with mmap_lock held for reading, in straight line:
//
//	mmap_read_unlock(); mmap_write_lock()
//	vma = find_vma(): none at the address, and the one above does not grow down: mmap_write_unlock(); failed
//	expand_downwards(): an anon_vma, and lock it; the VMA begins lower
//	mmap_write_downgrade()
//
// A VMA with VM_GROWSDOWN is the stack of a thread: an address below it belongs to it when somebody comes there. Until v6.4 whoever did, with mmap_lock
// held for reading, made it begin lower: a page fault, and GUP, of its own mm's or another's. From v6.5 on (and in the stable trees of that summer: readers of the
// tree of VMAs would have seen it change under them) it takes the lock for writing, and that page faults and access_remote_vm() alone do: GUP does
// not find a VMA there, and says -EFAULT.
//
// Nobody can come between the two locks unseen: what was found is looked for again. Left out: how far below the VMA an address may lie (RLIMIT_STACK, the gap to the
// VMA below: what a scenario gives it is what there is), and that GUP until v6.4 fills in what it has added to a stack that is locked (VM_LOCKED).
//
// compare mm/mmap.c:expand_stack, expand_downwards; mm/memory.c:lock_mm_and_find_vma
var _ = register(fnExpandStack, &Func{
	Name: "expand_stack", File: "mm/mmap.c", Params: []int{esAddr},
	Locals: []Local{{"addr", PageLocal}},
	Steps: []Step{
		{Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", When: Stacked, Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(esAddr)))
			return Then
		}},
		mmapWriteLockOf(esAddr, Stacked),
		{Label: "expand", Says: "find the VMA again; it begins lower", Ref: "expand_downwards", When: Stacked, Touches: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			switch p := c.Page(esAddr); {
			case c.Load(c.M.VMA(p)) != 0:
				c.Say("there is a VMA by now")
			case !c.growsTo(p):
				c.Say("there is no VMA that would grow")
				return esFail
			default:
				c.growStack(p)
			}
			return Then
		}},
		{Label: "downgrade", Says: "keep mmap_lock for reading only", Ref: "mmap_write_downgrade", When: Stacked, Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.Downgrade(c.M.MmapLock(c.mmOf(esAddr)))
			return Return
		}},
		esFail: {Label: "fail", Says: "drop mmap_lock: no VMA", Ref: "mmap_write_unlock", When: Stacked, Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.WriteUnlock(c.M.MmapLock(c.mmOf(esAddr)))
			return c.Fail(EFAULT)
		}},
	},
})

const esAddr, esFail = 0, 4

// growsTo reports whether the VMA above a page, at which there is none, grows down to it.
// compare mm/mmap.c:find_extend_vma
func (c *Ctx) growsTo(p machine.PageID) bool {
	if !c.sim.stacks {
		return false
	}
	for last := c.lastOfRegion(p); p <= last; p++ {
		if v := c.Load(c.M.VMA(p)); v != 0 {
			return v&machine.VMGrowsDown != 0
		}
	}
	return false
}

// growStack makes the VMA above a page, which grows down, begin with the page.
// compare mm/mmap.c:expand_downwards
func (c *Ctx) growStack(p machine.PageID) {
	top := p
	for c.Load(c.M.VMA(top)) == 0 {
		top++
	}
	c.prepareAnonVMA(top)
	flags, anon := c.M.VMFlags(top), c.M.AnonVMA(top)
	for q := p; q < top; q++ {
		c.Store(c.M.VMA(q), flags)
	}
	c.M.SetAnonVMA(p, top-1, anon)
	c.M.Apart(p, true)
	c.M.Apart(top, false)
}

// gupExpand is the step of slow GUP that has a stack grow.
var gupExpand = Step{Label: "extend_vma", Says: "is there a VMA, or does one grow down to the page?", Answer: "yes", Ref: "find_extend_vma", When: Without(ExpandStackLocked).and(hasStack), Touches: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
	if p := c.Page(glAddr); c.Load(c.M.VMA(p)) == 0 && c.growsTo(p) {
		c.Say("the VMA above grows down: it begins here now")
		c.growStack(p)
	}
	return Then
}}

// stacks reports whether a mapping grows down.
func (s *Setup) stacks() bool {
	return slices.ContainsFunc(s.MMs, func(m MMSetup) bool {
		return slices.ContainsFunc(m.Regions, func(r RegionSetup) bool { return r.Stack })
	})
}

// below is how many pages of a stack lie below its VMA at the start.
func (r *RegionSetup) below() int {
	if !r.Stack {
		return 0
	}
	return r.Pages - max(len(r.Fill), 1)
}
