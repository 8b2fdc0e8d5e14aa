package machine

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
)

// A FileKind says which file system a file lies on.
type FileKind uint8

const (
	Ext4       FileKind = iota // on a disk: blocks, buffer heads, writeback
	Shmem                      // tmpfs, memfd, shared anonymous memory: no writeback, but swap
	Ramfs                      // neither: its pages stay until they are truncated
	Secretmem                  // memory that is taken out of the kernel's own mapping
	Hugetlbfs                  // huge pages from a pool
	DAX                        // on memory that keeps what it holds: no page cache, mappings lead to the device's own pages; see dax.go
	CharDevice                 // a device, whose driver maps memory without struct pages: no page cache
)

// String is the kind as scenarios write it.
func (k FileKind) String() string {
	return [...]string{"ext4", "shmem", "ramfs", "secretmem", "hugetlb", "dax", "device"}[k]
}

// OnDisk reports whether what the file holds is written back to blocks.
func (k FileKind) OnDisk() bool { return k == Ext4 }

// SwapBacked is PG_swapbacked for the folios of files that reclaim may write to swap.
func (k FileKind) SwapBacked() uint64 {
	if k == Shmem {
		return PGSwapBacked
	}
	return 0
}

// A FileConfig is a file: an inode together with its page cache (struct
// address_space). Files are numbered as Config lists them. Pages is how many pages there is room for; its size may
// be anything up to that.
type FileConfig struct {
	Name  string
	Kind  FileKind
	Pages int
}

// A Pgoff numbers one page of one file, over all files.
type Pgoff int

// A FilePage is a page of a file.
type FilePage struct {
	File  int
	Index int
	Name  string // "f", "f[2]"
}

// FilePages returns all pages of files by Pgoff.
func (m *Machine) FilePages() []FilePage { return m.filePages }

// PgoffAt returns the page with that index in a file; false beyond what there is room for.
func (m *Machine) PgoffAt(file int, index int) (Pgoff, bool) {
	if index < 0 || index >= m.Files[file].Pages {
		return 0, false
	}
	return Pgoff(m.fileFirst[file] + index), true
}

// KindOf returns the kind of the file that a page belongs to.
func (m *Machine) KindOf(o Pgoff) FileKind { return m.Files[m.filePages[o].File].Kind }

func (m *Machine) numberFilePages() {
	for f, c := range m.Files {
		m.fileFirst = append(m.fileFirst, len(m.filePages))
		for i := range c.Pages {
			name := c.Name
			if c.Pages > 1 {
				name += fmt.Sprintf("[%d]", i)
			}
			m.filePages = append(m.filePages, FilePage{f, i, name})
		}
	}
}

// CacheSlot is what the page cache (i_pages) has at a page: a Hold of its
// reference (of hugetlb: of one for each 4 KiB, from 6.8 on), a swap entry (shmem), or 0. Change it with SetCacheSlot.
func (m *Machine) CacheSlot(o Pgoff) Word { return m.at(m.cacheSlot, int(o)) }

// SetCacheSlot sets what the page cache has at a page; the reference moves in the ledger.
func (m *Machine) SetCacheSlot(o Pgoff, v uint64) { m.setHold(m.CacheSlot(o), Hold(v)) }

// Collapsing is the old page of a file's page while khugepaged puts a huge page in its place, as a Hold of the references
// that it has to drop then: collapse_file's pagelist. It is there if Config.FileTHP. Change it with SetCollapsing.
func (m *Machine) Collapsing(o Pgoff) Word { return m.at(m.collapsing, int(o)) }

// SetCollapsing puts an old page on collapse_file's list, or takes it from there (0).
func (m *Machine) SetCollapsing(o Pgoff, h Hold) { m.setHold(m.Collapsing(o), h) }

// Cached returns the folio that a value of CacheSlot names; false if it is none.
func Cached(slot uint64) (Frame, bool) {
	h := Hold(slot)
	return h.Frame(), h.Some()
}

// Tags of a page in the page cache's index: by them writeback finds its work.
const (
	TagDirty uint64 = 1 << iota
	TagWriteback
	TagToWrite
)

// Tags are the tags of a page in the page cache's index.
func (m *Machine) Tags(o Pgoff) Word { return m.at(m.tags, int(o)) }

// Size is i_size in bytes.
func (m *Machine) Size(file int) Word { return m.at(m.size, file) }

// SizePages is how many pages a size has, a last one in part included.
func SizePages(size uint64) int { return int((size + pageSize - 1) / pageSize) }

// Bytes is the offset of a page's first byte in its file.
func Bytes(pages int) uint64 { return uint64(pages) * pageSize }

// InodeLock is i_rwsem, encoded as mmap_lock is: held for writing by who writes,
// truncates or punches.
func (m *Machine) InodeLock(file int) Word { return m.at(m.inodeLock, file) }

// InvalidateLock is the mapping's invalidate_lock, encoded as mmap_lock is: held for
// reading by who brings pages in, for writing by who takes blocks away.
func (m *Machine) InvalidateLock(file int) Word { return m.at(m.invalidateLock, file) }

// States of an inode.
const (
	InodeAlive   uint64 = iota
	InodeEvicted        // unlinked and empty: its memory waits for a grace period
	InodeFreed          // its memory, the address_space in it, is somebody else's
)

// Inode is the state of a file's inode.
func (m *Machine) Inode(file int) Word { return m.at(m.inode, file) }

// FilePins is how many faults have a reference on a file (get_file), because their VMA's may be dropped meanwhile, and how many tasks have it open. It is there where
// writers are throttled, or somebody lets an inode go that is used.
func (m *Machine) FilePins(file int) Word { return m.at(m.filePins, file) }

// DirectIO is how many direct writes to a page of a file are in flight behind their calls' backs (each counts DIOFlight), and to how many of them the disk has not
// come yet (DIOUnwritten); DIOFreed says that the page's block was given back before it has. The inode counts those of all its pages together (i_dio_count). It is there if
// Config.AsyncDIO.
func (m *Machine) DirectIO(o Pgoff) Word { return m.at(m.directIO, int(o)) }

// What DirectIO counts by, and its mark.
const (
	DIOFlight           = 1
	DIOUnwritten        = 1 << 16
	DIOFreed     uint64 = 1 << 32
)

func directIOText(_ int, v uint64) string {
	if v == 0 {
		return "none"
	}
	s := fmt.Sprintf("%d, %d not written yet", v%DIOUnwritten, v%DIOFreed/DIOUnwritten)
	if v&DIOFreed != 0 {
		s += ", to a block that was given back"
	}
	return s
}

// Falloc is who punches a hole at a page of a file of shmem (the range in inode->i_private), as the owner of a lock; 0: nobody. It is there if Config.ShmemPunch.
func (m *Machine) Falloc(o Pgoff) Word { return m.at(m.falloc, int(o)) }

// InodeRCU is the callback that frees an inode, or 0; see RCU.
func (m *Machine) InodeRCU(file int) Word { return m.at(m.inodeRCU, file) }

// EachInodeRCU calls f with every inode that a callback waits for, for a step that looks at all callbacks.
func (m *Machine) EachInodeRCU(f func(file int, callback Word)) {
	end := m.inodeRCU + cell.ID(len(m.Files))
	m.Mem.Note(m.inodeRCU, end)
	m.nonzero(m.inodeRCU, end, func(w Word) { f(int(w.id-m.inodeRCU), w) })
}

func sizeText(_ int, v uint64) string {
	s := fmt.Sprintf("%d pages", v/pageSize)
	if v/pageSize == 1 {
		s = "1 page"
	}
	if r := v % pageSize; r != 0 {
		s += fmt.Sprintf(" and %d bytes", r)
	}
	return s
}

func tagsText(_ int, v uint64) string {
	var out []string
	for i, name := range []string{"dirty", "writeback", "towrite"} {
		if v>>i&1 != 0 {
			out = append(out, name)
		}
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, " ")
}

func cacheSlotText(_ int, v uint64) string {
	if f, ok := Cached(v); ok {
		return fmt.Sprintf("folio %d", f)
	}
	if v == 0 {
		return "empty"
	}
	return Entry(v).String()
}

// Backing returns the page of a file that a page of a file mapping maps; false for
// other memory, and beyond what there is room for.
func (m *Machine) Backing(p PageID) (Pgoff, bool) {
	r := m.Region(p)
	if !r.Kind.OfFile() {
		return 0, false
	}
	return m.PgoffAt(r.File, r.First+m.pages[p].Index)
}

// NextOfFile returns the first run of pages behind after (NoPage: the first of all), of
// one region, in which VMAs cover pages first to last of a file. Compare mm/interval_tree.c.
func (m *Machine) NextOfFile(first, last Pgoff, after PageID) (p, q PageID, ok bool) {
	file, lo := m.filePages[first].File, m.filePages[first].Index
	hi := m.filePages[last].Index
	for mm := range m.MMs {
		for r := range m.MMs[mm].Regions {
			c := &m.MMs[mm].Regions[r]
			if !c.Kind.OfFile() || c.File != file {
				continue
			}
			for i := max(lo-c.First, 0); i < c.Pages && i <= hi-c.First; i++ {
				p := m.PageAt(mm, r, i)
				if p <= after || !m.inFileTree(p) {
					continue
				}
				q := p
				for i++; i < c.Pages && i <= hi-c.First && m.inFileTree(q+1); i++ {
					q++
				}
				return p, q, true
			}
		}
	}
	return NoPage, NoPage, false
}
