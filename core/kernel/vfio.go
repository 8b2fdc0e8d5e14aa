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
			}
			return Then
		}},
		vuDirty: {Label: "dirty", Says: "mark the page dirty", Ref: "SetPageDirty", When: Without(FOLLPinCounting), Touches: cell.Of(machine.Flags), Reads: cell.Of(machine.Refs), Do: func(c *Ctx) Next {
			c.Or(c.folioFlags(c.Frame(vuPFN)), machine.PGDirty)
			c.dirtiedBy(int(c.L(vuPage)))
			return Then
		}},
		vuPut: {Label: "put", Says: "give the reference back", Ref: "put_page", When: Without(FOLLPinCounting), Local: true, Calls: []FuncID{fnPutPage}, Do: func(c *Ctx) Next {
			return c.Call(fnPutPage, vuLate, c.L(vuPage))
		}},
		vuUnpin: {Label: "unpin", Says: "mark it dirty, give the pin back", Ref: "unpin_user_pages_dirty_lock", When: With(FOLLPinCounting), Local: true, Calls: []FuncID{fnUnpinUserPagesDirtyLock}, Do: func(c *Ctx) Next {
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
