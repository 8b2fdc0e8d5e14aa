package view

import (
	"fmt"
	"hash/fnv"
	"math/bits"

	"gupscope/core/machine"
)

// entirelyMapped is what _nr_pages_mapped has added while a PMD maps the whole folio.
// compare mm/internal.h:ENTIRELY_MAPPED
const entirelyMapped = 0x800000

// dump is what dump_page() prints of a page: the line of the page, and of a large folio that of its head.
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
		prefixed(m.Peek(m.Index(head))+uint64(f-head)), prefixed(uint64(f)))
	if !large {
		return s
	}
	pages := m.HugePages
	if entire > 0 {
		mapped += entirelyMapped
	}
	return s + fmt.Sprintf("\nhead: order:%d mapcount:%d entire_mapcount:%d nr_pages_mapped:%d pincount:%d", bits.Len(uint(pages))-1, all, entire, mapped, int64(m.Peek(m.Pincount(head))))
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
