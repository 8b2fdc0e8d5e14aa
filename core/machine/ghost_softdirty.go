package machine

// The ghost of soft-dirty: since when nothing may be written to a page that does not make its entry soft-dirty.

// Watched is 1 where clear_refs has ended for a page, and all TLBs are flushed: whoever writes to it now has had its entry made soft-dirty, or was let through while it was. It
// is there if Config.SoftDirty.
func (m *Machine) Watched(p PageID) Word { return m.at(m.watched, int(p)) }

// Watch notes that clear_refs has ended for a page, or begins.
func (m *Machine) Watch(p PageID, ended bool) {
	if m.Track.Alarms>>AlarmUnwatched&1 == 0 {
		return
	}
	v := uint64(0)
	if ended {
		v = 1
	}
	m.Store(m.Watched(p), v)
}

// WrittenBy notes that a page is written to, or got for writing, by way of an entry that allows it, and raises the alarm if that is not soft-dirty although the page is watched.
func (m *Machine) WrittenBy(e Entry, p PageID) {
	if m.SoftDirty && m.Track.Alarms>>AlarmUnwatched&1 != 0 && !e.Has(SoftDirty) && m.Load(m.Watched(p)) != 0 {
		m.Raise(AlarmUnwatched, uint64(p))
	}
}
