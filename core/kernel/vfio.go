package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Taking a page from a device behind an IOMMU, in straight line:
//
//	iommu_unmap(): take the IOMMU's entry away, flush its TLB, wait
//	unpin_user_pages_dirty_lock(); until v5.6 SetPageDirty(), without lock and without the file system, and put_page()
//
// The device has writes under way until the IOMMU's TLB is flushed. If the page is given back before, they may
// find it in somebody else's hands:
//
//	CPU0 (vfio_dma_unmap)         device                 CPU1
//	unpin the page
//	                                                     reclaim, allocate: it is another's
//	                              the write lands
//	flush the IOMMU's TLB
//
// compare drivers/vfio/vfio_iommu_type1.c:vfio_unmap_unpin
var _ = register(fnVFIOUnmap, &Func{
	Name: "vfio_unmap_unpin", File: "drivers/vfio/vfio_iommu_type1.c", Params: []int{vuPage, vuValue},
	Locals: []Local{{"pfn", FrameLocal}, {"page", IntLocal}, {"under_way", IntLocal}},
	Steps: []Step{
		vuBegin: {Label: "page", Says: "is there a page?", Local: true, Do: func(c *Ctx) Next {
			h := c.pageIn(int(c.L(vuPage)))
			if !h.Some() {
				return Return
			}
			c.SetFrame(vuPFN, h.Frame())
			return Then
		}},
		vuUnmap: {Label: "iommu_unmap", Says: "take the IOMMU's entry away, flush its TLB: what was under way has landed", Ref: "iommu_unmap", When: With(IOMMUFlushBeforeUnpin), Touches: cell.Of(machine.Contents), Reads: fileReads, Do: func(c *Ctx) Next {
			if v := c.L(vuValue); v != 0 {
				c.deviceWrite(int(c.L(vuPage)), v-1)
				c.Sayf("the device writes %s to frame %d, before the page is given back", c.M.Content(v-1), c.Frame(vuPFN))
			}
			return Then
		}},
		vuDirty: {Label: "dirty", Says: "mark the page dirty", Ref: "SetPageDirty", When: Without(FOLLPinCounting), Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			if c.M.IsPFN(c.Frame(vuPFN)) {
				c.Say("there is no struct page to be marked dirty")
				return Then
			}
			c.Or(c.folioFlags(c.Frame(vuPFN)), machine.PGDirty)
			c.dirtiedBy(int(c.L(vuPage)))
			return Then
		}},
		vuPut: {Label: "put", Says: "give the reference back", Ref: "put_page", When: Without(FOLLPinCounting), Local: true, Calls: []FuncID{fnPutPage}, Do: func(c *Ctx) Next {
			if c.M.IsPFN(c.Frame(vuPFN)) {
				c.giveUp(int(c.L(vuPage)))
				return vuLate
			}
			return c.Call(fnPutPage, vuLate, c.L(vuPage))
		}},
		vuUnpin: {Label: "unpin", Says: "mark it dirty, give the pin back", Ref: "unpin_user_pages_dirty_lock", When: With(FOLLPinCounting), Local: true, Calls: []FuncID{fnUnpinUserPagesDirtyLock}, Do: func(c *Ctx) Next {
			if c.M.IsPFN(c.Frame(vuPFN)) {
				c.giveUp(int(c.L(vuPage)))
				return vuLate
			}
			return c.Call(fnUnpinUserPagesDirtyLock, vuLate, c.L(vuPage))
		}},
		vuLate: {Label: "late_unmap", Says: "take the IOMMU's entry away only now: what was under way has landed", Ref: "iommu_unmap", When: Without(IOMMUFlushBeforeUnpin), Touches: cell.Of(machine.Contents), Do: func(c *Ctx) Next {
			if v := c.L(vuValue); v != 0 {
				f := c.Frame(vuPFN)
				c.Sayf("the device writes %s to frame %d, which was given back", c.M.Content(v-1), f)
				if c.M.Stale(c.Entry(vuPFN)) {
					c.M.Raise(machine.AlarmDeviceTooLate, uint64(f))
				}
				c.Store(c.M.Contents(f), v-1)
				c.M.StoredTo(f, false)
			}
			return Then
		}},
		vuDone: {Label: "done", Says: "unmapped", Local: true, Do: func(c *Ctx) Next { return Return }},
	},
})

const vuPFN, vuPage, vuValue = 0, 1, 2

const (
	vuBegin = iota
	vuUnmap
	vuDirty
	vuPut
	vuUnpin
	vuLate
	vuDone
)

// Taking memory that has no struct pages for a device, in straight line:
//
//	mmap_read_lock()
//	pin_user_pages_remote(): -EFAULT
//	vma = vma_lookup(); none, or not VM_PFNMAP: that error
//	follow_pfn(): lock the PTL; none: fault it in; the device may write, and the PTE is read-only: -EFAULT; take its number; unlock
//	a page that is not reserved is behind the number: -EFAULT
//	mmap_read_unlock()
//
// Nothing is held: that the memory is mapped no more, nobody tells the IOMMU.
//
// Left out: in v5.4, and no more in v5.8, the number is taken from the VMA (vm_pgoff), and what the PTE allows is not asked (read in source; 5cbf3264bc71). The number is the same. Newer kernels come
// to the PTE by follow_pfnmap_start() (6.12).
//
// compare drivers/vfio/vfio_iommu_type1.c:vaddr_get_pfns, follow_fault_pfn
var _ = register(fnVaddrGetPFNs, &Func{
	Name: "vaddr_get_pfns", Was: []Name{{"vaddr_get_pfn", 512}}, File: "drivers/vfio/vfio_iommu_type1.c", Params: []int{vgAddr, vgProt},
	Locals: []Local{{"pmd", TableLocal}, {"pte", PTELocal}, {"vaddr", PageLocal}, {"prot", IntLocal}, {"ret", IntLocal}},
	Steps: []Step{
		vgLock: mmapReadLockOf(vgAddr, Cond{}),
		vgVMA: {Label: "vma", Says: "GUP refuses; is the VMA one of VM_PFNMAP?", Answer: "yes", Ref: "vma_lookup", Reads: cell.Of(machine.VMAs), Do: func(c *Ctx) Next {
			if c.Load(c.M.VMA(c.Page(vgAddr))) == 0 {
				c.Say("there is no VMA: -EFAULT")
				c.Set(vgRet, failed|EFAULT)
				return vgUnlock
			}
			return Then
		}},
		vgPMD: {Label: "read_pmd", Says: "read the PMD", Ref: "follow_pte", Reads: cell.Of(machine.PMDs), Do: func(c *Ctx) Next {
			c.Keep(vgTable, c.M.PMD(c.Page(vgAddr)))
			return Then
		}},
		vgPTE: {Label: "read_pte", Says: "under the PTL: take the number from the PTE", Ref: "pte_pfn", Reads: cell.Of(machine.PTEs, machine.PTLs),
			Wait: func(c *Ctx) Block { return c.Free(c.M.PTL(c.Frame(vgTable))) },
			Do: func(c *Ctx) Next {
				switch e := c.LoadPTE(vgPTELocal, c.Entry(vgTable), c.Page(vgAddr)); {
				case c.L(vgProt) == 0 && !e.Has(machine.RW):
					c.Say("the device may write, and the PTE is read-only: -EFAULT")
					c.Set(vgRet, failed|EFAULT)
				default:
					c.Sayf("under the PTL: the PTE says pfn %d, which has no struct page: nothing is held", e.Frame())
					c.M.SetHeld(c.Task, machine.Uncounted(e.Frame()))
				}
				return Then
			}},
		vgUnlock: {Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_read_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
			c.ReadUnlock(c.M.MmapLock(c.mmOf(vgAddr)))
			return c.Return(c.L(vgRet))
		}},
	},
})

const vgTable, vgPTELocal, vgAddr, vgProt, vgRet = 0, 1, 2, 3, 4

const (
	vgLock = iota
	vgVMA
	vgPMD
	vgPTE
	vgUnlock
)
