package kernel

import (
	"slices"

	"gupscope/core/machine"
)

// A FileSetup is one file.
type FileSetup struct {
	Name  string
	Kind  machine.FileKind
	Pages int      // its size at the start
	Fill  []string // the content of its first pages; further pages are holes
	State FileState
	Room  int  // pages that it may come to have; 0: as many as are mapped or named by a task
	PMD   bool // of shmem: faults map its huge pages by PMD entries
	// Foreign: the processes neither own it nor may open it for writing; those that have it mapped writable have got it open from somebody who may.
	Foreign bool
}

// A FileState says how the filled pages of a file stand at the start.
type FileState uint8

const (
	// FileCached: written and synced: in the page cache, clean, with buffers, its blocks
	// written. On shmem: in the page cache, dirty.
	FileCached FileState = iota
	// FileRead: on its disk, and read in: clean, without buffers.
	FileRead
	// FileDirty: written over what is on the disk: dirty, its blocks hold nothing yet (delayed allocation).
	FileDirty
	// FileDropped: on its disk alone, in no page cache. On shmem: in swap.
	FileDropped
	// FileHuge: of shmem: in the page cache, dirty, as huge pages.
	FileHuge
)

// room is how many pages of a file the machine needs: what it has, what is mapped of
// it, and what a program names of it.
func (s *Setup) room(file int) int {
	n := max(s.Files[file].Pages, s.Files[file].Room)
	for _, mm := range s.MMs {
		for _, v := range mm.Regions {
			if v.Kind == machine.RegionFilePrivate || v.Kind == machine.RegionFileShared {
				if v.File == file {
					n = max(n, v.First+v.Pages)
				}
			}
		}
	}
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			for i, p := range st.Call.Params {
				switch {
				case p.Kind == FilePageParam && st.Args[i].File == file:
					n = max(n, st.Args[i].Page+1)
				case p.Kind == NumberParam && i > 0 && st.Call.Params[0].Kind == FileParam && st.Args[0].File == file:
					n = max(n, st.Args[i].Number)
				}
			}
		}
	}
	return n
}

// cachedAtStart is how many folios of files there are at the start.
func (s *Setup) cachedAtStart() int {
	n := 0
	for _, f := range s.Files {
		if f.State != FileDropped && f.State != FileHuge && f.Kind != machine.Hugetlbfs {
			n += len(f.Fill)
		}
	}
	return n
}

// hugeAtStart is how many pages huge pages of files have at the start.
func (s *Setup) hugeAtStart() int {
	n := 0
	for _, f := range s.Files {
		if f.State == FileHuge {
			n += RoundUp(len(f.Fill), max(s.HugePages, 2))
		}
	}
	return n
}

// RoundUp is how many pages the huge pages have, of so many each, that the first pages of something lie in.
func RoundUp(pages, each int) int { return (pages + each - 1) / each * each }

// files builds the files as they are at the start.
func (s *Sim) files(frame *machine.Frame, slot *int, pool, block *machine.Frame) {
	m := s.M
	s.blocks = s.Setup.Blocks
	dax := machine.Frame(1)
	for n, fs := range s.Setup.Files {
		m.Store(m.Size(n), machine.Bytes(fs.Pages))
		s.openedAtStart(n)
		fill := fs.Fill
		if fs.State == FileHuge { // what has no content holds zeros
			fill = append(slices.Clone(fill), make([]string, RoundUp(len(fill), m.HugePages)-len(fill))...)
		}
		for i, text := range fill {
			o, _ := m.PgoffAt(n, i)
			content := m.Value(text)
			m.FileWrote(o, content)
			if fs.Kind.OnDisk() {
				s.blocks++
			}
			switch {
			case fs.Kind == machine.DAX:
				s.filePage(dax, o, content)
				dax++
			case fs.Kind == machine.Hugetlbfs:
				s.hugetlbFolio(o, content, *pool)
				*pool++
			case fs.State == FileHuge:
				if i%m.HugePages == 0 {
					s.cacheHuge(*block, o)
				}
				m.Store(m.Contents(*block), content)
				*block++
			case fs.State != FileDropped:
				s.cacheFolio(*frame, o, content, fs.State)
				*frame++
			case fs.Kind.OnDisk():
				m.Store(m.Block(o), machine.MakeBlock(machine.BlockWritten, content))
			default:
				m.SetCacheSlot(o, uint64(machine.MakeSwap(*slot, false)))
				m.SetSwapMap(*slot, machine.SwapOfFile)
				m.Store(m.Disk(*slot), content)
				*slot++
			}
		}
	}
}

// cacheHuge puts a huge page into the page cache at the start, from a page of the file on.
func (s *Sim) cacheHuge(head machine.Frame, o machine.Pgoff) {
	m := s.M
	at := m.FilePages()[o]
	m.AllocateLarge(head)
	m.Store(m.Ref(head), uint64(m.HugePages))
	m.Store(m.Mapping(head), machine.FileMapping(at.File))
	m.Store(m.Index(head), uint64(at.Index))
	m.Store(m.Flags(head), machine.PGUptodate|machine.PGSwapBacked|machine.PGDirty|machine.PGLRU)
	for i := range m.HugePages {
		m.SetCacheSlot(o+machine.Pgoff(i), uint64(machine.MakeHold(head+machine.Frame(i), 1)))
	}
}

// filePage makes a frame a page of a file at the start: one in the page cache, or of the device that a file on DAX is on.
func (s *Sim) filePage(f machine.Frame, o machine.Pgoff, content uint64) {
	m := s.M
	at := m.FilePages()[o]
	m.Allocate(f, machine.FrameData)
	m.Store(m.Contents(f), content)
	m.Store(m.Mapping(f), machine.FileMapping(at.File))
	m.Store(m.Index(f), uint64(at.Index))
	m.SetCacheSlot(o, uint64(machine.MakeHold(f, 1)))
}

// cacheFolio puts a folio into the page cache at the start.
func (s *Sim) cacheFolio(f machine.Frame, o machine.Pgoff, content uint64, state FileState) {
	m := s.M
	s.filePage(f, o, content)
	flags := machine.PGUptodate | machine.PGLRU
	if fileKind := m.KindOf(o); !fileKind.OnDisk() {
		m.Store(m.Flags(f), flags|fileKind.SwapBacked()|machine.PGDirty)
		return
	}
	m.SetNotice(f, machine.NoticeTracked, 0)
	block, buffers := machine.MakeBlock(machine.BlockWritten, content), machine.BufferAttached|machine.BufferMapped
	switch state {
	case FileRead:
		buffers = 0
	case FileDirty:
		block = machine.MakeBlock(machine.BlockDelalloc, 0)
		buffers |= machine.BufferDelay | machine.BufferDirty
		flags |= machine.PGDirty
		m.Store(m.Tags(o), machine.TagDirty)
		m.SetNotice(f, machine.NoticePrepared, 0)
	}
	if buffers != 0 {
		m.Store(m.Ref(f), 2)
		m.SetBuffers(f, buffers)
	}
	m.Store(m.Block(o), block)
	m.Store(m.Flags(f), flags)
}

// A FileKind says which file system a file lies on.
type FileKind = machine.FileKind

// The file systems that scenarios may name.
const (
	Ext4      = machine.Ext4
	Shmem     = machine.Shmem
	Ramfs     = machine.Ramfs
	Secretmem = machine.Secretmem
	Hugetlbfs = machine.Hugetlbfs
	DAX       = machine.DAX
)

// The kinds of regions that scenarios may name.
const (
	FilePrivate = machine.RegionFilePrivate
	FileShared  = machine.RegionFileShared
	Hugetlb     = machine.RegionHugetlb
	PFN         = machine.RegionPFN
)
