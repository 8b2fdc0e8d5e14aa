package machine

// Ghosts of values: what the pages of an mm should read, and who stored last to a frame.

// Should is what memory should read at a page: a content plus one, and byDevice
// if a device wrote it; or 0 where nothing is promised.
func (m *Machine) Should(p PageID) Word {
	if o, ok := m.Backing(p); ok && m.Region(p).Kind == RegionFileShared {
		return m.FileShould(o) // whoever maps it, or reads the file, finds the same
	}
	return m.at(m.value, int(m.HomePage(p))) // mremap takes the promise along
}

const byDevice = 1 << 33

// Wrote notes that the process has written to the page.
func (m *Machine) Wrote(p PageID, content uint64) { m.wrote(p, content+1) }

// DeviceWrote notes that a device has written to the page through GUP.
func (m *Machine) DeviceWrote(p PageID, content uint64) { m.wrote(p, content+1|byDevice) }

// Discarding notes that the owner is giving up what the page reads. What is in a file stays there.
func (m *Machine) Discarding(p PageID) {
	if m.Track.Values && m.Region(p).Kind != RegionFileShared {
		m.Store(m.Should(p), discarding)
	}
}

// Discarded notes that the page has been discarded on every CPU: what is stored
// from now on is promised again.
func (m *Machine) Discarded(p PageID) {
	if m.Load(m.Should(p)) == discarding {
		m.Store(m.Should(p), 0)
	}
}

// discarding is what a page should read while its owner discards it: a store
// may hit the old page or the new one.
const discarding = 1 << 32

// Inherited notes that a page of a child being forked reads what its parent's does.
func (m *Machine) Inherited(parent, child PageID) {
	if v := m.Load(m.Should(parent)); m.Track.Values && v != discarding && m.promised(parent) {
		m.Store(m.Should(child), v)
	}
}

// Forking is the child that an mm is being forked to, plus one; 0 while it is not. In the bits above, how often it
// was forked, if Track.Stores.
func (m *Machine) Forking(mm int) Word { return m.at(m.forking, mm) }

// mmBits is how many bits of a ghost name an mm; behind them is how often it was forked.
const mmBits = 8

// SetForking notes that the mm is being forked to the child (-1: no more).
func (m *Machine) SetForking(mm, child int) {
	if !m.Track.Values && !m.Track.Stores {
		return
	}
	forks := m.Load(m.Forking(mm)) >> mmBits
	if m.Track.Stores && child < 0 {
		forks++
	}
	m.Store(m.Forking(mm), forks<<mmBits|uint64(child+1))
}

// forkingTo is the child that the mm is being forked to, plus one; 0 while it is not.
func (m *Machine) forkingTo(mm int) uint64 { return m.Load(m.Forking(mm)) & (1<<mmBits - 1) }

func (m *Machine) wrote(p PageID, v uint64) {
	if !m.Track.Values || !m.promised(p) {
		return
	}
	// A fork under way may copy what was there before or after.
	if child := m.forkingTo(m.pages[p].MM); child != 0 {
		m.Forget(m.Twin(p, int(child-1)))
	}
	if m.Track.Values && m.Load(m.Should(p)) != discarding {
		m.Store(m.Should(p), v)
	}
}

// Forget notes that nothing is promised about what the page reads any more. While its owner discards it, it stays so.
func (m *Machine) Forget(p PageID) {
	if m.Track.Values && m.Load(m.Should(p)) != discarding {
		m.Store(m.Should(p), 0)
	}
}

// Storer is the mm whose thread stored last to the frame through private memory of its own, plus one, and how often that was
// forked until then; 0 if nobody has since the frame was allocated. It is there if Track.Stores.
func (m *Machine) Storer(f Frame) Word { return m.at(m.storer, int(f)) }

// StoredSinceFork returns the mm whose thread stored last to the frame, and has not been forked since; false if there is none.
func (m *Machine) StoredSinceFork(f Frame, load func(Word) uint64) (mm int, ok bool) {
	v := load(m.Storer(f))
	if v == 0 {
		return 0, false
	}
	mm = int(v&(1<<mmBits-1)) - 1
	return mm, v>>mmBits == load(m.Forking(mm))>>mmBits
}

// Stored notes that a thread has stored to the frame. What it stores while it is being forked, its child may see.
func (m *Machine) Stored(p PageID, f Frame) {
	if kind := m.Region(p).Kind; m.Track.Stores && kind != RegionFileShared && kind != RegionPFN && m.forkingTo(m.pages[p].MM) == 0 {
		m.Store(m.Storer(f), uint64(m.pages[p].MM)+1|m.Load(m.Forking(m.pages[p].MM)))
	}
}

// Read notes that the process has read the page, and raises the alarm if it got
// something else than what was last written.
func (m *Machine) Read(p PageID, content uint64) {
	if !m.Track.Values {
		return
	}
	if lost, device := m.Lost(p, content); lost && device {
		m.Raise(AlarmLostDMA, uint64(p))
	} else if lost {
		m.Raise(AlarmLostStore, uint64(p))
	}
}

// Lost reports whether a content is not what the page should read, and whether a
// device wrote what is lost.
func (m *Machine) Lost(p PageID, content uint64) (lost, device bool) {
	v := m.Load(m.Should(p))
	if v == 0 || v == discarding {
		return false, false
	}
	return v&^byDevice != content+1, v&byDevice != 0
}

// ShouldText is what the page should read, in words.
func (m *Machine) ShouldText(p PageID) string {
	v := m.Peek(m.Should(p))
	if v == 0 || v == discarding {
		return "anything"
	}
	return m.Content(v&^byDevice - 1)
}
