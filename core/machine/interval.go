package machine

import "gupscope/core/cell"

// A subscriber to an mm by an interval notifier (mmu_interval_notifier) is a device with a page table of its own, such as an RDMA card with
// on-demand paging. Its entries are filled from the process's page table, hold no reference, and go where the mm tells it to.
//
//	mm A  PTE of buf: frame 1        MTT of buf: frame 1, writable
//
// The mm counts for all its subscribers: active_invalidate_ranges are the invalidations under way; its invalidate_seq is odd
// while there are some that concern one of them. A subscriber has a number of its own, which it sets to the mm's, under its own lock, when it
// is told; so it is always odd. What matters of it is whether it is the mm's, which says that an invalidation is in progress, and whether
// it has moved since a fault read it: so it is kept as these two. A machine has none of these words unless Config.Intervals.

// MTT is the device's entry of a page, as a capture.
func (m *Machine) MTT(p PageID) Word { return m.at(m.mtt, int(p)) }

// UmemMutex is the lock under which the device's driver sets entries and takes them away: umem_mutex.
func (m *Machine) UmemMutex(mm int) Word { return m.at(m.umemMutex, mm) }

// ActiveRanges is how many invalidations are under way: active_invalidate_ranges.
func (m *Machine) ActiveRanges(mm int) Word { return m.at(m.activeRanges, mm) }

// SubscriptionsSeq is the mm's invalidate_seq: 1 if it is odd.
func (m *Machine) SubscriptionsSeq(mm int) Word { return m.at(m.subscriptionsSeq, mm) }

// IntervalSeq is the subscriber's invalidate_seq: the tasks (bit i: task i) that have read it, and for which it is the same still;
// and [IntervalCurrent].
func (m *Machine) IntervalSeq(mm int) Word { return m.at(m.intervalSeq, mm) }

// IntervalCurrent is set in a word of IntervalSeq where the subscriber's number is the mm's.
const IntervalCurrent = 1 << 63

// EachMTT calls f with every page from first to last of which the device has an entry.
func (m *Machine) EachMTT(first, last PageID, f func(p PageID, e Entry)) {
	m.Mem.Note(m.MTT(first).id, m.MTT(last).id+1)
	m.nonzero(m.MTT(first).id, m.MTT(last).id+1, func(w Word) { f(PageID(w.id-m.mtt), Entry(m.Load(w))) })
}

// deviceCaptures calls f with every word of such a device that may capture a frame.
func (m *Machine) deviceCaptures(f func(Word)) {
	if m.Intervals {
		m.nonzero(m.mtt, m.mtt+cell.ID(len(m.pages)), f)
	}
}

// layoutIntervals comes last, so that machines without such a device are laid out as if there were none.
func (m *Machine) layoutIntervals(l *cell.Layout) {
	if !m.Intervals {
		return
	}
	m.mtt = l.Add(len(m.pages), cell.Region{Class: Secondary, Owner: "secondary", Names: m.entryNames, Private: true, Decode: entryText,
		Of: func(i int) cell.Instance { return m.OfMM(m.pages[i].MM) }, Name: func(i int) string { return "MTT of " + m.pages[i].Name }})
	add := func(owner, field string, decode func(int, uint64) string) cell.ID {
		return l.Add(len(m.MMs), cell.Region{Class: Notifiers, Owner: owner, Of: m.OfMM, Name: func(i int) string { return m.MMs[i].Name + " " + field }, Decode: decode})
	}
	m.umemMutex = m.addLocks(l, UmemMutex, len(m.MMs), cell.Region{Class: Notifiers, Of: m.OfMM, Name: func(i int) string { return m.MMs[i].Name + " umem_mutex" }})
	m.activeRanges = add("secondary", "active_invalidate_ranges", nil)
	m.subscriptionsSeq = add("secondary", "invalidate_seq", words("even", "odd"))
	m.intervalSeq = add("secondary", "interval_sub invalidate_seq", func(_ int, v uint64) string {
		out := "another than the mm's"
		if v&IntervalCurrent != 0 {
			out = "the mm's"
		}
		return out + m.readBy(v&^IntervalCurrent)
	})
}

// readBy names the tasks of a set that have read a sequence number.
func (m *Machine) readBy(tasks uint64) string {
	out, sep := "", ", as read by "
	for t, task := range m.Config.Tasks {
		if tasks>>t&1 != 0 {
			out += sep + task.Name
			sep = ", "
		}
	}
	return out
}
