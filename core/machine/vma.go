package machine

import (
	"strconv"
	"strings"
)

// Flags of a VMA, as the kernel's vm_flags.
const (
	VMRead uint64 = 1 << iota
	VMWrite
	VMExec
	VMShared
	VMMayRead
	VMMayWrite
	VMMayExec
	VMMayShare
	VMHugepage
	VMNoHugepage
	VMMergeable
	VMLocked
	VMHugetlb
	VMDontCopy
	VMWipeOnFork
	VMPFNMap   // memory without struct pages: with VM_IO, as remap_pfn_range() sets both
	VMMixedMap // pages with and without: vm_insert_mixed()

	// VMAccess is what makes a VMA accessible at all: PROT_NONE has none of it.
	VMAccess = VMRead | VMWrite | VMExec
)

var vmFlagNames = []string{"read", "write", "exec", "shared", "mayread", "maywrite", "mayexec", "mayshare", "hugepage", "nohugepage", "mergeable", "locked", "hugetlb", "dontcopy", "wipeonfork", "pfnmap", "mixedmap"}

// VMA is the flags of the VMA that covers the page; 0 where there is none. A VMA
// is a maximal run of pages of a region with the same flags: munmap, mprotect and madvise of one
// page change its word, and splitting and merging follow.
func (m *Machine) VMA(p PageID) Word { return m.at(m.vma, int(p)) }

// VMAFirst returns the first page of the VMA that covers p, or of the hole that p lies in.
func (m *Machine) VMAFirst(p PageID) PageID {
	v := m.Load(m.VMA(p))
	for m.pages[p].Index > 0 && m.Load(m.VMA(p-1)) == v {
		p--
	}
	return p
}

// VMALast returns the last page of the VMA that covers p, or of the hole that p lies in.
func (m *Machine) VMALast(p PageID) PageID {
	v := m.Load(m.VMA(p))
	for m.pages[p].Index+1 < m.Region(p).Pages && m.Load(m.VMA(p+1)) == v {
		p++
	}
	return p
}

// IsCOW reports whether VMA flags are those of a private mapping that can be
// made writable: one where a write makes a copy. Compare include/linux/mm.h:is_cow_mapping.
func IsCOW(flags uint64) bool { return flags&(VMShared|VMMayWrite) == VMMayWrite }

// AnonVMA is 1 once the VMAs of a region have an anon_vma. The first anonymous
// fault attaches it; fork copies it, which gives the child one of its own beneath.
func (m *Machine) AnonVMA(mm, region int) Word { return m.at(m.anonVMA, mm*m.regions+region) }

// Linked are the pages of a region that VMAs in the tree of its file (i_mmap) cover, a bit each: a walk of the file's reverse mapping finds
// those. It is there if RmapLocks is; elsewhere nobody sees the difference between a VMA that is taken out of its mm and one that is taken
// out of the file's tree, which munmap does later.
func (m *Machine) Linked(mm, region int) Word { return m.at(m.linked, mm*m.regions+region) }

// Link puts the VMA that covers a page into the tree of the file, or takes it out. Compare mm/vma.c:vma_link_file.
func (m *Machine) Link(p PageID, in bool) {
	at := &m.pages[p]
	if !m.RmapLocks || !m.Region(p).Kind.OfFile() {
		return
	}
	w := m.Linked(at.MM, at.Region)
	v := m.Load(w) &^ (1 << at.Index)
	if in {
		v |= 1 << at.Index
	}
	m.Store(w, v)
}

// inFileTree reports whether a VMA in the tree of its file covers the page.
func (m *Machine) inFileTree(p PageID) bool {
	if !m.RmapLocks {
		return m.Load(m.VMA(p)) != 0
	}
	at := &m.pages[p]
	return m.Load(m.Linked(at.MM, at.Region))>>at.Index&1 != 0
}

func linkedText(_ int, v uint64) string {
	if v == 0 {
		return "no page"
	}
	var pages []string
	for i := 0; v>>i != 0; i++ {
		if v>>i&1 != 0 {
			pages = append(pages, strconv.Itoa(i))
		}
	}
	return "page " + strings.Join(pages, ", ")
}

// VMALock is the lock of a region's VMAs, encoded as mmap_lock is. (The kernel has one for
// each VMA; those of one region share theirs here.)
func (m *Machine) VMALock(mm, region int) Word { return m.at(m.vmaLock, mm*m.regions+region) }

func vmaText(_ int, v uint64) string {
	if v == 0 {
		return "none"
	}
	var names []string
	for i, n := range vmFlagNames {
		if v>>i&1 != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}
