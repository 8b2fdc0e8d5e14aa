package machine

import (
	"fmt"

	"gupscope/core/cell"
)

// What KSM keeps (mm/ksm.c). A stable node stands for a page that KSM shares: it names the frame, and the
// folio's mapping names the node. It has no reference on the folio; a node whose folio does not
// name it back is stale. An rmap_item is what ksmd remembers of one virtual page: the checksum
// of its content at the last scan, whether it is in the unstable tree, and to which stable node it belongs.
//
//	folio 3  mapping: stable node 0          node 0: frame 3
//	A buf[0]  rmap_item: node 0              A buf[2]  rmap_item: last seen as "a"
//	A buf[1]  rmap_item: node 0
//
// The trees are sorted by content in the kernel; here they are gone through in the order of
// nodes and pages, which finds the same page. A machine has none of these words unless Config.KSM.

// An RmapItem is what ksmd remembers of a virtual page. The zero RmapItem is none.
type RmapItem struct {
	Known    bool   // there is one
	Unstable bool   // it is in the unstable tree
	Node     int    // the stable node that it belongs to, -1
	Checksum uint64 // the content that it was seen with, plus one; 0: not seen yet
}

const (
	itemKnown    = 1 << 0
	itemUnstable = 1 << 1
	itemNode     = 8  // from this bit on: the node plus one
	itemChecksum = 32 // from this bit on
)

// Word returns the item as its cell holds it.
func (r RmapItem) Word() uint64 {
	if !r.Known {
		return 0
	}
	v := uint64(itemKnown) | uint64(r.Node+1)<<itemNode | r.Checksum<<itemChecksum
	if r.Unstable {
		v |= itemUnstable
	}
	return v
}

// DecodeRmapItem returns what an item's cell holds.
func DecodeRmapItem(v uint64) RmapItem {
	return RmapItem{v&itemKnown != 0, v&itemUnstable != 0, int(v>>itemNode&(1<<(itemChecksum-itemNode)-1)) - 1, v >> itemChecksum}
}

// RmapItem is the cell of a virtual page's rmap_item; see RmapItem.Word.
func (m *Machine) RmapItem(p PageID) Word { return m.at(m.rmapItem, int(p)) }

// NextRmapItem returns the first page from a page on, up to last, that has an rmap_item for which ok is true.
func (m *Machine) NextRmapItem(from, last PageID, ok func(RmapItem) bool) (PageID, bool) {
	if from > last {
		return NoPage, false
	}
	end := m.rmapItem + cell.ID(last+1)
	m.Mem.Note(m.rmapItem+cell.ID(from), end)
	for id := m.Mem.Nonzero(m.rmapItem+cell.ID(from), end); id < end; id = m.Mem.Nonzero(id+1, end) {
		if ok(DecodeRmapItem(m.Mem.Load(id))) {
			return PageID(id - m.rmapItem), true
		}
	}
	return NoPage, false
}

// LastPage is the last virtual page of all mms.
func (m *Machine) LastPage() PageID { return PageID(len(m.pages) - 1) }

// StableNode is the frame that a stable node names, as [Uncounted]; 0: there is no such node.
func (m *Machine) StableNode(n int) Word { return m.at(m.stableNode, n) }

// StableNodes is how many stable nodes there can be: no more than frames.
func (m *Machine) StableNodes() int { return m.Frames }

// NextStableNode returns the first stable node from n on.
func (m *Machine) NextStableNode(n int) (int, bool) {
	end := m.stableNode + cell.ID(m.StableNodes())
	m.Mem.Note(m.stableNode, end)
	if id := m.Mem.Nonzero(m.stableNode+cell.ID(n), end); id < end {
		return int(id - m.stableNode), true
	}
	return 0, false
}

// NewStableNode returns a stable node that is not there yet.
func (m *Machine) NewStableNode() int {
	end := m.stableNode + cell.ID(m.StableNodes())
	m.Mem.Note(m.stableNode, end)
	id := m.Mem.Zero(m.stableNode, end)
	if id == end {
		panic("machine: more stable nodes than frames: a stale one was not pruned when the tree was searched")
	}
	return int(id - m.stableNode)
}

// MergeOrder is an mm's place in ksmd's list of address spaces, from 1; 0: it is not there (MMF_VM_MERGEABLE).
func (m *Machine) MergeOrder(mm int) Word { return m.at(m.mergeOrder, mm) }

// Register puts an mm at the end of ksmd's list, unless it is there.
// Compare mm/ksm.c:__ksm_enter.
func (m *Machine) Register(mm int) {
	if m.Load(m.MergeOrder(mm)) != 0 {
		return
	}
	last := uint64(0)
	for a := range m.MMs {
		last = max(last, m.Load(m.MergeOrder(a)))
	}
	m.Store(m.MergeOrder(mm), last+1)
}

// Unregister takes an mm out of ksmd's list; those behind it move up.
func (m *Machine) Unregister(mm int) {
	was := m.Load(m.MergeOrder(mm))
	for a := range m.MMs {
		if at := m.Load(m.MergeOrder(a)); at > was {
			m.Store(m.MergeOrder(a), at-1)
		}
	}
	m.Store(m.MergeOrder(mm), 0)
}

// Registered returns the mm at a place of ksmd's list.
func (m *Machine) Registered(place uint64) (int, bool) {
	for a := range m.MMs {
		if m.Load(m.MergeOrder(a)) == place {
			return a, true
		}
	}
	return -1, false
}

// KSMThreadMutex is held by whoever scans.
func (m *Machine) KSMThreadMutex() Word { return m.at(m.ksmMutex, 0) }

// nextMerged returns the first place behind after where a folio of a stable node may be mapped: at
// the address of each of the node's items, in its mm and in all forked from that.
// Compare mm/ksm.c:rmap_walk_ksm.
func (m *Machine) nextMerged(node int, after PageID) (PageID, bool) {
	next := NoPage
	end := m.rmapItem + cell.ID(len(m.pages))
	m.Mem.Note(m.rmapItem, end)
	m.nonzero(m.rmapItem, end, func(w Word) {
		if DecodeRmapItem(m.Load(w)).Node != node {
			return
		}
		item := PageID(w.id - m.rmapItem)
		for _, a := range m.family[m.pages[item].MM] {
			p := m.Twin(item, a)
			if p > after && (next == NoPage || p < next) && m.AnonVMA(p) != 0 {
				next = p
			}
		}
	})
	return next, next != NoPage
}

// layoutKSM comes last, so that machines without KSM are laid out as if there were none.
func (m *Machine) layoutKSM(l *cell.Layout) {
	if !m.KSM {
		return
	}
	m.rmapItem = l.Add(len(m.pages), cell.Region{Class: KSM, Owner: "ksm", Name: func(i int) string { return m.pages[i].Name + ": rmap_item" }, Decode: m.rmapItemText})
	m.stableNode = l.Add(m.StableNodes(), cell.Region{Class: KSM, Owner: "ksm", Names: m.entryNames, Name: numbered("stable node %d"), Decode: func(_ int, v uint64) string {
		if v == 0 {
			return "none"
		}
		return fmt.Sprintf("frame %d", Hold(v).Frame())
	}})
	m.sharedContent = l.Add(m.StableNodes(), cell.Region{Class: Ghosts, Owner: "ghost", Name: numbered("stable node %d: what was shared"), Decode: func(_ int, v uint64) string {
		if v == 0 {
			return "nothing"
		}
		return m.Content(v - 1)
	}})
	m.mergeOrder = l.Add(len(m.MMs), cell.Region{Class: KSM, Owner: "ksm", Name: func(i int) string { return m.MMs[i].Name + ": place in ksmd's list" }})
	m.ksmMutex = m.addLocks(l, KSMThreadMutex, 1, cell.Region{Class: KSM, Name: func(int) string { return "ksm_thread_mutex" }})
}

// SharedContent is a ghost: what the page of a stable node held when KSM began to share it, plus one.
func (m *Machine) SharedContent(node int) Word { return m.at(m.sharedContent, node) }

// Share makes a folio the page of a stable node.
func (m *Machine) Share(node int, f Frame) {
	m.Store(m.StableNode(node), uint64(Uncounted(f)))
	m.Store(m.Mapping(f), KSMMapping(node))
	if m.Track.Shared {
		m.Store(m.SharedContent(node), m.Load(m.Contents(f))+1)
	}
}

// Unshare takes a stable node away. Its folio is gone.
func (m *Machine) Unshare(node int) {
	m.Store(m.StableNode(node), 0)
	m.Store(m.SharedContent(node), 0)
}

// MoveStableNode makes a stable node name the folio that has taken its folio's place, and the old folio name
// no node. The new one's mapping names the node already. Compare mm/ksm.c:folio_migrate_ksm.
func (m *Machine) MoveStableNode(from, to Frame) {
	if node := MappingKSM(m.Load(m.Mapping(from))); node >= 0 {
		m.Store(m.StableNode(node), uint64(Uncounted(to)))
		m.Store(m.Mapping(from), KSMNoNode)
	}
}

// Merged notes that KSM has put its page in the place of another, and raises the alarm if they do not hold the same.
func (m *Machine) Merged(page, kpage Frame) {
	if m.Track.Alarms>>AlarmUnequalMerged&1 != 0 && m.Load(m.Contents(page)) != m.Load(m.Contents(kpage)) {
		m.Raise(AlarmUnequalMerged, uint64(page))
	}
}

func (m *Machine) rmapItemText(_ int, v uint64) string {
	r := DecodeRmapItem(v)
	switch {
	case !r.Known:
		return "none"
	case r.Node >= 0:
		return fmt.Sprintf("of stable node %d", r.Node)
	case r.Unstable:
		return "in the unstable tree"
	case r.Checksum != 0:
		return "last seen as " + m.Content(r.Checksum-1)
	}
	return "not seen yet"
}

// staleNodes calls f with every free frame that a stable node still names: it is not like the others.
func (m *Machine) staleNodes(f func(Frame)) {
	for n, ok := m.NextStableNode(0); ok; n, ok = m.NextStableNode(n + 1) {
		if frame := Hold(m.Load(m.StableNode(n))).Frame(); m.Load(m.State(frame)) == FrameFree {
			f(frame)
		}
	}
}
