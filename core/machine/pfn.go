package machine

// Memory without struct pages: a device's registers or its own memory, which its driver maps (remap_pfn_range). A page table names it
// as any other, by its number, and the hardware goes there; but there is no count to raise, nobody knows who maps it, and no list has it:
//
//	PTE: pfn 7, W A special        no folio 7
//
// To software the entry is special (vm_normal_page() finds none), as that of the zero page is. It is nobody's: no allocator has it, so nothing that names it becomes stale.
// These numbers come last of those for data, and have none of their words but what is stored there.

// IsPFN reports whether the number is that of memory without struct pages.
func (m *Machine) IsPFN(f Frame) bool { return int(f) >= m.pfnBase && int(f) < m.upperBase }

// PFN returns page i of the memory without struct pages.
func (m *Machine) PFN(i int) Frame { return Frame(m.pfnBase + i) }

// Normal reports whether a PTE that names the frame maps a page that is counted: not the zero page, not memory without struct pages, not a page of a file on DAX.
// Compare mm/memory.c:vm_normal_page.
func (m *Machine) Normal(f Frame) bool { return int(f) > m.DAXPages && !m.IsPFN(f) }

// promised reports whether what is read at the page is what was last written there. A device's memory is the device's.
func (m *Machine) promised(p PageID) bool { return m.Region(p).Kind != RegionPFN }
