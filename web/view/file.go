package view

import (
	"fmt"

	"gupscope/core/machine"
)

// A File is an inode with its page cache: what memory has of it, and what its disk has.
type File struct {
	ID      string // "file-0"
	Title   string // "file f"
	Kind    string // "ext4"
	Size    Field
	State   Field
	Pages   []CachedPage
	Changed bool
}

// A CachedPage is a page of a file.
type CachedPage struct {
	Name    string
	Where   string // "page cache"; of a file on DAX, which has none: "device"
	Cache   Field  // "folio 2"
	Tags    Field  // zero without a page cache
	Block   Field  // "written: "a"", "hole"; zero for a file without a disk
	IO      Field  // the write to the block, if there is one
	Memory  string
	Differs bool // what memory holds is not what a read of the disk would get
	To      string
}

// A Field is a cell's value where it is shown.
type Field struct {
	ID      int // the cell
	Text    string
	Changed bool
}

func (n *now) field(w machine.Word) Field {
	return Field{ID: int(w.Cell()), Text: n.m.Mem.Layout().Decode(w.Cell(), n.m.Peek(w)), Changed: n.did(w)}
}

// files are the files, with those of their pages that are cached, lie on disk, or did in this run.
func (n *now) files() {
	m := n.m
	for i, f := range m.Files {
		x := File{ID: fmt.Sprint("file-", i), Title: "file " + f.Name, Kind: f.Kind.String(), Size: n.field(m.Size(i)), State: n.field(m.Inode(i))}
		x.Changed = x.Size.Changed || x.State.Changed
		for o, p := range m.FilePages() {
			if p.File != i {
				continue
			}
			at := machine.Pgoff(o)
			if m.Peek(m.CacheSlot(at)) == 0 && machine.BlockState(m.Peek(m.Block(at))) == machine.BlockHole && n.ever(m.CacheSlot(at), m.Tags(at), m.Block(at), m.BlockIO(at)) == 0 {
				continue
			}
			y := CachedPage{Name: p.Name, Where: "page cache", Cache: n.field(m.CacheSlot(at))}
			if f.Kind == machine.DAX {
				y.Where = "device"
			} else {
				y.Tags = n.field(m.Tags(at))
			}
			if f.Kind.OnDisk() {
				y.Block = n.field(m.Block(at))
				if y.IO = n.field(m.BlockIO(at)); m.Peek(m.BlockIO(at)) == 0 && !y.IO.Changed {
					y.IO = Field{}
				}
			}
			if folio, ok := machine.Cached(m.Peek(m.CacheSlot(at))); ok {
				y.To = fmt.Sprint("frame-", folio)
				y.Memory = m.Content(m.Peek(m.Contents(folio)))
				y.Differs = f.Kind.OnDisk() && m.Peek(m.Contents(folio)) != machine.BlockContent(m.Peek(m.Block(at)))
			}
			x.Changed = x.Changed || y.Cache.Changed || y.Tags.Changed || y.Block.Changed || y.IO.Changed
			x.Pages = append(x.Pages, y)
		}
		n.out.Files = append(n.out.Files, x)
	}
}

// A ChangedCell is one cell that the present step changed.
type ChangedCell struct {
	ID             int
	Name, Old, New string
	Bits           []Bit // where it was only some of them
}

// news are all cells that the present step changed, but those that are a task's own.
func (n *now) news() {
	if n.step == nil {
		return
	}
	for _, c := range n.step.Changes {
		if machine.Private.Has(c.Class) {
			continue
		}
		x := ChangedCell{ID: int(c.Cell), Name: c.Name, Old: c.Old, New: c.New}
		for _, b := range bitsOf(c.Class, c.NewV, c.OldV) {
			if b.Changed {
				x.Bits = append(x.Bits, b)
			}
		}
		n.out.News = append(n.out.News, x)
	}
	n.out.News = foldNews(n.out.News)
}
