package machine

// Files on DAX lie on memory that keeps what it holds (ZONE_DEVICE). There is no copy of a page in the page cache: a page table leads to the device's own page, and
// what is stored there is in the file:
//
//	PTE: frame 1, W D A special devmap     frame 1: 1 reference, the file system's; mapped nowhere, for who counts
//
// Such a page has a struct page, unlike memory that a driver maps (pfn.go), and GUP may take references on it; but PTEs have none, and do not count as mappings (vm_normal_page() finds no
// page). It is on no list, and never free. Its first reference stands in the file's i_pages here, where the kernel has the page's number.
//
// These frames come first of those for data.

// IsDevmap reports whether the frame is a page of a file on DAX.
func (m *Machine) IsDevmap(f Frame) bool { return f != ZeroPage && int(f) <= m.DAXPages }
