package machine

import "gupscope/core/cell"

// Ghosts of copies that take the place of what they were made of: where a page is moved (migration), and where
// small pages become a huge one (collapse). Between the copy and the switch nothing may be stored to the
// old page, because nobody would copy that:
//
//	CPU0 (a stale TLB entry)           CPU1 (migration)
//	                                   copy the content
//	store to the old page
//	                                   the new page takes its place

// Life of a page that is being copied.
const (
	copyNone   uint64 = iota
	copyMade          // it was copied: the copy is to take its place
	copyMissed        // and stored to since: the copy does not have that
)

// CopyOf is what became of the frame's page since it was copied, to be replaced; it is there if Track.Copies.
func (m *Machine) CopyOf(f Frame) Word { return m.at(m.copyOf, int(f)) }

// Copied notes that the page was copied, and that the copy is to take its place.
func (m *Machine) Copied(f Frame) {
	if m.Track.Copies {
		m.Store(m.CopyOf(f), copyMade)
	}
}

// NotReplaced notes that the page stays where it is: the copy is thrown away.
func (m *Machine) NotReplaced(f Frame) {
	if m.Track.Copies {
		m.Store(m.CopyOf(f), copyNone)
	}
}

// Replaced notes that the copy has taken the page's place, and raises the alarm if it lacks something.
func (m *Machine) Replaced(f Frame) {
	if !m.Track.Copies {
		return
	}
	if m.Load(m.CopyOf(f)) == copyMissed {
		m.Raise(AlarmMissedStore, uint64(f))
	}
	m.Store(m.CopyOf(f), copyNone)
}

// storedBehind notes that something was stored to the frame.
func (m *Machine) storedBehind(f Frame) {
	if m.Track.Copies && m.Load(m.CopyOf(f)) == copyMade {
		m.Store(m.CopyOf(f), copyMissed)
	}
}

func (m *Machine) layoutCopies(l *cell.Layout) {
	if m.Track.Copies {
		m.copyOf = l.Add(m.nframe, cell.Region{Class: Ghosts, Owner: "ghost", Of: func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, Name: numbered("folio %d: its copy"), Decode: func(_ int, v uint64) string {
			return [...]string{"none", "made", "made, and lacks a store"}[v]
		}})
	}
}
