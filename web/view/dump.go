package view

import (
	"fmt"
	"hash/fnv"
	"math/bits"
	"strings"

	"gupscope/core/machine"
)

// entirelyMapped is what _nr_pages_mapped has added while a PMD maps the whole folio.
// compare mm/internal.h:ENTIRELY_MAPPED
const entirelyMapped = 0x800000

// dump is what dump_page() prints of a page: the line of the page, of a large folio that of its head, and its flags.
// compare mm/debug.c:__dump_folio
func (n *now) dump(f machine.Frame) string {
	m := n.m
	head := m.PeekHead(f)
	large := m.PeekLarge(head)
	mapcount := int64(m.Peek(m.Mapcount(f)))
	all, entire, mapped := int64(0), int64(0), 0
	if large {
		all, entire, mapped = n.mapcounts(head)
		mapcount += entire
	}
	s := fmt.Sprintf("page: refcount:%d mapcount:%d mapping:%s index:%s pfn:%s", int64(m.Peek(m.Ref(head))), mapcount, n.mappingPointer(head),
		n.pgoff(head, f), prefixed(uint64(f)))
	if !large {
		return s + n.dumpFlags(head, large)
	}
	pages := m.HugePages
	if entire > 0 {
		mapped += entirelyMapped
	}
	return s + fmt.Sprintf("\nhead: order:%d mapcount:%d entire_mapcount:%d nr_pages_mapped:%d pincount:%d", bits.Len(uint(pages))-1, all, entire, mapped, int64(m.Peek(m.Pincount(head)))) +
		n.dumpFlags(head, large)
}

// pgoff is page_to_pgoff(): of anonymous memory what linear_page_index() makes of the address, as vm_pgoff of a new anonymous VMA is vm_start in pages; in a
// private mapping of a file the file's page. The machine's word has the page's number in its region. Which region a page of KSM was first in, nothing tells.
// compare include/linux/pagemap.h:linear_page_index, mm/vma.c:__mmap_new_vma, both from memory
func (n *now) pgoff(head, f machine.Frame) string {
	m := n.m
	index, mapping := m.Peek(m.Index(head)), m.Peek(m.Mapping(head))
	if machine.IsKSM(mapping) {
		return "0x…"
	}
	if mm := machine.MappingMM(mapping); mm >= 0 {
		first := m.PageAt(mm, machine.MappingRegion(mapping), int(index))
		if r := m.Region(first); r.Kind == machine.RegionFilePrivate {
			index += uint64(r.First)
		} else {
			index = m.Pages()[first].Addr >> 12
		}
	}
	return prefixed(index + uint64(f-head))
}

// dumpFlags is the line of the flags. The names and their order are read in source (6.1, 6.9, 6.12). What the number is, and what follows the names (node, zone, lastcpupid),
// is the configuration's, which no machine here has: an ellipsis stands for them.
// compare include/trace/events/mmflags.h:__def_pageflag_names
func (n *now) dumpFlags(head machine.Frame, large bool) string {
	m := n.m
	flags := m.Peek(m.Flags(head))
	var names []string
	add := func(is bool, name string) {
		if is {
			names = append(names, name)
		}
	}
	own := n.r.Model.Kernel.Version.Order >= 612 // PG_anon_exclusive is PG_owner_2 from then on, and was PG_mappedtodisk
	add(m.Peek(m.FolioLock(head)) != 0, "locked")
	add(flags&machine.PGReferenced != 0, "referenced")
	add(flags&machine.PGUptodate != 0, "uptodate")
	add(flags&machine.PGDirty != 0, "dirty")
	add(flags&machine.PGLRU != 0, "lru")
	add(flags&machine.PGActive != 0, "active")
	add(flags&machine.PGSwapCache != 0, "owner_priv_1")
	add(flags&machine.PGAnonExclusive != 0 && own, "owner_2")
	add(flags&machine.PGWriteback != 0, "writeback")
	add(large, "head")
	add(flags&machine.PGAnonExclusive != 0 && !own, "mappedtodisk")
	add(flags&machine.PGSwapBacked != 0, "swapbacked")
	add(flags&machine.PGHWPoison != 0, "hwpoison")
	kind := ""
	switch mapping := m.Peek(m.Mapping(head)); {
	case machine.IsKSM(mapping):
		kind = "ksm "
	case machine.MappingMM(mapping) >= 0:
		kind = "anon "
	}
	return "\n" + kind + "flags: 0x…(" + strings.Join(append(names, "…"), "|") + ")"
}

// mapcounts are, of a large folio: how many entries map pages of it, how many of these are PMDs, which map all of it, and how many pages PTEs map.
func (n *now) mapcounts(head machine.Frame) (all, entire int64, mapped int) {
	m := n.m
	entire = int64(m.Peek(m.EntireMapcount(head)))
	all = entire
	for i := range m.FolioPages(head) {
		if c := int64(m.Peek(m.Mapcount(head + machine.Frame(i)))); c > 0 {
			mapped++
			all += c
		}
	}
	return all, entire, mapped
}

// mappingPointer is what %p makes of folio_mapping(): a hash of the pointer to the address_space, zeros where
// there is none. Anonymous memory has none, unless it is in the swap cache.
func (n *now) mappingPointer(f machine.Frame) string {
	m := n.m
	space := ""
	if file := machine.MappingFile(m.Peek(m.Mapping(f))); file >= 0 {
		space = "file " + m.Files[file].Name
	} else if m.Peek(m.FolioSwap(f)) != 0 {
		space = "swap"
	}
	if space == "" {
		return "0000000000000000"
	}
	h := fnv.New32a()
	h.Write([]byte(space))
	return fmt.Sprintf("00000000%08x", h.Sum32())
}

// prefixed is the kernel's %#lx, which has its 0x before a zero, too.
func prefixed(v uint64) string { return fmt.Sprintf("0x%x", v) }
