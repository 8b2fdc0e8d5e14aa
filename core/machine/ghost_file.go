package machine

// Ghosts of files: what a page of a file should hold, and whether its file system
// knows of the writes to it.

// FileShould is what a page of a file should hold: a content plus one, and byDevice if a
// device wrote it; or 0 where nothing is promised. See Should.
func (m *Machine) FileShould(o Pgoff) Word { return m.at(m.fileValue, int(o)) }

// FileWrote notes that the page of a file was written.
func (m *Machine) FileWrote(o Pgoff, content uint64) {
	if m.Track.Values {
		m.Store(m.FileShould(o), content+1)
	}
}

// FileForget notes that nothing is promised about a page of a file any more: it was
// truncated, or a hole punched.
func (m *Machine) FileForget(o Pgoff) {
	if m.Track.Values {
		m.Store(m.FileShould(o), 0)
	}
}

// FileOverwrote notes that the page of a file was written past the page cache, where nothing is promised about it: nobody has written to it since then.
func (m *Machine) FileOverwrote(o Pgoff, content uint64) {
	if m.Track.Values && m.Load(m.FileShould(o)) == 0 {
		m.Store(m.FileShould(o), content+1)
	}
}

// ExcuseFile notes that a page of a file is thrown out of the page cache: pins that were taken where it is mapped shared are of what it was.
func (m *Machine) ExcuseFile(o Pgoff) {
	for p := PageID(0); int(p) < len(m.pages); p++ {
		if at, ok := m.Backing(p); ok && at == o && m.Region(p).Kind == RegionFileShared {
			m.ExcusePins(p)
		}
	}
}

// AlarmOfFile marks, in what raised an alarm, a page of a file (Pgoff) in the place of one of an mm.
const AlarmOfFile = 1 << 32

// FileRead notes that the page of a file was read, and raises the alarm if it held
// something else than what was written last.
func (m *Machine) FileRead(o Pgoff, content uint64) {
	if !m.Track.Values {
		return
	}
	v := m.Load(m.FileShould(o))
	switch {
	case v == 0 || v&^byDevice == content+1:
	case v&byDevice != 0:
		m.Raise(AlarmLostDMA, AlarmOfFile|uint64(o))
	default:
		m.Raise(AlarmLostStore, AlarmOfFile|uint64(o))
	}
}

// Notice is what a file system knows of writes to a folio.
const (
	NoticeTracked   uint64 = 1 << iota // it must be asked before each
	NoticePrepared                     // it was, since the page was last cleaned
	NoticeWriteback                    // the device reads the page
)

// Notice is the ghost of a folio; see NoticeTracked.
func (m *Machine) Notice(f Frame) Word { return m.at(m.notice, int(f)) }

// notices reports whether it is kept: there are files, or a swap device that wants pages still.
func (m *Machine) notices() bool { return m.Track.Notice && (len(m.Files) > 0 || m.StableSwap) }

// SwapReads notes that the swap device begins, or has ended, to read a folio that it wants still meanwhile.
func (m *Machine) SwapReads(f Frame, reads bool) {
	switch {
	case !m.StableSwap:
	case reads:
		m.SetNotice(f, NoticeWriteback, 0)
	default:
		m.SetNotice(f, 0, NoticeWriteback)
	}
}

// SetNotice sets and clears bits of a folio's Notice.
func (m *Machine) SetNotice(f Frame, set, clear uint64) {
	if m.notices() {
		w := m.Notice(f)
		m.Store(w, m.Load(w)&^clear|set)
	}
}

// MoveNotice moves the Notice of a folio that is moved to another.
func (m *Machine) MoveNotice(from, to Frame) {
	if m.notices() {
		m.Store(m.Notice(to), m.Load(m.Notice(from)))
		m.Store(m.Notice(from), 0)
	}
}

// StoredTo notes that a CPU or a device has stored to a frame; asked says that the
// file system itself does it.
func (m *Machine) StoredTo(f Frame, asked bool) {
	m.storedBehind(f)
	if !m.notices() {
		return
	}
	n := m.Load(m.Notice(f))
	if n&NoticeTracked != 0 && n&NoticePrepared == 0 && !asked {
		m.Raise(AlarmUnnoticedStore, uint64(f))
	}
	if n&NoticeWriteback != 0 {
		m.Raise(AlarmUnstable, uint64(f))
	}
}

// Dirtied notes that a folio was marked dirty, and raises the alarm if its file
// system must be asked before, and was not.
func (m *Machine) Dirtied(f Frame) {
	if m.notices() && m.Load(m.Notice(f))&(NoticeTracked|NoticePrepared) == NoticeTracked {
		m.Raise(AlarmUnexpectedDirty, uint64(f))
	}
}

func noticeText(_ int, v uint64) string {
	s := "nothing to know"
	if v&NoticeTracked != 0 {
		s = "not asked since the page was cleaned"
	}
	if v&NoticePrepared != 0 {
		s = "asked"
	}
	if v&NoticeWriteback != 0 {
		s += ", under writeback"
	}
	return s
}

func (m *Machine) fileShouldText(_ int, v uint64) string {
	if v == 0 {
		return "anything"
	}
	return m.Content(v&^byDevice - 1)
}

// resolveFile is Resolve for a page that is not mapped.
func (m *Machine) resolveFile(p PageID) (f Frame, slot int, ok bool) {
	o, file := m.Backing(p)
	if !file {
		return 0, -1, false
	}
	v := m.Load(m.CacheSlot(o))
	if f, ok := Cached(v); ok {
		return f, -1, true
	}
	if e := Entry(v); e.IsSwap() {
		if h := Hold(m.Load(m.SwapCache(e.Slot()))); h.Some() {
			return h.Frame(), e.Slot(), true
		}
		return 0, e.Slot(), false
	}
	return 0, -1, false
}

// FileHolds reports whether a content is what the page of a file should hold.
func (m *Machine) FileHolds(o Pgoff, content uint64) bool {
	v := m.Load(m.FileShould(o))
	return v == 0 || v&^byDevice == content+1
}

// StillPromised reports whether the frame is, after the owner has given up the page at which it was mapped shared, still
// its file's, and something is promised about what the file holds there: not where it was truncated.
func (m *Machine) StillPromised(p PageID, f Frame) bool {
	o, ok := m.Backing(p)
	if !ok || m.Region(p).Kind != RegionFileShared || m.Load(m.FileShould(o)) == 0 {
		return false
	}
	now, _, cached := m.resolveFile(p)
	return cached && now == f
}

// FileShouldText is what a page of a file should hold, in words.
func (m *Machine) FileShouldText(o Pgoff) string { return m.fileShouldText(0, m.Peek(m.FileShould(o))) }
