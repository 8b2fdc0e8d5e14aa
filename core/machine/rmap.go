package machine

// Folio.mapping is 0 or names what the folio belongs to. The two lowest bits say what
// that is, as in the kernel: 1 an anon_vma, 3 a stable node of KSM, 0 a file.
const (
	mappingAnon = 1
	mappingKSM  = 3
	mappingTag  = 3
)

// AnonMapping is the mapping of an anonymous folio: the anon_vma of a region of an mm, of no room.
func AnonMapping(mm, region int) uint64 { return uint64(mm+1)<<16 | uint64(region)<<8 | mappingAnon }

// FileMapping is the mapping of a folio of the page cache.
func FileMapping(file int) uint64 { return uint64(file+1) << 16 }

// KSMMapping is the mapping of a folio that KSM shares.
func KSMMapping(node int) uint64 { return uint64(node+1)<<16 | mappingKSM }

// MappingMM returns the mm whose anon_vma a mapping names, or -1.
func MappingMM(mapping uint64) int {
	if mapping&mappingTag != mappingAnon {
		return -1
	}
	return int(mapping>>16) - 1
}

// MappingRegion returns the region whose anon_vma a mapping names, or -1.
func MappingRegion(mapping uint64) int {
	if mapping&mappingTag != mappingAnon {
		return -1
	}
	return int(mapping >> 8 & 0xff)
}

// MappingFile returns the file that a mapping names, or -1.
func MappingFile(mapping uint64) int {
	if mapping&mappingTag != 0 {
		return -1
	}
	return int(mapping>>16) - 1
}

// MappingKSM returns the stable node that a mapping names, or -1.
func MappingKSM(mapping uint64) int {
	if mapping&mappingTag != mappingKSM {
		return -1
	}
	return int(mapping>>16) - 1
}

// KSMNoNode is the mapping of a folio that KSM has made its own, but that is in no stable node (yet).
const KSMNoNode uint64 = mappingKSM

// IsKSM reports whether a mapping is that of a folio of KSM. Compare include/linux/page-flags.h:folio_test_ksm.
func IsKSM(mapping uint64) bool { return mapping&mappingTag == mappingKSM }

// IsAnon reports whether a mapping is that of an anonymous folio, KSM's among
// them. Compare include/linux/page-flags.h:folio_test_anon.
func IsAnon(mapping uint64) bool { return mapping&mappingAnon != 0 }

// Family returns an mm and all that are forked from it, transitively: those that
// have anon_vmas beneath its.
func (m *Machine) Family(mm int) []int { return m.family[mm] }

// NextMapping returns the first place behind after (NoPage: the first of all)
// where the folio may be mapped, in the order of the walk: an anonymous folio's in the mm
// whose anon_vma its mapping names and in all forked from that, at its index (a large one: at its first page that has such a VMA), there and in each of the region's rooms, if
// their VMAs have an anon_vma; a file's in every VMA that covers its page of the file, or of a large folio some, and there at the first of those; one of KSM's
// where its stable node has items.
// Whether it is mapped there says the PTE.
func (m *Machine) NextMapping(f Frame, after PageID) (PageID, bool) {
	mapping := m.Load(m.Mapping(f))
	if mm := MappingMM(mapping); mm >= 0 {
		return m.nextAnon(mm, MappingRegion(mapping), int(m.Load(m.Index(f))), m.FolioPages(f), after)
	}
	if file := MappingFile(mapping); file >= 0 {
		if o, ok := m.PgoffAt(file, int(m.Load(m.Index(f)))); ok {
			return m.nextOfFolio(o, o+Pgoff(m.FolioPages(f)-1), after)
		}
	}
	if node := MappingKSM(mapping); node >= 0 {
		return m.nextMerged(node, after)
	}
	return NoPage, false
}

// nextOfFolio returns the first page behind after's VMA, in which a VMA covers pages first to last of a file.
func (m *Machine) nextOfFolio(first, last Pgoff, after PageID) (PageID, bool) {
	if first != last && after != NoPage {
		at := m.pages[after]
		r := m.MMs[at.MM].Regions[at.Region]
		after = m.PageAt(at.MM, at.Region, min(m.filePages[last].Index-r.First, r.Pages-1))
	}
	p, _, ok := m.NextOfFile(first, last, after)
	return p, ok
}

func (m *Machine) nextAnon(mm, region, index, pages int, after PageID) (PageID, bool) {
	for _, a := range m.family[mm] {
		for _, r := range m.places(a, region) {
			if p := m.firstAnon(m.PageAt(a, r, index), pages); p > after {
				return p, true
			}
		}
	}
	return NoPage, false
}

// firstAnon returns the first of a number of pages from p on whose VMA has an anon_vma; NoPage if there is none.
func (m *Machine) firstAnon(p PageID, pages int) PageID {
	for last := min(p+PageID(pages), m.HugeEnd(p)); p < last; p++ {
		if m.AnonVMA(p) != 0 {
			return p
		}
	}
	return NoPage
}
