package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// fixup_user_fault, by which kernel code that walks page tables itself has a page faulted in, in straight line:
//
//	mmap_read_lock()
//	vma = find_vma(); none, or it may not be written to, and is to be: -EFAULT
//	handle_mm_fault(); it has failed: -EFAULT
//	mmap_read_unlock()
//
// Its callers choose the fault flags. To write and to unshare at once is no fault that there is: the one ends with a page to write to, the other leaves the PTE
// read-only. Since 6.2 handle_mm_fault() refuses it first (sanitize_fault_flags); from 5.19 on until then do_wp_page() was sure that nobody asks (VM_BUG_ON), where it came to that. GUP
// itself asks for one or the other (faultinFlags).
//
// Left out: faults that are made again (its callers wait here with mmap_lock held), shared mappings and huge pages.
//
// compare mm/gup.c:fixup_user_fault, mm/memory.c:sanitize_fault_flags (names and order of the former from memory)
var _ = register(fnFixupUserFault, &Func{
	Name: "fixup_user_fault", File: "mm/gup.c", Params: []int{fuAddr, fuFlags},
	Locals: []Local{{"address", PageLocal}, {"fault_flags", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		fuLock: {Label: "lock", Says: "take mmap_lock for reading", Ref: "mmap_read_lock", Touches: cell.Of(machine.MMLocks),
			Wait: func(c *Ctx) Block { return c.ReadFree(c.M.MmapLock(c.MM)) },
			Do: func(c *Ctx) Next {
				c.ReadLock(c.M.MmapLock(c.MM))
				return Then
			}},
		fuVMA: {Label: "vma", Says: "find the VMA; does it allow the access?", Answer: "yes", Ref: "vma_permits_fault", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			vma := c.Load(c.M.VMA(c.Page(fuAddr)))
			if vma == 0 || c.L(fuFlags)&faultWrite != 0 && vma&machine.VMWrite == 0 || vma&machine.VMAccess == 0 {
				c.sayRefused(c.Page(fuAddr), machine.ErrnoName(EFAULT))
				c.Set(fuRet, failed|EFAULT)
				return fuUnlock
			}
			return Then
		}},
		fuSane: {Label: "sanitize", Says: "a write, and an unshare?", Answer: "no", Ref: "sanitize_fault_flags", When: With(FaultFlagsChecked), Local: true, Do: func(c *Ctx) Next {
			if c.L(fuFlags)&faultAccess == faultAccess {
				c.Say("a write, and an unshare: SIGSEGV, so -EFAULT")
				c.Set(fuRet, failed|EFAULT)
				return fuUnlock
			}
			return Then
		}},
		fuFault: {Label: "fault", Says: "fault the page in", Ref: "handle_mm_fault", Local: true, Calls: []FuncID{fnHandleMMFault}, Do: func(c *Ctx) Next {
			return c.Call(fnHandleMMFault, fuDone, c.L(fuAddr), c.L(fuFlags))
		}},
		fuDone: {Label: "done", Says: "is it there?", Local: true, Do: func(c *Ctx) Next {
			switch ret := c.Ret(); {
			case ret == failed|signalled|BUG:
				c.Set(fuRet, ret)
			case ret&failed != 0:
				c.Set(fuRet, failed|faultErrno(ret, 0))
			}
			return Then
		}},
		fuUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.MM))
			return c.Return(c.L(fuRet))
		}},
	},
})

const fuAddr, fuFlags, fuRet = 0, 1, 2

const (
	fuLock = iota
	fuVMA
	fuSane
	fuFault
	fuDone
	fuUnlock
)

// The fault flags that a program may write, and since when there are.
var (
	faultFlagWords = []string{"FAULT_FLAG_WRITE", "FAULT_FLAG_UNSHARE"}
	faultFlagBits  = []uint64{faultWrite, faultUnshare}
)

// UnshareSince is the first release with FAULT_FLAG_UNSHARE.
const UnshareSince = 519

// Bit is the bit of a flag that a program may write for the parameter.
func (p *Param) Bit(word string) uint64 {
	if i := slices.Index(faultFlagWords, word); i >= 0 {
		return faultFlagBits[i]
	}
	return FollByName(word).Bit
}

// FixesUp reports whether a statement can be played, as far as it is fixup_user_fault: of private memory in small pages.
func (s *Setup) FixesUp(st *Stmt) bool {
	if st.Call.entry != fnFixupUserFault {
		return true
	}
	r := &s.MMs[st.Args[0].MM].Regions[st.Args[0].Region]
	return (r.Kind == machine.RegionAnon || r.Kind == machine.RegionFilePrivate) && !r.Huge && !s.hugetlb(r)
}
