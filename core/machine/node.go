package machine

import (
	"slices"

	"gupscope/core/cell"
)

// Nodes and zones. Every frame lies in a zone of a node, for good: there are no cells for it. A machine
// whose Config names no zones has one, ZONE_NORMAL of node 0.

// A Zone is a part of a node's memory.
type Zone struct {
	Node    int
	Movable bool // ZONE_MOVABLE: only what can be moved away again is allocated here
	CMA     bool // pageblocks of MIGRATE_CMA: lent to what can be moved away, until a device wants them
}

func (z Zone) String() string {
	s := "node " + string(rune('0'+z.Node))
	switch {
	case z.Movable:
		s += ", ZONE_MOVABLE"
	case z.CMA:
		s += ", CMA"
	}
	return s
}

// LongtermPinnable reports whether a page of the zone may be pinned for long. Compare include/linux/mm.h:folio_is_longterm_pinnable.
func (z Zone) LongtermPinnable() bool { return !z.Movable && !z.CMA }

// ZoneOf returns the zone that a frame lies in.
func (m *Machine) ZoneOf(f Frame) Zone {
	if len(m.Zones) == 0 {
		return Zone{}
	}
	return m.Zones[m.zone(int(f))]
}

// zone is the place of a frame's zone in Zones: the first, unless FrameZones says otherwise. Every zone has an
// equal part of the pool of hugetlb.
func (m *Machine) zone(f int) int {
	if m.IsHugetlb(Frame(f)) {
		return (f - m.hugetlbBase()) * len(m.Zones) / m.Hugetlb
	}
	if f < len(m.FrameZones) {
		return int(m.FrameZones[f])
	}
	return 0
}

// NodeOfCPU returns the node that a CPU belongs to.
func (m *Machine) NodeOfCPU(cpu int) int {
	if cpu < len(m.CPUNodes) {
		return m.CPUNodes[cpu]
	}
	return 0
}

// HasNode reports whether a node has memory.
func (m *Machine) HasNode(node int) bool {
	if len(m.Zones) == 0 {
		return node == 0
	}
	return slices.ContainsFunc(m.Zones, func(z Zone) bool { return z.Node == node })
}

// Zonelist returns the zones that an allocation may fall back to, as indices, in the kernel's order: those
// of the node first, ZONE_MOVABLE before ZONE_NORMAL, and CMA last. thisNode leaves other nodes out, noMovable ZONE_MOVABLE, noCMA CMA.
// Compare mm/page_alloc.c:build_zonelists, gfp_zone, gfp_to_alloc_flags_cma.
func (m *Machine) Zonelist(node int, thisNode, noMovable, noCMA bool) []int {
	var out []int
	for _, other := range []bool{false, true} {
		for _, kind := range []Zone{{Movable: true}, {}, {CMA: true}} {
			for i, z := range m.Zones {
				if z.Movable == kind.Movable && z.CMA == kind.CMA && (z.Node != node) == other && !(other && thisNode) && !(z.Movable && noMovable) && !(z.CMA && noCMA) {
					out = append(out, i)
				}
			}
		}
	}
	return out
}

// OffersIn is Offers for data, of some zones: for each the free frames that a stale capture names, and one of
// the others.
func (m *Machine) OffersIn(zones []int, f func(Frame)) {
	m.noteFree()
	stale := m.staleFrames()
	for _, z := range zones {
		m.offerZone(z, stale, f)
	}
}

func (m *Machine) offerZone(zone int, stale []int, f func(Frame)) {
	first, end := m.pool(false)
	best, whole := 0, 0
	for id := m.Mem.Zero(first, end); id < end && best == 0; id = m.Mem.Zero(id+1, end) {
		i := int(id - m.alloc)
		switch block := i / m.HugePages * m.HugePages; {
		case m.zone(i) != zone || slices.Contains(stale, i):
		case m.LargeFolios && block > 0 && block+m.HugePages <= m.Frames+1 && m.freeBlock(block):
			if whole == 0 {
				whole = i
			}
			if !slices.ContainsFunc(stale, func(i int) bool { return i/m.HugePages*m.HugePages == block }) {
				id = m.alloc + cell.ID(block+m.HugePages-1)
			}
		default:
			best = i
		}
	}
	if best == 0 {
		best = whole
	}
	for _, i := range stale {
		if i > 0 && i <= m.Frames && m.zone(i) == zone && m.Peek(m.State(Frame(i))) == FrameFree {
			f(Frame(i))
		}
	}
	if best != 0 {
		f(Frame(best))
	}
}

// AvailableIn reports whether an allocation may take any frame of some zones now.
func (m *Machine) AvailableIn(zones []int) bool {
	first, end := m.pool(false)
	m.Mem.Note(first, end)
	for id := m.Mem.Zero(first, end); id < end; id = m.Mem.Zero(id+1, end) {
		if slices.Contains(zones, m.zone(int(id-m.alloc))) {
			return true
		}
	}
	return false
}

// OffersBlocksIn is OffersBlocks of some zones, each by itself. A block lies in one zone.
func (m *Machine) OffersBlocksIn(zones []int, f func(head Frame)) {
	for _, z := range zones {
		m.offerBlocks(func(head Frame) bool { return m.zone(int(head)) == z }, f)
	}
}
