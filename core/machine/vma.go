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
	VMPFNMap      // memory without struct pages: with VM_IO, as remap_pfn_range() sets both
	VMMixedMap    // pages with and without: vm_insert_mixed()
	VMAccount     // read-only, but accounted, from when it could be written to: see Accounted
	VMNoSoftDirty // VM_SOFTDIRTY is clear: who writes is watched. (The kernel sets that flag in every VMA that is new.)
	VMApart       // no flag of the kernel: a VMA begins here, though the one before it has the same flags

	vmPkeyShift = iota // VM_PKEY_BIT0 to 3: see VMAPkey

	// VMPkey are the bits of the protection key.
	VMPkey uint64 = 15 << vmPkeyShift

	VMGrowsDown uint64 = 1 << (vmPkeyShift + 4) // a stack: see expand_stack()

	// VMAccess is what makes a VMA accessible at all: PROT_NONE has none of it.
	VMAccess = VMRead | VMWrite | VMExec
)

var vmFlagNames = []string{"read", "write", "exec", "shared", "mayread", "maywrite", "mayexec", "mayshare", "hugepage", "nohugepage", "mergeable", "locked", "hugetlb", "dontcopy", "wipeonfork", "pfnmap", "mixedmap", "account", "watched", "apart"}

// VMA is the flags of the VMA that covers the page; 0 where there is none. A VMA
// is a maximal run of pages of a region with the same flags, in which no page but the first is marked VMApart: munmap, mprotect and madvise of one
// page change its word, and splitting and merging follow. (Two VMAs may be next to each other, have the same flags, and be two for all that: see AnonVMA.)
func (m *Machine) VMA(p PageID) Word { return m.at(m.vma, int(p)) }

// VMAFirst returns the first page of the VMA that covers p, or of the hole that p lies in.
func (m *Machine) VMAFirst(p PageID) PageID {
	for v := m.Load(m.VMA(p)); m.pages[p].Index > 0 && v&VMApart == 0; p-- {
		before := m.Load(m.VMA(p - 1))
		if before&^VMApart != v {
			break
		}
		v = before
	}
	return p
}

// VMALast returns the last page of the VMA that covers p, or of the hole that p lies in.
func (m *Machine) VMALast(p PageID) PageID {
	v := m.Load(m.VMA(p)) &^ VMApart
	for m.pages[p].Index+1 < m.Region(p).Pages && m.Load(m.VMA(p+1)) == v {
		p++
	}
	return p
}

// VMFlags are the flags of the VMA that covers the page, as the kernel has them.
func (m *Machine) VMFlags(p PageID) uint64 { return m.Load(m.VMA(p)) &^ VMApart }

// Apart notes whether a VMA begins at p, in a word of its own where the flags do not tell.
func (m *Machine) Apart(p PageID, begins bool) {
	v := m.Load(m.VMA(p))
	is := v &^ VMApart
	if begins && v != 0 && m.pages[p].Index > 0 && m.VMFlags(p-1) == is {
		is |= VMApart
	}
	if is != v {
		m.Store(m.VMA(p), is)
	}
}

// Accounted reports whether VMA flags are those of memory that counts as committed: private, and not hugetlb's, and it can be written to, or
// once could. VMAccount says the last.
func Accounted(flags uint64) bool {
	return flags&(VMShared|VMHugetlb) == 0 && flags&(VMWrite|VMAccount) != 0
}

// IsCOW reports whether VMA flags are those of a private mapping that can be
// made writable: one where a write makes a copy. Compare include/linux/mm.h:is_cow_mapping.
func IsCOW(flags uint64) bool { return flags&(VMShared|VMMayWrite) == VMMayWrite }

// AnonVMA is the anon_vma of the VMA that covers the page; 0: it has none. One has a number: of the page at which the VMA began for which it was made,
// plus one. VMAs of a region of an mm that have the same number have the same anon_vma: they were one. AnonForked is in it where fork has made it:
// then the VMA is in its parent's, too.
//
// The first anonymous fault in a VMA attaches it; fork copies it, which gives the child one of its own beneath.
func (m *Machine) AnonVMA(p PageID) uint64 {
	w, shift := m.anonWord(p)
	return m.Load(w) >> shift & (1<<anonBits - 1)
}

// SetAnonVMA attaches an anon_vma to the VMA that covers pages first to last, or takes it from there.
func (m *Machine) SetAnonVMA(first, last PageID, anon uint64) {
	for p := first; p <= last; p++ {
		w, shift := m.anonWord(p)
		if v := m.Load(w); v>>shift&(1<<anonBits-1) != anon {
			m.Store(w, v&^((1<<anonBits-1)<<shift)|anon<<shift)
		}
	}
}

// AnonForked is set in an AnonVMA that was made by fork.
const AnonForked = 1 << (anonBits - 1)

// anonBits are the bits of an AnonVMA; a word has those of so many pages.
const (
	anonBits  = 16
	anonPages = 64 / anonBits
)

func (m *Machine) anonWord(p PageID) (Word, int) {
	at := &m.pages[p]
	return m.at(m.anonVMA, (at.MM*m.regions+at.Region)*m.anonWords+at.Index/anonPages), at.Index % anonPages * anonBits
}

// anonText says which pages' VMAs have an anon_vma, those with the same one together.
func (m *Machine) anonText(i int, v uint64) string {
	mm, r, first := i/m.anonWords/m.regions, i/m.anonWords%m.regions, i%m.anonWords*anonPages
	if v == 0 || r >= len(m.MMs[mm].Regions) {
		return "none"
	}
	var each []string
	one, last := true, uint64(0)
	for k := 0; k < anonPages && first+k < m.MMs[mm].Regions[r].Pages; k++ {
		at := v >> (k * anonBits) & (1<<anonBits - 1)
		switch {
		case at != 0 && at == last:
			each[len(each)-1] += ", " + strconv.Itoa(first+k)
		case at != 0:
			each = append(each, "page "+strconv.Itoa(first+k))
		}
		one = one && at != 0 && (k == 0 || at == last)
		last = at
	}
	if one {
		return "attached"
	}
	return strings.Join(each, "; ")
}

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
	if v&VMGrowsDown != 0 {
		names = append(names, "growsdown")
	}
	if k := VMAPkey(v); k != 0 {
		names = append(names, "pkey "+strconv.Itoa(k))
	}
	return strings.Join(names, " ")
}
