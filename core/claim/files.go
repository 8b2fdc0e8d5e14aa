package claim

import (
	"fmt"

	"gupscope/core/machine"
)

// fileWords are the words that looking a page of a file up may read.
func (m *Model) fileWords() []machine.Word {
	var out []machine.Word
	for o := range m.M.FilePages() {
		out = append(out, m.M.CacheSlot(machine.Pgoff(o)), m.M.Block(machine.Pgoff(o)))
	}
	for f := range m.M.Files {
		out = append(out, m.M.Size(f))
	}
	return out
}

// fileContent is what a page of a file that is not in the page cache reads; false
// behind the file's end.
func (m *Model) fileContent(o machine.Pgoff) (uint64, bool) {
	at := m.M.FilePages()[o]
	return machine.BlockContent(m.M.Load(m.M.Block(o))), at.Index < machine.SizePages(m.M.Load(m.M.Size(at.File)))
}

// cleanPages: when all have finished and nothing is being written, every page of a file that
// is clean or not in memory is on the disk as it was written last. What a device has
// written, and nobody marked dirty yet, is its holder's business.
func cleanPages(m *Model) []predicate {
	var out []predicate
	for i, at := range m.M.FilePages() {
		o := machine.Pgoff(i)
		if !m.M.KindOf(o).OnDisk() {
			continue
		}
		reads := append(m.doneWords(), m.M.CacheSlot(o), m.M.Block(o), m.M.BlockIO(o), m.M.FileShould(o))
		for f := range m.M.FrameCount() {
			reads = append(reads, m.M.Flags(machine.Frame(f)))
		}
		m.M.EachVar(func(t, i int) { reads = append(reads, m.M.VarAt(t, i)) })
		out = append(out, predicate{
			what: at.Name, reads: reads,
			holds: func() bool {
				should := m.M.Load(m.M.FileShould(o))
				if !m.Done() || should == 0 || m.M.Load(m.M.BlockIO(o)) != machine.IOIdle || m.undirtied(o) {
					return true
				}
				f, cached := machine.Cached(m.M.Load(m.M.CacheSlot(o)))
				if cached && m.M.Load(m.M.Flags(f))&machine.PGDirty != 0 {
					return true
				}
				return m.M.FileHolds(o, machine.BlockContent(m.M.Load(m.M.Block(o))))
			},
			why: func() string {
				return fmt.Sprintf("%s is clean, and its disk has %s, not %s", at.Name, m.M.Content(machine.BlockContent(m.M.Peek(m.M.Block(o)))), m.M.FileShouldText(o))
			},
		})
	}
	return out
}

// undirtied reports whether somebody holds the page of a file, has written to it, and has
// not marked it dirty yet.
func (m *Model) undirtied(o machine.Pgoff) bool {
	found := false
	m.M.EachVar(func(t, i int) {
		pin, ok := machine.PinAtOf(m.M.Load(m.M.VarAt(t, i)))
		if ok && pin.Undirtied {
			at, file := m.M.Backing(pin.Page)
			found = found || file && at == o
		}
	})
	return found
}
